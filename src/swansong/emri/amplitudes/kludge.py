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

Nearly all the time goes into waves and their products with the weights of the nodes. Waves are polynomials, which
compilers turn into vector instructions, unlike cosines; moments are real to the end; and orbits are
taken a few at a time, so that their waves stay in the cache.

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

from swansong.core.types import Array, Bool, Complex, Float, Int
from swansong.emri.amplitudes.modes import LARGEST_L, SMALLEST_L, ModeGrid, canonical, check_modes, grid_of
from swansong.physics.geodesics import RADIAL_NODES, OrbitNodes, check_generic_orbit, orbit_nodes
from swansong.physics.spheroidal import LARGEST_SPHEROIDICITY, MixingTable

MIXED_L = LARGEST_L + 5
"""Largest degree of the spherical harmonics that make up spheroidal ones."""

_SPHERICAL_L = LARGEST_L + 2  # of the baseline: spheroidal harmonics reach a little beyond their own degree
_DEGREES = np.arange(SMALLEST_L, _SPHERICAL_L + 1)
# The radius of the mass multipoles is r - (c_l - 1/2) / l, from the first post-Newtonian moments of circular orbits;
# beyond l = 6 the c_l are extrapolated.
_C = (107 / 42, 4.0, 593 / 110, 263 / 39, 113 / 14, 9.40, 10.72, 12.03, 13.35, 14.67, 15.99)
_RADIUS_SHIFT = (np.array(_C) - 0.5) / _DEGREES
_TAIL_RADIUS = 2.0 / math.exp(0.5)
_POLAR_NODES = 12
_COLUMNS, _ORBITS = 64, 4  # groups of one order and orbits computed at once
_NODES = (16, 48, 96)  # of half a radial period
# Stirling's series of ln Gamma, at an argument moved up by this.
_RAISED = 8
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_TURN = 2.0 * math.pi
_SINE = tuple((-1) ** k * _TURN ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(10))  # to 1e-15 up to 1/4
_DOUBLE_FACTORIAL = np.array([math.prod(range(2 * l + 1, 0, -2)) for l in _DEGREES], float)
_PREFACTOR = 16.0 * math.pi / (2.0 * math.sqrt(2.0) * _DOUBLE_FACTORIAL)
_MASS = _PREFACTOR * np.sqrt((_DEGREES + 1.0) * (_DEGREES + 2.0) / (2.0 * _DEGREES * (_DEGREES - 1.0)))
_CURRENT = _PREFACTOR * 2.0 / _DEGREES * np.sqrt(_DEGREES * (_DEGREES + 2.0) / (2.0 * (_DEGREES**2 - 1.0)))
# Post-Newtonian phases over w: of both kinds, and of the mass kind alone.
_NEAR = 4.0 / (_DEGREES * (_DEGREES + 1.0))
_FAR = 12.0 / ((_DEGREES - 1.0) * _DEGREES * (_DEGREES + 1.0) * (_DEGREES + 2.0))


class KludgeModes(NamedTuple):
    """Amplitudes of all degrees of some (m, j, n).

    Attributes:
        amplitudes: Z of degrees 2..10, shape (orders, groups, 9), zero where l < m.
        frequency: w [1/M], shape (orders, groups).
    """

    amplitudes: Complex[Array, "orders groups degrees"]
    frequency: Float[Array, "orders groups"]


@cache
def mixing_table() -> MixingTable:
    """Mixing coefficients of all modes, up to the degrees that the fastest ones reach."""
    return MixingTable.build(largest_m=LARGEST_L, largest_l=MIXED_L, reach=LARGEST_SPHEROIDICITY, step=0.05)


@cache
def _mixing() -> MixingTable:
    whole, degrees = mixing_table(), slice(_SPHERICAL_L - SMALLEST_L + 1)
    coefficients, slopes = (part[:, :, degrees, degrees] for part in (whole.coefficients, whole.slopes))
    return MixingTable(coefficients, slopes, reach=whole.reach, step=whole.step)


def _polynomials(z: Float[Array, "nodes"], largest_m: int) -> tuple[Array, Array]:
    """N P_lm(z) / (1 - z^2)^(m/2) and its derivative, shapes (largest_m + 1, degrees, nodes)."""
    order = np.arange(largest_m + 1)
    first = [math.prod((2 * s + 1) / (2 * s) for s in range(1, m + 1)) / (4.0 * math.pi) for m in order]
    start = jnp.asarray((-1.0) ** order * np.sqrt(first))[:, None]
    value = before = slope = before_slope = jnp.zeros((largest_m + 1, z.size), z.dtype)
    last = np.ones(largest_m + 1)
    values, slopes = [], []
    for l in range(_SPHERICAL_L + 1):
        # From one degree to the next, normalised: P_(l+1) = alpha (z P_l - P_(l-1) / alpha_before); zero below m.
        factor = np.where(order < l, np.sqrt(max(4.0 * l * l - 1.0, 0.0) / np.maximum(l * l - order**2, 1)), 0.0)
        column, row = jnp.asarray(factor)[:, None], jnp.asarray(1.0 / last)[:, None]
        value, before, slope, before_slope = (
            jnp.where((order == l)[:, None], start, column * (z * value - before * row)),
            value,
            column * (z * slope + value - before_slope * row),
            slope,
        )
        last = np.where(order < l, factor, 1.0)
        values.append(value)
        slopes.append(slope)
    return jnp.stack(values[SMALLEST_L:], axis=1), jnp.stack(slopes[SMALLEST_L:], axis=1)


def _wave(turns: Float[Array, "..."]) -> Float[Array, "..."]:
    """cos(2 pi turns), to some 1e-14."""
    # A quarter minus the distance to the nearest whole turn, of which it is the sine.
    away = 0.25 - jnp.abs(turns - jnp.round(turns))
    square, total = away * away, jnp.full_like(away, _SINE[-1])
    for factor in _SINE[-2::-1]:
        total = total * square + factor
    return away * total


def _first_tail(y: Float[Array, "..."]) -> tuple[Array, Array]:
    """Real and imaginary part of Gamma(1 - i y) e^(pi y / 2) e^(i y ln(y r0)), y >= 0.

    The modulus has a closed form. The phase comes from Stirling's series at 9 - i y, less the phases of the factors
    1 - i y to 8 - i y in between.
    """
    moved = 1.0 + _RAISED
    square = moved * moved + y * y
    # 1 / (9 - i y) and its square, in which the series runs.
    real, imaginary = moved / square, y / square
    real_step, imaginary_step = real * real - imaginary * imaginary, 2.0 * real * imaginary
    real_series, imaginary_series = jnp.full_like(y, _STIRLING[-1]), jnp.zeros_like(y)
    for term in _STIRLING[-2::-1]:
        real_series, imaginary_series = (
            real_series * real_step - imaginary_series * imaginary_step + term,
            real_series * imaginary_step + imaginary_series * real_step,
        )
    safe = jnp.where(y > 0.0, y, 1.0)
    phase = (
        y * (1.0 - 0.5 * jnp.log(square) + jnp.log(safe * _TAIL_RADIUS))
        - (moved - 0.5) * jnp.arctan(y / moved)
        + real_series * imaginary
        + imaginary_series * real
    )
    real_product, imaginary_product = jnp.ones_like(y), -y
    for factor in range(2, _RAISED + 1):
        real_product, imaginary_product = (
            factor * real_product + y * imaginary_product,
            factor * imaginary_product - y * real_product,
        )
    power = jnp.where(y > 0.0, _TURN * safe / -jnp.expm1(-_TURN * safe), 1.0)
    modulus = jnp.sqrt(power / (real_product**2 + imaginary_product**2))
    cosine, sine = modulus * _wave(phase / _TURN), modulus * _wave(phase / _TURN - 0.25)
    return (
        cosine * real_product + sine * imaginary_product,
        sine * real_product - cosine * imaginary_product,
    )


def _factors(w: Float[Array, "..."], mass: Bool[Array, "... degrees"]) -> tuple[Array, Array]:
    """What stands before the moments of one kind or the other: real and imaginary parts, shape (..., degrees).

    (-i w)^l w^2 with the tail, Gamma(l + 1 - 2i|w|) / l! and so on, conjugated for w < 0.
    """
    y = 2.0 * jnp.abs(w)
    real, imaginary = _first_tail(y)
    start = real * w * w, jnp.where(w < 0.0, -imaginary, imaginary) * w * w

    def climb(parts: tuple[Array, Array], l: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        step = 2.0 * w / l
        parts = w * (parts[0] + parts[1] * step), w * (parts[1] - parts[0] * step)
        return parts, parts

    # A loop, since its steps written out take long to compile.
    _, steps = jax.lax.scan(climb, start, jnp.arange(1.0, _SPHERICAL_L + 1.0))
    real, imaginary = (jnp.moveaxis(parts[SMALLEST_L - 1 :], 0, -1) for parts in steps)
    # (-i)^l, and for currents the factor -i and the sign of their moment.
    constant = jnp.where(mass, -_DEGREES / 4.0, (1.0 - _DEGREES) / 4.0)
    turns = jnp.where(mass, _NEAR + _FAR, _NEAR) * (w / _TURN)[..., None] + constant
    size = jnp.where(mass, _MASS, _CURRENT)
    cosine, sine = size * _wave(turns), size * _wave(turns - 0.25)
    return cosine * real - sine * imaginary, cosine * imaginary + sine * real


def _radial_integrals(nodes: OrbitNodes, m: Array, n: Array, w: Array) -> Float[Array, "orders groups 4 degrees"]:
    """Of a mass and a current moment, each alone and with the radial part of dt or dphi."""
    radius, energy = nodes.radius, nodes.constants.energy
    count = radius.shape[-1]
    share = (jnp.arange(count) + 0.5) / (2 * count)
    wave = _wave(
        n[..., None] * share + w[..., None] * (nodes.time_radial / _TURN) - m[..., None] * (nodes.turn_radial / _TURN)
    )
    reduced = jnp.abs(radius - jnp.asarray(_RADIUS_SHIFT)[:, None])
    mass = energy * reduced ** _DEGREES[:, None]
    current = (radius - 1.0) ** (_DEGREES[:, None] + 1)
    weights = jnp.stack([mass, mass * nodes.rate_radial, current, current * nodes.azimuth_radial])
    return jnp.einsum("mgs,tls->mgtl", wave, weights) / count


def _polar_integrals(
    nodes: OrbitNodes, orbit: Array, m: Array, j: Array, w: Array
) -> Float[Array, "orders groups 4 degrees"]:
    """Of a mass and a current moment, each alone and with the polar part of dt or of the rest."""
    a, _, _, x = orbit
    energy, tilted, psi = nodes.constants.energy, nodes.constants.tilted, nodes.psi
    count = psi.shape[-1]
    largest = m.shape[0] - 1
    sine = jnp.sqrt(1.0 - x * x)
    z = sine * jnp.cos(psi)
    u = x * jnp.cos(psi) - 1j * jnp.sin(psi)
    value, slope = _polynomials(z, largest)
    powers = [jnp.ones_like(u)]
    for _ in range(largest):
        powers.append(powers[-1] * u)
    power, lower = jnp.stack(powers)[:, None], jnp.stack([powers[0], *powers[:-1]])[:, None]
    order = jnp.arange(largest + 1.0)[:, None, None]
    steep = a * a * (1.0 - energy**2)
    pole = tilted + 1j * steep * jnp.sin(psi) * u / (tilted + nodes.psi_rate)
    plain = value * power
    weights = jnp.stack(
        [
            plain,
            plain * nodes.rate_polar,
            power * ((1.0 - z * z) * slope - order * z * value),
            x * tilted * slope * power - order * value * lower * sine * pole,
        ]
    )
    share = (jnp.arange(count) + 0.5) / (4 * count)
    turns = j[..., None] * share + w[..., None] * (nodes.time_polar / _TURN) - m[..., None] * (nodes.turn_polar / _TURN)
    # The real part of the wave times the weights.
    waves = jnp.concatenate([_wave(turns), _wave(turns + 0.25)], axis=-1)
    return jnp.einsum("mgs,tmls->mgtl", waves, jnp.concatenate([weights.real, weights.imag], axis=-1)) / count


def kludge_grid(
    table: MixingTable,
    orbit: Float[Array, "4"],
    j: Int[Array, "orders groups"],
    n: Int[Array, "orders groups"],
    *,
    radial: int = RADIAL_NODES,
    polar: int = _POLAR_NODES,
) -> KludgeModes:
    """Amplitudes of one orbit, compiled code; use `kludge`.

    Args:
        table: Mixing coefficients.
        orbit: (a, p, e, x).
        j: Second index of each group; row m holds those of azimuthal order m.
        n: Radial index, likewise.
        radial: Nodes of half a radial period; `enough_nodes` tells how many a grid needs.
        polar: Nodes of a quarter of a polar period.

    Returns:
        All degrees of every group, in the index (l, m, j, n). Static groups have amplitude zero. Where |a w| goes
        beyond the reach of the table, degrees are mixed as at its end.
    """
    nodes = orbit_nodes(*orbit, radial=radial, polar=polar)
    m = jnp.broadcast_to(jnp.arange(j.shape[0])[:, None], j.shape)
    omega = nodes.frequencies
    w = j * omega.polar + m * omega.precession + n * omega.radial
    one = _radial_integrals(nodes, m, n, w)
    other = _polar_integrals(nodes, orbit, m, j, w)
    mass = (jnp.asarray(_DEGREES) + j[..., None]) % 2 == 0
    moment = (
        jnp.where(
            mass,
            one[..., 1, :] * other[..., 0, :] + one[..., 0, :] * other[..., 1, :],
            one[..., 3, :] * other[..., 2, :] + one[..., 2, :] * other[..., 3, :],
        )
        / nodes.time
    )
    mixing = table(m, jnp.clip(orbit[0] * w, -table.reach, table.reach))[..., : LARGEST_L - SMALLEST_L + 1, :]
    # Column by column: small products of matrices, one a group, would be slower.
    real, imaginary = (
        sum(mixing[..., at] * (moment * part)[..., at, None] for at in range(_DEGREES.size))
        for part in _factors(w, mass)
    )
    return KludgeModes(jax.lax.complex(real, imaginary), w)


def enough_nodes(eccentricity: float, grid: ModeGrid) -> int:
    """Nodes of half a radial period that leave errors of 1e-10 of the largest |Z| / w^2.

    At e = 0.5 the highest n of the highest degrees are worse, 1e-7.

    Args:
        eccentricity: The largest.
        grid: Modes; high n need nodes of their own, lest they be taken for low ones.

    Returns:
        One of few numbers, so that little is compiled.
    """
    highest = int(np.abs(grid.n).max(initial=0))
    needed = max(16.0 + 160.0 * eccentricity, 0.5 * highest + 8.0)
    return next((size for size in _NODES if size >= needed), _NODES[-1] * math.ceil(needed / _NODES[-1]))


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
def _compiled(table: MixingTable, orbits: Array, j: Array, n: Array, radial: int) -> KludgeModes:
    return jax.vmap(lambda orbit: kludge_grid(table, orbit, j, n, radial=radial))(orbits)


def kludge(orbits: Float[np.ndarray, "orbits 4"], grid: ModeGrid) -> KludgeModes:
    """Analytic amplitudes at infinity, a leading axis of orbits added.

    Args:
        orbits: (a, p, e, x), outside the separatrix, one or more.
        grid: Modes.

    Returns:
        Z of all modes of the grid in the index (l, m, j, n), and frequencies, as numpy arrays.
    """
    given = np.asarray(orbits, float)
    count, (rows, columns) = len(given), grid.j.shape
    radial = enough_nodes(float(given[:, 2].max(initial=0.0)), grid)
    # One size for all grids, so that little is compiled; few orbits at a time, whose waves the cache holds.
    together = min(count, _ORBITS)
    blocks = -(-columns // _COLUMNS)
    j, n = np.zeros((2, LARGEST_L + 1, blocks * _COLUMNS), np.int64)
    j[:rows, :columns], n[:rows, :columns] = grid
    amplitudes = np.empty((count, rows, columns, LARGEST_L - SMALLEST_L + 1), complex)
    frequency = np.empty((count, rows, columns))
    for first in range(0, count, together):
        size = min(together, count - first)
        batch = jnp.asarray(given[np.minimum(first + np.arange(together), count - 1)])
        for start in range(0, columns, _COLUMNS):
            block, width = slice(start, start + _COLUMNS), min(_COLUMNS, columns - start)
            groups = jnp.asarray(j[:, block]), jnp.asarray(n[:, block])
            part = jax.device_get(_compiled(_mixing(), batch, *groups, radial))
            amplitudes[first : first + size, :, start : start + width] = part.amplitudes[:size, :rows, :width]
            frequency[first : first + size, :, start : start + width] = part.frequency[:size, :rows, :width]
    return KludgeModes(amplitudes, frequency)  # pyright: ignore[reportArgumentType]


def kludge_modes(
    orbits: Float[np.ndarray, "orbits 4"], modes: Int[np.ndarray, "modes 4"]
) -> Complex[np.ndarray, "orbits modes"]:
    """Analytic amplitudes at infinity of any modes, in the usual index.

    Args:
        orbits: (a, p, e, x); x = 0 counts as prograde.
        modes: (l, m, k, n) of any signs, 2 <= l <= 10.

    Returns:
        Z such that a mode and its mirror image together radiate |Z|^2 / (2 pi w^2); zero where nothing is
        excited: k other than 0 of equatorial orbits and n other than 0 of circular ones.

    Raises:
        InputError: If a mode is none.
        DomainError: If an orbit is not bound and stable.
    """
    modes, orbits = check_modes(modes), np.asarray(orbits, float)
    check_generic_orbit(*orbits.T)
    found = np.zeros((len(orbits), len(modes)), complex)
    for retrograde in (False, True):
        chosen = (orbits[:, 3] < 0.0) == retrograde
        if chosen.any() and len(modes):
            inside = canonical(modes, retrograde=retrograde)
            grid, places = grid_of(inside.modes)
            values = np.asarray(kludge(orbits[chosen], grid).amplitudes).reshape(int(chosen.sum()), -1)
            found[chosen] = inside.amplitudes(values[:, places])
    silent = ((np.abs(orbits[:, 3]) == 1.0)[:, None] & (modes[:, 2] != 0)) | (
        (orbits[:, 2] == 0.0)[:, None] & (modes[:, 3] != 0)
    )
    return np.where(silent, 0.0, found)
