"""What `simulate`, `train` and `check` of ringdown do, once their arguments are valid; imports JAX."""

from functools import partial

import numpy as np

from swansong.cli import runs
from swansong.cli.runs import Simulation
from swansong.ringdown import check as checking
from swansong.ringdown import events, fitting
from swansong.ringdown.analysis import Analysis
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Problem


def _simulation(problem: Problem, *, count: int, seed: int) -> Simulation:
    """Draw all parameters at once; whitened events follow in chunks."""
    analysis = simulated_analysis(problem)
    theta = events.draw_truths(analysis, count, seed=seed)
    return Simulation(
        partial(_simulate_chunk, analysis, theta, seed),
        {
            "parameters": analysis.model.parameters.to_list(),
            "detectors": list(problem.data.detectors),
            "analysis": analysis.fingerprint,
        },
        {"parameters": theta, "times": np.arange(problem.data.samples) / problem.data.rate},
    )


def _simulate_chunk(analysis: Analysis, theta: np.ndarray, seed: int, items: range) -> dict[str, np.ndarray]:
    """Whiten the events of one chunk; the noise of each depends on the seed and its number only."""
    seeds = [int(np.random.SeedSequence([seed, item]).generate_state(1, np.uint64)[0]) for item in items]
    whitened = [analysis.simulate(theta[item], seed=own) for item, own in zip(items, seeds, strict=True)]
    return {"whitened": np.stack(whitened), "snr": analysis.snr(theta[np.asarray(items)])}


simulate = partial(runs.simulate, _simulation, system="ringdown")
"""Draw a data set of whitened events; see `runs.simulate`."""

train = partial(runs.train, fitting.fit, system="ringdown")
"""Train an estimator; see `runs.train`."""

check = partial(runs.check, checking, system="ringdown")
"""Test an estimator on injections; see `runs.check`."""
