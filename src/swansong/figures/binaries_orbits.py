"""Pairs through mergers: separation, energy and angular momentum, ellipse, and rates of hardening."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled

_LABELS = ("Energy $E$", "Angular momentum $L$", "$1/a$", "Eccentricity $e$")
_BLOCKS = 12  # over which rates are differences
_LEAST = 0.02  # growth of ln(1/a) in a block below which K is nothing but noise
_SHADES = ((0, 4, 0.15), (1, 3, 0.3))


@styled
def separation_figure(
    time: ArrayLike, *, separation: ArrayLike, axis: ArrayLike, binding: float | None = None, title: str = ""
) -> Figure:
    """Draw the distance of two black holes through a merger.

    Args:
        time: Times ``(n,)`` [N-body units].
        separation: Distance ``(n,)`` [N-body units].
        axis: Semi-major axis ``(n,)``, NaN while the pair is not bound [N-body units].
        binding: Time from which on the pair is bound, marked by a line.
        title: Title.

    Returns:
        A figure of one panel.

    Raises:
        InputError: The columns are empty or differ in length.
    """
    t, distance, a = _columns("separation_figure", time, separation, axis)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    panel = figure.subplots()
    panel.plot(t, distance, color=PALETTE[5], linewidth=0.6, label="separation")
    # Barely bound for a moment, a pair has an axis of any length.
    panel.plot(t, np.where(a < 2.0 * distance.max(), a, np.nan), color=PALETTE[0], label="semi-major axis")
    if binding is not None:
        panel.axvline(binding, color="0.55", linewidth=0.9, linestyle="--", label="bound from here on")
    panel.set(yscale="log", xlabel="Time [N-body units]", ylabel="Distance [N-body units]", title=title)
    panel.legend()
    return figure


@styled
def orbit_bands_figure(
    time: ArrayLike,
    *,
    median: ArrayLike,
    bands: ArrayLike,
    truth: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Draw a predicted pair with its bands, and what an N-body run gave.

    Args:
        time: Times ``(n,)`` [N-body units].
        median: Predicted E, L, a and e ``(4, n)``.
        bands: Their 2.5, 16, 50, 84 and 97.5 % quantiles ``(4, 5, n)``.
        truth: The same from a run ``(4, n)``.
        title: Title.

    Returns:
        A figure of four panels; the semi-major axis is drawn as 1/a.

    Raises:
        InputError: Shapes do not fit.
    """
    t = np.asarray(time, float)
    middle, edges = np.array(median, float), np.array(bands, float)
    true = None if truth is None else np.array(truth, float)
    fits = middle.shape == (4, t.size) and edges.shape == (4, 5, t.size)
    if not fits or (true is not None and true.shape != middle.shape):
        raise InputError(
            f"`orbit_bands_figure` has shapes {middle.shape} and {edges.shape} for {t.size} times; "
            "give (4, n) and (4, 5, n)"
        )
    for array in (middle, edges, true):
        if array is not None:
            array[2] = 1.0 / array[2]
    figure = Figure(figsize=(8.4, 5.8), layout="constrained")
    for place, (panel, label) in enumerate(zip(figure.subplots(2, 2, sharex=True).flat, _LABELS, strict=True)):
        for low, high, shade in _SHADES:
            panel.fill_between(t, edges[place, low], edges[place, high], color=PALETTE[0], alpha=shade, linewidth=0.0)
        panel.plot(t, middle[place], color=PALETTE[0], label="predicted, 68 and 95 %")
        if true is not None:
            panel.plot(t, true[place], color=TRUTH, linewidth=0.9, label="N-body")
        panel.set_ylabel(label)
        if place >= 2:
            panel.set_xlabel("Time [N-body units]")
    figure.axes[0].legend()
    figure.suptitle(title, fontsize=11)
    return figure


@styled
def hardening_figure(
    time: ArrayLike,
    *,
    axis: ArrayLike,
    eccentricity: ArrayLike,
    true_axis: ArrayLike | None = None,
    true_eccentricity: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Draw the hardening rate s = d(1/a)/dt and the eccentricity growth K = de/dln(1/a), as differences over blocks.

    Args:
        time: Times ``(n,)`` [N-body units].
        axis: Predicted semi-major axis ``(n,)``.
        eccentricity: Predicted eccentricity ``(n,)``.
        true_axis: The same from an N-body run.
        true_eccentricity: The same from an N-body run.
        title: Title.

    Returns:
        A figure of two panels.

    Raises:
        InputError: The columns are empty or differ in length.
    """
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    given = _columns("hardening_figure", time, axis, eccentricity)
    _draw_rates(panels, given, colour=PALETTE[0], label="predicted")
    if true_axis is not None and true_eccentricity is not None:
        found = _columns("hardening_figure", time, true_axis, true_eccentricity)
        _draw_rates(panels, found, colour=TRUTH, label="N-body")
    panels[0].set(ylabel="$s = d(1/a)/dt$", title=title)
    panels[1].set(ylabel="$K = de/d\\ln(1/a)$", xlabel="Time [N-body units]")
    panels[0].legend()
    return figure


def _draw_rates(panels: list[Axes], columns: list[np.ndarray], *, colour: str, label: str) -> None:
    """Both rates over blocks of time."""
    t, axis, eccentricity = columns
    use = np.isfinite(axis) & np.isfinite(eccentricity)
    if use.sum() < 3:
        return
    t, inverse, e = t[use], 1.0 / axis[use], eccentricity[use]
    edges = np.linspace(t[0], t[-1], min(_BLOCKS, len(t) - 1) + 1)
    inverse, e = np.interp(edges, t, inverse), np.interp(edges, t, e)
    middle = 0.5 * (edges[1:] + edges[:-1])
    panels[0].plot(middle, np.diff(inverse) / np.diff(edges), color=colour, label=label)
    steps = np.diff(np.log(inverse))
    grown = steps > _LEAST
    panels[1].plot(middle, np.where(grown, np.diff(e) / np.where(grown, steps, 1.0), np.nan), color=colour, marker=".")


def _columns(what: str, *arrays: ArrayLike) -> list[np.ndarray]:
    """Columns of one length."""
    found = [np.asarray(values, float) for values in arrays]
    if found[0].ndim != 1 or not found[0].size or len({one.shape for one in found}) > 1:
        raise InputError(f"`{what}` has columns of shapes {[one.shape for one in found]}; give one value a time")
    return found
