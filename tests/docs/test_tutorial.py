"""The tutorial's Python, block after block in one session, and the example.

The fast tests run its first part on a shorter segment with few samples; `make slow` runs all of it as written, and
compares what it finds with the numbers in its prose.
"""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT, blocks

from swansong.core.config import as_dict
from swansong.core.errors import InputError
from swansong.core.provenance import collect
from swansong.learning.checkpoints import save_module
from swansong.ringdown import settings
from swansong.ringdown.bank import make_bank
from swansong.ringdown.fitting import build, features_of
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import DataSettings, FlowSettings, Problem, Recipe
from swansong.learning.packaged import packaged_weights

TUTORIAL = ROOT / "docs" / "tutorials" / "ringdown.md"
BLOCKS = [block for block in blocks(TUTORIAL) if block.language == "python"]
FIRST_PART = next(place for place, block in enumerate(BLOCKS) if block.needs)
FEW = 500


def reduced(**given):
    """A problem whose unnamed settings are those of a short segment."""
    return Problem(**{"data": DataSettings(duration=0.03), **given})


def untrained(problem, path):
    """Weights of a small network as training would leave them."""
    analysis = simulated_analysis(problem)
    recipe = Recipe(
        **{name: getattr(problem, name) for name in Problem.model_fields},
        flow=FlowSettings(width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4),
    )
    features = features_of(analysis, make_bank(analysis, rows=256, seed=0))
    network = build(recipe, analysis=analysis, features=features, seed=0).model
    path.parent.mkdir(parents=True, exist_ok=True)
    configuration = {"recipe": as_dict(recipe), "analysis": analysis.fingerprint}
    save_module(path, {"model": network}, provenance=collect(configuration=configuration, seed=0))


def data_folder():
    """Folder of the public strain, or None."""
    named = os.environ.get("SWANSONG_DATA") or ROOT.parent / "shared" / "data"
    folder = Path(named).resolve()
    return folder if any(folder.glob("H-H1_LOSC_4_V2-*.hdf5")) else None


class Session:
    """One run of the tutorial: the namespace that its blocks share, and what it lacks."""

    def __init__(self, folder, *, samples):
        self.folder, self.samples = folder, f"{samples:_}"
        self.namespace, self.failed = {"__name__": "tutorial"}, False

    def lacks(self, need):
        """Why a block cannot run here, empty if it can."""
        if need == "data" and data_folder() is None:
            return "no public strain; set SWANSONG_DATA to the folder that holds GW150914's files"
        if need == "weights":
            try:
                packaged_weights("ringdown", "flow")
            except InputError as error:
                return str(error)
        return ""

    def run(self, block):
        if self.failed:
            pytest.skip("an earlier block failed")
        if reason := self.lacks(block.needs):
            pytest.skip(reason)
        if block.needs == "training":
            untrained(Problem(), self.folder / "runs" / "mine" / "weights.h5")
        # Blank lines before it give the code the page's line numbers in a traceback.
        text = "\n" * (block.line - 1) + block.text.replace("20_000", self.samples)
        self.failed = True
        exec(compile(text, str(block.page), "exec"), self.namespace)
        self.failed = False

    def check_files(self):
        for file in ("corner.png", "strain.png", "posterior.h5", "posterior.json", "posterior.nc"):
            assert (self.folder / file).stat().st_size > 0


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A session on a short segment with few samples."""
    folder = tmp_path_factory.mktemp("short")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(settings, "Problem", reduced)
        yield Session(folder, samples=FEW)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A session as the page has it."""
    folder, data = tmp_path_factory.mktemp("written"), data_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if data is not None:
            patch.setenv("SWANSONG_DATA", str(data))
        yield Session(folder, samples=20_000)


@pytest.mark.parametrize("block", BLOCKS[:FIRST_PART], ids=lambda block: f"line {block.line}")
def test_the_first_part_runs(short, block):
    short.run(block)


def test_the_first_part_wrote_its_files(short):
    if short.failed:
        pytest.skip("an earlier block failed")
    short.check_files()
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
    written.check_files()
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
