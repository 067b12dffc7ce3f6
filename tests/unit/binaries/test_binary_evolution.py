"""Evolution to coalescence: the physics sheet's values, an independent integrator, limits and bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from swansong.binaries.evolution.evolve import STATUS, evolve, saturation
from swansong.binaries.evolution.hardening import Constant, Exponential, ExponentialFloor, Scattering, TimeLaws
from swansong.binaries.nbody.galaxies import DehnenGalaxy
from swansong.core.errors import DomainError, InputError
from swansong.physics.peters import axis_at_frequency, coalescence_time, orbital_frequency, peters_rates, track_axis

LIGHT = 440.84
PAIR = {"mass_1": 0.005, "mass_2": 0.005}
HARD = 1.0 / 60.0


def merged(axis=HARD, eccentricity=0.0, *, hardening, **given):
    return evolve(axis, eccentricity, hardening=hardening, speed_of_light=LIGHT, **{**PAIR, **given})


def constant(rate, growth=0.0):
    return TimeLaws(Constant(rate), Constant(growth))


@pytest.fixture(scope="module")
def scattering():
    return Scattering.of_galaxy(DehnenGalaxy(mass=1.0, hole=0.01), **PAIR)


def reference(eccentricity, hardening):
    """The same equations in another integrator of eighth order, with Peters' rates in NumPy."""

    def slopes(x, y):
        axis = math.exp(-x)
        s, k = (part.item() for part in hardening.rates(y[0], axis, y[1]))
        da, de = peters_rates(axis, y[1], speed_of_light=LIGHT, **PAIR)
        rate = s * axis - da / axis
        return [1.0 / rate, (k * s * axis + de) / rate]

    end = 1e-5
    found = solve_ivp(
        slopes, [-math.log(HARD), -math.log(end)], [0.0, eccentricity], method="DOP853", rtol=1e-11, atol=1e-12,
        dense_output=True,
    )  # fmt: skip
    last = found.y[:, -1]
    return last[0] + coalescence_time(end, last[1], speed_of_light=LIGHT, **PAIR), found.sol


@pytest.mark.parametrize(
    "rate, growth, eccentricity, time",
    [
        (5, 0, 0.0, 1621), (5, 0, 0.5, 1336), (5, 0, 0.9, 546), (5, 0, 0.97, 250), (2, 0, 0.0, 3369), (10, 0, 0.9, 315),
        (5, 0.05, 0.9, 78),
    ],
)  # fmt: skip
def test_values_of_the_physics_sheet(rate, growth, eccentricity, time):
    assert round(merged(eccentricity=eccentricity, hardening=constant(rate, growth)).merger_time[0]) == time


@pytest.mark.parametrize("eccentricity", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("name", ["constant", "exponential", "floor", "scattering"])
def test_another_integrator_agrees(name, eccentricity, scattering):
    laws = {
        "constant": constant(5.0, 0.05),
        "exponential": TimeLaws(Exponential(5.0, 60.0), Exponential(0.1, 30.0)),
        "floor": TimeLaws(ExponentialFloor(5.0, 30.0, 1.0), Constant(-0.02)),
        "scattering": scattering,
    }
    time, orbit = reference(eccentricity, laws[name])
    separations, moments = np.geomspace(HARD / 1.1, 2e-5, 5), np.array([0.1, 0.6, 0.99]) * time
    found = merged(
        eccentricity=eccentricity, hardening=laws[name], separations=separations, times=moments, tolerance=1e-10
    )
    assert found.merger_time[0] == pytest.approx(time, rel=1e-8)
    expected = orbit(-np.log(separations))
    np.testing.assert_allclose(found.separation_time[0], expected[0], rtol=1e-8)
    np.testing.assert_allclose(found.separation_eccentricity[0], expected[1], atol=1e-8)
    again = orbit(-np.log(found.time_axis[0]))
    np.testing.assert_allclose(again[0], moments, rtol=2e-7)
    np.testing.assert_allclose(found.time_eccentricity[0], again[1], atol=1e-8)


def test_without_stars_it_is_peters_time_and_track():
    axis, eccentricity = 1e-4, np.array([0.0, 0.3, 0.9, 0.999])
    separations = axis / np.array([1.5, 10.0, 100.0])
    found = merged(axis, eccentricity, hardening=constant(0.0), separations=separations, tolerance=1e-11)
    expected = coalescence_time(axis, eccentricity, speed_of_light=LIGHT, **PAIR)
    np.testing.assert_allclose(found.merger_time, expected, rtol=1e-9)
    np.testing.assert_array_equal(found.takeover_time, 0.0)
    np.testing.assert_array_equal(found.separation_eccentricity[0], 0.0)
    on_track = track_axis(found.separation_eccentricity[1:]) / track_axis(eccentricity[1:, None])
    np.testing.assert_allclose(on_track, np.broadcast_to(separations / axis, on_track.shape), rtol=1e-8)


def test_stars_alone_give_straight_lines():
    # So fast a light radiates nothing; 1/a grows linearly, e with its logarithm.
    separations = np.array([1 / 120.0, 1 / 600.0])
    found = evolve(
        HARD, 0.2, hardening=constant(4.0, 0.02), speed_of_light=1e9, max_time=1e5, separations=separations, **PAIR
    )
    np.testing.assert_allclose(found.separation_time[0], [15.0, 135.0], rtol=1e-8)
    np.testing.assert_allclose(found.separation_eccentricity[0], 0.2 + 0.02 * np.log([2.0, 10.0]), rtol=1e-8)
    assert STATUS[int(found.status[0])] == "stalled"
    assert math.isinf(found.merger_time[0])
    assert math.isnan(found.takeover_time[0])
    assert 1.0 / found.final_axis[0] == pytest.approx(60.0 + 4e5, rel=1e-7)


def test_take_over_is_where_both_shrink_alike():
    found = merged(eccentricity=np.array([0.0, 0.7]), hardening=constant(5.0))
    shrink, _ = peters_rates(found.takeover_axis, found.takeover_eccentricity, speed_of_light=LIGHT, **PAIR)
    np.testing.assert_allclose(-shrink, 5.0 * found.takeover_axis**2, rtol=1e-9)
    circle = (12.8 * 0.005**2 * 0.01 / LIGHT**5 / 5.0) ** 0.2
    assert found.takeover_axis[0] == pytest.approx(circle, rel=1e-9)
    assert found.takeover_time[0] < found.merger_time[0]


def test_an_exponential_stalls_where_it_saturates():
    law = TimeLaws(Exponential(5.0, 60.0))
    limit = saturation(HARD, hardening=law)
    assert limit == pytest.approx(1.0 / 360.0)
    found = merged(hardening=law, max_time=5e4)
    assert STATUS[int(found.status[0])] == "stalled"
    assert found.final_axis[0] == pytest.approx(limit, rel=1e-3)
    patient = merged(hardening=law)
    assert patient.merged[0]
    assert patient.merger_time[0] == pytest.approx(coalescence_time(limit, 0.0, speed_of_light=LIGHT, **PAIR), rel=1e-3)
    assert saturation(HARD, hardening=constant(5.0)) == 0.0
    assert saturation(HARD, hardening=constant(0.0)) == pytest.approx(HARD)
    # Later on the clock, less is left.
    assert saturation(HARD, hardening=law, start=60.0) == pytest.approx(1.0 / (60.0 + 300.0 / math.e))


def test_stars_that_are_gone_long_before_waves_count():
    # The corner of the orbit is sharper than any step: time grows by many orders while a stays.
    given = {"mass_1": 1e-4, "mass_2": 1e-7}
    rates, scale = np.array([900.0, 3.0]), 0.015
    law = TimeLaws(Exponential(rates, scale))
    found = evolve(np.full(2, 0.02), 0.3, hardening=law, speed_of_light=LIGHT, **given)
    limit = saturation(0.02, hardening=law)
    np.testing.assert_allclose(
        found.merger_time, coalescence_time(limit, 0.3, speed_of_light=LIGHT, **given), rtol=5e-8
    )
    shrink, _ = peters_rates(limit, 0.3, speed_of_light=LIGHT, **given)
    np.testing.assert_allclose(found.takeover_time, scale * np.log(-rates * limit**2 / shrink), rtol=1e-6)
    np.testing.assert_allclose(found.takeover_axis, limit, rtol=1e-7)


def test_no_pair_defeats_the_steps():
    rng = np.random.default_rng(1)
    count = 2000
    law = TimeLaws(
        Exponential(10.0 ** rng.uniform(-6, 4, count), 10.0 ** rng.uniform(-3, 5, count)),
        Constant(rng.normal(0.0, 0.3, count)),
    )
    mass = 10.0 ** rng.uniform(-5, 0, count)
    found = evolve(
        10.0 ** rng.uniform(-6, 1, count), 1.0 - 10.0 ** rng.uniform(-12, 0, count), hardening=law,
        speed_of_light=LIGHT, mass_1=mass, mass_2=mass * 10.0 ** rng.uniform(-4, 0, count),
    )  # fmt: skip
    assert np.all(found.merged)
    assert np.all(found.merger_time >= found.takeover_time)


def test_the_clock_of_the_laws_may_have_started_before():
    law = TimeLaws(ExponentialFloor(5.0, 30.0, 1.0), Exponential(0.1, 20.0))
    whole = merged(eccentricity=0.4, hardening=law, times=np.array([25.0]))
    rest = merged(whole.time_axis[0, 0], whole.time_eccentricity[0, 0], hardening=law, start=25.0)
    assert rest.merger_time[0] + 25.0 == pytest.approx(whole.merger_time[0], rel=1e-7)


def test_a_batch_is_its_pairs_one_by_one(scattering):
    rng = np.random.default_rng(1)
    e, rate = rng.uniform(0.0, 0.99, 8), rng.uniform(1.0, 9.0, 8)
    axis, scale = HARD * rng.uniform(0.5, 2.0, 8), rng.uniform(20.0, 200.0, 8)
    batch = merged(axis, e, hardening=TimeLaws(ExponentialFloor(rate, scale, 0.1 * rate), Constant(0.02)))
    for i in range(8):
        law = TimeLaws(ExponentialFloor(rate[i], scale[i], 0.1 * rate[i]), Constant(0.02))
        assert merged(axis[i], e[i], hardening=law).merger_time[0] == batch.merger_time[i]


def test_the_result_does_not_hang_on_the_tolerance():
    law = TimeLaws(ExponentialFloor(5.0, 30.0, 1.0), Constant(0.05))
    e = np.array([0.0, 0.5, 0.97])
    times = [merged(eccentricity=e, hardening=law, tolerance=one).merger_time for one in (1e-6, 1e-9, 1e-11)]
    np.testing.assert_allclose(times[0], times[2], rtol=1e-4)
    np.testing.assert_allclose(times[1], times[2], rtol=1e-7)


@given(
    rate=st.floats(0.5, 20.0),
    more=st.floats(1.01, 3.0),
    eccentricity=st.floats(0.0, 0.99),
    growth=st.floats(0.0, 0.1),
)
@settings(max_examples=20)
def test_more_stars_or_a_longer_ellipse_merge_sooner(rate, more, eccentricity, growth):
    longer = 1.0 - 0.7 * (1.0 - eccentricity)
    rates = rate * np.array([1.0, more, 1.0])
    time, with_more, with_longer = merged(
        eccentricity=np.array([eccentricity, eccentricity, longer]), hardening=constant(rates, growth)
    ).merger_time
    assert with_more < time
    assert with_longer < time


def test_an_ellipse_that_is_made_rounder_stops_at_the_circle():
    found = merged(eccentricity=0.02, hardening=constant(5.0, -0.05), separations=np.array([1e-3, 2e-4]))
    assert found.merged[0]
    np.testing.assert_allclose(found.separation_eccentricity[0], 0.0, atol=1e-8)
    assert found.merger_time[0] == pytest.approx(merged(hardening=constant(5.0)).merger_time[0], rel=1e-4)


def test_what_is_not_passed_is_not_a_number():
    found = merged(hardening=constant(5.0), separations=np.array([0.1, 1e-3]), times=np.array([10.0, 1e4]))
    assert np.isnan(found.separation_time[0]).tolist() == [True, False]
    assert np.isnan(found.time_axis[0]).tolist() == [False, True]
    assert found.time_axis[0, 0] == pytest.approx(1.0 / 110.0, rel=1e-6)


def test_orbital_frequencies_are_separations():
    axis = axis_at_frequency(np.array([[3.0], [7.0]]), total_mass=np.array([[0.01], [0.02]]))
    np.testing.assert_allclose(orbital_frequency(axis[:, 0], total_mass=np.array([0.01, 0.02])), [3.0, 7.0])
    found = merged(0.05, 0.5, mass_1=np.array([0.005, 0.01]), hardening=constant(5.0), separations=axis)
    assert found.separation_time.shape == (2, 1)
    assert np.all(np.isfinite(found.separation_time))


def test_units_do_not_matter():
    length, mass, time = 186.0, 2e10, 0.2674
    gravity = length**3 / (mass * time**2)
    here = merged(eccentricity=0.6, hardening=constant(5.0, 0.02)).merger_time[0]
    there = evolve(
        HARD * length, 0.6, mass_1=0.005 * mass, mass_2=0.005 * mass, gravity=gravity,
        hardening=constant(5.0 / (length * time), 0.02), speed_of_light=LIGHT * length / time,
    ).merger_time[0]  # fmt: skip
    assert there == pytest.approx(here * time, rel=1e-8)


@pytest.mark.parametrize(
    "given, text",
    [
        ({"axis": -1.0}, "`axis` of pair 0 must be positive, got -1"),
        ({"eccentricity": np.array([0.5, 1.0])}, r"`eccentricity` of pair 1 must be in \[0, 1\), got 1"),
        ({"eccentricity": math.nan}, "got nan"),
        ({"mass_2": -0.005}, "`mass_2` of pair 0 must be positive"),
        ({"max_time": 0.0}, "`limit` of pair 0 must be positive"),
        ({"hardening": constant(np.array([5.0, -1.0])), "eccentricity": np.array([0.1, 0.2])}, "pair 1 is -1"),
        ({"hardening": TimeLaws(Exponential(5.0, 0.0))}, "time scale of the hardening rate of pair 0 is 0"),
        ({"hardening": constant(5.0, math.inf)}, "eccentricity growth of pair 0 is inf"),
        ({"hardening": Scattering(-1.0, 0.01)}, "`supply` of pair 0 is -1"),
        ({"separations": np.array([1e-4, 1e-3])}, "falling positive numbers"),
        ({"times": np.array([-1.0, 1e-3])}, "rising times"),
    ],
)
def test_bad_pairs_are_refused(given, text):
    call = {"axis": HARD, "eccentricity": 0.1, "hardening": constant(5.0), **given}
    with pytest.raises(DomainError, match=text):
        merged(call.pop("axis"), call.pop("eccentricity"), **call)


@pytest.mark.parametrize(
    "given, text",
    [
        ({"tolerance": 1.0}, "`tolerance`"),
        ({"gravity": 0.0}, "`gravity` must be positive"),
        ({"mass_1": np.ones(3), "axis": np.ones(2)}, "different numbers"),
        ({"separations": np.ones((4, 1))}, "one a pair"),
        ({"hardening": constant(np.ones(3))}, "3,"),
    ],
)
def test_bad_shapes_are_refused(given, text):
    call = {"axis": HARD, "eccentricity": 0.1, "hardening": constant(5.0), **given}
    with pytest.raises(InputError, match=text):
        merged(call.pop("axis"), call.pop("eccentricity"), **call)
