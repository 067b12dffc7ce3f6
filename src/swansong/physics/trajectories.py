"""Where the small body is at a given time: positions along a bound Kerr orbit of any inclination.

In Mino time lambda the radius and the angle in the orbital plane are periodic each with its own frequency, and
coordinate time and azimuth are linear in lambda plus an oscillation of each. All oscillations are short Fourier
series, read off the nodes of `geodesics.orbit_nodes`; only t(lambda) must be inverted, by Newton's steps between
bounds that the size of the oscillations gives.

Reference:
    Fujita and Hikida, arXiv:0906.1420; Hopper and others, arXiv:1506.04742 (spectral series).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError
from swansong.core.types import Array, ArrayLike, Float
from swansong.physics.geodesics import OrbitNodes, check_generic_orbit, orbit_nodes

_STEPS = 60  # at most; five are usual
_CLOSE = 1e-8  # radial phase [rad] from which one more of Newton's steps is exact


class Trajectory(NamedTuple):
    """Positions of the small body in Boyer-Lindquist coordinates, same shape each.

    Attributes:
        radius: r [M].
        polar_angle: theta [rad].
        azimuth: phi [rad], not wrapped, falling for retrograde orbits.
        mino_time: lambda [1/M], zero at t = 0.
    """

    radius: Float[Array, " times"]
    polar_angle: Float[Array, " times"]
    azimuth: Float[Array, " times"]
    mino_time: Float[Array, " times"]


class _Series(NamedTuple):
    """Fourier series of an orbit, rows of coefficients of orders 1, 2, ...

    Attributes:
        radial: Sines of the oscillations of time and azimuth in the radial phase, shape (2, radial - 1).
        radius: Cosines of r in the radial phase, order zero first, shape (radial,).
        polar: Sines of the oscillations of time, azimuth and psi in twice the polar phase, shape (3, polar - 1).
    """

    radial: Float[Array, "2 radial"]
    radius: Float[Array, " nodes"]
    polar: Float[Array, "3 polar"]


def _transforms(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """From values at the midpoints of half a period to coefficients of sines (n >= 1) and cosines (n >= 0)."""
    phases = np.outer((np.arange(nodes) + 0.5) * np.pi / nodes, np.arange(nodes))
    cosines = 2.0 / nodes * np.cos(phases)
    cosines[:, 0] *= 0.5
    return 2.0 / nodes * np.sin(phases[:, 1:]), cosines


def _series(orbit: OrbitNodes) -> _Series:
    (sine, cosine), (twice, _) = _transforms(orbit.radius.shape[-1]), _transforms(orbit.psi.shape[-1])
    mean = jnp.asarray((np.arange(orbit.psi.shape[-1]) + 0.5) * (0.5 * np.pi / orbit.psi.shape[-1]))
    return _Series(
        radial=jnp.stack([orbit.time_radial, orbit.turn_radial]) @ sine,
        radius=orbit.radius @ cosine,
        polar=jnp.stack([orbit.time_polar, orbit.turn_polar, orbit.psi - mean]) @ twice,
    )


def _sums(coefficients: Array, phase: Array) -> tuple[Array, Array]:
    """Sums over n >= 1 of c_n sin(n phase) and of c_n cos(n phase) by Clenshaw's recurrence.

    The table of all sines, times by orders, is never made: thousands of times would fill the memory.
    """
    twice = 2.0 * jnp.cos(phase)

    def step(carry: tuple[Array, Array], column: Array) -> tuple[tuple[Array, Array], None]:
        one, two = carry
        return (column[:, None] + twice * one - two, one), None

    zero = jnp.zeros((coefficients.shape[0], *phase.shape))
    (one, two), _ = jax.lax.scan(step, (zero, zero), coefficients.T, reverse=True)
    return one * jnp.sin(phase), 0.5 * twice * one - two


def _time(mino: Array, *, orbit: OrbitNodes, series: _Series) -> tuple[Array, Array]:
    """Coordinate time and its rate at a Mino time."""
    radial, polar, _ = orbit.mino
    total, rate = orbit.time * mino, orbit.time
    for row, frequency in ((series.radial[:1], radial), (series.polar[:1], 2.0 * polar)):
        orders = jnp.arange(1, row.shape[1] + 1)
        phase = jnp.remainder(frequency * mino, 2.0 * jnp.pi)
        sines, _ = _sums(row, phase)
        _, cosines = _sums(orders * row, phase)
        total, rate = total + sines[0], rate + frequency * cosines[0]
    return total, rate


def _mino_time(times: Array, *, orbit: OrbitNodes, series: _Series) -> Array:
    """Mino time at coordinate times, by Newton's steps that fall back on halving."""
    reach = jnp.abs(series.radial[0]).sum() + jnp.abs(series.polar[0]).sum()
    tolerance = _CLOSE / orbit.mino[0]

    def unfinished(state: tuple[Array, Array, Array, Array, Array]) -> Array:
        count, *_, change = state
        return (count < _STEPS) & (jnp.max(jnp.abs(change), initial=0.0) > tolerance)

    def improve(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        count, guess, low, high, _ = state
        value, rate = _time(guess, orbit=orbit, series=series)
        low, high = jnp.where(value < times, guess, low), jnp.where(value < times, high, guess)
        newton = guess + (times - value) / rate
        better = jnp.where((newton >= low) & (newton <= high), newton, 0.5 * (low + high))
        return count + 1, better, low, high, better - guess

    start = times / orbit.time
    spread = jnp.full_like(times, reach / orbit.time)
    state = (jnp.asarray(0), start, start - spread, start + spread, spread + 2.0 * tolerance)
    return jax.lax.while_loop(unfinished, improve, state)[1]


@jax.jit
def orbit_positions(
    times: Float[ArrayLike, " times"], *, a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike
) -> Trajectory:
    """Positions of one orbit, compiled, differentiable once and trusting its arguments.

    Derivatives with respect to x do not exist at |x| = 1, and none do over a pole at x = 0.

    Args:
        times: Coordinate times [M], shape (times,), in any order, also negative.
        a: Spin, 0 <= a < 1, a scalar like the others.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity, to 0.9.
        x: cos(inclination); zero is the limit from above.

    Returns:
        The positions, as in `trajectory`.
    """
    orbit = orbit_nodes(a, p, e, x)
    series = _series(orbit)
    times, x = jnp.asarray(times, float), jnp.asarray(x, float)
    fixed = jax.lax.stop_gradient((times, orbit, series))
    mino = jax.lax.stop_gradient(_mino_time(fixed[0], orbit=fixed[1], series=fixed[2]))
    # One more step, which also carries the derivatives.
    value, rate = _time(mino, orbit=orbit, series=series)
    mino = mino + (times - value) / jax.lax.stop_gradient(rate)

    radial, polar, precession = orbit.mino
    phase = jnp.remainder(radial * mino, 2.0 * jnp.pi)
    turn = _sums(series.radial[1:], phase)[0][0]
    radius = series.radius[0] + _sums(series.radius[None, 1:], phase)[1][0]
    tilt = _sums(series.polar[1:], jnp.remainder(2.0 * polar * mino, 2.0 * jnp.pi))[0]
    psi = polar * mino + tilt[1]
    sine, cosine, steep = jnp.sin(psi), jnp.cos(psi), jnp.abs(x)
    # atan2(sin psi, |x| cos psi) less psi never leaves (-pi/2, pi/2), so the sum needs no unwrapping.
    lead = jnp.arctan2((1.0 - steep) * sine * cosine, steep * cosine**2 + sine**2)
    azimuth = jnp.where(x < 0.0, -1.0, 1.0) * (psi + lead) + precession * mino + turn + tilt[0]
    height = jnp.sqrt(1.0 - x * x) * cosine
    # arctan2 keeps its digits at the poles, where arccos of the height loses half of them.
    polar_angle = jnp.arctan2(jnp.sqrt(sine**2 + (x * cosine) ** 2), height)
    return Trajectory(radius, polar_angle, azimuth, mino)


def trajectory(times: ArrayLike, *, a: float, p: float, e: float, x: float) -> Trajectory:
    """Positions of the small body on a bound orbit.

    At t = 0 it is at its periapsis, at its smallest polar angle and at phi = 0. An orbit through the poles, x = 0,
    has the azimuth of the limit x -> 0 from above: it leaps by half a turn at each passage.

    Args:
        times: Coordinate times [M], shape (times,), in any order, also negative.
        a: Spin, 0 <= a < 1.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity, 0 <= e < 1; the series hold 1e-10 to e = 0.9.
        x: cos(inclination), negative for retrograde orbits.

    Returns:
        The positions.

    Raises:
        DomainError: If the four numbers are no bound stable orbit, or the times are not finite in one dimension.

    Reference:
        arXiv:0906.1420, section 3 (the oscillations and their phases).
    """
    for name, value in zip("apex", (a, p, e, x), strict=True):
        if np.ndim(value) != 0:
            raise DomainError(f"`{name}` must be one number, got shape {np.shape(value)}; give one orbit at a time")
    check_generic_orbit(a, p, e, x)
    given = np.asarray(times, float)
    if given.ndim != 1 or not np.isfinite(given).all():
        found = f"shape {given.shape}" if given.ndim != 1 else f"{given[~np.isfinite(given)][0]}"
        raise DomainError(f"`times` must be finite in one dimension, got {found}; give a list of times in units of M")
    one = {name: np.asarray(value, float) for name, value in zip("apex", (a, p, e, x), strict=True)}
    return orbit_positions(given, **one)
