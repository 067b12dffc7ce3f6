"""Training an estimator from a recipe."""

import logging
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from swansong.core.config import as_dict
from swansong.encounters.bank import BurstBank, make_bank
from swansong.encounters.compact import CompactFlow, compact_loss
from swansong.encounters.features import AlignedFeatures, aligned_basis
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Problem, Recipe
from swansong.learning.plan import FREE_ON_RESUME, TrainingPlan
from swansong.learning.training import Trained, train

_VALIDATION_ROWS = 8192
_SCALE_EVENTS = 4096
_log = logging.getLogger(__name__)


def problem_of(recipe: Recipe) -> Problem:
    """The problem of a recipe, without the estimator."""
    return Problem(**{name: getattr(recipe, name) for name in Problem.model_fields})


def recorded(recipe: Recipe) -> Recipe:
    """The recipe without what cannot change a weight, such as a time limit: what a resumed run must share."""
    free = {name: TrainingPlan.model_fields[name].default for name in FREE_ON_RESUME}
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=free)})


def reference_detector(recipe: Problem) -> int:
    """Index of the detector at which a network's data are aligned: the second, L1 in the usual order."""
    return min(1, len(recipe.data.detectors) - 1)


def fit(
    recipe: Recipe, *, seed: int, folder: str | Path | None = None, resume: bool = True, quiet: bool = False
) -> Trained[CompactFlow]:
    """Train the compact estimator of a recipe.

    Args:
        recipe: What to train.
        seed: Seed of weights and data.
        folder: Where checkpoint and weights go.
        resume: Whether to go on from a checkpoint.
        quiet: Whether to hide the progress bar.

    Returns:
        The trained network.

    Raises:
        ConfigError: If a checkpoint belongs to another recipe.
        TrainingError: If the loss stops being finite.
    """
    problem = problem_of(recipe)
    settings, reference = recipe.compact, reference_detector(recipe)
    analysis = prepare(problem)
    basis = aligned_basis(analysis, rank=settings.rank, window=1.2 * settings.window, reference=reference, seed=seed)
    made = {"basis": basis, "reference": reference, "window": settings.window, "quiet": quiet}
    bank = make_bank(problem, **made, rows=recipe.bank, seed=seed)
    validation = make_bank(problem, **made, rows=_VALIDATION_ROWS, seed=seed + 1_000_003)
    model = build(recipe, basis=basis, validation=validation, psd=analysis.psd, seed=seed)
    _log.info("training %s on %d bursts", recipe.estimator, recipe.bank)
    return train(
        model,
        loss=compact_loss,
        source=bank,
        plan=recipe.training,
        seed=seed,
        folder=folder,
        validation=validation,
        resume=resume,
        quiet=quiet,
        configuration={"recipe": as_dict(recorded(recipe)), "analysis": analysis.fingerprint},
    )


def build(recipe: Recipe, *, basis: np.ndarray, validation: BurstBank, psd: np.ndarray, seed: int) -> CompactFlow:
    """Draw the weights of the compact network, its features scaled to typical events."""
    batch = eqx.filter_jit(validation.batch)(jax.random.key(7), _SCALE_EVENTS)
    scale = np.asarray(batch.coefficients).std(axis=0) + 1.0
    place = np.asarray(validation.place)
    return CompactFlow.build(
        recipe.compact,
        features=AlignedFeatures.of(basis, scale, psd),
        centre=place.mean(axis=0),
        spread=place.std(axis=0),
        key=jax.random.key(seed),
    )
