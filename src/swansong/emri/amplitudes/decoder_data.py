"""What the decoder learns from: solved amplitudes on its grid of modes, and batches of them."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Int

from swansong.core.errors import DataError
from swansong.core.types import Array, Float, Key
from swansong.emri.amplitudes.decoder_phases import leading_phase
from swansong.emri.amplitudes.decoder_settings import DecoderSettings
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.modes import polar_index
from swansong.emri.amplitudes.truth import AmplitudeSet

_NEWTONIAN = 3.0  # p times the norm of Z / w^2 over all modes, within some ten per cent on all orbits


class Batch(NamedTuple):
    """Orbits and their amplitudes on the grid.

    Attributes:
        orbits: (a, p, e, x).
        inputs: What the network is given.
        modulus: Moduli of the amplitudes in the decoder's unit.
        phase: Their phases [rad].
    """

    orbits: Float[Array, "batch 4"]
    inputs: Float[Array, "batch 4"]
    modulus: Float[Array, "batch pairs polar radial"]
    phase: Float[Array, "batch pairs polar radial"]


class ModeBank(eqx.Module):
    """Solved orbits as a source of batches; modes in rows, for the grid of an orbit is mostly empty.

    Attributes:
        orbits: (a, p, e, x).
        inputs: What the network is given.
        places: Places of the modes in the flattened grid, its size where a row has no more.
        modulus: Moduli of the amplitudes in the decoder's unit.
        phase: Their phases [rad].
        shape: Shape of the grid.
    """

    orbits: Float[Array, "orbits 4"]
    inputs: Float[Array, "orbits 4"]
    places: Int[Array, "orbits modes"]
    modulus: Float[Array, "orbits modes"]
    phase: Float[Array, "orbits modes"]
    shape: tuple[int, int, int] = eqx.field(static=True)

    def __len__(self) -> int:
        return len(self.orbits)

    def batch(self, key: Key, batch_size: int) -> Batch:
        """Draw random orbits, with replacement.

        Args:
            key: Random key.
            batch_size: Number of orbits.

        Returns:
            The batch.
        """
        return self.rows(jax.random.randint(key, (batch_size,), 0, len(self)))

    def select(self, rows: Int[np.ndarray, " chosen"]) -> "ModeBank":
        """Some of the orbits, as a bank.

        Args:
            rows: Which.

        Returns:
            The bank.
        """
        names = ("orbits", "inputs", "places", "modulus", "phase")
        return ModeBank(**{name: getattr(self, name)[rows] for name in names}, shape=self.shape)

    def rows(self, rows: Int[Array, " batch"]) -> Batch:
        """Some of the orbits.

        Args:
            rows: Which.

        Returns:
            The batch.
        """
        index, size = jnp.arange(len(rows))[:, None], int(np.prod(self.shape))

        def spread(values: Float[Array, "orbits modes"]) -> Float[Array, "batch pairs polar radial"]:
            flat = jnp.zeros((len(rows), size), values.dtype)
            return flat.at[index, self.places[rows]].set(values[rows], mode="drop").reshape(-1, *self.shape)

        return Batch(self.orbits[rows], self.inputs[rows], spread(self.modulus), spread(self.phase))


def inputs_of(orbits: Float[np.ndarray, "orbits 4"], settings: DecoderSettings) -> Float[np.ndarray, "orbits 4"]:
    """What the network is given for orbits, each number from -1 to 1 over its range.

    Args:
        orbits: (a, p, e, x).
        settings: Settings of the decoder.

    Returns:
        The inputs.
    """
    if settings.inputs == "separatrix":
        return Domain().coordinates(orbits)
    low, high = np.array(settings.ranges).T
    return (2.0 * np.asarray(orbits) - low - high) / (high - low)


def unit_of(
    modes: Int[np.ndarray, "modes 4"],
    *,
    frequencies: Float[np.ndarray, " modes"],
    orbits: Float[np.ndarray, "modes 4"],
    settings: DecoderSettings,
) -> Complex[np.ndarray, " modes"]:
    """The unit that the decoder's amplitudes have: Z over this is of order one, all modes of an orbit together.

    Args:
        modes: (l, m, j, n).
        frequencies: w of each mode [1/M].
        orbits: The orbit (a, p, e, x) of each mode.
        settings: Settings of the decoder.

    Returns:
        3 w^2 / p, times the phase that phases are counted from.
    """
    size = _NEWTONIAN * frequencies**2 / orbits[:, 1]
    if settings.phases == "leading":
        return size * leading_phase(modes, frequencies=frequencies, x=orbits[:, 3])
    return size.astype(complex)


def grid_modes(
    modes: Int[np.ndarray, "modes 4"], *, retrograde: np.ndarray, settings: DecoderSettings
) -> tuple[Int[np.ndarray, "modes 4"], Float[np.ndarray, " modes"]]:
    """Modes (l, m, j, n) in the index of the decoder's grid.

    Args:
        modes: (l, m, j, n).
        retrograde: Whether the orbit of each mode is.
        settings: Settings of the decoder.

    Returns:
        The modes, and the sign of their amplitudes there relative to those in j.
    """
    if settings.index == "j":
        return modes, np.ones(len(modes))
    found = np.where(retrograde[:, None], polar_index(modes, retrograde=True), polar_index(modes, retrograde=False))
    return found, np.where(retrograde & (modes[:, 1] % 2 == 1), -1.0, 1.0)


def make_bank(solved: AmplitudeSet, *, settings: DecoderSettings, modes: int) -> ModeBank:
    """Put solved orbits on the grid of a decoder.

    Args:
        solved: The orbits; modes outside the grid are left out.
        settings: Settings of the decoder.
        modes: Most modes kept of an orbit, the strongest first.

    Returns:
        The bank.

    Raises:
        DataError: If no orbit has a mode in the grid.
    """
    owner, frequency = solved.owner, solved.mode_frequency
    named, sign = grid_modes(solved.modes, retrograde=solved.orbits[owner, 3] < 0.0, settings=settings)
    places, inside = settings.grid.locate(named)
    if not inside.any():
        raise DataError(f"none of {len(inside):,} solved modes lies in the decoder's grid; widen the grid")
    strength = np.where(inside, np.abs(solved.infinity) / frequency**2, -1.0)
    # By orbit, and strongest first.
    order = np.lexsort((-strength, owner))
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order)) - solved.offsets[owner[order]]
    kept = np.flatnonzero(inside & (rank < modes))
    unit = unit_of(
        solved.modes[kept], frequencies=frequency[kept], orbits=solved.orbits[owner[kept]], settings=settings
    )
    values = sign[kept] * solved.infinity[kept] / unit
    widest = int(rank[kept].max()) + 1
    table = np.full((len(solved), widest), int(np.prod(settings.grid.shape)), np.int32)
    modulus, phase = np.zeros((2, len(solved), widest), np.float32)
    cells = owner[kept], rank[kept]
    table[cells], modulus[cells], phase[cells] = places[kept], np.abs(values), np.angle(values)
    return ModeBank(
        orbits=jnp.asarray(solved.orbits),
        inputs=jnp.asarray(inputs_of(solved.orbits, settings), jnp.float32),
        places=jnp.asarray(table),
        modulus=jnp.asarray(modulus),
        phase=jnp.asarray(phase),
        shape=settings.grid.shape,
    )


def captured(solved: AmplitudeSet, settings: DecoderSettings) -> Float[np.ndarray, " orbits"]:
    """How much of the amplitudes of solved orbits lies in the grid of a decoder.

    Args:
        solved: The orbits.
        settings: Settings of the decoder.

    Returns:
        Norm of Z / w^2 over the modes in the grid, as a share of that over all.
    """
    owner, frequency = solved.owner, solved.mode_frequency
    named, _ = grid_modes(solved.modes, retrograde=solved.orbits[owner, 3] < 0.0, settings=settings)
    square = np.abs(solved.infinity / frequency**2) ** 2
    inside = settings.grid.locate(named)[1]
    part, whole = (np.bincount(owner, weights, len(solved)) for weights in (square * inside, square))
    return np.sqrt(part / np.where(whole > 0.0, whole, 1.0))
