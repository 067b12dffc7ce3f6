"""Initial conditions of a merger: two galaxies with a black hole each, falling towards each other."""

import math
from typing import Literal

import numpy as np

from swansong.binaries.nbody.galaxies import Bodies, DehnenGalaxy
from swansong.binaries.nbody.settings import ORBIT_AXIS, SEPARATION
from swansong.binaries.trajectories import Merger
from swansong.core.errors import DomainError, InputError

__all__ = ["Bodies", "initial_conditions"]


def initial_conditions(merger: Merger, *, masses: Literal["equal", "spectrum"] = "equal") -> Bodies:
    """Two equal Dehnen galaxies of slope .5 on an ellipse, before their first pericentre.

    The ellipse is that of two points of .5 each: its mass M = 1 is that of the stars without the black holes, and
    v^2 = 2 / D - 1 / a_0, L = sqrt(a_0 (1 - e_gal^2)). At e_gal = .9 the points are at pericentre at t = 64.7.

    Args:
        merger: Which merger; its `seed`, `particles` and `eccentricity` seed the random numbers.
        masses: "equal" gives all stars the same mass; "spectrum" gives more and lighter stars to tightly bound
            orbits, where they shake the black holes less.

    Returns:
        The two black holes, then the stars; the centre of mass rests at the origin.

    Raises:
        InputError: The number of stars is odd or below 64, a seed or a mass of a black hole is negative.
        DomainError: No ellipse of this eccentricity reaches the separation of the start.

    Reference:
        Nasim et al., arXiv:2004.14399; Rawlings et al., arXiv:2307.08756.
    """
    _check(merger)
    generator = np.random.default_rng([merger.seed, merger.particles, round(1e4 * merger.eccentricity)])
    galaxies = [DehnenGalaxy(hole=hole) for hole in (merger.mass_1, merger.mass_2)]
    stars = [galaxy.sample(merger.particles // 2, generator, masses=masses) for galaxy in galaxies]

    momentum = math.sqrt(ORBIT_AXIS * (1.0 - merger.eccentricity**2))
    across = momentum / SEPARATION
    inwards = math.sqrt(max(2.0 / SEPARATION - 1.0 / ORBIT_AXIS - across**2, 0.0))
    place = np.asarray([SEPARATION, 0.0, 0.0])
    motion = np.asarray([-inwards, across, 0.0])
    weights = np.asarray([galaxy.mass + galaxy.hole for galaxy in galaxies])
    shares = weights[::-1] / weights.sum() * (1.0, -1.0)

    positions = [shares[:, None] * place] + [
        one.positions + share * place for one, share in zip(stars, shares, strict=True)
    ]
    velocities = [shares[:, None] * motion] + [
        one.velocities + share * motion for one, share in zip(stars, shares, strict=True)
    ]
    return _centred(
        Bodies(
            positions=np.concatenate(positions),
            velocities=np.concatenate(velocities),
            masses=np.concatenate([[merger.mass_1, merger.mass_2], *(one.masses for one in stars)]),
        )
    )


def _check(merger: Merger) -> None:
    """Refuse what cannot be a merger."""
    if merger.particles % 2 or merger.particles < 64:
        raise InputError(f"`particles` must be even and at least 64, got {merger.particles}; give the stars of both")
    if merger.seed < 0:
        raise InputError(f"`seed` must not be negative, got {merger.seed}; give 0 or more")
    lowest = SEPARATION / ORBIT_AXIS - 1.0
    if not lowest <= merger.eccentricity < 1.0:
        raise DomainError(
            f"eccentricity of the galaxies must lie in [{lowest:.4f}, 1) to fall in from a separation of "
            f"{SEPARATION:g}, got {merger.eccentricity:g}; take a value inside"
        )


def _centred(bodies: Bodies) -> Bodies:
    """The same bodies with their centre of mass at rest at the origin."""
    weights = bodies.masses / bodies.masses.sum()
    return Bodies(
        positions=bodies.positions - weights @ bodies.positions,
        velocities=bodies.velocities - weights @ bodies.velocities,
        masses=bodies.masses,
    )
