"""Orbits of a population from their beginning to the end of the band, under stars and gravitational waves.

Only the shape of the orbit at each size matters for a spectrum, and the share of its energy that goes into
waves there, so time never enters: de/d(ln a) is integrated over steps of ln a.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.background.population import Column, Population, galaxy_scale
from swansong.binaries.background.settings import GalaxySettings
from swansong.binaries.background.wave_driven import track_eccentricity, track_frequency
from swansong.binaries.evolution.hardening import Hardening, TimeLaws
from swansong.core.errors import InputError
from swansong.physics.peters import GRAVITY, LIGHT, MEGAYEAR, axis_at_frequency, peters_rates

Table = Float[np.ndarray, "pairs steps"]

Rates = Callable[[Column, Column], tuple[Column, Column]]
"""Rates by stars alone, da/dt [pc/Myr] and de/dt [1/Myr], from semi-major axes [pc] and eccentricities of all pairs."""

STEP = 0.04
"""Step of a track in the logarithm of the orbital frequency."""

_STEEP = 18.0  # artanh e above which e is 1 to all digits and 2 ln cosh grows as a straight line
_ROUNDEST = 1e-12  # eccentricity that stands for a circle's where waves alone drive the pair


@dataclass(frozen=True, eq=False)
class Tracks:
    """Eccentricity and share of the waves along the orbits, against the orbital frequency in the source's frame.

    Attributes:
        begin: ln of the first frequency [Hz], (pairs,).
        roundness: -ln(1 - e^2), (pairs, steps).
        share: Energy that goes into gravitational waves over all that the orbit loses, (pairs, steps).
    """

    begin: Column
    roundness: Table
    share: Table

    @property
    def log_frequency(self) -> Table:
        """Logarithm of the orbital frequencies [Hz], (pairs, steps)."""
        return self.begin[:, None] + STEP * np.arange(self.roundness.shape[1])

    @property
    def eccentricity(self) -> Table:
        """Eccentricities, (pairs, steps)."""
        return np.sqrt(-np.expm1(-self.roundness))


def constant_rates(population: Population) -> Rates:
    """Hardening with the s and K of each row, which do not change along the orbit.

    Args:
        population: The pairs.

    Returns:
        The rates -s a^2 and s K a.
    """
    hardening, growth = population.hardening_rate, population.eccentricity_rate

    def rates(axis: Column, eccentricity: Column) -> tuple[Column, Column]:
        return -hardening * axis**2, hardening * growth * axis

    return rates


def law_rates(population: Population, hardening: Hardening, *, galaxies: GalaxySettings) -> Rates:
    """Hardening by a law in N-body units that depends on the orbit but not on time.

    Args:
        population: The pairs, in galaxies that grow with them.
        hardening: The law, such as `Scattering`.
        galaxies: What the N-body units stand for.

    Returns:
        The rates.

    Raises:
        InputError: The law changes with time, which no track knows.
    """
    laws = (hardening.rate, hardening.growth) if isinstance(hardening, TimeLaws) else ()
    if any(np.any(np.isfinite(law.parts[2])) for law in laws):
        raise InputError("a background needs rates that do not change with time; give constants or `Scattering`")
    length, time = galaxy_scale(population.total_mass, galaxies)

    def rates(axis: Column, eccentricity: Column) -> tuple[Column, Column]:
        rate, growth = (np.asarray(part) for part in hardening.rates(0.0, axis / length, eccentricity))
        rate = rate / (length * time)
        return -rate * axis**2, rate * growth * axis

    return rates


def follow(population: Population, *, highest: float, rates: Rates | None = None) -> Tracks:
    """Follow all pairs from their beginning to a frequency.

    Args:
        population: The pairs.
        highest: Orbital frequency in the frame of the source at which all tracks may end [Hz].
        rates: Rates by stars; `constant_rates` without.

    Returns:
        The tracks, of the same number of steps for all.
    """
    begin = np.log(population.frequency)
    steps = max(int(np.ceil((np.log(highest) - begin.min()) / STEP)) + 2, 4)
    rates = constant_rates(population) if rates is None else rates
    start = np.log(population.axis)
    # e = tanh(theta): nothing ends at e = 1, and the circle is no special case.
    theta = np.arctanh(population.eccentricity)
    step = -2.0 / 3.0 * STEP
    thetas, shares = np.empty((len(population), steps)), np.empty((len(population), steps))
    for count in range(steps):
        place = start + count * step
        first, shares[:, count] = _slope(place, theta, population=population, rates=rates)
        thetas[:, count] = theta
        second, _ = _slope(place + 0.5 * step, theta + 0.5 * step * first, population=population, rates=rates)
        third, _ = _slope(place + 0.5 * step, theta + 0.5 * step * second, population=population, rates=rates)
        fourth, _ = _slope(place + step, theta + step * third, population=population, rates=rates)
        theta = np.maximum(theta + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth), 0.0)
    # -ln(1 - tanh^2) = 2 ln cosh, written so that it neither overflows nor cancels.
    roundness = np.log1p(np.sinh(np.minimum(thetas, _STEEP)) ** 2) + 2.0 * np.maximum(thetas - _STEEP, 0.0)
    return Tracks(begin, roundness, shares)


def _slope(place: Column, theta: Column, *, population: Population, rates: Rates) -> tuple[Column, Column]:
    """d(theta)/d(ln a) and the share of the waves, at ln a."""
    axis = np.exp(place)
    e = np.tanh(np.clip(theta, 0.0, _STEEP))
    masses = {"mass_1": population.mass_1, "mass_2": population.mass_2}
    wave_a, wave_e = peters_rates(axis, e, speed_of_light=LIGHT, gravity=GRAVITY, **masses)
    star_a, star_e = rates(axis, e)
    deficit = (1.0 - e) * (1.0 + e)
    return (wave_e + star_e) / deficit * axis / (wave_a + star_a), wave_a / (wave_a + star_a)


def undisturbed(population: Population, *, lowest: float, highest: float) -> Tracks:
    """Tracks of pairs that gravitational waves alone drive, continued back to any frequency.

    Args:
        population: The pairs; their beginnings only choose the track.
        lowest: First orbital frequency in the frame of the source [Hz].
        highest: Last one [Hz].

    Returns:
        The tracks.
    """
    steps = int(np.ceil(np.log(highest / lowest) / STEP)) + 2
    constant = np.asarray(track_frequency(population.frequency, np.maximum(population.eccentricity, _ROUNDEST)))
    frequency = lowest * np.exp(STEP * np.arange(steps))
    e = np.asarray(track_eccentricity(frequency / constant[:, None]))
    return Tracks(np.full(len(population), np.log(lowest)), -np.log((1.0 - e) * (1.0 + e)), np.ones(e.shape))


def residence(population: Population, tracks: Tracks) -> Table:
    """Time that a pair spends while its orbital frequency grows by a factor e.

    Args:
        population: The pairs.
        tracks: Their tracks.

    Returns:
        dt / d(ln f) in the frame of the source [Myr], (pairs, steps).
    """
    total = population.total_mass[:, None]
    axis = axis_at_frequency(np.exp(tracks.log_frequency) * MEGAYEAR, total_mass=total, gravity=GRAVITY)
    masses = {"mass_1": population.mass_1[:, None], "mass_2": population.mass_2[:, None]}
    shrink, _ = peters_rates(axis, tracks.eccentricity, speed_of_light=LIGHT, gravity=GRAVITY, **masses)
    return -2.0 / 3.0 * axis / shrink * tracks.share
