"""Power spectrum of measured strain by Welch's method, made fit for a covariance."""

from typing import Literal

import numpy as np
from scipy.signal import get_window

from swansong.core.errors import DataError, InputError
from swansong.signals.spectra import Spectrum
from swansong.signals.strain import Strain

# Where the level above the anti-alias roll-off is read, as a share of `floor_above`.
_FLOOR_BAND = 0.8125
# The held low-frequency level may miss at most this factor of the mean power measured there.
_LOW_POWER_LIMIT = 100.0


def welch_spectrum(
    strain: Strain,
    *,
    segment: float = 4.0,
    overlap: float = 0.5,
    window: str | tuple = "hann",
    average: Literal["median", "mean"] = "median",
    floor_above: float | None = 1600.0,
    hold_below: float | None = None,
    exclude: tuple[float, float] | None = None,
) -> Spectrum:
    """Estimate the one-sided power spectral density of strain.

    Two ends of the estimate would spoil the covariance of short segments and can be held:

    * Above ``floor_above`` the density is set to its median between 0.8125 and 1 times
      that frequency (1300 to 1600 Hz). The anti-alias roll-off of public 4 kHz data
      otherwise drives the condition number to 1e9. Real data then have less power there
      than the model says, so whitened real noise has a variance slightly below 1.
    * Below ``hold_below`` the density is set to its value at that frequency. Do so only
      for strain that was high-passed there.

    Args:
        strain: Strain of one detector, much longer than a segment.
        segment: Length of a segment [s].
        overlap: Share of a segment shared with the next, in [0, 1).
        window: Window as `scipy.signal.get_window` names it.
        average: ``"median"``, unbiased for Gaussian noise and robust to transients, or
            ``"mean"``.
        floor_above: Frequency above which the density is held [Hz]; None to leave it.
            Without effect at or beyond half the sampling rate.
        hold_below: Frequency below which the density is held [Hz]; None to leave it.
        exclude: GPS start and end of a stretch to leave out, such as the signal's [s].

    Returns:
        The spectrum, spaced by 1/segment from 1/segment to just below half the sampling
        rate, named after the detector.

    Raises:
        InputError: If an option is out of range.
        DataError: If fewer than two segments remain, or power below ``hold_below`` shows
            that the strain was not high-passed.

    Reference:
        Welch 1967, IEEE Trans. Audio Electroacoust. 15, 70; for the median, Allen et al.,
        arXiv:gr-qc/0509116, appendix B.
    """
    length = round(segment * strain.rate)
    if length < 8 or not 0 <= overlap < 1 or average not in ("median", "mean"):
        raise InputError(
            f"`welch_spectrum(segment=..., overlap=..., average=...)` must be a segment of 8 samples or more, an "
            f"overlap in [0, 1) and 'median' or 'mean', got {segment}, {overlap} and {average!r}; 4 s and 0.5 are usual"
        )
    starts = _segment_starts(strain, length=length, overlap=overlap, exclude=exclude)
    taper = np.asarray(get_window(window, length), dtype=np.float64)
    pieces = np.stack([strain.data[start : start + length] for start in starts])
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(pieces * taper, axis=1)) ** 2 * (2.0 / (strain.rate * (taper**2).sum()))
    psd = power.mean(axis=0) if average == "mean" else np.median(power, axis=0) / _median_bias(len(starts))
    # The real-valued ends carry half the degrees of freedom, and zero frequency only the removed mean.
    inner = slice(1, (length + 1) // 2)
    frequency, psd = np.fft.rfftfreq(length, 1.0 / strain.rate)[inner], psd[inner]
    if floor_above is not None and floor_above < frequency[-1]:
        psd = _hold_high(frequency, psd, above=floor_above)
    if hold_below is not None:
        psd = _hold_low(frequency, psd, below=hold_below, source=strain.source)
    return Spectrum(frequency, psd, name=strain.detector)


def _segment_starts(strain: Strain, *, length: int, overlap: float, exclude: tuple[float, float] | None) -> list[int]:
    """List the first samples of the segments that avoid the excluded stretch."""
    step = max(1, round(length * (1.0 - overlap)))
    starts = range(0, len(strain) - length + 1, step)
    if exclude is not None:
        if not exclude[0] < exclude[1]:
            raise InputError(
                f"`welch_spectrum(exclude=...)` must be a start before an end, got {exclude}; give GPS seconds"
            )
        low, high = ((time - strain.start) * strain.rate for time in exclude)
        starts = [start for start in starts if start + length <= low or start >= high]
    if len(starts) < 2:
        raise DataError(
            f"{strain.source} lasts {strain.duration:g} s and leaves {len(starts)} segments of "
            f"{length / strain.rate:g} s; give more data or a shorter `segment`"
        )
    return list(starts)


def _median_bias(count: int) -> float:
    """Expected median of ``count`` independent exponential variables of mean 1."""
    # The j-th smallest of n has the mean 1/n + 1/(n-1) + ... + 1/(n-j+1).
    means = np.cumsum(1.0 / np.arange(count, 0, -1))
    return float(means[[(count - 1) // 2, count // 2]].mean())


def _hold_high(frequency: np.ndarray, psd: np.ndarray, *, above: float) -> np.ndarray:
    """Hold the density above a frequency at its median just below it."""
    band = (frequency >= _FLOOR_BAND * above) & (frequency <= above)
    if not band.any():
        raise InputError(
            f"`welch_spectrum(floor_above=...)` must lie above {frequency[0] / _FLOOR_BAND:g} Hz, got {above}; 1600 Hz "
            "suits public 4 kHz data"
        )
    return np.where(frequency > above, np.median(psd[band]), psd)


def _hold_low(frequency: np.ndarray, psd: np.ndarray, *, below: float, source: str) -> np.ndarray:
    """Hold the density below a frequency at its value there."""
    index = int(np.searchsorted(frequency, below))
    if not 0 < below < frequency[-1]:
        raise InputError(
            f"`welch_spectrum(hold_below=...)` must lie between 0 and {frequency[-1]:g} Hz, got {below}; give the "
            "corner of the high-pass"
        )
    level = psd[index]
    if index and psd[:index].mean() > _LOW_POWER_LIMIT * level:
        raise DataError(
            f"{source} has {psd[:index].mean() / level:.0e} times more power below {below:g} Hz than at {below:g} Hz, "
            "which a held spectrum would hide; high-pass the strain first with `strain.highpass`"
        )
    return np.where(frequency < below, level, psd)
