"""Training in parts: a curriculum, each part of which begins with the weights of the part before."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from swansong.core.config import Config, as_dict
from swansong.core.types import PyTree
from swansong.learning.batches import Source
from swansong.learning.history import History
from swansong.learning.plan import TrainingPlan
from swansong.learning.steps import Loss
from swansong.learning.training import Trained, train

T = TypeVar("T")
_SHORTEST = 1e-3  # time limit of a part when the time of all is over [s]


class Staged(Protocol):
    """A recipe with a curriculum; it is a `Config` as well."""

    @property
    def curriculum(self) -> Sequence[Config]:
        """Its parts, in order."""
        ...

    @property
    def training(self) -> TrainingPlan:
        """What the parts share, such as a time limit for all of them together."""
        ...

    def plan(self, place: int) -> TrainingPlan:
        """The plan of one part, from 0."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Config:
        """The recipe with other values."""
        ...


class Batches(NamedTuple):
    """What one part learns from.

    Attributes:
        source: Where batches come from.
        validation: What validates, as in `train`.
    """

    source: Source
    validation: Source | PyTree | None


@dataclasses.dataclass(frozen=True, eq=False)
class Course(Generic[T]):
    """A network that went through its curriculum, or through the part that there was time for.

    Attributes:
        trained: Result of the last part that was begun.
        parts: Parts begun.
        history: Losses of all parts, one behind the other.
        step: Steps done in all parts together.
        finished: Whether all parts are done.
    """

    trained: Trained[T]
    parts: int
    history: History
    step: int
    finished: bool


def train_parts(
    model: T,
    *,
    recipe: Staged,
    batches: Callable[[int], Batches],
    loss: Loss,
    seed: int,
    configuration: Mapping[str, Any],
    folder: str | Path | None = None,
    resume: bool = True,
    quiet: bool = False,
) -> Course[T]:
    """Train a model through a curriculum.

    Part n, from 1 on, leaves a folder part_n with its checkpoint and weights, and draws its random numbers from the
    seed n - 1 above that of the first. A time limit holds for all parts together; where it ends a part, the later
    ones are not begun.

    Args:
        model: What to train.
        recipe: The curriculum. What cannot change a weight, and later parts, may differ on resume: a curriculum may
            be made longer.
        batches: What a part learns from, by its place from 0; asked for when the part begins.
        loss: The loss of all parts, as in `train`.
        seed: Seed of the first part.
        configuration: What decides source, loss and model beside recipe and part, JSON-able, as in `train`.
        folder: Where the folders of the parts go; None writes nothing.
        resume: Whether to go on from checkpoints.
        quiet: Whether to hide the progress bars.

    Returns:
        The result of the last part, and the losses of all.

    Raises:
        ConfigError: If a checkpoint was made with another recipe, seed or configuration.
        FileError: If a checkpoint is damaged or does not fit the model.
        TrainingError: If loss or gradient stops being finite.
    """
    began, done = time.monotonic(), list[Trained[T]]()
    for place in range(len(recipe.curriculum)):
        learnt, plan = batches(place), recipe.plan(place)
        if plan.max_seconds is not None:
            left = plan.max_seconds + began - time.monotonic()
            plan = plan.model_copy(update={"max_seconds": max(_SHORTEST, left)})
        until = recipe.model_copy(
            update={"training": recipe.training.lasting(), "curriculum": recipe.curriculum[: place + 1]}
        )
        done.append(
            train(
                model,
                loss=loss,
                source=learnt.source,
                plan=plan,
                seed=seed + place,
                folder=None if folder is None else Path(folder) / f"part_{place + 1}",
                validation=learnt.validation,
                resume=resume,
                quiet=quiet,
                configuration={"recipe": as_dict(until), **configuration, "part": place},
            )
        )
        model = done[-1].model
        if done[-1].stopped == "time":
            return _joined(done, finished=False)
    return _joined(done, finished=True)


def _joined(done: Sequence[Trained[T]], *, finished: bool) -> Course[T]:
    """Put the parts one behind the other."""
    history, step = done[0].history, done[0].step
    for one in done[1:]:
        old, new = history.to_arrays(), one.history.to_arrays()
        new = new | {"steps": new["steps"] + step, "seconds": new["seconds"] + old["seconds"][-1:].sum()}
        history = History.from_arrays({name: np.concatenate([old[name], values]) for name, values in new.items()})
        step += one.step
    return Course(done[-1], len(done), history, step, finished)
