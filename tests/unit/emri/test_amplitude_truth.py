"""Sets of solved amplitudes: rounding of what is written, choices of orbits, and files of the solver."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import FileError, InputError, OutputError
from swansong.core.provenance import collect
from swansong.emri.amplitudes.modes import CLASSES, polar_index
from swansong.emri.amplitudes.truth import AmplitudeSet, read_set, read_solved
from swansong.physics.geodesics import orbit_frequencies

ORBITS = np.array(
    [
        [0.0, 10.0, 0.0, 1.0],
        [0.0, 10.0, 0.2, 1.0],
        [0.5, 9.0, 0.0, 1.0],
        [0.5, 9.0, 0.3, -1.0],
        [0.7, 8.0, 0.0, -0.5],
        [0.7, 8.0, 0.1, 0.5],
    ]
)  # one of each class


@pytest.fixture(scope="module")
def frequencies():
    found = orbit_frequencies(*ORBITS.T)
    return np.column_stack([found.radial, found.polar, found.azimuthal])


def make_set(frequencies, *, seed=0):
    stream = np.random.default_rng(seed)
    counts = stream.integers(1, 9, len(ORBITS))
    total = int(counts.sum())
    m = stream.integers(1, 11, total)
    modes = np.column_stack([np.maximum(m, stream.integers(2, 11, total)), m, m + stream.integers(-3, 4, total), 0 * m])
    modes[:, 3] = stream.integers(1, 30, total)
    # Sizes over many orders of magnitude, as real ones.
    infinity, horizon = (
        10.0 ** stream.uniform(-9.0, -2.0, total) * np.exp(2j * np.pi * stream.random(total)) for _ in range(2)
    )
    horizon[0] = 0.0
    return AmplitudeSet(
        orbits=ORBITS,
        frequencies=frequencies,
        left=stream.random(len(ORBITS)) * 1e-4,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        modes=modes,
        infinity=infinity,
        horizon=horizon,
    )


@pytest.fixture(scope="module")
def provenance():
    return collect(configuration={}, seed=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_written_set_comes_back_rounded_where_it_cannot_be_seen(tmp_path, frequencies, provenance, seed):
    given = make_set(frequencies, seed=seed)
    given.write(tmp_path / "set.h5", provenance=provenance)
    back = read_set(tmp_path / "set.h5")
    for name in ("orbits", "frequencies", "left", "offsets", "modes"):
        np.testing.assert_array_equal(getattr(back, name), getattr(given, name), err_msg=name)
    change = np.abs(back.infinity - given.infinity)
    square = given.mode_frequency**2
    strongest = np.array([(np.abs(given.infinity) / square)[given.owner == one].max() for one in range(len(given))])
    # Half a step in each of the two parts.
    allowed = np.maximum(1e-5 * np.abs(given.infinity), 1e-6 * strongest[given.owner] * square) * np.sqrt(0.5)
    assert (change <= allowed).all()
    assert change.max() > 0.0
    assert (np.abs(back.horizon - given.horizon) <= 2e-4 * np.abs(given.horizon)).all()
    assert back.horizon[0] == 0.0
    # What is rounded already stays as it is.
    back.write(tmp_path / "again.h5", provenance=provenance)
    again = read_set(tmp_path / "again.h5")
    assert (np.abs(again.infinity - back.infinity) <= allowed).all()
    np.testing.assert_array_equal(again.horizon, back.horizon)


def test_sets_are_read_in_double_precision(tmp_path, frequencies, provenance):
    make_set(frequencies).write(tmp_path / "set.h5", provenance=provenance)
    back = read_set(tmp_path / "set.h5")
    assert back.infinity.dtype == back.horizon.dtype == np.complex128


def test_write_replaces_only_by_force(tmp_path, frequencies, provenance):
    given, path = make_set(frequencies), tmp_path / "set.h5"
    given.write(path, provenance=provenance)
    with pytest.raises(OutputError):
        given.write(path, provenance=provenance)
    given.select(np.array([1])).write(path, provenance=provenance, force=True)
    assert len(read_set(path)) == 1


def test_foreign_and_truncated_products_are_refused(tmp_path, frequencies, provenance):
    path = tmp_path / "set.h5"
    make_set(frequencies).write(path, provenance=provenance)
    (tmp_path / "short.h5").write_bytes(path.read_bytes()[:-200])
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["orbits"] = ORBITS
    for name in ("short", "foreign", "absent"):
        with pytest.raises(FileError):
            read_set(tmp_path / f"{name}.h5")


@given(places=st.lists(st.integers(0, len(ORBITS) - 1), min_size=1, max_size=8))
def test_select_keeps_the_modes_of_each_orbit(places):
    plain = np.arange(3.0 * len(ORBITS)).reshape(-1, 3)
    given = make_set(plain)
    chosen = given.select(np.array(places))
    assert len(chosen) == len(places)
    for row, place in enumerate(places):
        mine, theirs = chosen.owner == row, given.owner == place
        for name in ("modes", "infinity", "horizon", "mode_frequency"):
            np.testing.assert_array_equal(getattr(chosen, name)[mine], getattr(given, name)[theirs])
        np.testing.assert_array_equal(chosen.orbits[row], ORBITS[place])
        np.testing.assert_array_equal(chosen.frequencies[row], plain[place])
        assert chosen.left[row] == given.left[place]


def test_classes_part_the_set(frequencies):
    given = make_set(frequencies)
    parts = [given.of_class(name) for name in CLASSES]
    np.testing.assert_array_equal(np.concatenate([one.orbits for one in parts]), ORBITS)
    np.testing.assert_array_equal(np.concatenate([one.infinity for one in parts]), given.infinity)
    with pytest.raises(InputError, match="no class of orbits 'XX'; choose one of SC, "):
        given.of_class("XX")


def test_mode_frequencies_are_those_of_the_user_index(frequencies):
    given = make_set(frequencies)
    for row, orbit in enumerate(ORBITS):
        mine = given.owner == row
        user = polar_index(given.modes[mine], retrograde=bool(orbit[3] < 0.0))
        radial, polar, azimuthal = frequencies[row]
        np.testing.assert_allclose(given.mode_frequency[mine], user[:, 1:] @ [azimuthal, polar, radial], rtol=1e-13)


# Files of the solver: modes (l, m, k, n) of any signs.
SOLVED = np.array([[2, 2, 0, 0], [3, 1, 2, 1], [2, -1, 1, 0], [3, 0, -2, 1], [4, 3, 1, 0], [5, -2, 3, -1]])


def write_solved(path, orbits, *, error=1e-9, horizon=1e-4j, without=()):
    count = len(orbits)
    total = count * len(SOLVED)
    parts = {
        "orbits": np.asarray(orbits),
        "offsets": np.arange(count + 1) * len(SOLVED),
        "left": np.full(count, 1e-4),
        "modes": np.tile(SOLVED, (count, 1)).astype(np.int16),
        "frequencies": np.tile([0.01, 0.02, 0.03], (count, 1)),
        "infinity": (np.arange(1, total + 1) * (1.0 + 0.5j)).astype(np.complex64),
        "horizon": np.full(total, horizon, np.complex64),
        "error": np.broadcast_to(error, total).astype(np.float32),
        "seconds": np.ones(count),
    }
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            if name not in without:
                file[name] = values
    return path


def test_files_of_the_solver_are_joined_in_the_canonical_index(tmp_path):
    one = write_solved(tmp_path / "0.h5", [[0.5, 9.0, 0.1, 0.5], [0.5, 9.0, 0.1, -0.5]])
    two = write_solved(tmp_path / "1.h5", [[0.5, 9.0, 0.2, -0.5]])
    found = read_solved([one, two])
    assert found.offsets.tolist() == [0, 6, 12, 18]
    np.testing.assert_array_equal(found.orbits[:, 2:], [[0.1, 0.5], [0.1, -0.5], [0.2, -0.5]])
    # j = k + m prograde, k - m retrograde; mirror images turned to m > 0, or m = 0 and j > 0.
    prograde = [[2, 2, 2, 0], [3, 1, 3, 1], [2, 1, 0, 0], [3, 0, 2, -1], [4, 3, 4, 0], [5, 2, -1, 1]]
    retrograde = [[2, 2, -2, 0], [3, 1, 1, 1], [2, 1, -2, 0], [3, 0, 2, -1], [4, 3, -2, 0], [5, 2, -5, 1]]
    np.testing.assert_array_equal(found.modes, prograde + retrograde + retrograde)
    # Mirror images: (-1)^(l + k) and conjugate. Retrograde: (-1)^m on top.
    size = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    phase = 1.0 + 0.5j * np.array([1, 1, -1, -1, 1, -1])
    mirror, backward = np.array([1, 1, -1, -1, 1, 1]), np.array([1, -1, -1, 1, -1, 1])
    np.testing.assert_allclose(found.infinity[:6], mirror * size * phase, rtol=1e-6)
    np.testing.assert_allclose(found.infinity[6:12], backward * mirror * (size + 6.0) * phase, rtol=1e-6)
    np.testing.assert_allclose(found.infinity[12:], backward * mirror * size * phase, rtol=1e-6)
    # The pair (2, -1, 1, 0) at w = -.03 + .02 is kept as its image.
    assert found.mode_frequency[2] == pytest.approx(0.01)


def test_inaccurate_modes_are_left_out(tmp_path):
    error = np.full(12, 1e-9)
    error[[1, 6, 7]] = 1e-3, np.nan, 2e-4
    horizon = np.full(12, 2e-4j, np.complex64)
    horizon[3] = np.nan
    path = write_solved(tmp_path / "0.h5", [[0.5, 9.0, 0.1, 0.5], [0.5, 9.0, 0.1, 0.6]], error=error, horizon=horizon)
    found = read_solved([path])
    assert found.offsets.tolist() == [0, 5, 9]
    np.testing.assert_allclose(np.abs(found.infinity) / np.sqrt(1.25), [1, 3, 4, 5, 6, 9, 10, 11, 12], rtol=1e-6)
    assert found.horizon[2] == 0.0
    assert np.count_nonzero(found.horizon) == 8


def test_files_that_are_not_solved_are_refused(tmp_path):
    with pytest.raises(InputError, match="no files of solved amplitudes"):
        read_solved([])
    orbit = [[0.5, 9.0, 0.1, 0.5]]
    plan = write_solved(tmp_path / "plan.h5", orbit, without=("infinity", "horizon", "frequencies", "error"))
    with pytest.raises(FileError, match="lacks error, frequencies, horizon, infinity; it is a plan"):
        read_solved([plan])
    whole = write_solved(tmp_path / "whole.h5", orbit)
    short = tmp_path / "short.h5"
    short.write_bytes(whole.read_bytes()[:-100])
    for path in (short, tmp_path / "absent.h5"):
        with pytest.raises(FileError, match="solve its plan again"):
            read_solved([whole, path])
