"""What the verbs of `swansong binaries` leave behind and tell: a product, its JSON object, figures and words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from swansong.cli import told
from swansong.core.files import write_text
from swansong.core.provenance import Provenance
from swansong.figures import save_figure
from swansong.report.pairs import read_pairs

SYSTEM = "binaries"


class Told(told.Told):
    """What a verb of `swansong binaries` has done, with or without files."""

    system, label = SYSTEM, "Binaries"


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
    """Write a result as product, JSON object, CSV table, figures and page.

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
    files = told.write_facts(
        name, kind, facts, folder=folder, arrays=arrays, provenance=provenance, force=force, passing=passing
    )
    files["csv"] = folder / f"{name}.csv"
    write_table(files["csv"], columns, comments=comments)
    for stem, figure in figures.items():
        files[stem] = folder / f"{stem}.png"
        save_figure(figure, files[stem])
    return {**files, **read_pairs(files[name]).write(folder)}


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
