"""Whitened bands: unit noise, the power of chirps, gaps and bad input."""

import numpy as np
import pytest

from swansong.core.errors import DataError, InputError
from swansong.signals import coloured_noise
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import baseband
from swansong.signals.spectra import Spectrum

SEGMENT, CADENCE, SEGMENTS = 5e4, 5.0, 20
SAMPLES = int(SEGMENTS * SEGMENT / CADENCE)


@pytest.fixture(scope="module")
def spectrum():
    return lisa_noise("A")


@pytest.fixture(scope="module")
def noise(spectrum):
    return coloured_noise(spectrum, rate=1 / CADENCE, n=SAMPLES, rng=3)


@pytest.fixture(scope="module")
def band(noise, spectrum):
    return baseband(noise, spectrum, cadence=CADENCE)


def test_noise_of_every_sample_has_unit_mean_square(band):
    assert band.samples.shape == (SEGMENTS, 1000)
    power = np.abs(band.samples) ** 2
    # 20,000 exponential numbers have a mean within 4 standard errors.
    assert abs(power.mean() - 1.0) < 4.0 / np.sqrt(power.size) + 0.02 / SEGMENTS
    assert abs((power**2).mean() - 2.0) < 0.15


def test_nothing_leaks_in_at_the_ends(band):
    power = np.abs(band.samples) ** 2
    # Sharp ends would put a hundred times the noise into the first and last samples.
    assert power[0, :20].mean() < 3.0
    assert power[-1, -20:].mean() < 3.0


def test_band_reaches_from_low_to_high(band):
    assert band.low == pytest.approx(3e-4, rel=1e-9)
    assert band.high == pytest.approx(2.03e-2, rel=1e-9)
    assert band.cadence == pytest.approx(50.0)
    np.testing.assert_allclose(band.middles[:2], [2.5e4, 7.5e4])


def test_a_sinusoid_has_its_matched_power_in_every_segment(spectrum):
    frequency, amplitude = 4.321e-3, 1e-20
    time = np.arange(SAMPLES) * CADENCE
    band = baseband(amplitude * np.cos(2 * np.pi * frequency * time + 0.3), spectrum, cadence=CADENCE)
    wave = np.exp(-2j * np.pi * (frequency - band.low) * (np.arange(1000) * band.cadence))
    statistic = 2 * np.abs((band.samples * wave).sum(axis=1)) ** 2 / 1000
    # Matched filter of a sinusoid over T in white noise of its own density: A^2 T / S.
    expected = amplitude**2 * SEGMENT / spectrum.interpolate(np.array([frequency]))[0]
    np.testing.assert_allclose(statistic[1:-1], expected, rtol=0.01)


def test_signal_and_noise_add(noise, spectrum, band):
    signal = 1e-20 * np.cos(2 * np.pi * 5e-3 * np.arange(SAMPLES) * CADENCE)
    both = baseband(noise + signal, spectrum, cadence=CADENCE)
    alone = baseband(signal, spectrum, cadence=CADENCE)
    np.testing.assert_allclose((band + alone).samples, both.samples, atol=2e-5)
    np.testing.assert_allclose(alone.scaled(2.0).samples, 2 * alone.samples)


def test_segments_with_gaps_are_left_out_and_told(noise, spectrum):
    valid = np.ones(SAMPLES, bool)
    valid[25_000:32_000] = False
    valid[50_000:50_500] = False
    broken = np.where(valid, noise, np.nan)
    band = baseband(broken, spectrum, cadence=CADENCE, valid=valid)
    assert list(np.flatnonzero(~band.used)) == [2, 3][: (~band.used).sum()]
    assert not band.used[2]
    assert band.used[5]
    assert band.filled[5] == pytest.approx(0.95)
    assert np.isfinite(band.samples).all()


def test_bad_input_is_named(noise, spectrum):
    broken = noise.copy()
    broken[7] = np.inf
    with pytest.raises(DataError, match="sample 7"):
        baseband(broken, spectrum, cadence=CADENCE)
    with pytest.raises(DataError, match="less than one segment"):
        baseband(noise[:100], spectrum, cadence=CADENCE)
    with pytest.raises(InputError, match="half the sampling rate"):
        baseband(noise, spectrum, cadence=CADENCE, band=(3e-4, 0.2))
    with pytest.raises(InputError, match="whole number"):
        baseband(noise, spectrum, cadence=CADENCE, segment=5.0003e4)
    narrow = Spectrum(np.array([1e-3, 1e-2]), np.ones(2), name="narrow")
    with pytest.raises(DataError, match="narrow covers"):
        baseband(noise, narrow, cadence=CADENCE)
    with pytest.raises(DataError, match="do not add"):
        baseband(noise, spectrum, cadence=CADENCE) + baseband(noise[: SAMPLES // 2], spectrum, cadence=CADENCE)
