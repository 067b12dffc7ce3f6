"""What `infer` of all systems does, once its arguments are valid; imports JAX."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from swansong.cli.output import Screen, number
from swansong.cli.written import Where
from swansong.core.config import Config, as_dict
from swansong.core.files import prepare_output
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.inference.posterior import Posterior
from swansong.report import EventRecord, near_turn, plain_unit, read_run


@dataclass(frozen=True)
class Extra:
    """What a system adds to a posterior.

    Attributes:
        files: Files by name.
        facts: Facts by name, as `--json` prints them.
        told: Facts by name, as a human reads them.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)


def _nothing(*_: Any, **__: Any) -> Extra:
    return Extra()


@dataclass(frozen=True)
class Measuring:
    """How a system measures an event.

    Attributes:
        system: The system.
        read: Reads an event: `read(problem, files)`.
        simulate: Simulates one: `simulate(problem, seed=...)`.
        infer: Samples its posterior: `infer(event, estimator=..., samples=..., seed=...,
            reweight=..., weights=...)`.
        record: What the detectors recorded: `record(event, posterior)`.
        add: Writes what the system adds: `add(event, posterior, folder=..., force=...)`.
        bilby_prior: Whether bilby can spell the laws of its prior.
    """

    system: str
    read: Callable[..., Any]
    simulate: Callable[..., Any]
    infer: Callable[..., Posterior]
    record: Callable[[Any, Posterior], EventRecord]
    add: Callable[..., Extra] = _nothing
    bilby_prior: bool = True


@dataclass(frozen=True)
class Inferred:
    """A posterior and the files that tell of it."""

    posterior: Posterior
    folder: Path
    files: Mapping[str, Path]
    extra: Extra = Extra()

    def to_json(self) -> dict[str, Any]:
        """The object of `infer --json`."""
        facts = self.posterior.to_json_summary(files={name: str(path) for name, path in self.files.items()})
        facts["parameters"] = plain_units(facts["parameters"])
        return {**facts, "log_bayes_factor": self.posterior.metadata.get("log_bayes_factor"), **self.extra.facts}

    def show(self, screen: Screen) -> None:
        """Tabulate the parameters and what qualifies them."""
        posterior = self.posterior
        data = "simulated event" if posterior.truth is not None else "event"
        system = posterior.system.capitalize()
        screen.line(f"{system}: posterior of the {data}, {posterior.estimator} estimator", style="bold")
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
                **self.extra.told,
                "time": f"{seconds.prepare:.2f} s to prepare, {seconds.sample:.2f} s to sample",
            }
        )
        screen.warnings(posterior.warnings)
        screen.files(self.folder, self.files)


def plain_units(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Intervals of parameters with their units in plain text."""
    return {name: {**interval, "unit": plain_unit(interval["unit"])} for name, interval in parameters.items()}


def measure(
    measuring: Measuring,
    problem: Config,
    *,
    strain: Mapping[str, Path],
    estimator: str,
    reweight: bool,
    weights: Path | None,
    samples: int,
    **where: Unpack[Where],
) -> Inferred:
    """Read or simulate an event, sample its posterior and write the run folder.

    The folder is made only when there is something to write.

    Args:
        measuring: How the system does it.
        problem: The problem.
        strain: Strain file by detector; none simulates an event.
        estimator: What draws the samples.
        reweight: Correct a trained estimator by the exact likelihood.
        weights: Trained weights, None for those of the package.
        samples: Number of samples.
        **where: Seed, folder and display.

    Returns:
        What was done.

    Raises:
        InputError: The strain, the weights or the folder cannot be used.
    """
    seed, folder, force = where["seed"], where["folder"], where["force"]
    with Progress(total=4, description="inferring", quiet=where["quiet"]) as progress:
        event = measuring.read(problem, strain) if strain else measuring.simulate(problem, seed=seed)
        progress.advance()
        posterior = measuring.infer(
            event, estimator=estimator, samples=samples, seed=seed, reweight=reweight, weights=weights
        )
        settings = {"problem": as_dict(problem), "estimator": estimator, "samples": samples, "reweight": reweight}
        inputs: dict[str, str | Path] = {name: event.inputs[str(path)] for name, path in strain.items()}
        if weights is not None:
            inputs["weights"] = weights
        provenance = collect(configuration=settings, seed=seed, inputs=inputs, command=where["command"])
        own = tuple(text for text in event.warnings if text not in posterior.warnings)
        posterior = dataclasses.replace(
            posterior, truth=event.truth, warnings=own + posterior.warnings, provenance=provenance
        )
        record = measuring.record(event, posterior)
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
        prior = event.analysis.model.prior if measuring.bilby_prior else None
        posterior.to_bilby(files["bilby"], label=measuring.system, prior=prior)
        posterior.to_netcdf(files["netcdf"])
        extra = measuring.add(event, posterior, folder=folder, force=force)
        progress.advance()
        files |= {**extra.files, **read_run(folder).write(folder)}
        progress.advance()
    return Inferred(posterior, folder, files, extra)
