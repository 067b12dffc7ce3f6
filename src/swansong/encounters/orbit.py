"""Orbit of a close encounter: Kepler's equation, radiation reaction and where a burst ends.

Times count from the passage of pericentre; one burst covers one turn around it, from
apocentre to apocentre.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.types import Array, ArrayLike, Float

TAPER_START = 0.6
"""Mean anomaly, in units of pi, at which the taper of a burst starts to fall."""

# The mean elements of an orbit that was captured in this very passage reach e = 1 before apocentre.
_LARGEST_ECCENTRICITY = 0.9999


def symmetric_mass_ratio(mass_ratio: Any) -> Any:
    """Symmetric mass ratio q / (1 + q)^2 of a mass ratio."""
    return mass_ratio / (1.0 + mass_ratio) ** 2


def orbital_period(total_mass: Any, *, eccentricity: Any, semi_latus_rectum: Any) -> Any:
    """Period of the Kepler orbit [s].

    Args:
        total_mass: Total mass [solar masses].
        eccentricity: Eccentricity.
        semi_latus_rectum: Semi-latus rectum [total mass].

    Returns:
        The period; arguments broadcast.
    """
    axis = semi_latus_rectum / (1.0 - eccentricity**2)
    return 2.0 * math.pi * SOLAR_MASS_SECONDS * total_mass * axis**1.5


def taper(ell: ArrayLike) -> ArrayLike:
    """Weight of a burst: 1 up to `TAPER_START` from pericentre, falling as cos^2 to 0 at pi and beyond.

    Args:
        ell: Mean anomaly counted from pericentre [rad], any shape.

    Returns:
        The weight, same shape; a NumPy array unless given a JAX array.
    """
    library = jnp if isinstance(ell, jax.Array) else np
    depth = library.clip((library.abs(ell) / math.pi - TAPER_START) / (1.0 - TAPER_START), 0.0, 1.0)
    # cos^2 written so that it is exactly zero at pi and its slope exactly zero at both ends.
    return 0.5 * (1.0 + library.cos(math.pi * depth))


def eccentric_anomaly(
    mean_anomaly: Float[ArrayLike, "..."] | float, eccentricity: Float[ArrayLike, "..."] | float
) -> Float[Array, "..."]:
    """Solve Kepler's equation u - e sin u = ell.

    Exact to rounding for eccentricities up to 0.97, and differentiable any number of
    times through the equation rather than through the steps of its solution.

    Args:
        mean_anomaly: Mean anomaly ell [rad], any real number.
        eccentricity: Eccentricity e in [0, 1); broadcasts.

    Returns:
        Eccentric anomaly u [rad].

    Reference:
        Mikkola 1987, Celestial Mechanics 40, 329 (the start, followed by two Halley steps).
    """
    return _solve(*jnp.broadcast_arrays(jnp.asarray(mean_anomaly, float), jnp.asarray(eccentricity, float)))


@jax.custom_jvp
def _solve(mean_anomaly: Array, eccentricity: Array) -> Array:
    turns = 2.0 * math.pi * jnp.round(mean_anomaly / (2.0 * math.pi))
    ell = mean_anomaly - turns
    alpha = (1.0 - eccentricity) / (4.0 * eccentricity + 0.5)
    beta = 0.5 * jnp.abs(ell) / (4.0 * eccentricity + 0.5)
    z = jnp.cbrt(beta + jnp.sqrt(beta**2 + alpha**3))
    s = z - alpha / z
    s = s - 0.078 * s**5 / (1.0 + eccentricity)
    u = ell + jnp.sign(ell) * eccentricity * s * (3.0 - 4.0 * s**2)
    for _ in range(2):
        sine = eccentricity * jnp.sin(u)
        slope = 1.0 - eccentricity * jnp.cos(u)
        error = u - sine - ell
        u = u - error / (slope - 0.5 * error * sine / slope)
    return u + turns


@_solve.defjvp
def _solve_jvp(primals, tangents):
    mean_anomaly, eccentricity = primals
    u = _solve(mean_anomaly, eccentricity)
    slope = 1.0 - eccentricity * jnp.cos(u)
    return u, (tangents[0] + jnp.sin(u) * tangents[1]) / slope


class Orbit(NamedTuple):
    """State of the orbit at each time.

    Attributes:
        mean_anomaly: Mean anomaly from pericentre, held at -pi and pi beyond the burst [rad].
        eccentricity: Eccentricity.
        semi_latus_rectum: Semi-latus rectum [total mass].
        window: Weight of the burst, zero beyond apocentre.
    """

    mean_anomaly: Array
    eccentricity: Array
    semi_latus_rectum: Array
    window: Array


def evolve(
    times: Float[ArrayLike, "..."],
    *,
    total_mass: Any,
    mass_ratio: Any,
    eccentricity: Any,
    semi_latus_rectum: Any,
    reaction: bool = True,
) -> Orbit:
    """Follow the orbit through one passage.

    With reaction the elements drift linearly in the mean anomaly by the orbit-averaged
    2.5PN loss of energy and angular momentum. The expansion holds within half a turn, so
    the burst ends there: after pericentre where the mean anomaly reaches pi, before it
    half an initial period earlier (the exponential of the strongest passages never
    reaches -pi). An orbit that was unbound before it is held just below eccentricity 1.

    Args:
        times: Times after pericentre [s]; they broadcast against all other arguments.
        total_mass: Total mass, detector frame [solar masses].
        mass_ratio: Smaller over larger mass.
        eccentricity: Eccentricity at pericentre.
        semi_latus_rectum: Semi-latus rectum at pericentre [total mass].
        reaction: Whether the orbit loses energy.

    Returns:
        The orbit, every entry of the broadcast shape.

    Reference:
        Peters 1964, Phys. Rev. 136, B1224 (the averaged losses); Loutrel, arXiv:1909.02143
        (their expansion around pericentre).
    """
    mass = total_mass * SOLAR_MASS_SECONDS
    deficit = 1.0 - jnp.asarray(eccentricity, float) ** 2
    phase = jnp.clip((deficit / semi_latus_rectum) ** 1.5 * times / mass, -math.pi, math.pi)
    if not reaction:
        start = jnp.zeros_like(phase)
        return Orbit(phase, eccentricity + start, semi_latus_rectum + start, jnp.asarray(taper(phase)))
    e2 = eccentricity**2
    strength = symmetric_mass_ratio(mass_ratio) * semi_latus_rectum**-2.5
    # d ln(mean motion) / d(mean anomaly) at pericentre.
    growth = 96.0 / 5.0 * strength * (1.0 + 73.0 / 24.0 * e2 + 37.0 / 96.0 * e2**2) / deficit
    ell = jnp.clip(jnp.expm1(growth * phase) / growth, -math.pi, math.pi)
    fall = 304.0 / 15.0 * strength * eccentricity * (1.0 + 121.0 / 304.0 * e2)
    shrink = 64.0 / 5.0 * strength * (1.0 + 7.0 / 8.0 * e2)
    return Orbit(
        mean_anomaly=ell,
        eccentricity=jnp.minimum(eccentricity - fall * ell, _LARGEST_ECCENTRICITY),
        semi_latus_rectum=semi_latus_rectum * (1.0 - shrink * ell),
        window=jnp.asarray(taper(jnp.where(phase < 0.0, phase, ell))),
    )
