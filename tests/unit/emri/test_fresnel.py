"""Fresnel sums against quadrature and against sums over the samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.errors import InputError
from swansong.emri.search import fresnel
from swansong.signals.sft import Baseband

SEGMENT, CADENCE, LOW = 5e4, 50.0, 3e-4


def noise(segments, *, seed):
    rng = np.random.default_rng(seed)
    real, imaginary = rng.normal(size=(2, segments, 1000)) * np.sqrt(0.5)
    used = np.ones(segments, dtype=bool)
    samples = (real + 1j * imaginary).astype(np.complex64)
    return Baseband(samples, LOW, CADENCE, SEGMENT, used, np.ones(segments))


@pytest.fixture(scope="module")
def case():
    """Noise, frequencies and rates as a search meets them, away from exact halves of bins."""
    rng = np.random.default_rng(2)
    return noise(200, seed=1), rng.uniform(1e-3, 1.9e-2, 200), 10.0 ** rng.uniform(-13.0, -7.85, 200)


def quadrature(offset, rate):
    """The transform on a unit segment by Gauss and Legendre, exact to rounding for these offsets."""
    node, weight = np.polynomial.legendre.leggauss(800)
    s = 0.5 * node
    phase = offset[..., None] * s + 0.5 * rate[..., None] * s**2
    return 0.5 * (weight * np.exp(2j * np.pi * phase)).sum(axis=-1)


@settings(max_examples=60)
@given(offset=st.floats(-130.0, 130.0), rate=st.floats(-7.9, 1.7), upward=st.booleans())
def test_transform_meets_quadrature(offset, rate, upward):
    x = np.array(10.0**rate * (1.0 if upward else -1.0))
    found = fresnel.chirp_transform(jnp.asarray(offset), jnp.asarray(x))
    assert abs(complex(found) - quadrature(np.array(offset), x)) < 1e-10


@pytest.mark.parametrize("offset", [0.0, 0.5, -0.5, 3.0, 18.75, -18.75])
def test_transform_at_the_turning_points(offset):
    """Where an end of the chirp lies on the bin, the argument of an integral is zero."""
    x = np.array([37.5, 1.0, -1.0, -37.5])
    found = fresnel.chirp_transform(jnp.full(4, offset), jnp.asarray(x))
    np.testing.assert_allclose(found, quadrature(np.full(4, offset), x), atol=1e-10)


def test_kernel_of_the_host_is_the_same_integral():
    rng = np.random.default_rng(3)
    frequency, rate = rng.uniform(-100.0, 100.0, 300) / SEGMENT, rng.uniform(-1.5e-8, 1.5e-8, 300)
    middle = frequency + 0.5 * rate * SEGMENT
    turn = np.exp(2j * np.pi * (0.5 * frequency * SEGMENT + 0.125 * rate * SEGMENT**2))
    expected = quadrature(middle * SEGMENT, rate * SEGMENT**2) * turn * SEGMENT
    np.testing.assert_allclose(
        fresnel.fresnel_kernel(frequency, rate, duration=SEGMENT) / SEGMENT, expected / SEGMENT, atol=1e-10
    )


def test_kernel_of_a_steady_tone():
    f0 = np.array([0.0, 1.0, 0.5, -2.25]) / SEGMENT
    expected = SEGMENT * np.exp(1j * np.pi * f0 * SEGMENT) * np.sinc(f0 * SEGMENT)
    np.testing.assert_allclose(fresnel.fresnel_kernel(f0, np.zeros(4), duration=SEGMENT), expected, rtol=1e-12)


def test_compiled_sum_is_that_of_the_host(case):
    band, frequency, rate = case
    frequencies, rates = np.stack([frequency, frequency + 3e-6]), np.stack([rate, -rate])
    found = fresnel.fresnel_statistics(fresnel.Transforms.of(band), frequencies, rates, chunk=1)
    for track in range(2):
        expected = fresnel.fresnel_statistic(band, frequencies[track], rates[track])
        np.testing.assert_allclose(found[track], expected, atol=1e-6)


def test_sum_over_bins_nears_the_sum_over_samples(case):
    band, frequency, rate = case
    exact = fresnel.direct_statistic(band, frequency, rate)
    errors = [
        np.std(fresnel.fresnel_statistic(band, frequency, rate, neighbours=number) - exact) for number in (30, 100, 400)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.12
    assert errors[2] < 0.05


def test_sums_return_the_power_of_a_chirp(case):
    band, frequency, rate = case
    time = (np.arange(1000) - 500) * CADENCE
    cycles = (frequency - LOW)[:, None] * time + 0.5 * rate[:, None] * time**2
    samples = (0.2 * np.exp(2j * np.pi * cycles + 0.7j)).astype(np.complex64)
    chirps = Baseband(samples, LOW, CADENCE, SEGMENT, band.used, band.filled)
    exact = fresnel.direct_statistic(chirps, frequency, rate)
    np.testing.assert_allclose(exact, 2.0 * 1000 * 0.2**2, rtol=1e-5)
    bins = fresnel.fresnel_statistic(chirps, frequency, rate)
    assert (bins < exact * 1.0001).all()
    assert bins.mean() > 0.995 * exact.mean()


def test_gradient_meets_finite_differences(case):
    band, frequency, rate = case
    transforms = fresnel.Transforms.of(band)

    def total(frequency, rate):
        return fresnel.fresnel_statistics(transforms, frequency[None], rate[None], chunk=1)[0]

    by_frequency, by_rate = jax.grad(lambda *track: total(*track).sum(), argnums=(0, 1))(frequency, rate)
    for slope, step in ((by_frequency, (1e-9, 0.0)), (by_rate, (0.0, 1e-14))):
        forward, backward = (total(frequency + sign * step[0], rate + sign * step[1]) for sign in (1.0, -1.0))
        expected = (forward - backward) / (2.0 * sum(step))
        # A handful of segments change their middle bin within the step.
        close = np.abs(slope - expected) < 1e-4 * np.abs(slope).max()
        assert close.mean() > 0.98


def test_segments_that_do_not_count_are_zero(case):
    band, frequency, rate = case
    used = band.used.copy()
    used[3] = False
    partial = Baseband(band.samples, LOW, CADENCE, SEGMENT, used, band.filled)
    away = frequency.copy()
    away[5] = 2.5e-2
    found = fresnel.fresnel_statistics(fresnel.Transforms.of(partial), away[None], rate[None])[0]
    assert found[3] == 0.0
    assert found[5] == 0.0
    assert (np.delete(np.asarray(found), [3, 5]) > 0.0).all()


def test_wrong_shapes_and_too_many_bins_are_refused(case):
    band, frequency, rate = case
    with pytest.raises(InputError, match="do not fit 200 segments"):
        fresnel.direct_statistic(band, frequency[:-1], rate)
    with pytest.raises(InputError, match="between 1 and 499"):
        fresnel.fresnel_statistic(band, frequency, rate, neighbours=500)
