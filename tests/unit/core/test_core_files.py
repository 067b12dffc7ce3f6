import dataclasses
import errno
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from swansong.core import atomic as atomic_module
from swansong.core.errors import FileError, InputError, OutputError
from swansong.core.files import (
    atomic,
    describe_product,
    file_sha256,
    prepare_output,
    read_product,
    write_product,
    write_text,
)
from swansong.core.provenance import collect

PROVENANCE = collect(
    configuration={"prior": {"mass_max": 150.0}}, seed=3, inputs={"table": "0" * 64}, command="swansong"
)
ARRAYS = {
    "samples": np.linspace(0.0, 1.0, 3000).reshape(1000, 3),
    "net/0/bias": np.array([1.5, -2.0], np.float16),
    "net/0/weight": np.full((3, 2), np.nan, np.float32),
    "modes": np.array([1 + 2j, -3j]),
    "modes32": np.array([[1 + 2j]], np.complex64),
    "mask": np.array([True, False]),
    "names": np.array([["final_mass", "π"], ["", "naïve 🌊"]]),
    "scalar": np.float64(2.5),
    "text": np.array("one"),
    "empty": np.zeros((0, 3)),
    "count": np.array([-1, 2**62], np.int64),
    "byte": np.array([255], np.uint8),
    "zeros": np.zeros(20000),
}


@pytest.fixture
def product(tmp_path):
    path = tmp_path / "a.h5"
    write_product(path, kind="posterior", arrays=ARRAYS, metadata={"snr": np.float64(12.0)}, provenance=PROVENANCE)
    return path


def leftovers(folder):
    return [entry.name for entry in folder.iterdir() if ".tmp" in entry.name]


def test_everything_comes_back(product):
    got = read_product(product, kind="posterior")
    assert set(got.arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        assert got.arrays[name].dtype == value.dtype, name
        assert got.arrays[name].shape == value.shape, name
        np.testing.assert_array_equal(got.arrays[name], value)
    assert got.metadata == {"snr": 12.0}
    assert got.provenance == PROVENANCE
    assert got.path == product


@settings(max_examples=40, deadline=None)
@given(
    array=st.one_of(
        npst.arrays(npst.floating_dtypes(sizes=(16, 32, 64)), npst.array_shapes(min_dims=0, min_side=0)),
        npst.arrays(npst.complex_number_dtypes(sizes=(64, 128)), npst.array_shapes(min_dims=0, min_side=0)),
        npst.arrays(npst.integer_dtypes(), npst.array_shapes(min_dims=0, min_side=0)),
        npst.arrays(npst.unicode_string_dtypes(max_len=4), npst.array_shapes(min_dims=0, min_side=0)),
        npst.arrays(bool, npst.array_shapes(min_dims=0, min_side=0)),
    )
)
def test_round_trip_of_any_array(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "any.h5"
    write_product(path, kind="x", arrays={"a/b": array}, provenance=PROVENANCE, force=True)
    got = read_product(path).arrays["a/b"]
    assert got.dtype == array.dtype.newbyteorder("<")
    assert got.shape == array.shape
    np.testing.assert_array_equal(got, array)


def test_only_large_arrays_are_compressed(product):
    with h5py.File(product) as file:
        assert file["zeros"].compression == "gzip"
        assert file["samples"].compression is None
    assert product.stat().st_size < 20000 * 8


def test_sha256_ignores_the_time_of_creation_and_nothing_else(tmp_path):
    def sha(name, *, kind="x", arrays=None, metadata=None, **changes):
        provenance = dataclasses.replace(PROVENANCE, **changes)
        arrays = {"a": np.arange(3)} if arrays is None else arrays
        return write_product(tmp_path / name, kind=kind, arrays=arrays, metadata=metadata, provenance=provenance)

    base = sha("0", created="2020-01-01T00:00:00+00:00")
    assert sha("1", created="2021-01-01T00:00:00+00:00") == base
    others = [
        sha("2", kind="y"),
        sha("3", metadata={"a": 1}),
        sha("4", seed=4),
        sha("5", command="other"),
        sha("6", arrays={"b": np.arange(3)}),
        sha("7", arrays={"a": np.arange(3.0)}),
        sha("8", arrays={"a": np.arange(3)[:, None]}),
        sha("9", arrays={"a": np.arange(3, 6)}),
        sha("10", arrays={"a": np.arange(3, dtype=np.int32)}),
    ]
    assert len({base, *others}) == len(others) + 1
    assert read_product(tmp_path / "1").sha256 == base


def test_big_endian_arrays_are_stored_little_endian(tmp_path):
    sha = [
        write_product(
            tmp_path / order, kind="x", arrays={"a": np.arange(3.0).astype(f"{order}f8")}, provenance=PROVENANCE
        )
        for order in "<>"
    ]
    assert sha[0] == sha[1]


def test_long_metadata_fits(tmp_path):
    metadata = {"history": list(range(100_000))}
    write_product(tmp_path / "a.h5", kind="x", arrays={}, metadata=metadata, provenance=PROVENANCE)
    assert read_product(tmp_path / "a.h5").metadata == metadata


def test_description(product):
    info = describe_product(product)
    assert info.kind == "posterior"
    assert info.size == product.stat().st_size
    first = {array.name: array for array in info.arrays}["samples"]
    assert (first.dtype, first.shape, first.size) == ("float64", (1000, 3), 24000)
    assert info.to_dict()["provenance"]["seed"] == 3
    assert info.to_dict()["path"] == str(product)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.02, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(product, part):
    content = product.read_bytes()
    product.write_bytes(content[: int(part * len(content))])
    with pytest.raises(FileError) as caught:
        read_product(product)
    assert str(product) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flipped_bytes_never_pass_as_other_numbers(product, tmp_path):
    content = product.read_bytes()
    good = read_product(product)
    damaged = tmp_path / "damaged.h5"
    refused = 0
    positions = range(9, len(content), max(len(content) // 150, 1))
    for position in positions:
        damaged.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            got = read_product(damaged)
        except FileError:
            refused += 1
        else:  # a byte that HDF5 does not use
            assert got.sha256 == good.sha256
            for name, value in good.arrays.items():
                np.testing.assert_array_equal(got.arrays[name], value)
    assert refused > 0.5 * len(positions)


def test_tampering_is_noticed(product):
    with h5py.File(product, "r+") as file:
        file["samples"][3, 1] += 1e-12
    with pytest.raises(FileError, match="does not match its own sha256"):
        read_product(product)


@pytest.mark.parametrize("attribute", ["swansong_kind", "swansong_metadata", "swansong_provenance", "swansong_sha256"])
def test_a_changed_or_missing_attribute_is_noticed(product, attribute):
    with h5py.File(product, "r+") as file:
        file.attrs[attribute] = "{}"
    with pytest.raises(FileError):
        read_product(product)
    with h5py.File(product, "r+") as file:
        del file.attrs[attribute]
    with pytest.raises(FileError):
        read_product(product)


def test_an_added_array_is_noticed(product):
    with h5py.File(product, "r+") as file:
        file["net/1/bias"] = np.zeros(2)
    with pytest.raises(FileError, match="sha256"):
        read_product(product)


def test_foreign_files_are_refused(tmp_path):
    gwosc = tmp_path / "H-H1_LOSC_4_V2-1126259446-32.hdf5"
    with h5py.File(gwosc, "w") as file:
        file.create_dataset("strain/Strain", data=np.zeros(16)).attrs["Xspacing"] = 1 / 4096
        file["meta/GPSstart"] = 1126259446
    with pytest.raises(FileError, match="was not written by swansong"):
        read_product(gwosc)
    text = tmp_path / "a.txt"
    text.write_text("# final_mass\n68.0\n")
    with pytest.raises(FileError, match="is not an HDF5 file"):
        read_product(text)
    with pytest.raises(FileError, match="does not exist"):
        read_product(tmp_path / "none.h5")
    with pytest.raises(FileError, match="is a folder"):
        read_product(tmp_path)
    (tmp_path / "empty.h5").touch()
    with pytest.raises(FileError, match="is empty"):
        read_product(tmp_path / "empty.h5")


def test_another_kind_is_refused(product):
    with pytest.raises(FileError, match="holds a 'posterior'; give a file that holds a 'training'"):
        read_product(product, kind="training")


@pytest.mark.parametrize(
    "arrays, expected",
    [
        ({"a": np.array([object()])}, "has the type object"),
        ({"a": np.array(["2020-01-01"], "datetime64[D]")}, "datetime64"),
        ({"/a": np.zeros(1)}, "got '/a'"),
        ({"a//b": np.zeros(1)}, "got 'a//b'"),
        ({"": np.zeros(1)}, "got ''"),
        ({"a/../b": np.zeros(1)}, "got 'a/../b'"),
        ({"a": np.zeros(1), "a/b": np.zeros(1)}, "has both 'a' and 'a/b'"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path, arrays, expected):
    with pytest.raises(InputError, match=expected.replace("[", r"\[")):
        write_product(tmp_path / "a.h5", kind="x", arrays=arrays, provenance=PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_metadata_must_be_json(tmp_path):
    with pytest.raises(InputError, match="must hold JSON values only, got a set"):
        write_product(tmp_path / "a.h5", kind="x", arrays={}, metadata={"a": {1}}, provenance=PROVENANCE)


def test_existing_files_need_force(product):
    with pytest.raises(OutputError, match="already exists"):
        write_product(product, kind="x", arrays={}, provenance=PROVENANCE)
    write_product(product, kind="x", arrays={}, provenance=PROVENANCE, force=True)
    assert read_product(product).kind == "x"


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_errors_of_the_body_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "a.txt"):
        (tmp_path / "none").read_text()
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_file_keeps_its_suffix_and_folder(tmp_path):
    with atomic(tmp_path / "deep" / "a.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path / "deep"
        temporary.write_bytes(b"1")
    assert (tmp_path / "deep" / "a.png").read_bytes() == b"1"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(product, monkeypatch, code):
    before = product.read_bytes()

    def full(self, data):
        raise OSError(code, "no room", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space is left on the disk"):
        write_text(product, "new")
    with pytest.raises(OutputError, match="No space is left on the disk"):
        write_product(product, kind="x", arrays={"a": np.zeros(3)}, provenance=PROVENANCE, force=True)
    monkeypatch.undo()
    assert product.read_bytes() == before
    assert leftovers(product.parent) == []


def test_a_full_disk_within_hdf5_is_noticed(tmp_path):
    def write():
        with atomic(tmp_path / "a.nc"):  # h5py sets no errno
            msg = "Can't write data (file write failed: errno = 28, error message = 'No space left on device')"
            raise OSError(msg)

    with pytest.raises(OutputError, match="No space is left"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_at_the_last_moment(product, monkeypatch):
    before = product.read_bytes()

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_module, "_sync", full)
    with pytest.raises(OutputError, match="No space is left"):
        write_text(product, "new")
    assert product.read_bytes() == before


def test_unwritable_places_are_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(file / "a.txt", "x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_product(file / "a.h5", kind="x", arrays={}, provenance=PROVENANCE)
    with pytest.raises(OutputError, match="is a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_output(file / "run")
    with pytest.raises(OutputError, match="is a file"):
        prepare_output(file)


def test_output_folders(tmp_path):
    folder = tmp_path / "runs" / "a"
    assert prepare_output(folder) == folder
    (folder / ".hidden").touch()
    assert prepare_output(str(folder)) == folder
    (folder / "posterior.h5").touch()
    with pytest.raises(OutputError, match="already holds results"):
        prepare_output(folder)
    assert prepare_output(folder, force=True) == folder
    assert (folder / "posterior.h5").exists()


def test_file_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(FileError, match="does not exist"):
        file_sha256(tmp_path / "none")
    with pytest.raises(FileError, match="cannot be read"):
        file_sha256(tmp_path)
