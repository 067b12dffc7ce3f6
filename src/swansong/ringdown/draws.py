"""From a proposal's draws to a posterior: what the exact answer and the networks share.

A proposal gives the place (u, v) of each remnant and normal coordinates of its amplitudes
and phases, both with their densities; here they become parameters, likelihoods and
importance weights.
"""

import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Float
from swansong.inference.importance import importance_weights
from swansong.inference.posterior import Posterior, Seconds
from swansong.ringdown.analysis import Analysis, Limits
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.fields import EventFields
from swansong.ringdown.model import AMPLITUDE_UNIT
from swansong.ringdown.quadratures import (
    AngleTable,
    Elimination,
    Polar,
    amplitudes_and_phases,
    angle_table,
    draw_mode,
    eliminate,
    polar_of,
)


class Draws(NamedTuple):
    """Samples of a proposal with all that weights need.

    Attributes:
        theta: Parameters (n, parameters); amplitudes in strain.
        log_proposal: ln of the proposal's density in unit-cube coordinates, (n,).
        log_ratio: ln of the likelihood ratio to noise, -inf outside the prior, (n,).
    """

    theta: Float[Array, "n parameters"]
    log_proposal: Float[Array, "n"]
    log_ratio: Float[Array, "n"]


def assemble(
    event: EventFields,
    chart: RemnantChart,
    place: tuple[Float[Array, "n"], Float[Array, "n"]],
    log_place: Float[Array, "n"],
    normal: Float[Array, "n q"],
    limits: Limits,
    log_normal: Float[Array, "n"] | None = None,
) -> Draws:
    """Complete remnants to full parameter vectors with densities and likelihoods.

    Args:
        event: Fields of the event.
        chart: Coordinates of the remnant.
        place: u and v, (n,) each.
        log_place: ln of their density in (u, v).
        normal: Normal coordinates of the quadratures, (n, 2 modes).
        limits: Limits of the prior.
        log_normal: ln of the density of `normal`; standard normal if None.

    Returns:
        The draws.
    """
    # Compiled in stages: in one piece, XLA on a CPU repeats parts of a stage inside the loops of the next.
    law = gaussians(event, place)
    quadratures, log_det = _quadratures(law.split, normal, limits)
    if log_normal is None:
        log_normal = _standard(normal)
    return _complete(chart, place, log_place + log_normal + log_det, quadratures, law, limits)


class Gaussians(NamedTuple):
    """The law of the quadratures at each remnant."""

    gram: Float[Array, "n q q"]
    linear: Float[Array, "n q"]
    split: Elimination


@eqx.filter_jit
def _standard(normal: Float[Array, "n q"]) -> Float[Array, "n"]:
    """Log density of standard normal coordinates."""
    return jax.scipy.stats.norm.logpdf(normal).sum(axis=1)


@eqx.filter_jit
def _eliminate(gram: Float[Array, "n q q"], linear: Float[Array, "n q"]) -> Elimination:
    """`eliminate` at many remnants."""
    return jax.vmap(eliminate)(gram, linear)


def gaussians(event: EventFields, place: tuple[Float[Array, "n"], Float[Array, "n"]]) -> Gaussians:
    """The law of the quadratures at many remnants.

    Args:
        event: Fields of the event.
        place: u and v, (n,) each.

    Returns:
        The Gaussians.
    """
    gram, linear = event(*place)
    return Gaussians(gram, linear, _eliminate(gram, linear))


def _quadratures(
    split: Elimination, normal: Float[Array, "n q"], limits: Limits
) -> tuple[Float[Array, "n q"], Float[Array, "n"]]:
    """`from_normal` for many draws, mode by mode in compiled stages."""
    normal = _sort(split, normal)
    later, log_det = jnp.zeros((len(normal), 0)), jnp.zeros(len(normal))
    for index in range(len(split.precision) - 1, -1, -1):
        polar, table = _tables(split, index, later, limits)
        pair, log_slope = _draw_mode(polar, table, normal[:, 2 * index : 2 * index + 2])
        later, log_det = jnp.concatenate([pair, later], axis=1), log_det + log_slope
    return _restore(split, later), log_det


@eqx.filter_jit
def _sort(split: Elimination, normal: Float[Array, "n q"]) -> Float[Array, "n q"]:
    return jax.vmap(lambda part, row: part.sort(row))(split, normal)


@eqx.filter_jit
def _restore(split: Elimination, rows: Float[Array, "n q"]) -> Float[Array, "n q"]:
    return jax.vmap(lambda part, row: part.restore(row))(split, rows)


@eqx.filter_jit
def _tables(split: Elimination, index: int, later: Float[Array, "n later"], limits: Limits) -> tuple[Polar, AngleTable]:
    """Conditional of one mode, with the table of its angle, for every draw."""

    def one(split: Elimination, later: Float[Array, "later"]) -> tuple[Polar, AngleTable]:
        polar = polar_of(split, index, later, limits.amplitude)
        return polar, angle_table(polar)

    return jax.vmap(one)(split, later)


@eqx.filter_jit
def _draw_mode(
    polar: Polar, table: AngleTable, normal: Float[Array, "n 2"]
) -> tuple[Float[Array, "n 2"], Float[Array, "n"]]:
    return jax.vmap(draw_mode)(polar, table, normal)


@eqx.filter_jit
def _complete(
    chart: RemnantChart,
    place: tuple[Float[Array, "n"], Float[Array, "n"]],
    log_density: Float[Array, "n"],
    quadratures: Float[Array, "n q"],
    law: Gaussians,
    limits: Limits,
) -> Draws:
    """Parameters, proposal density and likelihood of each draw."""
    (u, v), bounds = place, limits.amplitude
    amplitude, phase = jax.lax.optimization_barrier(jax.vmap(amplitudes_and_phases)(quadratures))
    mass, spin = chart.remnant(u, v)
    modes = amplitude.shape[1]
    log_volume = jnp.log(chart.mass_bounds[1] - chart.mass_bounds[0]) + jnp.log(
        chart.spin_bounds[1] - chart.spin_bounds[0]
    )
    log_volume += modes * jnp.log((bounds[1] - bounds[0]) * 2.0 * jnp.pi)
    log_proposal = log_density - chart.log_jacobian(u, v) + log_volume
    power = jnp.einsum("nq,nqp,np->n", quadratures, law.gram, quadratures)
    log_ratio = (law.linear * quadratures).sum(axis=1) - 0.5 * power
    allowed = chart.inside(u, v) & (power >= limits.snr**2)
    # Rounding may carry an amplitude past its bound by a part in 1e12; further out means not in the prior.
    inside = jnp.clip(amplitude, *bounds)
    allowed &= (jnp.abs(amplitude - inside) <= 1e-9 * amplitude).all(axis=1)
    mass, spin, inside, phase = jax.lax.optimization_barrier((mass, spin, inside, phase))
    pairs = jnp.stack([inside * AMPLITUDE_UNIT, phase], axis=-1).reshape(len(u), -1)
    theta = jnp.concatenate([mass[:, None], spin[:, None], pairs], axis=1)
    return Draws(theta, log_proposal, jnp.where(allowed, log_ratio, -jnp.inf))


def weighted_posterior(
    analysis: Analysis,
    whitened: Float[np.ndarray, "detectors n"],
    draws: Draws,
    *,
    estimator: str,
    seconds: tuple[float, float],
    seed: int,
    warnings: tuple[str, ...] = (),
    facts: dict[str, object] | None = None,
) -> Posterior:
    """Turn draws of any proposal into a weighted posterior.

    Args:
        analysis: The prepared problem.
        whitened: Whitened data.
        draws: The proposal's samples.
        estimator: Name of what drew them.
        seconds: Duration of the preparation, and `time.perf_counter()` when drawing began.
        seed: Seed of the draws.
        warnings: What the estimator has to say.
        facts: Further metadata.

    Returns:
        The posterior.
    """
    theta, log_proposal, log_ratio = (np.asarray(part) for part in draws)
    share, share_error = analysis.prior_share
    weights = importance_weights(log_ratio - np.log(share), log_proposal)
    sampled = time.perf_counter() - seconds[1]
    noise = analysis.log_noise_evidence(whitened)
    widths = np.array([item.maximum - item.minimum for item in analysis.model.parameters])
    return Posterior(
        analysis.model.parameters,
        theta,
        log_weights=weights.log_weights,
        log_density=log_proposal - np.log(widths).sum(),
        log_evidence=weights.log_evidence + noise,
        log_evidence_error=float(np.hypot(weights.log_evidence_error, share_error / share)),
        system="ringdown",
        estimator=estimator,
        seconds=Seconds(prepare=seconds[0], sample=sampled),
        warnings=warnings + tuple(weights.warnings),
        metadata={
            "log_bayes_factor": weights.log_evidence,
            "log_noise_evidence": noise,
            "seed": seed,
            "modes": [mode.label for mode in analysis.model.modes.modes],
            "minimum_snr": analysis.model.settings.minimum_snr,
            "analysis": analysis.fingerprint,
            **(facts or {}),
        },
    )
