"""Figures of amplitudes show the numbers that they are given, and refuse what does not fit."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.amplitudes import mode_error_figure, mode_map_figure, power_spectrum_figure
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
