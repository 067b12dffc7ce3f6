"""What a verb tells: a headline, a table, facts, warnings and files, for humans and as one JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from swansong.cli.output import Screen, plain
from swansong.core.files import write_product, write_text
from swansong.core.hashing import canonical_json
from swansong.core.provenance import Provenance


@dataclass(frozen=True)
class Told:
    """What a verb has done, with or without files; each system names itself in a subclass.

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

    system: ClassVar[str]
    label: ClassVar[str]

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
            "system": self.system,
            **self.facts,
            "warnings": list(self.warnings),
            "files": {name: str(path) for name, path in self.files.items()},
        }

    def show(self, screen: Screen) -> None:
        """Write headline, table, facts, warnings and files."""
        screen.line(f"{self.label}: {self.headline}", style="bold")
        if self.rows:
            screen.table(self.columns, self.rows)
        screen.facts(self.told)
        screen.warnings(self.warnings)
        if self.folder is not None:
            screen.files(self.folder, self.files)


def write_facts(
    name: str,
    kind: str,
    facts: Mapping[str, Any],
    *,
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    provenance: Provenance,
    force: bool,
    passing: tuple[str, ...],
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write a result as product and JSON object.

    Args:
        name: Stem of the product, and its name among the files.
        kind: Kind of the product.
        facts: Its `--json` object.
        folder: Where to write; it exists.
        arrays: Arrays of the product.
        provenance: Who made it, from what.
        force: Replace existing files.
        passing: Facts that change from run to run, such as times, and would change the sha256.
        metadata: What the product says beside `result`.

    Returns:
        File by name.

    Raises:
        OutputError: A file exists or cannot be written.
    """
    said = plain(facts)
    files = {name: folder / f"{name}.h5", "json": folder / f"{name}.json"}
    write_product(
        files[name],
        kind=kind,
        arrays=arrays,
        metadata={**(metadata or {}), "result": {key: value for key, value in said.items() if key not in passing}},
        provenance=provenance,
        force=force,
    )
    write_text(files["json"], canonical_json(said) + "\n")
    return files
