"""The compact estimator: the published conditional autoencoder on 128 coefficients.

Loss, mixture latent and output laws (truncated normal and von Mises) are those of the
paper; one trunk serves all three networks. What differs are the coordinates: the trunk's
own Gaussian guess of the remnant and the analytic law of amplitudes and phases map every
posterior onto something close to uniform in the unit cube and on the circle, and the
autoencoder describes what is left.
"""

import functools
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm

from swansong.core.types import Array, ArrayLike, Float, Int, Key
from swansong.learning.autoencoders import (
    BoundedPeriodicDecoder,
    ConditionalVAE,
    MixturePrior,
    RecognitionNetwork,
    SplitAngles,
    ramp,
)
from swansong.learning.networks import MLP
from swansong.ringdown.bank import Batch
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.networks import GAUSSIAN_NUMBERS, DataFeatures, DataTrunk, RemnantGaussian
from swansong.ringdown.quadratures import eliminate, to_normal
from swansong.ringdown.settings import CompactSettings

_EDGE = 1e-6  # the unit interval in float32 ends here


class LatentDraws(NamedTuple):
    """Draws of the autoencoder for one event.

    Attributes:
        place: u and v, (n,) each.
        log_place: ln of the density of (u, v) given the latent, (n,).
        normal: Normal coordinates of the quadratures, (n, q).
        log_normal: ln of their density given the latent, (n,).
        log_latent: ln of prior over recognition law at the latent, (n,): adding it to the
            other two makes the weights of the joint draw (theta, z) right.
    """

    place: tuple[Float[Array, "n"], Float[Array, "n"]]
    log_place: Float[Array, "n"]
    normal: Float[Array, "n q"]
    log_normal: Float[Array, "n"]
    log_latent: Float[Array, "n"]


class CompactAutoencoder(eqx.Module):
    """Conditional autoencoder of the six parameters.

    Attributes:
        trunk: From data to the Gaussian's numbers and the features.
        vae: Recognition network, mixture over the latent, decoder.
        amplitude_bounds: Prior of the amplitudes [1e-21].
        v_bounds: Prior range of v.
        u_range: Prior range of u, all spins together.
    """

    trunk: DataTrunk
    vae: ConditionalVAE
    amplitude_bounds: tuple[float, float] = eqx.field(static=True)
    v_bounds: tuple[float, float] = eqx.field(static=True)
    u_range: tuple[float, float] = eqx.field(static=True)

    @classmethod
    def build(
        cls,
        settings: CompactSettings,
        *,
        features: DataFeatures,
        chart: RemnantChart,
        amplitude_bounds: tuple[float, float],
        modes: int,
        key: Key,
    ) -> "CompactAutoencoder":
        """Draw the weights."""
        keys = jax.random.split(key, 4)
        bounded, angles = 2 + modes, modes
        head = functools.partial(MLP, width=settings.head_width, depth=settings.depth)
        seen = settings.features + bounded + 2 * angles
        outputs = settings.components * (1 + 2 * settings.latent)
        vae = ConditionalVAE(
            trunk=eqx.nn.LayerNorm(settings.features, dtype=jnp.float32),
            recognition=RecognitionNetwork(head(seen, 2 * settings.latent, key=keys[1])),
            prior_network=MixturePrior(head(settings.features, outputs, key=keys[2]), settings.components),
            decoder=BoundedPeriodicDecoder(
                head(settings.features + settings.latent, 2 * bounded + 3 * angles, key=keys[3]),
                bounded,
                angles,
                1.0,
            ),
            target_features=SplitAngles(bounded),
        )
        trunk = DataTrunk.build(
            features,
            outputs=GAUSSIAN_NUMBERS + settings.features,
            width=settings.width,
            blocks=settings.blocks,
            key=keys[0],
        )
        u = chart.axes((2, 64))[0]
        return cls(trunk, vae, amplitude_bounds, chart.v_bounds, (float(u[0]), float(u[1])))

    def condition(self, coefficients: Float[ArrayLike, "rank"]) -> tuple[RemnantGaussian, Float[Array, "features"]]:
        """What the data say: the Gaussian guess and the features."""
        raw = self.trunk(coefficients)
        return RemnantGaussian.of(raw[:GAUSSIAN_NUMBERS], self.v_bounds, self.u_range), raw[GAUSSIAN_NUMBERS:]

    def terms(
        self, event: Batch, *, key: Key, share: Float[Array, ""] | float = 1.0
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Reconstruction and KL term of one event.

        Args:
            event: One event of a batch, with its truth.
            key: Random key of the latent.
            share: Progress of the ramp.

        Returns:
            ln density of (mass, spin, amplitudes / 1e-21, phases) at one draw of the latent,
            and the KL term there [nats].
        """
        features, target, log_det = self._target(event)
        reconstruction, kl = self.vae.elbo_terms(features, target, key=key, ramp=share)
        return reconstruction + log_det, kl

    def log_prob(self, event: Batch, *, draws: int, key: Key) -> Float[Array, ""]:
        """Importance-sampled estimate of the ln density of `terms`, which rises to the truth with the draws."""
        features, target, log_det = self._target(event)
        return self.vae.log_prob(features, target, draws=draws, key=key) + log_det

    def _target(self, event: Batch) -> tuple[Float[Array, "features"], Float[Array, "d"], Float[Array, ""]]:
        """Features of the data, what the autoencoder describes, and ln of the Jacobian between it and the truth."""
        gaussian, features = self.condition(event.coefficients)
        remnant, log_det = gaussian.to_normal(event.place, event.u_bounds)
        split = eliminate(event.gram, event.linear)
        normal, log_det_quadratures = to_normal(split, event.quadratures, self.amplitude_bounds)
        target, log_unit = _to_unit(remnant, normal)
        return features, target, log_unit + log_det + log_det_quadratures - event.log_jacobian

    def sample(
        self, coefficients: Float[ArrayLike, "rank"], chart: RemnantChart, *, samples: int, key: Key
    ) -> LatentDraws:
        """Draws for one event."""
        gaussian, features = self.condition(coefficients)
        features = self.vae.trunk(features)
        mixture = self.vae.prior_network(features)
        latent_key, decoder_key = jax.random.split(key)
        latent = jax.vmap(mixture.sample)(jax.random.split(latent_key, samples))
        laws = jax.vmap(self.vae.decoder, in_axes=(None, 0))(features, latent)
        target = jax.vmap(lambda law, key: law.sample(key))(laws, jax.random.split(decoder_key, samples))
        target = target.astype(float)
        remnant, normal, log_unit = _from_unit(target)
        log_target = jax.vmap(lambda law, x: law.log_prob(x))(laws, target.astype(jnp.float32)).astype(float)
        v, v_slope = gaussian.v_from_normal(remnant[:, 0])
        u, u_slope = gaussian.u_from_normal(remnant[:, 1], v, chart.u_bounds(v))
        seen = jax.vmap(self.vae.target_features)(target.astype(jnp.float32))
        recognition = jax.vmap(self.vae.recognition, in_axes=(None, 0))(features, seen)
        log_latent = jax.vmap(mixture.log_prob)(latent) - jax.vmap(lambda law, z: law.log_prob(z))(recognition, latent)
        return LatentDraws((u, v), v_slope + u_slope, normal, log_target + log_unit, log_latent.astype(float))


class CompactLoss(eqx.Module):
    """Loss of the compact autoencoder, in nats of the unit cube: -17.1 is the best there is.

    Attributes:
        start: Step after which the KL weight rises.
        end: Step at which it reaches 1.
        log_volume: ln of the prior's volume.
    """

    start: int = eqx.field(static=True)
    end: int = eqx.field(static=True)
    log_volume: float = eqx.field(static=True)

    def __call__(
        self, model: CompactAutoencoder, state: None, batch: Batch, *, key: Key, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[None, dict[str, Array]]]:
        """Mean loss over events that pass the cut; metrics hold the two terms and their full sum."""
        share = ramp(step, start=self.start, end=self.end)
        keys = jax.random.split(key, len(batch.allowed))
        density, kl = jax.vmap(lambda event, key: model.terms(event, key=key, share=share))(batch, keys)
        count = jnp.sum(batch.allowed)
        reconstruction = -jnp.sum(jnp.where(batch.allowed, density, 0.0)) / count - self.log_volume
        divergence = jnp.sum(jnp.where(batch.allowed, kl, 0.0)) / count
        metrics = {"reconstruction": reconstruction, "kl": divergence, "total": reconstruction + divergence}
        return reconstruction + share * divergence, (None, metrics)


def _to_unit(remnant: Float[Array, "2"], normal: Float[Array, "q"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
    """Normal coordinates as numbers in [0, 1] and angles, with ln of the Jacobian."""
    angles, radii = normal[0::2], normal[1::2]
    numbers = jnp.clip(ndtr(jnp.concatenate([remnant, radii])), _EDGE, 1.0 - _EDGE)
    circle = 2.0 * jnp.pi * (ndtr(angles) - 0.5)
    log_det = norm.logpdf(remnant).sum() + norm.logpdf(normal).sum() + angles.size * math.log(2.0 * math.pi)
    return jnp.concatenate([numbers, circle]), log_det


def _from_unit(
    target: Float[Array, "n d"],
) -> tuple[Float[Array, "n 2"], Float[Array, "n q"], Float[Array, "n"]]:
    """Inverse of `_to_unit` for many; the last part is ln |d target / d normal| of the quadratures and remnant."""
    modes = (target.shape[1] - 2) // 2
    numbers = ndtri(jnp.clip(target[:, : 2 + modes], _EDGE, 1.0 - _EDGE))
    angles = ndtri(jnp.clip(target[:, 2 + modes :] / (2.0 * jnp.pi) + 0.5, 1e-12, 1.0 - 1e-12))
    remnant, radii = numbers[:, :2], numbers[:, 2:]
    normal = jnp.stack([angles, radii], axis=-1).reshape(len(target), -1)
    log_det = norm.logpdf(remnant).sum(axis=1) + norm.logpdf(normal).sum(axis=1) + modes * math.log(2.0 * math.pi)
    return remnant, normal, log_det
