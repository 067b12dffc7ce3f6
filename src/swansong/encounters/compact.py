"""The compact estimator: a conditional spline flow in the few coordinates that are not integrated out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable, unwrap

from swansong.core.types import Array, ArrayLike, Float, Int, Key
from swansong.encounters.bank import Batch
from swansong.encounters.features import AlignedFeatures
from swansong.encounters.settings import CompactSettings
from swansong.learning.flows import ConditionalFlow, conditional_flow
from swansong.learning.networks import ResidualMLP

_INTERVAL = 5.0
_SHARPEST = -7.0  # ln of the smallest scale in units of the prior's spread


class CompactFlow(eqx.Module):
    """Density of the coordinates given aligned data: a correlated Gaussian, bent by splines.

    Attributes:
        features: Fixed features of the data.
        trunk: From features to the Gaussian's numbers and the flow's context.
        flow: Density of the Gaussian's normal coordinates.
        centre: Mean of the coordinates over the prior, not trained.
        spread: Their standard deviation, not trained.
    """

    features: AlignedFeatures
    trunk: ResidualMLP
    flow: ConditionalFlow
    centre: NonTrainable
    spread: NonTrainable

    @classmethod
    def build(
        cls,
        settings: CompactSettings,
        *,
        features: AlignedFeatures,
        centre: Float[np.ndarray, "d"],
        spread: Float[np.ndarray, "d"],
        key: Key,
    ) -> "CompactFlow":
        """Draw the weights."""
        trunk_key, flow_key = jax.random.split(key)
        d = len(centre)
        return cls(
            features,
            ResidualMLP(
                features.count,
                d + d * (d + 1) // 2 + settings.context,
                width=settings.width,
                blocks=settings.blocks,
                key=trunk_key,
            ),
            conditional_flow(
                key=flow_key,
                dimension=d,
                context=settings.context,
                layers=settings.layers,
                width=settings.layer_width,
                knots=settings.knots,
                interval=_INTERVAL,
            ),
            NonTrainable(jnp.asarray(centre, jnp.float32)),
            NonTrainable(jnp.asarray(spread, jnp.float32)),
        )

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return self.flow.dimension

    def condition(
        self, coefficients: Float[ArrayLike, "coefficients"], levels: Float[ArrayLike, "levels"]
    ) -> tuple[Float[Array, "d"], Float[Array, "d d"], Float[Array, "context"]]:
        """What the data say: centre and Cholesky factor of the Gaussian in units of the prior, and the context."""
        d = self.dimension
        raw = self.trunk(self.features(coefficients, levels))
        mean, numbers, context = jnp.split(raw, [d, d + d * (d + 1) // 2])
        lower = jnp.zeros((d, d), raw.dtype).at[np.tril_indices(d, -1)].set(numbers[d:])
        scale = jnp.exp(jnp.clip(numbers[:d], _SHARPEST, 2.0))
        # Rows are scaled, so that the off-diagonal numbers are correlations of order one.
        return mean, scale[:, None] * (lower + jnp.eye(d, dtype=raw.dtype)), context

    def log_prob(
        self,
        place: Float[Array, "d"],
        coefficients: Float[ArrayLike, "coefficients"],
        levels: Float[ArrayLike, "levels"],
    ) -> Float[Array, ""]:
        """Log density of coordinates; the arrival time counts from the alignment."""
        return self.log_prob_many(place[None], coefficients, levels)[0]

    def log_prob_many(
        self,
        places: Float[Array, "n d"],
        coefficients: Float[ArrayLike, "coefficients"],
        levels: Float[ArrayLike, "levels"],
    ) -> Float[Array, "n"]:
        """Log density of many points for one event."""
        mean, factor, context = self.condition(coefficients, levels)
        steps = (places - unwrap(self.centre)) / unwrap(self.spread) - mean
        normal = jax.scipy.linalg.solve_triangular(factor, steps.T, lower=True).T
        log_det = jnp.log(jnp.diagonal(factor)).sum() + jnp.log(unwrap(self.spread)).sum()
        return jax.vmap(lambda one: self.flow.log_prob(one, context))(normal) - log_det

    def sample(
        self,
        coefficients: Float[ArrayLike, "coefficients"],
        levels: Float[ArrayLike, "levels"],
        *,
        samples: int,
        key: Key,
    ) -> tuple[Float[Array, "samples d"], Float[Array, "samples"]]:
        """Draws for one event with ln of their density."""
        mean, factor, context = self.condition(coefficients, levels)
        normal, log_density = self.flow.sample_and_log_prob(key, samples, context)
        place = (mean + normal @ factor.T) * unwrap(self.spread) + unwrap(self.centre)
        log_det = jnp.log(jnp.diagonal(factor)).sum() + jnp.log(unwrap(self.spread)).sum()
        return place, log_density - log_det


def compact_loss(
    model: CompactFlow, state: None, batch: Batch, *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[None, dict[str, Array]]]:
    """Mean of -ln density at the truth."""
    values = jax.vmap(model.log_prob)(batch.place, batch.coefficients, batch.levels)
    return -jnp.mean(values), (None, {})
