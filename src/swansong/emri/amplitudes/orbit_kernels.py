"""Orbits at the nodes of their radial and polar phases, as the kernels of the source need them."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from swansong.physics.spin_weighted import fill_harmonics

SIZES = (1, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96)
"""Numbers of radial nodes; an orbit is given at all of them, one set behind the other."""

STARTS = np.concatenate([[0], np.cumsum(SIZES)])
COUNTS = np.array(SIZES)
_LARGEST_L = 10


class Orbits(NamedTuple):
    """Orbits at their nodes.

    Attributes:
        radial: Radius, oscillation of the time and of the azimuth, for all `SIZES`, (orbits, 3, nodes).
        polar: psi, oscillation of the time and of the azimuth, dpsi/dlambda in the upper hemisphere, (orbits, 4,
            nodes).
        terms: Terms of the expansion in a z / r, (orbits,).
        numbers: a, x, E, L, Q, Upsilon_t, frequencies of the polar motion, of precession and of the radial motion,
            lowest radius of the table, eccentricity, (orbits, 11).
        shares: Weights of the spins of the table, (orbits, spins).
    """

    radial: np.ndarray
    polar: np.ndarray
    terms: np.ndarray
    numbers: np.ndarray
    shares: np.ndarray


@njit(cache=True, error_model="numpy")
def _phases(rate, count, out):
    """Cosine and sine of k times a phase, k from 0 to count; out of shape (count + 1, 2, nodes)."""
    out[0, 0], out[0, 1] = 1.0, 0.0
    for i in range(rate.size):
        out[1, 0, i], out[1, 1, i] = math.cos(rate[i]), math.sin(rate[i])
    for k in range(2, count + 1):
        for i in range(rate.size):
            out[k, 0, i] = out[k - 1, 0, i] * out[1, 0, i] - out[k - 1, 1, i] * out[1, 1, i]
            out[k, 1, i] = out[k - 1, 1, i] * out[1, 0, i] + out[k - 1, 0, i] * out[1, 1, i]


@njit(cache=True, error_model="numpy")
def radial_nodes(orbits, row, size, largest):
    """What the radial sums of an orbit need at one number of nodes.

    Returns:
        Radii; (9, nodes) of (r^2 + a^2) / Delta, a / Delta, even and odd parts of the weights of two and of one
        velocities, 1 / Delta, 6 r / Delta, Delta' / Delta; r^(l-2) Delta^2 and its logarithmic slope for every l (l, 2,
        nodes); 1 / r; and the phases of m, j and n.
    """
    a, energy, momentum = orbits.numbers[row, 0], orbits.numbers[row, 2], orbits.numbers[row, 3]
    carter = orbits.numbers[row, 4]
    w_polar, w_precession, w_radial = orbits.numbers[row, 6], orbits.numbers[row, 7], orbits.numbers[row, 8]
    nodes = COUNTS[size]
    r, drift, turn = orbits.radial[row][:, STARTS[size] : STARTS[size + 1]]
    parts, outer = np.empty((9, nodes)), np.empty((_LARGEST_L + 1, 2, nodes))
    inverse = 1.0 / r
    for i in range(nodes):
        delta = r[i] * (r[i] - 2.0) + a * a
        along = energy * (r[i] * r[i] + a * a) - a * momentum
        squared = along * along - (r[i] * r[i] + carter + (momentum - a * energy) ** 2) * delta
        inward = math.sqrt(max(squared, 0.0))
        parts[0, i], parts[1, i] = (r[i] * r[i] + a * a) / delta, a / delta
        parts[2, i], parts[3, i] = (along * along + squared) / delta**2, 2.0 * along * inward / delta**2
        parts[4, i], parts[5, i] = along / delta, inward / delta
        parts[6, i], parts[7, i], parts[8, i] = 1.0 / delta, 6.0 * r[i] / delta, (2.0 * r[i] - 2.0) / delta
        factor = delta * delta
        for l in range(2, _LARGEST_L + 1):
            outer[l, 0, i], outer[l, 1, i] = factor, 4.0 * (r[i] - 1.0) / delta + (l - 2.0) / r[i]
            factor *= r[i]
    by_m, by_j, by_n = (
        np.empty((largest[0] + 1, 2, nodes)), np.empty((largest[1] + 1, 2, nodes)), np.empty((largest[2] + 1, 2, nodes))
    )  # fmt: skip
    _phases(w_precession * drift - turn, largest[0], by_m)
    _phases(w_polar * drift, largest[1], by_j)
    _phases(w_radial * drift + math.pi / nodes * (np.arange(r.size) + 0.5), largest[2], by_n)
    return r, parts, outer, inverse, by_m, by_j, by_n


@njit(cache=True, error_model="numpy")
def polar_nodes(climb, orbits, row, largest):
    """What the polar sums of an orbit need.

    Returns:
        sin(theta), a sin(theta), velocity (2, nodes), powers of a z over the number of nodes (terms, nodes), harmonics
        with the factors of the ladder (orders, degrees, 3 nodes), and the phases of m, j and n.
    """
    a, x, energy, momentum = (
        orbits.numbers[row, 0],
        orbits.numbers[row, 1],
        orbits.numbers[row, 2],
        orbits.numbers[row, 3],
    )
    w_polar, w_precession, w_radial = orbits.numbers[row, 6], orbits.numbers[row, 7], orbits.numbers[row, 8]
    psi, drift, turn, rate = orbits.polar[row]
    # One node stands for all of an equatorial orbit, whose phase is psi.
    nodes, terms = 2 * psi.size if abs(x) < 1.0 else 1, orbits.terms[row]
    tilt = math.sqrt(max(1.0 - x * x, 0.0))
    z, sine, spinning, velocity = np.empty(nodes), np.empty(nodes), np.empty(nodes), np.empty((2, nodes))
    phases, powers = np.empty((3, nodes)), np.empty((terms, nodes))
    for i in range(nodes):
        mirror = i >= psi.size
        at = nodes - 1 - i if mirror else i
        side = -1.0 if mirror else 1.0
        angle = math.pi - psi[at] if mirror else psi[at]
        c, s = math.cos(angle), math.sin(angle)
        z[i], sine[i] = tilt * c, math.sqrt(x * x * c * c + s * s)
        spinning[i] = a * sine[i]
        velocity[0, i] = tilt * s * rate[at] / sine[i]
        velocity[1, i] = a * energy * sine[i] - momentum / sine[i]
        phases[0, i] = side * (w_precession * drift[at] - turn[at]) + math.atan2(-s, x * c)
        phases[1, i] = side * w_polar * drift[at] + ((i + 0.5) * math.pi / nodes if nodes > 1 else angle)
        phases[2, i] = side * w_radial * drift[at]
        powers[0, i] = 1.0 / nodes
        for k in range(1, terms):
            powers[k, i] = powers[k - 1, i] * a * z[i]
    by_m, by_j, by_n = (
        np.empty((largest[0] + 1, 2, nodes)), np.empty((largest[1] + 1, 2, nodes)), np.empty((largest[2] + 1, 2, nodes))
    )  # fmt: skip
    _phases(phases[0], largest[0], by_m)
    _phases(phases[1], largest[1], by_j)
    _phases(phases[2], largest[2], by_n)
    center, degrees = (climb.lowest.shape[1] - 1) // 2, climb.step.shape[2] - 2
    harmonics = np.empty((2 * center + 1, degrees, 3, nodes))
    fill_harmonics(climb, z, -largest[0], largest[0], harmonics)
    for m in range(center - largest[0], center + largest[0] + 1):
        for d in range(degrees):
            lower = -math.sqrt((d + 4.0) * (d + 1.0))
            harmonics[m, d, 1] *= lower
            harmonics[m, d, 2] *= -lower * math.sqrt((d + 2.0) * (d + 3.0))
    flat = harmonics.reshape(harmonics.shape[0], degrees, 3 * nodes)
    return sine, spinning, velocity, powers, flat, by_m, by_j, by_n
