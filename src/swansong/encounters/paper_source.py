"""Training data of the published network: whitened strain with the pericentre time and the noise drawn anew.

Convention of whitening: the Fourier transform of `data.duration` seconds is divided by
the square root of the spectrum, kept between `data.minimum_frequency` and
`data.maximum_frequency`, and scaled so that whitened noise has unit variance in every
sample. It is no white noise then: it fills the band alone, and the optimal
signal-to-noise ratio of a whitened signal w is the root of `band_share * sum(w**2)`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import ConfigError, InputError
from swansong.core.types import Array, ArrayLike, Float, Int, Key
from swansong.encounters.model import EncounterModel
from swansong.encounters.settings import DataSettings, Problem
from swansong.encounters.waveform import polarizations
from swansong.learning.scaling import Standardize
from swansong.signals import Spectrum, load_spectrum, network

_TAPER_SHARE = 0.125
_ROWS_AT_ONCE = 128
_FEWEST_OF = 1000
_SCALING_DRAWS = 1 << 16


class StrainBatch(NamedTuple):
    """Strain with its truth.

    Attributes:
        strain: Whitened strain with noise, (batch, detectors, n), float32.
        target: Standardised parameters, (batch, d), float32.
    """

    strain: Float[Array, "batch detectors n"]
    target: Float[Array, "batch d"]


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class BandWhitening:
    """Whitens `data.duration` seconds of strain; see the convention of this file.

    Attributes:
        factor: What the transform of each detector is multiplied by, zero out of the band.
        taper: Window that brings both ends of the strain to zero.
        samples: Samples of the duration.
        rate: Sampling rate [Hz].
    """

    factor: Float[np.ndarray, "detectors bins"]
    taper: Float[np.ndarray, " samples"]
    samples: int
    rate: float

    @classmethod
    def of(cls, data: DataSettings, spectra: Sequence[Spectrum] | None = None) -> "BandWhitening":
        """The whitening of a data setting.

        Args:
            data: Detectors, rate, duration and band.
            spectra: Spectrum of each detector, such as one measured around an event;
                those of `data` if left out.

        Returns:
            The whitening.
        """
        found = spectra or [load_spectrum(data.spectrum(index)) for index in range(len(data.detectors))]
        frequency = np.fft.rfftfreq(data.samples, 1.0 / data.rate)
        band = _band(data, data.samples)
        power = np.stack([spectrum.interpolate(frequency) for spectrum in found])
        # E|rfft(noise)|^2 = samples rate S / 2 becomes samples^2 / (2 bins): unit variance after `irfft`.
        factor = np.where(band, np.sqrt(data.samples / (band.sum() * data.rate * power)), 0.0)
        return cls(factor, _taper(data.samples), data.samples, data.rate)

    @property
    def frequency(self) -> Float[np.ndarray, " bins"]:
        """Frequencies of the transform [Hz]."""
        return np.fft.rfftfreq(self.samples, 1.0 / self.rate)

    @property
    def band_share(self) -> float:
        """Share of all frequencies that lies in the band: variance of unit white noise once it is cut to it."""
        return 2.0 * np.count_nonzero(self.factor[0]) / self.samples

    def whiten(self, strain: Float[ArrayLike, "... samples"], *, segment: float) -> Float[Array, "... n"]:
        """Whiten strain and cut out its middle.

        Args:
            strain: Strain of the detectors, (..., detectors, samples), NumPy or JAX.
            segment: What to keep around the middle [s].

        Returns:
            Whitened strain, (..., detectors, n), dimensionless; the middle of `strain` is
            sample n // 2.
        """
        white = jnp.fft.irfft(jnp.fft.rfft(jnp.asarray(strain) * self.taper) * self.factor, self.samples)
        n = round(segment * self.rate)
        start = self.samples // 2 - n // 2
        return white[..., start : start + n]


class PaperSource(eqx.Module):
    """A bank of whitened signals; every draw has a new pericentre time and new noise.

    A signal is stored for longer than a segment and moved by whole samples. The rest of
    its pericentre time, less than a sample, belongs to its row, so that the times fill
    the prior without interpolation. Storage in half precision is off by some 2e-4 of a signal.

    Attributes:
        waves: Whitened signals, (rows, detectors, long), float16.
        theta: Parameters of each row; as the time, what is left of a sample [s].
        scaling: From parameters to their standardised values.
        samples: Samples of a segment.
        rate: Sampling rate [Hz].
        times: Prior of the pericentre time [s].
        time_column: Its place among the parameters.
        band: First and last bin of the noise, of those of two segments.
    """

    waves: Float[Array, "rows detectors long"]
    theta: Float[Array, "rows d"]
    scaling: Standardize
    samples: int = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    times: tuple[float, float] = eqx.field(static=True)
    time_column: int = eqx.field(static=True)
    band: tuple[int, int] = eqx.field(static=True)

    def batch(self, key: Key, batch_size: int) -> StrainBatch:
        """Draw events from the prior.

        Args:
            key: Random key.
            batch_size: Number of events.

        Returns:
            The batch.
        """
        row_key, time_key, noise_key = jax.random.split(key, 3)
        rows = jax.random.randint(row_key, (batch_size,), 0, len(self.theta))
        theta = self.theta[rows]
        low, high = self.times
        rest = theta[:, self.time_column]
        share = jax.random.uniform(time_key, (batch_size,))
        moved = whole_samples(share, rest=rest, span=high - low, rate=self.rate)
        theta = theta.at[:, self.time_column].add(low + moved / self.rate)
        starts = self.waves.shape[2] - self.samples - moved
        size = (1, self.waves.shape[1], self.samples)
        clean = jax.vmap(lambda row, start: jax.lax.dynamic_slice(self.waves, (row, 0, start), size)[0])(rows, starts)
        noise = self.noise(noise_key, clean.shape[:2])
        return StrainBatch(clean.astype(jnp.float32) + noise, self.scaling.forward(theta).astype(jnp.float32))

    def noise(self, key: Key, shape: tuple[int, ...]) -> Float[Array, "*shape n"]:
        """Gaussian noise of unit variance that fills the band.

        Args:
            key: Random key.
            shape: Shape of independent draws.

        Returns:
            The noise, (*shape, n), float32.
        """
        first, last = self.band
        count, length = last - first + 1, 2 * self.samples
        parts = jax.random.normal(key, (2, *shape, count), jnp.float32) * (0.5 * length / math.sqrt(count))
        # On twice the segment, since the two ends of a Fourier period are neighbours.
        outside = [(0, 0)] * len(shape) + [(first, self.samples - last)]
        return jnp.fft.irfft(jnp.pad(jax.lax.complex(*parts), outside), length)[..., : self.samples]


def whole_samples(
    share: Float[Array, "*shape"], *, rest: Float[Array, "*shape"], span: float, rate: float
) -> Int[Array, "*shape"]:
    """How far to move a signal, such that all times below the end of the prior are equally likely.

    Args:
        share: Uniform numbers in [0, 1).
        rest: What is left of a sample in the pericentre time, below `1 / rate` [s].
        span: Length of the prior of the time [s].
        rate: Sampling rate [Hz].

    Returns:
        Whole samples k, with `0 <= rest + k / rate < span`.
    """
    return jnp.floor(share * jnp.maximum(jnp.ceil((span - rest) * rate), 1.0)).astype(int)


def prior_scaling(model: EncounterModel) -> Standardize:
    """Means and standard deviations of the prior, the same in every call.

    Args:
        model: The model.

    Returns:
        The scaling of parameter vectors.
    """
    return Standardize.fit(np.asarray(model.prior.sample(jax.random.key(0), _SCALING_DRAWS)))


def make_paper_source(problem: Problem, *, segment: float, rows: int, seed: int) -> PaperSource:
    """Draw sources that the prior allows and compute their whitened signals.

    Args:
        problem: Signal, prior, source and data.
        segment: Length of the strain that the network sees, centred on `source.gps` [s].
        rows: Number of sources.
        seed: Seed of the draws.

    Returns:
        The source; it takes 2 bytes a sample.

    Raises:
        ConfigError: If segment and pericentre times do not fit into `data.duration`.
        InputError: If hardly any source reaches `prior.minimum_snr`.
    """
    model = EncounterModel(problem.prior, problem.model)
    whitening = BandWhitening.of(problem.data)
    low, high = problem.prior.pericentre_time
    rate, n = problem.data.rate, round(segment * problem.data.rate)
    extra = math.ceil((high - low) * rate) - 1
    # The pericentre stands in the middle of the grid; a segment with the latest time starts this many samples later.
    begin = whitening.samples // 2 - n // 2 - low * rate - extra
    start, edge = math.floor(begin), math.ceil(_TAPER_SHARE * whitening.samples)
    if start < edge or start + n + extra > whitening.samples - edge:
        raise ConfigError(
            "`paper.segment` and the range of `prior.pericentre_time` must fit into three quarters of `data.duration`, "
            f"got {segment:g} s and {high - low:g} s in {problem.data.duration:g} s; give a longer `data.duration`"
        )
    column = model.parameters.index("pericentre_time")
    signals = jax.jit(partial(_signals, problem=problem, model=model, whitening=whitening))
    waves = np.empty((rows, len(problem.data.detectors), n + extra), np.float16)
    theta = np.empty((rows, len(model.parameters)))
    key, done = jax.random.key(seed), 0
    for index in itertools.count():
        drawn = np.array(model.prior.sample(jax.random.fold_in(key, index), _ROWS_AT_ONCE))
        drawn[:, column] = np.mod(drawn[:, column] - low, 1.0 / rate)
        whitened, snr = signals(drawn, drawn[:, column] - (begin - start) / rate)
        kept = np.flatnonzero(np.asarray(snr) >= problem.prior.minimum_snr)[: rows - done]
        waves[done : done + kept.size] = np.asarray(whitened[:, :, start : start + n + extra])[kept]
        theta[done : done + kept.size] = drawn[kept]
        done += kept.size
        if done == rows:
            break
        if done * _FEWEST_OF < (index + 1) * _ROWS_AT_ONCE - _FEWEST_OF:
            raise InputError(
                f"`prior.minimum_snr` must be within reach of the prior, got {problem.prior.minimum_snr:g}, which "
                f"{done} of {(index + 1) * _ROWS_AT_ONCE} sources reach; lower it or bring the sources closer"
            )
    band = np.flatnonzero(_band(problem.data, 2 * n))
    return PaperSource(
        jnp.asarray(waves),
        jnp.asarray(theta),
        prior_scaling(model),
        n,
        rate,
        (low, high),
        column,
        (int(band[0]), int(band[-1])),
    )


def _signals(
    theta: Array,
    times: Array,
    *,
    problem: Problem,
    model: EncounterModel,
    whitening: BandWhitening,
) -> tuple[Array, Array]:
    """Whitened signals with the pericentre at the geocentre these times [s] after the middle, and their SNR."""
    values = model.parameters.unpack(theta)
    sky = {"right_ascension": values["ra"], "declination": values["dec"]}
    gps, sites = problem.source.gps, network(problem.data.detectors)
    patterns = sites.antenna_patterns(**sky, polarization=values["psi"], gps=gps)
    delays = jnp.stack(sites.time_delays(**sky, gps=gps), axis=1) + times[:, None]
    names = ("total_mass", "mass_ratio", "eccentricity", "semi_latus_rectum", "luminosity_distance", "theta_jn")
    source: dict[str, Any] = {name: values[name][:, None] for name in names}
    angle = "psi" if model.shared_angle else "argument_of_pericentre"
    source["argument_of_pericentre"] = values[angle][:, None]
    seconds = (jnp.arange(whitening.samples) - whitening.samples // 2) / whitening.rate
    waves = polarizations(seconds, waveform=model.signal.waveform, **source)
    plus, cross = (jnp.fft.rfft(part * whitening.taper)[:, None] for part in (waves.plus, waves.cross))
    f_plus, f_cross = (jnp.stack(parts, axis=1)[..., None] for parts in zip(*patterns, strict=True))
    shift = jnp.exp(-2j * jnp.pi * delays[..., None] * whitening.frequency)
    whitened = jnp.fft.irfft((f_plus * plus + f_cross * cross) * shift * whitening.factor, whitening.samples)
    return whitened, jnp.sqrt(whitening.band_share * jnp.sum(whitened**2, axis=(1, 2)))


def _band(data: DataSettings, samples: int) -> np.ndarray:
    """Which bins of the transform of so many samples are analysed; never half the sampling rate."""
    frequency = np.fft.rfftfreq(samples, 1.0 / data.rate)
    return (frequency >= data.minimum_frequency) & (frequency <= data.maximum_frequency) & (frequency < 0.5 * data.rate)


def _taper(samples: int) -> np.ndarray:
    """A window that rises by a cosine over the first eighth and falls over the last."""
    inward = np.minimum(np.arange(samples) + 0.5, samples - 0.5 - np.arange(samples)) / (_TAPER_SHARE * samples)
    return np.sin(0.5 * np.pi * np.minimum(inward, 1.0)) ** 2
