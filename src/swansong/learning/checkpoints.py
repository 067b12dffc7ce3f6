"""Networks as product files: every array under its path in the tree.

A file holds arrays only. Loading fills a skeleton that the caller builds, so no code is
ever read from a file; names, shapes and dtypes must agree with it exactly.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import FileError
from swansong.core.files import Product, read_product, write_product
from swansong.core.provenance import Provenance
from swansong.core.types import PyTree

T = TypeVar("T")


def named_arrays(tree: PyTree) -> dict[str, np.ndarray]:
    """Every array of a tree by its path, such as `layers/0/weight`.

    Args:
        tree: Any tree; leaves that are not arrays are left out.

    Returns:
        NumPy copies by slash path.
    """
    return {name: np.asarray(leaf) for name, leaf in _named_leaves(tree) if eqx.is_array(leaf)}


def fill_skeleton(skeleton: T, arrays: Mapping[str, np.ndarray], *, source: str | Path) -> T:
    """Replace every array of a skeleton by the array of the same path.

    Args:
        skeleton: Tree with concrete arrays of the right shapes and dtypes.
        arrays: Arrays by slash path.
        source: Where the arrays come from, for error messages.

    Returns:
        The filled tree.

    Raises:
        FileError: If a name is missing or left over, or a shape or dtype differs.
    """
    left = set(arrays)
    leaves = []
    for name, leaf in _named_leaves(skeleton):
        if not eqx.is_array(leaf):
            leaves.append(leaf)
            continue
        if name not in arrays:
            raise FileError(f"{source} lacks the array `{name}`; load it into the network it was written from")
        found = arrays[name]
        if found.shape != leaf.shape or found.dtype != leaf.dtype:
            raise FileError(
                f"Array `{name}` in {source} must be {leaf.dtype}{list(leaf.shape)}, got "
                f"{found.dtype}{list(found.shape)}; load it into a network of the same size"
            )
        left.discard(name)
        leaves.append(jnp.array(found) if isinstance(leaf, jax.Array) else np.array(found))
    if left:
        raise FileError(
            f"{source} holds {len(left)} arrays that the network lacks, the first `{min(left)}`; "
            "load it into the network it was written from"
        )
    return jax.tree.unflatten(jax.tree.structure(skeleton), leaves)


def save_module(
    path: str | Path,
    module: PyTree,
    *,
    kind: str = "weights",
    metadata: Mapping[str, object] | None = None,
    provenance: Provenance,
    force: bool = False,
) -> str:
    """Write the arrays of a module.

    Args:
        path: File to write.
        module: Any tree.
        kind: Kind of product.
        metadata: What else the reader must know, JSON-able.
        provenance: Who made it.
        force: Whether an old file may be replaced.

    Returns:
        The sha256 of the product.

    Raises:
        OutputError: If the file cannot be written.
    """
    return write_product(
        Path(path),
        kind=kind,
        arrays=named_arrays(module),
        metadata=dict(metadata or {}),
        provenance=provenance,
        force=force,
    )


def load_module(
    path: str | Path, skeleton: T, *, kind: str = "weights", prefix: str = "", expected_sha256: str | None = None
) -> T:
    """Read the arrays of a module back into a skeleton.

    Args:
        path: File to read.
        skeleton: The module, built with its real constructor (a shape-only skeleton will not do).
        kind: Kind of product that the file must hold.
        prefix: Only arrays below this path are read, such as `model/` in the weights of a training run.
        expected_sha256: Hash that the product must have, if it is known.

    Returns:
        The skeleton with the stored arrays.

    Raises:
        FileError: If the file is missing, damaged, of another kind, of another hash, or
            does not fit the skeleton.
    """
    product = read_product(Path(path), kind=kind)
    check_sha256(product, expected_sha256)
    return fill_skeleton(skeleton, below(product.arrays, prefix), source=path)


def check_sha256(product: Product, expected: str | None) -> None:
    """Refuse a product whose hash is not the expected one.

    Args:
        product: A product that was read.
        expected: The hash it must have, or None to accept any.

    Raises:
        FileError: If the hashes differ.
    """
    if expected is not None and product.sha256 != expected:
        raise FileError(
            f"{product.path} must have sha256 {expected[:12]}..., got {product.sha256[:12]}...; "
            "restore the original file"
        )


def below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose path starts with a prefix, without it.

    Args:
        arrays: Arrays by slash path.
        prefix: Start of the path, with its slash.

    Returns:
        The selected arrays by the rest of their path.
    """
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _named_leaves(tree: PyTree) -> list[tuple[str, Any]]:
    """Leaves with slash paths; a leaf that is the whole tree is called `value`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(jax.tree_util.keystr(path, simple=True, separator="/") or "value", leaf) for path, leaf in leaves]
