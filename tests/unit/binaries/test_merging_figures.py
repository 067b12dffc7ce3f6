"""Figures of mergers: what is drawn, and what is refused."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.binaries_merging import evolution_figure, merger_bars_figure, merger_times_figure


@pytest.mark.parametrize("takeover, scale", [(None, "linear"), (60.0, "linear"), (20.0, "linear"), (2.0, "log")])
def test_the_orbit_is_drawn_with_its_take_over(takeover, scale):
    time = np.linspace(0.0, 100.0, 50)
    figure = evolution_figure(
        time, axis=np.geomspace(1.0, 1e-3, 50), eccentricity=np.full(50, 0.5), takeover=takeover, length_unit="pc",
        time_unit="Myr", title="a pair",
    )  # fmt: skip
    upper, lower = figure.axes
    assert (upper.get_xscale(), upper.get_yscale()) == (scale, "log")
    assert upper.get_ylabel() == "Semi-major axis [pc]"
    assert lower.get_xlabel() == "Time [Myr]"
    assert len(upper.lines) == 1 + (takeover is not None)
    np.testing.assert_array_equal(upper.lines[0].get_xdata(), time)


def test_merger_times_are_counted_and_stalled_pairs_told():
    times = np.array([10.0, 20.0, 30.0, np.inf])
    counts, shares = merger_times_figure(times, time_unit="Myr").axes
    assert sum(patch.get_height() for patch in counts.patches) == 3
    np.testing.assert_allclose(shares.lines[0].get_ydata(), [0.25, 0.5, 0.75])
    assert counts.get_title() == "4 pairs, 1 of them stalled"
    # One pair, or none that merges, is no error.
    assert merger_times_figure([5.0]).axes
    assert merger_times_figure([np.inf]).axes


def test_bars_stand_beside_each_other():
    figure = merger_bars_figure(
        ["a", "b"], {"N-body": [100.0, 200.0], "surrogate": [110.0, np.inf]},
        intervals={"surrogate": [[90.0, 130.0], [150.0, np.inf]]}, time_unit="Myr",
    )  # fmt: skip
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == [100.0, 200.0, 110.0]
    assert [text.get_text() for text in axes.texts] == ["stalled"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["N-body", "surrogate"]
    assert axes.get_yscale() == "linear"
    assert merger_bars_figure(["a", "b"], {"x": [1.0, 1e3]}).axes[0].get_yscale() == "log"


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: evolution_figure([], axis=[], eccentricity=[]), "one value a time"),
        (lambda: evolution_figure([0.0, 1.0], axis=[1.0], eccentricity=[0.0, 0.0]), "one value a time"),
        (lambda: merger_times_figure([]), "empty"),
        (lambda: merger_bars_figure([], {}), "no runs"),
        (lambda: merger_bars_figure(["a"], {"x": [1.0, 2.0]}), "does not fit 1 runs"),
        (lambda: merger_bars_figure(["a"], {"x": [1.0]}, intervals={"x": [1.0, 2.0]}), "two ends"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
