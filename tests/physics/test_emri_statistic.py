"""The tabulated statistic against sums over the samples: in noise, for chirps of real inspirals, and coherently."""

import math

import numpy as np
import pytest

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.emri import tracks
from swansong.emri.search.fresnel import direct_statistic, fresnel_statistic
from swansong.emri.search.kernels import STILL, add_powers, demodulate, detector
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import Scorer
from swansong.emri.search.settings import StatisticSettings
from swansong.emri.search.statistic import neighbour_losses, per_segment, tabulate
from swansong.emri.tracks import kernels as track_kernels
from swansong.signals.lisa import lisa_noise
from swansong.signals.lisa_response import LisaOrbits
from swansong.signals.sft import Baseband

SEGMENT, CADENCE, LOW = 5e4, 50.0, 3e-4
SEGMENTS, SAMPLES = 631, 1000
LOWEST = 10.0**-3.5
MIDDLES = (np.arange(SEGMENTS) + 0.5) * SEGMENT
NAMES = ("mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity")
COHERENT = (0, 1, 2, 3)  # sources that are followed coherently; the first is in the data


def band_of(samples):
    number = len(samples)
    used = np.ones(number, dtype=bool)
    return Baseband(samples.astype(np.complex64), LOW, CADENCE, SEGMENT, used, np.ones(number))


@pytest.fixture(scope="module")
def sources():
    """Points (mass_1, mass_2, spin, plunge time [s], final eccentricity) of the prior that the table reaches."""
    model = SearchModel()
    rng = np.random.default_rng(12)
    points = model.to_points(np.asarray(model.prior.from_unit(rng.random((120, 5)))))
    shape = dict(zip(NAMES, points.T, strict=True))
    plunge = shape.pop("plunge_time")
    return points[tracks.load().reach(**shape) > plunge][:100]


def track_of(point):
    """Frequency, rate and which segments count."""
    found = tracks.load().harmonic(MIDDLES, m=2, n=0, **dict(zip(NAMES, point, strict=True)))
    f, r, c = (np.nan_to_num(part) for part in found)
    whole = np.arange(SEGMENTS) < int(point[3] / SEGMENT)
    return f, r, whole & (f > LOWEST) & (r < 1.49e-8) & (f < 2.029e-2) & (np.abs(c) * SEGMENT**3 / 6.0 <= 1.0)


@pytest.fixture(scope="module")
def along(sources):
    """`track_of` every source."""
    return [track_of(point) for point in sources]


def phase_of(point, time):
    return 2.0 * tracks.load().phases(time, **dict(zip(NAMES, point, strict=True))).azimuthal


@pytest.fixture(scope="module")
def signal(sources):
    """The first source with a power of two in every segment: signal-to-noise ratio about 30, no segment loud."""
    time = np.arange(SEGMENTS * SAMPLES) * CADENCE
    phase = phase_of(sources[0], time) - 2.0 * math.pi * LOW * time
    wave = math.sqrt(2.0 / (2.0 * SAMPLES)) * np.exp(1j * phase)
    return np.nan_to_num(wave).reshape(SEGMENTS, SAMPLES)


@pytest.fixture(scope="module")
def data(signal):
    """A year of white noise with the first source in it."""
    rng = np.random.default_rng(11)
    real, imaginary = rng.normal(size=(2, SEGMENTS, SAMPLES)) * math.sqrt(0.5)
    return band_of(real + 1j * imaginary + signal)


@pytest.fixture(scope="module")
def table(data):
    return tabulate(data, StatisticSettings(), powers=False)


def test_noise_is_chi_squared(table):
    """Look-ups between the points of the table have mean 2 and variance 4, wherever they fall."""
    rng = np.random.default_rng(13)
    found = []
    for _ in range(800):
        # Beyond the frequencies of the source.
        frequency, rate = rng.uniform(1.2e-2, 2.02e-2, SEGMENTS), rng.uniform(0.0, 1.49e-8, SEGMENTS)
        found.append(per_segment(table, frequency, rate))
    powers = np.concatenate(found)
    assert powers.mean() == pytest.approx(2.0, abs=0.01)
    assert powers.var() == pytest.approx(4.0, abs=0.05)
    for level in (2.0, 6.0, 12.0):
        assert (powers > level).mean() == pytest.approx(math.exp(-0.5 * level), rel=0.05)


def test_totals_along_tracks_of_the_prior(data, table, along):
    """Root mean square below 1.5 over 100 tracks, against a standard deviation of 35 in noise."""
    errors, transforms = [], []
    for place, (f, r, counted) in enumerate(along):
        whole = band_of(data.samples[counted])
        exact = direct_statistic(whole, f[counted], r[counted])
        errors.append((per_segment(table, f, r)[counted] - exact).sum())
        if place < 10:
            transforms.append((fresnel_statistic(whole, f[counted], r[counted]) - exact).sum())
    assert len(errors) == 100
    assert np.sqrt(np.mean(np.square(errors))) < 1.5
    # A hundred bins on either side leave more out than the table does.
    assert np.sqrt(np.mean(np.square(transforms))) < 4.0


def test_power_kept_of_inspirals(sources, along):
    """Segments of real inspirals, one source each, without noise: curvature and interpolation cost under 2 %."""
    rng = np.random.default_rng(14)
    samples = np.zeros((SEGMENTS, SAMPLES), dtype=np.complex128)
    f, r = np.zeros((2, SEGMENTS))
    for s in range(SEGMENTS):
        chosen = rng.integers(len(sources))
        frequency, rate, counted = along[chosen]
        if counted[s]:
            f[s], r[s] = frequency[s], rate[s]
            time = (s * SAMPLES + np.arange(SAMPLES)) * CADENCE
            samples[s] = np.exp(1j * (phase_of(sources[chosen], time) - 2.0 * math.pi * LOW * time))
    chirps = band_of(samples)
    there = f > 0.0
    assert there.sum() > 250
    found = per_segment(tabulate(chirps, StatisticSettings(), powers=False), f, r)[there] / (2.0 * SAMPLES)
    exact = direct_statistic(chirps, f, r)[there] / (2.0 * SAMPLES)
    assert exact.min() > 0.98
    assert (found / exact).mean() > 0.99
    assert found.mean() > 0.98
    assert found.min() > 0.9


@pytest.mark.parametrize("number", COHERENT)
def test_coherent_sums_follow_the_phase_of_the_track(data, table, sources, along, number):
    """1, 2, 4 and 8 segments against the sum over their samples with the exact phase of the inspiral."""
    point = sources[number]
    arrays = tracks.load().arrays
    work = np.empty((2, arrays.coefficients.shape[3]))
    edge = track_kernels.curve(arrays, point[2], point[4], work)
    mass = (point[0] + point[1]) * SOLAR_MASS_SECONDS
    rate = point[0] * point[1] / (point[0] + point[1]) ** 2 / mass
    grid = (table.low, 1.0 / table.step, 1.0 / table.rate_step, *neighbour_losses(table), SEGMENT)
    totals = np.zeros((4, 3, 3))
    amplitudes, expected = np.empty(SEGMENTS, complex), np.empty(SEGMENTS)
    first, last = demodulate(
        table.amplitudes, table.used, grid, (LOWEST, 1.49e-8), arrays, work, 2, 0, mass, rate, point[3],
        math.exp(edge) / rate, np.zeros(2), STILL, np.ones(table.amplitudes.shape[2]), np.empty(0), amplitudes,
        expected,
    )  # fmt: skip
    add_powers(amplitudes, expected, first, last, totals)
    time = np.arange(SEGMENTS * SAMPLES) * CADENCE
    turn = np.exp(-1j * (phase_of(point, time) - 2.0 * math.pi * LOW * time)).reshape(SEGMENTS, SAMPLES)
    sums = np.nan_to_num(data.samples * turn).sum(axis=1) / math.sqrt(SAMPLES)
    counted = along[number][2]
    for place, length in enumerate((1, 2, 4, 8)):
        starts = np.arange(0, int(point[3] / SEGMENT), length)
        members = np.add.reduceat(counted.astype(int)[: int(point[3] / SEGMENT)], starts)
        added = np.add.reduceat(np.where(counted, sums, 0.0)[: int(point[3] / SEGMENT)], starts)
        powers = 2.0 * np.abs(added[members > 0]) ** 2 / members[members > 0]
        assert totals[place, 0, 1] == powers.size
        excess = powers.sum() - 2.0 * powers.size
        assert totals[place, 0, 0] == pytest.approx(powers.sum(), abs=3.0 + 0.005 * max(excess, 0.0))
        if number == 0:
            assert excess == pytest.approx(2.0 * counted.sum(), rel=0.25)


def test_a_moving_detector_is_followed_in_phase(sources):
    """A chirp as LISA receives it on its way round the Sun, against its own direction, the opposite, and none."""
    point, sky = sources[0], np.array([0.6, -0.7])
    orbit = LisaOrbits().circle
    time = np.arange(SEGMENTS * SAMPLES) * CADENCE
    early = np.array([detector(orbit, sky, at)[0] for at in time[:: SAMPLES // 10]])
    arrival = time + np.interp(time, time[:: SAMPLES // 10], early)
    alive = arrival < point[3] - SEGMENT
    phase = phase_of(point, np.where(alive, arrival, 0.0))
    signal = np.where(alive, np.exp(1j * (phase - 2.0 * math.pi * LOW * time)), 0.0)
    band = band_of(0.1 * signal.reshape(SEGMENTS, SAMPLES))
    scorer = Scorer(tabulate(band, StatisticSettings(), powers=False), lisa_noise("A"), tracks.load().arrays)

    def heard(*direction):
        return scorer.score(np.concatenate([point, direction])[None])[0, 3, 0]

    assert heard(*sky) > heard() + 0.5
    assert heard() > heard(*-sky) + 0.5
    # Over the pole a detector on a circle round the Sun is never early nor late.
    assert heard(0.0, 0.0) == pytest.approx(heard())
    # Everything of the signal is found: each group of eight has the power of a constant amplitude.
    with_motion = scorer.score(np.concatenate([point, sky])[None], fixed=np.ones((1, SEGMENTS)))[0, 3, 0]
    assert with_motion == pytest.approx(heard(*sky))
