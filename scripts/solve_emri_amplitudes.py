"""Solve the Teukolsky equation for the modes of a plan.

Runs in an environment of its own, because `pybhpt` (GPL-3) needs Python >= 3.12 and numpy < 2.3:

    python3.12 -m venv solver && solver/bin/pip install 'pybhpt==1.0.0' 'numpy<2.3' h5py
    solver/bin/python scripts/solve_emri_amplitudes.py PLAN.h5 ... --out build/amplitudes

Plans come from `swansong emri amplitudes generate`. Every plan becomes one file, written whole or not at all; a run
that stops goes on with the plans that are missing. With --watch it waits for further plans until a file named
`complete` lies beside them.
"""

import argparse
import multiprocessing
import os
import time
from pathlib import Path

import h5py
import numpy as np
from pybhpt.geo import KerrGeodesic
from pybhpt.teuk import TeukolskyMode

# A mode whose error, by the solver's own estimate, is larger than this share of the orbit's strongest is solved anew
# on twice as many points, up to the last size.
WORST = 1e-7
LARGEST_GRID = 512


def first_grid(e: float) -> int:
    """Points of half a radial period to begin with."""
    return 64 if e < 0.25 else 128


def solve_orbit(task: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Amplitudes at infinity and at the horizon, frequencies, and errors over the strongest, of one orbit."""
    orbit, modes = task
    started = time.perf_counter()
    a, p, e, x = orbit
    grids: dict[int, KerrGeodesic] = {}
    infinity, horizon = np.zeros(len(modes), complex), np.zeros(len(modes), complex)
    error, scale = np.zeros(len(modes)), 0.0
    # Strongest first, so that the scale is known from the first mode on.
    for place, (l, m, k, n) in enumerate(modes):
        size = first_grid(e)
        while True:
            if size not in grids:
                grids[size] = KerrGeodesic(a, p, e, x, size)
            mode = TeukolskyMode(-2, int(l), int(m), int(k), int(n), grids[size])
            mode.solve(grids[size], nsamples=size)
            value, precision = mode.amplitude("Up"), mode.precision("Up")
            strength = abs(value) / mode.frequency**2
            scale = max(scale, strength) if place == 0 or (np.isfinite(strength) and precision < 1e-3) else scale
            share = precision * strength / scale
            if share < WORST or size >= LARGEST_GRID:
                break
            size *= 2
        infinity[place], error[place] = value, share
        if mode.precision("In") < 1e-2:
            horizon[place] = mode.amplitude("In")
    frequencies = np.array(grids[first_grid(e)].frequencies)
    return infinity, horizon, frequencies, error, time.perf_counter() - started


def solve_plan(path: Path, out: Path, pool) -> None:
    """Solve one plan."""
    started = time.perf_counter()
    with h5py.File(path) as file:
        orbits, offsets, modes, left = (file[name][:] for name in ("orbits", "offsets", "modes", "left"))
    parts = np.split(modes, offsets[1:-1])
    answers = pool.map(solve_orbit, list(zip(orbits, parts, strict=True)), chunksize=1)
    temporary = out.with_suffix(".tmp")
    with h5py.File(temporary, "w") as file:
        file["orbits"], file["offsets"], file["left"] = orbits, offsets, left
        file.create_dataset("modes", data=modes, compression=4, shuffle=True)
        file["frequencies"] = np.array([answer[2] for answer in answers])
        for column, name in ((0, "infinity"), (1, "horizon")):
            values = np.concatenate([answer[column] for answer in answers]).astype(np.complex64)
            file.create_dataset(name, data=values, compression=4, shuffle=True)
        worst = np.concatenate([answer[3] for answer in answers])
        file.create_dataset("error", data=worst.astype(np.float32), compression=4, shuffle=True)
        file["seconds"] = np.array([answer[4] for answer in answers])
        file.attrs["generator"] = "pybhpt 1.0.0"
    temporary.replace(out)
    seconds = time.perf_counter() - started
    print(
        f"{path.stem}: {len(orbits)} orbits, {len(modes)} modes, {seconds:.0f} s, error <= {worst.max():.1e}",
        flush=True,
    )


def main() -> None:
    """Solve the plans that have no answer yet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plans", type=Path, nargs="+", help="plan files, or a folder of them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--watch", action="store_true", help="wait for further plans until a file `complete` is there")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(given.processes) as pool:
        while True:
            complete = any((path / "complete").exists() for path in given.plans if path.is_dir())
            plans = [one for path in given.plans for one in (sorted(path.glob("*.h5")) if path.is_dir() else [path])]
            missing = [path for path in plans if not (given.out / path.name).exists()]
            for path in missing:
                solve_plan(path, given.out / path.name, pool)
            if not missing and (complete or not given.watch):
                break
            time.sleep(1.0)


if __name__ == "__main__":
    main()
