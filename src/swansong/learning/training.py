"""The one training loop of the package.

A run is a pure function of the model, the source, the plan and the seed: all random
numbers come from `fold_in(key(seed), step)`. A checkpoint holds everything that the next
step depends on, so that a run that was killed and started again ends with the same bits
as one that was not.
"""

import dataclasses
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from swansong.core.errors import TrainingError
from swansong.core.progress import Progress
from swansong.core.provenance import Provenance, collect
from swansong.core.types import PyTree
from swansong.learning import resuming
from swansong.learning.batches import Source
from swansong.learning.checkpoints import save_module
from swansong.learning.history import History
from swansong.learning.interrupts import Interrupts
from swansong.learning.plan import TrainingPlan
from swansong.learning.schedules import learning_rate
from swansong.learning.steps import Engine, Loss, copy_arrays

T = TypeVar("T")
Stopped = Literal["finished", "patience", "time"]
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Trained(Generic[T]):
    """A trained network and how it came about.

    Attributes:
        model: The model of the best validation loss, or of the last step without validation.
            Averaged weights where the plan has `ema`.
        state: Its `eqx.nn.State`, or None.
        history: Losses against the step.
        step: Steps done.
        best_step: Step of `model`.
        best_loss: Validation loss of `model`, NaN without validation.
        stopped: Why the run ended.
        provenance: Plan, seed, configuration and versions.
    """

    model: T
    state: PyTree
    history: History
    step: int
    best_step: int
    best_loss: float
    stopped: Stopped
    provenance: Provenance

    def save(self, path: str | Path, *, metadata: Mapping[str, object] | None = None, force: bool = False) -> str:
        """Write model, state and history; `load_module(path, model, prefix="model/")` reads the model.

        Args:
            path: File to write.
            metadata: What else a reader must know, JSON-able.
            force: Whether an old file may be replaced.

        Returns:
            The sha256, the same for every run with the same seed on the same machine.

        Raises:
            OutputError: If the file cannot be written.
        """
        content = {"model": self.model, "state": self.state, "history": self.history.to_arrays(seconds=False)}
        facts = {
            "step": self.step,
            "best_step": self.best_step,
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
            "stopped": self.stopped,
        }
        return save_module(
            path, content, metadata=facts | dict(metadata or {}), provenance=self.provenance, force=force
        )


def train(
    model: T,
    *,
    loss: Loss,
    source: Source,
    plan: TrainingPlan,
    seed: int,
    folder: str | Path | None = None,
    validation: Source | PyTree | None = None,
    state: PyTree = None,
    resume: bool = True,
    quiet: bool = False,
    configuration: Mapping[str, Any] | None = None,
) -> Trained[T]:
    """Train a model.

    Floating-point arrays of the model are trained, except below `paramax.NonTrainable`.

    Args:
        model: Any tree of arrays and functions, such as an `eqx.Module`.
        loss: `loss(model, state, batch, *, key, step) -> (scalar, (state, metrics))` with
            metrics a dictionary of scalars. Validation calls it in inference mode.
        source: Where batches come from.
        plan: How to train.
        seed: Seed of all random numbers of the run.
        folder: Where `checkpoint.h5` and, at the end, `weights.h5` go; None writes nothing.
        validation: A source, of which the same `plan.validation_batches` batches are drawn
            each time, or a fixed tree of arrays of shape (batches, batch_size, ...), or None.
        state: `eqx.nn.State` of batch normalisations, or None.
        resume: Whether to go on from `checkpoint.h5` if there is one; otherwise it is replaced.
        quiet: Whether to hide the progress bar.
        configuration: What decides the source, the loss and the model, JSON-able. It is
            written to every file and must be unchanged on resume.

    Returns:
        The best model, its state and the history.

    Raises:
        ConfigError: If the checkpoint was made with another plan, seed or configuration.
        FileError: If the checkpoint is damaged or does not fit the model.
        TrainingError: If loss or gradient stops being finite. The checkpoint then holds
            the state just before the bad step.
        KeyboardInterrupt: After Ctrl-C, once the checkpoint is written.
    """
    path = None if folder is None else Path(folder) / "checkpoint.h5"
    facts = {"plan": plan.model_dump(mode="json"), **dict(configuration or {})}
    identity = resuming.Identity(plan=plan, seed=seed, configuration=dict(configuration or {}))
    engine = Engine.build(model, state, loss=loss, source=source, validation=validation, plan=plan, seed=seed)
    run = resuming.Run.start(engine.initial(model, state))
    if path is not None and resume and path.exists():
        run = resuming.read(path, skeleton=run, identity=identity)
        _log.info("resumed from %s at step %d", path, run.step)
    provenance = collect(configuration=facts, seed=seed)

    def save() -> None:
        if path is not None:
            resuming.write(path, run, identity=identity, provenance=provenance)

    began, before = time.monotonic(), run.seconds
    with Interrupts() as interrupts, Progress(total=plan.steps, description="training", quiet=quiet) as progress:
        progress.advance(run.step)
        while run.stopped is None:
            count = min(plan.steps_per_call, _to_next(run.step, plan))
            carry, failed = engine.advance(run.carry, count=count, scale=run.plateau.scale)
            done = int(carry.step)
            progress.advance(done - run.step)
            run = dataclasses.replace(run, carry=carry, step=done, seconds=before + time.monotonic() - began)
            if failed:
                save()
                raise TrainingError(
                    f"Loss or gradient must stay finite, got a value that is not at step {done}; "
                    "lower `learning_rate`, set `clip_norm`, or check the data"
                )
            if done % plan.validate_every == 0 or done == plan.steps:
                run = _record(run, engine=engine, plan=plan)
                progress.advance(0, loss=float(run.history.train_loss[-1]))
            stopped = _why_stop(run, plan=plan, elapsed=time.monotonic() - began)
            # A run out of time is not over: its checkpoint must not say that it is.
            run = dataclasses.replace(run, stopped=stopped if stopped != "time" else None)
            if stopped or interrupts.seen or done % plan.checkpoint_every == 0:
                save()
            if interrupts.seen and stopped is None:
                raise KeyboardInterrupt
            if stopped == "time":
                break
    trained = _finish(run, engine=engine, provenance=provenance)
    if folder is not None and trained.stopped != "time":
        trained.save(Path(folder) / "weights.h5", force=True)
    return trained


def _to_next(step: int, plan: TrainingPlan) -> int:
    """Steps to the next one at which Python has something to do."""
    marks = [plan.validate_every * (step // plan.validate_every + 1)]
    marks += [plan.checkpoint_every * (step // plan.checkpoint_every + 1), plan.steps]
    return min(marks) - step


def _why_stop(run: "resuming.Run", *, plan: TrainingPlan, elapsed: float) -> Stopped | None:
    """The reason to end the run now, or None."""
    if run.step >= plan.steps:
        return "finished"
    if plan.patience is not None and run.plateau.stale >= plan.patience:
        return "patience"
    if plan.max_seconds is not None and elapsed >= plan.max_seconds:
        return "time"
    return None


def _record(run: "resuming.Run", *, engine: Engine, plan: TrainingPlan) -> "resuming.Run":
    """Close one interval: average its losses, validate, remember the best."""
    carry, tally = engine.close_interval(run.carry)
    found, metrics = engine.validate(carry)
    if engine.validates and not math.isfinite(found):
        _log.warning("validation loss is %s at step %d", found, run.step)
    history = run.history.append(
        step=run.step,
        train_loss=tally.pop("loss"),
        validation_loss=found,
        learning_rate=float(learning_rate(plan, run.step - 1)) * run.plateau.scale,
        metrics=tally,
        validation_metrics=metrics,
        seconds=run.seconds,
    )
    run = dataclasses.replace(run, carry=carry, history=history)
    if engine.validates:
        plateau = run.plateau.update(plan, loss=found, step=run.step)
        better = plateau.best < run.plateau.best
        best = copy_arrays(engine.kept(carry)) if better else run.best
        run = dataclasses.replace(run, plateau=plateau, best=best)
    return run


def _finish(run: "resuming.Run", *, engine: Engine, provenance: Provenance) -> Trained[Any]:
    """The result of a run: its best model, or the last where nothing was ever the best."""
    has_best = math.isfinite(run.plateau.best)
    model, state = engine.assemble(run.best if has_best else engine.kept(run.carry))
    return Trained(
        model=model,
        state=state,
        history=run.history,
        step=run.step,
        best_step=run.plateau.best_step if has_best else run.step,
        best_loss=run.plateau.best if has_best else math.nan,
        stopped=run.stopped or "time",
        provenance=provenance,
    )
