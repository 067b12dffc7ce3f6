"""What `swansong emri simulate` does, once its arguments are valid: noise and sources as LISA data; imports JAX."""

import json
import math
import time
from typing import Any, Unpack

import h5py
import numpy as np
from jaxtyping import Float

from swansong.cli.emri_written import Told
from swansong.cli.output import number
from swansong.cli.written import Where
from swansong.core.atomic import atomic
from swansong.core.config import as_dict
from swansong.core.errors import DomainError
from swansong.core.files import prepare_output
from swansong.core.hashing import canonical_json
from swansong.core.progress import Progress
from swansong.core.provenance import collect
from swansong.emri import tracks
from swansong.emri.harmonics.signals import emri_signal, scaled_to_snr
from swansong.emri.harmonics.sources import Source
from swansong.emri.problem import DEFAULT_SNR, Problem, SourceSettings
from swansong.emri.search.model import SearchModel
from swansong.emri.search.settings import SOURCE_NAMES
from swansong.emri.tracks import YEAR
from swansong.signals import coloured_noise
from swansong.signals.lisa import lisa_noise
from swansong.signals.lisa_files import LisaData, write_lisa

CHANNELS = ("A", "E")
TRUTH = "truth"
"""Attribute of a data file that holds its sources as JSON."""

_TRIALS = 50


def simulate(problem: Problem, *, draw: int | None, noise: bool, **where: Unpack[Where]) -> Told:
    """Make LISA data and write them.

    Args:
        problem: Length, cadence and sources.
        draw: Sources drawn from the prior; None draws one where the problem has none.
        noise: Whether to add noise.
        **where: Seed, folder and display.

    Returns:
        What was done.

    Raises:
        InputError: A source cannot be computed, or the folder cannot be used.
    """
    began = time.perf_counter()
    seed, folder = where["seed"], where["folder"]
    drawn = (0 if problem.source else 1) if draw is None else draw
    data = problem.data
    samples = math.floor(data.duration * YEAR / data.cadence + 1e-9)
    rng = np.random.default_rng([seed, 1])
    wanted = [*problem.source, *_drawn(problem, drawn, rng)]
    series = np.zeros((2, samples))
    records = []
    with Progress(total=len(wanted) + 1, description="simulating", quiet=where["quiet"]) as progress:
        for item in wanted:
            added, record = inject(item, problem, samples=samples, rng=rng)
            series += added
            records.append(record)
            progress.advance()
        if noise:
            for place, channel in enumerate(CHANNELS):
                series[place] += coloured_noise(
                    lisa_noise(channel), rate=1.0 / data.cadence, n=samples, rng=np.random.default_rng([seed, 2, place])
                )
        progress.advance()
        prepare_output(folder, force=where["force"])
        path = folder / "data.h5"
        settings = {"problem": as_dict(problem), "draw": drawn, "noise": noise}
        provenance = collect(configuration=settings, seed=seed, command=where["command"])
        with atomic(path) as temporary:
            write_lisa(temporary, LisaData(0.0, data.cadence, series[0], series[1]))
            with h5py.File(temporary, "r+") as file:
                file.attrs[TRUTH] = json.dumps(records)
                file.attrs["provenance"] = canonical_json(provenance.to_dict())
    seconds = time.perf_counter() - began
    facts = {
        "sources": records,
        "duration": samples * data.cadence,
        "cadence": data.cadence,
        "noise": noise,
        "seed": seed,
        "seconds": seconds,
    }
    told = {
        f"source {place}": (
            f"{number(row['mass_1'], digits=6)} and {number(row['mass_2'])} Msun, spin {number(row['spin'])}, plunge "
            f"after {number(row['plunge_time'])} yr, SNR {number(row['snr'], digits=3)} in {data.channel}, "
            f"{100 * row['share']:.0f} % of its square in the (2, 0) harmonic"
        )
        for place, row in enumerate(records, start=1)
    }
    told["time"] = f"{seconds:.1f} s"
    what = f"{len(records) or 'no'} source{'' if len(records) == 1 else 's'}"
    headline = f"{samples * data.cadence / 86400.0:.4g} days of channels A and E, {what}" + (
        " in noise" if noise else ""
    )
    return Told(headline, facts, told, folder, {"data": path})


def draw_points(model: SearchModel, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 5"]:
    """Draw sources from a prior, those alone that the table of tracks follows back to the start of the data.

    Args:
        model: The prior.
        count: Number of sources.
        rng: Random generator.

    Returns:
        (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (count, 5).

    Raises:
        DomainError: The table holds next to no source of this prior.
    """
    low, high = np.array([[item.minimum, item.maximum] for item in model.parameters]).T
    kept = np.empty((0, low.size))
    for _ in range(_TRIALS):
        points = model.to_points(low + (high - low) * rng.random((2 * count + 8, low.size)))
        mass_1, mass_2, spin, plunge, eccentricity = points.T
        reach = tracks.load().reach(mass_1=mass_1, mass_2=mass_2, spin=spin, final_eccentricity=eccentricity)
        kept = np.concatenate([kept, points[reach > plunge]])
        if len(kept) >= count:
            return kept[:count]
    raise DomainError(
        f"{_TRIALS} times no {count} sources of the prior begin inside the table of tracks; lower `prior.plunge_time`, "
        "`prior.mass_2` or `prior.final_eccentricity`"
    )


def _drawn(problem: Problem, count: int, rng: np.random.Generator) -> list[SourceSettings]:
    """Draw sources from the prior of the search."""
    if not count:
        return []
    points = draw_points(SearchModel(problem.prior), count, rng=rng)
    points[:, 3] /= YEAR
    return [SourceSettings(**dict(zip(SOURCE_NAMES, map(float, row), strict=True))) for row in points]


def inject(
    item: SourceSettings,
    problem: Problem,
    *,
    samples: int,
    rng: np.random.Generator,
    channels: tuple[str, ...] = CHANNELS,
) -> tuple[Float[np.ndarray, "channels samples"], dict[str, Any]]:
    """Compute the signal of a source.

    Args:
        item: The source; its signal-to-noise ratio counts in the searched channel, as in published campaigns.
        problem: Cadence, harmonics and searched channel.
        samples: Number of samples.
        rng: Draws the angles that are not given.
        channels: Channels, the searched one among them.

    Returns:
        The series of the channels, and a record of the source: all its parameters, `snr` in the searched
        channel, `network_snr` in all of them, and the share of the (2, 0) harmonic in the former's square.

    Raises:
        InputError: The source cannot be computed.
    """
    data = problem.data
    # All six are drawn, so that giving one does not change the others.
    polar = np.arccos(rng.uniform(-1.0, 1.0, 2))
    turns = rng.uniform(0.0, 2.0 * math.pi, 4)
    random = dict(zip(item.angles(), map(float, (polar[0], turns[0], polar[1], turns[1], *turns[2:])), strict=True))
    angles = {name: random[name] if value is None else value for name, value in item.angles().items()}
    source = Source(
        mass_1=item.mass_1,
        mass_2=item.mass_2,
        spin=item.spin,
        plunge_time=item.plunge_time,
        final_eccentricity=item.final_eccentricity,
        luminosity_distance=item.luminosity_distance or 1000.0,
        **angles,
    )
    # The strongest harmonics are chosen by the first channel.
    ordered = (data.channel, *(name for name in channels if name != data.channel))
    signal = emri_signal(
        source, duration=samples * data.cadence, cadence=data.cadence, harmonics=data.harmonics, channels=ordered
    )
    by_channel = np.sqrt(signal.squared_snr.sum(axis=1))
    if item.luminosity_distance is None:
        target = item.snr or DEFAULT_SNR
        signal = scaled_to_snr(signal, target * signal.snr / float(by_channel[0]))
        by_channel = np.sqrt(signal.squared_snr.sum(axis=1))
    share = signal.squared_snr[0][[pair == (2, 0) for pair in signal.harmonics]].sum() / signal.squared_snr[0].sum()
    made = signal.source
    record = {
        **{name: getattr(made, name) for name in made.__dataclass_fields__},
        "snr": float(by_channel[0]),
        "network_snr": signal.snr,
        "share": float(share),
    }
    order = [ordered.index(name) for name in channels]
    return signal.series[order], record
