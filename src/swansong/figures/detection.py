"""How often signals are found, how often noise is taken for one, and a scan along a strain."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import stats

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", "-.", ":")
_BINS = 12
_GPS_ABOVE = 1e6  # times [s] that are shown since their first whole second


class _Fractions(NamedTuple):
    """Fraction found in each bin and its binomial interval."""

    centre: np.ndarray
    fraction: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def binomial_interval(
    found: ArrayLike | float | int, trials: ArrayLike | float | int, *, probability: float = 0.9
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Give the interval of Clopper and Pearson for a fraction: it covers the truth at least as often as it says.

    Args:
        found: How many were found.
        trials: Of how many, at least 1.
        probability: Probability inside the interval.

    Returns:
        Lower and upper ends.

    Reference:
        Clopper & Pearson 1934, Biometrika 26, 404.
    """
    found, trials = np.asarray(found, dtype=float), np.asarray(trials, dtype=float)
    tail = 0.5 * (1.0 - probability)
    none, all_found = found <= 0.0, found >= trials
    lower = stats.beta.ppf(tail, np.where(none, 1.0, found), trials - found + 1.0)
    upper = stats.beta.ppf(1.0 - tail, found + 1.0, np.where(all_found, 1.0, trials - found))
    return np.asarray(np.where(none, 0.0, lower)), np.asarray(np.where(all_found, 1.0, upper))


def _row(values: ArrayLike, *, what: str, size: int | None = None) -> np.ndarray:
    row = np.asarray(values, dtype=float)
    if row.ndim != 1 or row.size == 0 or (size is not None and row.size != size):
        wanted = "at least one number" if size is None else f"{size} numbers, one for each signal"
        raise InputError(f"`{what}` has the shape {row.shape}; give {wanted}")
    if np.isnan(row).any():
        raise InputError(f"`{what}` holds NaN; leave such entries out")
    return row


def _edges(edges: ArrayLike | None, snr: np.ndarray, *, what: str) -> np.ndarray:
    if edges is None:
        high = float(snr.max())
        return np.linspace(min(0.0, float(snr.min())), high * (1.0 + 1e-9) or 1.0, _BINS + 1)
    checked = np.asarray(edges, dtype=float)
    if checked.ndim != 1 or checked.size < 2 or not (np.diff(checked) > 0.0).all():
        raise InputError(f"`{what}(edges=...)` must increase, got {edges}; give at least two edges")
    return checked


def _binned(snr: np.ndarray, found: np.ndarray, edges: np.ndarray, *, probability: float) -> _Fractions:
    inside = [(snr >= low) & (snr < high) for low, high in pairwise(edges)]
    inside = [chosen for chosen in inside if chosen.any()]
    counts = np.array([found[chosen].sum() for chosen in inside])
    trials = np.array([chosen.sum() for chosen in inside])
    lower, upper = binomial_interval(counts, trials, probability=probability)
    return _Fractions(np.array([snr[chosen].mean() for chosen in inside]), counts / trials, lower, upper)


def _probability_axis(axes: Axes) -> None:
    axes.set(ylim=(-0.02, 1.02), ylabel="Probability of detection")
    axes.grid(axis="y", color="0.88", linewidth=0.6)


@styled
def detection_figure(
    snr: ArrayLike,
    detected: Mapping[float, ArrayLike],
    *,
    edges: ArrayLike | None = None,
    probability: float = 0.9,
    title: str = "",
) -> Figure:
    """Draw the probability of detection against the signal-to-noise ratio.

    Args:
        snr: Signal-to-noise ratio of each injected signal ``(n,)``.
        detected: Whether each was detected ``(n,)``, by false-alarm probability.
        edges: Increasing edges of the bins, the lower of which belongs to a bin; by default
            twelve equal bins. Bins without signals are left out.
        probability: Probability inside the binomial bands.
        title: Title; by default the number of signals.

    Returns:
        A figure of one curve for each false-alarm probability, the largest first, at the mean
        signal-to-noise ratio of each bin, with the bands of `binomial_interval`.

    Raises:
        InputError: There are no signals, numbers differ, or edges do not increase or hold none.
    """
    snr = _row(snr, what="detection_figure(snr)")
    if not detected:
        raise InputError("`detection_figure(detected)` is empty; give at least one false-alarm probability")
    bins = _edges(edges, snr, what="detection_figure")
    if not ((snr >= bins[0]) & (snr < bins[-1])).any():
        raise InputError(f"`detection_figure(edges=...)` from {bins[0]:g} to {bins[-1]:g} holds no signal; widen it")
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for count, false_alarm in enumerate(sorted(detected, reverse=True)):
        found = _row(detected[false_alarm], what=f"detection_figure(detected)[{false_alarm:g}]", size=snr.size)
        curve = _binned(snr, found > 0.0, bins, probability=probability)
        colour = PALETTE[count % len(PALETTE)]
        axes.fill_between(curve.centre, curve.lower, curve.upper, color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            curve.centre,
            curve.fraction,
            color=colour,
            marker=_MARKERS[count % len(_MARKERS)],
            markersize=5,
            linestyle=_DASHES[count % len(_DASHES)],
            label=f"{false_alarm:g}",
        )
    _probability_axis(axes)
    axes.set_xlabel("Signal-to-noise ratio")
    axes.set_title(title or f"{snr.size} signals, bands {100 * probability:g} %")
    axes.legend(title="False-alarm probability", loc="lower right")
    return figure


@styled
def roc_figure(
    noise: ArrayLike,
    signals: ArrayLike,
    *,
    snr: ArrayLike,
    edges: ArrayLike,
    probability: float = 0.9,
    title: str = "",
) -> Figure:
    """Draw the probability of detection against that of a false alarm, by signal-to-noise ratio.

    The threshold runs over the statistics found in noise: at the k-th largest of m the
    false-alarm probability is k / m.

    Args:
        noise: Detection statistic of each stretch of noise ``(m,)``; larger speaks for a signal.
        signals: Detection statistic of each injected signal ``(n,)``.
        snr: Signal-to-noise ratio of each injected signal ``(n,)``.
        edges: Increasing edges of the bins of `snr`, the lower of which belongs to a bin.
        probability: Probability inside the binomial bands.
        title: Title; by default the numbers of signals and of stretches of noise.

    Returns:
        A figure of one curve for each bin that holds signals.

    Raises:
        InputError: There is no noise or no signal, numbers differ, or edges do not increase
            or hold no signal.
    """
    noise, signals = _row(noise, what="roc_figure(noise)"), _row(signals, what="roc_figure(signals)")
    snr = _row(snr, what="roc_figure(snr)", size=signals.size)
    bins = _edges(edges, snr, what="roc_figure")
    chosen = [(low, high, (snr >= low) & (snr < high)) for low, high in pairwise(bins)]
    chosen = [(low, high, np.sort(signals[inside])) for low, high, inside in chosen if inside.any()]
    if not chosen:
        raise InputError(f"`roc_figure(edges=...)` from {bins[0]:g} to {bins[-1]:g} holds no signal; widen it")
    thresholds = np.sort(noise)[::-1]
    false_alarm = np.arange(1, noise.size + 1) / noise.size
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(false_alarm, false_alarm, color="0.55", linewidth=0.9, linestyle=":", label="by chance")
    for count, (low, high, found) in reversed(list(enumerate(chosen))):
        above = found.size - np.searchsorted(found, thresholds, side="left")
        lower, upper = binomial_interval(above, found.size, probability=probability)
        colour = PALETTE[count % len(PALETTE)]
        line = _DASHES[count % len(_DASHES)]
        axes.fill_between(false_alarm, lower, upper, color=colour, alpha=0.18, linewidth=0, step="post")
        label = f"{low:g} to {high:g}  ({found.size})"
        axes.step(false_alarm, above / found.size, where="post", color=colour, linestyle=line, label=label)
    _probability_axis(axes)
    axes.set(xscale="log", xlabel="Probability of a false alarm", xlim=(1.0 / noise.size, 1.0))
    axes.set_title(title or f"{signals.size} signals, {noise.size} stretches of noise")
    figure.legend(title="Signal-to-noise ratio", loc="outside right center")
    return figure


@styled
def scan_figure(
    times: ArrayLike,
    statistic: ArrayLike,
    *,
    candidates: ArrayLike = (),
    thresholds: Mapping[float, float] | None = None,
    label: str = "Detection statistic",
    title: str = "",
) -> Figure:
    """Draw a detection statistic along a strain, with its candidates marked.

    Args:
        times: Time of each value, increasing ``(n,)`` [s].
        statistic: The statistic ``(n,)``; NaN, for example within a gap, interrupts the line.
        candidates: Times of the candidates ``(k,)`` [s]; each is marked at the largest finite
            value of the two nearest times.
        thresholds: Thresholds of the statistic by false-alarm probability.
        label: What the statistic is, for the axis.
        title: Title; by default the number of candidates.

    Returns:
        A figure of one panel; GPS times are shown since their first whole second.

    Raises:
        InputError: There are no times, they do not increase, numbers differ, or a candidate
            lies outside the times.
    """
    times = _row(times, what="scan_figure(times)")
    statistic = np.asarray(statistic, dtype=float)
    if statistic.shape != times.shape or not (np.diff(times) > 0.0).all():
        raise InputError(
            f"`scan_figure` has {times.size} times and a statistic of shape {statistic.shape}; give one value for each "
            "of increasing times"
        )
    marks = np.asarray(candidates, dtype=float).ravel()
    if marks.size and not ((marks >= times[0]) & (marks <= times[-1])).all():
        raise InputError(
            f"`scan_figure(candidates=...)` leaves the times from {times[0]:.10g} to {times[-1]:.10g}; give times of "
            "this scan"
        )
    start = float(np.floor(times[0])) if abs(times[0]) > _GPS_ABOVE else 0.0
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(times - start, statistic, color="0.45", linewidth=0.8)
    for count, (false_alarm, height) in enumerate(sorted((thresholds or {}).items(), reverse=True)):
        line = _DASHES[1 + count % (len(_DASHES) - 1)]
        axes.axhline(height, color=PALETTE[0], linewidth=1.0, linestyle=line, label=f"false alarm {false_alarm:g}")
    if marks.size:
        after = np.clip(np.searchsorted(times, marks), 1, max(times.size - 1, 1))
        pair = np.stack([statistic[after - 1], statistic[np.minimum(after, times.size - 1)]])
        heights = np.where(np.isnan(pair), -np.inf, pair).max(axis=0)
        seen = np.isfinite(heights)
        style = {"marker": "v", "markersize": 7, "markerfacecolor": PALETTE[1], "markeredgecolor": "0.15"}
        axes.plot(marks[seen] - start, heights[seen], linestyle="none", label="candidate", zorder=4, **style)
    axes.margins(x=0)
    axes.set_xlabel(f"Time since GPS {start:.0f} [s]" if start else "Time [s]")
    axes.set_ylabel(label)
    axes.set_title(title or f"{marks.size} candidate{'' if marks.size == 1 else 's'}")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper right", ncols=4)
    return figure
