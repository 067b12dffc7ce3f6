"""A Bayesian network: many weights, each as likely as the series makes it."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from swansong.binaries.forecasting.protocol import Forecast, check_installed
from swansong.binaries.forecasting.regression import Inputs, Problem, Steps
from swansong.core.types import Array, Float

_DOUBLINGS = 5  # doublings of a trajectory at most
_SCALE = 0.3  # prior width of the outputs, in units of the scatter of the steps


@dataclass(frozen=True)
class Bayesian:
    """One hidden layer with normal priors, sampled by the No-U-Turn sampler.

    A forecast is the mean of the paths that each draw of the weights continues by itself.

    Attributes:
        window: Snapshots that it looks back.
        seed: Seed of the sampler.
        width: Width of the hidden layer.
        warmup: Steps of the sampler that adapt it.
        draws: Weights that are kept.

    Reference:
        Neal 1996, Bayesian Learning for Neural Networks, Chapter 2 (priors); Hoffman and Gelman, arXiv:1111.4246.
    """

    window: int = 10
    seed: int = 0
    width: int = 8
    warmup: int = 100
    draws: int = 100

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Sample the weights; see `Forecaster.fit`.

        Raises:
            InputError: numpyro is not installed.
        """
        check_installed("bnn")
        import numpyro
        from numpyro.distributions import HalfNormal, Normal
        from numpyro.infer import MCMC, NUTS

        problem = Problem.of(values, self.window)
        inputs = jnp.asarray(problem.inputs.reshape(len(problem.inputs), -1))
        steps = jnp.asarray(problem.steps)
        width, columns = self.width, inputs.shape[1]

        def model() -> None:
            # Widths fall with the root of the inputs, so that the prior of the outputs depends on no size.
            shapes = {"first": (columns, width), "offset": (width,), "last": (width, 2)}
            weights = (
                jnp.asarray(numpyro.sample(name, Normal(0.0, 1.0).expand(shape).to_event(len(shape))))
                for name, shape in shapes.items()
            )
            mean = _network(inputs, *weights)
            noise = numpyro.sample("noise", HalfNormal(1.0).expand([2]).to_event(1))
            numpyro.sample("steps", Normal(mean, noise).to_event(1), obs=steps)

        sampler = MCMC(
            NUTS(model, max_tree_depth=_DOUBLINGS),
            num_warmup=self.warmup,
            num_samples=self.draws,
            progress_bar=False,
        )
        sampler.run(jax.random.key(self.seed))
        drawn = sampler.get_samples()
        weights = tuple(drawn[name] for name in ("first", "offset", "last"))

        def predict(windows: Inputs) -> Steps:
            rows = jnp.broadcast_to(jnp.asarray(windows).reshape(len(windows), -1), (self.draws, columns))
            return np.asarray(_each(rows, *weights))

        return problem.forecast(predict, values)


def _network(
    rows: Float[Array, "rows columns"],
    first: Float[Array, "columns width"],
    offset: Float[Array, "width"],
    last: Float[Array, "width 2"],
) -> Float[Array, "rows 2"]:
    """Scaled steps after some windows."""
    columns, width = first.shape
    hidden = jnp.tanh(rows @ first / columns**0.5 + offset)
    return _SCALE * hidden @ last / width**0.5


@jax.jit
def _each(rows: Float[Array, "draws columns"], first: Array, offset: Array, last: Array) -> Float[Array, "draws 2"]:
    """One window for each draw of the weights."""
    return jax.vmap(lambda row, *weights: _network(row[None], *weights)[0])(rows, first, offset, last)
