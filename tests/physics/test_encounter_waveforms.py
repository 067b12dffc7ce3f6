"""Burst waveforms against known values, the Taylor series of the exact ones, and orbits integrated in time."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import InputError
from swansong.encounters import flyby, kepler
from swansong.encounters.model import timescale
from swansong.encounters.orbit import TAPER_START, eccentric_anomaly, evolve, orbital_period, taper
from swansong.encounters.waveform import Burst, orient, polarizations
from swansong.signals import load_spectrum

RATE = 16384.0
TIMES = np.arange(-8192, 8192) / RATE
CENTRE = 8192
SOURCE: dict[str, Any] = {
    "total_mass": 20.0,
    "mass_ratio": 1.0,
    "eccentricity": 0.9,
    "semi_latus_rectum": 15.0,
    "luminosity_distance": 100.0,
    "theta_jn": 0.0,
    "argument_of_pericentre": 0.0,
}


# Compiled once for the 16384 times that most tests share.
WAVE = {
    (name, reaction): jax.jit(
        lambda times, name=name, reaction=reaction, **source: jnp.stack(Burst(name, reaction)(times, **source))
    )
    for name in ("kepler", "efb")
    for reaction in (True, False)
}
SHAPES = {"kepler": jax.jit(kepler.shapes), "efb": jax.jit(flyby.shapes)}
SERIES = {"kepler": jax.jit(kepler.series), "efb": jax.jit(flyby.series)}
SOLVE = jax.jit(eccentric_anomaly)
ORBIT = ("total_mass", "mass_ratio", "eccentricity", "semi_latus_rectum")


@pytest.fixture(scope="module")
def waves():
    """Both waveforms of the reference source, (plus, cross)."""
    return {name: np.asarray(WAVE[name, True](TIMES, **SOURCE)) for name in ("kepler", "efb")}


def motion(_: float, state: np.ndarray) -> list[float]:
    """Rate of change of relative position and velocity by Newton's and the 2.5PN acceleration; M = 1, eta = 1/4.

    Damour and Deruelle 1981, in harmonic coordinates.
    """
    x, y, u, v = state.tolist()
    r, speed = math.hypot(x, y), u * u + v * v
    radial = (x * u + y * v) / r
    scale = 0.4 / r**3
    along = -1.0 / r**3 + scale * radial * (3.0 * speed + 17.0 / (3.0 * r)) / r
    drag = scale * (speed + 3.0 / r)
    return [u, v, along * x - drag * u, along * y - drag * v]


@pytest.fixture(scope="module")
def integrated():
    """The orbit of `SOURCE` in time: times, and plus and cross face-on for an amplitude eta M / d of 1."""
    p, e, unit = 15.0, 0.9, 20.0 * SOLAR_MASS_SECONDS
    start = [p / (1.0 + e), 0.0, 0.0, (1.0 + e) / p**0.5]
    half = np.arange(1, 8193) / RATE * 0.9

    def solve(times):
        solution = solve_ivp(motion, (0.0, times[-1]), start, method="DOP853", t_eval=times, rtol=1e-11, atol=1e-12)
        x, y, u, v = solution.y
        r3 = np.hypot(x, y) ** 3
        return np.stack([2.0 * (u**2 - v**2 - (x**2 - y**2) / r3), 4.0 * (u * v - x * y / r3)])

    wave = np.concatenate([solve(-half / unit)[:, ::-1], solve(half / unit)], axis=1)
    return np.concatenate([-half[::-1], half]), wave


def mismatch(a: np.ndarray, b: np.ndarray, *, step: float) -> float:
    """One minus the normalised overlap in O3 noise of Livingston above 10 Hz, both polarizations together."""
    n = 4 * a.shape[-1]
    frequency = np.fft.rfftfreq(n, step)
    weight = np.where(frequency >= 10.0, 1.0 / load_spectrum("O3-L1").interpolate(frequency), 0.0)
    a, b = np.fft.rfft(a, n), np.fft.rfft(b, n)
    inner = [np.real(np.conj(x) * y) @ weight for x, y in ((a, b), (a, a), (b, b))]
    return 1.0 - inner[0].sum() / np.sqrt(inner[1].sum() * inner[2].sum())


class TestOrbit:
    @given(
        eccentricity=st.floats(0.0, 0.97),
        anomaly=st.floats(-np.pi, np.pi),
        turns=st.integers(-3, 3),
    )
    @settings(max_examples=40, deadline=None)
    def test_keplers_equation_is_solved_to_rounding(self, eccentricity, anomaly, turns):
        expected = anomaly + 2.0 * np.pi * turns
        found = SOLVE(expected - eccentricity * np.sin(expected), eccentricity)
        # Near pericentre of an eccentric orbit the equation itself loses digits.
        slope = 1.0 - eccentricity * np.cos(anomaly)
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15 * (1.0 + 8.0 * abs(turns)) / slope)

    def test_a_dense_grid_leaves_no_residue(self):
        ell, e = np.meshgrid(np.linspace(-np.pi, np.pi, 2001), np.linspace(0.8, 0.97, 18))
        u = np.asarray(SOLVE(ell, e))
        assert np.abs(u - e * np.sin(u) - ell).max() < 1e-14 / 4

    def test_derivatives_are_those_of_the_equation(self):
        ell, e = 0.3, 0.9
        slope = jax.grad(eccentric_anomaly, argnums=(0, 1))
        (along, across), (curvature, _) = jax.jit(lambda x, e: (slope(x, e), jax.jvp(slope, (x, e), (1.0, 0.0))[1]))(
            ell, e
        )
        u = float(SOLVE(ell, e))
        radius = 1.0 - e * np.cos(u)
        expected = [1.0 / radius, np.sin(u) / radius, -e * np.sin(u) / radius**3]
        np.testing.assert_allclose([along, across, curvature], expected, rtol=1e-12)
        h = 1e-6
        assert float(across) == pytest.approx(float(SOLVE(ell, e + h) - SOLVE(ell, e - h)) / (2.0 * h), rel=1e-8)

    @pytest.mark.parametrize("library", [np, jnp])
    def test_the_taper_falls_from_one_to_zero(self, library):
        half, quarter = 0.5 * (1.0 + TAPER_START), 0.25 * (1.0 + 3.0 * TAPER_START)
        ell = library.asarray([0.0, TAPER_START, -TAPER_START, half, -half, 1.0, -1.0, 7.0]) * np.pi
        found = taper(ell)
        np.testing.assert_allclose(found, [1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0], atol=1e-12)
        np.testing.assert_allclose(taper(library.asarray([quarter * np.pi])), np.cos(np.pi / 8) ** 2, atol=1e-12)
        assert isinstance(found, np.ndarray) == (library is np)

    def test_the_period_of_ten_and_ten(self):
        assert orbital_period(20.0, eccentricity=0.9, semi_latus_rectum=15.0) == pytest.approx(0.43418, abs=5e-6)

    def test_the_orbit_loses_what_peters_says(self):
        """Slopes of the elements at pericentre against the orbit-averaged equations, written out for p and e."""
        orbit, slope = jax.jit(
            lambda t: jax.jvp(lambda t: evolve(t, **{name: SOURCE[name] for name in ORBIT}), (t,), (1.0,))
        )(0.0)
        p, e, eta, mass = 15.0, 0.9, 0.25, 20.0 * SOLAR_MASS_SECONDS
        root = (1.0 - e**2) ** 1.5
        assert float(slope.mean_anomaly) * 0.434176 == pytest.approx(2.0 * np.pi, rel=1e-6)
        assert float(slope.semi_latus_rectum) == pytest.approx(-12.8 * eta * root * (1 + 0.875 * e**2) / p**3 / mass)
        fall = -304 / 15 * eta * e * root * (1 + 121 / 304 * e**2) / p**4 / mass
        assert float(slope.eccentricity) == pytest.approx(fall)
        assert [float(entry) for entry in orbit] == [0.0, 0.9, 15.0, 1.0]

    def test_strong_passages_stay_finite_and_end(self):
        """The exponential of the first two never reaches -pi, and the first was unbound before."""
        times = np.concatenate([-np.geomspace(1e4, 1e-3, 200), [0.0], np.geomspace(1e-3, 1e4, 200)])

        @jax.jit
        @jax.vmap
        def wave_and_slope(p, e):
            def wave(p):
                return jnp.stack(polarizations(times, **SOURCE | {"semi_latus_rectum": p, "eccentricity": e}))

            return jax.jvp(wave, (p,), (1.0,))

        p, e = np.array([8.0, 13.0, 25.0]), np.array([0.97, 0.95, 0.85])
        wave, slope = wave_and_slope(p, e)
        assert np.isfinite(wave).all()
        assert np.isfinite(slope).all()
        period = orbital_period(20.0, eccentricity=e, semi_latus_rectum=p)
        outside = np.abs(times) > 0.5 * period[:, None]
        assert (np.asarray(wave)[np.broadcast_to(outside[:, None], wave.shape)] == 0.0).all()


class TestKnownValues:
    def test_peaks(self, waves):
        assert np.abs(waves["kepler"]).max(axis=1) == pytest.approx([1.75784e-21, 1.25210e-21], rel=4e-6)
        assert np.abs(waves["efb"]).max(axis=1) == pytest.approx([1.75831e-21, 1.25261e-21], rel=4e-6)

    @pytest.mark.parametrize(
        "sample, plus, cross",
        [
            (-164, 2.63386e-22, 5.62241e-23),
            (-82, 3.95716e-22, 3.96256e-22),
            (41, 9.50593e-23, -1.02506e-21),
            (164, 2.67484e-22, -5.81703e-23),
        ],
    )
    def test_samples_with_reaction(self, waves, sample, plus, cross):
        np.testing.assert_allclose(waves["kepler"][:, CENTRE + sample], [plus, cross], rtol=1e-5)

    def test_at_pericentre(self, waves):
        amplitude = 0.25 / 15.0 * 20.0 * SOLAR_MASS_SECONDS / (100.0 * 1.02927125e14)
        assert waves["kepler"][0, CENTRE] == pytest.approx(-2.0 * 1.9 * 2.9 * amplitude, rel=1e-7)

    def test_the_spectrum_peaks_at_116_hz(self, waves):
        n = 16 * len(TIMES)
        frequency = np.fft.rfftfreq(n, 1.0 / RATE)
        power = frequency**2 * (np.abs(np.fft.rfft(waves["kepler"], n)) ** 2).sum(axis=0)
        assert frequency[np.argmax(power)] == pytest.approx(116.3, rel=0.01)

    def test_mass_is_a_scale(self, waves):
        heavy = WAVE["kepler", True](10.0 * TIMES, **SOURCE | {"total_mass": 200.0})
        np.testing.assert_allclose(heavy, 10.0 * waves["kepler"], rtol=1e-9, atol=1e-32)

    def test_distance_divides(self, waves):
        far = np.asarray(WAVE["kepler", True](TIMES, **SOURCE | {"luminosity_distance": 300.0}))
        np.testing.assert_allclose(3.0 * far, waves["kepler"], rtol=1e-12, atol=1e-34)


class TestSeries:
    @pytest.mark.parametrize("name", ["kepler", "efb"])
    def test_the_wave_without_reaction_is_linear_in_the_series(self, name):
        tau = timescale(20.0, 15.0)
        series = SERIES[name](TIMES, timescale=tau, eccentricity=0.9)
        turned = {"theta_jn": 1.1, "argument_of_pericentre": 0.4}
        wave = WAVE[name, False](TIMES, **SOURCE | turned)
        amplitude = 0.25 / 15.0 * 20.0 * SOLAR_MASS_SECONDS / (100.0 * 1.02927125e14)
        for found, unit in zip(wave, orient(series, **turned), strict=True):
            np.testing.assert_allclose(found, amplitude * unit, rtol=1e-7, atol=1e-30)

    def test_series_broadcast(self):
        tau = np.array([0.004, 0.006])[:, None, None]
        e = np.array([0.86, 0.9, 0.94])[:, None]
        many = SERIES["kepler"](TIMES[::64], timescale=tau, eccentricity=e)
        one = SERIES["kepler"](TIMES, timescale=0.006, eccentricity=0.86)
        assert many.axial.shape == (2, 3, 256)
        np.testing.assert_allclose(many.sine[1, 0], one.sine[::64], rtol=1e-12, atol=1e-14)

    def test_kepler_is_the_second_derivative_of_the_quadrupole(self):
        """Seen from the polar angles (iota, b), with plus stretched along growing iota."""
        e = 0.9

        def quadrupole(ell):
            u = eccentric_anomaly(ell, e)
            x = jnp.stack([jnp.cos(u) - e, jnp.sqrt(1.0 - e**2) * jnp.sin(u)])
            return jnp.outer(x, x)

        ell = np.linspace(-3.0, 3.0, 9)
        # In units of M/p = (1 - e^2) times M/a.
        second = np.asarray(jax.jit(jax.vmap(jax.jacfwd(jax.jacfwd(quadrupole))))(ell)) * (1.0 - e**2)
        series = SHAPES["kepler"](ell, e)
        for iota, b in [(1.1, 0.4), (2.5, 2.0), (0.0, 1.0)]:
            theta = np.array([np.cos(iota) * np.cos(b), np.cos(iota) * np.sin(b)])
            phi = np.array([-np.sin(b), np.cos(b)])
            wave = orient(series, theta_jn=iota, argument_of_pericentre=b)
            plus = np.einsum("i,nij,j->n", theta, second, theta) - np.einsum("i,nij,j->n", phi, second, phi)
            np.testing.assert_allclose(wave.plus, plus, rtol=1e-10, atol=1e-12)
            cross = 2.0 * np.einsum("i,nij,j->n", theta, second, phi)
            np.testing.assert_allclose(wave.cross, cross, rtol=1e-10, atol=1e-12)

    def test_a_circular_orbit_radiates_at_twice_its_frequency(self):
        ell = np.linspace(-3.0, 3.0, 9)
        series = SHAPES["kepler"](ell, 0.0)
        np.testing.assert_allclose(series.cosine, 2.0 * np.cos(2.0 * ell), atol=1e-14)
        np.testing.assert_allclose(series.sine, 2.0 * np.sin(2.0 * ell), atol=1e-14)
        np.testing.assert_allclose(series.axial, 0.0, atol=1e-14)

    def test_flyby_coefficients_are_the_taylor_series_of_kepler(self):
        """All nine functions, from a Chebyshev fit in 1 - e^2 at fixed fly-by phase."""
        phase = np.array([-3.0, -1.0, -0.2, 0.0, 0.05, 0.6, 1.7, 5.0])
        deficit = 0.05 + 0.045 * np.cos(np.pi * (np.arange(12) + 0.5) / 12)
        e = np.sqrt(1.0 - deficit)[:, None]
        exact = SHAPES["kepler"](phase * np.asarray(flyby.parabolic_scale(e)), e)
        expected = np.asarray(jax.jit(flyby.coefficients)(phase))
        for index, series in enumerate(np.asarray(exact)):
            fits = [np.polynomial.Chebyshev.fit(deficit, column, 11) for column in series.T]
            taylor = np.array([[fit(0.0), fit.deriv(1)(0.0), fit.deriv(2)(0.0) / 2.0] for fit in fits]).T
            error = np.abs(taylor - expected[:, index]).max(axis=1)
            assert (error < [2e-7, 2e-5, 1e-3]).all(), error

    def test_truncation_of_the_flyby(self):
        for e, errors in ((0.85, (0.0043, 0.025)), (0.90, (0.0015, 0.0113)), (0.95, (0.00033, 0.0032))):
            for limit, error in zip((0.3, np.pi), errors, strict=True):
                ell = np.linspace(-limit, limit, 4001)
                a, b = (np.stack(SHAPES[name](ell, e)[:2]) for name in ("kepler", "efb"))
                assert np.abs(a - b).max() / np.abs(a).max() == pytest.approx(error, rel=0.05)


class TestIntegratedOrbit:
    @pytest.mark.parametrize("scale", [1.0, 3.0, 9.0])
    def test_waves_match_an_orbit_integrated_in_time(self, integrated, scale):
        times, wave = integrated
        window = np.asarray(evolve(times, **{name: SOURCE[name] for name in ORBIT}).window)
        for name in ("kepler", "efb"):
            model = np.asarray(WAVE[name, True](times, **SOURCE))
            assert mismatch(window * wave, model, step=scale * (times[-1] - times[-2])) < 2e-4

    def test_reaction_brings_the_late_wave_closer(self, integrated):
        times, wave = integrated
        late = (times > 0.08) & (times < 0.12)
        amplitude = 0.25 * 20.0 * SOLAR_MASS_SECONDS / (100.0 * 1.02927125e14)
        error = [
            np.linalg.norm((amplitude * wave - np.asarray(WAVE["kepler", reaction](times, **SOURCE)))[:, late])
            for reaction in (True, False)
        ]
        # The true orbit loses half of its kick at once, the model over half a turn; hence no larger gain.
        assert error[0] < 0.8 * error[1], error


class TestDerivatives:
    @pytest.mark.parametrize("name", ["kepler", pytest.param("efb", marks=pytest.mark.slow)])
    def test_gradients_against_finite_differences(self, name):
        times = np.linspace(-0.06, 0.06, 25)
        source = SOURCE | {"theta_jn": 0.7, "argument_of_pericentre": 0.4, "mass_ratio": 0.6}
        at = np.array(list(source.values()))

        @jax.jit
        def wave_and_slope(vector, direction):
            def wave(x):
                return jnp.stack(Burst(name)(times, **dict(zip(source, x, strict=True)))) * 1e21

            return jax.jvp(wave, (vector,), (direction,))

        for direction in np.eye(7):
            h = 1e-6 * float(direction @ at)
            slope = wave_and_slope(at, direction)[1]
            ends = [wave_and_slope(at + sign * h * direction, direction)[0] for sign in (1.0, -1.0)]
            number = (ends[0] - ends[1]) / (2.0 * h)
            assert np.abs(slope - number).max() < 1e-6 * np.abs(number).max()

    @pytest.mark.slow
    def test_reverse_derivatives_are_the_forward_ones(self):
        def energy(p):
            return jnp.sum(polarizations(TIMES[::512], **SOURCE | {"semi_latus_rectum": p}).plus ** 2) * 1e42

        back, forward = jax.jit(lambda p: (jax.grad(energy)(p), jax.jacfwd(energy)(p)))(15.0)
        assert float(back) == pytest.approx(float(forward), rel=1e-10)

    def test_an_unknown_waveform_is_refused(self):
        with pytest.raises(InputError, match="kepler, efb, got 'eob'"):
            polarizations(TIMES, **SOURCE, waveform="eob")
