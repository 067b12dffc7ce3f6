"""Fluxes and tracks against published numbers, Newtonian limits and each other."""

import csv

import numpy as np
import pytest

from swansong.emri import tracks
from swansong.emri.tracks.fluxes import newtonian_damping
from swansong.emri.tracks.units import YEAR, scales
from swansong.physics import kerr


@pytest.fixture(scope="module")
def fluxes():
    return tracks.load_fluxes()


@pytest.fixture(scope="module")
def table():
    return tracks.load()


# Circular totals of Hughes, arXiv:1404.1819: (a, r, E to infinity, E to the horizon).
HUGHES = (
    (0.9, 9.999558431332, 5.0501625145717036e-5, -1.2237488259434616e-7),
    (-0.9, 10.0026169009, 7.916544068877979e-5, 5.564586290117628e-7),
    (0.0, 10.001509204494521, 6.145612182420341e-5, 1.2572232703838338e-8),
)


def test_circular_fluxes_are_the_published_ones(fluxes):
    a, r, infinity, horizon = np.array(HUGHES).T
    energy = fluxes.energy(a, r, np.zeros(3))
    np.testing.assert_allclose(energy.infinity, infinity, rtol=2e-5)
    np.testing.assert_allclose(energy.horizon, horizon, atol=2e-5 * infinity.max())
    momentum = fluxes.momentum(a, r, np.zeros(3))
    # A circular orbit stays one: E = Omega L.
    omega = np.asarray(kerr.frequencies(a, r, 0.0).azimuthal)
    np.testing.assert_allclose(momentum.infinity * omega, infinity, rtol=2e-5)


def test_schwarzschild_flux_at_ten_masses(fluxes):
    energy = fluxes.energy(0.0, 10.0, 0.0)
    assert float(energy.infinity + energy.horizon) == pytest.approx(6.15163e-5, rel=1e-5)


def test_circular_orbits_shrink_as_their_energy_is_lost(fluxes):
    a, r = np.array([0.0, 0.5, 0.9]), np.array([9.0, 7.0, 5.0])
    energy = fluxes.energy(a, r, np.zeros(3))
    step = 1e-5
    slope = (kerr.energy_and_momentum(a, r + step, 0.0).energy - kerr.energy_and_momentum(a, r - step, 0.0).energy) / (
        2 * step
    )
    rates = fluxes.rates(a, r, np.zeros(3))
    np.testing.assert_allclose(rates.p, -(energy.infinity + energy.horizon) / np.asarray(slope), rtol=1e-4)
    np.testing.assert_array_equal(rates.e, 0.0)


def test_far_orbits_shrink_and_circularise_as_peters_says(fluxes):
    p, e = 26.0, 0.3
    rates = fluxes.rates(0.0, p, e)
    peters = -8 / 5 * (1 - e * e) ** 1.5 * (8 + 7 * e * e) / p**3
    # 1PN corrections are of the order of 5 / p.
    assert float(rates.p) == pytest.approx(peters, rel=0.25)
    assert float(rates.e) == pytest.approx(e * float(newtonian_damping(p, e)), rel=0.25)


def test_rates_balance_energy_and_angular_momentum(fluxes):
    a, p, e = np.array([0.3, 0.8]), np.array([9.0, 6.0]), np.array([0.2, 0.35])
    rates, energy, momentum = fluxes.rates(a, p, e), fluxes.energy(a, p, e), fluxes.momentum(a, p, e)
    jacobian = np.asarray(kerr.constants_jacobian(a, p, e))
    lost = np.einsum("nij,nj->ni", jacobian, np.stack([rates.p, rates.e], axis=-1))
    np.testing.assert_allclose(lost[:, 0], -(energy.infinity + energy.horizon), rtol=2e-5)
    np.testing.assert_allclose(lost[:, 1], -(momentum.infinity + momentum.horizon), rtol=2e-5)


SHOWCASE = {"mass_1": 1.3379e6, "mass_2": 27.091, "spin": 0.8636, "plunge_time": 0.902, "final_eccentricity": 0.007086}


def test_showcase_begins_where_its_authors_say(table):
    orbit = table.orbit(np.zeros(1), **SHOWCASE)
    assert float(orbit.p[0]) == pytest.approx(7.8557, abs=3e-4)
    assert float(orbit.e[0]) == pytest.approx(0.01730, abs=3e-4)


def test_campaign_begins_where_its_authors_say(table, shared_data):
    path = shared_data / "emri_campaign.csv"
    if not path.is_file():
        pytest.skip("no campaign among the public data")
    with path.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    away_p, away_e = [], []
    for row in rows:
        value = {name: float(row[name]) for name in ("m1", "m2", "a", "Tpl", "ef", "e0", "p0")}
        source = {"mass_1": value["m1"], "mass_2": value["m2"], "spin": value["a"], "final_eccentricity": value["ef"]}
        if table.reach(**source) < value["Tpl"] * YEAR:
            continue
        orbit = table.orbit(np.zeros(1), plunge_time=value["Tpl"], **source)
        away_p.append(abs(float(orbit.p[0]) - value["p0"]))
        away_e.append(abs(float(orbit.e[0]) - value["e0"]))
    assert len(away_p) > 0.97 * len(rows)
    assert np.median(away_p) < 3e-4
    assert np.quantile(away_p, 0.95) < 5e-3
    assert np.median(away_e) < 3e-4


@pytest.mark.slow
@pytest.mark.parametrize("spin, final", [(0.0, 0.03), (0.9, 0.1), (-0.6, 0.05)])
def test_table_agrees_with_its_own_trajectory(table, spin, final):
    trajectory = tracks.integrate(spin=spin, final_eccentricity=final, tau_max=300.0, nodes=37)
    source = {"mass_1": 1e6, "mass_2": 20.0, "spin": spin, "final_eccentricity": final}
    scale = scales(1e6, 20.0)
    plunge = 301.0 / float(scale.rate)
    t = plunge - trajectory.tau[::-1] / float(scale.rate)
    omega = kerr.frequencies(spin, trajectory.p, trajectory.e)
    found = table.frequencies(t, plunge_time=plunge, **source)
    early = trajectory.tau > 1e-4
    for mine, truth in ((found.azimuthal, omega.azimuthal), (found.radial, omega.radial)):
        expected = np.asarray(truth) / (2 * np.pi * float(scale.mass_s))
        np.testing.assert_allclose(mine[::-1][early], expected[early], rtol=1e-4)
    phases = table.phases(t, plunge_time=plunge, **source)
    between = (trajectory.phase_phi[-1] - trajectory.phase_phi[::-1]) / float(scale.nu)
    np.testing.assert_allclose(phases.azimuthal - phases.azimuthal[0], between, rtol=1e-5, atol=0.5)
