"""Trajectories of pairs through mergers of galaxies, and the files they are kept in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from swansong.binaries import elements
from swansong.core.errors import DataError, DomainError
from swansong.core.files import read_product, write_product
from swansong.core.provenance import Provenance

KIND = "binary_trajectories"
"""Kind of the product."""

SERIES = ("time", "energy", "momentum", "separation")
"""Columns of a trajectory, in the order of its files."""


@dataclass(frozen=True)
class Merger:
    """One merger of two equal galaxies with a black hole each, in N-body units.

    Attributes:
        eccentricity: Eccentricity of the orbit of the galaxies, e_gal in [0, 1).
        particles: Stars of both galaxies together.
        seed: Seed of the realisation.
        mass_1: Heavier black hole.
        mass_2: Lighter black hole.
        origin: Where the trajectory is from: "nbody" (own engine), "synthetic" or the name of another code.
    """

    eccentricity: float
    particles: int
    seed: int
    mass_1: float = 0.005
    mass_2: float = 0.005
    origin: str = "nbody"

    @property
    def mu(self) -> float:
        """G times the mass of the pair."""
        return self.mass_1 + self.mass_2


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Energy and angular momentum of a pair at rising times.

    Attributes:
        merger: Which merger this is.
        time: Times from the start of the run.
        energy: Specific orbital energy v^2 / 2 - mu / r.
        momentum: Specific orbital angular momentum.
        separation: Distance of the black holes.
        energy_error: Largest relative error of the total energy of the run, NaN where it is not known.

    Raises:
        DataError: Shapes differ, times do not rise or a value is not finite.
    """

    merger: Merger
    time: Float[np.ndarray, "times"]
    energy: Float[np.ndarray, "times"]
    momentum: Float[np.ndarray, "times"]
    separation: Float[np.ndarray, "times"]
    energy_error: float = float("nan")

    def __post_init__(self) -> None:
        for name in SERIES:
            values = np.asarray(getattr(self, name), float)
            object.__setattr__(self, name, values)
            if values.shape != (len(self.time),) or len(values) < 2:
                raise DataError(
                    f"`{name}` has shape {values.shape} beside {len(self.time)} times; give one value a time"
                )
            if not np.all(np.isfinite(values)):
                raise DataError(
                    f"`{name}` has no finite value at row {int(np.argmin(np.isfinite(values)))}; mend the table"
                )
        steps = np.diff(self.time)
        if not np.all(steps > 0.0):
            row = int(np.argmax(steps <= 0.0)) + 1
            raise DataError(f"times do not rise at row {row} (t = {self.time[row]:g}); sort the table by time")

    def __len__(self) -> int:
        return len(self.time)

    @property
    def mu(self) -> float:
        """G times the mass of the pair."""
        return self.merger.mu

    @property
    def bound(self) -> Bool[np.ndarray, "times"]:
        """Whether the two-body energy is negative."""
        return self.energy < 0.0

    @property
    def axis(self) -> Float[np.ndarray, "times"]:
        """Semi-major axis, NaN where the pair is not bound."""
        return elements.semi_major_axis(self.energy, mu=self.mu)

    @property
    def eccentricity(self) -> Float[np.ndarray, "times"]:
        """Eccentricity of the pair, NaN where it is not bound."""
        return elements.eccentricity(self.energy, self.momentum, mu=self.mu)

    @property
    def binding_time(self) -> float:
        """Time after which the pair stays bound to the end, NaN if it does not."""
        loose = np.flatnonzero(~self.bound)
        if not len(loose):
            return float(self.time[0])
        return float(self.time[loose[-1] + 1]) if loose[-1] + 1 < len(self) else float("nan")

    def part(self, begin: float, end: float) -> "Trajectory":
        """The rows with begin <= time <= end.

        Args:
            begin: First time.
            end: Last time.

        Returns:
            The shorter trajectory.

        Raises:
            DomainError: Fewer than two rows lie between the times.
        """
        keep = (self.time >= begin) & (self.time <= end)
        if int(keep.sum()) < 2:
            raise DomainError(
                f"fewer than two times lie between {begin:g} and {end:g}; "
                f"the trajectory runs from {self.time[0]:g} to {self.time[-1]:g}"
            )
        return replace(self, **{name: getattr(self, name)[keep] for name in SERIES})

    def after_binding(self) -> "Trajectory":
        """The rows from the time on after which the pair stays bound.

        Returns:
            The shorter trajectory.

        Raises:
            DomainError: The pair never stays bound.
        """
        if not np.isfinite(self.binding_time):
            raise DomainError(
                f"the pair of e_gal = {self.merger.eccentricity:g}, N = {self.merger.particles}, seed "
                f"{self.merger.seed} is not bound at t = {self.time[-1]:g}; run it longer"
            )
        return self.part(self.binding_time, self.time[-1])


def write_trajectories(
    path: str | Path, trajectories: Sequence[Trajectory], *, provenance: Provenance, force: bool = False
) -> str:
    """Write trajectories as one product, in single precision.

    Args:
        path: Where to write.
        trajectories: One or more.
        provenance: Who made them, from what.
        force: Replace an existing file.

    Returns:
        The sha256 of the content.

    Raises:
        OutputError: The file exists or cannot be written.
    """
    lengths = [len(one) for one in trajectories]
    mergers = [one.merger for one in trajectories]
    arrays = {name: np.concatenate([getattr(one, name) for one in trajectories]).astype(np.float32) for name in SERIES}
    # Times in single precision would no longer rise in a long run with fine output.
    arrays["time"] = np.concatenate([one.time for one in trajectories])
    arrays |= {
        "offsets": np.cumsum([0, *lengths]),
        "energy_error": np.asarray([one.energy_error for one in trajectories]),
        "merger/eccentricity": np.asarray([one.eccentricity for one in mergers]),
        "merger/particles": np.asarray([one.particles for one in mergers]),
        "merger/seed": np.asarray([one.seed for one in mergers]),
        "merger/masses": np.asarray([(one.mass_1, one.mass_2) for one in mergers]),
        "merger/origin": np.asarray([one.origin for one in mergers]),
    }
    return write_product(path, kind=KIND, arrays=arrays, provenance=provenance, force=force)


def read_trajectories(path: str | Path) -> list[Trajectory]:
    """Read what `write_trajectories` wrote.

    Args:
        path: The file.

    Returns:
        The trajectories.

    Raises:
        FileError: The file is missing, damaged or holds something else.
    """
    arrays = read_product(path, kind=KIND).arrays
    found = []
    for row, (begin, end) in enumerate(zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)):
        mass_1, mass_2 = arrays["merger/masses"][row]
        merger = Merger(
            eccentricity=float(arrays["merger/eccentricity"][row]),
            particles=int(arrays["merger/particles"][row]),
            seed=int(arrays["merger/seed"][row]),
            mass_1=float(mass_1),
            mass_2=float(mass_2),
            origin=str(arrays["merger/origin"][row]),
        )
        series = {name: arrays[name][begin:end].astype(float) for name in SERIES}
        found.append(Trajectory(merger=merger, energy_error=float(arrays["energy_error"][row]), **series))
    return found
