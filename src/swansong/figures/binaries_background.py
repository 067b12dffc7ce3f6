"""Characteristic strain of a background of pairs against frequency."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled

_YEARLY = 1.0 / 31557600.0  # one a Julian year [Hz]
_SPREAD = 1.06  # quoted amplitudes stand beside each other, not on one line


@styled
def background_figure(
    frequency: Float[np.ndarray, "frequencies"],
    strain: Float[np.ndarray, "frequencies"],
    *,
    circular: Float[np.ndarray, "frequencies"] | None = None,
    bins: Float[np.ndarray, "bins"] | None = None,
    band: Float[np.ndarray, "3 bins"] | None = None,
    quoted: Mapping[str, tuple[float, float, float]] | None = None,
    turnover: float | None = None,
    title: str = "",
) -> Figure:
    """Draw a spectrum beside that of circular pairs, and how far finite universes stray from it.

    Args:
        frequency: Frequencies [Hz].
        strain: Characteristic strain.
        circular: That of the same mergers on circular orbits, driven by gravitational waves alone.
        bins: Middles of the bins of an observation [Hz].
        band: Lower end, median and upper end of the strain in each bin.
        quoted: Amplitudes at one a year by who quotes them: lower end, median, upper end.
        turnover: Frequency of the largest strain [Hz], marked if finite.
        title: Title of the figure.

    Returns:
        The figure.

    Raises:
        InputError: Shapes differ, there are fewer than two frequencies, or bins come without a band.
    """
    frequency, strain = np.asarray(frequency, float), np.asarray(strain, float)
    if frequency.ndim != 1 or len(frequency) < 2 or strain.shape != frequency.shape:
        raise InputError(
            f"`background_figure` has {frequency.shape} frequencies and {strain.shape} strains; give one strain for "
            "each of two or more frequencies"
        )
    middles = np.asarray([] if bins is None else bins, float)
    ends = np.asarray(np.empty((3, 0)) if band is None else band, float)
    if ends.shape != (3, len(middles)):
        raise InputError("`background_figure` needs bins and a band of three rows together; give both or neither")
    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    axes = figure.subplots()
    if len(middles):
        colour = PALETTE[5]
        axes.fill_between(middles, ends[0], ends[2], step="mid", color=colour, alpha=0.35, linewidth=0, label="68 %")
        axes.step(middles, ends[1], where="mid", color=colour, linewidth=1.0, label="median of finite universes")
    if circular is not None:
        label = "circular, waves alone, $f^{-2/3}$"
        axes.plot(frequency, circular, color=TRUTH, linewidth=1.0, linestyle="--", label=label)
    axes.plot(frequency, strain, color=PALETTE[0], label="mean")
    if turnover is not None and np.isfinite(turnover):
        height = float(np.interp(turnover, frequency, strain))
        axes.plot([turnover], [height], marker="v", color=PALETTE[1], linestyle="none", label="turnover")
    for count, (name, (low, middle, high)) in enumerate((quoted or {}).items()):
        place = _YEARLY * _SPREAD ** (count - 0.5 * (len(quoted or {}) - 1))
        axes.errorbar(
            [place], [middle], yerr=[[middle - low], [high - middle]], fmt="o", markersize=3.5, capsize=2.5,
            linewidth=1.0, color=PALETTE[(2 + count) % len(PALETTE)], label=name,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="Frequency [Hz]", ylabel="Characteristic strain $h_c$", title=title)
    axes.set_xlim(frequency[0], frequency[-1])
    shown = strain[strain > 0.0]
    if len(shown):
        axes.set_ylim(max(0.3 * shown.min(), 1e-4 * shown.max()), 5.0 * shown.max())
    axes.legend(loc="lower left")
    return figure
