"""The verbs of `swansong ringdown`: options and their checks; the work is in `ringdown_infer` and `ringdown_runs`."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from swansong.cli.configurations import Given, System, load_problem
from swansong.cli.options import Called, InferOptions, Invocation, Overrides, on_interrupt, parse_strain
from swansong.cli.output import choose_folder, present
from swansong.cli.verbs import add_verbs
from swansong.ringdown import settings

Estimator: TypeAlias = Annotated[
    Literal["exact", "compact", "flow"],
    Parameter(help="exact: no training, the reference; compact and flow: trained networks, faster."),
]
"""Name of an estimator of `infer` and `check`."""

SYSTEM = System(
    name="ringdown",
    noun="ringdown",
    problem=settings.Problem,
    recipe=settings.Recipe,
    network="flow",
    estimator=Estimator,
    folder=Path(settings.__file__).parent / "recipes",
    problems={"problem": None},
    runs="swansong.cli.ringdown_runs",
)
"""What the shared verbs need to know."""

SCHEMAS = SYSTEM.schemas
"""Configurations of this system by what they are, the more special ones last."""

app = App(name="ringdown", help_epilogue="Every verb explains its options: `swansong ringdown infer --help`.")
app.help = """Measure mass and spin of the black hole that a merger leaves, from its last ringing.

Start with `swansong ringdown infer`, which simulates an event and analyses it.
"""


@app.command
def infer(
    config: Path | None = None,
    /,
    *,
    overrides: Overrides = (),
    start: float | None = None,
    ra: float | None = None,
    dec: float | None = None,
    psi: float | None = None,
    estimator: Estimator = "exact",
    run: InferOptions = InferOptions(),
    called: Called = Invocation(),
) -> None:
    """Sample the posterior of one event, and draw and report it.

    Without --strain an event is simulated from the problem's prior and noise. With it, the
    files are analysed in the order given: the first detector sets the start time, the noise is
    estimated from the files, and the prior has no cut on the signal-to-noise ratio unless you
    set one.

    Example: `swansong ringdown infer --strain H1=H1.hdf5 --strain L1=L1.hdf5`

    Args:
        config: Problem as TOML; `swansong ringdown init` writes one. Defaults without it.
        overrides: Keys to override.
        start: GPS start of the ringdown at the first detector [s].
        ra: Right ascension of the source [rad].
        dec: Declination of the source [rad].
        psi: Polarization angle [rad].
        estimator: What draws the samples.
        run: Strain, samples, output and display.
        called: How the command was called.
    """
    options = {
        "source.start": ("--start", start),
        "source.right_ascension": ("--ra", ra),
        "source.declination": ("--dec", dec),
        "source.polarization": ("--psi", psi),
    }
    files = parse_strain(run.strain)
    problem = load_problem(SYSTEM, config, Given(overrides, options, tuple(files)))
    run.check_sampling(estimator=estimator, network=SYSTEM.network)
    folder = choose_folder(run.out, default="ringdown-infer", force=run.force)
    from swansong.cli import ringdown_infer

    with on_interrupt("no result was written, give the same command to start again"):
        done = ringdown_infer.infer(
            problem, strain=files, estimator=estimator, folder=folder, **run.sampling(), command=called.command
        )
    present(done, run)


add_verbs(app, SYSTEM)
