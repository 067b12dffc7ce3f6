"""LISA data: channels A, E and T, their gaps, and the HDF5 files that hold them.

Two layouts are read. The plain one, also written, has datasets ``t`` [s], ``A``, ``E`` and
perhaps ``T``, with attributes ``start`` and ``cadence`` [s]. The LISA Data Challenges keep one
table of named columns, ``obs/tdi``, with ``t`` and ``X``, ``Y``, ``Z`` or ``A``, ``E``.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import Bool, Float

from swansong.core.atomic import atomic
from swansong.core.errors import DataError, FileError

_log = logging.getLogger(__name__)
_NAMES = ("A", "E", "T")
_TABLES = ("obs/tdi", "sky/tdi", "tdi")
# Times may miss the grid by this share of the cadence: they are often kept with few digits.
_TOLERANCE = 1e-3
# Longest data that missing stretches may make of a file, over what it holds: beyond that its times are wrong.
_LARGEST = 20


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class LisaData:
    """Evenly sampled TDI channels of LISA; gaps are marked and hold zeros.

    Attributes:
        start: Time of the first sample [s].
        cadence: Spacing of the samples [s].
        A: Channel A, shape (n,), fractional frequency deviation.
        E: Channel E, shape (n,).
        T: Channel T, shape (n,), or None.
        gaps: True where there are no data, shape (n,); an empty array stands for none.

    Raises:
        DataError: If the channels are empty, differ in length or hold samples outside the
            gaps that are not finite, or start and cadence are no numbers.
    """

    start: float
    cadence: float
    A: Float[np.ndarray, "n"]
    E: Float[np.ndarray, "n"]
    T: Float[np.ndarray, "n"] | None = None
    gaps: Bool[np.ndarray, "gaps"] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if not (np.isfinite(self.start) and np.isfinite(self.cadence) and self.cadence > 0):
            raise DataError(
                f"LISA data need a finite start and a positive cadence, got {self.start} and {self.cadence}; give "
                "seconds"
            )
        gaps = np.array(self.gaps, dtype=bool)
        gaps = np.zeros(np.shape(self.A), bool) if gaps.size == 0 else gaps
        shapes = {name: np.shape(getattr(self, name)) for name in _NAMES if getattr(self, name) is not None}
        shapes["gaps"] = gaps.shape
        if len(set(shapes.values())) > 1 or len(gaps.shape) != 1 or gaps.size == 0:
            raise DataError(
                f"LISA data need channels and gaps of one length, got shapes {shapes}; give one-dimensional arrays"
            )
        for name in _NAMES:
            values = getattr(self, name)
            if values is None:
                continue
            values = np.array(values, dtype=np.float64)
            values[gaps] = 0.0
            bad = ~np.isfinite(values)
            if bad.any():
                raise DataError(
                    f"channel {name} of LISA data has {bad.sum()} samples that are not finite outside the gaps, the "
                    f"first at {self.start + np.argmax(bad) * self.cadence:.10g} s; mark them as gaps or repair them"
                )
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        gaps.setflags(write=False)
        object.__setattr__(self, "gaps", gaps)

    def __len__(self) -> int:
        """Number of samples."""
        return self.A.size

    @property
    def duration(self) -> float:
        """Length of the data, gaps included [s]."""
        return len(self) * self.cadence

    @property
    def times(self) -> Float[np.ndarray, "n"]:
        """Time of each sample, shape (n,) [s]."""
        return self.start + self.cadence * np.arange(len(self))

    @property
    def gap_share(self) -> float:
        """Share of the samples that are missing."""
        return float(np.mean(self.gaps))

    @property
    def gap_times(self) -> Float[np.ndarray, "gaps 2"]:
        """First missing sample and first sample thereafter of each gap, shape (gaps, 2) [s]."""
        edges = np.flatnonzero(np.diff(self.gaps.astype(np.int8), prepend=0, append=0))
        return self.start + self.cadence * edges.reshape(-1, 2)


class _Raw(NamedTuple):
    """What a file holds: times or None, channels in the order of `_NAMES`, start and cadence or None."""

    times: np.ndarray | None
    channels: list[np.ndarray | None]
    start: float | None
    cadence: float | None


def read_lisa(path: str | Path, *, cadence: float | None = None) -> LisaData:
    """Read LISA data from an HDF5 file.

    Samples of NaN in any channel and stretches left out of ``t`` are gaps: they are
    marked in `LisaData.gaps` and set to zero in all channels, and a warning goes to
    the log of this module. X, Y and Z become A = (Z - X)/sqrt 2, E = (X - 2Y + Z)/sqrt 6 and
    T = (X + Y + Z)/sqrt 3. A file does not say which generation of TDI it holds, and the spectra and the
    response of this package are those of the second.

    Args:
        path: The file.
        cadence: Expected spacing of the samples [s]; the file's own if None.

    Returns:
        The data; times are those of the file.

    Raises:
        FileError: If the file is missing, truncated or of another layout.
        DataError: If the times are not even or of another cadence, samples are infinite
            or all missing, or the channels differ in length.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"LISA file {path} does not exist; check the path")
    try:
        with h5py.File(path, "r") as file:
            raw = _read_plain(file, path=path) or _read_table(file, path=path)
    except (OSError, KeyError, RuntimeError) as error:
        raise FileError(f"LISA file {path} is truncated or no HDF5 file ({error}); fetch it again") from error
    if raw is None:
        raise FileError(
            f"LISA file {path} has neither datasets A and E nor a table {_TABLES[0]} with columns X, Y, Z or A, E; "
            "give one of these"
        )
    data = _on_grid(raw, path=path, cadence=cadence)
    if data.gap_share == 1.0:
        raise DataError(f"LISA file {path} holds no sample that is not NaN; give a file with data")
    if data.gap_share > 0.0:
        _log.warning(
            "%s has %d gaps, %.3g %% of its samples: they are set to zero",
            path,
            len(data.gap_times),
            100.0 * data.gap_share,
        )
    return data


def write_lisa(path: str | Path, data: LisaData) -> None:
    """Write LISA data in the plain layout; samples in gaps become NaN.

    Args:
        path: Where to write; an existing file is replaced.
        data: The data.

    Raises:
        OutputError: If the path cannot be written or the disk is full.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update({"start": data.start, "cadence": data.cadence})
        # An even ramp shrinks to next to nothing; noise does not.
        file.create_dataset("t", data=data.times, compression="gzip", shuffle=True)
        for name in _NAMES:
            values = getattr(data, name)
            if values is not None:
                file.create_dataset(name, data=np.where(data.gaps, np.nan, values))


def _series(values: np.ndarray, *, label: str) -> np.ndarray:
    """Accept real numbers only; a column of shape (n, 1) becomes (n,)."""
    if values.dtype.kind not in "fiu":
        raise DataError(f"{label} holds values of type {values.dtype}; give real numbers")
    return values.astype(np.float64).squeeze()


def _number(attributes: h5py.AttributeManager, *, names: tuple[str, ...], path: Path) -> float | None:
    """Return the first attribute present, as a number."""
    for name in names:
        if name in attributes:
            try:
                return float(np.asarray(attributes[name]).item())
            except ValueError as error:
                raise DataError(f"LISA file {path} has the {name} {attributes[name]!r}; give one number [s]") from error
    return None


def _read_plain(file: h5py.File, *, path: Path) -> _Raw | None:
    """Read datasets t, A, E and perhaps T, or None if this is another layout."""
    found = {name: item for name in ("t", *_NAMES) if isinstance(item := file.get(name), h5py.Dataset)}
    if not {"A", "E"} <= set(found):
        return None
    series = {name: _series(item[()], label=f"dataset {name} of LISA file {path}") for name, item in found.items()}
    return _Raw(
        series.get("t"),
        [series.get(name) for name in _NAMES],
        _number(file.attrs, names=("start", "t0"), path=path),
        _number(file.attrs, names=("cadence", "dt"), path=path),
    )


def _read_table(file: h5py.File, *, path: Path) -> _Raw | None:
    """Read a table of named columns as in the LISA Data Challenges, or None if there is none."""
    found = (file.get(name) for name in _TABLES)
    table = next((item for item in found if isinstance(item, h5py.Dataset) and item.dtype.names), None)
    if table is None:
        return None
    values = np.asarray(table[()])
    fields = set(values.dtype.names or ())
    columns = {
        name: _series(values[name], label=f"column {name} of LISA file {path}")
        for name in ("t", *_NAMES, "X", "Y", "Z")
        if name in fields
    }
    if {"A", "E"} <= fields:
        channels = [columns.get(name) for name in _NAMES]
    elif {"X", "Y", "Z"} <= fields:
        x, y, z = (columns[name] for name in "XYZ")
        channels = [(z - x) / np.sqrt(2.0), (x - 2.0 * y + z) / np.sqrt(6.0), (x + y + z) / np.sqrt(3.0)]
    else:
        return None
    return _Raw(
        columns.get("t"),
        channels,
        _number(table.attrs, names=("start", "t0"), path=path),
        _number(table.attrs, names=("cadence", "dt"), path=path),
    )


def _on_grid(raw: _Raw, *, path: Path, cadence: float | None) -> LisaData:
    """Lay the samples on an even grid, with gaps where times or values are missing."""
    lengths = {values.shape for values in (raw.times, *raw.channels) if values is not None}
    first = raw.channels[0]
    if len(lengths) != 1 or first is None or first.ndim != 1 or first.size < 2:
        raise DataError(
            f"LISA file {path} needs times and channels of one length (2 or more), got shapes {sorted(lengths)}; "
            "fetch it again"
        )
    if raw.times is not None:
        start, step, place = _places(raw.times, path=path, announced=raw.cadence)
    elif raw.start is not None and raw.cadence is not None:
        start, step, place = raw.start, raw.cadence, np.arange(first.size)
    else:
        raise DataError(f"LISA file {path} has no times t and no attributes start and cadence; add one of them")
    for name, value in (("its attribute cadence", raw.cadence), ("the argument `cadence`", cadence)):
        if value is not None and abs(step - value) > _TOLERANCE * abs(step):
            raise DataError(
                f"LISA file {path} has samples every {step:.6g} s, but {name} is {value:g} s; give the right file or "
                "cadence"
            )
    if raw.start is not None and abs(raw.start - start) > 0.5 * step:
        raise DataError(
            f"LISA file {path} starts at {start:.10g} s, but its attribute start is {raw.start:.10g} s; correct one of "
            "them"
        )
    spread = []
    for values in raw.channels:
        full = None if values is None else np.full(place[-1] + 1, np.nan)
        if full is not None:
            full[place] = values
        spread.append(full)
    gaps = np.any([np.isnan(values) for values in spread if values is not None], axis=0)
    return LisaData(start, step, *spread, gaps=gaps)


def _places(times: np.ndarray, *, path: Path, announced: float | None) -> tuple[float, float, np.ndarray]:
    """Start, cadence and place on the grid of each sample; steps of several cadences are gaps."""
    if not np.isfinite(times).all():
        raise DataError(f"LISA file {path} has {(~np.isfinite(times)).sum()} times that are not finite; repair them")
    usual = float(np.median(np.diff(times)))
    if usual <= 0:
        raise DataError(
            f"LISA file {path} has times that do not increase, the usual step is {usual:g} s; sort the samples"
        )
    steps = np.rint(np.diff(times) / usual)
    place = np.concatenate([[0.0], np.cumsum(steps)])
    # Few digits blur single steps, the whole stretch gives the cadence; a file's own word for it is exact.
    step = float((times[-1] - times[0]) / place[-1]) if place[-1] > 0 else usual
    if announced is not None and abs(announced - step) <= 1e-6 * step:
        step = announced
    uneven = (np.abs(times - times[0] - place * step) > _TOLERANCE * step) | np.concatenate([[False], steps < 1])
    if uneven.any() or place[-1] > _LARGEST * times.size:
        where = max(int(np.argmax(uneven)) if uneven.any() else int(np.argmax(steps)) + 1, 1)
        raise DataError(
            f"LISA file {path} is not evenly sampled: after {times[where - 1]:.10g} s comes {times[where]:.10g} s "
            f"where steps of {usual:.6g} s are usual; resample it, or leave out stretches of whole steps"
        )
    return float(times[0]), step, place.astype(np.int64)
