"""Amplitudes of orbits per second: `lowrank` in batches, one by one, all modes of an equatorial orbit, and peers.

Environment:
    SWANSONG_BENCH_ORBITS: Orbits of a batch (256).
    SWANSONG_BENCH_PYBHPT: A Python that has `pybhpt`, which solves one orbit in the same run; left out if not set.
"""

import json
import os
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from summary import measure, terminal_table

from swansong.emri.amplitudes.domain import Domain, draw_orbits
from swansong.emri.amplitudes.models import load
from swansong.emri.amplitudes.plan import strongest_modes
from swansong.emri.amplitudes.radial import load_table
from swansong.emri.amplitudes.source import source_modes, source_orbits

SEED = 23
STRONGEST = 1000
ROUNDS = 5
# Times the solver on the modes given on its standard input.
SOLVER = """
import json, sys, time
from pybhpt.geo import KerrGeodesic
from pybhpt.teuk import TeukolskyMode
orbit, modes, size = json.load(sys.stdin)
began = time.perf_counter()
geodesic = KerrGeodesic(*orbit, size)
for mode in modes:
    TeukolskyMode(-2, *mode, geodesic).solve(geodesic, nsamples=size)
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Speed:
    """One row of the table.

    Attributes:
        name: What was measured.
        orbits: Orbits of one call.
        modes: Modes of an orbit.
        seconds: Wall-clock time of one call, median of the rounds [s].
    """

    name: str
    orbits: int
    modes: int
    seconds: float


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        each, (rate, first) = row.seconds / row.orbits, (one.orbits * one.modes / one.seconds for one in (row, rows[0]))
        counts, times = (f"{row.orbits}", f"{row.modes:,}"), (f"{1e3 * each:.3g}", f"{1 / each:.4g}")
        return *counts, *times, f"{1e6 / rate:.3g}", f"{first / rate:.3g}"

    yield from terminal_table(
        request,
        "amplitudes of orbits",
        heads=("orbits", "modes", "ms an orbit", "orbits/s", "us a mode", "slower"),
        cells=cells,
    )


@pytest.fixture(scope="module")
def orbits():
    """Generic orbits drawn over the whole domain."""
    count = int(os.environ.get("SWANSONG_BENCH_ORBITS", "256"))
    return draw_orbits("KG", count=count, seed=SEED, domain=Domain(), even=False)


@pytest.fixture(scope="module")
def lists(orbits):
    """The strongest modes of each."""
    return np.stack([strongest_modes(orbit, share=0.0, most=STRONGEST)[0] for orbit in orbits])


def timed(name, orbits, modes, call, benchmark, *, rounds=ROUNDS):
    """Its row, after a first call that compiles."""
    wall, _, _ = measure(benchmark, call, rounds=rounds)
    row = Speed(name, orbits, modes, wall)
    benchmark.extra_info.update(vars(row))
    return row


def test_strongest_modes_of_generic_orbits(orbits, lists, benchmark, table_rows):
    def call():
        return source_modes(load_table(), source_orbits(orbits), lists)

    row = timed("lowrank, each orbit's strongest", len(orbits), STRONGEST, call, benchmark)
    table_rows.append(row)
    found = call()
    assert np.isfinite(found.amplitudes).all()
    assert found.inside.mean() > 0.95


def test_one_orbit_at_a_time(orbits, lists, benchmark, table_rows):
    model, few = load("lowrank"), 32

    def call():
        for orbit, modes in zip(orbits[:few], lists[:few], strict=True):
            model(**dict(zip("apex", map(float, orbit), strict=True)), modes=modes)

    table_rows.append(timed("lowrank, one call an orbit", few, STRONGEST, call, benchmark, rounds=3))


def test_all_modes_of_equatorial_orbits(benchmark, table_rows):
    # The modes of FastEMRIWaveforms' table: l to 10, m from 0, n from -30 to 30.
    modes = np.array([(l, m, 0, n) for l in range(2, 11) for m in range(l + 1) for n in range(-30, 31) if m or n])
    orbits = draw_orbits("KEE", count=64, seed=SEED, domain=Domain(), even=False)

    def call():
        return source_modes(load_table(), source_orbits(orbits), modes[None])

    table_rows.append(timed("lowrank, all of l <= 10, k = 0", len(orbits), len(modes), call, benchmark, rounds=3))


def test_all_modes_that_matter_of_generic_orbits(orbits, benchmark, table_rows):
    # All of l <= 10 but 1e-6 of the power.
    few = orbits[:32]
    chosen = [strongest_modes(orbit, share=1e-6, most=20_000)[0] for orbit in few]
    counts = np.array([len(one) for one in chosen])
    lists = np.zeros((len(few), counts.max(), 4), np.int64)
    for row, one in enumerate(chosen):
        lists[row, : len(one)] = one

    def call():
        return source_modes(load_table(), source_orbits(few), lists, counts=counts)

    table_rows.append(timed("lowrank, l <= 10 but 1e-6", len(few), int(counts.mean()), call, benchmark, rounds=3))


def test_analytic_baseline(orbits, lists, benchmark, table_rows):
    model, few = load("kludge"), 8

    def call():
        for orbit, modes in zip(orbits[:few], lists[:few], strict=True):
            model(**dict(zip("apex", map(float, orbit), strict=True)), modes=modes)

    table_rows.append(timed("kludge, one call an orbit", few, STRONGEST, call, benchmark, rounds=3))


def test_solver(orbits, lists, benchmark, table_rows):
    python = os.environ.get("SWANSONG_BENCH_PYBHPT")
    if not python:
        pytest.skip("SWANSONG_BENCH_PYBHPT does not name a Python with pybhpt")
    few = 100
    given = json.dumps([list(map(float, orbits[0])), lists[0, :few].tolist(), 128])

    def solve():
        return subprocess.run([python, "-c", SOLVER], input=given, capture_output=True, text=True, check=True)

    seconds = float(benchmark.pedantic(solve, rounds=1).stdout)
    table_rows.append(Speed("pybhpt, strongest 100", 1, few, seconds))
