"""Whitening of short data segments by the Cholesky factor of their noise covariance.

A segment of stationary Gaussian noise has the Toeplitz covariance C built from the
autocovariance of the spectrum. With C = L L^T the whitened data L^-1 d have unit
covariance, without the periodicity that a Fourier transform of the segment would assume.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular, toeplitz

from swansong.core.errors import DataError, InputError
from swansong.signals._namespace import namespace
from swansong.signals.spectra import Spectrum

# Above this condition number whitening amplifies the spectrum's own errors visibly.
_CONDITION_LIMIT = 1e8
# Shortest period of the frequency grid [s]: its spacing of 1/8 Hz resolves instrumental lines.
_MINIMUM_PERIOD = 8.0


def grid_length(*, rate: float, n: int) -> int:
    """Choose the length of the Fourier grid on which a spectrum is turned into time.

    The period is at least 8 s and at least twice the segment, so that the periodic
    autocovariance is used up to half a period only.

    Args:
        rate: Sampling rate [Hz].
        n: Number of samples wanted.

    Returns:
        A power of two.

    Raises:
        InputError: If the rate is not positive or ``n`` is less than 1.
    """
    if not (np.isfinite(rate) and rate > 0) or n < 1:
        raise InputError(
            f"`rate` and `n` must be positive, got {rate} and {n}; give the sampling rate in hertz and the number of "
            "samples"
        )
    return 1 << int(np.ceil(np.log2(max(2 * n, _MINIMUM_PERIOD * rate))))


def autocovariance(spectrum: Spectrum, *, rate: float, n: int) -> Float[np.ndarray, "n"]:
    """Compute the autocovariance of noise with a given spectrum.

    R(k) = integral of S(f) cos(2 pi f k / rate) df from 0 to rate/2, summed on the grid
    of `grid_length`. Beyond its table the spectrum is held flat (`Spectrum.interpolate`).

    Args:
        spectrum: One-sided power spectral density.
        rate: Sampling rate [Hz].
        n: Number of lags.

    Returns:
        The autocovariance at lags 0, 1/rate, ..., shape (n,) [strain^2].

    Raises:
        InputError: If the rate or ``n`` is not positive.
    """
    length = grid_length(rate=rate, n=n)
    two_sided = 0.5 * spectrum.interpolate(np.fft.rfftfreq(length, 1.0 / rate))
    return rate * np.fft.irfft(two_sided, length)[:n]


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Whitener:
    """Whitens segments of ``n`` samples with one noise covariance.

    Build it with `make_whitener`.

    Attributes:
        detector: Name of the detector or spectrum, for messages.
        rate: Sampling rate [Hz].
        autocovariance: First row of the covariance, shape (n,) [strain^2].
        cholesky: Lower factor L of the covariance, shape (n, n) [strain].
        jitter: Share of the variance added to the diagonal before factoring; 0 if none.
    """

    detector: str
    rate: float
    autocovariance: Float[np.ndarray, "n"]
    cholesky: Float[np.ndarray, "n n"]
    jitter: float = 0.0

    @property
    def n(self) -> int:
        """Number of samples in a segment."""
        return self.autocovariance.size

    @cached_property
    def covariance(self) -> Float[np.ndarray, "n n"]:
        """Noise covariance, jitter included, shape (n, n) [strain^2]."""
        return toeplitz(self.autocovariance) + self.jitter * self.autocovariance[0] * np.eye(self.n)

    @cached_property
    def inverse_cholesky(self) -> Float[np.ndarray, "n n"]:
        """The matrix L^-1 that whitens, shape (n, n) [1/strain]."""
        return solve_triangular(self.cholesky, np.eye(self.n), lower=True)

    @cached_property
    def condition_number(self) -> float:
        """Ratio of the largest to the smallest eigenvalue of the covariance."""
        singular = np.linalg.svd(self.cholesky, compute_uv=False)
        return float((singular[0] / singular[-1]) ** 2)

    @cached_property
    def log_determinant(self) -> float:
        """Natural logarithm of the determinant of the covariance."""
        return float(2.0 * np.log(np.diag(self.cholesky)).sum())

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each thing about the covariance that the user should know."""
        found = []
        if self.condition_number > _CONDITION_LIMIT:
            found.append(
                f"the noise covariance of {self.detector} has condition number {self.condition_number:.1e} (limit "
                f"{_CONDITION_LIMIT:.0e}); hold the spectrum flat above the anti-alias roll-off and below the high-pass"
            )
        if self.jitter > 0:
            found.append(
                f"the noise covariance of {self.detector} carries a jitter of {self.jitter:g} of its variance, which "
                "acts as extra white noise"
            )
        return tuple(found)

    def whiten(self, data: Any) -> Any:
        """Whiten one or many segments: L^-1 d.

        Args:
            data: Strain, shape (..., n); NumPy or JAX, also under ``jax.jit``. Strain in
                float32 loses digits: pass float64.

        Returns:
            Whitened data of unit noise variance, shape (..., n), dimensionless.

        Raises:
            DataError: If the last axis does not have ``n`` samples.
        """
        return self._apply(self.inverse_cholesky, data)

    def colour(self, white: Any) -> Any:
        """Undo `whiten`: L w.

        Args:
            white: Whitened data, shape (..., n); NumPy or JAX.

        Returns:
            Strain, shape (..., n).

        Raises:
            DataError: If the last axis does not have ``n`` samples.
        """
        return self._apply(self.cholesky, white)

    def _apply(self, matrix: np.ndarray, data: Any) -> Any:
        """Multiply the last axis of the data by a matrix."""
        xp = namespace(data)
        data = xp.asarray(data)
        if data.ndim == 0 or data.shape[-1] != self.n:
            raise DataError(
                f"whitening for {self.detector} needs segments of {self.n} samples, got shape {tuple(data.shape)}; cut "
                "the data or build the whitener with another `n`"
            )
        return xp.matmul(data, matrix.T)


def make_whitener(
    spectrum: Spectrum, *, rate: float, n: int, detector: str | None = None, jitter: float = 0.0
) -> Whitener:
    """Build the whitener of segments of ``n`` samples.

    Args:
        spectrum: One-sided power spectral density of the noise.
        rate: Sampling rate [Hz].
        n: Number of samples in a segment.
        detector: Name used in messages; the spectrum's name if None.
        jitter: Share of the variance to add to the diagonal; shows in
            `Whitener.warnings` when not zero.

    Returns:
        The whitener.

    Raises:
        InputError: If the rate, ``n`` or the jitter is out of range.
        DataError: If the covariance is not positive definite in double precision.
    """
    if not (np.isfinite(jitter) and jitter >= 0):
        raise InputError(f"`make_whitener(jitter=...)` must not be negative, got {jitter}; give 0 or a small share")
    label = detector or spectrum.name or "this spectrum"
    row = autocovariance(spectrum, rate=rate, n=n)
    correlation = toeplitz(row / row[0])
    correlation[np.diag_indices(n)] += jitter
    try:
        factor = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError as error:
        raise DataError(
            f"the noise covariance of {label} ({n} samples at {rate:g} Hz) is not positive definite in double "
            "precision; hold the spectrum flat where it falls steeply, or pass a small `jitter`"
        ) from error
    return Whitener(
        detector=label, rate=float(rate), autocovariance=row, cholesky=np.sqrt(row[0]) * factor, jitter=float(jitter)
    )
