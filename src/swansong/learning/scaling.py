"""Scalings between physical numbers and the numbers that networks like.

Every scaling is elementwise, has an inverse and knows its log Jacobian. Its constants
take no gradient: a scaling inside a model is carried along but never trained.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DataError
from swansong.core.types import Array, ArrayLike, Float


class Scaling(eqx.Module):
    """An invertible elementwise map of the last axis."""

    @abstractmethod
    def forward(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Scale.

        Args:
            x: Numbers in their own units.

        Returns:
            Scaled numbers.
        """

    @abstractmethod
    def inverse(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Undo `forward`.

        Args:
            y: Scaled numbers.

        Returns:
            Numbers in their own units.
        """

    @abstractmethod
    def log_det(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Log of the absolute Jacobian of `forward`.

        A density of the scaled numbers becomes one of `x` by adding this to its log.

        Args:
            x: Numbers in their own units.

        Returns:
            The sum over the last axis of log |dy/dx|.
        """


class Standardize(Scaling):
    """`y = (x - mean) / scale`.

    Attributes:
        mean: Centre of each feature.
        scale: Width of each feature.
    """

    mean: Float[Array, " features"]
    scale: Float[Array, " features"]

    @classmethod
    def fit(cls, data: ArrayLike) -> "Standardize":
        """Give each feature zero mean and unit variance.

        Args:
            data: Examples, shape (examples, features).

        Returns:
            The scaling.

        Raises:
            DataError: If there is no example, a number is not finite or a feature is constant.
        """
        data = _checked(data)
        return cls(jnp.asarray(data.mean(axis=0)), jnp.asarray(_width(data.std(axis=0))))

    def forward(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Scale; see `Scaling.forward`."""
        mean, scale = jax.lax.stop_gradient((self.mean, self.scale))
        return (x - mean) / scale

    def inverse(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Undo `forward`; see `Scaling.inverse`."""
        mean, scale = jax.lax.stop_gradient((self.mean, self.scale))
        return y * scale + mean

    def log_det(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Log Jacobian; see `Scaling.log_det`."""
        total = -jnp.sum(jnp.log(jax.lax.stop_gradient(self.scale)))
        return jnp.broadcast_to(total, x.shape[:-1])


class UnitInterval(Scaling):
    """`y = (x - low) / (high - low)`.

    Attributes:
        low: Value of each feature that becomes 0.
        high: Value of each feature that becomes 1.
    """

    low: Float[Array, " features"]
    high: Float[Array, " features"]

    @classmethod
    def fit(cls, data: ArrayLike) -> "UnitInterval":
        """Send the smallest value of each feature to 0 and the largest to 1.

        Args:
            data: Examples, shape (examples, features).

        Returns:
            The scaling.

        Raises:
            DataError: If there is no example, a number is not finite or a feature is constant.
        """
        data = _checked(data)
        _width(np.ptp(data, axis=0))
        return cls(jnp.asarray(data.min(axis=0)), jnp.asarray(data.max(axis=0)))

    def forward(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Scale; see `Scaling.forward`."""
        low, high = jax.lax.stop_gradient((self.low, self.high))
        return (x - low) / (high - low)

    def inverse(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Undo `forward`; see `Scaling.inverse`."""
        low, high = jax.lax.stop_gradient((self.low, self.high))
        return low + y * (high - low)

    def log_det(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Log Jacobian; see `Scaling.log_det`."""
        low, high = jax.lax.stop_gradient((self.low, self.high))
        return jnp.broadcast_to(-jnp.sum(jnp.log(jnp.abs(high - low))), x.shape[:-1])


class Log(Scaling):
    """`y = log(x)` for the chosen features, which must be positive; the others stay.

    Attributes:
        chosen: Whether each feature is taken the log of.
    """

    chosen: tuple[bool, ...] = eqx.field(static=True)

    def forward(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Scale; see `Scaling.forward`."""
        return jnp.where(np.array(self.chosen), jnp.log(self._safe(x)), x)

    def inverse(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Undo `forward`; see `Scaling.inverse`."""
        chosen = np.array(self.chosen)
        return jnp.where(chosen, jnp.exp(jnp.where(chosen, y, 0.0)), y)

    def log_det(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Log Jacobian; see `Scaling.log_det`."""
        return -jnp.sum(jnp.where(np.array(self.chosen), jnp.log(self._safe(x)), 0.0), axis=-1)

    def _safe(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        # The branch that is not taken must be finite too, or its gradient is NaN.
        return jnp.where(np.array(self.chosen), x, 1.0)


class Chained(Scaling):
    """Several scalings, applied from first to last.

    Attributes:
        parts: The scalings.
    """

    parts: tuple[Scaling, ...]

    def forward(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Scale; see `Scaling.forward`."""
        for part in self.parts:
            x = part.forward(x)
        return x

    def inverse(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """Undo `forward`; see `Scaling.inverse`."""
        for part in reversed(self.parts):
            y = part.inverse(y)
        return y

    def log_det(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Log Jacobian; see `Scaling.log_det`."""
        total = jnp.zeros(x.shape[:-1], x.dtype)
        for part in self.parts:
            total = total + part.log_det(x)
            x = part.forward(x)
        return total


def _checked(data: ArrayLike) -> np.ndarray:
    """The data as a NumPy matrix of finite numbers."""
    found = np.asarray(data)
    if found.ndim != 2 or not len(found) or not np.all(np.isfinite(found)):
        raise DataError(
            f"`fit(data)` must be a finite array of shape (examples, features), got shape {found.shape} with "
            f"{np.sum(~np.isfinite(found))} numbers that are not finite; clean the data first"
        )
    return found


def _width(width: np.ndarray) -> np.ndarray:
    """Widths that can be divided by."""
    if np.any(width == 0.0):
        raise DataError(
            f"`fit(data)` must vary in every feature, got a constant feature {int(np.argmin(width))}; leave it out"
        )
    return width
