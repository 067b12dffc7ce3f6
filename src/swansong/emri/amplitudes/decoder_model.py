"""The trained decoder as a model of amplitudes, behind the interface of the others."""

import functools
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float

from swansong.core.errors import FileError
from swansong.core.types import Array
from swansong.emri.amplitudes.decoder_data import grid_modes, inputs_of, unit_of
from swansong.emri.amplitudes.decoder_fitting import build, fingerprint
from swansong.emri.amplitudes.decoder_network import ModeDecoder
from swansong.emri.amplitudes.decoder_recipe import ESTIMATOR, Recipe
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.models import _Model, quadratic
from swansong.emri.amplitudes.modes import CanonicalModes
from swansong.learning.packaged import TrainedNetwork, locate_weights, read_weights
from swansong.physics.geodesics import orbit_frequencies

SYSTEM = "emri.amplitudes"
"""Folder of the packaged weights."""


class Decoder(_Model):
    """The published network, trained on solved amplitudes.

    Modes outside its grid get the amplitude zero; what they carry counts in the error that it states, which is fitted
    to the errors of orbits that it did not learn.

    Attributes:
        trained: The network with the recipe that made it.
        errors: Coefficients of log10 E in `quadratic` of the coordinates of the domain.
        domain: Orbits it is made for.
    """

    name = ESTIMATOR

    def __init__(self, path: str | Path | None = None) -> None:
        """Load the network.

        Args:
            path: A weights file of a training run; the packaged one if None.

        Raises:
            InputError: If none are packaged and none given.
            FileError: If the file is damaged, was changed, or holds no finished decoder.
        """
        self.trained, self.errors = _load(*locate_weights(SYSTEM, ESTIMATOR, path))
        self.domain = Domain()

    def _values(self, orbit: Float[np.ndarray, "4"], modes: CanonicalModes) -> Complex[np.ndarray, " modes"]:
        settings, count = self.trained.recipe.network, len(modes.modes)
        inputs = inputs_of(orbit[None], settings)[0]
        modulus, phase = jax.device_get(_decoded(self.trained.network, jnp.asarray(orbit), jnp.asarray(inputs)))
        backward = np.full(count, orbit[3] < 0.0)
        named, sign = grid_modes(modes.modes, retrograde=backward, settings=settings)
        values, _ = settings.grid.gather(modulus * np.exp(1j * phase.astype(float)), named)
        found = orbit_frequencies(*orbit)
        _, m, j, n = modes.modes.T
        k = np.where(backward, j + m, j - m)
        frequency = m * float(found.azimuthal) + k * float(found.polar) + n * float(found.radial)
        unit = unit_of(modes.modes, frequencies=frequency, orbits=np.tile(orbit, (count, 1)), settings=settings)
        return sign * values * unit

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        return np.asarray((np.abs(self.domain.coordinates(orbits)) <= 1.0 + 1e-9).all(axis=1))

    def _refuse(self, orbit: Float[np.ndarray, "4"]) -> str:
        domain = self.domain
        return (
            f"a = {orbit[0]:.6g}, p = {orbit[1]:.6g}, e = {orbit[2]:.6g}, x = {orbit[3]:.6g} lies outside the domain "
            f"of `{self.name}`, a <= {domain.largest_spin:g}, e <= {domain.largest_eccentricity:g} and p from "
            f"{domain.nearest:g} to {domain.farthest:g} outside the separatrix"
        )

    def _errors(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
        q = np.clip(self.domain.coordinates(orbits), -1.0, 1.0)
        return np.minimum(10.0 ** (quadratic(q) @ self.errors), 1.0)


@eqx.filter_jit
def _decoded(network: ModeDecoder, orbit: Float[Array, "4"], inputs: Float[Array, "4"]) -> tuple[Array, Array]:
    return network(orbit, inputs)


@functools.lru_cache(maxsize=2)
def _load(path: Path, expected: str | None, stamp: int) -> tuple[TrainedNetwork[Recipe], Float[np.ndarray, " terms"]]:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system="emri amplitudes", estimator=ESTIMATOR, schema=Recipe, expected=expected)
    found.require_analysis(fingerprint(found.recipe))
    if "errors" not in found.product.metadata:
        raise FileError(
            f"`{path}` holds one part of a curriculum, not a finished decoder; give the `weights.h5` that "
            "`swansong emri amplitudes train` leaves at its end"
        )
    return found.fill(build(found.recipe, seed=0)), np.array(found.product.metadata["errors"])
