"""What the phases of amplitudes are counted from: those of the leading moment of the orbit, with its tail.

Left of the phase of a solved mode are some tenths of a radian, which a network learns, and half turns where the
leading moment changes its sign a little early or late.
"""

from functools import cache
from math import comb, factorial, sqrt

import numpy as np
from jaxtyping import Complex, Float, Int
from scipy.special import loggamma

from swansong.emri.amplitudes.modes import LARGEST_L

_CHUNK = 100_000  # modes at a time, which bounds the memory
_SLOWEST = 1e-9  # frequency below which the tail has no phase


def leading_phase(
    modes: Int[np.ndarray, "modes 4"], *, frequencies: Float[np.ndarray, " modes"], x: Float[np.ndarray, " modes"]
) -> Complex[np.ndarray, " modes"]:
    """Unit numbers with the phase that modes have at leading order.

    A mass moment (l + j even) has the phase of (-i w)^l, a current moment that of -i (-i w)^l; both turn with the sign
    of the rotation matrix element d^l_mj at the inclination and with the tail, and half way at odd n where the radial
    motion runs against the wave.

    Args:
        modes: (l, m, j, n).
        frequencies: w of each mode [1/M].
        x: cos(inclination) of the orbit of each mode.

    Returns:
        The numbers.

    Reference:
        Poisson, Phys. Rev. D 47, 1497 (1993) and Poisson and Sasaki, arXiv:gr-qc/9412027 (tails).
    """
    parts = [
        _phase(modes[first : first + _CHUNK], frequencies[first : first + _CHUNK], x[first : first + _CHUNK])
        for first in range(0, len(modes), _CHUNK)
    ]
    return np.concatenate([np.zeros(0, complex), *parts])


def _phase(
    modes: Int[np.ndarray, "modes 4"], w: Float[np.ndarray, " modes"], x: Float[np.ndarray, " modes"]
) -> Complex[np.ndarray, " modes"]:
    """The same for few modes."""
    l, m, j, n = modes.T
    mass, backward = (l + j) % 2 == 0, w < 0.0
    size = np.maximum(np.abs(w), _SLOWEST)
    # Gamma(l + 1 - 2iw) e^(2iw ln(4w / sqrt(e))), and a part of relative order w that grows toward small l.
    tail = np.imag(loggamma(l + 1.0 - 2.0j * size)) + 2.0 * size * (np.log(4.0 * size) - 0.5)
    near = 4.0 / (l * (l + 1.0)) + np.where(mass, 12.0 / ((l - 1.0) * l * (l + 1.0) * (l + 2.0)), 0.0)
    turned = np.exp(1j * (tail + size * near))
    halves = l + m + np.where(backward, l, j) + np.where(n * w < 0.0, n, 0)
    sign = np.where(halves % 2 == 0, 1.0, -1.0) * rotation_sign(modes, x)
    return sign * (-1j) ** (l + ~mass) * np.where(backward, np.conj(turned), turned)


def rotation_sign(modes: Int[np.ndarray, "modes 4"], x: Float[np.ndarray, " modes"]) -> Float[np.ndarray, " modes"]:
    """Sign of the rotation matrix element d^l_mj at the angle arccos(x), 1 where |j| > l and there is none.

    Args:
        modes: (l, m, j, n).
        x: cos(inclination) of the orbit of each mode.

    Returns:
        Signs.
    """
    l, m, j, _ = modes.T
    known = np.abs(j) <= l
    half = 0.5 * np.arccos(np.clip(x, -1.0, 1.0))
    power = np.arange(2 * LARGEST_L + 1)
    cosines = np.cos(half)[:, None] ** np.maximum(2 * l[:, None] - power, 0)
    terms = _rotations()[l, m, np.where(known, j, 0) + LARGEST_L] * np.sin(half)[:, None] ** power * cosines
    return np.where(known & (terms.sum(axis=1) < 0.0), -1.0, 1.0)


@cache
def _rotations() -> Float[np.ndarray, "degrees orders second powers"]:
    """d^l_mj as coefficients of sin(half)^q cos(half)^(2l-q), at [l, m, j + 10, q].

    Reference:
        Wigner 1959, Group Theory, equation (15.27).
    """
    table = np.zeros((LARGEST_L + 1, LARGEST_L + 1, 2 * LARGEST_L + 1, 2 * LARGEST_L + 1))
    for l in range(LARGEST_L + 1):
        for m in range(l + 1):
            for j in range(-l, l + 1):
                size = sqrt(factorial(l + m) * factorial(l - m) / (factorial(l + j) * factorial(l - j)))
                for k in range(max(0, j - m), min(l + j, l - m) + 1):
                    share = comb(l + j, k) * comb(l - j, l - m - k) / size
                    table[l, m, j + LARGEST_L, m - j + 2 * k] = (-1) ** (m - j + k) * share * size**2
    return table
