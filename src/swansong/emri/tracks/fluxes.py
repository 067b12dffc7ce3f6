"""Energy and angular momentum that an eccentric equatorial orbit radiates, and how fast it shrinks.

The table holds Teukolsky fluxes on a grid of spins, distances to the separatrix and eccentricities. They are
not interpolated themselves: close to the separatrix they vary with the logarithm of the distance, because the
body lingers at the periastron. A model flux local in the radius, averaged over the exact geodesic, has the same
logarithms; what is interpolated are smooth ratios to that model. The same holds for (pdot, edot): the ratio of
pdot to the model's pdot, and what then is left of edot / e.

Rates are per unit symmetric mass ratio in the scaled time tau = t nu / M; fluxes per (mu / M)^2.

Reference:
    Fluxes: Teukolsky equation solved with pybhpt 1.0.0; coordinates in the spirit of arXiv:2307.12585.
"""

import functools
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError
from swansong.core.files import read_product
from swansong.core.types import Array, ArrayLike, Float
from swansong.physics import kerr

SPIN_LIMIT = 0.998
NEAREST, FARTHEST = 0.002, 21.0
FLUX_KIND = "emri-flux-table"

_REACH = (float(np.log((NEAREST + 3.95) / 4.0)), float(np.log((FARTHEST + 3.95) / 4.0)))
_DEPTH = ((1.0 - SPIN_LIMIT) ** (1 / 3), (1.0 + SPIN_LIMIT) ** (1 / 3))
_OVER = 1.25  # as far as the polynomial in the eccentricity is continued, so that tables end smoothly
_SMALLEST = 1e-4  # eccentricity below which the model is that of 1e-4: all is even in e at fixed p


class Flux(NamedTuple):
    """What reaches infinity and what falls into the hole, same shape each; negative: the hole loses it."""

    infinity: Array
    horizon: Array


class Rates(NamedTuple):
    """Rates of change in the scaled time tau = t nu / M, same shape each."""

    p: Array
    e: Array


class Model(NamedTuple):
    """The local model flux averaged over an orbit, and the rates it drives."""

    energy: Array
    momentum: Array
    p: Array
    e_over_e: Array


def largest_eccentricity(distance: ArrayLike | float) -> Array:
    """Domain of the table: eccentricities up to 0.8 far from the separatrix and 0.2 at it.

    Args:
        distance: p - p_sep [M].

    Returns:
        Largest eccentricity.
    """
    return 0.8 - 0.6 * jnp.exp(-jnp.asarray(distance, float) / 2.0)


def model(a: Float[Array, "..."], p: Float[Array, "..."], e: Float[Array, "..."]) -> Model:
    """Average the local model flux: Ldot = 32/5 r^(-7/2) and Edot = Ldot / (r^(3/2) + a).

    On circular orbits, unstable ones too, it keeps them circular.

    Args:
        a: Signed spin.
        p: Semi-latus rectum [M].
        e: Eccentricity.

    Returns:
        Averaged fluxes, pdot and edot / e.
    """
    e = jnp.maximum(e, _SMALLEST)
    nodes = kerr.radial_nodes(a, p, e)
    local = 6.4 * nodes.inverse_radius**3.5
    momentum = jnp.sum(nodes.weight * local, axis=-1)
    energy = jnp.sum(nodes.weight * local / (nodes.inverse_radius**-1.5 + jnp.asarray(a)[..., None]), axis=-1)
    rates = balance(a, p, e, energy=energy, momentum=momentum)
    return Model(energy, momentum, rates.p, rates.e / e)


def balance(
    a: Float[Array, "..."],
    p: Float[Array, "..."],
    e: Float[Array, "..."],
    *,
    energy: Float[Array, "..."],
    momentum: Float[Array, "..."],
) -> Rates:
    """Rates that balance the loss of energy and angular momentum; e must be positive.

    Args:
        a: Signed spin.
        p: Semi-latus rectum [M].
        e: Eccentricity.
        energy: Energy radiated in unit time.
        momentum: Angular momentum radiated in unit time.

    Returns:
        pdot and edot.
    """
    jacobian = kerr.constants_jacobian(a, p, e)
    (ep, ee), (lp, le) = (jacobian[..., 0, 0], jacobian[..., 0, 1]), (jacobian[..., 1, 0], jacobian[..., 1, 1])
    determinant = ep * le - ee * lp
    return Rates((momentum * ee - energy * le) / determinant, (energy * lp - momentum * ep) / determinant)


def newtonian_damping(p: Float[Array, "..."], e: Float[Array, "..."]) -> Float[Array, "..."]:
    """Damping edot / e of Peters (1964), -(304 + 121 e^2)(1 - e^2)^(3/2) / (15 p^4): the scale of what is left."""
    return -((1.0 - e * e) ** 1.5) * (304.0 + 121.0 * e * e) / (15.0 * p**4)


def remainder_scale(
    p: Float[Array, "..."], e: Float[Array, "..."], distance: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Scale of what is left of edot / e: the Newtonian one, growing as distance^-2 towards the separatrix.

    What is left grows a little slower than 1 / distance; so strong a factor takes its singularity out of the
    interpolation, at the price of digits where it is a thousandth of edot.
    """
    return newtonian_damping(p, e) * (1.0 + 1.0 / jnp.maximum(distance, NEAREST)) ** 2


class SpinFluxes(eqx.Module):
    """The table at one spin, for trajectories.

    Attributes:
        a: Signed spin.
        series: Chebyshev coefficients (distance, eccentricity, quantity).
    """

    a: Array
    series: Float[Array, "distance eccentricity quantity"]

    def values(self, p: Float[Array, ""], e: Float[Array, ""]) -> Float[Array, "quantity"]:
        """Interpolated ratios; a little outside the domain they are continued, further out held."""
        distance = p - kerr.separatrix(self.a, e)
        u = jnp.log((jnp.maximum(distance, 0.0) + 3.95) / 4.0)
        x = jnp.clip((2.0 * u - _REACH[0] - _REACH[1]) / (_REACH[1] - _REACH[0]), -1.0, 1.0)
        y = jnp.clip(2.0 * e / largest_eccentricity(distance) - 1.0, -1.0, _OVER)
        left, right = _polynomials(x, self.series.shape[0]), _polynomials(y, self.series.shape[1])
        return jnp.einsum("i,j,ijq->q", left, right, self.series)

    def rates(self, p: Float[Array, ""], e: Float[Array, ""]) -> Rates:
        """Rates (pdot, edot) of one orbit."""
        values, base = self.values(p, e), model(self.a, p, e)
        left = values[1] * remainder_scale(p, e, p - kerr.separatrix(self.a, e))
        return Rates(values[0] * base.p, e * (values[0] * base.e_over_e + left))


class FluxTable(eqx.Module):
    """Fluxes and rates as functions of (a, p, e).

    Attributes:
        series: Chebyshev coefficients (spin, distance, eccentricity, quantity). Quantities: pdot over the
            model's, what is left of edot / e over `remainder_scale`, then energy to infinity and horizon over
            the model's, and angular momentum likewise.
    """

    series: Float[Array, "spin distance eccentricity quantity"]

    def at_spin(self, a: ArrayLike | float) -> SpinFluxes:
        """The table at one spin; runs under `jit`."""
        a = jnp.asarray(a, float)
        z = (1.0 - a) ** (1 / 3)
        x = (2.0 * z - _DEPTH[0] - _DEPTH[1]) / (_DEPTH[1] - _DEPTH[0])
        return SpinFluxes(a, jnp.einsum("k,kijq->ijq", _polynomials(x, self.series.shape[0]), self.series))

    def rates(self, a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> Rates:
        """How fast an orbit shrinks and circularises.

        Args:
            a: Signed spin, at most 0.998 in size.
            p: Semi-latus rectum [M], 0.002 to 21 outside the separatrix.
            e: Eccentricity, within `largest_eccentricity`.

        Returns:
            pdot and edot per unit symmetric mass ratio, the common shape of the arguments.

        Raises:
            DomainError: Outside the table, naming the boundary.
        """
        _check_domain(a, p, e)
        answer = _evaluate(self, *_on_device(a, p, e))
        shape = np.broadcast_shapes(np.shape(a), np.shape(p), np.shape(e))
        return Rates(answer[:, 0].reshape(shape), answer[:, 1].reshape(shape))

    def energy(self, a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> Flux:
        """Energy radiated per unit time, over (mu / M)^2; arguments and errors as for `rates`."""
        return self._flux(a, p, e, first=2)

    def momentum(self, a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> Flux:
        """Angular momentum radiated per unit time, over (mu / M)^2 M; arguments and errors as for `rates`."""
        return self._flux(a, p, e, first=4)

    def _flux(self, a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float, *, first: int) -> Flux:
        _check_domain(a, p, e)
        answer = _evaluate(self, *_on_device(a, p, e))[:, first : first + 2]
        shape = np.broadcast_shapes(np.shape(a), np.shape(p), np.shape(e))
        return Flux(answer[:, 0].reshape(shape), answer[:, 1].reshape(shape))


def _polynomials(x: Array, number: int) -> Array:
    """Chebyshev polynomials of the first kind, degrees 0 to number - 1."""
    values = [jnp.ones_like(x), x]
    for _ in range(number - 2):
        values.append(2.0 * x * values[-1] - values[-2])
    return jnp.stack(values[:number])


def _flat(*arguments: ArrayLike | float) -> list[np.ndarray]:
    return [value.reshape(-1) for value in np.broadcast_arrays(*(np.asarray(value, float) for value in arguments))]


def _on_device(*arguments: ArrayLike | float) -> list[Array]:
    return [jnp.asarray(value) for value in _flat(*arguments)]


@eqx.filter_jit
def _evaluate(table: FluxTable, a: Array, p: Array, e: Array) -> Array:
    """Rates and fluxes of many orbits, shape (orbits, 6)."""

    def one(a: Array, p: Array, e: Array) -> Array:
        here = table.at_spin(a)
        values, base, rates = here.values(p, e), model(a, p, e), here.rates(p, e)
        return jnp.stack([rates.p, rates.e, *(values[2:4] * base.energy), *(values[4:6] * base.momentum)])

    return jax.vmap(one)(a, p, e)


def _check_domain(a: ArrayLike | float, p: ArrayLike | float, e: ArrayLike | float) -> None:
    """Refuse orbits that the table does not hold, naming the boundary."""
    a, p, e = _flat(a, p, e)
    if not (np.abs(a) <= SPIN_LIMIT).all():
        bad = a[~(np.abs(a) <= SPIN_LIMIT)][0]
        raise DomainError(
            f"`a` = {bad:.6g} lies outside the flux table; give a spin from -{SPIN_LIMIT} to {SPIN_LIMIT}"
        )
    kerr.check_orbit(a, p, e)
    edge = np.asarray(kerr.separatrix(a, e))
    distance = p - edge
    outside = ~((distance >= NEAREST - 1e-9) & (distance <= FARTHEST + 1e-9))
    if outside.any():
        at = np.argmax(outside)
        raise DomainError(
            f"p = {p[at]:.6g} is {distance[at]:.6g} outside the separatrix {edge[at]:.6g} at a = {a[at]:.6g}, "
            f"e = {e[at]:.6g}; the flux table reaches from {NEAREST} to {FARTHEST}"
        )
    most = np.asarray(largest_eccentricity(distance))
    if not (e <= most + 1e-12).all():
        at = np.argmax(~(e <= most + 1e-12))
        raise DomainError(
            f"e = {e[at]:.6g} exceeds the flux table's {most[at]:.6g} at a = {a[at]:.6g}, p = {p[at]:.6g}, "
            f"{distance[at]:.6g} outside the separatrix; give a rounder orbit"
        )


def ratios(orbits: Float[np.ndarray, "orbits 3"], fluxes: Float[np.ndarray, "orbits 4"]) -> np.ndarray:
    """Turn Teukolsky fluxes at nodes into the smooth quantities of `FluxTable`.

    Args:
        orbits: (a, p, e).
        fluxes: Energy to infinity and horizon, angular momentum to infinity and horizon, signed along the orbit.

    Returns:
        Shape (orbits, 6).
    """
    a, p, e = (jnp.asarray(column) for column in orbits.T)
    base = model(a, p, e)
    energy, momentum = jnp.asarray(fluxes[:, 0] + fluxes[:, 1]), jnp.asarray(fluxes[:, 2] + fluxes[:, 3])
    rates = balance(a, p, e, energy=energy, momentum=momentum)
    shrinking = rates.p / base.p
    left = (rates.e / e - shrinking * base.e_over_e) / remainder_scale(p, e, p - kerr.separatrix(a, e))
    columns = [shrinking, left, *(fluxes.T[:2] / np.asarray(base.energy)), *(fluxes.T[2:] / np.asarray(base.momentum))]
    return np.stack([np.asarray(column) for column in columns], axis=-1)


def interpolant(
    values: Float[np.ndarray, "spin distance eccentricity quantity"],
    *,
    spins: Float[np.ndarray, "spin"],
    distances: Float[np.ndarray, "distance"],
    shares: Float[np.ndarray, "eccentricity"],
) -> FluxTable:
    """Chebyshev interpolation through nodes.

    Args:
        values: `ratios` on the tensor grid.
        spins: Spins of the nodes.
        distances: p - p_sep of the nodes [M].
        shares: e over `largest_eccentricity` of the nodes.

    Returns:
        The table.
    """

    def inverse(nodes: np.ndarray, low: float, high: float) -> np.ndarray:
        x = (2.0 * nodes - low - high) / (high - low)
        return np.linalg.inv(np.polynomial.chebyshev.chebvander(x, x.size - 1))

    first = inverse((1.0 - spins) ** (1 / 3), *_DEPTH)
    second = inverse(np.log((distances + 3.95) / 4.0), *_REACH)
    third = inverse(shares, 0.0, 1.0)
    return FluxTable(jnp.asarray(np.einsum("ak,bi,cj,kijq->abcq", first, second, third, values)))


@functools.cache
def load_fluxes(path: Path | None = None) -> FluxTable:
    """Read the flux table, by default the shipped one.

    Args:
        path: Another table of the same kind.

    Returns:
        The table.

    Raises:
        FileError: The file is missing, foreign or damaged.
    """
    if path is None:
        with resources.as_file(resources.files("swansong.emri.tracks") / "data" / "fluxes.h5") as shipped:
            return load_fluxes(Path(shipped))
    arrays = read_product(path, kind=FLUX_KIND).arrays
    return interpolant(arrays["ratios"], spins=arrays["spins"], distances=arrays["distances"], shares=arrays["shares"])
