"""The likelihood of a source, from the powers along its track."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from swansong.core.errors import InputError
from swansong.emri.followup.kernels import MATCHED, NOWHERE, PAPER, POWER, groups_of, log_likelihoods
from swansong.emri.followup.settings import LikelihoodSettings
from swansong.emri.search.kernels import STILL
from swansong.emri.search.scoring import QUADRUPOLE, Scorer

_LAWS = {"paper": PAPER, "power": POWER, "matched": MATCHED}


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class TrackLikelihood:
    """Log likelihood ratio of a source against noise, in one data set.

    Laws, for the powers S of groups of coherent segments, each chi-squared with two degrees of freedom in noise:

    * ``matched``: the power of a group is expected to be A^2 w with one unknown amplitude A, which is
      integrated out. Segments without expected signal have no say.
    * ``power``: sum of S/2, the likelihood of the phases and amplitudes that fit each group best.
    * ``paper``: sum of S, twice as sharp as that.

    Attributes:
        scorer: Data, noise and tracks.
        settings: Law, coherence and whether the detector moves.
        harmonics: Rows (m, n) whose powers count.
        fixed: Expected powers (harmonics, segments) instead of those of the scorer.

    Reference:
        ``paper``: Speri et al., arXiv:2510.20891, section V; non-central chi-squared law of the power of
        sinusoids: Groth, ApJS 29, 285 (1975).
    """

    scorer: Scorer
    settings: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    harmonics: Int[np.ndarray, "h 2"] = field(default_factory=QUADRUPOLE.copy)
    fixed: Float[np.ndarray, "h segments"] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.harmonics), self.scorer.table.segments)
        if self.fixed is not None and np.shape(self.fixed) != shape:
            raise InputError(
                f"`TrackLikelihood(fixed=...)` has shape {np.shape(self.fixed)}; give one expected power for each "
                f"harmonic and segment, {shape}"
            )

    @property
    def _orbit(self) -> tuple[float, float, float]:
        """Radius [s], angular speed [1/s] and longitude at time 0 of the detector."""
        return self.scorer.orbits.circle if self.settings.doppler else STILL

    @cached_property
    def _fixed(self) -> Float[np.ndarray, "h segments"]:
        return np.empty((len(self.harmonics), 0)) if self.fixed is None else np.ascontiguousarray(self.fixed, float)

    def evaluate(
        self, points: Float[np.ndarray, "n 5"], *, sky: Float[np.ndarray, "n 2"] | None = None
    ) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        """Evaluate many sources.

        Args:
            points: (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (n, 5).
            sky: cos(ecliptic latitude) times cosine and sine of the longitude, shape (n, 2); used where the
                settings say that the detector moves, zero if not given.

        Returns:
            Log likelihood ratios, -inf where there is no track, and with the law ``matched`` the amplitude A at its
            peak, else 1; both of shape (n,).
        """
        full = np.zeros((len(points), 7))
        full[:, :5] = points
        if sky is not None:
            full[:, 5:] = sky
        values, amplitudes = np.empty(len(full)), np.empty(len(full))
        inputs = (*self._data, full, *self._model, _LAWS[self.settings.law], values, amplitudes)
        log_likelihoods(*inputs)
        return np.where(values > NOWHERE, values, -np.inf), np.exp(amplitudes)

    def groups(
        self, point: Float[np.ndarray, "5"], *, sky: Float[np.ndarray, "2"] | None = None
    ) -> tuple[Float[np.ndarray, "groups"], Float[np.ndarray, "groups"]]:
        """Powers of the groups of segments along one track, and their relative expected powers.

        Raises:
            InputError: If the source has no track.
        """
        full = np.zeros(7)
        full[:5] = point
        if sky is not None:
            full[5:] = sky
        size = self.scorer.table.segments * len(self.harmonics)
        powers, expected = np.empty(size), np.empty(size)
        inputs = (*self._data, full, *self._model, powers, expected)
        count = groups_of(*inputs)
        if count < 0:
            raise InputError("the source lies outside the table of tracks; give parameters inside the prior")
        return powers[:count], expected[:count]

    def snr(self, point: Float[np.ndarray, "5"], *, sky: Float[np.ndarray, "2"] | None = None) -> float:
        """Signal-to-noise ratio along one track, from the excess of its weighted power; 0 where there is none.

        Raises:
            InputError: If the source has no track.
        """
        powers, expected = self.groups(point, sky=sky)
        if not expected.sum() > 0.0:
            return 0.0
        square = expected @ (powers - 2.0) / (expected @ expected) * expected.sum()
        return math.sqrt(max(square, 0.0))

    @property
    def _data(self) -> tuple[Any, ...]:
        scorer = self.scorer
        return scorer.table.amplitudes, scorer.table.used, scorer.grid, scorer.shape, scorer.tracks

    @property
    def _model(self) -> tuple[Any, ...]:
        return self._orbit, self.harmonics, self.scorer.weights, self._fixed, self.settings.length
