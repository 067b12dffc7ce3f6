"""Batches of a few sizes, so that compiled functions are compiled a few times and not once for every length."""

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np

Answer = TypeVar("Answer")


def in_padded_batches(function: Callable[..., Answer], *columns: np.ndarray, largest: int = 512) -> Answer:
    """Call a function of equally long arrays on batches whose length is a power of two.

    Args:
        function: Compiled function of arrays with a leading axis of rows; answers a tree of arrays with that axis.
        columns: Arrays of the same length.
        largest: Longest batch, a power of two.

    Returns:
        Its answers as numpy arrays, batches joined, without the rows that were filled up with the last one.
    """
    count = len(columns[0])
    if count == 0:
        return jax.device_get(function(*columns))
    parts = []
    for first in range(0, count, largest):
        rows = np.arange(first, min(first + largest, count))
        padded = np.minimum(first + np.arange(1 << (len(rows) - 1).bit_length()), count - 1)
        found = jax.device_get(function(*(np.asarray(column)[padded] for column in columns)))
        parts.append(jax.tree.map(lambda value, size=len(rows): value[:size], found))
    return jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts) if len(parts) > 1 else parts[0]
