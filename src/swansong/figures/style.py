"""One look for all figures: readable type, few lines, colours that everybody can tell apart."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from swansong.core.files import atomic

Arguments = ParamSpec("Arguments")

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b")
"""Colours, in the order of use, that stay apart for colour-blind readers.

Reference:
    Okabe & Ito 2008, "Color universal design" (their yellow replaced by grey, since it
    cannot be seen on white).
"""

TRUTH = "#111111"
"""Colour of true values."""

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "mathtext.fontset": "dejavusans",
    "savefig.dpi": 150,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}
"""Settings of matplotlib that a figure is made with."""


def styled(function: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function draw in the style of the house, whatever the user's own settings are.

    Args:
        function: A function that returns a figure.

    Returns:
        The same function within `STYLE`.
    """

    @functools.wraps(function)
    def inner(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)  # pyright: ignore[reportCallIssue, reportArgumentType]
            return function(*args, **kwargs)

    return inner


def power_of_ten(size: float) -> int:
    """Choose the power of ten to take out of numbers of this size.

    Args:
        size: The largest of the numbers, not negative.

    Returns:
        0 for numbers that read well as they are, from 0.001 to 99999.
    """
    if size <= 0.0 or not math.isfinite(size):
        return 0
    power = math.floor(math.log10(size))
    return 0 if -3 <= power < 5 else power


def interval_text(median: float, lower: float, upper: float) -> str:
    """Write a median and its interval with two digits of the smaller distance.

    Args:
        median: Median.
        lower: Lower end of the interval.
        upper: Upper end of the interval.

    Returns:
        TeX math such as ``$68.0^{+3.1}_{-2.9}$``, with a power of ten for very small or
        very large numbers.
    """
    below, above = median - lower, upper - median
    largest = max(abs(median), below, above)
    if not math.isfinite(largest) or largest == 0.0:
        return f"${median:g}$"
    power = power_of_ten(largest)
    scale = 10.0**power
    widths = [width / scale for width in (below, above) if width > 0.0]
    digits = min(max(1 - math.floor(math.log10(min(widths))), 0), 6) if widths else 3
    middle, down, up = (f"{value / scale:.{digits}f}" for value in (median, below, above))
    text = f"{middle}^{{+{up}}}_{{-{down}}}"
    return f"$({text}) \\times 10^{{{power}}}$" if power else f"${text}$"


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically, in the format that the suffix names.

    Args:
        figure: The figure.
        path: Where to write: ``.png``, ``.pdf`` or ``.svg``.

    Raises:
        OutputError: The disk is full, or the path cannot be written.
    """
    path = Path(path)
    # Without a date and random identifiers, the same figure gives the same bytes.
    dated = {".pdf": "CreationDate", ".svg": "Date"}.get(path.suffix.lower())
    with atomic(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "swansong"}):
        figure.savefig(temporary, bbox_inches="tight", metadata={dated: None} if dated else None)
