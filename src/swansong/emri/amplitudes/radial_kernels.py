"""Radial functions of many modes from the table, in compiled code.

Two steps, since the table is larger than the caches: weights of the fixed functions for all modes of many orbits,
family by family, and then, mode by mode, the sum of their Chebyshev series.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

SUMS = {"contract", "reassoc", "nsz", "arcp"}
"""What compilers may do to sums; NaN and infinities keep their meaning."""

FARTHEST = 100.0
"""Radius that the slowest modes of the table reach [M]."""

_SMALLEST_L = 2
RANK, DEGREES = 24, 48
"""Fixed functions and degrees, filled up with zeros: compilers do better with loops of known length."""

_NEIGHBOURS = 6  # in frequency
_LAGRANGE = np.array([1.0 / math.prod(i - k for k in range(_NEIGHBOURS) if k != i) for i in range(_NEIGHBOURS)])


class Table(NamedTuple):
    """The radial table as the kernels want it.

    Attributes:
        weights: Of the fixed functions, real parts and then imaginary parts, in single precision, (families,
            frequencies, spins, 2 rank). Rank is even, and spins come in multiples of four.
        shapes: Chebyshev coefficients of these, real parts and then imaginary parts, in single precision, (families,
            rank, 2 degrees); degrees in multiples of four.
        eigenvalues: lambda, (families, frequencies, spins).
        share: Largest frequency over `highest`.
        largest_l: Largest degree.
        horizon: Whether the functions are R_up, else R_in.
    """

    weights: np.ndarray
    shapes: np.ndarray
    eigenvalues: np.ndarray
    share: float
    largest_l: int
    horizon: bool


@njit(cache=True, error_model="numpy")
def bounds(a):
    """Frequencies of the light rings, prograde and retrograde [1/M]."""
    prograde = 2.0 * (1.0 + math.cos(2.0 / 3.0 * math.acos(-a)))
    retrograde = 2.0 * (1.0 + math.cos(2.0 / 3.0 * math.acos(a)))
    return 1.0 / (prograde**1.5 + a), 1.0 / (retrograde**1.5 - a)


@njit(cache=True, error_model="numpy")
def highest(fast, slow, l, m):
    """Frequency beyond which no mode of this degree and order has power, from those of the light rings [1/M]."""
    share = m / (l + 0.5)
    return (1.0 + 1.2 / l) * (l + 0.5) * 0.5 * ((1.0 + share) * fast + (1.0 - share) * slow)


@njit(cache=True, error_model="numpy")
def reach_of(l, w):
    """How far from its lowest radius the table goes, as ln(1 + distance)."""
    return math.log1p(FARTHEST / math.sqrt(1.0 + (FARTHEST * w / (20.0 + 1.6 * l)) ** 2))


@njit(cache=True, error_model="numpy")
def place_of(table, fast, slow, l, m, w):
    """Coordinate of frequency of a mode in steps of the grid."""
    frequencies = table.weights.shape[1]
    return (w / (table.share * highest(fast, slow, l, m))) ** (2.0 / 3.0) * frequencies - 1.0


@njit(cache=True, error_model="numpy")
def family(l, m):
    """Place of (l, m), m from -l to l, in the table."""
    return l * l + l + m - _SMALLEST_L * _SMALLEST_L


@njit(cache=True, error_model="numpy")
def near_zone(l, m, w, a):
    """The factor N_lm(a, w) of R_up, see `radial`."""
    root = math.sqrt(1.0 - a * a)
    outer = 1.0 + root
    drag = a * m - 2.0 * outer * w
    phase = -0.5 * drag / outer * (outer + 2.0 * math.log(root))
    value = complex(math.cos(phase), math.sin(phase))
    for k in range(3, l + 1):
        value *= complex(root, drag / k)
    return value


@njit(cache=True)
def sort_entries(families, places, number, steps):
    """Places of the entries with a family, by family and by the step of their frequency: neighbours share rows."""
    starts = np.zeros(number * steps + 1, np.int64)
    for i in range(families.size):
        if families[i] >= 0:
            starts[families[i] * steps + max(int(places[i]), 0) + 1] += 1
    for key in range(starts.size - 1):
        starts[key + 1] += starts[key]
    order = np.empty(starts[-1], np.int64)
    for i in range(families.size):
        if families[i] >= 0:
            key = families[i] * steps + max(int(places[i]), 0)
            order[starts[key]] = i
            starts[key] += 1
    return order


@njit(cache=True, parallel=True, error_model="numpy", fastmath=SUMS)
def mix(table, shares, entries, families, places, rows, mixed, eigenvalues):
    """Weights of the fixed functions, and eigenvalues.

    Args:
        table: `Table`.
        shares: Weights of the spins, (orbits, spins).
        entries: Which entries of the following to compute, best sorted by family.
        families: Families of the entries.
        places: Coordinates of frequency.
        rows: Orbits, rows of `shares`.
        mixed: Written: weights, (entries, 2 rank).
        eigenvalues: Written, (entries,).
    """
    frequencies, spins = table.weights.shape[1], table.weights.shape[2]
    for index in prange(entries.size):
        entry = entries[index]
        place, share, family, out = places[entry], shares[rows[entry]], families[entry], mixed[entry]
        first = min(max(math.floor(place) - _NEIGHBOURS // 2 + 1, 0), frequencies - _NEIGHBOURS)
        out[:] = 0.0
        eigenvalue = 0.0
        for i in range(_NEIGHBOURS):
            factor = _LAGRANGE[i]
            for k in range(_NEIGHBOURS):
                if k != i:
                    factor *= place - first - k
            weights = table.weights[family, first + i]
            for b in range(0, spins, 4):
                r0, r1, r2, r3 = weights[b], weights[b + 1], weights[b + 2], weights[b + 3]
                c0, c1 = np.float32(factor * share[b]), np.float32(factor * share[b + 1])
                c2, c3 = np.float32(factor * share[b + 2]), np.float32(factor * share[b + 3])
                for k in range(2 * RANK):
                    out[k] += c0 * r0[k] + c1 * r1[k] + (c2 * r2[k] + c3 * r3[k])
            total = 0.0
            for b in range(spins):
                total += share[b] * table.eigenvalues[family, first + i, b]
            eigenvalue += factor * total
        eigenvalues[entry] = eigenvalue


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def series(shapes, mixed, out):
    """Chebyshev coefficients of one radial function, out (2 degrees,): real parts and then imaginary parts."""
    out[:] = 0.0
    for k in range(0, shapes.shape[0], 2):
        a, b, c, d = mixed[k], mixed[RANK + k], mixed[k + 1], mixed[RANK + k + 1]
        one, two = shapes[k], shapes[k + 1]
        for i in range(DEGREES):
            out[i] += a * one[i] - b * one[DEGREES + i] + (c * two[i] - d * two[DEGREES + i])
            out[DEGREES + i] += a * one[DEGREES + i] + b * one[i] + (c * two[DEGREES + i] + d * two[i])


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def sum_series(t, coefficients, work, out):
    """A complex Chebyshev series at nodes t; work (2, nodes), out (2, nodes)."""
    before, now, real, imaginary = work[0], work[1], out[0], out[1]
    for i in range(t.size):
        before[i], now[i] = t[i], 1.0  # T_-1 and T_0
        real[i] = imaginary[i] = 0.0
    for k in range(0, DEGREES, 4):
        a0, a1 = np.float64(coefficients[k]), np.float64(coefficients[k + 1])
        a2, a3 = np.float64(coefficients[k + 2]), np.float64(coefficients[k + 3])
        b0, b1 = np.float64(coefficients[DEGREES + k]), np.float64(coefficients[DEGREES + k + 1])
        b2, b3 = np.float64(coefficients[DEGREES + k + 2]), np.float64(coefficients[DEGREES + k + 3])
        for i in range(t.size):
            double, one = 2.0 * t[i], now[i]
            two = double * one - before[i]
            three = double * two - one
            four = double * three - two
            before[i], now[i] = four, double * four - three
            real[i] += a0 * one + a1 * two + (a2 * three + a3 * four)
            imaginary[i] += b0 * one + b1 * two + (b2 * three + b3 * four)


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def spread(found, matrices, out):
    """Values and slopes at the nodes of an orbit from values at a few nodes of its range.

    Args:
        found: Real and imaginary parts, (2, few).
        matrices: For values and slopes, (2, few, nodes).
        out: Written: value and slope, real and imaginary, (4, nodes).
    """
    values, slopes = matrices[0], matrices[1]
    for i in range(out.shape[1]):
        out[0, i] = out[1, i] = out[2, i] = out[3, i] = 0.0
    for c in range(0, values.shape[0], 4):
        a0, a1, a2, a3 = found[0, c], found[0, c + 1], found[0, c + 2], found[0, c + 3]
        b0, b1, b2, b3 = found[1, c], found[1, c + 1], found[1, c + 2], found[1, c + 3]
        for i in range(out.shape[1]):
            v0, v1, v2, v3 = values[c, i], values[c + 1, i], values[c + 2, i], values[c + 3, i]
            s0, s1, s2, s3 = slopes[c, i], slopes[c + 1, i], slopes[c + 2, i], slopes[c + 3, i]
            out[0, i] += a0 * v0 + a1 * v1 + (a2 * v2 + a3 * v3)
            out[1, i] += b0 * v0 + b1 * v1 + (b2 * v2 + b3 * v3)
            out[2, i] += a0 * s0 + a1 * s1 + (a2 * s2 + a3 * s3)
            out[3, i] += b0 * s0 + b1 * s1 + (b2 * s2 + b3 * s3)


@njit(cache=True, error_model="numpy")
def few_nodes(low, high, out):
    """Chebyshev nodes between two ends."""
    for c in range(out.size):
        out[c] = 0.5 * (low + high) - 0.5 * (high - low) * math.cos(math.pi * (c + 0.5) / out.size)


@njit(cache=True, error_model="numpy", fastmath=SUMS)
def spreading(low, high, y, out):
    """Matrices of `spread`, for values and for slopes by y, from `few_nodes` to y; out (2, few, nodes)."""
    few, nodes = out.shape[1], out.shape[2]
    first, second = np.empty((few, nodes)), np.zeros((few, nodes))  # T_k, and its derivative k U_(k-1)
    scale = 2.0 / (high - low)
    for i in range(nodes):
        u = (2.0 * y[i] - low - high) / (high - low)
        before, now, slope_before, slope = u, 1.0, -1.0, 0.0  # T_-1, T_0, U_-2, U_-1
        for k in range(few):
            first[k, i], second[k, i] = now, k * slope * scale
            before, now = now, 2.0 * u * now - before
            slope_before, slope = slope, 2.0 * u * slope - slope_before
    for c in range(few):
        out[0, c], out[1, c] = 1.0 / few, 0.0
        for k in range(1, few):
            # Nodes rise, angles fall.
            factor = 2.0 / few * math.cos(math.pi * k * (few - 0.5 - c) / few)
            for i in range(nodes):
                out[0, c, i] += factor * first[k, i]
                out[1, c, i] += factor * second[k, i]
