"""What `swansong emri check` does: tables and statistic against known values; imports JAX."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swansong.cli.emri_simulate import draw_points
from swansong.cli.emri_written import Told, write_run
from swansong.cli.output import number
from swansong.core.files import prepare_output
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.emri import tracks
from swansong.emri.problem import Problem
from swansong.emri.search.fresnel import direct_statistic
from swansong.emri.search.model import SearchModel
from swansong.emri.search.settings import SOURCE_NAMES, PriorSettings
from swansong.emri.search.statistic import per_segment, tabulate
from swansong.emri.tracks import YEAR
from swansong.signals import coloured_noise
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband, baseband

KIND = "emri_check"
_DAYS = 120.0
_CADENCE = 5.0
_TRACKS = 100
_SHOWCASE = {
    "mass_1": 1.3379e6,
    "mass_2": 27.091,
    "spin": 0.8636,
    "plunge_time": 0.902,
    "final_eccentricity": 0.007086,
}


@dataclass(frozen=True)
class Check:
    """One number against what it should be.

    Attributes:
        name: What it is.
        found: The number.
        expected: What it should be.
        tolerance: How far it may be off.
        source: Where the expected value is from.
    """

    name: str
    found: float
    expected: float
    tolerance: float
    source: str

    @property
    def passed(self) -> bool:
        """Whether the number is as expected."""
        return abs(self.found - self.expected) <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """The same as JSON."""
        values = {name: getattr(self, name) for name in ("found", "expected", "tolerance")}
        return {**values, "passed": self.passed, "source": self.source}


def check(*, seed: int, folder: Path | None, force: bool, quiet: bool, command: str) -> Told:
    """Test fluxes, tracks, the table of the statistic and the noise.

    Args:
        seed: Seed of noise and tracks.
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        quiet: Show no progress bar.
        command: The command line, for the provenance.

    Returns:
        What was found; failed checks are warnings.

    Raises:
        InputError: The folder cannot be used.
    """
    began = time.perf_counter()
    with Progress(total=3, description="checking", quiet=quiet) as progress:
        found: list[Check] = []
        for part in (_fluxes(), _showcase(), _statistic(seed)):
            found += part
            progress.advance()
    facts = {
        "checks": {item.name: item.to_json() for item in found},
        "passed": all(item.passed for item in found),
        "seed": seed,
        "seconds": time.perf_counter() - began,
    }
    warnings = tuple(
        f"{item.name} is {item.found:.6g}, not within {item.tolerance:.2g} of {item.expected:.6g} ({item.source})"
        for item in found
        if not item.passed
    )
    rows = tuple(
        (
            item.name,
            number(item.found, digits=6),
            number(item.expected, digits=6),
            number(item.tolerance, digits=2),
            "yes" if item.passed else "no",
        )
        for item in found
    )
    columns = {"check": "left", "found": "right", "expected": "right", "within": "right", "passed": "left"}
    headline = f"{sum(item.passed for item in found)} of {len(found)} checks passed"
    told = {"time": f"{facts['seconds']:.1f} s"}
    if folder is None:
        return Told(headline, facts, told, warnings=warnings, columns=columns, rows=rows)
    provenance = collect(configuration={}, seed=seed, command=command)
    prepare_output(folder, force=force)
    files = write_run("check", KIND, facts, folder=folder, arrays={}, provenance=provenance, force=force)
    return Told(headline, facts, told, folder, files, warnings, columns, rows)


def _fluxes() -> Iterator[Check]:
    """Energy that a circular orbit radiates."""
    flux = tracks.load_fluxes().energy(0.0, 10.0, 0.0)
    total = float(np.sum(flux))
    yield Check(
        "energy flux, a = 0, p = 10, e = 0", total, 6.15163e-5, 6.15163e-5 * 1e-5, "Teukolsky equation, Schwarzschild"
    )


def _showcase() -> Iterator[Check]:
    """Orbit at the start of the source that the published search follows up."""
    orbit = tracks.load().orbit(np.zeros(1), **_SHOWCASE)
    source = "FastEMRIWaveforms, KerrEccEqFlux"
    yield Check("showcase, initial p", float(orbit.p[0]), 7.8557, 2e-3, source)
    yield Check("showcase, initial e", float(orbit.e[0]), 0.01730, 1e-4, source)


def _statistic(seed: int) -> Iterator[Check]:
    """The table against the sum over all samples, and the noise of a segment."""
    problem = Problem()
    spectrum = lisa_noise("A")
    samples = round(_DAYS * 86400.0 / _CADENCE)
    noise = coloured_noise(spectrum, rate=1.0 / _CADENCE, n=samples, rng=np.random.default_rng([seed, 2]))
    settings = problem.statistic
    band = baseband(noise, spectrum, cadence=_CADENCE, segment=settings.segment, band=settings.band)
    table = tabulate(band, settings, powers=False)
    pairs = [
        (per_segment(table, frequency, rate), direct_statistic(band, frequency, rate))
        for frequency, rate in _random_tracks(band, seed)
    ]
    looked_up, direct = (np.stack(rows) for rows in zip(*pairs, strict=True))
    known = np.isfinite(looked_up)
    totals = np.where(known, looked_up - direct, 0.0).sum(axis=1)
    # The statistic of n segments scatters by 2 sqrt(n) in noise.
    share = float(np.sqrt(np.mean(totals**2 / (4.0 * known.sum(axis=1)))))
    yield Check("table, rms error over the noise", share, 0.0, 0.05, "sum over all samples, 100 tracks")
    values = looked_up[known]
    yield Check("noise, mean of a segment", float(values.mean()), 2.0, 0.08, "chi-squared, two degrees of freedom")
    yield Check("noise, variance of a segment", float(values.var()), 4.0, 0.4, "chi-squared, two degrees of freedom")


def _random_tracks(band: Baseband, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frequencies and rates of sources from the prior that plunge after the data."""
    earliest = band.segments * band.segment / YEAR + 0.01
    model = SearchModel(PriorSettings(plunge_time=(earliest, 1.0)))
    table = tracks.load()
    for point in draw_points(model, _TRACKS, rng=np.random.default_rng([seed, 3])):
        found = table.harmonic(band.middles, m=2, n=0, **dict(zip(SOURCE_NAMES, map(float, point), strict=True)))
        yield found.frequency, found.derivative
