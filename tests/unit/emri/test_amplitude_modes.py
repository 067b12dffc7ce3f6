"""Modes of bound orbits: both indices, pairs, groups of equal phase, classes and draws of orbits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import InputError
from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.kludge import full_grid
from swansong.emri.amplitudes.modes import CLASSES, canonical, check_modes, grid_of, orbit_class, polar_index
from swansong.physics.geodesics import separatrix

DOMAIN = Domain()


@st.composite
def one_mode(draw):
    l = draw(st.integers(2, 10))
    m, k, n = draw(st.integers(-l, l)), draw(st.integers(-12, 12)), draw(st.integers(-30, 40))
    return (l, m, k, n) if (m, k, n) != (0, 0, 0) else (l, 0, 0, 1)


many_modes = st.lists(one_mode(), min_size=1, max_size=30).map(np.array)


@given(modes=many_modes, retrograde=st.booleans())
def test_the_index_goes_there_and_back(modes, retrograde):
    inside = canonical(modes, retrograde=retrograde)
    l, m, j, n = inside.modes.T
    assert ((m > 0) | ((m == 0) & ((j > 0) | ((j == 0) & (n > 0))))).all()
    back = polar_index(inside.modes, retrograde=retrograde)
    back[inside.mirrored, 1:] *= -1
    np.testing.assert_array_equal(back, modes)
    assert (l == modes[:, 0]).all()
    # Canonical modes are their own.
    again = canonical(polar_index(inside.modes, retrograde=retrograde), retrograde=retrograde)
    np.testing.assert_array_equal(again.modes, inside.modes)
    assert not again.mirrored.any()


@given(modes=many_modes, retrograde=st.booleans())
def test_pairs_are_conjugate_up_to_sign(modes, retrograde):
    other = modes * np.array([1, -1, -1, -1])
    one, two = (canonical(each, retrograde=retrograde) for each in (modes, other))
    np.testing.assert_array_equal(one.modes, two.modes)
    assert (one.mirrored != two.mirrored).all()
    values = np.exp(1j * np.arange(len(modes)))
    sign = (-1.0) ** (modes[:, 0] + modes[:, 2])
    np.testing.assert_allclose(two.amplitudes(values), sign * np.conj(one.amplitudes(values)), rtol=1e-15)


def test_sign_of_retrograde_odd_orders():
    modes = np.array([[2, 2, 0, 0], [2, 1, 0, 0], [3, -1, 1, 0], [3, -1, 2, 0]])
    assert canonical(modes, retrograde=False).sign.tolist() == [1.0, 1.0, 1.0, -1.0]
    assert canonical(modes, retrograde=True).sign.tolist() == [1.0, -1.0, -1.0, 1.0]
    assert canonical(modes, retrograde=True).modes[:, 2].tolist() == [-2, -1, -2, -3]


@given(modes=many_modes, retrograde=st.booleans())
def test_every_mode_has_its_place_in_a_grid(modes, retrograde):
    inside = canonical(modes, retrograde=retrograde).modes
    grid, places = grid_of(inside)
    np.testing.assert_array_equal(grid.modes[places], inside)
    assert grid.canonical.reshape(-1)[places].all()
    assert grid.j.shape[1] % 8 == 0


def test_grid_refuses_what_is_not_canonical():
    for bad in ((2, -1, 0, 0), (11, 2, 0, 0), (2, 3, 0, 0)):
        with pytest.raises(InputError, match="no place in a grid"):
            grid_of(np.array([[2, 2, 2, 0], bad]))


@pytest.mark.parametrize(
    "modes, sentence",
    [
        (np.array([[2, 2, 0]]), "shape"),
        (np.array([[2.0, 2.0, 0.0, 0.0]]), "integer"),
        (np.array([[2, 2, 0, 0], [1, 1, 0, 0]]), r"\(1, 1, 0, 0\).*outside 2 to 10"),
        (np.array([[11, 1, 0, 0]]), "outside 2 to 10"),
        (np.array([[3, -4, 0, 0]]), "larger than l"),
        (np.array([[3, 0, 0, 0]]), "static"),
    ],
)
def test_modes_that_are_none(modes, sentence):
    with pytest.raises(InputError, match=sentence):
        check_modes(modes)


def test_good_modes_pass():
    modes = np.array([[2, -2, 0, 0], [10, 0, 0, 1]], np.int8)
    assert check_modes(modes).dtype == np.int64


def test_canonical_modes_of_a_grid_are_half_of_all():
    grid = full_grid(eccentricity=0.1, equatorial=False, retrograde=False)
    chosen = {tuple(mode) for mode in grid.modes[grid.canonical.reshape(-1)].tolist()}
    assert len(chosen) == int(grid.canonical.sum())
    assert all(m <= l for l, m, _, _ in chosen)
    assert not {(l, 0, -j, -n) for l, m, j, n in chosen if m == 0} & chosen
    assert grid.modes.shape == (grid.j.size * 9, 4)


@pytest.mark.parametrize("retrograde", [False, True])
def test_equatorial_grids_have_no_polar_harmonics(retrograde):
    grid = full_grid(eccentricity=0.2, equatorial=True, retrograde=retrograde)
    assert (polar_index(grid.modes, retrograde=retrograde)[:, 2] == 0).all()
    assert (full_grid(eccentricity=0.0, equatorial=True, retrograde=retrograde).n == 0).all()


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("name", CLASSES)
def test_drawn_orbits_belong_to_their_class(name, even):
    orbits = draw_orbits(name, count=40, seed=3, domain=DOMAIN, even=even)
    assert (orbit_class(orbits) == CLASSES.index(name)).all()
    a, p, e, x = orbits.T
    distance = p - np.asarray(separatrix(a, e, x))
    for value, low, high in (
        (a, 0.0, DOMAIN.largest_spin),
        (e, 0.0, DOMAIN.largest_eccentricity),
        (distance, DOMAIN.nearest, DOMAIN.farthest),
        (np.abs(x), DOMAIN.smallest_x, 1.0),
    ):
        assert value.min() >= low - 1e-9
        assert value.max() <= high + 1e-9
    if name in ("KEC", "KEE", "KIC", "KG"):
        assert 0.3 < (x < 0.0).mean() < 0.7
    np.testing.assert_array_equal(orbits, draw_orbits(name, count=40, seed=3, domain=DOMAIN, even=even))


def test_draws_of_other_seeds_and_kinds_are_disjoint():
    draws = [
        draw_orbits("KG", count=40, seed=seed, domain=DOMAIN, even=even) for seed in (3, 4) for even in (True, False)
    ]
    assert len(np.unique(np.concatenate(draws).round(9), axis=0)) == 160


def test_independent_draws_are_uniform_in_the_coordinates():
    q = DOMAIN.coordinates(draw_orbits("KG", count=40, seed=3, domain=DOMAIN, even=False))
    assert (np.abs(q) <= 1.0 + 1e-9).all()
    # Five standard deviations of the mean of 40 uniform numbers.
    assert (np.abs(q.mean(axis=0)) < 5.0 / np.sqrt(3 * 40)).all()


def test_coordinates_go_there_and_back():
    rng = np.random.default_rng(0)
    q = rng.uniform(-1.0, 1.0, (40, 4))
    np.testing.assert_allclose(DOMAIN.coordinates(DOMAIN.orbits(q)), q, atol=1e-9)


def test_corners_of_the_domain():
    corners = np.array([[-1.0, -1.0, -1.0, 1.0], [1.0, 1.0, 1.0, -1.0]])
    low, high = DOMAIN.orbits(np.repeat(corners, 20, axis=0))[[0, -1]]
    np.testing.assert_allclose(low, [0.0, 6.5, 0.0, 1.0], atol=1e-9)
    edge = float(separatrix(0.99, 0.5, -1.0))
    np.testing.assert_allclose(high, [0.99, edge + 30.0, 0.5, -1.0], rtol=1e-9)


def test_classes_of_the_limits():
    orbits = np.array(
        [[0, 9, 0, 1], [0, 9, 0.1, 0.5], [0.5, 9, 0, -1], [0.5, 9, 0.1, 1], [0.5, 9, 0, 0.3], [0.5, 9, 0.1, 0.3]], float
    )
    assert [CLASSES[i] for i in orbit_class(orbits)] == list(CLASSES)
