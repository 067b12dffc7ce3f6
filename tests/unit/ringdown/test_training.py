import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from swansong.core.config import as_dict, validate
from swansong.core.errors import ConfigError, DomainError, FileError, InputError
from swansong.core.files import read_product
from swansong.learning.plan import TrainingPlan
from swansong.ringdown.estimators import infer
from swansong.ringdown.events import simulate_event
from swansong.ringdown.fitting import fit, problem_of, recorded
from swansong.ringdown.settings import DataSettings, FlowSettings, ModelSettings, PriorSettings, Recipe
from swansong.ringdown.weights import load_weights

SEED = 4
STEPS = 60
RECIPE = Recipe(
    model=ModelSettings(modes=("220",)),
    prior=PriorSettings(final_mass=(60.0, 90.0), final_spin=(0.4, 0.8), minimum_snr=0.0),
    data=DataSettings(detectors=("H1",), duration=0.02),
    estimator="flow",
    bank=512,
    flow=FlowSettings(width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4),
    # Often enough that a kill falls among the checkpoints; each one costs more than its steps.
    training=TrainingPlan(steps=STEPS, batch_size=16, validate_every=20, checkpoint_every=2, validation_batches=2),
)
TRUTH = np.array([72.0, 0.65, 2e-21, 1.0])
FIT = """
import sys
from swansong.core.config import load
from swansong.ringdown.fitting import fit
from swansong.ringdown.settings import Recipe
fit(load(Recipe, overrides=sys.argv[3:]), seed=int(sys.argv[2]), folder=sys.argv[1], quiet=True)
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Weights of the tiny flow, from a run without a break."""
    folder = tmp_path_factory.mktemp("unbroken")
    fit(RECIPE, seed=SEED, folder=folder, quiet=True)
    return folder / "weights.h5"


def changed(**sections):
    """The problem of the recipe with keys of its sections changed."""
    content = as_dict(problem_of(RECIPE))
    for section, keys in sections.items():
        content[section] |= keys
    return validate(type(problem_of(RECIPE)), content)


@pytest.fixture(scope="session")
def event():
    return simulate_event(problem_of(RECIPE), seed=1, truth=TRUTH)


def test_a_killed_training_resumes_to_the_same_weights(trained, tmp_path):
    sections = as_dict(RECIPE)
    overrides = [f"{name}={json.dumps(sections[name])}" for name in ("estimator", "bank")]
    overrides += [
        f"{section}.{name}={json.dumps(value)}"
        for section in ("model", "prior", "data", "flow", "training")
        for name, value in sections[section].items()
        if value is not None
    ]
    checkpoint = tmp_path / "checkpoint.h5"
    process = subprocess.Popen([sys.executable, "-c", FIT, str(tmp_path), str(SEED), *overrides])
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < read_product(checkpoint).metadata["step"] < STEPS
    assert not (tmp_path / "weights.h5").exists()
    again = fit(RECIPE, seed=SEED, folder=tmp_path, quiet=True)
    assert again.step == STEPS
    assert read_product(tmp_path / "weights.h5").sha256 == read_product(trained).sha256


@pytest.mark.parametrize(
    "change, seed, name",
    [
        ({"bank": 256}, SEED, "configuration.recipe.bank"),
        ({}, SEED + 1, "seed"),
    ],
    ids=["bank", "seed"],
)
def test_a_resume_with_another_recipe_is_refused(trained, tmp_path, change, seed, name):
    shutil.copy(trained.parent / "checkpoint.h5", tmp_path)
    before = (tmp_path / "checkpoint.h5").read_bytes()
    with pytest.raises(ConfigError, match=f"`{name}` must stay"):
        fit(RECIPE.model_copy(update=change), seed=seed, folder=tmp_path, quiet=True)
    assert (tmp_path / "checkpoint.h5").read_bytes() == before


def test_weights_remember_what_made_them(trained):
    found = load_weights("flow", trained)
    assert as_dict(found.recipe) == as_dict(recorded(RECIPE))
    assert found.state is None
    assert found.sha256 == read_product(trained).sha256
    assert load_weights("flow", trained) is found


def test_weights_answer_for_an_event(trained, event):
    posterior = infer(event, estimator="flow", samples=2000, weights=trained, seed=2)
    assert posterior.estimator == "flow"
    assert 0.0 < posterior.efficiency <= 1.0
    own = infer(event, estimator="flow", samples=2000, weights=trained, seed=2, reweight=False)
    assert own.log_weights is None
    assert 0.0 < own.metadata["importance_efficiency"] <= 1.0


def test_tampered_weights_are_refused(trained, tmp_path):
    path = tmp_path / "tampered.h5"
    shutil.copy(trained, path)
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        name = next(name for name in names if name.endswith("last/weight"))
        file[name][0, 0] += 1e-3
    with pytest.raises(FileError, match="sha256"):
        load_weights("flow", path)


def test_truncated_and_missing_weights_are_refused(trained, tmp_path):
    path = tmp_path / "short.h5"
    path.write_bytes(trained.read_bytes()[:2000])
    with pytest.raises(FileError):
        load_weights("flow", path)
    with pytest.raises(FileError):
        load_weights("flow", tmp_path / "none.h5")


@pytest.mark.parametrize("estimator", ["compact", "paper"])
def test_weights_of_another_estimator_are_refused(trained, event, estimator):
    with pytest.raises(FileError, match=f"holds weights of `flow`, not of `{estimator}`"):
        infer(event, estimator=estimator, weights=trained)


def test_a_checkpoint_is_no_weights_file(trained):
    with pytest.raises(FileError, match="checkpoint"):
        load_weights("flow", trained.parent / "checkpoint.h5")


def test_an_unknown_estimator_is_refused(event):
    with pytest.raises(InputError, match="must be one of exact, flow, compact, paper, got 'nested'"):
        infer(event, estimator="nested")


@pytest.mark.parametrize("reweight", [True, False])
def test_a_wider_prior_is_out_of_range(trained, reweight):
    wider = simulate_event(changed(prior={"final_mass": (60.0, 100.0)}), seed=1, truth=TRUTH)
    with pytest.raises(DomainError, match=r"`prior.final_mass` reaches beyond what `flow` was trained on"):
        infer(wider, estimator="flow", weights=trained, reweight=reweight)


def test_other_noise_needs_the_importance_weights(trained, tmp_path):
    path = tmp_path / "flat.txt"
    frequency = np.linspace(0.0, 2048.0, 200)
    np.savetxt(path, np.column_stack([frequency, np.full(200, 1e-46)]))
    other = simulate_event(changed(data={"spectrum": str(path)}), seed=1, truth=TRUTH)
    with pytest.raises(DomainError, match="keep the importance weights on"):
        infer(other, estimator="flow", weights=trained, reweight=False)
    posterior = infer(other, estimator="flow", weights=trained, samples=2000)
    assert any("only the importance weights make the answer right" in text for text in posterior.warnings)


@pytest.mark.parametrize(
    "section, keys, words",
    [
        ("model", {"modes": ["221"]}, "trained on modes 220 and the data are analysed with 221"),
        ("model", {"frequencies": "berti"}, "trained on modes 220"),
        ("data", {"duration": 0.03}, "trained on 1 detectors with 82 samples, got 1 with 123"),
    ],
)
def test_another_signal_or_shape_is_out_of_range(trained, event, section, keys, words):
    other = simulate_event(changed(**{section: keys}), seed=1, truth=TRUTH)
    with pytest.raises(DomainError, match=words):
        infer(other, estimator="flow", weights=trained)


def test_louder_data_than_any_in_training_are_out_of_range(trained, event):
    loud = dataclasses.replace(event, whitened=50.0 * event.whitened)
    with pytest.raises(DomainError, match=r"above the .* of the loudest signal `flow` was trained on"):
        infer(loud, estimator="flow", weights=trained)
