"""N-body units and what they are in a galaxy: the one place where a physical scale enters.

N-body units have G = 1, the stars of both galaxies together of mass 1 and the scale radius of a galaxy as the
length. The speed of light then tells how heavy and how compact the galaxies are.
"""

import math
from dataclasses import dataclass

from swansong.core.constants import JULIAN_YEAR, PARSEC, SOLAR_MASS_PARAMETER, SPEED_OF_LIGHT
from swansong.core.errors import InputError


@dataclass(frozen=True)
class Units:
    """Physical size of the N-body units.

    Attributes:
        mass: Stars of both galaxies [solar masses].
        length: Scale radius of a galaxy [pc].

    Raises:
        InputError: A value is not positive.
    """

    mass: float = 2e10
    length: float = 186.0

    def __post_init__(self) -> None:
        for name, value, unit in (("mass", self.mass, "solar masses"), ("length", self.length, "parsecs")):
            if not 0.0 < value < math.inf:
                raise InputError(f"`{name}` of the units must be positive, got {value:g}; give it in {unit}")

    @property
    def time(self) -> float:
        """Unit of time [Myr]."""
        seconds = math.sqrt((self.length * PARSEC) ** 3 / (self.mass * SOLAR_MASS_PARAMETER))
        return seconds / (1e6 * JULIAN_YEAR)

    @property
    def velocity(self) -> float:
        """Unit of velocity [km/s]."""
        return math.sqrt(self.mass * SOLAR_MASS_PARAMETER / (self.length * PARSEC)) / 1e3

    @property
    def speed_of_light(self) -> float:
        """Speed of light in N-body units."""
        return SPEED_OF_LIGHT / (self.velocity * 1e3)
