"""What noise alone gives a search: the law of its largest statistic.

The largest of very many nearly independent numbers follows Gumbel's law. It is fitted to whole
searches of noise, through the identical pipeline, and is the same for all data with the same
spectrum, because data are whitened first.

Reference:
    Speri et al., arXiv:2510.20891, section IV.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import gumbel_r

from swansong.core.errors import InputError

PROBABILITIES = (0.5, 0.1, 0.01, 1e-3, 1e-4)
"""False-alarm probabilities at which thresholds are told."""

FEWEST = 8
"""Fewest searches of noise that a law is fitted to."""

ENOUGH = 64
"""Searches of noise that a law should rest on."""

DECISIVE = ("prior", "statistic", "bank", "refine")
"""Sections of the settings that decide the largest statistic in noise."""


@dataclass(frozen=True)
class Background:
    """Gumbel's law of the largest statistic that a search of noise finds.

    Attributes:
        location: Its mode.
        scale: Its width.
        searches: Number of searches it was fitted to.
    """

    location: float
    scale: float
    searches: int

    @classmethod
    def fitted(cls, statistics: Float[np.ndarray, "n"]) -> "Background":
        """Fit the law to searches of noise.

        Args:
            statistics: Largest statistic of each search, shape (n,).

        Returns:
            The law.

        Raises:
            InputError: If there are fewer than `FEWEST`, or one is not finite.
        """
        if statistics.size < FEWEST:
            raise InputError(
                f"{statistics.size} searches of noise give no threshold; give {FEWEST} or more, {ENOUGH} for "
                "probabilities of 0.01"
            )
        if not np.isfinite(statistics).all():
            raise InputError("a statistic of the searches of noise is not finite; search those data again")
        location, scale = gumbel_r.fit(statistics)
        return cls(location=float(location), scale=float(scale), searches=int(statistics.size))

    def false_alarm_probability(self, statistic: float) -> float:
        """Probability that the best candidate in noise has this statistic or more."""
        return float(gumbel_r.sf(statistic, self.location, self.scale))

    def threshold(self, probability: float) -> float:
        """Statistic that the best candidate in noise exceeds with a probability."""
        return float(gumbel_r.isf(probability, self.location, self.scale))

    def thresholds(self) -> dict[str, float]:
        """Statistic by false-alarm probability, for all `PROBABILITIES`."""
        return {f"{value:g}": self.threshold(value) for value in PROBABILITIES}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that limit the law."""
        if self.searches >= ENOUGH:
            return ()
        return (f"thresholds rest on {self.searches} searches of noise and extrapolate to rarer false alarms",)


def differences(theirs: Mapping[str, object], ours: Mapping[str, object]) -> list[str]:
    """Sections in which the settings behind a background differ from those of a search.

    Args:
        theirs: Settings that the background was made with, by section.
        ours: Settings of the search.

    Returns:
        Names of the sections, those of `DECISIVE`.
    """
    return [name for name in DECISIVE if theirs.get(name) != ours.get(name)]
