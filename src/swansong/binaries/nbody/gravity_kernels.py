"""Softened forces of stars on stars by direct summation in single precision, and their energy in double."""

import math

import numpy as np
from numba import njit, prange


def _kick_range(
    stars, velocity, first: int, last: int, begin: int, end: int, square: float, step: float
) -> None:  # pragma: no cover - compiled
    """Kick the stars [first, last) by the stars [begin, end).

    Args:
        stars: Positions and masses in single precision, shape (4, stars).
        velocity: Velocities in double precision, shape (3, stars), changed in place.
        first: First star that is kicked.
        last: One behind the last.
        begin: First star that pulls.
        end: One behind the last.
        square: Square of the softening.
        step: Time.
    """
    soft = np.float32(square)
    # Slices of their own keep the inner loop contiguous, which lets the compiler use its widest registers.
    xs, ys, zs, ms = stars[0, begin:end], stars[1, begin:end], stars[2, begin:end], stars[3, begin:end]
    count = end - begin
    for i in prange(first, last):
        x, y, z = stars[0, i], stars[1, i], stars[2, i]
        ax, ay, az = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for j in range(count):
            dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
            inverse = np.float32(1.0) / np.sqrt(dx * dx + dy * dy + dz * dz + soft)
            pull = ms[j] * inverse * inverse * inverse
            ax += pull * dx
            ay += pull * dy
            az += pull * dz
        velocity[0, i] += step * ax
        velocity[1, i] += step * ay
        velocity[2, i] += step * az


def _kick_all(stars, velocity, before, after, square: float) -> None:  # pragma: no cover - compiled
    """Kick every pair by half the step it had before plus half the step it has from now on.

    The step of a pair is the longer one of its two stars.

    Args:
        stars: Positions and masses in single precision, shape (4, stars).
        velocity: Velocities in double precision, shape (3, stars), changed in place.
        before: Steps of the stars until now, single precision.
        after: Steps of the stars from now on, single precision.
        square: Square of the softening.
    """
    soft, half = np.float32(square), np.float32(0.5)
    xs, ys, zs, ms = stars[0], stars[1], stars[2], stars[3]
    count = stars.shape[1]
    for i in prange(count):
        x, y, z, old, new = xs[i], ys[i], zs[i], before[i], after[i]
        ax, ay, az = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for j in range(count):
            dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
            inverse = half / np.sqrt(dx * dx + dy * dy + dz * dz + soft)
            step = max(old, before[j]) + max(new, after[j])
            pull = ms[j] * step * inverse * inverse * inverse
            ax += pull * dx
            ay += pull * dy
            az += pull * dz
        # Three factors of a half came with the inverse distance, and one is wanted.
        velocity[0, i] += 4.0 * ax
        velocity[1, i] += 4.0 * ay
        velocity[2, i] += 4.0 * az


_COMPILED = {"cache": True, "fastmath": True, "error_model": "numpy"}

# Threads that wait for each other cost more than they bring where there is little to do.
kick_range = njit(**_COMPILED)(_kick_range)
kick_range_by_threads = njit(parallel=True, **_COMPILED)(_kick_range)
kick_all = njit(**_COMPILED)(_kick_all)
kick_all_by_threads = njit(parallel=True, **_COMPILED)(_kick_all)


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def potential_energy(position, mass, square: float) -> float:  # pragma: no cover - compiled
    """Potential energy of the stars among themselves.

    Args:
        position: Shape (3, stars).
        mass: Masses.
        square: Square of the softening.

    Returns:
        Energy.
    """
    count = mass.shape[0]
    total = 0.0
    for i in prange(count):
        x, y, z = position[0, i], position[1, i], position[2, i]
        part = 0.0
        for j in range(count):
            dx, dy, dz = position[0, j] - x, position[1, j] - y, position[2, j] - z
            part += mass[j] / math.sqrt(dx * dx + dy * dy + dz * dz + square)
        # Each star saw itself at no distance.
        total -= 0.5 * mass[i] * (part - mass[i] / math.sqrt(square))
    return total


@njit(cache=True, fastmath=True, error_model="numpy")
def kick_by_holes(position, velocity, mass, holes, steps, square: float) -> None:  # pragma: no cover - compiled
    """Kick stars and black holes by each other, each star for its own time.

    Args:
        position: Positions of stars, shape (3, stars).
        velocity: Velocities of stars, shape (3, stars), changed in place.
        mass: Masses of stars.
        holes: Position, velocity and mass of each hole, shape (2, 7), velocities changed in place.
        steps: Times; a star with 0 is left alone.
        square: Square of the softening.
    """
    for i in range(mass.shape[0]):
        if steps[i] == 0.0:
            continue
        for hole in range(2):
            dx = holes[hole, 0] - position[0, i]
            dy = holes[hole, 1] - position[1, i]
            dz = holes[hole, 2] - position[2, i]
            inverse = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + square)
            pull = steps[i] * inverse * inverse * inverse
            own = pull * holes[hole, 6]
            velocity[0, i] += own * dx
            velocity[1, i] += own * dy
            velocity[2, i] += own * dz
            other = pull * mass[i]
            holes[hole, 3] -= other * dx
            holes[hole, 4] -= other * dy
            holes[hole, 5] -= other * dz


@njit(cache=True, fastmath=True, error_model="numpy")
def energies(position, velocity, mass, holes, near: float) -> tuple[float, float]:  # pragma: no cover - compiled
    """Kinetic energy of all bodies, and potential energy of the holes with each other and with the stars.

    Args:
        position: Positions of stars, shape (3, stars).
        velocity: Velocities of stars, shape (3, stars).
        mass: Masses of stars.
        holes: Position, velocity and mass of each hole, shape (2, 7).
        near: Square of the softening between holes and stars.

    Returns:
        Kinetic and potential energy.
    """
    kinetic, potential = 0.0, 0.0
    for i in range(mass.shape[0]):
        kinetic += 0.5 * mass[i] * (velocity[0, i] ** 2 + velocity[1, i] ** 2 + velocity[2, i] ** 2)
    for hole in range(2):
        x, y, z, u, v, w, heavy = holes[hole]
        kinetic += 0.5 * heavy * (u * u + v * v + w * w)
        for i in range(mass.shape[0]):
            square = (position[0, i] - x) ** 2 + (position[1, i] - y) ** 2 + (position[2, i] - z) ** 2
            potential -= heavy * mass[i] / math.sqrt(square + near)
    between = holes[1, :3] - holes[0, :3]
    potential -= holes[0, 6] * holes[1, 6] / math.sqrt(np.sum(between * between))
    return kinetic, potential
