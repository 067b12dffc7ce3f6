"""Adiabatic waveforms of eccentric equatorial inspirals, seen from any direction.

    h+ - i hx = -(2 mu / r) sum Z / w^2 S_lm(theta; a w) e^{i m phi} e^{-i (m Phi_phi + n Phi_r)}

over modes of both signs. The mirror image of a mode looks from theta like the mode itself from pi - theta, conjugated:
with U(theta) the sum over l of the factors of one (m, n),

    h+ = Re[(U(theta) + U(pi - theta)) e^{-i Phi}],    hx = Re[i (U(theta) - U(pi - theta)) e^{-i Phi}].

The sign is that of relativistic amplitudes and of `emri.harmonics`: h+ and hx are minus those of the quadrupole formula
in the basis e_theta, e_phi, as if both vectors were exchanged.

Frequencies and phases come from the table of tracks, amplitudes from a model at some hundred orbits along the track,
between which they are cubic splines in the logarithm of the distance to the separatrix.

Reference:
    Hughes et al., arXiv:2102.02713 (adiabatic waveforms from snapshots).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int
from scipy.interpolate import BPoly, CubicSpline, PPoly

from swansong.core.constants import MEGAPARSEC, SOLAR_MASS_METRES
from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes.answers import AmplitudeModel, Amplitudes
from swansong.emri.amplitudes.modes import canonical, check_modes, polar_index
from swansong.emri.amplitudes.plan import strongest_modes
from swansong.emri.harmonics.kernels import sum_harmonics
from swansong.emri.harmonics.slow import TrackTable, knots
from swansong.emri.tracks import YEAR, load
from swansong.emri.tracks.units import plunge_seconds
from swansong.physics.kerr import separatrix
from swansong.physics.spheroidal import spheroidal_harmonic

_MOST = 20_000  # modes of one orbit
_SNAPSHOTS = 16  # orbits along the track at which the modes are chosen
_SOFTENING = 0.02  # [M], of the logarithm in which amplitudes are splines; as in the table of harmonics
_CLOSEST = 1e-6  # spacing of the points in that logarithm; a short stretch needs few of them
_DEGREE = 24  # of the interpolation in a w, exact to rounding over ranges up to 8


@dataclass(frozen=True, eq=False)
class Waveform:
    """Both polarizations of an inspiral; equality is identity.

    Attributes:
        cadence: Spacing of the samples, the first at 0 [s].
        plus: h+, strain, zero from a second before the plunge on, shape (n,).
        cross: hx, likewise.
        modes: (l, m, 0, n) in it, each with its mirror image, shape (modes, 4).
        times: Where the model was asked, shape (points,) [s].
        orbits: (a, p, e, x) there, shape (points, 4).
        error: The model's estimate of its error there, shape (points,).
        extrapolated: Whether an orbit was outside the model's domain and the analytic baseline stands in for it,
            shape (points,).
    """

    cadence: float
    plus: Float[np.ndarray, " n"]
    cross: Float[np.ndarray, " n"]
    modes: Int[np.ndarray, "modes 4"]
    times: Float[np.ndarray, " points"]
    orbits: Float[np.ndarray, "points 4"]
    error: Float[np.ndarray, " points"]
    extrapolated: Bool[np.ndarray, " points"]

    @property
    def t(self) -> Float[np.ndarray, " n"]:
        """Times of the samples [s]."""
        return self.cadence * np.arange(self.plus.size)

    @property
    def extrapolated_share(self) -> float:
        """Share of the points at which the analytic baseline stands in; they are denser towards the plunge."""
        return float(self.extrapolated.mean())

    @property
    def extrapolated_time(self) -> float:
        """Share of the signal's time for which it stands in."""
        return float(np.trapezoid(self.extrapolated.astype(float), self.times) / np.ptp(self.times))


class _Inspiral(NamedTuple):
    """What the table of tracks needs to know."""

    mass_1: float
    mass_2: float
    spin: float
    plunge_time: float
    final_eccentricity: float

    @property
    def sense(self) -> float:
        """1 along the spin, -1 against it."""
        return -1.0 if self.spin < 0.0 else 1.0

    @property
    def plunge(self) -> float:
        """Time of the plunge [s]."""
        return float(plunge_seconds(self.plunge_time))

    @property
    def amplitude(self) -> float:
        """Reduced mass [m]."""
        return self.mass_1 * self.mass_2 / (self.mass_1 + self.mass_2) * SOLAR_MASS_METRES

    def orbits(self, times: Float[np.ndarray, " k"], tracks: TrackTable) -> Float[np.ndarray, "k 4"]:
        """(a, p, e, x) at some times."""
        found = tracks.orbit(times, **self._asdict())
        # Splines of a vanishing eccentricity are as often below zero.
        e = np.maximum(found.e, 0.0)
        return np.column_stack([np.full_like(e, abs(self.spin)), found.p, e, np.full_like(e, self.sense)])


def inspiral_waveform(
    model: AmplitudeModel,
    *,
    mass_1: float,
    mass_2: float,
    spin: float,
    plunge_time: float,
    final_eccentricity: float,
    luminosity_distance: float,
    theta: float,
    phi: float,
    phase_phi: float = 0.0,
    phase_r: float = 0.0,
    duration: float = YEAR,
    cadence: float = 10.0,
    modes: Int[np.ndarray, "modes 4"] | None = None,
    share: float = 0.999,
    points: int = 100,
    tracks: TrackTable | None = None,
) -> Waveform:
    """Compute the waveform of an eccentric equatorial inspiral.

    Args:
        model: Amplitudes of orbits.
        mass_1: Mass of the large hole, detector frame [solar masses].
        mass_2: Mass of the small body, detector frame [solar masses].
        spin: Dimensionless spin of the hole, negative for a retrograde orbit.
        plunge_time: Time from the first sample to the plunge, years up to 100, else seconds.
        final_eccentricity: Eccentricity there.
        luminosity_distance: Distance [Mpc].
        theta: Angle between the orbital angular momentum and the direction to the observer [rad].
        phi: Azimuth of that direction, counted along the motion [rad].
        phase_phi: Azimuthal phase at the first sample [rad].
        phase_r: Radial phase there, zero at the smallest distance [rad].
        duration: Length of the waveform [s].
        cadence: Spacing of the samples [s].
        modes: Modes (l, m, 0, n), each with its mirror image; None for those that are dominant somewhere on the track.
        share: Share of the power, by the analytic baseline, that dominant modes reach together.
        points: Orbits at which the model is asked.
        tracks: Table of tracks; the packaged one if None.

    Returns:
        The waveform. Orbits outside the domain of the model are answered by the analytic baseline.

    Raises:
        DomainError: If the source is outside the table of tracks, or the distance is not positive.
        InputError: If an angle, the sampling or the modes make no sense.

    Reference:
        arXiv:2102.02713, section III.
    """
    if not (math.isfinite(luminosity_distance) and luminosity_distance > 0.0):
        raise DomainError(f"`luminosity_distance` must be positive, got {luminosity_distance}; give Mpc")
    if not (0.0 <= theta <= math.pi and all(map(math.isfinite, (phi, phase_phi, phase_r)))):
        raise InputError(
            f"`theta` must lie in [0, pi] and the other angles be finite, got theta = {theta}, phi = {phi}, phase_phi "
            f"= {phase_phi} and phase_r = {phase_r}; give radians"
        )
    if not (math.isfinite(cadence) and 0.0 < cadence <= duration) or points < 4:
        raise InputError(
            f"`inspiral_waveform` needs a cadence from 0 to the duration and 4 points or more, got {cadence} s, "
            f"{duration} s and {points}; leave them out for the defaults"
        )
    if not 0.0 < share <= 1.0:
        raise InputError(f"`share` must lie in (0, 1], got {share}; 0.99 is usual")
    tracks = load() if tracks is None else tracks
    inspiral = _Inspiral(mass_1, mass_2, spin, plunge_time, final_eccentricity)
    fine = knots(duration=duration, plunge=inspiral.plunge)
    along = _place(inspiral.orbits(fine, tracks))
    count = min(points, max(4, math.ceil((along[0] - along[-1]) / _CLOSEST)))
    # The place falls with time.
    times = np.interp(-np.linspace(along[0], along[-1], count), -along, fine)
    orbits = inspiral.orbits(times, tracks)
    chosen = _dominant_modes(orbits, share=share) if modes is None else _both_signs(modes, spin=spin)
    a, p, e, x = orbits.T
    answer = model(a=a, p=p, e=e, x=x, modes=chosen, extrapolate="kludge")

    orders, factors = _factors(answer, chosen, theta=theta, phi=phi, sense=inspiral.sense)
    factors = -2.0 * inspiral.amplitude / (luminosity_distance * MEGAPARSEC) * factors
    slow = CubicSpline(-_place(orbits), factors)(-along)
    out = np.zeros((2, math.ceil(duration / cadence - 1e-9)))
    sum_harmonics(
        fine,
        _phases(inspiral, fine, tracks, start=(phase_phi, phase_r)),
        np.ascontiguousarray(CubicSpline(fine, slow).c.transpose(1, 2, 3, 0)),
        orders,
        cadence,
        out,
    )
    return Waveform(
        cadence=cadence,
        plus=out[0],
        cross=out[1],
        modes=chosen,
        times=times,
        orbits=orbits,
        error=answer.error,
        extrapolated=answer.extrapolated,
    )


def _place(orbits: Float[np.ndarray, "k 4"]) -> Float[np.ndarray, " k"]:
    """Logarithm of the softened distance to the separatrix, falling along a track."""
    a, p, e, x = orbits.T
    return np.log(p - np.asarray(separatrix(a * x, e)) + _SOFTENING)


def _dominant_modes(orbits: Float[np.ndarray, "k 4"], *, share: float) -> Int[np.ndarray, "modes 4"]:
    """Modes that are among the dominant ones of some orbit, by the analytic baseline."""
    few = orbits[np.linspace(0, len(orbits) - 1, _SNAPSHOTS).round().astype(int)]
    largest = float(few[:, 2].max())
    chosen = [strongest_modes(one, share=1.0 - share, most=_MOST, eccentricity=largest)[0] for one in few]
    return np.unique(np.concatenate(chosen), axis=0)


def _both_signs(modes: Int[np.ndarray, "modes 4"], *, spin: float) -> Int[np.ndarray, "modes 4"]:
    """Modes that were given, one of each pair of mirror images."""
    modes = check_modes(modes)
    if len(modes) == 0 or modes[:, 2].any():
        raise InputError(
            f"`modes` must hold one mode (l, m, 0, n) or more, got {len(modes)} of which "
            f"{np.count_nonzero(modes[:, 2])} have k other than 0; equatorial orbits excite no others"
        )
    pairs = np.unique(canonical(modes, retrograde=spin < 0.0).modes, axis=0)
    return polar_index(pairs, retrograde=spin < 0.0)


def _factors(
    answer: Amplitudes, modes: Int[np.ndarray, "modes 4"], *, theta: float, phi: float, sense: float
) -> tuple[Int[np.ndarray, "harmonics 2"], Complex[np.ndarray, "points 2 harmonics"]]:
    """Harmonics (m, n) of the phases of the track, and their factors U(theta) +- U(pi - theta), with i for hx.

    Amplitudes know the spin of the hole as their axis. Seen from the momentum of a retrograde orbit, that frame is
    turned by pi about the line to the first periapsis: colatitudes are mirrored, azimuths change their sign, both
    vectors of the polarization too, and the azimuthal phase runs backwards.
    """
    w = answer.frequencies
    angles = np.array([theta, math.pi - theta]) if sense > 0.0 else np.array([math.pi - theta, theta])
    seen = np.empty((2, *w.shape), np.complex128)
    for l, m in np.unique(modes[:, :2], axis=0):
        at = np.flatnonzero((modes[:, 0] == l) & (modes[:, 1] == m))
        seen[:, :, at] = _patterns(int(l), int(m), g=answer.orbits[:, :1] * w[:, at], angles=angles, phi=sense * phi)
    strain = answer.values / np.where(w == 0.0, np.inf, w) ** 2
    orders, group = np.unique(modes[:, [1, 3]], axis=0, return_inverse=True)
    sums = (seen * strain) @ np.eye(len(orders))[group.reshape(-1)]
    factors = np.stack([sums[0] + sums[1], 1j * (sums[0] - sums[1])], axis=1)
    if sense > 0.0:
        return orders, factors
    # Re[U e^{-i (-m Phi_phi + n Phi_r)}] = Re[conj(U) e^{-i (m Phi_phi - n Phi_r)}].
    return orders * np.array([1, -1]), factors.conj()


def _patterns(
    l: int, m: int, *, g: Float[np.ndarray, "points modes"], angles: Float[np.ndarray, "2"], phi: float
) -> Complex[np.ndarray, "2 points modes"]:
    """Spheroidal harmonics from two directions, by Chebyshev's interpolation over the range of a w."""
    middle, half = 0.5 * (g.max() + g.min()), 0.5 * np.ptp(g) + 0.01
    nodes = np.polynomial.chebyshev.chebpts1(_DEGREE + 1)
    values = spheroidal_harmonic(l, m, g=middle + half * nodes[:, None], theta=angles, phi=phi)
    vandermonde = np.polynomial.chebyshev.chebvander(nodes, _DEGREE)
    coefficients = np.linalg.solve(vandermonde, values)
    return np.polynomial.chebyshev.chebval((g - middle) / half, coefficients)


def _phases(
    inspiral: _Inspiral, times: Float[np.ndarray, " k"], tracks: TrackTable, *, start: tuple[float, float]
) -> Float[np.ndarray, "2 6 segments"]:
    """Both phases of the track as quintic polynomials between knots, lowest order first [rad]."""
    phases = tracks.phases(times, **inspiral._asdict())
    rows = []
    for phase, begin, (m, n) in zip(phases, start, ((1, 0), (0, 1)), strict=True):
        rate = tracks.harmonic(times, m=m, n=n, **inspiral._asdict())
        turns = 2.0 * math.pi * np.column_stack([rate.frequency, rate.derivative])
        steps = BPoly.from_derivatives(times, np.column_stack([phase + begin, turns]))
        rows.append(PPoly.from_bernstein_basis(steps).c[::-1])
    return np.ascontiguousarray(np.stack(rows))
