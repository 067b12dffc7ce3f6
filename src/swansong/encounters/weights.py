"""Trained weights: packaged or from a run, always checked against the recipe that made them."""

import functools
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from swansong.core.types import PyTree
from swansong.encounters.compact import CompactFlow
from swansong.encounters.features import AlignedFeatures
from swansong.encounters.fitting import problem_of, reference_detector
from swansong.encounters.points import dimensions_of
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Recipe
from swansong.learning.checkpoints import below, fill_skeleton
from swansong.learning.packaged import locate_weights, read_weights

SYSTEM = "encounters"
"""Folder of the packaged weights, and name in commands."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained estimator with what made it.

    Attributes:
        network: The network, in inference mode.
        recipe: The recipe it was trained with.
        fingerprint: Fingerprint of the analysis it was trained on.
        sha256: Fingerprint of the weights file.
        reference: Index of the detector at which its data are aligned.
    """

    network: PyTree
    recipe: Recipe
    fingerprint: str
    sha256: str
    reference: int


def load_weights(estimator: str, path: str | Path | None = None) -> TrainedNetwork:
    """Load the weights of an estimator.

    Args:
        estimator: "compact".
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
    # Numbers of the skeleton are replaced by the file's; only their shapes matter.
    detectors, bins = analysis.psd.shape
    d, rank = dimensions_of(analysis), recipe.compact.rank
    features = AlignedFeatures.of(
        np.zeros((detectors, rank, 2 * bins)), np.ones(detectors * rank), np.ones((detectors, bins))
    )
    skeleton = CompactFlow.build(
        recipe.compact, features=features, centre=np.zeros(d), spread=np.ones(d), key=jax.random.key(0)
    )
    network = fill_skeleton(skeleton, below(found.product.arrays, "model/"), source=path)
    return TrainedNetwork(
        eqx.nn.inference_mode(network), recipe, found.fingerprint, found.product.sha256, reference_detector(recipe)
    )
