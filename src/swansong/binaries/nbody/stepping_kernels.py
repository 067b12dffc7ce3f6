"""Which star takes which step, which stars belong to the inner region, and the drift of one smallest step."""

import math

import numpy as np
from numba import njit

from swansong.binaries.nbody.inner_kernels import advance_inner


@njit(cache=True)
def choose_levels(
    position, velocity, holes, smallest: float, levels: int, accuracy: float
):  # pragma: no cover - compiled
    """Level of each star: it takes steps of smallest 2^level.

    The step is `accuracy` times the least distance to the nearer hole during the longest step, on a straight line,
    over the larger of 1 and the speed relative to it: in a galaxy with a hole at its centre every orbit then takes
    about as many steps.

    Args:
        position: Positions of stars, shape (3, stars).
        velocity: Velocities of stars, shape (3, stars).
        holes: Position, velocity and mass of each hole, shape (2, 7).
        smallest: Smallest step.
        levels: Number of levels.
        accuracy: Step over time to cross the distance.

    Returns:
        Levels, shape (stars,).
    """
    count = position.shape[1]
    longest = smallest * 2 ** (levels - 1)
    level = np.empty(count, np.int64)
    for i in range(count):
        step = math.inf
        for hole in range(2):
            square, speed, inward = 0.0, 0.0, 0.0
            for axis in range(3):
                along = position[axis, i] - holes[hole, axis]
                past = velocity[axis, i] - holes[hole, 3 + axis]
                square += along * along
                speed += past * past
                inward -= along * past
            # Levels stay until the longest step ends: what counts is how close the star will be by then.
            if inward > 0.0:
                when = min(inward / speed, longest)
                square = max(square - 2.0 * when * inward + when * when * speed, 0.0)
            step = min(step, accuracy * math.sqrt(square / max(1.0, speed)))
        wanted = math.floor(math.log2(max(step, smallest) / smallest))
        level[i] = min(max(wanted, 0), levels - 1)
    return level


@njit(cache=True)
def choose_inner(position, velocity, fast: int, holes, radius: float, ahead: float):  # pragma: no cover - compiled
    """Stars of the inner region: of the first `fast` ones those near either hole.

    Near means within a radius, to which the way of a star in some time is added: one that flies past or was thrown
    out stays inside until the force on it changes little in a step.

    Args:
        position: Positions of stars, shape (3, stars).
        velocity: Velocities of stars, shape (3, stars).
        fast: Number of stars on the smallest step, which come first.
        holes: Position, velocity and mass of each hole, shape (2, 7).
        radius: Radius of the region for a star at rest.
        ahead: Time.

    Returns:
        Whether a star is inside, shape (stars,).
    """
    inside = np.zeros(position.shape[1], np.bool_)
    for i in range(fast):
        for hole in range(2):
            square, speed = 0.0, 0.0
            for axis in range(3):
                square += (position[axis, i] - holes[hole, axis]) ** 2
                speed += (velocity[axis, i] - holes[hole, 3 + axis]) ** 2
            if math.sqrt(square) < radius + ahead * math.sqrt(speed):
                inside[i] = True
    return inside


@njit(cache=True)
def drift(
    position, velocity, mass, holes, inside, near: float, step: float, pair_steps: float, star_steps: float
) -> int:  # pragma: no cover - compiled
    """Move everything for one smallest step: the inner region by its own integrator, other stars straight on.

    Args:
        position: Positions of stars, shape (3, stars), changed in place.
        velocity: Velocities of stars, shape (3, stars), those inside changed in place.
        mass: Masses of stars.
        holes: Position, velocity and mass of each hole, shape (2, 7), changed in place.
        inside: Which stars are inside.
        near: Square of the softening between holes and stars.
        step: Time.
        pair_steps: Steps in one period of the pair.
        star_steps: Steps in one period of a star on a circle around one hole.

    Returns:
        Steps of the inner integrator.
    """
    members = np.flatnonzero(inside)
    stars = np.empty((6, members.shape[0]))
    weights = np.empty(members.shape[0])
    for place in range(members.shape[0]):
        weights[place] = mass[members[place]]
        for axis in range(3):
            stars[axis, place] = position[axis, members[place]]
            stars[3 + axis, place] = velocity[axis, members[place]]
    taken = advance_inner(holes, stars, weights, near, step, pair_steps, star_steps)
    for axis in range(3):
        for i in range(position.shape[1]):
            position[axis, i] += step * velocity[axis, i]
    for place in range(members.shape[0]):
        for axis in range(3):
            position[axis, members[place]] = stars[axis, place]
            velocity[axis, members[place]] = stars[3 + axis, place]
    return taken
