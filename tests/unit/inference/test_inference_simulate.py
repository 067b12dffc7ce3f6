import importlib.util
from functools import partial

import jax
import numpy as np
import pytest
from worker_functions import Task, run

from swansong.core.errors import InputError, OutputError, RunError
from swansong.core.files import read_product
from swansong.inference import Delta, Parameters, Prior, Uniform, draw_dataset, map_tasks
from swansong.inference.workers import run_local, run_scheduled

CALLS = []


def double(items):
    CALLS.append(list(items))
    return {"twice": 2 * np.asarray(items), "pair": np.ones((len(items), 2))}


def noise(items, key):
    return {"noise": jax.random.normal(key, (len(items),))}


def count():
    made, CALLS[:] = len(CALLS), []
    return made


def simulator(theta, key):
    return {"data": theta[:, :1] + jax.random.normal(key, (len(theta), 3))}


def test_results_are_joined_in_order():
    got = map_tasks(double, np.arange(10), workers=1, chunk=4)
    np.testing.assert_array_equal(got["twice"], 2 * np.arange(10))
    assert got["pair"].shape == (10, 2)
    np.testing.assert_array_equal(map_tasks(double, list(range(3)), workers=0, chunk=2)["twice"], [0, 2, 4])


def test_each_chunk_has_its_own_key():
    got = map_tasks(noise, range(6), workers=1, chunk=3, seed=7)["noise"]
    key = jax.random.key(7)
    expected = [jax.random.normal(jax.random.fold_in(key, index), (3,)) for index in range(2)]
    np.testing.assert_array_equal(got, np.concatenate(expected))


def test_store_is_resumed_and_damaged_chunks_are_redone(tmp_path):
    mapped = partial(map_tasks, double, np.arange(10), workers=1, chunk=4, store=tmp_path)
    count()
    first = mapped()
    assert count() == 3
    assert mapped()["twice"].tolist() == first["twice"].tolist()
    assert count() == 0
    (tmp_path / "chunk-000000.h5").unlink()
    chunk = tmp_path / "chunk-000001.h5"
    chunk.write_bytes(chunk.read_bytes()[:100])
    assert mapped()["twice"].tolist() == first["twice"].tolist()
    assert count() == 2


@pytest.mark.parametrize("change", [{"seed": 1}, {"identity": "other"}, {"items": np.arange(1, 11)}])
def test_store_of_another_run_is_refused(tmp_path, change):
    given = {"items": np.arange(10), "workers": 1, "chunk": 4, "store": tmp_path}
    map_tasks(noise, seed=0, **given)
    with pytest.raises(InputError, match="another run"):
        map_tasks(noise, **({"seed": 0} | given | change))


def test_an_interrupted_map_keeps_what_is_finished(tmp_path):
    def interrupted(items):
        if 5 in items:
            raise KeyboardInterrupt
        return {"x": np.asarray(items)}

    with pytest.raises(KeyboardInterrupt):
        map_tasks(interrupted, np.arange(8), workers=1, chunk=2, store=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chunk-000000.h5", "chunk-000001.h5"]


def test_data_set_is_reproducible_and_complete(tmp_path):
    prior = Prior({"mass": Uniform(10.0, 20.0), "spin": Delta(0.7)})
    made = partial(draw_dataset, prior, simulator, n=25, seed=3, chunk=10, configuration={"rate": 4096})
    product = made(path=tmp_path / "a.h5")
    assert product.arrays["parameters"].shape == (25, 2)
    assert product.arrays["data"].shape == (25, 3)
    assert np.all((product.arrays["parameters"][:, 0] >= 10.0) & (product.arrays["parameters"][:, 0] <= 20.0))
    assert len(np.unique(product.arrays["parameters"][:, 0])) == 25
    assert Parameters.from_list(product.metadata["parameters"]) == prior.parameters
    assert product.provenance.configuration == {"rate": 4096}
    assert made(path=tmp_path / "b.h5").sha256 == product.sha256
    assert made(path=tmp_path / "c.h5", store=tmp_path / "store").sha256 == product.sha256
    assert read_product(tmp_path / "c.h5", kind="data_set").sha256 == product.sha256
    with pytest.raises(OutputError):
        made(path=tmp_path / "a.h5")
    with pytest.raises(InputError, match="another run"):
        draw_dataset(
            Prior({"mass": Uniform(10.0, 21.0), "spin": Delta(0.7)}),
            simulator,
            n=25,
            seed=3,
            chunk=10,
            configuration={"rate": 4096},
            path=tmp_path / "d.h5",
            store=tmp_path / "store",
        )


def test_processes_return_every_result():
    tasks = [Task(index) for index in range(7)]
    got = dict(run_local(run, tasks, workers=2, quiet=True))
    assert got == {task: task.index**2 for task in tasks}


def test_a_killed_worker_costs_one_repetition(tmp_path):
    tasks = [Task(index, fatal=index == 2, flag=tmp_path / "flag") for index in range(5)]
    got = dict(run_local(run, tasks, workers=2, quiet=True))
    assert sorted(got.values()) == [0, 1, 4, 9, 16]
    assert (tmp_path / "flag").exists()


def test_a_chunk_that_always_kills_its_worker_is_named():
    tasks = [Task(index, fatal=index == 1) for index in range(3)]
    with pytest.raises(RunError, match="chunk 1 killed its worker twice"):
        dict(run_local(run, tasks, workers=2, quiet=True))


def test_a_function_that_cannot_travel_is_refused():
    with pytest.raises(InputError, match="cannot be sent to another process"):
        map_tasks(lambda items: {"x": items}, np.arange(4), workers=2, chunk=1)


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_the_result(tmp_path):
    alone = map_tasks(noise, range(6), workers=1, chunk=2, seed=1)
    together = map_tasks(noise, range(6), workers=2, chunk=2, seed=1, store=tmp_path)
    np.testing.assert_array_equal(alone["noise"], together["noise"])


@pytest.mark.skipif(importlib.util.find_spec("distributed") is not None, reason="dask.distributed is installed")
def test_scheduler_without_dask_names_the_extra():
    with pytest.raises(InputError, match=r"swansong\[dask\]"):
        dict(run_scheduled(run, [Task(0)], address="tcp://localhost:1"))


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs dask.distributed")
def test_dask_cluster_gives_the_same_result():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        got = map_tasks(double, np.arange(10), scheduler=cluster.scheduler_address, chunk=4)
    np.testing.assert_array_equal(got["twice"], 2 * np.arange(10))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: map_tasks(double, [], workers=1), InputError, "0 items"),
        (lambda: map_tasks(double, [1], workers=1, chunk=0), InputError, "chunks of 0"),
        (lambda: map_tasks(lambda items: {"x": np.zeros(7)}, [1, 2], workers=1), InputError, "one row for each item"),
        (
            lambda: map_tasks(lambda items: {f"x{items[0]}": items}, [1, 2], workers=1, chunk=1),
            InputError,
            "other names",
        ),
        (lambda: map_tasks(lambda items: 1 / 0, [1, 2], workers=1), RunError, "chunk 0 failed with ZeroDivisionError"),
        (
            lambda: draw_dataset(Prior({"a": Uniform(0.0, 1.0)}), simulator, n=0, seed=0, path="none.h5"),
            InputError,
            "must be positive",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
