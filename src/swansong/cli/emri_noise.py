"""What is known of noise when `swansong emri` reports a candidate: a measured background, or none."""

from dataclasses import dataclass
from pathlib import Path

from swansong.cli.emri_data import Loaded
from swansong.core.config import as_dict
from swansong.emri.problem import Problem
from swansong.emri.search.background import Background, MeasuredBackground, load_background

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
            background: Result of a campaign of the same search; None for the packaged one, if it is of this search.

        Raises:
            FileError: The result is missing, damaged or of another kind.
            InputError: It holds too little noise.
        """
        measured = load_background() if background is None else MeasuredBackground.read(background)
        other = measured.differences(as_dict(problem), years=loaded.years)
        if not other:
            return cls(measured.law, measured.law.warnings)
        if background is None:
            text = (
                f"the packaged background is of another search ({', '.join(other)}), so that no false-alarm "
                "probability is known; `--background campaign.h5` gives one"
            )
            return cls(warnings=(text,))
        text = f"the background is of another search ({', '.join(other)}): false-alarm probabilities are rough"
        return cls(measured.law, (*measured.law.warnings, text))

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
