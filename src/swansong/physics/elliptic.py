"""Elliptic integrals and functions by arithmetic-geometric means, smooth and compiled.

Arguments of the functions are given as shares of a quarter period, which is what a uniform grid of phases
needs, and moduli as m = k^2.

Reference:
    DLMF, https://dlmf.nist.gov/19.8 and https://dlmf.nist.gov/22.20.
"""

import jax.numpy as jnp

from swansong.core.types import Array, ArrayLike, Float

_MEANS = 7  # 1 - m down to 1e-7 takes six


def _means(modulus: Array) -> tuple[Array, list[Array]]:
    """Limit of the means of 1 and sqrt(1 - m), and (a - b) / (a + b) of each step."""
    mean, small = jnp.ones_like(modulus), jnp.sqrt(1.0 - modulus)
    ratios = []
    for _ in range(_MEANS):
        ratios.append((mean - small) / (mean + small))
        mean, small = 0.5 * (mean + small), jnp.sqrt(mean * small)
    return mean, ratios


def complete(modulus: ArrayLike) -> Float[Array, "..."]:
    """Complete integral of the first kind K(m), 0 <= m < 1."""
    mean, _ = _means(jnp.asarray(modulus, float))
    return 0.5 * jnp.pi / mean


def jacobi_amplitude(share: ArrayLike, modulus: ArrayLike) -> Float[Array, "..."]:
    """Jacobi's amplitude am(share K(m) | m).

    Args:
        share: Argument over K, in [0, 1].
        modulus: m, 0 <= m < 1; a shape that goes with the other.

    Returns:
        Angle in [0, pi/2] [rad].
    """
    share, modulus = jnp.asarray(share, float), jnp.asarray(modulus, float)
    _, ratios = _means(modulus)
    angle = 0.5 * jnp.pi * 2.0**_MEANS * share * jnp.ones_like(modulus)
    for ratio in reversed(ratios):
        angle = 0.5 * (angle + jnp.arcsin(ratio * jnp.sin(angle)))
    return angle
