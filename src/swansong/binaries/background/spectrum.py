"""Characteristic strain of the gravitational waves of a population of eccentric pairs that harden.

The squared strain of each row is that of circular pairs driven by waves alone, times a factor: the sum over
harmonics n of g_n(e_n) / [F(e_n) (n/2)^(2/3)] and of the share of the waves in the energy that the orbit
loses, both at the orbital frequency f (1 + z) / n.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.background import kernels
from swansong.binaries.background.population import Population
from swansong.binaries.background.settings import SpectrumSettings
from swansong.binaries.background.tracks import STEP, Rates, Tracks, follow
from swansong.binaries.background.wave_driven import eccentric_factor, track_frequency
from swansong.core.constants import JULIAN_YEAR, MEGAPARSEC, SOLAR_MASS_PARAMETER, SPEED_OF_LIGHT
from swansong.core.errors import DomainError
from swansong.physics.eccentric_spectrum import harmonic_rule

Frequencies = Float[np.ndarray, "frequencies"]

YEARLY = 1.0 / JULIAN_YEAR
"""Frequency at which amplitudes of backgrounds are quoted [Hz]."""

CIRCULAR_SLOPE = -2.0 / 3.0
"""Power of the frequency that the strain of circular pairs driven by waves follows."""

OBSERVED = {
    "NANOGrav, 15 yr": (1.8e-15, 2.4e-15, 3.1e-15),
    "EPTA, DR2new": (1.8e-15, 2.5e-15, 3.2e-15),
    "PPTA, DR3": (1.82e-15, 2.04e-15, 2.29e-15),
}
"""Amplitudes at one a year that arrays quote for the circular slope: lower end, median and upper end.

Reference:
    arXiv:2306.16213 (90 % interval), arXiv:2306.16214 and arXiv:2306.16215 (intervals as quoted there).
"""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A background.

    Attributes:
        frequency: Observed frequencies [Hz], (frequencies,).
        strain: Characteristic strain, (frequencies,).
        circular: That of the same mergers on circular orbits driven by waves alone, (frequencies,).
    """

    frequency: Frequencies
    strain: Frequencies
    circular: Frequencies

    @property
    def turnover(self) -> float:
        """Frequency of the largest strain [Hz]; NaN where the strain falls, or rises, through the whole band."""
        peak = int(np.argmax(self.strain))
        if peak in (0, len(self.strain) - 1):
            return math.nan
        x, y = np.log(self.frequency[peak - 1 : peak + 2]), np.log(self.strain[peak - 1 : peak + 2])
        curvature, slope, _ = np.polyfit(x - x[1], y, 2)
        return float(np.exp(x[1] - 0.5 * slope / curvature))

    @property
    def half_power(self) -> float:
        """Highest frequency below which the squared strain is under half the circular one [Hz]; NaN without any."""
        ratio = np.log(np.square(self.strain / self.circular))
        below = np.flatnonzero((ratio[:-1] < math.log(0.5)) & (ratio[1:] >= math.log(0.5)))
        if not len(below):
            return math.nan
        left = int(below[0])
        part = (math.log(0.5) - ratio[left]) / (ratio[left + 1] - ratio[left])
        low, high = np.log(self.frequency[left : left + 2])
        return float(np.exp(low + part * (high - low)))

    @property
    def slope(self) -> Frequencies:
        """Power of the frequency that the strain follows locally, -2/3 for circular pairs, (frequencies,)."""
        return np.gradient(np.log(self.strain), np.log(self.frequency))

    def at(self, frequency: float) -> float:
        """Strain at one frequency of the band, between its neighbours in both logarithms.

        Args:
            frequency: Observed frequency [Hz].

        Returns:
            Characteristic strain; NaN outside the band.
        """
        if not self.frequency[0] <= frequency <= self.frequency[-1]:
            return math.nan
        return float(np.exp(np.interp(math.log(frequency), np.log(self.frequency), np.log(self.strain))))


def frequencies_of(settings: SpectrumSettings) -> Frequencies:
    """Frequencies of a spectrum, evenly in the logarithm.

    Args:
        settings: Range and number.

    Returns:
        Observed frequencies [Hz].
    """
    return np.geomspace(*settings.frequency, settings.points)


def circular_power(population: Population, frequency: Frequencies) -> Float[np.ndarray, "pairs frequencies"]:
    """Squared strain of each row if its pairs were circular and driven by waves alone.

    Args:
        population: The population.
        frequency: Observed frequencies [Hz].

    Returns:
        h_c^2, proportional to f^(-4/3).

    Reference:
        Phinney 2001, arXiv:astro-ph/0108028.
    """
    mass = SOLAR_MASS_PARAMETER * population.chirp_mass
    amount = population.density / MEGAPARSEC**3 * mass ** (5.0 / 3.0) / (1.0 + population.redshift) ** (1.0 / 3.0)
    scale = 4.0 / (3.0 * math.pi ** (1.0 / 3.0) * SPEED_OF_LIGHT**2)
    return scale * amount[:, None] * np.asarray(frequency) ** (-4.0 / 3.0)


def background(
    population: Population, frequency: Frequencies, *, last_orbit: bool = True, rates: Rates | None = None
) -> Spectrum:
    """Characteristic strain of a population.

    Rows without hardening follow the track of gravitational waves alone, continued back without limit. Rows
    with stars begin where the population says: an orbit wider than at the beginning radiates nothing.

    Args:
        population: The pairs.
        frequency: Observed frequencies [Hz].
        last_orbit: Whether orbits smaller than the last stable circular one radiate no more.
        rates: Rates by stars of all rows in place of their s and K.

    Returns:
        The spectrum.

    Raises:
        DomainError: Frequencies are not positive and rising.

    Reference:
        Chen, Sesana & Del Pozzo 2017, arXiv:1612.00455.
    """
    frequency = np.asarray(frequency, float)
    if frequency.ndim != 1 or len(frequency) < 3 or not np.all(np.diff(frequency, prepend=0.0) > 0.0):
        raise DomainError("frequencies of a background must be positive and rise; give three or more [Hz]")
    power = circular_power(population, frequency)
    factor = np.empty(power.shape)
    hardened = np.full(len(population), rates is not None) | (population.hardening_rate > 0.0)
    factor[~hardened] = _wave_factor(population, frequency, last_orbit=last_orbit)[~hardened]
    if np.any(hardened):
        highest = float(frequency[-1] * (1.0 + population.redshift.max()))
        tracks = follow(population, highest=highest, rates=rates)
        terms = harmonic_terms(population, frequency, tracks=tracks, last_orbit=last_orbit, summed=True)
        factor[hardened] = terms[hardened, :, 0]
    return Spectrum(frequency, np.sqrt(np.sum(power * factor, axis=0)), np.sqrt(np.sum(power, axis=0)))


def _wave_factor(
    population: Population, frequency: Frequencies, *, last_orbit: bool
) -> Float[np.ndarray, "pairs frequencies"]:
    """Squared strain of pairs that waves alone drive, over that of circular ones."""
    source = frequency * (1.0 + population.redshift[:, None])
    constant = np.asarray(track_frequency(population.frequency, population.eccentricity))[:, None]
    ratio = np.divide(source, constant, out=np.full(source.shape, np.inf), where=constant > 0.0)
    factor = np.asarray(eccentric_factor(ratio))
    # By then the orbits are round, and radiate at twice their frequency.
    return np.where(source > 2.0 * population.last_frequency[:, None], 0.0, factor) if last_orbit else factor


def harmonic_terms(
    population: Population, frequency: Frequencies, *, tracks: Tracks, last_orbit: bool, summed: bool
) -> Float[np.ndarray, "pairs frequencies orders"]:
    """Squared strain of each order of `harmonic_rule`, over that of circular pairs driven by waves alone.

    Args:
        population: The pairs.
        frequency: Observed frequencies [Hz].
        tracks: Their orbits.
        last_orbit: Whether orbits smaller than the last stable circular one radiate no more.
        summed: Whether only the sum over orders is wanted; the last axis then has length 1.

    Returns:
        The terms, which hold the weights of the rule.
    """
    rule = harmonic_rule()
    source = np.log(np.asarray(frequency) * (1.0 + population.redshift[:, None]))
    last = np.log(population.last_frequency) if last_orbit else np.full(len(population), np.inf)
    terms = np.empty((*source.shape, 1 if summed else len(rule)))
    kernels.harmonic_terms(
        source, tracks.begin, STEP, kernels.stretched(tracks.roundness) / kernels.STEP, tracks.share, last,
        rule.orders, rule.weights, kernels.harmonic_table(), terms,
    )  # fmt: skip
    return terms


def published_reference(frequency: Frequencies) -> Frequencies:
    """The published fit of one population, for comparison.

    Pairs of chirp mass 4.16e8 solar masses at z = 0.02, one merger in a cubic megaparsec, driven by waves alone
    from e = 0.9 at an orbital frequency of 1e-10 Hz.

    Args:
        frequency: Observed frequencies [Hz].

    Returns:
        Characteristic strain.

    Reference:
        Chen, Sesana & Del Pozzo 2017, arXiv:1612.00455.
    """
    x = np.asarray(frequency, float) / 1e-8
    rising = 7.27e-14 * x**0.254 * np.exp(-0.807 * x)
    middle = 1.853e-12 * x**1.77 * np.exp(-3.7 * x)
    return rising + middle + 1.12e-13 * x**-0.676 * np.exp(-0.6 / x)
