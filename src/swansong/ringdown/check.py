"""How far an estimator can be trusted: calibration, distance to the exact answer, efficiency."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Float
from swansong.inference.diagnostics import (
    Coverage,
    PPTest,
    coverage,
    credible_levels,
    efficiency_by_snr,
    js_distance,
    js_noise_floor,
    pp_test,
)
from swansong.inference.parameters import Parameters
from swansong.inference.posterior import Posterior
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
        estimator: The estimator.
        parameters: Names and units.
        seed: Seed of the injections.
        pp: Kolmogorov-Smirnov test of the credible levels.
        coverage: Share of truths inside central intervals, by nominal share and parameter.
        snr: Optimal signal-to-noise ratio of each injection.
        efficiency: Efficiency of the importance weights of each injection.
        distance: Jensen-Shannon divergence to the exact posterior, (events, parameters)
            [nats]; NaN for the exact estimator itself.
        log_posterior: ln posterior density of the truth in unit-cube coordinates, (events,).
        bound: For autoencoders the bound that training maximises, (events,); else NaN.
        seconds: Warm time of each event [s].
        samples: Samples of each posterior.
        warnings: What to know about the figures.
    """

    estimator: str
    parameters: Parameters
    seed: int
    pp: PPTest
    coverage: Mapping[str, Mapping[str, float]]
    snr: Float[np.ndarray, "events"]
    efficiency: Float[np.ndarray, "events"]
    distance: Float[np.ndarray, "events parameters"]
    log_posterior: Float[np.ndarray, "events"]
    bound: Float[np.ndarray, "events"]
    seconds: Float[np.ndarray, "events"]
    samples: int
    warnings: tuple[str, ...]

    @property
    def levels(self) -> Float[np.ndarray, "events parameters"]:
        """Credible levels of the truths."""
        return self.pp.levels

    def to_json(self) -> dict[str, Any]:
        """The figures under the names that every `check` uses, and what ringdown adds."""
        names = self.parameters.names
        report: dict[str, Any] = {
            "system": "ringdown",
            "estimator": self.estimator,
            "injections": len(self.snr),
            "seed": self.seed,
            "ks_p": self.pp.ks_p,
            "ks_p_combined": self.pp.combined_p,
            "coverage": self.coverage,
            "efficiency": {
                "median": float(np.median(self.efficiency)),
                "by_snr": efficiency_by_snr(self.efficiency, self.snr, edges=SNR_EDGES),
            },
            "log_posterior": _mean_and_error(self.log_posterior),
            "seconds_per_event": float(np.median(self.seconds)),
            "samples": self.samples,
            "snr": {
                "5": float(np.quantile(self.snr, 0.05)),
                "50": float(np.median(self.snr)),
                "95": float(np.quantile(self.snr, 0.95)),
            },
            "warnings": list(self.warnings),
        }
        loud = self.snr > _LOUD
        if np.isfinite(self.distance).any():
            report["js_distance"] = {name: _spread(self.distance[:, i]) for i, name in enumerate(names)}
            report["js_distance_loud"] = {name: _spread(self.distance[loud, i]) for i, name in enumerate(names)}
            report["js_noise_floor"] = js_noise_floor(self.samples, self.samples)
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
    parameters = simulated_analysis(problem).model.parameters
    test = pp_test(rows["levels"], parameters.names)
    shares = coverage(rows["levels"])
    return CheckResult(
        estimator=estimator,
        parameters=parameters,
        seed=seed,
        pp=test,
        coverage=coverage_by_name(shares, parameters),
        snr=rows["snr"],
        efficiency=rows["efficiency"],
        distance=rows["distance"],
        log_posterior=rows["log_posterior"],
        bound=rows["bound"],
        seconds=rows["seconds"],
        samples=samples,
        warnings=_warnings(test, rows["efficiency"]),
    )


def distances(found: Posterior, reference: Posterior) -> Float[np.ndarray, "parameters"]:
    """Jensen-Shannon divergence of every parameter to a reference [nats]."""
    values = []
    for index, item in enumerate(found.parameters):
        values.append(
            js_distance(
                found.samples[:, index],
                reference.samples[:, index],
                weights_a=found.weights,
                weights_b=reference.weights,
                limits=(item.minimum, item.maximum) if item.periodic else None,
                periodic=item.periodic,
            )
        )
    return np.array(values)


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


def coverage_by_name(shares: Coverage, parameters: Parameters) -> dict[str, dict[str, float]]:
    """Observed shares by nominal share and parameter name."""
    return {
        f"{nominal:g}": dict(zip(parameters.names, map(float, row), strict=True))
        for nominal, row in zip(shares.intervals, shares.fraction, strict=True)
    }


def _mean_and_error(values: Float[np.ndarray, "events"]) -> dict[str, float]:
    return {"mean": float(values.mean()), "error": float(values.std() / np.sqrt(len(values)))}


def _spread(values: Float[np.ndarray, "events"]) -> dict[str, float]:
    return {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9))}


def _warnings(test: PPTest, efficiency: Float[np.ndarray, "events"]) -> tuple[str, ...]:
    """Plain sentences on what failed."""
    found = [
        f"the credible levels of {name} are not uniform (KS p = {p:.1e}): the estimator is not calibrated there"
        for name, p in test.ks_p.items()
        if p < 0.01
    ]
    low = float((efficiency < 0.01).mean())
    if low > 0.0:
        found.append(f"{low:.1%} of the injections have an efficiency below 1 %")
    return tuple(found)
