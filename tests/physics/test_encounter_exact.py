"""The exact posterior of a burst against plain Monte Carlo over the prior, the direct likelihood and itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from swansong.encounters.check import check
from swansong.encounters.correlations import Correlations
from swansong.encounters.events import simulate_event, simulate_noise
from swansong.encounters.exact import exact_posterior, quick_log_bayes
from swansong.encounters.likelihood import DirectLikelihood
from swansong.encounters.points import Points
from swansong.encounters.problem import prepare
from swansong.inference.diagnostics import credible_levels

SAMPLES = 4000


@pytest.fixture(scope="module")
def quiet(burst_problem, burst_truth):
    """An event of signal-to-noise ratio 6.3."""
    theta = burst_truth.copy()
    theta[4] *= 8.0 / 6.3
    return simulate_event(burst_problem, seed=5, truth=theta)


@pytest.fixture(scope="module")
def quiet_answer(quiet):
    return exact_posterior(quiet, samples=SAMPLES, seed=0)


def evidence(log_weights):
    """ln of the mean weight, and its error."""
    shares = np.exp(log_weights - log_weights.max())
    mean = shares.mean()
    return float(np.log(mean) + log_weights.max()), float(shares.std() / mean / np.sqrt(len(shares)))


def likelihood_ratio(event, theta):
    """Log-likelihood ratio by plain sums over `Analysis.signal`."""
    signal = event.analysis.signal(theta)
    return ((np.conj(event.whitened) * signal).real - 0.5 * np.abs(signal) ** 2).sum(axis=(1, 2))


def direct(event, *, reaction):
    analysis = event.analysis
    return DirectLikelihood(
        event.strain,
        frequency=analysis.frequency, psd=analysis.psd, network=analysis.network, gps=analysis.gps,
        duration=analysis.duration, rate=2048.0, model=analysis.model, reaction=reaction,
    )  # fmt: skip


def prior_evidence(event, *, draws, reference):
    """ln of the Bayes factor, its error, and weighted points: every coordinate from its prior, no scan and no fit."""
    analysis = event.analysis
    points = Points(analysis, reference)
    rng = np.random.default_rng(1)
    low, high = analysis.masses.log_tau[[0, -1]]
    early, late = (1e3 * one for one in analysis.model.settings.pericentre_time)
    # Uniform over every arrival time that some source in the window has; the likelihood knows the window.
    reach = 22.0
    assert 1e3 * np.linalg.norm(analysis.chart.vertices, axis=1).max() < reach
    arrival = rng.uniform(early - reach, late + reach, draws)
    sky = rng.standard_normal((draws, points.dimensions - 3))
    x = np.column_stack([rng.uniform(low, high, draws), rng.standard_normal(draws), arrival, sky])
    found = points.evaluate(
        Correlations.of(analysis, event.whitened), x, uniform=rng.random((draws, 8)), orientations=128
    ).log_likelihood
    log_weights = np.where(found > -1e29, found, -np.inf) + np.log((high - low) * (late - early + 2 * reach))
    return *evidence(log_weights - np.log(late - early) - analysis.log_prior_share), x, log_weights


class TestEvidence:
    def test_plain_monte_carlo_over_all_eleven_parameters_agrees(self, burst_problem):
        """Prior draws above a low cut, one likelihood each: no scan, table, chart or marginalisation takes part."""
        prior = burst_problem.prior.model_copy(update={"minimum_snr": 2.0})
        event = simulate_noise(burst_problem.model_copy(update={"prior": prior}), seed=1)
        unit = np.random.default_rng(0).random((1 << 14, 11))
        theta = np.asarray(event.analysis.model.prior.from_unit(unit))
        theta = theta[event.analysis.snr(theta) >= 2.0]
        expected, error = evidence(likelihood_ratio(event, theta[:6000]))
        found = exact_posterior(event, samples=SAMPLES, seed=1)
        assert error < 0.2
        assert abs(found.metadata["log_bayes_factor"] - expected) < 4.0 * np.hypot(error, found.log_evidence_error)

    def test_importance_sampling_from_the_prior_agrees(self, quiet, quiet_answer):
        """Evidence, and the means of time scale and arrival time."""
        expected, error, x, log_weights = prior_evidence(quiet, draws=120_000, reference=1)
        assert error < 0.15
        gap = quiet_answer.metadata["log_bayes_factor"] - expected
        assert abs(gap) < 3.5 * np.hypot(error, quiet_answer.log_evidence_error)
        weights = np.exp(log_weights - log_weights.max())
        others = Points(quiet.analysis, 1).of(quiet_answer.samples)
        for column in (0, 2):
            mean = np.average(others[:, column], weights=quiet_answer.weights)
            deviation = np.sqrt(np.cov(others[:, column], aweights=quiet_answer.weights))
            assert np.average(x[:, column], weights=weights) == pytest.approx(mean, abs=4.0 * error * deviation)

    def test_it_repeats_within_its_stated_errors(self, burst_event, burst_answer):
        answers = [burst_answer] + [exact_posterior(burst_event, samples=SAMPLES, seed=seed) for seed in (1, 2)]
        values = np.array([one.log_evidence for one in answers])
        errors = np.array([one.log_evidence_error for one in answers])
        assert (errors < 0.05).all()
        assert (np.abs(values - values.mean()) < 3.0 * errors).all()
        assert min(one.efficiency for one in answers) > 0.2

    def test_noise_and_signals_differ(self, burst_problem, burst_event, burst_answer):
        assert quick_log_bayes(simulate_noise(burst_problem, seed=2), seed=0) < 3.0
        rough = quick_log_bayes(burst_event, seed=0)
        assert rough == pytest.approx(burst_answer.metadata["log_bayes_factor"], abs=1.0)


class TestSamples:
    def test_the_direct_likelihood_agrees_at_posterior_samples(self, burst_event, burst_answer):
        """Templates computed sample by sample in time give the same likelihoods as the tables of the sampler."""
        theta = burst_answer.resample(320, seed=0).samples
        gap = likelihood_ratio(burst_event, theta) - np.asarray(
            direct(burst_event, reaction=False).log_likelihood_ratio(theta)
        )
        assert gap.std() < 0.05
        assert np.abs(gap).max() < 0.2

    def test_radiation_reaction_put_back_costs_nothing(self, burst_event, burst_answer):
        theta = burst_answer.resample(320, seed=1).samples
        with_loss, without = (
            np.asarray(direct(burst_event, reaction=on).log_likelihood_ratio(theta)) for on in (True, False)
        )
        weights = np.exp(with_loss - without)
        assert weights.sum() ** 2 / (weights**2).sum() / len(weights) > 0.99
        assert np.ptp(with_loss - without) > 1e-6, "the two likelihoods differ"

    def test_samples_lie_in_the_prior_above_the_cut(self, burst_analysis, burst_answer):
        kept = burst_answer.weights > 0.0
        theta = burst_answer.samples[kept]
        assert np.isfinite(burst_analysis.model.prior.log_prob(theta)).all()
        assert burst_analysis.snr(theta).min() > 6.0 * 0.99

    def test_the_truth_is_where_the_posterior_is(self, burst_analysis, burst_event, burst_answer):
        points = Points(burst_analysis, 0)
        truth = points.of(burst_event.truth[None])[0]
        levels = credible_levels(truth, points.of(burst_answer.samples), weights=burst_answer.weights)
        assert ((levels > 1e-3) & (levels < 1.0 - 1e-3)).all()
        width = np.sqrt(np.cov(points.of(burst_answer.samples)[:, 2], aweights=burst_answer.weights))
        assert width < 10.0, "the arrival time is known to milliseconds"

    def test_same_seed_same_samples(self, burst_event, burst_answer):
        again = exact_posterior(burst_event, samples=SAMPLES, seed=0)
        np.testing.assert_array_equal(again.samples, burst_answer.samples)
        np.testing.assert_array_equal(again.log_weights, burst_answer.log_weights)
        assert again.log_evidence == burst_answer.log_evidence


@pytest.mark.parametrize(
    ("detectors", "orientation", "draws"),
    [(("H1", "L1"), "shared", 60_000), (("L1",), "free", 20_000)],
)
def test_other_networks_and_the_shared_angle(burst_problem, burst_truth, detectors, orientation, draws):
    """One and two detectors sum over the sky that timing leaves open."""
    problem = burst_problem.model_copy(
        update={
            "data": burst_problem.data.model_copy(update={"detectors": detectors}),
            "model": burst_problem.model.model_copy(update={"orientation": orientation}),
        }
    )
    analysis = prepare(problem)
    truth = burst_truth[: len(analysis.parameters)].copy()
    truth[4] *= analysis.snr(truth)[0] / 7.0
    event = simulate_event(problem, seed=6, truth=truth)
    found = exact_posterior(event, samples=SAMPLES, seed=0)
    expected, error, *_ = prior_evidence(event, draws=draws, reference=0)
    assert error < 0.2
    assert abs(found.metadata["log_bayes_factor"] - expected) < 3.5 * np.hypot(error, found.log_evidence_error)
    assert found.samples.shape == (SAMPLES, 10 if orientation == "shared" else 11)
    assert found.efficiency > 0.1
    theta = found.resample(200, seed=0).samples
    assert np.isfinite(analysis.model.prior.log_prob(theta)).all()
    assert analysis.snr(theta).min() > 6.0 * 0.99
    assert likelihood_ratio(event, theta).mean() > likelihood_ratio(event, truth[None])[0] - 12.0


def test_a_stricter_cut_is_a_part_of_the_posterior(burst_problem, quiet, quiet_answer):
    """Z with a cut of 7 = Z with 6, times the posterior's share above 7 over the prior's."""
    strict = burst_problem.model_copy(update={"prior": burst_problem.prior.model_copy(update={"minimum_snr": 7.0})})
    analysis = prepare(strict, psd=quiet.analysis.psd)
    found = exact_posterior(replace(quiet, analysis=analysis), samples=SAMPLES, seed=3)
    loud = quiet_answer.weights @ (quiet.analysis.snr(quiet_answer.samples) >= 7.0)
    assert 0.02 < loud < 0.98
    prior = analysis.log_prior_share - quiet.analysis.log_prior_share
    predicted = quiet_answer.metadata["log_bayes_factor"] + np.log(loud) - prior
    error = np.sqrt((1.0 - loud) / (loud * quiet_answer.effective_samples))
    assert found.metadata["log_bayes_factor"] == pytest.approx(predicted, abs=4.0 * np.hypot(error, 0.03))


def test_the_evidence_is_the_mean_weight(burst_answer):
    noise = burst_answer.metadata["log_noise_evidence"]
    mean = logsumexp(burst_answer.log_weights) - np.log(SAMPLES)
    assert burst_answer.log_evidence == pytest.approx(noise + mean, abs=1e-9)
    assert burst_answer.metadata["log_bayes_factor"] == pytest.approx(mean, abs=1e-9)


def test_eight_injections_are_not_grossly_off(burst_problem):
    found = check(burst_problem, estimator="exact", injections=8, samples=500, seed=3, quiet=True)
    report = found.to_json()
    assert found.levels.shape == (8, 11)
    assert ((found.levels >= 0.0) & (found.levels <= 1.0)).all()
    assert report["ks_p_combined"] > 1e-3
    assert 0.3 < found.levels.mean() < 0.7
    assert report["efficiency"]["median"] > 0.15
    assert (found.calibration.snr >= 6.0).all()
    assert "js_distance" not in report, "the exact estimator is not compared with itself"


@pytest.mark.slow
def test_forty_eight_injections_are_covered(burst_problem):
    """Credible levels of the truths are uniform in every parameter."""
    found = check(burst_problem, estimator="exact", injections=48, samples=1000, seed=4, quiet=True)
    report = found.to_json()
    # Eleven parameters: the smallest of eleven p values is above .001 in 99 % of all checks.
    assert min(report["ks_p"].values()) > 1e-3
    assert report["ks_p_combined"] > 1e-2
    assert report["efficiency"]["median"] > 0.3
