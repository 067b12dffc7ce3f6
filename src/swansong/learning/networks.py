"""Networks of one example each, in float32; batches come by `jax.vmap`."""

import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.errors import ConfigError
from swansong.core.types import Array, Float, Key, PyTree

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "elu": jax.nn.elu,
    "gelu": jax.nn.gelu,
    "leaky_relu": jax.nn.leaky_relu,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}


def find_activation(name: str) -> Callable[[Array], Array]:
    """An activation function by its name.

    Args:
        name: A key of `ACTIVATIONS`.

    Returns:
        The function.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(f"`activation` must be one of {', '.join(ACTIVATIONS)}, got '{name}'; choose one of these")
    return ACTIVATIONS[name]


class MLP(eqx.Module):
    """Dense layers: `depth` hidden ones of equal width, then a linear one.

    Attributes:
        layers: The linear maps.
        norms: Layer normalisation of each hidden layer's input, or None.
        activation: Name of the activation.
        residual: Whether hidden layers after the first add to their input.
    """

    layers: tuple[eqx.nn.Linear, ...]
    norms: tuple[eqx.nn.LayerNorm | None, ...]
    activation: str = eqx.field(static=True)
    residual: bool = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int,
        depth: int,
        activation: str = "silu",
        residual: bool = False,
        layer_norm: bool = False,
        zero_last: bool = False,
        key: Key,
    ) -> None:
        """Draw the weights.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.
            width: Width of the hidden layers.
            depth: Number of hidden layers, at least 1.
            activation: Name of the activation.
            residual: Whether hidden layers after the first add to their input.
            layer_norm: Whether hidden layers after the first see normalised inputs.
            zero_last: Whether the outputs start at zero.
            key: Random key.

        Raises:
            ConfigError: If a size is not positive or the activation is unknown.
        """
        _positive(inputs=inputs, outputs=outputs, width=width, depth=depth)
        find_activation(activation)
        keys = jax.random.split(key, depth + 1)
        sizes = [inputs] + [width] * depth
        hidden = [_linear(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys[:-1], strict=True)]
        last = _linear(width, outputs, key=keys[-1])
        if zero_last:
            last = jax.tree.map(jnp.zeros_like, last)
        self.layers = (*hidden, last)
        self.norms = tuple(_norm(width) if layer_norm and index else None for index in range(depth))
        self.activation = activation
        self.residual = residual

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        """Evaluate.

        Args:
            x: Inputs.

        Returns:
            Outputs.
        """
        bend = find_activation(self.activation)
        for index, (layer, norm) in enumerate(zip(self.layers[:-1], self.norms, strict=True)):
            new = bend(layer(x if norm is None else norm(x)))
            x = x + new if self.residual and index else new
        return self.layers[-1](x)


class ResidualMLP(eqx.Module):
    """A linear map in, residual blocks of two layers with normalised input, a linear map out.

    Attributes:
        first: Map from the inputs to the width.
        norms: Layer normalisation at the entrance of each block.
        inner: First layer of each block.
        outer: Second layer of each block; starts at zero, so that every block starts as identity.
        last_norm: Normalisation before the last map.
        last: Map from the width to the outputs.
        activation: Name of the activation.
    """

    first: eqx.nn.Linear
    norms: tuple[eqx.nn.LayerNorm, ...]
    inner: tuple[eqx.nn.Linear, ...]
    outer: tuple[eqx.nn.Linear, ...]
    last_norm: eqx.nn.LayerNorm
    last: eqx.nn.Linear
    activation: str = eqx.field(static=True)

    def __init__(
        self, inputs: int, outputs: int, *, width: int, blocks: int, activation: str = "silu", key: Key
    ) -> None:
        """Draw the weights.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.
            width: Width of the blocks.
            blocks: Number of blocks, at least 1.
            activation: Name of the activation.
            key: Random key.

        Raises:
            ConfigError: If a size is not positive or the activation is unknown.
        """
        _positive(inputs=inputs, outputs=outputs, width=width, blocks=blocks)
        find_activation(activation)
        ends, body = jax.random.split(key)
        first, last = jax.random.split(ends)
        keys = jax.random.split(body, (blocks, 2))
        self.first = _linear(inputs, width, key=first)
        self.norms = tuple(_norm(width) for _ in range(blocks))
        self.inner = tuple(_linear(width, width, key=pair[0]) for pair in keys)
        self.outer = tuple(jax.tree.map(jnp.zeros_like, _linear(width, width, key=pair[1])) for pair in keys)
        self.last_norm = _norm(width)
        self.last = _linear(width, outputs, key=last)
        self.activation = activation

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        """Evaluate.

        Args:
            x: Inputs.

        Returns:
            Outputs.
        """
        bend = find_activation(self.activation)
        x = self.first(x)
        for norm, inner, outer in zip(self.norms, self.inner, self.outer, strict=True):
            x = x + outer(bend(inner(bend(norm(x)))))
        return self.last(bend(self.last_norm(x)))


class Convolution1D(eqx.Module):
    """Convolutions over time, then dense layers with dropout, then a linear map.

    Further numbers may join the flattened output of the convolutions, where the dense
    layers begin. `convolve` and `combine` are the two halves of a call: many further
    inputs for one series need the convolutions only once.

    Each convolution and each dense layer is followed by batch normalisation (optional)
    and a leaky ReLU. Batches must be mapped with the axis name `batch`:
    `jax.vmap(net, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)`;
    build the network and its state with `eqx.nn.make_with_state(Convolution1D)(...)`.

    Attributes:
        convolutions: The convolutions.
        convolution_norms: Their batch normalisations, or None.
        dense: The dense layers.
        dense_norms: Their batch normalisations, or None.
        last: The linear map.
        dropout: Dropout after each dense layer.
    """

    convolutions: tuple[eqx.nn.Conv1d, ...]
    convolution_norms: tuple[eqx.nn.BatchNorm | None, ...]
    dense: tuple[eqx.nn.Linear, ...]
    dense_norms: tuple[eqx.nn.BatchNorm | None, ...]
    last: eqx.nn.Linear
    dropout: eqx.nn.Dropout

    def __init__(
        self,
        shape: tuple[int, int],
        outputs: int,
        *,
        filters: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        dense: Sequence[int],
        extra: int = 0,
        dropout: float = 0.0,
        batch_norm: bool = True,
        key: Key,
    ) -> None:
        """Draw the weights.

        Args:
            shape: Channels and samples of the input.
            outputs: Number of outputs.
            filters: Channels after each convolution.
            kernels: Length of each kernel [samples].
            strides: Stride of each convolution [samples]; lengths divide by it, rounded up.
            dense: Width of each dense layer.
            extra: Count of further inputs of the dense layers.
            dropout: Share of the dense outputs that is dropped in training.
            batch_norm: Whether to normalise over the batch.
            key: Random key.

        Raises:
            ConfigError: If filters, kernels and strides differ in number or a size is not positive.
        """
        if not len(filters) == len(kernels) == len(strides):
            raise ConfigError(
                "`filters`, `kernels` and `strides` must have equal lengths, "
                f"got {len(filters)}, {len(kernels)} and {len(strides)}; give one of each for every convolution"
            )
        sizes = [*shape, outputs, *filters, *kernels, *strides, *dense]
        _positive(**{f"sizes[{index}]": size for index, size in enumerate(sizes)})
        convolution_keys, dense_keys, last_key = jax.random.split(key, 3)
        channels, samples = [shape[0], *filters], shape[1]
        for stride in strides:
            samples = math.ceil(samples / stride)
        widths = [channels[-1] * samples + extra, *dense]
        self.convolutions = tuple(
            eqx.nn.Conv1d(a, b, kernel, stride, padding="SAME", dtype=jnp.float32, key=k)
            for a, b, kernel, stride, k in zip(
                channels[:-1],
                channels[1:],
                kernels,
                strides,
                jax.random.split(convolution_keys, len(filters)),
                strict=True,
            )
        )
        self.dense = tuple(
            _linear(a, b, key=k)
            for a, b, k in zip(widths[:-1], widths[1:], jax.random.split(dense_keys, len(dense)), strict=True)
        )
        self.convolution_norms = tuple(_batch_norm(size) if batch_norm else None for size in filters)
        self.dense_norms = tuple(_batch_norm(size) if batch_norm else None for size in dense)
        self.last = _linear(widths[-1], outputs, key=last_key)
        self.dropout = eqx.nn.Dropout(dropout)

    def __call__(
        self,
        x: Float[Array, "channels samples"],
        state: PyTree,
        *,
        extra: Float[Array, " extra"] | None = None,
        key: Key | None = None,
    ) -> tuple[Float[Array, " outputs"], PyTree]:
        """Evaluate.

        Args:
            x: Input.
            state: The `eqx.nn.State` of the batch normalisations.
            extra: Further inputs of the dense layers, if the network was built for some.
            key: Key of the dropout; not needed in inference mode or without dropout.

        Returns:
            Outputs and the new state.
        """
        flat, state = self.convolve(x, state)
        return self.combine(flat, state, extra=extra, key=key)

    def convolve(self, x: Float[Array, "channels samples"], state: PyTree) -> tuple[Float[Array, " flat"], PyTree]:
        """Evaluate the convolutions.

        Args:
            x: Input.
            state: The `eqx.nn.State` of the batch normalisations.

        Returns:
            Their flattened output and the new state.
        """
        for convolution, norm in zip(self.convolutions, self.convolution_norms, strict=True):
            x = convolution(x)
            x, state = _normalised(norm, x, state)
            x = jax.nn.leaky_relu(x)
        return x.reshape(-1), state

    def combine(
        self,
        flat: Float[Array, " flat"],
        state: PyTree,
        *,
        extra: Float[Array, " extra"] | None = None,
        key: Key | None = None,
    ) -> tuple[Float[Array, " outputs"], PyTree]:
        """Evaluate the dense layers and the linear map.

        Args:
            flat: What `convolve` returned.
            state: The `eqx.nn.State` of the batch normalisations.
            extra: Further inputs, if the network was built for some.
            key: Key of the dropout; not needed in inference mode or without dropout.

        Returns:
            Outputs and the new state.
        """
        x = flat if extra is None else jnp.concatenate([flat, extra])
        for index, (layer, norm) in enumerate(zip(self.dense, self.dense_norms, strict=True)):
            x = layer(x)
            x, state = _normalised(norm, x, state)
            x = self.dropout(jax.nn.leaky_relu(x), key=None if key is None else jax.random.fold_in(key, index))
        return self.last(x), state


def _linear(inputs: int, outputs: int, *, key: Key) -> eqx.nn.Linear:
    """A linear map in float32."""
    return eqx.nn.Linear(inputs, outputs, dtype=jnp.float32, key=key)


def _norm(size: int) -> eqx.nn.LayerNorm:
    """A layer normalisation in float32."""
    return eqx.nn.LayerNorm(size, dtype=jnp.float32)


def _batch_norm(size: int) -> eqx.nn.BatchNorm:
    """A batch normalisation in float32, with the running averages of the usual definition."""
    return eqx.nn.BatchNorm(size, "batch", mode="batch", dtype=jnp.float32)


def _normalised(norm: eqx.nn.BatchNorm | None, x: Array, state: PyTree) -> tuple[Array, PyTree]:
    """Batch normalisation where there is one."""
    if norm is None:
        return x, state
    y, state = norm(x, state)
    # The running averages are divided by a function of an integer, which is float64 in a compiled function.
    return y.astype(x.dtype), state


def _positive(**sizes: int) -> None:
    """Refuse a size that is not a positive whole number."""
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"`{name}` must be at least 1, got {size}; give a positive whole number")
