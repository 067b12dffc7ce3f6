"""What a verb tells: a headline, a table, facts, warnings and files, for humans and as one JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from swansong.cli.output import Screen


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
