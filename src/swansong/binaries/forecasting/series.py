"""The series that is forecast: snapshots of (a, e) of one hard pair, its scaling, its split, its windows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.errors import DataError, DomainError, InputError

SNAPSHOTS = 210
"""Snapshots of the published run."""

LARGEST_AXIS = 1.0 / 60.0
"""Semi-major axis below which the pair counts as hard, a sixteenth of the radius that holds twice its heavier mass."""

FEWEST = 40
"""Snapshots below which there is nothing to learn from."""


@dataclass(frozen=True, eq=False)
class Series:
    """Snapshots of the elements of a pair at equal steps of time.

    Attributes:
        merger: Whose orbit it is.
        time: Times.
        values: Semi-major axis and eccentricity, shape (times, 2).
    """

    merger: Merger
    time: Float[np.ndarray, "times"]
    values: Float[np.ndarray, "times 2"]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def step(self) -> float:
        """Mean time between snapshots."""
        return float(self.time[-1] - self.time[0]) / (len(self) - 1)


def hard_series(trajectory: Trajectory, *, snapshots: int = SNAPSHOTS, largest_axis: float = LARGEST_AXIS) -> Series:
    """Snapshots of (a, e) from the time on after which the pair stays hard.

    Before that the pair still orbits within the core, and its two-body elements are those of no ellipse.

    Args:
        trajectory: A merger.
        snapshots: How many to take, as evenly spaced as the rows of the trajectory allow.
        largest_axis: Semi-major axis below which the pair must stay.

    Returns:
        The series.

    Raises:
        InputError: Fewer than `FEWEST` snapshots, or an axis that is not positive, were asked for.
        DomainError: The pair never becomes bound, or hard.
        DataError: The hard part has too few rows.
    """
    if snapshots < FEWEST:
        raise InputError(f"`snapshots` must be at least {FEWEST}, got {snapshots}; a learner needs that many")
    if not largest_axis > 0.0:
        raise InputError(f"`largest_axis` must be positive, got {largest_axis:g}; give it in N-body units")
    bound = trajectory.after_binding()
    wide = np.flatnonzero(bound.axis >= largest_axis)
    first = int(wide[-1]) + 1 if len(wide) else 0
    left = len(bound) - first
    if left == 0:
        raise DomainError(
            f"the pair never stays below a = {largest_axis:.4g}, it ends at {bound.axis[-1]:.4g}; run it longer or "
            "raise the largest axis"
        )
    if left < snapshots:
        raise DataError(
            f"the pair is hard (a < {largest_axis:.4g}) for {left} rows, but {snapshots} snapshots were asked for; ask "
            "for fewer, or give a longer run"
        )
    rows = first + np.round(np.linspace(0.0, left - 1.0, snapshots)).astype(int)
    values = np.stack([bound.axis[rows], bound.eccentricity[rows]], axis=1)
    return Series(trajectory.merger, bound.time[rows], values)


def split_at(series: Series, share: float, *, window: int) -> int:
    """Number of snapshots that are learnt; the rest is forecast.

    Args:
        series: The snapshots.
        share: Share that is learnt, between 0 and 1.
        window: Snapshots that a forecaster looks back.

    Returns:
        The number.

    Raises:
        InputError: The share lies outside (0, 1), or one side has too few snapshots.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"`split` must lie between 0 and 1, got {share:g}; give 0.8 to learn the first 80 %")
    count = round(share * len(series))
    if window < 2:
        raise InputError(f"`window` must be at least 2 snapshots, got {window}; give 10")
    if count < 3 * window or len(series) - count < 2:
        raise InputError(
            f"a split of {share:g} learns {count} of {len(series)} snapshots with a window of {window}; learn at least "
            "three windows and leave at least two snapshots"
        )
    return count


@dataclass(frozen=True, eq=False)
class Standard:
    """Mean and standard deviation that make columns comparable.

    Attributes:
        mean: Mean of each column.
        width: Standard deviation of each column.
    """

    mean: Float[np.ndarray, "columns"]
    width: Float[np.ndarray, "columns"]

    @classmethod
    def of(cls, values: Float[np.ndarray, "times columns"]) -> "Standard":
        """Those of some values.

        Args:
            values: The values.

        Returns:
            The scaling; a constant column keeps its width.
        """
        width = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(width > 0.0, width, 1.0))

    def forward(self, values: Float[np.ndarray, "*batch columns"]) -> Float[np.ndarray, "*batch columns"]:
        """Scale to mean 0 and standard deviation 1."""
        return (values - self.mean) / self.width

    def inverse(self, values: Float[np.ndarray, "*batch columns"]) -> Float[np.ndarray, "*batch columns"]:
        """Undo `forward`."""
        return values * self.width + self.mean


def windows(values: Float[np.ndarray, "times columns"], length: int) -> Float[np.ndarray, "windows length columns"]:
    """All stretches of a given length, each one row later than the one before.

    Args:
        values: The rows.
        length: Rows of each stretch.

    Returns:
        The stretches.

    Raises:
        InputError: There are fewer rows than that.
    """
    if not 1 <= length <= len(values):
        raise InputError(f"a window of {length} does not fit into {len(values)} snapshots; give a shorter one")
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=0).swapaxes(1, 2).copy()


def to_coordinates(values: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
    """Write (a, e) as (ln a, e), which learners work in: no forecast can then have a negative axis.

    Args:
        values: Semi-major axis and eccentricity.

    Returns:
        The coordinates.
    """
    return np.stack([np.log(values[..., 0]), values[..., 1]], axis=-1)


def from_coordinates(coordinates: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
    """Undo `to_coordinates`; an eccentricity outside [0, 1] becomes the nearest that an ellipse can have.

    Args:
        coordinates: ln a and e.

    Returns:
        Semi-major axis and eccentricity.
    """
    return np.stack([np.exp(coordinates[..., 0]), np.clip(coordinates[..., 1], 0.0, 1.0)], axis=-1)
