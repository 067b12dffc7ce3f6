"""Populations from settings: a law, one pair for all, or a table of sampled pairs as CSV or HDF5."""

import csv
import math
from pathlib import Path

import h5py
import numpy as np

from swansong.binaries.background.population import Population, from_law, single
from swansong.binaries.background.settings import Background
from swansong.core.errors import DataError, FileError

NEEDED = ("mass_1", "mass_2", "redshift", "semi_major_axis", "eccentricity", "weight")
"""Columns that a table must have."""

OPTIONAL = ("hardening_rate", "eccentricity_rate")
"""Columns that are 0 where they are left out."""

_FIELDS = {"semi_major_axis": "axis", "weight": "density"}
_HDF5 = (".h5", ".hdf5", ".hdf")


def population_of(settings: Background) -> Population:
    """The population that the settings describe.

    Args:
        settings: The settings.

    Returns:
        The population.

    Raises:
        FileError: The table is missing or cannot be read.
        DataError: It holds what no population has.
    """
    chosen = settings.population
    if chosen.kind == "table":
        return read_population(chosen.table)
    if chosen.kind == "single":
        return single(chosen.single, settings.orbits, galaxies=settings.galaxies)
    return from_law(chosen.law, settings.orbits, galaxies=settings.galaxies)


def read_population(path: str | Path) -> Population:
    """Read sampled pairs.

    Args:
        path: A CSV file with a line of column names, where lines that begin with # are comments, or an HDF5 file
            with one dataset a column: mass_1 and mass_2 [solar masses], redshift, semi_major_axis [pc] and
            eccentricity at the beginning, weight, which is the mergers that the row stands for in a comoving volume
            [1/Mpc^3], and if stars harden the pair hardening_rate s [1/(pc Myr)] and eccentricity_rate K.

    Returns:
        The population.

    Raises:
        FileError: The file is missing or cannot be read.
        DataError: A column is unknown or missing, or a row holds what no bound pair has.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileError(f"the table `{path}` does not exist; give a CSV or HDF5 file of sampled pairs")
    columns = _from_hdf5(path) if path.suffix.lower() in _HDF5 else _from_csv(path)
    known = (*NEEDED, *OPTIONAL)
    for name in columns:
        if name not in known:
            raise DataError(f"the table `{path}` has an unknown column `{name}`; the known ones are {', '.join(known)}")
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise DataError(f"the table `{path}` lacks the column `{missing[0]}`; it needs {', '.join(NEEDED)}")
    lengths = {len(values) for values in columns.values()}
    if lengths == {0} or len(lengths) > 1:
        what = "holds no row" if lengths == {0} else "has columns of different lengths"
        raise DataError(f"the table `{path}` {what}; give one row for each pair")
    for name in OPTIONAL:
        columns.setdefault(name, np.zeros(lengths.copy().pop()))
    return Population(**{_FIELDS.get(name, name): values for name, values in columns.items()})


def _from_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Read one dataset a column."""
    try:
        with h5py.File(path) as file:
            found = {name: np.asarray(entry) for name, entry in file.items() if isinstance(entry, h5py.Dataset)}
    except OSError as error:
        raise FileError(f"the table `{path}` cannot be read as HDF5 ({error}); give a whole file") from error
    for name, values in found.items():
        if values.ndim != 1 or values.dtype.kind not in "fiu":
            raise DataError(f"the column `{name}` of `{path}` is no list of numbers; give one number for each pair")
    return {name: values.astype(float) for name, values in found.items()}


def _from_csv(path: Path) -> dict[str, np.ndarray]:
    """Read lines of numbers below a line of names."""
    try:
        text = path.read_text()
    except (UnicodeDecodeError, OSError) as error:
        raise FileError(f"the table `{path}` cannot be read as text ({error}); give a CSV file") from error
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise DataError(f"the table `{path}` is empty; give a line of column names and one for each pair")
    names = [name.strip() for name in next(csv.reader([lines[0][1]]))]
    if len(set(names)) < len(names):
        raise DataError(f"the table `{path}` names a column twice; give each name once")
    rows = np.empty((len(lines) - 1, len(names)))
    for row, (place, line) in enumerate(lines[1:]):
        cells = next(csv.reader([line]))
        if len(cells) != len(names):
            raise DataError(f"line {place} of `{path}` has {len(cells)} values for {len(names)} columns; mend it")
        for column, cell in enumerate(cells):
            rows[row, column] = _number(cell, name=names[column], place=place, path=path)
    return dict(zip(names, rows.T, strict=True))


def _number(cell: str, *, name: str, place: int, path: Path) -> float:
    """Read one cell."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"line {place} of `{path}` has {name} = '{cell.strip()}'; give a finite number")
    return value
