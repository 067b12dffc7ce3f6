"""How well models of amplitudes know them: over classes, over the plane of spin and size, and mode by mode."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Complex, Float, Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled

_SMALLEST = 1e-16  # errors below this are rounding, and drawn there
_FEWEST = 3  # errors from which their density can be seen


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


@styled
def error_map_figure(
    orbits: Float[np.ndarray, "orbits 4"], errors: Float[np.ndarray, " orbits"], *, title: str = ""
) -> Figure:
    """Draw where among the orbits a model errs.

    Args:
        orbits: (a, p, e, x), shape (orbits, 4).
        errors: Mode-distribution error E of each, shape (orbits,).
        title: Title; by default the largest error.

    Returns:
        A figure of one panel: each orbit at its spin, negative where x < 0, and its semi-latus rectum, in the colour of
        log10 E, the larger errors on top.

    Raises:
        InputError: There are no orbits, shapes do not fit, or an error is not finite.
    """
    rows, found = np.asarray(orbits, dtype=float), np.asarray(errors, dtype=float)
    if rows.ndim != 2 or rows.shape[1:] != (4,) or found.shape != (len(rows),):
        raise InputError(
            f"`error_map_figure` has orbits of shape {rows.shape} and errors of shape {found.shape}; give rows "
            "(a, p, e, x) and one error for each"
        )
    if not found.size or not np.isfinite(found).all():
        raise InputError("`error_map_figure` lacks an orbit or has an error that is not finite; give some")
    order = np.argsort(found, kind="stable")
    a, p, _, x = rows[order].T
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    level = np.log10(np.maximum(found[order], _SMALLEST))
    drawn = axes.scatter(np.where(x < 0.0, -a, a), p, c=level, s=18, cmap="viridis", linewidths=0)
    figure.colorbar(drawn, ax=axes, label="log10 of the error E")
    axes.set(xlabel="Spin, negative for retrograde orbits", ylabel="Semi-latus rectum [M]", xlim=(-1.04, 1.04))
    axes.set(yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(title or f"{len(rows)} orbits, E = {found.max():.2g} at most")
    return figure


@styled
def strongest_modes_figure(
    modes: Int[np.ndarray, "modes 4"],
    *,
    frequencies: Float[np.ndarray, " modes"],
    true: Complex[np.ndarray, " modes"],
    found: Mapping[str, Complex[np.ndarray, " modes"]],
    most: int = 20,
    title: str = "",
) -> Figure:
    """Draw the strongest modes of an orbit, solved and by models.

    Args:
        modes: (l, m, k, n), shape (modes, 4).
        frequencies: w of each, not zero [1/M], shape (modes,).
        true: Solved amplitudes Z, shape (modes,).
        found: Those of one or more models by name, each of shape (modes,).
        most: Number of modes drawn, by their true power.
        title: Title.

    Returns:
        A figure of two panels: bars of |Z| / w, whose square is power, and below the relative errors
        |found / true - 1|.

    Raises:
        InputError: Shapes do not fit, there are no modes or models, or a number is zero or not finite that must not be.
    """
    rows, w, z = np.asarray(modes), np.asarray(frequencies, dtype=float), np.asarray(true, dtype=complex)
    others = {name: np.asarray(values, dtype=complex) for name, values in found.items()}
    shapes = {w.shape, z.shape, *(values.shape for values in others.values())}
    if rows.ndim != 2 or rows.shape[1:] != (4,) or not len(rows) or not others or shapes != {(len(rows),)}:
        raise InputError(
            f"`strongest_modes_figure` has modes of shape {rows.shape} and {len(others)} models with numbers of shapes "
            f"{', '.join(map(str, sorted(shapes)))}; give rows (l, m, k, n) and one number for each"
        )
    finite = all(np.isfinite(values).all() for values in (w, z, *others.values()))
    if not finite or (w == 0.0).any() or not np.abs(z).max() > 0.0 or most < 1:
        raise InputError(
            "`strongest_modes_figure` has a number that is not finite, a static mode, nothing but zeros or no mode to "
            "draw; leave such modes out"
        )
    order = np.argsort(-np.abs(z / w), kind="stable")[:most]
    order = order[np.abs(z[order]) > 0.0]
    place, width = np.arange(len(order)), 0.8 / (1 + len(others))
    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for count, (name, values) in enumerate({"solved": z, **others}.items()):
        colour = TRUTH if count == 0 else PALETTE[(count - 1) % len(PALETTE)]
        shift = (count - 0.5 * len(others)) * width
        upper.bar(place + shift, np.abs(values[order] / w[order]), width=width, color=colour, label=name)
        if count:
            error = np.maximum(np.abs(values[order] / z[order] - 1.0), _SMALLEST)
            lower.plot(place, error, "o", color=colour, markersize=4.5)
    upper.set(ylabel="|Z| / w", title=title)
    upper.legend(loc="upper right")
    lower.set(yscale="log", ylabel="Relative error", xlabel="Mode (l, m, k, n), strongest first")
    lower.set_xticks(place, [f"({', '.join(map(str, mode))})" for mode in rows[order].tolist()], rotation=90)
    lower.set_xlim(-0.6, len(order) - 0.4)
    lower.grid(axis="y", color="0.88", linewidth=0.6)
    return figure
