"""Nested slice sampling: posterior and evidence of any likelihood.

Live points move in the unit cube of the prior. Coordinates of periodic parameters whose
prior spans the period are circles, so a posterior across the seam is one mode, not two.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.ns import adaptive, nss
from blackjax.ns.base import NSState, StateWithLogLikelihood
from blackjax.ns.utils import finalise, log_weights
from jax.scipy.special import logsumexp

from swansong.core.errors import InputError, RunError
from swansong.core.progress import Progress
from swansong.core.types import Array, Float, Key
from swansong.inference.cube import Cube
from swansong.inference.posterior import Posterior, Seconds
from swansong.inference.priors import Prior

VOLUMES = 200
"""Simulated sequences of prior volumes behind the error of the evidence."""


def sample_nested(
    log_likelihood: Callable[[Float[Array, "parameters"]], Float[Array, ""]],
    prior: Prior,
    *,
    key: Key,
    live_points: int = 500,
    deletions: int | None = None,
    inner_steps: int | None = None,
    tolerance: float = 0.01,
    maximum_steps: int = 100_000,
    quiet: bool = True,
) -> Posterior:
    """Sample a posterior and its evidence by nested slice sampling.

    Args:
        log_likelihood: Log likelihood of one parameter vector ``(parameters,)``, in JAX;
            ``-inf`` is allowed.
        prior: The prior; parameters fixed by `Delta` are not sampled.
        key: Random key.
        live_points: Number of live points; the error of the log evidence falls with its
            square root.
        deletions: Points replaced at once, in parallel; a tenth of the live points if None.
        inner_steps: Slice moves that make a new point independent of the one it starts
            from; three times the number of free parameters and at least 10 if None, below which
            the evidence comes out high.
        tolerance: Share of the evidence that may be left in the live points.
        maximum_steps: Rounds of deletions after which to stop with a warning.
        quiet: Show no progress bar.

    Returns:
        Weighted samples, log evidence and its error (from simulated prior volumes).
        Metadata: ``live_points``, ``inner_steps`` and ``rounds`` of deletions.

    Raises:
        InputError: If a number is too small or all parameters are fixed.
        RunError: If the likelihood is NaN or ``+inf`` at points of the prior, or ``-inf``
            at all of the first ones.

    Reference:
        Yallup, Kroupa and Handley 2026, arXiv:2601.23252; Skilling 2006, doi:10.1214/06-BA127.
    """
    start = time.perf_counter()
    cube = Cube(prior)
    deletions = max(1, live_points // 10) if deletions is None else deletions
    inner_steps = max(10, 3 * cube.dimensions) if inner_steps is None else inner_steps
    if live_points < 2 * cube.dimensions + 2 or not 0 < deletions < live_points or inner_steps < 1:
        raise InputError(
            f"`sample_nested` got live_points={live_points}, deletions={deletions}, inner_steps={inner_steps}; give "
            f"at least {2 * cube.dimensions + 2} live points, fewer deletions than those and at least 1 inner step"
        )
    live_key, step_key, volume_key = jax.random.split(key, 3)
    initialise = partial(_particle, cube, log_likelihood)
    kernel = nss.build_kernel(initialise, inner_steps, num_delete=deletions)
    positions = jax.random.uniform(live_key, (live_points, cube.dimensions))

    @eqx.filter_jit
    def begin(positions):
        return adaptive.init(
            positions, jax.vmap(initialise), update_inner_kernel_params_fn=nss.live_covariance_factor, rng_key=live_key
        )

    state = begin(positions)
    _check_likelihood(np.asarray(state.particles.loglikelihood), np.asarray(cube.parameters_of(positions)), prior)
    compiled = eqx.filter_jit(kernel).lower(step_key, state).compile()
    prepared = time.perf_counter()
    dead, warnings = [], []
    with Progress(description="nested sampling", quiet=quiet) as progress:
        while not _done(state, tolerance):
            if len(dead) >= maximum_steps:
                warnings.append(f"nested sampling stopped after {maximum_steps} rounds, before it converged")
                break
            state, info = compiled(jax.random.fold_in(step_key, len(dead)), state)
            dead.append(info)
            progress.advance(1, log_evidence=float(state.integrator.logZ))
    every = finalise(NSState(state.particles), dead, update_info=False)
    simulated = log_weights(volume_key, every, shape=VOLUMES)
    evidences = np.asarray(logsumexp(simulated, axis=0))
    weights = np.asarray(logsumexp(simulated, axis=1) - jnp.log(VOLUMES))
    samples = np.asarray(cube.parameters_of(jnp.asarray(every.particles.position)))
    kept = np.isfinite(weights)
    if np.isposinf(np.asarray(every.particles.loglikelihood)).any():
        raise RunError("the log likelihood is +inf at points that nested sampling reached; mend the likelihood")
    return Posterior(
        parameters=prior.parameters,
        samples=samples[kept],
        log_weights=weights[kept],
        log_evidence=float(evidences.mean()),
        log_evidence_error=float(evidences.std(ddof=1)),
        estimator="nested",
        seconds=Seconds(prepare=prepared - start, sample=time.perf_counter() - prepared),
        warnings=tuple(warnings),
        metadata={"live_points": live_points, "inner_steps": inner_steps, "rounds": len(dead)},
    )


def _particle(
    cube: Cube,
    log_likelihood: Callable[[Array], Array],
    position: Array,
    loglikelihood_birth: Array | float = jnp.nan,
) -> StateWithLogLikelihood:
    """Evaluate a point: periodic coordinates come back into the cube, others may not leave it."""
    position = jnp.where(cube.wrapped, jnp.mod(position, 1.0), position)
    inside = jnp.all((position >= 0.0) & (position <= 1.0))
    value = log_likelihood(cube.parameters_of(jnp.clip(position, 0.0, 1.0)))
    value = jnp.where(inside, value, -jnp.inf)
    return StateWithLogLikelihood(position, jnp.zeros_like(value), value, loglikelihood_birth * jnp.ones_like(value))


def _done(state: Any, tolerance: float) -> bool:
    live, dead = float(state.integrator.logZ_live), float(state.integrator.logZ)
    return bool(live - np.logaddexp(live, dead) < np.log(tolerance))


def _check_likelihood(values: np.ndarray, points: np.ndarray, prior: Prior) -> None:
    wrong = np.isnan(values) | np.isposinf(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        where = ", ".join(f"{name}={value:.6g}" for name, value in zip(prior.names, points[row], strict=True))
        raise RunError(f"the log likelihood is {values[row]} at {where}; mend the likelihood or narrow the prior")
    if np.isneginf(values).all():
        raise RunError(
            f"the likelihood vanishes at all {len(values)} live points; narrow the prior or give more points"
        )
