"""Elliptic integrals and amplitudes against scipy, limits and their differential equation."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ellipj, ellipkm1

from swansong.physics.elliptic import complete, jacobi_amplitude

AMPLITUDE = jax.jit(jacobi_amplitude)
COMPLETE = jax.jit(complete)


def test_complete_integral_agrees_with_scipy_also_close_to_modulus_one():
    complement = np.concatenate([np.linspace(0.01, 1.0, 40), 10.0 ** -np.arange(2.0, 10.0)])
    np.testing.assert_allclose(COMPLETE(complement), ellipkm1(complement), rtol=1e-15)


def test_special_values():
    assert float(COMPLETE(1.0)) == pytest.approx(np.pi / 2, rel=1e-15)
    # K(1/2) = Gamma(1/4)^2 / (4 sqrt(pi)), DLMF 19.6.1 and 23.5.
    assert float(COMPLETE(0.5)) == pytest.approx(1.8540746773013719, rel=1e-15)


@given(share=st.floats(0.0, 1.0), modulus=st.floats(0.0, 0.999))
def test_amplitude_agrees_with_scipy(share, modulus):
    expected = ellipj(share * ellipkm1(1.0 - modulus), modulus)[3]
    assert float(AMPLITUDE(share, 1.0 - modulus)) == pytest.approx(expected, abs=1e-13)


def test_amplitude_of_a_circle_and_at_the_ends():
    share = np.linspace(0.0, 1.0, 9)
    np.testing.assert_allclose(AMPLITUDE(share, 1.0), 0.5 * np.pi * share, atol=1e-15)
    np.testing.assert_allclose(AMPLITUDE(np.array([0.0, 1.0]), 1e-8), [0.0, 0.5 * np.pi], atol=1e-14)


def test_slope_of_the_amplitude_is_the_delta_function():
    # d am(u)/du = sqrt(1 - m sin^2 am(u)), DLMF 22.13 and 22.16.3.
    slopes = jax.jit(jax.vmap(jax.grad(jacobi_amplitude), (0, None)))
    for complement in np.array([0.9, 0.2, 1e-3]):
        share = np.linspace(0.05, 0.95, 9)
        angle = AMPLITUDE(share, complement)
        expected = np.sqrt(1.0 - (1.0 - complement) * np.sin(angle) ** 2)
        np.testing.assert_allclose(slopes(share, complement) / COMPLETE(complement), expected, rtol=1e-11)


def test_derivatives_are_finite_for_circles_and_shapes_broadcast():
    # K = pi/2 (1 + m/4 + ...), so the slope in the complement is -pi/8.
    assert float(jax.grad(COMPLETE)(1.0)) == pytest.approx(-np.pi / 8, rel=1e-14)
    assert jax.eval_shape(jacobi_amplitude, np.linspace(0, 1, 5), np.full((3, 1), 0.4)).shape == (3, 5)
