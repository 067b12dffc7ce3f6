"""Amplitudes at infinity by integrating the Teukolsky source of a bound orbit against radial functions.

The source of a point particle is a sum of products of functions of radius and of polar angle, but for powers of
1 / (r + i a z), which are expanded in a z / r. What is left are one-dimensional averages over the radial and the polar
Mino phase, as for the analytic baseline, now with exact weights:

    Z = -2 pi T_l(w) / Upsilon_t  sum_k  (radial averages with r^-k) (polar averages with (-i a z)^k)

Reference:
    Sasaki and Tagoshi, gr-qc/0306120, section 2 (source); Drasco and Hughes, gr-qc/0509101 (generic orbits).
"""

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Complex, Float, Int
from swansong.emri.amplitudes.kludge import tail_factor
from swansong.emri.amplitudes.modes import LARGEST_L
from swansong.emri.amplitudes.radial import RadialTable
from swansong.physics.geodesics import OrbitNodes, orbit_nodes
from swansong.physics.spheroidal import LARGEST_SPHEROIDICITY, MixingTable
from swansong.physics.spin_weighted import spin_weighted_table

_SPHERICAL_L = LARGEST_L + 5  # spheroidal harmonics of the fastest modes reach this far
_POLAR = 14  # nodes of a quarter of a polar period
_TERMS = 10  # of the expansion in a z / r, which is below 0.3 over the domain


class SourceModes(NamedTuple):
    """Amplitudes of some modes of one orbit.

    Attributes:
        amplitudes: Z in the index (l, m, j, n), shape (modes,).
        frequency: w [1/M], shape (modes,).
        inside: Whether the mode lies within the radial table.
    """

    amplitudes: Complex[Array, " modes"]
    frequency: Float[Array, " modes"]
    inside: Array


@cache
def mixing_table() -> MixingTable:
    """Mixing coefficients of spheroidal harmonics."""
    return MixingTable.build(largest_m=LARGEST_L, largest_l=_SPHERICAL_L, reach=LARGEST_SPHEROIDICITY, step=0.05)


def _polar_averages(
    mixing: MixingTable, nodes: OrbitNodes, orbit: Array, l: Array, m: Array, j: Array, w: Array
) -> tuple[Array, ...]:
    """Averages of S2, a sin S1, S1 M, a sin S M and S M^2 times (-i a z)^k, each of shape (modes, terms)."""
    a, _, _, x = orbit
    energy, momentum = nodes.constants.energy, nodes.constants.momentum
    psi = jnp.concatenate([nodes.psi, jnp.pi - nodes.psi[::-1]])
    phase = (jnp.arange(psi.size) + 0.5) * jnp.pi / psi.size
    time = jnp.concatenate([nodes.time_polar, -nodes.time_polar[::-1]])
    turn = jnp.concatenate([nodes.turn_polar, -nodes.turn_polar[::-1]])
    rate = jnp.concatenate([nodes.psi_rate, nodes.psi_rate[::-1]])
    tilt = jnp.sqrt(1.0 - x * x)
    z, place = tilt * jnp.cos(psi), x * jnp.cos(psi) - 1j * jnp.sin(psi)
    sine = jnp.abs(place)
    velocity = tilt * jnp.sin(psi) * rate / sine + 1j * (a * energy * sine - momentum / sine)

    table = spin_weighted_table(z, largest_m=LARGEST_L, largest_l=_SPHERICAL_L)
    degree = np.arange(2, _SPHERICAL_L + 1)
    # The table holds orders m >= 0: turning the axis over changes the sign of m and of the frequency.
    signs = jnp.where(m[:, None] < 0, (-1.0) ** (l[:, None] + degree), 1.0)
    rows = mixing(jnp.abs(m), jnp.where(m < 0, -a * w, a * w))
    weights = jnp.take_along_axis(rows, (l - 2)[:, None, None], axis=1)[:, 0] * signs
    harmonics = table[:, m + LARGEST_L]
    lower = weights * -np.sqrt((degree + 2.0) * (degree - 1.0))
    lowest = -lower * np.sqrt(degree * (degree + 1.0))
    s = jnp.einsum("md,mdp->mp", weights, harmonics[0])
    plain = jnp.einsum("md,mdp->mp", lower, harmonics[1])
    twice = jnp.einsum("md,mdp->mp", lowest, harmonics[2])
    g = (a * w)[:, None] * sine
    s1, s2 = plain + g * s, twice + 2.0 * g * plain + g * g * s

    wave = jnp.exp(1j * (j[:, None] * phase + w[:, None] * time - m[:, None] * turn))
    wave = wave * jnp.exp(1j * m[:, None] * jnp.angle(place))
    zero, one, two = wave.real, 1j * (velocity * wave).imag, (velocity**2 * wave).real
    powers = (-1j * a * z) ** jnp.arange(_TERMS)[:, None] / psi.size
    spinning = a * sine
    return tuple(
        weight @ powers.T for weight in (zero * s2, zero * spinning * s1, one * s1, one * spinning * s, two * s)
    )


def _radial_averages(
    table: RadialTable,
    at_spin: tuple[Array, Array],
    nodes: OrbitNodes,
    orbit: Array,
    modes: tuple[Array, ...],
    w: Array,
) -> tuple[tuple[Array, ...], Array]:
    """Averages of the six radial weights times r^-k, each of shape (modes, terms + 1)."""
    a = orbit[0]
    l, m, n = modes
    energy, momentum, carter = nodes.constants.energy, nodes.constants.momentum, nodes.constants.carter
    r = nodes.radius
    delta = r * (r - 2.0) + a * a
    along = energy * (r * r + a * a) - a * momentum
    squared = along**2 - delta * (r * r + carter + (momentum - a * energy) ** 2)
    inward = jnp.sqrt(jnp.maximum(squared, 0.0))
    phase = (jnp.arange(r.size) + 0.5) * jnp.pi / r.size
    angle = n[:, None] * phase + w[:, None] * nodes.time_radial - m[:, None] * nodes.turn_radial
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    two = (along**2 + squared) * cosine + 2.0j * along * inward * sine
    one = along * cosine + 1j * inward * sine

    found = table.evaluate(at_spin, a, l, m, w, r)
    value, slope, curvature = found.value, found.slope, found.curvature
    k = (r * r + a * a) * w[:, None] - a * m[:, None]
    ratio = k / delta
    ratio_slope = 2.0 * r * w[:, None] / delta - ratio * (2.0 * r - 2.0) / delta
    weights = (
        two * value / delta**2,
        one * (1j * ratio * value - slope) / delta,
        one * value / delta * (2.0 / r),
        one * (ratio * value + 1j * slope) / delta * (2.0 / r),
        cosine * ((-1j * ratio_slope - ratio**2) * value - 2.0j * ratio * slope + curvature),
        cosine * (2.0j * ratio * value - 2.0 * slope) / r,
    )
    powers = (1.0 / r) ** jnp.arange(_TERMS + 1)[:, None] / r.size
    return tuple(weight @ powers.T for weight in weights), found.inside


def source_modes(
    table: RadialTable,
    mixing: MixingTable,
    orbit: Float[Array, "4"],
    modes: Int[Array, "modes 4"],
    *,
    radial: int = 96,
) -> SourceModes:
    """Amplitudes of one orbit, compiled code.

    Args:
        table: Radial functions.
        mixing: Mixing coefficients, `mixing_table`.
        orbit: (a, p, e, x).
        modes: (l, m, j, n), any signs.
        radial: Nodes of half a radial period.

    Returns:
        The amplitudes; zero where a mode is static.
    """
    nodes = orbit_nodes(*orbit, radial=radial, polar=_POLAR)
    omega = nodes.frequencies
    l, m, j, n = modes.T
    w = j * omega.polar + m * omega.precession + n * omega.radial
    # A mode of negative frequency is the mirror image of one of positive frequency.
    turned = w < 0.0
    m, j, n = (jnp.where(turned, -index, index) for index in (m, j, n))
    size = jnp.abs(w)
    safe = jnp.where(size > 0.0, size, 1e-3)
    (nn, b, c, d, e, f), inside = _radial_averages(table, table.at_spin(orbit[0]), nodes, orbit, (l, m, n), safe)
    s2, s1_spin, s1, s_spin, s = _polar_averages(mixing, nodes, orbit, l, m, j, safe)
    k = np.arange(_TERMS)
    double = np.where(k == 0, 1.0, 2.0)
    total = -0.5 * (double * nn[:, :-1] * s2 - 2.0j * nn[:, 1:] * s1_spin)
    total -= (double * b[:, :-1] + (k + 1) * c[:, :-1]) * s1 - k * d[:, :-1] * s_spin
    total -= 0.5 * (double * e[:, :-1] + f[:, :-1]) * s
    found = -2.0 * np.pi * tail_factor(l, safe) * total.sum(axis=1) / nodes.time
    found = jnp.where(turned, (-1.0) ** (l + j + m) * jnp.conj(found), found)
    return SourceModes(jnp.where(size > 0.0, found, 0.0), w, inside & (size > 0.0))
