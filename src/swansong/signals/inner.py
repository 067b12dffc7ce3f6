"""Noise-weighted inner products of frequency-domain signals."""

from typing import Any

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError
from swansong.signals._namespace import namespace
from swansong.signals.spectra import Spectrum


def inner_product(
    a: Any,
    b: Any,
    *,
    frequency: Float[np.ndarray, "k"],
    spectrum: Spectrum,
    minimum: float = 20.0,
    maximum: float | None = None,
) -> Any:
    """Compute ``4 Re sum conj(a) b / S df`` over a band.

    Args:
        a: Frequency-domain signal, shape (..., k) [strain/Hz]; NumPy or JAX.
        b: Second signal, broadcast against ``a`` [strain/Hz].
        frequency: Evenly spaced frequencies of both, shape (k,) [Hz]; always NumPy.
        spectrum: One-sided power spectral density of the noise.
        minimum: First frequency of the band [Hz].
        maximum: Last frequency of the band [Hz]; the end of the grid if None.

    Returns:
        The inner product, dimensionless, shape (...).

    Raises:
        InputError: If the frequencies are not evenly spaced or the band holds none.

    Reference:
        Finn, arXiv:gr-qc/9209010, equation 2.3.
    """
    grid = np.asarray(frequency, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 2 or not np.allclose(np.diff(grid), grid[1] - grid[0], rtol=1e-6, atol=0):
        raise InputError(
            f"`inner_product(frequency=...)` must be an evenly spaced grid of 2 or more, got shape {grid.shape}; use "
            "`numpy.fft.rfftfreq`"
        )
    band = (grid >= minimum) & (grid <= (grid[-1] if maximum is None else maximum))
    if not band.any():
        raise InputError(
            f"`inner_product(minimum=..., maximum=...)` must enclose frequencies of the grid {grid[0]:g} to "
            f"{grid[-1]:g} Hz, got {minimum} and {maximum}; widen the band"
        )
    weight = np.where(band, 4.0 * (grid[1] - grid[0]) / spectrum.interpolate(grid), 0.0)
    xp = namespace(a, b)
    return xp.sum(xp.real(xp.conj(a) * b) * weight, axis=-1)


def optimal_snr(
    signal: Any,
    *,
    frequency: Float[np.ndarray, "k"],
    spectrum: Spectrum,
    minimum: float = 20.0,
    maximum: float | None = None,
) -> Any:
    """Compute the signal-to-noise ratio of a filter that matches the signal.

    Args:
        signal: Frequency-domain signal, shape (..., k) [strain/Hz]; NumPy or JAX.
        frequency: Evenly spaced frequencies, shape (k,) [Hz].
        spectrum: One-sided power spectral density of the noise.
        minimum: First frequency of the band [Hz].
        maximum: Last frequency of the band [Hz]; the end of the grid if None.

    Returns:
        The square root of the signal's inner product with itself, shape (...).

    Raises:
        InputError: As `inner_product`.
    """
    xp = namespace(signal)
    return xp.sqrt(
        inner_product(signal, signal, frequency=frequency, spectrum=spectrum, minimum=minimum, maximum=maximum)
    )
