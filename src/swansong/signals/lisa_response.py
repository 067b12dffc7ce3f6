"""Response of LISA to a quasi-monochromatic wave, as slow complex factors.

A harmonic h+ = Re[plus e^{-i Phi}], hx = Re[cross e^{-i Phi}] with slow amplitudes turns
into A = Re[a_A e^{-i Phi}] in every TDI channel. The factor a_A varies over hours, so it
is computed on a coarse grid and interpolated, in place of delaying the wave itself
sample by sample.

Conventions, those of `fastlisaresponse` (arXiv:2204.06633):

* Time is barycentric, Phi(t) the phase that the wave would have at the barycentre.
* A source at ecliptic longitude l and latitude b sends its wave along
  k = -(cos b cos l, cos b sin l, sin b). The polarization basis is u = (sin l, -cos l, 0) (west) and
  v = (-sin b cos l, -sin b sin l, cos b) (north), the strain h+ (uu - vv) + hx (uv + vu).
* The link from spacecraft e to r, with n the unit vector from e to r, measures
  y = {H(t - k.x_r/c) - H(t - d - k.x_e/c)} / {2 (1 - k.n)},
  H = h+ [(u.n)^2 - (v.n)^2] + 2 hx (u.n)(v.n), d the light travel time. The opposite sign is in
  use elsewhere: it moves all phases by pi.
* Second-generation TDI of equal arms: X = (1 - D^2)(1 - D^4)[(y13 + D y31) - (y12 + D y21)]
  with D the delay by one arm, Y and Z by 1 -> 2 -> 3 -> 1, and
  A = (Z - X)/sqrt 2, E = (X - 2Y + Z)/sqrt 6, T = (X + Y + Z)/sqrt 3.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from numba import njit

from swansong.core.constants import ASTRONOMICAL_UNIT, SOLAR_MASS_PARAMETER, SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals.lisa import LISA_ARM_LENGTH

_MEAN_MOTION = math.sqrt(SOLAR_MASS_PARAMETER / ASTRONOMICAL_UNIT**3)
# Receiver and emitter of each link: 12, 23, 31 and back 13, 32, 21, counted from 0.
_RECEIVER = np.array([0, 1, 2, 0, 2, 1])
_EMITTER = np.array([1, 2, 0, 2, 1, 0])
# Links of X, Y and Z: received by their own spacecraft, and back; the first row counts positive.
_NEAR = np.array([[3, 5, 4], [0, 1, 2]])
_FAR = np.array([[2, 0, 1], [5, 4, 3]])
_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])  # (1 - D^2)(1 - D^4) = 1 - D^2 - D^4 + D^6
# Half the interval of the central difference that gives rates of antenna patterns [s].
_STEP = 60.0


@dataclass(frozen=True)
class LisaOrbits:
    """Three spacecraft on Keplerian orbits, to first order in the eccentricity.

    Their distances are equal and constant. The centre of the triangle circles the Sun in
    the ecliptic at 1 au; the triangle is tilted by 60 degrees and turns once a year.

    Attributes:
        start: Orbit time at time 0 of the data [s]. `fastlisaresponse` starts orbits and
            wave together and then drops the first ``t0`` seconds as garbage of the
            interpolation (30000 s is usual): its output is met with the wave's clock
            running from there, ``start=t0``, or, if it pads the dropped part with zeros,
            with ``start=0``.
        longitude: Ecliptic longitude of the centre at orbit time 0 [rad].
        rotation: Angle of spacecraft 1 in the triangle; its distance below the ecliptic
            is largest where the centre's longitude has this value [rad].
        arm_length: Distance between spacecraft [m].

    Raises:
        InputError: If a value is not finite or the length of the arms not positive or
            above a tenth of an astronomical unit.

    Reference:
        Dhurandhar et al., arXiv:gr-qc/0410093; the analytic `EqualArmlengthOrbits` of
        `lisaorbits`, whose defaults are those here.
    """

    start: float = 0.0
    longitude: float = 0.0
    rotation: float = 0.0
    arm_length: float = LISA_ARM_LENGTH

    def __post_init__(self) -> None:
        values = (self.start, self.longitude, self.rotation, self.arm_length)
        if not all(math.isfinite(value) for value in values) or not 0 < self.arm_length < 0.1 * ASTRONOMICAL_UNIT:
            raise InputError(
                "`LisaOrbits(start, longitude, rotation, arm_length)` must be finite with arms between 0 and 1.5e10 m, "
                f"got {', '.join(map(str, values))}; give seconds, radians and metres"
            )

    @property
    def circle(self) -> tuple[float, float, float]:
        """Radius [s], angular speed [1/s] and longitude at time 0 of the centre's way round the Sun."""
        return ASTRONOMICAL_UNIT / SPEED_OF_LIGHT, _MEAN_MOTION, self.longitude + _MEAN_MOTION * self.start

    @property
    def arm_time(self) -> float:
        """Length of the arms as a time [s]."""
        return self.arm_length / SPEED_OF_LIGHT

    def _angles(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Longitude of the centre, (n, 1), phases of the spacecraft, (3,), and the size of the triangle [s]."""
        alpha = _MEAN_MOTION * (np.asarray(times, dtype=np.float64)[..., None] + self.start) + self.longitude
        return alpha, self.rotation + 2.0 * np.pi / 3.0 * np.arange(3), np.array(self.arm_time / math.sqrt(12.0))

    def positions(self, times: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 3 3"]:
        """Compute where the spacecraft are.

        Args:
            times: Times of the data [s].

        Returns:
            Barycentric ecliptic coordinates as light travel times; the second axis counts
            spacecraft, shape (n, 3, 3) [s].
        """
        alpha, beta, size = self._angles(times)
        s, c, centre = np.sin(alpha), np.cos(alpha), ASTRONOMICAL_UNIT / SPEED_OF_LIGHT
        x = centre * c + size * (s * c * np.sin(beta) - (1.0 + s**2) * np.cos(beta))
        y = centre * s + size * (s * c * np.cos(beta) - (1.0 + c**2) * np.sin(beta))
        return np.stack([x, y, -math.sqrt(3.0) * size * np.cos(alpha - beta)], axis=-1)

    def velocities(self, times: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 3 3"]:
        """Compute how fast the spacecraft move.

        Args:
            times: Times of the data [s].

        Returns:
            Velocities over the speed of light, as in `positions`, shape (n, 3, 3).
        """
        alpha, beta, size = self._angles(times)
        centre, twice = ASTRONOMICAL_UNIT / SPEED_OF_LIGHT, 2.0 * alpha
        x = -centre * np.sin(alpha) + size * (np.cos(twice) * np.sin(beta) - np.sin(twice) * np.cos(beta))
        y = centre * np.cos(alpha) + size * (np.cos(twice) * np.cos(beta) + np.sin(twice) * np.sin(beta))
        return _MEAN_MOTION * np.stack([x, y, math.sqrt(3.0) * size * np.sin(alpha - beta)], axis=-1)


class Channels(NamedTuple):
    """Slow complex factors of the three TDI channels.

    Attributes:
        A: Factor of A, shape (..., n), fractional frequency deviation.
        E: Factor of E, same shape.
        T: Factor of T, same shape; nearly zero below 10 mHz.
    """

    A: Complex[np.ndarray, "... n"]
    E: Complex[np.ndarray, "... n"]
    T: Complex[np.ndarray, "... n"]


def harmonic_response(
    times: Float[np.ndarray, "n"],
    *,
    plus: Complex[np.ndarray, "... n"],
    cross: Complex[np.ndarray, "... n"],
    frequency: Float[np.ndarray, "... n"],
    frequency_derivative: Float[np.ndarray, "... n"],
    frequency_second_derivative: Float[np.ndarray, "... n"],
    longitude: float,
    latitude: float,
    orbits: LisaOrbits | None = None,
) -> Channels:
    """Compute what LISA makes of harmonics of a wave, as slow complex factors.

    For h+ = Re[plus e^{-i Phi}] and hx = Re[cross e^{-i Phi}] with dPhi/dt = 2 pi f the
    channels are A(t) = Re[a_A(t) e^{-i Phi(t)}] and so on. A harmonic that is given as
    h+ - i hx = H e^{-i Phi} has plus = H and cross = i H. Delayed phases are expanded in
    the delay (up to 570 s) through the second derivative of the frequency. The amplitudes
    are taken at time t, so that the result is off by their relative change over the
    delay, 5e-4 at the very end of the fastest inspirals. Motion and turning of the
    triangle during the delays, the aberration of links and the difference between both
    directions of an arm are kept, to first order in the velocity.

    A spacing of 2500 to 10000 s and cubic interpolation of the factors suit a year; the
    cost is 10 ms for a year of geometry and as much for each harmonic.

    Args:
        times: Times from the start of the data, any order and spacing, shape (n,) [s].
        plus: Slow amplitude of h+, shape (..., n), strain.
        cross: Slow amplitude of hx, shape (..., n), strain.
        frequency: Frequency f, shape (..., n) [Hz].
        frequency_derivative: df/dt, shape (..., n) [Hz/s].
        frequency_second_derivative: d^2f/dt^2, shape (..., n) [Hz/s^2].
        longitude: Ecliptic longitude of the source [rad].
        latitude: Ecliptic latitude of the source, not the polar angle [rad].
        orbits: The spacecraft; the default if None.

    Returns:
        Factors of A, E and T; leading axes are those of the inputs, broadcast together.

    Raises:
        InputError: If shapes do not fit, values are not finite or the latitude lies
            outside [-pi/2, pi/2].

    Reference:
        Katz et al., arXiv:2204.06633, section II; heterodyning after Cornish and
        Littenberg, arXiv:0704.1808.
    """
    orbits = LisaOrbits() if orbits is None else orbits
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise InputError(
            f"`harmonic_response(times)` must be one series of finite seconds, got shape {times.shape}; give one time "
            "for each point of the slow grid"
        )
    if not (math.isfinite(longitude) and abs(latitude) <= 0.5 * math.pi):
        raise InputError(
            "`harmonic_response(longitude=..., latitude=...)` must be finite and the latitude within pi/2 of 0, got "
            f"{longitude} and {latitude}; give radians, and pi/2 less the polar angle as latitude"
        )
    amplitudes = (np.asarray(plus, np.complex128), np.asarray(cross, np.complex128))
    rates = (frequency, frequency_derivative, frequency_second_derivative)
    series = (*amplitudes, *(np.asarray(rate, np.float64) for rate in rates))
    for name, values in zip(("plus", "cross", "frequency", "its derivative", "its second"), series, strict=True):
        if not np.isfinite(values).all():
            raise InputError(
                f"`harmonic_response` needs finite series, got {(~np.isfinite(values)).sum()} values of {name} that "
                "are not; end the grid where the wave ends"
            )
    try:
        shape = np.broadcast_shapes(times.shape, *(values.shape for values in series))
    except ValueError:
        shape = ()
    if shape[-1:] != times.shape:
        raise InputError(
            f"`harmonic_response` needs series that fit times of shape {times.shape}, got "
            f"{', '.join(str(values.shape) for values in series)}; give shapes (..., n)"
        )
    flat = [np.broadcast_to(values, shape).reshape(-1, times.size) for values in series]
    geometry = _geometry(times, longitude=longitude, latitude=latitude, orbits=orbits)
    out = _combine(geometry, orbits.arm_time, tuple(flat))
    return Channels(*(out[:, i].reshape(shape) for i in range(3)))


def _patterns(
    positions: np.ndarray, velocities: np.ndarray, *, u: np.ndarray, v: np.ndarray, k: np.ndarray, arm_time: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of h+ and hx in each link, (n, 6, 2), and its light travel time, (n, 6) [s]."""
    # The emitter has moved on since the light left it.
    path = positions[:, _RECEIVER] - positions[:, _EMITTER] + arm_time * velocities[:, _EMITTER]
    light = np.linalg.norm(path, axis=-1)
    n = path / light[..., None]
    along_u, along_v = n @ u, n @ v
    scale = 0.5 / (1.0 - n @ k)
    return np.stack([scale * (along_u**2 - along_v**2), 2.0 * scale * along_u * along_v], axis=-1), light


def _geometry(times: np.ndarray, *, longitude: float, latitude: float, orbits: LisaOrbits) -> tuple[np.ndarray, ...]:
    """Delays of the spacecraft and patterns of the links with their rates, and light travel times."""
    sl, cl, sb, cb = math.sin(longitude), math.cos(longitude), math.sin(latitude), math.cos(latitude)
    u, v, k = np.array([sl, -cl, 0.0]), np.array([-sb * cl, -sb * sl, cb]), np.array([-cb * cl, -cb * sl, -sb])
    positions, velocities = orbits.positions(times), orbits.velocities(times)
    weights, light = _patterns(positions, velocities, u=u, v=v, k=k, arm_time=orbits.arm_time)
    before, after = (
        _patterns(positions + h * velocities, orbits.velocities(times + h), u=u, v=v, k=k, arm_time=orbits.arm_time)[0]
        for h in (-_STEP, _STEP)
    )
    return positions @ k, velocities @ k, weights, (after - before) / (2.0 * _STEP), light


@njit(cache=True)
def _turned(delay, f, f1, f2):
    """e^{i (Phi(t) - Phi(t - delay))}."""
    cycles = delay * (f - delay * (0.5 * f1 - delay * f2 / 6.0))
    angle = 2.0 * math.pi * (cycles - math.floor(cycles))
    return complex(math.cos(angle), math.sin(angle))


@njit(cache=True)
def _combine(geometry, arm, series):
    """Sum the links into A, E and T: (harmonics, 3, n).

    Light that ends at a spacecraft was there at even multiples of the arm before, and at
    the other two at odd ones. Every link uses the wave at both its ends, so 15 even events
    and 24 odd ones hold all retarded phases.
    """
    delays, rates, weights, drifts, light = geometry
    plus, cross, f, f1, f2 = series
    harmonics, n = f.shape
    out = np.empty((harmonics, 3, n), np.complex128)
    even = np.empty(5, np.complex128)
    xyz = np.empty(3, np.complex128)
    for j in range(harmonics):
        for i in range(n):
            p, c, w, w1, w2 = plus[j, i], cross[j, i], f[j, i], f1[j, i], f2[j, i]
            for s in range(3):
                for m in range(5):
                    lag = 2.0 * m * arm
                    even[m] = _turned(lag + delays[i, s] - rates[i, s] * lag, w, w1, w2)
                total = 0.0j
                for side in range(2):
                    near, far = _NEAR[side, s], _FAR[side, s]
                    e = _EMITTER[near]
                    part = 0.0j
                    for m in range(4):
                        received = 2.0 * m * arm
                        lag = received + light[i, near]
                        odd = _turned(lag + delays[i, e] - rates[i, e] * lag, w, w1, w2)
                        g = p * (weights[i, near, 0] - received * drifts[i, near, 0])
                        g += c * (weights[i, near, 1] - received * drifts[i, near, 1])
                        h = p * (weights[i, far, 0] - lag * drifts[i, far, 0])
                        h += c * (weights[i, far, 1] - lag * drifts[i, far, 1])
                        part += _SIGNS[m] * (g * (even[m] - odd) + h * (odd - even[m + 1]))
                    total += part if side == 0 else -part
                xyz[s] = total
            out[j, 0, i] = (xyz[2] - xyz[0]) / math.sqrt(2.0)
            out[j, 1, i] = (xyz[0] - 2.0 * xyz[1] + xyz[2]) / math.sqrt(6.0)
            out[j, 2, i] = (xyz[0] + xyz[1] + xyz[2]) / math.sqrt(3.0)
    return out
