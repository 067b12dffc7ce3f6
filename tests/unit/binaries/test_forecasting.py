"""Forecasts of one pair: the series, the split, known continuations, the table."""

import jax.numpy as jnp
import numpy as np
import pytest

from swansong.binaries import elements
from swansong.binaries.forecasting import protocol
from swansong.binaries.forecasting.comparison import PUBLISHED, compare
from swansong.binaries.forecasting.protocol import BASELINES, FORECASTERS, Forecaster, forecaster
from swansong.binaries.forecasting.regression import Problem
from swansong.binaries.forecasting.series import (
    Series,
    Standard,
    from_coordinates,
    hard_series,
    split_at,
    to_coordinates,
    windows,
)
from swansong.binaries.synthetic import synthetic_trajectory
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.errors import DataError, DomainError, InputError

LEARNERS = tuple(name for name in FORECASTERS if name not in BASELINES)


def smooth(count=120, rate=3.0):
    """A pair that hardens evenly while its eccentricity creeps up."""
    inverse = 60.0 + rate * np.arange(count)
    return np.stack([1.0 / inverse, 0.3 + 0.1 * np.log(inverse / 60.0)], axis=1)


@pytest.fixture(scope="module")
def series():
    values = smooth()
    noise = np.random.default_rng(1).standard_normal(values.shape)
    return Series(Merger(0.9, 32768, 0), np.arange(120.0), values * (1.0 + [0.002, 0.005] * noise))


def run(inverse, step=0.125):
    """A trajectory with given 1/a, negative where the pair is not bound."""
    time = step * np.arange(len(inverse))
    energy = -0.005 * np.asarray(inverse)
    momentum = np.where(energy < 0.0, elements.from_ellipse(1.0 / np.abs(inverse), 0.0 * time + 0.5, mu=0.01)[1], 1.0)
    return Trajectory(Merger(0.9, 4096, 0), time, energy, momentum, 1.0 / np.abs(inverse))


def test_the_series_begins_where_the_pair_stays_hard():
    inverse = np.concatenate([np.full(20, -1.0), np.full(20, 80.0), np.full(20, 30.0), np.linspace(70.0, 200.0, 801)])
    found = hard_series(run(inverse), snapshots=201)
    assert len(found) == 201
    assert found.time[0] == 60 * 0.125
    assert found.time[-1] == 860 * 0.125
    assert np.diff(found.time) == pytest.approx(found.step)
    assert found.values[:, 0] == pytest.approx(1.0 / np.linspace(70.0, 200.0, 201))
    assert found.values[:, 1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "inverse, options, error, words",
    [
        (np.full(100, -1.0), {}, DomainError, "is not bound"),
        (np.full(100, 30.0), {}, DomainError, "never stays below"),
        (np.full(100, 80.0), {}, DataError, "100 rows, but 210 snapshots"),
        (np.full(100, 80.0), {"snapshots": 5}, InputError, "at least 40"),
        (np.full(100, 80.0), {"largest_axis": -1.0}, InputError, "must be positive"),
    ],
)
def test_runs_without_a_hard_pair_are_refused(inverse, options, error, words):
    with pytest.raises(error, match=words):
        hard_series(run(inverse), **options)


@pytest.mark.parametrize(
    "share, window, words", [(1.0, 10, "between 0 and 1"), (0.1, 10, "three windows"), (0.5, 1, "2")]
)
def test_splits_of_no_use_are_refused(series, share, window, words):
    assert split_at(series, 0.8, window=10) == 96
    with pytest.raises(InputError, match=words):
        split_at(series, share, window=window)


def test_windows_scalings_and_coordinates():
    rows = np.arange(12.0).reshape(6, 2)
    cut = windows(rows, 3)
    assert cut.shape == (4, 3, 2)
    assert np.array_equal(cut[2], rows[2:5])
    scale = Standard.of(rows)
    assert scale.forward(rows).std(axis=0) == pytest.approx(1.0)
    assert scale.inverse(scale.forward(rows)) == pytest.approx(rows)
    assert from_coordinates(to_coordinates(smooth())) == pytest.approx(smooth())
    assert from_coordinates(np.array([[-900.0, 1.7]])) == pytest.approx(np.array([[0.0, 1.0]]))
    with pytest.raises(InputError, match="does not fit"):
        windows(rows, 7)


def test_baselines_continue_what_they_know():
    """Persistence the last value, the line a line, constant hardening 1/a = 60 + 3t, all exactly."""
    values = smooth()
    line = np.stack([0.02 - 1e-4 * np.arange(60.0), 0.5 + 1e-3 * np.arange(60.0)], axis=1)
    assert forecaster("persistence").fit(values[:90])(5) == pytest.approx(np.tile(values[89], (5, 1)))
    assert forecaster("line").fit(line[:40])(20) == pytest.approx(line[40:])
    found = forecaster("hardening").fit(values[:90])(30)
    assert found[:, 0] == pytest.approx(values[90:, 0])
    assert found[:, 1] == pytest.approx(values[80:90, 1].mean())


def test_hardening_that_turned_round_stays_finite():
    found = forecaster("hardening").fit(smooth(rate=-0.4)[:100])(5000)
    assert np.all((found[:, 0] > 0.0) & np.isfinite(found[:, 0]))


def test_answers_are_fed_back():
    """A regression that knows the mean step alone continues ln a and e along straight lines."""
    values = from_coordinates(np.stack([-4.0 - 0.01 * np.arange(60.0), 0.2 + 0.002 * np.arange(60.0)], axis=1))
    problem = Problem.of(values[:50], 5)
    assert problem.inputs.shape == (45, 5, 2)
    found = problem.forecast(lambda inputs: np.zeros((len(inputs), 2)), values[:50])(10)
    assert found == pytest.approx(values[50:], rel=1e-9)


def test_every_path_is_continued_by_its_own_answers():
    """Two paths that part by the same step each time keep their mean."""
    values = smooth()
    problem = Problem.of(values, 5)
    single = problem.forecast(lambda inputs: np.zeros((1, 2)), values)(6)
    seen = []

    def parting(inputs):
        seen.append(len(inputs))
        return np.array([[1.0, 1.0], [-1.0, -1.0]])

    assert problem.forecast(parting, values)(6) == pytest.approx(single, rel=1e-9)
    assert seen == [1, 2, 2, 2, 2, 2]


@pytest.mark.slow
def test_the_neural_ode_is_solved_to_third_order():
    """Rates -y / 20: after n steps exp(-n / 20)."""
    from swansong.binaries.forecasting.neural_ode import _solve

    found = _solve(lambda rows: -0.05 * rows, jnp.array([[1.0, 2.0], [0.5, 3.0]], jnp.float32), 11)
    assert found.shape == (11, 2, 2)
    assert np.asarray(found[:, 0, 0]) == pytest.approx(np.exp(-0.05 * np.arange(11)), rel=1e-5)


def _beats_persistence(name, series):
    past, future = series.values[:96], series.values[96:]
    built = forecaster(name, window=8, seed=3)
    assert isinstance(built, Forecaster)
    assert (built.window, built.seed) == (8, 3)
    found = built.fit(past)(len(future))
    assert found.shape == future.shape
    error = np.abs(found - future).mean(axis=0)
    assert error[0] < 0.6 * np.abs(past[-1, 0] - future[:, 0]).mean()
    return found


@pytest.mark.parametrize("name", ["ffnn", "xgboost", "varima"])
def test_a_learner_sees_that_the_pair_shrinks(name, series):
    if protocol.missing(name):
        pytest.skip(f"{name} needs the extra `forecast`")
    first = _beats_persistence(name, series)
    assert np.array_equal(first, _beats_persistence(name, series))  # the same seed, the same forecast


@pytest.mark.slow
@pytest.mark.parametrize("name", ["node", "lstm", "bnn"])
def test_a_slower_learner_sees_that_the_pair_shrinks(name, series):
    if protocol.missing(name):
        pytest.skip(f"{name} needs the extra `forecast`")
    _beats_persistence(name, series)


def test_the_table_counts_what_it_says(series):
    found = compare(series, ["persistence", "line"], splits=(0.8, 0.5), window=10, seeds=4)
    assert [(row.name, row.split, len(row.totals)) for row in found.rows] == [
        ("persistence", 0.8, 1),
        ("line", 0.8, 1),
        ("persistence", 0.5, 1),
        ("line", 0.5, 1),
    ]
    past, future = series.values[:96], series.values[96:]
    expected = np.mean(np.abs(past[-1] - future) / past.std(axis=0))
    assert found.rows[0].mean == pytest.approx(expected)
    assert np.isnan(found.rows[0].spread)
    assert found.best(0.8).mean == min(row.mean for row in found.rows[:2])
    assert found.learnt == {0.8: 96, 0.5: 60}


def test_published_errors_stand_beside_their_own_forecaster():
    assert set(PUBLISHED) == set(LEARNERS)
    assert PUBLISHED["lstm"][0.6] == 0.2719


def test_unknown_and_missing_forecasters_are_named(series, monkeypatch):
    with pytest.raises(InputError, match="no forecaster 'oracle'"):
        forecaster("oracle")
    with pytest.raises(InputError, match="give one of each"):
        compare(series, [])
    monkeypatch.setattr(protocol, "find_spec", lambda package: None if package == "numpyro" else True)
    with pytest.raises(
        InputError, match=r"needs numpyro, which is not installed; run `pip install 'swansong\[forecast\]'`"
    ):
        compare(series, ["persistence", "bnn"])


def test_a_synthetic_pair_gives_a_series():
    found = hard_series(synthetic_trajectory(Merger(0.9, 32768, 1)))
    assert len(found) == 210
    assert found.values[0, 0] < 1.0 / 60.0
    assert found.merger.origin == "synthetic"
