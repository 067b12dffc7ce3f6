"""What `swansong emri tracks` does, once its arguments are valid; imports JAX."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from swansong.cli.emri_written import Told, write_run
from swansong.cli.output import number
from swansong.core.files import prepare_output, write_text
from swansong.core.provenance import collect
from swansong.emri import tracks
from swansong.emri.tracks import YEAR

KIND = "emri_track"
_DAY = 86400.0
_COLUMNS = ("time", "azimuthal_frequency", "radial_frequency", "semi_latus_rectum", "eccentricity")
_FINE = 400  # times in the figure


def follow(source: Mapping[str, float], *, days: float, folder: Path | None, force: bool, command: str) -> Told:
    """Follow one inspiral and, with a folder, write it.

    Args:
        source: The five parameters by name.
        days: Step of the table [d].
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        command: The command line, for the provenance.

    Returns:
        What was found.

    Raises:
        DomainError: The source lies outside the table of tracks.
        InputError: The folder cannot be used.
    """
    table = tracks.load()
    plunge = source["plunge_time"] * YEAR
    # One second before plunge, where the orbit is still there.
    times = np.append(np.arange(0.0, plunge, days * _DAY), plunge - 1.0)
    times = times[:-1] if times.size > 1 and times[-1] - times[-2] < 1.0 else times
    columns = _columns(table, times, source)
    fine = np.append(np.linspace(0.0, 0.98 * plunge, _FINE), plunge - np.geomspace(0.02 * plunge, 1.0, _FINE)[1:])
    first, last = (dict(zip(_COLUMNS, (float(x) for x in columns[:, place]), strict=True)) for place in (0, -1))
    reach = float(table.reach(**{name: value for name, value in source.items() if name != "plunge_time"}))
    facts = {
        "source": dict(source),
        "initial": {**first, "frequency": 2.0 * first["azimuthal_frequency"]},
        "final": {**last, "frequency": 2.0 * last["azimuthal_frequency"]},
        "reach": reach / YEAR,
        "track": {name: column.tolist() for name, column in zip(_COLUMNS, columns, strict=True)},
    }
    told = {
        "initial orbit": f"p = {number(first['semi_latus_rectum'], digits=6)} M, e = {number(first['eccentricity'])}",
        "frequencies": (
            f"f_phi = {number(1e3 * first['azimuthal_frequency'], digits=6)} mHz, "
            f"f_r = {number(1e3 * first['radial_frequency'], digits=6)} mHz at the start"
        ),
        "last second": (
            f"p = {number(last['semi_latus_rectum'], digits=6)} M, e = {number(last['eccentricity'])}, "
            f"f_phi = {number(1e3 * last['azimuthal_frequency'], digits=6)} mHz"
        ),
        "table reaches": f"{number(reach / YEAR)} yr before plunge" if math.isfinite(reach) else "without end",
    }
    headline = f"inspiral that plunges after {source['plunge_time']:g} yr"
    if folder is None:
        return Told(headline, facts, told)
    provenance = collect(configuration={"source": dict(source), "days": days}, seed=0, command=command)
    prepare_output(folder, force=force)
    rows = [",".join(("time_s", "f_phi_hz", "f_r_hz", "p_m", "e"))]
    rows += [",".join(f"{value:.12g}" for value in row) for row in columns.T]
    write_text(folder / "track.csv", "\n".join(rows) + "\n")
    fine_columns = _columns(table, fine, source)
    arrays = dict(zip(_COLUMNS, columns, strict=True))
    arrays |= {f"figure/{name}": column for name, column in zip(_COLUMNS, fine_columns, strict=True)}
    files = write_run(
        "track", KIND, {name: value for name, value in facts.items() if name != "track"},
        folder=folder, arrays=arrays, provenance=provenance, force=force,
    )  # fmt: skip
    return Told(headline, facts, told, folder, {"csv": folder / "track.csv", **files})


def _columns(table: tracks.Tracks, times: np.ndarray, source: Mapping[str, float]) -> np.ndarray:
    """The columns of the table at some times."""
    orbit, frequencies = table.orbit(times, **source), table.frequencies(times, **source)
    return np.stack([times, frequencies.azimuthal, frequencies.radial, orbit.p, orbit.e])
