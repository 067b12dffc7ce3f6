"""Scales that make one inspiral out of all: M = m1 + m2 as a time, and nu / M, by which the clock runs."""

from typing import NamedTuple

import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import DomainError
from swansong.core.types import ArrayLike

YEAR = 31558149.763545603
"""Sidereal year [s], the unit of `plunge_time` in priors and posteriors."""

SHORTEST_SECONDS = 100.0
"""A `plunge_time` up to this number is taken as years, a larger one as seconds."""


class Scales(NamedTuple):
    """Scales of a source.

    Attributes:
        mass_s: Total mass M as a time [s].
        nu: Symmetric mass ratio m1 m2 / M^2.
        rate: nu / M [1/s]; the scaled time is tau = rate t.
    """

    mass_s: np.ndarray
    nu: np.ndarray
    rate: np.ndarray


def scales(mass_1: ArrayLike | float, mass_2: ArrayLike | float) -> Scales:
    """Scales of a source.

    Args:
        mass_1: Mass of the central hole [solar masses, detector frame], any shape.
        mass_2: Mass of the small body [solar masses, detector frame], same shape.

    Returns:
        Total mass [s], symmetric mass ratio and their quotient [1/s].

    Raises:
        DomainError: If a mass is not positive, or the small body is the heavier one.
    """
    m1, m2 = np.asarray(mass_1, float), np.asarray(mass_2, float)
    for name, value in (("mass_1", m1), ("mass_2", m2)):
        if not ((value > 0.0) & np.isfinite(value)).all():
            bad = value[~((value > 0.0) & np.isfinite(value))].flat[0]
            raise DomainError(f"`{name}` must be positive, got {bad:.6g}; give solar masses in the detector frame")
    if not (m2 <= m1).all():
        raise DomainError("`mass_2` must not exceed `mass_1`; `mass_1` is the mass of the central hole")
    total = m1 + m2
    nu = m1 * m2 / total**2
    mass_s = total * SOLAR_MASS_SECONDS
    return Scales(mass_s, nu, nu / mass_s)


def plunge_seconds(plunge_time: ArrayLike | float) -> np.ndarray:
    """Time of plunge in seconds: numbers up to 100 are sidereal years, larger ones are seconds already."""
    value = np.asarray(plunge_time, float)
    if not np.isfinite(value).all():
        raise DomainError("`plunge_time` must be finite; give seconds, or years if it is 100 or less")
    return np.where(value <= SHORTEST_SECONDS, value * YEAR, value)
