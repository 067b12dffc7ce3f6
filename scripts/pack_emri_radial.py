"""Compress the radial functions of `scripts/make_emri_radial.py` into the table of the package.

    python scripts/pack_emri_radial.py --radial build/radial

At every (l, m) the functions of r of all spins and frequencies are combinations of a few: a singular value
decomposition of their Chebyshev coefficients.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np

from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.emri.amplitudes.radial import KIND

OUTPUT = Path(__file__).parents[1] / "src/swansong/emri/amplitudes/data/radial.h5"
LARGEST_L, RANK = 10, 22
COARSE = 10  # weights of further, smaller functions are kept in half precision


def chebyshev_coefficients(values: np.ndarray) -> np.ndarray:
    """Coefficients of functions given at ascending Chebyshev nodes of the last axis, for T_k(2 t - 1)."""
    number = values.shape[-1]
    angle = np.pi - np.pi * (np.arange(number) + 0.5) / number
    transform = np.cos(np.outer(angle, np.arange(number))) * 2.0 / number
    transform[:, 0] *= 0.5
    return values @ transform


def main() -> None:
    """Pack."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--radial", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=RANK)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    given = parser.parse_args()
    weights, shapes, eigenvalues, scales, losses = [], [], [], [], []
    for l in range(2, LARGEST_L + 1):
        for m in range(-l, l + 1):
            with h5py.File(given.radial / f"radial_{l:02d}_{m:+03d}.h5") as file:
                values, eigenvalue = file["values"][:], file["eigenvalues"][:]
            coefficients = chebyshev_coefficients(values)
            scale = np.median(np.abs(values))
            left, sizes, right = np.linalg.svd(coefficients.reshape(-1, values.shape[-1]) / scale, full_matrices=False)
            left, sizes = left[:, : given.rank], sizes[: given.rank]
            # Weights up to one, sizes go into the functions.
            largest = np.abs(left).max(axis=0)
            weights.append((left / largest).reshape(*values.shape[:2], given.rank))
            shapes.append(right[: given.rank] * (sizes * largest)[:, None])
            losses.append(float(sizes[-1] / sizes[0]))
            eigenvalues.append(eigenvalue)
            scales.append(scale)
    weight, shape = np.array(weights), np.array(shapes)
    arrays = {"eigenvalues": np.array(eigenvalues), "scales": np.array(scales)}
    for part, of in (("real", np.real), ("imaginary", np.imag)):
        arrays[f"weights_{part}"] = of(weight[..., :COARSE]).astype(np.float32)
        arrays[f"fine_weights_{part}"] = of(weight[..., COARSE:]).astype(np.float16)
        arrays[f"shapes_{part}"] = of(shape).astype(np.float32)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_product(
        given.out,
        kind=KIND,
        arrays=arrays,
        metadata={"rank": given.rank, "largest_loss": float(max(losses)), "generator": "pybhpt 1.0.0"},
        provenance=collect(configuration={"script": "pack_emri_radial", "rank": given.rank}, seed=0),
        force=True,
    )


if __name__ == "__main__":
    main()
