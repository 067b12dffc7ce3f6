"""Coordinates of the walk: the prior's unit box, and two normal numbers for the direction if that is fitted."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError, InputError
from swansong.emri.followup.likelihood import TrackLikelihood
from swansong.emri.search.metric_kernels import to_coordinates, track_metric
from swansong.emri.search.model import SearchModel
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
    """Coordinates q of a source in one data set, and its log posterior.

    The first five are (ln m1, ln m2, (1-a)^(1/3), plunge time, e_f) as shares of their ranges: tracks depend on
    masses like powers, so that what they leave open runs straighter in these than in the parameters. Where the
    likelihood knows the motion of the detector there are two more, whose angle is the longitude and whose radius
    r gives |sin(latitude)| = exp(-r^2/2): standard normal numbers for isotropic directions, so that a walk needs
    neither circle nor edge.

    Attributes:
        likelihood: The data.
        model: Prior of the sources.
    """

    likelihood: TrackLikelihood
    model: SearchModel

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
        """Coordinates of parameter vectors of `SearchModel`."""
        points = self.model.to_points(theta)
        x = points.copy()
        x[..., :2] = np.log(points[..., :2])
        x[..., 2] = np.cbrt(1.0 - points[..., 2])
        low, high = self.model.box
        return (x - low) / (high - low)

    def to_theta(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 5"]:
        """Parameter vectors of `SearchModel`, kept inside its ranges."""
        low, high = self.model.box
        points = low + (high - low) * q[..., :5]
        points[..., :2] = np.exp(points[..., :2])
        points[..., 2] = 1.0 - points[..., 2] ** 3
        bounds = np.array([[item.minimum, item.maximum] for item in self.model.parameters]).T
        return np.clip(self.model.from_points(points), *bounds)

    def samples_of(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n parameters"]:
        """Vectors of `parameters`."""
        theta = self.to_theta(q)
        if not self.moving:
            return theta
        longitude = np.mod(np.arctan2(q[:, 6], q[:, 5]), 2.0 * math.pi)
        return np.column_stack([theta, longitude, np.exp(-0.5 * (q[:, 5] ** 2 + q[:, 6] ** 2))])

    def log_jacobian(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Ln of a density of `parameters` over that of q."""
        value = -np.log(self._widths).sum() - self._log_slope(q)
        return value + 0.5 * (q[:, 5] ** 2 + q[:, 6] ** 2) if self.moving else value

    def log_prior(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of the prior, -inf outside; flat in the parameters, isotropic on the sky."""
        inside = ((q[:, :5] >= 0.0) & (q[:, :5] <= 1.0)).all(axis=1)
        value = self._log_slope(q)
        if self.moving:
            value = value - 0.5 * (q[:, 5] ** 2 + q[:, 6] ** 2) - math.log(2.0 * math.pi)
        return np.where(inside, value, -np.inf)

    def _log_slope(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Ln of what a volume in coordinates is in shares of the parameters' ranges."""
        low, high = self.model.box
        span = high - low
        log_mass_2 = low[1] + span[1] * q[:, 1]
        depth = np.maximum(low[2] + span[2] * q[:, 2], 1e-12)
        widths = self._widths
        constant = np.log(span[1] / widths[1]) + np.log(3.0 * span[2] / widths[2])
        return log_mass_2 + 2.0 * np.log(depth) + constant

    def log_likelihood(self, q: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log likelihood ratio, -inf outside the prior and where there is no track."""
        inside = np.isfinite(self.log_prior(q))
        value = np.full(len(q), -np.inf)
        if inside.any():
            chosen = q[inside]
            points = self.model.to_points(self.to_theta(chosen))
            value[inside] = self.likelihood.evaluate(points, sky=_sky(chosen) if self.moving else None)[0]
        return value

    def with_sky(self, u: Float[np.ndarray, "n 5"], *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Add isotropic directions, where they are coordinates."""
        return np.column_stack([u, rng.standard_normal((len(u), 2))]) if self.moving else u

    def local_factor(self, theta: Float[np.ndarray, "5"], *, snr: float) -> Float[np.ndarray, "5 5"]:
        """A factor F such that F F^T is the covariance expected around a source, by the metric of its track.

        Args:
            theta: Parameter vector.
            snr: Signal-to-noise ratio.

        Returns:
            Factor, in the first five coordinates.

        Raises:
            InputError: If the source is outside the prior.
            DomainError: If it has no track to take a metric of.
        """
        theta = np.asarray(theta, float)
        if not self.model.parameters.contains(theta):
            raise InputError(
                f"`candidate` {np.round(theta, 6).tolist()} lies outside the prior; give a source inside, or widen it"
            )
        scorer = self.likelihood.scorer
        point, x, metric = self.model.to_points(theta), np.empty(5), np.empty((5, 5))
        to_coordinates(point, x)
        edges = self.model.box
        x = np.clip(x, *edges)
        work = np.empty((2, scorer.tracks.coefficients.shape[3]))
        grid = (*scorer.grid, 1.0 / scorer.table.step, float(scorer.table.segments))
        stretch = float(self.likelihood.settings.length)
        if not track_metric(scorer.tracks, work, x, *edges, grid, scorer.shape, scorer.weights, stretch, metric):
            raise DomainError(
                "the candidate has no track in the table of tracks; give a spin and final eccentricity inside it"
            )
        information = snr**2 * metric + _UNIFORM_PRECISION * np.eye(5)
        values, vectors = np.linalg.eigh(information)
        return vectors / np.sqrt(values)


def _sky(q: np.ndarray) -> np.ndarray:
    """cos(latitude) times cosine and sine of the longitude."""
    square = q[:, 5:] ** 2
    radius = np.sqrt(square.sum(axis=1, keepdims=True))
    # cos^2 = 1 - exp(-r^2), without cancellation near the pole.
    cosine = np.sqrt(-np.expm1(-(radius**2)))
    return q[:, 5:] * cosine / np.maximum(radius, 1e-12)
