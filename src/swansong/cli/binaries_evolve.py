"""`swansong binaries evolve`: a learnt pair through time with bands; JAX waits for valid arguments."""

import math
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from swansong.binaries.units import Units
from swansong.cli.binaries_learnt import Estimator
from swansong.cli.options import Called, Flag, Invocation, Weights, Whole, at_least, positive
from swansong.cli.output import number, present
from swansong.cli.table_options import TableOptions
from swansong.core.errors import InputError
from swansong.core.files import prepare_output, read_product
from swansong.core.provenance import collect

if TYPE_CHECKING:
    from swansong.binaries.learnt.sensitivities import Sensitivity
    from swansong.binaries.learnt.surrogate import Beginning, Forecast
    from swansong.binaries.trajectories import Merger
    from swansong.cli.binaries_written import Told

KIND = "binary_forecast"
"""Kind of the product."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BeginningOptions:
    """Where the pair stands, in N-body units; without it, beginnings are drawn from the law that was learnt."""

    semi_major_axis: float | None = None
    """Semi-major axis of the pair."""
    eccentricity: float | None = None
    """Eccentricity of the pair."""
    energy: float | None = None
    """Specific energy v^2/2 - G m/r of the pair, in place of its semi-major axis."""
    momentum: float | None = None
    """Specific angular momentum of the pair, in place of its eccentricity."""
    begin: float | None = None
    """Time in the run at the beginning, which only shifts times; 0 if not given."""
    elapsed: float | None = None
    """Time since the pair was hard (1/a = 100 in the packaged weights) at the beginning, for rates; 0 if not given."""

    @property
    def given(self) -> bool:
        """Whether there is a beginning."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def check(self) -> None:
        """Refuse a beginning that is half given or is none.

        Raises:
            InputError: A number is missing, given twice or out of range.
        """
        ellipse = (self.semi_major_axis, self.eccentricity)
        state = (self.energy, self.momentum)
        if not self.given:
            return
        if any(one is not None for one in ellipse) and any(one is not None for one in state):
            raise InputError("`--semi-major-axis` and its like and `--energy` and its like are given; drop one pair")
        if None in ellipse and None in state:
            raise InputError(
                "A beginning needs `--semi-major-axis` and `--eccentricity`, or `--energy` and `--momentum`; give both"
            )
        positive("--semi-major-axis", self.semi_major_axis, unit="it in N-body units")
        if self.eccentricity is not None and not 0.0 <= self.eccentricity < 1.0:
            raise InputError(f"`--eccentricity` must lie in [0, 1), got {self.eccentricity:g}; 1 is not bound")
        for option, value, lowest in (
            ("--energy", self.energy, -math.inf),
            ("--momentum", self.momentum, 0.0),
            ("--begin", self.begin, -math.inf),
            ("--elapsed", self.elapsed, 0.0),
        ):
            if value is not None and not (math.isfinite(value) and value >= lowest):
                raise InputError(f"`{option}` must be finite and not below {lowest:g}, got {value:g}; mend it")

    def resolve(self, *, mu: float) -> "Beginning | None":
        """The beginning, None where it is to be drawn.

        Args:
            mu: G times the mass of the pair.
        """
        from swansong.binaries.learnt.surrogate import Beginning

        times = {"time": self.begin or 0.0, "elapsed": self.elapsed or 0.0}
        if self.semi_major_axis is not None and self.eccentricity is not None:
            return Beginning.of_ellipse(self.semi_major_axis, self.eccentricity, mu=mu, **times)
        if self.energy is not None and self.momentum is not None:
            return Beginning(self.energy, self.momentum, **times)
        return None


def add(app: App) -> None:
    """Add `evolve` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(evolve)


def evolve(
    *,
    galaxy_eccentricity: float,
    particles: Whole,
    beginning: BeginningOptions = BeginningOptions(),
    duration: float | None = None,
    estimator: Estimator = "rates",
    weights: Weights = None,
    draws: Whole = 500,
    merger_time: Flag = False,
    galaxy_mass: Annotated[float, Parameter(show_default=True)] = 2e10,
    scale_radius: Annotated[float, Parameter(show_default=True)] = 186.0,
    extrapolate: Flag = False,
    run: TableOptions = TableOptions(),
    called: Called = Invocation(),
) -> None:
    """Follow a pair in a merger of galaxies by a trained ensemble, with 68 and 95 % bands.

    From the orbit of the galaxies and the resolution alone, or from where the pair stands. Lengths, masses and times
    are N-body units.

    Example: `swansong binaries evolve --galaxy-eccentricity 0.9 --particles 8192 --semi-major-axis 0.01 --eccentricity
    0.6 --merger-time`

    Args:
        galaxy_eccentricity: Eccentricity of the orbit of the galaxies.
        particles: Stars of both galaxies.
        beginning: Where the pair stands.
        duration: Time that is followed; by default all that was learnt.
        estimator: What follows it: paper or rates.
        weights: Trained weights.
        draws: Draws that bands are made of.
        merger_time: Also go on to coalescence by learnt rates and gravitational waves, and tell how the merger time
            depends on what it starts from.
        galaxy_mass: Stars of both galaxies, for the merger time [solar masses].
        scale_radius: Scale radius of a galaxy, for the merger time [pc].
        extrapolate: Allow e_gal and N outside what was learnt.
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    if not 0.0 <= galaxy_eccentricity < 1.0:
        raise InputError(f"`--galaxy-eccentricity` must lie in [0, 1), got {galaxy_eccentricity:g}; mend it")
    at_least(particles, 2, option="--particles")
    at_least(draws, 20, option="--draws")
    positive("--duration", duration, unit="it in N-body units")
    positive("--galaxy-mass", galaxy_mass, unit="solar masses")
    positive("--scale-radius", scale_radius, unit="parsecs")
    if merger_time and estimator != "rates":
        raise InputError("`--merger-time` needs learnt rates; take `--estimator rates`, or drop it")
    beginning.check()
    if weights is not None:
        read_product(weights.expanduser(), kind="weights")
    folder = run.folder()
    done = _evolve(
        (galaxy_eccentricity, particles), beginning=beginning, duration=duration, estimator=estimator, weights=weights,
        draws=draws, units=Units(galaxy_mass, scale_radius) if merger_time else None, extrapolate=extrapolate,
        folder=folder, seed=run.seed, force=run.force, command=called.command,
    )  # fmt: skip
    present(done, run)


def _evolve(
    galaxies: tuple[float, int],
    *,
    beginning: BeginningOptions,
    duration: float | None,
    estimator: str,
    weights: Path | None,
    draws: int,
    units: Units | None,
    extrapolate: bool,
    folder: Path | None,
    seed: int,
    force: bool,
    command: str,
) -> "Told":
    """Follow the pair and write."""
    import numpy as np

    from swansong.binaries.learnt.surrogate import LEVELS, QUANTITIES, load_surrogate
    from swansong.binaries.trajectories import Merger
    from swansong.cli.binaries_written import Told, write_run
    from swansong.figures.binaries_orbits import hardening_figure, orbit_bands_figure

    began = time.perf_counter()
    surrogate = load_surrogate(estimator, None if weights is None else weights.expanduser())
    merger = Merger(eccentricity=galaxies[0], particles=galaxies[1], seed=seed, origin="surrogate")
    start = beginning.resolve(mu=merger.mu)
    times = None if duration is None else np.linspace(0.0, duration, surrogate.recipe.curves.saves)
    forecast = surrogate.forecast(
        merger, beginning=start, times=times, draws=draws, seed=seed, extrapolate=extrapolate
    )  # fmt: skip
    facts: dict[str, Any] = {
        "estimator": estimator,
        "weights": surrogate.sha256,
        "seed": seed,
        "galaxy_eccentricity": merger.eccentricity,
        "particles": merger.particles,
        "drawn": start is None,
        "begin": _state(forecast, 0),
        "end": _state(forecast, -1),
    }
    told = {place: _words(facts[place]) for place in ("begin", "end")}
    if units is not None:
        facts["merger_time"], told["merger time"] = _merger_time(
            surrogate, merger, forecast, elapsed=beginning.elapsed or 0.0, units=units, extrapolate=extrapolate
        )
    facts["seconds"] = time.perf_counter() - began
    headline = f"{estimator}, e_gal = {merger.eccentricity:g}, N = {merger.particles}, {draws} draws"
    warnings = (*forecast.warnings, *surrogate.limits)
    if folder is None:
        return Told(headline, facts, told, warnings=warnings)
    provenance = collect(
        configuration={key: value for key, value in facts.items() if key not in ("seconds", "begin", "end")},
        seed=seed,
        command=command,
    )
    prepare_output(folder, force=force)
    arrays = {"time": forecast.time, "median": forecast.median, "bands": forecast.bands, "members": forecast.members}
    columns = {"time": forecast.time}
    for place, name in enumerate(QUANTITIES):
        columns[name] = forecast.median[place]
        columns |= {f"{name}_{100 * level:g}": forecast.bands[place, row] for row, level in enumerate(LEVELS)}
    figures = {
        "orbits": orbit_bands_figure(forecast.time, median=forecast.median, bands=forecast.bands, title=headline),
        "rates": hardening_figure(
            forecast.time, axis=forecast.median[2], eccentricity=forecast.median[3], title=headline
        ),
    }
    text = f"N-body units; columns with a number are quantiles in per cent. Made by `{command}`."
    files = write_run(
        "forecast", KIND, {"system": "binaries", **facts, "warnings": list(warnings)}, folder=folder,
        arrays=arrays, columns=columns, comments=(text,), figures=figures, provenance=provenance, force=force,
    )  # fmt: skip
    return Told(headline, facts, told, folder, files, warnings)


def _state(forecast: "Forecast", row: int) -> dict[str, Any]:
    """The pair at one time, with its bands."""
    from swansong.binaries.learnt.surrogate import QUANTITIES

    found: dict[str, Any] = {"time": float(forecast.time[row])}
    for place, name in enumerate(QUANTITIES):
        edges = forecast.bands[place, :, row]
        found[name] = {
            "expected": float(forecast.median[place, row]),
            "68": [float(edges[1]), float(edges[3])],
            "95": [float(edges[0]), float(edges[4])],
        }
    return found


def _words(state: dict[str, Any]) -> str:
    """The pair at one time for a human."""
    axis, e = state["axis"], state["eccentricity"]
    if not math.isfinite(axis["expected"]):
        energy, momentum = state["energy"], state["momentum"]
        return (
            f"t = {state['time']:.1f}: not bound, E = {number(energy['expected'])}, L = {number(momentum['expected'])} "
            f"({number(momentum['68'][0])} to {number(momentum['68'][1])} at 68 %)"
        )
    return (
        f"t = {state['time']:.1f}: a = {number(axis['expected'])} "
        f"({number(axis['68'][0])} to {number(axis['68'][1])}), e = {number(e['expected'])} "
        f"({number(e['68'][0])} to {number(e['68'][1])}) at 68 %"
    )


def _merger_time(
    surrogate: Any, merger: "Merger", forecast: "Forecast", *, elapsed: float, units: Units, extrapolate: bool
) -> tuple[dict[str, Any], str]:
    """Merger time from the expected beginning, and its derivatives."""
    import numpy as np

    from swansong.binaries.learnt.sensitivities import sensitivity

    axis, e = (float(forecast.median[place, 0]) for place in (2, 3))
    # A circle has no derivative; one this close to it has no other merger time.
    found: Sensitivity = sensitivity(
        surrogate, merger, axis=axis, eccentricity=max(e, 1e-3), elapsed=elapsed, units=units, extrapolate=extrapolate
    )
    names = found.knobs._fields
    middle = float(np.median(found.merger_time))
    facts = {
        "median": middle,
        "members": found.merger_time.tolist(),
        "megayears": middle * units.time,
        "derivatives": dict(zip(names, np.mean(found.gradient, axis=0).tolist(), strict=True)),
        "elasticities": dict(zip(names, found.elasticity.tolist(), strict=True)),
    }
    low, high = found.merger_time.min(), found.merger_time.max()
    return facts, (
        f"{number(middle)} N-body units ({number(middle * units.time)} Myr) from the beginning, members "
        f"{number(float(low))} to {number(float(high))}"
    )
