"""How the published network reads strain: two convolutional branches side by side, then a residual network.

Reference:
    De Santi et al., arXiv:2404.12028, section on the embedding network.
"""

import itertools
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Float, Key, PyTree
from swansong.encounters.settings import PaperSettings

_POOL = 2


class Morphology(eqx.Module):
    """What the burst looks like: convolution, pooling, batch normalisation and ELU by turns, then a dense layer.

    Attributes:
        convolutions: The convolutions, without padding.
        norms: A batch normalisation after each.
        dense: From the flattened channels to the branch's numbers.
        pool: Largest of every two samples.
    """

    convolutions: tuple[eqx.nn.Conv1d, ...]
    norms: tuple[eqx.nn.BatchNorm, ...]
    dense: eqx.nn.Linear
    pool: eqx.nn.MaxPool1d

    def __init__(self, settings: PaperSettings, *, detectors: int, samples: int, key: Key) -> None:
        """Draw the weights.

        Args:
            settings: Size of the network.
            detectors: Number of detectors.
            samples: Samples of a segment.
            key: Random key.

        Raises:
            ConfigError: If the segment is too short for the kernels.
        """
        keys = jax.random.split(key, len(settings.filters) + 1)
        channels = [detectors, *settings.filters]
        for _ in settings.filters:
            samples = (samples - settings.kernel + 1) // _POOL
        if samples < 1:
            raise ConfigError(
                f"`paper.segment` must outlast {len(settings.filters)} kernels of {settings.kernel} samples with "
                "pooling between them, got one that is too short; give a longer segment or a shorter `paper.kernel`"
            )
        self.convolutions = tuple(
            eqx.nn.Conv1d(a, b, settings.kernel, dtype=jnp.float32, key=k)
            for (a, b), k in zip(itertools.pairwise(channels), keys[1:], strict=True)
        )
        self.norms = tuple(
            eqx.nn.BatchNorm(size, "batch", mode="batch", dtype=jnp.float32) for size in settings.filters
        )
        self.dense = _linear(channels[-1] * samples, settings.branch, key=keys[0])
        self.pool = eqx.nn.MaxPool1d(_POOL, _POOL)

    def __call__(self, strain: Float[Array, "detectors n"], state: PyTree) -> tuple[Float[Array, " branch"], PyTree]:
        """Evaluate for one event, mapped over the axis `batch`.

        Args:
            strain: Whitened strain.
            state: State of the batch normalisations.

        Returns:
            The branch's numbers and the new state.
        """
        x = strain
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            pooled = self.pool(convolution(x))
            x, state = norm(pooled, state)
            # The running averages are divided by a function of an integer, which is float64 in a compiled function.
            x = jax.nn.elu(x.astype(pooled.dtype))
        return jax.nn.elu(self.dense(x.reshape(-1))), state


class Timing(eqx.Module):
    """What passes and how strongly, at any time: parallel convolutions, each with its largest output over time.

    Attributes:
        convolutions: Convolutions of the strain, side by side.
        dense: From all their channels to the branch's numbers.
    """

    convolutions: tuple[eqx.nn.Conv1d, ...]
    dense: eqx.nn.Linear

    def __init__(self, settings: PaperSettings, *, detectors: int, samples: int, key: Key) -> None:
        """Draw the weights.

        Args:
            settings: Size of the network.
            detectors: Number of detectors.
            samples: Samples of a segment.
            key: Random key.

        Raises:
            ConfigError: If filters and kernels differ in number or a kernel outlasts the segment.
        """
        filters, kernels = settings.time_filters, settings.time_kernels
        if len(filters) != len(kernels):
            raise ConfigError(
                f"`paper.time_filters` and `paper.time_kernels` must have equal lengths, got {len(filters)} and "
                f"{len(kernels)}; give one of each for every convolution"
            )
        if max(kernels) > samples:
            raise ConfigError(
                f"`paper.time_kernels` must not outlast the {samples} samples of a segment, got {max(kernels)}; "
                "give shorter kernels or a longer `paper.segment`"
            )
        keys = jax.random.split(key, len(filters) + 1)
        self.convolutions = tuple(
            eqx.nn.Conv1d(detectors, count, kernel, dtype=jnp.float32, key=k)
            for count, kernel, k in zip(filters, kernels, keys[1:], strict=True)
        )
        self.dense = _linear(sum(filters), settings.branch, key=keys[0])

    def __call__(self, strain: Float[Array, "detectors n"]) -> Float[Array, " branch"]:
        """Evaluate for one event.

        Args:
            strain: Whitened strain.

        Returns:
            The branch's numbers.
        """
        # ELU rises everywhere, so that it may follow the maximum, where it costs less.
        largest = [jax.nn.elu(jnp.max(convolution(strain), axis=1)) for convolution in self.convolutions]
        return jax.nn.elu(self.dense(jnp.concatenate(largest)))


class ResidualBlock(eqx.Module):
    """Two dense layers with a connection that skips them.

    Attributes:
        change: Dense layer before them where the width changes, or None.
        layers: The two layers.
        dropout: Dropout after each.
    """

    change: eqx.nn.Linear | None
    layers: tuple[eqx.nn.Linear, eqx.nn.Linear]
    dropout: eqx.nn.Dropout

    def __init__(self, inputs: int, outputs: int, *, dropout: float, key: Key) -> None:
        """Draw the weights.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.
            dropout: Share of each layer's outputs that is dropped in training.
            key: Random key.
        """
        first, second, third = jax.random.split(key, 3)
        self.change = None if inputs == outputs else _linear(inputs, outputs, key=first)
        self.layers = (_linear(outputs, outputs, key=second), _linear(outputs, outputs, key=third))
        self.dropout = eqx.nn.Dropout(dropout)

    def __call__(self, x: Float[Array, " inputs"], *, key: Key | None = None) -> Float[Array, " outputs"]:
        """Evaluate.

        Args:
            x: Inputs.
            key: Key of the dropout; not needed in inference mode.

        Returns:
            Outputs.
        """
        kept = x if self.change is None else jax.nn.elu(self.change(x))
        new = kept
        for layer, one in zip(self.layers, _keys(key, 2), strict=True):
            new = self.dropout(jax.nn.elu(layer(new)), key=one)
        return kept + new


class StrainEmbedding(eqx.Module):
    """From strain to the context of the flow: both branches, joined, then the residual network.

    Attributes:
        morphology: The first branch.
        timing: The second branch.
        join: Dense layer on both.
        blocks: Residual blocks, `skips` of each width.
    """

    morphology: Morphology
    timing: Timing
    join: eqx.nn.Linear
    blocks: tuple[ResidualBlock, ...]

    def __init__(self, settings: PaperSettings, *, detectors: int, samples: int, key: Key) -> None:
        """Draw the weights.

        Args:
            settings: Size of the network.
            detectors: Number of detectors.
            samples: Samples of a segment.
            key: Random key.

        Raises:
            ConfigError: If the sizes contradict each other or the segment is too short for them.
        """
        first, second, third, rest = jax.random.split(key, 4)
        widths = [width for width in settings.dense for _ in range(settings.skips)]
        self.morphology = Morphology(settings, detectors=detectors, samples=samples, key=first)
        self.timing = Timing(settings, detectors=detectors, samples=samples, key=second)
        self.join = _linear(2 * settings.branch, widths[0], key=third)
        self.blocks = tuple(
            ResidualBlock(a, b, dropout=settings.dropout, key=k)
            for (a, b), k in zip(
                itertools.pairwise([widths[0], *widths]), jax.random.split(rest, len(widths)), strict=True
            )
        )

    def __call__(
        self, strain: Float[Array, "detectors n"], state: PyTree, *, key: Key | None = None
    ) -> tuple[Float[Array, " context"], PyTree]:
        """Evaluate for one event, mapped over the axis `batch`.

        Args:
            strain: Whitened strain.
            state: State of the batch normalisations.
            key: Key of the dropout; not needed in inference mode.

        Returns:
            The context and the new state.
        """
        shape, state = self.morphology(strain, state)
        x = jax.nn.elu(self.join(jnp.concatenate([shape, self.timing(strain)])))
        for block, one in zip(self.blocks, _keys(key, len(self.blocks)), strict=True):
            x = block(x, key=one)
        return x, state


def _linear(inputs: int, outputs: int, *, key: Key) -> eqx.nn.Linear:
    """A linear map in float32."""
    return eqx.nn.Linear(inputs, outputs, dtype=jnp.float32, key=key)


def _keys(key: Key | None, count: int) -> Sequence[Key | None]:
    """Keys of several layers, or none for any."""
    return [None] * count if key is None else list(jax.random.split(key, count))
