"""Pairs evolved to coalescence per second: the compiled batch beside an integrator of SciPy on some of them.

Environment:
    SWANSONG_BENCH_PAIRS: Pairs of the batch (100000).
"""

import math
import os
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from summary import measure, terminal_table

from swansong.binaries.evolution.evolve import TOLERANCE, evolve
from swansong.binaries.evolution.hardening import Constant, Exponential, ExponentialFloor, TimeLaws
from swansong.physics.peters import coalescence_time, enhancement, strength

SUBSET = 100
LIGHT = 440.84
PAIR = {"mass_1": 0.005, "mass_2": 0.005}
END = 1e-5  # semi-major axis at which the other integrator leaves the rest to Peters' integral


@dataclass(frozen=True)
class Speed:
    """One row of the table.

    Attributes:
        name: What was measured.
        pairs: Pairs evolved in one call.
        seconds: Wall-clock time of one call [s].
        processor_seconds: Processor time of it, all threads together [s].
    """

    name: str
    pairs: int
    seconds: float
    processor_seconds: float


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        cost, first = (one.processor_seconds / one.pairs for one in (row, rows[0]))
        times = (f"{row.seconds:.3g}", f"{row.processor_seconds:.3g}", f"{1e6 * cost:.4g}")
        return f"{row.pairs:,}", *times, f"{cost / first:.4g}"

    yield from terminal_table(
        request, "pairs to coalescence", heads=("pairs", "seconds", "cpu s", "cpu us a pair", "ratio"), cells=cells
    )


@pytest.fixture(scope="module")
def population():
    """Start values of pairs that have just become hard."""
    pairs = int(os.environ.get("SWANSONG_BENCH_PAIRS", "100_000"))
    rng = np.random.default_rng(5)
    return {
        "axis": rng.uniform(0.5, 1.5, pairs) / 60.0,
        "eccentricity": np.sqrt(rng.uniform(0.0, 0.98, pairs)),
        "rate": rng.lognormal(1.2, 0.4, pairs),
        "scale": rng.uniform(30.0, 300.0, pairs),
        "growth": rng.uniform(0.0, 0.06, pairs),
    }


def measured(name, pairs, function, benchmark, rows, *, rounds):
    """Time a function, after a first call that compiles it; keep its row and give its last answer."""
    wall, processor, answer = measure(benchmark, function, rounds=rounds, warm=rounds > 1)
    row = Speed(name, pairs, wall, processor)
    rows.append(row)
    benchmark.extra_info.update(vars(row))
    return row, answer


def evolved(population, count=None, *, law="floor", tolerance=TOLERANCE):
    """Merger times of the first pairs."""
    part = {name: values[:count] for name, values in population.items()}
    rate, scale = part["rate"], part["scale"]
    laws = {
        "constant": Constant(rate),
        "exponential": Exponential(rate, scale),
        "floor": ExponentialFloor(rate, scale, 0.3 * rate),
    }
    return evolve(
        part["axis"], part["eccentricity"], hardening=TimeLaws(laws[law], Constant(part["growth"])),
        speed_of_light=LIGHT, tolerance=tolerance, **PAIR,
    )  # fmt: skip


@pytest.mark.parametrize("law", ["constant", "exponential", "floor"])
def test_batch(benchmark, table_rows, population, law):
    """All pairs, in less than a minute on any machine."""
    pairs = len(population["axis"])
    row, found = measured(law, pairs, lambda: evolved(population, law=law), benchmark, table_rows, rounds=3)
    assert np.all(found.merged)
    assert row.seconds < 60.0 * pairs / 100_000


def scipy_times(population, method):
    """Merger times of some pairs by SciPy: the same equations, ln(1/a) as the independent variable, same tolerance."""
    beta, times = strength(speed_of_light=LIGHT, **PAIR), []
    for axis, e0, rate, scale, growth in zip(*(values[:SUBSET] for values in population.values()), strict=True):

        def slopes(x, y, rate=rate, scale=scale, growth=growth):
            t, e = y
            a, deficit = math.exp(-x), 1.0 - e * e
            stars = (0.3 * rate + 0.7 * rate * math.exp(-t / scale)) * a
            waves = beta / a**4 * enhancement(e)
            fall = 19.0 / 12.0 * beta / a**4 * e * (1.0 + 121.0 / 304.0 * e * e) / deficit**2.5
            return 1.0 / (stars + waves), (growth * stars - fall) / (stars + waves)

        span = (-math.log(axis), -math.log(END))
        # A step that tries an eccentricity above one is refused by the solver itself.
        with np.errstate(invalid="ignore"):
            found = solve_ivp(slopes, span, (0.0, e0), method=method, rtol=TOLERANCE, atol=0.1 * TOLERANCE)
        end = found.y[:, -1]
        times.append(end[0] + coalescence_time(END, max(end[1], 0.0), speed_of_light=LIGHT, **PAIR))
    return np.array(times)


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
def test_scipy(benchmark, table_rows, population, method):
    """SciPy on a part of the pairs, and that it gives the same times."""
    _, times = measured(
        f"scipy {method}", SUBSET, lambda: scipy_times(population, method), benchmark, table_rows, rounds=1
    )
    np.testing.assert_allclose(times, evolved(population, SUBSET).merger_time, rtol=1e-6)
