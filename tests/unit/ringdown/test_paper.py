import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.learning.plan import TrainingPlan
from swansong.ringdown.bank import make_bank
from swansong.ringdown.estimators import infer
from swansong.ringdown.events import simulate_event
from swansong.ringdown.fitting import fit
from swansong.ringdown.model import RingdownModel
from swansong.ringdown.paper import PaperAutoencoder, PaperLoss, StrainSource, to_parameters
from swansong.ringdown.settings import ModelSettings, PaperSettings, PriorSettings, Problem, Recipe

KEY = jax.random.key(0)
TINY = PaperSettings(
    filters=(6, 6), kernels=(8, 4), strides=(2, 2), dense=(24,), latent=3, components=4, ramp_start=5, ramp_end=20
)
STEPS = 30


def build(settings, *, detectors, samples, modes):
    make = eqx.nn.make_with_state(PaperAutoencoder)
    # Compiled, because the many small draws of the weights are slow one by one.
    return eqx.filter_jit(lambda: make(settings, detectors=detectors, samples=samples, modes=modes, key=KEY))()


@pytest.fixture(scope="module")
def source(small_analysis):
    return StrainSource.of(make_bank(small_analysis, rows=512, seed=1), small_analysis)


@pytest.fixture(scope="module")
def batch(source):
    return draw(source, KEY, 32)


@eqx.filter_jit
def draw(source, key, size):
    return source.batch(key, size)


@pytest.fixture(scope="module")
def tiny(small_analysis):
    return build(TINY, detectors=1, samples=small_analysis.geometry.samples, modes=1)


@pytest.fixture(scope="module")
def trained(small_problem, tmp_path_factory):
    plan = TrainingPlan(
        steps=STEPS,
        batch_size=32,
        schedule="constant",
        learning_rate=3e-3,
        optimizer="adam",
        weight_decay=2e-3,
        validate_every=5,
        validation_batches=2,
        best_after=STEPS,
    )
    parts = {name: getattr(small_problem, name) for name in Problem.model_fields}
    recipe = Recipe(**parts, estimator="paper", bank=512, paper=TINY, training=plan)
    folder = tmp_path_factory.mktemp("paper")
    return fit(recipe, seed=3, folder=folder, quiet=True), folder / "weights.h5"


@pytest.fixture(scope="module")
def published():
    """The shapes of the published networks; drawing 40 million weights would only cost time."""
    return eqx.filter_eval_shape(lambda: build(PaperSettings(), detectors=2, samples=410, modes=2))


def count(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree) if hasattr(leaf, "shape"))


@pytest.mark.parametrize(
    "name, extra, outputs",
    # Mixture: 24 (1 + 2 x 16); encoder 2 sees 4 numbers, 2 cosines and 2 sines; decoder: 6 means and 6 variances.
    [("prior_network", 0, 792), ("recognition", 8, 32), ("decoder", 16, 12)],
)
def test_published_size_layer_by_layer(published, name, extra, outputs):
    network = getattr(published[0], name)
    channels, kernels = [2, 96, 96, 96, 96, 96], [48, 32, 24, 16, 8]
    shapes = [layer.weight.shape for layer in network.convolutions]
    assert shapes == [(b, a, k) for a, b, k in zip(channels[:-1], channels[1:], kernels, strict=True)]
    assert [layer.stride for layer in network.convolutions] == [(2,), (2,), (1,), (2,), (1,)]
    # 410 samples, then 205, 103, 103, 52, 52 of 96 filters each.
    widths = [96 * 52 + extra, 2048, 1024, 512, outputs]
    layers = [*network.dense, network.last]
    assert [layer.weight.shape for layer in layers] == list(zip(widths[1:], widths[:-1], strict=True))
    assert network.dropout.p == 0.2
    convolutions = 9312 + 295008 + 221280 + 147552 + 73824
    dense = sum(a * b + b for a, b in itertools.pairwise(widths))
    norms = 2 * (5 * 96 + 2048 + 1024 + 512)
    assert count(network) == convolutions + dense + norms


def test_published_networks_evaluate_to_one_number_an_event(published):
    model, state = published
    strain = jax.ShapeDtypeStruct((4, 2, 410), jnp.float32)
    target = jax.ShapeDtypeStruct((4, 6), jnp.float32)

    def terms(model, state, strain, target):
        def one(x, y):
            return model.elbo_terms(x, y, state, key=KEY)

        return jax.vmap(one, axis_name="batch", out_axes=(0, None))(strain, target)

    (density, kl), new = eqx.filter_eval_shape(terms, model, state, strain, target)
    assert density.shape == kl.shape == (4,)
    assert density.dtype == kl.dtype == jnp.float32
    assert jax.tree.structure(new) == jax.tree.structure(state)


def test_strain_is_the_signal_of_its_truth_in_unit_noise(small_analysis, source):
    batch = draw(source, KEY, 400)
    assert batch.strain.shape == (400, 1, small_analysis.geometry.samples)
    assert batch.strain.dtype == jnp.float32
    assert batch.allowed.all()
    numbers = np.asarray(batch.target[:, :3])
    assert numbers.min() >= 0.0
    assert numbers.max() <= 1.0
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.06)
    theta = to_parameters(np.asarray(batch.target), small_analysis.model)
    noise = np.asarray(batch.strain) - small_analysis.whitened_signal(theta)
    # 400 events of 164 samples: five standard errors.
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1.0, abs=0.014)
    assert not np.array_equal(batch.strain, draw(source, jax.random.key(1), 400).strain)


def test_signals_and_truths_are_those_of_the_coefficients(source):
    strain, coefficients = draw(source, KEY, 16), draw(source.bank, KEY, 16)
    phase = np.arctan2(coefficients.quadratures[:, 1], coefficients.quadratures[:, 0])
    np.testing.assert_allclose(np.cos(strain.target[:, 3]), np.cos(phase), atol=1e-5)
    np.testing.assert_array_equal(strain.allowed, coefficients.allowed)


def value(model, state, batch, *, step=10):
    return compiled_value(model, state, batch, jnp.asarray(step))


@eqx.filter_jit
def compiled_value(model, state, batch, step):
    return PaperLoss(5, 20, 1)(model, state, batch, key=KEY, step=step)


@eqx.filter_jit
def slope_of_loss(model, state, batch):
    return eqx.filter_value_and_grad(lambda m: compiled_value(m, state, batch, jnp.asarray(10)), has_aux=True)(model)


def test_loss_is_finite_with_its_slope_and_one_step_down_the_slope_lowers_it(tiny, batch):
    model, state = tiny
    (before, (new, _)), slope = slope_of_loss(model, state, batch)
    leaves = jax.tree.leaves(slope)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)
    # Batch normalisation takes out the bias before it; every kernel must feel the loss.
    assert all(float(jnp.abs(leaf).max()) > 0.0 for leaf in leaves if leaf.ndim == 3)
    size = sum(float((leaf**2).sum()) for leaf in leaves)
    lower = eqx.apply_updates(model, jax.tree.map(lambda g: -0.02 / size * g, slope))
    assert slope_of_loss(lower, state, batch)[0][0] < before - 0.01
    # Every batch normalisation has taken notice of the batch.
    pairs = zip(jax.tree.leaves(new), jax.tree.leaves(state), strict=True)
    assert not any(np.array_equal(a, b) for a, b in pairs)


def test_loss_is_minus_the_bound_in_the_unit_cube(tiny, batch):
    model, state = tiny
    total, (_, metrics) = value(eqx.nn.inference_mode(model), state, batch, step=20)
    assert float(total) == pytest.approx(float(metrics["total"]), rel=1e-5)
    assert float(metrics["total"]) == pytest.approx(float(metrics["reconstruction"] + metrics["kl"]), rel=1e-5)
    first, (_, metrics) = value(eqx.nn.inference_mode(model), state, batch, step=3)
    assert float(first) == pytest.approx(float(metrics["reconstruction"]), rel=1e-5)
    # Untrained, the laws are nearly flat but for a broad von Mises: about 0 nats.
    assert abs(float(metrics["reconstruction"])) < 1.0


def test_events_below_the_cut_do_not_count(tiny, batch):
    model, state = eqx.nn.inference_mode(tiny[0]), tiny[1]
    cut = batch._replace(allowed=jnp.arange(32) < 20)
    other = cut._replace(target=cut.target.at[20:].set(0.25))
    assert float(value(model, state, cut)[0]) == float(value(model, state, other)[0])
    assert float(value(model, state, cut)[0]) != float(value(model, state, batch)[0])


def test_batch_statistics_rest_in_inference(tiny, batch):
    model, state = tiny
    new = value(eqx.nn.inference_mode(model), state, batch)[1][0]
    pairs = zip(jax.tree.leaves(new), jax.tree.leaves(state), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_training_lowers_the_loss(trained):
    history = trained[0].history
    assert trained[0].step == STEPS
    reconstruction = np.asarray(history.metrics["reconstruction"])
    assert np.isfinite(reconstruction).all()
    assert reconstruction[-1] < reconstruction[0] - 0.2


def test_samples_lie_in_the_prior_and_repeat_with_their_seed(trained, small_problem):
    event = simulate_event(small_problem, seed=5)
    # More than are drawn at once, and not a multiple of it.
    posterior = infer(event, estimator="paper", samples=1500, weights=trained[1], seed=1)
    assert posterior.estimator == "paper"
    assert posterior.samples.shape == (1500, 4)
    assert posterior.log_weights is None
    assert posterior.log_density is None
    assert any("no density" in text for text in posterior.warnings)
    for item in posterior.parameters:
        assert item.minimum <= posterior[item.name].min() < posterior[item.name].max() <= item.maximum
    assert posterior.metadata["outside_prior"] == 0.0
    again = infer(event, estimator="paper", samples=1500, weights=trained[1], seed=1)
    np.testing.assert_array_equal(again.samples, posterior.samples)


def test_saved_weights_carry_the_running_averages(trained, small_problem):
    event = simulate_event(small_problem, seed=5)
    strain = np.asarray(event.whitened, np.float32)
    model = eqx.nn.inference_mode(trained[0].model)
    target = model.sample(strain, trained[0].state, samples=1500, key=jax.random.key(1))
    expected = to_parameters(np.asarray(target), event.analysis.model)
    found = infer(event, estimator="paper", samples=1500, weights=trained[1], seed=1)
    np.testing.assert_array_equal(found.samples, expected)


def test_there_are_no_packaged_weights(small_problem):
    with pytest.raises(InputError, match=r"no trained weights of `paper` are packaged; train them .* `--weights FILE`"):
        infer(simulate_event(small_problem, seed=5), estimator="paper")


def test_parameters_come_in_the_order_and_units_of_the_model():
    model = RingdownModel.build(ModelSettings(), PriorSettings())
    target = np.array([[0.0, 1.0, 0.5, 0.25, -1.0, 7.0]], np.float32)
    theta = to_parameters(target, model)[0]
    expected = [20.0, 0.99, 5.05e-21, 2 * math.pi - 1.0, 2.575e-21, 7.0 - 2 * math.pi]
    np.testing.assert_allclose(theta, expected, rtol=1e-6)
