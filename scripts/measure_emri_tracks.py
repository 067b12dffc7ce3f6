"""Measure the table of tracks against fluxes solved anew along the tracks of random sources.

Three steps, because the solver lives in an environment of its own (see `make_emri_nodes.py`):

    python scripts/measure_emri_tracks.py draw --work build/emri/check        # sources and orbits to solve
    nodes/bin/python scripts/measure_emri_tracks.py solve --work build/emri/check   # resumable, an hour on one core
    python scripts/measure_emri_tracks.py compare --work build/emri/check

`solve` finds the true fluxes at Chebyshev nodes of ln(p - p_sep + 3.95) along each curve e(p) of the table.
`compare` integrates what they change in the time and the eccentricity at given p (one Picard step: the changes
are small, so fluxes along the old curve are good to second order), and states the change of the azimuthal
frequency at equal time before plunge.
"""

import argparse
import json
from pathlib import Path

import numpy as np

SOURCES, NODES, SEED = 50, 16, 20
YEAR = 31558149.763545603
DAY = 86400.0


def draw(work: Path) -> None:
    """Draw sources from the prior and write the orbits to solve, two lists a source."""
    from swansong.core.errors import DomainError
    from swansong.emri import tracks
    from swansong.physics import kerr

    table, random = tracks.load(), np.random.default_rng(SEED)
    work.mkdir(parents=True, exist_ok=True)
    found = []
    while len(found) < SOURCES:
        source = {
            "mass_1": float(np.exp(random.uniform(*np.log([5e5, 5e6])))),
            "mass_2": float(random.uniform(1.0, 100.0)),
            "spin": float(random.uniform(0.0, 0.998)),
            "plunge_time": float(random.uniform(0.1, 1.0)),
            "final_eccentricity": float(random.uniform(0.0, 0.1)),
        }
        try:
            _, orbit = along(table, source)
        except DomainError as refused:
            print("refused:", refused)
            continue
        distance = orbit.p - np.asarray(kerr.separatrix(source["spin"], orbit.e))
        x = np.log(distance + 3.95)
        at = chebyshev_nodes(x[-1], x[0])
        p, e = (np.interp(at, x[::-1], values[::-1]) for values in (orbit.p, orbit.e))
        found.append({"source": source, "orbits": [[source["spin"], *pe] for pe in zip(p, e, strict=True)]})
    (work / "sources.json").write_text(json.dumps(found, indent=1))
    print(len(found), "sources,", SOURCES * NODES, "orbits")


def along(table, source: dict):
    """Times from the beginning to just before plunge, dense towards it, and the orbit there."""
    plunge = source["plunge_time"] * YEAR
    times = plunge - np.geomspace(plunge, 1e-6 * plunge, 2000)
    return times, table.orbit(times, **source)


def chebyshev_nodes(low: float, high: float) -> np.ndarray:
    """Nodes of the first kind, ascending."""
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.pi * (2 * np.arange(NODES) + 1) / (2 * NODES))


def solve(work: Path) -> None:
    """Solve the orbits, one file a source; sources whose file exists are left alone."""
    from make_emri_nodes import solve_orbit

    for index, task in enumerate(json.loads((work / "sources.json").read_text())):
        path = work / f"fluxes_{index:03d}.json"
        if path.exists():
            continue
        fluxes = [solve_orbit(tuple(orbit))["fluxes"].tolist() for orbit in task["orbits"]]
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(fluxes))
        temporary.replace(path)
        print(index, flush=True)


def compare(work: Path) -> None:
    """State the error of the frequencies."""
    from swansong.emri import tracks

    table, fluxes = tracks.load(), tracks.load_fluxes()
    medians, everywhere, early = [], [], []
    for index, task in enumerate(json.loads((work / "sources.json").read_text())):
        path = work / f"fluxes_{index:03d}.json"
        if not path.exists():
            continue
        errors, left = frequency_errors(table, fluxes, task, np.array(json.loads(path.read_text())))
        spaced = np.linspace(left[0], left[-1], 1000)
        even = np.interp(spaced[::-1], left[::-1], errors[::-1])[::-1]
        medians.append(np.median(even))
        everywhere.append(even)
        early.append(even[spaced > 10 * DAY])
        source = ", ".join(f"{name} {value:.4g}" for name, value in task["source"].items())
        print(f"{index:3d} median {medians[-1]:.1e} largest {even.max():.1e}  {source}")
    every, before = np.concatenate(everywhere), np.concatenate(early)
    print(
        f"{len(medians)} sources: |df/f| median {np.median(every):.1e}, 99 % {np.quantile(every, 0.99):.1e}; up to ten "
        f"days before plunge 99 % {np.quantile(before, 0.99):.1e}; worst median of a source {max(medians):.1e}"
    )


def frequency_errors(table, fluxes, task: dict, solved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|df/f| of the azimuthal frequency along a track, and the time left [s]."""
    import jax.numpy as jnp

    from swansong.emri.tracks.fluxes import balance
    from swansong.physics import kerr

    source, orbits = task["source"], np.array(task["orbits"])
    times, orbit = along(table, source)
    a = source["spin"]
    left = source["plunge_time"] * YEAR - times
    distance = orbit.p - np.asarray(kerr.separatrix(a, orbit.e))
    x = np.log(distance + 3.95)
    nodes_x = np.log(orbits[:, 1] - np.asarray(kerr.separatrix(a, orbits[:, 2])) + 3.95)
    energy, momentum = solved[:, 0] + solved[:, 1], solved[:, 2] + solved[:, 3]
    truth = balance(*(jnp.asarray(c) for c in orbits.T), energy=energy, momentum=momentum)
    mine = fluxes.rates(*orbits.T)
    slower = np.asarray(mine.p / truth.p) - 1.0
    steeper = np.asarray(truth.e / truth.p - mine.e / mine.p)

    def at_track(values: np.ndarray) -> np.ndarray:
        scaled = (2 * nodes_x - x[0] - x[-1]) / (x[0] - x[-1])
        series = np.polynomial.chebyshev.chebfit(scaled, values, NODES - 1)
        return np.polynomial.chebyshev.chebval((2 * x - x[0] - x[-1]) / (x[0] - x[-1]), series)

    def summed(density: np.ndarray, along_: np.ndarray) -> np.ndarray:
        """Integral from plunge back to every point; points run towards plunge."""
        steps = 0.5 * (density[1:] + density[:-1]) * (along_[:-1] - along_[1:])
        return np.append(np.cumsum(steps[::-1])[::-1], 0.0)

    more_time = summed(at_track(slower), left)
    more_eccentric = summed(at_track(steeper), orbit.p)
    omega = np.asarray(kerr.frequencies(a, orbit.p, orbit.e).azimuthal)
    step = 1e-5
    by_e = (np.asarray(kerr.frequencies(a, orbit.p, orbit.e + step).azimuthal) - omega) / step
    slope = table.harmonic(times, m=1, n=0, **source)
    # At equal time left the true track is where the table was `more_time` later.
    return np.abs(slope.derivative / slope.frequency * more_time + by_e / omega * more_eccentric), left


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", choices=("draw", "solve", "compare"))
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    {"draw": draw, "solve": solve, "compare": compare}[given.step](given.work)


if __name__ == "__main__":
    main()
