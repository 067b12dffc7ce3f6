"""Where results go and how they are shown: output folders, JSON objects and tables."""

import itertools
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from swansong.cli.options import ShowOptions
from swansong.core.errors import OutputError
from swansong.core.files import write_text

RUNS = Path("runs")
"""Folder below which results go unless `--out` says otherwise."""


def choose_folder(out: Path | None, *, default: str, force: bool = False, resume: str | None = None) -> Path:
    """Choose the output folder and make sure that it can be written, without making it.

    Args:
        out: The folder that the user gave; None takes `runs/DEFAULT`, or `runs/DEFAULT-2`
            and so on where that already holds results.
        default: Name of the default folder.
        force: Accept a folder that holds results.
        resume: A file that makes a folder acceptable although it holds results.

    Returns:
        The folder.

    Raises:
        OutputError: The folder is a file, holds results or cannot be written.
    """
    if out is None:
        names = (default if count == 1 else f"{default}-{count}" for count in itertools.count(1))
        folder = next(RUNS / name for name in names if force or _is_free(RUNS / name, resume=resume))
    else:
        folder = out.expanduser()
    _check_writable(folder)
    if not force and not _is_free(folder, resume=resume):
        msg = f"`{folder}` already holds results; give another folder, or `--force` to write over them"
        raise OutputError(msg)
    return folder


def _is_free(folder: Path, *, resume: str | None) -> bool:
    if not folder.is_dir():
        return not folder.exists()
    if resume is not None and (folder / resume).is_file():
        return True
    return all(entry.name.startswith(".") for entry in folder.iterdir())


def _check_writable(folder: Path) -> None:
    """Try to write in the nearest folder that exists: permission bits do not tell all."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            what = "is a file" if existing == folder else f"cannot be made, `{existing}` is a file"
            msg = f"`{folder}` {what}; give a folder for the results"
            raise OutputError(msg)
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        msg = f"`{folder}` cannot be written ({error.strerror or error}); give a folder that you may write to"
        raise OutputError(msg) from error


def check_file(path: Path, *, force: bool) -> None:
    """Refuse to write over a file.

    Raises:
        OutputError: It exists, and force was not given.
    """
    if path.exists() and not force:
        msg = f"`{path}` already exists; give another name with `--out`, or `--force` to write over it"
        raise OutputError(msg)


def write_beginning(text: str, *, name: str, out: Path | None, force: bool, use: str) -> None:
    """Write a file to start from, and say what to do with it.

    Args:
        text: Its content.
        name: What it was copied from, the default name.
        out: The file, `-` for stdout; NAME.toml in this folder if None.
        force: Write over an existing file.
        use: The command that takes it, with FILE where the file goes.

    Raises:
        OutputError: It exists, and force was not given.
    """
    if str(out) == "-":
        sys.stdout.write(text)
        return
    path = Path(f"{name}.toml") if out is None else out.expanduser()
    check_file(path, force=force)
    write_text(path, text)
    Screen().line(f"written to {path}; edit it, then: {use.replace('FILE', str(path))}")


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows, numbers that are not finite into None."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout."""
    sys.stdout.write(json.dumps(plain(value), allow_nan=False, ensure_ascii=False) + "\n")


def number(value: float | None, *, digits: int = 4) -> str:
    """Write a number for the eye."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}g}"


class _Console(Console):
    """A console that leaves a reader who left early to `main`; rich itself would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Human-readable output on stdout."""

    def __init__(self) -> None:
        self._console = _Console(file=sys.stdout, highlight=False, markup=False, emoji=False)

    def line(self, text: str = "", *, style: str | None = None) -> None:
        """Write a line; it is never broken."""
        self._console.print(text, style=style, soft_wrap=True)

    def text(self, text: str) -> None:
        """Write a paragraph, broken at the width of the terminal."""
        self._console.print(text)

    def warnings(self, warnings: Sequence[str]) -> None:
        """Write warnings, one a line."""
        for warning in warnings:
            self.line(f"warning: {warning}", style="yellow")

    def table(self, columns: Mapping[str, str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table.

        Args:
            columns: "left" or "right" by heading.
            rows: Rows of cells.
        """
        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for heading, side in columns.items():
            table.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Write named facts in two columns."""
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            self.line(f"{name:<{width}}  {value}")

    def files(self, folder: Path, files: Mapping[str, Path | str]) -> None:
        """Name the files written, by what they are."""
        names = ", ".join(str(Path(path).relative_to(folder)) for path in files.values())
        self.line(f"written to {folder}: {names}")


class Result(Protocol):
    """What a verb has done."""

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        ...

    def show(self, screen: Screen) -> None:
        """Tell it to a human."""
        ...


def present(result: Result, options: ShowOptions) -> None:
    """Show a result in the way that the user asked for.

    Args:
        result: What was done.
        options: JSON, silence or text.
    """
    if options.json:
        write_json(result.to_json())
    elif not options.quiet:
        result.show(Screen())
