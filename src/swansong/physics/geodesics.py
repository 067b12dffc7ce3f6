"""Bound orbits of the Kerr spacetime at any inclination: constants, frequencies, separatrix.

An orbit is (a, p, e, x): spin 0 <= a < 1, semi-latus rectum, eccentricity and x = cos(inclination), the
sine of the smallest polar angle with the sign of the angular momentum; x < 0 is retrograde. Lengths and times
are in units of the mass of the hole, G = c = 1.

The textbook expressions have a branch for the sense of rotation and 0/0 for circular orbits. Both go away when
the angular momentum is written L = x l with l > 0, and determinants of polynomials at two radii are divided by
the difference of the radii: everything below is smooth through x = 0, e = 0 and a = 0.

All functions broadcast, run under `jit`, `vmap` and `grad` in float64, and trust their arguments: outside the
domain they return NaN or a number without meaning. `check_generic_orbit` refuses such orbits.

Reference:
    Schmidt, gr-qc/0202090 (constants); Fujita and Hikida, arXiv:0906.1420 (Mino time, elliptic functions).
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError
from swansong.core.padding import in_padded_batches
from swansong.core.types import Array, ArrayLike, Float
from swansong.physics import kerr
from swansong.physics.elliptic import complete, jacobi_amplitude

_BISECTIONS = 60  # of the interval between the equatorial separatrices
RADIAL_NODES, POLAR_NODES = 96, 16
"""Nodes of half a radial and of a quarter of a polar period."""

_HIGHEST_ORDER = 6  # k + n of the resonances that are looked for


class OrbitConstants(NamedTuple):
    """Constants of motion of a unit mass, same shape each.

    Attributes:
        energy: Specific energy.
        momentum: Specific angular momentum along the spin [M], negative for retrograde orbits.
        carter: Carter's Q [M^2].
        tilted: l = L / x [M], positive and finite for polar orbits too.
    """

    energy: Float[Array, "..."]
    momentum: Float[Array, "..."]
    carter: Float[Array, "..."]
    tilted: Float[Array, "..."]


class OrbitFrequencies(NamedTuple):
    """Angular frequencies in coordinate time [1/M], same shape each.

    All but the azimuthal one are smooth through x = 0, where that one leaps by twice the polar one; an orbit of
    exactly x = 0 counts as prograde, sgn(0) = 1.

    Attributes:
        radial: Of the radius.
        polar: Of the polar angle.
        azimuthal: Of the azimuth, negative for retrograde orbits.
        precession: azimuthal - sgn(x) polar, of the line of nodes.
    """

    radial: Float[Array, "..."]
    polar: Float[Array, "..."]
    azimuthal: Float[Array, "..."]
    precession: Float[Array, "..."]


class OrbitNodes(NamedTuple):
    """An orbit on uniform grids of its radial and polar Mino phases.

    t = Upsilon_t lambda + time_radial + time_polar; the azimuth is the geometric angle atan2(sin psi, x cos psi)
    of the orbital plane plus precession: (Upsilon_phi - sgn(x) Upsilon_theta) lambda + turn_radial + turn_polar.

    Attributes:
        radius: r [M], shape (..., radial), at phases (i + 1/2) pi / radial from the periapsis.
        time_radial: Oscillation of the time there [M].
        turn_radial: Oscillation of the azimuth there [rad].
        rate_radial: Radial part of dt/dlambda [M].
        azimuth_radial: Radial part of dphi/dlambda.
        psi: Angle in the orbital plane from the northernmost point, z = cos(theta) = sqrt(1 - x^2) cos(psi) [rad],
            shape (..., polar), at phases (i + 1/2) pi / (2 polar).
        time_polar: Oscillation of the time there [M].
        turn_polar: Smooth oscillation of the azimuth there [rad].
        rate_polar: Polar part of dt/dlambda [M].
        psi_rate: dpsi/dlambda there.
        mino: Mino frequencies (radial, polar, precession), each of shape (...).
        time: Upsilon_t, mean dt/dlambda.
        frequencies: Frequencies in coordinate time.
        constants: Constants of motion.
    """

    radius: Float[Array, "... radial"]
    time_radial: Float[Array, "... radial"]
    turn_radial: Float[Array, "... radial"]
    rate_radial: Float[Array, "... radial"]
    azimuth_radial: Float[Array, "... radial"]
    psi: Float[Array, "... polar"]
    time_polar: Float[Array, "... polar"]
    turn_polar: Float[Array, "... polar"]
    rate_polar: Float[Array, "... polar"]
    psi_rate: Float[Array, "... polar"]
    mino: tuple[Array, Array, Array]
    time: Float[Array, "..."]
    frequencies: OrbitFrequencies
    constants: OrbitConstants


def _orbits(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float) -> list[Array]:
    return jnp.broadcast_arrays(*(jnp.asarray(value, float) for value in (a, p, e, x)))


def _determinant(one: dict[int, Any], two: dict[int, Any], r1: Array, r2: Array) -> Array:
    """(one(r1) two(r2) - one(r2) two(r1)) / (r2 - r1) for polynomials given by their coefficients of powers."""
    product, quotients = r1 * r2, [jnp.ones_like(r1)]
    for power in range(1, 4):
        quotients.append(r1 * quotients[-1] + r2**power)  # (r2^n - r1^n) / (r2 - r1), n = power + 1
    total = jnp.zeros_like(r1)
    for i, first in one.items():
        for j, second in two.items():
            if i != j:
                part = first * second * product ** min(i, j) * quotients[abs(i - j) - 1]
                total = total + part if i < j else total - part
    return total


@jax.jit
def constants_of_motion(
    a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float
) -> OrbitConstants:
    """Energy, angular momentum and Carter's constant of an orbit.

    Args:
        a: Spin, 0 <= a < 1.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity, 0 <= e < 1.
        x: cos(inclination), -1 <= x <= 1.

    Returns:
        The constants.

    Reference:
        gr-qc/0202090, appendix B.
    """
    a, p, e, x = _orbits(a, p, e, x)
    r1, r2 = p / (1.0 - e), p / (1.0 + e)
    aa, zz, s = a * a, 1.0 - x * x, a * x
    f = {0: aa * aa * zz, 1: 2.0 * aa * x * x, 2: aa * (1.0 + zz), 4: 1.0}
    g = {1: 2.0}
    h = {0: aa * zz, 1: -2.0, 2: 1.0}
    d = {0: aa * aa * zz, 1: -2.0 * aa * zz, 2: aa * (1.0 + zz), 3: -2.0, 4: 1.0}
    kappa, rho = _determinant(d, h, r1, r2), _determinant(f, h, r1, r2)
    epsilon, eta = _determinant(d, g, r1, r2), _determinant(f, g, r1, r2)
    sigma = _determinant(g, h, r1, r2)
    inner = sigma * (s * s * sigma * epsilon**2 + rho * epsilon * kappa - eta * kappa**2)
    square = (kappa * rho + 2.0 * s * s * epsilon * sigma - 2.0 * s * jnp.sqrt(inner)) / (
        rho**2 + 4.0 * s * s * eta * sigma
    )
    energy, tilted = jnp.sqrt(square), jnp.sqrt((epsilon - eta * square) / sigma)
    carter = zz * (aa * (1.0 - square) + tilted**2)
    return OrbitConstants(energy, x * tilted, carter, tilted)


def _roots(a: Array, p: Array, e: Array, constants: OrbitConstants) -> Array:
    """The four roots of the radial potential, the inner two from their sum and product."""
    bound = 1.0 - constants.energy**2
    total = 2.0 / bound - 2.0 * p / (1.0 - e * e)
    product = a * a * constants.carter * (1.0 - e * e) / (bound * p * p)
    third = 0.5 * total + jnp.sqrt(jnp.maximum(0.25 * total**2 - product, 0.0))
    return jnp.stack([p / (1.0 - e), p / (1.0 + e), third, product / third], axis=-1)


def _outside(a: Array, p: Array, e: Array, x: Array) -> Array:
    """(1 - E^2)(r2 - r3)(r2 - r4), positive outside the separatrix and zero on it, also where E > 1 inside."""
    constants = constants_of_motion(a, p, e, x)
    bound, periapsis = 1.0 - constants.energy**2, p / (1.0 + e)
    linear = 2.0 - 2.0 * bound * p / (1.0 - e * e)
    return bound * periapsis**2 - linear * periapsis + a * a * constants.carter * (1.0 - e * e) / (p * p)


@jax.jit
def separatrix(a: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float) -> Float[Array, "..."]:
    """Semi-latus rectum of the last stable orbit.

    It lies between those of the two equatorial orbits of the same spin and eccentricity. The result carries
    first derivatives.

    Args:
        a: Spin, 0 <= a < 1.
        e: Eccentricity, 0 <= e < 1.
        x: cos(inclination).

    Returns:
        p [M] where the periapsis meets the third root of the radial potential.

    Reference:
        Stein and Warburton, arXiv:1912.07609.
    """
    a, e, x = jnp.broadcast_arrays(*(jnp.asarray(value, float) for value in (a, e, x)))
    low, high = kerr.separatrix(a, e), kerr.separatrix(-a, e)
    fixed = [jax.lax.stop_gradient(value) for value in (a, e, x)]

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = 0.5 * (ends[0] + ends[1])
        # Where there are no constants the orbit is inside.
        outside = _outside(fixed[0], middle, fixed[1], fixed[2]) > 0.0
        return jnp.where(outside, ends[0], middle), jnp.where(outside, middle, ends[1])

    start = (jax.lax.stop_gradient(low) * (1.0 - 1e-12), jax.lax.stop_gradient(high) * (1.0 + 1e-12))
    root = jax.lax.fori_loop(0, _BISECTIONS, halve, start)[1]
    # One of Newton's steps carries the derivatives; its own change is rounding.
    slope = jax.jvp(lambda p: _outside(fixed[0], p, fixed[1], fixed[2]), (root,), (jnp.ones_like(root),))[1]
    value = _outside(a, root, e, x)
    step = jnp.where(jnp.isfinite(value) & (slope != 0.0), (value - jax.lax.stop_gradient(value)) / slope, 0.0)
    return root - step


@jax.jit
def radial_roots(
    a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float
) -> Float[Array, "... 4"]:
    """Roots of the radial potential, largest first [M], shape (..., 4)."""
    a, p, e, x = _orbits(a, p, e, x)
    return _roots(a, p, e, constants_of_motion(a, p, e, x))


def _integrator(nodes: int, step: int) -> np.ndarray:
    """From values at nodes to the oscillating part of their integral over the phase.

    Values have harmonics n = 0, step, 2 step, ... and are even; nodes are midpoints of the first pi / step.
    """
    phase = (np.arange(nodes) + 0.5) * np.pi / nodes
    orders = np.arange(1, nodes)
    return 2.0 / (nodes * step) * (np.sin(np.outer(phase, orders)) / orders) @ np.cos(np.outer(orders, phase))


@functools.partial(jax.jit, static_argnames=("radial", "polar"))
def orbit_nodes(
    a: ArrayLike | float,
    p: ArrayLike | float,
    e: ArrayLike | float,
    x: ArrayLike | float,
    *,
    radial: int = RADIAL_NODES,
    polar: int = POLAR_NODES,
) -> OrbitNodes:
    """An orbit on grids of its radial and polar phases.

    Args:
        a: Spin, 0 <= a < 1.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity.
        x: cos(inclination); zero is the limit from above, as in `OrbitFrequencies`.
        radial: Nodes of half a radial period; errors fall exponentially with it.
        polar: Nodes of a quarter of a polar period, likewise.

    Returns:
        The orbit; its other quarters and halves follow from symmetry.

    Reference:
        arXiv:0906.1420.
    """
    a, p, e, x = (value[..., None] for value in _orbits(a, p, e, x))
    constants = constants_of_motion(a, p, e, x)
    energy, momentum, tilted = constants.energy, constants.momentum, constants.tilted
    bound = 1.0 - energy**2

    roots = _roots(a, p, e, constants)
    r1, r2, r3, r4 = (roots[..., i] for i in range(4))
    complement = (r1 - r4) * (r2 - r3) / ((r1 - r3) * (r2 - r4))
    share = (jnp.arange(radial) + 0.5) / radial
    sine = jnp.sin(jacobi_amplitude(share, complement)) ** 2
    # At phase zero the orbit is at its periapsis r2, at pi at its apoapsis r1.
    radius = (r3 * (r1 - r2) * sine - r2 * (r1 - r3)) / ((r1 - r2) * sine - (r1 - r3))
    radial_mino = 0.5 * jnp.pi * jnp.sqrt(bound * (r1 - r3) * (r2 - r4)) / complete(complement)
    lapse = radius * (radius - 2.0) + a * a
    potential = energy * (radius**2 + a * a) - a * momentum
    rate_radial = (radius**2 + a * a) * potential / lapse + a * (momentum - a * energy)
    azimuth_radial = a * (potential / lapse - energy)

    steep = a * a * bound
    highest = steep + tilted**2
    polar_complement = (steep * x * x + tilted**2) / highest
    quarter = (jnp.arange(polar) + 0.5) / polar
    psi = 0.5 * jnp.pi - jacobi_amplitude(1.0 - quarter, polar_complement)
    polar_mino = 0.5 * jnp.pi * jnp.sqrt(highest) / complete(polar_complement)
    zz = (1.0 - x * x) * jnp.cos(psi) ** 2
    psi_rate = jnp.sqrt(highest - steep * zz)
    rate_polar = a * a * energy * zz
    # L / sin^2(theta) is the rate of the geometric angle, which has a closed form, plus a smooth rest.
    turn_rate = -x * steep / (tilted + psi_rate)

    half, fourth = jnp.asarray(_integrator(radial, 1)), jnp.asarray(_integrator(polar, 2))
    time = (rate_radial.mean(axis=-1) + rate_polar.mean(axis=-1))[..., None]
    precession = (azimuth_radial.mean(axis=-1) + turn_rate.mean(axis=-1))[..., None]
    sign = jnp.where(x < 0.0, -1.0, 1.0)
    frequencies = OrbitFrequencies(
        *(
            value[..., 0] / time[..., 0]
            for value in (radial_mino, polar_mino, precession + sign * polar_mino, precession)
        )
    )
    return OrbitNodes(
        radius=radius,
        time_radial=rate_radial @ half.T / radial_mino,
        turn_radial=azimuth_radial @ half.T / radial_mino,
        rate_radial=rate_radial,
        azimuth_radial=azimuth_radial,
        psi=psi,
        time_polar=rate_polar @ fourth.T / polar_mino,
        turn_polar=turn_rate @ fourth.T / polar_mino,
        rate_polar=rate_polar,
        psi_rate=psi_rate,
        mino=(radial_mino[..., 0], polar_mino[..., 0], precession[..., 0]),
        time=time[..., 0],
        frequencies=frequencies,
        constants=OrbitConstants(*(value[..., 0] for value in constants)),
    )


@jax.jit
def orbit_frequencies(
    a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float
) -> OrbitFrequencies:
    """Angular frequencies in coordinate time [1/M].

    Args:
        a: Spin.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity.
        x: cos(inclination); zero is the limit from above, as in `OrbitFrequencies`.

    Returns:
        Frequencies; the azimuthal one is negative for retrograde orbits.
    """
    return orbit_nodes(a, p, e, x).frequencies


class Resonance(NamedTuple):
    """How close an orbit is to a commensurability of its radial and polar motion.

    Attributes:
        distance: Smallest |k Omega_theta - n Omega_r| / Omega_r over k, n >= 1 without common divisor and with
            k + n <= 6, shape (...).
        order: k + n of that resonance.
    """

    distance: Float[np.ndarray, "..."]
    order: Float[np.ndarray, "..."]


def nearest_resonance(frequencies: OrbitFrequencies) -> Resonance:
    """The nearest low-order resonance of radial and polar motion.

    Args:
        frequencies: Of the orbits.

    Returns:
        Distances and orders. Circular and equatorial orbits have frequencies too and are treated alike; nothing is
        excited there. Wide orbits come ever closer to k = n = 1, which Kepler's meet exactly.
    """
    radial, polar = np.asarray(frequencies.radial), np.asarray(frequencies.polar)
    pairs = [(k, n) for k in range(1, _HIGHEST_ORDER) for n in range(1, _HIGHEST_ORDER + 1 - k) if np.gcd(k, n) == 1]
    distances = np.stack([np.abs(k * polar - n * radial) / radial for k, n in pairs])
    nearest = distances.argmin(axis=0)
    return Resonance(distances.min(axis=0), np.array([k + n for k, n in pairs])[nearest])


def check_generic_orbit(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, x: ArrayLike | float) -> None:
    """Refuse what is not a bound stable orbit.

    Args:
        a: Spin.
        p: Semi-latus rectum [M].
        e: Eccentricity.
        x: cos(inclination).

    Raises:
        DomainError: For the first orbit with a outside [0, 1), e outside [0, 1), |x| > 1, p not finite, or p not
            outside the separatrix.
    """
    given = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, float)) for value in (a, p, e, x)))
    a_, p_, e_, x_ = (value.reshape(-1) for value in given)
    for bad, sentence in (
        (~((a_ >= 0.0) & (a_ < 1.0)), "`a` must lie in [0, 1), got {0:.6g}; give retrograde orbits a negative `x`"),
        (~((e_ >= 0.0) & (e_ < 1.0)), "`e` must lie in [0, 1), got {2:.6g}; only bound orbits are known"),
        (~(np.abs(x_) <= 1.0), "`x` must lie in [-1, 1], got {3:.6g}; give the cosine of the inclination"),
        (~np.isfinite(p_), "`p` must be finite, got {1:.6g}; give the semi-latus rectum in units of the mass"),
    ):
        if bad.any():
            at = int(np.argmax(bad))
            raise DomainError(sentence.format(a_[at], p_[at], e_[at], x_[at]))
    edge = in_padded_batches(separatrix, a_, e_, x_)
    if not (p_ > edge).all():
        at = int(np.argmax(~(p_ > edge)))
        raise DomainError(
            f"p = {p_[at]:.6g} lies inside the separatrix {edge[at]:.6g} at a = {a_[at]:.6g}, e = {e_[at]:.6g}, "
            f"x = {x_[at]:.6g}; give a larger semi-latus rectum"
        )
