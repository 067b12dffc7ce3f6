"""Merger times of learnt rates, and how they change with the beginning: derivatives through the whole evolution."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from paramax import unwrap

from swansong.binaries.learnt.rates import RatesEquation, from_state, to_state
from swansong.binaries.learnt.surrogate import Surrogate
from swansong.binaries.trajectories import Merger
from swansong.binaries.units import Units
from swansong.core.errors import DomainError, InputError
from swansong.core.types import Array
from swansong.physics.peters import ISCO, coalescence_time, peters_rates

_RELATIVE, _ABSOLUTE = 1e-8, 1e-10
_MOST_STEPS = 4096


class Knobs(NamedTuple):
    """What a merger time depends on; each may be a number or an array for JAX.

    Attributes:
        axis: Semi-major axis at the beginning.
        eccentricity: Eccentricity at the beginning.
        hardening: Factor on the learnt s.
        growth: Factor on the learnt K.
        galaxy_eccentricity: e_gal.
        particles: N.
        elapsed: Time since the pair was hard, at the beginning.
    """

    axis: Array | float
    eccentricity: Array | float
    hardening: Array | float = 1.0
    growth: Array | float = 1.0
    galaxy_eccentricity: Array | float = 0.9
    particles: Array | float = 8192.0
    elapsed: Array | float = 0.0


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """A merger time and its derivatives, for each member of an ensemble.

    Attributes:
        merger_time: Time from the beginning to coalescence, one a member.
        knobs: Where the derivatives are taken.
        gradient: d(merger time)/d(knob) with a leading axis of members, one row a knob.
    """

    merger_time: Float[np.ndarray, "members"]
    knobs: Knobs
    gradient: Float[np.ndarray, "members knobs"]

    @property
    def elasticity(self) -> Float[np.ndarray, "knobs"]:
        """Relative change d ln(merger time) / d ln(knob), mean over the members."""
        scale = np.asarray([float(one) for one in self.knobs])
        return np.mean(self.gradient / self.merger_time[:, None], axis=0) * scale


def member_times(
    equation: RatesEquation,
    knobs: Knobs,
    *,
    mass_1: float,
    mass_2: float,
    speed_of_light: float,
    adjoint: diffrax.AbstractAdjoint = diffrax.RecursiveCheckpointAdjoint(),
) -> Float[Array, "members"]:
    """Time to coalescence by learnt rates and gravitational waves, differentiable in every knob.

    The equations are integrated in x = ln(1/a), which always rises, to a of 6 GM/c^2, where the time left is added;
    so there is no event whose place would have to be differentiated.

    Args:
        equation: The ensemble.
        knobs: The beginning, the galaxies and factors on the rates.
        mass_1: Heavier black hole.
        mass_2: Lighter black hole.
        speed_of_light: Speed of light in N-body units.
        adjoint: How diffrax differentiates; forward derivatives need `diffrax.ForwardMode()`.

    Returns:
        One time a member.
    """
    members = equation.first.shape[0]
    x_start, u_start = to_state(jnp.asarray(knobs.axis, float), jnp.asarray(knobs.eccentricity, float))
    condition = jnp.stack([jnp.asarray(knobs.galaxy_eccentricity, float), jnp.asarray(knobs.particles, float)])
    features = jnp.broadcast_to(unwrap(equation.conditions).features(condition), (members, 1, 2))
    smallest = ISCO * (mass_1 + mass_2) / speed_of_light**2

    def field(x: Any, state: Array, _: None) -> Array:
        time, u = state[:, 0], state[:, 1]
        axis, e = from_state(jnp.broadcast_to(x, u.shape), u)
        inputs = equation.inputs(
            jnp.broadcast_to(x, (members, 1)), u[:, None], elapsed=knobs.elapsed + time[:, None], features=features
        )
        s, k = (one[:, 0] for one in equation.learnt(inputs))
        shrink, circularise = peters_rates(axis, e, mass_1=mass_1, mass_2=mass_2, speed_of_light=speed_of_light)
        pace = knobs.hardening * s * axis
        per_time = pace - shrink / axis
        # du/dt = 2 de/dt / (e (1 - e^2)); Peters' de/dt is proportional to e.
        rise = 2.0 * knobs.growth * k * pace + 2.0 * circularise / (e * (1.0 - e) * (1.0 + e))
        return jnp.stack([1.0 / per_time, rise / per_time], axis=-1)

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri5(),
        x_start,
        -jnp.log(jnp.asarray(smallest)),
        None,
        jnp.stack([jnp.zeros(members), jnp.full(members, u_start)], axis=-1),
        stepsize_controller=diffrax.PIDController(rtol=_RELATIVE, atol=_ABSOLUTE),
        max_steps=_MOST_STEPS,
        adjoint=adjoint,
        throw=False,
    )
    time, u = jnp.asarray(solution.ys)[-1].T
    left = coalescence_time(
        smallest, jnp.sqrt(jax.nn.sigmoid(u)), mass_1=mass_1, mass_2=mass_2, speed_of_light=speed_of_light
    )
    return time + left


@eqx.filter_jit
def _derivatives(
    equation: RatesEquation, knobs: Array, *, mass_1: float, mass_2: float, speed_of_light: float
) -> tuple[Array, Array]:
    """Merger times and their derivatives."""

    def times(values: Array) -> tuple[Array, Array]:
        found = member_times(
            equation, Knobs(*values), mass_1=mass_1, mass_2=mass_2, speed_of_light=speed_of_light,
            adjoint=diffrax.ForwardMode(),
        )  # pyright: ignore[reportArgumentType]  # fmt: skip
        return found, found

    gradient, found = jax.jacfwd(times, has_aux=True)(knobs)
    return found, gradient


def sensitivity(
    surrogate: Surrogate,
    merger: Merger,
    *,
    axis: float,
    eccentricity: float,
    elapsed: float = 0.0,
    units: Units = Units(),
    extrapolate: bool = False,
) -> Sensitivity:
    """Merger time of a pair and its derivatives.

    Args:
        surrogate: Learnt rates.
        merger: Galaxies, resolution and masses.
        axis: Semi-major axis at the beginning.
        eccentricity: Eccentricity at the beginning, in (0, 1).
        elapsed: Time since the pair was hard, at the beginning.
        units: Physical size of the N-body units: they decide how strong gravitational waves are.
        extrapolate: Whether e_gal and N may lie outside what was learnt.

    Returns:
        Times of all members, and their derivatives with respect to every knob.

    Raises:
        InputError: The surrogate holds no rates.
        DomainError: The pair is no ellipse, or e_gal or N lies outside what was learnt.
    """
    if not isinstance(surrogate.equation, RatesEquation):
        raise InputError("sensitivities need learnt rates, got the paper's equation; take the estimator `rates`")
    if not (axis > 0.0 and 0.0 < eccentricity < 1.0):
        raise DomainError(
            f"sensitivities need a > 0 and e in (0, 1), got a = {axis:g}, e = {eccentricity:g}; a circle has none"
        )
    galaxies = np.array([[merger.eccentricity, merger.particles]], float)
    unwrap(surrogate.equation.conditions).check(galaxies, extrapolate=extrapolate)
    knobs = Knobs(axis, eccentricity, 1.0, 1.0, merger.eccentricity, float(merger.particles), elapsed)
    found, gradient = _derivatives(
        surrogate.equation,
        jnp.asarray(knobs, float),
        mass_1=merger.mass_1,
        mass_2=merger.mass_2,
        speed_of_light=units.speed_of_light,
    )
    return Sensitivity(np.asarray(found), knobs, np.asarray(gradient))
