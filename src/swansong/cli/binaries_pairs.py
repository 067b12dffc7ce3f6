"""Pairs of `swansong binaries merge`, from options or a table: read and checked without JAX and Numba."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from cyclopts import Parameter
from jaxtyping import Float, Int

from swansong.core.errors import DataError, InputError
from swansong.core.tables import Table, read_table

Law: TypeAlias = Literal["constant", "exponential", "floor", "scattering"]
"""Laws of the hardening rate."""

NEEDED: Mapping[Law, tuple[str, ...]] = {
    "constant": ("hardening_rate",),
    "exponential": ("hardening_rate", "time_scale"),
    "floor": ("hardening_rate", "time_scale", "floor"),
    "scattering": ("density", "dispersion"),
}
"""What a law needs beside orbit and masses."""

_ORBIT = ("semi_major_axis", "eccentricity", "mass_1", "mass_2")
_NOT_NEGATIVE = ("hardening_rate", "floor")
_SHOWN_EXAMPLE = "--semi-major-axis 0.0167 --eccentricity 0.5 --hardening-rate 5 --mass-1 0.005 --mass-2 0.005"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Orbit, masses and hardening of a pair; with a table they hold for the columns that it lacks.

    N-body units have G = 1; in physical units lengths are parsecs, masses solar masses and times megayears.
    """

    semi_major_axis: float | None = None
    """Semi-major axis at the start [pc]."""
    eccentricity: float | None = None
    """Eccentricity at the start, from 0 to below 1."""
    hardening_rate: float | None = None
    """Growth of 1/a by stars, s = d(1/a)/dt, at the start [1/(pc Myr)]."""
    eccentricity_rate: float | None = None
    """Growth of the eccentricity by stars, K = de/dln(1/a); 0 by default."""
    mass_1: float | None = None
    """Mass of one black hole [solar masses]."""
    mass_2: float | None = None
    """Mass of the other [solar masses]."""
    time_scale: float | None = None
    """Laws exponential and floor: time in which the hardening rate falls to 1/e, counted from the start [Myr]."""
    floor: float | None = None
    """Law floor: hardening rate in the end [1/(pc Myr)]."""
    density: float | None = None
    """Law scattering: density of stars at the radius of influence [solar masses / pc^3]."""
    dispersion: float | None = None
    """Law scattering: velocity dispersion in one dimension there [km/s]."""

    def given(self) -> dict[str, float]:
        """The options that were given, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs to evolve, one entry each; what the law does not use is NaN.

    Attributes:
        semi_major_axis: Semi-major axis at the start.
        eccentricity: Eccentricity there.
        mass_1: One black hole.
        mass_2: The other.
        hardening_rate: Hardening rate s at the start.
        eccentricity_rate: Eccentricity growth K.
        time_scale: Time scale of the hardening rate.
        floor: Its floor.
        density: Density of stars.
        dispersion: Velocity dispersion of stars.
        line: Line of each in the table, from one on.
    """

    semi_major_axis: Float[np.ndarray, "pairs"]
    eccentricity: Float[np.ndarray, "pairs"]
    mass_1: Float[np.ndarray, "pairs"]
    mass_2: Float[np.ndarray, "pairs"]
    hardening_rate: Float[np.ndarray, "pairs"]
    eccentricity_rate: Float[np.ndarray, "pairs"]
    time_scale: Float[np.ndarray, "pairs"]
    floor: Float[np.ndarray, "pairs"]
    density: Float[np.ndarray, "pairs"]
    dispersion: Float[np.ndarray, "pairs"]
    line: Int[np.ndarray, "pairs"]

    def __len__(self) -> int:
        return len(self.line)


def resolve(options: PairOptions, *, law: Law, table: Path | None = None) -> Pairs:
    """Put options and table together.

    Args:
        options: The options.
        law: Law of the hardening rate.
        table: CSV table with a line of column names, or HDF5 file of datasets, named as the options with underscores.

    Returns:
        The pairs.

    Raises:
        InputError: An option is missing, does not belong to the law or is out of range.
        FileError: The table cannot be read.
        DataError: A column of it is unknown or missing, or a value no number or out of range.
    """
    given = options.given()
    known = [field.name for field in fields(PairOptions)]
    read = Table({}, np.array([0])) if table is None else read_table(table, needed=(), optional=known, finite=False)
    columns, lines = read.columns, read.lines
    twice = [name for name in given if name in columns]
    if twice:
        raise InputError(f"`{_option(twice[0])}` was given, but the table has that column; drop one of the two")
    used = {*_ORBIT, *NEEDED[law], *(() if law == "scattering" else ("eccentricity_rate",))}
    for name in (*given, *columns):
        if name not in used:
            what = f"`{_option(name)}`" if name in given else f"the column `{name}` of the table `{table}`"
            raise InputError(
                f"{what} has no meaning for the law {law}, which takes {', '.join(map(_option, sorted(used)))}"
            )
    for name in (*_ORBIT, *NEEDED[law]):
        if name not in given and name not in columns:
            where = "" if table is None else f" or a column `{name}` in the table `{table}`"
            raise InputError(f"`{_option(name)}` is missing{where}; give for example {_SHOWN_EXAMPLE}")
    names = [field.name for field in fields(Pairs) if field.name != "line"]
    full = {name: columns.get(name, np.full(len(lines), given.get(name, math.nan))) for name in names}
    if law != "scattering" and "eccentricity_rate" not in {*given, *columns}:
        full["eccentricity_rate"] = np.zeros(len(lines))
    for name in sorted(used):
        _check(name, full[name], lines, table=table if name in columns else None)
    return Pairs(**full, line=lines)


def _check(name: str, values: np.ndarray, lines: np.ndarray, *, table: Path | None) -> None:
    """Refuse what no pair has, and say where."""
    good = np.isfinite(values)
    if name == "eccentricity":
        good &= (values >= 0.0) & (values < 1.0)
        wanted = "a number from 0 to below 1, a pair with more is not bound"
    elif name == "eccentricity_rate":
        wanted = "a finite number"
    elif name in _NOT_NEGATIVE:
        good &= values >= 0.0
        wanted = "a number that is not negative"
    else:
        good &= values > 0.0
        wanted = "a positive number"
    if np.all(good):
        return
    row = int(np.argmin(good))
    if table is None:
        raise InputError(f"`{_option(name)}` cannot be {values[row]:g}; give {wanted}")
    more = f" and {np.sum(~good) - 1} more lines" if np.sum(~good) > 1 else ""
    raise DataError(f"line {lines[row]}{more} of the table `{table}` has {name} = {values[row]:g}; give {wanted}")


def _option(name: str) -> str:
    """Name of the option."""
    return f"--{name.replace('_', '-')}"
