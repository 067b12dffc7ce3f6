"""Compiled sums of the statistic along tracks: one track exactly, or very many roughly.

Both use the same rules for which segments count: a segment that ends before plunge, whose
frequency and rate of change lie inside the table, and over which the rate itself stays
constant enough (|f''| T^3 / 6 <= 1).
"""

import math

import numpy as np
from numba import njit, prange

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.emri.search.statistic import look_up
from swansong.emri.tracks.kernels import curve, evaluate

LARGEST_CURVATURE = 1.0
"""Largest |f''| T^3 / 6 of a segment that counts: the loss of power is then 1.4 per cent."""

LENGTHS = (1, 2, 4, 8)
"""Numbers of neighbouring segments that are added coherently."""

_BLOCK = 2048  # templates that go through the segments together, so that a segment stays in the cache


@njit(cache=True)
def gaussianised(total, weight, squares):
    """Turn a weighted sum of chi-squared numbers into one that is nearly standard normal in noise.

    Args are the sum of w S, that of w and that of w^2, where every S has two degrees of freedom.

    Reference: Wilson and Hilferty, PNAS 17, 684 (1931), with the effective degrees of freedom
    2 (sum w)^2 / sum w^2.
    """
    if not weight > 0.0 or not squares > 0.0:
        return -100.0
    spread = squares / (9.0 * weight * weight)
    return ((max(total, 0.0) / (2.0 * weight)) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)


@njit(cache=True, fastmath=True)
def cycles_between(f0, f1, r0, r1, c0, c1, step):
    """Cycles between two times from frequency and two derivatives at both: quintic Hermite."""
    return step * (0.5 * (f0 + f1) + step * ((r0 - r1) / 10.0 + step * (c0 + c1) / 120.0))


@njit(cache=True, fastmath=True)
def track_powers(
    table, used, grid, shape, arrays, work, m, n, mass, rate, plunge, longest, weights, fixed, totals
):  # fmt: skip
    """Add the powers of one harmonic of one track to ``totals``.

    Args:
        table: Complex amplitudes (segments, rates, bins).
        used: Which segments count.
        grid: (low, 1/step, 1/rate step, loss, rate loss, segment length).
        shape: (lowest frequency, largest rate) that count.
        arrays: Table of tracks.
        work: Curves of this spin and final eccentricity.
        m: Azimuthal number.
        n: Radial number.
        mass: Total mass [s].
        rate: Symmetric mass ratio over total mass [1/s].
        plunge: Time of plunge [s].
        longest: Time before plunge that the table of tracks reaches [s].
        weights: Expected power of a segment against its frequency, on the bins of ``table``.
        fixed: Expected power of each segment instead; empty to use ``weights``.
        totals: Sums (lengths, exponents, 3) of w S, w and w^2, for the weights 1, sqrt w and w.
    """
    low, inverse_step, inverse_rate, loss, rate_loss, length = grid
    bins, rows = table.shape[2], table.shape[1]
    phase = 0.0
    f_old, r_old, c_old = 0.0, 0.0, 0.0
    sums = np.zeros(4, dtype=np.complex128)
    counts = np.zeros(4, dtype=np.int64)
    expected = np.zeros(4)
    any_before = False
    last = min(table.shape[0], int(plunge / length))
    first = max(0, math.ceil((plunge - longest) / length - 0.5))
    for s in range(first, last):
        f, r, c = evaluate(work, arrays.grid, m, n, mass, rate, plunge - (s + 0.5) * length)
        if any_before:
            cycles = cycles_between(f_old, f, r_old, r, c_old, c, length) - low * length
            phase += 2.0 * math.pi * (cycles - math.floor(cycles))
        any_before = True
        f_old, r_old, c_old = f, r, c
        place, height = (f - low) * inverse_step, r * inverse_rate
        counted = (
            used[s]
            and f > shape[0]
            and 0.0 <= place < bins - 1.0
            and 0.0 <= height < rows - 1.0
            and r < shape[1]
            and abs(c) * length**3 / 6.0 <= LARGEST_CURVATURE
        )
        if counted:
            x = look_up(table, low, inverse_step, inverse_rate, loss, rate_loss, s, f, r)
            mean = phase + math.pi * r * length * length / 12.0
            x = x * complex(math.cos(mean), -math.sin(mean))
            w = fixed[s] if fixed.size > 0 else weights[int(place)]
            for k in range(4):
                sums[k] += x
                counts[k] += 1
                expected[k] += w
        for k in range(4):
            if (s + 1) % (1 << k) == 0 or s == last - 1:
                if counts[k] > 0:
                    power = 2.0 * (sums[k].real ** 2 + sums[k].imag ** 2) / counts[k]
                    w = expected[k]
                    root = math.sqrt(w)
                    totals[k, 0, 0] += power
                    totals[k, 0, 1] += 1.0
                    totals[k, 0, 2] += 1.0
                    totals[k, 1, 0] += root * power
                    totals[k, 1, 1] += root
                    totals[k, 1, 2] += w
                    totals[k, 2, 0] += w * power
                    totals[k, 2, 1] += w
                    totals[k, 2, 2] += w * w
                sums[k] = 0.0
                counts[k] = 0
                expected[k] = 0.0


@njit(cache=True)
def mass_and_rate(mass_1, mass_2):
    """Total mass [s] and symmetric mass ratio over total mass [1/s]."""
    total = (mass_1 + mass_2) * SOLAR_MASS_SECONDS
    return total, mass_1 * mass_2 / (mass_1 + mass_2) ** 2 / total


@njit(cache=True)
def statistic(table, used, grid, shape, arrays, work, point, harmonics, weights, fixed, answer):
    """Gaussianised statistic of one source, all lengths and exponents; False outside the table of tracks.

    ``point`` is (mass_1, mass_2, spin, plunge time [s], final eccentricity), ``harmonics`` the rows
    (m, n), ``fixed`` the expected powers (harmonics, segments) or (harmonics, 0), ``answer`` (lengths, 3).
    """
    totals = np.zeros((4, 3, 3))
    answer[:] = -100.0
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    # Where the eccentricity was beyond the table the source does not count; it still may later.
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return False
    for h in range(harmonics.shape[0]):
        track_powers(
            table, used, grid, shape, arrays, work, harmonics[h, 0], harmonics[h, 1], mass, rate, point[3], longest,
            weights, fixed[h], totals,
        )  # fmt: skip
    for k in range(4):
        for e in range(3):
            answer[k, e] = gaussianised(totals[k, e, 0], totals[k, e, 1], totals[k, e, 2])
    return True


@njit(cache=True, parallel=True)
def score_points(table, used, grid, shape, arrays, points, harmonics, weights, fixed, answers):
    """`statistic` of many points; answers (points, lengths, 3)."""
    for i in prange(points.shape[0]):
        work = np.empty((2, arrays.coefficients.shape[3]))
        statistic(table, used, grid, shape, arrays, work, points[i], harmonics, weights, fixed, answers[i])


@njit(cache=True, parallel=True)
def frequencies_at(arrays, points, times, m, n, out):
    """Frequency of a harmonic of many points at many times; zero after plunge, NaN outside the table."""
    for i in prange(points.shape[0]):
        work = np.empty((2, arrays.coefficients.shape[3]))
        edge = curve(arrays, points[i, 2], points[i, 4], work)
        mass, rate = mass_and_rate(points[i, 0], points[i, 1])
        for k in range(times.size):
            left = points[i, 3] - times[k]
            if not rate * left <= math.exp(edge):
                out[i, k] = np.nan
            else:
                out[i, k], _, _ = evaluate(work, arrays.grid, m, n, mass, rate, left)
