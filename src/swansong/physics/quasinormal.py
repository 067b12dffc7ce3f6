"""Quasi-normal frequencies of Kerr black holes.

The exact frequencies come from a table of Chebyshev series in ``sqrt(1 - chi)`` that
ships with the package (built once with the ``qnm`` package, arXiv:1908.10377, by
``scripts/make_quasinormal_table.py``); its error in M w is below 2e-5 for every mode, and below
1e-12 for the first three aligned ones of each degree. Berti's fits (gr-qc/0512160, table VIII) are
kept as an option for comparisons with older work; they err by up to 2 % in frequency and
3 % in damping time.

Signals evolve as ``exp(-i w t)`` with ``Im w < 0``; modes are labelled (l, m, n) with
n = 0 the least damped.
"""

import functools
import re
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.core.errors import DomainError, InputError
from swansong.core.files import read_product
from swansong.core.types import Array, Complex, Float
from swansong.physics.labels import Frequencies

BERTI_FITS = {
    (2, 2, 0): (1.5251, -1.1568, 0.1292, 0.7000, 1.4187, -0.4990),
    (2, 2, 1): (1.3673, -1.0260, 0.1628, 0.1000, 0.5436, -0.4731),
}
"""Coefficients f1, f2, f3, q1, q2, q3 of gr-qc/0512160."""


_TOLERANCE = 1e-4  # of M w; 423, whose branch the table's solver loses, is not offered


class Mode(NamedTuple):
    """One quasi-normal mode: degree, order and overtone."""

    l: int
    m: int
    n: int

    @property
    def label(self) -> str:
        """The three numbers without separators, for example ``220`` or ``2-20``."""
        return f"{self.l}{self.m}{self.n}"

    @classmethod
    def parse(cls, text: "str | Mode | tuple[int, int, int]") -> "Mode":
        """Read a mode from ``"220"``, ``"2-21"``, ``"(2,2,0)"`` or three integers.

        Raises:
            InputError: If the text does not name a mode.
        """
        if not isinstance(text, str):
            return cls(*(int(part) for part in text))
        found = re.fullmatch(r"\(?\s*(\d)\s*,?\s*(-?\d)\s*,?\s*(\d)\s*\)?", text)
        if found is None:
            raise InputError(
                f'`modes` must be labels such as "220" or "3-21", got "{text}"; give degree, order, overtone'
            )
        return cls(*(int(part) for part in found.groups()))


class KerrModes(eqx.Module):
    """Frequencies of a list of modes as functions of the spin, ready for jit and vmap.

    Build it with `kerr_modes`.

    Attributes:
        modes: The modes, in order.
        maximum_spin: Largest spin of the table.
        kind: Exact table or Berti's fits.
        coefficients: Chebyshev series of the exact table, or the fits' coefficients.
    """

    modes: tuple[Mode, ...] = eqx.field(static=True)
    maximum_spin: float = eqx.field(static=True)
    kind: Frequencies = eqx.field(static=True)
    coefficients: Array

    def omega(self, spin: Float[Array, "..."]) -> Complex[Array, "... modes"]:
        """Dimensionless frequencies.

        Args:
            spin: Dimensionless spin, shape (...), from 0 to `maximum_spin`.

        Returns:
            M w, shape (..., modes), with negative imaginary parts.
        """
        spin = jnp.asarray(spin, dtype=float)
        if self.kind == "berti":
            f1, f2, f3, q1, q2, q3 = jnp.moveaxis(self.coefficients, -1, 0)
            gap = (1.0 - spin)[..., None]
            real = f1 + f2 * gap**f3
            return real * (1.0 - 0.5j / (q1 + q2 * gap**q3))
        edge = np.sqrt(1.0 - self.maximum_spin)
        # A spin of exactly 1 would make the gradient of the root infinite; the table ends before.
        y = jnp.sqrt(jnp.maximum(1.0 - spin, 1e-12))
        x = (2.0 * y - (1.0 + edge)) / (1.0 - edge)
        return _clenshaw(x[..., None], self.coefficients.T)

    def check_spin(self, spin: float) -> None:
        """Refuse a spin at which the frequencies are not known.

        Raises:
            DomainError: If the spin is outside the table.
        """
        if not 0.0 <= spin <= self.maximum_spin:
            raise DomainError(
                f"`final_spin` = {spin} lies outside the table of quasi-normal frequencies; "
                f"give a dimensionless spin from 0 to {self.maximum_spin}"
            )

    def angular_frequencies(
        self, *, final_mass: Float[Array, "..."], final_spin: Float[Array, "..."]
    ) -> Complex[Array, "... modes"]:
        """Complex angular frequencies of a remnant.

        Args:
            final_mass: Mass in the detector frame [solar masses], shape (...).
            final_spin: Dimensionless spin, shape (...).

        Returns:
            w = 2 pi f - i / tau [rad/s], shape (..., modes).
        """
        return self.omega(final_spin) / (jnp.asarray(final_mass)[..., None] * SOLAR_MASS_SECONDS)

    def frequencies_and_damping_times(
        self, *, final_mass: Float[Array, "..."], final_spin: Float[Array, "..."]
    ) -> tuple[Float[Array, "... modes"], Float[Array, "... modes"]]:
        """Frequencies [Hz] and damping times [s] of a remnant, shape (..., modes) each."""
        omega = self.angular_frequencies(final_mass=final_mass, final_spin=final_spin)
        return omega.real / (2.0 * jnp.pi), -1.0 / omega.imag


def kerr_modes(modes: "list[str] | tuple[str | Mode, ...]", *, frequencies: Frequencies = "exact") -> KerrModes:
    """Look up a list of modes.

    Args:
        modes: Modes as ``"220"`` or (2, 2, 0).
        frequencies: The exact table, or Berti's fits (220 and 221 only).

    Returns:
        Their frequencies as functions of the spin.

    Raises:
        InputError: If a mode is not in the table, named twice, or the list is empty.

    Reference:
        arXiv:1908.10377 (table); gr-qc/0512160 (fits).
    """
    parsed = tuple(Mode.parse(mode) for mode in modes)
    if not parsed or len(set(parsed)) != len(parsed):
        raise InputError(f"`modes` must name each mode once, got {[mode.label for mode in parsed]}; list at least one")
    if frequencies == "berti":
        known: dict[Mode, np.ndarray] = {Mode(*key): np.array(value) for key, value in BERTI_FITS.items()}
        maximum_spin = 0.9999
    else:
        known, maximum_spin = _table()
    for mode in parsed:
        if mode not in known:
            raise InputError(
                f'`modes` has "{mode.label}", which the {frequencies} frequencies do not hold; '
                f"known are {', '.join(m.label for m in list(known)[:24])}{' and so on' if len(known) > 24 else ''}"
            )
    return KerrModes(parsed, maximum_spin, frequencies, jnp.asarray(np.stack([known[mode] for mode in parsed])))


@functools.cache
def _table() -> tuple[dict[Mode, np.ndarray], float]:
    """The shipped table: series by mode, and its largest spin."""
    with resources.as_file(resources.files("swansong.physics") / "data" / "kerr_quasinormal.h5") as path:
        product = read_product(Path(path), kind="kerr-quasinormal-table")
    sure = product.arrays["interpolation_error"] <= _TOLERANCE
    modes = [Mode(*map(int, row)) for row in product.arrays["modes"][sure]]
    series = product.arrays["coefficients"][sure]
    return dict(zip(modes, series, strict=True)), float(product.metadata["maximum_spin"])


def _clenshaw(x: Float[Array, "..."], series: Complex[Array, "degree modes"]) -> Complex[Array, "... modes"]:
    """Sum a Chebyshev series, highest degree first in the recurrence."""
    zero = jnp.zeros(jnp.broadcast_shapes(x.shape, series.shape[1:]), dtype=series.dtype)
    first, second = zero, zero
    for row in series[:0:-1]:
        first, second = row + 2.0 * x * first - second, first
    return series[0] + x * first - second
