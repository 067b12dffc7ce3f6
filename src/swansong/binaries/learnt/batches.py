"""Batches of curves for the members of an ensemble."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from swansong.core.types import Array, Int, Key


class Batch(NamedTuple):
    """Curves for each member of an ensemble.

    Attributes:
        start: Both numbers of the state at the beginning.
        elapsed: Time since the curve's own beginning at which it is taken up.
        condition: e_gal and N.
        target: The state at the saved times after that.
        weight: 1 where the curve is compared, else 0.
    """

    start: Float[Array, "*lead members batch 2"]
    elapsed: Float[Array, "*lead members batch"]
    condition: Float[Array, "*lead members batch 2"]
    target: Float[Array, "*lead members batch saves 2"]
    weight: Float[Array, "*lead members batch saves"]


class MemberBatches(eqx.Module):
    """Random curves, for each member from its own bootstrap sample of the mergers.

    A share of the curves is taken up at a random time in their first half, from the state there: so the equation
    learns from every part of a curve as a beginning.

    Attributes:
        times: Equal times since the beginning.
        values: States at these times.
        condition: e_gal and N.
        weight: 1 where a curve is compared, else 0.
        rows: Mergers of each member's sample.
        shifted: Share of the curves that is taken up later.
    """

    times: Float[Array, "saves"]
    values: Float[Array, "mergers saves 2"]
    condition: Float[Array, "mergers 2"]
    weight: Float[Array, "mergers saves"]
    rows: Int[Array, "members sample"]
    shifted: float = eqx.field(static=True)

    @classmethod
    def build(
        cls,
        times: Float[np.ndarray, "saves"],
        values: Float[np.ndarray, "mergers saves 2"],
        *,
        condition: Float[np.ndarray, "mergers 2"],
        known: Bool[np.ndarray, "mergers saves"],
        share: float,
        members: int,
        shifted: float,
        seed: int,
    ) -> "MemberBatches":
        """Draw the bootstrap samples.

        Args:
            times: Equal times since the beginning.
            values: States at these times.
            condition: e_gal and N.
            known: Where each curve is known.
            share: First share of each curve that is compared.
            members: Members of the ensemble.
            shifted: Share of the curves that is taken up later.
            seed: Seed of the samples.

        Returns:
            The batches.
        """
        rows = samples(len(values), members=members, seed=seed)
        return cls(
            jnp.asarray(times),
            jnp.asarray(values),
            jnp.asarray(condition, jnp.float64),
            jnp.asarray(compared(known, share)),
            jnp.asarray(rows),
            shifted,
        )

    def batch(self, key: Key, batch_size: int) -> Batch:
        """Draw a batch for each member.

        Args:
            key: Random key.
            batch_size: Curves a member.

        Returns:
            The batch.
        """
        row_key, late_key, place_key = jax.random.split(key, 3)
        members, sample = self.rows.shape
        shape, saves = (members, batch_size), len(self.times)
        drawn = jax.random.randint(row_key, shape, 0, sample)
        row = jnp.take_along_axis(self.rows, drawn, axis=1)
        late = jax.random.bernoulli(late_key, self.shifted, shape)
        place = jnp.where(late, jax.random.randint(place_key, shape, 0, saves // 2), 0)
        index = place[..., None] + jnp.arange(saves)
        within = index < saves
        index = jnp.minimum(index, saves - 1)
        target = self.values[row[..., None], index]
        return Batch(
            start=target[..., 0, :],
            elapsed=self.times[place],
            condition=self.condition[row],
            target=target,
            weight=self.weight[row[..., None], index] * within,
        )


def samples(count: int, *, members: int, seed: int) -> Int[np.ndarray, "members count"]:
    """Bootstrap sample of the mergers of each member; a single member sees every merger once.

    Args:
        count: Mergers that are learnt.
        members: Members of the ensemble.
        seed: Seed.

    Returns:
        Rows of the mergers.
    """
    rng = np.random.default_rng([seed, 13])
    return np.arange(count)[None] if members == 1 else rng.integers(0, count, (members, count))


def compared(known: Bool[np.ndarray, "mergers saves"], share: float) -> Float[np.ndarray, "mergers saves"]:
    """Weights of the first share of each curve.

    Args:
        known: Where each curve is known, from its beginning on.
        share: The share.

    Returns:
        1 where it is compared, at least the first two times, else 0.
    """
    last = np.maximum(np.round(share * (known.sum(axis=1) - 1)), 1)
    return (known & (np.arange(known.shape[1]) <= last[:, None])).astype(float)


def validation_batch(
    values: Float[np.ndarray, "mergers saves 2"],
    *,
    condition: Float[np.ndarray, "mergers 2"],
    known: Bool[np.ndarray, "mergers saves"],
    share: float,
    members: int,
) -> Batch:
    """All curves from their beginning, the same for every member, as one fixed batch.

    Args:
        values: States at the saved times.
        condition: e_gal and N.
        known: Where each curve is known.
        share: First share of each curve that is compared.
        members: Members of the ensemble.

    Returns:
        The batch, with a leading axis of one.
    """

    def spread(array: np.ndarray) -> Array:
        return jnp.asarray(np.broadcast_to(array, (1, members, *array.shape)), jnp.float64)

    return Batch(
        start=spread(values[:, 0]),
        elapsed=spread(np.zeros(len(values))),
        condition=spread(condition),
        target=spread(values),
        weight=spread(compared(known, share)),
    )
