"""`swansong binaries background`: the waves of a population together; Numba waits for valid arguments."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from swansong.binaries.background.population_files import population_of
from swansong.binaries.background.settings import Background
from swansong.cli.configurations import Given, load_given
from swansong.cli.options import Called, Invocation, Overrides, RunOptions, on_interrupt
from swansong.cli.output import choose_folder, present
from swansong.core.errors import InputError


def add(app: App) -> None:
    """Add `background` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(background)


def background(
    config: Annotated[Path | None, Parameter(help="TOML file of population, orbits and band.")] = None,
    /,
    *,
    overrides: Overrides = (),
    table: Annotated[Path | None, Parameter(show_default=False)] = None,
    driver: Annotated[Literal["stars", "waves"] | None, Parameter(show_default=False)] = None,
    eccentricity: float | None = None,
    hardening_rate: float | None = None,
    eccentricity_rate: float | None = None,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Characteristic strain h_c(f) of the gravitational waves of many pairs that merge.

    Without a file, pairs by a law of mass and redshift whose amplitude is that which pulsar timing arrays see.

    Example: `swansong binaries background --eccentricity 0.9 --out runs/background`

    Args:
        config: Population, orbits and band.
        overrides: Keys to override.
        table: CSV or HDF5 file of sampled pairs in place of the law: mass_1, mass_2 [solar masses], redshift,
            semi_major_axis [pc] and eccentricity at the beginning, weight [1/Mpc^3], and if there are stars
            hardening_rate [1/(pc Myr)] and eccentricity_rate.
        driver: What shrinks the orbits: stars and waves, or waves alone.
        eccentricity: Eccentricity at the beginning: of hard pairs with stars, or at `orbits.frequency` without.
        hardening_rate: Hardening rate s by stars [N-body units], scaled to the galaxy of each pair.
        eccentricity_rate: Growth of the eccentricity by stars, K.
        run: Seed, output and display.
        called: How the command was called.
    """
    given = {
        "orbits.driver": ("--driver", driver),
        "orbits.eccentricity": ("--eccentricity", eccentricity),
        "orbits.hardening_rate": ("--hardening-rate", hardening_rate),
        "orbits.eccentricity_rate": ("--eccentricity-rate", eccentricity_rate),
    }
    settings = _load(config, overrides, {key: pair for key, pair in given.items() if pair[1] is not None}, table=table)
    run.check()
    if settings.population.kind == "table":
        for option, value in given.values():
            if value is not None:
                raise InputError(f"`{option}` was given, but the pairs of a table have their own orbits; drop it")
    if settings.orbits.driver == "waves":
        for option, value in (("--hardening-rate", hardening_rate), ("--eccentricity-rate", eccentricity_rate)):
            if value is not None:
                raise InputError(f"`{option}` was given, but waves alone drive the pairs; drop it or `--driver waves`")
    population = population_of(settings)
    folder = choose_folder(run.out, default="binaries-background", force=run.force)
    from swansong.cli import binaries_background_runs

    with on_interrupt("no result was written, give the same command to start again"):
        done = binaries_background_runs.compute(
            settings, population, folder=folder, command=called.command, **run.common()
        )
    present(done, run)


def _load(
    config: Path | None, overrides: tuple[str, ...], given: dict[str, tuple[str, object]], *, table: Path | None
) -> Background:
    """Read the settings, with options in the place of keys."""
    if table is not None:
        given = {**given, "population.kind": ("--table", "table"), "population.table": ("--table", str(table))}
    return load_given(Background, config, Given(overrides, given))
