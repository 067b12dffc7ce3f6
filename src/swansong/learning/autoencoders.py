"""Conditional variational autoencoders: posteriors through a latent variable.

Three networks share one trunk. The prior network reads the context and gives a mixture
over the latent z; the recognition network, used in training only, also reads the target;
the decoder gives the density of the target at z. The loss is `-reconstruction + beta KL`.

Trained carelessly, z ends up ignored. Three remedies are built in and follow one number,
the `ramp` from 0 to 1, see `ramp`: beta is the ramp itself; the decoder sees its context
drowned in noise at first, so that only z can inform it; and the intervals that bounded
targets are cut to start wide, so that early, broad densities have useful gradients.
"""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Float, Int, Key
from swansong.learning.heads import DiagonalGaussian, GaussianMixture, TruncatedNormal, VonMises, kl_at_sample
from swansong.learning.networks import MLP, ResidualMLP

# Bounds of log widths and log concentrations: where float32 densities and gradients stay useful.
_LOG_SCALE_RANGE = (-8.0, 4.0)
_LARGEST_CONCENTRATION = 1e5


class BoundedPeriodic(eqx.Module):
    """Numbers in the unit interval, then angles, all independent given the latent.

    Attributes:
        bounded: Law of the numbers.
        angles: Law of the angles.
    """

    bounded: TruncatedNormal
    angles: VonMises

    def log_prob(self, target: Float[Array, " d"]) -> Float[Array, ""]:
        """Log density.

        Args:
            target: Numbers in [0, 1], then angles [rad].

        Returns:
            The sum over the coordinates.
        """
        count = self.bounded.loc.shape[0]
        return self.bounded.log_prob(target[:count]) + self.angles.log_prob(target[count:])

    def sample(self, key: Key) -> Float[Array, " d"]:
        """One draw.

        Args:
            key: Random key.

        Returns:
            Numbers in [0, 1], then angles in [-pi, pi).
        """
        first, second = jax.random.split(key)
        return jnp.concatenate([self.bounded.sample(first), self.angles.sample(second)])


class RecognitionNetwork(eqx.Module):
    """Diagonal normal law of the latent, given features and target.

    Attributes:
        network: From both to means and log widths.
    """

    network: MLP

    def __call__(self, features: Float[Array, " f"], target: Float[Array, " t"]) -> DiagonalGaussian:
        """Evaluate.

        Args:
            features: Features of the context.
            target: The target, as `target_features` gives it.

        Returns:
            Law of the latent.
        """
        mean, log_scale = jnp.split(self.network(jnp.concatenate([features, target])), 2)
        return DiagonalGaussian(mean, jnp.clip(log_scale, *_LOG_SCALE_RANGE))


class MixturePrior(eqx.Module):
    """Mixture of diagonal normal laws of the latent, given features.

    Attributes:
        network: From features to log weights, means and log widths.
        components: Number of components.
    """

    network: MLP
    components: int = eqx.field(static=True)

    def __call__(self, features: Float[Array, " f"]) -> GaussianMixture:
        """Evaluate.

        Args:
            features: Features of the context.

        Returns:
            Law of the latent.
        """
        raw = self.network(features)
        logits, rest = raw[: self.components], raw[self.components :]
        means, log_scales = rest.reshape(2, self.components, -1)
        return GaussianMixture(logits, means, jnp.clip(log_scales, *_LOG_SCALE_RANGE))


class BoundedPeriodicDecoder(eqx.Module):
    """Law of numbers in the unit interval and of angles, given features and latent.

    Means pass a sigmoid; log variances are negative; angles come as a direction in the
    plane and a concentration.

    Attributes:
        network: From both to the raw numbers.
        bounded: Count of bounded numbers.
        angles: Count of angles.
        widening: How far the intervals reach beyond [0, 1] at ramp 0.
    """

    network: MLP
    bounded: int = eqx.field(static=True)
    angles: int = eqx.field(static=True)
    widening: float = eqx.field(static=True)

    def __call__(
        self, features: Float[Array, " f"], latent: Float[Array, " z"], *, ramp: Float[Array, ""] | float = 1.0
    ) -> BoundedPeriodic:
        """Evaluate.

        Args:
            features: Features of the context.
            latent: The latent.
            ramp: Progress of the ramp; 1 for the trained network.

        Returns:
            Law of the target.
        """
        raw = self.network(jnp.concatenate([features, latent]))
        numbers, directions = raw[: 2 * self.bounded], raw[2 * self.bounded :]
        mean, spread = jnp.split(numbers, 2)
        x, y, strength = directions.reshape(3, self.angles)
        # The smallest variance keeps the density finite on targets that sit on a bound.
        log_variance = jnp.maximum(-jax.nn.softplus(spread), 2.0 * _LOG_SCALE_RANGE[0])
        reach = jnp.asarray(self.widening * (1.0 - ramp), mean.dtype)
        return BoundedPeriodic(
            TruncatedNormal(jax.nn.sigmoid(mean), jnp.exp(0.5 * log_variance), -reach, 1.0 + reach),
            VonMises(jnp.arctan2(y, x + 1e-6), jnp.minimum(jax.nn.softplus(strength), _LARGEST_CONCENTRATION)),
        )


class ConditionalVAE(eqx.Module):
    """A conditional variational autoencoder; one example at a time.

    Any networks of these signatures will do; `conditional_vae` builds the usual ones.

    Attributes:
        trunk: `trunk(context) -> features`, of about unit variance.
        recognition: `recognition(features, target) -> law of the latent`.
        prior_network: `prior_network(features) -> law of the latent`.
        decoder: `decoder(features, latent, *, ramp) -> law of the target`.
        target_features: What the recognition network sees of a target.
    """

    trunk: Callable[[Array], Array]
    recognition: Callable[[Array, Array], DiagonalGaussian]
    prior_network: Callable[[Array], GaussianMixture]
    decoder: Callable[..., BoundedPeriodic]
    target_features: Callable[[Array], Array]

    def elbo_terms(
        self,
        context: Float[Array, " c"],
        target: Float[Array, " d"],
        *,
        key: Key,
        ramp: Float[Array, ""] | float = 1.0,
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The two terms of the bound `log p(target | context) >= reconstruction - KL`.

        Args:
            context: The context.
            target: The target.
            key: Random key of the latent and of the decoder's noise.
            ramp: Progress of the ramp. The bound holds at ramp 1.

        Returns:
            Log density of the target at one draw of the latent, and an unbiased estimate
            of the KL divergence at the same draw [nats].
        """
        draw, drown = jax.random.split(key)
        features = self.trunk(jnp.asarray(context, jnp.float32))
        target = jnp.asarray(target, jnp.float32)
        law = self.recognition(features, self.target_features(target))
        latent = law.sample(draw)
        share = jnp.asarray(ramp, features.dtype)
        noise = jax.random.normal(drown, features.shape, features.dtype)
        drowned = share * features + (1.0 - share) * noise
        reconstruction = self.decoder(drowned, latent, ramp=share).log_prob(target)
        return reconstruction, kl_at_sample(law, self.prior_network(features), latent)

    def sample(self, context: Float[Array, " c"], n: int, key: Key) -> Float[Array, "n d"]:
        """Draws of the target for one context.

        Args:
            context: The context.
            n: Number of draws.
            key: Random key.

        Returns:
            The targets.
        """
        features = self.trunk(jnp.asarray(context, jnp.float32))
        prior = self.prior_network(features)

        def one(key: Key) -> Array:
            first, second = jax.random.split(key)
            return self.decoder(features, prior.sample(first)).sample(second)

        return jax.vmap(one)(jax.random.split(key, n))

    def log_prob(
        self, context: Float[Array, " c"], target: Float[Array, " d"], *, draws: int, key: Key
    ) -> Float[Array, ""]:
        """Importance-sampled estimate of log p(target | context).

        Args:
            context: The context.
            target: The target.
            draws: Draws of the recognition network; the estimate rises to the truth with them.
            key: Random key.

        Returns:
            The estimate [nats].

        Reference:
            Burda et al., arXiv:1509.00519, Eq. (8).
        """
        features = self.trunk(jnp.asarray(context, jnp.float32))
        target = jnp.asarray(target, jnp.float32)
        law, prior = self.recognition(features, self.target_features(target)), self.prior_network(features)

        def one(key: Key) -> Array:
            latent = law.sample(key)
            seen = self.decoder(features, latent).log_prob(target)
            return seen + prior.log_prob(latent) - law.log_prob(latent)

        return jax.nn.logsumexp(jax.vmap(one)(jax.random.split(key, draws))) - jnp.log(draws)


class Trunk(eqx.Module):
    """Shared features of the context, normalised to unit variance.

    Attributes:
        network: The network.
        norm: The normalisation.
    """

    network: ResidualMLP
    norm: eqx.nn.LayerNorm

    def __call__(self, context: Float[Array, " c"]) -> Float[Array, " f"]:
        """Evaluate.

        Args:
            context: The context.

        Returns:
            Features.
        """
        return self.norm(self.network(context))


class SplitAngles(eqx.Module):
    """Targets as a network should see them: angles as cosine and sine.

    Attributes:
        bounded: Count of leading numbers that are no angles.
    """

    bounded: int = eqx.field(static=True)

    def __call__(self, target: Float[Array, " d"]) -> Float[Array, " t"]:
        """Evaluate.

        Args:
            target: Numbers in [0, 1], then angles [rad].

        Returns:
            Numbers centred to [-1, 1], cosines and sines.
        """
        numbers, angles = target[: self.bounded], target[self.bounded :]
        return jnp.concatenate([2.0 * numbers - 1.0, jnp.cos(angles), jnp.sin(angles)])


def conditional_vae(
    *,
    key: Key,
    context: int,
    bounded: int,
    angles: int = 0,
    latent: int = 16,
    components: int = 24,
    features: int = 128,
    width: int = 256,
    blocks: int = 3,
    depth: int = 2,
    widening: float = 10.0,
) -> ConditionalVAE:
    """Build a conditional autoencoder of dense layers with a shared residual trunk.

    Args:
        key: Random key.
        context: Length of the context.
        bounded: Count of target numbers in [0, 1], which come first.
        angles: Count of target angles [rad].
        latent: Dimension of the latent.
        components: Components of the prior mixture.
        features: Length of the trunk's output.
        width: Width of all hidden layers.
        blocks: Residual blocks of the trunk.
        depth: Hidden layers of each of the three networks.
        widening: How far the decoder's intervals reach beyond [0, 1] at ramp 0.

    Returns:
        The autoencoder.

    Raises:
        ConfigError: If a size is not positive.

    Reference:
        Gabbard et al., arXiv:1909.06296.
    """
    if bounded < 0 or angles < 0 or bounded + angles == 0:
        raise ConfigError(f"`bounded` and `angles` must count at least one target, got {bounded} and {angles}")
    keys = jax.random.split(key, 4)
    seen = bounded + 2 * angles
    return ConditionalVAE(
        trunk=Trunk(
            ResidualMLP(context, features, width=width, blocks=blocks, key=keys[0]),
            eqx.nn.LayerNorm(features, dtype=jnp.float32),
        ),
        recognition=RecognitionNetwork(MLP(features + seen, 2 * latent, width=width, depth=depth, key=keys[1])),
        prior_network=MixturePrior(
            MLP(features, components * (1 + 2 * latent), width=width, depth=depth, key=keys[2]), components
        ),
        decoder=BoundedPeriodicDecoder(
            MLP(features + latent, 2 * bounded + 3 * angles, width=width, depth=depth, key=keys[3]),
            bounded,
            angles,
            widening,
        ),
        target_features=SplitAngles(bounded),
    )


def ramp(
    step: Int[Array, ""] | int, *, start: int, end: int, shape: Literal["log", "linear"] = "log"
) -> Float[Array, ""]:
    """A rise from 0 at `start` to 1 at `end`.

    Logarithmic: `log(step / start) / log(end / start)`, steep first. A ramp over the
    first percents of a run lets the KL term collapse; 25 to 50 % is a good place.

    Args:
        step: Step; may be traced.
        start: Last step of 0, positive if logarithmic.
        end: First step of 1.
        shape: "log" or "linear".

    Returns:
        A number in [0, 1], float32.

    Raises:
        ConfigError: If the bounds do not rise or the shape is unknown.
    """
    if not (1 if shape == "log" else 0) <= start < end:
        raise ConfigError(f"`ramp(start=..., end=...)` must rise from a positive step, got {start} to {end}; swap them")
    if shape not in ("log", "linear"):
        raise ConfigError(f"`ramp(shape=...)` must be 'log' or 'linear', got '{shape}'; choose one of these")
    t = jnp.asarray(step).astype(jnp.float32)
    if shape == "linear":
        return jnp.clip((t - start) / (end - start), 0.0, 1.0)
    rise = jnp.log(jnp.maximum(t, start) / start) / jnp.log(jnp.float32(end / start))
    return jnp.clip(rise, 0.0, 1.0)
