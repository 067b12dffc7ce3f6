"""How well inspirals are found and how exact their tracks are: campaigns, observation times, flux tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swansong.core.errors import InputError
from swansong.figures.detection import binomial_interval
from swansong.figures.style import PALETTE, styled

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", "-.", ":")
_MOST_TICKS = 12


@styled
def campaign_figure(
    found: Mapping[float, Mapping[float, tuple[int, int]]],
    *,
    published: Mapping[float, Mapping[float, float]] | None = None,
    errors: Mapping[float, float] | None = None,
    published_errors: Mapping[float, float] | None = None,
    probability: float = 0.9,
    title: str = "",
) -> Figure:
    """Draw how many injected sources a search finds, against their signal-to-noise ratio.

    Args:
        found: Number found and number injected, by false-alarm probability and signal-to-noise ratio.
        published: Probability of detection of another search, the same way.
        errors: Median relative error of the frequency of detected sources, by signal-to-noise ratio.
        published_errors: The same of the other search.
        probability: Probability inside the binomial error bars.
        title: Title; by default the number of sources.

    Returns:
        A figure of the probabilities of detection with the bars of `binomial_interval`, the other search's
        as open marks; below it the errors of the frequency, where they are given.

    Raises:
        InputError: There are no sources, or more are found than injected.
    """
    if not found or not all(found.values()):
        raise InputError("`campaign_figure(found)` is empty; give counts for one signal-to-noise ratio at least")
    for false_alarm, row in found.items():
        for snr, (detected, injected) in row.items():
            if not 0 <= detected <= injected or injected == 0:
                raise InputError(
                    f"`campaign_figure(found)` has {detected} of {injected} at signal-to-noise {snr:g} and false alarm "
                    f"{false_alarm:g}; give counts of one source at least"
                )
    figure = Figure(figsize=(6.4, 6.2 if errors else 4.4), layout="constrained")
    if errors:
        axes, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    else:
        axes = lower = figure.subplots()
    width = _spacing([snr for row in found.values() for snr in row])
    for count, false_alarm in enumerate(sorted(found, reverse=True)):
        snr = np.array(sorted(found[false_alarm]))
        detected, injected = np.array([found[false_alarm][value] for value in snr]).T
        share = detected / injected
        ends = binomial_interval(detected, injected, probability=probability)
        bars = [np.maximum(share - ends[0], 0.0), np.maximum(ends[1] - share, 0.0)]
        colour, marker = PALETTE[count % len(PALETTE)], _MARKERS[count % len(_MARKERS)]
        # Curves are set off a little, so that bars do not cover each other.
        place = snr + 0.03 * width * (count - 0.5 * (len(found) - 1))
        axes.errorbar(
            place, share, yerr=bars, color=colour, marker=marker, markersize=5, capsize=2.5, label=f"{false_alarm:g}"
        )
        other = (published or {}).get(false_alarm)
        if other:
            points = np.array(sorted(other.items()))
            label = f"{false_alarm:g}, published"
            axes.plot(*points.T, color=colour, linestyle=":", marker=marker, markerfacecolor="white", label=label)
    axes.set(ylim=(-0.02, 1.02), ylabel="Probability of detection")
    axes.grid(axis="y", color="0.88", linewidth=0.6)
    sources = max(sum(injected for _, injected in row.values()) for row in found.values())
    axes.set_title(title or f"{sources} sources, bars {100 * probability:g} %")
    axes.legend(title="False-alarm probability", loc="lower right")
    if errors:
        for row, line, label in ((errors, "-", "this search"), (published_errors or {}, ":", "published")):
            if row:
                face = PALETTE[6] if line == "-" else "white"
                points = np.array(sorted(row.items()))
                lower.plot(*points.T, color=PALETTE[6], linestyle=line, marker="o", markerfacecolor=face, label=label)
        lower.set(yscale="log", ylabel=r"Median $|\Delta f|/f$")
        lower.grid(axis="y", color="0.88", linewidth=0.6)
        lower.legend()
    ratios = sorted({snr for row in found.values() for snr in row})
    if len(ratios) <= _MOST_TICKS:
        lower.set_xticks(ratios, [f"{snr:g}" for snr in ratios])
    lower.set_xlabel("Signal-to-noise ratio")
    return figure


def _spacing(values: Sequence[float]) -> float:
    """Smallest step between different values, one where there is none."""
    steps = np.diff(np.unique(values))
    return float(steps.min()) if steps.size else 1.0


@styled
def observation_figure(
    years: ArrayLike,
    statistics: Mapping[str, ArrayLike],
    *,
    thresholds: Mapping[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw the statistic of candidates against the time observed.

    Args:
        years: Times observed, increasing ``(n,)`` [yr].
        statistics: Gaussianised statistic of each candidate over these times ``(n,)``, by name.
        thresholds: Thresholds of the statistic by false-alarm probability.
        title: Title.

    Returns:
        A figure of one panel.

    Raises:
        InputError: Times do not increase, or numbers differ.
    """
    observed = np.asarray(years, dtype=float)
    if observed.ndim != 1 or observed.size == 0 or not (np.diff(observed) > 0.0).all():
        raise InputError(f"`observation_figure(years)` has the shape {observed.shape}; give times that increase")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for count, (name, values) in enumerate(statistics.items()):
        row = np.asarray(values, dtype=float)
        if row.shape != observed.shape:
            raise InputError(
                f"`observation_figure(statistics)[{name!r}]` has the shape {row.shape}; give {observed.size} values"
            )
        axes.plot(
            observed, row, color=PALETTE[count % len(PALETTE)], linestyle=_DASHES[count % len(_DASHES)], label=name
        )
    for count, (false_alarm, height) in enumerate(sorted((thresholds or {}).items(), reverse=True)):
        axes.axhline(
            height, color="0.5", linewidth=0.9, linestyle=_DASHES[1 + count % 3], label=f"false alarm {false_alarm:g}"
        )
    axes.set(xlabel="Time observed [yr]", ylabel="Statistic [standard deviations]", title=title)
    axes.margins(x=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left")
    return figure


@styled
def flux_error_figure(
    *,
    spin: ArrayLike,
    distance: ArrayLike,
    eccentricity: ArrayLike,
    error: ArrayLike,
    title: str = "",
) -> Figure:
    """Draw the error of a flux table at orbits that it was not made from.

    Args:
        spin: Signed spin of each orbit ``(n,)``.
        distance: Distance to the separatrix ``(n,)`` [M].
        eccentricity: Eccentricity ``(n,)``.
        error: Relative error of the flux or rate ``(n,)``.
        title: Title; by default median and largest error.

    Returns:
        A figure of two panels, error by colour over distance and spin, and over distance and eccentricity.

    Raises:
        InputError: The arrays are empty or differ in length, or a distance is not positive.
    """
    columns = [np.asarray(values, dtype=float) for values in (spin, distance, eccentricity, error)]
    a, d, e, wrong = columns
    if a.ndim != 1 or a.size == 0 or len({column.shape for column in columns}) > 1 or not (d > 0.0).all():
        raise InputError(
            f"`flux_error_figure` has shapes {[column.shape for column in columns]}; give arrays of one length and "
            "positive distances"
        )
    shown = np.log10(np.maximum(np.abs(wrong), 1e-12))
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    scale = ScalarMappable(Normalize(shown.min(), shown.max() + 1e-9), "viridis")
    for axes, values, label in zip(panels, (a, e), ("Spin", "Eccentricity"), strict=True):
        axes.scatter(d, values, c=scale.to_rgba(shown), s=22, linewidths=0)
        axes.set(xscale="log", xlabel="Distance to the separatrix [M]", ylabel=label)
    figure.colorbar(scale, ax=panels, label=r"$\log_{10}$ relative error", pad=0.01)
    figure.suptitle(title or f"median {np.median(np.abs(wrong)):.1e}, largest {np.abs(wrong).max():.1e}", fontsize=11)
    return figure
