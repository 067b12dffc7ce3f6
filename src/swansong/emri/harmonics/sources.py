"""One inspiral as a source on the sky: its parameters, how it is seen, and the polarization frame.

Angles are those of the FastEMRIWaveforms package (arXiv:2104.04582, section II): colatitude and
longitude of the source and of the hole's spin in the ecliptic frame at the solar-system barycentre.
"""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from swansong.core.constants import MEGAPARSEC, SOLAR_MASS_SECONDS, SPEED_OF_LIGHT
from swansong.core.errors import InputError

VIEWING_AZIMUTH = -0.5 * math.pi
"""Azimuth of the observer in the frame of the source [rad], fixed by the choice of its axes."""


@dataclass(frozen=True)
class Source:
    """An eccentric equatorial inspiral.

    Attributes:
        mass_1: Mass of the large hole, detector frame [solar masses].
        mass_2: Mass of the small body, detector frame [solar masses].
        spin: Dimensionless spin of the large hole, negative for a retrograde orbit.
        plunge_time: Time from the start of the data to the end of the inspiral [sidereal years].
        final_eccentricity: Eccentricity there.
        luminosity_distance: Distance [Mpc].
        source_colatitude: Polar angle of the source, 0 at the ecliptic north pole [rad].
        source_longitude: Ecliptic longitude of the source [rad].
        spin_colatitude: Polar angle of the hole's spin [rad].
        spin_longitude: Ecliptic longitude of the spin [rad].
        phase_phi: Azimuthal phase at the start of the data [rad].
        phase_r: Radial phase there, zero at the smallest distance [rad].

    Raises:
        InputError: If a value is not finite, a mass or a time or the distance is not positive, the
            spin or the eccentricity is outside its range, or a colatitude outside [0, pi].
    """

    mass_1: float
    mass_2: float
    spin: float
    plunge_time: float
    final_eccentricity: float
    luminosity_distance: float
    source_colatitude: float
    source_longitude: float
    spin_colatitude: float
    spin_longitude: float
    phase_phi: float = 0.0
    phase_r: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise InputError(f"`Source({field.name}=...)` must be finite, got {value}; give a number")
        for name, unit in (
            ("mass_1", "solar masses"),
            ("mass_2", "solar masses"),
            ("plunge_time", "years"),
            ("luminosity_distance", "Mpc"),
        ):
            if getattr(self, name) <= 0:
                raise InputError(f"`Source({name}=...)` must be positive, got {getattr(self, name)}; give {unit}")
        if not -1 < self.spin < 1 or not 0 <= self.final_eccentricity < 1:
            raise InputError(
                f"`Source` needs a spin between -1 and 1 and a final eccentricity in [0, 1), got {self.spin} and "
                f"{self.final_eccentricity}; give dimensionless numbers"
            )
        if self.plunge_time > 100:
            raise InputError(f"`Source(plunge_time=...)` must be 100 years or less, got {self.plunge_time}; give years")
        for name in ("source_colatitude", "spin_colatitude"):
            if not 0 <= getattr(self, name) <= math.pi:
                raise InputError(
                    f"`Source({name}=...)` must lie in [0, pi], got {getattr(self, name)}; give the polar angle, not "
                    "the latitude"
                )

    @property
    def amplitude(self) -> float:
        """Reduced mass over distance, the scale of the strain."""
        reduced = self.mass_1 * self.mass_2 / (self.mass_1 + self.mass_2)
        return reduced * SOLAR_MASS_SECONDS * SPEED_OF_LIGHT / (self.luminosity_distance * MEGAPARSEC)

    @property
    def latitude(self) -> float:
        """Ecliptic latitude of the source [rad]."""
        return 0.5 * math.pi - self.source_colatitude

    @property
    def inclination(self) -> float:
        """Angle between the spin and the direction to the observer [rad]."""
        aligned = math.cos(self.source_colatitude) * math.cos(self.spin_colatitude) + math.sin(
            self.source_colatitude
        ) * math.sin(self.spin_colatitude) * math.cos(self.source_longitude - self.spin_longitude)
        return math.acos(min(1.0, max(-1.0, -aligned)))

    @property
    def polarization_angle(self) -> float:
        """Angle psi by which `to_barycentre` turns the polarizations [rad]."""
        turn = self.source_longitude - self.spin_longitude
        up = math.cos(self.source_colatitude) * math.sin(self.spin_colatitude) * math.cos(turn) - math.cos(
            self.spin_colatitude
        ) * math.sin(self.source_colatitude)
        down = math.sin(self.spin_colatitude) * math.sin(turn)
        return -math.atan2(up, down) if down != 0 else 0.5 * math.pi


class Polarizations(NamedTuple):
    """Complex amplitudes of both polarizations.

    Attributes:
        plus: Amplitude of h+, h+ = Re[plus e^{-i Phi}].
        cross: Amplitude of hx, same shape.
    """

    plus: Complex[np.ndarray, "..."]
    cross: Complex[np.ndarray, "..."]


def to_barycentre(source: Source, wave: Polarizations) -> Polarizations:
    """Turn polarizations from the frame of the source into that of the barycentre.

    In the source's frame e_theta points away from the spin and e_phi along its rotation; in the
    barycentre's the basis is west and north, as in `signals.lisa_response`.

    Args:
        source: The source.
        wave: Polarizations in its own frame.

    Returns:
        The polarizations in the barycentre's frame, same shape.

    Reference:
        `GenerateEMRIWaveform` of FastEMRIWaveforms, arXiv:2104.04582.
    """
    cosine, sine = math.cos(2.0 * source.polarization_angle), math.sin(2.0 * source.polarization_angle)
    return Polarizations(cosine * wave.plus - sine * wave.cross, sine * wave.plus + cosine * wave.cross)
