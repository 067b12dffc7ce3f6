"""The verbs of ringdown on a small problem, and what `report`, `show` and `demo` make of their results."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from swansong.cli.main import main
from swansong.core.config import load
from swansong.core.files import read_product
from swansong.inference.posterior import Posterior
from swansong.ringdown.settings import ESTIMATORS, Problem, Recipe

INFER_KEYS = {
    "system",
    "estimator",
    "samples",
    "effective_samples",
    "log_evidence",
    "log_evidence_error",
    "parameters",
    "seconds",
    "warnings",
    "files",
    "log_bayes_factor",
}
NAMES = ["final_mass", "final_spin", "amplitude_220", "phase_220"]


class Run(NamedTuple):
    folder: Path
    facts: dict
    err: str


def strict(text):
    """Read one JSON object that holds neither NaN nor infinity."""

    def refuse(name):
        pytest.fail(f"the JSON holds {name}")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="session")
def inferred(tmp_path_factory, small_toml):
    """One run of `infer --json`, its output kept."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    with pytest.MonkeyPatch.context() as patch:
        texts = {"stdout": [], "stderr": []}
        for name, kept in texts.items():
            patch.setattr(f"sys.{name}", SimpleNamespace(write=kept.append, flush=lambda: None, isatty=lambda: False))
        arguments = ["ringdown", "infer", small_toml, "--samples", "500", "--seed", "3", "--json", "--out", folder]
        code = main([str(argument) for argument in arguments])
    assert code == 0, texts["stderr"]
    return Run(folder, strict("".join(texts["stdout"])), "".join(texts["stderr"]))


def test_infer_prints_one_json_object_of_the_promised_names(inferred):
    facts = inferred.facts
    assert inferred.err == ""
    assert set(facts) == INFER_KEYS
    assert (facts["system"], facts["estimator"], facts["samples"]) == ("ringdown", "exact", 500)
    assert list(facts["parameters"]) == NAMES
    for interval in facts["parameters"].values():
        assert set(interval) == {"median", "lower", "upper", "unit"}
        assert interval["lower"] < interval["median"] < interval["upper"]
    assert [interval["unit"] for interval in facts["parameters"].values()] == ["Msun", "", "", "rad"]
    assert set(facts["seconds"]) == {"prepare", "sample"}


def test_infer_writes_the_files_it_names_and_no_others(inferred):
    files = {name: Path(path) for name, path in inferred.facts["files"].items()}
    assert set(files) == {"posterior", "event", "bilby", "netcdf", "corner", "strain", "report"}
    assert {path.name for path in files.values()} == {path.name for path in inferred.folder.iterdir()}
    page = files["report"].read_text()
    assert page.count("<img") == 2
    assert "Msun" in page
    assert "odot" not in page
    assert len(json.loads(files["bilby"].read_text())) == 9


def test_the_posterior_knows_how_it_was_made(inferred, small_toml):
    posterior = Posterior.load(inferred.folder / "posterior.h5")
    made = posterior.provenance
    assert made.seed == 3
    assert made.configuration["problem"]["data"]["duration"] == 0.04
    assert made.command == f"swansong ringdown infer {small_toml} --samples 500 --seed 3"
    assert posterior.truth is not None
    event = read_product(inferred.folder / "event.h5", kind="event")
    # Data minus injected signal is the noise, which whitening has made white.
    noise = event.arrays["whitened/H1"] - event.arrays["injected/H1"]
    assert noise.shape == (164,)
    assert 0.8 < noise.std() < 1.2
    low, middle, high = event.arrays["bands/H1"]
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_the_same_seed_gives_the_same_product_in_any_folder(inferred, swansong, small_toml):
    code, out, err = swansong("ringdown", "infer", small_toml, "--samples=500", "--seed", 3, "--out", "again")
    assert (code, err) == (0, "")
    assert "final_mass" in out
    assert "ln Bayes factor" in out
    assert "effective samples" in out
    assert "written to again: posterior.h5, event.h5, posterior.json, posterior.nc, corner.png, strain.png" in out
    first, second = (Posterior.load(folder / "posterior.h5") for folder in (inferred.folder, Path("again")))
    np.testing.assert_array_equal(first.samples, second.samples)
    code, out, err = swansong("ringdown", "infer", small_toml, "--out", "again")
    assert (code, out) == (2, "")
    assert "--force" in err


def test_report_draws_everything_again_from_the_products(inferred, swansong):
    page, corner = inferred.folder / "report.html", inferred.folder / "corner.png"
    before = (page.read_bytes(), corner.read_bytes())
    page.unlink()
    corner.unlink()
    code, out, err = swansong("report", inferred.folder, "--json")
    assert (code, err) == (0, "")
    assert set(strict(out)["files"]) == {"corner", "strain", "report"}
    assert (page.read_bytes(), corner.read_bytes()) == before


def test_show_tells_what_is_in_a_product(inferred, swansong):
    code, out, _ = swansong("show", inferred.folder / "posterior.h5")
    assert code == 0
    assert all(text in out for text in ("posterior", "500 x 4", "swansong ringdown infer", ", ".join(NAMES)))
    facts = strict(swansong("show", inferred.folder / "event.h5", "--json").out)
    assert (facts["type"], facts["kind"], facts["provenance"]["seed"]) == ("product", "event", 3)


def test_show_knows_toml_and_strain(swansong, small_toml, tmp_path):
    facts = strict(swansong("show", small_toml, "--json").out)
    assert (facts["type"], facts["what"]) == ("configuration", "ringdown problem")
    assert facts["configuration"]["data"]["rate"] == 4096.0
    swansong("ringdown", "init", "flow", "--out", "flow.toml")
    assert "ringdown training recipe, valid" in swansong("show", "flow.toml").out
    np.savetxt(tmp_path / "H-H1_x.txt", np.stack([100 + np.arange(64) / 64, np.zeros(64)], axis=1), fmt="%.9f")
    facts = strict(swansong("show", "H-H1_x.txt", "--json").out)
    assert (facts["type"], facts["detector"], facts["start"], facts["rate"]) == ("strain", "H1", 100.0, 64.0)
    assert "64 at 64 Hz" in swansong("show", "H-H1_x.txt").out


def test_init_writes_what_load_reads(swansong):
    code, out, _ = swansong("ringdown", "init")
    assert code == 0
    assert "swansong ringdown infer problem.toml" in out
    assert load(Problem, "problem.toml") == Problem()
    assert swansong("ringdown", "init").code == 2
    assert swansong("ringdown", "init", "--force").code == 0
    assert swansong("ringdown", "init", "flow").code == 0
    assert load(Recipe, "flow.toml").estimator == "flow"
    code, out, _ = swansong("ringdown", "init", "--out", "-")
    assert out == Path("problem.toml").read_text()


def test_simulate_is_reproducible_and_reports(swansong, small_toml):
    code, out, err = swansong("ringdown", "simulate", small_toml, "-n", 70, "--seed", 2, "--out", "a", "--json")
    assert (code, err) == (0, "")
    facts = strict(out)
    assert (facts["system"], facts["events"], facts["warnings"]) == ("ringdown", 70, [])
    product = read_product("a/data_set.h5", kind="data_set")
    assert product.sha256 == facts["sha256"]
    assert product.arrays["whitened"].shape == (70, 1, 164)
    assert product.arrays["parameters"].shape == (70, 4)
    assert [path.name for path in Path("a").iterdir()] == ["data_set.h5"]
    # Events do not share their noise, and a longer set begins with the same ones.
    assert abs(np.corrcoef(product.arrays["whitened"][:, 0])[0, 1]) < 0.9
    swansong("ringdown", "simulate", small_toml, "-n", 65, "--seed", 2, "--out", "b")
    shorter = read_product("b/data_set.h5")
    np.testing.assert_array_equal(shorter.arrays["whitened"], product.arrays["whitened"][:65])
    assert swansong("report", "a").code == 0
    assert "70 simulated events" in Path("a/report.html").read_text()


def test_strain_brings_its_detectors_and_an_open_prior(swansong, monkeypatch, tmp_path):
    from swansong.cli import ringdown_infer

    seen = {}

    def fake(problem, **arguments):
        seen.update(arguments, problem=problem)
        return SimpleNamespace(to_json=lambda: {"x": math.nan})

    monkeypatch.setattr(ringdown_infer, "infer", fake)
    for name in ("L1", "H1"):
        (tmp_path / f"{name}.hdf5").write_bytes(b"x")
    strain = ("--strain", "L1=L1.hdf5", "--strain", "H1=H1.hdf5")
    place = ("--ra", "1.5", "--dec", "-1.27", "--psi", "0.5", "--start", "1126259462.4232678")
    outcome = swansong("ringdown", "infer", *strain, *place, "--estimator", "flow", "--no-reweight", "--json")
    assert outcome == (0, '{"x": null}\n', "")
    problem = seen["problem"]
    assert problem.data.detectors == ("L1", "H1")
    assert list(seen["strain"]) == ["L1", "H1"]
    assert problem.prior.minimum_snr == 0.0
    source = problem.source
    assert (source.right_ascension, source.declination, source.polarization) == (1.5, -1.27, 0.5)
    assert source.start == 1126259462.4232678
    assert (seen["estimator"], seen["reweight"], seen["samples"]) == ("flow", False, 20_000)
    assert seen["folder"] == Path("runs/ringdown-infer")
    swansong("ringdown", "infer", *strain, "--set", "prior.minimum_snr=8.0", "--quiet")
    assert seen["problem"].prior.minimum_snr == 8.0
    swansong("ringdown", "infer", "--quiet")
    assert seen["problem"] == Problem()


def test_a_default_folder_that_is_taken_gets_a_number(swansong, monkeypatch):
    from swansong.cli import ringdown_infer

    folders = []
    monkeypatch.setattr(ringdown_infer, "infer", lambda problem, **given: folders.append(given["folder"]))
    for _ in range(3):
        assert swansong("ringdown", "infer", "--quiet").code == 0
        folders[-1].mkdir(parents=True)
        (folders[-1] / "posterior.h5").touch()
    assert [folder.name for folder in folders] == ["ringdown-infer", "ringdown-infer-2", "ringdown-infer-3"]
    # What an interrupted run keeps for itself does not count.
    Path("runs/demo/.chunks").mkdir(parents=True)
    assert swansong("demo", "--quiet").code == 0
    assert folders[-1] == Path("runs/demo")


def test_an_interrupted_run_says_how_to_go_on(swansong, monkeypatch):
    from swansong.cli import ringdown_infer, ringdown_runs

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ringdown_infer, "infer", interrupt)
    monkeypatch.setattr(ringdown_runs, "train", interrupt)
    code, out, err = swansong("ringdown", "infer")
    assert (code, out) == (130, "")
    assert "same command" in err
    code, out, err = swansong("ringdown", "train", "flow", "--out", "mine")
    assert (code, out) == (130, "")
    assert "resume from what is in mine" in err


def test_train_resumes_a_checkpoint_and_refuses_other_content(swansong, monkeypatch):
    from swansong.cli import ringdown_runs

    calls = []

    def fake(recipe, **given):
        calls.append((recipe, given))
        return SimpleNamespace(to_json=dict)

    monkeypatch.setattr(ringdown_runs, "train", fake)
    Path("mine").mkdir()
    Path("mine/checkpoint.h5").touch()
    assert swansong("ringdown", "train", "flow", "--out", "mine", "--max-seconds", 5, "--json").code == 0
    assert calls[0][0].training.max_seconds == 5.0
    assert calls[0][1]["resume"]
    assert swansong("ringdown", "train", "flow", "--out", "mine", "--no-resume").code == 2
    assert swansong("ringdown", "train", "flow", "--out", "mine", "--no-resume", "--force", "--quiet").code == 0
    assert not calls[1][1]["resume"]


def test_check_writes_figures_and_keeps_no_time_in_its_product(swansong, monkeypatch, small_toml):
    from swansong.cli import ringdown_runs

    levels = np.random.default_rng(0).random((32, 2))
    facts = {
        "system": "ringdown",
        "estimator": "exact",
        "injections": 32,
        "seed": 0,
        "ks_p": {"final_mass": 0.5, "final_spin": 0.6},
        "js_distance": {"final_mass": {"median": math.nan, "p90": 0.1}},
        "efficiency": {"median": 0.9, "by_snr": {}},
        "seconds_per_event": 0.25,
        "warnings": ["mind the gap"],
    }
    result = SimpleNamespace(levels=levels, to_json=lambda: dict(facts))
    monkeypatch.setattr(ringdown_runs.checking, "check", lambda problem, **_: result)
    code, out, err = swansong("ringdown", "check", small_toml, "--injections", 32, "--out", "c", "--json")
    assert (code, err) == (0, "")
    printed = strict(out)
    assert printed.pop("files").keys() == {"check", "json", "pp", "report"}
    assert printed == {**facts, "js_distance": {"final_mass": {"median": None, "p90": 0.1}}}
    product = read_product("c/check.h5", kind="check")
    assert "seconds_per_event" not in product.metadata["result"]
    np.testing.assert_array_equal(product.arrays["levels"], levels)
    assert "mind the gap" in Path("c/report.html").read_text()
    out = swansong("ringdown", "check", small_toml, "--injections", 32, "--out", "d").out
    assert "KS p, final_spin" in out
    assert "warning: mind the gap" in out


def test_the_estimators_of_the_command_are_those_of_the_package():
    from typing import get_args

    from swansong.cli.ringdown import Estimator

    assert set(get_args(get_args(Estimator)[0])) == set(ESTIMATORS)
