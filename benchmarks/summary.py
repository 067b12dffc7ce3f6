"""One row of the table that the benchmarks print."""

from dataclasses import dataclass, field


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
