"""Products: HDF5 files of named arrays that know what they are and who made them.

A product is a flat collection of arrays named by slash-separated paths, with a kind, free
metadata, provenance and the sha256 of all of these (but not of the creation time). It
is refused when it is truncated, foreign or changed since it was written.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Shaped

from swansong.core.atomic import atomic, prepare_output, write_text
from swansong.core.errors import FileError, InputError, OutputError
from swansong.core.hashing import SHA256_ATTRIBUTE, canonical_json, content_sha256, file_sha256
from swansong.core.provenance import Provenance

__all__ = [
    "ArrayInfo",
    "Product",
    "ProductInfo",
    "atomic",
    "describe_product",
    "file_sha256",
    "prepare_output",
    "read_product",
    "write_product",
    "write_text",
]

COMPRESS_ABOVE = 64 * 1024
"""Arrays of more bytes than this are compressed [bytes]."""

_KIND = "swansong_kind"
_METADATA = "swansong_metadata"
_PROVENANCE = "swansong_provenance"
_MAX_COMPRESSION = 1100  # DEFLATE reaches 1032 at most
_DTYPE = "swansong_dtype"  # of unicode arrays, which HDF5 keeps as UTF-8 bytes


@dataclass(frozen=True)
class Product:
    """A product in memory.

    Attributes:
        kind: What it is, for example "posterior".
        arrays: Arrays by slash-separated path, little-endian.
        metadata: Nested JSON values.
        provenance: Who made it, from what.
        sha256: Fingerprint of all of the above but the creation time.
        path: Where it was read from.
    """

    kind: str
    arrays: dict[str, Shaped[np.ndarray, "..."]]
    metadata: dict[str, Any]
    provenance: Provenance
    sha256: str
    path: Path


@dataclass(frozen=True)
class ArrayInfo:
    """Name, type, shape and size [bytes, uncompressed] of one array of a product."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class ProductInfo:
    """What is in a product and who made it, without the numbers.

    Attributes:
        kind: What it is.
        path: Where it lies.
        size: Size of the file [bytes].
        sha256: Its verified fingerprint.
        arrays: Its arrays, sorted by name.
        metadata: Nested JSON values.
        provenance: Who made it, from what.
    """

    kind: str
    path: Path
    size: int
    sha256: str
    arrays: tuple[ArrayInfo, ...]
    metadata: dict[str, Any]
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as nested JSON values.

        Returns:
            One entry for each attribute.
        """
        return {**asdict(self), "path": str(self.path), "arrays": [asdict(array) for array in self.arrays]}


def _checked(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Check names and types, and make the arrays little-endian NumPy ones."""
    checked = {}
    for name, values in arrays.items():
        if not isinstance(name, str) or any(part in ("", ".", "..") or "\0" in part for part in name.split("/")):
            msg = f"`arrays` must be named by paths such as 'flow/bias', got {name!r}; use names between single slashes"
            raise InputError(msg)
        array = np.asarray(values)
        kind, width = array.dtype.kind, array.dtype.itemsize
        if kind not in "biufcUS" or (kind == "f" and width > 8) or (kind == "c" and width > 16):
            msg = f"`arrays[{name!r}]` has the type {array.dtype}, which cannot be stored; give numbers or texts"
            raise InputError(msg)
        checked[name] = array.astype(array.dtype.newbyteorder("<"), copy=False)
    for name in checked:
        parts = name.split("/")
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            if parent in checked:
                msg = f"`arrays` has both {parent!r} and {name!r}; a name cannot be array and folder at once"
                raise InputError(msg)
    return checked


def _fingerprint(kind: str, arrays: Mapping[str, np.ndarray], metadata: str, provenance: Mapping[str, Any]) -> str:
    lasting = {name: value for name, value in provenance.items() if name != "created"}
    texts = {"kind": kind, "metadata": metadata, "provenance": canonical_json(lasting)}
    return content_sha256(arrays, texts=texts)


def _write_array(file: h5py.File, name: str, array: np.ndarray) -> None:
    stored = array
    if array.dtype.kind == "U":
        stored = np.char.encode(array, "utf-8")
        stored = stored.astype(h5py.string_dtype("utf-8", max(stored.dtype.itemsize, 1)))
    filters = (
        {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        if array.nbytes > COMPRESS_ABOVE and array.ndim
        else {}
    )
    dataset = file.create_dataset(name, data=stored, **filters)
    if array.dtype.kind == "U":
        dataset.attrs[_DTYPE] = array.dtype.str


def _read_array(dataset: h5py.Dataset, *, file_size: int) -> np.ndarray:
    stored = dataset.id.get_storage_size()
    if stored > file_size or dataset.nbytes > stored * (_MAX_COMPRESSION if dataset.chunks else 1):
        # One damaged byte in a shape would else have HDF5 fill the memory.
        msg = f"{dataset.name} claims more bytes than the file holds"
        raise ValueError(msg)
    array = np.asarray(dataset[()])
    unicode = dataset.attrs.get(_DTYPE)
    if unicode is not None:
        return np.char.decode(array.astype("S"), "utf-8").astype(unicode)
    return array


def write_product(
    path: str | Path,
    *,
    kind: str,
    arrays: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
    provenance: Provenance,
    force: bool = False,
) -> str:
    """Write a product, atomically.

    Args:
        path: Where to write; missing folders are made.
        kind: What it is, for example "posterior".
        arrays: Arrays by slash-separated path: numbers, complex numbers, booleans or
            texts, of any shape. They are stored little-endian.
        metadata: Nested JSON values; NumPy numbers and paths are turned into plain ones.
        provenance: Who made it, from what.
        force: Replace an existing file.

    Returns:
        The sha256 of the content.

    Raises:
        InputError: A name, a type or a metadata value cannot be stored.
        OutputError: The file exists, the disk is full or the path cannot be written.
    """
    path = Path(path)
    checked = _checked(arrays)
    metadata_text = canonical_json(dict(metadata or {}))
    provenance_text = canonical_json(provenance.to_dict())
    # Read back from the text, so that what is hashed is what a reader will hash.
    sha256 = _fingerprint(kind, checked, metadata_text, json.loads(provenance_text))
    if path.exists() and not path.is_dir() and not force:
        msg = f"`{path}` already exists; give another path, or `force` to replace it"
        raise OutputError(msg)
    # HDF5 builds the file in memory: when the disk fills up under its hands, it can crash.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for name in sorted(checked):
            _write_array(file, name, checked[name])
        file.attrs[_KIND] = kind
        file.attrs[_METADATA] = metadata_text
        file.attrs[_PROVENANCE] = provenance_text
        file.attrs[SHA256_ATTRIBUTE] = sha256
    with atomic(path) as temporary:
        temporary.write_bytes(image.getbuffer())
    return sha256


def _open(path: Path) -> h5py.File:
    if path.is_dir():
        msg = f"`{path}` is a folder; give a file that swansong wrote"
        raise FileError(msg)
    if not path.exists():
        msg = f"`{path}` does not exist; check the path"
        raise FileError(msg)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
        known = h5py.is_hdf5(path)
    except OSError as error:
        msg = f"`{path}` cannot be read ({error.strerror or error}); give a readable file"
        raise FileError(msg) from error
    if empty or not known:
        what = "is empty" if empty else "is not an HDF5 file"
        msg = f"`{path}` {what}; give a file that swansong wrote"
        raise FileError(msg)
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        what = "is truncated" if "truncated" in str(error) else "is damaged"
        msg = f"`{path}` {what} and cannot be opened; make it again or copy it anew"
        raise FileError(msg) from error


def _load(file: h5py.File, path: Path) -> Product:
    attributes = file.attrs
    if _KIND not in attributes or SHA256_ATTRIBUTE not in attributes:
        msg = f"`{path}` is an HDF5 file but was not written by swansong; give a swansong product"
        raise FileError(msg)
    arrays: dict[str, np.ndarray] = {}
    size = path.stat().st_size

    def collect(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            arrays[name] = _read_array(node, file_size=size)

    file.visititems(collect)
    kind, metadata_text = str(attributes[_KIND]), str(attributes[_METADATA])
    record = json.loads(str(attributes[_PROVENANCE]))
    found = _fingerprint(kind, arrays, metadata_text, record)
    if found != attributes[SHA256_ATTRIBUTE]:
        msg = f"`{path}` does not match its own sha256, it was changed or damaged; make it again or copy it anew"
        raise FileError(msg)
    return Product(kind, arrays, json.loads(metadata_text), Provenance.from_dict(record), found, path)


def read_product(path: str | Path, *, kind: str | None = None) -> Product:
    """Read a product and verify its sha256.

    Args:
        path: The file.
        kind: What it must be; None accepts every kind.

    Returns:
        The product.

    Raises:
        FileError: The file is missing, truncated, foreign, changed since it was written
            or of another kind.
    """
    path = Path(path)
    try:
        with _open(path) as file:
            product = _load(file, path)
    except FileError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, MemoryError) as error:
        # What HDF5, NumPy and JSON say of damaged bytes has no common type.
        msg = f"`{path}` is damaged and cannot be read ({type(error).__name__}); make it again or copy it anew"
        raise FileError(msg) from error
    if kind is not None and product.kind != kind:
        msg = f"`{path}` holds a {product.kind!r}; give a file that holds a {kind!r}"
        raise FileError(msg)
    return product


def describe_product(path: str | Path) -> ProductInfo:
    """Tell what is in a product and who made it, after verifying its sha256.

    Args:
        path: The file.

    Returns:
        Its description.

    Raises:
        FileError: As for `read_product`.
    """
    product = read_product(path)
    arrays = tuple(
        ArrayInfo(name, str(array.dtype), array.shape, array.nbytes) for name, array in sorted(product.arrays.items())
    )
    return ProductInfo(
        kind=product.kind,
        path=product.path,
        size=product.path.stat().st_size,
        sha256=product.sha256,
        arrays=arrays,
        metadata=product.metadata,
        provenance=product.provenance,
    )
