"""Hardening by our laws inside holodeck, which builds whole populations and evolves them.

holodeck asks each of its hardening models for da/dt and de/dt of all pairs at one step, in CGS units, and adds
what they answer; gravitational waves are a model of their own there. Nothing of holodeck is needed to import this.

In holodeck 1.6 the evolution moves the eccentricities of all pairs by the time step of the last one, so that
populations with eccentricities are right only pair by pair; separations of circular pairs are right.

Reference:
    Kelley et al. 2017, arXiv:1606.01900; https://github.com/nanograv/holodeck, version 1.6.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from swansong.binaries.background.population import galaxy_scale
from swansong.binaries.background.settings import GalaxySettings
from swansong.binaries.evolution.hardening import Hardening
from swansong.core.constants import PARSEC, SOLAR_MASS
from swansong.core.errors import InputError
from swansong.physics.peters import MEGAYEAR

_PARSEC = 1e2 * PARSEC  # [cm]
_SOLAR_MASS = 1e3 * SOLAR_MASS  # [g]

Column = Float[np.ndarray, "pairs"]


class Evolving(Protocol):
    """What of holodeck's `Evolution` a hardening model reads.

    Attributes:
        mass: Black holes [g], (pairs, steps, 2).
        sepa: Semi-major axes, falling along the steps [cm], (pairs, steps).
        eccen: Eccentricities, (pairs, steps); None where all orbits are taken for circles.
        tlook: Lookback times, known up to the present step [s], (pairs, steps).
    """

    mass: np.ndarray
    sepa: np.ndarray
    eccen: np.ndarray | None
    tlook: np.ndarray


@dataclass(frozen=True, eq=False)
class StarsForHolodeck:
    """A hardening model for holodeck: stars with the rates s and K of our laws.

    Attributes:
        hardening: The laws, in N-body units, or in parsecs and megayears without `galaxies`.
        galaxies: What the N-body units stand for, by the mass of the black holes.
        widest: Semi-major axis above which these stars do nothing and another model must shrink the pair, in the units
            of length of the laws. The clock of laws of time starts there, or where the pair begins if that is closer.
    """

    hardening: Hardening
    galaxies: GalaxySettings | None = None
    widest: float = math.inf

    CONSISTENT = None

    def __post_init__(self) -> None:
        if not self.widest > 0.0:
            raise InputError(f"`widest` must be positive, got {self.widest:g}; give the size of a hard pair")

    def dadt_dedt(self, evo: Evolving, step: int) -> tuple[Column, Column | None]:
        """Rates of all pairs at one step.

        Args:
            evo: The evolution.
            step: Number of the step.

        Returns:
            da/dt, not positive [cm/s], and de/dt [1/s], None where eccentricities are not followed.
        """
        length, time = self._units(evo.mass[:, step].sum(axis=-1) / _SOLAR_MASS)
        axis = evo.sepa[:, step] / (length * _PARSEC)
        eccentricity = np.zeros(axis.shape) if evo.eccen is None else evo.eccen[:, step]
        rate, growth = self.hardening.rates(self._clock(evo, step, length) / (time * MEGAYEAR), axis, eccentricity)
        near = axis <= self.widest
        shrink = np.where(near, -rate * axis**2, 0.0) * length * _PARSEC / (time * MEGAYEAR)
        if evo.eccen is None:
            return shrink, None
        return shrink, np.where(near, rate * growth * axis, 0.0) / (time * MEGAYEAR)

    def _units(self, total_mass: Column) -> tuple[Column, Column]:
        """Units of length [pc] and time [Myr] of each pair."""
        if self.galaxies is None:
            return np.ones(total_mass.shape), np.ones(total_mass.shape)
        return galaxy_scale(total_mass, self.galaxies)

    def _clock(self, evo: Evolving, step: int, length: Column) -> Column:
        """Time since each pair came within the widest orbit [s]."""
        inside = evo.sepa <= (self.widest * length * _PARSEC)[:, None]
        began = np.minimum(np.argmax(inside, axis=1), step)
        return np.take_along_axis(evo.tlook, began[:, None], axis=1)[:, 0] - evo.tlook[:, step]

    def dadt(self, evo: Evolving, step: int) -> Column:
        """The first of `dadt_dedt`."""
        return self.dadt_dedt(evo, step)[0]

    def dedt(self, evo: Evolving, step: int) -> Column | None:
        """The second of `dadt_dedt`."""
        return self.dadt_dedt(evo, step)[1]


Model = TypeVar("Model")


def as_holodeck_hardening(model: Model) -> Model:
    """Let holodeck take a model for one of its own, which it insists on.

    Args:
        model: The model, whose class is registered with holodeck's base class.

    Returns:
        The model.

    Raises:
        InputError: holodeck is not installed.
    """
    base: Callable[..., Any]
    try:
        from holodeck.hardening import _Hardening as base  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError("holodeck is not installed; `pip install holodeck-gw` brings it") from error
    base.register(type(model))
    return model
