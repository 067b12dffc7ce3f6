"""Searching longer strain: windows side by side, each with its Bayes factor against noise."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swansong.core.errors import DataError, InputError
from swansong.core.progress import track
from swansong.core.types import Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.answers import SYSTEM
from swansong.encounters.background import (
    Background,
    identity_of,
    measure_background,
    packaged_background,
    shuffled_pairs,
)
from swansong.encounters.events import Event, conditioned, estimated_psd, segment
from swansong.encounters.exact import exact_posterior, quick_log_bayes
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Problem, SourceSettings
from swansong.inference.posterior import Posterior
from swansong.signals import Strain, check_network

_SHORTEST = 4  # segments that a spectrum needs
_APART = 2  # windows between two candidates
_FEWEST = 20  # windows from which combinations of different times are made


@dataclass(frozen=True, eq=False)
class Candidate:
    """A window that noise alone rarely makes.

    Attributes:
        gps: Median time of pericentre at the geocentre [s].
        statistic: ln of the Bayes factor.
        false_alarm_probability: Probability that a window of noise reaches the statistic.
        goodness_of_fit: p-value of the residual; small for what the model does not explain.
        snr: Optimal signal-to-noise ratio of the best sample.
        posterior: Posterior of the window.
        event: The window's data.
    """

    gps: float
    statistic: float
    false_alarm_probability: float
    goodness_of_fit: float
    snr: float
    posterior: Posterior
    event: Event

    def to_json(self) -> dict[str, Any]:
        """The candidate under the names of `detect --json`."""
        summary = self.posterior.to_json_summary()
        return {
            "gps": self.gps,
            "statistic": self.statistic,
            "false_alarm_probability": self.false_alarm_probability,
            "goodness_of_fit": self.goodness_of_fit,
            "snr": self.snr,
            "parameters": summary["parameters"],
            "warnings": summary["warnings"],
        }


@dataclass(frozen=True, eq=False)
class Detection:
    """A scan of continuous strain.

    Attributes:
        windows: GPS time of the middle of each window [s].
        statistic: ln of the Bayes factor of each window.
        false_alarm: Probability that a window of noise reaches the statistic.
        candidates: Windows at or below the threshold, the most significant first.
        background: The noise windows that probabilities are counted on.
        threshold: Largest false-alarm probability of a candidate.
        seconds: Time that the scan took [s].
        warnings: What to know about the result.
    """

    windows: Float[np.ndarray, "windows"]
    statistic: Float[np.ndarray, "windows"]
    false_alarm: Float[np.ndarray, "windows"]
    candidates: tuple[Candidate, ...]
    background: Background
    threshold: float
    seconds: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `detect --json`, without the files."""
        return {
            "system": SYSTEM,
            "windows": len(self.windows),
            "background": {"windows": len(self.background.statistic), "detectors": list(self.background.detectors)},
            "threshold": self.threshold,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "seconds": self.seconds,
            "warnings": list(self.warnings),
        }


def detect(
    problem: Problem,
    strains: Sequence[Strain],
    *,
    seed: int = 0,
    threshold: float = 0.01,
    samples: int = 5000,
    candidates: int = 5,
    start: float | None = None,
    end: float | None = None,
    background: int = 200,
    quiet: bool = False,
) -> Detection:
    """Scan continuous strain for bursts.

    Windows as long as the prior's range of pericentre times lie side by side. The noise is
    estimated once, from all the strain. False alarms are counted on combinations of
    windows from different times, in which no wave can reach all detectors; the loudest
    window and its neighbours take no part. One detector alone, or strain of few windows,
    is compared with simulated noise.

    Args:
        problem: The problem; its `source.gps` is not used.
        strains: Strain of each detector, same start and length.
        seed: Seed of all draws.
        threshold: Largest false-alarm probability of a candidate.
        samples: Samples of each candidate's posterior.
        candidates: Most candidates to analyse.
        start: GPS time at which to start [s]; as early as the strain allows if None.
        end: GPS time at which to end [s].
        background: Noise windows to count false alarms on.
        quiet: Whether to hide the progress bars.

    Returns:
        The scan.

    Raises:
        InputError: If the threshold is not between 0 and 1.
        DataError: If the strain is too short, sampled too slowly, or differs between detectors.
    """
    if not 0.0 < threshold < 1.0:
        raise InputError(f"`threshold` must lie between 0 and 1, got {threshold:g}; 0.01 a window is usual")
    began = time.perf_counter()
    stretch = _Stretch.of(problem, strains, start=start, end=end)
    count = len(stretch.centres)
    statistic = np.empty(count)
    for index in track(range(count), description="windows", quiet=quiet):
        statistic[index] = stretch.statistic([index] * len(strains), seed=seed * 1_000_003 + index)
    noise, warnings = _background(stretch, statistic, windows=background, seed=seed, quiet=quiet)
    if noise.resolution > threshold:
        warnings.append(
            f"the background holds {len(noise.statistic)} windows and cannot show probabilities below "
            f"{noise.resolution:.1e}; no window can pass the threshold of {threshold:g}"
        )
    false_alarm = noise.false_alarm_probability(statistic)
    found: list[Candidate] = []
    taken: list[int] = []
    for index in map(int, np.argsort(-statistic)):
        if false_alarm[index] > threshold or len(found) >= candidates:
            break
        # What whitening leaves of a loud burst rings into its neighbours.
        if all(abs(index - other) > _APART for other in taken):
            taken.append(index)
            found.append(stretch.candidate(index, false_alarm[index], statistic[index], samples=samples, seed=seed))
    seconds = time.perf_counter() - began
    return Detection(stretch.centres, statistic, false_alarm, tuple(found), noise, threshold, seconds, tuple(warnings))


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Strain ready to be cut into windows.

    Attributes:
        problem: The problem.
        strains: Conditioned strain of each detector.
        centres: GPS time of the middle of each window [s].
        analysis: Analysis of the first window, whose noise and prior all share.
    """

    problem: Problem
    strains: tuple[Strain, ...]
    centres: Float[np.ndarray, "windows"]
    analysis: Analysis

    @classmethod
    def of(cls, problem: Problem, strains: Sequence[Strain], *, start: float | None, end: float | None) -> "_Stretch":
        strains = check_network(list(strains))
        data = problem.data
        if strains[0].duration < _SHORTEST * data.duration:
            raise DataError(
                f"{strains[0].source} lasts {strains[0].duration:g} s, but a scan needs "
                f"{_SHORTEST * data.duration:g} s to estimate its noise; give a longer stretch"
            )
        prepared = tuple(conditioned(item, data) for item in strains)
        psd = np.stack([estimated_psd(item, data) for item in prepared])
        early, late = problem.prior.pericentre_time
        half = 0.5 * data.duration
        first = max(strains[0].start + half, -np.inf if start is None else start - early)
        last = min(strains[0].end - half, np.inf if end is None else end - late)
        if last < first:
            raise DataError(
                f"no window fits between GPS {first + early:.3f} and {last + late:.3f}; windows need {half:g} s of "
                "strain on both sides of their middle"
            )
        centres = np.arange(first, last + 1e-9, late - early)
        here = problem.model_copy(update={"source": SourceSettings(gps=float(centres[0]))})
        return cls(here, prepared, centres, prepare(here, psd=psd))

    def event(self, windows: Sequence[int]) -> Event:
        """The data of a window, or of one from another time for each detector."""
        data = self.problem.data
        times = [float(self.centres[index]) for index in windows]
        # The Earth's rotation is that of the first detector's window.
        analysis = self.analysis.at(times[0])
        return Event(
            analysis, np.stack([segment(item, data, gps) for item, gps in zip(self.strains, times, strict=True)])
        )

    def statistic(self, windows: Sequence[int], *, seed: int) -> float:
        """Log of the Bayes factor of a window."""
        return quick_log_bayes(self.event(windows), seed=seed)

    def candidate(self, index: int, false_alarm: float, statistic: float, *, samples: int, seed: int) -> Candidate:
        """The posterior of a window and how well it fits."""
        event = self.event([index] * len(self.strains))
        posterior = exact_posterior(event, samples=samples, seed=seed)
        best = posterior.samples[int(np.argmax(np.asarray(posterior.log_weights)))]
        middle = float(posterior.quantile("pericentre_time", 0.5)[0])
        return Candidate(
            gps=float(self.centres[index]) + middle,
            statistic=float(statistic),
            false_alarm_probability=float(false_alarm),
            goodness_of_fit=float(posterior.metadata["goodness_of_fit"]),
            snr=float(event.analysis.snr(best)[0]),
            posterior=posterior,
            event=event,
        )


def _background(
    stretch: _Stretch, statistic: Float[np.ndarray, "windows"], *, windows: int, seed: int, quiet: bool
) -> tuple[Background, list[str]]:
    """Noise windows to count false alarms on, and what to know about them."""
    detectors, count = len(stretch.strains), len(stretch.centres)
    loudest = int(np.argmax(statistic))
    rng = np.random.default_rng([seed, 15])
    if detectors > 1 and count >= _FEWEST:
        pairs = shuffled_pairs(count, detectors, count=windows, left_out=range(loudest - 1, loudest + 2), rng=rng)
        values = [
            stretch.statistic(list(pair), seed=seed * 1_000_003 + count + index)
            for index, pair in enumerate(track(pairs, description="background", quiet=quiet))
        ]
        name = stretch.problem.data.detectors
        return Background(np.sort(np.array(values)), name, identity_of(stretch.problem)), []
    packaged = packaged_background(stretch.problem)
    found = packaged or measure_background(stretch.problem, windows=windows, seed=seed, quiet=quiet)
    reason = "one detector has no other time to be compared with" if detectors == 1 else f"{count} windows are too few"
    return found, [
        f"{reason}: false alarms are counted on {len(found.statistic)} windows of simulated Gaussian noise, and real "
        "noise makes more of them"
    ]
