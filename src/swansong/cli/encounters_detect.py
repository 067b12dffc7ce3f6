"""What `swansong encounters detect` does, once its arguments are valid; imports JAX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from swansong.cli.measuring import plain_units
from swansong.cli.output import number, plain
from swansong.cli.written import Where, Written, write_result
from swansong.core.config import as_dict
from swansong.core.errors import DataError
from swansong.core.files import prepare_output
from swansong.core.provenance import collect
from swansong.encounters import detection
from swansong.encounters.settings import Problem
from swansong.report import scan_headline
from swansong.signals import Strain, check_network, read_strain

SYSTEM = "encounters"


def detect(
    problem: Problem,
    *,
    strain: Mapping[str, Path],
    start: float | None,
    end: float | None,
    threshold: float,
    candidates: int,
    samples: int,
    background: int,
    **where: Unpack[Where],
) -> Written:
    """Scan strain for bursts and write what was found.

    Args:
        problem: The problem; pericentre times are looked for in windows along the strain.
        strain: Strain file by detector.
        start: GPS time to scan from, None for the start of the files [s].
        end: GPS time to scan to, None for their end [s].
        threshold: False-alarm probability below which a window is a candidate.
        candidates: Largest number of candidates.
        samples: Samples of the posterior of each candidate.
        background: Noise windows that false alarms are counted on.
        **where: Seed, folder and display.

    Returns:
        What was found.

    Raises:
        InputError: The strain or the folder cannot be used.
    """
    seed, folder, force = where["seed"], where["folder"], where["force"]
    strains = check_network([read_strain(path, detector=name) for name, path in strain.items()])
    _check_span(strains[0], start=start, end=end)
    asked = {
        "threshold": threshold,
        "samples": samples,
        "candidates": candidates,
        "background": background,
        "start": start,
        "end": end,
    }
    provenance = collect(
        configuration={"problem": as_dict(problem), **asked}, seed=seed, inputs=dict(strain), command=where["command"]
    )
    found = detection.detect(problem, strains, seed=seed, quiet=where["quiet"], **asked)
    facts = plain(found.to_json())
    for candidate in facts["candidates"]:
        candidate["parameters"] = plain_units(candidate["parameters"])
    prepare_output(folder, force=force)
    posteriors: dict[str, Path] = {}
    for place, candidate in enumerate(found.candidates, start=1):
        posteriors[f"candidate_{place}"] = folder / f"candidate_{place}.h5"
        candidate.posterior.save(posteriors[f"candidate_{place}"], force=force)
    files = write_result(
        "detection",
        facts,
        folder=folder,
        arrays={name: np.asarray(getattr(found, name)) for name in ("windows", "statistic", "false_alarm")},
        metadata={"threshold": threshold},
        passing=("seconds",),
        provenance=provenance,
        force=force,
    )
    warnings = tuple(facts.pop("warnings", ()))
    headline = scan_headline(len(found.candidates), len(found.windows))
    return Written(SYSTEM, headline, facts, _told(facts, threshold), folder, {**files, **posteriors}, warnings)


def _told(facts: Mapping[str, Any], threshold: float) -> dict[str, str]:
    """One line for each candidate."""
    told = {
        f"GPS {candidate['gps']:.4f}": (
            f"ln Bayes factor {number(candidate['statistic'])}, "
            f"false-alarm probability {number(candidate['false_alarm_probability'], digits=2)}, "
            f"goodness of fit p = {number(candidate['goodness_of_fit'], digits=2)}, "
            f"signal-to-noise {number(candidate['snr'], digits=3)}"
        )
        for candidate in facts["candidates"]
    }
    return {**told, "threshold": f"false-alarm probability of a window below {threshold:g}"}


def _check_span(strain: Strain, *, start: float | None, end: float | None) -> None:
    """Refuse to scan where there is no strain."""
    for option, time in (("--start", start), ("--end", end)):
        if time is not None and not strain.start <= time <= strain.end:
            raise DataError(
                f"{strain.source} covers GPS {strain.start:.4f} to {strain.end:.4f}, got `{option} {time:.10g}`; give "
                "a time inside it"
            )
