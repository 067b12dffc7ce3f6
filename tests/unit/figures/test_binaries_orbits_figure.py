import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.binaries_orbits import hardening_figure, orbit_bands_figure, separation_figure

TIME = np.linspace(0.0, 50.0, 101)
AXIS = 1.0 / (100.0 + 3.0 * TIME)


def test_rates_of_straight_lines_are_their_slopes():
    e = 0.4 + 0.1 * np.log(1.0 / AXIS)
    figure = hardening_figure(TIME, axis=AXIS, eccentricity=e - e[0] + 0.4, true_axis=AXIS, true_eccentricity=0.0 * e)
    upper, lower = figure.axes
    np.testing.assert_allclose(upper.lines[0].get_ydata(), 3.0, rtol=1e-6)
    # Blocks interpolate 1/a and e linearly between rows.
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 0.1, rtol=1e-3)
    np.testing.assert_allclose(lower.lines[1].get_ydata(), 0.0)


def test_growth_is_not_drawn_where_the_pair_stands_still():
    still = np.where(TIME < 25.0, AXIS, AXIS[50])
    figure = hardening_figure(TIME, axis=still, eccentricity=np.linspace(0.3, 0.5, 101))
    drawn = figure.axes[1].lines[0].get_ydata()
    assert np.isfinite(drawn[:5]).all()
    assert np.isnan(drawn[-5:]).all()


def test_bands_enclose_the_median_and_show_the_inverse_axis():
    median = np.stack([-0.005 / AXIS, 0.01 * TIME, AXIS, 0.01 * TIME])
    bands = median[:, None] * np.array([0.8, 0.9, 1.0, 1.1, 1.2])[None, :, None]
    figure = orbit_bands_figure(TIME, median=median, bands=bands, truth=median)
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), 100.0 + 3.0 * TIME)
    assert len(figure.axes[0].collections) == 2
    with pytest.raises(InputError, match=r"give \(4, n\) and \(4, 5, n\)"):
        orbit_bands_figure(TIME, median=median[:3], bands=bands)


def test_separation_refuses_columns_of_different_length():
    figure = separation_figure(TIME, separation=AXIS, axis=AXIS, binding=10.0)
    assert len(figure.axes[0].lines) == 3
    with pytest.raises(InputError, match="give one value a time"):
        separation_figure(TIME, separation=AXIS[:-1], axis=AXIS)
