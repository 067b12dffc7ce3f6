"""Measure the packaged background of the encounter search and how loud a burst must be to be found.

    python scripts/measure_encounter_detection.py --windows 2500 --injections 1000

Writes src/swansong/encounters/data/background_H1_L1_V1.h5, and a table and two figures into
runs/detection. An interrupted run goes on when it is started again.
"""

import argparse
import json
from pathlib import Path

from swansong.core.config import as_dict
from swansong.core.provenance import collect
from swansong.encounters.background import background_path, measure_background
from swansong.encounters.settings import DataSettings, Problem
from swansong.encounters.study import EDGES, measure_detection
from swansong.figures import detection_figure, roc_figure, save_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=2500, help="windows of noise")
    parser.add_argument("--injections", type=int, default=1000, help="windows with a signal")
    parser.add_argument("--seed", type=int, default=30001)
    parser.add_argument("--detectors", default="H1,L1,V1")
    parser.add_argument("--out", type=Path, default=Path("runs/detection"))
    given = parser.parse_args()
    problem = Problem(data=DataSettings(detectors=tuple(given.detectors.split(","))))
    given.out.mkdir(parents=True, exist_ok=True)
    background = measure_background(problem, windows=given.windows, seed=given.seed, store=given.out / ".noise")
    path = background_path(problem.data.detectors)
    path.parent.mkdir(exist_ok=True)
    configuration = {"problem": as_dict(problem), "windows": given.windows}
    background.save(path, provenance=collect(configuration=configuration, seed=given.seed), force=True)
    study = measure_detection(
        problem, background, injections=given.injections, seed=given.seed + 1, store=given.out / ".signals"
    )
    report = study.to_json()
    (given.out / "detection.json").write_text(json.dumps(report, indent=1) + "\n")
    found = {probability: study.found(probability) for probability in (0.1, 0.01)}
    save_figure(detection_figure(study.snr, found, edges=EDGES), given.out / "detection.png")
    roc = roc_figure(background.statistic, study.statistic, snr=study.snr, edges=(4.0, 6.0, 8.0, 12.0))
    save_figure(roc, given.out / "roc.png")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
