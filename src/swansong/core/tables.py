"""Tables that users bring: named columns of numbers as CSV or HDF5, and one sentence for what is wrong with them."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int

from swansong.core.errors import DataError, FileError

_HDF5 = (".h5", ".hdf5", ".hdf")


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of one length.

    Attributes:
        columns: Columns by name.
        lines: Line of the file that each row stands in, of HDF5 the row, from 1.
    """

    columns: dict[str, Float[np.ndarray, "rows"]]
    lines: Int[np.ndarray, "rows"]

    def __len__(self) -> int:
        return len(self.lines)


def read_table(
    path: str | Path,
    *,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    called: str = "table",
    row: str = "pair",
    finite: bool = True,
) -> Table:
    """Read named columns of numbers.

    Args:
        path: A CSV file with a line of column names, where lines that begin with # are comments, or an HDF5 file with
            one dataset a column.
        needed: Columns that must be there.
        optional: Columns that may be there.
        called: What errors call the table.
        row: What they call that which a row stands for.
        finite: Whether every value must be finite; otherwise an empty cell is NaN, and it is for the caller to say
            where NaN and infinity may stand.

    Returns:
        The columns.

    Raises:
        FileError: The file is missing or cannot be read.
        DataError: A column is unknown, missing or there twice, a value is no number, or there is no row.
    """
    path = Path(path).expanduser()
    name = f"the {called} `{path}`"
    if not path.is_file():
        raise FileError(f"{name} does not exist; give a CSV or HDF5 file of {row}s")
    binary = path.suffix.lower() in _HDF5 or h5py.is_hdf5(path)
    table = _datasets(path, name=name, row=row) if binary else _lines(path, name=name, row=row, gaps=not finite)
    known = (*needed, *optional)
    for column in table.columns:
        if column not in known:
            raise DataError(f"{name} has an unknown column `{column}`; the known ones are {', '.join(known)}")
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise DataError(f"{name} lacks the column `{missing[0]}`; it needs {', '.join(needed)}")
    if not len(table):
        raise DataError(f"{name} holds no {row}; give a line of column names and one for each {row}")
    if finite:
        _check_finite(table, name=name, place="row" if binary else "line")
    return table


def _datasets(path: Path, *, name: str, row: str) -> Table:
    """Read one dataset a column; groups are left aside."""
    try:
        with h5py.File(path, "r") as file:
            found = {column: np.asarray(node) for column, node in file.items() if isinstance(node, h5py.Dataset)}
    except OSError as error:
        raise FileError(f"{name} cannot be read as HDF5 ({error}); give a whole file") from error
    for column, values in found.items():
        if values.ndim != 1 or values.dtype.kind not in "fiu":
            raise DataError(f"the column `{column}` of {name} is no list of numbers; give one number for each {row}")
    lengths = {column: len(values) for column, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{column} {length}" for column, length in lengths.items())
        raise DataError(f"the columns of {name} differ in length ({told}); give one number for each {row}")
    rows = max(lengths.values(), default=0)
    return Table({column: values.astype(float) for column, values in found.items()}, np.arange(1, rows + 1))


def _lines(path: Path, *, name: str, row: str, gaps: bool) -> Table:
    """Read lines of numbers below a line of names."""
    try:
        text = path.read_text()
    except (UnicodeDecodeError, OSError) as error:
        raise FileError(f"{name} cannot be read as text ({error}); give a CSV or HDF5 file") from error
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise DataError(f"{name} is empty and holds no {row}; give a line of column names and one for each {row}")
    names = [cell.strip() for cell in _cells(*lines[0], name=name)]
    if len(set(names)) < len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise DataError(f"{name} names the column `{twice}` twice; give each name once")
    rows = np.empty((len(lines) - 1, len(names)))
    for at, (place, line) in enumerate(lines[1:]):
        cells = _cells(place, line, name=name)
        if len(cells) != len(names):
            raise DataError(f"line {place} of {name} has {len(cells)} values for {len(names)} columns; mend it")
        for column, cell in enumerate(cells):
            try:
                rows[at, column] = math.nan if gaps and not cell.strip() else float(cell)
            except ValueError as error:
                said = f"line {place} of {name} has {names[column]} = '{cell.strip()}'; give a number"
                raise DataError(said) from error
    return Table(dict(zip(names, rows.T, strict=True)), np.array([place for place, _ in lines[1:]], int))


def _cells(place: int, line: str, *, name: str) -> list[str]:
    """Cells of one line, each line on its own: an open quote must not swallow the rest of the file."""
    try:
        return next(csv.reader([line]))
    except csv.Error as error:
        raise DataError(f"line {place} of {name} cannot be read ({error}); mend it") from error


def _check_finite(table: Table, *, name: str, place: str) -> None:
    """Refuse NaN and infinity, and say where."""
    for column, values in table.columns.items():
        good = np.isfinite(values)
        if not np.all(good):
            at = int(np.argmin(good))
            told = f"{place} {table.lines[at]} of {name} has {column} = {values[at]:g}"
            raise DataError(f"{told}; give a finite number")
