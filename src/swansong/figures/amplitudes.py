"""Amplitudes of an orbit's modes: their map, the lines of the radiation, and how they change with inclination."""

import numpy as np
from jaxtyping import Complex, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_WEAKEST = 1e-8  # share of the strongest mode below which nothing is drawn
_MOST_BARS = 30
_FAINTEST = 1e-5  # share of the largest amplitude of a scan below which a mode has no phase
_DASHES = ("-", "--", ":")
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
def inclination_scan_figure(
    x: Float[np.ndarray, " orbits"],
    modes: Int[np.ndarray, "modes 4"],
    amplitudes: Complex[np.ndarray, "orbits modes"],
    *,
    title: str = "",
) -> Figure:
    """Draw amplitudes of modes against the inclination, from retrograde to prograde orbits.

    Args:
        x: cos(inclination) of the orbits, rising, shape (orbits,).
        modes: (l, m, j, n), in the index that counts turns in the orbital plane, shape (modes, 4).
        amplitudes: Z of each in that index, those of retrograde orbits times (-1)^m, shape (orbits, modes).
        title: Title.

    Returns:
        A figure of two panels, moduli above phases, with a line at polar orbits. Phases are followed from orbit to
        orbit; where a mode has no amplitude to speak of it has none, and where it passes through zero it turns by pi.

    Raises:
        InputError: Shapes do not fit, x does not rise, or an amplitude is not finite.
    """
    place, rows, values = np.asarray(x, dtype=float), np.asarray(modes), np.asarray(amplitudes, dtype=complex)
    if rows.ndim != 2 or rows.shape[1:] != (4,) or place.ndim != 1 or values.shape != (place.size, len(rows)):
        raise InputError(
            f"`inclination_scan_figure` has x of shape {place.shape}, modes of {rows.shape} and amplitudes of "
            f"{values.shape}; give rows (l, m, j, n) and one amplitude for each orbit and mode"
        )
    if not values.size or not (np.diff(place) > 0.0).all() or not np.isfinite(values).all():
        raise InputError(
            "`inclination_scan_figure` has no amplitude, one that is not finite, or x that does not rise; sort the "
            "orbits and leave others out"
        )
    figure = Figure(figsize=(6.4, 6.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    size = np.abs(values)
    floor = _FAINTEST * size.max()
    for count, mode in enumerate(rows.tolist()):
        style = {"color": PALETTE[count % len(PALETTE)], "linestyle": _DASHES[count // len(PALETTE) % len(_DASHES)]}
        seen = size[:, count] > floor
        upper.plot(place, np.where(seen, size[:, count], np.nan), label=f"({', '.join(map(str, mode))})", **style)
        phase = np.full(place.size, np.nan)
        phase[seen] = np.unwrap(np.angle(values[seen, count]))
        lower.plot(place, phase, **style)
    for axes in (upper, lower):
        axes.axvline(0.0, color="0.75", linewidth=0.8, zorder=0)
    upper.set(yscale="log", ylabel="|Z|", title=title)
    lower.set(xlabel="x = cos(inclination)", ylabel="Phase of Z [rad]", xlim=(place[0], place[-1]))
    figure.legend(loc="outside right upper", title="(l, m, j, n)")
    return figure
