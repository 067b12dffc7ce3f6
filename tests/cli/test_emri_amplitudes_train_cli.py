"""`swansong emri amplitudes train` and `init`: what they write, print and refuse."""

import numpy as np
import pytest
from test_cli_bad_input import refused
from test_cli_ringdown import strict

from swansong.core.config import load
from swansong.core.errors import InputError
from swansong.core.files import read_product
from swansong.core.provenance import collect
from swansong.emri.amplitudes.decoder_model import Decoder
from swansong.emri.amplitudes.decoder_recipe import RECIPES, Recipe
from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.truth import AmplitudeSet
from swansong.physics.geodesics import orbit_frequencies

SIZES = {
    "network.largest_l": "2", "network.largest_k": "2", "network.lowest_n": "0", "network.highest_n": "2",
    "network.coarse": "[4, 3, 3]", "network.doublings": "1", "network.features": "4", "network.width": "8",
    "network.blocks": "1", "network.latent_channels": "4", "network.positions": "2", "modes": "8",
    "curriculum": "[{classes=['SE']}]", "training.steps": "4", "training.batch_size": "2",
    "training.warmup_steps": "1", "training.validate_every": "2", "training.validation_batches": "1",
    "training.checkpoint_every": "2", "training.steps_per_call": "2",
}  # fmt: skip
TINY = [part for key, value in SIZES.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A set of orbits with two modes each."""
    orbits = draw_orbits("SE", count=12, seed=1, domain=Domain())
    found = orbit_frequencies(*orbits.T)
    modes = np.tile([(2, 2, 2, 0), (2, 2, 2, 1)], (len(orbits), 1))
    made = AmplitudeSet(
        orbits=orbits,
        frequencies=np.column_stack([found.radial, found.polar, found.azimuthal]),
        left=np.zeros(len(orbits)),
        offsets=2 * np.arange(len(orbits) + 1),
        modes=modes,
        infinity=np.tile([-1e-3 + 2e-4j, 1e-4 + 0j], len(orbits)),
        horizon=np.zeros(len(modes), complex),
    )
    path = tmp_path_factory.mktemp("solved") / "set.h5"
    made.write(path, provenance=collect(configuration={}, seed=0))
    return path


@pytest.fixture
def amplitudes(swansong):
    return lambda *arguments: swansong("emri", "amplitudes", *arguments)


def test_a_training_stops_in_time_goes_on_and_ends_with_a_decoder(amplitudes, solved, tmp_path):
    command = ("train", "small", "--solved", solved, *TINY, "--seed", 3, "--out", "run", "--json")
    code, out, err = amplitudes(*command, "--max-seconds", 1e-6)
    assert (code, err) == (0, "")
    facts = strict(out)
    assert (facts["system"], facts["estimator"], facts["orbits"]) == ("emri.amplitudes", "decoder", 12)
    assert (facts["step"], facts["steps"], facts["stopped"], facts["median_error"]) == (2, 4, "time", None)
    assert "give the same command to go on" in facts["warnings"][0]
    assert "weights" not in facts["files"]
    code, out, err = amplitudes(*command)
    assert (code, err) == (0, "")
    facts = strict(out)
    assert (facts["step"], facts["stopped"], facts["warnings"]) == (4, "finished", [])
    assert 0.0 <= facts["median_error"] <= 1.0
    for file in facts["files"].values():
        assert (tmp_path / file).stat().st_size > 0
    assert read_product(tmp_path / "run" / "weights.h5", kind="weights").provenance.seed == 3
    assert Decoder(tmp_path / "run" / "weights.h5").trained.recipe.modes == 8


def test_init_writes_a_recipe_that_train_understands(amplitudes, tmp_path):
    code, out, _ = amplitudes("init", "paper", "--out", "-")
    assert code == 0
    path = tmp_path / "copy.toml"
    path.write_text(out)
    assert load(Recipe, path) == load(Recipe, RECIPES / "paper.toml")
    assert "swansong emri amplitudes train FILE" in out
    assert amplitudes("init", "small").code == 0
    assert load(Recipe, tmp_path / "small.toml") == load(Recipe, RECIPES / "small.toml")
    code, _, err = amplitudes("init", "small")
    assert code == 2
    assert "small.toml" in err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["small", "--solved", "none.h5"], "`none.h5` does not exist"),
        (["smal", "--solved", "."], ("There is no recipe 'smal'", "paper, small")),
        (["small", "--solved", "."], "holds no file *_train_*.h5"),
        (["small", "--solved", ".", "--set", "network.width=0"], "network.width"),
        (["small", "--solved", ".", "--set", "network.widht=8"], "widht"),
        (["small", "--solved", ".", "--max-seconds", -5], "`--max-seconds` must be positive, got -5"),
        (["small", "--solved", ".", "--seed", -1], "--seed"),
    ],
)
def test_wrong_input_of_train_is_one_line(amplitudes, tmp_path, arguments, said):
    refused(amplitudes("train", *arguments, "--out", "result"), said, out=tmp_path / "result")


def test_wrong_input_of_init_is_one_line(amplitudes):
    code, out, err = amplitudes("init", "big")
    assert (code, out) == (2, "")
    assert "There is no recipe 'big'; give one of paper, small" in err


def test_a_class_without_orbits_is_named(amplitudes, solved, tmp_path):
    changed = [*TINY, "--set", "curriculum=[{classes=['KG']}]"]
    code, out, err = amplitudes("train", "small", "--solved", solved, *changed, "--out", "result")
    assert (code, out) == (2, "")
    assert "holds 0 orbits of class KG" in err
    assert not (tmp_path / "result" / "part_1").exists()


def test_bad_recipe_errors_are_input_errors(tmp_path):
    with pytest.raises(InputError):
        load(Recipe, tmp_path / "none.toml")
