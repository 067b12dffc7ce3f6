"""Trained weights: packaged or from a run, always checked against the recipe that made them."""

import functools
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from swansong.core.types import PyTree
from swansong.encounters.analysis import Analysis
from swansong.encounters.compact import CompactFlow
from swansong.encounters.features import AlignedFeatures
from swansong.encounters.fitting import problem_of, published_network, reference_detector
from swansong.encounters.points import dimensions_of
from swansong.encounters.problem import prepare
from swansong.encounters.settings import PAPER, Recipe
from swansong.learning.checkpoints import below, fill_skeleton
from swansong.learning.packaged import locate_weights, read_weights

SYSTEM = "encounters"
"""Folder of the packaged weights, and name in commands."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained estimator with what made it.

    Attributes:
        network: The network, in inference mode.
        state: Running averages of its batch normalisations, or None.
        recipe: The recipe it was trained with.
        fingerprint: Fingerprint of the analysis it was trained on.
        sha256: Fingerprint of the weights file.
        reference: Index of the detector at which its data are aligned.
    """

    network: PyTree
    state: PyTree
    recipe: Recipe
    fingerprint: str
    sha256: str
    reference: int


def load_weights(estimator: str, path: str | Path | None = None) -> TrainedNetwork:
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
def _load(estimator: str, path: Path, expected: str | None, stamp: int) -> TrainedNetwork:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system=SYSTEM, estimator=estimator, schema=Recipe, expected=expected)
    recipe = found.recipe
    analysis = prepare(problem_of(recipe))
    found.require_analysis(analysis.fingerprint)
    skeleton, state = published_network(recipe, seed=0) if estimator == PAPER else (_compact(recipe, analysis), None)
    network = fill_skeleton(skeleton, below(found.product.arrays, "model/"), source=path)
    state = fill_skeleton(state, below(found.product.arrays, "state/"), source=path)
    return TrainedNetwork(
        eqx.nn.inference_mode(network),
        state,
        recipe,
        found.fingerprint,
        found.product.sha256,
        reference_detector(recipe),
    )


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
