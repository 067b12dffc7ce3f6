"""How far an estimator can be trusted: calibration, distance to the exact answer, efficiency, information."""

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Float
from swansong.encounters.answers import DOMINATED, SYSTEM
from swansong.encounters.estimators import Amortised, check_domain
from swansong.encounters.events import Event, simulate_event
from swansong.encounters.exact import exact_posterior
from swansong.encounters.model import EncounterModel
from swansong.encounters.settings import ESTIMATORS, Problem
from swansong.encounters.weights import load_weights
from swansong.inference.calibration import Calibration, distances, spread_by_name
from swansong.inference.diagnostics import credible_levels, js_noise_floor, pp_test
from swansong.inference.posterior import Posterior
from swansong.inference.simulate import map_tasks

SNR_EDGES = (6.0, 10.0, 15.0, 30.0, 60.0)
"""Bins of the network's optimal signal-to-noise ratio."""

_CHUNK = 16
_ENOUGH = 100.0  # effective samples that a distance needs
_COMPARED = 50  # injections whose network answer is compared with the exact one


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Calibration of one estimator over many injections.

    Attributes:
        calibration: What the checks of all systems report. A network's levels are those of
            its own draws.
        corrected: Credible levels of a network's draws with importance weights, (events,
            parameters); those of the exact estimator are the same as its levels.
        widths: 68 % width of every parameter over that of its prior, (events, parameters).
        before: Jensen-Shannon divergence of a network's own draws to the exact posterior,
            (events, parameters) [nats]; NaN where not compared.
        after: The same with importance weights; NaN also below 100 effective samples.
        log_bayes: ln of the Bayes factor against noise, (events,).
    """

    calibration: Calibration
    corrected: Float[np.ndarray, "events parameters"]
    widths: Float[np.ndarray, "events parameters"]
    before: Float[np.ndarray, "events parameters"]
    after: Float[np.ndarray, "events parameters"]
    log_bayes: Float[np.ndarray, "events"]

    @property
    def levels(self) -> Float[np.ndarray, "events parameters"]:
        """Credible levels of the truths."""
        return self.calibration.levels

    def to_json(self) -> dict[str, Any]:
        """The figures under the names that every `check` uses, and what encounters adds."""
        base = self.calibration
        names = base.parameters.names
        report = base.to_json()
        by_bin = {
            label: {name: float(np.median(self.widths[inside, i])) for i, name in enumerate(names)}
            for label, inside in bins(base.snr)
        }
        report["width_over_prior"] = by_bin
        report["prior_dominated"] = {
            label: [name for name, value in row.items() if value > DOMINATED] for label, row in by_bin.items()
        }
        low = {label: float((base.efficiency[inside] < 0.1).mean()) for label, inside in bins(base.snr)}
        report["efficiency"]["share_below_10_percent"] = low
        compared = np.isfinite(self.before).all(axis=1)
        weighted = np.isfinite(self.after).all(axis=1)
        if weighted.any():
            corrected = pp_test(self.corrected, names)
            report |= {
                "ks_p_corrected": corrected.ks_p,
                "ks_p_corrected_combined": corrected.combined_p,
                "js_distance": spread_by_name(self.after[weighted], names),
                "js_distance_uncorrected": spread_by_name(self.before[compared], names),
                "js_noise_floor": js_noise_floor(base.samples, base.samples),
                "js_events": int(compared.sum()),
                "js_events_too_inefficient": int((compared & ~weighted).sum()),
            }
        return report


def bins(snr: Float[np.ndarray, "events"]) -> list[tuple[str, np.ndarray]]:
    """Label and members of every bin of the signal-to-noise ratio that holds any."""
    found = [(f"{low:g}-{high:g}", (snr >= low) & (snr < high)) for low, high in pairwise(SNR_EDGES)]
    return [(label, inside) for label, inside in found if inside.any()]


@dataclass(frozen=True)
class _Injections:
    """Simulate and infer a chunk of injections; one object for all worker processes."""

    problem: Problem
    estimator: str
    seed: int
    samples: int
    weights: str | None

    def __call__(self, items: list[int]) -> dict[str, np.ndarray]:
        """Everything that the check needs of these injections."""
        rows = [self._one(item) for item in items]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _one(self, item: int) -> dict[str, np.ndarray]:
        seed = self.seed * 1_000_003 + item
        event = simulate_event(self.problem, seed=seed)
        if self.estimator == "exact":
            began = time.perf_counter()
            answer = exact_posterior(event, samples=self.samples, seed=seed)
            return self._row(event, answer, answer, seconds=time.perf_counter() - began)
        trained = load_weights(self.estimator, self.weights)
        check_domain(event, trained, reweight=False)
        began = time.perf_counter()
        network = Amortised.of(event, trained, seed=seed)
        alone = network.answer(samples=self.samples, seed=seed, reweight=False)
        seconds = time.perf_counter() - began
        weighted = network.answer(samples=self.samples, seed=seed, reweight=True)
        row = self._row(event, alone, weighted, seconds=seconds)
        if item < _COMPARED:
            reference = exact_posterior(event, samples=self.samples, seed=seed + 1)
            row["before"] = distances(alone, reference)
            # With few effective samples the distance's correction for chance leaves nothing of it.
            if weighted.effective_samples >= _ENOUGH:
                row["after"] = distances(weighted, reference)
        return row

    def _row(self, event: Event, alone: Posterior, weighted: Posterior, *, seconds: float) -> dict[str, np.ndarray]:
        """Figures of one injection from the estimator's own answer and the weighted one."""
        truth = np.asarray(event.truth)
        return {
            "levels": _levels(event, alone),
            "corrected": _levels(event, weighted),
            "snr": event.analysis.snr(truth)[0],
            "seconds": np.asarray(seconds),
            "efficiency": np.asarray(weighted.efficiency),
            "widths": np.array(list(weighted.metadata["width_over_prior"].values())),
            "before": np.full(len(truth), np.nan),
            "after": np.full(len(truth), np.nan),
            "log_bayes": np.asarray(weighted.metadata["log_bayes_factor"]),
        }


def _levels(event: Event, found: Posterior) -> Float[np.ndarray, "parameters"]:
    """Credible levels of the truth, in the prior's unit interval."""
    prior = event.analysis.model.prior
    return credible_levels(
        np.asarray(prior.to_unit(np.asarray(event.truth))),
        np.asarray(prior.to_unit(found.samples)),
        weights=found.weights,
    )


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
    """Measure an estimator on injections drawn from the prior, each in the noise of its own day.

    Networks are judged by their own draws, and again with importance weights; the first
    fifty injections are compared with the exact posterior.

    Args:
        problem: The problem.
        estimator: "exact" or "compact".
        injections: Number of injections.
        seed: Seed of the injections; networks must not have been trained with it.
        samples: Samples of each posterior.
        weights: Weights of a training run; the packaged ones if None.
        store: Folder in which finished chunks are kept, so that an interrupted check resumes.
        quiet: Whether to hide the progress bar.

    Returns:
        The figures.

    Raises:
        InputError: If the estimator is unknown or fewer than eight injections are asked for.
        DomainError: If a network was trained on another problem.
    """
    if estimator not in ESTIMATORS:
        raise InputError(f"`estimator` must be one of {', '.join(ESTIMATORS)}, got '{estimator}'")
    if injections < 8:
        raise InputError(f"`injections` must be at least 8 for any statistics, got {injections}; 256 are usual")
    work = _Injections(problem, estimator, seed, samples, None if weights is None else str(weights))
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
        system=SYSTEM,
        estimator=estimator,
        parameters=EncounterModel(problem.prior, problem.model).parameters,
        seed=seed,
        levels=rows["levels"],
        snr=rows["snr"],
        efficiency=rows["efficiency"],
        seconds=rows["seconds"],
        samples=samples,
        edges=SNR_EDGES,
    )
    parts = (rows[name] for name in ("corrected", "widths", "before", "after", "log_bayes"))
    return CheckResult(calibration, *parts)
