import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.core.errors import ConfigError, DataError
from swansong.learning.autoencoders import conditional_vae, ramp
from swansong.learning.compression import SVDBasis
from swansong.learning.networks import MLP, Convolution1D, ResidualMLP
from swansong.learning.scaling import Chained, Log, Standardize, UnitInterval

KEY = jax.random.key(3)
RANDOM = np.random.default_rng(0)


def arrays(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def test_mlp_is_its_formula():
    net = MLP(2, 3, width=4, depth=2, activation="tanh", residual=True, key=KEY)
    x = jnp.array([0.3, -1.0], jnp.float32)
    first, second, last = ((np.asarray(layer.weight), np.asarray(layer.bias)) for layer in net.layers)
    h = np.tanh(first[0] @ x + first[1])
    h = h + np.tanh(second[0] @ h + second[1])
    np.testing.assert_allclose(net(x), last[0] @ h + last[1], rtol=1e-5)
    assert net(x).dtype == jnp.float32
    assert {leaf.dtype for leaf in arrays(net)} == {jnp.dtype("float32")}


def test_mlp_can_start_at_zero_and_normalises_hidden_inputs():
    net = MLP(2, 3, width=4, depth=2, layer_norm=True, zero_last=True, key=KEY)
    np.testing.assert_array_equal(net(jnp.ones(2, jnp.float32)), 0.0)
    assert [norm is None for norm in net.norms] == [True, False]


def test_residual_blocks_start_as_the_identity():
    net = ResidualMLP(2, 3, width=4, blocks=2, key=KEY)
    x = jnp.array([0.3, -1.0], jnp.float32)
    expected = net.last(jax.nn.silu(net.last_norm(net.first(x))))
    np.testing.assert_allclose(net(x), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "options, words", [({"activation": "sine"}, "'sine'"), ({"width": 0}, "`width` must be at least 1, got 0")]
)
def test_networks_refuse_bad_choices(options, words):
    with pytest.raises(ConfigError, match=words):
        MLP(2, 3, **{"width": 4, "depth": 1, **options}, key=KEY)


def convolution(**options):
    sizes = {"filters": (4, 3), "kernels": (5, 3), "strides": (2, 3), "dense": (8,), "dropout": 0.5}
    return eqx.nn.make_with_state(Convolution1D)((2, 21), 5, **{**sizes, **options}, key=KEY)


def test_convolution_shapes_modes_and_state():
    net, state = convolution()
    # 21 samples, then 11, then 4.
    assert net.dense[0].in_features == 3 * 4
    x = jnp.asarray(RANDOM.standard_normal((6, 2, 21)), jnp.float32)
    y, new = mapped(net, x, state, jax.random.split(KEY, 6))
    assert y.shape == (6, 5)
    assert y.dtype == jnp.float32
    moved = [not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(new), jax.tree.leaves(state), strict=True)]
    assert any(moved)
    still = eqx.nn.inference_mode(net)
    one, _ = mapped(still, x, new, None)
    two, _ = mapped(still, x[:3], new, None)
    np.testing.assert_allclose(one[:3], two, rtol=1e-4, atol=1e-5)


@eqx.filter_jit
def mapped(net, x, state, keys):
    def one(x, key):
        return net(x, state, key=key)

    return jax.vmap(one, axis_name="batch", out_axes=(0, None))(x, keys)


def test_convolution_refuses_unequal_lists():
    with pytest.raises(ConfigError, match="must have equal lengths, got 2, 2 and 1"):
        convolution(strides=(2,))


DATA = np.exp(RANDOM.standard_normal((200, 3))) * [1.0, 10.0, 0.1] + [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "scaling",
    [
        Standardize.fit(DATA),
        UnitInterval.fit(DATA),
        Log((True, False, True)),
        Chained((Log((True, True, False)), Standardize.fit(DATA))),
    ],
    ids=["standardize", "unit interval", "log", "chained"],
)
def test_scalings_invert_and_know_their_jacobian(scaling):
    x = jnp.asarray(DATA[:5])
    np.testing.assert_allclose(scaling.inverse(scaling.forward(x)), x, rtol=1e-12)
    jacobian = jax.vmap(jax.jacfwd(scaling.forward))(x)
    np.testing.assert_allclose(scaling.log_det(x), np.linalg.slogdet(jacobian)[1], rtol=1e-10, atol=1e-12)


def test_scalings_fit_and_take_no_gradient():
    y = Standardize.fit(DATA).forward(jnp.asarray(DATA))
    np.testing.assert_allclose([np.mean(y, 0), np.std(y, 0)], [[0, 0, 0], [1, 1, 1]], atol=1e-12)
    unit = UnitInterval.fit(DATA).forward(jnp.asarray(DATA))
    np.testing.assert_allclose([np.min(unit, 0), np.max(unit, 0)], [[0, 0, 0], [1, 1, 1]], atol=1e-12)
    slope = eqx.filter_grad(lambda s: jnp.sum(s.forward(jnp.asarray(DATA)) ** 2))(Standardize.fit(DATA))
    assert all(np.all(leaf == 0.0) for leaf in arrays(slope))


@pytest.mark.parametrize("data", [np.ones((4, 2)), np.full((4, 2), np.nan), np.ones(3)])
def test_scalings_refuse_useless_data(data):
    with pytest.raises(DataError, match=r"`fit\(data\)` must"):
        Standardize.fit(data)


def examples(kind):
    """Rank 6 with falling strengths, and a little noise."""
    parts = RANDOM.standard_normal((2, 300, 6)) + (1j * RANDOM.standard_normal((2, 300, 6)) if kind == "complex" else 0)
    left, right = (np.linalg.qr(part)[0] for part in parts)
    noise = 1e-9 * RANDOM.standard_normal((300, 300))
    return (left * 10.0 ** -np.arange(6)) @ right[:40].conj().T + noise[:, :40]


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("seed", [None, 1])
def test_svd_finds_the_singular_values_and_reconstructs(kind, seed):
    data = examples(kind)
    basis = SVDBasis.fit(data, rank=6, seed=seed)
    exact = np.linalg.svd(data, compute_uv=False)[:6]
    np.testing.assert_allclose(basis.singular_values, exact, rtol=1e-5)
    gram = np.asarray(basis.vectors).conj().T @ np.asarray(basis.vectors)
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-10)
    assert basis.residual_quantiles(jnp.asarray(data))[1] < 1e-4
    short = SVDBasis.fit(data, rank=2, seed=seed)
    missed = np.linalg.norm(data - np.asarray(short.reconstruct(short.project(jnp.asarray(data)))))
    np.testing.assert_allclose(missed, np.linalg.norm(exact[2:]), rtol=1e-5)


def test_svd_whitens_and_centres():
    data = examples("real") + 3.0
    basis = SVDBasis.fit(data, rank=4, centred=True, whiten=True)
    coefficients = np.asarray(basis.project(jnp.asarray(data)))
    np.testing.assert_allclose(coefficients.T @ coefficients / len(data), np.eye(4), atol=1e-8)
    np.testing.assert_allclose(np.mean(coefficients, 0), 0.0, atol=1e-6)


def test_svd_keeps_float32_and_refuses_a_rank_out_of_range():
    assert SVDBasis.fit(DATA.astype(np.float32), rank=2, seed=0).vectors.dtype == jnp.float32
    with pytest.raises(DataError, match="must lie between 1 and 3, got 4"):
        SVDBasis.fit(DATA, rank=4)


def small_vae():
    sizes = {"latent": 2, "components": 3, "features": 8, "width": 16, "blocks": 1, "depth": 1}
    return conditional_vae(key=KEY, context=3, bounded=2, angles=1, **sizes)


def test_vae_terms_bound_the_density_and_draws_stay_in_range():
    vae = small_vae()
    assert {leaf.dtype for leaf in arrays(vae)} == {jnp.dtype("float32")}
    context, target = jnp.array([0.1, 2.0, -1.0]), jnp.array([0.2, 0.0, 2.0])

    @eqx.filter_jit
    def evaluate(vae):
        terms = jax.vmap(lambda key: vae.elbo_terms(context, target, key=key))(jax.random.split(KEY, 1000))
        return terms, vae.log_prob(context, target, draws=1000, key=KEY), vae.sample(context, 500, KEY)

    (reconstruction, kl), log_prob, draws = evaluate(vae)
    gap = float(log_prob - jnp.mean(reconstruction - kl))
    assert 0.0 < gap < 2.0
    assert float(jnp.mean(kl)) > 0.0
    assert draws.shape == (500, 3)
    assert np.all((draws[:, :2] >= 0.0) & (draws[:, :2] <= 1.0) & np.isfinite(draws[:, :2]))
    assert np.all(np.abs(draws[:, 2]) <= np.pi + 1e-6)


def test_vae_density_is_normalised():
    vae = small_vae()
    context = jnp.array([0.1, 2.0, -1.0])
    u = np.random.default_rng(1).random((500, 3))
    targets = jnp.asarray(np.column_stack([u[:, :2], 2 * np.pi * (u[:, 2] - 0.5)]))

    @eqx.filter_jit
    def densities(vae):
        keys = jax.random.split(KEY, 500)
        return jnp.exp(jax.vmap(lambda t, key: vae.log_prob(context, t, draws=32, key=key))(targets, keys))

    found = np.asarray(densities(vae)) * 2 * np.pi
    assert np.mean(found) == pytest.approx(1.0, abs=5 * np.std(found) / np.sqrt(500))
    assert np.std(found) < 1.0


def test_ramp_drowns_the_decoders_context_and_widens_its_intervals():
    vae = small_vae()
    context, target = jnp.array([0.1, 2.0, -1.0]), jnp.array([0.2, 0.7, 2.0])

    @eqx.filter_jit
    def slopes(vae, share):
        def reconstruction(features):
            blind = eqx.tree_at(lambda v: (v.trunk, v.recognition), vae, (lambda _: features, lambda *_: fixed))
            return blind.elbo_terms(context, target, key=KEY, ramp=share)[0]

        fixed = vae.recognition(vae.trunk(context.astype(jnp.float32)), vae.target_features(target.astype(jnp.float32)))
        return jax.grad(reconstruction)(vae.trunk(context.astype(jnp.float32)))

    np.testing.assert_array_equal(slopes(vae, 0.0), 0.0)
    assert np.any(slopes(vae, 1.0) != 0.0)
    law = vae.decoder(jnp.zeros(8, jnp.float32), jnp.zeros(2, jnp.float32), ramp=0.25)
    assert (float(law.bounded.low), float(law.bounded.high)) == (-7.5, 8.5)


@pytest.mark.parametrize("shape, middle", [("linear", 0.5), ("log", np.log(2.0) / np.log(3.0))])
def test_ramp_rises_from_zero_to_one(shape, middle):
    found = [float(ramp(step, start=100, end=300, shape=shape)) for step in (0, 100, 200, 300, 1000)]
    np.testing.assert_allclose(found, [0, 0, middle, 1, 1], rtol=1e-6)
    with pytest.raises(ConfigError, match="must rise"):
        ramp(1, start=300, end=300, shape=shape)
