"""Conditional normalizing flows: densities of a few numbers given a vector of context."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flowjax.bijections import Scan

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Bool, Float, Key
from swansong.learning.couplings import Coupling, wrap

_LOG_TWO_PI = math.log(2.0 * math.pi)


class ConditionalFlow(eqx.Module):
    """A density built by moving a simple one through coupling layers, in float32.

    The base density is a standard normal law for numbers and uniform on the circle for
    angles. One point at a time: batches come by `jax.vmap`.

    Attributes:
        layers: Coupling layers, stacked; they map base points to points.
        periodic: Whether each coordinate is an angle in [-pi, pi).
        embedding: Network applied to the context first, once for any number of draws, or None.
    """

    layers: Scan
    periodic: Bool[Array, " d"]
    embedding: Callable[[Array], Array] | None

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return self.periodic.shape[0]

    def log_prob(self, x: Float[Array, " d"], context: Float[Array, " c"] | None = None) -> Float[Array, ""]:
        """Log density of a point.

        Args:
            x: The point; angles may have any winding.
            context: The context.

        Returns:
            Log density, float32.
        """
        point = jnp.asarray(x, jnp.float32)
        point = jnp.where(self.periodic, wrap(point), point)
        base, log_det = self.layers.inverse_and_log_det(point, self._embed(context))
        return self._base_log_prob(base) + log_det

    def sample(self, key: Key, n: int, context: Float[Array, " c"] | None = None) -> Float[Array, "n d"]:
        """Draws for one context.

        Args:
            key: Random key.
            n: Number of draws.
            context: The context.

        Returns:
            The points.
        """
        return self.sample_and_log_prob(key, n, context)[0]

    def sample_and_log_prob(
        self, key: Key, n: int, context: Float[Array, " c"] | None = None
    ) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        """Draws for one context with their log densities, at the price of the draws alone.

        Args:
            key: Random key.
            n: Number of draws.
            context: The context.

        Returns:
            The points and their log densities.
        """
        condition = self._embed(context)
        normal_key, angle_key = jax.random.split(key)
        shape = (n, self.dimension)
        normal = jax.random.normal(normal_key, shape, jnp.float32)
        angle = jax.random.uniform(angle_key, shape, jnp.float32, -math.pi, math.pi)
        base = jnp.where(self.periodic, angle, normal)
        points, log_det = jax.vmap(lambda z: self.layers.transform_and_log_det(z, condition))(base)
        return points, jax.vmap(self._base_log_prob)(base) - log_det

    def _embed(self, context: Array | None) -> Array | None:
        """The context as the layers take it."""
        if context is None:
            return None
        condition = jnp.asarray(context, jnp.float32)
        return condition if self.embedding is None else self.embedding(condition)

    def _base_log_prob(self, z: Array) -> Array:
        """Log density of the base law."""
        return jnp.sum(jnp.where(self.periodic, -_LOG_TWO_PI, -0.5 * (z**2 + _LOG_TWO_PI)))


def conditional_flow(
    *,
    key: Key,
    dimension: int,
    context: int = 0,
    transformer: Literal["affine", "spline"] = "spline",
    layers: int = 8,
    width: int = 128,
    depth: int = 2,
    knots: int = 10,
    interval: float = 4.0,
    periodic: Sequence[int] = (),
    permutation: Literal["random", "alternate"] = "random",
    separate_networks: bool = False,
    activation: str = "silu",
    embedding: Callable[[Array], Array] | None = None,
) -> ConditionalFlow:
    """Build a flow that starts as its base density for every context.

    Coordinates that are no angles should have about zero mean and unit variance.

    Args:
        key: Random key.
        dimension: Number of coordinates.
        context: Length of the context that the layers see (after `embedding`), 0 for none.
        transformer: What a layer does to a coordinate: shift and scale, or a spline.
        layers: Number of layers.
        width: Width of each layer's conditioner.
        depth: Its number of hidden layers.
        knots: Bins of each spline.
        interval: Half-width of the range in which splines act; beyond it they are the identity.
        periodic: Indices of coordinates that are angles [rad]; needs splines.
        permutation: Which half moves: a random one, then the rest, and so on (the choice
            is stored in the flow), or odd and even ones by turns.
        separate_networks: Whether shift and scale have networks of their own (affine only).
        activation: Activation of the conditioners.
        embedding: Network applied to the context first.

    Returns:
        The flow.

    Raises:
        ConfigError: If a size is not positive or the choices contradict each other.

    Reference:
        Dinh et al., arXiv:1605.08803 (coupling layers); Durkan et al., arXiv:1906.04032
        (splines); Rezende et al., arXiv:2002.02428 (circles).
    """
    for name, size in {"dimension": dimension, "layers": layers, "width": width, "depth": depth}.items():
        if size < 1:
            raise ConfigError(f"`{name}` must be at least 1, got {size}; give a positive whole number")
    if not 2 <= knots <= 100:
        raise ConfigError(f"`knots` must lie between 2 and 100, got {knots}; 8 to 16 serve most densities")
    if transformer not in ("affine", "spline"):
        raise ConfigError(f"`transformer` must be 'affine' or 'spline', got '{transformer}'; choose one of these")
    if permutation not in ("random", "alternate"):
        raise ConfigError(f"`permutation` must be 'random' or 'alternate', got '{permutation}'; choose one of these")
    if periodic and transformer == "affine":
        raise ConfigError(
            f"`periodic` needs transformer = 'spline', got 'affine' with angles {list(periodic)}; change either"
        )
    if separate_networks and transformer == "spline":
        raise ConfigError("`separate_networks` needs transformer = 'affine', got 'spline'; leave it out")
    if any(not 0 <= index < dimension for index in periodic):
        raise ConfigError(f"`periodic` must hold indices below {dimension}, got {list(periodic)}; count from 0")
    order_key, layer_key = jax.random.split(key)
    angles = np.isin(np.arange(dimension), list(periodic))

    def layer(order: Array, key: Array) -> Coupling:
        return Coupling(
            order,
            periodic=jnp.asarray(angles),
            angles=bool(periodic),
            context=context,
            transformer=transformer,
            width=width,
            depth=depth,
            knots=knots,
            interval=interval,
            separate=separate_networks,
            activation=activation,
            key=key,
        )

    orders = _orders(order_key, dimension=dimension, layers=layers, random=permutation == "random")
    # Compiled as a whole: building op by op takes seconds.
    stacked = eqx.filter_jit(eqx.filter_vmap(layer))(orders, jax.random.split(layer_key, layers))
    return ConditionalFlow(Scan(stacked), jnp.asarray(angles), embedding)


def _orders(key: Key, *, dimension: int, layers: int, random: bool) -> Array:
    """One order of the coordinates a layer; the next layer moves what this one left."""
    pairs = (layers + 1) // 2
    if random:
        first = jax.vmap(lambda one: jax.random.permutation(one, dimension))(jax.random.split(key, pairs))
    else:
        odd_first = np.concatenate([np.arange(1, dimension, 2), np.arange(0, dimension, 2)])
        first = np.broadcast_to(odd_first, (pairs, dimension))
    first = np.asarray(first)
    return jnp.asarray(np.stack([first, first[:, ::-1]], axis=1).reshape(-1, dimension)[:layers])
