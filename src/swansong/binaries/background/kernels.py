"""Compiled sums over harmonics: pairs times frequencies times the orders of a harmonic rule."""

import functools
import math

import numpy as np
from numba import njit, prange

from swansong.core.types import Float
from swansong.physics.eccentric_spectrum import Numbers, harmonic_power, harmonic_rule
from swansong.physics.peters import enhancement

STEP = 0.02
"""Step of the table of harmonics in the stretched roundness of the orbit."""

_END = 16.0  # largest roundness: e = 1 - 6e-8, where the last orders of the rule have their power
_BEND = 0.3  # roundness below which the table is finer, since the first harmonics change most there
_FINER = 3.0
_NEWTON = 30


def stretched(roundness: Numbers) -> Numbers:
    """Coordinate of the table of harmonics, in which it is equally smooth everywhere.

    Args:
        roundness: -ln(1 - e^2).

    Returns:
        The coordinate, which rises 4 times as fast as the roundness near the circle and as fast far from it.
    """
    return roundness + _FINER * _BEND * np.log1p(np.asarray(roundness) / _BEND)


@functools.cache
def harmonic_table() -> Float[np.ndarray, "orders places"]:
    """Squared strain of each order over that of the circular pair, g_n(e) / [F(e) (n/2)^(2/3)].

    Returns:
        The table for the orders of `harmonic_rule()`, from the circle in steps of `STEP` of `stretched`.
    """
    orders = harmonic_rule().orders[:, None]
    places = np.arange(0.0, float(stretched(np.asarray(_END))), STEP)
    # Newton from the left of a curve that bends down never steps too far.
    roundness = np.zeros(places.shape)
    for _ in range(_NEWTON):
        slope = 1.0 + _FINER * _BEND / (_BEND + roundness)
        roundness = roundness + (places - stretched(roundness)) / slope
    roundness[0] = 0.0
    e = np.sqrt(-np.expm1(-roundness))
    return harmonic_power(orders, e) / (enhancement(e) * (orders / 2.0) ** (2.0 / 3.0))


@njit(cache=True)
def _cubic(row, place):
    """Four-point interpolation in a row of a table at a place counted in steps."""
    left = min(max(int(place), 1), row.size - 3)
    x = place - left
    below, here, above, beyond = row[left - 1], row[left], row[left + 1], row[left + 2]
    return (
        -below * x * (x - 1.0) * (x - 2.0) / 6.0
        + here * (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0
        - above * (x + 1.0) * x * (x - 2.0) / 2.0
        + beyond * (x + 1.0) * x * (x - 1.0) / 6.0
    )


@njit(cache=True, parallel=True)
def harmonic_terms(frequencies, begin, step, places, share, last, orders, weights, table, terms):
    """Terms of the sum over harmonics, each over the squared strain of the circular pair.

    Args:
        frequencies: ln of the wave frequencies in the frame of each source, (pairs, frequencies).
        begin: ln of the first orbital frequency of each track, (pairs,).
        step: Step of the tracks in ln of the orbital frequency.
        places: Place in the table along the tracks, in its steps, (pairs, steps).
        share: Share of the waves on the tracks, (pairs, steps).
        last: ln of the orbital frequency above which a pair radiates no more, (pairs,).
        orders: Orders of the harmonic rule, (orders,).
        weights: Their weights, (orders,).
        table: `harmonic_table()`, (orders, places).
        terms: Where the terms go, (pairs, frequencies, orders), or of one order where only the sum is wanted.
    """
    together = terms.shape[2] == 1
    end = table.shape[1] - 1.0
    for i in prange(begin.size):
        for k in range(frequencies.shape[1]):
            total = 0.0
            for j in range(orders.size):
                orbital = frequencies[i, k] - math.log(orders[j])
                place = (orbital - begin[i]) / step
                value = 0.0
                if place >= 0.0 and orbital <= last[i] and place <= places.shape[1] - 1.0:
                    spot = min(max(_cubic(places[i], place), 0.0), end)
                    value = weights[j] * max(_cubic(table[j], spot), 0.0) * _cubic(share[i], place)
                if together:
                    total += value
                else:
                    terms[i, k, j] = value
            if together:
                terms[i, k, 0] = total
