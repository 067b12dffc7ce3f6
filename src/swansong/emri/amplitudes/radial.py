"""Radial functions of the Teukolsky equation, tabulated at low rank.

Of what falls into the hole, for amplitudes at infinity, and of what leaves it, for amplitudes at the horizon:

    R_in(r) / W = Delta^2 r^(l-2) T_l(w) H_lm(r; a, w)
    R_up(r) / W = N_lm(a, w) r^3 y^(l+2) exp(i w r) H'_lm(r; a, w),    y^2 = 1 / r^2 + (w / l)^2,

    N_lm = exp(i q (r+ + 2 ln b)) prod_{k=3..l} (b + i (a m - 2 r+ w) / k),    b = sqrt(1 - a^2),
    q = w - a m / (2 r+),    r+ = 1 + b,

with R_up = r^3 exp(i w r*) at infinity, R_in = Delta^2 exp(-i q r*) at the horizon and their Wronskian
W = (R_in R_up' - R_up R_in') / Delta. T_l is the tail factor of the analytic baseline. N is, but for a number, the
inverse of the coefficient with which R_in grows like r^(l+2) out of the near zone, so that the static limit of R_up / W
is r^(1-l) times it; the power of y leads from there to the wave r^3.

H and H' are smooth: at each (l, m) they are sums of a few fixed functions of radius, weighted by functions of spin and
frequency. The grids are those of `scripts/make_emri_radial.py`. Modes of l > 6, or faster ones, put no power into the
hole that counts: 1e-5 of the total next to the last stable orbit of a fast hole.

Reference:
    Starobinskii and Churilov, Sov. Phys. JETP 38, 1 (1974) (near zone).
"""

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import FileError
from swansong.core.files import read_product
from swansong.core.types import Array
from swansong.emri.amplitudes.radial_kernels import (
    DEGREES,
    RANK,
    Table,
    bounds,
    family,
    highest,
    mix,
    near_zone,
    place_of,
    reach_of,
)
from swansong.emri.amplitudes.source_kernels import tail
from swansong.physics.kerr import separatrix

End = Literal["infinity", "horizon"]
"""Where amplitudes are taken."""

KIND, UP_KIND = "emri_radial_functions", "emri_radial_functions_up"
"""Kinds of the products, of R_in and of R_up."""

LARGEST_SPIN, LARGEST_E, NEAREST = 0.99, 0.5, 0.5
"""Domain of the tables."""

LARGEST_UP_L, UP_SHARE = 6, 0.75**1.5
"""Largest degree of the table of R_up, and its largest frequency over `highest_frequency`."""


def lowest_radius(a: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """Radius below every periapsis of the domain [M]."""
    return 0.97 * (separatrix(jnp.asarray(a), LARGEST_E) + NEAREST) / (1.0 + LARGEST_E)


def highest_frequency(
    l: Int[np.ndarray, "..."] | int, m: Int[np.ndarray, "..."] | int, a: float
) -> Float[np.ndarray, "..."]:
    """Largest frequency of the table of R_in at one spin [1/M]."""
    return np.asarray(highest.py_func(*bounds(float(a)), np.asarray(l), np.asarray(m)))


class RadialValues(NamedTuple):
    """A radial function and what follows from its equation.

    Attributes:
        value: R over W, shape (modes, radii).
        slope: Its derivative [1/M].
        curvature: Its second derivative [1/M^2].
        inside: Whether the mode lies within the table, shape (modes,).
    """

    value: Complex[np.ndarray, "modes radii"]
    slope: Complex[np.ndarray, "modes radii"]
    curvature: Complex[np.ndarray, "modes radii"]
    inside: Bool[np.ndarray, " modes"]


@dataclass(frozen=True, eq=False)
class RadialTable:
    """A table; `load_table` reads the packaged ones.

    Attributes:
        kernel: What compiled code sees of it.
    """

    kernel: Table

    def shares(self, a: Float[np.ndarray, " orbits"]) -> Float[np.ndarray, "orbits spins"]:
        """Weights with which the spins of the table make up others."""
        number = self.kernel.weights.shape[2]
        shallow = (1.0 - LARGEST_SPIN) ** (1.0 / 3.0)
        t = (np.cbrt(1.0 - np.asarray(a, float)) - shallow) / (1.0 - shallow)
        angle = np.pi * (np.arange(number) + 0.5) / number
        nodes, signs = 0.5 - 0.5 * np.cos(angle), (-1.0) ** np.arange(number) * np.sin(angle)
        gap = t[:, None] - nodes
        at = gap == 0.0
        share = np.where(at.any(axis=1, keepdims=True), at, signs / np.where(at, 1.0, gap))
        return share / share.sum(axis=1, keepdims=True)

    def evaluate(
        self,
        a: float,
        *,
        l: Int[np.ndarray, " modes"],
        m: Int[np.ndarray, " modes"],
        w: Float[np.ndarray, " modes"],
        radius: Float[np.ndarray, " radii"],
    ) -> RadialValues:
        """Radial functions of some modes.

        Args:
            a: Spin.
            l: Degrees.
            m: Azimuthal orders, of any sign.
            w: Frequencies, positive [1/M].
            radius: Radii [M].

        Returns:
            The functions, one for all modes and radii.
        """
        table, (fast, slow), low = self.kernel, bounds(float(a)), float(lowest_radius(a))
        place = np.array([place_of(table, fast, slow, *one) for one in zip(l, m, w, strict=True)])
        reach = np.array([reach_of(*one) for one in zip(l, w, strict=True)])
        known = np.minimum(l, table.largest_l)
        at = np.array([family(*one) for one in zip(known, np.clip(m, -known, known), strict=True)])
        mixed, eigenvalue = np.empty((len(w), 2 * RANK), np.float32), np.empty(len(w))
        entries = np.arange(len(w))
        shares = self.shares(np.array([a]))
        mix(table, shares, entries, at, np.minimum(place, table.weights.shape[1]), 0 * entries, mixed, eigenvalue)
        rank = table.shapes.shape[1]
        weights = mixed[:, :rank].astype(float) + 1j * mixed[:, RANK : RANK + rank]
        shapes = table.shapes[at, :, :DEGREES].astype(float) + 1j * table.shapes[at, :, DEGREES:]
        series = np.einsum("mk,mkd->dm", weights, shapes)

        t = 2.0 * np.log(radius - low + 1.0) / reach[:, None] - 1.0
        inside = (w > 0.0) & (place <= table.weights.shape[1] - 1.0) & (np.abs(t) <= 1.0).all(axis=1)
        inside &= l <= table.largest_l
        h, h_slope = (
            np.array([np.polynomial.chebyshev.chebval(x, c) for x, c in zip(t, coefficients.T, strict=True)])
            for coefficients in (series, np.polynomial.chebyshev.chebder(series))
        )
        degree, frequency = l[:, None], w[:, None]
        delta = radius * (radius - 2.0) + a * a
        if table.horizon:
            factor = np.array([near_zone(*one, a) for one in zip(l, m, w, strict=True)])
            square = radius**-2.0 + (frequency / degree) ** 2
            power = radius**3 * square ** (0.5 * degree + 1.0) * np.exp(1j * frequency * radius)
            relative = 3.0 / radius - (degree + 2.0) / (radius**3 * square) + 1j * frequency
        else:
            factor = np.array([tail(*one) for one in zip(l, w, strict=True)])
            power = delta**2 * radius ** (degree - 2.0)
            relative = 4.0 * (radius - 1.0) / delta + (degree - 2.0) / radius
        power = power * factor[:, None]
        value = power * h
        slope = power * (h_slope * 2.0 / ((radius - low + 1.0) * reach[:, None]) + relative * h)
        k = (radius**2 + a * a) * frequency - a * m[:, None]
        potential = -(k * k + 4.0j * (radius - 1.0) * k) / delta + 8.0j * frequency * radius + eigenvalue[:, None]
        return RadialValues(value, slope, 2.0 * (radius - 1.0) / delta * slope + potential / delta * value, inside)


def _filled(values: np.ndarray, length: int) -> np.ndarray:
    """Zeros behind the last axis, up to a length."""
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])])


def read_table(path: str | Path, *, end: End = "infinity") -> RadialTable:
    """Read a table.

    Args:
        path: A product of `scripts/pack_emri_radial.py`.
        end: Which of the two it is.

    Returns:
        The table.

    Raises:
        FileError: If it is no such product.
    """
    arrays = read_product(path, kind=UP_KIND if end == "horizon" else KIND).arrays
    if arrays["eigenvalues"].shape[1] % 4:
        raise FileError(f"`{path}` has {arrays['eigenvalues'].shape[1]} spins; pack one with a multiple of four")
    weights, shapes = [], []
    for part in ("real", "imaginary"):
        weight = np.concatenate([arrays[f"weights_{part}"], arrays[f"fine_weights_{part}"]], axis=-1)
        weights.append(_filled(weight.astype(np.float32), RANK))
        shape = arrays[f"shapes_{part}"] * arrays["scales"][:, None, None]
        shapes.append(_filled(shape.astype(np.float32), DEGREES))
    kernel = Table(
        weights=np.ascontiguousarray(np.concatenate(weights, axis=-1).transpose(0, 2, 1, 3)),
        shapes=np.concatenate(shapes, axis=-1),
        eigenvalues=np.ascontiguousarray(arrays["eigenvalues"].astype(float).transpose(0, 2, 1)),
        share=UP_SHARE if end == "horizon" else 1.0,
        largest_l=round(float(np.sqrt(len(weights[0]) + 4))) - 1,
        horizon=end == "horizon",
    )
    return RadialTable(kernel)


@functools.cache
def load_table(end: End = "infinity") -> RadialTable:
    """The packaged table of one end."""
    name = "radial_up.h5" if end == "horizon" else "radial.h5"
    return read_table(Path(str(resources.files("swansong.emri.amplitudes") / "data" / name)), end=end)
