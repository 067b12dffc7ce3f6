"""Tracks in compiled code, callable from other compiled code.

A curve is what one (spin, final eccentricity) gives: coefficients of cubic B-splines in ln tau of M f_phi and
M f_r. `curve` builds it by bicubic splines, `evaluate` reads one harmonic off it, `fill` does both for many
times. Nothing is checked here: outside the table the answer is NaN, after plunge it is 0. The public door is
`swansong.emri.tracks.load`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

FINAL_SCALE = 0.004
"""The grid is uniform in ln(1 + e_f / 0.004): where e_f is like p - p_sep at plunge, tracks depend on it fastest."""


class Arrays(NamedTuple):
    """The table as the kernels want it.

    Attributes:
        coefficients: B-spline coefficients (spin + 2, final eccentricity + 2, 4, ln tau + 2) of M f_phi,
            M f_r, p and e.
        edge: ln tau at which the table ends, (spin, final eccentricity).
        grid: First node and spacing of (1 - a)^(1/3), of ln(1 + e_f / 0.004) and of ln tau, shape (6,).
    """

    coefficients: np.ndarray
    edge: np.ndarray
    grid: np.ndarray


@njit(cache=True, inline="always")
def _weights(t):
    """Cubic B-splines that overlap a cell, at the share t of it."""
    r = 1.0 - t
    return (
        r * r * r / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * r * r * r - 6.0 * r * r + 4.0) / 6.0,
        t * t * t / 6.0,
    )


@njit(cache=True)
def _cell(value, first, step, nodes):
    """Cell of a coordinate and the share of the way through it, -1 outside the grid."""
    place = (value - first) / step
    if not (place >= -1e-9 and place <= nodes - 1 + 1e-9):
        return -1, 0.0
    cell = min(max(int(place), 0), nodes - 2)
    return cell, place - cell


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
def curve(arrays, spin, final_eccentricity, out):
    """Curve of one spin and final eccentricity.

    Args:
        arrays: `Arrays`.
        spin: Signed spin.
        final_eccentricity: Eccentricity at plunge.
        out: Written: coefficients, (quantities, ln tau + 2); the first of M f_phi, M f_r, p and e, as many as
            it has rows.

    Returns:
        ln tau at which the table ends for this curve; NaN when (spin, final_eccentricity) is outside.
    """
    grid, table, edge = arrays.grid, arrays.coefficients, arrays.edge
    i, x = _cell(math.pow(max(1.0 - spin, 0.0), 1.0 / 3.0), grid[0], grid[1], edge.shape[0])
    j, y = _cell(math.log(max(1.0 + final_eccentricity / FINAL_SCALE, 1e-9)), grid[2], grid[3], edge.shape[1])
    if i < 0 or j < 0:
        out[:] = np.nan
        return np.nan
    wx, wy = _weights(x), _weights(y)
    size = table.shape[3]
    for q in range(out.shape[0]):
        row = out[q]
        for r in range(4):
            first, second = table[i + r, j, q], table[i + r, j + 1, q]
            third, fourth = table[i + r, j + 2, q], table[i + r, j + 3, q]
            a, b, c, d = wx[r] * wy[0], wx[r] * wy[1], wx[r] * wy[2], wx[r] * wy[3]
            if r == 0:
                for k in range(size):
                    row[k] = a * first[k] + b * second[k] + c * third[k] + d * fourth[k]
            else:
                for k in range(size):
                    row[k] += a * first[k] + b * second[k] + c * third[k] + d * fourth[k]
    low = (1.0 - y) * edge[i, j] + y * edge[i, j + 1]
    high = (1.0 - y) * edge[i + 1, j] + y * edge[i + 1, j + 1]
    return (1.0 - x) * low + x * high


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, inline="always")
def _spline(c0, c1, c2, c3, t, inverse):
    """Value, slope and bend of a cubic B-spline at the share t of a cell."""
    r = 1.0 - t
    value = (r * r * r * c0 + ((3.0 * t - 6.0) * t * t + 4.0) * c1 + ((3.0 * r - 6.0) * r * r + 4.0) * c2) / 6.0
    value += t * t * t * c3 / 6.0
    d0, d1, d2 = c1 - c0, c2 - c1, c3 - c2
    slope = 0.5 * (r * r * d0 + (1.0 + 2.0 * t * r) * d1 + t * t * d2) * inverse
    return value, slope, (r * (d1 - d0) + t * (d2 - d1)) * inverse * inverse


@njit(cache=True)
def evaluate(curve, grid, m, n, mass_s, rate, time_to_plunge):
    """Frequency of a harmonic and its two derivatives at one time.

    Args:
        curve: Coefficients from the kernel of that name, (2 or more, ln tau + 2).
        grid: `Arrays.grid`.
        m: Azimuthal number.
        n: Radial number.
        mass_s: Total mass [s].
        rate: nu / M [1/s].
        time_to_plunge: Time left [s].

    Returns:
        f [Hz], df/dt [Hz/s], d2f/dt2 [Hz/s^2] of m f_phi + n f_r: zeros after plunge, NaN beyond the grid.
    """
    if time_to_plunge <= 0.0:
        return 0.0, 0.0, 0.0
    inverse = 1.0 / grid[5]
    # Closer to plunge than the first node nothing moves any more that a segment could resolve.
    left = max(time_to_plunge, math.exp(grid[4]) / rate)
    place = (math.log(rate * left) - grid[4]) * inverse
    if not place <= curve.shape[1] - 3 + 1e-9:
        return np.nan, np.nan, np.nan
    cell = min(max(int(place), 0), curve.shape[1] - 4)
    value, slope, bend = _spline(
        m * curve[0, cell] + n * curve[1, cell],
        m * curve[0, cell + 1] + n * curve[1, cell + 1],
        m * curve[0, cell + 2] + n * curve[1, cell + 2],
        m * curve[0, cell + 3] + n * curve[1, cell + 3],
        place - cell,
        inverse,
    )
    scale, speed = 1.0 / mass_s, 1.0 / left
    return value * scale, -slope * speed * scale, (bend - slope) * speed * speed * scale


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
def fill(arrays, spin, final_eccentricity, mass_s, rate, plunge_time, times, m, n, work, f, fdot, fddot):
    """One harmonic of one source at many times.

    Args:
        arrays: `Arrays`.
        spin: Signed spin.
        final_eccentricity: Eccentricity at plunge.
        mass_s: Total mass [s].
        rate: nu / M [1/s].
        plunge_time: Time of plunge [s], on the axis of `times`.
        times: Times [s], (n,).
        m: Azimuthal number.
        n: Radial number.
        work: Scratch, (2, ln tau + 2).
        f: Written: frequency [Hz], (n,): 0 after plunge, NaN outside the table.
        fdot: Written: its derivative [Hz/s].
        fddot: Written: its second derivative [Hz/s^2].

    Returns:
        Whether every time was inside the table.
    """
    grid = arrays.grid
    rows = work if n != 0 else work[:1]
    edge = curve(arrays, spin, final_eccentricity, rows)
    combined = work[0]
    if n != 0:
        for k in range(combined.size):
            combined[k] = m * work[0, k] + n * work[1, k]
    elif m != 1:
        for k in range(combined.size):
            combined[k] *= m
    longest = math.exp(edge) / rate * (1.0 + 1e-9) if edge == edge else -1.0
    inverse, scale, last = 1.0 / grid[5], 1.0 / mass_s, combined.size - 4
    shortest = math.exp(grid[4]) / rate
    inside = True
    for k in range(times.size):
        left = plunge_time - times[k]
        if left > longest:
            f[k], fdot[k], fddot[k] = np.nan, np.nan, np.nan
            inside = False
        elif left > 0.0:
            left = max(left, shortest)
            place = (math.log(rate * left) - grid[4]) * inverse
            cell = min(max(int(place), 0), last)
            value, slope, bend = _spline(
                combined[cell], combined[cell + 1], combined[cell + 2], combined[cell + 3], place - cell, inverse
            )
            speed = 1.0 / left
            f[k] = value * scale
            fdot[k] = -slope * speed * scale
            fddot[k] = (bend - slope) * speed * speed * scale
        else:
            f[k], fdot[k], fddot[k] = 0.0, 0.0, 0.0
    return inside


@njit(cache=True, parallel=True)
def fill_many(arrays, spins, final_eccentricities, mass_s, rate, plunge_times, times, m, n, f, fdot, fddot):
    """`fill` for many sources, in parallel; parameters (k,), `times` (n,), answers (k, n)."""
    size = arrays.coefficients.shape[3]
    for s in prange(spins.size):
        work = np.empty((2, size))
        fill(
            arrays,
            spins[s],
            final_eccentricities[s],
            mass_s[s],
            rate[s],
            plunge_times[s],
            times,
            m,
            n,
            work,
            f[s],
            fdot[s],
            fddot[s],
        )


@njit(cache=True)
def read_quantity(row, grid, log_tau, out):
    """Value of a row of a curve at many ln tau, clamped to the grid."""
    inverse = 1.0 / grid[5]
    for k in range(log_tau.size):
        place = (log_tau[k] - grid[4]) * inverse
        cell = min(max(int(place), 0), row.size - 4)
        w = _weights(max(place, 0.0) - cell)
        out[k] = w[0] * row[cell] + w[1] * row[cell + 1] + w[2] * row[cell + 2] + w[3] * row[cell + 3]


@njit(cache=True)
def cumulative(row, grid, out):
    """Integral of a row of a curve over tau, from plunge to every node of ln tau.

    Before the first node the row is taken as constant. Four Gauss-Legendre points a cell are exact to 1e-12.

    Args:
        row: Coefficients, (ln tau + 2,).
        grid: `Arrays.grid`.
        out: Written, (ln tau,).
    """
    tau = math.exp(grid[4])
    out[0] = tau * (row[0] + 4.0 * row[1] + row[2]) / 6.0
    for cell in range(out.size - 1):
        out[cell + 1] = out[cell] + _partial(row, grid, cell, 1.0)


@njit(cache=True)
def _partial(row, grid, cell, share):
    """Integral of a row over tau from the beginning of a cell through a share of it."""
    total = 0.0
    for k in range(4):
        if k == 0:
            x, w = 0.06943184420297371, 0.17392742256872692
        elif k == 1:
            x, w = 0.33000947820757187, 0.32607257743127307
        elif k == 2:
            x, w = 0.6699905217924281, 0.32607257743127307
        else:
            x, w = 0.9305681557970263, 0.17392742256872692
        t = share * x
        b = _weights(t)
        value = b[0] * row[cell] + b[1] * row[cell + 1] + b[2] * row[cell + 2] + b[3] * row[cell + 3]
        total += w * value * math.exp(grid[4] + grid[5] * (cell + t))
    return total * share * grid[5]


@njit(cache=True)
def integral(row, grid, nodes, tau, out):
    """Integral of a row of a curve over the scaled time, from plunge back to each `tau`; `nodes` from `cumulative`."""
    first = math.exp(grid[4])
    for k in range(tau.size):
        if tau[k] <= first:
            out[k] = tau[k] / first * nodes[0]
            continue
        place = (math.log(tau[k]) - grid[4]) / grid[5]
        cell = min(max(int(place), 0), nodes.size - 2)
        out[k] = nodes[cell] + _partial(row, grid, cell, place - cell)
