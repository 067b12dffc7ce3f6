"""How far two sets of samples disagree: Jensen-Shannon divergences of marginals.

The divergence is in nats, between 0 (same law) and ln 2 (nothing in common). It is that of
histograms with bins of equal pooled weight, less the bias that finite samples bring.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from swansong.core.errors import InputError
from swansong.inference.posterior import Posterior
from swansong.inference.statistics import effective_sample_size, weighted_quantile

BINS = 32
"""Default number of bins: enough for marginals that are smooth on a thirtieth of their weight."""


@dataclass(frozen=True)
class Comparison:
    """Divergence of one marginal and what chance alone would give.

    Attributes:
        js_distance: Jensen-Shannon divergence [nat].
        noise_floor: 90 % quantile of the divergence of equal laws sampled as well [nat].
    """

    js_distance: float
    noise_floor: float


def js_distance(
    a: Float[np.ndarray, "n"],
    b: Float[np.ndarray, "m"],
    *,
    weights_a: Float[np.ndarray, "n"] | None = None,
    weights_b: Float[np.ndarray, "m"] | None = None,
    bins: int = BINS,
    limits: tuple[float, float] | None = None,
    periodic: bool = False,
) -> float:
    """Estimate the Jensen-Shannon divergence of two one-dimensional samples, in nats.

    This is the divergence, not its square root. Both samples are counted in bins that each
    hold an equal share of the pooled weight, and the leading bias of the counts,
    of order ``bins / (8 n)`` per sample for equal laws, is subtracted. The result is cut at
    0 and does not change when both samples are mapped by the same increasing function.

    Args:
        a: Independent samples of one law.
        b: Independent samples of the other law.
        weights_a: Weights of `a`; equal if None.
        weights_b: Weights of `b`; equal if None.
        bins: Number of bins. Each sample should hold several effective samples a bin.
        limits: Range of the parameter. Samples outside are left out, or brought back into
            it if `periodic`.
        periodic: Whether the ends of `limits` are the same point.

    Returns:
        The divergence [nat], in ``[0, ln 2]``; 0 if both samples are one and the same value.

    Raises:
        InputError: If a sample is empty or not finite, weights are invalid, there are fewer
            than 2 bins, or `periodic` comes without `limits`.

    Reference:
        Lin 1991, doi:10.1109/18.61115; Miller 1955 for the bias of entropies.
    """
    if bins < 2:
        raise InputError(f"`js_distance(bins=...)` must be at least 2, got {bins}; give for example {BINS}")
    a, weights_a = _prepared("a", a, weights_a, limits=limits, periodic=periodic)
    b, weights_b = _prepared("b", b, weights_b, limits=limits, periodic=periodic)
    pooled = np.concatenate([weights_a, weights_b])
    inner = np.unique(weighted_quantile(np.concatenate([a, b]), np.arange(1, bins) / bins, weights=pooled))
    p, q = _shares(a, weights_a, inner), _shares(b, weights_b, inner)
    m = 0.5 * (p + q)
    plain = _entropy(m) - 0.5 * (_entropy(p) + _entropy(q))
    return float(np.clip(plain - _bias(p, q, weights_a, weights_b), 0.0, np.log(2.0)))


def js_noise_floor(
    n: float,
    m: float,
    *,
    bins: int = BINS,
    quantile: float = 0.9,
) -> float:
    """Return the divergence that two samples of the same law still show by chance.

    For equal laws the divergence of counts follows a scaled chi-square law with
    ``bins - 1`` degrees of freedom, from which `js_distance` subtracts the mean.

    Args:
        n: Effective size of one sample.
        m: Effective size of the other.
        bins: Number of bins.
        quantile: Probability of a smaller value.

    Returns:
        The divergence [nat] that equal laws exceed with probability ``1 - quantile``.

    Raises:
        InputError: If a size is not positive.
    """
    if not (n > 0.0 and m > 0.0):
        raise InputError(f"`js_noise_floor` got sizes {n} and {m}; give positive effective sample sizes")
    scale = 0.125 * (1.0 / n + 1.0 / m)
    return float(max(scale * (chi2.ppf(quantile, bins - 1) - (bins - 1)), 0.0))


def compare(posterior: Posterior, reference: Posterior, *, bins: int = BINS) -> dict[str, Comparison]:
    """Compare every marginal of two posteriors.

    Args:
        posterior: The answer to be judged.
        reference: The answer to judge it by.
        bins: Number of bins.

    Returns:
        A `Comparison` for each parameter that both have, in the order of the first.

    Raises:
        InputError: If they have no parameter in common.
    """
    common = [name for name in posterior.parameters.names if name in reference.parameters.names]
    if not common:
        raise InputError(
            f"the posteriors of {list(posterior.parameters.names)} and {list(reference.parameters.names)} "
            "have no parameter in common; give two of the same system"
        )
    floor = js_noise_floor(posterior.effective_samples, reference.effective_samples, bins=bins)
    result = {}
    for name in common:
        parameter = posterior.parameters[name]
        distance = js_distance(
            posterior[name],
            reference[name],
            weights_a=posterior.weights,
            weights_b=reference.weights,
            bins=bins,
            limits=(parameter.minimum, parameter.maximum) if parameter.periodic else None,
            periodic=parameter.periodic,
        )
        result[name] = Comparison(distance, floor)
    return result


def _prepared(
    name: str,
    values: np.ndarray,
    weights: np.ndarray | None,
    *,
    limits: tuple[float, float] | None,
    periodic: bool,
) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, dtype=float)
    weights = np.ones(values.shape) if weights is None else np.asarray(weights, dtype=float)
    if values.ndim != 1 or weights.shape != values.shape or not np.isfinite(values).all():
        raise InputError(f"`js_distance({name}=...)` needs finite numbers and one weight for each; mend the sample")
    if periodic and limits is None:
        raise InputError("`js_distance(periodic=True)` does not know the period; give limits=(minimum, maximum)")
    if limits is not None:
        low, high = limits
        if periodic:
            values = low + np.mod(values - low, high - low)
        else:
            inside = (values >= low) & (values <= high)
            values, weights = values[inside], weights[inside]
    if values.size == 0 or weights.min() < 0.0 or not 0.0 < weights.sum() < np.inf:
        raise InputError(f"`js_distance({name}=...)` has no sample of positive weight; give a sample within the limits")
    return values, weights / weights.sum()


def _shares(values: np.ndarray, weights: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(inner, values, side="right"), weights=weights, minlength=len(inner) + 1)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0.0]
    return float(-np.sum(p * np.log(p)))


def _bias(p: np.ndarray, q: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray) -> float:
    """First order in 1/n: an entropy loses half the variance of each share over the share."""
    spread_p = p * (1.0 - p) / effective_sample_size(weights_a)
    spread_q = q * (1.0 - q) / effective_sample_size(weights_b)

    def loss(spread: np.ndarray, share: np.ndarray) -> float:
        filled = share > 0.0
        return 0.5 * float(np.sum(spread[filled] / share[filled]))

    return 0.5 * (loss(spread_p, p) + loss(spread_q, q)) - loss(0.25 * (spread_p + spread_q), 0.5 * (p + q))


__all__ = ["BINS", "Comparison", "compare", "js_distance", "js_noise_floor"]
