"""Mergers star by star: the split integrator beside one with a tree code, and direct sums beside the tree.

Environment:
    SWANSONG_BENCH_STARS: Stars of the merger (4096).
"""

import os
import time
from dataclasses import dataclass

import numpy as np
import pytest
from summary import terminal_table

from swansong.binaries.nbody.engine import Galaxies, Stepper, energy
from swansong.binaries.nbody.gravity import Direct, Tree
from swansong.binaries.nbody.initial import initial_conditions
from swansong.binaries.nbody.settings import Accuracy
from swansong.binaries.trajectories import Merger

STARS = int(os.environ.get("SWANSONG_BENCH_STARS", "4096"))
SPAN = 2.0  # time that is integrated
RUN = 250.0  # time of a whole merger, to which the rows are scaled
SOFTENING = 0.03


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: What was measured.
        seconds: Wall-clock time of it [s].
        whole: Time of a whole merger at this rate [s], NaN for single forces.
        error: Relative change of the energy, NaN for single forces.
    """

    name: str
    seconds: float
    whole: float = float("nan")
    error: float = float("nan")


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        return f"{row.seconds:.3g}", f"{row.whole:.3g}", f"{row.error:.1e}"

    yield from terminal_table(request, f"mergers of {STARS} stars", heads=("seconds", "t = 250", "dE/E"), cells=cells)


def bodies() -> Galaxies:
    """The two galaxies before they meet."""
    first = initial_conditions(Merger(0.9, STARS, 1))
    holes = np.concatenate([first.positions[:2], first.velocities[:2], first.masses[:2, None]], axis=1)
    place, speed = first.positions[2:].T.copy(), first.velocities[2:].T.copy()
    return Galaxies(0.0, place, speed, first.masses[2:].copy(), np.arange(STARS), holes)


def advance(accuracy: Accuracy) -> tuple[float, float]:
    """Integrate for `SPAN`; gives wall-clock time and relative change of energy."""
    galaxies, gravity = bodies(), Direct(accuracy.softening)
    begin = energy(galaxies, accuracy=accuracy, gravity=gravity)
    start = time.perf_counter()
    for _ in Stepper(galaxies, accuracy=accuracy, gravity=gravity).advance(round(SPAN / accuracy.longest)):
        pass
    seconds = time.perf_counter() - start
    return seconds, abs(energy(galaxies, accuracy=accuracy, gravity=gravity) / begin - 1.0)


@pytest.mark.parametrize("name", ["steps by powers of two", "one step for all"])
def test_split_integrator(benchmark, table_rows, name: str) -> None:
    accuracy = Accuracy() if name.startswith("steps") else Accuracy(levels=1)
    advance(accuracy)  # compiles
    seconds, error = benchmark.pedantic(advance, args=(accuracy,), rounds=1, iterations=1)
    table_rows.append(Row(f"swansong, {name}", seconds, seconds * RUN / SPAN, error))


def test_leapfrog_with_a_tree(benchmark, table_rows) -> None:
    """The plain way with a tree code: kick, drift, kick for all bodies, holes softened as stars are."""
    tree = pytest.importorskip("pytreegrav")
    first = initial_conditions(Merger(0.9, STARS, 1))
    step, support = Accuracy().step, np.full(STARS + 2, 2.8 * SOFTENING)
    options = {"theta": 0.5, "quadrupole": True, "parallel": True, "method": "tree"}

    def pull(place: np.ndarray) -> np.ndarray:
        return tree.Accel(place, first.masses, support, **options)

    def run() -> float:
        place, speed = first.positions.copy(), first.velocities.copy()
        start = time.perf_counter()
        force = pull(place)
        for _ in range(round(SPAN / step)):
            speed += 0.5 * step * force
            place += step * speed
            force = pull(place)
            speed += 0.5 * step * force
        return time.perf_counter() - start

    pull(first.positions)  # compiles
    seconds = benchmark.pedantic(run, rounds=1, iterations=1)
    table_rows.append(Row("leapfrog with pytreegrav", seconds, seconds * RUN / SPAN))


@pytest.mark.parametrize("name", ["direct", "tree"])
def test_all_forces_once(benchmark, table_rows, name: str) -> None:
    if name == "tree":
        pytest.importorskip("pytreegrav")
    gravity = Direct(SOFTENING) if name == "direct" else Tree(SOFTENING)
    galaxies, steps = bodies(), np.full(STARS, 0.5)

    def kick() -> None:
        gravity.kick_all(galaxies.position, galaxies.velocity.copy(), galaxies.mass, np.zeros(STARS), steps)

    kick()
    benchmark.pedantic(kick, rounds=5, iterations=1)
    table_rows.append(Row(f"forces of all stars, {name}", benchmark.stats.stats.median))
