"""Events: whitened data ready for an estimator, simulated or read from strain files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from swansong.core.errors import InputError
from swansong.core.files import file_sha256
from swansong.core.types import Float
from swansong.inference.posterior import Posterior
from swansong.ringdown.analysis import Analysis, Geometry, prepare
from swansong.ringdown.model import RingdownModel
from swansong.ringdown.problem import antenna_responses, detector_starts, simulated_analysis
from swansong.ringdown.settings import Problem
from swansong.signals import (
    Spectrum,
    Strain,
    check_network,
    make_whitener,
    read_strain,
    require_rate,
    welch_spectrum,
)

_BAND_SAMPLES = 400
_ATTEMPTS = 10_000  # draws before a cut on the signal-to-noise ratio is called unreachable


@dataclass(frozen=True, eq=False)
class Event:
    """Data of one event with the analysis they belong to.

    Attributes:
        analysis: Noise, antenna responses, prior and templates.
        whitened: Whitened data, (detectors, n).
        detectors: Names of the detectors.
        times: Sample times after the start, of the first detector, (n,) [s].
        truth: Injected parameters, if simulated.
        inputs: sha256 of each file read, by path.
        starts: GPS start of the ringdown at each detector [s].
        warnings: What the reader noticed.
    """

    analysis: Analysis
    whitened: Float[np.ndarray, "detectors n"]
    detectors: tuple[str, ...]
    times: Float[np.ndarray, "n"]
    truth: Float[np.ndarray, "parameters"] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def strain_bands(
        self, posterior: Posterior, *, level: float = 0.9
    ) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Band of the whitened signal in each detector.

        Args:
            posterior: Posterior of this event.
            level: Probability inside the band.

        Returns:
            Lower edge, median and upper edge by detector, (n,) each.
        """
        draws = posterior.resample(_BAND_SAMPLES, seed=0)
        signals = self.analysis.whitened_signal(draws.samples)
        tail = 0.5 * (1.0 - level)
        low, middle, high = np.quantile(signals, [tail, 0.5, 1.0 - tail], axis=0)
        return {name: (low[i], middle[i], high[i]) for i, name in enumerate(self.detectors)}


def simulate_event(problem: Problem, *, seed: int, truth: Float[np.ndarray, "parameters"] | None = None) -> Event:
    """Simulate an event of a problem: a draw from its prior in its noise.

    Args:
        problem: The problem.
        seed: Seed of parameters and noise.
        truth: Parameters to inject instead of a draw, in their units.

    Returns:
        The event.

    Raises:
        InputError: If no draw of the prior reaches the smallest signal-to-noise ratio.
    """
    analysis = simulated_analysis(problem)
    injected = draw_truths(analysis, 1, seed=seed)[0] if truth is None else np.asarray(truth)
    starts = detector_starts(problem.source, problem.data)
    return Event(
        analysis,
        analysis.simulate(injected, seed=seed),
        problem.data.detectors,
        np.arange(analysis.geometry.samples) / analysis.geometry.rate,
        truth=injected,
        starts=starts,
    )


def draw_truths(analysis: Analysis, count: int, *, seed: int) -> Float[np.ndarray, "count parameters"]:
    """Parameters from the prior with its cut on the signal-to-noise ratio.

    Args:
        analysis: The prepared problem.
        count: Number of draws.
        seed: Seed.

    Returns:
        The draws; the first ones do not depend on `count`.

    Raises:
        InputError: If the cut is out of reach.
    """
    kept: list[np.ndarray] = []
    batch = 256
    for attempt in range(1 + max(_ATTEMPTS, 20 * count) // batch):
        theta = np.asarray(analysis.model.prior.sample(jax.random.fold_in(jax.random.key(seed), attempt), batch))
        kept.extend(theta[analysis.snr(theta) >= analysis.model.settings.minimum_snr])
        if len(kept) >= count:
            return np.stack(kept[:count])
    cut = analysis.model.settings.minimum_snr
    raise InputError(f"`prior.minimum_snr` = {cut:g} is out of reach of the prior's amplitudes; lower it")


def read_event(problem: Problem, strain: Mapping[str, str | Path]) -> Event:
    """Read an event from strain files; the noise spectrum is estimated from the files themselves.

    The strain is filtered below `data.low_frequency_floor`; a Welch estimate that leaves
    out the second around the event, held flat at both ends, gives the covariance.

    Args:
        problem: Source position, start time, prior and modes; `data.detectors` names the
            files to use, in order.
        strain: Strain file of each detector.

    Returns:
        The event.

    Raises:
        FileError: If a file is missing or damaged.
        DataError: If strain holds NaN or gaps, has another rate than the problem, differs
            in length between detectors, or does not cover the segment.
        InputError: If a detector is unknown.
    """
    data, source = problem.data, problem.source
    missing = [name for name in data.detectors if name not in strain]
    if missing:
        raise InputError(
            f"`data.detectors` names {', '.join(missing)}, but there is no strain file for it; give one each"
        )
    responses = antenna_responses(source, data)
    starts = detector_starts(source, data)
    strains = check_network(
        [require_rate(read_strain(strain[name], detector=name), data.rate) for name in data.detectors]
    )
    model = RingdownModel.build(problem.model, problem.prior)
    cuts, whiteners = [], []
    for item in strains:
        item.slice(starts[item.detector], n=data.samples)
    for item in strains:
        start = starts[item.detector]
        clean = item.highpass(data.low_frequency_floor)
        spectrum = _estimate(clean, problem, start)
        whiteners.append(make_whitener(spectrum, rate=data.rate, n=data.samples, detector=item.detector))
        cuts.append(clean.slice(start, n=data.samples))
    geometry = Geometry(responses, np.array([cut.offset for cut in cuts]), data.rate, data.samples)
    analysis = prepare(model, whiteners, geometry)
    return Event(
        analysis,
        analysis.whiten(np.stack([cut.strain.data for cut in cuts])),
        data.detectors,
        np.arange(data.samples) / data.rate + cuts[0].offset,
        inputs={str(strain[name]): file_sha256(strain[name]) for name in data.detectors},
        starts=starts,
        warnings=tuple(sentence for whitener in whiteners for sentence in whitener.warnings),
    )


def _estimate(strain: Strain, problem: Problem, start: float) -> Spectrum:
    """Noise spectrum of a filtered file without the event."""
    data = problem.data
    return welch_spectrum(
        strain,
        segment=data.spectrum_segment,
        floor_above=data.high_frequency_floor,
        hold_below=data.low_frequency_floor,
        exclude=(start - 0.5, start + 0.5),
    )
