"""The flow estimator: a conditional neural spline flow of the remnant, the rest analytic."""

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.types import Array, ArrayLike, Float, Int, Key
from swansong.learning.flows import ConditionalFlow, conditional_flow
from swansong.ringdown.bank import Batch
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.networks import GAUSSIAN_NUMBERS, DataFeatures, DataTrunk, RemnantGaussian
from swansong.ringdown.settings import FlowSettings


class RemnantFlow(eqx.Module):
    """Density of (u, v) given data: a Gaussian inside the prior, bent by splines.

    Attributes:
        trunk: From data to the Gaussian's numbers and the flow's context.
        flow: Density of the Gaussian's normal coordinates.
        v_bounds: Prior range of v.
        u_range: Prior range of u, all spins together.
    """

    trunk: DataTrunk
    flow: ConditionalFlow
    v_bounds: tuple[float, float] = eqx.field(static=True)
    u_range: tuple[float, float] = eqx.field(static=True)

    @classmethod
    def build(cls, settings: FlowSettings, *, features: DataFeatures, chart: RemnantChart, key: Key) -> "RemnantFlow":
        """Draw the weights."""
        trunk_key, flow_key = jax.random.split(key)
        u = chart.axes((2, 64))[0]
        return cls(
            DataTrunk.build(
                features,
                outputs=GAUSSIAN_NUMBERS + settings.context,
                width=settings.width,
                blocks=settings.blocks,
                key=trunk_key,
            ),
            conditional_flow(
                key=flow_key,
                dimension=2,
                context=settings.context,
                layers=settings.layers,
                width=settings.layer_width,
                knots=settings.knots,
                interval=5.0,
                permutation="alternate",
            ),
            chart.v_bounds,
            (float(u[0]), float(u[1])),
        )

    def condition(self, coefficients: Float[ArrayLike, "rank"]) -> tuple[RemnantGaussian, Float[Array, "context"]]:
        """What the data say: the Gaussian and the flow's context."""
        raw = self.trunk(coefficients)
        return RemnantGaussian.of(raw[:GAUSSIAN_NUMBERS], self.v_bounds, self.u_range), raw[GAUSSIAN_NUMBERS:]

    def log_prob(
        self, place: Float[Array, "2"], coefficients: Float[Array, "rank"], u_bounds: Float[Array, "2"]
    ) -> Float[Array, ""]:
        """Log density of (u, v) given data."""
        gaussian, context = self.condition(coefficients)
        normal, log_det = gaussian.to_normal(place, u_bounds)
        return self.flow.log_prob(normal, context).astype(float) + log_det

    def sample(
        self, coefficients: Float[ArrayLike, "rank"], chart: RemnantChart, *, samples: int, key: Key
    ) -> tuple[tuple[Float[Array, "samples"], Float[Array, "samples"]], Float[Array, "samples"]]:
        """Draws of (u, v) for one event with ln of their density."""
        gaussian, context = self.condition(coefficients)
        normal, log_density = self.flow.sample_and_log_prob(key, samples, context)
        normal = normal.astype(float)
        v, v_slope = gaussian.v_from_normal(normal[:, 0])
        u, u_slope = gaussian.u_from_normal(normal[:, 1], v, chart.u_bounds(v))
        return (u, v), log_density.astype(float) + v_slope + u_slope


def flow_loss(
    model: RemnantFlow, state: None, batch: Batch, *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[None, dict[str, Array]]]:
    """Mean of -ln density at the truth, over events that pass the cut."""
    values = jax.vmap(model.log_prob)(batch.place, batch.coefficients, batch.u_bounds)
    loss = -jnp.sum(jnp.where(batch.allowed, values, 0.0)) / jnp.sum(batch.allowed)
    return loss, (None, {})
