import itertools
import math
import tomllib
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import swansong
from swansong.core.errors import ConfigError, InputError
from swansong.core.provenance import collect
from swansong.encounters.model import EncounterModel
from swansong.encounters.paper import PaperNetwork, paper_loss
from swansong.encounters.paper_embedding import ResidualBlock, StrainEmbedding
from swansong.encounters.paper_source import BandWhitening, make_paper_source, prior_scaling, whole_samples
from swansong.encounters.settings import DataSettings, PaperSettings, PriorSettings, Problem, Recipe
from swansong.encounters.waveform import polarizations
from swansong.learning.checkpoints import load_module, save_module
from swansong.learning.plan import TrainingPlan
from swansong.learning.scaling import Standardize
from swansong.learning.training import train
from swansong.signals import antenna_pattern, coloured_noise, load_spectrum, optimal_snr, time_delay

KEY = jax.random.key(0)
TINY = PaperSettings(
    filters=(4, 6),
    time_filters=(4, 6),
    time_kernels=(8, 32),
    branch=16,
    dense=(16, 8),
    skips=1,
    dropout=0.0,
    layers=4,
    layer_width=16,
    layer_depth=1,
    segment=0.5,
)
# The span of the times, 204.8 samples, is no whole number of them.
PROBLEM = Problem(
    prior=PriorSettings(pericentre_time=(-0.05, 0.15), minimum_snr=8.0),
    data=DataSettings(detectors=("H1", "L1"), rate=1024.0, duration=2.0),
)
SAMPLES = 512


def build(settings, *, detectors=2, samples=SAMPLES, parameters=11, key=KEY):
    scaling = Standardize(jnp.zeros(parameters), jnp.ones(parameters))
    make = eqx.nn.make_with_state(PaperNetwork)
    return make(settings, detectors=detectors, samples=samples, scaling=scaling, key=key)


def count(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree) if hasattr(leaf, "shape"))


def orders(model):
    return model.flow.layers.bijection.passive, model.flow.layers.bijection.active


def stirred(model):
    """The model with random weights everywhere: a new flow is the identity."""
    rng = np.random.default_rng(7)

    def stir(leaf):
        if not eqx.is_inexact_array(leaf) or leaf.dtype != jnp.float32 or leaf.ndim < 2:
            return leaf
        return leaf + jnp.asarray(0.3 / math.sqrt(leaf.shape[-1]) * rng.standard_normal(leaf.shape), jnp.float32)

    return jax.tree.map(stir, model)


@pytest.fixture(scope="module")
def fresh():
    return build(TINY)


@pytest.fixture(scope="module")
def tiny(fresh):
    return stirred(fresh[0]), fresh[1]


@pytest.fixture(scope="module")
def source():
    return make_paper_source(PROBLEM, segment=0.5, rows=256, seed=3)


@eqx.filter_jit
def draw(source, key, size):
    return source.batch(key, size)


@pytest.fixture(scope="module")
def batch(source):
    return draw(source, KEY, 64)


@pytest.fixture(scope="module")
def published():
    """Shapes of the published embedding; drawing its 110 million weights would only cost time."""

    def make():
        return eqx.nn.make_with_state(StrainEmbedding)(PaperSettings(), detectors=3, samples=2048, key=KEY)

    return eqx.filter_eval_shape(make)


def test_published_size_layer_by_layer(published):
    embedding, _ = published
    shapes = [layer.weight.shape for layer in embedding.morphology.convolutions]
    assert shapes == [(32, 3, 5), (64, 32, 5), (128, 64, 5)]
    # 2048 samples, then 1022, 509 and 252.
    assert embedding.morphology.dense.weight.shape == (2048, 128 * 252)
    assert embedding.timing.dense.weight.shape == (2048, 384)
    assert [layer.weight.shape[2] for layer in embedding.timing.convolutions] == [2, 4, 8, 16, 32, 64]
    assert embedding.join.weight.shape == (2048, 4096)
    widths = [2048] * 3 + [1024] * 3 + [512] * 3 + [256] * 3
    assert [block.layers[1].weight.shape for block in embedding.blocks] == [(width, width) for width in widths]
    changes = [block.change.weight.shape for block in embedding.blocks if block.change is not None]
    assert changes == [(1024, 2048), (512, 1024), (256, 512)]


def couplings(settings, *, parameters):
    """Weights of all layers of the flow, each with a network for the shift and one for the scale."""
    stay, hidden = parameters // 2, [settings.layer_width] * settings.layer_depth
    widths = [stay + settings.dense[-1], *hidden, parameters - stay]
    return settings.layers * 2 * sum(a * b + b for a, b in itertools.pairwise(widths))


def test_published_network_has_154_million_weights(published, fresh):
    found = jax.tree.leaves(eqx.filter(fresh[0].flow, eqx.is_inexact_array))
    assert sum(leaf.size for leaf in found) == couplings(TINY, parameters=11)
    assert couplings(PaperSettings(), parameters=11) == 42_402_176
    assert count(published[0]) == 111_519_104


def test_published_embedding_gives_256_numbers_an_event(published):
    def embed(model, state, strain):
        return jax.vmap(lambda x: model(x, state, key=KEY), axis_name="batch", out_axes=(0, None))(strain)

    strain = jax.ShapeDtypeStruct((4, 3, 2048), jnp.float32)
    context, new = eqx.filter_eval_shape(embed, *published, strain)
    assert context.shape == (4, 256)
    assert context.dtype == jnp.float32
    assert jax.tree.structure(new) == jax.tree.structure(published[1])


def test_draws_carry_their_own_log_density(tiny, batch):
    model, state = eqx.nn.inference_mode(tiny[0]), tiny[1]
    strain = batch.strain[0]
    theta, density = model.sample(strain, state, samples=200, key=KEY)
    assert theta.shape == (200, 11)
    assert theta.dtype == density.dtype == jnp.float32

    @eqx.filter_jit
    def densities(theta, state):
        context, _ = model.embedding(strain, state)
        return jax.vmap(lambda x: model.flow.log_prob(x, context))(theta), model.log_prob(theta[0], strain, state)[0]

    found, first = densities(theta, state)
    assert float(first) == pytest.approx(float(found[0]), abs=2e-4)
    np.testing.assert_allclose(found, density, atol=2e-4)
    # Stirred, the flow is no standard normal law.
    assert np.std(np.asarray(density) + 0.5 * (np.asarray(theta) ** 2).sum(axis=1)) > 0.1


def test_flow_is_undone_to_single_precision(tiny):
    flow = tiny[0].flow
    points = jax.random.normal(KEY, (50, 11), jnp.float32)
    context = jax.random.normal(jax.random.key(1), (8,), jnp.float32)

    @eqx.filter_jit
    @jax.vmap
    def there_and_back(z):
        x, up = flow.layers.transform_and_log_det(z, context)
        back, down = flow.layers.inverse_and_log_det(x, context)
        return x, back, up + down

    moved, back, rest = there_and_back(points)
    np.testing.assert_allclose(back, points, atol=1e-4)
    np.testing.assert_allclose(rest, 0.0, atol=1e-4)
    assert float(jnp.abs(moved - points).max()) > 0.1


def test_log_jacobian_is_that_of_automatic_differentiation(tiny):
    flow = tiny[0].flow
    point = jnp.linspace(-1.5, 2.0, 11, dtype=jnp.float32)
    context = jnp.linspace(-1.0, 1.0, 8, dtype=jnp.float32)

    @eqx.filter_jit
    def both(z):
        jacobian = jax.jacfwd(lambda z: flow.layers.transform_and_log_det(z, context)[0])(z)
        return jnp.linalg.slogdet(jacobian)[1], flow.layers.transform_and_log_det(z, context)[1]

    expected, found = both(point)
    assert abs(float(found)) > 0.01
    assert float(found) == pytest.approx(float(expected), abs=1e-4)


def test_saved_network_keeps_its_permutations(fresh, tiny, batch, tmp_path):
    path = tmp_path / "weights.h5"
    save_module(path, tiny, provenance=collect(configuration={}, seed=0))

    assert sorted(np.concatenate(orders(tiny[0]), axis=1)[1].tolist()) == list(range(11))
    assert not np.array_equal(orders(tiny[0])[1][0], orders(tiny[0])[1][2])
    model = eqx.tree_at(orders, fresh[0], replace_fn=jnp.zeros_like)
    model, state = load_module(path, (model, fresh[1]))
    np.testing.assert_array_equal(orders(model)[1], orders(tiny[0])[1])
    draws = [
        eqx.nn.inference_mode(one).sample(batch.strain[1], rest, samples=200, key=KEY)[0]
        for one, rest in ((model, state), tiny)
    ]
    np.testing.assert_allclose(*draws, atol=2e-5)


def test_whitened_noise_has_unit_variance_and_signals_their_snr():
    data = DataSettings(detectors=("L1",), rate=1024.0, duration=4.0)
    spectrum = load_spectrum("O3-L1")
    whitening = BandWhitening.of(data)
    noise = coloured_noise(spectrum, rate=1024.0, n=4096, rng=1, shape=(200, 1))
    white = np.asarray(whitening.whiten(noise, segment=1.0))
    assert white.shape == (200, 1, 1024)
    # 205 thousand samples of a band of half the width: three standard errors are .007.
    assert white.std() == pytest.approx(1.0, abs=0.015)
    x = (np.arange(4096) - 2048) / 1024.0
    signal = 1e-21 * np.exp(-0.5 * (x / 0.01) ** 2) * np.cos(2 * np.pi * 40.0 * x)
    direct = optimal_snr(
        np.fft.rfft(signal) / 1024.0, frequency=whitening.frequency, spectrum=spectrum, minimum=10.0, maximum=511.9
    )
    white = np.asarray(whitening.whiten(signal[None], segment=1.0))
    assert np.sqrt(whitening.band_share * (white**2).sum()) == pytest.approx(direct, rel=5e-3)
    # The middle of the data stays in the middle: the whitening filter is symmetric.
    np.testing.assert_allclose(white[0, 513:600], white[0, 511:424:-1], atol=1e-3 * np.abs(white).max())


def test_noise_of_the_source_fills_the_band_alone(source):
    noise = np.asarray(eqx.filter_jit(source.noise)(KEY, (150, 2)))
    assert noise.shape == (150, 2, SAMPLES)
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1]) < 0.02
    power = np.mean(np.abs(np.fft.rfft(noise * np.hanning(SAMPLES))) ** 2, axis=(0, 1))
    frequency = np.fft.rfftfreq(SAMPLES, 1 / 1024.0)
    inside = power[(frequency > 14.0) & (frequency < 505.0)]
    assert power[frequency < 6.0].max() < 1e-2 * inside.mean()
    assert inside.std() < 0.09 * inside.mean()


def test_strain_is_the_signal_of_its_truth(source, batch):
    model = EncounterModel(PROBLEM.prior)
    silent = draw(eqx.tree_at(lambda s: s.waves, source, jnp.zeros_like(source.waves)), KEY, 64)
    np.testing.assert_array_equal(silent.target, batch.target)
    signals = np.asarray(batch.strain) - np.asarray(silent.strain)
    # The float32 target is good to some ns; the signal is computed anew in the time domain, each detector by itself.
    theta = np.asarray(prior_scaling(model).inverse(batch.target.astype(float)))
    whitening = BandWhitening.of(PROBLEM.data)
    times = (np.arange(2048) - 1024) / 1024.0
    for row in range(4):
        values = {name: float(value) for name, value in zip(model.parameters.names, theta[row], strict=True)}
        sky = {"right_ascension": values.pop("ra"), "declination": values.pop("dec"), "gps": PROBLEM.source.gps}
        psi, pericentre = values.pop("psi"), values.pop("pericentre_time")
        strain = []
        for name in ("H1", "L1"):
            pattern = antenna_pattern(name, **sky, polarization=psi)
            wave = polarizations(times - pericentre - time_delay(name, **sky), **values)
            strain.append(np.asarray(pattern.plus * wave.plus + pattern.cross * wave.cross))
        expected = np.asarray(whitening.whiten(np.array(strain), segment=0.5))
        np.testing.assert_allclose(signals[row], expected, atol=4e-3 * np.abs(expected).max())


def test_truths_are_those_of_the_prior(source, batch):
    model = EncounterModel(PROBLEM.prior)
    targets = np.asarray(draw(source, jax.random.key(1), 1500).target, float)
    theta = np.asarray(prior_scaling(model).inverse(jnp.asarray(targets)))
    column = model.parameters.index("pericentre_time")
    times = np.sort(theta[:, column])
    assert -0.05 - 1e-7 <= times[0] < times[-1] <= 0.15 + 1e-7
    # Kolmogorov-Smirnov against the uniform law; 1.95 is the .1 % level.
    assert np.abs((times + 0.05) / 0.2 - (np.arange(1500) + 0.5) / 1500).max() < 1.95 / math.sqrt(1500)
    # The time is new in every draw, the rest of a row is not.
    assert len(np.unique(theta[:, column])) > 1400
    assert len(np.unique(theta[:, 0])) <= 256
    # What the cut does not touch is standardised.
    assert abs(targets[:, column].mean()) < 0.12
    assert targets[:, column].std() == pytest.approx(1.0, abs=0.05)
    assert batch.target.shape == (64, 11)
    assert batch.target.dtype == batch.strain.dtype == jnp.float32
    assert batch.strain.shape == (64, 2, SAMPLES)


def test_every_source_reaches_the_least_snr(source):
    share = BandWhitening.of(PROBLEM.data).band_share
    # What is stored leaves out the ends of the 2 s, where little of the signal lies.
    snr = np.sqrt(share * (np.asarray(source.waves, float) ** 2).sum(axis=(1, 2)))
    assert snr.min() > 0.97 * 8.0
    assert 8.0 < np.median(snr) < 40.0


def test_the_same_seed_gives_the_same_bank(source):
    again = make_paper_source(PROBLEM, segment=0.5, rows=64, seed=3)
    np.testing.assert_array_equal(again.waves, source.waves[:64])
    np.testing.assert_array_equal(again.theta, source.theta[:64])


@given(
    share=st.floats(0.0, 1.0, exclude_max=True),
    part=st.floats(0.0, 1.0, exclude_max=True),
    span=st.floats(1e-5, 1.0),
    rate=st.sampled_from([1024.0, 2048.0, 3000.0]),
)
def test_pericentre_times_stay_in_any_prior(share, part, span, rate):
    rest = part * min(span, 1.0 / rate)
    moved = int(whole_samples(jnp.asarray(share), rest=jnp.asarray(rest), span=span, rate=rate))
    assert 0.0 <= rest + moved / rate < span * (1.0 + 1e-12)
    last = int(whole_samples(jnp.asarray(1.0 - 1e-12), rest=jnp.asarray(rest), span=span, rate=rate))
    assert moved <= last <= math.ceil(span * rate) - 1
    # No whole sample is left out at the end.
    assert rest + (last + 1) / rate >= span * (1.0 - 1e-12)


@pytest.fixture(scope="module")
def runs(fresh, source, tmp_path_factory):
    model, state = fresh

    def run(folder, *, seconds=None):
        plan = TrainingPlan(
            steps=60,
            batch_size=64,
            schedule="constant",
            learning_rate=5e-3,
            optimizer="adam",
            validate_every=10,
            max_seconds=seconds,
        )
        return train(model, loss=paper_loss, source=source, plan=plan, seed=1, folder=folder, state=state, quiet=True)

    whole = run(tmp_path_factory.mktemp("whole"))
    parts = tmp_path_factory.mktemp("parts")
    # Out of time after the first ten steps.
    assert run(parts, seconds=1e-6).step == 10
    return whole, run(parts)


def test_training_lowers_the_loss(runs):
    losses = np.asarray(runs[0].history.train_loss)
    assert np.isfinite(losses).all()
    # Untrained, a standard normal law of 11 standardised numbers: 15.6 nats or a little less.
    assert losses[0] == pytest.approx(15.6, abs=1.0)
    assert losses[-1] < losses[0] - 1.0


def test_resumed_run_ends_with_the_same_bits(runs):
    whole, parts = runs
    assert whole.step == parts.step == 60
    for a, b in zip(
        jax.tree.leaves((whole.model, whole.state)), jax.tree.leaves((parts.model, parts.state)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_training_moves_every_weight_and_the_running_averages(fresh, runs):
    model, state = fresh
    trained = runs[0]
    pairs = zip(jax.tree.leaves(model), jax.tree.leaves(trained.model), strict=True)
    # In one dimension: biases, and means and widths of the parameters.
    assert not any(np.array_equal(a, b) for a, b in pairs if eqx.is_inexact_array(a) and a.ndim > 1)
    np.testing.assert_array_equal(trained.model.scaling.scale, model.scaling.scale)
    np.testing.assert_array_equal(orders(trained.model)[1], orders(model)[1])
    pairs = zip(jax.tree.leaves(trained.state), jax.tree.leaves(state), strict=True)
    assert not any(np.array_equal(a, b) for a, b in pairs)


def test_dropout_rests_without_a_key_in_inference_only():
    block = ResidualBlock(6, 6, dropout=0.5, key=KEY)
    x = jnp.linspace(-1.0, 1.0, 6, dtype=jnp.float32)
    first, second = (block(x, key=jax.random.key(seed)) for seed in (0, 1))
    assert not np.array_equal(first, second)
    with pytest.raises(RuntimeError, match="key"):
        block(x)
    still = eqx.nn.inference_mode(block)(x)
    np.testing.assert_array_equal(still, eqx.nn.inference_mode(block)(x, key=KEY))
    # With both layers silent, only the connection that skips them is left.
    silent = jax.tree.map(jnp.zeros_like, block.layers)
    np.testing.assert_array_equal(eqx.tree_at(lambda b: b.layers, block, silent)(x, key=KEY), x)


def test_recipe_is_the_published_one():
    path = Path(swansong.__file__).parent / "encounters" / "recipes" / "paper.toml"
    recipe = Recipe.model_validate(tomllib.loads(path.read_text()))
    assert recipe.paper == PaperSettings()
    assert recipe.training.steps * recipe.training.batch_size == 250 * 1000 * 512
    assert recipe.training.schedule == "plateau"


@pytest.mark.parametrize(
    "change, samples, message",
    [
        ({"time_filters": (4,)}, SAMPLES, r"`paper.time_filters` and `paper.time_kernels` must have equal lengths"),
        ({"time_kernels": (8, 600)}, SAMPLES, r"must not outlast the 512 samples of a segment, got 600"),
        ({"kernel": 5}, 12, r"`paper.segment` must outlast 2 kernels of 5 samples"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, samples, message):
    with pytest.raises(ConfigError, match=message):
        build(TINY.model_copy(update=change), samples=samples)


def test_segments_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match=r"must fit into three quarters of `data.duration`, got 1.6 s"):
        make_paper_source(PROBLEM, segment=1.6, rows=8, seed=0)


def test_a_cut_out_of_reach_is_refused():
    loud = PROBLEM.model_copy(update={"prior": PROBLEM.prior.model_copy(update={"minimum_snr": 1e6})})
    with pytest.raises(InputError, match=r"`prior.minimum_snr` must be within reach of the prior, got 1e\+06"):
        make_paper_source(loud, segment=0.5, rows=8, seed=0)
