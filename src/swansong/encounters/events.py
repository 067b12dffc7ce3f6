"""Events: data ready for an estimator, simulated or read from strain files."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.signal.windows import tukey

from swansong.core.errors import DataError, InputError
from swansong.core.files import file_sha256
from swansong.core.types import Complex, Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.likelihood import Templates
from swansong.encounters.problem import drawn_psd, frequencies, prepare
from swansong.encounters.settings import LOWEST_RATE, DataSettings, Problem
from swansong.encounters.waveform import Burst
from swansong.inference.posterior import Posterior
from swansong.signals import Strain, check_network, detector, read_strain, welch_spectrum

_BAND_SAMPLES = 300
_ATTEMPTS = 400
_BATCH = 512
_SHOWN = 0.3  # time on both sides of the window that figures show [s]
_ROLL_OFF = 0.2  # time over which the ends of a segment are faded [s]
_HIGH_PASS = 0.7  # corner of the high-pass filter in units of the lowest analysed frequency


@dataclass(frozen=True, eq=False)
class Event:
    """Data of one event with the analysis they belong to.

    Attributes:
        analysis: Network, noise, prior and templates.
        strain: Fourier transform of the segment, phases counted from its start, (detectors, bins) [1/Hz].
        truth: Injected parameters, if simulated.
        inputs: sha256 of each file read, by path.
        warnings: What the reader noticed.
    """

    analysis: Analysis
    strain: Complex[np.ndarray, "detectors bins"]
    truth: Float[np.ndarray, "parameters"] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names of the detectors."""
        return self.analysis.network.names

    @functools.cached_property
    def whitened(self) -> Complex[np.ndarray, "detectors bins"]:
        """Whitened data."""
        return self.analysis.whiten(self.strain)

    @functools.cached_property
    def times(self) -> Float[np.ndarray, "n"]:
        """Times after `Analysis.gps` of the shown series [s]."""
        early, late = self.analysis.model.settings.pericentre_time
        all_times = self._clock
        return all_times[(all_times >= early - _SHOWN) & (all_times <= late + _SHOWN)]

    @property
    def _clock(self) -> Float[np.ndarray, "all"]:
        length = 2 * round(self.analysis.duration * self.analysis.frequency[-1])
        return (np.arange(length) - length // 2) / (2.0 * self.analysis.frequency[-1])

    def series(self, whitened: Complex[np.ndarray, "... bins"]) -> Float[np.ndarray, "... n"]:
        """Time series of whitened numbers at `times`, scaled so that noise has unit variance."""
        whole = time_series(whitened, self.analysis)
        keep = np.isin(self._clock, self.times)
        return whole[..., keep]

    def whitened_series(self) -> Float[np.ndarray, "detectors n"]:
        """Whitened data against time."""
        return self.series(self.whitened)

    def injected(self) -> dict[str, np.ndarray]:
        """Injected whitened signal against time by detector; empty without truth."""
        if self.truth is None:
            return {}
        return dict(zip(self.detectors, self.series(self.analysis.signal(self.truth)[0]), strict=True))

    def bands(self, posterior: Posterior, *, level: float = 0.9) -> dict[str, np.ndarray]:
        """Band of the whitened signal in each detector.

        Args:
            posterior: Posterior of this event.
            level: Probability inside the band.

        Returns:
            Lower edge, median and upper edge by detector, (3, n).
        """
        draws = posterior.resample(_BAND_SAMPLES, seed=0)
        signals = self.series(self.analysis.signal(draws.samples))
        tail = 0.5 * (1.0 - level)
        edges = np.quantile(signals, [tail, 0.5, 1.0 - tail], axis=0)
        return {name: edges[:, i] for i, name in enumerate(self.detectors)}

    @property
    def starts(self) -> dict[str, float]:
        """GPS time of the truth's pericentre at each detector, or of the window's middle without one [s]."""
        gps = self.analysis.gps
        if self.truth is None:
            return dict.fromkeys(self.detectors, gps)
        values = self.analysis.model.values(self.truth)
        delays = self.analysis.chart.delays(self.analysis.chart.from_equatorial(values["ra"], values["dec"]))
        centre = gps + float(values["pericentre_time"])
        return {name: centre + float(delay) for name, delay in zip(self.detectors, delays, strict=True)}


def time_series(
    whitened: Complex[np.ndarray, "... bins"], analysis: Analysis, *, rate: float | None = None
) -> Float[np.ndarray, "... samples"]:
    """Time series of whitened numbers over the whole segment, with unit variance for noise.

    Args:
        whitened: Whitened numbers.
        analysis: Their analysis.
        rate: Sampling rate [Hz]; twice the highest frequency if None.

    Returns:
        The series, the middle of the segment at half its length.
    """
    bins = len(analysis.frequency)
    first = round(analysis.duration * analysis.frequency[0])
    length = 2 * (first + bins - 1) if rate is None else round(rate * analysis.duration)
    padded = np.zeros((*whitened.shape[:-1], length // 2 + 1), complex)
    padded[..., first : first + bins] = whitened
    return np.fft.fftshift(np.fft.irfft(padded, length, axis=-1), axes=-1) * (0.5 * length / np.sqrt(bins))


def simulate_event(problem: Problem, *, seed: int, truth: Float[np.ndarray, "parameters"] | None = None) -> Event:
    """Simulate an event: a draw from the prior in the noise of a random day.

    The signal loses energy to radiation, which the fast likelihoods neglect.

    Args:
        problem: The problem.
        seed: Seed of the day's noise level, the parameters and the noise.
        truth: Parameters to inject instead of a draw, in their units.

    Returns:
        The event.

    Raises:
        InputError: If no draw of the prior reaches the smallest signal-to-noise ratio.
    """
    rng = np.random.default_rng([seed, 3])
    analysis = prepare(problem, psd=drawn_psd(problem.data, rng=rng))
    injected = draw_truth(analysis, rng=rng) if truth is None else np.asarray(truth, float)
    shape = analysis.psd.shape
    white = rng.standard_normal((*shape, 2)).view(complex)[..., 0]
    return Event(analysis, signal(problem, injected) + coloured(white, analysis), truth=injected)


def simulate_noise(problem: Problem, *, seed: int) -> Event:
    """Simulate a segment without a signal, in the noise of a random day.

    Args:
        problem: The problem.
        seed: Seed.

    Returns:
        The event.
    """
    rng = np.random.default_rng([seed, 4])
    analysis = prepare(problem, psd=drawn_psd(problem.data, rng=rng))
    white = rng.standard_normal((*analysis.psd.shape, 2)).view(complex)[..., 0]
    return Event(analysis, coloured(white, analysis))


def coloured(white: Complex[np.ndarray, "detectors bins"], analysis: Analysis) -> Complex[np.ndarray, "detectors bins"]:
    """Strain whose whitened numbers, counted from the start of the segment, are given [1/Hz]."""
    return white / analysis.whitening


def signal(problem: Problem, theta: Float[np.ndarray, "parameters"]) -> Complex[np.ndarray, "detectors bins"]:
    """Frequency-domain strain of a source with radiation reaction [1/Hz], phases from the segment's start."""
    return np.asarray(_strain(_templates(problem.model_dump_json()), jnp.asarray(theta)))


@functools.lru_cache(maxsize=8)
def _templates(problem: str) -> Templates:
    settings = Problem.model_validate_json(problem)
    analysis = prepare(settings)
    rate = 2.0 * np.ceil(settings.data.maximum_frequency)
    return Templates(
        frequency=jnp.asarray(analysis.frequency),
        parameters=analysis.parameters,
        network=analysis.network,
        wave=Burst(settings.model.waveform, True),
        gps=analysis.gps,
        duration=analysis.duration,
        rate=float(max(rate, 2048.0)),
    )


@eqx.filter_jit
def _strain(templates: Templates, theta: jnp.ndarray) -> jnp.ndarray:
    return templates(theta)


def draw_truth(analysis: Analysis, *, rng: np.random.Generator) -> Float[np.ndarray, "parameters"]:
    """Draw parameters from the prior with its cut on the signal-to-noise ratio.

    Raises:
        InputError: If the cut is out of reach.
    """
    least = analysis.model.settings.minimum_snr
    for _ in range(_ATTEMPTS):
        theta = np.asarray(analysis.model.prior.from_unit(rng.random((_BATCH, len(analysis.parameters)))))
        passed = np.flatnonzero(analysis.snr(theta) >= least)
        if passed.size:
            return theta[passed[0]]
    raise InputError(
        f"`prior.minimum_snr` = {least:g} is out of reach of the prior; lower it or `prior.luminosity_distance`"
    )


def draw_events(problem: Problem, *, seed: int, items: Iterable[int]) -> dict[str, np.ndarray]:
    """Simulate some events of a data set; each depends on the seed and its number alone.

    Args:
        problem: The problem.
        seed: Seed of the data set.
        items: Numbers of the events.

    Returns:
        strain, psd, parameters and snr, stacked.
    """
    rows: dict[str, list[np.ndarray]] = {"strain": [], "psd": [], "parameters": [], "snr": []}
    for item in items:
        own = int(np.random.SeedSequence([seed, item]).generate_state(1, np.uint64)[0])
        event = simulate_event(problem, seed=own)
        theta = np.asarray(event.truth)
        rows["strain"].append(event.strain)
        rows["psd"].append(event.analysis.psd)
        rows["parameters"].append(theta)
        rows["snr"].append(event.analysis.snr(theta)[0])
    return {name: np.stack(values) for name, values in rows.items()}


def read_event(problem: Problem, strain: Mapping[str, str | Path]) -> Event:
    """Read an event from strain files; the noise is estimated from the files themselves.

    Args:
        problem: `source.gps` is the middle of the window; `data.detectors` names the files
            to use, in order.
        strain: Strain file of each detector.

    Returns:
        The event.

    Raises:
        FileError: If a file is missing or damaged.
        DataError: If strain holds NaN or gaps, is sampled below 1024 Hz, differs between
            detectors, or does not cover the segment.
        InputError: If a detector is unknown.
    """
    data = problem.data
    missing = [name for name in data.detectors if name not in strain]
    if missing:
        raise InputError(
            f"`data.detectors` names {', '.join(missing)}, but there is no strain file for it; give one each"
        )
    strains = check_network([read_strain(strain[name], detector=detector(name).name) for name in data.detectors])
    inputs = {str(strain[name]): file_sha256(strain[name]) for name in data.detectors}
    return event_from_strain(problem, strains, inputs=inputs)


def event_from_strain(
    problem: Problem, strains: tuple[Strain, ...], *, inputs: Mapping[str, str] | None = None
) -> Event:
    """Cut the event of a problem out of continuous strain.

    Args:
        problem: The problem.
        strains: Strain of each detector, longer than a few segments.
        inputs: sha256 of the files it came from.

    Returns:
        The event.

    Raises:
        DataError: As `read_event`.
    """
    gps, data = problem.source.gps, problem.data
    prepared = [conditioned(item, data) for item in strains]
    psd = np.stack([estimated_psd(item, data, exclude=(gps - 1.0, gps + 1.0)) for item in prepared])
    analysis = prepare(problem, psd=psd)
    return Event(analysis, np.stack([segment(item, data, gps) for item in prepared]), inputs=dict(inputs or {}))


def conditioned(strain: Strain, data: DataSettings) -> Strain:
    """Strain without the drifts below the analysed band.

    Raises:
        DataError: If it is sampled too slowly.
    """
    if strain.rate < max(LOWEST_RATE, 2.0 * data.maximum_frequency) - 1e-6:
        raise DataError(
            f"{strain.source} is sampled at {strain.rate:g} Hz, below the {2.0 * data.maximum_frequency:g} Hz that the "
            "analysed band needs; fetch it at 4096 Hz"
        )
    return strain.highpass(_HIGH_PASS * data.minimum_frequency, order=6)


def estimated_psd(
    strain: Strain, data: DataSettings, *, exclude: tuple[float, float] | None = None
) -> Float[np.ndarray, "bins"]:
    """Welch's median estimate of a strain's noise at the analysed frequencies [1/Hz]."""
    spectrum = welch_spectrum(strain, segment=data.duration, floor_above=None, exclude=exclude)
    return spectrum.interpolate(frequencies(data))


def segment(strain: Strain, data: DataSettings, gps: float) -> Complex[np.ndarray, "bins"]:
    """Fourier transform of the segment around a time, faded at both ends [1/Hz].

    Raises:
        DataError: If the strain does not cover it.
    """
    start = gps - 0.5 * data.duration
    count = round(data.duration * strain.rate)
    if start < strain.start or start + data.duration > strain.end:
        raise DataError(
            f"{strain.source} covers GPS {strain.start:.4f} to {strain.end:.4f}, but a segment around {gps:.4f} needs "
            f"{0.5 * data.duration:g} s on both sides; choose `--gps` from {strain.start + 0.5 * data.duration:.4f} to "
            f"{strain.end - 0.5 * data.duration:.4f}"
        )
    cut = strain.slice(start, n=count)
    fade = tukey(count, 2.0 * _ROLL_OFF / data.duration)
    grid = frequencies(data)
    bins = np.rint(grid * data.duration).astype(int)
    found = np.fft.rfft((cut.strain.data - cut.strain.data.mean()) * fade)[bins] / strain.rate
    # The first sample may lie a little after the requested start.
    return found * np.exp(-2j * np.pi * grid * cut.offset)
