"""Training an estimator from a recipe."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

from swansong.core.config import as_dict
from swansong.core.types import PyTree
from swansong.learning.training import Trained, train
from swansong.ringdown.analysis import Analysis
from swansong.ringdown.bank import TemplateBank, make_bank
from swansong.ringdown.flow import RemnantFlow, flow_loss
from swansong.ringdown.networks import DataFeatures
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Problem, Recipe

_VALIDATION_ROWS = 8192
_SCALE_EVENTS = 4096
_log = logging.getLogger(__name__)


def problem_of(recipe: Recipe) -> Problem:
    """The problem of a recipe, without the estimator."""
    return Problem(**{name: getattr(recipe, name) for name in Problem.model_fields})


def build_flow(recipe: Recipe, *, analysis: Analysis, features: DataFeatures, seed: int) -> tuple[PyTree, None]:
    """An untrained flow."""
    return RemnantFlow.build(recipe.flow, features=features, chart=analysis.chart, key=jax.random.key(seed)), None


BUILDERS: dict[str, tuple[Callable[..., tuple[PyTree, Any]], Callable[..., Any]]] = {"flow": (build_flow, flow_loss)}
"""How to build each estimator, and its loss."""


def fit(
    recipe: Recipe, *, seed: int, folder: str | Path | None = None, resume: bool = True, quiet: bool = False
) -> Trained[PyTree]:
    """Train the estimator of a recipe.

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
    analysis = simulated_analysis(problem_of(recipe))
    bank = make_bank(analysis, rows=recipe.bank, seed=seed)
    validation = make_bank(analysis, rows=_VALIDATION_ROWS, seed=seed + 1_000_003)
    build, loss = BUILDERS[recipe.estimator]
    model, state = build(recipe, analysis=analysis, features=scale_features(validation), seed=seed)
    _log.info("training %s on %d remnants", recipe.estimator, recipe.bank)
    return train(
        model,
        loss=loss,
        source=bank,
        plan=recipe.training,
        seed=seed,
        folder=folder,
        validation=validation,
        state=state,
        resume=resume,
        quiet=quiet,
        configuration={"recipe": as_dict(recipe), "analysis": analysis.fingerprint},
    )


def scale_features(bank: TemplateBank) -> DataFeatures:
    """Features scaled to typical events of a bank."""
    batch = eqx.filter_jit(bank.batch)(jax.random.key(7), _SCALE_EVENTS)
    return DataFeatures.of(batch.coefficients)
