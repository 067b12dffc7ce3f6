"""The statistic of every segment at every frequency and rate of change, tabulated once.

The match of a linear chirp with a segment depends on two numbers only: its frequency in the
middle of the segment and its rate of change. Both are tabulated, so that the statistic of a
track is a sum of look-ups. Two tables come from the same transforms: complex amplitudes,
which are interpolated and may be added coherently over neighbouring segments, and powers in
one byte, read at the nearest point, for scoring very many templates.

With z the whitened samples of a segment, N their number, and t counted from its middle,

    X(f, r) = N^(-1/2) sum z exp{-2 pi i (f - low) t - pi i r (t^2 - T^2/12)}.

The last term makes X smooth in r. In noise |X|^2 has mean one, and the statistic 2 |X|^2 is
chi-squared with two degrees of freedom.

Reference:
    Speri et al., arXiv:2510.20891, equations (5) to (9), with frequencies referred to the
    start of the segment and a window in it.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, UInt8
from numba import njit, prange
from scipy import fft

from swansong.emri.search.settings import StatisticSettings
from swansong.signals.sft import Baseband

BYTE_STEP = 8.0
"""Steps of the byte table for one unit of the statistic; it saturates at 255 / 8."""

_BLOCK = 16  # segments transformed together


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class StatisticTable:
    """Tabulated match of linear chirps with every segment of a year.

    Attributes:
        amplitudes: X on the grid, shape (segments, rates, bins); no segments if not asked for.
        powers: 2 |X|^2 in steps of 1/8, saturating at 31.9, shape (segments, rates, fine bins); same.
        used: One for segments that may be used, shape (segments,).
        low: Frequency of the first bin [Hz].
        step: Spacing of the bins of ``amplitudes`` [Hz].
        rate_step: Spacing of the rates [Hz/s]; the first is zero.
        segment: Length of a segment [s].
    """

    amplitudes: Complex[np.ndarray, "segments rates bins"]
    powers: UInt8[np.ndarray, "segments rates fine"]
    used: UInt8[np.ndarray, "segments"]
    low: float
    step: float
    rate_step: float
    segment: float

    @property
    def segments(self) -> int:
        """Number of segments."""
        return self.used.size

    @property
    def rates(self) -> int:
        """Number of tabulated rates."""
        return self.powers.shape[1]

    @property
    def fine_step(self) -> float:
        """Spacing of the bins of ``powers`` [Hz]."""
        return self.step * self.amplitudes.shape[2] / self.powers.shape[2]


@njit(cache=True, parallel=True, fastmath=True)
def _store(transforms, scale, stride, first, amplitudes, powers):
    """Split one block of transforms into the complex and the byte table."""
    blocks, rates, fine = transforms.shape
    for item in prange(blocks * rates):
        block, rate = item // rates, item % rates
        row = transforms[block, rate]
        if powers.shape[0] > 0:
            for k in range(fine):
                value = row[k] * scale
                power = 2.0 * (value.real * value.real + value.imag * value.imag) * BYTE_STEP
                powers[first + block, rate, k] = np.uint8(min(power, 255.0))
        if amplitudes.shape[0] > 0:
            for k in range(amplitudes.shape[2]):
                amplitudes[first + block, rate, k] = row[k * stride] * scale


def tabulate(
    band: Baseband, settings: StatisticSettings, *, amplitudes: bool = True, powers: bool = True
) -> StatisticTable:
    """Tabulate the statistic of a whitened year.

    Args:
        band: Whitened segments.
        settings: Rates and paddings.
        amplitudes: Whether the complex table is wanted.
        powers: Whether the byte table is wanted.

    Returns:
        The tables: with the default settings and a year, 0.6 GB of amplitudes and .16 GB of
        powers.
    """
    segments, per_segment = band.samples.shape
    rates = np.linspace(0.0, settings.largest_rate, settings.rates)
    fine = per_segment * settings.fine_padding
    stride = settings.fine_padding // settings.padding
    half = per_segment // 2
    time = (np.arange(per_segment) - half) * band.cadence
    chirps = np.exp(-1j * math.pi * rates[:, None] * (time**2 - band.segment**2 / 12.0)).astype(np.complex64)
    # Without the byte table the transforms need no finer grid than the complex one.
    if not powers:
        fine, stride = per_segment * settings.padding, 1
    complex_shape = (segments if amplitudes else 0, rates.size, per_segment * settings.padding)
    byte_shape = (segments if powers else 0, rates.size, per_segment * settings.fine_padding)
    table = np.empty(complex_shape, dtype=np.complex64)
    bytes_ = np.empty(byte_shape, dtype=np.uint8)
    padded = np.zeros((_BLOCK, rates.size, fine), dtype=np.complex64)
    scale = np.float32(1.0 / math.sqrt(per_segment))
    for first in range(0, segments, _BLOCK):
        count = min(_BLOCK, segments - first)
        product = band.samples[first : first + count, None, :] * chirps
        # Time zero, the middle of the segment, belongs at index zero of the transform.
        padded[:count, :, : per_segment - half] = product[..., half:]
        padded[:count, :, fine - half :] = product[..., :half]
        transforms = fft.fft(padded[:count], axis=-1, workers=-1)
        _store(transforms, scale, stride, first, table, bytes_)
    return StatisticTable(
        amplitudes=table,
        powers=bytes_,
        used=band.used.astype(np.uint8),
        low=band.low,
        step=1.0 / (band.segment * settings.padding),
        rate_step=float(rates[1]),
        segment=band.segment,
    )


@njit(cache=True, fastmath=True, inline="always")
def look_up(table, low, inverse_step, inverse_rate, loss, rate_loss, segment, frequency, rate):
    """X of one segment at one frequency and rate, between the points of the table.

    Linear in both numbers, and divided by what that takes off the noise on average, which is
    also what it takes off a signal to leading order: ``loss`` and ``rate_loss`` are one minus
    the correlation of neighbouring points.
    """
    place = (frequency - low) * inverse_step
    bin_ = int(place)
    w = place - bin_
    height = rate * inverse_rate
    row = int(height)
    v = height - row
    below = (1.0 - w) * table[segment, row, bin_] + w * table[segment, row, bin_ + 1]
    above = (1.0 - w) * table[segment, row + 1, bin_] + w * table[segment, row + 1, bin_ + 1]
    spread = (1.0 - 2.0 * w * (1.0 - w) * loss) * (1.0 - 2.0 * v * (1.0 - v) * rate_loss)
    return ((1.0 - v) * below + v * above) / math.sqrt(spread)


def neighbour_losses(table: StatisticTable) -> tuple[float, float]:
    """One minus the correlation of neighbouring bins and of neighbouring rates, for `look_up`."""
    bins = 1.0 - float(np.sinc(table.step * table.segment))
    time = np.linspace(-0.5, 0.5, 2001) * table.segment
    overlap = np.cos(math.pi * table.rate_step * (time**2 - table.segment**2 / 12.0))
    return bins, 1.0 - float(np.trapezoid(overlap, dx=1.0 / 2000.0))


def per_segment(
    table: StatisticTable, frequency: Float[np.ndarray, "n"], rate: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """The statistic of each segment along one track.

    Args:
        table: Tabulated segments.
        frequency: Frequency in the middle of every segment, shape (segments,) [Hz].
        rate: Rate of change of the frequency there, same shape [Hz/s].

    Returns:
        Statistic, same shape; NaN where the track leaves the table or the segment is not used.
    """
    loss, rate_loss = neighbour_losses(table)
    answer = np.full(table.segments, np.nan)
    _per_segment(
        table.amplitudes, table.used, table.low, 1.0 / table.step, 1.0 / table.rate_step, loss, rate_loss, frequency,
        rate, answer,
    )  # fmt: skip
    return answer


@njit(cache=True)
def _per_segment(table, used, low, inverse_step, inverse_rate, loss, rate_loss, frequency, rate, answer):
    bins, rows = table.shape[2], table.shape[1]
    for s in range(frequency.size):
        place, height = (frequency[s] - low) * inverse_step, rate[s] * inverse_rate
        inside = 0.0 <= place < bins - 1.0 and 0.0 <= height < rows - 1.0
        if used[s] and inside:
            value = look_up(table, low, inverse_step, inverse_rate, loss, rate_loss, s, frequency[s], rate[s])
            answer[s] = 2.0 * (value.real**2 + value.imag**2)
