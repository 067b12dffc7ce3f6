"""Compiled log likelihoods of many sources, from the tabulated statistic of every segment.

Segments count by the rules of `search.kernels.track_powers`. Beyond it a track may be seen from a detector that
circles the Sun, and the expected power of every group of segments is used in full.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.emri.search.kernels import LARGEST_CURVATURE, cycles_between, mass_and_rate
from swansong.emri.search.statistic import look_up
from swansong.emri.tracks.kernels import curve, evaluate

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


@njit(cache=True, fastmath=True)
def group_powers(
    table, used, grid, shape, arrays, work, harmonic, mass, rate, plunge, longest, sky, orbit, weights, fixed, stretch,
    first, powers, expected,
):  # fmt: skip
    """Powers of groups of segments along one harmonic of one track.

    Args:
        table: Complex amplitudes (segments, rates, bins).
        used: Which segments count.
        grid: (low, 1/step, 1/rate step, loss, rate loss, segment length).
        shape: (lowest frequency, largest rate) that count.
        arrays: Table of tracks.
        work: Curves of this spin and final eccentricity.
        harmonic: (m, n).
        mass: Total mass [s].
        rate: Symmetric mass ratio over total mass [1/s].
        plunge: Time of plunge [s].
        longest: Time before plunge that the table of tracks reaches [s]; earlier segments do not count.
        sky: cos(latitude) times cosine and sine of the longitude, (2,).
        orbit: (radius [s], angular speed [1/s], longitude at time 0) of the detector; no motion at radius 0.
        weights: Expected power of a segment against its frequency, on the bins of ``table``.
        fixed: Expected power of each segment instead; empty to use ``weights``.
        stretch: Segments in a group.
        first: Groups written already.
        powers: Written from ``first``: chi-squared powers of groups with any segment that counts.
        expected: Written from ``first``: their expected power.

    Returns:
        Number of groups written, ``first`` included.
    """
    low, inverse_step, inverse_rate, loss, rate_loss, length = grid
    bins, rows = table.shape[2], table.shape[1]
    phase, total, weight, members = 0.0, 0.0j, 0.0, 0
    f_old, r_old, c_old = 0.0, 0.0, 0.0
    last = min(table.shape[0], int(plunge / length))
    begin = max(0, math.ceil((plunge + orbit[0] - longest) / length - 0.5))
    for s in range(begin, last):
        time = (s + 0.5) * length
        early, speed, bend = 0.0, 0.0, 0.0
        if orbit[0] > 0.0:
            angle = orbit[1] * time + orbit[2]
            cosine, sine = math.cos(angle), math.sin(angle)
            early = orbit[0] * (sky[0] * cosine + sky[1] * sine)
            speed = orbit[0] * orbit[1] * (sky[1] * cosine - sky[0] * sine)
            bend = -early * orbit[1] ** 2
        f, r, c = evaluate(work, arrays.grid, harmonic[0], harmonic[1], mass, rate, plunge - time - early)
        r = r * (1.0 + speed) ** 2 + f * bend
        f *= 1.0 + speed
        if s > begin:
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
            x = look_up(table, low, inverse_step, inverse_rate, loss, rate_loss, s, f, r)
            mean = phase + math.pi * r * length * length / 12.0
            total += x * complex(math.cos(mean), -math.sin(mean))
            weight += fixed[s] if fixed.size > 0 else weights[int(place)]
            members += 1
        if (s + 1) % stretch == 0 or s == last - 1:
            if members > 0:
                powers[first] = 2.0 * (total.real**2 + total.imag**2) / members
                expected[first] = weight
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

    ``point`` has the two numbers of the sky after the five of the track; the rest as in `log_likelihoods`.
    """
    work = np.empty((2, arrays.coefficients.shape[3]))
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return -1
    count = 0
    for h in range(harmonics.shape[0]):
        count = group_powers(
            table, used, grid, shape, arrays, work, harmonics[h], mass, rate, point[3], longest, point[5:7], orbit,
            weights, fixed[h], stretch, count, powers, expected,
        )  # fmt: skip
    return count


@njit(cache=True, parallel=True)
def log_likelihoods(
    table, used, grid, shape, arrays, points, orbit, harmonics, weights, fixed, stretch, law, values, amplitudes
):
    """Log likelihoods of many sources.

    ``points`` (n, 7) are (mass_1, mass_2, spin, plunge time [s], final eccentricity, two of the sky), ``harmonics``
    the rows (m, n), ``fixed`` the expected powers (harmonics, segments) or (harmonics, 0), ``law`` one of `PAPER`,
    `POWER`, `MATCHED`; the rest as in `group_powers`. ``values`` and ``amplitudes`` (n,) are written.
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
