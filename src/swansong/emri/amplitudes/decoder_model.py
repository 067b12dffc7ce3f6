"""The trained decoder as a model of amplitudes, behind the interface of the others."""

from functools import lru_cache, partial
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import FileError
from swansong.core.padding import in_padded_batches
from swansong.core.types import Array
from swansong.emri.amplitudes.decoder_data import grid_modes, inputs_of, unit_of
from swansong.emri.amplitudes.decoder_fitting import build, fingerprint
from swansong.emri.amplitudes.decoder_network import ModeDecoder
from swansong.emri.amplitudes.decoder_recipe import ESTIMATOR, Recipe
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.models import _Model, quadratic
from swansong.emri.amplitudes.modes import canonical
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

    def _values(
        self,
        orbits: Float[np.ndarray, "orbits 4"],
        modes: Int[np.ndarray, "lists modes 4"],
        counts: Int[np.ndarray, " lists"],
    ) -> Complex[np.ndarray, "orbits modes"]:
        settings = self.trained.recipe.network
        volumes = in_padded_batches(
            partial(_decoded, self.trained.network), orbits, inputs_of(orbits, settings), largest=128
        )
        turns = in_padded_batches(orbit_frequencies, *orbits.T)
        found = np.zeros((len(orbits), modes.shape[1]), complex)
        for row, (orbit, modulus, phase) in enumerate(zip(orbits, *volumes, strict=True)):
            which = row if len(modes) > 1 else 0
            count = int(counts[which])
            user = modes[which, :count]
            w = user[:, 1:] @ np.array([turns.azimuthal[row], turns.polar[row], turns.radial[row]])
            backward = bool(orbit[3] < 0.0)
            form = canonical(user, retrograde=backward)
            # A mirrored mode stands for one of the opposite frequency.
            w = np.where(form.mirrored, -w, w)
            named, sign = grid_modes(form.modes, retrograde=np.full(count, backward), settings=settings)
            values, _ = settings.grid.gather(modulus * np.exp(1j * phase.astype(float)), named)
            unit = unit_of(form.modes, frequencies=w, orbits=np.tile(orbit, (count, 1)), settings=settings)
            found[row, :count] = form.amplitudes(sign * values * unit)
        return found

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        return self.domain.contains(orbits)

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
def _decoded(
    network: ModeDecoder, orbits: Float[Array, "orbits 4"], inputs: Float[Array, "orbits 4"]
) -> tuple[Array, Array]:
    return jax.vmap(network)(orbits, inputs)


@lru_cache(maxsize=2)
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
