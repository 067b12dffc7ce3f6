"""Figures of amplitudes show the numbers that they are given, and refuse what does not fit."""

import re

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.amplitude_errors import error_map_figure, mode_error_figure, strongest_modes_figure
from swansong.figures.amplitudes import inclination_scan_figure, mode_map_figure, power_spectrum_figure
from swansong.figures.style import PALETTE, save_figure

GENERIC = np.array([[2, 2, 0, 0], [2, 2, 0, 1], [2, 2, -2, -1], [3, 3, 0, 5], [2, 2, 1, 0]])


def heights(axes):
    return {round(bar.get_x() + 0.5 * bar.get_width(), 6): bar.get_height() for bar in axes.patches}


def colours(collection):
    return tuple(collection.get_colors()[0][:3])


def test_a_map_shows_each_mode_of_the_strongest_degree_and_order_in_its_cell(tmp_path):
    figure = mode_map_figure(GENERIC, np.array([4.0, 0.4, 0.004, 3.9, 4e-12]))
    axes = figure.axes[0]
    image = axes.images[0]
    cells = np.asarray(image.get_array().filled(np.nan))
    # k from -2 to 0 and n from -1 to 1; the mode far below the strongest has no place.
    assert image.get_extent() == [-1.5, 1.5, -2.5, 0.5]
    expected = np.full((3, 3), np.nan)
    expected[2, 1], expected[2, 2], expected[0, 0] = 0.0, -1.0, -3.0
    np.testing.assert_allclose(cells, expected, atol=1e-12)
    assert "l = 2, m = 2" in axes.get_title()
    save_figure(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 0


@pytest.mark.parametrize("column, label", [(3, "n"), (2, "k")])
def test_modes_along_one_index_are_bars(column, label):
    modes = np.tile([3, 1, 0, 0], (3, 1))
    modes[:, column] = [2, -1, 0]
    axes = mode_map_figure(modes, np.array([1.0, 5.0, 0.5]), title="mine").axes[0]
    assert (axes.get_xlabel(), axes.get_title()) == (label, "mine")
    assert heights(axes) == pytest.approx({2.0: 0.2, -1.0: 1.0, 0.0: 0.1})
    assert axes.get_ylim()[0] < 0.1


def test_a_circular_equatorial_orbit_shows_degrees_and_orders():
    modes = np.array([[3, 3, 0, 0], [2, 2, 0, 0], [2, 1, 0, 0]])
    axes = mode_map_figure(modes, np.array([1.0, 10.0, 0.1])).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["(2, 2)", "(3, 3)", "(2, 1)"]
    assert heights(axes) == pytest.approx({0.0: 1.0, 1.0: 0.1, 2.0: 0.01})


def test_a_spectrum_has_a_line_at_each_frequency_in_the_colour_of_its_order():
    modes = np.array([[2, 2, 0, 0], [2, -2, 0, 1], [3, 3, 0, 0], [4, 4, 0, 0]])
    w, power = np.array([0.2, 0.3, 0.4, 0.5]), np.array([1.0, 0.2, 0.1, 1e-12])
    figure = power_spectrum_figure(w, power, modes, title="mine")
    axes = figure.axes[0]
    drawn = {
        (segment[1][0], segment[1][1]): colours(lines)
        for lines in axes.collections
        for segment in lines.get_segments()
        if len(segment)
    }
    assert set(drawn) == {(0.2, 1.0), (0.3, 0.2), (0.4, 0.1)}, "the weakest lies below the axis"
    assert drawn[0.2, 1.0] == drawn[0.3, 0.2] != drawn[0.4, 0.1]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["m = 2", "m = 3", "m = 4"]


def test_a_spectrum_of_many_orders_names_the_strongest_and_draws_all():
    m = np.arange(1, 11)
    modes = np.column_stack([np.full(10, 10), m, 0 * m, 0 * m])
    figure = power_spectrum_figure(0.1 * m, 2.0 ** -m.astype(float), modes)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [f"m = {order}" for order in range(1, 7)] + ["other m"]
    assert len(labels) == len(PALETTE)
    assert sum(len(lines.get_segments()) for lines in figure.axes[0].collections) == 10


def test_errors_stand_by_class_with_the_baseline_beside():
    errors = {"SC": [1e-12, 1e-10, 1e-11], "KG": np.array([1e-6])}
    baseline = {"SC": [1e-4, 1e-4, 1e-4], "KG": [1e-2]}
    figure = mode_error_figure(errors, baseline=baseline, names=("lowrank", "kludge"))
    axes = figure.axes[0]
    medians = sorted(line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 2.0)
    np.testing.assert_allclose(medians, [-11.0, -6.0, -4.0, -2.0])
    assert len(axes.collections) == 1, "a violin only where there is a density"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["SC", "KG"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["lowrank", "kludge"]
    assert "4 orbits" in axes.get_title()


def test_an_error_of_zero_is_drawn_at_the_rounding():
    axes = mode_error_figure({"SC": [0.0]}).axes[0]
    assert min(line.get_ydata().min() for line in axes.lines) == -16.0


@pytest.mark.parametrize(
    "modes, power",
    [(GENERIC, np.ones(4)), (GENERIC[:, :3], np.ones(5)), (GENERIC, np.zeros(5)), (GENERIC, [1.0, -1.0, 0.0, 0.0, 0.0]),
     (GENERIC, [np.nan, 1.0, 1.0, 1.0, 1.0]), (GENERIC[:0], [])],
)  # fmt: skip
def test_modes_without_fitting_power_are_refused(modes, power):
    with pytest.raises(InputError, match="mode_map_figure"):
        mode_map_figure(modes, power)
    with pytest.raises(InputError, match="power_spectrum_figure"):
        power_spectrum_figure(np.ones(len(power)), power, modes)


def test_a_spectrum_needs_a_frequency_for_each_line():
    with pytest.raises(InputError, match="5 lines"):
        power_spectrum_figure(np.ones(3), np.ones(5), GENERIC)


@pytest.mark.parametrize(
    "errors, baseline, said",
    [({}, None, "lacks an orbit"), ({"SC": []}, None, "lacks an orbit"), ({"SC": [np.nan]}, None, "not finite"),
     ({"SC": [1e-3]}, {"KG": [1e-3]}, "classes KG, not SC")],
)  # fmt: skip
def test_errors_that_cannot_be_drawn_are_refused(errors, baseline, said):
    with pytest.raises(InputError, match=said):
        mode_error_figure(errors, baseline=baseline)


def test_an_error_map_puts_each_orbit_at_its_signed_spin_with_the_worst_on_top(tmp_path):
    orbits = np.array([[0.9, 10.0, 0.1, -0.5], [0.9, 3.0, 0.2, 1.0], [0.0, 7.0, 0.0, 1.0]])
    figure = error_map_figure(orbits, np.array([1e-3, 1e-2, 0.0]))
    axes = figure.axes[0]
    points = axes.collections[0]
    np.testing.assert_allclose(points.get_offsets(), [[0.0, 7.0], [-0.9, 10.0], [0.9, 3.0]])
    np.testing.assert_allclose(points.get_array(), [-16.0, -3.0, -2.0])
    assert "3 orbits, E = 0.01" in axes.get_title()
    save_figure(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 0


def test_the_strongest_modes_stand_side_by_side_with_their_errors_below():
    w = np.array([0.2, 0.1, -0.4, 0.3, 0.1])
    true = np.array([2.0, 0.5j, 8.0, 0.3, 0.0])
    found = {"lowrank": true * [1.0, 1.1, 1.0, 1.0, 1.0], "kludge": true * [1.0j, 1.0, 0.5, 1.0, 1.0]}
    figure = strongest_modes_figure(GENERIC, frequencies=w, true=true, found=found, most=3, title="mine")
    upper, lower = figure.axes
    names = [text.get_text() for text in lower.get_xticklabels()]
    assert names == ["(2, 2, -2, -1)", "(2, 2, 0, 0)", "(2, 2, 0, 1)"], "by |Z / w|, 20 and 10 and 5"
    np.testing.assert_allclose(np.reshape([bar.get_height() for bar in upper.patches], (3, 3)),
                               [[20.0, 10.0, 5.0], [20.0, 10.0, 5.5], [10.0, 10.0, 5.0]])  # fmt: skip
    errors = [line.get_ydata() for line in lower.lines]
    np.testing.assert_allclose(errors, [[1e-16, 1e-16, 0.1], [0.5, 2.0**0.5, 1e-16]], rtol=1e-9)
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["solved", "lowrank", "kludge"]
    # A mode without any amplitude has no relative error, and no place.
    more = strongest_modes_figure(GENERIC, frequencies=w, true=true, found=found)
    assert len(more.axes[1].get_xticks()) == 4


def test_a_scan_follows_phases_and_leaves_out_what_has_none():
    x = np.linspace(-1.0, 1.0, 9)
    turning = np.exp(4.0j * x)
    fading = np.where(x < 0.0, 1e-7, 1.0) * 1.0j
    figure = inclination_scan_figure(x, GENERIC[:2], np.column_stack([2.0 * turning, fading]), title="mine")
    upper, lower = figure.axes
    np.testing.assert_allclose(upper.lines[0].get_ydata(), 2.0)
    # More than one turn, without a jump, from within (-pi, pi].
    phase = lower.lines[0].get_ydata()
    np.testing.assert_allclose(np.diff(phase), 1.0)
    assert abs(phase[0]) <= np.pi
    np.testing.assert_array_equal(np.isnan(lower.lines[1].get_ydata()), x < 0.0)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["(2, 2, 0, 0)", "(2, 2, 0, 1)"]


@pytest.mark.parametrize(
    "orbits, errors, said",
    [(np.ones((2, 4)), [1e-3], "shape (1,)"), (np.ones((2, 3)), [1e-3, 1e-3], "(2, 3)"),
     (np.ones((0, 4)), [], "lacks an orbit"), (np.ones((1, 4)), [np.nan], "not finite")],
)  # fmt: skip
def test_a_map_of_errors_that_do_not_fit_is_refused(orbits, errors, said):
    with pytest.raises(InputError, match=re.escape(said)):
        error_map_figure(orbits, np.array(errors))


@pytest.mark.parametrize(
    "changed, said",
    [({"true": np.ones(4)}, "shapes"), ({"found": {}}, "0 models"), ({"modes": GENERIC[:, :3]}, "(5, 3)"),
     ({"true": np.zeros(5)}, "zeros"), ({"frequencies": np.zeros(5)}, "static"), ({"most": 0}, "no mode"),
     ({"found": {"a": np.full(5, np.nan)}}, "not finite")],
)  # fmt: skip
def test_strongest_modes_that_do_not_fit_are_refused(changed, said):
    given = {"modes": GENERIC, "frequencies": np.ones(5), "true": np.ones(5), "found": {"a": np.ones(5)}} | changed
    with pytest.raises(InputError, match=re.escape(said)):
        strongest_modes_figure(given.pop("modes"), **given)


@pytest.mark.parametrize(
    "x, values, said",
    [(np.arange(3.0), np.ones((3, 4)), "(3, 4)"), (np.arange(3.0), np.full((3, 5), np.nan), "not finite"),
     (np.array([1.0, 0.0]), np.ones((2, 5)), "does not rise"), (np.zeros(0), np.ones((0, 5)), "no amplitude")],
)  # fmt: skip
def test_a_scan_that_does_not_fit_is_refused(x, values, said):
    with pytest.raises(InputError, match=re.escape(said)):
        inclination_scan_figure(x, GENERIC, values)
