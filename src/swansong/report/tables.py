"""Tables of a report: a heading, column names and rows of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swansong.core.errors import InputError
from swansong.inference.parameters import Parameter
from swansong.inference.posterior import Posterior
from swansong.report.units import plain_unit


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: Heading above it.
        columns: Column names.
        rows: Rows of as many cells; texts are shown as they are, floats with five digits.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                msg = f"`Table({self.title!r})` has a row of {len(row)} cells; give {len(self.columns)} in every row"
                raise InputError(msg)


def posterior_table(posterior: Posterior, *, title: str = "Parameters") -> Table:
    """Tabulate the median and central 90 % interval of every parameter, and the truth if known.

    The truth of a periodic parameter is given on the turn nearest to the median.

    Args:
        posterior: The posterior.
        title: Heading of the table.

    Returns:
        One row for each parameter.
    """
    summary = posterior.summary()
    truth = None if posterior.truth is None else posterior.truth.tolist()
    rows = []
    for place, (name, interval) in enumerate(summary.items()):
        row: tuple[Any, ...] = (name, interval.median, interval.lower, interval.upper, plain_unit(interval.unit))
        if truth is not None:
            row = (*row, near_turn(truth[place], interval.median, posterior.parameters[name]))
        rows.append(row)
    columns = ("parameter", "median", "5 %", "95 %", "unit")
    return Table(title, columns if truth is None else (*columns, "truth"), tuple(rows))


def near_turn(value: float, median: float, parameter: Parameter) -> float:
    """Shift a value of a periodic parameter by whole periods to lie nearest to a median.

    Args:
        value: The value, in the units of the parameter.
        median: What it is compared with.
        parameter: The parameter; the value of one that is not periodic stays as it is.

    Returns:
        The same place on the circle.
    """
    if not parameter.periodic:
        return value
    period = parameter.maximum - parameter.minimum
    return value - period * round((value - median) / period)


def facts_table(facts: Mapping[str, Any], *, title: str = "Summary") -> Table:
    """Tabulate named facts, nested ones under dotted names.

    Args:
        facts: Facts by name, such as a `--json` object.
        title: Heading of the table.

    Returns:
        One row for each fact.
    """
    rows: list[tuple[Any, ...]] = []

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                add(f"{prefix}.{name}" if prefix else str(name), inner)
        else:
            rows.append((prefix, ", ".join(map(str, value)) if isinstance(value, list | tuple) else value))

    add("", facts)
    return Table(title, ("quantity", "value"), tuple(rows))
