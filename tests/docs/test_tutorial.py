"""The ringdown tutorial's Python, block after block in one session, and the example.

The fast tests run its first part on a shorter segment with few samples; `make slow` runs all of it as written, and
compares what it finds with the numbers in its prose.
"""

import runpy

import numpy as np
import pytest
from documents import ROOT
from sessions import FEW, Session, data_folder, python_blocks

from swansong.core.config import as_dict
from swansong.core.provenance import collect
from swansong.learning.checkpoints import save_module
from swansong.ringdown import settings
from swansong.ringdown.bank import make_bank
from swansong.ringdown.fitting import build, features_of
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import DataSettings, FlowSettings, Problem, Recipe

BLOCKS = python_blocks("ringdown")
FIRST_PART = next(place for place, block in enumerate(BLOCKS) if block.needs)
FILES = ("corner.png", "strain.png", "posterior.h5", "posterior.json", "posterior.nc")


def reduced(**given):
    """A problem whose unnamed settings are those of a short segment."""
    return Problem(**{"data": DataSettings(duration=0.03), **given})


def untrained(folder):
    """Weights of a small network for the default problem."""
    problem = Problem()
    analysis = simulated_analysis(problem)
    recipe = Recipe(
        **{name: getattr(problem, name) for name in Problem.model_fields},
        flow=FlowSettings(width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4),
    )
    features = features_of(analysis, make_bank(analysis, rows=256, seed=0))
    network = build(recipe, analysis=analysis, features=features, seed=0).model
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {"recipe": as_dict(recipe), "analysis": analysis.fingerprint}
    save_module(folder / "weights.h5", {"model": network}, provenance=collect(configuration=configuration, seed=0))


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A session on a short segment with few samples."""
    folder = tmp_path_factory.mktemp("short")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(settings, "Problem", reduced)
        yield Session("ringdown", folder, samples=FEW, network="flow", train=untrained)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A session as the page has it."""
    folder, data = tmp_path_factory.mktemp("written"), data_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if data is not None:
            patch.setenv("SWANSONG_DATA", str(data))
        yield Session("ringdown", folder, samples=20_000, network="flow", train=untrained)


@pytest.mark.parametrize("block", BLOCKS[:FIRST_PART], ids=lambda block: f"line {block.line}")
def test_the_first_part_runs(short, block):
    short.run(block)


def test_the_first_part_wrote_its_files(short):
    if short.failed:
        pytest.skip("an earlier block failed")
    short.check_files(*FILES)
    assert len(short.namespace["posterior"]) == FEW


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_the_whole_page_runs(written, block):
    written.run(block)


@pytest.mark.slow
def test_the_page_says_what_the_session_found(written):
    """The numbers in the prose."""
    if written.failed:
        pytest.skip("an earlier block failed")
    names = written.namespace
    written.check_files(*FILES)
    assert names["answer"].parameters.names[4:] == ("amplitude_330", "phase_330")
    assert names["event"].analysis.model.modes.maximum_spin == pytest.approx(0.996)
    assert names["event"].analysis.snr(names["event"].truth) == pytest.approx(58.0, abs=0.5)
    mass, spin = names["posterior"].summary()["final_mass"], names["posterior"].summary()["final_spin"]
    np.testing.assert_allclose([mass.median, mass.lower, mass.upper], [64.9, 62.2, 67.7], atol=0.3)
    np.testing.assert_allclose([spin.median, spin.lower, spin.upper], [0.81, 0.78, 0.85], atol=0.008)
    assert names["posterior"].efficiency == pytest.approx(0.97, abs=0.02)
    if "remnant" in names:
        found = names["remnant"]
        mass, spin = found.summary()["final_mass"], found.summary()["final_spin"]
        np.testing.assert_allclose([mass.median, mass.lower, mass.upper], [74.0, 59.0, 90.0], atol=1.0)
        np.testing.assert_allclose([spin.median, spin.lower, spin.upper], [0.74, 0.37, 0.91], atol=0.03)
        assert found.log_evidence - names["alone_220"].log_evidence == pytest.approx(0.15, abs=0.05)
        snr = names["real"].analysis.snr(found.resample(200, seed=0).samples)
        assert np.median(snr) == pytest.approx(12.0, abs=1.0)


def test_the_example_runs(tmp_path, capsys):
    # The problem of the short session, which is prepared and compiled already.
    example = runpy.run_path(str(ROOT / "examples" / "ringdown.py"))
    posterior = example["main"](reduced(), folder=tmp_path, samples=FEW, seed=1)
    printed = capsys.readouterr().out
    assert all(name in printed for name in posterior.parameters.names)
    assert (tmp_path / "ringdown-corner.png").stat().st_size > 0
