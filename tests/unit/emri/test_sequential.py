"""Truncated sequential rounds: a law that closes in on the sources of one track."""

import jax
import numpy as np
import pytest

from swansong.core.errors import RunError
from swansong.emri import tracks
from swansong.emri.followup.fitting import load_weights
from swansong.emri.followup.laws import NetworkLaw
from swansong.emri.followup.sequential import sharpened
from swansong.emri.followup.settings import SequentialSettings
from swansong.emri.followup.summaries import summarise
from swansong.emri.search.model import SearchModel

THETA = np.array([6.0, 30.0, 0.6, 0.7, 0.03])
FIRST, LAST = 3e-3, 3e-4
ROUNDS = SequentialSettings(rounds=2, first_error=FIRST, bank=4096, steps=200)


def sharpen(law, model, **changes):
    settings = ROUNDS.model_copy(update=changes)
    rng = np.random.default_rng(4)
    arrays = tracks.load().arrays
    return sharpened(law, THETA, tracks=arrays, model=model, settings=settings, track_error=LAST, rng=rng)


@pytest.fixture(scope="module")
def model():
    return SearchModel()


@pytest.fixture(scope="module")
def first(model):
    return NetworkLaw.of(load_weights(None), THETA, tracks=tracks.load().arrays, model=model, track_error=FIRST)


@pytest.fixture(scope="module")
def last(first, model):
    return sharpen(first, model)


def shares(model):
    low = np.array([item.minimum for item in model.parameters])
    return (THETA - low) / (np.array([item.maximum for item in model.parameters]) - low)


def draws(law, seed):
    u, log_density = law.draw(2048, key=jax.random.key(seed))
    inside = ((u >= 0.0) & (u <= 1.0)).all(axis=1)
    return u[inside], log_density[inside]


def distances(law, model, seed):
    """Mean distance of the tracks that a law draws from the candidate's, in ln f."""
    u, _ = draws(law, seed)
    low = np.array([item.minimum for item in model.parameters])
    width = np.array([item.maximum for item in model.parameters]) - low
    found = summarise(tracks.load().arrays, model.to_points(low + width * u), number=24)
    here = summarise(tracks.load().arrays, model.to_points(THETA)[None], number=24)[0]
    return np.sqrt(np.nanmean((found - here)[:, :-1] ** 2, axis=1))


def test_rounds_close_in_on_the_track(first, last, model):
    volumes = [abs(np.linalg.det(law.axes)) for law in (first, last)]
    assert volumes[1] < 1e-3 * volumes[0]
    assert np.median(distances(last, model, 1)) < 0.01


def test_the_truth_gains_density(first, last, model):
    truth = shares(model)[None]
    assert np.isfinite(last.log_prob(truth)).all()
    assert last.log_prob(truth)[0] > first.log_prob(truth)[0] + 2.0


def test_the_density_of_draws_is_that_of_points(last):
    u, log_density = draws(last, 3)
    np.testing.assert_allclose(last.log_prob(u), log_density, atol=0.05)


def test_a_law_outside_the_prior_is_refused(first, model):
    elsewhere = NetworkLaw(first.network, first.summary, first.log_error, first.origin + 5.0, first.axes)
    with pytest.raises(RunError, match="inside the prior"):
        sharpen(elsewhere, model)
