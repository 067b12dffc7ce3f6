"""The verbs of emri amplitudes: what they print, what they write, that it is right, and what they refuse."""

import io
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace

import h5py
import numpy as np
import pytest
from test_cli_bad_input import refused
from test_cli_ringdown import strict

from swansong.cli.main import main
from swansong.core.errors import DomainError, InputError
from swansong.core.files import read_product, write_product
from swansong.core.provenance import collect
from swansong.emri.amplitudes import models
from swansong.emri.amplitudes.answers import Amplitudes
from swansong.emri.amplitudes.truth import AmplitudeSet

ORBIT = {"--spin": 0, "--semi-latus-rectum": 10, "--eccentricity": 0, "--cos-inclination": 1}
# Power at infinity of pairs of modes of a circular orbit at 10 M around a Schwarzschild hole: Cutler et al. 1993 and
# Martel 2004 (gr-qc/0305045), table I; the total with that into the hole is 6.15163e-5.
PUBLISHED = {(2, 2): 5.3688e-5, (2, 1): 1.9316e-7, (3, 3): 6.4261e-6, (4, 4): 9.5395e-7, (3, 2): 4.7959e-8}


def given(**changed):
    options = ORBIT | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    return [part for pair in options.items() for part in pair]


@pytest.fixture
def amplitudes(swansong):
    return lambda *arguments: swansong("emri", "amplitudes", *arguments)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """One orbit, with JSON and files; the folder and the exit code."""
    folder = tmp_path_factory.mktemp("evaluate") / "out"
    arguments = ["emri", "amplitudes", "evaluate", *given(share=0.9999), "--quiet", "--out", folder]
    return folder, main([str(argument) for argument in arguments])


def test_evaluate_gives_the_published_power_of_each_mode(evaluated):
    folder, code = evaluated
    assert code == 0
    facts = strict((folder / "amplitudes.json").read_text())
    assert facts["system"] == "emri.amplitudes"
    assert facts["model"] == "lowrank"
    assert facts["orbit"] == {
        "spin": 0, "semi_latus_rectum": 10, "eccentricity": 0, "cos_inclination": 1
    }  # fmt: skip
    modes, power = np.array(facts["modes"]), np.array(facts["power"])
    assert (modes[:, 2:] == 0).all()
    np.testing.assert_allclose(facts["frequencies"], modes[:, 1] * 10.0**-1.5, rtol=1e-12)
    found = {tuple(mode): 2.0 * value for mode, value in zip(modes[:, :2].tolist(), power, strict=True)}
    for mode, value in PUBLISHED.items():
        assert found[mode] == pytest.approx(value, rel=2e-4), mode
    assert (np.diff(power) <= 0.0).all()
    z = np.array(facts["amplitudes"]) @ [1.0, 1.0j]
    w = np.array(facts["frequencies"])
    np.testing.assert_allclose(np.abs(z) ** 2 / (4.0 * np.pi * w**2), power, rtol=1e-12)
    flux = facts["flux"]
    assert flux["energy_infinity"] == pytest.approx(2.0 * power.sum(), rel=1e-12)
    assert flux["energy_infinity"] == pytest.approx(6.15e-5, rel=1e-3)
    # A circular orbit stays one: the energy it loses is its frequency times the angular momentum.
    assert flux["momentum_infinity"] == pytest.approx(flux["energy_infinity"] * 10.0**1.5, rel=1e-9)
    assert facts["error"] > 0.0
    assert (facts["resonant"], facts["extrapolated"]) == (False, False)


def test_evaluate_writes_what_it_prints_and_draws_it(evaluated):
    folder, _ = evaluated
    assert {path.name for path in folder.iterdir()} == {
        "amplitudes.h5", "amplitudes.json", "modes.png", "spectrum.png", "report.html"
    }  # fmt: skip
    facts = strict((folder / "amplitudes.json").read_text())
    product = read_product(folder / "amplitudes.h5", kind="emri_orbit_amplitudes")
    np.testing.assert_array_equal(product.arrays["modes"], facts["modes"])
    np.testing.assert_array_equal(product.arrays["amplitudes"], np.array(facts["amplitudes"]) @ [1.0, 1.0j])
    np.testing.assert_array_equal(product.arrays["orbit"], [0.0, 10.0, 0.0, 1.0])
    assert not {"seconds", "modes", "power"} & set(product.metadata["result"])
    assert product.metadata["result"]["flux"] == facts["flux"]
    # A line is a pair of mirror images.
    lines = {tuple(mode): value for mode, value in zip(product.arrays["spectrum/modes"].tolist(),
             product.arrays["spectrum/power"], strict=True)}  # fmt: skip
    assert lines[2, 2, 0, 0] == pytest.approx(2.0 * facts["power"][facts["modes"].index([2, 2, 0, 0])], rel=1e-12)
    assert (np.diff(product.arrays["spectrum/frequency"]) >= 0.0).all()
    page = (folder / "report.html").read_text()
    assert "a = 0, p = 10, e = 0, x = 1" in page
    assert page.count("data:image/png") == 2


class Outside:
    """A model far outside its domain, close to a resonance."""

    def __call__(self, *, a, p, e, x, modes, extrapolate):
        if extrapolate == "error":
            raise DomainError("p = 60 lies outside; stay inside, or pass extrapolate='kludge' for the baseline")
        count = len(modes)
        return Amplitudes(
            values=np.arange(1.0, count + 1.0)[None] + 0.0j, modes=modes, orbits=np.array([[a, p, e, x]]),
            frequencies=np.ones((1, count)), error=np.full(1, 1e-3), resonant=np.ones(1, bool),
            extrapolated=np.ones(1, bool),
        )  # fmt: skip


def test_evaluate_tells_the_strongest_modes_and_warns_beyond_the_domain(amplitudes, evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "load", lambda _: Outside())
    count = len(read_product(evaluated[0] / "amplitudes.h5").arrays["modes"])
    arguments = given(share=0.9999)
    refused(amplitudes("evaluate", *arguments), ("give `--extrapolate kludge`", "p = 60"), out=tmp_path / "runs")
    code, out, err = amplitudes("evaluate", *arguments, "--extrapolate", "kludge")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert f"strongest of {count} modes" in lines[0]
    rows = [line.split() for line in lines if line[:3].strip().isdecimal()]
    # Of this model the last mode asked for is the strongest.
    assert [float(row[5]) for row in rows] == list(range(count, max(count - 20, 0), -1))
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert ["resonance" in warnings[0], "outside the domain of `lowrank`" in warnings[1]] == [True, True]
    assert not (tmp_path / "runs").exists()


MODES = np.array([[2, 2, 0, 0], [3, 3, 0, 0], [2, 1, 0, 0]])
# Index j of prograde and retrograde orbits: k + m and k - m.
TRUE = np.array([3.0, 1.0 - 2.0j, 0.5j])


class Stub:
    """A model that knows the truth but for a share of the last mode."""

    def __init__(self, wrong):
        self.wrong = wrong

    def __call__(self, *, a, p, e, x, modes=None, extrapolate="error"):
        sign = np.where((modes[:, 1] % 2 == 1) & (x < 0.0), -1.0, 1.0)
        values = sign * TRUE
        values[-1] *= 1.0 + self.wrong
        return Amplitudes(
            values=1.0j * values[None], modes=modes, orbits=np.array([[a, p, e, x]]), frequencies=np.ones((1, 3)),
            error=np.full(1, 1e-3), resonant=np.zeros(1, bool), extrapolated=np.zeros(1, bool),
        )  # fmt: skip

    def error(self, **_):
        return np.full(1, 1e-3)


def expected(wrong):
    guess = TRUE * [1.0, 1.0, 1.0 + wrong]
    return 1.0 - abs(np.vdot(guess, TRUE)) / np.linalg.norm(guess) / np.linalg.norm(TRUE)


def load_stub(name):
    known = {"lowrank": Stub(0.01), "kludge": Stub(0.9)}
    if name not in known:
        raise InputError(f"there is no model of amplitudes {name!r}; choose one of {', '.join(known)}")
    return known[name]


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr(models, "load", load_stub)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Three orbits of two classes, one of them retrograde."""
    orbits = np.array([[0.0, 10.0, 0.0, 1.0], [0.5, 9.0, 0.0, 1.0], [0.5, 9.0, 0.0, -1.0]])
    signs = np.array([1, 1, -1])
    modes = np.concatenate([MODES + sign * np.outer(MODES[:, 1], [0, 0, 1, 0]) for sign in signs])
    values = np.tile(TRUE, 3)
    path = tmp_path_factory.mktemp("set") / "set.h5"
    truth = AmplitudeSet(
        orbits=orbits, frequencies=np.column_stack([np.zeros((3, 2)), [1.0, 1.0, 1.0]]), left=np.zeros(3),
        offsets=np.arange(0, 10, 3), modes=modes, infinity=values, horizon=0.0 * values,
    )  # fmt: skip
    truth.write(path, provenance=collect(configuration={}, command="test"))
    return path


@pytest.fixture(scope="module")
def judged(solved, tmp_path_factory):
    """A check of the stub with files; the folder and what was printed."""
    folder, printed = tmp_path_factory.mktemp("check") / "out", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr(models, "load", load_stub)
        assert main(["emri", "amplitudes", "check", str(solved), "--json", "--out", str(folder)]) == 0
    return folder, strict(printed.getvalue())


def test_check_scores_each_class_and_draws_the_baseline_beside(judged):
    folder, facts = judged
    assert (facts["system"], facts["estimator"], facts["seed"]) == ("emri.amplitudes", "lowrank", None)
    assert (facts["orbits"], set(facts["classes"])) == (3, {"SC", "KEC"})
    score = facts["classes"]["KEC"]
    assert set(score) == {
        "orbits", "error_median", "error_90", "error_99", "error_largest", "recall", "strongest", "flux", "covered"
    }  # fmt: skip
    assert (score["orbits"], score["recall"], score["covered"]) == (2, 1.0, 1.0)
    assert score["error_largest"] == pytest.approx(expected(0.01), rel=1e-3)
    assert facts["overall"]["orbits"] == 3
    assert facts["seconds_per_event"] >= 0.0
    assert set(facts["files"]) == {"check", "json", "errors", "map", "strongest", "report"}
    arrays = read_product(folder / "check.h5", kind="emri_amplitudes_check").arrays
    # Errors of single orbits agree with the scores, for retrograde orbits too.
    np.testing.assert_allclose(arrays["lowrank/KEC"], expected(0.01), rtol=1e-3)
    np.testing.assert_allclose(arrays["kludge/KEC"], expected(0.9), rtol=1e-3)
    assert arrays["kludge/SC"].shape == (1,)
    np.testing.assert_array_equal(arrays["orbits/KEC"], [[0.5, 9.0, 0.0, 1.0], [0.5, 9.0, 0.0, -1.0]])
    # All three orbits are equally wrong; the strongest modes come first, in the convention of the orbit.
    sign = np.where(arrays["worst/orbit"][3] < 0.0, -1.0, 1.0) ** MODES[:, 1]
    np.testing.assert_array_equal(arrays["worst/modes"], MODES)
    np.testing.assert_allclose(arrays["worst/solved"], sign * TRUE, rtol=1e-6)
    np.testing.assert_allclose(np.abs(arrays["worst/kludge"] / arrays["worst/solved"]), [1.0, 1.0, 1.9], rtol=1e-5)
    for name in ("errors", "map", "strongest"):
        assert (folder / f"{name}.png").stat().st_size > 0


class Silent(Stub):
    """A model that answers nothing but zeros."""

    def __call__(self, **given):
        found = super().__call__(**given)
        return replace(found, values=0.0 * found.values)


def test_check_of_some_orbits_is_told_in_a_table(amplitudes, solved, stubs, tmp_path, monkeypatch):
    code, out, err = amplitudes("check", solved, "--model", "kludge", "--orbits", 2)
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()[:1] in (["SC"], ["KEC"])}
    # The first and the last.
    assert {name: row[0] for name, row in rows.items()} == {"SC": "1", "KEC": "1"}
    assert float(rows["KEC"][1]) == pytest.approx(expected(0.9), rel=0.05)
    assert not (tmp_path / "runs").exists()
    # The baseline is not judged beside itself, and silence counts as wholly wrong.
    monkeypatch.setattr(models, "load", lambda _: Silent(0.0))
    assert amplitudes("check", solved, "--model", "kludge", "--out", "kludge", "--quiet") == (0, "", "")
    arrays = read_product(tmp_path / "kludge/check.h5").arrays
    assert "lowrank/SC" not in arrays
    np.testing.assert_array_equal(arrays["kludge/KEC"], [1.0, 1.0])


def test_report_makes_the_pages_of_both_verbs_again(swansong, judged, evaluated, tmp_path):
    for name, figures, said in (
        ("check", {"errors", "map", "strongest"}, "check of the amplitudes of lowrank"),
        ("orbit", {"modes", "spectrum"}, "Strongest of"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        product = {"check": judged[0] / "check.h5", "orbit": evaluated[0] / "amplitudes.h5"}[name]
        shutil.copy(product, folder)
        code, out, _ = swansong("report", folder, "--json")
        assert (code, set(strict(out)["files"])) == (0, {*figures, "report"})
        assert said in (folder / "report.html").read_text()
        assert {path.stem for path in folder.glob("*.png")} == figures
    page = (tmp_path / "check/report.html").read_text()
    # Classes stand in their order, not in that of the alphabet.
    assert page.index("<td>SC</td>") < page.index("<td>KEC</td>") < page.index("<td>all</td>")


def test_show_says_what_each_product_is(swansong, judged, solved, evaluated, tmp_path):
    table = tmp_path / "radial.h5"
    write_product(table, kind="emri_radial_functions", arrays={"scales": np.ones(3)}, provenance=collect())
    for path, said in (
        (evaluated[0] / "amplitudes.h5", ("emri orbit amplitudes", "one orbit")),
        (judged[0] / "check.h5", ("emri amplitudes check", "a model")),
        (solved, ("solved orbits", "3 orbits with 9 modes: SC 1, KEC 2")),
        (table, ("radial functions", "Teukolsky")),
    ):
        code, out, err = swansong("show", path)
        assert (code, err) == (0, "")
        assert [text for text in said if text not in out] == []
    facts = strict(swansong("show", solved, "--json").out)
    assert (facts["kind"], facts["holds"]) == ("emri_amplitudes", "3 orbits with 9 modes: SC 1, KEC 2")


def test_generate_writes_plans_that_the_solver_reads_and_goes_on(amplitudes, tmp_path):
    arguments = ["generate", "--counts", "SC=102", "--seed", 3, "--share", 0.999, "--out", "plans", "--json"]
    code, out, err = amplitudes(*arguments)
    assert (code, err) == (0, "")
    facts, folder = strict(out), tmp_path / "plans"
    assert {path.name for path in folder.iterdir()} == {"000_SC.h5", "001_SC.h5", "complete", "request.json"}
    assert (facts["plans"], facts["kept"], facts["orbits"], facts["seed"]) == (2, 0, 102, 3)
    assert facts["left"] < 1e-3
    assert "solve_emri_amplitudes.py plans" in facts["solve"]
    with h5py.File(folder / "000_SC.h5") as first, h5py.File(folder / "001_SC.h5") as last:
        assert (first["orbits"].shape, last["orbits"].shape) == ((100, 4), (2, 4))
        orbits = np.concatenate([first["orbits"][:], last["orbits"][:]])
        assert first["offsets"][-1] == len(first["modes"])
        assert facts["modes"] == len(first["modes"]) + len(last["modes"])
    assert len(np.unique(orbits[:, 1])) == 102
    np.testing.assert_array_equal(orbits[:, [0, 2, 3]], np.tile([0.0, 0.0, 1.0], (102, 1)))
    # An interruption between the two plans: the first stays as it is, the second comes again, the same.
    before = (folder / "000_SC.h5").stat().st_mtime_ns
    (folder / "001_SC.h5").unlink()
    (folder / "complete").unlink()
    code, out, err = amplitudes(*arguments)
    assert (code, strict(out)["kept"], strict(out)["modes"]) == (0, 1, facts["modes"])
    assert (folder / "000_SC.h5").stat().st_mtime_ns == before
    with h5py.File(folder / "001_SC.h5") as last:
        np.testing.assert_array_equal(last["orbits"][:], orbits[100:])
    assert (folder / "complete").is_file()


def test_generate_keeps_requests_apart_and_force_replaces_them(amplitudes, tmp_path):
    base = ["generate", "--share", 0.999, "--out", "plans", "--quiet"]
    assert amplitudes(*base, "--counts", "SC=2").code == 0
    with h5py.File(tmp_path / "plans/000_SC.h5") as file:
        even = file["orbits"][:]
    code, out, err = amplitudes(*base, "--counts", "SC=2", "--held-out")
    assert (code, out, "another request" in err) == (2, "", True)
    (tmp_path / "plans/001_KG.h5").write_text("left by an earlier request")
    (tmp_path / "plans/solved").mkdir()
    (tmp_path / "plans/notes.h5").write_text("mine")
    code, out, err = amplitudes(*base[:-1], "--counts", "SC=2", "--held-out", "--force", "--json")
    assert (code, err) == (0, "")
    assert "earlier plans" in strict(out)["warnings"][0]
    with h5py.File(tmp_path / "plans/000_SC.h5") as file:
        assert not np.allclose(file["orbits"][:], even)
    assert not (tmp_path / "plans/001_KG.h5").exists()
    assert (tmp_path / "plans/notes.h5").read_text() == "mine"


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"spin": 1.0}, ("`--spin`", "0 to below 1")),
        ({"spin": -0.5}, ("`--spin`", "negative `--cos-inclination`")),
        ({"semi_latus_rectum": "nan"}, ("`--semi-latus-rectum`", "nan")),
        ({"eccentricity": 1.0}, "`--eccentricity`"),
        ({"cos_inclination": 1.5}, "`--cos-inclination`"),
        ({"share": 1.0}, "`--share`"),
        ({"semi_latus_rectum": 5.9}, ("separatrix", "5.9", "larger")),
        ({"semi_latus_rectum": 60}, ("p = 60", "outside the domain", "give `--extrapolate kludge`")),
        ({"model": "neural"}, ("'neural'", "lowrank")),
        ({"seed": -1}, "`--seed`"),
    ],
)
def test_evaluate_refuses_what_is_no_orbit(amplitudes, tmp_path, changed, said):
    refused(amplitudes("evaluate", *given(**changed), "--out", "result"), said, out=tmp_path / "result")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["generate", "--counts", "KX=3"], ("KX=3", "KEC")),
        (["generate", "--counts", "KG"], ("KG", "no number")),
        (["generate", "--counts", "KG=0"], "no number"),
        (["generate", "--counts", "KG=1.5"], "no number"),
        (["generate", "--counts"], "write CLASS=NUMBER"),
        (["generate", "--counts", "KG=3", "KG=4"], ("KG twice", "3 and 4")),
        (["generate", "--counts", "KG=3", "--most", 0], "`--most`"),
        (["generate", "--counts", "KG=3", "--share", 0], "`--share`"),
        (["generate"], "--counts"),
        (["check", "nowhere.h5"], ("`nowhere.h5`", "does not exist")),
        (["evaluate", *given(), "--extrapolate", "wildly"], "wildly"),
    ],
)
def test_wrong_arguments_are_refused(amplitudes, tmp_path, arguments, said):
    refused(amplitudes(*arguments, "--out", "result"), said, out=tmp_path / "result")


def test_check_refuses_a_foreign_set_an_unknown_model_and_no_orbits(amplitudes, solved, tmp_path):
    foreign = tmp_path / "foreign.h5"
    foreign.write_text("no set")
    for arguments, said in (
        ([foreign], "foreign.h5"),
        ([solved, "--model", "neural"], "'neural'"),
        ([solved, "--orbits", 0], "`--orbits`"),
    ):
        refused(amplitudes("check", *arguments, "--out", "result"), said, out=tmp_path / "result")


def test_wrong_arguments_are_found_without_jax(tmp_path):
    code = (
        "import sys; from swansong.cli.main import main; "
        "start = ['emri', 'amplitudes']; "
        "orbit = ['--semi-latus-rectum', '9', '--eccentricity', '0', '--cos-inclination', '1']; "
        "codes = [main([*start, 'evaluate', '--spin', '2', *orbit]), main([*start, 'check', 'nowhere.h5']), "
        "main([*start, 'generate', '--counts', 'KX=1'])]; "
        "sys.exit(codes != [2, 2, 2] or any(name in sys.modules for name in ('jax', 'numba', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error: ") == 3
