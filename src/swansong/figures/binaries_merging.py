"""Mergers of pairs: the orbit over time, merger times of many pairs, and of runs beside each other."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_BINS = 50
_EARLY = 0.05  # share of the time before which a take-over needs a logarithmic axis
_SPAN = 30.0  # of merger times that a linear axis still shows


@styled
def evolution_figure(
    time: ArrayLike,
    *,
    axis: ArrayLike,
    eccentricity: ArrayLike,
    takeover: float | None = None,
    length_unit: str = "",
    time_unit: str = "",
    title: str = "",
) -> Figure:
    """Draw semi-major axis and eccentricity of a pair over time.

    Args:
        time: Times, rising ``(n,)``.
        axis: Semi-major axis ``(n,)``.
        eccentricity: Eccentricity ``(n,)``.
        takeover: Time at which gravitational waves take over, marked by a line.
        length_unit: Unit of the semi-major axis.
        time_unit: Unit of time.
        title: Title.

    Returns:
        A figure of two panels.

    Raises:
        InputError: The columns are empty or differ in length.
    """
    columns = [np.asarray(values, float) for values in (time, axis, eccentricity)]
    if columns[0].ndim != 1 or not columns[0].size or len({column.shape for column in columns}) > 1:
        shapes = [column.shape for column in columns]
        raise InputError(f"`evolution_figure` has columns of shapes {shapes}; give one value a time")
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(columns[0], columns[1], color=PALETTE[0])
    upper.set(yscale="log", ylabel=_labelled("Semi-major axis", length_unit), title=title)
    lower.plot(columns[0], columns[2], color=PALETTE[0])
    lower.set(ylim=(-0.02, 1.02), ylabel="Eccentricity", xlabel=_labelled("Time", time_unit))
    if takeover is not None:
        for panel in (upper, lower):
            panel.axvline(takeover, color="0.55", linewidth=0.9, linestyle="--")
        begin, end = columns[0][0], columns[0][-1]
        if begin < takeover < begin + _EARLY * (end - begin) and len(columns[0]) > 2:
            # What happens before would be a line at the left edge.
            upper.set_xscale("log")
            upper.set_xlim(max(columns[0][1], 1e-3 * takeover), end)
            early = False
        else:
            early = takeover < 0.5 * (begin + end)
        upper.annotate(
            "gravitational waves take over", (takeover, 0.97), xycoords=("data", "axes fraction"),
            xytext=(4 if early else -4, 0), textcoords="offset points", ha="left" if early else "right", va="top",
            fontsize=8, color="0.35",
        )  # fmt: skip
    if upper.get_xscale() == "linear":
        upper.margins(x=0.01)
    return figure


@styled
def merger_times_figure(times: ArrayLike, *, time_unit: str = "", title: str = "") -> Figure:
    """Draw how many pairs merge after which time.

    Args:
        times: Merger times ``(n,)``; those that are not finite count as stalled.
        time_unit: Unit of time.
        title: Title; by default the numbers of pairs.

    Returns:
        A figure of one panel: a histogram, and the share that has merged by then.

    Raises:
        InputError: There are no pairs.
    """
    given = np.asarray(times, float).reshape(-1)
    if not given.size:
        raise InputError("`merger_times_figure(times)` is empty; give one merger time at least")
    merged = np.sort(given[np.isfinite(given)])
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    shares = axes.twinx()
    if merged.size:
        low, high = 0.98 * max(merged[0], 1e-12 * merged[-1]), 1.02 * merged[-1]
        axes.hist(merged, bins=np.geomspace(low, high, _BINS + 1).tolist(), color=PALETTE[5], label="pairs")
        shares.step(merged, np.arange(1, merged.size + 1) / given.size, where="post", color=PALETTE[1])
        axes.set_xscale("log")
    shares.set(ylim=(0.0, 1.02), ylabel="Share merged by then")
    shares.yaxis.label.set_color(PALETTE[1])
    shares.spines["right"].set_visible(True)
    stalled = given.size - merged.size
    axes.set(
        xlabel=_labelled("Merger time", time_unit),
        ylabel="Pairs",
        title=title or f"{given.size:,} pairs, {stalled:,} of them stalled",
    )
    return figure


@styled
def merger_bars_figure(
    labels: Sequence[str],
    times: Mapping[str, ArrayLike],
    *,
    intervals: Mapping[str, ArrayLike] | None = None,
    time_unit: str = "",
    title: str = "",
) -> Figure:
    """Draw merger times of runs beside each other, for example of the N-body engine and of a trained network.

    Args:
        labels: Name of each run ``(n,)``.
        times: Merger times of the runs ``(n,)`` by where they are from; those that are not finite count as stalled.
        intervals: Lower and upper ends ``(n, 2)``, by the same names.
        time_unit: Unit of time.
        title: Title.

    Returns:
        A figure of one panel with a group of bars for each run.

    Raises:
        InputError: There are no runs, or numbers differ.
    """
    columns = {name: np.asarray(values, float) for name, values in times.items()}
    ends = {name: np.asarray(values, float) for name, values in (intervals or {}).items()}
    if not labels or not columns:
        raise InputError("`merger_bars_figure` has no runs; give one label and one merger time at least")
    for name, values in columns.items():
        if values.shape != (len(labels),) or (name in ends and ends[name].shape != (len(labels), 2)):
            raise InputError(
                f"`merger_bars_figure(times)[{name!r}]` does not fit {len(labels)} runs; give a time and two ends each"
            )
    figure = Figure(figsize=(max(4.8, 1.6 + 0.55 * len(labels)), 4.2), layout="constrained")
    axes = figure.subplots()
    place, width = np.arange(len(labels)), 0.8 / len(columns)
    for count, (name, values) in enumerate(columns.items()):
        known = np.isfinite(values)
        middle = place + width * (count - 0.5 * (len(columns) - 1))
        axes.bar(
            middle[known], values[known], width=0.92 * width, color=PALETTE[count % len(PALETTE)], label=name, zorder=1
        )
        if name in ends:
            shown = known & np.all(np.isfinite(ends[name]), axis=1)
            away = np.abs(ends[name][shown].T - values[shown])
            axes.errorbar(middle[shown], values[shown], yerr=away, fmt="none", ecolor="0.25", capsize=2, linewidth=0.9)
        for at in middle[~known]:
            axes.annotate("stalled", (at, 0.01), xycoords=("data", "axes fraction"), rotation=90, ha="center", size=8)
    heights = np.concatenate([values[np.isfinite(values)] for values in columns.values()])
    if heights.size and heights.max() > _SPAN * heights.min():
        axes.set_yscale("log")
    axes.set_xticks(place, labels, rotation=45 if len(labels) > 4 else 0, ha="right" if len(labels) > 4 else "center")
    axes.set(ylabel=_labelled("Merger time", time_unit), title=title)
    axes.grid(axis="y", color="0.88", linewidth=0.6)
    if len(columns) > 1:
        axes.legend()
    return figure


def _labelled(text: str, unit: str) -> str:
    """A label with its unit in brackets."""
    return f"{text} [{unit}]" if unit else text
