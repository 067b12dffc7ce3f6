"""LISA files: both layouts, gaps of both kinds, every refusal."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swansong.core.errors import DataError, FileError
from swansong.signals.lisa_files import LisaData, read_lisa, write_lisa

N = 64


@pytest.fixture
def plain():
    """Times and channels without gaps."""
    rng = np.random.default_rng(0)
    return {"t": 1000.0 + 5.0 * np.arange(N), "A": rng.standard_normal(N), "E": rng.standard_normal(N)}


@pytest.fixture
def store(tmp_path):
    """Write datasets and attributes as they are."""

    def write(datasets, **attributes):
        path = tmp_path / "data.h5"
        with h5py.File(path, "w") as file:
            for name, values in datasets.items():
                file[name] = values
            file.attrs.update(attributes)
        return path

    return write


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.booleans(), min_size=2, max_size=30).filter(lambda gaps: not all(gaps)),
    start=st.floats(-1e8, 1e8),
    cadence=st.sampled_from([0.25, 5.0, 15.0]),
    with_t=st.booleans(),
)
def test_what_is_written_is_read(tmp_path, gaps, start, cadence, with_t):
    values = np.random.default_rng(1).standard_normal((3, len(gaps)))
    data = LisaData(start, cadence, values[0], values[1], T=values[2] if with_t else None, gaps=np.array(gaps))
    write_lisa(tmp_path / "data.h5", data)
    again = read_lisa(tmp_path / "data.h5", cadence=cadence)
    assert again.start == data.start
    assert again.cadence == cadence
    for name in ("A", "E", "gaps"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    if with_t:
        np.testing.assert_array_equal(again.T, data.T)
    else:
        assert again.T is None
    assert not again.A[again.gaps].any()
    np.testing.assert_array_equal(again.times, data.times)


def test_bookkeeping():
    gaps = np.zeros(10, bool)
    gaps[[0, 1, 5, 9]] = True
    data = LisaData(100.0, 5.0, np.ones(10), np.ones(10), gaps=gaps)
    assert len(data) == 10
    assert data.duration == 50.0
    assert data.gap_share == 0.4
    np.testing.assert_array_equal(data.gap_times, [[100, 110], [125, 130], [145, 150]])
    assert data.A.sum() == 6
    whole = LisaData(100.0, 5.0, np.ones(10), np.ones(10))
    assert whole.gap_times.shape == (0, 2)
    assert whole.gaps.shape == (10,)


def test_missing_stretches_and_nan_are_gaps_and_said_so(store, plain, caplog):
    plain["E"][3] = np.nan
    kept = np.r_[0:20, 27:N]
    path = store({name: values[kept] for name, values in plain.items()})
    data = read_lisa(path)
    assert len(data) == N
    np.testing.assert_array_equal(np.flatnonzero(data.gaps), [3, *range(20, 27)])
    # a sample missing in one channel is missing in all
    assert data.A[3] == data.E[3] == 0.0
    good = ~data.gaps
    np.testing.assert_array_equal(data.A[good], plain["A"][good])
    np.testing.assert_array_equal(data.times, plain["t"])
    assert "2 gaps, 12.5 % of its samples" in caplog.text


def test_whole_data_give_no_warning(store, plain, caplog):
    assert read_lisa(store(plain, start=1000.0, cadence=5.0)).gap_share == 0.0
    assert caplog.text == ""


def test_times_may_be_rounded(store, plain):
    plain["t"] = np.round(1e8 + np.arange(N) / 3.0, 4)
    data = read_lisa(store(plain, cadence=1 / 3))
    assert data.cadence == 1 / 3
    assert len(data) == N


def test_attributes_may_stand_for_times(store, plain):
    data = read_lisa(store({name: plain[name] for name in "AE"}, start=7.0, cadence=2.5))
    assert (data.start, data.cadence) == (7.0, 2.5)


@pytest.mark.parametrize("columns", [("t", "X", "Y", "Z"), ("t", "A", "E")])
@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_data_challenge(store, plain, columns, shape):
    table = np.zeros(shape, [(name, float) for name in columns])
    values = dict(zip(columns, np.random.default_rng(2).standard_normal((4, N)), strict=False)) | {"t": plain["t"]}
    for name in columns:
        table[name] = values[name].reshape(shape)
    data = read_lisa(store({"obs/tdi": table}), cadence=5.0)
    if "X" in columns:
        np.testing.assert_allclose(data.A, (values["Z"] - values["X"]) / np.sqrt(2), rtol=1e-12)
        # an orthogonal combination keeps the power
        power = sum(values[name] ** 2 for name in "XYZ")
        np.testing.assert_allclose(data.A**2 + data.E**2 + data.T**2, power)
    else:
        np.testing.assert_array_equal(data.E, values["E"])
        assert data.T is None


def edit(name, index, value):
    def change(plain):
        plain[name][index] = value

    return change


@pytest.mark.parametrize(
    ("change", "attributes", "message"),
    [
        (edit("A", 5, np.inf), {}, "channel A .* 1 samples that are not finite outside the gaps, the first at 1025 s"),
        (edit("A", slice(None), np.nan), {}, "no sample"),
        (edit("t", 7, np.nan), {}, "1 times that are not finite"),
        (edit("t", 7, 1036.0), {}, "not evenly sampled: after 1030 s comes 1036 s"),
        (edit("t", 7, 1030.0), {}, "not evenly sampled"),
        (edit("t", slice(None), 3.0), {}, "do not increase"),
        (edit("t", N - 1, 1e9), {}, "not evenly sampled"),
        (lambda plain: plain.update(A=plain["A"][:-1]), {}, "one length"),
        (lambda plain: plain.update(A=plain["A"].astype(complex)), {}, "real numbers"),
        (lambda plain: plain.pop("t"), {"start": 0.0}, "no times t"),
        (lambda plain: None, {"cadence": 4.0}, "every 5 s, but its attribute cadence is 4 s"),
        (lambda plain: None, {"start": 0.0}, "starts at 1000 s"),
        (lambda plain: None, {"start": "soon"}, "'soon'"),
    ],
)
def test_bad_data(store, plain, change, attributes, message):
    change(plain)
    with pytest.raises(DataError, match=message):
        read_lisa(store(plain, **attributes))


def test_wrong_cadence(store, plain):
    with pytest.raises(DataError, match="the argument `cadence` is 10 s"):
        read_lisa(store(plain), cadence=10.0)


def test_missing_foreign_and_truncated_files(store, plain, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_lisa(tmp_path / "none.h5")
    path = store({"strain/Strain": np.zeros(4)})
    with pytest.raises(FileError, match="neither datasets A and E"):
        read_lisa(path)
    path = store(plain)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(FileError, match="truncated"):
        read_lisa(path)
    path.write_text("t A E")
    with pytest.raises(FileError, match="no HDF5 file"):
        read_lisa(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cadence": 0.0}, "positive cadence"),
        ({"start": np.nan}, "finite start"),
        ({"E": np.zeros(3)}, "one length"),
        ({"gaps": np.zeros(3, bool)}, "one length"),
        ({"A": np.zeros(0), "E": np.zeros(0)}, "one length"),
        ({"A": np.full(4, np.nan)}, "4 samples"),
    ],
)
def test_bad_arrays(change, message):
    values = {"start": 0.0, "cadence": 5.0, "A": np.zeros(4), "E": np.zeros(4)} | change
    with pytest.raises(DataError, match=message):
        LisaData(**values)
