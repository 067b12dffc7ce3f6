"""Forecasts of one pair's orbit: curves beside what came, and errors beside each other."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from swansong.binaries.forecasting.comparison import Comparison
from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled

LABELS: Mapping[str, str] = {
    "node": "neural ODE",
    "ffnn": "feed-forward",
    "bnn": "Bayesian network",
    "lstm": "LSTM",
    "xgboost": "boosted trees",
    "varima": "VARIMA",
    "persistence": "persistence",
    "line": "straight line",
    "hardening": "constant hardening",
}
"""What forecasters are called in figures and tables."""

_DASHES = ("-", "--", ":")
_SHADES = ("#0072b2", "#56b4e9", "#b0b0b0")  # of splits, in their order


@styled
def forecast_figure(comparison: Comparison, *, split: float | None = None, title: str = "") -> Figure:
    """Draw the elements of a pair, and how each forecaster continues them.

    Args:
        comparison: Forecasters side by side.
        split: Which share was learnt; by default the first.
        title: Title; by default what is forecast.

    Returns:
        A figure of two panels over time: 1/a, which grows evenly where stars are plenty, and e. Lines are means over
        seeds, bands the range of the seeds; what was learnt lies left of the vertical line.

    Raises:
        InputError: There is no such split.
    """
    share = comparison.rows[0].split if split is None else split
    rows = [row for row in comparison.rows if row.split == share]
    if not rows:
        known = ", ".join(f"{one:g}" for one in comparison.learnt)
        raise InputError(f"`forecast_figure(split)` is {share:g}, which was not compared; give one of {known}")
    series, count = comparison.series, comparison.learnt[share]
    time = series.time[count:]
    figure = Figure(figsize=(8.4, 6.0), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for column, axes in enumerate(panels):
        true = _shown(series.values[:, column], column)
        axes.plot(series.time, true, color=TRUTH, linewidth=1.8, label="N-body" if _nbody(comparison) else "truth")
        for place, row in enumerate(rows):
            colour = PALETTE[place % len(PALETTE)]
            found = _shown(row.forecasts[..., column], column)
            dashes = _DASHES[place // len(PALETTE) % len(_DASHES)]
            axes.plot(time, found.mean(axis=0), color=colour, linestyle=dashes, label=LABELS.get(row.name, row.name))
            if len(found) > 1:
                axes.fill_between(time, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        axes.axvline(series.time[count - 1], color="0.6", linewidth=0.8)
        # A forecast that runs away must not hide the others.
        low, high = float(true.min()), float(true.max())
        room = max(high - low, 0.01 * abs(high))
        axes.set_ylim(low - 0.15 * room, high + 0.35 * room)
    panels[0].set(ylabel="1 / a  [1 / length]")
    panels[1].set(ylabel="Eccentricity", xlabel="Time [N-body units]")
    merger = series.merger
    panels[0].set_title(
        title
        or f"e_gal = {merger.eccentricity:g}, N = {merger.particles:,}, {merger.origin}: {100.0 * share:.0f} % learnt"
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    return figure


@styled
def forecast_error_figure(comparison: Comparison, *, title: str = "") -> Figure:
    """Draw the mean absolute errors of all forecasters as bars.

    Args:
        comparison: Forecasters side by side.
        title: Title; by default what the errors are.

    Returns:
        A figure of one panel: for each forecaster one bar a split, a dot for each seed, a short line at the published
        error where there is one.
    """
    names = list(dict.fromkeys(row.name for row in comparison.rows))
    splits = list(comparison.learnt)
    width = 0.8 / len(splits)
    figure = Figure(figsize=(max(5.0, 1.6 + 0.9 * len(names)), 4.2), layout="constrained")
    axes = figure.subplots()
    shown = set()
    for row in comparison.rows:
        order = splits.index(row.split)
        place = names.index(row.name) + (order - 0.5 * (len(splits) - 1)) * width
        label = f"{100.0 * row.split:.0f} % learnt"
        axes.bar(
            place,
            row.mean,
            width=0.92 * width,
            color=_SHADES[order % len(_SHADES)],
            alpha=0.6,
            label=None if label in shown else label,
        )
        shown.add(label)
        axes.plot(np.full(len(row.totals), place), row.totals, ".", color=TRUTH, markersize=4)
        if np.isfinite(row.published):
            ends = place - 0.46 * width, place + 0.46 * width
            label = "published, another run"
            axes.plot(
                ends, [row.published] * 2, color=PALETTE[1], linewidth=2.0, label=None if label in shown else label
            )
            shown.add(label)
    axes.set_xticks(range(len(names)), [LABELS.get(name, name) for name in names], rotation=30, ha="right")
    axes.set(ylabel="Mean absolute error [standard deviations]")
    largest = max(row.mean for row in comparison.rows)
    if largest > 10.0 * float(np.median([row.mean for row in comparison.rows])):
        axes.set_yscale("log")
    axes.grid(axis="y", color="0.88", linewidth=0.6)
    axes.set_title(title or "Free forecasts of a and e, dots are seeds")
    axes.legend(loc="best")
    return figure


def _shown(values: Float[np.ndarray, "*shape"], column: int) -> Float[np.ndarray, "*shape"]:
    """1/a, or e as it is."""
    return 1.0 / values if column == 0 else values


def _nbody(comparison: Comparison) -> bool:
    return comparison.series.merger.origin == "nbody"
