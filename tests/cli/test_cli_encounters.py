"""The verbs of encounters on a small problem, and the pages of their runs."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, get_args

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from test_cli_bad_input import START, write_gwosc
from test_cli_ringdown import INFER_KEYS, strict

from swansong.cli import encounters
from swansong.cli.main import main
from swansong.cli.output import Screen, present
from swansong.core.config import load
from swansong.core.files import read_product
from swansong.encounters.settings import ESTIMATORS, Problem, Recipe
from swansong.inference.posterior import Posterior

SMALL = """
[data]
detectors = ["H1", "L1"]
duration = 2.0
minimum_frequency = 16.0
maximum_frequency = 256.0
[prior]
component_mass = [20.0, 60.0]
luminosity_distance = [100.0, 400.0]
pericentre_time = [-0.1, 0.1]
minimum_snr = 8.0
"""
NAMES = [
    "mass_ratio",
    "total_mass",
    "eccentricity",
    "semi_latus_rectum",
    "luminosity_distance",
    "pericentre_time",
    "ra",
    "dec",
    "psi",
    "theta_jn",
    "argument_of_pericentre",
]
ADDED = {"sky", "derived", "width_over_prior", "prior_dominated", "goodness_of_fit"}
SKY = 41252.96  # deg^2


@pytest.fixture(scope="module")
def burst_toml(tmp_path_factory):
    path = tmp_path_factory.mktemp("problem") / "burst.toml"
    path.write_text(SMALL)
    return path


def no_corner(patch):
    """Leave corner plots blank: all parameters take seconds, and other tests draw some."""
    patch.setattr("swansong.report.runs.corner_figure", lambda posterior, *, names: Figure())


class Burst(NamedTuple):
    folder: Path
    facts: dict
    err: str
    result: Any


@pytest.fixture(scope="module")
def inferred(tmp_path_factory, burst_toml):
    """One run of `infer --json`, its output and its result kept."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    results = []
    with pytest.MonkeyPatch.context() as patch:
        no_corner(patch)
        texts = {"stdout": [], "stderr": []}
        for name, kept in texts.items():
            patch.setattr(f"sys.{name}", SimpleNamespace(write=kept.append, flush=lambda: None, isatty=lambda: False))
        patch.setattr(encounters, "present", lambda result, run: (results.append(result), present(result, run)))
        arguments = ["encounters", "infer", burst_toml, "--samples", "600", "--seed", "1", "--json", "--out", folder]
        code = main([str(argument) for argument in arguments])
    assert code == 0, texts["stderr"]
    return Burst(folder, strict("".join(texts["stdout"])), "".join(texts["stderr"]), results[0])


def test_infer_prints_one_json_object_of_the_promised_names(inferred):
    facts = inferred.facts
    assert inferred.err == ""
    assert set(facts) == INFER_KEYS | ADDED
    assert (facts["system"], facts["estimator"], facts["samples"]) == ("encounters", "exact", 600)
    assert list(facts["parameters"]) == NAMES
    units = [interval["unit"] for interval in facts["parameters"].values()]
    assert units == ["", "Msun", "", "M", "Mpc", "s", "rad", "rad", "rad", "rad", "rad"]
    assert all(row["lower"] <= row["median"] <= row["upper"] for row in facts["parameters"].values())
    assert set(facts["derived"]) == {"timescale", "strain_amplitude"}
    assert set(facts["prior_dominated"]) < set(NAMES)
    # A simulated event is one of the model's.
    assert facts["goodness_of_fit"] > 1e-4
    assert facts["log_bayes_factor"] > 5.0


def test_infer_writes_the_files_it_names_and_no_others(inferred):
    files = {name: Path(path) for name, path in inferred.facts["files"].items()}
    drawn = {"corner", "strain", "sky", "report"}
    assert set(files) == {"posterior", "event", "bilby", "netcdf", "skymap", "samples_table"} | drawn
    assert {path.name for path in files.values()} == {path.name for path in inferred.folder.iterdir()}
    page = files["report"].read_text()
    assert page.count("<img") == 3
    assert "area that holds 90 %" in page
    assert "timescale" in page
    # Parameters that the prior decides are told and not drawn.
    assert all(name in page.partition("not shown")[2] for name in inferred.facts["prior_dominated"])


def test_the_run_is_what_its_provenance_says(inferred, burst_toml):
    from swansong.core.config import validate
    from swansong.encounters import estimators, events

    posterior = Posterior.load(inferred.folder / "posterior.h5")
    made = posterior.provenance
    assert made.command == f"swansong encounters infer {burst_toml} --samples 600 --seed 1"
    problem = validate(Problem, made.configuration["problem"])
    assert problem == load(Problem, burst_toml)
    event = events.simulate_event(problem, seed=made.seed)
    again = estimators.infer(event, samples=made.configuration["samples"], seed=made.seed)
    np.testing.assert_array_equal(again.samples, posterior.samples)
    np.testing.assert_array_equal(event.truth, posterior.truth)


def test_the_sky_map_of_the_run_is_that_of_its_posterior(inferred):
    from swansong.signals import read_sky_map

    posterior = Posterior.load(inferred.folder / "posterior.h5")
    found = read_sky_map(inferred.folder / "skymap.fits.gz")
    sky = inferred.facts["sky"]
    assert 0.0 < sky["area_50"] < sky["area_90"] < SKY
    assert found.credible_area(0.9) == pytest.approx(sky["area_90"])
    assert found.detectors == ("H1", "L1")
    true = dict(zip(posterior.parameters.names, posterior.truth, strict=True))
    assert float(found.credible_level(true["ra"], true["dec"])) == pytest.approx(sky["truth_level"])
    assert found.gps == pytest.approx(1370692818.0 + true["pericentre_time"], abs=0.05)
    # The posterior's own samples lie where the map says: half of their weight in the 50 % area.
    level = found.credible_level(posterior["ra"], posterior["dec"])
    assert posterior.weights @ (level < 0.5) == pytest.approx(0.5, abs=0.2)
    with h5py.File(inferred.folder / "samples_table.h5") as file:
        table = file["posterior_samples"][()]
    assert table.dtype.names == ("ra", "dec", "dist", "time")
    assert len(table) == round(posterior.effective_samples)
    assert table["dist"].mean() == pytest.approx(posterior.weights @ posterior["luminosity_distance"], rel=0.1)


def test_the_event_of_the_run_is_white_but_for_its_signal(inferred):
    event = read_product(inferred.folder / "event.h5", kind="event")
    assert event.metadata["detectors"] == ["H1", "L1"]
    for name in ("H1", "L1"):
        noise = event.arrays[f"whitened/{name}"] - event.arrays[f"injected/{name}"]
        assert 0.85 < noise.std() < 1.15
        low, middle, high = event.arrays[f"bands/{name}"]
        assert (low <= middle).all()
        assert (middle <= high).all()
    delay = event.metadata["starts"]["H1"] - event.metadata["starts"]["L1"]
    assert abs(delay) < 0.0101  # light between the sites


def test_infer_tells_a_human_the_same(inferred, capsys):
    inferred.result.show(Screen())
    out = capsys.readouterr().out
    sky = inferred.facts["sky"]
    assert "Encounters: posterior of the simulated event, exact estimator" in out
    assert f"50 % in {sky['area_50']:,.0f} deg², 90 % in {sky['area_90']:,.0f} deg²" in out
    assert f"inside the {100 * sky['truth_level']:.0f} % area" in out
    for said in ("timescale", "strain amplitude", "prior decides", "goodness of fit", "injected", "skymap.fits.gz"):
        assert said in out


def test_report_draws_everything_again(inferred, swansong, monkeypatch):
    page, sky = inferred.folder / "report.html", inferred.folder / "sky.png"
    before = (page.read_bytes(), sky.read_bytes())
    drawn = []
    monkeypatch.setattr("swansong.report.runs.corner_figure", lambda p, *, names: drawn.append(names) or Figure())
    facts = strict(swansong("report", inferred.folder, "--json").out)
    assert set(facts["files"]) == {"corner", "strain", "sky", "report"}
    assert (page.read_bytes(), sky.read_bytes()) == before
    # What the prior decides is not drawn, all else is.
    assert {*drawn[0], *inferred.facts["prior_dominated"]} == set(NAMES)
    assert len(drawn[0]) + len(inferred.facts["prior_dominated"]) == len(NAMES)


def test_infer_measures_strain_files(swansong, monkeypatch, burst_toml):
    from swansong.signals import coloured_noise, load_spectrum

    no_corner(monkeypatch)
    noise = coloured_noise(load_spectrum("O3-L1"), rate=1024.0, n=1024 * 16, rng=1)
    np.savetxt("L-L1_x.txt", np.stack([1e9 + np.arange(noise.size) / 1024.0, noise], axis=1), fmt="%.10f %.16e")
    strain = ("--strain", "L1=L-L1_x.txt", "--gps", 1e9 + 8)
    code, out, err = swansong("encounters", "infer", burst_toml, *strain, "--samples", 400, "--out", "r")
    assert (code, err) == (0, "")
    assert "Encounters: posterior of the event, exact estimator" in out
    assert "true direction" not in out
    assert "injected" not in out
    posterior = Posterior.load("r/posterior.h5")
    assert posterior.truth is None
    assert list(posterior.provenance.inputs) == ["L1"]
    # The file sets the prior no cut but the one in the problem, and holds noise alone.
    assert posterior.metadata["minimum_snr"] == 8.0
    assert posterior.metadata["log_bayes_factor"] < 5.0
    assert read_product("r/event.h5").metadata["starts"] == {"L1": 1e9 + 8}


@pytest.fixture
def detection(inferred, burst_toml):
    """A scan of nine windows with one candidate, which lies beyond the middle of the last one."""
    from swansong.encounters.background import Background
    from swansong.encounters.detection import Candidate, Detection
    from swansong.encounters.events import simulate_event

    problem = load(Problem, burst_toml)
    windows = 1370692818.0 + 0.2 * np.arange(9)
    statistic = np.array([-3.0, -2.5, -4.0, -1.0, -2.0, -3.0, -2.0, 0.5, 66.0])
    background = Background(np.linspace(-5.0, 2.0, 199), ("H1", "L1"), "test")
    posterior = Posterior.load(inferred.folder / "posterior.h5")
    candidate = Candidate(
        gps=float(windows[-1]) + 0.03,
        statistic=66.0,
        false_alarm_probability=0.005,
        goodness_of_fit=0.4,
        snr=11.0,
        posterior=posterior,
        event=simulate_event(problem, seed=1),
    )
    probability = background.false_alarm_probability(statistic)
    return Detection(windows, statistic, probability, (candidate,), background, 0.01, 1.5, ("mind the gap",))


def test_detect_writes_candidates_scan_and_page(swansong, monkeypatch, detection, burst_toml, tmp_path):
    from swansong.cli import encounters_detect

    seen = {}

    def fake(problem, strains, **given):
        seen.update(given, problem=problem, strains=strains)
        return detection

    monkeypatch.setattr(encounters_detect.detection, "detect", fake)
    files = {name: write_gwosc(tmp_path / f"{name}.hdf5", detector=name) for name in ("L1", "H1")}
    strain = [part for name, path in files.items() for part in ("--strain", f"{name}={path}")]
    where = ("--start", START + 1, "--threshold", 0.02, "--seed", 3)
    code, out, err = swansong("encounters", "detect", burst_toml, *strain, *where, "--out", "d", "--json")
    assert (code, err) == (0, "")
    facts = strict(out)
    assert facts.pop("files").keys() == {"detection", "json", "scan", "report", "candidate_1"}
    assert set(facts) == {"system", "windows", "background", "threshold", "candidates", "seconds", "warnings"}
    assert (facts["windows"], facts["background"]["windows"], facts["warnings"]) == (9, 199, ["mind the gap"])
    (candidate,) = facts["candidates"]
    assert candidate["gps"] == pytest.approx(1370692819.63)
    assert candidate["parameters"]["total_mass"]["unit"] == "Msun"
    assert [item.detector for item in seen["strains"]] == ["L1", "H1"]
    assert (seen["start"], seen["end"], seen["threshold"], seen["seed"]) == (START + 1, None, 0.02, 3)
    # False alarms are counted for the prior as it is, the cut on the signal included.
    assert seen["problem"].prior == load(Problem, burst_toml).prior
    product = read_product("d/detection.h5", kind="detection")
    np.testing.assert_array_equal(product.arrays["statistic"], detection.statistic)
    assert "seconds" not in product.metadata["result"]
    assert set(product.provenance.inputs) == {"H1", "L1"}
    np.testing.assert_array_equal(Posterior.load("d/candidate_1.h5").samples, detection.candidates[0].posterior.samples)
    assert json.loads(Path("d/detection.json").read_text())["windows"] == 9
    page = Path("d/report.html")
    before = page.read_bytes()
    assert b"1370692819.6300" in before
    assert b"mind the gap" in before
    assert swansong("report", "d").code == 0
    assert page.read_bytes() == before
    out = swansong("encounters", "detect", burst_toml, *strain, "--out", "e").out
    assert "1 candidate in 9 windows" in out
    assert "GPS 1370692819.6300  ln Bayes factor 66" in out


def test_a_scan_without_candidates_has_a_page_too(swansong, monkeypatch, detection, burst_toml, tmp_path):
    from swansong.cli import encounters_detect

    quiet = dataclasses.replace(detection, candidates=(), warnings=())
    monkeypatch.setattr(encounters_detect.detection, "detect", lambda *_, **__: quiet)
    path = write_gwosc(tmp_path / "H1.hdf5")
    code, out, err = swansong("encounters", "detect", burst_toml, "--strain", f"H1={path}", "--out", "d")
    assert (code, err) == (0, "")
    assert "no candidates in 9 windows" in out
    assert "no candidates in 9 windows" in Path("d/report.html").read_text()


def test_simulate_is_reproducible_and_reports(swansong, burst_toml):
    code, out, err = swansong("encounters", "simulate", burst_toml, "-n", 3, "--seed", 2, "--out", "a", "--json")
    assert (code, err) == (0, "")
    facts = strict(out)
    assert (facts["system"], facts["events"], facts["warnings"]) == ("encounters", 3, [])
    product = read_product("a/data_set.h5", kind="data_set")
    assert product.sha256 == facts["sha256"]
    assert product.arrays["strain"].shape == product.arrays["psd"].shape == (3, 2, 481)
    assert np.iscomplexobj(product.arrays["strain"])
    np.testing.assert_allclose(product.arrays["frequency"][[0, -1]], [16.0, 256.0])
    assert (product.arrays["snr"] >= 8.0).all()
    assert product.arrays["parameters"].shape == (3, len(NAMES))
    # A longer set begins with the same events.
    swansong("encounters", "simulate", burst_toml, "-n", 2, "--seed", 2, "--out", "b")
    np.testing.assert_array_equal(read_product("b/data_set.h5").arrays["strain"], product.arrays["strain"][:2])
    assert swansong("report", "a").code == 0
    assert "3 simulated events" in Path("a/report.html").read_text()


def test_init_writes_what_load_reads(swansong):
    code, out, _ = swansong("encounters", "init")
    assert code == 0
    assert "swansong encounters infer loud.toml" in out
    assert load(Problem, "loud.toml") == Problem()
    assert swansong("encounters", "init").code == 2
    for name in ("published", "compact", "paper"):
        assert swansong("encounters", "init", name).code == 0
    published = load(Problem, "published.toml")
    assert (published.prior.luminosity_distance, published.prior.minimum_snr) == ((100.0, 2000.0), 0.0)
    closer = {"luminosity_distance": (20.0, 400.0), "minimum_snr": 6.0}
    assert published.prior.model_copy(update=closer) == Problem().prior
    assert load(Recipe, "compact.toml") == load(Recipe, encounters.SYSTEM.folder / "compact.toml")
    assert swansong("encounters", "init", "problem").code == 2
    assert strict(swansong("show", "published.toml", "--json").out)["what"] == "close-encounter problem"
    assert "close-encounter training recipe, valid" in swansong("show", "compact.toml").out


def test_what_infer_hands_on(swansong, monkeypatch, tmp_path):
    from swansong.cli import encounters_infer

    seen = {}

    def fake(problem, **arguments):
        seen.update(arguments, problem=problem)
        return SimpleNamespace(to_json=dict)

    monkeypatch.setattr(encounters_infer, "infer", fake)
    (tmp_path / "L1.hdf5").write_bytes(b"x")
    assert swansong("encounters", "infer", "published", "--quiet").code == 0
    assert seen["problem"].prior.luminosity_distance == (100.0, 2000.0)
    assert (seen["estimator"], seen["reweight"], seen["samples"]) == ("exact", True, 20_000)
    assert seen["folder"] == Path("runs/encounters-infer")
    strain = ("--strain", "L1=L1.hdf5", "--gps", "1126259462.4")
    assert swansong("encounters", "infer", *strain, "--estimator", "compact", "--no-reweight", "--json").code == 0
    problem = seen["problem"]
    assert (problem.data.detectors, problem.source.gps) == (("L1",), 1126259462.4)
    # A network was trained with the cut.
    assert problem.prior.minimum_snr == 6.0
    assert (seen["estimator"], seen["reweight"]) == ("compact", False)
    assert swansong("encounters", "infer", *strain, "--quiet").code == 0
    assert seen["problem"].prior.minimum_snr == 0.0
    assert swansong("encounters", "infer", "loud", *strain, "--quiet").code == 0
    assert seen["problem"].prior.minimum_snr == 6.0


def test_train_hands_on_its_recipe_and_resumes(swansong, monkeypatch):
    from swansong.cli import encounters_runs

    calls = []
    monkeypatch.setattr(encounters_runs, "train", lambda recipe, **given: calls.append((recipe, given)))
    assert swansong("encounters", "train", "--quiet").code == 0
    assert swansong("encounters", "train", "paper", "--quiet", "--max-seconds", 5).code == 0
    assert [recipe.estimator for recipe, _ in calls] == ["compact", "paper"]
    assert calls[1][0].training.max_seconds == 5.0
    assert [given["folder"].name for _, given in calls] == ["encounters-compact", "encounters-paper"]


def test_check_writes_figures_and_a_page(swansong, monkeypatch, burst_toml):
    from swansong.cli import encounters_runs

    seen = {}
    facts = {
        "system": "encounters",
        "estimator": "exact",
        "injections": 16,
        "seed": 4,
        "ks_p": {"total_mass": 0.5, "ra": 0.6},
        "efficiency": {"median": 0.5, "by_snr": {"6-10": 0.5}},
        "seconds_per_event": 1.5,
        "warnings": [],
    }

    def fake(problem, **given):
        seen.update(given, problem=problem)
        return SimpleNamespace(levels=np.random.default_rng(0).random((16, 2)), to_json=lambda: dict(facts))

    monkeypatch.setattr(encounters_runs.checking, "check", fake)
    code, out, err = swansong(
        "encounters", "check", burst_toml, "--injections", 16, "--seed", 4, "--out", "c", "--json"
    )
    assert (code, err) == (0, "")
    printed = strict(out)
    assert printed.pop("files").keys() == {"check", "json", "pp", "report"}
    assert printed == facts
    assert (seen["estimator"], seen["injections"], seen["problem"]) == ("exact", 16, load(Problem, burst_toml))
    assert json.loads(Path("c/check.json").read_text()) == facts
    assert "Encounters: check of the exact estimator" in Path("c/report.html").read_text()


@pytest.mark.parametrize("verb", ["infer", "simulate", "train", "check", "init", "detect"])
def test_every_verb_explains_itself_with_an_example(swansong, verb):
    code, out, err = swansong("encounters", verb, "--help")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert f"Example: swansong encounters {verb}" in text
    assert not any(word in text for word in ("SYSTEM", "NETWORK", "RECIPES", "PROBLEMS"))


def test_the_papers_are_cited(swansong):
    out = swansong("cite", "encounters").out
    assert all(number in out for number in ("2404.12028", "1909.02143", "2210.05686"))


def test_the_estimators_of_the_command_are_those_of_the_package():
    assert set(get_args(get_args(encounters.Estimator)[0])) == set(ESTIMATORS)


def test_wrong_arguments_are_found_without_jax():
    code = (
        "import sys; from swansong.cli.main import main\n"
        "verbs = (['infer', '--help'], ['infer', '--set', 'data.rat=1'], ['detect'], ['train', '--seed', '-1'])\n"
        "codes = [main(['encounters', *verb]) for verb in verbs]\n"
        "sys.exit(0 if codes == [0, 2, 2, 2] and 'jax' not in sys.modules else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 3
