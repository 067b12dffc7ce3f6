"""The three series of a burst in the frequency domain, from one table for all time scales.

Without radiation reaction a burst is a function of (t - t_p) / tau and the eccentricity
alone, so that its Fourier transform at any time scale is read from one function of
y = f tau. The functions of the eccentricity are carried by polynomials through a few
Chebyshev nodes. All templates have their pericentre at time zero.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from swansong.core.types import Float
from swansong.encounters import flyby, kepler

SERIES = 3
"""The series A_c, A_s and B that every burst is made of."""

_STEP = 1.0 / 32.0  # of the time in units of tau; content above y = 16 is below 1e-8
_LENGTH = 1 << 16
_HIGHEST = 10.0  # the series have fallen to 1e-8 of their peak there
_NARROW = 0.11  # range of eccentricities that three nodes serve


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """Fourier transforms of the series at nodes of the eccentricity.

    A_c and B are even in time and have real transforms; that of A_s is imaginary, and its
    imaginary part is kept.

    Attributes:
        nodes: Chebyshev nodes of the eccentricity, (nodes,).
        splines: From y = f tau to the transforms over tau, (nodes, series).
    """

    nodes: Float[np.ndarray, "nodes"]
    splines: CubicSpline

    def __call__(self, frequency: Float[np.ndarray, "k"], timescale: float) -> Float[np.ndarray, "nodes series k"]:
        """Transforms at one time scale.

        Args:
            frequency: Frequencies [Hz].
            timescale: tau [s].

        Returns:
            Real parts of A_c and B and imaginary part of A_s at each node [s].
        """
        y = frequency * timescale
        inside = np.minimum(y, _HIGHEST)
        return timescale * np.moveaxis(np.where((y <= _HIGHEST)[:, None, None], self.splines(inside), 0.0), 0, -1)

    def weights(self, eccentricity: Float[np.ndarray, "..."]) -> Float[np.ndarray, "... nodes"]:
        """Weights of the nodes that interpolate to an eccentricity."""
        return lagrange(np.asarray(eccentricity, float), self.nodes)


def lagrange(x: Float[np.ndarray, "..."], nodes: Float[np.ndarray, "nodes"]) -> Float[np.ndarray, "... nodes"]:
    """Lagrange polynomials through some nodes.

    Args:
        x: Where to evaluate.
        nodes: The nodes.

    Returns:
        One polynomial a node.
    """
    rows = []
    for j, node in enumerate(nodes):
        others = np.delete(nodes, j)
        rows.append(np.prod((x[..., None] - others) / (node - others), axis=-1))
    return np.stack(rows, axis=-1)


def chebyshev_nodes(limits: tuple[float, float], count: int) -> Float[np.ndarray, "nodes"]:
    """Chebyshev nodes of an interval, increasing."""
    angle = np.pi * (np.arange(count)[::-1] + 0.5) / count
    return 0.5 * (limits[0] + limits[1]) + 0.5 * (limits[1] - limits[0]) * np.cos(angle)


@functools.lru_cache(maxsize=4)
def series_table(eccentricity: tuple[float, float], waveform: str) -> SeriesTable:
    """Tabulate the series over a range of eccentricities.

    Args:
        eccentricity: Range of the prior.
        waveform: "kepler" or "efb".

    Returns:
        The table; three nodes up to a range of 0.11, else five.
    """
    nodes = chebyshev_nodes(eccentricity, 3 if eccentricity[1] - eccentricity[0] <= _NARROW else 5)
    times = _STEP * (np.arange(_LENGTH) - _LENGTH // 2)
    make = kepler.series if waveform == "kepler" else flyby.series
    y = np.fft.rfftfreq(_LENGTH, _STEP)
    kept = y <= _HIGHEST + 0.1
    rows = []
    for node in nodes:
        series = np.stack([np.asarray(one) for one in make(times, timescale=1.0, eccentricity=float(node))])
        found = _STEP * np.fft.rfft(np.fft.ifftshift(series, axes=-1), axis=-1)[:, kept]
        rows.append(np.stack([found[0].real, found[1].imag, found[2].real]))
    return SeriesTable(nodes, CubicSpline(y[kept], np.moveaxis(np.stack(rows), -1, 0)))
