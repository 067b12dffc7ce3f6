"""Maps over independent items, in chunks that survive an interruption.

A data set, an injection campaign and a grid are all the same: many items, a function,
results to be joined in order. Chunks are the unit of everything: of work, of randomness,
of what is kept on disk and of what is lost when a worker dies.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Shaped

from swansong.core.errors import FileError, InputError, RunError, SwansongError
from swansong.core.files import Product, read_product, write_product
from swansong.core.provenance import collect
from swansong.core.types import Array, Key
from swansong.inference.priors import Prior
from swansong.inference.workers import run_local, run_scheduled, usable_processors

KIND = "chunk"
DATA_SET = "data_set"

Arrays = dict[str, Shaped[np.ndarray, "items ..."]]


@dataclass(frozen=True)
class Chunk:
    """One piece of work, complete in itself, so that any process can do it.

    Attributes:
        index: Position among the chunks.
        function: What to apply.
        items: The items of this chunk.
        seed: Seed of the whole map, or None for a function without randomness.
        path: Where to keep the result, or None to hand it back.
        fingerprint: What the result depends on; a kept result with another one is foreign.
    """

    index: int
    function: Callable[..., Any]
    items: Any
    seed: int | None
    path: Path | None
    fingerprint: str


def map_tasks(
    function: Callable[..., Any],
    items: Sequence[Any] | np.ndarray,
    *,
    store: str | Path | None = None,
    workers: int | None = None,
    chunk: int = 64,
    seed: int | None = None,
    scheduler: str | None = None,
    identity: str = "",
    description: str = "",
    quiet: bool = False,
) -> Arrays:
    """Apply a function to many items, chunk by chunk, and join the results in order.

    The result does not depend on the number of workers. With a `store`, finished chunks
    are kept there: a second call reads them, redoes damaged ones and computes the rest.

    Args:
        function: Takes a chunk of items, and with a `seed` also a JAX random key of its
            own, and returns arrays by name with one row for each item. Other processes
            must be able to import it, so it may not be a lambda.
        items: What to map over: a sequence, or an array along its first axis.
        store: Folder for finished chunks.
        workers: Number of processes; 0 or 1 computes in this one, None takes one for
            each processor.
        chunk: Number of items in a chunk.
        seed: Seed; the key of chunk i is ``fold_in(key(seed), i)``.
        scheduler: Address of a Dask scheduler that computes instead of local processes.
        identity: Text that stands for all else that the result depends on, such as a
            configuration; kept chunks of another identity are refused.
        description: What the progress bar says.
        quiet: Show no progress bar.

    Returns:
        Arrays by name; the first axis is that of the items.

    Raises:
        InputError: If there are no items, the function cannot be sent to another process,
            its results have the wrong shape, or the store holds another run.
        RunError: If a chunk fails, or kills its worker twice.
    """
    if len(items) == 0 or chunk < 1:
        raise InputError(f"`map_tasks` got {len(items)} items in chunks of {chunk}; give at least one of each")
    tasks = _chunks(function, items, store=store, chunk=chunk, seed=seed, identity=identity)
    results = {task.index: arrays for task in tasks if (arrays := _kept(task)) is not None}
    missing = [task for task in tasks if task.index not in results]
    shown = {"description": description, "quiet": quiet}
    if scheduler is not None:
        computed = run_scheduled(run_chunk, missing, address=scheduler, **shown)
    else:
        count = usable_processors() if workers is None else workers
        computed = run_local(run_chunk, missing, workers=min(count, len(missing)), **shown)
    for task, arrays in computed:
        # A worker with a path to write to hands nothing back.
        found = _kept(task) if arrays is None else arrays
        if found is None:
            raise RunError(f"the finished chunk {task.path} cannot be read back; check the disk and run again")
        results[task.index] = found
    ordered = [results[task.index] for task in tasks]
    if any(arrays.keys() != ordered[0].keys() for arrays in ordered):
        raise InputError(
            "the function of `map_tasks` returns other names for other chunks; return the same arrays always"
        )
    return {name: np.concatenate([arrays[name] for arrays in ordered]) for name in ordered[0]}


def draw_dataset(
    prior: Prior,
    simulator: Callable[[Array, Key], dict[str, Any]],
    *,
    n: int,
    seed: int,
    path: str | Path,
    chunk: int = 1024,
    workers: int = 1,
    store: str | Path | None = None,
    scheduler: str | None = None,
    configuration: dict[str, Any] | None = None,
    force: bool = False,
    quiet: bool = False,
) -> Product:
    """Draw parameters from a prior, simulate each and write the data set.

    The same seed and chunk give the same data set, whatever the number of workers.

    Args:
        prior: Where parameters are drawn from.
        simulator: Maps parameters ``(m, parameters)`` and a key to arrays by name with m
            rows each. It may not use the name ``parameters``.
        n: Number of simulations.
        seed: Seed of parameters and noise.
        path: Where to write the product of kind ``"data_set"``.
        chunk: Simulations in a chunk.
        workers: Number of processes. One is right for compiled simulators, which use all
            processors by themselves.
        store: Folder for finished chunks, to resume from.
        scheduler: Address of a Dask scheduler.
        configuration: JSON-able settings of the simulator, kept in the provenance.
        force: Replace an existing file.
        quiet: Show no progress bar.

    Returns:
        The product: array ``parameters`` and those of the simulator; its metadata holds
        the records of the parameters under ``parameters``.

    Raises:
        InputError: If n is not positive, or as for `map_tasks`.
        OutputError: If the file exists or cannot be written.
        RunError: If a chunk fails.
    """
    if n < 1:
        raise InputError(f"`draw_dataset(n=...)` must be positive, got {n}; give the number of simulations")
    identity = json.dumps([eqx.tree_pformat(prior, short_arrays=False), configuration], sort_keys=True, default=str)
    arrays = map_tasks(
        partial(_simulate, prior, simulator),
        range(n),
        store=store,
        workers=workers,
        chunk=chunk,
        seed=seed,
        scheduler=scheduler,
        identity=identity,
        description="simulating",
        quiet=quiet,
    )
    write_product(
        path,
        kind=DATA_SET,
        arrays=arrays,
        metadata={"parameters": prior.parameters.to_list(), "chunk": chunk},
        provenance=collect(configuration=configuration, seed=seed),
        force=force,
    )
    return read_product(path, kind=DATA_SET)


def run_chunk(task: Chunk) -> Arrays | None:
    """Compute one chunk; called in whatever process does the work.

    Args:
        task: The chunk.

    Returns:
        Arrays by name, or None if they were written to the path of the chunk.

    Raises:
        InputError: If the function does not return one row for each item.
        RunError: If the function fails.
    """
    keys = () if task.seed is None else (jax.random.fold_in(jax.random.key(task.seed), task.index),)
    try:
        returned = task.function(task.items, *keys)
    except SwansongError:
        raise
    except Exception as error:
        raise RunError(f"chunk {task.index} failed with {type(error).__name__}: {error}") from error
    arrays = {name: np.asarray(values) for name, values in returned.items()}
    for name, values in arrays.items():
        if values.ndim == 0 or len(values) != len(task.items):
            raise InputError(
                f"the function returned {name!r} of shape {values.shape} for {len(task.items)} items; "
                "return one row for each item"
            )
    if task.path is None:
        return arrays
    metadata = {"index": task.index, "fingerprint": task.fingerprint}
    write_product(
        task.path, kind=KIND, arrays=arrays, metadata=metadata, provenance=collect(seed=task.seed), force=True
    )
    return None


def _simulate(prior: Prior, simulator: Callable[..., Any], items: range, key: Key) -> dict[str, Any]:
    """Draw and simulate one chunk; at module level, so that other processes can import it."""
    prior_key, noise_key = jax.random.split(key)
    theta = prior.sample(prior_key, len(items))
    arrays = simulator(theta, noise_key)
    if "parameters" in arrays:
        raise InputError("the simulator returns an array named 'parameters', which the prior's draws take; rename it")
    return {"parameters": theta, **arrays}


def _chunks(
    function: Callable[..., Any],
    items: Sequence[Any] | np.ndarray,
    *,
    store: str | Path | None,
    chunk: int,
    seed: int | None,
    identity: str,
) -> list[Chunk]:
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    tasks = []
    for index, start in enumerate(range(0, len(items), chunk)):
        piece = items[start : start + chunk]
        record = json.dumps([name, seed, index, identity, _describe(piece)])
        fingerprint = hashlib.sha256(record.encode()).hexdigest()
        path = None if store is None else Path(store) / f"chunk-{index:06d}.h5"
        tasks.append(Chunk(index, function, piece, seed, path, fingerprint))
    return tasks


def _describe(piece: Any) -> str:
    """Say what the items are, in words that are the same in every process."""
    if isinstance(piece, (np.ndarray, jax.Array)):
        array = np.ascontiguousarray(piece)
        return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
    # Items that print as an address in memory say no more than their number.
    texts = [repr(item) for item in piece]
    return str(len(texts)) if any(" at 0x" in text for text in texts) else "\n".join(texts)


def _kept(task: Chunk) -> Arrays | None:
    """Read a chunk that is already there; a damaged one is as good as none."""
    if task.path is None or not task.path.exists():
        return None
    try:
        product = read_product(task.path, kind=KIND)
    except FileError:
        return None
    if product.metadata.get("fingerprint") != task.fingerprint:
        raise InputError(
            f"{task.path} belongs to another run (function, items, seed or settings differ); give an empty store"
        )
    return product.arrays


__all__ = ["Chunk", "draw_dataset", "map_tasks", "run_chunk"]
