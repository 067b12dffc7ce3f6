"""How curves begin, where nobody says: a law of the beginning and its scatter, given e_gal and N."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from swansong.core.types import Array, ArrayLike

NUMBERS = 3
"""Numbers of a beginning: its time in the run and two of the pair."""

_LOG_OF_NORMAL = -0.63518  # mean of ln |z| of a normal number z
_RIDGE = 2.0  # mergers' worth of belief that scatter does not change with e_gal and N
_MARGIN = 0.25  # of the range of learnt beginnings, how far outside a draw may lie
_TERMS, _SLOPES = 5, 3


class StartLaw(NamedTuple):
    """Normal law of a beginning with polynomial mean, and scatter that depends on e_gal and N.

    The mean is cubic in the feature of e_gal and linear in that of N; the ln of each standard deviation is linear in
    both; correlations are the same everywhere.

    Attributes:
        mean: Coefficients of the means.
        spread: Coefficients of the ln of the standard deviations.
        mixing: Cholesky factor of the correlations.
        low: Smallest numbers that a draw may give.
        high: Largest numbers that a draw may give.
    """

    mean: ArrayLike
    spread: ArrayLike
    mixing: ArrayLike
    low: ArrayLike
    high: ArrayLike

    @classmethod
    def blank(cls) -> "StartLaw":
        """A law to be filled from a file."""
        return cls(
            np.zeros((_TERMS, NUMBERS)),
            np.zeros((_SLOPES, NUMBERS)),
            np.eye(NUMBERS),
            np.zeros(NUMBERS),
            np.zeros(NUMBERS),
        )

    @classmethod
    def fit(cls, features: Float[np.ndarray, "mergers 2"], starts: Float[np.ndarray, "mergers 3"]) -> "StartLaw":
        """Fit the law by least squares, then its scatter to the logarithms of the residuals.

        Args:
            features: Standardised features of e_gal and N.
            starts: Beginnings.

        Returns:
            The law.
        """
        terms, slopes = np.asarray(_terms(features)), np.asarray(_slopes(features))
        mean = np.linalg.lstsq(terms, starts, rcond=1e-6)[0]
        # Residuals of a fit are smaller than those of new mergers.
        rank = np.linalg.matrix_rank(terms, tol=1e-6 * len(terms))
        left = (starts - terms @ mean) * np.sqrt(len(starts) / max(len(starts) - rank, 1))
        floor = 1e-6 * np.maximum(np.abs(starts).max(axis=0), 1e-6)
        size = np.log(np.maximum(np.abs(left), floor)) - _LOG_OF_NORMAL
        penalty = np.diag([0.0, _RIDGE, _RIDGE])
        spread = np.linalg.solve(slopes.T @ slopes + penalty, slopes.T @ size)
        normal = left / np.exp(slopes @ spread)
        # The mean logarithm sets the shape, the mean square the level.
        level = np.sqrt(np.mean(normal**2, axis=0))
        spread[0] += np.log(np.maximum(level, 1e-3))
        moments = normal.T @ normal / len(normal) + 1e-6 * np.eye(NUMBERS)
        size = np.sqrt(np.diag(moments))
        low, high = starts.min(axis=0), starts.max(axis=0)
        margin = _MARGIN * (high - low)
        mixing = np.linalg.cholesky(moments / np.outer(size, size))
        return cls(mean, spread, mixing, low - margin, high + margin)

    def centre(self, features: Float[ArrayLike, "*batch 2"]) -> Float[Array, "*batch 3"]:
        """Mean beginning."""
        return _terms(features) @ self.mean

    def draw(
        self, features: Float[ArrayLike, "*batch 2"], normal: Float[ArrayLike, "*batch 3"]
    ) -> Float[Array, "*batch 3"]:
        """Beginnings of the law.

        Args:
            features: Standardised features of e_gal and N.
            normal: Independent standard normal numbers.

        Returns:
            A beginning for each, kept close to where beginnings were learnt.
        """
        found = self.centre(features) + jnp.exp(_slopes(features) @ self.spread) * (normal @ self.mixing.T)
        return jnp.clip(found, self.low, self.high)


def _terms(features: Float[ArrayLike, "*batch 2"]) -> Float[Array, "*batch 5"]:
    """Terms of the means."""
    orbit, noise = jnp.asarray(features)[..., 0], jnp.asarray(features)[..., 1]
    return jnp.stack([jnp.ones_like(orbit), orbit, orbit**2, orbit**3, noise], axis=-1)


def _slopes(features: Float[ArrayLike, "*batch 2"]) -> Float[Array, "*batch 3"]:
    """Terms of the scatter."""
    return jnp.concatenate([jnp.ones_like(jnp.asarray(features)[..., :1]), jnp.asarray(features)], axis=-1)
