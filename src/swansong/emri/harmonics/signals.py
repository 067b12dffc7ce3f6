"""Signals of inspirals in LISA's channels, ready to be added to noise.

signal = emri_signal(source, duration=YEAR, cadence=5.0)
louder = scaled_to_snr(signal, 30.0)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from swansong.core.errors import InputError
from swansong.emri.harmonics.kernels import sum_harmonics
from swansong.emri.harmonics.slow import SlowHarmonics, TrackTable, slow_harmonics
from swansong.emri.harmonics.sources import Source
from swansong.emri.tracks import YEAR
from swansong.signals.lisa import LISA_CADENCE, lisa_noise
from swansong.signals.lisa_response import LisaOrbits


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class EmriSignal:
    """A noise-free signal.

    Attributes:
        source: The source.
        cadence: Spacing of the samples, the first at 0 [s].
        channels: Names of the channels.
        series: Signal in each channel, zero after the plunge, shape (channels, n), fractional
            frequency deviation.
        harmonics: The harmonics (m, n) in it, the strongest first if they were chosen by strength.
        squared_snr: Squared signal-to-noise ratio by channel and harmonic, shape (channels, harmonics).
    """

    source: Source
    cadence: float
    channels: tuple[str, ...]
    series: Float[np.ndarray, "channels n"]
    harmonics: tuple[tuple[int, int], ...]
    squared_snr: Float[np.ndarray, "channels harmonics"]

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio of all channels and harmonics together."""
        return math.sqrt(float(self.squared_snr.sum()))

    def share(self, m: int, n: int) -> float:
        """Share of one harmonic in the squared signal-to-noise ratio.

        Args:
            m: Azimuthal number.
            n: Radial number.

        Returns:
            A number from 0 to 1; 0 for a harmonic that is not in the signal.
        """
        by_harmonic = self.squared_snr.sum(axis=0) / self.squared_snr.sum()
        return float(by_harmonic[self.harmonics.index((m, n))]) if (m, n) in self.harmonics else 0.0


def emri_signal(
    source: Source,
    *,
    duration: float = YEAR,
    cadence: float = LISA_CADENCE,
    harmonics: int | Sequence[tuple[int, int]] = 20,
    channels: Sequence[str] = ("A",),
    tracks: TrackTable | None = None,
    orbits: LisaOrbits | None = None,
) -> EmriSignal:
    """Compute the signal of a source.

    Args:
        source: The source.
        duration: Length of the data [s].
        cadence: Spacing of the samples [s].
        harmonics: How many of the strongest harmonics, by their signal-to-noise ratio in the first
            channel, or which ones, as pairs (m, n).
        channels: Any of ``"A"``, ``"E"`` and ``"T"``.
        tracks: Table of tracks; the packaged one if None.
        orbits: Orbits of the spacecraft; the default if None.

    Returns:
        The signal.

    Raises:
        DomainError: If the track or an orbit on it is outside the tables.
        InputError: If no harmonic or channel is asked for, one is unknown, or the cadence is not
            positive.
    """
    if not (math.isfinite(cadence) and 0 < cadence <= duration):
        raise InputError(
            f"`emri_signal(cadence=...)` must be positive and at most the duration, got {cadence} s; 5 s is usual"
        )
    counted = isinstance(harmonics, int)
    if not channels or (harmonics < 1 if counted else not harmonics):
        raise InputError(
            f"`emri_signal` needs one harmonic and one channel or more, got {harmonics} and {tuple(channels)}; leave "
            "both out for the defaults"
        )
    chosen = None if isinstance(harmonics, int) else harmonics
    slow = slow_harmonics(source, duration=duration, harmonics=chosen, tracks=tracks, orbits=orbits)
    spectra = [lisa_noise(channel) for channel in channels]
    power = np.stack([slow.squared_snr(s, channel=c) for s, c in zip(spectra, channels, strict=True)])
    if isinstance(harmonics, int):
        order = np.argsort(-power[0])[:harmonics]
        slow, power = slow.only([slow.harmonics[i] for i in order]), power[:, order]
    return EmriSignal(
        source=source,
        cadence=cadence,
        channels=tuple(channels),
        series=synthesize(slow, samples=math.ceil(duration / cadence - 1e-9), cadence=cadence, channels=channels),
        harmonics=slow.harmonics,
        squared_snr=power,
    )


def synthesize(
    slow: SlowHarmonics, *, samples: int, cadence: float, channels: Sequence[str] = ("A",)
) -> Float[np.ndarray, "channels samples"]:
    """Sum slow harmonics on the grid of the data.

    Phases are quintic between knots, through their values, frequencies and derivatives of those at both
    ends; factors are cubic splines.

    Args:
        slow: The harmonics.
        samples: Number of samples, the first at time 0.
        cadence: Their spacing [s].
        channels: Any of ``"A"``, ``"E"`` and ``"T"``.

    Returns:
        The series, zero after the last knot, shape (channels, samples).

    Raises:
        InputError: If a channel is unknown.
    """
    factors = np.stack(
        [CubicSpline(slow.times, slow.factor(channel), axis=1).c.transpose(2, 0, 1) for channel in channels]
    )
    out = np.zeros((len(channels), samples))
    sum_harmonics(
        slow.times,
        _quintic(slow),
        np.ascontiguousarray(factors.transpose(3, 0, 1, 2)),
        np.array(slow.harmonics, dtype=np.int64).reshape(-1, 2),
        cadence,
        out,
    )
    return out


def scaled_to_snr(signal: EmriSignal, snr: float) -> EmriSignal:
    """Move a source so that its signal has a given signal-to-noise ratio.

    Args:
        signal: The signal.
        snr: The ratio wanted, of all its channels and harmonics together.

    Returns:
        The signal of the same source at another distance.

    Raises:
        InputError: If the ratio is not positive.
    """
    if not (math.isfinite(snr) and snr > 0):
        raise InputError(f"`scaled_to_snr(snr)` must be positive, got {snr}; give a signal-to-noise ratio such as 30")
    scale = snr / signal.snr
    return replace(
        signal,
        source=replace(signal.source, luminosity_distance=signal.source.luminosity_distance / scale),
        series=scale * signal.series,
        squared_snr=scale**2 * signal.squared_snr,
    )


def _quintic(slow: SlowHarmonics) -> Float[np.ndarray, "2 6 segments"]:
    """Coefficients of both phases in the time since a knot, lowest order first."""
    width = np.diff(slow.times)
    start, end = slow.phases[:, :-1], slow.phases[:, 1:]
    turn = 2.0 * np.pi * slow.rates
    bend = 2.0 * np.pi * slow.rate_derivatives
    # What the expansion about the first knot leaves at the second, in value, slope and curvature.
    value = end - start - turn[:, :-1] * width - 0.5 * bend[:, :-1] * width**2
    slope = (turn[:, 1:] - turn[:, :-1] - bend[:, :-1] * width) * width
    curve = (bend[:, 1:] - bend[:, :-1]) * width**2
    cubic = (10.0 * value - 4.0 * slope + 0.5 * curve) / width**3
    quartic = (-15.0 * value + 7.0 * slope - curve) / width**4
    fifth = (6.0 * value - 3.0 * slope + 0.5 * curve) / width**5
    return np.stack([np.mod(start, 2.0 * np.pi), turn[:, :-1], 0.5 * bend[:, :-1], cubic, quartic, fifth], axis=1)
