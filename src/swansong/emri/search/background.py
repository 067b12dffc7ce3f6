"""What noise alone gives a search: the law of its largest statistic.

The largest of very many nearly independent numbers follows Gumbel's law. It is fitted to whole
searches of noise, through the identical pipeline, and is the same for all data with the same
spectrum, because data are whitened first.

Reference:
    Speri et al., arXiv:2510.20891, section IV.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import gumbel_r

from swansong.core.errors import InputError
from swansong.core.files import read_product
from swansong.emri.search.settings import CAMPAIGN_KIND

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


# Settings have no single truth value worth comparing, so equality is identity.
@dataclass(frozen=True, eq=False)
class MeasuredBackground:
    """A background with the search that it was measured with.

    Attributes:
        law: Law of the largest statistic.
        problem: Settings of that search, by section.
    """

    law: Background
    problem: Mapping[str, Mapping[str, object]]

    @classmethod
    def read(cls, path: Path) -> "MeasuredBackground":
        """Read what a campaign wrote.

        Args:
            path: Its product.

        Raises:
            FileError: The file is missing, damaged or of another kind.
            InputError: It holds too little noise.
        """
        product = read_product(path, kind=CAMPAIGN_KIND)
        law = Background.fitted(product.arrays["noise_statistic"])
        return cls(law, product.provenance.configuration["problem"])

    def differences(self, problem: Mapping[str, object], *, years: float) -> list[str]:
        """In what another search differs from the one behind this background.

        Args:
            problem: Settings of the other search, by section.
            years: Length of its data [yr].

        Returns:
            Names of the sections of settings, those of `DECISIVE`, and the length of the data.
        """
        other = [name for name in DECISIVE if self.problem.get(name) != problem.get(name)]
        measured = float(str(self.problem["data"]["duration"]))
        if abs(measured - years) > 0.01 * years:
            other.append(f"{measured:.3g} yr of data")
        return other


@functools.cache
def load_background() -> MeasuredBackground:
    """The packaged background: that of the default search of a year."""
    with resources.as_file(resources.files("swansong.emri.search") / "data" / "background.h5") as path:
        return MeasuredBackground.read(path)
