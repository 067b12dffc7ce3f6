"""What `simulate`, `train` and `check` of ringdown do, once their arguments are valid; imports JAX."""

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from swansong.cli.output import Screen, number, plain
from swansong.core.config import as_dict
from swansong.core.files import prepare_output, write_product, write_text
from swansong.core.hashing import canonical_json, content_sha256
from swansong.core.provenance import Provenance, collect
from swansong.figures import save_figure, training_figure
from swansong.inference.simulate import DATA_SET, map_tasks
from swansong.learning.training import Trained
from swansong.report import read_run
from swansong.ringdown import check as checking
from swansong.ringdown import events, fitting
from swansong.ringdown.analysis import Analysis
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Problem, Recipe

SYSTEM = "ringdown"
_CHUNK = 64  # events that an interruption of `simulate` may cost


@dataclass(frozen=True)
class Written:
    """A run told in one line, with named facts and files.

    Attributes:
        headline: What was done.
        facts: Facts by name, as `--json` prints them.
        told: Facts by name, as a human reads them.
        folder: The run folder.
        files: Files by name.
        warnings: Sentences that limit the result.
    """

    headline: str
    facts: Mapping[str, Any]
    told: Mapping[str, str]
    folder: Path
    files: Mapping[str, Path]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "system": SYSTEM,
            **self.facts,
            "warnings": list(self.warnings),
            "files": {name: str(path) for name, path in self.files.items()},
        }

    def show(self, screen: Screen) -> None:
        """Write headline, facts, warnings and files."""
        screen.line(self.headline, style="bold")
        screen.facts(self.told)
        screen.warnings(self.warnings)
        screen.files(self.folder, self.files)


def simulate(
    problem: Problem, *, count: int, seed: int, folder: Path, force: bool, quiet: bool, command: str
) -> Written:
    """Draw a data set of whitened events and write it.

    Args:
        problem: The problem.
        count: Number of events.
        seed: Seed of parameters and noise.
        folder: Where to write; finished chunks wait in a hidden folder there.
        force: Write into a folder that holds results.
        quiet: Show no progress bar.
        command: The command line, for the provenance.

    Returns:
        What was done.

    Raises:
        InputError: The problem or the folder cannot be used.
    """
    began = time.perf_counter()
    analysis = simulated_analysis(problem)
    theta = events.draw_truths(analysis, count, seed=seed)
    provenance = collect(configuration={"problem": as_dict(problem), "count": count}, seed=seed, command=command)
    prepare_output(folder, force=force)
    store = _store(folder, provenance)
    arrays = map_tasks(
        partial(_simulate_chunk, analysis, theta, seed),
        range(count),
        store=store,
        workers=1,
        chunk=_CHUNK,
        identity=canonical_json(provenance.configuration),
        description="simulating",
        quiet=quiet,
    )
    path = folder / "data_set.h5"
    sha256 = write_product(
        path,
        kind=DATA_SET,
        arrays={"parameters": theta, **arrays, "times": np.arange(problem.data.samples) / problem.data.rate},
        metadata={
            "parameters": analysis.model.parameters.to_list(),
            "detectors": list(problem.data.detectors),
            "analysis": analysis.fingerprint,
        },
        provenance=provenance,
        force=force,
    )
    shutil.rmtree(store, ignore_errors=True)
    snr = np.quantile(arrays["snr"], [0.05, 0.5, 0.95])
    seconds = time.perf_counter() - began
    return Written(
        f"Ringdown: data set of {count:,} simulated events",
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


def _store(folder: Path, provenance: Provenance) -> Path:
    """Folder of finished chunks: hidden, and named by all that they depend on.

    What another run left behind is therefore never taken up.
    """
    record = [provenance.configuration, provenance.seed, provenance.inputs, provenance.versions]
    return folder / f".chunks-{content_sha256({}, texts={'run': canonical_json(record)})[:12]}"


def _simulate_chunk(analysis: Analysis, theta: np.ndarray, seed: int, items: range) -> dict[str, np.ndarray]:
    """Whiten the events of one chunk; the noise of each depends on the seed and its number only."""
    seeds = [int(np.random.SeedSequence([seed, item]).generate_state(1, np.uint64)[0]) for item in items]
    whitened = [analysis.simulate(theta[item], seed=own) for item, own in zip(items, seeds, strict=True)]
    return {"whitened": np.stack(whitened), "snr": analysis.snr(theta[np.asarray(items)])}


def train(recipe: Recipe, *, seed: int, folder: Path, resume: bool, force: bool, quiet: bool) -> Written:
    """Train an estimator and draw its training curves.

    Args:
        recipe: What to train.
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
    trained = fitting.fit(recipe, seed=seed, folder=folder, resume=resume, quiet=quiet)
    return _trained(trained, recipe, folder=folder, seed=seed, seconds=time.perf_counter() - began)


def _trained(trained: Trained[Any], recipe: Recipe, *, folder: Path, seed: int, seconds: float) -> Written:
    files = {name: folder / f"{name}.h5" for name in ("checkpoint", "weights")}
    files = {name: path for name, path in files.items() if path.is_file()}
    if len(trained.history):
        files["training"] = folder / "training.png"
        save_figure(training_figure(trained.history, title=f"{recipe.estimator} estimator"), files["training"])
    steps = recipe.training.steps
    unfinished = trained.stopped == "time"
    return Written(
        f"Ringdown: training of the {recipe.estimator} estimator, {trained.step:,} of {steps:,} steps",
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
            "stopped": {"finished": "all steps are done", "patience": "no further gain", "time": "out of time"}[
                trained.stopped
            ],
            "time": f"{seconds:.1f} s",
        },
        folder,
        files,
        ("The training is not finished; give the same command to go on.",) if unfinished else (),
    )


def check(
    problem: Problem,
    *,
    estimator: str,
    weights: Path | None,
    injections: int,
    samples: int,
    seed: int,
    folder: Path,
    force: bool,
    quiet: bool,
    command: str,
) -> Written:
    """Test an estimator on injections and write the result with its P-P figure.

    Finished injections wait in a hidden folder for an interrupted check to go on.

    Args:
        problem: The problem.
        estimator: What is tested.
        weights: Trained weights, None for those of the package.
        injections: Number of simulated events.
        samples: Samples of each posterior.
        seed: Seed of all draws.
        folder: Where to write.
        force: Write into a folder that holds results.
        quiet: Show no progress bar.
        command: The command line, for the provenance.

    Returns:
        What was done.

    Raises:
        InputError: The weights or the folder cannot be used.
    """
    settings = {"problem": as_dict(problem), "estimator": estimator, "injections": injections, "samples": samples}
    inputs: dict[str, str | Path] = {} if weights is None else {"weights": weights}
    provenance = collect(configuration=settings, seed=seed, inputs=inputs, command=command)
    store = _store(folder, provenance)
    result = checking.check(
        problem,
        estimator=estimator,
        injections=injections,
        seed=seed,
        samples=samples,
        weights=weights,
        store=store,
        quiet=quiet,
    )
    facts = plain(result.to_json())
    prepare_output(folder, force=force)
    files = _write_check(facts, np.asarray(result.levels), folder=folder, provenance=provenance, force=force)
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
    headline = f"Ringdown: check of the {estimator} estimator on {injections:,} injections"
    return Written(headline, facts, told, folder, files, warnings)


def _write_check(
    facts: Mapping[str, Any], levels: np.ndarray, *, folder: Path, provenance: Provenance, force: bool
) -> dict[str, Path]:
    """Write a check as product, JSON, figure and page."""
    files = {"check": folder / "check.h5", "json": folder / "check.json"}
    # Times differ from run to run; in the product they would change its sha256.
    lasting = {name: value for name, value in facts.items() if name != "seconds_per_event"}
    metadata = {"names": list(facts["ks_p"]), "result": lasting}
    write_product(
        files["check"], kind="check", arrays={"levels": levels}, metadata=metadata, provenance=provenance, force=force
    )
    write_text(files["json"], canonical_json(facts) + "\n")
    return {**files, **read_run(folder).write(folder)}
