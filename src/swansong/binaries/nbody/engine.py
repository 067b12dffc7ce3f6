"""The split integrator: stars on steps by powers of two, the pair and its surroundings apart.

The Hamiltonian is cut in parts that are moved in turn. Stars pull stars with a softening, each pair of them on the
step of the slower one, so that momentum is kept; both holes and the stars next to them move by the integrator of
`inner_kernels` during every smallest step; holes pull the other stars on the steps of these.

Reference:
    Pelupessy, Janes & Portegies Zwart (2012), New Astronomy 17, 711 (Hamiltonian splitting on powers of two);
    Rantala et al. (2017), ApJ 840, 53 (regularised region inside a galaxy).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from swansong.binaries.nbody import gravity_kernels, stepping_kernels
from swansong.binaries.nbody.gravity import Gravity
from swansong.binaries.nbody.settings import Accuracy


@dataclass(eq=False)
class Galaxies:
    """All bodies at one time, changed in place by `advance`.

    Attributes:
        time: Time.
        position: Positions of stars, shape (3, stars).
        velocity: Velocities of stars, shape (3, stars).
        mass: Masses of stars.
        name: Which star of the initial conditions each one is; their order changes.
        holes: Position, velocity and mass of each black hole, shape (2, 7).
    """

    time: float
    position: Float[np.ndarray, "3 stars"]
    velocity: Float[np.ndarray, "3 stars"]
    mass: Float[np.ndarray, "stars"]
    name: Int[np.ndarray, "stars"]
    holes: Float[np.ndarray, "2 7"]

    @property
    def pair(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Relative position and velocity of the holes."""
        between = self.holes[1] - self.holes[0]
        return between[:3], between[3:6]

    def reorder(self, order: Int[np.ndarray, "stars"]) -> None:
        """Put the stars into another order.

        Args:
            order: Present place of each one.
        """
        self.position, self.velocity = self.position[:, order].copy(), self.velocity[:, order].copy()
        self.mass, self.name = self.mass[order], self.name[order]


def energy(bodies: Galaxies, *, accuracy: Accuracy, gravity: Gravity) -> float:
    """Total energy.

    Args:
        bodies: All bodies.
        accuracy: Softenings.
        gravity: Forces between stars.

    Returns:
        Kinetic and potential energy.
    """
    kinetic, potential = gravity_kernels.energies(
        bodies.position, bodies.velocity, bodies.mass, bodies.holes, accuracy.near**2
    )
    return kinetic + potential + gravity.potential(bodies.position, bodies.mass)


def momentum(bodies: Galaxies) -> Float[np.ndarray, "3"]:
    """Total angular momentum.

    Args:
        bodies: All bodies.

    Returns:
        Its three components.
    """
    stars = np.cross(bodies.position.T, bodies.velocity.T).T @ bodies.mass
    return stars + np.cross(bodies.holes[:, :3], bodies.holes[:, 3:6]).T @ bodies.holes[:, 6]


class Stepper:
    """Moves bodies from one time at which they are in step to the next."""

    def __init__(self, bodies: Galaxies, *, accuracy: Accuracy, gravity: Gravity) -> None:
        """Prepare.

        Args:
            bodies: All bodies, changed in place.
            accuracy: Steps and softenings.
            gravity: Forces between stars.
        """
        self.bodies, self.accuracy, self.gravity = bodies, accuracy, gravity
        self.inner_steps = 0
        count = len(bodies.mass)
        self._steps = np.zeros(count)
        self._outer = np.zeros(count)
        self._counts = np.zeros(accuracy.levels + 1, int)

    def advance(self, longest: int) -> Iterator[tuple[float, Float[np.ndarray, "2 7"]]]:
        """Take some of the longest steps, and tell of the pair twice in each.

        Bodies are in step when the iterator is exhausted, and only then.

        Args:
            longest: Number of longest steps.

        Yields:
            Time, and position, velocity and mass of both holes.
        """
        accuracy, bodies = self.accuracy, self.bodies
        parts = 2 ** (accuracy.levels - 1)
        begin = bodies.time
        for taken in range(longest):
            self._begin()
            inside = self._inside
            for part in range(1, parts + 1):
                self.inner_steps += stepping_kernels.drift(
                    bodies.position, bodies.velocity, bodies.mass, bodies.holes, inside,
                    accuracy.near**2, accuracy.step, accuracy.pair_steps, accuracy.star_steps,
                )  # fmt: skip
                due = self._due(part)
                if part in (parts // 2, parts):
                    yield begin + (taken * parts + part) * accuracy.step, self._holes_in_step(due)
                if part < parts:
                    inside = self._between(due)
        bodies.time = begin + longest * accuracy.longest
        self._kick_all(np.zeros_like(self._steps), np.zeros_like(self._outer))
        self._steps[:], self._outer[:] = 0.0, 0.0

    def _due(self, part: int) -> int:
        """Number of levels whose step ends after so many smallest steps."""
        levels = 1
        while levels < self.accuracy.levels and part % (1 << levels) == 0:
            levels += 1
        return levels

    def _begin(self) -> None:
        """Choose levels anew, and end the steps before and begin those to come with one kick."""
        accuracy, bodies = self.accuracy, self.bodies
        level = stepping_kernels.choose_levels(
            bodies.position, bodies.velocity, bodies.holes, accuracy.step, accuracy.levels, accuracy.crossing
        )
        order = np.argsort(level, kind="stable")
        bodies.reorder(order)
        self._steps, self._outer = self._steps[order], self._outer[order]
        level = level[order]
        # Stars on level k are those from counts[k] to counts[k + 1].
        self._counts = np.searchsorted(level, np.arange(accuracy.levels + 1))
        steps = accuracy.step * np.exp2(level)
        self._inside = self._choose_inside()
        outer = np.where(self._inside, 0.0, steps)
        self._kick_all(steps, outer)
        self._steps, self._outer = steps, outer

    def _choose_inside(self) -> Bool[np.ndarray, " stars"]:
        accuracy, bodies = self.accuracy, self.bodies
        return stepping_kernels.choose_inner(
            bodies.position, bodies.velocity, int(self._counts[1]), bodies.holes,
            accuracy.radius, accuracy.ahead * accuracy.step,
        )  # fmt: skip

    def _kick_all(self, steps: Float[np.ndarray, " stars"], outer: Float[np.ndarray, " stars"]) -> None:
        """Half of the steps before and half of those to come."""
        bodies = self.bodies
        self.gravity.kick_all(bodies.position, bodies.velocity, bodies.mass, self._steps, steps)
        gravity_kernels.kick_by_holes(
            bodies.position, bodies.velocity, bodies.mass, bodies.holes, 0.5 * (self._outer + outer),
            self.accuracy.near**2,
        )  # fmt: skip

    def _between(self, due: int) -> Bool[np.ndarray, " stars"]:
        """Full kicks on the levels whose step ends here, and the stars of the inner region from here on."""
        accuracy, bodies, counts = self.accuracy, self.bodies, self._counts
        stars = self.gravity.prepare(bodies.position[:, : counts[due]], bodies.mass[: counts[due]])
        for level in range(due):
            first, last = int(counts[level]), int(counts[level + 1])
            step = accuracy.step * 2**level
            if last > first:
                self.gravity.kick(stars, bodies.velocity, targets=(first, last), sources=(0, last), step=step)
                if first:
                    self.gravity.kick(stars, bodies.velocity, targets=(0, first), sources=(first, last), step=step)
        inside = self._choose_inside()
        fast = int(counts[1])
        outer = self._outer.copy()
        outer[:fast] = np.where(inside[:fast], 0.0, accuracy.step)
        kicks = np.zeros_like(outer)
        kicks[: counts[due]] = 0.5 * (self._outer[: counts[due]] + outer[: counts[due]])
        gravity_kernels.kick_by_holes(
            bodies.position, bodies.velocity, bodies.mass, bodies.holes, kicks, accuracy.near**2
        )
        self._outer = outer
        return inside

    def _holes_in_step(self, due: int) -> Float[np.ndarray, "2 7"]:
        """The holes with the kicks that end here, which the bodies themselves get with the next ones."""
        bodies, end = self.bodies, int(self._counts[due])
        holes = bodies.holes.copy()
        gravity_kernels.kick_by_holes(
            bodies.position, bodies.velocity.copy(), bodies.mass, holes,
            np.where(np.arange(len(bodies.mass)) < end, 0.5 * self._outer, 0.0), self.accuracy.near**2,
        )  # fmt: skip
        return holes
