"""Populations of pairs that merge: each row stands for so many mergers in a comoving volume.

Mass, redshift and the orbit at the beginning are all that a background needs. Rows come from a law of mass and
redshift, from one pair for all, or from a table of sampled ones (`population_files`).
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from swansong.binaries.background.settings import GalaxySettings, LawSettings, OrbitSettings, SingleSettings
from swansong.core.constants import MEGAPARSEC
from swansong.core.errors import DataError
from swansong.physics.peters import GRAVITY, ISCO, LIGHT, MEGAYEAR, axis_at_frequency, orbital_frequency

Column = Float[np.ndarray, "pairs"]

_HUBBLE = 67.66e3 / MEGAPARSEC * 1e3 * MEGAYEAR  # [1/Gyr]
_MATTER = 0.3111
_DISTANCE_NODES = 24

_POSITIVE = ("mass_1", "mass_2", "axis")
_FROM_ZERO = ("redshift", "density", "hardening_rate")


@dataclass(frozen=True, eq=False)
class Population:
    """Pairs at the beginning of their orbits, one a row.

    Attributes:
        mass_1: One black hole [solar masses].
        mass_2: The other [solar masses].
        redshift: Redshift at which the waves are sent out.
        density: Mergers that the row stands for, in a comoving volume [1/Mpc^3].
        axis: Semi-major axis at the beginning [pc].
        eccentricity: Eccentricity at the beginning, in [0, 1).
        hardening_rate: s = d(1/a)/dt by stars, 0 where gravitational waves alone drive the pair [1/(pc Myr)].
        eccentricity_rate: K = de/dln(1/a) by stars.

    Raises:
        DataError: Lengths differ, there is no row, or a value is out of range.
    """

    mass_1: Column
    mass_2: Column
    redshift: Column
    density: Column
    axis: Column
    eccentricity: Column
    hardening_rate: Column
    eccentricity_rate: Column

    def __post_init__(self) -> None:
        for field in fields(self):
            values = np.asarray(getattr(self, field.name), float)
            object.__setattr__(self, field.name, values)
            if values.ndim != 1 or values.shape != self.mass_1.shape or not len(values):
                raise DataError(
                    f"`{field.name}` of the population has shape {values.shape}; give one or more rows, one value each"
                )
            good = np.isfinite(values)
            if field.name in _POSITIVE:
                good &= values > 0.0
            elif field.name in _FROM_ZERO:
                good &= values >= 0.0
            elif field.name == "eccentricity":
                good &= (values >= 0.0) & (values < 1.0)
            if not np.all(good):
                row = int(np.argmin(good))
                raise DataError(
                    f"row {row + 1} of the population has {field.name} = {values[row]:g}, which no bound pair has; "
                    "mend or drop the row"
                )

    def __len__(self) -> int:
        return len(self.mass_1)

    @property
    def total_mass(self) -> Column:
        """Mass of both black holes [solar masses]."""
        return self.mass_1 + self.mass_2

    @property
    def chirp_mass(self) -> Column:
        """Chirp mass [solar masses]."""
        return (self.mass_1 * self.mass_2) ** 0.6 / self.total_mass**0.2

    @property
    def frequency(self) -> Column:
        """Orbital frequency at the beginning, in the frame of the source [Hz]."""
        return orbital_frequency(self.axis, total_mass=self.total_mass, gravity=GRAVITY) / MEGAYEAR

    @property
    def last_frequency(self) -> Column:
        """Orbital frequency of the last stable circular orbit, in the frame of the source [Hz]."""
        axis = ISCO * GRAVITY * self.total_mass / LIGHT**2
        return orbital_frequency(axis, total_mass=self.total_mass, gravity=GRAVITY) / MEGAYEAR


def single(settings: SingleSettings, orbits: OrbitSettings, *, galaxies: GalaxySettings) -> Population:
    """Pairs that are all alike.

    Args:
        settings: The pair.
        orbits: How it begins and shrinks.
        galaxies: What the N-body units stand for.

    Returns:
        A population of one row.
    """
    rows = np.ones(1)
    return _on_orbits(
        chirp_mass=settings.chirp_mass * rows,
        redshift=settings.redshift * rows,
        density=settings.density * rows,
        mass_ratio=settings.mass_ratio,
        orbits=orbits,
        galaxies=galaxies,
    )


def from_law(law: LawSettings, orbits: OrbitSettings, *, galaxies: GalaxySettings) -> Population:
    """A grid of pairs whose rows are the nodes of Gauss rules in ln mass and redshift.

    d2n / dz dlog10 M = rate (M / 1e7)^-alpha exp(-M / M_cutoff) (1 + z)^beta exp(-z / z_cutoff) dt/dz, with M the
    chirp mass and dt/dz = 1 / [(1 + z) H(z)] that of Planck's cosmology. The form is the published one; the default
    rate and shape are chosen here, so that circular pairs have h_c = 2e-15 at a frequency of one a year.

    Args:
        law: The law.
        orbits: How the pairs begin and shrink.
        galaxies: What the N-body units stand for.

    Returns:
        A population of masses times redshifts rows.

    Reference:
        Middleton et al. 2016, arXiv:1507.00992 (the form of the law).
    """
    log_mass, log_shares = _gauss(law.masses, *np.log10(law.chirp_mass))
    redshift, shares = _gauss(law.redshifts, *law.redshift)
    gigayears = 1.0 / ((1.0 + redshift) * hubble_rate(redshift))
    by_redshift = (1.0 + redshift) ** law.redshift_slope * np.exp(-redshift / law.redshift_cutoff) * gigayears * shares
    mass = 10.0**log_mass
    by_mass = law.rate * (mass / 1e7) ** -law.mass_slope * np.exp(-mass / law.mass_cutoff) * log_shares
    return _on_orbits(
        chirp_mass=np.repeat(mass, law.redshifts),
        redshift=np.tile(redshift, law.masses),
        density=np.outer(by_mass, by_redshift).ravel(),
        mass_ratio=law.mass_ratio,
        orbits=orbits,
        galaxies=galaxies,
    )


def galaxy_scale(total_mass: Column, galaxies: GalaxySettings) -> tuple[Column, Column]:
    """What the N-body units are in the galaxies of some black holes.

    Args:
        total_mass: Both black holes [solar masses].
        galaxies: How galaxies grow with their black holes.

    Returns:
        Unit of length [pc] and of time [Myr].
    """
    stars = np.asarray(total_mass) / galaxies.hole_share
    length = galaxies.length * (stars / galaxies.mass) ** galaxies.size_slope
    return length, np.sqrt(length**3 / (GRAVITY * stars))


def hubble_rate(redshift: Column) -> Column:
    """Rate at which a flat universe of matter and a cosmological constant expands.

    Args:
        redshift: Redshifts.

    Returns:
        H(z) [1/Gyr], with H_0 = 67.66 km/s/Mpc and 31 % of matter.

    Reference:
        Planck Collaboration 2020, arXiv:1807.06209, table 2, last column.
    """
    return _HUBBLE * np.sqrt(_MATTER * (1.0 + np.asarray(redshift)) ** 3 + 1.0 - _MATTER)


def comoving_distance(redshift: Column) -> Column:
    """Comoving distance in the same universe, which knows no radiation: to 0.1 % up to z = 10.

    Args:
        redshift: Redshifts.

    Returns:
        Distances [Mpc].
    """
    places, shares = np.polynomial.legendre.leggauss(_DISTANCE_NODES)
    z = np.asarray(redshift, float)[..., None] * 0.5 * (1.0 + places)
    gigayears = 0.5 * np.asarray(redshift) * np.sum(shares / hubble_rate(z), axis=-1)
    return gigayears * 1e3 * LIGHT / 1e6


def _on_orbits(
    *,
    chirp_mass: Column,
    redshift: Column,
    density: Column,
    mass_ratio: float,
    orbits: OrbitSettings,
    galaxies: GalaxySettings,
) -> Population:
    """Put pairs of one mass ratio on the orbits that the settings describe."""
    total = chirp_mass * (1.0 + mass_ratio) ** 1.2 / mass_ratio**0.6
    if orbits.driver == "waves":
        axis = axis_at_frequency(orbits.frequency * MEGAYEAR, total_mass=total, gravity=GRAVITY)
        hardening = np.zeros(total.shape)
    else:
        length, time = galaxy_scale(total, galaxies)
        axis, hardening = orbits.semi_major_axis * length, orbits.hardening_rate / (length * time)
    return Population(
        mass_1=total / (1.0 + mass_ratio),
        mass_2=total * mass_ratio / (1.0 + mass_ratio),
        redshift=redshift,
        density=density,
        axis=axis,
        eccentricity=np.full(total.shape, orbits.eccentricity),
        hardening_rate=hardening,
        eccentricity_rate=np.full(total.shape, orbits.eccentricity_rate if orbits.driver == "stars" else 0.0),
    )


def _gauss(count: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss's rule between two ends."""
    places, shares = np.polynomial.legendre.leggauss(count)
    return 0.5 * (low + high) + 0.5 * (high - low) * places, 0.5 * (high - low) * shares
