"""Scatter and tails of learnt orbits, from mergers that members of an ensemble have left out."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_mergers import ensemble
from paramax import NonTrainable, unwrap
from scipy.stats import kstest
from scipy.stats import t as student

from swansong.binaries.learnt.batches import samples
from swansong.binaries.learnt.calibration import Held, calibrated, forecasts, student_noise
from swansong.binaries.learnt.curves import make_curves
from swansong.binaries.learnt.pnode import PairEquation, scatter_along
from swansong.binaries.learnt.rates import RatesEquation, from_soft
from swansong.binaries.learnt.settings import Recipe
from swansong.binaries.learnt.surrogate import Surrogate
from swansong.binaries.trajectories import Merger

RECIPE = Recipe(members=3, curves={"duration": 40.0, "saves": 17}, network={"width": 8, "depth": 2})


@pytest.fixture(scope="module")
def curves():
    return make_curves(ensemble(), RECIPE.curves)[0]


@pytest.fixture(scope="module")
def equation(curves):
    model = RatesEquation.build(RECIPE, curves=curves, key=jax.random.key(0))
    # Little scatter, so that no draw lies beyond the circle, where the law would be another.
    return eqx.tree_at(lambda one: one.scatter, model, NonTrainable(jnp.full(2, 0.01)))


def test_members_are_asked_for_what_their_sample_lacks(curves):
    rows = samples(len(curves), members=3, seed=4)
    held = Held.of(curves, curves.select(np.arange(2)), rows)
    for place, merger in enumerate(held.curves.mergers[2:], start=2):
        row = curves.mergers.index(merger)
        np.testing.assert_array_equal(held.unseen[:, place], [row not in sample for sample in rows])
        assert held.unseen[:, place].any()
    assert held.unseen[:, :2].all()
    lacking = [row for row in range(len(curves)) if any(row not in sample for sample in rows)]
    assert len(held.curves) == 2 + len(lacking)


def test_a_single_member_sees_all_and_only_validation_is_left(curves):
    held = Held.of(curves, curves.select(np.arange(2)), samples(len(curves), members=1, seed=4))
    assert held.curves.mergers == curves.mergers[:2]


@pytest.mark.parametrize("freedom", [3.0, 20.0])
def test_noise_holds_68_percent_within_one_whatever_its_tails(freedom):
    drawn = student_noise(np.random.default_rng(3), (20_000,), np.array([freedom, 200.0]))
    assert np.mean(np.abs(drawn) < 1.0, axis=0) == pytest.approx(0.6827, abs=0.01)
    unit = student.ppf(0.84135, freedom)
    assert kstest(drawn[:, 0] * unit, student(freedom).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("width", "freedom"), [(1.0, 200.0), (2.0, 200.0), (1.0, 3.0)])
def test_scatter_and_tails_of_made_residuals_are_found(curves, equation, width, freedom):
    many = curves.select(np.arange(60) % len(curves))
    values = equation.coordinates(many)
    mean, variance = map(np.asarray, forecasts(equation, values[:, 0], many.condition, np.zeros(60), many.time))
    rng = np.random.default_rng(5)
    noise = student_noise(rng, (len(many), 1), np.array([200.0, freedom]))
    noise[..., 0] *= width
    centre = mean.mean(axis=0) + noise * np.sqrt(variance.mean(axis=0))
    axis, e = np.exp(-centre[..., 0]), np.asarray(from_soft(centre[..., 1]))
    mu = many.mu[:, None]
    state = np.stack([-0.5 * mu / axis, np.sqrt(mu * axis * (1.0 - e**2))], axis=-1)
    state[:, 0] = many.state[:, 0]
    made = dataclasses.replace(many, state=state)
    found = calibrated(equation, Held(made, np.ones((3, len(made)), bool)))
    shrunk = 0.5**2 / (0.5**2 + 2.0 / len(made))
    assert float(unwrap(found.scatter)[0]) == pytest.approx(width ** (2 * shrunk), rel=0.5)
    freedoms = np.asarray(unwrap(found.freedom))
    assert freedoms[0] > 5.0
    assert (freedoms[1] < 6.0) == (freedom == 3.0)


def test_the_scatter_of_the_published_equation_follows_the_energy(curves):
    # A single member: nothing of the scatter is among members.
    alone = RECIPE.model_copy(update={"members": 1})
    model = PairEquation.build(alone, curves=curves, key=jax.random.key(2))
    many = curves.select(np.arange(80) % len(curves))
    mean, _ = forecasts(model, model.coordinates(many)[:, 0], many.condition, np.zeros(80), many.time)
    centre = np.asarray(mean).mean(axis=0)
    middle = np.median(centre[:, 1:, 0])
    sizes = np.where(centre[..., :1] > middle, [0.02, 0.5], [0.2, 0.05])
    drawn = centre + sizes * np.random.default_rng(6).standard_normal(centre.shape)
    state = drawn * np.asarray(unwrap(model.scale)) + np.asarray(unwrap(model.mean))
    state[:, 0] = many.state[:, 0]
    held = Held(dataclasses.replace(many, state=state), np.ones((1, len(many)), bool))
    table = np.asarray(unwrap(calibrated(model, held).scatter))
    assert np.all(np.diff(table[:, 0]) > 0.0)
    low, high = table[:5, 1:], table[-5:, 1:]
    assert np.sqrt(low.mean(axis=0)) == pytest.approx([0.2, 0.05], rel=0.15)
    assert np.sqrt(high.mean(axis=0)) == pytest.approx([0.02, 0.5], rel=0.15)


def test_scatter_stays_what_it_was_beyond_its_ends():
    table = jnp.array([[-1.0, 4.0, 1.0], [0.0, 2.0, 3.0]])
    mean = jnp.array([[-2.0, 9.0], [-0.5, 9.0], [1.0, 9.0]])
    np.testing.assert_allclose(scatter_along(mean, table), [[4.0, 1.0], [3.0, 2.0], [2.0, 3.0]])


def test_mergers_are_followed_as_long_as_their_kind_was_learnt(curves, equation):
    merger = Merger(0.7, 4096, 0)
    found = Surrogate(equation, RECIPE, frozenset(), until=((0.5, 40.0), (0.9, 20.0)))
    # Between e_gal = 0.5 and 0.9 the ends are interpolated in ln(1 - e_gal).
    share = np.log(0.5 / 0.3) / np.log(0.5 / 0.1)
    assert found.longest(merger) == pytest.approx(40.0 - 20.0 * share)
    assert found.times(merger)[[0, -1]].tolist() == [0.0, found.longest(merger)]
    assert Surrogate(equation, RECIPE, frozenset()).longest(merger) == 40.0
    whole = RECIPE.model_copy(
        update={"estimator": "paper", "curves": RECIPE.curves.model_copy(update={"begin": "run"})}
    )
    assert not found.limits
    assert "not resolved" in Surrogate(equation, whole, frozenset()).limits[0]
    assert dict(curves.until()) == {0.5: 40.0, 0.9: 40.0}
    half = curves.known & (np.arange(curves.known.shape[1]) < 9)
    assert dict(dataclasses.replace(curves, known=half).until()) == {0.5: 20.0, 0.9: 20.0}
