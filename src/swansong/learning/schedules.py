"""The learning rate and the optimizer that a `TrainingPlan` asks for."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import optax
import paramax

from swansong.core.types import Array, Float, Int, PyTree
from swansong.learning.plan import TrainingPlan

# One-cycle policy: where the peak lies and how far below it the run starts and ends.
_ONE_CYCLE_PEAK, _ONE_CYCLE_START, _ONE_CYCLE_END = 0.3, 1 / 25, 1e-5


def learning_rate(plan: TrainingPlan, step: Int[Array, ""] | int) -> Float[Array, ""]:
    """Learning rate of a step, before any plateau decay.

    With `t` the step, `T` the last, `w` the warm-up and `u = (t - w) / (T - w)`:
    constant and plateau `1`; cosine `f + (1 - f) (1 + cos(pi u)) / 2` with `f` the final
    fraction; exponential `d^((t - w) / decay_every)`; steps `d^(number of decay_at <= t)`;
    all times the peak. The one-cycle policy rises by a cosine from 1/25 of the peak over
    the first 30 % of the run and falls by a cosine to 1e-5 of the peak.

    Args:
        plan: The plan.
        step: Step, from 0; may be traced.

    Returns:
        The learning rate, float32.

    Reference:
        Smith and Topin, arXiv:1708.07120 (one cycle); Loshchilov and Hutter,
        arXiv:1608.03983, Eq. (5) (cosine).
    """
    step = jnp.asarray(step)
    t = step.astype(jnp.float32)
    past = jnp.maximum(t - plan.warmup_steps, 0.0)
    share = jnp.clip(past / (plan.steps - plan.warmup_steps), 0.0, 1.0)
    if plan.schedule == "one_cycle":
        share = jnp.clip(t / plan.steps, 0.0, 1.0)
        rise = _cosine(_ONE_CYCLE_START, 1.0, share / _ONE_CYCLE_PEAK)
        fall = _cosine(1.0, _ONE_CYCLE_END, (share - _ONE_CYCLE_PEAK) / (1.0 - _ONE_CYCLE_PEAK))
        return jnp.float32(plan.learning_rate) * jnp.where(share < _ONE_CYCLE_PEAK, rise, fall)
    if plan.schedule == "cosine":
        factor = _cosine(1.0, plan.final_fraction, share)
    elif plan.schedule == "exponential":
        factor = jnp.exp(past * jnp.float32(math.log(plan.decay_factor) / plan.decay_every))
    elif plan.schedule == "steps":
        decays = jnp.sum(step >= jnp.asarray(plan.decay_at))
        factor = jnp.float32(plan.decay_factor) ** decays.astype(jnp.float32)
    else:
        factor = jnp.float32(1.0)
    # The first step already moves: it takes 1/w of the peak, not 0.
    warm = jnp.minimum((t + 1.0) / plan.warmup_steps, 1.0) if plan.warmup_steps else jnp.float32(1.0)
    return jnp.float32(plan.learning_rate) * warm * factor


def optimizer(plan: TrainingPlan) -> optax.GradientTransformation:
    """The optimizer without its learning rate, which the training loop multiplies in.

    Weight decay acts on arrays named `weight` with two or more axes: not on biases, nor
    on the gains of normalisations.

    Args:
        plan: The plan.

    Returns:
        An optax transformation whose updates point uphill in loss.
    """
    parts = []
    if plan.clip_norm is not None:
        parts.append(optax.clip_by_global_norm(plan.clip_norm))
    decay = optax.add_decayed_weights(plan.weight_decay, mask=decay_mask) if plan.weight_decay else None
    if decay is not None and plan.optimizer == "adam":
        parts.append(decay)
    parts.append(optax.scale_by_adam())
    if decay is not None and plan.optimizer == "adamw":
        parts.append(decay)
    return optax.chain(*parts)


def decay_mask(tree: PyTree) -> PyTree:
    """Mark the leaves that weight decay acts on.

    Args:
        tree: Trainable arrays of a model.

    Returns:
        The same tree with a bool at every leaf.
    """

    def decays(path: tuple[object, ...], leaf: Array) -> bool:
        return getattr(path[-1], "name", "") == "weight" and leaf.ndim >= 2 if path else False

    return jax.tree_util.tree_map_with_path(decays, tree)


def is_frozen(node: object) -> bool:
    """Whether a node of a model is kept out of training by `paramax.NonTrainable`.

    Args:
        node: Any node of a tree.

    Returns:
        True for a subtree that must not be trained.
    """
    return isinstance(node, paramax.NonTrainable)


@dataclasses.dataclass(frozen=True)
class Plateau:
    """Memory of validation losses: the best, and how long ago it was.

    Attributes:
        best: Smallest validation loss so far.
        best_step: Its step; 0 before the first.
        stale: Validations since the best, for early stopping.
        waited: Validations since the best or the last decay, for the schedule.
        scale: Factor on the learning rate.
    """

    best: float = math.inf
    best_step: int = 0
    stale: int = 0
    waited: int = 0
    scale: float = 1.0

    def update(self, plan: TrainingPlan, *, loss: float, step: int) -> "Plateau":
        """Take in one validation loss.

        Args:
            plan: The plan, for patience and decay.
            loss: Validation loss.
            step: Step at which it was computed.

        Returns:
            The new memory. Losses before `plan.best_after` change nothing.
        """
        if step < plan.best_after:
            return self
        if loss < self.best:
            return dataclasses.replace(self, best=loss, best_step=step, stale=0, waited=0)
        new = dataclasses.replace(self, stale=self.stale + 1, waited=self.waited + 1)
        if plan.schedule == "plateau" and new.waited >= plan.plateau_patience:
            scale = max(new.scale * plan.decay_factor, plan.final_fraction)
            return dataclasses.replace(new, waited=0, scale=scale)
        return new


def _cosine(start: float, end: float, share: Float[Array, ""]) -> Float[Array, ""]:
    """Half a cosine wave from `start` at share 0 to `end` at share 1."""
    return end + (start - end) * 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(share, 0.0, 1.0)))
