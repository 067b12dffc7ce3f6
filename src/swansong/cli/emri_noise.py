"""What is known of noise when `swansong emri` reports a candidate: a measured background, or none."""

from dataclasses import dataclass
from pathlib import Path

from swansong.cli.emri_data import Loaded
from swansong.cli.emri_options import CAMPAIGN_KIND
from swansong.core.config import as_dict
from swansong.core.files import read_product
from swansong.emri.problem import Problem
from swansong.emri.search.background import Background, differences

_WITHOUT_LAW = 8.0  # statistic that counts as a source where no law is known


@dataclass(frozen=True)
class NoiseLaw:
    """Law of the largest statistic that a search of noise finds, where it is known.

    Attributes:
        background: The law; None where none is known.
        warnings: Sentences that limit it.
    """

    background: Background | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, problem: Problem, loaded: Loaded, *, background: Path | None) -> "NoiseLaw":
        """The law for a search.

        Args:
            problem: The search.
            loaded: The data.
            background: Result of a campaign of the same search, None without one.

        Raises:
            FileError: The result is missing, damaged or of another kind.
            InputError: It holds too little noise.
        """
        if background is None:
            text = "no background was given, so that no false-alarm probability is known; `--background campaign.h5`"
            return cls(warnings=(text,))
        product = read_product(background, kind=CAMPAIGN_KIND)
        law = Background.fitted(product.arrays["noise_statistic"])
        theirs, ours = product.provenance.configuration["problem"], as_dict(problem)
        other = differences(theirs, ours)
        years = theirs["data"]["duration"]
        if abs(years - loaded.years) > 0.01 * years:
            other.append(f"{years:.3g} yr of data")
        if not other:
            return cls(law, law.warnings)
        text = f"the background is of another search ({', '.join(other)}): false-alarm probabilities are rough"
        return cls(law, (*law.warnings, text))

    def false_alarm_probability(self, statistic: float) -> float | None:
        """Probability that the best candidate in noise has this statistic or more; None if it is not known."""
        return None if self.background is None else self.background.false_alarm_probability(statistic)

    def thresholds(self) -> dict[str, float]:
        """Statistic by false-alarm probability; empty where it is not known."""
        return {} if self.background is None else self.background.thresholds()

    def is_found(self, statistic: float, *, threshold: float) -> bool:
        """Whether a candidate counts as a source: rarer in noise than the threshold, or plainly loud without a law."""
        probability = self.false_alarm_probability(statistic)
        return statistic > _WITHOUT_LAW if probability is None else probability <= threshold
