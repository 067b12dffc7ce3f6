"""Training the amortised network from its recipe, and loading what was trained."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from swansong.core.config import as_dict
from swansong.core.hashing import content_sha256
from swansong.emri.followup.networks import TrackFlow, track_loss
from swansong.emri.followup.settings import ESTIMATOR, Recipe
from swansong.emri.followup.summaries import Features, TrackBank, draw_sources, error_basis, shares_of
from swansong.emri.search.model import SearchModel
from swansong.emri.tracks import load
from swansong.learning.packaged import TrainedNetwork, locate_weights, read_weights
from swansong.learning.plan import TrainingPlan
from swansong.learning.training import Trained, train

SYSTEM = "emri.followup"
"""Folder of the packaged weights."""

_VALIDATION_ROWS = 8192
_CLIP = 1e-7  # shares of ranges are kept this far from the ends, 5.2 in normal numbers


def recorded(recipe: Recipe) -> Recipe:
    """The recipe without what cannot change a weight, such as a time limit: what a resumed run must share."""
    return recipe.model_copy(update={"training": recipe.training.lasting()})


def fingerprint(recipe: Recipe) -> str:
    """Fingerprint of how tracks are summarised; weights serve only the same way."""
    number = recipe.network.shares
    return content_sha256({"shares": shares_of(number), "errors": error_basis(number)}, texts={})


def to_normal(u: np.ndarray) -> np.ndarray:
    """Shares of ranges to normal numbers."""
    return ndtri(np.clip(u, _CLIP, 1.0 - _CLIP))


def brief_plan(steps: int) -> TrainingPlan:
    """Plan of a small network that is trained for one candidate and thrown away."""
    return TrainingPlan(
        steps=steps,
        batch_size=512,
        learning_rate=3e-3,
        warmup_steps=steps // 20,
        clip_norm=5.0,
        validate_every=steps,
        checkpoint_every=steps,
    )


def _bank(recipe: Recipe, *, rows: int, seed: int) -> tuple[TrackBank, Features]:
    """Draw tracks; the features are those of this bank."""
    model, number = SearchModel(recipe.prior), recipe.network.shares
    u, summary = draw_sources(model, load().arrays, rows=rows, number=number, seed=seed)
    features = Features.of(summary, recipe)
    return bank_of(u, summary, features.mean, recipe), features


def bank_of(
    u: Float[np.ndarray, "rows 5"], summary: Float[np.ndarray, "rows numbers"], mean: np.ndarray, recipe: Recipe
) -> TrackBank:
    """Training batches from sources, as shares of their ranges, and summaries of their tracks."""
    low, high = np.log(recipe.error)
    return TrackBank(
        jnp.asarray(summary - mean, jnp.float32),
        jnp.asarray(to_normal(u), jnp.float32),
        jnp.asarray(error_basis(recipe.network.shares), jnp.float32),
        (float(low), float(high)),
    )


def fit(
    recipe: Recipe, *, seed: int, folder: str | Path | None = None, resume: bool = True, quiet: bool = False
) -> Trained[TrackFlow]:
    """Train the network of a recipe.

    Args:
        recipe: What to train.
        seed: Seed of weights and tracks.
        folder: Where checkpoint and weights go.
        resume: Whether to go on from a checkpoint.
        quiet: Whether to hide the progress bar.

    Returns:
        The trained network.

    Raises:
        ConfigError: If a checkpoint belongs to another recipe.
        TrainingError: If the loss stops being finite.
    """
    source, features = _bank(recipe, rows=recipe.bank, seed=seed)
    u, summary = draw_sources(
        SearchModel(recipe.prior), load().arrays, rows=_VALIDATION_ROWS, number=recipe.network.shares, seed=seed + 1
    )
    return train(
        TrackFlow.build(recipe.network, features=features, key=jax.random.key(seed)),
        loss=track_loss,
        source=source,
        plan=recipe.training,
        seed=seed,
        folder=folder,
        validation=bank_of(u, summary, features.mean, recipe),
        resume=resume,
        quiet=quiet,
        configuration={"recipe": as_dict(recorded(recipe)), "analysis": fingerprint(recipe)},
    )


def load_weights(path: str | Path | None = None) -> TrainedNetwork[Recipe]:
    """Load the amortised network.

    Args:
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The trained network.

    Raises:
        InputError: If none are packaged and none given.
        FileError: If the file is damaged, was changed, or summarises tracks in another way.
    """
    return _load(*locate_weights(SYSTEM, ESTIMATOR, path))


@functools.lru_cache(maxsize=2)
def _load(path: Path, expected: str | None, stamp: int) -> TrainedNetwork[Recipe]:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system=SYSTEM, estimator=ESTIMATOR, schema=Recipe, expected=expected)
    found.require_analysis(fingerprint(found.recipe))
    number = found.recipe.network.shares + 1
    empty = Features(np.zeros(number), np.eye(number), np.ones(number), np.ones(number), np.ones(2))
    return found.fill(TrackFlow.build(found.recipe.network, features=empty, key=jax.random.key(0)))
