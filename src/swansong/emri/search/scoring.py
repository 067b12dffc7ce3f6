"""The statistic of sources in one data set: tables, weights and tracks, bound together."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from swansong.emri.search.expected import harmonic_powers
from swansong.emri.search.kernels import LENGTHS, STILL, frequencies_at, score_points
from swansong.emri.search.refine_kernels import improve, improve_roughly
from swansong.emri.search.settings import EXPONENTS
from swansong.emri.search.statistic import StatisticTable, neighbour_losses
from swansong.emri.search.weights import expected_power
from swansong.emri.tracks.kernels import Arrays
from swansong.emri.tracks.sources import Tracks
from swansong.signals.lisa_response import LisaOrbits
from swansong.signals.spectra import Spectrum

LOWEST_FREQUENCY = 10.0**-3.5
"""Frequency below which segments do not count [Hz]."""

QUADRUPOLE = np.array([[2, 0]])
"""The harmonic (m, n) of the search."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores sources in one data set.

    Attributes:
        table: Tabulated data.
        spectrum: Noise of the channel.
        tracks: Table of tracks as kernels want it.
        orbits: Orbits of the detector, for sources with a direction.
    """

    table: StatisticTable
    spectrum: Spectrum
    tracks: Arrays
    orbits: LisaOrbits = field(default_factory=LisaOrbits)

    @cached_property
    def grid(self) -> tuple[float, float, float, float, float, float]:
        """(low, 1/bin, 1/rate step, two losses between neighbours, segment [s])."""
        table = self.table
        loss, rate_loss = neighbour_losses(table)
        return table.low, 1.0 / table.step, 1.0 / table.rate_step, loss, rate_loss, table.segment

    @property
    def shape(self) -> tuple[float, float]:
        """Lowest frequency [Hz] and largest rate [Hz/s] that count."""
        return LOWEST_FREQUENCY, (self.table.rates - 1) * self.table.rate_step

    @cached_property
    def weights(self) -> Float[np.ndarray, "bins"]:
        """Expected power against frequency, on the bins of the amplitudes."""
        return expected_power(
            self.table.low + np.arange(self.table.amplitudes.shape[2]) * self.table.step, self.spectrum
        )

    @cached_property
    def fine_weights(self) -> Float[np.ndarray, "fine"]:
        """The same on the bins of the byte table."""
        return expected_power(
            self.table.low + np.arange(self.table.powers.shape[2]) * self.table.fine_step, self.spectrum
        )

    def harmonics_of(
        self, point: Float[np.ndarray, "5"], *, most: int
    ) -> tuple[Int[np.ndarray, "h 2"], Float[np.ndarray, "h segments"]]:
        """The strongest harmonics of a source and the power expected of each in every segment."""
        middles = (np.arange(self.table.segments) + 0.5) * self.table.segment
        return harmonic_powers(point, middles, tracks=Tracks(self.tracks), spectrum=self.spectrum, most=most)

    def score(
        self,
        points: Float[np.ndarray, "n _"],
        *,
        harmonics: Int[np.ndarray, "h 2"] = QUADRUPOLE,
        fixed: Float[np.ndarray, "h segments"] | None = None,
    ) -> Float[np.ndarray, "n lengths exponents"]:
        """Gaussianised statistic of sources.

        Args:
            points: (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (n, 5), or with
                cos(ecliptic latitude) times cosine and sine of the longitude, shape (n, 7); without them the
                detector stands still.
            harmonics: Rows (m, n) whose powers are added.
            fixed: Expected power of each segment for each harmonic, instead of the law of `weights`.

        Returns:
            Statistic for each number of coherent segments (`LENGTHS`) and each exponent of the weights
            (`EXPONENTS`), shape (n, 4, 3); about standard normal in noise, -100 outside the table of tracks.
        """
        answers = np.empty((points.shape[0], len(LENGTHS), len(EXPONENTS)))
        full, orbit = self._seen(points)
        score_points(
            self.table.amplitudes, self.table.used, self.grid, self.shape, self.tracks, full, orbit, harmonics,
            self.weights, _fixed(harmonics, fixed), answers,
        )  # fmt: skip
        return answers

    def improve(
        self,
        points: Float[np.ndarray, "n _"],
        *,
        limits: tuple[Float[np.ndarray, "5"], Float[np.ndarray, "5"]],
        length: int,
        exponent: float,
        steps: int,
        seed: int,
        harmonics: Int[np.ndarray, "h 2"] = QUADRUPOLE,
        fixed: Float[np.ndarray, "h segments"] | None = None,
    ) -> tuple[Float[np.ndarray, "n _"], Float[np.ndarray, "n lengths exponents"]]:
        """Climb from every source by itself.

        Args:
            points: Sources to start from, shape (n, 5) or (n, 7) as for `score`.
            limits: Bounds of points, `SearchModel.limits`.
            length: Number of coherent segments of the statistic that is raised, one of `LENGTHS`.
            exponent: Its exponent of the weights, one of `EXPONENTS`.
            steps: Trial steps for each source.
            seed: Seed of the steps.
            harmonics: Rows (m, n) whose powers are added.
            fixed: Expected powers of segments for each harmonic.

        Returns:
            Better sources, of the shape given, and their statistic, shape (n, 4, 3).
        """
        better, orbit = self._seen(points)
        scores = np.empty((better.shape[0], len(LENGTHS), len(EXPONENTS)))
        grid = (*self.grid, 1.0 / self.table.step, float(self.table.segments))
        improve(
            self.table.amplitudes, self.table.used, grid, self.shape, self.tracks, better, *limits, orbit, harmonics,
            self.weights, _fixed(harmonics, fixed), LENGTHS.index(length), EXPONENTS.index(exponent), steps, seed,
            scores,
        )  # fmt: skip
        return better[:, : points.shape[1]], scores

    def _seen(self, points: Float[np.ndarray, "n _"]) -> tuple[Float[np.ndarray, "n 7"], tuple[float, float, float]]:
        """Points with a direction, and the orbit of the detector: still where no direction is given."""
        full = np.zeros((points.shape[0], 7))
        full[:, : points.shape[1]] = points
        return full, self.orbits.circle if points.shape[1] == full.shape[1] else STILL

    def improve_roughly(
        self,
        points: Float[np.ndarray, "n 5"],
        *,
        limits: tuple[Float[np.ndarray, "5"], Float[np.ndarray, "5"]],
        exponent: float,
        steps: int,
        seed: int,
    ) -> tuple[Float[np.ndarray, "n 5"], Float[np.ndarray, "n"]]:
        """Climb on the byte table, one segment coherent; arguments as in `improve`.

        Returns:
            Better sources and their statistic, shapes (n, 5) and (n,).
        """
        better = np.array(points, dtype=np.float64)
        scores = np.empty(better.shape[0])
        grid = (*self.grid, 1.0 / self.table.fine_step, float(self.table.segments))
        improve_roughly(
            self.table.powers, self.table.used, grid, self.shape, self.tracks, better, *limits,
            self.fine_weights**exponent, exponent > 0.0, steps, seed, scores,
        )  # fmt: skip
        return better, scores

    def tracks_of(self, points: Float[np.ndarray, "n _"], times: Float[np.ndarray, "t"]) -> Float[np.ndarray, "n t"]:
        """Frequency of the (2, 0) harmonic of sources at some times [Hz]; zero after plunge."""
        out = np.empty((points.shape[0], times.size))
        frequencies_at(self.tracks, np.ascontiguousarray(points[:, :5]), np.asarray(times, float), 2, 0, out)
        return out


def _fixed(harmonics, fixed):
    return np.empty((harmonics.shape[0], 0)) if fixed is None else np.ascontiguousarray(fixed)
