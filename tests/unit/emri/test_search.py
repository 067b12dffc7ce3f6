"""The staged search on a month and a half of data: tables, banks, steps, and a source that is found."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.errors import DomainError, InputError
from swansong.emri import tracks
from swansong.emri.search.bank import draw_families
from swansong.emri.search.expected import harmonic_powers
from swansong.emri.search.kernels import gaussianised
from swansong.emri.search.model import SearchModel
from swansong.emri.search.refine_kernels import knot_metric, through_knots, to_coordinates, to_point
from swansong.emri.search.search import EmriSearch, search_bands
from swansong.emri.search.settings import (
    BankSettings,
    PriorSettings,
    RefineSettings,
    RoughSettings,
    SearchSettings,
    StageSettings,
    StatisticSettings,
)
from swansong.emri.search.staged import Seeds, distinct, scan_bank
from swansong.emri.search.statistic import per_segment, tabulate
from swansong.emri.tracks.units import YEAR
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband

SEGMENTS = 90
SETTINGS = SearchSettings(
    prior=PriorSettings(mass_1=(8e5, 1.2e6), mass_2=(20.0, 40.0), spin=(0.3, 0.8), plunge_time=(0.11, 0.13)),
    statistic=StatisticSettings(),
    bank=BankSettings(templates=40_000, kept=300),
    refine=RefineSettings(
        rough=RoughSettings(sources=60, steps=60, longer_sources=10, longer_copies=2, longer_steps=200),
        stages=(StageSettings(length=2, sources=6, steps=150), StageSettings(length=4, sources=4, steps=200)),
    ),
)
SOURCE = {"mass_1": 1.0e6, "mass_2": 30.0, "spin": 0.6, "plunge_time": 0.12, "final_eccentricity": 0.02}
POINT = np.array([[1.0e6, 30.0, 0.6, 0.12 * YEAR, 0.02]])


def white(seed):
    rng = np.random.default_rng(seed)
    samples = (rng.standard_normal((SEGMENTS, 1000)) + 1j * rng.standard_normal((SEGMENTS, 1000))) / np.sqrt(2)
    return Baseband(
        samples=samples.astype(np.complex64),
        low=3e-4,
        cadence=50.0,
        segment=5e4,
        used=np.ones(SEGMENTS, bool),
        filled=np.ones(SEGMENTS),
    )


def chirp(amplitude):
    """A (2, 0) harmonic of constant whitened amplitude."""
    noise = white(0)
    time = np.arange(SEGMENTS * 1000) * 50.0
    alive = time < SOURCE["plunge_time"] * YEAR
    phase = np.zeros(time.size)
    phase[alive] = 2.0 * tracks.load().phases(time[alive], **SOURCE).azimuthal
    samples = np.where(alive, amplitude * np.exp(1j * (phase - 2 * np.pi * noise.low * time)), 0.0)
    return Baseband(
        samples=samples.reshape(SEGMENTS, 1000).astype(np.complex64),
        low=noise.low,
        cadence=50.0,
        segment=5e4,
        used=noise.used,
        filled=noise.filled,
    )


@pytest.fixture(scope="module")
def search():
    return EmriSearch(lisa_noise("A"), SETTINGS)


@pytest.fixture(scope="module")
def noisy(search):
    return search.scorer(tabulate(white(1), SETTINGS.statistic))


@pytest.fixture(scope="module")
def heard(search):
    return search.scorer(tabulate(white(1) + chirp(0.12), SETTINGS.statistic))


def test_a_constant_amplitude_gives_its_power_in_every_segment(search):
    table = tabulate(chirp(0.2), SETTINGS.statistic)
    track = tracks.load().harmonic(white(0).middles, m=2, n=0, **SOURCE)
    statistic = per_segment(table, np.nan_to_num(track.frequency), np.nan_to_num(track.derivative))
    # 2 |A|^2 N for N = 1000 samples; the last weeks, where the rate itself changes, lose a little.
    assert np.nanmedian(statistic[:60]) == pytest.approx(80.0, rel=0.01)
    assert np.nanmax(statistic) < 80.8


def test_prior_draws_of_noise_are_standard_normal(noisy, search):
    rng = np.random.default_rng(5)
    low, high = search.model.limits
    points = low + (high - low) * rng.random((4000, 5))
    scores = noisy.score(points)
    assert scores.shape == (4000, 4, 3)
    # Neighbouring tracks share segments, so that the draws are far from independent.
    assert abs(scores[:, 0].mean()) < 0.3
    assert 0.7 < scores[:, 0].std() < 1.3


def test_gaussianised_numbers_follow_the_normal_law():
    rng = np.random.default_rng(6)
    weights = rng.random(200)
    totals = (weights * rng.chisquare(2, (20_000, 200))).sum(axis=1)
    values = np.array([gaussianised(total, weights.sum(), (weights**2).sum()) for total in totals])
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, abs=0.04)
    assert np.mean(values > 2.326) == pytest.approx(0.01, abs=0.006)


def test_a_faint_source_stands_out_more_over_longer_segments(search):
    faint = search.scorer(tabulate(white(1) + chirp(0.04), SETTINGS.statistic))
    scores = faint.score(POINT)[0]
    assert scores[0, 1] > 4.0
    assert scores[3, 1] > scores[2, 1] > scores[1, 1] > scores[0, 1]


def test_the_bank_reads_what_the_exact_statistic_reads(heard, search):
    families = draw_families(SETTINGS.prior, families=64, segment=5e4, rng=np.random.default_rng(7))
    seeds = scan_bank([heard], search.model, BankSettings(templates=4000, kept=400), seed=3)[0]
    exact = heard.score(seeds.points)[:, 0, 1]
    _, rough = heard.improve_roughly(seeds.points, limits=search.model.limits, exponent=0.5, steps=0, seed=1)
    assert np.abs(seeds.scores - rough).max() < 0.2
    assert np.corrcoef(seeds.scores, exact)[0, 1] > 0.8
    points = families.points(np.arange(families.size))
    low, high = search.model.limits
    assert (points[:, :3] >= low[:3] * (1 - 1e-6)).all()
    assert (points[:, :3] <= high[:3] * (1 + 1e-6)).all()


def test_data_sets_side_by_side_give_what_each_gives_alone(noisy, heard, search):
    bank = BankSettings(templates=4000, kept=50)
    both = scan_bank([noisy, heard], search.model, bank, seed=4)
    for scorer, together in zip((noisy, heard), both, strict=True):
        alone = scan_bank([scorer], search.model, bank, seed=4)[0]
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.31, 0.79), st.floats(0.0, 0.09), st.tuples(*[st.floats(-2e-5, 2e-5)] * 3))
def test_a_step_passes_through_its_knots(spin, eccentricity, changes):
    arrays = tracks.load().arrays
    work = np.empty((2, arrays.coefficients.shape[3]))
    x = np.empty(5)
    to_coordinates(POINT[0], x)
    knots, start, metric = np.zeros(3), np.zeros(3), np.empty((5, 5))
    grid = (3e-4, 8e4, 2e9, 0.1, 0.04, 5e4, 8e4, float(SEGMENTS))
    weights = np.ones(1600)
    ranges = np.array([0.3, 0.1])
    assert knot_metric(arrays, work, x, grid, (3e-4, 1.5e-8), weights, 1.0, ranges, False, knots, start, metric)
    assert (np.linalg.eigvalsh(metric) > -1e-9).all()
    x[3], x[4] = (1.0 - spin) ** (1 / 3), eccentricity
    target = start + np.array(changes)
    if not through_knots(arrays, work, x, knots, target):
        return
    point = np.empty(5)
    to_point(x, point)
    left = point[3] - knots
    if (left < 5e4).any():
        return
    found = tracks.load().harmonic(
        knots, m=2, n=0, mass_1=point[0], mass_2=point[1], spin=point[2], plunge_time=point[3],
        final_eccentricity=point[4],
    )  # fmt: skip
    np.testing.assert_allclose(found.frequency, target, atol=1e-10)


def test_steps_never_leave_the_prior_nor_lose(heard, search):
    rng = np.random.default_rng(8)
    low, high = search.model.limits
    points = low + (high - low) * rng.random((40, 5))
    before = heard.score(points)[:, 0, 1]
    after, scores = heard.improve(points, limits=search.model.limits, length=1, exponent=0.5, steps=30, seed=2)
    assert (scores[:, 0, 1] >= before - 1e-9).all()
    assert (after >= low - 1e-9).all()
    assert (after <= high + 1e-9).all()
    np.testing.assert_allclose(heard.score(after), scores, atol=1e-6)


def test_a_source_is_found_with_its_parameters(heard, search):
    seeds = scan_bank([heard], search.model, SETTINGS.bank, seed=1)[0]
    candidates = search.climb(heard, seeds, seed=1)
    best = candidates[0]
    true = np.nan_to_num(tracks.load().harmonic(white(0).middles, m=2, n=0, **SOURCE).frequency)
    both = (best.frequency > 0) & (true > 0)
    assert best.statistic > 8.0
    assert np.median(np.abs(best.frequency[both] / true[both] - 1)) < 1e-3
    assert best.theta[3] == pytest.approx(0.12, abs=2e-3)
    assert search.refined > 1000
    assert all(one.statistic >= two.statistic for one, two in itertools.pairwise(candidates))


def test_the_last_stage_adds_harmonics_and_fits_the_motion(heard, search):
    last = StageSettings(length=4, sources=2, copies=2, steps=40, harmonics=3, doppler=True)
    refine = SETTINGS.refine.model_copy(update={"stages": (*SETTINGS.refine.stages, last)})
    whole = EmriSearch(search.spectrum, SETTINGS.model_copy(update={"refine": refine}))
    seeds = scan_bank([heard], whole.model, SETTINGS.bank, seed=1)[0]
    best = whole.climb(heard, seeds, seed=1)[0]
    assert best.sky.shape == (2,)
    assert np.hypot(*best.sky) <= 1.0
    assert best.statistic == best.statistics[whole.ranking]
    # The harmonics of the result are those that its start had, whose expected powers are nearly the same.
    again = heard.score(**whole.view(heard, best.theta, best.sky))[0]
    np.testing.assert_allclose(again, best.statistics, atol=0.1)
    assert search.climb(heard, seeds, seed=1)[0].sky.shape == (0,)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.9, 0.99), st.floats(0.0, 0.1), st.floats(0.02, 0.3))
def test_expected_powers_of_harmonics(spin, eccentricity, plunge):
    middles = white(0).middles
    point = np.array([1.0e6, 30.0, spin, plunge * YEAR, eccentricity])
    harmonics, powers = harmonic_powers(point, middles, tracks=tracks.load(), spectrum=lisa_noise("A"), most=6)
    assert harmonics.shape == (6, 2)
    assert powers.shape == (6, SEGMENTS)
    assert (powers >= 0.0).all()
    assert powers.sum(axis=0).max() == pytest.approx(1.0)
    assert (np.diff(powers.sum(axis=1)) <= 0.0).all()
    assert not powers[:, middles > point[3]].any()
    if eccentricity < 0.01:
        assert tuple(harmonics[0]) == (2, 0)


def test_a_source_that_plunged_before_the_data_has_no_powers():
    point = np.array([1.0e6, 30.0, 0.5, 1e4, 0.01])
    with pytest.raises(DomainError, match="no segment"):
        harmonic_powers(point, white(0).middles, tracks=tracks.load(), spectrum=lisa_noise("A"), most=3)


def test_many_data_sets_in_one_pass(search):
    quick = EmriSearch(search.spectrum, SETTINGS.model_copy(update={"bank": BankSettings(templates=4000, kept=100)}))
    found = search_bands(quick, [white(1), white(1) + chirp(0.2)], seed=2)
    assert found[1][0].statistic > found[0][0].statistic + 4.0


def test_alike_tracks_are_one_candidate(heard):
    near = POINT * np.array([1.0 + 1e-8, 1.0, 1.0, 1.0, 1.0])
    far = POINT * np.array([1.1, 1.0, 1.0, 1.0, 1.0])
    seeds = Seeds(np.concatenate([POINT, near, far]), np.array([3.0, 2.0, 1.0]))
    np.testing.assert_array_equal(distinct(heard, seeds, most=5, apart=1e-5).scores, [3.0, 1.0])


def test_points_and_parameters_are_inverse():
    model = SearchModel()
    theta = np.array(model.prior.sample(jax.random.key(1), 20))
    np.testing.assert_allclose(model.from_points(model.to_points(theta)), theta, rtol=1e-12)
    low, high = model.limits
    assert (model.to_points(theta) >= low).all()
    assert (model.to_points(theta) <= high).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mass_1": (5e6, 5e5)}, "minimum below"),
        ({"mass_2": (0.0, 10.0)}, "positive"),
        ({"mass_2": (1.0, 1e5)}, "lightest central hole"),
        ({"spin": (0.0, 0.9999)}, "0.998"),
        ({"final_eccentricity": (-0.1, 0.1)}, "negative"),
    ],
)
def test_impossible_priors_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        PriorSettings(**given)


def test_too_many_data_sets_at_once_are_refused(heard, search):
    with pytest.raises(InputError, match="in turns"):
        scan_bank([heard] * 17, search.model, SETTINGS.bank, seed=1)
