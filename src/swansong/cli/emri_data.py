"""LISA data for the searching verbs: the channel, its gaps, and the sources that simulated data know of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, Float

from swansong.cli.emri_simulate import TRUTH
from swansong.core.errors import DataError
from swansong.emri import tracks
from swansong.emri.problem import Problem
from swansong.emri.search.search import EmriSearch
from swansong.emri.search.settings import SOURCE_NAMES
from swansong.signals.lisa import lisa_noise
from swansong.signals.lisa_files import read_lisa
from swansong.signals.sft import Baseband

FEWEST_SEGMENTS = 8
"""Segments below which a search means nothing: the longest coherent stretch."""

_SKY = ("source_colatitude", "source_longitude")


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Loaded:
    """Data ready to be searched.

    Attributes:
        search: The search with its spectrum.
        band: Whitened data.
        truth: Records of the sources in simulated data, empty for others.
        warnings: Sentences about the data.
    """

    search: EmriSearch
    band: Baseband
    truth: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]

    @property
    def masked(self) -> list[int]:
        """Segments that hold too little data."""
        return np.flatnonzero(~self.band.used).tolist()

    @property
    def years(self) -> float:
        """Length of the data [yr]."""
        return self.band.segments * self.band.segment / tracks.YEAR

    def true_tracks(self) -> Float[np.ndarray, "sources segments"]:
        """Frequency of the (2, 0) harmonic of the true sources in every segment's middle [Hz], zero after plunge."""
        middles, table = self.band.middles, tracks.load()
        rows = [
            table.harmonic(middles, m=2, n=0, **{name: record[name] for name in SOURCE_NAMES}).frequency
            for record in self.truth
        ]
        return np.nan_to_num(np.array(rows, dtype=float).reshape(len(rows), middles.size))


def load_data(path: Path, problem: Problem) -> Loaded:
    """Read and whiten the searched channel.

    Args:
        path: The file.
        problem: The problem.

    Returns:
        The data.

    Raises:
        FileError: The file is damaged or of another layout.
        DataError: The data are too short, or do not fit the problem.
    """
    found = read_lisa(path)
    channel = problem.data.channel
    search = EmriSearch(lisa_noise(channel), problem.search)
    # Samples beyond half the sampling rate do not exist: said here, before anything is whitened.
    if problem.statistic.band[1] >= 0.5 / found.cadence:
        raise DataError(
            f"`{path}` has samples every {found.cadence:g} s, too few for `statistic.band` up to "
            f"{problem.statistic.band[1]:g} Hz; lower the band or give data with finer samples"
        )
    segment = problem.statistic.segment
    if found.duration < FEWEST_SEGMENTS * segment:
        raise DataError(
            f"`{path}` covers {found.duration / 86400.0:.3g} days, but a search needs {FEWEST_SEGMENTS} segments of "
            f"{segment:g} s; give longer data"
        )
    series = found.A if channel == "A" else found.E
    band = search.band(series, cadence=found.cadence, valid=~found.gaps)
    warnings = []
    if found.gap_share > 0.0:
        out = int((~band.used).sum())
        warnings.append(
            f"{100.0 * found.gap_share:.2g} % of the samples are missing; {out} of {band.segments} segments are masked"
        )
    if not band.used.any():
        raise DataError(f"`{path}` has gaps in every segment; give data with fewer gaps")
    truth = _truth(path)
    return Loaded(search, band, truth, tuple(warnings))


def _truth(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Sources that `simulate` left in its file."""
    with h5py.File(path, "r") as file:
        text = file.attrs.get(TRUTH)
    if text is None:
        return ()
    try:
        records = json.loads(str(text))
        return tuple({name: float(record[name]) for name in (*SOURCE_NAMES, *_SKY)} for record in records)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"`{path}` has an attribute `{TRUTH}` that is no list of sources; remove it") from error


def frequency_error(
    track: Float[np.ndarray, "segments"], truths: Float[np.ndarray, "sources segments"]
) -> float | None:
    """Median relative error of the frequency of a track, against the source that it is nearest to.

    Args:
        track: Frequency in the middle of every segment [Hz], zero after plunge.
        truths: The same of the true sources.

    Returns:
        The median over the segments in which both exist; None without a source.
    """
    found = []
    for truth in truths:
        both = (track > 0.0) & (truth > 0.0)
        if both.any():
            found.append(float(np.median(np.abs(track - truth)[both] / truth[both])))
    return min(found, default=None)


def observed(used: Bool[np.ndarray, "segments"], *, points: int) -> np.ndarray:
    """Numbers of segments after which a search looks again, about evenly spaced, the whole last."""
    return np.unique(np.linspace(FEWEST_SEGMENTS, used.size, points).round().astype(int))
