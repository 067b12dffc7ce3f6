"""Random changes of a noise spectrum and the levels that describe them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import InputError
from swansong.signals.drift import DRIFT_KNOTS, band_levels, drifted_psd

FREQUENCY = np.arange(40, 2049) / 4.0
PSD = 1e-46 * (1.0 + (30.0 / FREQUENCY) ** 8)


def test_no_scatter_changes_nothing():
    np.testing.assert_array_equal(drifted_psd(PSD, FREQUENCY, scatter=0.0, rng=np.random.default_rng(0)), PSD)


def test_scatter_is_that_of_a_common_and_an_own_part():
    """At a knot ln power moves by two normal numbers; two knots share one of them."""
    rng = np.random.default_rng(1)
    at = np.array([10.0, 20.0, 128.0])
    moves = np.log([drifted_psd(np.ones(3), at, scatter=0.2, rng=rng) for _ in range(4000)])
    np.testing.assert_allclose(moves.mean(axis=0), 0.0, atol=4 * 0.2 * np.sqrt(2 / 4000))
    np.testing.assert_allclose(moves.std(axis=0), 0.2 * np.sqrt(2.0), rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(moves.T)[0, 1:], 0.5, atol=0.06)


def test_between_knots_it_is_linear_in_ln_frequency():
    at = np.array([20.0, np.sqrt(20.0 * 32.0), 32.0])
    moves = np.log(drifted_psd(np.ones(3), at, scatter=0.5, rng=np.random.default_rng(2)))
    assert moves[1] == pytest.approx(0.5 * (moves[0] + moves[2]), rel=1e-9)
    assert abs(moves[0] - moves[2]) > 1e-3


@given(st.lists(st.floats(-2.0, 2.0), min_size=len(DRIFT_KNOTS), max_size=len(DRIFT_KNOTS)))
def test_levels_recover_constants_in_every_band(values):
    """A different factor in every band; the bands meet at the geometric mean of their knots."""
    edges = np.sqrt(DRIFT_KNOTS[1:] * DRIFT_KNOTS[:-1])
    factor = np.exp(np.asarray(values)[(FREQUENCY[:, None] > edges).sum(axis=1)])
    np.testing.assert_allclose(band_levels(PSD * factor, PSD, frequency=FREQUENCY), values, atol=1e-9)


def test_bands_without_frequencies_have_level_zero():
    narrow = FREQUENCY[(FREQUENCY > 30.0) & (FREQUENCY < 40.0)]
    found = band_levels(np.full(narrow.size, 2.0), np.ones(narrow.size), frequency=narrow)
    assert np.count_nonzero(found) == 1
    assert found[3] == pytest.approx(np.log(2.0))


def test_levels_follow_the_drift_that_made_them():
    rng = np.random.default_rng(3)
    day = drifted_psd(PSD, FREQUENCY, scatter=0.2, rng=rng)
    levels = band_levels(day, PSD, frequency=FREQUENCY)
    at_knots = np.log(np.interp(DRIFT_KNOTS, FREQUENCY, day / PSD))
    assert np.abs(levels - at_knots).max() < 0.25
    assert np.corrcoef(levels, at_knots)[0, 1] > 0.6


@pytest.mark.parametrize("scatter", [-0.1, np.nan])
def test_negative_scatter_is_refused(scatter):
    with pytest.raises(InputError, match=r"must not be negative, got .*; give 0\.2"):
        drifted_psd(PSD, FREQUENCY, scatter=scatter, rng=np.random.default_rng(0))
