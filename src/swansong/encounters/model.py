"""Named parameters of a close encounter, their prior, and the two numbers that one burst measures well."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from swansong.core.constants import MEGAPARSEC, SOLAR_MASS_SECONDS, SPEED_OF_LIGHT
from swansong.core.types import ArrayLike
from swansong.encounters.settings import ModelSettings, PriorSettings
from swansong.inference.laws import Law
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.priors import Bound, Cosine, PowerLaw, Prior, Sine, Uniform

MEGAPARSEC_SECONDS = MEGAPARSEC / SPEED_OF_LIGHT
"""Time that light takes for a megaparsec [s]."""


def timescale(total_mass: Any, semi_latus_rectum: Any) -> Any:
    """Time scale tau = M p^(3/2) of a passage [s].

    Args:
        total_mass: Total mass [solar masses].
        semi_latus_rectum: Semi-latus rectum [total mass].

    Returns:
        The time scale; but for the eccentricity it fixes the shape of a burst.
    """
    return total_mass * SOLAR_MASS_SECONDS * semi_latus_rectum**1.5


def strain_amplitude(total_mass: Any, mass_ratio: Any, semi_latus_rectum: Any, luminosity_distance: Any) -> Any:
    """Strain amplitude eta M / (p d) of a burst.

    Args:
        total_mass: Total mass [solar masses].
        mass_ratio: Smaller over larger mass.
        semi_latus_rectum: Semi-latus rectum [total mass].
        luminosity_distance: Luminosity distance [Mpc].

    Returns:
        The amplitude, dimensionless.
    """
    eta = mass_ratio / (1.0 + mass_ratio) ** 2
    return eta * total_mass * SOLAR_MASS_SECONDS / (semi_latus_rectum * luminosity_distance * MEGAPARSEC_SECONDS)


class MassRatio(Law):
    """Mass ratio of two masses that are uniform in [m, M] with the second not above the first.

    The density is proportional to 1 - (minimum / q)^2 for q from minimum = m / M to 1.
    """

    minimum: float = eqx.field(converter=float)
    maximum: float = 1.0

    @property
    def _norm(self) -> float:
        return (1.0 - self.minimum) ** 2

    def _log_density(self, x):
        return jnp.log1p(-((self.minimum / x) ** 2)) - math.log(self._norm)

    def _cumulative(self, x):
        return (x - self.minimum) ** 2 / (x * self._norm)

    def _quantile(self, u):
        half = 0.5 * self._norm * u + self.minimum
        return half + jnp.sqrt(jnp.maximum(half**2 - self.minimum**2, 0.0))


@dataclass(frozen=True)
class EncounterModel:
    """Parameters and prior of a close encounter.

    The parameters, in order: mass_ratio, total_mass, eccentricity, semi_latus_rectum,
    luminosity_distance, pericentre_time, ra, dec, psi, theta_jn and, unless the
    polarization angle stands for it, argument_of_pericentre. The wave knows the argument
    of pericentre by its double angle only, so that it is given in [0, pi).

    Attributes:
        settings: Ranges of the prior and the smallest signal-to-noise ratio.
        signal: What the signal looks like.
    """

    settings: PriorSettings
    signal: ModelSettings = field(default_factory=ModelSettings)

    @property
    def shared_angle(self) -> bool:
        """Whether the polarization angle is also the argument of pericentre."""
        return self.signal.orientation == "shared"

    @cached_property
    def parameters(self) -> Parameters:
        """The named parameters, in the order of every parameter vector."""
        low, high = self.settings.component_mass
        ranges = self.settings
        rows = [
            Parameter("mass_ratio", latex="$q$", minimum=low / high, maximum=1.0),
            Parameter("total_mass", unit=r"$M_\odot$", latex="$M$", minimum=2.0 * low, maximum=2.0 * high),
            _ranged("eccentricity", ranges.eccentricity, latex="$e_0$"),
            _ranged("semi_latus_rectum", ranges.semi_latus_rectum, unit="$M$", latex=r"$\bar{p}_0$"),
            _ranged("luminosity_distance", ranges.luminosity_distance, unit="Mpc", latex="$d_L$"),
            _ranged("pericentre_time", ranges.pericentre_time, unit="s", latex="$t_p$"),
            _angle("ra", 2.0 * math.pi, latex=r"$\alpha$"),
            Parameter("dec", unit="rad", latex=r"$\delta$", minimum=-math.pi / 2, maximum=math.pi / 2),
            _angle("psi", math.pi, latex=r"$\psi$"),
            Parameter("theta_jn", unit="rad", latex=r"$\iota$", minimum=0.0, maximum=math.pi),
            _angle("argument_of_pericentre", math.pi, latex=r"$\beta$"),
        ]
        return Parameters(rows[:-1] if self.shared_angle else rows)

    def values(self, theta: ArrayLike) -> dict[str, np.ndarray]:
        """Parameter vectors (..., parameters) by name, for code on the host."""
        named = self.parameters.unpack(np.asarray(theta, float))
        return {name: np.asarray(column) for name, column in named.items()}

    @cached_property
    def prior(self) -> Prior:
        """The prior before the cut on the signal-to-noise ratio.

        Masses are uniform in the triangle mass_2 <= mass_1: given the mass ratio the
        density of the total mass is proportional to it.
        """
        low, high = self.settings.component_mass
        laws: dict[str, Law] = {
            "mass_ratio": MassRatio(low / high),
            "total_mass": PowerLaw(
                1.0,
                minimum=Bound(("mass_ratio",), lambda q: low * (1.0 + q) / q),
                maximum=Bound(("mass_ratio",), lambda q: high * (1.0 + q)),
            ),
            "dec": Cosine(),
            "theta_jn": Sine(),
        }
        flat = {item.name: Uniform(item.minimum, item.maximum) for item in self.parameters if item.name not in laws}
        return Prior(flat | laws, self.parameters)


def _ranged(name: str, limits: tuple[float, float], *, unit: str = "", latex: str) -> Parameter:
    """A parameter between the limits of its prior."""
    return Parameter(name, unit=unit, latex=latex, minimum=limits[0], maximum=limits[1])


def _angle(name: str, period: float, *, latex: str) -> Parameter:
    """A periodic angle from zero to its period."""
    return Parameter(name, unit="rad", latex=latex, minimum=0.0, maximum=period, periodic=True)
