"""Rows of the tables that the benchmarks print, and the tables of single files."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest

from swansong.inference import Posterior, compare

T = TypeVar("T")


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


def measure(benchmark: Any, function: Callable[[], T], *, rounds: int, warm: bool = True) -> tuple[float, float, T]:
    """Median wall-clock and processor time of a function, and its last answer.

    Args:
        benchmark: The fixture of pytest-benchmark.
        function: What is timed.
        rounds: Calls that are timed.
        warm: Whether a call that compiles comes first and does not count.
    """
    wall: list[float] = []
    processor: list[float] = []
    answer = benchmark.pedantic(timed(function, wall, processor), rounds=rounds, warmup_rounds=int(warm))
    # With `--benchmark-disable` there is one call in all.
    return float(np.median(wall[warm:] or wall)), float(np.median(processor[warm:] or processor)), answer


def terminal_table(
    request: pytest.FixtureRequest,
    title: str,
    *,
    heads: Sequence[str],
    cells: Callable[[Any, Sequence[Any]], Sequence[str]],
) -> Iterator[list[Any]]:
    """Body of a fixture: a list of rows, written to the terminal as a table when the module is done.

    Args:
        request: The request of the fixture.
        title: Title of the table.
        heads: Headings of all columns but the first, which is the name of the row.
        cells: Cells of a row beside its name, given the row and all rows.
    """
    rows: list[Any] = []
    yield rows
    if not rows:
        return
    lines = [("", *heads), *((row.name, *cells(row, rows)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    manager = request.config.pluginmanager
    with manager.getplugin("capturemanager").global_and_fixture_disabled():
        reporter = manager.getplugin("terminalreporter")
        reporter.section(title)
        for name, *others in lines:
            told = "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
            reporter.write_line(f"{name:{widths[0]}}{told}")
