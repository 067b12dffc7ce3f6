import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swansong.core.errors import InputError, RunError
from swansong.inference import Parameters, Posterior, importance_weights, pareto_shape, reweight

WIDE = stats.norm(0.0, 1.5)


def proposal(n=5000, seed=0):
    x = WIDE.rvs(n, random_state=np.random.default_rng(seed))
    return Posterior(Parameters(["x"]), x[:, None], log_density=WIDE.logpdf(x), estimator="flow")


def test_evidence_efficiency_and_moments_of_a_gaussian():
    # Target exp(3) N(x; 0.5, 1) under the proposal N(0, 1.5): everything is known in closed form.
    posterior = reweight(proposal(50_000), lambda theta: 3.0 + stats.norm(0.5, 1.0).logpdf(theta[:, 0]))
    assert posterior.log_evidence == pytest.approx(3.0, abs=4 * posterior.log_evidence_error)
    mean = posterior.weights @ posterior["x"]
    assert mean == pytest.approx(0.5, abs=4.0 / np.sqrt(posterior.effective_samples))
    grid = np.linspace(-12.0, 12.0, 40_001)
    second = np.trapezoid(stats.norm(0.5, 1.0).pdf(grid) ** 2 / WIDE.pdf(grid), grid)
    assert posterior.efficiency == pytest.approx(1.0 / second, rel=0.02)
    assert posterior.estimator == "flow+importance"
    assert posterior.warnings == ()


def test_error_of_the_evidence_is_its_scatter():
    values = []
    for seed in range(200):
        base = proposal(500, seed)
        values.append(importance_weights(stats.norm(0.5, 1.0).logpdf(base["x"]), base.log_density))
    scatter = np.std([weights.log_evidence for weights in values])
    assert np.mean([weights.log_evidence_error for weights in values]) == pytest.approx(scatter, rel=0.2)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e4, 1e4))
def test_a_constant_in_the_target_only_shifts_the_evidence(constant):
    base = proposal(200)
    target = stats.norm(0.5, 1.0).logpdf(base["x"])
    plain, shifted = (
        importance_weights(target, base.log_density),
        importance_weights(target + constant, base.log_density),
    )
    assert shifted.log_evidence - plain.log_evidence == pytest.approx(constant, abs=1e-9)
    assert shifted.efficiency == pytest.approx(plain.efficiency, rel=1e-9)
    assert shifted.pareto_k == pytest.approx(plain.pareto_k, abs=1e-6)


def test_exact_proposal_has_full_efficiency_and_no_error():
    base = proposal()
    weights = importance_weights(base.log_density + 2.0, base.log_density)
    assert weights.efficiency == pytest.approx(1.0)
    assert weights.log_evidence == pytest.approx(2.0)
    assert weights.log_evidence_error == pytest.approx(0.0, abs=1e-7)
    assert weights.pareto_k == 0.0


def test_vanishing_target_takes_samples_out():
    base = proposal(20_000)
    target = np.where(base["x"] > 0.0, base.log_density, -np.inf)
    weights = importance_weights(target, base.log_density)
    assert weights.log_evidence == pytest.approx(np.log(0.5), abs=4 * weights.log_evidence_error)
    assert weights.efficiency == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_pareto_shape_of_known_tails(shape):
    estimates = [
        pareto_shape(stats.genpareto(shape).rvs(20_000, random_state=np.random.default_rng(seed))) for seed in range(30)
    ]
    assert np.mean(estimates) == pytest.approx(shape, abs=0.06)


def test_a_proposal_with_light_tails_warns():
    narrow = stats.norm(0.0, 0.3)
    x = narrow.rvs(5000, random_state=np.random.default_rng(0))
    weights = importance_weights(stats.norm(0.0, 1.0).logpdf(x), narrow.logpdf(x))
    assert weights.pareto_k > 0.7
    assert any("Pareto" in text for text in weights.warnings)


def test_a_proposal_that_misses_the_target_warns_of_its_efficiency():
    base = proposal()
    posterior = reweight(base, stats.norm(1.0, 0.001).logpdf(base["x"]))
    assert posterior.efficiency < 0.01
    assert any("efficiency" in text for text in posterior.warnings)
    again = reweight(posterior, stats.norm(1.0, 0.001).logpdf(base["x"]))
    assert again.warnings == posterior.warnings
    assert again.estimator == "flow+importance"


def test_bad_input_is_refused():
    base = proposal(10)
    good = base.log_density
    with pytest.raises(InputError, match="NaN or \\+inf at 1 of 10 samples, first at row 3"):
        importance_weights(np.where(np.arange(10) == 3, np.nan, good), good)
    with pytest.raises(InputError, match="log_proposal"):
        importance_weights(good, np.where(np.arange(10) == 3, -np.inf, good))
    with pytest.raises(InputError, match="one of each"):
        importance_weights(good[:5], good)
    with pytest.raises(RunError, match="vanishes at all 10"):
        importance_weights(np.full(10, -np.inf), good)
    with pytest.raises(InputError, match="no log_density"):
        reweight(dataclasses.replace(base, log_density=None), good)
