"""A neural ordinary differential equation of the elements."""

from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.binaries.forecasting.networks import split_windows, training_plan
from swansong.binaries.forecasting.protocol import Forecast
from swansong.binaries.forecasting.series import Standard, from_coordinates, to_coordinates, windows
from swansong.core.types import Array, Float, Int, Key
from swansong.learning.batches import DataSet
from swansong.learning.networks import MLP
from swansong.learning.training import train


class Flow(eqx.Module):
    """Rates of change of standardised (ln a, e), of the size of their mean steps.

    Attributes:
        network: The network; it starts at the mean rates.
        mean: Mean step of each element.
        width: Root mean square of the mean rates, or of what is left of them.
    """

    network: MLP
    mean: Float[Array, "2"]
    width: Float[Array, "2"]

    def __call__(self, rows: Float[Array, "batch 2"]) -> Float[Array, "batch 2"]:
        """Change for each step between snapshots."""
        mean, width = jax.lax.stop_gradient((self.mean, self.width))
        return mean + width * jax.vmap(self.network)(rows)


@dataclass(frozen=True)
class NeuralODE:
    """A network gives the rates of both elements; solved over windows, it must meet every snapshot of each.

    Attributes:
        window: Snapshots that each solution must meet in training.
        seed: Seed of weights and batches.
        width: Width of the hidden layers.
        depth: Number of them.
        steps: Optimizer steps.

    Reference:
        Chen et al., arXiv:1806.07366; Kidger, arXiv:2202.02435.
    """

    window: int = 10
    seed: int = 0
    width: int = 32
    depth: int = 2
    steps: int = 1000

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Train; see `Forecaster.fit`."""
        coordinates = to_coordinates(values)
        scale = Standard.of(coordinates)
        rows = scale.forward(coordinates)
        learnt, held = split_windows(windows(rows, self.window + 1))
        mean = (rows[-1] - rows[0]) / (len(rows) - 1)
        network = MLP(
            2,
            2,
            width=self.width,
            depth=self.depth,
            activation="elu",
            zero_last=True,
            key=jax.random.key(self.seed),
        )
        # The rates change by about as much as they are large on average.
        flow = Flow(network, jnp.asarray(mean, jnp.float32), jnp.asarray(np.abs(mean) + 1e-3, jnp.float32))
        model = train(
            flow,
            loss=_loss,
            source=DataSet(learnt),
            validation=held,
            plan=training_plan(self.steps),
            seed=self.seed,
            quiet=True,
        ).model

        def forecast(steps: int) -> Float[np.ndarray, "steps 2"]:
            path = _solve_once(model, jnp.asarray(rows[-1:], jnp.float32), steps + 1)
            return from_coordinates(scale.inverse(np.asarray(path[1:, 0], float)))

        return forecast


def _solve(flow: Flow, start: Float[Array, "batch 2"], count: int) -> Float[Array, "count batch 2"]:
    """All curves as one system, one step of third order between snapshots, over which the rates hardly change."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, _: flow(y)),
        diffrax.Bosh3(),
        jnp.zeros((), jnp.float32),
        jnp.asarray(count - 1, jnp.float32),
        jnp.ones((), jnp.float32),
        start,
        saveat=diffrax.SaveAt(t0=True, steps=True),
        stepsize_controller=diffrax.ConstantStepSize(),
        max_steps=count - 1,
    )
    return jnp.asarray(solution.ys)


@eqx.filter_jit
def _solve_once(flow: Flow, start: Float[Array, "batch 2"], count: int) -> Float[Array, "count batch 2"]:
    return _solve(flow, start, count)


def _loss(
    model: Flow, state: Any, batch: tuple[Array], *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[Any, dict[str, Float[Array, ""]]]]:
    """Mean square distance of solutions that start at the first snapshot of a window from the others."""
    (rows,) = batch
    found = _solve(model, rows[:, 0], rows.shape[1])
    return jnp.mean(jnp.square(jnp.swapaxes(found, 0, 1) - rows)), (state, {})
