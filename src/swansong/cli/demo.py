"""`swansong demo`: from nothing to a posterior, its figures and a report, in under a minute."""

from dataclasses import dataclass
from typing import Any

from cyclopts import Parameter

from swansong.cli.options import FEWEST_SAMPLES, Called, Invocation, RunOptions, Whole, at_least, on_interrupt
from swansong.cli.output import Result, Screen, choose_folder, present
from swansong.ringdown.settings import Problem


@dataclass(frozen=True)
class Demonstrated:
    """The result of the demo, with words around it."""

    result: Result
    folder: str

    def to_json(self) -> dict[str, Any]:
        """The object of the result itself."""
        return self.result.to_json()

    def show(self, screen: Screen) -> None:
        """Show the result and what to look at next."""
        screen.text(
            "Two black holes have merged. What is left rings for a few milliseconds, and its tone and decay tell "
            "mass and spin. This event was simulated in two LIGO detectors, then measured with the exact posterior."
        )
        screen.line()
        self.result.show(screen)
        screen.line()
        screen.line("Look at next", style="bold")
        screen.facts(
            {
                f"{self.folder}/report.html": "all of this on one page, in a browser",
                f"{self.folder}/corner.png": "every parameter against every other; lines mark the injected values",
                f"{self.folder}/strain.png": "the data, and the signal found in them",
                f"swansong show {self.folder}/posterior.h5": "what is in the result and how it was made",
                "swansong ringdown infer --help": "the same for real strain",
            }
        )


@Parameter(name="*")
@dataclass(frozen=True)
class DemoOptions(RunOptions):
    """Options of the demo, whose default is an event in the middle of the prior."""

    seed: Whole = 5
    """Seed of the event and of the samples."""


def demo(*, samples: Whole = 20_000, run: DemoOptions = DemoOptions(), called: Called = Invocation()) -> None:
    """Simulate the ringing of a merged black hole, measure it and write a report.

    Example: `swansong demo --seed 7`

    Args:
        samples: Number of samples.
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    at_least(samples, FEWEST_SAMPLES, option="--samples")
    folder = choose_folder(run.out, default="demo", force=run.force)
    from swansong.cli import ringdown_infer

    with on_interrupt("no result was written, give the same command to start again"):
        done = ringdown_infer.infer(
            Problem(),
            strain={},
            estimator="exact",
            reweight=True,
            weights=None,
            samples=samples,
            seed=run.seed,
            folder=folder,
            force=run.force,
            quiet=run.quiet or run.json,
            command=called.command,
        )
    present(Demonstrated(done, str(folder)), run)
