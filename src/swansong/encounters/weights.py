"""Trained weights: packaged or from a run, always checked against the recipe that made them."""

import functools
from pathlib import Path

import jax
import numpy as np

from swansong.encounters.analysis import Analysis
from swansong.encounters.compact import CompactFlow
from swansong.encounters.features import AlignedFeatures
from swansong.encounters.fitting import problem_of, published_network
from swansong.encounters.points import dimensions_of
from swansong.encounters.problem import prepare
from swansong.encounters.settings import PAPER, Recipe
from swansong.learning.packaged import TrainedNetwork, locate_weights, read_weights

SYSTEM = "encounters"
"""Folder of the packaged weights, and name in commands."""


def load_weights(estimator: str, path: str | Path | None = None) -> TrainedNetwork[Recipe]:
    """Load the weights of an estimator.

    Args:
        estimator: "compact" or "paper".
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The trained network.

    Raises:
        InputError: If none are packaged and none given.
        FileError: If the file is damaged, was changed, or holds another estimator.
    """
    return _load(estimator, *locate_weights(SYSTEM, estimator, path))


@functools.lru_cache(maxsize=4)
def _load(estimator: str, path: Path, expected: str | None, stamp: int) -> TrainedNetwork[Recipe]:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system=SYSTEM, estimator=estimator, schema=Recipe, expected=expected)
    recipe = found.recipe
    analysis = prepare(problem_of(recipe))
    found.require_analysis(analysis.fingerprint)
    if estimator == PAPER:
        return found.fill(*published_network(recipe, seed=0))
    return found.fill(_compact(recipe, analysis))


def _compact(recipe: Recipe, analysis: Analysis) -> CompactFlow:
    """A compact flow of the recipe's shapes; its numbers are to be replaced."""
    detectors, bins = analysis.psd.shape
    d, rank = dimensions_of(analysis), recipe.compact.rank
    features = AlignedFeatures.of(
        np.zeros((detectors, rank, 2 * bins)), np.ones(detectors * rank), np.ones((detectors, bins))
    )
    return CompactFlow.build(
        recipe.compact, features=features, centre=np.zeros(d), spread=np.ones(d), key=jax.random.key(0)
    )
