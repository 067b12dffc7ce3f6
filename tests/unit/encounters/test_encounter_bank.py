"""The bank of training bursts, the features, and the compact network on top of them."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import FileError
from swansong.encounters.bank import Batch, make_bank
from swansong.encounters.compact import compact_loss
from swansong.encounters.events import draw_truth
from swansong.encounters.features import AlignedFeatures
from swansong.encounters.fitting import fit, problem_of, recorded, reference_detector
from swansong.encounters.model import MEGAPARSEC_SECONDS
from swansong.encounters.points import Points
from swansong.encounters.problem import prepare
from swansong.encounters.settings import CompactSettings, Problem, Recipe
from swansong.encounters.weights import load_weights
from swansong.learning.plan import TrainingPlan

RANK, ROWS = 64, 512


@pytest.fixture(scope="module")
def basis(burst_basis):
    return burst_basis


@pytest.fixture(scope="module")
def bank(burst_problem, basis):
    return make_bank(burst_problem, basis=basis, reference=1, window=0.02, rows=ROWS, seed=0)


@pytest.fixture(scope="module")
def network(burst_network):
    return load_weights("compact", burst_network)


class TestBasis:
    def test_it_is_orthonormal(self, basis):
        for rows in basis:
            np.testing.assert_allclose(rows @ rows.T, np.eye(RANK), atol=1e-5)

    def test_it_holds_nearly_all_of_a_burst(self, burst_analysis, basis):
        """Of a burst aligned at the reference detector, at most a per cent of the power is lost."""
        theta = np.stack([draw_truth(burst_analysis, rng=np.random.default_rng(seed)) for seed in range(20)])
        centre = 1e-3 * Points(burst_analysis, 1).of(theta)[:, 2]
        turned = burst_analysis.signal(theta) * np.exp(2j * np.pi * burst_analysis.frequency * centre[:, None, None])
        rows = np.concatenate([turned.real, turned.imag], axis=-1)
        kept = np.einsum("drf,ndf->ndr", basis, rows)
        lost = 1.0 - (kept**2).sum(axis=(1, 2)) / (rows**2).sum(axis=(1, 2))
        assert lost.max() < 0.02


class TestBank:
    def test_a_batch_less_its_noise_is_the_projected_signal(self, burst_analysis, basis, bank):
        """With a cut no fresh draw passes, rows keep the source they were drawn with: its signal is known."""
        strict = dataclasses.replace(bank, minimum_snr=1e9)
        silent = eqx.tree_at(lambda one: one.amplitude, strict, np.zeros_like(bank.amplitude))
        draw = eqx.filter_jit(lambda one: one.batch(jax.random.key(3), 16))
        batch, noise = draw(strict), draw(silent)
        found = np.asarray(batch.coefficients - noise.coefficients)
        points = Points(burst_analysis, 1)
        for row, place in zip(found, np.asarray(batch.place, float), strict=True):
            index = int(np.abs(np.asarray(bank.place) - place).sum(axis=1).argmin())
            distance, psi, theta_jn, argument = np.asarray(bank.extrinsic, float)[index]
            # One of the two directions with these arrival times has the row's antenna patterns.
            both = burst_analysis.chart.positions(points.sky(place[None]), np.zeros((1, 2)))[0]
            gaps = np.abs(burst_analysis.chart.patterns(both) - np.asarray(bank.patterns)[index]).max(axis=(1, 2))
            assert gaps.min() < 1e-4
            direction = both[gaps.argmin()]
            ra, dec = burst_analysis.chart.to_equatorial(direction)
            # Any masses with this tau and amplitude make the same burst without reaction.
            p = 16.0
            mass = np.exp(place[0]) / (SOLAR_MASS_SECONDS * p**1.5)
            size = 1e-21 * float(bank.amplitude[index]) / distance
            far = 0.25 * mass * SOLAR_MASS_SECONDS / (p * size * MEGAPARSEC_SECONDS)
            e = 0.85 + 0.1 * ndtr(place[1])
            time = 1e-3 * place[2] - burst_analysis.chart.delays(direction)[1]
            signal = burst_analysis.signal(np.array([1.0, mass, e, p, far, time, ra, dec, psi, theta_jn, argument]))[0]
            expected = np.einsum("drf,df->dr", basis, np.concatenate([signal.real, signal.imag], axis=1)).reshape(-1)
            assert np.abs(row - expected).max() < 2e-3 * np.abs(expected).max()

    def test_noise_is_white_in_the_basis(self, bank):
        silent = eqx.tree_at(lambda one: one.amplitude, bank, np.zeros_like(bank.amplitude))
        noise = np.asarray(silent.batch(jax.random.key(0), 512).coefficients)
        assert noise.std() == pytest.approx(1.0, abs=0.02)
        assert noise.mean() == pytest.approx(0.0, abs=0.02)

    def test_loudness_follows_the_prior_above_the_cut(self, burst_problem, burst_analysis, bank):
        """Fresh distances and angles for every example: together the law of prior draws that pass the cut."""
        silent = eqx.tree_at(lambda one: one.amplitude, bank, np.zeros_like(bank.amplitude))
        draw = eqx.filter_jit(lambda one: one.batch(jax.random.key(5), 2048))
        batch, noise = draw(bank), draw(silent)
        loudness = np.linalg.norm(np.asarray(batch.coefficients - noise.coefficients), axis=1)
        assert loudness.min() > 6.0 * 0.97
        unit = np.random.default_rng(6).random((1 << 14, 11))
        truth = burst_analysis.snr(np.asarray(burst_analysis.model.prior.from_unit(unit)))
        truth = truth[truth >= 6.0]
        # 512 rows stand for all sources: their number limits the comparison.
        assert kstest(loudness, truth).statistic < 1.63 * np.sqrt(1 / ROWS + 1 / len(truth))

    def test_rows_are_spread_over_the_window_and_the_prior(self, burst_analysis, bank):
        place = np.asarray(bank.place)
        assert place.shape == (ROWS, 5)
        assert kstest(place[:, 2], "uniform", (-20.0, 40.0)).pvalue > 1e-3
        distance = np.asarray(bank.extrinsic)[:, 0]
        assert 150.0 <= distance.min() < distance.max() <= 500.0
        # The cut favours the near: a uniform law has its mean at 325 Mpc.
        assert distance.mean() < 300.0

    def test_levels_tell_the_days_apart(self, burst_problem, basis):
        moving = burst_problem.model_copy(update={"data": burst_problem.data.model_copy(update={"drift": 0.3})})
        found = make_bank(moving, basis=basis, reference=1, window=0.02, rows=300, seed=2)
        levels = np.asarray(found.levels)
        assert levels.shape == (300, 21)
        assert np.ptp(levels[:256], axis=0).max() == 0.0
        assert np.abs(levels[256] - levels[0]).max() > 0.05
        assert not np.asarray(
            make_bank(burst_problem, basis=basis, reference=1, window=0.02, rows=8, seed=2).levels
        ).any()


class TestFeatures:
    def test_projection_is_the_inner_product_with_aligned_data(self, burst_event, basis, burst_analysis):
        features = AlignedFeatures.of(basis, np.ones(3 * RANK), burst_analysis.psd)
        frequency = burst_analysis.frequency
        found = features.project(burst_event.whitened, frequency=frequency, centre=0.013)
        turned = burst_event.whitened * np.exp(2j * np.pi * frequency * 0.013)
        waves = basis[..., : len(frequency)] + 1j * basis[..., len(frequency) :]
        expected = np.einsum("drf,df->dr", np.conj(waves), turned).real.reshape(-1)
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_levels_count_from_the_reference(self, burst_analysis, basis):
        features = AlignedFeatures.of(basis, np.ones(3 * RANK), burst_analysis.psd)
        frequency = burst_analysis.frequency
        np.testing.assert_allclose(features.levels(burst_analysis.psd, frequency=frequency), 0.0, atol=1e-5)
        louder = burst_analysis.psd * np.array([1.0, 2.0, 4.0])[:, None]
        # Seven bands a detector; none of the frequencies lies in the last.
        expected = np.repeat(np.log([1.0, 2.0, 4.0]), 7) * np.tile([1, 1, 1, 1, 1, 1, 0], 3)
        np.testing.assert_allclose(features.levels(louder, frequency=frequency), expected, atol=1e-5)

    def test_it_counts_its_numbers(self, burst_analysis, basis):
        features = AlignedFeatures.of(basis, np.ones(3 * RANK), burst_analysis.psd)
        found = features(np.arange(1.0, 3 * RANK + 1), np.zeros(21))
        assert found.shape == (features.count,)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()


class TestNetwork:
    coefficients = np.random.default_rng(7).standard_normal(48).astype(np.float32) * 2
    levels = np.zeros(21, np.float32)

    def test_draws_and_densities_agree(self, network):
        """One network: the density told with a draw is the density of the draw, and it integrates to one."""
        flow = network.network
        density = eqx.filter_jit(flow.log_prob_many)
        place, log_density = eqx.filter_jit(flow.sample)(
            self.coefficients, self.levels, samples=2048, key=jax.random.key(0)
        )
        np.testing.assert_allclose(density(place, self.coefficients, self.levels), log_density, atol=2e-3)
        # Importance sampling of the density with a broad Gaussian.
        x = np.asarray(place, float)
        factor = 1.3 * np.linalg.cholesky(np.cov(x.T))
        normal = np.random.default_rng(1).standard_normal((2048, 5))
        broad = x.mean(axis=0) + normal @ factor.T
        log_broad = -0.5 * (normal**2).sum(axis=1) - np.log(np.diag(factor)).sum() - 2.5 * np.log(2 * np.pi)
        ratio = np.exp(np.asarray(density(broad.astype(np.float32), self.coefficients, self.levels)) - log_broad)
        assert ratio.mean() == pytest.approx(1.0, abs=5 * ratio.std() / np.sqrt(2048))

    def test_the_loss_is_the_mean_of_minus_ln_density(self, network):
        rng = np.random.default_rng(8)
        place, data = rng.standard_normal((4, 5)).astype(np.float32), rng.standard_normal((4, 48)).astype(np.float32)
        batch = Batch(data, np.zeros((4, 21), np.float32), place)
        loss, _ = eqx.filter_jit(compact_loss)(network.network, None, batch, key=jax.random.key(0), step=np.array(0))
        one = eqx.filter_jit(network.network.log_prob)
        values = [float(one(place[i], data[i], self.levels)) for i in range(4)]
        assert float(loss) == pytest.approx(-np.mean(values), abs=1e-3)

    def test_weights_remember_what_made_them(self, network, burst_network, burst_problem, burst_analysis):
        assert problem_of(network.recipe) == burst_problem
        assert network.fingerprint == burst_analysis.fingerprint
        assert reference_detector(network.recipe) == reference_detector(burst_problem) == 1
        assert load_weights("compact", burst_network) is network
        assert len(network.sha256) == 64

    def test_damaged_weights_are_refused(self, burst_network, tmp_path):
        path = tmp_path / "cut.h5"
        path.write_bytes(burst_network.read_bytes()[:5000])
        with pytest.raises(FileError):
            load_weights("compact", path)

    def test_resuming_may_change_what_changes_no_weight(self, network):
        recipe = network.recipe
        longer = recipe.model_copy(update={"training": recipe.training.model_copy(update={"max_seconds": 7.0})})
        assert recorded(longer) == recorded(recipe)
        assert recorded(recipe.model_copy(update={"bank": 17})) != recorded(recipe)


@pytest.mark.slow
def test_a_few_steps_of_training_lower_the_loss(burst_problem, tmp_path):
    """From the recipe to a weights file that answers."""
    recipe = Recipe(
        **{name: getattr(burst_problem, name) for name in Problem.model_fields},
        bank=256,
        compact=CompactSettings(rank=8, width=16, blocks=1, context=4, layers=1, layer_width=8, knots=4),
        training=TrainingPlan(steps=50, batch_size=32, validate_every=25, validation_batches=2),
    )
    found = fit(recipe, seed=0, folder=tmp_path, quiet=True)
    losses = found.history.validation_loss
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert prepare(problem_of(load_weights("compact", tmp_path / "weights.h5").recipe)).fingerprint
