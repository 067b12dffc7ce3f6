"""Training curves: is it still learning, and is it still generalising?"""

import numpy as np
from matplotlib.figure import Figure

from swansong.core.errors import InputError
from swansong.figures.style import PALETTE, TRUTH, styled
from swansong.learning.history import History


@styled
def training_figure(history: History, *, title: str = "") -> Figure:
    """Draw training and validation loss against the step, and the learning rate.

    The best step is that of the lowest validation loss, or of the lowest training loss
    where there was no validation. Losses that are not finite leave a gap.

    Args:
        history: What the training loop recorded.
        title: Title of the figure.

    Returns:
        A figure of one panel, with the learning rate on a second, logarithmic axis.

    Raises:
        InputError: The history has no entry.
    """
    if len(history) == 0:
        msg = "`training_figure(history)` has no entries; give the history of a training that took steps"
        raise InputError(msg)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    lines = []
    marker = "o" if len(history) == 1 else ""
    curves = {"training": history.train_loss, "validation": history.validation_loss}
    curves = {name: np.where(np.isfinite(values), values, np.nan) for name, values in curves.items()}
    for colour, (name, values) in zip(PALETTE, curves.items(), strict=False):
        if not np.isnan(values).all():
            lines += axes.plot(history.steps, values, color=colour, label=name, marker=marker)
    judged = "training" if np.isnan(curves["validation"]).all() else "validation"
    if not np.isnan(curves[judged]).all():
        best = int(np.nanargmin(curves[judged]))
        step, loss = int(history.steps[best]), float(curves[judged][best])
        label = f"best {judged}: {loss:.4g} at step {step:,}"
        lines += axes.plot(
            [step], [loss], color=TRUTH, marker="o", markerfacecolor="none", linestyle="none", label=label
        )
    axes.set(xlabel="Step", ylabel="Loss")
    axes.set_title(title)
    rate = axes.twinx()
    rate.spines["right"].set_visible(True)
    # A schedule may end at zero, which has no place on a logarithmic axis.
    rates = np.where(np.asarray(history.learning_rate) > 0.0, history.learning_rate, np.nan)
    lines += rate.plot(history.steps, rates, color="0.6", linewidth=1.0, label="learning rate", marker=marker)
    if not np.isnan(rates).all():
        rate.set_yscale("log")
    rate.set_ylabel("Learning rate", color="0.45")
    # The losses are what the figure is about: they lie over the learning rate.
    axes.set_zorder(rate.get_zorder() + 1)
    axes.patch.set_visible(False)
    figure.legend(handles=lines, loc="outside upper center", ncols=4)
    return figure
