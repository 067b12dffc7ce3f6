"""The verbs of `swansong encounters`: options and their checks; the work is in `encounters_infer` and its like."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from cyclopts import App, Parameter

from swansong.cli.configurations import Given, System, load_problem
from swansong.cli.options import (
    FEWEST_SAMPLES,
    Called,
    InferOptions,
    Invocation,
    Overrides,
    RunOptions,
    StrainFiles,
    Whole,
    at_least,
    on_interrupt,
    parse_strain,
)
from swansong.cli.output import choose_folder, present
from swansong.cli.verbs import add_verbs
from swansong.core.errors import InputError
from swansong.encounters import settings

Estimator: TypeAlias = Annotated[
    Literal["exact", "compact"],
    Parameter(help="exact: no training, the reference; compact: a trained network, faster."),
]
"""Name of an estimator of `infer` and `check`."""

ProblemFile: TypeAlias = Annotated[
    Path | None,
    Parameter(help="Problem: loud, published or a TOML file; `swansong encounters init` writes one."),
]
"""A problem by name or as TOML; the defaults, which are those of loud, without it."""

_FOLDER = Path(settings.__file__).parent / "recipes"

SYSTEM = System(
    name="encounters",
    noun="close-encounter",
    problem=settings.Problem,
    recipe=settings.Recipe,
    network="compact",
    estimator=Estimator,
    folder=_FOLDER,
    problems={name: _FOLDER / f"{name}.toml" for name in ("loud", "published")},
    runs="swansong.cli.encounters_runs",
)
"""What the shared verbs need to know."""

SCHEMAS = SYSTEM.schemas
"""Configurations of this system by what they are, the more special ones last."""

MOST_DETECTORS = 3
"""Detectors that one analysis takes."""

FEWEST_WINDOWS = 20
"""Noise windows below which no false-alarm probability means anything."""

app = App(name="encounters", help_epilogue="Every verb explains its options: `swansong encounters infer --help`.")
app.help = """Find and measure the bursts of black holes that pass each other closely.

Start with `swansong encounters infer`, which simulates an event and analyses it.
"""


@app.command
def infer(
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    gps: float | None = None,
    estimator: Estimator = "exact",
    run: InferOptions = InferOptions(),
    called: Called = Invocation(),
) -> None:
    """Sample the posterior of one burst, and draw, map and report it.

    Without --strain a burst is simulated from the problem's prior and noise. With it, the burst
    near --gps is measured in the files of one to three detectors, whose noise is estimated from
    the files; the exact estimator's prior then has no cut on the signal-to-noise ratio unless you
    set one, and a network keeps the cut of its training.

    Example: `swansong encounters infer --strain H1=H1.hdf5 --strain L1=L1.hdf5 --gps 1370692818.2`

    Args:
        config: The problem.
        overrides: Keys to override.
        gps: GPS time at which the burst is looked for [s].
        estimator: What draws the samples.
        run: Strain, samples, output and display.
        called: How the command was called.
    """
    finite("--gps", gps)
    files = _strain_files(run.strain)
    options = {"source.gps": ("--gps", gps)}
    given = Given(overrides, options, tuple(files), open_prior=estimator == "exact")
    problem = load_problem(SYSTEM, config, given)
    if files and "gps" not in problem.source.model_fields_set:
        msg = (
            "`--strain` needs the time of the burst; give `--gps TIME` in GPS seconds, or find it with "
            "`swansong encounters detect`"
        )
        raise InputError(msg)
    run.check_sampling(estimator=estimator, network=SYSTEM.network)
    folder = choose_folder(run.out, default="encounters-infer", force=run.force)
    from swansong.cli import encounters_infer

    with on_interrupt("no result was written, give the same command to start again"):
        done = encounters_infer.infer(
            problem, strain=files, estimator=estimator, folder=folder, command=called.command, **run.sampling()
        )
    present(done, run)


@app.command
def detect(
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    strain: StrainFiles = (),
    start: float | None = None,
    end: float | None = None,
    threshold: float = 0.01,
    candidates: Whole = 5,
    samples: Whole = 5000,
    background: Whole = 200,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Scan strain for bursts: a Bayes factor and a false-alarm probability in every window.

    Windows that noise alone gives with less than the threshold's probability are candidates;
    each is measured and tested for what the model leaves unexplained.

    Example: `swansong encounters detect --strain H1=H1.hdf5 --strain L1=L1.hdf5 --threshold 0.001`

    Args:
        config: The problem.
        overrides: Keys to override.
        strain: Strain files of one to three detectors.
        start: GPS time to scan from; by default the start of the files [s].
        end: GPS time to scan to; by default the end of the files [s].
        threshold: False-alarm probability of a window below which it is a candidate.
        candidates: Largest number of candidates to measure, the least probable in noise first.
        samples: Samples of the posterior of each candidate.
        background: Noise windows that false alarms are counted on; more of them show smaller probabilities.
        run: Seed, output and display.
        called: How the command was called.
    """
    for option, value in (("--start", start), ("--end", end)):
        finite(option, value)
    files = _strain_files(strain)
    if not files:
        raise InputError("There is nothing to scan; give `--strain H1=FILE` for one to three detectors")
    # False alarms are counted for the prior of the problem, which therefore keeps its cut.
    problem = load_problem(SYSTEM, config, Given(overrides, detectors=tuple(files), open_prior=False))
    run.check()
    if start is not None and end is not None and end <= start:
        raise InputError(f"`--end` is {end:.10g}, not after `--start` {start:.10g}; give a later time")
    if not 0.0 < threshold < 1.0:
        raise InputError(
            f"`--threshold` must be a probability between 0 and 1, got {threshold:g}; give 0.01 for one in a hundred"
        )
    at_least(candidates, 1, option="--candidates")
    at_least(samples, FEWEST_SAMPLES, option="--samples")
    at_least(background, FEWEST_WINDOWS, option="--background")
    folder = choose_folder(run.out, default="encounters-detect", force=run.force)
    from swansong.cli import encounters_detect

    with on_interrupt("no result was written, give the same command to start again"):
        done = encounters_detect.detect(
            problem,
            strain=files,
            start=start,
            end=end,
            threshold=threshold,
            candidates=candidates,
            samples=samples,
            background=background,
            folder=folder,
            command=called.command,
            **run.common(),
        )
    present(done, run)


def finite(option: str, value: Any) -> None:
    """Refuse a time that is none.

    Raises:
        InputError: It is NaN or infinite.
    """
    if value is not None and not math.isfinite(value):
        raise InputError(f"`{option}` must be a finite GPS time in seconds, got {value}; give for example 1370692818")


def _strain_files(texts: tuple[str, ...]) -> Mapping[str, Path]:
    """Read `--strain` options, no more of them than an analysis takes."""
    files = parse_strain(texts)
    if len(files) > MOST_DETECTORS:
        msg = f"`--strain` names {len(files)} detectors, {', '.join(files)}; give one to {MOST_DETECTORS} of them"
        raise InputError(msg)
    return files


add_verbs(app, SYSTEM)
