"""What `swansong binaries background` does, once its arguments are valid; imports Numba and Matplotlib."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from swansong.binaries.background.population import Population
from swansong.binaries.background.realisations import Realisations, realise
from swansong.binaries.background.settings import Background
from swansong.binaries.background.spectrum import OBSERVED, YEARLY, Spectrum, background, frequencies_of
from swansong.cli.binaries_written import Told, write_run
from swansong.cli.output import number
from swansong.cli.written import Where
from swansong.core.config import as_dict
from swansong.core.files import prepare_output, write_text
from swansong.core.provenance import collect
from swansong.figures.binaries_background import background_figure

KIND = "binary_background"
"""Kind of the product."""


def compute(settings: Background, population: Population, **where: Unpack[Where]) -> Told:
    """Compute a background and write it.

    Args:
        settings: Settings.
        population: The population that they describe.
        **where: Seed, folder and display.

    Returns:
        What was found.

    Raises:
        OutputError: The folder cannot be used.
    """
    began = time.perf_counter()
    last_orbit = settings.spectrum.last_orbit
    spectrum = background(population, frequencies_of(settings.spectrum), last_orbit=last_orbit)
    universes = None
    if settings.realisations.number:
        universes = realise(population, settings.realisations, seed=where["seed"], last_orbit=last_orbit)
    facts = _facts(settings, population, spectrum, universes) | {"seconds": time.perf_counter() - began}
    warnings = _warnings(population, spectrum)
    files = _write(settings, spectrum, universes, facts={**facts, "warnings": list(warnings)}, where=where)
    headline = f"background of {len(population):,} kinds of pairs, h_c = {number(facts['amplitude'])} at 1/yr"
    return Told(headline, facts, _told(facts), where["folder"], files, warnings)


def _facts(
    settings: Background, population: Population, spectrum: Spectrum, universes: Realisations | None
) -> dict[str, Any]:
    """The `--json` object."""
    at_year = np.interp(math.log(YEARLY), np.log(spectrum.frequency), spectrum.slope, left=math.nan, right=math.nan)
    facts: dict[str, Any] = {
        "population": settings.population.kind,
        "rows": len(population),
        "density": float(population.density.sum()),
        "hardened_rows": int(np.sum(population.hardening_rate > 0.0)),
        "amplitude": spectrum.at(YEARLY),
        "amplitude_circular": math.exp(
            np.interp(math.log(YEARLY), np.log(spectrum.frequency), np.log(spectrum.circular))
        ),
        "slope": float(at_year),
        "turnover_frequency": spectrum.turnover,
        "turnover_strain": spectrum.at(spectrum.turnover),
        "half_power_frequency": spectrum.half_power,
        "observed": {
            name: dict(zip(("lower", "median", "upper"), ends, strict=True)) for name, ends in OBSERVED.items()
        },
    }
    if universes is not None:
        band = universes.band()
        nearest = int(np.argmin(np.abs(universes.frequency - YEARLY)))
        facts["realisations"] = {
            "number": len(universes.strain),
            "bins": len(universes.frequency),
            "frequency": float(universes.frequency[nearest]),
            **dict(zip(("lower", "median", "upper"), map(float, band[:, nearest]), strict=True)),
        }
    return facts


def _warnings(population: Population, spectrum: Spectrum) -> tuple[str, ...]:
    """Sentences that limit the result."""
    stars = population.hardening_rate > 0.0
    late = stars & (2.0 * population.frequency / (1.0 + population.redshift) > spectrum.frequency[0])
    found = []
    if np.any(late):
        found.append(
            f"{int(late.sum()):,} of {len(population):,} rows begin inside the band, on orbits that radiate above its "
            f"lowest frequency {spectrum.frequency[0]:.3g} Hz; begin them wider, or strain is missing there"
        )
    if not spectrum.frequency[0] <= YEARLY <= spectrum.frequency[-1]:
        found.append("the band does not hold a frequency of one a year, so that there is no amplitude")
    return tuple(found)


def _told(facts: Mapping[str, Any]) -> dict[str, str]:
    """The same in words."""
    turnover, half = facts["turnover_frequency"], facts["half_power_frequency"]
    told = {
        "amplitude": f"{number(facts['amplitude'])} at one a year, slope {number(facts['slope'], digits=3)}; circular "
        f"pairs without stars {number(facts['amplitude_circular'])}, slope -0.667",
        "turnover": f"at {number(turnover, digits=3)} Hz" if math.isfinite(turnover) else "not in the band",
        "half the power": f"below {number(half, digits=3)} Hz" if math.isfinite(half) else "nowhere in the band",
    }
    if "realisations" in facts:
        drawn = facts["realisations"]
        told["finite universes"] = (
            f"{number(drawn['median'], digits=3)} (68 %: {number(drawn['lower'], digits=3)} to "
            f"{number(drawn['upper'], digits=3)}) in the bin at {number(drawn['frequency'], digits=3)} Hz"
        )
    told["observed"] = ", ".join(
        f"{name}: {number(ends['median'], digits=3)}" for name, ends in facts["observed"].items()
    )
    told["time"] = f"{facts['seconds']:.1f} s"
    return told


def _write(
    settings: Background, spectrum: Spectrum, universes: Realisations | None, *, facts: Mapping[str, Any], where: Where
) -> dict[str, Path]:
    """Write product, JSON, tables and figure."""
    folder, chosen = where["folder"], settings.population
    provenance = collect(
        configuration=as_dict(settings),
        seed=where["seed"],
        inputs={"table": Path(chosen.table).expanduser()} if chosen.kind == "table" else {},
        command=where["command"],
    )
    prepare_output(folder, force=where["force"])
    columns = {"frequency_hz": spectrum.frequency, "strain": spectrum.strain, "circular_strain": spectrum.circular}
    arrays = {"frequency": spectrum.frequency, "strain": spectrum.strain, "circular_strain": spectrum.circular}
    band = None
    if universes is not None:
        band = universes.band()
        arrays |= {
            "realisations/frequency": universes.frequency,
            "realisations/strain": universes.strain,
            "realisations/mean": universes.mean,
        }
    figure = background_figure(
        spectrum.frequency,
        spectrum.strain,
        circular=spectrum.circular,
        bins=None if universes is None else universes.frequency,
        band=band,
        quoted=OBSERVED,
        turnover=spectrum.turnover,
        title="Background of merging pairs of black holes",
    )
    files = write_run(
        "background",
        KIND,
        {"system": "binaries", **facts},
        folder=folder,
        arrays=arrays,
        columns=columns,
        comments=(
            f"Made by `{where['command']}` with seed {where['seed']}.",
            "Characteristic strain of all pairs, and of the same mergers on circular orbits driven by waves alone.",
        ),
        figures={"spectrum": figure},
        provenance=provenance,
        force=where["force"],
    )
    if universes is not None and band is not None:
        files["realisations"] = folder / "realisations.csv"
        lines = ["# 68 % of the universes lie between lower and upper.", "frequency_hz,mean,lower,median,upper"]
        rows = zip(universes.frequency, universes.mean, *band, strict=True)
        lines += [",".join(f"{value:.10g}" for value in row) for row in rows]
        write_text(files["realisations"], "\n".join(lines) + "\n")
    return files
