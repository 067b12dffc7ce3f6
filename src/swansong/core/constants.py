"""Physical constants in SI units, and the Sun's mass as a time and a length.

Masses enter the equations of general relativity as times, so the one constant that
matters is GM/c^3. The product GM of the Sun is known to ten digits while G and the mass
in kilograms are known to five: never build `SOLAR_MASS_SECONDS` from `SOLAR_MASS`.

Reference:
    IAU 2015 Resolution B3 (nominal solar mass parameter), arXiv:1510.07674; IAU 2012
    Resolution B2 (astronomical unit); CODATA 2022 (Newton's constant).
"""

import math

SPEED_OF_LIGHT = 299792458.0
"""Speed of light in vacuum [m/s], exact."""

GRAVITATIONAL_CONSTANT = 6.67430e-11
"""Newton's constant [m^3/kg/s^2], relative uncertainty 2.2e-5."""

SOLAR_MASS_PARAMETER = 1.3271244e20
"""Nominal GM of the Sun [m^3/s^2]."""

SOLAR_MASS_SECONDS = 4.925490947641e-6
"""GM/c^3 of the Sun [s]: one solar mass as a time."""

SOLAR_MASS_METRES = SOLAR_MASS_PARAMETER / SPEED_OF_LIGHT**2
"""GM/c^2 of the Sun [m]: one solar mass as a length."""

SOLAR_MASS = SOLAR_MASS_PARAMETER / GRAVITATIONAL_CONSTANT
"""Mass of the Sun [kg], only as precise as Newton's constant."""

ASTRONOMICAL_UNIT = 149597870700.0
"""Astronomical unit [m], exact."""

PARSEC = ASTRONOMICAL_UNIT * 648000.0 / math.pi
"""Parsec [m], exact by definition."""

KILOPARSEC = 1e3 * PARSEC
"""Kiloparsec [m]."""

MEGAPARSEC = 1e6 * PARSEC
"""Megaparsec [m]."""

GIGAPARSEC = 1e9 * PARSEC
"""Gigaparsec [m]."""

DAY = 86400.0
"""Day [s]."""

JULIAN_YEAR = 365.25 * DAY
"""Julian year [s]."""

SIDEREAL_DAY = 86164.0905
"""Mean sidereal day [s], one turn of the Earth against the stars."""
