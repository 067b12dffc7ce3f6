"""Amplitudes of many modes of many orbits from their source, in compiled code on all cores.

The public door is `source`, where the formulas are explained; nothing is checked here. What depends on the orbit alone
(powers, phases, spherical harmonics at its nodes) is computed once for some hundred modes. What is left for a mode are
sums over nodes, written such that compilers turn them into vector instructions. Modes that vary more slowly along the
orbit take fewer of its nodes.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from swansong.emri.amplitudes.orbit_kernels import COUNTS, STARTS, polar_nodes, radial_nodes
from swansong.emri.amplitudes.radial_kernels import (
    SUMS,
    bounds,
    family,
    few_nodes,
    near_zone,
    place_of,
    reach_of,
    series,
    spread,
    spreading,
    sum_series,
)

_MARGIN = 0.02  # of the logarithmic range of radii
_RAISED = 8
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_TAIL_RADIUS = 2.0 / math.exp(0.5)


class Mixing(NamedTuple):
    """Mixing coefficients of spheroidal harmonics, as `MixingTable` has them."""

    coefficients: np.ndarray
    slopes: np.ndarray
    reach: float
    step: float


@njit(cache=True, error_model="numpy")
def tail(l, w):
    """w^(l+2) Gamma(l+1-2iw)/l! e^(pi w) e^(2iw ln(4w/sqrt(e))) of a positive frequency."""
    y = 2.0 * w
    moved = complex(1.0 + _RAISED, -y)
    inverse = 1.0 / moved
    square, series = inverse * inverse, complex(_STIRLING[-1])
    for i in range(len(_STIRLING) - 2, -1, -1):
        series = series * square + _STIRLING[i]
    # Stirling's series at 9 - i y; the modulus of Gamma has a closed form.
    phase = (
        -y * (0.5 * math.log(moved.real**2 + y * y) - 1.0)
        + y * math.log(y * _TAIL_RADIUS)
        - (moved.real - 0.5) * math.atan(y / moved.real)
        + (series * inverse).imag
    )
    product = complex(1.0, -y)
    for factor in range(2, _RAISED + 1):
        product *= complex(factor, -y)
    turn = 2.0 * math.pi * y
    modulus = math.sqrt(turn / -math.expm1(-turn))
    # Gamma(1 - i y) is that over the product of the factors between.
    value = modulus * complex(math.cos(phase), math.sin(phase)) * product.conjugate() / abs(product)
    power = w * w
    for k in range(1, l + 1):
        value *= complex(1.0, -y / k)
        power *= w
    return value * power


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _wave(one, two, three, a, b, c, out):
    """Cosine and sine of a sum of three phases with integer factors a, b, c."""
    sa, sb, sc = (1.0 if a >= 0 else -1.0), (1.0 if b >= 0 else -1.0), (1.0 if c >= 0 else -1.0)
    p, q, r = one[abs(a)], two[abs(b)], three[abs(c)]
    for i in range(out.shape[1]):
        ps, qs = sa * p[1, i], sb * q[1, i]
        cosine, sine = p[0, i] * q[0, i] - ps * qs, ps * q[0, i] + p[0, i] * qs
        rs = sc * r[1, i]
        out[0, i] = cosine * r[0, i] - sine * rs
        out[1, i] = sine * r[0, i] + cosine * rs


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _moments(values, powers, out):
    """Sums of values (parts, nodes) times powers (terms, nodes); out (parts, terms)."""
    for k in range(out.shape[1]):
        power = powers[k]
        for part in range(out.shape[0]):
            row, total = values[part], 0.0
            for i in range(power.size):
                total += row[i] * power[i]
            out[part, k] = total


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _polynomials(coefficients, u, out):
    """Polynomials in u, (polynomials, degrees) from the lowest on, degrees in multiples of four; out (., nodes)."""
    top = coefficients.shape[1] - 4
    for p in range(out.shape[0]):
        row, c = out[p], coefficients[p]
        c0, c1, c2, c3 = c[top], c[top + 1], c[top + 2], c[top + 3]
        for i in range(u.size):
            row[i] = c0 + u[i] * (c1 + u[i] * (c2 + u[i] * c3))
        for k in range(top - 4, -1, -4):
            c0, c1, c2, c3 = c[k], c[k + 1], c[k + 2], c[k + 3]
            for i in range(u.size):
                row[i] = c0 + u[i] * (c1 + u[i] * (c2 + u[i] * (c3 + u[i] * row[i])))


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _radial_sum(wave, parts, outer, found, factors, m, w, eigenvalue):
    """Sum over the nodes of the radial weights times the radial function and the factors of the polar motion.

    With u = i kappa v - s instead of the slope s, the second derivative leaves lambda + 6 i w r of v.

    Args:
        wave: cos and sin of the phase, (2, nodes).
        parts: What depends on the radius alone, (9, nodes), see `radial_nodes`.
        outer: Prefactor of the function and its logarithmic slope, (2, nodes).
        found: The rest of the function and its slope, real and imaginary, (4, nodes).
        factors: Of the five weights, real and imaginary, (10, nodes).
        m: Order.
        w: Frequency.
        eigenvalue: lambda.
    """
    real, imaginary = 0.0, 0.0
    for i in range(parts.shape[1]):
        vr, vi = outer[0, i] * found[0, i], outer[0, i] * found[1, i]
        kappa = w * parts[0, i] - m * parts[1, i]
        ur = -kappa * vi - outer[0, i] * found[2, i] - outer[1, i] * vr
        ui = kappa * vr - outer[0, i] * found[3, i] - outer[1, i] * vi
        cosine, sine = wave[0, i], wave[1, i]
        two, other_two = parts[2, i] * cosine, parts[3, i] * sine
        one, other_one = parts[4, i] * cosine, parts[5, i] * sine
        er, ei = eigenvalue * parts[6, i], w * parts[7, i]
        # What multiplies v.
        a = factors[6, i] * er - factors[7, i] * ei
        b = factors[6, i] * ei + factors[7, i] * er
        a = a * cosine + factors[0, i] * two - factors[1, i] * other_two
        b = b * cosine + factors[1, i] * two + factors[0, i] * other_two
        a += factors[4, i] * one - factors[5, i] * other_one
        b += factors[5, i] * one + factors[4, i] * other_one
        # What multiplies u.
        c = factors[8, i] - factors[6, i] * parts[8, i] - 2.0 * kappa * factors[7, i]
        d = factors[9, i] - factors[7, i] * parts[8, i] + 2.0 * kappa * factors[6, i]
        c = c * cosine + factors[2, i] * one - factors[3, i] * other_one
        d = d * cosine + factors[3, i] * one + factors[2, i] * other_one
        real += a * vr - b * vi + (c * ur - d * ui)
        imaginary += a * vi + b * vr + (c * ui + d * ur)
    return complex(real, imaginary) / parts.shape[1]


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _polar_values(wave, harmonics, first, mixed, sine, spinning, velocity, g, sums, out):
    """Polar weights at the nodes.

    Args:
        wave: cos and sin of the phase, (2, nodes).
        harmonics: Of one order, with the factors of the ladder, (degrees, 3 nodes).
        first: Lowest degree of that order.
        mixed: Mixing coefficients with their signs, (degrees,).
        sine: Of the polar angle.
        spinning: a times that.
        velocity: Real and imaginary part, (2, nodes).
        g: a w.
        sums: Place for sums, (3 nodes,).
        out: Written: S2 and a sin(th) S1 with the plain wave, S1 and a sin(th) S with the velocity, S with its square,
            (5, nodes).
    """
    nodes = sine.size
    sums[:] = 0.0
    for d in range(first - 2, mixed.size - 1, 2):
        c, e = mixed[d], mixed[d + 1]
        if abs(c) < 1e-11 and abs(e) < 1e-11:
            continue
        one, two = harmonics[d], harmonics[d + 1]
        for i in range(sums.size):
            sums[i] += c * one[i] + e * two[i]
    if (mixed.size - first) % 2 == 1:
        c, one = mixed[mixed.size - 1], harmonics[mixed.size - 1]
        for i in range(sums.size):
            sums[i] += c * one[i]
    for i in range(nodes):
        turn = g * sine[i]
        s, plain, twice = sums[i], sums[nodes + i], sums[2 * nodes + i]
        first = plain + turn * s
        second = twice + turn * (2.0 * plain + turn * s)
        cosine, vr, vi = wave[0, i], velocity[0, i], velocity[1, i]
        one = vr * wave[1, i] + vi * cosine
        two = (vr * vr - vi * vi) * cosine - 2.0 * vr * vi * wave[1, i]
        out[0, i], out[1, i] = cosine * second, cosine * spinning[i] * first
        out[2, i], out[3, i] = one * first, one * spinning[i] * s
        out[4, i] = two * s


@njit(cache=True, error_model="numpy")
def _mixed(mixing, l, m, g, out):
    """Mixing coefficients of a degree with the signs of negative orders; |g| stays far below the reach of the table."""
    negative = m < 0
    place = ((-g if negative else g) + mixing.reach) / mixing.step
    left = min(max(int(place), 0), mixing.coefficients.shape[1] - 2)
    share = place - left
    rest = 1.0 - share
    low, high = mixing.coefficients[abs(m), left, l - 2], mixing.coefficients[abs(m), left + 1, l - 2]
    low_slope, high_slope = mixing.slopes[abs(m), left, l - 2], mixing.slopes[abs(m), left + 1, l - 2]
    c0, c1 = rest * rest * (1.0 + 2.0 * share), share * share * (1.0 + 2.0 * rest)
    c2, c3 = mixing.step * share * rest * rest, -mixing.step * share * share * rest
    for d in range(out.size):
        value = c0 * low[d] + c1 * high[d] + c2 * low_slope[d] + c3 * high_slope[d]
        out[d] = -value if negative and (l + d) % 2 == 1 else value


@njit(cache=True, error_model="numpy")
def _expansion(polar, out):
    """Coefficients by powers of 1 / r that the polar moments (5, terms) give the radial weights, (10, terms + 1)."""
    out[:] = 0.0
    real, imaginary = 1.0, 0.0  # (-i)^k
    for k in range(polar.shape[1]):
        double = 1.0 if k == 0 else 2.0
        c = -0.5 * double * polar[0, k]
        out[0, k] += c * real
        out[1, k] += c * imaginary
        out[0, k + 1] -= polar[1, k] * imaginary
        out[1, k + 1] += polar[1, k] * real
        c = double * polar[2, k]
        out[2, k] += c * imaginary
        out[3, k] -= c * real
        c = 2.0 * k * polar[3, k]
        out[2, k + 1] += c * real
        out[3, k + 1] += c * imaginary
        c = 2.0 * (k + 1.0) * polar[2, k]
        out[4, k + 1] += c * imaginary
        out[5, k + 1] -= c * real
        c = 0.5 * double * polar[4, k]
        out[6, k] -= c * real
        out[7, k] -= c * imaginary
        out[8, k + 1] -= polar[4, k] * real
        out[9, k + 1] -= polar[4, k] * imaginary
        real, imaginary = imaginary, -real


@njit(cache=True, error_model="numpy")
def _size(e, l, n):
    """Which of `SIZES` a mode of positive frequency needs to 1e-6 of the strongest of its orbit, by trial."""
    if e == 0.0:
        return 0
    needed = 6.0 + 50.0 * e + (1.2 + 1.4 * e) * max(n, 0) + 0.5 * max(l - 4, 0)
    for size in range(1, COUNTS.size - 1):
        if needed <= COUNTS[size]:
            return size
    return COUNTS.size - 1


@njit(cache=True, parallel=True, error_model="numpy")
def place_modes(table, orbits, modes, counts, frequency, families, place, reach, size):
    """What is to be done for every mode of every orbit.

    Args:
        table: Radial table.
        orbits: `Orbits`.
        modes: (l, m, k, n), (lists, modes, 4); one list for all orbits or one for each.
        counts: Modes of each list.
        frequency: Written: w, with its sign, (orbits, modes).
        families: Written: family in the table, -1 where a mode is static, silent or beyond the table.
        place: Written: coordinate of frequency.
        reach: Written: how far in ln(1 + r) the table goes.
        size: Written: place among `SIZES`, -1 likewise.
    """
    for index in prange(orbits.numbers.shape[0]):
        row = np.int64(index)
        a, x, w_polar, w_precession, w_radial, lowest, e = (
            orbits.numbers[row, 0], orbits.numbers[row, 1], orbits.numbers[row, 6], orbits.numbers[row, 7],
            orbits.numbers[row, 8], orbits.numbers[row, 9], orbits.numbers[row, 10],
        )  # fmt: skip
        fast, slow = bounds(a)
        farthest = math.log(orbits.radial[row, 0, -1] - lowest + 1.0)
        which = min(row, modes.shape[0] - 1)
        for i in range(frequency.shape[1]):
            families[row, i] = size[row, i] = -1
            if i >= counts[which]:
                continue
            l, m, k, n = modes[which, i]
            w = (k + (m if x >= 0.0 else -m)) * w_polar + m * w_precession + n * w_radial
            frequency[row, i] = w
            silent = w == 0.0 or (e == 0.0 and n != 0) or (abs(x) == 1.0 and k != 0)
            if silent or l > table.largest_l:
                continue
            if w < 0.0:
                m, n, w = -m, -n, -w
            at, far = place_of(table, fast, slow, l, m, w), reach_of(l, w)
            if at <= table.weights.shape[1] - 1.0 and farthest <= far * (1.0 + 1e-12):
                families[row, i], place[row, i], reach[row, i] = family(l, m), at, far
                size[row, i] = _size(e, l, n)


@njit(cache=True, error_model="numpy")
def _sorted(size, family, sizes, families):
    """Places of the modes with a size, by size and then by family, and where each size begins."""
    starts = np.zeros(sizes * families + 1, np.int64)
    for i in range(size.size):
        if size[i] >= 0:
            starts[size[i] * families + family[i] + 1] += 1
    for key in range(starts.size - 1):
        starts[key + 1] += starts[key]
    firsts, order = starts[::families].copy(), np.empty(starts[-1], np.int64)
    for i in range(size.size):
        if size[i] >= 0:
            key = size[i] * families + family[i]
            order[starts[key]] = i
            starts[key] += 1
    return order, firsts


@njit(cache=True, error_model="numpy")
def _outgoing(l, w, r, found, outer):
    """What stands before the series of R_up: r^3 y^(l+2) with its logarithmic slope, and e^{iwr} in the series."""
    for i in range(r.size):
        square = 1.0 / (r[i] * r[i]) + (w / l) ** 2
        outer[0, i] = r[i] ** 3 * square ** (0.5 * l + 1.0)
        outer[1, i] = 3.0 / r[i] - (l + 2.0) / (r[i] ** 3 * square)
        c, s = math.cos(w * r[i]), math.sin(w * r[i])
        real, imaginary = c * found[0, i] - s * found[1, i], c * found[1, i] + s * found[0, i]
        slope, other = c * found[2, i] - s * found[3, i], c * found[3, i] + s * found[2, i]
        found[0, i], found[1, i] = real, imaginary
        found[2, i], found[3, i] = slope - w * imaginary, other + w * real


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def _one_task(table, mixing, climb, orbits, row, modes, placed, mixed, eigenvalues, values):
    """Amplitudes of some modes of one orbit."""
    frequency, families, reach, size = placed
    a, x, time = orbits.numbers[row, 0], orbits.numbers[row, 1], orbits.numbers[row, 5]
    lowest, e = orbits.numbers[row, 9], orbits.numbers[row, 10]
    terms = orbits.terms[row]
    largest = np.ones(3, np.int64)
    for i in range(modes.shape[0]):
        m = modes[i, 1]
        largest[0] = max(largest[0], abs(m))
        largest[1] = max(largest[1], abs(modes[i, 2] + (m if x >= 0.0 else -m)))
        largest[2] = max(largest[2], abs(modes[i, 3]))
    sine, spinning, velocity, polar_powers, harmonics, polar_m, polar_j, polar_n = polar_nodes(
        climb, orbits, row, largest
    )
    center = (climb.lowest.shape[1] - 1) // 2
    coefficients, mixing_row = np.empty(table.shapes.shape[2], np.float32), np.empty(harmonics.shape[1])
    polar_wave, polar_weights, polar = np.empty((2, sine.size)), np.empty((5, sine.size)), np.empty((5, terms))
    sums_polar = np.empty(3 * sine.size)
    radial = np.empty((10, 4 * (terms // 4 + 1)))
    # Radial functions are summed at a few nodes of the range of the orbit first.
    few = 8 * math.ceil((6.0 + 28.0 * e) / 8.0)
    y_few, t, sums, work = np.empty(few), np.empty(few), np.empty((2, few)), np.empty((2, few))
    everywhere = orbits.radial[row, 0]
    low, high = (
        math.log(everywhere[STARTS[-2]] - lowest + 1.0) - _MARGIN,
        math.log(everywhere[-1] - lowest + 1.0) + _MARGIN,
    )
    few_nodes(low, high, y_few)
    # Modes of one family share what would not fit the cache for all.
    order, firsts = _sorted(size, families, COUNTS.size, table.shapes.shape[0])
    for group in range(COUNTS.size):
        if firsts[group] == firsts[group + 1]:
            continue
        r, parts, outer, inverse, by_m, by_j, by_n = radial_nodes(orbits, row, group, largest)
        nodes = r.size
        matrices, found = np.empty((2, few, nodes)), np.empty((4, nodes))
        spreading(low, high, np.log(r - lowest + 1.0), matrices)
        for i in range(nodes):
            matrices[1, :, i] /= r[i] - lowest + 1.0
        wave, leaving, factors = np.empty((2, nodes)), np.empty((2, nodes)), np.empty((10, nodes))
        for i in order[firsts[group] : firsts[group + 1]]:
            l, m, j, n = modes[i]
            sign = -1.0 if x < 0.0 and m % 2 == 1 else 1.0
            j += m if x >= 0.0 else -m
            w = frequency[i]
            turned = w < 0.0
            if turned:
                # A mode of negative frequency is the mirror image of one of positive frequency.
                m, j, n, w = -m, -j, -n, -w
                if (l + j + m) % 2 == 1:
                    sign = -sign
            _mixed(mixing, l, m, a * w, mixing_row)
            series(table.shapes[families[i]], mixed[i], coefficients)
            for c in range(few):
                t[c] = 2.0 * y_few[c] / reach[i] - 1.0
            sum_series(t, coefficients, work, sums)
            spread(sums, matrices, found)
            before = outer[l]
            if table.horizon:
                before = leaving
                _outgoing(l, w, r, found, before)
            _wave(by_n, by_j, by_m, n, j, m, wave)
            _wave(polar_n, polar_j, polar_m, n, j, m, polar_wave)
            _polar_values(
                polar_wave,
                harmonics[m + center],
                max(2, abs(m)),
                mixing_row,
                sine,
                spinning,
                velocity,
                a * w,
                sums_polar,
                polar_weights,
            )
            _moments(polar_weights, polar_powers, polar)
            _expansion(polar, radial)
            _polynomials(radial, inverse, factors)
            total = _radial_sum(wave, parts, before, found, factors, float(m), w, eigenvalues[i])
            factor = near_zone(l, m, w, a) if table.horizon else tail(l, w)
            value = sign * (-2.0 * math.pi / time) * factor * total
            values[i] = value.conjugate() if turned else value


@njit(cache=True, parallel=True)
def amplitudes(table, mixing, climb, orbits, modes, tasks, placed, mixed, eigenvalues, values):
    """Amplitudes at infinity, or from the table of R_up at the horizon.

    Args:
        table: Radial table.
        mixing: `Mixing`.
        climb: Recurrence of the harmonics.
        orbits: `Orbits`.
        modes: (l, m, k, n), (lists, modes, 4); one list for all orbits or one for each.
        tasks: Orbit, first mode and first mode after the last, (tasks, 3).
        placed: Frequency, family, reach and size of `place_modes`, (orbits, modes) each.
        mixed: Weights of the radial functions, (orbits, modes, 2 rank).
        eigenvalues: lambda, (orbits, modes).
        values: Written, (orbits, modes), where a mode has a size.
    """
    for task in prange(tasks.shape[0]):
        row, first, last = tasks[task]
        chosen = slice(first, last)
        of_task = (placed[0][row, chosen], placed[1][row, chosen], placed[2][row, chosen], placed[3][row, chosen])
        _one_task(
            table, mixing, climb, orbits, row, modes[min(row, modes.shape[0] - 1), chosen], of_task,
            mixed[row, chosen], eigenvalues[row, chosen], values[row, chosen],
        )  # fmt: skip
