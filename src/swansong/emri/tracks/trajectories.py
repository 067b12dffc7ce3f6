"""Adiabatic inspirals, integrated backward from the plunge in the scaled time.

In tau = (time before plunge) nu / M the orbit depends on the spin and the final eccentricity alone. The
independent variable is x = ln(tau + 1e-6), in which nothing is stiff: the orbit changes by comparable shares in
every e-fold, and the plunge itself is an ordinary point.
"""

import functools
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError, RunError
from swansong.core.types import Array, Float
from swansong.emri.tracks.fluxes import (
    FARTHEST,
    NEAREST,
    SPIN_LIMIT,
    FluxTable,
    SpinFluxes,
    largest_eccentricity,
    load_fluxes,
)
from swansong.physics import kerr

LARGEST_FINAL_ECCENTRICITY = 0.18
"""Largest eccentricity at plunge; the flux table ends at 0.2 there."""

_OFFSET = 1e-6
_LARGEST = 0.9  # eccentricity at which orbits beyond the domain are held
_TOLERANCE = 1e-10
_STEPS = 20000


@dataclass(frozen=True)
class Trajectory:
    """One inspiral on nodes of the scaled time before plunge, all arrays of one shape (nodes,).

    Attributes:
        spin: Signed spin of the hole.
        final_eccentricity: Eccentricity at plunge.
        tau: Scaled time before plunge, ascending.
        p: Semi-latus rectum [M].
        e: Eccentricity.
        phase_phi: Azimuthal phase left until plunge, times nu [rad].
        phase_r: Radial phase left until plunge, times nu [rad].
    """

    spin: float
    final_eccentricity: float
    tau: Float[np.ndarray, "nodes"]
    p: Float[np.ndarray, "nodes"]
    e: Float[np.ndarray, "nodes"]
    phase_phi: Float[np.ndarray, "nodes"]
    phase_r: Float[np.ndarray, "nodes"]


def _backward(flux: SpinFluxes, state: Array) -> Array:
    """Derivative with respect to the scaled time before plunge of (p, e, phase_phi, phase_r)."""
    e = jnp.minimum(state[1], _LARGEST)
    rates = flux.rates(state[0], e)
    omega = kerr.frequencies(flux.a, state[0], e)
    return jnp.stack([-rates.p, -rates.e, omega.azimuthal, omega.radial])


@eqx.filter_jit
def backward(
    table: FluxTable, spin: Float[Array, ""], final_eccentricities: Float[Array, "tracks"], tau: Float[Array, "n"]
) -> tuple[Float[Array, "tracks n 4"], Array]:
    """Integrate many inspirals of one spin; beyond the flux domain they go on with the ratios of its edge.

    Args:
        table: Fluxes.
        spin: Signed spin.
        final_eccentricities: Eccentricities at plunge.
        tau: Scaled times before plunge, positive and ascending.

    Returns:
        (p, e, phase_phi, phase_r) at the times, and whether each integration succeeded.
    """
    flux = table.at_spin(spin)

    def field(x: Any, state: Any, flux: Any) -> Array:
        return jnp.exp(x) * _backward(flux, state)

    def one(final: Array) -> tuple[Array, Array]:
        start = jnp.stack([kerr.separatrix(spin, final) + NEAREST, final, jnp.zeros(()), jnp.zeros(())])
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Dopri8(),
            np.log(_OFFSET),
            jnp.log(tau[-1] + _OFFSET),
            None,
            start,
            args=flux,
            saveat=diffrax.SaveAt(ts=jnp.log(tau + _OFFSET)),
            stepsize_controller=diffrax.PIDController(rtol=_TOLERANCE, atol=_TOLERANCE),
            max_steps=_STEPS,
            throw=False,
        )
        return jnp.asarray(solution.ys), solution.result == diffrax.RESULTS.successful

    return jax.vmap(one)(final_eccentricities)


def excess(spin: float, p: Float[np.ndarray, "..."], e: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """How far an orbit lies outside the flux domain, negative inside; zero is the boundary."""
    distance = p - np.asarray(kerr.separatrix(spin, e))
    return np.maximum(distance / FARTHEST - 1.0, e - np.asarray(largest_eccentricity(distance)))


@functools.cache
def _default() -> FluxTable:
    return load_fluxes()


def integrate(
    *,
    spin: float,
    final_eccentricity: float,
    tau_max: float,
    nodes: int = 400,
    fluxes: FluxTable | None = None,
) -> Trajectory:
    """Integrate one inspiral backward from p = p_sep + 0.002.

    Args:
        spin: Signed spin, at most 0.998 in size.
        final_eccentricity: Eccentricity at plunge, 0 to 0.18.
        tau_max: Scaled time before plunge (t nu / M) to reach.
        nodes: Number of nodes, uniform in ln tau from 1e-6.
        fluxes: Flux table, by default the shipped one.

    Returns:
        The inspiral over all the time asked for.

    Raises:
        DomainError: An argument is out of range, or the flux table ends before `tau_max`: a track is never
            shorter than asked.
        RunError: The integration failed.
    """
    if not abs(spin) <= SPIN_LIMIT:
        raise DomainError(f"`spin` must lie between -{SPIN_LIMIT} and {SPIN_LIMIT}, got {spin}")
    if not 0.0 <= final_eccentricity <= LARGEST_FINAL_ECCENTRICITY:
        raise DomainError(
            f"`final_eccentricity` must lie in [0, {LARGEST_FINAL_ECCENTRICITY}], got {final_eccentricity}; "
            "inspirals that plunge with more are not in the flux table"
        )
    if not 1e-5 <= tau_max < np.inf or nodes < 2:
        raise DomainError(f"`tau_max` must be at least 1e-5 with two `nodes` or more, got {tau_max} and {nodes}")
    tau = np.geomspace(1e-6, tau_max, nodes)
    table = _default() if fluxes is None else fluxes
    found, good = backward(table, jnp.asarray(float(spin)), jnp.asarray([float(final_eccentricity)]), jnp.asarray(tau))
    if not bool(good[0]):
        raise RunError(
            f"the inspiral of `spin` {spin} and `final_eccentricity` {final_eccentricity} could not be integrated to "
            f"`tau_max` {tau_max}; ask for a shorter one"
        )
    p, e, phase_phi, phase_r = np.asarray(found[0]).T
    over = excess(spin, p, e)
    if (over > 0.0).any():
        at = int(np.argmax(over > 0.0))
        raise DomainError(
            f"the inspiral of `spin` {spin} and `final_eccentricity` {final_eccentricity} leaves the flux table at "
            f"tau = {tau[at]:.6g} (p = {p[at]:.4g}, e = {e[at]:.4g}), before `tau_max` = {tau_max:.6g}; "
            "ask for a shorter one"
        )
    return Trajectory(float(spin), float(final_eccentricity), tau, p, e, phase_phi, phase_r)
