"""The table of sources that a campaign injects: strictly read; free of JAX."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swansong.core.errors import DataError
from swansong.core.tables import read_table

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
        path: A CSV file with a line of column names, where lines that begin with # are comments, or an HDF5 file with
            one dataset a column. Angles are those of FastEMRIWaveforms (polar qS and qK, azimuths phiS and phiK)
            [rad], masses in solar masses, Tpl in years; a `target_snr` of 0 is noise alone.

    Returns:
        One entry for each line.

    Raises:
        FileError: The file is missing or cannot be read.
        DataError: A column is unknown or missing, or a value is no number or out of range.
    """
    table = read_table(path, needed=tuple(_NEEDED), optional=_OPTIONAL, called="campaign", row="source", finite=False)
    rows = zip(*table.columns.values(), strict=True)
    return tuple(
        _injection(dict(zip(table.columns, map(float, row), strict=True)), path=path, place=int(place))
        for row, place in zip(rows, table.lines, strict=True)
    )


def _injection(values: Mapping[str, float], *, path: Path, place: int) -> Injection:
    """Check one line."""
    for name in _NEEDED:
        low, high = _RANGES.get(name, (-math.inf, math.inf))
        value = values[name]
        positive = name in ("m1", "m2", "Tpl")
        if not (math.isfinite(value) and low <= value <= high) or (positive and value == 0.0):
            raise DataError(
                f"line {place} of the campaign `{path}` has {name} = {value:g}, which no source has; "
                f"give a value from {low:g} to {high:g}"
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
