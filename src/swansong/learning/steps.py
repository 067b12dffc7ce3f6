"""The compiled part of training: many optimizer steps in one call.

The step count of a call is a traced number of a `while_loop`. One compiled function thus
serves calls of any length, and where a run is cut into calls cannot change its bits.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Float, Int, Key, PyTree
from swansong.learning.batches import Source
from swansong.learning.plan import FREE_ON_RESUME, TrainingPlan
from swansong.learning.schedules import is_frozen, learning_rate, optimizer

# Streams of random numbers that must not meet.
_TRAINING, _VALIDATION = 0, 1


class Loss(Protocol):
    """What the training loop minimises."""

    def __call__(
        self, model: Any, state: Any, batch: Any, *, key: Key, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[Any, dict[str, Float[Array, ""]]]]:
        """Loss of one batch.

        Args:
            model: The model.
            state: Its `eqx.nn.State` or None.
            batch: One batch of the source.
            key: Key of this step.
            step: Step, from 0, for losses that change during the run.

        Returns:
            The scalar loss, and the new state with a dictionary of scalar metrics.
        """
        ...


class Carry(eqx.Module):
    """All arrays that one step hands to the next.

    Attributes:
        params: Trainable arrays of the model.
        moments: State of the optimizer.
        average: Moving average of `params`, or None.
        state: Arrays of the `eqx.nn.State`.
        step: Steps done.
        tally: Sums of loss and metrics since the last entry of the history.
        tallied: Steps in those sums.
    """

    params: PyTree
    moments: PyTree
    average: PyTree
    state: list[Array]
    step: Int[Array, ""]
    tally: dict[str, Float[Array, ""]]
    tallied: Int[Array, ""]


class Engine(eqx.Module):
    """Steps and validation of one run, compiled.

    Attributes:
        frozen: The model without its trainable arrays.
        source: Training batches.
        validation: Validation source, fixed batches or None.
        loss: The loss.
        plan: The plan.
        key: Key of the run.
        state_tree: Structure of the `eqx.nn.State`.
    """

    frozen: PyTree
    source: Source
    validation: PyTree
    loss: Callable[..., Any]
    key: Key
    plan: TrainingPlan = eqx.field(static=True)
    state_tree: Any = eqx.field(static=True)

    @classmethod
    def build(
        cls,
        model: PyTree,
        state: PyTree,
        *,
        loss: Loss,
        source: Source,
        validation: Source | PyTree | None,
        plan: TrainingPlan,
        seed: int,
    ) -> "Engine":
        """Split the model and take everything that stays the same during the run.

        Args:
            model: The model.
            state: Its `eqx.nn.State` or None.
            loss: The loss.
            source: Training batches.
            validation: Validation source, fixed batches or None.
            plan: The plan.
            seed: Seed of the run.

        Returns:
            The engine.

        Raises:
            ConfigError: If the model has nothing to train.
        """
        params, frozen = eqx.partition(model, eqx.is_inexact_array, is_leaf=is_frozen)
        if not jax.tree.leaves(params):
            raise ConfigError("`train(model)` must hold floating-point arrays, got none; give a network to train")
        # How a run is cut into pieces must not reach the compiled code, not even as a constant.
        unset = {name: TrainingPlan.model_fields[name].default for name in FREE_ON_RESUME}
        return cls(
            frozen=frozen,
            source=source,
            validation=validation,
            loss=loss,
            key=jax.random.key(seed),
            plan=plan.model_copy(update=unset),
            state_tree=jax.tree.structure(state),
        )

    @property
    def validates(self) -> bool:
        """Whether there is anything to validate on."""
        return self.validation is not None

    def initial(self, model: PyTree, state: PyTree) -> Carry:
        """The carry before the first step; copies, because steps consume their carry.

        Args:
            model: The model.
            state: Its `eqx.nn.State` or None.

        Returns:
            The carry.
        """
        params = copy_arrays(eqx.partition(model, eqx.is_inexact_array, is_leaf=is_frozen)[0])
        leaves = copy_arrays(jax.tree.leaves(state))
        names = eqx.filter_eval_shape(_metric_names, self, params, leaves)
        return Carry(
            params=params,
            moments=optimizer(self.plan).init(params),
            average=copy_arrays(params) if self.plan.ema is not None else None,
            state=leaves,
            step=jnp.zeros((), jnp.int64),
            tally={name: jnp.zeros((), jnp.float64) for name in ["loss", *sorted(names)]},
            tallied=jnp.zeros((), jnp.int64),
        )

    def advance(self, carry: Carry, *, count: int, scale: float) -> tuple[Carry, bool]:
        """Do some steps, or fewer if loss or gradient stops being finite.

        Args:
            carry: The carry, consumed by the call.
            count: Steps to do.
            scale: Factor of the plateau schedule on the learning rate.

        Returns:
            The new carry, and whether the step after `carry.step` failed.
        """
        carry, failed = _advance((self, jnp.asarray(count), jnp.asarray(scale, jnp.float32)), carry)
        return carry, bool(failed)

    def close_interval(self, carry: Carry) -> tuple[Carry, dict[str, float]]:
        """Means of loss and metrics since the last call, and a carry with empty sums.

        Args:
            carry: The carry.

        Returns:
            The carry and the means by name.
        """
        count = int(carry.tallied)
        means = {name: float(total) / count for name, total in carry.tally.items()}
        empty = (jax.tree.map(jnp.zeros_like, carry.tally), jnp.zeros_like(carry.tallied))
        return eqx.tree_at(lambda c: (c.tally, c.tallied), carry, empty), means

    def validate(self, carry: Carry) -> tuple[float, dict[str, float]]:
        """Mean validation loss and metrics, on the same batches with the same keys every time.

        Args:
            carry: The carry.

        Returns:
            Loss (NaN without validation) and metrics.
        """
        if not self.validates:
            return float("nan"), {}
        values, metrics = _validate(self, self.kept(carry), carry.step)
        return float(np.mean(values)), {name: float(np.mean(series)) for name, series in metrics.items()}

    def kept(self, carry: Carry) -> tuple[PyTree, list[Array]]:
        """The weights that are validated and kept: averaged ones if there are any.

        Args:
            carry: The carry.

        Returns:
            Trainable arrays and state arrays.
        """
        return (carry.params if carry.average is None else carry.average), carry.state

    def assemble(self, kept: tuple[PyTree, list[Array]]) -> tuple[PyTree, PyTree]:
        """Model and state from their arrays.

        Args:
            kept: Trainable arrays and state arrays.

        Returns:
            Model and `eqx.nn.State` (or None).
        """
        params, leaves = kept
        return eqx.combine(params, self.frozen, is_leaf=_is_hole), jax.tree.unflatten(self.state_tree, leaves)


def copy_arrays(tree: PyTree) -> PyTree:
    """Copy every array of a tree.

    The copies have no weak types: arrays read from a file have none either, and compiled
    code that differs in them may round differently.

    Args:
        tree: Any tree.

    Returns:
        A tree that shares no memory with the old one.
    """
    return jax.tree.map(lambda leaf: jnp.array(leaf, leaf.dtype, copy=True) if eqx.is_array(leaf) else leaf, tree)


@eqx.filter_jit(donate="all-except-first")
def _advance(fixed: tuple[Engine, Array, Array], carry: Carry) -> tuple[Carry, Array]:
    """Run up to `count` steps, stopping before the first that is not finite."""
    engine, count, scale = fixed
    end = carry.step + count

    def going(loop: tuple[Carry, Array]) -> Array:
        return (loop[0].step < end) & ~loop[1]

    def once(loop: tuple[Carry, Array]) -> tuple[Carry, Array]:
        new, finite = _step(engine, loop[0], scale)
        # A step that failed leaves no trace, so that the last good state can be kept.
        return jax.tree.map(functools.partial(jnp.where, finite), new, loop[0]), ~finite

    return jax.lax.while_loop(going, once, (carry, jnp.asarray(False)))


def _step(engine: Engine, carry: Carry, scale: Array) -> tuple[Carry, Array]:
    """One step of the optimizer, and whether all of it was finite."""
    plan = engine.plan
    key = jax.random.fold_in(jax.random.fold_in(engine.key, _TRAINING), carry.step)
    batch_key, loss_key = jax.random.split(key)
    batch = engine.source.batch(batch_key, plan.batch_size)

    def objective(params: PyTree) -> tuple[Array, tuple[list[Array], dict[str, Array]]]:
        model, state = engine.assemble((params, carry.state))
        value, (state, metrics) = engine.loss(model, state, batch, key=loss_key, step=carry.step)
        return value, (jax.tree.leaves(state), metrics)

    (value, (state, metrics)), slope = jax.value_and_grad(objective, has_aux=True)(carry.params)
    finite = jnp.isfinite(value) & jnp.isfinite(optax.tree.norm(slope))
    updates, moments = optimizer(plan).update(slope, carry.moments, carry.params)
    rate = learning_rate(plan, carry.step) * scale
    params = jax.tree.map(lambda p, u: p - rate.astype(p.dtype) * u, carry.params, updates)
    average = carry.average
    if plan.ema is not None:
        # Early weights are far from the last ones: average over a growing window first.
        decay = jnp.minimum(plan.ema, (1.0 + carry.step) / (10.0 + carry.step))
        average = jax.tree.map(lambda a, p: a + (1.0 - decay).astype(p.dtype) * (p - a), average, params)
    sums = {name: carry.tally[name] + term for name, term in {"loss": value, **metrics}.items()}
    return Carry(params, moments, average, state, carry.step + 1, sums, carry.tallied + 1), finite


@eqx.filter_jit
def _validate(engine: Engine, kept: tuple[PyTree, list[Array]], step: Array) -> tuple[Array, dict[str, Array]]:
    """Loss and metrics of every validation batch."""
    keys = jax.random.fold_in(engine.key, _VALIDATION)
    draws = isinstance(engine.validation, Source)
    count = engine.plan.validation_batches if draws else len(jax.tree.leaves(engine.validation)[0])

    def one(index: Array) -> tuple[Array, dict[str, Array]]:
        batch_key, loss_key = jax.random.split(jax.random.fold_in(keys, index))
        if draws:
            batch = engine.validation.batch(batch_key, engine.plan.batch_size)
        else:
            batch = jax.tree.map(lambda leaf: leaf[index], engine.validation)
        model, state = engine.assemble(kept)
        value, (_, metrics) = engine.loss(eqx.nn.inference_mode(model), state, batch, key=loss_key, step=step)
        return value, metrics

    return jax.lax.map(one, jnp.arange(count))


def _metric_names(engine: Engine, params: PyTree, leaves: list[Array]) -> dict[str, Array]:
    """The metrics of one training loss, for their names."""
    model, state = engine.assemble((params, leaves))
    batch = engine.source.batch(engine.key, engine.plan.batch_size)
    return engine.loss(model, state, batch, key=engine.key, step=jnp.zeros((), jnp.int64))[1][1]


def _is_hole(node: object) -> bool:
    """Trainable trees hold None where the frozen tree holds the node."""
    return node is None
