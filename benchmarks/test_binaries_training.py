"""One training step of the paper's neural equation, beside torchdiffeq with the same weights and the same batch.

Both integrate the whole batch as one system by Dopri5 with the same tolerances in double precision, go back through
the steps of the solver, and take one step of AdamW. Needs torch and torchdiffeq, which are no part of any extra:
`pip install torch torchdiffeq`.

Environment:
    SWANSONG_BENCH_STEPS: Steps that are timed (10).
"""

import os
import statistics
import time
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from summary import terminal_table

from swansong.binaries.learnt.batches import Batch
from swansong.binaries.learnt.pnode import PairEquation, curve_loss
from swansong.binaries.learnt.settings import LossSettings, Recipe

torch = pytest.importorskip("torch")
torchdiffeq = pytest.importorskip("torchdiffeq")

CURVES, SAVES = 32, 200
RECIPE = Recipe(estimator="paper", members=1, curves={"duration": 1.0, "saves": SAVES})  # pyright: ignore[reportArgumentType]
RATE, DECAY = 1e-3, 1e-4
LIVELY = 20.0  # factor on the last layer: a trained field turns faster than a drawn one
FASTER = 3.0


@dataclass(frozen=True)
class Speed:
    """One row of the table.

    Attributes:
        name: What was measured.
        seconds: Median wall-clock time of a step [s].
        processor_seconds: Median processor time of a step, all threads together [s].
        loss: Loss before the step.
    """

    name: str
    seconds: float
    processor_seconds: float
    loss: float


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        ratio = row.processor_seconds / rows[0].processor_seconds
        times = (f"{1e3 * row.seconds:.1f}", f"{1e3 * row.processor_seconds:.1f}")
        return *times, f"{ratio:.2f}", f"{row.loss:.12g}"

    yield from terminal_table(
        request,
        f"training step of the neural equation, {CURVES} curves, {SAVES} saves",
        heads=("ms", "cpu ms", "cpu ratio", "loss"),
        cells=cells,
    )


@pytest.fixture(scope="module")
def problem():
    """The equation with lively weights, and a batch."""
    model = PairEquation.build(RECIPE, curves=None, key=jax.random.key(0))
    model = eqx.tree_at(lambda one: one.networks.layers[-1].weight, model, replace_fn=lambda weight: LIVELY * weight)
    rng = np.random.default_rng(1)
    start = rng.standard_normal((1, CURVES, 2))
    condition = np.stack([rng.choice([0.5, 0.9, 0.99], CURVES), rng.choice([2048.0, 4096.0, 8192.0], CURVES)], axis=-1)
    drift = np.linspace(0.0, 1.0, SAVES)[:, None] * rng.standard_normal((1, CURVES, 1, 2))
    batch = Batch(start, np.zeros((1, CURVES)), condition[None], start[:, :, None] + drift, np.ones((1, CURVES, SAVES)))
    return model, jax.tree.map(jnp.asarray, batch), jnp.linspace(0.0, 1.0, SAVES)


def _timed(step):
    """Median wall-clock and processor time of a step."""
    count = int(os.environ.get("SWANSONG_BENCH_STEPS", "10"))
    walls, processors = [], []
    for _ in range(count):
        wall, processor = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return statistics.median(walls), statistics.median(processors)


def _torch_problem(model, batch, times):
    """The same network, loss and optimizer in torch."""
    layers = []
    for layer in model.networks.layers:
        linear = torch.nn.Linear(layer.weight.shape[2], layer.weight.shape[1], dtype=torch.float64)
        linear.weight.data = torch.tensor(np.array(layer.weight[0]))
        linear.bias.data = torch.tensor(np.array(layer.bias[0]))
        layers += [linear, torch.nn.ELU()]
    network = torch.nn.Sequential(*layers[:-1])
    features = torch.tensor(np.array(model.conditions.tree.features(batch.condition[0])))
    start, target = (torch.tensor(np.array(part[0])) for part in (batch.start, batch.target))
    at, settings = torch.tensor(np.array(times)), RECIPE.loss
    weights = torch.tensor([1.0, settings.momentum_weight], dtype=torch.float64)

    def field(_, state):
        return network(torch.cat([state, features], dim=-1))

    def loss():
        found = torchdiffeq.odeint(
            field, start, at, method="dopri5", rtol=RECIPE.solver.relative, atol=RECIPE.solver.absolute
        )
        residual = (found.transpose(0, 1) - target).abs()
        bend = settings.huber
        huber = torch.where(residual < bend, 0.5 * residual**2, bend * (residual - 0.5 * bend))
        return (huber * weights).sum() / weights.sum() / (CURVES * SAVES)

    return network, loss


def test_training_step_beside_torchdiffeq(problem, table_rows, benchmark):
    model, batch, times = problem
    settings: LossSettings = RECIPE.loss
    optimizer = optax.adamw(RATE, weight_decay=DECAY)
    params, frozen = eqx.partition(
        model, eqx.is_inexact_array, is_leaf=lambda one: type(one).__name__ == "NonTrainable"
    )

    def objective(params):
        whole = eqx.combine(params, frozen, is_leaf=lambda one: one is None)
        return curve_loss(whole, batch, times=times, settings=settings)[0]

    slope = jax.jit(jax.value_and_grad(objective))

    @jax.jit
    def step(params, moments):
        value, gradient = jax.value_and_grad(objective)(params)
        updates, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, updates), moments, value

    moments = optimizer.init(params)
    value, gradient = slope(params)
    network, loss = _torch_problem(model, batch, times)
    other = loss()
    other.backward()

    assert float(value) == pytest.approx(other.item(), rel=1e-5)
    mine = [part for layer in gradient.networks.layers for part in (layer.weight[0], layer.bias[0])]
    for here, there in zip(mine, network.parameters(), strict=True):
        size = float(jnp.max(jnp.abs(here)))
        np.testing.assert_allclose(np.asarray(here), there.grad.numpy(), rtol=1e-3, atol=1e-3 * size)

    jax.block_until_ready(step(params, moments))
    wall, processor = _timed(lambda: jax.block_until_ready(step(params, moments)))
    table_rows.append(Speed("swansong", wall, processor, float(value)))
    benchmark.pedantic(lambda: jax.block_until_ready(step(params, moments)), rounds=3)

    descent = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)

    def torch_step():
        descent.zero_grad()
        loss().backward()
        descent.step()

    torch_step()
    wall, processor = _timed(torch_step)
    table_rows.append(Speed("torchdiffeq", wall, processor, other.item()))
    assert table_rows[1].processor_seconds > FASTER * table_rows[0].processor_seconds
