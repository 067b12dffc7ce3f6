"""The hardening model for holodeck, alone and inside the real package where that is installed."""

from dataclasses import dataclass

import numpy as np
import pytest

from swansong.binaries.background.holodeck import StarsForHolodeck, as_holodeck_hardening
from swansong.binaries.background.population import Population, galaxy_scale
from swansong.binaries.background.settings import GalaxySettings
from swansong.binaries.background.spectrum import background
from swansong.binaries.evolution.evolve import evolve
from swansong.binaries.evolution.hardening import Constant, ExponentialFloor, TimeLaws
from swansong.core.constants import PARSEC, SOLAR_MASS
from swansong.core.errors import InputError
from swansong.physics.eccentric_spectrum import harmonic_power
from swansong.physics.peters import GRAVITY, LIGHT, MEGAYEAR

CM, GRAM = 1e2 * PARSEC, 1e3 * SOLAR_MASS
MASS = np.array([[1e8, 1e8], [5e8, 1e8], [2e9, 1e9]])
AXIS = np.array([1.0, 2.0, 8.0])
ECCENTRICITY = np.array([0.1, 0.6, 0.9])


@dataclass
class Evo:
    """Two steps of three pairs."""

    mass: np.ndarray
    sepa: np.ndarray
    eccen: np.ndarray | None
    tlook: np.ndarray


@pytest.fixture
def evo():
    return Evo(
        mass=np.repeat(MASS[:, None] * GRAM, 2, axis=1),
        sepa=np.stack([AXIS, 0.5 * AXIS], axis=1) * CM,
        eccen=np.stack([ECCENTRICITY, ECCENTRICITY], axis=1),
        tlook=np.tile([9000.0, 8990.0], (3, 1)) * MEGAYEAR,
    )


def test_rates_have_the_units_of_holodeck(evo):
    model = StarsForHolodeck(TimeLaws(Constant(0.05), Constant(0.1)))
    dadt, dedt = model.dadt_dedt(evo, 0)
    np.testing.assert_allclose(dadt * MEGAYEAR / CM, -0.05 * AXIS**2, rtol=1e-12)
    np.testing.assert_allclose(dedt * MEGAYEAR, 0.05 * 0.1 * AXIS, rtol=1e-12)
    assert model.dadt(evo, 0) == pytest.approx(dadt)
    assert model.dedt(evo, 0) == pytest.approx(dedt)


def test_circles_have_no_rate_of_eccentricity(evo):
    evo.eccen = None
    dadt, dedt = StarsForHolodeck(TimeLaws(Constant(0.05), Constant(0.1))).dadt_dedt(evo, 1)
    assert dedt is None
    assert np.all(dadt < 0.0)


def test_n_body_rates_scale_with_the_galaxy(evo):
    galaxies = GalaxySettings()
    model = StarsForHolodeck(TimeLaws(Constant(2.8)), galaxies)
    length, time = galaxy_scale(MASS.sum(axis=1), galaxies)
    np.testing.assert_allclose(
        model.dadt(evo, 0), -2.8 * AXIS**2 / (length * time) * CM / MEGAYEAR, rtol=1e-12
    )  # fmt: skip
    # The first pair lives in the galaxy of the reference: 0.2674 Myr and 186 pc.
    assert length[0] == pytest.approx(186.0)
    assert time[0] == pytest.approx(0.2674, rel=1e-3)


def test_the_clock_starts_at_the_widest_orbit(evo):
    law = ExponentialFloor(start=0.1, scale=10.0, floor=0.0)
    wide = StarsForHolodeck(TimeLaws(law), widest=1e9)
    np.testing.assert_allclose(wide.dadt(evo, 1) * MEGAYEAR / CM, -0.1 * np.exp(-1.0) * (0.5 * AXIS) ** 2, rtol=1e-9)
    # Pairs that come within 1.5 pc: the first at once, the second after a step, the third not yet.
    near = StarsForHolodeck(TimeLaws(law), widest=1.5).dadt(evo, 1) * MEGAYEAR / CM
    np.testing.assert_allclose(near[:2], [-0.1 * np.exp(-1.0) * 0.25, -0.1], rtol=1e-9)
    assert near[2] == 0.0


def test_widest_orbit_must_be_positive():
    with pytest.raises(InputError, match="widest"):
        StarsForHolodeck(TimeLaws(Constant(1.0)), widest=0.0)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "holodeck.hardening", None)
    with pytest.raises(InputError, match="pip install holodeck-gw"):
        as_holodeck_hardening(StarsForHolodeck(TimeLaws(Constant(1.0))))


def evolved(row, hardening, *, steps):
    """Pairs that the real package evolves with our stars and its own waves."""
    peer = pytest.importorskip("holodeck.discrete.evolution")
    waves = pytest.importorskip("holodeck.hardening").Hard_GW()

    class Pairs(pytest.importorskip("holodeck.discrete.population")._Population_Discrete):
        def _init(self):
            self.mass, self.sepa, self.eccen = MASS[row] * GRAM, AXIS[row] * CM, ECCENTRICITY[row].copy()
            self.scafa = np.full(1, 0.5)
            self._sample_volume = 1.0

    found = peer.Evolution(Pairs(), [waves, as_holodeck_hardening(StarsForHolodeck(hardening))], nsteps=steps)
    found.evolve()
    return found


@pytest.mark.parametrize("pair", range(3))
@pytest.mark.parametrize("law", [Constant(0.05), ExponentialFloor(start=0.1, scale=40.0, floor=0.03)])
def test_real_holodeck_agrees_with_our_evolution(law, pair):
    row = slice(pair, pair + 1)  # one by one: holodeck 1.6 moves all eccentricities by the last pair's time step
    hardening = TimeLaws(law, Constant(0.02))
    theirs = evolved(row, hardening, steps=500)
    ours = evolve(
        AXIS[row], ECCENTRICITY[row], mass_1=MASS[row, 0], mass_2=MASS[row, 1], hardening=hardening,
        speed_of_light=LIGHT, gravity=GRAVITY, separations=theirs.sepa[:, 1:-1] / CM,
    )  # fmt: skip
    time = (theirs.tlook[:, :1] - theirs.tlook) / MEGAYEAR
    np.testing.assert_allclose(time[:, -1], ours.merger_time, rtol=5e-4)
    np.testing.assert_allclose(theirs.eccen[:, 1:-1], ours.separation_eccentricity, atol=5e-4)


def test_real_holodeck_agrees_with_our_background(monkeypatch):
    row = slice(2, 3)
    theirs = evolved(row, TimeLaws(Constant(0.05), Constant(0.02)), steps=1000)
    waves = pytest.importorskip("holodeck.gravwaves")
    # holodeck 1.6 multiplies one Bessel function of g_n by e: its sum over n is then not F(e), 25 % off at e = 0.9.
    monkeypatch.setattr(waves.utils, "gw_freq_dist_func", lambda n, ee: harmonic_power(np.asarray(n, float), ee))
    frequency = np.geomspace(1e-9, 1e-8, 5)
    volume = 1e6  # [Mpc^3]
    power = [
        waves._gws_harmonics_at_evo_fobs(f, 0.1, theirs, np.arange(1, 300), 1, volume * (1e6 * CM) ** 3)[4].sum()
        for f in frequency
    ]
    pair = Population(
        mass_1=MASS[row, 0], mass_2=MASS[row, 1], redshift=1.0 / theirs.scafa[0, -1:] - 1.0,
        density=np.ones(1) / volume, axis=AXIS[row], eccentricity=ECCENTRICITY[row],
        hardening_rate=np.full(1, 0.05), eccentricity_rate=np.full(1, 0.02),
    )  # fmt: skip
    ours = background(pair, frequency)
    np.testing.assert_allclose(np.sqrt(power), ours.strain, rtol=3e-3)
    # It is bent by stars and by the eccentricity, not a power law.
    assert ours.strain[0] < 0.5 * ours.circular[0]
    assert ours.strain[2] > 1.1 * ours.circular[2]
