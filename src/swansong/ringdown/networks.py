"""What both amortised estimators share: features of the data and the remnant's Gaussian.

The networks only have to learn the marginal posterior of the remnant, (u, v) = (ln f,
spin coordinate); amplitudes and phases follow analytically (`quadratures`).
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable, unwrap

from swansong.core.types import Array, ArrayLike, Float, Key
from swansong.learning.networks import ResidualMLP
from swansong.ringdown.truncated import normal_to_truncated, truncated_to_normal


class DataFeatures(eqx.Module):
    """What a network sees of the whitened data: coefficients at a fixed scale, their direction and size.

    Attributes:
        basis: Basis of the coefficients, (data, rank), not trained. It travels with the
            weights, because another machine may order or sign its own basis differently.
        scale: Typical size of each coefficient over the prior, (rank,), not trained.
    """

    basis: NonTrainable
    scale: NonTrainable

    @classmethod
    def of(cls, basis: Float[np.ndarray, "data rank"], coefficients: Float[ArrayLike, "events rank"]) -> "DataFeatures":
        """Features in a basis, scaled to data like these."""
        scale = np.asarray(coefficients).std(axis=0) + 1.0
        return cls(NonTrainable(jnp.asarray(basis, jnp.float32)), NonTrainable(jnp.asarray(scale, jnp.float32)))

    @property
    def count(self) -> int:
        """Number of features."""
        return 2 * len(unwrap(self.scale)) + 1

    def project(self, whitened: Float[np.ndarray, "detectors n"]) -> Float[np.ndarray, "rank"]:
        """Coefficients of whitened data in the basis."""
        return np.asarray(whitened).reshape(-1) @ np.asarray(unwrap(self.basis))

    def __call__(self, coefficients: Float[ArrayLike, "rank"]) -> Float[Array, "features"]:
        """Features of one event, float32."""
        data = jnp.asarray(coefficients, jnp.float32)
        size = jnp.sqrt(data @ data)
        direction = data / size * np.float32(np.sqrt(data.size))
        return jnp.concatenate([data / unwrap(self.scale), direction, jnp.log(size)[None] - 4.0])


class DataTrunk(eqx.Module):
    """Features of the data through a residual network.

    Attributes:
        features: Fixed features.
        network: The network.
    """

    features: DataFeatures
    network: ResidualMLP

    @classmethod
    def build(cls, features: DataFeatures, *, outputs: int, width: int, blocks: int, key: Key) -> "DataTrunk":
        """Draw the weights."""
        return cls(features, ResidualMLP(features.count, outputs, width=width, blocks=blocks, key=key))

    def __call__(self, coefficients: Float[ArrayLike, "rank"]) -> Float[Array, "outputs"]:
        """Context of one event, float32."""
        return self.network(self.features(coefficients))


GAUSSIAN_NUMBERS = 5
"""Raw numbers of a network that fix one `RemnantGaussian`."""


class RemnantGaussian(eqx.Module):
    """A correlated normal law of (u, v) that respects the prior's curved edge exactly.

    v is a truncated normal, and u given v another one whose mean moves linearly with v.

    Attributes:
        v_mean: Centre of v.
        v_width: Width of v.
        u_mean: Centre of u at the centre of v.
        u_width: Width of u given v.
        slope: Shift of u per unit of v.
        v_bounds: Prior range of v.
    """

    v_mean: Float[Array, ""]
    v_width: Float[Array, ""]
    u_mean: Float[Array, ""]
    u_width: Float[Array, ""]
    slope: Float[Array, ""]
    v_bounds: tuple[float, float] = eqx.field(static=True)

    @classmethod
    def of(
        cls, raw: Float[Array, "5"], v_bounds: tuple[float, float], u_range: tuple[float, float]
    ) -> "RemnantGaussian":
        """Build from five unconstrained numbers of a network; zeros give a broad law."""
        low, high = v_bounds
        middle, reach = 0.5 * (u_range[0] + u_range[1]), 0.5 * (u_range[1] - u_range[0])
        raw = raw.astype(float)
        return cls(
            0.5 * (low + high) + 0.5 * (high - low) * raw[0],
            (high - low) * jnp.exp(jnp.clip(raw[1], -6.0, 3.0) - 1.0),
            middle + reach * raw[2],
            reach * jnp.exp(jnp.clip(raw[3], -8.0, 3.0) - 1.5),
            raw[4],
            v_bounds,
        )

    def to_normal(
        self, place: Float[Array, "2"], u_bounds: Float[Array, "2"]
    ) -> tuple[Float[Array, "2"], Float[Array, ""]]:
        """Normal coordinates of (u, v), and ln of their Jacobian."""
        u, v = place
        centre = self.u_mean + self.slope * (v - self.v_mean)
        first, first_slope = truncated_to_normal(*_scaled(v, self.v_mean, self.v_width, self.v_bounds))
        second, second_slope = truncated_to_normal(*_scaled(u, centre, self.u_width, (u_bounds[0], u_bounds[1])))
        log_det = first_slope + second_slope - jnp.log(self.v_width) - jnp.log(self.u_width)
        return jnp.stack([first, second]), log_det

    def v_from_normal(self, value: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The spin coordinate of its normal coordinate, and ln |d normal / dv|."""
        _, low, high = _scaled(self.v_mean, self.v_mean, self.v_width, self.v_bounds)
        offset, slope = normal_to_truncated(value, low, high)
        return self.v_mean + self.v_width * offset, slope - jnp.log(self.v_width)

    def u_from_normal(
        self,
        value: Float[Array, "..."],
        v: Float[Array, "..."],
        u_bounds: tuple[Float[Array, "..."], Float[Array, "..."]],
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """U of its normal coordinate given v, and ln |d normal / du|."""
        centre = self.u_mean + self.slope * (v - self.v_mean)
        _, low, high = _scaled(centre, centre, self.u_width, u_bounds)
        offset, slope = normal_to_truncated(value, low, high)
        return centre + self.u_width * offset, slope - jnp.log(self.u_width)


def _scaled(
    x: Array, centre: Array, width: Array, bounds: tuple[Array | float, Array | float]
) -> tuple[Array, Array, Array]:
    """A value and its bounds in units of a law's width from its centre."""
    return (x - centre) / width, (bounds[0] - centre) / width, (bounds[1] - centre) / width
