"""`swansong binaries forecast`: forecasters side by side on one run; JAX waits for valid arguments."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swansong.binaries.forecasting.protocol import DETERMINISTIC, FORECASTERS, check_installed, missing
from swansong.binaries.forecasting.series import LARGEST_AXIS, SNAPSHOTS, hard_series, split_at
from swansong.binaries.nbody.settings import ENERGY_TOLERANCE
from swansong.cli.binaries_learnt import merger_files, read_mergers
from swansong.cli.options import Called, Flag, Invocation, RunOptions, Whole, at_least, on_interrupt
from swansong.cli.output import choose_folder, number, present
from swansong.core.errors import DataError, DomainError, InputError

if TYPE_CHECKING:
    import numpy as np

    from swansong.binaries.forecasting.comparison import Comparison
    from swansong.binaries.forecasting.series import Series
    from swansong.binaries.trajectories import Trajectory
    from swansong.cli.binaries_written import Told

KIND = "binary_forecasts"
"""Kind of the product."""

_FEWEST_SEEDS = 3  # below this a spread means little


def add(app: App) -> None:
    """Add `forecast` to the verbs.

    Args:
        app: The app of `swansong binaries`.
    """
    forecast.__doc__ = (forecast.__doc__ or "").replace("MODELS", ", ".join(FORECASTERS))
    app.command(forecast)


def forecast(
    trajectories: Path | None = None,
    /,
    *,
    models: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="", show_default=False)] = (),
    split: Annotated[tuple[float, ...], Parameter(consume_multiple=True, negative="")] = (0.8,),
    window: Whole = 10,
    seeds: Whole = 3,
    snapshots: Whole = SNAPSHOTS,
    largest_axis: float = LARGEST_AXIS,
    merger: Whole | None = None,
    synthetic: Flag = False,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Let forecasters learn the beginning of one pair's orbit and continue it, and compare their errors.

    A forecast runs freely, from its own answers. Errors are mean absolute errors of a and e, each in units of its
    standard deviation over what was learnt. Without a file, the best resolved merger that ships with swansong is taken.

    Example: `swansong binaries forecast --models node lstm persistence --split 0.8 0.7 --seed 1 --out runs/forecast`

    Args:
        trajectories: Mergers (HDF5), as `simulate` writes them.
        models: Forecasters (repeatable): MODELS; all that are installed by default.
        split: Shares of the snapshots that are learnt (repeatable).
        window: Snapshots that each looks back.
        seeds: Seeds of each forecaster that has random numbers.
        snapshots: Snapshots of the hard pair, evenly spaced.
        largest_axis: Semi-major axis below which the pair counts as hard [N-body units].
        merger: Which merger of the file, from 0; by default the best resolved, of these the one that is hard longest.
        synthetic: Take a synthetic merger instead of a file.
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    names, left_out = _models(models)
    at_least(seeds, 1, option="--seeds")
    if synthetic and (trajectories is not None or merger is not None):
        raise InputError("`--synthetic` was given beside a file or a merger of it; drop one of them")
    splits = tuple(dict.fromkeys(split))
    if not splits or not all(0.0 < share < 1.0 for share in splits):
        shown = ", ".join(f"{share:g}" for share in splits) or "none"
        raise InputError(f"`--split` must lie between 0 and 1, got {shown}; give 0.8 to learn the first 80 %")
    files = () if synthetic else merger_files(() if trajectories is None else (trajectories,))
    chosen, series = _series(files, merger, snapshots=snapshots, largest_axis=largest_axis, seed=run.seed)
    for share in splits:
        split_at(series, share, window=window)
    folder = choose_folder(run.out, default="binaries-forecast", force=run.force)
    warnings = list(left_out)
    if chosen.merger.origin == "synthetic":
        warnings.append("the merger is synthetic: no astrophysics may rest on it")
    if chosen.energy_error > ENERGY_TOLERANCE:
        warnings.append(f"the energy error of the run, {chosen.energy_error:.2g}, is above {ENERGY_TOLERANCE:g}")
    if seeds < _FEWEST_SEEDS and set(names) - set(DETERMINISTIC):
        warnings.append(f"the spread over {seeds} seeds means little; give `--seeds {_FEWEST_SEEDS}` or more")
    with on_interrupt("nothing was written; fewer models, splits or seeds take less time"):
        done = _compare(
            series,
            names,
            files=files,
            splits=splits,
            window=window,
            seeds=seeds,
            folder=folder,
            warnings=tuple(warnings),
            command=called.command,
            run=run,
        )
    present(done, run)


def _models(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The forecasters, and a sentence on those that cannot run here.

    Raises:
        InputError: One that was asked for is unknown or not installed.
    """
    names = tuple(dict.fromkeys(name for text in given for name in text.split(",") if name))
    for name in names:
        check_installed(name)
    if names:
        return names, ()
    absent = [name for name in FORECASTERS if missing(name)]
    text = f"{', '.join(absent)} left out, not installed; run `pip install 'swansong[forecast]'`"
    return tuple(name for name in FORECASTERS if name not in absent), (text,) if absent else ()


def _series(
    files: Sequence[Path], merger: int | None, *, snapshots: int, largest_axis: float, seed: int
) -> "tuple[Trajectory, Series]":
    """Choose the merger and take its snapshots.

    Raises:
        InputError: There is no such merger, or its hard part is too short.
    """

    def taken(one: "Trajectory") -> "Series":
        return hard_series(one, snapshots=snapshots, largest_axis=largest_axis)

    if not files:
        from swansong.binaries.synthetic import synthetic_trajectory
        from swansong.binaries.trajectories import Merger

        made = synthetic_trajectory(Merger(0.9, 32768, seed))
        return made, taken(made)
    mergers = read_mergers(files)
    if merger is not None:
        if not 0 <= merger < len(mergers):
            raise InputError(
                f"`--merger` must lie between 0 and {len(mergers) - 1}, got {merger}; the file has no such"
            )
        return mergers[merger], taken(mergers[merger])
    # A run of unknown error counts as good: other codes and synthetic mergers tell none.
    order = sorted(mergers, key=lambda one: (one.energy_error > ENERGY_TOLERANCE, -one.merger.particles))
    best = [one for one in order if one.merger.particles == order[0].merger.particles]
    found, reason = [], None
    for one in best:
        try:
            found.append((one, taken(one)))
        except (DomainError, DataError) as error:
            reason = error
    if not found:
        raise reason or DataError("the file holds no merger; give another one")
    return max(found, key=lambda pair: pair[1].time[-1] - pair[1].time[0])


def _compare(
    series: "Series",
    names: Sequence[str],
    *,
    files: Sequence[Path],
    splits: Sequence[float],
    window: int,
    seeds: int,
    folder: Path,
    warnings: tuple[str, ...],
    command: str,
    run: RunOptions,
) -> "Told":
    """Fit all forecasters, draw and write."""
    import numpy as np

    from swansong.binaries.forecasting.comparison import compare
    from swansong.cli.binaries_written import Told, write_run
    from swansong.core.files import prepare_output
    from swansong.core.provenance import collect
    from swansong.figures.binaries_forecasts import forecast_error_figure, forecast_figure

    began = time.perf_counter()
    common = run.common()
    settings = {
        "models": list(names),
        "splits": list(splits),
        "window": window,
        "seeds": seeds,
        "snapshots": len(series),
        "merger": vars(series.merger),
    }
    inputs: dict[str, str | Path] = {f"mergers_{place}": path for place, path in enumerate(files)}
    provenance = collect(configuration=settings, seed=run.seed, inputs=inputs, command=command)
    prepare_output(folder, force=run.force)
    found = compare(
        series, names, splits=splits, window=window, seeds=seeds, seed=run.seed, quiet=bool(common["quiet"])
    )
    facts: dict[str, Any] = {
        "seed": run.seed,
        "merger": vars(series.merger),
        "snapshots": len(series),
        "window": window,
        "seeds": seeds,
        "unit": "standard deviations over the part that was learnt",
        "errors": _errors(found),
        "best": {f"{share:g}": found.best(share).name for share in splits},
        "published": {
            row.name: {f"{one.split:g}": one.published for one in found.rows if one.name == row.name}
            for row in found.rows
            if np.isfinite(row.published)
        },
        "seconds": time.perf_counter() - began,
    }
    text = "Mean absolute errors of free forecasts of (a, e), in standard deviations over what was learnt."
    columns = _columns(found)
    written = write_run(
        "forecasts",
        KIND,
        {"system": "binaries", **facts, "warnings": list(warnings)},
        folder=folder,
        arrays=_arrays(found),
        columns=columns,
        comments=(f"Made by `{command}` with seed {run.seed}.", text),
        figures={
            **{f"forecasts_{round(100 * share)}": forecast_figure(found, split=share) for share in splits},
            "errors": forecast_error_figure(found),
        },
        provenance=provenance,
        force=run.force,
        passing=("seconds",),
    )
    rows = tuple(
        (
            row.name,
            f"{row.split:g}",
            number(row.mean, digits=3),
            number(row.spread, digits=2),
            number(float(row.errors[:, 0].mean()), digits=3),
            number(float(row.errors[:, 1].mean()), digits=3),
            number(row.published, digits=3),
            f"{row.seconds.mean():.1f} s",
        )
        for row in found.rows
    )
    right = ("split", "error", "spread", "of a", "of e", "published", "time")
    merger = series.merger
    return Told(
        f"{len(names)} forecasters of e_gal = {merger.eccentricity:g}, N = {merger.particles:,} ({merger.origin})",
        facts,
        {
            "snapshots": f"{len(series)}, one every {number(series.step, digits=3)} units of time",
            "errors": "mean absolute, of a and e in standard deviations over what was learnt",
            "published": "another run, of KETJU; its units are not told",
        },
        folder,
        written,
        warnings,
        {"model": "left", **dict.fromkeys(right, "right")},
        rows,
    )


def _errors(found: "Comparison") -> dict[str, Any]:
    """The table, by model and split."""
    table: dict[str, Any] = {}
    for row in found.rows:
        table.setdefault(row.name, {})[f"{row.split:g}"] = {
            "mean": row.mean,
            "spread": row.spread,
            "by_seed": row.totals.tolist(),
            "semi_major_axis": float(row.errors[:, 0].mean()),
            "eccentricity": float(row.errors[:, 1].mean()),
        }
    return table


def _arrays(found: "Comparison") -> "dict[str, np.ndarray]":
    """Series, forecasts and errors."""
    series = found.series
    arrays = {"time": series.time, "semi_major_axis": series.values[:, 0], "eccentricity": series.values[:, 1]}
    for row in found.rows:
        arrays[f"{row.name}/{row.split:g}/forecast"] = row.forecasts
        arrays[f"{row.name}/{row.split:g}/error"] = row.errors
    return arrays


def _columns(found: "Comparison") -> "dict[str, np.ndarray]":
    """One line for each model, split and seed."""
    import numpy as np

    lines = [
        (row.name, row.split, place, total, *row.errors[place])
        for row in found.rows
        for place, total in enumerate(row.totals)
    ]
    heads = ("model", "split", "seed", "error", "error_a", "error_e")
    return {head: np.asarray(column) for head, column in zip(heads, zip(*lines, strict=True), strict=True)}
