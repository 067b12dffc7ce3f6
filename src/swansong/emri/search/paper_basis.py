"""Tracks of the published search: a singular-value basis learned from inspirals that plunge at the end of the data.

A track is a mean and twenty vectors, aligned at plunge. Frequency and its two derivatives share the coefficients,
since each vector is a fixed combination of the inspirals it was learned from. An earlier plunge reads the same
vectors from a later segment on.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DomainError, InputError
from swansong.emri.search.model import SearchModel
from swansong.emri.search.paper_settings import BasisSettings
from swansong.emri.search.settings import PriorSettings
from swansong.emri.tracks import Tracks
from swansong.emri.tracks.units import YEAR


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class TrackBasis:
    """Mean, vectors and prior of the coefficients of tracks.

    Attributes:
        mean: Mean frequency [Hz], its rate [Hz/s] and the rate of that [Hz/s^2], shape (3, segments); the last
            segment is the one before plunge.
        vectors: Vectors of the same, shape (3, segments, coefficients).
        spread: Standard deviation of each coefficient, whose mean is zero, shape (coefficients,).
        width: Half-width of the uniform prior in units of the spread.
        error: Root mean square of the frequencies that the basis misses, relative to that of the frequencies.
        largest_error: Largest frequency missed [Hz].
        trajectories: Inspirals learned from; those that the table of tracks cannot follow are left out.
    """

    mean: Float[np.ndarray, "3 segments"]
    vectors: Float[np.ndarray, "3 segments coefficients"]
    spread: Float[np.ndarray, "coefficients"]
    width: float
    error: float
    largest_error: float
    trajectories: int

    @property
    def segments(self) -> int:
        """Segments before the latest plunge."""
        return self.mean.shape[1]

    @property
    def coefficients(self) -> int:
        """Number of coefficients."""
        return self.spread.size

    def project(self, frequency: Float[np.ndarray, "n segments"]) -> Float[np.ndarray, "n coefficients"]:
        """Coefficients of tracks that plunge at the end.

        Args:
            frequency: Frequencies in the middle of the segments, shape (n, segments) [Hz].

        Returns:
            Coefficients, shape (n, coefficients).
        """
        return (frequency - self.mean[0]) @ self.vectors[0]

    def tracks(self, coefficients: Float[np.ndarray, "n coefficients"], *, last: int) -> Float[np.ndarray, "3 last n"]:
        """Frequency and its derivatives in the last segments before plunge.

        Args:
            coefficients: Coefficients, shape (n, coefficients).
            last: Number of segments.

        Returns:
            Frequency [Hz], rate [Hz/s] and its rate [Hz/s^2], shape (3, last, n).
        """
        return self.vectors[:, -last:] @ coefficients.T + self.mean[:, -last:, None]


def learn_basis(
    tracks: Tracks, prior: PriorSettings, settings: BasisSettings, *, segment: float, seed: int
) -> TrackBasis:
    """Learn the basis from inspirals of the prior that all plunge at its latest time.

    Args:
        tracks: Table of tracks.
        prior: Sources.
        settings: Number of inspirals and of vectors.
        segment: Length of a segment [s].
        seed: Seed of the inspirals.

    Returns:
        The basis.

    Raises:
        InputError: If there are fewer segments than coefficients before the latest plunge.
        DomainError: If the table of tracks can follow too few inspirals.
    """
    model = SearchModel(prior)
    rng = np.random.default_rng(seed)
    points = model.to_points(np.asarray(model.prior.from_unit(rng.random((settings.trajectories, 5)))))
    latest = prior.plunge_time[1] * YEAR
    segments = int(latest / segment)
    if segments <= settings.coefficients:
        raise InputError(
            f"{segments} segments before the latest plunge do not hold {settings.coefficients} coefficients; "
            "give a later `prior.plunge_time` or a smaller `basis.coefficients`"
        )
    sources = {
        "mass_1": points[:, 0],
        "mass_2": points[:, 1],
        "spin": points[:, 2],
        "final_eccentricity": points[:, 4],
    }
    reached = tracks.reach(**sources) >= latest
    number = int(reached.sum())
    if number <= settings.coefficients:
        raise DomainError(
            f"only {number} of {settings.trajectories} inspirals can be followed for {prior.plunge_time[1]:g} yr "
            f"before plunge, not enough for {settings.coefficients} coefficients; give an earlier `prior.plunge_time`"
        )
    times = (np.arange(segments) + 0.5) * segment
    sources = {name: values[reached] for name, values in sources.items()}
    found = np.stack(tracks.harmonic(times, m=2, n=0, plunge_time=latest, **sources))
    mean = found.mean(axis=1)
    centred = found - mean[:, None, :]
    left, singular, right = np.linalg.svd(centred[0], full_matrices=False)
    rank = settings.coefficients
    mixture = left[:, :rank] / singular[:rank]
    vectors = np.swapaxes(centred, 1, 2) @ mixture
    vectors[0] = right[:rank].T
    missed = centred[0] - (left[:, :rank] * singular[:rank]) @ right[:rank]
    return TrackBasis(
        mean=mean,
        vectors=vectors,
        spread=singular[:rank] / np.sqrt(number),
        width=settings.width,
        error=float(np.sqrt((missed**2).mean() / (found[0] ** 2).mean())),
        largest_error=float(np.abs(missed).max()),
        trajectories=number,
    )
