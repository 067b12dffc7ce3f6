"""`swansong binaries simulate`: mergers of galaxies with two black holes; Numba waits for valid arguments."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from swansong.binaries.nbody.settings import EnsembleSettings
from swansong.cli.configurations import Given, load_given
from swansong.cli.options import Called, Flag, Invocation, Overrides, RunOptions, Whole, at_least, on_interrupt
from swansong.cli.output import choose_folder, present
from swansong.core.errors import InputError

PROBLEMS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "binaries" / "problems").glob("*.toml"))}
"""Ensembles that ship with swansong, by name."""

_SMALLEST, _LARGEST = 64, 1_000_000


def add(app: App) -> None:
    """Add `simulate` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(simulate)


def simulate(
    config: Path | None = None,
    /,
    *,
    overrides: Overrides = (),
    eccentricity: Annotated[tuple[float, ...], Parameter(negative="", show_default=False)] = (),
    particles: Annotated[tuple[int, ...], Parameter(negative="", show_default=False)] = (),
    realisations: Annotated[int | None, Parameter(show_default=False)] = None,
    synthetic: Flag = False,
    frames: Whole = 0,
    workers: Annotated[int | None, Parameter(show_default=False)] = None,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Merge galaxies with a black hole each, star by star, until their pair is hard.

    Without a file, one merger of 4096 stars, in about a quarter of a minute. An interrupted run goes on where it
    stopped when it is given again: finished mergers are kept, and the others resume within a minute of where they were.

    Example: `swansong binaries simulate --eccentricity 0.97 --particles 8192 --frames 6 --out runs/merger`

    Args:
        config: Ensemble as TOML, or `ensemble` for the one that ships with swansong (hours).
        overrides: Keys to override.
        eccentricity: Eccentricity of the orbit of the galaxies; several make an ensemble.
        particles: Stars of both galaxies together; several make an ensemble.
        realisations: Mergers of each eccentricity and number of stars, with seeds from --seed on; 1 by default.
        synthetic: Make the trajectories from simple laws instead, in a second; for tests only.
        frames: Of a single merger: draw the stars at so many times.
        workers: Processes; one for each processor by default.
        run: Seed of the first realisation, output and display.
        called: How the command was called.
    """
    settings = _settings(config, overrides, eccentricity, particles, realisations)
    run.check()
    for option, value, lowest in (("--frames", frames, 0), ("--workers", 1 if workers is None else workers, 1)):
        at_least(value, lowest, option=option)
    mergers = settings.ensemble.mergers(seed=run.seed)
    _check(settings, count=len(mergers), frames=frames, synthetic=synthetic)
    folder = choose_folder(run.out, default="binaries-simulate", force=run.force)
    from swansong.cli import binaries_simulate_runs

    with on_interrupt(f"finished mergers are kept in {folder}, give the same command to go on"):
        done = binaries_simulate_runs.simulate(
            settings, synthetic=synthetic, frames=frames, workers=workers, folder=folder,
            command=called.command, **run.common(),
        )  # fmt: skip
    present(done, run)


def _settings(
    config: Path | None,
    overrides: tuple[str, ...],
    eccentricity: tuple[float, ...],
    particles: tuple[int, ...],
    realisations: int | None,
) -> EnsembleSettings:
    """The settings of a file, with options in the place of keys."""
    path = None if config is None else PROBLEMS.get(str(config), config)
    counts = None
    if realisations is not None or particles:
        count = len(particles or load_given(EnsembleSettings, path, Given(overrides)).ensemble.particles)
        counts = [1 if realisations is None else realisations] * count
    options = {
        "ensemble.eccentricities": ("--eccentricity", list(eccentricity) or None),
        "ensemble.particles": ("--particles", list(particles) or None),
        "ensemble.realisations": ("--realisations", counts),
    }
    return load_given(EnsembleSettings, path, Given(overrides, options))


def _check(settings: EnsembleSettings, *, count: int, frames: int, synthetic: bool) -> None:
    """Refuse what no merger can be."""
    if not count:
        raise InputError("the ensemble has no mergers; give at least one realisation")
    for stars in settings.ensemble.particles:
        if not _SMALLEST <= stars <= _LARGEST or stars % 2:
            raise InputError(
                f"`--particles` must be an even number from {_SMALLEST} to {_LARGEST:,}, got {stars}; "
                "it counts the stars of both galaxies"
            )
    if frames and (count > 1 or synthetic):
        what = "a synthetic merger has no stars" if synthetic else f"there are {count} mergers"
        raise InputError(f"`--frames` draws the stars of one merger, but {what}; drop one of the two")
