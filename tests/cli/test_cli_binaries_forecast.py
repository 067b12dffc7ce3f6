"""`swansong binaries forecast`: the table, its files, and refusals before anything is learnt."""

import csv
import json

import numpy as np
import pytest

from swansong.binaries.forecasting import protocol
from swansong.binaries.synthetic import synthetic_trajectory
from swansong.binaries.trajectories import Merger, read_trajectories, write_trajectories
from swansong.core.files import read_product
from swansong.core.provenance import collect

QUICK = ("--models", "persistence", "line,hardening")


@pytest.fixture(scope="module")
def mergers(tmp_path_factory):
    """Three mergers: the best resolved one is the second."""
    path = tmp_path_factory.mktemp("mergers") / "mergers.h5"
    runs = [synthetic_trajectory(Merger(0.9, n, 0), duration=250.0) for n in (2048, 8192, 4096)]
    runs.append(synthetic_trajectory(Merger(0.9, 4096, 1), duration=40.0))
    write_trajectories(path, runs, provenance=collect(configuration={}, seed=0))
    return path


def test_the_table_and_its_files(swansong, mergers, tmp_path):
    done = swansong("binaries", "forecast", mergers, *QUICK, "--out", "run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["system"] == "binaries"
    assert told["merger"]["particles"] == 8192
    assert list(told["errors"]) == ["persistence", "line", "hardening"]
    assert told["best"]["0.8"] in told["errors"]
    assert any("synthetic" in text for text in told["warnings"])
    names = {"forecasts", "json", "csv", "forecasts_80", "errors", "report"}
    assert set(told["files"]) == names
    assert all((tmp_path / path).stat().st_size for path in told["files"].values())
    product = read_product(told["files"]["forecasts"], kind="binary_forecasts")
    assert product.arrays["persistence/0.8/forecast"].shape == (1, 42, 2)
    series = np.stack([product.arrays["semi_major_axis"], product.arrays["eccentricity"]], axis=1)
    expected = np.mean(np.abs(series[167] - series[168:]) / series[:168].std(axis=0))
    assert told["errors"]["persistence"]["0.8"]["mean"] == pytest.approx(expected)
    lines = [line for line in (tmp_path / told["files"]["csv"]).read_text().splitlines() if not line.startswith("#")]
    table = list(csv.DictReader(lines))
    assert len(table) == 3
    assert float(table[0]["error"]) == pytest.approx(expected)


def test_a_merger_is_chosen_and_told(swansong, mergers):
    done = swansong("binaries", "forecast", mergers, *QUICK, "--merger", 2, "--out", "run")
    assert done.code == 0, done.err
    assert "N = 4,096 (synthetic)" in done.out
    assert "hardening" in done.out
    assert read_trajectories(mergers)[2].merger.particles == 4096


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--split", "1.2"), "`--split` must lie between 0 and 1, got 1.2"),
        (("--split", "0"), "`--split` must lie between 0 and 1"),
        (("--models", "oracle"), "no forecaster 'oracle'"),
        (("--window", "100"), "three windows"),
        (("--window", "1"), "at least 2 snapshots"),
        (("--snapshots", "9999"), "9999 snapshots were asked for"),
        (("--merger", "3"), "is not bound"),
        (("--merger", "4"), "between 0 and 3"),
        (("--largest-axis", "1e-6"), "never stays below"),
        (("--seeds", "0"), "at least 1"),
        (("--synthetic",), "drop one of them"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_input_is_refused_in_one_line(swansong, mergers, tmp_path, arguments, words):
    done = swansong("binaries", "forecast", mergers, *arguments, "--out", "run")
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_file_that_holds_no_mergers(swansong, tmp_path):
    (tmp_path / "a.h5").write_text("nothing")
    done = swansong("binaries", "forecast", "a.h5")
    assert done.code == 2
    assert "not an HDF5 file" in done.err


def test_without_the_extra_the_others_run(swansong, monkeypatch):
    monkeypatch.setattr(protocol, "find_spec", lambda package: True if package == "numpy" else None)
    done = swansong("binaries", "forecast", "--synthetic", "--seed", 2, "--out", "run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert list(told["errors"]) == ["persistence", "line", "hardening"]
    assert told["merger"]["origin"] == "synthetic"
    assert any("node, ffnn, bnn, lstm, xgboost, varima left out" in text for text in told["warnings"])
    done = swansong("binaries", "forecast", "--synthetic", "--models", "bnn")
    assert done.code == 2
    assert "pip install 'swansong[forecast]'" in done.err
