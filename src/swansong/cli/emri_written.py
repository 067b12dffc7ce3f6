"""What the verbs of `swansong emri` leave behind: a product, its JSON object, figures and a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from swansong.cli import told
from swansong.core.provenance import Provenance
from swansong.report.inspirals import read_inspiral

SYSTEM = "emri"


class Told(told.Told):
    """What a verb of `swansong emri` has done, with or without files."""

    system, label = SYSTEM, "EMRI"


def write_run(
    name: str,
    kind: str,
    facts: Mapping[str, Any],
    *,
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    provenance: Provenance,
    force: bool,
    passing: tuple[str, ...] = ("seconds",),
) -> dict[str, Path]:
    """Write a result as product, JSON, figures and page.

    Args:
        name: Stem of the files.
        kind: Kind of the product.
        facts: Its `--json` object.
        folder: Where to write; it exists.
        arrays: Arrays of the product.
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
    return {**files, **read_inspiral(files[name]).write(folder)}
