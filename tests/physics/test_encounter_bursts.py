"""Repeated bursts: the half-kick map against an orbit integrated in time, and its bookkeeping."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import DomainError, InputError
from swansong.encounters import bursts
from swansong.encounters.bursts import Elements, RepeatedBursts, energy_and_momentum, follow, kick, passages
from swansong.encounters.orbit import orbital_period
from swansong.encounters.waveform import Burst

ETA = 0.25
SOURCE = {"total_mass": 60.0, "mass_ratio": 1.0, "eccentricity": 0.87, "semi_latus_rectum": 14.0}
VIEW = {"luminosity_distance": 400.0, "theta_jn": 0.5, "argument_of_pericentre": 0.3}
UNIT = 60.0 * SOLAR_MASS_SECONDS

following = jax.jit(bursts.following, static_argnames="precession")
preceding = jax.jit(bursts.preceding, static_argnames="precession")


@pytest.fixture(scope="module")
def integrate():
    """Pericentre passage near a guessed time, by Newton's and the 2.5PN acceleration from (15, 0.9): time, elements."""

    def rate(_, state, __):
        x, v = state[:2], state[2:]
        r = jnp.linalg.norm(x)
        n, speed = x / r, v @ v
        radial = n @ v
        loss = 1.6 * ETA / r**3 * (radial * n * (3.0 * speed + 17.0 / (3.0 * r)) - v * (speed + 3.0 / r))
        return jnp.concatenate([v, -n / r**2 + loss])

    start = jnp.array([15.0 / 1.9, 0.0, 0.0, 1.9 / 15.0**0.5])

    @jax.jit
    def solve(times):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            diffrax.Dopri8(),
            0.0,
            times[-1],
            jnp.sign(times[-1]) * 1.0,
            start,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-12),
            max_steps=20000,
        ).ys

    def passage(guess):
        times = guess * np.linspace(0.95, 1.05, 4001)
        state = np.asarray(solve(times))
        x, v = state[:, :2], state[:, 2:]
        inward = np.sum(x * v, axis=1)
        near = np.flatnonzero(np.diff(np.sign(inward)) * np.sign(guess) > 0)
        assert len(near) == 1
        at = near[0]
        share = inward[at] / (inward[at] - inward[at + 1])
        time = times[at] + share * (times[at + 1] - times[at])
        energy = 0.5 * v[at] @ v[at] - 1.0 / np.linalg.norm(x[at])
        momentum = x[at, 0] * v[at, 1] - x[at, 1] * v[at, 0]
        return time, momentum**2, np.sqrt(1.0 + 2.0 * energy * momentum**2)

    return passage


@pytest.fixture(scope="module")
def chain():
    """The same orbit by the map, one passage back and three ahead, in units of the total mass."""
    mass = 1.0 / SOLAR_MASS_SECONDS
    return follow(total_mass=mass, mass_ratio=1.0, eccentricity=0.9, semi_latus_rectum=15.0, before=1, after=3)


class TestAgainstIntegratedOrbits:
    def test_the_interval_by_the_half_kick(self, integrate):
        """The elements before and after the whole kick miss it by a third and a quarter."""
        reference = Elements(15.0, 0.9, 0.0)
        after, interval = following(reference, eta=ETA)
        true = integrate(float(interval))[0]
        assert float(interval) / true - 1.0 == pytest.approx(-0.0009, abs=0.0001)
        old, new = (
            orbital_period(1.0 / SOLAR_MASS_SECONDS, eccentricity=x.eccentricity, semi_latus_rectum=x.semi_latus_rectum)
            for x in (reference, after)
        )
        assert old / true - 1.0 == pytest.approx(0.36, abs=0.01)
        assert float(new) / true - 1.0 == pytest.approx(-0.23, abs=0.01)

    @pytest.mark.parametrize("index, timing, elements", [(0, 2e-3, 5e-4), (2, 1e-3, 1e-4), (4, 1e-3, 6e-4)])
    def test_the_passages_before_and_after(self, integrate, chain, index, timing, elements):
        true, p, e = integrate(float(chain.times[index]))
        assert float(chain.times[index]) == pytest.approx(true, rel=timing)
        assert float(chain.semi_latus_rectum[index]) == pytest.approx(p, rel=elements)
        assert float(chain.eccentricity[index]) == pytest.approx(e, rel=elements)


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
        found = passages(**SOURCE | {"semi_latus_rectum": 8.2, "eccentricity": 0.9}, span=(0.0, 10.0))
        assert len(found) == 1

    @pytest.mark.parametrize("change", [{"eccentricity": 0.3}, {"semi_latus_rectum": 7.0}, {"eccentricity": np.nan}])
    def test_an_orbit_without_bursts_is_refused(self, change):
        with pytest.raises(DomainError, match="no sequence of bursts"):
            passages(**SOURCE | change, span=(-1.0, 1.0))

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
