"""What the generator solves: orbits, and for each the modes that carry its power.

A plan is a small HDF5 file that `scripts/solve_emri_amplitudes.py` reads in an environment of its own; its answer is
a file of the same layout with the amplitudes added.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int

from swansong.core.files import atomic
from swansong.emri.amplitudes.kludge import full_grid, kludge
from swansong.emri.amplitudes.modes import polar_index


@dataclass(frozen=True, eq=False)
class Plan:
    """Orbits and their modes.

    Attributes:
        orbits: (a, p, e, x), shape (orbits, 4).
        offsets: Rows of `modes` where each orbit begins, shape (orbits + 1,).
        modes: (l, m, k, n), m >= 0, shape (modes, 4).
        left: Share of the power of each orbit that is left out, by the analytic baseline.
    """

    orbits: Float[np.ndarray, "orbits 4"]
    offsets: Int[np.ndarray, "orbits+1"]
    modes: Int[np.ndarray, "modes 4"]
    left: Float[np.ndarray, "orbits"]

    def write(self, path: Path) -> None:
        """Write the plan, whole or not at all."""
        with atomic(path) as temporary, h5py.File(temporary, "w") as file:
            file["orbits"], file["offsets"], file["left"] = self.orbits, self.offsets, self.left
            file.create_dataset("modes", data=self.modes.astype(np.int8), compression=4)


def strongest(power: Float[np.ndarray, "modes"], *, share: float, most: int) -> Int[np.ndarray, "chosen"]:
    """The smallest set of modes that leaves out less than a share of the power.

    Args:
        power: Power of each mode; NaN counts as none.
        share: Share that may be left out.
        most: Most modes.

    Returns:
        Places of the modes, strongest first.
    """
    value = np.nan_to_num(power)
    order = np.argsort(-value, kind="stable")
    sums = np.cumsum(value[order])
    enough = int(np.searchsorted(sums, (1.0 - share) * sums[-1])) + 1
    return order[: min(enough, most)]


def strongest_modes(
    orbit: Float[np.ndarray, "4"], *, share: float, most: int, eccentricity: float = 0.0
) -> tuple[Int[np.ndarray, "modes 4"], float]:
    """The modes of an orbit that carry its power, by the analytic baseline.

    Args:
        orbit: (a, p, e, x).
        share: Share of the power that may be left out.
        most: Most modes.
        eccentricity: Look among the modes of an orbit of this eccentricity, if it is larger: close to the separatrix
            the radial motion has more harmonics than farther out.

    Returns:
        (l, m, k, n), strongest first, and the share that is left out.
    """
    _, _, e, x = orbit
    # Few sizes of grid, so that little is compiled.
    reach = 0.0 if e == 0.0 else float(np.ceil(max(e, eccentricity) * 10.0) / 10.0)
    grid = full_grid(eccentricity=reach, equatorial=bool(abs(x) == 1.0), retrograde=bool(x < 0.0))
    found = kludge(orbit[None], grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(grid.canonical, np.abs(found.amplitudes[0]) ** 2 / found.frequency[0, ..., None] ** 2, 0.0)
    power = np.nan_to_num(power.reshape(-1))
    places = strongest(power, share=share, most=most)
    return polar_index(grid.modes[places], retrograde=bool(x < 0.0)), float(1.0 - power[places].sum() / power.sum())


def plan_orbits(orbits: Float[np.ndarray, "orbits 4"], *, share: float, most: int) -> Plan:
    """Choose the modes of orbits by the power the analytic baseline gives them.

    Args:
        orbits: (a, p, e, x).
        share: Share of the power that may be left out.
        most: Most modes of an orbit.

    Returns:
        The plan.
    """
    chosen, left = zip(
        *(strongest_modes(orbit, share=share, most=most) for orbit in np.asarray(orbits, float)), strict=True
    )
    return Plan(
        orbits=np.asarray(orbits, float),
        offsets=np.concatenate([[0], np.cumsum([len(modes) for modes in chosen])]),
        modes=np.concatenate(chosen),
        left=np.array(left),
    )
