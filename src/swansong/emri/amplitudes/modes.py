"""Modes of a bound orbit and the index in which their amplitudes are continuous.

A mode is (l, m, k, n), with frequency m Omega_phi + k Omega_theta + n Omega_r. Where the inclination crosses a
polar orbit, Omega_phi jumps by twice Omega_theta, and so does k at fixed physics. With

    j = k + sgn(x) m,    Z_j = Z_k (x > 0),  (-1)^m Z_k (x < 0)

nothing jumps: j counts turns in the orbital plane. Inside the package modes are (l, m, j, n) with m > 0, or m = 0 and
j > 0, or m = j = 0 and n > 0: the other half follows from Z_{l,-m,-k,-n} = (-1)^(l+k) conj(Z), and a mode stands
for two in every sum.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import InputError

SMALLEST_L, LARGEST_L = 2, 10
"""Degrees of the modes."""

CLASSES = ("SC", "SE", "KEC", "KEE", "KIC", "KG")
"""Schwarzschild circular, eccentric; Kerr equatorial circular, eccentric; inclined circular; generic."""


_WIDTH = 8  # columns of a grid come in multiples of this, so that few shapes are compiled


@dataclass(frozen=True, eq=False)
class CanonicalModes:
    """Modes of one orbit as the package keeps them.

    Attributes:
        modes: (l, m, j, n), shape (modes, 4).
        mirrored: Whether the mode asked for is the other of the pair, so that its amplitude is conjugated.
        sign: What the amplitude is multiplied by after that, 1 or -1.
    """

    modes: Int[np.ndarray, "modes 4"]
    mirrored: Bool[np.ndarray, "modes"]
    sign: Float[np.ndarray, "modes"]

    def amplitudes(self, values: Complex[np.ndarray, "*batch modes"]) -> Complex[np.ndarray, "*batch modes"]:
        """Amplitudes of the modes asked for from those of the canonical ones."""
        return self.sign * np.where(self.mirrored, np.conj(values), values)


def check_modes(modes: Int[np.ndarray, "modes 4"]) -> Int[np.ndarray, "modes 4"]:
    """Refuse what is no mode.

    Args:
        modes: (l, m, k, n).

    Returns:
        The same as integers.

    Raises:
        InputError: If the shape is not (modes, 4), l lies outside 2..10, |m| > l, or m = k = n = 0.
    """
    given = np.asarray(modes)
    if given.ndim != 2 or given.shape[1] != 4 or not np.issubdtype(given.dtype, np.integer):
        raise InputError(
            f"`modes` must be an integer array of shape (modes, 4) with rows (l, m, k, n), got {given.dtype} of shape "
            f"{given.shape}; write np.array([[2, 2, 0, 0]])"
        )
    l, m = given[:, 0], given[:, 1]
    for bad, why in (
        ((l < SMALLEST_L) | (l > LARGEST_L), f"l lies outside {SMALLEST_L} to {LARGEST_L}"),
        (np.abs(m) > l, "|m| is larger than l"),
        ((given[:, 1:] == 0).all(axis=1), "it is static and radiates nothing"),
    ):
        if bad.any():
            raise InputError(
                f"mode {tuple(given[int(np.argmax(bad))].tolist())} of `modes` is none: {why}; leave it out"
            )
    return given.astype(np.int64)


def canonical(modes: Int[np.ndarray, "modes 4"], *, retrograde: bool) -> CanonicalModes:
    """Modes (l, m, k, n) of an orbit in the index (l, m, j, n).

    Args:
        modes: (l, m, k, n), any signs.
        retrograde: Whether x < 0.

    Returns:
        The canonical modes and how amplitudes are taken back.
    """
    l, m, k, n = (np.array(column) for column in np.asarray(modes).T)
    mirrored = (m < 0) | ((m == 0) & ((k < 0) | ((k == 0) & (n < 0))))
    sign = np.where(mirrored & ((l + k) % 2 == 1), -1.0, 1.0)
    m, k, n = (np.where(mirrored, -column, column) for column in (m, k, n))
    if retrograde:
        sign = np.where(m % 2 == 1, -sign, sign)
    return CanonicalModes(np.column_stack([l, m, k - m if retrograde else k + m, n]), mirrored, sign)


def polar_index(modes: Int[np.ndarray, "modes 4"], *, retrograde: bool) -> Int[np.ndarray, "modes 4"]:
    """(l, m, k, n) from (l, m, j, n)."""
    found = np.array(modes)
    found[:, 2] += found[:, 1] if retrograde else -found[:, 1]
    return found


def orbit_class(orbits: Float[np.ndarray, "orbits 4"]) -> Int[np.ndarray, "orbits"]:
    """Index into `CLASSES` of orbits (a, p, e, x); retrograde equatorial orbits count as equatorial."""
    a, _, e, x = np.asarray(orbits).T
    spinning, eccentric, inclined = a > 0.0, e > 0.0, np.abs(x) < 1.0
    return np.where(
        ~spinning, np.where(eccentric, 1, 0), np.where(inclined, np.where(eccentric, 5, 4), np.where(eccentric, 3, 2))
    )


class ModeGrid(NamedTuple):
    """Groups (m, j, n) of one shape, whose degrees the kludge computes together.

    Attributes:
        j: Second index, shape (orders, groups); row m holds those of azimuthal order m.
        n: Radial index, likewise.
    """

    j: Int[np.ndarray, "orders groups"]
    n: Int[np.ndarray, "orders groups"]

    @property
    def canonical(self) -> np.ndarray:
        """Which modes (l, m, j, n) exist and stand for their pair, shape (orders, groups, degrees)."""
        m = np.arange(self.j.shape[0])[:, None]
        chosen = (m > 0) | (self.j > 0) | ((self.j == 0) & (self.n > 0))
        return chosen[..., None] & (np.arange(SMALLEST_L, LARGEST_L + 1) >= m[..., None])

    @property
    def modes(self) -> Int[np.ndarray, "modes 4"]:
        """(l, m, j, n) of all modes, row by row, of shape (orders * groups * degrees, 4)."""
        m = np.broadcast_to(np.arange(self.j.shape[0])[:, None, None], (*self.j.shape, LARGEST_L - SMALLEST_L + 1))
        l = np.broadcast_to(np.arange(SMALLEST_L, LARGEST_L + 1), m.shape)
        j, n = (np.broadcast_to(value[..., None], m.shape) for value in self)
        return np.stack([l, m, j, n], axis=-1).reshape(-1, 4)


def grid_of(modes: Int[np.ndarray, "modes 4"]) -> tuple[ModeGrid, Int[np.ndarray, "modes"]]:
    """Arrange modes in groups that differ in their degree only.

    Args:
        modes: (l, m, j, n) with m >= 0; repetitions are allowed.

    Returns:
        The groups, rows filled up with static ones, and the place of each mode among `ModeGrid.modes`.

    Raises:
        InputError: If a degree lies outside 2..10 or an order outside 0..l.
    """
    given = np.asarray(modes)
    l, m = given[:, 0], given[:, 1]
    bad = (l < SMALLEST_L) | (l > LARGEST_L) | (m < 0) | (m > l)
    if bad.any():
        raise InputError(
            f"mode {tuple(given[int(np.argmax(bad))].tolist())} has no place in a grid of degrees {SMALLEST_L} to "
            f"{LARGEST_L} and orders 0 to l; bring modes to that form with `canonical`"
        )
    groups, member = np.unique(given[:, 1:], axis=0, return_inverse=True)
    order = groups[:, 0]
    # Groups are sorted by order, so that a column is the distance to the first of its row.
    column = np.arange(len(groups)) - np.searchsorted(order, order)
    widest = int(column.max(initial=0)) + 1
    shape = (int(order.max(initial=0)) + 1, _WIDTH * -(-widest // _WIDTH))
    j, n = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    j[order, column], n[order, column] = groups[:, 1], groups[:, 2]
    place = (order * shape[1] + column)[member.reshape(-1)]
    return ModeGrid(j, n), place * (LARGEST_L - SMALLEST_L + 1) + l - SMALLEST_L
