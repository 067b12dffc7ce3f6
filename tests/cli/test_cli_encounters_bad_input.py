"""Wrong input to encounters: exit code 2, one line on stderr, nothing on stdout, and no output folder."""

import numpy as np
import pytest
from test_cli_bad_input import START, refused, write_gwosc

from swansong.cli import encounters
from swansong.core.files import write_product
from swansong.core.provenance import collect

MIDDLE = str(START + 2)
WEIGHTS = encounters.SYSTEM.folder.parent / "weights" / "compact.h5"
with_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason="no packaged weights")


@pytest.fixture
def infer(swansong, tmp_path):
    """Call `encounters infer --out result` and expect a refusal."""

    def call(*arguments, said):
        refused(swansong("encounters", "infer", *arguments, "--out", "result"), said, out=tmp_path / "result")

    return call


@pytest.fixture
def detect(swansong, tmp_path):
    """Call `encounters detect --out result` and expect a refusal."""

    def call(*arguments, said):
        refused(swansong("encounters", "detect", *arguments, "--out", "result"), said, out=tmp_path / "result")

    return call


@pytest.mark.parametrize(
    "override, said",
    [
        ("prior.eccentricity=[0.95, 0.85]", ("prior.eccentricity", "minimum 0.95")),
        ("prior.eccentricity=[0.5, 0.9]", ("[0.8, 0.97]", "0.5")),
        ("prior.eccentricity=[0.85, 0.99]", ("[0.8, 0.97]", "0.99")),
        ("prior.semi_latus_rectum=[5.0, 20.0]", ("[8, 60]", "semi_latus_rectum")),
        ("prior.component_mass=[-5.0, 20.0]", ("component_mass", "positive")),
        ("prior.pericentre_time=[-1.0, 1.0]", ("at most 1 s", "detect")),
        ("prior.pericentre_time=[1.5, 2.0]", ("longer `data.duration`", "4 s")),
        ("prior.luminosity_distanc=[20.0, 400.0]", "`prior.luminosity_distance`"),
        ("prior.minimum_snr='loud'", ("prior.minimum_snr", "a number")),
        ("model.waveform=circular", ("model.waveform", "'efb'")),
        ("model.orientation=fixed", ("model.orientation", "'shared'")),
        ("data.rate=512.0", ("data.rate", "1024")),
        ("data.maximum_frequency=2000.0", ("data.maximum_frequency", "1024 Hz")),
        ("data.detectors=['H1', 'X1']", ("'X1'", "data.detectors", "V1")),
        ("data.detectors=['H1', 'H1']", ("different", "data.detectors")),
        ("data.detectors=['H1', 'L1', 'V1', 'K1']", ("one to three", "K1")),
        ("data.detectors=[]", "data.detectors"),
        ("data.spectra=['O3-H1']", ("data.spectra", "got 1")),
        ("data.duration=100.0", ("data.duration", "16")),
        ("sourc.gps=1e9", "`source"),
        ("gps", "section.key=value"),
    ],
)
def test_overrides(infer, override, said):
    infer("--set", override, said=said)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--gps", "-5"), ("`--gps -5.0`", "GPS")),
        (("--gps", "nan"), ("`--gps`", "finite")),
        (("--gps", "inf"), ("`--gps`", "finite")),
        (("--seed", "-1"), "`--seed`"),
        (("--samples", "3"), "`--samples`"),
        (("--no-reweight",), "--no-reweight"),
        (("--weights", "w.h5"), ("--weights", "exact", "--estimator compact")),
        (("--estimator", "compact", "--weights", "w.h5"), ("w.h5", "does not exist")),
        (("--estimator", "flow"), ("flow", "compact")),
        (("quiet.toml",), ("quiet.toml", "does not exist")),
        (("--strain", "H1"), "--strain H1=FILE"),
        (("--strain", "H1=nowhere.hdf5", "--gps", MIDDLE), ("nowhere.hdf5", "does not exist")),
    ],
)
def test_options(infer, arguments, said):
    infer(*arguments, said=said)


def test_detectors_of_the_files(infer, tmp_path):
    files = {name: write_gwosc(tmp_path / f"{name}.hdf5", detector=name) for name in ("H1", "L1", "V1", "K1")}
    four = [part for name, path in files.items() for part in ("--strain", f"{name}={path}")]
    infer(*four, "--gps", MIDDLE, said=("4 detectors", "one to 3"))
    infer(*four[:2], *four[:2], "--gps", MIDDLE, said="H1 twice")
    infer("--strain", f"X1={files['H1']}", "--gps", MIDDLE, said="'X1'")
    infer(*four[:2], said=("--gps TIME", "detect"))


@pytest.mark.parametrize(
    "seconds, gps, said",
    [
        (16, START - 10, ("covers GPS", "--gps", f"{START + 2:.4f}")),
        (16, START + 0.5, ("--gps", f"{START + 2:.4f}", f"{START + 14:.4f}")),
        (16, START + 15, ("--gps", f"{START + 14:.4f}")),
        (3, START + 1.5, ("H1 strain",)),
    ],
)
def test_a_window_that_leaves_the_file(infer, tmp_path, seconds, gps, said):
    path = write_gwosc(tmp_path / "H1.hdf5", rate=2048, seconds=seconds)
    infer("--strain", f"H1={path}", "--gps", gps, said=said)


@pytest.mark.parametrize(
    "other, said",
    [
        ({"rate": 512}, ("512 Hz", "4096 Hz")),
        ({"rate": 2048}, ("2048 Hz", "4096 Hz", "L1.hdf5")),
        ({"seconds": 15}, ("samples", "L1.hdf5")),
        ({"spoil": 100}, ("1 NaN", "L1.hdf5")),
    ],
)
def test_a_file_that_does_not_fit_the_other(infer, tmp_path, other, said):
    one = write_gwosc(tmp_path / "H1.hdf5", seconds=16)
    two = write_gwosc(tmp_path / "L1.hdf5", detector="L1", **{"seconds": 16, **other})
    infer("--strain", f"H1={one}", "--strain", f"L1={two}", "--gps", START + 8, said=said)


def test_strain_that_is_sampled_too_slowly(infer, tmp_path):
    path = write_gwosc(tmp_path / "H1.hdf5", rate=512, seconds=16)
    infer("--strain", f"H1={path}", "--gps", START + 8, said=("512 Hz", "1024 Hz"))


def test_truncated_and_foreign_files(infer, tmp_path):
    whole = write_gwosc(tmp_path / "H1.hdf5", seconds=16)
    cut = tmp_path / "cut.hdf5"
    cut.write_bytes(whole.read_bytes()[:9000])
    infer("--strain", f"H1={cut}", "--gps", START + 8, said=("cut.hdf5", "truncated"))
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    infer("--strain", f"H1={text}", "--gps", START + 8, said="text.h5")
    infer("--estimator", "compact", "--weights", text, said=("text.h5", "not an HDF5 file"))
    infer("--estimator", "compact", "--weights", whole, said="not written by swansong")
    other = tmp_path / "other.h5"
    write_product(other, kind="posterior", arrays={"samples": np.zeros(3)}, provenance=collect())
    infer("--estimator", "compact", "--weights", other, said=("'posterior'", "'weights'"))


@pytest.mark.parametrize("verb", ["infer", "simulate", "check", "train", "detect"])
def test_an_output_folder_that_cannot_be_used(swansong, tmp_path, verb):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    strain = ("--strain", f"H1={write_gwosc(tmp_path / 'H1.hdf5')}") if verb == "detect" else ()
    for out, said in (
        ("full", "already holds results"),
        ("full/notes.txt", "is a file"),
        ("full/notes.txt/x", "file"),
        ("/proc/swansong", "/proc/swansong"),
    ):
        code, stdout, err = swansong("encounters", verb, *strain, "--out", out)
        assert (code, stdout) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("train", "compct"), ("'compct'", "compact", "paper")),
        (("train", "loud"), ("'loud'", "compact")),
        (("train", "compact", "--max-seconds", "-1"), ("--max-seconds", "greater than 0")),
        (("train", "compact", "--set", "training.step=5"), ("`training.steps`",)),
        (("train", "compact", "--set", "compact.knots=1"), ("compact.knots", "greater than 1")),
        (("train", "compact", "--set", "data.detectors=['X1']"), ("'X1'",)),
        (("check", "--injections", "7"), ("`--injections`", "8")),
        (("check", "--samples", "50"), ("`--samples`", "100")),
        (("check", "--estimator", "paper"), "paper"),
        (("simulate", "-n", "0"), ("`--count`",)),
        (("init", "lowd"), ("'lowd'", "`loud`", "`published`", "compact")),
    ],
)
def test_other_verbs(swansong, tmp_path, arguments, said):
    out = () if arguments[0] == "init" else ("--out", "result")
    refused(swansong("encounters", *arguments, *out), said, out=tmp_path / "result")


def test_what_cannot_be_scanned(detect, tmp_path):
    detect(said="--strain H1=FILE")
    path = write_gwosc(tmp_path / "H1.hdf5", rate=2048, seconds=16)
    strain = ("--strain", f"H1={path}")
    detect(*strain, "--threshold", "0", said=("--threshold", "between 0 and 1"))
    detect(*strain, "--threshold", "1.5", said=("--threshold", "between 0 and 1"))
    detect(*strain, "--threshold", "nan", said="--threshold")
    detect(*strain, "--candidates", "0", said="--candidates")
    detect(*strain, "--samples", "10", said="--samples")
    detect(*strain, "--start", START + 8, "--end", START + 4, said=("--end", "--start"))
    detect(*strain, "--start", "inf", said=("--start", "finite"))
    detect(*strain, "--strain", f"H1={path}", said="H1 twice")


def test_a_scan_outside_the_file(detect, tmp_path):
    path = write_gwosc(tmp_path / "H1.hdf5", rate=2048, seconds=16)
    for option, time in (("--start", START - 4), ("--end", START + 99)):
        detect("--strain", f"H1={path}", option, time, said=("covers GPS", f"{option} {time}"))


@with_weights
@pytest.mark.parametrize(
    "overrides, said",
    [
        (["data.detectors=['L1', 'H1', 'V1']"], ("H1, L1, V1", "--estimator exact")),
        (["data.detectors=['H1']"], ("H1, L1, V1", "--estimator exact")),
        (["prior.component_mass=[5.0, 100.0]"], ("prior.component_mass", "--estimator exact")),
        (["prior.luminosity_distance=[20.0, 2000.0]"], ("prior.luminosity_distance",)),
        (["model.waveform=efb"], ("efb", "kepler")),
        (["data.duration=8.0"], ("4 s", "--estimator exact")),
        (["prior.minimum_snr=0.0"], ("prior.minimum_snr",)),
    ],
)
def test_what_the_compact_weights_were_not_trained_for(infer, overrides, said):
    infer("--estimator", "compact", *(part for text in overrides for part in ("--set", text)), said=said)


@with_weights
def test_noise_that_the_compact_weights_have_not_seen(infer):
    spectra = "data.spectra=['aLIGO-design', 'O3-L1', 'O3-V1']"
    arguments = ("--estimator", "compact", "--no-reweight", "--set", spectra)
    infer(*arguments, said=("the noise of H1 near", "Hz", "--estimator exact"))
