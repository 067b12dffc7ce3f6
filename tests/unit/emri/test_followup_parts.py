"""Parts of the follow-up that need no data: the ensemble sampler, summaries of tracks, and the network."""

import math

import numpy as np
import pytest
from scipy import stats

from swansong.core.config import load, validate
from swansong.core.errors import FileError, RunError
from swansong.emri import tracks
from swansong.emri.followup import fitting
from swansong.emri.followup.ensemble import effective_samples, evolve, split_r_hat, walk
from swansong.emri.followup.fitting import fit, load_weights, to_normal
from swansong.emri.followup.settings import (
    Recipe,
    SamplerSettings,
)
from swansong.emri.followup.summaries import draw_sources, error_basis, shares_of, summarise
from swansong.emri.search.model import SearchModel
from swansong.emri.search.settings import PriorSettings


@pytest.fixture(scope="module")
def model() -> SearchModel:
    return SearchModel(PriorSettings(mass_2=(30.0, 70.0), plunge_time=(0.05, 0.1)))


class TestEnsemble:
    SIZES = SamplerSettings(walkers=24, steps=300, rounds=4, temperatures=(1.0, 3.0), population=32, effective=600.0)

    def test_a_narrow_gaussian_is_sampled(self):
        rng = np.random.default_rng(0)
        factor = np.linalg.cholesky(stats.random_correlation.rvs([3.0, 1.0, 0.99, 0.0099, 1e-4], random_state=1))
        mean = np.array([1.0, -2.0, 0.0, 3.0, 5.0])

        def log_density(x):
            return -0.5 * (np.linalg.solve(factor, (x - mean).T) ** 2).sum(axis=0)

        found = walk(
            mean + rng.standard_normal((48, 5)) @ factor.T,
            log_posterior=lambda x: (log_density(x), np.zeros(len(x))),
            settings=self.SIZES,
            rng=rng,
        )
        samples = found.points.reshape(-1, 5)
        assert found.converged
        assert found.r_hat < 1.02
        assert np.abs(samples.mean(axis=0) - mean).max() < 5.0 / math.sqrt(found.effective)
        np.testing.assert_allclose(np.linalg.solve(factor, samples.T).std(axis=1), 1.0, atol=0.15)
        np.testing.assert_allclose(found.log_likelihood[-1], log_density(found.points[-1]))

    def test_two_modes_are_both_visited(self):
        rng = np.random.default_rng(3)

        def log_density(x):
            return np.logaddexp(-0.5 * ((x - 4.0) ** 2).sum(axis=1), -0.5 * ((x + 4.0) ** 2).sum(axis=1))

        starts = np.where(rng.random((48, 1)) < 0.5, 4.0, -4.0) + rng.standard_normal((48, 2))
        found = walk(
            starts,
            log_posterior=lambda x: (log_density(x), np.zeros(len(x))),
            settings=self.SIZES,
            rng=rng,
        )
        assert 0.2 < (found.points[..., 0] > 0).mean() < 0.8

    def test_the_prior_bounds_the_walk(self):
        rng = np.random.default_rng(4)
        found = walk(
            rng.random((48, 2)),
            log_posterior=lambda x: (
                -x.sum(axis=1),
                np.where(((x > 0) & (x < 1)).all(axis=1), 0.0, -np.inf),
            ),
            settings=self.SIZES,
            rng=rng,
        )
        assert ((found.points > 0) & (found.points < 1)).all()
        assert found.points.mean() == pytest.approx(1.0 - 1.0 / (math.e - 1.0), abs=0.04)

    def test_evolution_climbs_a_bent_valley(self):
        rng = np.random.default_rng(5)

        def log_density(x):
            return -100.0 * (x[:, 1] - x[:, 0] ** 2) ** 2 - (1.0 - x[:, 0]) ** 2

        points, values = evolve(rng.uniform(-3, 3, (60, 2)), log_density, generations=150, rng=rng)
        np.testing.assert_allclose(points[0], 1.0, atol=1e-3)
        assert (np.diff(values) <= 0).all()

    def test_evolution_needs_one_start(self):
        with pytest.raises(RunError, match="every start"):
            evolve(np.zeros((8, 2)), lambda x: np.full(len(x), -np.inf), generations=1, rng=np.random.default_rng(0))

    def test_drifts_show(self):
        rng = np.random.default_rng(6)
        still = rng.standard_normal((400, 16, 2))
        assert split_r_hat(still) < 1.01
        assert split_r_hat(still + np.linspace(0, 3, 400)[:, None, None]) > 1.2

    def test_memory_is_measured(self):
        rng = np.random.default_rng(7)
        white = rng.standard_normal((4000, 8, 1))
        effective, time = effective_samples(white)
        assert time < 1.3
        assert effective > 0.6 * white[..., 0].size
        slow = np.empty_like(white)
        slow[0] = white[0]
        for k in range(1, len(white)):
            slow[k] = 0.9 * slow[k - 1] + math.sqrt(1.0 - 0.81) * white[k]
        effective, time = effective_samples(slow)
        assert time == pytest.approx(19.0, rel=0.3)  # (1 + .9) / (1 - .9)
        assert effective == pytest.approx(4000 * 8 / 19.0, rel=0.4)


class TestSummaries:
    def test_numbers_are_those_of_the_tracks(self):
        point = np.array([[1.2e6, 30.0, 0.5, 0.5 * tracks.YEAR, 0.02]])
        found = summarise(tracks.load().arrays, point, number=8)[0]
        t = 0.5 * tracks.YEAR * (1.0 - shares_of(8))
        f = tracks.load().harmonic(
            t, m=2, n=0, mass_1=1.2e6, mass_2=30.0, spin=0.5, plunge_time=0.5, final_eccentricity=0.02
        )
        np.testing.assert_allclose(found[:-1], np.log(f[0]), rtol=1e-9)
        assert found[-1] == pytest.approx(math.log(0.5 * tracks.YEAR))

    def test_errors_have_the_size_they_say(self):
        rng = np.random.default_rng(1)
        basis = error_basis(24)
        errors = rng.standard_normal((4000, len(basis))) @ basis
        assert np.sqrt((errors[:, :-1] ** 2).mean()) == pytest.approx(1.0, rel=0.15)
        assert errors[:, -1].std() == pytest.approx(0.3, rel=0.1)

    def test_drawn_sources_have_tracks(self, model):
        u, summary = draw_sources(model, tracks.load().arrays, rows=500, number=8, seed=1)
        assert u.shape == (500, 5)
        assert np.isfinite(summary).all()
        again, _ = draw_sources(model, tracks.load().arrays, rows=500, number=8, seed=1)
        np.testing.assert_array_equal(u, again)

    def test_normal_numbers_stay_finite(self):
        assert np.isfinite(to_normal(np.array([0.0, 0.5, 1.0]))).all()


class TestTraining:
    @pytest.mark.slow
    def test_a_small_recipe_trains_and_loads(self, tmp_path):
        recipe = validate(
            Recipe,
            {
                "bank": 2048,
                "network": {"shares": 6, "width": 16, "blocks": 1, "context": 4, "layers": 2, "layer_width": 8},
                "training": {"steps": 60, "batch_size": 64, "learning_rate": 3e-3, "validate_every": 20},
            },
        )
        trained = fit(recipe, seed=1, folder=tmp_path, quiet=True)
        losses = trained.history.to_arrays(seconds=False)["validation_loss"]
        assert losses[-1] < losses[0]
        loaded = load_weights(tmp_path / "weights.h5")
        assert loaded.recipe.network.shares == 6
        other = recipe.model_copy(update={"network": recipe.network.model_copy(update={"shares": 7})})
        assert fitting.fingerprint(other) != loaded.fingerprint

    def test_the_packaged_recipe_is_the_one_of_the_weights(self):
        path = fitting.Path(fitting.__file__).parent / "recipes" / "tracks.toml"
        assert fitting.recorded(load(Recipe, path)) == load_weights().recipe

    def test_missing_weights_are_refused(self, tmp_path):
        with pytest.raises(FileError):
            load_weights(tmp_path / "none.h5")
