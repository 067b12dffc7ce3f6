"""Weights files of the systems: found in the package or given, and checked before they are believed."""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Generic, TypeVar

import equinox as eqx

from swansong.core.config import Config, validate
from swansong.core.errors import FileError, InputError
from swansong.core.files import Product, read_product
from swansong.core.types import PyTree
from swansong.learning.checkpoints import below, fill_skeleton

MANIFEST = "sha256.json"
"""File beside the packaged weights that says which sha256 each must have."""

R = TypeVar("R", bound=Config)


@dataclass(frozen=True, eq=False)
class WeightsFile(Generic[R]):
    """A weights file that passed its checks.

    Attributes:
        product: Its content.
        recipe: The recipe it was trained with.
        fingerprint: Fingerprint of the analysis it was trained on.
        path: Where it is.
    """

    product: Product
    recipe: R
    fingerprint: str
    path: Path

    def fill(self, network: PyTree, state: PyTree = None) -> "TrainedNetwork[R]":
        """Put the file's numbers into a network of the right shapes.

        Args:
            network: Network whose numbers are replaced.
            state: Its batch-normalisation state, or None.

        Returns:
            The trained network, in inference mode.

        Raises:
            FileError: If the shapes differ.
        """
        arrays = self.product.arrays
        filled = fill_skeleton(network, below(arrays, "model/"), source=self.path)
        kept = fill_skeleton(state, below(arrays, "state/"), source=self.path)
        return TrainedNetwork(
            eqx.nn.inference_mode(filled), kept, self.recipe, self.fingerprint, self.product.sha256, str(self.path)
        )

    def require_analysis(self, fingerprint: str) -> None:
        """Refuse weights whose data this version prepares differently.

        Raises:
            FileError: If the fingerprint differs from the file's.
        """
        if fingerprint != self.fingerprint:
            raise FileError(
                f"`{self.path}` was trained on data that this version prepares differently; train the recipe it holds "
                "again"
            )


@dataclass(frozen=True, eq=False)
class TrainedNetwork(Generic[R]):
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
    recipe: R
    fingerprint: str
    sha256: str
    source: str


def packaged_weights(system: str, estimator: str) -> Path:
    """Path of the packaged weights of an estimator.

    Args:
        system: Name of the system, a folder of the package.
        estimator: Name of the estimator.

    Returns:
        The path.

    Raises:
        InputError: If none are packaged.
    """
    path = Path(str(resources.files(f"swansong.{system}") / "weights" / f"{estimator}.h5"))
    if not path.exists():
        raise InputError(
            f"no trained weights of `{estimator}` are packaged; train them (`swansong {system} train {estimator}`) and "
            "pass `--weights FILE`"
        )
    return path


def locate_weights(system: str, estimator: str, path: str | Path | None) -> tuple[Path, str | None, int]:
    """Find the weights to use.

    Args:
        system: Name of the system.
        estimator: Name of the estimator.
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The path, the sha256 that it must have (None for a file of the user's) and its time
        stamp, by which a reader knows an unchanged file.

    Raises:
        InputError: If none are packaged and none given.
    """
    expected = None
    if path is None:
        path = packaged_weights(system, estimator)
        expected = json.loads((path.parent / MANIFEST).read_text()).get(estimator)
    path = Path(path)
    return path, expected, path.stat().st_mtime_ns if path.exists() else 0


def read_weights(
    path: Path, *, system: str, estimator: str, schema: type[R], expected: str | None = None
) -> WeightsFile[R]:
    """Read a weights file and check it.

    Args:
        path: The file.
        system: Name of the system, for messages.
        estimator: Estimator that it must hold.
        schema: Schema of the system's recipes, which name their `estimator`.
        expected: sha256 it must have.

    Returns:
        The file.

    Raises:
        FileError: If it is damaged, was changed, or holds another estimator.
    """
    product = read_product(path, kind="weights")
    if expected is not None and product.sha256 != expected:
        raise FileError(f"`{path}` has sha256 {product.sha256[:12]}..., not the packaged one; reinstall swansong")
    configuration = product.provenance.configuration
    if "recipe" not in configuration or "analysis" not in configuration:
        raise FileError(
            f"`{path}` does not say which {system} recipe made it; give weights of `swansong {system} train`"
        )
    held = configuration["recipe"].get("estimator")
    if held != estimator:
        raise FileError(f"`{path}` holds weights of `{held}`, not of `{estimator}`; give matching ones")
    recipe = validate(schema, configuration["recipe"], source=str(path))
    return WeightsFile(product, recipe, configuration["analysis"], path)


__all__ = ["MANIFEST", "TrainedNetwork", "WeightsFile", "locate_weights", "packaged_weights", "read_weights"]
