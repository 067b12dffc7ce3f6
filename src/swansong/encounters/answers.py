"""From weighted points to a posterior that says how far to trust it."""

import math
import time

import numpy as np
from scipy.stats import chi2

from swansong.core.types import Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.events import Event, time_series
from swansong.encounters.model import strain_amplitude, timescale
from swansong.encounters.points import Points
from swansong.encounters.sampling import Weighted
from swansong.inference.importance import importance_weights
from swansong.inference.posterior import Posterior, Seconds
from swansong.inference.statistics import circular_quantile, weighted_quantile

SYSTEM = "encounters"

_REACH = 0.1  # time around the pericentre in which residuals are tested [s]
_POOR_FIT = 1e-3  # p-value below which the model is called a poor fit
DOMINATED = 0.9
"""68 % width over that of the prior above which the prior decides."""


def weighted_posterior(
    event: Event,
    points: Points,
    draws: Weighted,
    *,
    estimator: str,
    seconds: tuple[float, float],
    seed: int,
    warnings: tuple[str, ...] = (),
    facts: dict[str, object] | None = None,
    reweight: bool = True,
) -> Posterior:
    """Complete weighted points to parameters and turn them into a posterior.

    Args:
        event: The event.
        points: Coordinates of the draws.
        draws: The draws.
        estimator: Name of what drew them.
        seconds: Duration of the preparation, and `time.perf_counter()` when drawing began.
        seed: Seed of the draws.
        warnings: What the estimator has to say.
        facts: Further metadata.
        reweight: Whether the draws carry their importance weights; without, those inside
            the prior are given as they are, without an evidence.

    Returns:
        The posterior.
    """
    analysis = event.analysis
    theta = points.complete(draws.x, draws.found, uniform=draws.uniform)
    allowed = np.isfinite(theta).all(axis=1) & np.isfinite(draws.log_target)
    log_target = np.where(allowed, draws.log_target - analysis.log_prior_share, -np.inf)
    weights = importance_weights(log_target, draws.log_proposal)
    # A draw outside the prior has no weight; its place is kept by parameters inside.
    theta = np.where(allowed[:, None], theta, theta[int(np.argmax(weights.log_weights))])
    sampled = time.perf_counter() - seconds[1]
    noise = log_noise_evidence(event)
    metadata = {
        "seed": seed,
        "gps": analysis.gps,
        "detectors": list(event.detectors),
        "minimum_snr": analysis.model.settings.minimum_snr,
        "log_noise_evidence": noise,
        "analysis": analysis.fingerprint,
        **(facts or {}),
    }
    best = theta[int(np.argmax(np.where(allowed, draws.log_target, -np.inf)))]
    fit = goodness_of_fit(event, best)
    metadata["goodness_of_fit"] = fit
    found = list(warnings)
    if fit < _POOR_FIT:
        found.append(
            f"the residual of the best fit is not noise (p = {fit:.1e}): the data hold something that no single "
            "close encounter of this model explains"
        )
    if not reweight:
        theta, log_density = theta[allowed], draws.log_proposal[allowed]
        metadata |= {"importance_efficiency": weights.efficiency, "outside_prior": float(1.0 - allowed.mean())}
        metadata |= summaries(analysis, theta, None)
        return Posterior(
            analysis.parameters,
            theta,
            log_density=log_density,
            system=SYSTEM,
            estimator=estimator,
            seconds=Seconds(prepare=seconds[0], sample=sampled),
            warnings=tuple(found),
            metadata=metadata,
        )
    shares = np.exp(weights.log_weights - weights.log_weights.max())
    metadata |= {"log_bayes_factor": weights.log_evidence} | summaries(analysis, theta, shares)
    return Posterior(
        analysis.parameters,
        theta,
        log_weights=weights.log_weights,
        log_density=draws.log_proposal,
        log_evidence=weights.log_evidence + noise,
        log_evidence_error=weights.log_evidence_error,
        system=SYSTEM,
        estimator=estimator,
        seconds=Seconds(prepare=seconds[0], sample=sampled),
        warnings=(*found, *weights.warnings),
        metadata=metadata,
    )


def log_noise_evidence(event: Event) -> float:
    """Log probability density of the whitened data if they are noise alone."""
    whitened = event.whitened
    return float(-0.5 * (np.abs(whitened) ** 2).sum() - whitened.size * math.log(2.0 * math.pi))


def goodness_of_fit(event: Event, theta: Float[np.ndarray, "parameters"]) -> float:
    """Probability that noise leaves a residual as strong as the one around a fitted burst.

    The power of the whitened residual within 0.1 s of the arrival at each detector is
    compared with that in the rest of the segment, so that a misjudged noise level does
    not count as a bad fit.

    Args:
        event: The event.
        theta: Fitted parameters.

    Returns:
        The p-value.
    """
    analysis = event.analysis
    residual = time_series(event.whitened - analysis.signal(theta)[0], analysis)
    count = residual.shape[1]
    clock = (np.arange(count) - count // 2) * (analysis.duration / count)
    values = analysis.model.values(theta)
    delays = analysis.chart.delays(analysis.chart.from_equatorial(values["ra"], values["dec"]))
    # The segment's ends are faded.
    rest = np.abs(clock) < 0.4 * analysis.duration
    total, freedom = 0.0, 0
    for row, delay in zip(residual, delays, strict=True):
        near = np.abs(clock - values["pericentre_time"] - delay) < _REACH
        far = rest & ~near
        total += float((row[near] ** 2).sum() / (row[far] ** 2).mean())
        freedom += int(near.sum())
    return float(chi2.sf(total, freedom))


def summaries(
    analysis: Analysis, theta: Float[np.ndarray, "n parameters"], weights: Float[np.ndarray, "n"] | None
) -> dict[str, object]:
    """What one burst measures well, and which parameters the prior decides.

    Args:
        analysis: The problem.
        theta: Samples.
        weights: Their weights; None if equal.

    Returns:
        Median and 90 % interval of the time scale [s] and the strain amplitude, the 68 %
        width of every parameter over that of its prior, and the names of those above 0.9.
    """
    values = analysis.model.values(theta)
    tau = timescale(values["total_mass"], values["semi_latus_rectum"])
    amplitude = strain_amplitude(
        values["total_mass"], values["mass_ratio"], values["semi_latus_rectum"], values["luminosity_distance"]
    )
    share = widths(analysis, theta, weights)
    derived = {"timescale": tau, "strain_amplitude": amplitude}
    return {
        "derived": {
            name: dict(
                zip(
                    ("median", "lower", "upper"),
                    map(float, weighted_quantile(column, np.array([0.5, 0.05, 0.95]), weights=weights)),
                    strict=True,
                )
            )
            for name, column in derived.items()
        },
        "width_over_prior": share,
        "prior_dominated": [name for name, value in share.items() if value > DOMINATED],
    }


def widths(
    analysis: Analysis, theta: Float[np.ndarray, "n parameters"], weights: Float[np.ndarray, "n"] | None
) -> dict[str, float]:
    """Central 68 % width of every parameter over that of its prior.

    Widths are taken in the prior's unit interval, where the prior's own is 0.68. A
    periodic parameter is cut open opposite to its mean.
    """
    unit = np.asarray(analysis.model.prior.to_unit(theta))
    found = {}
    for column, item in zip(unit.T, analysis.parameters, strict=True):
        if item.periodic:
            low, high = circular_quantile(column, np.array([0.16, 0.84]), weights=weights, minimum=0.0, maximum=1.0)
        else:
            low, high = weighted_quantile(column, np.array([0.16, 0.84]), weights=weights)
        found[item.name] = float((high - low) / 0.68)
    return found
