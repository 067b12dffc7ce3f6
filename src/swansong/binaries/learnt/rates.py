"""Hardening rates that a network learns, inside the equations of a pair among stars that also radiates.

The state is x = ln(1/a) and u = ln(e^2 / (1 - e^2)), which no step can carry out of its range:

    dx/dt = s a + GW,    du/dt = 2 k s a + GW,    so that  d(1/a)/dt = s  and  de/dln(1/a) = K = e (1 - e^2) k,

with s > 0 (softplus) and k learnt as functions of (x, e, e_gal, N, time since the beginning). K then vanishes at e = 0
and 1, as it must. Beyond the learnt times and below the learnt separations s and k stay what they were at the end.

Stars come one by one, so that pairs in equal galaxies drift apart. A second network learns how fast the variances of x
and of w = ln((e^2 + b^2) / (1 - e^2)), b = 0.3, grow; w is u without its long tail at e = 0.
"""

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

SOFT = 0.3
"""Eccentricity b below which w is nearly linear in e^2."""

_NOISE_WIDTH = 0.5  # of the drift's network: variances are smooth
_FIRST_VARIANCE = (1e-3, 0.1)  # of x and w at the beginning, before training
_RISE = (1e-2, 1.0)  # what they gain over the longest time, before training
_SMALLEST = 1e-8


def to_state(
    axis: Float[Array, "*shape"], eccentricity: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Find x and u of an ellipse; eccentricities are kept between 0.001 and 1 - 1e-6."""
    e = jnp.clip(eccentricity, 1e-3, 1.0 - 1e-6)
    return -jnp.log(axis), 2.0 * jnp.log(e) - jnp.log1p(-(e**2))


_compiled_state = jax.jit(to_state)


def from_state(
    x: Float[Array, "*shape"], u: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Semi-major axis and eccentricity of x and u."""
    return jnp.exp(-x), jnp.sqrt(jax.nn.sigmoid(u))


def soft_coordinate(u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Find w of u: e^2 / (1 - e^2) = exp(u) and 1 / (1 - e^2) = 1 + exp(u)."""
    return jnp.logaddexp(u + np.log1p(SOFT**2), 2.0 * np.log(SOFT))


def from_soft(w: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Eccentricity of w, 0 where w is below that of the circle."""
    return jnp.sqrt(jnp.clip(1.0 - (1.0 + SOFT**2) * jax.nn.sigmoid(-w), 0.0, 1.0))


class RatesEquation(eqx.Module):
    """An ensemble of learnt hardening and eccentricity rates with the growth of their scatter.

    Attributes:
        drift: Networks of s and k, stacked.
        noise: Networks of the rates of growth of both variances, stacked.
        first: ln of the variances of x and w at the beginning.
        conditions: What the networks are told of a merger, not trained.
        reach: Mean and spread of x, its largest learnt value, and the longest learnt time, not trained.
        speed: Typical s, not trained.
        start: Law of the beginning of a curve, not trained.
        scatter: Factors on the variances of x and w, 1 unless validation says otherwise, not trained.
        freedom: Degrees of freedom of Student's law of both, not trained.
        solver: Tolerances.
    """

    drift: MLP
    noise: MLP
    first: Float[Array, "members 2"]
    conditions: NonTrainable
    reach: NonTrainable
    speed: NonTrainable
    start: NonTrainable
    scatter: NonTrainable
    freedom: NonTrainable
    solver: SolverSettings = eqx.field(static=True)

    @classmethod
    def build(cls, recipe: Recipe, *, curves: Curves | None, key: Key) -> "RatesEquation":
        """Draw the weights.

        Args:
            recipe: Sizes and tolerances.
            curves: The curves that are learnt, from which all scales come; None for a model to be filled.
            key: Random key.

        Returns:
            The model.
        """
        drift_key, noise_key = jax.random.split(key)
        small = recipe.network.model_copy(update={"width": max(1, int(_NOISE_WIDTH * recipe.network.width))})
        conditions, reach, speed = Conditions.blank(), np.array([0.0, 1.0, 0.0, 1.0]), 1.0
        if curves is not None:
            conditions = Conditions.of(curves.condition)
            x = -np.log(curves.axis[curves.known])
            reach = np.array([x.mean(), x.std(), x.max(), curves.time[-1]])
            last = curves.known.sum(axis=1) - 1
            gained = 1.0 / curves.axis[np.arange(len(curves)), last] - 1.0 / curves.axis[:, 0]
            speed = float(np.median(gained / curves.time[last]))
        return cls(
            ensemble(recipe.network, inputs=6, outputs=2, members=recipe.members, zero_last=True, key=drift_key),
            ensemble(small, inputs=7, outputs=2, members=recipe.members, zero_last=True, key=noise_key),
            jnp.broadcast_to(jnp.log(jnp.array(_FIRST_VARIANCE)), (recipe.members, 2)),
            NonTrainable(Conditions(*(jnp.asarray(part) for part in conditions))),
            NonTrainable(jnp.asarray(reach)),
            NonTrainable(jnp.asarray(speed)),
            NonTrainable(jax.tree.map(jnp.asarray, StartLaw.blank())),
            NonTrainable(jnp.ones(2)),
            NonTrainable(jnp.full(2, 200.0)),
            recipe.solver,
        )

    @staticmethod
    def coordinates(curves: Curves) -> Float[np.ndarray, "mergers saves 2"]:
        """What is integrated: x and u."""
        return np.stack(_compiled_state(jnp.asarray(curves.axis), jnp.asarray(curves.eccentricity)), axis=-1)

    @staticmethod
    def normal(values: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """What is compared with the truth, in which residuals are taken as normal: x and w."""
        return jnp.stack([values[..., 0], soft_coordinate(values[..., 1])], axis=-1)

    @staticmethod
    def orbit(
        normal: Float[Array, "*batch 2"], mu: Float[Array, ""]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """E and L of what is compared."""
        axis, e = jnp.exp(-normal[..., 0]), from_soft(normal[..., 1])
        return -0.5 * mu / axis, jnp.sqrt(mu * axis * (1.0 - e**2))

    def forecast(
        self,
        start: Float[Array, "members batch 2"],
        condition: Float[Array, "members batch 2"],
        *,
        elapsed: Float[Array, "members batch"],
        times: Float[Array, "saves"],
    ) -> tuple[Float[Array, "members batch saves 2"], Float[Array, "members batch saves 2"]]:
        """Means and variances of what is compared.

        Args:
            start: x and u at the first of the times.
            condition: e_gal and N.
            elapsed: Time since the beginning of the curve at the first of the times.
            times: Rising times.

        Returns:
            Means and variances.
        """
        found = self.curves(start, condition, elapsed=elapsed, times=times)
        return self.normal(found[..., :2]), found[..., 2:] * unwrap(self.scatter)

    def inputs(
        self,
        x: Float[Array, "members batch"],
        u: Float[Array, "members batch"],
        *,
        elapsed: Float[Array, "members batch"],
        features: Float[Array, "members batch 2"],
    ) -> Float[Array, "members batch 6"]:
        """What the networks see; time and separation stop at the ends of what was learnt."""
        mean, spread, largest, longest = unwrap(self.reach)
        place = (jnp.minimum(x, largest) - mean) / spread
        e2 = jax.nn.sigmoid(u)
        round_ = -jax.nn.softplus(jnp.clip(u, -30.0, 7.0)) / 3.0
        time = 2.0 * jnp.clip(elapsed / longest, 0.0, 1.0) - 1.0
        return jnp.stack([place, jnp.sqrt(e2), round_, time, features[..., 0], features[..., 1]], axis=-1)

    def rates(
        self,
        x: Float[Array, "members batch"],
        u: Float[Array, "members batch"],
        *,
        elapsed: Float[Array, "members batch"],
        condition: Float[Array, "members batch 2"],
    ) -> tuple[Float[Array, "members batch"], Float[Array, "members batch"]]:
        """Learnt s and k.

        Args:
            x: ln(1/a).
            u: ln(e^2 / (1 - e^2)).
            elapsed: Time since the beginning.
            condition: e_gal and N.

        Returns:
            s, and k = K / (e (1 - e^2)).
        """
        features = unwrap(self.conditions).features(condition)
        return self.learnt(self.inputs(x, u, elapsed=elapsed, features=features))

    def learnt(self, inputs: Array) -> tuple[Array, Array]:
        """Rates s and k of networks that see `inputs`; an untrained network gives the typical s and k = 0."""
        raw = apply(self.drift, inputs)
        return unwrap(self.speed) * jax.nn.softplus(raw[..., 0] + np.log(np.e - 1.0)), raw[..., 1]

    def curves(
        self,
        start: Float[Array, "members batch 2"],
        condition: Float[Array, "members batch 2"],
        *,
        elapsed: Float[Array, "members batch"],
        times: Float[Array, "saves"],
    ) -> Float[Array, "members batch saves 4"]:
        """x, u and the variances of x and w, without radiation: N-body runs know no speed of light.

        Args:
            start: x and u at the first of the times.
            condition: e_gal and N.
            elapsed: Time since the beginning of the curve at the first of the times.
            times: Rising times.

        Returns:
            The curves.
        """
        longest = unwrap(self.reach)[3]
        features = unwrap(self.conditions).features(condition)
        variance = jnp.broadcast_to(jnp.exp(self.first)[:, None], start.shape)

        def field(t: Array, state: Array) -> Array:
            x, u = state[..., 0], state[..., 1]
            since = (t - times[0]) * jnp.ones_like(x)
            inputs = self.inputs(x, u, elapsed=elapsed + since, features=features)
            s, k = self.learnt(inputs)
            pace = s * jnp.exp(-x)
            past = jnp.clip(since / longest, 0.0, 1.0)
            grown = apply(self.noise, jnp.concatenate([inputs, past[..., None]], axis=-1))
            rise = jax.nn.softplus(grown) * jnp.array(_RISE) / longest
            return jnp.concatenate([jnp.stack([pace, 2.0 * k * pace], axis=-1), rise], axis=-1)

        found = solve(field, jnp.concatenate([start, variance], axis=-1), jnp.asarray(times), self.solver)
        return jnp.moveaxis(found, 0, 2)


def rates_loss(
    model: RatesEquation, batch: Batch, *, times: Float[Array, "saves"], settings: LossSettings
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Gaussian likelihood of x and w, tempered by a power of the variance.

    Args:
        model: The ensemble.
        batch: Curves of x and u.
        times: Their times.
        settings: The power.

    Returns:
        The mean over what is compared, and the mean absolute residuals of x and w as metrics.

    Reference:
        Seitzer et al., arXiv:2203.09168 (beta-NLL): without the factor, what fits badly is explained as noise.
    """
    found = model.curves(batch.start, batch.condition, elapsed=batch.elapsed, times=times)
    mean, truth = model.normal(found[..., :2]), model.normal(batch.target)
    variance = found[..., 2:] + _SMALLEST
    residual = truth - mean
    share = (batch.weight / jnp.sum(batch.weight))[..., None]
    typical = jnp.array(_RISE)
    tempered = jax.lax.stop_gradient(variance / typical) ** settings.softening
    likelihood = 0.5 * tempered * (jnp.log(variance / typical) + residual**2 / variance)
    means = jnp.sum(share * jnp.abs(residual), axis=(0, 1, 2))
    return jnp.sum(share * likelihood), {"axis": means[0], "eccentricity": means[1]}
