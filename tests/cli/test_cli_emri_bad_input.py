"""Wrong input to emri: exit code 2, one line on stderr, nothing on stdout, and no output folder."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from test_cli_bad_input import refused

from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.emri.problem import Problem

SOURCE = {
    "--mass-1": "1e6",
    "--mass-2": "30",
    "--spin": "0.7",
    "--plunge-time": "0.1",
    "--final-eccentricity": "0.03",
}


def arguments(**changed):
    given = SOURCE | {f"--{name.replace('_', '-')}": str(value) for name, value in changed.items()}
    return [part for pair in given.items() for part in pair if pair[1] != "None"]


@pytest.fixture
def emri(swansong, tmp_path):
    """Call a verb with `--out result` and expect a refusal."""

    def call(*given, said):
        refused(swansong("emri", *given, "--out", "result"), said, out=tmp_path / "result")

    return call


@pytest.fixture(scope="module")
def noise_file(tmp_path_factory):
    """Ten days of white noise: enough for a search to begin."""
    path = tmp_path_factory.mktemp("data") / "data.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs.update({"start": 0.0, "cadence": 5.0})
        for name in ("A", "E"):
            file[name] = 1e-20 * rng.standard_normal(172800)
    return path


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"mass_1": -1e6}, ("`--mass-1`", "-1e+06", "solar masses")),
        ({"mass_2": "nan"}, ("`--mass-2`", "nan")),
        ({"mass_2": 5e5}, ("`--mass-2`", "1 %", "`--mass-1`")),
        ({"spin": 1.0}, ("`--spin`", "between -1 and 1")),
        ({"plunge_time": 0}, ("`--plunge-time`", "years")),
        ({"plunge_time": 3e7}, ("`--plunge-time`", "years")),
        ({"final_eccentricity": 1.0}, "`--final-eccentricity`"),
        ({"final_eccentricity": -0.1}, "`--final-eccentricity`"),
        ({"days": 0}, ("`--days`", "positive")),
        ({"days": "inf"}, "`--days`"),
        ({"spin": None}, "--spin"),
        ({"seed": -1}, "`--seed`"),
        ({"mass_1": "heavy"}, "heavy"),
    ],
)
def test_tracks(emri, changed, said):
    emri("tracks", *arguments(**changed), said=said)


def test_a_track_outside_the_table_names_the_boundary(emri):
    emri("tracks", *arguments(final_eccentricity=0.5), said=("`final_eccentricity` = 0.5", "table"))
    emri("tracks", *arguments(spin=0.999), said=("`spin` = 0.999", "table"))
    emri("tracks", *arguments(plunge_time=90, mass_2=500), said=("before plunge was asked", "reaches"))


@pytest.mark.parametrize(
    "given, said",
    [
        (("--set", "data.duration=-1.0"), "data.duration"),
        (("--set", "data.channel=X"), ("data.channel", "'A'")),
        (("--set", "data.cadence=4000.0"), "data.cadence"),
        (("--set", "data.cadence=15.0", "--set", "statistic.band=[3e-4, 0.0403]"), ("statistic.band", "sampling rate")),
        (("--set", "prior.mass_1=[5e6, 5e5]"), ("prior.mass_1", "minimum")),
        (("--set", "prior.mass_2=[1.0, 1e5]"), ("prior.mass_2", "1 %")),
        (("--set", "prior.spinn=[0.0, 0.5]"), "did you mean `prior.spin`"),
        (("--set", "bank.templates=0"), "bank.templates"),
        (("--set", "source=[{mass_1=1e6}]"), ("mass_2", "missing")),
        (("--set", "statistic.fine_padding=6"), ("fine_padding", "multiple")),
        (("--duration", "0"), ("`--duration`", "years")),
        (("--duration", "11"), ("`--duration`", "10")),
        (("--draw", "-1"), "`--draw`"),
        (("--draw", "51"), ("`--draw`", "50")),
        (("--mass-1", "1e6"), ("`--mass-2`", "missing")),
        (("--snr", "30"), ("`--mass-1`", "missing")),
        ((*arguments(), "--snr", "0"), ("`--snr`", "signal-to-noise")),
        (("nowhere.toml",), ("nowhere.toml", "does not exist")),
        (("--seed", "1.5"), "--seed"),
    ],
)
def test_simulate(emri, given, said):
    emri("simulate", *given, said=said)


@pytest.mark.parametrize(
    "given, said",
    [
        ((), "DATA"),
        (("nowhere.h5",), ("nowhere.h5", "swansong emri simulate")),
        (("DATA", "--sources", "0"), "`--sources`"),
        (("DATA", "--sources", "51"), ("`--sources`", "50")),
        (("DATA", "--templates", "0"), "--templates"),
        (("DATA", "--threshold", "1"), ("`--threshold`", "probability")),
        (("DATA", "--threshold", "nan"), ("`--threshold`", "probability")),
        (("DATA", "--set", "refine.rough.sources=0"), "refine.rough.sources"),
        (("DATA", "--set", "refine.stages=[{length=3, sources=1, steps=1}]"), "length"),
        (("DATA", "--background", "nowhere.h5"), ("nowhere.h5", "does not exist")),
        (("DATA", "--background", "DATA"), "not written by swansong"),
        (("DATA", "quick", "extra"), "Too many"),
        (("DATA", "--set", "statistic.segment=2e5"), ("10 days", "8 segments")),
        (("DATA", "--set", "statistic.segment=50001.0"), "whole number"),
    ],
)
def test_search(emri, noise_file, given, said):
    emri("search", *(str(noise_file) if part == "DATA" else part for part in given), said=said)


def test_data_that_cannot_be_searched(emri, tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    emri("search", text, said=("text.h5", "no HDF5 file"))
    other = tmp_path / "other.h5"
    write_product(other, kind="posterior", arrays={"samples": np.zeros(3)}, provenance=collect())
    emri("search", other, said=("other.h5", "A and E"))
    missing = tmp_path / "missing.h5"
    with h5py.File(missing, "w") as file:
        file.attrs.update({"start": 0.0, "cadence": 5.0})
        file["A"] = file["E"] = np.full(172800, np.nan)
    emri("search", missing, said=("missing.h5", "not NaN"))
    slow = tmp_path / "slow.h5"
    with h5py.File(slow, "w") as file:
        file.attrs.update({"start": 0.0, "cadence": 50.0})
        file["A"] = file["E"] = np.zeros(17280)
    emri("search", slow, said=("every 50 s", "statistic.band"))
    emri("search", tmp_path, said="swansong emri simulate")


@pytest.fixture(scope="module")
def search_result(tmp_path_factory):
    """The result of a search that found one candidate."""
    path = tmp_path_factory.mktemp("result") / "search.h5"
    provenance = collect(configuration={"problem": Problem().model_dump(mode="json")}, seed=0)
    theta = np.array([[6.0, 30.0, 0.7, 0.1, 0.03]])
    write_product(path, kind="emri_search", arrays={"theta": theta}, provenance=provenance)
    return path


HEADER = "target_snr,m1,m2,a,Tpl,ef,qS,phiS,qK,phiK,Phi_phi0,Phi_r0"
LINE = "30,1e6,30,0.7,0.1,0.03,1.2,0.5,0.8,2.0,0.1,0.2"


@pytest.mark.parametrize(
    "lines, said",
    [
        ([HEADER + ",colour", LINE + ",1"], ("unknown column `colour`", "target_snr")),
        ([HEADER], "holds no source"),
        ([HEADER.replace("m2,", ""), LINE.replace("30,", "", 1)], ("lacks the column `m2`", "Tpl")),
        ([HEADER + ",m1", LINE + ",1e6"], "twice"),
        ([HEADER, LINE, LINE + ",5"], ("line 3", "13 values for 12")),
        ([HEADER, LINE.replace("1e6", "heavy")], ("line 2", "m1 = 'heavy'", "a number")),
        ([HEADER, LINE.replace("1e6", "")], ("line 2", "m1")),
        ([HEADER, LINE.replace("1e6", "0")], ("line 2", "m1 = 0")),
        ([HEADER, LINE.replace("0.7", "1.5")], ("line 2", "a = 1.5", "0.998")),
        ([HEADER, LINE.replace("1.2", "4.0")], ("line 2", "qS = 4")),
        ([HEADER, LINE, LINE.replace("30,1e6", "0,1e6")], ("1 data sets of noise", "--noise 8")),
        (["# nothing"], "no source"),
    ],
)
def test_campaign_tables(emri, tmp_path, lines, said):
    path = tmp_path / "sources.csv"
    path.write_text("\n".join(lines))
    emri("campaign", path, said=said)


def test_campaign_options(emri, tmp_path):
    path = tmp_path / "sources.csv"
    path.write_text(f"{HEADER}\n{LINE}\n")
    emri("campaign", "nowhere.csv", said=("nowhere.csv", "CSV"))
    emri("campaign", path, "--noise", "-1", said="`--noise`")
    emri("campaign", path, "--limit", "0", said="`--limit`")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    emri("campaign", tmp_path / "binary.csv", said=("binary.csv", "text"))


THETA = (
    "--log10-mass-1",
    "6",
    "--mass-2",
    "30",
    "--spin",
    "0.7",
    "--plunge-time",
    "0.3",
    "--final-eccentricity",
    "0.03",
)


@pytest.mark.parametrize(
    "given, said",
    [
        (("DATA",), ("no candidate", "--candidate search.h5")),
        (("DATA", "--candidate", "nowhere.h5"), ("nowhere.h5", "does not exist")),
        (("DATA", "--candidate", "DATA"), "not written by swansong"),
        (("DATA", "--candidate", "RESULT", "--rank", "2"), ("`--rank` is 2", "1 candidate")),
        (("DATA", "--candidate", "RESULT", "--rank", "0"), "`--rank`"),
        (("DATA", "--candidate", "RESULT", "--spin", "0.5"), "leave one of them out"),
        (("DATA", *THETA[:-2]), ("`--final-eccentricity`", "missing")),
        (("DATA", "--log10-mass-1", "1e6", *THETA[2:]), ("`--log10-mass-1`", "logarithm")),
        (("DATA", *THETA[:2], "--mass-2", "1e5", *THETA[4:]), ("`--mass-2`", "1 %")),
        (("nowhere.h5", *THETA), ("nowhere.h5", "simulate")),
        (("DATA", "--candidate", "RESULT", "--set", "followup.sampler.walkers=17"), "even"),
        (("DATA", "--candidate", "RESULT", "--set", "followup.sampler.walker=16"), "did you mean"),
        (("DATA", *THETA, "--set", "prior.spin=[0.0, 0.5]"), ("`spin` = 0.7", "widen")),
    ],
)
def test_followup(emri, noise_file, search_result, given, said):
    files = {"DATA": str(noise_file), "RESULT": str(search_result)}
    emri("followup", *(files.get(part, part) for part in given), said=said)


@pytest.mark.parametrize("verb", ["tracks", "simulate", "search", "followup", "check"])
def test_an_output_folder_that_cannot_be_used(swansong, noise_file, tmp_path, verb):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    given = {"tracks": arguments(), "search": [noise_file], "followup": [noise_file, *THETA]}.get(verb, [])
    for out, said in (("full", "already holds results"), ("full/notes.txt", "is a file")):
        code, stdout, err = swansong("emri", verb, *given, "--out", out)
        assert (code, stdout) == (2, "")
        assert said in err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


def test_init_refuses_names_and_files(swansong, tmp_path):
    code, _, err = swansong("emri", "init", "month")
    assert (code, "year, quick, showcase" in err) == (2, True)
    (tmp_path / "quick.toml").write_text("mine")
    code, _, err = swansong("emri", "init", "quick")
    assert (code, "already exists" in err) == (2, True), err
    assert (tmp_path / "quick.toml").read_text() == "mine"


def test_wrong_input_costs_no_import_of_jax_or_numba(tmp_path):
    code = (
        "import sys; from swansong.cli.main import main; "
        "assert main(['emri', 'search', 'nowhere.h5']) == 2; "
        "assert main(['emri', 'simulate', '--set', 'data.duration=-1.0']) == 2; "
        "sys.exit(any(name in sys.modules for name in ('jax', 'numba', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error: ") == 2
