"""Dehnen galaxies with a black hole at rest at the centre, in N-body units (G = 1).

The stars are isotropic. Their distribution function f(E) is Eddington's integral in the potential of stars and black
hole together, so a sampled galaxy is in equilibrium from the start.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError, InputError

Numbers = Float[np.ndarray, "*shape"]

_NODES, _WEIGHTS = (3.25 * part for part in np.polynomial.legendre.leggauss(300))
"""Quadrature of Eddington's integral, which runs from 0 to 6.5 (a factor exp(42) in radius)."""

_TRUNCATION = 200.0
"""Outermost radius of a star [scale radii]: 1.2 % of the mass of a galaxy of slope .5 lies beyond."""

_RUN = 64
"""Stars of neighbouring radius that are balanced against each other."""

_ROUNDS = 4
"""Rounds of Newton's method for that balance."""

_LIGHT, _KNEE = 0.125, 2.0
"""Mass of a tightly bound star over that of a loosely bound one, and the reach of a star in between [scale radii].

It is the energy that tells which stars come near the black holes once the galaxies have merged: in mergers of equal
masses at e_gal = .9, visits within .25 of them are 300 times rarer for a star of reach 4 to 9 than for one of reach
below .5. Masses that follow the pericentre do not survive: they mix in the merger, and a wider range lets heavy stars
sink (with a factor of 40, the stars near the black holes end up 1.5 times heavier than equal ones).
"""


@dataclass(frozen=True, eq=False)
class Bodies:
    """Point masses in space.

    Attributes:
        positions: Where they are.
        velocities: How they move.
        masses: How heavy they are.
    """

    positions: Float[np.ndarray, "bodies 3"]
    velocities: Float[np.ndarray, "bodies 3"]
    masses: Float[np.ndarray, "bodies"]

    def __len__(self) -> int:
        return len(self.masses)


@dataclass(frozen=True)
class DehnenGalaxy:
    """Spherical galaxy of density (3 - g) M a / (4 pi r^g (r + a)^(4 - g)) around a black hole.

    Attributes:
        mass: Mass M of the stars.
        scale: Scale radius a.
        slope: Inner slope g of the density, in [0, 3).
        hole: Mass of the black hole, 0 for none.

    Raises:
        InputError: A mass or the scale radius is not positive.
        DomainError: The slope lies outside [0, 3).

    Reference:
        Dehnen, MNRAS 265, 250 (1993); Tremaine et al., arXiv:astro-ph/9309044 (with a black hole).
    """

    mass: float = 0.5
    scale: float = 1.0
    slope: float = 0.5
    hole: float = 0.005

    def __post_init__(self) -> None:
        for name, value in (("mass", self.mass), ("scale", self.scale)):
            if not 0.0 < value < math.inf:
                raise InputError(f"`{name}` of a galaxy must be positive, got {value:g}; give it in N-body units")
        if not 0.0 <= self.hole < math.inf:
            raise InputError(f"`hole` must not be negative, got {self.hole:g}; give 0 for a galaxy without black hole")
        if not 0.0 <= self.slope < 3.0:
            raise DomainError(f"`slope` must lie in [0, 3), got {self.slope:g}; the mass of a steeper one is infinite")

    def density(self, radius: Numbers) -> Numbers:
        """Density of the stars.

        Args:
            radius: Distance from the centre.

        Returns:
            Mass per volume.
        """
        g, a = self.slope, self.scale
        return (3.0 - g) * self.mass * a / (4.0 * math.pi * radius**g * (radius + a) ** (4.0 - g))

    def enclosed_mass(self, radius: Numbers) -> Numbers:
        """Mass of the stars within a radius, without the black hole.

        Args:
            radius: Distance from the centre.

        Returns:
            Mass.
        """
        return self.mass * (radius / (radius + self.scale)) ** (3.0 - self.slope)

    def potential(self, radius: Numbers) -> Numbers:
        """Potential of stars and black hole, 0 at infinity.

        Args:
            radius: Distance from the centre.

        Returns:
            Potential, negative.
        """
        stars = self.mass / self.scale * _power_integral(np.log1p(self.scale / radius), 2.0 - self.slope)
        return -(stars + self.hole / radius)

    def distribution(self, energy: Numbers) -> Numbers:
        """Mass of stars per volume of phase space at a binding energy.

        Args:
            energy: Binding energy -Phi - v^2 / 2 > 0 of a star, per mass.

        Returns:
            f(E), 0 for stars that are not bound.

        Raises:
            DomainError: No isotropic galaxy has this density, since f would be negative (with a black hole the slope
                must be .5 or more).
        """
        energies, values, _ = self._table
        bound = energy > 0.0
        return np.where(bound, np.exp(np.interp(np.log(np.where(bound, energy, 1.0)), energies, values)), 0.0)

    @cached_property
    def _table(self) -> tuple[Float[np.ndarray, "grid"], Float[np.ndarray, "grid"], Float[np.ndarray, "grid"]]:
        """Logarithms of E, rising, of f(E) and of the radius at which a star of this energy is at rest."""
        # Within the innermost radius lies a millionth of the mass or less.
        inner = 10.0 ** (-6.0 / min(3.0 - self.slope, 1.0))
        if self.slope < 1.0:
            # Ten thousand times deeper than the well of the stars, a small f is lost in round-off.
            inner = max(inner, 1e-4 * self.hole / self.mass)
        radii = self.scale * np.geomspace(1e6, inner, 801)
        values = self._eddington(radii)
        if not np.all(values > 0.0):
            raise DomainError(
                f"no isotropic galaxy of slope {self.slope:g} surrounds a black hole of {self.hole:g}, its "
                "distribution function would be negative; take a slope of 0.5 or more"
            )
        return np.log(-self.potential(radii)), np.log(values), np.log(radii)

    def _eddington(self, radii: Float[np.ndarray, "grid"]) -> Float[np.ndarray, "grid"]:
        """Distribution function at the energies of stars at rest at some radii.

        With D = d rho / d psi, f = -1 / (sqrt(8) pi^2) times the integral of D'(r) / sqrt(E - psi(r)) over r from the
        radius of rest to infinity; r = radius exp(u^2) takes its singularity away.
        """
        g, a, k = self.slope, self.scale, 2.0 - self.slope
        u = _NODES + 3.25
        rest = radii[:, None]
        r = rest * np.exp(u * u)
        # E - psi(r) without cancellation: with x = r / (r + a), `rise` is the logarithm of x over x at rest.
        rise = u * u - np.log1p(rest * np.expm1(u * u) / (rest + a))
        depth = self.mass / a * (rest / (rest + a)) ** k * _power_integral(rise, -k)
        depth -= self.hole / rest * np.expm1(-u * u)
        density, mass = self.density(r), self.enclosed_mass(r) + self.hole
        # D' follows from the logarithmic slopes of density and mass.
        slope = -(g * a + 4.0 * r) / (r + a)
        bend = -(4.0 - g) * a * r / np.square(r + a)
        change = -density / mass * (slope * (slope + 1.0 - 4.0 * math.pi * r**3 * density / mass) + bend)
        integrand = -2.0 * change * u * r / np.sqrt(depth)
        return integrand @ _WEIGHTS / (math.sqrt(8.0) * math.pi**2)

    def reach(self, energy: Numbers) -> Numbers:
        """Radius at which a star of a binding energy is at rest: the apocentre of its radial orbit.

        Args:
            energy: Binding energy -Phi - v^2 / 2 > 0 of a star, per mass.

        Returns:
            Radius.
        """
        energies, _, radii = self._table
        return np.exp(np.interp(np.log(energy), energies, radii))

    def sample(
        self, stars: int, generator: np.random.Generator, *, masses: Literal["equal", "spectrum"] = "equal"
    ) -> Bodies:
        """Draw stars in equilibrium around the origin; the black hole is not among them.

        The radii are those of shells of equal mass (of equal number for a spectrum), out to 200 scale radii; the stars
        carry all of the mass of the galaxy. Positions and velocities, weighted by mass, sum to zero in each run of some
        64 neighbouring stars, so the black hole at rest at the origin is at the centre of its galaxy.

        With a spectrum, f is the same, but tightly bound stars are lighter and more, so that they shake the black hole
        less: the mass of a star follows from the reach of its orbit, see `relative_mass`. In the standard galaxy it is
        .23 of the mean mass in the centre and 1.85 of it far out; the Brownian speed of the black hole is lower by a
        factor of 1.6, and after a merger at e_gal = .9 the stars that pass the black holes have .43 of the mean mass.

        Args:
            stars: Number of stars.
            generator: Source of random numbers.
            masses: "equal", or "spectrum" for light stars on tightly bound orbits.

        Returns:
            The stars, from the centre outwards.

        Raises:
            InputError: There are fewer than 32 stars or `masses` is neither of the two.
        """
        if stars < 32:
            raise InputError(f"a galaxy needs at least 32 stars, got {stars}; give more particles")
        if masses not in ("equal", "spectrum"):
            raise InputError(f'`masses` must be "equal" or "spectrum", got {masses!r}; take one of the two')
        if masses == "equal":
            chosen = self._candidates(stars, generator)
            return _balanced(Bodies(*chosen, np.full(stars, self.mass / stars)))
        # Each candidate is taken with a chance inverse to its mass; a crowd is large enough if none is due twice.
        crowd, share = 3 * stars, np.zeros(1)
        while share[-1] < stars / _LIGHT:
            crowd *= 2
            positions, velocities = self._candidates(crowd, generator)
            radius, speed = (np.linalg.norm(vectors, axis=1) for vectors in (positions, velocities))
            energy = -self.potential(radius) - 0.5 * np.square(speed)
            weights = relative_mass(self.reach(energy) / self.scale)
            share = np.cumsum(1.0 / weights)
        taken = np.searchsorted(share, (np.arange(stars) + generator.random()) * share[-1] / stars)
        heavy = weights[taken]
        return _balanced(Bodies(positions[taken], velocities[taken], self.mass * heavy / heavy.sum()))

    def _candidates(
        self, count: int, generator: np.random.Generator
    ) -> tuple[Float[np.ndarray, "count 3"], Float[np.ndarray, "count 3"]]:
        """Positions, one in each of `count` shells of equal mass, and velocities of f."""
        radius = self._radii((np.arange(count) + generator.random(count)) / count)
        positions = _directions(count, generator) * radius[:, None]
        return positions, _directions(count, generator) * self._speeds(radius, generator)[:, None]

    def _radii(self, fraction: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Radii that enclose fractions of the mass within the truncation."""
        power = 1.0 / (3.0 - self.slope)
        x = _TRUNCATION / (_TRUNCATION + 1.0) * fraction**power
        return self.scale * x / (1.0 - x)

    def _speeds(self, radius: Float[np.ndarray, "n"], generator: np.random.Generator) -> Float[np.ndarray, "n"]:
        """Speeds drawn from v^2 f(psi - v^2 / 2) by rejection."""
        psi = -self.potential(radius)
        # With q the speed over the speed of escape, q^2 f has one smooth maximum at each radius, near 0 in a cusp of
        # stars and near 1 close to the black hole.
        grid = np.geomspace(radius.min(), radius.max(), 200)
        q = 0.5 - 0.5 * np.cos(np.linspace(0.0, math.pi, 301)[1:-1])
        peak = np.max(q * q * self.distribution(-self.potential(grid)[:, None] * (1.0 - q * q)), axis=1)
        bound = 1.05 * np.exp(np.interp(np.log(radius), np.log(grid), np.log(peak)))
        speed = np.empty_like(radius)
        left = np.arange(len(radius))
        while len(left):
            trial = generator.random(len(left))
            weight = trial * trial * self.distribution(psi[left] * (1.0 - trial * trial))
            taken = generator.random(len(left)) * bound[left] < weight
            speed[left[taken]] = trial[taken] * np.sqrt(2.0 * psi[left[taken]])
            left = left[~taken]
        return speed


def _power_integral(y: Numbers, k: float) -> Numbers:
    """(1 - exp(-k y)) / k, which is y at k = 0."""
    return y if k == 0.0 else -np.expm1(-k * y) / k


def relative_mass(reach: Numbers) -> Numbers:
    """Mass of a star of the spectrum, up to a factor that all stars of a galaxy share.

    Args:
        reach: Apocentre of the radial orbit of its energy [scale radii].

    Returns:
        Mass, rising smoothly by a factor of eight around a reach of 2.
    """
    far = np.power(reach / _KNEE, 4)
    return (_LIGHT + far) / (1.0 + far)


def _directions(count: int, generator: np.random.Generator) -> Float[np.ndarray, "count 3"]:
    """Random unit vectors."""
    vectors = generator.standard_normal((count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _balanced(bodies: Bodies) -> Bodies:
    """The same orbits, turned in space such that moments of mass and momenta vanish in each run of neighbours.

    Newton's method for the smallest rotation vectors d_i that make the sums of m x and m v vanish, to first order
    m (x + d cross x) and m (v + d cross v). A rotation leaves energy, angular momentum and pericentre alone.
    """
    runs = max(len(bodies) // _RUN, 1)
    starts = np.arange(runs) * _RUN
    run = np.minimum(np.arange(len(bodies)) // _RUN, runs - 1)
    vectors = np.stack([bodies.positions, bodies.velocities], axis=1) * bodies.masses[:, None, None]
    # Neighbours have like radii and speeds, so moments in units of the typical one of a run are numbers near one.
    sizes = np.sqrt(np.add.reduceat(np.sum(np.square(vectors), axis=2), starts))
    vectors /= sizes[run][:, :, None]
    for _ in range(_ROUNDS):
        surplus = np.add.reduceat(vectors, starts).reshape(runs, 6)
        inner = np.einsum("nai,nbi->nab", vectors, vectors)
        square = np.einsum("nab,ij->naibj", inner, np.eye(3)) - np.einsum("nbi,naj->naibj", vectors, vectors)
        pull = np.linalg.solve(np.add.reduceat(square, starts).reshape(runs, 6, 6), surplus[:, :, None])
        turn = np.sum(np.cross(pull.reshape(runs, 1, 2, 3)[run][:, 0], vectors), axis=1)
        vectors = _rotated(vectors, turn)
    vectors *= sizes[run][:, :, None] / bodies.masses[:, None, None]
    return Bodies(vectors[:, 0], vectors[:, 1], bodies.masses)


def _rotated(vectors: Float[np.ndarray, "n k 3"], turn: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n k 3"]:
    """Vectors turned by rotation vectors, at most by one radian (Rodrigues' formula)."""
    size = np.linalg.norm(turn, axis=1)[:, None, None]
    axis = turn[:, None, :] / np.where(size > 0.0, size, 1.0)
    angle = np.minimum(size, 1.0)
    along = np.sum(axis * vectors, axis=2, keepdims=True) * axis
    return along + np.cos(angle) * (vectors - along) + np.sin(angle) * np.cross(axis, vectors)
