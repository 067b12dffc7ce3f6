"""Whitening and noise: covariance, determinant, signal-to-noise ratio, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import toeplitz

from swansong.core.errors import DataError, InputError
from swansong.signals import (
    Spectrum,
    autocovariance,
    coloured_noise,
    design_spectrum,
    inner_product,
    load_spectrum,
    make_whitener,
    optimal_snr,
)

RATE = 1024.0


@pytest.fixture(scope="module")
def whitener():
    return make_whitener(design_spectrum("aLIGO"), rate=RATE, n=128, detector="H1")


def sine_gaussian(n):
    """A band-limited burst at 100 Hz in the middle of ``n`` samples."""
    time = (np.arange(n) - n / 2) / RATE
    return 1e-21 * np.exp(-0.5 * (time / 0.02) ** 2) * np.cos(2 * np.pi * 100 * time + 0.3)


def test_white_noise_has_a_diagonal_covariance():
    level = 1e-46
    flat = Spectrum(np.array([1.0, 1000.0]), np.array([level, level]))
    row = autocovariance(flat, rate=RATE, n=50)
    assert row[0] == pytest.approx(level * RATE / 2)
    np.testing.assert_allclose(row[1:], 0, atol=1e-12 * row[0])


def test_autocovariance_of_a_known_pair():
    # S(f) = 4 s tau / (1 + (2 pi f tau)^2) belongs to s exp(-|t| / tau).
    tau, rate = 0.01, 65536.0
    frequency = np.geomspace(0.01, rate / 2, 20000)
    spectrum = Spectrum(frequency, 4 * tau / (1 + (2 * np.pi * frequency * tau) ** 2))
    row = autocovariance(spectrum, rate=rate, n=1000)
    lag = np.arange(1000) / rate
    np.testing.assert_allclose(row, np.exp(-lag / tau), atol=2e-3)


def test_whitener_inverts_its_covariance(whitener):
    np.testing.assert_allclose(whitener.covariance, toeplitz(whitener.autocovariance))
    np.testing.assert_allclose(whitener.cholesky @ whitener.cholesky.T, whitener.covariance, rtol=1e-10, atol=1e-56)
    identity = whitener.inverse_cholesky @ whitener.covariance @ whitener.inverse_cholesky.T
    np.testing.assert_allclose(identity, np.eye(128), atol=1e-8)
    assert whitener.condition_number == pytest.approx(np.linalg.cond(whitener.covariance), rel=1e-6)


def test_whiten_and_colour_are_inverse(whitener):
    white = np.random.default_rng(1).standard_normal((3, 2, 128))
    np.testing.assert_allclose(whitener.whiten(whitener.colour(white)), white, atol=1e-8)


def test_log_determinant(whitener):
    sign, expected = np.linalg.slogdet(whitener.covariance)
    assert sign == 1
    assert whitener.log_determinant == pytest.approx(expected)
    # Szegő: the determinant per sample approaches the mean logarithm of the two-sided density.
    long = make_whitener(design_spectrum("aLIGO"), rate=RATE, n=1024)
    grid = np.linspace(0, RATE / 2, 100001)
    limit = np.log(0.5 * RATE * design_spectrum("aLIGO").interpolate(grid)).mean()
    assert long.log_determinant / 1024 == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("name", ["aLIGO-design", "O3-L1"])
def test_coloured_noise_comes_out_white(name):
    spectrum = load_spectrum(name)
    n, draws = 64, 2000
    noise = coloured_noise(spectrum, rate=RATE, n=n, rng=3, shape=(draws,))
    white = make_whitener(spectrum, rate=RATE, n=n).whiten(noise)
    covariance = white.T @ white / draws
    # Entries scatter by 1/sqrt(draws), the diagonal by sqrt(2) more.
    off = covariance[~np.eye(n, dtype=bool)] * np.sqrt(draws)
    assert np.abs(off).max() < 5
    assert off.std() == pytest.approx(1, abs=0.05)
    assert np.abs(np.diag(covariance) - 1).max() * np.sqrt(draws / 2) < 5
    assert abs(white.mean()) < 5 / np.sqrt(white.size)


def test_noise_is_reproducible_and_does_not_wrap():
    spectrum = design_spectrum("aLIGO")
    first = coloured_noise(spectrum, rate=RATE, n=4096, rng=7)
    np.testing.assert_array_equal(first, coloured_noise(spectrum, rate=RATE, n=4096, rng=np.random.default_rng(7)))
    assert not np.array_equal(first, coloured_noise(spectrum, rate=RATE, n=4096, rng=8))
    # Neighbouring samples of this red noise are alike; the two ends of a draw must not be.
    draws = coloured_noise(spectrum, rate=RATE, n=4096, rng=9, shape=(400,))
    neighbours = np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]
    ends = np.corrcoef(draws[:, 0], draws[:, -1])[0, 1]
    assert neighbours > 0.9
    assert abs(ends) < 0.25


def test_whitened_snr_is_the_frequency_domain_snr():
    n, spectrum = 2048, design_spectrum("aLIGO")
    signal = sine_gaussian(n)
    white = make_whitener(spectrum, rate=RATE, n=n).whiten(signal)
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    transform = np.fft.rfft(signal) / RATE
    snr = optimal_snr(transform, frequency=frequency, spectrum=spectrum, minimum=5.0)
    assert 10 < snr < 1000
    assert np.linalg.norm(white) == pytest.approx(snr, rel=1e-3)
    assert inner_product(
        transform, 2 * transform, frequency=frequency, spectrum=spectrum, minimum=5.0
    ) == pytest.approx(2 * snr**2)
    assert optimal_snr(transform, frequency=frequency, spectrum=spectrum, minimum=95.0, maximum=105.0) < snr


def test_jax_agrees_with_numpy_under_jit(whitener):
    data = coloured_noise(design_spectrum("aLIGO"), rate=RATE, n=128, rng=1, shape=(4,))
    compiled = jax.jit(whitener.whiten)(jnp.asarray(data))
    assert isinstance(compiled, jax.Array)
    assert compiled.dtype == jnp.float64
    np.testing.assert_allclose(compiled, whitener.whiten(data), rtol=1e-8, atol=1e-8)


def test_condition_and_jitter_are_reported(whitener):
    assert whitener.warnings == ()
    frequency = np.geomspace(1, 512, 500)
    steep = Spectrum(frequency, 1e-46 / (1 + (frequency / 150) ** 20), name="steep")
    bad = make_whitener(steep, rate=RATE, n=128)
    assert bad.condition_number > 1e8
    assert "condition number" in bad.warnings[0]
    shaken = make_whitener(steep, rate=RATE, n=128, jitter=1e-6)
    assert shaken.condition_number < 1e8
    assert shaken.autocovariance[0] == bad.autocovariance[0]
    assert len(shaken.warnings) == 1
    assert "jitter of 1e-06" in shaken.warnings[0]


def test_bad_input_is_named(whitener):
    spectrum = design_spectrum("aLIGO")
    with pytest.raises(DataError, match=r"segments of 128 samples, got shape \(3, 127\)"):
        whitener.whiten(np.zeros((3, 127)))
    with pytest.raises(InputError, match="`rate` and `n`"):
        make_whitener(spectrum, rate=0.0, n=10)
    with pytest.raises(InputError, match="jitter"):
        make_whitener(spectrum, rate=RATE, n=10, jitter=-1.0)
    with pytest.raises(InputError, match="seed"):
        coloured_noise(spectrum, rate=RATE, n=10, rng=-1)
    cliff = Spectrum(np.array([1.0, 100.0, 101.0, 512.0]), np.array([1.0, 1.0, 1e-40, 1e-40]), name="cliff")
    with pytest.raises(DataError, match=r"covariance of cliff .* not positive definite"):
        make_whitener(cliff, rate=RATE, n=256)
    with pytest.raises(InputError, match="evenly spaced"):
        inner_product(np.ones(3), np.ones(3), frequency=np.array([1.0, 2.0, 4.0]), spectrum=spectrum)
    with pytest.raises(InputError, match="widen the band"):
        inner_product(np.ones(3), np.ones(3), frequency=np.array([1.0, 2.0, 3.0]), spectrum=spectrum)
