"""How the decoder is trained, as TOML sections; free of JAX so that errors come at once."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.emri.amplitudes.decoder_settings import DecoderSettings
from swansong.emri.amplitudes.modes import CLASSES
from swansong.learning.plan import TrainingPlan

ESTIMATOR = "decoder"
"""Name of the model and of what a recipe trains."""

RECIPES = Path(__file__).parents[1] / "recipes" / "amplitudes"
"""Folder of the recipes that ship with the package."""


class Stage(Config):
    """A part of the curriculum: the orbits learnt from, starting with the weights of the part before."""

    classes: tuple[Literal["SC", "SE", "KEC", "KEE", "KIC", "KG"], ...] = Field(
        min_length=1,
        description="Classes of orbits: Schwarzschild circular, eccentric; Kerr equatorial circular, eccentric; "
        "inclined circular; generic",
    )
    steps: int | None = Field(default=None, gt=0, description="Optimizer steps, those of `training` if not set")


def _published() -> tuple[Stage, ...]:
    named = (("SC", "SE"), ("KEC",), ("KEE",), ("KIC",), ("KG",))
    return tuple(Stage(classes=one) for one in named)  # pyright: ignore[reportArgumentType]


class Recipe(Config):
    """What the decoder is, what it learns from and how."""

    estimator: Literal["decoder"] = Field(default=ESTIMATOR, description="What is trained")
    modes: int = Field(default=4000, gt=0, description="Most modes of an orbit that are learnt, the strongest first")
    validation: float = Field(
        default=0.05, gt=0.0, le=0.5, description="Share of the orbits of each class that validate and are not learnt"
    )
    network: DecoderSettings = Field(default_factory=DecoderSettings, description="Grid and sizes")
    curriculum: tuple[Stage, ...] = Field(
        default_factory=_published, min_length=1, description="Parts of the training, in order"
    )
    training: TrainingPlan = Field(default_factory=TrainingPlan, description="Training of each part")

    @model_validator(mode="after")
    def _sensible(self) -> "Recipe":
        for place, stage in enumerate(self.curriculum, start=1):
            if len(set(stage.classes)) < len(stage.classes):
                raise ValueError(f"`curriculum` names a class twice in part {place}; name each once")
            steps = stage.steps or self.training.steps
            if steps <= self.training.warmup_steps or steps < self.training.best_after:
                raise ValueError(
                    f"`curriculum` gives part {place} {steps} steps, fewer than `training.warmup_steps` or "
                    "`training.best_after`; give it more"
                )
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that some part learns, in their own order."""
        learnt = {name for stage in self.curriculum for name in stage.classes}
        return tuple(name for name in CLASSES if name in learnt)

    def plan(self, place: int) -> TrainingPlan:
        """The plan of one part of the curriculum, from 0."""
        steps = self.curriculum[place].steps
        return self.training if steps is None else self.training.model_copy(update={"steps": steps})

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return sum(self.plan(place).steps for place in range(len(self.curriculum)))
