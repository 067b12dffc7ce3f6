"""The likelihood of many points at once, in compiled code.

At each point (time scale, eccentricity, arrival times) the correlations and squares of the
three series are read from tables and combined into six numbers v and eighteen numbers Q;
each of K orientations u then has the match u.v and the square u.Q.u. The amplitude is
integrated out for every orientation (`amplitudes`) and the orientations are averaged. Their
angles are turned at random at every point, so that the average is unbiased.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.encounters.amplitudes import draw_log_amplitude, log_integral

_FAINT = 18.0  # orientations this far below the best in ln likelihood are left out
_TAPS = 6  # points of the interpolation in time
_LOWEST = -1e30


@njit(cache=True)
def _cubic(share):
    """Weights of four neighbours for a point between the second and the third."""
    a = share
    return (
        -a * (a - 1.0) * (a - 2.0) / 6.0,
        (a + 1.0) * (a - 1.0) * (a - 2.0) / 2.0,
        -(a + 1.0) * a * (a - 2.0) / 2.0,
        (a + 1.0) * a * (a - 1.0) / 6.0,
    )


@njit(cache=True)
def _quintic(share, weights):
    """Weights of six neighbours for a point between the third and the fourth."""
    for m in range(_TAPS):
        value = 1.0
        for n in range(_TAPS):
            if n != m:
                value *= (share + 2.0 - n) / (m - n)
        weights[m] = value


@njit(cache=True)
def _pattern(tensor, x, y, z):
    """Antenna pattern at polarization angle zero of a direction in the Earth-fixed frame."""
    level = max(math.sqrt(x * x + y * y), 1e-12)
    east = (-y / level, x / level, 0.0)
    north = (-z * x / level, -z * y / level, level)
    ee, nn, en = 0.0, 0.0, 0.0
    for i in range(3):
        for j in range(3):
            ee += east[i] * tensor[i, j] * east[j]
            nn += north[i] * tensor[i, j] * north[j]
            en += east[i] * tensor[i, j] * north[j]
    return ee - nn, -2.0 * en


@njit(cache=True, fastmath=True)
def _place(value, first, step, count):
    """Row below a value, kept so that four rows exist, and the share of the way to the next."""
    place = (value - first) / step
    row = min(max(math.floor(place), 1), count - 3)
    return row, place - row


@njit(cache=True, fastmath=True)
def _series(correlation, squares, row, cubic, eccentricity, time, clock, taps, z, g):
    """Correlations (3) and squares (AcAc, AcB, BB, AsAs) of one detector at one point."""
    nodes = eccentricity.size
    place = (time - clock[0]) / clock[1]
    index = math.floor(place)
    if index < 2 or index > correlation.shape[1] - 4:
        return False
    _quintic(place - index, taps)
    z[:] = 0.0
    g[:] = 0.0
    for r in range(4):
        for m in range(_TAPS):
            weight = cubic[r] * taps[m]
            values = correlation[row - 1 + r, index - 2 + m]
            for j in range(nodes):
                part = weight * eccentricity[j]
                z[0] += part * values[3 * j]
                z[1] += part * values[3 * j + 1]
                z[2] += part * values[3 * j + 2]
        for j in range(nodes):
            for k in range(nodes):
                weight = cubic[r] * eccentricity[j] * eccentricity[k]
                for c in range(4):
                    g[c] += weight * squares[row - 1 + r, j, k, c]
    return True


@njit(cache=True, fastmath=True)
def _combine(z, g, patterns, twice_psi, twice_beta, match, square):
    """The six numbers v and eighteen numbers Q of a sky position, with both angles turned."""
    match[:] = 0.0
    square[:] = 0.0
    cb, sb = math.cos(twice_beta), math.sin(twice_beta)
    cp, sp = math.cos(twice_psi), math.sin(twice_psi)
    for d in range(z.shape[0]):
        plus = patterns[d, 0] * cp + patterns[d, 1] * sp
        cross = patterns[d, 1] * cp - patterns[d, 0] * sp
        first = z[d, 0] * cb + z[d, 1] * sb
        second = z[d, 1] * cb - z[d, 0] * sb
        third = z[d, 2]
        # Squares of the turned series: AcAc, AsAs, BB, AcAs, AcB, AsB.
        cc, cB, bb, ss = g[d, 0], g[d, 1], g[d, 2], g[d, 3]
        turned = (
            cc * cb * cb + ss * sb * sb,
            cc * sb * sb + ss * cb * cb,
            bb,
            (ss - cc) * sb * cb,
            cB * cb,
            -cB * sb,
        )
        match[0] += plus * first
        match[1] += plus * second
        match[2] += plus * third
        match[3] += cross * first
        match[4] += cross * second
        match[5] += cross * third
        for c in range(6):
            square[c] += plus * plus * turned[c]
            square[6 + c] += cross * cross * turned[c]
            square[12 + c] += plus * cross * turned[c]


@njit(cache=True, parallel=True, fastmath=True)
def evaluate(
    correlations,
    squares,
    tensors,
    clock,
    grid,
    amplitude_values,
    density,
    amplitude_grid,
    orientations,
    log_tau,
    eccentricity,
    times,
    directions,
    allowed,
    uniform,
    count,
):
    """Log-likelihood ratios with orientation and amplitude integrated, and one draw of both at each point.

    Args:
        correlations: Correlation tables, (detectors, rows, times, 3 nodes), float32.
        squares: Squares of the series, (detectors, rows, nodes, nodes, 4).
        tensors: Response tensors, (detectors, 3, 3).
        clock: First time and spacing of the correlations [s].
        grid: `AmplitudeTable.grid`.
        amplitude_values: `AmplitudeTable.values`.
        density: Joint prior density of ln tau and ln A, (rows, columns).
        amplitude_grid: First ln A and spacing.
        orientations: `orientation_table`, (24, draws), float32.
        log_tau: ln of the time scale, (n,).
        eccentricity: Weights of the eccentricity's nodes, (n, nodes).
        times: Arrival time at each detector, (n, detectors) [s].
        directions: Directions to sum over, (n, sky, 3).
        allowed: Whether the prior allows each direction, (n, sky).
        uniform: Uniform numbers: two turned angles, the choice, the amplitude, (n, 4).
        count: Orientations to use.

    Returns:
        Log-likelihood ratio including the prior of (ln tau, ln A), (n,); orientation,
        direction, (n, 2); ln A, (n,), NaN where there is none.
    """
    n, sky = directions.shape[0], directions.shape[1]
    detectors, rows = correlations.shape[0], correlations.shape[1]
    total = np.full(n, _LOWEST)
    chosen = np.zeros((n, 2), np.int64)
    log_amplitude = np.full(n, np.nan)
    share = count // sky
    for p in prange(n):
        place = (log_tau[p] - grid[0]) / grid[1]
        if place < 0.0 or place > rows - 1:
            continue
        row, offset = _place(log_tau[p], grid[0], grid[1], rows)
        cubic = _cubic(offset)
        taps = np.empty(_TAPS)
        z = np.empty((detectors, 3))
        g = np.empty((detectors, 4))
        inside = True
        for d in range(detectors):
            inside = inside and _series(
                correlations[d], squares[d], row, cubic, eccentricity[p], times[p, d], clock, taps, z[d], g[d]
            )
        if not inside:
            continue
        low = min(max(int(place), 0), rows - 2)
        part = place - low
        patterns = np.empty((detectors, 2))
        match = np.empty(6)
        square = np.empty(18)
        linear = np.empty(count, np.float32)
        quadratic = np.empty(count, np.float32)
        linear[:] = 0.0
        quadratic[:] = 0.0
        best = -1e30
        for s in range(sky):
            if not allowed[p, s]:
                continue
            x, y, zz = directions[p, s, 0], directions[p, s, 1], directions[p, s, 2]
            for d in range(detectors):
                patterns[d, 0], patterns[d, 1] = _pattern(tensors[d], x, y, zz)
            _combine(z, g, patterns, 2.0 * math.pi * uniform[p, 0], 2.0 * math.pi * uniform[p, 1], match, square)
            begin = s * share
            for c in range(6):
                weight = np.float32(match[c])
                for k in range(begin, begin + share):
                    linear[k] += weight * orientations[c, k]
            for c in range(18):
                weight = np.float32(square[c])
                for k in range(begin, begin + share):
                    quadratic[k] += weight * orientations[6 + c, k]
            for k in range(begin, begin + share):
                quadratic[k] = max(quadratic[k], np.float32(1e-12))
                linear[k] /= math.sqrt(quadratic[k])
                best = max(best, linear[k])
        if best <= -1e29:
            continue
        least = math.exp(grid[6])
        top = max(best, least)
        edge = top * best - 0.5 * top * top - _FAINT
        maximum = -1e30
        for s in range(sky):
            for k in range(s * share, (s + 1) * share):
                if not allowed[p, s]:
                    linear[k] = -1e30
                    continue
                ratio = linear[k]
                most = max(ratio, least)
                if most * ratio - 0.5 * most * most < edge:
                    linear[k] = -1e30
                    continue
                log_scale = 0.5 * math.log(quadratic[k])
                value = log_integral(amplitude_values, grid, low, part, ratio, log_scale)
                quadratic[k] = linear[k]
                linear[k] = value
                maximum = max(maximum, value)
        if maximum <= -1e29:
            continue
        mass = 0.0
        for k in range(sky * share):
            if linear[k] > maximum - 30.0:
                mass += math.exp(linear[k] - maximum)
        total[p] = maximum + math.log(mass / (sky * share))
        target = uniform[p, 2] * mass
        passed = 0.0
        pick = 0
        for k in range(sky * share):
            if linear[k] > maximum - 30.0:
                passed += math.exp(linear[k] - maximum)
                pick = k
                if passed >= target:
                    break
        s = pick // share
        chosen[p, 0], chosen[p, 1] = pick, s
        for d in range(detectors):
            patterns[d, 0], patterns[d, 1] = _pattern(
                tensors[d], directions[p, s, 0], directions[p, s, 1], directions[p, s, 2]
            )
        _combine(z, g, patterns, 2.0 * math.pi * uniform[p, 0], 2.0 * math.pi * uniform[p, 1], match, square)
        q = 0.0
        for c in range(18):
            q += square[c] * orientations[6 + c, pick]
        log_scale = 0.5 * math.log(max(q, 1e-12))
        log_amplitude[p] = draw_log_amplitude(
            density, place, amplitude_grid, grid[6], quadratic[pick], log_scale, uniform[p, 3]
        )
    return total, chosen, log_amplitude


@njit(cache=True, parallel=True, fastmath=True)
def full_likelihood(correlations, squares, clock, grid, log_tau, eccentricity, times, combination):
    """Log-likelihood ratios of full parameter vectors, from the same tables.

    Args:
        correlations: Correlation tables, (detectors, rows, times, 3 nodes), float32.
        squares: Squares of the series, (detectors, rows, nodes, nodes, 4).
        clock: First time and spacing of the correlations [s].
        grid: `AmplitudeTable.grid`.
        log_tau: ln of the time scale, (n,).
        eccentricity: Weights of the eccentricity's nodes, (n, nodes).
        times: Arrival time at each detector, (n, detectors) [s].
        combination: Weight of each series in every detector, (n, detectors, 3).

    Returns:
        ln of the likelihood over that of noise, (n,); -inf outside the tables.
    """
    n, detectors, rows = log_tau.size, correlations.shape[0], correlations.shape[1]
    found = np.full(n, -np.inf)
    for p in prange(n):
        row, offset = _place(log_tau[p], grid[0], grid[1], rows)
        if offset < -1.0 or offset > 2.0:
            continue
        cubic = _cubic(offset)
        taps = np.empty(_TAPS)
        z = np.empty(3)
        g = np.empty(4)
        total = 0.0
        inside = True
        for d in range(detectors):
            inside = inside and _series(
                correlations[d], squares[d], row, cubic, eccentricity[p], times[p, d], clock, taps, z, g
            )
            a, s, b = combination[p, d, 0], combination[p, d, 1], combination[p, d, 2]
            total += a * z[0] + s * z[1] + b * z[2]
            total -= 0.5 * (a * a * g[0] + 2.0 * a * b * g[1] + b * b * g[2] + s * s * g[3])
        if inside:
            found[p] = total
    return found
