"""The normal law cut to an interval, in float32 and out to any tail.

With `a < b` the ends in units of the width, counted from the mode, mirrored so that
`a + b >= 0`, and `w = b - a`, all that is needed is

    I(t) = integral from 0 to t of exp(-a s - s^2 / 2) ds,

the mass relative to the density at the end `a`. The density at `a + t` is
`exp(-a t - t^2 / 2) / I(w)` per unit of t. Neither number over- nor underflows however
far out the interval lies, whereas the difference of two normal integrals does. Only where
the mode lies well within the interval is the density better counted from there.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfcx, ndtr, ndtri

from swansong.core.types import Array, Float

_ROOT_HALF = float(np.sqrt(0.5))
_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))

# Below this fall in log density the integrand is smooth enough for the quadrature (error < 1e-9).
_SMOOTH = 4.0
_NODES, _WEIGHTS = (np.asarray(part) for part in np.polynomial.legendre.leggauss(12))

# Beyond this the normal integral underflows in float64 and the law is nearly exponential.
_FAR = 25.0


def log_truncated_normal(
    x: Float[Array, "..."],
    *,
    loc: Float[Array, "..."],
    scale: Float[Array, "..."],
    low: Float[Array, "..."] | float,
    high: Float[Array, "..."] | float,
) -> Float[Array, "..."]:
    """Log density of the normal law cut to [low, high].

    Args:
        x: Where.
        loc: Mode of the uncut law.
        scale: Width of the uncut law.
        low: Lower end.
        high: Upper end, above `low`.

    Returns:
        Log density, -inf outside; the gradient outside is zero.
    """
    inside = (x >= low) & (x <= high)
    mirrored = (low - loc) + (high - loc) < 0.0
    a = jnp.where(mirrored, loc - high, low - loc) / scale
    w = (high - low) / scale
    t = jnp.where(mirrored, high - x, x - low) / scale
    t = jnp.where(inside, t, 0.0)
    z = jnp.where(inside, x - loc, 0.0) / scale
    log_mass, central = _log_mass(a, w)
    log_density = jnp.where(central, -0.5 * z**2, -t * (a + 0.5 * t)) - jnp.log(scale) - log_mass
    return jnp.where(inside, log_density, -jnp.inf)


def sample_truncated_normal(
    u: Float[Array, "..."],
    *,
    loc: Float[Array, "..."],
    scale: Float[Array, "..."],
    low: Float[Array, "..."] | float,
    high: Float[Array, "..."] | float,
) -> Float[Array, "..."]:
    """Quantile function of the normal law cut to [low, high].

    Args:
        u: Probabilities in [0, 1], in float64.
        loc: Mode of the uncut law.
        scale: Width of the uncut law.
        low: Lower end.
        high: Upper end, above `low`.

    Returns:
        Points within [low, high], in the precision of `loc`.
    """
    kind = jnp.result_type(loc)
    loc, scale, low, high = (jnp.asarray(part, jnp.float64) for part in (loc, scale, low, high))
    mirrored = (low - loc) + (high - loc) < 0.0
    a = jnp.where(mirrored, loc - high, low - loc) / scale
    w = (high - low) / scale
    u = jnp.where(mirrored, 1.0 - u, u)
    near = jnp.minimum(a, _FAR)
    # From the upper tail, which keeps its digits where the lower one rounds to 1.
    tail = ndtr(-near) * (1.0 - u) + ndtr(-near - w) * u
    t = jnp.where(a < _FAR, -ndtri(tail) - near, _far_quantile(u, jnp.maximum(a, _FAR), w))
    t = jnp.clip(t, 0.0, w) * scale
    return jnp.clip(jnp.where(mirrored, high - t, low + t), low, high).astype(kind)


def _log_mass(a: Array, w: Array) -> tuple[Array, Array]:
    """Log of I(w), for `2 a + w >= 0`, and where it is counted from the mode and not from `a`.

    Each of the three forms is given harmless numbers where another one is taken, because
    the gradient of a branch that is not taken must be finite too.
    """
    smooth = w * (jnp.abs(a) + 0.5 * w) < _SMOOTH
    tail = ~smooth & (a >= 0.0)
    central = ~smooth & (a < 0.0)
    a_smooth, w_smooth = jnp.where(smooth, a, 0.0), jnp.where(smooth, w, 1.0)
    s = w_smooth[..., None] * (0.5 * (1.0 + _NODES)).astype(a.dtype)
    terms = jnp.exp(-s * (a_smooth[..., None] + 0.5 * s))
    log_smooth = jnp.log(w_smooth) + jnp.log(jnp.sum(terms * (0.5 * _WEIGHTS).astype(a.dtype), axis=-1))
    a_tail, w_tail = jnp.where(tail, a, 1.0), jnp.where(tail, w, 4.0)
    fall = jnp.exp(-w_tail * (a_tail + 0.5 * w_tail))
    log_tail = jnp.log(_mills(a_tail) - fall * _mills(a_tail + w_tail))
    a_central, w_central = jnp.where(central, a, -1.0), jnp.where(central, w, 4.0)
    outside = ndtr(a_central) + ndtr(-a_central - w_central)
    log_central = float(np.log(_ROOT_TWO_PI)) + jnp.log1p(-outside)
    return jnp.where(smooth, log_smooth, jnp.where(tail, log_tail, log_central)), central


def _mills(a: Array) -> Array:
    """Mills ratio: upper tail of the normal law over its density."""
    return 0.5 * _ROOT_TWO_PI * erfcx(a * _ROOT_HALF)


def _far_quantile(u: Array, a: Array, w: Array) -> Array:
    """Solve I(t) = u I(w) far out, by Newton's method from the exponential law."""
    total = jnp.exp(_log_mass(a, w)[0])
    t = -jnp.log1p(u * jnp.expm1(-a * w)) / a

    def better(t: Array, _: None) -> tuple[Array, None]:
        # In the upper part of the interval the mass above t is the one with digits left.
        above = jnp.exp(-t * (a + 0.5 * t)) * _mills(a + t) - jnp.exp(-w * (a + 0.5 * w)) * _mills(a + w)
        step = ((1.0 - u) * total - above) * jnp.exp(t * (a + 0.5 * t))
        return jnp.clip(t - step, 0.0, w), None

    return jax.lax.scan(better, t, None, length=4)[0]
