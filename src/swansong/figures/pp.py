"""The P-P plot: are intervals as often right as they claim?"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import stats

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, styled
from swansong.inference.diagnostics import PPTest, pp_bands

_DASHES = ("-", "--", ":")
_GREYS = {3.0: "0.93", 2.0: "0.87", 1.0: "0.79"}  # of the bands, widest first
_POINTS = 501


def _checked(levels: Mapping[str, Float[np.ndarray, "n"]] | PPTest) -> dict[str, np.ndarray]:
    if isinstance(levels, PPTest):
        levels = dict(zip(levels.ks_p, levels.levels.T, strict=True))
    checked = {name: np.sort(np.asarray(values, dtype=float)) for name, values in levels.items()}
    if not checked or len({values.shape for values in checked.values()}) != 1:
        msg = "`pp_figure(levels)` has no or unequally many levels for its parameters; give one for each injection"
        raise InputError(msg)
    for name, values in checked.items():
        if values.ndim != 1 or values.size == 0 or not ((values >= 0.0) & (values <= 1.0)).all():
            msg = f"`pp_figure(levels)` has levels of {name!r} that are not within 0 and 1; give credible levels"
            raise InputError(msg)
    return checked


@styled
def pp_figure(
    levels: Mapping[str, Float[np.ndarray, "n"]] | PPTest,
    *,
    labels: Mapping[str, str] | None = None,
    p_values: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw the fraction of injections below each credible level, with 1, 2 and 3 sigma bands.

    Args:
        levels: Credible level at which the truth was found, by parameter: ``(n,)`` numbers
            in [0, 1], one for each injection; or the result of `pp_test`.
        labels: Labels by parameter, for example in TeX; by default the names.
        p_values: p-values by parameter; by default those of the Kolmogorov-Smirnov test
            against the uniform law.
        title: Title; by default the number of injections.

    Returns:
        A figure of one curve for each parameter, with the p-values in its legend.

    Raises:
        InputError: There are no levels, they differ in number or leave [0, 1].
    """
    checked = _checked(levels)
    if p_values is None and isinstance(levels, PPTest):
        p_values = levels.ks_p
    n = len(next(iter(checked.values())))
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes = figure.subplots()
    bands = pp_bands(n, tuple(_GREYS), points=_POINTS)
    for sigma, lower, upper in zip(bands.sigmas, bands.lower, bands.upper, strict=True):
        grey, label = _GREYS[sigma], f"{sigma:g}$\\sigma$"
        axes.fill_between(bands.levels, lower, upper, color=grey, linewidth=0, label=label)
    axes.plot([0, 1], [0, 1], color="0.45", linewidth=0.8)
    curves = []
    for count, (name, values) in enumerate(checked.items()):
        p_value = (p_values or {}).get(name)
        p_value = float(stats.kstest(values, "uniform").pvalue) if p_value is None else p_value
        (curve,) = axes.step(
            np.concatenate([[0.0], values, [1.0]]),
            np.concatenate([[0.0], np.arange(1, n + 1) / n, [1.0]]),
            where="post",
            color=PALETTE[count % len(PALETTE)],
            linestyle=_DASHES[count // len(PALETTE) % len(_DASHES)],
            label=f"{(labels or {}).get(name, name)}  (p = {p_value:.2g})",
        )
        curves.append(curve)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Credible level", ylabel="Fraction of injections below")
    axes.set_aspect("equal")
    axes.set_title(title or f"{n} injections")
    axes.legend(handles=curves, loc="upper left")
    return figure
