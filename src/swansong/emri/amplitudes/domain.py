"""The orbits a surrogate is made for, and how they are drawn; free of JAX so that errors come at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field
from scipy.stats import qmc

from swansong.core.config import Config
from swansong.emri.amplitudes.modes import CLASSES

_CROWDING = 0.5  # of draws at the ends of every range, where fits have neighbours on one side only


class Domain(Config):
    """Ranges of the orbits."""

    largest_spin: float = Field(default=0.99, gt=0.0, lt=1.0, description="Spins from 0 to this")
    largest_eccentricity: float = Field(default=0.5, gt=0.0, lt=1.0, description="Eccentricities from 0 to this")
    nearest: float = Field(default=0.5, gt=0.0, description="Smallest distance to the separatrix, p - p_sep [M]")
    farthest: float = Field(default=30.0, gt=1.0, description="Largest distance to the separatrix [M]")
    smallest_x: float = Field(
        default=0.002, gt=0.0, lt=1.0, description="|cos(inclination)| of the orbits solved; solvers fail below it"
    )

    def coordinates(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, "orbits 4"]:
        """Coordinates in which amplitudes are smooth and draws are even, each from -1 to 1 over the domain.

        Args:
            orbits: (a, p, e, x).

        Returns:
            Those of (1-a)^(1/3), of ln(p - p_sep + 1), of e, and x.
        """
        # The separatrix compiles JAX code.
        from swansong.core.padding import in_padded_batches
        from swansong.physics.geodesics import separatrix

        a, p, e, x = np.asarray(orbits, float).T
        distance = p - in_padded_batches(separatrix, a, e, x)
        low, high = np.log1p([self.nearest, self.farthest])
        shallow = np.cbrt(1.0 - self.largest_spin)
        return np.column_stack(
            [
                1.0 - 2.0 * (np.cbrt(1.0 - a) - shallow) / (1.0 - shallow),
                2.0 * (np.log1p(distance) - low) / (high - low) - 1.0,
                2.0 * e / self.largest_eccentricity - 1.0,
                x,
            ]
        )

    def contains(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        """Which orbits (a, p, e, x) lie inside."""
        return np.asarray((np.abs(self.coordinates(orbits)) <= 1.0 + 1e-9).all(axis=1))

    def orbits(self, coordinates: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, "orbits 4"]:
        """Orbits (a, p, e, x) at coordinates, the inverse of `coordinates`."""
        from swansong.physics.geodesics import separatrix

        q = np.asarray(coordinates, float)
        shallow = np.cbrt(1.0 - self.largest_spin)
        low, high = np.log1p([self.nearest, self.farthest])
        a = 1.0 - (shallow + 0.5 * (1.0 - q[:, 0]) * (1.0 - shallow)) ** 3
        a = np.where(q[:, 0] <= -1.0, 0.0, a)
        e = 0.5 * (1.0 + q[:, 2]) * self.largest_eccentricity
        distance = np.expm1(low + 0.5 * (1.0 + q[:, 1]) * (high - low))
        x = q[:, 3]
        return np.column_stack([a, np.asarray(separatrix(a, e, x)) + distance, e, x])


@dataclass(frozen=True)
class _Freedom:
    """Which coordinates of a class are drawn, the others being fixed."""

    spin: bool
    eccentricity: bool
    inclination: bool


_FREE = {
    "SC": _Freedom(False, False, False),
    "SE": _Freedom(False, True, False),
    "KEC": _Freedom(True, False, False),
    "KEE": _Freedom(True, True, False),
    "KIC": _Freedom(True, False, True),
    "KG": _Freedom(True, True, True),
}


def draw_orbits(
    name: Literal["SC", "SE", "KEC", "KEE", "KIC", "KG"], *, count: int, seed: int, domain: Domain, even: bool = True
) -> Float[np.ndarray, "count 4"]:
    """Draw orbits of one class over the domain.

    Args:
        name: Class.
        count: Orbits.
        seed: Seed.
        domain: Ranges.
        even: Whether they form a low-discrepancy sequence, crowded at the ends of every range (what one learns
            from); else they are independent and uniform in `Domain.coordinates` (what one is judged on).

    Returns:
        (a, p, e, x). Schwarzschild orbits have x = 1, equatorial Kerr orbits x = 1 or -1 in turn.
    """
    free = _FREE[name]
    # One stream for each class, so that none changes when another grows.
    stream = np.random.default_rng([seed, CLASSES.index(name)])
    if even:
        share = qmc.Sobol(4, rng=stream).random(1 << max(0, count - 1).bit_length())[:count]
        share = share - _CROWDING * np.sin(2.0 * np.pi * share) / (2.0 * np.pi)
    else:
        share = stream.random((count, 4))
    q = 2.0 * share - 1.0
    # A hole that spins, however slowly: the class of a = 0 is another.
    q[:, 0] = np.maximum(q[:, 0], -1.0 + 1e-6) if free.spin else -1.0
    if not free.eccentricity:
        q[:, 2] = -1.0
    if free.inclination:
        size = domain.smallest_x + (1.0 - domain.smallest_x) * np.abs(q[:, 3])
        q[:, 3] = np.copysign(np.minimum(size, 1.0 - 1e-9), q[:, 3])
    else:
        q[:, 3] = np.where((np.arange(count) % 2 == 1) & free.spin, -1.0, 1.0)
    return domain.orbits(q)
