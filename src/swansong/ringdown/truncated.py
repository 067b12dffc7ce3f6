"""Truncated unit normals as maps onto the whole normal, in both directions and out to any tail."""

import math

import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr, ndtri

from swansong.core.types import Array, Float

_FAR = 30.0  # an interval wholly beyond this many standard deviations takes the tail's law
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def log_interval(low: Float[Array, "..."], high: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log of Phi(high) - Phi(low) without cancellation, however far out the interval lies."""
    low, high, _ = _lower_side(low, high)
    top = log_ndtr(high)
    return top + jnp.log(-jnp.expm1(jnp.minimum(log_ndtr(low) - top, -1e-12)))


def truncated_to_normal(
    x: Float[Array, "..."], low: Float[Array, "..."], high: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Map a unit normal truncated to [low, high] onto the whole normal.

    Intervals wholly beyond 30 standard deviations take the tail's law |x| exp(-x^2/2)
    instead, which has a closed distribution function and differs by a part in 900.

    Args:
        x: Value between the bounds.
        low: Lower bound.
        high: Upper bound.

    Returns:
        The normal coordinate and the log of its derivative.
    """
    low, high, flip = _lower_side(low, high)
    x = jnp.clip(jnp.where(flip, -x, x), low, high)
    far, bottom, total = _law(low, high)
    # The branch that is not taken gets harmless numbers, because its gradient must be finite too.
    a, b, c = (jnp.where(far, part, -1.0) for part in (low, x, high))
    below = jnp.where(far, _tail(a, b) * jnp.exp(_tail_log(b, c)), ndtr(x) - ndtr(bottom)) / total
    above = jnp.where(far, -jnp.expm1(_tail_log(b, c)), ndtr(high) - ndtr(x)) / total
    below, above = jnp.clip(below, 1e-15, 1.0), jnp.clip(above, 1e-15, 1.0)
    value = jnp.where(below < 0.5, ndtri(jnp.minimum(below, 0.5)), -ndtri(jnp.minimum(above, 0.5)))
    return jnp.where(flip, -value, value), 0.5 * value**2 + _log_density(x, high, far) - jnp.log(total)


def normal_to_truncated(
    value: Float[Array, "..."], low: Float[Array, "..."], high: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Inverse of `truncated_to_normal`: the value between the bounds, and the same log derivative."""
    low, high, flip = _lower_side(low, high)
    value = jnp.where(flip, -value, value)
    far, bottom, total = _law(low, high)
    near = ndtri(jnp.clip(ndtr(bottom) + total * ndtr(value), 1e-300, 1.0 - 1e-16))
    # In the tail exp((high^2 - x^2) / 2) is one minus the share of the interval above x.
    edge, share = jnp.where(far, high, -1.0), jnp.where(far, total, 0.0)
    beyond = -jnp.sqrt(edge**2 - 2.0 * jnp.log1p(-share * ndtr(-value)))
    x = jnp.clip(jnp.where(far, beyond, near), low, high)
    return jnp.where(flip, -x, x), 0.5 * value**2 + _log_density(x, high, far) - jnp.log(total)


def _lower_side(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Mirror an interval so that most of it lies below zero, where Phi keeps its digits."""
    flip = low + high > 0.0
    return jnp.where(flip, -high, low), jnp.where(flip, -low, high), flip


def _law(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Whether the tail's law holds, the lower bound that the normal needs, and the normalisation."""
    far = high < -_FAR
    bottom = jnp.maximum(low, -_FAR - 5.0)
    near = ndtr(jnp.where(far, 0.0, high)) - ndtr(bottom)
    tail = _tail(jnp.where(far, low, -2.0), jnp.where(far, high, -1.0))
    return far, bottom, jnp.maximum(jnp.where(far, tail, near), 1e-300)


def _tail_log(x: Array, high: Array) -> Array:
    """(high^2 - x^2) / 2 without cancellation."""
    return 0.5 * (high - x) * (high + x)


def _tail(low: Array, high: Array) -> Array:
    """Share of the tail below `high` that lies above `low`."""
    return -jnp.expm1(_tail_log(low, high))


def _log_density(x: Array, high: Array, far: Array) -> Array:
    """Log of the law's density times sqrt(2 pi), not normalised."""
    y, edge = jnp.where(far, x, -1.0), jnp.where(far, high, -1.0)
    return jnp.where(far, jnp.log(-y) + _tail_log(y, edge) + _LOG_ROOT_TWO_PI, -0.5 * x**2)
