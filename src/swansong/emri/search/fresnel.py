"""The exact matched statistic of linear chirps, segment by segment: what tabulated look-ups are judged by.

Three ways to the same number. `direct_statistic` sums over the samples and approximates nothing.
`fresnel_statistic` works on short Fourier transforms, as the published search does: the transform of a chirp is a
Fresnel integral, and the bins near its frequency hold nearly all of it. `fresnel_statistics` is that sum for many
tracks in JAX, differentiable in frequency and rate of change.

Frequencies are those in the middle of a segment, offsets count bins 1/T, and rates of change are x = fdot T^2.
With u+ = sqrt(2/x) (b + x/2), u- = sqrt(2/x) (b - x/2) and the auxiliary functions of the Fresnel integrals,
C(u) + i S(u) = (1 + i)/2 - (g + i f)(u) exp(i pi u^2/2) for positive u, the transform needs phases at the two ends
of the segment only, so that nothing cancels when the rate is small and the offset large.

Reference:
    Tenorio and Gerosa, arXiv:2502.11823, section III; Speri et al., arXiv:2510.20891, equations (5) to (9).
"""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import fresnel, wofz

from swansong.core.errors import InputError
from swansong.core.types import Array, ArrayLike, Complex, Float
from swansong.signals.sft import Baseband

NEIGHBOURS = 100
"""Bins summed on either side of the frequency: the rest of a steady tone holds 0.1 per cent of its power."""

SMALLEST_RATE = 1e-8
"""Rate x that stands for all smaller ones in JAX, with an error of 3e-9 of the transform."""

_DEGREE = 36
_MIDDLE = 2.5  # argument that lies half-way in the variable of the series


def _check_tracks(segments: int, frequency: ArrayLike, rate: ArrayLike) -> None:
    if frequency.shape != rate.shape or frequency.shape[-1] != segments:
        raise InputError(
            f"frequencies and rates of shapes {frequency.shape} and {rate.shape} do not fit {segments} segments; "
            "give both for every segment"
        )


def direct_statistic(
    band: Baseband, frequency: Float[np.ndarray, "segments"], rate: Float[np.ndarray, "segments"]
) -> Float[np.ndarray, "segments"]:
    """Sum over the samples of each segment along one track.

    Args:
        band: Whitened segments.
        frequency: Frequency in the middle of every segment, shape (segments,) [Hz].
        rate: Rate of change of the frequency there, same shape [Hz/s].

    Returns:
        Statistic, same shape: chi-squared with two degrees of freedom in noise.

    Raises:
        InputError: If the shapes do not fit.
    """
    _check_tracks(band.segments, frequency, rate)
    number = band.samples.shape[1]
    time = (np.arange(number) - number // 2) * band.cadence
    cycles = (frequency - band.low)[:, None] * time + 0.5 * rate[:, None] * time**2
    sums = (band.samples * np.exp(-2j * math.pi * cycles)).sum(axis=1)
    return 2.0 * np.abs(sums) ** 2 / number


def fresnel_kernel(
    frequency: Float[np.ndarray, "..."], rate: Float[np.ndarray, "..."], *, duration: float
) -> Complex[np.ndarray, "..."]:
    """Fourier integral of a chirp, int_0^T exp[2 pi i (f0 t + f1 t^2 / 2)] dt, by SciPy's Fresnel integrals.

    Args:
        frequency: Frequency at the start f0 [Hz].
        rate: Rate of change f1 [Hz/s], same shape; below 1e-7 / T^2 the tone is taken as steady.
        duration: T [s].

    Returns:
        The integral [s], same shape, accurate to 1e-7 T, and to 1e-10 T for rates above 1e-3 / T^2.

    Reference:
        Tenorio and Gerosa, arXiv:2502.11823, equation (25).
    """
    f0, f1 = np.broadcast_arrays(np.asarray(frequency, float), np.asarray(rate, float))
    steady = np.abs(f1) * duration**2 < 1e-7
    turned = f1 < 0.0
    size = np.where(steady, 1.0 / duration**2, np.abs(f1))
    start = np.where(turned, -f0, f0)
    factor = np.sqrt(2.0 * size)
    low_s, low_c = fresnel(factor * start / size)
    high_s, high_c = fresnel(factor * (start / size + duration))
    chirp = np.exp(-1j * math.pi * start**2 / size) * ((high_c - low_c) + 1j * (high_s - low_s)) / factor
    tone = duration * np.exp(1j * math.pi * f0 * duration) * np.sinc(f0 * duration)
    return np.where(steady, tone, np.where(turned, chirp.conj(), chirp))


class Transforms(eqx.Module):
    """Short Fourier transforms of a whitened band.

    Attributes:
        bins: Transform of every segment, with unit mean square in noise, shape (segments, per_segment); bin k
            has the frequency low + k / segment.
        used: Which segments may be used, shape (segments,).
        low: Frequency of the first bin [Hz].
        segment: Length of a segment [s].
    """

    bins: Complex[Array, "segments per_segment"]
    used: Array
    low: float = eqx.field(static=True)
    segment: float = eqx.field(static=True)

    @classmethod
    def of(cls, band: Baseband) -> "Transforms":
        """Transform every segment of a band, without a window."""
        number = band.samples.shape[1]
        bins = np.fft.fft(band.samples.astype(np.complex128), axis=1) / math.sqrt(number)
        return cls(jnp.asarray(bins), jnp.asarray(band.used), band.low, band.segment)


def _neighbours(number: int, neighbours: int) -> np.ndarray:
    if not 1 <= neighbours <= (number - 1) // 2:
        raise InputError(
            f"`neighbours` must lie between 1 and {(number - 1) // 2} for segments of {number} bins, got {neighbours}; "
            "sum over fewer bins or widen the band"
        )
    return np.arange(-neighbours, neighbours + 1)


def fresnel_statistic(
    band: Baseband,
    frequency: Float[np.ndarray, "segments"],
    rate: Float[np.ndarray, "segments"],
    *,
    neighbours: int = NEIGHBOURS,
) -> Float[np.ndarray, "segments"]:
    """Sum over the bins near a chirp along one track, on the host: 2 |sum_k d_k K*_k|^2 / sum_k |K_k|^2.

    Args:
        band: Whitened segments.
        frequency: Frequency in the middle of every segment, shape (segments,) [Hz].
        rate: Rate of change of the frequency there, same shape [Hz/s].
        neighbours: Bins on either side.

    Returns:
        Statistic, same shape: chi-squared with two degrees of freedom in noise.

    Raises:
        InputError: If the shapes do not fit, or there are fewer bins than asked for.
    """
    _check_tracks(band.segments, frequency, rate)
    number = band.samples.shape[1]
    around = _neighbours(number, neighbours)
    bins = np.fft.fft(band.samples.astype(np.complex128), axis=1) / math.sqrt(number)
    # A sample stands for the interval around it, so that the samples cover [-cadence/2, T - cadence/2].
    start = frequency - band.low - 0.5 * rate * (band.segment + band.cadence)
    nearest = np.rint((frequency - 0.5 * rate * band.cadence - band.low) * band.segment).astype(int)
    places = nearest[:, None] + around
    kernel = fresnel_kernel(start[:, None] - places / band.segment, rate[:, None], duration=band.segment)
    data = np.take_along_axis(bins, places % number, axis=1) * np.exp(-1j * math.pi * places / number)
    match = (data * kernel.conj()).sum(axis=1)
    return 2.0 * np.abs(match) ** 2 / (np.abs(kernel) ** 2).sum(axis=1)


@functools.cache
def _series() -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev series of (1 + u/c) (g + i f) in t = (u - c)/(u + c), and that of its derivative."""
    angle = math.pi * (np.arange(_DEGREE) + 0.5) / _DEGREE
    node = np.cos(angle)
    u = _MIDDLE * (1.0 + node) / (1.0 - node)
    # g + i f = (1 + i)/2 w(sqrt(pi/2) exp(i pi/4) u) with the Faddeeva function w.
    values = 0.5 * (1.0 + 1.0j) * wofz(math.sqrt(0.5 * math.pi) * np.exp(0.25j * math.pi) * u) * (1.0 + u / _MIDDLE)
    series = 2.0 / _DEGREE * (np.cos(np.outer(np.arange(_DEGREE), angle)) @ values)
    series[0] *= 0.5
    return series, np.polynomial.chebyshev.chebder(series)


def _sum_series(series: np.ndarray, t: Array) -> Array:
    """Clenshaw's recurrence, real and imaginary parts side by side."""
    parts = []
    for half in (np.real(series), np.imag(series)):
        older, newer = jnp.zeros_like(t), jnp.zeros_like(t)
        for value in half[:0:-1]:
            older, newer = newer, 2.0 * t * newer - older + float(value)
        parts.append(t * newer - older + float(half[0]))
    return jax.lax.complex(*parts)


@jax.custom_jvp
def _auxiliary(u: Array) -> Array:
    """Auxiliary functions g + i f of the Fresnel integrals at positive arguments, to 1e-14."""
    t = (u - _MIDDLE) / (u + _MIDDLE)
    return _sum_series(_series()[0], t) * 0.5 * (1.0 - t)


@_auxiliary.defjvp
def _auxiliary_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """By the series too: without it all steps of the recurrence would be kept for the way back."""
    (u,), (change,) = primals, tangents
    t = (u - _MIDDLE) / (u + _MIDDLE)
    series, derivative = _series()
    value = _sum_series(series, t)
    slope = 0.5 * ((1.0 - t) * _sum_series(derivative, t) - value) * (1.0 - t) ** 2 / (2.0 * _MIDDLE)
    return value * 0.5 * (1.0 - t), slope * change


def _turn(cycles: Array) -> Array:
    return jax.lax.complex(jnp.cos(2.0 * math.pi * cycles), jnp.sin(2.0 * math.pi * cycles))


def _upward(b: Array, x: Array, last: Array, first: Array) -> Array:
    """Transform at positive rates; ``last`` and ``first`` are the phase factors of the two ends."""
    root = jnp.sqrt(2.0 / x)
    upper, lower = (b + 0.5 * x) * root, (b - 0.5 * x) * root
    inside = (upper >= 0.0) & (lower < 0.0)
    # Only where the chirp passes through the bin is there a stationary point, and its phase is small.
    stationary = jnp.where(inside, (1.0 + 1.0j) * _turn(-0.5 * jnp.where(inside, b, 0.0) ** 2 / x), 0.0)
    ends = jnp.where(upper >= 0.0, -1.0, 1.0) * _auxiliary(jnp.abs(upper)) * last
    ends += jnp.where(lower >= 0.0, 1.0, -1.0) * _auxiliary(jnp.abs(lower)) * first
    return (stationary + ends) / jnp.sqrt(2.0 * x)


@jax.jit
def chirp_transform(offset: Float[Array, "..."], rate: Float[Array, "..."]) -> Complex[Array, "..."]:
    """Fourier integral of a chirp over a unit segment, int_{-1/2}^{1/2} exp[2 pi i (b s + x s^2 / 2)] ds, in JAX.

    Args:
        offset: Frequency in the middle b, in bins.
        rate: Rate of change x = fdot T^2, of a shape that broadcasts; sizes below `SMALLEST_RATE` are raised to it.

    Returns:
        The integral, accurate to 1e-10 and differentiable.
    """
    sign = jnp.where(rate < 0.0, -1.0, 1.0)
    b, x = sign * offset, jnp.maximum(jnp.abs(rate), SMALLEST_RATE)
    found = _upward(b, x, _turn(0.5 * b + 0.125 * x), _turn(-0.5 * b + 0.125 * x))
    return jnp.where(rate < 0.0, found.conj(), found)


def _track(transforms: Transforms, around: np.ndarray, frequency: Array, rate: Array) -> Array:
    number = transforms.bins.shape[1]
    segment = transforms.segment
    place = (frequency - transforms.low) * segment
    counted = transforms.used & (place >= 0.0) & (place < number)
    x = jnp.where(counted, rate, 0.0) * segment**2
    # As in `fresnel_statistic`: the middle of what the samples cover lies half a cadence before that of the segment.
    place = jnp.where(counted, place, 0.0) - 0.5 * x / number
    nearest = jnp.rint(jax.lax.stop_gradient(place))
    bins = jnp.mod(nearest.astype(int)[:, None] + around, number)
    data = jnp.take_along_axis(transforms.bins, bins, axis=1) * np.exp(1j * math.pi * around * (1.0 - 1.0 / number))
    sign = jnp.where(x < 0.0, -1.0, 1.0)
    size = jnp.maximum(jnp.abs(x), SMALLEST_RATE)
    b = sign * (place - nearest)
    # From bin to bin the phases at the ends change by half a cycle.
    swap = 1.0 - 2.0 * (around % 2)
    last, first = _turn(0.5 * b + 0.125 * size)[:, None] * swap, _turn(-0.5 * b + 0.125 * size)[:, None] * swap
    kernel = _upward(b[:, None] - sign[:, None] * around, size[:, None], last, first)
    match = (data * jnp.where(x[:, None] < 0.0, kernel, kernel.conj())).sum(axis=1)
    power = 2.0 * (match.real**2 + match.imag**2) / (kernel.real**2 + kernel.imag**2).sum(axis=1)
    return jnp.where(counted, power, 0.0)


@eqx.filter_jit
def fresnel_statistics(
    transforms: Transforms,
    frequency: Float[Array, "tracks segments"],
    rate: Float[Array, "tracks segments"],
    *,
    neighbours: int = NEIGHBOURS,
    chunk: int = 8,
) -> Float[Array, "tracks segments"]:
    """`fresnel_statistic` of many tracks, compiled and differentiable.

    Args:
        transforms: Short Fourier transforms of the data.
        frequency: Frequencies in the middle of the segments, shape (tracks, segments) [Hz].
        rate: Rates of change there, same shape [Hz/s].
        neighbours: Bins on either side.
        chunk: Tracks held in memory together, some 30 MB each for a year.

    Returns:
        Statistic, same shape; zero where a track leaves the band or a segment is not used.

    Raises:
        InputError: If the shapes do not fit, or there are fewer bins than asked for.
    """
    _check_tracks(transforms.bins.shape[0], frequency, rate)
    around = _neighbours(transforms.bins.shape[1], neighbours)
    return jax.lax.map(lambda pair: _track(transforms, around, *pair), (frequency, rate), batch_size=chunk)
