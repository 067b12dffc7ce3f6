import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.core.config import load, template
from swansong.core.errors import ConfigError, DataError, FileError
from swansong.core.provenance import collect
from swansong.learning import DataSet, History, TrainingPlan, learning_rate, load_module, named_arrays, save_module
from swansong.learning.schedules import Plateau


def rates(steps, **options):
    plan = TrainingPlan(**{"steps": 1000, "learning_rate": 2.0, **options})
    return [float(learning_rate(plan, step)) for step in steps]


@pytest.mark.parametrize(
    "options, steps, expected",
    [
        ({"schedule": "constant", "warmup_steps": 10}, [0, 4, 9, 999], [0.2, 1.0, 2.0, 2.0]),
        ({"schedule": "cosine"}, [0, 250, 500, 1000], [2.0, 1.0 + 0.5**0.5, 1.0, 0.0]),
        ({"schedule": "cosine", "final_fraction": 0.1, "warmup_steps": 200}, [600, 1000], [1.1, 0.2]),
        ({"schedule": "exponential", "decay_factor": 0.5, "decay_every": 100}, [0, 100, 250], [2.0, 1.0, 2 * 0.5**2.5]),
        ({"schedule": "steps", "decay_factor": 0.5, "decay_at": (10, 20)}, [9, 10, 19, 20, 999], [2, 1, 1, 0.5, 0.5]),
        ({"schedule": "one_cycle"}, [0, 150, 300, 650, 1000], [0.08, 1.04, 2.0, 1.00001, 2e-5]),
        ({"schedule": "plateau"}, [0, 999], [2.0, 2.0]),
    ],
)
def test_learning_rates(options, steps, expected):
    np.testing.assert_allclose(rates(steps, **options), expected, rtol=2e-5, atol=1e-6)


def test_plateau_decays_after_its_patience_and_never_below_the_floor():
    plan = TrainingPlan(schedule="plateau", plateau_patience=2, decay_factor=0.5, final_fraction=0.2)
    memory = Plateau()
    scales = []
    for step, loss in enumerate([3.0, 2.0, 2.5, 2.5, 2.5, 1.0, 1.5, 1.5, 1.5, 1.5]):
        memory = memory.update(plan, loss=loss, step=step)
        scales.append(memory.scale)
    assert scales == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2]
    assert (memory.best, memory.best_step, memory.stale) == (1.0, 5, 4)
    assert memory.update(plan, loss=float("nan"), step=10).best == 1.0


def test_plan_reads_from_text_and_its_template_is_valid(tmp_path):
    plan = load(TrainingPlan, overrides=["steps=10", "schedule='steps'", "decay_at=[2, 5]"])
    assert plan.decay_at == (2, 5)
    path = tmp_path / "plan.toml"
    path.write_text(template(TrainingPlan))
    assert load(TrainingPlan, path) == TrainingPlan()


@pytest.mark.parametrize(
    "override, word",
    [
        ("steps=0", "steps"),
        ("learning_rte=1", "learning_rate"),
        ("schedule='steps'", "decay_at"),
        ("warmup_steps=10000", "warmup_steps"),
        ("decay_at=[5, 2]", "decay_at"),
        ("best_after=20000", "best_after"),
    ],
)
def test_plan_refuses(override, word):
    with pytest.raises(ConfigError, match=word):
        load(TrainingPlan, overrides=[override])


def test_plan_imports_without_jax():
    code = "import sys; from swansong.learning import TrainingPlan; TrainingPlan(); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_history_equality_ignores_seconds_only():
    entry = {"step": 5, "train_loss": 1.0, "validation_loss": np.nan, "learning_rate": 0.1}
    entry |= {"metrics": {"kl": 2.0}, "validation_metrics": {}}
    one, two = History().append(**entry, seconds=1.0), History().append(**entry, seconds=2.0)
    assert one == two
    assert one != History().append(**{**entry, "metrics": {"kl": 2.1}}, seconds=1.0)
    assert History.from_arrays(one.to_arrays()) == one
    assert len(one) == 1


class Module(eqx.Module):
    parts: dict
    count: jax.Array
    name: str = "net"


def module(scale=1.0, size=3):
    parts = {"a": [jnp.full((2, size), scale, jnp.float32)], "b": jnp.asarray(1j * scale)}
    return Module(parts, jnp.asarray(int(scale)))


def test_modules_survive_a_file_bit_for_bit(tmp_path):
    sha256 = save_module(tmp_path / "net.h5", module(2.0), provenance=collect(seed=1))
    assert set(named_arrays(module())) == {"parts/a/0", "parts/b", "count"}
    found = load_module(tmp_path / "net.h5", module(), expected_sha256=sha256)
    for name, values in named_arrays(module(2.0)).items():
        np.testing.assert_array_equal(named_arrays(found)[name], values)
    assert found.parts["a"][0].dtype == jnp.float32


@pytest.mark.parametrize(
    "skeleton, options, words",
    [
        (module(size=4), {}, r"`parts/a/0` in .* must be float32\[2, 4\], got float32\[2, 3\]"),
        (module().parts, {}, "lacks the array `a/0`"),
        ({"count": jnp.asarray(1)}, {}, "holds 2 arrays that the network lacks, the first `parts/a/0`"),
        (module(), {"expected_sha256": "0" * 64}, "must have sha256 0000"),
        (module(), {"kind": "checkpoint"}, "checkpoint"),
    ],
)
def test_modules_refuse_files_that_do_not_fit(tmp_path, skeleton, options, words):
    save_module(tmp_path / "net.h5", module(), provenance=collect())
    with pytest.raises(FileError, match=words):
        load_module(tmp_path / "net.h5", skeleton, **options)


def test_data_set_draws_rows_together_splits_and_batches():
    data = DataSet({"x": np.arange(10.0), "y": np.arange(10.0)[:, None] * 2})
    batch = data.batch(jax.random.key(0), 64)
    np.testing.assert_array_equal(batch["y"][:, 0], 2 * batch["x"])
    assert set(np.asarray(batch["x"])) <= set(range(10))
    first, second = data.split(0.3, key=jax.random.key(1))
    assert (first.size, second.size) == (7, 3)
    assert sorted([*first.arrays["x"].tolist(), *second.arrays["x"].tolist()]) == list(range(10))
    assert data.batches(4)["y"].shape == (2, 4, 1)


@pytest.mark.parametrize("arrays", [{}, {"x": np.zeros(3), "y": np.zeros(4)}, np.zeros((0, 2))])
def test_data_set_refuses_unequal_or_no_rows(arrays):
    with pytest.raises(DataError, match="one common, positive length"):
        DataSet(arrays)
