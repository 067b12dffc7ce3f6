"""The published amplitude decoder: its grid of modes, its parts, the network, its masks and its loss."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.config import validate
from swansong.core.errors import ConfigError, DataError
from swansong.emri.amplitudes.decoder_blocks import (
    AttentionGate,
    FourierFeatures,
    PositionalEmbedding,
    ResidualBlock,
    Unfolding,
)
from swansong.emri.amplitudes.decoder_loss import decoder_loss
from swansong.emri.amplitudes.decoder_network import ModeDecoder, count_parameters
from swansong.emri.amplitudes.decoder_settings import DecoderSettings, LossWeights, ModeGrid

SMALL = DecoderSettings(
    largest_l=3, largest_k=2, lowest_n=-1, highest_n=4, features=8, width=16, blocks=1, latent_channels=8,
    doublings=1, coarse=(4, 3, 3), channels=12, groups=3, positions=4, convolutions=1,
)  # fmt: skip
GRID = SMALL.grid
GENERIC = np.array([0.5, 8.0, 0.2, 0.7])
WEIGHTS = LossWeights(modulus=1.0, distribution=0.7, phase=0.3)


@pytest.fixture(scope="module")
def network():
    # Compiled, since drawing the weights one by one compiles more.
    return eqx.filter_jit(lambda key: ModeDecoder(SMALL, GRID, key=key))(jax.random.key(0))


@pytest.fixture(scope="module")
def shaken(network):
    """The network with no weight at zero, so that every part of it matters."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(rng.normal(0.0, 0.2, leaf.shape), leaf.dtype), network)


@pytest.fixture(scope="module")
def evaluate():
    """Compiled evaluation of a batch of orbits."""
    return eqx.filter_jit(lambda network, orbits: jax.vmap(network)(orbits))


@pytest.fixture(scope="module")
def truth():
    """Moduli and phases of one orbit, and the modes where they are known."""
    rng = np.random.default_rng(3)
    modulus = np.where(GRID.static, 0.0, rng.exponential(size=GRID.shape))
    phase = rng.uniform(-3.0, 3.0, GRID.shape)
    known = (rng.random(GRID.shape) < 0.8) & ~GRID.static
    return jnp.asarray(modulus / modulus.max()), jnp.asarray(phase), jnp.asarray(known)


@pytest.fixture(scope="module")
def gradient(truth):
    """Compiled loss of the network on the orbit `GENERIC`, with its gradient."""
    modulus, phase, known = single(truth)

    def loss(network):
        total, _ = decoder_loss(
            *network(jnp.asarray(GENERIC)),
            target_modulus=modulus,
            target_phase=phase,
            known=known,
            weights=LossWeights(),
        )
        return total

    return eqx.filter_jit(eqx.filter_value_and_grad(loss))


@eqx.filter_jit
def loss_of(modulus, phase, truth):
    return decoder_loss(
        modulus, phase, target_modulus=truth[0], target_phase=truth[1], known=truth[2], weights=WEIGHTS
    )  # fmt: skip


@eqx.filter_jit
def slopes_of(modulus, phase, truth):
    """The loss and its gradient with respect to moduli and phases."""
    return jax.value_and_grad(lambda found: loss_of(*found, truth)[0])((modulus, phase))


def single(truth):
    """The same truth in float32."""
    return truth[0].astype(jnp.float32), truth[1].astype(jnp.float32), truth[2]


class TestGrid:
    def test_the_default_grid_has_the_published_number_of_slots(self):
        grid = DecoderSettings().grid
        assert grid.shape == (63, 21, 101)
        assert grid.slots == 133_614
        assert np.count_nonzero(grid.static) == 9

    def test_pairs_have_m_from_zero_to_l(self):
        assert GRID.pairs.tolist() == [[2, 0], [2, 1], [2, 2], [3, 0], [3, 1], [3, 2], [3, 3]]
        assert GRID.k.tolist() == [-2, -1, 0, 1, 2]
        assert GRID.n.tolist() == [-1, 0, 1, 2, 3, 4]
        assert GRID.slots == 7 * 5 * 6 - 2

    def test_without_n_zero_nothing_is_static(self):
        assert ModeGrid(2, 1, 1, 3).slots == 3 * 3 * 3

    @settings(max_examples=40)
    @given(
        st.integers(2, 7), st.integers(0, 4), st.integers(-5, 3), st.integers(0, 6), st.integers(0, 2**32 - 1),
        st.sampled_from([(), (2,)]),
    )  # fmt: skip
    def test_gather_undoes_dense(self, largest_l, largest_k, lowest_n, more, seed, batch):
        grid = ModeGrid(largest_l, largest_k, lowest_n, lowest_n + more)
        rng = np.random.default_rng(seed)
        box = [np.arange(0, largest_l + 3), np.arange(-3, largest_l + 2), np.arange(-6, 7), np.arange(-8, 12)]
        every = np.stack(np.meshgrid(*box, indexing="ij"), axis=-1).reshape(-1, 4)
        modes = every[rng.choice(len(every), 300, replace=False)]
        values = rng.normal(size=(*batch, 300)) + 1j * rng.normal(size=(*batch, 300))
        volume, inside = grid.dense(modes, values)
        pairs = [tuple(pair) for pair in grid.pairs]
        expected = [(l, m) in pairs and k in grid.k and n in grid.n for l, m, k, n in modes]
        assert inside.tolist() == expected
        assert volume.shape == (*batch, *grid.shape)
        assert np.count_nonzero(volume) == np.prod(batch) * np.sum(inside)
        for row in np.flatnonzero(inside):
            l, m, k, n = modes[row]
            found = volume[..., pairs.index((l, m)), k + largest_k, n - lowest_n]
            np.testing.assert_array_equal(found, values[..., row])
        back, again = grid.gather(volume, modes)
        np.testing.assert_array_equal(again, inside)
        np.testing.assert_array_equal(back, np.where(inside, values, 0.0))

    def test_booleans_stay_booleans(self):
        known, _ = GRID.dense(np.array([[2, 2, 0, 0]]), np.array([True]))
        assert known.dtype == bool
        assert known.sum() == 1

    def test_bad_input_is_refused(self):
        modes = np.array([[2, 2, 0, 0], [2, 2, 0, 0]])
        with pytest.raises(DataError, match="each mode once, got 1 repeated"):
            GRID.dense(modes, np.ones(2))
        with pytest.raises(DataError, match="axis of 2 modes"):
            GRID.dense(modes, np.ones(3))
        with pytest.raises(DataError, match="shape"):
            GRID.gather(np.ones((7, 5, 5)), modes)

    @pytest.mark.parametrize(
        "sizes, message", [((1, 0, 0, 0), "largest_l"), ((2, -1, 0, 0), "largest_k"), ((2, 0, 1, 0), "lowest_n")]
    )
    def test_an_empty_grid_is_refused(self, sizes, message):
        with pytest.raises(ConfigError, match=message):
            ModeGrid(*sizes)


class TestSettings:
    @pytest.mark.parametrize(
        "section, message",
        [
            ({"spin": [0.9, 0.1]}, "spin"),
            ({"lowest_n": 60}, "lowest_n"),
            ({"largest_l": 1}, "largest_l"),
            ({"groups": 5}, "groups"),
            ({"coarse": [15, 6, 26]}, "multiples of 4"),
            ({"coarse": [68, 6, 26]}, "must not exceed the grid"),
            ({"kernels": [[3, 2, 3]]}, "odd"),
            ({"dilations": [[1, 0, 1]]}, "dilations"),
            ({"weights": {"modulus": 0.0, "distribution": 0.0, "phase": 0.0}}, "zero"),
            ({"depth": 3}, "depth"),
        ],
    )
    def test_bad_settings_give_one_sentence(self, section, message):
        with pytest.raises(ConfigError, match=message) as caught:
            validate(DecoderSettings, section)
        assert "\n" not in str(caught.value)

    def test_a_grid_coarser_than_the_settings_is_refused(self):
        with pytest.raises(ConfigError, match="coarse"):
            ModeDecoder(SMALL, ModeGrid(2, 1, 0, 0), key=jax.random.key(0))

    @pytest.mark.slow
    def test_the_published_size_is_counted_without_making_it(self, network):
        made = sum(leaf.size for leaf in jax.tree.leaves(network))
        assert count_parameters(SMALL) == made
        # The perceptron alone: features, entrance, and two square layers with a norm in each of ten blocks.
        perceptron = 4 * 256 + 512 * 512 + 512 + 10 * (2 * (512 * 512 + 512) + 2 * 512)
        assert perceptron < count_parameters(DecoderSettings()) < 2e7


class TestParts:
    def test_fourier_features_are_sines_and_cosines(self):
        part = FourierFeatures(2, 5, scale=3.0, key=jax.random.key(0))
        x = np.array([0.3, -0.8], np.float32)
        angle = np.asarray(part.frequencies) @ x
        np.testing.assert_allclose(part(jnp.asarray(x)), [*np.sin(angle), *np.cos(angle)], atol=1e-6)

    def test_a_residual_block_normalises_between_its_layers(self):
        block = ResidualBlock(6, key=jax.random.key(0))
        x = np.linspace(-1.0, 2.0, 6, dtype=np.float32)
        np.testing.assert_array_equal(block(jnp.asarray(x)), x)
        outer = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
        block = eqx.tree_at(lambda one: one.outer.weight, block, jnp.asarray(outer))
        y = np.asarray(block.inner.weight) @ x + np.asarray(block.inner.bias)
        y = (y - y.mean()) / np.sqrt(y.var() + 1e-5)
        np.testing.assert_allclose(block(jnp.asarray(x)), x + outer @ (y / (1.0 + np.exp(-y))), rtol=1e-4, atol=1e-5)

    def test_unfolding_keeps_neighbours_along_the_pairs(self):
        part = Unfolding(3, doublings=2, channels=2, coarse=(16, 2, 3), key=jax.random.key(0))
        x = np.ones((2, 3, 4), np.float32)
        x[1, :, 0] += 1.0
        one, two = np.asarray(jax.jit(jax.vmap(part))(x))
        change = np.abs(one - two).max(axis=(0, 2, 3))
        assert one.shape == (2, 16, 2, 3)
        # Each layer of four taps and stride two reaches one place further than its own two.
        assert np.all(change[:7] > 1e-6)
        assert np.all(change[7:] == 0.0)

    def test_the_positional_embedding_tells_all_places_apart(self):
        waves = PositionalEmbedding((7, 5, 6), 4, wavelengths=3, key=jax.random.key(0))()
        places = np.asarray(waves).reshape(4, -1).T
        distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(len(places))
        assert waves.dtype == jnp.float32
        assert distances.min() > 1e-3

    def test_an_open_gate_passes_all_and_a_closed_one_nothing(self):
        gate = AttentionGate(4, key=jax.random.key(0))
        gate = eqx.tree_at(lambda one: one.share.weight, gate, jnp.zeros((1, 2, 1, 1, 1), jnp.float32))
        ones = jnp.ones((4, 2, 2, 2), jnp.float32)
        evaluate = eqx.filter_jit(lambda gate: gate(ones, ones))
        for bias, share in ((40.0, 1.0), (0.0, 0.5), (-40.0, 0.0)):
            biased = eqx.tree_at(lambda one: one.share.bias, gate, jnp.full((1, 1, 1, 1), bias, jnp.float32))
            np.testing.assert_allclose(evaluate(biased), share, atol=1e-6)


class TestNetwork:
    def test_the_untrained_network_gives_small_moduli(self, network, evaluate):
        modulus, phase = evaluate(network, jnp.asarray(GENERIC)[None])
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(network)} == {"float32"}
        assert modulus.shape == phase.shape == (1, *GRID.shape)
        assert modulus.dtype == phase.dtype == jnp.float32
        np.testing.assert_allclose(np.asarray(modulus[0])[~GRID.static], SMALL.start, rtol=1e-4)

    def test_masks_follow_the_orbit(self, shaken, evaluate):
        orbits = np.tile(GENERIC, (5, 1))
        orbits[1, 2] = 0.0  # circular
        orbits[2, 3] = -1.0  # equatorial, retrograde
        orbits[3, 2:] = 0.0, 1.0  # both
        orbits[4, 3] = 1.0 - 2e-4  # just inclined
        modulus, phase = (np.asarray(one) for one in evaluate(shaken, jnp.asarray(orbits)))
        m, k, n = GRID.pairs[:, 1][:, None, None], GRID.k[None, :, None], GRID.n[None, None, :]
        moves = (m != 0) | (k != 0) | (n != 0)
        allowed = [moves, moves & (n == 0), moves & (k == 0), moves & (k == 0) & (n == 0), moves]
        for index, expected in enumerate(allowed):
            np.testing.assert_array_equal(modulus[index] > 0.0, expected)
            np.testing.assert_array_equal(phase[index] != 0.0, expected)
            np.testing.assert_array_equal(shaken.mask(jnp.asarray(orbits[index])), expected)
        assert np.all(np.abs(phase) <= np.float32(np.pi))

    def test_the_ranges_map_to_minus_one_and_one(self, network):
        low, high = np.array(SMALL.ranges).T
        np.testing.assert_allclose(network.scaled(jnp.asarray(low)), -1.0, atol=1e-6)
        np.testing.assert_allclose(network.scaled(jnp.asarray(high)), 1.0, atol=1e-6)

    def test_a_batch_is_its_orbits_one_by_one(self, shaken, evaluate):
        orbits = GENERIC + 0.1 * np.random.default_rng(0).normal(size=(5, 4))
        together = evaluate(shaken, jnp.asarray(orbits))
        alone = evaluate(shaken, jnp.asarray(np.tile(orbits[3], (5, 1))))
        for batch, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(batch[3], one[3], atol=1e-5)
            assert np.abs(batch[3] - batch[0]).max() > 1e-4

    @pytest.mark.slow
    def test_every_weight_has_a_finite_slope(self, shaken, gradient):
        value, slope = gradient(shaken)
        found = jax.tree.leaves(slope)
        assert np.isfinite(value)
        assert all(np.all(np.isfinite(leaf)) for leaf in found)
        assert all(np.any(leaf != 0.0) for leaf in found)

    @pytest.mark.parametrize("checkpointing", [False, True])
    def test_checkpointing_wraps_every_convolution_block(self, checkpointing):
        sizes = SMALL.model_copy(update={"checkpointing": checkpointing, "convolutions": 3})
        made = eqx.filter_eval_shape(ModeDecoder, sizes, GRID, key=jax.random.key(0))
        trace = eqx.filter_make_jaxpr(lambda network, orbit: network(orbit))
        steps = trace(made, jax.ShapeDtypeStruct((4,), jnp.float64))[0].eqns
        assert sum(step.primitive.name in ("checkpoint", "remat2") for step in steps) == (3 if checkpointing else 0)

    def test_kernels_and_dilations_take_turns(self):
        made = eqx.filter_eval_shape(ModeDecoder, DecoderSettings(), DecoderSettings().grid, key=jax.random.key(0))
        inner = [block.convolutions[0] for block in made.convolutions]
        assert len(inner) == len(made.blocks) == 10
        assert [one.weight.shape[2:] for one in inner[:4]] == [(3, 3, 1), (1, 3, 3), (3, 1, 3), (3, 3, 1)]
        assert [one.dilation for one in inner[:5]] == [(1, 1, 1), (1, 1, 2), (1, 2, 4), (2, 1, 8), (1, 1, 1)]
        assert made.features.frequencies.shape == (256, 4)

    def test_the_published_size_gives_volumes_of_the_grid(self):
        sizes = DecoderSettings()
        made = eqx.filter_eval_shape(ModeDecoder, sizes, sizes.grid, key=jax.random.key(0))
        orbits = jax.ShapeDtypeStruct((2, 4), jnp.float64)
        modulus, phase = eqx.filter_eval_shape(lambda network, x: jax.vmap(network)(x), made, orbits)
        assert modulus.shape == phase.shape == (2, 63, 21, 101)
        assert modulus.dtype == phase.dtype == jnp.float32

    def test_it_learns_one_orbit_by_heart(self, network, gradient):
        optimiser = optax.adam(1e-2)
        state = optimiser.init(network)
        first = float(gradient(network)[0])

        @eqx.filter_jit
        def update(slope, state, network):
            change, state = optimiser.update(slope, state)
            return eqx.apply_updates(network, change), state

        for _ in range(150):
            value, slope = gradient(network)
            network, state = update(slope, state, network)
        assert float(value) < 0.1 * first


class TestLoss:
    def test_the_truth_has_no_loss(self, truth):
        total, parts = loss_of(truth[0], truth[1], truth)
        assert abs(total) < 1e-12
        assert abs(parts.distribution) < 1e-12

    @settings(max_examples=20)
    @given(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 100))
    def test_whole_turns_do_not_count(self, found, true, seed):
        rng = np.random.default_rng(seed)
        modulus, phase, known = truth_of(rng)
        guess, turns = rng.exponential(size=GRID.shape), 2.0 * np.pi
        one, _ = loss_of(guess, phase + 0.3, (modulus, phase, known))
        two, _ = loss_of(guess, phase + 0.3 + turns * found, (modulus, phase + turns * true, known))
        np.testing.assert_allclose(one, two, rtol=1e-9)

    def test_each_part_has_its_known_value(self, truth):
        modulus, phase, known = (np.asarray(one) for one in truth)
        guess = 2.0 * modulus + 0.1
        _, parts = loss_of(guess, phase + 2.0 * np.pi - 0.4, truth)
        a, b = modulus[known], guess[known]
        p, q = a / a.sum(), b / b.sum()
        np.testing.assert_allclose(parts.modulus, np.mean(a + 0.1) / a.max(), rtol=1e-9)
        np.testing.assert_allclose(parts.distribution, -np.sum(p * np.log(q)) + np.sum(p * np.log(p)), rtol=1e-9)
        np.testing.assert_allclose(parts.phase, 0.4, rtol=1e-9)
        total, _ = loss_of(guess, phase - 0.4, truth)
        np.testing.assert_allclose(total, parts.modulus + 0.7 * parts.distribution + 0.3 * 0.4, rtol=1e-9)

    def test_phases_of_strong_modes_count_more(self, truth):
        modulus, phase, known = (np.asarray(one) for one in truth)
        order = np.argsort(np.where(known, modulus, -1.0), axis=None)
        errors = []
        for place in (order[-1], order[-20]):
            wrong = phase.copy()
            wrong.flat[place] += 1.0
            errors.append(float(loss_of(modulus, wrong, truth)[1].phase))
        weights = modulus.flat[[order[-1], order[-20]]] / modulus[known].sum()
        np.testing.assert_allclose(errors, weights, rtol=1e-9)

    def test_unknown_modes_have_no_say_and_no_slope(self, truth):
        modulus, phase, known = truth
        holes = (jnp.where(known, modulus, jnp.nan), jnp.where(known, phase, jnp.nan), known)
        guess = modulus + 0.1
        value, slopes = slopes_of(guess, phase + 0.2, holes)
        assert value == slopes_of(guess, phase + 0.2, truth)[0]
        for slope in slopes:
            assert np.all(np.isfinite(slope))
            assert np.all(np.asarray(slope)[~np.asarray(known)] == 0.0)

    def test_an_orbit_without_known_modes_weighs_nothing(self, truth):
        modulus, phase, _ = single(truth)
        value, slopes = slopes_of(modulus + 0.01, phase + 0.2, (modulus, phase, jnp.zeros(GRID.shape, bool)))
        assert value == 0.0
        assert all(np.all(slope == 0.0) for slope in slopes)

    @pytest.mark.parametrize("kept", [0.0, 1.0])
    def test_modes_wrongly_at_zero_cost_much_but_stay_finite(self, truth, kept):
        modulus, phase, known = single(truth)
        strongest = modulus == jnp.max(modulus)
        value, slopes = slopes_of(jnp.where(strongest, kept, 0.0).astype(jnp.float32), phase, (modulus, phase, known))
        assert np.isfinite(value)
        assert value > 1.0
        assert all(np.all(np.isfinite(slope)) for slope in slopes)


def truth_of(rng):
    """Random moduli, phases and known modes."""
    return rng.exponential(size=GRID.shape), rng.uniform(-3.0, 3.0, GRID.shape), rng.random(GRID.shape) < 0.7
