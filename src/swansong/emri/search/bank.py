"""A bank of physical tracks, drawn at random over the prior and denser where tracks are fast.

The space of tracks is five-dimensional and too large to cover; a random bank of many millions
finds the flank of a peak, which refinement then climbs. Tracks are drawn in families that share
one curve (`bank_kernels`), and density follows the prior, tilted towards light central holes,
heavy companions, fast spins, large eccentricities and late plunges, where peaks are narrow.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.emri.search.settings import PriorSettings
from swansong.emri.tracks.units import YEAR

MEMBERS = 64
"""Tracks of a family."""

_SPREAD = 0.08  # of the range of plunge times within a family


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Families:
    """Tracks of a bank.

    Attributes:
        curves: (spin, final eccentricity, nu/M [1/s], plunge within its segment [s]), shape (families, 4).
        masses: Total masses of the members [s], shape (families, members).
        shifts: Whole segments before plunge, same shape.
        segment: Length of a segment [s].
    """

    curves: Float[np.ndarray, "families 4"]
    masses: Float[np.ndarray, "families members"]
    shifts: Int[np.ndarray, "families members"]
    segment: float

    @property
    def size(self) -> int:
        """Number of tracks."""
        return self.masses.size

    def points(self, chosen: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n 5"]:
        """Parameters of some tracks.

        Args:
            chosen: Flat indices of tracks, shape (n,).

        Returns:
            (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (n, 5).
        """
        family, member = np.divmod(chosen, self.masses.shape[1])
        spin, eccentricity, rate, offset = self.curves[family].T
        total = self.masses[family, member]
        nu = rate * total
        mass_1 = 0.5 * total * (1.0 + np.sqrt(1.0 - 4.0 * nu)) / SOLAR_MASS_SECONDS
        mass_2 = total / SOLAR_MASS_SECONDS - mass_1
        plunge = self.shifts[family, member] * self.segment + offset
        return np.stack([mass_1, mass_2, spin, plunge, eccentricity], axis=1)


def _tilted(rng: np.random.Generator, low: float, high: float, power: float, size: int) -> np.ndarray:
    """Draw from a density proportional to x^power on [low, high]."""
    if low == high:
        return np.full(size, low)
    u = rng.random(size)
    if abs(power + 1.0) < 1e-9:
        return low * (high / low) ** u
    k = power + 1.0
    return (low**k + u * (high**k - low**k)) ** (1.0 / k)


def draw_families(
    prior: PriorSettings, *, families: int, segment: float, rng: np.random.Generator, members: int = MEMBERS
) -> Families:
    """Draw tracks.

    Args:
        prior: Ranges of the parameters.
        families: Number of families.
        segment: Length of a segment [s].
        rng: Random generator.
        members: Tracks of a family.

    Returns:
        The tracks.
    """
    mass_1 = _tilted(rng, *prior.mass_1, -1.5, families)
    mass_2 = _tilted(rng, *prior.mass_2, 0.5, families)
    # Density (1 - a)^(-1/3) in the spin: uniform in (1 - a)^(2/3).
    depth = np.sort((1.0 - np.array(prior.spin)) ** (2.0 / 3.0))
    spin = 1.0 - (depth[0] + rng.random(families) * (depth[1] - depth[0])) ** 1.5
    eccentricity = _tilted(rng, *prior.final_eccentricity, 0.5, families)
    total = (mass_1 + mass_2) * SOLAR_MASS_SECONDS
    rate = mass_1 * mass_2 / (mass_1 + mass_2) ** 2 / total
    curves = np.stack([spin, eccentricity, rate, rng.random(families) * segment], axis=1)
    # Companions m2 = rate M^2 of the same rate must lie inside the prior; heavier totals have heavier ones.
    scale = rate * SOLAR_MASS_SECONDS
    low = np.maximum(prior.mass_1[0], np.sqrt(prior.mass_2[0] / scale))
    high = np.minimum(prior.mass_1[1], np.sqrt(prior.mass_2[1] / scale))
    shape = (families, members)
    masses = low[:, None] * (high / low)[:, None] ** rng.random(shape) * SOLAR_MASS_SECONDS
    # Members plunge at nearly the same time, and families are in its order: a block then ends together.
    earliest, latest = (value * YEAR / segment for value in prior.plunge_time)
    plunge = np.sort(_tilted(rng, earliest, latest, 0.5, families))
    spread = plunge[:, None] + _SPREAD * (latest - earliest) * (rng.random(shape) - 0.5)
    # Folded at the ends, so that these are not thinner.
    spread = latest - np.abs(latest - (earliest + np.abs(spread - earliest)))
    shifts = np.clip(np.floor(spread), 0, None).astype(np.int64)
    return Families(curves=curves, masses=masses, shifts=shifts, segment=segment)
