"""The table of sources that a campaign injects: a strict CSV file; free of JAX."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swansong.core.errors import DataError, FileError

_NEEDED = {
    "target_snr": "snr",
    "m1": "mass_1",
    "m2": "mass_2",
    "a": "spin",
    "Tpl": "plunge_time",
    "ef": "final_eccentricity",
    "qS": "source_colatitude",
    "phiS": "source_longitude",
    "qK": "spin_colatitude",
    "phiK": "spin_longitude",
    "Phi_phi0": "phase_phi",
    "Phi_r0": "phase_r",
}
_OPTIONAL = ("record", "e0", "p0", "pf", "dist", "Phi_theta0", "paper_S", "paper_relerr")
_RANGES = {
    "target_snr": (0.0, math.inf),
    "m1": (0.0, math.inf),
    "m2": (0.0, math.inf),
    "a": (-0.998, 0.998),
    "Tpl": (0.0, 100.0),
    "ef": (0.0, 1.0),
    "qS": (0.0, math.pi),
    "qK": (0.0, math.pi),
}


@dataclass(frozen=True)
class Injection:
    """One data set of a campaign.

    Attributes:
        snr: Signal-to-noise ratio in the searched channel; 0 for noise alone.
        source: The other parameters, by the names of `SourceSettings`.
        published_statistic: Statistic that another search reached, NaN where there is none.
        published_error: Median relative error of its frequency, likewise.
        eccentricity: Eccentricity at the start of the data, NaN where the table does not say.
        record: Name of the line in the table.
    """

    snr: float
    source: Mapping[str, float]
    published_statistic: float = math.nan
    published_error: float = math.nan
    eccentricity: float = math.nan
    record: str = ""


def read_injections(path: Path) -> tuple[Injection, ...]:
    """Read a table of sources.

    Args:
        path: A CSV file with a line of column names; lines that begin with # are comments. Angles are those
            of FastEMRIWaveforms (polar qS and qK, azimuths phiS and phiK) [rad], masses in solar masses, Tpl in
            years; a `target_snr` of 0 is noise alone.

    Returns:
        One entry for each line.

    Raises:
        FileError: The file is missing or is no text.
        DataError: A column is unknown or missing, or a value is no number or out of range.
    """
    if not path.is_file():
        raise FileError(f"the campaign `{path}` does not exist; give a CSV file of sources")
    try:
        text = path.read_text()
    except (UnicodeDecodeError, OSError) as error:
        raise FileError(f"the campaign `{path}` cannot be read as text ({error}); give a CSV file") from error
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if len(lines) < 2:
        raise DataError(f"the campaign `{path}` holds no source; give a line of column names and one for each source")
    columns = [name.strip() for name in next(csv.reader([lines[0][1]]))]
    known = (*_NEEDED, *_OPTIONAL)
    for name in columns:
        if name not in known:
            raise DataError(
                f"the campaign `{path}` has an unknown column `{name}`; the known ones are {', '.join(known)}"
            )
    missing = [name for name in _NEEDED if name not in columns]
    if missing or len(set(columns)) < len(columns):
        what = f"lacks the column `{missing[0]}`" if missing else "names a column twice"
        raise DataError(f"the campaign `{path}` {what}; it needs {', '.join(_NEEDED)}")
    return tuple(_row(line, columns, path=path, place=place) for place, line in lines[1:])


def _row(line: str, columns: list[str], *, path: Path, place: int) -> Injection:
    """Read one line."""
    cells = next(csv.reader([line]))
    where = f"line {place} of the campaign `{path}`"
    if len(cells) != len(columns):
        raise DataError(f"{where} has {len(cells)} values for {len(columns)} columns; mend it")
    values: dict[str, float] = {}
    for name, cell in zip(columns, cells, strict=True):
        try:
            values[name] = float(cell) if cell.strip() else math.nan
        except ValueError as error:
            raise DataError(f"{where} has {name} = '{cell}'; give a number") from error
    for name in _NEEDED:
        low, high = _RANGES.get(name, (-math.inf, math.inf))
        value = values[name]
        positive = name in ("m1", "m2", "Tpl")
        if not (math.isfinite(value) and low <= value <= high) or (positive and value == 0.0):
            raise DataError(
                f"{where} has {name} = {value:g}, which no source has; give a value from {low:g} to {high:g}"
            )
    source = {ours: values[theirs] for theirs, ours in _NEEDED.items() if ours != "snr"}
    return Injection(
        values["target_snr"],
        source,
        published_statistic=values.get("paper_S", math.nan),
        published_error=values.get("paper_relerr", math.nan),
        eccentricity=values.get("e0", math.nan),
        record=f"{values['record']:g}" if "record" in values else str(place),
    )
