"""Solve the homogeneous radial Teukolsky equation on the grid of the table of radial functions.

Runs in an environment of its own, because `pybhpt` (GPL-3) needs Python >= 3.12 and numpy < 2.3:

    python3.12 -m venv solver && solver/bin/pip install 'pybhpt==1.0.0' 'numpy<2.3' h5py scipy
    solver/bin/python scripts/make_emri_radial.py --end infinity --out build/radial
    solver/bin/python scripts/make_emri_radial.py --end horizon --out build/radial_up

Every (l, m) is one file; a run that stops goes on with the ones that are missing. `scripts/pack_emri_radial.py`
compresses them into the tables of the package.

For frequencies w > 0 and m from -l to l the file holds H of the functions that amplitudes at infinity and those at the
horizon (l to 6) are integrals against,

    R_in(r) / W = Delta^2 r^(l-2) T_l(w) H(r; a, w),    W = (R_in R_up' - R_up R_in') / Delta,
    R_up(r) / W = N_lm(a, w) r^3 y^(l+2) exp(i w r) H(r; a, w),    y^2 = 1 / r^2 + (w / l)^2,

with R_up = r^3 exp(i w r*) at infinity, T_l(w) = w^(l+2) Gamma(l+1-2iw)/l! exp(pi w) exp(2iw ln(4w/sqrt(e))) and
N_lm as in `swansong.emri.amplitudes.radial`, on

    a = 1 - v^3, v Chebyshev on [(1 - 0.99)^(1/3), 1];
    w = s^(3/2) w_top, s even on (0, 1], w_top = (1 + 1.2/l) (l + 1/2) times a mean of the photon orbits' frequencies
    (times 0.75^(3/2) for the horizon);
    r = lo - 1 + exp(t ln(1 + reach)), t Chebyshev on [0, 1], from 0.97 times the smallest periapsis for this spin to
    reach = 100 / sqrt(1 + (100 w / (20 + 1.6 l))^2) further, beyond which a mode of this frequency has no power.
"""

import argparse
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from pybhpt.radial import RadialTeukolsky
from scipy.special import loggamma

LARGEST_SPIN, LARGEST_E, NEAREST, FARTHEST, SPINS = 0.99, 0.5, 0.5, 100.0, 16


class End(NamedTuple):
    """What differs between the two ends: degrees, numbers of nodes, share of the highest frequency."""

    largest_l: int
    frequencies: int
    radii: int
    share: float


ENDS = {"infinity": End(10, 144, 40, 1.0), "horizon": End(6, 54, 24, 0.75**1.5)}


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


def near_zone(l: int, m: int, a: float, w: float) -> complex:
    """N_lm(a, w)."""
    root = np.sqrt(1 - a * a)
    drag = a * m - 2 * (1 + root) * w
    phase = np.exp(-0.5j * drag / (1 + root) * (1 + root + 2 * np.log(root)))
    return phase * np.prod([root + 1j * drag / k for k in range(3, l + 1)])


def solve(task: tuple[str, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """H, shape (frequencies, radii), and the eigenvalues lambda, for one spin."""
    name, l, m, place = task
    end = ENDS[name]
    shallow = (1 - LARGEST_SPIN) ** (1 / 3)
    a = 1 - (shallow + (1 - shallow) * chebyshev(SPINS)[place]) ** 3
    lo, top = lowest(a), end.share * highest_frequency(l, m, a)
    found, eigenvalues = np.zeros((end.frequencies, end.radii), complex), np.zeros(end.frequencies)
    for k in range(end.frequencies):
        w = top * ((k + 1) / end.frequencies) ** 1.5
        reach = FARTHEST / np.sqrt(1 + (FARTHEST * w / (20 + 1.6 * l)) ** 2)
        # The solver wants ascending radii.
        r = lo - 1 + np.exp(chebyshev(end.radii) * np.log1p(reach))
        radial = RadialTeukolsky(-2, l, m, a, w, r)
        radial.solve()
        inner, outer, delta = radial("In"), radial("Up"), r * r - 2 * r + a * a
        wronskian = ((inner * radial("Up", 1) - outer * radial("In", 1)) / delta).mean()
        if name == "infinity":
            found[k] = inner / (wronskian * delta**2 * r ** (l - 2.0) * tail(l, w))
        else:
            wave = r**3 * (1 / r**2 + (w / l) ** 2) ** (l / 2 + 1) * np.exp(1j * w * r)
            found[k] = outer / (wronskian * near_zone(l, m, a, w) * wave)
        eigenvalues[k] = np.real(radial.eigenvalue)
    return found, eigenvalues


def main() -> None:
    """Solve the modes that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--end", choices=sorted(ENDS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    with multiprocessing.Pool(given.processes) as pool:
        for l in range(2, ENDS[given.end].largest_l + 1):
            for m in range(-l, l + 1):
                path = given.out / f"radial_{l:02d}_{m:+03d}.h5"
                if path.exists():
                    continue
                started = time.perf_counter()
                answers = pool.map(solve, [(given.end, l, m, place) for place in range(SPINS)], chunksize=1)
                temporary = path.with_suffix(".tmp")
                with h5py.File(temporary, "w") as file:
                    file["values"] = np.array([answer[0] for answer in answers])
                    file["eigenvalues"] = np.array([answer[1] for answer in answers])
                    file.attrs["generator"] = "pybhpt 1.0.0"
                temporary.replace(path)
                print(f"({l}, {m}): {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
