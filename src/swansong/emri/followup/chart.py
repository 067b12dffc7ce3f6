"""Coordinates of the walk: a track at three times, spin and eccentricity, and the direction if that is fitted."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError, InputError
from swansong.emri.followup.chart_kernels import knots_of, sources_through
from swansong.emri.followup.likelihood import TrackLikelihood
from swansong.emri.search.kernels import detector
from swansong.emri.search.model import SearchModel
from swansong.emri.search.refine_kernels import knot_metric, to_coordinates
from swansong.emri.search.settings import SOURCE_NAMES
from swansong.emri.tracks.sources import Tracks
from swansong.emri.tracks.units import YEAR
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.priors import Prior, Uniform

SKY = (
    Parameter("ecliptic_longitude", unit="rad", latex=r"$\lambda$", minimum=0.0, maximum=2.0 * math.pi, periodic=True),
    Parameter("absolute_sine_latitude", latex=r"$|\sin\beta|$", minimum=0.0, maximum=1.0),
)
"""What the motion of the detector tells of the direction; north and south look alike."""

_UNIFORM_PRECISION = 12.0  # one over the variance of a uniform number in [0, 1]


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Chart:
    """Coordinates q of a source in one data set, and its log posterior; build it with `Chart.at`.

    The first three are frequencies of the (2, 0) harmonic as the detector receives it at three times, the knots,
    less those of the candidate and in units of one over the length of a segment. Then come (1-a)^(1/3) and the
    final eccentricity as shares of their ranges. The data know the frequencies to a part in a million and the
    other two to a few per cent: in masses, spin and plunge time that is a thin bent sheet in which a walk gets lost,
    in these coordinates it is nearly an ellipsoid. Where the likelihood knows the motion of the detector there are
    two more, whose angle is the longitude and whose radius r gives |sin(latitude)| = exp(-r^2/2): standard normal
    numbers for isotropic directions, so that a walk needs neither circle nor edge.

    Attributes:
        likelihood: The data.
        model: Prior of the sources.
        anchor: (ln M [s], ln rate [1/s], plunge time [s], (1-a)^(1/3), e_f) of the candidate.
        knots: The three times [s].
        frequencies: Frequencies of the candidate there [Hz].
        rates: Their derivatives [Hz/s].
    """

    likelihood: TrackLikelihood
    model: SearchModel
    anchor: Float[np.ndarray, "5"]
    knots: Float[np.ndarray, "3"]
    frequencies: Float[np.ndarray, "3"]
    rates: Float[np.ndarray, "3"]

    @classmethod
    def at(cls, likelihood: TrackLikelihood, model: SearchModel, theta: Float[np.ndarray, "5"]) -> "Chart":
        """Coordinates around a candidate.

        Args:
            likelihood: The data.
            model: Prior of the sources.
            theta: Parameter vector of the candidate.

        Raises:
            InputError: If the candidate is outside the prior.
            DomainError: If it has no track to take a metric of.
        """
        theta = np.asarray(theta, float)
        if not model.parameters.contains(theta):
            raise InputError(
                f"`candidate` {np.round(theta, 6).tolist()} lies outside the prior; give a source inside, or widen it"
            )
        anchor, knots = np.empty(5), np.zeros(3)
        to_coordinates(model.to_points(theta), anchor)
        bare = cls(likelihood, model, anchor, knots, np.zeros(3), np.zeros(3))
        bare._metric(anchor, known=False)
        scorer = likelihood.scorer
        at_knots = Tracks(scorer.tracks).harmonic(
            knots, m=2, n=0, **dict(zip(SOURCE_NAMES, map(float, model.to_points(theta)), strict=True))
        )
        return cls(likelihood, model, anchor, knots, at_knots.frequency, at_knots.derivative)

    @property
    def moving(self) -> bool:
        """Whether the motion of the detector is fitted."""
        return self.likelihood.settings.doppler

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        return 7 if self.moving else 5

    @property
    def parameters(self) -> Parameters:
        """What a posterior in these coordinates is of."""
        return Parameters((*self.model.parameters, *(SKY if self.moving else ())))

    @property
    def prior(self) -> Prior:
        """Prior of `parameters`."""
        return Prior({item.name: Uniform(item.minimum, item.maximum) for item in self.parameters}, self.parameters)

    @cached_property
    def _widths(self) -> Float[np.ndarray, "5"]:
        """Widths of the parameters' ranges."""
        return np.array([item.maximum - item.minimum for item in self.model.parameters])

    def of_theta(self, theta: Float[np.ndarray, "n 5"]) -> Float[np.ndarray, "n 5"]:
        """Coordinates of parameter vectors of `SearchModel` for a detector at rest, NaN where there is no track."""
        points = np.atleast_2d(self.model.to_points(theta))
        q = np.empty(points.shape)
        knots_of(self.likelihood.scorer.tracks, np.ascontiguousarray(points), self.knots, q[:, :3])
        q[:, :3] = (q[:, :3] - self.frequencies) * self._length
        low, width = self._sides
        q[:, 3:] = (np.column_stack([np.cbrt(1.0 - points[:, 2]), points[:, 4]]) - low) / width
        return q.reshape(np.shape(theta))

    def to_theta(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 5"]:
        """Parameter vectors of `SearchModel`, NaN where no source has such a track."""
        points, log_slopes = self._solved(q)
        return np.where(np.isfinite(log_slopes)[:, None], self.model.from_points(points), np.nan)

    def samples_of(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n parameters"]:
        """Vectors of `parameters`."""
        theta = self.to_theta(q)
        if not self.moving:
            return theta
        longitude = np.mod(np.arctan2(q[:, 6], q[:, 5]), 2.0 * math.pi)
        return np.column_stack([theta, longitude, np.exp(-0.5 * (q[:, 5] ** 2 + q[:, 6] ** 2))])

    def log_jacobian(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Ln of a density of `parameters` over that of q."""
        value = -self._log_volume(*self._solved(q))
        return value + 0.5 * (q[:, 5] ** 2 + q[:, 6] ** 2) if self.moving else value

    def log_posterior(self, q: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        """Log likelihood ratio and log density of the prior.

        Args:
            q: Coordinates.

        Returns:
            Both of shape (n,) and -inf outside the prior and where there is no track; the prior is flat in the
            parameters and isotropic on the sky.
        """
        points, log_slopes = self._solved(q)
        low, high = self.model.limits
        inside = np.isfinite(log_slopes) & ((points >= low) & (points <= high)).all(axis=1)
        prior, likelihood = np.full((2, len(q)), -np.inf)
        if inside.any():
            chosen = q[inside]
            prior[inside] = self._log_volume(points[inside], log_slopes[inside]) - np.log(self._widths).sum()
            if self.moving:
                prior[inside] -= 0.5 * (chosen[:, 5] ** 2 + chosen[:, 6] ** 2) + math.log(2.0 * math.pi)
            sky = sky_of(chosen) if self.moving else None
            likelihood[inside] = self.likelihood.evaluate(points[inside], sky=sky)[0]
        return likelihood, prior

    def log_likelihood(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log likelihood ratio, -inf outside the prior and where there is no track."""
        return self.log_posterior(q)[0]

    def with_sky(
        self, q: Float[np.ndarray, "n 5"], *, rng: np.random.Generator, at_rest: bool = False
    ) -> Float[np.ndarray, "n d"]:
        """Add isotropic directions, where they are coordinates.

        Args:
            q: First five coordinates.
            rng: Random generator.
            at_rest: Whether they are of the source, as received at rest, which a moving detector then receives
                otherwise; else what is received stays, and the source is another.

        Returns:
            All coordinates.
        """
        if not self.moving:
            return q
        made = np.column_stack([q, rng.standard_normal((len(q), 2))])
        if at_rest:
            made[:, :3] += self._shifts(made) * self._length
        return made

    def local_factor(self, theta: Float[np.ndarray, "5"], *, snr: float) -> Float[np.ndarray, "5 5"]:
        """A factor F such that F F^T is the covariance expected around a source, by the metric of its track.

        Args:
            theta: Parameter vector.
            snr: Signal-to-noise ratio.

        Returns:
            Factor, in the first five coordinates.

        Raises:
            DomainError: If it has no track to take a metric of.
        """
        x = np.empty(5)
        to_coordinates(self.model.to_points(np.asarray(theta, float)), x)
        information = snr**2 * self._metric(x, known=True) + _UNIFORM_PRECISION * np.eye(5)
        values, vectors = np.linalg.eigh(information)
        return vectors / np.sqrt(values)

    def _metric(self, x: Float[np.ndarray, "5"], *, known: bool) -> Float[np.ndarray, "5 5"]:
        """Mean loss of power for small changes of the coordinates; writes the knots unless they are known."""
        scorer = self.likelihood.scorer
        work, metric, frequencies = np.empty((2, scorer.tracks.coefficients.shape[3])), np.empty((5, 5)), np.empty(3)
        grid = (*scorer.grid, 1.0 / scorer.table.step, float(scorer.table.segments))
        stretch, width = float(self.likelihood.settings.length), self._sides[1]
        if not knot_metric(
            scorer.tracks, work, x, grid, scorer.shape, scorer.weights, stretch, width, known, self.knots,
            frequencies, metric,
        ):  # fmt: skip
            raise DomainError(
                "the candidate has no track in the table of tracks; give a spin and final eccentricity inside it"
            )
        return metric

    @property
    def _length(self) -> float:
        """Length of a segment [s]."""
        return self.likelihood.scorer.table.segment

    @cached_property
    def _sides(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """Lower bounds and widths of (1-a)^(1/3) and e_f."""
        low, high = self.model.limits
        depths = np.cbrt([1.0 - high[2], 1.0 - low[2]])
        return np.array([depths[0], low[4]]), np.array([depths[1] - depths[0], high[4] - low[4]])

    def _shifts(self, q: Float[np.ndarray, "n 7"]) -> Float[np.ndarray, "n 3"]:
        """What the motion of the detector adds to the frequencies at the knots, taken at the candidate [Hz]."""
        shifts, orbit, sky = np.empty((len(q), 3)), self.likelihood.scorer.orbits.circle, sky_of(q)
        for k, knot in enumerate(self.knots):
            early, speed, _ = detector(orbit, sky.T, knot)
            shifts[:, k] = self.frequencies[k] * speed + self.rates[k] * early
        return shifts

    def _solved(self, q: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "n 5"], Float[np.ndarray, "n"]]:
        """Points of the sources, and ln of the determinant of their slopes; -inf outside the ranges."""
        low, width = self._sides
        sides = low + width * np.clip(q[:, 3:5], 0.0, 1.0)
        targets = self.frequencies + q[:, :3] / self._length
        if self.moving:
            targets -= self._shifts(q)
        points, log_slopes = np.empty((len(q), 5)), np.empty(len(q))
        sources_through(
            self.likelihood.scorer.tracks, self.anchor, self.knots, targets, np.ascontiguousarray(sides[:, 0]),
            np.ascontiguousarray(sides[:, 1]), points, log_slopes,
        )  # fmt: skip
        inside = ((q[:, 3:5] >= 0.0) & (q[:, 3:5] <= 1.0)).all(axis=1)
        return points, np.where(inside, log_slopes, -np.inf)

    def _log_volume(
        self, points: Float[np.ndarray, "n 5"], log_slopes: Float[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n"]:
        """Ln of what a volume of the first five coordinates is in the parameters."""
        mass_1, mass_2, spin = points[:, 0], points[:, 1], points[:, 2]
        # From (ln M, ln rate) to (log10 m1, m2), from the depth to the spin, from seconds to years.
        masses = np.log(mass_2 * (mass_1 + mass_2) / (mass_1 - mass_2) / math.log(10.0))
        depth = np.log(3.0 * np.cbrt(1.0 - spin) ** 2)
        constant = np.log(self._sides[1]).sum() - 3.0 * math.log(self._length) - math.log(YEAR)
        return masses + depth + constant - log_slopes


def sky_of(q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 2"]:
    """cos(latitude) times cosine and sine of the longitude."""
    square = q[:, 5:] ** 2
    radius = np.sqrt(square.sum(axis=1, keepdims=True))
    # cos^2 = 1 - exp(-r^2), without cancellation near the pole.
    cosine = np.sqrt(-np.expm1(-(radius**2)))
    return q[:, 5:] * cosine / np.maximum(radius, 1e-12)
