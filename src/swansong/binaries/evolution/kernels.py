"""Compiled evolution of pairs from stars to gravitational waves.

The independent variable is x = -ln a, which rises monotonically while time and eccentricity follow smoothly
up to coalescence; in time, the last orbits would be a singularity. Eccentricity is e = tanh z, so that no step
leaves [0, 1). Steps are Dormand and Prince's 5(4); states between two steps come from a shorter step of the same
order. Once the stars no longer matter, Peters' integral gives the rest of the time in one go.

Reference:
    Dormand & Prince 1980, J. Comput. Appl. Math. 6, 19.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.binaries.evolution.rate_tables import GROWTH, HARDENING, NODES
from swansong.physics.peters import POWER, QUADRATURE

MERGED, STALLED, FAILED = 0, 1, 2
"""What became of a pair: coalesced, still apart at the time limit, or the steps did not suffice."""

BY_TIME, BY_SCATTERING = 0, 1
"""Kinds of laws: rates as functions of time, or of semi-major axis and eccentricity."""

_MOST_STEPS = 100_000
_NEGLIGIBLE = 1e-10  # share of the time, or of 1/a, by which what is left out would still change it
_LONGEST = 1.0  # step in x
_PLACES, _WEIGHTS = QUADRATURE
_H_SCALE, _H_POWER, _H_SIZE = HARDENING
_LAST = len(NODES) - 1

_NODE = np.array([0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0])
_STAGE = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
        [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
        [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
        [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
        [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
        [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ]
)
_ERROR = np.array([71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0])


@njit(cache=True, error_model="numpy")
def growth_at(node, ratio):
    """Eccentricity growth K at a node of the table, a in units of the hard semi-major axis."""
    size, scale, power, offset = GROWTH[node]
    return size * (1.0 + ratio / scale) ** power + offset if size > 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def scattering_growth(ratio, e):
    """Eccentricity growth K between the nodes, by cubics whose slopes are those of the neighbours."""
    if e <= 0.0 or e >= 1.0:
        return 0.0
    left = min(np.searchsorted(NODES, e, side="right") - 1, _LAST - 1)
    low, high = growth_at(left, ratio), growth_at(left + 1, ratio)
    width = NODES[left + 1] - NODES[left]
    slope = high - low
    down = slope if left == 0 else (high - growth_at(left - 1, ratio)) * width / (NODES[left + 1] - NODES[left - 1])
    up = slope
    if left + 2 <= _LAST:
        up = (growth_at(left + 2, ratio) - low) * width / (NODES[left + 2] - NODES[left])
    u = (e - NODES[left]) / width
    v = 1.0 - u
    return v * low + u * high + u * v * (v * (down - slope) + u * (slope - up))


@njit(cache=True, error_model="numpy")
def scattering_hardening(ratio):
    """Hardening rate H, a in units of the hard semi-major axis."""
    return _H_SIZE * (1.0 + ratio / _H_SCALE) ** _H_POWER


@njit(cache=True, error_model="numpy")
def law_rates(kind, row, t, a, e):
    """Hardening s = d(1/a)/dt and growth K = de/dln(1/a) by stars."""
    if kind == BY_TIME:
        s = row[1] + (row[0] - row[1]) * math.exp(-t / row[2])
        k = row[4] + (row[3] - row[4]) * math.exp(-t / row[5])
    else:
        s = row[0] * scattering_hardening(a / row[1])
        k = scattering_growth(a / row[1], e)
    # A circle cannot become rounder.
    return s, (max(k, 0.0) if e <= 0.0 else k)


@njit(cache=True, error_model="numpy")
def rates_along(kind, rows, times, axes, eccentricities, rates, growths):
    """Rates s and K of pairs at given times and orbits."""
    for i in range(len(times)):
        rates[i], growths[i] = law_rates(kind, rows[i], times[i], axes[i], eccentricities[i])


@njit(cache=True, error_model="numpy")
def _rates(kind, row, beta, x, t, z):
    """dt/dx, dz/dx, and the rates of ln(1/a) by stars and by gravitational waves."""
    grown = math.exp(z)
    cosh = 0.5 * (grown + 1.0 / grown)
    e = 0.5 * (grown - 1.0 / grown) / cosh
    e2, c2 = e * e, cosh * cosh
    a = math.exp(-x)
    s, k = law_rates(kind, row, t, a, e)
    stars = s * a
    unit = beta / (a * a * a * a) * c2 * c2 * cosh
    waves = unit * c2 * (1.0 + e2 * (73.0 / 24.0 + e2 * (37.0 / 96.0)))
    fall = 19.0 / 12.0 * unit * e * (1.0 + 121.0 / 304.0 * e2)
    total = stars + waves
    return 1.0 / total, (k * stars - fall) * c2 / total, stars, waves


@njit(cache=True, error_model="numpy")
def _advance(kind, row, beta, state, h, work):
    """One step from a state (x, t, z, dt/dx, dz/dx): time and z, their errors, slopes, stars and waves at its end."""
    x, t, z = state[0], state[1], state[2]
    work[0, 0], work[1, 0] = state[3], state[4]
    new_t, new_z, stars, waves = t, z, 0.0, 0.0
    for i in range(1, 7):
        dt, dz = 0.0, 0.0
        for j in range(i):
            dt += _STAGE[i, j] * work[0, j]
            dz += _STAGE[i, j] * work[1, j]
        new_t, new_z = t + h * dt, z + h * dz
        work[0, i], work[1, i], stars, waves = _rates(kind, row, beta, x + _NODE[i] * h, new_t, new_z)
    error_t, error_z = 0.0, 0.0
    for i in range(7):
        error_t += _ERROR[i] * work[0, i]
        error_z += _ERROR[i] * work[1, i]
    return new_t, new_z, h * error_t, h * error_z, work[0, 6], work[1, 6], stars, waves


@njit(cache=True, error_model="numpy")
def _excess(kind, row, beta, state, h, time, work):
    """Time and z after part of a step, and by how much the event is past: a time, or the waves' take-over."""
    new_t, new_z, _, _, _, _, stars, waves = _advance(kind, row, beta, state, h, work)
    # The rate of a law that has died away long ago is lost in underflow.
    ratio = math.log(waves) - math.log(max(stars, 1e-300))
    return new_t, new_z, ratio if math.isnan(time) else new_t - time


@njit(cache=True, error_model="numpy")
def _locate(kind, row, beta, state, h, time, work):
    """Place of an event within a step, by the Illinois method: x, time and z there."""
    low, high, side = 0.0, h, 0
    _, _, below = _excess(kind, row, beta, state, low, time, work)
    at_t, at_z, above = _excess(kind, row, beta, state, high, time, work)
    if below >= 0.0:
        return state[0], state[1], state[2]
    middle, nearest = high, 1e-15 * (1.0 + abs(state[0]))
    for _ in range(60):
        if above == 0.0 or high - low < nearest:
            break
        previous, middle = middle, high - above * (high - low) / (above - below)
        at_t, at_z, value = _excess(kind, row, beta, state, middle, time, work)
        if abs(middle - previous) < nearest:
            break
        if value < 0.0:
            low, below = middle, value
            above *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            high, above = middle, value
            below *= 0.5 if side > 0 else 1.0
            side = 1
    return state[0] + middle, at_t, at_z


@njit(cache=True, error_model="numpy")
def _excess_rate(kind, row, t):
    """Hardening rate above its floor."""
    return (row[0] - row[1]) * math.exp(-t / row[2]) if kind == BY_TIME else 0.0


@njit(cache=True, error_model="numpy")
def _remaining(beta, x, z):
    """Time to coalescence by gravitational waves alone, as `peters.coalescence_time` has it."""
    if z < 1e-8:
        return 0.25 * math.exp(-4.0 * x) / beta
    e, total = math.tanh(z), 0.0
    for i in range(len(_PLACES)):
        inner = z * _PLACES[i]
        tangent = math.tanh(inner)
        share = (tangent / inner) ** (29.0 / 19.0) * (1.0 + 121.0 / 304.0 * tangent * tangent) ** (1181.0 / 2299.0)
        total += _WEIGHTS[i] * share * math.cosh(inner)
    factor = (z / e) ** (48.0 / 19.0) / (1.0 + 121.0 / 304.0 * e * e) ** (4.0 * POWER) / math.cosh(z) ** 8
    return 0.25 * math.exp(-4.0 * x) / beta * 48.0 / 19.0 * factor * total


@njit(cache=True, error_model="numpy")
def _evolve(kind, row, beta, start, limit, tolerance, places, times, work, answer, at_places, at_times):
    """One pair; the answer holds status, time, time, x and z of the take-over, and time, x and z of the last state."""
    x, z, t = start[0], start[1], start[2]
    begin, h = t, 0.05
    place, moment = 0, 0
    slope, turn, stars, waves = _rates(kind, row, beta, x, t, z)
    if waves >= stars:
        answer[2], answer[3], answer[4] = t, x, z
    answer[0], answer[1] = FAILED, np.nan
    for _ in range(_MOST_STEPS):
        answer[5], answer[6], answer[7] = t, x, z
        excess = _excess_rate(kind, row, t)
        if excess != 0.0 and abs(excess) * row[2] * math.exp(-x) < _NEGLIGIBLE:
            # A rate that dies away hardly changes x any more, while time runs on: a corner that steps in x cannot turn.
            row[0] = row[1]
            slope, turn, rest, waves = _rates(kind, row, beta, x, t, z)
            at_t = t + row[2] * math.log(max((stars - rest) / (waves - rest), 1.0)) if waves > rest else math.inf
            if waves < stars and at_t <= limit:
                answer[2], answer[3], answer[4] = at_t, x, z
            stars = rest
        # Peters' time is at most 768/425 of (1 - e^2)^(7/2) that of the circle.
        bound = 0.452 * math.exp(-4.0 * x) / beta / math.cosh(z) ** 7
        alone = stars <= waves and stars * bound <= _NEGLIGIBLE * waves * (t - begin + bound)
        if alone and place == len(places):
            end = t + _remaining(beta, x, z)
            pending = moment < len(times) and times[moment] < end and end - t > 1e-14 * (end - begin)
            if end <= limit and not pending:
                answer[0], answer[1] = MERGED, end
                return
        h = min(h, _LONGEST)
        state = (x, t, z, slope, turn)
        new_t, new_z, error_t, error_z, new_slope, new_turn, new_stars, new_waves = _advance(
            kind, row, beta, state, h, work
        )
        error = max(abs(error_t) / (t - begin + slope), abs(error_z) / (0.1 + abs(z))) / tolerance
        if not error <= 1.0:
            h *= max(0.2, 0.9 * error**-0.2) if math.isfinite(error) else 0.2
            if h < 1e-13:
                return
            continue
        while place < len(places) and places[place] <= x + h:
            found = _advance(kind, row, beta, state, places[place] - x, work)
            if found[0] > limit:
                break
            at_places[place, 0], at_places[place, 1] = found[0], found[1]
            place += 1
        while moment < len(times) and times[moment] <= min(new_t, limit):
            at_times[moment, 0], _, at_times[moment, 1] = _locate(kind, row, beta, state, h, times[moment], work)
            moment += 1
        if new_waves >= new_stars and waves < stars:
            at_x, at_t, at_z = _locate(kind, row, beta, state, h, np.nan, work)
            if at_t <= limit:
                answer[2], answer[3], answer[4] = at_t, at_x, at_z
        if new_t > limit:
            answer[6], answer[5], answer[7] = _locate(kind, row, beta, state, h, limit, work)
            answer[0], answer[1], answer[5] = STALLED, np.inf, limit
            return
        x, t, z, slope, turn, stars, waves = x + h, new_t, new_z, new_slope, new_turn, new_stars, new_waves
        h *= min(5.0, 0.9 * max(error, 1e-10) ** -0.2)


@njit(cache=True, parallel=True, error_model="numpy")
def evolve_batch(kind, rows, betas, starts, limits, tolerance, places, times, answers, at_places, at_times):
    """Evolve pairs, each on its own.

    `starts` holds x, z and the time on the law's clock; `places` are rising x and `times` rising times on that
    clock, one row a pair; `answers`, `at_places` (time, z) and `at_times` (x, z) are filled.
    """
    for i in prange(len(starts)):
        work = np.empty((2, 7))
        _evolve(
            kind, rows[i].copy(), betas[i], starts[i], limits[i], tolerance, places[i], times[i], work, answers[i],
            at_places[i], at_times[i],
        )  # fmt: skip
