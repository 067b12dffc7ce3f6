"""Fit the error estimates of the amplitude models `lowrank` and `kludge`.

    python scripts/make_emri_amplitude_errors.py build/amplitudes/*_train_*.h5

The logarithm of the mode-distribution error E of solved orbits, of which none made the radial table and none is held
out for judging, is fitted so that a share of them lies below, by quantile regression. For `lowrank` the fit is a
quadratic in the coordinates of its domain. The baseline also answers outside that domain: there `lowrank` itself on a
wider one is the truth, on the modes that the baseline finds strongest. Its E against `pybhpt` was below 3e-5 on 30 of
31 such orbits with a <= 0.998, e <= 0.63 and p - p_sep >= 0.1, and 3e-3 on one with a = 0.997 and e = 0.56. For
larger e `pybhpt` gave no usable answer on these modes, so that the map rests on `lowrank` alone there.

Reference:
    Koenker and Bassett 1978, doi:10.2307/1913643 (quantile regression).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

from swansong.emri.amplitudes.answers import AmplitudeModel
from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.errors import kludge_terms, quadratic
from swansong.emri.amplitudes.models import Kludge, LowRank, dominant_modes
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.products import mode_error
from swansong.emri.amplitudes.truth import read_solved

OUTPUT = Path(__file__).parents[1] / "src/swansong/emri/amplitudes/data/errors.json"
SHARE = 0.975
# Enough of the strongest modes: they decide E.
MOST = 256
# Smallest errors told apart: rounding of the truth, and a tenth of what the baseline promises.
FLOORS = {"lowrank": 1e-13, "kludge": 1e-6}
WIDE = Domain(largest_spin=0.998, largest_eccentricity=0.7, nearest=0.1, farthest=60.0)


def error_of(model: AmplitudeModel, orbit: np.ndarray, *, modes: np.ndarray, true: np.ndarray) -> float:
    """E of a model on one orbit."""
    a, p, e, x = map(float, orbit)
    found = model(a=a, p=p, e=e, x=x, modes=modes)
    return float(mode_error(found.values[0], true, frequencies=found.frequencies[0]))


def beyond(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Orbits outside the domain of `lowrank`, half of them generic, and the errors of the baseline there."""
    orbits, truth, model = [], LowRank(WIDE), Kludge()
    for name in CLASSES:
        wanted = count // 2 if name == "KG" else count // (2 * (len(CLASSES) - 1))
        drawn = draw_orbits(name, count=8 * wanted, seed=seed, domain=WIDE)
        outside = (np.abs(Domain().coordinates(drawn)) > 1.0 + 1e-9).any(axis=1)
        orbits.append(drawn[outside][:wanted])
    orbits = np.concatenate(orbits)
    errors = np.empty(len(orbits))
    for row, orbit in enumerate(orbits):
        modes = dominant_modes(orbit)[:MOST]
        a, p, e, x = map(float, orbit)
        errors[row] = error_of(model, orbit, modes=modes, true=truth(a=a, p=p, e=e, x=x, modes=modes).values[0])
    # Orbits that reach beyond the end of the radial table have no truth.
    known = np.isfinite(errors)
    return orbits[known], errors[known]


def fit(terms: np.ndarray, errors: np.ndarray, *, floor: float) -> np.ndarray:
    """Coefficients of log10 E such that SHARE of the orbits lies below: quantile regression by its dual program."""
    logarithm = np.log10(np.maximum(errors, floor))
    found = linprog(-logarithm, A_eq=terms.T, b_eq=(1.0 - SHARE) * terms.sum(axis=0), bounds=(0.0, 1.0))
    return -found.eqlin.marginals


def main() -> None:
    """Measure and fit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("solved", type=Path, nargs="+")
    parser.add_argument("--orbits", type=int, default=900, help="orbits, spread evenly over the classes")
    parser.add_argument("--beyond", type=int, default=160, help="orbits outside the domain, for the baseline")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    truth, rng = read_solved(given.solved), np.random.default_rng(given.seed)
    chosen = []
    for index in range(len(CLASSES)):
        members = np.flatnonzero(truth.classes == index)
        chosen.append(rng.choice(members, min(len(members), given.orbits // len(CLASSES)), replace=False))
    truth = truth.select(np.sort(np.concatenate(chosen)))
    models = {"lowrank": LowRank(), "kludge": Kludge()}
    errors = {name: np.empty(len(truth)) for name in models}
    for row, orbit in enumerate(truth.orbits):
        # The order of a solved set is that of their power.
        modes, true = (one[:MOST] for one in truth.solved(row))
        for name, model in models.items():
            errors[name][row] = error_of(model, orbit, modes=modes, true=true)
    outside, errors_outside = beyond(given.beyond, seed=given.seed)
    terms = {
        "lowrank": quadratic(Domain().coordinates(truth.orbits)),
        "kludge": kludge_terms(np.concatenate([truth.orbits, outside])),
    }
    errors["kludge"] = np.concatenate([errors["kludge"], errors_outside])
    content = {
        name: {
            "share": SHARE,
            "orbits": len(found),
            "orbits_beyond_domain": len(found) - len(truth),
            "seed": given.seed,
            "median_error": float(np.median(found)),
            "largest_error": float(found.max()),
            "coefficients": fit(terms[name], found, floor=FLOORS[name]).tolist(),
        }
        for name, found in errors.items()
    }
    OUTPUT.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
