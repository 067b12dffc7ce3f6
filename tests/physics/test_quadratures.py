"""The conditional law of amplitudes and phases: an exact bijection whose density is the posterior's."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.ringdown.quadratures import (
    amplitudes_and_phases,
    eliminate,
    from_normal,
    log_interval,
    log_weight_of_amplitudes,
    normal_to_truncated,
    to_normal,
    truncated_to_normal,
)

BOUNDS = (0.1, 10.0)
seeds = st.integers(0, 2**31 - 1)


def gaussian(seed: int, modes: int, *, loudness: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A Gram matrix and linear term as templates and data of some signal would give them."""
    rng = np.random.default_rng(seed)
    q = 2 * modes
    templates = rng.standard_normal((q, 40)) * rng.uniform(0.2, 1.0, (q, 1))
    templates *= (10.0 ** rng.uniform(-1.0, 1.0) if loudness is None else loudness) / np.linalg.norm(templates[0])
    amplitude, phase = rng.uniform(0.2, 9.0, modes), rng.uniform(0, 2 * np.pi, modes)
    data = quadratures_of(amplitude, phase) @ templates + rng.standard_normal(40)
    return templates @ templates.T, templates @ data


def quadratures_of(amplitude, phase):
    return np.stack([amplitude * np.cos(phase), amplitude * np.sin(phase)], axis=-1).reshape(
        *np.shape(amplitude)[:-1], -1
    )


@eqx.filter_jit
def forward(gram, linear, quadratures):
    """Many quadratures to normal coordinates."""
    return jax.vmap(to_normal, in_axes=(None, 0, None))(eliminate(gram, linear), quadratures, BOUNDS)


@eqx.filter_jit
def backward(gram, linear, coordinates):
    """Many normal coordinates to quadratures."""
    return jax.vmap(from_normal, in_axes=(None, 0, None))(eliminate(gram, linear), coordinates, BOUNDS)


@eqx.filter_jit
def round_trips(gram, linear, normal):
    """There and back; one problem and one point a row."""

    def one(gram, linear, normal):
        split = eliminate(gram, linear)
        quadratures, log_det = from_normal(split, normal, BOUNDS)
        return quadratures, log_det, *to_normal(split, quadratures, BOUNDS)

    return jax.vmap(one)(gram, linear, normal)


@eqx.filter_jit
def autodiff_log_det(gram, linear, quadratures):
    """The log determinant by automatic differentiation; one problem and one point a row."""

    def one(gram, linear, quadratures):
        split = eliminate(gram, linear)

        def coordinates(both):
            a, p = both
            pairs = jnp.stack([a * jnp.cos(p), a * jnp.sin(p)], axis=-1).reshape(-1)
            return to_normal(split, pairs, BOUNDS)[0]

        jacobian = jax.jacfwd(coordinates)(jnp.stack(amplitudes_and_phases(quadratures)))
        return jnp.linalg.slogdet(jacobian.reshape(quadratures.size, -1))[1]

    return jax.vmap(one)(gram, linear, quadratures)


def log_density(gram, linear, quadratures):
    """Ln of the conditional density in amplitudes and phases."""
    coordinates, log_det = forward(gram, linear, quadratures)
    return np.asarray(jax.scipy.stats.norm.logpdf(coordinates).sum(axis=1) + log_det)


@pytest.mark.parametrize("modes", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
@settings(max_examples=15)
@given(seed=seeds)
def test_the_two_directions_are_inverse_with_the_determinant_of_autodiff(modes, seed):
    problems = [gaussian(seed + 7919 * row, modes) for row in range(8)]
    gram, linear = (np.stack(part) for part in zip(*problems, strict=True))
    normal = np.clip(np.random.default_rng(seed + 1).standard_normal((8, 2 * modes)), -2.5, 2.5)
    quadratures, log_det, again, log_det_again = round_trips(gram, linear, normal)
    np.testing.assert_allclose(again, normal, atol=1e-5)
    np.testing.assert_allclose(log_det_again, log_det, atol=1e-5)
    if modes < 3:  # three take long to compile
        np.testing.assert_allclose(autodiff_log_det(gram, linear, quadratures), log_det, atol=1e-4)
    amplitude = np.linalg.norm(np.asarray(quadratures).reshape(-1, 2), axis=1)
    assert (amplitude >= BOUNDS[0] * (1 - 1e-9)).all()
    assert (amplitude <= BOUNDS[1] * (1 + 1e-9)).all()


@settings(max_examples=25)
@given(seed=seeds, modes=st.integers(1, 3))
def test_elimination_completes_the_square(seed, modes):
    """The Gaussian's integral over all quadratures, by linear algebra on the whole matrix."""
    gram, linear = gaussian(seed, modes)
    whole = 0.5 * linear @ np.linalg.solve(gram, linear) - 0.5 * np.linalg.slogdet(gram / (2 * np.pi))[1]
    assert float(eliminate(jnp.asarray(gram), jnp.asarray(linear)).log_normal) == pytest.approx(
        whole, rel=1e-9, abs=1e-9
    )


def plane(amplitudes: int = 500, phases: int = 360) -> tuple[np.ndarray, float]:
    """Quadratures at the centres of cells in amplitude and phase, and a cell's area."""
    step, turn = (BOUNDS[1] - BOUNDS[0]) / amplitudes, 2 * np.pi / phases
    amplitude, phase = np.meshgrid(
        BOUNDS[0] + step * (np.arange(amplitudes) + 0.5), turn * (np.arange(phases) + 0.5), indexing="ij"
    )
    return quadratures_of(amplitude.reshape(-1, 1), phase.reshape(-1, 1)), step * turn


@pytest.mark.parametrize("loudness, seed", [(0.05, 1), (0.7, 2), (3.0, 3), (6.0, 4)])
def test_one_mode_by_brute_force(loudness, seed):
    """Density and normalisation against a sum over the whole plane of amplitude and phase."""
    gram, linear = gaussian(seed, 1, loudness=loudness)
    points, area = plane()
    density = np.exp(log_density(gram, linear, points))
    assert density.sum() * area == pytest.approx(1.0, abs=2e-3)

    log_likelihood = points @ linear - 0.5 * np.einsum("pi,ij,pj->p", points, gram, points)
    top = log_likelihood.max()
    log_integral = top + np.log(np.exp(log_likelihood - top).sum() * area)
    split = eliminate(jnp.asarray(gram), jnp.asarray(linear))
    claimed = float(split.log_normal + log_weight_of_amplitudes(split, BOUNDS))
    assert claimed == pytest.approx(log_integral, abs=5e-3)

    # The tabulated angle is all that separates the law from the exact conditional.
    exact = np.exp(log_likelihood - log_integral)
    assert 0.5 * np.abs(density - exact).sum() * area < 0.01


def test_two_modes_by_monte_carlo():
    gram, linear = gaussian(11, 2, loudness=0.5)
    rng = np.random.default_rng(0)
    n = 100_000
    amplitude, phase = rng.uniform(*BOUNDS, (n, 2)), rng.uniform(0, 2 * np.pi, (n, 2))
    points = quadratures_of(amplitude, phase)
    volume = ((BOUNDS[1] - BOUNDS[0]) * 2 * np.pi) ** 2
    density = volume * np.exp(log_density(gram, linear, points))
    error = density.std() / np.sqrt(n)
    assert error < 0.02
    assert density.mean() == pytest.approx(1.0, abs=4 * error)

    # Weights to the exact conditional: near enough for an efficient proposal.
    log_likelihood = points @ linear - 0.5 * np.einsum("pi,ij,pj->p", points, gram, points)
    exact = np.exp(log_likelihood - log_likelihood.max())
    exact *= n / exact.sum()
    efficiency = 1.0 / np.mean(exact**2 / density)
    assert efficiency > 0.7


EXTREMES = {  # signal-to-noise ratio of a unit amplitude, and amplitude of the mean
    "silent mode": (1e-6, 0.0),
    "nearly silent mode": (1e-2, 0.5),
    "very loud mode": (300.0, 5.0),
    "mean below the smallest amplitude": (200.0, 1e-3),
    "mean above the largest amplitude": (50.0, 10.4),
    "mean a hundred deviations above the largest amplitude": (50.0, 12.0),
    "mean ten thousand deviations above the largest amplitude": (50.0, 210.0),
    "mean a thousand deviations below the smallest amplitude": (1e4, 1e-3),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_extremes_stay_finite_and_in_bounds(case):
    snr_per_unit, amplitude = EXTREMES[case]
    gram = snr_per_unit**2 * np.array([[1.0, 0.3], [0.3, 0.8]])
    linear = gram @ (amplitude * np.array([0.6, -0.8]))
    normal = np.random.default_rng(3).standard_normal((256, 2))
    quadratures, log_det = backward(gram, linear, normal)
    assert np.isfinite(quadratures).all()
    assert np.isfinite(log_det).all()
    size = np.linalg.norm(quadratures, axis=1)
    assert (size >= BOUNDS[0] * (1 - 1e-6)).all()
    assert (size <= BOUNDS[1] * (1 + 1e-6)).all()
    split = eliminate(jnp.asarray(gram), jnp.asarray(linear))
    assert np.isfinite(float(log_weight_of_amplitudes(split, BOUNDS)))

    sizes, angles = np.linspace(0.1, 10.0, 256)[:, None], np.linspace(0.0, 40 * np.pi, 256)[:, None]
    coordinates, log_det = forward(gram, linear, quadratures_of(sizes, angles))
    assert np.isfinite(coordinates).all()
    assert np.isfinite(log_det).all()


@settings(max_examples=60)
@given(
    low=st.floats(-25.0, 25.0),
    width=st.floats(0.01, 40.0),
    value=st.floats(-3.5, 3.5),
)
def test_a_truncated_normal_and_back(low, width, value):
    high = low + width
    x, slope = normal_to_truncated(jnp.asarray(value), jnp.asarray(low), jnp.asarray(high))
    assert low - 1e-9 <= float(x) <= high + 1e-9
    again, slope_again = truncated_to_normal(x, jnp.asarray(low), jnp.asarray(high))
    assert float(again) == pytest.approx(value, abs=1e-4)
    assert float(slope_again) == pytest.approx(float(slope), abs=1e-3)


@pytest.mark.parametrize(
    "low, high", [(-1.0, 2.0), (-3.0, -2.0), (4.0, 5.0), (8.0, 40.0), (-20.0, -15.0), (20.0, 21.0)]
)
def test_the_mass_of_an_interval_keeps_its_digits_in_the_tails(low, high):
    from scipy.stats import norm

    upper, lower = (norm.logsf(low), norm.logsf(high)) if low > 0 else (norm.logcdf(high), norm.logcdf(low))
    expected = upper + np.log1p(-np.exp(lower - upper))
    assert float(log_interval(jnp.asarray(low), jnp.asarray(high))) == pytest.approx(expected, rel=1e-9)


def test_amplitudes_and_phases_invert_the_quadratures():
    amplitude, phase = np.array([0.3, 4.0, 9.9]), np.array([0.0, 3.0, 6.2])
    found = amplitudes_and_phases(jnp.asarray(quadratures_of(amplitude, phase)))
    np.testing.assert_allclose(found[0], amplitude, rtol=1e-12)
    np.testing.assert_allclose(found[1], phase, atol=1e-12)
