"""How wrong amplitudes are expected to be: maps of the mode-distribution error E over orbits.

The coefficients are quantile regressions of log10 E over solved orbits, by `scripts/make_emri_amplitude_errors.py`:
nearly all of them lie below the map, wherever they are.
"""

import functools
import json
from importlib import resources
from typing import Literal

import numpy as np
from jaxtyping import Float

_SMALLEST = 1e-5  # no smaller error of the baseline is promised
_FITTED_SPEED = (-1.8, 0.0)  # log10 of the inverse distance at periapsis [1/M] over the solved orbits
_FITTED_ECCENTRICITY = 0.7
# Beyond it multipoles r^l of high degree cancel to more digits than there are, in the modes of the highest n.
_CANCELLING = 0.55


def quadratic(q: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, "orbits 15"]:
    """One, the coordinates, their squares and products: what error estimates are made of.

    Args:
        q: Coordinates of each orbit.

    Returns:
        The terms.
    """
    first, second = np.triu_indices(q.shape[1])
    return np.column_stack([np.ones(len(q)), q, q[:, first] * q[:, second]])


def kludge_terms(orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, "orbits 17"]:
    """What the error of the analytic baseline depends on.

    A quadratic in the squared speed at periapsis (its logarithm), the eccentricity, the spin along the orbit and the
    squared spin, none followed beyond the solved orbits; the spin times sin^2 of the inclination, which means nothing
    where there is no spin; and a rise of eccentric orbits that goes on without end, as the loss of digits does.

    Args:
        orbits: (a, p, e, x).

    Returns:
        The terms.
    """
    a, p, e, x = np.asarray(orbits, float).T
    speed = np.clip(np.log10((1.0 + e) / p), *_FITTED_SPEED)
    inner = np.column_stack([speed, np.minimum(e, _FITTED_ECCENTRICITY), a * x, a * a])
    return np.column_stack([quadratic(inner), a * (1.0 - x * x), np.maximum(e - _CANCELLING, 0.0)])


@functools.cache
def error_coefficients(name: Literal["kludge", "lowrank"]) -> Float[np.ndarray, " terms"]:
    """Coefficients of log10 E of a model.

    Args:
        name: The model.

    Returns:
        Those of `kludge_terms`, or of `quadratic` of the coordinates of the domain for `lowrank`.
    """
    text = (resources.files("swansong.emri.amplitudes") / "data" / "errors.json").read_text()
    return np.array(json.loads(text)[name]["coefficients"])


def kludge_error(orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
    """Expected error E of the analytic baseline against the Teukolsky equation.

    Fitted to orbits with a to 0.998, e to 0.7, and 0.1 to 60 M from the separatrix, of which those above e = 0.63 are
    not confirmed by an independent solver; elsewhere it is an extrapolation.

    Args:
        orbits: (a, p, e, x), any bound orbits.

    Returns:
        E, from 1e-5 to 1; meant are the modes that the baseline finds strongest.
    """
    return np.clip(10.0 ** (kludge_terms(orbits) @ error_coefficients("kludge")), _SMALLEST, 1.0)
