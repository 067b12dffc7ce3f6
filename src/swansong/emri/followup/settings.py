"""Settings of the follow-up of a candidate and of its network; free of JAX so that errors come at once."""

from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.emri.search.settings import PriorSettings
from swansong.learning.plan import TrainingPlan

ESTIMATOR = "tracks"
"""Name of the amortised estimator, of its recipe and of its weights."""


class LikelihoodSettings(Config):
    """How data are compared with a track."""

    law: Literal["matched", "power", "paper"] = Field(
        default="matched",
        description="matched: the expected share of each segment counts; power: half the sum of powers; paper: the sum",
    )
    length: Literal[1, 2, 4, 8] = Field(default=4, description="Neighbouring segments added coherently")
    harmonics: int = Field(
        default=0, ge=0, description="Harmonics that count, the strongest of the candidate first; 0 for (2, 0) alone"
    )
    doppler: bool = Field(
        default=True, description="Whether the motion of the detector round the Sun is fitted as well"
    )


class SamplerSettings(Config):
    """The search of the peak and the walk around it."""

    population: int = Field(default=192, ge=32, description="Points of differential evolution")
    generations: int = Field(default=120, ge=1, description="Its generations")
    walkers: int = Field(default=40, ge=16, description="Walkers at each temperature; even")
    temperatures: tuple[float, ...] = Field(default=(1.0, 3.0), min_length=1, description="Rising from 1")
    steps: int = Field(default=400, ge=50, description="Steps between two looks at convergence")
    rounds: int = Field(default=24, ge=1, description="Most such rounds; the first is thrown away")
    largest_r_hat: float = Field(default=1.02, gt=1.0, description="Split R-hat at which the walk ends")
    effective: float = Field(default=1000.0, gt=0.0, description="Effective samples at which the walk ends")
    samples: int = Field(default=8000, ge=100, description="Most samples kept")

    @model_validator(mode="after")
    def _sensible(self) -> "SamplerSettings":
        if self.walkers % 2:
            raise ValueError(f"`sampler.walkers` must be even, got {self.walkers}; the two halves move in turn")
        rising = all(a < b for a, b in zip(self.temperatures[:-1], self.temperatures[1:], strict=True))
        if self.temperatures[0] != 1.0 or not rising:
            raise ValueError(f"`sampler.temperatures` must rise from 1, got {list(self.temperatures)}")
        if self.population < self.walkers:
            raise ValueError(
                f"`sampler.population` must be at least the number of walkers {self.walkers}, got {self.population}; "
                "walkers start from it"
            )
        return self


class TrackFlowSettings(Config):
    """Sizes of the amortised network."""

    shares: int = Field(default=24, ge=4, description="Points of the track that the network sees")
    width: int = Field(default=256, ge=8, description="Width of the trunk")
    blocks: int = Field(default=4, ge=1, description="Residual blocks of the trunk")
    context: int = Field(default=32, ge=1, description="Numbers that the trunk hands to the flow")
    layers: int = Field(default=6, ge=1, description="Coupling layers")
    layer_width: int = Field(default=64, ge=4, description="Width of each layer's network")
    knots: int = Field(default=10, ge=2, description="Bins of each spline")


def _small() -> TrackFlowSettings:
    return TrackFlowSettings(width=96, blocks=2, context=16, layers=4, layer_width=32, knots=8)


class SequentialSettings(Config):
    """Truncated rounds, in which a network learns the surroundings of one candidate."""

    rounds: int = Field(default=0, ge=0, le=10, description="Rounds after the packaged network; 0 for none")
    first_error: float = Field(default=3e-3, ge=1e-5, le=1e-2, description="Relative error of a track in the first")
    bank: int = Field(default=32_768, ge=1024, description="Sources drawn in each round")
    steps: int = Field(default=1000, ge=10, description="Optimizer steps of each round")
    network: TrackFlowSettings = Field(default_factory=_small, description="Sizes")


class ProposalSettings(Config):
    """What the neural posterior proposes and how it is corrected."""

    draws: int = Field(
        default=4096,
        ge=0,
        description="Draws that are scored, of the packaged network and of the last; 0 for no network",
    )
    track_error: float = Field(
        default=3e-4, ge=1e-5, le=1e-2, description="Relative error of the candidate's track that the network assumes"
    )
    sequential: SequentialSettings = Field(
        default_factory=SequentialSettings, description="Rounds that sharpen what the packaged network proposes"
    )
    steps: int = Field(default=400, ge=0, description="Steps in which a small flow learns the samples; 0 for no flow")
    components: int = Field(default=12, ge=1, description="Components of the Student mixture fitted to the samples")


class FollowupSettings(Config):
    """A whole follow-up."""

    likelihood: LikelihoodSettings = Field(default_factory=LikelihoodSettings, description="Comparison with the data")
    sampler: SamplerSettings = Field(default_factory=SamplerSettings, description="Peak and walk")
    proposal: ProposalSettings = Field(default_factory=ProposalSettings, description="Neural posterior")


class Recipe(Config):
    """What the amortised network is trained with."""

    estimator: Literal["tracks"] = Field(default=ESTIMATOR, description="What is trained")
    prior: PriorSettings = Field(default_factory=PriorSettings, description="Sources")
    error: tuple[float, float] = Field(default=(1e-5, 1e-2), description="Relative errors of tracks, log-uniform")
    bank: int = Field(default=262_144, ge=1024, description="Sources in the training set")
    network: TrackFlowSettings = Field(default_factory=TrackFlowSettings, description="Sizes")
    training: TrainingPlan = Field(default_factory=TrainingPlan, description="Training")
