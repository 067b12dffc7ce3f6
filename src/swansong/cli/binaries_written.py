"""What the verbs of `swansong binaries` leave behind and tell: a product, its JSON object, figures and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from swansong.cli.output import Screen, plain
from swansong.core.files import write_product, write_text
from swansong.core.hashing import canonical_json
from swansong.core.provenance import Provenance
from swansong.figures import save_figure

SYSTEM = "binaries"


@dataclass(frozen=True)
class Told:
    """What a verb has done, with or without files.

    Attributes:
        headline: What was done.
        facts: Facts by name, as `--json` prints them.
        told: Facts by name, as a human reads them.
        folder: The run folder, None where nothing was written.
        files: Files by name.
        warnings: Sentences that limit the result.
        columns: Headings of a table with their side, for a human.
        rows: Its rows.
    """

    headline: str
    facts: Mapping[str, Any]
    told: Mapping[str, str]
    folder: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[tuple[str, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "system": SYSTEM,
            **self.facts,
            "warnings": list(self.warnings),
            "files": {name: str(path) for name, path in self.files.items()},
        }

    def show(self, screen: Screen) -> None:
        """Write headline, table, facts, warnings and files."""
        screen.line(f"Binaries: {self.headline}", style="bold")
        if self.rows:
            screen.table(self.columns, self.rows)
        screen.facts(self.told)
        screen.warnings(self.warnings)
        if self.folder is not None:
            screen.files(self.folder, self.files)


def write_run(
    name: str,
    kind: str,
    facts: Mapping[str, Any],
    *,
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    columns: Mapping[str, np.ndarray],
    comments: tuple[str, ...],
    figures: Mapping[str, Figure],
    provenance: Provenance,
    force: bool,
    passing: tuple[str, ...] = ("seconds",),
) -> dict[str, Path]:
    """Write a result as product, JSON object, CSV table and figures.

    Args:
        name: Stem of the files.
        kind: Kind of the product.
        facts: Its `--json` object.
        folder: Where to write; it exists.
        arrays: Arrays of the product.
        columns: Columns of the CSV table, of one length; NaN becomes an empty cell.
        comments: Lines above it.
        figures: Figures by name.
        provenance: Who made it, from what.
        force: Replace existing files.
        passing: Facts that change from run to run, such as times, and would change the sha256.

    Returns:
        File by name.

    Raises:
        OutputError: A file exists or cannot be written.
    """
    told = plain(facts)
    files = {name: folder / f"{name}.h5", "json": folder / f"{name}.json", "csv": folder / f"{name}.csv"}
    write_product(
        files[name],
        kind=kind,
        arrays=arrays,
        metadata={"result": {key: value for key, value in told.items() if key not in passing}},
        provenance=provenance,
        force=force,
    )
    write_text(files["json"], canonical_json(told) + "\n")
    write_table(files["csv"], columns, comments=comments)
    for stem, figure in figures.items():
        files[stem] = folder / f"{stem}.png"
        save_figure(figure, files[stem])
    return files


def write_table(path: Path, columns: Mapping[str, np.ndarray], *, comments: tuple[str, ...] = ()) -> None:
    """Write columns as CSV.

    Args:
        path: Where to write.
        columns: Columns of one length by name; NaN becomes an empty cell.
        comments: Lines above them.

    Raises:
        OutputError: The file cannot be written.
    """
    lines = [*(f"# {text}" for text in comments), ",".join(columns)]
    lines += [",".join(map(_cell, row)) for row in zip(*(np.asarray(part) for part in columns.values()), strict=True)]
    write_text(path, "\n".join(lines) + "\n")


def _cell(value: Any) -> str:
    """A number or a text in a table."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)
