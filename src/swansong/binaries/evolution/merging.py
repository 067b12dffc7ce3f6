"""When the pair of a run merges: from its orbit at the hand-off, with the hardening that it had before."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.evolution.evolve import STATUS, Evolution, evolve, saturation
from swansong.binaries.evolution.fits import HardeningFit, LawName, fit_hardening
from swansong.binaries.evolution.hardening import TimeLaws
from swansong.binaries.evolution.kernels import MERGED
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.binaries.units import Units
from swansong.core.errors import DomainError, InputError
from swansong.physics.peters import peters_rates

HUBBLE_TIME = 13.8e3
"""Age of the Universe, the default time limit [Myr]."""

LARGEST_ECCENTRICITY = 0.9999
"""Largest eccentricity at a hand-off; the mean of a noisy orbit may lie above."""

_COUNTING = 0.01  # gravitational waves count if they shrink the orbit by this share of what stars do


@dataclass(frozen=True, eq=False)
class MergerEstimate:
    """When the pair of a run merges; times in N-body units.

    Attributes:
        trajectory: The run.
        fit: Hardening before the hand-off.
        binding_time: Time of the run from which on the pair is bound.
        hand_off: Time of the run from which on laws and gravitational waves replace it.
        orbit: 1/a and e at the hand-off, from straight lines through the block of the fit that holds it.
        covariance: Their covariance.
        units: Physical size of the units.
        evolution: What becomes of the pair after the hand-off, times counted from there.
        limit: Time limit of the evolution.
    """

    trajectory: Trajectory
    fit: HardeningFit
    binding_time: float
    hand_off: float
    orbit: Float[np.ndarray, "2"]
    covariance: Float[np.ndarray, "2 2"]
    units: Units
    evolution: Evolution
    limit: float

    @property
    def axis(self) -> float:
        """Semi-major axis at the hand-off."""
        return float(1.0 / self.orbit[0])

    @property
    def eccentricity(self) -> float:
        """Eccentricity at the hand-off."""
        return float(self.orbit[1])

    @property
    def status(self) -> str:
        """What becomes of the pair."""
        return STATUS[int(self.evolution.status[0])]

    @property
    def after_hand_off(self) -> float:
        """Time from the hand-off to coalescence, infinite if the pair stalls."""
        return float(self.evolution.merger_time[0])

    @property
    def merger_time(self) -> float:
        """Time from the start of the run to coalescence, infinite if the pair stalls."""
        return self.hand_off + self.after_hand_off

    @property
    def after_binding(self) -> float:
        """Time from binding to coalescence, infinite if the pair stalls."""
        return self.merger_time - self.binding_time

    @property
    def megayears(self) -> float:
        """Time from binding to coalescence [Myr]."""
        return self.after_binding * self.units.time

    @property
    def saturation(self) -> float:
        """Semi-major axis that stars alone do not pass, 0 if they pass any."""
        return float(saturation(self.axis, hardening=self.fit.laws, start=self.hand_off - self.fit.zero))

    @property
    def waves(self) -> float:
        """Shrinking by gravitational waves, which the run has not, over that by stars at the hand-off."""
        merger = self.trajectory.merger
        shrink, _ = peters_rates(
            self.axis, self.eccentricity, mass_1=merger.mass_1, mass_2=merger.mass_2,
            speed_of_light=self.units.speed_of_light,
        )  # fmt: skip
        rate, _ = self.fit.laws.rates(self.hand_off - self.fit.zero, self.axis, self.eccentricity)
        stars = float(rate) * self.axis**2
        return float(-shrink / stars) if stars > 0.0 else math.inf


@dataclass(frozen=True, eq=False)
class MergerTimes:
    """Merger times of samples of one run.

    Attributes:
        after_binding: Time from binding to coalescence of each, infinite for those that stall.
        axis: Semi-major axis of each at the hand-off.
        eccentricity: Eccentricity of each there.
    """

    after_binding: Float[np.ndarray, "samples"]
    axis: Float[np.ndarray, "samples"]
    eccentricity: Float[np.ndarray, "samples"]

    @property
    def stalled(self) -> float:
        """Share of the samples that stall."""
        return float(np.mean(~np.isfinite(self.after_binding)))

    def quantiles(self, levels: tuple[float, ...] = (0.16, 0.5, 0.84)) -> Float[np.ndarray, "levels"]:
        """Quantiles of the time from binding to coalescence.

        Args:
            levels: Probabilities.

        Returns:
            One time each, infinite where too many samples stall.
        """
        return np.quantile(self.after_binding, levels, method="inverted_cdf")


def merger_time(
    trajectory: Trajectory,
    *,
    hand_off: float | None = None,
    law: LawName = "constant",
    growth_law: LawName = "constant",
    since: float | None = None,
    units: Units = Units(),
    max_time: float = math.inf,
) -> MergerEstimate:
    """Continue a run to coalescence.

    A run knows no gravitational waves. Where none is given, the hand-off is therefore where they begin to count, more
    than a hundredth of the shrinking by stars, and at the latest the end; hardening and eccentricity growth are fitted
    from `since` to the end. With a hand-off they are fitted up to there.

    Args:
        trajectory: The run, of the N-body engine or predicted.
        hand_off: Time of the run from which on laws and waves replace it.
        law: Law of the hardening rate.
        growth_law: Law of the eccentricity growth.
        since: Time of the run from which on it is fitted, by default once the pair is hard; the laws' clock starts
            there.
        units: Physical size of the N-body units: they decide how strong gravitational waves are.
        max_time: Time after the hand-off beyond which a pair counts as stalled.

    Returns:
        When it merges.

    Raises:
        DomainError: The pair is not bound or hard, or the hand-off lies outside the run.
        DataError: There are too few outputs before the hand-off.
    """
    first, last = float(trajectory.time[0]), float(trajectory.time[-1])
    if hand_off is not None and not first < hand_off <= last:
        raise DomainError(f"`hand_off` must lie within the run, from {first:g} to {last:g}, got {hand_off:g}; move it")
    fit = fit_hardening(trajectory, law=law, growth_law=growth_law, since=since, until=hand_off)
    block, end = _hand_off(fit, trajectory.merger, units) if hand_off is None else (len(fit.rates) - 1, fit.end)
    orbit, covariance = _orbit(trajectory.part(float(fit.rates.begin[block]), float(fit.rates.end[block])), end)
    merger = trajectory.merger
    evolution = evolve(
        1.0 / orbit[0], orbit[1], mass_1=merger.mass_1, mass_2=merger.mass_2, hardening=fit.laws,
        speed_of_light=units.speed_of_light, start=end - fit.zero, max_time=max_time,
    )  # fmt: skip
    return MergerEstimate(
        trajectory=trajectory,
        fit=fit,
        binding_time=trajectory.binding_time,
        hand_off=end,
        orbit=orbit,
        covariance=covariance,
        units=units,
        evolution=evolution,
        limit=max_time,
    )


def sample_merger_times(estimate: MergerEstimate, *, samples: int = 1000, seed: int = 0) -> MergerTimes:
    """Merger times for orbits and laws within their uncertainties.

    Orbit and laws are drawn from normal distributions, the time scale of an exponential from a log-normal one. Rates s
    below zero are raised to zero, eccentricities into [0, 0.9999].

    Args:
        estimate: The estimate.
        samples: Number of samples.
        seed: Seed.

    Returns:
        The merger times.

    Raises:
        InputError: There are no samples.
    """
    if samples < 1:
        raise InputError(f"`samples` must be at least 1, got {samples}; raise it")
    rng = np.random.default_rng(seed)
    orbit = rng.multivariate_normal(estimate.orbit, estimate.covariance, size=samples, method="svd")
    # A pair does not widen by more than a standard deviation may make it: 1/a stays positive.
    inverse = np.maximum(orbit[:, 0], 0.1 * estimate.orbit[0])
    eccentricity = np.clip(np.abs(orbit[:, 1]), 0.0, LARGEST_ECCENTRICITY)
    laws = []
    for part, lowest in ((estimate.fit.rate, 0.0), (estimate.fit.growth, -math.inf)):
        drawn = rng.multivariate_normal(part.values, part.covariance, size=samples, method="svd")
        laws.append(part.with_values(drawn, lowest=lowest))
    merger = estimate.trajectory.merger
    found = evolve(
        1.0 / inverse, eccentricity, mass_1=merger.mass_1, mass_2=merger.mass_2, hardening=TimeLaws(*laws),
        speed_of_light=estimate.units.speed_of_light, start=estimate.hand_off - estimate.fit.zero,
        max_time=estimate.limit,
    )  # fmt: skip
    waited = estimate.hand_off - estimate.binding_time
    times = np.where(found.status == MERGED, found.merger_time + waited, np.inf)
    return MergerTimes(times, 1.0 / inverse, eccentricity)


def _hand_off(fit: HardeningFit, merger: Merger, units: Units) -> tuple[int, float]:
    """The block in which waves begin to count and its begin, or the last block and its end."""
    rates = fit.rates
    shrink, _ = peters_rates(
        rates.axis, np.minimum(rates.eccentricity, LARGEST_ECCENTRICITY), mass_1=merger.mass_1, mass_2=merger.mass_2,
        speed_of_light=units.speed_of_light,
    )  # fmt: skip
    stars, _ = fit.laws.rates(rates.begin - fit.zero, rates.axis, rates.eccentricity)
    count = np.flatnonzero(-shrink > _COUNTING * stars * rates.axis**2)
    return (int(count[0]), float(rates.begin[count[0]])) if len(count) else (len(rates) - 1, fit.end)


def _orbit(part: Trajectory, time: float) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2 2"]]:
    """1/a and e at a time, from straight lines through a part, and their covariance.

    Neighbouring outputs are not independent; their correlation tells how many are.
    """
    away = part.time - time
    columns = np.stack([np.ones(len(part)), away], axis=1)
    values = np.stack([1.0 / part.axis, part.eccentricity], axis=1)
    found = np.linalg.lstsq(columns, values)[0]
    left = values - columns @ found
    squares = np.maximum(np.sum(np.square(left), axis=0), 1e-300)
    correlation = np.clip(np.max(np.sum(left[1:] * left[:-1], axis=0) / squares), 0.0, 1.0)
    independent = max(len(part) * (1.0 - correlation) / (1.0 + correlation), 4.0)
    # The mean of n values is uncertain by the n-th part of their variance, the line more so away from the middle.
    lever = 1.0 + away.mean() ** 2 / away.var()
    covariance = lever / independent * left.T @ left / len(part)
    found[0, 1] = np.clip(found[0, 1], 0.0, LARGEST_ECCENTRICITY)
    if not found[0, 0] > 0.0:
        raise DomainError(f"the pair loosens towards t = {time:g}; hand it off earlier or later")
    return found[0], covariance
