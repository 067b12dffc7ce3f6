"""Welch estimates: unbiased, robust, held at the ends, and right for GW150914."""

import numpy as np
import pytest

from swansong.core.errors import DataError, InputError
from swansong.signals import (
    Strain,
    coloured_noise,
    design_spectrum,
    make_whitener,
    read_strain,
    time_delay,
    welch_spectrum,
)
from swansong.signals.welch import _median_bias

RATE = 2048.0


@pytest.fixture(scope="module")
def noise():
    data = coloured_noise(design_spectrum("aLIGO"), rate=RATE, n=64 * 2048, rng=11)
    return Strain("H1", data, start=1000.0, rate=RATE)


@pytest.mark.parametrize("average", ["median", "mean"])
def test_estimate_returns_the_spectrum(noise, average):
    found = welch_spectrum(noise, segment=2.0, average=average, floor_above=None)
    band = (found.frequency > 20) & (found.frequency < 1000)
    ratio = found.psd[band] / design_spectrum("aLIGO").interpolate(found.frequency[band])
    # 63 segments that share half: each bin scatters by about 0.13 (mean) or 0.18 (median).
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert ratio.std() < 0.22
    assert found.frequency[0] == 0.5
    assert found.frequency[-1] == 1023.5
    assert found.name == "H1"


def test_median_bias_of_odd_counts():
    for count in (1, 3, 7, 15):
        assert _median_bias(count) == pytest.approx(sum((-1) ** k / (k + 1) for k in range(count)))
    assert _median_bias(2) == pytest.approx(1.0)
    assert _median_bias(10001) == pytest.approx(np.log(2), rel=1e-3)


def test_transients_are_outvoted_or_excluded(noise):
    data = noise.data.copy()
    data[30 * 2048 : 30 * 2048 + 200] += 1e-18
    loud = Strain("H1", data, start=1000.0, rate=RATE)

    def level(strain, **options):
        found = welch_spectrum(strain, segment=2.0, floor_above=None, **options)
        return np.median(found.psd[(found.frequency > 20) & (found.frequency < 200)])

    assert level(loud, average="mean") > 3 * level(noise, average="mean")
    assert level(loud) == pytest.approx(level(noise), rel=0.1)
    excluded = level(loud, average="mean", exclude=(1029.5, 1030.5))
    assert excluded == pytest.approx(level(noise, average="mean"), rel=0.1)


def test_ends_are_held(noise):
    found = welch_spectrum(noise.highpass(20.0), segment=2.0, floor_above=800.0, hold_below=20.0)
    free = welch_spectrum(noise.highpass(20.0), segment=2.0, floor_above=None)
    high = found.psd[found.frequency > 800]
    band = (free.frequency >= 650) & (free.frequency <= 800)
    np.testing.assert_allclose(high, np.median(free.psd[band]))
    low = found.psd[found.frequency < 20]
    np.testing.assert_allclose(low, free.psd[free.frequency == 20][0])


def test_hold_below_needs_a_highpass(noise):
    drift = Strain("H1", noise.data + 1e-17 * np.sin(2 * np.pi * 3 * noise.times), start=1000.0, rate=RATE)
    with pytest.raises(DataError, match="high-pass the strain first"):
        welch_spectrum(drift, hold_below=20.0)


def test_bad_options_are_named(noise):
    with pytest.raises(InputError, match="overlap"):
        welch_spectrum(noise, overlap=1.0)
    with pytest.raises(InputError, match="before an end"):
        welch_spectrum(noise, exclude=(5.0, 4.0))
    with pytest.raises(InputError, match="hold_below"):
        welch_spectrum(noise, hold_below=5000.0)
    with pytest.raises(InputError, match="floor_above"):
        welch_spectrum(noise, floor_above=0.01)
    with pytest.raises(DataError, match="leaves 1 segments"):
        welch_spectrum(noise, segment=64.0)


@pytest.mark.parametrize(
    ("detector", "floored", "free"),
    # Condition numbers found independently for these data: 4e5 and 9e8 (H1), 2e6 and 5e9 (L1).
    [("H1", 4e5, 9e8), ("L1", 2e6, 5e9)],
)
def test_gw150914_is_well_conditioned_when_held(shared_data, detector, floored, free):
    path = shared_data / f"{detector[0]}-{detector}_LOSC_4_V2-1126259446-32.hdf5"
    strain = read_strain(path, rate=4096.0).highpass(20.0)
    options = {"hold_below": 20.0, "exclude": (1126259461.5, 1126259463.0)}
    whitener = make_whitener(welch_spectrum(strain, **options), rate=4096.0, n=410)
    assert whitener.condition_number == pytest.approx(floored, rel=0.4)
    assert whitener.warnings == ()
    steep = make_whitener(welch_spectrum(strain, floor_above=None, **options), rate=4096.0, n=410)
    assert steep.condition_number == pytest.approx(free, rel=0.4)
    assert len(steep.warnings) == 1
    gps = 1126259462.4083147
    start = gps + time_delay(detector, right_ascension=1.95, declination=-1.27, gps=gps)
    assert whitener.whiten(strain.slice(start, n=410).strain.data).std() == pytest.approx(1, abs=0.1)
    quiet = whitener.whiten(strain.data[8192 : 8192 + 410 * 100].reshape(100, 410))
    # Below 1: above the roll-off the held spectrum claims more noise than the data have.
    assert 0.88 < quiet.std() < 1.0
