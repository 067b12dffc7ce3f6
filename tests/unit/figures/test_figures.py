import re

import matplotlib
import numpy as np
import pytest
from scipy import stats

from swansong.core.errors import InputError, OutputError
from swansong.figures import corner_figure, interval_text, pp_figure, save_figure, strain_figure, training_figure
from swansong.figures.style import power_of_ten
from swansong.inference.diagnostics import PPTest
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.posterior import Posterior
from swansong.learning.history import History

PARAMETERS = Parameters(
    [
        Parameter("final_mass", unit="s", latex="$M_f$", minimum=20.0, maximum=150.0),
        Parameter("amplitude", latex="$A$", minimum=0.0, maximum=1e-20),
        Parameter("phase", latex="$\\phi$", unit="rad", minimum=0.0, maximum=2 * np.pi, periodic=True),
    ]
)


def make(n=800, *, seed=0, weighted=False, truth=True):
    rng = np.random.default_rng(seed)
    samples = np.stack(
        [rng.normal(70, 6, n), np.abs(rng.normal(2e-21, 4e-22, n)), np.mod(rng.normal(0.2, 0.4, n), 2 * np.pi)], axis=1
    )
    return Posterior(
        PARAMETERS,
        samples,
        log_weights=rng.normal(size=n) if weighted else None,
        truth=np.array([68.0, 2.1e-21, 0.1]) if truth else None,
        estimator="flow" if weighted else "exact",
    )


@pytest.fixture(scope="module")
def corner():
    return corner_figure(make(weighted=True), comparison=make(seed=1))


def panels(figure, n):
    return np.array(figure.axes).reshape(n, n)


def test_corner_labels_titles_and_legend(corner):
    grid = panels(corner, 3)
    assert [axes.get_xlabel() for axes in grid[-1]] == ["$M_f$ [s]", "$A$ [$10^{-21}$]", "$\\phi$ [rad]"]
    assert grid[0, 0].get_title().startswith("$M_f$ = $")
    assert grid[1, 1].get_title().endswith("\\times 10^{-21}$")
    texts = [text.get_text() for text in corner.legends[0].get_texts()]
    assert texts[1:] == ["exact (800 effective)", "truth"]
    assert texts[0].startswith("flow (")


def test_corner_marks_the_truth_in_the_units_of_the_axis(corner):
    grid = panels(corner, 3)
    dashed = [line for line in grid[1, 0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed[:1]] == [68.0]
    assert dashed[1].get_ydata()[0] == pytest.approx(2.1)
    assert sum(line.get_linestyle() == "--" for line in grid[2, 2].lines) == 1


def test_corner_limits_hold_truth_and_period(corner):
    grid = panels(corner, 3)
    assert grid[2, 2].get_xlim() == pytest.approx((0, 2 * np.pi))
    low, high = grid[0, 0].get_xlim()
    assert 20 <= low < 55
    assert 85 < high <= 150
    far = corner_figure(make(truth=False), truth={"final_mass": 160.0}, names=["final_mass"])
    assert far.axes[0].get_xlim()[1] > 160.0


def test_corner_counts_weights():
    posterior = make(4000, truth=False)
    heavy = np.where(posterior["final_mass"] > 75.0, 0.0, -50.0)
    figure = corner_figure(
        Posterior(PARAMETERS, posterior.samples, log_weights=heavy), names=["final_mass", "amplitude"]
    )
    outline = panels(figure, 2)[0, 0].patches[0].get_xy()
    assert outline[outline[:, 1] > 0.0, 0].min() > 74.0
    assert len(figure.axes) == 4


def test_corner_survives_a_handful_of_samples_and_a_constant_parameter():
    samples = np.tile([70.0, 2e-21, 1.0], (7, 1))
    samples[:, 0] += np.arange(7)
    corner_figure(Posterior(PARAMETERS, samples))


def test_corner_refuses_unknown_names():
    with pytest.raises(InputError, match="has 'spin', which a posterior lacks"):
        corner_figure(make(), names=["spin"])
    other = Posterior(Parameters(["spin"]), np.zeros((3, 1)))
    with pytest.raises(InputError, match="'final_mass'"):
        corner_figure(make(), comparison=other)
    with pytest.raises(InputError, match="is empty"):
        corner_figure(make(), names=[])


@pytest.mark.parametrize(
    "numbers, text",
    [
        ((68.04, 65.1, 71.2), "$68.0^{+3.2}_{-2.9}$"),
        ((0.6912, 0.5, 0.8), "$0.69^{+0.11}_{-0.19}$"),
        ((2e-21, 1.5e-21, 3e-21), "$(2.00^{+1.00}_{-0.50}) \\times 10^{-21}$"),
        ((1234.0, 1000.0, 1500.0), "$1234^{+266}_{-234}$"),
        ((0.0, 0.0, 0.0), "$0$"),
        ((1.0, 1.0, 1.0), "$1.000^{+0.000}_{-0.000}$"),
    ],
)
def test_interval_text(numbers, text):
    assert interval_text(*numbers) == text


def test_power_of_ten():
    assert [power_of_ten(size) for size in (3e-21, 1e-3, 0.0, 99999.0, 1e5, np.inf)] == [-21, 0, 0, 0, 5, 0]


def test_pp_bands_are_drawn_where_the_binomial_law_has_them():
    (axes,) = pp_figure({"a": np.linspace(0.0, 1.0, 100)}).axes
    widest, _, narrowest = (band.get_paths()[0].vertices for band in axes.collections)
    middle = narrowest[np.isclose(narrowest[:, 0], 0.5), 1]
    assert (middle.min(), middle.max()) == pytest.approx((0.45, 0.55))
    middle = widest[np.isclose(widest[:, 0], 0.5), 1]
    assert stats.binom(100, 0.5).cdf(100 * middle.min()) == pytest.approx(stats.norm.sf(3.0), rel=0.5)


def test_pp_figure_of_a_test_shows_its_p_values():
    test = PPTest({"mass": 0.25, "spin": 0.5}, 0.3, np.array([[0.1, 0.2], [0.6, 0.9], [0.8, 0.4]]))
    axes = pp_figure(test).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mass  (p = 0.25)", "spin  (p = 0.5)"]
    assert axes.lines[2].get_xdata()[1:-1].tolist() == [0.2, 0.4, 0.9]


def test_pp_figure_counts_what_lies_below():
    levels = {"final_mass": np.array([0.9, 0.1, 0.2, 0.3]), "phase": np.array([0.5, 0.6, 0.7, 0.8])}
    figure = pp_figure(levels, labels={"phase": "$\\phi$"}, p_values={"phase": 0.123})
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Credible level", "Fraction of injections below")
    assert axes.get_title() == "4 injections"
    assert len(axes.collections) == 3
    assert len(axes.lines) == 3  # the diagonal and two parameters
    x, y = axes.lines[1].get_data()
    assert y[np.searchsorted(x, 0.3, side="right") - 1] == 0.75
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    expected = stats.kstest(levels["final_mass"], "uniform").pvalue
    assert texts == [f"final_mass  (p = {expected:.2g})", "$\\phi$  (p = 0.12)"]


@pytest.mark.parametrize(
    "levels",
    [{}, {"a": np.array([])}, {"a": np.array([1.2])}, {"a": np.array([np.nan])}, {"a": [0.1], "b": [0.1, 0.2]}],
)
def test_pp_refuses_what_are_no_levels(levels):
    with pytest.raises(InputError, match="`pp_figure"):
        pp_figure(levels)


def test_strain_figure_rows_units_and_bands():
    times = np.arange(100) / 4096
    data = {"H1": np.zeros(100), "L1": np.ones(100)}
    bands = {"H1": (data["H1"] - 1, data["H1"], data["H1"] + 1)}
    figure = strain_figure(times, data, bands=bands, truth={"L1": data["L1"]})
    assert [axes.get_ylabel() for axes in figure.axes] == ["H1 [$\\sigma$]", "L1 [$\\sigma$]"]
    assert figure.axes[-1].get_xlabel() == "Time since start [ms]"
    assert figure.axes[0].lines[0].get_xdata()[-1] == pytest.approx(99e3 / 4096)
    assert [len(axes.collections) for axes in figure.axes] == [1, 0]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["data", "signal, 90 %", "median", "injected"]
    assert strain_figure(times * 100, data).axes[-1].get_xlabel() == "Time since start [s]"


def test_strain_figure_refuses_what_does_not_fit():
    times = np.arange(4.0)
    with pytest.raises(InputError, match="0 detectors"):
        strain_figure(times, {})
    with pytest.raises(InputError, match="one number for each of the 4 times"):
        strain_figure(times, {"H1": np.zeros(3)})
    with pytest.raises(InputError, match="has 'V1'"):
        strain_figure(times, {"H1": np.zeros(4)}, bands={"V1": (times, times, times)})


def history(validation):
    steps = np.array([10, 20, 30, 40])
    return History(
        steps=steps,
        train_loss=np.array([4.0, 3.0, 2.0, 1.0]),
        validation_loss=np.array(validation),
        learning_rate=np.array([1e-3, 1e-3, 1e-4, 0.0]),
        seconds=np.arange(4.0),
    )


def test_training_figure_marks_the_best_step():
    figure = training_figure(history([4.0, 2.5, np.inf, 3.0]), title="flow")
    axes, rate = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), rate.get_ylabel()) == ("Step", "Loss", "Learning rate")
    assert rate.get_yscale() == "log"
    assert axes.lines[-1].get_xydata().tolist() == [[20.0, 2.5]]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["training", "validation", "best validation: 2.5 at step 20", "learning rate"]


def test_training_figure_without_validation():
    figure = training_figure(history([np.nan] * 4))
    assert [line.get_label() for line in figure.axes[0].lines] == ["training", "best training: 1 at step 40"]
    with pytest.raises(InputError, match="has no entries"):
        training_figure(History())


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_figures_are_saved_reproducibly(tmp_path, suffix):
    for name in "ab":
        save_figure(pp_figure({"a": np.linspace(0.1, 0.9, 5)}), tmp_path / f"{name}{suffix}")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
    assert first == second
    assert len(first) > 3000
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]
    with pytest.raises(OutputError):
        save_figure(pp_figure({"a": np.array([0.5])}), tmp_path)


def test_figures_neither_heed_nor_change_the_users_settings():
    with matplotlib.rc_context({"font.size": 33.0, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        figure = pp_figure({"a": np.array([0.5])})
        assert dict(matplotlib.rcParams) == before
    assert figure.axes[0].xaxis.label.get_size() == 11
    assert re.fullmatch("DejaVu Sans", figure.axes[0].title.get_fontname())
