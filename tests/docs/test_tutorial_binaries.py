"""The Python of the tutorial on supermassive pairs in one session, with what its prose says."""

import numpy as np
import pytest
from sessions import Session, python_blocks

BLOCKS = python_blocks("binaries")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binaries")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Session("binaries", folder, samples=0, network="rates", train=None)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_the_page_runs(session, block, capsys):
    session.run(block)
    assert capsys.readouterr().out.strip()


def test_the_page_says_what_the_session_found(session):
    """The galaxies begin 20 radii apart; the predicted pair hardens, and its bands are in order."""
    if session.failed:
        pytest.skip("an earlier block failed")
    found = session.namespace["found"]
    assert np.all(np.diff(found.bands[2, :, -1]) > 0.0)
    assert 1.0 / found.median[2, 0] == pytest.approx(100.0, rel=0.2)
    assert 200.0 < 1.0 / found.median[2, -1] < 600.0
    assert session.namespace["surrogate"].recipe.estimator == "rates"
