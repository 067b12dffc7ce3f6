"""Fingerprints: the sha256 of files, of arrays and of JSON-like values.

A swansong product carries the sha256 of its content, which leaves out the time of its
creation. `input_sha256` prefers that number, so that a result made from a remade but
equal product has the same fingerprint as before.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from swansong.core.errors import FileError, InputError

SHA256_ATTRIBUTE = "swansong_sha256"
"""Name of the HDF5 attribute in which a product keeps its own sha256."""


def _plain(value: Any) -> Any:
    """Turn NumPy scalars, arrays and paths into what JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    msg = f"`metadata` must hold JSON values only, got a {type(value).__name__}; give numbers, texts, lists or tables"
    raise InputError(msg)


def canonical_json(value: Any) -> str:
    """Write a value as JSON that is the same for equal values.

    Keys are sorted and there are no optional blanks; NumPy numbers and paths are turned
    into plain ones.

    Args:
        value: Nested mappings, lists, texts, numbers, booleans and None.

    Returns:
        The JSON text.

    Raises:
        InputError: A value has no JSON form.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain, ensure_ascii=False)
    except InputError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"`metadata` cannot be written as JSON ({error}); give nested tables with text keys"
        raise InputError(msg) from error


def file_sha256(path: str | Path) -> str:
    """Compute the sha256 of a file's bytes.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.

    Raises:
        FileError: The file is missing, is a folder or cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        msg = f"`{path}` does not exist; check the path"
        raise FileError(msg) from error
    except OSError as error:
        msg = f"`{path}` cannot be read ({error.strerror or error}); give a readable file"
        raise FileError(msg) from error


def input_sha256(path: str | Path) -> str:
    """Compute the fingerprint of an input: a product's own sha256, else that of the file's bytes.

    Args:
        path: A swansong product or any other file.

    Returns:
        64 hexadecimal digits.

    Raises:
        FileError: The file is missing, is a folder or cannot be read.
    """
    digest = file_sha256(path)
    try:
        with h5py.File(path, "r") as file:
            stored = file.attrs.get(SHA256_ATTRIBUTE)
    except (OSError, RuntimeError, KeyError):
        return digest
    return stored if isinstance(stored, str) else digest


def content_sha256(arrays: Mapping[str, np.ndarray], *, texts: Mapping[str, str]) -> str:
    """Compute the sha256 of named arrays and named texts.

    Each part is preceded by its name, type, shape and length, so that no two different
    contents run together to the same stream of bytes.

    Args:
        arrays: Arrays by name, any shapes, little-endian.
        texts: Texts by name.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(texts):
        content = texts[name].encode()
        digest.update(canonical_json(["text", name, len(content)]).encode())
        digest.update(content)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        # `shape` is taken before: ascontiguousarray turns a scalar into one of length 1.
        shape = list(np.shape(arrays[name]))
        digest.update(canonical_json(["array", name, array.dtype.str, shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
