"""`swansong binaries train`, `evolve` and `check`: from mergers of a known law to bands, and wrong input."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_cli_bad_input import refused

from swansong.binaries.learnt.surrogate import load_surrogate
from swansong.binaries.trajectories import Merger, read_trajectories, write_trajectories
from swansong.core.files import read_product
from swansong.core.provenance import collect

sys.path.append(str(Path(__file__).parents[1] / "unit" / "binaries"))
from made_mergers import ensemble, made, speed, write_exact_weights

SMALL = (
    "--set", "members=2", "--set", "curves.duration=40.0", "--set", "curves.saves=9", "--set", "curves.smoothing=0.0",
    "--set", "network.width=8", "--set", "network.depth=1", "--set", "training.batch_size=16",
    "--set", "training.validate_every=50", "--set", "training.checkpoint_every=50", "--set", "training.patience=50",
    "--set", "training.learning_rate=2e-2", "--set", "loss.shifted=0.2",
)  # fmt: skip
ASKED = ("--galaxy-eccentricity", 0.9, "--particles", 4096)
PAIR = ("--semi-major-axis", 0.01, "--eccentricity", 0.6)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Mergers of one hardening rate that scatters by 3 %, one of them with a large energy error."""
    path = tmp_path_factory.mktemp("mergers") / "mergers.h5"
    mergers = ensemble(noise=0.03, duration=70.0, rate=3.0)
    mergers.append(replace(mergers[0], merger=Merger(0.5, 2048, 99), energy_error=0.1))
    write_trajectories(path, mergers, provenance=collect(configuration={}))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory, data):
    """Weights that know the law of these mergers."""
    path = tmp_path_factory.mktemp("weights") / "weights.h5"
    write_exact_weights(path, read_trajectories(data), growth=0.5)
    return path


def answer(done):
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.mark.slow
def test_training_stops_resumes_and_learns_the_law_of_the_mergers(swansong, tmp_path):
    data, out = tmp_path / "mergers.h5", tmp_path / "run"
    mergers = [*ensemble(noise=0.03, duration=70.0), made(0.5, 2048, 99, energy_error=0.1)]
    write_trajectories(data, mergers, provenance=collect(configuration={}))
    command = ("binaries", "train", "rates", "--data", data, *SMALL, "--set", "training.steps=300")
    half = answer(swansong(*command, "--max-seconds", 1e-3, "--out", out, "--json"))
    assert half["stopped"] == "time"
    assert half["step"] < 300
    assert any("not finished" in text for text in half["warnings"])
    told = answer(swansong(*command, "--out", out, "--json"))
    assert (told["system"], told["estimator"], told["step"], told["steps"]) == ("binaries", "rates", 300, 300)
    assert told["split"] == {"train": 18, "validation": 3, "test": 7}
    assert told["left_out"] == {"energy": 1, "loose": 0, "short": 0}
    assert any("1 mergers have an energy error" in text for text in told["warnings"])
    assert set(told["files"]) == {"checkpoint_1", "weights", "training"}
    # Stopped and resumed, or in one go: the same bits.
    answer(swansong(*command, "--out", tmp_path / "whole", "--json"))
    found = [read_product(folder / "weights.h5").sha256 for folder in (out, tmp_path / "whole")]
    assert found[0] == found[1]
    surrogate = load_surrogate("rates", out / "weights.h5")
    shape = (2, 1)
    for e_gal, particles in ((0.5, 2048), (0.9, 4096)):
        s, k = surrogate.equation.rates(
            np.full(shape, np.log(150.0)), np.full(shape, 0.5), elapsed=np.full(shape, 15.0),
            condition=np.broadcast_to([float(e_gal), float(particles)], (*shape, 2)),
        )  # fmt: skip
        np.testing.assert_allclose(np.mean(s), speed(e_gal, particles), rtol=0.05)
        np.testing.assert_allclose(np.mean(k), 0.5, atol=0.12)


@pytest.mark.slow
def test_the_paper_trains_in_two_parts(swansong, data, tmp_path):
    parts = "curriculum=[{share=0.5,steps=60,learning_rate=1e-2},{share=1.0,steps=60,learning_rate=5e-3}]"
    out = tmp_path / "run"
    command = ("binaries", "train", "paper_hard", "--data", data, *SMALL, "--set", parts, "--out", out, "--json")
    told = answer(swansong(*command))
    assert (told["step"], told["part"], told["parts"]) == (120, 2, 2)
    checked = answer(
        swansong(
            "binaries", "check", "--estimator", "paper", "--data", data, "--weights", out / "weights.h5",
            "--out", tmp_path / "check", "--json",
        )
    )  # fmt: skip
    # A curve that stayed where it began would be off by half of the range.
    assert checked["errors"]["surrogate"]["energy"]["of_range"] < 0.2
    assert checked["coverage"]["energy"]["95"] > 0.6


def test_check_finds_small_errors_and_compares_with_baselines(swansong, data, weights, tmp_path):
    out = tmp_path / "check"
    told = answer(swansong("binaries", "check", "--data", data, "--weights", weights, "--out", out, "--json"))
    assert (told["mergers"], told["highest_resolution"]) == (7, 8192)
    errors = told["errors"]
    # The scatter of the rate is 3 %, and half of the range is passed in the median.
    assert errors["surrogate"]["energy"]["of_range"] < 0.025
    assert errors["surrogate"]["eccentricity"]["absolute"] < 0.01
    # From its own beginning a pair is known better than from its kind alone.
    for quantity in ("momentum", "eccentricity"):
        assert errors["surrogate"][quantity]["absolute"] < 0.5 * errors["alone"][quantity]["absolute"]
        assert errors["surrogate"][quantity]["absolute"] < 0.5 * errors["baseline"][quantity]["absolute"]
    assert errors["realisations"]["mergers"] == 7
    for name in ("coverage", "coverage_alone"):
        for shares in told[name].values():
            assert 0.0 <= shares["68"] <= shares["95"] <= 1.0
    assert told["coverage"]["axis"]["95"] > 0.6
    times = told["merger_time"]
    assert 0 < len(times["representatives"]) <= 9
    assert times["median_difference"] < 0.1
    assert times["realisations"]["median"] > times["median_difference"]
    assert any("1 mergers have an energy error" in text for text in told["warnings"])
    product = read_product(out / "check.h5", kind="binary_check")
    assert product.arrays["bands"].shape == (4, 5, 7, 9)
    assert np.all(np.diff(product.arrays["bands"], axis=1) >= 0.0)
    assert {path.name for path in out.iterdir()} == {
        "check.h5", "check.json", "check.csv", "orbits.png", "rates.png", "report.html", "merger_times.png"
    }  # fmt: skip


def test_evolve_from_a_pair_and_from_its_galaxies_alone(swansong, weights, tmp_path):
    common = ("binaries", "evolve", *ASKED, "--weights", weights, "--json")
    known = answer(swansong(*common, *PAIR, "--begin", 7.0, "--out", tmp_path / "known"))
    begin, end = known["begin"], known["end"]
    assert (begin["time"], end["time"]) == (7.0, 47.0)
    assert begin["axis"]["expected"] == pytest.approx(0.01)
    assert begin["energy"]["expected"] == pytest.approx(-0.5)
    assert 1.0 / end["axis"]["expected"] == pytest.approx(220.0, rel=0.02)
    assert end["axis"]["95"][0] < end["axis"]["68"][0] < end["axis"]["68"][1] < end["axis"]["95"][1]
    table = (tmp_path / "known" / "forecast.csv").read_text().splitlines()
    assert table[1].startswith("time,energy,energy_2.5,energy_16,energy_50,energy_84,energy_97.5,momentum,")
    assert len(table) == 11
    alone = answer(swansong(*common))
    assert alone["drawn"]
    # Bound at 20 with 1/a = 50, hard at 100.
    assert alone["begin"]["time"] == pytest.approx(20.0 + 50.0 / 3.0, abs=2.0)
    width = [np.ptp(one["begin"]["eccentricity"]["68"]) for one in (alone, known)]
    assert width[0] > 2.0 * width[1]
    # The same seed gives the same numbers.
    again = answer(swansong(*common))
    assert {**again, "seconds": 0} == {**alone, "seconds": 0}


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (("--galaxy-eccentricity", 0.95, "--particles", 4096, *PAIR), "e_gal = 0.95 lies outside the learnt range"),
        (("--galaxy-eccentricity", 0.9, "--particles", 65536, *PAIR), "N = 65536 lies outside the learnt range"),
        ((*ASKED, "--energy", 0.5, "--momentum", 0.1), "rates need a bound pair, got E = 0.5"),
    ],
)
def test_evolve_refuses_what_was_not_learnt(swansong, weights, tmp_path, extra, words):
    out = tmp_path / "out"
    refused(swansong("binaries", "evolve", *extra, "--weights", weights, "--out", out), words, out=out)


def test_extrapolation_and_merger_times(swansong, weights):
    told = answer(
        swansong(
            "binaries", "evolve", "--galaxy-eccentricity", 0.9, "--particles", 65536, *PAIR, "--extrapolate",
            "--weights", weights, "--merger-time", "--json",
        )
    )  # fmt: skip
    assert "N = 65536 lies outside" in told["warnings"][0]
    found = told["merger_time"]
    assert found["median"] == pytest.approx(np.median(found["members"]))
    # Faster stars and more eccentric pairs merge sooner.
    assert found["elasticities"]["hardening"] < 0.0
    assert found["elasticities"]["eccentricity"] < 0.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "nothing"), "There is no recipe 'nothing'; give a TOML file or one of paper, paper_hard, rates"),
        (("train", "rates", "--data", "missing.h5"), "missing.h5"),
        (("train", "rates", "--set", "curves.begin=run"), "a pair that is not bound has none"),
        (("train", "rates", "--max-seconds", -1), "`--max-seconds` must be positive"),
        (("check", "--draws", 3), "`--draws` must be at least 20"),
        (("check", "--data", "missing.h5"), "missing.h5"),
        (("evolve", "--galaxy-eccentricity", 1.0, "--particles", 4096), "must lie in [0, 1), got 1"),
        (("evolve", *ASKED, "--semi-major-axis", 0.01), "needs `--semi-major-axis` and `--eccentricity`"),
        (("evolve", *ASKED, *PAIR, "--energy", -1), "drop one pair"),
        (("evolve", *ASKED, "--semi-major-axis", -0.01, "--eccentricity", 0.5), "`--semi-major-axis` must be positive"),
        (("evolve", *ASKED, "--semi-major-axis", 0.01, "--eccentricity", 1.0), "`--eccentricity` must lie in [0, 1)"),
        (("evolve", *ASKED, "--energy", -1, "--momentum", -0.1), "`--momentum` must be finite"),
        (("evolve", *ASKED, *PAIR, "--merger-time", "--estimator", "paper"), "needs learnt rates"),
        (("evolve", *ASKED, *PAIR, "--weights", "missing.h5"), "missing.h5"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(swansong, tmp_path, arguments, words):
    out = tmp_path / "out"
    refused(swansong("binaries", *arguments, "--out", out), words, out=out)


def test_wrong_input_does_not_start_jax():
    code = (
        "import sys\nfrom swansong.cli.binaries_evolve import evolve\nfrom swansong.cli.binaries_train import train\n"
        "from swansong.cli.binaries_check import check\n"
        "try:\n    evolve(galaxy_eccentricity=2.0, particles=4096)\nexcept ValueError:\n    pass\n"
        "assert 'jax' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
