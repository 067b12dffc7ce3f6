"""Spheroidal harmonics against their differential equation, Leaver's continued fraction, limits and symmetries."""

from decimal import Decimal, localcontext

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import Chebyshev

from swansong.core.errors import DomainError, InputError
from swansong.physics.harmonics import spin_weighted_harmonic
from swansong.physics.spheroidal import (
    LARGEST_SPHEROIDICITY,
    MixingTable,
    mixing_coefficients,
    separation_constant,
    spheroidal_eigenvalue,
    spheroidal_harmonic,
)

S = -2
MODES = [(2, 2), (2, -2), (2, 0), (3, 1), (4, -3), (5, 2), (8, 0), (10, 10), (10, -1)]


@pytest.fixture(scope="module")
def table() -> MixingTable:
    """A coarser spacing than this would miss the promised 1e-8."""
    return MixingTable.build(largest_m=6, largest_l=6, reach=8.0, step=0.05)


@pytest.fixture(scope="module")
def evaluate():
    return eqx.filter_jit(lambda table, m, g: table(m, g))


def full(m: int, g: np.ndarray, largest_l: int) -> np.ndarray:
    """Exact coefficients in the layout of the table."""
    lowest = max(2, m)
    result = np.zeros((*np.shape(g), largest_l - 1, largest_l - 1))
    result[..., lowest - 2 :, lowest - 2 :] = mixing_coefficients(m, g, degrees=largest_l - lowest + 1)
    return result


def continued_fraction(eigenvalue: float, *, m: int, g: float, inversions: int) -> Decimal:
    """Leaver's condition on E, inverted so that the root of the degree l_min + inversions is stable."""
    # Leaver, Proc. R. Soc. A 402, 285 (1985), equations 18 to 21; his A + s (s + 1) is E. Fifty digits, since
    # his series about one pole loses many where the harmonic is large at the other one.
    with localcontext() as context:
        context.prec = 50
        west, east = Decimal(abs(m - S)) / 2, Decimal(abs(m + S)) / 2
        spheroidicity, constant = Decimal(g), Decimal(eigenvalue)

        def alpha_gamma(n: int) -> Decimal:
            """Product of the elements between the terms n and n + 1."""
            return -4 * spheroidicity * (n + 1) * (n + 2 * west + 1) * (n + 1 + west + east + S)

        def beta(n: int) -> Decimal:
            found = n * (n - 1) + 2 * n * (west + east + 1 - 2 * spheroidicity)
            found -= 2 * spheroidicity * (2 * west + S + 1) - (west + east) * (west + east + 1)
            return found - spheroidicity**2 - constant

        below = above = Decimal(0)
        for n in range(inversions):
            below = alpha_gamma(n) / (beta(n) - below)
        for n in range(200, inversions - 1, -1):
            above = alpha_gamma(n) / (beta(n + 1) - above)
        return beta(inversions) - below - above


@pytest.mark.parametrize("l,m", MODES)
@pytest.mark.parametrize("g", [-8.0, -0.7, 3.0])
def test_differential_equation(l, m, g):
    """Teukolsky's equation in the spelling of his paper, with derivatives of a Chebyshev interpolant in theta."""
    curve = Chebyshev.interpolate(
        lambda theta: np.real(spheroidal_harmonic(l, m, g=g, theta=theta, phi=0.0)), 60, domain=[0.2, np.pi - 0.2]
    )
    theta = np.linspace(0.3, np.pi - 0.3, 101)
    sine, cosine = np.sin(theta), np.cos(theta)
    potential = (
        g**2 * cosine**2
        - m**2 / sine**2
        - 2 * g * S * cosine
        - 2 * m * S * cosine / sine**2
        - S**2 * (cosine / sine) ** 2
        + spheroidal_eigenvalue(l, m, g=g)
        - S**2
    )
    terms = curve.deriv(2)(theta), cosine / sine * curve.deriv()(theta), potential * curve(theta)
    np.testing.assert_allclose(sum(terms), 0.0, atol=1e-8 * np.max(np.abs(terms)))


@pytest.mark.parametrize("l,m", MODES)
@pytest.mark.parametrize("g", [-8.0, -2.5, 0.4, 4.0])
def test_eigenvalue_by_leavers_continued_fraction(l, m, g):
    """A root lies within 1e-10 of the eigenvalue."""
    found = float(spheroidal_eigenvalue(l, m, g=g))
    lower, upper = (
        continued_fraction(found + shift, m=m, g=g, inversions=l - max(2, abs(m))) for shift in (-1e-10, 1e-10)
    )
    assert lower * upper < 0
    assert abs(lower) + abs(upper) < 1e-3, "a pole changes sign as well"


@pytest.mark.parametrize("l,m", MODES)
def test_eigenvalue_at_small_spheroidicity(l, m):
    """Series to the second order, Berti, Cardoso and Casals, gr-qc/0511111, section II."""

    def h(l: int) -> float:
        high, low = max(abs(m), 2), min(abs(m), 2)
        return (l**2 - 4) * (l**2 - high**2) * (l**2 - low**2) / (2 * (l - 0.5) * l**3 * (l + 0.5))

    g = np.array([-1e-3, 1e-3])
    series = l * (l + 1) - g * 2 * m * S**2 / (l * (l + 1)) + g**2 * (h(l + 1) - h(l) - 1)
    np.testing.assert_allclose(spheroidal_eigenvalue(l, m, g=g), series, rtol=0, atol=3e-9)


@pytest.mark.parametrize("m", [-3, 0, 1, 2, 6])
def test_coefficients_at_small_spheroidicity(m):
    """Neighbours of the first order, Mino et al., gr-qc/9712057."""
    g = 1e-5
    l = max(2, abs(m)) + np.arange(6)
    upper = 2 * np.sqrt((l + 3) * (l - 1) * (l + m + 1) * (l - m + 1) / ((2 * l + 1) * (2 * l + 3))) / (l + 1) ** 2
    expected = np.eye(6) + g * (np.diag(upper[:-1], 1) - np.diag(upper[:-1], -1))
    np.testing.assert_allclose(mixing_coefficients(m, g, degrees=6), expected, rtol=0, atol=1e-9)


def test_separation_constant():
    """Zero spin, and lambda of Teukolsky's radial equation at the first order in a w."""
    l, m, g = 3, 2, 1e-4
    assert separation_constant(l, m, g=0.0) == pytest.approx((l - 1) * (l + 2), abs=1e-12)
    slope = (separation_constant(l, m, g=g) - separation_constant(l, m, g=-g)) / (2 * g)
    assert slope == pytest.approx(-2 * m * (1 + 4 / (l * (l + 1))), abs=1e-7)


@pytest.mark.parametrize("m", [-2, 0, 1, 4, 10])
def test_spherical_limit(m):
    np.testing.assert_allclose(mixing_coefficients(m, 0.0, degrees=5), np.eye(5), rtol=0, atol=1e-14)
    l = max(2, abs(m)) + 3
    theta, phi = np.linspace(0.0, np.pi, 7), np.linspace(-2.0, 3.0, 7)
    found = spheroidal_harmonic(l, m, g=0.0, theta=theta, phi=phi)
    np.testing.assert_allclose(found, spin_weighted_harmonic(l, m, theta=theta, phi=phi), rtol=0, atol=1e-12)


@given(m=st.integers(-10, 10), g=st.floats(-8.0, 8.0), rows=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_orthonormal_on_the_sphere(m, g, rows):
    nodes, weights = np.polynomial.legendre.leggauss(64)
    lowest = max(2, abs(m))
    first, second = (spheroidal_harmonic(lowest + r, m, g=g, theta=np.arccos(nodes), phi=0.4) for r in rows)
    overlap = 2 * np.pi * np.sum(weights * first * second.conj())
    assert overlap == pytest.approx(float(rows[0] == rows[1]), abs=1e-11)


@given(m=st.integers(-10, 10), g=st.floats(-8.0, 8.0), row=st.integers(0, 6), theta=st.floats(0.0, np.pi))
def test_reflection_at_the_equator(m, g, row, theta):
    l = max(2, abs(m)) + row
    there = spheroidal_harmonic(l, m, g=g, theta=np.pi - theta, phi=0.0)
    here = spheroidal_harmonic(l, -m, g=-g, theta=theta, phi=0.0)
    assert there == pytest.approx((-1) ** l * here, abs=1e-10)


@pytest.mark.parametrize("m", [0, 1, 2, 7])
def test_reflection_of_the_coefficients(m):
    g = np.array([-7.0, 0.3, 5.0])
    parity = (-1.0) ** np.add.outer(np.arange(8), np.arange(8))
    mirrored = parity * mixing_coefficients(m, -g, degrees=8)
    np.testing.assert_allclose(mixing_coefficients(-m, g, degrees=8), mirrored, rtol=0, atol=1e-11)


@pytest.mark.parametrize("m", range(-10, 11))
def test_signs_are_continuous(m):
    """Neighbouring g have nearly the same rows, all the way from the identity, also where b^l_l turns negative."""
    rows = mixing_coefficients(m, np.linspace(-8.0, 8.0, 401), degrees=12)
    step = np.max(np.abs(np.diff(rows, axis=0)))
    assert step < 0.05
    np.testing.assert_allclose(rows[200], np.eye(12), rtol=0, atol=1e-14)


def test_a_diagonal_coefficient_turns_negative():
    """What the rule for the signs is there for: forcing b^l_l > 0 would break the continuity."""
    rows = mixing_coefficients(1, np.linspace(-8.0, 8.0, 401), degrees=9)
    assert np.min(np.diagonal(rows, axis1=1, axis2=2)) < -0.1


def test_kept_coefficients_do_not_depend_on_how_many_are_asked_for():
    g = np.linspace(-8.0, 8.0, 9)
    for m in (-2, 0, 2, 5):
        few, many = mixing_coefficients(m, g, degrees=4), mixing_coefficients(m, g, degrees=30)
        np.testing.assert_allclose(few, many[:, :4, :4], rtol=0, atol=2e-12)


def test_shapes():
    assert mixing_coefficients(2, np.ones((2, 3)), degrees=4).shape == (2, 3, 4, 4)
    assert spheroidal_eigenvalue(3, 1, g=np.ones((2, 3))).shape == (2, 3)
    assert spheroidal_harmonic(3, 1, g=np.ones((2, 1)), theta=np.ones(4), phi=0.0).shape == (2, 4)


def test_table_is_exact_to_its_promise(table, evaluate):
    """Also the last two degrees, although the columns end there."""
    g = np.random.default_rng(0).uniform(-8.0, 8.0, (7, 60))
    g[:, :3] = -8.0, 0.0, 8.0
    m = np.repeat(np.arange(7), 60).reshape(7, 60)
    found = np.asarray(evaluate(table, jnp.asarray(m), jnp.asarray(g)))
    expected = np.stack([full(order, row, 6) for order, row in enumerate(g)])
    assert found.shape == (7, 60, 5, 5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
    # The nodes themselves are not interpolated.
    np.testing.assert_allclose(found[:, :3], expected[:, :3], rtol=0, atol=1e-13)
    assert not found[6, :, :4].any()


def test_table_can_be_differentiated_and_mapped(table):
    m, g = jnp.array([2, 5]), jnp.array([-3.21, 6.4])
    slope = jax.jit(jax.vmap(jax.jacfwd(lambda g, m: table(m, g))))(g, m)
    for j in range(2):
        around = full(int(m[j]), float(g[j]) + np.array([-1e-4, 1e-4]), 6)
        np.testing.assert_allclose(slope[j], (around[1] - around[0]) / 2e-4, rtol=0, atol=1e-6)
    assert np.all(np.isfinite(jax.grad(lambda g: jnp.sum(table(m, g) ** 3))(g)))


def test_table_is_nan_outside(table):
    m = jnp.array([2, 2, 7, -1, 2, 2])
    g = jnp.array([8.001, -9.0, 0.5, 0.5, jnp.nan, 8.0])
    found = np.isnan(np.asarray(table(m, g))).all((1, 2))
    np.testing.assert_array_equal(found, [True, True, True, True, True, False])


def test_table_rounds_its_step_to_the_reach():
    small = MixingTable.build(largest_m=2, largest_l=3, reach=0.5, step=0.3)
    assert small.coefficients.shape == (3, 5, 2, 2)
    assert small.step == pytest.approx(0.25)


@pytest.mark.parametrize("l,m", [(1, 0), (1, 1), (3, 4), (3, -4), (-2, 0)])
def test_no_such_harmonic(l, m):
    with pytest.raises(InputError, match="no spheroidal harmonic"):
        spheroidal_eigenvalue(l, m, g=0.1)
    with pytest.raises(InputError, match="no spheroidal harmonic"):
        spheroidal_harmonic(l, m, g=0.1, theta=0.3, phi=0.0)


def test_bad_input():
    with pytest.raises(InputError, match="degrees"):
        mixing_coefficients(2, 0.1, degrees=0)
    with pytest.raises(InputError, match="finite"):
        mixing_coefficients(2, np.array([0.1, np.nan]), degrees=2)
    with pytest.raises(DomainError, match="beyond"):
        spheroidal_eigenvalue(2, 2, g=LARGEST_SPHEROIDICITY + 0.1)


@pytest.mark.parametrize(
    "change", [{"largest_l": 1}, {"largest_m": 5}, {"largest_m": -1}, {"reach": 0.0}, {"step": 0.0}, {"step": 3.0}]
)
def test_bad_tables(change):
    with pytest.raises(InputError, match="mixing table"):
        MixingTable.build(**{"largest_m": 2, "largest_l": 4, "reach": 1.0, "step": 0.5} | change)


def test_a_table_beyond_the_domain():
    with pytest.raises(DomainError, match="beyond"):
        MixingTable.build(largest_m=2, largest_l=4, reach=LARGEST_SPHEROIDICITY + 1.0, step=0.5)
