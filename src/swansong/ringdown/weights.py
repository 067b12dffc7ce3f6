"""Trained weights: packaged or from a run, always checked against the recipe that made them."""

import functools
from pathlib import Path

import numpy as np

from swansong.learning.packaged import TrainedNetwork, locate_weights, read_weights
from swansong.ringdown.bank import RANK
from swansong.ringdown.fitting import build, problem_of
from swansong.ringdown.networks import DataFeatures
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Recipe

SYSTEM = "ringdown"
"""Folder of the packaged weights, and name in commands."""


def load_weights(estimator: str, path: str | Path | None = None) -> TrainedNetwork[Recipe]:
    """Load the weights of an estimator.

    Args:
        estimator: "flow", "compact" or "paper".
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The trained network.

    Raises:
        FileError: If the file is damaged, was changed, or holds another estimator.
    """
    return _load(estimator, *locate_weights(SYSTEM, estimator, path))


@functools.lru_cache(maxsize=4)
def _load(estimator: str, path: Path, expected: str | None, stamp: int) -> TrainedNetwork[Recipe]:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system=SYSTEM, estimator=estimator, schema=Recipe, expected=expected)
    recipe = found.recipe
    analysis = simulated_analysis(problem_of(recipe))
    found.require_analysis(analysis.fingerprint)
    # Basis and scales of the skeleton are replaced by the file's; only their shape matters.
    basis = np.zeros((len(analysis.basis), min(RANK, analysis.basis.shape[1])))
    features = DataFeatures.of(basis, np.zeros((2, basis.shape[1])))
    skeleton = build(recipe, analysis=analysis, features=features, seed=0)
    return found.fill(skeleton.model, skeleton.state)
