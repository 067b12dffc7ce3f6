"""Dehnen galaxies around a black hole: distribution function, sampling, pericentres, spectrum of masses."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import pdist

from swansong.binaries.nbody.galaxies import Bodies, DehnenGalaxy, relative_mass
from swansong.core.errors import DomainError, InputError

STARS = 8192


@pytest.fixture(scope="module")
def galaxy() -> DehnenGalaxy:
    return DehnenGalaxy()


@pytest.fixture(scope="module", params=["equal", "spectrum"])
def stars(galaxy, request) -> Bodies:
    return galaxy.sample(STARS, np.random.default_rng(1), masses=request.param)


@pytest.fixture(scope="module")
def spectrum(galaxy) -> Bodies:
    return galaxy.sample(STARS, np.random.default_rng(2), masses="spectrum")


def _at(function: Callable[[np.ndarray], np.ndarray], radius: float) -> float:
    """Value of a function of arrays at one number."""
    return float(function(np.asarray([radius]))[0])


def _jeans(galaxy: DehnenGalaxy, radius: float) -> float:
    """Dispersion in one direction of the isotropic galaxy in equilibrium."""

    def weight(log_radius: float) -> float:
        r = math.exp(log_radius)
        return _at(galaxy.density, r) * (_at(galaxy.enclosed_mass, r) + galaxy.hole) / r

    pressure, _ = quad(weight, math.log(radius), 25.0, limit=200)
    return math.sqrt(pressure / _at(galaxy.density, radius))


def test_distribution_of_the_hernquist_galaxy_is_the_closed_one():
    radius = np.geomspace(1e-2, 1e3, 9)
    galaxy = DehnenGalaxy(mass=1.0, slope=1.0, hole=0.0)
    q = np.sqrt(1.0 / (1.0 + radius))
    closed = 3.0 * np.arcsin(q) + q * np.sqrt(1.0 - q**2) * (1.0 - 2.0 * q**2) * (8.0 * q**4 - 8.0 * q**2 - 3.0)
    closed /= 8.0 * math.sqrt(2.0) * math.pi**3 * (1.0 - q**2) ** 2.5
    np.testing.assert_allclose(galaxy.distribution(-galaxy.potential(radius)), closed, rtol=1e-3)


def test_distribution_around_a_black_hole_is_that_of_galpy(galaxy):
    # eddingtondf of galpy 1.12 at the energies of stars at rest at these radii.
    energy = -galaxy.potential(np.asarray([0.01, 0.1, 1.0, 10.0]))
    values = [2.75722949e-03, 4.27123961e-01, 6.35041871e-02, 3.64812102e-04]
    np.testing.assert_allclose(galaxy.distribution(energy), values, rtol=1e-3)
    assert galaxy.distribution(np.asarray([-0.1, 0.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("slope", "scale", "hole"), [(0.5, 1.0, 0.005), (1.0, 2.0, 0.02), (2.0, 1.0, 0.005), (0.0, 1.0, 0.0)]
)
def test_distribution_sums_up_to_the_density(slope, scale, hole):
    galaxy = DehnenGalaxy(mass=0.7, scale=scale, slope=slope, hole=hole)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    angle = 0.25 * math.pi * (nodes + 1.0)
    for radius in scale * np.geomspace(1e-3, 100.0, 6):
        psi = -_at(galaxy.potential, radius)
        # v = v_esc sin(angle), so E = psi cos(angle)^2.
        values = np.sin(angle) ** 2 * np.cos(angle) * galaxy.distribution(psi * np.cos(angle) ** 2)
        density = 4.0 * math.pi * (2.0 * psi) ** 1.5 * 0.25 * math.pi * (weights @ values)
        assert density == pytest.approx(_at(galaxy.density, radius), rel=3e-3)


@pytest.mark.slow
def test_galaxy_is_that_of_galpy(galaxy):
    potentials = pytest.importorskip("galpy.potential")
    functions = pytest.importorskip("galpy.df")
    stars = potentials.DehnenSphericalPotential(amp=0.5 * 2.5, a=1.0, alpha=0.5)
    both = stars + potentials.KeplerPotential(amp=0.005)
    theirs = functions.eddingtondf(pot=both, denspot=stars, rmax=1e4)
    radius = np.geomspace(0.003, 50.0, 12)
    energy = -galaxy.potential(radius)
    np.testing.assert_allclose(galaxy.density(radius), [stars.dens(r, 0.0) for r in radius], rtol=1e-12)
    np.testing.assert_allclose(energy, [-both(r, 0.0) for r in radius], rtol=1e-12)
    np.testing.assert_allclose(galaxy.distribution(energy), theirs.fE(-energy), rtol=2e-3)
    bodies = galaxy.sample(65536, np.random.default_rng(5))
    distance = np.linalg.norm(bodies.positions, axis=1)
    for low, high in ((0.3, 0.33), (1.0, 1.05), (3.0, 3.15), (10.0, 11.0)):
        inside = (distance > low) & (distance < high)
        found = math.sqrt(np.mean(np.square(bodies.velocities[inside])))
        error = found / math.sqrt(6.0 * inside.sum())
        assert abs(found - theirs.sigmar(math.sqrt(low * high))) < 4.0 * error + 0.005 * found


@pytest.mark.parametrize("slope", [0.0, 0.5, 2.0, 2.5])
def test_potential_pulls_like_the_enclosed_mass(slope):
    galaxy = DehnenGalaxy(mass=1.3, scale=0.7, slope=slope, hole=0.1)
    radius = np.geomspace(1e-2, 1e2, 9)
    force = (galaxy.potential(radius * 1.0001) - galaxy.potential(radius / 1.0001)) / (radius * (1.0001 - 1 / 1.0001))
    np.testing.assert_allclose(force, (galaxy.enclosed_mass(radius) + 0.1) / radius**2, rtol=1e-6)
    assert _at(galaxy.potential, 1e9) == pytest.approx(-1.4e-9, rel=1e-6)


def test_radii_follow_the_mass_profile(galaxy, stars):
    radius = np.linalg.norm(stars.positions, axis=1)
    assert np.all(np.diff(radius) > 0.0)
    assert radius[-1] < 200.0
    assert stars.masses.sum() == pytest.approx(0.5, rel=1e-12)
    target = galaxy.enclosed_mass(radius) / _at(galaxy.enclosed_mass, 200.0)
    distance = np.max(np.abs(np.cumsum(stars.masses) / 0.5 - target))
    # Independent stars would stray by 1.4 / sqrt(n) = .015; shells of equal mass hold each star in its place.
    even = np.ptp(stars.masses) == 0.0
    assert distance < (1.1 / STARS if even else 0.025)


def test_dispersion_is_that_of_equilibrium_and_isotropic(galaxy, stars):
    radius = np.linalg.norm(stars.positions, axis=1)
    square = np.sum(np.square(stars.velocities), axis=1)
    radial = np.square(np.sum(stars.positions * stars.velocities, axis=1) / radius)
    target = np.asarray([_jeans(galaxy, r) for r in radius[:: STARS // 128]]).repeat(STARS // 128)
    for low, high in ((0.1, 0.4), (0.4, 1.0), (1.0, 3.0), (3.0, 30.0)):
        inside = (radius > low) & (radius < high)
        weight = stars.masses * inside / np.square(target)
        expected = np.sum(stars.masses * inside)
        # Variance of the weighted mean of v^2 / 3 sigma^2 and of v_r^2 / sigma^2, for speeds of a Gaussian.
        error = math.sqrt(np.sum(np.square(stars.masses * inside))) / expected
        assert abs(np.sum(weight * square) / (3.0 * expected) - 1.0) < 4.0 * math.sqrt(2.0 / 3.0) * error
        assert abs(np.sum(weight * radial) / expected - 1.0) < 4.0 * math.sqrt(2.0) * error


def test_virial_theorem_holds_with_the_black_hole(galaxy):
    bodies = galaxy.sample(3000, np.random.default_rng(4))
    radius = np.linalg.norm(bodies.positions, axis=1)
    kinetic = 0.5 * np.sum(bodies.masses[:, None] * np.square(bodies.velocities))
    pairs = np.sum(1.0 / pdist(bodies.positions)) * bodies.masses[0] ** 2
    binding = pairs + galaxy.hole * np.sum(bodies.masses / radius)
    # The noise of K is 1.5 % with 3000 stars.
    assert 2.0 * kinetic / binding == pytest.approx(1.0, abs=0.045)


def test_stars_are_balanced_about_the_black_hole(stars):
    for vectors in (stars.positions, stars.velocities):
        moments = stars.masses[:, None] * vectors
        whole = np.sqrt(np.sum(np.square(moments)))
        assert np.max(np.abs(np.sum(moments[:64], axis=0))) < 1e-6 * whole
        assert np.max(np.abs(np.sum(moments, axis=0))) < 1e-6 * whole


def test_no_star_escapes(galaxy, stars):
    energy = 0.5 * np.sum(np.square(stars.velocities), axis=1) + galaxy.potential(
        np.linalg.norm(stars.positions, axis=1)
    )
    assert np.all(energy < 0.0)


def test_light_stars_are_the_tightly_bound_ones(galaxy, spectrum):
    radius = np.linalg.norm(spectrum.positions, axis=1)
    energy = -galaxy.potential(radius) - 0.5 * np.sum(np.square(spectrum.velocities), axis=1)
    expected = relative_mass(galaxy.reach(energy))
    # Balancing turns orbits as a whole: the energy still tells the mass.
    np.testing.assert_allclose(spectrum.masses / spectrum.masses.sum(), expected / expected.sum(), rtol=1e-6)
    mean = 0.5 / STARS
    inner = spectrum.masses[radius < 0.3]
    assert len(inner) > 0.07 * STARS
    assert np.sum(np.square(inner)) / np.sum(inner) < 0.4 * mean
    assert 0.2 * mean < spectrum.masses.min()
    assert spectrum.masses.max() < 2.0 * mean


def test_spectrum_does_not_take_a_star_twice(spectrum):
    assert len(np.unique(spectrum.positions, axis=0)) == STARS
    steep = DehnenGalaxy(slope=1.8).sample(64, np.random.default_rng(0), masses="spectrum")
    assert len(np.unique(steep.positions, axis=0)) == 64


def test_seed_fixes_the_stars(galaxy):
    one, two, other = (galaxy.sample(64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.positions, two.positions)
    assert np.array_equal(one.velocities, two.velocities)
    assert not np.array_equal(one.positions, other.positions)


@pytest.mark.parametrize("slope", [0.5, 2.3])
def test_star_at_rest_is_at_its_reach(slope):
    galaxy = DehnenGalaxy(slope=slope, scale=2.0)
    radius = np.geomspace(1e-4, 1e4, 60)
    np.testing.assert_allclose(galaxy.reach(-galaxy.potential(radius)), radius, rtol=1e-3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"slope": -0.1}, "slope"),
        ({"slope": 3.0}, "slope"),
        ({"mass": 0.0}, "mass"),
        ({"scale": math.nan}, "scale"),
        ({"hole": -1e-3}, "hole"),
    ],
)
def test_impossible_galaxies_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        DehnenGalaxy(**values)


def test_black_hole_in_too_flat_a_galaxy_is_refused():
    with pytest.raises(DomainError, match=r"slope of 0\.5 or more"):
        DehnenGalaxy(slope=0.3).sample(64, np.random.default_rng(0))


def test_samples_that_make_no_sense_are_refused(galaxy):
    with pytest.raises(InputError, match="at least 32 stars, got 31"):
        galaxy.sample(31, np.random.default_rng(0))
    with pytest.raises((InputError, TypeError), match="'light'"):
        galaxy.sample(64, np.random.default_rng(0), masses="light")
