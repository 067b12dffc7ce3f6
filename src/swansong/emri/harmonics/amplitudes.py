"""Amplitudes of the strongest harmonics of eccentric equatorial orbits of a Kerr black hole.

    h+ - i hx = (mu / r) sum A_Lmn -2Y_Lm(theta, phi) exp(-i (m Phi_phi + n Phi_r)),

with m and n of both signs, A_L,-m,-n = (-1)^L conj(A_Lmn), and the orbit at r_min and azimuth zero
when both phases vanish. A_Lmn = -2 sum_l b^l_L Z_lmn / w^2 are amplitudes in the spherical basis:
b mixes the spheroidal modes that solve the Teukolsky equation.

The packaged table holds p A_Lmn on nodes: Chebyshev in (1 - a)^(1/3); Chebyshev in
ln((d + 3.95) / 4) of the distance d = p - p_sep to the separatrix; and the share s = e / e_max(d)
of the largest eccentricity. All modes and spins together span few maps over (d, s), so the table is
kept as these maps and their weights. Between the nodes: Lagrange in (1 - a)^(1/3), a cubic spline in
ln(d + 0.02), which straightens the growth of all phases towards the separatrix, and s^|n|, at most s^2,
times a polynomial in s, because a harmonic of order n starts with e^|n|. Harmonics too weak for the generator
to keep, below 1e-8 of the power, are zero. The file also holds the errors on orbits that are not nodes
(`held_out`: a, p, e, relative error of all modes together, share of the squared amplitudes that the
modes of the table cover); they grow from some 1e-4 beyond d = 1 to some 1e-2 in the last minutes, d < 0.1.

Reference:
    Fujita and Shibata, arXiv:2008.13554 (the spheroidal amplitudes); Katz et al.,
    arXiv:2104.04582, equations 6 to 10 (the sum and its symmetry).
"""

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Complex, Float
from scipy.interpolate import CubicSpline

from swansong.core.errors import DomainError, InputError
from swansong.core.files import read_product
from swansong.physics.kerr import separatrix

KIND = "emri-amplitudes"
"""Kind of the product that holds the table."""

FARTHEST = 21.0
"""Largest distance to the separatrix of the nodes' grid [M]."""

NEAREST = 0.002
"""Smallest distance to the separatrix of the nodes' grid [M]."""

_separatrix = jax.jit(separatrix)
_SPIN_LIMIT = 0.998
_SOFTENING = 0.02  # [M], of the logarithm in which the spline runs
_LARGEST_POWER = 2  # of s taken out; more would leave too few nodes where the power is not small
_EDGE = 1e-6  # tolerance at the edges, in M and in e


def largest_eccentricity(distance: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Largest eccentricity of the table: 0.8 far from the separatrix, 0.2 at it.

    Args:
        distance: p - p_sep [M], any shape.

    Returns:
        The eccentricity, same shape.
    """
    return 0.8 - 0.6 * np.exp(-np.asarray(distance) / 2.0)


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class AmplitudeTable:
    """Amplitudes of a list of modes (L, m, n) as functions of the orbit; build it with `load_amplitudes`.

    Attributes:
        modes: Degree L, order m > 0 and radial number n of each mode, shape (modes, 3).
        spins: Spins of the nodes, negative for retrograde orbits, shape (spins,).
        distances: Distances of the nodes to the separatrix, increasing, shape (distances,) [M].
        shares: Eccentricities of the nodes over the largest one, shape (shares,).
        weights: Weights of the maps, shape (modes, spins, maps).
        maps: Maps of p A over the nodes, shape (maps, distances, shares).
    """

    modes: np.ndarray
    spins: Float[np.ndarray, "spins"]
    distances: Float[np.ndarray, "distances"]
    shares: Float[np.ndarray, "shares"]
    weights: Complex[np.ndarray, "modes spins maps"]
    maps: Complex[np.ndarray, "maps distances shares"]

    @functools.cached_property
    def harmonics(self) -> tuple[tuple[int, int], ...]:
        """The harmonics (m, n) of the table, the strongest over the prior of a search first."""
        return tuple(dict.fromkeys((int(m), int(n)) for _, m, n in self.modes))

    def degrees(self, m: int, n: int) -> tuple[int, ...]:
        """List the degrees L that the table holds of one harmonic.

        Args:
            m: Azimuthal number.
            n: Radial number.

        Returns:
            The degrees, in the order of `amplitudes`; none for a harmonic that is not in the table.
        """
        rows = self.modes[(self.modes[:, 1] == m) & (self.modes[:, 2] == n)]
        return tuple(int(row[0]) for row in rows)

    def amplitudes(
        self,
        *,
        spin: float,
        semi_latus_rectum: Float[np.ndarray, "k"],
        eccentricity: Float[np.ndarray, "k"],
        harmonics: tuple[tuple[int, int], ...],
    ) -> list[Complex[np.ndarray, "degrees k"]]:
        """Evaluate A_Lmn along an inspiral.

        Args:
            spin: Dimensionless spin of the hole, negative for a retrograde orbit.
            semi_latus_rectum: p, shape (k,) [M].
            eccentricity: e, shape (k,).
            harmonics: The harmonics (m, n) wanted.

        Returns:
            For each harmonic an array of shape (degrees, k), rows as in `degrees`.

        Raises:
            DomainError: If the spin or an orbit is outside the table.
            InputError: If a harmonic is not in the table.
        """
        p = np.atleast_1d(np.asarray(semi_latus_rectum, dtype=np.float64))
        e = np.atleast_1d(np.asarray(eccentricity, dtype=np.float64))
        distance, share = self._place(spin, p, e)
        rows = [self._rows(m, n) for m, n in harmonics]
        every = np.concatenate(rows)
        weight = _lagrange(np.cbrt(1.0 - self.spins), np.cbrt(1.0 - spin))
        combined = np.einsum("a,mar->mr", weight, self.weights[every])
        nodes = np.tensordot(combined, self.maps, axes=1)
        along = CubicSpline(np.log(self.distances + _SOFTENING), nodes, axis=1)(np.log(distance + _SOFTENING))
        answers, first = [], 0
        for (_, n), found in zip(harmonics, rows, strict=True):
            values = along[first : first + found.size]
            answers.append(np.einsum("lks,ks->lk", values, self._share_weights(abs(n), share)) / p)
            first += found.size
        return answers

    def _rows(self, m: int, n: int) -> np.ndarray:
        found = np.flatnonzero((self.modes[:, 1] == m) & (self.modes[:, 2] == n))
        if found.size == 0:
            raise InputError(
                f"the amplitude table does not hold the harmonic (m, n) = ({m}, {n}); choose from {self.harmonics}"
            )
        return found

    def _place(self, spin: float, p: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the separatrix and share of the largest eccentricity, checked."""
        if not -_SPIN_LIMIT <= spin <= _SPIN_LIMIT:
            raise DomainError(
                f"`spin` = {spin} lies outside the amplitude table; give a dimensionless spin from -{_SPIN_LIMIT} to "
                f"{_SPIN_LIMIT}"
            )
        if p.shape != e.shape or p.ndim != 1:
            raise InputError(
                f"`semi_latus_rectum` and `eccentricity` must be series of equal length, got shapes {p.shape} and "
                f"{e.shape}; give one of each for every orbit"
            )
        distance = p - np.asarray(_separatrix(np.full_like(e, spin), e))
        outside = ~((distance > NEAREST - _EDGE) & (distance < FARTHEST + _EDGE))
        if outside.any():
            worst = int(np.argmax(outside))
            raise DomainError(
                f"p = {p[worst]:.6g} at a = {spin:.4g}, e = {e[worst]:.4g} lies {distance[worst]:.4g} M from the "
                f"separatrix; the amplitude table reaches from {NEAREST} to {FARTHEST} M"
            )
        largest = largest_eccentricity(distance)
        outside = ~((e >= -_EDGE) & (e <= largest + _EDGE))
        if outside.any():
            worst = int(np.argmax(outside))
            raise DomainError(
                f"e = {e[worst]:.4g} at {distance[worst]:.4g} M from the separatrix lies outside the amplitude table; "
                f"give an eccentricity from 0 to {largest[worst]:.4g}"
            )
        return distance, np.maximum(e, 0.0) / largest

    def _share_weights(self, order: int, share: np.ndarray) -> Float[np.ndarray, "k shares"]:
        """Weights of the nodes in s for values that start with s^order, at shares of shape (k,)."""
        power = min(order, _LARGEST_POWER)
        degree = self.shares.size - 1 - power // 2
        at_nodes = _rising(power, self.shares, degree)
        return _rising(power, share, degree) @ np.linalg.pinv(at_nodes)


def _rising(power: int, share: np.ndarray, degree: int) -> Float[np.ndarray, "k terms"]:
    """s^power times the Chebyshev polynomials in s on [0, 1]."""
    return share[:, None] ** power * np.polynomial.chebyshev.chebvander(2.0 * share - 1.0, degree)


def _lagrange(nodes: np.ndarray, place: float) -> Float[np.ndarray, "nodes"]:
    """Weights of the nodes in the polynomial through all of them."""
    above = np.subtract.outer(np.full(nodes.size, place), nodes)
    below = np.subtract.outer(nodes, nodes)
    np.fill_diagonal(above, 1.0)
    np.fill_diagonal(below, 1.0)
    return np.prod(above / below, axis=1)


def read_amplitudes(path: str | Path) -> AmplitudeTable:
    """Read a table written by `scripts/make_emri_amplitudes.py`.

    Args:
        path: The file.

    Returns:
        The table.

    Raises:
        FileError: If the file is missing, damaged or of another kind.
    """
    arrays = read_product(path, kind=KIND).arrays
    return AmplitudeTable(
        modes=arrays["modes"].astype(np.int64),
        spins=arrays["spins"],
        distances=arrays["distances"],
        shares=arrays["shares"],
        weights=arrays["weights"].astype(np.complex128),
        maps=arrays["maps"].astype(np.complex128),
    )


@functools.cache
def load_amplitudes() -> AmplitudeTable:
    """Load the packaged table, once."""
    with resources.as_file(resources.files("swansong.emri.harmonics") / "data" / "amplitudes.h5") as path:
        return read_amplitudes(path)
