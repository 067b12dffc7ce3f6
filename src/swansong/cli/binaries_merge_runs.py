"""What `swansong binaries merge --trajectory` does, once its arguments are valid; imports Numba."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from swansong.binaries.evolution.fits import LawFit, LawName
from swansong.binaries.evolution.merging import (
    HUBBLE_TIME,
    MergerEstimate,
    MergerTimes,
    merger_time,
    sample_merger_times,
)
from swansong.binaries.trajectories import Trajectory, read_trajectories
from swansong.binaries.units import Units
from swansong.cli.binaries_written import Told, write_run
from swansong.cli.output import number
from swansong.core.errors import DataError, DomainError
from swansong.core.files import prepare_output
from swansong.core.provenance import collect
from swansong.figures.binaries_merging import merger_bars_figure

KIND = "binary_run_mergers"
"""Kind of the product."""

_STRONG_WAVES = 0.1  # of the shrinking by stars: what a run without gravitational waves may miss
_SHOWN = 40  # runs in the figure and on the terminal
_COLUMNS = {"e_gal, N, seed": "left", "e": "right", "s": "right", "K": "right", "merger time": "right", "68 %": "right"}


def merge_runs(
    path: Path,
    *,
    law: LawName,
    scale: Units,
    max_time: float | None,
    hand_off: float | None,
    since: float | None,
    samples: int,
    seed: int,
    folder: Path | None,
    force: bool,
    command: str,
) -> Told:
    """Follow the pairs of runs to coalescence.

    Args:
        path: The runs.
        law: Law of the hardening rate; the eccentricity growth is a constant.
        scale: Physical size of the N-body units.
        max_time: Time limit after the hand-off, None for 13.8 Gyr.
        hand_off: Time of the runs at which laws and waves replace them, None for where waves begin to count.
        since: Time of the runs from which on hardening is fitted, None for once they are hard.
        samples: Samples behind each interval.
        seed: Seed of the samples.
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        command: The command line, for the provenance.

    Returns:
        When they merge.

    Raises:
        FileError: The file is damaged.
        DataError: No run can be followed.
        InputError: The folder cannot be used.
    """
    limit = HUBBLE_TIME / scale.time if max_time is None else max_time
    runs = read_trajectories(path)
    found: list[MergerEstimate] = []
    spread: list[MergerTimes] = []
    left: list[str] = []
    for run in runs:
        try:
            one = merger_time(run, hand_off=hand_off, law=law, since=since, units=scale, max_time=limit)
        except (DataError, DomainError) as error:
            left.append(f"Run {_name(run)} is left out: {error}.")
            continue
        found.append(one)
        spread.append(sample_merger_times(one, samples=samples, seed=seed))
    if not found:
        raise DataError(f"none of the {len(runs)} runs in `{path}` can be followed; the first: {left[0]}")
    ends = np.array([one.quantiles((0.16, 0.84)) for one in spread])
    times = np.array([one.after_binding for one in found])
    known = times[np.isfinite(times)]
    strong = sum(one.waves > _STRONG_WAVES for one in found)
    vague = sum(abs(one.fit.growth.values[0]) < 2.0 * one.fit.growth.errors[0] for one in found)
    warnings = (*left, *_limits(strong, vague, int(np.sum(~np.isfinite(times))), limit))
    facts: dict[str, Any] = {
        "law": law,
        "runs": len(runs),
        "merged": len(known),
        "stalled": len(times) - len(known),
        "left_out": len(left),
        "merger_time": float(np.median(known)) if len(known) else None,
        "merger_time_myr": float(np.median(known)) * scale.time if len(known) else None,
        "time_unit": "N-body units from binding",
        "speed_of_light": scale.speed_of_light,
        "max_time": limit,
        "mergers": [_facts(one, two, share) for one, two, share in zip(found, ends, spread, strict=True)],
    }
    rows = tuple(
        (
            _name(one.trajectory), number(one.eccentricity, digits=3),
            number(float(one.fit.rate.values[0]), digits=3), number(float(one.fit.growth.values[0]), digits=2),
            number(one.after_binding) if math.isfinite(one.after_binding) else "stalled",
            " to ".join(number(end) if math.isfinite(end) else "never" for end in two),
        )
        for one, two in list(zip(found, ends, strict=True))[:_SHOWN]
    )  # fmt: skip
    told = {
        "merged": f"{len(known)} of {len(runs)}, stalled {len(times) - len(known)}, left out {len(left)}",
        "median": f"{number(facts['merger_time'])} N-body units ({number(facts['merger_time_myr'])} Myr) from binding",
        "columns": "eccentricity at the hand-off, fitted hardening rate and eccentricity growth, N-body units",
    }
    headline = f"merger times of {len(found)} runs, law {law}"
    if folder is None:
        return Told(headline, facts, told, warnings=warnings, columns=_COLUMNS, rows=rows)
    arrays = _arrays(found, ends)
    configuration = {
        "law": law, "max_time": limit, "hand_off": hand_off, "since": since, "samples": samples,
        "galaxy_mass": scale.mass, "scale_radius": scale.length,
    }  # fmt: skip
    provenance = collect(configuration=configuration, seed=seed, inputs={"trajectories": path}, command=command)
    prepare_output(folder, force=force)
    figure = merger_bars_figure(
        [_name(one.trajectory) for one in found[:_SHOWN]], {"runs": times[:_SHOWN]},
        intervals={"runs": ends[:_SHOWN]}, time_unit="N-body units from binding", title=headline,
    )  # fmt: skip
    text = f"Times in N-body units, merger times from binding with their 68 % interval. Made by `{command}`."
    files = write_run(
        "run_mergers", KIND, {"system": "binaries", **facts, "warnings": list(warnings)}, folder=folder, arrays=arrays,
        columns=arrays, comments=(text,), figures={"merger_bars": figure}, provenance=provenance, force=force,
    )  # fmt: skip
    return Told(headline, facts, told, folder, files, warnings, _COLUMNS, rows)


def _name(run: Trajectory) -> str:
    """A run in short."""
    merger = run.merger
    return f"{merger.eccentricity:g}, {merger.particles}, {merger.seed}"


def _limits(strong: int, vague: int, stalled: int, limit: float) -> tuple[str, ...]:
    """Sentences that limit the result."""
    found = []
    if strong:
        found.append(
            f"In {strong} runs gravitational waves, which a run has not, shrink the orbit at the hand-off by more than "
            f"{100.0 * _STRONG_WAVES:g} % of what stars do; they counted before."
        )
    if vague:
        found.append(
            f"In {vague} runs the eccentricity growth K is within two standard errors of zero; merger times hang on it."
        )
    if stalled:
        found.append(f"{stalled} pairs are still apart {limit:.4g} N-body units after the hand-off, the time limit.")
    return tuple(found)


def _facts(one: MergerEstimate, ends: np.ndarray, spread: MergerTimes) -> dict[str, Any]:
    """The JSON object of one run."""
    merger = one.trajectory.merger
    return {
        "e_gal": merger.eccentricity,
        "particles": merger.particles,
        "seed": merger.seed,
        "origin": merger.origin,
        "status": one.status,
        "merger_time": one.after_binding,
        "merger_time_myr": one.megayears,
        "interval_68": ends,
        "stalled_samples": spread.stalled,
        "from_start": one.merger_time,
        "binding_time": one.binding_time,
        "fit_begin": one.fit.zero,
        "hand_off": one.hand_off,
        "semi_major_axis": one.axis,
        "eccentricity": one.eccentricity,
        "rate": _law(one.fit.rate),
        "growth": _law(one.fit.growth),
        "saturation_axis": one.saturation or None,
        "waves_over_stars": one.waves,
    }


def _law(fit: LawFit) -> dict[str, Any]:
    """Parameters of a law and their standard errors."""
    return {
        name: {"value": float(value), "error": float(error)}
        for name, value, error in zip(fit.names, fit.values, fit.errors, strict=True)
    }


def _arrays(found: list[MergerEstimate], ends: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of the product and of the table."""
    mergers = [one.trajectory.merger for one in found]
    return {
        "e_gal": np.array([merger.eccentricity for merger in mergers]),
        "particles": np.array([merger.particles for merger in mergers]),
        "seed": np.array([merger.seed for merger in mergers]),
        "merger_time": np.array([one.after_binding for one in found]),
        "lower": ends[:, 0],
        "upper": ends[:, 1],
        "binding_time": np.array([one.binding_time for one in found]),
        "hand_off": np.array([one.hand_off for one in found]),
        "semi_major_axis": np.array([one.axis for one in found]),
        "eccentricity": np.array([one.eccentricity for one in found]),
        "hardening_rate": np.array([one.fit.rate.values[0] for one in found]),
        "eccentricity_rate": np.array([one.fit.growth.values[0] for one in found]),
        "waves_over_stars": np.array([one.waves for one in found]),
    }
