import numpy as np
import pytest
from scipy import stats

from swansong.core.errors import InputError
from swansong.figures import binomial_interval, detection_figure, roc_figure, save_figure, scan_figure


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_binomial_interval_has_the_known_ends():
    lower, upper = binomial_interval([0, 10, 4], [10, 10, 10], probability=0.9)
    assert (lower[0], upper[1]) == (0.0, 1.0)
    assert upper[0] == pytest.approx(1.0 - 0.05**0.1)
    assert lower[1] == pytest.approx(0.05**0.1)
    exact = stats.binomtest(4, 10).proportion_ci(0.9, method="exact")
    assert (lower[2], upper[2]) == pytest.approx((exact.low, exact.high))


def test_detection_curves_are_the_fractions_in_bins():
    snr = np.array([1.0, 2.0, 5.0, 6.0, 7.0, 11.0, 30.0])
    loose = np.array([False, True, True, True, True, True, False])
    strict = np.array([False, False, False, False, True, True, False])
    figure = detection_figure(snr, {0.001: strict, 0.1: loose}, edges=[0, 4, 8, 10, 12])
    (axes,) = figure.axes
    assert texts(axes.get_legend()) == ["0.1", "0.001"]
    first, second = axes.lines
    # The bin from 8 to 10 is empty, and 30 lies beyond the last edge.
    np.testing.assert_allclose(first.get_xydata(), [[1.5, 0.5], [6.0, 1.0], [11.0, 1.0]])
    np.testing.assert_allclose(second.get_ydata(), [0.0, 1 / 3, 1.0])
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() <= 1.0
    assert band[:, 1].min() == pytest.approx(binomial_interval(1, 2)[0])
    assert (first.get_marker(), first.get_linestyle()) != (second.get_marker(), second.get_linestyle())
    assert axes.get_title() == "7 signals, bands 90 %"


def test_default_bins_hold_every_signal():
    snr = np.linspace(0.5, 12.0, 24)
    figure = detection_figure(snr, {0.01: snr > 6.0}, title="mine")
    line = figure.axes[0].lines[0]
    assert line.get_xdata().mean() == pytest.approx(snr.mean(), rel=0.05)
    assert (line.get_ydata()[0], line.get_ydata()[-1]) == (0.0, 1.0)
    assert figure.axes[0].get_title() == "mine"


def test_roc_of_shifted_normals_is_the_analytic_one():
    rng = np.random.default_rng(0)
    noise, quiet, loud = rng.normal(size=4000), rng.normal(1.0, 1.0, 4000), rng.normal(3.0, 1.0, 4000)
    snr = np.repeat([1.5, 9.0], 4000)
    figure = roc_figure(noise, np.append(quiet, loud), snr=snr, edges=[0, 4, 6, 12])
    assert texts(figure.legends[0]) == ["by chance", "6 to 12  (4000)", "0 to 4  (4000)"]
    chance, high, low = figure.axes[0].lines
    assert np.array_equal(chance.get_xdata(), chance.get_ydata())
    for line, shift in ((low, 1.0), (high, 3.0)):
        found = np.interp([0.01, 0.1, 0.5], *line.get_xydata().T)
        assert found == pytest.approx(stats.norm.sf(stats.norm.isf([0.01, 0.1, 0.5]) - shift), abs=0.05)
        assert (np.diff(line.get_ydata()) >= 0.0).all()
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlim() == pytest.approx((1 / 4000, 1.0))


def test_roc_counts_ties_as_detected():
    figure = roc_figure([1.0, 2.0], [2.0, 1.0, 0.0], snr=[5.0, 5.0, 5.0], edges=[0, 10])
    np.testing.assert_allclose(figure.axes[0].lines[1].get_xydata(), [[0.5, 1 / 3], [1.0, 2 / 3]])


def test_scan_marks_candidates_at_their_peaks(tmp_path):
    times = 1370692818.25 + 0.5 * np.arange(100)
    statistic = np.zeros(100)
    statistic[[20, 60]] = [9.0, 14.0]
    statistic[30:35] = np.nan
    figure = scan_figure(
        times, statistic, candidates=[times[20] + 0.1, times[60]], thresholds={0.01: 8.0, 0.1: 5.0}, label="ln B"
    )
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Time since GPS 1370692818 [s]"
    assert axes.get_ylabel() == "ln B"
    assert axes.get_title() == "2 candidates"
    np.testing.assert_allclose(axes.lines[-1].get_xydata(), [[10.35, 9.0], [30.25, 14.0]])
    assert np.isnan(axes.lines[0].get_ydata()).sum() == 5
    assert [line.get_ydata()[0] for line in axes.lines[1:3]] == [5.0, 8.0]
    assert texts(figure.legends[0]) == ["false alarm 0.1", "false alarm 0.01", "candidate"]
    save_figure(figure, tmp_path / "scan.png")


def test_scan_of_short_times_and_nothing_found():
    figure = scan_figure(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    assert figure.axes[0].get_xlabel() == "Time [s]"
    assert (figure.axes[0].get_title(), figure.legends) == ("0 candidates", [])
    single = scan_figure(np.array([3.0]), np.array([1.0]), candidates=[3.0])
    assert single.axes[0].lines[-1].get_xydata().tolist() == [[3.0, 1.0]]


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: detection_figure(np.zeros(0), {0.1: np.zeros(0)}), "at least one"),
        (lambda: detection_figure(np.ones(3), {}), "is empty"),
        (lambda: detection_figure(np.ones(3), {0.1: np.ones(2)}), "3 numbers"),
        (lambda: detection_figure(np.array([1.0, np.nan]), {0.1: np.ones(2)}), "NaN"),
        (lambda: detection_figure(np.ones(3), {0.1: np.ones(3)}, edges=[2, 1]), "increase"),
        (lambda: detection_figure(np.ones(3), {0.1: np.ones(3)}, edges=[2, 3]), "no signal"),
        (lambda: roc_figure(np.ones(0), np.ones(3), snr=np.ones(3), edges=[0, 2]), "noise"),
        (lambda: roc_figure(np.ones(3), np.ones(3), snr=np.ones(2), edges=[0, 2]), "3 numbers"),
        (lambda: roc_figure(np.ones(3), np.ones(3), snr=np.ones(3), edges=[5, 6]), "no signal"),
        (lambda: scan_figure(np.array([1.0, 0.0]), np.zeros(2)), "increasing"),
        (lambda: scan_figure(np.arange(3.0), np.zeros(2)), "shape"),
        (lambda: scan_figure(np.arange(3.0), np.zeros(3), candidates=[7.0]), "of this scan"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
