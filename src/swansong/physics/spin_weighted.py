"""Spin-weighted spherical harmonics of weights -2, -1 and 0 of many degrees and orders at once, in compiled code.

    sY_lm(theta, 0) with   eth sY = sqrt((l-s)(l+s+1)) (s+1)Y,   eth = -(d_theta - m/sin(theta) - s cot(theta)).

Degrees climb by the recurrence in cos(theta) from the lowest one, max(|m|, |s|), which has a closed form.

Reference:
    Goldberg et al. 1967, doi:10.1063/1.1705135.
"""

from functools import cache
from math import factorial, pi, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numba import njit

WEIGHTS = (-2, -1, 0)
"""Spin weights, in the order of the answers."""


class Recurrence(NamedTuple):
    """What the recurrence of all degrees needs, as the kernel wants it.

    Attributes:
        lowest: Lowest degree of each weight and order, and the powers of cos(theta/2) and sin(theta/2) of the harmonic
            there, (weights, orders, 3).
        factor: Factor of that harmonic, (weights, orders).
        step: Factor from one degree to the next, (weights, orders, degrees from 0).
        shift: What is added to cos(theta), likewise.
    """

    lowest: np.ndarray
    factor: np.ndarray
    step: np.ndarray
    shift: np.ndarray


def _lowest(m: int, s: int) -> tuple[int, int, int, float]:
    """Lowest degree, and the harmonic there as cos(theta/2)^i sin(theta/2)^j times a factor."""
    l = max(abs(m), abs(s))
    if abs(m) < abs(s):
        factor = sqrt((2 * l + 1) / (4 * pi) * factorial(2 * l) / (factorial(l + m) * factorial(l - m)))
        return l, l + m, l - m, (-1) ** s * factor
    factor = sqrt((2 * l + 1) / (4 * pi) * factorial(2 * l) / (factorial(l + s) * factorial(l - s)))
    return (l, l - s, l + s, (-1) ** l * factor) if m >= 0 else (l, l + s, l - s, (-1) ** s * factor)


@cache
def recurrence(*, largest_m: int, largest_l: int) -> Recurrence:
    """Coefficients for orders from -`largest_m` to `largest_m` and degrees up to `largest_l`."""
    orders = np.arange(-largest_m, largest_m + 1)
    starts = [[_lowest(int(m), s) for m in orders] for s in WEIGHTS]
    lowest = np.array([[one[:3] for one in row] for row in starts])
    s, m = np.array(WEIGHTS)[:, None, None], orders[:, None]
    l = np.arange(largest_l + 1)
    above = lowest[..., :1] < l
    below = np.where(above, (l * l - m**2.0) * (l * l - s * s), 1.0)
    return Recurrence(
        lowest=lowest,
        factor=np.array([[one[3] for one in row] for row in starts]),
        step=np.where(above, np.sqrt(l * l * (4.0 * l * l - 1.0) / below), 0.0),
        shift=np.where(above, m * s / np.maximum((l - 1.0) * l, 1.0), 0.0),
    )


@njit(cache=True, error_model="numpy")
def fill_harmonics(coefficients, z, low, high, out):
    """All harmonics with l from 2 at some nodes.

    Args:
        coefficients: `Recurrence`.
        z: cos(theta).
        low: First order written.
        high: Last order written.
        out: Written, (orders, degrees from 2, weights, nodes), of all orders of the recurrence: values at azimuth
            zero, zero where l < |m|.
    """
    lowest, factor, step, shift = coefficients
    largest_m = (lowest.shape[1] - 1) // 2
    nodes = z.size
    half = np.empty((2, nodes))
    for i in range(nodes):
        half[0, i] = np.sqrt(max(0.5 * (1.0 + z[i]), 0.0))
        half[1, i] = np.sqrt(max(0.5 * (1.0 - z[i]), 0.0))
    value, before = np.empty(nodes), np.empty(nodes)
    for m in range(low + largest_m, high + largest_m + 1):
        for s in range(lowest.shape[0]):
            first, cosines, sines = lowest[s, m]
            for i in range(nodes):
                value[i] = factor[s, m] * half[0, i] ** cosines * half[1, i] ** sines
                before[i] = 0.0
            last = 1.0
            out[m, :, s] = 0.0
            for l in range(first, step.shape[2]):
                if l > first:
                    a, b, c = step[s, m, l], shift[s, m, l], 1.0 / last
                    for i in range(nodes):
                        new = a * ((z[i] + b) * value[i] - before[i] * c)
                        before[i] = value[i]
                        value[i] = new
                    last = a
                if l >= 2:
                    out[m, l - 2, s] = value


def spin_weighted_table(
    z: Float[np.ndarray, " nodes"], *, largest_m: int, largest_l: int
) -> Float[np.ndarray, "orders degrees weights nodes"]:
    """All harmonics with l from 2 to `largest_l` and m from -`largest_m` to `largest_m`.

    Args:
        z: cos(theta).
        largest_m: Largest |m|.
        largest_l: Largest degree.

    Returns:
        Values at azimuth zero, of weights -2, -1, 0, zero where l < |m|.
    """
    nodes = np.ascontiguousarray(z, float)
    out = np.zeros((2 * largest_m + 1, largest_l - 1, len(WEIGHTS), nodes.size))
    fill_harmonics(recurrence(largest_m=largest_m, largest_l=largest_l), nodes, -largest_m, largest_m, out)
    return out
