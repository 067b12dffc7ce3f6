"""Bound equatorial orbits of the Kerr spacetime: constants, frequencies and the last stable orbit.

The spin is signed: a < 0 means an orbit against the rotation of the hole, whose angular momentum and
azimuthal frequency are then counted positive along the orbit. Every expression below is smooth through
a = 0 in this convention. Lengths and times are in units of the mass of the hole, G = c = 1.

All functions broadcast, run under `jit`, `vmap` and `grad` in float64, and trust their arguments:
outside the domain they return NaN or a number without meaning. `check_orbit` refuses such orbits.

Reference:
    Glampedakis and Kennefick, gr-qc/0203086 (Darwin's angle, constants); Stein and Warburton,
    arXiv:1912.07609 (separatrix).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError
from swansong.core.types import Array, ArrayLike, Float
from swansong.physics.elliptic import complete, jacobi_amplitude

_NEWTON = 40  # steps to the separatrix; an orbit of a = 0.999 takes 15, where three roots nearly meet
_NODES = 40  # of half a radial period


class Constants(NamedTuple):
    """Specific energy and angular momentum (in units of M) of an orbit, same shape each."""

    energy: Float[Array, "..."]
    momentum: Float[Array, "..."]


class Frequencies(NamedTuple):
    """Angular frequencies in coordinate time [1/M], same shape each."""

    azimuthal: Float[Array, "..."]
    radial: Float[Array, "..."]


@jax.jit
def separatrix(a: ArrayLike | float, e: ArrayLike | float) -> Float[Array, "..."]:
    """Semi-latus rectum of the last stable orbit.

    With v^2 = p the equatorial polynomial splits into two quartics that swap under a -> -a; the one used,
    v^4 - (6 + 2 e) v^2 + 8 a sqrt(1 + e) v - (1 + e)(3 - e) a^2 = 0, is smooth in the signed spin.

    Args:
        a: Signed dimensionless spin, -1 < a < 1.
        e: Eccentricity, 0 <= e < 1.

    Returns:
        Largest root p [M].

    Reference:
        Levin and Perez-Giz, arXiv:0811.3814, section III; arXiv:1912.07609, section II.
    """
    a, e = jnp.broadcast_arrays(jnp.asarray(a, float), jnp.asarray(e, float))

    def step(v: Array, a: Array, e: Array) -> Array:
        linear = 8.0 * a * jnp.sqrt(1.0 + e)
        value = v**4 - (6.0 + 2.0 * e) * v**2 + linear * v - (1.0 + e) * (3.0 - e) * a * a
        return v - value / (4.0 * v**3 - 2.0 * (6.0 + 2.0 * e) * v + linear)

    # From above the largest root Newton's steps only descend, also where three roots nearly meet.
    start = jnp.where(a >= 0, jnp.sqrt(6.0 + 2.0 * e), jnp.sqrt(5.0 + e + 4.0 * jnp.sqrt(1.0 + e))) * (1.0 + 1e-6)
    a_, e_ = jax.lax.stop_gradient(a), jax.lax.stop_gradient(e)
    root = jax.lax.fori_loop(0, _NEWTON, lambda _, v: step(v, a_, e_), jax.lax.stop_gradient(start))
    # Each further step carries one more order of derivatives.
    for _ in range(2):
        root = step(root, a, e)
    return root**2


def last_stable_orbit(a: ArrayLike | float) -> Float[Array, "..."]:
    """Radius of the last stable circular orbit [M], from 9 at a = -1 to 1 at a = 1."""
    return separatrix(a, 0.0)


def _square(a: Array, p: Array, e: Array) -> Array:
    """(L - a E)^2, free of cancellation and of the branch at a = 0."""
    ee, q, s = e * e, 1.0 - e * e, 3.0 + e * e
    b = p + 1.0 + 3.0 * ee
    n = (2.0 / p) * (p * (p - s) + a * a * b)  # minus N of the reference
    c = (a * a - p) ** 2
    # N^2 - 4 F C has the factor a^2; what is left keeps its sign.
    g = (
        2.0 * p * p * (p - s) * b
        + a * a * p * b * b
        + p * (p - s) ** 2 * (2.0 * p - a * a)
        + 4.0 * q * q * (p - a * a) ** 2
    )
    return 2.0 * c / (n + 2.0 * a * jnp.sqrt(g / p) / p)


@jax.jit
def energy_and_momentum(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> Constants:
    """Energy and angular momentum of an orbit.

    Args:
        a: Signed dimensionless spin.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity.

    Returns:
        Energy over the mass of the small body; angular momentum over both masses, positive along the orbit.

    Reference:
        gr-qc/0203086, equations (4) to (7).
    """
    a, p, e = (jnp.asarray(value, float) for value in (a, p, e))
    x2 = _square(a, p, e)
    q = 1.0 - e * e
    energy = jnp.sqrt(1.0 - q / p * (1.0 - x2 * q / (p * p)))
    return Constants(energy, jnp.sqrt(x2) + a * energy)


@jax.jit
def constants_jacobian(
    a: Float[Array, "..."], p: Float[Array, "..."], e: Float[Array, "..."]
) -> Float[Array, "... 2 2"]:
    """Derivatives of (E, L), rows, with respect to (p, e), columns.

    It is singular on the separatrix, and at e = 0, where the constants are even in e.

    Args:
        a: Signed dimensionless spin, same shape as the others.
        p: Semi-latus rectum [M].
        e: Eccentricity.

    Returns:
        Shape (..., 2, 2).
    """
    a, p, e = jnp.broadcast_arrays(*(jnp.asarray(value, float) for value in (a, p, e)))

    def both(pe: Array, a: Array) -> Array:
        return jnp.stack(energy_and_momentum(a, pe[0], pe[1]))

    jacobian = jax.jacfwd(both)
    for _ in range(a.ndim):
        jacobian = jax.vmap(jacobian)
    return jacobian(jnp.stack([p, e], axis=-1), a)


class RadialNodes(NamedTuple):
    """Nodes of a quadrature over one radial period.

    Averages over coordinate time are `sum(weight * f(inverse_radius))`.

    Attributes:
        inverse_radius: 1/r [1/M], shape (..., nodes).
        weight: Share of the coordinate time spent at each node, shape (..., nodes), summing to one.
        frequencies: The orbit's frequencies.
    """

    inverse_radius: Float[Array, "... nodes"]
    weight: Float[Array, "... nodes"]
    frequencies: Frequencies


@jax.jit
def radial_nodes(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> RadialNodes:
    """Quadrature over a radial period.

    Darwin's angle is replaced by the argument u of Jacobi's elliptic functions, which removes the square root
    that stalls at the periastron close to the separatrix; the midpoint rule in u then converges exponentially.

    Args:
        a: Signed dimensionless spin.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity, up to 0.95.

    Returns:
        Nodes, weights and frequencies.

    Reference:
        gr-qc/0203086, equations (15) to (17).
    """
    a, p, e = jnp.broadcast_arrays(*(jnp.asarray(value, float) for value in (a, p, e)))
    x = jnp.sqrt(_square(a, p, e))
    energy = energy_and_momentum(a, p, e).energy
    level, swing = p - x * x * (3.0 - e * e) / p, 2.0 * e * x * x / p
    complement = (level - swing) / (level + swing)
    angle = jacobi_amplitude((jnp.arange(_NODES) + 0.5) / _NODES, complement[..., None])
    scale = 0.5 * jnp.pi * jnp.sqrt(level + swing) / complete(complement)
    a, p, e, x, energy = (value[..., None] for value in (a, p, e, x, energy))
    inverse = (1.0 - e * jnp.cos(2.0 * angle)) / p
    lapse = 1.0 - 2.0 * inverse + (a * inverse) ** 2
    time = (a * a * energy - 2.0 * a * x * inverse + energy / inverse**2) / lapse
    phi = jnp.mean((x + a * energy - 2.0 * x * inverse) / lapse, axis=-1)
    total = jnp.mean(time, axis=-1)
    # A quarter turn of the elliptic functions is half a radial period.
    found = Frequencies(phi / total, scale / total)
    return RadialNodes(inverse, time / (_NODES * total[..., None]), found)


def frequencies(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> Frequencies:
    """Azimuthal and radial angular frequency in coordinate time.

    Args:
        a: Signed dimensionless spin.
        p: Semi-latus rectum [M], outside the separatrix.
        e: Eccentricity, up to 0.95.

    Returns:
        Frequencies [1/M], both positive.

    Reference:
        gr-qc/0203086, equations (15) to (17).
    """
    return radial_nodes(a, p, e).frequencies


def check_orbit(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> None:
    """Refuse what is not a bound stable orbit.

    Args:
        a: Signed dimensionless spin.
        p: Semi-latus rectum [M].
        e: Eccentricity.

    Raises:
        DomainError: For the first orbit with |a| >= 1, e outside [0, 1), or p not outside the separatrix.
    """
    a, p, e = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, float)) for value in (a, p, e)))
    if not (np.abs(a) < 1.0).all():
        found = a[~(np.abs(a) < 1.0)].flat[0]
        raise DomainError(f"`a` must lie between -1 and 1, got {found:.6g}; give the dimensionless spin of the hole")
    if not ((e >= 0.0) & (e < 1.0)).all():
        found = e[~((e >= 0.0) & (e < 1.0))].flat[0]
        raise DomainError(f"`e` must lie in [0, 1), got {found:.6g}; only bound orbits are known")
    edge = np.asarray(separatrix(a, e))
    if not (p > edge).all():
        at = np.argmax(~(p > edge).reshape(-1))
        raise DomainError(
            f"p = {p.flat[at]:.6g} lies inside the separatrix {edge.flat[at]:.6g} at a = {a.flat[at]:.6g}, "
            f"e = {e.flat[at]:.6g}; give a larger semi-latus rectum"
        )
