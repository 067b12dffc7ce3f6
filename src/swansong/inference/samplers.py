"""Reference posteriors by sampling: one front over NUTS and nested sampling.

Both work in the unit cube of the prior, so any prior the package can write down, with
bounds that depend on other parameters included, can be sampled by either.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from swansong.core.errors import InputError
from swansong.core.types import Array, Float, Key
from swansong.inference.cube import Cube
from swansong.inference.nested import sample_nested
from swansong.inference.nuts import sample_nuts
from swansong.inference.posterior import Posterior
from swansong.inference.priors import Prior


def sample(
    log_likelihood: Callable[[Float[Array, "parameters"]], Float[Array, ""]],
    prior: Prior,
    *,
    key: Key,
    method: str = "nested",
    **options: Any,
) -> Posterior:
    """Sample the posterior of a likelihood and a prior.

    Args:
        log_likelihood: Log likelihood of one parameter vector ``(parameters,)``, in JAX.
        prior: The prior; parameters fixed by `Delta` are not sampled.
        key: Random key.
        method: ``"nested"`` for any likelihood, with evidence; ``"nuts"`` for smooth ones
            with one mode, faster in many dimensions.
        **options: Settings of `sample_nested`, or of `sample_nuts` but for `initial`.

    Returns:
        The posterior; warnings say where it did not converge.

    Raises:
        InputError: If the method is unknown, nothing is free or an option is invalid.
        RunError: If the likelihood is NaN or ``+inf`` at points of the prior.
    """
    if method == "nested":
        return sample_nested(log_likelihood, prior, key=key, **options)
    if method != "nuts":
        raise InputError(f"`sample(method={method!r})` is unknown; give 'nested' or 'nuts'")
    cube = Cube(prior)
    return sample_nuts(
        lambda z: cube.log_jacobian(z) + log_likelihood(cube.parameters_of(cube.squeeze(z))),
        initial=jnp.zeros(cube.dimensions),
        key=key,
        parameters=prior.parameters,
        transform=lambda z: cube.parameters_of(cube.squeeze(z)),
        **options,
    )


__all__ = ["sample", "sample_nested", "sample_nuts"]
