"""Spin-weighted spherical harmonics of weight -2, the angular patterns of gravitational radiation.

    -2Y_lm(theta, phi) = sqrt((2l+1)/4pi) d(theta) e^{i m phi},

with the small Wigner matrix written as a finite sum. The sign is the usual one of waveform
work: -2Y_22 = sqrt(5/64pi) (1 + cos theta)^2 e^{2 i phi}.

Reference:
    Ajith et al., arXiv:0709.0093, equations II.7 and II.8.
"""

import math

import numpy as np
from jaxtyping import Complex, Float

from swansong.core.errors import InputError

WEIGHT = -2
"""Spin weight of h+ - i hx."""


def spin_weighted_harmonic(
    l: int,
    m: int,
    *,
    theta: Float[np.ndarray, "..."] | float,
    phi: Float[np.ndarray, "..."] | float,
) -> Complex[np.ndarray, "..."]:
    """Evaluate one harmonic of spin weight -2.

    Args:
        l: Degree, 2 or more.
        m: Order, from -l to l.
        theta: Polar angle of the direction, any shape [rad].
        phi: Azimuth of the direction, a shape that goes with it [rad].

    Returns:
        -2Y_lm, of the common shape.

    Raises:
        InputError: If there is no such harmonic.

    Reference:
        arXiv:0709.0093, equations II.7 and II.8.
    """
    if l < -WEIGHT or abs(m) > l:
        raise InputError(
            f"there is no harmonic of spin weight -2 with l = {l} and m = {m}; give l of 2 or more and m from -l to l"
        )
    half = 0.5 * np.asarray(theta, dtype=np.float64)
    cosine, sine = np.cos(half), np.sin(half)
    factor = math.factorial
    root = math.sqrt(factor(l + m) * factor(l - m) * factor(l + 2) * factor(l - 2))
    total = np.zeros_like(half)
    for k in range(max(0, m - 2), min(l + m, l - 2) + 1):
        below = factor(l + m - k) * factor(l - 2 - k) * factor(k) * factor(k + 2 - m)
        total = total + (-1) ** k * root / below * cosine ** (2 * l + m - 2 - 2 * k) * sine ** (2 * k + 2 - m)
    scale = math.sqrt((2 * l + 1) / (4 * math.pi))
    return np.asarray(scale * total * np.exp(1j * m * np.asarray(phi, dtype=np.float64)))
