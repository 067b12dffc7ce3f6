"""Truncated sequential rounds: the network's law of a track, learnt anew where the track lets its source be.

A network for the whole prior spreads its effort over tracks that have nothing to do with the candidate. Each round
draws sources in a box around what the law before it allows, trains a small network on their tracks, and hands on a
sharper law; the error that a recovered track is taken to have falls from round to round.

Reference:
    Deistler, Goncalves and Macke, arXiv:2210.04815 (truncated proposals); Speri et al., arXiv:2510.20891,
    section V, where rounds follow a search for inspirals.
"""

import math

import jax
import numpy as np
from jaxtyping import Float

from swansong.core.errors import RunError
from swansong.emri.followup.fitting import bank_of, brief_plan
from swansong.emri.followup.laws import NetworkLaw
from swansong.emri.followup.networks import TrackFlow, track_loss
from swansong.emri.followup.settings import Recipe, SequentialSettings
from swansong.emri.followup.summaries import Features, summarise
from swansong.emri.search.model import SearchModel
from swansong.emri.tracks.kernels import Arrays
from swansong.learning.training import train

_REACH = 4.0  # half width of a box, in standard deviations along the axes of the law before it
_DRAWS = 4096
_FEWEST = 256  # draws inside the prior from which a box can be told
_TRIES = 20


def sharpened(
    law: NetworkLaw,
    theta: Float[np.ndarray, "5"],
    *,
    tracks: Arrays,
    model: SearchModel,
    settings: SequentialSettings,
    track_error: float,
    rng: np.random.Generator,
) -> NetworkLaw:
    """Learn the law of a track in rounds.

    Args:
        law: The law before the first round, for an error of `SequentialSettings.first_error`.
        theta: Parameter vector of the candidate, shape (5,).
        tracks: Table of tracks.
        model: Prior; laws are in shares of its ranges.
        settings: Rounds and sizes.
        track_error: Relative error of the candidate's track in the last round.
        rng: Random generator.

    Returns:
        The law of the last round.

    Raises:
        RunError: If a law leaves hardly any source inside the prior.
        TrainingError: If a loss stops being finite.
    """
    errors = np.geomspace(max(settings.first_error, track_error), track_error, settings.rounds)
    point = model.to_points(np.asarray(theta, float))[None]
    for error in errors:
        origin, axes = _box(law, rng=rng)
        u, share = _inside(origin, axes, rows=settings.bank, rng=rng)
        low = np.array([item.minimum for item in model.parameters])
        width = np.array([item.maximum for item in model.parameters]) - low
        summary = summarise(tracks, model.to_points(low + width * u), number=settings.network.shares)
        known = np.isfinite(summary).all(axis=1)
        recipe = Recipe(prior=model.settings, error=(0.5 * error, 2.0 * error), network=settings.network)
        features = Features.of(summary[known], recipe)
        seed = int(rng.integers(2**31))
        trained = train(
            TrackFlow.build(recipe.network, features=features, key=jax.random.key(seed)),
            loss=track_loss,
            source=bank_of(share[known], summary[known], features.mean, recipe),
            plan=brief_plan(settings.steps),
            seed=seed,
            quiet=True,
        )
        here = summarise(tracks, point, number=settings.network.shares)[0] - features.mean
        law = NetworkLaw(trained.model, here.astype(np.float32), math.log(error), origin, axes)
    return law


def _box(law: NetworkLaw, *, rng: np.random.Generator) -> tuple[Float[np.ndarray, "5"], Float[np.ndarray, "5 5"]]:
    """Corner and axes of a box around what a law allows, along its principal axes."""
    u, _ = law.draw(_DRAWS, key=jax.random.key(int(rng.integers(2**62))))
    u = u[((u >= 0.0) & (u <= 1.0)).all(axis=1)]
    if len(u) < _FEWEST:
        raise RunError(
            f"only {len(u)} of {_DRAWS} draws of the network lie inside the prior; widen `prior`, or set "
            "`proposal.sequential.rounds` to 0"
        )
    values, vectors = np.linalg.eigh(np.cov(u.T))
    axes = vectors * (2.0 * _REACH * np.sqrt(np.maximum(values, 1e-18)))
    return u.mean(axis=0) - 0.5 * axes.sum(axis=1), axes


def _inside(
    origin: Float[np.ndarray, "5"], axes: Float[np.ndarray, "5 5"], *, rows: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n 5"], Float[np.ndarray, "n 5"]]:
    """Sources of a box inside the prior, as shares of the prior's ranges and of the box; some when few are inside."""
    found = []
    for _ in range(_TRIES):
        share = rng.random((rows, 5))
        u = origin + share @ axes.T
        inside = ((u >= 0.0) & (u <= 1.0)).all(axis=1)
        found.append((u[inside], share[inside]))
        if sum(len(one) for one, _ in found) >= rows:
            break
    u, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return u[:rows], share[:rows]
