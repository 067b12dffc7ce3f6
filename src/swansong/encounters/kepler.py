"""Quadrupole waves of an exact Kepler orbit, as three functions of time.

Orientation, distance and polarization only combine these three, so that everything
extrinsic is linear in them.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from swansong.core.types import Array, ArrayLike, Float
from swansong.encounters.orbit import eccentric_anomaly, taper


class Series(NamedTuple):
    """The three series of a burst, dimensionless and of one shape.

    Attributes:
        cosine: A_c, which enters with the cosine of twice the argument of pericentre.
        sine: A_s, which enters with its sine.
        axial: B, which vanishes for an observer above the orbital plane.
    """

    cosine: Array
    sine: Array
    axial: Array


def shapes(mean_anomaly: Float[ArrayLike, "..."], eccentricity: Any) -> Series:
    """Evaluate the three series, without taper, where the orbit stands.

    Args:
        mean_anomaly: Mean anomaly [rad].
        eccentricity: Eccentricity, in [0, 1); broadcasts.

    Returns:
        A_c = 2 cos 2V + (5/2) e cos V + (e/2) cos 3V + e^2, A_s with sines and without
        the last term, B = e cos V + e^2, for the true anomaly V.

    Reference:
        Martel and Poisson, arXiv:gr-qc/9907006, section II.
    """
    e = jnp.asarray(eccentricity, float)
    u = eccentric_anomaly(mean_anomaly, e)
    radius = 1.0 - e * jnp.cos(u)
    c = (jnp.cos(u) - e) / radius
    s = jnp.sqrt(1.0 - e**2) * jnp.sin(u) / radius
    return Series(
        cosine=4.0 * c**2 - 2.0 + e * c * (1.0 + 2.0 * c**2) + e**2,
        sine=s * (4.0 * c + 2.0 * e * (1.0 + c**2)),
        axial=e * c + e**2,
    )


def series(times: Float[ArrayLike, "..."], *, timescale: Any, eccentricity: Any) -> Series:
    """Evaluate the tapered series of a burst without radiation reaction.

    Args:
        times: Times after pericentre [s]; all arguments broadcast.
        timescale: Time scale M p^(3/2) of the passage [s], as `encounters.model.timescale`.
        eccentricity: Eccentricity.

    Returns:
        The series, zero where the mean anomaly is beyond -pi or pi.
    """
    ell = jnp.clip((1.0 - jnp.asarray(eccentricity, float) ** 2) ** 1.5 * times / timescale, -jnp.pi, jnp.pi)
    weight = jnp.asarray(taper(ell))
    return Series(*(weight * entry for entry in shapes(ell, eccentricity)))
