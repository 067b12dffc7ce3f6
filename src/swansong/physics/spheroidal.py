"""Spin-weighted spheroidal harmonics of weight -2, the angular patterns of perturbations of a Kerr black hole.

The angular part of Teukolsky's equation for spin weight s = -2 and g = a w, with C = cos theta, is

    (1/sin theta) d/dtheta (sin theta dS/dtheta)
        + [g^2 C^2 - 2 g s C - (m + s C)^2 / sin^2 theta + s + (E - s (s + 1))] S = 0.

For g = 0 its solutions are the spherical harmonics -2Y_lm, with E = l (l + 1), so

    S_lm(theta; g) = sum_l' b^l_l' -2Y_l'm(theta, 0),
    [diag(l (l + 1)) - g^2 C^2 + 2 g s C] b^l = E b^l,

where C is tridiagonal between the spherical harmonics. E never crosses between degrees, thus
the rising eigenvalues belong to l = max(2, |m|), l + 1, and so on.

Reference:
    Teukolsky, Astrophys. J. 185, 635 (1973), equation 4.10 (with A = E - s (s + 1)); Press and Teukolsky,
    Astrophys. J. 185, 649 (1973) (E); Hughes, gr-qc/9910091, appendix A (the expansion).
"""

import math
from typing import Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int
from scipy.special import gammaln

from swansong.core.errors import DomainError, InputError
from swansong.core.types import Array
from swansong.physics.harmonics import WEIGHT, spin_weighted_harmonic

LARGEST_SPHEROIDICITY = 12.0
"""Largest |a w|. Beyond, two degrees of m = 2 and of m = -2 come too close to be told apart in double precision."""

_MARGIN = 20  # degrees beyond those asked for, and one more for each unit of |g|


def mixing_coefficients(
    m: int, g: Float[np.ndarray, "*batch"] | float, *, degrees: int
) -> Float[np.ndarray, "*batch {degrees} {degrees}"]:
    """Expand spheroidal harmonics in spherical ones.

    Args:
        m: Order.
        g: Spin of the black hole times frequency, a w, any shape.
        degrees: How many degrees to give, from max(2, |m|) upwards.

    Returns:
        b^l_l', the row counting l and the column l' from max(2, |m|), shape (*g.shape, degrees, degrees),
        to 1e-12 for |g| up to 8 and to 1e-8 up to the limit of 12. The rows go continuously from those
        of the identity matrix at g = 0; b^l_l'(-m, g) = (-1)^(l + l') b^l_l'(m, -g).

    Raises:
        InputError: If no degree is asked for or g is not finite.
        DomainError: If |g| is above `LARGEST_SPHEROIDICITY`.

    Reference:
        gr-qc/9910091, appendix A.
    """
    if degrees < 1:
        raise InputError(f"`degrees` of spheroidal harmonics must be 1 or more, got {degrees}; give how many to expand")
    _, vectors = _solve(m, _checked(g), degrees=degrees)
    return vectors[..., :degrees, :degrees]


def spheroidal_eigenvalue(l: int, m: int, *, g: Float[np.ndarray, "*batch"] | float) -> Float[np.ndarray, "*batch"]:
    """Find the eigenvalue E of the angular equation, l (l + 1) for g = 0.

    Args:
        l: Degree, 2 or more.
        m: Order, from -l to l.
        g: Spin of the black hole times frequency, a w, any shape.

    Returns:
        E as in the equation at the top of this file, same shape as g.

    Raises:
        InputError: If there is no such harmonic or g is not finite.
        DomainError: If |g| is above `LARGEST_SPHEROIDICITY`.

    Reference:
        Press and Teukolsky, Astrophys. J. 185, 649 (1973).
    """
    row = _row(l, m)
    values, _ = _solve(m, _checked(g), degrees=row + 1)
    return values[..., row]


def separation_constant(l: int, m: int, *, g: Float[np.ndarray, "*batch"] | float) -> Float[np.ndarray, "*batch"]:
    """Find lambda of the radial Teukolsky equation, (l - 1) (l + 2) for g = 0.

    Args:
        l: Degree, 2 or more.
        m: Order, from -l to l.
        g: Spin of the black hole times frequency, a w, any shape.

    Returns:
        lambda = E - s (s + 1) + g^2 - 2 m g with s = -2, same shape as g.

    Raises:
        InputError: If there is no such harmonic or g is not finite.
        DomainError: If |g| is above `LARGEST_SPHEROIDICITY`.

    Reference:
        Teukolsky, Astrophys. J. 185, 635 (1973), equation 4.9.
    """
    g = _checked(g)
    return np.asarray(spheroidal_eigenvalue(l, m, g=g) - WEIGHT * (WEIGHT + 1) + g**2 - 2 * m * g)


def spheroidal_harmonic(
    l: int,
    m: int,
    *,
    g: Float[np.ndarray, "..."] | float,
    theta: Float[np.ndarray, "..."] | float,
    phi: Float[np.ndarray, "..."] | float,
) -> Complex[np.ndarray, "..."]:
    """Evaluate one spheroidal harmonic of spin weight -2.

    Args:
        l: Degree, 2 or more.
        m: Order, from -l to l.
        g: Spin of the black hole times frequency, a w, any shape.
        theta: Polar angle of the direction, a shape that goes with it [rad].
        phi: Azimuth of the direction, a shape that goes with it [rad].

    Returns:
        S_lm(theta; g) e^{i m phi}, of the common shape. The integral of |S|^2 over the sphere is one, and
        for g = 0 this is `spin_weighted_harmonic`.

    Raises:
        InputError: If there is no such harmonic or g is not finite.
        DomainError: If |g| is above `LARGEST_SPHEROIDICITY`.

    Reference:
        gr-qc/9910091, appendix A.
    """
    row = _row(l, m)
    _, vectors = _solve(m, _checked(g), degrees=row + 1)
    weights = vectors[..., row, :]
    cosine = np.cos(np.asarray(theta, dtype=np.float64))
    diagonal, beside = _cosine(m, weights.shape[-1])
    # Multiplication by the cosine climbs from degree to degree; unlike the finite sum it loses no digits on its way.
    lower = 0.0
    spherical = spin_weighted_harmonic(_lowest(m), m, theta=theta, phi=phi)
    total = weights[..., 0] * spherical
    for j in range(1, weights.shape[-1]):
        behind = beside[j - 2] * lower if j > 1 else 0.0
        lower, spherical = spherical, ((cosine - diagonal[j - 1]) * spherical - behind) / beside[j - 1]
        total = total + weights[..., j] * spherical
    return np.asarray(total)


class MixingTable(eqx.Module):
    """Coefficients b^l_l' for many (m, g) inside compiled code; make it with `MixingTable.build`.

    Cubic Hermite interpolation in g. Negative orders follow from b^l_l'(-m, g) = (-1)^(l + l') b^l_l'(m, -g).

    Attributes:
        coefficients: b^l_l' on the nodes, indexed by m, node, l - 2 and l' - 2; zero where a degree is below m.
        slopes: Its derivative by g, same shape.
        reach: Largest |g|.
        step: Distance of the nodes in g.
    """

    coefficients: Float[Array, "orders nodes degrees degrees"]
    slopes: Float[Array, "orders nodes degrees degrees"]
    reach: float = eqx.field(static=True)
    step: float = eqx.field(static=True)

    @classmethod
    def build(cls, *, largest_m: int, largest_l: int, reach: float, step: float) -> Self:
        """Compute the table.

        Args:
            largest_m: Largest order; the table begins at order 0.
            largest_l: Largest degree of both kinds of harmonics.
            reach: Largest |g|.
            step: Largest distance of the nodes. The error falls with its fourth power and is 2e-9 for 0.05.

        Returns:
            The table.

        Raises:
            InputError: If the table would be empty or has no such harmonics.
            DomainError: If the reach is above `LARGEST_SPHEROIDICITY`.
        """
        if largest_l < -WEIGHT or not 0 <= largest_m <= largest_l:
            raise InputError(
                f"a mixing table needs largest_l of 2 or more and largest_m from 0 to largest_l, got largest_l = "
                f"{largest_l} and largest_m = {largest_m}; give the degrees and orders of the modes"
            )
        if not (0 < step <= 2 * reach < math.inf):
            raise InputError(
                f"a mixing table needs a finite positive reach and a step from 0 to twice the reach, got reach = "
                f"{reach} and step = {step}; give the largest a w and a small part of it"
            )
        intervals = math.ceil(2 * reach / step - 1e-9)
        g = _checked(np.linspace(-reach, reach, intervals + 1))
        size = largest_l + WEIGHT + 1
        coefficients, slopes = np.zeros((2, largest_m + 1, g.size, size, size))
        for m in range(largest_m + 1):
            degrees = largest_l - _lowest(m) + 1
            values, vectors = _solve(m, g, degrees=degrees)
            kept = slice(size - degrees, size)
            coefficients[m, :, kept, kept] = vectors[:, :degrees, :degrees]
            slopes[m, :, kept, kept] = _slopes(m, g, values=values, vectors=vectors)[:, :degrees, :degrees]
        return cls(jnp.asarray(coefficients), jnp.asarray(slopes), reach=float(reach), step=2 * reach / intervals)

    def __call__(self, m: Int[Array, "*batch"], g: Float[Array, "*batch"]) -> Float[Array, "*batch degrees degrees"]:
        """Interpolate.

        Args:
            m: Orders, any shape.
            g: Spin of the black hole times frequency, a w, same shape.

        Returns:
            b^l_l', indexed by l - 2 and l' - 2 after the shape of g; NaN where |g| or m are outside the table.
        """
        m, g = jnp.asarray(m), jnp.asarray(g, self.coefficients.dtype)
        orders, nodes = self.coefficients.shape[:2]
        position = (g + self.reach) / self.step
        left = jnp.clip(jnp.floor(position), 0, nodes - 2).astype(jnp.int32)
        share = (position - left)[..., None, None]
        rest = 1.0 - share
        result = (
            rest**2 * (1.0 + 2.0 * share) * self.coefficients[m, left]
            + share**2 * (1.0 + 2.0 * rest) * self.coefficients[m, left + 1]
            + self.step * share * rest * (rest * self.slopes[m, left] - share * self.slopes[m, left + 1])
        )
        inside = (jnp.abs(g) <= self.reach) & (m >= 0) & (m < orders)
        return jnp.where(inside[..., None, None], result, jnp.nan)


def _lowest(m: int) -> int:
    """Lowest degree of an order."""
    return max(-WEIGHT, abs(m))


def _row(l: int, m: int) -> int:
    """Place of a degree among those of its order."""
    if l < -WEIGHT or abs(m) > l:
        raise InputError(
            f"there is no spheroidal harmonic of spin weight -2 with l = {l} and m = {m}; give l of 2 or more and m "
            "from -l to l"
        )
    return l - _lowest(m)


def _checked(g: Float[np.ndarray, "*batch"] | float) -> Float[np.ndarray, "*batch"]:
    """The spheroidicity as an array within the domain."""
    array = np.asarray(g, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        found = array[~np.isfinite(array)].flat[0]
        raise InputError(f"`g` = a w of a spheroidal harmonic must be finite, got {found}; give a real number")
    largest = float(np.max(np.abs(array), initial=0.0))
    if largest > LARGEST_SPHEROIDICITY:
        raise DomainError(
            f"|a w| = {largest:g} lies beyond {LARGEST_SPHEROIDICITY:g}, up to which spheroidal harmonics are "
            "computed; give a smaller frequency or spin"
        )
    return array


def _cosine(m: int, size: int) -> tuple[Float[np.ndarray, "size"], Float[np.ndarray, "size"]]:
    """Diagonal of cos theta between the spherical harmonics of order m, and the elements from each degree to the next.

    -m s / (l (l + 1)) and sqrt((L^2 - m^2) (L^2 - s^2) / (4 L^2 - 1)) / L with L = l + 1: integrals of three
    harmonics, the middle one of degree one.
    """
    l = _lowest(m) + np.arange(size, dtype=np.float64)
    above = l + 1.0
    beside = np.sqrt((above**2 - m**2) * (above**2 - WEIGHT**2) / (4.0 * above**2 - 1.0)) / above
    return -m * WEIGHT / (l * above), beside


def _cosine_matrices(m: int, size: int) -> tuple[Float[np.ndarray, "size size"], Float[np.ndarray, "size size"]]:
    """The matrices of cos theta and of its square."""
    diagonal, beside = _cosine(m, size + 1)
    cosine = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    # One degree more, so that the last element of the square is whole.
    return cosine[:size, :size], (cosine @ cosine)[:size, :size]


def _solve(
    m: int, g: Float[np.ndarray, "*batch"], *, degrees: int
) -> tuple[Float[np.ndarray, "*batch size"], Float[np.ndarray, "*batch size size"]]:
    """Eigenvalues, rising, and signed eigenvectors in rows; the first `degrees` of them are exact."""
    size = degrees + _MARGIN + math.ceil(float(np.max(np.abs(g), initial=0.0)))
    l = _lowest(m) + np.arange(size)
    cosine, square = _cosine_matrices(m, size)
    scale = g[..., None, None]
    values, vectors = np.linalg.eigh(np.diag(l * (l + 1.0)) - scale**2 * square + 2.0 * WEIGHT * scale * cosine)
    rows = np.swapaxes(vectors, -1, -2)
    return values, rows * _signs(m, rows)[..., None]


def _signs(m: int, rows: Float[np.ndarray, "*batch size size"]) -> Float[np.ndarray, "*batch size"]:
    """Signs that make each row continuous in g and positive on the diagonal at g = 0.

    Near a pole S is a constant times a power of the distance to it, and the constant cannot vanish, else S
    would vanish everywhere. Its sign is therefore that of -2Y_lm for all g, whatever the diagonal element does.
    The judge is the pole where S rises further above the rounding.
    """
    parity = (-1.0) ** np.arange(rows.shape[-1])
    north, south = _polar(m, rows.shape[-1]), parity * _polar(-m, rows.shape[-1])
    at_north, at_south = rows @ north, (rows @ south) * parity
    rounding = np.abs(rows) @ np.abs(north), np.abs(rows) @ np.abs(south)
    clearer = np.abs(at_north) * rounding[1] >= np.abs(at_south) * rounding[0]
    return np.where(np.where(clearer, at_north, at_south) < 0.0, -1.0, 1.0)


def _polar(m: int, size: int) -> Float[np.ndarray, "size"]:
    """Limits of |-2Y_lm| over sin^|m - 2|(theta / 2) at the north pole, up to a common factor."""
    l = _lowest(m) + np.arange(size)
    root = 0.5 * (gammaln(l + m + 1) + gammaln(l - 1) - gammaln(l - m + 1) - gammaln(l + 3))
    logarithm = root if m >= -WEIGHT else -root
    return np.sqrt(2.0 * l + 1.0) * np.exp(logarithm - logarithm[0])


def _slopes(
    m: int,
    g: Float[np.ndarray, "nodes"],
    *,
    values: Float[np.ndarray, "nodes size"],
    vectors: Float[np.ndarray, "nodes size size"],
) -> Float[np.ndarray, "nodes size size"]:
    """Derivatives of the rows by g, by perturbation theory of the first order."""
    cosine, square = _cosine_matrices(m, values.shape[-1])
    change = vectors @ (2.0 * WEIGHT * cosine - 2.0 * g[:, None, None] * square) @ np.swapaxes(vectors, -1, -2)
    gaps = values[:, :, None] - values[:, None, :]
    same = np.eye(values.shape[-1], dtype=bool)
    return np.where(same, 0.0, change / np.where(same, 1.0, gaps)) @ vectors
