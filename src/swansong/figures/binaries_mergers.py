"""Mergers of galaxies: the stars at some times, and what a run should conserve."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_COLUMNS = 3
_SHARE = 0.9  # of the stars lie inside a panel


@styled
def merger_frames_figure(time: ArrayLike, *, stars: ArrayLike, holes: ArrayLike, title: str = "") -> Figure:
    """Draw the stars and the black holes of a merger at some times, seen along the axis of the orbit.

    Args:
        time: Times ``(frames,)`` [N-body units].
        stars: Positions ``(frames, 3, stars)`` [N-body units]; the first half belongs to the first galaxy.
        holes: Positions of the black holes ``(frames, 2, 3)`` [N-body units].
        title: Title.

    Returns:
        A figure of one panel a frame.

    Raises:
        InputError: There are no frames, or shapes differ.
    """
    moments, places, pair = np.asarray(time), np.asarray(stars), np.asarray(holes)
    if not len(moments) or places.ndim != 3 or len(places) != len(moments) or pair.shape != (len(moments), 2, 3):
        raise InputError(
            f"`merger_frames_figure` got {moments.shape} times, stars {places.shape} and holes {pair.shape}; "
            "give (frames,), (frames, 3, stars) and (frames, 2, 3)"
        )
    columns = min(_COLUMNS, len(moments))
    rows = -(-len(moments) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.4, 2.7 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    half = places.shape[2] // 2
    size = float(np.quantile(np.abs(places[0, :2]), _SHARE)) * 1.15
    for panel, moment, place, both in zip(panels.flat, moments, places, pair, strict=False):
        for part, colour in ((slice(None, half), PALETTE[0]), (slice(half, None), PALETTE[1])):
            panel.plot(*place[:2, part], ".", color=colour, markersize=2.0, alpha=0.6, markeredgewidth=0.0)
        panel.plot(both[:, 0], both[:, 1], "o", color="black", markersize=4.0, markeredgecolor="white")
        panel.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
        panel.set_title(f"t = {moment:.0f}", fontsize=9)
    for panel in panels.flat[len(moments) :]:
        panel.set_visible(False)
    figure.supxlabel("x [N-body units]", fontsize=10)
    figure.supylabel("y [N-body units]", fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


@styled
def conservation_figure(time: ArrayLike, *, energy: ArrayLike, momentum: ArrayLike, title: str = "") -> Figure:
    """Draw how well a run keeps its energy and its angular momentum.

    Args:
        time: Times ``(n,)`` [N-body units].
        energy: Relative error of the total energy ``(n,)``.
        momentum: Relative error of the total angular momentum ``(n,)``.
        title: Title.

    Returns:
        A figure of one panel.

    Raises:
        InputError: The columns are empty or differ in length.
    """
    columns = [np.asarray(values, float) for values in (time, energy, momentum)]
    if columns[0].ndim != 1 or not len(columns[0]) or any(part.shape != columns[0].shape for part in columns):
        raise InputError("`conservation_figure` got empty columns or some of differing lengths; give one value a time")
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    panel = figure.subplots()
    for values, label, colour in zip(columns[1:], ("energy", "angular momentum"), PALETTE, strict=False):
        panel.plot(columns[0], np.maximum(np.abs(values), 1e-16), color=colour, label=label)
    panel.set(yscale="log", xlabel="Time [N-body units]", ylabel="Relative error", title=title)
    panel.legend()
    return figure
