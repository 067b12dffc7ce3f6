"""Expected errors of amplitudes: measured ones of solved orbits, limits, and what holds for every orbit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.errors import error_coefficients, kludge_error, kludge_terms, quadratic
from swansong.emri.amplitudes.models import LowRank, load

# (a, p, e, x) and E of the baseline, by pybhpt 1.0.0 on its hundred strongest modes; none of them took part in the fit.
NEAR = np.array(
    [
        [0.6416, 6.4646, 0.0540, -0.2262, 4.47e-3],
        [0.8770, 3.3565, 0.1136, 0.7672, 1.60e-2],
        [0.9573, 5.6074, 0.2039, 0.0527, 8.59e-3],
        [0.9452, 2.9033, 0.1082, 0.8215, 2.51e-2],
        [0.6834, 4.1920, 0.1209, 0.8206, 4.87e-3],
        [0.8435, 5.0834, 0.0502, 0.3049, 6.61e-3],
    ]
)
FAST = np.array(
    [
        [0.9977, 3.2371, 0.0272, 0.7216, 2.07e-2],
        [0.9924, 2.5073, 0.1178, 0.8090, 4.99e-2],
        [0.9952, 8.6425, 0.0612, 0.1706, 2.89e-3],
    ]
)
FAR = np.array([[0.4578, 66.0315, 0.1820, -0.9267, 9.88e-8], [0.9733, 126.2693, 0.2163, -0.8586, 4.56e-8]])


@pytest.mark.parametrize("solved", [NEAR, FAST], ids=["near", "fast"])
def test_the_map_lies_above_solved_orbits_but_not_far(solved):
    ratio = kludge_error(solved[:, :4]) / solved[:, 4]
    assert (ratio > 0.9).all()
    assert (ratio < 20.0).all()


def test_far_orbits_are_good_and_get_no_worse_with_distance():
    found = kludge_error(FAR[:, :4])
    assert ((found > FAR[:, 4]) & (found < 1e-4)).all()
    for a, e, x in ((0.5, 0.2, 0.7), (0.97, 0.2, -0.86), (0.97, 0.0, 1.0), (0.0, 0.0, 1.0), (0.3, 0.5, 0.2)):
        along = kludge_error(np.array([[a, p, e, x] for p in (10.0, 20.0, 40.0, 80.0, 300.0, 1e4)]))
        assert (np.diff(along) <= 1e-12).all()
    assert kludge_error(np.array([[0.3, 1e4, 0.1, 0.5]]))[0] == 1e-5


def test_no_digit_is_promised_of_very_eccentric_orbits():
    # There the baseline's strongest modes are those of the highest l and n, which are none.
    close = np.array([[0.8754, 9.4240, 0.6819, -0.6499], [0.4922, 9.5645, 0.7273, 0.4935], [0.9, 8.0, 0.9, 0.5]])
    assert (kludge_error(close) > 0.2).all()
    assert kludge_error(close)[-1] == 1.0


@given(
    a=st.floats(0.0, 1.0, exclude_max=True),
    e=st.floats(0.0, 1.0, exclude_max=True),
    x=st.floats(-1.0, 1.0),
    p=st.floats(1.01, 1e6),
)
def test_errors_are_shares(a, e, x, p):
    assert 1e-5 <= kludge_error(np.array([[a, p, e, x]]))[0] <= 1.0


@given(p=st.floats(6.5, 100.0), e=st.floats(0.0, 0.8), x=st.floats(-1.0, 1.0))
def test_without_spin_there_is_no_inclination(p, e, x):
    found = kludge_error(np.array([[0.0, p, e, 1.0], [0.0, p, e, x]]))
    assert found[0] == pytest.approx(found[1])


def test_fast_prograde_and_close_orbits_are_worse():
    rows = np.array([[0.9, p, 0.1, 0.9] for p in (3.5, 5.0, 8.0, 12.0, 20.0)])
    assert (np.diff(np.log10(kludge_error(rows))) < 0.0).all()


def test_terms():
    q = np.array([[2.0, 3.0, 5.0, 7.0]])
    np.testing.assert_array_equal(quadratic(q)[0], [1, 2, 3, 5, 7, 4, 6, 10, 14, 9, 15, 21, 25, 35, 49])
    terms = kludge_terms(np.array([[0.5, 12.0, 0.2, -0.6]]))
    assert terms.shape == (1, len(error_coefficients("kludge")))
    np.testing.assert_allclose(terms[0, :5], [1.0, -1.0, 0.2, -0.3, 0.25])
    np.testing.assert_allclose(terms[0, -2:], [0.32, 0.0])
    assert len(error_coefficients("lowrank")) == 15


def test_models_state_the_maps():
    orbit = {"a": 0.6, "p": 9.0, "e": 0.2, "x": 0.5}
    row = np.array([list(orbit.values())])
    np.testing.assert_array_equal(load("kludge").error(**orbit), kludge_error(row))
    stated = load().error(**orbit)[0]
    assert stated == pytest.approx(10.0 ** (quadratic(Domain().coordinates(row)) @ error_coefficients("lowrank"))[0])
    assert 1e-14 < stated < 1e-10
    # A wider domain does not move the map.
    wide = LowRank(Domain(largest_eccentricity=0.6, farthest=50.0))
    assert wide.error(**orbit)[0] == pytest.approx(stated)
