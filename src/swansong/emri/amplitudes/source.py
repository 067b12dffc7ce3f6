"""Amplitudes by integrating the Teukolsky source of a bound orbit against radial functions.

The source of a point particle is a sum of products of functions of radius and of polar angle, but for powers of
1 / (r + i a z), which are expanded in a z / r. What is left are one-dimensional averages over the radial and the polar
Mino phase, as for the analytic baseline, now with exact weights:

    Z = -2 pi / Upsilon_t  sum_k  (radial averages with r^-k) (polar averages with (-i a z)^k)

With R = R_in / W the radial function, v = R and s = R', K = (r^2 + a^2) w - a m and kappa = K / Delta, the radial
weights are products of cosines and sines of the phase n q + w t(q) - m phi(q) with v, i kappa v - s, and
v (lambda / Delta - 2 kappa^2 + i (6 w r - kappa Delta') / Delta) + s (Delta' / Delta - 2 i kappa), where the second
derivative has been taken from the equation. The polar ones hold S, L_2 S and L_1 L_2 S of the spheroidal harmonic.
With R_up / W instead the same integrals are the amplitudes at the horizon.

Reference:
    Sasaki and Tagoshi, gr-qc/0306120, section 2 (source); Drasco and Hughes, gr-qc/0509101 (generic orbits).
"""

import functools
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.padding import in_padded_batches
from swansong.core.types import Array
from swansong.emri.amplitudes.kludge import MIXED_L, mixing_table
from swansong.emri.amplitudes.modes import LARGEST_L
from swansong.emri.amplitudes.orbit_kernels import SIZES, Orbits
from swansong.emri.amplitudes.radial import RadialTable, lowest_radius
from swansong.emri.amplitudes.radial_kernels import mix, sort_entries
from swansong.emri.amplitudes.source_kernels import Mixing, amplitudes, place_modes
from swansong.physics.geodesics import OrbitFrequencies, OrbitNodes, orbit_nodes
from swansong.physics.spin_weighted import recurrence

_POLAR = 8  # nodes of a quarter of a polar period
_TOLERANCE, _TERMS = 1e-9, 15  # what is left out of the expansion in a z / r, and most of its terms
_TOGETHER = 128_000  # modes whose radial functions are held at once: what the caches hold
_TASK = 1024  # most modes of an orbit that a core takes at a time
_CORES = 8  # that a single orbit is divided among


class SourceModes(NamedTuple):
    """Amplitudes of modes of orbits.

    Attributes:
        amplitudes: Z, shape (orbits, modes); zero where a mode is static, not excited, or beyond the table.
        frequency: w [1/M], likewise.
        inside: Whether the mode lies within the radial table, likewise.
    """

    amplitudes: Complex[np.ndarray, "orbits modes"]
    frequency: Float[np.ndarray, "orbits modes"]
    inside: Bool[np.ndarray, "orbits modes"]


class SourceOrbits(NamedTuple):
    """Orbits made ready.

    Attributes:
        kernel: What compiled code sees of them, but for the spins of the table.
        frequencies: Frequencies of the orbits.
    """

    kernel: Orbits
    frequencies: OrbitFrequencies

    def select(self, rows: slice) -> Orbits:
        """The kernel's part for some orbits."""
        return Orbits(*(part[rows] for part in self.kernel))


@functools.cache
def _mixing() -> Mixing:
    """Mixing coefficients of spheroidal harmonics."""
    table = mixing_table()
    return Mixing(np.asarray(table.coefficients), np.asarray(table.slopes), float(table.reach), float(table.step))


def _moving(size: int, *, odd: bool) -> np.ndarray:
    """From values at the most radial nodes to those at fewer, of even or odd functions; shape (most, size)."""
    most = SIZES[-1]
    order = np.arange(1, most + 1) if odd else np.arange(most)
    weight = np.where(order == (most if odd else 0), 1.0, 2.0) / most
    wave = np.sin if odd else np.cos
    fine, coarse = ((np.arange(n) + 0.5) * np.pi / n for n in (most, size))
    return wave(np.outer(fine, order)) * weight @ wave(np.outer(order, coarse))


@functools.cache
def _all_sizes() -> tuple[np.ndarray, np.ndarray]:
    """The same for all numbers of nodes side by side, even and odd."""
    even, odd = (np.concatenate([_moving(size, odd=odd) for size in SIZES], axis=1) for odd in (False, True))
    return even, odd


@jax.jit
def _nodes(orbits: Array) -> tuple[OrbitNodes, Array]:
    a, p, e, x = orbits.T
    return orbit_nodes(a, p, e, x, radial=SIZES[-1], polar=_POLAR), lowest_radius(a)


def source_orbits(orbits: Float[np.ndarray, "orbits 4"]) -> SourceOrbits:
    """Orbits at their nodes.

    Args:
        orbits: (a, p, e, x), outside the separatrix.

    Returns:
        What `source_modes` needs.
    """
    a, p, e, x = orbits.T
    nodes, lowest = in_padded_batches(_nodes, orbits)
    even, odd = _all_sizes()
    radial = np.stack([nodes.radius @ even, nodes.time_radial @ odd, nodes.turn_radial @ odd], axis=1)
    polar = np.stack([nodes.psi, nodes.time_polar, nodes.turn_polar, nodes.psi_rate], axis=1)
    ratio = np.clip(a * np.sqrt(1.0 - x * x) * (1.0 + e) / p, 1e-12, 0.9)
    terms = np.clip(np.ceil(np.log(_TOLERANCE) / np.log(ratio)), 1, _TERMS).astype(np.int64)
    omega, constants = nodes.frequencies, nodes.constants
    numbers = np.stack(
        [
            a, x, constants.energy, constants.momentum, constants.carter, nodes.time, omega.polar, omega.precession,
            omega.radial, lowest, e,
        ],
        axis=1,
    )  # fmt: skip
    return SourceOrbits(Orbits(radial, polar, terms, numbers, a[:, None]), omega)


def source_modes(
    table: RadialTable,
    orbits: SourceOrbits,
    modes: Int[np.ndarray, "lists modes 4"],
    *,
    counts: Int[np.ndarray, " lists"] | None = None,
) -> SourceModes:
    """Amplitudes of modes of orbits, on all cores.

    Args:
        table: Radial functions; those of `load_table("horizon")` give amplitudes at the horizon.
        orbits: Answer of `source_orbits`.
        modes: (l, m, k, n), any signs: one list for all orbits, or one for each.
        counts: How many rows of each list are modes; all if None.

    Returns:
        The amplitudes.
    """
    number, length = len(orbits.kernel.numbers), modes.shape[1]
    listed = np.ascontiguousarray(modes, dtype=np.int64)
    given = np.full(len(listed), length) if counts is None else np.asarray(counts)
    values, inside = np.zeros((number, length), complex), np.zeros((number, length), bool)
    frequency = np.zeros((number, length))
    together = min(number, max(1, _TOGETHER // max(length, 1)))
    work = _Work.of(together, length, table.kernel.weights.shape[3])
    for first in range(0, number, together):
        rows = slice(first, min(first + together, number))
        each = len(listed) > 1
        _compute(
            table, orbits.select(rows), listed[rows] if each else listed, given[rows] if each else given,
            (values[rows], frequency[rows], inside[rows]), work,
        )  # fmt: skip
    return SourceModes(values, frequency, inside)


class _Work(NamedTuple):
    """Arrays between the steps, used again for every batch of orbits: fresh memory is slow."""

    families: np.ndarray
    size: np.ndarray
    place: np.ndarray
    reach: np.ndarray
    eigenvalues: np.ndarray
    mixed: np.ndarray

    @classmethod
    def of(cls, orbits: int, modes: int, width: int) -> "_Work":
        """For so many orbits and modes, (orbits, modes) each, and weights of so many fixed functions."""
        shape = (orbits, modes)
        return cls(
            families=np.empty(shape, np.int16),
            size=np.empty(shape, np.int8),
            place=np.empty(shape),
            reach=np.empty(shape),
            eigenvalues=np.empty(shape),
            mixed=np.empty((*shape, width), np.float32),
        )


def _compute(
    table: RadialTable,
    orbits: Orbits,
    modes: np.ndarray,
    counts: np.ndarray,
    out: tuple[np.ndarray, ...],
    work: _Work,
) -> None:
    """Fill amplitudes, frequencies and whether modes are inside, (orbits, modes) each."""
    values, frequency, inside = out
    shape, kernel = values.shape, table.kernel
    orbits = orbits._replace(shares=table.shares(orbits.numbers[:, 0]))
    families, size, place, reach, eigenvalues, mixed = (part[: shape[0]] for part in work)
    place_modes(kernel, orbits, modes, counts, frequency, families, place, reach, size)
    inside[:] = families >= 0
    # Family by family, since the whole table does not fit the caches.
    entries = sort_entries(families.ravel(), place.ravel(), *kernel.weights.shape[:2])
    flat = [array.reshape(values.size, *array.shape[2:]) for array in (families, place, mixed, eigenvalues)]
    mix(kernel, orbits.shares, entries, flat[0], flat[1], np.repeat(np.arange(shape[0]), shape[1]), flat[2], flat[3])
    listed = np.broadcast_to(counts, shape[0])
    most = min(_TASK, max(64, -(-int(listed.sum()) // _CORES)))
    tasks = [(row, start, min(start + most, end)) for row, end in enumerate(listed) for start in range(0, end, most)]
    climb = recurrence(largest_m=LARGEST_L, largest_l=MIXED_L)
    placed = (frequency, families, reach, size)
    amplitudes(
        kernel, _mixing(), climb, orbits, modes, np.array(tasks, np.int64).reshape(-1, 3), placed, mixed, eigenvalues,
        values,
    )  # fmt: skip
