"""Hardening rate and eccentricity growth of a run by finite differences, and laws of time fitted to them.

The run is cut into blocks of equal duration. In each, s is the slope of 1/a over time and K the slope of e over
ln(1/a), by least squares. Stars kick a pair independently, so 1/a and e wander about their trends: blocks are
independent while single outputs are not, and the scatter of the blocks about the law gives its uncertainty.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.optimize import fminbound, nnls

from swansong.binaries.evolution.hardening import Constant, Exponential, ExponentialFloor, TimeLaws, hard_axis
from swansong.binaries.nbody.galaxies import DehnenGalaxy
from swansong.binaries.trajectories import Trajectory
from swansong.core.errors import DataError, DomainError, InputError

LawName: TypeAlias = Literal["constant", "exponential", "floor"]

LAWS: tuple[LawName, ...] = ("constant", "exponential", "floor")
"""Names of the laws: a constant, an exponential, an exponential that falls to a floor."""

_BLOCKS = 16
_FEWEST_BLOCKS = 4  # as many as a law with a floor has parameters, and one to see the scatter
_FEWEST_ROWS = 4  # of a block
_SLOWEST, _FASTEST = 0.02, 30.0  # decay of an exponential over the fitted range that can be told from none, from a step


@dataclass(frozen=True, eq=False)
class Rates:
    """Finite differences along a run.

    Attributes:
        begin: Begin of each block [time of the run].
        end: Its end.
        axis: Semi-major axis amid each block, from the mean of 1/a.
        eccentricity: Mean eccentricity.
        rate: Hardening rate s = d(1/a)/dt.
        growth: Eccentricity growth K = de/dln(1/a).
        weight: Spread of ln(1/a) in the block, the weight of its K: the sum of squared deviations from the mean.
    """

    begin: Float[np.ndarray, "blocks"]
    end: Float[np.ndarray, "blocks"]
    axis: Float[np.ndarray, "blocks"]
    eccentricity: Float[np.ndarray, "blocks"]
    rate: Float[np.ndarray, "blocks"]
    growth: Float[np.ndarray, "blocks"]
    weight: Float[np.ndarray, "blocks"]

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True, eq=False)
class LawFit:
    """A law of time with its uncertainty.

    Attributes:
        law: The law at best fit; an exponential that cannot be told from a constant has an infinite scale.
        values: Its parameters in the order start, floor and ln scale, as far as it has them and they are determined.
        names: Their names.
        covariance: Their covariance.
        scatter: Standard deviation of the blocks about the law, of a block of average weight.
    """

    law: Constant | Exponential | ExponentialFloor
    values: Float[np.ndarray, "parameters"]
    names: tuple[str, ...]
    covariance: Float[np.ndarray, "parameters parameters"]
    scatter: float

    @property
    def errors(self) -> Float[np.ndarray, "parameters"]:
        """Standard errors of the parameters."""
        return np.sqrt(np.diag(self.covariance))

    def with_values(
        self, values: Float[np.ndarray, "samples parameters"], *, lowest: float
    ) -> Constant | Exponential | ExponentialFloor:
        """The same law with many parameters at once.

        Args:
            values: Parameters, one row a sample.
            lowest: Lowest rate; what lies below is raised to it.

        Returns:
            The law of all samples.
        """
        given = dict(zip(self.names, values.T, strict=True))
        start = np.maximum(given["start"], lowest)
        scale = np.exp(given["ln_scale"]) if "ln_scale" in given else math.inf
        if isinstance(self.law, Constant):
            return Constant(start)
        if isinstance(self.law, Exponential):
            return Exponential(start, scale)
        floor = np.maximum(given["floor"], lowest) if "floor" in given else start
        return ExponentialFloor(start, scale, floor)


@dataclass(frozen=True, eq=False)
class HardeningFit:
    """Laws fitted to a run.

    Attributes:
        zero: Time of the run at which the clock of the laws starts.
        end: Time of the run at which the fitted part ends.
        rate: Law of the hardening rate.
        growth: Law of the eccentricity growth.
        rates: The finite differences behind them.
    """

    zero: float
    end: float
    rate: LawFit
    growth: LawFit
    rates: Rates

    @property
    def laws(self) -> TimeLaws:
        """Both laws at best fit."""
        return TimeLaws(self.rate.law, self.growth.law)


def hardening_begin(trajectory: Trajectory, *, galaxy: DehnenGalaxy | None = None) -> float:
    """Time at which a pair has become hard.

    Args:
        trajectory: The run.
        galaxy: One galaxy before the merger, by default that of the N-body ensemble.

    Returns:
        First time after binding at which the semi-major axis is not above `hard_axis`.

    Raises:
        DomainError: The pair never stays bound or never becomes hard.
    """
    bound = trajectory.after_binding()
    merger = trajectory.merger
    wide = hard_axis(galaxy or DehnenGalaxy(), mass_1=merger.mass_1, mass_2=merger.mass_2)
    hard = bound.axis <= wide
    if not np.any(hard):
        raise DomainError(
            f"the semi-major axis of the pair is {bound.axis.min():g} at least and never below {wide:g}, where it is "
            "hard; run it longer, or say from which time on it counts as hard"
        )
    return float(bound.time[np.argmax(hard)])


def finite_rates(
    trajectory: Trajectory, *, since: float | None = None, until: float | None = None, blocks: int = _BLOCKS
) -> Rates:
    """Finite differences of a run.

    Args:
        trajectory: The run.
        since: Time from which on, by default `hardening_begin`.
        until: Time up to which, by default the end.
        blocks: Number of blocks; fewer where there are not enough outputs.

    Returns:
        s and K in each block.

    Raises:
        DomainError: The pair is not bound all the time, or the part holds fewer than two outputs.
        DataError: There are too few outputs.
        InputError: There are too few blocks.
    """
    if blocks < _FEWEST_BLOCKS:
        raise InputError(f"`blocks` must be at least {_FEWEST_BLOCKS}, got {blocks}; raise it")
    begin = hardening_begin(trajectory) if since is None else since
    part = trajectory.part(begin, float(trajectory.time[-1]) if until is None else until)
    if not np.all(part.bound):
        loose = float(part.time[np.argmin(part.bound)])
        raise DomainError(f"the pair is not bound at t = {loose:g}; begin later than {begin:g}")
    count = min(blocks, len(part) // _FEWEST_ROWS)
    edges = np.linspace(part.time[0], part.time[-1], count + 1) if count else np.empty(0)
    inside = np.clip(np.searchsorted(edges, part.time, side="right") - 1, 0, max(count - 1, 0))
    if count < _FEWEST_BLOCKS or np.bincount(inside, minlength=count).min() < 2:
        raise DataError(
            f"{len(part)} outputs lie between t = {part.time[0]:g} and {part.time[-1]:g}, too few for {_FEWEST_BLOCKS} "
            "blocks of finite differences; write the run out more often or run it longer"
        )
    found = np.empty((5, count))
    inverse, eccentricity = 1.0 / part.axis, np.minimum(part.eccentricity, 1.0)
    for block in range(count):
        rows = inside == block
        t, u, e = part.time[rows], inverse[rows], eccentricity[rows]
        spread = np.log(u) - np.log(u).mean()
        # A pair that neither hardens nor softens tells nothing about K; its block weighs nothing.
        weight = float(spread @ spread)
        growth = float(spread @ e) / weight if weight > 0.0 else 0.0
        found[:, block] = 1.0 / u.mean(), e.mean(), _slope(t, u), growth, weight
    return Rates(edges[:-1], edges[1:], *found)


def fit_hardening(
    trajectory: Trajectory,
    *,
    law: LawName = "constant",
    growth_law: LawName = "constant",
    since: float | None = None,
    until: float | None = None,
    blocks: int = _BLOCKS,
) -> HardeningFit:
    """Fit laws of time to a run.

    Args:
        trajectory: The run.
        law: Law of the hardening rate.
        growth_law: Law of the eccentricity growth.
        since: Time from which on, by default `hardening_begin`; the clock of the laws starts there.
        until: Time up to which, by default the end.
        blocks: Number of blocks of the finite differences.

    Returns:
        The laws.

    Raises:
        InputError: A law has another name.
        DomainError: As for `finite_rates`.
        DataError: As for `finite_rates`.
    """
    for name in (law, growth_law):
        if name not in LAWS:
            raise InputError(f"there is no law `{name}`; give one of {', '.join(LAWS)}")
    rates = finite_rates(trajectory, since=since, until=until, blocks=blocks)
    zero = float(rates.begin[0])
    return HardeningFit(
        zero=zero,
        end=float(rates.end[-1]),
        rate=_fit(law, rates.begin - zero, rates.end - zero, rates.rate, np.ones(len(rates)), positive=True),
        growth=_fit(growth_law, rates.begin - zero, rates.end - zero, rates.growth, rates.weight, positive=False),
        rates=rates,
    )


def _slope(x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> float:
    """Slope of y over x by least squares."""
    away = x - x.mean()
    return float(away @ y / (away @ away))


def _fit(
    name: LawName,
    begin: Float[np.ndarray, "blocks"],
    end: Float[np.ndarray, "blocks"],
    values: Float[np.ndarray, "blocks"],
    weights: Float[np.ndarray, "blocks"],
    *,
    positive: bool,
) -> LawFit:
    """Weighted least squares, linear but for the decay of the exponential."""
    root = np.sqrt(weights / weights.mean())

    def design(decay: float) -> np.ndarray:
        """Mean of the law over each block, by coefficient: of the exponential, and of the floor beside it."""
        falling = (
            (np.exp(-decay * begin) - np.exp(-decay * end)) / (decay * (end - begin)) if decay else np.ones(len(end))
        )
        return np.stack([falling, np.ones(len(end))], axis=1)[:, : 1 + (name == "floor" and decay > 0.0)]

    def solved(decay: float) -> tuple[np.ndarray, float]:
        columns = design(decay) * root[:, None]
        if positive:
            found, norm = nnls(columns, root * values)
            return found, float(norm**2)
        found = np.linalg.lstsq(columns, root * values)[0]
        return found, float(np.sum(np.square(columns @ found - root * values)))

    decay, duration = 0.0, float(end[-1] - begin[0])
    if name != "constant":
        grid = np.geomspace(_SLOWEST, _FASTEST, 40) / duration
        best = grid[int(np.argmin([solved(one)[1] for one in grid]))]
        low, high = math.log(max(0.8 * best, grid[0])), math.log(min(1.25 * best, grid[-1]))
        decay = math.exp(np.asarray(fminbound(lambda log: solved(math.exp(log))[1], low, high)).item())
        # Slower than anything the range can show: the law is the constant.
        decay = 0.0 if best == grid[0] else decay
    found, left = solved(decay)
    columns = design(decay)
    names = ["start", "floor"][: len(found)]
    best_values = [found[0] + found[1], found[1]] if len(found) == 2 else [found[0]]
    if len(found) == 2:
        columns = np.stack([columns[:, 0], columns[:, 1] - columns[:, 0]], axis=1)
    if decay > 0.0:
        names.append("ln_scale")
        best_values.append(-math.log(decay))
        step = 1e-5
        change = (design(decay * math.exp(-step))[:, 0] - design(decay * math.exp(step))[:, 0]) / (2.0 * step)
        columns = np.column_stack([columns, found[0] * change])
    freedom = max(len(values) - len(names), 1)
    variance = left / freedom
    weighted = columns * root[:, None]
    scale = 1.0 / decay if decay > 0.0 else math.inf
    law = {
        "constant": lambda: Constant(best_values[0]),
        "exponential": lambda: Exponential(best_values[0], scale),
        "floor": lambda: ExponentialFloor(best_values[0], scale, best_values[1] if decay > 0.0 else best_values[0]),
    }[name]()
    covariance = variance * np.linalg.pinv(weighted.T @ weighted)
    return LawFit(law, np.asarray(best_values), tuple(names), covariance, math.sqrt(variance))
