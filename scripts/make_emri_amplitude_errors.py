"""Fit the error estimate of the `lowrank` amplitudes.

    python scripts/make_emri_amplitude_errors.py build/amplitudes/*_train_*.h5

The logarithm of the mode-distribution error of solved orbits, of which none made the radial table and none is held out
for judging, is fitted by a quadratic in the coordinates of the domain, then raised until 95 % of them lie below.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.models import LowRank, quadratic
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.products import mode_error
from swansong.emri.amplitudes.truth import read_solved

OUTPUT = Path(__file__).parents[1] / "src/swansong/emri/amplitudes/data/errors.json"
SHARE = 0.95


def main() -> None:
    """Measure and fit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("solved", type=Path, nargs="+")
    parser.add_argument("--orbits", type=int, default=1200, help="orbits, spread evenly over the classes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    truth, rng, model = read_solved(given.solved), np.random.default_rng(given.seed), LowRank()
    chosen = []
    for index in range(len(CLASSES)):
        members = np.flatnonzero(truth.classes == index)
        chosen.append(rng.choice(members, min(len(members), given.orbits // len(CLASSES)), replace=False))
    truth = truth.select(np.sort(np.concatenate(chosen)))
    errors = np.empty(len(truth))
    for row, orbit in enumerate(truth.orbits):
        # Enough of the strongest: they decide E. The order of a solved set is that of their power.
        modes, true = (one[:256] for one in truth.solved(row))
        a, p, e, x = map(float, orbit)
        found = model(a=a, p=p, e=e, x=x, modes=modes)
        errors[row] = mode_error(found.values[0], true, frequencies=found.frequencies[0])
    features = quadratic(Domain().coordinates(truth.orbits))
    logarithm = np.log10(np.maximum(errors, 1e-13))
    fitted = np.linalg.lstsq(features, logarithm, rcond=None)[0]
    fitted[0] += np.quantile(logarithm - features @ fitted, SHARE)
    content = {
        "share": SHARE,
        "orbits": len(truth),
        "seed": given.seed,
        "median_error": float(np.median(errors)),
        "largest_error": float(errors.max()),
        "coefficients": fitted.tolist(),
    }
    OUTPUT.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
