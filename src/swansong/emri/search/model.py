"""Named parameters of an inspiral as the search sees it, and their prior."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from swansong.emri.search.settings import PriorSettings
from swansong.emri.tracks.units import YEAR
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.priors import Prior, Uniform


@dataclass(frozen=True)
class SearchModel:
    """Parameters and prior of a track.

    The parameters, in order: log10_mass_1 [log10 of solar masses], mass_2 [solar masses], spin,
    plunge_time [yr], final_eccentricity; each is uniform in its range. Compiled code uses points
    (mass_1, mass_2, spin, plunge time [s], final eccentricity) instead.

    Attributes:
        settings: Ranges of the prior.
    """

    settings: PriorSettings = field(default_factory=PriorSettings)

    @cached_property
    def parameters(self) -> Parameters:
        """The named parameters, in the order of every parameter vector."""
        ranges = self.settings
        mass_1 = np.log10(np.asarray(ranges.mass_1))
        rows = (
            ("log10_mass_1", (float(mass_1[0]), float(mass_1[1])), r"$\log_{10} M_\odot$", r"$\log_{10} m_1$"),
            ("mass_2", ranges.mass_2, r"$M_\odot$", "$m_2$"),
            ("spin", ranges.spin, "", "$a$"),
            ("plunge_time", ranges.plunge_time, "yr", r"$T_\mathrm{pl}$"),
            ("final_eccentricity", ranges.final_eccentricity, "", "$e_f$"),
        )
        return Parameters(
            Parameter(name, unit=unit, latex=latex, minimum=limits[0], maximum=limits[1])
            for name, limits, unit, latex in rows
        )

    @cached_property
    def prior(self) -> Prior:
        """The prior."""
        return Prior({item.name: Uniform(item.minimum, item.maximum) for item in self.parameters}, self.parameters)

    def to_points(self, theta: Float[np.ndarray, "... 5"]) -> Float[np.ndarray, "... 5"]:
        """Parameter vectors to points of compiled code.

        Args:
            theta: Parameter vectors, shape (..., 5).

        Returns:
            (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), same shape.
        """
        points = np.array(theta, dtype=np.float64)
        points[..., 0] = 10.0 ** points[..., 0]
        points[..., 3] *= YEAR
        return points

    def from_points(self, points: Float[np.ndarray, "... 5"]) -> Float[np.ndarray, "... 5"]:
        """The inverse of `to_points`."""
        theta = np.array(points, dtype=np.float64)
        theta[..., 0] = np.log10(theta[..., 0])
        theta[..., 3] /= YEAR
        return theta

    @cached_property
    def limits(self) -> tuple[Float[np.ndarray, "5"], Float[np.ndarray, "5"]]:
        """Lower and upper bounds of points."""
        ranges = self.settings
        rows = [
            ranges.mass_1,
            ranges.mass_2,
            ranges.spin,
            np.asarray(ranges.plunge_time) * YEAR,
            ranges.final_eccentricity,
        ]
        low, high = np.array(rows, dtype=np.float64).T
        return low.copy(), high.copy()
