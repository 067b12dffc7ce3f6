import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_mergers import BINDING, ensemble, made, speed

from swansong.binaries.learnt.conditions import Conditions
from swansong.binaries.learnt.curves import Split, begin_of, make_curves
from swansong.binaries.learnt.settings import CurveSettings, Recipe
from swansong.binaries.learnt.starts import StartLaw
from swansong.binaries.trajectories import Merger
from swansong.core.errors import ConfigError, DataError, DomainError

SETTINGS = CurveSettings(inverse_axis=100.0, duration=40.0, saves=21, energy_tolerance=2e-3)


def test_a_curve_begins_where_the_mean_of_the_inverse_axis_passes_the_threshold():
    run = made(0.9, 4096, 1)
    wanted = BINDING + 50.0 / speed(0.9, 4096)
    assert begin_of(run, SETTINGS) == pytest.approx(wanted, abs=0.3)
    assert begin_of(run, SETTINGS.model_copy(update={"begin": "binding"})) == BINDING
    assert begin_of(run, SETTINGS.model_copy(update={"begin": "run"})) == 0.0


def test_curves_hold_the_elements_of_the_run():
    run = made(0.9, 4096, 1)
    curves, left = make_curves([run], SETTINGS)
    expected = 1.0 / np.interp(curves.begin[0] + curves.time, run.time, run.axis)
    np.testing.assert_allclose(1.0 / curves.axis[0], expected, rtol=1e-3)
    assert not left.sentences
    assert curves.condition.tolist() == [[0.9, 4096.0]]


def test_a_running_mean_keeps_a_straight_line_and_removes_most_noise():
    settings = SETTINGS.model_copy(update={"smoothing": 4.0})
    run = made(0.9, 4096, 1)
    shaken = run.energy + 1e-2 * (-1.0) ** np.arange(len(run))
    rough = type(run)(run.merger, run.time, shaken, run.momentum, run.separation)
    for one, tolerance in ((run, 1e-3), (rough, 3e-3)):
        found, _ = make_curves([one], settings)
        at = found.begin[0] + found.time
        # E falls linearly, so that its mean over a whole window is its value in the middle.
        middle = slice(2, -2)
        true = np.interp(at, run.time, run.energy)
        np.testing.assert_allclose(found.state[0, middle, 0], true[middle], atol=tolerance)


def test_short_curves_are_known_only_as_far_as_they_reach():
    curves, left = make_curves([made(0.9, 2048, 1), made(0.9, 2048, 2, duration=40.0)], SETTINGS)
    assert curves.known[0].all()
    assert 0 < curves.known[1].sum() < 21
    assert not left.short
    settings = SETTINGS.model_copy(update={"shortest": 1.0})
    curves, left = make_curves([made(0.9, 2048, 1), made(0.9, 2048, 2, duration=40.0)], settings)
    assert len(curves) == 1
    assert "1 mergers end too early" in left.sentences[0]


def test_runs_with_a_large_energy_error_are_marked_and_not_used():
    curves, left = make_curves([made(0.9, 2048, 1), made(0.9, 2048, 2, energy_error=3e-3)], SETTINGS)
    assert [one.seed for one in curves.mergers] == [1]
    assert [one.seed for one in left.energy] == [2]
    # One that is not known, as in tables of other codes, counts as good.
    assert len(make_curves([made(0.9, 2048, 1, energy_error=float("nan"))], SETTINGS)[0]) == 1


def test_what_cannot_be_used_is_named():
    with pytest.raises(DataError, match="seed 3 is there twice"):
        make_curves([made(0.9, 2048, 3), made(0.9, 2048, 3)], SETTINGS)
    with pytest.raises(DataError, match="1 mergers never stay bound"):
        make_curves([made(0.9, 2048, 3, duration=4.0)], SETTINGS)


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.9]), st.sampled_from([2048, 4096, 8192])), min_size=24, max_size=60),
       st.integers(0, 9))  # fmt: skip
def test_the_split_is_stratified_and_holds_the_highest_resolution_out(kinds, seed):
    mergers = [Merger(e_gal, particles, place) for place, (e_gal, particles) in enumerate(kinds)]
    highest = max(one.particles for one in mergers)
    lower = sum(one.particles < highest for one in mergers)
    if lower < 8:
        return
    split = Split.of(mergers, SETTINGS, seed=seed)
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(mergers)))
    assert all(mergers[row].particles < highest for row in (*split.train, *split.validation))
    for part in (split.validation, np.array([row for row in split.test if mergers[row].particles < highest])):
        assert len(part) == max(1, round(lower / 8))
        for key in set(kinds):
            group = [row for row in range(len(mergers)) if kinds[row] == key and key[1] < highest]
            assert abs(np.isin(group, part).sum() - len(group) / 8) <= 2.0
    again = Split.of(mergers, SETTINGS, seed=seed)
    assert all(np.array_equal(getattr(split, name), getattr(again, name)) for name in ("train", "validation", "test"))


def test_one_resolution_cannot_be_split():
    with pytest.raises(DataError, match="all 4 mergers have N = 2048"):
        Split.of([Merger(0.9, 2048, seed) for seed in range(4)], SETTINGS, seed=0)


def test_features_are_standardised_and_what_was_not_learnt_is_named():
    condition = np.array([[0.5, 2048.0], [0.9, 2048.0], [0.9, 8192.0]])
    conditions = Conditions.of(condition)
    features = np.asarray(conditions.features(condition))
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(features.std(axis=0), 1.0)
    with pytest.raises(DomainError, match=r"e_gal = 0.95 lies outside the learnt range \[0.5, 0.9\]"):
        conditions.check(np.array([[0.95, 4096.0]]))
    with pytest.raises(DomainError, match=r"N = 16384 lies outside"):
        conditions.check(np.array([[0.9, 16384.0]]))
    assert len(conditions.check(np.array([[0.95, 16384.0]]), extrapolate=True)) == 2
    assert conditions.check(np.array([[0.7, 4096.0]])) == ()


def test_the_law_of_beginnings_recovers_a_known_one():
    rng = np.random.default_rng(4)
    features = rng.standard_normal((3000, 2))
    spread = np.exp(np.stack([0.3 * features[:, 1], 0.5 * features[:, 0], 0.0 * features[:, 0]], axis=1))
    normal = rng.standard_normal((3000, 3))
    normal[:, 1] = 0.6 * normal[:, 0] + 0.8 * normal[:, 1]
    centre = np.stack([100.0 + 3.0 * features[:, 0] ** 2, features[:, 1], features[:, 0] ** 3], axis=1)
    law = StartLaw.fit(features, centre + np.array([1.0, 2.0, 0.5]) * spread * normal)
    place = np.array([0.5, -0.5])
    np.testing.assert_allclose(law.centre(place), [100.75, -0.5, 0.125], atol=0.2)
    drawn = np.asarray(law.draw(np.broadcast_to(place, (20000, 2)), rng.standard_normal((20000, 3))))
    expected = np.array([np.exp(-0.15), 2.0 * np.exp(0.25), 0.5])
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.08)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.6, abs=0.05)


def test_a_law_of_beginnings_from_few_mergers_of_one_kind_is_their_mean_and_scatter():
    starts = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 5.0], [2.0, 2.0, 1.0]])
    law = StartLaw.fit(np.zeros((3, 2)), starts)
    np.testing.assert_allclose(law.centre(np.zeros(2)), starts.mean(axis=0))
    drawn = np.asarray(law.draw(np.zeros((4000, 2)), np.random.default_rng(0).standard_normal((4000, 3))))
    assert drawn[:, 0].std() == pytest.approx(1.0, rel=0.2)
    assert drawn[:, 1].std() < 0.01


def test_recipes_ship_and_refuse_what_makes_no_sense():
    from swansong.binaries.learnt.settings import RECIPES
    from swansong.core.config import load

    for name, stages in (("paper", 2), ("rates", 1)):
        recipe = load(Recipe, RECIPES / f"{name}.toml")
        assert (recipe.estimator, len(recipe.curriculum)) == (name, stages)
    with pytest.raises(ConfigError, match="a pair that is not bound has none"):
        load(Recipe, RECIPES / "rates.toml", overrides=["curves.begin=run"])
    with pytest.raises(ConfigError, match="part 1 5 steps"):
        load(Recipe, RECIPES / "rates.toml", overrides=["curriculum=[{steps=5}]", "training.warmup_steps=20"])


def test_the_made_mergers_can_be_split():
    curves, _ = make_curves(ensemble(), SETTINGS)
    split = Split.of(curves.mergers, SETTINGS, seed=0)
    assert len(split.train) == 18
