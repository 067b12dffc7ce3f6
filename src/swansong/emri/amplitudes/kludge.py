"""Multipole formulas on exact geodesics: an analytic baseline of the amplitudes of every mode.

The source of a mode (l, m, j, n) is a double integral over the radial and polar Mino phases. Radius and polar angle
enter the multipole moments as products, so that each integral is a sum of two products of one-dimensional integrals,
and by symmetry these are real sums over half a radial and a quarter of a polar period. All degrees l of one (m, j, n)
share their phases.

    mass      U_l ~ FT[r^l conj(Y)]                                                             l + j even
    current   V_l ~ FT[r^(l+1) (-sin(th) phidot d_th conj(Y) - i m thdot conj(Y) / sin(th))]    l + j odd
    Z = w^2 / (2 sqrt 2) (U - i V)

Corrections: tails, post-Newtonian phases, a shift of the radius, the orbital energy, and the mixing of degrees in
spheroidal harmonics.

Reference:
    Thorne 1980, doi:10.1103/RevModPhys.52.299 (multipoles); Blanchet and Schaefer 1993,
    doi:10.1088/0264-9381/10/12/026 (tails).
"""

import math
from functools import cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Complex, Float, Int
from swansong.emri.amplitudes.modes import LARGEST_L, SMALLEST_L
from swansong.physics.geodesics import POLAR_NODES, RADIAL_NODES, OrbitNodes, orbit_nodes
from swansong.physics.spheroidal import LARGEST_SPHEROIDICITY, MixingTable

_SPHERICAL_L = LARGEST_L + 2  # spheroidal harmonics reach a little beyond their own degree
_DEGREES = np.arange(SMALLEST_L, _SPHERICAL_L + 1)
# The radius of the mass multipoles is r - (c_l - 1/2) / l, from the first post-Newtonian moments of circular orbits;
# beyond l = 6 the c_l are extrapolated.
_C = (107 / 42, 4.0, 593 / 110, 263 / 39, 113 / 14, 9.40, 10.72, 12.03, 13.35, 14.67, 15.99)
_RADIUS_SHIFT = (np.array(_C) - 0.5) / _DEGREES
_TAIL_RADIUS = 2.0 / math.exp(0.5)
# Stirling's series of ln Gamma, at an argument moved up by this.
_RAISED = 8
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


class KludgeModes(NamedTuple):
    """Amplitudes of all degrees of some (m, j, n).

    Attributes:
        amplitudes: Z of degrees 2..10, shape (orders, groups, 9), zero where l < m.
        frequency: w [1/M], shape (orders, groups).
    """

    amplitudes: Complex[Array, "orders groups degrees"]
    frequency: Float[Array, "orders groups"]


@cache
def _mixing() -> MixingTable:
    return MixingTable.build(largest_m=LARGEST_L, largest_l=_SPHERICAL_L, reach=LARGEST_SPHEROIDICITY, step=0.05)


def _polynomials(z: Float[Array, "nodes"], largest_m: int) -> tuple[Array, Array]:
    """N P_lm(z) / (1 - z^2)^(m/2) and its derivative, shapes (largest_m + 1, degrees, nodes)."""
    values, slopes = [], []
    for m in range(largest_m + 1):
        # From one degree to the next, normalised: P_(l+1) = alpha (z P_l - P_(l-1) / alpha_before).
        first = math.sqrt(math.prod((2 * s + 1) / (2 * s) for s in range(1, m + 1)) / (4.0 * math.pi))
        value, slope = (-1) ** m * first * jnp.ones_like(z), jnp.zeros_like(z)
        before, before_slope, last = jnp.zeros_like(z), jnp.zeros_like(z), 1.0
        rows, slope_rows = {m: value}, {m: slope}
        for l in range(m + 1, _SPHERICAL_L + 1):
            factor = math.sqrt((4.0 * l * l - 1.0) / (l * l - m * m))
            value, before, slope, before_slope = (
                factor * (z * value - before / last),
                value,
                factor * (z * slope + value - before_slope / last),
                slope,
            )
            last = factor
            rows[l], slope_rows[l] = value, slope
        zero = jnp.zeros_like(z)
        values.append(jnp.stack([rows.get(int(l), zero) for l in _DEGREES]))
        slopes.append(jnp.stack([slope_rows.get(int(l), zero) for l in _DEGREES]))
    return jnp.stack(values), jnp.stack(slopes)


def _log_gamma(y: Float[Array, "..."]) -> Complex[Array, "..."]:
    """ln Gamma(1 - i y)."""
    s = 1.0 - 1j * y
    raised = s + _RAISED
    series = sum(c / raised ** (2 * k + 1) for k, c in enumerate(_STIRLING))
    moved = sum(jnp.log(s + k) for k in range(_RAISED))
    return (raised - 0.5) * jnp.log(raised) - raised + 0.5 * math.log(2.0 * math.pi) + series - moved


def _factors(frequency: Float[Array, "..."]) -> tuple[Array, Array]:
    """What stands before the integrals of mass and current multipoles, shape (..., degrees) each."""
    l = jnp.asarray(_DEGREES, float)
    w = frequency[..., None]
    size = jnp.abs(w)
    # Gamma(l + 1 - 2i|w|) / l! as a product over s = 1..l.
    first = _log_gamma(2.0 * jnp.abs(frequency))[..., None]
    steps = jnp.log(1.0 - 2.0j * size / jnp.arange(1, _SPHERICAL_L + 1))
    raised = first + jnp.cumsum(steps, axis=-1)[..., SMALLEST_L - 1 :]
    safe = jnp.where(size > 0.0, size, 1.0)
    logarithm = raised + jnp.pi * size + 2.0j * size * jnp.log(2.0 * safe * _TAIL_RADIUS)
    tail = jnp.exp(jnp.where(w < 0.0, jnp.conj(logarithm), logarithm))
    near = 4.0 / (l * (l + 1.0))
    far = 12.0 / ((l - 1.0) * l * (l + 1.0) * (l + 2.0))
    double = np.array([math.prod(range(2 * n + 1, 0, -2)) for n in _DEGREES], float)
    mass = 16.0 * np.pi / double * np.sqrt((_DEGREES + 1.0) * (_DEGREES + 2.0) / (2.0 * _DEGREES * (_DEGREES - 1.0)))
    current = (
        32.0 * np.pi / (double * _DEGREES) * np.sqrt(_DEGREES * (_DEGREES + 2.0) / (2.0 * (_DEGREES**2 - 1.0)))
    )
    # (-i w)^l w^2 / (2 sqrt 2), the tail and the sign of -i times minus the current moment's.
    common = tail * (-1j * w) ** _DEGREES * w * w / (2.0 * math.sqrt(2.0))
    return common * mass * jnp.exp(1j * w * (near + far)), 1j * common * current * jnp.exp(1j * w * near)


def _integrals(nodes: OrbitNodes, x: Array, a: Array, m: Array, j: Array, n: Array, w: Array) -> tuple[Array, Array]:
    """Mass and current moments of one orbit, shape (orders, groups, degrees), without their factors."""
    radius = nodes.radius
    energy, tilted = nodes.constants.energy, nodes.constants.tilted
    radial_phase = (jnp.arange(RADIAL_NODES) + 0.5) * jnp.pi / RADIAL_NODES
    polar_phase = (jnp.arange(POLAR_NODES) + 0.5) * 0.5 * jnp.pi / POLAR_NODES
    wave = jnp.cos(
        n[..., None] * radial_phase + w[..., None] * nodes.time_radial - m[..., None] * nodes.turn_radial
    )
    reduced = jnp.abs(radius - jnp.asarray(_RADIUS_SHIFT)[:, None])
    mass_radius = energy * reduced ** _DEGREES[:, None]
    current_radius = (radius - 1.0) ** (_DEGREES[:, None] + 1)
    weights = jnp.stack(
        [mass_radius, mass_radius * nodes.rate_radial, current_radius, current_radius * nodes.azimuth_radial]
    )
    radial = jnp.einsum("mgs,tls->tmgl", wave, weights) / RADIAL_NODES

    psi, sine = nodes.psi, jnp.sqrt(1.0 - x * x)
    z = sine * jnp.cos(psi)
    ww = 1.0 - z * z
    u = x * jnp.cos(psi) - 1j * jnp.sin(psi)
    largest = m.shape[0] - 1
    value, slope = _polynomials(z, largest)
    power = jnp.stack([u**order for order in range(largest + 1)])[:, None]
    lower = jnp.stack([jnp.ones_like(u), *(u**order for order in range(largest))])[:, None]
    order = jnp.arange(largest + 1.0)[:, None, None]
    steep = a * a * (1.0 - energy**2)
    pole = tilted + 1j * steep * jnp.sin(psi) * u / (tilted + nodes.psi_rate)
    plain = value * power
    polar_weights = jnp.stack(
        [
            plain,
            plain * nodes.rate_polar,
            power * (ww * slope - order * z * value),
            x * tilted * slope * power - order * value * lower * sine * pole,
        ]
    )
    angle = (
        j[..., None] * polar_phase + w[..., None] * nodes.time_polar - m[..., None] * nodes.turn_polar
    )
    polar = (
        jnp.einsum("mgs,tmls->tmgl", jnp.cos(angle), polar_weights.real)
        - jnp.einsum("mgs,tmls->tmgl", jnp.sin(angle), polar_weights.imag)
    ) / POLAR_NODES
    mass = radial[1] * polar[0] + radial[0] * polar[1]
    current = radial[3] * polar[2] + radial[2] * polar[3]
    return mass / nodes.time, current / nodes.time


def kludge_grid(
    table: MixingTable,
    orbit: Float[Array, "4"],
    j: Int[Array, "orders groups"],
    n: Int[Array, "orders groups"],
) -> KludgeModes:
    """Amplitudes of one orbit, compiled code; use `kludge`.

    Args:
        table: Mixing coefficients.
        orbit: (a, p, e, x).
        j: Second index of each group; row m holds those of azimuthal order m.
        n: Radial index, likewise.

    Returns:
        All degrees of every group, in the index (l, m, j, n).
    """
    a, _, _, x = orbit
    nodes = orbit_nodes(*orbit)
    m = jnp.broadcast_to(jnp.arange(j.shape[0])[:, None], j.shape)
    omega = nodes.frequencies
    w = j * omega.polar + m * omega.precession + n * omega.radial
    mass, current = _integrals(nodes, x, a, m, j, n, w)
    mass_factor, current_factor = _factors(w)
    even = (jnp.asarray(_DEGREES) + j[..., None]) % 2 == 0
    spherical = jnp.where(even, mass_factor * mass, current_factor * current)
    mixing = table(m, a * w)[..., : LARGEST_L - SMALLEST_L + 1, :]
    found = jnp.einsum("mgld,mgd->mgl", mixing, spherical)
    return KludgeModes(found, w)


class ModeGrid(NamedTuple):
    """Groups (m, j, n) of one shape, whose degrees the kludge computes together.

    Attributes:
        j: Second index, shape (orders, groups); row m holds those of azimuthal order m.
        n: Radial index, likewise.
    """

    j: Int[np.ndarray, "orders groups"]
    n: Int[np.ndarray, "orders groups"]

    @property
    def canonical(self) -> np.ndarray:
        """Which modes (l, m, j, n) exist and stand for their pair, shape (orders, groups, degrees)."""
        m = np.arange(self.j.shape[0])[:, None]
        chosen = (m > 0) | (self.j > 0) | ((self.j == 0) & (self.n > 0))
        return chosen[..., None] & (np.arange(SMALLEST_L, LARGEST_L + 1) >= m[..., None])

    @property
    def modes(self) -> Int[np.ndarray, "modes 4"]:
        """(l, m, j, n) of all modes, row by row, of shape (orders * groups * degrees, 4)."""
        m = np.broadcast_to(np.arange(self.j.shape[0])[:, None, None], (*self.j.shape, LARGEST_L - SMALLEST_L + 1))
        l = np.broadcast_to(np.arange(SMALLEST_L, LARGEST_L + 1), m.shape)
        j, n = (np.broadcast_to(value[..., None], m.shape) for value in self)
        return np.stack([l, m, j, n], axis=-1).reshape(-1, 4)


def full_grid(*, eccentricity: float, equatorial: bool, retrograde: bool) -> ModeGrid:
    """Every mode that may matter for an orbit.

    Args:
        eccentricity: Its eccentricity, which sets how far n goes.
        equatorial: Whether k = 0 alone is excited.
        retrograde: Whether x < 0; matters for equatorial orbits.

    Returns:
        Groups with |j| up to 12 and n, counted along the motion, from -4 - 16 e to 6 + 68 e.
    """
    low, high = (0, 0) if eccentricity == 0.0 else (-4 - math.ceil(16 * eccentricity), 6 + math.ceil(68 * eccentricity))
    along = np.arange(low, high + 1)
    if equatorial:
        j = np.arange(LARGEST_L + 1)[:, None] * (-1 if retrograde else 1)
    else:
        j = np.tile(np.arange(-_SPHERICAL_L, _SPHERICAL_L + 1), (LARGEST_L + 1, 1))
    both = np.arange(along.size) - along.size // 2
    n = np.where(j[..., None] == 0, both, np.where(j[..., None] < 0, -along, along))
    j = np.broadcast_to(j[..., None], n.shape)
    return ModeGrid(j.reshape(LARGEST_L + 1, -1).copy(), n.reshape(LARGEST_L + 1, -1))


@eqx.filter_jit
def _compiled(table: MixingTable, orbits: Array, j: Array, n: Array) -> KludgeModes:
    return jax.vmap(lambda orbit: kludge_grid(table, orbit, j, n))(orbits)


def kludge(orbits: Float[np.ndarray, "orbits 4"], grid: ModeGrid) -> KludgeModes:
    """Analytic amplitudes at infinity, a leading axis of orbits added.

    Args:
        orbits: (a, p, e, x), outside the separatrix.
        grid: Modes.

    Returns:
        Z of all modes of the grid in the index (l, m, j, n), and frequencies.
    """
    return _compiled(_mixing(), jnp.asarray(orbits), jnp.asarray(grid.j), jnp.asarray(grid.n))
