"""What the verbs of `swansong emri amplitudes` do, once their arguments are valid; imports JAX."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from jaxtyping import Float

from swansong.cli.emri_amplitudes import REQUEST, Orbit
from swansong.cli.emri_written import Told, write_run
from swansong.cli.output import number, plain
from swansong.core.errors import DomainError, InputError
from swansong.core.files import prepare_output, write_text
from swansong.core.hashing import canonical_json
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.emri.amplitudes import models
from swansong.emri.amplitudes.answers import AmplitudeModel, Amplitudes
from swansong.emri.amplitudes.check import check_model
from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.plan import plan_orbits
from swansong.emri.amplitudes.products import Fluxes, fluxes, mode_error, power_spectrum
from swansong.emri.amplitudes.truth import AmplitudeSet, read_set
from swansong.physics.geodesics import check_generic_orbit

SYSTEM = "emri.amplitudes"
ORBIT_KIND, CHECK_KIND = "emri_orbit_amplitudes", "emri_amplitudes_check"
"""Kinds of the products of `evaluate` and `check`."""

_SHOWN = 20  # modes on the terminal, and of the orbit whose modes a check keeps
_COLUMNS: dict[str, str] = dict.fromkeys(
    ("l", "m", "k", "n", "frequency [1/M]", "|Z|", "phase [rad]", "power"), "right"
)
_SCORES = {
    "orbits": "orbits", "error_median": "median E", "error_90": "90 %", "error_largest": "largest", "recall": "recall",
    "strongest": "top 20", "flux": "flux",
}  # fmt: skip
_CHUNK = 100  # orbits of a plan
_BASELINE = "kludge"
_COMPLETE = "complete"
# Not in the product's metadata: arrays, which it holds as such, and times, which differ from run to run.
_PASSING = ("modes", "amplitudes", "frequencies", "power", "seconds", "seconds_per_event")


def evaluate(
    orbit: Orbit,
    *,
    model: str,
    share: float,
    extrapolate: Literal["error", "kludge"],
    folder: Path | None,
    force: bool,
    command: str,
) -> Told:
    """Amplitudes of one orbit, strongest mode first.

    Args:
        orbit: The orbit.
        model: Name of the model.
        share: Share of the power that the modes carry together.
        extrapolate: What to do outside the domain of the model.
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        command: The command line, for the provenance.

    Returns:
        What was found.

    Raises:
        DomainError: The orbit is not bound and stable, or outside the domain and not to be extrapolated.
        InputError: There is no such model.
    """
    answerer = models.load(model)
    began = time.perf_counter()
    a, p, e, x = orbit
    # The baseline that chooses the modes does not look whether there is an orbit.
    check_generic_orbit(a, p, e, x)
    row = np.array(orbit, float)
    chosen = models.dominant_modes(row, share=share)
    try:
        found = answerer(a=a, p=p, e=e, x=x, modes=chosen, extrapolate=extrapolate)
    except DomainError as error:
        raise DomainError(str(error).replace("pass extrapolate='kludge'", "give `--extrapolate kludge`")) from error
    order = np.argsort(-found.power[0], kind="stable")
    modes, values = chosen[order], found.values[0, order]
    frequency, power = found.frequencies[0, order], found.power[0, order]
    resonant, extrapolated = bool(found.resonant[0]), bool(found.extrapolated[0])
    flux = _fluxes(answerer, row, modes=modes, infinity=values, extrapolated=extrapolated)
    near = "The orbit lies close to a low-order resonance, where a real inspiral is not adiabatic."
    outside = f"The orbit lies outside the domain of `{model}`; its amplitudes are the analytic baseline's."
    warnings = (near,) * resonant + (outside,) * extrapolated
    facts: dict[str, Any] = {
        "system": SYSTEM,
        "model": model,
        "orbit": orbit._asdict(),
        "share": share,
        "modes": modes,
        "amplitudes": np.column_stack([np.real(values), np.imag(values)]),
        "frequencies": frequency,
        "power": power,
        "error": float(found.error[0]),
        "resonant": resonant,
        "extrapolated": extrapolated,
        "flux": {name: value for name, value in asdict(flux).items() if value is not None},
        "warnings": list(warnings),
        "seconds": time.perf_counter() - began,
    }
    told = {
        "energy flux": f"{number(flux.energy_infinity, digits=8)} in these modes, to infinity, squared mass ratio 1",
        "momentum flux": f"{number(flux.momentum_infinity, digits=8)} M",
        **_into_the_hole(flux),
        "estimated error": f"E = {number(facts['error'], digits=2)}",
    }
    rows = tuple(
        (*map(str, mode), f"{w:.7g}", f"{abs(z):.6g}", f"{np.angle(z):.5f}", f"{strength:.4g}")
        for mode, w, z, strength in zip(modes[:_SHOWN].tolist(), frequency, values, power, strict=False)
    )
    headline = f"strongest of {len(modes):,} modes of a = {a:g}, p = {p:g}, e = {e:g}, x = {x:g} by `{model}`"
    if folder is None:
        return Told(headline, facts, told, warnings=warnings, columns=_COLUMNS, rows=rows)
    lines = power_spectrum(found)
    arrays = {"orbit": row, "modes": modes, "amplitudes": values, "frequencies": frequency, "power": power}
    arrays |= {f"spectrum/{name}": getattr(lines, name) for name in ("frequency", "power", "modes")}
    configuration = {"orbit": orbit._asdict(), "model": model, "share": share, "extrapolate": extrapolate}
    prepare_output(folder, force=force)
    files = write_run(
        "amplitudes", ORBIT_KIND, facts, folder=folder, arrays=arrays, force=force, passing=_PASSING,
        provenance=collect(configuration=configuration, command=command),
    )  # fmt: skip
    return Told(headline, facts, told, folder, files, warnings, _COLUMNS, rows)


class _Recorder:
    """A model that keeps what it answered, so that the errors of single orbits can be taken from it."""

    def __init__(self, model: AmplitudeModel) -> None:
        self.model = model
        self.answers: list[Amplitudes] = []

    def __call__(self, **given: Any) -> Amplitudes:
        self.answers.append(self.model(**given))
        return self.answers[-1]

    def error(self, **given: Any) -> np.ndarray:
        return self.model.error(**given)

    def errors(self, truth: AmplitudeSet) -> Float[np.ndarray, " orbits"]:
        """Mode-distribution errors of the orbits of a set that was just answered."""
        found = [
            mode_error(answer.values[0], truth.solved(row)[1], frequencies=answer.frequencies[0])
            for row, answer in enumerate(self.answers)
        ]
        # Nothing but zeros is as wrong as can be.
        return np.nan_to_num(np.array(found, float), nan=1.0)


def _fluxes(
    model: AmplitudeModel, orbit: np.ndarray, *, modes: np.ndarray, infinity: np.ndarray, extrapolated: bool
) -> Fluxes:
    """Fluxes to infinity in the modes given, and into the hole where the model knows them."""
    if extrapolated or not isinstance(model, models.LowRank):
        return fluxes(modes, orbit=orbit, infinity=infinity)
    a, p, e, x = map(float, orbit)
    return model.fluxes(a=a, p=p, e=e, x=x, modes=modes)


def _into_the_hole(flux: Fluxes) -> dict[str, str]:
    """What is told of the fluxes at the horizon, if they are known."""
    if flux.energy_horizon is None or flux.momentum_horizon is None:
        return {}
    return {"into the hole": f"{number(flux.energy_horizon, digits=6)} and {number(flux.momentum_horizon, digits=6)} M"}


def check(
    path: Path, *, model: str, orbits: int | None, folder: Path | None, force: bool, quiet: bool, command: str
) -> Told:
    """Scores of a model on a set of solved orbits; with a folder, the baseline is judged beside it.

    Args:
        path: The set.
        model: Name of the model.
        orbits: Number of orbits to judge, None for all.
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        quiet: Show no progress.
        command: The command line, for the provenance.

    Returns:
        The scores.

    Raises:
        FileError: The file holds no set.
        InputError: There is no such model.
    """
    truth = read_set(path)
    names = [model] if folder is None or model == _BASELINE else [model, _BASELINE]
    recorders = {name: _Recorder(models.load(name)) for name in names}
    if orbits is not None and orbits < len(truth):
        truth = truth.select(np.linspace(0, len(truth) - 1, orbits).round().astype(int))
    began = time.perf_counter()
    with Progress(total=len(truth) * len(recorders), description="checking", quiet=quiet) as progress:
        scores = [check_model(one, truth, report=lambda _: progress.advance()) for one in recorders.values()]
    result = scores[0]
    facts: dict[str, Any] = {
        "system": SYSTEM,
        "estimator": model,
        "orbits": len(truth),
        "seed": None,
        "classes": {name: asdict(score) for name, score in result.classes.items()},
        "overall": asdict(result.overall),
        "seconds_per_event": result.seconds_per_orbit,
        "seconds": time.perf_counter() - began,
    }
    columns = {"class": "left", **dict.fromkeys(_SCORES.values(), "right")}
    rows = tuple(
        (name, *(number(getattr(score, field), digits=2) for field in _SCORES))
        for name, score in (*result.classes.items(), ("all", result.overall))
    )
    told = {"time for an orbit": f"{number(1e3 * result.seconds_per_orbit, digits=3)} ms (median)"}
    headline = f"check of the amplitudes of `{model}` on {len(truth):,} solved orbits"
    if folder is None:
        return Told(headline, facts, told, columns=columns, rows=rows)
    prepare_output(folder, force=force)
    provenance = collect(configuration={"model": model, "orbits": orbits}, inputs={"solved": path}, command=command)
    files = write_run(
        "check", CHECK_KIND, facts, folder=folder, arrays=_judged(truth, recorders), force=force, passing=_PASSING,
        provenance=provenance,
    )  # fmt: skip
    return Told(headline, facts, told, folder, files, (), columns, rows)


def _judged(truth: AmplitudeSet, recorders: Mapping[str, _Recorder]) -> dict[str, np.ndarray]:
    """Errors and orbits by class, and the strongest modes of the orbit that the first model knows worst."""
    errors = {name: recorder.errors(truth) for name, recorder in recorders.items()}
    members = {group: truth.classes == index for index, group in enumerate(CLASSES) if (truth.classes == index).any()}
    arrays = {f"{name}/{group}": found[at] for name, found in errors.items() for group, at in members.items()}
    arrays |= {f"orbits/{group}": truth.orbits[at] for group, at in members.items()}
    worst = int(np.argmax(next(iter(errors.values()))))
    modes, true = truth.solved(worst)
    frequency = next(iter(recorders.values())).answers[worst].frequencies[0]
    top = np.argsort(-np.abs(true / frequency), kind="stable")[:_SHOWN]
    arrays |= {"worst/orbit": truth.orbits[worst], "worst/modes": modes[top], "worst/frequencies": frequency[top]}
    arrays |= {f"worst/{name}": one.answers[worst].values[0, top] for name, one in recorders.items()}
    return {**arrays, "worst/solved": true[top]}


def generate(
    counts: Mapping[str, int], *, share: float, most: int, held_out: bool, folder: Path, seed: int, force: bool,
    quiet: bool,
) -> Told:  # fmt: skip
    """Write the plans of all classes, and then the file `complete`.

    Args:
        counts: Orbits by class.
        share: Share of the power that the modes of an orbit carry together, by the analytic baseline.
        most: Most modes of an orbit.
        held_out: Draw orbits at random, not evenly.
        folder: Where to write.
        seed: Seed of the draws.
        force: Replace plans of another request.
        quiet: Show no progress.

    Returns:
        What was planned.

    Raises:
        InputError: The folder holds plans of another request.
    """
    began = time.perf_counter()
    request = {"seed": seed, "counts": dict(counts), "share": share, "most": most, "held_out": held_out}
    _begin(folder, request, force=force)
    chunks = [(name, first) for name, count in counts.items() for first in range(0, count, _CHUNK)]
    files = {f"{place:03d}_{name}": folder / f"{place:03d}_{name}.h5" for place, (name, _) in enumerate(chunks)}
    drawn = {
        name: draw_orbits(name, count=count, seed=seed, domain=Domain(), even=not held_out)  # pyright: ignore[reportArgumentType]
        for name, count in counts.items()
    }
    kept, modes, left = 0, 0, 0.0
    with Progress(total=len(chunks), description="planning", quiet=quiet) as progress:
        for (name, first), path in zip(chunks, files.values(), strict=True):
            if path.is_file():
                kept += 1
            else:
                plan_orbits(drawn[name][first : first + _CHUNK], share=1.0 - share, most=most).write(path)
            with h5py.File(path) as file:
                modes += file["modes"].shape[0]  # pyright: ignore[reportAttributeAccessIssue]
                left = max(left, float(np.asarray(file["left"]).max()))
            progress.advance()
    files |= {"request": folder / REQUEST, "complete": folder / _COMPLETE}
    # The solver waits for further plans until this file is there.
    write_text(files["complete"], "")
    solved = folder / "solved"
    script = ["python", "scripts/solve_emri_amplitudes.py", str(folder), "--out", str(solved)]
    facts: dict[str, Any] = {
        "system": SYSTEM,
        **request,
        "plans": len(chunks),
        "kept": kept,
        "orbits": sum(counts.values()),
        "modes": modes,
        "left": left,
        "solve": shlex.join(script),
        "seconds": time.perf_counter() - began,
    }
    told = {
        "left out": f"at most {number(left, digits=2)} of the power of an orbit, by the analytic baseline",
        "solve them": facts["solve"],
    }
    headline = f"{len(chunks)} plans ({kept} there before) of {facts['orbits']:,} orbits with {modes:,} modes"
    stale = f"Answers in `{solved}` are of earlier plans; remove them before the solver runs."
    return Told(headline, facts, told, folder, files, (stale,) if solved.exists() and not kept else ())


def _begin(folder: Path, request: Mapping[str, Any], *, force: bool) -> None:
    """Note what is asked for; plans of another request are refused, or with force removed."""
    record = folder / REQUEST
    text = canonical_json(plain(request)) + "\n"
    if record.is_file() and not force and record.read_text() != text:
        raise InputError(f"`{folder}` holds plans of another request; give another folder, or `--force` to replace")
    prepare_output(folder, force=force or record.is_file())
    if force:
        for path in (path for name in CLASSES for path in folder.glob(f"[0-9][0-9][0-9]*_{name}.h5")):
            path.unlink()
    (folder / _COMPLETE).unlink(missing_ok=True)
    write_text(record, text)
