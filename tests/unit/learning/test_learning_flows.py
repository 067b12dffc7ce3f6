import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from swansong.core.errors import ConfigError
from swansong.learning.couplings import CircularSpline
from swansong.learning.flows import _orders, conditional_flow
from swansong.learning.splines import count_parameters, rational_quadratic

KEY = jax.random.key(2)
CONTEXT = jnp.array([0.3, -1.0])
KINDS = {
    "affine": {"transformer": "affine"},
    "affine, embedded context": {
        "transformer": "affine",
        "separate_networks": True,
        "embedding": eqx.nn.Linear(2, 2, dtype=jnp.float32, key=KEY),
    },
    "spline": {"permutation": "alternate"},
    "spline with an angle": {"periodic": (1,)},
    "angles only": {"periodic": (0, 1)},
}


def perturbed(tree, size=0.2):
    """A flow that is no longer the identity."""
    random = np.random.default_rng(5)

    def move(leaf):
        return leaf + jnp.asarray(size * random.standard_normal(leaf.shape), leaf.dtype)

    return jax.tree.map(lambda leaf: move(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)


@functools.cache
def build(kind, dimension=2, layers=3):
    options = {"dimension": dimension, "context": 2, "layers": layers, "width": 8, "depth": 1, "knots": 6}
    return conditional_flow(key=KEY, **{**options, **KINDS[kind]})


@pytest.fixture(params=["affine, embedded context", "spline", "spline with an angle"])
def flow(request):
    return perturbed(build(request.param))


@eqx.filter_jit
def layer_facts(flow, z):
    """Forward and back in float64, with the Jacobian."""
    flow = jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if eqx.is_inexact_array(leaf) else leaf, flow)
    condition = jnp.asarray(flow._embed(CONTEXT), jnp.float64)

    def one(z):
        x, log_det = flow.layers.transform_and_log_det(z, condition)
        jacobian = jax.jacfwd(lambda z: flow.layers.transform_and_log_det(z, condition)[0])(z)
        return x, log_det, jacobian, *flow.layers.inverse_and_log_det(x, condition)

    return jax.vmap(one)(z)


@eqx.filter_jit
def log_probs(flow, x, context=CONTEXT):
    return jax.vmap(lambda x: flow.log_prob(x, context))(x)


@eqx.filter_jit
def draws(flow, n):
    return flow.sample_and_log_prob(KEY, n, CONTEXT)


def test_layers_invert_and_their_log_determinant_is_the_jacobians(flow):
    z = jnp.asarray(np.random.default_rng(0).uniform(-3.0, 3.0, (20, 2)))
    x, log_det, jacobian, back, log_det_back = layer_facts(flow, z)
    np.testing.assert_allclose(back, z, atol=1e-8)
    np.testing.assert_allclose(log_det_back, -log_det, atol=1e-8)
    np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], log_det, atol=1e-8)
    assert np.max(np.abs(x - z)) > 0.1


def test_density_integrates_to_one_and_draws_follow_it(flow):
    periodic = np.asarray(flow.periodic)
    reach = 25.0 if flow.layers.bijection.transformer == "affine" else 8.0
    axes = [np.linspace(-np.pi, np.pi, 301)[:-1] if p else np.linspace(-reach, reach, 801) for p in periodic]
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(log_probs(flow, x)).reshape(len(axes[0]), len(axes[1]))
    assert np.sum(density) * cell == pytest.approx(1.0, abs=3e-3)
    points, log_prob = draws(flow, 2000)
    assert points.dtype == log_prob.dtype == jnp.float32
    found = log_probs(flow, points)
    np.testing.assert_allclose(np.quantile(np.abs(found - log_prob), 0.99), 0.0, atol=2e-3)
    for axis, values, marginal in zip(axes, np.asarray(points).T, (density.sum(1), density.sum(0)), strict=True):
        step = axis[1] - axis[0]
        cdf = np.cumsum(marginal) / np.sum(marginal)
        assert scipy.stats.kstest(values, lambda v, a=axis, c=cdf, h=step: np.interp(v, a + h / 2, c)).pvalue > 1e-3


def test_context_moves_the_density_with_finite_gradients_in_float32(flow):
    inexact = jax.tree.leaves(eqx.filter(flow, eqx.is_inexact_array))
    assert {leaf.dtype for leaf in inexact} == {jnp.dtype(jnp.float32)}

    @eqx.filter_jit
    def slopes(both):
        return eqx.filter_grad(lambda both: both[0].log_prob(jnp.array([0.2, 0.4]), both[1]))(both)

    by_weight, by_context = slopes((flow, CONTEXT))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(by_weight))
    assert np.all(by_context != 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_untrained_flow_is_its_base_density(kind):
    flow = build(kind)
    x = np.array([[0.5, -1.0], [2.0, 3.0]])
    base = np.where(np.asarray(flow.periodic), -np.log(2 * np.pi), scipy.stats.norm.logpdf(x))
    np.testing.assert_allclose(log_probs(flow, x), np.sum(base, axis=1), atol=1e-5)


@pytest.mark.parametrize("random", [True, False])
@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_every_coordinate_moves_in_two_layers(dimension, random):
    orders = np.asarray(_orders(KEY, dimension=dimension, layers=5, random=random))
    assert orders.shape == (5, dimension)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.arange(dimension)[None].repeat(5, 0))
    moving = orders[:, dimension // 2 :]
    assert set(moving[0]) | set(moving[1]) == set(range(dimension))


def test_one_coordinate_without_context_is_a_free_spline():
    flow = perturbed(conditional_flow(key=KEY, dimension=1, layers=2, width=8))
    grid = np.linspace(-20, 20, 4001)
    log_prob = eqx.filter_jit(lambda flow, x: jax.vmap(flow.log_prob)(x))(flow, grid[:, None])
    assert np.sum(np.exp(log_prob)) * 0.01 == pytest.approx(1.0, abs=1e-3)
    assert np.max(np.abs(log_prob - scipy.stats.norm.logpdf(grid))) > 0.1


def test_angles_have_no_seam():
    flow = perturbed(build("spline with an angle"))
    x = np.array([[0.3, t] for t in (np.pi - 1e-5, -np.pi + 1e-5, 3 * np.pi - 1e-5)])
    values = log_probs(flow, x)
    np.testing.assert_allclose(values, values[0], atol=1e-3)


def test_circular_spline_is_a_bijection_of_the_circle_with_matched_slopes():
    raw = jax.random.normal(KEY, (count_parameters(8),))
    spline = CircularSpline(raw, jnp.asarray(1.0))
    x = jnp.linspace(-np.pi, np.pi, 101)[:-1]
    y, log_slope = jax.jit(jax.vmap(spline.transform_and_log_det))(x)
    back, log_back = jax.jit(jax.vmap(spline.inverse_and_log_det))(y)
    np.testing.assert_allclose(np.cos(back - x), 1.0, atol=1e-12)
    np.testing.assert_allclose(log_back, -log_slope, atol=1e-8)
    assert np.mean(np.exp(log_slope)) == pytest.approx(1.0, abs=0.02)
    edge = jax.jit(jax.vmap(spline.transform_and_log_det))(jnp.array([-np.pi + 1e-9, np.pi - 1e-9]))[1]
    assert float(edge[0]) == pytest.approx(float(edge[1]), abs=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_spline_inverse_slope_and_ends(tied):
    raw = 2.0 * jax.random.normal(KEY, (200, count_parameters(10)))
    x = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, 200))
    forward = jax.jit(lambda x: rational_quadratic(x, raw=raw, tied=jnp.full(200, tied), inverse=False))
    y, log_slope = forward(x)
    back, _ = jax.jit(lambda y: rational_quadratic(y, raw=raw, tied=jnp.full(200, tied), inverse=True))(y)
    np.testing.assert_allclose(back, x, atol=1e-10)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(forward(x)[0])))(x)
    np.testing.assert_allclose(jnp.log(slope), log_slope, atol=1e-9)
    ends = jnp.asarray(np.where(np.arange(200) % 2, 1.0, -1.0))
    np.testing.assert_allclose(forward(ends)[0], ends, atol=1e-12)
    outside, flat = forward(3.0 * ends)
    np.testing.assert_array_equal(outside, 3.0 * ends)
    np.testing.assert_array_equal(flat, 0.0)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"transformer": "affine", "periodic": (0,)}, "needs transformer = 'spline'"),
        ({"separate_networks": True}, "needs transformer = 'affine'"),
        ({"periodic": (3,)}, "indices below 2"),
        ({"layers": 0}, "`layers` must be at least 1"),
        ({"knots": 1}, "`knots` must lie"),
        ({"transformer": "planar"}, "got 'planar'"),
    ],
)
def test_refuses_contradictions(options, words):
    with pytest.raises(ConfigError, match=words):
        conditional_flow(key=KEY, dimension=2, **options)
