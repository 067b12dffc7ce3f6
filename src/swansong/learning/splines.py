"""Monotone rational-quadratic splines on [-1, 1], as plain functions of their parameters."""

import math

import jax
import jax.numpy as jnp

from swansong.core.types import Array, Bool, Float

# No bin may vanish and no slope may reach zero: the inverse divides by them.
MINIMUM_BIN, MINIMUM_SLOPE = 1e-3, 1e-3
_UNIT_SLOPE = math.log(math.expm1(1.0 - MINIMUM_SLOPE))


def count_parameters(knots: int) -> int:
    """Parameters of one spline.

    Args:
        knots: Number of bins.

    Returns:
        Widths, heights and the slopes at all bin edges.
    """
    return 3 * knots + 1


def rational_quadratic(
    x: Float[Array, " d"], *, raw: Float[Array, "d parameters"], tied: Bool[Array, " d"], inverse: bool
) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Evaluate splines that map [-1, 1] to itself, one for each coordinate.

    With `raw = 0` the map is the identity. Points outside stay where they are.

    Args:
        x: Where; values of the spline if `inverse`.
        raw: Unconstrained widths, heights and slopes.
        tied: True where both ends have one common free slope, as a circle needs; False
            where they have slope one, to join the identity outside.
        inverse: Whether to evaluate the inverse map.

    Returns:
        The map and the log of its derivative.

    Reference:
        Durkan et al., arXiv:1906.04032, Eqs. (4)-(8); Rezende et al., arXiv:2002.02428,
        Section 3.1 (splines on circles).
    """
    knots = (raw.shape[-1] - 1) // 3
    left, width = _edges(raw[..., :knots])
    bottom, height = _edges(raw[..., knots : 2 * knots])
    slopes = MINIMUM_SLOPE + jax.nn.softplus(raw[..., 2 * knots :] + _UNIT_SLOPE)
    first = jnp.where(tied, slopes[..., 0], 1.0)[..., None]
    slopes = jnp.concatenate([first, slopes[..., 1:-1], first], axis=-1)
    inside = (x >= -1.0) & (x <= 1.0)
    clipped = jnp.where(inside, x, 0.0)
    # Picking the bin by a product with one-hot rows has a cheap gradient, unlike a gather.
    edges = bottom if inverse else left
    index = jnp.sum(clipped[..., None] >= edges[..., 1:], axis=-1)
    chosen = jax.nn.one_hot(index, knots, dtype=raw.dtype)

    def pick(values: Array) -> Array:
        return jnp.sum(values * chosen, axis=-1)

    x0, y0, dx, dy = pick(left), pick(bottom), pick(width), pick(height)
    d0, d1, s = pick(slopes[..., :-1]), pick(slopes[..., 1:]), dy / dx
    excess = d0 + d1 - 2.0 * s
    if inverse:
        rise = clipped - y0
        a, b, c = dy * (s - d0) + rise * excess, dy * d0 - rise * excess, -s * rise
        root = jnp.sqrt(jnp.maximum(b**2 - 4.0 * a * c, 0.0))
        xi = jnp.clip(2.0 * c / (-b - root), 0.0, 1.0)
        out = x0 + xi * dx
    else:
        xi = jnp.clip((clipped - x0) / dx, 0.0, 1.0)
        out = y0 + dy * (s * xi**2 + d0 * xi * (1.0 - xi)) / (s + excess * xi * (1.0 - xi))
    bend = d1 * xi**2 + 2.0 * s * xi * (1.0 - xi) + d0 * (1.0 - xi) ** 2
    log_slope = 2.0 * jnp.log(s) + jnp.log(bend) - 2.0 * jnp.log(s + excess * xi * (1.0 - xi))
    log_slope = -log_slope if inverse else log_slope
    return jnp.where(inside, out, x), jnp.where(inside, log_slope, 0.0)


def _edges(raw: Float[Array, "d knots"]) -> tuple[Float[Array, "d knots"], Float[Array, "d knots"]]:
    """Left edges of bins that fill [-1, 1], and their sizes."""
    knots = raw.shape[-1]
    size = 2.0 * (MINIMUM_BIN + (1.0 - MINIMUM_BIN * knots) * jax.nn.softmax(raw, axis=-1))
    return jnp.cumsum(size, axis=-1) - size - 1.0, size
