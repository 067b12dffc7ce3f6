"""Feed-forward and recurrent networks on windows, trained by the package's one loop."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.binaries.forecasting.protocol import Forecast
from swansong.binaries.forecasting.regression import Inputs, Problem, Steps
from swansong.core.types import Array, Float, Int, Key
from swansong.learning.batches import DataSet
from swansong.learning.networks import MLP
from swansong.learning.plan import TrainingPlan
from swansong.learning.training import train

_VALIDATED = 0.2  # last share of the windows, which chooses the step that is kept


class Dense(eqx.Module):
    """A dense network on a flattened window.

    Attributes:
        network: The network.
    """

    network: MLP

    def __init__(self, window: int, *, width: int, depth: int, key: Key) -> None:
        """Draw the weights; the first forecast is the mean step.

        Args:
            window: Snapshots of a window.
            width: Width of the hidden layers.
            depth: Number of them.
            key: Random key.
        """
        self.network = MLP(2 * window, 2, width=width, depth=depth, activation="silu", zero_last=True, key=key)

    def __call__(self, window: Float[Array, "window 2"]) -> Float[Array, "2"]:
        """Scaled step after a window."""
        return self.network(window.reshape(-1))


class Recurrent(eqx.Module):
    """A long short-term memory that reads a window, and a linear map of what it remembers.

    Attributes:
        cell: The memory.
        last: The linear map.
    """

    cell: eqx.nn.LSTMCell
    last: eqx.nn.Linear

    def __init__(self, *, width: int, key: Key) -> None:
        """Draw the weights; the first forecast is the mean step.

        Args:
            width: Numbers that are remembered.
            key: Random key.
        """
        one, two = jax.random.split(key)
        self.cell = eqx.nn.LSTMCell(2, width, dtype=jnp.float32, key=one)
        self.last = jax.tree.map(jnp.zeros_like, eqx.nn.Linear(width, 2, dtype=jnp.float32, key=two))

    def __call__(self, window: Float[Array, "window 2"]) -> Float[Array, "2"]:
        """Scaled step after a window."""
        empty = jnp.zeros(self.cell.hidden_size, jnp.float32)
        (memory, _), _ = jax.lax.scan(lambda state, row: (self.cell(row, state), None), (empty, empty), window)
        return self.last(memory)


@dataclass(frozen=True)
class FeedForward:
    """A dense network.

    Attributes:
        window: Snapshots that it looks back.
        seed: Seed of weights and batches.
        width: Width of the hidden layers.
        depth: Number of them.
        steps: Optimizer steps.
    """

    window: int = 10
    seed: int = 0
    width: int = 32
    depth: int = 2
    steps: int = 1000

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Train; see `Forecaster.fit`."""
        network = Dense(self.window, width=self.width, depth=self.depth, key=jax.random.key(self.seed))
        return _fit(network, values, window=self.window, steps=self.steps, seed=self.seed)


@dataclass(frozen=True)
class LongShortTerm:
    """A long short-term memory.

    Attributes:
        window: Snapshots that it looks back.
        seed: Seed of weights and batches.
        width: Numbers that it remembers.
        steps: Optimizer steps.

    Reference:
        Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.
    """

    window: int = 10
    seed: int = 0
    width: int = 24
    steps: int = 1000

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Train; see `Forecaster.fit`."""
        network = Recurrent(width=self.width, key=jax.random.key(self.seed))
        return _fit(network, values, window=self.window, steps=self.steps, seed=self.seed)


def training_plan(steps: int, *, learning_rate: float = 3e-3) -> TrainingPlan:
    """How all networks of this folder are trained.

    Args:
        steps: Optimizer steps.
        learning_rate: Peak learning rate.

    Returns:
        The plan.
    """
    return TrainingPlan(
        steps=steps,
        batch_size=32,
        learning_rate=learning_rate,
        schedule="cosine",
        weight_decay=1e-3,
        clip_norm=1.0,
        validate_every=min(50, steps),
        checkpoint_every=steps,
        steps_per_call=50,
    )


def split_windows(*arrays: Float[np.ndarray, "windows ..."]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Windows that are learnt, and the last fifth, which chooses the step that is kept.

    Args:
        *arrays: Arrays of one row a window.

    Returns:
        The arrays of the first part and one batch, shape (1, windows, ...), of the last.
    """
    count = len(arrays[0])
    first = count - max(round(_VALIDATED * count), 1)
    single = [jnp.asarray(one, jnp.float32) for one in arrays]
    return tuple(one[:first] for one in single), tuple(one[None, first:] for one in single)


def _loss(
    model: Any, state: Any, batch: tuple[Array, Array], *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[Any, dict[str, Float[Array, ""]]]]:
    """Mean square error of the scaled steps."""
    inputs, steps = batch
    return jnp.mean(jnp.square(jax.vmap(model)(inputs) - steps)), (state, {})


@eqx.filter_jit
def _apply(model: Any, inputs: Float[Array, "batch window 2"]) -> Float[Array, "batch 2"]:
    return jax.vmap(model)(inputs)


def _fit(
    network: Dense | Recurrent, values: Float[np.ndarray, "times 2"], *, window: int, steps: int, seed: int
) -> Forecast:
    """Train a network on the windows of a series."""
    problem = Problem.of(values, window)
    learnt, held = split_windows(problem.inputs, problem.steps)
    model = train(
        network,
        loss=_loss,
        source=DataSet(learnt),
        validation=held,
        plan=training_plan(steps),
        seed=seed,
        quiet=True,
    ).model

    def predict(inputs: Inputs) -> Steps:
        return np.asarray(_apply(model, jnp.asarray(inputs, jnp.float32)))

    return problem.forecast(predict, values)
