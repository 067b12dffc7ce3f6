"""The Python of the tutorial on amplitudes in one session, with what its prose says."""

import numpy as np
import pytest
from sessions import Session, python_blocks

BLOCKS = python_blocks("amplitudes")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amplitudes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Session("amplitudes", folder, samples=0, network="", train=None)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_the_page_runs(session, block):
    session.run(block)


def test_the_page_says_what_the_session_found(session):
    """The numbers in the prose."""
    if session.failed:
        pytest.skip("an earlier block failed")
    names = session.namespace
    session.check_files("modes.png", "spectrum.png", "scan.png")
    found, power = names["found"], names["power"]
    assert found.modes[0, :3].tolist() == [[2, 1, 1, 1], [2, 2, 0, 1], [2, 2, 0, 2]]
    np.testing.assert_allclose(np.abs(found.values[0, :3]), [1.3188e-3, 1.3114e-3, 1.3364e-3], rtol=4e-5)
    assert 2.0 * names["circular"].power[2, 0] == pytest.approx(4.4546001102360994e-5, rel=1e-6)
    assert len(power) == 526
    counts = [len(names["dominant"](power, share=share, least=0.0)) for share in (0.5, 0.9, 0.99)]
    assert [*counts, len(names["strong"])] == [6, 29, 131, 57]
    assert power[names["strong"]].sum() / power.sum() == pytest.approx(0.963, abs=5e-4)
    loss = names["loss"]
    assert names["lines"].total == pytest.approx(loss.energy_infinity, rel=1e-12)
    np.testing.assert_allclose([loss.energy_infinity, loss.momentum_infinity], [1.9303e-4, 2.1741e-3], rtol=3e-5)
    assert names["change"] == pytest.approx(1.0e-5, rel=0.05)
    # The zero of (3, 3, 3, 0).
    before, after = (names["tilted"](x)[5] for x in (-0.4, -0.3))
    assert np.cos(np.angle(after / before)) == pytest.approx(-1.0, abs=1e-3)
    assert names["close"].resonant.tolist() == [True, False]
    assert names["far"].extrapolated.all()
    wave = names["wave"]
    assert len(wave.modes) == 127
    assert wave.extrapolated_time == pytest.approx(0.033, abs=0.005)
    np.testing.assert_allclose(wave.orbits[[0, -1], 1], [5.3, 2.4], atol=0.05)
    np.testing.assert_allclose(wave.orbits[[0, -1], 2], [0.24, 0.10], atol=0.005)
    assert names["error"] == pytest.approx(1.9e-3, rel=0.05)
