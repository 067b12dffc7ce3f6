"""`swansong binaries check`: learnt orbits on mergers that they have not seen; JAX waits for valid arguments."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from swansong.binaries.units import Units
from swansong.cli.binaries_learnt import Estimator, Mergers, merger_files, origin_warnings, read_mergers
from swansong.cli.options import Called, Invocation, RunOptions, Weights, Whole, at_least
from swansong.cli.output import choose_folder, number, present
from swansong.core.files import prepare_output, read_product
from swansong.core.provenance import collect

if TYPE_CHECKING:
    from swansong.binaries.learnt.evaluation import Comparison, Evaluation
    from swansong.cli.binaries_written import Told

KIND = "binary_check"
"""Kind of the product."""

_COLUMNS = {"": "left", "E": "right", "L": "right", "a": "right", "e": "right"}
_TIMED = ("nbody", "surrogate", "baseline")
_NAMES = {
    "surrogate": "learnt, from its beginning",
    "bound": "the same after binding",
    "alone": "learnt, from (e_gal, N)",
    "baseline": "mean learnt curve",
    "realisations": "other realisations",
}


def add(app: App) -> None:
    """Add `check` to the verbs of binaries.

    Args:
        app: The app of `swansong binaries`.
    """
    app.command(check)


def check(
    *,
    data: Mergers = (),
    estimator: Estimator = "rates",
    weights: Weights = None,
    draws: Whole = 200,
    run: RunOptions = RunOptions(),
    called: Called = Invocation(),
) -> None:
    """Compare learnt orbits with mergers that they have not seen: errors, coverage of bands, merger times.

    Beside them stand the mean curve of the mergers that were learnt, and other realisations of the same (e_gal, N):
    their scatter is the floor for whatever knows no more than those two numbers.

    Example: `swansong binaries check --estimator rates --seed 1 --json`

    Args:
        data: Files of mergers; those that were learnt from are known and not tested.
        estimator: What is tested: paper or rates.
        weights: Trained weights.
        draws: Draws that bands are made of.
        run: Seed, output and display.
        called: How the command was called.
    """
    run.check()
    at_least(draws, 20, option="--draws")
    files = merger_files(data)
    if weights is not None:
        read_product(weights.expanduser(), kind="weights")
    folder = choose_folder(run.out, default="binaries-check", force=run.force)
    done = _check(
        files, estimator=estimator, weights=weights, draws=draws, folder=folder, seed=run.seed, force=run.force,
        command=called.command,
    )  # fmt: skip
    present(done, run)


def _check(
    files: tuple[Path, ...],
    *,
    estimator: str,
    weights: Path | None,
    draws: int,
    folder: Path,
    seed: int,
    force: bool,
    command: str,
) -> "Told":
    """Evaluate and write."""
    import numpy as np

    from swansong.binaries.learnt.evaluation import curve_orbits, evaluate
    from swansong.binaries.learnt.surrogate import load_surrogate
    from swansong.cli.binaries_written import Told, write_run
    from swansong.figures.binaries_merging import merger_bars_figure
    from swansong.figures.binaries_orbits import hardening_figure, orbit_bands_figure

    began = time.perf_counter()
    surrogate = load_surrogate(estimator, None if weights is None else weights.expanduser())
    mergers = read_mergers(files)
    found = evaluate(surrogate, mergers, units=Units(), draws=draws, seed=seed)
    facts = _facts(found, estimator=estimator, sha256=surrogate.sha256, seed=seed)
    facts["seconds"] = time.perf_counter() - began
    warnings = (
        *origin_warnings(mergers), *_limits(found, surrogate.recipe.curves.begin), *surrogate.limits,
        *found.left_out.sentences,
    )  # fmt: skip
    provenance = collect(
        configuration={"estimator": estimator, "weights": surrogate.sha256, "draws": draws},
        seed=seed,
        inputs={f"mergers_{place}": path for place, path in enumerate(files)},
        command=command,
    )
    prepare_output(folder, force=force)
    # Runs end where they end; what a curve holds beyond is its last value.
    truth = np.where(found.curves.known, curve_orbits(found.curves), np.nan)
    # The median one stands for all in the figures.
    misses = np.nanmean(np.abs(found.centre[0] - truth[0]), axis=1)
    shown = int(np.argsort(misses)[len(misses) // 2])
    one = found.curves.mergers[shown]
    title = f"e_gal = {one.eccentricity:g}, N = {one.particles}, seed {one.seed}: median error of E"
    use = found.curves.known[shown]
    at = (found.curves.begin[shown] + found.curves.time)[use]
    centre, bands, true = (one[..., shown, use] for one in (found.centre, found.bands, truth))
    figures = {
        "orbits": orbit_bands_figure(at, median=centre, bands=bands, truth=true, title=title),
        "rates": hardening_figure(
            at, axis=centre[2], eccentricity=centre[3], true_axis=true[2], true_eccentricity=true[3], title=title
        ),
    }
    predicted = {name: np.array([getattr(row, name) for row in found.times]) for name in _TIMED}
    if found.times:
        figures["merger_times"] = merger_bars_figure(
            [f"e {row.merger.eccentricity:g}, N {row.merger.particles}, {row.merger.seed}" for row in found.times],
            predicted,
            time_unit="N-body units",
            title="Merger times of representatives",
        )
    arrays = {
        "time": found.curves.time, "begin": found.curves.begin, "known": found.curves.known, "truth": truth,
        "predicted": found.centre, "bands": found.bands, "condition": found.curves.condition,
        "seed": np.array([row.seed for row in found.curves.mergers]),
    }  # fmt: skip
    columns = {
        "eccentricity": np.array([row.merger.eccentricity for row in found.times]),
        "particles": np.array([row.merger.particles for row in found.times]),
        "seed": np.array([row.merger.seed for row in found.times]),
        **predicted,
    }
    text = f"Merger times in N-body units from the beginning of each curve or from binding. Made by `{command}`."
    written = write_run(
        "check", KIND, {"system": "binaries", **facts, "warnings": list(warnings)}, folder=folder, arrays=arrays,
        columns=columns, comments=(text,), figures=figures, provenance=provenance, force=force,
    )  # fmt: skip
    rows = tuple(
        (text, *(f"{100.0 * error.of_range:.2f} %" for error in getattr(found, name).errors))
        for name, text in _NAMES.items()
    )
    rows += tuple(
        (f"learnt, N = {stars}", *(f"{100.0 * error.of_range:.2f} %" for error in comparison.errors))
        for stars, comparison in found.resolutions.items()
    )
    times = facts["merger_time"]
    told = {
        "table": "median absolute error over the dynamical range",
        "coverage": ", ".join(
            f"{name} {100.0 * facts['coverage'][name]['68']:.0f}/{100.0 * facts['coverage'][name]['95']:.0f} %"
            for name in ("energy", "momentum", "axis", "eccentricity")
        ),
        "merger times": f"median difference {_percent(times['median_difference'])}, worst "
        f"{_percent(times['worst_difference'])} of {len(found.times)}; other realisations "
        f"{_percent(times['realisations']['median'])}",
    }
    headline = f"{estimator} on {len(found.curves)} mergers that it has not seen"
    return Told(headline, facts, told, folder, written, warnings, _COLUMNS, rows)


def _percent(value: float) -> str:
    return f"{number(100.0 * value, digits=3)} %"


def _facts(found: "Evaluation", *, estimator: str, sha256: str, seed: int) -> dict[str, Any]:
    """The JSON object."""
    quantities = ("energy", "momentum", "axis", "eccentricity")

    def errors(comparison: "Comparison") -> dict[str, Any]:
        named = {name: vars(error) for name, error in zip(quantities, comparison.errors, strict=True)}
        return {"mergers": comparison.mergers, **named}

    def coverage(shares: Any) -> dict[str, Any]:
        return {name: {"68": float(row[0]), "95": float(row[1])} for name, row in zip(quantities, shares, strict=True)}

    median, worst = found.time_difference(lambda one: [one.surrogate])
    baseline = found.time_difference(lambda one: [one.baseline])
    floor = found.time_difference(lambda one: one.realisations)
    return {
        "estimator": estimator,
        "weights": sha256,
        "seed": seed,
        "mergers": len(found.curves),
        "highest_resolution": int(max(one.particles for one in found.curves.mergers)),
        "errors": {name: errors(getattr(found, name)) for name in _NAMES},
        "resolutions": {str(stars): errors(comparison) for stars, comparison in found.resolutions.items()},
        "coverage": coverage(found.coverage),
        "coverage_alone": coverage(found.coverage_alone),
        "merger_time": {
            "median_difference": median,
            "worst_difference": worst,
            "baseline": {"median": baseline[0], "worst": baseline[1]},
            "realisations": {"median": floor[0], "worst": floor[1]},
            "representatives": [
                {
                    "eccentricity": one.merger.eccentricity,
                    "particles": one.merger.particles,
                    "seed": one.merger.seed,
                    "nbody": one.nbody,
                    "surrogate": one.surrogate,
                    "baseline": one.baseline,
                    "difference": one.difference,
                }
                for one in found.times
            ],
        },
    }


def _limits(found: "Evaluation", begin: str) -> tuple[str, ...]:
    """Sentences that limit the result."""
    sentences = []
    if len(found.curves) < 10:
        sentences.append(f"only {len(found.curves)} mergers are held out; medians and coverage are uncertain")
    if not found.times:
        sentences.append(f"no merger times: curves begin at `{begin}`, and no pair is hard for long enough")
    return tuple(sentences)
