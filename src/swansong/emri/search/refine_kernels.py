"""Compiled improvement of candidates: a random search whose steps keep the track where it is known.

Masses, spin, plunge time and eccentricity move the track in nearly the same way, so that steps
along the parameters themselves leave the peak at once. Here the coordinates are the frequencies
at three times, the knots, and spin and final eccentricity: given the last two, total mass, chirp
rate and plunge time follow from the knots by Newton's method. A step in spin then keeps the
three frequencies, and what changes is how the track bends between them. Step sizes come from the
metric of these coordinates: how much power a small change of each loses. Where the detector moves, a
step on the sky changes the knots so that what arrives keeps its frequency there.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.emri.search.kernels import LARGEST_CURVATURE, detector, gaussianised, mass_and_rate, statistic
from swansong.emri.search.statistic import BYTE_STEP
from swansong.emri.tracks.kernels import curve, evaluate

_SHARES = (0.05, 0.45, 0.9)  # of the expected power that has come before each knot
_RENEW = 50  # the metric is computed anew after this many steps, and after a success
_LARGEST, _SMALLEST = 4.0, 0.03  # steps, in units of a loss of one
_SKY = 0.5  # share of the steps that move on the sky, where the detector moves
_NEWTON = 6  # iterations from the linear guess
_STEP = 1e-4  # of the numerical derivatives, as a share of the range


@njit(cache=True)
def to_point(x, point):
    """Coordinates (ln M, ln rate, plunge time [s], (1-a)^(1/3), e_f) to the parameters of `statistic`."""
    mass = math.exp(x[0])
    nu = min(math.exp(x[1]) * mass, 0.25)
    point[0] = 0.5 * mass * (1.0 + math.sqrt(1.0 - 4.0 * nu)) / SOLAR_MASS_SECONDS
    point[1] = mass / SOLAR_MASS_SECONDS - point[0]
    point[2], point[3], point[4] = 1.0 - x[3] ** 3, x[2], x[4]


@njit(cache=True)
def to_coordinates(point, x):
    """The inverse of `to_point`; the sky is not among the coordinates."""
    mass, rate = mass_and_rate(point[0], point[1])
    x[0], x[1], x[2] = math.log(mass), math.log(rate), point[3]
    x[3], x[4] = max(1.0 - point[2], 0.0) ** (1.0 / 3.0), point[4]


@njit(cache=True)
def inside(point, low, high):
    """Whether a point lies in the prior; bounds are of (m1, m2, a, plunge time, e_f)."""
    return np.all(low <= point[:5]) and np.all(point[:5] <= high)


@njit(cache=True)
def _track(arrays, work, x, grid, f, r, c):
    """Frequency and two derivatives in the middles of the segments; zero where there is none."""
    segments, length = int(grid[7]), grid[5]
    edge = curve(arrays, 1.0 - x[3] ** 3, x[4], work)
    mass, rate = math.exp(x[0]), math.exp(x[1])
    longest = math.exp(edge) / rate
    if not longest > 0.0:
        return False
    for s in range(segments):
        left = x[2] - (s + 0.5) * length
        if left < 0.5 * length or left > longest:
            f[s], r[s], c[s] = 0.0, 0.0, 0.0
        else:
            f[s], r[s], c[s] = evaluate(work, arrays.grid, 2, 0, mass, rate, left)
    return True


@njit(cache=True)
def _solve3(matrix, right):
    """Solution of three linear equations; zero if they are singular."""
    a, b, c = matrix[0], matrix[1], matrix[2]
    m0 = b[1] * c[2] - b[2] * c[1]
    m1 = b[2] * c[0] - b[0] * c[2]
    m2 = b[0] * c[1] - b[1] * c[0]
    determinant = a[0] * m0 + a[1] * m1 + a[2] * m2
    out = np.zeros(3)
    if determinant == 0.0:
        return out
    out[0] = right[0] * m0 + right[1] * (a[2] * c[1] - a[1] * c[2]) + right[2] * (a[1] * b[2] - a[2] * b[1])
    out[1] = right[0] * m1 + right[1] * (a[0] * c[2] - a[2] * c[0]) + right[2] * (a[2] * b[0] - a[0] * b[2])
    out[2] = right[0] * m2 + right[1] * (a[1] * c[0] - a[0] * c[1]) + right[2] * (a[0] * b[1] - a[1] * b[0])
    return out / determinant


@njit(cache=True)
def knot_frequencies(arrays, work, x, knots, f, slopes):
    """Frequencies at the knots and their derivatives by (ln M, ln rate, plunge time); the curve is in ``work``."""
    mass, rate = math.exp(x[0]), math.exp(x[1])
    for i in range(3):
        left = x[2] - knots[i]
        if left <= 0.0:
            return False
        f[i], speed, _ = evaluate(work, arrays.grid, 2, 0, mass, rate, left)
        if not f[i] > 0.0:
            return False
        slopes[i, 0], slopes[i, 1], slopes[i, 2] = -f[i], -left * speed, -speed
    return True


@njit(cache=True)
def through_knots(arrays, work, x, knots, target, iterations=_NEWTON):
    """Change ln M, ln rate and plunge time of ``x`` until its track passes through the knots."""
    if not curve(arrays, 1.0 - x[3] ** 3, x[4], work) > -1e300:
        return False
    f, slopes = np.empty(3), np.empty((3, 3))
    for _ in range(iterations):
        if not knot_frequencies(arrays, work, x, knots, f, slopes):
            return False
        change = _solve3(slopes, target - f)
        x[0] += min(max(change[0], -0.3), 0.3)
        x[1] += min(max(change[1], -0.6), 0.6)
        x[2] += min(max(change[2], -2e6), 2e6)
        if abs(change[0]) < 1e-9 and abs(change[1]) < 1e-9:
            return True
    return False


@njit(cache=True)
def place_knots(share, length, knots):
    """Times [s] before which given parts of the expected power have come; False if that is none.

    ``share`` has the expected power of every segment, to the exponent that counts.
    """
    total, running, k = share.sum(), 0.0, 0
    if not total > 0.0:
        return False
    for s in range(share.size):
        running += share[s]
        while k < 3 and running >= _SHARES[k] * total:
            knots[k] = (s + 0.5) * length
            k += 1
    # Three different times.
    for k in range(1, 3):
        knots[k] = max(knots[k], knots[k - 1] + length)
    return True


@njit(cache=True)
def knot_metric(arrays, work, x, grid, shape, weights, stretch, ranges, known, knots, f_knots, metric):
    """Mean loss of power for a small change of (three knots [1/T], spin and e_f coordinates [their ranges]).

    A change of frequency d over a segment of length T loses (pi d T)^2 / 3 of its power, one of the rate
    pi^2 r^2 T^4 / 180. Segments count with the root of their expected power, and ``stretch`` of them are
    coherent. Places the knots too, unless they are ``known``, and returns False where there is no track.
    """
    segments, length = int(grid[7]), grid[5]
    f, r, c = np.zeros(segments), np.zeros(segments), np.zeros(segments)
    g, q, b = np.zeros(segments), np.zeros(segments), np.zeros(segments)
    df, dr = np.zeros((5, segments)), np.zeros((5, segments))
    share = np.zeros(segments)
    moved = x.copy()
    for i in range(2):
        step = _STEP * ranges[i]
        moved[3 + i] = x[3 + i] + step
        if not _track(arrays, work, moved, grid, g, q, b):
            step = -step
            moved[3 + i] = x[3 + i] + step
            if not _track(arrays, work, moved, grid, g, q, b):
                return False
        df[3 + i], dr[3 + i] = g / step, q / step
        moved[3 + i] = x[3 + i]
        if i == 0 and not _track(arrays, work, x, grid, f, r, c):
            return False
        df[3 + i] -= f / step
        dr[3 + i] -= r / step
        for s in range(segments):
            if g[s] == 0.0:
                df[3 + i, s], dr[3 + i, s] = 0.0, 0.0
    total = 0.0
    for s in range(segments):
        place = (f[s] - grid[0]) * grid[6]
        if f[s] > shape[0] and r[s] < shape[1] and 0.0 <= place < weights.size:
            share[s] = math.sqrt(weights[int(place)])
            total += share[s]
        left = x[2] - (s + 0.5) * length
        df[0, s], df[1, s], df[2, s] = -f[s], -left * r[s], -r[s]
        dr[0, s], dr[1, s], dr[2, s] = -r[s], r[s] - left * c[s], -c[s]
    if not total > 0.0 or (not known and not place_knots(share, length, knots)):
        return False
    if knots[2] > x[2] - 0.5 * length:
        return False
    slopes, chain = np.empty((3, 3)), np.zeros((5, 5))
    curve(arrays, 1.0 - x[3] ** 3, x[4], work)
    if not knot_frequencies(arrays, work, x, knots, f_knots, slopes):
        return False
    for k in range(3):
        unit = np.zeros(3)
        unit[k] = 1.0 / length
        chain[:3, k] = _solve3(slopes, unit)
    for i in range(2):
        at = np.empty(3)
        for k in range(3):
            at[k] = -df[3 + i, int(knots[k] / length)] * ranges[i]
        chain[:3, 3 + i] = _solve3(slopes, at)
        chain[3 + i, 3 + i] = ranges[i]
    df, dr = chain.T @ df, chain.T @ dr
    span = length * stretch
    metric[:] = 0.0
    for s in range(segments):
        for i in range(5):
            for j in range(i + 1):
                metric[i, j] += share[s] * (
                    (math.pi * span) ** 2 / 3.0 * df[i, s] * df[j, s]
                    + math.pi**2 * span**4 / 180.0 * dr[i, s] * dr[j, s]
                )
    for i in range(5):
        for j in range(i + 1):
            metric[i, j] /= total
            metric[j, i] = metric[i, j]
    return True


@njit(cache=True, fastmath=True)
def rough_statistic(powers, used, grid, shape, arrays, work, bins, there, point, weights, weighted):
    """Gaussianised statistic of the (2, 0) harmonic from the byte table at the nearest points.

    ``weights`` are on the fine bins, of width 1 / grid[6]; ``weighted`` says whether they are used or one;
    ``bins`` and ``there`` are scratch (segments,).
    """
    edge = curve(arrays, point[2], point[4], work)
    mass, rate = mass_and_rate(point[0], point[1])
    longest = math.exp(edge) / rate
    length, columns, rows = grid[5], powers.shape[2], powers.shape[1]
    last = min(powers.shape[0], int(point[3] / length + 0.5))
    # Addresses first, values after: the processor then waits for many of them at once.
    count = 0
    for s in range(last):
        left = point[3] - (s + 0.5) * length
        if left > longest:
            continue
        if left < 0.5 * length:
            break
        f, r, c = evaluate(work, arrays.grid, 2, 0, mass, rate, left)
        place, row = (f - grid[0]) * grid[6] + 0.5, r * grid[2] + 0.5
        if (
            used[s]
            and f > shape[0]
            and r < shape[1]
            and place < columns
            and row < rows
            and abs(c) * length**3 / 6.0 <= LARGEST_CURVATURE
        ):
            bins[count] = int(place)
            there[count] = (s * rows + int(row)) * columns + int(place)
            count += 1
    flat = powers.reshape(-1)
    total, weight, square = 0.0, 0.0, 0.0
    for k in range(count):
        w = weights[bins[k]] if weighted else 1.0
        total += w * (flat[there[k]] + 0.5)
        weight += w
        square += w * w
    return gaussianised(total / BYTE_STEP, weight, square)


@njit(cache=True)
def _axes(metric, vectors, scale):
    """Axes of a metric and the step along each that loses one, at most one range or one bin."""
    values, axes = np.linalg.eigh(metric)
    vectors[:] = axes
    for k in range(5):
        scale[k] = 1.0 / math.sqrt(max(values[k], 1.0))


@njit(cache=True)
def _draw_size():
    """Size of a step, log-uniform."""
    return _SMALLEST * (_LARGEST / _SMALLEST) ** np.random.random()


@njit(cache=True)
def _propose(arrays, work, x, trial, knots, target, vectors, scale, ranges, length):
    """Draw a step along the metric from a track through ``target``, sometimes along one axis; False if no track."""
    size = _draw_size()
    step = np.zeros(5)
    if np.random.random() < 0.4:
        k = np.random.randint(5)
        step[:] = vectors[:, k] * (np.random.standard_normal() * size * scale[k])
    else:
        for k in range(5):
            step += vectors[:, k] * (np.random.standard_normal() * size * scale[k] / math.sqrt(5.0))
    trial[:] = x
    trial[3] += step[3] * ranges[0]
    trial[4] = abs(trial[4] + step[4] * ranges[1])
    return through_knots(arrays, work, trial, knots, target + step[:3] / length)


@njit(cache=True)
def _look_elsewhere(orbit, sky, trial_sky, knots, f_knots, r_knots, target):
    """Draw a direction, and the frequencies at the knots with which what arrives stays the same."""
    trial_sky[:] = sky
    target[:] = f_knots
    if orbit[0] > 0.0 and np.random.random() < _SKY:
        size = 0.3 * _draw_size()
        for i in range(2):
            trial_sky[i] += size * np.random.standard_normal()
        if trial_sky[0] ** 2 + trial_sky[1] ** 2 > 1.0:
            trial_sky[:] = sky
            return
        for k in range(3):
            before, speed_before, _ = detector(orbit, sky, knots[k])
            after, speed_after, _ = detector(orbit, trial_sky, knots[k])
            target[k] += f_knots[k] * (speed_before - speed_after) + r_knots[k] * (before - after)


@njit(cache=True, parallel=True)
def improve_roughly(powers, used, grid, shape, arrays, points, low, high, weights, weighted, steps, seed, scores):
    """Improve many points, each by itself, on the byte table; ``points`` and ``scores`` (points,) are overwritten.

    ``low`` and ``high`` bound the points; the rest as in `rough_statistic`.
    """
    ranges = _ranges(low, high)
    for i in prange(points.shape[0]):
        np.random.seed(seed + i)
        work = np.empty((2, arrays.coefficients.shape[3]))
        bins, there = np.empty(powers.shape[0], dtype=np.int64), np.empty(powers.shape[0], dtype=np.int64)
        point, x, trial = np.empty(5), np.empty(5), np.empty(5)
        knots, f_knots, r_knots = np.zeros(3), np.zeros(3), np.zeros(3)
        metric, vectors, scale = np.empty((5, 5)), np.eye(5), np.empty(5)
        to_coordinates(points[i], x)
        best = rough_statistic(
            powers, used, grid, shape, arrays, work, bins, there, points[i], weights, weighted
        )  # fmt: skip
        stale = True
        for step in range(steps):
            if step % _RENEW == 0 and stale:
                if not knot_metric(arrays, work, x, grid, shape, weights, 1.0, ranges, False, knots, f_knots, metric):
                    break
                _axes(metric, vectors, scale)
                stale = False
            if not _propose(arrays, work, x, trial, knots, f_knots, vectors, scale, ranges, grid[5]):
                continue
            to_point(trial, point)
            if not inside(point, low, high):
                continue
            value = rough_statistic(
                powers, used, grid, shape, arrays, work, bins, there, point, weights, weighted
            )  # fmt: skip
            if value > best:
                best = value
                x[:] = trial
                points[i] = point
                stale = True
                _follow(arrays, work, x, knots, f_knots, r_knots)
        scores[i] = best


@njit(cache=True)
def _ranges(low, high):
    """Ranges of the coordinates of spin and eccentricity between two bounds of points."""
    return np.array([(1.0 - low[2]) ** (1.0 / 3.0) - (1.0 - high[2]) ** (1.0 / 3.0), high[4] - low[4]])


@njit(cache=True)
def _follow(arrays, work, x, knots, f_knots, r_knots):
    """Frequencies of a new track at the same knots, and their rates."""
    slopes = np.empty((3, 3))
    curve(arrays, 1.0 - x[3] ** 3, x[4], work)
    knot_frequencies(arrays, work, x, knots, f_knots, slopes)
    for k in range(3):
        r_knots[k] = -slopes[k, 2]


@njit(cache=True, parallel=True)
def improve(
    table, used, grid, shape, arrays, points, low, high, orbit, harmonics, weights, fixed, length, exponent, steps,
    seed, scores,
):  # fmt: skip
    """Improve many points, each by itself; ``points`` (n, 7) and ``scores`` (n, lengths, 3) are overwritten.

    ``grid`` is that of `statistic`, then one over the bin width of ``weights`` in the metric, then the number of
    segments; ``length`` and ``exponent`` choose the entry of the statistic that is raised; ``low`` and ``high``
    bound the first five numbers of a point, the direction moves where the ``orbit`` of the detector has a radius.
    """
    inner = (grid[0], grid[1], grid[2], grid[3], grid[4], grid[5])
    ranges = _ranges(low, high)
    stretch = float(1 << length)
    for i in prange(points.shape[0]):
        np.random.seed(seed + i)
        work = np.empty((2, arrays.coefficients.shape[3]))
        answer = np.empty((4, 3))
        point, x, trial = points[i].copy(), np.empty(5), np.empty(5)
        knots, f_knots, r_knots, target = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
        metric, vectors, scale = np.empty((5, 5)), np.eye(5), np.empty(5)
        to_coordinates(points[i], x)
        statistic(table, used, inner, shape, arrays, work, points[i], orbit, harmonics, weights, fixed, scores[i])
        best = scores[i, length, exponent]
        stale = True
        for step in range(steps):
            if step % _RENEW == 0 and stale:
                if not knot_metric(
                    arrays, work, x, grid, shape, weights, stretch, ranges, False, knots, f_knots, metric
                ):  # fmt: skip
                    break
                _axes(metric, vectors, scale)
                _follow(arrays, work, x, knots, f_knots, r_knots)
                stale = False
            _look_elsewhere(orbit, points[i, 5:7], point[5:7], knots, f_knots, r_knots, target)
            if not _propose(arrays, work, x, trial, knots, target, vectors, scale, ranges, grid[5]):
                continue
            to_point(trial, point)
            if not inside(point, low, high):
                continue
            statistic(table, used, inner, shape, arrays, work, point, orbit, harmonics, weights, fixed, answer)
            if answer[length, exponent] > best:
                best = answer[length, exponent]
                x[:] = trial
                points[i] = point
                scores[i] = answer
                stale = True
                _follow(arrays, work, x, knots, f_knots, r_knots)
