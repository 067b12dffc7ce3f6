"""Forces of stars on stars: direct summation, or a tree where there are very many."""

from typing import Protocol

import numpy as np
from jaxtyping import Float

from swansong.binaries.nbody import gravity_kernels
from swansong.core.errors import InputError

DIRECT_STARS = 40_000
"""Number of stars above which a tree is faster."""

_THREADS_FROM = 2_000_000  # pairs, about a millisecond of one processor


class Gravity(Protocol):
    """Softened forces between stars that come sorted by their steps, the fastest first."""

    def prepare(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> np.ndarray:
        """Positions and masses in the form that `kick` takes."""
        ...

    def kick(
        self,
        stars: np.ndarray,
        velocity: Float[np.ndarray, "3 stars"],
        *,
        targets: tuple[int, int],
        sources: tuple[int, int],
        step: float,
    ) -> None:
        """Kick a range of stars by another range."""
        ...

    def kick_all(
        self,
        position: Float[np.ndarray, "3 stars"],
        velocity: Float[np.ndarray, "3 stars"],
        mass: Float[np.ndarray, " stars"],
        before: Float[np.ndarray, " stars"],
        after: Float[np.ndarray, " stars"],
    ) -> None:
        """Kick each pair by half its step before and half its step to come, the longer of two stars' steps."""
        ...

    def potential(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> float:
        """Potential energy of the stars among themselves."""
        ...


class Direct:
    """Every pair, in single precision: exact, and the fastest way up to some ten thousand stars."""

    def __init__(self, softening: float) -> None:
        """Choose the softening.

        Args:
            softening: Plummer softening length.
        """
        self._square = softening**2

    def prepare(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> np.ndarray:
        """Positions and masses in single precision, shape (4, stars)."""
        stars = np.empty((4, len(mass)), np.float32)
        stars[:3], stars[3] = position, mass
        return stars

    def kick(
        self,
        stars: np.ndarray,
        velocity: Float[np.ndarray, "3 stars"],
        *,
        targets: tuple[int, int],
        sources: tuple[int, int],
        step: float,
    ) -> None:
        """Kick a range of stars by another range."""
        few = (targets[1] - targets[0]) * (sources[1] - sources[0]) < _THREADS_FROM
        kick = gravity_kernels.kick_range if few else gravity_kernels.kick_range_by_threads
        kick(stars, velocity, *targets, *sources, self._square, step)

    def kick_all(
        self,
        position: Float[np.ndarray, "3 stars"],
        velocity: Float[np.ndarray, "3 stars"],
        mass: Float[np.ndarray, " stars"],
        before: Float[np.ndarray, " stars"],
        after: Float[np.ndarray, " stars"],
    ) -> None:
        """Kick each pair by half its step before and half its step to come, the longer of two stars' steps."""
        stars = self.prepare(position, mass)
        steps = before.astype(np.float32), after.astype(np.float32)
        kick = gravity_kernels.kick_all if len(mass) ** 2 < _THREADS_FROM else gravity_kernels.kick_all_by_threads
        kick(stars, velocity, *steps, self._square)

    def potential(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> float:
        """Potential energy of the stars among themselves."""
        return float(gravity_kernels.potential_energy(position, mass, self._square))


class Tree:
    """A tree from `pytreegrav` with quadrupoles: cheaper than all pairs above some ten thousand stars.

    Its softening is a spline of compact support, 2.8 times as long as the Plummer length that it stands for. Pairs of
    forces are not opposite to the last digit, so that momentum is kept to the accuracy of the tree only.
    """

    _SUPPORT = 2.8

    def __init__(self, softening: float, *, opening: float = 0.5) -> None:
        """Choose softening and accuracy.

        Args:
            softening: Plummer softening length.
            opening: Opening angle; smaller is slower and more accurate.

        Raises:
            InputError: `pytreegrav` is not installed.
        """
        try:
            import pytreegrav
        except ImportError as error:
            msg = "so many stars need the package pytreegrav; run `pip install 'swansong[tree]'`, or take fewer stars"
            raise InputError(msg) from error
        self._library = pytreegrav
        self._support = self._SUPPORT * softening
        self._opening = opening

    def prepare(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> np.ndarray:
        """Positions and masses, shape (4, stars)."""
        return np.concatenate([position, mass[None]])

    def kick(
        self,
        stars: np.ndarray,
        velocity: Float[np.ndarray, "3 stars"],
        *,
        targets: tuple[int, int],
        sources: tuple[int, int],
        step: float,
    ) -> None:
        """Kick a range of stars by another range."""
        kicked = np.arange(*targets)
        velocity[:, kicked] += step * self._pull(stars, kicked, np.arange(*sources))

    def kick_all(
        self,
        position: Float[np.ndarray, "3 stars"],
        velocity: Float[np.ndarray, "3 stars"],
        mass: Float[np.ndarray, " stars"],
        before: Float[np.ndarray, " stars"],
        after: Float[np.ndarray, " stars"],
    ) -> None:
        """Kick each pair by half its step before and half its step to come, the longer of two stars' steps."""
        stars = self.prepare(position, mass)
        for steps in (before, after):
            for step in np.unique(steps[steps > 0.0]):
                slow, fast = np.flatnonzero(steps == step), np.flatnonzero(steps < step)
                velocity[:, slow] += 0.5 * step * self._pull(stars, slow, np.concatenate([slow, fast]))
                if len(fast):
                    velocity[:, fast] += 0.5 * step * self._pull(stars, fast, slow)

    def potential(self, position: Float[np.ndarray, "3 stars"], mass: Float[np.ndarray, " stars"]) -> float:
        """Potential energy of the stars among themselves."""
        support = np.full(len(mass), self._support)
        options = {"theta": self._opening, "quadrupole": True, "parallel": True}
        return 0.5 * float(mass @ self._library.Potential(position.T.copy(), mass, support, **options))

    def _pull(self, stars: np.ndarray, targets: np.ndarray, sources: np.ndarray) -> Float[np.ndarray, "3 targets"]:
        """Accelerations of some stars by some others."""
        if not len(targets) or not len(sources):
            return np.zeros((3, len(targets)))
        found = self._library.AccelTarget(
            stars[:3, targets].T.copy(),
            stars[:3, sources].T.copy(),
            stars[3, sources],
            softening_target=np.full(len(targets), self._support),
            softening_source=np.full(len(sources), self._support),
            theta=self._opening,
            quadrupole=True,
            parallel=True,
        )
        return np.asarray(found).T


def choose_gravity(stars: int, *, softening: float) -> Gravity:
    """Forces between so many stars, in the way that takes the least time.

    Args:
        stars: Number of stars.
        softening: Plummer softening length.

    Returns:
        Direct summation, or a tree above `DIRECT_STARS`.

    Raises:
        InputError: A tree is needed, and `pytreegrav` is not installed.
    """
    return Direct(softening) if stars <= DIRECT_STARS else Tree(softening)
