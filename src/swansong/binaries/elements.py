"""Energy and angular momentum of a pair, and the ellipse they describe once it is bound.

All of it is per unit of reduced mass: E = v^2 / 2 - mu / r and L = |x cross v| with mu = G (m_1 + m_2).
"""

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError, InputError

Numbers = Float[np.ndarray, "*shape"]


def energy_and_momentum(
    position: Float[np.ndarray, "*shape 3"], velocity: Float[np.ndarray, "*shape 3"], *, mu: float
) -> tuple[Numbers, Numbers]:
    """Specific orbital energy and angular momentum of the relative orbit.

    Args:
        position: Relative position.
        velocity: Relative velocity.
        mu: G times the mass of the pair.

    Returns:
        E and L.

    Raises:
        InputError: `mu` is not positive.
    """
    if not mu > 0.0:
        raise InputError(f"`mu` must be positive, got {mu:g}; give G times the mass of the pair")
    distance = np.linalg.norm(position, axis=-1)
    energy = 0.5 * np.sum(np.square(velocity), axis=-1) - mu / distance
    return energy, np.linalg.norm(np.cross(position, velocity), axis=-1)


def semi_major_axis(energy: Numbers, *, mu: float) -> Numbers:
    """Semi-major axis -mu / 2E, NaN where the pair is not bound.

    Args:
        energy: Specific energy.
        mu: G times the mass of the pair.

    Returns:
        Semi-major axis.
    """
    energy = np.asarray(energy, float)
    return np.where(energy < 0.0, -0.5 * mu / np.where(energy < 0.0, energy, -1.0), np.nan)


def eccentricity(energy: Numbers, momentum: Numbers, *, mu: float) -> Numbers:
    """Eccentricity sqrt(1 + 2 E L^2 / mu^2) of a bound pair, NaN where it is not bound.

    Args:
        energy: Specific energy.
        momentum: Specific angular momentum.
        mu: G times the mass of the pair.

    Returns:
        Eccentricity, in [0, 1]; a momentum above that of the circle, which a fit may give, counts as the circle.
    """
    energy = np.asarray(energy, float)
    square = 1.0 + 2.0 * energy * np.square(np.asarray(momentum, float) / mu)
    return np.where(energy < 0.0, np.sqrt(np.maximum(square, 0.0)), np.nan)


def from_ellipse(axis: Numbers, eccentricity: Numbers, *, mu: float) -> tuple[Numbers, Numbers]:
    """Energy and angular momentum of an ellipse.

    Args:
        axis: Semi-major axis.
        eccentricity: Eccentricity in [0, 1).
        mu: G times the mass of the pair.

    Returns:
        E and L.

    Raises:
        DomainError: An axis is not positive or an eccentricity lies outside [0, 1).
    """
    axis, eccentricity = np.asarray(axis, float), np.asarray(eccentricity, float)
    if not np.all(axis > 0.0):
        raise DomainError("semi-major axis must be positive; a pair that is not bound has no ellipse")
    if not np.all((eccentricity >= 0.0) & (eccentricity < 1.0)):
        worst = float(np.nanmax(np.abs(eccentricity)))
        raise DomainError(f"eccentricity must lie in [0, 1), got {worst:g}; a pair with 1 or more is not bound")
    return -0.5 * mu / axis, np.sqrt(mu * axis * (1.0 - np.square(eccentricity)))
