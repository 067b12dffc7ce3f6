"""What `swansong emri followup` does, once its arguments are valid: the posterior of a candidate; imports JAX."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from swansong.cli.emri_data import load_data
from swansong.cli.emri_options import NAMES, Candidate
from swansong.cli.measuring import Extra, Inferred
from swansong.cli.written import Where
from swansong.core.config import as_dict
from swansong.core.errors import DomainError
from swansong.core.files import prepare_output
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.emri.followup.export import write_proposal
from swansong.emri.followup.followup import follow_up
from swansong.emri.problem import Problem
from swansong.emri.search.model import SearchModel
from swansong.emri.search.statistic import tabulate
from swansong.figures import corner_figure, save_figure
from swansong.inference.posterior import Posterior
from swansong.report import read_run


def followup(problem: Problem, *, data: Path, candidate: Candidate, **where: Unpack[Where]) -> Inferred:
    """Sample the posterior of the source behind a candidate and write the run folder.

    Args:
        problem: The problem of the search, and how to follow up.
        data: The data that were searched.
        candidate: Where to start.
        **where: Seed, folder and display.

    Returns:
        What was found.

    Raises:
        InputError: The data or the folder cannot be used.
    """
    seed, folder, force = where["seed"], where["folder"], where["force"]
    theta = np.array([candidate.theta[name] for name in NAMES])
    inputs: dict[str, str | Path] = {"data": data}
    if candidate.file is not None:
        inputs["candidate"] = candidate.file
    settings = {"problem": as_dict(problem), "candidate": candidate.theta}
    provenance = collect(configuration=settings, seed=seed, inputs=inputs, command=where["command"])
    with Progress(total=3, description="following up", quiet=where["quiet"]) as progress:
        loaded = load_data(data, problem)
        model = loaded.search.model
        _check_inside(candidate.theta, model)
        scorer = loaded.search.scorer(tabulate(loaded.band, problem.statistic, powers=False))
        progress.advance()
        result = follow_up(scorer, theta, model=model, settings=problem.followup, seed=seed)
        progress.advance()
        truth = _nearest(loaded.truth, result.posterior)
        posterior = dataclasses.replace(
            result.posterior,
            truth=truth,
            warnings=(*loaded.warnings, *result.posterior.warnings),
            provenance=provenance,
        )
        prepare_output(folder, force=force)
        files = {
            "posterior": folder / "posterior.h5",
            "bilby": folder / "posterior.json",
            "netcdf": folder / "posterior.nc",
            "proposal": folder / "proposal.h5",
            "corner_proposal": folder / "corner_proposal.png",
        }
        posterior.save(files["posterior"], force=force)
        posterior.to_bilby(files["bilby"], label="emri", prior=result.chart.prior)
        posterior.to_netcdf(files["netcdf"])
        proposal = dataclasses.replace(result.proposal, provenance=provenance)
        write_proposal(dataclasses.replace(result, proposal=proposal), files["proposal"], force=force)
        both = corner_figure(posterior, comparison=result.proposal, names=NAMES)
        save_figure(both, files["corner_proposal"])
        files |= read_run(folder).write(folder)
        progress.advance()
    shares = {name: float(value) for name, value in result.efficiency.items()}
    told = {"efficiency": ", ".join(f"{name} {100.0 * value:.1f} %" for name, value in shares.items())}
    spent = {name: float(value) for name, value in result.seconds.items()}
    return Inferred(posterior, folder, files, Extra(facts={"efficiency": shares, "parts": spent}, told=told))


def _check_inside(theta: Mapping[str, float], model: SearchModel) -> None:
    """Refuse a candidate that the prior excludes.

    Raises:
        DomainError: A parameter lies outside its range.
    """
    for item in model.parameters:
        value = theta[item.name]
        if not item.minimum <= value <= item.maximum:
            raise DomainError(
                f"the candidate has `{item.name}` = {value:.6g}, outside the prior from {item.minimum:.6g} to "
                f"{item.maximum:.6g}; widen `prior` in the problem"
            )


def _nearest(truth: Sequence[Mapping[str, float]], posterior: Posterior) -> np.ndarray | None:
    """The true source that the posterior is about: the one with the nearest time of plunge, None without any."""
    if not truth:
        return None
    median = float(posterior.quantile("plunge_time", 0.5)[0])
    best = min(truth, key=lambda record: abs(record["plunge_time"] - median))
    values = {
        **best,
        "log10_mass_1": math.log10(best["mass_1"]),
        "ecliptic_longitude": best["source_longitude"] % (2.0 * math.pi),
        "absolute_sine_latitude": abs(math.cos(best["source_colatitude"])),
    }
    return np.array([values[name] for name in posterior.parameters.names])
