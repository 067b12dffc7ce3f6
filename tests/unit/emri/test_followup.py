"""Follow-up of a candidate: likelihood, coordinates, ensembles, laws, summaries and files."""

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from swansong.core.config import validate
from swansong.core.errors import ConfigError, DomainError, FileError, InputError
from swansong.emri import tracks
from swansong.emri.followup.chart import Chart
from swansong.emri.followup.export import read_proposal, track_mask, write_proposal
from swansong.emri.followup.fitting import load_weights
from swansong.emri.followup.followup import FollowupResult, follow_up
from swansong.emri.followup.kernels import FAINTEST, LOUDEST, log_bessel, matched
from swansong.emri.followup.laws import NetworkLaw, fit_flow, fit_mixture
from swansong.emri.followup.likelihood import TrackLikelihood
from swansong.emri.followup.settings import (
    FollowupSettings,
    LikelihoodSettings,
    ProposalSettings,
    SamplerSettings,
)
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import Scorer
from swansong.emri.search.settings import PriorSettings, StatisticSettings
from swansong.emri.search.statistic import tabulate
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband

SOURCE = {"mass_1": 1e6, "mass_2": 50.0, "spin": 0.7, "plunge_time": 0.09, "final_eccentricity": 0.04}
SEGMENTS, SEGMENT, BAND = 60, 5e4, (2e-3, 1.2e-2)
QUICK = FollowupSettings(
    likelihood=LikelihoodSettings(length=1, doppler=False),
    sampler=SamplerSettings(population=32, generations=4, walkers=16, steps=50, rounds=1, temperatures=(1.0,)),
    proposal=ProposalSettings(draws=0, steps=0, components=2),
)


def noise_free(*, snr: float) -> Baseband:
    """The (2, 0) chirp of `SOURCE` with constant amplitude, straight in the band."""
    low, high = BAND
    per_segment = round((high - low) * SEGMENT)
    cadence = SEGMENT / per_segment
    t = np.arange(SEGMENTS * per_segment) * cadence
    alive = t < SOURCE["plunge_time"] * tracks.YEAR - 2.0 * SEGMENT
    z = np.zeros(t.size, complex)
    phase = 2.0 * tracks.load().phases(t[alive], **SOURCE)[0] - 2.0 * np.pi * low * t[alive]
    z[alive] = np.exp(1j * phase)
    z *= snr / math.sqrt(2.0 * np.sum(np.abs(z) ** 2))
    return Baseband(
        samples=z.reshape(SEGMENTS, per_segment).astype(np.complex64),
        low=low,
        cadence=cadence,
        segment=SEGMENT,
        used=np.ones(SEGMENTS, bool),
        filled=np.ones(SEGMENTS),
    )


@pytest.fixture(scope="module")
def model() -> SearchModel:
    return SearchModel(PriorSettings(mass_2=(30.0, 70.0), plunge_time=(0.05, 0.1)))


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    s = SOURCE
    return np.array([np.log10(s["mass_1"]), s["mass_2"], s["spin"], s["plunge_time"], s["final_eccentricity"]])


@pytest.fixture(scope="module")
def band() -> Baseband:
    return noise_free(snr=30.0)


@pytest.fixture(scope="module")
def scorer(band: Baseband) -> Scorer:
    return Scorer(tabulate(band, StatisticSettings(), powers=False), lisa_noise("A"), tracks.load().arrays)


@pytest.fixture(scope="module")
def result(scorer: Scorer, theta: np.ndarray, model: SearchModel) -> FollowupResult:
    return follow_up(scorer, theta, model=model, settings=QUICK, seed=1)


def likelihood(scorer: Scorer, law: str = "matched", length: int = 1, **others) -> TrackLikelihood:
    chosen = LikelihoodSettings.model_validate({"law": law, "length": length, "doppler": False})
    return TrackLikelihood(scorer, chosen, **others)


class TestLikelihood:
    @pytest.mark.parametrize("z", [0.0, 0.3, 3.7, 3.8, 20.0, 700.0])
    def test_the_bessel_function_is_that_of_scipy(self, z):
        value, ratio = log_bessel(z)
        assert value == pytest.approx(math.log(special.ive(0, z)) + z, abs=1e-6)
        assert ratio == pytest.approx(special.ive(1, z) / special.ive(0, z), abs=1e-6)

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 10_000), st.floats(12.0, 60.0))
    def test_the_integral_over_amplitude_is_that_of_quadrature(self, seed, snr):
        rng = np.random.default_rng(seed)
        expected = rng.random(80) ** 3
        strength = snr**2 * expected / expected.sum()
        powers = stats.ncx2.rvs(2, strength, random_state=rng)
        value, _ = matched(powers, expected, 80)
        shift = math.log(1.0 / math.sqrt(expected.sum()))

        nodes = np.linspace(math.log(FAINTEST) + shift, math.log(LOUDEST) + shift, 1501)
        z = np.exp(nodes[:, None]) * np.sqrt(expected * powers)
        logs = np.log(special.ive(0, z)) + z - 0.5 * np.exp(2.0 * nodes[:, None]) * expected
        total = integrate.simpson(np.exp(logs.sum(axis=1) - value), x=nodes) / math.log(LOUDEST / FAINTEST)
        assert abs(math.log(total)) < 0.05

    def test_groups_without_expected_signal_have_no_say(self):
        powers, expected = np.array([20.0, 9.0, 3.0]), np.array([1.0, 0.5, 0.0])
        assert matched(powers, expected, 3) == pytest.approx(matched(powers, expected, 2))

    def test_the_amplitude_of_a_loud_signal_is_found(self):
        expected = np.linspace(0.1, 1.0, 50)
        _, log_amplitude = matched(400.0 * expected + 2.0, expected, 50)
        assert math.exp(log_amplitude) == pytest.approx(20.0, rel=0.01)

    def test_powers_are_those_of_a_direct_correlation(self, scorer, band, model, theta):
        powers, _ = likelihood(scorer).groups(model.to_points(theta))
        f, r, _ = tracks.load().harmonic(band.middles, m=2, n=0, **SOURCE)
        t = (np.arange(band.samples.shape[1]) - band.samples.shape[1] // 2) * band.cadence
        template = np.exp(-2j * np.pi * ((f[:20, None] - band.low) * t + 0.5 * r[:20, None] * t**2))
        direct = 2.0 * np.abs((band.samples[:20] * template).sum(axis=1)) ** 2 / t.size
        np.testing.assert_allclose(powers[:20], direct, rtol=0.02)

    def test_all_power_is_kept_over_eight_coherent_segments(self, scorer, model, theta):
        # The signal ends two segments before plunge, where segments no longer count.
        one, eight = (likelihood(scorer, length=k).groups(model.to_points(theta))[0].sum() for k in (1, 8))
        assert eight == pytest.approx(one, rel=0.02)
        assert 0.9 * 900.0 < one <= 1.01 * 900.0

    def test_laws_are_related(self, scorer, model, theta):
        point = model.to_points(theta)[None]
        powers, _ = likelihood(scorer).groups(point[0])
        paper, power = (likelihood(scorer, law).evaluate(point)[0][0] for law in ("paper", "power"))
        assert paper == pytest.approx(powers.sum())
        assert power == pytest.approx(0.5 * paper)

    def test_fixed_weights_replace_the_law_of_frequency(self, scorer, model, theta):
        fixed = np.zeros((1, SEGMENTS))
        fixed[0, 10:20] = 1.0
        found = likelihood(scorer, fixed=fixed)
        powers, expected = found.groups(model.to_points(theta))
        assert expected.sum() == 10.0
        chosen = powers[expected > 0]
        assert found.evaluate(model.to_points(theta)[None])[0][0] == pytest.approx(matched(chosen, np.ones(10), 10)[0])

    def test_fixed_weights_of_a_wrong_shape_are_refused(self, scorer):
        with pytest.raises(InputError, match=r"\(1, 60\)"):
            likelihood(scorer, fixed=np.ones((2, SEGMENTS)))

    def test_the_signal_to_noise_ratio_is_found(self, scorer, model, theta):
        # Without noise each power lacks the two that noise adds on average, and the last segments do not count.
        assert likelihood(scorer).snr(model.to_points(theta)) == pytest.approx(27.0, rel=0.1)

    def test_outside_the_table_there_is_no_likelihood(self, scorer, model, theta):
        point = model.to_points(theta)
        point[4] = 0.9
        assert likelihood(scorer).evaluate(point[None])[0][0] == -np.inf
        with pytest.raises(InputError, match="outside the table"):
            likelihood(scorer).groups(point)

    def test_a_resting_detector_ignores_the_sky(self, scorer, model, theta):
        point, sky = model.to_points(theta)[None], np.array([[0.6, 0.5]])
        assert likelihood(scorer).evaluate(point, sky=sky)[0] == likelihood(scorer).evaluate(point)[0]


def chart_of(scorer: Scorer, model: SearchModel, theta: np.ndarray, law: str = "matched") -> Chart:
    return Chart.at(likelihood(scorer, law), model, theta)


def around(chart: Chart, theta: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """Coordinates of sources a few per cent from one."""
    rng = np.random.default_rng(seed)
    q = np.repeat(chart.of_theta(theta[None]), number, axis=0)
    return q + rng.uniform(-1.0, 1.0, q.shape) * np.array([0.3, 0.3, 0.3, 0.02, 0.05])


class TestChart:
    def test_coordinates_come_back(self, scorer, model, theta):
        chart = chart_of(scorer, model, theta)
        np.testing.assert_allclose(chart.to_theta(chart.of_theta(theta[None]))[0], theta)
        np.testing.assert_allclose(chart.of_theta(theta)[:3], 0.0, atol=1e-9)
        q = around(chart, theta, 50, seed=1)
        found = chart.to_theta(q)
        known = np.isfinite(found[:, 0])
        assert known.sum() > 30
        np.testing.assert_allclose(chart.of_theta(found[known]), q[known], atol=1e-5)

    def test_a_track_passes_through_its_coordinates(self, scorer, model, theta):
        chart = chart_of(scorer, model, theta)
        q = around(chart, theta, 20, seed=2)
        found = chart.to_theta(q)
        for one, wanted in zip(found, q, strict=True):
            if np.isfinite(one).all():
                point = dict(zip(SOURCE, model.to_points(one), strict=True))
                heard = tracks.load().harmonic(chart.knots, m=2, n=0, **point).frequency
                np.testing.assert_allclose((heard - chart.frequencies) * SEGMENT, wanted[:3], atol=1e-5)

    def test_normal_numbers_are_isotropic_directions(self, scorer, model, theta):
        chart = Chart.at(TrackLikelihood(scorer), model, theta)
        q = chart.with_sky(np.repeat(chart.of_theta(theta[None]), 4000, axis=0), rng=np.random.default_rng(1))
        samples = chart.samples_of(q)
        assert stats.kstest(samples[:, 6], "uniform").pvalue > 0.01
        assert stats.kstest(samples[:, 5] / (2.0 * math.pi), "uniform").pvalue > 0.01
        # Densities of parameters are constant where the prior is flat and directions isotropic.
        prior = chart.log_posterior(q)[1]
        known = np.isfinite(prior)
        assert known.mean() > 0.9
        density = prior[known] + chart.log_jacobian(q[known])
        width = np.array([p.maximum - p.minimum for p in model.parameters])
        np.testing.assert_allclose(density, -np.log(width).sum() - math.log(2.0 * math.pi))
        assert np.isfinite(chart.prior.log_prob(samples[0]))

    def test_what_is_received_stays_when_the_direction_changes(self, scorer, model, theta):
        chart = Chart.at(TrackLikelihood(scorer), model, theta)
        rng = np.random.default_rng(3)
        rest = chart.of_theta(np.repeat(theta[None], 5, axis=0))
        moved = chart.to_theta(chart.with_sky(rest, rng=rng, at_rest=True))
        np.testing.assert_allclose(moved, np.repeat(theta[None], 5, axis=0), rtol=1e-5)
        others = chart.to_theta(chart.with_sky(rest, rng=rng))
        assert np.abs(others / theta - 1.0).max() > 1e-5

    def test_the_volume_is_that_of_finite_differences(self, scorer, model, theta):
        chart = chart_of(scorer, model, theta)
        at = chart.of_theta(theta)
        steps = 1e-3 * np.array([1.0, 1.0, 1.0, 0.1, 0.1])
        slopes = [
            (chart.to_theta((at + step)[None])[0] - chart.to_theta((at - step)[None])[0]) / (2.0 * step.sum())
            for step in np.diag(steps)
        ]
        expected = np.linalg.slogdet(np.array(slopes))[1]
        assert -chart.log_jacobian(at[None])[0] == pytest.approx(expected, abs=1e-3)

    def test_outside_the_ranges_there_is_no_prior(self, scorer, model, theta):
        chart = chart_of(scorer, model, theta)
        q = np.repeat(chart.of_theta(theta[None]), 3, axis=0)
        q[0, 4], q[1, 3], q[2, :3] = 1.1, -0.1, np.nan
        for value in chart.log_posterior(q):
            assert (value == -np.inf).all()

    def test_the_metric_predicts_the_loss_of_power(self, scorer, model, theta):
        # Half the summed power falls by a half at one expected deviation. Along the softest axis the prior of the
        # eccentricity decides, along the stiffest the last segments, which change too fast to count; the
        # signal's amplitude is constant here, and the metric weighs with the law of frequency.
        chart = chart_of(scorer, model, theta, "power")
        factor, at = chart.local_factor(theta, snr=30.0), chart.of_theta(theta)
        for step in factor[:, 1:4].T:
            values = chart.log_likelihood(np.stack([at, at + step, at - step]))
            assert 0.2 < values[0] - values[1:].mean() < 1.0

    def test_a_candidate_outside_the_prior_is_refused(self, scorer, model, theta):
        with pytest.raises(InputError, match="outside the prior"):
            chart_of(scorer, model, theta + np.array([0, 0, 0, 1.0, 0]))


class TestLaws:
    def test_a_mixture_of_narrow_correlated_samples_is_a_density(self):
        rng = np.random.default_rng(8)
        factor = np.array([[1.0, 0.0], [1.0, 1e-5]])
        x = 3.0 + rng.standard_normal((4000, 2)) @ factor.T
        law = fit_mixture(x, components=3, rng=rng)
        draws = law.sample(4000, rng=rng)
        truth = stats.norm.logpdf(np.linalg.solve(factor, (draws - 3.0).T)).sum(axis=0) + 5.0 * math.log(10.0)
        assert np.exp(truth - law.log_prob(draws)).mean() == pytest.approx(1.0, abs=0.05)

    @pytest.mark.slow
    def test_a_flow_learns_a_bent_density(self):
        rng = np.random.default_rng(9)
        x = rng.standard_normal((6000, 2))
        x[:, 1] = 1e-3 * (x[:, 1] + x[:, 0] ** 2)
        law = fit_flow(x, steps=300, seed=1)
        draws = law.sample(4000, rng=rng)
        normal = np.stack([draws[:, 0], 1e3 * draws[:, 1] - draws[:, 0] ** 2])
        truth = stats.norm.logpdf(normal).sum(axis=0) + 3.0 * math.log(10.0)
        weights = np.exp(truth - law.log_prob(draws))
        assert weights.mean() == pytest.approx(1.0, abs=0.05)
        assert weights.mean() ** 2 / (weights**2).mean() > 0.8

    @pytest.mark.slow
    def test_the_packaged_network_proposes_around_its_track(self):
        trained, model = load_weights(), SearchModel(PriorSettings(spin=(0.5, 0.998)))
        theta = np.array([6.1264, 27.091, 0.8636, 0.902, 0.007])
        law = NetworkLaw.of(trained, theta, tracks=tracks.load().arrays, model=model, track_error=1e-3)
        u, log_density = law.draw(512, key=jax.random.key(1))
        low, width = np.array([[p.minimum, p.maximum - p.minimum] for p in model.parameters]).T
        found = low + width * u
        inside = ((u > 0) & (u < 1)).all(axis=1)
        assert inside.mean() > 0.95
        assert np.abs((found.mean(axis=0) - theta) / found.std(axis=0)).max() < 3.0
        assert found[:, 0].std() < 0.05
        np.testing.assert_allclose(law.log_prob(u[inside]), log_density[inside], atol=0.05)


class TestFollowUp:
    def test_the_answer_is_whole(self, result: FollowupResult):
        posterior = result.posterior
        assert posterior.parameters.names[:2] == ("log10_mass_1", "mass_2")
        assert result.log_likelihood.shape == (len(posterior),)
        assert set(result.seconds) == {"prepare", "network", "evolve", "walk", "proposal"}
        assert set(result.efficiency) == {"mixture"}
        assert posterior.parameters.contains(posterior.samples).all()
        assert any("R-hat" in text for text in posterior.warnings)  # fifty steps are no walk

    def test_the_same_seed_gives_the_same_samples(self, result, scorer, theta, model):
        again = follow_up(scorer, theta, model=model, settings=QUICK, seed=1)
        np.testing.assert_array_equal(again.posterior.samples, result.posterior.samples)

    def test_a_proposal_comes_back_from_its_file(self, result, tmp_path):
        sha = write_proposal(result, tmp_path / "proposal.h5")
        found = read_proposal(tmp_path / "proposal.h5")
        assert len(sha) == 64
        assert found.parameters == result.proposal.parameters.names
        np.testing.assert_array_equal(found.samples, result.proposal.samples)
        # The law that drew these samples is the mixture.
        np.testing.assert_allclose(found.log_density_mixture, found.log_density)
        result.posterior.save(tmp_path / "posterior.h5")
        with pytest.raises(FileError, match="emri-proposal"):
            read_proposal(tmp_path / "posterior.h5")

    def test_the_mask_holds_the_track(self, result, band):
        mask = track_mask(result)
        end = SOURCE["plunge_time"] * tracks.YEAR
        f, _, _ = tracks.load().harmonic(band.middles[: int(end / SEGMENT)], m=2, n=0, **SOURCE)
        alive = mask.inside[: f.size]
        assert alive[:-1].all()
        assert not mask.inside[f.size + 1 :].any()
        off = np.abs(mask.frequency[: f.size] - f)[alive]
        assert (off <= mask.half_width[: f.size][alive]).all()
        assert np.median(mask.half_width[alive.nonzero()[0]]) < 2e-4

    @pytest.mark.parametrize(
        ("bad", "message"), [(np.ones(4), "5 finite numbers"), (np.full(5, np.nan), "5 finite"), (np.ones(5), "prior")]
    )
    def test_bad_candidates_are_refused(self, scorer, model, bad, message):
        with pytest.raises(InputError, match=message):
            follow_up(scorer, bad, model=model, settings=QUICK, seed=1)

    def test_a_candidate_without_a_track_is_refused(self, scorer):
        wide = SearchModel(PriorSettings(mass_1=(5e5, 5e6), final_eccentricity=(0.0, 0.9)))
        with pytest.raises(DomainError, match="no track"):
            follow_up(scorer, np.array([6.0, 50.0, 0.7, 0.5, 0.85]), model=wide, settings=QUICK, seed=1)

    @pytest.mark.parametrize(
        ("section", "message"),
        [
            ({"walkers": 31}, "even"),
            ({"temperatures": [1.0, 0.5]}, "rise from 1"),
            ({"temperatures": [2.0, 3.0]}, "rise from 1"),
            ({"population": 32, "walkers": 40}, "at least the number"),
        ],
    )
    def test_settings_that_make_no_sense_are_refused(self, section, message):
        with pytest.raises(ConfigError, match=message):
            validate(FollowupSettings, {"sampler": section})

    def test_the_published_likelihood_says_what_it_is(self, result, scorer, theta, model):
        published = QUICK.model_copy(update={"likelihood": LikelihoodSettings(law="paper", length=1, doppler=False)})
        found = follow_up(scorer, theta, model=model, settings=published, seed=2)
        assert any("1.4" in text for text in found.warnings)
        assert replace(found.posterior, warnings=()).estimator == "walk"
