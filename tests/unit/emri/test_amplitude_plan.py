"""Plans of what is solved: the power they leave out, their file, and the choice of modes."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.emri.amplitudes.kludge import full_grid, kludge
from swansong.emri.amplitudes.modes import check_modes
from swansong.emri.amplitudes.plan import plan_orbits, strongest

# Of one size of grid, so that one is compiled.
ORBITS = np.array([[0.9, 6.0, 0.1, 0.6], [0.4, 12.0, 0.08, -0.3]])
SHARE = 1e-3


@pytest.fixture(scope="module")
def plan():
    return plan_orbits(ORBITS, share=SHARE, most=3000)


def test_plan_leaves_out_less_than_the_share(plan):
    assert (plan.left < SHARE).all()
    assert (plan.left > 0.0).all()
    assert plan.offsets[0] == 0
    assert plan.offsets[-1] == len(plan.modes)
    assert (np.diff(plan.offsets) > 20).all()


def test_plan_has_every_mode_once(plan):
    for first, last in zip(plan.offsets[:-1], plan.offsets[1:], strict=True):
        modes = check_modes(plan.modes[first:last])
        assert (modes[:, 1] >= 0).all()
        assert len(np.unique(modes, axis=0)) == len(modes)
        mirrored = {tuple(mode) for mode in (modes * [1, -1, -1, -1]).tolist()}
        assert not mirrored & {tuple(mode) for mode in modes.tolist()}


def test_left_is_the_rest_of_the_power(plan):
    grid = full_grid(eccentricity=0.1, equatorial=False, retrograde=False)
    found = kludge(ORBITS[:1], grid)
    w = np.where(np.asarray(found.frequency[0]) == 0.0, np.inf, found.frequency[0])[..., None]
    power = np.where(grid.canonical, np.abs(found.amplitudes[0]) ** 2 / w**2, 0.0).reshape(-1)
    l, m, j, n = grid.modes.T
    every = {mode: value for mode, value in zip(zip(l, m, j - m, n, strict=True), power, strict=True) if value > 0.0}
    kept = sum(every[tuple(mode)] for mode in plan.modes[: plan.offsets[1]].tolist())
    assert 1.0 - kept / power.sum() == pytest.approx(plan.left[0], rel=1e-6)
    # Strongest first, and none left out that is stronger than the last.
    values = np.array([every[tuple(mode)] for mode in plan.modes[: plan.offsets[1]].tolist()])
    assert (np.diff(values) <= 0.0).all()
    assert np.sort(power)[-len(values)] == pytest.approx(values[-1])


def test_file_is_read_back(plan, tmp_path):
    path = tmp_path / "plan.h5"
    plan.write(path)
    with h5py.File(path) as file:
        assert set(file) == {"orbits", "offsets", "left", "modes"}
        np.testing.assert_array_equal(file["orbits"][:], ORBITS)
        np.testing.assert_array_equal(file["offsets"][:], plan.offsets)
        np.testing.assert_array_equal(file["left"][:], plan.left)
        np.testing.assert_array_equal(file["modes"][:], plan.modes)
        assert file["modes"].dtype == np.int8
    assert list(tmp_path.iterdir()) == [path]


@given(
    power=st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=40).map(np.array),
    share=st.floats(1e-6, 0.5),
)
def test_strongest_is_enough_and_no_more(power, share):
    places = strongest(power, share=share, most=100)
    assert len(set(places.tolist())) == len(places)
    left = power.sum() - power[places].sum()
    assert left <= share * power.sum() * (1.0 + 1e-9) + 1e-15
    if len(places) > 1:
        assert left + power[places[-1]] >= share * power.sum() * (1.0 - 1e-9) - 1e-15


def test_strongest_has_a_limit_and_skips_what_is_undefined():
    assert strongest(np.array([1.0, np.nan, 3.0, 2.0]), share=1e-9, most=2).tolist() == [2, 3]
    assert 1 not in strongest(np.array([1.0, np.nan, 3.0, 2.0]), share=1e-9, most=9)[:3]
