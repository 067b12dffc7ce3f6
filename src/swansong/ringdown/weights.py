"""Trained weights: packaged or from a run, always checked against the recipe that made them."""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from swansong.core.config import validate
from swansong.core.errors import FileError, InputError
from swansong.core.files import read_product
from swansong.core.types import PyTree
from swansong.learning.checkpoints import below, fill_skeleton
from swansong.ringdown.bank import RANK
from swansong.ringdown.fitting import build, problem_of
from swansong.ringdown.networks import DataFeatures
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Recipe

MANIFEST = "sha256.json"
"""File beside the packaged weights that says which sha256 each must have."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained estimator with what made it.

    Attributes:
        network: The network, in inference mode.
        state: Running averages of its batch normalisations, or None.
        recipe: The recipe it was trained with.
        fingerprint: Fingerprint of the analysis it was trained on.
        sha256: Fingerprint of the weights file.
        source: Where it came from.
    """

    network: PyTree
    state: PyTree
    recipe: Recipe
    fingerprint: str
    sha256: str
    source: str


def packaged_weights(estimator: str) -> Path:
    """Path of the packaged weights of an estimator.

    Raises:
        InputError: If none are packaged.
    """
    path = Path(str(resources.files("swansong.ringdown") / "weights" / f"{estimator}.h5"))
    if not path.exists():
        raise InputError(
            f"no trained weights of `{estimator}` are packaged; train them (`swansong ringdown train {estimator}`) and "
            "pass `--weights FILE`"
        )
    return path


def load_weights(estimator: str, path: str | Path | None = None) -> TrainedNetwork:
    """Load the weights of an estimator.

    Args:
        estimator: "flow", "compact" or "paper".
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The trained network.

    Raises:
        FileError: If the file is damaged, was changed, or holds another estimator.
    """
    expected = None
    if path is None:
        path = packaged_weights(estimator)
        expected = json.loads((path.parent / MANIFEST).read_text()).get(estimator)
    path = Path(path)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return _load(estimator, path, expected, stamp)


@functools.lru_cache(maxsize=4)
def _load(estimator: str, path: Path, expected: str | None, stamp: int) -> TrainedNetwork:
    """Read a weights file; one that did not change since its time stamp is read once."""
    product = read_product(path, kind="weights")
    if expected is not None and product.sha256 != expected:
        raise FileError(f"`{path}` has sha256 {product.sha256[:12]}..., not the packaged one; reinstall swansong")
    configuration: dict[str, Any] = product.provenance.configuration
    if "recipe" not in configuration or "analysis" not in configuration:
        raise FileError(
            f"`{path}` does not say which ringdown recipe made it; give weights of `swansong ringdown train`"
        )
    recipe = validate(Recipe, configuration["recipe"], source=str(path))
    if recipe.estimator != estimator:
        raise FileError(f"`{path}` holds weights of `{recipe.estimator}`, not of `{estimator}`; give matching ones")
    analysis = simulated_analysis(problem_of(recipe))
    if analysis.fingerprint != configuration["analysis"]:
        raise FileError(
            f"`{path}` was trained on data that this version prepares differently; train the recipe it holds again"
        )
    # Basis and scales of the skeleton are replaced by the file's; only their shape matters.
    basis = np.zeros((len(analysis.basis), min(RANK, analysis.basis.shape[1])))
    features = DataFeatures.of(basis, np.zeros((2, basis.shape[1])))
    skeleton = build(recipe, analysis=analysis, features=features, seed=0)
    network = fill_skeleton(skeleton.model, below(product.arrays, "model/"), source=path)
    state = fill_skeleton(skeleton.state, below(product.arrays, "state/"), source=path)
    return TrainedNetwork(
        eqx.nn.inference_mode(network), state, recipe, analysis.fingerprint, product.sha256, str(path)
    )
