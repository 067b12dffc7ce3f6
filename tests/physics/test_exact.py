"""The exact posterior against brute force, against nested sampling, and against its own symmetries."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.inference.samplers import sample
from swansong.ringdown.analysis import Analysis, Geometry, prepare
from swansong.ringdown.events import draw_truths
from swansong.ringdown.exact import exact_posterior
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import DataSettings, ModelSettings, PriorSettings, Problem

SAMPLES = 6000  # one number for all tests: each other one compiles anew
TRUTH = np.array([71.0, 0.68, 2.2e-21, 1.3])


def moments(posterior, name: str) -> tuple[float, float]:
    mean = float(np.average(posterior[name], weights=posterior.weights))
    return mean, float(np.sqrt(np.average((posterior[name] - mean) ** 2, weights=posterior.weights)))


@dataclasses.dataclass
class BruteForce:
    """Evidence over noise and marginal moments by Gauss-Legendre quadrature over all four parameters."""

    log_bayes_factor: float
    mean: np.ndarray
    deviation: np.ndarray
    loud_share: float


def brute_force(analysis: Analysis, data: np.ndarray, *, cut: float = 0.0) -> BruteForce:
    """Integrate likelihood times prior over (mass, spin, amplitude, phase), signals built sample by sample."""
    settings = analysis.model.settings
    nodes, weights = np.polynomial.legendre.leggauss(56)

    def spread(bounds):
        return bounds[0] + 0.5 * (bounds[1] - bounds[0]) * (nodes + 1), 0.5 * weights

    (mass, w_mass), (spin, w_spin) = spread(settings.final_mass), spread(settings.final_spin)
    amplitude, w_amplitude = spread(settings.amplitude)
    phase = 2 * np.pi * np.arange(160) / 160
    geometry, whitener = analysis.geometry, analysis.whiteners[0]
    time = geometry.offsets[0] + np.arange(geometry.samples) / geometry.rate
    response = geometry.responses[0]
    m, s = (axis.ravel() for axis in np.meshgrid(mass, spin, indexing="ij"))
    f, tau = (
        np.asarray(x)[:, 0] for x in analysis.model.modes.frequencies_and_damping_times(final_mass=m, final_spin=s)
    )
    wave = np.exp(-time / tau[:, None] + 2j * np.pi * f[:, None] * time) * response
    white = wave @ np.linalg.inv(whitener.cholesky).T  # signal = Re(A e^{i phi} white)
    first, overlap, square = (white @ data[0]), (np.abs(white) ** 2).sum(axis=1), (white**2).sum(axis=1)

    turn = np.exp(1j * phase)
    linear = (first[:, None] * turn).real
    power = 0.5 * (overlap[:, None] + (square[:, None] * turn**2).real)
    log_l = amplitude[:, None, None] * linear - 0.5 * amplitude[:, None, None] ** 2 * power
    top = log_l.max()
    density = np.exp(log_l - top) * w_amplitude[:, None, None] / len(phase)
    density *= (w_mass[:, None] * w_spin).ravel()[:, None]
    total = density.sum()
    loud = amplitude[:, None, None] ** 2 * power >= cut**2
    marginal = (density.sum(axis=(0, 2)) / total).reshape(len(mass), len(spin))
    mean = np.array([marginal.sum(axis=1) @ mass, marginal.sum(axis=0) @ spin])
    variance = np.array([marginal.sum(axis=1) @ mass**2, marginal.sum(axis=0) @ spin**2]) - mean**2
    return BruteForce(float(top + np.log(total)), mean, np.sqrt(variance), float((density * loud).sum() / total))


@pytest.fixture(scope="module")
def event(small_analysis):
    return small_analysis.simulate(TRUTH, seed=4)


@pytest.fixture(scope="module")
def answer(small_analysis, event):
    return exact_posterior(small_analysis, event, samples=SAMPLES, seed=0)


def test_brute_force_agrees(small_analysis, event, answer):
    truth = brute_force(small_analysis, event)
    assert answer.metadata["log_bayes_factor"] == pytest.approx(truth.log_bayes_factor, abs=0.01)
    for index, name in enumerate(("final_mass", "final_spin")):
        mean, deviation = moments(answer, name)
        # 6000 samples know the mean to 1.3 % of the deviation, the deviation to 1 %: four times that.
        assert mean == pytest.approx(truth.mean[index], abs=0.052 * truth.deviation[index])
        assert deviation == pytest.approx(truth.deviation[index], rel=0.04)


def test_brute_force_agrees_to_one_percent_over_many_seeds(small_analysis, event):
    """Ten seeds together: 60,000 samples, and a scatter of the evidence as large as it claims."""
    truth = brute_force(small_analysis, event)
    answers = [exact_posterior(small_analysis, event, samples=SAMPLES, seed=seed) for seed in range(10)]
    for index, name in enumerate(("final_mass", "final_spin")):
        values = np.concatenate([a[name] for a in answers])
        weights = np.concatenate([a.weights for a in answers])
        mean = np.average(values, weights=weights)
        deviation = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        assert mean == pytest.approx(truth.mean[index], abs=0.0165 * truth.deviation[index])
        assert deviation == pytest.approx(truth.deviation[index], rel=0.0125)
    evidences = np.array([a.log_evidence for a in answers])
    errors = np.array([a.log_evidence_error for a in answers])
    # chi^2 of nine degrees of freedom: 99.9 % of it lies in [1.1, 28].
    assert 1.1 < ((evidences - evidences.mean()) ** 2 / errors**2).sum() < 28.0
    assert np.mean([a.metadata["log_bayes_factor"] for a in answers]) == pytest.approx(
        truth.log_bayes_factor, abs=0.005
    )


def test_an_event_at_the_edge_of_the_prior(small_analysis):
    """A third of the posterior would lie beyond the largest mass: cells cut by the curved edge count in full."""
    truth = np.array([99.0, 0.75, 2.0e-21, 0.3])
    data = small_analysis.simulate(truth, seed=8)
    expected = brute_force(small_analysis, data)
    answer = exact_posterior(small_analysis, data, samples=SAMPLES, seed=3)
    assert answer.metadata["log_bayes_factor"] == pytest.approx(expected.log_bayes_factor, abs=0.02)
    mean, deviation = moments(answer, "final_mass")
    assert mean == pytest.approx(expected.mean[0], abs=0.06 * expected.deviation[0])
    assert deviation == pytest.approx(expected.deviation[0], rel=0.05)


def test_the_answer_describes_itself(small_analysis, event, answer):
    assert answer.system == "ringdown"
    assert answer.estimator == "exact"
    assert answer.parameters.names == ("final_mass", "final_spin", "amplitude_220", "phase_220")
    assert answer.samples.shape == (SAMPLES, 4)
    assert answer.efficiency > 0.9
    noise = -0.5 * (event**2).sum() - 0.5 * event.size * np.log(2 * np.pi)
    assert answer.log_evidence == pytest.approx(answer.metadata["log_bayes_factor"] + noise, rel=1e-12)
    for index, name in enumerate(answer.parameters.names):
        low, high = answer.quantile(name, [0.0005, 0.9995])
        assert low < TRUTH[index] < high, name


def test_weights_are_likelihood_times_prior_over_proposal(small_analysis, event, answer):
    """Recomputed from the samples alone, without fields or quadratures."""
    ratio = small_analysis.log_likelihood_ratio(answer.samples, small_analysis.coefficients(event))
    prior = np.asarray(small_analysis.model.prior.log_prob(answer.samples))
    kept = np.isfinite(answer.log_weights)
    expected = (ratio + prior - answer.log_density)[kept]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(answer.log_weights[kept], expected, atol=1e-3)


def test_samples_with_weight_lie_in_the_prior(small_analysis, answer):
    kept = answer.weights > 0
    assert np.isfinite(small_analysis.model.prior.log_prob(answer.samples[kept])).all()
    assert kept.mean() > 0.95


def test_same_seed_same_bits(small_analysis, event, answer):
    again = exact_posterior(small_analysis, event, samples=SAMPLES, seed=0)
    np.testing.assert_array_equal(again.samples, answer.samples)
    np.testing.assert_array_equal(again.log_weights, answer.log_weights)
    assert again.log_evidence == answer.log_evidence
    other = exact_posterior(small_analysis, event, samples=SAMPLES, seed=1)
    assert (other.samples != answer.samples).any(axis=1).all()


def test_noise_outside_the_span_of_the_templates_changes_nothing(small_analysis, event, answer):
    rng = np.random.default_rng(0)
    extra = 30.0 * rng.standard_normal(event.shape).reshape(-1)
    extra -= small_analysis.basis @ (small_analysis.basis.T @ extra)
    moved = exact_posterior(small_analysis, event + extra.reshape(event.shape), samples=SAMPLES, seed=0)
    np.testing.assert_allclose(moved.samples, answer.samples, rtol=1e-4, atol=1e-4)
    assert moved.metadata["log_bayes_factor"] == pytest.approx(answer.metadata["log_bayes_factor"], abs=1e-4)
    assert moved.log_evidence < answer.log_evidence - 1000.0


def test_a_later_first_sample_damps_and_turns_the_signal(small_analysis):
    """Data that start 0.3 ms late see A e^{-dt/tau} and phi + 2 pi f dt."""
    late = 3e-4
    geometry = small_analysis.geometry
    moved = Geometry(geometry.responses, np.array([late]), geometry.rate, geometry.samples)
    shifted = prepare(small_analysis.model, small_analysis.whiteners, moved)
    f, tau = (
        float(x[0])
        for x in small_analysis.model.modes.frequencies_and_damping_times(final_mass=TRUTH[0], final_spin=TRUTH[1])
    )
    seen = TRUTH + np.array([0.0, 0.0, TRUTH[2] * np.expm1(-late / tau), 2 * np.pi * f * late])
    np.testing.assert_allclose(shifted.whitened_signal(TRUTH), small_analysis.whitened_signal(seen), atol=1e-4)

    data = shifted.simulate(TRUTH, seed=4)
    expected = brute_force(shifted, data)
    found = exact_posterior(shifted, data, samples=SAMPLES, seed=0)
    assert found.metadata["log_bayes_factor"] == pytest.approx(expected.log_bayes_factor, abs=0.01)
    assert moments(found, "final_mass")[0] == pytest.approx(expected.mean[0], abs=0.06 * expected.deviation[0])


def test_the_cut_on_loudness_is_respected(small_problem, small_analysis, event):
    cut = 18.0
    strict = dataclasses.replace(
        small_analysis,
        model=dataclasses.replace(
            small_analysis.model, settings=small_problem.prior.model_copy(update={"minimum_snr": cut})
        ),
    )
    found = exact_posterior(strict, event, samples=SAMPLES, seed=0)
    kept = found.weights > 0
    assert (small_analysis.snr(found.samples[kept][:512]) >= cut * (1 - 1e-4)).all()
    # Z with the cut = Z without, times the posterior's share above the cut over the prior's.
    expected = brute_force(small_analysis, event, cut=cut)
    assert 0.05 < expected.loud_share < 0.95
    predicted = expected.log_bayes_factor + np.log(expected.loud_share) - strict.log_prior_share
    assert found.metadata["log_bayes_factor"] == pytest.approx(predicted, abs=0.06)


def test_a_second_event_compiles_nothing(small_analysis, event, compilations):
    exact_posterior(small_analysis, event, samples=SAMPLES, seed=0)
    with compilations() as compiled:
        exact_posterior(small_analysis, small_analysis.simulate(TRUTH, seed=99), samples=SAMPLES, seed=5)
    assert compiled == []


def test_many_injections_are_sampled_efficiently_and_covered(kerr_analysis):
    """Twenty events of the published problem: efficiency, coverage and honest warnings."""
    truths = draw_truths(kerr_analysis, 20, seed=3)
    assert (kerr_analysis.snr(truths) >= 15.0).all()
    answers = [
        exact_posterior(kerr_analysis, kerr_analysis.simulate(truth, seed=50 + i), samples=SAMPLES, seed=i)
        for i, truth in enumerate(truths)
    ]
    efficiency = np.array([answer.efficiency for answer in answers])
    assert np.mean(efficiency > 0.5) >= 0.9
    assert np.median(efficiency) > 0.9
    assert all(answer.warnings for answer in answers if answer.efficiency < 0.05)
    ranks = np.array(
        [
            [np.sum(a.weights * (a.samples[:, j] < truth[j])) for j in range(6)]
            for a, truth in zip(answers, truths, strict=True)
        ]
    )
    inside = np.abs(ranks - 0.5) < 0.45
    # Of 120 ranks a tenth is expected outside the central 90 %; ranks of one event go together.
    assert 0.80 < inside.mean() < 0.98
    assert 0.35 < ranks.mean() < 0.65


def test_an_amplitude_at_its_upper_bound_is_sampled_efficiently(kerr_analysis):
    truth = np.array([85.1183, 0.495679, 9.84623e-21, 5.388842, 3.96595e-21, 3.830908])
    answer = exact_posterior(kerr_analysis, kerr_analysis.simulate(truth, seed=67), samples=SAMPLES, seed=17)
    assert answer.efficiency > 0.3
    assert answer.warnings == ()


@pytest.mark.slow
def test_three_modes_in_one_detector():
    problem = Problem(
        model=ModelSettings(modes=("220", "221", "330")),
        data=DataSettings(detectors=("H1",), duration=0.03),
        prior=PriorSettings(final_mass=(50.0, 100.0), final_spin=(0.3, 0.9), minimum_snr=0.0),
    )
    analysis = simulated_analysis(problem)
    truth = np.array([70.0, 0.7, 3e-21, 1.0, 2e-21, 3.0, 1e-21, 5.0])
    data = analysis.simulate(truth, seed=1)
    answers = [exact_posterior(analysis, data, samples=SAMPLES, seed=seed) for seed in (0, 1)]
    assert answers[0].parameters.names[-2:] == ("amplitude_330", "phase_330")
    assert answers[0].efficiency > 0.2
    gap = answers[0].log_evidence - answers[1].log_evidence
    assert abs(gap) < 4 * np.hypot(answers[0].log_evidence_error, answers[1].log_evidence_error)
    for index, name in enumerate(answers[0].parameters.names):
        low, high = answers[0].quantile(name, [0.0005, 0.9995])
        assert low < truth[index] < high or low < truth[index] + 2 * np.pi < high, name


@pytest.mark.slow
def test_nested_sampling_agrees_on_a_loud_event(kerr_analysis):
    """A sampler that knows neither basis, fields nor quadratures finds the same six-dimensional posterior."""
    truth = np.array([68.0, 0.69, 1.5e-21, 1.0, 1.8e-21, 3.5])
    data = kerr_analysis.simulate(truth, seed=12)
    exact = exact_posterior(kerr_analysis, data, samples=SAMPLES, seed=0)

    model, geometry = kerr_analysis.model, kerr_analysis.geometry
    whiten = [jnp.asarray(np.linalg.inv(w.cholesky) * 1e-21) for w in kerr_analysis.whiteners]
    times, target = jnp.arange(geometry.samples) / geometry.rate, jnp.asarray(data)

    def log_likelihood(theta):
        plus, cross = model.polarizations(theta, times)
        rows = [m @ (r.real * plus - r.imag * cross) * 1e21 for m, r in zip(whiten, geometry.responses, strict=True)]
        signal = jnp.stack(rows)
        ratio = (signal * target).sum() - 0.5 * (signal**2).sum()
        return jnp.where((signal**2).sum() >= 15.0**2, ratio, -jnp.inf)

    nested = sample(log_likelihood, model.prior, key=jax.random.key(2), live_points=400)
    for name in ("final_mass", "final_spin", "amplitude_220", "amplitude_221"):
        mean, deviation = moments(exact, name)
        other_mean, other_deviation = moments(nested, name)
        assert other_mean == pytest.approx(mean, abs=0.15 * deviation), name
        assert other_deviation == pytest.approx(deviation, rel=0.12), name
    expected = exact.metadata["log_bayes_factor"] + kerr_analysis.log_prior_share
    assert nested.log_evidence == pytest.approx(expected, abs=max(0.3, 4 * nested.log_evidence_error))
