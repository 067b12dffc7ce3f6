"""Many mergers: which ones, and how they are computed side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
from jaxtyping import Float

from swansong.binaries.nbody.run import run_merger
from swansong.binaries.nbody.settings import EnsembleSettings, RunSettings
from swansong.binaries.trajectories import SERIES, Merger, Trajectory
from swansong.inference.simulate import map_tasks
from swansong.inference.workers import usable_processors

_SPARE = 66  # outputs of one block, which may pass the end of a run, and the first


@dataclass(frozen=True)
class _Work:
    """Runs some mergers; another process can be sent it."""

    settings: RunSettings
    states: Path | None
    threads: int

    def __call__(self, items: Sequence[Merger]) -> dict[str, np.ndarray]:
        numba.set_num_threads(self.threads)
        rows = [self._row(merger) for merger in items]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, merger: Merger) -> dict[str, np.ndarray]:
        """One trajectory, padded to the longest there can be."""
        state = None
        if self.states is not None:
            state = self.states / f"e{merger.eccentricity:g}-n{merger.particles}-s{merger.seed}.h5"
        found = run_merger(merger, settings=self.settings, state=state).trajectory
        accuracy = self.settings.integrator
        most = 2 * math.ceil(self.settings.longest / accuracy.longest) + _SPARE
        series = np.full((most, len(SERIES)), np.nan)
        series[: len(found)] = np.stack([getattr(found, name) for name in SERIES], axis=1)
        return {"series": series, "energy_error": np.asarray(found.energy_error)}


def run_ensemble(
    settings: EnsembleSettings, *, seed: int, store: Path | None = None, workers: int | None = None, quiet: bool = False
) -> list[Trajectory]:
    """Run every merger of an ensemble.

    Args:
        settings: Which mergers, and how.
        seed: Seed of the first realisation of each; others follow.
        store: Folder for finished mergers and the states of unfinished ones; a second call goes on from there.
        workers: Processes; None takes one for each processor.
        quiet: Show no progress bar.

    Returns:
        The trajectories, in the order of `Ensemble.mergers`.

    Raises:
        InputError: A merger cannot be set up, or the store holds another run.
        RunError: A run fails.
    """
    mergers = settings.ensemble.mergers(seed=seed)
    processors = usable_processors()
    count = min(processors if workers is None else max(workers, 1), len(mergers))
    states = None
    if store is not None:
        states = store / "states"
        states.mkdir(parents=True, exist_ok=True)
    rows = map_tasks(
        _Work(settings.run, states, max(1, processors // count)),
        mergers,
        store=store,
        workers=count,
        chunk=1,
        identity=repr(settings.run),
        description="merging galaxies",
        quiet=quiet,
    )
    return [
        _trajectory(merger, series, float(error))
        for merger, series, error in zip(mergers, rows["series"], rows["energy_error"], strict=True)
    ]


def _trajectory(merger: Merger, series: Float[np.ndarray, "times 4"], error: float) -> Trajectory:
    held = series[np.isfinite(series[:, 0])]
    return Trajectory(merger=merger, energy_error=error, **dict(zip(SERIES, held.T, strict=True)))
