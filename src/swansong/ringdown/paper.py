"""The published autoencoder: three convolutional networks on the whitened strain.

It is here to be compared with, at its published size and in its published coordinates:
mass, spin and amplitudes in the unit cube, phases on the circle. The compact estimator
shows what better coordinates and a shared trunk are worth.

Reference:
    Mishra 2025, "Black Hole Spectroscopy with Conditional Variational Autoencoder"; the
    form of loss and networks goes back to Gabbard et al., arXiv:1909.06296.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Bool, Float, Int, Key, PyTree
from swansong.learning.autoencoders import BoundedPeriodic, SplitAngles, ramp
from swansong.learning.heads import DiagonalGaussian, GaussianMixture, TruncatedNormal, VonMises, kl_at_sample
from swansong.learning.networks import Convolution1D
from swansong.ringdown.analysis import Analysis
from swansong.ringdown.bank import TemplateBank
from swansong.ringdown.model import RingdownModel
from swansong.ringdown.settings import TWO_PI, PaperSettings

# Where float32 densities and their gradients stay useful; the paper states no such bounds.
_LOG_SCALE_RANGE = (-8.0, 4.0)
_LARGEST_CONCENTRATION = 1e5
_SAMPLES_AT_ONCE = 1000


class StrainBatch(NamedTuple):
    """Strain with its truth.

    Attributes:
        strain: Whitened strain with noise, (batch, detectors, n), float32.
        target: Mass, spin and amplitudes in the unit cube, then phases [rad], (batch, d), float32.
        allowed: Whether the event is loud enough for the prior.
    """

    strain: Float[Array, "batch detectors n"]
    target: Float[Array, "batch d"]
    allowed: Bool[Array, "batch"]


class StrainSource(eqx.Module):
    """A bank of templates as whitened strain, in new white noise at each draw.

    Attributes:
        bank: The bank.
        basis: From coefficients to the strain of all detectors, (detectors n, rank), float32.
        remnant: Mass and spin of each row in the unit square, (rows, 2), float32.
        detectors: Number of detectors.
    """

    bank: TemplateBank
    basis: Float[Array, "data rank"]
    remnant: Float[Array, "rows 2"]
    detectors: int = eqx.field(static=True)

    @classmethod
    def of(cls, bank: TemplateBank, analysis: Analysis) -> "StrainSource":
        """The strain of a bank that was made for this analysis."""
        mass, spin = analysis.chart.remnant(bank.place[:, 0], bank.place[:, 1])
        bounds = np.array([analysis.chart.mass_bounds, analysis.chart.spin_bounds])
        remnant = (jnp.stack([mass, spin], axis=1) - bounds[:, 0]) / (bounds[:, 1] - bounds[:, 0])
        return cls(
            bank,
            jnp.asarray(analysis.basis[:, : bank.templates.shape[2]], jnp.float32),
            # The way to (u, v) and back may round a remnant on the edge out of the prior.
            jnp.clip(remnant, 0.0, 1.0).astype(jnp.float32),
            len(analysis.whiteners),
        )

    def batch(self, key: Key, batch_size: int) -> StrainBatch:
        """Draw events from the prior.

        Args:
            key: Random key.
            batch_size: Number of events, those below the cut included.

        Returns:
            The batch.
        """
        drawn, noise_key = self.bank.signals(key, batch_size)
        clean = drawn.signal @ self.basis.T
        strain = clean + jax.random.normal(noise_key, clean.shape, jnp.float32)
        low, high = self.bank.amplitude_bounds
        amplitude = (drawn.amplitude - low) / (high - low)
        parts = [self.remnant[drawn.rows], amplitude, drawn.phase]
        target = jnp.concatenate([part.astype(jnp.float32) for part in parts], axis=1)
        return StrainBatch(strain.reshape(batch_size, self.detectors, -1), target, drawn.allowed)


class PaperAutoencoder(eqx.Module):
    """Conditional autoencoder with convolutions of its own for each network.

    The networks normalise over the batch: every call takes and returns an `eqx.nn.State`,
    and batches are mapped with the axis name `batch`. Build it with its state by
    `eqx.nn.make_with_state(PaperAutoencoder)(...)`.

    Attributes:
        prior_network: Encoder 1, from strain to a mixture over the latent.
        recognition: Encoder 2, from strain and truth to a diagonal normal law; training only.
        decoder: From strain and latent to the law of the parameters.
        target_features: What encoder 2 sees of the truth.
        components: Components of the mixture.
        bounded: Count of parameters in the unit cube; the phases follow.
    """

    prior_network: Convolution1D
    recognition: Convolution1D
    decoder: Convolution1D
    target_features: SplitAngles
    components: int = eqx.field(static=True)
    bounded: int = eqx.field(static=True)

    def __init__(self, settings: PaperSettings, *, detectors: int, samples: int, modes: int, key: Key) -> None:
        """Draw the weights.

        Args:
            settings: Size of the networks.
            detectors: Number of detectors.
            samples: Samples of a segment.
            modes: Number of modes.
            key: Random key.

        Raises:
            ConfigError: If filters, kernels and strides differ in number or a size is not positive.
        """
        keys = jax.random.split(key, 3)

        def network(outputs: int, *, extra: int, key: Key) -> Convolution1D:
            return Convolution1D(
                (detectors, samples),
                outputs,
                filters=settings.filters,
                kernels=settings.kernels,
                strides=settings.strides,
                dense=settings.dense,
                extra=extra,
                dropout=settings.dropout,
                key=key,
            )

        self.bounded, self.components = 2 + modes, settings.components
        seen = self.bounded + 2 * modes
        self.prior_network = network(settings.components * (1 + 2 * settings.latent), extra=0, key=keys[0])
        self.recognition = network(2 * settings.latent, extra=seen, key=keys[1])
        self.decoder = network(2 * (self.bounded + modes), extra=settings.latent, key=keys[2])
        self.target_features = SplitAngles(self.bounded)

    def elbo_terms(
        self, strain: Float[Array, "detectors n"], target: Float[Array, " d"], state: PyTree, *, key: Key
    ) -> tuple[tuple[Float[Array, ""], Float[Array, ""]], PyTree]:
        """The two terms of the bound `log p(target | strain) >= reconstruction - KL`, for one event.

        Args:
            strain: Whitened strain.
            target: The truth: numbers in the unit cube, then phases [rad].
            state: State of the batch normalisations.
            key: Random key of the latent and the dropout.

        Returns:
            Log density of the target at one draw of the latent, an unbiased estimate of
            the KL divergence at the same draw [nats], and the new state.
        """
        prior_key, recognition_key, draw_key, decoder_key = jax.random.split(key, 4)
        raw, state = self.prior_network(strain, state, key=prior_key)
        mixture = self._mixture(raw)
        seen = self.target_features(target)
        raw, state = self.recognition(strain, state, extra=seen, key=recognition_key)
        law = DiagonalGaussian(raw[: raw.size // 2], jnp.clip(raw[raw.size // 2 :], *_LOG_SCALE_RANGE))
        latent = law.sample(draw_key)
        raw, state = self.decoder(strain, state, extra=latent, key=decoder_key)
        return (self._parameters(raw).log_prob(target), kl_at_sample(law, mixture, latent)), state

    @eqx.filter_jit
    def sample(
        self, strain: Float[Array, "detectors n"], state: PyTree, *, samples: int, key: Key
    ) -> Float[Array, "samples d"]:
        """Draws for one event, by a model in inference mode.

        Args:
            strain: Whitened strain, float32.
            state: State of the batch normalisations after training.
            samples: Number of draws.
            key: Random key.

        Returns:
            Numbers in the unit cube, then phases in [-pi, pi) [rad].
        """
        mixture = self._mixture(self.prior_network(strain, state)[0])
        flat, _ = self.decoder.convolve(strain, state)

        def one(key: Key) -> Array:
            latent_key, target_key = jax.random.split(key)
            raw, _ = self.decoder.combine(flat, state, extra=mixture.sample(latent_key))
            return self._parameters(raw).sample(target_key)

        # In pieces: the first dense layer reads thousands of numbers for each draw.
        return jax.lax.map(one, jax.random.split(key, samples), batch_size=_SAMPLES_AT_ONCE)

    def _mixture(self, raw: Float[Array, " outputs"]) -> GaussianMixture:
        """Law of the latent given strain alone."""
        logits, rest = raw[: self.components], raw[self.components :]
        means, log_scales = rest.reshape(2, self.components, -1)
        return GaussianMixture(logits, means, jnp.clip(log_scales, *_LOG_SCALE_RANGE))

    def _parameters(self, raw: Float[Array, " outputs"]) -> BoundedPeriodic:
        """Law of the parameters: means through a sigmoid, log variances through a negative ReLU.

        A phase's mean is a share of the turn, and its concentration is one over the variance.
        """
        means, strengths = raw.reshape(2, -1)
        centre, precision = jax.nn.sigmoid(means), jax.nn.relu(strengths)
        count = self.bounded
        scale = jnp.exp(jnp.maximum(-0.5 * precision[:count], _LOG_SCALE_RANGE[0]))
        concentration = jnp.exp(jnp.minimum(precision[count:], math.log(_LARGEST_CONCENTRATION)))
        return BoundedPeriodic(
            TruncatedNormal(centre[:count], scale, 0.0, 1.0), VonMises(TWO_PI * centre[count:], concentration)
        )


class PaperLoss(eqx.Module):
    """Loss of the published autoencoder, in nats of the unit cube as for the compact one.

    Attributes:
        start: Step after which the KL weight rises.
        end: Step at which it reaches 1.
        modes: Number of modes, each with a phase.
    """

    start: int = eqx.field(static=True)
    end: int = eqx.field(static=True)
    modes: int = eqx.field(static=True)

    def __call__(
        self, model: PaperAutoencoder, state: PyTree, batch: StrainBatch, *, key: Key, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[PyTree, dict[str, Array]]]:
        """Mean loss over events that pass the cut; metrics hold the two terms and their full sum.

        The few events below the cut do count in the batch normalisations.
        """
        share = ramp(step, start=self.start, end=self.end)

        def terms(strain: Array, target: Array, key: Key) -> tuple[tuple[Array, Array], PyTree]:
            return model.elbo_terms(strain, target, state, key=key)

        keys = jax.random.split(key, len(batch.allowed))
        mapped = jax.vmap(terms, axis_name="batch", out_axes=(0, None))
        (density, kl), state = mapped(batch.strain, batch.target, keys)
        count = jnp.sum(batch.allowed)
        # A phase in turns, not in radians, fills the unit interval.
        reconstruction = -jnp.sum(jnp.where(batch.allowed, density, 0.0)) / count - self.modes * math.log(TWO_PI)
        divergence = jnp.sum(jnp.where(batch.allowed, kl, 0.0)) / count
        metrics = {"reconstruction": reconstruction, "kl": divergence, "total": reconstruction + divergence}
        return reconstruction + share * divergence, (state, metrics)


def to_parameters(target: Float[np.ndarray, "n d"], model: RingdownModel) -> Float[np.ndarray, "n d"]:
    """Parameter vectors of what the autoencoder describes.

    Args:
        target: Numbers in the unit cube, then phases [rad].
        model: The model whose prior the cube stands for.

    Returns:
        Mass [solar masses], spin, then amplitude and phase [rad] of every mode.
    """
    numbers, phases = target[:, : 2 + model.count], target[:, 2 + model.count :]
    settings = model.settings
    low, high = np.array([settings.final_mass, settings.final_spin, *[settings.amplitude] * model.count]).T
    numbers = np.clip(low + (high - low) * numbers.astype(np.float64), low, high)
    # float32 rounds an angle just below zero up to a full turn.
    phases = np.mod(phases.astype(np.float64), TWO_PI)
    pairs = np.stack([numbers[:, 2:], phases], axis=-1)
    return np.concatenate([numbers[:, :2], pairs.reshape(len(target), -1)], axis=1)
