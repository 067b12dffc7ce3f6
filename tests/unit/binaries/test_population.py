"""Populations: the law and its integral, cosmology, tables, and what no pair has."""

import h5py
import numpy as np
import pytest
from scipy.integrate import quad

from swansong.binaries.background.population import Population, comoving_distance, from_law, galaxy_scale, hubble_rate
from swansong.binaries.background.population_files import population_of, read_population
from swansong.binaries.background.settings import Background, GalaxySettings, LawSettings, OrbitSettings
from swansong.binaries.units import Units
from swansong.core.config import load
from swansong.core.errors import ConfigError, DataError, FileError

ROWS = {
    "mass_1": [1e8, 3e8],
    "mass_2": [1e8, 1e8],
    "redshift": [0.3, 1.2],
    "semi_major_axis": [1.0, 2.5],
    "eccentricity": [0.5, 0.95],
    "weight": [1e-4, 3e-5],
    "hardening_rate": [0.05, 0.0],
    "eccentricity_rate": [0.02, 0.0],
}


def table(columns=ROWS, *, note="# pairs of a test\n"):
    lines = zip(*(map(str, column) for column in columns.values()), strict=True)
    return note + "\n".join([",".join(columns), *(",".join(line) for line in lines)]) + "\n"


def test_law_integrates_to_the_density_of_mergers():
    law = LawSettings(mass_slope=0.5, redshift=(0.1, 3.0))
    pairs = from_law(law, OrbitSettings(), galaxies=GalaxySettings())

    def by_redshift(z):
        return (1.0 + z) ** 2 * np.exp(-z / 2.0) / ((1.0 + z) * hubble_rate(z))

    def by_mass(x):
        return 3e-4 * 10.0 ** (-0.5 * (x - 7.0)) * np.exp(-(10.0**x) / 3e8)

    assert pairs.density.sum() == pytest.approx(quad(by_redshift, 0.1, 3.0)[0] * quad(by_mass, 6.0, 10.0)[0], rel=1e-6)


def test_cosmology_of_planck():
    # astropy 8.0.2, Planck18, which knows radiation and neutrinos besides.
    z = np.array([0.01, 0.3, 1.0, 3.0, 5.0])
    np.testing.assert_allclose(comoving_distance(z), [44.2051, 1232.7067, 3395.6345, 6504.004, 7946.2934], rtol=1e-3)
    np.testing.assert_allclose(hubble_rate(z), [0.0695222, 0.0810666, 0.1233704, 0.3142013, 0.5705436], rtol=1e-3)


def test_galaxies_of_the_reference_are_the_units():
    length, time = galaxy_scale(np.array([2e8]), GalaxySettings())
    assert length.item() == pytest.approx(Units().length)
    assert time.item() == pytest.approx(Units().time, rel=1e-6)


def test_pairs_of_a_law_begin_as_asked():
    pairs = from_law(
        LawSettings(mass_ratio=0.5), OrbitSettings(driver="waves", frequency=2e-10), galaxies=GalaxySettings()
    )
    np.testing.assert_allclose(pairs.frequency, 2e-10, rtol=1e-12)
    np.testing.assert_allclose(pairs.mass_2 / pairs.mass_1, 0.5)
    assert pairs.chirp_mass.min() > 1e6
    assert pairs.chirp_mass.max() < 1e10
    assert not pairs.hardening_rate.any()


@pytest.mark.parametrize("kind", ["csv", "h5"])
def test_tables_of_both_kinds(tmp_path, kind):
    path = tmp_path / f"pairs.{kind}"
    if kind == "csv":
        path.write_text(table())
    else:
        with h5py.File(path, "w") as file:
            for name, column in ROWS.items():
                file[name] = column
    pairs = read_population(path)
    assert pairs.axis.tolist() == ROWS["semi_major_axis"]
    assert pairs.density.tolist() == ROWS["weight"]
    assert pairs.eccentricity_rate.tolist() == ROWS["eccentricity_rate"]
    same = population_of(load(Background, overrides=["population.kind=table", f"population.table={path}"]))
    assert same.mass_1.tolist() == ROWS["mass_1"]


def test_stars_may_be_left_out_of_a_table(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(table({name: ROWS[name] for name in list(ROWS)[:6]}))
    assert not read_population(path).hardening_rate.any()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"eccentricity": [0.5, 1.0]}, "row 2.*eccentricity = 1"),
        ({"mass_1": [-1e8, 1e8]}, "row 1.*mass_1"),
        ({"semi_major_axis": [1.0, 0.0]}, "row 2.*axis"),
        ({"weight": [1e-4, -1.0]}, "row 2.*density"),
        ({"redshift": [0.1, "nan"]}, "line 4.*redshift = nan"),
        ({"redshift": [0.1, "far"]}, "line 4.*redshift = 'far'"),
        ({"colour": [1.0, 2.0]}, "unknown column `colour`"),
    ],
)
def test_tables_that_hold_no_pairs(tmp_path, changed, said):
    path = tmp_path / "pairs.csv"
    path.write_text(table(ROWS | changed))
    with pytest.raises(DataError, match=said):
        read_population(path)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "empty"),
        ("mass_1,mass_2\n", "lacks the column `redshift`"),
        (table({name: [] for name in ROWS}), "holds no pair"),
        ("mass_1,mass_1\n1,1\n", "twice"),
        (table() + "1,2\n", "line 5.*2 values for 8 columns"),
    ],
)
def test_broken_tables(tmp_path, text, said):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_population(path)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_population(tmp_path / "none.csv")
    for name in ("pairs.h5", "pairs.csv"):
        (tmp_path / name).write_bytes(b"\x89HDF\xff\xfe broken")
        with pytest.raises(FileError, match="cannot be read"):
            read_population(tmp_path / name)
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["mass_1"] = np.ones((2, 2))
    with pytest.raises(DataError, match="no list of numbers"):
        read_population(tmp_path / "two.h5")


def test_lengths_must_agree():
    rows = {name: np.ones(3) for name in ("mass_1", "mass_2", "redshift", "density", "axis", "hardening_rate")}
    with pytest.raises(DataError, match="eccentricity"):
        Population(**rows, eccentricity=np.zeros(2), eccentricity_rate=np.zeros(3))


@pytest.mark.parametrize(
    "override, said",
    [
        ("population.kind=table", "names no file"),
        ("population.table=pairs.csv", "kind 'law' with a `table`"),
        ("orbits.eccentricity=1.0", "less than or equal"),
        ("orbits.hardening_rate=-1.0", "greater than 0"),
        ("spectrum.frequency=[1e-7, 1e-9]", "rise"),
        ("spectrum.frequency=[1e-9, 1.0]", "1e-3 Hz"),
        ("population.law.redshift=[2.0, 1.0]", "rise"),
        ("orbits.excentricity=0.1", "eccentricity"),
    ],
)
def test_settings_are_strict(override, said):
    with pytest.raises(ConfigError, match=said):
        load(Background, overrides=[override])
