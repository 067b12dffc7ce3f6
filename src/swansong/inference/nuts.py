"""The no-U-turn sampler, with the convergence tests that make its answer worth having."""

import time
from collections.abc import Callable

import blackjax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError, RunError
from swansong.core.types import Array, Float, Key
from swansong.inference.parameters import Parameters
from swansong.inference.posterior import Posterior, Seconds

MAXIMUM_R_HAT = 1.01
"""Above this rank-normalised R-hat a warning is given (Vehtari et al. 2021, arXiv:1903.08008)."""


def sample_nuts(
    log_prob: Callable[[Float[Array, "d"]], Float[Array, ""]],
    *,
    initial: Float[Array, "*chains d"],
    key: Key,
    parameters: Parameters | None = None,
    transform: Callable[[Float[Array, "d"]], Float[Array, "parameters"]] | None = None,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    target_acceptance: float = 0.8,
) -> Posterior:
    """Sample a smooth density on unbounded coordinates with NUTS.

    Every chain adapts its own step size and dense mass matrix. For a bounded prior use
    `samplers.sample`, which finds unbounded coordinates by itself.

    Args:
        log_prob: Log density of one point ``(d,)``, of any normalisation.
        initial: One start for each chain ``(chains, d)``, or one for all ``(d,)``,
            which is then scattered by unit normals.
        key: Random key.
        parameters: What the samples are; x0, x1, ... without it.
        transform: Maps a point to the parameters that are returned.
        draws: Samples of each chain.
        warmup: Adaptation steps of each chain, thrown away.
        chains: Number of chains, at least 2 so that convergence can be tested.
        target_acceptance: Acceptance rate that the step size aims at.

    Returns:
        Equally weighted samples, chain after chain. Metadata: ``chains``, ``divergences``,
        ``effective_samples`` (the smallest bulk ESS of all parameters) and ``r_hat``
        (the largest). Warnings tell of divergences and of an R-hat above 1.01.

    Raises:
        InputError: If a number is too small or the shape of `initial` is wrong.
        RunError: If the log density is not finite at a start.

    Reference:
        Hoffman and Gelman 2014, arXiv:1111.4246.
    """
    if chains < 2 or draws < 4 or warmup < 1:
        raise InputError(
            f"`sample_nuts` got chains={chains}, draws={draws}, warmup={warmup}; "
            "give at least 2 chains, 4 draws and 1 warmup step"
        )
    start = time.perf_counter()
    start_key, run_key = jax.random.split(key)
    initial = jnp.asarray(initial, dtype=float)
    if initial.ndim == 1:
        initial = initial + jax.random.normal(start_key, (chains, len(initial)))
    if initial.ndim != 2 or len(initial) != chains:
        raise InputError(
            f"`sample_nuts(initial=...)` has shape {initial.shape}; give one row for each of {chains} chains"
        )
    density = np.asarray(jax.vmap(log_prob)(initial))
    if not np.isfinite(density).all():
        row = int(np.argmin(np.isfinite(density)))
        raise RunError(
            f"the log density is {density[row]} at the start {np.asarray(initial[row])}; start where it is finite"
        )

    @eqx.filter_jit
    def run(keys: Array, positions: Array):
        def chain(chain_key: Key, position: Array):
            warmup_key, draw_key = jax.random.split(chain_key)
            adaptation = blackjax.window_adaptation(
                blackjax.nuts, log_prob, is_mass_matrix_diagonal=False, target_acceptance_rate=target_acceptance
            )
            (state, tuned), _ = adaptation.run(warmup_key, position, warmup)  # type: ignore[misc]
            kernel = blackjax.nuts(log_prob, **tuned)

            def step(state, step_key):
                state, info = kernel.step(step_key, state)
                return state, (state.position, info.is_divergent)  # type: ignore[attr-defined]

            return jax.lax.scan(step, state, jax.random.split(draw_key, draws))[1]

        positions, divergent = jax.vmap(chain)(keys, positions)
        return positions if transform is None else jax.vmap(jax.vmap(transform))(positions), divergent

    compiled = run.lower(jax.random.split(run_key, chains), initial).compile()
    prepared = time.perf_counter()
    samples, divergent = jax.block_until_ready(compiled(jax.random.split(run_key, chains), initial))
    finished = time.perf_counter()
    if parameters is None:
        parameters = Parameters(f"x{column}" for column in range(samples.shape[-1]))
    varying = np.ptp(np.asarray(samples), axis=(0, 1)) > 0.0
    moving = samples[..., varying]
    r_hat = float(np.max(blackjax.rhat(moving)))
    effective = float(np.min(blackjax.ess_bulk(moving)))
    divergences = int(divergent.sum())
    return Posterior(
        parameters=parameters,
        samples=np.asarray(samples).reshape(chains * draws, -1),
        estimator="nuts",
        seconds=Seconds(prepare=prepared - start, sample=finished - prepared),
        warnings=_warnings(r_hat, effective, divergences, chains=chains, draws=draws),
        metadata={
            "chains": chains,
            "divergences": divergences,
            "effective_samples": min(effective, float(chains * draws)),
            "r_hat": r_hat,
        },
    )


def _warnings(r_hat: float, effective: float, divergences: int, *, chains: int, draws: int) -> tuple[str, ...]:
    found = []
    if not r_hat <= MAXIMUM_R_HAT:
        found.append(f"R-hat is {r_hat:.3f}, above {MAXIMUM_R_HAT}: the chains disagree; draw more, or more warmup")
    if effective < 100 * chains:
        found.append(f"only {effective:.0f} effective samples in {chains} chains; draw at least {100 * chains}")
    if divergences:
        found.append(
            f"{divergences} of {chains * draws} draws diverged: the density has corners that the steps "
            "cannot follow; raise target_acceptance or change coordinates"
        )
    return tuple(found)
