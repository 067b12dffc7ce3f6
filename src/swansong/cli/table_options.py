"""Options of commands whose answer fits on the screen, and which write files only when asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from swansong.cli.options import RunOptions
from swansong.cli.output import choose_folder


@Parameter(name="*")
@dataclass(frozen=True)
class TableOptions(RunOptions):
    """Options of commands that need no folder."""

    out: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder for the results; nothing is written without it."""

    def folder(self) -> Path | None:
        """The folder, None where nothing is to be written.

        Raises:
            OutputError: It is a file, holds results or cannot be written.
        """
        return None if self.out is None else choose_folder(self.out, default="table", force=self.force)
