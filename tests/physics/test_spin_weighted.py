"""Tables of spin-weighted harmonics: closed forms of weights -2 and 0, the ladder between, and orthonormality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from swansong.physics.harmonics import spin_weighted_harmonic
from swansong.physics.spin_weighted import WEIGHTS, spin_weighted_table

LARGEST_M, LARGEST_L = 10, 15
ORDERS, DEGREES = np.arange(-LARGEST_M, LARGEST_M + 1), np.arange(2, LARGEST_L + 1)
NODES, QUADRATURE = np.polynomial.legendre.leggauss(24)
EXISTS = np.abs(ORDERS)[:, None] <= DEGREES


def table(z):
    # Weights first, which is how the formulas below are written.
    return spin_weighted_table(np.asarray(z), largest_m=LARGEST_M, largest_l=LARGEST_L).transpose(2, 0, 1, 3)


@pytest.fixture(scope="module")
def harmonics():
    return table(NODES)


def test_shape_and_degrees_that_do_not_exist(harmonics):
    assert harmonics.shape == (len(WEIGHTS), len(ORDERS), len(DEGREES), len(NODES))
    assert np.isfinite(harmonics).all()
    assert (harmonics[:, ~EXISTS] == 0.0).all()
    assert (np.abs(harmonics[:, EXISTS]).max(axis=-1) > 0.0).all()


def test_weight_minus_two_is_the_closed_form(harmonics):
    theta = np.arccos(NODES)
    for row, m in enumerate(ORDERS):
        for column, l in enumerate(DEGREES):
            if abs(m) > l:
                continue
            expected = spin_weighted_harmonic(int(l), int(m), theta=theta, phi=0.0)
            np.testing.assert_allclose(harmonics[0, row, column], expected.real, atol=3e-11, err_msg=f"{l}, {m}")


def test_weight_zero_is_the_ordinary_harmonic(harmonics):
    theta = np.arccos(NODES)
    for row, m in enumerate(ORDERS):
        for column, l in enumerate(DEGREES):
            expected = sph_harm_y(l, m, theta, 0.0).real if abs(m) <= l else 0.0 * theta
            np.testing.assert_allclose(harmonics[2, row, column], expected, atol=1e-12, err_msg=f"{l}, {m}")


@pytest.mark.parametrize("place", [0, 1])
def test_eth_raises_the_weight(place, harmonics):
    s, theta, h = WEIGHTS[place], np.arccos(NODES), 1e-3
    # Fourth order in the step; three tables of one shape.
    near, far = ((table(np.cos(theta + i * h)) - table(np.cos(theta - i * h)))[place] / (2 * i * h) for i in (1, 2))
    slope = (4.0 * near - far) / 3.0
    m = ORDERS[:, None, None]
    raised = -(slope - (m / np.sin(theta) + s / np.tan(theta)) * harmonics[place])
    root = np.sqrt((DEGREES - s) * (DEGREES + s + 1.0))[:, None]
    np.testing.assert_allclose(raised, root * harmonics[place + 1], atol=3e-6)


def test_harmonics_are_orthonormal(harmonics):
    # Products are polynomials of degree 2 l or less: the quadrature is exact.
    overlap = 2.0 * np.pi * np.einsum("smlz,smkz,z->smlk", harmonics, harmonics, QUADRATURE)
    expected = EXISTS[:, :, None] * np.eye(len(DEGREES))
    np.testing.assert_allclose(overlap, np.broadcast_to(expected, overlap.shape), atol=3e-12)


def test_mirror_images(harmonics):
    # sY_lm(pi - theta) = (-1)^(l + m) -sY_lm(theta) = (-1)^(l + s) sY_l-m(theta) for azimuth zero.
    sign = (-1.0) ** (DEGREES[:, None] + np.array(WEIGHTS)[:, None, None, None])
    np.testing.assert_allclose(harmonics[..., ::-1], sign * harmonics[:, ::-1], atol=3e-11)


@given(z=st.lists(st.floats(-1.0, 1.0), min_size=len(NODES), max_size=len(NODES)))
def test_addition_theorem_holds_everywhere(z):
    # sum_m |sY_lm|^2 = (2 l + 1) / 4 pi for degrees all of whose orders are listed, at the poles too.
    total = (table(np.array(z)) ** 2).sum(axis=1)[:, DEGREES <= LARGEST_M]
    expected = (2.0 * DEGREES[DEGREES <= LARGEST_M] + 1.0) / (4.0 * np.pi)
    np.testing.assert_allclose(total, np.broadcast_to(expected[:, None], total.shape), rtol=1e-11)
