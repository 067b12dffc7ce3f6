"""The almost exact posterior: adaptive importance sampling in three to five coordinates.

A scan of the matched filters gives the first guesses. Mixtures of Student-t laws are fitted
to the weighted guesses, more closely from round to round. The final samples come from the
last mixture with a share of scan guesses, so that no mode the scan knows can be missed:
without them a sky mode of a few per cent is lost without a sign in the efficiency.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from swansong.core.errors import RunError
from swansong.core.types import Float
from swansong.encounters.correlations import Correlations, Evaluation
from swansong.encounters.points import MILLISECOND, UNIFORM_NUMBERS, Points
from swansong.encounters.scan import Scan
from swansong.inference.mixtures import StudentMixture, fit_student_mixture

DEFENCE = 0.08
"""Share of final samples that come from the scan."""

_EXPLORED = 3072
_ROUND = 2048
_QUICK = 1024
_NOWHERE = -1e30
_MOST_ROUNDS = 6
_GOOD = 0.35  # efficiency at which adaptation ends
_LOUD = 25.0  # matched signal-to-noise ratio above which rounds are added
_COMPONENTS = 8
_WANTED = 200.0  # effective samples of a tempered fit


class Law(Protocol):
    """A density that can be drawn from."""

    def sample(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        """Draw points, (n, d)."""
        ...

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log density of points."""
        ...


@dataclass(frozen=True, eq=False)
class Weighted:
    """Points of a proposal with all that is known of them.

    Attributes:
        x: Coordinates, (n, d).
        log_proposal: Log density of the proposal.
        log_target: Log of likelihood ratio times prior.
        found: What was integrated out, drawn.
        uniform: Uniform numbers that drew it.
    """

    x: Float[np.ndarray, "n d"]
    log_proposal: Float[np.ndarray, "n"]
    log_target: Float[np.ndarray, "n"]
    found: Evaluation
    uniform: Float[np.ndarray, "n numbers"]

    @property
    def log_weights(self) -> Float[np.ndarray, "n"]:
        """Log importance weights."""
        return self.log_target - self.log_proposal


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture with a share of scan guesses.

    Attributes:
        points: Coordinates.
        scan: The scan.
        mixture: A fitted mixture or a network's law; None for scan guesses alone.
        defence: Share of scan guesses.
    """

    points: Points
    scan: Scan
    mixture: Law | None = None
    defence: float = DEFENCE

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw points."""
        guesses = n if self.mixture is None else int(rng.binomial(n, self.defence))
        x = self.points.of_scan(*self.scan.sample(guesses, rng), rng=rng)
        x[:, 2] -= self._ahead(x)
        if self.mixture is not None:
            x = np.concatenate([x, self.mixture.sample(n - guesses, rng=rng)])
        return x

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        arrival = MILLISECOND * (x[:, 2] + self._ahead(x))
        scan = self.scan.log_prob(x[:, 0], arrival, self.points.sky(x)) + np.log(MILLISECOND)
        scan = scan + norm.logpdf(x[:, 1]) + norm.logpdf(x[:, 3:]).sum(axis=1)
        if self.mixture is None:
            return scan
        return np.logaddexp(np.log(self.defence) + scan, np.log1p(-self.defence) + self.mixture.log_prob(x))

    def _ahead(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"] | float:
        """Arrival at the scan's reference detector after that at the coordinates' one [ms]."""
        if self.scan.reference == self.points.reference:
            return 0.0
        chart = self.points.analysis.chart
        delays = chart.delays(chart.positions(self.points.sky(x), np.zeros((len(x), 2)))[:, 0])
        return (delays[:, self.scan.reference] - delays[:, self.points.reference]) / MILLISECOND


def weigh(
    points: Points,
    correlations: Correlations,
    *,
    x: Float[np.ndarray, "n d"],
    log_proposal: Float[np.ndarray, "n"],
    orientations: int,
    rng: np.random.Generator,
) -> Weighted:
    """Evaluate the target at the points of a proposal.

    Args:
        points: Coordinates.
        correlations: The event's correlations.
        x: Points.
        log_proposal: Their log density.
        orientations: Orientations averaged at each point.
        rng: Random generator.

    Returns:
        The weighted points.
    """
    uniform = rng.random((len(x), UNIFORM_NUMBERS))
    found = points.evaluate(correlations, x, uniform=uniform, orientations=orientations)
    inside = found.log_likelihood > -1e29
    log_target = np.where(inside, found.log_likelihood, -np.inf) + points.log_prior(x)
    return Weighted(x, log_proposal, log_target, found, uniform)


def adapt(correlations: Correlations, *, rng: np.random.Generator) -> tuple[Proposal, float]:
    """Find a proposal close to the posterior of one event.

    Args:
        correlations: The event's correlations.
        rng: Random generator.

    Returns:
        The proposal, and the matched signal-to-noise ratio that the best point has.

    Raises:
        RunError: If the posterior vanishes at every guess.
    """
    scan = Scan.of(correlations)
    points = Points(correlations.analysis, scan.reference)
    proposal = Proposal(points, scan)
    batches = [_draw(proposal, correlations, _EXPLORED, rng=rng, orientations=256)]
    best = float(np.max(batches[0].found.log_likelihood))
    if not best > -1e29:
        raise RunError(
            "the posterior vanishes at every guess of the scan; the prior's times or distances do not fit the data"
        )
    ratio = np.sqrt(2.0 * max(best, 0.0))
    orientations = final_orientations(ratio)
    for step in range(_MOST_ROUNDS):
        proposal = Proposal(points, scan, _fit(batches, rng=rng), 0.15)
        batches.append(_draw(proposal, correlations, _ROUND, rng=rng, orientations=orientations // 2))
        if step > 0 and _effective(batches[-1].log_weights) > _GOOD * _ROUND:
            break
    return Proposal(points, scan, _fit(batches, rng=rng)), float(ratio)


def quick_log_evidence(correlations: Correlations, *, rng: np.random.Generator) -> float:
    """Rough ln of the evidence over that of noise: the scan, one fit, one round.

    Args:
        correlations: The event's correlations.
        rng: Random generator.

    Returns:
        The estimate; -1e30 where the posterior vanishes at every guess.
    """
    scan = Scan.of(correlations)
    points = Points(correlations.analysis, scan.reference)
    first = _draw(Proposal(points, scan), correlations, _QUICK, rng=rng, orientations=256)
    if not np.isfinite(first.log_target).any():
        return _NOWHERE
    proposal = Proposal(points, scan, _fit([first], rng=rng), 0.3)
    second = _draw(proposal, correlations, _QUICK, rng=rng, orientations=256)
    return float(logsumexp(second.log_weights) - np.log(_QUICK))


def final_orientations(ratio: float) -> int:
    """Orientations to average in the final round at a matched signal-to-noise ratio."""
    if ratio < 12.0:
        return 512
    if ratio < 20.0:
        return 1024
    return 2048 if ratio < _LOUD else 8192


def _draw(
    proposal: Proposal, correlations: Correlations, n: int, *, rng: np.random.Generator, orientations: int
) -> Weighted:
    """Draw from a proposal and weigh."""
    x = proposal.sample(n, rng)
    return weigh(
        proposal.points, correlations, x=x, log_proposal=proposal.log_prob(x), orientations=orientations, rng=rng
    )


def _fit(batches: list[Weighted], *, rng: np.random.Generator) -> StudentMixture:
    """Fit a mixture to all rounds so far, each weighed by its own effective number of samples."""
    x = np.concatenate([batch.x for batch in batches])
    parts = []
    for batch in batches:
        weights = batch.log_weights - logsumexp(batch.log_weights)
        parts.append(weights + np.log(1.0 / np.exp(2.0 * weights).sum()))
    log_weights = np.concatenate(parts)
    power = 1.0
    while power > 0.02 and _effective(power * log_weights) < _WANTED:
        power *= 0.8
    weights = np.exp(power * (log_weights - log_weights.max()))
    kept = weights > 1e-8
    components = int(np.clip(_effective(power * log_weights) / 40.0, 2, _COMPONENTS))
    return fit_student_mixture(x[kept], weights=weights[kept], components=components, rng=rng)


def _effective(log_weights: Float[np.ndarray, "n"]) -> float:
    """Effective number of samples."""
    total, squares = float(np.asarray(logsumexp(log_weights))), float(np.asarray(logsumexp(2.0 * log_weights)))
    return math.exp(2.0 * total - squares)
