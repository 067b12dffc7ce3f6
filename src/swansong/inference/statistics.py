"""Statistics of weighted samples, in NumPy alone."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from swansong.core.errors import InputError


def normalised_weights(log_weights: ArrayLike) -> Float[np.ndarray, "n"]:
    """Turn log weights into weights that sum to 1.

    Args:
        log_weights: Natural logarithms of unnormalised weights; ``-inf`` is no weight.

    Returns:
        The weights.

    Raises:
        InputError: If there is NaN or ``+inf``, or if no weight is positive.
    """
    log_weights = np.asarray(log_weights, dtype=float)
    if log_weights.size == 0 or np.isnan(log_weights).any() or not np.isfinite(log_weights.max()):
        raise InputError("the log weights hold NaN, +inf or no finite value; give finite numbers or -inf, not all -inf")
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_sample_size(weights: ArrayLike) -> float:
    """Return Kish's effective sample size of independent weighted samples.

    Args:
        weights: Weights ``(n,)`` of any normalisation, none negative.

    Returns:
        ``sum(w)**2 / sum(w**2)``, between 1 and the number of samples.

    Raises:
        InputError: If a weight is negative or not finite, or if none is positive.

    Reference:
        Kish 1965, Survey Sampling.
    """
    weights = _checked(weights)
    return float(1.0 / np.sum(weights**2))


def weighted_quantile(
    values: ArrayLike, quantiles: ArrayLike, *, weights: ArrayLike | None = None
) -> Float[np.ndarray, "*q"]:
    """Interpolate quantiles of weighted values.

    Each sorted value sits at the middle of its own share of the total weight, stretched so
    that the smallest value is quantile 0 and the largest quantile 1. Equal weights give
    `numpy.quantile` exactly; values without weight play no part.

    Args:
        values: The sample ``(n,)``.
        quantiles: Probabilities in ``[0, 1]``, of any shape.
        weights: Weights ``(n,)`` of any normalisation; None for equal ones.

    Returns:
        One number for each probability.

    Raises:
        InputError: If a weight is negative or not finite, or if none is positive.
    """
    values, quantiles = np.asarray(values, dtype=float), np.asarray(quantiles, dtype=float)
    if weights is None:
        return np.asarray(np.quantile(values, quantiles))
    weights = _checked(weights)
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0.0]
    values, weights = values[order], weights[order]
    if len(values) == 1 or np.all(weights == weights[0]):
        return np.asarray(np.quantile(values, quantiles))
    middle = np.cumsum(weights) - 0.5 * weights
    return np.asarray(np.interp(quantiles, (middle - middle[0]) / (middle[-1] - middle[0]), values))


def circular_mean(values: ArrayLike, *, minimum: float, maximum: float, weights: ArrayLike | None = None) -> float:
    """Return the mean direction of values on a circle.

    Args:
        values: The sample ``(n,)``.
        minimum: Start of the period, in the unit of the values.
        maximum: End of the period.
        weights: Weights ``(n,)`` of any normalisation; None for equal ones.

    Returns:
        The mean, in ``[minimum, maximum)``. Where the sample has no preferred direction,
        rounding alone decides it.
    """
    scale = 2.0 * np.pi / (maximum - minimum)
    turns = np.exp(1j * scale * (np.asarray(values, dtype=float) - minimum))
    angle = np.angle(turns.mean() if weights is None else np.sum(_checked(weights) * turns))
    return float(minimum + np.mod(angle, 2.0 * np.pi) / scale)


def circular_quantile(
    values: ArrayLike,
    quantiles: ArrayLike,
    *,
    minimum: float,
    maximum: float,
    weights: ArrayLike | None = None,
) -> Float[np.ndarray, "*q"]:
    """Return quantiles of values on a circle, cut open opposite to their mean.

    Args:
        values: The sample ``(n,)``.
        quantiles: Probabilities in ``[0, 1]``, of any shape.
        minimum: Start of the period, in the unit of the values.
        maximum: End of the period.
        weights: Weights ``(n,)`` of any normalisation; None for equal ones.

    Returns:
        Increasing numbers. The median lies in ``[minimum, maximum)``; the others stay
        on its side of the cut, so they may leave that range by less than a period.
    """
    period = maximum - minimum
    start = circular_mean(values, minimum=minimum, maximum=maximum, weights=weights) - 0.5 * period
    opened = start + np.mod(np.asarray(values) - start, period)
    result = weighted_quantile(opened, np.append(np.asarray(quantiles, dtype=float), 0.5), weights=weights)
    shift = period * np.floor((result[-1] - minimum) / period)
    return result[:-1] - shift


def systematic_indices(weights: ArrayLike, size: int, *, generator: np.random.Generator) -> Int[np.ndarray, "size"]:
    """Choose samples by systematic resampling, in random order.

    A sample of weight w is chosen ``size * w`` times, rounded up or down: no unbiased
    scheme with one random number has less scatter.

    Args:
        weights: Weights of any normalisation.
        size: How many to choose.
        generator: Source of random numbers.

    Returns:
        Positions of the chosen samples.

    Raises:
        InputError: If a weight is negative or not finite, or if none is positive.
    """
    edges = np.cumsum(_checked(weights))
    positions = (np.arange(size) + generator.random()) / size
    # Rounding may leave the last edge a hair below 1: divide by it.
    indices = np.searchsorted(edges / edges[-1], positions, side="right")
    return generator.permutation(np.minimum(indices, len(edges) - 1))


def _checked(weights: ArrayLike) -> Float[np.ndarray, "n"]:
    weights = np.asarray(weights, dtype=float)
    total = weights.sum()
    if not np.isfinite(total) or total <= 0.0 or (weights < 0.0).any():
        raise InputError("weights must be finite, not negative and not all zero; give one weight for each sample")
    return weights / total
