"""Parts of the amplitude decoder, each for one orbit and in float32."""

import itertools
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Float, Key

Size3 = tuple[int, int, int]

Layer = TypeVar("Layer", bound=eqx.Module)


class FourierFeatures(eqx.Module):
    """Sines and cosines of the inputs at learnt frequencies.

    Attributes:
        frequencies: Angular frequencies, trained with the rest [rad a unit of input].

    Reference:
        Tancik et al., arXiv:2006.10739, where they are fixed.
    """

    frequencies: Float[Array, "features inputs"]

    def __init__(self, inputs: int, features: int, *, scale: float, key: Key) -> None:
        """Draw the frequencies.

        Args:
            inputs: Number of inputs.
            features: Number of frequencies.
            scale: Their scatter [rad a unit of input].
            key: Random key.
        """
        self.frequencies = scale * jax.random.normal(key, (features, inputs), jnp.float32)

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " twice_features"]:
        """Evaluate.

        Args:
            x: Inputs.

        Returns:
            All sines, then all cosines.
        """
        angle = self.frequencies @ x
        return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)])


class ResidualBlock(eqx.Module):
    """Linear, layer norm, Swish, linear, added to what came in.

    Unlike `learning.networks.ResidualMLP` it normalises behind the first layer, as published.

    Attributes:
        inner: First layer.
        norm: Layer normalisation of its output.
        outer: Second layer; starts at zero, so that the block starts as identity.
    """

    inner: eqx.nn.Linear
    norm: eqx.nn.LayerNorm
    outer: eqx.nn.Linear

    def __init__(self, width: int, *, key: Key) -> None:
        """Draw the weights.

        Args:
            width: Inputs and outputs.
            key: Random key.
        """
        first, second = jax.random.split(key)
        self.inner = eqx.nn.Linear(width, width, dtype=jnp.float32, key=first)
        self.norm = eqx.nn.LayerNorm(width, dtype=jnp.float32)
        self.outer = _zero(eqx.nn.Linear(width, width, dtype=jnp.float32, key=second))

    def __call__(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """Evaluate.

        Args:
            x: Input.

        Returns:
            Output.
        """
        return x + self.outer(jax.nn.silu(self.norm(self.inner(x))))


class Unfolding(eqx.Module):
    """From the latent to the coarse volume: transposed convolutions along the axis of pairs.

    Each of them doubles the axis. The last one gives every pair the channels of all its k
    and n at once, which are then unfolded into axes of their own.

    Attributes:
        layers: Transposed convolutions of stride 2.
        channels: Channels of the volume.
        coarse: Pairs, k and n of the volume.
    """

    layers: tuple[eqx.nn.ConvTranspose1d, ...]
    channels: int = eqx.field(static=True)
    coarse: Size3 = eqx.field(static=True)

    def __init__(self, latent: int, *, doublings: int, channels: int, coarse: Size3, key: Key) -> None:
        """Draw the weights.

        Args:
            latent: Channels of the latent and between the convolutions.
            doublings: Number of transposed convolutions.
            channels: Channels of the volume.
            coarse: Pairs, k and n of the volume; the pairs are a multiple of 2 ** `doublings`.
            key: Random key.
        """
        sizes = [latent] * doublings + [channels * coarse[1] * coarse[2]]
        self.layers = tuple(
            eqx.nn.ConvTranspose1d(a, b, kernel_size=4, stride=2, padding=1, dtype=jnp.float32, key=one)
            for (a, b), one in zip(itertools.pairwise(sizes), jax.random.split(key, doublings), strict=True)
        )
        self.channels = channels
        self.coarse = coarse

    def __call__(self, x: Float[Array, "latent seeds"]) -> Float[Array, "channels pairs polar radial"]:
        """Evaluate.

        Args:
            x: The latent, its last axis along the pairs.

        Returns:
            The coarse volume.
        """
        for layer in self.layers[:-1]:
            x = jax.nn.silu(_doubled(layer, x))
        pairs, polar, radial = self.coarse
        volume = _doubled(self.layers[-1], x).reshape(self.channels, polar, radial, pairs)
        return jnp.moveaxis(volume, -1, 1)


class PositionalEmbedding(eqx.Module):
    """Tells the convolutions where they are: sines and cosines of the place along each axis.

    The wavelengths fall geometrically from four times the axis to four places, which tells
    any two places apart. A linear map an axis brings them to the channels; the three are added.

    Attributes:
        maps: From the sines and cosines along each axis to the channels.
        shape: Places along the three axes.
        wavelengths: Wavelengths an axis.

    Reference:
        Vaswani et al., arXiv:1706.03762, section 3.5.
    """

    maps: tuple[eqx.nn.Linear, eqx.nn.Linear, eqx.nn.Linear]
    shape: Size3 = eqx.field(static=True)
    wavelengths: int = eqx.field(static=True)

    def __init__(self, shape: Size3, channels: int, *, wavelengths: int, key: Key) -> None:
        """Draw the maps.

        Args:
            shape: Places along the three axes.
            channels: Channels of the volume.
            wavelengths: Wavelengths an axis.
            key: Random key.
        """
        first, second, third = (
            eqx.nn.Linear(2 * wavelengths, channels, use_bias=False, dtype=jnp.float32, key=one)
            for one in jax.random.split(key, 3)
        )
        self.maps = (first, second, third)
        self.shape = shape
        self.wavelengths = wavelengths

    def __call__(self) -> Float[Array, "channels pairs polar radial"]:
        """Evaluate.

        Returns:
            What to add to the volume.
        """
        pairs, polar, radial = (
            one.weight @ _waves(size, self.wavelengths) for one, size in zip(self.maps, self.shape, strict=True)
        )
        return pairs[:, :, None, None] + polar[:, None, :, None] + radial[:, None, None, :]


class AttentionGate(eqx.Module):
    """A share in [0, 1] at every place, from what a block was given and what it found.

    Attributes:
        given: Map of what the block was given.
        found: Map of what it found.
        share: From their sum to one number.

    Reference:
        Oktay et al., arXiv:1804.03999, section 2 (additive attention).
    """

    given: eqx.nn.Conv3d
    found: eqx.nn.Conv3d
    share: eqx.nn.Conv3d

    def __init__(self, channels: int, *, key: Key) -> None:
        """Draw the weights.

        Args:
            channels: Channels of the volume.
            key: Random key.
        """
        first, second, third = jax.random.split(key, 3)
        inside = max(channels // 2, 1)
        self.given = pointwise(channels, inside, key=first)
        self.found = pointwise(channels, inside, key=second)
        self.share = pointwise(inside, 1, key=third)

    def __call__(
        self,
        given: Float[Array, "channels pairs polar radial"],
        found: Float[Array, "channels pairs polar radial"],
    ) -> Float[Array, "channels pairs polar radial"]:
        """Evaluate.

        Args:
            given: What the block was given.
            found: What it found.

        Returns:
            What it found, times the share.
        """
        return jax.nn.sigmoid(_mix(self.share, jax.nn.silu(_mix(self.given, given) + _mix(self.found, found)))) * found


class VolumeBlock(eqx.Module):
    """Twice group norm, Swish and a convolution, gated by attention and added to what came in.

    Attributes:
        norms: Group normalisation before each convolution.
        convolutions: Two convolutions of equal kernel and dilation; the second starts at
            zero, so that the block starts as identity.
        gate: The attention gate.
    """

    norms: tuple[eqx.nn.GroupNorm, eqx.nn.GroupNorm]
    convolutions: tuple[eqx.nn.Conv3d, eqx.nn.Conv3d]
    gate: AttentionGate

    def __init__(self, channels: int, *, groups: int, kernel: Size3, dilation: Size3, key: Key) -> None:
        """Draw the weights.

        Args:
            channels: Channels of the volume.
            groups: Groups of channels that are normalised together.
            kernel: Odd kernel lengths along the three axes.
            dilation: Distance of neighbouring taps along the three axes.
            key: Random key.
        """
        first, second, third = jax.random.split(key, 3)
        padding = tuple(step * (length // 2) for step, length in zip(dilation, kernel, strict=True))
        convolutions = [
            eqx.nn.Conv3d(channels, channels, kernel, padding=padding, dilation=dilation, dtype=jnp.float32, key=one)
            for one in (first, second)
        ]
        self.norms = (group_norm(channels, groups), group_norm(channels, groups))
        self.convolutions = (convolutions[0], _zero(convolutions[1]))
        self.gate = AttentionGate(channels, key=third)

    def __call__(self, x: Float[Array, "channels pairs polar radial"]) -> Float[Array, "channels pairs polar radial"]:
        """Evaluate.

        Args:
            x: The volume.

        Returns:
            The volume, changed.
        """
        found = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            found = convolution(jax.nn.silu(norm(found)))
        return x + self.gate(x, found)


class Head(eqx.Module):
    """One number at every place: two maps of the channels with a Swish between them.

    Attributes:
        inner: Map from the channels to as many.
        outer: Map to the number; its weights start at zero, so that the untrained network
            gives the same number everywhere.
    """

    inner: eqx.nn.Conv3d
    outer: eqx.nn.Conv3d

    def __init__(self, channels: int, *, start: float, key: Key) -> None:
        """Draw the weights.

        Args:
            channels: Channels of the volume.
            start: The number that an untrained head gives.
            key: Random key.
        """
        first, second = jax.random.split(key)
        outer = _zero(pointwise(channels, 1, key=second))
        self.inner = pointwise(channels, channels, key=first)
        self.outer = eqx.tree_at(lambda one: one.bias, outer, jnp.full((1, 1, 1, 1), start, jnp.float32))

    def __call__(self, x: Float[Array, "channels pairs polar radial"]) -> Float[Array, "pairs polar radial"]:
        """Evaluate.

        Args:
            x: The volume.

        Returns:
            The number at every place.
        """
        return _mix(self.outer, jax.nn.silu(_mix(self.inner, x)))[0]


def pointwise(inputs: int, outputs: int, *, key: Key) -> eqx.nn.Conv3d:
    """A linear map of the channels, the same at every place, in float32.

    Args:
        inputs: Channels before.
        outputs: Channels after.
        key: Random key.

    Returns:
        The map.
    """
    return eqx.nn.Conv3d(inputs, outputs, kernel_size=1, dtype=jnp.float32, key=key)


def group_norm(channels: int, groups: int) -> eqx.nn.GroupNorm:
    """A group normalisation in float32.

    Args:
        channels: Channels of the volume.
        groups: Groups, a divisor of the channels.

    Returns:
        The normalisation.
    """
    return eqx.nn.GroupNorm(groups, channels, dtype=jnp.float32)


def _zero(layer: Layer) -> Layer:
    """The same layer with all weights zero."""
    return jax.tree.map(jnp.zeros_like, layer)


def _mix(layer: eqx.nn.Conv3d, x: Float[Array, "inputs *places"]) -> Float[Array, "outputs *places"]:
    """A pointwise layer as a product of matrices, which is several times faster on a CPU than a convolution."""
    mixed = jnp.tensordot(layer.weight[:, :, 0, 0, 0], x, axes=1)
    return mixed if layer.bias is None else mixed + layer.bias


def _doubled(layer: eqx.nn.ConvTranspose1d, x: Float[Array, "inputs places"]) -> Float[Array, "outputs twice_places"]:
    """A transposed convolution of four taps and stride 2 as a product of matrices: its slope is faster on a CPU."""
    first, second, third, fourth = jnp.moveaxis(jnp.einsum("oit,ip->otp", layer.weight, x), 1, 0)
    even = third + jnp.pad(first, ((0, 0), (1, 0)))[:, :-1]
    odd = second + jnp.pad(fourth, ((0, 0), (0, 1)))[:, 1:]
    doubled = jnp.stack([even, odd], axis=-1).reshape(len(first), -1)
    return doubled if layer.bias is None else doubled + layer.bias


def _waves(size: int, wavelengths: int) -> Float[np.ndarray, "twice_wavelengths size"]:
    """Sines and cosines along an axis of `size` places, wavelengths from 4 `size` down to 4."""
    angle = 0.5 * np.pi * np.geomspace(1.0 / size, 1.0, wavelengths)[:, None] * np.arange(size)
    return np.concatenate([np.sin(angle), np.cos(angle)]).astype(np.float32)
