"""What `swansong ringdown infer` and `swansong demo` do, once their arguments are valid; imports JAX."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swansong.cli.output import Screen, number
from swansong.core.config import as_dict
from swansong.core.files import prepare_output
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.inference.posterior import Posterior
from swansong.report import EventRecord, near_turn, plain_unit, read_run
from swansong.ringdown import estimators, events
from swansong.ringdown.settings import Problem

SYSTEM = "ringdown"


@dataclass(frozen=True)
class Inferred:
    """A posterior and the files that tell of it."""

    posterior: Posterior
    folder: Path
    files: Mapping[str, Path]

    def to_json(self) -> dict[str, Any]:
        """The object of `infer --json`."""
        facts = self.posterior.to_json_summary(files={name: str(path) for name, path in self.files.items()})
        for interval in facts["parameters"].values():
            interval["unit"] = plain_unit(interval["unit"])
        return {**facts, "log_bayes_factor": self.posterior.metadata.get("log_bayes_factor")}

    def show(self, screen: Screen) -> None:
        """Tabulate the parameters and what qualifies them."""
        posterior = self.posterior
        data = "simulated event" if posterior.truth is not None else "event"
        screen.line(f"Ringdown: posterior of the {data}, {posterior.estimator} estimator", style="bold")
        columns = {"parameter": "left", "median": "right", "90 % interval": "left", "unit": "left"}
        truth = posterior.truth
        rows = []
        for place, (name, interval) in enumerate(posterior.summary().items()):
            span = f"{number(interval.lower)} to {number(interval.upper)}"
            row = [name, number(interval.median), span, plain_unit(interval.unit)]
            if truth is not None:
                row.append(number(near_turn(float(truth[place]), interval.median, posterior.parameters[name])))
            rows.append(row)
        screen.table(columns if truth is None else {**columns, "injected": "right"}, rows)
        bayes = posterior.metadata.get("log_bayes_factor")
        error = posterior.log_evidence_error
        spread = "" if error is None else f" ± {number(error, digits=2)}"
        seconds = posterior.seconds
        screen.facts(
            {
                "ln Bayes factor": f"{number(bayes, digits=6)}{spread} (signal against noise alone)",
                "effective samples": f"{posterior.effective_samples:,.0f} of {len(posterior):,}",
                "time": f"{seconds.prepare:.2f} s to prepare, {seconds.sample:.2f} s to sample",
            }
        )
        screen.warnings(posterior.warnings)
        screen.files(self.folder, self.files)


def infer(
    problem: Problem,
    *,
    strain: Mapping[str, Path],
    estimator: str,
    reweight: bool,
    weights: Path | None,
    samples: int,
    seed: int,
    folder: Path,
    force: bool,
    quiet: bool,
    command: str,
) -> Inferred:
    """Read or simulate an event, sample its posterior and write the run folder.

    The folder is made only when there is something to write.

    Args:
        problem: The problem.
        strain: Strain file by detector; none simulates an event.
        estimator: What draws the samples.
        reweight: Correct a trained estimator by the exact likelihood.
        weights: Trained weights, None for those of the package.
        samples: Number of samples.
        seed: Seed of the event and of the samples.
        folder: Where to write.
        force: Write into a folder that holds results.
        quiet: Show no progress bar.
        command: The command line, for the provenance.

    Returns:
        What was done.

    Raises:
        InputError: The strain, the weights or the folder cannot be used.
    """
    with Progress(total=4, description="inferring", quiet=quiet) as progress:
        event = events.read_event(problem, strain) if strain else events.simulate_event(problem, seed=seed)
        progress.advance()
        posterior = estimators.infer(
            event, estimator=estimator, samples=samples, seed=seed, reweight=reweight, weights=weights
        )
        settings = {"problem": as_dict(problem), "estimator": estimator, "samples": samples, "reweight": reweight}
        inputs: dict[str, str | Path] = {name: event.inputs[str(path)] for name, path in strain.items()}
        if weights is not None:
            inputs["weights"] = weights
        provenance = collect(configuration=settings, seed=seed, inputs=inputs, command=command)
        own = tuple(text for text in event.warnings if text not in posterior.warnings)
        posterior = dataclasses.replace(
            posterior, truth=event.truth, warnings=own + posterior.warnings, provenance=provenance
        )
        record = _record(event, posterior)
        progress.advance()
        prepare_output(folder, force=force)
        files = {
            "posterior": folder / "posterior.h5",
            "event": folder / "event.h5",
            "bilby": folder / "posterior.json",
            "netcdf": folder / "posterior.nc",
        }
        posterior.save(files["posterior"], force=force)
        record.save(files["event"], provenance=provenance, force=force)
        posterior.to_bilby(files["bilby"], label=SYSTEM, prior=event.analysis.model.prior)
        posterior.to_netcdf(files["netcdf"])
        progress.advance()
        files |= read_run(folder).write(folder)
        progress.advance()
    return Inferred(posterior, folder, files)


def _record(event: events.Event, posterior: Posterior) -> EventRecord:
    """What the detectors recorded, with the signal that the posterior sees in it."""
    signal = None if event.truth is None else event.analysis.whitened_signal(event.truth)
    return EventRecord(
        times=event.times,
        whitened=dict(zip(event.detectors, event.whitened, strict=True)),
        bands={name: np.stack(band) for name, band in event.strain_bands(posterior).items()},
        injected={} if signal is None else dict(zip(event.detectors, signal, strict=True)),
        starts=dict(event.starts),
    )
