"""Weights files: found, read and refused with one sentence."""

import dataclasses
import hashlib
import json
import os

import equinox as eqx
import jax.numpy as jnp
import pytest

from swansong.core.config import Config
from swansong.core.errors import FileError, InputError
from swansong.core.provenance import collect
from swansong.learning import packaged
from swansong.learning.checkpoints import save_module
from swansong.learning.packaged import MANIFEST, locate_weights, packaged_weights, read_weights


class Toy(eqx.Module):
    weight: jnp.ndarray


class ToyRecipe(Config):
    estimator: str = "flow"
    width: int = 4


def write(path, *, configuration=None):
    full = {"recipe": {"estimator": "flow", "width": 8}, "analysis": "abc"}
    configuration = full if configuration is None else configuration
    save_module(path, {"model": Toy(jnp.arange(3.0))}, provenance=collect(configuration=configuration, seed=0))
    return path


def read(path, **changes):
    return read_weights(path, **({"system": "toys", "estimator": "flow", "schema": ToyRecipe} | changes))


def test_a_weights_file_comes_back_with_its_recipe(tmp_path):
    path = write(tmp_path / "flow.h5")
    found = read(path)
    assert found.recipe == ToyRecipe(width=8)
    assert (found.fingerprint, found.path) == ("abc", path)
    found.require_analysis("abc")
    assert read(path, expected=found.product.sha256).product.sha256 == found.product.sha256


def test_weights_of_other_data_are_refused(tmp_path):
    with pytest.raises(FileError, match="was trained on data that this version prepares differently; train the recipe"):
        read(write(tmp_path / "flow.h5")).require_analysis("abd")


def test_another_hash_than_the_packaged_one_is_refused(tmp_path):
    with pytest.raises(FileError, match="not the packaged one; reinstall swansong"):
        read(write(tmp_path / "flow.h5"), expected=hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize("configuration", [{}, {"recipe": {"estimator": "flow"}}, {"analysis": "abc"}])
def test_files_without_a_recipe_are_refused(tmp_path, configuration):
    with pytest.raises(FileError, match="does not say which toys recipe made it"):
        read(write(tmp_path / "flow.h5", configuration=configuration))


def test_another_estimator_is_refused(tmp_path):
    with pytest.raises(FileError, match="holds weights of `flow`, not of `compact`; give matching ones"):
        read(write(tmp_path / "flow.h5"), estimator="compact")


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path / "flow.h5")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileError):
        read(path)
    with pytest.raises(FileError):
        read(tmp_path / "none.h5")


def test_a_file_of_the_users_is_located_with_its_time_stamp(tmp_path):
    path = write(tmp_path / "flow.h5")
    located, expected, stamp = locate_weights("toys", "flow", str(path))
    assert (located, expected, stamp) == (path, None, path.stat().st_mtime_ns)
    os.utime(path, ns=(1, 1))
    assert locate_weights("toys", "flow", path)[2] == 1
    # A missing file is left to the reader, whose error names it.
    assert locate_weights("toys", "flow", tmp_path / "none.h5")[2] == 0


def test_packaged_weights_are_found_with_the_hash_in_the_manifest(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged.resources, "files", lambda name: tmp_path / name.rpartition(".")[2])
    folder = tmp_path / "toys" / "weights"
    folder.mkdir(parents=True)
    path = write(folder / "flow.h5")
    sha256 = read(path).product.sha256
    (folder / MANIFEST).write_text(json.dumps({"flow": sha256}))
    assert packaged_weights("toys", "flow") == path
    located, expected, _ = locate_weights("toys", "flow", None)
    assert (located, expected) == (path, sha256)
    read(located, expected=expected)


def test_missing_packaged_weights_name_the_way_out():
    with pytest.raises(
        InputError,
        match=r"no trained weights of `none` are packaged; train them .*ringdown train none.* `--weights FILE`",
    ):
        locate_weights("ringdown", "none", None)


def test_a_weights_file_cannot_be_changed(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(read(write(tmp_path / "flow.h5")), "fingerprint", "other")  # noqa: B010
