"""The few coordinates in which a burst's posterior is nearly Gaussian.

ln of the time scale, the normal quantile of the eccentricity, the arrival time of the
pericentre at one detector [ms], and the normal quantiles of the sky coordinates that arrival times
depend on. Everything else is integrated out exactly at each point.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from swansong.core.types import Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.correlations import Correlations, Evaluation
from swansong.encounters.model import timescale

MILLISECOND = 1e-3
"""Unit of arrival times among the coordinates [s]."""

UNIFORM_NUMBERS = 8
"""Uniform numbers that complete one point: orientation, choices, sky, amplitude, masses."""

_EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class Points:
    """Coordinates of the sampler for one analysis and reference detector.

    Attributes:
        analysis: The problem.
        reference: Index of the detector whose arrival time is a coordinate.
    """

    analysis: Analysis
    reference: int

    @property
    def dimensions(self) -> int:
        """Number of coordinates: three to five."""
        return dimensions_of(self.analysis)

    def of(self, theta: Float[np.ndarray, "n parameters"]) -> Float[np.ndarray, "n d"]:
        """Coordinates of parameters."""
        values = self.analysis.model.values(np.atleast_2d(theta))
        low, high = self.analysis.model.settings.eccentricity
        chart = self.analysis.chart
        direction = chart.from_equatorial(values["ra"], values["dec"])
        arrival = values["pericentre_time"] + chart.delays(direction)[:, self.reference]
        share = (values["eccentricity"] - low) / (high - low)
        first = [
            np.log(timescale(values["total_mass"], values["semi_latus_rectum"])),
            _normal(share),
            arrival / MILLISECOND,
        ]
        return np.concatenate([np.stack(first, axis=1), _normal(chart.coordinates(direction))], axis=1)

    def of_scan(
        self,
        log_tau: Float[np.ndarray, "n"],
        times: Float[np.ndarray, "n"],
        sky: Float[np.ndarray, "n dimensions"],
        *,
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "n d"]:
        """Coordinates of a scan's guesses, with eccentricities from the prior."""
        first = np.stack([log_tau, rng.standard_normal(len(log_tau)), times / MILLISECOND], axis=1)
        return np.concatenate([first, _normal(sky)], axis=1)

    def sky(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n dimensions"]:
        """Sky coordinates in the unit interval."""
        return ndtr(x[:, 3:])

    def eccentricity(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Eccentricities."""
        low, high = self.analysis.model.settings.eccentricity
        return low + (high - low) * ndtr(x[:, 1])

    def arrival(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Arrival times at the reference [s]."""
        return MILLISECOND * x[:, 2]

    def evaluate(
        self,
        correlations: Correlations,
        x: Float[np.ndarray, "n d"],
        *,
        uniform: Float[np.ndarray, "n numbers"],
        orientations: int,
    ) -> Evaluation:
        """Likelihoods of points, everything else integrated out; see `Correlations.evaluate`."""
        return correlations.evaluate(
            x[:, 0],
            self.eccentricity(x),
            arrival=self.arrival(x),
            sky=self.sky(x),
            reference=self.reference,
            uniform=uniform[:, :6],
            orientations=orientations,
        )

    def log_prior(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log prior density of all coordinates but ln tau, which `evaluate` brings."""
        early, late = self.analysis.model.settings.pericentre_time
        gaussian = norm.logpdf(x[:, 1]) + norm.logpdf(x[:, 3:]).sum(axis=1)
        return gaussian - np.log((late - early) / MILLISECOND)

    def complete(
        self,
        x: Float[np.ndarray, "n d"],
        found: Evaluation,
        *,
        uniform: Float[np.ndarray, "n numbers"],
    ) -> Float[np.ndarray, "n parameters"]:
        """Parameter vectors of points.

        Args:
            x: Points.
            found: What `evaluate` drew there.
            uniform: Uniform numbers; the last two choose the masses.

        Returns:
            Parameters; NaN where the prior allows none.
        """
        chart = self.analysis.chart
        masses = self.analysis.masses.complete(x[:, 0], found.log_amplitude, np.ascontiguousarray(uniform[:, 6:8]))
        place = chart.to_equatorial(found.direction)
        centre = self.arrival(x) - chart.delays(found.direction)[:, self.reference]
        columns = [
            masses[:, 0],
            masses[:, 1],
            self.eccentricity(x),
            masses[:, 2],
            masses[:, 3],
            centre,
            place[:, 0],
            place[:, 1],
            found.orientation[:, 0],
            found.orientation[:, 1],
            found.orientation[:, 2],
        ]
        return np.stack(columns[: len(self.analysis.parameters)], axis=1)


def dimensions_of(analysis: Analysis) -> int:
    """Number of coordinates of an analysis: three to five."""
    return 3 + analysis.chart.dimensions


def _normal(unit: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Normal quantile of numbers in the unit interval."""
    return ndtri(np.clip(unit, _EDGE, 1.0 - _EDGE))
