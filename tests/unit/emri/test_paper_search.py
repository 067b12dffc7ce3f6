"""The published search in a small problem: a tenth of a year, twelve coefficients, few walkers."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from swansong.core.errors import DataError, InputError
from swansong.emri import tracks
from swansong.emri.search.paper import PaperBackground, PaperSearch, paper_background
from swansong.emri.search.paper_basis import learn_basis
from swansong.emri.search.paper_kernels import power_and_slopes
from swansong.emri.search.paper_settings import BasisSettings, PaperSettings, WalkerSettings
from swansong.emri.search.paper_walkers import Walkers, climb, mutants
from swansong.emri.search.settings import PriorSettings, StatisticSettings
from swansong.emri.search.statistic import look_up, neighbour_losses, per_segment, tabulate
from swansong.emri.tracks.units import YEAR
from swansong.signals.sft import Baseband

SEGMENT, CADENCE, LOW = 5e4, 50.0, 3e-4
SEGMENTS = 63
SOURCE = {"mass_1": 1.3e6, "mass_2": 27.0, "spin": 0.86, "final_eccentricity": 0.01}
PLUNGE = 0.1 * YEAR - 2.0 * SEGMENT


@pytest.fixture(scope="module")
def settings():
    return PaperSettings(
        prior=PriorSettings(plunge_time=(0.02, 0.1)),
        statistic=StatisticSettings(rates=31, padding=4),
        basis=BasisSettings(trajectories=400, coefficients=12),
        walkers=WalkerSettings(drawn=400, kept=100, iterations=80),
        times=3,
    )


@pytest.fixture(scope="module")
def search(settings):
    return PaperSearch(tracks.load(), settings)


@pytest.fixture(scope="module")
def small(search, settings):
    """The search with walkers too few to find anything faint."""
    quick = WalkerSettings(drawn=100, kept=40, iterations=20)
    return PaperSearch(search.tracks, settings.model_copy(update={"walkers": quick}))


def band_of(samples):
    used = np.ones(SEGMENTS, dtype=bool)
    return Baseband(samples.astype(np.complex64), LOW, CADENCE, SEGMENT, used, np.ones(SEGMENTS))


def noise(seed):
    rng = np.random.default_rng(seed)
    real, imaginary = rng.normal(size=(2, SEGMENTS, 1000)) * math.sqrt(0.5)
    return real + 1j * imaginary


@pytest.fixture(scope="module")
def truth():
    """Track of the injected source in the middle of the segments."""
    middles = (np.arange(SEGMENTS) + 0.5) * SEGMENT
    return tracks.load().harmonic(middles, m=2, n=0, plunge_time=PLUNGE, **SOURCE)


@pytest.fixture(scope="module")
def loud():
    """The source with a power of 30 in every segment, in noise."""
    time = np.arange(SEGMENTS * 1000) * CADENCE
    phase = 2.0 * tracks.load().phases(time, plunge_time=PLUNGE, **SOURCE).azimuthal
    wave = math.sqrt(30.0 / 2000.0) * np.exp(1j * (phase - 2.0 * math.pi * LOW * time))
    return band_of(noise(1) + np.nan_to_num(wave).reshape(SEGMENTS, 1000))


@pytest.fixture(scope="module")
def table(loud, settings):
    return tabulate(loud, settings.statistic, powers=False)


@pytest.fixture(scope="module")
def found(search, loud):
    return search.run(loud, seed=4)


def test_basis_holds_tracks_it_has_not_seen(search):
    rng = np.random.default_rng(8)
    others = {
        "mass_1": 10.0 ** rng.uniform(5.8, 6.6, 20),
        "mass_2": rng.uniform(5.0, 90.0, 20),
        "spin": rng.uniform(0.05, 0.95, 20),
        "final_eccentricity": rng.uniform(0.0, 0.1, 20),
    }
    middles = (np.arange(SEGMENTS) + 0.5) * SEGMENT
    exact = np.stack(search.tracks.harmonic(middles, m=2, n=0, plunge_time=0.1 * YEAR, **others))
    rebuilt = search.basis.tracks(search.basis.project(exact[0]), last=SEGMENTS).swapaxes(1, 2)
    assert np.abs(rebuilt[0] - exact[0]).max() < 5e-7
    # Derivatives were never fitted: they follow from the same coefficients.
    early = slice(0, SEGMENTS - 5)
    np.testing.assert_allclose(rebuilt[1][:, early], exact[1][:, early], rtol=1e-2, atol=1e-13)
    assert search.basis.error < 1e-5


def test_basis_is_orthonormal_and_its_coefficients_have_the_stated_spread(search, settings):
    basis = search.basis
    np.testing.assert_allclose(basis.vectors[0].T @ basis.vectors[0], np.eye(12), atol=1e-10)
    assert (np.diff(basis.spread) < 0.0).all()
    fewer = learn_basis(
        search.tracks, settings.prior, BasisSettings(trajectories=400, coefficients=4), segment=SEGMENT, seed=0
    )
    np.testing.assert_allclose(fewer.spread, basis.spread[:4], rtol=1e-9)
    assert fewer.error > 10.0 * basis.error


def test_an_earlier_plunge_is_a_shift(search):
    """Two segments earlier, the same track is read two rows later."""
    middles = (np.arange(SEGMENTS) + 0.5) * SEGMENT
    full = search.tracks.harmonic(middles, m=2, n=0, plunge_time=0.1 * YEAR, **SOURCE).frequency
    earlier = search.tracks.harmonic(middles[:-2], m=2, n=0, plunge_time=PLUNGE, **SOURCE).frequency
    np.testing.assert_allclose(full[2:], earlier, rtol=1e-12)


def test_slopes_are_those_of_the_interpolated_power(table):
    loss, rate_loss = neighbour_losses(table)
    rng = np.random.default_rng(5)
    for _ in range(20):
        s, place, height = int(rng.integers(SEGMENTS)), rng.uniform(5.0, 3900.0), rng.uniform(0.1, 29.5)
        power, slope, rise = power_and_slopes(table.amplitudes, loss, rate_loss, s, place, height)
        value = look_up(table.amplitudes, 0.0, 1.0, 1.0, loss, rate_loss, s, place, height)
        assert power == pytest.approx(2.0 * abs(value) ** 2, rel=1e-5, abs=1e-6)
        for step, expected in (((1e-3, 0.0), slope), ((0.0, 1e-3), rise)):
            ends = [
                power_and_slopes(table.amplitudes, loss, rate_loss, s, place + sign * step[0], height + sign * step[1])
                for sign in (1.0, -1.0)
            ]
            if int(place - step[0]) == int(place + step[0]) and int(height - step[1]) == int(height + step[1]):
                assert (ends[0][0] - ends[1][0]) / 2e-3 == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_score_is_the_sum_over_segments(search, table, truth):
    basis = search.basis
    full = search.tracks.harmonic(
        (np.arange(SEGMENTS) + 0.5) * SEGMENT, m=2, n=0, plunge_time=0.1 * YEAR, **SOURCE
    ).frequency
    unit = 0.5 * (basis.project(full[None]) / (basis.width * basis.spread) + 1.0)
    # Two segments of twelve before the end: the third cell of the coordinate of plunge.
    place = np.append(unit, [[2.5 / 12.0]], axis=1)
    score = search._score(table, place, last=SEGMENTS)
    powers = per_segment(table, np.nan_to_num(truth.frequency), np.nan_to_num(truth.derivative))
    counted = np.abs(truth.second_derivative) * SEGMENT**3 / 6.0 <= 1.0
    assert score.counts[0] == counted.sum()
    assert score.totals[0] == pytest.approx(np.nansum(powers[counted]), rel=1e-3)


def test_gradient_in_the_box_meets_finite_differences(search, table):
    rng = np.random.default_rng(6)
    place = rng.uniform(0.4, 0.6, (1, 13))
    exact = search._score(table, place, last=SEGMENTS).gradients[0]
    steps = 1e-7 * np.eye(13)
    forward = search._score(table, place + steps, last=SEGMENTS).totals
    backward = search._score(table, place - steps, last=SEGMENTS).totals
    numbers = (forward - backward) / 2e-7
    np.testing.assert_allclose(exact, numbers, atol=2e-3 * np.abs(numbers).max())
    assert exact[-1] == 0.0


def test_adam_climbs_and_mutants_stay_inside():
    rng = np.random.default_rng(7)
    places = rng.random((6, 3))
    walkers = Walkers(places, np.arange(6.0), np.ones(6, dtype=int), rng.normal(size=(6, 3)))
    moved = climb(walkers, np.zeros((2, 6, 3)), step=1, learning_rate=1e-3)
    # The first step of Adam has the given length along every coordinate.
    np.testing.assert_allclose(moved - places, 1e-3 * np.sign(walkers.gradients), rtol=1e-5)
    trial = mutants(walkers, (0.3, 1.5), rng=rng)
    assert ((trial >= 0.0) & (trial <= 1.0)).all()
    same = Walkers(np.full((6, 3), 0.5), walkers.totals, walkers.counts, walkers.gradients)
    np.testing.assert_array_equal(mutants(same, (0.3, 1.5), rng=rng), same.places)
    risen = walkers.better(Walkers(same.places, np.full(6, 2.5), walkers.counts, walkers.gradients))
    np.testing.assert_array_equal(risen.totals, [2.5, 2.5, 2.5, 3.0, 4.0, 5.0])
    assert risen.best == 5


def test_a_loud_source_is_found(search, found, truth, table):
    assert found.observed.tolist() == [39, 51, 63]
    place = 2
    assert found.loudest() > 0
    powers = per_segment(table, np.nan_to_num(truth.frequency), np.nan_to_num(truth.derivative))
    counted = np.abs(truth.second_derivative) * SEGMENT**3 / 6.0 <= 1.0
    excess = np.nansum(powers[counted]) - 2.0 * counted.sum()
    assert found.statistics[place] - 2.0 * found.counts[place] > 0.8 * excess
    track = search.frequency(found, place=place, segments=SEGMENTS)
    both = (track > 0.0) & np.isfinite(truth.frequency)
    assert np.median(np.abs(track / truth.frequency - 1.0)[both]) < 2e-3
    assert found.templates == 3 * (400 + 80 * 100)


def test_the_same_seed_gives_the_same_answer(small, loud):
    first, again, other = (small.run(loud, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(again.statistics, first.statistics)
    np.testing.assert_array_equal(again.coefficients, first.coefficients)
    assert not np.array_equal(other.coefficients, first.coefficients)


def test_background_normalises_noise(small):
    bands = [band_of(noise(seed)) for seed in (20, 21, 22)]
    done = []
    background = paper_background(small, bands, seed=9, report=done.append)
    assert sum(done) == 3 * 3 * (100 + 20 * 40)
    again = small.run(bands[1], seed=10)
    # The middle one of three lies within what they spread over.
    assert (np.abs(again.normalised(background)) < 1.2).all()
    twin = PaperBackground.of(np.stack([again.statistics, again.statistics + 2.0]))
    np.testing.assert_allclose(again.normalised(twin), -np.sqrt(0.5))
    # One track in noise has mean 2 n; the best of hundreds lies above.
    assert (background.mean > 2.0 * again.counts).all()


def test_bad_input_is_refused(search, loud, settings):
    short = Baseband(loud.samples[:40], LOW, CADENCE, SEGMENT, loud.used[:40], loud.filled[:40])
    with pytest.raises(DataError, match="40 segments, the search needs 63"):
        search.run(short, seed=0)
    with pytest.raises(DataError, match="1 searches of noise"):
        PaperBackground.of(np.ones((1, 3)))
    with pytest.raises(InputError, match="do not hold 100 coefficients"):
        learn_basis(
            search.tracks, settings.prior, BasisSettings(trajectories=400, coefficients=100), segment=SEGMENT, seed=0
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WalkerSettings(drawn=10, kept=20), "exceeds"),
        (lambda: WalkerSettings(mutation=(1.5, 0.3)), "ascending"),
        (lambda: BasisSettings(trajectories=10, coefficients=10), "draw more trajectories"),
        (lambda: PaperSettings(lowest_rate=1e-7), "must lie below"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()
