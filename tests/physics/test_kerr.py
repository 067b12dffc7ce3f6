"""Equatorial Kerr orbits against an independent code, circular limits and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import DomainError
from swansong.physics import kerr

# a, p, e, E, L, Omega_phi, Omega_r by pybhpt 1.0.0; its retrograde signs are turned along the orbit.
INDEPENDENT = np.array([
    (0.0, 8.0, 0.3, 0.9525397501207398, 3.610349459252192, 0.041112556917900646, 0.020197554583668748),
    (0.5, 6.0, 0.1, 0.9302809397155937, 3.0544861671495593, 0.06530964109518785, 0.03268163631092382),
    (0.9, 4.0, 0.2, 0.8927219763179556, 2.4053697855545777, 0.10910007276303033, 0.053968409944084986),
    (0.9, 2.5, 0.05, 0.846678191049048, 2.110884084455736, 0.20656562999066563, 0.036775865907230774),
    (0.998, 1.7, 0.2, 0.7522298036379028, 1.5849822966823075, 0.31580051035173873, 0.056831028893125024),
    (0.95, 12.0, 0.6, 0.9739540058769462, 3.7711126744240464, 0.013083522997275488, 0.010633827687461064),
    (-0.5, 10.0, 0.3, 0.9622332119352365, 4.035454360700215, 0.02976596395089175, 0.015129327726905773),
    (-0.9, 12.0, 0.5, 0.972953197280187, 4.422615692985062, 0.018701289631697555, 0.010148274362417156),
    (-0.998, 9.3, 0.02, 0.9623123490064601, 4.2348809201732305, 0.036585599223313774, 0.00715487160609884),
    (0.3, 30.0, 0.7, 0.9916100295232737, 5.788437991766353, 0.0023298855445070383, 0.002101219355231685),
])  # fmt: skip
FREQUENCIES = jax.jit(kerr.frequencies)
CONSTANTS = jax.jit(kerr.energy_and_momentum)


def test_constants_and_frequencies_agree_with_an_independent_code():
    a, p, e, energy, momentum, azimuthal, radial = INDEPENDENT.T
    constants, omega = CONSTANTS(a, p, e), FREQUENCIES(a, p, e)
    np.testing.assert_allclose(constants.energy, energy, rtol=1e-12)
    np.testing.assert_allclose(constants.momentum, momentum, rtol=1e-11)
    np.testing.assert_allclose(omega.azimuthal, azimuthal, rtol=1e-10)
    np.testing.assert_allclose(omega.radial, radial, rtol=1e-10)


@pytest.mark.parametrize("a", [-0.998, -0.3, 0.0, 0.7, 0.998])
def test_circular_orbits_have_their_closed_form(a):
    r = kerr.last_stable_orbit(a) + np.array([0.01, 0.5, 4.0, 50.0])
    omega = FREQUENCIES(np.full(4, a), r, np.zeros(4))
    np.testing.assert_allclose(omega.azimuthal, 1 / (r**1.5 + a), rtol=1e-12)
    epicyclic = 1 - 6 / r + 8 * a / r**1.5 - 3 * a**2 / r**2
    np.testing.assert_allclose(omega.radial, np.sqrt(epicyclic) / (r**1.5 + a), rtol=1e-9)


@pytest.mark.parametrize("a", [-0.998, -0.5, 0.0, 0.5, 0.9, 0.998])
def test_last_stable_circular_orbit_is_that_of_bardeen(a):
    z1 = 1 + np.cbrt(1 - a * a) * (np.cbrt(1 + a) + np.cbrt(1 - a))
    z2 = np.sqrt(3 * a * a + z1 * z1)
    bardeen = 3 + z2 - np.sign(a) * np.sqrt((3 - z1) * (3 + z1 + 2 * z2))
    assert float(kerr.last_stable_orbit(a)) == pytest.approx(bardeen, rel=1e-12)


@given(a=st.floats(-0.998, 0.998), e=st.floats(0.0, 0.9))
def test_separatrix_is_where_the_momentum_of_a_stable_orbit_ends(a, e):
    p = kerr.separatrix(a, e)
    constants = kerr.energy_and_momentum(a, p, e)
    # (L - a E)^2 = p^2 / ((3 - e)(1 + e)) holds on the separatrix alone.
    x2 = float(constants.momentum - a * constants.energy) ** 2
    assert x2 == pytest.approx(float(p**2 / ((3 - e) * (1 + e))), rel=1e-10)
    polynomial = (
        a**4 * (e - 3) ** 2 * (e + 1) ** 2
        + p * p * (p - 6 - 2 * e) ** 2
        - 2 * a * a * (1 + e) * p * (14 + 2 * e * e + 3 * p - e * p)
    )
    assert abs(float(polynomial)) < 1e-9


def test_separatrix_of_schwarzschild_and_its_slopes():
    e = jnp.linspace(0.0, 0.9, 7)
    np.testing.assert_allclose(kerr.separatrix(0.0, e), 6 + 2 * e, rtol=1e-14)
    for a in (-0.9, 0.0, 0.9):
        by_a, by_e = jax.grad(lambda a, e: kerr.separatrix(a, e), argnums=(0, 1))(a, 0.2)
        step = 1e-5
        assert float(by_a) == pytest.approx(
            float(kerr.separatrix(a + step, 0.2) - kerr.separatrix(a - step, 0.2)) / (2 * step), rel=1e-7
        )
        assert float(by_e) == pytest.approx(
            float(kerr.separatrix(a, 0.2 + step) - kerr.separatrix(a, 0.2 - step)) / (2 * step), rel=1e-7
        )


def test_jacobian_is_the_slope_of_the_constants():
    a, p, e = 0.7, 7.0, 0.3
    jacobian = kerr.constants_jacobian(a, p, e)
    step = 1e-5
    for column, (dp, de) in enumerate(((step, 0.0), (0.0, step))):
        up, down = kerr.energy_and_momentum(a, p + dp, e + de), kerr.energy_and_momentum(a, p - dp, e - de)
        slope = [(float(x) - float(y)) / (2 * step) for x, y in zip(up, down, strict=True)]
        np.testing.assert_allclose(jacobian[:, column], slope, rtol=1e-8)


def test_radial_averages_of_newtonian_orbits():
    nodes = kerr.radial_nodes(0.3, 1e6, 0.4)
    assert float(nodes.weight.sum()) == pytest.approx(1.0, abs=1e-14)
    # <1/r> = 1 / semi-major axis, and the mean motion is that of Kepler, up to corrections of order 1/p.
    assert float(jnp.sum(nodes.weight * nodes.inverse_radius)) == pytest.approx((1 - 0.16) / 1e6, rel=2e-5)
    assert float(nodes.frequencies.radial) == pytest.approx(((1 - 0.16) / 1e6) ** 1.5, rel=2e-5)


def test_spin_is_smooth_through_zero_and_frequencies_are_differentiable():
    slope = jax.jacfwd(lambda a: kerr.frequencies(a, 8.0, 0.3).radial)
    step = 1e-5
    numerical = (float(FREQUENCIES(step, 8.0, 0.3).radial) - float(FREQUENCIES(-step, 8.0, 0.3).radial)) / (2 * step)
    assert float(slope(0.0)) == pytest.approx(numerical, rel=1e-7)
    assert np.isfinite(float(jax.jacfwd(lambda e: kerr.frequencies(0.5, 8.0, e).azimuthal)(0.0)))


@pytest.mark.parametrize(
    "orbit, words",
    [
        ((1.0, 8.0, 0.1), "`a` must lie between"),
        ((0.5, 8.0, 1.0), r"`e` must lie in \[0, 1\)"),
        ((0.5, np.nan, 0.1), "inside the separatrix"),
        ((0.9, 2.1, 0.1), r"p = 2.1 lies inside the separatrix 2\.[34]\d* at a = 0.9, e = 0.1"),
    ],
)
def test_what_is_no_stable_orbit_is_refused(orbit, words):
    with pytest.raises(DomainError, match=words):
        kerr.check_orbit(*orbit)


def test_stable_orbits_pass():
    kerr.check_orbit(np.array([0.0, -0.9]), np.array([6.5, 9.5]), 0.1)
