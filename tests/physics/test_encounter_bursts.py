"""Repeated bursts: the half-kick map against an orbit integrated in time, and its bookkeeping."""

import math
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import DomainError, InputError
from swansong.encounters import bursts
from swansong.encounters.bursts import Elements, RepeatedBursts, energy_and_momentum, follow, kick, passages
from swansong.encounters.orbit import orbital_period
from swansong.encounters.waveform import Burst

ETA = 0.25
SOURCE: dict[str, Any] = {"total_mass": 60.0, "mass_ratio": 1.0, "eccentricity": 0.87, "semi_latus_rectum": 14.0}
VIEW: dict[str, Any] = {"luminosity_distance": 400.0, "theta_jn": 0.5, "argument_of_pericentre": 0.3}
UNIT = 60.0 * SOLAR_MASS_SECONDS

following = jax.jit(bursts.following, static_argnames="precession")
preceding = jax.jit(bursts.preceding, static_argnames="precession")


def motion(_: float, state: np.ndarray) -> list[float]:
    """Rate of change of relative position and velocity by Newton's and the 2.5PN acceleration; M = 1, eta = 1/4.

    Damour and Deruelle 1981, in harmonic coordinates.
    """
    x, y, u, v = state.tolist()
    r, speed = math.hypot(x, y), u * u + v * v
    radial = (x * u + y * v) / r
    scale = 1.6 * ETA / r**3
    along = -1.0 / r**3 + scale * radial * (3.0 * speed + 17.0 / (3.0 * r)) / r
    drag = scale * (speed + 3.0 / r)
    return [u, v, along * x - drag * u, along * y - drag * v]


def pericentre(_: float, state: np.ndarray) -> float:
    return state[0] * state[2] + state[1] * state[3]


@pytest.fixture(scope="module")
def integrated():
    """Passages of the orbit integrated from (15, 0.9), one back and three ahead: rows of time, pbar, e."""
    start = [15.0 / 1.9, 0.0, 0.0, 1.9 / 15.0**0.5]

    def follow_to(end):
        # The radial velocity rises through zero at pericentre in the direction of time.
        pericentre.direction = math.copysign(1.0, end)
        solution = solve_ivp(
            motion, (math.copysign(1.0, end), end), near(math.copysign(1.0, end)), method="DOP853", events=pericentre,
            rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        return [
            (time, *elements(state)) for time, state in zip(solution.t_events[0], solution.y_events[0], strict=True)
        ]

    def near(time):
        return solve_ivp(motion, (0.0, time), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]

    def elements(state):
        x, y, u, v = state
        energy, momentum = 0.5 * (u * u + v * v) - 1.0 / math.hypot(x, y), x * v - y * u
        return momentum**2, math.sqrt(1.0 + 2.0 * energy * momentum**2)

    return np.array([*follow_to(-7000.0), (0.0, 15.0, 0.9), *follow_to(6800.0)[:3]])


@pytest.fixture(scope="module")
def chain():
    """The same orbit by the map, one passage back and three ahead, in units of the total mass."""
    mass = 1.0 / SOLAR_MASS_SECONDS
    return follow(total_mass=mass, mass_ratio=1.0, eccentricity=0.9, semi_latus_rectum=15.0, before=1, after=3)


class TestAgainstIntegratedOrbits:
    def test_the_interval_by_the_half_kick(self, integrated, chain):
        """The elements before and after the whole kick miss it by a third and a quarter."""
        true = integrated[2, 0]
        assert float(chain.times[2]) / true - 1.0 == pytest.approx(-0.0009, abs=0.0001)
        period = orbital_period(
            1.0 / SOLAR_MASS_SECONDS, eccentricity=chain.eccentricity, semi_latus_rectum=chain.semi_latus_rectum
        )
        np.testing.assert_allclose(period[1:3] / true - 1.0, [0.36, -0.23], atol=0.01)

    def test_the_passages_before_and_after(self, integrated, chain):
        found = np.stack([chain.times, chain.semi_latus_rectum, chain.eccentricity], axis=1)
        error = np.abs(np.delete(found / np.where(integrated == 0.0, 1.0, integrated), 1, axis=0) - 1.0)
        assert (error[:, 0] < [0.0015, 0.001, 0.001, 0.001]).all(), error
        assert (error[:, 1:] < np.array([[3e-4, 1e-5, 2e-5, 4e-5]]).T).all(), error


class TestBookkeeping:
    @given(
        p=st.floats(9.0, 40.0),
        e=st.floats(0.7, 0.95),
        q=st.floats(0.05, 1.0),
        precession=st.booleans(),
    )
    @settings(max_examples=40, deadline=None)
    def test_going_back_undoes_going_on(self, p, e, q, precession):
        eta = q / (1.0 + q) ** 2
        start = Elements(p, e, 0.4)
        before, since = preceding(start, eta=eta, precession=precession)
        again, until = following(before, eta=eta, precession=precession)
        np.testing.assert_allclose(again, start, rtol=1e-11)
        np.testing.assert_allclose(until, since, rtol=1e-11)

    @given(p=st.floats(9.0, 40.0), e=st.floats(0.75, 0.95), eta=st.floats(0.05, 0.25))
    @settings(max_examples=40, deadline=None)
    def test_one_turn_takes_half_the_kick_of_each_end(self, p, e, eta):
        after, _ = following(Elements(p, e, 0.0), eta=eta)
        end = (after.semi_latus_rectum, after.eccentricity)
        change = np.subtract(energy_and_momentum(*end), energy_and_momentum(p, e))
        expected = 0.5 * (np.array(kick(p, e, eta=eta)) + np.array(kick(*end, eta=eta)))
        np.testing.assert_allclose(change, expected, rtol=1e-7)
        assert (change < 0.0).all()

    def test_the_kick_is_peters_loss_times_the_period(self):
        """Averaged power and torque written with the semi-major axis, as in the original paper."""
        p, e, eta = 15.0, 0.9, 0.2
        a = p / (1.0 - e**2)
        power = -6.4 * eta / a**5 * (1 + 73 / 24 * e**2 + 37 / 96 * e**4) / (1.0 - e**2) ** 3.5
        torque = -6.4 * eta / a**3.5 * (1 + 7 / 8 * e**2) / (1.0 - e**2) ** 2
        period = 2.0 * np.pi * a**1.5
        np.testing.assert_allclose(kick(p, e, eta=eta), [power * period, torque * period], rtol=1e-12)

    def test_a_light_companion_hardly_kicks(self):
        after, interval = following(Elements(15.0, 0.9, 0.0), eta=1e-7)
        np.testing.assert_allclose(after, (15.0, 0.9, 0.0), rtol=1e-6)
        assert float(interval) == pytest.approx(2.0 * np.pi * (15.0 / 0.19) ** 1.5, rel=1e-5)

    def test_pericentre_advances(self):
        """By 6 pi / pbar a turn, which makes the observer's angle fall; times stay."""
        still, turned = (follow(**SOURCE, before=1, after=1, precession=option) for option in (False, True))
        np.testing.assert_array_equal(still.argument_of_pericentre, 0.0)
        np.testing.assert_array_equal(still.times, turned.times)
        advance = -np.diff(turned.argument_of_pericentre)
        middle = np.convolve(turned.semi_latus_rectum, [0.5, 0.5], mode="valid")
        np.testing.assert_allclose(advance, 6.0 * np.pi / middle, rtol=1e-3)
        assert turned.argument_of_pericentre[1] == 0.0


class TestPassages:
    def test_all_passages_within_a_span(self):
        found = passages(**SOURCE, span=(-4.0, 4.0))
        assert (np.diff(found.times) > 0.0).all()
        assert (np.diff(np.diff(found.times)) < 0.0).all()
        assert (np.diff(found.eccentricity) < 0.0).all()
        assert float(found.times[found.reference]) == 0.0
        same = follow(**SOURCE, before=found.reference, after=len(found) - 1 - found.reference)
        np.testing.assert_allclose(same.times, found.times, rtol=1e-12)
        narrow = passages(**SOURCE, span=(0.0, float(found.times[-1]) - 1e-9))
        assert len(narrow) == len(found) - 1 - found.reference

    def test_the_sequence_ends_where_it_should(self):
        found = passages(**SOURCE, span=(-1e4, 1e4))
        low, high = bursts.ECCENTRICITIES
        last = Elements(found.semi_latus_rectum[-1], found.eccentricity[-1], 0.0)
        beyond, _ = following(last, eta=ETA)
        assert beyond.eccentricity < low or beyond.semi_latus_rectum < 6.0 + 2.0 * beyond.eccentricity
        assert last.eccentricity >= low
        before, _ = preceding(Elements(found.semi_latus_rectum[0], found.eccentricity[0], 0.0), eta=ETA)
        assert not before.eccentricity <= high

    def test_the_last_stable_orbit_ends_it(self):
        source: dict[str, Any] = SOURCE | {"semi_latus_rectum": 8.2, "eccentricity": 0.9}
        found = passages(**source, span=(0.0, 10.0))
        assert len(found) == 1

    @pytest.mark.parametrize(
        "name, value", [("eccentricity", 0.3), ("semi_latus_rectum", 7.0), ("eccentricity", np.nan)]
    )
    def test_an_orbit_without_bursts_is_refused(self, name, value):
        source: dict[str, Any] = SOURCE | {name: value}
        with pytest.raises(DomainError, match="no sequence of bursts"):
            passages(**source, span=(-1.0, 1.0))

    def test_bad_requests_are_refused(self):
        with pytest.raises(InputError, match="enclose"):
            passages(**SOURCE, span=(1.0, 2.0))
        with pytest.raises(InputError, match="negative"):
            follow(**SOURCE, before=-1, after=0)


class TestRepeatedWaves:
    def test_the_wave_is_the_sum_of_its_bursts(self):
        times = np.arange(-4096, 4096) / 2048.0
        found = jax.jit(RepeatedBursts(precession=True))(times, **SOURCE, **VIEW)
        chain = follow(**SOURCE, argument_of_pericentre=0.3, before=1, after=1, precession=True)
        single = jax.jit(Burst())
        expected = np.zeros((2, 8192))
        for index in range(3):
            own = {"eccentricity": chain.eccentricity[index], "semi_latus_rectum": chain.semi_latus_rectum[index]}
            view = VIEW | {"argument_of_pericentre": chain.argument_of_pericentre[index]}
            expected += np.stack(single(times - float(chain.times[index]), **SOURCE | own, **view))
        np.testing.assert_allclose(np.stack(found), expected, rtol=1e-9, atol=1e-30)
        # Each burst ends before the next has begun in earnest.
        quiet = np.argmin(np.abs(times - 0.5 * float(chain.times[2])))
        assert np.abs(expected[0, quiet]) < 0.02 * np.abs(expected[0]).max()
