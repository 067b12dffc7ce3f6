"""Tables of a report: a heading, column names and rows of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swansong.core.errors import InputError
from swansong.inference.posterior import Posterior


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
        row = (name, interval.median, interval.lower, interval.upper, interval.unit)
        rows.append(row if truth is None else (*row, truth[place]))
    columns = ("parameter", "median", "5 %", "95 %", "unit")
    return Table(title, columns if truth is None else (*columns, "truth"), tuple(rows))


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
