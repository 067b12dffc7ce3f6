"""The published search: walkers in the space of free tracks, one climb for each observation time.

For each of 48 observation times, tracks that plunge in the last twelve segments before it are drawn from a uniform
prior of their coefficients; the best become walkers, which climb by Adam and by differential evolution in turn. The
sum of the statistic is not comparable between observation times and is normalised by what noise alone reaches.

It differs from the paper where that makes it better: the data are whitened before they are cut, frequencies are
those in the middle of a segment, and the statistic is read from a table. What it shares is the space and the climb.

Reference:
    Speri, Tenorio, Chapman-Bird and Gerosa, arXiv:2510.20891, section III.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from swansong.core.errors import DataError
from swansong.emri.search.paper_basis import TrackBasis, learn_basis
from swansong.emri.search.paper_kernels import score_tracks
from swansong.emri.search.paper_settings import PaperSettings
from swansong.emri.search.paper_walkers import Walkers, climb, mutants
from swansong.emri.search.scoring import LOWEST_FREQUENCY
from swansong.emri.search.statistic import StatisticTable, neighbour_losses, tabulate
from swansong.emri.tracks import Tracks
from swansong.signals.sft import Baseband


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class PaperBackground:
    """What the search reaches in noise, for each observation time.

    Attributes:
        mean: Mean of the best statistic, shape (times,).
        spread: Its standard deviation, same shape.
    """

    mean: Float[np.ndarray, "times"]
    spread: Float[np.ndarray, "times"]

    @classmethod
    def of(cls, statistics: Float[np.ndarray, "runs times"]) -> "PaperBackground":
        """Measure it from searches of noise.

        Args:
            statistics: Best statistics of each search, `PaperResult.statistics`.

        Returns:
            Mean and spread.

        Raises:
            DataError: If there are fewer than two searches, or an observation time always gave the same.
        """
        if statistics.shape[0] < 2 or not (np.ptp(statistics, axis=0) > 0.0).all():
            raise DataError(
                f"{statistics.shape[0]} searches of noise do not give a spread at every observation time; "
                "search at least two different realisations of noise"
            )
        return cls(statistics.mean(axis=0), statistics.std(axis=0, ddof=1))


@dataclass(frozen=True, eq=False)
class PaperResult:
    """What one search found, by observation time, longest last.

    Attributes:
        observed: Segments observed, shape (times,).
        statistics: Largest sum of the statistic, same shape.
        counts: Segments that entered it, same shape.
        coefficients: Coefficients of its track, shape (times, coefficients).
        shifts: Segments from its plunge to that of the basis, shape (times,).
        templates: Number of tracks scored.
        seconds: Time of the search [s].
    """

    observed: Int[np.ndarray, "times"]
    statistics: Float[np.ndarray, "times"]
    counts: Int[np.ndarray, "times"]
    coefficients: Float[np.ndarray, "times coefficients"]
    shifts: Int[np.ndarray, "times"]
    templates: int
    seconds: float

    def normalised(self, background: PaperBackground | None = None) -> Float[np.ndarray, "times"]:
        """Statistics in units of their spread.

        Args:
            background: What the search reaches in noise; without it, mean and spread of one track in noise.

        Returns:
            Normalised statistic for each observation time, shape (times,).
        """
        if background is None:
            counts = np.maximum(self.counts, 1)
            return (self.statistics - 2.0 * counts) / np.sqrt(4.0 * counts)
        return (self.statistics - background.mean) / background.spread

    def loudest(self, background: PaperBackground | None = None) -> int:
        """Index of the observation time of the largest normalised statistic."""
        return int(np.argmax(self.normalised(background)))


@dataclass(frozen=True, eq=False)
class PaperSearch:
    """The published search.

    Attributes:
        tracks: Table of tracks that the basis is learned from.
        settings: Sizes.
        seed: Seed of the basis.
    """

    tracks: Tracks
    settings: PaperSettings
    seed: int = 0

    @cached_property
    def basis(self) -> TrackBasis:
        """The basis of tracks."""
        settings = self.settings
        return learn_basis(
            self.tracks, settings.prior, settings.basis, segment=settings.statistic.segment, seed=self.seed
        )

    @property
    def observed(self) -> Int[np.ndarray, "times"]:
        """Observation times in segments, ascending; the last ends at the latest plunge."""
        every = self.basis.segments - self.settings.chunk * np.arange(self.settings.times)[::-1]
        return every[every >= self.settings.chunk]

    def run(self, band: Baseband, *, seed: int, report: Callable[[int], None] | None = None) -> PaperResult:
        """Search one data set.

        Args:
            band: Whitened data.
            seed: Seed of the walkers.
            report: Called with the number of tracks scored.

        Returns:
            The best track for each observation time.

        Raises:
            DataError: If the data end before the latest plunge of the prior.
        """
        start = time.perf_counter()
        if band.segments < self.basis.segments:
            raise DataError(
                f"the data hold {band.segments} segments, the search needs {self.basis.segments} to reach the latest "
                "plunge; give longer data or an earlier `prior.plunge_time`"
            )
        table = tabulate(band, self.settings.statistic, powers=False)
        rng = np.random.default_rng(seed)
        observed = self.observed
        rows, templates = [], 0
        for last in observed:
            best, scored = self._search(table, int(last), rng)
            rows.append(best)
            templates += scored
            if report is not None:
                report(scored)
        places = np.concatenate([row.places for row in rows])
        return PaperResult(
            observed=observed,
            statistics=np.concatenate([row.totals for row in rows]),
            counts=np.concatenate([row.counts for row in rows]),
            coefficients=self._coefficients(places),
            shifts=self._offsets(places) + self.basis.segments - observed,
            templates=templates,
            seconds=time.perf_counter() - start,
        )

    def frequency(self, result: PaperResult, *, place: int, segments: int) -> Float[np.ndarray, "segments"]:
        """Recovered track of one observation time.

        Args:
            result: Answer of a search.
            place: Index of the observation time, such as `PaperResult.loudest`.
            segments: Length of the data in segments.

        Returns:
            Frequency in the middle of every segment [Hz], zero after plunge, shape (segments,).
        """
        shift = int(result.shifts[place])
        before = self.basis.tracks(result.coefficients[place : place + 1], last=self.basis.segments - shift)[0, :, 0]
        track = np.zeros(segments)
        track[: min(before.size, segments)] = before[:segments]
        return track

    def _coefficients(self, places: np.ndarray) -> np.ndarray:
        return (2.0 * places[..., :-1] - 1.0) * self.basis.width * self.basis.spread

    def _offsets(self, places: np.ndarray) -> np.ndarray:
        """Segments from plunge to the end of the observation."""
        return np.minimum((places[..., -1] * self.settings.chunk).astype(np.int64), self.settings.chunk - 1)

    def _score(self, table: StatisticTable, places: np.ndarray, *, last: int) -> Walkers:
        """Statistic and gradient in the unit box; segments after ``last`` are not observed."""
        basis, statistic = self.basis, self.settings.statistic
        frequency, rate, curvature = basis.tracks(self._coefficients(places), last=last)
        number = places.shape[0]
        totals, counts = np.empty(number), np.empty(number, dtype=np.int64)
        slopes, rises = np.empty((2, last, number))
        grid = (table.low, 1.0 / table.step, 1.0 / table.rate_step, *neighbour_losses(table), table.segment)
        limits = (LOWEST_FREQUENCY, self.settings.lowest_rate, statistic.largest_rate)
        score_tracks(
            table.amplitudes, table.used, grid, limits, frequency, rate, curvature, self._offsets(places), totals,
            counts, slopes, rises,
        )  # fmt: skip
        by_coefficient = slopes.T @ basis.vectors[0, -last:] + rises.T @ basis.vectors[1, -last:]
        gradients = np.zeros_like(places)
        gradients[:, :-1] = by_coefficient * 2.0 * basis.width * basis.spread
        return Walkers(places, totals, counts, gradients)

    def _search(self, table: StatisticTable, last: int, rng: np.random.Generator) -> tuple[Walkers, int]:
        """Climb for one observation time; the best track and the number scored."""
        settings = self.settings.walkers
        drawn = self._score(table, rng.random((settings.drawn, self.basis.coefficients + 1)), last=last)
        walkers = drawn.take(np.argsort(-drawn.totals)[: settings.kept])
        best = walkers.take(np.array([0]))
        moments = np.zeros((2, *walkers.places.shape))
        for iteration in range(settings.iterations):
            if iteration % 2:
                places = mutants(walkers, settings.mutation, rng=rng)
                walkers = walkers.better(self._score(table, places, last=last))
            else:
                places = climb(walkers, moments, step=iteration // 2 + 1, learning_rate=settings.learning_rate)
                walkers = self._score(table, places, last=last)
            if walkers.totals[walkers.best] > best.totals[0]:
                best = walkers.take(np.array([walkers.best]))
        return best, settings.drawn + settings.iterations * settings.kept


def paper_background(
    search: PaperSearch, bands: Sequence[Baseband], *, seed: int, report: Callable[[int], None] | None = None
) -> PaperBackground:
    """Measure what the search reaches in noise.

    Args:
        search: The search.
        bands: Realisations of noise, whitened.
        seed: Seed of the walkers of the first; the others follow.
        report: Called with the number of tracks scored.

    Returns:
        Mean and spread for each observation time.
    """
    found = [search.run(band, seed=seed + place, report=report) for place, band in enumerate(bands)]
    return PaperBackground.of(np.stack([result.statistics for result in found]))
