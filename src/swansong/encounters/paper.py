"""The published network for close encounters: two convolutional branches, a residual network, affine couplings.

It is here to be compared with, at its published size and in its published coordinates:
every parameter, angles included, less the mean of the prior and over its standard
deviation. The compact estimator shows what better coordinates are worth.

Reference:
    De Santi et al., arXiv:2404.12028, "Deep learning to detect gravitational waves from
    binary close encounters: Fast parameter estimation using normalizing flows".
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.types import Array, Float, Int, Key, PyTree
from swansong.encounters.paper_embedding import StrainEmbedding
from swansong.encounters.paper_source import StrainBatch
from swansong.encounters.settings import PaperSettings
from swansong.learning.flows import ConditionalFlow, conditional_flow
from swansong.learning.scaling import Standardize


class PaperNetwork(eqx.Module):
    """The posterior as the published network describes it.

    The embedding normalises over the batch: calls take an `eqx.nn.State`, and batches are
    mapped with the axis name `batch`. Build it with its state by
    `eqx.nn.make_with_state(PaperNetwork)(...)`.

    Attributes:
        embedding: From strain to context.
        flow: Affine couplings with stored permutations.
        scaling: From parameters to their standardised values; carried along, not trained.
    """

    embedding: StrainEmbedding
    flow: ConditionalFlow
    scaling: Standardize

    def __init__(
        self, settings: PaperSettings, *, detectors: int, samples: int, scaling: Standardize, key: Key
    ) -> None:
        """Draw the weights; the permutations come from the key as well.

        Args:
            settings: Size of the network.
            detectors: Number of detectors.
            samples: Samples of a segment.
            scaling: Means and widths of the parameters, see `prior_scaling`.
            key: Random key.

        Raises:
            ConfigError: If the sizes contradict each other or the segment is too short for them.
        """
        first, second = jax.random.split(key)
        self.embedding = StrainEmbedding(settings, detectors=detectors, samples=samples, key=first)
        self.flow = conditional_flow(
            dimension=scaling.mean.shape[0],
            context=settings.dense[-1],
            transformer="affine",
            layers=settings.layers,
            width=settings.layer_width,
            depth=settings.layer_depth,
            permutation="random",
            separate_networks=True,
            activation="elu",
            key=second,
        )
        self.scaling = scaling

    def log_prob(
        self,
        theta_standard: Float[Array, " d"],
        strain: Float[Array, "detectors n"],
        state: PyTree,
        *,
        key: Key | None = None,
    ) -> tuple[Float[Array, ""], PyTree]:
        """Log density of standardised parameters given strain, for one event.

        Args:
            theta_standard: Standardised parameters.
            strain: Whitened strain, float32.
            state: State of the batch normalisations.
            key: Key of the dropout; not needed in inference mode.

        Returns:
            Log density in the standardised parameters, and the new state; that of the
            parameters themselves is larger by `scaling.log_det`.
        """
        context, state = self.embedding(strain, state, key=key)
        return self.flow.log_prob(theta_standard, context), state

    @eqx.filter_jit
    def sample(
        self, strain: Float[Array, "detectors n"], state: PyTree, *, samples: int, key: Key
    ) -> tuple[Float[Array, "samples d"], Float[Array, " samples"]]:
        """Draws for one event, by a model in inference mode.

        Args:
            strain: Whitened strain, float32.
            state: State of the batch normalisations after training.
            samples: Number of draws.
            key: Random key.

        Returns:
            Standardised parameters, some of them outside the prior, and their log densities.
        """
        context, _ = self.embedding(strain, state)
        return self.flow.sample_and_log_prob(key, samples, context)


def paper_loss(
    model: PaperNetwork, state: PyTree, batch: StrainBatch, *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[PyTree, dict[str, Array]]]:
    """Mean negative log density of the true standardised parameters [nats].

    Args:
        model: The network.
        state: State of its batch normalisations.
        batch: Events with their truth.
        key: Key of the dropout.
        step: Step of the run, without effect.

    Returns:
        The loss, and the new state with no further metrics.
    """

    def density(target: Array, strain: Array, key: Key) -> tuple[Array, PyTree]:
        return model.log_prob(target, strain, state, key=key)

    keys = jax.random.split(key, len(batch.target))
    mapped = jax.vmap(density, axis_name="batch", out_axes=(0, None))
    found, state = mapped(batch.target, batch.strain, keys)
    return -jnp.mean(found), (state, {})
