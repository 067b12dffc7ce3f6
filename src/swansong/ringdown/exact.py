"""The exact posterior by linearity: the reference for everything that is learnt.

Only mass and spin are not linear in the signal. Their marginal posterior is tabulated on
a grid that zooms in on its mass; amplitudes and phases are drawn from their conditional
law (`quadratures`); importance weights remove what either left out, so that the weighted
samples follow the posterior exactly, and give the evidence.
"""

import functools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Float, Key
from swansong.inference.posterior import Posterior
from swansong.ringdown.analysis import Analysis, Limits
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.draws import assemble, gaussians, weighted_posterior
from swansong.ringdown.fields import EventFields
from swansong.ringdown.quadratures import Elimination, log_weight_of_amplitudes

GRID = (128, 64)
"""Cells in (u, v) of each zooming grid."""

_DEPTHS = (60.0, 25.0)  # nats below the peak that a grid keeps for the next


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
    place_key, normal_key = jax.random.split(jax.random.key(seed))
    place, log_place = propose(event, analysis.chart, analysis.limits, samples=samples, key=place_key)
    normal = jax.random.normal(normal_key, (samples, event.quadratures))
    draws = assemble(event, analysis.chart, place, log_place, normal, analysis.limits)
    return weighted_posterior(
        analysis, whitened, draws, estimator="exact", seconds=(prepared - began, prepared), seed=seed
    )


def propose(
    event: EventFields, chart: RemnantChart, limits: Limits, *, samples: int, key: Key
) -> tuple[tuple[Float[Array, "n"], Float[Array, "n"]], Float[Array, "n"]]:
    """Draw remnants from a grid of their marginal posterior that zooms in on its mass.

    Args:
        event: Fields of the event.
        chart: Coordinates of the remnant.
        limits: Limits of the prior.
        samples: Number of draws.
        key: Random key.

    Returns:
        u and v, and the log of their density.
    """
    box = _whole(chart)
    for depth in (*_DEPTHS, 0.0):
        u, v = _centres(box)
        law = gaussians(event, (u, v))
        density = _log_marginal(law.split, chart, u, v, box, limits)
        if depth:
            box = _shrink(density, box, depth)
    return _draw_cells(density, box, samples, key)


@eqx.filter_jit
def _whole(chart: RemnantChart) -> Float[Array, "4"]:
    """The box (least u, most u, least v, most v) around the whole prior."""
    low_v, high_v = chart.v_bounds
    low, high = chart.u_bounds(jnp.linspace(low_v, high_v, 64))
    return jnp.array([low.min(), high.max(), low_v, high_v])


def _steps(box: Float[Array, "4"]) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Size of a cell of the grid over a box, and the centre of the first."""
    step = jnp.stack([(box[1] - box[0]) / GRID[0], (box[3] - box[2]) / GRID[1]])
    return step, jnp.stack([box[0], box[2]]) + 0.5 * step


@eqx.filter_jit
def _centres(box: Float[Array, "4"]) -> tuple[Float[Array, "cells"], Float[Array, "cells"]]:
    """U and v at the centres of all cells."""
    step, origin = _steps(box)
    axes = (origin[axis] + step[axis] * jnp.arange(GRID[axis]) for axis in (0, 1))
    u, v = jnp.meshgrid(*axes, indexing="ij")
    return u.ravel(), v.ravel()


@eqx.filter_jit
def _log_marginal(
    split: Elimination,
    chart: RemnantChart,
    u: Float[Array, "cells"],
    v: Float[Array, "cells"],
    box: Float[Array, "4"],
    limits: Limits,
) -> Float[Array, "nu nv"]:
    """Log of the posterior of (u, v) on the grid, amplitudes and phases integrated out, not normalised."""
    weight = jax.vmap(log_weight_of_amplitudes, in_axes=(0, None))(split, limits.amplitude)
    value = split.log_normal + weight + chart.log_jacobian(u, v)
    # A cell counts as soon as one of its corners is inside: the prior's edge is curved.
    step, _ = _steps(box)
    corners = [(u + i * step[0], v + j * step[1]) for i in (-0.5, 0.5) for j in (-0.499, 0.499)]
    inside = functools.reduce(jnp.logical_or, [chart.inside(*corner) for corner in corners])
    return jnp.where(inside, value, -jnp.inf).reshape(GRID)


@eqx.filter_jit
def _shrink(density: Float[Array, "nu nv"], box: Float[Array, "4"], depth: float) -> Float[Array, "4"]:
    """The box around all cells less than `depth` below the peak, one cell wider on each side."""
    step, _ = _steps(box)
    keep = density > density.max() - depth
    edges = []
    for axis in (0, 1):
        line = keep.any(axis=1 - axis)
        first, last = jnp.argmax(line), line.size - 1 - jnp.argmax(line[::-1])
        edges.append(jnp.maximum(box[2 * axis] + step[axis] * (first - 1.0), box[2 * axis]))
        edges.append(jnp.minimum(box[2 * axis] + step[axis] * (last + 2.0), box[2 * axis + 1]))
    return jnp.stack(edges)


@eqx.filter_jit
def _draw_cells(
    density: Float[Array, "nu nv"], box: Float[Array, "4"], samples: int, key: Key
) -> tuple[tuple[Float[Array, "n"], Float[Array, "n"]], Float[Array, "n"]]:
    """Draw cells by their weight and places uniformly inside them."""
    cell_key, place_key = jax.random.split(key)
    step, origin = _steps(box)
    weights = jax.nn.softmax(density.ravel())
    flat = jax.random.choice(cell_key, weights.size, (samples,), p=weights)
    cell = jnp.unravel_index(flat, density.shape)
    shift = jax.random.uniform(place_key, (2, samples), minval=-0.5, maxval=0.5)
    u, v = (origin[axis] + step[axis] * (cell[axis] + shift[axis]) for axis in (0, 1))
    return (u, v), jnp.log(weights[flat]) - jnp.log(step[0] * step[1])
