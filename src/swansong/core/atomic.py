"""Writing without ever leaving half a file, and output folders without surprises.

A file is written beside its final place, forced to the disk and renamed, so whoever
reads it sees the old content or the new one. Failures that the user can mend (a full
disk, a folder that cannot be written) become an `OutputError` of one sentence.
"""

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swansong.core.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT}


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk (or the user's quota) is full.

    HDF5 reports it in its message only, without `errno`.

    Args:
        error: Any error.

    Returns:
        True for a full disk or an exhausted quota.
    """
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    text = str(error)
    return isinstance(error, OSError | RuntimeError) and any(os.strerror(code) in text for code in _FULL)


def _full(path: Path) -> OutputError:
    return OutputError(f"No space is left on the disk for `{path}`; free some space or write elsewhere")


def _unwritable(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"`{path}` cannot be written ({reason}); give a path in a folder that you may write to")


def _sync(path: Path) -> None:
    """Force a file, or the entries of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    The body writes to the path it is given, a hidden file in the same folder with the
    same suffix. When the body ends, that file is forced to the disk and renamed to
    `path`; when it fails or is interrupted, the file is removed and `path` stays as it
    was. Missing folders are made.

    Args:
        path: Where the file shall be in the end.

    Yields:
        The temporary path to write to.

    Raises:
        OutputError: The disk is full, `path` is a folder, or its folder cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        msg = f"`{path}` is a folder; give the name of a file"
        raise OutputError(msg)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made here, so that a folder that cannot be written is told from an error in the body.
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise (_full(path) if is_disk_full(error) else _unwritable(path, error)) from error
    try:
        yield temporary
        try:
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise (_full(path) if is_disk_full(error) else _unwritable(path, error)) from error
    except (OSError, RuntimeError) as error:
        if is_disk_full(error):
            raise _full(path) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically.

    Args:
        path: Where to write; an existing file is replaced.
        text: The content; line ends are kept as they are.

    Raises:
        OutputError: The disk is full, or the path cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_bytes(text.encode())


def prepare_output(folder: str | Path, *, force: bool = False) -> Path:
    """Make sure that an output folder exists, is empty and can be written.

    Hidden entries do not count as content. With `force` the content stays: files of the
    new run replace those of the same name, which lets an interrupted run go on.

    Args:
        folder: The folder; it and its parents are made.
        force: Accept a folder that already holds results.

    Returns:
        The folder.

    Raises:
        OutputError: The folder is a file, holds results or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        msg = f"`{folder}` is a file; give a folder for the results"
        raise OutputError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holds = any(not entry.name.startswith(".") for entry in folder.iterdir())
        # Permission bits do not tell about read-only file systems; trying does.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise (_full(folder) if is_disk_full(error) else _unwritable(folder, error)) from error
    if holds and not force:
        msg = f"`{folder}` already holds results; give another folder, or `--force` to write over them"
        raise OutputError(msg)
    return folder
