"""`swansong binaries background`: files, facts, and refusals."""

import csv
import json

import pytest
from test_cli_bad_input import refused

from swansong.core.files import read_product

SMALL = """
[population]
kind = "single"
[orbits]
driver = "waves"
eccentricity = 0.9
[spectrum]
points = 40
[realisations]
number = 20
bins = 4
"""

TABLE = """mass_1,mass_2,redshift,semi_major_axis,eccentricity,weight,hardening_rate
1e9,5e8,0.4,8.0,0.3,1e-5,0.02
3e8,3e8,1.0,3.0,0.7,1e-4,0.05
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_run_writes_what_it_says(swansong, small, tmp_path):
    done = swansong("binaries", "background", small, "--seed", 4, "--out", "result", "--json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert facts["system"] == "binaries"
    assert facts["population"] == "single"
    # The published population turns over at a half of its peak frequency of 9 nHz.
    assert 4e-9 < facts["turnover_frequency"] < 7e-9
    assert facts["half_power_frequency"] < facts["turnover_frequency"]
    assert facts["amplitude"] == pytest.approx(5.3e-14, rel=0.05)
    assert facts["realisations"]["lower"] <= facts["realisations"]["median"] <= facts["realisations"]["upper"]
    assert facts["warnings"] == []
    assert all((tmp_path / path).is_file() for path in facts["files"].values())
    product = read_product(tmp_path / "result" / "background.h5", kind="binary_background")
    assert product.arrays["realisations/strain"].shape == (20, 4)
    assert product.provenance.seed == 4
    assert product.provenance.configuration["orbits"]["eccentricity"] == 0.9
    with (tmp_path / "result" / "background.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [float(row["strain"]) for row in rows] == pytest.approx(product.arrays["strain"], rel=1e-9)


def test_same_seed_same_product(swansong, small, tmp_path):
    for folder in ("first", "second"):
        assert swansong("binaries", "background", small, "--seed", 1, "--out", folder, "--quiet").code == 0
    first, second = (read_product(tmp_path / folder / "background.h5") for folder in ("first", "second"))
    assert first.sha256 == second.sha256


def test_options_stand_in_for_keys(swansong, small):
    options = ("--eccentricity", 0.0, "--set", "realisations.number=0", "--out", "result")
    done = swansong("binaries", "background", small, *options)
    assert done.code == 0, done.err
    assert "slope -0.667" in done.out
    assert "turnover" in done.out
    assert "not in the band" in done.out


def test_table_of_pairs(swansong, tmp_path):
    (tmp_path / "pairs.csv").write_text(TABLE)
    options = ("--set", "realisations.number=0", "--out", "result", "--json")
    facts = json.loads(swansong("binaries", "background", "--table", "pairs.csv", *options).out)
    assert (facts["rows"], facts["hardened_rows"]) == (2, 2)
    assert "realisations" not in facts
    assert read_product(tmp_path / "result" / "background.h5").provenance.inputs.keys() == {"table"}


def test_pairs_that_begin_inside_the_band_are_told(swansong, tmp_path):
    (tmp_path / "pairs.csv").write_text(TABLE.replace("8.0", "0.02"))
    options = ("--set", "realisations.number=0", "--out", "result", "--json")
    facts = json.loads(swansong("binaries", "background", "--table", "pairs.csv", *options).out)
    assert "1 of 2 rows begin inside the band" in facts["warnings"][0]


@pytest.mark.parametrize(
    "given, said",
    [
        (("--eccentricity", "1.0"), ("--eccentricity", "eccentricity at the beginning")),
        (("--hardening-rate", "-1"), ("--hardening-rate", "greater than 0")),
        (("--driver", "gas"), ("--driver", "gas")),
        (("--driver", "waves", "--hardening-rate", "3"), ("--hardening-rate", "waves alone")),
        (("--table", "none.csv"), ("none.csv", "does not exist")),
        (("--table", "pairs.csv", "--eccentricity", "0.5"), ("--eccentricity", "their own orbits")),
        (("--set", "orbits.excentricity=0.5"), "eccentricity"),
        (("--set", "spectrum.frequency=[1e-7, 1e-9]"), "rise"),
        (("--seed", "-1"), "--seed"),
        (("missing.toml",), "missing.toml"),
    ],
)
def test_refusals(swansong, tmp_path, given, said):
    (tmp_path / "pairs.csv").write_text(TABLE)
    refused(swansong("binaries", "background", *given, "--out", "result"), said, out=tmp_path / "result")


@pytest.mark.parametrize("row, said", [("1e9,5e8,0.4,8.0,1.3,1e-5,0.02", "eccentricity = 1.3"), ("1,2", "2 values")])
def test_bad_rows(swansong, tmp_path, row, said):
    (tmp_path / "pairs.csv").write_text(TABLE + row + "\n")
    refused(
        swansong("binaries", "background", "--table", "pairs.csv", "--out", "result"), said, out=tmp_path / "result"
    )
