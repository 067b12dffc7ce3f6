"""Tables of black holes from other codes: HDF5 with a group for each black hole, or text with named columns.

KETJU and Griffin, and most codes that follow single black holes, write their times, positions, velocities and masses.
What a file says of its units is believed; otherwise `TableUnits` tells them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from swansong.binaries import elements
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.binaries.units import Units
from swansong.core.constants import ASTRONOMICAL_UNIT, JULIAN_YEAR, PARSEC, SOLAR_MASS
from swansong.core.errors import DataError, FileError, InputError

COLUMNS = ("t", *(f"{name}{body}" for name in ("x", "y", "z", "vx", "vy", "vz", "m") for body in (1, 2)))
"""Columns of a text table with a header, in any order."""

ORDER = ("t", *(f"{name}{body}" for body in (1, 2) for name in ("x", "y", "z", "vx", "vy", "vz", "m")))
"""Columns of a text table without a header: the time, then all of the first black hole, then all of the second."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("t", "time", "times"),
    "position": ("x", "pos", "position", "positions", "coordinates", "physical_position"),
    "velocity": ("v", "vel", "velocity", "velocities", "physical_velocity"),
    "mass": ("m", "mass", "masses", "gravitational_mass"),
}
_SIZES: Mapping[str, Mapping[str, float]] = {
    # In Myr, pc, km/s and solar masses.
    "time": {
        "yr": 1e-6,
        "kyr": 1e-3,
        "myr": 1.0,
        "gyr": 1e3,
        "s": 1e-6 / JULIAN_YEAR,
        "kpc/(km/s)": 1e-6 * PARSEC / JULIAN_YEAR,
        "pc/(km/s)": 1e-9 * PARSEC / JULIAN_YEAR,
    },
    "position": {
        "pc": 1.0,
        "kpc": 1e3,
        "mpc": 1e6,
        "au": ASTRONOMICAL_UNIT / PARSEC,
        "m": 1.0 / PARSEC,
        "cm": 1e-2 / PARSEC,
    },
    "velocity": {
        "km/s": 1.0,
        "m/s": 1e-3,
        "cm/s": 1e-5,
        "pc/myr": 1e-9 * PARSEC / JULIAN_YEAR,
        "kpc/gyr": 1e-9 * PARSEC / JULIAN_YEAR,
    },
    "mass": {"msun": 1.0, "kg": 1.0 / SOLAR_MASS, "g": 1e-3 / SOLAR_MASS},
}
_SAME = {"solarmass": "msun", "solarmasses": "msun", "m_sun": "msun", "year": "yr", "years": "yr", "parsec": "pc"}
_CHANGE = 0.01  # relative change of a mass over a run above which mu is no constant


@dataclass(frozen=True)
class TableUnits:
    """Units of the columns of a table, where the file itself does not tell.

    Attributes:
        time: "nbody", "yr", "kyr", "Myr", "Gyr", "s", "kpc/(km/s)" or "pc/(km/s)".
        position: "nbody", "pc", "kpc", "Mpc" (in any case; never a milliparsec), "au", "m" or "cm".
        velocity: "nbody", "km/s", "m/s", "cm/s", "pc/Myr" or "kpc/Gyr".
        mass: "nbody", "Msun", "kg" or "g"; any unit may have a factor before it, as "1e10 Msun".
        scale: Size of the N-body units that all are turned into.

    Raises:
        InputError: A unit is not known.
    """

    time: str = "nbody"
    position: str = "nbody"
    velocity: str = "nbody"
    mass: str = "nbody"
    scale: Units = field(default_factory=Units)

    def __post_init__(self) -> None:
        for name in _SIZES:
            self.factor(name, getattr(self, name))

    def factor(self, name: str, unit: str) -> float:
        """What a column is multiplied by.

        Args:
            name: "time", "position", "velocity" or "mass".
            unit: Its unit.

        Returns:
            The factor to N-body units.

        Raises:
            InputError: The unit is not known.
        """
        plain = "".join(unit.lower().split()).replace("*", "").replace("s^-1", "/s").replace("s-1", "/s")
        matched = re.fullmatch(r"(\d+\.?\d*(?:e[+-]?\d+)?)?(.*)", plain)
        number, word = matched.groups() if matched else (None, plain)
        size = float(number) if number else 1.0
        if word in ("nbody", "n-body", ""):
            return size
        known = _SIZES[name]
        word = _SAME.get(word, word)
        if word not in known:
            raise InputError(f"unit {unit!r} of {name} is not known; give nbody or one of {', '.join(known)}")
        whole = {
            "time": self.scale.time,
            "position": self.scale.length,
            "velocity": self.scale.velocity,
            "mass": self.scale.mass,
        }
        return size * known[word] / whole[name]


@dataclass(frozen=True, eq=False)
class _Hole:
    """One black hole through time, in N-body units."""

    time: Float[np.ndarray, "times"]
    position: Float[np.ndarray, "times 3"]
    velocity: Float[np.ndarray, "times 3"]
    mass: Float[np.ndarray, "times"]


def read_black_holes(
    path: str | Path,
    *,
    eccentricity: float,
    particles: int,
    seed: int = 0,
    origin: str = "table",
    units: TableUnits = TableUnits(),
    names: Sequence[str] = (),
) -> Trajectory:
    """Read two black holes and give the energy and momentum of their relative orbit.

    An HDF5 file has a group, or a compound data set, for each black hole with time, position, velocity and mass under
    one of their usual names (t, time, times; x, pos, position, coordinates; v, vel, velocity; m, mass, masses); the
    time may stand beside the groups instead, and a mass may be one number. An attribute `units` of a data set is read.
    A text file has the columns `COLUMNS` under a header, or `ORDER` without one, separated by blanks, commas or
    semicolons; lines that begin with # are comments, the last of them before the numbers may be the header.

    Args:
        path: The file.
        eccentricity: Eccentricity of the orbit of the galaxies, which no table tells.
        particles: Stars of both galaxies.
        seed: Number of the realisation.
        origin: Name of the code.
        units: Units of what the file gives none for, and the size of the N-body units.
        names: The two groups to read, where a file has more.

    Returns:
        The trajectory; where one black hole ends before the other, as in a merger, both end there.

    Raises:
        FileError: The file is missing, damaged or neither HDF5 nor text.
        DataError: Columns are missing or unknown, times do not rise, a number is not finite, a mass is not positive
            or changes.
        InputError: A unit is not known.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"`{path}` is no file; give a table of black holes")
    first, second = _read_hdf5(path, units, names) if h5py.is_hdf5(path) else _read_text(path, units)
    rows = min(len(first.time), len(second.time))
    if not np.allclose(first.time[:rows], second.time[:rows], rtol=1e-9, atol=0.0):
        raise DataError(f"the two black holes of `{path}` have different times; give both at the same")
    masses = []
    for number, hole in enumerate((first, second), start=1):
        _check(hole, rows, number, path)
        masses.append(float(hole.mass[0]))
    energy, momentum = elements.energy_and_momentum(
        first.position[:rows] - second.position[:rows],
        first.velocity[:rows] - second.velocity[:rows],
        mu=sum(masses),
    )
    separation = np.linalg.norm(first.position[:rows] - second.position[:rows], axis=-1)
    merger = Merger(eccentricity, particles, seed, max(masses), min(masses), origin)
    return Trajectory(merger, first.time[:rows], energy, momentum, separation)


def _check(hole: _Hole, rows: int, number: int, path: Path) -> None:
    """Refuse numbers that no orbit has."""
    for name in _NAMES:
        values = getattr(hole, name)[:rows]
        finite = np.isfinite(values.reshape(rows, -1)).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise DataError(
                f"{name} of black hole {number} in `{path}` is not finite at row {row}; mend or cut the table"
            )
    if not np.all(hole.mass[:rows] > 0.0):
        row = int(np.argmin(hole.mass[:rows] > 0.0))
        raise DataError(
            f"mass of black hole {number} in `{path}` must be positive, got {hole.mass[row]:g} at row {row}; mend the "
            "table"
        )
    change = float(np.max(np.abs(hole.mass[:rows] / hole.mass[0] - 1.0)))
    if change > _CHANGE:
        raise DataError(
            f"mass of black hole {number} in `{path}` changes by {100.0 * change:.3g} %; cut the table where it is "
            "constant"
        )


def _read_hdf5(path: Path, units: TableUnits, names: Sequence[str]) -> tuple[_Hole, _Hole]:
    """Find and read the two black holes of an HDF5 file."""
    try:
        with h5py.File(path, "r") as file:
            found: dict[str, h5py.Group | h5py.Dataset] = {}

            def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
                if {"position", "velocity"} <= set(_fields(node)):
                    found[name] = node

            file.visititems(visit)
            chosen = list(names) or sorted(found, key=_natural)
            absent = [name for name in chosen if name not in found]
            if absent or len(chosen) != 2:
                what = f"no black hole {absent[0]!r}" if absent else f"{len(chosen)} black holes"
                raise DataError(
                    f"`{path}` has {what} among its groups ({', '.join(sorted(found)) or 'none with x and v'}); name "
                    "two of them"
                )
            one, two = (_hole(found[name], name, path, units) for name in chosen)
    except (OSError, RuntimeError) as error:
        raise FileError(f"`{path}` is truncated or damaged and cannot be read; copy it anew") from error
    return one, two


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which bh2 comes before bh10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _fields(node: h5py.Group | h5py.Dataset) -> dict[str, str]:
    """Actual name of each quantity that a group or a compound data set holds."""
    held = node.dtype.names or () if isinstance(node, h5py.Dataset) else tuple(node)
    by_lower = {name.lower(): name for name in held}
    return {
        quantity: next(by_lower[name] for name in names if name in by_lower)
        for quantity, names in _NAMES.items()
        if any(name in by_lower for name in names)
    }


def _hole(node: h5py.Group | h5py.Dataset, name: str, path: Path, units: TableUnits) -> _Hole:
    """Read one black hole."""
    places: dict[str, tuple[h5py.Group | h5py.Dataset, str]] = {
        quantity: (node, label) for quantity, label in _fields(node).items()
    }
    above = node.parent
    if "time" not in places and isinstance(above, h5py.Group) and "time" in _fields(above):
        places["time"] = (above, _fields(above)["time"])
    missing = [quantity for quantity in _NAMES if quantity not in places]
    if missing:
        raise DataError(f"black hole {name!r} of `{path}` has no {missing[0]}; give it as {_NAMES[missing[0]][-1]!r}")
    read: dict[str, np.ndarray] = {}
    for quantity, (place, label) in places.items():
        try:
            # Read first and convert then: HDF5 itself has no words for a text among numbers.
            values = np.asarray(place[label][()]).astype(float)  # pyright: ignore[reportIndexIssue]
        except (TypeError, ValueError) as error:
            raise DataError(f"{quantity} of black hole {name!r} in `{path}` holds no numbers; mend it") from error
        attributes = place.attrs if isinstance(place, h5py.Dataset) else place[label].attrs
        unit = next((attributes[key] for key in ("units", "unit") if key in attributes), getattr(units, quantity))
        read[quantity] = values * units.factor(quantity, unit.decode() if isinstance(unit, bytes) else str(unit))
    rows = read["time"].shape
    if read["mass"].size == 1:
        read["mass"] = np.full(rows, read["mass"].item())
    shapes = {"time": rows, "position": (*rows, 3), "velocity": (*rows, 3), "mass": rows}
    for quantity, shape in shapes.items():
        if len(rows) != 1 or read[quantity].shape != shape:
            raise DataError(
                f"{quantity} of black hole {name!r} in `{path}` has shape {read[quantity].shape} beside times of shape "
                f"{rows}; give one row a time"
            )
    return _Hole(**read)


def _read_text(path: Path, units: TableUnits) -> tuple[_Hole, _Hole]:
    """Read a text table."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"`{path}` is neither HDF5 nor text; give a table of black holes") from error
    header, rows = ORDER, []
    for number, line in enumerate(lines, start=1):
        words = [word for word in re.split(r"[,;\s]+", line.strip().lstrip("#").strip()) if word]
        comment = line.lstrip().startswith("#")
        if not words:
            continue
        if not rows and (comment or not _is_number(words[0])):
            if comment and words[0].lower() not in ("t", "time"):
                continue
            header = _header(words, path)
        elif not comment:
            if len(words) != len(header):
                raise DataError(
                    f"line {number} of `{path}` has {len(words)} columns, not {len(header)}; the file may be truncated"
                )
            if not all(map(_is_number, words)):
                raise DataError(f"line {number} of `{path}` holds a word that is no number; mend it")
            rows.append([float(word) for word in words])
    if len(rows) < 2:
        raise DataError(f"`{path}` has {len(rows)} rows of numbers; give at least two times")
    columns = dict(zip(header, np.asarray(rows).T, strict=True))
    one, two = (
        _Hole(
            columns["t"] * units.factor("time", units.time),
            np.stack([columns[f"{axis}{body}"] for axis in "xyz"], 1) * units.factor("position", units.position),
            np.stack([columns[f"v{axis}{body}"] for axis in "xyz"], 1) * units.factor("velocity", units.velocity),
            columns[f"m{body}"] * units.factor("mass", units.mass),
        )
        for body in (1, 2)
    )
    return one, two


def _header(words: Sequence[str], path: Path) -> tuple[str, ...]:
    """Names of the columns, checked."""
    found = tuple("t" if word.lower() == "time" else word.lower() for word in words)
    unknown = [name for name in found if name not in COLUMNS]
    absent = [name for name in COLUMNS if name not in found]
    if unknown or absent or len(set(found)) < len(found):
        what = (
            f"an unknown column {unknown[0]!r}" if unknown else f"no column {absent[0]!r}" if absent else "a name twice"
        )
        raise DataError(f"the header of `{path}` has {what}; name the columns {' '.join(COLUMNS)}")
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
