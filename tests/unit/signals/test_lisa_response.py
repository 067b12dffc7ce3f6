"""The slow response of LISA against direct delays, the long-wavelength limit and another code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals.lisa_response import Channels, LisaOrbits, harmonic_response

ORBITS = LisaOrbits()


def basis(longitude, latitude):
    """Vectors u, v, k of the source."""
    sl, cl, sb, cb = np.sin(longitude), np.cos(longitude), np.sin(latitude), np.cos(latitude)
    return np.array([sl, -cl, 0]), np.array([-sb * cl, -sb * sl, cb]), -np.array([cb * cl, cb * sl, sb])


def direct(times, wave, *, longitude, latitude, orbits=ORBITS):
    """A, E and T from sixteen links a channel, every delay followed to its end; ``wave`` gives h+ and hx."""
    u, v, k = basis(longitude, latitude)

    def light(t, r, e):
        delay = np.full(t.shape, orbits.arm_time)
        for _ in range(3):
            path = orbits.positions(t)[:, r] - orbits.positions(t - delay)[:, e]
            delay = np.linalg.norm(path, axis=-1)
        return delay, path / delay[:, None]

    def link(t, r, e):
        delay, n = light(t, r, e)
        at_r = wave(t - orbits.positions(t)[:, r] @ k)
        at_e = wave(t - delay - orbits.positions(t - delay)[:, e] @ k)
        plus, cross = at_r[0] - at_e[0], at_r[1] - at_e[1]
        return (((n @ u) ** 2 - (n @ v) ** 2) * plus + 2 * (n @ u) * (n @ v) * cross) / (2 * (1 - n @ k))

    def before(t, *path):
        """Follow light back along links (receiver, emitter)."""
        for r, e in path:
            t = t - light(t, r, e)[0]
        return t

    def michelson(s):
        b, c = (s + 1) % 3, (s + 2) % 3
        first, second = [(s, c), (c, s)], [(s, b), (b, s)]

        def arm(path, e):
            t = before(times, *path)
            return link(t, s, e) + link(before(t, (s, e)), e, s)

        one = arm([], c) + arm(first, b) + arm(first + second, b) + arm(first + second + second, c)
        two = arm([], b) + arm(second, c) + arm(second + first, c) + arm(second + first + first, b)
        return one - two

    x, y, z = (michelson(s) for s in range(3))
    return Channels((z - x) / np.sqrt(2), (x - 2 * y + z) / np.sqrt(6), (x + y + z) / np.sqrt(3))


def respond(times, *, f=3e-3, f1=0.0, f2=0.0, plus=1.0, cross=0.5j, longitude=1.1, latitude=-0.4, orbits=ORBITS):
    """Response to a wave with the given frequency at time 0."""
    frequency = f + f1 * times + 0.5 * f2 * times**2
    return harmonic_response(
        times,
        plus=np.full(times.shape, plus, complex),
        cross=np.full(times.shape, cross, complex),
        frequency=frequency,
        frequency_derivative=f1 + f2 * times,
        frequency_second_derivative=np.full(times.shape, f2),
        longitude=longitude,
        latitude=latitude,
        orbits=orbits,
    )


@pytest.mark.parametrize(
    ("f", "f1", "f2", "longitude", "latitude", "start"),
    [
        (4e-4, 0.0, 0.0, 1.1, -0.4, 0.0),
        (3e-3, 1e-11, 1e-20, 4.0, 1.2, 2e7),
        (1.2e-2, 1.2e-8, 3e-14, 2.5, 0.1, -5e6),
    ],
)
def test_direct_delays_give_the_same(f, f1, f2, longitude, latitude, start):
    orbits = LisaOrbits(start=start)
    times = np.linspace(0.0, 4000.0, 401)
    plus, cross = 1.0 + 0.2j, 0.7j - 0.1

    def phase(t):
        return 2 * np.pi * (f * t + f1 * t**2 / 2 + f2 * t**3 / 6)

    def wave(t):
        turn = np.exp(-1j * phase(t))
        return (plus * turn).real, (cross * turn).real

    exact = direct(times, wave, longitude=longitude, latitude=latitude, orbits=orbits)
    slow = respond(
        times, f=f, f1=f1, f2=f2, plus=plus, cross=cross, longitude=longitude, latitude=latitude, orbits=orbits
    )
    largest = max(np.abs(exact.A).max(), np.abs(exact.E).max())
    for name in ("A", "E", "T"):
        mine = (getattr(slow, name) * np.exp(-1j * phase(times))).real
        np.testing.assert_allclose(mine, getattr(exact, name), atol=2e-7 * largest, rtol=0)


def test_long_waves_see_a_quadrupole():
    # X = (2L)(4L) L d^3/dt^3 of h along arm 13 less h along arm 12, referred to the mean delay of 4L
    f, longitude, latitude, plus, cross = 1e-4, 0.6, 0.9, 1.0, 0.8j
    times = np.linspace(0, 3e7, 40)
    u, v, k = basis(longitude, latitude)
    p = ORBITS.positions(times)
    tensor = plus * (np.outer(u, u) - np.outer(v, v)) + cross * (np.outer(u, v) + np.outer(v, u))

    def along(a, b):
        n = (p[:, a] - p[:, b]) / ORBITS.arm_time
        return np.einsum("ni,ij,nj->n", n, tensor, n)

    omega = 2 * np.pi * f
    delay = p.mean(axis=1) @ k + 4 * ORBITS.arm_time
    scale = 8 * (ORBITS.arm_time * -1j * omega) ** 3 * np.exp(1j * omega * delay)
    x, y, z = along(0, 2) - along(0, 1), along(1, 0) - along(1, 2), along(2, 1) - along(2, 0)
    slow = respond(times, f=f, plus=plus, cross=cross, longitude=longitude, latitude=latitude)
    expected = scale * (z - x) / np.sqrt(2), scale * (x - 2 * y + z) / np.sqrt(6)
    size = np.abs(expected).max()
    assert np.abs(slow.A - expected[0]).max() < 0.01 * size
    assert np.abs(slow.E - expected[1]).max() < 0.01 * size
    assert np.abs(slow.T).max() < 1e-3 * size


def test_fastlisaresponse_gives_the_same():
    # fastlisaresponse 1.1.17, equal-arm orbits, order 25: h+ = cos Phi, hx = sin(Phi)/2
    f, f1 = 6e-3, 2e-9
    times = np.array([50000.0, 50035.0, 200055.0, 450000.0, 450065.0])
    slow = respond(times, f=f, f1=f1, plus=1.0, cross=0.5j)
    turn = np.exp(-2j * np.pi * (f * times + f1 * times**2 / 2))
    a = [-0.19582447, -0.26843634, -0.20283904, -0.06158917, 0.20204053]
    e = [-0.13795902, 0.03282488, -0.16339349, 0.22220875, -0.1940397]
    np.testing.assert_allclose((slow.A * turn).real, a, atol=1e-4)
    np.testing.assert_allclose((slow.E * turn).real, e, atol=1e-4)


def test_orbits_are_those_of_lisaorbits():
    # equalarmlength-orbits.h5 of lisaorbits 2.4, day 100 [m] and [m/s]
    x = [
        [-23696262683.863163, 147824900205.80936, 186072825.01600522],
        [-21647186610.437737, 147345399384.1277, -1163507186.4401648],
        [-21463186907.766468, 148623097861.09525, 977434361.4241593],
    ]
    v = [
        [-29410.5456303083, -4571.016419618337, 246.10015201658604],
        [-29592.919407726138, -4401.671932834688, -90.9666098097825],
        [-29355.07589147174, -4328.403851998537, -155.13354220680358],
    ]
    times = np.array([100 * 86400.0])
    np.testing.assert_allclose(ORBITS.positions(times)[0] * SPEED_OF_LIGHT, x, atol=200)
    np.testing.assert_allclose(ORBITS.velocities(times)[0] * SPEED_OF_LIGHT, v, atol=1e-3)
    # the data may begin at any orbit time
    late = LisaOrbits(start=8e6)
    np.testing.assert_allclose(late.positions(times - 8e6), ORBITS.positions(times), rtol=1e-13)


@given(start=st.floats(-1e8, 1e8), longitude=st.floats(-7, 7), rotation=st.floats(-7, 7))
def test_arms_stay_equal(start, longitude, rotation):
    orbits = LisaOrbits(start=start, longitude=longitude, rotation=rotation)
    p = orbits.positions(np.linspace(0, 3e7, 5))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        np.testing.assert_allclose(np.linalg.norm(p[:, a] - p[:, b], axis=-1), orbits.arm_time, rtol=1e-11)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-3e7, 3e7), turn=st.floats(-7, 7), longitude=st.floats(-7, 7), latitude=st.floats(-1.5, 1.5))
def test_neither_the_origin_of_time_nor_that_of_longitude_matters(shift, turn, longitude, latitude):
    times = np.linspace(0, 3e7, 6)
    before = respond(times, f1=1e-10, longitude=longitude, latitude=latitude)
    orbits = LisaOrbits(start=-shift, longitude=turn, rotation=turn)
    after = harmonic_response(
        times + shift,
        plus=np.ones(6, complex),
        cross=np.full(6, 0.5j),
        frequency=3e-3 + 1e-10 * times,
        frequency_derivative=np.full(6, 1e-10),
        frequency_second_derivative=np.zeros(6),
        longitude=longitude + turn,
        latitude=latitude,
        orbits=orbits,
    )
    np.testing.assert_allclose(after.A, before.A, atol=1e-9)
    np.testing.assert_allclose(after.E, before.E, atol=1e-9)


def test_harmonics_are_answered_one_by_one_and_linearly():
    times = np.linspace(0, 1e6, 5)
    frequency = np.array([[2e-3], [5e-3]]) + 1e-9 * times
    factors = np.array([[2.0 - 1j], [0.3j]])
    both = harmonic_response(
        times,
        plus=factors * np.ones(5),
        cross=0.5j * factors * np.ones(5),
        frequency=frequency,
        frequency_derivative=np.full(5, 1e-9),
        frequency_second_derivative=np.zeros(5),
        longitude=1.1,
        latitude=-0.4,
    )
    assert both.A.shape == both.E.shape == both.T.shape == (2, 5)
    for i, f in enumerate((2e-3, 5e-3)):
        one = respond(times, f=f, f1=1e-9)
        np.testing.assert_allclose(both.A[i], factors[i] * one.A, rtol=1e-12)
        np.testing.assert_allclose(both.E[i], factors[i] * one.E, rtol=1e-12)
    quiet = respond(times, plus=0.0, cross=0.0)
    assert not np.any(quiet.A)


def test_a_year_is_smooth_on_the_slow_grid():
    # every other point restores those between: the grid is fine enough to interpolate
    from scipy.interpolate import CubicSpline

    times = np.arange(0.0, 3e7, 2500.0)
    slow = respond(times, f=8e-3)
    between = CubicSpline(times[::4], slow.A[::4])(times[:-4])
    assert np.abs(between - slow.A[:-4]).max() < 1e-4 * np.abs(slow.A).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": np.zeros((2, 3))}, "one series"),
        ({"times": np.array([0.0, np.nan, 1.0])}, "finite seconds"),
        ({"latitude": 2.0}, "polar angle"),
        ({"latitude": np.nan}, "polar angle"),
        ({"longitude": np.inf}, "longitude"),
        ({"frequency": np.array([1e-3, np.nan, 1e-3])}, "1 values of frequency"),
        ({"plus": np.ones(4, complex)}, r"fit times of shape \(3,\)"),
        ({"cross": np.ones((2, 4), complex)}, "shapes"),
    ],
)
def test_bad_input(change, message):
    given = {
        "times": np.arange(3.0),
        "plus": np.ones(3, complex),
        "cross": np.ones(3, complex),
        "frequency": np.full(3, 1e-3),
        "frequency_derivative": np.zeros(3),
        "frequency_second_derivative": np.zeros(3),
        "longitude": 0.0,
        "latitude": 0.0,
    } | change
    with pytest.raises(InputError, match=message):
        harmonic_response(given.pop("times"), **given)


@pytest.mark.parametrize("change", [{"arm_length": 0.0}, {"arm_length": 1e12}, {"start": np.nan}])
def test_bad_orbits(change):
    with pytest.raises(InputError, match="LisaOrbits"):
        LisaOrbits(**change)
