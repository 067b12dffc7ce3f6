"""What falls into the hole: from amplitudes at the horizon to power.

Static observers cannot stand on the horizon, so that the power of an amplitude Z^H takes a factor with it,

    dE/dt = alpha |Z^H|^2 / (4 pi w^2),    dL/dt = (m / w) dE/dt,

    alpha = 256 (2 r+)^5 q (q^2 + 4 eps^2) (q^2 + 16 eps^2) w^3 / |C|^2,
    q = w - m a / (2 r+),    eps = sqrt(1 - a^2) / (4 r+),    r+ = 1 + sqrt(1 - a^2),

with the constant C of Teukolsky and Starobinsky. Where w and q differ in sign the wave takes energy out of the hole
(superradiance) and alpha is negative.

Reference:
    Teukolsky and Press, Astrophys. J. 193, 443 (1974), section IV; Hughes, gr-qc/9910091, section III.
"""

import math

import numpy as np
from jaxtyping import Float, Int

from swansong.core.errors import DomainError, InputError
from swansong.physics.spheroidal import separation_constant


def starobinsky_constant(
    l: int, m: int, *, a: float, frequency: Float[np.ndarray, "*batch"] | float
) -> Float[np.ndarray, "*batch"]:
    """|C|^2, which ties the two ends of the radial equation together.

    Args:
        l: Degree, 2 or more.
        m: Order, from -l to l.
        a: Spin.
        frequency: w, any shape [1/M].

    Returns:
        |C|^2, same shape; ((l - 1) l (l + 1) (l + 2))^2 + 144 w^2 without spin.

    Raises:
        InputError: If there is no such harmonic or the frequency is not finite.
        DomainError: If |a w| is beyond the spheroidal harmonics.

    Reference:
        Teukolsky and Press, Astrophys. J. 193, 443 (1974), section III.
    """
    w = np.asarray(frequency, float)
    g = a * w
    constant = separation_constant(l, m, g=g)
    mixed = m * g - g * g
    return np.asarray(
        ((constant + 2.0) ** 2 + 4.0 * mixed) * (constant**2 + 36.0 * mixed)
        + (2.0 * constant + 3.0) * 48.0 * (g * g - mixed)
        + 144.0 * w * w * (1.0 - a * a)
    )


def horizon_factor(
    modes: Int[np.ndarray, "modes 4"], *, a: float, frequencies: Float[np.ndarray, "... modes"]
) -> Float[np.ndarray, "... modes"]:
    """The factor alpha of each mode.

    Args:
        modes: (l, m, k, n) or (l, m, j, n); l and m alone matter.
        a: Spin.
        frequencies: w of each mode [1/M]; leading axes for several orbits of this spin.

    Returns:
        alpha, same shape as the frequencies; negative where energy comes out of the hole, zero for w = 0.

    Raises:
        DomainError: If the spin lies outside [0, 1), or |a w| beyond the spheroidal harmonics.
        InputError: If the shapes do not fit or there is no such harmonic.

    Reference:
        gr-qc/9910091, section III.
    """
    modes, w = np.asarray(modes), np.asarray(frequencies, float)
    if modes.ndim != 2 or modes.shape[1] != 4 or w.shape[-1:] != (len(modes),):
        raise InputError(
            f"`horizon_factor` needs modes of shape (modes, 4) and a frequency of each, got shapes {modes.shape} and "
            f"{w.shape}; give one frequency for every row (l, m, k, n)"
        )
    if not 0.0 <= a < 1.0:
        raise DomainError(f"`a` must lie in [0, 1), got {a:.6g}; give retrograde orbits a negative `x`")
    root = math.sqrt(1.0 - a * a)
    outer = 1.0 + root
    apart = 0.25 * root / outer
    q = w - modes[:, 1] * a / (2.0 * outer)
    square = np.empty_like(w)
    for l, m in np.unique(modes[:, :2], axis=0):
        at = (modes[:, 0] == l) & (modes[:, 1] == m)
        square[..., at] = starobinsky_constant(int(l), int(m), a=a, frequency=w[..., at])
    return 256.0 * (2.0 * outer) ** 5 * q * (q * q + 4.0 * apart**2) * (q * q + 16.0 * apart**2) * w**3 / square
