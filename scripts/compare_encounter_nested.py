"""Compare the evidence of the exact encounter sampler with nested sampling of all parameters.

Both see the same data, prior and likelihood, with no cut on the signal-to-noise ratio
(`minimum_snr` = 0), so that neither needs the share of the prior above a cut. Nested sampling
evaluates the direct likelihood, template by template: it knows neither the tables nor the
integrals of the exact sampler, which neglects radiation reaction as the direct one does here.

    python scripts/compare_encounter_nested.py --events 3 --live 400
"""

import argparse
import math
import time

import jax
import numpy as np

from swansong.encounters.events import draw_truth, simulate_event
from swansong.encounters.exact import exact_posterior
from swansong.encounters.likelihood import DirectLikelihood
from swansong.encounters.problem import prepare
from swansong.encounters.settings import DataSettings, PriorSettings, Problem
from swansong.inference import sample_nested


def problem(*, minimum_snr: float, duration: float, maximum: float) -> Problem:
    """Three detectors with reference noise; the segment is short to keep templates cheap."""
    return Problem(
        prior=PriorSettings(minimum_snr=minimum_snr, pericentre_time=(-0.05, 0.05)),
        data=DataSettings(duration=duration, maximum_frequency=maximum, drift=0.0),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1, help="events with a signal-to-noise ratio above 6")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--live", type=int, default=400, help="live points of nested sampling")
    parser.add_argument("--inner", type=int, default=None, help="slice moves a point; three times the parameters")
    parser.add_argument("--samples", type=int, default=20_000, help="samples of the exact posterior")
    parser.add_argument("--duration", type=float, default=2.0, help="segment [s]")
    parser.add_argument("--maximum-frequency", type=float, default=256.0, help="[Hz]")
    chosen = parser.parse_args()
    shape = {"duration": chosen.duration, "maximum": chosen.maximum_frequency}
    loud, every = (problem(minimum_snr=cut, **shape) for cut in (6.0, 0.0))
    print(f"{'event':>5} {'SNR':>6} {'ln Z/Z0 exact':>16} {'s':>6} {'ln Z/Z0 nested':>16} {'s':>8} {'difference':>16}")
    for index in range(chosen.events):
        seed = chosen.seed + index
        truth = draw_truth(prepare(loud), rng=np.random.default_rng([seed, 21]))
        event = simulate_event(every, seed=seed, truth=truth)
        analysis = event.analysis
        began = time.perf_counter()
        exact = exact_posterior(event, samples=chosen.samples, seed=seed)
        took = time.perf_counter() - began
        likelihood = DirectLikelihood(
            event.strain,
            frequency=analysis.frequency, psd=analysis.psd, network=analysis.network, gps=analysis.gps,
            duration=analysis.duration, rate=2.0 * chosen.maximum_frequency, model=analysis.model, reaction=False,
        )  # fmt: skip
        began = time.perf_counter()
        nested = sample_nested(
            likelihood._ratio, analysis.model.prior, key=jax.random.key(seed), live_points=chosen.live,
            inner_steps=chosen.inner, quiet=False,
        )  # fmt: skip
        waited = time.perf_counter() - began
        ours, theirs = exact.metadata["log_bayes_factor"], nested.log_evidence
        error = math.hypot(exact.log_evidence_error or 0.0, nested.log_evidence_error or 0.0)
        print(
            f"{index:>5} {analysis.snr(truth)[0]:>6.1f} {ours:>8.3f} +- {exact.log_evidence_error:.3f} {took:>6.1f} "
            f"{theirs:>8.3f} +- {nested.log_evidence_error:.3f} {waited:>8.0f} {ours - theirs:>8.3f} +- {error:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
