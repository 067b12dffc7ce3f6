"""`swansong emri amplitudes train` and `init`: the decoder and its recipes; JAX waits for valid arguments."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swansong.cli.configurations import named_recipe
from swansong.cli.options import Flag, Overrides, RunOptions, on_interrupt
from swansong.cli.output import choose_folder, number, present, write_beginning
from swansong.core.config import load, template
from swansong.core.errors import FileError
from swansong.core.files import prepare_output
from swansong.emri.amplitudes.decoder_recipe import ESTIMATOR, RECIPES, Recipe

if TYPE_CHECKING:
    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.truth import AmplitudeSet

SYSTEM = "emri.amplitudes"
_NAMES = tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))
_DEFAULT = "small"
_BEGUN = "part_1/checkpoint.h5"
_PATTERN = "*_train_*.h5"


def add_training(app: App) -> None:
    """Add `train` and `init` to the verbs of amplitudes.

    Args:
        app: The app of `swansong emri amplitudes`.
    """
    for verb in (train, init):
        verb.__doc__ = (verb.__doc__ or "").replace("RECIPES", ", ".join(_NAMES))
        app.command(verb)


def train(
    recipe: str = _DEFAULT,
    /,
    *,
    solved: Path,
    overrides: Overrides = (),
    resume: Annotated[bool, Parameter(negative="--no-resume")] = True,
    max_seconds: float | None = None,
    run: RunOptions = RunOptions(),
) -> None:
    """Train the decoder; give the same command again to go on after an interruption.

    Example: `swansong emri amplitudes train small --solved data/emri_amplitudes_train.h5 --seed 1 --out runs/decoder`

    Args:
        recipe: A recipe that ships with swansong (RECIPES) or a TOML file.
        solved: Set of solved amplitudes (HDF5), or the folder of the solver's files.
        overrides: Keys to override.
        resume: Go on from the checkpoints in the output folder, if there are any.
        max_seconds: Stop after this time, resumable [s].
        run: Seed, output and display.
    """
    resolved = named_recipe(Recipe, recipe, folder=RECIPES, overrides=overrides, max_seconds=max_seconds)
    run.check()
    source = solved.expanduser()
    if not source.exists():
        raise FileError(f"the set `{solved}` does not exist; give an HDF5 file of solved amplitudes")
    if source.is_dir() and not any(source.glob(_PATTERN)):
        raise FileError(f"the folder `{solved}` holds no file {_PATTERN}; give one that the solver wrote to")
    folder = choose_folder(
        run.out, default=f"emri-amplitudes-{ESTIMATOR}", force=run.force, resume=_BEGUN if resume else None
    )
    with on_interrupt(f"give the same command to resume from what is in {folder}"):
        done = _train(resolved, source=source, folder=folder, resume=resume, **run.common())
    present(done, run)


def init(
    name: str = _DEFAULT,
    /,
    *,
    out: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    force: Flag = False,
) -> None:
    """Write a commented TOML file to start from.

    Example: `swansong emri amplitudes init small --out decoder.toml`

    Args:
        name: A recipe for train: RECIPES.
        out: The file, `-` for stdout; by default NAME.toml in this folder.
        force: Write over an existing file.
    """
    if name not in _NAMES:
        raise FileError(f"There is no recipe {name!r}; give one of {', '.join(_NAMES)}")
    command = "swansong emri amplitudes train"
    title = f"A training recipe of the amplitude decoder, begun as a copy of {name!r}.\nUse it with: {command} FILE"
    text = template(load(Recipe, RECIPES / f"{name}.toml"), title=title)
    write_beginning(text, name=name, out=out, force=force, use=f"{command} FILE --solved SET.h5")


def _read(source: Path) -> "AmplitudeSet":
    """Read a set, or join the files of the solver."""
    from swansong.emri.amplitudes.truth import read_set, read_solved

    return read_solved(sorted(source.glob(_PATTERN))) if source.is_dir() else read_set(source)


def _train(recipe: Recipe, *, source: Path, folder: Path, resume: bool, seed: int, force: bool, quiet: bool) -> "Told":
    """Train and draw the losses."""
    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.decoder_fitting import fit
    from swansong.figures import save_figure, training_figure

    began = time.perf_counter()
    solved = _read(source)
    prepare_output(folder, force=force or (resume and (folder / _BEGUN).is_file()))
    done = fit(recipe, solved=solved, seed=seed, folder=folder, resume=resume, quiet=quiet)
    trained, parts, seconds = done.trained, len(recipe.curriculum), time.perf_counter() - began
    files = {f"checkpoint_{part}": folder / f"part_{part}" / "checkpoint.h5" for part in range(1, done.parts + 1)}
    unfinished = done.errors is None
    if not unfinished:
        files["weights"] = folder / "weights.h5"
    if len(done.history):
        files["training"] = folder / "training.png"
        save_figure(training_figure(done.history, title="Amplitude decoder, all parts"), files["training"])
    facts: dict[str, Any] = {
        "system": SYSTEM,
        "estimator": ESTIMATOR,
        "seed": seed,
        "orbits": len(solved),
        "step": done.step,
        "steps": recipe.steps,
        "part": done.parts,
        "parts": parts,
        "best_step": trained.best_step,
        "best_loss": trained.best_loss,
        "stopped": trained.stopped,
        "median_error": done.median_error,
        "seconds": seconds,
    }
    told = {
        "best loss": f"{number(trained.best_loss, digits=5)} at step {trained.best_step:,} of part {done.parts}",
        "median E": "not yet known" if unfinished else f"{number(done.median_error, digits=3)} on orbits not learnt",
        "time": f"{seconds:.1f} s",
    }
    headline = f"training of the decoder, {done.step:,} of {recipe.steps:,} steps, part {done.parts} of {parts}"
    left = ("The training is not finished; give the same command to go on.",) if unfinished else ()
    return Told(headline, facts, told, folder, files, left)
