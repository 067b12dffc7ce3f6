"""The scaled table: M f_phi, M f_r, p and e over (spin, final eccentricity, ln tau), packed and unpacked.

On disk every quantity is a singular-value decomposition, some hundred vectors. In memory it is the coefficients
of a cubic B-spline in (1 - a)^(1/3), ln(1 + e_f / 0.004) and ln tau, twice continuously differentiable. Where an
inspiral has left the flux domain the table goes on with edge values, so that splines stay smooth, and `edge` says
where that begins.
"""

import functools
from importlib import resources
from pathlib import Path

import numpy as np

from swansong.core.files import read_product
from swansong.core.types import Float
from swansong.emri.tracks.kernels import Arrays

TRACK_KIND = "emri-track-table"
QUANTITIES = ("azimuthal", "radial", "p", "e")
"""M f_phi, M f_r, semi-latus rectum [M], eccentricity."""


def spline_coefficients(values: Float[np.ndarray, "..."], *, axis: int) -> Float[np.ndarray, "..."]:
    """Coefficients of the cubic B-spline through values on uniform nodes, along one axis.

    Args:
        values: Values, at least five along the axis.
        axis: The axis.

    Returns:
        Two more entries along the axis; the third derivative is continuous at the nodes beside the ends.
    """
    number = values.shape[axis]
    matrix = np.zeros((number + 2, number + 2))
    for i in range(number):
        matrix[i + 1, i : i + 3] = 1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0
    for row, first in ((0, 0), (number + 1, number - 3)):
        matrix[row, first : first + 5] = 1.0, -4.0, 6.0, -4.0, 1.0
    moved = np.moveaxis(values, axis, 0)
    full = np.zeros((number + 2, *moved.shape[1:]))
    full[1:-1] = moved
    solved = np.linalg.solve(matrix, full.reshape(number + 2, -1)).reshape(full.shape)
    return np.moveaxis(solved, 0, axis)


def pack(values: Float[np.ndarray, "spin eccentricity tau"], *, tolerance: float) -> dict[str, np.ndarray]:
    """Compress one quantity.

    Args:
        values: Its nodes.
        tolerance: Largest error in units of the largest value at the same ln tau, above 1e-7.

    Returns:
        `scale` (tau,), `left` (spin, eccentricity, rank) and `right` (rank, tau).
    """
    scale = np.abs(values).max(axis=(0, 1))
    flat = (values / scale).reshape(-1, values.shape[2])
    left, singular, right = np.linalg.svd(flat, full_matrices=False)
    # Single precision of the weights costs 6e-8 at most; the vectors themselves stay smooth.
    short = (left * singular).astype(np.float32)
    rank, partial = 0, np.zeros_like(flat)
    while rank < singular.size and np.abs(partial - flat).max() > tolerance:
        partial += np.outer(short[:, rank], right[rank])
        rank += 1
    return {"scale": scale, "left": short[:, :rank].reshape(*values.shape[:2], rank), "right": right[:rank]}


def unpack(packed: dict[str, np.ndarray]) -> Float[np.ndarray, "spin eccentricity tau"]:
    """Undo `pack`."""
    return packed["scale"] * (packed["left"] @ packed["right"])


def kernel_arrays(
    values: Float[np.ndarray, "spin eccentricity quantity tau"],
    *,
    edge: Float[np.ndarray, "spin eccentricity"],
    grid: Float[np.ndarray, "6"],
) -> Arrays:
    """Prepare a table for the kernels.

    Args:
        values: Nodes of the four `QUANTITIES`.
        edge: ln tau at which the flux domain ends.
        grid: First node and spacing of (1 - a)^(1/3), of ln(1 + e_f / 0.004) and of ln tau.

    Returns:
        Coefficients, edge and grid.
    """
    coefficients = values
    for axis in (0, 1, 3):
        coefficients = spline_coefficients(coefficients, axis=axis)
    return Arrays(np.ascontiguousarray(coefficients), np.ascontiguousarray(edge), np.ascontiguousarray(grid, float))


@functools.cache
def load_arrays(path: Path | None = None) -> Arrays:
    """Read the table for the kernels, by default the shipped one.

    Args:
        path: Another table of the same kind.

    Returns:
        Coefficients, edge and grid; read once, do not write to them.

    Raises:
        FileError: The file is missing, foreign or damaged.
    """
    if path is None:
        with resources.as_file(resources.files("swansong.emri.tracks") / "data" / "tracks.h5") as shipped:
            return load_arrays(Path(shipped))
    arrays = read_product(path, kind=TRACK_KIND).arrays
    values = [unpack({part: arrays[f"{name}/{part}"] for part in ("scale", "left", "right")}) for name in QUANTITIES]
    found = kernel_arrays(np.stack(values, axis=2), edge=arrays["edge"], grid=arrays["grid"])
    for array in found:
        array.flags.writeable = False
    return found
