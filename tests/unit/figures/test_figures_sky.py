import numpy as np
import pytest
from matplotlib.contour import ContourSet

from swansong.core.errors import InputError
from swansong.figures import save_figure, sky_figure
from swansong.signals import SkyMap, sky_map


@pytest.fixture(scope="module")
def blob():
    """A blob of 6 degrees at right ascension 20 h, declination +30 degrees."""
    rng = np.random.default_rng(0)
    dec = np.radians(30.0 + 6.0 * rng.normal(size=4000))
    ra = np.radians(300.0 + 6.0 * rng.normal(size=4000) / np.cos(dec))
    return sky_map(ra, dec, nside=32, detectors=("H1", "L1"), name="burst 1")


@pytest.fixture(scope="module")
def drawn(blob):
    return sky_figure(blob, truth=(np.radians(304.0), np.radians(28.0)))


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_legend_gives_areas_truth_and_detectors(blob, drawn):
    half, most, truth, detectors = labels(drawn)
    assert half == f"50 %: {blob.credible_area(0.5):,.0f} deg²"
    assert most == f"90 %: {blob.credible_area(0.9):,.0f} deg²"
    assert truth == f"truth, at {100 * float(blob.credible_level(np.radians(304.0), np.radians(28.0))):.0f} %"
    assert detectors == "H1 L1"
    assert drawn.axes[0].get_title() == "burst 1"


def test_right_ascension_grows_to_the_left(drawn):
    (axes,) = drawn.axes
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    # 304 degrees is left of the middle at 180 by 124 degrees.
    assert np.degrees(star.get_xydata()) == pytest.approx(np.array([[-124.0, 28.0]]))
    hours = [int(text.get_text().split("$")[0]) for text in axes.get_xticklabels()]
    np.testing.assert_allclose(np.pi - np.array(hours) * np.pi / 12.0, axes.get_xticks())


def test_contours_enclose_the_stated_areas(blob, drawn):
    contours = [entry for entry in drawn.axes[0].collections if isinstance(entry, ContourSet)]
    for contour, level in zip(contours, (0.5, 0.9), strict=True):
        points = contour.get_paths()[0].to_polygons()[0]
        longitude, latitude = points[:, 0], points[:, 1]
        assert np.degrees(longitude.mean()) == pytest.approx(-120.0, abs=3.0)
        # Green's theorem for the area on the sphere.
        area = abs(np.sum(np.diff(longitude) * 0.5 * (np.sin(latitude[1:]) + np.sin(latitude[:-1]))))
        assert area * (180.0 / np.pi) ** 2 == pytest.approx(blob.credible_area(level), rel=0.1)


def test_a_map_without_facts_or_contours_is_drawn(tmp_path):
    flat = SkyMap(np.full(48, 1.0 / 48))
    figure = sky_figure(flat, title="nothing known", detectors=("V1",))
    assert labels(figure) == ["50 %: 20,626 deg²", "90 %: 37,128 deg²", "V1"]
    assert figure.axes[0].get_title() == "nothing known"
    save_figure(figure, tmp_path / "sky.png")
    assert (tmp_path / "sky.png").stat().st_size > 5000


def test_small_areas_keep_three_digits():
    rng = np.random.default_rng(1)
    tiny = sky_map(1.0 + 0.01 * rng.normal(size=500), 0.01 * rng.normal(size=500))
    assert labels(sky_figure(tiny))[1] == f"90 %: {tiny.credible_area(0.9):.3g} deg²"


@pytest.mark.parametrize(
    "truth, match", [((1.0,), "1 numbers"), ((1.0, 3.0), "declinations"), ((np.nan, 0.0), "finite")]
)
def test_a_wrong_truth_is_refused(blob, truth, match):
    with pytest.raises(InputError, match=match):
        sky_figure(blob, truth=truth)
