"""Importance weights: a learned answer corrected by the exact likelihood.

The efficiency says how much of the learned answer survives the correction, and the mean
weight is the evidence; the Pareto shape of the largest weights says whether to
believe either.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError, RunError
from swansong.core.types import ArrayLike
from swansong.inference.posterior import Posterior
from swansong.inference.statistics import effective_sample_size

MINIMUM_EFFICIENCY = 0.01
"""Below this efficiency a warning is given."""

MAXIMUM_PARETO_K = 0.7
"""Above this Pareto shape a warning is given (Vehtari et al. 2024, arXiv:1507.02646)."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Importance weights and what they say of themselves.

    Attributes:
        log_weights: Log of target over proposal ``(n,)``, not normalised.
        efficiency: Effective samples per sample, in ``(0, 1]``.
        effective_samples: Kish's effective sample size.
        log_evidence: Log of the mean weight: the log integral of the target.
        log_evidence_error: Its standard error, by the delta method.
        pareto_k: Shape of the tail of the weights; NaN with fewer than 25 samples.
        warnings: Sentences on what is wrong with the weights.
    """

    log_weights: Float[np.ndarray, "n"]
    efficiency: float
    effective_samples: float
    log_evidence: float
    log_evidence_error: float
    pareto_k: float
    warnings: tuple[str, ...]


def importance_weights(log_target: ArrayLike, log_proposal: ArrayLike) -> Weights:
    """Weight samples of a proposal so that they represent a target.

    Args:
        log_target: Log density of the target at each sample ``(n,)``, of any normalisation;
            ``-inf`` where the target vanishes.
        log_proposal: Normalised log density of the proposal at each sample ``(n,)``.

    Returns:
        Weights, efficiency, evidence and warnings.

    Raises:
        InputError: If shapes differ, the target is NaN or ``+inf`` or the proposal is
            not finite.
        RunError: If the target vanishes at every sample.

    Reference:
        Dax et al. 2023, arXiv:2210.05686, for efficiency and evidence.
    """
    target, proposal = np.asarray(log_target, dtype=float), np.asarray(log_proposal, dtype=float)
    if target.ndim != 1 or target.shape != proposal.shape or target.size == 0:
        raise InputError(
            f"`importance_weights` got {target.shape} target and {proposal.shape} proposal densities; "
            "give one of each for every sample"
        )
    wrong = np.isnan(target) | (target == np.inf)
    if wrong.any():
        raise InputError(
            f"`log_target` is NaN or +inf at {wrong.sum()} of {target.size} samples, first at row {np.argmax(wrong)}; "
            "mend the likelihood or give -inf where it is zero"
        )
    wrong = ~np.isfinite(proposal)
    if wrong.any():
        raise InputError(
            f"`log_proposal` is not finite at {wrong.sum()} of {target.size} samples, first at row {np.argmax(wrong)}; "
            "give the density that the samples were drawn from"
        )
    log_weights, n = target - proposal, target.size
    largest = log_weights.max()
    if largest == -np.inf:
        raise RunError(
            f"the target vanishes at all {n} samples of the proposal; train or choose a proposal that covers it"
        )
    weights = np.exp(log_weights - largest)
    effective = effective_sample_size(weights)
    efficiency, shape = effective / n, pareto_shape(weights)
    return Weights(
        log_weights=log_weights,
        efficiency=efficiency,
        effective_samples=effective,
        log_evidence=float(largest + np.log(weights.mean())),
        log_evidence_error=float(np.sqrt(max(1.0 / efficiency - 1.0, 0.0) / n)),
        pareto_k=shape,
        warnings=_warnings(efficiency, effective, shape),
    )


def reweight(posterior: Posterior, log_target: Callable[[np.ndarray], ArrayLike] | ArrayLike) -> Posterior:
    """Correct a posterior by the exact target density.

    Args:
        posterior: Samples with the `log_density` that they were drawn from. Weights it
            already has are replaced.
        log_target: Log likelihood plus log prior: its value at each sample ``(n,)``, or a
            function of samples ``(n, parameters)`` that returns it.

    Returns:
        The weighted posterior, with evidence, warnings, the estimator's name extended by
        ``+importance`` and ``pareto_k`` in its metadata.

    Raises:
        InputError: If the posterior has no `log_density`, or as for `importance_weights`.
        RunError: If the target vanishes at every sample.
    """
    if posterior.log_density is None:
        raise InputError(
            "`reweight` needs the density that the samples were drawn from, but the posterior has no log_density; "
            "give a posterior of an estimator that knows its density"
        )
    values = log_target(posterior.samples) if callable(log_target) else log_target
    weights = importance_weights(values, posterior.log_density)
    name = posterior.estimator
    return dataclasses.replace(
        posterior,
        log_weights=weights.log_weights,
        log_evidence=weights.log_evidence,
        log_evidence_error=weights.log_evidence_error,
        estimator=name if name.endswith("importance") else f"{name}+importance".lstrip("+"),
        warnings=(*posterior.warnings, *(text for text in weights.warnings if text not in posterior.warnings)),
        metadata={**posterior.metadata, "pareto_k": None if np.isnan(weights.pareto_k) else weights.pareto_k},
    )


def pareto_shape(weights: Float[np.ndarray, "n"]) -> float:
    """Estimate the shape k of the generalised Pareto tail of importance weights.

    Moments of order 1/k and above are infinite: the error of the evidence means little
    above 0.5, and the weighted samples themselves above 0.7.

    Args:
        weights: Weights of any normalisation, none negative.

    Returns:
        The shape, with the weak prior towards 0.5 of the reference; 0 if the largest
        weights are all equal and NaN with fewer than 25 samples.

    Reference:
        Zhang and Stephens 2009, doi:10.1198/tech.2009.08017, for the estimator; Vehtari
        et al. 2024, arXiv:1507.02646, for the size of the tail and the prior.
    """
    ordered = np.sort(np.asarray(weights, dtype=float))
    n = ordered.size
    size = int(np.ceil(min(0.2 * n, 3.0 * np.sqrt(n))))
    if n < 25:
        return float("nan")
    excess = ordered[-size:] - ordered[-size - 1]
    excess = excess[excess > 1e-12 * ordered[-1]]
    if excess.size < 5:
        return 0.0
    # A grid of inverse scales, averaged with its profile likelihood; no optimisation needed.
    size, grid = excess.size, 30 + int(np.sqrt(excess.size))
    quartile = excess[int(size / 4 + 0.5) - 1]
    theta = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3.0 * quartile)
    shapes = np.mean(np.log1p(-theta[:, None] * excess), axis=1)
    profile = size * (np.log(-theta / shapes) - shapes - 1.0)
    average = np.exp(profile - profile.max())
    mean = np.sum(theta * average) / np.sum(average)
    shape = np.mean(np.log1p(-mean * excess))
    return float((size * shape + 5.0) / (size + 10.0))


def _warnings(efficiency: float, effective: float, shape: float) -> tuple[str, ...]:
    found = []
    if efficiency < MINIMUM_EFFICIENCY:
        found.append(
            f"the importance efficiency is {100 * efficiency:.2g} %, {effective:.0f} effective samples; "
            "the proposal misses much of the posterior"
        )
    if shape > MAXIMUM_PARETO_K:
        found.append(
            f"the importance weights have a Pareto shape of {shape:.2f}, above {MAXIMUM_PARETO_K}; "
            "few samples dominate, and the evidence and its error are unreliable"
        )
    return tuple(found)


__all__ = ["MAXIMUM_PARETO_K", "MINIMUM_EFFICIENCY", "Weights", "importance_weights", "pareto_shape", "reweight"]
