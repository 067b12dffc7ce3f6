"""What `swansong emri campaign` does, once its arguments are valid: search many injections; imports JAX."""

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float

from swansong.cli.emri_data import frequency_error
from swansong.cli.emri_injections import Injection
from swansong.cli.emri_options import NAMES
from swansong.cli.emri_simulate import inject
from swansong.cli.emri_written import Told, write_run
from swansong.cli.output import number
from swansong.cli.written import Where, chunk_folder
from swansong.core.config import as_dict
from swansong.core.files import prepare_output, write_text
from swansong.core.hashing import canonical_json
from swansong.core.provenance import collect
from swansong.emri import tracks
from swansong.emri.problem import Problem, SourceSettings
from swansong.emri.search.background import PROBABILITIES, Background, load_background
from swansong.emri.search.bank_kernels import LANES
from swansong.emri.search.search import Candidate, EmriSearch, search_bands
from swansong.emri.search.settings import CAMPAIGN_KIND, SOURCE_NAMES
from swansong.emri.tracks import YEAR
from swansong.inference.simulate import map_tasks
from swansong.signals import coloured_noise
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband

PUBLISHED = {0.5: 2.15, 1e-2: 4.55, 1e-4: 7.17}
"""Thresholds of the published search on its own statistic, by false-alarm probability.

Reference:
    Speri et al., arXiv:2510.20891, and its published campaign.
"""

_BATCH = LANES  # data sets that go through the bank together, and what an interruption costs at most
_DETECTED = 1e-2  # false-alarm probability of the sources whose frequencies are compared
_ECCENTRIC = 0.2  # eccentricity at the start beyond which sources are counted apart


@dataclass(frozen=True)
class _Work:
    """Makes and searches some data sets; one object for all worker processes."""

    problem: Problem
    injections: tuple[Injection | None, ...]
    seed: int

    def __call__(self, items: Sequence[int]) -> dict[str, np.ndarray]:
        """Best candidate of each data set; all of them go through the bank together."""
        search = EmriSearch(lisa_noise(self.problem.data.channel), self.problem.search)
        began = time.perf_counter()
        bands = [self._band(search, item) for item in items]
        found = search_bands(search, bands, seed=self.seed)
        seconds = (time.perf_counter() - began) / len(items)
        rows = [
            {
                "theta": candidates[0].theta,
                "statistic": np.asarray(candidates[0].statistic),
                "frequency_error": np.asarray(self._error(item, candidates[0], bands[0])),
                "seconds": np.asarray(seconds),
                "templates": np.asarray(self.problem.search.bank.templates + search.refined),
            }
            for item, candidates in zip(items, found, strict=True)
        ]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _band(self, search: EmriSearch, item: int) -> Baseband:
        """Noise, and the source if there is one, whitened."""
        data, injection = self.problem.data, self.injections[item]
        rng = np.random.default_rng([self.seed, 4, item])
        samples = int(data.duration * YEAR / data.cadence + 1e-9)
        series = coloured_noise(search.spectrum, rate=1.0 / data.cadence, n=samples, rng=rng)
        if injection is not None and injection.snr > 0.0:
            source = SourceSettings(**injection.source, snr=injection.snr)
            added, _ = inject(source, self.problem, samples=samples, rng=rng, channels=(data.channel,))
            series += added[0]
        return search.band(series, cadence=data.cadence)

    def _error(self, item: int, candidate: Candidate, band: Baseband) -> float:
        """Median relative error of the frequency; NaN where no source is in the data."""
        injection = self.injections[item]
        if injection is None or injection.snr == 0.0:
            return math.nan
        source = {name: injection.source[name] for name in SOURCE_NAMES}
        true = np.nan_to_num(tracks.load().harmonic(band.middles, m=2, n=0, **source).frequency)
        error = frequency_error(candidate.frequency, true[None])
        return math.nan if error is None else error


def campaign(
    problem: Problem, *, file: Path, injections: tuple[Injection, ...], noise: int, **where: Unpack[Where]
) -> Told:
    """Search every data set of a campaign and count what is found.

    Args:
        problem: Data and search.
        file: The table of sources, for the provenance.
        injections: Its lines.
        noise: Data sets of noise alone beside those in the table.
        **where: Seed, folder and display; finished records wait in a hidden folder there.

    Returns:
        What was found.

    Raises:
        InputError: A source cannot be computed, or the folder cannot be used.
    """
    seed, folder, force = where["seed"], where["folder"], where["force"]
    searched = {name: part for name, part in as_dict(problem).items() if name not in ("source", "followup")}
    settings = {"problem": searched, "noise": noise, "records": len(injections)}
    provenance = collect(configuration=settings, seed=seed, inputs={"campaign": file}, command=where["command"])
    prepare_output(folder, force=force)
    store = chunk_folder(folder, provenance)
    everything = (*injections, *(None for _ in range(noise)))
    rows = map_tasks(
        _Work(problem, everything, seed),
        list(range(len(everything))),
        store=store,
        chunk=_BATCH,
        workers=1,
        identity=canonical_json({"configuration": provenance.configuration, "inputs": provenance.inputs}),
        description="searching",
        quiet=where["quiet"],
    )
    snr = np.array([0.0 if item is None else item.snr for item in everything])
    silent = snr == 0.0
    law, warnings = _law(rows["statistic"][silent], problem)
    facts = _facts(rows, snr, law, injections)
    files = write_run(
        "campaign",
        CAMPAIGN_KIND,
        {"system": "emri", **facts, "warnings": list(warnings)},
        folder=folder,
        arrays={**rows, "snr": snr, "noise_statistic": rows["statistic"][silent]},
        provenance=provenance,
        force=force,
        passing=("seconds_per_search",),
    )
    files["records"] = folder / "records.csv"
    comments = (
        f"Made by `{where['command']}` with seed {seed}.",
        "Statistic of the best candidate of each data set, its parameters, and the median relative error of its",
        "frequency; target_snr 0 is noise alone, e0 the eccentricity at the start. Masses in solar masses, T_pl in yr.",
    )
    write_text(files["records"], _table(rows, everything, law, comments))
    shutil.rmtree(store, ignore_errors=True)
    return _told(facts, warnings, folder, files)


def _law(statistics: Float[np.ndarray, "n"], problem: Problem) -> tuple[Background, tuple[str, ...]]:
    """Law of the noise of this campaign, the packaged one if it has no noise, and sentences that limit it."""
    if statistics.size:
        law = Background.fitted(statistics)
        return law, law.warnings
    packaged = load_background()
    other = packaged.differences(as_dict(problem), years=problem.data.duration)
    if not other:
        return packaged.law, packaged.law.warnings
    text = f"the packaged thresholds are of another search ({', '.join(other)}); `--noise 100` measures others"
    return packaged.law, (*packaged.law.warnings, text)


def _table(
    rows: Mapping[str, np.ndarray], everything: Sequence[Injection | None], law: Background, comments: Sequence[str]
) -> str:
    """One line for each data set."""
    columns = ("record", "target_snr", "e0", "statistic", "false_alarm_probability", *NAMES, "frequency_error")
    lines = [*(f"# {text}" for text in comments), ",".join(columns)]
    for place, item in enumerate(everything):
        name, snr, eccentricity = ("", 0.0, math.nan) if item is None else (item.record, item.snr, item.eccentricity)
        statistic, error = float(rows["statistic"][place]), float(rows["frequency_error"][place])
        numbers = (snr, eccentricity, statistic, law.false_alarm_probability(statistic), *rows["theta"][place], error)
        lines.append(",".join((name, *("" if math.isnan(value) else f"{value:.8g}" for value in numbers))))
    return "\n".join(lines) + "\n"


def _facts(
    rows: Mapping[str, np.ndarray], snr: Float[np.ndarray, "n"], law: Background, injections: tuple[Injection, ...]
) -> dict[str, Any]:
    """The `--json` object of a campaign."""
    thresholds = law.thresholds()
    heard = snr[snr > 0.0]
    loud = {f"{value:g}": snr == value for value in np.unique(heard)}
    counts = {name: _counts(rows["statistic"] >= level, loud) for name, level in thresholds.items()}
    initial = np.full(snr.size, np.nan)
    initial[: len(injections)] = [item.eccentricity for item in injections]
    eccentric = {name: at & (initial > _ECCENTRIC) for name, at in loud.items()}
    found = rows["statistic"] >= thresholds[f"{_DETECTED:g}"]
    return {
        "records": len(injections),
        "noise_records": int((snr == 0.0).sum()),
        "thresholds": thresholds,
        "p_det": {
            name: {ratio: detected / injected for ratio, (detected, injected) in row.items()}
            for name, row in counts.items()
        },
        "counts": counts,
        "eccentric": {
            "above": _ECCENTRIC,
            "counts": {name: _counts(rows["statistic"] >= level, eccentric) for name, level in thresholds.items()},
        },
        "median_frequency_error": {ratio: _median(rows["frequency_error"][at & found]) for ratio, at in loud.items()},
        "published": _published(injections),
        "seconds_per_search": float(np.median(rows["seconds"])),
        "templates": int(rows["templates"].sum()),
    }


def _counts(detected: np.ndarray, where: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
    """Detected and injected sources by signal-to-noise ratio."""
    return {ratio: [int(detected[at].sum()), int(at.sum())] for ratio, at in where.items()}


def _published(injections: tuple[Injection, ...]) -> dict[str, Any]:
    """What the published search reached on the same sources, where the table says it."""
    known = [item for item in injections if item.snr > 0.0 and np.isfinite(item.published_statistic)]
    if not known:
        return {}
    snr = np.array([item.snr for item in known])
    statistic = np.array([item.published_statistic for item in known])
    errors = np.array([item.published_error for item in known])
    loud = {f"{value:g}": snr == value for value in np.unique(snr)}
    initial = np.array([item.eccentricity for item in known])
    eccentric = {name: at & (initial > _ECCENTRIC) for name, at in loud.items()}
    return {
        "p_det": {
            f"{probability:g}": {ratio: float((statistic[at] >= level).mean()) for ratio, at in loud.items()}
            for probability, level in PUBLISHED.items()
        },
        "eccentric": {
            f"{probability:g}": _counts(statistic >= level, eccentric) for probability, level in PUBLISHED.items()
        },
        "median_frequency_error": {
            ratio: _median(errors[at & (statistic >= PUBLISHED[_DETECTED])]) for ratio, at in loud.items()
        },
    }


def _median(values: Float[np.ndarray, "n"]) -> float | None:
    """Median of what is known, None of nothing."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _told(facts: Mapping[str, Any], warnings: tuple[str, ...], folder: Path, files: Mapping[str, Path]) -> Told:
    """The same in words."""
    ratios = list(facts["median_frequency_error"])
    shown = [f"{probability:g}" for probability in PROBABILITIES if probability in PUBLISHED]
    columns = {"SNR": "right", **{f"p_det at {name}": "right" for name in shown}, "median |df|/f": "right"}
    rows = tuple(
        (
            ratio,
            *(f"{100.0 * facts['p_det'][name][ratio]:.0f} %" for name in shown),
            number(facts["median_frequency_error"][ratio], digits=2),
        )
        for ratio in ratios
    )
    told = {f"threshold at {name}": number(value) for name, value in facts["thresholds"].items()}
    told["time for a search"] = f"{facts['seconds_per_search']:.1f} s"
    headline = f"campaign of {facts['records']:,} data sets, thresholds from {facts['noise_records']:,} of noise alone"
    return Told(headline, facts, told, folder, files, warnings, columns, rows)
