"""The verbs that all systems share, made for each: `simulate`, `train`, `check` and `init`."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from swansong.cli.configurations import Given, System, load_problem, load_recipe, recipe_path
from swansong.cli.options import (
    FEWEST_INJECTIONS,
    FEWEST_SAMPLES,
    Called,
    Flag,
    Invocation,
    Overrides,
    RunOptions,
    Weights,
    Whole,
    at_least,
    check_weights,
    on_interrupt,
)
from swansong.cli.output import choose_folder, present, write_beginning
from swansong.core.config import load, template


def add_verbs(app: App, system: System) -> None:
    """Add the shared verbs to the app of a system.

    Args:
        app: The app.
        system: What the system brings.
    """
    for make in (_simulate, _train, _check, _init):
        verb = make(system)
        verb.__doc__ = (
            (verb.__doc__ or "")
            .replace("SYSTEM", system.name)
            .replace("NETWORK", system.network)
            .replace("RECIPES", ", ".join(system.recipes))
            .replace("PROBLEMS", " or ".join(system.problems))
        )
        app.command(verb, name=make.__name__.removeprefix("_"))


def _simulate(system: System) -> Callable[..., None]:
    def simulate(
        config: Path | None = None,
        /,
        *,
        overrides: Overrides = (),
        count: Annotated[Whole, Parameter(name=("--count", "-n"))] = 100,
        run: RunOptions = RunOptions(),
        called: Called = Invocation(),
    ) -> None:
        """Draw a data set: simulated events with the parameters that made them.

        An interrupted run goes on where it stopped when it is given again.

        Example: `swansong SYSTEM simulate -n 1000 --seed 1 --out runs/events`

        Args:
            config: Problem as TOML. Defaults without it.
            overrides: Keys to override.
            count: Number of events.
            run: Seed, output and display.
            called: How the command was called.
        """
        problem = load_problem(system, config, Given(overrides))
        run.check()
        at_least(count, 1, option="--count")
        folder = choose_folder(run.out, default=f"{system.name}-simulate", force=run.force)
        with on_interrupt(f"finished events are kept in {folder}, give the same command to go on"):
            done = import_module(system.runs).simulate(
                problem, count=count, folder=folder, **run.common(), command=called.command
            )
        present(done, run)

    return simulate


def _train(system: System) -> Callable[..., None]:
    def train(
        recipe: str = system.network,
        /,
        *,
        overrides: Overrides = (),
        resume: Annotated[bool, Parameter(negative="--no-resume")] = True,
        max_seconds: float | None = None,
        run: RunOptions = RunOptions(),
    ) -> None:
        """Train an estimator; give the same command again to go on after an interruption.

        Example: `swansong SYSTEM train NETWORK --seed 1 --out runs/NETWORK`

        Args:
            recipe: A recipe that ships with swansong (RECIPES) or a TOML file.
            overrides: Keys to override.
            resume: Go on from the checkpoint in the output folder, if there is one.
            max_seconds: Stop after this time, resumable [s].
            run: Seed, output and display.
        """
        given = Given(overrides, {"training.max_seconds": ("--max-seconds", max_seconds)})
        resolved = load_recipe(system, recipe, given)
        run.check()
        checkpoint = "checkpoint.h5" if resume else None
        name = f"{system.name}-{resolved.estimator}"
        folder = choose_folder(run.out, default=name, force=run.force, resume=checkpoint)
        with on_interrupt(f"give the same command to resume from what is in {folder}"):
            done = import_module(system.runs).train(resolved, folder=folder, resume=resume, **run.common())
        present(done, run)

    return train


def _check(system: System) -> Callable[..., None]:
    def check(
        config: Path | None = None,
        /,
        *,
        overrides: Overrides = (),
        estimator: str = "exact",
        weights: Weights = None,
        injections: Whole = 256,
        samples: Whole = 5000,
        run: RunOptions = RunOptions(),
        called: Called = Invocation(),
    ) -> None:
        """Test an estimator on many simulated events: coverage, efficiency, distance to the exact posterior.

        Example: `swansong SYSTEM check --estimator NETWORK --injections 256 --seed 1`

        Args:
            config: Problem as TOML. Defaults without it.
            overrides: Keys to override.
            estimator: What is tested.
            weights: Trained weights.
            injections: Number of simulated events.
            samples: Samples of each posterior.
            run: Seed, output and display.
            called: How the command was called.
        """
        problem = load_problem(system, config, Given(overrides))
        run.check()
        at_least(injections, FEWEST_INJECTIONS, option="--injections")
        at_least(samples, FEWEST_SAMPLES, option="--samples")
        check_weights(weights, estimator=estimator, network=system.network)
        folder = choose_folder(run.out, default=f"{system.name}-check", force=run.force)
        with on_interrupt(f"finished injections are kept in {folder}, give the same command to go on"):
            done = import_module(system.runs).check(
                problem,
                estimator=estimator,
                weights=weights,
                injections=injections,
                samples=samples,
                folder=folder,
                **run.common(),
                command=called.command,
            )
        present(done, run)

    # Which estimators there are is known only here; the parser reads the annotation.
    check.__annotations__["estimator"] = system.estimator
    return check


def _init(system: System) -> Callable[..., None]:
    def init(
        name: str = next(iter(system.problems)),
        /,
        *,
        out: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
        force: Flag = False,
    ) -> None:
        """Write a commented TOML file to start from.

        Example: `swansong SYSTEM init --out event.toml`

        Args:
            name: PROBLEMS, for infer, simulate and check; or a recipe for train: RECIPES.
            out: The file, `-` for stdout; by default NAME.toml in this folder.
            force: Write over an existing file.
        """
        if name in system.problems:
            article = "An" if system.noun[0] in "aeiou" else "A"
            verb, title = "infer", f"{article} {system.noun} problem; every key may be left out."
            content = load(system.problem, system.problems[name])
        else:
            content = load(system.recipe, recipe_path(system, name, packaged_only=True))
            verb, title = "train", f"A {system.noun} training recipe, begun as a copy of {name!r}."
        text = template(content, title=f"{title}\nUse it with: swansong {system.name} {verb} FILE")
        use = f"swansong {system.name} {verb} FILE"
        write_beginning(text, name=name, out=out, force=force, use=use)

    return init
