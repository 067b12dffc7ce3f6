"""Tracks of sources with masses and a plunge time: frequencies, harmonics, orbits and phases at any time.

    tracks = load()
    f_phi, f_r = tracks.frequencies(
        t, mass_1=1e6, mass_2=30.0, spin=0.8, plunge_time=0.9, final_eccentricity=0.05
    )

`plunge_time` is counted on the axis of `t`: a value of 100 or less is taken as sidereal years, a larger one as
seconds. Times after the plunge give NaN; a time so early that the table does not reach it is an error.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swansong.core.errors import DomainError, InputError
from swansong.core.types import ArrayLike, Float
from swansong.emri.tracks import kernels
from swansong.emri.tracks.table import load_arrays
from swansong.emri.tracks.units import YEAR, plunge_seconds, scales


class FundamentalFrequencies(NamedTuple):
    """Frequencies [Hz], shape (n,) or (k, n)."""

    azimuthal: np.ndarray
    radial: np.ndarray


class Harmonic(NamedTuple):
    """Frequency [Hz] and its derivatives [Hz/s, Hz/s^2], shape (n,) or (k, n)."""

    frequency: np.ndarray
    derivative: np.ndarray
    second_derivative: np.ndarray


class Orbit(NamedTuple):
    """Semi-latus rectum [M] and eccentricity, shape (n,) or (k, n)."""

    p: np.ndarray
    e: np.ndarray


class Phases(NamedTuple):
    """Azimuthal and radial phase [rad], shape (n,) or (k, n)."""

    azimuthal: np.ndarray
    radial: np.ndarray


class _Sources(NamedTuple):
    """Checked parameters of k sources, and whether they came as one."""

    spin: np.ndarray
    final_eccentricity: np.ndarray
    mass_s: np.ndarray
    nu: np.ndarray
    rate: np.ndarray
    plunge: np.ndarray
    single: bool


@dataclass(frozen=True)
class Tracks:
    """The table of tracks with the questions one asks of it; `load` gives the shipped one.

    Every method takes times `t` [s], shape (n,), and the parameters by name, each a number or an array (k,):
    `mass_1` and `mass_2` [solar masses, detector frame], `spin` (signed, prograde positive), `plunge_time` (years
    up to 100, else seconds) and `final_eccentricity`. Answers have the shape (n,) when all parameters are numbers,
    else (k, n), and are NaN from the plunge on.

    All raise `DomainError` for parameters outside the table, and when a source leaves the table before the
    earliest time: a track is never shorter than asked.

    Attributes:
        arrays: What the kernels need.
    """

    arrays: kernels.Arrays

    @property
    def spins(self) -> tuple[float, float]:
        """Smallest and largest spin."""
        first, step = self.arrays.grid[:2]
        return float(1.0 - (first + step * (self.arrays.edge.shape[0] - 1)) ** 3), float(1.0 - first**3)

    @property
    def final_eccentricities(self) -> tuple[float, float]:
        """Smallest and largest eccentricity at plunge."""
        first, step = self.arrays.grid[2:4]
        ends = np.array([first, first + step * (self.arrays.edge.shape[1] - 1)])
        low, high = kernels.FINAL_SCALE * np.expm1(ends)
        return float(low), float(high)

    def reach(
        self,
        *,
        mass_1: ArrayLike | float,
        mass_2: ArrayLike | float,
        spin: ArrayLike | float,
        final_eccentricity: ArrayLike | float,
    ) -> Float[np.ndarray, "..."]:
        """Time before plunge at which the table ends [s], a scalar array or shape (k,)."""
        given = self._sources(mass_1, mass_2, spin, 1.0, final_eccentricity)
        found = np.exp(self._edges(given)) / given.rate
        return found[0] if given.single else found

    def frequencies(
        self,
        t: ArrayLike,
        *,
        mass_1: ArrayLike | float,
        mass_2: ArrayLike | float,
        spin: ArrayLike | float,
        plunge_time: ArrayLike | float,
        final_eccentricity: ArrayLike | float,
    ) -> FundamentalFrequencies:
        """Azimuthal and radial frequency in the detector frame [Hz]; parameters and errors as for the class."""
        given, times = self._checked(t, mass_1, mass_2, spin, plunge_time, final_eccentricity)
        azimuthal = self._harmonic(given, times, m=1, n=0)
        radial = self._harmonic(given, times, m=0, n=1)
        return FundamentalFrequencies(azimuthal.frequency, radial.frequency)

    def harmonic(
        self,
        t: ArrayLike,
        *,
        m: int,
        n: int,
        mass_1: ArrayLike | float,
        mass_2: ArrayLike | float,
        spin: ArrayLike | float,
        plunge_time: ArrayLike | float,
        final_eccentricity: ArrayLike | float,
    ) -> Harmonic:
        """Frequency of m f_phi + n f_r and its two derivatives; parameters and errors as for the class.

        Args:
            t: Times [s].
            m: Azimuthal number.
            n: Radial number.
            mass_1: Mass of the hole [solar masses].
            mass_2: Mass of the small body [solar masses].
            spin: Signed spin.
            plunge_time: Years, or seconds above 100.
            final_eccentricity: Eccentricity at plunge.

        Returns:
            Frequency [Hz] and derivatives, NaN from the plunge on.
        """
        given, times = self._checked(t, mass_1, mass_2, spin, plunge_time, final_eccentricity)
        return self._harmonic(given, times, m=m, n=n)

    def orbit(
        self,
        t: ArrayLike,
        *,
        mass_1: ArrayLike | float,
        mass_2: ArrayLike | float,
        spin: ArrayLike | float,
        plunge_time: ArrayLike | float,
        final_eccentricity: ArrayLike | float,
    ) -> Orbit:
        """Semi-latus rectum [M] and eccentricity; parameters and errors as for the class."""
        given, times = self._checked(t, mass_1, mass_2, spin, plunge_time, final_eccentricity)
        p, e = np.full((2, given.spin.size, times.size), np.nan)
        for k, (curve, alive, tau) in enumerate(self._curves(given, times)):
            for row, out in ((2, p), (3, e)):
                values = np.empty(tau.size)
                kernels.read_quantity(curve[row], self.arrays.grid, np.log(tau), values)
                out[k, alive] = values
        return Orbit(p[0], e[0]) if given.single else Orbit(p, e)

    def phases(
        self,
        t: ArrayLike,
        *,
        mass_1: ArrayLike | float,
        mass_2: ArrayLike | float,
        spin: ArrayLike | float,
        plunge_time: ArrayLike | float,
        final_eccentricity: ArrayLike | float,
    ) -> Phases:
        """Phases that grow with time and are zero at t = 0.

        They are the exact integrals of `frequencies`. The track must reach back to t = 0, and forward: a source
        that plunges before t = 0 has no phases.

        Args:
            t: Times [s].
            mass_1: Mass of the hole [solar masses].
            mass_2: Mass of the small body [solar masses].
            spin: Signed spin.
            plunge_time: Years, or seconds above 100.
            final_eccentricity: Eccentricity at plunge.

        Returns:
            Phases [rad], NaN from the plunge on.

        Raises:
            DomainError: As for the class, or the plunge is not after t = 0.
        """
        times = _times(t)
        with_zero = np.append(times, 0.0)
        given, _ = self._checked(with_zero, mass_1, mass_2, spin, plunge_time, final_eccentricity)
        if not (given.plunge > 0.0).all():
            raise DomainError(f"`plunge_time` must be after t = 0, where phases begin, got {given.plunge.min():.6g} s")
        found = np.full((2, given.spin.size, times.size), np.nan)
        nodes = np.empty(self.arrays.coefficients.shape[3] - 2)
        for k, (curve, alive, tau) in enumerate(self._curves(given, with_zero)):
            for row in range(2):
                kernels.cumulative(curve[row], self.arrays.grid, nodes)
                left = np.empty(tau.size)
                kernels.integral(curve[row], self.arrays.grid, nodes, tau, left)
                found[row, k, alive[:-1]] = 2.0 * np.pi * (left[-1] - left[:-1]) / given.nu[k]
        return Phases(found[0, 0], found[1, 0]) if given.single else Phases(found[0], found[1])

    def _harmonic(self, given: _Sources, times: np.ndarray, *, m: int, n: int) -> Harmonic:
        """Run the kernel; zeros after the plunge become NaN."""
        f, fdot, fddot = np.empty((3, given.spin.size, times.size))
        kernels.fill_many(
            self.arrays, given.spin, given.final_eccentricity, given.mass_s, given.rate, given.plunge, times,
            float(m), float(n), f, fdot, fddot,
        )  # fmt: skip
        gone = times >= given.plunge[:, None]
        for out in (f, fdot, fddot):
            out[gone] = np.nan
        return Harmonic(f[0], fdot[0], fddot[0]) if given.single else Harmonic(f, fdot, fddot)

    def _curves(self, given: _Sources, times: np.ndarray):
        """For each source: its curve, the times before plunge and tau at those."""
        for k in range(given.spin.size):
            curve = np.empty((4, self.arrays.coefficients.shape[3]))
            kernels.curve(self.arrays, given.spin[k], given.final_eccentricity[k], curve)
            alive = times < given.plunge[k]
            yield curve, alive, (given.plunge[k] - times[alive]) * given.rate[k]

    def _edges(self, given: _Sources) -> np.ndarray:
        work = np.empty((1, self.arrays.coefficients.shape[3]))
        pairs = zip(given.spin, given.final_eccentricity, strict=True)
        return np.array([kernels.curve(self.arrays, a, e, work) for a, e in pairs])

    def _sources(self, mass_1, mass_2, spin, plunge_time, final_eccentricity) -> _Sources:
        """Check and broadcast the parameters."""
        parts = [np.asarray(value, float) for value in (mass_1, mass_2, spin, plunge_time, final_eccentricity)]
        try:
            m1, m2, a, plunge, e = np.broadcast_arrays(*parts)
        except ValueError as error:
            shapes = ", ".join(str(part.shape) for part in parts)
            raise InputError(f"parameters must be numbers or arrays of one length, got shapes {shapes}") from error
        if m1.ndim > 1:
            raise InputError(f"parameters must be numbers or one-dimensional arrays, got the shape {m1.shape}")
        single = m1.ndim == 0
        m1, m2, a, plunge, e = (np.atleast_1d(value).astype(float) for value in (m1, m2, a, plunge, e))
        for name, value, (low, high) in (
            ("spin", a, self.spins),
            ("final_eccentricity", e, self.final_eccentricities),
        ):
            if not ((value >= low - 1e-12) & (value <= high + 1e-12)).all():
                bad = value[~((value >= low - 1e-12) & (value <= high + 1e-12))][0]
                raise DomainError(
                    f"`{name}` = {bad:.6g} lies outside the table of tracks; give a value from {low:.6g} to {high:.6g}"
                )
        scale = scales(m1, m2)
        return _Sources(a, e, scale.mass_s, scale.nu, scale.rate, plunge_seconds(plunge), single)

    def _checked(self, t, mass_1, mass_2, spin, plunge_time, final_eccentricity) -> tuple[_Sources, np.ndarray]:
        """Parameters and times, with the reach of the table checked at the earliest time."""
        times = _times(t)
        given = self._sources(mass_1, mass_2, spin, plunge_time, final_eccentricity)
        if times.size:
            asked = given.plunge - times.min()
            reach = np.exp(self._edges(given)) / given.rate
            if not (asked <= reach * (1.0 + 1e-9)).all():
                k = int(np.argmax(~(asked <= reach)))
                raise DomainError(
                    f"a track from {asked[k] / YEAR:.6g} yr before plunge was asked, but for spin {given.spin[k]:.6g} "
                    f"and final eccentricity {given.final_eccentricity[k]:.6g} with these masses the table reaches "
                    f"{reach[k] / YEAR:.6g} yr; begin later, or give a smaller `plunge_time`, `mass_2` or eccentricity"
                )
        return given, times


def _times(t: ArrayLike) -> np.ndarray:
    times = np.ascontiguousarray(t, dtype=float)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise InputError(f"`t` must be a one-dimensional array of finite times [s], got the shape {times.shape}")
    return times


@functools.cache
def load(path: Path | None = None) -> Tracks:
    """Read the table of tracks once, by default the shipped one.

    Args:
        path: Another table of the same kind.

    Returns:
        The tracks.

    Raises:
        FileError: The file is missing, foreign or damaged.
    """
    return Tracks(load_arrays(path))
