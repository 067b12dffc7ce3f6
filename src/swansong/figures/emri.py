"""Tracks of inspirals: the orbit through time, and a search's map with what was found in it."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled

_DAY = 86400.0
_SHADES = LinearSegmentedColormap.from_list("statistic", ["#ffffff", "#c9c9c9", "#4d4d4d"])
_DASHES = ("-", "--", "-.", ":")
_SMALLEST = 1e-7  # relative errors below this are drawn there


def _columns(what: str, **arrays: ArrayLike) -> list[np.ndarray]:
    """Read arrays of one length."""
    read = {name: np.asarray(values, dtype=float) for name, values in arrays.items()}
    shapes = {name: values.shape for name, values in read.items()}
    first = next(iter(read.values()))
    if first.ndim != 1 or first.size == 0 or len(set(shapes.values())) > 1:
        raise InputError(f"`{what}` has arrays of shapes {shapes}; give one-dimensional arrays of one length")
    return list(read.values())


@styled
def track_figure(
    *,
    times: ArrayLike,
    azimuthal: ArrayLike,
    radial: ArrayLike,
    semi_latus_rectum: ArrayLike,
    eccentricity: ArrayLike,
    title: str = "",
) -> Figure:
    """Draw how an inspiral evolves.

    Args:
        times: Times since the start of the data ``(n,)`` [s]; numbers after the plunge are NaN.
        azimuthal: Azimuthal frequency ``(n,)`` [Hz].
        radial: Radial frequency ``(n,)`` [Hz].
        semi_latus_rectum: Semi-latus rectum ``(n,)`` [M].
        eccentricity: Eccentricity ``(n,)``.
        title: Title.

    Returns:
        A figure of two panels: the frequencies with that of the strongest harmonic, and the orbit.

    Raises:
        InputError: The arrays are empty or differ in length.
    """
    t, f_phi, f_r, p, e = _columns(
        "track_figure",
        times=times,
        azimuthal=azimuthal,
        radial=radial,
        semi_latus_rectum=semi_latus_rectum,
        eccentricity=eccentricity,
    )
    days = t / _DAY
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    rows = ((2.0 * f_phi, "$2 f_\\varphi$, the (2, 0) harmonic"), (f_phi, "$f_\\varphi$"), (f_r, "$f_r$"))
    for (values, label), colour, dash in zip(rows, PALETTE, _DASHES, strict=False):
        upper.plot(days, 1e3 * values, color=colour, linestyle=dash, label=label)
    upper.set(ylabel="Frequency [mHz]", yscale="log")
    upper.legend()
    lower.plot(days, p, color=PALETTE[0], label="semi-latus rectum")
    lower.set(xlabel="Time since the start [d]", ylabel="Semi-latus rectum [M]")
    other = lower.twinx()
    other.spines["right"].set_visible(True)
    other.plot(days, e, color=PALETTE[1], linestyle="--", label="eccentricity")
    other.set_ylabel("Eccentricity")
    handles = [*lower.get_lines(), *other.get_lines()]
    lower.legend(handles=handles, loc="upper right")
    lower.margins(x=0)
    upper.set_title(title)
    return figure


@styled
def search_map_figure(
    statistic: Float[np.ndarray, "segments bins"],
    *,
    times: ArrayLike,
    frequencies: ArrayLike,
    tracks: Mapping[str, ArrayLike],
    truth: Mapping[str, ArrayLike] | None = None,
    title: str = "",
) -> Figure:
    """Draw the statistic of every segment over frequency, with the tracks that a search found.

    Args:
        statistic: Largest statistic over the rates of change, ``(segments, bins)``; NaN where a segment is
            not used.
        times: Middle of each segment, increasing ``(segments,)`` [s].
        frequencies: Frequency of each bin, increasing ``(bins,)`` [Hz].
        tracks: Frequency of each recovered track in each segment ``(segments,)`` [Hz], best first; zero or
            NaN after its plunge.
        truth: The same of true tracks, where they are known.
        title: Title.

    Returns:
        A figure of the map; below it, where the truth is known, the relative distance of the best track to
        the nearest true one.

    Raises:
        InputError: Shapes do not fit.
    """
    seconds, hertz = np.asarray(times, dtype=float), np.asarray(frequencies, dtype=float)
    values = np.asarray(statistic, dtype=float)
    if values.shape != (seconds.size, hertz.size) or values.size == 0:
        raise InputError(
            f"`search_map_figure(statistic)` has the shape {values.shape} for {seconds.size} times and {hertz.size} "
            "frequencies; give one row for each time"
        )
    found = {name: _alive(track, seconds.size, name=name) for name, track in tracks.items()}
    true = {name: _alive(track, seconds.size, name=name) for name, track in (truth or {}).items()}
    days = seconds / _DAY
    figure = Figure(figsize=(7.8, 5.6 if true else 4.2), layout="constrained")
    if true:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _distances(lower, days, found, true)
    else:
        upper = lower = figure.subplots()
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.5, 0.999]) if finite.size else (0.0, 1.0)
    image = upper.pcolormesh(days, 1e3 * hertz, values.T, cmap=_SHADES, vmin=low, vmax=high, rasterized=True)
    figure.colorbar(image, ax=upper, label="Largest statistic of a segment", pad=0.01)
    for (name, track), colour, dash in zip(found.items(), PALETTE[1:] * 4, _DASHES * 6, strict=False):
        upper.plot(days, 1e3 * track, color=colour, linestyle=dash, label=name)
    for count, track in enumerate(true.values()):
        label = "true" if count == 0 else "_"
        upper.plot(days, 1e3 * track, color=PALETTE[0], linestyle=(0, (1, 2)), linewidth=2.2, zorder=4, label=label)
    upper.set(ylabel="Frequency [mHz]", yscale="log", title=title)
    upper.set_ylim(1e3 * hertz[0], 1e3 * _top(hertz, [*found.values(), *true.values()]))
    lower.set_xlabel("Time since the start [d]")
    lower.set_xlim(days[0], days[-1])
    if found or true:
        upper.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="0.8", ncols=2)
    return figure


def _alive(track: ArrayLike, size: int, *, name: str) -> np.ndarray:
    values = np.array(track, dtype=float)
    if values.shape != (size,):
        raise InputError(f"track {name!r} has the shape {values.shape}; give one frequency for each of {size} segments")
    values[~(values > 0.0)] = np.nan
    return values


def _top(frequencies: np.ndarray, tracks: list[np.ndarray]) -> float:
    """Upper end of the frequencies shown: a little above all tracks."""
    highest = max((float(np.nanmax(track)) for track in tracks if np.isfinite(track).any()), default=frequencies[-1])
    return min(float(frequencies[-1]), max(1.5 * highest, 4.0 * frequencies[0]))


def _distances(axes: Axes, days: np.ndarray, found: Mapping[str, np.ndarray], true: Mapping[str, np.ndarray]) -> None:
    """Draw how far each recovered track is from the true one that it is nearest to, on the whole."""
    for (name, track), colour, dash in zip(found.items(), PALETTE[1:] * 4, _DASHES * 6, strict=False):
        errors = [np.abs(track - other) / other for other in true.values()]
        medians = [np.nanmedian(error) if np.isfinite(error).any() else np.inf for error in errors]
        best = errors[int(np.argmin(medians))]
        axes.plot(days, np.maximum(best, _SMALLEST), color=colour, linestyle=dash, label=name)
    axes.set(yscale="log", ylabel=r"$|\Delta f|/f$")
    axes.grid(axis="y", color="0.88", linewidth=0.6)
