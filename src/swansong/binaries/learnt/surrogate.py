"""Learnt orbits in use: a pair through time with bands, from its galaxies alone or from where it stands."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from paramax import unwrap

from swansong.binaries import elements
from swansong.binaries.learnt.calibration import forecasts, members_of, student_noise
from swansong.binaries.learnt.curves import Curves
from swansong.binaries.learnt.fitting import SYSTEM, Equation, blank, fingerprint, identities
from swansong.binaries.learnt.pnode import PairEquation
from swansong.binaries.learnt.rates import RatesEquation, from_soft, to_state
from swansong.binaries.learnt.settings import ESTIMATORS, Recipe
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.errors import DomainError, InputError
from swansong.core.types import Array
from swansong.learning.packaged import locate_weights, read_weights

QUANTITIES = ("energy", "momentum", "axis", "eccentricity")
"""What a forecast gives, in the order of its arrays."""

LEVELS = (0.025, 0.16, 0.5, 0.84, 0.975)
"""Quantiles of the bands: 95 %, 68 % and the median."""


@dataclass(frozen=True)
class Beginning:
    """Where a pair stands at the beginning of a forecast.

    Attributes:
        energy: Specific energy.
        momentum: Specific angular momentum.
        time: Time in the run, which only shifts the times of the forecast.
        elapsed: Time since the pair was bound or hard, as the weights count it.

    Raises:
        InputError: A number is not finite or L is negative.
    """

    energy: float
    momentum: float
    time: float = 0.0
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value):
                raise InputError(f"`{name}` of the beginning must be finite, got {value:g}")
        if self.momentum < 0.0 or self.elapsed < 0.0:
            raise InputError("`momentum` and `elapsed` of the beginning must not be negative; L is |x cross v|")

    @classmethod
    def of_ellipse(cls, axis: float, eccentricity: float, *, mu: float, **times: float) -> "Beginning":
        """The beginning of a bound pair.

        Args:
            axis: Semi-major axis.
            eccentricity: Eccentricity in [0, 1).
            mu: G times the mass of the pair.
            **times: `time` and `elapsed`.

        Returns:
            The beginning.

        Raises:
            DomainError: The axis is not positive or the eccentricity lies outside [0, 1).
        """
        energy, momentum = elements.from_ellipse(np.array([axis]), np.array([eccentricity]), mu=mu)
        return cls(float(energy[0]), float(momentum[0]), **times)


@dataclass(frozen=True, eq=False)
class Forecast:
    """One pair through time.

    Attributes:
        merger: The merger.
        time: Times in the run.
        median: E, L, a and e expected, one row each.
        bands: Their quantiles at `LEVELS`: members of the ensemble and the scatter between realisations.
        members: E, L, a and e of each member without that scatter.
        warnings: What lies outside what was learnt.
    """

    merger: Merger
    time: Float[np.ndarray, "times"]
    median: Float[np.ndarray, "4 times"]
    bands: Float[np.ndarray, "4 5 times"]
    members: Float[np.ndarray, "members 4 times"]
    warnings: tuple[str, ...] = ()

    def trajectory(self) -> Trajectory:
        """The expected orbit as a trajectory; its separation is the semi-major axis, or zero before the pair is bound.

        Returns:
            The trajectory, of origin "surrogate".
        """
        merger = replace(self.merger, origin="surrogate")
        separation = np.nan_to_num(self.median[2], nan=0.0)
        return Trajectory(merger, self.time, self.median[0], self.median[1], separation)


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A trained ensemble.

    Attributes:
        equation: The learnt equation.
        recipe: What it was trained with.
        mergers: What names the mergers that taught and validated.
        until: e_gal and how long after the beginning such mergers were followed, by rising e_gal.
        sha256: Fingerprint of its weights file, empty for one that was not read from a file.
    """

    equation: Equation
    recipe: Recipe
    mergers: frozenset[tuple]
    until: tuple[tuple[float, float], ...] = ()
    sha256: str = ""

    @property
    def limits(self) -> tuple[str, ...]:
        """What holds for every forecast of these weights, one sentence each."""
        if self.recipe.curves.begin != "run":
            return ()
        return ("eccentricities mean nothing: L before binding is so large that a bound pair's is not resolved",)

    def times(self, merger: Merger) -> Float[np.ndarray, "saves"]:
        """Times since the beginning for which such mergers were learnt.

        Args:
            merger: The merger.

        Returns:
            Equal times.
        """
        return np.linspace(0.0, self.longest(merger), self.recipe.curves.saves)

    def longest(self, merger: Merger) -> float:
        """Longest time since the beginning for which such mergers were learnt."""
        if not self.until:
            return self.recipe.curves.duration
        orbits_, ends = np.array(self.until).T
        return float(np.interp(np.log1p(-merger.eccentricity), np.log1p(-orbits_)[::-1], ends[::-1]))

    def knows(self, merger: Merger) -> bool:
        """Whether a merger taught or validated."""
        return tuple(identities([merger])[0]) in self.mergers

    def forecast(
        self,
        merger: Merger,
        *,
        beginning: Beginning | None = None,
        times: Float[np.ndarray, "times"] | None = None,
        draws: int = 500,
        seed: int = 0,
        extrapolate: bool = False,
    ) -> Forecast:
        """A pair through time.

        Args:
            merger: Galaxies, resolution and masses of the black holes; its seed means nothing here.
            beginning: Where the pair stands; without it beginnings are drawn from the law that was learnt.
            times: Rising times since the beginning; by default those that were learnt.
            draws: Draws that bands are made of.
            seed: Seed of the draws.
            extrapolate: Whether e_gal and N may lie outside what was learnt.

        Returns:
            The forecast. Without a beginning, its times count from the mean beginning of such mergers.

        Raises:
            DomainError: e_gal or N lies outside what was learnt, or rates are asked for a pair that is not bound.
            InputError: Times do not rise from zero, or there are too few draws.
        """
        condition = np.array([[merger.eccentricity, merger.particles]], float)
        warnings = unwrap(self.equation.conditions).check(condition, extrapolate=extrapolate)
        past = self.times(merger) if times is None else self._check_times(times)
        if draws < 20:
            raise InputError(f"`draws` must be at least 20 for bands, got {draws}")
        longest = self.longest(merger)
        if past[-1] + (beginning.elapsed if beginning else 0.0) > longest * (1.0 + 1e-9):
            warnings += (f"times beyond {longest:g} after the beginning were not learnt",)
        rng = np.random.default_rng([seed, 17])
        count = members_of(self.equation)
        each = -(-draws // count)
        if beginning is None:
            normal = np.concatenate([np.zeros((1, 3)), rng.standard_normal((each, 3))])
            begin, start = self._drawn(merger, normal)
            elapsed = 0.0
        else:
            begin, start, elapsed = np.array([beginning.time]), self._given(merger, beginning), beginning.elapsed
        mean, variance = (
            np.asarray(one)
            for one in forecasts(
                self.equation,
                jnp.asarray(start),
                jnp.broadcast_to(jnp.asarray(condition), (len(start), 2)),
                jnp.full(len(start), elapsed),
                jnp.asarray(past),
            )
        )
        if not np.all(np.isfinite(mean)):
            raise DomainError(
                "the learnt equation cannot be followed from this beginning; start from a pair like those learnt"
            )
        first = np.concatenate([mean[:, 0], mean[:, 0].mean(axis=0)[None]])
        members, centre = np.split(self._orbits(first, merger), [len(mean)], axis=1)
        if beginning is None:
            mean, variance = mean[:, 1:], variance[:, 1:]
        else:
            mean, variance = (np.repeat(one, each, axis=1) for one in (mean, variance))
        noise = student_noise(rng, (*mean.shape[:2], 1), np.asarray(unwrap(self.equation.freedom)))
        found = self._orbits(mean + np.sqrt(variance) * noise, merger).reshape(4, -1, len(past))
        bands = _quantiles(found)
        # From one beginning the ensemble's mean has no noise of draws; among many beginnings it is none of them.
        median = bands[:, 2] if beginning is None else centre[:, 0]
        return Forecast(merger, begin[0] + past, median, bands, np.moveaxis(members, 0, 1), warnings)

    @staticmethod
    def _check_times(times: np.ndarray) -> np.ndarray:
        past = np.asarray(times, float)
        if past.ndim != 1 or len(past) < 2 or past[0] != 0.0 or not np.all(np.diff(past) > 0.0):
            raise InputError("`times` of a forecast must rise from 0; give times since the beginning")
        return past

    def _given(self, merger: Merger, beginning: Beginning) -> Float[np.ndarray, "1 2"]:
        """What is integrated, at a given beginning."""
        if isinstance(self.equation, PairEquation):
            return np.array([[beginning.energy, beginning.momentum]])
        if beginning.energy >= 0.0:
            raise DomainError(
                f"rates need a bound pair, got E = {beginning.energy:g}; begin later or take the paper's equation"
            )
        axis = elements.semi_major_axis(np.array([beginning.energy]), mu=merger.mu)
        e = elements.eccentricity(np.array([beginning.energy]), np.array([beginning.momentum]), mu=merger.mu)
        return np.stack(to_state(jnp.asarray(axis), jnp.asarray(e)), axis=-1)

    def _drawn(self, merger: Merger, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Times of beginnings of the learnt law, and what is integrated there."""
        condition = jnp.array([merger.eccentricity, merger.particles], float)
        begin, start = _draw(
            self.equation,
            condition,
            jnp.asarray(normal),
            jnp.asarray(merger.mu),
            bound=self.recipe.curves.begin != "run",
        )
        return np.asarray(begin), np.asarray(start)

    def _orbits(self, normal: np.ndarray, merger: Merger) -> np.ndarray:
        """E, L, a and e along a new first axis."""
        energy, momentum = _orbit(self.equation, jnp.asarray(normal), jnp.asarray(merger.mu))
        return orbits(np.asarray(energy), np.asarray(momentum), mu=merger.mu)

    def along(
        self, curves: Curves, *, draws: int = 200, seed: int = 0
    ) -> tuple[Float[np.ndarray, "4 mergers saves"], Float[np.ndarray, "4 5 mergers saves"]]:
        """E, L, a and e of mergers from their own beginnings, with bands.

        Args:
            curves: Curves made with the settings of the recipe.
            draws: Draws that bands are made of.
            seed: Seed of the draws.

        Returns:
            What is expected, and quantiles at `LEVELS`.
        """
        values = self.equation.coordinates(curves)
        mean, variance = (
            np.asarray(one)
            for one in forecasts(
                self.equation,
                jnp.asarray(values[:, 0]),
                jnp.asarray(curves.condition),
                jnp.zeros(len(curves)),
                jnp.asarray(curves.time),
            )
        )
        rng = np.random.default_rng([seed, 19])
        found = []
        # The first draw stands for the mean of the ensemble, so that all shapes are the same.
        for row, merger in enumerate(curves.mergers):
            chosen = rng.integers(0, len(mean), draws)
            noise = student_noise(rng, (draws, 1), np.asarray(unwrap(self.equation.freedom)))
            drawn = mean[chosen, row] + np.sqrt(variance[chosen, row]) * noise
            found.append(self._orbits(np.concatenate([mean[:, row].mean(axis=0)[None], drawn]), merger))
        centres = np.stack([one[:, 0] for one in found], axis=1)
        return centres, np.stack([_quantiles(one[:, 1:]) for one in found], axis=2)


def orbits(energy: np.ndarray, momentum: np.ndarray, *, mu: float) -> Float[np.ndarray, "4 ..."]:
    """E, L, a and e along a new first axis, a and e NaN where a pair is not bound."""
    axis = elements.semi_major_axis(energy, mu=mu)
    return np.stack([energy, momentum, axis, elements.eccentricity(energy, momentum, mu=mu)])


def _quantiles(samples: Float[np.ndarray, "4 draws times"]) -> Float[np.ndarray, "4 5 times"]:
    """Quantiles at `LEVELS`; draws whose pair is not bound count as infinitely wide and radial."""
    whole = np.stack([*samples[:2], np.nan_to_num(samples[2], nan=np.inf), np.nan_to_num(samples[3], nan=1.0)])
    # Interpolation between infinite values is no number.
    return np.quantile(whole, LEVELS, axis=1, method="inverted_cdf").swapaxes(0, 1)


@eqx.filter_jit
def _orbit(model: Equation, normal: Array, mu: Array) -> tuple[Array, Array]:
    """E and L of what is compared."""
    return model.orbit(normal, mu)


@eqx.filter_jit
def _draw(model: Equation, condition: Array, normal: Array, mu: Array, *, bound: bool) -> tuple[Array, Array]:
    """Times of beginnings of the learnt law, of x and w where pairs are bound, and what is integrated there."""
    features = unwrap(model.conditions).features(jnp.broadcast_to(condition, (len(normal), 2)))
    numbers = unwrap(model.start).draw(features, normal)
    begin, pair = numbers[:, 0], numbers[:, 1:]
    if bound:
        axis, e = jnp.exp(-pair[:, 0]), from_soft(pair[:, 1])
        if isinstance(model, RatesEquation):
            pair = jnp.stack(to_state(axis, e), axis=-1)
        else:
            pair = jnp.stack([-0.5 * mu / axis, jnp.sqrt(mu * axis * (1.0 - e**2))], axis=-1)
    return begin, pair


def load_surrogate(estimator: str = "rates", path: str | Path | None = None) -> Surrogate:
    """Load a trained ensemble.

    Args:
        estimator: Its name.
        path: A weights file of a training run; the packaged one if None.

    Returns:
        The ensemble.

    Raises:
        InputError: There is no such estimator, or none is packaged and none given.
        FileError: The file is damaged, was changed, or holds another estimator.
    """
    if estimator not in ESTIMATORS:
        raise InputError(f"`estimator` must be one of {', '.join(ESTIMATORS)}, got {estimator!r}; choose one of these")
    return _load(*locate_weights(SYSTEM, estimator, path), estimator)


@functools.lru_cache(maxsize=4)
def _load(path: Path, expected: str | None, stamp: int, estimator: str) -> Surrogate:
    """Read a weights file; one that did not change since its time stamp is read once."""
    found = read_weights(path, system=SYSTEM, estimator=estimator, schema=Recipe, expected=expected)
    found.require_analysis(fingerprint(found.recipe))
    names = found.product.metadata.get("mergers", {})
    known = frozenset(tuple(one) for part in names.values() for one in part)
    until = tuple((float(one), float(end)) for one, end in found.product.metadata.get("until", ()))
    return Surrogate(found.fill(blank(found.recipe)).network, found.recipe, known, until, found.product.sha256)
