"""Wrong input: exit code 2, one line on stderr, nothing on stdout, and no output folder."""

import h5py
import numpy as np
import pytest

from swansong.core.files import write_product
from swansong.core.provenance import collect

START, RATE, SECONDS = 1126259460, 4096, 4


def write_gwosc(path, *, rate=RATE, seconds=SECONDS, detector="H1", spoil=None):
    """A strain file in the layout of the Gravitational Wave Open Science Center."""
    data = 1e-21 * np.random.default_rng(1).standard_normal(rate * seconds)
    if spoil is not None:
        data[spoil] = np.nan
    with h5py.File(path, "w") as file:
        strain = file.create_dataset("strain/Strain", data=data)
        strain.attrs.update({"Xstart": START, "Xspacing": 1 / rate, "Npoints": data.size})
        file["meta/GPSstart"] = START
        file["meta/Detector"] = detector
    return path


def refused(outcome, said, *, out):
    code, stdout, err = outcome
    assert (code, stdout) == (2, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for part in (said,) if isinstance(said, str) else said:
        assert part in err
    assert not out.exists()


@pytest.fixture
def infer(swansong, tmp_path):
    """Call `ringdown infer --out result` and expect a refusal."""

    def call(*arguments, said):
        refused(swansong("ringdown", "infer", *arguments, "--out", "result"), said, out=tmp_path / "result")

    return call


@pytest.mark.parametrize(
    "overrides, said",
    [
        (["prior.final_mass=[90.0, 20.0]"], ("prior.final_mass", "minimum 90")),
        (["data.rat=4096.0"], ("data.rat", "did you mean `data.rate`")),
        (["data.rate='fast'"], ("data.rate", "a number")),
        (["rate"], "section.key=value"),
        (["data.detectors=['H1', 'X1']"], ("'X1'", "data.detectors", "V1")),
        (["data.detectors=['H1', 'H1']"], ("different", "data.detectors")),
        (["data.detectors=[]"], "data.detectors"),
        (["model.modes=['220', '221', '222', '330']"], "one to three"),
    ],
)
def test_overrides(infer, overrides, said):
    infer(*(part for text in overrides for part in ("--set", text)), said=said)


def test_an_unknown_key_in_the_file_names_the_nearest(infer, tmp_path):
    path = tmp_path / "problem.toml"
    path.write_text("[prior]\nfinal_mas = [20.0, 150.0]\n")
    infer(path, said=("final_mas", "problem.toml", "`prior.final_mass`"))


def test_a_missing_and_a_broken_toml(infer, tmp_path):
    infer("nowhere.toml", said=("nowhere.toml", "does not exist"))
    path = tmp_path / "broken.toml"
    path.write_text("[prior\n")
    infer(path, said=("broken.toml", "not valid TOML"))


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--dec", "9"), ("`--dec 9.0`", "declination")),
        (("--start", "-5"), ("`--start -5.0`", "GPS")),
        (("--seed", "-1"), "`--seed`"),
        (("--seed", str(2**40)), "`--seed`"),
        (("--samples", "3"), "`--samples`"),
        (("--no-reweight",), "--no-reweight"),
        (("--weights", "w.h5"), ("--weights", "exact")),
        (("--estimator", "flow", "--weights", "w.h5"), ("w.h5", "does not exist")),
    ],
)
def test_options(infer, arguments, said):
    infer(*arguments, said=said)


@pytest.mark.parametrize("text", ["H1", "=file.hdf5", "H1=", ""])
def test_a_malformed_strain_option(infer, text):
    infer(f"--strain={text}", said="--strain H1=FILE")


def test_strain_options_that_contradict(infer, tmp_path):
    path = write_gwosc(tmp_path / "H1.hdf5")
    infer("--strain", f"H1={path}", "--strain", f"H1={path}", said=("H1 twice",))
    infer("--strain", "H1=nowhere.hdf5", said=("nowhere.hdf5", "does not exist"))
    infer("--strain", f"X1={path}", said=("'X1'",))


@pytest.mark.parametrize(
    "spoilt, options, said",
    [
        ({"spoil": 100}, (), ("1 NaN", "H1.hdf5")),
        ({"rate": 2048}, (), ("2048 Hz", "4096 Hz")),
        ({}, ("--start", "1126259999"), ("covers GPS", "1126259999")),
    ],
)
def test_strain_that_cannot_be_analysed(infer, tmp_path, spoilt, options, said):
    path = write_gwosc(tmp_path / "H1.hdf5", **spoilt)
    infer("--strain", f"H1={path}", *options, said=said)


def test_strain_with_a_gap(infer, tmp_path):
    times = START + np.arange(4096) / RATE
    times[2000:] += 0.5
    np.savetxt(tmp_path / "H1.txt", np.stack([times, np.zeros(4096)], axis=1), fmt="%.9f")
    infer("--strain", f"H1={tmp_path / 'H1.txt'}", said=("not evenly sampled",))


def test_detectors_of_different_length(infer, tmp_path):
    one = write_gwosc(tmp_path / "H1.hdf5")
    two = write_gwosc(tmp_path / "L1.hdf5", detector="L1", seconds=SECONDS - 1)
    infer("--strain", f"H1={one}", "--strain", f"L1={two}", said=("samples", "L1.hdf5"))


def test_a_truncated_and_a_foreign_file(infer, swansong, tmp_path):
    whole = write_gwosc(tmp_path / "H1.hdf5").read_bytes()
    cut = tmp_path / "cut.hdf5"
    cut.write_bytes(whole[: len(whole) // 2])
    infer("--strain", f"H1={cut}", said=("cut.hdf5", "truncated"))
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    infer("--strain", f"H1={text}", said=("text.h5",))
    infer("--estimator", "flow", "--weights", text, said=("text.h5", "not an HDF5 file"))
    infer("--estimator", "flow", "--weights", tmp_path / "H1.hdf5", said=("not written by swansong",))
    for path in (cut, text):
        refused(swansong("show", path), path.name, out=tmp_path / "result")


def test_weights_that_were_changed_or_are_something_else(infer, tmp_path):
    path = tmp_path / "weights.h5"
    write_product(path, kind="weights", arrays={"model/bias": np.zeros(3)}, provenance=collect())
    with h5py.File(path, "a") as file:
        file["model/bias"][0] = 1.0
    infer("--estimator", "flow", "--weights", path, said=("weights.h5", "sha256"))
    other = tmp_path / "other.h5"
    write_product(other, kind="posterior", arrays={"samples": np.zeros(3)}, provenance=collect())
    infer("--estimator", "flow", "--weights", other, said=("'posterior'", "'weights'"))


@pytest.mark.parametrize("verb", ["infer", "simulate", "check", "train"])
def test_an_output_folder_that_cannot_be_used(swansong, tmp_path, verb):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    for out, said in (("full", "already holds results"), ("full/notes.txt", "is a file"), ("full/notes.txt/x", "file")):
        code, stdout, err = swansong("ringdown", verb, "--out", out)
        assert (code, stdout) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    assert swansong("ringdown", verb, "--out", "/proc/swansong").code == 2


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("train", "flaw"), ("'flaw'", "flow")),
        (("train", "nowhere.toml"), ("nowhere.toml", "does not exist")),
        (("train", "flow", "--max-seconds", "-1"), ("--max-seconds", "greater than 0")),
        (("train", "flow", "--set", "training.step=5"), ("`training.steps`",)),
        (("train", "flow", "--set", "data.detectors=['X1']"), ("'X1'",)),
        (("check", "--injections", "3"), ("`--injections`", "8")),
        (("simulate", "-n", "0"), ("`--count`",)),
    ],
)
def test_other_verbs(swansong, tmp_path, arguments, said):
    refused(swansong("ringdown", *arguments, "--out", "result"), said, out=tmp_path / "result")


def test_tools(swansong, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (("report", "nowhere"), "does not exist"),
        (("report", "empty"), "holds no result"),
        (("show", "nowhere"), "does not exist"),
        (("show", "empty"), "is a folder"),
        (("cite", "pulsars"), "ringdown"),
        (("ringdown", "init", "flaw"), "flow"),
    ):
        refused(swansong(*arguments), said, out=tmp_path / "result")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
