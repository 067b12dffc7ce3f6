"""Whitened strain of each detector, with the signal that a posterior sees in it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled

_MILLISECONDS_BELOW = 1.0  # spans [s] that are better read in milliseconds


class Band(NamedTuple):
    """Whitened signal at each time: the median and the ends of an interval.

    Attributes:
        lower: Lower end ``(n,)`` [noise standard deviations].
        median: Median ``(n,)`` [noise standard deviations].
        upper: Upper end ``(n,)`` [noise standard deviations].
    """

    lower: Float[np.ndarray, "n"]
    median: Float[np.ndarray, "n"]
    upper: Float[np.ndarray, "n"]


def _same_length(values: np.ndarray, times: np.ndarray, *, what: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.shape != times.shape:
        msg = f"`strain_figure({what})` has shape {values.shape}; give one number for each of the {times.size} times"
        raise InputError(msg)
    return values


@styled
def strain_figure(
    times: Float[np.ndarray, "n"],
    whitened: Mapping[str, Float[np.ndarray, "n"]],
    *,
    bands: Mapping[str, Band | tuple] | None = None,
    truth: Mapping[str, Float[np.ndarray, "n"]] | None = None,
    probability: float = 0.9,
    title: str = "",
) -> Figure:
    """Draw whitened strain and the reconstructed signal, one row for each detector.

    Args:
        times: Times since the start of the analysis ``(n,)`` [s].
        whitened: Whitened data by detector ``(n,)`` [noise standard deviations].
        bands: Reconstructed whitened signal by detector, as a `Band` or (lower, median, upper).
        truth: Injected whitened signal by detector ``(n,)``.
        probability: Probability inside the bands, for the legend.
        title: Title of the figure.

    Returns:
        A figure of one row for each detector.

    Raises:
        InputError: There is no detector, a band belongs to none, or lengths differ.
    """
    times = np.asarray(times, dtype=float)
    if not whitened or times.ndim != 1 or times.size == 0:
        msg = f"`strain_figure` has {len(whitened)} detectors and {times.size} times; give at least one of each"
        raise InputError(msg)
    for what, given in (("bands", bands), ("truth", truth)):
        foreign = sorted(set(given or {}) - set(whitened))
        if foreign:
            msg = f"`strain_figure({what}=...)` has {foreign[0]!r}; give only detectors of {list(whitened)}"
            raise InputError(msg)
    short = float(np.ptp(times)) < _MILLISECONDS_BELOW
    x = 1e3 * times if short else times
    figure = Figure(figsize=(7.6, 0.8 + 1.8 * len(whitened)), layout="constrained")
    rows = figure.subplots(len(whitened), 1, sharex=True, squeeze=False)[:, 0]
    for axes, colour, (detector, data) in zip(rows, _colours(len(whitened)), whitened.items(), strict=True):
        axes.plot(x, _same_length(data, times, what="whitened"), color="0.62", linewidth=0.8, label="data")
        if bands and detector in bands:
            lower, median, upper = (_same_length(part, times, what="bands") for part in bands[detector])
            label = f"signal, {100 * probability:g} %"
            axes.fill_between(x, lower, upper, color=colour, alpha=0.3, linewidth=0, label=label)
            axes.plot(x, median, color=colour, label="median")
        if truth and detector in truth:
            true = _same_length(truth[detector], times, what="truth")
            axes.plot(x, true, color=TRUTH, linewidth=1.0, linestyle="--", label="injected")
        axes.set_ylabel(f"{detector} [$\\sigma$]")
        axes.margins(x=0)
    # One legend for all rows, outside: the start of the signal is where the eye shall go.
    handles: dict[str, Any] = {}
    for axes in rows:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles=list(handles.values()), loc="outside upper right", ncols=4)
    rows[0].set_title(title)
    rows[-1].set_xlabel("Time since start [ms]" if short else "Time since start [s]")
    return figure


def _colours(n: int) -> list[str]:
    return [PALETTE[count % len(PALETTE)] for count in range(n)]
