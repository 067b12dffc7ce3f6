"""Compare orbits and loudness of inspirals with those that a published campaign states.

    python scripts/measure_emri_signals.py CAMPAIGN.csv --limit 50

For each source with a signal-to-noise ratio: the orbit at the start of the data against the published p0 and e0,
the signal-to-noise ratio in channel A at the published distance against the published one, and the share of its
square that the (2, 0) harmonic has of twenty, by eccentricity at the start.
"""

import argparse
import csv
import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
from measure_emri_followup import source_of

from swansong.core.errors import DomainError
from swansong.emri.harmonics.signals import emri_signal
from swansong.emri.tracks import load

EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)


def measure(row: dict[str, str]) -> tuple[float, ...]:
    """Errors of p0 and e0, ratio of signal-to-noise ratios, eccentricity at the start, share of (2, 0)."""
    source = dataclasses.replace(source_of(row), luminosity_distance=1000.0 * float(row["dist"]))
    start = load().orbit(
        np.zeros(1), mass_1=source.mass_1, mass_2=source.mass_2, spin=source.spin, plunge_time=source.plunge_time,
        final_eccentricity=source.final_eccentricity,
    )  # fmt: skip
    signal = emri_signal(source)
    e0 = float(row["e0"])
    return (
        float(start.p[0]) - float(row["p0"]),
        float(start.e[0]) - e0,
        signal.snr / float(row["target_snr"]),
        e0,
        signal.share(2, 0),
    )


def main() -> None:
    """Measure the first sources of a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--limit", type=int, default=50)
    given = parser.parse_args()
    lines = [line for line in given.campaign.read_text().splitlines() if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if float(row["target_snr"]) > 0.0][: given.limit]
    found, outside = [], 0
    for row in rows:
        try:
            found.append(measure(row))
        except DomainError:
            outside += 1
    p, e, ratio, e0, share = np.array(found).T
    shares = {
        f"{low:g}-{high:g}": [int(at.sum()), float(share[at].mean()) if at.any() else None]
        for low, high in itertools.pairwise(EDGES)
        for at in [(e0 >= low) & (e0 < high)]
    }
    told = {
        "sources": len(found),
        "outside_the_table": outside,
        "p0_error_quantiles_50_90_100": np.quantile(np.abs(p), [0.5, 0.9, 1.0]).tolist(),
        "e0_error_quantiles_50_90_100": np.quantile(np.abs(e), [0.5, 0.9, 1.0]).tolist(),
        "snr_ratio_quantiles_5_50_95": np.quantile(ratio, [0.05, 0.5, 0.95]).tolist(),
        "share_of_20_by_eccentricity": shares,
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
