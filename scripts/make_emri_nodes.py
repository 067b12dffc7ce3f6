"""Solve the Teukolsky equation for eccentric equatorial orbits on the nodes of the EMRI tables.

Runs in an environment of its own, because `pybhpt` (GPL-3) needs Python >= 3.12 and numpy < 2.3:

    python3.12 -m venv nodes && nodes/bin/pip install 'pybhpt==1.0.0' 'numpy<2.3' h5py
    nodes/bin/python scripts/make_emri_nodes.py --out build/emri --spins 11 --distances 26 --eccentricities 9

Every spin is one chunk, a file of its own; a run that stops goes on with the chunks that are missing.
`scripts/make_emri_tables.py` packs them into the tables of the package. With `--random N` it solves N orbits
drawn over the same domain instead, the held-out set that the error map of the table is measured on.

Coordinates: `a` is signed (negative for retrograde orbits), Chebyshev in (1 - a)^(1/3); the distance to the
separatrix d = p - p_sep, Chebyshev in ln((d + 3.95) / 4); the eccentricity e = s e_max(d), Chebyshev in s on
[0, 1]: at fixed distance to the separatrix, which moves with e, the fluxes are not even in e.
"""

import argparse
import math
import multiprocessing
import os
import time
from pathlib import Path

import h5py
import numpy as np
from pybhpt.flux import FluxMode
from pybhpt.geo import KerrGeodesic
from pybhpt.teuk import TeukolskyMode

SPIN_LIMIT = 0.998
NEAREST, FARTHEST = 0.002, 21.0
LARGEST_L = 30
# A mode weaker than the first share of the total ends the sum over n; an l weaker than the second ends that over l,
# whose tail is extrapolated. Looser close to the separatrix of fast holes, where hundreds of modes share the power
# and an inspiral spends its last minutes.
TOLERANCE, TOLERANCE_L = 3e-9, 3e-7
LOOSE, LOOSE_L = 3e-7, 1e-5
# Very eccentric orbits spread their power over a thousand modes; the grid resolves their fluxes to some 1e-6.
ECCENTRIC, ECCENTRIC_TOLERANCE, ECCENTRIC_TOLERANCE_L = 0.35, 1e-8, 1e-6
# The solver says how many digits of a mode are noise.
WORST_PRECISION = 1e-2
# What is written of an orbit, beside its amplitudes.
COLUMNS = (
    "orbit", "fluxes", "frequencies", "constants", "tail", "largest_l", "modes", "rejected", "seconds",
)  # fmt: skip
# Harmonics whose amplitudes are kept, up to this l, and those weaker than this share of the power are dropped.
KEPT_L, KEPT_SHARE = 6, 1e-8


def separatrix(a: float, e: float) -> float:
    """Semi-latus rectum of the last stable orbit [M], by bisection of the equatorial polynomial.

    Reference: Stein and Warburton, arXiv:1912.07609, section II.
    """

    def polynomial(p: float) -> float:
        return (
            a**4 * (e - 3) ** 2 * (e + 1) ** 2
            + p * p * (p - 6 - 2 * e) ** 2
            - 2 * a * a * (1 + e) * p * (14 + 2 * e * e + 3 * p - e * p)
        )

    low, high = (1 + e, 6 + 2 * e) if a >= 0 else (6 + 2 * e, 5 + e + 4 * math.sqrt(1 + e) + 1e-9)
    if a == 0:
        return 6 + 2 * e
    sign = math.copysign(1.0, polynomial(low))
    for _ in range(200):
        middle = 0.5 * (low + high)
        if math.copysign(1.0, polynomial(middle)) == sign:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def largest_eccentricity(distance):
    """The domain of the table: 0.8 far from the separatrix, 0.2 at it."""
    return 0.8 - 0.6 * np.exp(-np.asarray(distance) / 2.0)


def chebyshev(number: int, low: float, high: float) -> np.ndarray:
    """Chebyshev nodes of the first kind on [low, high], ascending."""
    angle = np.pi * (2 * np.arange(number) + 1) / (2 * number)
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)


class Orbit:
    """Fluxes and amplitudes of one orbit, mode by mode."""

    def __init__(self, a: float, p: float, e: float) -> None:
        distance = p - separatrix(a, e)
        samples = 64 if e < 0.12 else 128 if e < 0.3 else 256 if e < 0.47 else 512 if e < 0.65 else 1024
        samples = max(samples, 256 if distance < 0.3 else 128 if distance < 1.0 else 64)
        self.samples, self.e = samples, e
        loose = a > 0.85 and distance < 0.5
        self.tolerance, self.tolerance_l = (LOOSE, LOOSE_L) if loose else (TOLERANCE, TOLERANCE_L)
        if e > ECCENTRIC:
            self.tolerance = max(self.tolerance, ECCENTRIC_TOLERANCE)
            self.tolerance_l = max(self.tolerance_l, ECCENTRIC_TOLERANCE_L)
        # The change of a small eccentricity is a difference of order e^2 of the fluxes.
        self.tolerance = min(self.tolerance, 1e-4 * e * e) if loose else min(self.tolerance, 1e-5 * e * e)
        self.tolerance_l = min(self.tolerance_l, 1e-2 * e * e) if loose else min(self.tolerance_l, 1e-3 * e * e)
        self.geodesic = KerrGeodesic(abs(a), p, e, 1.0 if a >= 0 else -1.0, samples)
        self.modes: dict[tuple[int, int, int], tuple[complex, complex, float, np.ndarray]] = {}
        self.fluxes: dict[tuple[int, int, int], np.ndarray] = {}
        self.total = 0.0
        self.rejected = 0

    def solve(self, l: int, m: int, n: int) -> np.ndarray:
        """(E at infinity, E at the horizon, L at infinity, L at the horizon), both signs of the mode together."""
        mode = TeukolskyMode(-2, l, m, 0, n, self.geodesic)
        mode.solve(self.geodesic, nsamples=self.samples)
        flux = FluxMode(self.geodesic, mode)
        energy, momentum = flux.Edot, flux.Ldot
        value = 2.0 * np.array([energy["I"], energy["H"], momentum["I"], momentum["H"]])
        precision = (mode.precision("Up"), mode.precision("In"), mode.precision("Up"), mode.precision("In"))
        noisy = ~np.isfinite(value) | ~(np.array(precision) < WORST_PRECISION)
        self.rejected += int(noisy.any() and np.abs(value[noisy]).max() > self.tolerance * self.total)
        value[noisy] = 0.0
        self.fluxes[l, m, n] = value
        if l <= KEPT_L:
            mixing = np.zeros(KEPT_L + 1)
            for spherical in range(max(2, abs(m)), KEPT_L + 1):
                if mode.mincouplingmode <= spherical <= mode.maxcouplingmode:
                    mixing[spherical] = mode.couplingcoefficient(spherical)
            self.modes[l, m, n] = (mode.amplitude("Up"), mode.amplitude("In"), mode.frequency, mixing)
        self.total += value[0]
        return value

    def walk(self, l: int, m: int, start: int) -> tuple[int, float]:
        """Sum over n outward from `start`; returns the strongest n and its power."""
        strongest, peak = start, 0.0
        for step in (1, -1):
            n = start if step == 1 else start - 1
            quiet = 0
            while abs(n) <= 150 and not (m == 0 and n < 1):
                value = self.solve(l, m, n)
                power = abs(value[0]) + abs(value[1])
                if power > peak:
                    strongest, peak = n, power
                quiet = quiet + 1 if power < self.tolerance * abs(self.total) else 0
                if quiet >= 3:
                    break
                n += step
        return strongest, peak

    def sum(self) -> tuple[np.ndarray, float, int]:
        """Total fluxes with the tail in l extrapolated, the share of that tail, and the largest l."""
        # Harmonics peak where a fast passage puts them, n in proportion to m; m counts against the motion of a
        # retrograde orbit. A walk that began far from the peak, among modes too weak to count, would end at once.
        direction = 1 if self.geodesic.frequencies[2] > 0.0 else -1
        start = {(1, 1): direction * round((1 - self.e) ** -1.5 - 1)}
        by_l = np.zeros((LARGEST_L + 1, 4))
        last = 2
        for l in range(2, LARGEST_L + 1):
            for m in range(l, -1, -1):
                known = start[l - 1, l - 1] / (l - 1) if m == l else start[l, m + 1] / (m + 1)
                guess = max(1, start[l, 1]) if m == 0 else round(known * m)
                start[l, m], peak = self.walk(l, m, guess)
                if peak < 0.1 * self.tolerance * abs(self.total):
                    break
            by_l[l] = sum(value for key, value in self.fluxes.items() if key[0] == l)
            last = l
            if l >= 5 and abs(by_l[l, 0]) + abs(by_l[l, 1]) < self.tolerance_l * self.total:
                break
        total = by_l.sum(axis=0)
        tail = np.zeros(4)
        for column in range(4):
            one, two, three = by_l[last - 2, column], by_l[last - 1, column], by_l[last, column]
            ratio = three / two if two else 0.0
            drift = ratio - (two / one if one else 0.0)
            ratio = min(max(ratio + drift, 0.0), 0.9)
            tail[column] = three * ratio / (1 - ratio)
        return total + tail, float(abs(tail[0]) / total[0]), last

    def kept(self) -> np.ndarray:
        """Amplitudes of the strongest harmonics: (L, m, n) and the spherical-basis A_Lmn = -2 sum_l b Z / w^2."""
        spherical: dict[tuple[int, int, int], complex] = {}
        for (_, m, n), (amplitude, _, frequency, mixing) in self.modes.items():
            for degree in range(max(2, m), KEPT_L + 1):
                term = -2.0 * mixing[degree] * amplitude / frequency**2
                spherical[degree, m, n] = spherical.get((degree, m, n), 0.0) + term
        rows = [
            (degree, m, n, value.real, value.imag)
            for (degree, m, n), value in spherical.items()
            if abs(value) ** 2 * self.frequency(m, n) ** 2 / (4 * np.pi) > KEPT_SHARE * self.total
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 5)

    def frequency(self, m: int, n: int) -> float:
        """Angular frequency of a harmonic [1/M]."""
        omega = self.geodesic.frequencies
        return float(m * omega[2] + n * omega[0])


def solve_orbit(task: tuple[float, float, float]) -> dict:
    """Everything the tables keep of one orbit."""
    a, p, e = task
    started = time.perf_counter()
    orbit = Orbit(a, p, e)
    fluxes, tail, last = orbit.sum()
    omega = orbit.geodesic.frequencies
    return {
        "orbit": (a, p, e),
        "fluxes": fluxes,
        "frequencies": (omega[2], omega[0]),
        "constants": orbit.geodesic.orbitalconstants[:2],
        "tail": tail,
        "largest_l": last,
        "modes": len(orbit.fluxes),
        "rejected": orbit.rejected,
        "seconds": time.perf_counter() - started,
        "amplitudes": orbit.kept(),
    }


def read(path: Path) -> list[dict]:
    """The answers of a chunk, as `solve_orbit` gave them."""
    with h5py.File(path) as file:
        columns = {name: file[name][:] for name in COLUMNS}
        parts = np.split(file["amplitudes"][:], file["amplitude_offsets"][1:-1])
    return [
        {**{name: values[i] for name, values in columns.items()}, "amplitudes": parts[i]} for i in range(len(parts))
    ]


def write(path: Path, answers: list[dict], attributes: dict) -> None:
    """One chunk, written whole or not at all."""
    temporary = path.with_suffix(".tmp")
    with h5py.File(temporary, "w") as file:
        for name in COLUMNS:
            file[name] = np.array([answer[name] for answer in answers])
        lengths = [len(answer["amplitudes"]) for answer in answers]
        file["amplitude_offsets"] = np.concatenate([[0], np.cumsum(lengths)])
        file.create_dataset("amplitudes", data=np.concatenate([a["amplitudes"] for a in answers]), compression=4)
        for name, value in attributes.items():
            file.attrs[name] = value
    temporary.replace(path)


def node_tasks(a: float, distances: np.ndarray, shares: np.ndarray) -> list[tuple[float, float, float]]:
    """The orbits of one spin, distances outermost."""
    tasks = []
    for u in distances:
        d = 4.0 * math.exp(u) - 3.95
        for e in shares * largest_eccentricity(d):
            tasks.append((float(a), separatrix(a, e) + d, float(e)))
    return tasks


def main() -> None:
    """Solve the nodes that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--spins", type=int, default=11)
    parser.add_argument("--distances", type=int, default=26)
    parser.add_argument("--eccentricities", type=int, default=9)
    parser.add_argument("--only", type=int, nargs="*", help="indices of the spins to solve")
    parser.add_argument("--random", type=int, default=0, help="solve this many random orbits instead")
    parser.add_argument("--above", type=float, help="solve anew the orbits of existing chunks beyond this eccentricity")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    low, high = (1 - SPIN_LIMIT) ** (1 / 3), (1 + SPIN_LIMIT) ** (1 / 3)
    spins = 1 - chebyshev(given.spins, low, high) ** 3
    reach = (math.log((NEAREST + 3.95) / 4), math.log((FARTHEST + 3.95) / 4))
    distances = chebyshev(given.distances, *reach)
    shares = chebyshev(given.eccentricities, 0.0, 1.0)
    chunks: dict[str, list] = {}
    if given.random:
        draw = np.random.default_rng(given.seed)
        tasks = []
        for _ in range(given.random):
            a = 1 - draw.uniform(low, high) ** 3
            d = 4 * math.exp(draw.uniform(*reach)) - 3.95
            e = draw.uniform(0, 1) * float(largest_eccentricity(d))
            tasks.append((a, separatrix(a, e) + d, e))
        chunks = {f"random_{given.seed}_{i // 50:03d}": tasks[i : i + 50] for i in range(0, len(tasks), 50)}
    else:
        for index in given.only if given.only is not None else range(given.spins):
            chunks[f"spin_{given.spins}_{index:02d}"] = node_tasks(spins[index], distances, shares)
    with multiprocessing.Pool(given.processes) as pool:
        for name, tasks in chunks.items():
            path = given.out / f"{name}.h5"
            if path.exists() and given.above is None:
                continue
            started = time.perf_counter()
            answers = read(path) if path.exists() else [None] * len(tasks)
            if path.exists():
                tasks = [task for task in tasks if task[2] > given.above]
            solved = iter(pool.map(solve_orbit, tasks, chunksize=1))
            answers = [next(solved) if known is None or known["orbit"][2] > given.above else known for known in answers]
            write(
                path,
                answers,
                {
                    "spins": given.spins,
                    "distances": given.distances,
                    "eccentricities": given.eccentricities,
                    "tolerance": TOLERANCE,
                    "generator": "pybhpt 1.0.0",
                },
            )
            seconds = time.perf_counter() - started
            worst = max(answer["tail"] for answer in answers)
            print(f"{name}: {len(tasks)} orbits, {seconds:.0f} s, tail <= {worst:.1e}", flush=True)


if __name__ == "__main__":
    main()
