"""Answers of the published network, weighted with the direct likelihood of its draws."""

import time

import jax
import jax.numpy as jnp
import numpy as np

from swansong.encounters.answers import SYSTEM, log_noise_evidence, summaries
from swansong.encounters.events import Event, time_series
from swansong.encounters.likelihood import DirectLikelihood
from swansong.encounters.settings import Recipe
from swansong.inference.importance import importance_weights
from swansong.inference.posterior import Posterior, Seconds
from swansong.learning.packaged import TrainedNetwork

_RATE = 2048.0  # of the templates of the direct likelihood [Hz]


def published_answer(
    event: Event, trained: TrainedNetwork[Recipe], *, samples: int, seed: int, reweight: bool
) -> Posterior:
    """Draw from the published network.

    It gives all parameters at once, so that its weights need the likelihood of full
    parameter vectors, some milliseconds each.

    Args:
        event: The event.
        trained: The network.
        samples: Number of samples.
        seed: Seed of the draws.
        reweight: Whether the draws are weighted.

    Returns:
        The posterior; draws outside the prior are left out of an unweighted one.
    """
    began = time.perf_counter()
    analysis, network, data = event.analysis, trained.network, trained.recipe.data
    whole = time_series(event.whitened, analysis, rate=data.rate)
    n = round(trained.recipe.paper.segment * data.rate)
    start = whole.shape[1] // 2 - n // 2
    strain = jnp.asarray(whole[:, start : start + n], jnp.float32)
    prepared = time.perf_counter()
    standard, log_density = network.sample(strain, trained.state, samples=samples, key=jax.random.key(seed))
    theta = np.asarray(network.scaling.inverse(jnp.asarray(standard, float)))
    log_density = np.asarray(log_density, float) + float(np.sum(np.asarray(network.scaling.log_det(standard[0]))))
    log_prior = np.asarray(analysis.model.prior.log_prob(theta))
    allowed = np.isfinite(log_prior)
    allowed[allowed] &= analysis.snr(theta[allowed]) >= analysis.model.settings.minimum_snr
    facts = {
        "seed": seed,
        "gps": analysis.gps,
        "detectors": list(event.detectors),
        "minimum_snr": analysis.model.settings.minimum_snr,
        "weights_sha256": trained.sha256,
        "outside_prior": float(1.0 - allowed.mean()),
    }
    name = "paper+importance" if reweight else "paper"
    if not reweight or not allowed.any():
        kept = theta[allowed] if allowed.any() else theta
        facts |= summaries(analysis, kept, None) if allowed.any() else {}
        outside = () if allowed.any() else ("no draw of the network lies inside the prior",)
        seconds = Seconds(prepared - began, time.perf_counter() - prepared)
        return Posterior(
            analysis.parameters, kept, system=SYSTEM, estimator=name, seconds=seconds, warnings=outside, metadata=facts
        )
    likelihood = DirectLikelihood(
        event.strain,
        frequency=analysis.frequency,
        psd=analysis.psd,
        network=analysis.network,
        gps=analysis.gps,
        duration=analysis.duration,
        rate=_RATE,
        model=analysis.model,
    )
    inside = np.where(allowed[:, None], theta, theta[int(np.argmax(allowed))])
    ratio = np.asarray(likelihood.log_likelihood_ratio(inside))
    target = np.where(allowed, ratio + log_prior - analysis.log_prior_share, -np.inf)
    weights = importance_weights(target, log_density)
    shares = np.exp(weights.log_weights - weights.log_weights.max())
    noise = log_noise_evidence(event)
    facts |= {"log_noise_evidence": noise, "log_bayes_factor": weights.log_evidence}
    return Posterior(
        analysis.parameters,
        inside,
        log_weights=weights.log_weights,
        log_density=log_density,
        log_evidence=weights.log_evidence + noise,
        log_evidence_error=weights.log_evidence_error,
        seconds=Seconds(prepared - began, time.perf_counter() - prepared),
        warnings=weights.warnings,
        metadata=facts | summaries(analysis, inside, shares),
        system=SYSTEM,
        estimator=name,
    )
