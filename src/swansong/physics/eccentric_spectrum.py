"""Harmonics of the gravitational waves of an ellipse: the power of each, and sums over very many of them.

An ellipse radiates at every multiple n of its orbital frequency. At e = 0.99 hundreds of harmonics matter,
and a spectrum that adds orbits of all sizes at one frequency needs harmonics without end. Beyond the first
ones the terms of such a sum are smooth in n, so that a few orders with weights stand for all:
see `harmonic_rule`.
"""

import functools
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.special import jv

from swansong.core.errors import DomainError, InputError
from swansong.physics.peters import enhancement

Numbers: TypeAlias = float | Float[np.ndarray, "..."]

EXACT = 32
"""Harmonics that `harmonic_rule` keeps one by one."""

_LOWEST_DIRECT = 2.5  # orders below which the short form loses digits at small e
_SMALLEST = 1e-30  # eccentricity that stands for the circle, whose formula would divide zero by zero
_PANEL_NODES = 6  # Gauss nodes of each doubling of n
_DOUBLINGS = 12
_TAIL_NODES = 6


def harmonic_power(order: Numbers, eccentricity: Numbers) -> Numbers:
    """Power of one harmonic, over the whole power of the circle with the same semi-major axis.

    With the recurrences of the Bessel functions only J_n and its derivative remain,
    g_n = n^4/32 {[4 d J'/e - 2 (2 - e^2) J / (n e^2)]^2 + d [4 d J / e^2 - 4 J' / (n e)]^2 + 4 J^2 / (3 n^2)}
    with d = 1 - e^2. For the first two orders, where those brackets cancel at small e, the published form is used.

    Args:
        order: Harmonic n of the orbital frequency, from 1; need not be whole.
        eccentricity: Eccentricity in [0, 1).

    Returns:
        g_n(e), of the two shapes broadcast together. The sum over n is the enhancement F(e).

    Raises:
        DomainError: An order is below 1 or an eccentricity lies outside [0, 1).

    Reference:
        Peters & Mathews 1963, Phys. Rev. 131, 435, equation 20.
    """
    n, e = np.broadcast_arrays(np.asarray(order, float), np.asarray(eccentricity, float))
    if not np.all(n >= 1.0):
        raise DomainError(f"harmonics are counted from 1, got {float(np.min(n)):g}; give orders of 1 or more")
    if not np.all((e >= 0.0) & (e < 1.0)):
        worst = float(e[~((e >= 0.0) & (e < 1.0))].flat[0])
        raise DomainError(f"eccentricity must lie in [0, 1), got {worst:g}; a pair with 1 or more is not bound")
    e = np.maximum(e, _SMALLEST)
    short = n > _LOWEST_DIRECT
    found = np.empty(n.shape)
    found[short] = _short_form(n[short], e[short])
    found[~short] = _published_form(n[~short], e[~short])
    return found


def _short_form(n: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Power of a harmonic from J_n(ne) and its derivative."""
    deficit = (1.0 - e) * (1.0 + e)
    value = jv(n, n * e)
    slope = 0.5 * (jv(n - 1.0, n * e) - jv(n + 1.0, n * e))
    first = 4.0 * deficit / e * slope - 2.0 / n * (1.0 + deficit) * value / e**2
    second = 4.0 * deficit * value / e**2 - 4.0 / (n * e) * slope
    return n**4 / 32.0 * (first**2 + deficit * second**2 + 4.0 / (3.0 * n**2) * value**2)


def _published_form(n: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Power of a harmonic from five Bessel functions."""
    far_below, below, value, above, far_above = (jv(n + shift, n * e) for shift in (-2.0, -1.0, 0.0, 1.0, 2.0))
    first = far_below - 2.0 * e * below + 2.0 / n * value + 2.0 * e * above - far_above
    second = far_below - 2.0 * value + far_above
    deficit = (1.0 - e) * (1.0 + e)
    return n**4 / 32.0 * (first**2 + deficit * second**2 + 4.0 / (3.0 * n**2) * value**2)


@dataclass(frozen=True, eq=False)
class HarmonicRule:
    """Orders and weights that stand for a sum over all harmonics.

    Attributes:
        orders: Orders n, rising, (nodes,).
        weights: Weight of each, (nodes,).
    """

    orders: Float[np.ndarray, "nodes"]
    weights: Float[np.ndarray, "nodes"]

    def __len__(self) -> int:
        return len(self.orders)


@functools.cache
def harmonic_rule(*, exact: int = EXACT, doublings: int = _DOUBLINGS, tail: bool = True) -> HarmonicRule:
    """Orders and weights that stand for the sum over n of terms that are smooth in n.

    The first harmonics are kept. Each further doubling of n is a discrete Gauss rule: exact, as a sum over
    whole numbers, where the terms are a polynomial of degree 11 in n. The rest without end is a Gauss rule in
    n^(-2/3), in which spectra of orbits of all sizes at one frequency are smooth: there n (1 - e^2)^(3/2) tends
    to a constant and the terms fall as n^(-5/3).

    Args:
        exact: Harmonics kept one by one.
        doublings: How often the last n is doubled.
        tail: Whether to go on without end; a single ellipse, whose harmonics end, does not need it.

    Returns:
        The rule.

    Raises:
        InputError: Fewer harmonics are to be kept than a Gauss rule has nodes.
    """
    if exact < _PANEL_NODES:
        raise InputError(f"`exact` must be at least {_PANEL_NODES}, got {exact}; keep more harmonics one by one")
    orders, weights = [np.arange(1.0, exact + 1.0)], [np.ones(exact)]
    last = exact
    for _ in range(doublings):
        places, shares = _gauss_of_sum(last, nodes=_PANEL_NODES)
        orders.append(last + 1.0 + places)
        weights.append(shares)
        last *= 2
    if tail:
        places, shares = np.polynomial.legendre.leggauss(_TAIL_NODES)
        depth = 0.5 * (1.0 - places)
        orders.append((last + 0.5) * depth**-1.5)
        weights.append(0.75 * (last + 0.5) * shares * depth**-2.5)
    return HarmonicRule(np.concatenate(orders), np.concatenate(weights))


def _gauss_of_sum(count: int, *, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule for the sum over 0, 1, ..., count - 1, from the recurrence of Chebyshev's discrete polynomials."""
    k = np.arange(1.0, nodes)
    beside = np.sqrt(k**2 * (count**2 - k**2) / (4.0 * (4.0 * k**2 - 1.0)))
    places, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return places + 0.5 * (count - 1.0), count * vectors[0] ** 2


def peak_harmonic(eccentricity: Numbers) -> Numbers:
    """Harmonic with the most power, near enough.

    Args:
        eccentricity: Eccentricity in [0, 1).

    Returns:
        2 (1 + e)^1.1954 / (1 - e^2)^1.5.

    Reference:
        Wen 2003, ApJ 598, 419, equation 36.
    """
    e = np.asarray(eccentricity, float)
    return 2.0 * (1.0 + e) ** 1.1954 / (1.0 - e**2) ** 1.5


def harmonics_needed(eccentricity: float, *, error: float = 1e-6) -> int:
    """Number of harmonics after which the rest of the power is negligible.

    Args:
        eccentricity: Eccentricity in [0, 1).
        error: Power left out, over the whole power.

    Returns:
        The smallest N whose first N harmonics hold 1 - error of the power.

    Raises:
        InputError: The error does not lie between 1e-10 and 1.
    """
    if not 1e-10 <= error < 1.0:
        raise InputError(f"`error` must lie between 1e-10 and 1, got {error:g}; give 1e-6 for a millionth")
    largest = 2 + math.ceil(20.0 * float(peak_harmonic(np.asarray(eccentricity))))
    power = np.asarray(harmonic_power(np.arange(1.0, largest + 1.0), eccentricity))
    # Added from the far end, so that the small rest keeps its digits.
    rest = np.cumsum(power[::-1])[::-1] / float(enhancement(eccentricity))
    below = np.flatnonzero(rest < error)
    return int(below[0]) if len(below) else largest
