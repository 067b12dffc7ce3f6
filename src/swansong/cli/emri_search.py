"""What `swansong emri search` does, once its arguments are valid: one source after another; imports JAX."""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from jaxtyping import Float, UInt8

from swansong.cli.emri_data import Loaded, frequency_error, load_data, observed
from swansong.cli.emri_noise import NoiseLaw
from swansong.cli.emri_options import NAMES, SEARCH_KIND
from swansong.cli.emri_written import Told, write_run
from swansong.cli.output import number
from swansong.cli.written import Where
from swansong.core.config import as_dict
from swansong.core.errors import DomainError
from swansong.core.files import prepare_output
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.emri.problem import Problem
from swansong.emri.search.kernels import LENGTHS, NOT_HEARD
from swansong.emri.search.masking import without_track
from swansong.emri.search.scoring import EXPONENTS, Scorer
from swansong.emri.search.search import Candidate, EmriSearch
from swansong.emri.search.statistic import BYTE_STEP, StatisticTable
from swansong.emri.tracks import YEAR

_OBSERVATIONS = 24  # times at which the statistic of a candidate is followed
_BINS = 1200  # frequencies of the map
_SHARED = 10  # segments in which a candidate may meet a better one by chance


def search(
    problem: Problem, *, data: Path, sources: int, threshold: float, background: Path | None, **where: Unpack[Where]
) -> Told:
    """Search data for inspirals and write what was found.

    Args:
        problem: What is searched, and how.
        data: The data.
        sources: Most sources looked for, one after another.
        threshold: False-alarm probability below which a candidate counts as found.
        background: Result of a campaign, whose searches of noise give the probabilities.
        **where: Seed, folder and display.

    Returns:
        What was found.

    Raises:
        InputError: The data or the folder cannot be used.
    """
    began = time.perf_counter()
    seed, folder, force = where["seed"], where["folder"], where["force"]
    asked = {"sources": sources, "threshold": threshold}
    inputs: dict[str, str | Path] = {"data": data} if background is None else {"data": data, "background": background}
    provenance = collect(
        configuration={"problem": as_dict(problem), **asked}, seed=seed, inputs=inputs, command=where["command"]
    )
    loaded = load_data(data, problem)
    noise = NoiseLaw.of(problem, loaded, background=background)
    prepared = time.perf_counter() - began
    passes, scorer = _passes(
        loaded, noise, problem, sources=sources, threshold=threshold, seed=seed, quiet=where["quiet"]
    )
    numbered = [(place, candidate) for place, one in enumerate(passes, 1) for candidate in one.candidates]
    candidates = [candidate for _, candidate in numbered]
    seconds = {name: sum(one.seconds[name] for one in passes) for name in ("prepare", "bank", "refine")}
    seconds["prepare"] += prepared
    truths = loaded.true_tracks()
    shared = _shared(candidates, segment=loaded.band.segment)
    facts: dict[str, Any] = {
        "data": {
            "path": str(data),
            "years": loaded.years,
            "channel": problem.data.channel,
            "segments": loaded.band.segments,
            "masked_segments": loaded.masked,
        },
        "candidates": [
            {**_record(candidate, place, noise, truths), "shares_track_with": better}
            for (place, candidate), better in zip(numbered, shared, strict=True)
        ],
        "thresholds": noise.thresholds(),
        "templates": sum(one.templates for one in passes),
        "seconds": seconds,
        "truth": [{**record, "statistic": _of_truth(loaded.search, scorer, record)} for record in loaded.truth],
    }
    warnings = (*loaded.warnings, *noise.warnings)
    prepare_output(folder, force=force)
    files = write_run(
        "search",
        SEARCH_KIND,
        {"system": "emri", **facts, "warnings": list(warnings)},
        folder=folder,
        arrays=_arrays(loaded, scorer, candidates, truths),
        provenance=provenance,
        force=force,
    )
    return _told(facts, warnings, folder, files, threshold=threshold)


@dataclasses.dataclass(frozen=True)
class _Pass:
    """One search, after the tracks of those before it were masked."""

    candidates: tuple[Candidate, ...]
    templates: int
    seconds: Mapping[str, float]


def _passes(
    loaded: Loaded, noise: NoiseLaw, problem: Problem, *, sources: int, threshold: float, seed: int, quiet: bool
) -> tuple[list[_Pass], Scorer]:
    """Search, mask what was found, and search again; every pass but the last keeps its best candidate alone.

    Returns:
        The passes, and what scores sources in the whole data.
    """
    done: list[_Pass] = []
    scorers: list[Scorer] = []
    band = loaded.band
    with Progress(total=sources * problem.bank.templates, description="searching", quiet=quiet) as progress:
        for number_ in range(sources):
            result = loaded.search.run(band, seed=seed + number_, report=progress.advance)
            found = result.candidates
            last = number_ == sources - 1 or not found or not noise.is_found(found[0].statistic, threshold=threshold)
            kept = found if sources == 1 else found[:1]
            if last and number_ > 0 and (not found or not noise.is_found(found[0].statistic, threshold=threshold)):
                kept = ()
            scorers = scorers or [result.scorer]
            done.append(_Pass(kept, result.templates, result.seconds))
            if last:
                break
            band = without_track(band, found[0].frequency)
    return done, scorers[0]


def _record(
    candidate: Candidate, place: int, noise: NoiseLaw, truths: Float[np.ndarray, "sources segments"]
) -> dict[str, Any]:
    """A candidate as `--json` prints it."""
    by_length = {
        str(length): dict(zip(map(str, EXPONENTS), map(float, row), strict=True))
        for length, row in zip(LENGTHS, candidate.statistics, strict=True)
    }
    return {
        **dict(zip(NAMES, map(float, candidate.theta), strict=True)),
        "statistic": candidate.statistic,
        "false_alarm_probability": noise.false_alarm_probability(candidate.statistic),
        "pass": place,
        "sky": [float(value) for value in candidate.sky],
        "statistics": by_length,
        **({"frequency_error": frequency_error(candidate.frequency, truths)} if len(truths) else {}),
    }


def _shared(candidates: Sequence[Candidate], *, segment: float) -> list[int | None]:
    """For each candidate the number, from 1, of a better one along whose track it runs for a while; else None."""
    answers: list[int | None] = []
    for place, candidate in enumerate(candidates):
        found = None
        for number_, better in enumerate(candidates[:place], 1):
            both = (candidate.frequency > 0.0) & (better.frequency > 0.0)
            if (np.abs(candidate.frequency - better.frequency)[both] < 1.0 / segment).sum() > _SHARED:
                found = number_
                break
        answers.append(found)
    return answers


def _of_truth(search: EmriSearch, scorer: Scorer, record: Mapping[str, float]) -> float | None:
    """Statistic of a true source, as candidates are ranked; None where it has no track in the data."""
    theta = np.array([math.log10(record["mass_1"]), *(record[name] for name in NAMES[1:])])
    height, longitude = math.sin(record["source_colatitude"]), record["source_longitude"]
    sky = height * np.array([math.cos(longitude), math.sin(longitude)])
    try:
        value = float(scorer.score(**search.view(scorer, theta, sky))[0, *search.ranking])
    except DomainError:
        return None
    return value if value > NOT_HEARD else None


def _arrays(
    loaded: Loaded,
    scorer: Scorer,
    candidates: Sequence[Candidate],
    truths: Float[np.ndarray, "sources segments"],
) -> dict[str, np.ndarray]:
    """What the figures and a follow-up need."""
    segments = loaded.band.segments
    levels, frequency = _map(scorer.table)
    counts = observed(loaded.band.used, points=_OBSERVATIONS)
    points = np.array([candidate.theta for candidate in candidates]).reshape(-1, len(NAMES))
    return {
        "theta": points,
        "statistic": np.array([candidate.statistic for candidate in candidates]),
        "statistics": np.array([c.statistics for c in candidates]).reshape(-1, len(LENGTHS), len(EXPONENTS)),
        "sky": np.array([candidate.sky for candidate in candidates]).reshape(len(candidates), -1),
        "frequency": np.array([candidate.frequency for candidate in candidates]).reshape(-1, segments),
        "truth_frequency": truths,
        "times": loaded.band.middles,
        "used": loaded.band.used,
        "map": levels,
        "map_frequency": frequency,
        "map_steps": np.array(BYTE_STEP),
        "observed": counts * loaded.band.segment / YEAR,
        "observed_statistic": _growing(loaded.search, scorer, candidates, counts),
    }


def _map(table: StatisticTable) -> tuple[UInt8[np.ndarray, "segments bins"], Float[np.ndarray, "bins"]]:
    """Largest statistic over the rates, in steps of the byte table, and the middle of each bin [Hz]."""
    highest = table.powers.max(axis=1)
    together = max(1, highest.shape[1] // _BINS)
    bins = highest.shape[1] // together
    levels = highest[:, : bins * together].reshape(-1, bins, together).max(axis=2)
    return levels, table.low + (np.arange(bins) + 0.5) * together * table.fine_step


def _growing(
    search: EmriSearch, scorer: Scorer, candidates: Sequence[Candidate], counts: np.ndarray
) -> Float[np.ndarray, "n times"]:
    """Statistic of candidates over the first so many segments."""
    answers = np.empty((len(candidates), counts.size))
    table = scorer.table
    for row, candidate in zip(answers, candidates, strict=True):
        given = search.view(scorer, candidate.theta, candidate.sky)
        for place, count in enumerate(counts):
            early = table.used * (np.arange(table.segments) < count)
            partly = search.scorer(dataclasses.replace(table, used=early.astype(np.uint8)))
            row[place] = partly.score(**given)[0, *search.ranking]
    return answers


def _told(
    facts: Mapping[str, Any], warnings: tuple[str, ...], folder: Path, files: Mapping[str, Path], *, threshold: float
) -> Told:
    """The same in words."""
    candidates = facts["candidates"]
    known = any("frequency_error" in candidate for candidate in candidates)
    columns: dict[str, str] = dict.fromkeys(("log10 m1", "m2", "spin", "plunge", "e", "statistic", "p_FA"), "right")
    rows = tuple(
        (
            number(row["log10_mass_1"], digits=5),
            number(row["mass_2"]),
            number(row["spin"]),
            number(row["plunge_time"], digits=5),
            number(row["final_eccentricity"], digits=3),
            number(row["statistic"]),
            number(row["false_alarm_probability"], digits=2),
            *((number(row["frequency_error"], digits=2),) if known else ()),
        )
        for row in candidates
    )
    if known:
        columns["|df|/f"] = "right"
    told = {f"threshold at {name}": number(value) for name, value in facts["thresholds"].items() if value is not None}
    along = [
        f"candidate {place} that of {row['shares_track_with']}"
        for place, row in enumerate(candidates, 1)
        if row["shares_track_with"] is not None
    ]
    if along:
        told["shares a track"] = ", ".join(along)
    heard = [number(source["statistic"]) for source in facts["truth"] if source["statistic"] is not None]
    if heard:
        told["statistic of the true track"] = ", ".join(heard)
    seconds = facts["seconds"]
    told |= {
        "templates": f"{facts['templates']:,}",
        "time": ", ".join(f"{value:.1f} s to {name}" for name, value in seconds.items()),
    }
    alone = [row["false_alarm_probability"] for row in candidates if row["shares_track_with"] is None]
    below = sum(alarm is not None and alarm <= threshold for alarm in alone)
    known_law = any(alarm is not None for alarm in alone)
    share = f", {below} with a track of its own and a false-alarm probability of {threshold:g} or less"
    share = share if known_law else ""
    many = f"{len(rows) or 'no'} candidate{'' if len(rows) == 1 else 's'}"
    headline = f"{many} in {facts['data']['years']:.3g} yr of channel {facts['data']['channel']}{share}"
    return Told(headline, facts, told, folder, files, warnings, columns, rows)
