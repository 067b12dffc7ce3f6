"""What `simulate`, `train` and `check` of all systems do, once their arguments are valid; imports JAX."""

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Unpack

import numpy as np

from swansong.cli.output import number, plain
from swansong.cli.written import Where, Written, chunk_folder, write_result
from swansong.core.config import Config, as_dict
from swansong.core.files import prepare_output, write_product
from swansong.core.hashing import canonical_json
from swansong.core.provenance import collect
from swansong.figures import save_figure, training_figure
from swansong.inference.simulate import DATA_SET, map_tasks
from swansong.learning.training import Trained

_CHUNK = 64  # events that an interruption of `simulate` may cost


@dataclass(frozen=True, eq=False)
class Simulation:
    """How a system draws a data set.

    Attributes:
        draw: Arrays by name of the events of these numbers, one row each; among them, or
            among `arrays`, are `parameters`, and `snr` is.
        metadata: What the data set says of itself; the records of the parameters among it.
        arrays: Arrays that are not drawn in chunks.
    """

    draw: Callable[[range], dict[str, np.ndarray]]
    metadata: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def simulate(
    prepare: Callable[..., Simulation],
    problem: Config,
    *,
    system: str,
    count: int,
    **where: Unpack[Where],
) -> Written:
    """Draw a data set and write it.

    Args:
        prepare: Gives the simulation of a problem: `prepare(problem, count=..., seed=...)`.
        problem: The problem.
        system: The system.
        count: Number of events.
        **where: Seed, folder and display; finished chunks wait in a hidden folder there.

    Returns:
        What was done.

    Raises:
        InputError: The problem or the folder cannot be used.
    """
    began = time.perf_counter()
    seed, folder, force = where["seed"], where["folder"], where["force"]
    simulation = prepare(problem, count=count, seed=seed)
    provenance = collect(
        configuration={"problem": as_dict(problem), "count": count}, seed=seed, command=where["command"]
    )
    prepare_output(folder, force=force)
    store = chunk_folder(folder, provenance)
    arrays = map_tasks(
        simulation.draw,
        range(count),
        store=store,
        workers=1,
        chunk=_CHUNK,
        identity=canonical_json(provenance.configuration),
        description="simulating",
        quiet=where["quiet"],
    )
    path = folder / "data_set.h5"
    sha256 = write_product(
        path,
        kind=DATA_SET,
        arrays={**simulation.arrays, **arrays},
        metadata=dict(simulation.metadata),
        provenance=provenance,
        force=force,
    )
    shutil.rmtree(store, ignore_errors=True)
    snr = np.quantile(arrays["snr"], [0.05, 0.5, 0.95])
    seconds = time.perf_counter() - began
    return Written(
        system,
        f"data set of {count:,} simulated events",
        {
            "events": count,
            "seed": seed,
            "sha256": sha256,
            "seconds": seconds,
            "snr": dict(zip(("lower", "median", "upper"), snr, strict=True)),
        },
        {
            "signal-to-noise": f"{number(snr[1])}, 90 % within {number(snr[0])} to {number(snr[2])}",
            "time": f"{seconds:.1f} s",
        },
        folder,
        {"data_set": path},
    )


def train(
    fit: Callable[..., Trained[Any]],
    recipe: Any,
    *,
    system: str,
    seed: int,
    folder: Path,
    resume: bool,
    force: bool,
    quiet: bool,
) -> Written:
    """Train an estimator and draw its training curves.

    Args:
        fit: Trains: `fit(recipe, seed=..., folder=..., resume=..., quiet=...)`.
        recipe: What to train.
        system: The system.
        seed: Seed of weights and data.
        folder: Where checkpoint, weights and figure go.
        resume: Go on from a checkpoint.
        force: Write into a folder that holds results.
        quiet: Show no progress bar.

    Returns:
        What was done.

    Raises:
        InputError: The recipe or the folder cannot be used, or the checkpoint is of another run.
        TrainingError: The loss stopped being finite.
    """
    began = time.perf_counter()
    resumes = resume and (folder / "checkpoint.h5").is_file()
    prepare_output(folder, force=force or resumes)
    trained = fit(recipe, seed=seed, folder=folder, resume=resume, quiet=quiet)
    seconds = time.perf_counter() - began
    files = {name: folder / f"{name}.h5" for name in ("checkpoint", "weights")}
    files = {name: path for name, path in files.items() if path.is_file()}
    if len(trained.history):
        files["training"] = folder / "training.png"
        save_figure(training_figure(trained.history, title=f"{recipe.estimator} estimator"), files["training"])
    steps = recipe.training.steps
    ends = {"finished": "all steps are done", "patience": "no further gain", "time": "out of time"}
    unfinished = trained.stopped == "time"
    return Written(
        system,
        f"training of the {recipe.estimator} estimator, {trained.step:,} of {steps:,} steps",
        {
            "estimator": recipe.estimator,
            "seed": seed,
            "step": trained.step,
            "steps": steps,
            "best_step": trained.best_step,
            "best_loss": trained.best_loss,
            "stopped": trained.stopped,
            "seconds": seconds,
        },
        {
            "best loss": f"{number(trained.best_loss, digits=5)} at step {trained.best_step:,}",
            "stopped": ends[trained.stopped],
            "time": f"{seconds:.1f} s",
        },
        folder,
        files,
        ("The training is not finished; give the same command to go on.",) if unfinished else (),
    )


class Checker(Protocol):
    """The module `check` of a system."""

    @property
    def check(self) -> Callable[..., Any]:
        """Tests an estimator on injections; the result has `levels` and `to_json`."""
        ...


def check(
    checker: Checker,
    problem: Config,
    *,
    system: str,
    estimator: str,
    weights: Path | None,
    injections: int,
    samples: int,
    **where: Unpack[Where],
) -> Written:
    """Test an estimator on injections and write the result with its P-P figure.

    Finished injections wait in a hidden folder for an interrupted check to go on.

    Args:
        checker: What tests.
        problem: The problem.
        system: The system.
        estimator: What is tested.
        weights: Trained weights, None for those of the package.
        injections: Number of simulated events.
        samples: Samples of each posterior.
        **where: Seed, folder and display.

    Returns:
        What was done.

    Raises:
        InputError: The weights or the folder cannot be used.
    """
    seed, folder, force = where["seed"], where["folder"], where["force"]
    asked = {"estimator": estimator, "injections": injections, "samples": samples}
    inputs: dict[str, str | Path] = {} if weights is None else {"weights": weights}
    configuration = {"problem": as_dict(problem), **asked}
    provenance = collect(configuration=configuration, seed=seed, inputs=inputs, command=where["command"])
    store = chunk_folder(folder, provenance)
    result = checker.check(problem, **asked, seed=seed, weights=weights, store=store, quiet=where["quiet"])
    facts = plain(result.to_json())
    prepare_output(folder, force=force)
    # Times differ from run to run.
    files = write_result(
        "check",
        facts,
        folder=folder,
        arrays={"levels": np.asarray(result.levels)},
        metadata={"names": list(facts["ks_p"])},
        passing=("seconds_per_event",),
        provenance=provenance,
        force=force,
    )
    shutil.rmtree(store, ignore_errors=True)
    told = {f"KS p, {name}": number(value, digits=3) for name, value in facts["ks_p"].items()}
    efficiency = (facts.get("efficiency") or {}).get("median")
    if efficiency is not None:
        told["efficiency"] = f"{100 * efficiency:.1f} % (median)"
    for name, distance in (facts.get("js_distance") or {}).items():
        told[f"JS distance, {name}"] = (
            f"{number(distance['median'], digits=3)} (90 %: {number(distance['p90'], digits=3)})"
        )
    told["time for an event"] = f"{number(facts.get('seconds_per_event') or math.nan, digits=3)} s"
    warnings = tuple(facts.pop("warnings", ()))
    headline = f"check of the {estimator} estimator on {injections:,} injections"
    return Written(system, headline, facts, told, folder, files, warnings)
