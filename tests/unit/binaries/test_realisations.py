"""Universes of finitely many pairs: their mean, their scatter, and their number."""

import numpy as np
import pytest

from swansong.binaries.background.population import Population, comoving_distance, from_law, single
from swansong.binaries.background.realisations import bins_of, light_cone, realise
from swansong.binaries.background.settings import (
    Background,
    GalaxySettings,
    LawSettings,
    OrbitSettings,
    RealisationSettings,
    SingleSettings,
)
from swansong.binaries.background.spectrum import background
from swansong.binaries.background.tracks import follow
from swansong.core.constants import JULIAN_YEAR, MEGAPARSEC, SOLAR_MASS_PARAMETER, SPEED_OF_LIGHT
from swansong.core.errors import DomainError
from swansong.physics.peters import GRAVITY, LIGHT, MEGAYEAR, axis_at_frequency, coalescence_time

FEW = RealisationSettings(number=4000, years=10.0, bins=3)


def alike(density=1e-4, **orbits) -> Population:
    settings = SingleSettings(chirp_mass=1e9, redshift=0.5, density=density)
    return single(settings, OrbitSettings(**orbits), galaxies=GalaxySettings())


def test_bins_are_multiples_of_the_inverse_time():
    np.testing.assert_allclose(bins_of(FEW) * 10.0 * JULIAN_YEAR, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("orbits", [{"driver": "waves", "eccentricity": 0.0}, {"driver": "stars", "eccentricity": 0.8}])
def test_mean_of_the_universes_is_the_background(orbits):
    drawn = realise(alike(**orbits), FEW, seed=1)
    smooth = background(alike(**orbits), drawn.frequency).strain
    np.testing.assert_allclose(drawn.mean, smooth, rtol=2e-4)
    scatter = np.std(drawn.strain**2, axis=0) / np.sqrt(FEW.number)
    assert np.all(np.abs(np.mean(drawn.strain**2, axis=0) - smooth**2) < 4.0 * scatter + 2e-3 * smooth**2)


def test_one_circular_pair_has_its_textbook_strain_and_number():
    pairs = alike(density=1e-7, driver="waves", eccentricity=0.0)
    settings = RealisationSettings(number=20_000, years=10.0, bins=1)
    drawn = realise(pairs, settings, seed=2)
    frequency = drawn.frequency[0]
    # Number: merger rate on the light cone times the change of the time to coalescence over the bin.
    edges = frequency * np.array([0.5, 1.5]) * 1.5 / 2.0
    axis = axis_at_frequency(edges * MEGAYEAR, total_mass=pairs.total_mass, gravity=GRAVITY)
    mass = {"mass_1": pairs.mass_1, "mass_2": pairs.mass_2}
    left = coalescence_time(axis, np.zeros(2), speed_of_light=LIGHT, gravity=GRAVITY, **mass)
    # The time falls as f^(-8/3): the middle of a bin as wide as itself stands for all of it only roughly.
    wide = (0.5 ** (-8 / 3) - 1.5 ** (-8 / 3)) / (8.0 / 3.0)
    number = light_cone(pairs).item() * (left[0] - left[1]) / wide
    # Strain of one pair, averaged over direction and orientation, in a bin as wide as its frequency.
    mass = SOLAR_MASS_PARAMETER * 1e9 / SPEED_OF_LIGHT**3
    distance = comoving_distance(pairs.redshift).item() * MEGAPARSEC / SPEED_OF_LIGHT
    one = np.sqrt(32.0 / 5.0) * mass ** (5 / 3) / distance * (np.pi * frequency * 1.5) ** (2 / 3)
    counts = (drawn.strain[:, 0] / one) ** 2
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    assert counts.mean() == pytest.approx(number, rel=0.05)
    assert counts.var() == pytest.approx(number, rel=0.05)


def test_many_pairs_scatter_little_and_a_few_much():
    few, many = (
        np.ptp(realise(alike(density=density, driver="waves", eccentricity=0.0), FEW, seed=3).band(), axis=0)[0]
        / background(alike(density=density, driver="waves", eccentricity=0.0), bins_of(FEW)).strain[0]
        for density in (1e-5, 1e-1)
    )
    assert many < 0.1 * few


def test_high_frequencies_scatter_more_and_their_median_lies_below_the_mean():
    law = LawSettings(masses=16, redshifts=12)
    pairs = from_law(law, OrbitSettings(eccentricity=0.4), galaxies=GalaxySettings())
    drawn = realise(pairs, RealisationSettings(number=200, bins=20), seed=4)
    lower, median, upper = drawn.band()
    width = (upper - lower) / drawn.mean
    assert width[-1] > 4.0 * width[0]
    assert median[-1] < 0.9 * drawn.mean[-1]
    assert median[0] == pytest.approx(drawn.mean[0], rel=0.03)


def test_seeds_decide_all():
    first, again, other = (realise(alike(), FEW, seed=seed).strain for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_with_and_without_stars_mix():
    waves, stars = alike(driver="waves", eccentricity=0.2), alike(driver="stars", eccentricity=0.2)
    both = Population(**{name: np.concatenate([vars(waves)[name], vars(stars)[name]]) for name in vars(waves)})
    np.testing.assert_allclose(realise(both, FEW, seed=0).mean, background(both, bins_of(FEW)).strain, rtol=2e-4)


def test_none_is_refused():
    with pytest.raises(DomainError, match="no realisation"):
        realise(alike(), Background().realisations.model_copy(update={"number": 0}), seed=0)


def test_tracks_reach_the_last_bin():
    pairs = alike()
    tracks = follow(pairs, highest=1e-7)
    assert tracks.log_frequency[0, -1] > np.log(1e-7)
