"""Compiled steps between sources and the frequencies of their tracks at three times."""

import math

import numpy as np
from numba import njit, prange

from swansong.emri.search.refine_kernels import knot_frequencies, through_knots, to_coordinates, to_point
from swansong.emri.tracks.kernels import curve

_ITERATIONS = 25  # of Newton's method; a walker may be far from where the first guess is good


@njit(cache=True, parallel=True)
def sources_through(arrays, anchor, knots, targets, depths, eccentricities, points, log_slopes):
    """Sources whose tracks pass through frequencies at three times.

    Args:
        arrays: Table of tracks.
        anchor: (ln M, ln rate, plunge time [s], (1-a)^(1/3), e_f) of a source nearby.
        knots: The three times [s].
        targets: Frequencies of (2, 0) there [Hz], (n, 3).
        depths: (1-a)^(1/3) of the sources, (n,).
        eccentricities: Their final eccentricities, (n,).
        points: Written: (mass_1, mass_2, spin, plunge time [s], final eccentricity), (n, 5).
        log_slopes: Written: ln of the determinant of the frequencies by (ln M, ln rate, plunge time), -inf where
            no source was found.
    """
    for i in prange(depths.size):
        work = np.empty((2, arrays.coefficients.shape[3]))
        f, slopes = np.empty(3), np.empty((3, 3))
        x = anchor.copy()
        x[3], x[4] = depths[i], eccentricities[i]
        log_slopes[i] = -np.inf
        if through_knots(arrays, work, x, knots, targets[i], _ITERATIONS) and knot_frequencies(
            arrays, work, x, knots, f, slopes
        ):
            to_point(x, points[i])
            determinant = abs(np.linalg.det(slopes))
            if determinant > 0.0:
                log_slopes[i] = math.log(determinant)


@njit(cache=True, parallel=True)
def knots_of(arrays, points, knots, frequencies):
    """Frequencies of (2, 0) of sources at three times; ``frequencies`` (n, 3) are NaN where there is no track."""
    for i in prange(points.shape[0]):
        work = np.empty((2, arrays.coefficients.shape[3]))
        x, slopes = np.empty(5), np.empty((3, 3))
        to_coordinates(points[i], x)
        known = curve(arrays, points[i, 2], points[i, 4], work) > -1e300
        if not (known and knot_frequencies(arrays, work, x, knots, frequencies[i], slopes)):
            frequencies[i] = np.nan
