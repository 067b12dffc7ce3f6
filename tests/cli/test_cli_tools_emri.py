"""`show`, `report` and `cite` for inspirals."""

import json

import h5py
import numpy as np
import pytest

from swansong.core.errors import FileError
from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.report import read_run
from swansong.signals.lisa_files import LisaData, write_lisa

SOURCE = ("--mass-1", 1e6, "--mass-2", 30, "--spin", 0.7, "--plunge-time", 0.1, "--final-eccentricity", 0.03)


@pytest.fixture
def lisa(tmp_path):
    """Two hours of data with a gap of 60 s."""
    path = tmp_path / "year.h5"
    gaps = np.zeros(1440, bool)
    gaps[100:112] = True
    data = np.random.default_rng(0).standard_normal((2, 1440))
    write_lisa(path, LisaData(start=100.0, cadence=5.0, A=data[0], E=data[1], gaps=gaps))
    return path


def test_show_tells_what_lisa_data_are(swansong, lisa):
    code, out, _ = swansong("show", lisa, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts == {
        "type": "lisa", "path": str(lisa), "channels": ["A", "E"], "start": 100.0, "duration": 7200.0, "cadence": 5.0,
        "samples": 1440, "gaps": 1, "gap_share": pytest.approx(12 / 1440),
    }  # fmt: skip
    text = swansong("show", lisa).out
    assert "channels A, E" in text
    assert "0.0833333 days from 100 s" in text
    assert "1,440, one every 5 s" in text
    assert "1, 0.833 % of the samples" in text


def test_show_reads_the_layout_of_the_data_challenges(swansong, tmp_path):
    path = tmp_path / "challenge.h5"
    table = np.zeros(64, dtype=[(name, "f8") for name in "tXYZ"])
    table["t"], table["X"] = 10.0 * np.arange(64), 1.0
    with h5py.File(path, "w") as file:
        file["obs/tdi"] = table
    facts = json.loads(swansong("show", path, "--json").out)
    assert (facts["channels"], facts["samples"], facts["gaps"]) == (["A", "E", "T"], 64, 0)
    assert "none" in swansong("show", path).out


def test_show_refuses_damaged_lisa_data(swansong, lisa):
    with h5py.File(lisa, "r+") as file:
        del file["t"]
        file["t"] = np.zeros(1440)
    code, _, err = swansong("show", lisa)
    assert code == 2
    assert err.count("\n") == 1
    assert lisa.name in err


def test_a_product_with_channels_for_arrays_stays_a_product(swansong, tmp_path):
    path = tmp_path / "product.h5"
    write_product(path, kind="made_up", arrays={"A": np.ones(4), "E": np.ones(4)}, metadata={}, provenance=collect())
    assert json.loads(swansong("show", path, "--json").out)["type"] == "product"


def test_report_makes_the_page_of_a_track_again(swansong, tmp_path):
    folder = tmp_path / "track"
    assert swansong("emri", "tracks", *SOURCE, "--out", folder).code == 0
    page = folder / "report.html"
    first = page.read_text()
    page.unlink()
    (folder / "orbit.png").unlink()
    facts = json.loads(swansong("report", folder, "--json").out)
    assert set(facts["files"]) == {"orbit", "report"}
    assert (folder / "orbit.png").stat().st_size > 0
    assert "track of an inspiral" in page.read_text()
    assert len(page.read_text()) == pytest.approx(len(first), rel=0.01)


def check_product(folder, *, kind):
    entry = {"found": 1.0, "expected": 1.0, "tolerance": 0.1, "passed": True}
    metadata = {"result": {"system": "emri", "checks": {"a known value": entry}, "passed": True, "warnings": []}}
    write_product(folder / "check.h5", kind=kind, arrays={}, metadata=metadata, provenance=collect(), force=True)


def test_the_checks_of_systems_are_told_apart(tmp_path):
    check_product(tmp_path, kind="emri_check")
    report = read_run(tmp_path)
    assert report.title == "Emri: quick checks"
    assert report.tables[0].rows == (("a known value", 1.0, 1.0, 0.1, "yes"),)
    check_product(tmp_path, kind="posterior")
    with pytest.raises(FileError, match="holds a 'posterior'"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["search.h5", "campaign.h5", "track.h5"])
def test_a_foreign_product_under_the_name_of_a_result_is_refused(tmp_path, name):
    write_product(tmp_path / name, kind="event", arrays={}, metadata={}, provenance=collect())
    with pytest.raises(FileError, match="holds a 'event'"):
        read_run(tmp_path)


def test_cite_names_the_search_and_the_source_of_the_fluxes(swansong):
    found = json.loads(swansong("cite", "emri", "--json").out)
    assert list(found["papers"]) == ["emri"]
    papers = found["papers"]["emri"]
    assert papers[0]["link"] == "arXiv:2510.20891"
    assert any("pybhpt" in paper["text"] for paper in papers)
