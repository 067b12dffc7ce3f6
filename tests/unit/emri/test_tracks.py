"""The table of tracks: kernels, scaling, derivatives, phases, JAX, packing, and what is refused."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.errors import DomainError, FileError, InputError
from swansong.emri import tracks
from swansong.emri.tracks import kernels
from swansong.emri.tracks.table import pack, spline_coefficients, unpack
from swansong.emri.tracks.units import YEAR, plunge_seconds, scales

SOURCE = {"mass_1": 1e6, "mass_2": 30.0, "spin": 0.7, "plunge_time": 0.9, "final_eccentricity": 0.04}


@pytest.fixture(scope="module")
def table():
    return tracks.load()


@pytest.fixture(scope="module")
def times():
    return np.arange(631) * 5e4 + 2.5e4


def test_frequencies_rise_and_end_with_the_plunge(table, times):
    f_phi, f_r = table.frequencies(times, **SOURCE)
    alive = times < 0.9 * YEAR
    assert np.isfinite(f_phi[alive]).all()
    assert np.isnan(f_phi[~alive]).all()
    assert np.isnan(f_r[~alive]).all()
    assert (np.diff(f_phi[alive]) > 0).all()
    assert (f_r[alive] < f_phi[alive]).all()


def test_harmonics_are_sums_and_their_derivatives_are_slopes(table):
    t = np.array([1e6, 1e7, 2e7, 2.7e7])
    f_phi, f_r = table.frequencies(t, **SOURCE)
    both = table.harmonic(t, m=3, n=-2, **SOURCE)
    np.testing.assert_allclose(both.frequency, 3 * f_phi - 2 * f_r, rtol=1e-13)
    step = 2e4
    up, down = (table.harmonic(t + shift, m=3, n=-2, **SOURCE) for shift in (step, -step))
    np.testing.assert_allclose(both.derivative, (up.frequency - down.frequency) / (2 * step), rtol=1e-4)
    np.testing.assert_allclose(both.second_derivative, (up.derivative - down.derivative) / (2 * step), rtol=1e-3)


def test_plunge_in_years_and_in_seconds_and_many_sources_at_once(table, times):
    once = table.frequencies(times, **SOURCE)
    seconds = table.frequencies(times, **(SOURCE | {"plunge_time": 0.9 * YEAR}))
    np.testing.assert_array_equal(once.azimuthal, seconds.azimuthal)
    many = table.harmonic(times, m=2, n=1, **(SOURCE | {"spin": np.array([0.2, 0.7, -0.4])}))
    assert many.frequency.shape == (3, times.size)
    single = table.harmonic(times, m=2, n=1, **SOURCE)
    for found, expected in zip(many, single, strict=True):
        np.testing.assert_array_equal(found[1], expected)
    orbit = table.orbit(times[:5], **(SOURCE | {"spin": np.array([0.2, 0.7])}))
    assert orbit.p.shape == (2, 5)
    assert (orbit.e > 0.04).all()


@settings(max_examples=25)
@given(mass=st.floats(5e5, 5e6), ratio=st.floats(2e-6, 5e-5), spin=st.floats(0.0, 0.99), final=st.floats(0.0, 0.05))
def test_all_masses_share_one_scaled_track(table, mass, ratio, spin, final):
    def scaled(mass_1, mass_2):
        scale = scales(mass_1, mass_2)
        left = np.array([20.0, 1.0, 1e-3]) / float(scale.rate)
        plunge = left[0] + 1e3
        found = table.frequencies(
            plunge - left, mass_1=mass_1, mass_2=mass_2, spin=spin, plunge_time=plunge, final_eccentricity=final
        )
        return found.azimuthal * float(scale.mass_s)

    np.testing.assert_allclose(scaled(mass, mass * ratio), scaled(1e6, 10.0), rtol=1e-6)


def test_phases_are_integrals_of_the_frequencies(table):
    t = np.linspace(-1e6, 0.9 * YEAR - 1.0, 20001)
    phases, frequencies = table.phases(t, **SOURCE), table.frequencies(t, **SOURCE)
    for phase, f in zip(phases, frequencies, strict=True):
        by_simpson = 2 * np.pi * (t[2] - t[0]) / 6 * (f[:-2:2] + 4 * f[1:-1:2] + f[2::2])
        difference = phase[2::2] - phase[:-2:2]
        np.testing.assert_allclose(difference[:-20], by_simpson[:-20], rtol=1e-8)
        assert (difference > 0).all()
    at_zero = table.phases(np.array([0.0, 0.95 * YEAR]), **SOURCE)
    assert (at_zero.azimuthal[0], at_zero.radial[0]) == (0.0, 0.0)
    assert np.isnan(at_zero.azimuthal[1])


def test_kernels_agree_with_each_other_and_are_quick(table, times):
    arrays, scale = table.arrays, scales(1e6, 30.0)
    mass_s, rate, plunge = float(scale.mass_s), float(scale.rate), float(plunge_seconds(0.9))
    work, (f, fdot, fddot) = np.empty((2, arrays.coefficients.shape[3])), np.empty((3, times.size))
    arguments = (arrays, 0.7, 0.04, mass_s, rate, plunge, times, 2, 1, work, f, fdot, fddot)
    assert kernels.fill(*arguments)
    curve = np.empty((2, arrays.coefficients.shape[3]))
    edge = kernels.curve(arrays, 0.7, 0.04, curve)
    for k in (0, 200, 560, 600):
        found = kernels.evaluate(curve, arrays.grid, 2, 1, mass_s, rate, plunge - times[k])
        np.testing.assert_allclose(found, (f[k], fdot[k], fddot[k]), rtol=1e-9)
    assert f[600] == 0.0
    fastest = np.inf
    for _ in range(200):
        begin = time.perf_counter()
        kernels.fill(*arguments)
        fastest = min(fastest, time.perf_counter() - begin)
    assert fastest < 60e-6  # 12 us on an idle core
    # A source that is outside the table says so.
    long = plunge + 1.1 * np.exp(edge) / rate
    assert not kernels.fill(arrays, 0.7, 0.04, mass_s, rate, long, times[:3], 2, 0, work, f[:3], fdot[:3], fddot[:3])
    assert np.isnan(f[0])
    assert np.isnan(kernels.evaluate(curve, arrays.grid, 2, 0, mass_s, rate, 1e4 / rate)[0])
    assert np.isnan(kernels.curve(arrays, 0.9999, 0.04, curve))


def test_jax_gives_the_same_and_its_gradient(table, times):
    model, scale = tracks.track_model(table), scales(1e6, 30.0)
    t = times[:500:50]

    @jax.jit
    def azimuthal(spin, final, plunge):
        return model.frequencies(
            t, mass_s=float(scale.mass_s), nu=float(scale.nu), spin=spin, plunge_time=plunge, final_eccentricity=final
        )[0]

    at = (0.7, 0.04, 0.9 * YEAR)
    np.testing.assert_allclose(azimuthal(*at), table.frequencies(t, **SOURCE).azimuthal, rtol=1e-12)
    slopes = jax.jit(jax.jacfwd(azimuthal, argnums=(0, 1, 2)))(*at)
    for k, step in enumerate((1e-4, 1e-4, 1e3)):
        shifts = [tuple(value + sign * step * (i == k) for i, value in enumerate(at)) for sign in (1, -1)]
        numerical = (azimuthal(*shifts[0]) - azimuthal(*shifts[1])) / (2 * step)
        np.testing.assert_allclose(slopes[k], numerical, rtol=2e-3, atol=1e-6 * np.abs(numerical).max())


def test_splines_pass_through_their_nodes_and_keep_cubics():
    x = np.linspace(0.0, 1.0, 9)
    coefficients = spline_coefficients(x**3 - 2 * x, axis=0)
    between = 0.5 * (x[1:] + x[:-1])
    weights = np.array([1, 23, 23, 1]) / 48
    found = sum(w * coefficients[k : k + 8] for k, w in enumerate(weights))
    np.testing.assert_allclose(found, between**3 - 2 * between, atol=1e-13)


def test_packing_keeps_its_promise():
    a, e, x = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 7), np.linspace(0, 5, 40), indexing="ij")
    values = np.exp(-0.3 * x * (1 + a)) * (1 + 0.2 * e * x)
    packed = pack(values, tolerance=1e-7)
    assert packed["right"].shape[0] < 12
    assert np.abs((unpack(packed) - values) / packed["scale"]).max() <= 1e-7


@pytest.mark.parametrize(
    "change, words",
    [
        ({"spin": 0.9999}, "`spin` = 0.9999 lies outside"),
        ({"final_eccentricity": 0.5}, "`final_eccentricity` = 0.5 lies outside"),
        ({"final_eccentricity": np.nan}, "`final_eccentricity` = nan"),
        ({"mass_1": -1.0}, "`mass_1` must be positive"),
        ({"mass_2": 0.0}, "`mass_2` must be positive"),
        ({"mass_2": 1e7}, "must not exceed"),
        ({"plunge_time": np.inf}, "`plunge_time` must be finite"),
        ({"plunge_time": 90.0, "mass_2": 100.0, "mass_1": 5e5}, r"from 90 yr before plunge was asked.*reaches"),
    ],
)
def test_what_the_table_does_not_hold_is_refused(table, change, words):
    with pytest.raises(DomainError, match=words):
        table.frequencies(np.zeros(1), **(SOURCE | change))


def test_shapes_that_do_not_fit_are_refused(table):
    with pytest.raises(InputError, match="one-dimensional array of finite times"):
        table.frequencies(np.zeros((2, 2)), **SOURCE)
    with pytest.raises(InputError, match="arrays of one length"):
        table.frequencies(np.zeros(1), **(SOURCE | {"spin": np.zeros(2), "mass_2": np.full(3, 9.0)}))
    with pytest.raises(InputError, match="one-dimensional arrays"):
        table.frequencies(np.zeros(1), **(SOURCE | {"spin": np.zeros((2, 2))}))
    with pytest.raises(DomainError, match="after t = 0"):
        table.phases(np.array([-2e7]), **(SOURCE | {"plunge_time": -1e7}))


def test_reach_ends_where_frequencies_refuse(table):
    source = {name: SOURCE[name] for name in ("mass_1", "mass_2", "spin", "final_eccentricity")}
    reach = float(table.reach(**source))
    assert reach > 2 * YEAR
    assert np.isfinite(table.frequencies(np.zeros(1), plunge_time=reach * 0.9999, **source).azimuthal[0])
    with pytest.raises(DomainError, match="the table reaches"):
        table.frequencies(np.zeros(1), plunge_time=reach * 1.001, **source)


def test_trajectories_are_whole_or_refused():
    trajectory = tracks.integrate(spin=0.5, final_eccentricity=0.05, tau_max=10.0, nodes=37)
    assert trajectory.tau[-1] == pytest.approx(10.0)
    assert (np.diff(trajectory.p) > 0).all()
    assert (np.diff(trajectory.phase_phi) > 0).all()
    for arguments, words in (
        ({"spin": 0.9, "final_eccentricity": 0.1, "tau_max": 3e4}, "leaves the flux table at tau"),
        ({"spin": 1.0, "final_eccentricity": 0.1, "tau_max": 1.0}, "`spin` must lie"),
        ({"spin": 0.5, "final_eccentricity": 0.5, "tau_max": 1.0}, "`final_eccentricity` must lie"),
        ({"spin": 0.5, "final_eccentricity": 0.1, "tau_max": -1.0}, "`tau_max` must be"),
    ):
        with pytest.raises(DomainError, match=words):
            tracks.integrate(nodes=37, **arguments)


@pytest.mark.parametrize(
    "orbit, words",
    [
        ((0.9, 2.1, 0.1), "inside the separatrix"),
        ((0.9, 40.0, 0.1), "reaches from 0.002 to 21"),
        ((0.9, 6.0, 0.79), "exceeds the flux table's"),
        ((0.9999, 6.0, 0.1), "outside the flux table"),
    ],
)
def test_orbits_outside_the_flux_table_are_refused(orbit, words):
    with pytest.raises(DomainError, match=words):
        tracks.load_fluxes().rates(*orbit)


def test_fluxes_broadcast():
    rates = tracks.load_fluxes().rates(np.array([[0.1], [0.5]]), np.array([8.0, 9.0, 10.0]), 0.1)
    assert rates.p.shape == (2, 3)
    assert (np.asarray(rates.p) < 0).all()


def test_missing_and_foreign_tables_are_refused(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        tracks.load(tmp_path / "none.h5")
    assert jnp.isfinite(tracks.load().arrays.edge).all()
