"""Elliptic integrals and functions by arithmetic-geometric means, smooth and compiled.

Arguments of the functions are given as shares of a quarter period, which is what a uniform grid of phases
needs, and moduli by their complement m_1 = 1 - m = 1 - k^2, which stays exact where m is close to one.

Reference:
    DLMF, https://dlmf.nist.gov/19.8 and https://dlmf.nist.gov/22.20.
"""

import jax.numpy as jnp

from swansong.core.types import Array, ArrayLike, Float

_MEANS = 7  # m_1 down to 1e-9 takes no more


def _means(complement: Array) -> tuple[Array, list[Array]]:
    """Limit of the means of 1 and sqrt(m_1), and (a - b) / (a + b) of each step."""
    mean, small = jnp.ones_like(complement), jnp.sqrt(complement)
    ratios = []
    for _ in range(_MEANS):
        ratios.append((mean - small) / (mean + small))
        mean, small = 0.5 * (mean + small), jnp.sqrt(mean * small)
    return mean, ratios


def complete(complement: ArrayLike | float) -> Float[Array, "..."]:
    """Complete integral of the first kind K.

    Args:
        complement: m_1 = 1 - m, 0 < m_1 <= 1.

    Returns:
        K, pi/2 at m_1 = 1.
    """
    mean, _ = _means(jnp.asarray(complement, float))
    return 0.5 * jnp.pi / mean


def jacobi_amplitude(share: ArrayLike | float, complement: ArrayLike | float) -> Float[Array, "..."]:
    """Jacobi's amplitude am(share K | m).

    Args:
        share: Argument over K, in [0, 1].
        complement: m_1 = 1 - m, 0 < m_1 <= 1; a shape that goes with the other.

    Returns:
        Angle in [0, pi/2] [rad].
    """
    share, complement = jnp.asarray(share, float), jnp.asarray(complement, float)
    _, ratios = _means(complement)
    angle = 0.5 * jnp.pi * 2.0**_MEANS * share * jnp.ones_like(complement)
    for ratio in reversed(ratios):
        angle = 0.5 * (angle + jnp.arcsin(ratio * jnp.sin(angle)))
    return angle
