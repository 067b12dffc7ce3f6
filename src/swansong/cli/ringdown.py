"""The verbs of `swansong ringdown`: options and their checks; the work is in `ringdown_infer` and `ringdown_runs`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from cyclopts import App, Parameter

from swansong.cli.options import (
    FEWEST_SAMPLES,
    Called,
    Flag,
    Invocation,
    Overrides,
    RunOptions,
    Weights,
    Whole,
    at_least,
    check_weights,
    on_interrupt,
    parse_strain,
)
from swansong.cli.output import Screen, check_file, choose_folder, present
from swansong.core.config import Config, load, template
from swansong.core.errors import ConfigError, FileError, InputError
from swansong.core.files import write_text
from swansong.ringdown import settings
from swansong.ringdown.settings import Problem, Recipe

Estimator: TypeAlias = Annotated[
    Literal["exact", "compact", "flow"],
    Parameter(help="exact: no training, the reference; compact and flow: trained networks, faster."),
]
"""Name of an estimator of `infer` and `check`."""

SCHEMAS: dict[str, type[Config]] = {"ringdown problem": Problem, "ringdown training recipe": Recipe}
"""Configurations of this system by what they are, the more special ones last."""

FEWEST_INJECTIONS = 8
"""Injections below which there are no statistics."""

RECIPES = Path(settings.__file__).parent / "recipes"
"""Folder of the recipes that ship with the package."""

Schema = TypeVar("Schema", bound=Config)

app = App(name="ringdown", help_epilogue="Every verb explains its options: `swansong ringdown infer --help`.")
app.help = """Measure mass and spin of the black hole that a merger leaves, from its last ringing.

Start with `swansong ringdown infer`, which simulates an event and analyses it.
"""


@app.command
def infer(
    config: Path | None = None,
    /,
    *,
    overrides: Overrides = (),
    strain: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Strain file: H1=FILE (repeatable).")
    ] = (),
    start: float | None = None,
    ra: float | None = None,
    dec: float | None = None,
    psi: float | None = None,
    estimator: Estimator = "exact",
    reweight: Annotated[bool, Parameter(negative="--no-reweight")] = True,
    weights: Weights = None,
    samples: Whole = 20_000,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Sample the posterior of one event, and draw and report it.

    Without --strain an event is simulated from the problem's prior and noise. With it, the
    files are analysed in the order given: the first detector sets the start time, the noise is
    estimated from the files, and the prior has no cut on the signal-to-noise ratio unless you
    set one.

    Example: `swansong ringdown infer --strain H1=H1.hdf5 --strain L1=L1.hdf5`

    Args:
        config: Problem as TOML; `swansong ringdown init` writes one. Defaults without it.
        overrides: Keys to override.
        strain: Strain files.
        start: GPS start of the ringdown at the first detector [s].
        ra: Right ascension of the source [rad].
        dec: Declination of the source [rad].
        psi: Polarization angle [rad].
        estimator: What draws the samples.
        reweight: Correct a trained estimator by the exact likelihood.
        weights: Trained weights.
        samples: Number of samples.
        run: Seed, output and display.
        called: How the command was called.
    """
    place = {"start": start, "right_ascension": ra, "declination": dec, "polarization": psi}
    options = {"start": "--start", "right_ascension": "--ra", "declination": "--dec", "polarization": "--psi"}
    given = {f"source.{name}": (options[name], value) for name, value in place.items() if value is not None}
    files = parse_strain(strain)
    problem = _load_problem(config, overrides=overrides, given=given, detectors=tuple(files))
    run.check()
    at_least(samples, FEWEST_SAMPLES, option="--samples")
    if estimator == "exact" and not reweight:
        msg = "`--no-reweight` was given, but the exact estimator cannot do without; drop it or choose another one"
        raise InputError(msg)
    check_weights(weights, estimator=estimator)
    folder = choose_folder(run.out, default="ringdown-infer", force=run.force)
    from swansong.cli import ringdown_infer

    with on_interrupt("no result was written, give the same command to start again"):
        done = ringdown_infer.infer(
            problem,
            strain=files,
            estimator=estimator,
            reweight=reweight,
            weights=weights,
            samples=samples,
            seed=run.seed,
            folder=folder,
            force=run.force,
            quiet=run.quiet or run.json,
            command=called.command,
        )
    present(done, run)


@app.command
def simulate(
    config: Path | None = None,
    /,
    *,
    overrides: Overrides = (),
    count: Annotated[Whole, Parameter(name=("--count", "-n"))] = 100,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Draw a data set: whitened events with the parameters that made them.

    An interrupted run goes on where it stopped when it is given again.

    Example: `swansong ringdown simulate -n 1000 --seed 1 --out runs/events`

    Args:
        config: Problem as TOML. Defaults without it.
        overrides: Keys to override.
        count: Number of events.
        run: Seed, output and display.
        called: How the command was called.
    """
    problem = _load_problem(config, overrides=overrides)
    run.check()
    at_least(count, 1, option="--count")
    folder = choose_folder(run.out, default="ringdown-simulate", force=run.force)
    from swansong.cli import ringdown_runs

    with on_interrupt(f"finished events are kept in {folder}, give the same command to go on"):
        done = ringdown_runs.simulate(
            problem,
            count=count,
            seed=run.seed,
            folder=folder,
            force=run.force,
            quiet=run.quiet or run.json,
            command=called.command,
        )
    present(done, run)


@app.command
def train(
    recipe: str = "flow",
    /,
    *,
    overrides: Overrides = (),
    resume: Annotated[bool, Parameter(negative="--no-resume")] = True,
    max_seconds: float | None = None,
    run: RunOptions = RunOptions(),
) -> None:
    """Train an estimator; give the same command again to go on after an interruption.

    Example: `swansong ringdown train flow --seed 1 --out runs/flow`

    Args:
        recipe: A recipe that ships with swansong (compact, flow, paper) or a TOML file.
        overrides: Keys to override.
        resume: Go on from the checkpoint in the output folder, if there is one.
        max_seconds: Stop after this time, resumable [s].
        run: Seed, output and display.
    """
    given = {} if max_seconds is None else {"training.max_seconds": ("--max-seconds", max_seconds)}
    resolved = _load(Recipe, _recipe_path(recipe), overrides=overrides, given=given)
    run.check()
    _check_detectors(resolved)
    checkpoint = "checkpoint.h5" if resume else None
    folder = choose_folder(run.out, default=f"ringdown-{resolved.estimator}", force=run.force, resume=checkpoint)
    from swansong.cli import ringdown_runs

    with on_interrupt(f"give the same command to resume from what is in {folder}"):
        done = ringdown_runs.train(
            resolved, seed=run.seed, folder=folder, resume=resume, force=run.force, quiet=run.quiet or run.json
        )
    present(done, run)


@app.command
def check(
    config: Path | None = None,
    /,
    *,
    overrides: Overrides = (),
    estimator: Estimator = "exact",
    weights: Weights = None,
    injections: Whole = 256,
    samples: Whole = 5000,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Test an estimator on many simulated events: coverage, efficiency, distance to the exact posterior.

    Example: `swansong ringdown check --estimator flow --injections 256 --seed 1`

    Args:
        config: Problem as TOML. Defaults without it.
        overrides: Keys to override.
        estimator: What is tested.
        weights: Trained weights.
        injections: Number of simulated events.
        samples: Samples of each posterior.
        run: Seed, output and display.
        called: How the command was called.
    """
    problem = _load_problem(config, overrides=overrides)
    run.check()
    at_least(injections, FEWEST_INJECTIONS, option="--injections")
    at_least(samples, FEWEST_SAMPLES, option="--samples")
    check_weights(weights, estimator=estimator)
    folder = choose_folder(run.out, default="ringdown-check", force=run.force)
    from swansong.cli import ringdown_runs

    with on_interrupt(f"finished injections are kept in {folder}, give the same command to go on"):
        done = ringdown_runs.check(
            problem,
            estimator=estimator,
            weights=weights,
            injections=injections,
            samples=samples,
            seed=run.seed,
            folder=folder,
            force=run.force,
            quiet=run.quiet or run.json,
            command=called.command,
        )
    present(done, run)


@app.command
def init(
    name: str = "problem",
    /,
    *,
    out: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    force: Flag = False,
) -> None:
    """Write a commented TOML file to start from.

    Example: `swansong ringdown init --out event.toml`

    Args:
        name: problem, for infer, simulate and check; or a recipe for train: compact, flow, paper.
        out: The file, `-` for stdout; by default NAME.toml in this folder.
        force: Write over an existing file.
    """
    if name == "problem":
        verb, title, content = "infer", "A ringdown problem; every key may be left out.", Problem
    else:
        content = load(Recipe, _recipe_path(name, packaged_only=True))
        verb, title = "train", f"A ringdown training recipe, begun as a copy of {name!r}."
    text = template(content, title=f"{title}\nUse it with: swansong ringdown {verb} FILE")
    if str(out) == "-":
        sys.stdout.write(text)
        return
    path = Path(f"{name}.toml") if out is None else out.expanduser()
    check_file(path, force=force)
    write_text(path, text)
    Screen().line(f"written to {path}; edit it, then: swansong ringdown {verb} {path}")


def _load_problem(
    path: Path | None,
    *,
    overrides: Sequence[str],
    given: dict[str, tuple[str, float]] | None = None,
    detectors: tuple[str, ...] = (),
) -> Problem:
    """Read a problem; strain files bring their detectors and, unless one is set, no cut on the signal."""
    problem = _load(Problem, path, overrides=overrides, given=given or {})
    if detectors:
        own = [f"data.detectors={json.dumps(list(detectors))}"]
        if "minimum_snr" not in problem.prior.model_fields_set:
            own.append("prior.minimum_snr=0.0")
        problem = _load(Problem, path, overrides=[*overrides, *own], given=given or {})
    _check_detectors(problem)
    return problem


def _load(
    schema: type[Schema], path: Path | None, *, overrides: Sequence[str], given: dict[str, tuple[str, float]]
) -> Schema:
    """Read a configuration with options such as `--dec` in the place of its keys."""
    own = [f"{key}={value!r}" for key, (_, value) in given.items()]
    try:
        return load(schema, path, overrides=[*overrides, *own])
    except ConfigError as error:
        text = str(error)
        for key, (option, _) in given.items():
            text = text.replace(f"--set {key}=", f"{option} ")
        raise ConfigError(text) from error


def _check_detectors(problem: Problem) -> None:
    """Look every detector up, before anything is computed."""
    names = problem.data.detectors
    if not names or len(set(names)) < len(names):
        msg = f"`data.detectors` must list one or more different detectors, got {list(names)}; name each once"
        raise InputError(msg)
    # Only here, because it loads all of signal processing.
    from swansong.signals.detectors import detector

    for name in names:
        try:
            detector(name)
        except InputError as error:
            known = str(error).partition(";")[0].replace("`detector(name)`", "Every entry of `data.detectors`")
            msg = f"{known}; mend it there or in `--strain`"
            raise InputError(msg) from error


def _recipe_path(name: str, *, packaged_only: bool = False) -> Path:
    """Find a recipe: a file, or one that ships with the package."""
    packaged = RECIPES / f"{name}.toml"
    if Path(name).name == name and packaged.is_file():
        return packaged
    if not packaged_only and (name.endswith(".toml") or Path(name).is_file()):
        return Path(name)
    known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))
    other = "`problem` or one of" if packaged_only else "a TOML file or one of"
    msg = f"There is no recipe {name!r}; give {other} {known}"
    raise FileError(msg)
