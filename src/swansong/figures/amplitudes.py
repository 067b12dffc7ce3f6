"""Amplitudes of an orbit's modes: their map, the lines of the radiation, and how well models know them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_WEAKEST = 1e-8  # share of the strongest mode below which nothing is drawn
_SMALLEST = 1e-16  # errors below this are rounding, and drawn there
_FEWEST = 3  # errors from which their density can be seen
_MOST_BARS = 30
_COLOURED = len(PALETTE) - 1  # the last colour is that of all other orders


def _series(what: str, modes: ArrayLike, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Read modes with a number from 0 on for each."""
    rows, numbers = np.asarray(modes), np.asarray(values, dtype=float)
    if rows.ndim != 2 or rows.shape[1] != 4 or numbers.shape != (len(rows),):
        raise InputError(
            f"`{what}` has modes of shape {rows.shape} and power of shape {numbers.shape}; give rows (l, m, k, n) and "
            "one power for each"
        )
    if not (numbers >= 0.0).all() or not numbers.max(initial=0.0) > 0.0:
        raise InputError(f"`{what}` has no power, or some that is negative or no number; give powers from 0 on")
    return rows, numbers


@styled
def mode_map_figure(
    modes: Int[np.ndarray, "modes 4"], power: Float[np.ndarray, " modes"], *, title: str = ""
) -> Figure:
    """Draw the power of an orbit's modes that share the degree and order of the strongest.

    Args:
        modes: (l, m, k, n), shape (modes, 4).
        power: Power of each, in any unit, shape (modes,).
        title: Title; by default the degree and order.

    Returns:
        A figure of one panel: a map over k and n; bars over n or k where the other is the same in all of these modes
        (equatorial and circular orbits); bars over degrees and orders where both are. All powers are shares of the
        strongest mode.

    Raises:
        InputError: Shapes do not fit, or there is no power.
    """
    rows, values = _series("mode_map_figure", modes, power)
    share = values / values.max()
    degree, order = rows[int(np.argmax(share)), :2]
    chosen = (rows[:, 0] == degree) & (rows[:, 1] == order) & (share > _WEAKEST)
    k, n = rows[chosen, 2], rows[chosen, 3]
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    label = "Power / strongest mode"
    if len(np.unique(k)) == len(np.unique(n)) == 1:
        order_of = np.argsort(-share, kind="stable")[:_MOST_BARS]
        order_of = order_of[share[order_of] > _WEAKEST]
        names = [f"({l}, {m})" for l, m in rows[order_of, :2]]
        _bars(axes, np.arange(len(names)), share[order_of])
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set(xlabel="Mode (l, m)", ylabel=label)
        axes.set_title(title or "Strongest modes")
        return figure
    axes.set_title(title or f"Modes with l = {degree}, m = {order}")
    if len(np.unique(k)) == 1 or len(np.unique(n)) == 1:
        name, index = ("n", n) if len(np.unique(k)) == 1 else ("k", k)
        _bars(axes, index, share[chosen])
        axes.set(xlabel=name, ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return figure
    shape = (int(np.ptp(k)) + 1, int(np.ptp(n)) + 1)
    cells = np.full(shape, np.nan)
    cells[k - k.min(), n - n.min()] = np.log10(share[chosen])
    extent = (n.min() - 0.5, n.max() + 0.5, k.min() - 0.5, k.max() + 0.5)
    drawn = axes.imshow(cells, origin="lower", extent=extent, aspect="auto", cmap="viridis", vmax=0.0)
    figure.colorbar(drawn, ax=axes, label=f"log10 of {label.lower()}")
    axes.set(xlabel="n", ylabel="k")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _bars(axes: Axes, places: np.ndarray, share: np.ndarray) -> None:
    """Bars on a logarithmic axis."""
    axes.bar(places, share, width=0.8, color=PALETTE[0])
    axes.set(yscale="log", ylim=(0.5 * share.min(), 2.0))


@styled
def power_spectrum_figure(
    frequency: Float[np.ndarray, " lines"],
    power: Float[np.ndarray, " lines"],
    modes: Int[np.ndarray, "lines 4"],
    *,
    title: str = "",
) -> Figure:
    """Draw the lines of the radiation of one orbit.

    Args:
        frequency: Angular frequency of each line, positive [1/M].
        power: Power of each line, in units of the squared mass ratio.
        modes: (l, m, k, n) of each line; colours go by m.
        title: Title.

    Returns:
        A figure of one panel, on a logarithmic axis from no less than a hundred-millionth of the strongest line up.

    Raises:
        InputError: Shapes do not fit, or there is no power.
    """
    rows, values = _series("power_spectrum_figure", modes, power)
    w = np.asarray(frequency, dtype=float)
    if w.shape != values.shape:
        raise InputError(
            f"`power_spectrum_figure` has {len(values)} lines and frequencies of shape {w.shape}; give one for each"
        )
    # A little below the weakest line.
    floor = max(_WEAKEST * values.max(), 0.3 * values[values > 0.0].min())
    order = np.abs(rows[:, 1])
    strength = {int(m): float(values[order == m].sum()) for m in np.unique(order)}
    ranked = sorted(strength, key=lambda m: -strength[m])
    # One more than there are colours is no reason for a colour named "other".
    named = sorted(ranked if len(ranked) <= _COLOURED + 1 else ranked[:_COLOURED])
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    groups = [(f"m = {m}", order == m) for m in named]
    if len(ranked) > len(named):
        groups.append(("other m", ~np.isin(order, named)))
    for (_, members), colour in zip(groups, PALETTE, strict=False):
        shown = members & (values > floor)
        axes.vlines(w[shown], floor, values[shown], color=colour, linewidth=1.2)
    handles = [Line2D([], [], color=colour, label=label) for (label, _), colour in zip(groups, PALETTE, strict=False)]
    axes.set(yscale="log", ylim=(floor, 3.0 * values.max()), xlim=(0.0, None))
    axes.set(xlabel="Angular frequency [1/M]", ylabel="Power / squared mass ratio", title=title)
    figure.legend(handles=handles, loc="outside right upper")
    return figure


@styled
def mode_error_figure(
    errors: Mapping[str, ArrayLike],
    *,
    baseline: Mapping[str, ArrayLike] | None = None,
    names: Sequence[str] = ("model", "baseline"),
    title: str = "",
) -> Figure:
    """Draw how the mode-distribution error is spread over the orbits of each class.

    Args:
        errors: E of the orbits of each class.
        baseline: The same of another model, drawn beside it.
        names: What the two models are called.
        title: Title; by default the number of orbits.

    Returns:
        A figure of one panel of log10 E, with a violin and a line at the median for each class; the single orbits
        where there are less than three.

    Raises:
        InputError: There are no orbits, or an error is not finite.
    """
    sets = [{name: np.asarray(values, dtype=float) for name, values in errors.items()}]
    if baseline is not None:
        sets.append({name: np.asarray(values, dtype=float) for name, values in baseline.items()})
    if not sets[0] or not all(values.size and np.isfinite(values).all() for one in sets for values in one.values()):
        raise InputError("`mode_error_figure(errors)` lacks an orbit or has an error that is not finite; give some")
    if len(sets) == 2 and set(sets[0]) != set(sets[1]):
        raise InputError(
            f"`mode_error_figure(baseline)` has the classes {', '.join(sets[1])}, not {', '.join(sets[0])}; give both "
            "for the same"
        )
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(sets)
    for count, one in enumerate(sets):
        colour = PALETTE[count]
        for place, name in enumerate(sets[0]):
            found = np.log10(np.maximum(one[name], _SMALLEST))
            centre = place + (count - 0.5 * (len(sets) - 1)) * width
            # The density of equal numbers is not defined.
            if found.size >= _FEWEST and np.ptp(found) > 0.0:
                drawn = axes.violinplot([found], positions=[centre], widths=[0.9 * width], showextrema=False)
                for body in drawn["bodies"]:  # pyright: ignore[reportGeneralTypeIssues]
                    body.set(facecolor=colour, edgecolor=colour, alpha=0.35)
            else:
                axes.plot(np.full(found.size, centre), found, ".", color=colour)
            ends = centre - 0.3 * width, centre + 0.3 * width
            axes.plot(ends, [np.median(found)] * 2, color=colour, linewidth=2.0)
    labels = names[: len(sets)]
    handles = [Line2D([], [], color=colour, label=text) for text, colour in zip(labels, PALETTE, strict=False)]
    figure.legend(handles=handles, loc="outside right upper")
    axes.set_xticks(range(len(sets[0])), list(sets[0]))
    axes.set(xlabel="Class of orbits", ylabel="log10 of the error E")
    axes.grid(axis="y", color="0.88", linewidth=0.6)
    axes.set_title(title or f"{sum(values.size for values in sets[0].values())} orbits, lines at the median")
    return figure
