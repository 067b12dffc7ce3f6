"""The inspiral tutorial's Python in one session, with what its prose says, and the example."""

import runpy

import numpy as np
import pytest
from documents import ROOT
from sessions import Session, python_blocks

BLOCKS = python_blocks("emri")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emri")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Session("emri", folder, samples=0, network="", train=None)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_the_page_runs(session, block):
    session.run(block)


def test_the_page_says_what_the_session_found(session):
    """The numbers in the prose; loose enough for a table of tracks that is made anew."""
    if session.failed:
        pytest.skip("an earlier block failed")
    names = session.namespace
    session.check_files("data.h5", "map.png")
    np.testing.assert_allclose(names["orbit"].p[[0, 2]], [6.55, 4.72], atol=0.01)
    signal = names["signal"]
    assert [signal.share(2, 0), signal.share(3, 0)] == pytest.approx([0.76, 0.17], abs=0.01)
    assert np.sqrt(signal.squared_snr[0].sum()) == pytest.approx(36.0, abs=0.5)
    best, both = names["best"], names["both"]
    assert best.statistic == pytest.approx(25.0, abs=1.5)
    assert names["loudest"].statistic < 7.0
    assert np.median(np.abs(best.frequency[both] / names["true"][both] - 1.0)) < 5e-4
    assert abs(best.theta[3] - names["source"]["plunge_time"]) < 5e-4
    # Masses and spin are near, the eccentricity is not to be had from the track.
    assert np.abs(best.theta[:3] / names["truth"][:3] - 1.0).max() < 0.1


def test_the_example_runs(session, tmp_path, capsys):
    example = runpy.run_path(str(ROOT / "examples" / "emri_search.py"))
    if session.failed:
        pytest.skip("the page failed, whose settings the example takes here")
    found = example["main"](session.namespace["settings"], folder=tmp_path, duration=4.5e6, seed=2)
    printed = capsys.readouterr().out
    assert found.candidates[0].statistic > 10.0
    assert all(name in printed for name in ("mass_2", "statistic", "median error"))
    assert (tmp_path / "emri-track.png").stat().st_size > 0
