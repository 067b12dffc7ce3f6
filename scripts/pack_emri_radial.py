"""Compress the radial functions of `scripts/make_emri_radial.py` into the tables of the package.

    python scripts/pack_emri_radial.py --end infinity --radial build/radial
    python scripts/pack_emri_radial.py --end horizon --radial build/radial_up

At every (l, m) the functions of r of all spins and frequencies are combinations of a few: a singular value
decomposition of their Chebyshev coefficients. At the horizon all frequencies count alike and small radii more, where
power into the hole comes from.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.emri.amplitudes import radial

FOLDER = Path(__file__).parents[1] / "src/swansong/emri/amplitudes/data"
COARSE = 10  # weights of further, smaller functions are kept in half precision


class End(NamedTuple):
    """A table: kind of the product, file, degrees, functions of each (l, m), preference exp(-steepness t) of radii."""

    kind: str
    name: str
    largest_l: int
    rank: int
    steepness: float


ENDS = {
    "infinity": End(radial.KIND, "radial.h5", 10, 22, 0.0),
    "horizon": End(radial.UP_KIND, "radial_up.h5", radial.LARGEST_UP_L, 16, 8.0),
}


def transform(number: int) -> np.ndarray:
    """From values at ascending Chebyshev nodes to the coefficients of T_k(2 t - 1), for rows times this."""
    angle = np.pi - np.pi * (np.arange(number) + 0.5) / number
    found = np.cos(np.outer(angle, np.arange(number))) * 2.0 / number
    found[:, 0] *= 0.5
    return found


def decompose(values: np.ndarray, *, rank: int, steepness: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights (spins, frequencies, rank) and shapes (rank, radii) of functions, and the share of the smallest."""
    number = values.shape[-1]
    forward = transform(number)
    column, row = np.ones(number), np.ones(values.shape[:2])
    if steepness > 0.0:
        column = np.exp(-steepness * (0.5 - 0.5 * np.cos(np.pi * (np.arange(number) + 0.5) / number)))
        row = np.linalg.norm(values * column, axis=-1)
    coefficients = (values * column / row[..., None]).reshape(-1, number) @ forward
    left, sizes, right = np.linalg.svd(coefficients, full_matrices=False)
    left = left[:, :rank] * row.reshape(-1, 1)
    # Weights up to one, sizes go into the functions.
    largest = np.abs(left).max(axis=0)
    shapes = right[:rank] * (sizes[:rank] * largest)[:, None]
    if steepness > 0.0:
        shapes = (shapes @ np.linalg.inv(forward) / column) @ forward
    return (left / largest).reshape(*values.shape[:2], rank), shapes, float(sizes[rank - 1] / sizes[0])


def main() -> None:
    """Pack."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--end", choices=sorted(ENDS), required=True)
    parser.add_argument("--radial", type=Path, required=True)
    parser.add_argument("--rank", type=int)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    end = ENDS[given.end]
    rank, out = given.rank or end.rank, given.out or FOLDER / end.name
    weights, shapes, eigenvalues, scales, losses = [], [], [], [], []
    for l in range(2, end.largest_l + 1):
        for m in range(-l, l + 1):
            with h5py.File(given.radial / f"radial_{l:02d}_{m:+03d}.h5") as file:
                values, eigenvalue = file["values"][:], file["eigenvalues"][:]
            scale = np.median(np.abs(values))
            weight, shape, loss = decompose(values / scale, rank=rank, steepness=end.steepness)
            weights.append(weight)
            shapes.append(shape)
            losses.append(loss)
            eigenvalues.append(eigenvalue)
            scales.append(scale)
    weight, shape = np.array(weights), np.array(shapes)
    arrays = {"eigenvalues": np.array(eigenvalues), "scales": np.array(scales)}
    for part, of in (("real", np.real), ("imaginary", np.imag)):
        arrays[f"weights_{part}"] = of(weight[..., :COARSE]).astype(np.float32)
        arrays[f"fine_weights_{part}"] = of(weight[..., COARSE:]).astype(np.float16)
        arrays[f"shapes_{part}"] = of(shape).astype(np.float32)
    out.parent.mkdir(parents=True, exist_ok=True)
    configuration = {"script": "pack_emri_radial", "rank": rank}
    if given.end == "horizon":
        configuration |= {"end": given.end, "steepness": end.steepness}
    write_product(
        out,
        kind=end.kind,
        arrays=arrays,
        metadata={"rank": rank, "largest_loss": float(max(losses)), "generator": "pybhpt 1.0.0"},
        provenance=collect(configuration=configuration, seed=0),
        force=True,
    )


if __name__ == "__main__":
    main()
