"""How far an estimator can be trusted: calibration, distance to the exact answer, efficiency."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Float
from swansong.inference.calibration import Calibration, distances, spread_by_name
from swansong.inference.diagnostics import PPTest, credible_levels, js_noise_floor
from swansong.inference.simulate import map_tasks
from swansong.ringdown.autoencoder import CompactAutoencoder
from swansong.ringdown.bank import Batch
from swansong.ringdown.estimators import infer
from swansong.ringdown.events import Event, draw_truths, simulate_event
from swansong.ringdown.exact import exact_posterior
from swansong.ringdown.flow import RemnantFlow
from swansong.ringdown.model import Quadratures
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.quadratures import eliminate, to_normal
from swansong.ringdown.settings import Problem
from swansong.ringdown.weights import load_weights

SNR_EDGES = (15.0, 20.0, 30.0, 60.0, 100.0)
"""Bins of the network's optimal signal-to-noise ratio."""

_LOUD = 20.0  # signal-to-noise ratio above which distances to the exact posterior are headline figures
_LATENTS = 64
_CHUNK = 16


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Calibration of one estimator over many injections.

    Attributes:
        calibration: What the checks of all systems report.
        distance: Jensen-Shannon divergence to the exact posterior, (events, parameters)
            [nats]; NaN for the exact estimator itself.
        log_posterior: ln posterior density of the truth in unit-cube coordinates, (events,).
        bound: For autoencoders the bound that training maximises, (events,); else NaN.
    """

    calibration: Calibration
    distance: Float[np.ndarray, "events parameters"]
    log_posterior: Float[np.ndarray, "events"]
    bound: Float[np.ndarray, "events"]

    @property
    def levels(self) -> Float[np.ndarray, "events parameters"]:
        """Credible levels of the truths."""
        return self.calibration.levels

    @property
    def pp(self) -> PPTest:
        """Kolmogorov-Smirnov test of the credible levels."""
        return self.calibration.pp

    def to_json(self) -> dict[str, Any]:
        """The figures under the names that every `check` uses, and what ringdown adds."""
        base = self.calibration
        report = base.to_json() | {"log_posterior": _mean_and_error(self.log_posterior)}
        if np.isfinite(self.distance).any():
            names, loud = base.parameters.names, base.snr > _LOUD
            report["js_distance"] = spread_by_name(self.distance, names)
            report["js_distance_loud"] = spread_by_name(self.distance[loud], names)
            report["js_noise_floor"] = js_noise_floor(base.samples, base.samples)
        if np.isfinite(self.bound).any():
            report["validation_loss"] = _mean_and_error(-self.bound)
        return report


@dataclass(frozen=True)
class _Injections:
    """Simulate and infer a chunk of injections; one object for all worker processes."""

    problem: Problem
    estimator: str
    seed: int
    count: int
    samples: int
    weights: str | None

    def __call__(self, items: list[int]) -> dict[str, np.ndarray]:
        """Everything that the check needs of these injections."""
        analysis = simulated_analysis(self.problem)
        truths = draw_truths(analysis, self.count, seed=self.seed)
        rows = [self._one(truths[item], item) for item in items]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _one(self, truth: np.ndarray, item: int) -> dict[str, np.ndarray]:
        seed = self.seed * 1_000_003 + item
        event = simulate_event(self.problem, seed=seed, truth=truth)
        analysis = event.analysis
        began = time.perf_counter()
        found = infer(
            event, estimator=self.estimator, samples=self.samples, seed=seed, reweight=False, weights=self.weights
        )
        seconds = time.perf_counter() - began
        prior = analysis.model.prior
        levels = credible_levels(
            np.asarray(prior.to_unit(truth)), np.asarray(prior.to_unit(found.samples)), weights=found.weights
        )
        row = {
            "levels": levels,
            "snr": np.asarray(analysis.snr(truth)),
            "seconds": np.asarray(seconds),
            "efficiency": np.asarray(found.metadata.get("importance_efficiency", found.efficiency)),
            "distance": np.full(len(truth), np.nan),
            "bound": np.asarray(np.nan),
        }
        if self.estimator == "exact":
            ratio = analysis.log_likelihood_ratio(truth, analysis.coefficients(event.whitened))
            evidence = found.metadata["log_bayes_factor"]
            return row | {"log_posterior": np.asarray(ratio - analysis.log_prior_share - evidence)}
        reference = exact_posterior(analysis, event.whitened, samples=self.samples, seed=seed + 1)
        row["distance"] = distances(found, reference)
        density, bound = log_posterior_of_truth(event, self.estimator, weights=self.weights, seed=seed)
        return row | {"log_posterior": np.asarray(density), "bound": np.asarray(bound)}


def check(
    problem: Problem,
    *,
    estimator: str,
    injections: int = 256,
    seed: int = 0,
    samples: int = 5000,
    weights: str | Path | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
) -> CheckResult:
    """Measure an estimator on injections drawn from the prior.

    Networks are judged by their own draws, without importance weights; the efficiency that
    weights would have is reported beside them.

    Args:
        problem: The problem.
        estimator: "exact", "flow" or "compact".
        injections: Number of injections.
        seed: Seed of the injections; networks must not have been trained with it.
        samples: Samples of each posterior.
        weights: Weights of a training run; the packaged ones if None.
        store: Folder in which finished chunks are kept, so that an interrupted check resumes.
        quiet: Whether to hide the progress bar.

    Returns:
        The figures.

    Raises:
        InputError: If fewer than eight injections are asked for.
        DomainError: If a network was trained on another problem.
    """
    if injections < 8:
        raise InputError(f"`injections` must be at least 8 for any statistics, got {injections}; 256 are usual")
    work = _Injections(problem, estimator, seed, injections, samples, None if weights is None else str(weights))
    rows = map_tasks(
        work,
        list(range(injections)),
        store=store,
        chunk=_CHUNK,
        workers=1,
        identity=f"{work} {'' if estimator == 'exact' else load_weights(estimator, weights).sha256}",
        description=f"check {estimator}",
        quiet=quiet,
    )
    calibration = Calibration(
        system="ringdown",
        estimator=estimator,
        parameters=simulated_analysis(problem).model.parameters,
        seed=seed,
        levels=rows["levels"],
        snr=rows["snr"],
        efficiency=rows["efficiency"],
        seconds=rows["seconds"],
        samples=samples,
        edges=SNR_EDGES,
    )
    return CheckResult(calibration, rows["distance"], rows["log_posterior"], rows["bound"])


def log_posterior_of_truth(
    event: Event, estimator: str, *, weights: str | Path | None = None, seed: int = 0
) -> tuple[float, float]:
    """Log posterior density that a network gives the truth, in unit-cube coordinates.

    Args:
        event: A simulated event.
        estimator: "flow" or "compact".
        weights: Weights of a training run.
        seed: Seed of the latent draws.

    Returns:
        The density (for the autoencoder an importance-sampled estimate), and the
        autoencoder's bound (NaN for the flow).

    Raises:
        InputError: If the event has no truth.
    """
    if event.truth is None:
        raise InputError("`event` has no truth; only simulated events can be checked")
    trained = load_weights(estimator, weights)
    batch = truth_batch(event, trained.network.trunk.features.project(event.whitened))
    volume = event.analysis.model.log_volume
    if isinstance(trained.network, RemnantFlow):
        return float(_flow_density(trained.network, batch, event.analysis.amplitude_bounds)) + volume, float("nan")
    density, bound = _autoencoder_density(trained.network, batch, jax.random.key(seed))
    return float(density) + volume, float(bound) + volume


def truth_batch(event: Event, coefficients: Float[np.ndarray, "rank"]) -> Batch:
    """The truth of one event in the form of training data, without the leading axis."""
    analysis, truth = event.analysis, jnp.asarray(event.truth)
    templates = analysis.signal(truth[0], truth[1])
    u, v = analysis.chart.coordinates(truth[0], truth[1])
    return Batch(
        jnp.asarray(coefficients, jnp.float32),
        jnp.stack([u, v]),
        analysis.chart.log_jacobian(u, v),
        jnp.stack(analysis.chart.u_bounds(v)),
        Quadratures.of(truth).values,
        templates @ templates.T,
        templates @ jnp.asarray(analysis.coefficients(event.whitened)),
        jnp.asarray(True),
    )


@eqx.filter_jit
def _flow_density(network: RemnantFlow, batch: Batch, bounds: tuple[float, float]) -> jax.Array:
    """Log density of the flow at the truth, in (mass, spin, amplitudes / 1e-21, phases)."""
    place = network.log_prob(batch.place, batch.coefficients, batch.u_bounds) - batch.log_jacobian
    normal, log_det = to_normal(eliminate(batch.gram, batch.linear), batch.quadratures, bounds)
    return place + jax.scipy.stats.norm.logpdf(normal).sum() + log_det


@eqx.filter_jit
def _autoencoder_density(network: CompactAutoencoder, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Importance-sampled ln density of the autoencoder at the truth, and its bound."""
    density, kl = jax.vmap(lambda k: network.terms(batch, key=k))(jax.random.split(key, _LATENTS))
    return network.log_prob(batch, draws=_LATENTS, key=key), (density - kl).mean()


def _mean_and_error(values: Float[np.ndarray, "events"]) -> dict[str, float]:
    return {"mean": float(values.mean()), "error": float(values.std() / np.sqrt(len(values)))}
