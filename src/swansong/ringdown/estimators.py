"""One entrance to all estimators: exact, amortised, and amortised with importance weights."""

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from swansong.core.errors import DomainError, InputError
from swansong.core.provenance import collect
from swansong.core.types import ArrayLike, Float, Key
from swansong.inference.posterior import Posterior, Seconds
from swansong.learning.packaged import TrainedNetwork
from swansong.ringdown.analysis import Analysis, Limits
from swansong.ringdown.autoencoder import CompactAutoencoder
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.draws import Draws, assemble, weighted_posterior
from swansong.ringdown.events import Event
from swansong.ringdown.exact import exact_posterior
from swansong.ringdown.fields import EventFields
from swansong.ringdown.flow import RemnantFlow
from swansong.ringdown.paper import to_parameters
from swansong.ringdown.settings import ESTIMATORS, PAPER
from swansong.ringdown.weights import load_weights

_LOUDEST = 1.25  # data louder than this times the loudest signal of the prior are out of range
_IMPLAUSIBLE = 6.0  # standard deviations of the data's power outside all templates


def infer(
    event: Event,
    *,
    estimator: str = "exact",
    samples: int = 20_000,
    seed: int = 0,
    reweight: bool = True,
    weights: str | Path | None = None,
) -> Posterior:
    """Infer the remnant and its modes from one event.

    Args:
        event: The event.
        estimator: "exact", or a trained network: "flow", "compact" or, with `weights`, "paper".
        samples: Number of samples.
        seed: Seed of the draws.
        reweight: Whether a network's draws are weighted with the exact likelihood. Without
            weights the network's own answer is given; it is refused for noise, prior or
            sky position other than those it was trained on. The published autoencoder
            ("paper") has no density to weight with and always gives its own answer.
        weights: Weights file of a training run; the packaged weights if None.

    Returns:
        The posterior, with the efficiency of its weights and all warnings.

    Raises:
        InputError: If the estimator is unknown, or has no packaged weights and none are given.
        DomainError: If a network is asked about data outside its training.
        FileError: If the weights are damaged.
    """
    if samples < 1:
        raise InputError(f"`samples` must be positive, got {samples}; 20000 serve most uses")
    if estimator == "exact":
        found = exact_posterior(event.analysis, event.whitened, samples=samples, seed=seed)
    elif estimator in ESTIMATORS:
        found = _amortised(event, load_weights(estimator, weights), samples=samples, seed=seed, reweight=reweight)
    elif estimator == PAPER:
        found = _published(event, load_weights(estimator, weights), samples=samples, seed=seed)
    else:
        raise InputError(f"`estimator` must be one of {', '.join((*ESTIMATORS, PAPER))}, got '{estimator}'")
    return complete(found, event)


def complete(posterior: Posterior, event: Event) -> Posterior:
    """Add to an answer what only the event knows: truth, warnings, inputs."""
    provenance = collect(
        configuration={"estimator": posterior.estimator}, seed=posterior.metadata.get("seed"), inputs=dict(event.inputs)
    )
    return replace(posterior, truth=event.truth, warnings=event.warnings + posterior.warnings, provenance=provenance)


def _amortised(event: Event, trained: TrainedNetwork, *, samples: int, seed: int, reweight: bool) -> Posterior:
    """The answer of a network, weighted or not."""
    began = time.perf_counter()
    analysis, network = event.analysis, trained.network
    warnings = check_domain(event, trained, reweight=reweight)
    coefficients = np.asarray(network.trunk.features.project(event.whitened), np.float32)
    fields = analysis.fields.event(analysis.coefficients(event.whitened))
    prepared = time.perf_counter()
    draws = _draw(network, coefficients, fields, analysis.chart, jax.random.key(seed), samples, analysis.limits)
    name = trained.recipe.estimator
    facts: dict[str, object] = {"weights_sha256": trained.sha256}
    seconds = (prepared - began, prepared)
    weighted = weighted_posterior(
        analysis, event.whitened, draws, estimator=name, seconds=seconds, seed=seed, warnings=warnings, facts=facts
    )
    if reweight:
        return weighted
    inside = np.isfinite(np.asarray(draws.log_ratio))
    return Posterior(
        analysis.model.parameters,
        weighted.samples[inside],
        # Behind a latent the density of a draw alone is not known.
        log_density=np.asarray(weighted.log_density)[inside] if isinstance(network, RemnantFlow) else None,
        system="ringdown",
        estimator=name,
        seconds=weighted.seconds,
        warnings=warnings,
        metadata={
            **{k: v for k, v in weighted.metadata.items() if k != "log_bayes_factor"},
            "importance_efficiency": weighted.efficiency,
            "outside_prior": float(1.0 - inside.mean()),
        },
    )


def _published(event: Event, trained: TrainedNetwork, *, samples: int, seed: int) -> Posterior:
    """The published autoencoder's own answer; its density is an integral over the latent."""
    began = time.perf_counter()
    analysis = event.analysis
    unweighted = (
        f"`{PAPER}` gives no density, so its samples carry no weights and no evidence; only their distance to "
        "the exact posterior says how good they are",
    )
    warnings = check_domain(event, trained, reweight=False) + unweighted
    strain = np.asarray(event.whitened, np.float32)
    prepared = time.perf_counter()
    target = trained.network.sample(strain, trained.state, samples=samples, key=jax.random.key(seed))
    theta = to_parameters(np.asarray(target), analysis.model)
    minimum = analysis.model.settings.minimum_snr
    inside = analysis.snr(theta) >= minimum if minimum > 0.0 else np.ones(samples, bool)
    return Posterior(
        analysis.model.parameters,
        theta[inside],
        system="ringdown",
        estimator=PAPER,
        seconds=Seconds(prepare=prepared - began, sample=time.perf_counter() - prepared),
        warnings=warnings,
        metadata={
            "seed": seed,
            "modes": [mode.label for mode in analysis.model.modes.modes],
            "minimum_snr": minimum,
            "analysis": analysis.fingerprint,
            "weights_sha256": trained.sha256,
            "outside_prior": float(1.0 - inside.mean()),
        },
    )


def _draw(
    network: RemnantFlow | CompactAutoencoder,
    coefficients: Float[ArrayLike, "rank"],
    event: EventFields,
    chart: RemnantChart,
    key: Key,
    samples: int,
    limits: Limits,
) -> Draws:
    """Draws of a network for one event, completed by the analytic law of amplitudes and phases."""
    if isinstance(network, RemnantFlow):
        place_key, normal_key = jax.random.split(key)
        place, log_place = _sample(network, coefficients, chart, samples, place_key)
        normal = jax.random.normal(normal_key, (samples, event.quadratures))
        return assemble(event, chart, place, log_place, normal, limits)
    latent = _sample(network, coefficients, chart, samples, key)
    log_place = latent.log_place + latent.log_latent
    return assemble(event, chart, latent.place, log_place, latent.normal, limits, latent.log_normal)


@eqx.filter_jit
def _sample(
    network: RemnantFlow | CompactAutoencoder,
    coefficients: Float[ArrayLike, "rank"],
    chart: RemnantChart,
    samples: int,
    key: Key,
) -> Any:
    """A network's own draws, compiled once for any event."""
    return network.sample(coefficients, chart, samples=samples, key=key)


def check_domain(event: Event, trained: TrainedNetwork, *, reweight: bool) -> tuple[str, ...]:
    """Refuse, or warn about, data that a network was not trained for.

    Args:
        event: The event.
        trained: The network.
        reweight: Whether exact weights will correct the network.

    Returns:
        Warnings.

    Raises:
        DomainError: If shape, modes or loudness do not fit, or if noise, prior or antenna
            responses differ and no weights correct for it.
    """
    analysis, problem = event.analysis, trained.recipe
    name, modes = problem.estimator, [mode.label for mode in analysis.model.modes.modes]
    if tuple(modes) != problem.model.modes or analysis.model.modes.kind != problem.model.frequencies:
        raise DomainError(
            f"`{name}` was trained on modes {', '.join(problem.model.modes)} and the data are analysed with "
            f"{', '.join(modes)}; use `--estimator exact` or train a network on these modes"
        )
    expected = (len(problem.data.detectors), problem.data.samples)
    if event.whitened.shape != expected:
        raise DomainError(
            f"`{name}` was trained on {expected[0]} detectors with {expected[1]} samples, got "
            f"{event.whitened.shape[0]} with {event.whitened.shape[1]}; use `--estimator exact`"
        )
    warnings: list[str] = []
    wider = _wider_prior(event, trained)
    if wider:
        raise DomainError(
            f"`prior.{wider}` reaches beyond what `{name}` was trained on; use `--estimator exact` or narrow the prior"
        )
    if analysis.fingerprint != trained.fingerprint:
        if not reweight:
            weighting = "" if name == PAPER else "keep the importance weights on or "
            raise DomainError(
                f"`{name}` was trained on the noise spectrum {problem.data.spectrum} and one sky position, prior and "
                f"start, and these data have others; {weighting}use `--estimator exact`"
            )
        warnings.append(
            f"the noise, prior or antenna responses differ from those `{name}` was trained on; "
            "only the importance weights make the answer right, so look at the efficiency"
        )
    power = float(np.linalg.norm(event.analysis.coefficients(event.whitened)))
    # Noise alone has a squared norm of about the rank.
    snr = float(np.sqrt(max(power**2 - analysis.basis.shape[1], 0.0)))
    loudest = float(trained.recipe.prior.amplitude[1] / 1e-21) * _loudness(analysis)
    if snr > _LOUDEST * loudest + _IMPLAUSIBLE:
        raise DomainError(
            f"the data have a signal-to-noise ratio of {snr:.0f}, above the {loudest:.0f} of the loudest signal "
            f"`{name}` was trained on; use `--estimator exact` with a wider prior"
        )
    outside = float((event.whitened**2).sum()) - power**2
    freedom = event.whitened.size - analysis.basis.shape[1]
    excess = (outside - freedom) / np.sqrt(2.0 * freedom)
    if abs(excess) > _IMPLAUSIBLE:
        warnings.append(
            f"the whitened data have {excess:+.0f} sigma of power that no signal of the model explains; "
            "the noise spectrum does not describe them"
        )
    return tuple(warnings)


def _wider_prior(event: Event, trained: TrainedNetwork) -> str | None:
    """Name of a prior range that reaches beyond the training's, if any."""
    ours, theirs = event.analysis.model.settings, trained.recipe.prior
    for name in ("final_mass", "final_spin", "amplitude"):
        (low, high), (least, most) = getattr(ours, name), getattr(theirs, name)
        if low < least or high > most:
            return name
    return None


@lru_cache(maxsize=4)
def _loudness(analysis: Analysis) -> float:
    """Largest signal-to-noise ratio of unit amplitudes (1e-21) in all modes over the prior."""
    templates = analysis.fields.templates
    return float(np.sqrt((templates.astype(np.float64) ** 2).sum(axis=-1).max(axis=(0, 1))[::2]).sum())
