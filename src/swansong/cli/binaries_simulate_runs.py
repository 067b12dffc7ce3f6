"""What `swansong binaries simulate` does, once its arguments are valid; imports Numba and Matplotlib."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from swansong.binaries.nbody.ensemble import run_ensemble
from swansong.binaries.nbody.run import Outcome, run_merger
from swansong.binaries.nbody.settings import ENERGY_TOLERANCE, EnsembleSettings
from swansong.binaries.synthetic import synthetic_trajectory
from swansong.binaries.trajectories import Trajectory, write_trajectories
from swansong.cli.binaries_written import Told, write_table
from swansong.cli.output import number
from swansong.cli.written import Where, chunk_folder
from swansong.core.config import as_dict
from swansong.core.files import prepare_output, write_text
from swansong.core.hashing import canonical_json
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.figures import save_figure
from swansong.figures.binaries_mergers import conservation_figure, merger_frames_figure
from swansong.figures.binaries_orbits import separation_figure
from swansong.report.pairs import read_pairs


def simulate(
    settings: EnsembleSettings, *, synthetic: bool, frames: int, workers: int | None, **where: Unpack[Where]
) -> Told:
    """Run mergers and write their trajectories.

    Args:
        settings: Which mergers, and how.
        synthetic: Make them from simple laws.
        frames: Of a single merger: times at which its stars are drawn.
        workers: Processes.
        **where: Seed, folder and display; finished mergers wait in a hidden folder there.

    Returns:
        What was done.

    Raises:
        InputError: A merger cannot be set up, or the folder cannot be used.
        RunError: A run fails.
    """
    began = time.perf_counter()
    folder, seed, quiet = where["folder"], where["seed"], where["quiet"]
    configuration = {**as_dict(settings), "synthetic": synthetic}
    provenance = collect(configuration=configuration, seed=seed, command=where["command"])
    prepare_output(folder, force=where["force"])
    mergers = settings.ensemble.mergers(seed=seed)
    outcome = None
    store = chunk_folder(folder, provenance)
    if synthetic:
        found = [synthetic_trajectory(merger) for merger in mergers]
    elif len(mergers) == 1:
        store.mkdir(parents=True, exist_ok=True)
        outcome = _one(settings, seed=seed, frames=frames, state=store / "state.h5", quiet=quiet)
        found = [outcome.trajectory]
    else:
        found = run_ensemble(settings, seed=seed, store=store, workers=workers, quiet=quiet)
    files = {"trajectories": folder / "trajectories.h5"}
    write_trajectories(files["trajectories"], found, provenance=provenance, force=where["force"])
    facts = {**_facts(found), "synthetic": synthetic, "seed": seed, "seconds": time.perf_counter() - began}
    files |= _write(found, outcome, facts=facts, folder=folder)
    files |= read_pairs(files["trajectories"]).write(folder)
    _tidy(store)
    told = {
        "bound": f"{facts['bound']} of {len(found)}",
        "energy error": f"{number(facts['energy_error']['median'])} median, "
        f"{number(facts['energy_error']['largest'])} largest",
        "time": f"{facts['seconds']:.1f} s",
    }
    if synthetic:
        del told["energy error"]
    what = "synthetic merger" if synthetic else "merger"
    headline = f"{len(found)} {what}{'' if len(found) == 1 else 's'} of galaxies with two black holes"
    columns = {"e_gal": "right", "stars": "right", "mergers": "right", "bound at": "right", "1/a at the end": "right",
               "e at the end": "right"}  # fmt: skip
    return Told(headline, facts, told, folder, files, _warnings(found, synthetic), columns, _rows(found))


def _one(settings: EnsembleSettings, *, seed: int, frames: int, state: Path, quiet: bool) -> Outcome:
    """One merger on all processors, with frames if they are asked for."""
    merger = settings.ensemble.mergers(seed=seed)[0]
    longest = settings.run.longest
    # Before the run nobody knows when the pair binds: frames are spread over the infall of such an orbit.
    times = tuple(np.linspace(0.0, min(_infall(merger.eccentricity), longest), frames)) if frames else ()
    with Progress(total=round(longest), description="merging galaxies", quiet=quiet) as progress:

        def tell(now: float) -> None:
            progress.advance(max(round(now) - progress.done, 0))

        return run_merger(merger, settings=settings.run, frames=times, state=state, progress=tell)


def _infall(eccentricity: float) -> float:
    """About when the pair of a merger binds: 110 to 400 from nearly radial to rounder orbits."""
    return 110.0 + 700.0 * (1.0 - eccentricity**2) ** 1.5


def _facts(found: Sequence[Trajectory]) -> dict[str, Any]:
    """The `--json` object."""
    errors = np.array([one.energy_error for one in found])
    known = errors[np.isfinite(errors)]
    binding = np.array([one.binding_time for one in found])
    return {
        "mergers": len(found),
        "bound": int(np.isfinite(binding).sum()),
        "marked": int(np.sum(known > ENERGY_TOLERANCE)),
        "energy_error": {
            "median": float(np.median(known)) if len(known) else None,
            "largest": float(known.max()) if len(known) else None,
            "tolerance": ENERGY_TOLERANCE,
        },
        "binding_time": float(np.nanmedian(binding)) if np.isfinite(binding).any() else None,
        "final_inverse_semi_major_axis": [_end(one)[0] for one in found],
        "final_eccentricity": [_end(one)[1] for one in found],
    }


def _end(one: Trajectory) -> tuple[float | None, float | None]:
    """1/a and e at the end, None where the pair is not bound."""
    if not one.bound[-1]:
        return None, None
    return float(1.0 / one.axis[-1]), float(one.eccentricity[-1])


def _warnings(found: Sequence[Trajectory], synthetic: bool) -> tuple[str, ...]:
    said = []
    if synthetic:
        said.append("these trajectories are synthetic: no astrophysics may rest on them")
    marked = [one for one in found if one.energy_error > ENERGY_TOLERANCE]
    if marked:
        said.append(
            f"{len(marked)} of {len(found)} runs have an energy error above {ENERGY_TOLERANCE:g}; they are kept and "
            "marked, and `swansong binaries train` leaves them out"
        )
    loose = sum(not np.isfinite(one.binding_time) for one in found)
    if loose:
        said.append(f"{loose} of {len(found)} pairs are not bound at the end; raise `run.longest`")
    return tuple(said)


def _rows(found: Sequence[Trajectory]) -> tuple[tuple[str, ...], ...]:
    """One row for each eccentricity and resolution: medians."""
    groups = sorted({(one.merger.eccentricity, one.merger.particles) for one in found})
    rows = []
    for eccentricity, particles in groups:
        part = [one for one in found if (one.merger.eccentricity, one.merger.particles) == (eccentricity, particles)]
        ends = [_end(one) for one in part if one.bound[-1]]
        bound = [one.binding_time for one in part if np.isfinite(one.binding_time)]
        inverse = number(float(np.median([end[0] for end in ends if end[0] is not None])), digits=3) if ends else "-"
        shape = number(float(np.median([end[1] for end in ends if end[1] is not None])), digits=3) if ends else "-"
        when = number(float(np.median(bound)), digits=4) if bound else "-"
        rows.append((f"{eccentricity:g}", str(particles), str(len(part)), when, inverse, shape))
    return tuple(rows)


def _write(
    found: Sequence[Trajectory], outcome: Outcome | None, *, facts: dict[str, Any], folder: Path
) -> dict[str, Path]:
    """Table, JSON object and figures."""
    files = {"json": folder / "simulate.json", "csv": folder / "mergers.csv"}
    write_text(files["json"], canonical_json({"system": "binaries", **facts}) + "\n")
    ends = [_end(one) for one in found]
    write_table(
        files["csv"],
        {
            "galaxy_eccentricity": np.array([one.merger.eccentricity for one in found]),
            "particles": np.array([one.merger.particles for one in found]),
            "seed": np.array([one.merger.seed for one in found]),
            "binding_time": np.array([one.binding_time for one in found]),
            "final_semi_major_axis": np.array([np.nan if end[0] is None else 1.0 / end[0] for end in ends]),
            "final_eccentricity": np.array([np.nan if end[1] is None else end[1] for end in ends]),
            "energy_error": np.array([one.energy_error for one in found]),
        },
        comments=("Mergers of two galaxies; N-body units, G = 1, stars of both galaxies 1, scale radius 1",),
    )
    first = found[0]
    title = f"e_gal = {first.merger.eccentricity:g}, {first.merger.particles} stars, seed {first.merger.seed}"
    binding = first.binding_time if np.isfinite(first.binding_time) else None
    figures = {
        "separation": separation_figure(
            first.time, separation=first.separation, axis=first.axis, binding=binding, title=title
        )
    }
    if outcome is not None:
        log = outcome.log
        figures["conservation"] = conservation_figure(
            log.time, energy=log.energy_error, momentum=log.momentum_error, title=title
        )
        if len(outcome.frame_times):
            figures["frames"] = merger_frames_figure(
                outcome.frame_times, stars=outcome.frames, holes=outcome.frame_holes, title=title
            )
    for stem, figure in figures.items():
        files[stem] = folder / f"{stem}.png"
        save_figure(figure, files[stem])
    return files


def _tidy(store: Path) -> None:
    """Remove an empty store; finished mergers of an ensemble stay there, so that it can be enlarged."""
    states = store / "states"
    if states.is_dir() and not any(states.iterdir()):
        states.rmdir()
    if store.is_dir() and not any(store.iterdir()):
        store.rmdir()
