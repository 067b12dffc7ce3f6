"""Two point masses that lose energy to gravitational waves: rates, tracks and times of Peters' orbit averages.

All functions take numbers, NumPy arrays or JAX arrays, which broadcast, and any units in which Newton's
constant and the speed of light are given: G = 1 and c for N-body units, or `GRAVITY` and `LIGHT` for
parsecs, solar masses and megayears.
"""

import math
from typing import Any

import numpy as np
from scipy.special import roots_jacobi

from swansong.core.constants import JULIAN_YEAR, PARSEC, SOLAR_MASS_PARAMETER, SPEED_OF_LIGHT

MEGAYEAR = 1e6 * JULIAN_YEAR
"""A million Julian years [s]."""

GRAVITY = SOLAR_MASS_PARAMETER * MEGAYEAR**2 / PARSEC**3
"""Newton's constant [pc^3 / (solar mass Myr^2)]."""

LIGHT = SPEED_OF_LIGHT * MEGAYEAR / PARSEC
"""Speed of light [pc/Myr]."""

ISCO = 6.0
"""Separation [GM/c^2] at which the last stable circular orbit of a test mass lies; the averages end before."""

POWER = 870.0 / 2299.0
"""Power of 1 + 121 e^2 / 304 in the relation of semi-major axis and eccentricity."""

_FIRST = 29.0 / 19.0  # power of e in the integrand of the coalescence time, near e = 0
_NODES = 48  # of the quadrature: rounding error up to 1 - e = 1e-12

_PLACES, _WEIGHTS = roots_jacobi(_NODES, 0.0, _FIRST)
QUADRATURE = (0.5 * (1.0 + _PLACES), _WEIGHTS * 0.5 ** (1.0 + _FIRST))
"""Nodes and weights for the integral of v^(29/19) h(v) over [0, 1]."""


def enhancement(eccentricity: Any) -> Any:
    """Power radiated by an ellipse, over that of the circle with its semi-major axis.

    Args:
        eccentricity: Eccentricity in [0, 1).

    Returns:
        F(e) = (1 + 73 e^2 / 24 + 37 e^4 / 96) / (1 - e^2)^(7/2).

    Reference:
        Peters & Mathews 1963, Phys. Rev. 131, 435, equation 17.
    """
    e2 = eccentricity * eccentricity
    return (1.0 + e2 * (73.0 / 24.0 + e2 * (37.0 / 96.0))) / ((1.0 - eccentricity) * (1.0 + eccentricity)) ** 3.5


def strength(*, mass_1: Any, mass_2: Any, speed_of_light: float, gravity: float = 1.0) -> Any:
    """How fast a pair radiates: the circle's a^3 |da/dt|.

    Args:
        mass_1: One mass.
        mass_2: The other.
        speed_of_light: Speed of light.
        gravity: Newton's constant.

    Returns:
        64 G^3 m1 m2 (m1 + m2) / 5 c^5 [length^4 / time].
    """
    return 12.8 * gravity**3 * mass_1 * mass_2 * (mass_1 + mass_2) / speed_of_light**5


def peters_rates(
    axis: Any, eccentricity: Any, *, mass_1: Any, mass_2: Any, speed_of_light: float, gravity: float = 1.0
) -> tuple[Any, Any]:
    """Rates of semi-major axis and eccentricity.

    Args:
        axis: Semi-major axis.
        eccentricity: Eccentricity in [0, 1).
        mass_1: One mass.
        mass_2: The other.
        speed_of_light: Speed of light.
        gravity: Newton's constant.

    Returns:
        da/dt and de/dt, not positive.

    Reference:
        Peters 1964, Phys. Rev. 136, B1224, equations 5.6 and 5.7.
    """
    beta = strength(mass_1=mass_1, mass_2=mass_2, speed_of_light=speed_of_light, gravity=gravity)
    deficit = (1.0 - eccentricity) * (1.0 + eccentricity)
    shrink = -beta / axis**3 * enhancement(eccentricity)
    circularise = 1.0 + 121.0 / 304.0 * eccentricity * eccentricity
    return shrink, -19.0 / 12.0 * beta / axis**4 * eccentricity * circularise / deficit**2.5


def track_axis(eccentricity: Any) -> Any:
    """Semi-major axis along a track without stars, up to a factor that each track has for itself.

    Args:
        eccentricity: Eccentricity in (0, 1).

    Returns:
        a / c_0 = e^(12/19) (1 + 121 e^2 / 304)^(870/2299) / (1 - e^2), rising with e.

    Reference:
        Peters 1964, Phys. Rev. 136, B1224, equation 5.11.
    """
    circularise = 1.0 + 121.0 / 304.0 * eccentricity * eccentricity
    deficit = (1.0 - eccentricity) * (1.0 + eccentricity)
    return eccentricity ** (12.0 / 19.0) * circularise**POWER / deficit


def coalescence_time(
    axis: Any, eccentricity: Any, *, mass_1: Any, mass_2: Any, speed_of_light: float, gravity: float = 1.0
) -> Any:
    """Time until the semi-major axis is zero, by gravitational waves alone.

    The averages fail below some `ISCO` gravitational radii, where a circle of equal masses has only
    101 GM/c^3 left.

    Args:
        axis: Semi-major axis.
        eccentricity: Eccentricity in [0, 1).
        mass_1: One mass.
        mass_2: The other.
        speed_of_light: Speed of light.
        gravity: Newton's constant.

    Returns:
        The time, exact to some 1e-13.

    Reference:
        Peters 1964, Phys. Rev. 136, B1224, equation 5.14.
    """
    beta = strength(mass_1=mass_1, mass_2=mass_2, speed_of_light=speed_of_light, gravity=gravity)
    return axis**4 / (4.0 * beta) * shortening(eccentricity)


def shortening(eccentricity: Any) -> Any:
    """Time to coalescence, over that of the circle with the same semi-major axis.

    With e = tanh z Peters' integral has no singularity but e^(29/19) at zero, which is the weight of
    a Gauss-Jacobi rule.

    Args:
        eccentricity: Eccentricity in [0, 1).

    Returns:
        1 at e = 0, falling to (768 / 425) (1 - e^2)^(7/2) towards e = 1.
    """
    xp = _namespace(eccentricity)
    e = xp.asarray(eccentricity, dtype=float)
    places, weights = QUADRATURE
    reach = xp.arctanh(e)
    z = reach[..., None] * places
    tangent = xp.tanh(z)
    ratio = xp.where(z == 0.0, 1.0, tangent / xp.where(z == 0.0, 1.0, z))
    inner = ratio**_FIRST * (1.0 + 121.0 / 304.0 * tangent * tangent) ** (1181.0 / 2299.0) * xp.cosh(z)
    stretch = xp.where(e == 0.0, 1.0, reach / xp.where(e == 0.0, 1.0, e)) ** (_FIRST + 1.0)
    factor = ((1.0 - e) * (1.0 + e)) ** 4 / (1.0 + 121.0 / 304.0 * e * e) ** (4.0 * POWER)
    found = 48.0 / 19.0 * factor * stretch * xp.sum(weights * inner, axis=-1)
    return found if xp is not np or found.ndim else float(found)


def orbital_frequency(axis: Any, *, total_mass: Any, gravity: float = 1.0) -> Any:
    """Turns of a Keplerian orbit per time.

    Args:
        axis: Semi-major axis.
        total_mass: Mass of both.
        gravity: Newton's constant.

    Returns:
        The frequency [1 / time].
    """
    return (gravity * total_mass / axis**3) ** 0.5 / (2.0 * math.pi)


def axis_at_frequency(frequency: Any, *, total_mass: Any, gravity: float = 1.0) -> Any:
    """Semi-major axis of a Keplerian orbit.

    Args:
        frequency: Turns per time.
        total_mass: Mass of both.
        gravity: Newton's constant.

    Returns:
        The semi-major axis.
    """
    return (gravity * total_mass / (2.0 * math.pi * frequency) ** 2) ** (1.0 / 3.0)


def _namespace(value: Any) -> Any:
    """NumPy, or the library of another kind of array."""
    return value.__array_namespace__() if hasattr(value, "__array_namespace__") else np
