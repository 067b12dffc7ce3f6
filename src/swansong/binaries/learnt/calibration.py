"""The scatter that bands are made of, set so that it covers mergers which a member of the ensemble has not learnt.

Every member learns from its own bootstrap sample and so leaves out a third of the mergers. On these, and on those that
validate, its residuals are as honest as on new ones: they set how wide the scatter is and how heavy its tails are.
"""

from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from paramax import NonTrainable
from scipy.stats import norm
from scipy.stats import t as student

from swansong.binaries.learnt.curves import Curves
from swansong.binaries.learnt.pnode import KNOTS, PairEquation, scatter_along
from swansong.binaries.learnt.rates import RatesEquation
from swansong.core.types import Array

Model = TypeVar("Model", bound=PairEquation | RatesEquation)

_LEAST = 1e-2  # of the median square residual, the least variance
_BELIEF = 0.5  # by which ln of a learnt variance may be wrong, before any curve is looked at
_INNER, _OUTER = 0.6827, 0.95
_FREEDOM = np.geomspace(2.5, 200.0, 60)  # degrees of freedom that tails may have
_RATIOS = student.ppf(0.5 + 0.5 * _OUTER, _FREEDOM) / student.ppf(0.5 + 0.5 * _INNER, _FREEDOM)


class Held(NamedTuple):
    """Curves by which scatter is set.

    Attributes:
        curves: The curves.
        unseen: For each member, those that it has not learnt from; each has one such member at least.
    """

    curves: Curves
    unseen: Bool[np.ndarray, "members curves"]

    @classmethod
    def of(cls, learnt: Curves, validation: Curves, rows: np.ndarray) -> "Held":
        """Curves that validate, and those learnt that some member has not in its sample.

        Args:
            learnt: Curves that are learnt.
            validation: Curves that no member learns from.
            rows: Curves in the sample of each member.

        Returns:
            The curves.
        """
        unseen = np.ones((len(rows), len(learnt)), bool)
        np.put_along_axis(unseen, np.asarray(rows), False, axis=1)
        some = np.flatnonzero(unseen.any(axis=0))
        both = validation.joined(learnt.select(some))
        return cls(both, np.concatenate([np.ones((len(rows), len(validation)), bool), unseen[:, some]], axis=1))


def calibrated(model: Model, held: Held) -> Model:
    """Set scatter and tails so that bands cover the residuals of curves that were not learnt.

    The paper's equation knows of no scatter: it gets the mean square residual, less the variance among members, as a
    function of the predicted E. The scatter of the rates is learnt and scaled by one factor for each
    coordinate, drawn towards 1 where there are few curves. Residuals then follow Student's t law, whose freedom comes
    from their 95 % and 68 % quantiles.

    Args:
        model: The ensemble.
        held: Curves that were not learnt.

    Returns:
        The ensemble with that scatter and these tails.
    """
    curves = held.curves
    values = model.coordinates(curves)
    start, condition, elapsed = values[:, 0], curves.condition, np.zeros(len(curves))
    mean, variance = forecasts(model, *map(jnp.asarray, (start, condition, elapsed, curves.time)))
    # Members that have learnt a curve would make it look too well known.
    share = (held.unseen / held.unseen.sum(axis=0))[..., None, None]
    centre, between = np.sum(share * np.asarray(mean), axis=0), np.asarray(mean).var(axis=0)
    truth = np.asarray(model.normal(jnp.asarray(values)))
    residual = np.where(curves.known[..., None], truth - centre, np.nan)
    residual[:, 0] = np.nan
    if isinstance(model, PairEquation):
        table = _left_open(residual, centre, between)
        within = np.asarray(scatter_along(jnp.asarray(centre), jnp.asarray(table)))
    else:
        within = np.sum(share * np.asarray(variance), axis=0)
    size = np.abs(residual) / np.sqrt(between + within)
    inner, outer = (np.nanquantile(size.reshape(-1, 2), level, axis=0) for level in (_INNER, _OUTER))
    factor = (inner / norm.ppf(0.5 + 0.5 * _INNER)) ** 2
    if isinstance(model, PairEquation):
        scatter = table * np.array([1.0, *factor])
    else:
        # ln of a variance from n curves is uncertain by (2 / n)^(1/2): it is believed as far as that allows.
        scatter = factor ** (_BELIEF**2 / (_BELIEF**2 + 2.0 / len(curves)))
    # The ratio falls with the freedom.
    freedom = np.interp(-outer / inner, -_RATIOS, _FREEDOM)
    settings = (NonTrainable(jnp.asarray(scatter)), NonTrainable(jnp.asarray(freedom)))
    return eqx.tree_at(lambda one: (one.scatter, one.freedom), model, settings)


def student_noise(
    rng: np.random.Generator, shape: tuple[int, ...], freedom: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "*shape 2"]:
    """Noise of Student's law, of which 68 % lie within one as of normal noise.

    Args:
        rng: Random numbers.
        shape: Leading shape.
        freedom: Degrees of freedom of both numbers.

    Returns:
        The noise.
    """
    unit = student.ppf(0.5 + 0.5 * _INNER, freedom) / norm.ppf(0.5 + 0.5 * _INNER)
    return rng.standard_t(freedom, (*shape, 2)) / unit


def members_of(model: PairEquation | RatesEquation) -> int:
    """Count the members of an ensemble."""
    return len(jax.tree.leaves(eqx.filter(model, eqx.is_array))[0])


@eqx.filter_jit
def forecasts(
    model: PairEquation | RatesEquation, start: Array, condition: Array, elapsed: Array, times: Array
) -> tuple[Float[Array, "members curves saves 2"], Float[Array, "members curves saves 2"]]:
    """Means and variances by every member of curves that all members see."""
    shape = (members_of(model),)
    start, condition, elapsed = (jnp.broadcast_to(one, (*shape, *one.shape)) for one in (start, condition, elapsed))
    return model.forecast(start, condition, elapsed=elapsed, times=times)


def _left_open(
    residual: Float[np.ndarray, "curves saves 2"],
    centre: Float[np.ndarray, "curves saves 2"],
    between: Float[np.ndarray, "curves saves 2"],
) -> Float[np.ndarray, "knots 3"]:
    """Mean square residual along the way, from wide pairs to tight ones, that the variance among members leaves open.

    The paper's equation knows of no time, so that its scatter depends on where the pair is: before binding L scatters
    far more than after, and E less.
    """
    known = np.isfinite(residual[..., 0])
    energy, left = centre[known][:, 0], (residual**2 - between)[known]
    order = np.argsort(energy)
    parts = np.array_split(order, KNOTS)
    found = np.array([[energy[part].mean(), *left[part].mean(axis=0)] for part in parts])
    floor = _LEAST * np.nanmedian(residual[known] ** 2, axis=0)
    found[:, 1:] = np.maximum(found[:, 1:], floor)
    return found
