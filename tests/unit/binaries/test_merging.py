"""Rates and laws of runs, and when their pairs merge."""

import math

import numpy as np
import pytest

from swansong.binaries.elements import from_ellipse
from swansong.binaries.evolution.evolve import evolve
from swansong.binaries.evolution.fits import finite_rates, fit_hardening, hardening_begin
from swansong.binaries.evolution.merging import merger_time, sample_merger_times
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.binaries.units import Units
from swansong.core.errors import DataError, DomainError, InputError

BINDING = 124.0


def run(*, start=5.0, scale=60.0, floor=1.0, growth=0.03, kicks=0.0, turns=0.0, seed=0, duration=125.0, step=0.125):
    """A pair that is bound at t = 124 with 1/a = 96, e = 0.6, hardens by a law and is kicked at random."""
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, duration + 1e-9, step)
    fall = np.diff(-np.exp(-t / scale)) * scale
    inverse = np.diff(t) * floor + (start - floor) * fall + kicks * math.sqrt(step) * rng.normal(size=t.size - 1)
    inverse = 96.0 + np.concatenate([[0.0], np.cumsum(inverse)])
    walk = turns * math.sqrt(step) * np.concatenate([[0.0], np.cumsum(rng.normal(size=t.size - 1))])
    e = np.clip(0.6 + growth * np.log(inverse / 96.0) + walk, 0.0, 0.999)
    energy, momentum = from_ellipse(1.0 / inverse, e, mu=0.01)
    # Before, the black holes pass each other unbound.
    before = np.arange(BINDING - 20.0, BINDING, step)
    return Trajectory(
        Merger(0.9, 4096, seed),
        np.concatenate([before, BINDING + t]),
        np.concatenate([np.full(before.size, 0.1), energy]),
        np.concatenate([np.full(before.size, 0.1), momentum]),
        np.concatenate([np.full(before.size, 1.0), 1.0 / inverse]),
    )


@pytest.mark.parametrize(
    "law, given, values, within",
    [
        ("constant", {"floor": 5.0}, [5.0], 1e-9),
        ("exponential", {"floor": 0.0}, [5.0, math.log(60.0)], 1e-3),
        ("floor", {}, [5.0, 1.0, math.log(60.0)], 1e-3),
    ],
)
def test_laws_of_a_quiet_run_come_back(law, given, values, within):
    fit = fit_hardening(run(**given), law=law, growth_law="constant")
    np.testing.assert_allclose(fit.rate.values, values, rtol=within)
    np.testing.assert_allclose(fit.growth.values, [0.03], rtol=1e-6)
    assert fit.zero == BINDING
    s, k = fit.laws.rates(0.0, 0.01, 0.6)
    assert (s, k) == (pytest.approx(5.0, rel=1e-3), pytest.approx(0.03, rel=1e-6))


def test_a_constant_is_recognised_by_the_exponential():
    fit = fit_hardening(run(floor=5.0), law="exponential")
    assert math.isinf(fit.rate.law.scale)
    assert fit.rate.names == ("start",)


@pytest.mark.parametrize("law, truth", [("constant", [5.0]), ("floor", [5.0, 1.0, math.log(60.0)])])
def test_errors_are_those_of_repeated_runs(law, truth):
    pulls = []
    for seed in range(60):
        given = {"floor": 5.0, "kicks": 3.0} if law == "constant" else {"kicks": 1.0}
        fit = fit_hardening(run(seed=seed, turns=0.003, **given), law=law)
        if len(fit.rate.values) == len(truth):
            pulls.append((fit.rate.values - truth) / fit.rate.errors)
    assert len(pulls) > 50
    # Sixty draws know a standard deviation to 9 %.
    assert np.std(pulls, axis=0).max() < 1.35
    assert np.std(pulls, axis=0).min() > 0.7


def test_finite_rates_of_a_quiet_run():
    rates = finite_rates(run(floor=5.0), blocks=10)
    assert len(rates) == 10
    np.testing.assert_allclose(rates.rate, 5.0, rtol=1e-9)
    np.testing.assert_allclose(rates.growth, 0.03, rtol=1e-9)
    middle = 0.5 * (rates.begin + rates.end) - BINDING
    np.testing.assert_allclose(1.0 / rates.axis, 96.0 + 5.0 * middle, rtol=3e-3)


def test_the_run_goes_on_as_it_would_have():
    """Handing off early or late makes no difference where the laws hold."""
    law = {"law": "floor", "growth_law": "constant"}
    late, early = merger_time(run(), **law), merger_time(run(), hand_off=200.0, **law)
    assert early.hand_off == 200.0
    assert late.status == "merged"
    assert late.merger_time == pytest.approx(early.merger_time, rel=2e-3)
    assert late.after_binding == pytest.approx(late.merger_time - BINDING)
    again = evolve(
        1.0 / 96.0, 0.6, mass_1=0.005, mass_2=0.005, hardening=late.fit.laws, speed_of_light=Units().speed_of_light
    )
    # Gravitational waves, which the run has not, change little before the hand-off.
    assert late.after_binding == pytest.approx(again.merger_time[0], rel=2e-3)
    assert late.waves < 1e-3
    assert late.megayears == pytest.approx(late.after_binding * Units().time)


def test_waves_that_count_early_are_not_missed():
    """A run without waves goes on although in such massive galaxies its pair would have merged."""
    compact = Units(mass=2e12)
    early, late = merger_time(run(floor=5.0), units=compact), merger_time(run(floor=5.0), units=compact, hand_off=249.0)
    assert early.hand_off < 150.0
    assert early.waves < 0.02
    assert late.waves > 1.0
    truth = evolve(
        1.0 / 96.0, 0.6, mass_1=0.005, mass_2=0.005, hardening=early.fit.laws, speed_of_light=compact.speed_of_light
    )
    assert early.after_binding == pytest.approx(truth.merger_time[0], rel=0.02)


def test_heavier_galaxies_merge_sooner_in_their_units():
    light, heavy = (merger_time(run(floor=5.0), units=Units(mass=mass)) for mass in (2e10, 2e12))
    assert heavy.after_hand_off < light.after_hand_off
    # Of the same run, a hundred times the mass is ten times the velocity unit.
    assert light.units.speed_of_light == pytest.approx(10.0 * heavy.units.speed_of_light)


def test_an_exponential_law_may_stall():
    found = merger_time(run(floor=0.0), law="exponential", max_time=5e4)
    assert found.status == "stalled"
    assert math.isinf(found.merger_time)
    assert found.saturation == pytest.approx(1.0 / 396.0, rel=1e-3)
    assert sample_merger_times(found, samples=20).stalled == 1.0


def test_samples_surround_the_estimate_and_repeat():
    noisy = merger_time(run(kicks=3.0, turns=0.003, floor=5.0, seed=3), growth_law="exponential")
    samples = sample_merger_times(noisy, samples=400, seed=1)
    low, middle, high = samples.quantiles()
    assert low < noisy.after_binding < high
    assert middle == pytest.approx(noisy.after_binding, rel=0.2)
    np.testing.assert_array_equal(sample_merger_times(noisy, samples=400, seed=1).after_binding, samples.after_binding)
    quiet = sample_merger_times(merger_time(run(floor=5.0)), samples=50)
    np.testing.assert_allclose(quiet.after_binding, quiet.after_binding[0], rtol=1e-4)


def test_hardening_begins_where_the_pair_is_hard():
    wide = run(start=1.0, floor=1.0)
    assert hardening_begin(wide) == BINDING
    wider = Trajectory(wide.merger, wide.time, wide.energy * 0.5, wide.momentum, wide.separation)
    assert hardening_begin(wider) > BINDING
    assert 1.0 / wider.axis[np.searchsorted(wider.time, hardening_begin(wider))] == pytest.approx(60.5, rel=1e-2)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: merger_time(run(), hand_off=500.0), DomainError, "`hand_off` must lie within the run"),
        (lambda: merger_time(run(), hand_off=124.5), DataError, "too few"),
        (lambda: finite_rates(run(), since=110.0), DomainError, "not bound at t = 110"),
        (lambda: fit_hardening(run(), law="linear"), InputError, "no law `linear`"),
        (lambda: finite_rates(run(), blocks=2), InputError, "`blocks`"),
        (lambda: merger_time(run().part(104.0, 120.0)), DomainError, "is not bound"),
        (lambda: sample_merger_times(merger_time(run()), samples=0), InputError, "`samples`"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_pair_that_never_becomes_hard_is_named():
    soft = run()
    soft = Trajectory(soft.merger, soft.time, soft.energy * 0.05, soft.momentum, soft.separation)
    with pytest.raises(DomainError, match="never below"):
        merger_time(soft)
