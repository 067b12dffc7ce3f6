import ast
import gzip
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy_healpix import healpy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swansong.core.errors import FileError, InputError, OutputError
from swansong.signals import SkyMap, _skyfiles, _sphere, read_sky_map, sky_map, skymap, write_samples_table

SKY = 4.0 * math.pi * (180.0 / math.pi) ** 2
GPS = 1370692818.123456


def blob(n, degrees, *, centre=(1.0, 0.4), seed=0):
    """Draws from a von Mises-Fisher law of this width about (ra, dec), by its exact quantile."""
    rng = np.random.default_rng(seed)
    kappa = 1.0 / math.radians(degrees) ** 2
    u = rng.random(n)
    along = 1.0 + np.log(u + (1.0 - u) * math.exp(-2.0 * kappa)) / kappa
    turn = 2.0 * np.pi * rng.random(n)
    ra, dec = centre
    axis = np.array([math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)])
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    across = np.outer(np.cos(turn), east) + np.outer(np.sin(turn), np.cross(axis, east))
    vectors = along[:, None] * axis + np.sqrt(1.0 - along**2)[:, None] * across
    return np.arctan2(vectors[:, 1], vectors[:, 0]), np.arcsin(vectors[:, 2])


def blob_area(degrees, level):
    """Area of the cap that holds this probability of the law of `blob` [deg^2]."""
    kappa = 1.0 / math.radians(degrees) ** 2
    return -0.5 * SKY * math.log1p(-level * -math.expm1(-2.0 * kappa)) / kappa


@pytest.fixture(scope="module")
def blob_map():
    ra, dec = blob(20000, 8.0)
    distance = np.random.default_rng(1).normal(300.0, 30.0, ra.size)
    return sky_map(
        ra, dec, luminosity_distance=distance, gps=GPS, detectors=("H1", "L1", "V1"), name="burst 1", run="demo"
    )


@pytest.fixture(scope="module")
def flat_map():
    return SkyMap(np.full(12 * 16**2, 1.0 / (12 * 16**2)))


@pytest.mark.parametrize("degrees, tolerance", [(3.0, 0.06), (10.0, 0.04), (30.0, 0.04)])
def test_areas_of_a_fisher_blob_are_the_analytic_ones(degrees, tolerance):
    found = sky_map(*blob(20000, degrees, seed=3))
    for level in (0.5, 0.9):
        assert found.credible_area(level) == pytest.approx(blob_area(degrees, level), rel=tolerance)


def test_few_samples_still_give_areas_within_a_tenth():
    areas = np.mean([sky_map(*blob(1000, 8.0, seed=seed)).credible_area(0.9) for seed in range(5)])
    assert areas == pytest.approx(blob_area(8.0, 0.9), rel=0.1)


def test_uniform_samples_cover_the_sky():
    rng = np.random.default_rng(5)
    found = sky_map(2.0 * np.pi * rng.random(20000), np.arcsin(2.0 * rng.random(20000) - 1.0))
    assert found.credible_area(0.9) / SKY == pytest.approx(0.9, abs=0.04)
    assert found.credible_area(0.5) / SKY == pytest.approx(0.5, abs=0.07)
    assert found.probability.min() > 0.0


def test_a_thin_arc_is_not_smeared():
    rng = np.random.default_rng(6)
    polar = np.radians(50.0 + 1.5 * rng.normal(size=20000))
    found = sky_map(np.radians(25.0 * rng.normal(size=20000)), np.pi / 2 - polar, nside=128)
    # A Gaussian of 1.5 by 25 sin(50) degrees.
    assert found.credible_area(0.9) == pytest.approx(
        -2.0 * np.pi * math.log(0.1) * 1.5 * 25.0 * math.sin(math.radians(50.0)), rel=0.13
    )


def test_a_small_second_mode_keeps_its_share():
    ra, dec = blob(19000, 3.0)
    faint = blob(1000, 3.0, centre=(4.0, -0.5), seed=9)
    found = sky_map(np.append(ra, faint[0]), np.append(dec, faint[1]))
    centres = np.arange(found.probability.size)
    theta, phi = healpy.pix2ang(found.nside, centres, nest=True)
    near = np.hypot((phi - 4.0) * np.sin(theta), np.pi / 2 - theta + 0.5) < math.radians(20.0)
    assert found.probability[near].sum() == pytest.approx(0.05, abs=0.002)


@settings(max_examples=12)
@given(ra=st.floats(0.0, 6.28), dec=st.floats(-1.57, 1.57))
def test_areas_do_not_depend_on_where_the_blob_lies(ra, dec):
    found = sky_map(*blob(3000, 9.0, centre=(ra, dec), seed=4), nside=32)
    assert found.probability.sum() == pytest.approx(1.0, abs=1e-12)
    for level in (0.5, 0.9):
        assert found.credible_area(level) == pytest.approx(blob_area(9.0, level), rel=0.1)


def test_levels_of_draws_from_the_same_law_are_uniform(blob_map):
    ra, dec = blob(2000, 8.0, seed=77)
    levels = blob_map.credible_level(ra, dec)
    assert stats.kstest(levels, "uniform").pvalue > 0.01
    assert stats.kstest(blob_map.credible_level(*blob(2000, 10.0, seed=78)), "uniform").pvalue < 1e-6


def test_level_and_areas_agree_with_each_other(blob_map):
    ra, dec = blob(50, 8.0, seed=12)
    areas = [blob_map.credible_area(float(level)) for level in blob_map.credible_level(ra, dec)]
    np.testing.assert_allclose(areas, blob_map.search_area(ra, dec), rtol=1e-6)
    assert blob_map.credible_level(1.0 + np.pi, -0.4) == 1.0
    assert blob_map.credible_level(1.0, 0.4) < 0.05


def test_density_integrates_to_the_level_inside_its_contour(blob_map):
    density = blob_map.probability / blob_map.pixel_area
    for level in (0.5, 0.9):
        inside = density >= blob_map.contour_density(level)
        assert blob_map.probability[inside].sum() == pytest.approx(level, abs=0.005)
    peak = 1.0 / (2.0 * np.pi * 8.0**2)
    assert blob_map.density(1.0, 0.4) == pytest.approx(peak, rel=0.1)
    assert blob_map.density([1.0, 1.0 + 2 * np.pi], 0.4).shape == (2,)


def test_a_flat_map_knows_no_better(flat_map):
    assert flat_map.credible_area(0.9) == pytest.approx(0.9 * SKY)
    assert flat_map.credible_level([0.1, 3.0], [1.5, -1.2]) == pytest.approx([0.5, 0.5])
    assert flat_map.search_area(0.1, 1.5) == pytest.approx(0.5 * SKY)
    assert flat_map.density(2.0, -0.3) == pytest.approx(1.0 / SKY)
    assert flat_map.contour_density(0.9) == pytest.approx(1.0 / SKY)


def test_weights_are_respected():
    ra, dec = blob(4000, 20.0)
    kappa_wide, kappa_narrow = 1.0 / math.radians(20.0) ** 2, 1.0 / math.radians(10.0) ** 2
    along = np.sin(0.4) * np.sin(dec) + np.cos(0.4) * np.cos(dec) * np.cos(ra - 1.0)
    found = sky_map(ra, dec, weights=7.0 * np.exp((kappa_narrow - kappa_wide) * (along - 1.0)))
    assert found.credible_area(0.9) == pytest.approx(blob_area(10.0, 0.9), rel=0.1)
    zero = np.where(ra > 1.0, 1.0, 0.0)
    half = sky_map(ra[ra > 1.0], dec[ra > 1.0])
    np.testing.assert_allclose(sky_map(ra, dec, weights=zero).probability, half.probability, atol=1e-12)


def test_a_heavy_sample_does_not_vouch_for_itself():
    ra, dec = blob(200, 5.0)
    weights = np.append(np.full(200, 1.0 / 200), 1.0)
    lonely = sky_map(np.append(ra, 4.0), np.append(dec, -0.5), weights=weights)
    assert lonely.credible_area(0.9) > 5000.0
    assert sky_map(np.array([1.0]), np.array([0.0])).credible_area(0.9) > 5000.0


def test_fixed_smoothing_is_the_kernel_itself():
    for degrees in (2.0, 7.0, 25.0):
        found = sky_map(np.array([1.0]), np.array([0.4]), smoothing=degrees)
        assert found.credible_area(0.9) == pytest.approx(blob_area(degrees, 0.9), rel=0.05)
    counted = sky_map(np.array([1.0, 1.0, 2.5]), np.array([0.4, 0.4, -1.0]), smoothing=0.0)
    assert sorted(counted.probability[counted.probability > 0.0]) == pytest.approx([1 / 3, 2 / 3])
    assert counted.probability[counted.pixel(2.5, -1.0)] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["map.fits", "map.fits.gz"])
def test_round_trip(tmp_path, blob_map, name):
    path = tmp_path / name
    blob_map.write(path)
    again = read_sky_map(path)
    np.testing.assert_allclose(again.probability, blob_map.probability, rtol=1e-12)
    assert again.gps == pytest.approx(GPS, abs=1e-6)
    assert (again.detectors, again.name, again.run) == (("H1", "L1", "V1"), "burst 1", "demo")
    assert (again.distance_mean, again.distance_deviation) == (blob_map.distance_mean, blob_map.distance_deviation)
    assert again.distance_mean == pytest.approx(300.0, abs=1.0)
    first = path.read_bytes()
    assert (first[:2] == b"\x1f\x8b") == name.endswith("gz")
    with pytest.raises(OutputError, match="already exists"):
        blob_map.write(path)
    blob_map.write(path, force=True)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_the_header_is_what_ligo_skymap_reads(tmp_path, blob_map):
    blob_map.write(tmp_path / "map.fits.gz")
    table = Table.read(tmp_path / "map.fits.gz", format="fits")
    assert (table.colnames, len(table), str(table["PROB"].unit)) == (["PROB"], 12 * 64**2, "1 / pix")
    meta = dict(table.meta)
    date, days = meta.pop("DATE-OBS"), meta.pop("MJD-OBS")
    time = Time(GPS, format="gps", precision=6)
    assert date == time.utc.isot
    assert days == pytest.approx(time.utc.mjd, abs=1e-9)
    assert meta.pop("CREATOR").startswith("swansong ")
    assert meta.pop("DISTMEAN") == blob_map.distance_mean
    assert meta.pop("DISTSTD") == blob_map.distance_deviation
    assert meta == {
        "PIXTYPE": "HEALPIX",
        "ORDERING": "NESTED",
        "COORDSYS": "C",
        "NSIDE": 64,
        "INDXSCHM": "IMPLICIT",
        "MOC": False,
        "OBJECT": "burst 1",
        "INSTRUME": "H1,L1,V1",
        "ORIGIN": "swansong",
        "RUNID": "demo",
    }


def test_unknown_facts_are_left_out(tmp_path, flat_map):
    flat_map.write(tmp_path / "map.fits")
    header = fits.getheader(tmp_path / "map.fits", 1)
    assert not {"OBJECT", "INSTRUME", "DATE-OBS", "MJD-OBS", "RUNID", "DISTMEAN", "DISTSTD"} & set(header)
    again = read_sky_map(tmp_path / "map.fits")
    assert (again.gps, again.detectors, again.distance_mean, again.name) == (None, (), None, "")


def write_fits(path, column, values, **cards):
    table = fits.BinTableHDU.from_columns([fits.Column(name=column, format=f"{values.shape[1]}E", array=values)])
    table.header.update(cards)
    table.writeto(path)
    return path


def test_ring_maps_in_rows_of_1024_are_read(tmp_path, blob_map):
    order = healpy.ring2nest(64, np.arange(12 * 64**2))
    rows = blob_map.probability[order].reshape(-1, 1024)
    found = read_sky_map(write_fits(tmp_path / "ring.fits", "PROB", rows, ORDERING="RING", NSIDE=64))
    np.testing.assert_allclose(found.probability, blob_map.probability, rtol=1e-5, atol=1e-12)


def refused(path, match):
    with pytest.raises(FileError, match=match) as caught:
        read_sky_map(path)
    assert "\n" not in str(caught.value)


def test_wrong_files_are_refused_in_one_sentence(tmp_path, blob_map):
    refused(tmp_path / "none.fits", "does not exist")
    refused(tmp_path, "is a folder")
    (tmp_path / "text.fits").write_text("no map")
    refused(tmp_path / "text.fits", "no FITS file")
    (tmp_path / "empty.fits").write_bytes(b"")
    refused(tmp_path / "empty.fits", "no FITS file")
    fits.PrimaryHDU(np.zeros(3)).writeto(tmp_path / "image.fits")
    refused(tmp_path / "image.fits", "no table")
    flat = np.full((192, 1), 1.0 / 192)
    refused(write_fits(tmp_path / "a.fits", "FLUX", flat, ORDERING="NESTED"), "column PROB")
    refused(write_fits(tmp_path / "b.fits", "PROB", flat), "'missing'")
    refused(write_fits(tmp_path / "c.fits", "PROB", flat, ORDERING="NESTED", COORDSYS="G"), "equatorial")
    refused(write_fits(tmp_path / "d.fits", "UNIQ", flat, ORDERING="NUNIQ"), "ligo-skymap-flatten")
    refused(write_fits(tmp_path / "e.fits", "PROB", 2 * flat, ORDERING="NESTED"), "sums to 2")
    refused(write_fits(tmp_path / "f.fits", "PROB", flat[:100], ORDERING="NESTED"), "shape")
    refused(write_fits(tmp_path / "g.fits", "PROB", flat[:100], ORDERING="RING"), "FITS")
    refused(write_fits(tmp_path / "h.fits", "PROB", np.nan * flat, ORDERING="NESTED"), "sums to nan")
    dated = {"ORDERING": "NESTED", "DATE-OBS": "yesterday"}
    refused(write_fits(tmp_path / "i.fits", "PROB", flat, **dated), "yesterday")


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_files_are_refused(tmp_path, blob_map, keep, compressed):
    blob_map.write(tmp_path / "whole.fits.gz")
    content = (tmp_path / "whole.fits.gz").read_bytes()
    content = content if compressed else gzip.decompress(content)
    (tmp_path / "part.fits").write_bytes(content[: int(keep * len(content))])
    refused(tmp_path / "part.fits", "whole FITS|no table")


def test_samples_table_has_the_layout_of_lalinference(tmp_path):
    ra, dec = blob(500, 8.0, centre=(0.1, 0.3))
    distance = np.linspace(100.0, 200.0, 500)
    path = tmp_path / "samples.hdf5"
    assert write_samples_table(path, ra=ra, dec=dec, luminosity_distance=distance, gps=GPS) == 500
    with h5py.File(path) as file:
        assert list(file) == ["posterior_samples"]
        assert {name: int(value) for name, value in file["posterior_samples"].attrs.items()} == {
            "FIELD_0_VARY": 1,
            "FIELD_1_VARY": 0,
            "FIELD_2_VARY": 0,
            "FIELD_3_VARY": 3,
        }
    table = Table.read(path, path="posterior_samples")
    assert table.colnames == ["ra", "dec", "dist", "time"]
    np.testing.assert_allclose(table["ra"], np.mod(ra, 2 * np.pi))
    np.testing.assert_array_equal(table["dist"], distance)
    assert set(table["time"]) == {GPS}
    with pytest.raises(OutputError, match="already exists"):
        write_samples_table(path, ra=ra, dec=dec)


def test_samples_table_resamples_by_weight(tmp_path):
    dec = np.linspace(-1.0, 1.0, 1000)
    weights = np.where(dec > 0.5, 3.0, 1.0)
    n = write_samples_table(tmp_path / "a.hdf5", ra=np.zeros(1000), dec=dec, weights=weights)
    assert n == round(weights.sum() ** 2 / (weights**2).sum())
    table = Table.read(tmp_path / "a.hdf5", path="posterior_samples")
    assert table.colnames == ["ra", "dec"]
    assert np.mean(table["dec"] > 0.5) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"dec": np.array([0.0, 2.0])}, "declinations"),
        ({"ra": np.array([0.0, np.nan])}, "finite"),
        ({"ra": np.zeros(3)}, "fit together"),
        ({"ra": np.zeros((2, 1)), "dec": np.zeros((2, 1))}, "samples of shape"),
        ({"ra": np.zeros(0), "dec": np.zeros(0)}, "samples of shape"),
        ({"weights": np.ones(3)}, "weights"),
        ({"weights": np.array([1.0, -1.0])}, "weights"),
        ({"nside": 48}, "power of two"),
        ({"nside": 4096}, "power of two"),
        ({"smoothing": -1.0}, "smoothing"),
        ({"luminosity_distance": np.ones(3)}, "luminosity_distance"),
        ({"gps": -5.0}, "time and distance"),
        ({"name": "Käse"}, "ASCII"),
    ],
)
def test_bad_input_to_a_map(change, match):
    with pytest.raises(InputError, match=match):
        sky_map(**{"ra": np.zeros(2), "dec": np.zeros(2)} | change)


def test_bad_maps_levels_and_tables(tmp_path, flat_map):
    for wrong in (
        np.ones(12),
        np.full(48, 1 / 48).reshape(6, 8),
        np.full(13, 1 / 13),
        np.zeros(0),
        np.full(108, 1 / 108),
    ):
        with pytest.raises(InputError, match="probability"):
            SkyMap(wrong)
    for level in (0.0, 1.5, math.nan):
        with pytest.raises(InputError, match="credible level"):
            flat_map.credible_area(level)
    with pytest.raises(InputError, match="'dist'"):
        write_samples_table(tmp_path / "a.hdf5", ra=np.zeros(3), dec=np.zeros(3), luminosity_distance=np.ones(2))
    with pytest.raises(ValueError, match="read-only"):
        flat_map.probability[0] = 1.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [skymap, _skyfiles, _sphere])
def test_slow_imports_wait_until_they_are_needed(module):
    # JAX (by way of inference) and astropy take seconds, which reading strain must not pay.
    for node in ast.parse(Path(module.__file__).read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.startswith(("astropy", "jax.", "swansong.inference")) for name in names)
