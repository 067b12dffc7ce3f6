"""What the prior says of time scale and amplitude, and what both leave open of masses, orbit and distance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from swansong.encounters.masses import AMPLITUDE_UNIT, mass_prior
from swansong.encounters.model import MassRatio, strain_amplitude, timescale

DRAWS = 200_000
NAMES = ("mass_ratio", "total_mass", "semi_latus_rectum", "luminosity_distance")


@pytest.fixture(scope="module")
def masses(burst_problem):
    return mass_prior(burst_problem.prior)


@pytest.fixture(scope="module")
def drawn(burst_analysis):
    """Mass ratio, total mass, semi-latus rectum, distance, ln tau and ln A of draws of the prior."""
    prior = burst_analysis.model.prior
    values = prior.parameters.unpack(np.asarray(prior.sample(jax.random.key(0), DRAWS)))
    q, mass, p, distance = (values[name] for name in NAMES)
    return q, mass, p, distance, np.log(timescale(mass, p)), np.log(strain_amplitude(mass, q, p, distance) / 1e-21)


def test_the_masses_are_uniform_in_their_triangle(drawn):
    """The larger of two uniform masses has a density linear from the minimum; given it, the other is uniform."""
    q, mass = drawn[:2]
    first = mass / (1.0 + q)
    second = mass - first
    assert kstest(((first - 10.0) / 90.0) ** 2, "uniform").pvalue > 1e-3
    assert kstest((second - 10.0) / (first - 10.0), "uniform").pvalue > 1e-3


@given(u=st.floats(0.0, 1.0), least=st.floats(0.05, 0.9))
def test_mass_ratio_quantiles_invert_its_cumulative(u, least):
    law = MassRatio(least)
    q = float(law._quantile(jnp.asarray(u)))
    assert least - 1e-12 <= q <= 1.0 + 1e-12
    assert float(law._cumulative(jnp.asarray(q))) == pytest.approx(u, abs=1e-9)


def test_the_table_is_normalised(masses):
    assert np.trapezoid(np.trapezoid(masses.density, masses.log_amplitude, axis=1), masses.log_tau) == pytest.approx(
        1.0, abs=2e-3
    )


def test_the_table_is_the_density_of_prior_draws(masses, drawn):
    """Counts in coarse cells of (ln tau, ln A) against the table's integral over them."""
    log_tau, log_amplitude = drawn[4:]
    assert masses.log_tau[0] <= log_tau.min() <= log_tau.max() <= masses.log_tau[-1]
    assert masses.log_amplitude[0] <= log_amplitude.min() <= log_amplitude.max() <= masses.log_amplitude[-1]
    (first, last), (least, most) = masses.log_tau[[0, -1]], masses.log_amplitude[[0, -1]]
    edges = (np.linspace(first, last, 9), np.linspace(least, most, 17))
    counts = np.histogram2d(log_tau, log_amplitude, bins=edges)[0]
    rows = first + (last - first) * (np.arange(640) + 0.5) / 640
    columns = least + (most - least) * (np.arange(1600) + 0.5) / 1600
    fine = np.stack([np.interp(columns, masses.log_amplitude, row) for row in masses.density])
    fine = np.stack([np.interp(rows, masses.log_tau, column) for column in fine.T], axis=1)
    expected = fine.reshape(8, 80, 16, 100).sum(axis=(1, 3))
    expected *= DRAWS / expected.sum()
    # Linear interpolation between 64 time scales misses a per cent of a cell's mass and a little at the edges.
    assert (np.abs(counts - expected) < 5.0 * np.sqrt(expected) + 0.02 * expected + 20.0).all()


def test_completing_inverts_time_scale_and_amplitude_exactly(masses, drawn):
    log_tau, log_amplitude = (column[:2000] for column in drawn[4:])
    found = masses.complete(log_tau, log_amplitude, np.random.default_rng(0).random((2000, 2)))
    q, mass, p, distance = found.T
    assert np.isfinite(found).mean() > 0.995
    kept = np.isfinite(q)
    np.testing.assert_allclose(np.log(timescale(mass, p))[kept], log_tau[kept], rtol=0, atol=1e-12)
    size = strain_amplitude(mass, q, p, distance) / AMPLITUDE_UNIT
    np.testing.assert_allclose(np.log(size)[kept], log_amplitude[kept], rtol=0, atol=1e-12)


def test_completing_prior_draws_gives_the_prior_back(masses, drawn):
    """A draw of (tau, A) completed by its conditional law is a draw of the prior, in every parameter and jointly."""
    n = 20_000
    found = masses.complete(drawn[4][:n], drawn[5][:n], np.random.default_rng(1).random((n, 2)))
    found = found[np.isfinite(found).all(axis=1)]
    for column, truth, name in zip(found.T, drawn[:4], NAMES, strict=True):
        assert kstest(column, truth[n:]).pvalue > 1e-3, name
    first = found[:, 1] / (1.0 + found[:, 0])
    assert kstest((first * found[:, 0] - 10.0) / (first - 10.0), "uniform").pvalue > 1e-3


def test_completed_draws_lie_in_the_prior(masses, drawn):
    n = 20_000
    q, mass, p, distance = masses.complete(drawn[4][:n], drawn[5][:n], np.random.default_rng(2).random((n, 2))).T
    first = mass / (1.0 + q)
    slack = 1e-9
    for values, low, high in ((first, 10, 100), (first * q, 10, 100), (p, 13, 25), (distance, 150, 500)):
        assert np.nanmin(values) >= low * (1 - slack)
        assert np.nanmax(values) <= high * (1 + slack)


def test_outside_the_prior_there_is_nothing_to_draw(masses):
    outside = [
        (masses.log_tau[0] - 0.1, masses.log_amplitude[200]),
        (masses.log_tau[-1] + 0.1, masses.log_amplitude[200]),
        (masses.log_tau[32], masses.log_amplitude[0] - 0.1),
        (masses.log_tau[32], masses.log_amplitude[-1] + 0.1),
        (np.nan, masses.log_amplitude[200]),
        (masses.log_tau[32], np.nan),
    ]
    log_tau, log_amplitude = np.array(outside).T.copy()
    assert np.isnan(masses.complete(log_tau, log_amplitude, np.full((6, 2), 0.5))).all()
