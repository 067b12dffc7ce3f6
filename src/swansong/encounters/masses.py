"""What the prior says of time scale and amplitude, and what these leave open of masses, orbit and distance.

One burst measures tau = M p^(3/2) and A = eta M / (p d). Given both, total mass and mass
ratio follow from the prior alone: with uniform priors of component masses, p and d their
density is proportional to M^3 q / (1 + q)^4 in (ln M, q), inside the region that the prior
allows, so that only the integral over ln M needs a grid.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.types import Float
from swansong.encounters.model import MEGAPARSEC_SECONDS
from swansong.encounters.settings import PriorSettings

AMPLITUDE_UNIT = 1e-21
"""Strain in which amplitudes are kept inside the sampler."""

_CELLS = 96  # of the integral over ln M
_DRAW_CELLS = 48  # of one draw of ln M, within which it is uniform
_LOG_SUN = math.log(SOLAR_MASS_SECONDS)
_LEAST = 1e-300


@dataclass(frozen=True, eq=False)
class MassPrior:
    """The joint prior of ln tau and ln A on a grid.

    Attributes:
        settings: Ranges of the prior.
        log_tau: Rows of the time scale, ln of seconds, (rows,).
        log_amplitude: Columns of the amplitude, ln of 1e-21, (columns,).
        density: Density in (ln tau, ln A), (rows, columns); integrates to 1.
    """

    settings: PriorSettings
    log_tau: Float[np.ndarray, "rows"]
    log_amplitude: Float[np.ndarray, "columns"]
    density: Float[np.ndarray, "rows columns"]

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest mass, p and distance, as the compiled functions take them."""
        ranges = self.settings
        return np.array([*ranges.component_mass, *ranges.semi_latus_rectum, *ranges.luminosity_distance])

    def complete(
        self,
        log_tau: Float[np.ndarray, "n"],
        log_amplitude: Float[np.ndarray, "n"],
        uniform: Float[np.ndarray, "n 2"],
    ) -> Float[np.ndarray, "n 4"]:
        """Draw masses, semi-latus rectum and distance given time scale and amplitude.

        Args:
            log_tau: ln of the time scale [s].
            log_amplitude: ln of the amplitude [1e-21].
            uniform: Two uniform numbers a draw.

        Returns:
            Mass ratio, total mass [solar masses], semi-latus rectum [total mass] and
            distance [Mpc]; NaN where the prior allows none.
        """
        return _complete(log_tau, log_amplitude, uniform, self.limits)


@functools.lru_cache(maxsize=4)
def _tabulate(ranges: tuple[float, ...], rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    limits = np.array(ranges)
    low, high, nearest, widest, near, far = ranges
    tau = math.log(2.0 * low * SOLAR_MASS_SECONDS) + 1.5 * math.log(nearest)
    log_tau = np.linspace(tau, math.log(2.0 * high * SOLAR_MASS_SECONDS) + 1.5 * math.log(widest), rows)
    # eta M is m1 m2 / M: smallest for two small masses, largest for two large ones.
    scale = math.log(SOLAR_MASS_SECONDS / MEGAPARSEC_SECONDS / AMPLITUDE_UNIT)
    log_amplitude = np.linspace(
        scale + math.log(0.5 * low / (widest * far)), scale + math.log(0.5 * high / (nearest * near)), columns
    )
    return log_tau, log_amplitude, _densities(log_tau, log_amplitude, limits)


def mass_prior(settings: PriorSettings, *, rows: int = 64, columns: int = 512) -> MassPrior:
    """Tabulate the joint prior of ln tau and ln A.

    Args:
        settings: Ranges of the prior.
        rows: Grid points in ln tau.
        columns: Grid points in ln A.

    Returns:
        The table; asking again for the same prior costs nothing.
    """
    ranges = (*settings.component_mass, *settings.semi_latus_rectum, *settings.luminosity_distance)
    return MassPrior(settings, *_tabulate(tuple(map(float, ranges)), rows, columns))


@njit(cache=True)
def _ratio_range(log_mass, log_tau, log_amplitude, limits):
    """Range of the mass ratio that the prior allows at a total mass; empty where the second is below the first."""
    mass = math.exp(log_mass)
    # An exponential costs a third of a power.
    p = math.exp((log_tau - log_mass - _LOG_SUN) * (2.0 / 3.0))
    if p < limits[2] or p > limits[3] or mass <= 2.0 * limits[0]:
        return 1.0, 0.0
    low = max(mass / limits[1] - 1.0, limits[0] / (mass - limits[0]))
    # The distance limits the symmetric mass ratio, which rises with q.
    unit = math.exp(log_amplitude) * AMPLITUDE_UNIT * p * MEGAPARSEC_SECONDS / (mass * SOLAR_MASS_SECONDS)
    least, most = unit * limits[4], unit * limits[5]
    if least > 0.25:
        return 1.0, 0.0
    low = max(low, _ratio_of(least))
    return low, 1.0 if most >= 0.25 else _ratio_of(most)


@njit(cache=True)
def _ratio_of(eta):
    """Mass ratio of a symmetric mass ratio."""
    return (1.0 - 2.0 * eta - math.sqrt(max(1.0 - 4.0 * eta, 0.0))) / (2.0 * eta)


@njit(cache=True)
def _below(q):
    """Integral of q / (1 + q)^4 from 0."""
    return 1.0 / 6.0 - 0.5 / (1.0 + q) ** 2 + 1.0 / (3.0 * (1.0 + q) ** 3)


@njit(cache=True)
def _mass_range(log_tau, limits):
    """Range of ln M that the masses and the semi-latus rectum allow at a time scale."""
    low = max(math.log(2.0 * limits[0]), log_tau - _LOG_SUN - 1.5 * math.log(limits[3]))
    high = min(math.log(2.0 * limits[1]), log_tau - _LOG_SUN - 1.5 * math.log(limits[2]))
    return low, high


@njit(cache=True)
def _cell(log_mass, log_tau, log_amplitude, limits):
    """Density of ln M at fixed tau and A, up to a constant."""
    low, high = _ratio_range(log_mass, log_tau, log_amplitude, limits)
    if high <= low:
        return 0.0
    return math.exp(3.0 * log_mass) * (_below(high) - _below(low))


@njit(cache=True, parallel=True)
def _densities(log_tau, log_amplitude, limits):
    """Density of (ln tau, ln A), normalised."""
    found = np.zeros((log_tau.size, log_amplitude.size))
    for i in prange(log_tau.size):
        low, high = _mass_range(log_tau[i], limits)
        width = (high - low) / _CELLS
        if width <= 0.0:
            continue
        for j in range(log_amplitude.size):
            total = 0.0
            for c in range(_CELLS):
                total += _cell(low + (c + 0.5) * width, log_tau[i], log_amplitude[j], limits)
            found[i, j] = total * width * math.exp(-log_amplitude[j])
    area = (log_tau[1] - log_tau[0]) * (log_amplitude[1] - log_amplitude[0])
    return found / (found.sum() * area)


@njit(cache=True, parallel=True)
def _complete(log_tau, log_amplitude, uniform, limits):
    """Masses, semi-latus rectum and distance given tau and A."""
    found = np.full((log_tau.size, 4), np.nan)
    for i in prange(log_tau.size):
        low, high = _mass_range(log_tau[i], limits)
        width = (high - low) / _DRAW_CELLS
        if not width > 0.0:
            continue
        below = np.zeros(_DRAW_CELLS + 1)
        for c in range(_DRAW_CELLS):
            below[c + 1] = below[c] + _cell(low + (c + 0.5) * width, log_tau[i], log_amplitude[i], limits)
        if below[-1] <= _LEAST:
            continue
        target = uniform[i, 0] * below[-1]
        cell = min(max(np.searchsorted(below, target, side="right") - 1, 0), _DRAW_CELLS - 1)
        share = (target - below[cell]) / (below[cell + 1] - below[cell])
        log_mass = low + (cell + share) * width
        first, last = _ratio_range(log_mass, log_tau[i], log_amplitude[i], limits)
        if last <= first:
            # The middle of a cell at the edge is allowed, but not all of it.
            log_mass = low + (cell + 0.5) * width
            first, last = _ratio_range(log_mass, log_tau[i], log_amplitude[i], limits)
        aim = _below(first) + uniform[i, 1] * (_below(last) - _below(first))
        for _ in range(44):
            middle = 0.5 * (first + last)
            if _below(middle) < aim:
                first = middle
            else:
                last = middle
        mass, ratio = math.exp(log_mass), 0.5 * (first + last)
        p = (math.exp(log_tau[i]) / (mass * SOLAR_MASS_SECONDS)) ** (2.0 / 3.0)
        eta = ratio / (1.0 + ratio) ** 2
        unit = p * MEGAPARSEC_SECONDS * AMPLITUDE_UNIT * math.exp(log_amplitude[i])
        found[i, 0], found[i, 1], found[i, 2] = ratio, mass, p
        found[i, 3] = eta * mass * SOLAR_MASS_SECONDS / unit
    return found
