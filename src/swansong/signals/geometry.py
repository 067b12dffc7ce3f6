"""Where ground-based detectors stand and how their arms lie."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError

# World Geodetic System 1984: semi-axes of the reference ellipsoid [m].
_WGS84_EQUATORIAL = 6378137.0
_WGS84_POLAR = 6356752.314245


@dataclass(frozen=True)
class Detector:
    """An L- or V-shaped interferometer described by geodetic angles.

    Attributes:
        name: Short name, such as ``"H1"``.
        latitude: Geodetic latitude of the vertex [rad].
        longitude: Longitude of the vertex, positive towards the east [rad].
        elevation: Height above the WGS-84 ellipsoid [m].
        x_azimuth: Direction of the x arm, clockwise from north [rad].
        y_azimuth: Direction of the y arm, clockwise from north [rad].
        x_altitude: Tilt of the x arm above the local horizontal [rad].
        y_altitude: Tilt of the y arm above the local horizontal [rad].

    Raises:
        InputError: If an angle is not finite, the latitude is beyond the poles or the
            arms coincide.

    Reference:
        Althouse et al., LIGO-T980044; Anderson, Brady, Creighton and Flanagan,
        arXiv:gr-qc/0008066, appendix B.
    """

    name: str
    latitude: float
    longitude: float
    elevation: float = 0.0
    x_azimuth: float = 0.0
    y_azimuth: float = np.pi / 2
    x_altitude: float = 0.0
    y_altitude: float = 0.0

    def __post_init__(self) -> None:
        for field in ("latitude", "longitude", "elevation", "x_azimuth", "y_azimuth", "x_altitude", "y_altitude"):
            if not np.isfinite(getattr(self, field)):
                raise InputError(
                    f"`Detector({field}=...)` must be finite, got {getattr(self, field)}; give radians (metres for the "
                    "elevation)"
                )
        if abs(self.latitude) > np.pi / 2:
            raise InputError(
                f"`Detector(latitude=...)` must lie in [-pi/2, pi/2], got {self.latitude}; give the geodetic latitude "
                "in radians"
            )
        if np.linalg.norm(np.cross(self.x_arm, self.y_arm)) < 1e-6:
            raise InputError(
                f"`Detector(x_azimuth=..., y_azimuth=...)` must give two different arms, got {self.x_azimuth} and "
                f"{self.y_azimuth}; give both azimuths in radians, clockwise from north"
            )

    @cached_property
    def vertex(self) -> Float[np.ndarray, "3"]:
        """Position of the vertex in the Earth-fixed frame [m]."""
        sine, cosine = np.sin(self.latitude), np.cos(self.latitude)
        radius = _WGS84_EQUATORIAL**2 / np.hypot(_WGS84_EQUATORIAL * cosine, _WGS84_POLAR * sine)
        equatorial = (radius + self.elevation) * cosine
        return np.array(
            [
                equatorial * np.cos(self.longitude),
                equatorial * np.sin(self.longitude),
                ((_WGS84_POLAR / _WGS84_EQUATORIAL) ** 2 * radius + self.elevation) * sine,
            ]
        )

    @cached_property
    def x_arm(self) -> Float[np.ndarray, "3"]:
        """Unit vector along the x arm in the Earth-fixed frame."""
        return self._direction(self.x_azimuth, self.x_altitude)

    @cached_property
    def y_arm(self) -> Float[np.ndarray, "3"]:
        """Unit vector along the y arm in the Earth-fixed frame."""
        return self._direction(self.y_azimuth, self.y_altitude)

    @cached_property
    def tensor(self) -> Float[np.ndarray, "3 3"]:
        """Response tensor ``(x x - y y) / 2``, for wavelengths longer than the arms."""
        return 0.5 * (np.outer(self.x_arm, self.x_arm) - np.outer(self.y_arm, self.y_arm))

    def _direction(self, azimuth: float, altitude: float) -> np.ndarray:
        """Turn an azimuth and altitude at the vertex into an Earth-fixed unit vector."""
        sine, cosine = np.sin(self.latitude), np.cos(self.latitude)
        east = np.array([-np.sin(self.longitude), np.cos(self.longitude), 0.0])
        north = np.array([-sine * np.cos(self.longitude), -sine * np.sin(self.longitude), cosine])
        up = np.array([cosine * np.cos(self.longitude), cosine * np.sin(self.longitude), sine])
        return np.cos(altitude) * (np.sin(azimuth) * east + np.cos(azimuth) * north) + np.sin(altitude) * up


# Geodetic constants of LAL (LALDetectors.h), from LIGO-T980044 (H1, L1), arXiv:gr-qc/0008066
# (V1) and JGW-G1503824 (K1).
_BUILT_IN: dict[str, Detector] = {
    entry.name: entry
    for entry in (
        Detector(
            "H1",
            latitude=0.81079526383,
            longitude=-2.08405676917,
            elevation=142.554,
            x_azimuth=5.65487724844,
            y_azimuth=4.08408092164,
            x_altitude=-6.195e-4,
            y_altitude=1.25e-5,
        ),
        Detector(
            "L1",
            latitude=0.53342313506,
            longitude=-1.58430937078,
            elevation=-6.574,
            x_azimuth=4.40317772346,
            y_azimuth=2.83238139666,
            x_altitude=-3.121e-4,
            y_altitude=-6.107e-4,
        ),
        Detector(
            "V1",
            latitude=0.76151183984,
            longitude=0.18333805213,
            elevation=51.884,
            x_azimuth=0.33916285222,
            y_azimuth=5.05155183261,
        ),
        Detector(
            "K1",
            latitude=0.6355068497,
            longitude=2.396441015,
            elevation=414.181,
            x_azimuth=1.054113,
            y_azimuth=-0.5166798,
            x_altitude=3.1414e-3,
            y_altitude=-3.6270e-3,
        ),
    )
}


def detector(name: str | Detector) -> Detector:
    """Look up a built-in detector (H1, L1, V1 or K1).

    Args:
        name: Its short name; a `Detector` is returned as it is.

    Returns:
        The detector.

    Raises:
        InputError: If no built-in detector has that name.
    """
    if isinstance(name, Detector):
        return name
    if name not in _BUILT_IN:
        raise InputError(
            f"`detector(name)` must be one of {', '.join(_BUILT_IN)}, got {name!r}; build a `Detector(...)` from its "
            "angles for any other"
        )
    return _BUILT_IN[name]
