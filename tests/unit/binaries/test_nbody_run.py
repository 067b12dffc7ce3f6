"""Whole mergers: end, log, frames, resuming, ensembles."""

from pathlib import Path

import numpy as np
import pytest

from swansong.binaries.nbody import run as running
from swansong.binaries.nbody.ensemble import run_ensemble
from swansong.binaries.nbody.run import run_merger
from swansong.binaries.nbody.settings import ENERGY_TOLERANCE, Ensemble, EnsembleSettings, RunSettings
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.errors import FileError

SHORT = RunSettings(longest=20.0)
MERGER = Merger(0.9, 128, 2)


def same(first: Trajectory, second: Trajectory) -> bool:
    """Whether two trajectories have the same bits."""
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("time", "energy", "momentum", "separation")
    )


@pytest.fixture(scope="module")
def whole() -> Trajectory:
    """A short merger in one go."""
    return run_merger(MERGER, settings=SHORT).trajectory


def test_a_run_ends_on_time_with_a_log_and_frames() -> None:
    found = run_merger(MERGER, settings=SHORT, frames=(0.0, 5.0))
    assert found.trajectory.time[0] == 0.0
    assert np.allclose(np.diff(found.trajectory.time), 0.25)
    assert 20.0 <= found.trajectory.time[-1] < 28.0
    assert found.trajectory.separation[0] == pytest.approx(20.0, rel=1e-3)
    assert found.trajectory.energy_error == np.abs(found.log.energy_error).max() < 5e-2
    assert found.frames.shape == (2, 3, 128)
    assert found.frame_times[1] == 5.0
    # Stars keep their places in frames: in five units of time none crosses the whole system.
    assert np.median(np.abs(found.frames[1] - found.frames[0])) < 3.0


def test_an_interrupted_run_goes_on_with_the_same_bits(
    whole: Trajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_PATIENCE", -1.0)
    state = tmp_path / "state.h5"
    calls = []

    def stop(now: float) -> None:
        calls.append(now)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_merger(MERGER, settings=SHORT, state=state, progress=stop)
    assert state.is_file()
    with pytest.raises(FileError, match="another merger"):
        run_merger(Merger(0.9, 128, 3), settings=SHORT, state=state)
    assert same(run_merger(MERGER, settings=SHORT, state=state).trajectory, whole)
    assert not state.exists()


def test_an_ensemble_is_its_mergers_and_is_not_run_twice(
    whole: Trajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = EnsembleSettings(
        ensemble=Ensemble(eccentricities=(0.9, 0.99), particles=(128,), realisations=(1,)), run=SHORT
    )
    found = run_ensemble(settings, seed=2, store=tmp_path, workers=1, quiet=True)
    assert [one.merger.eccentricity for one in found] == [0.9, 0.99]
    assert same(found[0], whole)
    monkeypatch.setattr("swansong.binaries.nbody.ensemble.run_merger", None)
    again = run_ensemble(settings, seed=2, store=tmp_path, workers=1, quiet=True)
    assert same(again[1], found[1])


def test_masses_by_energy_are_another_merger(whole: Trajectory) -> None:
    other = run_merger(MERGER, settings=SHORT.model_copy(update={"masses": "spectrum"})).trajectory
    assert not np.array_equal(other.energy, whole.energy)


@pytest.mark.slow
def test_a_merger_of_4096_stars_makes_a_hard_pair_and_keeps_its_energy() -> None:
    found = run_merger(Merger(0.9, 4096, 1)).trajectory
    assert found.energy_error < 2e-3 < ENERGY_TOLERANCE
    assert 100.0 < found.binding_time < 200.0
    assert 200.0 < 1.0 / found.axis[-1] < 700.0
    assert found.time[np.argmin(found.separation[: (4 * 100)])] == pytest.approx(64.7, abs=12.0)
