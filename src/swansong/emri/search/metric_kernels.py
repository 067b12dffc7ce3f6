"""Compiled metric of tracks over the parameters of a source.

How much of the power of a track a small change of its parameters loses. Follow-up walks in its
axes; the search itself steps through knots (`refine_kernels`).
"""

import math

import numpy as np
from numba import njit

from swansong.emri.search.kernels import mass_and_rate
from swansong.emri.tracks.kernels import curve, evaluate

_SHARES = np.array([1e-4, 1e-3, 1e-4, 1e-4, 2e-2])
"""Steps of the numerical derivatives, as shares of the range of each coordinate."""


@njit(cache=True)
def to_point(x, point):
    """Coordinates (ln m1, ln m2, (1-a)^(1/3), plunge time [s], e_f) to the parameters of `statistic`."""
    point[0], point[1] = math.exp(x[0]), math.exp(x[1])
    point[2] = 1.0 - x[2] ** 3
    point[3], point[4] = x[3], x[4]


@njit(cache=True)
def to_coordinates(point, x):
    """The inverse of `to_point`."""
    x[0], x[1] = math.log(point[0]), math.log(point[1])
    x[2] = max(1.0 - point[2], 0.0) ** (1.0 / 3.0)
    x[3], x[4] = point[3], point[4]


@njit(cache=True)
def _frequencies(arrays, work, x, point, length, m, n, f, r):
    """Track of one point in the middles of the segments; zero where there is none."""
    to_point(x, point)
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return False
    for s in range(f.size):
        left = point[3] - (s + 0.5) * length
        if left < 0.5 * length or left > longest:
            f[s], r[s] = 0.0, 0.0
        else:
            f[s], r[s], _ = evaluate(work, arrays.grid, m, n, mass, rate, left)
    return True


@njit(cache=True)
def track_metric(arrays, work, x, low, high, grid, shape, weights, stretch, metric):
    """Mean loss of power for a small change of coordinates scaled to their ranges: loss = u.metric.u.

    A change of frequency d over a segment of length T loses (pi d T)^2 / 3 of its power, one of the rate
    pi^2 r^2 T^4 / 180. Segments count with their expected power. ``stretch`` segments are coherent.
    """
    segments = int(grid[7])
    point = np.empty(5)
    f, r = np.zeros(segments), np.zeros(segments)
    g, q = np.zeros(segments), np.zeros(segments)
    df, dr = np.zeros((5, segments)), np.zeros((5, segments))
    length = grid[5]
    if not _frequencies(arrays, work, x, point, length, 2, 0, f, r):
        return False
    moved = x.copy()
    for i in range(5):
        width = high[i] - low[i]
        step = _SHARES[i] * width
        if x[i] + step > high[i]:
            step = -step
        moved[:] = x
        moved[i] += step
        if not _frequencies(arrays, work, moved, point, length, 2, 0, g, q):
            moved[i] = x[i] - step
            step = -step
            if not _frequencies(arrays, work, moved, point, length, 2, 0, g, q):
                return False
        for s in range(segments):
            if f[s] > 0.0 and g[s] > 0.0:
                df[i, s] = (g[s] - f[s]) / step * width
                dr[i, s] = (q[s] - r[s]) / step * width
    span = length * stretch
    metric[:] = 0.0
    total = 0.0
    for s in range(segments):
        place = (f[s] - grid[0]) * grid[6]
        if f[s] > shape[0] and r[s] < shape[1] and 0.0 <= place < weights.size:
            w = weights[int(place)]
            total += w
            for i in range(5):
                for j in range(i + 1):
                    metric[i, j] += w * (
                        (math.pi * span) ** 2 / 3.0 * df[i, s] * df[j, s]
                        + math.pi**2 * span**4 / 180.0 * dr[i, s] * dr[j, s]
                    )
    if not total > 0.0:
        return False
    for i in range(5):
        for j in range(i + 1):
            metric[i, j] /= total
            metric[j, i] = metric[i, j]
    return True
