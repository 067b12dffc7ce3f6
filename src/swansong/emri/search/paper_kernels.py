"""Compiled statistic of many free tracks, with its slopes in frequency and rate of change.

Tracks go through the data together, segment by segment, so that the table of one segment is read while it is in
the processor's cache. The slopes are those of the interpolated table, exact between its points.
"""

import numpy as np
from numba import njit, prange

from swansong.emri.search.kernels import LARGEST_CURVATURE

_PARTS = 16  # of the segments, shared among the processors


@njit(cache=True, fastmath=True, inline="always")
def power_and_slopes(table, loss, rate_loss, segment, place, height):
    """2 |X|^2 as `statistic.look_up` interpolates it, and its slopes in bins and in rows.

    ``place`` and ``height`` are the frequency and the rate in units of the grid, ``loss`` and ``rate_loss`` from
    `statistic.neighbour_losses`.
    """
    bin_, row = int(place), int(height)
    w, v = place - bin_, height - row
    a, b = table[segment, row, bin_], table[segment, row, bin_ + 1]
    c, d = table[segment, row + 1, bin_], table[segment, row + 1, bin_ + 1]
    below, above = (1.0 - w) * a + w * b, (1.0 - w) * c + w * d
    x = (1.0 - v) * below + v * above
    across = (1.0 - v) * (b - a) + v * (d - c)
    up = above - below
    first, second = 1.0 - 2.0 * w * (1.0 - w) * loss, 1.0 - 2.0 * v * (1.0 - v) * rate_loss
    scale = 2.0 / (first * second)
    power = (x.real * x.real + x.imag * x.imag) * scale
    slope = 2.0 * scale * (x.real * across.real + x.imag * across.imag)
    rise = 2.0 * scale * (x.real * up.real + x.imag * up.imag)
    slope += power * 2.0 * (1.0 - 2.0 * w) * loss / first
    rise += power * 2.0 * (1.0 - 2.0 * v) * rate_loss / second
    return power, slope, rise


@njit(cache=True, parallel=True, fastmath=True)
def score_tracks(table, used, grid, limits, frequency, rate, curvature, shifts, totals, counts, slopes, rises):
    """Statistic of tracks and its slopes.

    Args:
        table: Complex amplitudes (segments, rates, bins).
        used: Which segments count.
        grid: (low, 1/step, 1/rate step, loss, rate loss, segment length).
        limits: (lowest frequency, smallest rate, largest rate) that count.
        frequency: Tracks on segments before plunge, shape (last, n) [Hz]; row k + shift meets segment k.
        rate: Their rates of change, same shape [Hz/s].
        curvature: The rates of those, same shape [Hz/s^2].
        shifts: Rows that lie before the data, shape (n,).
        totals: Sum of the statistic, shape (n,), filled.
        counts: Number of segments that count, shape (n,), filled.
        slopes: Derivative of the sum by the frequency in each row, shape (last, n) [s], filled.
        rises: The same by the rate, same shape [s^2], filled.
    """
    low, inverse_step, inverse_rate, loss, rate_loss, length = grid
    bins, rows = table.shape[2], table.shape[1]
    last, n = frequency.shape
    segments = min(last, table.shape[0])
    slopes[:] = 0.0
    rises[:] = 0.0
    sums, numbers = np.zeros((_PARTS, n)), np.zeros((_PARTS, n), dtype=np.int64)
    for part in prange(_PARTS):
        for s in range(part * segments // _PARTS, (part + 1) * segments // _PARTS):
            if not used[s]:
                continue
            for i in range(n):
                k = s + shifts[i]
                if k >= last:
                    continue
                f, r = frequency[k, i], rate[k, i]
                place, height = (f - low) * inverse_step, r * inverse_rate
                if (
                    f > limits[0]
                    and limits[1] < r < limits[2]
                    and 0.0 <= place < bins - 1.0
                    and 0.0 <= height < rows - 1.0
                    and abs(curvature[k, i]) * length**3 / 6.0 <= LARGEST_CURVATURE
                ):
                    power, slope, rise = power_and_slopes(table, loss, rate_loss, s, place, height)
                    sums[part, i] += power
                    numbers[part, i] += 1
                    slopes[k, i] = slope * inverse_step
                    rises[k, i] = rise * inverse_rate
    for i in range(n):
        totals[i] = sums[:, i].sum()
        counts[i] = numbers[:, i].sum()
