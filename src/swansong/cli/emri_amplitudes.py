"""The verbs of `swansong emri amplitudes`: Teukolsky amplitudes of Kerr orbits; JAX waits for valid arguments."""

import math
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from cyclopts import App, Parameter

from swansong.cli.emri_options import TableOptions
from swansong.cli.options import Called, Flag, Invocation, RunOptions, Whole, at_least, on_interrupt
from swansong.cli.output import choose_folder, number, plain, present
from swansong.core.errors import DomainError, FileError, InputError
from swansong.core.files import prepare_output, write_product, write_text
from swansong.core.hashing import canonical_json
from swansong.core.progress import Progress
from swansong.core.provenance import Provenance, collect
from swansong.emri.amplitudes.modes import CLASSES, canonical

if TYPE_CHECKING:
    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.answers import AmplitudeModel, Amplitudes
    from swansong.emri.amplitudes.truth import AmplitudeSet

SYSTEM = "emri.amplitudes"
ORBIT_KIND, CHECK_KIND = "emri_orbit_amplitudes", "emri_amplitudes_check"
"""Kinds of the products of `evaluate` and `check`."""

_SHOWN = 20  # modes on the terminal
_COLUMNS: dict[str, str] = dict.fromkeys(
    ("l", "m", "k", "n", "frequency [1/M]", "|Z|", "phase [rad]", "power"), "right"
)
_SCORES = {
    "orbits": "orbits", "error_median": "median E", "error_90": "90 %", "error_largest": "largest", "recall": "recall",
    "strongest": "top 20", "flux": "flux",
}  # fmt: skip
_CHUNK = 100  # orbits of a plan
_BASELINE = "kludge"
_REQUEST, _COMPLETE = "request.json", "complete"
# Not in the product's metadata: arrays, which it holds as such, and times, which differ from run to run.
_PASSING = {"modes", "amplitudes", "frequencies", "power", "seconds", "seconds_per_event"}

app = App(name="amplitudes", help_epilogue="Every verb explains its options: `swansong emri amplitudes check --help`.")
app.help = """Amplitudes of the gravitational waves of an orbit around a Kerr hole, mode by mode.

Start with the example that `swansong emri amplitudes evaluate --help` gives.
"""


class _Orbit(NamedTuple):
    """One orbit, by the names of its options."""

    spin: float
    semi_latus_rectum: float
    eccentricity: float
    cos_inclination: float

    def check(self) -> None:
        """Refuse what no orbit has; whether it is stable takes a computation."""
        a, p, e, x = self
        for option, value, allowed, advice in (
            ("--spin", a, 0.0 <= a < 1.0, "give 0 to below 1, and retrograde orbits a negative `--cos-inclination`"),
            ("--semi-latus-rectum", p, 0.0 < p < math.inf, "give a positive length in units of the mass of the hole"),
            ("--eccentricity", e, 0.0 <= e < 1.0, "give 0 to below 1"),
            ("--cos-inclination", x, abs(x) <= 1.0, "give -1 to 1, negative for retrograde orbits"),
        ):
            if not allowed:
                raise InputError(f"`{option}` is {value:g}, which no bound orbit has; {advice}")


@app.command
def evaluate(
    *,
    spin: float,
    semi_latus_rectum: float,
    eccentricity: float,
    cos_inclination: float,
    model: str = "lowrank",
    share: float = 0.999,
    extrapolate: Literal["error", "kludge"] = "error",
    run: TableOptions = TableOptions(),
    called: Called = Invocation(),
) -> None:
    """Amplitudes of the strongest modes of one orbit, with their frequencies, power and fluxes.

    Example: `swansong emri amplitudes evaluate --spin 0.9 --semi-latus-rectum 8 --eccentricity 0.3 --cos-inclination
    0.5`

    Args:
        spin: Spin of the hole, from 0 to below 1.
        semi_latus_rectum: Semi-latus rectum [M].
        eccentricity: Eccentricity.
        cos_inclination: Cosine of the inclination, negative for a retrograde orbit.
        model: Model of the amplitudes: lowrank, or kludge for the analytic baseline.
        share: Share of the power that the modes carry together.
        extrapolate: Outside the domain of the model, stop with an error or take the analytic baseline.
        run: Output and display.
        called: How the command was called.
    """
    orbit = _Orbit(spin, semi_latus_rectum, eccentricity, cos_inclination)
    orbit.check()
    _proper_share(share)
    run.check()
    folder = run.folder()
    done = _evaluate(
        orbit, model=model, share=share, extrapolate=extrapolate, folder=folder, force=run.force, command=called.command
    )
    present(done, run)


@app.command
def check(
    solved: Path,
    /,
    *,
    model: str = "lowrank",
    orbits: Whole | None = None,
    run: TableOptions = TableOptions(),
    called: Called = Invocation(),
) -> None:
    """Compare a model with solved orbits that it has never seen, class by class.

    Example: `swansong emri amplitudes check held_out.h5 --orbits 100`

    Args:
        solved: Set of solved amplitudes (HDF5).
        model: Model of the amplitudes: lowrank, or kludge for the analytic baseline.
        orbits: Number of orbits to judge, spread evenly over the set; all by default.
        run: Output and display.
        called: How the command was called.
    """
    if orbits is not None:
        at_least(orbits, 1, option="--orbits")
    path = solved.expanduser()
    if not path.is_file():
        raise FileError(f"the set `{solved}` does not exist; give an HDF5 file of solved amplitudes")
    run.check()
    folder = run.folder()
    with on_interrupt("no result was written, give the same command to start again"):
        done = _check(
            path, model=model, orbits=orbits, folder=folder, force=run.force, quiet=run.quiet or run.json,
            command=called.command,
        )  # fmt: skip
    present(done, run)


@app.command
def generate(
    *,
    counts: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="", show_default=False)],
    share: float = 0.99999,
    most: Whole = 4000,
    held_out: Flag = False,
    run: RunOptions = RunOptions(),
) -> None:
    """Plan what the Teukolsky solver shall solve: orbits, and the modes of each.

    An interrupted run goes on where it stopped when it is given again.

    Example: `swansong emri amplitudes generate --counts KEE=200 KG=1000 --seed 1 --out runs/plans`

    Args:
        counts: Orbits of each class, such as KG=1000: SC and SE (Schwarzschild; circular, eccentric), KEC and KEE
            (Kerr, equatorial), KIC (inclined circular), KG (generic).
        share: Share of the power that the modes of an orbit carry together, by the analytic baseline.
        most: Most modes of an orbit.
        held_out: Draw orbits at random, to judge models on; else they fill the domain evenly, to learn from.
        run: Seed, output and display.
    """
    wanted = _read_counts(counts)
    _proper_share(share)
    at_least(most, 1, option="--most")
    run.check()
    folder = choose_folder(run.out, default="emri-amplitudes", force=run.force, resume=_REQUEST)
    with on_interrupt(f"finished plans are kept in {folder}, give the same command to go on"):
        done = _generate(wanted, share=share, most=most, held_out=held_out, folder=folder, **run.common())
    present(done, run)


def _proper_share(share: float) -> None:
    """Refuse a share of the power that no finite set of modes has."""
    if not 0.0 < share < 1.0:
        raise InputError(f"`--share` must lie between 0 and 1, got {share:g}; give 0.999 for all but one part in 1000")


def _read_counts(texts: Sequence[str]) -> dict[str, int]:
    """Read `--counts CLASS=NUMBER`."""
    counts: dict[str, int] = {}
    for text in texts or ("",):
        name, equals, digits = (part.strip() for part in text.partition("="))
        if name not in CLASSES:
            raise InputError(
                f"`--counts {text}` names no class of orbits; write CLASS=NUMBER with {', '.join(CLASSES)}"
            )
        if not equals or not digits.isdecimal() or int(digits) == 0:
            raise InputError(f"`--counts {text}` holds no number of orbits; write `--counts {name}=100`")
        if name in counts:
            raise InputError(f"`--counts` gives {name} twice, {counts[name]} and {digits}; give it once")
        counts[name] = int(digits)
    return counts


def _evaluate(
    orbit: _Orbit, *, model: str, share: float, extrapolate: Any, folder: Path | None, force: bool, command: str
) -> "Told":
    """Amplitudes of one orbit, strongest mode first."""
    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.models import dominant_modes, load
    from swansong.emri.amplitudes.products import fluxes
    from swansong.physics.geodesics import check_generic_orbit

    answerer = load(model)
    began = time.perf_counter()
    a, p, e, x = orbit
    # The baseline that chooses the modes does not look whether there is an orbit.
    check_generic_orbit(a, p, e, x)
    row = np.array(orbit, float)
    chosen = dominant_modes(row, share=share)
    try:
        found = answerer(a=a, p=p, e=e, x=x, modes=chosen, extrapolate=extrapolate)
    except DomainError as error:
        raise DomainError(str(error).replace("pass extrapolate='kludge'", "give `--extrapolate kludge`")) from error
    order = np.argsort(-found.power[0], kind="stable")
    modes, values = chosen[order], found.values[0, order]
    frequency, power = found.frequencies[0, order], found.power[0, order]
    flux = fluxes(modes, orbit=row, infinity=values)
    seconds = time.perf_counter() - began
    facts: dict[str, Any] = {
        "system": SYSTEM,
        "model": model,
        "orbit": orbit._asdict(),
        "share": share,
        "modes": modes,
        "amplitudes": np.column_stack([values.real, values.imag]),
        "frequencies": frequency,
        "power": power,
        "error": float(found.error[0]),
        "resonant": bool(found.resonant[0]),
        "extrapolated": bool(found.extrapolated[0]),
        "flux": {"energy_infinity": flux.energy_infinity, "momentum_infinity": flux.momentum_infinity},
        "seconds": seconds,
    }
    near = "The orbit lies close to a low-order resonance, where a real inspiral is not adiabatic."
    outside = f"The orbit lies outside the domain of `{model}`; its amplitudes are the analytic baseline's."
    warnings = (near,) * facts["resonant"] + (outside,) * facts["extrapolated"]
    told = {
        "energy flux": f"{number(flux.energy_infinity, digits=8)} in these modes, to infinity, squared mass ratio 1",
        "momentum flux": f"{number(flux.momentum_infinity, digits=8)} M",
        "estimated error": f"E = {number(facts['error'], digits=2)}",
    }
    rows = tuple(
        (*map(str, mode), f"{w:.7g}", f"{abs(z):.6g}", f"{np.angle(z):.5f}", f"{strength:.4g}")
        for mode, w, z, strength in zip(modes[:_SHOWN].tolist(), frequency, values, power, strict=False)
    )
    headline = f"strongest of {len(modes):,} modes of a = {a:g}, p = {p:g}, e = {e:g}, x = {x:g} by `{model}`"
    if folder is None:
        return Told(headline, facts, told, warnings=warnings, columns=_COLUMNS, rows=rows)
    configuration = {"orbit": orbit._asdict(), "model": model, "share": share, "extrapolate": extrapolate}
    arrays = {"orbit": row, "modes": modes, "amplitudes": values, "frequencies": frequency, "power": power}
    files = _write(
        "amplitudes", ORBIT_KIND, facts, folder=folder, arrays=arrays, force=force,
        provenance=collect(configuration=configuration, command=command),
    )  # fmt: skip
    files |= _draw(found, modes=modes, power=power, folder=folder)
    return Told(headline, facts, told, folder, files, warnings, _COLUMNS, rows)


def _draw(found: "Amplitudes", *, modes: np.ndarray, power: np.ndarray, folder: Path) -> dict[str, Path]:
    """Draw the map of the modes and the spectrum of one orbit."""
    from swansong.emri.amplitudes.products import power_spectrum
    from swansong.figures.amplitudes import mode_map_figure, power_spectrum_figure
    from swansong.figures.style import save_figure

    files = {name: folder / f"{name}.png" for name in ("modes", "spectrum")}
    save_figure(mode_map_figure(modes, power), files["modes"])
    lines = power_spectrum(found)
    save_figure(power_spectrum_figure(lines.frequency, lines.power, lines.modes), files["spectrum"])
    return files


class _Recorder:
    """A model that keeps what it answered, so that the errors of single orbits can be taken from it."""

    def __init__(self, model: "AmplitudeModel") -> None:
        self.model = model
        self.answers: list[Amplitudes] = []

    def __call__(self, **given: Any) -> "Amplitudes":
        self.answers.append(self.model(**given))
        return self.answers[-1]

    def error(self, **given: Any) -> np.ndarray:
        return self.model.error(**given)

    def errors(self, truth: "AmplitudeSet") -> dict[str, np.ndarray]:
        """Mode-distribution errors of the orbits of a set that was just answered, by class."""
        from swansong.emri.amplitudes.products import mode_error

        found = np.zeros(len(truth))
        for row, answer in enumerate(self.answers):
            part = slice(truth.offsets[row], truth.offsets[row + 1])
            form = canonical(answer.modes, retrograde=bool(truth.orbits[row, 3] < 0.0))
            found[row] = mode_error(
                form.amplitudes(answer.values[0]), truth.infinity[part], frequencies=answer.frequencies[0]
            )
        classes = truth.classes
        return {name: found[classes == index] for index, name in enumerate(CLASSES) if (classes == index).any()}


def _check(
    path: Path, *, model: str, orbits: int | None, folder: Path | None, force: bool, quiet: bool, command: str
) -> "Told":
    """Scores of a model on a set of solved orbits."""
    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.check import check_model
    from swansong.emri.amplitudes.models import load
    from swansong.emri.amplitudes.truth import read_set

    truth = read_set(path)
    names = [model] if folder is None or model == _BASELINE else [model, _BASELINE]
    models = {name: _Recorder(load(name)) for name in names}
    if orbits is not None and orbits < len(truth):
        truth = truth.select(np.linspace(0, len(truth) - 1, orbits).round().astype(int))
    began = time.perf_counter()
    with Progress(total=len(truth) * len(models), description="checking", quiet=quiet) as progress:
        scores = [check_model(one, truth, report=lambda _: progress.advance()) for one in models.values()]
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
    errors = {name: recorder.errors(truth) for name, recorder in models.items()}
    arrays = {f"{name}/{group}": values for name, found in errors.items() for group, values in found.items()}
    provenance = collect(configuration={"model": model, "orbits": orbits}, inputs={"solved": path}, command=command)
    files = _write(
        "check", CHECK_KIND, facts, folder=folder, arrays=arrays, force=force, provenance=provenance
    )  # fmt: skip
    from swansong.figures.amplitudes import mode_error_figure
    from swansong.figures.style import save_figure

    files["errors"] = folder / "errors.png"
    beside = errors[_BASELINE] if model != _BASELINE else None
    save_figure(mode_error_figure(errors[model], baseline=beside, names=names), files["errors"])
    return Told(headline, facts, told, folder, files, (), columns, rows)


def _generate(
    counts: Mapping[str, int], *, share: float, most: int, held_out: bool, folder: Path, seed: int, force: bool,
    quiet: bool,
) -> "Told":  # fmt: skip
    """Write the plans of all classes, and then the file `complete`."""
    import h5py

    from swansong.cli.emri_written import Told
    from swansong.emri.amplitudes.domain import Domain, draw_orbits
    from swansong.emri.amplitudes.plan import plan_orbits

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
    files |= {"request": folder / _REQUEST, "complete": folder / _COMPLETE}
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
    record = folder / _REQUEST
    text = canonical_json(plain(request)) + "\n"
    if record.is_file() and not force and record.read_text() != text:
        raise InputError(f"`{folder}` holds plans of another request; give another folder, or `--force` to replace")
    prepare_output(folder, force=force or record.is_file())
    if force:
        for path in (path for name in CLASSES for path in folder.glob(f"[0-9][0-9][0-9]*_{name}.h5")):
            path.unlink()
    (folder / _COMPLETE).unlink(missing_ok=True)
    write_text(record, text)


def _write(
    name: str, kind: str, facts: Mapping[str, Any], *, folder: Path, arrays: Mapping[str, np.ndarray],
    provenance: Provenance, force: bool,
) -> dict[str, Path]:  # fmt: skip
    """Write a result as product and JSON."""
    prepare_output(folder, force=force)
    files = {name: folder / f"{name}.h5", "json": folder / f"{name}.json"}
    told = plain(facts)
    result = {key: value for key, value in told.items() if key not in _PASSING}
    write_product(
        files[name], kind=kind, arrays=arrays, metadata={"result": result}, provenance=provenance, force=force
    )
    write_text(files["json"], canonical_json(told) + "\n")
    return files
