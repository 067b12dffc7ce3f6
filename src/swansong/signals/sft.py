"""A long series as a whitened, narrow band: the form that semi-coherent searches work on.

The whole series is whitened first, in the Fourier domain, and cut into short segments
afterwards. The noise of a rectangular segment is then white, and the power of any template
in it is chi-squared with two degrees of freedom; no window costs signal. The analysed band is
moved to zero frequency and sampled slowly, so that a year weighs a few megabytes.

Reference:
    Semi-coherent statistic of short Fourier transforms, arXiv:2510.20891, section II, which
    windows each segment instead.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy import fft

from swansong.core.errors import DataError, InputError
from swansong.signals.spectra import Spectrum

GAP_SHARE = 0.1
"""A segment is left out when more than this share of it is missing."""

_FADE = 0.01
"""Share of a segment over which data fade in and out at their ends and at gaps."""

_GRID = (1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 80, 100, 125, 128, 160, 200, 250, 256, 320, 400, 500, 512, 640)


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Baseband:
    """A whitened band of a real series, moved to zero frequency.

    The noise of every sample is complex Gaussian with unit mean square. A real signal
    A cos(phi(t)) becomes a slow amplitude times exp(i phi(t) - 2 pi i low t).

    Attributes:
        samples: Whitened series, shape (segments, per_segment).
        low: Frequency that became zero [Hz].
        cadence: Time between samples [s].
        segment: Length of a segment [s].
        used: Which segments may be used, shape (segments,).
        filled: Share of each segment that holds data, shape (segments,).
    """

    samples: Complex[np.ndarray, "segments per_segment"]
    low: float
    cadence: float
    segment: float
    used: Bool[np.ndarray, "segments"]
    filled: Float[np.ndarray, "segments"]

    @property
    def segments(self) -> int:
        """Number of segments."""
        return self.samples.shape[0]

    @property
    def high(self) -> float:
        """Upper end of the band [Hz]."""
        return self.low + 1.0 / self.cadence

    @property
    def middles(self) -> Float[np.ndarray, "segments"]:
        """Times of the middles of the segments from the start of the data [s]."""
        return (np.arange(self.segments) + 0.5) * self.segment

    def __add__(self, other: "Baseband") -> "Baseband":
        """Signal and noise together; whitening is linear."""
        if self.samples.shape != other.samples.shape or self.low != other.low or self.cadence != other.cadence:
            raise DataError(
                f"bands of shapes {self.samples.shape} and {other.samples.shape} do not add; "
                "make both with the same length, cadence, band and segment"
            )
        return Baseband(
            samples=self.samples + other.samples,
            low=self.low,
            cadence=self.cadence,
            segment=self.segment,
            used=self.used & other.used,
            filled=np.minimum(self.filled, other.filled),
        )

    def scaled(self, factor: float) -> "Baseband":
        """The same band with every sample multiplied."""
        return Baseband(
            samples=(self.samples * np.float32(factor)).astype(self.samples.dtype),
            low=self.low,
            cadence=self.cadence,
            segment=self.segment,
            used=self.used,
            filled=self.filled,
        )


def _tapered(data: Float[np.ndarray, "n"], good: Bool[np.ndarray, "n"], samples: int) -> Float[np.ndarray, "n"]:
    """Let data fade in and out at their ends and at gaps.

    Most of the power lies above the band: cut off sharply it would leak into it.
    """
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    for first, last in edges.reshape(-1, 2):
        size = min(samples, (last - first) // 2)
        data[first : first + size] *= ramp[:size]
        data[last - size : last] *= ramp[:size][::-1]
    return data


def _grid_segments(segments: int) -> int:
    """Number of segments of the Fourier grid: one that fast transforms like, with at least one spare."""
    for size in _GRID:
        if size > segments:
            return size
    size = segments + 1
    while fft.next_fast_len(size, real=True) != size:
        size += 1
    return size


def baseband(
    series: Float[np.ndarray, "n"],
    spectrum: Spectrum,
    *,
    cadence: float,
    segment: float = 5e4,
    band: tuple[float, float] = (3e-4, 2.03e-2),
    valid: Bool[np.ndarray, "n"] | None = None,
) -> Baseband:
    """Whiten a series, keep a band of it, and cut it into segments.

    Args:
        series: Real series, shape (n,); missing samples, marked in ``valid``, may hold anything.
        spectrum: One-sided power spectral density of its noise [1/Hz].
        cadence: Time between samples [s].
        segment: Length of a segment [s]; samples after the last whole one are dropped.
        band: Frequencies kept [Hz]; their difference times ``segment`` must be a whole number.
        valid: Which samples are data; all if not given.

    Returns:
        The band. A segment with more than `GAP_SHARE` of its samples missing is not used.

    Raises:
        DataError: If a valid sample is not finite, the series is shorter than one segment, or
            the spectrum does not cover the band.
        InputError: If the band does not fit the cadence or the segment.
    """
    low, high = band
    width = high - low
    per_segment = round(width * segment)
    sparse = segment / cadence
    if not 0.0 < low < high < 0.5 / cadence:
        raise InputError(
            f"`baseband(band=...)` must lie between 0 and half the sampling rate {0.5 / cadence:g} Hz, got {low:g} to "
            f"{high:g} Hz; choose a band inside"
        )
    if abs(width * segment - per_segment) > 1e-6 or abs(sparse - round(sparse)) > 1e-9 or per_segment < 8:
        raise InputError(
            f"a segment of {segment:g} s must hold a whole number of samples of {cadence:g} s and of {1 / width:g} s; "
            "change the segment or the band"
        )
    if spectrum.frequency[0] > low or spectrum.frequency[-1] < high:
        raise DataError(
            f"spectrum {spectrum.name or 'unnamed'} covers {spectrum.frequency[0]:g} to {spectrum.frequency[-1]:g} Hz, "
            f"the search needs {low:g} to {high:g} Hz; give a spectrum of the whole band"
        )
    segments = int(series.size // round(sparse))
    if segments < 1:
        raise DataError(
            f"the series lasts {series.size * cadence:g} s, less than one segment of {segment:g} s; give longer data"
        )
    good = np.ones(series.size, dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    data = np.where(good, series, 0.0)
    if not np.isfinite(data).all():
        first = int(np.argmax(~np.isfinite(data)))
        raise DataError(
            f"the series holds {int((~np.isfinite(data)).sum())} values that are not finite, the first at sample "
            f"{first}; mark gaps as missing or repair the data"
        )
    data = _tapered(data, good, max(1, round(_FADE * sparse)))
    grid = _grid_segments(segments)
    length = grid * round(sparse)
    spacing = 1.0 / (length * cadence)
    bins = np.arange(grid * per_segment)
    start = round(low / spacing)
    transform = fft.rfft(data, length, workers=-1)[start : start + bins.size]
    psd = spectrum.interpolate((start + bins) * spacing)
    # E|X_k|^2 = length rate S / 2 for the discrete transform X of noise of that length.
    transform /= np.sqrt(0.5 * length / cadence * psd)
    samples = fft.ifft(transform, workers=-1) * np.sqrt(bins.size)
    filled = good[: segments * round(sparse)].reshape(segments, -1).mean(axis=1)
    return Baseband(
        samples=samples.reshape(grid, per_segment)[:segments].astype(np.complex64),
        low=start * spacing,
        cadence=segment / per_segment,
        segment=segment,
        used=filled >= 1.0 - GAP_SHARE,
        filled=filled,
    )
