"""Rows of the tables that the benchmarks print."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swansong.inference import Posterior, compare


@dataclass(frozen=True)
class Row:
    """One measured estimator.

    Attributes:
        name: What was measured.
        seconds: Wall-clock time of one answer, median of the rounds [s].
        processor_seconds: Processor time of one answer, all threads together [s].
        samples: Samples in the answer.
        effective: Effective number of independent samples.
        evidence: ln Z and its error.
        distance: Jensen-Shannon divergence to the exact posterior, by parameter [nats].
        floor: What chance alone would give [nats].
        note: Settings of a peer that decide its time.
        system: The system, which has a table of its own.
    """

    name: str
    seconds: float
    processor_seconds: float
    samples: int
    effective: float
    evidence: tuple[float, float]
    distance: dict[str, float] = field(default_factory=dict)
    floor: float = 0.0
    note: str = ""
    system: str = "ringdown"


def record(
    rows: list[Row],
    name: str,
    posterior: Posterior,
    *,
    reference: Posterior,
    names: Sequence[str],
    wall: Sequence[float],
    processor: Sequence[float],
    evidence: float,
    note: str = "",
) -> Row:
    """Add a row: an answer, its times and its distance to the exact one."""
    found = compare(posterior, reference)
    row = Row(
        name,
        float(np.median(wall)),
        float(np.median(processor)),
        len(posterior),
        posterior.effective_samples,
        (evidence, float(posterior.log_evidence_error or 0.0)),
        {parameter: found[parameter].js_distance for parameter in names},
        found[names[0]].noise_floor,
        note,
        posterior.system,
    )
    rows.append(row)
    return row


def timed(function: Callable[[], Any], wall: list[float], processor: list[float]) -> Callable[[], Any]:
    """The function with its wall-clock and processor time appended to lists at each call."""

    def call() -> Any:
        began, used = time.perf_counter(), time.process_time()
        found = function()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
        return found

    return call
