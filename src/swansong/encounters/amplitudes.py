"""The amplitude of a burst, integrated out once for all.

At a fixed time scale, place and orientation the log-likelihood is A a - A^2 b / 2 with the
match a and the template's square b. Its integral over the prior of ln A depends on the
matched signal-to-noise ratio a / sqrt(b), on ln sqrt(b) and on the time scale, and is
read from a table.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from swansong.core.types import Float
from swansong.encounters.masses import MassPrior, mass_prior
from swansong.encounters.settings import PriorSettings

_RATIOS = (-8.0, 120.0, 513)  # matched signal-to-noise ratios of the table
_SCALES = 256
_LOUDEST = 400.0  # optimal signal-to-noise ratio at which the integral ends
_FAINTEST = 0.01
_SPACING = 0.008  # of ln of the optimal signal-to-noise ratio in the integral
_FLOOR = -80.0
_NODES = 160  # grid points for the draw of one amplitude


@dataclass(frozen=True, eq=False)
class AmplitudeTable:
    """Log of the likelihood integrated over the prior of ln A, at each time scale.

    Attributes:
        values: ln of the integral less `_peak` of the matched signal-to-noise ratio,
            (rows, ratios, scales), float32.
        ratios: First matched signal-to-noise ratio and spacing.
        scales: First ln sqrt(b) and spacing.
        log_minimum: ln of the smallest optimal signal-to-noise ratio of the prior.
        prior: The joint prior of time scale and amplitude.
    """

    values: Float[np.ndarray, "rows ratios scales"]
    ratios: Float[np.ndarray, "2"]
    scales: Float[np.ndarray, "2"]
    log_minimum: float
    prior: MassPrior

    @property
    def grid(self) -> np.ndarray:
        """First row, row spacing, then `ratios`, `scales` and `log_minimum`, for compiled code."""
        log_tau = self.prior.log_tau
        return np.array([log_tau[0], log_tau[1] - log_tau[0], *self.ratios, *self.scales, self.log_minimum])

    @property
    def amplitude_grid(self) -> np.ndarray:
        """First ln A and spacing."""
        return np.array([self.prior.log_amplitude[0], self.prior.log_amplitude[1] - self.prior.log_amplitude[0]])


def amplitude_table(settings: PriorSettings) -> AmplitudeTable:
    """Tabulate the amplitude integral of a prior.

    Args:
        settings: Ranges of the prior and its smallest signal-to-noise ratio.

    Returns:
        The table; asking again for one of the last two priors costs nothing.
    """
    return _tabulate(settings.model_dump_json())


@functools.lru_cache(maxsize=2)
def _tabulate(settings: str) -> AmplitudeTable:
    prior = mass_prior(PriorSettings.model_validate_json(settings))
    lowest = math.log(max(prior.settings.minimum_snr, _FAINTEST))
    x = np.arange(lowest, math.log(_LOUDEST), _SPACING)
    # The cut may fall between two points; the trapezoid's first weight is a half.
    weight = np.full(x.size, _SPACING)
    weight[[0, -1]] *= 0.5
    ratios = np.linspace(*_RATIOS)
    scales = np.linspace(x[0] - prior.log_amplitude[-1], x[-1] - prior.log_amplitude[0], _SCALES)
    rho = np.exp(x)
    exponent = ratios[:, None] * rho - 0.5 * rho**2 - peak(ratios, math.exp(lowest))[:, None]
    kernel = (np.exp(np.maximum(exponent, _FLOOR)) * weight).astype(np.float32)
    values = np.empty((len(prior.log_tau), ratios.size, scales.size), np.float32)
    for row, density in enumerate(prior.density):
        at = np.interp(x[:, None] - scales, prior.log_amplitude, density, left=0.0, right=0.0)
        found = kernel @ at.astype(np.float32)
        values[row] = np.where(found > 0.0, np.log(np.maximum(found, np.exp(_FLOOR))), _FLOOR)
    return AmplitudeTable(
        values,
        np.array([ratios[0], ratios[1] - ratios[0]]),
        np.array([scales[0], scales[1] - scales[0]]),
        lowest,
        prior,
    )


def peak(ratio: Float[np.ndarray, "..."], least: float) -> Float[np.ndarray, "..."]:
    """Largest log-likelihood over optimal signal-to-noise ratios from `least` on, given the matched one."""
    best = np.maximum(ratio, least)
    return best * ratio - 0.5 * best**2


@njit(cache=True, fastmath=True)
def log_integral(values, grid, row, share, ratio, log_scale):
    """The amplitude integral at one point: bilinear in ratio and scale, linear between two time scales."""
    rows, columns = values.shape[1], values.shape[2]
    a = (ratio - grid[2]) / grid[3]
    i = min(max(int(a), 0), rows - 2)
    # Beyond the table the last slope goes on, except below, where the integral is nil anyway.
    a = max(a - i, 0.0)
    b = min(max((log_scale - grid[4]) / grid[5], 0.0), columns - 1.001)
    j = int(b)
    b -= j
    total = 0.0
    for r in range(2):
        table = values[row + r]
        low = table[i, j] + b * (table[i, j + 1] - table[i, j])
        high = table[i + 1, j] + b * (table[i + 1, j + 1] - table[i + 1, j])
        total += (share if r else 1.0 - share) * (low + a * (high - low))
    least = math.exp(grid[6])
    best = max(ratio, least)
    return total + best * ratio - 0.5 * best * best


@njit(cache=True, fastmath=True)
def draw_log_amplitude(density, log_tau_place, amplitude_grid, log_minimum, ratio, log_scale, uniform):
    """Draw ln A from its law given all else."""
    row = min(max(int(log_tau_place), 0), density.shape[0] - 2)
    share = log_tau_place - row
    low = max(log_minimum, amplitude_grid[0] + log_scale)
    high = min(math.log(_LOUDEST), amplitude_grid[0] + amplitude_grid[1] * (density.shape[1] - 1) + log_scale)
    if ratio > 6.0:
        # Far from its peak the likelihood leaves nothing.
        low = max(low, math.log(max(ratio - 7.0, 0.1)))
        high = min(high, math.log(ratio + 7.0))
    if high <= low:
        return math.nan
    step = (high - low) / _NODES
    below = np.empty(_NODES + 1)
    below[0] = 0.0
    best = max(ratio, math.exp(low))
    top = best * ratio - 0.5 * best * best
    for k in range(_NODES):
        x = low + (k + 0.5) * step
        place = (x - log_scale - amplitude_grid[0]) / amplitude_grid[1]
        column = min(max(int(place), 0), density.shape[1] - 2)
        part = place - column
        first = density[row, column] + part * (density[row, column + 1] - density[row, column])
        second = density[row + 1, column] + part * (density[row + 1, column + 1] - density[row + 1, column])
        rho = math.exp(x)
        likelihood = math.exp(max(rho * ratio - 0.5 * rho * rho - top, _FLOOR))
        below[k + 1] = below[k] + likelihood * ((1.0 - share) * first + share * second)
    if not below[-1] > 0.0:
        return math.nan
    target = uniform * below[-1]
    cell = min(max(np.searchsorted(below, target, side="right") - 1, 0), _NODES - 1)
    return low + (cell + (target - below[cell]) / (below[cell + 1] - below[cell])) * step - log_scale
