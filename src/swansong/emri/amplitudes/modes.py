"""Modes of a bound orbit and the index in which their amplitudes are continuous.

A mode is (l, m, k, n), with frequency m Omega_phi + k Omega_theta + n Omega_r. Where the inclination crosses a
polar orbit, Omega_phi jumps by twice Omega_theta, and so does k at fixed physics. With

    j = k + sgn(x) m,    Z_j = Z_k (x > 0),  (-1)^m Z_k (x < 0)

nothing jumps: j counts turns in the orbital plane. Inside the package modes are (l, m, j, n) with m > 0, or m = 0 and
j > 0, or m = j = 0 and n > 0: the other half follows from Z_{l,-m,-k,-n} = (-1)^(l+k) conj(Z), and a mode stands
for two in every sum.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import InputError

SMALLEST_L, LARGEST_L = 2, 10
"""Degrees of the modes."""

CLASSES = ("SC", "SE", "KEC", "KEE", "KIC", "KG")
"""Schwarzschild circular, eccentric; Kerr equatorial circular, eccentric; inclined circular; generic."""


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

    def amplitudes(self, values: Complex[np.ndarray, "modes"]) -> Complex[np.ndarray, "modes"]:
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
            raise InputError(f"mode {tuple(given[int(np.argmax(bad))].tolist())} of `modes` is none: {why}; leave it out")
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
