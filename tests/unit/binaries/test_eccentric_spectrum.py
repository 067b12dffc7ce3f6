"""Harmonics of an eccentric orbit: Bessel's integral, the sum rule, limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import zeta

from swansong.core.errors import DomainError, InputError
from swansong.physics.eccentric_spectrum import harmonic_power, harmonic_rule, harmonics_needed, peak_harmonic
from swansong.physics.peters import enhancement


def by_integral(n, e, points=8192):
    """Peters and Mathews' form, with Bessel functions from their integrals."""
    angle = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)

    def bessel(order):
        return np.mean(np.cos(order * angle - n * e * np.sin(angle)))

    below, above = bessel(n - 1), bessel(n + 1)
    far_below, far_above, value = bessel(n - 2), bessel(n + 2), bessel(n)
    first = far_below - 2.0 * e * below + 2.0 / n * value + 2.0 * e * above - far_above
    second = far_below - 2.0 * value + far_above
    return n**4 / 32.0 * (first**2 + (1.0 - e**2) * second**2 + 4.0 / (3.0 * n**2) * value**2)


@pytest.mark.parametrize("e", [0.1, 0.5, 0.9, 0.99])
def test_first_harmonics_by_the_integral(e):
    orders = np.arange(1.0, 9.0)
    expected = [by_integral(n, e) for n in orders]
    np.testing.assert_allclose(harmonic_power(orders, e), expected, rtol=1e-9)


@pytest.mark.parametrize("n, e", [(100, 0.9), (1000, 0.99), (1700, 0.99)])
def test_high_harmonics_by_the_integral(n, e):
    assert harmonic_power(float(n), e) == pytest.approx(by_integral(n, e), rel=1e-8)


@pytest.mark.parametrize("e", [0.0, 1e-6, 0.3, 0.9, 0.99])
def test_sum_rule(e):
    orders = np.arange(1.0, harmonics_needed(e, error=1e-10) + 1.0)
    assert harmonic_power(orders, e).sum() == pytest.approx(enhancement(e), rel=2e-10)


def test_harmonics_needed_leaves_out_what_it_says():
    for e, error in ((0.5, 1e-3), (0.95, 1e-6)):
        count = harmonics_needed(e, error=error)
        kept = np.cumsum(harmonic_power(np.arange(1.0, count + 1.0), e)) / enhancement(e)
        assert 1.0 - kept[-1] < error <= 1.0 - kept[-2]


def test_circle_radiates_at_twice_its_frequency_alone():
    np.testing.assert_allclose(harmonic_power(np.arange(1.0, 6.0), np.zeros(5)), [0.0, 1.0, 0.0, 0.0, 0.0], atol=1e-50)


@pytest.mark.parametrize("e", [1e-9, 1e-5, 1e-3])
def test_leading_terms_of_nearly_circular_orbits(e):
    found = harmonic_power(np.array([1.0, 2.0, 3.0]), e)
    # From J_m(x) = (x/2)^m / m! in Peters and Mathews' form.
    assert found[0] == pytest.approx(29.0 / 192.0 * e**2, rel=1e-5)
    assert found[1] == pytest.approx(1.0 - 5.0 * e**2, abs=1e-10)
    assert found[2] == pytest.approx(729.0 / 64.0 * e**2, rel=1e-4)


@given(e=st.floats(0.0, 0.95))
@settings(max_examples=25, deadline=None)
def test_the_rule_adds_all_harmonics(e):
    rule = harmonic_rule(tail=False)
    assert np.sum(rule.weights * harmonic_power(rule.orders, e)) == pytest.approx(enhancement(e), rel=1e-6)


def test_the_rule_adds_a_slow_series_without_end():
    rule = harmonic_rule()
    assert np.sum(rule.weights * rule.orders ** (-5.0 / 3.0)) == pytest.approx(zeta(5.0 / 3.0), rel=1e-8)
    assert len(rule) < 120


def test_harmonics_peak_where_the_formula_says():
    for e in (0.5, 0.9):
        orders = np.arange(1.0, 200.0)
        assert orders[np.argmax(harmonic_power(orders, e))] == pytest.approx(peak_harmonic(e), rel=0.2)


@pytest.mark.parametrize("n, e, said", [(0.5, 0.1, "counted from 1"), (1.0, 1.0, "eccentricity"), (2.0, -0.1, "eccen")])
def test_bad_input(n, e, said):
    with pytest.raises(DomainError, match=said):
        harmonic_power(n, e)


def test_bad_errors_and_rules():
    with pytest.raises(InputError, match="error"):
        harmonics_needed(0.5, error=0.0)
    with pytest.raises(InputError, match="exact"):
        harmonic_rule(exact=2)
