import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import paramax
import pytest

from swansong.core.errors import ConfigError, FileError, TrainingError
from swansong.core.files import read_product
from swansong.learning import DataSet, TrainingPlan, load_module, train


class Line(eqx.Module):
    """y = a x + b + noise, with a = 2 and b = -1."""

    noise: float = 0.1

    def batch(self, key, batch_size):
        first, second = jax.random.split(key)
        x = jax.random.normal(first, (batch_size, 1), jnp.float32)
        return x, 2.0 * x - 1.0 + self.noise * jax.random.normal(second, (batch_size, 1), jnp.float32)


def network(seed=0):
    return eqx.nn.MLP(1, 1, 8, 1, dtype=jnp.float32, key=jax.random.key(seed))


def square(model, state, batch, *, key, step):
    x, y = batch
    error = jnp.mean((jax.vmap(model)(x) - y) ** 2)
    return error, (state, {"rms": jnp.sqrt(error)})


PLAN = TrainingPlan(
    steps=60, batch_size=16, learning_rate=0.01, validate_every=20, validation_batches=2, checkpoint_every=15, ema=0.9
)


def fit(plan=PLAN, *, model=None, loss=square, source=None, validation=None, seed=3, **options):
    return train(
        network() if model is None else model,
        loss=loss,
        source=Line() if source is None else source,
        validation=Line() if validation is None else validation,
        plan=plan,
        seed=seed,
        quiet=True,
        **options,
    )


@functools.cache
def unbroken(steps=60, schedule="cosine"):
    """The result that every broken and resumed run must reproduce."""
    return fit(PLAN.model_copy(update={"steps": steps, "schedule": schedule}))


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def assert_same(one, two):
    assert one.history == two.history
    for a, b in zip(leaves(one.model), leaves(two.model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_learns_a_line_and_leaves_the_callers_model_usable():
    model = network()
    before = leaves(model)
    trained = fit(PLAN.model_copy(update={"steps": 1500, "validate_every": 300, "ema": None}), model=model)
    assert trained.best_loss == pytest.approx(0.01, rel=0.5)
    assert trained.best_loss == min(trained.history.validation_loss)
    for a, b in zip(before, leaves(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(leaf.dtype == np.float32 for leaf in leaves(trained.model))


def test_same_seed_same_bits_and_another_seed_another_run():
    assert_same(unbroken(), fit())
    assert unbroken().history != fit(seed=4).history


@pytest.mark.parametrize("steps_per_call", [1, 7])
def test_cutting_a_run_into_calls_changes_no_bit(steps_per_call):
    assert_same(unbroken(), fit(PLAN.model_copy(update={"steps_per_call": steps_per_call})))


def test_history_holds_interval_means_that_a_by_hand_loop_reproduces():
    plan = PLAN.model_copy(update={"ema": None, "schedule": "constant", "optimizer": "adam"})
    trained = fit(plan)
    np.testing.assert_array_equal(trained.history.steps, [20, 40, 60])
    np.testing.assert_allclose(trained.history.learning_rate, 0.01, rtol=1e-6)
    assert set(trained.history.metrics) == {"rms"}
    # Adam by hand, with the documented key of each step.
    params, static = eqx.partition(network(), eqx.is_inexact_array)

    @jax.jit
    def by_hand(step, params, mean, spread):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), 0), step)
        batch = Line().batch(jax.random.split(key)[0], 16)

        def objective(params):
            return square(eqx.combine(params, static), None, batch, key=None, step=0)[0]

        value, slope = jax.value_and_grad(objective)(params)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        spread = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, spread, slope)
        share, share_squared = 1 - 0.9 ** (step + 1.0), 1 - 0.999 ** (step + 1.0)

        def move(p, m, v):
            return (p - 0.01 * (m / share) / (jnp.sqrt(v / share_squared) + 1e-8)).astype(p.dtype)

        return value, jax.tree.map(move, params, mean, spread), mean, spread

    moments = [jax.tree.map(jnp.zeros_like, params)] * 2
    losses = []
    for step in range(20):
        value, params, *moments = by_hand(step, params, *moments)
        losses.append(float(value))
    assert trained.history.train_loss[0] == pytest.approx(np.mean(losses), rel=1e-4)


def test_interrupt_writes_a_checkpoint_and_the_resumed_run_has_the_same_bits(tmp_path):
    plan = PLAN.model_copy(update={"steps": 60, "steps_per_call": 1})

    class Slow(eqx.Module):
        line: Line

        def batch(self, key, batch_size):
            batch = self.line.batch(key, batch_size)
            jax.debug.callback(lambda: time.sleep(0.01))
            return batch

    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        fit(plan.model_copy(update={"steps": 100_000, "schedule": "constant"}), source=Slow(Line()), folder=tmp_path)
    done = read_product(tmp_path / "checkpoint.h5").metadata["step"]
    assert done > 0
    longer = plan.model_copy(update={"steps": done + 25, "schedule": "constant"})
    resumed = fit(longer, source=Slow(Line()), folder=tmp_path)
    assert_same(resumed, fit(longer))


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_learning_training import PLAN, fit
fit(PLAN.model_copy(update={"steps": 2000, "checkpoint_every": 5, "steps_per_call": 5}), folder=sys.argv[2])
"""


def kill_after(delay, folder):
    """Start or resume the run of 2000 steps and kill it that long after its next checkpoint [s]."""
    checkpoint = folder / "checkpoint.h5"
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder)])
    deadline = time.monotonic() + 120
    while (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return read_product(checkpoint).metadata["step"]


def test_killed_run_resumes_bit_for_bit(tmp_path):
    assert 0 < kill_after(0.1, tmp_path) < 2000
    assert_same(fit(PLAN.model_copy(update={"steps": 2000}), folder=tmp_path), unbroken(steps=2000))


@pytest.mark.slow
def test_run_killed_many_times_resumes_bit_for_bit(tmp_path):
    # Delays that fall between, before and within the writing of checkpoints.
    steps = [kill_after(delay, tmp_path) for delay in (0.0, 0.003, 0.007, 0.013, 0.029, 0.05)]
    assert steps == sorted(set(steps))
    assert_same(fit(PLAN.model_copy(update={"steps": 2000}), folder=tmp_path), unbroken(steps=2000))


def test_time_limit_stops_and_the_next_run_goes_on(tmp_path):
    part = fit(PLAN.model_copy(update={"max_seconds": 1e-6}), folder=tmp_path)
    assert part.stopped == "time"
    assert 0 < part.step < PLAN.steps
    assert not (tmp_path / "weights.h5").exists()
    whole = fit(folder=tmp_path)
    assert whole.stopped == "finished"
    assert_same(whole, unbroken())


def test_finished_run_is_read_back_without_training(tmp_path):
    first = fit(folder=tmp_path)
    stamp = (tmp_path / "checkpoint.h5").stat().st_mtime_ns
    assert_same(first, fit(folder=tmp_path))
    assert (tmp_path / "checkpoint.h5").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "change, options, name",
    [
        ({"learning_rate": 0.02}, {}, "plan.learning_rate"),
        ({"steps": 80}, {}, "plan.steps"),
        ({}, {"seed": 5}, "seed"),
        ({}, {"configuration": {"prior": {"mass": 2.0}}}, "configuration.prior.mass"),
    ],
)
def test_refuses_the_checkpoint_of_another_run(tmp_path, change, options, name):
    fit(folder=tmp_path, configuration={"prior": {"mass": 1.0}})
    with pytest.raises(ConfigError, match=f"`{name}` must stay"):
        fit(
            PLAN.model_copy(update=change),
            folder=tmp_path,
            **{"configuration": {"prior": {"mass": 1.0}}, **options},
        )


def test_refuses_the_checkpoint_of_another_network(tmp_path):
    fit(folder=tmp_path)
    wider = eqx.nn.MLP(1, 1, 9, 1, dtype=jnp.float32, key=jax.random.key(0))
    with pytest.raises(FileError, match=r"must be float32\[9, 1\]"):
        fit(model=wider, folder=tmp_path)


def test_steps_may_grow_where_the_schedule_does_not_depend_on_them(tmp_path):
    short = PLAN.model_copy(update={"schedule": "exponential", "decay_every": 10})
    long = short.model_copy(update={"steps": 100})
    fit(short, folder=tmp_path)
    assert_same(fit(long, folder=tmp_path), fit(long))


def test_non_finite_loss_names_its_step_and_keeps_the_state_before_it(tmp_path):
    def breaks(model, state, batch, *, key, step):
        value, aux = square(model, state, batch, key=key, step=step)
        return jnp.where(step == 33, jnp.nan, value), aux

    with pytest.raises(TrainingError, match="step 33"):
        fit(loss=breaks, folder=tmp_path)
    product = read_product(tmp_path / "checkpoint.h5")
    assert product.metadata["step"] == 33
    assert all(np.all(np.isfinite(a)) for n, a in product.arrays.items() if n.startswith("carry/"))


def test_early_stopping_keeps_the_best():
    def rises(model, state, batch, *, key, step):
        value, aux = square(model, state, batch, key=key, step=step)
        return 0.0 * value + jnp.abs(step - 40.0), aux

    trained = fit(PLAN.model_copy(update={"steps": 400, "patience": 2}), loss=rises)
    assert (trained.stopped, trained.step, trained.best_step, trained.best_loss) == ("patience", 80, 40, 0.0)
    late = fit(PLAN.model_copy(update={"steps": 400, "patience": 2, "best_after": 100}), loss=rises)
    assert (late.best_step, late.step) == (100, 140)


def test_validation_is_fixed_and_in_inference_mode():
    class Dropped(eqx.Module):
        layer: eqx.nn.Linear
        dropout: eqx.nn.Dropout

        def __call__(self, x, key):
            return self.dropout(self.layer(x), key=key)

    def loss(model, state, batch, *, key, step):
        x, y = batch
        keys = jax.random.split(key, len(x))
        return jnp.mean((jax.vmap(model)(x, keys) - y) ** 2), (state, {})

    model = Dropped(eqx.nn.Linear(1, 1, dtype=jnp.float32, key=jax.random.key(0)), eqx.nn.Dropout(0.5))
    plan = PLAN.model_copy(update={"learning_rate": 1e-30, "validate_every": 10, "ema": None})
    fixed = Line().batch(jax.random.key(9), 32)
    batches = DataSet(fixed).batches(16)
    trained = fit(plan, model=model, loss=loss, validation=batches)
    assert np.ptp(trained.history.validation_loss) == 0.0
    expected = np.mean((np.asarray(jax.vmap(model.layer)(fixed[0])) - np.asarray(fixed[1])) ** 2)
    assert trained.history.validation_loss[0] == pytest.approx(expected, rel=1e-5)


def test_batch_norm_state_is_carried(tmp_path):
    class Normed(eqx.Module):
        norm: eqx.nn.BatchNorm
        layer: eqx.nn.Linear

        def __init__(self, key):
            self.norm = eqx.nn.BatchNorm(1, "batch", mode="batch", dtype=jnp.float32)
            self.layer = eqx.nn.Linear(1, 1, dtype=jnp.float32, key=key)

        def __call__(self, x, state):
            x, state = self.norm(x, state)
            return self.layer(x), state

    def loss(model, state, batch, *, key, step):
        x, y = batch
        found, state = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x + 5.0, state)
        return jnp.mean((found - y) ** 2), (state, {})

    model, state = eqx.nn.make_with_state(Normed)(jax.random.key(0))
    plan = PLAN.model_copy(update={"steps": 400, "validate_every": 100})
    whole = fit(plan, model=model, state=state, loss=loss, folder=tmp_path / "whole")
    fit(plan.model_copy(update={"max_seconds": 1e-6}), model=model, state=state, loss=loss, folder=tmp_path / "parts")
    parts = fit(plan, model=model, state=state, loss=loss, folder=tmp_path / "parts")
    assert_same(whole, parts)
    assert leaves(whole.state)
    for a, b in zip(leaves(whole.state), leaves(parts.state), strict=True):
        np.testing.assert_array_equal(a, b)
    mean = parts.state.get(parts.model.norm.batch_state_index)[0]
    assert float(mean[0]) == pytest.approx(5.0, abs=0.3)


def test_frozen_arrays_stay_and_weight_decay_spares_biases():
    model = eqx.tree_at(lambda m: m.layers[0], network(), replace_fn=paramax.non_trainable)

    def zero(model, state, batch, *, key, step):
        return 0.0 * jnp.sum(paramax.unwrap(model)(batch[0][0])), (state, {})

    plan = PLAN.model_copy(update={"weight_decay": 0.1, "ema": None})
    trained = fit(plan, model=model, loss=zero)
    np.testing.assert_array_equal(leaves(trained.model.layers[0])[0], leaves(model.layers[0])[0])
    assert np.all(np.abs(trained.model.layers[1].weight) < np.abs(model.layers[1].weight))
    np.testing.assert_array_equal(trained.model.layers[1].bias, model.layers[1].bias)


def test_weights_file_has_the_same_sha256_for_the_same_seed(tmp_path):
    trained = fit(folder=tmp_path / "one")
    fit(folder=tmp_path / "two")
    one, two = (read_product(tmp_path / name / "weights.h5") for name in ("one", "two"))
    assert one.sha256 == two.sha256
    loaded = load_module(tmp_path / "one" / "weights.h5", network(7), prefix="model/", expected_sha256=one.sha256)
    for a, b in zip(leaves(loaded), leaves(trained.model), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.arrays["history/train_loss"], trained.history.train_loss)


def test_large_arrays_of_a_source_are_arguments_not_constants():
    data = DataSet((np.zeros((100_000, 1), np.float32), np.ones((100_000, 1), np.float32)))
    from swansong.learning import steps

    engine = steps.Engine.build(network(), None, loss=square, source=data, validation=None, plan=PLAN, seed=0)
    carry = engine.initial(network(), None)
    fixed = (engine, jnp.asarray(5), jnp.float32(1.0))
    text = steps._advance.lower(fixed, carry).as_text()
    assert len(text) < 400_000
    trained = fit(source=data, validation=data)
    assert trained.best_loss < 1.0
