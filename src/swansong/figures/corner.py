"""The corner plot: all one- and two-dimensional marginals of one or two posteriors."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, interval_text, power_of_ten, styled
from swansong.inference.parameters import Parameter
from swansong.inference.posterior import Posterior

LEVELS = (0.5, 0.9)
"""Probability inside the contours of the two-dimensional marginals."""

_BINS = 40
_INCHES = 1.75  # of one panel


def _names(posterior: Posterior, comparison: Posterior | None, names: Sequence[str] | None) -> tuple[str, ...]:
    chosen = posterior.parameters.names if names is None else tuple(names)
    for other in (posterior, comparison):
        known = chosen if other is None else other.parameters.names
        missing = [name for name in chosen if name not in known]
        if missing:
            msg = f"`corner_figure(names=...)` has {missing[0]!r}, which a posterior lacks; give some of {list(known)}"
            raise InputError(msg)
    if not chosen:
        msg = "`corner_figure(names=...)` is empty; give at least one parameter"
        raise InputError(msg)
    return chosen


def _truth(posterior: Posterior, truth: Mapping[str, float] | None, names: tuple[str, ...]) -> dict[str, float]:
    if truth is None and posterior.truth is not None:
        truth = dict(zip(posterior.parameters.names, posterior.truth.tolist(), strict=True))
    return {name: float(value) for name, value in (truth or {}).items() if name in names}


def _limits(posteriors: Sequence[Posterior], name: str, truth: float | None) -> tuple[float, float]:
    """Span what all posteriors support, and the truth, within the parameter's own limits."""
    parameter = posteriors[0].parameters[name]
    if parameter.periodic:
        return parameter.minimum, parameter.maximum
    ends = np.concatenate([posterior.quantile(name, np.array([0.001, 0.999])) for posterior in posteriors])
    if truth is not None:
        ends = np.append(ends, truth)
    low, high = float(ends.min()), float(ends.max())
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - margin, high + margin
    # Limits are clipped to the prior's only when they leave room: a truth may lie outside.
    low = max(low, parameter.minimum) if truth is None or truth >= parameter.minimum else low
    high = min(high, parameter.maximum) if truth is None or truth <= parameter.maximum else high
    return (low, high) if low < high else (low - 1.0, high + 1.0)


@dataclass(frozen=True)
class _Axis:
    """How one parameter is shown: divided by a power of ten, so that ticks stay short."""

    name: str
    limits: tuple[float, float]
    power: int
    parameter: Parameter

    @property
    def scale(self) -> float:
        return 10.0**self.power

    @property
    def label(self) -> str:
        if not self.power:
            return self.parameter.label
        unit = f" {self.parameter.unit}" if self.parameter.unit else ""
        return f"{self.parameter.latex or self.name} [$10^{{{self.power}}}${unit}]"


def _axes(shown: Sequence[Posterior], names: tuple[str, ...], truth: Mapping[str, float]) -> list[_Axis]:
    axes = []
    for name in names:
        low, high = _limits(shown, name, truth.get(name))
        power = power_of_ten(max(abs(low), abs(high)))
        limits = (low / 10.0**power, high / 10.0**power)
        axes.append(_Axis(name, limits, power, shown[0].parameters[name]))
    return axes


def _columns(posterior: Posterior, axes: Sequence[_Axis]) -> Float[np.ndarray, "n names"]:
    return np.stack([axis.parameter.wrap(posterior[axis.name]) / axis.scale for axis in axes], axis=1)


def _corner(*args: Any, **kwargs: Any) -> None:
    """Call corner, which on its import loads ArviZ where that is installed: late, and without its notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from corner import corner

    corner(*args, **kwargs)


def _draw(figure: Figure, posterior: Posterior, axes: Sequence[_Axis], *, colour: str) -> None:
    _corner(
        _columns(posterior, axes),
        fig=figure,
        weights=None if posterior.log_weights is None else posterior.weights,
        labels=[axis.label for axis in axes],
        range=[axis.limits for axis in axes],
        bins=_BINS,
        smooth=1.0,
        levels=LEVELS,
        color=colour,
        plot_datapoints=False,
        plot_density=False,
        no_fill_contours=True,
        hist_kwargs={"density": True, "linewidth": 1.4},
        contour_kwargs={"linewidths": 1.2},
        labelpad=0.08,
        max_n_ticks=4,
        quiet=True,
    )


@styled
def corner_figure(
    posterior: Posterior,
    *,
    comparison: Posterior | None = None,
    truth: Mapping[str, float] | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw all one- and two-dimensional marginals.

    Samples count with their weights. Contours hold 50 % and 90 % of the probability. The
    title of a column is the median and central 90 % interval of `posterior`; a periodic
    parameter is shown over its whole period.

    Args:
        posterior: The posterior.
        comparison: Another posterior with the same parameters, drawn on top.
        truth: True values by name, in the units of the parameters; by default those that
            the posterior carries.
        names: Parameters to show, in this order; by default all.

    Returns:
        A figure of one row and one column for each parameter.

    Raises:
        InputError: A name is unknown, or none is given.
    """
    chosen = _names(posterior, comparison, names)
    true = _truth(posterior, truth, chosen)
    shown = [posterior] if comparison is None else [posterior, comparison]
    axes = _axes(shown, chosen, true)
    size = _INCHES * len(chosen) + 1.2
    figure = Figure(figsize=(size, size))
    for one, colour in zip(shown, PALETTE, strict=False):
        _draw(figure, one, axes, colour=colour)
    panels = np.array(figure.axes).reshape(len(chosen), len(chosen))
    summary = posterior.summary()
    for row, axis in enumerate(axes):
        diagonal = panels[row, row]
        # corner scales to the last histogram drawn; both have to fit.
        diagonal.set_ylim(0.0, 1.15 * max(float(np.max(patch.get_xy()[:, 1])) for patch in diagonal.patches))
        interval = summary[axis.name]
        title = interval_text(interval.median, interval.lower, interval.upper)
        named = axis.parameter.latex and not axis.power
        diagonal.set_title(f"{axis.parameter.latex} = {title}" if named else title, fontsize=10)
        _mark_truth(panels[row, : row + 1], axes[: row + 1], true)
    _legend(figure, shown, with_truth=bool(true))
    return figure


def _mark_truth(panels: np.ndarray, axes: Sequence[_Axis], truth: Mapping[str, float]) -> None:
    """Mark the true values in one row of panels, of which the last is on the diagonal."""
    style: dict[str, Any] = {"color": TRUTH, "linewidth": 0.9, "linestyle": "--"}
    for panel, axis in zip(panels, axes, strict=True):
        if axis.name in truth:
            panel.axvline(truth[axis.name] / axis.scale, **style)
        if panel is not panels[-1] and axes[-1].name in truth:
            panel.axhline(truth[axes[-1].name] / axes[-1].scale, **style)


def _legend(figure: Figure, shown: Sequence[Posterior], *, with_truth: bool) -> None:
    handles = [
        Line2D([], [], color=colour, label=f"{one.estimator or 'posterior'} ({one.effective_samples:,.0f} effective)")
        for one, colour in zip(shown, PALETTE, strict=False)
    ]
    if with_truth:
        handles.append(Line2D([], [], color=TRUTH, linestyle="--", label="truth"))
    figure.legend(handles=handles, loc="upper right", fontsize=10)
