"""A fixed list of modes, arranged for the analytic baseline and easy to look up."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from swansong.emri.amplitudes.kludge import ModeGrid
from swansong.emri.amplitudes.modes import LARGEST_L, SMALLEST_L

_SIDE = 256  # indices lie well within half of it


def _keys(modes: Int[np.ndarray, "modes 4"]) -> Int[np.ndarray, " modes"]:
    """One number for each mode."""
    l, m, j, n = np.asarray(modes, np.int64).T
    return ((l * _SIDE + m) * _SIDE + j + _SIDE // 2) * _SIDE + n + _SIDE // 2


@dataclass(frozen=True, eq=False)
class Slots:
    """Modes (l, m, j, n) in a fixed order; build it with `Slots.of`.

    Attributes:
        modes: The modes, shape (slots, 4).
        grid: Groups (m, j, n) that hold them, in rows of equal m.
        places: Where each mode lies in the flattened answer of the baseline for this grid.
    """

    modes: Int[np.ndarray, "slots 4"]
    grid: ModeGrid
    places: Int[np.ndarray, " slots"]

    @classmethod
    def of(cls, modes: Int[np.ndarray, "slots 4"]) -> "Slots":
        """Arrange modes.

        Args:
            modes: (l, m, j, n), m >= 0.

        Returns:
            The slots, in the order given. Rows of the grid are padded with (j, n) = (0, 0).
        """
        modes = np.asarray(modes, np.int64)
        groups, group = np.unique(modes[:, 1:], axis=0, return_inverse=True)
        order = groups[:, 0]
        counts = np.bincount(order, minlength=LARGEST_L + 1)
        column = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
        grid = np.zeros((2, len(counts), max(1, counts.max(initial=0))), np.int64)
        grid[:, order, column] = groups[:, 1:].T
        group = group.reshape(-1)
        degrees = LARGEST_L - SMALLEST_L + 1
        places = (order[group] * grid.shape[2] + column[group]) * degrees + modes[:, 0] - SMALLEST_L
        return cls(modes, ModeGrid(*grid), places)

    def __len__(self) -> int:
        return len(self.modes)

    @cached_property
    def _sorted(self) -> tuple[Int[np.ndarray, " slots"], Int[np.ndarray, " slots"]]:
        keys = _keys(self.modes)
        order = np.argsort(keys)
        return keys[order], order

    def locate(self, modes: Int[np.ndarray, "modes 4"]) -> tuple[Int[np.ndarray, " modes"], Bool[np.ndarray, " modes"]]:
        """Slots of modes (l, m, j, n).

        Args:
            modes: Modes, m >= 0.

        Returns:
            Index of each, zero where there is none, and whether there is one.
        """
        keys, order = self._sorted
        wanted = _keys(modes)
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        known = keys[found] == wanted
        return np.where(known, order[found], 0), known
