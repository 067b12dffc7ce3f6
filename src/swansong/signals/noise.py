"""Gaussian noise with a given spectrum, in the time domain."""

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError
from swansong.signals.spectra import Spectrum
from swansong.signals.whitening import grid_length


def coloured_noise(
    spectrum: Spectrum,
    *,
    rate: float,
    n: int,
    rng: np.random.Generator | int,
    shape: tuple[int, ...] = (),
) -> Float[np.ndarray, "*shape n"]:
    """Draw stationary Gaussian noise.

    The noise is drawn on the Fourier grid of `grid_length`, at least twice as long as
    asked, and cut: its start and end are unrelated, and its covariance is exactly the
    Toeplitz matrix of `autocovariance`. For many short segments `Whitener.colour` of
    standard normal numbers has the same covariance and is faster.

    Args:
        spectrum: One-sided power spectral density.
        rate: Sampling rate [Hz].
        n: Number of samples.
        rng: Random generator, or a seed for one.
        shape: Shape of independent draws.

    Returns:
        Noise, shape (*shape, n), strain.

    Raises:
        InputError: If the rate or ``n`` is not positive, or the seed is negative.
    """
    length = grid_length(rate=rate, n=n)
    if isinstance(rng, int | np.integer) and rng < 0:
        raise InputError(
            f"`coloured_noise(rng=...)` must be a generator or a seed of 0 or more, got {rng}; give a seed"
        )
    generator = np.random.default_rng(rng)
    frequency = np.fft.rfftfreq(length, 1.0 / rate)
    # E|X_k|^2 = length * rate * S/2 for X = rfft(x); the ends of the grid (zero and half the rate) are real.
    sigma = np.sqrt(0.25 * length * rate * spectrum.interpolate(frequency))
    white = generator.standard_normal((*shape, 2 * frequency.size)).view(np.complex128)
    white[..., [0, -1]] = np.sqrt(2.0) * white[..., [0, -1]].real
    return np.fft.irfft(sigma * white, length)[..., :n].copy()
