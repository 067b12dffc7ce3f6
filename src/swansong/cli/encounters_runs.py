"""What `simulate`, `train` and `check` of encounters do, once their arguments are valid; imports JAX."""

from functools import partial

import numpy as np

from swansong.cli import runs
from swansong.cli.runs import Simulation
from swansong.encounters import check as checking
from swansong.encounters import events, fitting
from swansong.encounters.model import EncounterModel
from swansong.encounters.problem import frequencies
from swansong.encounters.settings import Problem

SYSTEM = "encounters"


def _simulation(problem: Problem, *, count: int, seed: int) -> Simulation:
    """Strain of events, each with a day's noise of its own."""
    return Simulation(
        partial(_simulate_chunk, problem, seed),
        {
            "events": count,
            "parameters": EncounterModel(problem.prior, problem.model).parameters.to_list(),
            "detectors": list(problem.data.detectors),
            "gps": problem.source.gps,
            "duration": problem.data.duration,
        },
        {"frequency": frequencies(problem.data)},
    )


def _simulate_chunk(problem: Problem, seed: int, items: range) -> dict[str, np.ndarray]:
    """Draw the events of one chunk; each depends on the seed and its number only."""
    return events.draw_events(problem, seed=seed, items=items)


simulate = partial(runs.simulate, _simulation, system=SYSTEM)
"""Draw a data set of events in the frequency domain; see `runs.simulate`."""

train = partial(runs.train, fitting.fit, system=SYSTEM)
"""Train an estimator; see `runs.train`."""

check = partial(runs.check, checking, system=SYSTEM)
"""Test an estimator on injections; see `runs.check`."""
