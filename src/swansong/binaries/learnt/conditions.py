"""What the networks are told of a merger of galaxies, and where that was learnt."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError
from swansong.core.types import Array, ArrayLike


class Conditions(NamedTuple):
    """The orbits and resolutions that were learnt.

    A network sees -ln(1 - e_gal), which spreads the radial orbits apart, and 1 / sqrt(N), the scale of the noise of
    stars, of which a resolution above all learnt ones lies a short way outside; both standardised.

    Attributes:
        low: Smallest e_gal and N.
        high: Largest e_gal and N.
        mean: Mean features.
        scale: Their spread.
    """

    low: ArrayLike
    high: ArrayLike
    mean: ArrayLike
    scale: ArrayLike

    @classmethod
    def of(cls, condition: Float[np.ndarray, "mergers 2"]) -> "Conditions":
        """Range and features of the mergers that are learnt.

        Args:
            condition: Their e_gal and N.

        Returns:
            The conditions; a feature that never varies is not scaled.
        """
        found = np.asarray(_raw(condition))
        spread = found.std(axis=0)
        scale = np.where(spread > 1e-9, spread, 1.0)
        return cls(condition.min(axis=0), condition.max(axis=0), found.mean(axis=0), scale)

    @classmethod
    def blank(cls) -> "Conditions":
        """Conditions to be filled from a file."""
        return cls(np.zeros(2), np.zeros(2), np.zeros(2), np.ones(2))

    def features(self, condition: Float[ArrayLike, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """Standardised features of e_gal and N."""
        return (_raw(jnp.asarray(condition)) - self.mean) / self.scale

    def check(self, condition: Float[np.ndarray, "mergers 2"], *, extrapolate: bool = False) -> tuple[str, ...]:
        """Refuse what was not learnt, or name it.

        Args:
            condition: e_gal and N.
            extrapolate: Whether to name it only.

        Returns:
            A sentence for each number outside.

        Raises:
            DomainError: An e_gal or N lies outside the learnt range and `extrapolate` is not set.
        """
        found = []
        for place, name in enumerate(("e_gal", "N")):
            low, high = self.low[place], self.high[place]
            for value in np.unique(np.asarray(condition)[:, place]):
                if not low <= value <= high:
                    found.append(f"{name} = {value:g} lies outside the learnt range [{low:g}, {high:g}]")
        if found and not extrapolate:
            raise DomainError(f"{found[0]}; choose one inside, or ask to extrapolate")
        return tuple(found)


def _raw(condition: Float[ArrayLike, "*batch 2"]) -> Float[Array, "*batch 2"]:
    """The features before they are standardised."""
    array = jnp.asarray(condition)
    return jnp.stack([-jnp.log1p(-array[..., 0]), 1.0 / jnp.sqrt(array[..., 1])], axis=-1)
