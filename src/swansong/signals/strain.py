"""Detector strain: one continuous, evenly sampled stretch and its exact bookkeeping."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.signal import butter, sosfiltfilt

from swansong.core.errors import DataError, InputError

# A start time may miss the sample grid by this much and still count as on it [s]: double
# precision stores GPS seconds near 1e9 in steps of 1.2e-7 s or 2.4e-7 s.
_GRID_TOLERANCE = 5e-7


class Cut(NamedTuple):
    """A piece of strain cut at a requested time.

    Attributes:
        strain: The piece; it starts at the first sample at or after the requested time.
        offset: Time from the requested start to the first sample, in [0, 1/rate) [s].
    """

    strain: "Strain"
    offset: float


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Quality:
    """Data-quality mask, one bit word a second as in GWOSC files.

    Attributes:
        mask: Bit words, shape (seconds,), uint32.
        names: Name of each bit, lowest first, such as ``"CBC_CAT1"``.
    """

    mask: np.ndarray
    names: tuple[str, ...]

    def good(self, name: str) -> np.ndarray:
        """Tell for each second whether a check passed.

        Args:
            name: Name of the bit.

        Returns:
            True where the check passed, shape (seconds,).

        Raises:
            InputError: If the mask has no such bit.
        """
        if name not in self.names:
            raise InputError(
                f"the quality mask has no bit {name!r}; use one of {', '.join(self.names)}"
                if self.names
                else f"the quality mask has no bit {name!r}: the file names none"
            )
        return (self.mask >> self.names.index(name)) & 1 == 1


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Strain:
    """Evenly sampled strain of one detector, without gaps.

    Attributes:
        detector: Name of the detector, such as ``"H1"``.
        data: Strain, shape (n,), float64, dimensionless.
        start: GPS time of the first sample [s].
        rate: Sampling rate [Hz].
        path: File it was read from, if any.
        quality: Data-quality mask of the file, if any.

    Raises:
        DataError: If the data are not one-dimensional, empty or hold NaN or infinite
            samples.
        InputError: If the start or the rate is not finite or the rate not positive.
    """

    detector: str
    data: Float[np.ndarray, "n"]
    start: float
    rate: float
    path: Path | None = None
    quality: Quality | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.rate) and self.rate > 0 and np.isfinite(self.start)):
            raise InputError(
                f"`Strain(start=..., rate=...)` must be finite and the rate positive, got {self.start} and {self.rate}"
                "; give GPS seconds and hertz"
            )
        data = np.array(self.data, dtype=np.float64)
        if data.ndim != 1 or data.size == 0:
            raise DataError(
                f"{self.source} must be one series of samples, got shape {data.shape}; give a one-dimensional array"
            )
        for kind, bad in (("NaN", np.isnan(data)), ("infinite", np.isinf(data))):
            if bad.any():
                where = np.flatnonzero(bad)
                first, last = self.start + where[[0, -1]] / self.rate
                raise DataError(
                    f"{self.source} has {where.size} {kind} samples from GPS {first:.4f} to {last:.4f}; choose a "
                    "stretch outside them"
                )
        data.setflags(write=False)
        object.__setattr__(self, "data", data)

    def __len__(self) -> int:
        return self.data.size

    @property
    def source(self) -> str:
        """How messages name this strain: the detector and the file."""
        return f"{self.detector} strain" + (f" in {self.path}" if self.path else "")

    @property
    def duration(self) -> float:
        """Time covered, n / rate [s]."""
        return len(self) / self.rate

    @property
    def end(self) -> float:
        """GPS time just after the last sample, start + n / rate [s]."""
        return self.start + self.duration

    @property
    def times(self) -> Float[np.ndarray, "n"]:
        """GPS time of each sample, shape (n,) [s]."""
        return self.start + np.arange(len(self)) / self.rate

    def slice(self, start: float, *, duration: float | None = None, n: int | None = None) -> Cut:
        """Cut a piece that starts at the first sample at or after a time.

        Args:
            start: Requested GPS time [s].
            duration: Length [s], rounded to whole samples; 0.1 s at 4096 Hz are 410.
            n: Length in samples, in place of ``duration``.

        Returns:
            The piece and the time from the request to its first sample.

        Raises:
            InputError: If not exactly one of ``duration`` and ``n`` is given, or it is
                not positive.
            DataError: If the piece reaches outside the strain.
        """
        if (duration is None) == (n is None):
            raise InputError("`Strain.slice` needs a length, once; give either `duration` [s] or `n` [samples]")
        count = int(n) if n is not None else round(float(duration or 0.0) * self.rate)
        if count < 1:
            raise InputError(
                f"`Strain.slice` needs one sample or more, got duration={duration}, n={n}; give a positive length"
            )
        position = (start - self.start) * self.rate
        index = round(position)
        # A request on the grid up to rounding of GPS seconds takes that sample, not the next.
        if abs(position - index) > _GRID_TOLERANCE * self.rate:
            index = int(np.ceil(position))
        if index < 0 or index + count > len(self):
            raise DataError(
                f"{self.source} covers GPS {self.start:.4f} to {self.end:.4f}, got a window from {start:.4f} to "
                f"{start + count / self.rate:.4f}; choose a window inside it"
            )
        piece = replace(self, data=self.data[index : index + count], start=self.start + index / self.rate, quality=None)
        return Cut(strain=piece, offset=max(0.0, (index - position) / self.rate))

    def highpass(self, frequency: float, *, order: int = 4) -> "Strain":
        """Remove slow drifts with a zero-phase Butterworth filter, run both ways.

        The filter halves the amplitude at ``frequency`` and rings for a few of its periods
        at both ends: filter a long stretch, then cut.

        Args:
            frequency: Corner frequency [Hz].
            order: Order of each of the two passes.

        Returns:
            The filtered strain, same start and length.

        Raises:
            InputError: If the corner is not between zero and half the sampling rate.
            DataError: If the strain is shorter than ten periods of the corner.
        """
        if not 0 < frequency < self.rate / 2:
            raise InputError(
                f"`Strain.highpass(frequency)` must lie between 0 and {self.rate / 2:g} Hz, got {frequency}; 20 Hz "
                "suits ground-based detectors"
            )
        if self.duration * frequency < 10:
            raise DataError(
                f"{self.source} lasts {self.duration:g} s, fewer than ten periods of {frequency:g} Hz; high-pass a "
                "longer stretch and cut it afterwards"
            )
        sections = butter(order, frequency, btype="highpass", fs=self.rate, output="sos")
        return replace(self, data=sosfiltfilt(sections, self.data))


def require_rate(strain: Strain, rate: float) -> Strain:
    """Return the strain if it has the expected sampling rate.

    Args:
        strain: Strain of one detector.
        rate: Expected sampling rate [Hz].

    Returns:
        The same strain.

    Raises:
        DataError: If the rates differ by more than 1e-9 of the expected one.
    """
    if abs(strain.rate - rate) > 1e-9 * rate:
        raise DataError(
            f"{strain.source} is sampled at {strain.rate:g} Hz, expected {rate:g} Hz; fetch the data at that rate or "
            "change the configured one"
        )
    return strain


def check_network(strains: tuple[Strain, ...] | list[Strain]) -> tuple[Strain, ...]:
    """Check that strains can be analysed together.

    Args:
        strains: One strain a detector.

    Returns:
        The same strains as a tuple.

    Raises:
        DataError: If there is none, a detector appears twice, or rates, lengths or start
            times differ (start times by more than 1 % of a sample).
    """
    if not strains:
        raise DataError("a network needs strain, got none; give one strain for each detector")
    first = strains[0]
    names = [strain.detector for strain in strains]
    if len(set(names)) < len(names):
        raise DataError(f"a network needs different detectors, got {', '.join(names)}; give one strain for each")
    for other in strains[1:]:
        require_rate(other, first.rate)
        if len(other) != len(first):
            raise DataError(
                f"{other.source} has {len(other)} samples and {first.source} has {len(first)}; cut all detectors to "
                "the same window"
            )
        if abs(other.start - first.start) * first.rate > 0.01:
            raise DataError(
                f"{other.source} starts at GPS {other.start:.4f} and {first.source} at {first.start:.4f}; cut all "
                "detectors to the same window"
            )
    return tuple(strains)
