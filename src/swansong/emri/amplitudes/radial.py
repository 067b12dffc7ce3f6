"""Radial functions of the Teukolsky equation, tabulated at low rank.

    R_in(r) / W = Delta^2 r^(l-2) T_l(w) H_lm(r; a, w)

H is smooth: at each (l, m) it is a sum of a few fixed functions of radius, weighted by functions of spin and frequency.
The grids are those of `scripts/make_emri_radial.py`.
"""

import functools
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.files import read_product
from swansong.core.types import Array, Complex, Float, Int
from swansong.emri.amplitudes.modes import SMALLEST_L
from swansong.physics.kerr import separatrix

KIND = "emri_radial_functions"
"""Kind of the product."""

LARGEST_SPIN, LARGEST_E, NEAREST, FARTHEST = 0.99, 0.5, 0.5, 100.0
"""Domain of the table; the last is a radius [M]."""

_POINTS = 8  # neighbours in frequency


def family(l: Int[Array, "..."], m: Int[Array, "..."]) -> Int[Array, "..."]:
    """Place of (l, m), m from -l to l, in the table."""
    return l * l + l + m - SMALLEST_L * SMALLEST_L


def lowest_radius(a: Float[Array, ""]) -> Float[Array, ""]:
    """Radius below every periapsis of the domain [M]."""
    return 0.97 * (separatrix(a, LARGEST_E) + NEAREST) / (1.0 + LARGEST_E)


def highest_frequency(l: Int[Array, "..."], m: Int[Array, "..."], a: Float[Array, ""]) -> Float[Array, "..."]:
    """Largest frequency of the table [1/M]."""
    prograde = 2.0 * (1.0 + jnp.cos(2.0 / 3.0 * jnp.arccos(-a)))
    retrograde = 2.0 * (1.0 + jnp.cos(2.0 / 3.0 * jnp.arccos(a)))
    share = m / (l + 0.5)
    mean = 0.5 * ((1.0 + share) / (prograde**1.5 + a) + (1.0 - share) / (retrograde**1.5 - a))
    return (1.0 + 1.2 / l) * (l + 0.5) * mean


class RadialValues(NamedTuple):
    """A radial function and what follows from its equation.

    Attributes:
        value: R_in / (W T_l), shape (modes, radii).
        slope: Its derivative [1/M].
        curvature: Its second derivative [1/M^2].
        inside: Whether the mode lies within the table, shape (modes,).
    """

    value: Complex[Array, "modes radii"]
    slope: Complex[Array, "modes radii"]
    curvature: Complex[Array, "modes radii"]
    inside: Array


class RadialTable(eqx.Module):
    """The table; `load_table` reads the packaged one.

    Attributes:
        weights: Of the fixed functions, shape (families, spins, frequencies, rank).
        shapes: Chebyshev coefficients of these, shape (families, rank, radii).
        eigenvalues: Separation constants lambda, shape (families, spins, frequencies).
        scales: Sizes of H, shape (families,).
    """

    weights: Complex[Array, "families spins frequencies rank"]
    shapes: Complex[Array, "families rank radii"]
    eigenvalues: Float[Array, "families spins frequencies"]
    scales: Float[Array, " families"]

    def at_spin(self, a: Float[Array, ""]) -> tuple[Array, Array]:
        """Weights and eigenvalues at one spin."""
        number = self.weights.shape[1]
        shallow = (1.0 - LARGEST_SPIN) ** (1.0 / 3.0)
        t = (jnp.cbrt(1.0 - a) - shallow) / (1.0 - shallow)
        angle = np.pi * (np.arange(number) + 0.5) / number
        nodes, signs = 0.5 - 0.5 * np.cos(angle), (-1.0) ** np.arange(number) * np.sin(angle)
        gap = t - nodes
        at = gap == 0.0
        share = jnp.where(at.any(), at.astype(float), signs / jnp.where(at, 1.0, gap))
        share = share / share.sum()
        return jnp.einsum("a,fawk->fwk", share, self.weights), jnp.einsum("a,faw->fw", share, self.eigenvalues)

    def evaluate(
        self,
        at_spin: tuple[Array, Array],
        a: Float[Array, ""],
        l: Int[Array, " modes"],
        m: Int[Array, " modes"],
        w: Float[Array, " modes"],
        radius: Float[Array, " radii"],
    ) -> RadialValues:
        """Radial functions of modes at the radii of an orbit.

        Args:
            at_spin: Answer of `at_spin`.
            a: Spin.
            l: Degrees.
            m: Azimuthal orders, of any sign.
            w: Frequencies, positive [1/M].
            radius: Radii [M].

        Returns:
            The functions.
        """
        weights, eigenvalues = at_spin
        count = weights.shape[1]
        place = family(l, m)
        s = jnp.cbrt(w / highest_frequency(l, m, a)) ** 2 * count - 1.0
        first = jnp.clip(jnp.floor(s).astype(int) - _POINTS // 2 + 1, 0, count - _POINTS)
        offset = (s - first)[:, None] - np.arange(_POINTS)
        others = np.arange(_POINTS)
        denominator = np.array([np.prod([i - k for k in others if k != i]) for i in others], float)
        lagrange = jnp.stack(
            [jnp.prod(jnp.delete(offset, i, axis=1, assume_unique_indices=True), axis=1) for i in others], 1
        )
        lagrange = lagrange / denominator
        rows = first[:, None] + others
        mixed = jnp.einsum("mp,mpk->mk", lagrange, weights[place[:, None], rows])
        eigenvalue = jnp.einsum("mp,mp->m", lagrange, eigenvalues[place[:, None], rows])
        series = jnp.einsum("mk,mkr->mr", mixed, self.shapes[place]) * self.scales[place][:, None]

        low = lowest_radius(a)
        reach = FARTHEST / jnp.sqrt(1.0 + (FARTHEST * w / (20.0 + 1.6 * l)) ** 2)
        logarithm = jnp.log1p(reach)[:, None]
        t = 2.0 * jnp.log(radius - low + 1.0) / logarithm - 1.0
        slope_t = 2.0 / ((radius - low + 1.0) * logarithm)
        inside = (w > 0.0) & (s <= count - 1.0) & (t.max(axis=1) <= 1.0) & (t.min(axis=1) >= -1.0)
        t = jnp.clip(t, -1.0, 1.0)

        def clenshaw(carry: tuple[Array, ...], coefficient: Array) -> tuple[tuple[Array, ...], None]:
            one, two, slope_one, slope_two = carry
            new = coefficient[:, None] + 2.0 * t * one - two
            slope = 2.0 * one + 2.0 * t * slope_one - slope_two
            return (new, one, slope, slope_one), None

        zero = jnp.zeros((len(w), radius.size), series.dtype)
        (one, two, slope_one, slope_two), _ = jax.lax.scan(clenshaw, (zero,) * 4, series[:, :0:-1].T)
        h = series[:, :1] + t * one - two
        h_slope = (one + t * slope_one - slope_two) * slope_t

        delta = radius * (radius - 2.0) + a * a
        power = delta**2 * radius ** (l[:, None] - 2.0)
        relative = 4.0 * (radius - 1.0) / delta + (l[:, None] - 2.0) / radius
        value, slope = power * h, power * (h_slope + relative * h)
        k = (radius**2 + a * a) * w[:, None] - a * m[:, None]
        potential = -(k * k + 4.0j * (radius - 1.0) * k) / delta + 8.0j * w[:, None] * radius + eigenvalue[:, None]
        curvature = 2.0 * (radius - 1.0) / delta * slope + potential / delta * value
        return RadialValues(value, slope, curvature, inside)


def read_table(path: str | Path) -> RadialTable:
    """Read a table.

    Args:
        path: A product of `scripts/pack_emri_radial.py`.

    Returns:
        The table, in double precision.

    Raises:
        FileError: If it is no such product.
    """
    arrays = read_product(path, kind=KIND).arrays
    whole = {
        name: arrays[f"{name}_real"].astype(float) + 1j * arrays[f"{name}_imaginary"].astype(float)
        for name in ("weights", "fine_weights", "shapes")
    }
    weights = np.concatenate([whole["weights"], whole["fine_weights"]], axis=-1)
    both = (jnp.asarray(weights), jnp.asarray(whole["shapes"]))
    return RadialTable(*both, jnp.asarray(arrays["eigenvalues"]), jnp.asarray(arrays["scales"]))


@functools.cache
def load_table() -> RadialTable:
    """The packaged table."""
    return read_table(Path(str(resources.files("swansong.emri.amplitudes") / "data" / "radial.h5")))
