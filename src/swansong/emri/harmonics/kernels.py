"""Sum of harmonics on the grid of the data, in compiled code.

Both phases are polynomials between the knots of a slow grid, and so are the factors of the
harmonics. At each sample the two turning numbers e^{-i Phi_phi} and e^{-i Phi_r} are computed
once; those of the harmonics are their products.
"""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True)
def _turning(coefficients, row, segment, elapsed):
    """e^{-i Phi} from the polynomial of one phase, lowest order first."""
    phase = 0.0
    for order in range(coefficients.shape[1] - 1, -1, -1):
        phase = phase * elapsed + coefficients[row, order, segment]
    return complex(math.cos(phase), -math.sin(phase))


@njit(cache=True, parallel=True, fastmath=True)
def sum_harmonics(knots, phases, factors, orders, cadence, out):
    """Add Re[factor e^{-i (m Phi_phi + n Phi_r)}] of all harmonics to every sample between the knots.

    Args:
        knots: Increasing times, the first at or above 0, shape (k,) [s].
        phases: Coefficients of both phases in the time since a knot, shape (2, degree + 1, k - 1) [rad].
        factors: Coefficients of the factors, highest order first, shape (k - 1, channels, harmonics, 4).
        orders: The harmonics (m, n), shape (harmonics, 2); m of 0 or more.
        cadence: Spacing of the samples, the first at 0 [s].
        out: Series to add to, shape (channels, samples).
    """
    channels, harmonics = factors.shape[1], factors.shape[2]
    samples = out.shape[1]
    largest_m = orders[:, 0].max()
    lowest_n, highest_n = min(orders[:, 1].min(), 0), max(orders[:, 1].max(), 0)
    for segment in prange(knots.size - 1):
        first = math.ceil(knots[segment] / cadence)
        last = min(math.ceil(knots[segment + 1] / cadence), samples)
        azimuthal = np.ones(largest_m + 1, np.complex128)
        radial = np.ones(highest_n - lowest_n + 1, np.complex128)
        for sample in range(first, last):
            elapsed = sample * cadence - knots[segment]
            turn = _turning(phases, 0, segment, elapsed)
            for m in range(largest_m):
                azimuthal[m + 1] = azimuthal[m] * turn
            turn = _turning(phases, 1, segment, elapsed)
            for n in range(highest_n):
                radial[n + 1 - lowest_n] = radial[n - lowest_n] * turn
            turn = turn.conjugate()
            for n in range(-lowest_n):
                radial[-lowest_n - n - 1] = radial[-lowest_n - n] * turn
            for j in range(harmonics):
                wave = azimuthal[orders[j, 0]] * radial[orders[j, 1] - lowest_n]
                for c in range(channels):
                    value = factors[segment, c, j, 0]
                    for order in range(1, 4):
                        value = value * elapsed + factors[segment, c, j, order]
                    out[c, sample] += value.real * wave.real - value.imag * wave.imag
