"""What falls into the hole: which modes, and from their amplitudes at the horizon to power.

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
from swansong.physics.geodesics import check_generic_orbit, orbit_frequencies
from swansong.physics.spheroidal import separation_constant

_NEARER = (12.0, 8.0, 4.0)  # periapsides inside of which one degree more is needed, from four on [M]
_FASTER = (0.1, 0.5)  # spins above which one |j| more is needed, from l + 2 on


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


def horizon_modes(orbit: Float[np.ndarray, "4"]) -> Int[np.ndarray, "modes 4"]:
    """Modes that put power into the hole or take it out.

    They are not those of the power at infinity: slow modes, which hardly radiate, are strong at the horizon of a fast
    hole, single ones up to 3e-4 of the whole power. What is left out here, of l <= 6, is below 1e-5 of it for e <= 0.5.

    Args:
        orbit: (a, p, e, x).

    Returns:
        (l, m, k, n), m >= 0; of a mode with m = 0 and its mirror image only that of positive frequency.

    Raises:
        DomainError: If the orbit is not bound and stable.
    """
    a, p, e, x = (float(value) for value in orbit)
    check_generic_orbit(a, p, e, x)
    omega = orbit_frequencies(a, p, e, x)
    sign = -1 if x < 0.0 else 1
    # Degrees fall off with the distance of the periapsis; the hole mixes neighbouring degrees, so that |j| exceeds l.
    highest = 3 + sum(p / (1.0 + e) < radius for radius in _NEARER)
    mixed = 1 + sum(a > spin for spin in _FASTER)
    fastest, slowest = (math.ceil(1.0 + 30.0 * e), math.ceil(1.0 + 6.0 * e)) if e > 0.0 else (0, 0)
    n = np.arange(-fastest, fastest + 1)
    blocks = []
    for l in range(2, highest + 1):
        for m in range(l + 1):
            j = np.arange(-l - mixed, l + mixed + 1) if abs(x) < 1.0 else np.array([sign * m])
            grid = np.stack(np.meshgrid(j - sign * m, n, indexing="ij"), axis=-1).reshape(-1, 2)
            blocks.append(np.column_stack([np.full(len(grid), l), np.full(len(grid), m), grid]))
    modes = np.concatenate(blocks)
    w = modes[:, 1:] @ np.array([float(omega.azimuthal), float(omega.polar), float(omega.radial)])
    # Harmonics of the radial motion that turn faster, seen at positive frequency.
    harmonic = modes[:, 3] * np.sign(w)
    chosen = (w != 0.0) & (harmonic >= -slowest) & ((modes[:, 1] > 0) | (w > 0.0))
    return modes[chosen]
