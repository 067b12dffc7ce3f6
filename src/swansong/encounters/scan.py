"""A first guess of where a burst is: every detector's matched filter, combined without phases.

For each detector the three series have amplitudes of their own with a broad Gaussian law,
which can be integrated in closed form. The product over the detectors at the arrival times
of a source is a blurred but complete map of the posterior: it forgets that the amplitudes
belong to one wave, so that it is broader, and it reaches every place the posterior does.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from swansong.core.types import Float, Int
from swansong.encounters.correlations import CLOCK, Correlations

_COOL = 0.8  # power of the map, for broader guesses
_UNIFORM_SKY = 0.5  # share of guesses whose sky position is isotropic
_CELLS = (1, 96, (32, 16))  # of the sky for none, one and two coordinates
_EARTH = 0.0225  # half of the longest time between two detectors, and a little more [s]


@dataclass(frozen=True, eq=False)
class Scan:
    """Piecewise constant proposal of time scale, arrival time and sky position.

    Attributes:
        maps: ln of each detector's blurred likelihood, (detectors, rows, times).
        log_cells: ln probability of each cell of time scale and arrival time at the
            reference detector, (rows, times).
        reference: Index of the loudest detector, whose arrival time is used.
        delays: Arrival time at each detector after the reference for each cell of the
            sky, (cells, detectors) [samples].
        first: Arrival time of the first column [s].
        log_tau: First row and spacing of ln tau.
    """

    maps: Float[np.ndarray, "detectors rows times"]
    log_cells: Float[np.ndarray, "rows times"]
    reference: int
    delays: Int[np.ndarray, "cells detectors"]
    first: float
    log_tau: tuple[float, float]

    @classmethod
    def of(cls, correlations: Correlations) -> "Scan":
        """Map the correlations of one event."""
        analysis = correlations.analysis
        masses = analysis.masses
        middle = len(analysis.series.nodes) // 2
        spread = float(np.exp(np.sum(masses.density.sum(0) * masses.log_amplitude) / masses.density.sum()))
        squares = analysis.squares[:, :, middle, middle]
        maps = _blurred(correlations.values, squares, 3 * middle, 1.0 / spread**2)
        peaks = maps.max(axis=(1, 2))
        reference = int(np.argmax(peaks))
        reach = math.ceil(2.0 * _EARTH * CLOCK)
        total = maps[reference].copy()
        for d in range(len(maps)):
            if d != reference:
                total += _smeared(maps[d], reach)
        prior = masses.density.sum(axis=1)
        with np.errstate(divide="ignore"):
            log_cells = _COOL * total + np.log(prior)[:, None]
        # Arrival times that no source within the prior's window can have.
        log_cells[:, : int(0.005 * CLOCK)] = -np.inf
        log_cells[:, -int(0.005 * CLOCK) :] = -np.inf
        log_cells -= np.logaddexp.reduce(log_cells, axis=None)
        step = masses.log_tau[1] - masses.log_tau[0]
        return cls(
            maps, log_cells, reference, _sky_delays(correlations, reference), correlations.start,
            (float(masses.log_tau[0]), float(step)),
        )  # fmt: skip

    @property
    def matched_snr(self) -> float:
        """Rough matched signal-to-noise ratio: the best of every detector, added in squares."""
        return math.sqrt(2.0 * max(float(self.maps.max(axis=(1, 2)).sum()), 0.0))

    @property
    def _cell_volume(self) -> float:
        return math.log(self.log_tau[1] / CLOCK)

    def sample(
        self, n: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n dimensions"]]:
        """Draw guesses.

        Args:
            n: Number of draws.
            rng: Random generator.

        Returns:
            ln of the time scale, arrival time at the reference [s] and sky coordinates.
        """
        flat = np.cumsum(np.exp(self.log_cells).ravel())
        cell = np.searchsorted(flat, rng.random(n) * flat[-1])
        rows, columns = np.divmod(np.minimum(cell, flat.size - 1), self.log_cells.shape[1])
        log_tau = self.log_tau[0] + self.log_tau[1] * (rows + rng.random(n) - 0.5)
        times = self.first + (columns + rng.random(n) - 0.5) / CLOCK
        shape = self._sky_shape
        if not shape:
            return log_tau, times, np.empty((n, 0))
        log_sky = _sky_log_weights(self.maps, rows, columns, self.delays, self.reference, _COOL)
        below = np.cumsum(np.exp(log_sky), axis=1)
        picked = (below < (rng.random(n) * below[:, -1])[:, None]).sum(axis=1)
        places = np.stack(np.unravel_index(np.minimum(picked, below.shape[1] - 1), shape), axis=1)
        unit = (places + rng.random((n, len(shape)))) / np.array(shape)
        uniform = rng.random(n) < _UNIFORM_SKY
        unit[uniform] = rng.random((int(uniform.sum()), len(shape)))
        return log_tau, times, unit

    def log_prob(
        self,
        log_tau: Float[np.ndarray, "n"],
        times: Float[np.ndarray, "n"],
        sky: Float[np.ndarray, "n dimensions"],
    ) -> Float[np.ndarray, "n"]:
        """Log density in (ln tau, arrival time, sky coordinates in the unit interval).

        Args:
            log_tau: ln of the time scale [s].
            times: Arrival time at the reference [s].
            sky: Sky coordinates.

        Returns:
            Log densities, -inf outside the map.
        """
        rows = np.rint((log_tau - self.log_tau[0]) / self.log_tau[1]).astype(int)
        columns = np.rint((times - self.first) * CLOCK).astype(int)
        inside = (rows >= 0) & (rows < self.log_cells.shape[0]) & (columns >= 0) & (columns < self.log_cells.shape[1])
        rows, columns = np.where(inside, rows, 0), np.where(inside, columns, 0)
        found = np.where(inside, self.log_cells[rows, columns], -np.inf) - self._cell_volume
        shape = self._sky_shape
        if not shape:
            return found
        log_sky = _sky_log_weights(self.maps, rows, columns, self.delays, self.reference, _COOL)
        places = np.minimum((sky * np.array(shape)).astype(int), np.array(shape) - 1)
        cell = np.ravel_multi_index(tuple(places.T), shape)
        own = log_sky[np.arange(len(rows)), cell] + math.log(np.prod(shape))
        return found + np.logaddexp(math.log(_UNIFORM_SKY), math.log1p(-_UNIFORM_SKY) + own)

    @property
    def _sky_shape(self) -> tuple[int, ...]:
        """Cells along each sky coordinate."""
        count = len(self.delays)
        if count == 1:
            return ()
        return _CELLS[2] if count == int(np.prod(_CELLS[2])) else (count,)


def _sky_delays(correlations: Correlations, reference: int) -> Int[np.ndarray, "cells detectors"]:
    """Arrival times after the reference at the middle of every cell of the sky [samples]."""
    chart = correlations.analysis.chart
    if chart.dimensions == 0:
        return np.zeros((1, 1), np.int64)
    shape = _CELLS[2] if chart.dimensions == 2 else (_CELLS[1],)
    middles = np.stack(np.meshgrid(*((np.arange(k) + 0.5) / k for k in shape), indexing="ij"), axis=-1)
    unit = middles.reshape(-1, len(shape))
    delays = chart.delays(chart.positions(unit, np.zeros((len(unit), 2)))[:, 0])
    return np.rint((delays - delays[:, reference : reference + 1]) * CLOCK).astype(np.int64)


def _smeared(table: Float[np.ndarray, "rows times"], reach: int) -> Float[np.ndarray, "rows times"]:
    """Log of the mean of the exponential over neighbouring times."""
    top = table.max(axis=1, keepdims=True)
    weight = np.exp(table - top)
    width = 2 * reach + 1
    below = np.concatenate([np.zeros((len(table), 1)), np.cumsum(np.pad(weight, ((0, 0), (reach, reach))), axis=1)], 1)
    mean = (below[:, width:] - below[:, :-width]) / width
    return top + np.log(np.maximum(mean, 1e-30))


@njit(cache=True, parallel=True)
def _blurred(values, squares, column, precision):
    """Each detector's likelihood with Gaussian amplitudes of its own."""
    detectors, rows, times = values.shape[0], values.shape[1], values.shape[2]
    found = np.empty((detectors, rows, times))
    for row in prange(rows):
        for d in range(detectors):
            cc = squares[d, row, 0] + precision
            cb = squares[d, row, 1]
            bb = squares[d, row, 2] + precision
            ss = squares[d, row, 3] + precision
            det = cc * bb - cb * cb
            size = -0.5 * (math.log(det) + math.log(ss) - 3.0 * math.log(precision))
            for t in range(times):
                a = values[d, row, t, column]
                s = values[d, row, t, column + 1]
                b = values[d, row, t, column + 2]
                found[d, row, t] = 0.5 * ((a * a * bb - 2.0 * a * b * cb + b * b * cc) / det + s * s / ss) + size
    return found


@njit(cache=True, parallel=True)
def _sky_log_weights(maps, rows, columns, delays, reference, power):
    """Log probability of every cell of the sky, given cells of time scale and arrival time."""
    n, cells, detectors, times = rows.size, delays.shape[0], maps.shape[0], maps.shape[2]
    found = np.zeros((n, cells))
    for i in prange(n):
        top = -1e300
        for c in range(cells):
            value = 0.0
            for d in range(detectors):
                if d != reference:
                    t = min(max(columns[i] + delays[c, d], 0), times - 1)
                    value += maps[d, rows[i], t]
            found[i, c] = power * value
            top = max(top, found[i, c])
        total = 0.0
        for c in range(cells):
            total += math.exp(found[i, c] - top)
        total = top + math.log(total)
        for c in range(cells):
            found[i, c] -= total
    return found
