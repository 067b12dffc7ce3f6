"""How a pair becomes bound in a flattened core: one orbit under dynamical friction, which fades as it hardens.

Two equal black holes cross a core of constant density on a nearly radial path. Each is bent by the other, torqued by
the flattened core and braked by the stars. The eccentricity that is left when friction has ended depends on the
impact parameter so steeply that a small perturbation of it decides the outcome.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

from swansong.binaries import elements
from swansong.binaries.units import Units
from swansong.core.errors import DomainError

_STEP = 0.02  # of the local dynamical time; the eccentricity is then good to 1e-4
_MOST = 400_000  # steps of one orbit
_LONGEST = 300.0  # time after which a pair that is not yet hard is given up, in N-body units


@dataclass(frozen=True)
class Core:
    """The core of a merged galaxy.

    Attributes:
        density: Density of stars [solar masses/pc^3].
        flattening: Eccentricity of the spheroid, whose long axis the pair moves along.
        dispersion: Velocity dispersion of the stars [km/s].
        coulomb: Coulomb logarithm.
        hard: Semi-major axis of the hard pair [pc]; friction halves at twice this.

    Reference:
        Rawlings et al., arXiv:2307.08756, the analytic model and its values.
    """

    density: float = 300.0
    flattening: float = 0.91
    dispersion: float = 200.0
    coulomb: float = 4.7
    hard: float = 2.5

    @property
    def axes(self) -> tuple[float, float]:
        """Coefficients A_x, A_y of the potential pi G rho (A_x x^2 + A_y y^2); A_x + 2 A_y = 2."""
        s = self.flattening
        ratio, log = (1.0 - s * s) / (s * s), math.log((1.0 + s) / (1.0 - s)) / (2.0 * s)
        return 2.0 * ratio * (log - 1.0), ratio * (1.0 / (1.0 - s * s) - log)


@dataclass(frozen=True, eq=False)
class Binding:
    """Relative orbit of a pair from its last approach until it is hard, in N-body units.

    Attributes:
        time: Times from the start.
        energy: Specific energy.
        momentum: Specific angular momentum.
        separation: Distance of the black holes.
        mu: G times the mass of the pair.
    """

    time: Float[np.ndarray, "times"]
    energy: Float[np.ndarray, "times"]
    momentum: Float[np.ndarray, "times"]
    separation: Float[np.ndarray, "times"]
    mu: float

    @property
    def axis(self) -> float:
        """Semi-major axis at the end."""
        return float(elements.semi_major_axis(self.energy[-1:], mu=self.mu)[0])

    @property
    def eccentricity(self) -> float:
        """Eccentricity at the end."""
        return float(elements.eccentricity(self.energy[-1:], self.momentum[-1:], mu=self.mu)[0])


def bind(
    impact: float,
    speed: float,
    *,
    mu: float = 0.01,
    distance: float = 25.0,
    units: Units = Units(),
    core: Core = Core(),
) -> Binding:
    """Follow a pair from its last approach until it is hard.

    Args:
        impact: Impact parameter, the offset across the long axis [pc].
        speed: Relative speed along the long axis [km/s].
        mu: G times the mass of the pair, in N-body units.
        distance: Distance along the long axis at the start [pc].
        units: Size of the N-body units.
        core: The core that it crosses.

    Returns:
        The orbit, to the moment when its semi-major axis has fallen to `core.hard`.

    Raises:
        DomainError: An argument is not positive, or the pair does not become hard.

    Reference:
        Rawlings et al., arXiv:2307.08756, the analytic model.
    """
    given = {"impact": abs(impact), "speed": speed, "mu": mu, "distance": distance}
    wrong = [name for name, value in given.items() if not 0.0 < value < math.inf]
    if wrong:
        raise DomainError(f"`{wrong[0]}` must be positive, got {given[wrong[0]]:g}; a head-on pair never binds")
    long, short = core.axes
    rows = _orbit(
        distance / units.length,
        impact / units.length,
        speed / units.velocity,
        mu,
        core.density * units.length**3 / units.mass,
        long,
        short,
        core.dispersion / units.velocity,
        core.coulomb,
        core.hard / units.length,
    )
    if not len(rows):
        raise DomainError(
            f"a pair of impact parameter {impact:g} pc and {speed:g} km/s is not hard after {_LONGEST:g} units "
            "of time; give a lower speed"
        )
    time, energy, momentum, separation = rows.T.copy()
    return Binding(time, energy, momentum, separation, mu)


@njit(cache=True)
def _acceleration(x, y, u, w, mu, density, long, short, dispersion, coulomb, hard):  # pragma: no cover - compiled
    """Acceleration of the relative orbit: the pair, the core, friction."""
    r = math.sqrt(x * x + y * y)
    v = math.sqrt(u * u + w * w)
    energy = 0.5 * v * v - mu / r
    friction = 1.0
    if energy < 0.0:
        axis = -0.5 * mu / energy
        friction = 1.0 / (1.0 + math.exp(min((2.0 * hard - axis) / (0.5 * hard), 50.0)))
    own = 0.5 * v  # speed of each black hole
    ratio = own / (math.sqrt(2.0) * dispersion)
    slower = math.erf(ratio) - 2.0 * ratio * math.exp(-ratio * ratio) / math.sqrt(math.pi)
    rate = friction * 4.0 * math.pi * 0.5 * mu * density * coulomb * slower / own**3
    pull = mu / r**3
    core = 2.0 * math.pi * density
    return -(pull + core * long) * x - rate * u, -(pull + core * short) * y - rate * w


@njit(cache=True)
def _orbit(distance, impact, speed, mu, density, long, short, dispersion, coulomb, hard):  # pragma: no cover - compiled
    """Rows (t, E, L, r) until the pair is hard, by Runge-Kutta steps of fourth order; none if it does not get there."""
    rows = np.empty((_MOST, 4))
    rest = (mu, density, long, short, dispersion, coulomb, hard)
    x, y, u, w, t = distance, impact, -speed, 0.0, 0.0
    for count in range(_MOST):
        r = math.sqrt(x * x + y * y)
        v = math.sqrt(u * u + w * w)
        energy = 0.5 * v * v - mu / r
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = t, energy, abs(x * w - y * u), r
        if energy < 0.0 and -0.5 * mu / energy <= hard:
            return rows[: count + 1]
        if t > _LONGEST:
            break
        h = _STEP * min(r / v, math.sqrt(r**3 / mu))
        u1, w1 = _acceleration(x, y, u, w, *rest)
        p, q = u + 0.5 * h * u1, w + 0.5 * h * w1
        u2, w2 = _acceleration(x + 0.5 * h * u, y + 0.5 * h * w, p, q, *rest)
        p2, q2 = u + 0.5 * h * u2, w + 0.5 * h * w2
        u3, w3 = _acceleration(x + 0.5 * h * p, y + 0.5 * h * q, p2, q2, *rest)
        p3, q3 = u + h * u3, w + h * w3
        u4, w4 = _acceleration(x + h * p2, y + h * q2, p3, q3, *rest)
        x += h / 6.0 * (u + 2.0 * p + 2.0 * p2 + p3)
        y += h / 6.0 * (w + 2.0 * q + 2.0 * q2 + q3)
        u += h / 6.0 * (u1 + 2.0 * u2 + 2.0 * u3 + u4)
        w += h / 6.0 * (w1 + 2.0 * w2 + 2.0 * w3 + w4)
        t += h
    return rows[:0]
