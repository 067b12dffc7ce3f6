"""Solving the learnt equations: many curves as one system, with derivatives through the solver."""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.binaries.learnt.settings import NetworkSettings, SolverSettings
from swansong.core.types import Array, Float, Key
from swansong.learning.networks import MLP

Field = Callable[[Any, Array], Array]


def solve(
    field: Field, start: Float[Array, "*batch numbers"], times: Float[Array, "saves"], settings: SolverSettings
) -> Float[Array, "saves *batch numbers"]:
    """Integrate all curves as one system by Dopri5, which adapts one step to all of them.

    Derivatives go back through the steps of the solver (discretise, then optimise): the adjoint equation costs more
    and agrees only to the tolerance.

    Args:
        field: Rate of change as a function of time and state.
        start: State at the first time.
        times: Rising times at which the state is wanted.
        settings: Tolerances.

    Returns:
        The states; infinite where the solver ran out of steps.

    Reference:
        Dormand and Prince 1980, doi:10.1016/0771-050X(80)90013-3; diffrax: Kidger, arXiv:2202.02435.
    """
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, _: field(t, y)),
        diffrax.Dopri5(),
        times[0],
        times[-1],
        None,
        start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=settings.relative, atol=settings.absolute),
        max_steps=settings.steps,
        throw=False,
    )
    return jnp.asarray(solution.ys)


def ensemble(
    settings: NetworkSettings, *, inputs: int, outputs: int, members: int, zero_last: bool = False, key: Key
) -> MLP:
    """Networks of one shape in double precision, stacked along a first axis of every array.

    Args:
        settings: Sizes.
        inputs: Numbers that each sees.
        outputs: Numbers that each gives.
        members: How many.
        zero_last: Whether the outputs start at zero.
        key: Random key.

    Returns:
        The stacked networks.
    """

    def one(key: Key) -> MLP:
        return MLP(
            inputs,
            outputs,
            width=settings.width,
            depth=settings.depth,
            activation=settings.activation,
            zero_last=zero_last,
            key=key,
        )

    stacked = eqx.filter_vmap(one)(jax.random.split(key, members))
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if eqx.is_inexact_array(leaf) else leaf, stacked)


def apply(networks: MLP, inputs: Float[Array, "members batch inputs"]) -> Float[Array, "members batch outputs"]:
    """Each network on its own batch.

    Args:
        networks: Stacked networks.
        inputs: One batch a member.

    Returns:
        The outputs.
    """
    return eqx.filter_vmap(lambda network, batch: jax.vmap(network)(batch))(networks, inputs)
