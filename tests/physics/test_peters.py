"""Peters' rates, track and coalescence time: published values, limits, other libraries."""

import math

import jax
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from swansong.physics.peters import (
    GRAVITY,
    LIGHT,
    axis_at_frequency,
    coalescence_time,
    enhancement,
    orbital_frequency,
    peters_rates,
    shortening,
    strength,
    track_axis,
)

HEAVY = {"mass_1": 1e8, "mass_2": 1e8, "speed_of_light": LIGHT, "gravity": GRAVITY}
"""Two black holes of 1e8 solar masses; lengths in parsecs, times in megayears."""


def test_values_of_the_physics_sheet():
    found = coalescence_time(0.01, np.array([0.0, 0.5, 0.9]), **HEAVY)
    np.testing.assert_allclose(found, [2.90648, 1.03994, 9.9025e-3], rtol=1e-5)


@pytest.mark.slow
def test_legwork_agrees():
    evolution = pytest.importorskip("legwork.evol")
    units = pytest.importorskip("astropy.units")
    e = np.array([0.0, 0.1, 0.3, 0.6, 0.9, 0.99, 0.999])
    mass = np.full(e.size, 1e8) * units.Msun
    theirs = evolution.get_t_merge_ecc(
        ecc_i=e, a_i=np.full(e.size, 0.01) * units.pc, m_1=mass, m_2=mass, exact=True, small_e_tol=0.0, large_e_tol=1.0
    )
    circle = evolution.get_t_merge_circ(a_i=0.01 * units.pc, m_1=mass[:1], m_2=mass[:1]).to_value("Myr")
    np.testing.assert_allclose(theirs.to_value("Myr")[1:], coalescence_time(0.01, e, **HEAVY)[1:], rtol=2e-8)
    np.testing.assert_allclose(circle, coalescence_time(0.01, 0.0, **HEAVY), rtol=2e-8)


@pytest.mark.parametrize("e", [1e-3, 0.2, 0.6, 0.95])
def test_time_is_peters_integral(e):
    def integrand(x):
        inner = 1.0 + 121.0 / 304.0 * x * x
        return x ** (29.0 / 19.0) * inner ** (1181.0 / 2299.0) / (1.0 - x * x) ** 1.5

    expected = 48.0 / 19.0 / track_axis(e) ** 4 * quad(integrand, 0.0, e, epsabs=0.0, epsrel=1e-12)[0]
    assert shortening(e) == pytest.approx(expected, rel=1e-11)


def test_limits_of_the_time():
    assert shortening(0.0) == 1.0
    assert shortening(1e-9) == pytest.approx(1.0, rel=1e-14)
    e = 1.0 - 1e-9
    assert shortening(e) == pytest.approx(768.0 / 425.0 * ((1.0 - e) * (1.0 + e)) ** 3.5, rel=1e-4)
    values = shortening(np.linspace(0.0, 0.9999, 500))
    assert np.all(np.diff(values) < 0.0)


def test_rates_integrate_to_time_and_track():
    def slopes(_, y):
        return peters_rates(y[0], y[1], mass_1=1.0, mass_2=0.3, speed_of_light=10.0)

    given = {"mass_1": 1.0, "mass_2": 0.3, "speed_of_light": 10.0}
    time = coalescence_time(1.0, 0.8, **given)
    found = solve_ivp(slopes, (0.0, 0.9 * time), [1.0, 0.8], method="DOP853", rtol=1e-11, atol=1e-13).y[:, -1]
    assert coalescence_time(*found, **given) == pytest.approx(0.1 * time, rel=1e-7)
    assert track_axis(found[1]) / track_axis(0.8) == pytest.approx(found[0], rel=1e-9)


def test_enhancement_and_rates_of_known_orbits():
    assert enhancement(0.0) == 1.0
    # The Hulse-Taylor pulsar: e = 0.617 enhances 11.84 times.
    assert enhancement(0.6171334) == pytest.approx(11.8565, rel=1e-3)
    shrink, rounder = peters_rates(2.0, 0.0, mass_1=1.0, mass_2=1.0, speed_of_light=1.0)
    assert shrink == pytest.approx(-64.0 / 5.0 * 2.0 / 8.0)
    assert rounder == 0.0
    assert strength(mass_1=1.0, mass_2=1.0, speed_of_light=1.0) == pytest.approx(25.6)


def test_the_hulse_taylor_pulsar():
    # Its orbit decays by -2.40263e-12 s/s (Weisberg & Huang 2016, ApJ 829, 55) and it merges in some 300 Myr.
    period = 0.322997448918 / 365.25e6
    masses = {"mass_1": 1.438, "mass_2": 1.390}
    axis = axis_at_frequency(1.0 / period, total_mass=2.828, gravity=GRAVITY)
    assert orbital_frequency(axis, total_mass=2.828, gravity=GRAVITY) == pytest.approx(1.0 / period)
    shrink, _ = peters_rates(axis, 0.6171340, **masses, speed_of_light=LIGHT, gravity=GRAVITY)
    assert 1.5 * shrink / axis * period == pytest.approx(-2.40263e-12, rel=1e-4)
    time = coalescence_time(axis, 0.6171340, **masses, speed_of_light=LIGHT, gravity=GRAVITY)
    assert time == pytest.approx(301.0, rel=5e-3)


def test_jax_differentiates_the_time():
    gradient = jax.jit(jax.vmap(jax.grad(lambda e: coalescence_time(0.01, e, **HEAVY))))
    at_half, at_zero = gradient(np.array([0.5, 0.0]))
    step = 1e-5
    expected = (coalescence_time(0.01, 0.5 + step, **HEAVY) - coalescence_time(0.01, 0.5 - step, **HEAVY)) / (2 * step)
    assert float(at_half) == pytest.approx(expected, rel=1e-8)
    assert math.isfinite(float(at_zero))
