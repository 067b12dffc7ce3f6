"""One search: from a whitened year to ranked candidates."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from swansong.emri import tracks
from swansong.emri.search.kernels import LENGTHS
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import EXPONENTS, Scorer
from swansong.emri.search.settings import SearchSettings
from swansong.emri.search.staged import Seeds, distinct, refine, scan_bank
from swansong.emri.search.statistic import StatisticTable, tabulate
from swansong.emri.tracks.kernels import Arrays
from swansong.signals.sft import Baseband, baseband
from swansong.signals.spectra import Spectrum


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Candidate:
    """A source that a search proposes.

    Attributes:
        theta: Parameter vector of `SearchModel`, shape (5,).
        sky: cos(ecliptic latitude) times cosine and sine of the longitude, if the last stage fitted them, shape (2,)
            or (0,).
        statistic: What candidates are ranked by: the gaussianised statistic of the last stage.
        statistics: Gaussianised statistic for each number of coherent segments and each exponent of the
            weights, shape (4, 3).
        frequency: Frequency of the (2, 0) harmonic in the middle of every segment [Hz], zero after plunge,
            shape (segments,).
    """

    theta: Float[np.ndarray, "5"]
    sky: Float[np.ndarray, "_"]
    statistic: float
    statistics: Float[np.ndarray, "lengths exponents"]
    frequency: Float[np.ndarray, "segments"]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What one search found.

    Attributes:
        candidates: Best first; their tracks differ.
        scorer: Scores sources in the data.
        templates: Number of tracks that were scored, refinement included.
        seconds: Time of each part [s]: prepare, bank, refine.
    """

    candidates: tuple[Candidate, ...]
    scorer: Scorer
    templates: int
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class EmriSearch:
    """Searches whitened years for inspirals.

    Attributes:
        spectrum: Noise of the channel.
        settings: What is searched, and how.
    """

    spectrum: Spectrum
    settings: SearchSettings

    @cached_property
    def model(self) -> SearchModel:
        """Prior of the sources."""
        return SearchModel(self.settings.prior)

    @cached_property
    def tracks(self) -> Arrays:
        """The table of tracks, as kernels want it."""
        return tracks.load().arrays

    @property
    def refined(self) -> int:
        """Most tracks that refinement scores."""
        rough, stages = self.settings.refine.rough, self.settings.refine.stages
        scored = rough.sources * (rough.steps + 1) + rough.longer_sources * rough.longer_copies * rough.longer_steps
        return scored + sum(stage.sources * stage.copies * (stage.steps + 1) for stage in stages)

    def band(self, series: Float[np.ndarray, "n"], *, cadence: float, valid: np.ndarray | None = None) -> Baseband:
        """Whiten a channel and keep the analysed band; see `signals.sft.baseband`."""
        statistic = self.settings.statistic
        return baseband(
            series, self.spectrum, cadence=cadence, segment=statistic.segment, band=statistic.band, valid=valid
        )

    def scorer(self, table: StatisticTable) -> Scorer:
        """Scores sources in tabulated data."""
        return Scorer(table, self.spectrum, self.tracks)

    @property
    def ranking(self) -> tuple[int, int]:
        """Which entry of `Candidate.statistics` ranks candidates."""
        last = self.settings.refine.stages[-1]
        return LENGTHS.index(last.length), EXPONENTS.index(last.exponent)

    def view(self, scorer: Scorer, theta: Float[np.ndarray, "5"], sky: Float[np.ndarray, "_"]) -> dict[str, Any]:
        """Arguments with which `Scorer.score` looks at a source as the last stage does.

        Args:
            scorer: Of data with the same segments.
            theta: Parameter vector of `SearchModel`.
            sky: cos(ecliptic latitude) times cosine and sine of the longitude; not used, and may be empty, where the
                last stage does not fit it.

        Returns:
            Points of shape (1, 5) or (1, 7), and the harmonics if the last stage adds several.

        Raises:
            DomainError: The source has no track in the data.
        """
        last = self.settings.refine.stages[-1]
        point = self.model.to_points(theta)
        given: dict[str, Any] = {"points": np.concatenate([point, sky if last.doppler else []])[None]}
        if last.harmonics:
            given["harmonics"], given["fixed"] = scorer.harmonics_of(point, most=last.harmonics)
        return given

    def run(self, band: Baseband, *, seed: int, report: Callable[[int], None] | None = None) -> SearchResult:
        """Search one year.

        Args:
            band: Whitened data.
            seed: Seed of bank and refinement.
            report: Called with the number of bank tracks done.

        Returns:
            Candidates, best first.
        """
        start = time.perf_counter()
        scorer = self.scorer(tabulate(band, self.settings.statistic))
        prepared = time.perf_counter()
        seeds = scan_bank([scorer], self.model, self.settings.bank, seed=seed, report=report)[0]
        scanned = time.perf_counter()
        candidates = self.climb(scorer, seeds, seed=seed)
        return SearchResult(
            candidates=candidates,
            scorer=scorer,
            templates=self.settings.bank.templates + self.refined,
            seconds={
                "prepare": prepared - start,
                "bank": scanned - prepared,
                "refine": time.perf_counter() - scanned,
            },
        )

    def climb(self, scorer: Scorer, seeds: Seeds, *, seed: int) -> tuple[Candidate, ...]:
        """Refine the best tracks of a bank.

        Args:
            scorer: Scores in one data set.
            seeds: Best tracks of the bank.
            seed: Seed of the steps.

        Returns:
            Candidates, best first.
        """
        settings = self.settings.refine
        points, scores = refine(scorer, seeds, self.model, settings, seed=seed)
        ranked = scores[:, *self.ranking]
        final = distinct(scorer, Seeds(points, ranked), most=self.settings.candidates, apart=settings.rough.apart)
        middles = (np.arange(scorer.table.segments) + 0.5) * scorer.table.segment
        frequency = scorer.tracks_of(final.points, middles)
        order = [int(np.flatnonzero((points == point).all(axis=1))[0]) for point in final.points]
        return tuple(
            Candidate(
                theta=self.model.from_points(points[place, :5]),
                sky=points[place, 5:],
                statistic=float(ranked[place]),
                statistics=scores[place],
                frequency=track,
            )
            for place, track in zip(order, frequency, strict=True)
        )


def search_bands(
    search: EmriSearch, bands: Sequence[Baseband], *, seed: int, report: Callable[[int], None] | None = None
) -> list[tuple[Candidate, ...]]:
    """Search several data sets with one pass through the bank.

    Args:
        search: Settings, spectrum and tracks.
        bands: Whitened data sets of the same length.
        seed: Seed of bank and refinement, the same for all.
        report: Called with the number of bank tracks done.

    Returns:
        Candidates of each data set, best first.
    """
    statistic = search.settings.statistic
    coarse = [tabulate(band, statistic, amplitudes=False) for band in bands]
    scorers = [search.scorer(table) for table in coarse]
    seeds = scan_bank(scorers, search.model, search.settings.bank, seed=seed, report=report)
    found = []
    # The complex tables are too large to hold them all at once.
    for band, known, best in zip(bands, coarse, seeds, strict=True):
        table = dataclasses.replace(tabulate(band, statistic, powers=False), powers=known.powers)
        found.append(search.climb(search.scorer(table), best, seed=seed))
    return found
