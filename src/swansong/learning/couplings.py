"""Coupling layers as flowjax bijections: half of the coordinates move, guided by the others.

The layer knows which coordinates move by stored index arrays, so coordinates keep their
places from layer to layer and a weights file is complete. Angles may be among them: they
enter the conditioner as cosine and sine and move by splines on the circle.
"""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from flowjax.bijections import AbstractBijection

from swansong.core.types import Array, Bool, Float, Int, Key
from swansong.learning.networks import MLP
from swansong.learning.splines import count_parameters, rational_quadratic

# Largest log scale of one affine layer: keeps untrained layers from exploding.
_LOG_SCALE_BOUND = 4.0


class CircularSpline(AbstractBijection):
    """A smooth monotone map of the circle to itself: a spline on [-pi, pi] and a rotation.

    The slopes at both ends are one parameter, so the density it makes has no seam.

    Attributes:
        raw: Unconstrained parameters of the spline, see `splines.rational_quadratic`.
        rotation: Angle by which the result is rotated [rad].
    """

    raw: Float[Array, " parameters"]
    rotation: Float[Array, ""]
    shape: ClassVar[tuple[int, ...]] = ()
    cond_shape: ClassVar[tuple[int, ...] | None] = None

    def transform_and_log_det(self, x: Array, condition: Array | None = None) -> tuple[Array, Array]:
        """Map an angle [rad] and give the log of the derivative."""
        y, log_slope = _circular(x[None], self.raw[None], self.rotation[None], inverse=False)
        return y[0], log_slope[0]

    def inverse_and_log_det(self, y: Array, condition: Array | None = None) -> tuple[Array, Array]:
        """Undo `transform_and_log_det`."""
        x, log_slope = _circular(y[None], self.raw[None], self.rotation[None], inverse=True)
        return x[0], log_slope[0]


class Coupling(AbstractBijection):
    """One coupling layer.

    Attributes:
        passive: Indices of the coordinates that stay and guide.
        active: Indices of those that move.
        periodic: Whether each coordinate is an angle in [-pi, pi).
        networks: One conditioner, or one for the shift and one for the scale.
        transformer: "affine" or "spline".
        interval: Half-width of the range in which splines act on coordinates that are no angles.
        angles: Whether there is any angle.
        shape: Shape of a point.
        cond_shape: Shape of the context, or None.
    """

    passive: Int[Array, " passive"]
    active: Int[Array, " active"]
    periodic: Bool[Array, " d"]
    networks: tuple[MLP, ...]
    transformer: str = eqx.field(static=True)
    interval: float = eqx.field(static=True)
    angles: bool = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    cond_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        order: Int[Array, " d"],
        *,
        periodic: Bool[Array, " d"],
        angles: bool,
        context: int,
        transformer: str,
        width: int,
        depth: int,
        knots: int,
        interval: float,
        separate: bool,
        activation: str,
        key: Key,
    ) -> None:
        """Draw the conditioner's weights; the layer starts as the identity.

        Args:
            order: Permutation of the coordinates; the first half of it stays.
            periodic: Whether each coordinate is an angle.
            angles: Whether there is any angle.
            context: Length of the context, 0 for none.
            transformer: "affine" or "spline".
            width: Width of the conditioner.
            depth: Its number of hidden layers.
            knots: Bins of each spline.
            interval: Half-width of the range of splines.
            separate: Whether shift and scale have networks of their own (affine only).
            activation: Its activation.
            key: Random key.
        """
        dimension = order.shape[0]
        stay = dimension // 2
        moving = dimension - stay
        self.passive, self.active, self.periodic = order[:stay], order[stay:], periodic
        self.transformer, self.interval, self.angles = transformer, interval, angles
        self.shape, self.cond_shape = (dimension,), (context,) if context else None
        # Without passive coordinates and context the conditioner still needs an input.
        inputs = max(stay * (2 if angles else 1) + context, 1)
        each = 2 if transformer == "affine" else count_parameters(knots) + angles
        shares = [moving, moving] if separate else [moving * each]
        self.networks = tuple(
            MLP(inputs, share, width=width, depth=depth, activation=activation, zero_last=True, key=one)
            for share, one in zip(shares, jax.random.split(key, len(shares)), strict=True)
        )

    def transform_and_log_det(self, x: Array, condition: Array | None = None) -> tuple[Array, Array]:
        """Move the active coordinates and give the log Jacobian."""
        return self._move(x, condition, inverse=False)

    def inverse_and_log_det(self, y: Array, condition: Array | None = None) -> tuple[Array, Array]:
        """Undo `transform_and_log_det`."""
        return self._move(y, condition, inverse=True)

    def _move(self, x: Array, condition: Array | None, *, inverse: bool) -> tuple[Array, Array]:
        """Either direction: the passive coordinates are the same before and after."""
        raw = self._guide(x[self.passive], condition)
        old = x[self.active]
        if self.transformer == "affine":
            shift, log_scale = raw[..., 0], _LOG_SCALE_BOUND * jnp.tanh(raw[..., 1] / _LOG_SCALE_BOUND)
            new = (old - shift) * jnp.exp(-log_scale) if inverse else old * jnp.exp(log_scale) + shift
            slope = -log_scale if inverse else log_scale
        elif not self.angles:
            tied = jnp.zeros(old.shape, bool)
            new, slope = rational_quadratic(old / self.interval, raw=raw, tied=tied, inverse=inverse)
            new = new * self.interval
        else:
            tied = self.periodic[self.active]
            raw, rotation = raw[..., :-1], raw[..., -1]
            flat, flat_slope = rational_quadratic(old / self.interval, raw=raw, tied=tied, inverse=inverse)
            round_, round_slope = _circular(old, raw, rotation, inverse=inverse)
            new = jnp.where(tied, round_, flat * self.interval)
            slope = jnp.where(tied, round_slope, flat_slope)
        return x.at[self.active].set(new), jnp.sum(slope)

    def _guide(self, passive: Array, condition: Array | None) -> Array:
        """Parameters of the active coordinates."""
        parts = [passive]
        if self.angles:
            periodic = self.periodic[self.passive]
            parts = [jnp.where(periodic, jnp.cos(passive), passive), jnp.where(periodic, jnp.sin(passive), 0.0)]
        if condition is not None and self.cond_shape is not None:
            parts.append(condition)
        inputs = jnp.concatenate(parts)
        inputs = inputs if inputs.size else jnp.ones(1, passive.dtype)
        found = [network(inputs) for network in self.networks]
        if len(found) == 2:
            return jnp.stack(found, axis=-1)
        return found[0].reshape(self.active.shape[0], -1)


def _circular(x: Array, raw: Array, rotation: Array, *, inverse: bool) -> tuple[Array, Array]:
    """Splines on the circle, followed by a rotation."""
    tied = jnp.ones(x.shape, bool)
    if inverse:
        y, log_slope = rational_quadratic(wrap(x - rotation) / math.pi, raw=raw, tied=tied, inverse=True)
        return wrap(y * math.pi), log_slope
    y, log_slope = rational_quadratic(wrap(x) / math.pi, raw=raw, tied=tied, inverse=False)
    return wrap(y * math.pi + rotation), log_slope


def wrap(angle: Float[Array, "..."]) -> Float[Array, "..."]:
    """The same angle in [-pi, pi).

    Args:
        angle: Angle [rad].

    Returns:
        Angle [rad].
    """
    return jnp.mod(angle + math.pi, 2.0 * math.pi) - math.pi
