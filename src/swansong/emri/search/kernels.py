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

NOT_HEARD = -100.0
"""Statistic of a source without a track in the data."""

STILL = (0.0, 0.0, 0.0)
"""Orbit of a detector that does not move."""


@njit(cache=True)
def gaussianised(total, weight, squares):
    """Turn a weighted sum of chi-squared numbers into one that is nearly standard normal in noise.

    Args are the sum of w S, that of w and that of w^2, where every S has two degrees of freedom.

    Reference: Wilson and Hilferty, PNAS 17, 684 (1931), with the effective degrees of freedom
    2 (sum w)^2 / sum w^2.
    """
    if not weight > 0.0 or not squares > 0.0:
        return NOT_HEARD
    spread = squares / (9.0 * weight * weight)
    return ((max(total, 0.0) / (2.0 * weight)) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)


@njit(cache=True, fastmath=True)
def cycles_between(f0, f1, r0, r1, c0, c1, step):
    """Cycles between two times from frequency and two derivatives at both: quintic Hermite."""
    return step * (0.5 * (f0 + f1) + step * ((r0 - r1) / 10.0 + step * (c0 + c1) / 120.0))


@njit(cache=True, fastmath=True)
def detector(orbit, sky, time):
    """How much earlier [s] than at the Sun a wave arrives at a detector that circles it, and two derivatives.

    ``orbit`` is (radius [s], angular speed [1/s], longitude at time 0), ``sky`` the cosine of the source's latitude
    times cosine and sine of its longitude.
    """
    angle = orbit[1] * time + orbit[2]
    cosine, sine = math.cos(angle), math.sin(angle)
    early = orbit[0] * (sky[0] * cosine + sky[1] * sine)
    return early, orbit[0] * orbit[1] * (sky[1] * cosine - sky[0] * sine), -early * orbit[1] ** 2


@njit(cache=True, fastmath=True)
def demodulate(
    table, used, grid, shape, arrays, work, m, n, mass, rate, plunge, longest, sky, orbit, weights, fixed, amplitudes,
    expected,
):  # fmt: skip
    """Amplitude of every segment along one harmonic of one track, with the phase of the track taken out.

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
        longest: Time before plunge that the table of tracks reaches [s]; earlier segments do not count.
        sky: Direction as in `detector`, (2,).
        orbit: The detector's as in `detector`; it stands still at radius 0.
        weights: Expected power of a segment against its frequency, on the bins of ``table``.
        fixed: Expected power of each segment instead; empty to use ``weights``.
        amplitudes: Written, (segments,).
        expected: Written: expected powers, negative for segments that do not count.

    Returns:
        First segment written, and one behind the last.
    """
    low, inverse_step, inverse_rate, loss, rate_loss, length = grid
    bins, rows = table.shape[2], table.shape[1]
    phase = 0.0
    f_old, r_old, c_old = 0.0, 0.0, 0.0
    last = min(table.shape[0], int(plunge / length))
    first = max(0, math.ceil((plunge + orbit[0] - longest) / length - 0.5))
    for s in range(first, last):
        time = (s + 0.5) * length
        early, speed, bend = 0.0, 0.0, 0.0
        if orbit[0] > 0.0:
            early, speed, bend = detector(orbit, sky, time)
        f, r, c = evaluate(work, arrays.grid, m, n, mass, rate, plunge - time - early)
        r = r * (1.0 + speed) ** 2 + f * bend
        f *= 1.0 + speed
        if s > first:
            cycles = cycles_between(f_old, f, r_old, r, c_old, c, length) - low * length
            phase += 2.0 * math.pi * (cycles - math.floor(cycles))
        f_old, r_old, c_old = f, r, c
        place, height = (f - low) * inverse_step, r * inverse_rate
        if (
            used[s]
            and f > shape[0]
            and 0.0 <= place < bins - 1.0
            and 0.0 <= height < rows - 1.0
            and r < shape[1]
            and abs(c) * length**3 / 6.0 <= LARGEST_CURVATURE
        ):
            mean = phase + math.pi * r * length * length / 12.0
            turn = complex(math.cos(mean), -math.sin(mean))
            amplitudes[s] = turn * look_up(table, low, inverse_step, inverse_rate, loss, rate_loss, s, f, r)
            expected[s] = fixed[s] if fixed.size > 0 else weights[int(place)]
        else:
            amplitudes[s] = 0.0
            expected[s] = -1.0
    return first, last


@njit(cache=True, fastmath=True)
def add_powers(amplitudes, expected, first, last, totals):
    """Add the powers of groups of segments to ``totals``.

    ``amplitudes``, ``expected``, ``first`` and ``last`` are what `demodulate` gives; ``totals`` are sums (lengths,
    exponents, 3) of w S, w and w^2, for the weights 1, sqrt w and w. A group begins at a multiple of its length.
    """
    for k in range(totals.shape[0]):
        total, weight, members = 0.0j, 0.0, 0
        for s in range(first, last):
            if expected[s] >= 0.0:
                total += amplitudes[s]
                weight += expected[s]
                members += 1
            if members > 0 and ((s + 1) % (1 << k) == 0 or s == last - 1):
                power = 2.0 * (total.real**2 + total.imag**2) / members
                root = math.sqrt(weight)
                totals[k, 0, 0] += power
                totals[k, 0, 1] += 1.0
                totals[k, 0, 2] += 1.0
                totals[k, 1, 0] += root * power
                totals[k, 1, 1] += root
                totals[k, 1, 2] += weight
                totals[k, 2, 0] += weight * power
                totals[k, 2, 1] += weight
                totals[k, 2, 2] += weight * weight
                total, weight, members = 0.0j, 0.0, 0


@njit(cache=True)
def mass_and_rate(mass_1, mass_2):
    """Total mass [s] and symmetric mass ratio over total mass [1/s]."""
    total = (mass_1 + mass_2) * SOLAR_MASS_SECONDS
    return total, mass_1 * mass_2 / (mass_1 + mass_2) ** 2 / total


@njit(cache=True)
def statistic(table, used, grid, shape, arrays, work, point, orbit, harmonics, weights, fixed, answer):
    """Gaussianised statistic of one source, all lengths and exponents; False outside the table of tracks.

    ``point`` is (mass_1, mass_2, spin, plunge time [s], final eccentricity, two numbers of the sky), ``harmonics``
    the rows (m, n), ``fixed`` the expected powers (harmonics, segments) or (harmonics, 0), ``answer`` (lengths, 3);
    the rest as in `demodulate`.
    """
    totals = np.zeros((len(LENGTHS), 3, 3))
    amplitudes, expected = np.empty(table.shape[0], dtype=np.complex128), np.empty(table.shape[0])
    answer[:] = NOT_HEARD
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    # Where the eccentricity was beyond the table the source does not count; it still may later.
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return False
    for h in range(harmonics.shape[0]):
        first, last = demodulate(
            table, used, grid, shape, arrays, work, harmonics[h, 0], harmonics[h, 1], mass, rate, point[3], longest,
            point[5:7], orbit, weights, fixed[h], amplitudes, expected,
        )  # fmt: skip
        add_powers(amplitudes, expected, first, last, totals)
    for k in range(len(LENGTHS)):
        for e in range(3):
            answer[k, e] = gaussianised(totals[k, e, 0], totals[k, e, 1], totals[k, e, 2])
    return True


@njit(cache=True, parallel=True)
def score_points(table, used, grid, shape, arrays, points, orbit, harmonics, weights, fixed, answers):
    """`statistic` of many points (n, 7); answers (points, lengths, 3)."""
    for i in prange(points.shape[0]):
        work = np.empty((2, arrays.coefficients.shape[3]))
        statistic(table, used, grid, shape, arrays, work, points[i], orbit, harmonics, weights, fixed, answers[i])


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
