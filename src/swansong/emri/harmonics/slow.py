"""The harmonics of a source in LISA's channels, as slow complex factors along its track.

A year of data holds 1e5 cycles, but amplitudes, frequencies and antenna patterns vary over hours:
some four thousand knots hold a whole signal. The knots are evenly spaced and move closer together
as the plunge comes near, where everything runs away.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Complex, Float

from swansong.core.errors import InputError
from swansong.emri.harmonics.amplitudes import AmplitudeTable, load_amplitudes
from swansong.emri.harmonics.polarizations import harmonic_polarizations
from swansong.emri.harmonics.sources import Source
from swansong.emri.tracks import YEAR, load
from swansong.emri.tracks.sources import Harmonic, Orbit, Phases
from swansong.signals.lisa_response import Channels, LisaOrbits, harmonic_response
from swansong.signals.spectra import Spectrum

KNOT_SPACING = 1e4
"""Spacing of the knots far from the plunge [s]."""

NEAREST_KNOT = 1.0
"""Time of the last knot before the plunge [s]."""

# Largest step in units of the time to plunge. The light travel time to LISA, up to 500 s, turns a factor by
# 2 pi f 500 s, so f may change by little between knots: half a radian at 20 mHz.
_CLOSER = 0.02


@runtime_checkable
class TrackTable(Protocol):
    """What is asked of a table of tracks; `emri.tracks.load` gives the packaged one."""

    def harmonic(
        self,
        t: Float[np.ndarray, "n"],
        *,
        m: int,
        n: int,
        mass_1: float,
        mass_2: float,
        spin: float,
        plunge_time: float,
        final_eccentricity: float,
    ) -> Harmonic:
        """Frequency of m f_phi + n f_r and its two derivatives, shape (n,) [Hz, Hz/s, Hz/s^2]."""
        ...

    def orbit(
        self,
        t: Float[np.ndarray, "n"],
        *,
        mass_1: float,
        mass_2: float,
        spin: float,
        plunge_time: float,
        final_eccentricity: float,
    ) -> Orbit:
        """Semi-latus rectum [M] and eccentricity, shape (n,)."""
        ...

    def phases(
        self,
        t: Float[np.ndarray, "n"],
        *,
        mass_1: float,
        mass_2: float,
        spin: float,
        plunge_time: float,
        final_eccentricity: float,
    ) -> Phases:
        """Azimuthal and radial phase, zero at t = 0, shape (n,) [rad]."""
        ...


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class SlowHarmonics:
    """Harmonics of one source between knots; build it with `slow_harmonics`.

    Attributes:
        source: The source.
        harmonics: The harmonics (m, n).
        times: The knots, shape (k,) [s].
        phases: Azimuthal and radial phase, the source's own at t = 0 included, shape (2, k) [rad].
        rates: Their frequencies, shape (2, k) [Hz].
        rate_derivatives: The derivatives of those, shape (2, k) [Hz/s].
        factors: Factors a of every channel, h(t) = Re[a e^{-i (m Phi_phi + n Phi_r)}], shape
            (harmonics, k) each.
    """

    source: Source
    harmonics: tuple[tuple[int, int], ...]
    times: Float[np.ndarray, "k"]
    phases: Float[np.ndarray, "2 k"]
    rates: Float[np.ndarray, "2 k"]
    rate_derivatives: Float[np.ndarray, "2 k"]
    factors: Channels

    @functools.cached_property
    def frequencies(self) -> Float[np.ndarray, "harmonics k"]:
        """Frequencies of the harmonics at the knots, shape (harmonics, k) [Hz]."""
        return np.array(self.harmonics, dtype=np.float64) @ self.rates

    def factor(self, channel: str) -> Complex[np.ndarray, "harmonics k"]:
        """Factors of one channel.

        Args:
            channel: ``"A"``, ``"E"`` or ``"T"``.

        Returns:
            Shape (harmonics, k).

        Raises:
            InputError: If there is no such channel.
        """
        if channel not in Channels._fields:
            raise InputError(
                f"the LISA channel must be one of {', '.join(Channels._fields)}, got {channel!r}; name one"
            )
        return getattr(self.factors, channel)

    def squared_snr(self, spectrum: Spectrum, *, channel: str = "A") -> Float[np.ndarray, "harmonics"]:
        """Squared signal-to-noise ratio of every harmonic, the integral of |a|^2 / S(f) dt.

        Harmonics hardly overlap, so that their squares add up to that of the signal.

        Args:
            spectrum: One-sided noise of the channel.
            channel: ``"A"``, ``"E"`` or ``"T"``.

        Returns:
            Shape (harmonics,).

        Raises:
            InputError: If there is no such channel.
        """
        density = np.abs(self.factor(channel)) ** 2 / spectrum.interpolate(np.abs(self.frequencies))
        return np.asarray(np.trapezoid(density, self.times, axis=-1))

    def only(self, harmonics: Sequence[tuple[int, int]]) -> "SlowHarmonics":
        """Keep some harmonics.

        Args:
            harmonics: Those to keep, in this order.

        Returns:
            The same signal with these harmonics.

        Raises:
            InputError: If one of them is not there.
        """
        missing = [pair for pair in harmonics if pair not in self.harmonics]
        if missing:
            raise InputError(f"`harmonics` has {missing[0]}, which this signal lacks; choose from {self.harmonics}")
        rows = [self.harmonics.index(pair) for pair in harmonics]
        factors = Channels(*(values[rows] for values in self.factors))
        return SlowHarmonics(
            self.source, tuple(harmonics), self.times, self.phases, self.rates, self.rate_derivatives, factors
        )


def knots(*, duration: float, plunge: float) -> Float[np.ndarray, "k"]:
    """Place the knots of a signal.

    Args:
        duration: Length of the data [s].
        plunge: Time of the plunge from the start of the data [s].

    Returns:
        Times from 0 to the end of the data or `NEAREST_KNOT` before the plunge, shape (k,) [s].

    Raises:
        InputError: If the data are empty or end before the first knot.
    """
    if not (math.isfinite(duration) and duration > 0 and plunge > 10 * NEAREST_KNOT):
        raise InputError(
            f"a signal needs a duration above 0 and a plunge after {10 * NEAREST_KNOT} s, got {duration} and {plunge} "
            "s; count both from the start of the data"
        )
    turn = max(plunge - KNOT_SPACING / _CLOSER, 0.0)
    even = np.linspace(0.0, turn, math.ceil(turn / KNOT_SPACING) + 1)
    left = plunge - turn
    steps = math.ceil(math.log(left / NEAREST_KNOT) / -math.log1p(-_CLOSER))
    closer = plunge - left * (NEAREST_KNOT / left) ** (np.arange(1, steps + 1) / steps)
    times = np.concatenate([even, closer])
    if duration >= times[-1]:
        return times
    inside = times[times < duration]
    # Keep one whole interval behind the last knot that would come too close to the end.
    if inside.size > 1 and duration - inside[-1] < 0.5 * (inside[-1] - inside[-2]):
        inside = inside[:-1]
    return np.append(inside, duration)


def slow_harmonics(
    source: Source,
    *,
    duration: float = YEAR,
    harmonics: Sequence[tuple[int, int]] | None = None,
    tracks: TrackTable | None = None,
    table: AmplitudeTable | None = None,
    orbits: LisaOrbits | None = None,
) -> SlowHarmonics:
    """Compute the harmonics of a source in LISA's channels.

    Args:
        source: The source.
        duration: Length of the data [s].
        harmonics: Harmonics (m, n); all of the amplitude table if None.
        tracks: Table of tracks; the packaged one if None.
        table: Table of amplitudes; the packaged one if None.
        orbits: Orbits of the spacecraft; the default if None.

    Returns:
        The slow factors, up to the end of the data or the plunge.

    Raises:
        DomainError: If the track or an orbit on it is outside the tables.
        InputError: If a harmonic is not in the table or the duration is not positive.
    """
    tracks = load() if tracks is None else tracks
    table = load_amplitudes() if table is None else table
    chosen = table.harmonics if harmonics is None else tuple((int(m), int(n)) for m, n in harmonics)
    times = knots(duration=duration, plunge=source.plunge_time * YEAR)
    inspiral = {
        "mass_1": source.mass_1,
        "mass_2": source.mass_2,
        "spin": source.spin,
        "plunge_time": source.plunge_time,
        "final_eccentricity": source.final_eccentricity,
    }
    azimuthal = tracks.harmonic(times, m=1, n=0, **inspiral)
    radial = tracks.harmonic(times, m=0, n=1, **inspiral)
    phases = tracks.phases(times, **inspiral)
    orbit = tracks.orbit(times, **inspiral)
    wave = harmonic_polarizations(
        source, semi_latus_rectum=orbit.p, eccentricity=orbit.e, harmonics=chosen, table=table
    )
    orders = np.array(chosen, dtype=np.float64).reshape(-1, 2)
    f, f1, f2 = (orders @ np.stack(pair) for pair in zip(azimuthal, radial, strict=True))
    factors = harmonic_response(
        times,
        plus=wave.plus,
        cross=wave.cross,
        frequency=f,
        frequency_derivative=f1,
        frequency_second_derivative=f2,
        longitude=source.source_longitude,
        latitude=source.latitude,
        orbits=orbits,
    )
    return SlowHarmonics(
        source=source,
        harmonics=chosen,
        times=times,
        phases=np.stack([phases.azimuthal + source.phase_phi, phases.radial + source.phase_r]),
        rates=np.stack([azimuthal.frequency, radial.frequency]),
        rate_derivatives=np.stack([azimuthal.derivative, radial.derivative]),
        factors=factors,
    )
