"""Random realisations of a noise spectrum around a reference: detectors drift from day to day."""

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError

DRIFT_KNOTS = np.array([10.0, 14.0, 20.0, 32.0, 60.0, 128.0, 512.0])
"""Frequencies at which the drift is drawn [Hz]; between them it is linear in ln frequency."""


def drifted_psd(
    psd: Float[np.ndarray, "k"],
    frequency: Float[np.ndarray, "k"],
    *,
    scatter: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "k"]:
    """Draw a smooth random change of a power spectral density.

    ln of the power moves by a normal number of the given scatter at each of `DRIFT_KNOTS`,
    and by another one common to all.

    Args:
        psd: Reference power spectral density [1/Hz].
        frequency: Its frequencies [Hz].
        scatter: Standard deviation of ln power at each knot.
        rng: Random generator.

    Returns:
        The changed power spectral density.

    Raises:
        InputError: If the scatter is negative.
    """
    if not scatter >= 0.0:
        raise InputError(
            f"`drifted_psd(scatter=...)` must not be negative, got {scatter}; give 0.2 for day-to-day drift"
        )
    knots = scatter * (rng.standard_normal(len(DRIFT_KNOTS)) + rng.standard_normal())
    return psd * np.exp(np.interp(np.log(frequency), np.log(DRIFT_KNOTS), knots))


def band_levels(
    psd: Float[np.ndarray, "k"], reference: Float[np.ndarray, "k"], *, frequency: Float[np.ndarray, "k"]
) -> Float[np.ndarray, "bands"]:
    """Mean of ln(psd / reference) in the bands around the knots.

    Args:
        psd: Power spectral density [1/Hz].
        reference: Reference [1/Hz].
        frequency: Frequencies of both [Hz].

    Returns:
        One number for each of `DRIFT_KNOTS`; 0 where a band holds no frequency.
    """
    edges = np.sqrt(DRIFT_KNOTS[1:] * DRIFT_KNOTS[:-1])
    band = np.searchsorted(edges, frequency)
    ratio = np.log(psd / reference)
    total = np.bincount(band, weights=ratio, minlength=len(DRIFT_KNOTS))
    return total / np.maximum(np.bincount(band, minlength=len(DRIFT_KNOTS)), 1)


__all__ = ["DRIFT_KNOTS", "band_levels", "drifted_psd"]
