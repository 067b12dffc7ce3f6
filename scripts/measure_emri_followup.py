"""Follow up inspirals of a published campaign and count how often 90 % intervals hold the truth.

    python scripts/measure_emri_followup.py CAMPAIGN.csv --out build/followup --sources 20

Every source is one line of results.jsonl; a run that was stopped goes on with the next one. The starting point
is the truth where no search has been done: what is measured is the posterior, not the search. The default (2, 0)
harmonic is looked for, the signal has twenty. `--summary` reads the lines and prints nothing else.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

from swansong.core.errors import DomainError
from swansong.emri.followup.followup import follow_up
from swansong.emri.followup.settings import FollowupSettings, LikelihoodSettings, ProposalSettings
from swansong.emri.harmonics.signals import emri_signal
from swansong.emri.harmonics.sources import Source
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import Scorer
from swansong.emri.search.settings import StatisticSettings
from swansong.emri.search.statistic import tabulate
from swansong.emri.tracks import load
from swansong.signals.lisa import LISA_CADENCE, lisa_noise
from swansong.signals.noise import coloured_noise
from swansong.signals.sft import baseband


def source_of(row: dict[str, str]) -> Source:
    """One line of the campaign's table."""
    return Source(
        mass_1=float(row["m1"]),
        mass_2=float(row["m2"]),
        spin=float(row["a"]),
        plunge_time=float(row["Tpl"]),
        final_eccentricity=float(row["ef"]),
        luminosity_distance=1000.0,
        source_colatitude=float(row["qS"]),
        source_longitude=float(row["phiS"]),
        spin_colatitude=float(row["qK"]),
        spin_longitude=float(row["phiK"]),
        phase_phi=float(row["Phi_phi0"]),
        phase_r=float(row["Phi_r0"]),
    )


def measure(source: Source, *, snr: float, length: int, harmonics: int, seed: int) -> dict[str, object]:
    """Inject, follow up from the truth, and say where the truth lies."""
    model, spectrum = SearchModel(), lisa_noise("A")
    signal = emri_signal(source)
    series = signal.series[0] * (snr / signal.snr)
    series = series + coloured_noise(spectrum, rate=1.0 / LISA_CADENCE, n=series.size, rng=seed)
    band = baseband(series, spectrum, cadence=LISA_CADENCE)
    scorer = Scorer(tabulate(band, StatisticSettings(), powers=False), spectrum, load().arrays)
    theta = np.array(
        [np.log10(source.mass_1), source.mass_2, source.spin, source.plunge_time, source.final_eccentricity]
    )
    settings = FollowupSettings(
        likelihood=LikelihoodSettings.model_validate({"length": length, "harmonics": harmonics}),
        proposal=ProposalSettings(draws=1024, steps=0),
    )
    found = follow_up(scorer, theta, model=model, settings=settings, seed=seed)
    samples = found.posterior.samples[:, :5]
    return {
        "levels": (samples < theta).mean(axis=0).tolist(),
        "relative_width": (samples.std(axis=0) / theta).tolist(),
        "share": signal.share(2, 0),
        "efficiency": dict(found.efficiency),
        "r_hat": found.posterior.metadata["r_hat"],
        "log_bayes_factor": found.posterior.log_evidence,
        "seconds": dict(found.seconds),
        "warnings": list(found.warnings),
    }


def summarise(lines: list[dict]) -> str:
    """Coverage and widths of the sources done."""
    done = [line for line in lines if "levels" in line]
    levels = np.array([line["levels"] for line in done])
    inside = (np.abs(levels - 0.5) <= 0.45).mean(axis=0)
    widths = np.median([line["relative_width"] for line in done], axis=0)
    spent = np.median([sum(line["seconds"].values()) for line in done])
    return json.dumps(
        {
            "sources": len(done),
            "left_out": len(lines) - len(done),
            "coverage_90": inside.round(3).tolist(),
            "median_relative_width": widths.tolist(),
            "median_seconds": float(spent),
            "median_mixture_efficiency": float(np.median([line["efficiency"]["mixture"] for line in done])),
        }
    )


def main() -> None:
    """Measure the sources that are not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/followup"))
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--snr", type=float, default=30.0)
    parser.add_argument("--length", type=int, default=4)
    parser.add_argument("--harmonics", type=int, default=0)
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    with options.campaign.open() as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))[: options.sources]
    for number in range(len(lines), len(rows) if not options.summary else 0):
        try:
            line = measure(
                source_of(rows[number]),
                snr=options.snr,
                length=options.length,
                harmonics=options.harmonics,
                seed=1000 + number,
            )
        except DomainError as error:
            line = {"error": str(error)}
        lines.append({"number": number, **line})
        with path.open("a") as stream:
            stream.write(json.dumps(lines[-1]) + "\n")
    sys.stdout.write(summarise(lines) + "\n")


if __name__ == "__main__":
    main()
