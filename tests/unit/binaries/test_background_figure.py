"""The figure of a background."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.binaries_background import background_figure

FREQUENCY = np.geomspace(1e-9, 1e-7, 12)
STRAIN = 1e-15 * (FREQUENCY / 3e-8) ** (-2 / 3)


def test_figure_shows_all_that_is_given():
    bins = np.array([2e-9, 4e-9, 6e-9])
    band = np.outer([0.9, 1.0, 1.1], np.interp(bins, FREQUENCY, STRAIN))
    figure = background_figure(
        FREQUENCY, STRAIN, circular=1.1 * STRAIN, bins=bins, band=band, quoted={"array": (1e-15, 2e-15, 3e-15)},
        turnover=3e-9, title="a background",
    )  # fmt: skip
    axes = figure.axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"68 %", "median of finite universes", "mean", "turnover", "array"} < set(labels)
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["mean"].get_ydata(), STRAIN)
    assert lines["turnover"].get_xdata() == pytest.approx([3e-9])


def test_figure_of_a_spectrum_alone():
    axes = background_figure(FREQUENCY, STRAIN, turnover=float("nan")).axes[0]
    assert [line.get_label() for line in axes.lines] == ["mean"]


def test_shapes_must_agree():
    with pytest.raises(InputError, match="one strain"):
        background_figure(FREQUENCY, STRAIN[:-1])
    with pytest.raises(InputError, match="both or neither"):
        background_figure(FREQUENCY, STRAIN, bins=FREQUENCY)
