"""Follow-up of injected inspirals: is the truth found, do two methods agree, does the moving detector matter?"""

import math

import numpy as np
import pytest
from scipy import stats

from swansong.core.constants import ASTRONOMICAL_UNIT, SPEED_OF_LIGHT
from swansong.emri import tracks
from swansong.emri.followup.chart import Chart
from swansong.emri.followup.followup import FollowupResult, follow_up
from swansong.emri.followup.likelihood import TrackLikelihood
from swansong.emri.followup.settings import FollowupSettings, LikelihoodSettings, ProposalSettings, SamplerSettings
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import Scorer
from swansong.emri.search.settings import PriorSettings, StatisticSettings
from swansong.emri.search.statistic import tabulate
from swansong.emri.search.weights import expected_power
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband

SOURCE = {"mass_1": 6e5, "mass_2": 30.0, "spin": 0.9, "plunge_time": 0.095, "final_eccentricity": 0.05}
SEGMENTS, SEGMENT, BAND = 60, 5e4, (3e-3, 1.9e-2)
SKY = np.array([0.5, -0.8])


def injected(*, snr: float, seed: int | None, sky: np.ndarray | None) -> Scorer:
    """The (2, 0) harmonic with its expected amplitude, straight in the band, and noise."""
    low, high = BAND
    per_segment = round((high - low) * SEGMENT)
    cadence = SEGMENT / per_segment
    t = np.arange(SEGMENTS * per_segment) * cadence
    late = np.zeros(t.size)
    if sky is not None:
        angle = 2.0 * np.pi * t / tracks.YEAR
        late = ASTRONOMICAL_UNIT / SPEED_OF_LIGHT * (sky[0] * np.cos(angle) + sky[1] * np.sin(angle))
    alive = (t + late >= 0.0) & (t + late < SOURCE["plunge_time"] * tracks.YEAR - 1e4)
    z = np.zeros(t.size, complex)
    at = (t + late)[alive]
    phase = 2.0 * tracks.load().phases(at, **SOURCE)[0] - 2.0 * np.pi * low * t[alive]
    frequency = 2.0 * tracks.load().frequencies(at, **SOURCE)[0]
    z[alive] = np.sqrt(expected_power(frequency, lisa_noise("A"))) * np.exp(1j * phase)
    z *= snr / math.sqrt(2.0 * np.sum(np.abs(z) ** 2))
    if seed is not None:
        rng = np.random.default_rng(seed)
        z += (rng.standard_normal(z.size) + 1j * rng.standard_normal(z.size)) / math.sqrt(2.0)
    band = Baseband(
        samples=z.reshape(SEGMENTS, per_segment).astype(np.complex64),
        low=low,
        cadence=cadence,
        segment=SEGMENT,
        used=np.ones(SEGMENTS, bool),
        filled=np.ones(SEGMENTS),
    )
    return Scorer(tabulate(band, StatisticSettings(), powers=False), lisa_noise("A"), tracks.load().arrays)


@pytest.fixture(scope="module")
def model() -> SearchModel:
    return SearchModel(PriorSettings(mass_2=(10.0, 60.0), plunge_time=(0.05, 0.1)))


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    s = SOURCE
    return np.array([np.log10(s["mass_1"]), s["mass_2"], s["spin"], s["plunge_time"], s["final_eccentricity"]])


@pytest.fixture(scope="module")
def followed(model: SearchModel, theta: np.ndarray) -> FollowupResult:
    settings = FollowupSettings(
        likelihood=LikelihoodSettings(length=2, doppler=False),
        sampler=SamplerSettings(
            population=64, generations=40, walkers=32, steps=200, rounds=4, effective=150.0, largest_r_hat=1.05
        ),
        proposal=ProposalSettings(draws=0, steps=0),
    )
    scorer = injected(snr=30.0, seed=4, sky=None)
    beside = theta + np.array([2e-3, 0.05, 1e-3, -1e-6, 5e-3])
    return follow_up(scorer, beside, model=model, settings=settings, seed=3)


def test_the_truth_lies_in_the_posterior(followed, theta):
    levels = (followed.posterior.samples < theta).mean(axis=0)
    assert ((levels > 0.005) & (levels < 0.995)).all()
    assert followed.posterior.metadata["r_hat"] < 1.05


def test_the_posterior_is_narrow_where_the_track_is(followed, theta, model):
    # A month of data leaves masses and spin open along one line, but not the track.
    samples = followed.posterior.samples
    found = followed.chart.likelihood.scorer.tracks_of(model.to_points(samples[::40]), np.array([1e6, 2e6, 2.5e6]))
    assert (found.std(axis=0) / found.mean(axis=0) < 2e-4).all()
    assert samples[:, 3].std() * tracks.YEAR < 0.3 * 86_400.0
    assert samples[:, 1].std() / theta[1] < 0.1
    assert abs(np.corrcoef(samples[:, 0], samples[:, 1])[0, 1]) > 0.8


def test_walk_and_weighted_draws_agree(followed):
    draws, walked = followed.proposal, followed.posterior
    # A month leaves a bent ridge, the hardest shape for a mixture: the answer is good, or it is said not to be.
    if followed.efficiency["mixture"] > 0.02:
        assert walked.log_evidence_error < 0.3
        means = draws.weights @ draws.samples
        spread = walked.samples.std(axis=0)
        assert (np.abs(means - walked.samples.mean(axis=0)) < 0.4 * spread).all()
    else:
        assert any("efficiency" in text or "Pareto" in text for text in followed.warnings)
    # A found signal of ratio 30 has a Bayes factor far above one, and below its best likelihood.
    assert 100.0 < walked.log_evidence < walked.metadata["maximum_log_likelihood"]


def test_the_log_likelihoods_are_those_of_the_samples(followed):
    chart = followed.chart
    again = chart.log_likelihood(chart.of_theta(followed.posterior.samples[:50]))
    np.testing.assert_allclose(again, followed.log_likelihood[:50], atol=2e-3)


def test_coherence_sharpens_the_posterior(theta, model):
    scorer = injected(snr=30.0, seed=None, sky=None)
    lengths = []
    for k in (1, 4):
        chosen = LikelihoodSettings.model_validate({"length": k, "doppler": False})
        factor = Chart.at(TrackLikelihood(scorer, chosen), model, theta).local_factor(theta, snr=30.0)
        lengths.append(np.linalg.norm(factor, axis=0).min())
    assert lengths[0] / lengths[1] == pytest.approx(4.0, rel=0.5)


@pytest.mark.parametrize("length", [4, 8])
def test_the_motion_of_the_detector_is_followed(theta, model, length):
    scorer = injected(snr=30.0, seed=None, sky=SKY)
    chosen = LikelihoodSettings.model_validate({"length": length, "doppler": True})
    found = TrackLikelihood(scorer, chosen)
    point = model.to_points(theta)
    right, none, wrong = (found.groups(point, sky=sky)[0].sum() for sky in (SKY, 0.0 * SKY, -SKY))
    segments = TrackLikelihood(scorer, LikelihoodSettings(length=1, doppler=True)).groups(point, sky=SKY)[0].sum()
    assert right == pytest.approx(segments, rel=0.02)
    assert right > none > wrong


def test_noise_prefers_no_source(theta, model):
    # In noise the Bayes factor of a fixed track is below one: the prior of the amplitude reaches far up.
    values = []
    scorer = injected(snr=1e-6, seed=11, sky=None)
    likelihood = TrackLikelihood(scorer, LikelihoodSettings(length=1, doppler=False))
    drawn = np.asarray(model.prior.from_unit(np.random.default_rng(5).random((400, 5))))
    values = likelihood.evaluate(model.to_points(drawn))[0]
    values = values[np.isfinite(values)]
    assert np.median(values) < 0.0
    # Expectation of a likelihood ratio in noise is one; a log of three is then rare.
    assert stats.binomtest(int((values > 3.0).sum()), len(values), math.exp(-3.0), alternative="greater").pvalue > 1e-3
