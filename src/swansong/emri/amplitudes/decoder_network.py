"""The published network: from an orbit to moduli and phases of all its modes at once.

It decodes four numbers into a volume over pairs (l, m), k and n: Fourier features, a residual
perceptron, transposed convolutions, trilinear upsampling, and convolutions in three dimensions.

Reference:
    Zeng, Zhang, Hu, Mei, arXiv:2603.08635. Sizes that it leaves open are named in `DecoderSettings`.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Bool, Float, Key
from swansong.emri.amplitudes.decoder_blocks import (
    FourierFeatures,
    Head,
    PositionalEmbedding,
    ResidualBlock,
    Unfolding,
    VolumeBlock,
    group_norm,
)
from swansong.emri.amplitudes.decoder_settings import DecoderSettings, ModeGrid, fits


class ModeDecoder(eqx.Module):
    """Moduli and phases of all modes of one orbit, in float32; batches come by `jax.vmap`.

    Attributes:
        features: Fourier features of the orbit.
        entrance: From them to the width of the perceptron.
        blocks: Residual blocks of the perceptron.
        exit: From the perceptron to the latent.
        unfolding: From the latent to the coarse volume.
        embedding: Positional embedding of the full volume.
        convolutions: Residual blocks of convolutions.
        norm: Group normalisation before the heads.
        modulus: Head of the moduli, before the softplus.
        phase: Head of the phases, before the tanh.
        settings: Sizes.
        grid: The modes.
    """

    features: FourierFeatures
    entrance: eqx.nn.Linear
    blocks: tuple[ResidualBlock, ...]
    exit: eqx.nn.Linear
    unfolding: Unfolding
    embedding: PositionalEmbedding
    convolutions: tuple[VolumeBlock, ...]
    norm: eqx.nn.GroupNorm
    modulus: Head
    phase: Head
    settings: DecoderSettings = eqx.field(static=True)
    grid: ModeGrid = eqx.field(static=True)

    def __init__(self, settings: DecoderSettings, grid: ModeGrid, *, key: Key) -> None:
        """Draw the weights.

        Args:
            settings: Sizes.
            grid: The modes, `settings.grid` for those that the settings name.
            key: Random key.

        Raises:
            ConfigError: If the coarse volume is finer than the grid.
        """
        if not fits(settings.coarse, grid.shape, step=2**settings.doublings):
            raise ConfigError(
                f"`coarse` must not exceed the grid {list(grid.shape)}, got {list(settings.coarse)}; give fewer places"
            )
        ends, dense, body = jax.random.split(key, 3)
        first, second, third, fourth, fifth, sixth, seventh = jax.random.split(ends, 7)
        width, channels = settings.width, settings.channels
        seeds = settings.coarse[0] // 2**settings.doublings
        self.features = FourierFeatures(
            len(settings.ranges), settings.features, scale=settings.frequency_scale, key=first
        )
        self.entrance = eqx.nn.Linear(2 * settings.features, width, dtype=jnp.float32, key=second)
        self.blocks = tuple(ResidualBlock(width, key=one) for one in jax.random.split(dense, settings.blocks))
        self.exit = eqx.nn.Linear(width, settings.latent_channels * seeds, dtype=jnp.float32, key=third)
        self.unfolding = Unfolding(
            settings.latent_channels,
            doublings=settings.doublings,
            channels=channels,
            coarse=settings.coarse,
            key=fourth,
        )
        self.embedding = PositionalEmbedding(grid.shape, channels, wavelengths=settings.positions, key=fifth)
        self.convolutions = tuple(
            VolumeBlock(
                channels,
                groups=settings.groups,
                kernel=settings.kernels[index % len(settings.kernels)],
                dilation=settings.dilations[index % len(settings.dilations)],
                key=one,
            )
            for index, one in enumerate(jax.random.split(body, settings.convolutions))
        )
        self.norm = group_norm(channels, settings.groups)
        # Softplus of this is `start`.
        self.modulus = Head(channels, start=math.log(math.expm1(settings.start)), key=sixth)
        self.phase = Head(channels, start=0.0, key=seventh)
        self.settings = settings
        self.grid = grid

    def __call__(
        self, orbit: Float[Array, "4"], inputs: Float[Array, "4"] | None = None
    ) -> tuple[Float[Array, "pairs polar radial"], Float[Array, "pairs polar radial"]]:
        """Evaluate.

        Args:
            orbit: Spin a, semi-latus rectum p [M], eccentricity e, and x, the cosine of the
                inclination, negative if retrograde.
            inputs: What the network is given, each from -1 to 1; `scaled` of the orbit if None.

        Returns:
            Moduli and phases [rad, within ±π] on the grid, zero for the modes that `mask` rules out.
        """
        given = self.scaled(orbit) if inputs is None else inputs.astype(jnp.float32)
        x = jax.nn.silu(self.entrance(self.features(given)))
        for block in self.blocks:
            x = block(x)
        latent = jax.nn.silu(self.exit(x)).reshape(self.settings.latent_channels, -1)
        coarse = self.unfolding(latent)[:, : len(self.grid.pairs)]
        shape = (self.settings.channels, *self.grid.shape)
        volume = jax.image.resize(coarse, shape, "trilinear") + self.embedding()
        for block in self.convolutions:
            volume = eqx.filter_checkpoint(block)(volume) if self.settings.checkpointing else block(volume)
        volume = jax.nn.silu(self.norm(volume))
        allowed = self.mask(orbit)
        modulus = jnp.where(allowed, jax.nn.softplus(self.modulus(volume)), 0.0)
        phase = jnp.where(allowed, math.pi * jnp.tanh(self.phase(volume)), 0.0)
        return modulus, phase

    def scaled(self, orbit: Float[Array, "4"]) -> Float[Array, "4"]:
        """Map the orbit to [-1, 1] in every coordinate; orbits outside the ranges leave it.

        Args:
            orbit: (a, p, e, x).

        Returns:
            The four inputs of the network, in float32.
        """
        low, high = np.array(self.settings.ranges).T
        return ((2.0 * orbit - low - high) / (high - low)).astype(jnp.float32)

    def mask(self, orbit: Float[Array, "4"]) -> Bool[Array, "pairs polar radial"]:
        """Which modes the orbit can have.

        Static modes never, k != 0 not on equatorial orbits, n != 0 not on circular ones. Here k
        counts as in the phases m Ω_φ + k Ω_θ + n Ω_r; in a grid of j it is j - sgn(x) m.

        Args:
            orbit: (a, p, e, x).

        Returns:
            True for the modes that are not masked.
        """
        eccentricity, inclination_cosine = orbit[2], orbit[3]
        inclined = 1.0 - jnp.abs(inclination_cosine) > self.settings.equatorial
        eccentric = eccentricity > self.settings.circular
        shift = self.grid.pairs[:, 1:] if self.settings.index == "j" else 0
        polar = inclined | (self.grid.k == jnp.where(inclination_cosine < 0.0, -shift, shift))
        radial = eccentric | (self.grid.n == 0)
        return ~self.grid.static & polar[..., None] & radial[None, None, :]


def count_parameters(settings: DecoderSettings) -> int:
    """Trained numbers of a decoder, found without making it.

    Args:
        settings: Sizes.

    Returns:
        The count.
    """
    made = eqx.filter_eval_shape(ModeDecoder, settings, settings.grid, key=jax.random.key(0))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(made) if isinstance(leaf, jax.ShapeDtypeStruct))
