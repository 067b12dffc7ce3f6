"""Pack the amplitudes of the EMRI nodes into the table that ships with swansong.

Reads what `scripts/make_emri_nodes.py` solved (build/emri/spin_*.h5), takes the harmonics that carry the
signals of a search, and compresses p A_Lmn over all modes, spins, distances and eccentricities by one
singular value decomposition. The error of the table is measured on orbits that are not nodes, if given.

    python scripts/make_emri_amplitudes.py --nodes build/emri --held-out build/emri/random_1_000.h5
"""

import argparse
from pathlib import Path

import h5py
import numpy as np

from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.emri.harmonics.amplitudes import FARTHEST, KIND, NEAREST, AmplitudeTable, read_amplitudes

OUTPUT = Path(__file__).parents[1] / "src/swansong/emri/harmonics/data/amplitudes.h5"
# Strongest first, by their mean share of the squared signal-to-noise ratio over 300 sources of a search prior,
# on the orbits at which they start; together 99 % of it.
HARMONICS = [
    *((2, 0), (3, 0), (2, 1), (4, 0), (3, 1), (2, 2), (2, 3), (4, 1), (5, 0), (3, 2), (2, -1), (2, 4), (3, -1), (2, 5)),
    *((3, 3), (2, 6), (5, 1), (2, 7), (4, 2), (4, -1), (6, 0), (2, 8), (3, 4), (2, 9), (2, 10), (4, 3), (2, 11)),
    *((5, -1), (3, 5), (6, 1), (5, 2), (1, 0), (1, 1)),
]
LARGEST_L, DEGREES = 6, 3
# Modes that nowhere reach this share of the amplitude of an orbit are left out, and so are maps whose loss
# changes no node by more than the second.
WEAKEST, LOSS = 1e-3, 2e-4


def chebyshev(number: int, low: float, high: float) -> np.ndarray:
    """Nodes of the generator's grid."""
    angle = np.pi * (2 * np.arange(number) + 1) / (2 * number)
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)


def read_orbits(path: Path) -> tuple[np.ndarray, list[dict[tuple[int, int, int], complex]]]:
    """Orbits (a, p, e) of one file and their amplitudes, in this package's labels.

    The generator describes a retrograde orbit by an azimuth that decreases; counted along the orbit, with the
    axis turned over, the amplitude of (L, m, n) is the conjugate of that of (L, m, -n).
    """
    with h5py.File(path) as file:
        orbits, offsets, rows = file["orbit"][:], file["amplitude_offsets"][:], file["amplitudes"][:]
    answers = []
    for orbit, low, high in zip(orbits, offsets[:-1], offsets[1:], strict=True):
        sign = 1 if orbit[0] >= 0 else -1
        labels = rows[low:high, :3].astype(int)
        values = rows[low:high, 3] + sign * 1j * rows[low:high, 4]
        answers.append(
            {(int(L), int(m), sign * int(n)): complex(v) for (L, m, n), v in zip(labels, values, strict=True) if m > 0}
        )
    return orbits, answers


def node_values(
    paths: list[Path],
) -> tuple[np.ndarray, list[tuple[int, int, int]], np.ndarray, np.ndarray, np.ndarray]:
    """Spins, modes, distances, shares and p A of shape (modes, spins, distances, shares)."""
    with h5py.File(paths[0]) as file:
        counts = (int(file.attrs["distances"]), int(file.attrs["eccentricities"]))
    reach = (np.log((NEAREST + 3.95) / 4), np.log((FARTHEST + 3.95) / 4))
    distances = 4 * np.exp(chebyshev(counts[0], *reach)) - 3.95
    shares = chebyshev(counts[1], 0.0, 1.0)
    wanted = [(L, m, n) for m, n in HARMONICS for L in range(max(2, m), min(LARGEST_L, max(2, m) + DEGREES - 1) + 1)]
    spins, values = [], np.zeros((len(wanted), len(paths), distances.size * shares.size), dtype=complex)
    strength = np.zeros(len(wanted))
    for place, path in enumerate(paths):
        orbits, answers = read_orbits(path)
        spins.append(orbits[0, 0])
        for node, (orbit, answer) in enumerate(zip(orbits, answers, strict=True)):
            found = np.array([answer.get(mode, 0.0) for mode in wanted])
            values[:, place, node] = orbit[1] * found
            total = np.sqrt(sum(abs(value) ** 2 for value in answer.values()))
            strength = np.maximum(strength, np.abs(found) / total)
    kept = strength > WEAKEST
    modes = [mode for mode, keep in zip(wanted, kept, strict=True) if keep]
    shape = (len(modes), len(paths), distances.size, shares.size)
    order = np.argsort(spins)
    return np.array(spins)[order], modes, distances, shares, values[kept].reshape(shape)[:, order]


def compress(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (modes, spins, maps) and maps (maps, distances, shares)."""
    modes, spins, distances, shares = values.shape
    flat = values.reshape(modes * spins, distances * shares)
    left, strengths, right = np.linalg.svd(flat, full_matrices=False)
    largest = np.abs(flat).max()
    rank = strengths.size
    for count in range(10, strengths.size, 5):
        if np.abs((left[:, :count] * strengths[:count]) @ right[:count] - flat).max() < LOSS * largest:
            rank = count
            break
    print(f"{modes} modes, {spins} spins, {rank} maps")
    weights = (left[:, :rank] * strengths[:rank]).reshape(modes, spins, rank)
    return weights.astype(np.complex64), right[:rank].reshape(rank, distances, shares).astype(np.complex64)


def held_out_errors(table: AmplitudeTable, path: Path) -> np.ndarray:
    """For each orbit of a file a, p, e, the relative error of all modes together and the share they cover."""
    orbits, answers = read_orbits(path)
    rows = []
    for (a, p, e), answer in zip(orbits, answers, strict=True):
        if not -0.998 <= a <= 0.998:
            continue
        found = table.amplitudes(
            spin=a, semi_latus_rectum=np.array([p]), eccentricity=np.array([e]), harmonics=table.harmonics
        )
        error = covered = 0.0
        for (m, n), values in zip(table.harmonics, found, strict=True):
            for L, value in zip(table.degrees(m, n), values[:, 0], strict=True):
                truth = answer.get((L, m, n), 0.0)
                error += abs(value - truth) ** 2
                covered += abs(truth) ** 2
        total = sum(abs(value) ** 2 for value in answer.values())
        rows.append((a, p, e, np.sqrt(error / covered), covered / total))
    return np.array(rows)


def main() -> None:
    """Write the table and measure it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=OUTPUT)
    given = parser.parse_args()
    paths = sorted(given.nodes.glob("spin_*.h5"))
    spins, modes, distances, shares, values = node_values(paths)
    weights, maps = compress(values)
    arrays = {
        "modes": np.array(modes, dtype=np.int64),
        "spins": spins,
        "distances": distances,
        "shares": shares,
        "weights": weights,
        "maps": maps,
    }
    with h5py.File(paths[0]) as file:
        generator = str(file.attrs["generator"])
    metadata = {"source": f"{generator}, scripts/make_emri_nodes.py", "largest_l": LARGEST_L}
    configuration = {"weakest": WEAKEST, "loss": LOSS, "degrees": DEGREES}
    provenance = collect(configuration=configuration, command="make_emri_amplitudes")
    write_product(given.out, kind=KIND, arrays=arrays, metadata=metadata, provenance=provenance, force=True)
    if given.held_out:
        table = read_amplitudes(given.out)
        errors = np.concatenate([held_out_errors(table, path) for path in given.held_out])
        arrays["held_out"] = errors
        write_product(given.out, kind=KIND, arrays=arrays, metadata=metadata, provenance=provenance, force=True)
        print(
            f"held out {len(errors)}: median {np.median(errors[:, 3]):.1e}, 90 % {np.quantile(errors[:, 3], 0.9):.1e}"
        )
    print(f"{given.out.name}: {given.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
