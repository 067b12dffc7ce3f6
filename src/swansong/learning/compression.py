"""Linear compression: a few coefficients in the best basis of a set of examples."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from swansong.core.errors import DataError
from swansong.core.types import Array, ArrayLike, Float, Shaped

# Randomised range finder: extra columns and power iterations, after Halko et al. (2011).
_OVERSAMPLING, _POWER_ITERATIONS = 16, 2


class SVDBasis(eqx.Module):
    """The leading directions of a set of examples, real or complex.

    Without whitening the basis is orthonormal, so white noise of unit variance in the
    features stays white noise of unit variance in the coefficients.

    Attributes:
        vectors: Basis vectors as columns; an example is a sum of them.
        centre: What is subtracted before projecting; zero unless centred.
        scale: What each coefficient is divided by; one unless whitened.
        singular_values: Leading singular values, falling.
    """

    vectors: Shaped[Array, "features rank"]
    centre: Shaped[Array, " features"]
    scale: Float[Array, " rank"]
    singular_values: Float[Array, " rank"]

    @classmethod
    def fit(
        cls, data: ArrayLike, *, rank: int, seed: int | None = None, centred: bool = False, whiten: bool = False
    ) -> "SVDBasis":
        """Find the basis.

        Args:
            data: Examples, shape (examples, features), real or complex.
            rank: Number of basis vectors.
            seed: None for the exact decomposition; otherwise the seed of the randomised
                one, whose cost grows with `examples * features * rank` only.
            centred: Whether to subtract the mean example.
            whiten: Whether to divide each coefficient by its root mean square over the examples.

        Returns:
            The basis, in the precision of the data.

        Raises:
            DataError: If the data are no finite matrix or the rank is out of range.

        Reference:
            Halko, Martinsson and Tropp, arXiv:0909.4061, Algorithms 4.4 and 5.1.
        """
        matrix = np.asarray(data)
        if matrix.ndim != 2 or not np.all(np.isfinite(matrix)):
            raise DataError(
                f"`SVDBasis.fit(data)` must be finite with shape (examples, features), got shape {matrix.shape}; "
                "give one example a row"
            )
        if not 0 < rank <= min(matrix.shape):
            raise DataError(
                f"`SVDBasis.fit(rank=...)` must lie between 1 and {min(matrix.shape)}, got {rank}; give a smaller rank"
            )
        centre = matrix.mean(axis=0) if centred else np.zeros_like(matrix[0])
        matrix = matrix - centre if centred else matrix
        values, rows = _exact(matrix) if seed is None else _randomised(matrix, rank=rank, seed=seed)
        values, rows = values[:rank], rows[:rank]
        scale = values / np.sqrt(len(matrix)) if whiten else np.ones_like(values)
        if np.any(scale == 0.0):
            raise DataError(
                f"`SVDBasis.fit(rank=...)` must not exceed the {int(np.sum(values > 0))} independent examples to "
                f"whiten them, got {rank}; give a smaller rank"
            )
        return cls(jnp.asarray(rows.T), jnp.asarray(centre), jnp.asarray(scale), jnp.asarray(values))

    @property
    def rank(self) -> int:
        """Number of coefficients."""
        return self.vectors.shape[1]

    def project(self, x: Shaped[Array, "*batch features"]) -> Shaped[Array, "*batch rank"]:
        """Coefficients of examples.

        Args:
            x: Examples.

        Returns:
            Their coefficients.
        """
        return (x - self.centre) @ self.vectors.conj() / self.scale

    def reconstruct(self, coefficients: Shaped[Array, "*batch rank"]) -> Shaped[Array, "*batch features"]:
        """Examples from coefficients.

        Args:
            coefficients: Coefficients.

        Returns:
            The examples, as far as the basis spans them.
        """
        return (coefficients * self.scale) @ self.vectors.T + self.centre

    def residual_norms(self, x: Shaped[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Norm of what the basis misses, relative to the norm of the example.

        Args:
            x: Examples.

        Returns:
            One number an example, 0 where the basis is complete.
        """
        missed = jnp.linalg.norm(x - self.reconstruct(self.project(x)), axis=-1)
        return missed / jnp.linalg.norm(x, axis=-1)

    def residual_quantiles(
        self, x: Shaped[Array, "examples features"], *, levels: Sequence[float] = (0.5, 0.95, 1.0)
    ) -> Float[np.ndarray, " levels"]:
        """Quantiles of `residual_norms` over a set of examples.

        Args:
            x: Examples that were not used in the fit.
            levels: Quantile levels; 1 is the worst example.

        Returns:
            The quantiles.
        """
        return np.quantile(np.asarray(self.residual_norms(x)), levels)


def _exact(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and the directions of the examples as rows."""
    return scipy.linalg.svd(matrix, full_matrices=False)[1:]


def _randomised(matrix: np.ndarray, *, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As `_exact`, from a random sample of the row space."""
    random = np.random.default_rng(seed)
    columns = min(rank + _OVERSAMPLING, min(matrix.shape))
    sketch = random.standard_normal((matrix.shape[1], columns)).astype(np.finfo(matrix.dtype).dtype)
    basis = np.linalg.qr(matrix @ sketch)[0]
    for _ in range(_POWER_ITERATIONS):
        # Orthonormal at each half step, or small singular values drown in rounding.
        basis = np.linalg.qr(matrix.conj().T @ basis)[0]
        basis = np.linalg.qr(matrix @ basis)[0]
    return scipy.linalg.svd(basis.conj().T @ matrix, full_matrices=False)[1:]
