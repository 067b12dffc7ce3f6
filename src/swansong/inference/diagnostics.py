"""Is the posterior right? Calibration tests over many injections, and comparisons of two answers.

The rank of a true value among its posterior samples is uniform if, and only if on average,
the posterior is right, for any ordering of the values. Periodic parameters are ranked
from the lower end of their range, as the prior's unit cube is: no cut is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import stats

from swansong.core.errors import InputError
from swansong.inference.divergence import BINS, Comparison, compare, js_distance, js_noise_floor
from swansong.inference.statistics import effective_sample_size

SNR_EDGES = (6.0, 10.0, 15.0, 25.0, 50.0)
"""Default bins of signal-to-noise ratio."""


@dataclass(frozen=True, eq=False)
class PPTest:
    """Result of a test that credible levels are uniform.

    Attributes:
        ks_p: Kolmogorov-Smirnov p value of each parameter.
        combined_p: All of them combined by Fisher's method.
        levels: The credible levels ``(events, parameters)``.
    """

    ks_p: dict[str, float]
    combined_p: float
    levels: Float[np.ndarray, "events parameters"]


@dataclass(frozen=True, eq=False)
class PPBands:
    """Where the fraction of events below a credible level may scatter.

    Attributes:
        levels: Credible levels ``(points,)``.
        sigmas: Widths of the bands, in standard deviations of a Gaussian.
        lower: Lower edges ``(sigmas, points)``.
        upper: Upper edges ``(sigmas, points)``.
    """

    levels: Float[np.ndarray, "points"]
    sigmas: tuple[float, ...]
    lower: Float[np.ndarray, "sigmas points"]
    upper: Float[np.ndarray, "sigmas points"]


@dataclass(frozen=True, eq=False)
class Uniformity:
    """Result of a chi-square test that ranks are uniform.

    Attributes:
        counts: Ranks in each bin ``(bins,)``.
        expected: Ranks expected in each bin ``(bins,)``.
        chi2: Pearson's statistic.
        p: Probability of a larger one by chance.
    """

    counts: Int[np.ndarray, "bins"]
    expected: Float[np.ndarray, "bins"]
    chi2: float
    p: float


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often central credible intervals hold the truth.

    Attributes:
        intervals: Nominal probabilities ``(intervals,)``.
        fraction: Measured ones ``(intervals, parameters)``.
        error: Their binomial standard errors if the nominal ones hold ``(intervals,)``.
    """

    intervals: Float[np.ndarray, "intervals"]
    fraction: Float[np.ndarray, "intervals parameters"]
    error: Float[np.ndarray, "intervals"]


def credible_levels(
    truth: ArrayLike,
    samples: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> Float[np.ndarray, "parameters"]:
    """Return the posterior probability below each true value.

    The unit-cube map of a prior is increasing in each parameter, so that levels in
    parameters and in the unit cube agree.

    Args:
        truth: The injected parameters ``(parameters,)``.
        samples: Posterior samples ``(n, parameters)``.
        weights: Their weights ``(n,)``, of any normalisation; equal if None.

    Returns:
        Levels in ``[0, 1]``; samples that equal the truth count half.

    Raises:
        InputError: If shapes do not match, or weights are invalid.
    """
    truth, samples = np.asarray(truth, dtype=float), np.asarray(samples, dtype=float)
    if samples.ndim != 2 or truth.shape != samples.shape[1:]:
        raise InputError(
            f"`credible_levels` got a truth of shape {truth.shape} and samples of shape {samples.shape}; "
            "give (parameters,) and (n, parameters)"
        )
    weights = np.ones(len(samples)) if weights is None else np.asarray(weights, dtype=float)
    effective_sample_size(weights)
    below = (samples < truth) + 0.5 * (samples == truth)
    # Rounding may carry a sum of weights a little above 1.
    return np.minimum(weights @ below / weights.sum(), 1.0)


def pp_test(levels: ArrayLike, names: Sequence[str]) -> PPTest:
    """Test that credible levels of true values are uniform.

    Args:
        levels: Levels ``(events, parameters)`` of independent events, from `credible_levels`.
        names: Names of the parameters.

    Returns:
        Exact Kolmogorov-Smirnov p values and Fisher's combination. The latter takes the
        parameters for independent, so correlations make it too small or too large.

    Raises:
        InputError: If the shape does not match the names or a level is not in ``[0, 1]``.

    Reference:
        Cook, Gelman and Rubin 2006, doi:10.1198/106186006X136976.
    """
    levels = _levels(levels)
    if levels.shape[1] != len(names):
        raise InputError(
            f"`pp_test` got levels of {levels.shape[1]} parameters and {len(names)} names; give one name each"
        )
    values = {}
    for name, column in zip(names, levels.T, strict=True):
        values[name] = float(stats.ks_1samp(column, stats.uniform.cdf).pvalue)  # type: ignore[attr-defined]
    combined = stats.combine_pvalues(np.maximum(list(values.values()), np.finfo(float).tiny), method="fisher")
    return PPTest(ks_p=values, combined_p=float(combined.pvalue), levels=levels)  # type: ignore[attr-defined]


def pp_bands(n: int, sigmas: Sequence[float] = (1.0, 2.0, 3.0), *, points: int = 201) -> PPBands:
    """Return binomial bands for a plot of event fraction over credible level.

    Args:
        n: Number of events.
        sigmas: Widths of the bands, in standard deviations of a Gaussian.
        points: Number of credible levels from 0 to 1.

    Returns:
        The bands.

    Raises:
        InputError: If there is no event.
    """
    if n < 1:
        raise InputError(f"`pp_bands(n)` must be positive, got {n}; give the number of events")
    levels = np.linspace(0.0, 1.0, points)
    tails = stats.norm.sf(np.asarray(sigmas, dtype=float))[:, None]
    lower, upper = stats.binom.ppf(tails, n, levels) / n, stats.binom.isf(tails, n, levels) / n
    return PPBands(levels=levels, sigmas=tuple(sigmas), lower=lower, upper=upper)


def sbc_ranks(truth: ArrayLike, samples: ArrayLike) -> Int[np.ndarray, "events parameters"]:
    """Count the posterior draws below each true value.

    Args:
        truth: Injected parameters ``(events, parameters)``.
        samples: Independent, equally weighted draws ``(events, draws, parameters)``.

    Returns:
        Ranks from 0 to draws, uniform if the posterior is right.

    Raises:
        InputError: If shapes do not match.

    Reference:
        Talts et al. 2018, arXiv:1804.06788, algorithm 1.
    """
    truth, samples = np.asarray(truth, dtype=float), np.asarray(samples, dtype=float)
    if samples.ndim != 3 or truth.shape != (samples.shape[0], samples.shape[2]):
        raise InputError(
            f"`sbc_ranks` got truths of shape {truth.shape} and samples of shape {samples.shape}; "
            "give (events, parameters) and (events, draws, parameters)"
        )
    return np.sum(samples < truth[:, None, :], axis=1)


def rank_uniformity(ranks: ArrayLike, *, draws: int, bins: int | None = None) -> Uniformity:
    """Test by chi-square that the ranks of one parameter are uniform.

    Args:
        ranks: Ranks ``(events,)`` from 0 to `draws`.
        draws: Posterior draws behind each rank.
        bins: Number of bins; as many as leave 10 events in each, at most 20, if None.

    Returns:
        Counts, statistic and p value.

    Raises:
        InputError: If a rank is out of range or there are too few events for 2 bins.
    """
    ranks = np.asarray(ranks)
    if ranks.ndim != 1 or ranks.size == 0 or ranks.min() < 0 or ranks.max() > draws:
        raise InputError(f"`rank_uniformity` needs ranks from 0 to draws={draws}; give one column of `sbc_ranks`")
    bins = min(20, ranks.size // 10, draws + 1) if bins is None else bins
    if not 2 <= bins <= draws + 1:
        raise InputError(
            f"{ranks.size} events make {bins} bins; give at least 20 events, or bins between 2 and {draws + 1}"
        )
    # Bins may hold unequally many of the draws + 1 possible ranks: expect in proportion.
    edges = np.linspace(0, draws + 1, bins + 1).round()
    counts = np.histogram(ranks, edges - 0.5)[0]
    expected = ranks.size * np.diff(edges) / (draws + 1)
    test = stats.chisquare(counts, expected)
    return Uniformity(counts=counts, expected=expected, chi2=float(test.statistic), p=float(test.pvalue))


def coverage(levels: ArrayLike, intervals: Sequence[float] = (0.5, 0.9)) -> Coverage:
    """Count how often central credible intervals hold the truth.

    Args:
        levels: Credible levels ``(events, parameters)``, from `credible_levels`.
        intervals: Probabilities of the intervals.

    Returns:
        Measured fractions with their binomial errors.

    Raises:
        InputError: If a level is not in ``[0, 1]`` or an interval not between 0 and 1.
    """
    levels, nominal = _levels(levels), np.asarray(intervals, dtype=float)
    if nominal.ndim != 1 or not np.all((nominal > 0.0) & (nominal < 1.0)):
        raise InputError(
            f"`coverage(intervals=...)` must lie between 0 and 1, got {intervals}; give for example (0.5, 0.9)"
        )
    inside = np.abs(levels - 0.5)[None] <= 0.5 * nominal[:, None, None]
    return Coverage(
        intervals=nominal, fraction=inside.mean(axis=1), error=np.sqrt(nominal * (1.0 - nominal) / len(levels))
    )


def efficiency_by_snr(efficiency: ArrayLike, snr: ArrayLike, *, edges: Sequence[float] = SNR_EDGES) -> dict[str, float]:
    """Return the median importance efficiency in bins of signal-to-noise ratio.

    Args:
        efficiency: Efficiency ``(events,)``.
        snr: Signal-to-noise ratio ``(events,)``.
        edges: Increasing edges of the bins; the lower edge belongs to a bin.

    Returns:
        Medians by label such as ``"6-10"``; bins without events are left out.

    Raises:
        InputError: If lengths differ or edges do not increase.
    """
    efficiency, snr = np.asarray(efficiency, dtype=float), np.asarray(snr, dtype=float)
    if efficiency.ndim != 1 or efficiency.shape != snr.shape:
        raise InputError(
            f"`efficiency_by_snr` got {efficiency.shape} efficiencies and {snr.shape} ratios; give one of each an event"
        )
    if len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise InputError(f"`efficiency_by_snr(edges=...)` must increase, got {tuple(edges)}; give at least two edges")
    medians = {}
    for low, high in pairwise(edges):
        inside = (snr >= low) & (snr < high)
        if inside.any():
            medians[f"{low:g}-{high:g}"] = float(np.median(efficiency[inside]))
    return medians


def _levels(levels: ArrayLike) -> Float[np.ndarray, "events parameters"]:
    levels = np.asarray(levels, dtype=float)
    if levels.ndim != 2 or levels.size == 0 or not np.all((levels >= 0.0) & (levels <= 1.0)):
        raise InputError(
            f"credible levels of shape {levels.shape} must be (events, parameters) within [0, 1]; "
            "give rows from `credible_levels`"
        )
    return levels


__all__ = [
    "BINS",
    "SNR_EDGES",
    "Comparison",
    "Coverage",
    "PPBands",
    "PPTest",
    "Uniformity",
    "compare",
    "coverage",
    "credible_levels",
    "effective_sample_size",
    "efficiency_by_snr",
    "js_distance",
    "js_noise_floor",
    "pp_bands",
    "pp_test",
    "rank_uniformity",
    "sbc_ranks",
]
