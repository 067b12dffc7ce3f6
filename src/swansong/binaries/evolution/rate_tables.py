"""Hardening and eccentricity growth of an equal-mass pair by scattered stars, as tabulated.

Reference:
    Sesana, Haardt & Madau 2006, ApJ 651, 392, tables 1 and 3, for a mass ratio of one.
"""

import numpy as np

HARDENING = (3.48, -0.95, 14.55)
"""Scale [hard semi-major axis], power and size of H = size (1 + a / scale)^power."""

NODES = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0])
"""Eccentricities of the rows of `GROWTH`."""

GROWTH = np.array(
    [
        [0.0, 1.0, 0.0, 0.0],
        [0.037, 0.339, -3.335, -0.012],
        [0.075, 0.151, -1.548, -0.008],
        [0.105, 0.088, -0.893, -0.005],
        [0.121, 0.090, -0.895, -0.008],
        [0.134, 0.064, -0.544, -0.006],
        [0.082, 0.085, -0.663, -0.004],
        [0.0, 1.0, 0.0, 0.0],
    ]
)
"""Size, scale [hard semi-major axis], power and offset of K = size (1 + a / scale)^power + offset; 0 at both ends."""
