"""The verbs of `swansong emri`: options and their checks; the work is in `emri_search` and its like."""

import math
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from swansong.cli.emri_injections import read_injections
from swansong.cli.emri_options import (
    FEWEST_NOISE,
    CandidateOptions,
    ProblemFile,
    SourceOptions,
    TrackOptions,
    data_file,
    load_problem,
)
from swansong.cli.options import (
    Called,
    Flag,
    Invocation,
    Overrides,
    RunOptions,
    Whole,
    at_least,
    on_interrupt,
    positive,
)
from swansong.cli.output import choose_folder, present, write_beginning
from swansong.cli.table_options import TableOptions
from swansong.core.config import load, template
from swansong.core.errors import FileError, InputError
from swansong.core.files import read_product
from swansong.emri.problem import LONGEST, PROBLEMS, Problem
from swansong.emri.search.settings import CAMPAIGN_KIND

SCHEMAS = {"inspiral problem": Problem}
"""Configurations of this system by what they are."""

MOST_SOURCES = 50
"""Sources that one search looks for, one after another."""

app = App(name="emri", help_epilogue="Every verb explains its options: `swansong emri search --help`.")
app.help = """Find and measure extreme-mass-ratio inspirals in a year of LISA data.

Start with `swansong emri simulate quick --out runs/year`, then `swansong emri search runs/year/data.h5 quick`.
"""

app.command(
    "swansong.cli.emri_amplitudes:app",
    name="amplitudes",
    help="Amplitudes of an orbit's modes, their checks and plans.",
)

DataFile: TypeAlias = Annotated[Path, Parameter(help="LISA data as HDF5: datasets A and E, or a table obs/tdi.")]
"""A file of LISA data."""


@app.command
def tracks(
    *,
    source: TrackOptions,
    days: float = 10.0,
    run: TableOptions = TableOptions(),
    called: Called = Invocation(),
) -> None:
    """Follow one inspiral from the start of the data to its plunge: orbit and frequencies.

    Example: `swansong emri tracks --mass-1 1e6 --mass-2 30 --spin 0.8 --plunge-time 0.9 --final-eccentricity 0.02`

    Args:
        source: The inspiral.
        days: Step of the table [d].
        run: Output and display.
        called: How the command was called.
    """
    source.check()
    positive("--days", days, unit="days", largest=366.0 * LONGEST)
    run.check()
    folder = run.folder()
    from swansong.cli import emri_tracks

    done = emri_tracks.follow(source.values(), days=days, folder=folder, force=run.force, command=called.command)
    present(done, run)


@app.command
def simulate(
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    source: SourceOptions = SourceOptions(),
    draw: Whole | None = None,
    duration: float | None = None,
    noise: Annotated[bool, Parameter(negative="--no-noise")] = True,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Make LISA data: noise in channels A and E, and the sources of the problem.

    Without sources in the problem or in the options, one is drawn from the prior.

    Example: `swansong emri simulate showcase --seed 1 --out runs/year`

    Args:
        config: The problem.
        overrides: Keys to override.
        source: One source, in place of those of the problem.
        draw: Number of sources drawn from the prior, beside those given; 0 gives noise alone.
        duration: Length of the data [yr].
        noise: Add noise.
        run: Seed, output and display.
        called: How the command was called.
    """
    positive("--duration", duration, unit="years", largest=LONGEST)
    problem = load_problem(config, overrides, {"data.duration": ("--duration", duration), **source.as_override()})
    run.check()
    if draw is not None:
        at_least(draw, 0, option="--draw")
        if draw > MOST_SOURCES:
            raise InputError(f"`--draw` must be at most {MOST_SOURCES}, got {draw}; lower it")
    folder = choose_folder(run.out, default="emri-simulate", force=run.force)
    from swansong.cli import emri_simulate

    with on_interrupt("no data were written, give the same command to start again"):
        done = emri_simulate.simulate(
            problem, draw=draw, noise=noise, folder=folder, command=called.command, **run.common()
        )
    present(done, run)


@app.command
def search(
    data: DataFile,
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    sources: Whole = 1,
    templates: Whole | None = None,
    threshold: float = 0.01,
    background: Path | None = None,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Search LISA data for inspirals: candidates with their parameters and false-alarm probabilities.

    With --sources, the track of the best candidate is masked and the rest is searched again, until
    so many are found or no candidate is left below the threshold.

    Example: `swansong emri search data.h5 --sources 3 --out runs/search`

    Args:
        data: The data; samples that are NaN are gaps.
        config: The problem.
        overrides: Keys to override.
        sources: Most sources looked for, one after another.
        templates: Number of tracks in the bank.
        threshold: False-alarm probability below which a candidate counts as found.
        background: Result of a campaign (campaign.h5) of the same search, for false-alarm probabilities; the packaged
            one is of the default search.
        run: Seed, output and display.
        called: How the command was called.
    """
    problem = load_problem(config, overrides, {"bank.templates": ("--templates", templates)})
    run.check()
    at_least(sources, 1, option="--sources")
    if sources > MOST_SOURCES:
        raise InputError(f"`--sources` must be at most {MOST_SOURCES}, got {sources}; lower it")
    probability("--threshold", threshold)
    path = data_file(data)
    if background is not None:
        read_product(background, kind=CAMPAIGN_KIND)
    folder = choose_folder(run.out, default="emri-search", force=run.force)
    from swansong.cli import emri_search

    with on_interrupt("no result was written, give the same command to start again"):
        done = emri_search.search(
            problem,
            data=path,
            sources=sources,
            threshold=threshold,
            background=background,
            folder=folder,
            command=called.command,
            **run.common(),
        )
    present(done, run)


@app.command
def followup(
    data: DataFile,
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    candidate: CandidateOptions = CandidateOptions(),
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Sample the posterior of the source behind a candidate.

    The candidate comes from the result of a search, whose problem is then taken unless another one
    is named, or is given by its parameters.

    Example: `swansong emri followup data.h5 --candidate runs/search/search.h5`

    Args:
        data: The data that were searched.
        config: The problem.
        overrides: Keys to override.
        candidate: The candidate.
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    chosen = candidate.resolve()
    path = data_file(data)
    if config is None and chosen.problem is not None:
        problem = load_problem(None, overrides, base=chosen.problem)
    else:
        problem = load_problem(config, overrides)
    folder = choose_folder(run.out, default="emri-followup", force=run.force)
    from swansong.cli import emri_followup

    with on_interrupt("no result was written, give the same command to start again"):
        done = emri_followup.followup(
            problem, data=path, candidate=chosen, folder=folder, command=called.command, **run.common()
        )
    present(done, run)


@app.command
def campaign(
    file: Path,
    config: ProblemFile = None,
    /,
    *,
    overrides: Overrides = (),
    noise: Whole = 0,
    limit: Whole | None = None,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Search many simulated data sets: thresholds, probability of detection, errors of the frequency.

    Lines of the table with a target_snr of 0 are noise alone; thresholds come from them and from --noise, or
    without any from the packaged searches of noise.
    An interrupted campaign goes on where it stopped when it is given again.

    Example: `swansong emri campaign sources.csv quick --noise 64 --out runs/campaign`

    Args:
        file: CSV table of the sources.
        config: The problem; its own sources are not used.
        overrides: Keys to override.
        noise: Data sets of noise alone beside those in the table.
        limit: Take the first lines of the table only.
        run: Seed, output and display.
        called: How the command was called.
    """
    problem = load_problem(config, overrides)
    run.check()
    at_least(noise, 0, option="--noise")
    injections = read_injections(file.expanduser())
    if limit is not None:
        at_least(limit, 1, option="--limit")
        injections = injections[:limit]
    silent = noise + sum(item.snr == 0.0 for item in injections)
    if 0 < silent < FEWEST_NOISE:
        raise InputError(
            f"The campaign has {silent} data sets of noise alone, too few for a threshold; add "
            f"`--noise {FEWEST_NOISE}` or more"
        )
    folder = choose_folder(run.out, default="emri-campaign", force=run.force)
    from swansong.cli import emri_campaign

    with on_interrupt(f"finished records are kept in {folder}, give the same command to go on"):
        done = emri_campaign.campaign(
            problem,
            file=file.expanduser(),
            injections=injections,
            noise=noise,
            folder=folder,
            command=called.command,
            **run.common(),
        )
    present(done, run)


@app.command
def check(*, run: TableOptions = TableOptions(), called: Called = Invocation()) -> None:
    """Test the tables and the statistic against known values, in seconds.

    Example: `swansong emri check --json`

    Args:
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    folder = run.folder()
    from swansong.cli import emri_check

    done = emri_check.check(folder=folder, command=called.command, **run.common())
    present(done, run)


@app.command
def init(
    name: str = next(iter(PROBLEMS)),
    /,
    *,
    out: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    force: Flag = False,
) -> None:
    """Write a commented TOML file to start from.

    Example: `swansong emri init quick --out search.toml`

    Args:
        name: year, quick or showcase.
        out: The file, `-` for stdout; by default NAME.toml in this folder.
        force: Write over an existing file.
    """
    if name not in PROBLEMS:
        raise FileError(f"There is no problem {name!r}; give one of {', '.join(PROBLEMS)}")
    title = "An inspiral problem; every key may be left out.\nUse it with: swansong emri search DATA.h5 FILE"
    text = template(load(Problem, PROBLEMS[name]), title=title)
    write_beginning(text, name=name, out=out, force=force, use="swansong emri search DATA.h5 FILE")


def probability(option: str, value: Any) -> None:
    """Refuse a number that is no probability.

    Raises:
        InputError: It is not between 0 and 1.
    """
    if not (math.isfinite(value) and 0.0 < value < 1.0):
        raise InputError(f"`{option}` must be a probability between 0 and 1, got {value:g}; give 0.01 for 1 in 100")
