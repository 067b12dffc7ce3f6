"""Synthetic mergers: made in milliseconds from three simple laws, always labelled so.

The galaxies fall together on their orbit and are braked where they overlap; the pair binds as in
`swansong.binaries.binding_toy`, with an impact parameter that scatters as few stars make it; then it hardens at a
constant rate, with the random walk of its elements that single encounters cause. The columns are those of an N-body
run, so that what learns from one can be tried on the other. They are for tests, pretraining and studies of method:
no number of astrophysics should rest on them.

Scatter of e at the hard pair, 60 seeds, for M_bh / m* = 1000, 2500, 5000, 10 000, 20 000: 0.08, 0.06, 0.04, 0.02, 0.02
at e_gal = 0.9 and 0.21, 0.24, 0.23, 0.24, 0.27 at 0.99. Rawlings et al. (arXiv:2307.08756) have 0.07, 0.07, 0.03, 0.03,
0.01 and 0.31, 0.27, 0.25, 0.26, 0.08, from ten runs each. The mean time of binding is within 10 % of that of own N-body
runs of 2048 stars from e_gal = 0.5 to 0.97, and 15 % early at 0.99.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

from swansong.binaries import elements
from swansong.binaries.binding_toy import bind
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.binaries.units import Units
from swansong.core.errors import DomainError, InputError

ORIGIN = "synthetic"
"""Origin of every trajectory made here."""

AFTER_BINDING = 130.0
"""Time that a run goes on after the last approach, where no duration is given."""

_LONGEST = 3000.0  # time of the infall at most
_SUBSTEPS = 12  # of the infall between two outputs
_REFERENCE_STARS = 1000.0  # M_bh / m* at which the scatter of the impact parameter is given
_SMALLEST_IMPACT = 0.02  # [pc]


@dataclass(frozen=True)
class SyntheticLaws:
    """Numbers of the synthetic mergers, in N-body units where no other is named.

    Attributes:
        distance: Separation of the galaxies at the start.
        axis: Semi-major axis of their orbit.
        drag: Rate of friction between galaxies that lie on each other.
        reach: Distance at which that friction has halved.
        uneven: Scatter of the logarithm of that rate between mergers, in units of (m* / M_bh)^0.5.
        approach: Distance of the last approach [pc].
        speed: Speed of the last approach at e_gal = 0.9 [km/s].
        faster: What that gains to e_gal = 0.99 [km/s].
        impact: Impact parameter is this times (1 - e_gal^2)^impact_power [pc].
        impact_power: That power.
        scatter: Scatter of the impact parameter at M_bh / m* = 1000, falls as the root of that ratio [pc].
        dispersion: Velocity dispersion of stars in the cores.
        hardening: Hardening rate d(1/a)/dt.
        growth: Eccentricity growth K = de / dln(1/a) is growth e (1 - e^2)^0.6.
        walk: Step of the random walk of the elements, in units of (m* / M_bh)^0.5 for each e-folding of 1/a.

    Reference:
        Nasim et al., arXiv:2004.14399 (orbits); Rawlings et al., arXiv:2307.08756 (approach); Sesana, Haardt and Madau,
        astro-ph/0604299, Table 3 (K of hard pairs of equal mass, which `growth` follows within 0.02).
    """

    distance: float = 20.0
    axis: float = 15.0
    drag: float = 0.09
    reach: float = 1.5
    uneven: float = 0.6
    approach: float = 25.0
    speed: float = 450.0
    faster: float = 110.0
    impact: float = 59.0
    impact_power: float = 0.65
    scatter: float = 4.0
    dispersion: float = 0.2
    hardening: float = 2.7
    growth: float = 0.28
    walk: float = 1.0


def synthetic_trajectory(
    merger: Merger,
    *,
    duration: float | None = None,
    step: float = 0.125,
    laws: SyntheticLaws = SyntheticLaws(),
    units: Units = Units(),
) -> Trajectory:
    """Make one synthetic merger.

    Args:
        merger: Which one; its origin is replaced by "synthetic".
        duration: Time that is covered, from the start; by default the last approach plus `AFTER_BINDING`.
        step: Time between rows.
        laws: Numbers of the laws.
        units: Size of the N-body units, for the laws that are in parsecs.

    Returns:
        The trajectory; the same merger gives the same one.

    Raises:
        InputError: The black holes differ in mass, or a time is not positive.
        DomainError: e_gal lies outside [0, 1), or there are too few stars.
    """
    _check(merger, duration, step)
    rng = np.random.default_rng([merger.seed, merger.particles, round(1e6 * merger.eccentricity), 7])
    stars = merger.mass_1 * merger.particles  # M_bh / m*
    impact, speed = _last_approach(merger.eccentricity, stars, laws, rng)
    drag = laws.drag * math.exp(laws.uneven / math.sqrt(stars) * rng.standard_normal())
    infall, met = _infall(merger, laws, step, drag, speed / units.velocity, laws.approach / units.length)
    end = met + AFTER_BINDING if duration is None else duration
    time = step * np.arange(int(end / step + 1e-9) + 1)
    position, velocity = infall[: len(time), :3], infall[: len(time), 3:]
    _shake(position, velocity, laws.dispersion / math.sqrt(stars), step, rng)
    energy, momentum = elements.energy_and_momentum(position, velocity, mu=merger.mu)
    columns = [np.stack([energy, momentum, np.linalg.norm(position, axis=-1)])]
    if len(position) < len(time):
        bound = bind(impact, speed, mu=merger.mu, distance=laws.approach, units=units)
        later = time[len(position) :] - met
        close = later <= bound.time[-1]
        series = (bound.energy, bound.momentum, bound.separation)
        columns.append(np.stack([np.interp(later[close], bound.time, one) for one in series]))
        # The walk begins where friction has ended, so its first row follows one step later.
        start = (1.0 / bound.axis, bound.eccentricity)
        columns.append(_harden(start, int((~close).sum()), step, merger.mu, stars, laws, rng))
    energy, momentum, separation = np.concatenate(columns, axis=1)
    labelled = Merger(merger.eccentricity, merger.particles, merger.seed, merger.mass_1, merger.mass_2, origin=ORIGIN)
    return Trajectory(labelled, time, energy, momentum, separation)


def synthetic_ensemble(
    eccentricities: Sequence[float] = (0.5, 0.7, 0.9, 0.95, 0.97, 0.99),
    particles: Sequence[int] = (2048, 4096, 8192, 16384),
    *,
    realisations: int = 7,
    seed: int = 0,
    duration: float | None = None,
    step: float = 0.125,
    laws: SyntheticLaws = SyntheticLaws(),
) -> list[Trajectory]:
    """Make synthetic mergers over a grid of e_gal and N.

    Args:
        eccentricities: Eccentricities of the orbit of the galaxies.
        particles: Stars of both galaxies.
        realisations: Mergers for each pair of these.
        seed: First seed; realisation k has `seed` + k.
        duration: Time that each covers; see `synthetic_trajectory`.
        step: Time between rows.
        laws: Numbers of the laws.

    Returns:
        The trajectories, e_gal outermost.

    Raises:
        InputError: There is nothing to make, or as for `synthetic_trajectory`.
    """
    if realisations < 1 or not len(eccentricities) or not len(particles):
        raise InputError("a synthetic ensemble of no merger was asked for; give e_gal, N and at least one realisation")
    return [
        synthetic_trajectory(Merger(e, n, seed + k), duration=duration, step=step, laws=laws)
        for e in eccentricities
        for n in particles
        for k in range(realisations)
    ]


def _check(merger: Merger, duration: float | None, step: float) -> None:
    """Refuse what no synthetic merger can be made of."""
    if not 0.0 <= merger.eccentricity < 1.0:
        raise DomainError(
            f"e_gal must lie in [0, 1), got {merger.eccentricity:g}; galaxies on open orbits do not merge"
        )
    if merger.particles < 100:
        raise DomainError(f"`particles` must be at least 100, got {merger.particles}; give the stars of both galaxies")
    if merger.mass_1 != merger.mass_2:
        raise InputError(
            f"synthetic mergers have equal black holes, got {merger.mass_1:g} and {merger.mass_2:g}; give equal masses"
        )
    if not (0.0 < step < math.inf and (duration is None or step <= duration < math.inf)):
        raise InputError(f"`step` and `duration` must be positive, got {step} and {duration}; give at least one step")


def _last_approach(
    eccentricity: float, stars: float, laws: SyntheticLaws, rng: np.random.Generator
) -> tuple[float, float]:
    """Impact parameter [pc] and speed [km/s] of the last approach."""
    mean = laws.impact * (1.0 - eccentricity**2) ** laws.impact_power
    drawn = mean + laws.scatter * math.sqrt(_REFERENCE_STARS / stars) * rng.standard_normal()
    share = min(max((eccentricity - 0.9) / 0.09, 0.0), 1.0)
    return max(abs(drawn), _SMALLEST_IMPACT), laws.speed + share * laws.faster


def _infall(
    merger: Merger, laws: SyntheticLaws, step: float, drag: float, speed: float, approach: float
) -> tuple[Float[np.ndarray, "times 6"], float]:
    """Relative position and velocity until the last approach, and the time of that."""
    square = 2.0 / laws.distance - 1.0 / laws.axis
    tangential = math.sqrt(laws.axis * (1.0 - merger.eccentricity**2)) / laws.distance
    if square < tangential**2:
        # The orbit does not reach that distance: it starts at its apocentre.
        distance = laws.axis * (1.0 + merger.eccentricity)
        radial, tangential = 0.0, math.sqrt(laws.axis * (1.0 - merger.eccentricity**2)) / distance
    else:
        distance, radial = laws.distance, -math.sqrt(square - tangential**2)
    start = np.array([distance, 0.0, radial, tangential])
    rows, met = _fall(start, step / _SUBSTEPS, int(_LONGEST / step), drag, laws.reach, speed, approach)
    flat = np.zeros((len(rows), 6))
    flat[:, [0, 1, 3, 4]] = rows
    return flat, met


@njit(cache=True)
def _pull(x, y, u, w, drag, reach):  # pragma: no cover - compiled
    """Acceleration of two extended galaxies: the mass law of gamma = 1/2, and friction where they overlap."""
    r = math.sqrt(x * x + y * y)
    pull = (r / (1.0 + r)) ** 2.5 / r**3
    rate = drag / (1.0 + (r / reach) ** 2)
    return -pull * x - rate * u, -pull * y - rate * w


@njit(cache=True)
def _fall(start, h, most, drag, reach, speed, approach):  # pragma: no cover - compiled
    """Rows every `_SUBSTEPS` steps until the pair crosses `approach` inwards no faster than `speed`, and that time."""
    rows = np.empty((most, 4))
    x, y, u, w = start
    for count in range(most):
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = x, y, u, w
        for inner in range(_SUBSTEPS):
            before = math.sqrt(x * x + y * y)
            u1, w1 = _pull(x, y, u, w, drag, reach)
            p, q = u + 0.5 * h * u1, w + 0.5 * h * w1
            u2, w2 = _pull(x + 0.5 * h * u, y + 0.5 * h * w, p, q, drag, reach)
            p2, q2 = u + 0.5 * h * u2, w + 0.5 * h * w2
            u3, w3 = _pull(x + 0.5 * h * p, y + 0.5 * h * q, p2, q2, drag, reach)
            p3, q3 = u + h * u3, w + h * w3
            u4, w4 = _pull(x + h * p2, y + h * q2, p3, q3, drag, reach)
            x += h / 6.0 * (u + 2.0 * p + 2.0 * p2 + p3)
            y += h / 6.0 * (w + 2.0 * q + 2.0 * q2 + q3)
            u += h / 6.0 * (u1 + 2.0 * u2 + 2.0 * u3 + u4)
            w += h / 6.0 * (w1 + 2.0 * w2 + 2.0 * w3 + w4)
            after = math.sqrt(x * x + y * y)
            if after < approach <= before and u * u + w * w <= speed * speed:
                return rows[: count + 1], (count * _SUBSTEPS + inner + 1) * h
    return rows, most * _SUBSTEPS * h


def _shake(
    position: Float[np.ndarray, "times 3"],
    velocity: Float[np.ndarray, "times 3"],
    speed: float,
    step: float,
    rng: np.random.Generator,
) -> None:
    """Add, in place, the Brownian motion of black holes in cores of few stars, which ends where the pair is close."""
    wander = _wander(rng.standard_normal((len(position), 6)), step)
    distance = np.linalg.norm(position, axis=-1, keepdims=True)
    share = math.sqrt(2.0) * speed * np.square(distance) / (0.25 + np.square(distance))
    position += share * wander[:, :3]
    velocity += share * wander[:, 3:]


@njit(cache=True)
def _wander(noise, step):  # pragma: no cover - compiled
    """A damped oscillator of unit frequency that noise drives to unit velocity dispersion."""
    found = np.empty_like(noise)
    found[0] = noise[0]
    rate = 0.5
    for row in range(1, len(noise)):
        for axis in range(3):
            x, v = found[row - 1, axis], found[row - 1, axis + 3]
            v += -step * (x + rate * v) + math.sqrt(2.0 * rate * step) * noise[row, axis]
            found[row, axis], found[row, axis + 3] = x + step * v, v
    return found


def _harden(
    start: tuple[float, float],
    rows: int,
    step: float,
    mu: float,
    stars: float,
    laws: SyntheticLaws,
    rng: np.random.Generator,
) -> Float[np.ndarray, "3 rows"]:
    """E, L and separation of the pair as it hardens."""
    walk = laws.walk / math.sqrt(stars)
    rate = laws.hardening * math.exp(0.3 * walk * rng.standard_normal())
    inverse, e = _walk(*start, rng.standard_normal((rows, 3)), step, rate, laws.growth, walk)
    # Rows lie many revolutions apart: the phase at each is random.
    anomaly = rng.uniform(0.0, 2.0 * math.pi, rows)
    eccentric = np.full(rows, math.pi)  # from here Newton's method converges for every phase and e
    for _ in range(50):
        eccentric -= (eccentric - e * np.sin(eccentric) - anomaly) / (1.0 - e * np.cos(eccentric))
    energy, momentum = elements.from_ellipse(1.0 / inverse, e, mu=mu)
    return np.stack([energy, momentum, (1.0 - e * np.cos(eccentric)) / inverse])


@njit(cache=True)
def _walk(inverse, e, noise, step, rate, growth, walk):  # pragma: no cover - compiled
    """1/a and e at each row: mean rates, and kicks of the eccentricity vector, weaker near e = 1.

    The drift that belongs to kicks of uneven strength, half the gradient of their square, makes all angular momenta
    equally likely in the end: kicks alone would leave the thermal distribution 2e.
    """
    found = np.empty((2, len(noise)))
    x, y = e, 0.0
    for row in range(len(noise)):
        share = rate * step / inverse  # the e-foldings of this step
        inverse = max(inverse * (1.0 + share + walk * math.sqrt(share) * noise[row, 0]), 0.5 * inverse)
        square = x * x + y * y
        free = 1.0 - square
        drift = growth * free**0.6 * share - walk * walk * share
        kick = walk * math.sqrt(share * free)
        x += drift * x + kick * noise[row, 1]
        y += drift * y + kick * noise[row, 2]
        length = math.sqrt(x * x + y * y)
        if length > 0.9999:
            # A kick through the radial orbit turns the pair round: e falls again.
            turned = max(2.0 * 0.9999 - length, 0.0)
            x, y = x * turned / length, y * turned / length
            length = turned
        found[0, row], found[1, row] = inverse, length
    return found
