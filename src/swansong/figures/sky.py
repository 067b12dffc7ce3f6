"""A sky map on the whole sky, with the areas that hold half and nine tenths of the probability."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled
from swansong.signals.skymap import SkyMap

LEVELS = (0.5, 0.9)
"""Probability inside the contours."""

_LINES = ("-", "--")  # of the contours
_EDGE = "0.15"
_COLUMNS, _ROWS = 721, 361  # half a degree
_HOURS = (20, 16, 12, 8, 4)  # shown from left to right: right ascension grows to the left, as seen from inside
_SHADES = LinearSegmentedColormap.from_list("density", ["#ffffff", "#cfe3f1", PALETTE[0]])


def _longitude(ra: float) -> float:
    """Place a right ascension [rad] on an axis from -pi to pi that has 12 h in the middle and grows to the left."""
    return math.pi - ra % (2.0 * math.pi)


def _area_text(area: float) -> str:
    """Write an area [deg^2] with three digits, whole above a hundred."""
    return f"{area:,.0f} deg²" if area >= 99.5 else f"{area:.3g} deg²"


def _shade(axes: Axes, sky_map: SkyMap) -> list[float]:
    """Draw the density and its contours; give the areas inside [deg^2]."""
    longitude = np.linspace(-math.pi, math.pi, _COLUMNS)
    latitude = np.linspace(-math.pi / 2, math.pi / 2, _ROWS)
    density = sky_map.density(math.pi - longitude[None, :], latitude[:, None])
    peak = float(density.max())
    # Gouraud's shading is linear between its points: every other one is enough, and quicker to paint.
    coarse = (longitude[::2], latitude[::2], density[::2, ::2])
    axes.pcolormesh(*coarse, cmap=_SHADES, vmin=0.0, vmax=peak, shading="gouraud", rasterized=True, zorder=0)
    for level, line in zip(LEVELS, _LINES, strict=True):
        edge = sky_map.contour_density(level)
        # On a flat map a contour would follow nothing but rounding.
        if density.min() < (1.0 - 1e-6) * edge and (1.0 + 1e-6) * edge < peak:
            axes.contour(longitude, latitude, density, [edge], colors=_EDGE, linewidths=1.1, linestyles=[line])
    return [sky_map.credible_area(level) for level in LEVELS]


@styled
def sky_figure(
    sky_map: SkyMap,
    *,
    truth: tuple[float, float] | None = None,
    detectors: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw a sky map in Mollweide's projection of equal areas.

    Contours hold 50 % and 90 % of the probability; the legend gives their areas and, for a
    true direction, the level at which the map finds it.

    Args:
        sky_map: The map.
        truth: True right ascension and declination [rad].
        detectors: Names of the detectors, for the legend; by default those of the map.
        title: Title; by default the name of the event.

    Returns:
        A figure of one panel; right ascension in hours, growing to the left.

    Raises:
        InputError: The true direction is none.
    """
    if truth is not None and len(truth) != 2:
        raise InputError(f"`sky_figure(truth=...)` has {len(truth)} numbers; give right ascension and declination")
    figure = Figure(figsize=(7.6, 4.9), layout="constrained")
    axes = figure.add_subplot(projection="mollweide")
    areas = _shade(axes, sky_map)
    handles = [
        Line2D([], [], color=_EDGE, linestyle=line, label=f"{100 * inside:g} %: {_area_text(area)}")
        for inside, line, area in zip(LEVELS, _LINES, areas, strict=True)
    ]
    if truth is not None:
        level = float(sky_map.credible_level(*truth))
        star: dict[str, Any] = {
            "marker": "*",
            "markersize": 13,
            "markerfacecolor": PALETTE[4],
            "markeredgecolor": TRUTH,
        }
        axes.plot(_longitude(truth[0]), truth[1], linestyle="none", zorder=5, **star)
        handles.append(Line2D([], [], linestyle="none", label=f"truth, at {100 * level:.0f} %", **star))
    names = tuple(detectors) or sky_map.detectors
    if names:
        handles.append(Line2D([], [], linestyle="none", label=" ".join(names)))
    axes.set_xticks([math.pi - hour * math.pi / 12.0 for hour in _HOURS], [f"{hour}$^h$" for hour in _HOURS])
    latitudes = (-60, -30, 0, 30, 60)
    axes.set_yticks(np.radians(latitudes), [f"{degrees}°" for degrees in latitudes])
    axes.grid(color="0.75", linewidth=0.5)
    axes.tick_params(axis="x", colors="0.35")
    axes.set_title(title or sky_map.name)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.6)
    return figure
