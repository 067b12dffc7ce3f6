"""Figures of inspirals show the numbers that they are given, and refuse what does not fit."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures import (
    binomial_interval,
    campaign_figure,
    flux_error_figure,
    observation_figure,
    save_figure,
    search_map_figure,
    track_figure,
)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def track(**changed):
    t = np.linspace(0.0, 20.0 * 86400.0, 30)
    columns = {
        "times": t,
        "azimuthal": 1e-3 + 1e-10 * t,
        "radial": 7e-4 + 0.0 * t,
        "semi_latus_rectum": 9.0 - 1e-6 * t,
        "eccentricity": 0.3 - 1e-8 * t,
    }
    return columns | changed


def test_a_track_is_shown_in_days_and_millihertz():
    figure = track_figure(**track(), title="mine")
    upper, lower, other = figure.axes
    assert upper.get_title() == "mine"
    strongest, azimuthal, radial = upper.lines
    np.testing.assert_allclose(strongest.get_ydata(), 2.0 * azimuthal.get_ydata())
    np.testing.assert_allclose([azimuthal.get_xdata()[-1], radial.get_ydata()[0]], [20.0, 0.7])
    np.testing.assert_allclose(lower.lines[0].get_ydata()[[0, -1]], [9.0, 9.0 - 1.728])
    np.testing.assert_allclose(other.lines[0].get_ydata()[0], 0.3)
    assert len({line.get_linestyle() for line in upper.lines}) == 3


@pytest.mark.parametrize("changed", [{"radial": np.zeros(3)}, {"times": 1.0}, {"times": []}])
def test_a_track_of_unequal_columns_is_refused(changed):
    with pytest.raises(InputError, match="track_figure"):
        track_figure(**track(**changed))


def a_map(**changed):
    rng = np.random.default_rng(0)
    times = (np.arange(40) + 0.5) * 5e4
    frequencies = np.linspace(5e-4, 2e-2, 60)
    true = 3e-3 + 1e-9 * times
    true[-4:] = 0.0
    given = {
        "statistic": rng.chisquare(2, (40, 60)),
        "times": times,
        "frequencies": frequencies,
        "tracks": {"candidate 1": 1.001 * true, "candidate 2": np.full(40, 1e-2)},
        "truth": {"source 1": np.full(40, 8e-3), "source 2": true},
    }
    given |= changed
    return search_map_figure(given.pop("statistic"), **given)


def test_the_map_shows_tracks_and_their_distance_to_the_nearest_truth(tmp_path):
    figure = a_map()
    upper, lower = figure.axes[:2]
    assert texts(upper.get_legend()) == ["candidate 1", "candidate 2", "true"]
    first, second = lower.lines
    alive = np.isfinite(first.get_ydata())
    assert alive.sum() == 36
    np.testing.assert_allclose(first.get_ydata()[alive], 1e-3, rtol=1e-6)
    np.testing.assert_allclose(second.get_ydata(), 0.25)
    # After its plunge a track is not drawn, and all tracks fit in.
    assert np.isnan(upper.lines[0].get_ydata()[-1])
    assert upper.get_ylim()[1] == pytest.approx(15.0)
    save_figure(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_a_map_without_truth_has_one_panel_and_bears_masked_segments():
    statistic = np.full((40, 60), np.nan)
    figure = a_map(statistic=statistic, truth=None, tracks={})
    assert len(figure.axes) == 2  # the map and its colour bar
    assert figure.axes[0].get_legend() is None
    assert figure.axes[0].get_xlabel() == "Time since the start [d]"


@pytest.mark.parametrize(
    "changed, said",
    [({"statistic": np.zeros((3, 60))}, r"\(3, 60\)"), ({"tracks": {"mine": np.zeros(7)}}, "'mine'")],
)
def test_a_map_that_does_not_fit_is_refused(changed, said):
    with pytest.raises(InputError, match=said):
        a_map(**changed)


def test_detection_is_drawn_with_counting_errors_beside_what_was_published():
    found = {1e-4: {20.0: (3, 10), 30.0: (10, 10)}, 1e-2: {30.0: (10, 10), 20.0: (6, 10)}}
    figure = campaign_figure(
        found,
        published={1e-2: {20.0: 0.33, 30.0: 0.94}},
        errors={20.0: 2e-3, 30.0: 3e-4},
        published_errors={20.0: 1e-2},
    )
    upper, lower = figure.axes
    labels = texts(upper.get_legend())
    assert [label for label in labels if "published" not in label] == ["0.01", "0.0001"]
    loose, strict = (container for container in upper.containers)
    np.testing.assert_allclose(loose.lines[0].get_ydata(), [0.6, 1.0])
    np.testing.assert_allclose(strict.lines[0].get_ydata(), [0.3, 1.0])
    ends = np.array([segment[:, 1] for segment in loose.lines[2][0].get_segments()])
    np.testing.assert_allclose(ends[0], np.ravel(binomial_interval(6, 10)), rtol=1e-9)
    assert ends[1, 1] == 1.0
    published = next(line for line in upper.lines if "published" in str(line.get_label()))
    np.testing.assert_allclose(published.get_xydata(), [[20.0, 0.33], [30.0, 0.94]])
    assert [line.get_label() for line in lower.lines] == ["this search", "published"]
    assert upper.get_title() == "20 sources, bars 90 %"


def test_a_campaign_of_nothing_is_refused():
    for found, said in (
        ({}, "empty"),
        ({0.1: {}}, "empty"),
        ({0.1: {20.0: (3, 2)}}, "3 of 2"),
        ({0.1: {5.0: (0, 0)}}, "0 of 0"),
    ):
        with pytest.raises(InputError, match=said):
            campaign_figure(found)


def test_the_statistic_grows_with_time_past_its_thresholds():
    years = np.array([0.1, 0.5, 1.0])
    figure = observation_figure(years, {"candidate 1": 9.0 * np.sqrt(years)}, thresholds={1e-4: 8.0, 1e-2: 6.0})
    (axes,) = figure.axes
    curve, *levels = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), 9.0 * np.sqrt(years))
    assert [line.get_ydata()[0] for line in levels] == [6.0, 8.0]
    assert texts(axes.get_legend()) == ["candidate 1", "false alarm 0.01", "false alarm 0.0001"]
    assert observation_figure(years, {}).axes[0].get_legend() is None
    with pytest.raises(InputError, match="increase"):
        observation_figure(years[::-1], {})
    with pytest.raises(InputError, match="'short'"):
        observation_figure(years, {"short": [1.0]})


def test_flux_errors_are_coloured_by_their_size():
    given = {
        "spin": np.array([0.0, 0.5, 0.9]),
        "distance": np.array([0.01, 1.0, 20.0]),
        "eccentricity": np.array([0.0, 0.3, 0.6]),
    }
    figure = flux_error_figure(**given, error=np.array([-1e-6, 1e-4, 0.0]))
    left, right = figure.axes[:2]
    np.testing.assert_allclose(left.collections[0].get_offsets(), np.stack([given["distance"], given["spin"]], axis=1))
    np.testing.assert_allclose(right.collections[0].get_offsets()[:, 1], given["eccentricity"])
    assert figure.get_suptitle() == "median 1.0e-06, largest 1.0e-04"
    colours = left.collections[0].get_facecolors()
    assert len({tuple(colour) for colour in colours}) == 3
    with pytest.raises(InputError, match="flux_error_figure"):
        flux_error_figure(**given, error=np.zeros(2))
    with pytest.raises(InputError, match="positive distances"):
        flux_error_figure(**{**given, "distance": np.zeros(3)}, error=np.zeros(3))
