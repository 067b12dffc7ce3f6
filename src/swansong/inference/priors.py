"""A prior: one law per named parameter, with bounds that may depend on earlier ones."""

import math
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.errors import InputError
from swansong.core.types import Array, ArrayLike, Float, Key
from swansong.inference.laws import Bound, Cosine, Delta, Gaussian, Law, LogUniform, PowerLaw, Sine, Uniform
from swansong.inference.parameters import Parameter, Parameters


class Prior(eqx.Module):
    """A probability over named parameters, ready for jit, vmap and grad.

    The laws are independent except for their bounds: a `Bound` may use any parameter
    declared before it. The unit cube and the parameters are tied by an exact map that is
    increasing in each coordinate, so that uniform points become prior samples and an
    inverse always exists (parameters fixed by `Delta` aside).

    Attributes:
        laws: One law per parameter, in the order of the columns.
        parameters: Names, units, labels and limits, in the same order.
    """

    laws: tuple[Law, ...]
    parameters: Parameters = eqx.field(static=True)

    def __init__(self, laws: Mapping[str, Law], parameters: Parameters | None = None):
        """Tie laws to parameters.

        Args:
            laws: A law for every parameter; their order is the order of the columns
                unless `parameters` sets it.
            parameters: Units, labels, limits and periodicity. Without it each parameter
                takes the limits of its law.

        Raises:
            InputError: If names do not match, if a law reaches beyond the limits of its
                parameter, or if a bound depends on a parameter that is not declared earlier.
        """
        for name, law in laws.items():
            if not isinstance(law, Law):
                raise InputError(f"`Prior({name}=...)` is {law!r}; give a law such as Uniform(0.0, 1.0)")
        if parameters is None:
            parameters = Parameters(_parameter_of(name, law) for name, law in laws.items())
        unmatched = sorted(set(parameters.names) ^ set(laws))
        if unmatched:
            raise InputError(f"{unmatched} stand in only one of laws and parameters; give one law for each parameter")
        for column, name in enumerate(parameters.names):
            _check_order(name, laws[name], parameters.names[:column])
            _check_limits(laws[name], parameters[name])
        self.laws = tuple(laws[name] for name in parameters.names)
        self.parameters = parameters

    def __len__(self) -> int:
        return len(self.laws)

    def __getitem__(self, name: str) -> Law:
        return self.laws[self.parameters.index(name)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return self.parameters.names

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed by `Delta`, in order."""
        return tuple(name for name, law in zip(self.names, self.laws, strict=True) if not isinstance(law, Delta))

    def replace(self, laws: Mapping[str, Law]) -> "Prior":
        """Return the prior with some laws replaced, for example to fix a parameter.

        Raises:
            InputError: If a name is unknown or the new law does not fit its parameter.
        """
        for name in laws:
            self.parameters.index(name)
        return Prior(dict(zip(self.names, self.laws, strict=True)) | dict(laws), self.parameters)

    def sample(self, key: Key, n: int) -> Float[Array, "n parameters"]:
        """Draw independent samples.

        Args:
            key: Random key.
            n: Number of samples.

        Returns:
            Samples, one row each, in the units of the parameters.
        """
        return self.from_unit(jax.random.uniform(key, (n, len(self))))

    def log_prob(self, theta: ArrayLike) -> Float[Array, "..."]:
        """Return the normalised log density.

        Args:
            theta: Parameters ``(..., parameters)``.

        Returns:
            Log density ``(...)``, ``-inf`` outside the support. A fixed parameter adds 0
            on its value and ``-inf`` elsewhere.

        Raises:
            InputError: If the last axis does not hold the parameters.
        """
        values = self.parameters.unpack(jnp.asarray(theta, dtype=float))
        terms = [law.resolve(values).log_prob(values[name]) for name, law in zip(self.names, self.laws, strict=True)]
        return jnp.sum(jnp.stack(terms), axis=0)

    def to_unit(self, theta: ArrayLike) -> Float[Array, "... parameters"]:
        """Map parameters ``(..., parameters)`` into the unit cube.

        Raises:
            InputError: If the last axis does not hold the parameters.
        """
        values = self.parameters.unpack(jnp.asarray(theta, dtype=float))
        return jnp.stack(
            [law.resolve(values).to_unit(values[name]) for name, law in zip(self.names, self.laws, strict=True)],
            axis=-1,
        )

    def from_unit(self, u: ArrayLike) -> Float[Array, "... parameters"]:
        """Map points ``(..., parameters)`` of the unit cube to parameters.

        Raises:
            InputError: If the last axis does not hold the parameters.
        """
        units = self.parameters.unpack(jnp.asarray(u, dtype=float))
        values: dict[str, Array] = {}
        for name, law in zip(self.names, self.laws, strict=True):
            values[name] = law.resolve(values).from_unit(units[name])
        return jnp.stack(list(values.values()), axis=-1)


def _parameter_of(name: str, law: Law) -> Parameter:
    """The parameter that a law alone describes; a fixed value sets no limits."""
    if isinstance(law, Delta):
        return Parameter(name)
    lower, upper = law.minimum, law.maximum
    return Parameter(
        name,
        minimum=lower if isinstance(lower, float) else -math.inf,
        maximum=upper if isinstance(upper, float) else math.inf,
    )


def _check_order(name: str, law: Law, earlier: tuple[str, ...]) -> None:
    for field, bound in law.bounds.items():
        late = [other for other in bound.of if other not in earlier]
        if late:
            raise InputError(
                f"the {field} of {name!r} depends on {late}, not declared before it; declare {late} earlier"
            )


def _check_limits(law: Law, parameter: Parameter) -> None:
    slack = 1e-12 * max(abs(v) for v in (parameter.minimum, parameter.maximum, 0.0) if math.isfinite(v))
    for value, wrong in ((law.minimum, "below"), (law.maximum, "above")):
        if not isinstance(value, float) or (isinstance(law, Gaussian) and math.isinf(value)):
            continue
        beyond = value < parameter.minimum - slack if wrong == "below" else value > parameter.maximum + slack
        if beyond:
            raise InputError(
                f"the law of {parameter.name!r} reaches {value}, {wrong} the parameter's range "
                f"[{parameter.minimum}, {parameter.maximum}]; narrow the law"
            )


__all__ = [
    "Bound",
    "Cosine",
    "Delta",
    "Gaussian",
    "Law",
    "LogUniform",
    "PowerLaw",
    "Prior",
    "Sine",
    "Uniform",
]
