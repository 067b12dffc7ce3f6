"""Rank forecasters of single pairs over many runs, since one run cannot.

    python scripts/measure_binaries_forecasters.py --out build/forecasters --runs 12

The best resolved runs of the packaged ensemble, or of a file of mergers, are forecast one after the other with the
protocol of `swansong binaries forecast`. Every run is one line of results.jsonl; what was stopped goes on with the
next run. Printed are, for each forecaster and share learnt, the mean and the median over runs of its error, and the
share of runs in which it is better than persistence. `--summary` reads the lines and forecasts nothing.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from swansong.binaries.forecasting.comparison import compare
from swansong.binaries.forecasting.protocol import FORECASTERS, missing
from swansong.binaries.forecasting.series import hard_series
from swansong.binaries.learnt.settings import RECIPES
from swansong.binaries.nbody.settings import ENERGY_TOLERANCE
from swansong.binaries.trajectories import read_trajectories

PACKAGED = RECIPES.parents[1] / "data" / "ensemble.h5"
SPLITS = (0.8, 0.7, 0.6)


def main() -> None:
    """Forecast and summarise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=PACKAGED, help="mergers; by default those that are packaged")
    parser.add_argument("--out", type=Path, default=Path("build/forecasters"), help="folder of results.jsonl")
    parser.add_argument("--runs", type=int, default=12, help="runs, the best resolved first")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each forecaster that has random numbers")
    parser.add_argument("--models", nargs="+", default=[name for name in FORECASTERS if not missing(name)])
    parser.add_argument("--summary", action="store_true", help="read results and forecast nothing")
    given = parser.parse_args()
    results = given.out / "results.jsonl"
    if not given.summary:
        given.out.mkdir(parents=True, exist_ok=True)
        forecast(given.data, results, runs=given.runs, seeds=given.seeds, models=given.models)
    summarise([json.loads(line) for line in results.read_text().splitlines()])


def forecast(data: Path, results: Path, *, runs: int, seeds: int, models: list[str]) -> None:
    """Add a line for each run that has none."""
    done = {line["run"] for line in map(json.loads, results.read_text().splitlines())} if results.exists() else set()
    good = [one for one in read_trajectories(data) if not one.energy_error > ENERGY_TOLERANCE]
    order = sorted(good, key=lambda one: (-one.merger.particles, one.merger.eccentricity, one.merger.seed))
    for one in order[:runs]:
        name = f"e_gal {one.merger.eccentricity:g}, N {one.merger.particles}, seed {one.merger.seed}"
        if name in done:
            continue
        found = compare(hard_series(one), models, splits=SPLITS, seeds=seeds)
        errors = {f"{row.name} {row.split:g}": row.totals.tolist() for row in found.rows}
        with results.open("a") as file:
            file.write(json.dumps({"run": name, "errors": errors}) + "\n")


def summarise(lines: list[dict]) -> None:
    """Print the table."""
    print(f"{len(lines)} runs; mean, median over runs and share of runs better than persistence, for each share learnt")
    print("| | " + " | ".join(f"{share:.0%}" for share in SPLITS) + " |")
    names = list(dict.fromkeys(key.split()[0] for line in lines for key in line["errors"]))
    for name in names:
        cells = []
        for share in SPLITS:
            found = np.array([np.mean(line["errors"][f"{name} {share:g}"]) for line in lines])
            rest = np.array([np.mean(line["errors"][f"persistence {share:g}"]) for line in lines])
            cells.append(f"{found.mean():.3f}, {np.median(found):.3f}, {np.mean(found < rest):.0%}")
        print(f"| `{name}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
