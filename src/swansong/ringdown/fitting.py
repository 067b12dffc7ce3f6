"""Training an estimator from a recipe."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax

from swansong.core.config import as_dict
from swansong.core.types import PyTree
from swansong.learning.training import Trained, train
from swansong.ringdown.analysis import Analysis
from swansong.ringdown.autoencoder import CompactAutoencoder, CompactLoss
from swansong.ringdown.bank import TemplateBank, make_bank
from swansong.ringdown.flow import RemnantFlow, flow_loss
from swansong.ringdown.networks import DataFeatures
from swansong.ringdown.paper import PaperAutoencoder, PaperLoss, StrainSource
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Problem, Recipe

_VALIDATION_ROWS = 8192
_SCALE_EVENTS = 4096
_log = logging.getLogger(__name__)


def problem_of(recipe: Recipe) -> Problem:
    """The problem of a recipe, without the estimator."""
    return Problem(**{name: getattr(recipe, name) for name in Problem.model_fields})


class Untrained(NamedTuple):
    """What the training loop needs of an estimator.

    Attributes:
        model: The network.
        state: Its batch-normalisation state, or None.
        loss: Its loss.
    """

    model: PyTree
    state: PyTree
    loss: Callable[..., Any]


def build(recipe: Recipe, *, analysis: Analysis, features: DataFeatures, seed: int) -> Untrained:
    """Draw the weights of a recipe's estimator.

    Args:
        recipe: The recipe.
        analysis: Its prepared problem.
        features: Features scaled to typical data; the published autoencoder has none.
        seed: Seed of the weights.

    Returns:
        Network, state and loss.
    """
    key = jax.random.key(seed)
    if recipe.estimator == "flow":
        return Untrained(
            RemnantFlow.build(recipe.flow, features=features, chart=analysis.chart, key=key), None, flow_loss
        )
    if recipe.estimator == "paper":
        model, state = eqx.nn.make_with_state(PaperAutoencoder)(
            recipe.paper,
            detectors=len(analysis.whiteners),
            samples=analysis.geometry.samples,
            modes=analysis.model.count,
            key=key,
        )
        return Untrained(model, state, PaperLoss(recipe.paper.ramp_start, recipe.paper.ramp_end, analysis.model.count))
    model = CompactAutoencoder.build(
        recipe.compact,
        features=features,
        chart=analysis.chart,
        amplitude_bounds=analysis.amplitude_bounds,
        modes=analysis.model.count,
        key=key,
    )
    steps = recipe.training.steps
    start, end = (max(1, round(share * steps)) for share in (recipe.compact.ramp_start, recipe.compact.ramp_end))
    return Untrained(model, None, CompactLoss(start, end, analysis.model.log_volume))


def recorded(recipe: Recipe) -> Recipe:
    """The recipe without what cannot change a weight, such as a time limit: what a resumed run must share."""
    return recipe.model_copy(update={"training": recipe.training.lasting()})


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
    model, state, loss = build(recipe, analysis=analysis, features=features_of(analysis, validation), seed=seed)
    source, test = (_source(recipe, of, analysis=analysis) for of in (bank, validation))
    _log.info("training %s on %d remnants", recipe.estimator, recipe.bank)
    return train(
        model,
        loss=loss,
        source=source,
        plan=recipe.training,
        seed=seed,
        folder=folder,
        validation=test,
        state=state,
        resume=resume,
        quiet=quiet,
        configuration={"recipe": as_dict(recorded(recipe)), "analysis": analysis.fingerprint},
    )


def _source(recipe: Recipe, bank: TemplateBank, *, analysis: Analysis) -> TemplateBank | StrainSource:
    """A bank in the form that the recipe's estimator reads: coefficients or strain."""
    return StrainSource.of(bank, analysis) if recipe.estimator == "paper" else bank


def features_of(analysis: Analysis, bank: TemplateBank) -> DataFeatures:
    """Features scaled to typical events of a bank."""
    batch = eqx.filter_jit(bank.batch)(jax.random.key(7), _SCALE_EVENTS)
    return DataFeatures.of(analysis.basis[:, : batch.coefficients.shape[1]], batch.coefficients)
