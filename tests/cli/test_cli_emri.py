"""The verbs of emri on forty days of data: what they print, what they write, and that it is right."""

import csv
import dataclasses
import json
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from test_cli_ringdown import INFER_KEYS, strict

from swansong.cli import emri
from swansong.cli.main import main
from swansong.cli.output import Screen, present
from swansong.core.config import load
from swansong.core.files import read_product
from swansong.emri.problem import PROBLEMS, Problem
from swansong.emri.search.background import load_background
from swansong.inference.posterior import Posterior

SMALL = """
candidates = 3
[data]
duration = 0.11
harmonics = 3
[prior]
mass_1 = [8e5, 1.25e6]
mass_2 = [20.0, 40.0]
spin = [0.6, 0.8]
plunge_time = [0.09, 0.11]
final_eccentricity = [0.0, 0.06]
[statistic]
band = [3e-4, 1.03e-2]
largest_rate = 6e-9
rates = 12
[bank]
templates = 20000
kept = 200
[refine]
stages = [{ length = 2, sources = 20, steps = 150 }, { length = 4, sources = 8, steps = 300 }]
[refine.rough]
sources = 50
steps = 80
"""
TRUE = {"mass_1": 1e6, "mass_2": 30.0, "spin": 0.7, "plunge_time": 0.1, "final_eccentricity": 0.03}
GIVEN = [part for name, value in TRUE.items() for part in (f"--{name.replace('_', '-')}", value)]
NAMES = ["log10_mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity"]


class Run(NamedTuple):
    folder: Path
    facts: dict
    result: Any


def ran(arguments, folder):
    """Run a verb with `--json --out` and keep its output and its result."""
    results, texts = [], {"stdout": [], "stderr": []}
    with pytest.MonkeyPatch.context() as patch:
        for name, kept in texts.items():
            patch.setattr(f"sys.{name}", SimpleNamespace(write=kept.append, flush=lambda: None, isatty=lambda: False))
        patch.setattr(emri, "present", lambda result, run: (results.append(result), present(result, run)))
        code = main([str(argument) for argument in ("emri", *arguments, "--json", "--out", folder)])
    assert code == 0, texts["stderr"]
    assert "".join(texts["stderr"]) == ""
    return Run(folder, strict("".join(texts["stdout"])), results[0])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def small(runs):
    path = runs / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def simulated(runs, small):
    return ran(("simulate", small, *GIVEN, "--snr", 60, "--seed", 3), runs / "data")


@pytest.fixture(scope="module")
def searched(runs, small, simulated):
    return ran(("search", simulated.folder, small, "--seed", 1), runs / "search")


def test_simulated_data_hold_noise_signal_and_truth(simulated):
    from swansong.signals.lisa_files import read_lisa

    facts = simulated.facts
    assert set(facts) == {
        "system", "sources", "duration", "cadence", "noise", "seed", "seconds", "warnings", "files"
    }  # fmt: skip
    (source,) = facts["sources"]
    assert {name: source[name] for name in TRUE} == TRUE
    assert source["snr"] == pytest.approx(60.0)
    assert source["network_snr"] > 60.0
    assert 0.3 < source["share"] < 1.0
    data = read_lisa(facts["files"]["data"])
    assert len(data) == int(0.11 * 31558149.763545603 / 5.0)
    with h5py.File(facts["files"]["data"]) as file:
        assert json.loads(file.attrs["truth"])[0]["snr"] == pytest.approx(60.0)
        assert json.loads(file.attrs["provenance"])["seed"] == 3
    assert [path.name for path in simulated.folder.iterdir()] == ["data.h5"]


def test_noise_and_signal_depend_on_seed_alone(simulated, runs, small):
    """Data are the sum of what the same seed gives with and without noise."""
    files = {"whole": simulated.facts["files"]["data"]}
    files["signal"] = ran(("simulate", small, *GIVEN, "--snr", 60, "--seed", 3, "--no-noise"), runs / "pure").facts[
        "files"
    ]["data"]
    files["noise"] = ran(("simulate", small, "--draw", 0, "--seed", 3), runs / "noise").facts["files"]["data"]
    channels = {}
    for name, path in files.items():
        with h5py.File(path) as file:
            channels[name] = file["A"][()]
    np.testing.assert_allclose(channels["whole"], channels["signal"] + channels["noise"], atol=1e-28)
    assert np.abs(channels["signal"]).max() > 0.0
    assert not np.allclose(channels["noise"][:1000], 0.0, atol=1e-28)


def test_a_search_finds_the_source(searched):
    facts = searched.facts
    assert set(facts) == {
        "system", "data", "candidates", "thresholds", "templates", "seconds", "truth", "warnings", "files"
    }  # fmt: skip
    assert set(facts["seconds"]) == {"prepare", "bank", "refine"}
    assert facts["data"]["masked_segments"] == []
    assert 1 <= len(facts["candidates"]) <= 3
    best = facts["candidates"][0]
    assert [name for name in NAMES if name in best] == NAMES
    assert best["statistic"] == max(row["statistic"] for row in facts["candidates"]) > 20.0
    assert best["statistic"] > facts["truth"][0]["statistic"] - 2.0 > 18.0
    assert best["shares_track_with"] is None
    # What is found may be another source with nearly the same track.
    assert best["frequency_error"] < 5e-3
    assert best["plunge_time"] == pytest.approx(0.1, abs=0.003)


def test_a_search_writes_what_it_names(searched):
    files = {name: Path(path) for name, path in searched.facts["files"].items()}
    assert set(files) == {"search", "json", "map", "observation", "report"}
    assert {path.name for path in files.values()} == {path.name for path in searched.folder.iterdir()}
    product = read_product(files["search"], kind="emri_search")
    count, segments = product.arrays["frequency"].shape
    assert product.arrays["theta"].shape == (count, 5)
    assert product.arrays["map"].shape[0] == segments == product.arrays["used"].size == 69
    assert product.arrays["observed_statistic"].shape == (count, product.arrays["observed"].size)
    # The statistic over all of the time is that of the search.
    np.testing.assert_allclose(product.arrays["observed_statistic"][:, -1], product.arrays["statistic"], rtol=1e-6)
    assert product.metadata["result"]["candidates"] == json.loads(files["json"].read_text())["candidates"]
    assert product.provenance.configuration["problem"]["bank"]["templates"] == 20000
    assert files["report"].read_text().count("<img") == 2


def test_a_candidate_along_a_better_one_says_so():
    from swansong.cli.emri_search import _shared

    track = np.linspace(2e-3, 3e-3, 60)
    met = track + np.where(np.arange(60) < 30, 1e-6, 4e-4)
    candidates = [SimpleNamespace(frequency=f) for f in (track, track + 1e-3, met, np.zeros(60))]
    assert _shared(candidates, segment=5e4) == [None, None, 1, None]


def test_a_search_tells_a_human_the_same(searched, capsys):
    searched.result.show(Screen())
    out = capsys.readouterr().out
    best = searched.facts["candidates"][0]
    for said in ("log10 m1", "|df|/f", "templates", "map.png", f"{best['statistic']:.4g}"):
        assert said in out


def test_gaps_are_masked_and_told(runs, small, simulated):
    path = runs / "gaps.h5"
    path.write_bytes(Path(simulated.facts["files"]["data"]).read_bytes())
    with h5py.File(path, "r+") as file:
        file["A"][20000:41000] = np.nan
        del file.attrs["truth"]
    facts = ran(("search", path, small, "--seed", 1), runs / "gapped").facts
    assert facts["data"]["masked_segments"] == [2, 3]
    assert any("segments are masked" in text for text in facts["warnings"])
    assert facts["truth"] == []
    assert "frequency_error" not in facts["candidates"][0]


def test_a_second_source_is_found_once_the_first_is_masked(runs, small):
    other = "{mass_1=8.5e5, mass_2=25.0, spin=0.62, plunge_time=0.107, final_eccentricity=0.01, snr=55.0}"
    first = "{mass_1=1e6, mass_2=30.0, spin=0.7, plunge_time=0.1, final_eccentricity=0.03, snr=70.0}"
    data = ran(("simulate", small, "--set", f"source=[{first}, {other}]", "--seed", 5), runs / "two")
    facts = ran(("search", data.folder, small, "--sources", 2, "--seed", 1), runs / "both").facts
    assert [row["pass"] for row in facts["candidates"]] == [1, 2]
    assert facts["templates"] > 40000
    assert [row["frequency_error"] < 1e-2 for row in facts["candidates"]] == [True, True]
    assert abs(facts["candidates"][0]["plunge_time"] - facts["candidates"][1]["plunge_time"]) > 0.003


def test_tracks_tell_the_orbit_and_write_it_when_asked(swansong, runs):
    code, out, err = swansong("emri", "tracks", *GIVEN, "--days", 5, "--json")
    assert (code, err) == (0, "")
    facts = strict(out)
    assert set(facts) == {"system", "source", "initial", "final", "reach", "track", "warnings", "files"}
    assert facts["initial"]["frequency"] == 2.0 * facts["track"]["azimuthal_frequency"][0]
    assert facts["initial"]["semi_latus_rectum"] > facts["final"]["semi_latus_rectum"]
    assert facts["track"]["time"][:2] == [0.0, 432000.0]
    assert (np.diff(facts["track"]["azimuthal_frequency"]) > 0.0).all()
    assert not Path("runs").exists()
    written = ran(("tracks", *GIVEN), runs / "track")
    assert set(written.facts["files"]) == {"csv", "track", "json", "orbit", "report"}
    table = np.genfromtxt(written.folder / "track.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["f_phi_hz"], written.facts["track"]["azimuthal_frequency"], rtol=1e-9)


@pytest.mark.slow
def test_check_compares_with_known_values(swansong):
    code, out, err = swansong("emri", "check", "--json")
    assert (code, err) == (0, "")
    facts = strict(out)
    checks = facts["checks"]
    assert len(checks) == 6
    for name in ("showcase, initial p", "table, rms error over the noise", "noise, mean of a segment"):
        assert checks[name]["passed"], checks[name]
    failed = [name for name, row in checks.items() if abs(row["found"] - row["expected"]) > row["tolerance"]]
    assert [name for name, row in checks.items() if not row["passed"]] == failed
    assert len(facts["warnings"]) == len(failed)
    assert facts["passed"] == (not failed)


HEADER = "record,target_snr,m1,m2,a,Tpl,ef,qS,phiS,qK,phiK,Phi_phi0,Phi_r0,paper_S,paper_relerr"
LOUD = "7,70,1e6,30,0.7,0.1,0.03,1.2,0.5,0.8,2.0,0.1,0.2,9.0,1e-2"
FAINT = "9,1e-3,9e5,30,0.7,0.1,0.03,1.2,0.5,0.8,2.0,0.1,0.2,2.0,0.4"


@pytest.fixture(scope="module")
def table(runs):
    path = runs / "sources.csv"
    path.write_text("\n".join(["# two sources", HEADER, LOUD, FAINT]) + "\n")
    return path


@pytest.fixture(scope="module")
def campaign(runs, small, table):
    """A campaign that is interrupted after its first batch and given again."""
    from swansong.cli import emri_campaign

    counted, whole = [], emri_campaign.search_bands

    def interrupted(search, bands, *, seed):
        counted.append(len(bands))
        if len(counted) == 2:
            raise KeyboardInterrupt
        return whole(search, bands, seed=seed)

    given = ("campaign", table, small, "--noise", 8, "--set", "data.harmonics=1", "--seed", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emri_campaign, "_BATCH", 4)
        patch.setattr(emri_campaign, "search_bands", interrupted)
        assert main([str(part) for part in ("emri", *given, "--out", runs / "campaign")]) == 130
        run = ran(given, runs / "campaign")
    # One batch before the interruption, the interrupted one, and the two that were left.
    assert counted == [4, 4, 4, 2]
    return run


def test_a_campaign_counts_what_is_found(campaign):
    facts = campaign.facts
    assert set(facts) == {
        "system", "records", "noise_records", "thresholds", "p_det", "counts", "eccentric", "median_frequency_error",
        "published", "seconds_per_search", "templates", "warnings", "files",
    }  # fmt: skip
    assert (facts["records"], facts["noise_records"]) == (2, 8)
    levels = list(facts["thresholds"].values())
    assert levels == sorted(levels)
    assert facts["p_det"]["0.01"] == {"0.001": 0.0, "70": 1.0}
    assert facts["counts"]["0.01"]["70"] == [1, 1]
    assert facts["median_frequency_error"]["70"] < 5e-3
    assert facts["median_frequency_error"]["0.001"] is None
    # Published statistics against published thresholds: 9.0 and 2.0 against 2.15 and more.
    assert facts["published"]["p_det"]["0.5"] == {"0.001": 0.0, "70": 1.0}
    assert facts["published"]["median_frequency_error"] == {"0.001": None, "70": 1e-2}
    assert {path.name for path in campaign.folder.iterdir()} == {Path(path).name for path in facts["files"].values()}


def test_a_campaign_writes_a_line_for_every_data_set(campaign):
    comments, lines = [], []
    for line in (campaign.folder / "records.csv").read_text().splitlines():
        (comments if line.startswith("#") else lines).append(line)
    assert "--noise 8" in comments[0]
    assert "seed 2" in comments[0]
    table = list(csv.DictReader(lines))
    assert [row["record"] for row in table] == ["7", "9", *[""] * 8]
    assert [float(row["target_snr"]) for row in table] == [70.0, 1e-3, *[0.0] * 8]
    product = read_product(campaign.folder / "campaign.h5")
    found = [float(row["statistic"]) for row in table]
    np.testing.assert_allclose(found, product.arrays["statistic"], rtol=1e-6)
    assert float(table[0]["frequency_error"]) < 5e-3
    assert table[5]["frequency_error"] == ""
    assert float(table[0]["false_alarm_probability"]) < 1e-2


def test_a_campaign_without_noise_takes_the_packaged_thresholds(table, small, runs):
    run = ran(("campaign", table, small, "--limit", 1, "--set", "data.harmonics=1", "--seed", 2), runs / "unjudged")
    assert run.facts["noise_records"] == 0
    assert run.facts["thresholds"] == pytest.approx(load_background().law.thresholds())
    assert any("packaged thresholds are of another search" in text for text in run.facts["warnings"])


def test_a_campaign_gives_a_search_its_false_alarms(campaign, small, simulated, runs):
    background = campaign.folder / "campaign.h5"
    # The law is Gumbel's through the noise of the campaign.
    noise = read_product(background).arrays["noise_statistic"]
    assert campaign.facts["thresholds"]["0.5"] == pytest.approx(np.median(noise), abs=noise.std())
    run = ran(("search", simulated.folder, small, "--background", background, "--seed", 1), runs / "judged")
    best = run.facts["candidates"][0]
    assert 0.0 <= best["false_alarm_probability"] < 1e-4
    assert run.facts["thresholds"] == campaign.facts["thresholds"]
    assert not any("another search" in text for text in run.facts["warnings"])
    other = ("--set", "bank.kept=100")
    run = ran(("search", simulated.folder, small, *other, "--background", background), runs / "misjudged")
    assert any("another search (bank)" in text for text in run.facts["warnings"])


def test_a_check_that_fails_is_told(swansong, monkeypatch):
    from swansong.cli import emri_check

    checks = [
        emri_check.Check("good", 2.001, 2.0, 0.01, "theory"),
        emri_check.Check("bad", 3.0, 2.0, 0.01, "theory"),
    ]
    for part, made in (("_fluxes", checks[:1]), ("_showcase", checks[1:]), ("_statistic", [])):
        monkeypatch.setattr(emri_check, part, lambda *_, made=made: iter(made))
    code, out, _ = swansong("emri", "check", "--json", "--out", "checked")
    assert code == 0
    facts = strict(out)
    assert (facts["passed"], facts["checks"]["good"]["passed"], facts["checks"]["bad"]["passed"]) == (
        False,
        True,
        False,
    )
    assert facts["warnings"] == ["bad is 3, not within 0.01 of 2 (theory)"]
    assert "bad" in Path("checked/report.html").read_text()
    assert "1 of 2 checks passed" in swansong("emri", "check").out


@dataclasses.dataclass(frozen=True, eq=False)
class Followed:
    """As much of the result of a follow-up as the command reads."""

    posterior: Posterior
    proposal: Posterior
    chart: Any
    efficiency: Any
    seconds: Any


@pytest.fixture
def followed(monkeypatch):
    """A stand-in for the sampler, which has tests of its own: five normals around the candidate."""
    from swansong.cli import emri_followup

    seen = {}

    def fake(scorer, theta, *, model, settings, seed):
        seen.update(scorer=scorer, theta=theta, settings=settings, seed=seed)
        rng = np.random.default_rng(seed)
        samples = theta + 1e-3 * theta * rng.standard_normal((400, 5))
        posterior = Posterior(
            samples=samples, parameters=model.parameters, estimator="walk", system="emri", warnings=("mind the gap",)
        )
        return Followed(
            posterior=posterior,
            proposal=dataclasses.replace(posterior, estimator="flow+importance", warnings=()),
            chart=SimpleNamespace(prior=model.prior),
            efficiency=MappingProxyType({"flow": 0.25}),
            seconds=MappingProxyType({"walk": 1.0}),
        )

    def export(result, path, *, force):
        seen["exported"] = result.proposal
        return result.proposal.save(path, force=force)

    monkeypatch.setattr(emri_followup, "follow_up", fake)
    monkeypatch.setattr(emri_followup, "write_proposal", export)
    # Corner plots take seconds each, and other tests draw some.
    monkeypatch.setattr(emri_followup, "corner_figure", lambda posterior, **_: Figure())
    monkeypatch.setattr("swansong.report.runs.corner_figure", lambda posterior, **_: Figure())
    return seen


def test_followup_takes_candidate_and_problem_from_the_search(followed, searched, simulated, runs):
    run = ran(
        ("followup", simulated.folder, "--candidate", searched.folder / "search.h5", "--seed", 4), runs / "followup"
    )
    assert set(run.facts) == INFER_KEYS | {"efficiency", "parts"}
    assert list(run.facts["parameters"]) == NAMES
    assert run.facts["warnings"] == ["mind the gap"]
    best = searched.facts["candidates"][0]
    np.testing.assert_allclose(followed["theta"], [best[name] for name in NAMES])
    # The data are tabulated as they were searched: the score of the candidate is that of the search.
    point = followed["scorer"].score(run.result.posterior.samples[:0])
    assert point.shape[0] == 0
    posterior = Posterior.load(run.folder / "posterior.h5")
    assert posterior.truth[0] == pytest.approx(6.0)
    assert set(posterior.provenance.inputs) == {"data", "candidate"}
    assert posterior.provenance.configuration["problem"]["prior"]["mass_2"] == [20.0, 40.0]
    assert followed["exported"].provenance == posterior.provenance
    names = {"posterior", "bilby", "netcdf", "proposal", "corner_proposal", "corner", "report"}
    assert set(run.facts["files"]) == names
    assert {path.name for path in run.folder.iterdir()} == {Path(path).name for path in run.facts["files"].values()}


def test_followup_takes_a_candidate_by_its_parameters(followed, small, simulated, runs):
    theta = [6.0, 30.0, 0.7, 0.1, 0.03]
    given = [part for name, value in zip(NAMES, theta, strict=True) for part in (f"--{name.replace('_', '-')}", value)]
    data = Path(simulated.facts["files"]["data"])
    run = ran(("followup", data, small, *given, "--set", "followup.likelihood.law=power"), runs / "by parameters")
    np.testing.assert_allclose(followed["theta"], theta)
    assert followed["settings"].likelihood.law == "power"
    # At the truth the data score as loudly as they are.
    point = np.array([[1e6, 30.0, 0.7, 0.1 * 31558149.763545603, 0.03]])
    assert followed["scorer"].score(point).max() > 25.0
    assert run.facts["efficiency"] == {"flow": 0.25}


@pytest.mark.parametrize("name", PROBLEMS)
def test_init_writes_problems_that_load(swansong, name):
    assert swansong("emri", "init", name).code == 0
    assert load(Problem, f"{name}.toml") == load(Problem, PROBLEMS[name])
    code, out, _ = swansong("emri", "init", name, "--out", "-")
    assert code == 0
    assert out == Path(f"{name}.toml").read_text()
    facts = strict(swansong("show", f"{name}.toml", "--json").out)
    assert facts["what"] == "inspiral problem"


def test_the_showcase_is_the_published_source():
    (source,) = load(Problem, PROBLEMS["showcase"]).source
    assert (source.mass_1, source.spin, source.snr) == (1.3379e6, 0.8636, 30.0)
    assert load(Problem, PROBLEMS["year"]) == Problem()


def test_overrides_change_the_problem_of_a_candidate(tmp_path):
    from swansong.cli.emri_options import load_problem

    base = load(Problem, PROBLEMS["showcase"])
    changed = load_problem(None, ["followup.likelihood.length=4", "candidates=2"], base=base)
    assert (changed.followup.likelihood.length, changed.candidates) == (4, 2)
    assert changed.source == base.source
    assert load_problem(None, [], base=base) is base
