import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.learning.heads import (
    DiagonalGaussian,
    GaussianMixture,
    TruncatedNormal,
    VonMises,
    kl_at_sample,
    kl_diagonal,
)
from swansong.learning.truncation import log_truncated_normal, sample_truncated_normal

KEY = jax.random.key(1)
log_density = jax.jit(lambda x, loc, scale: log_truncated_normal(x, loc=loc, scale=scale, low=0.0, high=1.0))
quantile = jax.jit(lambda u, loc, scale: sample_truncated_normal(u, loc=loc, scale=scale, low=0.0, high=1.0))


def reference(x, loc, scale):
    """Log density on [0, 1] by adaptive quadrature, counted from the highest point."""
    top = np.clip(loc, 0.0, 1.0)

    def fall(s):
        return ((top - loc) ** 2 - (s - loc) ** 2) / (2.0 * scale**2)

    # The law is narrower than this on either side of its top.
    reach = 40.0 * min(scale, scale**2 / max(abs(top - loc), 1e-300))
    low, high = max(0.0, top - reach), min(1.0, top + reach)
    mass = sum(
        scipy.integrate.quad(lambda s: np.exp(fall(s)), *ends, epsabs=0.0, epsrel=1e-10, limit=200)[0]
        for ends in ((low, top), (top, high))
        if ends[1] > ends[0]
    )
    return fall(x) - np.log(mass)


@settings(max_examples=150, deadline=None)
@given(loc=st.floats(-3.0, 4.0), log_scale=st.floats(-7.0, 3.0), share=st.floats(0.0, 1.0))
def test_truncated_normal_in_float32_matches_quadrature(loc, log_scale, share):
    loc, scale = float(np.float32(loc)), float(np.float32(np.exp(log_scale)))
    # Near the top, where the density is: elsewhere float32 inputs decide the answer.
    reach = 3.0 * min(scale, scale**2 / max(abs(np.clip(loc, 0, 1) - loc), 1e-300))
    x = float(np.float32(np.clip(np.clip(loc, 0, 1) + (2 * share - 1) * reach, 0.0, 1.0)))
    found = log_density(jnp.float32(x), jnp.float32(loc), jnp.float32(scale))
    assert found.dtype == jnp.float32
    # Rounding of 1 - x and of loc on the scale of the law is not the formula's fault.
    slack = 3e-7 * (1.0 + abs(loc)) * max(1.0, abs(x - loc)) / scale**2 * max(reach / scale * scale, abs(x - loc))
    assert float(found) == pytest.approx(reference(x, loc, scale), abs=2e-5 + slack, rel=1e-5)


def test_truncated_normal_far_outside_is_the_exponential_law():
    # Mode 1000 widths below the interval: density a exp(-a t) with a = 1000 per width.
    loc, scale = jnp.float32(-10.0), jnp.float32(0.01)
    t = np.array([0.0, 1e-5, 3e-5])
    found = log_density(jnp.asarray(t, jnp.float32), loc, scale)
    rate = 1000.0 / 0.01
    np.testing.assert_allclose(found, np.log(rate) - rate * t, atol=2e-4, rtol=1e-4)


def test_truncated_normal_wide_is_uniform():
    np.testing.assert_allclose(log_density(jnp.linspace(0, 1, 5), jnp.float32(0.3), jnp.float32(1e3)), 0.0, atol=1e-6)


def test_truncated_normal_is_minus_infinity_outside_and_its_gradients_stay_finite():
    assert log_density(jnp.float32(1.01), jnp.float32(0.3), jnp.float32(0.1)) == -jnp.inf
    slope = jax.jit(jax.vmap(jax.grad(lambda p, x: log_density(x, p[0], p[1]))))
    loc, scale, x = (g.ravel() for g in np.meshgrid([-30, -1, 0.0, 0.5, 1, 30], [1e-3, 0.1, 1, 1e3], [0, 0.5, 1]))
    found = slope(jnp.stack([loc, scale], axis=1).astype(jnp.float32), jnp.asarray(x, jnp.float32))
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("loc, scale", [(0.3, 0.1), (0.5, 50.0), (-2.0, 0.5), (3.0, 0.05), (-10.0, 0.01), (1.2, 1e-3)])
def test_truncated_normal_quantiles_have_the_right_law(loc, scale):
    u = np.linspace(0.001, 0.999, 41)
    x = np.asarray(quantile(u, loc, scale))
    assert np.all((x >= 0.0) & (x <= 1.0))
    # Quantile function and density must agree: du = p dx, integrated between neighbours.
    for a, b, step in zip(x[:-1], x[1:], np.diff(u), strict=True):
        nodes, weights = np.polynomial.legendre.leggauss(12)
        s = 0.5 * (a + b) + 0.5 * (b - a) * nodes
        mass = 0.5 * (b - a) * np.sum(weights * np.exp(np.asarray(log_density(s, loc, scale))))
        assert mass == pytest.approx(step, rel=1e-5)


@pytest.mark.parametrize("kappa", [0.0, 0.3, 2.0, 40.0])
def test_von_mises_matches_scipy_and_its_draws_follow(kappa):
    law = VonMises(jnp.array([1.0], jnp.float32), jnp.array([kappa], jnp.float32))
    x = np.linspace(-np.pi, np.pi, 9)
    found = jax.vmap(law.log_prob)(jnp.asarray(x[:, None], jnp.float32))
    expected = scipy.stats.vonmises.logpdf(x, kappa, 1.0) if kappa else np.full(9, -np.log(2 * np.pi))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    draws = np.asarray(jax.jit(jax.vmap(law.sample))(jax.random.split(KEY, 4000)))[:, 0]
    assert np.all((draws >= -np.pi) & (draws < np.pi))
    offset = np.mod(draws - 1.0 + np.pi, 2 * np.pi) - np.pi
    cdf = (lambda t: scipy.stats.vonmises.cdf(t, kappa)) if kappa else (lambda t: (t + np.pi) / (2 * np.pi))
    assert scipy.stats.kstest(offset, cdf).pvalue > 1e-3


def test_von_mises_concentrated_is_normal_in_float32():
    law = VonMises(jnp.array([0.5], jnp.float32), jnp.array([1e5], jnp.float32))
    scale = 1e5**-0.5
    x = np.float32(0.5 + scale * np.array([0.0, 1.0, 2.0]))
    found = jax.vmap(law.log_prob)(jnp.asarray(x[:, None]))
    np.testing.assert_allclose(found, scipy.stats.norm.logpdf(np.float64(x), 0.5, scale), atol=1e-4)
    draws = np.asarray(jax.vmap(law.sample)(jax.random.split(KEY, 2000)))[:, 0]
    assert np.std(draws) == pytest.approx(scale, rel=0.08)


def mixture(dtype=jnp.float32):
    return GaussianMixture(
        jnp.array([0.0, 1.0], dtype),
        jnp.array([[-1.0, 0.0], [2.0, 1.0]], dtype),
        jnp.log(jnp.array([[0.5, 1.0], [0.3, 0.7]], dtype)),
    )


def test_mixture_integrates_to_one_and_its_draws_follow():
    grid = np.linspace(-6, 6, 241)
    x = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(jax.vmap(mixture().log_prob)(jnp.asarray(x, jnp.float32)))
    assert np.sum(density) * 0.05**2 == pytest.approx(1.0, abs=1e-4)
    draws = np.asarray(jax.vmap(mixture().sample)(jax.random.split(KEY, 4000)))
    share = np.exp(1.0) / (1.0 + np.exp(1.0))
    assert np.mean(draws[:, 0] > 0.75) == pytest.approx(share, abs=0.03)


def test_diagonal_gaussian_entropy_and_divergences():
    q = DiagonalGaussian(jnp.array([0.3, -1.0]), jnp.log(jnp.array([0.5, 2.0])))
    p = DiagonalGaussian(jnp.array([0.0, 0.5]), jnp.log(jnp.array([1.5, 1.0])))
    assert float(q.entropy()) == pytest.approx(sum(scipy.stats.norm(0, s).entropy() for s in (0.5, 2.0)))
    ratio = np.array([0.5 / 1.5, 2.0])
    shift = np.array([0.3 / 1.5, -1.5])
    assert float(kl_diagonal(q, p)) == pytest.approx(0.5 * np.sum(ratio**2 + shift**2 - 1 - 2 * np.log(ratio)))
    assert float(kl_diagonal(q, q)) == 0.0
    z = jax.vmap(q.sample)(jax.random.split(KEY, 20_000))
    estimates = jax.vmap(lambda point: kl_at_sample(q, p, point))(z)
    error = float(jnp.std(estimates)) / np.sqrt(20_000)
    assert float(jnp.mean(estimates)) == pytest.approx(float(kl_diagonal(q, p)), abs=5 * error)


def test_truncated_normal_module_sums_and_samples():
    law = TruncatedNormal(jnp.array([0.2, 0.9], jnp.float32), jnp.array([0.1, 0.5], jnp.float32), 0.0, 1.0)
    draws = np.asarray(jax.vmap(law.sample)(jax.random.split(KEY, 2000)))
    assert draws.dtype == np.float32
    for column, loc, scale in zip(draws.T, (0.2, 0.9), (0.1, 0.5), strict=True):
        exact = scipy.stats.truncnorm(-loc / scale, (1 - loc) / scale, loc, scale)
        assert scipy.stats.kstest(column, exact.cdf).pvalue > 1e-3
    parts = [scipy.stats.truncnorm.logpdf(0.4, -m / s, (1 - m) / s, m, s) for m, s in ((0.2, 0.1), (0.9, 0.5))]
    assert float(law.log_prob(jnp.array([0.4, 0.4], jnp.float32))) == pytest.approx(sum(parts), rel=1e-5)
