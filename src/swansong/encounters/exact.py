"""The exact posterior of a single burst, without a network."""

import time

import numpy as np

from swansong.core.errors import InputError
from swansong.encounters.answers import weighted_posterior
from swansong.encounters.correlations import Correlations
from swansong.encounters.events import Event
from swansong.encounters.sampling import adapt, final_orientations, quick_log_evidence, weigh
from swansong.inference.posterior import Posterior


def exact_posterior(event: Event, *, samples: int, seed: int) -> Posterior:
    """Sample the posterior by adaptive importance sampling.

    Amplitude and orientation are integrated exactly at every point; what is neglected is
    radiation reaction within the burst, a mismatch of 1e-5. The evidence is unbiased.

    Args:
        event: The event.
        samples: Number of samples.
        seed: Seed of the draws.

    Returns:
        The weighted posterior.

    Raises:
        RunError: If the posterior vanishes wherever the scan looks.
        InputError: If the number of samples is not positive.
    """
    if samples < 1:
        raise InputError(f"`samples` must be positive, got {samples}; 20000 serve most uses")
    began = time.perf_counter()
    rng = np.random.default_rng([seed, 11])
    correlations = Correlations.of(event.analysis, event.whitened)
    proposal, ratio = adapt(correlations, rng=rng)
    prepared = time.perf_counter()
    x = proposal.sample(samples, rng)
    draws = weigh(
        proposal.points,
        correlations,
        x=x,
        log_proposal=proposal.log_prob(x),
        orientations=final_orientations(ratio),
        rng=rng,
    )
    return weighted_posterior(
        event,
        proposal.points,
        draws,
        estimator="exact",
        seconds=(prepared - began, prepared),
        seed=seed,
        facts={"matched_snr": ratio},
    )


def quick_log_bayes(event: Event, *, seed: int) -> float:
    """Estimate ln of the Bayes factor against noise with two thousand points.

    Args:
        event: The event.
        seed: Seed of the draws.

    Returns:
        The estimate: within a few tenths for windows of noise and quiet signals, rougher
        for loud ones.
    """
    correlations = Correlations.of(event.analysis, event.whitened)
    found = quick_log_evidence(correlations, rng=np.random.default_rng([seed, 14]))
    return found - event.analysis.log_prior_share
