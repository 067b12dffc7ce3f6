"""Spectrum of one pair that only gravitational waves drive: a single function for all masses and eccentricities.

Peters' relation of semi-major axis and eccentricity has one constant a track. Put as a frequency f_*, at which
the orbit would be nearly circular, it makes all tracks one: the spectrum over that of a circular pair depends on
f / f_* alone.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.special import expit

from swansong.core.errors import DomainError
from swansong.physics.eccentric_spectrum import harmonic_power, harmonic_rule
from swansong.physics.peters import POWER, enhancement, track_axis

Numbers: TypeAlias = float | Float[np.ndarray, "..."]

_LOW, _HIGH = 1e-6, 1e3  # frequencies f / f_* of the table
_POINTS = 500
_STEPS = 12  # of Newton's method, which needs 6 to 9


def track_frequency(frequency: Numbers, eccentricity: Numbers) -> Numbers:
    """Constant of the track that a pair is on.

    Args:
        frequency: Orbital frequency at one moment.
        eccentricity: Eccentricity then, in [0, 1).

    Returns:
        f_* = f (a / c_0)^(3/2), in the unit of the frequency; zero for a circle.

    Raises:
        DomainError: An eccentricity lies outside [0, 1).
    """
    e = np.asarray(eccentricity, float)
    if not np.all((e >= 0.0) & (e < 1.0)):
        worst = float(e[~((e >= 0.0) & (e < 1.0))].flat[0])
        raise DomainError(f"eccentricity must lie in [0, 1), got {worst:g}; a pair with 1 or more is not bound")
    return np.asarray(frequency, float) * track_axis(e) ** 1.5


def track_eccentricity(ratio: Numbers) -> Numbers:
    """Eccentricity of a pair on its track.

    Args:
        ratio: Orbital frequency over the constant of the track, f / f_*.

    Returns:
        Eccentricity in (0, 1).
    """
    wanted = -2.0 / 3.0 * np.log(np.asarray(ratio, float))
    # Newton in the logit v of e^2, in which ln(a / c_0) is nearly two straight lines.
    v = np.where(wanted > 0.0, wanted, 19.0 / 6.0 * wanted)
    for _ in range(_STEPS):
        square = expit(v)
        value = -6.0 / 19.0 * np.logaddexp(0.0, -v) + POWER * np.log1p(121.0 / 304.0 * square) + np.logaddexp(0.0, v)
        circularise = 121.0 / 304.0 * square / (1.0 + 121.0 / 304.0 * square)
        slope = (6.0 / 19.0 + POWER * circularise) * expit(-v) + square
        v = v - (value - wanted) / slope
    return np.sqrt(expit(v))


def summed_harmonics(ratio: Numbers) -> Numbers:
    """Squared strain of a pair driven by gravitational waves, over that of a circular pair.

    Args:
        ratio: Gravitational-wave frequency over the constant of the track, both in the frame of the source.

    Returns:
        The sum over n of g_n(e_n) / [F(e_n) (n/2)^(2/3)], e_n being the eccentricity at the orbital frequency f/n;
        1 at high frequencies, falling as f^(7/3) at low ones. Computed without a table.
    """
    x = np.asarray(ratio, float)
    rule = harmonic_rule()
    e = track_eccentricity(x[..., None] / rule.orders)
    terms = harmonic_power(rule.orders, e) / (enhancement(e) * (rule.orders / 2.0) ** (2.0 / 3.0))
    return np.sum(rule.weights * terms, axis=-1)


def eccentric_factor(ratio: Numbers) -> Numbers:
    """`summed_harmonics` from a table made once, to a relative 1e-6, and 1e-4 below a ratio of 1e-6.

    Args:
        ratio: Gravitational-wave frequency over the constant of the track; infinite for a circular pair.

    Returns:
        The factor.
    """
    spline, low, high = _table()
    x = np.asarray(ratio, float)
    inside = np.clip(x, _LOW, _HIGH)
    found = np.exp(spline(np.log(inside)))
    found = np.where(x < _LOW, low * x ** (7.0 / 3.0), found)
    # Far above f_* the square of the eccentricity, and with it the rest, falls as f^(-19/9).
    rest = np.divide(_HIGH, x, out=np.zeros_like(x), where=x > _HIGH) ** (19.0 / 9.0)
    return np.where(x > _HIGH, 1.0 + high * rest, found)


@functools.cache
def _table() -> tuple[Callable[[np.ndarray], np.ndarray], float, float]:
    """Spline of ln factor against ln f/f_*, coefficient below it and rest at its upper end."""
    x = np.geomspace(_LOW, _HIGH, _POINTS)
    values = np.asarray(summed_harmonics(x))
    return CubicSpline(np.log(x), np.log(values)), float(values[0] / x[0] ** (7.0 / 3.0)), float(values[-1] - 1.0)
