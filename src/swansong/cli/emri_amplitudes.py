"""The verbs of `swansong emri amplitudes`: options and their checks; the work is in `emri_amplitudes_runs`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from cyclopts import App, Parameter

from swansong.cli.emri_amplitudes_train import add_training
from swansong.cli.options import Called, Flag, Invocation, RunOptions, Whole, at_least, on_interrupt
from swansong.cli.output import choose_folder, present
from swansong.cli.table_options import TableOptions
from swansong.core.errors import FileError, InputError
from swansong.emri.amplitudes.modes import CLASSES

REQUEST = "request.json"
"""What `generate` notes in its folder, by which an interrupted run is known."""

app = App(name="amplitudes", help_epilogue="Every verb explains its options: `swansong emri amplitudes check --help`.")
app.help = """Amplitudes of the gravitational waves of an orbit around a Kerr hole, mode by mode.

Start with the example that `swansong emri amplitudes evaluate --help` gives.
"""


class Orbit(NamedTuple):
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
        model: Model of the amplitudes: lowrank, kludge (the analytic baseline) or decoder (a network).
        share: Share of the power that the modes carry together.
        extrapolate: Outside the domain of the model, stop with an error or take the analytic baseline.
        run: Output and display.
        called: How the command was called.
    """
    orbit = Orbit(spin, semi_latus_rectum, eccentricity, cos_inclination)
    orbit.check()
    _proper_share(share)
    run.check()
    folder = run.folder()
    from swansong.cli import emri_amplitudes_runs

    done = emri_amplitudes_runs.evaluate(
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
        model: Model of the amplitudes: lowrank, kludge (the analytic baseline) or decoder (a network).
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
    from swansong.cli import emri_amplitudes_runs

    with on_interrupt("no result was written, give the same command to start again"):
        done = emri_amplitudes_runs.check(
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
    folder = choose_folder(run.out, default="emri-amplitudes", force=run.force, resume=REQUEST)
    from swansong.cli import emri_amplitudes_runs

    with on_interrupt(f"finished plans are kept in {folder}, give the same command to go on"):
        done = emri_amplitudes_runs.generate(
            wanted, share=share, most=most, held_out=held_out, folder=folder, **run.common()
        )
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


add_training(app)
