"""Tables of named columns: CSV and HDF5 give the same, and what is wrong is told in one sentence."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import DataError, FileError
from swansong.core.tables import read_table

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def written(path, text):
    path.write_text(text)
    return path


@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_csv_and_hdf5_give_the_columns_that_were_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    text = "\n".join(["# a comment", " b ,a", "", *(f"{b!r}, {a!r}" for a, b in rows)])
    found = read_table(written(folder / "one.csv", text), needed=("a",), optional=("b", "c"))
    with h5py.File(folder / "one.h5", "w") as file:
        file["a"], file["b"] = np.array(rows).T
        file.create_group("notes")
    other = read_table(folder / "one.h5", needed=("a",), optional=("b", "c"))
    for table in (found, other):
        assert {name: values.tolist() for name, values in table.columns.items()} == {
            "a": [a for a, _ in rows],
            "b": [b for _, b in rows],
        }
    # The header stands in line 2, before an empty one.
    assert (found.lines - other.lines).tolist() == [3] * len(rows)


def test_what_is_not_finite_is_kept_where_the_caller_asks_for_it(tmp_path):
    path = written(tmp_path / "one.csv", "a,b\n1,\nnan,inf\n")
    found = read_table(path, needed=("a", "b"), finite=False)
    np.testing.assert_array_equal(found.columns["a"], [1.0, np.nan])
    np.testing.assert_array_equal(found.columns["b"], [np.nan, np.inf])
    with pytest.raises(DataError, match=r"line 2 of the table .*b = ''; give a number"):
        read_table(path, needed=("a", "b"))


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is empty and holds no star"),
        ("# a,b\n", "is empty"),
        ("a,b\n", "holds no star"),
        ("a\n1", "lacks the column `b`; it needs a, b"),
        ("a,b,d\n1,2,3", "unknown column `d`; the known ones are a, b, c"),
        ("a,b,a\n1,2,3", "names the column `a` twice"),
        ("a,b\n1,2\n\n1,2,3", "line 4 of the list .*3 values for 2 columns"),
        ("a,b\n1,two", "line 2 of the list .*b = 'two'; give a number"),
        ("a,b\n1,2\n1,-inf", "line 3 of the list .*b = -inf; give a finite number"),
        ("a,b\n1," + "2" * 200_000, "line 2 of the list .*cannot be read"),
    ],
)
def test_wrong_tables_are_told_in_one_sentence(tmp_path, text, said):
    path = written(tmp_path / "one.csv", text)
    with pytest.raises(DataError, match=said) as caught:
        read_table(path, needed=("a", "b"), optional=("c",), called="list", row="star")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "columns, said",
    [
        ({"a": np.ones((2, 2))}, "column `a` of the table .*no list of numbers"),
        ({"a": [b"x"]}, "no list of numbers"),
        ({"a": [1.0, 2.0], "b": [1.0]}, "differ in length .a 2, b 1."),
        ({"a": [1.0, np.nan]}, "row 2 of the table .*a = nan"),
        ({"a": np.zeros(0)}, "holds no pair"),
        ({}, "lacks the column `a`"),
    ],
)
def test_wrong_datasets_are_told_in_one_sentence(tmp_path, columns, said):
    # A file of HDF5 is one by what it holds.
    path = tmp_path / "one.data"
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
    with pytest.raises(DataError, match=said):
        read_table(path, needed=("a",), optional=("b",))


def test_files_that_are_no_table(tmp_path):
    for name, said in (("none.csv", "does not exist"), (".", "does not exist")):
        with pytest.raises(FileError, match=said):
            read_table(tmp_path / name, needed=("a",))
    for name, said in (("one.csv", "as text"), ("one.h5", "as HDF5")):
        (tmp_path / name).write_bytes(b"\x89HDF\xff\xfe broken")
        with pytest.raises(FileError, match=f"cannot be read {said}"):
            read_table(tmp_path / name, needed=("a",))
