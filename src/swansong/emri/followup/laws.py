"""Densities that propose sources: the packaged network's, and those fitted to the walk."""

import logging
import math
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from swansong.core.errors import DomainError
from swansong.core.types import Array, ArrayLike, Float, Key
from swansong.emri.followup.fitting import brief_plan, to_normal
from swansong.emri.followup.networks import TrackFlow, normal_log_prior
from swansong.emri.followup.settings import Recipe
from swansong.emri.followup.summaries import summarise
from swansong.emri.search.model import SearchModel
from swansong.emri.tracks.kernels import Arrays
from swansong.inference.mixtures import StudentMixture, fit_student_mixture
from swansong.learning.batches import DataSet
from swansong.learning.flows import ConditionalFlow, conditional_flow
from swansong.learning.packaged import TrainedNetwork
from swansong.learning.training import train

_log = logging.getLogger(__name__)


class Law(Protocol):
    """A density that can be drawn from."""

    def sample(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        """Draw points, (n, d)."""
        ...

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log density of points."""
        ...


@dataclass(frozen=True, eq=False)
class NetworkLaw:
    """A network's density for one recovered track, in shares of the ranges of a prior.

    Attributes:
        network: The network.
        summary: Summary of the track less the network's mean, float32.
        log_error: ln of the relative error that the track is taken to have.
        origin: Where the network's ranges begin, in shares of the prior's, (5,).
        axes: The network's ranges as columns, in shares of the prior's, (5, 5).
    """

    network: TrackFlow
    summary: Float[np.ndarray, "numbers"]
    log_error: float
    origin: Float[np.ndarray, "5"]
    axes: Float[np.ndarray, "5 5"]

    @classmethod
    def of(
        cls,
        trained: TrainedNetwork[Recipe],
        theta: Float[np.ndarray, "5"],
        *,
        tracks: Arrays,
        model: SearchModel,
        track_error: float,
    ) -> "NetworkLaw":
        """Summarise a candidate's track.

        Raises:
            DomainError: If the track does not reach back to the start of the data.
        """
        number = trained.recipe.network.shares
        summary = summarise(tracks, model.to_points(np.asarray(theta, float))[None], number=number)[0]
        if not np.isfinite(summary).all():
            raise DomainError(
                "the network was trained on tracks that reach back to the start of the data, this one leaves the table "
                "before; set `proposal.draws` to 0"
            )
        mean = np.asarray(trained.network.mean.tree, float)
        own = np.array([[item.minimum, item.maximum] for item in SearchModel(trained.recipe.prior).parameters])
        asked = np.array([[item.minimum, item.maximum] for item in model.parameters])
        span = asked[:, 1] - asked[:, 0]
        low, width = (own[:, 0] - asked[:, 0]) / span, (own[:, 1] - own[:, 0]) / span
        return cls(trained.network, (summary - mean).astype(np.float32), math.log(track_error), low, np.diag(width))

    def draw(self, n: int, *, key: Key) -> tuple[Float[np.ndarray, "n 5"], Float[np.ndarray, "n"]]:
        """Draw shares of the prior's ranges with their log density; a narrower prior does not hold them all."""
        place, log_density = (
            np.asarray(part, float) for part in _network_sample(self.network, self.summary, self.log_error, n, key)
        )
        return self.origin + ndtr(place) @ self.axes.T, log_density - normal_log_prior(place) - self._log_volume

    def log_prob(self, u: Float[np.ndarray, "n 5"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        share = np.linalg.solve(self.axes, (u - self.origin).T).T
        place = to_normal(share)
        found = _network_log_prob(self.network, place.astype(np.float32), self.summary, self.log_error)
        density = np.asarray(found, float) - normal_log_prior(place) - self._log_volume
        return np.where(((share >= 0.0) & (share <= 1.0)).all(axis=1), density, -np.inf)

    @property
    def _log_volume(self) -> float:
        return float(np.linalg.slogdet(self.axes)[1])


@eqx.filter_jit
def _network_sample(
    network: TrackFlow, summary: ArrayLike, log_error: float | Array, n: int, key: Key
) -> tuple[Array, Array]:
    return network.sample(jnp.asarray(summary), jnp.asarray(log_error, jnp.float32), samples=n, key=key)


@eqx.filter_jit
def _network_log_prob(network: TrackFlow, place: ArrayLike, summary: ArrayLike, log_error: float | Array) -> Array:
    return network.log_prob_many(jnp.asarray(place), jnp.asarray(summary), jnp.asarray(log_error, jnp.float32))


L = TypeVar("L", bound=Law)


@dataclass(frozen=True, eq=False)
class Whitened(Generic[L]):
    """A law of whitened coordinates: strong correlations are taken out in float64 first.

    Attributes:
        mean: Centre, (d,).
        factor: Lower Cholesky factor, (d, d).
        inner: Law of the whitened coordinates.
    """

    mean: Float[np.ndarray, "d"]
    factor: Float[np.ndarray, "d d"]
    inner: L

    def sample(self, n: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw points."""
        return self.mean + self.inner.sample(n, rng=rng) @ self.factor.T

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        return self.inner.log_prob(_whiten(x, self.mean, self.factor)) - np.log(np.diagonal(self.factor)).sum()


@dataclass(frozen=True, eq=False)
class FlowLaw:
    """A flow without context as a law.

    Attributes:
        flow: The flow.
    """

    flow: ConditionalFlow

    def sample(self, n: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw points."""
        return np.asarray(_flow_sample(self.flow, n, jax.random.key(int(rng.integers(2**62)))), float)

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        return np.asarray(_flow_log_prob(self.flow, x.astype(np.float32)), float)


@eqx.filter_jit
def _flow_sample(flow: ConditionalFlow, n: int, key: Key) -> Array:
    return flow.sample(key, n)


@eqx.filter_jit
def _flow_log_prob(flow: ConditionalFlow, x: ArrayLike) -> Array:
    return jax.vmap(lambda one: flow.log_prob(one))(jnp.asarray(x))


def flow_loss(
    model: ConditionalFlow, state: None, batch: Array, *, key: Key, step: Array
) -> tuple[Array, tuple[None, dict[str, Array]]]:
    """Mean of -ln density at samples."""
    return -jnp.mean(jax.vmap(lambda one: model.log_prob(one))(batch)), (None, {})


def fit_mixture(x: Float[np.ndarray, "n d"], *, components: int, rng: np.random.Generator) -> Whitened[StudentMixture]:
    """Fit a Student mixture to samples.

    Args:
        x: Samples.
        components: Most components.
        rng: Random generator.

    Returns:
        The law.
    """
    mean, factor = _frame(x)
    white = _whiten(x, mean, factor)
    inner = fit_student_mixture(white, weights=np.ones(len(x)), components=components, rng=rng)
    return Whitened(mean, factor, inner)


def fit_flow(x: Float[np.ndarray, "n d"], *, steps: int, seed: int) -> Whitened[FlowLaw]:
    """Train a small spline flow on samples.

    Args:
        x: Samples.
        steps: Optimizer steps.
        seed: Seed of weights and batches.

    Returns:
        The law.

    Raises:
        TrainingError: If the loss stops being finite.
    """
    mean, factor = _frame(x)
    white = _whiten(x, mean, factor).astype(np.float32)
    flow = conditional_flow(
        key=jax.random.key(seed), dimension=x.shape[1], layers=4, width=32, depth=2, knots=8, interval=5.0
    )
    plan = brief_plan(steps)
    trained = train(flow, loss=flow_loss, source=DataSet(white), plan=plan, seed=seed, quiet=True)
    _log.info("a flow of %d samples ends at a loss of %.3f", len(x), trained.history.train_loss[-1])
    return Whitened(mean, factor, FlowLaw(trained.model))


def _frame(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and Cholesky factor of the covariance; correlations within 1e-12 of one are kept apart."""
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-300)
    scaled = (x - mean) / spread
    return mean, spread[:, None] * np.linalg.cholesky(scaled.T @ scaled / len(x) + 1e-12 * np.eye(x.shape[1]))


def _whiten(x: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return np.linalg.solve(factor, (x - mean).T).T
