"""Compiled log likelihoods of many sources, from the tabulated statistic of every segment.

The walk along a track is that of the search, `search.kernels.demodulate`; here the expected power of every group
of segments is used in full.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.emri.search.kernels import demodulate, mass_and_rate
from swansong.emri.tracks.kernels import curve

PAPER, POWER, MATCHED = 0, 1, 2
"""Laws of the likelihood."""

FAINTEST, LOUDEST = 3.0, 1000.0
"""Range of the signal-to-noise ratio in which the unknown amplitude is log-uniform."""

NOWHERE = -1e300
"""Log likelihood of a source without a track."""

_NEWTON = 12


@njit(cache=True)
def log_bessel(z):
    """Ln I0(z) and I1(z)/I0(z) for z >= 0, to 3e-7.

    Reference:
        Abramowitz and Stegun, 9.8.1 to 9.8.4.
    """
    if z < 3.75:
        y = (z / 3.75) ** 2
        zero = 1.0 + y * (
            3.5156229 + y * (3.0899424 + y * (1.2067492 + y * (0.2659732 + y * (0.0360768 + y * 0.0045813))))
        )
        one = z * (
            0.5
            + y
            * (0.87890594 + y * (0.51498869 + y * (0.15084934 + y * (0.02658733 + y * (0.00301532 + y * 0.00032411)))))
        )
        return math.log(zero), one / zero
    y = 3.75 / z
    zero = 0.39894228 + y * (
        0.01328592
        + y
        * (
            0.00225319
            + y
            * (
                -0.00157565
                + y * (0.00916281 + y * (-0.02057706 + y * (0.02635537 + y * (-0.01647633 + y * 0.00392377))))
            )
        )
    )
    one = 0.39894228 + y * (
        -0.03988024
        + y
        * (
            -0.00362018
            + y
            * (
                0.00163801
                + y * (-0.01031555 + y * (0.02282967 + y * (-0.02895312 + y * (0.01787654 - y * 0.00420059))))
            )
        )
    )
    return z - 0.5 * math.log(z) + math.log(zero), one / zero


@njit(cache=True)
def group_powers(amplitudes, expected, begin, end, stretch, first, powers, weights):
    """Powers of groups of segments along one harmonic of one track.

    Args:
        amplitudes: As `search.kernels.demodulate` writes them, (segments,).
        expected: Expected powers of the segments, negative where they do not count.
        begin: First segment.
        end: One behind the last segment.
        stretch: Segments in a group.
        first: Groups written already.
        powers: Written from ``first``: chi-squared powers of groups with any segment that counts.
        weights: Written from ``first``: their expected power.

    Returns:
        Number of groups written, ``first`` included.
    """
    total, weight, members = 0.0j, 0.0, 0
    for s in range(begin, end):
        if expected[s] >= 0.0:
            total += amplitudes[s]
            weight += expected[s]
            members += 1
        if members > 0 and ((s + 1) % stretch == 0 or s == end - 1):
            powers[first] = 2.0 * (total.real**2 + total.imag**2) / members
            weights[first] = weight
            first += 1
            total, weight, members = 0.0j, 0.0, 0
    return first


@njit(cache=True)
def matched(powers, expected, count):
    """Log likelihood ratio of powers whose expectations are known but for one common factor.

    With amplitude A, the power S of a group is non-central chi-squared with non-centrality A^2 w, so that the
    ratio to noise is I0(A sqrt(w S)) exp(-A^2 w / 2). The prior of A is log-uniform between the signal-to-noise
    ratios `FAINTEST` and `LOUDEST`; the integral over ln A is Gaussian around its peak (Laplace), which is
    exact to some per cent of a unit for signals that can be found at all.

    Args:
        powers: Chi-squared powers, (n,).
        expected: Relative expected powers w, (n,).
        count: How many of them count.

    Returns:
        Log likelihood ratio and ln A at its peak.
    """
    weight, lifted, square = 0.0, 0.0, 0.0
    for g in range(count):
        weight += expected[g]
        lifted += expected[g] * (powers[g] - 2.0)
        square += expected[g] ** 2
    if not weight > 0.0:
        return NOWHERE, 0.0
    low = math.log(FAINTEST) - 0.5 * math.log(weight)
    high = math.log(LOUDEST) - 0.5 * math.log(weight)
    log_a = 0.5 * math.log(max(lifted / square, FAINTEST**2 / weight))
    value, bend = 0.0, 0.0
    for _ in range(_NEWTON):
        log_a = min(max(log_a, low), high)
        amplitude = math.exp(log_a)
        value, slope, bend = 0.0, 0.0, 0.0
        for g in range(count):
            z = amplitude * math.sqrt(expected[g] * powers[g])
            log_zero, ratio = log_bessel(z)
            strength = amplitude * amplitude * expected[g]
            value += log_zero - 0.5 * strength
            slope += z * ratio - strength
            bend += z * z * (1.0 - ratio * ratio) - 2.0 * strength
        step = -slope / bend if bend < -1.0 else 0.3 * (1.0 if slope > 0.0 else -1.0)
        step = min(max(step, -0.7), 0.7)
        if abs(step) < 2e-3 or (log_a <= low and step < 0.0) or (log_a >= high and step > 0.0):
            break
        log_a += step
    wide = math.log(LOUDEST / FAINTEST)
    narrow = max(-bend, 2.0 * math.pi / wide**2)
    return value + 0.5 * math.log(2.0 * math.pi / narrow) - math.log(wide), log_a


@njit(cache=True)
def groups_of(table, used, grid, shape, arrays, point, orbit, harmonics, weights, fixed, stretch, powers, expected):
    """Powers and expected powers of one source, written; returns how many groups count, -1 without a track.

    The rest as in `log_likelihoods`.
    """
    work = np.empty((2, arrays.coefficients.shape[3]))
    amplitudes, weight = np.empty(table.shape[0], dtype=np.complex128), np.empty(table.shape[0])
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return -1
    count = 0
    for h in range(harmonics.shape[0]):
        begin, end = demodulate(
            table, used, grid, shape, arrays, work, harmonics[h, 0], harmonics[h, 1], mass, rate, point[3], longest,
            point[5:7], orbit, weights, fixed[h], amplitudes, weight,
        )  # fmt: skip
        count = group_powers(amplitudes, weight, begin, end, stretch, count, powers, expected)
    return count


@njit(cache=True, parallel=True)
def log_likelihoods(
    table, used, grid, shape, arrays, points, orbit, harmonics, weights, fixed, stretch, law, values, amplitudes
):
    """Log likelihoods of many sources.

    ``points`` (n, 7) are (mass_1, mass_2, spin, plunge time [s], final eccentricity, two of the sky), ``harmonics``
    the rows (m, n), ``fixed`` the expected powers (harmonics, segments) or (harmonics, 0), ``law`` one of `PAPER`,
    `POWER`, `MATCHED`; the rest as in `search.kernels.demodulate`. ``values`` and ``amplitudes`` (n,) are written.
    """
    size = table.shape[0] * harmonics.shape[0]
    for i in prange(points.shape[0]):
        powers, expected = np.empty(size), np.empty(size)
        count = groups_of(
            table, used, grid, shape, arrays, points[i], orbit, harmonics, weights, fixed, stretch, powers, expected
        )
        values[i], amplitudes[i] = NOWHERE, 0.0
        if count >= 0 and law == MATCHED:
            values[i], amplitudes[i] = matched(powers, expected, count)
        elif count >= 0:
            total = 0.0
            for g in range(count):
                total += powers[g]
            values[i] = 0.5 * total if law == POWER else total
