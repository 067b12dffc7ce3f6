"""Where batches come from: fresh draws of a simulator, or stored arrays."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DataError
from swansong.core.types import Key, PyTree


@runtime_checkable
class Source(Protocol):
    """Anything that turns a key into a batch.

    `batch` must be pure and compilable. A source that carries large arrays must be an
    `eqx.Module`: the training loop then passes them to compiled code as arguments.
    """

    def batch(self, key: Key, batch_size: int) -> PyTree:
        """Draw a batch.

        Args:
            key: Random key; the same key gives the same batch.
            batch_size: Number of examples, the leading axis of every array.

        Returns:
            A tree of arrays.
        """
        ...


class DataSet(eqx.Module):
    """Stored examples, drawn uniformly with replacement.

    Every batch is a set of independent random rows that depends on its key alone. There
    are no epochs: nothing beyond the step has to be remembered to resume a run.

    Attributes:
        arrays: Tree of arrays that share their leading axis.
        size: Number of examples.
    """

    arrays: PyTree
    size: int = eqx.field(static=True)

    def __init__(self, arrays: PyTree) -> None:
        """Build the data set.

        Args:
            arrays: Tree of arrays, shape (examples, ...) each.

        Raises:
            DataError: If there is no example or the leading axes differ.
        """
        lengths = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(arrays)}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(
                f"`DataSet(arrays)` must have one common, positive length, got {sorted(lengths)}; "
                "give arrays whose first axis counts the examples"
            )
        self.arrays = jax.tree.map(jnp.asarray, arrays)
        self.size = lengths.pop()

    def batch(self, key: Key, batch_size: int) -> PyTree:
        """Draw random rows, with replacement.

        Args:
            key: Random key.
            batch_size: Number of rows.

        Returns:
            The arrays' tree, shape (batch_size, ...) each.
        """
        rows = jax.random.randint(key, (batch_size,), 0, self.size)
        return jax.tree.map(lambda leaf: leaf[rows], self.arrays)

    def split(self, fraction: float, *, key: Key) -> tuple["DataSet", "DataSet"]:
        """Split at random into two data sets.

        Args:
            fraction: Share of the examples in the second one, such as the validation set.
            key: Random key.

        Returns:
            The larger remainder and the split-off part.

        Raises:
            DataError: If either part would be empty.
        """
        count = round(fraction * self.size)
        if not 0 < count < self.size:
            raise DataError(
                f"`split(fraction)` must leave examples on both sides, got {fraction} of {self.size}; "
                "give a fraction between 0 and 1"
            )
        order = jax.random.permutation(key, self.size)
        first, second = order[count:], order[:count]
        return (
            DataSet(jax.tree.map(lambda leaf: leaf[first], self.arrays)),
            DataSet(jax.tree.map(lambda leaf: leaf[second], self.arrays)),
        )

    def batches(self, batch_size: int) -> PyTree:
        """Cut into consecutive batches, for a validation that sees every example once.

        Args:
            batch_size: Number of examples in a batch; examples left over at the end are dropped.

        Returns:
            The arrays' tree, shape (batches, batch_size, ...) each.

        Raises:
            DataError: If the data set does not fill one batch.
        """
        count = self.size // batch_size
        if count == 0:
            raise DataError(
                f"`batches(batch_size)` must not exceed the {self.size} examples, got {batch_size}; give a smaller one"
            )
        return jax.tree.map(
            lambda leaf: leaf[: count * batch_size].reshape(count, batch_size, *leaf.shape[1:]), self.arrays
        )
