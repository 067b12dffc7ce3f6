"""LISA noise: values by hand and of another code, relations between channels, drawn noise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals.lisa import LISA_ARM_LENGTH, LISA_CHANNELS, lisa_noise, lisa_noise_density
from swansong.signals.noise import coloured_noise


def single_link(f):
    """Optical and acceleration noise of one link as fractional frequency, by hand."""
    optical = 225e-24 * (1 + 16e-12 / f**4) * (2 * math.pi * f / SPEED_OF_LIGHT) ** 2
    acceleration = 9e-30 * (1 + 16e-8 / f**2) * (1 + f**4 / 4.096e-9) / (2 * math.pi * f * SPEED_OF_LIGHT) ** 2
    return optical, acceleration


@pytest.mark.parametrize(
    ("channel", "f", "expected"),
    [
        # A2TDISens and T2TDISens of lisaanalysistools 1.2.8 with scirdv1
        ("A", 1e-3, 3.87078276e-44),
        ("A", 1e-2, 1.76071689e-40),
        ("T", 1e-3, 4.44990449e-48),
        ("T", 1e-2, 1.60074627e-41),
    ],
)
def test_another_code_gives_the_same(channel, f, expected):
    # its constants are a part in 1e8 away from ours
    assert lisa_noise_density(np.array(f), channel=channel) == pytest.approx(expected, rel=1e-6)


def test_low_frequencies_by_hand():
    # x << 1: S_A = 32 x^2 (2x)^2 (3 S_oms + 12 S_acc)
    f = 2e-5
    optical, acceleration = single_link(f)
    x = 2 * math.pi * f * LISA_ARM_LENGTH / SPEED_OF_LIGHT
    expected = 128 * x**4 * (3 * optical + 12 * acceleration)
    assert lisa_noise_density(np.array(f)) == pytest.approx(expected, rel=1e-4)


@given(f=st.floats(1e-5, 0.1), arm=st.floats(1e9, 5e9))
def test_channels_add_up_to_the_three_interferometers(f, arm):
    # A, E, T are an orthogonal combination of X, Y, Z, so the sum of their noises is 3 S_X
    s = {name: lisa_noise_density(np.array(f), channel=name, arm_length=arm) for name in LISA_CHANNELS}
    optical, acceleration = single_link(f)
    x = 2 * math.pi * f * arm / SPEED_OF_LIGHT
    michelson = 64 * (math.sin(x) * math.sin(2 * x)) ** 2 * (optical + (3 + math.cos(2 * x)) * acceleration)
    assert s["A"] == s["E"]
    assert 2 * s["A"] + s["T"] == pytest.approx(3 * michelson, rel=1e-6, abs=1e-55)


def test_the_table_follows_the_formula():
    table = lisa_noise("A")
    f = np.geomspace(1e-5, 2.7e-2, 3001)
    error = np.abs(table.interpolate(f) / lisa_noise_density(f) - 1)
    assert error.max() < 4e-5
    assert error[f < 2e-2].max() < 3e-6
    assert table.interpolate(np.array([0.0])) == pytest.approx(lisa_noise_density(np.array([1e-5])))
    assert table.name == "LISA-A"


def test_drawn_noise_has_the_spectrum():
    n, cadence = 2**15, 5.0
    noise = coloured_noise(lisa_noise("E"), rate=1 / cadence, n=n, rng=4, shape=(4,))
    window = np.hanning(n)
    f = np.fft.rfftfreq(n, cadence)
    power = 2 * cadence * np.abs(np.fft.rfft(noise * window)) ** 2 / np.sum(window**2)
    for low, high in ((3e-4, 3e-3), (3e-3, 1e-2), (1e-2, 2e-2)):
        band = (f > low) & (f < high)
        ratio = power[:, band] / lisa_noise_density(f[band], channel="E")
        # neighbouring bins share power through the window: half of them count
        assert ratio.mean() == pytest.approx(1, abs=4 / math.sqrt(ratio.size / 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lisa_noise("X"), "A, E, T, got 'X'"),
        (lambda: lisa_noise(minimum=0.0), "got 0.0, 0.1 and 8192"),
        (lambda: lisa_noise(maximum=math.inf), "range"),
        (lambda: lisa_noise(points=1), "2 points or more"),
        (lambda: lisa_noise(arm_length=-1.0), "arm_length"),
        (lambda: lisa_noise_density(np.array([0.0, 1e-3])), "zero frequency"),
        (lambda: lisa_noise_density(np.array([np.nan])), "finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
