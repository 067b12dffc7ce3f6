"""The free part of a prior's unit cube, and the unconstrained space around it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Array, Float
from swansong.inference.priors import Prior


class Cube(eqx.Module):
    """Coordinates in which every prior is uniform; fixed parameters have none.

    Attributes:
        prior: The prior.
        columns: Columns of the prior that are free.
    """

    prior: Prior
    columns: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, prior: Prior):
        """Find the free parameters of a prior.

        Raises:
            InputError: If all parameters are fixed.
        """
        if not prior.free:
            raise InputError("every parameter of the prior is fixed; give at least one of them a law with width")
        self.prior = prior
        self.columns = tuple(prior.parameters.index(name) for name in prior.free)

    @property
    def dimensions(self) -> int:
        """Number of free parameters."""
        return len(self.columns)

    @property
    def wrapped(self) -> Array:
        """Which coordinates ``(dimensions,)`` are circles: periodic ones whose prior spans the period."""
        flags = []
        for column in self.columns:
            law, parameter = self.prior.laws[column], self.prior.parameters[column]
            whole = not law.bounds and (law.minimum, law.maximum) == (parameter.minimum, parameter.maximum)
            flags.append(parameter.periodic and whole)
        return jnp.asarray(np.array(flags))

    def parameters_of(self, u: Float[Array, "... dimensions"]) -> Float[Array, "... parameters"]:
        """Map points of the free cube to parameter vectors."""
        full = jnp.full((*u.shape[:-1], len(self.prior)), 0.5).at[..., jnp.asarray(self.columns)].set(u)
        return self.prior.from_unit(full)

    def squeeze(self, z: Float[Array, "... dimensions"]) -> Float[Array, "... dimensions"]:
        """Map unconstrained points into the free cube, by the logistic function."""
        return jax.nn.sigmoid(z)

    def log_jacobian(self, z: Float[Array, "dimensions"]) -> Float[Array, ""]:
        """Return the log prior density in unconstrained coordinates."""
        return jnp.sum(jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z))
