"""What learnt orbits are worth on mergers that they have not seen, beside what needs no learning."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from swansong.binaries.evolution.merging import merger_time
from swansong.binaries.learnt.curves import Curves, LeftOut, begin_of, make_curves
from swansong.binaries.learnt.settings import CurveSettings
from swansong.binaries.learnt.surrogate import LEVELS, Forecast, Surrogate, orbits
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.binaries.units import Units
from swansong.core.errors import DataError, DomainError

REPRESENTATIVES = 9
"""Mergers whose merger times are compared."""

_HARD = CurveSettings(begin="hard")


@dataclass(frozen=True)
class Error:
    """Errors of one quantity over all mergers and times, the beginning left out; of a and e after binding only.

    Attributes:
        absolute: Median absolute error.
        of_range: The same over the dynamical range, largest less smallest true value among the mergers.
        relative: Median of the error over the true value.
    """

    absolute: float
    of_range: float
    relative: float


@dataclass(frozen=True)
class Comparison:
    """A way to predict, held against the truth.

    Attributes:
        errors: Errors of E, L, a and e, in the order of `QUANTITIES`.
        mergers: How many mergers it could be tried on.
    """

    errors: tuple[Error, ...]
    mergers: int


@dataclass(frozen=True)
class Timed:
    """Merger times of one representative, infinite for a pair that stalls.

    They count from the beginning of its curve, or from binding where the curve begins before.

    Attributes:
        merger: The merger.
        nbody: From the elements of its run.
        surrogate: From learnt elements.
        baseline: From the mean of learnt mergers like it.
        realisations: From the runs of its siblings of the same (e_gal, N).
    """

    merger: Merger
    nbody: float
    surrogate: float
    baseline: float
    realisations: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Relative difference of the learnt merger time; NaN where one of them is infinite."""
        return _difference(self.surrogate, self.nbody)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The whole comparison on held-out mergers.

    Attributes:
        curves: The held-out curves.
        centre: E, L, a and e predicted for them.
        bands: Quantiles at `LEVELS`.
        surrogate: Errors of the learnt orbits, each from its own beginning.
        bound: The same after binding alone.
        resolutions: The same, bound or not, for each number of stars.
        alone: The same where only (e_gal, N) is known.
        baseline: Errors of the mean learnt curve of the same, or the nearest, (e_gal, N).
        realisations: Distance of each from the mean of its siblings of the same (e_gal, N): what nothing that knows
            only (e_gal, N) can do better than.
        coverage: Share of true values within the 68 % and 95 % bands, by quantity.
        coverage_alone: The same where only (e_gal, N) is known.
        times: Merger times of the representatives.
        left_out: Mergers that took no part.
    """

    curves: Curves
    centre: Float[np.ndarray, "4 mergers saves"]
    bands: Float[np.ndarray, "4 5 mergers saves"]
    surrogate: Comparison
    bound: Comparison
    resolutions: Mapping[int, Comparison]
    alone: Comparison
    baseline: Comparison
    realisations: Comparison
    coverage: Float[np.ndarray, "4 2"]
    coverage_alone: Float[np.ndarray, "4 2"]
    times: tuple[Timed, ...]
    left_out: LeftOut

    def time_difference(self, predict: Callable[[Timed], Sequence[float]]) -> tuple[float, float]:
        """Median and largest absolute relative difference of merger times.

        Args:
            predict: Picks the predictions of a representative.

        Returns:
            Both, NaN without any pair of finite times.
        """
        found = [abs(_difference(value, one.nbody)) for one in self.times for value in predict(one)]
        found = [value for value in found if math.isfinite(value)]
        return (float(np.median(found)), max(found)) if found else (math.nan, math.nan)


def evaluate(
    surrogate: Surrogate, trajectories: Sequence[Trajectory], *, units: Units = Units(), draws: int = 200, seed: int = 0
) -> Evaluation:
    """Compare learnt orbits with mergers that neither taught nor validated.

    Args:
        surrogate: The ensemble.
        trajectories: Mergers; those that were learnt serve as siblings and for the baseline.
        units: Physical size of the N-body units, for merger times.
        draws: Draws that bands are made of.
        seed: Seed of the draws.

    Returns:
        The comparison.

    Raises:
        DataError: No merger is held out.
    """
    everything, left_out = make_curves(trajectories, surrogate.recipe.curves)
    learnt = np.array([surrogate.knows(one) for one in everything.mergers])
    if learnt.all():
        raise DataError(f"all {len(learnt)} mergers taught or validated these weights; give some that are new to them")
    test, taught = everything.select(~learnt), everything.select(learnt)
    truth = curve_orbits(test)
    by_merger = {one.merger: one for one in trajectories}
    after = _after_binding(test, by_merger)
    known = np.stack([test.known, test.known, after, after])
    stars = np.array([one.particles for one in test.mergers])
    centre, bands = surrogate.along(test, draws=draws, seed=seed)
    forecasts = _alone(surrogate, test, draws=draws, seed=seed)
    expected = np.stack([one.median for one in forecasts], axis=1)
    wide = np.stack([one.bands for one in forecasts], axis=2)
    simple = _baseline(taught if len(taught) else test, test)
    siblings = _siblings(everything, test)
    times = _merger_times(test, centre, simple, everything, by_merger, units)
    return Evaluation(
        curves=test,
        centre=centre,
        bands=bands,
        surrogate=_compare(centre, truth, known),
        bound=_compare(centre, truth, np.broadcast_to(after, known.shape)),
        resolutions={
            int(one): _compare(centre, truth, known & (stars == one)[:, None], among=known) for one in np.unique(stars)
        },
        alone=_compare(expected, truth, known),
        baseline=_compare(simple, truth, known),
        realisations=_compare(siblings, truth, known),
        coverage=covered(truth, bands, known),
        coverage_alone=covered(truth, wide, known),
        times=times,
        left_out=left_out,
    )


def curve_orbits(curves: Curves) -> Float[np.ndarray, "4 mergers saves"]:
    """E, L, a and e of curves."""
    return np.stack([curves.state[..., 0], curves.state[..., 1], curves.axis, curves.eccentricity])


def covered(
    truth: Float[np.ndarray, "4 mergers saves"],
    bands: Float[np.ndarray, "4 5 mergers saves"],
    known: Bool[np.ndarray, "4 mergers saves"],
) -> Float[np.ndarray, "4 2"]:
    """Share of true values within bands, beginnings left out.

    Args:
        truth: True values.
        bands: Quantiles at `LEVELS`.
        known: Where each quantity is compared.

    Returns:
        Shares within the 68 % and the 95 % band, by quantity; NaN where nothing is known.
    """
    rows = np.empty((len(truth), 2))
    last = len(LEVELS) - 1
    for place, value in enumerate(truth):
        use = known[place] & np.isfinite(value)
        use[:, 0] = False
        for column, edge in enumerate((1, 0)):
            within = (value >= bands[place, edge]) & (value <= bands[place, last - edge])
            rows[place, column] = within[use].mean() if use.any() else math.nan
    return rows


def _compare(found: np.ndarray, truth: np.ndarray, known: np.ndarray, *, among: np.ndarray | None = None) -> Comparison:
    """Errors over all mergers that could be predicted, in parts of the range of true values there or `among` others."""
    errors = []
    for value, true, compared, wide in zip(found, truth, known, known if among is None else among, strict=True):
        use = compared & np.isfinite(value) & np.isfinite(true)
        use[:, 0] = False
        if not use.any():
            errors.append(Error(math.nan, math.nan, math.nan))
            continue
        size = np.abs(value - true)[use]
        ranged = wide & np.isfinite(value) & np.isfinite(true)
        ranged[:, 0] = False
        span = np.ptp(true[ranged])
        middle = float(np.median(size))
        relative = float(np.median(size / np.maximum(np.abs(true[use]), 1e-300)))
        errors.append(Error(middle, middle / float(span) if span > 0.0 else math.nan, relative))
    tried = (known[0] & np.isfinite(found[0])).any(axis=1)
    return Comparison(tuple(errors), int(tried.sum()))


def _after_binding(curves: Curves, by_merger: dict[Merger, Trajectory]) -> Bool[np.ndarray, "mergers saves"]:
    """Where curves are known and their pair is bound for good."""
    binding = np.array([by_merger[one].binding_time for one in curves.mergers])
    return curves.known & (curves.begin[:, None] + curves.time >= binding[:, None])


def _alone(surrogate: Surrogate, test: Curves, *, draws: int, seed: int) -> list[Forecast]:
    """Forecasts from (e_gal, N) alone; equal mergers share one."""
    made: dict[tuple[float, int], Forecast] = {}
    for one in test.mergers:
        key = (one.eccentricity, one.particles)
        if key not in made:
            made[key] = surrogate.forecast(one, times=test.time, draws=draws, seed=seed, extrapolate=True)
    return [made[one.eccentricity, one.particles] for one in test.mergers]


def _mean_orbits(curves: Curves, *, mu: float) -> Float[np.ndarray, "4 saves"]:
    """Orbit of the mean E and L of curves; where none is known any more, their last values count."""
    weight = curves.known[..., None] + 1e-9
    mean = np.sum(weight * curves.state, axis=0) / np.sum(weight, axis=0)
    return orbits(mean[:, 0], mean[:, 1], mu=mu)


def _baseline(learnt: Curves, test: Curves) -> Float[np.ndarray, "4 mergers saves"]:
    """Mean learnt curve of the same (e_gal, N), or of the nearest N, then e_gal, there is."""
    table = learnt.condition
    found = []
    for one in test.mergers:
        near = np.abs(table[:, 0] - one.eccentricity)
        same = near <= near.min() + 1e-9
        ratio = np.where(same, np.abs(np.log(table[:, 1] / one.particles)), np.inf)
        found.append(_mean_orbits(learnt.select(ratio <= ratio.min() + 1e-9), mu=one.mu))
    return np.stack(found, axis=1)


def _others(everything: Curves, merger: Merger) -> np.ndarray:
    """Rows of the siblings of a merger."""
    return np.array([
        other != merger and (other.eccentricity, other.particles) == (merger.eccentricity, merger.particles)
        for other in everything.mergers
    ])  # fmt: skip


def _siblings(everything: Curves, test: Curves) -> Float[np.ndarray, "4 mergers saves"]:
    """Mean of all other realisations of the same (e_gal, N), NaN where there is none."""
    found = []
    for one in test.mergers:
        rows = _others(everything, one)
        some = rows.any()
        found.append(_mean_orbits(everything.select(rows), mu=one.mu) if some else np.full((4, len(test.time)), np.nan))
    return np.stack(found, axis=1)


def _merger_times(
    test: Curves,
    centre: np.ndarray,
    simple: np.ndarray,
    everything: Curves,
    by_merger: dict[Merger, Trajectory],
    units: Units,
) -> tuple[Timed, ...]:
    """Merger times of representatives: at equal intervals along the held-out mergers in the order of theirs."""
    mu = test.mu
    nbody = {row: _time(_window(by_merger[one], test, row), units) for row, one in enumerate(test.mergers)}
    order = sorted((row for row, value in nbody.items() if not math.isnan(value)), key=nbody.__getitem__)
    places = np.unique(np.round(np.linspace(0, len(order) - 1, min(REPRESENTATIVES, len(order)))).astype(int))
    found = []
    for row in (order[place] for place in places):
        merger = test.mergers[row]
        part = _window(by_merger[merger], test, row)
        learnt, mean = (
            _time(_predicted(part, test.time, one[:2, row], float(mu[row])), units) for one in (centre, simple)
        )
        others = np.flatnonzero(_others(everything, merger))
        times = tuple(
            _time(_window(by_merger[everything.mergers[one]], everything, one), units) for one in others.tolist()
        )
        found.append(Timed(merger, nbody[row], learnt, mean, tuple(one for one in times if not math.isnan(one))))
    return tuple(found)


def _window(trajectory: Trajectory, curves: Curves, row: int) -> Trajectory:
    """The part of a run that a curve covers."""
    return trajectory.part(curves.begin[row], curves.begin[row] + curves.time[-1])


def _predicted(part: Trajectory, time: np.ndarray, state: np.ndarray, mu: float) -> Trajectory:
    """A predicted curve at the times of a run; its separation is the semi-major axis, or zero before it is bound."""
    past = part.time - part.time[0]
    energy, momentum = (np.interp(past, time, one) for one in state)
    # Above the momentum of the circle there is no orbit; the circle is the nearest.
    circle = np.sqrt(np.divide(mu**2, -2.0 * energy, out=np.full_like(energy, np.inf), where=energy < 0.0))
    axis = np.divide(-0.5 * mu, energy, out=np.zeros_like(energy), where=energy < 0.0)
    return Trajectory(part.merger, part.time, energy, np.minimum(momentum, circle), axis)


def _time(part: Trajectory, units: Units) -> float:
    """Time from binding to coalescence, infinite if the pair stalls, NaN if it has no hardening to fit.

    A part that is bound from its beginning is fitted from there, another from where it is hard.
    """
    since = float(part.time[0]) if part.bound.all() else begin_of(part, _HARD)
    if not math.isfinite(since):
        return math.nan
    try:
        return merger_time(part, since=since, units=units).after_binding
    except (DomainError, DataError):
        return math.nan


def _difference(value: float, true: float) -> float:
    """Relative difference, NaN where either is not finite."""
    return (value - true) / true if math.isfinite(value) and math.isfinite(true) else math.nan
