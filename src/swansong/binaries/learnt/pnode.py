"""The published neural equation of pairs: d(E, L)/dt = f(E, L, e_gal, N)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable, unwrap

from swansong.binaries.learnt.batches import Batch
from swansong.binaries.learnt.conditions import Conditions
from swansong.binaries.learnt.curves import Curves
from swansong.binaries.learnt.integration import apply, ensemble, solve
from swansong.binaries.learnt.settings import LossSettings, Recipe, SolverSettings
from swansong.binaries.learnt.starts import StartLaw
from swansong.core.types import Array, Float, Key
from swansong.learning.networks import MLP

KNOTS = 12
"""Places along the way at which scatter is kept."""


class PairEquation(eqx.Module):
    """An ensemble of networks for the rate of change of standardised E and L in scaled time.

    E and L are standardised over the mergers that are learnt; time is counted in units of the longest duration, so
    that it runs from 0 to 1.

    Attributes:
        networks: The networks, stacked.
        conditions: What they are told of a merger, not trained.
        mean: Mean E and L, not trained.
        scale: Their standard deviations, not trained.
        duration: Time that counts as 1, not trained.
        start: Law of the beginning of a curve, not trained.
        scatter: Variances of standardised E and L that the equation leaves open, behind values of standardised E at
            which they hold, not trained.
        freedom: Degrees of freedom of Student's law of both, not trained.
        solver: Tolerances.
    """

    networks: MLP
    conditions: NonTrainable
    mean: NonTrainable
    scale: NonTrainable
    duration: NonTrainable
    start: NonTrainable
    scatter: NonTrainable
    freedom: NonTrainable
    solver: SolverSettings = eqx.field(static=True)

    @classmethod
    def build(cls, recipe: Recipe, *, curves: Curves | None, key: Key) -> "PairEquation":
        """Draw the weights.

        Args:
            recipe: Sizes and tolerances.
            curves: The curves that are learnt, from which all scales come; None for a model to be filled.
            key: Random key.

        Returns:
            The model.
        """
        networks = ensemble(recipe.network, inputs=4, outputs=2, members=recipe.members, key=key)
        conditions, mean, scale = Conditions.blank(), np.zeros(2), np.ones(2)
        if curves is not None:
            conditions = Conditions.of(curves.condition)
            points = curves.state[curves.known]
            mean, scale = points.mean(axis=0), points.std(axis=0)
        return cls(
            networks,
            NonTrainable(Conditions(*(jnp.asarray(part) for part in conditions))),
            NonTrainable(jnp.asarray(mean)),
            NonTrainable(jnp.asarray(scale)),
            NonTrainable(jnp.asarray(recipe.curves.duration)),
            NonTrainable(jax.tree.map(jnp.asarray, StartLaw.blank())),
            NonTrainable(jnp.zeros((KNOTS, 3))),
            NonTrainable(jnp.full(2, 200.0)),
            recipe.solver,
        )

    @staticmethod
    def coordinates(curves: Curves) -> Float[np.ndarray, "mergers saves 2"]:
        """What is integrated: E and L themselves, which are counted per unit of reduced mass."""
        return curves.state

    def normal(self, values: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """What is compared with the truth, in which residuals are taken as normal: standardised E and L."""
        return self.standardise(values)

    def orbit(
        self, normal: Float[Array, "*batch 2"], mu: Float[Array, ""]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """E and L of what is compared, which know of no mass; L below zero counts as zero."""
        found = normal * unwrap(self.scale) + unwrap(self.mean)
        return found[..., 0], jnp.maximum(found[..., 1], 0.0)

    def forecast(
        self,
        start: Float[Array, "members batch 2"],
        condition: Float[Array, "members batch 2"],
        *,
        elapsed: Float[Array, "members batch"],
        times: Float[Array, "saves"],
    ) -> tuple[Float[Array, "members batch saves 2"], Float[Array, "members batch saves 2"]]:
        """Means and variances of what is compared; the equation knows no time, `elapsed` changes nothing.

        Args:
            start: E and L at the first of the times.
            condition: e_gal and N.
            elapsed: Time since the beginning of the curve at the first of the times.
            times: Rising times.

        Returns:
            Means and variances.
        """
        mean = self.curves(start, condition, times=times)
        return mean, scatter_along(mean, unwrap(self.scatter)) + 0.0 * elapsed[..., None, None]

    def standardise(self, state: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """E and L in standard deviations."""
        return (state - unwrap(self.mean)) / unwrap(self.scale)

    def field(self, state: Float[Array, "members batch 2"], features: Float[Array, "members batch 2"]) -> Array:
        """Rate of change of standardised E and L in scaled time."""
        return apply(self.networks, jnp.concatenate([state, features], axis=-1))

    def curves(
        self,
        start: Float[Array, "members batch 2"],
        condition: Float[Array, "members batch 2"],
        *,
        times: Float[Array, "saves"],
    ) -> Float[Array, "members batch saves 2"]:
        """Standardised E and L at times since the beginning.

        Args:
            start: E and L at the first of the times.
            condition: e_gal and N.
            times: Rising times.

        Returns:
            The curves.
        """
        features = unwrap(self.conditions).features(condition)
        found = solve(
            lambda _, state: self.field(state, features),
            self.standardise(start),
            jnp.asarray(times) / unwrap(self.duration),
            self.solver,
        )
        return jnp.moveaxis(found, 0, 2)


def scatter_along(mean: Float[Array, "*batch 2"], scatter: Float[Array, "knots 3"]) -> Float[Array, "*batch 2"]:
    """Variances of standardised E and L along expected curves.

    Args:
        mean: Expected standardised E and L.
        scatter: Rising standardised E, and both variances there.

    Returns:
        Variances, beyond the ends those of the ends.
    """
    return jnp.stack([jnp.interp(mean[..., 0], scatter[:, 0], scatter[:, column]) for column in (1, 2)], axis=-1)


def curve_loss(
    model: PairEquation, batch: Batch, *, times: Float[Array, "saves"], settings: LossSettings
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Weighted Huber loss of standardised E and L.

    Args:
        model: The ensemble.
        batch: The curves.
        times: Their times.
        settings: Weight of L, and where the loss turns linear.

    Returns:
        The mean over what is compared, and the mean absolute residuals of E and L as metrics.
    """
    found = model.curves(batch.start, batch.condition, times=times)
    residual = jnp.abs(found - model.standardise(batch.target))
    bend = settings.huber
    huber = jnp.where(residual < bend, 0.5 * residual**2, bend * (residual - 0.5 * bend))
    share = batch.weight / jnp.sum(batch.weight)
    weights = jnp.array([1.0, settings.momentum_weight])
    means = jnp.einsum("mbs,mbsk->k", share, residual)
    total = jnp.sum(share[..., None] * huber * weights) / jnp.sum(weights)
    return total, {"energy": means[0], "momentum": means[1]}
