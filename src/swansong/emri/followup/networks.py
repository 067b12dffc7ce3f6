"""The amortised estimator: a conditional spline flow from a recovered track to its source."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable, unwrap

from swansong.core.types import Array, Float, Int, Key
from swansong.emri.followup.settings import TrackFlowSettings
from swansong.emri.followup.summaries import Batch, Features
from swansong.learning.flows import ConditionalFlow, conditional_flow
from swansong.learning.networks import ResidualMLP

DIMENSIONS = 5
_NUMBERS = DIMENSIONS + DIMENSIONS * (DIMENSIONS + 1) // 2
_INTERVAL = 5.0
_SHARPEST = -9.0  # ln of the smallest scale of the Gaussian


class TrackFlow(eqx.Module):
    """Density of a source given its recovered track: a correlated Gaussian, bent by splines.

    Parameters are normal numbers: the normal quantile of each one's share of its range, so that the prior is a
    standard normal law.

    Attributes:
        vectors: Principal components of summaries less their mean, not trained.
        spread: Standard deviation of each, not trained.
        error: That of each for a relative error of one, not trained.
        levels: Mean and spread of the ln of the error, not trained.
        trunk: From features to the Gaussian's numbers and the flow's context.
        flow: Density of the Gaussian's normal coordinates.
        mean: Mean summary in float64, not trained; what it is subtracted from never sees float32.
    """

    vectors: NonTrainable
    spread: NonTrainable
    error: NonTrainable
    levels: NonTrainable
    trunk: ResidualMLP
    flow: ConditionalFlow
    mean: NonTrainable

    @classmethod
    def build(cls, settings: TrackFlowSettings, *, features: Features, key: Key) -> "TrackFlow":
        """Draw the weights."""
        trunk_key, flow_key = jax.random.split(key)
        vectors, spread, error, levels = (
            NonTrainable(jnp.asarray(part, jnp.float32))
            for part in (features.vectors, features.spread, features.error, features.levels)
        )
        trunk = ResidualMLP(
            features.count, _NUMBERS + settings.context, width=settings.width, blocks=settings.blocks, key=trunk_key
        )
        flow = conditional_flow(
            key=flow_key,
            dimension=DIMENSIONS,
            context=settings.context,
            layers=settings.layers,
            width=settings.layer_width,
            knots=settings.knots,
            interval=_INTERVAL,
        )
        return cls(vectors, spread, error, levels, trunk, flow, NonTrainable(jnp.asarray(features.mean, jnp.float64)))

    def features(self, summary: Float[Array, "numbers"], log_error: Float[Array, ""]) -> Float[Array, "features"]:
        """What the trunk sees of a summary less its mean."""
        spread, error, levels = unwrap(self.spread), unwrap(self.error), unwrap(self.levels)
        scores = unwrap(self.vectors) @ summary
        scaled = scores / jnp.sqrt(spread**2 + (jnp.exp(log_error) * error) ** 2)
        return jnp.concatenate([scaled, ((log_error - levels[0]) / levels[1])[None]])

    def condition(
        self, summary: Float[Array, "numbers"], log_error: Float[Array, ""]
    ) -> tuple[Float[Array, "5"], Float[Array, "5 5"], Float[Array, "context"]]:
        """Centre and Cholesky factor of the Gaussian, and the context."""
        d = DIMENSIONS
        mean, numbers, context = jnp.split(self.trunk(self.features(summary, log_error)), [d, _NUMBERS])
        lower = jnp.zeros((d, d), numbers.dtype).at[np.tril_indices(d, -1)].set(numbers[d:])
        scale = jnp.exp(jnp.clip(numbers[:d], _SHARPEST, 2.0))
        # Rows are scaled, so that the off-diagonal numbers are correlations of order one.
        return mean, scale[:, None] * (lower + jnp.eye(d, dtype=numbers.dtype)), context

    def log_prob(
        self, place: Float[Array, "5"], summary: Float[Array, "numbers"], log_error: Float[Array, ""]
    ) -> Float[Array, ""]:
        """Log density of normal numbers, given a summary less its mean."""
        return self.log_prob_many(place[None], summary, log_error)[0]

    def log_prob_many(
        self, places: Float[Array, "n 5"], summary: Float[Array, "numbers"], log_error: Float[Array, ""]
    ) -> Float[Array, "n"]:
        """Log density of many points for one track."""
        mean, factor, context = self.condition(summary, log_error)
        normal = jax.scipy.linalg.solve_triangular(factor, (places - mean).T, lower=True).T
        log_det = jnp.log(jnp.diagonal(factor)).sum()
        return jax.vmap(lambda one: self.flow.log_prob(one, context))(normal) - log_det

    def sample(
        self, summary: Float[Array, "numbers"], log_error: Float[Array, ""], *, samples: int, key: Key
    ) -> tuple[Float[Array, "samples 5"], Float[Array, "samples"]]:
        """Draws for one track with ln of their density."""
        mean, factor, context = self.condition(summary, log_error)
        normal, log_density = self.flow.sample_and_log_prob(key, samples, context)
        return mean + normal @ factor.T, log_density - jnp.log(jnp.diagonal(factor)).sum()


def track_loss(
    model: TrackFlow, state: None, batch: Batch, *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[None, dict[str, Array]]]:
    """Mean of -ln density at the truth."""
    values = jax.vmap(model.log_prob)(batch.place, batch.summary, batch.log_error)
    return -jnp.mean(values), (None, {})


def normal_log_prior(place: Float[np.ndarray, "n 5"]) -> Float[np.ndarray, "n"]:
    """Log density of the prior in normal numbers."""
    return -0.5 * (place**2).sum(axis=1) - 0.5 * place.shape[1] * math.log(2.0 * math.pi)
