"""Effective Fly-by waves: the Kepler series expanded around a parabolic orbit, in closed form.

The expansion runs in 1 - e^2 to second order, at a fixed ratio of the mean anomaly to
its parabolic scale; it solves a cubic equation where the exact series solve Kepler's.
The largest error, as a share of the peak of the wave, is 2.5 % at eccentricity 0.85,
1.1 % at 0.90 and 0.3 % at 0.95, all far from pericentre.

Reference:
    Loutrel, arXiv:1909.02143; the coefficients are derived anew.
"""

from typing import Any

import jax.numpy as jnp

from swansong.core.types import Array, ArrayLike, Float
from swansong.encounters.kepler import Series
from swansong.encounters.orbit import taper


def parabolic_scale(eccentricity: Any) -> Array:
    """Mean anomaly per unit of the fly-by phase: artanh(x) - x with x = sqrt(1 - e^2).

    Args:
        eccentricity: Eccentricity in (0, 1).

    Returns:
        The scale [rad], falling to zero for a parabola.
    """
    root = jnp.sqrt(1.0 - jnp.asarray(eccentricity, float) ** 2)
    return jnp.arctanh(root) - root


def coefficients(phase: Float[ArrayLike, "..."]) -> tuple[Series, Series, Series]:
    """Coefficients of 1, 1 - e^2 and (1 - e^2)^2 in each of the three series.

    Args:
        phase: Mean anomaly over `parabolic_scale`, dimensionless.

    Returns:
        The coefficients of order 0, 1 and 2.
    """
    s = 2.0 * jnp.sinh(jnp.arcsinh(jnp.asarray(phase, float)) / 3.0)
    s2 = s**2
    q = 1.0 + s2
    cube = q**3
    zeroth = Series(
        cosine=-2.0 * (s2**2 + 6.0 * s2 - 3.0) / cube,
        sine=16.0 * s / cube,
        axial=2.0 / q,
    )
    first = Series(
        cosine=(3.0 * s2 + 5.0) * (3.0 * s2**2 - 10.0 * s2 - 5.0) / (10.0 * cube),
        sine=-4.0 * s * (5.0 * s2**2 + 10.0 * s2 + 3.0) / (5.0 * cube),
        axial=-3.0 * (3.0 * s2 + 5.0) / (10.0 * q),
    )
    second = Series(
        cosine=-((((2.0 * s2 - 467.0) * s2 - 539.0) * s2 + 627.0) * s2 + 105.0) / (280.0 * cube),
        sine=2.0 * s * (((7.0 * s2 - 29.0) * s2 - 79.0) * s2 - 6.0) / (35.0 * cube),
        axial=((10.0 * s2 + 57.0) * s2 - 175.0) / (1400.0 * q),
    )
    return zeroth, first, second


def shapes(mean_anomaly: Float[ArrayLike, "..."], eccentricity: Any) -> Series:
    """Evaluate the three series, without taper, where the orbit stands.

    Args:
        mean_anomaly: Mean anomaly, within -pi and pi [rad].
        eccentricity: Eccentricity, close to 1; broadcasts.

    Returns:
        The series to second order in 1 - e^2, as `kepler.shapes`.
    """
    deficit = 1.0 - jnp.asarray(eccentricity, float) ** 2
    orders = coefficients(mean_anomaly / parabolic_scale(eccentricity))
    return Series(*(a + deficit * (b + deficit * c) for a, b, c in zip(*orders, strict=True)))


def series(times: Float[ArrayLike, "..."], *, timescale: Any, eccentricity: Any) -> Series:
    """Evaluate the tapered series of a burst without radiation reaction.

    Args:
        times: Times after pericentre [s]; all arguments broadcast.
        timescale: Time scale M p^(3/2) of the passage [s], as `encounters.model.timescale`.
        eccentricity: Eccentricity.

    Returns:
        The series, zero where the mean anomaly is beyond -pi or pi, as `kepler.series`.
    """
    ell = jnp.clip((1.0 - jnp.asarray(eccentricity, float) ** 2) ** 1.5 * times / timescale, -jnp.pi, jnp.pi)
    weight = jnp.asarray(taper(ell))
    return Series(*(weight * entry for entry in shapes(ell, eccentricity)))
