"""Settings of the learnt orbits of pairs; free of JAX so that errors come at once."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from swansong.binaries.nbody.settings import ENERGY_TOLERANCE
from swansong.core.config import Config
from swansong.learning.plan import TrainingPlan

ESTIMATORS = ("paper", "rates")
"""What can be trained: the published equation of E and L, and hardening rates inside a physics model."""

RECIPES = Path(__file__).parent / "recipes"
"""Folder of the recipes that ship with the package."""


class CurveSettings(Config):
    """Which part of each merger is learnt, and how it is split."""

    begin: Literal["run", "binding", "hard"] = Field(
        default="hard",
        description="Where curves begin: the start of the run, the time after which the pair stays bound, or the time "
        "after which 1/a, averaged over 2 time units, stays above inverse_axis",
    )
    inverse_axis: float = Field(default=100.0, gt=0.0, description="1/a at which a pair counts as hard [1/length]")
    duration: float = Field(default=120.0, gt=0.0, description="Longest time after the beginning that is learnt [time]")
    shortest: float = Field(
        default=0.5, gt=0.0, le=1.0, description="Curves shorter than this share of the duration are left out"
    )
    saves: int = Field(default=200, ge=8, description="Equal times at which curves are compared")
    smoothing: float = Field(
        default=0.0, ge=0.0, description="Width of the running mean of E and L that is learnt, 0 for none [time]"
    )
    energy_tolerance: float = Field(
        default=ENERGY_TOLERANCE, gt=0.0, description="Runs whose energy error is larger are marked and never learnt"
    )
    validation: float = Field(default=0.125, gt=0.0, lt=0.5, description="Share of the mergers that validate")
    test: float = Field(
        default=0.125,
        gt=0.0,
        lt=0.5,
        description="Share of the mergers that are held out; all of the highest resolution are held out besides",
    )


class NetworkSettings(Config):
    """Sizes of a network."""

    width: int = Field(default=64, ge=1, description="Width of the hidden layers")
    depth: int = Field(default=4, ge=1, description="Hidden layers")
    activation: Literal["elu", "silu", "tanh", "softplus"] = Field(default="elu", description="Activation")


class SolverSettings(Config):
    """The integration of the learnt equation."""

    relative: float = Field(default=1e-6, gt=0.0, le=1e-2, description="Relative tolerance of Dopri5")
    absolute: float = Field(default=1e-8, gt=0.0, le=1e-2, description="Absolute tolerance of Dopri5")
    steps: int = Field(default=1024, ge=16, description="Most steps of one integration")


class LossSettings(Config):
    """How curves are compared with the truth."""

    huber: float = Field(
        default=0.5, gt=0.0, description="Residual in standard deviations beyond which the loss grows linearly (paper)"
    )
    momentum_weight: float = Field(default=2.0, gt=0.0, description="Weight of L beside that of E, 1 (paper)")
    softening: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Power of the variance that tempers the Gaussian likelihood (rates)"
    )
    shifted: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Share of a batch that begins later along its curve (rates)"
    )


class Stage(Config):
    """A part of the curriculum; it starts with the weights of the part before."""

    share: float = Field(default=1.0, gt=0.0, le=1.0, description="First share of each curve that is compared")
    steps: int | None = Field(default=None, gt=0, description="Optimizer steps, those of `training` if not set")
    learning_rate: float | None = Field(
        default=None, gt=0.0, description="Peak learning rate, that of `training` if not set"
    )


class Recipe(Config):
    """What is learnt from mergers, and how."""

    estimator: Literal["paper", "rates"] = Field(default="rates", description="What is trained")
    members: int = Field(default=5, ge=1, description="Networks of the ensemble, each with a sample of mergers")
    curves: CurveSettings = Field(default_factory=CurveSettings, description="Mergers")
    network: NetworkSettings = Field(default_factory=NetworkSettings, description="Sizes")
    solver: SolverSettings = Field(default_factory=SolverSettings, description="Integration")
    loss: LossSettings = Field(default_factory=LossSettings, description="Loss")
    curriculum: tuple[Stage, ...] = Field(
        default_factory=lambda: (Stage(),), min_length=1, description="Parts of the training, in order"
    )
    training: TrainingPlan = Field(default_factory=TrainingPlan, description="Training of each part")

    @model_validator(mode="after")
    def _sensible(self) -> "Recipe":
        if self.estimator == "rates" and self.curves.begin == "run":
            raise ValueError(
                "`curves.begin` must be 'hard' or 'binding' for rates, got 'run'; a pair that is not bound has none"
            )
        for place, stage in enumerate(self.curriculum, start=1):
            steps = stage.steps or self.training.steps
            if steps <= self.training.warmup_steps or steps < self.training.best_after:
                raise ValueError(
                    f"`curriculum` gives part {place} {steps} steps, fewer than `training.warmup_steps` or "
                    "`training.best_after`; give it more"
                )
        return self

    def plan(self, place: int) -> TrainingPlan:
        """The plan of one part of the curriculum, from 0."""
        stage = self.curriculum[place]
        own = {"steps": stage.steps, "learning_rate": stage.learning_rate}
        return self.training.model_copy(update={name: value for name, value in own.items() if value is not None})

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return sum(self.plan(place).steps for place in range(len(self.curriculum)))
