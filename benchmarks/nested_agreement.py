"""Evidence of the exact estimator beside dynesty's, on the same likelihood, for several bursts.

    python benchmarks/nested_agreement.py --events 10 --live 1000 --slices 12

Both without a cut on the signal-to-noise ratio, so that nested sampling meets no edge.
"""

import argparse
import json
import time
from pathlib import Path

import dynesty
import numpy as np
from peers import BurstLikelihood

from swansong.encounters.correlations import Correlations
from swansong.encounters.events import simulate_event
from swansong.encounters.exact import exact_posterior
from swansong.encounters.problem import prepare
from swansong.encounters.settings import PriorSettings, Problem


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--live", type=int, default=1000)
    parser.add_argument("--slices", type=int, default=12, help="slices of a step; with four, evidences scatter by nats")
    parser.add_argument("--seed", type=int, default=40001)
    parser.add_argument("--loudest", type=float, default=20.0, help="largest signal-to-noise ratio")
    parser.add_argument("--out", type=Path, default=Path("runs/nested-agreement.json"))
    given = parser.parse_args()
    open_problem = Problem(prior=PriorSettings(minimum_snr=0.0))
    rows, seed = [], given.seed
    while len(rows) < given.events:
        seed += 1
        simulated = simulate_event(Problem(), seed=seed)
        snr = float(simulated.analysis.snr(np.asarray(simulated.truth))[0])
        if snr > given.loudest:
            continue
        event = type(simulated)(prepare(open_problem, psd=simulated.analysis.psd), simulated.strain)
        exact = exact_posterior(event, samples=20_000, seed=seed)
        direct = BurstLikelihood(Correlations.of(event.analysis, event.whitened))
        names = event.analysis.parameters.names
        periodic = [index for index, item in enumerate(event.analysis.parameters) if item.periodic]
        began = time.perf_counter()
        sampler = dynesty.NestedSampler(
            direct,
            lambda unit: unit,
            len(names),
            nlive=given.live,
            periodic=periodic,
            sample="rslice",
            slices=given.slices,
            rstate=np.random.default_rng(seed),
        )
        sampler.run_nested(dlogz=0.05, print_progress=False)
        found = sampler.results
        rows.append(
            {
                "seed": seed,
                "snr": snr,
                "exact": exact.metadata["log_bayes_factor"],
                "exact_error": exact.log_evidence_error,
                "nested": float(found.logz[-1]),
                "nested_error": float(found.logzerr[-1]),
                "calls": int(np.sum(found.ncall)),
                "seconds": time.perf_counter() - began,
            }
        )
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(rows, indent=1) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    difference = np.array([row["nested"] - row["exact"] for row in rows])
    error = np.array([row["nested_error"] for row in rows])
    print(f"mean difference {difference.mean():+.3f} +- {difference.std() / np.sqrt(len(rows)):.3f}")
    print(f"largest {np.abs(difference).max():.3f}; scatter {difference.std():.3f}, stated {np.median(error):.3f}")


if __name__ == "__main__":
    main()
