"""Where a source may be, in coordinates that suit one, two or three detectors.

Three detectors time a source on a point of the sky and its mirror image in their plane;
two, on a ring; one, nowhere. The coordinates are x, the cosine of the angle from the line
of the first two detectors, and phi, the angle around that line from their plane:
an isotropic source is uniform in both. The arrival times depend on x and |phi| only, so
that the sampler walks in x and |phi| and sums over what the times leave open.
"""

import math
from dataclasses import dataclass

import numpy as np

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.types import Float
from swansong.signals import Network, greenwich_sidereal_time

_ALONE = 32
"""Sky positions that are summed over for one detector."""

_RING = 16
"""Sky positions that are summed over on a ring of two detectors."""


@dataclass(frozen=True, eq=False)
class SkyChart:
    """Sky coordinates of a network at one time.

    Attributes:
        network: The detectors.
        gps: GPS time at which the Earth's rotation is evaluated [s].
        frame: Rows: along the line of the first two detectors, in the plane of the first
            three, and normal to it, (3, 3), in the Earth-fixed frame.
        vertices: Light travel time from the geocentre to each detector, (detectors, 3) [s].
        tensors: Response tensors, (detectors, 3, 3).
    """

    network: Network
    gps: float
    frame: Float[np.ndarray, "3 3"]
    vertices: Float[np.ndarray, "detectors 3"]
    tensors: Float[np.ndarray, "detectors 3 3"]

    @classmethod
    def of(cls, network: Network, gps: float) -> "SkyChart":
        """Build the chart of a network."""
        vertices = np.stack([one.vertex for one in network]) / SPEED_OF_LIGHT
        tensors = np.stack([one.tensor for one in network])
        if len(network) == 1:
            frame = np.eye(3)
        else:
            first = vertices[1] - vertices[0]
            # Two detectors have no plane of their own; any direction across their line serves.
            other = vertices[2] - vertices[0] if len(network) > 2 else np.array([0.0, 0.0, 1.0])
            first /= np.linalg.norm(first)
            across = other - first * (first @ other)
            across /= np.linalg.norm(across)
            frame = np.stack([first, across, np.cross(first, across)])
        return cls(network, float(gps), frame, vertices, tensors)

    @property
    def dimensions(self) -> int:
        """Sky coordinates that arrival times depend on: 2, 1 or 0."""
        return min(len(self.network), 3) - 1

    @property
    def nodes(self) -> int:
        """Sky positions summed over at each point."""
        return (_ALONE, _RING, 2)[self.dimensions]

    def positions(
        self, unit: Float[np.ndarray, "n dimensions"], free: Float[np.ndarray, "n 2"]
    ) -> Float[np.ndarray, "n nodes 3"]:
        """Directions that belong to points of the sampler, all alike to the arrival times.

        Args:
            unit: Sampler's sky coordinates in the unit interval: x and |phi| / pi, x alone or none.
            free: Two uniform numbers a point, which turn the summed positions at random.

        Returns:
            Unit vectors to the source in the Earth-fixed frame.
        """
        count = len(free)
        steps = np.arange(self.nodes)
        if self.dimensions == 2:
            x = 2.0 * unit[:, :1] - 1.0
            angle = math.pi * unit[:, 1:2] * np.array([1.0, -1.0])
        elif self.dimensions == 1:
            x = 2.0 * unit[:, :1] - 1.0
            angle = 2.0 * math.pi * (steps + free[:, :1]) / self.nodes
        else:
            # A spiral of equal areas, turned and shifted at random.
            x = 2.0 * (steps + free[:, :1]) / self.nodes - 1.0
            angle = 2.0 * math.pi * (steps * 0.5 * (math.sqrt(5.0) - 1.0) + free[:, 1:])
        x = np.broadcast_to(x, (count, self.nodes))
        radius = np.sqrt(np.maximum(1.0 - x**2, 0.0))
        return np.stack([x, radius * np.cos(angle), radius * np.sin(angle)], axis=-1) @ self.frame

    def coordinates(self, direction: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n dimensions"]:
        """Sampler's sky coordinates of directions, in the unit interval."""
        along = np.asarray(direction) @ self.frame.T
        x = np.clip(0.5 * (along[:, 0] + 1.0), 0.0, 1.0)
        phi = np.abs(np.arctan2(along[:, 2], along[:, 1])) / math.pi
        return np.stack([x, phi], axis=1)[:, : self.dimensions]

    def delays(self, direction: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... detectors"]:
        """Arrival time at each detector after the geocentre [s]."""
        return -np.asarray(direction) @ self.vertices.T

    def patterns(self, direction: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... detectors 2"]:
        """Antenna patterns F+ and Fx at polarization angle zero.

        At psi they are F+ cos 2psi + Fx sin 2psi and Fx cos 2psi - F+ sin 2psi.
        """
        x, y, z = np.moveaxis(np.asarray(direction), -1, 0)
        level = np.maximum(np.hypot(x, y), 1e-12)
        east = np.stack([-y / level, x / level, np.zeros_like(x)], axis=-1)
        north = np.stack([-z * x / level, -z * y / level, level], axis=-1)
        turned = np.einsum("dij,...j->...di", self.tensors, east)
        plus = np.einsum("...di,...i->...d", turned, east) - np.einsum(
            "...i,dij,...j->...d", north, self.tensors, north
        )
        cross = -2.0 * np.einsum("...di,...i->...d", turned, north)
        return np.stack([plus, cross], axis=-1)

    def to_equatorial(self, direction: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 2"]:
        """Right ascension in [0, 2 pi) and declination of directions [rad]."""
        x, y, z = np.moveaxis(np.asarray(direction), -1, 0)
        ra = (np.arctan2(y, x) + greenwich_sidereal_time(self.gps)) % (2.0 * math.pi)
        return np.stack([ra, np.arcsin(np.clip(z, -1.0, 1.0))], axis=-1)

    def from_equatorial(
        self, ra: Float[np.ndarray, "..."], dec: Float[np.ndarray, "..."]
    ) -> Float[np.ndarray, "... 3"]:
        """Unit vectors to right ascensions and declinations [rad]."""
        longitude = np.asarray(ra) - greenwich_sidereal_time(self.gps)
        level = np.cos(dec)
        return np.stack([level * np.cos(longitude), level * np.sin(longitude), np.sin(dec)], axis=-1)
