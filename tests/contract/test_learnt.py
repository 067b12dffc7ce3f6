"""Laws of the weights that ship with the package, and of the learnt models that answer no posterior."""

import json
import shutil
from importlib import resources
from pathlib import Path

import h5py
import numpy as np
import pytest
from registry import LEARNT, PAIR_DRAWS

from swansong.cli.main import main
from swansong.core.errors import DomainError, FileError
from swansong.core.files import read_product
from swansong.learning.packaged import MANIFEST, packaged_weights

PACKAGE = Path(str(resources.files("swansong")))
FOLDERS = sorted(str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob(MANIFEST))


def test_every_system_ships_weights():
    assert {folder.partition("/")[0] for folder in FOLDERS} == {"ringdown", "encounters", "emri", "binaries"}
    assert {Path(folder) for folder in FOLDERS} == {path.parent.relative_to(PACKAGE) for path in weights_files()}


def weights_files():
    return [path for path in PACKAGE.rglob("*.h5") if path.parent.name == "weights"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_packaged_weights_are_those_of_the_manifest_and_say_what_made_them(folder):
    expected = json.loads((PACKAGE / folder / MANIFEST).read_text())
    assert {path.stem for path in (PACKAGE / folder).glob("*.h5")} == set(expected)
    for name, sha256 in expected.items():
        product = read_product(PACKAGE / folder / f"{name}.h5", kind="weights")
        assert product.sha256 == sha256
        provenance = product.provenance
        assert provenance.seed is not None
        assert {"python", "jax", "equinox"} <= set(provenance.versions)
        assert provenance.configuration["analysis"]
        assert provenance.configuration["recipe"]["estimator"] == name
        assert all(np.isfinite(array).all() for array in product.arrays.values() if array.dtype.kind == "f")


@pytest.fixture(scope="module", params=LEARNT)
def learnt(request):
    return LEARNT[request.param]()


@pytest.fixture(scope="module")
def model(learnt):
    return learnt.load(None)


@pytest.fixture(scope="module")
def answer(learnt, model):
    return learnt.ask(model, seed=0)


def test_an_answer_is_finite_and_of_its_shape(learnt, answer):
    assert {name: array.shape for name, array in answer.arrays.items()} == learnt.shapes
    assert all(np.isfinite(array).all() for array in answer.arrays.values())
    assert not answer.marked


def test_same_weights_and_seed_same_bits(learnt, model, answer, tmp_path):
    copy = tmp_path / "weights.h5"
    shutil.copy(packaged_weights(learnt.folder, learnt.estimator), copy)
    for again in (learnt.ask(model, seed=0), learnt.ask(learnt.load(copy), seed=0)):
        for name, array in answer.arrays.items():
            np.testing.assert_array_equal(again.arrays[name], array, err_msg=name)
    other = learnt.ask(model, seed=1)
    same = [np.array_equal(other.arrays[name], array) for name, array in answer.arrays.items()]
    assert all(same) is not learnt.seeded


def test_outside_of_what_was_learnt_it_refuses_or_says_so(learnt, model, answer):
    with pytest.raises(DomainError) as caught:
        learnt.ask(model, seed=0, outside=True)
    text = str(caught.value)
    assert "outside" in text
    assert "; " in text, "it says what to do"
    assert "\n" not in text
    found = learnt.ask(model, seed=0, outside=True, extrapolate=True)
    assert found.marked
    assert {name: array.shape for name, array in found.arrays.items()} == learnt.shapes


def test_wrong_weights_are_refused(learnt, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        learnt.load(tmp_path / "missing.h5")
    with pytest.raises(FileError, match=f"not of `{learnt.estimator}`"):
        learnt.load(packaged_weights(*learnt.other))
    changed = tmp_path / "changed.h5"
    shutil.copy(packaged_weights(learnt.folder, learnt.estimator), changed)
    with h5py.File(changed, "r+") as file:
        sets: list[h5py.Dataset] = []
        file.visititems(lambda _, node: sets.append(node) if isinstance(node, h5py.Dataset) else None)
        first = next(one for one in sets if one.dtype.kind == "f" and one.size)
        first[...] = np.asarray(first) + 1.0
    with pytest.raises(FileError, match="sha256"):
        learnt.load(changed)


def test_a_product_names_the_weights_that_made_it(tmp_path, capsys):
    arguments = ["--galaxy-eccentricity", "0.9", "--particles", "8192", "--draws", str(PAIR_DRAWS), "--seed", "3"]
    command = ["binaries", "evolve", *arguments, "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    expected = json.loads((PACKAGE / "binaries" / "weights" / MANIFEST).read_text())["rates"]
    provenance = read_product(tmp_path / "out" / "forecast.h5").provenance
    assert told["weights"] == provenance.configuration["weights"] == expected
    assert told["estimator"] == provenance.configuration["estimator"] == "rates"
    assert (told["seed"], provenance.seed) == (3, 3)
    assert provenance.command.startswith("swansong binaries evolve")
