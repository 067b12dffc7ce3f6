"""Reading strain: GWOSC HDF5, plain HDF5, text, CSV and NumPy files."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from swansong.core.errors import DataError, FileError
from swansong.signals.strain import Quality, Strain

_GWOSC = "strain/Strain"
_HDF5_SUFFIXES = (".hdf5", ".h5", ".hdf")
_TEXT_SUFFIXES = (".txt", ".dat", ".csv")
# Detectors recognised in file names; V2 in GWOSC names is a version, not a detector.
_DETECTORS = ("G1", "H1", "H2", "K1", "L1", "V1")
# Names under which plain HDF5 files keep the sampling rate, its inverse and the start.
_RATE_KEYS = ("rate", "sample_rate", "sampling_rate", "sampling_frequency")
_SPACING_KEYS = ("dt", "delta_t", "dx", "Xspacing")
_START_KEYS = ("start", "start_time", "gps_start", "epoch", "t0", "x0", "Xstart")


@dataclass(frozen=True)
class _Raw:
    """What a file gave before arguments fill the blanks."""

    values: np.ndarray
    detector: str | None = None
    rate: float | None = None
    start: float | None = None
    quality: Quality | None = None


def read_strain(
    path: str | Path,
    *,
    detector: str | None = None,
    rate: float | None = None,
    start: float | None = None,
    channel: str | None = None,
) -> Strain:
    """Read the strain of one detector from a file.

    * HDF5 from the Gravitational Wave Open Science Center: everything is in the file.
    * Any other HDF5: one dataset of samples, with rate and start in its attributes or
      given here, or of two columns, time and strain.
    * ``.txt``, ``.dat``, ``.csv``, ``.npy``: two columns, GPS time and strain, or one
      column of strain with ``rate`` and ``start`` given here.

    Args:
        path: The file.
        detector: Name of the detector, such as ``"H1"``; needed when the file does not
            say it, and then ``"H1"`` is read from names such as ``H-H1_...hdf5``.
        rate: Sampling rate [Hz]; must agree with the file's own if it has one.
        start: GPS time of the first sample [s]; must agree with the file's own.
        channel: Dataset to read from an HDF5 file that holds several.

    Returns:
        The strain.

    Raises:
        FileError: If the file is missing, truncated or of another kind.
        DataError: If samples are missing, not finite or unevenly spaced, or the file
            contradicts the arguments.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"strain file {path} does not exist; check the path")
    suffix = path.suffix.lower()
    if suffix in _HDF5_SUFFIXES:
        raw = _read_hdf5(path, channel=channel)
    elif suffix in _TEXT_SUFFIXES:
        raw = _Raw(_read_text(path))
    elif suffix == ".npy":
        raw = _Raw(_read_npy(path))
    else:
        raise FileError(
            f"strain file {path} has the unknown ending {suffix!r}; give one of "
            f"{', '.join((*_HDF5_SUFFIXES, *_TEXT_SUFFIXES, '.npy'))}"
        )
    if raw.values.ndim == 2:
        raw = _from_columns(raw, path=path)
    if raw.values.ndim != 1:
        raise DataError(
            f"strain file {path} holds an array of shape {raw.values.shape}; give one column of strain or two, time "
            "and strain"
        )
    name = detector or raw.detector or _name_from_file(path)
    if name is None:
        raise DataError(f"strain file {path} does not name its detector; pass `detector`, such as 'H1'")
    return Strain(
        detector=name,
        data=raw.values,
        start=_settle("start", raw.start, start, path=path, tolerance=1e-6),
        rate=_settle("rate", raw.rate, rate, path=path, tolerance=1e-3),
        path=path,
        quality=raw.quality,
    )


def _settle(what: str, found: float | None, given: float | None, *, path: Path, tolerance: float) -> float:
    """Combine the file's value with the argument's; they must agree if both exist."""
    if found is None and given is None:
        raise DataError(f"strain file {path} does not hold its {what}; pass `{what}`")
    if found is not None and given is not None and abs(found - given) > tolerance:
        raise DataError(
            f"strain file {path} has {what} {found:.10g}, expected {given:.10g}; drop the `{what}` argument or give "
            "the right file"
        )
    return float(found if found is not None else given)  # pyright: ignore[reportArgumentType]


def _name_from_file(path: Path) -> str | None:
    """Find a detector such as H1 in a frame-style file name, ``H-H1_...``."""
    parts = path.stem.replace("-", "_").split("_")
    return next((part for part in parts if part in _DETECTORS), None)


def _read_text(path: Path) -> np.ndarray:
    """Read one or two columns of numbers."""
    try:
        with warnings.catch_warnings():
            # An empty file is refused below, in our own words.
            warnings.simplefilter("ignore", UserWarning)
            table = np.loadtxt(path, delimiter="," if path.suffix.lower() == ".csv" else None, ndmin=2)
    except (ValueError, OSError) as error:
        raise FileError(
            f"strain file {path} cannot be read as columns of numbers ({error}); give time and strain, or strain "
            "alone, comments after #"
        ) from error
    if table.size == 0:
        raise FileError(f"strain file {path} is empty; give time and strain, or strain alone")
    return table[:, 0] if table.shape[1] == 1 else table


def _read_npy(path: Path) -> np.ndarray:
    """Read a NumPy array of numbers; object arrays are refused."""
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise FileError(f"strain file {path} is truncated or no array of numbers ({error}); save it again") from error
    return _numbers(values, label=f"strain file {path}")


def _numbers(values: np.ndarray, *, label: str) -> np.ndarray:
    """Accept real numbers only."""
    if values.dtype.kind not in "fiu":
        raise DataError(f"{label} holds values of type {values.dtype}; give real numbers")
    return values.astype(np.float64)


def _from_columns(raw: _Raw, *, path: Path) -> _Raw:
    """Split a table of time and strain and check that the time is even."""
    table = raw.values.T if raw.values.shape[0] == 2 < raw.values.shape[1] else raw.values
    if table.shape[1] != 2 or table.shape[0] < 2:
        raise DataError(
            f"strain file {path} holds a table of shape {raw.values.shape}; give two columns, GPS time and strain"
        )
    time, values = table.T
    if not np.isfinite(time).all():
        raise DataError(f"strain file {path} has {(~np.isfinite(time)).sum()} times that are not finite; remove them")
    step = (time[-1] - time[0]) / (len(time) - 1)
    steps = np.diff(time)
    usual = float(np.median(steps))
    uneven = np.abs(steps - usual) > 0.01 * abs(usual) + 1e-6
    if usual <= 0 or uneven.any():
        where = int(np.argmax(uneven)) if uneven.any() else int(np.argmin(steps))
        raise DataError(
            f"strain file {path} is not evenly sampled: after GPS {time[where]:.6f} comes {time[where + 1]:.6f} where "
            f"steps of {usual:.3g} s are usual; choose a stretch without gaps"
        )
    # Times printed with few digits give a rate near a whole number of hertz; snap to it.
    rate = 1.0 / step
    if abs(rate - round(rate)) < 1e-3 * max(1.0, rate * 1e-3):
        rate = float(round(rate))
    return _Raw(values, detector=raw.detector, rate=rate, start=float(time[0]), quality=raw.quality)


def _read_hdf5(path: Path, *, channel: str | None) -> _Raw:
    """Read GWOSC or plain HDF5."""
    try:
        with h5py.File(path, "r") as file:
            dataset = _dataset(file, _GWOSC) if channel in (None, _GWOSC) else None
            if dataset is not None:
                return _read_gwosc(dataset, file, path=path)
            return _read_plain(file, path=path, channel=channel)
    except (OSError, KeyError, RuntimeError) as error:
        raise FileError(f"strain file {path} is truncated or no HDF5 file ({error}); fetch it again") from error


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a dataset, or None if the file has none of that name."""
    item = file.get(name)
    return item if isinstance(item, h5py.Dataset) else None


def _text(dataset: h5py.Dataset) -> list[str]:
    """Read a dataset of one or several strings."""
    return [str(value) for value in np.atleast_1d(dataset.asstr()[()])]


def _read_gwosc(dataset: h5py.Dataset, file: h5py.File, *, path: Path) -> _Raw:
    """Read the layout of the Gravitational Wave Open Science Center."""
    start, spacing = dataset.attrs.get("Xstart"), dataset.attrs.get("Xspacing")
    gps, site = _dataset(file, "meta/GPSstart"), _dataset(file, "meta/Detector")
    if start is None and gps is not None:
        start = gps[()]
    points = dataset.attrs.get("Npoints", dataset.size)
    if points != dataset.size:
        raise DataError(f"strain file {path} announces {points} samples and holds {dataset.size}; fetch it again")
    mask, bits = _dataset(file, "quality/simple/DQmask"), _dataset(file, "quality/simple/DQShortnames")
    return _Raw(
        _numbers(dataset[()], label=f"strain file {path}"),
        detector=None if site is None else _text(site)[0],
        rate=None if spacing is None else 1.0 / float(spacing),
        start=None if start is None else float(start),
        quality=None if mask is None else Quality(mask=mask[()], names=() if bits is None else tuple(_text(bits))),
    )


def _read_plain(file: h5py.File, *, path: Path, channel: str | None) -> _Raw:
    """Read a single dataset and what its attributes say."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.ndim else None)
    if channel is None and len(found) == 1:
        channel = found[0]
    dataset = _dataset(file, channel) if channel in found and channel is not None else None
    if dataset is None:
        listed = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") if found else "no array"
        asked = "no strain/Strain" if channel is None else f"no dataset {channel!r}"
        raise FileError(f"strain file {path} holds {asked}; it holds {listed}: name one as `channel`")
    attributes: dict[str, Any] = {**file.attrs, **dataset.parent.attrs, **dataset.attrs}
    rate, spacing = _first(attributes, _RATE_KEYS), _first(attributes, _SPACING_KEYS)
    site = attributes.get("detector")
    return _Raw(
        _numbers(dataset[()], label=f"dataset {channel} of strain file {path}"),
        detector=site.decode() if isinstance(site, bytes) else site,
        rate=rate if rate is not None else (1.0 / spacing if spacing else None),
        start=_first(attributes, _START_KEYS),
    )


def _first(attributes: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    """Return the first attribute present under any of the names, as a number."""
    for key in keys:
        if key in attributes:
            return float(np.asarray(attributes[key]).item())
    return None
