"""Orientations of a source: how the three series reach a detector.

With antenna patterns (a, b) at polarization angle zero a detector sees A times the sum
over both patterns and the three series of u. Every burst is linear in these six numbers.
"""

import functools
import math

import numpy as np
from scipy.stats import qmc

from swansong.core.types import Float

LARGEST = 8192
"""Largest number of orientations in a table."""


def response(
    psi: Float[np.ndarray, "..."], theta_jn: Float[np.ndarray, "..."], argument: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "... 6"]:
    """The six numbers u of an orientation.

    Args:
        psi: Polarization angle [rad].
        theta_jn: Inclination [rad].
        argument: Argument of pericentre [rad].

    Returns:
        Weights of A_c, A_s, B in the plus pattern at polarization zero, then in the cross one.
    """
    cp, sp = np.cos(2.0 * psi), np.sin(2.0 * psi)
    cb, sb = np.cos(2.0 * argument), np.sin(2.0 * argument)
    cosine = np.cos(theta_jn)
    p, r, axial = 1.0 + cosine**2, 2.0 * cosine, 1.0 - cosine**2
    return -np.stack(
        [
            cp * p * cb + sp * r * sb,
            cp * p * sb - sp * r * cb,
            cp * axial,
            sp * p * cb - cp * r * sb,
            sp * p * sb + cp * r * cb,
            sp * axial,
        ],
        axis=-1,
    )


def monomials(u: Float[np.ndarray, "... 6"]) -> Float[np.ndarray, "... 18"]:
    """Products of the six numbers that a template's square is linear in.

    Args:
        u: `response`.

    Returns:
        Products for plus squared, cross squared and plus times cross, each in the order
        AcAc, AsAs, BB, AcAs, AcB, AsB.
    """
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    rows = []
    for first, second in ((0, 0), (3, 3), (0, 3)):
        for i, j in pairs:
            product = u[..., first + i] * u[..., second + j]
            if first == second:
                rows.append(product if i == j else 2.0 * product)
            else:
                rows.append(2.0 * product if i == j else 2.0 * (product + u[..., first + j] * u[..., second + i]))
    return np.stack(rows, axis=-1)


@functools.lru_cache(maxsize=2)
def base_angles(*, shared: bool) -> Float[np.ndarray, "draws 3"]:
    """Evenly spread orientations: polarization angle, inclination, argument of pericentre [rad].

    Args:
        shared: Whether the polarization angle is also the argument of pericentre.

    Returns:
        Isotropic orientations from a scrambled Sobol sequence, whose leading blocks are even too.
    """
    unit = qmc.Sobol(3, scramble=True, rng=np.random.default_rng(1)).random(LARGEST)
    psi = math.pi * unit[:, 0]
    argument = psi if shared else math.pi * unit[:, 2]
    angles = np.stack([psi, np.arccos(1.0 - 2.0 * unit[:, 1]), argument], axis=1)
    angles.setflags(write=False)
    return angles


@functools.lru_cache(maxsize=2)
def orientation_table(*, shared: bool) -> Float[np.ndarray, "24 draws"]:
    """`response` and `monomials` of `base_angles`, float32, one column an orientation."""
    u = response(*base_angles(shared=shared).T)
    table = np.ascontiguousarray(np.concatenate([u, monomials(u)], axis=-1).T.astype(np.float32))
    table.setflags(write=False)
    return table
