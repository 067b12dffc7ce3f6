import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ive

from swansong.core.errors import InputError, RunError
from swansong.inference import Delta, Parameter, Parameters, Prior, Uniform, sample, sample_nested, sample_nuts
from swansong.inference.cube import Cube

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.0]])
PRECISION = np.linalg.inv(COVARIANCE)
BOX = Prior({"x": Uniform(-6.0, 6.0), "offset": Delta(1.0), "y": Uniform(-6.0, 6.0)})


def log_likelihood(theta):
    """A normalised correlated Gaussian about (1, 0), so that the evidence is 1 / 144."""
    x = jnp.stack([theta[0] - theta[1], theta[2]])
    return -0.5 * x @ PRECISION @ x - jnp.log(2 * jnp.pi) - 0.5 * np.log(np.linalg.det(COVARIANCE))


def test_nested_sampling_finds_evidence_and_moments():
    posterior = sample(log_likelihood, BOX, key=jax.random.key(0), live_points=200)
    assert posterior.log_evidence == pytest.approx(-np.log(144.0), abs=3 * posterior.log_evidence_error)
    assert 0.05 < posterior.log_evidence_error < 0.25
    free = posterior.samples[:, [0, 2]]
    error = 4.0 / np.sqrt(posterior.effective_samples)
    np.testing.assert_allclose(posterior.weights @ free, [1.0, 0.0], atol=error)
    np.testing.assert_allclose(np.cov(free.T, aweights=posterior.weights), COVARIANCE, atol=2 * error)
    assert np.all(posterior["offset"] == 1.0)
    assert posterior.parameters == BOX.parameters
    assert posterior.warnings == ()
    assert posterior.estimator == "nested"


@pytest.mark.slow
def test_nested_sampling_joins_the_ends_of_a_circle():
    prior = Prior(
        {"phase": Uniform(0.0, 2 * np.pi)},
        Parameters([Parameter("phase", minimum=0.0, maximum=2 * np.pi, periodic=True)]),
    )
    assert Cube(prior).wrapped.tolist() == [True]
    posterior = sample_nested(lambda t: 20.0 * jnp.cos(t[0]), prior, key=jax.random.key(1), live_points=100)
    assert posterior.log_evidence == pytest.approx(np.log(ive(0, 20.0)) + 20.0, abs=3 * posterior.log_evidence_error)
    assert np.all((posterior["phase"] >= 0.0) & (posterior["phase"] <= 2 * np.pi))
    interval = posterior.summary()["phase"]
    assert interval.upper - interval.lower == pytest.approx(2 * 1.645 / np.sqrt(20.0), rel=0.15)


@pytest.mark.slow
def test_nuts_finds_moments_and_says_that_it_converged():
    posterior = sample(log_likelihood, BOX, key=jax.random.key(0), method="nuts", draws=500, warmup=300, chains=2)
    assert posterior.metadata["r_hat"] < 1.02
    assert posterior.metadata["chains"] == 2
    assert 200.0 < posterior.effective_samples <= 1000.0
    free = posterior.samples[:, [0, 2]]
    error = 4.0 / np.sqrt(posterior.effective_samples)
    np.testing.assert_allclose(free.mean(axis=0), [1.0, 0.0], atol=error)
    np.testing.assert_allclose(np.cov(free.T), COVARIANCE, atol=2 * error)
    assert np.all(posterior["offset"] == 1.0)


def test_cube_density_is_that_of_the_prior():
    cube = Cube(BOX)
    assert cube.dimensions == 2
    grid = jnp.linspace(-30.0, 30.0, 6001)
    one = Cube(Prior({"x": Uniform(0.0, 2.0)}))
    density = jnp.exp(jax.vmap(lambda z: one.log_jacobian(z[None]))(grid))
    assert float(jnp.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda key: sample(log_likelihood, BOX, key=key, method="metropolis"), InputError, "'nested' or 'nuts'"),
        (lambda key: sample(log_likelihood, Prior({"x": Delta(0.0)}), key=key), InputError, "is fixed"),
        (lambda key: sample_nested(log_likelihood, BOX, key=key, live_points=3), InputError, "live points"),
        (lambda key: sample_nuts(lambda z: -(z @ z), initial=jnp.zeros(2), key=key, chains=1), InputError, "2 chains"),
        (
            lambda key: sample_nuts(lambda z: -(z @ z), initial=jnp.zeros((3, 2)), key=key),
            InputError,
            "one row for each",
        ),
        (
            lambda key: sample_nuts(lambda z: jnp.sum(z) + jnp.nan, initial=jnp.zeros(2), key=key),
            RunError,
            "at the start",
        ),
        (lambda key: sample_nested(lambda t: t[0] * jnp.nan, BOX, key=key), RunError, "log likelihood is nan at x="),
        (lambda key: sample_nested(lambda t: 0 * t[0] - jnp.inf, BOX, key=key), RunError, "vanishes at all 500"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(jax.random.key(0))
