"""`swansong binaries train`: learnt orbits from mergers; JAX waits for valid arguments."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swansong.binaries.learnt.settings import RECIPES, Recipe
from swansong.cli.binaries_learnt import (
    RECIPE_NAMES,
    Mergers,
    merger_files,
    origin_warnings,
    read_mergers,
)
from swansong.cli.configurations import named_recipe
from swansong.cli.options import Overrides, RunOptions, on_interrupt
from swansong.cli.output import choose_folder, number, present
from swansong.core.files import prepare_output

if TYPE_CHECKING:
    from swansong.cli.binaries_written import Told

_DEFAULT = "rates"
_BEGUN = "part_1/checkpoint.h5"


def add(app: App) -> None:
    """Add `train` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    train.__doc__ = (train.__doc__ or "").replace("RECIPES", ", ".join(RECIPE_NAMES))
    app.command(train)


def train(
    recipe: str = _DEFAULT,
    /,
    *,
    data: Mergers = (),
    overrides: Overrides = (),
    resume: Annotated[bool, Parameter(negative="--no-resume")] = True,
    max_seconds: float | None = None,
    run: RunOptions = RunOptions(),
) -> None:
    """Train an ensemble on mergers; give the same command again to go on after an interruption.

    Mergers are split by the seed, stratified by (e_gal, N); those of the highest resolution are never learnt.

    Example: `swansong binaries train rates --seed 1 --out runs/rates`

    Args:
        recipe: A recipe that ships with swansong (RECIPES) or a TOML file.
        data: Files of mergers.
        overrides: Keys to override.
        resume: Go on from the checkpoints in the output folder, if there are any.
        max_seconds: Stop after this time, resumable [s].
        run: Seed, output and display.
    """
    resolved = named_recipe(Recipe, recipe, folder=RECIPES, overrides=overrides, max_seconds=max_seconds)
    run.check()
    files = merger_files(data)
    folder = choose_folder(
        run.out, default=f"binaries-{resolved.estimator}", force=run.force, resume=_BEGUN if resume else None
    )
    with on_interrupt(f"give the same command to resume from what is in {folder}"):
        done = _train(resolved, files=files, folder=folder, resume=resume, **run.common())
    present(done, run)


def _train(
    recipe: Recipe, *, files: tuple[Path, ...], folder: Path, resume: bool, seed: int, force: bool, quiet: bool
) -> "Told":
    """Train and draw the losses."""
    from swansong.binaries.learnt.fitting import fit
    from swansong.cli.binaries_written import Told
    from swansong.figures import save_figure, training_figure

    began = time.perf_counter()
    mergers = read_mergers(files)
    prepare_output(folder, force=force or (resume and (folder / _BEGUN).is_file()))
    done = fit(recipe, mergers=mergers, seed=seed, folder=folder, resume=resume, quiet=quiet)
    trained, parts, seconds = done.trained, len(recipe.curriculum), time.perf_counter() - began
    written = {f"checkpoint_{part}": folder / f"part_{part}" / "checkpoint.h5" for part in range(1, done.parts + 1)}
    warnings = (*origin_warnings(mergers), *done.left_out.sentences)
    if done.finished:
        written["weights"] = folder / "weights.h5"
    else:
        warnings += ("The training is not finished; give the same command to go on.",)
    if len(done.history):
        written["training"] = folder / "training.png"
        save_figure(training_figure(done.history, title=f"Learnt orbits, {recipe.estimator}"), written["training"])
    left = done.left_out
    split = {part: len(getattr(done.split, part)) for part in ("train", "validation", "test")}
    facts: dict[str, Any] = {
        "estimator": recipe.estimator,
        "seed": seed,
        "mergers": len(mergers),
        "split": split,
        "left_out": {"energy": len(left.energy), "loose": len(left.loose), "short": len(left.short)},
        "members": recipe.members,
        "step": done.step,
        "steps": recipe.steps,
        "part": done.parts,
        "parts": parts,
        "best_step": trained.best_step,
        "best_loss": trained.best_loss,
        "stopped": trained.stopped,
        "seconds": seconds,
    }
    told = {
        "mergers": f"{split['train']} learnt, {split['validation']} validate, {split['test']} held out",
        "best loss": f"{number(trained.best_loss, digits=5)} at step {trained.best_step:,} of part {done.parts}",
        "time": f"{seconds:.1f} s",
    }
    headline = f"training of {recipe.estimator}, {done.step:,} of {recipe.steps:,} steps, part {done.parts} of {parts}"
    return Told(headline, facts, told, folder, written, warnings)
