"""Mixtures of Student-t laws: densities, draws and fits."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, f, kstest, multivariate_t

from swansong.core.errors import InputError
from swansong.inference.mixtures import StudentMixture, fit_student_mixture

FIRST, SECOND = np.array([[1.0, 0.6], [0.6, 2.0]]), np.array([[0.3, -0.1], [-0.1, 0.2]])


@pytest.fixture(scope="module")
def mixture():
    factors = np.stack([np.linalg.cholesky(FIRST), np.linalg.cholesky(SECOND)])
    return StudentMixture(np.log([0.3, 0.7]), np.array([[-2.0, 0.0], [3.0, 1.0]]), factors, 5.0)


def test_the_density_is_scipys(mixture):
    law: Any = multivariate_t
    x = np.random.default_rng(0).uniform(-6, 6, (50, 2))
    expected = 0.3 * law([-2, 0], FIRST, df=5).pdf(x) + 0.7 * law([3, 1], SECOND, df=5).pdf(x)
    np.testing.assert_allclose(np.exp(mixture.log_prob(x)), expected, rtol=1e-10)


def test_the_density_integrates_to_one(mixture):
    """Importance sampling from a broad Student-t law."""
    broad: Any = multivariate_t([1.0, 0.0], shape=12.0 * np.eye(2), df=3)
    x = broad.rvs(60_000, random_state=1)
    ratio = np.exp(mixture.log_prob(x)) / broad.pdf(x)
    assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / np.sqrt(60_000))
    assert ratio.std() / np.sqrt(60_000) < 0.02


def test_draws_follow_the_density(mixture):
    x = mixture.sample(20_000, rng=np.random.default_rng(2))
    # Far from each other: the share and the law of each component.
    near = x[:, 0] > 0.8
    assert near.mean() == pytest.approx(0.7, abs=0.02)
    step = x[np.abs(x[:, 0] - 3.0) < 30] - [3.0, 1.0]
    distance = np.einsum("ni,ij,nj->n", step, np.linalg.inv(SECOND), step)
    assert np.median(distance[near[np.abs(x[:, 0] - 3.0) < 30]]) == pytest.approx(2 * 0.7988, rel=0.1)
    other = StudentMixture(np.zeros(1), np.zeros((1, 2)), np.eye(2)[None], 5.0).sample(
        20_000, rng=np.random.default_rng(3)
    )
    # |x|^2 / 2 of a Student-t law follows F(2, 5).
    assert kstest((other**2).sum(axis=1) / 2.0, f(2, 5).cdf).pvalue > 1e-3


def test_few_degrees_of_freedom_have_heavy_tails(mixture):
    x = mixture.sample(20_000, rng=np.random.default_rng(4))
    step = x[x[:, 0] < -6.0]
    gaussian = 0.3 * 20_000 * chi2(1).sf(16.0) / 2
    assert len(step) > 5 * gaussian


def test_a_fit_recovers_two_components():
    """Weighted samples: uniform points that weights turn into two Gaussians."""
    rng = np.random.default_rng(5)
    x = rng.uniform([-6, -5], [7, 5], (60_000, 2))
    inverse = np.linalg.inv(SECOND)

    def gaussian(mean):
        step = x - mean
        return np.exp(-0.5 * np.einsum("ni,ij,nj->n", step, inverse, step))

    weights = 0.25 * gaussian([-2.0, 0.5]) + 0.75 * gaussian([3.0, -1.0])
    found = fit_student_mixture(x, weights=weights, components=2, rng=np.random.default_rng(0), freedom=50.0)
    order = np.argsort(found.means[:, 0])
    np.testing.assert_allclose(found.means[order], [[-2.0, 0.5], [3.0, -1.0]], atol=0.1)
    np.testing.assert_allclose(np.exp(found.log_weights[order]), [0.25, 0.75], atol=0.03)
    for m in order:
        np.testing.assert_allclose(found.factors[m] @ found.factors[m].T, SECOND, atol=0.04)
    target = weights / (2 * np.pi * np.sqrt(np.linalg.det(SECOND)))
    ratio = target / np.exp(found.log_prob(x))
    kept = weights > 1e-3
    assert np.average(ratio[kept], weights=weights[kept]) == pytest.approx(1.0, abs=0.05)


def test_fits_do_not_depend_on_units():
    rng = np.random.default_rng(6)
    x, weights = rng.standard_normal((2000, 3)), rng.random(2000)
    plain = fit_student_mixture(x, weights=weights, components=3, rng=np.random.default_rng(1))
    scale, shift = np.array([1e-3, 1.0, 1e4]), np.array([5.0, -1.0, 3e5])
    moved = fit_student_mixture(x * scale + shift, weights=7.0 * weights, components=3, rng=np.random.default_rng(1))
    np.testing.assert_allclose(
        moved.log_prob(x * scale + shift) + np.log(scale).sum(), plain.log_prob(x), rtol=1e-6, atol=1e-6
    )


def test_one_dominant_weight_does_not_break_a_fit():
    rng = np.random.default_rng(7)
    x, weights = rng.standard_normal((500, 4)), np.full(500, 1e-9)
    weights[3] = 1.0
    found = fit_student_mixture(x, weights=weights, components=4, rng=np.random.default_rng(2))
    assert np.isfinite(found.log_prob(x)).all()
    assert np.exp(found.log_weights).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("weights", [np.zeros(10), np.full(10, np.nan)])
def test_weights_must_be_positive(weights):
    with pytest.raises(InputError, match="holds no positive weight; give samples that matter"):
        fit_student_mixture(np.zeros((10, 2)), weights=weights, components=2, rng=np.random.default_rng(0))
