"""Universes with a finite number of pairs: how far the background in one bin of frequency may stray from its mean.

A row of a population stands for so many mergers in a comoving volume. The past light cone holds, of these,
4 pi c D^2 (1 + z) dt/dln f pairs for each unit of ln f, the time being that of the source: many at low
frequencies, where orbits live long, and a few heavy ones at high frequencies.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.background.population import Column, Population, comoving_distance
from swansong.binaries.background.settings import RealisationSettings
from swansong.binaries.background.spectrum import Frequencies, circular_power, harmonic_terms
from swansong.binaries.background.tracks import STEP, Table, Tracks, follow, residence, undisturbed
from swansong.core.constants import JULIAN_YEAR
from swansong.core.errors import DomainError
from swansong.physics.eccentric_spectrum import harmonic_rule
from swansong.physics.peters import LIGHT

_MANY = 50.0  # pairs above which their number scatters as a normal law
_QUIET = 1e-3  # share of the squared strain whose scatter is left out, from the quietest pairs up
_NEAREST = 1e-4  # redshift: pairs nearer than half a megaparsec are put there


@dataclass(frozen=True, eq=False)
class Realisations:
    """Backgrounds of universes that differ by chance.

    Attributes:
        frequency: Middle of each bin [Hz], (bins,).
        strain: Characteristic strain, (universes, bins).
        mean: Root of the mean squared strain, that of infinitely many universes, (bins,).
    """

    frequency: Frequencies
    strain: Float[np.ndarray, "universes bins"]
    mean: Frequencies

    def band(self, probability: float = 0.68) -> Float[np.ndarray, "3 bins"]:
        """Lower end, median and upper end of the strain.

        Args:
            probability: Share of the universes between the ends.

        Returns:
            The three, one a row.
        """
        return np.quantile(self.strain, [0.5 - 0.5 * probability, 0.5, 0.5 + 0.5 * probability], axis=0)


def bins_of(settings: RealisationSettings) -> Frequencies:
    """Middles of the bins that an array resolves.

    Args:
        settings: Time of observation and number of bins.

    Returns:
        Multiples of the inverse time [Hz].
    """
    return np.arange(1.0, settings.bins + 1.0) / (settings.years * JULIAN_YEAR)


def realise(
    population: Population, settings: RealisationSettings, *, seed: int, last_orbit: bool = True
) -> Realisations:
    """Draw the number of pairs in each bin, for every row and harmonic, from Poisson's law.

    Harmonics of one pair that fall into different bins are drawn apart: the scatter of every bin is right, the
    correlation between bins is left out.

    Args:
        population: The pairs.
        settings: Bins and number of universes.
        seed: Seed of the numbers.
        last_orbit: Whether orbits smaller than the last stable circular one radiate no more.

    Returns:
        The universes.

    Raises:
        DomainError: No universe is asked for.
    """
    if settings.number < 1:
        raise DomainError("no realisation is asked for; give `realisations.number` of 1 or more")
    frequency = bins_of(settings)
    hardened = population.hardening_rate > 0.0
    parts = [_rows(population, rows) for rows in (~hardened, hardened) if np.any(rows)]
    orbits = [_Orbits.of(part, frequency) for part in parts]
    rng = np.random.default_rng([seed, 7])
    strain, mean = np.empty((settings.number, len(frequency))), np.empty(len(frequency))
    for place, middle in enumerate(frequency):
        pieces = [
            _terms(part, orbit, middle=float(middle), width=float(frequency[0]), last_orbit=last_orbit)
            for part, orbit in zip(parts, orbits, strict=True)
        ]
        terms, numbers = (np.concatenate(both) for both in zip(*pieces, strict=True))
        mean[place] = math.sqrt(terms.sum())
        strain[:, place] = np.sqrt(_draw(terms, numbers, count=settings.number, rng=rng))
    return Realisations(frequency, strain, mean)


def _rows(population: Population, keep: np.ndarray) -> Population:
    """Some rows of a population."""
    return Population(**{name: values[keep] for name, values in vars(population).items()})


@dataclass(frozen=True, eq=False)
class _Orbits:
    """Orbits of rows that all have stars, or all have none.

    Attributes:
        tracks: Eccentricity and share of the waves.
        lifetime: ln of the time that the orbital frequency takes to grow by a factor e [Myr], (pairs, steps).
    """

    tracks: Tracks
    lifetime: Table

    @classmethod
    def of(cls, population: Population, frequency: Frequencies) -> "_Orbits":
        """The orbits of a population that matter for some frequencies."""
        highest = float(1.5 * frequency[-1] * (1.0 + population.redshift.max()))
        if population.hardening_rate[0] > 0.0:
            tracks = follow(population, highest=highest)
        else:
            lowest = float(frequency[0] / harmonic_rule().orders[-1])
            tracks = undisturbed(population, lowest=lowest, highest=highest)
        return cls(tracks, np.log(residence(population, tracks)))


def _terms(
    population: Population, orbits: _Orbits, *, middle: float, width: float, last_orbit: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared strain and mean number of the pairs in one bin, by row and order of the harmonic rule."""
    at = np.array([middle])
    terms = harmonic_terms(population, at, tracks=orbits.tracks, last_orbit=last_orbit, summed=False)[:, 0]
    rule = harmonic_rule()
    orbital = np.log(middle * (1.0 + population.redshift[:, None]) / rule.orders)
    lifetime = np.exp(_between(orbits.lifetime, (orbital - orbits.tracks.begin[:, None]) / STEP))
    numbers = rule.weights * light_cone(population)[:, None] * lifetime * width / middle
    present = (terms > 0.0) & (numbers > 0.0)
    return (terms * circular_power(population, at))[present], numbers[present]


def light_cone(population: Population) -> Column:
    """How many pairs of each row coalesce before us in a time.

    Args:
        population: The pairs.

    Returns:
        4 pi c D^2 (1 + z) times the density of mergers [1/Myr in the frame of the source].

    Reference:
        Sesana, Vecchio & Colacino 2008, arXiv:0804.4476.
    """
    distance = comoving_distance(np.maximum(population.redshift, _NEAREST))
    return 4.0 * math.pi * LIGHT / 1e6 * distance**2 * (1.0 + population.redshift) * population.density


def _between(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Straight lines through the rows of a table, at places counted in steps."""
    inside = np.clip(places, 0.0, table.shape[1] - 1.001)
    left = inside.astype(int)
    below, above = np.take_along_axis(table, left, axis=1), np.take_along_axis(table, left + 1, axis=1)
    return below + (inside - left) * (above - below)


def _draw(terms: np.ndarray, numbers: np.ndarray, *, count: int, rng: np.random.Generator) -> np.ndarray:
    """Squared strain of one bin in some universes."""
    order = np.argsort(terms)
    loud = np.zeros(len(terms), bool)
    loud[order] = np.cumsum(terms[order]) > _QUIET * terms.sum()
    few, many = loud & (numbers < _MANY), loud & (numbers >= _MANY)
    spread = math.sqrt(np.sum(np.square(terms[many]) / numbers[many]))
    steady = np.maximum(terms[~few].sum() + spread * rng.standard_normal(count), 0.0)
    drawn = rng.poisson(numbers[few], (count, int(few.sum())))
    return steady + drawn @ (terms[few] / numbers[few])
