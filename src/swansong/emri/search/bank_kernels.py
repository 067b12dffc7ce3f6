"""Compiled scoring of a bank of tracks against one or many data sets at once.

Tracks of one family share spin, final eccentricity, the chirp rate nu/M and the time of plunge
within a segment; their members differ in total mass, which only scales the frequencies, and
in the number of whole segments before plunge, which only shifts the track. One curve is
computed for a family and its members cost two multiplications a segment.

Tracks go through the data segment by segment in blocks, so that the table of one segment stays
in the processor's cache; data sets lie side by side in memory, so that their look-ups share
one address.
"""

import math

import numpy as np
from numba import njit, prange

from swansong.emri.search.kernels import LARGEST_CURVATURE, gaussianised
from swansong.emri.search.statistic import BYTE_STEP
from swansong.emri.tracks.kernels import curve, evaluate

LANES = 16
"""Data sets that lie side by side: what one instruction of the processor adds."""

_FAMILIES = 512  # in a block, so that what a segment's table is read at stays in the cache
_TOGETHER = 16  # segments whose places are worked out before they are read

_SHIFT = 14  # a place holds the row above this bit and the bin below it
_MASK = (1 << _SHIFT) - 1


@njit(cache=True, fastmath=True)
def _family_track(arrays, work, spin, eccentricity, rate, offset, length, m, n, f, r, c):
    """Frequency and two derivatives of a total mass of one second, against segments before plunge."""
    longest = math.exp(curve(arrays, spin, eccentricity, work)) / rate
    for j in range(f.size):
        left = (j - 0.5) * length + offset
        if left < 0.5 * length or not left <= longest:
            f[j], r[j], c[j] = 0.0, 0.0, 0.0
        else:
            f[j], r[j], c[j] = evaluate(work, arrays.grid, m, n, 1.0, rate, left)


@njit(cache=True, fastmath=True)
def _places(f, r, c, masses, shifts, used, start, stop, grid, shape, weights, first, places, weight, square):
    """Where every member of one family falls in the tables of some segments; the extra bin if nowhere."""
    low, inverse_step, inverse_rate, length, rates, bins = grid
    columns = int(bins)
    lowest, largest = np.float32(shape[0]), np.float32(min(shape[1], (rates - 0.5) / inverse_rate))
    highest = np.float32(low + (bins - 0.5) / inverse_step)
    curvature = np.float32(LARGEST_CURVATURE * 6.0 / length**3)
    scale, rate_scale = np.float32(inverse_step), np.float32(inverse_rate)
    offset, half = np.float32(0.5 - low * inverse_step), np.float32(0.5)
    for s in range(start, stop):
        line = places[s - start]
        if used[s] == 0:
            line[first : first + masses.size] = columns
            continue
        for b in range(masses.size):
            j = max(shifts[b] - s, 0)
            inverse = masses[b]
            frequency, speed, bend = f[j] * inverse, r[j] * inverse, c[j] * inverse
            inside = frequency > lowest and frequency < highest and speed < largest and abs(bend) <= curvature
            bin_ = int(frequency * scale + offset) if inside else columns
            row = int(speed * rate_scale + half) if inside else 0
            line[first + b] = (row << _SHIFT) | bin_
            w = weights[bin_]
            weight[first + b] += w
            square[first + b] += w * w


@njit(cache=True, fastmath=True)
def _add(slab, line, columns, weights, sums):
    """Add the weighted powers of one segment to the sums of all tracks of a block."""
    sets = sums.shape[1]
    if sets == 1:
        for item in range(line.size):
            bin_ = line[item] & _MASK
            sums[item, 0] += weights[bin_] * np.float32(slab[(line[item] >> _SHIFT) * columns + bin_, 0])
    else:
        for item in range(line.size):
            bin_ = line[item] & _MASK
            if bin_ < columns:
                w = weights[bin_]
                total, power = sums[item], slab[(line[item] >> _SHIFT) * columns + bin_]
                for d in range(sets):
                    total[d] += w * np.float32(power[d])


@njit(cache=True, parallel=True, fastmath=True)
def score_bank(powers, used, grid, shape, arrays, families, masses, shifts, weights, scores):
    """Score every member of every family in every data set.

    Args:
        powers: Byte tables, shape (segments, rates * bins, data sets); one data set, or `LANES`.
        used: Which segments count, shape (segments,).
        grid: (low, 1/bin width, 1/rate step, segment length, number of rates, number of bins).
        shape: (lowest frequency, largest rate) that count.
        arrays: Table of tracks.
        families: (spin, final eccentricity, nu/M [1/s], plunge within its segment [s]), shape (families, 4).
        masses: Total masses of the members [s], shape (families, members).
        shifts: Whole segments before plunge, same shape; neighbouring families had better plunge alike.
        weights: Weight of a segment against its frequency, on the bins, float32, with a zero after the last.
        scores: Gaussianised statistic, shape (families, members, data sets), filled.
    """
    columns = int(grid[5])
    segments, sets = powers.shape[0], powers.shape[2]
    members = masses.shape[1]
    blocks = (families.shape[0] + _FAMILIES - 1) // _FAMILIES
    for block in prange(blocks):
        first = block * _FAMILIES
        count = min(_FAMILIES, families.shape[0] - first)
        size = count * members
        f, r, c = np.zeros(segments + 2), np.zeros(segments + 2), np.zeros(segments + 2)
        curves = np.empty((count, 3, segments + 2), dtype=np.float32)
        inverse = np.empty((count, members), dtype=np.float32)
        work = np.empty((2, arrays.coefficients.shape[3]))
        for g in range(count):
            spin, eccentricity, rate, offset = families[first + g]
            _family_track(arrays, work, spin, eccentricity, rate, offset, grid[3], 2, 0, f, r, c)
            for j in range(segments + 2):
                curves[g, 0, j], curves[g, 1, j], curves[g, 2, j] = f[j], r[j], c[j]
            for b in range(members):
                inverse[g, b] = 1.0 / masses[first + g, b]
        last = min(segments, shifts[first : first + count].max() + 1)
        places = np.empty((_TOGETHER, size), dtype=np.int32)
        total_weight, total_square = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        sums = np.zeros((size, sets), dtype=np.float32)
        for start in range(0, last, _TOGETHER):
            stop = min(start + _TOGETHER, last)
            for g in range(count):
                _places(
                    curves[g, 0], curves[g, 1], curves[g, 2], inverse[g], shifts[first + g], used, start, stop, grid,
                    shape, weights, g * members, places, total_weight, total_square,
                )  # fmt: skip
            for s in range(start, stop):
                _add(powers[s], places[s - start], columns, weights, sums)
        for g in range(count):
            for b in range(members):
                item = g * members + b
                weight, square = total_weight[item], total_square[item]
                for d in range(sets):
                    total = (sums[item, d] + np.float32(0.5) * weight) / BYTE_STEP
                    scores[first + g, b, d] = gaussianised(total, weight, square)
