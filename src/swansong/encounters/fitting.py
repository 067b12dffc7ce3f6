"""Training an estimator from a recipe."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from swansong.core.config import as_dict
from swansong.core.types import PyTree
from swansong.encounters.bank import BurstBank, make_bank
from swansong.encounters.compact import CompactFlow, compact_loss
from swansong.encounters.features import AlignedFeatures, aligned_basis
from swansong.encounters.model import EncounterModel
from swansong.encounters.paper import PaperNetwork, paper_loss
from swansong.encounters.paper_source import make_paper_source, prior_scaling
from swansong.encounters.problem import prepare
from swansong.encounters.settings import PAPER, Problem, Recipe
from swansong.learning.batches import Source
from swansong.learning.training import Trained, train

_VALIDATION_ROWS = 8192
_SCALE_EVENTS = 4096
_log = logging.getLogger(__name__)


def problem_of(recipe: Recipe) -> Problem:
    """The problem of a recipe, without the estimator."""
    return Problem(**{name: getattr(recipe, name) for name in Problem.model_fields})


def recorded(recipe: Recipe) -> Recipe:
    """The recipe without what cannot change a weight, such as a time limit: what a resumed run must share."""
    return recipe.model_copy(update={"training": recipe.training.lasting()})


def reference_detector(recipe: Problem) -> int:
    """Index of the detector at which a network's data are aligned: the second, L1 in the usual order."""
    return min(1, len(recipe.data.detectors) - 1)


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
    prepared = _published(recipe, seed=seed) if recipe.estimator == PAPER else _compact(recipe, seed=seed, quiet=quiet)
    _log.info("training %s on %d bursts", recipe.estimator, recipe.bank)
    return train(
        prepared.model,
        loss=prepared.loss,
        source=prepared.source,
        plan=recipe.training,
        seed=seed,
        folder=folder,
        validation=prepared.validation,
        state=prepared.state,
        resume=resume,
        quiet=quiet,
        configuration={"recipe": as_dict(recorded(recipe)), "analysis": prepare(problem_of(recipe)).fingerprint},
    )


class Untrained(NamedTuple):
    """What the training loop needs of an estimator.

    Attributes:
        model: The network.
        state: Its batch-normalisation state, or None.
        loss: Its loss.
        source: Where batches come from.
        validation: Where those of the validation come from.
    """

    model: PyTree
    state: PyTree
    loss: Callable[..., Any]
    source: Source
    validation: Source


def _compact(recipe: Recipe, *, seed: int, quiet: bool) -> Untrained:
    """The compact flow and its banks of bursts."""
    problem, settings = problem_of(recipe), recipe.compact
    reference = reference_detector(recipe)
    analysis = prepare(problem)
    # Bursts at the edge of the window have their wings beyond it.
    basis = aligned_basis(analysis, rank=settings.rank, window=1.2 * settings.window, reference=reference, seed=seed)
    made = {"basis": basis, "reference": reference, "window": settings.window, "quiet": quiet}
    bank = make_bank(problem, **made, rows=recipe.bank, seed=seed)
    validation = make_bank(problem, **made, rows=_VALIDATION_ROWS, seed=seed + 1_000_003)
    model = build(recipe, basis=basis, validation=validation, psd=analysis.psd, seed=seed)
    return Untrained(model, None, compact_loss, bank, validation)


def _published(recipe: Recipe, *, seed: int) -> Untrained:
    """The published network and its banks of whitened strain."""
    problem, segment = problem_of(recipe), recipe.paper.segment
    source = make_paper_source(problem, segment=segment, rows=recipe.bank, seed=seed)
    rows = min(_VALIDATION_ROWS, recipe.bank)
    validation = make_paper_source(problem, segment=segment, rows=rows, seed=seed + 1_000_003)
    model, state = published_network(recipe, seed=seed)
    return Untrained(model, state, paper_loss, source, validation)


def published_network(recipe: Recipe, *, seed: int) -> tuple[PaperNetwork, PyTree]:
    """Draw the weights of the published network, with its batch-normalisation state."""
    problem = problem_of(recipe)
    return eqx.nn.make_with_state(PaperNetwork)(
        recipe.paper,
        detectors=len(problem.data.detectors),
        samples=round(recipe.paper.segment * problem.data.rate),
        scaling=prior_scaling(EncounterModel(problem.prior, problem.model)),
        key=jax.random.key(seed),
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
