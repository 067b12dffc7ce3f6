"""Coordinates of the remnant in which the data are simple: ln f and a spin coordinate.

u = ln f of the first mode [ln Hz] and v = -ln(1 - chi) / 2, which follows ln Q. A
ringdown measures f far better than Q, so posteriors lie along the axes of (u, v), and the
templates change at an even pace over the plane.
"""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.types import Array, ArrayLike, Float
from swansong.physics.quasinormal import KerrModes
from swansong.ringdown.settings import PriorSettings


class RemnantChart(eqx.Module):
    """The map (mass, spin) <-> (u, v) over a rectangular prior.

    Attributes:
        modes: Frequencies; the first mode defines u.
        mass_bounds: Prior of the final mass [solar masses].
        spin_bounds: Prior of the final spin.
    """

    modes: KerrModes
    mass_bounds: tuple[float, float] = eqx.field(static=True)
    spin_bounds: tuple[float, float] = eqx.field(static=True)

    @classmethod
    def of(cls, modes: KerrModes, prior: PriorSettings) -> "RemnantChart":
        """The chart of a prior."""
        return cls(modes, prior.final_mass, prior.final_spin)

    @property
    def v_bounds(self) -> tuple[float, float]:
        """Range of the spin coordinate."""
        low, high = (-0.5 * math.log1p(-spin) for spin in self.spin_bounds)
        return low, high

    def log_unit_frequency(self, v: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
        """ln(f M) of the first mode at the spin coordinate [ln(Hz solar mass)]."""
        omega = self.modes.omega(spin_of(v))[..., 0]
        return jnp.log(omega.real / (2.0 * jnp.pi * SOLAR_MASS_SECONDS))

    def u_bounds(self, v: Float[ArrayLike, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Range of u that the mass prior leaves at a spin coordinate."""
        centre = self.log_unit_frequency(v)
        return centre - math.log(self.mass_bounds[1]), centre - math.log(self.mass_bounds[0])

    def coordinates(
        self, mass: Float[ArrayLike, "..."], spin: Float[ArrayLike, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """(u, v) of a remnant."""
        v = -0.5 * jnp.log1p(-jnp.asarray(spin))
        return self.log_unit_frequency(v) - jnp.log(mass), v

    def remnant(
        self, u: Float[ArrayLike, "..."], v: Float[ArrayLike, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """(mass [solar masses], spin) at (u, v)."""
        return jnp.exp(self.log_unit_frequency(v) - u), spin_of(v)

    def log_jacobian(self, u: Float[ArrayLike, "..."], v: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
        """Log |d(mass, spin) / d(u, v)|."""
        return self.log_unit_frequency(v) - u + math.log(2.0) - 2.0 * v

    def inside(self, u: Float[ArrayLike, "..."], v: Float[ArrayLike, "..."]) -> Array:
        """Whether (u, v) lies in the prior."""
        low, high = self.u_bounds(v)
        v_low, v_high = self.v_bounds
        return jnp.asarray((v >= v_low) & (v <= v_high) & (u >= low) & (u <= high))

    def axes(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Regular axes in u and v that enclose the prior."""
        v = np.linspace(*self.v_bounds, shape[1])
        low, high = (np.asarray(bound) for bound in self.u_bounds(jnp.asarray(v)))
        return np.linspace(low.min(), high.max(), shape[0]), v


def spin_of(v: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
    """Dimensionless spin at the spin coordinate."""
    return -jnp.expm1(-2.0 * v)
