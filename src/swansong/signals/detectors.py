"""Ground-based detectors: how they respond to a wave and when it arrives.

The convention is that of LAL: right ascension, declination and polarization in radians,
GPS seconds at the geocentre, ``h = F_plus h_plus + F_cross h_cross``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals._namespace import namespace
from swansong.signals.geometry import Detector, detector
from swansong.signals.sidereal import greenwich_sidereal_time

__all__ = ["AntennaPattern", "Detector", "Network", "antenna_pattern", "detector", "network", "time_delay"]


class AntennaPattern(NamedTuple):
    """Response to the two polarizations, each with the broadcast shape of the sky angles.

    Attributes:
        plus: Response to the plus polarization, dimensionless.
        cross: Response to the cross polarization, dimensionless.
    """

    plus: Any
    cross: Any


def antenna_pattern(
    observatory: str | Detector,
    *,
    right_ascension: Any,
    declination: Any,
    polarization: Any,
    gps: Any,
) -> AntennaPattern:
    """Compute the response of a detector to a plane wave from one sky direction.

    All angles broadcast against each other; NumPy and JAX arrays both work, also under
    ``jax.jit``.

    Args:
        observatory: Detector or its name.
        right_ascension: Right ascension [rad].
        declination: Declination [rad].
        polarization: Polarization angle [rad].
        gps: GPS time at which the Earth's rotation is evaluated [s].

    Returns:
        The plus and cross responses.

    Raises:
        InputError: If the detector is unknown.

    Reference:
        Anderson et al., arXiv:gr-qc/0008066, equations B4-B9.
    """
    tensor = detector(observatory).tensor
    xp = namespace(right_ascension, declination, polarization, gps)
    longitude = right_ascension - greenwich_sidereal_time(gps)
    # Unit vectors towards increasing right ascension and declination, and the wave frame turned by psi from them.
    zero = xp.zeros_like(longitude + declination)
    east = xp.stack([zero - xp.sin(longitude), zero + xp.cos(longitude), zero], axis=-1)
    north = xp.stack(
        [
            -xp.sin(declination) * xp.cos(longitude),
            -xp.sin(declination) * xp.sin(longitude),
            zero + xp.cos(declination),
        ],
        axis=-1,
    )
    cosine, sine = xp.cos(polarization)[..., None], xp.sin(polarization)[..., None]
    x_axis = sine * north - cosine * east
    y_axis = cosine * north + sine * east
    contraction = "...i,ij,...j->..."
    plus = xp.einsum(contraction, x_axis, tensor, x_axis) - xp.einsum(contraction, y_axis, tensor, y_axis)
    cross = 2.0 * xp.einsum(contraction, x_axis, tensor, y_axis)
    return AntennaPattern(plus=plus, cross=cross)


def time_delay(
    observatory: str | Detector,
    *,
    right_ascension: Any,
    declination: Any,
    gps: Any,
    reference: str | Detector | None = None,
) -> Any:
    """Compute how much later a wave arrives at a detector than at a reference point.

    Args:
        observatory: Detector or its name.
        right_ascension: Right ascension [rad].
        declination: Declination [rad].
        gps: GPS time [s].
        reference: Detector to count from, or None for the geocentre.

    Returns:
        The delay [s], negative when the wave reaches the detector first.

    Raises:
        InputError: If a detector is unknown.
    """
    baseline = detector(observatory).vertex
    if reference is not None:
        baseline = baseline - detector(reference).vertex
    xp = namespace(right_ascension, declination, gps)
    longitude = right_ascension - greenwich_sidereal_time(gps)
    along = xp.cos(declination) * (baseline[0] * xp.cos(longitude) + baseline[1] * xp.sin(longitude))
    return -(along + baseline[2] * xp.sin(declination)) / SPEED_OF_LIGHT


@dataclass(frozen=True)
class Network:
    """An ordered set of detectors that observe together; `network` builds one from names.

    Attributes:
        detectors: The detectors.

    Raises:
        InputError: If the network is empty or two detectors share a name.
    """

    detectors: tuple[Detector, ...]

    def __post_init__(self) -> None:
        if not self.detectors or len(set(self.names)) < len(self.names):
            raise InputError(
                f"`Network(detectors)` must hold one or more different detectors, got {list(self.names)}; name each "
                "once, such as ('H1', 'L1')"
            )

    def __iter__(self) -> Iterator[Detector]:
        return iter(self.detectors)

    def __len__(self) -> int:
        return len(self.detectors)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the detectors, in order."""
        return tuple(entry.name for entry in self.detectors)

    def antenna_patterns(
        self, *, right_ascension: Any, declination: Any, polarization: Any, gps: Any
    ) -> tuple[AntennaPattern, ...]:
        """Compute `antenna_pattern` for each detector, in order."""
        angles = {"right_ascension": right_ascension, "declination": declination, "polarization": polarization}
        return tuple(antenna_pattern(entry, **angles, gps=gps) for entry in self.detectors)

    def time_delays(self, *, right_ascension: Any, declination: Any, gps: Any) -> tuple[Any, ...]:
        """Compute `time_delay` from the geocentre [s] for each detector, in order."""
        return tuple(
            time_delay(entry, right_ascension=right_ascension, declination=declination, gps=gps)
            for entry in self.detectors
        )


def network(names: Iterable[str | Detector]) -> Network:
    """Build a network from names or detectors.

    Args:
        names: Built-in names or detectors, such as ``("H1", "L1")``.

    Returns:
        The network, in the order given.

    Raises:
        InputError: If a name is unknown or given twice, or there is none.
    """
    return Network(tuple(detector(name) for name in names))
