"""Detector geometry and response against LAL's constants and published values."""

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals import (
    Detector,
    Network,
    antenna_pattern,
    detector,
    greenwich_sidereal_time,
    leap_seconds,
    network,
    time_delay,
)

GW150914 = 1126259462.4083147
ANGLE = st.floats(0.0, 2 * np.pi)


def gps_of(year, month, day, *, seconds=0.0, leap=0):
    """GPS time of a UTC moment, counting the leap seconds by hand."""
    days = (datetime.date(year, month, day) - datetime.date(1980, 1, 6)).days
    return 86400.0 * days + seconds + leap


@pytest.mark.parametrize(
    ("name", "declination", "expected"),
    [
        ("H1", -1.27, (0.57874, -0.45095)),
        ("L1", -1.27, (-0.52743, 0.20521)),
        ("H1", -1.22, (0.55898, -0.46857)),
        ("L1", -1.22, (-0.51366, 0.21416)),
    ],
)
def test_antenna_pattern_of_gw150914(name, declination, expected):
    pattern = antenna_pattern(name, right_ascension=1.95, declination=declination, polarization=0.82, gps=GW150914)
    np.testing.assert_allclose(pattern, expected, atol=6e-6)


def test_arrival_of_gw150914():
    sky = {"right_ascension": 1.95, "declination": -1.27, "gps": GW150914}
    assert GW150914 + time_delay("H1", **sky) == pytest.approx(1126259462.423, abs=1e-6)
    assert time_delay("L1", **sky, reference="H1") == pytest.approx(-7e-3, abs=2e-4)
    assert time_delay("L1", **sky, reference="H1") == pytest.approx(time_delay("L1", **sky) - time_delay("H1", **sky))


@pytest.mark.parametrize(
    ("name", "vertex", "x_arm", "y_arm"),
    [
        (
            "H1",
            (-2.16141492636e6, -3.83469517889e6, 4.60035022664e6),
            (-0.22389266154, 0.79983062746, 0.55690487831),
            (-0.91397818574, 0.02609403989, -0.40492342125),
        ),
        (
            "L1",
            (-7.42760447238e4, -5.49628371971e6, 3.22425701744e6),
            (-0.95457412153, -0.14158077340, -0.26218911324),
            (0.29774156894, -0.48791033647, -0.82054461286),
        ),
        (
            "V1",
            (4.54637409900e6, 8.42989697626e5, 4.37857696241e6),
            (-0.70045821479, 0.20848948619, 0.68256166277),
            (-0.05379255368, -0.96908180549, 0.24080451708),
        ),
    ],
)
def test_geometry_agrees_with_lal(name, vertex, x_arm, y_arm):
    found = detector(name)
    np.testing.assert_allclose(found.vertex, vertex, atol=1e-3)
    np.testing.assert_allclose(found.x_arm, x_arm, atol=1e-9)
    np.testing.assert_allclose(found.y_arm, y_arm, atol=1e-9)


@pytest.mark.parametrize(
    ("day", "seconds", "hours"),
    # Meeus, Astronomical Algorithms, examples 12.a and 12.b: 13h 10m 46.3668s and 8h 34m 57.0896s.
    [
        ((1987, 4, 10), 0.0, 13 + 10 / 60 + 46.3668 / 3600),
        ((1987, 4, 10), 69660.0, 8 + 34 / 60 + 57.0896 / 3600),
    ],
)
def test_sidereal_time_of_known_moments(day, seconds, hours):
    gps = gps_of(*day, seconds=seconds, leap=4)
    assert greenwich_sidereal_time(gps) == pytest.approx(hours * np.pi / 12, abs=1e-7)


def test_leap_seconds_change_at_midnight_utc():
    before = gps_of(2017, 1, 1, leap=17)
    np.testing.assert_array_equal(
        leap_seconds(np.array([0.0, before - 0.5, before + 1.0, 1126259462.0])), [0, 17, 18, 17]
    )


@settings(max_examples=50, deadline=None)
@given(ra=ANGLE, dec=st.floats(-np.pi / 2, np.pi / 2), psi=ANGLE, gps=st.floats(8e8, 1.5e9))
def test_response_laws(ra, dec, psi, gps):
    sky = {"right_ascension": ra, "declination": dec, "gps": gps}
    plus, cross = antenna_pattern("V1", polarization=psi, **sky)
    assert plus**2 + cross**2 <= 1 + 1e-12
    turned = antenna_pattern("V1", polarization=psi + np.pi / 2, **sky)
    np.testing.assert_allclose(turned, (-plus, -cross), atol=1e-12)
    eighth = antenna_pattern("V1", polarization=psi + np.pi / 4, **sky)
    assert plus**2 + cross**2 == pytest.approx(sum(f**2 for f in eighth), abs=1e-12)
    assert abs(time_delay("V1", **sky)) <= np.linalg.norm(detector("V1").vertex) / SPEED_OF_LIGHT


def test_sky_average_is_one_fifth_for_perpendicular_arms():
    z, ra, psi = np.meshgrid(
        (np.arange(40) + 0.5) / 20 - 1, np.arange(40) * np.pi / 20, np.arange(8) * np.pi / 8, indexing="ij"
    )
    sky = {"right_ascension": ra, "declination": np.arcsin(z), "polarization": psi, "gps": 1e9}
    site = Detector("X1", latitude=0.3, longitude=1.0, x_azimuth=0.4, y_azimuth=0.4 + np.pi / 2)
    assert np.mean(antenna_pattern(site, **sky).plus ** 2) == pytest.approx(0.2, rel=1e-3)
    # Arms at 60 degrees, as in the Einstein Telescope, respond sin(60) as much.
    triangle = Detector("E1", latitude=0.3, longitude=1.0, x_azimuth=0.4, y_azimuth=0.4 + np.pi / 3)
    assert np.mean(antenna_pattern(triangle, **sky).plus ** 2) == pytest.approx(0.2 * 0.75, rel=1e-3)


def test_overhead_source_gives_full_response():
    site = Detector("X1", latitude=0.5, longitude=1.2, x_azimuth=0.0, y_azimuth=np.pi / 2)
    ra = 1.2 + greenwich_sidereal_time(1e9)
    plus, cross = antenna_pattern(site, right_ascension=ra, declination=0.5, polarization=0.0, gps=1e9)
    assert abs(plus) == pytest.approx(1.0)
    assert cross == pytest.approx(0.0, abs=1e-12)


def test_jax_agrees_with_numpy_under_jit_and_vmap():
    ra = np.linspace(0, 6, 7)

    def both(angle, gps):
        sky = {"right_ascension": angle, "declination": -1.2, "gps": gps}
        return *antenna_pattern("H1", polarization=0.8, **sky), time_delay("H1", **sky)

    compiled = jax.jit(jax.vmap(both, in_axes=(0, None)))(jnp.asarray(ra), jnp.asarray(GW150914))
    np.testing.assert_allclose(np.array(compiled), np.array(both(ra, GW150914)), atol=1e-12)


def test_network():
    pair = network(["H1", "L1"])
    assert pair.names == ("H1", "L1")
    assert len(pair) == 2
    sky = {"right_ascension": 1.95, "declination": -1.27, "gps": GW150914}
    assert pair.time_delays(**sky)[1] == time_delay("L1", **sky)
    assert pair.antenna_patterns(**sky, polarization=0.1)[0] == antenna_pattern("H1", **sky, polarization=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: detector("H3"), "one of H1, L1, V1, K1, got 'H3'"),
        (lambda: Network(()), "one or more"),
        (lambda: network(("H1", "H1")), "different"),
        (lambda: Detector("X", latitude=46.0, longitude=0.0), "radians"),
        (lambda: Detector("X", latitude=np.nan, longitude=0.0), "finite"),
        (lambda: Detector("X", latitude=0.1, longitude=0.0, x_azimuth=0.2, y_azimuth=0.2), "two different arms"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
