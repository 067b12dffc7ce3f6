"""The exact posterior by linearity: the reference for everything that is learnt.

Only mass and spin are not linear in the signal. Their marginal posterior is tabulated on
a grid that zooms in on its mass; amplitudes and phases are drawn from their conditional
law (`quadratures`); importance weights remove what either left out, so that the weighted
samples follow the posterior exactly, and give the evidence.
"""

import functools
import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Float, Key
from swansong.inference.importance import importance_weights
from swansong.inference.posterior import Posterior, Seconds
from swansong.ringdown.analysis import Analysis, Limits
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.fields import EventFields
from swansong.ringdown.model import AMPLITUDE_UNIT
from swansong.ringdown.quadratures import (
    Elimination,
    amplitudes_and_phases,
    eliminate,
    from_normal,
    log_weight_of_amplitudes,
)

GRID = (128, 64)
"""Cells in (u, v) of each zooming grid."""

_DEPTHS = (60.0, 25.0)  # nats below the peak that a grid keeps for the next


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


def exact_posterior(
    analysis: Analysis,
    whitened: Float[np.ndarray, "detectors n"],
    *,
    samples: int = 20_000,
    seed: int = 0,
) -> Posterior:
    """Sample the exact posterior of one event.

    Args:
        analysis: The prepared problem.
        whitened: Whitened data (detectors, n).
        samples: Number of weighted samples.
        seed: Seed of the draws.

    Returns:
        Weighted samples with the log evidence of the whitened data (its ratio to noise is in
        the metadata as ``log_bayes_factor``).
    """
    began = time.perf_counter()
    event = analysis.fields.event(analysis.coefficients(whitened))
    prepared = time.perf_counter()
    draws = _draw(
        event,
        analysis.chart,
        jax.random.key(seed),
        samples,
        analysis.limits,
    )
    return weighted_posterior(
        analysis, whitened, draws, estimator="exact", seconds=(prepared - began, prepared), seed=seed
    )


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


def log_marginal(
    event: EventFields,
    chart: RemnantChart,
    u: Float[Array, "points"],
    v: Float[Array, "points"],
    limits: Limits,
) -> Float[Array, "points"]:
    """Log of the likelihood times density of (u, v), amplitudes and phases integrated out, wherever (u, v) is."""
    gram, linear = event(u, v)
    split = jax.vmap(eliminate)(gram, linear)
    weight = jax.vmap(log_weight_of_amplitudes, in_axes=(0, None))(split, limits.amplitude)
    return split.log_normal + weight + chart.log_jacobian(u, v)


@eqx.filter_jit
def _draw(event: EventFields, chart: RemnantChart, key: Key, samples: int, limits: Limits) -> Draws:
    """Zoom, draw remnants from the last grid, then amplitudes and phases."""
    key_cell, key_place, key_normal = jax.random.split(key, 3)
    low_v, high_v = chart.v_bounds
    low, high = chart.u_bounds(jnp.linspace(low_v, high_v, 64))
    box = jnp.array([low.min(), high.max(), low_v, high_v])

    def zoom(box: Array, depth: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        density, step, origin = _tabulate(event, chart, box, GRID, limits)
        return _shrink(density, box, step, depth), (density, step, origin)

    # A scan over the levels, so that the grid is compiled once; the last one's box is not used.
    tables = jax.lax.scan(zoom, box, jnp.array([*_DEPTHS, 0.0]))[1]
    density, step, origin = (table[-1] for table in tables)
    weights = jax.nn.softmax(density.ravel())
    flat = jax.random.choice(key_cell, weights.size, (samples,), p=weights)
    cell = jnp.stack(jnp.unravel_index(flat, density.shape), axis=1)
    place = origin + step * (cell + jax.random.uniform(key_place, (samples, 2)) - 0.5)
    u, v = place[:, 0], place[:, 1]
    log_cell = jnp.log(weights[flat]) - jnp.log(step[0] * step[1])
    normal = jax.random.normal(key_normal, (samples, event.quadratures))
    return assemble(event, chart, (u, v), log_cell, normal, limits)


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
    u, v = place
    bounds = limits.amplitude
    gram, linear = event(u, v)
    split = jax.vmap(eliminate)(gram, linear)
    quadratures, log_det = jax.vmap(from_normal, in_axes=(0, 0, None))(split, normal, limits.amplitude)
    amplitude, phase = jax.vmap(amplitudes_and_phases)(quadratures)
    mass, spin = chart.remnant(u, v)
    if log_normal is None:
        log_normal = jax.scipy.stats.norm.logpdf(normal).sum(axis=1)
    modes = amplitude.shape[1]
    log_volume = jnp.log(chart.mass_bounds[1] - chart.mass_bounds[0]) + jnp.log(
        chart.spin_bounds[1] - chart.spin_bounds[0]
    )
    log_volume += modes * jnp.log((bounds[1] - bounds[0]) * 2.0 * jnp.pi)
    log_proposal = log_place - chart.log_jacobian(u, v) + log_normal + log_det + log_volume
    power = jnp.einsum("nq,nqp,np->n", quadratures, gram, quadratures)
    log_ratio = (linear * quadratures).sum(axis=1) - 0.5 * power
    allowed = chart.inside(u, v) & (power >= limits.snr**2)
    # Rounding may carry an amplitude past its bound by a part in 1e12; further out means not in the prior.
    inside = jnp.clip(amplitude, *bounds)
    allowed &= (jnp.abs(amplitude - inside) <= 1e-9 * amplitude).all(axis=1)
    pairs = jnp.stack([inside * AMPLITUDE_UNIT, phase], axis=-1).reshape(len(u), -1)
    theta = jnp.concatenate([mass[:, None], spin[:, None], pairs], axis=1)
    return Draws(theta, log_proposal, jnp.where(allowed, log_ratio, -jnp.inf))


def _tabulate(
    event: EventFields, chart: RemnantChart, box: Float[Array, "4"], shape: tuple[int, int], limits: Limits
) -> tuple[Float[Array, "nu nv"], Float[Array, "2"], Float[Array, "2"]]:
    """The marginal at the centres of a grid of cells, with the grid's step and first centre."""
    step = jnp.stack([(box[1] - box[0]) / shape[0], (box[3] - box[2]) / shape[1]])
    origin = jnp.stack([box[0], box[2]]) + 0.5 * step
    u, v = jnp.meshgrid(
        origin[0] + step[0] * jnp.arange(shape[0]), origin[1] + step[1] * jnp.arange(shape[1]), indexing="ij"
    )
    value = log_marginal(event, chart, u.ravel(), v.ravel(), limits)
    # A cell counts as soon as one of its corners is inside: the prior's edge is curved.
    corners = [(u + i * step[0], v + j * step[1]) for i in (-0.5, 0.5) for j in (-0.499, 0.499)]
    inside = functools.reduce(jnp.logical_or, [chart.inside(*corner) for corner in corners])
    return jnp.where(inside, value.reshape(shape), -jnp.inf), step, origin


def _shrink(
    density: Float[Array, "nu nv"], box: Float[Array, "4"], step: Float[Array, "2"], depth: Float[Array, ""]
) -> Float[Array, "4"]:
    """The box around all cells less than `depth` below the peak, one cell wider on each side."""
    keep = density > density.max() - depth
    edges = []
    for axis in (0, 1):
        line = keep.any(axis=1 - axis)
        first, last = jnp.argmax(line), line.size - 1 - jnp.argmax(line[::-1])
        edges.append(jnp.maximum(box[2 * axis] + step[axis] * (first - 1.0), box[2 * axis]))
        edges.append(jnp.minimum(box[2 * axis] + step[axis] * (last + 2.0), box[2 * axis + 1]))
    return jnp.stack(edges)


__all__ = ["Draws", "Elimination", "assemble", "exact_posterior", "log_marginal", "weighted_posterior"]
