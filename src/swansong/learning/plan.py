"""How to train, as data: the `TrainingPlan` of a recipe.

This file imports no JAX, so that the command line can check a configuration before it
pays for starting it.
"""

from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config

Schedule = Literal["constant", "cosine", "one_cycle", "plateau", "exponential", "steps"]

# Fields that may change between the parts of an interrupted run: none alters a single weight.
FREE_ON_RESUME = frozenset({"steps_per_call", "max_seconds", "checkpoint_every"})


class TrainingPlan(Config):
    """Every choice that turns an untrained network into a trained one.

    The learning rate rises linearly from zero over `warmup_steps` and then follows
    `schedule`; see `swansong.learning.schedules.learning_rate` for the formulas.
    """

    steps: int = Field(default=10_000, gt=0, description="Optimizer steps in all")
    batch_size: int = Field(default=256, gt=0, description="Examples in each step")
    learning_rate: float = Field(default=1e-3, gt=0.0, description="Peak learning rate")
    schedule: Schedule = Field(default="cosine", description="Law of the learning rate after the warm-up")
    warmup_steps: int = Field(
        default=0, ge=0, description="Steps over which the learning rate rises (not for one_cycle)"
    )
    final_fraction: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Last (cosine) or smallest (plateau) learning rate, as a fraction of the peak",
    )
    decay_factor: float = Field(
        default=0.75, gt=0.0, lt=1.0, description="Factor of one decay (exponential, steps, plateau)"
    )
    decay_every: int = Field(
        default=3000, gt=0, description="Steps over which the exponential schedule falls by decay_factor"
    )
    decay_at: tuple[int, ...] = Field(default=(), description="Steps at which the steps schedule falls by decay_factor")
    plateau_patience: int = Field(
        default=5, gt=0, description="Validations without a new best before the plateau schedule decays"
    )
    optimizer: Literal["adam", "adamw"] = Field(default="adamw", description="Optimizer")
    weight_decay: float = Field(
        default=0.0,
        ge=0.0,
        description="Decay of weight matrices: decoupled for adamw, an L2 term in the gradient for adam",
    )
    clip_norm: float | None = Field(default=None, gt=0.0, description="Largest global norm of the gradient")
    validate_every: int = Field(default=500, gt=0, description="Steps between two entries of the history")
    validation_batches: int = Field(
        default=8, gt=0, description="Batches drawn from a validation source, always the same"
    )
    best_after: int = Field(
        default=0, ge=0, description="First step that may count as the best, such as the end of a ramp"
    )
    patience: int | None = Field(default=None, gt=0, description="Validations without a new best before the run stops")
    checkpoint_every: int = Field(default=1000, gt=0, description="Steps between two checkpoints")
    ema: float | None = Field(
        default=None,
        gt=0.0,
        lt=1.0,
        description="Decay of the moving average of the weights that is validated and kept",
    )
    steps_per_call: int = Field(
        default=25, gt=0, description="Steps run in compiled code between two looks from Python"
    )
    max_seconds: float | None = Field(
        default=None, gt=0.0, description="Wall-clock time after which to stop, resumable [s]"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingPlan":
        if self.schedule == "steps" and not self.decay_at:
            raise ValueError("`decay_at` must name at least one step for schedule = 'steps', got none")
        if tuple(sorted(set(self.decay_at))) != self.decay_at:
            raise ValueError(f"`decay_at` must rise strictly, got {list(self.decay_at)}")
        if self.warmup_steps >= self.steps:
            raise ValueError(f"`warmup_steps` must be below steps = {self.steps}, got {self.warmup_steps}")
        if self.best_after > self.steps:
            raise ValueError(f"`best_after` must not exceed steps = {self.steps}, got {self.best_after}")
        return self

    @property
    def schedule_needs_steps(self) -> bool:
        """Whether the learning rate at a given step depends on the total number of steps."""
        return self.schedule in ("cosine", "one_cycle")

    def lasting(self) -> "TrainingPlan":
        """The plan without what cannot change a weight, such as a time limit: what a resumed run must share."""
        return self.model_copy(update={name: type(self).model_fields[name].default for name in FREE_ON_RESUME})

    def identity(self) -> dict[str, object]:
        """The fields that decide the trained weights, for comparison on resume.

        Returns:
            A JSON-able dictionary without the fields that only set how a run is cut into
            pieces, and without `steps` where a longer run is a continuation of a shorter one.
        """
        left_out = FREE_ON_RESUME if self.schedule_needs_steps else FREE_ON_RESUME | {"steps"}
        return self.model_dump(mode="json", exclude=set(left_out))
