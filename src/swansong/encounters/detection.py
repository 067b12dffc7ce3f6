"""Searching longer strain: windows side by side, each with its Bayes factor against noise."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from swansong.core.errors import DataError
from swansong.core.progress import track
from swansong.core.types import Float
from swansong.encounters.answers import SYSTEM
from swansong.encounters.background import Background, background_for
from swansong.encounters.events import Event, conditioned, estimated_psd, segment
from swansong.encounters.exact import exact_posterior, quick_log_bayes
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Problem, SourceSettings
from swansong.inference.posterior import Posterior
from swansong.signals import Strain, check_network

_SHORTEST = 4  # segments that a spectrum needs


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
    background: Background | None = None,
    quiet: bool = False,
) -> Detection:
    """Scan continuous strain for bursts.

    Windows as long as the prior's range of pericentre times lie side by side. The noise is
    estimated once, from all the strain.

    Args:
        problem: The problem; its `source.gps` is not used.
        strains: Strain of each detector, same start and length.
        seed: Seed of all draws.
        threshold: Largest false-alarm probability of a candidate.
        samples: Samples of each candidate's posterior.
        candidates: Most candidates to analyse.
        start: GPS time at which to start [s]; as early as the strain allows if None.
        end: GPS time at which to end [s].
        background: Noise windows to count false alarms on; the packaged ones if None,
            or new ones for networks and priors that none are packaged for.
        quiet: Whether to hide the progress bars.

    Returns:
        The scan.

    Raises:
        DataError: If the strain is too short, sampled too slowly, or differs between detectors.
    """
    began = time.perf_counter()
    strains = check_network(list(strains))
    data = problem.data
    if strains[0].duration < _SHORTEST * data.duration:
        raise DataError(
            f"{strains[0].source} lasts {strains[0].duration:g} s, but a scan needs {_SHORTEST * data.duration:g} s to "
            "estimate its noise; give a longer stretch"
        )
    prepared = [conditioned(item, data) for item in strains]
    psd = np.stack([estimated_psd(item, data) for item in prepared])
    warnings: list[str] = []
    if background is None:
        background, warnings = background_for(problem, psd=psd, seed=seed, quiet=quiet)
    early, late = problem.prior.pericentre_time
    half = 0.5 * data.duration
    first = max(strains[0].start + half, -np.inf if start is None else start - early)
    last = min(strains[0].end - half, np.inf if end is None else end - late)
    if last < first:
        raise DataError(
            f"no window fits between GPS {first + early:.3f} and {last + late:.3f}; windows need {half:g} s of strain on "
            "both sides of their middle"
        )
    centres = np.arange(first, last + 1e-9, late - early)
    statistic = np.empty(len(centres))
    for index, centre in enumerate(track(centres, description="windows", quiet=quiet)):
        event = _window(problem, prepared, psd, centre)
        statistic[index] = quick_log_bayes(event, seed=seed * 1_000_003 + index)
    false_alarm = background.false_alarm_probability(statistic)
    found = _candidates(
        problem, prepared, psd, centres=centres, statistic=statistic, false_alarm=false_alarm,
        threshold=threshold, most=candidates, samples=samples, seed=seed,
    )  # fmt: skip
    if background.resolution > threshold:
        warnings.append(
            f"the background holds {len(background.statistic)} windows and cannot show probabilities below "
            f"{background.resolution:.1e}; no window can pass the threshold of {threshold:g}"
        )
    return Detection(
        centres, statistic, false_alarm, found, background, threshold, time.perf_counter() - began, tuple(warnings)
    )


def _window(problem: Problem, strains: Sequence[Strain], psd: Float[np.ndarray, "detectors bins"], gps: float) -> Event:
    """The data of one window."""
    here = problem.model_copy(update={"source": SourceSettings(gps=float(gps))})
    analysis = prepare(here, psd=psd)
    return Event(analysis, np.stack([segment(item, problem.data, float(gps)) for item in strains]))


def _candidates(
    problem: Problem,
    strains: Sequence[Strain],
    psd: Float[np.ndarray, "detectors bins"],
    *,
    centres: Float[np.ndarray, "windows"],
    statistic: Float[np.ndarray, "windows"],
    false_alarm: Float[np.ndarray, "windows"],
    threshold: float,
    most: int,
    samples: int,
    seed: int,
) -> tuple[Candidate, ...]:
    """Posteriors of the windows that pass; of two neighbours only the louder one is kept."""
    found: list[Candidate] = []
    taken: list[int] = []
    for index in np.argsort(-statistic):
        if false_alarm[index] > threshold or len(found) >= most:
            break
        if any(abs(int(index) - other) <= 1 for other in taken):
            continue
        taken.append(int(index))
        event = _window(problem, strains, psd, float(centres[index]))
        posterior = exact_posterior(event, samples=samples, seed=seed)
        best = posterior.samples[int(np.argmax(np.asarray(posterior.log_weights)))]
        middle = float(posterior.quantile("pericentre_time", 0.5)[0])
        found.append(
            Candidate(
                gps=float(centres[index]) + middle,
                statistic=float(posterior.metadata["log_bayes_factor"]),
                false_alarm_probability=float(false_alarm[index]),
                goodness_of_fit=float(posterior.metadata["goodness_of_fit"]),
                snr=float(event.analysis.snr(best)[0]),
                posterior=replace(posterior, warnings=event.warnings + posterior.warnings),
                event=event,
            )
        )
    return tuple(found)
