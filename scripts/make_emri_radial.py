"""Solve the homogeneous radial Teukolsky equation on the grid of the table of radial functions.

Runs in an environment of its own, because `pybhpt` (GPL-3) needs Python >= 3.12 and numpy < 2.3:

    python3.12 -m venv solver && solver/bin/pip install 'pybhpt==1.0.0' 'numpy<2.3' h5py scipy
    solver/bin/python scripts/make_emri_radial.py --out build/radial

Every (l, m) is one file; a run that stops goes on with the ones that are missing. `scripts/pack_emri_radial.py`
compresses them into the table of the package.

For frequencies w > 0 and m from -l to l the file holds

    R_in(r) / W = Delta^2 r^(l-2) T_l(w) H(r; a, w),    W = (R_in R_up' - R_up R_in') / Delta,

with R_up = r^3 exp(i w r*) at infinity and T_l(w) = w^(l+2) Gamma(l+1-2iw)/l! exp(pi w) exp(2iw ln(4w/sqrt(e))), on

    a = 1 - v^3, v Chebyshev on [(1 - 0.99)^(1/3), 1];
    w = s^(3/2) w_top, s even on (0, 1], w_top = (1 + 1.2/l) (l + 1/2) times a mean of the photon orbits' frequencies;
    r = lo - 1 + exp(t ln(1 + reach)), t Chebyshev on [0, 1], from 0.97 times the smallest periapsis for this spin to
    reach = 100 / sqrt(1 + (100 w / (20 + 1.6 l))^2) further, beyond which a mode of this frequency has no power.
"""

import argparse
import multiprocessing
import os
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
from pybhpt.radial import RadialTeukolsky
from scipy.special import loggamma

LARGEST_L, LARGEST_SPIN, LARGEST_E, NEAREST, FARTHEST = 10, 0.99, 0.5, 0.5, 100.0
SPINS, FREQUENCIES, RADII = 16, 144, 40


def chebyshev(number: int) -> np.ndarray:
    """Nodes on [0, 1], ascending."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(number) + 0.5) / number)


def lowest(a: float) -> float:
    """Radius below every periapsis of the domain: that of the prograde equatorial orbit of the largest eccentricity."""
    e = LARGEST_E
    v = np.sqrt(6 + 2 * e)
    for _ in range(100):
        linear = 8 * a * np.sqrt(1 + e)
        value = v**4 - (6 + 2 * e) * v**2 + linear * v - (1 + e) * (3 - e) * a * a
        v -= value / (4 * v**3 - 2 * (6 + 2 * e) * v + linear)
    return 0.97 * (v * v + NEAREST) / (1 + e)


def highest_frequency(l: int, m: int, a: float) -> float:
    """Above the barrier of the potential of this mode."""
    prograde = 2 * (1 + np.cos(2 / 3 * np.arccos(-a)))
    retrograde = 2 * (1 + np.cos(2 / 3 * np.arccos(a)))
    share = m / (l + 0.5)
    mean = 0.5 * ((1 + share) / (prograde**1.5 + a) + (1 - share) / (retrograde**1.5 - a))
    return (1 + 1.2 / l) * (l + 0.5) * mean


def tail(l: int, w: float) -> complex:
    """T_l(w)."""
    power = loggamma(l + 1 - 2j * w) - loggamma(l + 1) + np.pi * w + 2j * w * np.log(4 * w / np.sqrt(np.e))
    return w ** (l + 2) * np.exp(power)


def solve(task: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """H, shape (frequencies, radii), and the eigenvalues lambda, for one spin."""
    l, m, place = task
    shallow = (1 - LARGEST_SPIN) ** (1 / 3)
    a = 1 - (shallow + (1 - shallow) * chebyshev(SPINS)[place]) ** 3
    lo, top = lowest(a), highest_frequency(l, m, a)
    found, eigenvalues = np.zeros((FREQUENCIES, RADII), complex), np.zeros(FREQUENCIES)
    for k in range(FREQUENCIES):
        w = top * ((k + 1) / FREQUENCIES) ** 1.5
        reach = FARTHEST / np.sqrt(1 + (FARTHEST * w / (20 + 1.6 * l)) ** 2)
        # The solver wants ascending radii.
        r = lo - 1 + np.exp(chebyshev(RADII) * np.log1p(reach))
        radial = RadialTeukolsky(-2, l, m, a, w, r)
        radial.solve()
        value, delta = radial("In"), r * r - 2 * r + a * a
        wronskian = (value * radial("Up", 1) - radial("Up") * radial("In", 1)) / delta
        found[k] = value / (wronskian.mean() * delta**2 * r ** (l - 2.0) * tail(l, w))
        eigenvalues[k] = np.real(radial.eigenvalue)
    return found, eigenvalues


def main() -> None:
    """Solve the modes that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    with multiprocessing.Pool(given.processes) as pool:
        for l in range(2, LARGEST_L + 1):
            for m in range(-l, l + 1):
                path = given.out / f"radial_{l:02d}_{m:+03d}.h5"
                if path.exists():
                    continue
                started = time.perf_counter()
                answers = pool.map(solve, [(l, m, place) for place in range(SPINS)], chunksize=1)
                temporary = path.with_suffix(".tmp")
                with h5py.File(temporary, "w") as file:
                    file["values"] = np.array([answer[0] for answer in answers])
                    file["eigenvalues"] = np.array([answer[1] for answer in answers])
                    file.attrs["generator"] = "pybhpt 1.0.0"
                temporary.replace(path)
                print(f"({l}, {m}): {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
