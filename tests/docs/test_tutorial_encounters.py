"""The close-encounter tutorial's Python in one session, and the example.

The fast tests run what needs nothing else, with few samples; `make slow` runs the page as written, and compares what it
finds with the numbers in its prose.
"""

import runpy

import numpy as np
import pytest
from documents import ROOT
from sessions import FEW, Session, data_folder, python_blocks

from swansong.encounters.fitting import fit
from swansong.encounters.model import strain_amplitude, timescale
from swansong.encounters.settings import CompactSettings, Problem, Recipe
from swansong.learning.plan import TrainingPlan

BLOCKS = python_blocks("encounters")
FILES = ("corner.png", "strain.png", "sky.png", "skymap.fits.gz", "posterior.h5")


def barely_trained(folder):
    """Weights of a small network for the default problem after a few steps."""
    plan = TrainingPlan(steps=4, batch_size=16, validate_every=2, validation_batches=1, checkpoint_every=4)
    size = CompactSettings(rank=8, width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4)
    fit(Recipe(bank=256, compact=size, training=plan), seed=0, folder=folder, quiet=True)


def session(folder, *, samples):
    return Session("encounters", folder, samples=samples, network="compact", train=barely_trained)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A session with few samples."""
    folder = tmp_path_factory.mktemp("short")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield session(folder, samples=FEW)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A session as the page has it."""
    folder, data = tmp_path_factory.mktemp("written"), data_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if data is not None:
            patch.setenv("SWANSONG_DATA", str(data))
        yield session(folder, samples=20_000)


@pytest.mark.parametrize("block", [one for one in BLOCKS if not one.needs], ids=lambda block: f"line {block.line}")
def test_what_needs_nothing_else_runs(short, block):
    short.run(block)


def test_it_wrote_its_files(short):
    if short.failed:
        pytest.skip("an earlier block failed")
    short.check_files(*FILES)
    assert len(short.namespace["posterior"]) == FEW


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_the_whole_page_runs(written, block):
    written.run(block)


def interval(found):
    return [found["median"], found["lower"], found["upper"]]


@pytest.mark.slow
def test_the_page_says_what_the_session_found(written):
    """The numbers in the prose."""
    if written.failed:
        pytest.skip("an earlier block failed")
    written.check_files(*FILES)
    names = written.namespace
    posterior, truth = names["posterior"], names["truth"]
    assert names["event"].analysis.snr(names["event"].truth)[0] == pytest.approx(12.1, abs=0.05)
    assert posterior.efficiency == pytest.approx(0.52, abs=0.05)
    tau, height = (posterior.metadata["derived"][name] for name in ("timescale", "strain_amplitude"))
    np.testing.assert_allclose(interval(tau), [0.0426, 0.0358, 0.0503], rtol=0.02)
    np.testing.assert_allclose(interval(height), [6.5e-22, 3.8e-22, 1.28e-21], rtol=0.04)
    m, q, p, d = (truth[name] for name in ("total_mass", "mass_ratio", "semi_latus_rectum", "luminosity_distance"))
    assert timescale(m, p) == pytest.approx(0.0417, abs=5e-5)
    assert strain_amplitude(m, q, p, d) == pytest.approx(6.9e-22, abs=5e-24)
    mass = posterior.summary()["total_mass"]
    np.testing.assert_allclose([mass.median, mass.lower, mass.upper], [126.0, 79.0, 173.0], rtol=0.02)
    widths = posterior.metadata["width_over_prior"]
    said = {"ra": 0.04, "dec": 0.16, "theta_jn": 0.48, "luminosity_distance": 0.59, "total_mass": 0.79}
    np.testing.assert_allclose([widths[name] for name in said], list(said.values()), rtol=0.1, atol=0.01)
    assert set(posterior.metadata["prior_dominated"]) == {"mass_ratio", "eccentricity", "psi", "argument_of_pericentre"}
    assert names["place"].credible_area(0.9) == pytest.approx(704.0, rel=0.08)
    # One detector is the last of the loop.
    assert names["where"].credible_area(0.9) == pytest.approx(30_800.0, rel=0.03)
    assert np.median(names["snr"]) == pytest.approx(0.75, abs=0.03)
    assert np.mean(names["snr"] > 5.0) == pytest.approx(1.0 / 17.0, abs=0.01)
    if "merger" in names:
        facts = names["merger"].metadata
        assert facts["log_bayes_factor"] == pytest.approx(56.0, abs=0.5)
        assert facts["goodness_of_fit"] < 1e-6
        assert "no single close encounter" in " ".join(names["merger"].warnings)


def test_the_example_runs(tmp_path, capsys):
    example = runpy.run_path(str(ROOT / "examples" / "encounters.py"))
    posterior = example["main"](Problem(), folder=tmp_path, samples=FEW, seed=1)
    printed = capsys.readouterr().out
    assert all(name in printed for name in posterior.parameters.names)
    assert (tmp_path / "encounters-sky.png").stat().st_size > 0
