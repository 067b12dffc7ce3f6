"""How stars harden a pair and stretch its orbit: the rates s = d(1/a)/dt and K = de/dln(1/a).

Either both are laws of time, counted from a zero that whoever makes them states, or they follow from semi-major axis
and eccentricity as in scattering experiments. Parameters are numbers, or arrays with one entry for each pair.
"""

import math
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float

from swansong.binaries.evolution.kernels import BY_SCATTERING, BY_TIME, rates_along
from swansong.binaries.nbody.galaxies import DehnenGalaxy
from swansong.core.errors import DomainError, InputError

Numbers: TypeAlias = float | int | Float[np.ndarray, "..."]
"""A number, or an array with one for each pair."""


class Law(Protocol):
    """A rate as a function of time: floor + (start - floor) exp(-t / scale)."""

    @property
    def parts(self) -> tuple[Numbers, Numbers, Numbers]:
        """Start, floor and scale; the scale of a constant is infinite."""
        ...


@dataclass(frozen=True, eq=False)
class Constant:
    """A rate that stays.

    Attributes:
        value: The rate.
    """

    value: Numbers

    @property
    def parts(self) -> tuple[Numbers, Numbers, Numbers]:
        """Start, floor and scale."""
        return self.value, self.value, math.inf


@dataclass(frozen=True, eq=False)
class Exponential:
    """A rate that dies away: start exp(-t / scale).

    As hardening rate it lets 1/a grow by no more than start times scale, so that a pair can stall.

    Attributes:
        start: The rate at the zero of the clock.
        scale: Time in which it falls to 1/e.
    """

    start: Numbers
    scale: Numbers

    @property
    def parts(self) -> tuple[Numbers, Numbers, Numbers]:
        """Start, floor and scale."""
        return self.start, 0.0, self.scale


@dataclass(frozen=True, eq=False)
class ExponentialFloor:
    """A rate that falls to a floor: floor + (start - floor) exp(-t / scale).

    Attributes:
        start: The rate at the zero of the clock.
        scale: Time in which the excess over the floor falls to 1/e.
        floor: The rate in the end.
    """

    start: Numbers
    scale: Numbers
    floor: Numbers

    @property
    def parts(self) -> tuple[Numbers, Numbers, Numbers]:
        """Start, floor and scale."""
        return self.start, self.floor, self.scale


def value_at(law: Law, time: Numbers) -> Numbers:
    """A rate at a time.

    Args:
        law: The law.
        time: Time after the zero of its clock.

    Returns:
        The rate.
    """
    start, floor, scale = law.parts
    return floor + (start - floor) * np.exp(-np.asarray(time) / scale)


@dataclass(frozen=True, eq=False)
class TimeLaws:
    """Rates as functions of time.

    Attributes:
        rate: Hardening rate s [1 / (length time)], not negative.
        growth: Eccentricity growth K.
    """

    rate: Law
    growth: Law = Constant(0.0)
    kind: ClassVar[int] = BY_TIME

    def rows(self, pairs: int) -> Float[np.ndarray, "pairs 6"]:
        """The laws as numbers, for the compiled evolution.

        Args:
            pairs: Number of pairs.

        Returns:
            Start, floor and scale of s and of K.

        Raises:
            DomainError: A rate s is negative, a scale not positive or a number not finite; the pair is named.
        """
        found = np.empty((pairs, 6))
        for column, part in enumerate((*self.rate.parts, *self.growth.parts)):
            found[:, column] = _broadcast(part, pairs)
        for column, name, lowest in (
            (0, "hardening rate", 0.0),
            (1, "floor of the hardening rate", 0.0),
            (3, "eccentricity growth", -math.inf),
            (4, "floor of the eccentricity growth", -math.inf),
        ):
            _check(found[:, column], np.isfinite(found[:, column]) & (found[:, column] >= lowest), name)
        for column, name in ((2, "time scale of the hardening rate"), (5, "time scale of the eccentricity growth")):
            _check(found[:, column], found[:, column] > 0.0, name)
        return found

    def rates(self, time: Numbers, axis: Numbers, eccentricity: Numbers) -> tuple[Numbers, Numbers]:
        """Rates of pairs.

        Args:
            time: Time after the zero of the laws' clock.
            axis: Semi-major axis.
            eccentricity: Eccentricity in [0, 1).

        Returns:
            s and K; the latter is not negative for a circle.
        """
        return _rates(self, time, axis, eccentricity)


@dataclass(frozen=True, eq=False)
class Scattering:
    """Rates of an equal-mass pair in a full loss cone: s = H(a) G rho / sigma and K(a, e).

    K lies on cubics through the tabulated eccentricities, 0 at e = 0 and 1.

    Attributes:
        supply: G rho / sigma: Newton's constant times density over one-dimensional velocity dispersion of the stars
            at the radius of influence, which holds a stellar mass of twice that of the pair [1 / (length time)].
        hard: Hard semi-major axis G m_2 / (4 sigma^2).

    Reference:
        Sesana, Haardt & Madau 2006, ApJ 651, 392, equations 8, 16 and 18 with their tables for a mass ratio of one;
        Sesana & Khan 2015, MNRAS 454, L66 (the radius of influence).
    """

    supply: Numbers
    hard: Numbers
    kind: ClassVar[int] = BY_SCATTERING

    @classmethod
    def of_galaxy(cls, galaxy: DehnenGalaxy, *, mass_1: float, mass_2: float) -> "Scattering":
        """The rates in a Dehnen galaxy, G = 1.

        Args:
            galaxy: The stars, and as `hole` what else they move around: the pair, or 0 to leave it out.
            mass_1: One black hole.
            mass_2: The other, at most as heavy.

        Returns:
            The rates.

        Raises:
            InputError: A mass is not positive, or the galaxy holds too few stars.
        """
        if not 0.0 < mass_2 <= mass_1:
            raise InputError(f"masses must be positive and `mass_2` the smaller, got {mass_1:g} and {mass_2:g}")
        radius = influence_radius(galaxy, mass=mass_1 + mass_2)
        sigma = dispersion(galaxy, radius)
        return cls(galaxy.density(np.array([radius])).item() / sigma, mass_2 / (4.0 * sigma**2))

    def rows(self, pairs: int) -> Float[np.ndarray, "pairs 6"]:
        """The rates as numbers, for the compiled evolution.

        Args:
            pairs: Number of pairs.

        Returns:
            G rho / sigma, hard semi-major axis and zeros.

        Raises:
            DomainError: A number is not positive; the pair is named.
        """
        found = np.zeros((pairs, 6))
        for column, field in enumerate(fields(self)):
            found[:, column] = _broadcast(getattr(self, field.name), pairs)
            _check(found[:, column], np.isfinite(found[:, column]) & (found[:, column] > 0.0), f"`{field.name}`")
        return found

    def rates(self, time: Numbers, axis: Numbers, eccentricity: Numbers) -> tuple[Numbers, Numbers]:
        """Rates of pairs.

        Args:
            time: Any time, the rates do not depend on it.
            axis: Semi-major axis.
            eccentricity: Eccentricity in [0, 1).

        Returns:
            s and K.
        """
        return _rates(self, time, axis, eccentricity)


Hardening: TypeAlias = TimeLaws | Scattering
"""What stars do to a pair."""


def influence_radius(galaxy: DehnenGalaxy, *, mass: float) -> float:
    """Radius that holds a stellar mass of twice that of the black holes.

    Args:
        galaxy: The stars.
        mass: The black holes.

    Returns:
        The radius.

    Raises:
        InputError: There are not so many stars.
    """
    share = 2.0 * mass / galaxy.mass
    if not 0.0 < share < 1.0:
        raise InputError(f"black holes of {mass:g} need stars of more than twice that, got {galaxy.mass:g}")
    x = share ** (1.0 / (3.0 - galaxy.slope))
    return galaxy.scale * x / (1.0 - x)


def hard_axis(galaxy: DehnenGalaxy, *, mass_1: float, mass_2: float) -> float:
    """Semi-major axis below which a pair counts as hard: (q / (1 + q)^2) r_m / 4.

    Args:
        galaxy: Stars around the heavier black hole, before the merger.
        mass_1: One black hole.
        mass_2: The other.

    Returns:
        The semi-major axis; r_m holds a stellar mass of twice the heavier black hole.

    Raises:
        InputError: There are too few stars.

    Reference:
        Merritt & Wang 2005, ApJ 621, L101, equation 1.
    """
    heavy, light = max(mass_1, mass_2), min(mass_1, mass_2)
    return 0.25 * heavy * light / (heavy + light) ** 2 * influence_radius(galaxy, mass=heavy)


def dispersion(galaxy: DehnenGalaxy, radius: float) -> float:
    """One-dimensional velocity dispersion of isotropic stars, with the black hole of the galaxy.

    Args:
        galaxy: The stars.
        radius: Distance from the centre.

    Returns:
        sigma, from Jeans' equation.

    Reference:
        Binney & Tremaine 2008, Galactic Dynamics, equation 4.216.
    """
    y, weights = np.polynomial.legendre.leggauss(200)
    # Beyond e^12 = 160,000 radii there is no pressure; the integrand is smooth in the logarithm.
    r = radius * np.exp(6.0 * (1.0 + y))
    pressure = 6.0 * weights @ (galaxy.density(r) * (galaxy.enclosed_mass(r) + galaxy.hole) / r)
    return math.sqrt(pressure / galaxy.density(np.array([radius])).item())


def _rates(laws: Hardening, time: Numbers, axis: Numbers, eccentricity: Numbers) -> tuple[Numbers, Numbers]:
    """Rates through the compiled laws, of the shape that the arguments have together."""
    given = [np.array(part, float) for part in np.broadcast_arrays(time, axis, eccentricity)]
    times, axes, eccentricities = (part.reshape(-1) for part in given)
    found = np.empty((2, len(times)))
    rates_along(laws.kind, laws.rows(len(times)), times, axes, eccentricities, found[0], found[1])
    rate, growth = found.reshape(2, *given[0].shape)
    return rate, growth


def _broadcast(part: Numbers, pairs: int) -> Float[np.ndarray, "pairs"]:
    """One number a pair."""
    values = np.asarray(part, float)
    if values.shape not in ((), (pairs,)):
        raise DomainError(f"a law has parameters of shape {values.shape} for {pairs} pairs; give one number a pair")
    return np.broadcast_to(values, (pairs,))


def _check(values: Float[np.ndarray, "pairs"], good: np.ndarray, name: str) -> None:
    """Refuse what is out of range, and say where."""
    if not np.all(good):
        pair = int(np.argmin(good))
        raise DomainError(f"the {name} of pair {pair} is {values[pair]:g}, which no pair has; mend it or leave it out")
