"""How loud a burst must be to be found: detection probability against signal-to-noise ratio."""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from swansong.core.types import Float
from swansong.encounters.background import Background
from swansong.encounters.events import Event, simulate_event
from swansong.encounters.exact import quick_log_bayes
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Problem
from swansong.inference.simulate import map_tasks

EDGES = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0)
"""Bins of the optimal signal-to-noise ratio."""

_CHUNK = 32


@dataclass(frozen=True, eq=False)
class DetectionStudy:
    """Statistics of windows with and without a signal.

    Attributes:
        background: Windows of noise.
        statistic: ln of the Bayes factor of each injection, (injections,).
        snr: Their optimal signal-to-noise ratio.
    """

    background: Background
    statistic: Float[np.ndarray, "injections"]
    snr: Float[np.ndarray, "injections"]

    def found(self, probability: float) -> np.ndarray:
        """Whether each injection passes at a false-alarm probability a window."""
        return self.statistic >= self.background.threshold(probability)

    def half_point(self, probability: float) -> float:
        """Signal-to-noise ratio at which half of the signals are found, from a logistic fit."""
        found = self.found(probability).astype(float)

        def loss(numbers: np.ndarray) -> float:
            argument = (self.snr - numbers[0]) * np.exp(numbers[1])
            return float(np.sum(np.logaddexp(0.0, argument) - found * argument))

        return float(minimize(loss, np.array([6.0, 0.0]), method="Nelder-Mead").x[0])

    def to_json(self, probabilities: tuple[float, ...] = (0.1, 0.01)) -> dict[str, Any]:
        """Tables of the study."""
        report: dict[str, Any] = {
            "noise_windows": len(self.background.statistic),
            "injections": len(self.snr),
            "detectors": list(self.background.detectors),
            "false_alarm_probability": {},
        }
        for probability in probabilities:
            found = self.found(probability)
            table = {}
            for low, high in itertools.pairwise(EDGES):
                inside = (self.snr >= low) & (self.snr < high)
                if inside.any():
                    table[f"{low:g}-{high:g}"] = {"found": int(found[inside].sum()), "of": int(inside.sum())}
            report["false_alarm_probability"][f"{probability:g}"] = {
                "threshold": self.background.threshold(probability),
                "by_snr": table,
                "half_point_snr": self.half_point(probability),
            }
        return report


def measure_detection(
    problem: Problem,
    background: Background,
    *,
    injections: int,
    seed: int,
    quietest: float = 3.0,
    store: str | Path | None = None,
    quiet: bool = False,
) -> DetectionStudy:
    """Measure the statistic on injections, those too quiet for the prior's cut included.

    Args:
        problem: The problem whose statistic is studied.
        background: Its statistic on noise.
        injections: Number of injections.
        seed: Seed.
        quietest: Smallest optimal signal-to-noise ratio of an injection.
        store: Folder in which finished chunks are kept.
        quiet: Whether to hide the progress bar.

    Returns:
        The study.
    """
    prior = problem.prior.model_copy(update={"minimum_snr": quietest})
    found = map_tasks(
        functools.partial(_signal_windows, problem, problem.model_copy(update={"prior": prior}), seed),
        range(injections),
        store=store,
        chunk=_CHUNK,
        workers=1,
        identity=f"{problem.model_dump_json()} {quietest} {seed}",
        description="injections",
        quiet=quiet,
    )
    return DetectionStudy(background, found["statistic"], found["snr"])


def _signal_windows(problem: Problem, injected: Problem, seed: int, items: range) -> dict[str, np.ndarray]:
    """Statistics of a chunk of injections."""
    statistic, snr = [], []
    for item in items:
        event = simulate_event(injected, seed=seed * 1_000_003 + item)
        analysis = prepare(problem, psd=event.analysis.psd)
        statistic.append(quick_log_bayes(Event(analysis, event.strain), seed=item))
        snr.append(analysis.snr(np.asarray(event.truth))[0])
    return {"statistic": np.array(statistic), "snr": np.array(snr)}
