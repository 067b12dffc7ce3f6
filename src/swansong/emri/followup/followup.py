"""From a candidate to the posterior of its source.

    network     the packaged network, or one that learns in rounds, proposes sources for the candidate's track;
                all are scored
    evolve      differential evolution from the best of them and from the track's own metric
    walk        an ensemble sampler at several temperatures
    proposal    a small flow and a Student mixture learn the walk; their draws are scored and weighted

The walk is the answer. The last step gives it a density and an evidence, and an independent check: where
weighted draws are many, sampler and importance sampling agree.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from swansong.core.config import as_dict
from swansong.core.errors import DomainError, InputError
from swansong.core.provenance import collect
from swansong.emri.followup.chart import Chart, sky_of
from swansong.emri.followup.ensemble import Walk, evolve, walk
from swansong.emri.followup.fitting import load_weights
from swansong.emri.followup.laws import FlowLaw, Law, NetworkLaw, Whitened, fit_flow, fit_mixture
from swansong.emri.followup.likelihood import TrackLikelihood
from swansong.emri.followup.sequential import sharpened
from swansong.emri.followup.settings import FollowupSettings, ProposalSettings
from swansong.emri.search.kernels import LENGTHS
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import Scorer
from swansong.inference.importance import Weights, importance_weights
from swansong.inference.mixtures import StudentMixture
from swansong.inference.posterior import Posterior, Seconds

SYSTEM = "emri"
_FAINTEST = 8.0  # signal-to-noise ratio that sets the first steps of a candidate fainter than that
_MIXED = (0.3, 1.0, 3.0)  # sizes of first steps, in units of what the metric expects


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class FollowupResult:
    """What a follow-up found.

    Attributes:
        posterior: The answer: samples of the walk. Its metadata hold the log likelihood of the best sample,
            R-hat, autocorrelation, acceptance and efficiencies.
        proposal: Draws of the better of the fitted laws, with their log density and importance weights; its
            evidence is the Bayes factor against noise.
        log_likelihood: Log likelihood ratios of the samples of the walk, shape (samples,).
        proposal_points: Draws of the proposal in coordinates of the chart, shape (draws, d).
        law: Law that made them, in these coordinates.
        mixture: Student mixture fitted to the walk, likewise.
        chart: Coordinates of these laws.
        efficiency: Importance efficiency of each law: network, flow, mixture.
        seconds: Time of each part [s]: prepare, network, evolve, walk, proposal.
        warnings: What limits the answer.
    """

    posterior: Posterior
    proposal: Posterior
    log_likelihood: Float[np.ndarray, "samples"]
    proposal_points: Float[np.ndarray, "draws d"]
    law: Whitened[StudentMixture] | Whitened[FlowLaw]
    mixture: Whitened[StudentMixture]
    chart: Chart
    efficiency: Mapping[str, float]
    seconds: Mapping[str, float]
    warnings: tuple[str, ...]


@dataclass
class _Clock:
    """Times the parts of a run, one after the other."""

    last: float = field(default_factory=time.perf_counter)
    parts: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str) -> None:
        """Book the time since the last lap."""
        now = time.perf_counter()
        self.parts[name], self.last = now - self.last, now


def follow_up(
    scorer: Scorer,
    candidate_theta: Float[np.ndarray, "5"],
    *,
    model: SearchModel,
    settings: FollowupSettings,
    seed: int,
    weights: str | Path | None = None,
    report: Callable[[str], None] | None = None,
) -> FollowupResult:
    """Sample the posterior of a candidate's source.

    Args:
        scorer: Data, noise and tracks.
        candidate_theta: Parameter vector of `SearchModel`, from a search, shape (5,).
        model: Prior of the sources.
        settings: Likelihood, sampler and proposal.
        seed: Seed of everything.
        weights: Weights file of the network; the packaged one if None.
        report: Called with the name of each part when it begins.

    Returns:
        Posterior, proposal and diagnostics.

    Raises:
        InputError: If the candidate lies outside the prior, or no weights are packaged and none given.
        DomainError: If the candidate has no track.
        RunError: If the likelihood vanishes at every start.
    """
    clock, rng = _Clock(), np.random.default_rng(seed)
    tell = report or (lambda _: None)
    theta = np.asarray(candidate_theta, float)
    if theta.shape != (5,) or not np.isfinite(theta).all():
        raise InputError(
            f"`candidate_theta` must hold 5 finite numbers, got shape {theta.shape}; give `Candidate.theta` of a search"
        )
    tell("prepare")
    heard: dict[str, Any] = {}
    if settings.likelihood.harmonics:
        heard["harmonics"], heard["fixed"] = scorer.harmonics_of(
            model.to_points(theta), most=settings.likelihood.harmonics
        )
    chart = Chart.at(TrackLikelihood(scorer, settings.likelihood, **heard), model, theta)
    charts = [
        replace(
            chart,
            likelihood=TrackLikelihood(scorer, settings.likelihood.model_copy(update={"length": length}), **heard),
        )
        for length in LENGTHS
        if length <= settings.likelihood.length
    ]
    efficiency: dict[str, float] = {}
    limits: list[str] = []
    clock.lap("prepare")
    tell("network")
    starts = np.empty((0, chart.dimensions))
    if settings.proposal.draws:
        try:
            starts, shares = _proposed(charts[0], theta, settings=settings.proposal, weights=weights, rng=rng)
            efficiency |= shares
        except DomainError as error:
            limits.append(f"the network proposed nothing: {error}")
        starts = starts[: settings.sampler.population // 4]
    clock.lap("network")
    tell("evolve")
    best = np.concatenate([chart.of_theta(theta), np.zeros(chart.dimensions - 5)])
    population = np.concatenate([best[None], starts])
    for number, one in enumerate(charts):
        population = _spread(one, population, size=settings.sampler.population, rng=rng)
        generations = math.ceil(settings.sampler.generations / len(charts))
        population, peak = evolve(population, one.log_likelihood, generations=generations, rng=rng)
        if number < len(charts) - 1:
            population = population[: settings.sampler.population // 8]
    clock.lap("evolve")
    tell("walk")
    walkers = _spread(chart, population[:8], size=settings.sampler.walkers * 4, rng=rng, sizes=(0.2, 0.6))
    found = walk(walkers, log_posterior=chart.log_posterior, settings=settings.sampler, rng=rng)
    clock.lap("walk")
    tell("proposal")
    points = _thinned(found.points, settings.sampler.samples)
    mixture = fit_mixture(points, components=settings.proposal.components, rng=rng)
    laws: dict[str, Whitened[StudentMixture] | Whitened[FlowLaw]] = {"mixture": mixture}
    if settings.proposal.steps:
        laws["flow"] = fit_flow(points, steps=settings.proposal.steps, seed=int(rng.integers(2**31)))
    drawn = {name: _weighted(chart, one, max(settings.proposal.draws, 1024), rng=rng) for name, one in laws.items()}
    efficiency |= {name: one.weights.efficiency for name, one in drawn.items()}
    chosen = max(drawn, key=lambda name: drawn[name].weights.efficiency)
    clock.lap("proposal")
    warnings = (*limits, *_warnings(found, drawn[chosen].weights, settings))
    seconds = clock.parts
    provenance = collect(configuration={"followup": as_dict(settings)}, seed=seed)
    spent = Seconds(
        prepare=seconds["prepare"] + seconds["network"] + seconds["evolve"],
        sample=seconds["walk"] + seconds["proposal"],
    )
    values = _thinned(found.log_likelihood[..., None], settings.sampler.samples)[:, 0]
    weighed = drawn[chosen].weights
    facts = {
        "effective_samples": min(found.effective, float(len(points))),
        "log_bayes_factor": weighed.log_evidence,
        "maximum_log_likelihood": float(max(found.log_likelihood.max(), peak[0])),
        "r_hat": found.r_hat,
        "autocorrelation": found.autocorrelation,
        "acceptance": found.acceptance,
        "evaluations": found.evaluations,
        "efficiency": dict(efficiency),
        "likelihood": as_dict(settings.likelihood),
    }
    common = {
        "parameters": chart.parameters,
        "system": SYSTEM,
        "seconds": spent,
        "provenance": provenance,
        "log_evidence": weighed.log_evidence,
        "log_evidence_error": weighed.log_evidence_error,
    }
    draws = drawn[chosen]
    return FollowupResult(
        posterior=Posterior(
            samples=chart.samples_of(points), estimator="walk", warnings=warnings, metadata=facts, **common
        ),
        proposal=Posterior(
            samples=chart.samples_of(draws.points),
            log_weights=weighed.log_weights[draws.inside],
            log_density=(draws.log_density + chart.log_jacobian(draws.points)),
            estimator=f"{chosen}+importance",
            warnings=weighed.warnings,
            metadata={"efficiency": dict(efficiency), "pareto_k": weighed.pareto_k},
            **common,
        ),
        log_likelihood=values,
        proposal_points=draws.points,
        law=laws[chosen],
        mixture=mixture,
        chart=chart,
        efficiency=MappingProxyType(efficiency),
        seconds=MappingProxyType(dict(seconds)),
        warnings=warnings,
    )


def _proposed(
    chart: Chart,
    theta: Float[np.ndarray, "5"],
    *,
    settings: ProposalSettings,
    weights: str | Path | None,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "draws d"], dict[str, float]]:
    """Draws of networks for a candidate's track, best first, and the importance efficiency of each network."""
    tracks, rounds = chart.likelihood.scorer.tracks, settings.sequential.rounds
    first = settings.sequential.first_error if rounds else settings.track_error
    law = NetworkLaw.of(load_weights(weights), theta, tracks=tracks, model=chart.model, track_error=first)
    laws = {"network": law}
    if rounds:
        laws["sequential"] = sharpened(
            law,
            theta,
            tracks=tracks,
            model=chart.model,
            settings=settings.sequential,
            track_error=settings.track_error,
            rng=rng,
        )
    low, high = _bounds(chart)
    points, values, shares = np.empty((0, chart.dimensions)), np.empty(0), {}
    for name, one in laws.items():
        u, log_density = one.draw(settings.draws, key=jax.random.key(int(rng.integers(2**62))))
        drawn = chart.of_theta(low + (high - low) * np.clip(u, 0.0, 1.0))
        drawn = chart.with_sky(drawn, rng=rng, at_rest=True)
        found = np.where(((u >= 0.0) & (u <= 1.0)).all(axis=1), chart.log_likelihood(drawn), -np.inf)
        # In these shares the prior is flat; the directions were drawn from their prior, whose density cancels.
        shares[name] = importance_weights(found, log_density).efficiency if np.isfinite(found).any() else 0.0
        points, values = np.concatenate([points, drawn]), np.concatenate([values, found])
    return points[np.argsort(-values)], shares


def _spread(
    chart: Chart,
    points: Float[np.ndarray, "n d"],
    *,
    size: int,
    rng: np.random.Generator,
    sizes: tuple[float, ...] = _MIXED,
) -> Float[np.ndarray, "size d"]:
    """The points themselves and others around the first, spread as its track's metric and loudness let expect."""
    theta = chart.to_theta(points[:1])[0]
    sky = sky_of(points[:1])[0] if chart.moving else None
    snr = max(chart.likelihood.snr(chart.model.to_points(theta), sky=sky), _FAINTEST)
    factor = chart.local_factor(theta, snr=snr)
    around = points[rng.integers(len(points), size=size)]
    step = rng.choice(sizes, size)[:, None] * rng.standard_normal((size, 5)) @ factor.T
    moved = around[:, :5] + step
    # Spin and eccentricity are shares of their ranges.
    moved[:, 3:] = np.abs(np.mod(moved[:, 3:] + 1.0, 2.0) - 1.0)
    made = chart.with_sky(moved, rng=rng)
    made[: min(len(points), size // 2)] = points[: size // 2]
    return made


def _bounds(chart: Chart) -> tuple[np.ndarray, np.ndarray]:
    items = chart.model.parameters
    return np.array([item.minimum for item in items]), np.array([item.maximum for item in items])


def _thinned(chain: Float[np.ndarray, "steps walkers d"], most: int) -> Float[np.ndarray, "n d"]:
    """Whole ensembles, evenly spaced in time."""
    every = max(1, math.ceil(chain.shape[0] * chain.shape[1] / most))
    return chain[::every].reshape(-1, chain.shape[2])


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Scored draws of a law: those inside the prior, and the weights of all."""

    points: np.ndarray
    log_density: np.ndarray
    inside: np.ndarray
    weights: Weights


def _weighted(chart: Chart, law: Law, n: int, *, rng: np.random.Generator) -> _Drawn:
    """Draw from a law, score and weigh."""
    points = law.sample(n, rng=rng)
    log_density = law.log_prob(points)
    likelihood, prior = chart.log_posterior(points)
    target = likelihood + prior
    inside = np.isfinite(target)
    return _Drawn(points[inside], log_density[inside], inside, importance_weights(target, log_density))


def _warnings(found: Walk, weights: Weights, settings: FollowupSettings) -> tuple[str, ...]:
    """Sentences on what limits the answer."""
    sentences = []
    if not found.converged:
        sentences.append(
            f"the walk ended at R-hat {found.r_hat:.3f} with {found.effective:.0f} effective samples, short of "
            f"{settings.sampler.largest_r_hat:g} and {settings.sampler.effective:g}; allow more `sampler.rounds`"
        )
    if settings.likelihood.law == "paper":
        sentences.append(
            "the sum of powers stands for the log likelihood, as published; widths are too small by a factor of 1.4"
        )
    return (*sentences, *weights.warnings)
