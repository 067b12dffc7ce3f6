"""Spin-weighted spherical harmonics of weights -2, -1 and 0 of many degrees and orders at once, compiled.

    sY_lm(theta, 0) with   eth sY = sqrt((l-s)(l+s+1)) (s+1)Y,   eth = -(d_theta - m/sin(theta) - s cot(theta)).

Degrees climb by the recurrence in cos(theta) from the lowest one, max(|m|, |s|), which has a closed form.

Reference:
    Goldberg et al. 1967, doi:10.1063/1.1705135.
"""

from math import factorial, pi, sqrt

import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Float

WEIGHTS = (-2, -1, 0)
"""Spin weights, in the order of the answer."""


def _lowest(m: int, s: int) -> tuple[int, float, int, int]:
    """Lowest degree, and the harmonic there as factor cos(theta/2)^i sin(theta/2)^j."""
    l = max(abs(m), abs(s))
    if abs(m) < abs(s):
        factor = sqrt((2 * l + 1) / (4 * pi) * factorial(2 * l) / (factorial(l + m) * factorial(l - m)))
        return l, (-1) ** s * factor, l + m, l - m
    factor = sqrt((2 * l + 1) / (4 * pi) * factorial(2 * l) / (factorial(l + s) * factorial(l - s)))
    return (l, (-1) ** l * factor, l - s, l + s) if m >= 0 else (l, (-1) ** s * factor, l + s, l - s)


def spin_weighted_table(
    z: Float[Array, " nodes"], *, largest_m: int, largest_l: int
) -> Float[Array, "weights orders degrees nodes"]:
    """All harmonics with l from 2 to `largest_l` and m from -`largest_m` to `largest_m`.

    Args:
        z: cos(theta).
        largest_m: Largest |m|.
        largest_l: Largest degree.

    Returns:
        Values at azimuth zero, of weights -2, -1, 0, zero where l < |m|.
    """
    orders = np.arange(-largest_m, largest_m + 1)
    cosine, sine = jnp.sqrt(jnp.maximum(0.5 * (1.0 + z), 0.0)), jnp.sqrt(jnp.maximum(0.5 * (1.0 - z), 0.0))
    high = 2 * largest_l
    cosines, sines = (jnp.stack([base**power for power in range(high + 1)]) for base in (cosine, sine))
    table = []
    for s in WEIGHTS:
        starts = [_lowest(int(m), s) for m in orders]
        lowest = np.array([one[0] for one in starts])
        first = jnp.stack([factor * cosines[i] * sines[j] for _, factor, i, j in starts])
        value = before = jnp.zeros_like(first)
        rows, last = [], np.ones(len(orders))
        for l in range(largest_l + 1):
            below = np.where(lowest < l, (l * l - orders**2.0) * (l * l - s * s), 1.0)
            step = np.where(lowest < l, np.sqrt((l * l * (4.0 * l * l - 1.0)) / np.maximum(below, 1e-300)), 0.0)
            shift = np.where(lowest < l, orders * s / max((l - 1.0) * l, 1.0), 0.0)
            climbed = step[:, None] * ((z + shift[:, None]) * value - before / last[:, None])
            value, before = jnp.where((lowest == l)[:, None], first, climbed), value
            last = np.where(lowest < l, step, 1.0)
            rows.append(value)
        table.append(jnp.stack(rows[2:], axis=1))
    return jnp.stack(table)
