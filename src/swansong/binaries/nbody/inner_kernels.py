"""The pair and the stars around it: exact Kepler motion of the pair, stars kicked at steps that fit every orbit.

The pair moves on its conic between kicks, so that no step is spent on its own orbit; stars move on straight lines
between the kicks that they and the holes give each other. Steps follow the shortest time scale of the moment in a
reversible way, so that energy does not drift while they change by orders of magnitude.

Reference:
    Wisdom & Holman (1991), AJ 102, 1528 (Kepler motion between kicks); Huang & Leimkuhler (1997), SIAM Journal on
    Scientific Computing 18, 239 (reversible explicit choice of steps).
"""

import math

import numpy as np
from numba import njit

from swansong.binaries.nbody.kepler_kernels import kepler_step

_LEAST_STEPS = 4.0  # in one outer step, however far away everything is
_SLOWER, _FASTER = 0.5, 2.0  # bounds of the rate, in units of the one found in the middle of a step


@njit(cache=True)
def _move(relative, centre, stars, mu, time):  # pragma: no cover - compiled
    kepler_step(relative, mu, time)
    for axis in range(3):
        centre[axis] += time * centre[3 + axis]
        for i in range(stars.shape[1]):
            stars[axis, i] += time * stars[3 + axis, i]


@njit(cache=True, fastmath=True, error_model="numpy")
def _look(relative, centre, stars, masses, near, rates, cubes):  # pragma: no cover - compiled
    """Inverse cubed distances of stars from both holes; gives the steps per time that they and the pair ask for."""
    total = masses[0] + masses[1]
    square = 0.0
    for hole in range(2):
        share = -masses[1] / total if hole == 0 else masses[0] / total
        x = centre[0] + share * relative[0]
        y = centre[1] + share * relative[1]
        z = centre[2] + share * relative[2]
        part = 0.0
        for i in range(stars.shape[1]):
            dx, dy, dz = stars[0, i] - x, stars[1, i] - y, stars[2, i] - z
            one = 1.0 / (dx * dx + dy * dy + dz * dz + near)
            cube = one * math.sqrt(one)
            cubes[hole, i] = cube
            part += cube
        square += rates[1] * rates[1] * masses[hole] * part
    distance = relative[0] * relative[0] + relative[1] * relative[1] + relative[2] * relative[2]
    return math.sqrt(square + rates[0] * rates[0] / distance + rates[2] * rates[2])


@njit(cache=True, fastmath=True, error_model="numpy")
def _kick(relative, centre, stars, star_mass, masses, cubes, step):  # pragma: no cover - compiled
    """Kick stars and holes by each other."""
    m1, m2 = masses[0], masses[1]
    total = m1 + m2
    x1 = centre[0] - m2 / total * relative[0]
    y1 = centre[1] - m2 / total * relative[1]
    z1 = centre[2] - m2 / total * relative[2]
    x2, y2, z2 = x1 + relative[0], y1 + relative[1], z1 + relative[2]
    p1x, p1y, p1z, p2x, p2y, p2z = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(stars.shape[1]):
        ax, ay, az = stars[0, i] - x1, stars[1, i] - y1, stars[2, i] - z1
        bx, by, bz = stars[0, i] - x2, stars[1, i] - y2, stars[2, i] - z2
        own1, own2 = star_mass[i] * cubes[0, i], star_mass[i] * cubes[1, i]
        p1x += own1 * ax
        p1y += own1 * ay
        p1z += own1 * az
        p2x += own2 * bx
        p2y += own2 * by
        p2z += own2 * bz
        pull1, pull2 = step * m1 * cubes[0, i], step * m2 * cubes[1, i]
        stars[3, i] -= pull1 * ax + pull2 * bx
        stars[4, i] -= pull1 * ay + pull2 * by
        stars[5, i] -= pull1 * az + pull2 * bz
    first, second = (p1x, p1y, p1z), (p2x, p2y, p2z)
    for axis in range(3):
        centre[3 + axis] += step * (m1 * first[axis] + m2 * second[axis]) / total
        relative[3 + axis] += step * (second[axis] - first[axis])


@njit(cache=True)
def advance_inner(
    holes, stars, star_mass, near: float, time: float, pair_steps: float, star_steps: float
) -> int:  # pragma: no cover - compiled
    """Move the pair and the stars around it for some time.

    Args:
        holes: Position, velocity and mass of each hole, shape (2, 7), changed in place.
        stars: Positions and velocities, shape (6, stars), changed in place.
        star_mass: Masses of the stars.
        near: Square of the softening between holes and stars.
        time: How long.
        pair_steps: Steps in one period of the pair.
        star_steps: Steps in one period of a star on a circle around one hole.

    Returns:
        The number of steps.
    """
    masses = holes[:, 6].copy()
    total = masses[0] + masses[1]
    relative, centre = np.empty(6), np.empty(6)
    for axis in range(6):
        relative[axis] = holes[1, axis] - holes[0, axis]
        centre[axis] = (masses[0] * holes[0, axis] + masses[1] * holes[1, axis]) / total
    distance = math.sqrt(relative[0] ** 2 + relative[1] ** 2 + relative[2] ** 2)
    speed = relative[3] ** 2 + relative[4] ** 2 + relative[5] ** 2
    axis_length = 1.0 / max(abs(2.0 / distance - speed / total), 1.0 / distance)
    # Equal steps in eccentric anomaly, dE/dt = sqrt(mu / a) / r; of stars; and the fewest.
    turn = 2.0 * math.pi
    rates = (pair_steps / turn * math.sqrt(total / axis_length), star_steps / turn, _LEAST_STEPS / time)
    cubes = np.empty((2, stars.shape[1]))
    passed, steps = 0.0, 0
    flow = _look(relative, centre, stars, masses, near, rates, cubes)
    while passed < time:
        left = time - passed
        first = min(0.5 / flow, 0.5 * left)
        _move(relative, centre, stars, total, first)
        rate = _look(relative, centre, stars, masses, near, rates, cubes)
        # The mean of the rates before and after is the one found in the middle: reversible, and explicit.
        flow = min(max(2.0 * rate - flow, _SLOWER * rate), _FASTER * rate)
        # The last step ends on time, at the price of its reversibility.
        second = left - first if first + 0.5 / flow >= left else 0.5 / flow
        _kick(relative, centre, stars, star_mass, masses, cubes, first + second)
        _move(relative, centre, stars, total, second)
        passed = time if second == left - first else passed + first + second
        steps += 1
    for axis in range(6):
        holes[0, axis] = centre[axis] - masses[1] / total * relative[axis]
        holes[1, axis] = centre[axis] + masses[0] / total * relative[axis]
    return steps
