"""`swansong binaries merge`: when a pair merges; its options and their checks, before anything is computed."""

import math
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from swansong.binaries.units import Units
from swansong.cli.binaries_pairs import Law, PairOptions, resolve
from swansong.cli.options import Called, Invocation, Whole, at_least, positive
from swansong.cli.output import present
from swansong.cli.table_options import TableOptions
from swansong.core.errors import InputError
from swansong.core.files import read_product

Scale: TypeAlias = Literal["nbody", "physical"]

_TRAJECTORIES = "binary_trajectories"  # kind of the product; its module is imported once the arguments are valid


def add(app: App) -> None:
    """Add `merge` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(merge)


def merge(
    *,
    pair: PairOptions = PairOptions(),
    units: Scale = "nbody",
    law: Law = "constant",
    speed_of_light: float | None = None,
    galaxy_mass: Annotated[float | None, Parameter(show_default=False)] = None,
    scale_radius: Annotated[float | None, Parameter(show_default=False)] = None,
    max_time: float | None = None,
    table: Annotated[Path | None, Parameter(show_default=False)] = None,
    trajectory: Annotated[Path | None, Parameter(show_default=False)] = None,
    hand_off: float | None = None,
    since: float | None = None,
    samples: Whole = 500,
    run: TableOptions = TableOptions(),
    called: Called = Invocation(),
) -> None:
    """Tell when pairs of black holes merge, hardened by stars and then by gravitational waves.

    One pair is given by its options, many by --table, and runs of the N-body engine or of a trained network by
    --trajectory. The units in brackets are those of `--units physical`: parsecs, solar masses, megayears. In N-body
    units G = 1, the stars of both galaxies weigh 1 and the scale radius of a galaxy is 1; the speed of light follows
    from --galaxy-mass and --scale-radius, or is given.

    Example: `swansong binaries merge --semi-major-axis 0.0167 --eccentricity 0.5 --hardening-rate 5 --mass-1 0.005
    --mass-2 0.005`

    Args:
        pair: Orbit, masses and hardening.
        units: Units of all that is given and told.
        law: How the hardening rate changes: constant, exponential (it dies away and the pair may stall), floor
            (an exponential that falls to a floor) or scattering (three-body scattering in a full loss cone, rates of
            Sesana, Haardt & Madau for equal masses). Clocks start with the pair, or for --trajectory once it is hard.
        speed_of_light: Speed of light in N-body units; by default 440.84, that of the default galaxies.
        galaxy_mass: Stars of both galaxies, N-body units only; 2e10 by default [solar masses].
        scale_radius: Scale radius of a galaxy, N-body units only; 186 by default [pc].
        max_time: Time after which a pair counts as stalled; by default 13.8 Gyr, 51600 default N-body units [Myr].
        table: CSV or HDF5 table of pairs, its columns named as the options: semi_major_axis, eccentricity and so on.
        trajectory: Runs (HDF5) whose pairs are followed to coalescence with their own hardening.
        hand_off: For --trajectory: time of the run up to which hardening is fitted and at which laws and waves replace
            it; by default it is fitted to the end, and replaced once waves count.
        since: For --trajectory: time of the run from which on the hardening is fitted, by default once the pair is
            hard.
        samples: For --trajectory: samples of orbit and laws behind the interval of the merger time.
        run: Seed, output and display.
        called: How the command was called.
    """
    for option, value, unit in (
        ("--speed-of-light", speed_of_light, "it in N-body units"),
        ("--galaxy-mass", galaxy_mass, "solar masses"),
        ("--scale-radius", scale_radius, "parsecs"),
        ("--max-time", max_time, "a time"),
    ):
        positive(option, value, unit=unit)
    for option, value in (
        ("--speed-of-light", speed_of_light),
        ("--galaxy-mass", galaxy_mass),
        ("--scale-radius", scale_radius),
    ):
        if units == "physical" and value is not None:
            raise InputError(f"`{option}` was given with `--units physical`, where it has no meaning; drop it")
    if speed_of_light is not None and (galaxy_mass is not None or scale_radius is not None):
        other = "--galaxy-mass" if galaxy_mass is not None else "--scale-radius"
        raise InputError(f"`--speed-of-light` and `{other}` were given, but the latter decides it; drop one of them")
    run.check()
    scale = Units(
        **{key: value for key, value in (("mass", galaxy_mass), ("length", scale_radius)) if value is not None}
    )
    if trajectory is None:
        for option, value in (("--hand-off", hand_off), ("--since", since)):
            if value is not None:
                raise InputError(f"`{option}` was given without `--trajectory`; add the file of runs or drop it")
        pairs = resolve(pair, law=law, table=None if table is None else table.expanduser())
        folder = run.folder()
        from swansong.cli import binaries_merge_pairs

        done = binaries_merge_pairs.merge_pairs(
            pairs,
            law=law,
            physical=units == "physical",
            scale=scale,
            speed_of_light=speed_of_light,
            max_time=max_time,
            table=table,
            folder=folder,
            force=run.force,
            command=called.command,
        )
    elif law == "scattering":
        raise InputError("`--law scattering` is not fitted to runs; give constant, exponential or floor")
    else:
        path = _check_runs(pair, trajectory, table=table, units=units, speed_of_light=speed_of_light)
        for option, value in (("--hand-off", hand_off), ("--since", since)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"`{option}` must be a time of the run, got {value:g}; give a finite number")
        at_least(samples, 100, option="--samples")
        folder = run.folder()
        from swansong.cli import binaries_merge_runs

        done = binaries_merge_runs.merge_runs(
            path,
            law=law,
            scale=scale,
            max_time=max_time,
            hand_off=hand_off,
            since=since,
            samples=samples,
            seed=run.seed,
            folder=folder,
            force=run.force,
            command=called.command,
        )
    present(done, run)


def _check_runs(
    pair: PairOptions, trajectory: Path, *, table: Path | None, units: Scale, speed_of_light: float | None
) -> Path:
    """Refuse what runs have themselves, and a file that holds none."""
    given = next(iter(pair.given()), None)
    if given is not None or table is not None:
        option = "--table" if given is None else f"--{given.replace('_', '-')}"
        raise InputError(f"`{option}` was given, but the runs of `--trajectory` have their own pairs; drop one of them")
    if units == "physical" or speed_of_light is not None:
        option = "--units physical" if units == "physical" else "--speed-of-light"
        raise InputError(
            f"`{option}` was given, but runs are in N-body units; scale them by `--galaxy-mass` and `--scale-radius`"
        )
    path = trajectory.expanduser()
    read_product(path, kind=_TRAJECTORIES)
    return path
