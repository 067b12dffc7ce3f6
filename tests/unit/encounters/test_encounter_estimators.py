"""The entrance to all estimators: what a network refuses, what its weights mend, and whether fits are good."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy.stats import kstest

from swansong.core.errors import DomainError, InputError
from swansong.encounters.answers import goodness_of_fit, log_noise_evidence, widths
from swansong.encounters.check import CheckResult, bins, check
from swansong.encounters.estimators import Amortised, check_domain, infer
from swansong.encounters.events import coloured, simulate_event
from swansong.encounters.problem import prepare
from swansong.encounters.sampling import Proposal, weigh
from swansong.encounters.weights import load_weights
from swansong.inference.calibration import Calibration


@pytest.fixture(scope="module")
def trained(burst_network):
    return load_weights("compact", burst_network)


@pytest.fixture(scope="module")
def amortised(burst_event, trained):
    return Amortised.of(burst_event, trained, seed=0)


def changed(problem, section, **values):
    """The problem with some settings of one section changed."""
    return problem.model_copy(update={section: getattr(problem, section).model_copy(update=values)})


class TestDomain:
    @pytest.mark.parametrize(
        ("section", "values", "sentence"),
        [
            (
                "data",
                {"detectors": ("H1", "L1")},
                "trained on H1, L1, V1, in this order, and the data are from H1, L1;",
            ),
            ("data", {"detectors": ("L1", "H1", "V1")}, "the data are from L1, H1, V1;"),
            ("data", {"duration": 2.5}, "trained on segments of 2 s from 10 to 160 Hz"),
            ("data", {"maximum_frequency": 128.0}, "trained on segments of 2 s from 10 to 160 Hz"),
            ("model", {"waveform": "efb"}, "trained on kepler waves with a free argument of pericentre"),
            ("model", {"orientation": "shared"}, "trained on kepler waves with a free argument"),
            ("prior", {"eccentricity": (0.84, 0.95)}, "`prior.eccentricity` reaches beyond"),
            ("prior", {"luminosity_distance": (150.0, 600.0)}, "`prior.luminosity_distance` reaches beyond"),
            ("prior", {"component_mass": (9.0, 100.0)}, "`prior.component_mass` reaches beyond"),
            ("prior", {"minimum_snr": 5.0}, "`prior.minimum_snr` reaches beyond"),
        ],
    )
    def test_other_data_are_refused_and_the_way_out_is_named(
        self, burst_problem, burst_event, trained, section, values, sentence
    ):
        analysis = prepare(changed(burst_problem, section, **values))
        with pytest.raises(DomainError, match=sentence) as caught:
            check_domain(replace(burst_event, analysis=analysis), trained, reweight=True)
        assert "use `--estimator exact`" in str(caught.value)

    def test_a_narrower_prior_is_welcome(self, burst_problem, burst_event, trained):
        prior = {"eccentricity": (0.86, 0.9), "minimum_snr": 8.0}
        analysis = prepare(changed(burst_problem, "prior", **prior))
        assert check_domain(replace(burst_event, analysis=analysis), trained, reweight=False) == ()

    def test_strange_noise_is_named_by_detector_and_band(self, burst_problem, burst_event, trained):
        analysis = burst_event.analysis
        near = (analysis.frequency > 40.0) & (analysis.frequency < 80.0)
        strange = prepare(burst_problem, psd=analysis.psd * np.where(near * np.array([[0], [0], [1]]), 30.0, 1.0))
        event = replace(burst_event, analysis=strange)
        (warning,) = check_domain(event, trained, reweight=True)
        assert "the noise of V1 near 60 Hz has" in warning
        assert "look at the efficiency" in warning
        with pytest.raises(DomainError, match=r"noise of V1 near 60 Hz .*; keep the importance weights on or use"):
            check_domain(event, trained, reweight=False)
        mild = prepare(burst_problem, psd=1.1 * analysis.psd)
        assert check_domain(replace(burst_event, analysis=mild), trained, reweight=False) == ()

    def test_unknown_estimators_and_no_samples_are_refused(self, burst_event):
        with pytest.raises(InputError, match=r"`estimator` must be one of exact, compact.*, got 'nested'"):
            infer(burst_event, estimator="nested")
        with pytest.raises(InputError, match="`samples` must be positive, got 0"):
            infer(burst_event, estimator="exact", samples=0)


class TestNetworkLaw:
    def test_draws_and_densities_agree(self, amortised):
        x, log_density = amortised.law.draw(512, key=jax.random.key(1))
        np.testing.assert_allclose(amortised.law.log_prob(x), log_density, atol=5e-3)
        # Sizes off a power of two are padded and cut.
        np.testing.assert_allclose(amortised.law.log_prob(x[:300]), log_density[:300], atol=5e-3)
        assert amortised.law.sample(300, rng=np.random.default_rng(0)).shape == (300, 5)

    def test_it_is_aligned_with_the_signal(self, amortised, burst_truth):
        place = amortised.points.of(burst_truth[None])[0]
        assert abs(amortised.law.centre - place[2]) < 20.0

    def test_importance_weights_make_an_untrained_network_right(self, amortised, burst_answer):
        """The network knows nothing; weights and the scan's share still give the evidence of the exact estimator."""
        found = amortised.answer(samples=16_384, seed=1, reweight=True)
        # At an efficiency of a per cent the tail of the weights is longer than its stated error.
        assert found.log_evidence == pytest.approx(burst_answer.log_evidence, abs=0.6)
        assert found.estimator == "compact+importance"
        assert found.efficiency < 0.2 * burst_answer.efficiency

    def test_half_scan_half_network_is_right_within_errors(self, amortised, burst_answer):
        proposal = Proposal(amortised.points, amortised.scan, amortised.law, 0.5)
        rng = np.random.default_rng(2)
        x = proposal.sample(16_000, rng)
        log_proposal = proposal.log_prob(x)
        draws = weigh(
            amortised.points, amortised.correlations, x=x, log_proposal=log_proposal, orientations=512, rng=rng
        )
        shares = np.exp(draws.log_weights - draws.log_weights.max())
        error = shares.std() / shares.mean() / np.sqrt(len(shares))
        found = np.log(shares.mean()) + draws.log_weights.max() - amortised.event.analysis.log_prior_share
        assert error < 0.08
        gap = found - burst_answer.metadata["log_bayes_factor"]
        assert abs(gap) < 4.0 * np.hypot(error, burst_answer.log_evidence_error)

    def test_without_weights_it_is_the_networks_own(self, amortised, trained, burst_analysis):
        found = amortised.answer(samples=1024, seed=1, reweight=False)
        assert found.log_weights is None
        assert found.log_evidence is None
        assert found.estimator == "compact"
        assert found.metadata["weights_sha256"] == trained.sha256
        assert 0.0 < found.metadata["importance_efficiency"] < 0.2
        assert np.isfinite(burst_analysis.model.prior.log_prob(found.samples)).all()


class TestGoodnessOfFit:
    def test_noise_around_the_true_signal_gives_uniform_p_values(self, burst_problem, burst_truth):
        events = [simulate_event(burst_problem, seed=seed, truth=burst_truth) for seed in range(60)]
        p = [goodness_of_fit(event, burst_truth) for event in events]
        assert kstest(p, "uniform").pvalue > 1e-3

    def test_a_glitch_in_one_detector_is_found(self, burst_event, burst_truth):
        """A sine-Gaussian of 90 Hz in H1, with a signal-to-noise ratio of 15, near the burst."""
        analysis = burst_event.analysis
        frequency, tau = analysis.frequency, 0.02
        shape = np.exp(-((np.pi * tau * (frequency - 90.0)) ** 2) - 2j * np.pi * frequency * 0.01)
        glitch = np.zeros_like(burst_event.whitened)
        glitch[0] = 15.0 * shape / np.linalg.norm(shape)
        turned = np.exp(-1j * np.pi * analysis.duration * frequency)
        event = replace(burst_event, strain=burst_event.strain + coloured(glitch, analysis) * turned)
        np.testing.assert_allclose(event.whitened - burst_event.whitened, glitch, atol=1e-9)
        assert goodness_of_fit(event, burst_truth) < 1e-6
        assert goodness_of_fit(burst_event, burst_truth) > 1e-3

    def test_a_misjudged_noise_level_is_no_bad_fit(self, burst_problem, burst_event, burst_truth):
        louder = prepare(burst_problem, psd=0.6 * burst_event.analysis.psd)
        assert goodness_of_fit(replace(burst_event, analysis=louder), burst_truth) > 1e-3


class TestSummaries:
    def test_prior_draws_have_the_widths_of_the_prior(self, burst_analysis):
        theta = np.asarray(burst_analysis.model.prior.from_unit(np.random.default_rng(0).random((1 << 14, 11))))
        for name, value in widths(burst_analysis, theta, None).items():
            assert value == pytest.approx(1.0, abs=0.05), name

    def test_the_answer_says_what_the_burst_measures(self, burst_answer, burst_event):
        derived = burst_answer.metadata["derived"]
        assert set(derived) == {"timescale", "strain_amplitude"}
        for row in derived.values():
            assert row["lower"] < row["median"] < row["upper"]
        share = burst_answer.metadata["width_over_prior"]
        assert share["pericentre_time"] < 0.6
        assert burst_answer.metadata["prior_dominated"] == [name for name, value in share.items() if value > 0.9]
        assert "mass_ratio" in burst_answer.metadata["prior_dominated"]

    def test_the_noise_evidence_is_that_of_unit_normal_numbers(self, burst_event):
        parts = np.ascontiguousarray(burst_event.whitened).view(float)
        expected = -0.5 * (parts**2).sum() - 0.5 * parts.size * np.log(2.0 * np.pi)
        assert log_noise_evidence(burst_event) == pytest.approx(expected, rel=1e-12)


class TestCheck:
    def test_the_report_names_what_encounters_add(self, burst_analysis):
        rng, names = np.random.default_rng(1), burst_analysis.parameters.names
        base = Calibration(
            "encounters", "compact", burst_analysis.parameters, 0, rng.random((40, 11)), rng.uniform(6, 20, 40),
            rng.uniform(0.05, 0.6, 40), np.full(40, 0.3), 1000, (6.0, 10.0, 15.0, 30.0),
        )  # fmt: skip
        after = np.full((40, 11), np.nan)
        after[:10] = 0.002
        report = CheckResult(
            base, rng.random((40, 11)), rng.random((40, 11)), 5.0 * after, after, rng.random(40)
        ).to_json()
        assert report["js_events"] == 10
        assert report["js_distance"]["ra"]["median"] == pytest.approx(0.002)
        assert report["js_distance_uncorrected"]["ra"]["median"] == pytest.approx(0.01)
        assert set(report["width_over_prior"]) == {"6-10", "10-15", "15-30"}
        assert set(report["ks_p_corrected"]) == set(names)
        for share in report["efficiency"]["share_below_10_percent"].values():
            assert 0.0 <= share <= 1.0

    def test_bins_cover_every_ratio_once(self):
        snr = np.array([6.0, 9.9, 10.0, 29.0, 31.0])
        found = dict(bins(snr))
        assert list(found) == ["6-10", "10-15", "15-30", "30-60"]
        assert sum(inside.sum() for inside in found.values()) == 5

    def test_too_few_injections_and_unknown_estimators_are_refused(self, burst_problem):
        with pytest.raises(InputError, match="at least 8 for any statistics, got 3; 256 are usual"):
            check(burst_problem, estimator="exact", injections=3)
        with pytest.raises(InputError, match="must be one of exact, compact"):
            check(burst_problem, estimator="flow")
