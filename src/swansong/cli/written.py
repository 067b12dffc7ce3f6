"""What a run is told of where it stands, and what it leaves there: products, pages and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from swansong.cli.output import Screen
from swansong.cli.told import write_facts
from swansong.core.hashing import canonical_json, content_sha256
from swansong.core.provenance import Provenance
from swansong.report import read_run


class Where(TypedDict):
    """Keywords that every run takes.

    Attributes:
        seed: Seed of all random numbers.
        folder: Where to write.
        force: Write into a folder that holds results.
        quiet: Show no progress bar.
        command: The command line, for the provenance.
    """

    seed: int
    folder: Path
    force: bool
    quiet: bool
    command: str


@dataclass(frozen=True)
class Written:
    """A run told in one line, with named facts and files.

    Attributes:
        system: The system.
        headline: What was done.
        facts: Facts by name, as `--json` prints them.
        told: Facts by name, as a human reads them.
        folder: The run folder.
        files: Files by name.
        warnings: Sentences that limit the result.
    """

    system: str
    headline: str
    facts: Mapping[str, Any]
    told: Mapping[str, str]
    folder: Path
    files: Mapping[str, Path]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "system": self.system,
            **self.facts,
            "warnings": list(self.warnings),
            "files": {name: str(path) for name, path in self.files.items()},
        }

    def show(self, screen: Screen) -> None:
        """Write headline, facts, warnings and files."""
        screen.line(f"{self.system.capitalize()}: {self.headline}", style="bold")
        screen.facts(self.told)
        screen.warnings(self.warnings)
        screen.files(self.folder, self.files)


def chunk_folder(folder: Path, provenance: Provenance) -> Path:
    """Folder of finished chunks: hidden, and named by all that they depend on.

    What another run left behind is therefore never taken up.
    """
    record = [provenance.configuration, provenance.seed, provenance.inputs, provenance.versions]
    return folder / f".chunks-{content_sha256({}, texts={'run': canonical_json(record)})[:12]}"


def write_result(
    kind: str,
    facts: Mapping[str, Any],
    *,
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
    passing: tuple[str, ...],
    provenance: Provenance,
    force: bool,
) -> dict[str, Path]:
    """Write a result as product, JSON, figures and page.

    Args:
        kind: Kind of the product, and the stem of the files.
        facts: Its `--json` object.
        folder: Where to write.
        arrays: Arrays of the product.
        metadata: What the product says beside `result`.
        passing: Facts that change from run to run, such as times, and would change the
            sha256 of the product.
        provenance: Who made it, from what.
        force: Replace existing files.

    Returns:
        File by name.

    Raises:
        OutputError: A file exists or cannot be written.
    """
    files = write_facts(
        kind, kind, facts, folder=folder, arrays=arrays, metadata=metadata, provenance=provenance, force=force,
        passing=passing,
    )  # fmt: skip
    return {**files, **read_run(folder).write(folder)}
