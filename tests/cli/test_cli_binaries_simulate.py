"""`swansong binaries simulate` and `init`: mergers, files, templates that read back, and wrong input."""

import json
import tomllib

import numpy as np
import pytest
from test_cli_bad_input import refused

from swansong.binaries.trajectories import read_trajectories

SHORT = ("--set", "run.longest=8.0", "--particles", "128")


@pytest.fixture
def refuse(swansong, tmp_path):
    """Call the verb with `--out result` and expect a refusal."""

    def call(*given, said):
        refused(swansong("binaries", "simulate", *given, "--out", "result"), said, out=tmp_path / "result")

    return call


def test_one_merger_leaves_a_trajectory_and_figures(swansong, tmp_path) -> None:
    done = swansong("binaries", "simulate", *SHORT, "--frames", 2, "--seed", 5, "--out", "result", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["system"] == "binaries"
    assert told["mergers"] == 1
    assert told["bound"] == 0
    assert told["warnings"] == ["1 of 1 pairs are not bound at the end; raise `run.longest`"]
    assert {"separation", "conservation", "frames", "csv", "json", "trajectories", "report"} == set(told["files"])
    (found,) = read_trajectories(tmp_path / "result" / "trajectories.h5")
    assert (found.merger.particles, found.merger.seed, found.merger.origin) == (128, 5, "nbody")
    assert not list((tmp_path / "result").glob(".chunks*"))


def test_an_ensemble_has_one_row_a_merger(swansong, tmp_path) -> None:
    arguments = ("--eccentricity", "0.9", "--eccentricity", "0.97", "--realisations", "2", "--workers", "1")
    done = swansong("binaries", "simulate", *SHORT, *arguments, "--out", "result")
    assert done.code == 0
    assert "4 mergers of galaxies" in done.out
    rows = (tmp_path / "result" / "mergers.csv").read_text().splitlines()
    assert len(rows) == 6
    assert rows[2].startswith("0.9,128,0,")
    assert not (tmp_path / "result" / "frames.png").exists()


def test_synthetic_mergers_say_so(swansong) -> None:
    done = swansong("binaries", "simulate", "--synthetic", "--realisations", 3, "--out", "result", "--json")
    told = json.loads(done.out)
    assert told["bound"] == told["mergers"] == 3
    assert told["warnings"] == ["these trajectories are synthetic: no astrophysics may rest on them"]
    assert np.isfinite(told["final_eccentricity"]).all()


@pytest.mark.parametrize("name", ["merger", "ensemble", "paper", "rates", "background"])
def test_templates_read_back(swansong, name: str) -> None:
    done = swansong("binaries", "init", name, "--out", "-")
    assert done.code == 0
    assert tomllib.loads(done.out)
    assert "Use it with: swansong binaries" in done.out


def test_a_template_can_be_used(swansong, tmp_path) -> None:
    assert swansong("binaries", "init", "--out", "merger.toml").code == 0
    done = swansong("binaries", "simulate", "merger.toml", *SHORT, "--out", "result")
    assert done.code == 0


def test_wrong_mergers_are_refused(refuse) -> None:
    refuse("--eccentricity", "1.0", said="must be less than 1")
    refuse("--eccentricity", "0.2", said="reaches the separation of 20")
    refuse("--particles", "2047", said="even number")
    refuse("--particles", "10", said="from 64")
    refuse("--realisations", "0", said="at least one realisation")
    refuse("--frames", "-1", said="--frames")
    refuse("--workers", "0", said="--workers")
    refuse("--realisations", "2", "--frames", "3", said="there are 2 mergers")
    refuse("--synthetic", "--frames", "3", said="has no stars")
    refuse("--set", "run.longest=-5.0", said="longest")
    refuse("--set", "run.integrator.stepp=1.0", said="stepp")
    refuse("--set", "ensemble.particles=[2048,4096]", said="realisations has 1 entries for 2")
    refuse("missing.toml", said="does not exist")


def test_unknown_templates_are_refused(swansong) -> None:
    done = swansong("binaries", "init", "merge")
    assert done.code == 2
    assert "merger, ensemble" in done.err
