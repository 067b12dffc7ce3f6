import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swansong.core.errors import InputError
from swansong.inference import (
    Bound,
    Cosine,
    Delta,
    Gaussian,
    LogUniform,
    Parameter,
    Parameters,
    PowerLaw,
    Prior,
    Sine,
    Uniform,
)

LAWS = {
    "uniform": Uniform(-2.0, 5.0),
    "log": LogUniform(1e-3, 10.0),
    "steep": PowerLaw(-3.5, minimum=2.0, maximum=200.0),
    "volume": PowerLaw(2.0, minimum=10.0, maximum=1000.0),
    "gaussian": Gaussian(1.0, 2.0),
    "truncated": Gaussian(0.0, 1.0, minimum=-0.5, maximum=3.0),
    "tail": Gaussian(0.0, 1.0, minimum=6.0, maximum=9.0),
    "lower_tail": Gaussian(0.0, 1.0, minimum=-9.0, maximum=-6.0),
    "sine": Sine(),
    "part_sine": Sine(0.2, 1.0),
    "cosine": Cosine(),
}
PRIOR = Prior(LAWS)
SCIPY = {
    "uniform": stats.uniform(-2.0, 7.0),
    "log": stats.loguniform(1e-3, 10.0),
    "gaussian": stats.norm(1.0, 2.0),
    "truncated": stats.truncnorm(-0.5, 3.0),
    "tail": stats.truncnorm(6.0, 9.0),
    "lower_tail": stats.truncnorm(-9.0, -6.0),
}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=len(LAWS), max_size=len(LAWS)))
def test_unit_cube_round_trip(point):
    u = np.clip(np.array(point), 1e-9, 1.0 - 1e-9)
    np.testing.assert_allclose(PRIOR.to_unit(PRIOR.from_unit(u)), u, atol=1e-12, rtol=1e-7)


@pytest.mark.parametrize("name", LAWS)
def test_density_is_normalised_and_is_the_slope_of_the_map(name):
    law = LAWS[name]
    u = np.linspace(0.0, 1.0, 20001)[1:-1]
    x = np.asarray(law.from_unit(u))
    assert np.all(np.diff(x) > 0.0)
    middle = 0.5 * (x[1:] + x[:-1])
    mass = np.exp(np.asarray(law.log_prob(middle))) * np.diff(x)
    # Every interval holds the same probability, so all of them together hold all of it.
    np.testing.assert_allclose(mass[50:-50], 1.0 / 20000, rtol=2e-3)
    assert mass.sum() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", SCIPY)
def test_density_and_cumulative_agree_with_scipy(name):
    x = np.asarray(LAWS[name].from_unit(np.linspace(0.001, 0.999, 51)))
    np.testing.assert_allclose(LAWS[name].log_prob(x), SCIPY[name].logpdf(x), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(LAWS[name].to_unit(x), SCIPY[name].cdf(x), rtol=1e-9)


def test_power_law_and_isotropic_moments():
    # <x> of x**2 on [a, b] is 3/4 (b^4 - a^4)/(b^3 - a^3); <cos> of an isotropic angle is 0.
    u = (np.arange(100_000) + 0.5) / 100_000
    mean = np.mean(np.asarray(LAWS["volume"].from_unit(u)))
    assert mean == pytest.approx(0.75 * (1e12 - 1e4) / (1e9 - 1e3), rel=1e-6)
    assert np.mean(np.cos(np.asarray(Sine().from_unit(u)))) == pytest.approx(0.0, abs=1e-9)
    assert np.mean(np.sin(np.asarray(Cosine().from_unit(u))) ** 2) == pytest.approx(1.0 / 3.0, abs=1e-6)


def test_density_vanishes_outside_and_gradients_stay_finite():
    prior = Prior({"r": LogUniform(1.0, 10.0), "angle": Sine()})
    assert prior.log_prob(np.array([-1.0, 1.0])) == -np.inf
    assert prior.log_prob(np.array([2.0, 4.0])) == -np.inf
    for theta in ([-1.0, 1.0], [2.0, 1.0]):
        assert np.isfinite(jax.grad(lambda t: prior.log_prob(t))(jnp.array(theta))).all()


def circle_prior():
    """Charge and spin of a black hole: uniform where a**2 + q**2 < 1."""
    return Prior({"charge": Uniform(0.0, 1.0), "spin": Uniform(0.0, Bound("charge", lambda q: jnp.sqrt(1.0 - q**2)))})


def test_dependent_bound_is_kept_and_its_density_is_conditional():
    prior = circle_prior()
    samples = np.asarray(jax.jit(prior.sample, static_argnums=1)(jax.random.key(0), 2000))
    assert np.all(samples[:, 0] ** 2 + samples[:, 1] ** 2 <= 1.0 + 1e-12)
    assert prior.log_prob(np.array([0.6, 0.5])) == pytest.approx(-math.log(0.8))
    assert prior.log_prob(np.array([0.6, 0.81])) == -np.inf
    assert prior.log_prob(np.array([1.5, 0.1])) == -np.inf
    assert prior.parameters["spin"].maximum == math.inf
    np.testing.assert_allclose(prior.from_unit(prior.to_unit(samples)), samples, atol=1e-14)


def test_works_under_jit_vmap_and_as_an_argument():
    prior = circle_prior()
    theta = prior.sample(jax.random.key(1), 5)
    expected = prior.log_prob(theta)
    np.testing.assert_allclose(jax.jit(jax.vmap(prior.log_prob))(theta), expected)
    np.testing.assert_allclose(jax.jit(lambda p, t: p.log_prob(t))(prior, theta), expected)


def test_samples_depend_on_the_key_alone():
    a, b = (np.asarray(PRIOR.sample(jax.random.key(3), 4)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, np.asarray(PRIOR.sample(jax.random.key(4), 4)))


def test_fixed_parameter():
    prior = Prior({"x": Uniform(0.0, 1.0), "y": Delta(3.0)})
    assert prior.free == ("x",)
    assert np.all(np.asarray(prior.sample(jax.random.key(0), 5))[:, 1] == 3.0)
    assert prior.log_prob(np.array([0.5, 3.0])) == 0.0
    assert prior.log_prob(np.array([0.5, 2.0])) == -np.inf
    assert prior.replace({"x": Delta(0.5)}).free == ()


def test_parameters_set_the_order():
    parameters = Parameters([Parameter("b", unit="s"), Parameter("a")])
    prior = Prior({"a": Uniform(0.0, 1.0), "b": Uniform(2.0, 3.0)}, parameters)
    assert prior.names == ("b", "a")
    assert prior.log_prob(np.array([2.5, 0.5])) == 0.0
    assert prior["b"] == LAWS["uniform"].__class__(2.0, 3.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Uniform(2.0, 1.0), "minimum 2.0 and maximum 1.0"),
        (lambda: Uniform(0.0, math.inf), "finite"),
        (lambda: Uniform(math.nan, 1.0), "NaN"),
        (lambda: LogUniform(0.0, 1.0), "must be positive"),
        (lambda: PowerLaw(-1.0, minimum=1.0, maximum=2.0), "LogUniform"),
        (lambda: PowerLaw(2.0, minimum=1.0, maximum=math.inf), "infinite"),
        (lambda: Gaussian(0.0, 0.0), "must be positive"),
        (lambda: Sine(0.0, 4.0), "must lie in"),
        (lambda: Delta(math.inf), "finite"),
        (lambda: Prior({"a": Uniform(0.0, Bound("b", abs)), "b": Uniform(0.0, 1.0)}), "declare"),
        (lambda: Prior({"a": Uniform(0.0, Bound("a", abs))}), "declare"),
        (lambda: Prior({"a": Uniform(0.0, 1.0)}, Parameters(["a", "b"])), "b"),
        (lambda: Prior({"a": Uniform(-1.0, 1.0)}, Parameters([Parameter("a", minimum=0.0)])), "below"),
        (lambda: PRIOR.log_prob(np.zeros(3)), "does not hold"),
        (lambda: PRIOR.replace({"unform": Uniform(0.0, 1.0)}), "did you mean 'uniform'"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_number_is_no_law():
    # Type-checked test runs refuse it before the prior does.
    with pytest.raises((InputError, TypeError)):
        Prior({"a": 3.0})
