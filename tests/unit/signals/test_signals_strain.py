"""Strain: bookkeeping to the sample, every file kind, every refusal."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import DataError, FileError, InputError
from swansong.signals import Strain, check_network, read_strain, require_rate

START = 1126259446.0


@pytest.fixture
def strain():
    return Strain("H1", np.arange(4096.0), start=START, rate=1024.0)


@pytest.fixture
def gwosc(tmp_path):
    """A four-second file laid out like those of GWOSC."""
    path = tmp_path / "H-H1_TEST-1126259446-4.hdf5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("strain/Strain", data=np.random.default_rng(0).standard_normal(4096) * 1e-21)
        dataset.attrs.update({"Xspacing": 1 / 1024, "Xstart": int(START), "Npoints": 4096})
        file["meta/Detector"] = "H1"
        file["quality/simple/DQmask"] = np.array([3, 3, 1, 3], dtype=np.uint32)
        file["quality/simple/DQShortnames"] = np.array([b"DATA", b"CBC_CAT1"])
    return path


def test_times_and_end(strain):
    assert len(strain) == 4096
    assert strain.duration == 4.0
    assert strain.end == START + 4.0
    assert strain.times[1024] == START + 1.0


def test_a_tenth_of_a_second_is_410_samples():
    strain = Strain("H1", np.zeros(8192), start=START, rate=4096.0)
    assert len(strain.slice(START + 0.3, duration=0.1).strain) == 410


@given(start=st.floats(0.0, 3.5), n=st.integers(1, 500))
def test_slice_takes_the_first_sample_at_or_after(start, n):
    strain = Strain("H1", np.arange(4096.0), start=0.0, rate=1024.0)
    piece, offset = strain.slice(start, n=n)
    assert len(piece) == n
    assert 0 <= offset < 1 / 1024
    assert piece.start == pytest.approx(start + offset, abs=1e-6)
    # The data are their own index.
    np.testing.assert_array_equal(piece.data, piece.start * 1024 + np.arange(n))
    assert piece.data[0] / 1024 >= start - 1e-6


def test_slice_on_the_grid_survives_rounding(strain):
    # Thirds of a second are not on the grid; sample 1000 is, up to the rounding of GPS seconds.
    piece, offset = strain.slice(START + 1000 / 1024 + 1e-7, n=2)
    assert piece.data[0] == 1000
    assert offset == 0
    piece, offset = strain.slice(START + 1000.25 / 1024, n=2)
    assert piece.data[0] == 1001
    assert offset == pytest.approx(0.75 / 1024, abs=3e-7)


def test_slice_refuses_what_is_outside(strain):
    with pytest.raises(DataError, match=r"covers GPS 1126259446.0000 to 1126259450.0000, got a window"):
        strain.slice(START + 3.9, duration=0.2)
    with pytest.raises(DataError, match="inside"):
        strain.slice(START - 0.5, n=3)
    assert len(strain.slice(START, duration=4.0).strain) == 4096
    with pytest.raises(InputError, match="once"):
        strain.slice(START, duration=1.0, n=4)
    with pytest.raises(InputError, match="one sample or more"):
        strain.slice(START, n=0)


def test_highpass_keeps_the_band_and_drops_the_drift():
    time = np.arange(8192) / 1024
    signal = np.sin(2 * np.pi * 100 * time)
    strain = Strain("H1", signal + 50 * np.sin(2 * np.pi * 2 * time) + 7, start=0.0, rate=1024.0)
    middle = slice(2000, 6000)
    np.testing.assert_allclose(strain.highpass(20.0).data[middle], signal[middle], atol=1e-4)
    with pytest.raises(InputError, match="between 0 and 512"):
        strain.highpass(600.0)
    with pytest.raises(DataError, match="ten periods"):
        strain.slice(1.0, n=100).strain.highpass(20.0)


def test_gwosc_file_says_everything(gwosc):
    strain = read_strain(gwosc)
    assert (strain.detector, strain.start, strain.rate, len(strain)) == ("H1", START, 1024.0, 4096)
    assert strain.path == gwosc
    assert strain.quality is not None
    np.testing.assert_array_equal(strain.quality.good("CBC_CAT1"), [True, True, False, True])
    with pytest.raises(InputError, match="one of DATA, CBC_CAT1"):
        strain.quality.good("CBC_CAT9")


def test_wrong_rate_and_start_are_refused(gwosc):
    with pytest.raises(DataError, match="rate 1024, expected 4096"):
        read_strain(gwosc, rate=4096.0)
    with pytest.raises(DataError, match="start 1126259446, expected 0"):
        read_strain(gwosc, start=0.0)
    strain = read_strain(gwosc)
    assert require_rate(strain, 1024.0) is strain
    with pytest.raises(DataError, match="sampled at 1024 Hz, expected 4096 Hz"):
        require_rate(strain, 4096.0)


@pytest.mark.parametrize("keep", [0, 100, 0.3, 0.9])
def test_truncated_hdf5_is_refused(gwosc, keep):
    content = gwosc.read_bytes()
    gwosc.write_bytes(content[: keep if keep >= 1 or keep == 0 else int(keep * len(content))])
    with pytest.raises(FileError, match="truncated"):
        read_strain(gwosc)


def test_foreign_hdf5_lists_what_it_holds(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["a/one"] = np.zeros(3)
        file["b"] = np.zeros(4)
    with pytest.raises(FileError, match="no strain/Strain; it holds a/one, b"):
        read_strain(path)
    with pytest.raises(FileError, match="no dataset 'c'"):
        read_strain(path, channel="c")
    with pytest.raises(DataError, match="pass `start`"):
        read_strain(path, channel="b", detector="L1")
    assert len(read_strain(path, channel="b", detector="L1", rate=8.0, start=0.0)) == 4


def test_plain_hdf5_with_attributes(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["h"] = np.arange(5.0)
        file["h"].attrs.update({"dt": 0.25, "start_time": 10.0, "detector": "V1"})
    strain = read_strain(path)
    assert (strain.detector, strain.rate, strain.start) == ("V1", 4.0, 10.0)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".npy", ".h5"])
def test_two_columns(tmp_path, ending):
    path = tmp_path / f"L-L1_x{ending}"
    time = START + np.arange(64) / 4096
    table = np.stack([time, np.linspace(-1e-21, 1e-21, 64)], axis=1)
    if ending == ".npy":
        np.save(path, table)
    elif ending == ".h5":
        with h5py.File(path, "w") as file:
            file["table"] = table
    else:
        np.savetxt(path, table, delimiter="," if ending == ".csv" else " ", fmt="%.18g")
    strain = read_strain(path)
    assert (strain.detector, strain.rate, strain.start) == ("L1", 4096.0, START)
    np.testing.assert_array_equal(strain.data, table[:, 1])


def test_one_column_needs_rate_and_start(tmp_path):
    path = tmp_path / "H1.txt"
    np.savetxt(path, np.ones(10))
    strain = read_strain(path, rate=16.0, start=100.0)
    assert (strain.detector, strain.end) == ("H1", 100.625)
    with pytest.raises(DataError, match="pass `rate`"):
        read_strain(path, start=100.0)


def test_a_version_number_is_no_detector(tmp_path):
    path = tmp_path / "LOSC_4_V2.txt"
    np.savetxt(path, np.ones(10))
    with pytest.raises(DataError, match="pass `detector`"):
        read_strain(path, rate=16.0, start=100.0)


def test_gaps_and_bad_samples_are_located(tmp_path):
    path = tmp_path / "H1.txt"
    time = np.arange(20) / 16.0
    np.savetxt(path, np.stack([np.delete(time, [7, 8]), np.ones(18)], axis=1))
    with pytest.raises(DataError, match=r"after GPS 0\.375000 comes 0\.562500"):
        read_strain(path)
    np.savetxt(path, np.stack([time[::-1], np.ones(20)], axis=1))
    with pytest.raises(DataError, match="not evenly sampled"):
        read_strain(path)
    data = np.ones(20)
    data[4:7] = np.nan
    np.savetxt(path, np.stack([time, data], axis=1))
    with pytest.raises(DataError, match=r"H1 strain in .* has 3 NaN samples from GPS 0.2500 to 0.3750; choose"):
        read_strain(path)
    data[4:7] = np.inf
    with pytest.raises(DataError, match="3 infinite samples"):
        Strain("H1", data, start=0.0, rate=16.0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, "does not exist"),
        ("H1.txt", b"", "is empty"),
        ("H1.txt", b"hello world\n", "cannot be read as columns"),
        ("H1.npy", b"\x93NUMPY", "truncated or no array"),
        ("H1.gwf", b"IGWD", "unknown ending '.gwf'"),
    ],
)
def test_unreadable_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=message):
        read_strain(path)


def test_object_arrays_are_refused(tmp_path):
    path = tmp_path / "H1.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FileError, match="no array of numbers"):
        read_strain(path)
    np.save(path, np.array(["x", "y"]))
    with pytest.raises(DataError, match="real numbers"):
        read_strain(path)


def test_network_must_agree(strain):
    other = Strain("L1", strain.data, start=START, rate=1024.0)
    assert check_network([strain, other]) == (strain, other)
    for bad, message in [
        (Strain("H1", strain.data, start=START, rate=1024.0), "different detectors, got H1, H1"),
        (Strain("L1", strain.data, start=START, rate=512.0), "sampled at 512 Hz"),
        (Strain("L1", strain.data[1:], start=START, rate=1024.0), "4095 samples"),
        (Strain("L1", strain.data, start=START + 1.0, rate=1024.0), "starts at GPS 1126259447"),
    ]:
        with pytest.raises(DataError, match=message):
            check_network([strain, bad])
    with pytest.raises(DataError, match="got none"):
        check_network([])
