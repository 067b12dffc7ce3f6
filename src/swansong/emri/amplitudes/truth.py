"""Solved amplitudes of many orbits: what surrogates learn from and are judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Complex, Float, Int

from swansong.core.errors import FileError, InputError
from swansong.core.files import read_product, write_product
from swansong.core.provenance import Provenance
from swansong.emri.amplitudes.modes import CLASSES, LARGEST_L, canonical, orbit_class, polar_index

KIND = "emri_amplitudes"
"""Kind of the product."""

_WORST = 1e-4  # solver's error, as a share of the orbit's strongest mode, beyond which a mode is dropped
_RESOLUTION = 2.0**-17  # relative rounding of stored values
# Coarser at the horizon, and in units of the strongest mode of the orbit: by these factors.
_HORIZON, _STRONGEST = 32.0, 0.125


@dataclass(frozen=True, eq=False)
class AmplitudeSet:
    """Amplitudes of some modes of many orbits, in the index (l, m, j, n).

    Attributes:
        orbits: (a, p, e, x), shape (orbits, 4).
        frequencies: Omega_r, Omega_theta, Omega_phi [1/M], shape (orbits, 3).
        left: Share of the power of each orbit, by the analytic baseline, in modes that were not solved.
        offsets: Rows of the modes where each orbit begins, shape (orbits + 1,).
        modes: (l, m, j, n), shape (modes, 4).
        infinity: Z at infinity.
        horizon: Z at the horizon, zero where the solver gave none.
    """

    orbits: Float[np.ndarray, "orbits 4"]
    frequencies: Float[np.ndarray, "orbits 3"]
    left: Float[np.ndarray, "orbits"]
    offsets: Int[np.ndarray, "orbits+1"]
    modes: Int[np.ndarray, "modes 4"]
    infinity: Complex[np.ndarray, "modes"]
    horizon: Complex[np.ndarray, "modes"]

    def __len__(self) -> int:
        return len(self.orbits)

    @property
    def classes(self) -> Int[np.ndarray, "orbits"]:
        """Index of each orbit into `CLASSES`."""
        return orbit_class(self.orbits)

    @property
    def owner(self) -> Int[np.ndarray, "modes"]:
        """Orbit of each mode."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def mode_frequency(self) -> Float[np.ndarray, "modes"]:
        """Angular frequency of each mode [1/M]."""
        radial, polar, azimuthal = self.frequencies[self.owner].T
        sign = np.where(self.orbits[self.owner, 3] < 0.0, -1.0, 1.0)
        _, m, j, n = self.modes.T
        return m * azimuthal + (j - sign * m) * polar + n * radial

    def solved(self, row: int) -> tuple[Int[np.ndarray, "modes 4"], Complex[np.ndarray, " modes"]]:
        """Modes (l, m, k, n) of one orbit and their amplitudes at infinity, in the convention of a model's answer."""
        part, retrograde = slice(int(self.offsets[row]), int(self.offsets[row + 1])), bool(self.orbits[row, 3] < 0.0)
        modes = polar_index(self.modes[part], retrograde=retrograde)
        return modes, np.where((modes[:, 1] % 2 == 1) & retrograde, -1.0, 1.0) * self.infinity[part]

    def select(self, places: Int[np.ndarray, "chosen"]) -> "AmplitudeSet":
        """Some of the orbits, in the order given."""
        lengths = np.diff(self.offsets)[places]
        ranges = [np.arange(int(self.offsets[i]), int(self.offsets[i + 1])) for i in places]
        rows = np.concatenate([np.zeros(0, int), *ranges])
        return AmplitudeSet(
            orbits=self.orbits[places],
            frequencies=self.frequencies[places],
            left=self.left[places],
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            modes=self.modes[rows],
            infinity=self.infinity[rows],
            horizon=self.horizon[rows],
        )

    def of_class(self, name: str) -> "AmplitudeSet":
        """Orbits of one class of `CLASSES`.

        Raises:
            InputError: If there is no such class.
        """
        if name not in CLASSES:
            raise InputError(f"there is no class of orbits {name!r}; choose one of {', '.join(CLASSES)}")
        return self.select(np.flatnonzero(self.classes == CLASSES.index(name)))

    def write(
        self, path: str | Path, *, provenance: Provenance, resolution: float = _RESOLUTION, force: bool = False
    ) -> str:
        """Write a product.

        Values are rounded, which makes files small: to a part of themselves (at the horizon 32 times coarser), and at
        infinity to an eighth of that part of the strongest mode of the orbit. The rounding limits the errors that
        can be measured with the file.

        Args:
            path: File.
            provenance: Who solved it, from what.
            resolution: That part.
            force: Whether an existing file is replaced.

        Returns:
            The sha256 of the content.
        """
        strongest = np.zeros(len(self))
        np.maximum.at(strongest, self.owner, np.abs(self.infinity / self.mode_frequency**2))
        strongest = strongest[self.owner]
        step = strongest * self.mode_frequency**2 * (_STRONGEST * resolution)
        l, m, j, n = self.modes.T
        arrays = {
            "orbits": self.orbits,
            "frequencies": self.frequencies,
            "left": self.left,
            "offsets": self.offsets.astype(np.int32),
            "harmonic": (l * (LARGEST_L + 1) + m).astype(np.uint8),
            "polar": j.astype(np.int8),
            "radial": n.astype(np.int8),
        }
        for name, values, finest, least in (
            ("infinity", self.infinity, resolution, step),
            ("horizon", self.horizon, _HORIZON * resolution, 0.0),
        ):
            least = np.maximum(least, finest * np.abs(values))
            for part, numbers in (("real", np.real(values)), ("imaginary", np.imag(values))):
                arrays[f"{name}_{part}"] = _rounded(numbers, least)
        return write_product(path, kind=KIND, arrays=arrays, provenance=provenance, force=force)


def _rounded(values: np.ndarray, step: np.ndarray) -> Float[np.ndarray, "modes"]:
    """The same to the power of two below a step, which compresses."""
    digit = np.exp2(np.floor(np.log2(np.where(step > 0.0, step, 1.0))))
    return (np.round(values / digit) * digit).astype(np.float32)


def read_set(path: str | Path) -> AmplitudeSet:
    """Read amplitudes.

    Args:
        path: A product written by `AmplitudeSet.write`.

    Returns:
        The set.

    Raises:
        FileError: If it is no such product.
    """
    arrays = read_product(path, kind=KIND).arrays
    harmonic = arrays["harmonic"].astype(np.int64)
    return AmplitudeSet(
        orbits=arrays["orbits"],
        frequencies=arrays["frequencies"],
        left=arrays["left"],
        offsets=arrays["offsets"].astype(np.int64),
        modes=np.column_stack(
            [harmonic // (LARGEST_L + 1), harmonic % (LARGEST_L + 1), arrays["polar"], arrays["radial"]]
        ).astype(np.int64),
        infinity=arrays["infinity_real"].astype(float) + 1j * arrays["infinity_imaginary"].astype(float),
        horizon=arrays["horizon_real"].astype(float) + 1j * arrays["horizon_imaginary"].astype(float),
    )


def read_solved(paths: Sequence[str | Path]) -> AmplitudeSet:
    """Join files of the generator.

    Args:
        paths: Files of `scripts/solve_emri_amplitudes.py`.

    Returns:
        The set; modes that the solver itself calls inaccurate are left out.

    Raises:
        FileError: If a file is not one of these, or cut short.
        InputError: If there is none.
    """
    if not len(paths):
        raise InputError("no files of solved amplitudes were given; run the solver on a plan first")
    parts: list[list[np.ndarray]] = []
    for path in paths:
        try:
            with h5py.File(path) as file:
                one = {name: np.asarray(file[name]) for name in file}
        except OSError as error:
            raise FileError(f"{path} cannot be read as HDF5 ({error}); solve its plan again") from None
        if missing := {"orbits", "modes", "infinity", "horizon", "frequencies", "error"} - one.keys():
            raise FileError(f"{path} lacks {', '.join(sorted(missing))}; it is a plan that has not been solved")
        lengths = np.diff(one["offsets"])
        retrograde = np.repeat(one["orbits"][:, 3] < 0.0, lengths)
        modes, values = np.empty(one["modes"].shape, int), [one["infinity"], one["horizon"]]
        for backward in (False, True):
            rows = retrograde == backward
            found = canonical(one["modes"][rows].astype(int), retrograde=backward)
            modes[rows] = found.modes
            for column in values:
                column[rows] = found.amplitudes(column[rows])
        good = np.isfinite(values[0]) & (one["error"] < _WORST)
        counts = np.diff(np.concatenate([[0], np.cumsum(good)])[one["offsets"]])
        parts.append(
            [one["orbits"], one["frequencies"], one["left"], counts, modes[good], *(column[good] for column in values)]
        )
    orbits, frequencies, left, counts, modes, infinity, horizon = (
        np.concatenate([part[i] for part in parts]) for i in range(7)
    )
    return AmplitudeSet(
        orbits=orbits,
        frequencies=frequencies,
        left=left,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        modes=modes,
        infinity=infinity.astype(np.complex128),
        horizon=np.nan_to_num(horizon.astype(np.complex128)),
    )
