"""One-dimensional probability laws, the building blocks of a prior.

Every law is a strictly increasing map of the unit interval onto its support, and a
normalised density. A bound may be a `Bound`, a function of parameters declared earlier;
`Law.resolve` puts its value in place before the law is used.
"""

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr, ndtri

from swansong.core.errors import InputError
from swansong.core.types import Array, ArrayLike, Float


class Bound(eqx.Module):
    """A number that depends on parameters declared earlier in the same prior.

    Example: ``Uniform(0.0, Bound(of=("charge",), function=lambda q: jnp.sqrt(1.0 - q**2)))``.

    Attributes:
        of: Names of the parameters it depends on.
        function: Maps their values, arrays of any one shape, to the number.
    """

    of: tuple[str, ...] = eqx.field(static=True, converter=lambda names: (names,) if isinstance(names, str) else names)
    function: Callable[..., Any] = eqx.field(static=True)

    def __call__(self, values: Mapping[str, ArrayLike]) -> Array:
        """Evaluate the number from the values of the parameters."""
        return jnp.asarray(self.function(*(values[name] for name in self.of)))


Number: TypeAlias = Any
"""A float, an array or a `Bound`; any, because formulas only ever see resolved laws."""


def _number(value: Any) -> Number:
    """Turn what counts as a plain number into a float, so that it can be checked and printed."""
    return float(value) if isinstance(value, (int, float, np.generic)) else value


class Law(eqx.Module):
    """A one-dimensional law on ``[minimum, maximum]``; all methods act elementwise.

    Subclasses define `_log_density`, `_cumulative` and `_quantile` for values inside the
    support; this class adds the support, so that no law can forget it.
    """

    minimum: eqx.AbstractVar[Number]
    maximum: eqx.AbstractVar[Number]

    def __check_init__(self):
        # Traced values appear when a dependent bound is resolved under jit: nothing to check there.
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and math.isnan(value):
                raise InputError(f"`{type(self).__name__}({field.name}=...)` is NaN; give a number")
        if self._fixed_support() and not self.minimum < self.maximum:  # type: ignore[operator]
            raise InputError(
                f"`{type(self).__name__}` has minimum {self.minimum} and maximum {self.maximum}; "
                "give a minimum below the maximum"
            )

    def _fixed_support(self) -> bool:
        return isinstance(self.minimum, float) and isinstance(self.maximum, float)

    @abc.abstractmethod
    def _log_density(self, x: Array) -> Array: ...

    @abc.abstractmethod
    def _cumulative(self, x: Array) -> Array: ...

    @abc.abstractmethod
    def _quantile(self, u: Array) -> Array: ...

    @property
    def bounds(self) -> dict[str, Bound]:
        """The fields that depend on other parameters."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Bound)}

    def resolve(self, values: Mapping[str, ArrayLike]) -> "Law":
        """Return the law with every `Bound` replaced by its value.

        Args:
            values: Values of the parameters declared earlier, by name.

        Returns:
            A law whose fields are numbers or arrays.
        """
        bounds = self.bounds
        if not bounds:
            return self
        return dataclasses.replace(self, **{name: bound(values) for name, bound in bounds.items()})

    def log_prob(self, x: ArrayLike) -> Float[Array, "..."]:
        """Return the normalised log density, ``-inf`` outside the support.

        Where a dependent bound leaves no support at all (minimum not below maximum),
        the density is ``-inf`` everywhere.
        """
        x = jnp.asarray(x, dtype=float)
        inside = (x >= self.minimum) & (x <= self.maximum) & (jnp.asarray(self.minimum) < self.maximum)
        # The inner replacement keeps NaN out of the gradient of points outside.
        return jnp.where(
            inside, self._log_density(jnp.where(inside, x, self._quantile(jnp.full_like(x, 0.5)))), -jnp.inf
        )

    def to_unit(self, x: ArrayLike) -> Float[Array, "..."]:
        """Return the cumulative probability of `x`: 0 below the support, 1 above."""
        x = jnp.clip(jnp.asarray(x, dtype=float), self.minimum, self.maximum)
        return jnp.clip(self._cumulative(x), 0.0, 1.0)

    def from_unit(self, u: ArrayLike) -> Float[Array, "..."]:
        """Return the quantile of `u` in ``[0, 1]``: the inverse of `to_unit`."""
        return jnp.clip(self._quantile(jnp.asarray(u, dtype=float)), self.minimum, self.maximum)


class Uniform(Law):
    """Constant density between two bounds."""

    minimum: Number = eqx.field(converter=_number)
    maximum: Number = eqx.field(converter=_number)

    def __check_init__(self):
        if self._fixed_support() and math.isinf(self.maximum - self.minimum):  # type: ignore[operator]
            raise InputError(f"`Uniform({self.minimum}, {self.maximum})` has no finite width; give finite bounds")

    def _log_density(self, x):
        return jnp.broadcast_to(-jnp.log(jnp.asarray(self.maximum) - self.minimum), x.shape)

    def _cumulative(self, x):
        return (x - self.minimum) / (self.maximum - self.minimum)

    def _quantile(self, u):
        return self.minimum * (1.0 - u) + self.maximum * u


class LogUniform(Law):
    """Density proportional to ``1 / x`` between two positive bounds."""

    minimum: Number = eqx.field(converter=_number)
    maximum: Number = eqx.field(converter=_number)

    def __check_init__(self):
        _check_positive(self)

    def _log_density(self, x):
        return -jnp.log(x) - jnp.log(_log_ratio(self))

    def _cumulative(self, x):
        return jnp.log(x / self.minimum) / _log_ratio(self)

    def _quantile(self, u):
        return self.minimum * jnp.exp(u * _log_ratio(self))


class PowerLaw(Law):
    """Density proportional to ``x**alpha`` between two positive bounds, alpha other than -1."""

    alpha: float = eqx.field(static=True, converter=float)
    minimum: Number = eqx.field(kw_only=True, converter=_number)
    maximum: Number = eqx.field(kw_only=True, converter=_number)

    def __check_init__(self):
        _check_positive(self)
        if self.alpha == -1.0:
            raise InputError("`PowerLaw(alpha=-1)` has no power-law integral; give LogUniform(minimum, maximum)")

    # Powers are taken of x / minimum, so that neither tiny nor huge units overflow.
    def _log_density(self, x):
        index = self.alpha + 1.0
        mass = jnp.expm1(index * _log_ratio(self)) / index
        return self.alpha * jnp.log(x / self.minimum) - jnp.log(mass) - jnp.log(self.minimum)

    def _cumulative(self, x):
        index = self.alpha + 1.0
        return jnp.expm1(index * jnp.log(x / self.minimum)) / jnp.expm1(index * _log_ratio(self))

    def _quantile(self, u):
        index = self.alpha + 1.0
        return self.minimum * jnp.exp(jnp.log1p(u * jnp.expm1(index * _log_ratio(self))) / index)


class Gaussian(Law):
    """Normal density of mean `mu` and width `sigma`, truncated where bounds are given."""

    mu: Number = eqx.field(converter=_number)
    sigma: Number = eqx.field(converter=_number)
    minimum: Number = eqx.field(default=-math.inf, kw_only=True, converter=_number)
    maximum: Number = eqx.field(default=math.inf, kw_only=True, converter=_number)

    def __check_init__(self):
        if isinstance(self.sigma, float) and not 0.0 < self.sigma < math.inf:
            raise InputError(f"`Gaussian(sigma=...)` must be positive, got {self.sigma}; give the standard deviation")

    def _standard(self):
        """Bounds in standard deviations, mirrored so that the lower one is the nearer tail."""
        low, high = (
            (jnp.asarray(self.minimum) - self.mu) / self.sigma,
            (jnp.asarray(self.maximum) - self.mu) / self.sigma,
        )
        mirrored = low > 0.0
        return jnp.where(mirrored, -high, low), jnp.where(mirrored, -low, high), jnp.where(mirrored, -1.0, 1.0)

    def _log_density(self, x):
        low, high, _ = self._standard()
        log_mass = log_ndtr(high) + jnp.log(-jnp.expm1(log_ndtr(low) - log_ndtr(high)))
        z = (x - self.mu) / self.sigma
        return -0.5 * z**2 - jnp.log(self.sigma) - 0.5 * math.log(2.0 * math.pi) - log_mass

    def _cumulative(self, x):
        low, high, sign = self._standard()
        below = (ndtr(sign * (x - self.mu) / self.sigma) - ndtr(low)) / (ndtr(high) - ndtr(low))
        return jnp.where(sign > 0.0, below, 1.0 - below)

    def _quantile(self, u):
        low, high, sign = self._standard()
        below = jnp.where(sign > 0.0, u, 1.0 - u)
        return self.mu + sign * self.sigma * ndtri(ndtr(low) * (1.0 - below) + ndtr(high) * below)


class Sine(Law):
    """Density proportional to ``sin(x)`` within ``[0, pi]`` [rad]: an isotropic polar angle."""

    minimum: Number = eqx.field(default=0.0, converter=_number)
    maximum: Number = eqx.field(default=math.pi, converter=_number)

    def __check_init__(self):
        _check_within(self, 0.0, math.pi)

    # Half-angle squares stay exact at both poles, where cosines lose half the digits.
    def _log_density(self, x):
        mass = jnp.sin(jnp.asarray(self.maximum) / 2) ** 2 - jnp.sin(jnp.asarray(self.minimum) / 2) ** 2
        return jnp.log(jnp.sin(x) / (2.0 * mass))

    def _cumulative(self, x):
        low = jnp.sin(jnp.asarray(self.minimum) / 2) ** 2
        return (jnp.sin(x / 2) ** 2 - low) / (jnp.sin(jnp.asarray(self.maximum) / 2) ** 2 - low)

    def _quantile(self, u):
        low, high = jnp.asarray(self.minimum) / 2, jnp.asarray(self.maximum) / 2
        sine = jnp.sin(low) ** 2 * (1.0 - u) + jnp.sin(high) ** 2 * u
        cosine = jnp.cos(low) ** 2 * (1.0 - u) + jnp.cos(high) ** 2 * u
        return 2.0 * jnp.arctan2(jnp.sqrt(sine), jnp.sqrt(cosine))


class Cosine(Law):
    """Density proportional to ``cos(x)`` within ``[-pi/2, pi/2]`` [rad]: an isotropic latitude."""

    minimum: Number = eqx.field(default=-math.pi / 2, converter=_number)
    maximum: Number = eqx.field(default=math.pi / 2, converter=_number)

    def __check_init__(self):
        _check_within(self, -math.pi / 2, math.pi / 2)

    # A latitude is a polar angle minus a right angle.
    def _polar(self) -> Sine:
        low, high = jnp.asarray(self.minimum) + math.pi / 2, jnp.asarray(self.maximum) + math.pi / 2
        return Sine(jnp.clip(low, 0.0, math.pi), jnp.clip(high, 0.0, math.pi))

    def _log_density(self, x):
        return self._polar()._log_density(x + math.pi / 2)

    def _cumulative(self, x):
        return self._polar()._cumulative(x + math.pi / 2)

    def _quantile(self, u):
        return self._polar()._quantile(u) - math.pi / 2


class Delta(Law):
    """All probability on one value: a fixed parameter.

    `log_prob` is 0 there and ``-inf`` elsewhere, `from_unit` returns the value whatever
    `u` is, and `to_unit` returns one half.
    """

    peak: Number = eqx.field(converter=_number)

    def __check_init__(self):
        if isinstance(self.peak, float) and not math.isfinite(self.peak):
            raise InputError(f"`Delta({self.peak})` must be finite; give the fixed value")

    @property
    def minimum(self) -> Number:  # type: ignore[override]
        """The fixed value."""
        return self.peak

    @property
    def maximum(self) -> Number:  # type: ignore[override]
        """The fixed value."""
        return self.peak

    def _fixed_support(self) -> bool:
        return False

    def _log_density(self, x):
        return jnp.zeros_like(x)

    def _cumulative(self, x):
        return jnp.full_like(x, 0.5)

    def _quantile(self, u):
        return jnp.broadcast_to(jnp.asarray(self.peak, dtype=float), u.shape)

    def log_prob(self, x: ArrayLike) -> Float[Array, "..."]:
        """Return 0 on the fixed value and ``-inf`` elsewhere."""
        x = jnp.asarray(x, dtype=float)
        return jnp.where(x == self.peak, self._log_density(x), -jnp.inf)


def _log_ratio(law: Law) -> Array:
    return jnp.log(jnp.asarray(law.maximum) / law.minimum)


def _check_positive(law: Law) -> None:
    if isinstance(law.minimum, float) and not law.minimum > 0.0:
        raise InputError(
            f"`{type(law).__name__}(minimum=...)` must be positive, got {law.minimum}; give a bound above 0"
        )
    if isinstance(law.maximum, float) and math.isinf(law.maximum):
        raise InputError(f"`{type(law).__name__}(maximum=...)` is infinite; give a finite bound")


def _check_within(law: Law, low: float, high: float) -> None:
    for name in ("minimum", "maximum"):
        value = getattr(law, name)
        if isinstance(value, float) and not low <= value <= high:
            raise InputError(
                f"`{type(law).__name__}({name}=...)` must lie in [{low:.6g}, {high:.6g}] rad, got {value}; "
                "give an angle where the density is positive"
            )


__all__ = ["Bound", "Cosine", "Delta", "Gaussian", "Law", "LogUniform", "PowerLaw", "Sine", "Uniform"]
