"""The learnt equations before any training: coordinates, limits, and what their pieces compute."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_mergers import ensemble
from paramax import NonTrainable

from swansong.binaries.learnt.batches import Batch, MemberBatches, compared, validation_batch
from swansong.binaries.learnt.curves import make_curves
from swansong.binaries.learnt.pnode import PairEquation, curve_loss
from swansong.binaries.learnt.rates import RatesEquation, from_soft, from_state, soft_coordinate, to_state
from swansong.binaries.learnt.sensitivities import Knobs, member_times, sensitivity
from swansong.binaries.learnt.settings import LossSettings, Recipe
from swansong.binaries.learnt.surrogate import Surrogate
from swansong.binaries.trajectories import Merger
from swansong.binaries.units import Units
from swansong.core.errors import DomainError, InputError

CURVES = {"duration": 40.0, "saves": 17}
SMALL = {"members": 2, "curves": CURVES, "solver": {"relative": 1e-8, "absolute": 1e-9}}


@pytest.fixture(scope="module")
def curves():
    recipe = Recipe(**SMALL)
    return make_curves(ensemble(), recipe.curves)[0]


@pytest.fixture(scope="module")
def rates(curves):
    return RatesEquation.build(Recipe(**SMALL, network={"width": 8, "depth": 2}), curves=curves, key=jax.random.key(0))


@given(st.floats(1e-5, 1.0), st.floats(1e-3, 0.9999))
def test_the_state_of_an_ellipse_and_back(axis, e):
    with jax.disable_jit():
        x, u = to_state(jnp.asarray(axis), jnp.asarray(e))
        back = from_state(x, u)
        np.testing.assert_allclose([float(one) for one in back], [axis, e], rtol=1e-8)
        np.testing.assert_allclose(float(from_soft(soft_coordinate(u))), e, rtol=1e-7)


def test_the_soft_coordinate_is_flat_at_the_circle_and_follows_u_elsewhere():
    _, u = to_state(jnp.ones(3), jnp.array([1e-3, 3e-3, 0.95]))
    w = np.asarray(soft_coordinate(u))
    assert w[1] - w[0] < 2e-4
    assert w[0] == pytest.approx(np.log(0.09), abs=1e-3)
    assert w[2] == pytest.approx(float(u[2]), abs=0.1)
    assert float(from_soft(jnp.array(-9.0))) == 0.0


def test_untrained_rates_harden_at_the_typical_rate_and_keep_the_eccentricity(rates):
    start = jnp.broadcast_to(jnp.stack(to_state(jnp.array(0.01), jnp.array(0.6))), (2, 1, 2))
    times = jnp.linspace(0.0, 40.0, 5)
    found = rates.curves(start, jnp.full((2, 1, 2), jnp.array([0.9, 4096.0])), elapsed=jnp.zeros((2, 1)), times=times)
    axis, e = from_state(found[..., 0], found[..., 1])
    np.testing.assert_allclose(1.0 / axis[0, 0], 100.0 + float(rates.speed.tree) * times, rtol=1e-7)
    np.testing.assert_allclose(e, 0.6, rtol=1e-9)
    assert np.all(np.diff(found[..., 2:], axis=2) > 0.0)


def test_the_rates_hold_beyond_what_was_learnt(rates):
    noisy = eqx.tree_at(lambda one: one.drift.layers[-1].weight, rates, rates.drift.layers[-1].weight + 0.3)
    condition = jnp.full((2, 1, 2), jnp.array([0.9, 4096.0]))
    longest = float(rates.reach.tree[3])
    largest = float(rates.reach.tree[2])
    told = [
        noisy.rates(jnp.full((2, 1), x), jnp.full((2, 1), 0.5), elapsed=jnp.full((2, 1), t), condition=condition)
        for x, t in ((largest, longest), (largest + 3.0, longest + 500.0), (largest - 0.5, 0.5 * longest))
    ]
    np.testing.assert_allclose(told[0], told[1])
    assert not np.allclose(told[0][0], told[2][0])
    assert np.all(np.asarray(told)[:, 0] > 0.0)


# Sheet of check values of the semi-analytical model, q = 1, m = 0.01, a = 1/60, K = 0.
@pytest.mark.parametrize(("speed", "e", "expected"), [(5.0, 0.5, 1336.0), (5.0, 0.97, 250.0), (10.0, 0.9, 315.0)])
def test_merger_times_of_constant_rates_are_the_published_ones(rates, speed, e, expected):
    constant = eqx.tree_at(lambda one: one.speed, rates, NonTrainable(jnp.asarray(speed)))
    found = _times(constant, Knobs(1.0 / 60.0, e))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


_compiled = eqx.filter_jit(member_times)


def _times(equation, knobs):
    # Numbers would be compiled in, arrays are not.
    arrays = jax.tree.map(jnp.asarray, knobs)
    return _compiled(equation, arrays, mass_1=0.005, mass_2=0.005, speed_of_light=Units().speed_of_light)


def test_derivatives_of_merger_times_agree_with_finite_differences(rates):
    key = jax.random.key(3)
    last = rates.drift.layers[-1].weight
    learnt = eqx.tree_at(lambda one: one.drift.layers[-1].weight, rates, 0.3 * jax.random.normal(key, last.shape))
    surrogate = Surrogate(learnt, Recipe(**SMALL), frozenset())
    found = sensitivity(surrogate, Merger(0.9, 4096, 0), axis=0.01, eccentricity=0.6, elapsed=3.0)
    np.testing.assert_allclose(found.merger_time, _times(learnt, found.knobs), rtol=1e-6)
    for name in ("axis", "eccentricity", "hardening", "growth", "particles"):
        place, value = Knobs._fields.index(name), float(getattr(found.knobs, name))
        step = 3e-3 * value
        high, low = (_times(learnt, found.knobs._replace(**{name: value + d})) for d in (step, -step))
        slope = (np.asarray(high) - np.asarray(low)) / (2.0 * step)
        scale = found.merger_time.max() / value
        np.testing.assert_allclose(found.gradient[:, place], slope, rtol=2e-3, atol=5e-4 * scale)


def test_sensitivities_refuse_what_has_none(rates, curves):
    surrogate = Surrogate(rates, Recipe(**SMALL), frozenset())
    with pytest.raises(DomainError, match="e in \\(0, 1\\)"):
        sensitivity(surrogate, Merger(0.9, 4096, 0), axis=0.01, eccentricity=0.0)
    with pytest.raises(DomainError, match="N = 65536 lies outside"):
        sensitivity(surrogate, Merger(0.9, 65536, 0), axis=0.01, eccentricity=0.5)
    paper = PairEquation.build(Recipe(estimator="paper", **SMALL), curves=curves, key=jax.random.key(0))
    with pytest.raises(InputError, match="take the estimator `rates`"):
        sensitivity(dataclasses.replace(surrogate, equation=paper), Merger(0.9, 4096, 0), axis=0.01, eccentricity=0.5)


def test_the_paper_loss_is_huber_with_more_weight_on_momentum(curves):
    recipe = Recipe(estimator="paper", **SMALL, network={"width": 4, "depth": 1})
    model = PairEquation.build(recipe, curves=curves, key=jax.random.key(1))
    # A field of zero keeps every curve where it begins.
    flat = eqx.tree_at(lambda one: one.networks, model, jax.tree.map(jnp.zeros_like, model.networks))
    start = jnp.broadcast_to(model.mean.tree, (2, 1, 2))
    target = jnp.stack([start, start + jnp.array([0.1, 2.0]) * model.scale.tree], axis=2)
    batch = Batch(start, jnp.zeros((2, 1)), jnp.full((2, 1, 2), jnp.array([0.9, 4096.0])), target, jnp.ones((2, 1, 2)))
    loss, metrics = curve_loss(
        flat, batch, times=jnp.array([0.0, 40.0]), settings=LossSettings(huber=0.5, momentum_weight=3.0)
    )
    expected = 0.5 * (0.5 * 0.1**2 + 3.0 * 0.5 * (2.0 - 0.25)) / 4.0
    assert float(loss) == pytest.approx(expected, rel=1e-9)
    assert float(metrics["momentum"]) == pytest.approx(1.0)


def test_a_linear_field_is_solved_exactly(curves):
    recipe = Recipe(estimator="paper", **SMALL, network={"width": 4, "depth": 1})
    model = PairEquation.build(recipe, curves=curves, key=jax.random.key(1))
    # ELU is the identity above zero: bias 10 keeps it there.
    weight = jnp.zeros((2, 4, 4)).at[:, 0, 0].set(1.0).at[:, 1, 1].set(1.0)
    out = jnp.zeros((2, 2, 4)).at[:, 0, 0].set(-1.0).at[:, 1, 1].set(0.5)
    last = jnp.broadcast_to(jnp.array([10.0, -5.0]), (2, 2))
    model = eqx.tree_at(
        lambda one: [one.networks.layers[0].weight, one.networks.layers[0].bias, one.networks.layers[1].weight,
                     one.networks.layers[1].bias],
        model,
        [weight, jnp.full((2, 4), 10.0), out, last],
    )  # fmt: skip
    start = jnp.broadcast_to(model.mean.tree + model.scale.tree, (2, 1, 2))
    times = jnp.linspace(0.0, 40.0, 5)
    found = model.curves(start, jnp.full((2, 1, 2), jnp.array([0.9, 4096.0])), times=times)
    expected = np.exp(np.array([-1.0, 0.5]) * np.linspace(0.0, 1.0, 5)[:, None])
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


def test_batches_take_curves_up_where_they_say(curves):
    values = RatesEquation.coordinates(curves)
    source = MemberBatches.build(
        curves.time, values, condition=curves.condition, known=curves.known, share=1.0, members=3, shifted=1.0, seed=1
    )
    batch = source.batch(jax.random.key(2), 16)
    assert batch.target.shape == (3, 16, 17, 2)
    place = np.round(np.asarray(batch.elapsed) / 2.5).astype(int)
    assert place.max() > 3
    np.testing.assert_array_equal(batch.start, batch.target[:, :, 0])
    for member in range(3):
        for row in range(16):
            same = np.flatnonzero(np.all(values[:, place[member, row]] == np.asarray(batch.start[member, row]), axis=1))
            left = 17 - place[member, row]
            np.testing.assert_array_equal(batch.target[member, row, :left], values[same[0], place[member, row] :])
            np.testing.assert_array_equal(batch.weight[member, row, left:], 0.0)
            assert same[0] in np.asarray(source.rows[member])


def test_the_first_share_of_what_is_known_is_compared():
    known = np.arange(9) < np.array([[9], [5], [2]])
    assert compared(known, 0.5).sum(axis=1).tolist() == [5.0, 3.0, 2.0]
    assert compared(known, 1.0).sum(axis=1).tolist() == [9.0, 5.0, 2.0]
    batch = validation_batch(np.zeros((3, 9, 2)), condition=np.ones((3, 2)), known=known, share=0.5, members=4)
    assert batch.weight.shape == (1, 4, 3, 9)
