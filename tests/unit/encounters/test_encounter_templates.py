"""Frequency-domain series, signals and signal-to-noise ratios against sampled waves and plain sums."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from swansong.encounters import flyby, kepler
from swansong.encounters.events import _templates, signal
from swansong.encounters.problem import prepare
from swansong.encounters.settings import PriorSettings
from swansong.encounters.templates import chebyshev_nodes, lagrange, series_table
from swansong.encounters.waveform import Burst
from swansong.signals import load_spectrum

RATE, LENGTH = 2048.0, 1 << 17


@pytest.fixture(scope="module")
def sources(burst_analysis):
    """Twenty sources above the cut."""
    theta = np.asarray(burst_analysis.model.prior.sample(jax.random.key(1), 200))
    return theta[burst_analysis.snr(theta) >= 6.0][:20]


@pytest.mark.parametrize("waveform", ["kepler", "efb"])
@pytest.mark.parametrize(("tau", "eccentricity"), [(0.0053, 0.861), (0.023, 0.88), (0.11, 0.949)])
def test_the_table_is_the_fourier_transform_of_the_series(waveform, tau, eccentricity):
    """In the noise of a detector: polynomials in e bend a little at the lowest harmonics of short orbits."""
    table = series_table((0.85, 0.95), waveform)
    times = (np.arange(LENGTH) - LENGTH // 2) / RATE
    make = kepler.series if waveform == "kepler" else flyby.series
    series = np.stack([np.asarray(one) for one in make(times, timescale=tau, eccentricity=eccentricity)])
    exact = np.fft.rfft(np.fft.ifftshift(series, axes=-1), axis=-1) / RATE
    frequency = np.fft.rfftfreq(LENGTH, 1.0 / RATE)
    band = slice(*np.searchsorted(frequency, [10.0, 512.0]))
    found = np.tensordot(table.weights(np.array(eccentricity)), table(frequency[band], tau), axes=1)
    expected = np.stack([exact[0].real, exact[1].imag, exact[2].real])[:, band]
    power = 1.0 / load_spectrum("O3-L1").interpolate(frequency[band])
    inner, own, other = ((a * b * power).sum(axis=1) for a, b in ((found, expected), (found, found), (expected,) * 2))
    assert (1.0 - inner / np.sqrt(own * other) < [3e-6, 3e-6, 1e-4]).all()
    np.testing.assert_allclose(own, other, rtol=2e-3)
    # Parities: A_c and B are even in time, A_s is odd.
    tiny = 1e-6 * np.abs(exact).max()
    assert max(np.abs(exact[[0, 2]].imag).max(), np.abs(exact[1].real).max()) < tiny


def test_wide_ranges_of_eccentricity_take_more_nodes():
    assert len(series_table((0.85, 0.95), "kepler").nodes) == 3
    assert len(series_table((0.8, 0.97), "kepler").nodes) == 5


def test_lagrange_polynomials_interpolate_polynomials_exactly():
    nodes = chebyshev_nodes((0.8, 0.97), 5)
    assert (np.diff(nodes) > 0).all()
    np.testing.assert_allclose(lagrange(nodes, nodes), np.eye(5), atol=1e-12)
    x = np.linspace(0.8, 0.97, 9)
    np.testing.assert_allclose(lagrange(x, nodes) @ nodes**4, x**4, rtol=1e-12)


def mismatch(a, b):
    """One less the overlap of whitened signals, over all detectors."""
    inner = (np.conj(a) * b).real.sum(axis=(1, 2))
    return 1.0 - inner / np.sqrt((np.abs(a) ** 2).sum(axis=(1, 2)) * (np.abs(b) ** 2).sum(axis=(1, 2)))


def test_signals_are_those_of_the_sampled_wave(burst_problem, burst_analysis, sources):
    """Antenna patterns, delays and phases by the direct templates; without reaction nothing else differs."""
    templates = dataclasses.replace(_templates(burst_problem.model_dump_json()), wave=Burst("kepler", False))
    direct = eqx.filter_jit(lambda rows: jax.lax.map(templates, rows))(jnp.asarray(sources))
    expected, found = burst_analysis.whiten(np.asarray(direct)), burst_analysis.signal(sources)
    assert mismatch(found, expected).max() < 1e-5
    gap = np.abs(found - expected).max(axis=(1, 2)) / np.abs(expected).max(axis=(1, 2))
    assert gap.max() < 5e-3


def test_radiation_reaction_hardly_changes_the_wave(burst_problem, burst_analysis, sources):
    with_loss = burst_analysis.whiten(np.stack([signal(burst_problem, theta) for theta in sources]))
    assert mismatch(burst_analysis.signal(sources), with_loss).max() < 2e-4
    assert np.median(mismatch(burst_analysis.signal(sources), with_loss)) < 2e-5


def test_the_interpolated_ratio_is_the_norm_of_the_signal(burst_analysis, sources):
    norm = np.sqrt((np.abs(burst_analysis.signal(sources)) ** 2).sum(axis=(1, 2)))
    np.testing.assert_allclose(burst_analysis.snr(sources), norm, rtol=2e-3)


def test_the_share_of_the_prior_above_the_cut(burst_problem, burst_analysis):
    unit = np.random.default_rng(2).random((1 << 14, 11))
    theta = np.asarray(burst_analysis.model.prior.from_unit(unit))
    share = (burst_analysis.snr(theta) >= 6.0).mean()
    assert 0.02 < share < 0.9
    # Both are counted from some ten thousand draws.
    assert np.exp(burst_analysis.log_prior_share) == pytest.approx(share, abs=5 * np.sqrt(share / 16384))
    everything = burst_problem.model_copy(
        update={"prior": PriorSettings(**{**burst_problem.prior.model_dump(), "minimum_snr": 0.0})}
    )
    assert prepare(everything).log_prior_share == 0.0
