"""What `swansong binaries merge` does with pairs, one or a table, once its arguments are valid; imports Numba."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from swansong.binaries.evolution.evolve import STATUS, Evolution, evolve, saturation
from swansong.binaries.evolution.hardening import (
    Constant,
    Exponential,
    ExponentialFloor,
    Hardening,
    Scattering,
    TimeLaws,
)
from swansong.binaries.evolution.kernels import FAILED, STALLED
from swansong.binaries.evolution.merging import HUBBLE_TIME
from swansong.binaries.units import Units
from swansong.cli.binaries_pairs import NEEDED, Law, Pairs
from swansong.cli.binaries_written import Told, write_run
from swansong.cli.output import number
from swansong.core.files import prepare_output
from swansong.core.provenance import collect
from swansong.figures.binaries_merging import evolution_figure, merger_times_figure
from swansong.physics.peters import GRAVITY, LIGHT, MEGAYEAR, PARSEC, coalescence_time

KINDS = ("binary_merger", "binary_mergers")
"""Kinds of the products: of one pair, of a table."""

_QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)
_POINTS = 300  # of the track
_BEYOND = 30.0  # the track of a pair that merges ends this many times below the take-over
_CLOSEST = 10.0  # pericentre below which orbit averages mean little [GM/c^2]
_UNEQUAL = 0.9  # mass ratio below which the rates of equal masses are told to be those


@dataclass(frozen=True)
class System:
    """Units of all numbers.

    Attributes:
        gravity: Newton's constant.
        light: Speed of light.
        speed: What a velocity dispersion is to be multiplied by.
        megayears: Unit of time [Myr], None where it is not known.
        time: Name of the unit of time.
        length: Name of the unit of length.
        limit: Time limit.
    """

    gravity: float
    light: float
    speed: float
    megayears: float | None
    time: str
    length: str
    limit: float


def merge_pairs(
    pairs: Pairs,
    *,
    law: Law,
    physical: bool,
    scale: Units,
    speed_of_light: float | None,
    max_time: float | None,
    table: Path | None,
    folder: Path | None,
    force: bool,
    command: str,
) -> Told:
    """Evolve pairs to coalescence.

    Args:
        pairs: The pairs.
        law: Law of the hardening rate.
        physical: Whether numbers are in parsecs, solar masses and megayears.
        scale: Physical size of the N-body units.
        speed_of_light: Speed of light in N-body units in place of the one that follows from their size.
        max_time: Time limit, None for 13.8 Gyr.
        table: Where the pairs are from.
        folder: Where to write, None for nowhere.
        force: Replace existing results.
        command: The command line, for the provenance.

    Returns:
        What became of them.

    Raises:
        InputError: The folder cannot be used.
    """
    system = _system(physical, scale, speed_of_light, max_time)
    stars = _stars(pairs, law, system)
    began = time.perf_counter()
    done = _evolve(pairs, stars, system)
    seconds = time.perf_counter() - began
    warnings = _warnings(pairs, done, law, system)
    configuration = {
        "law": law, "units": "physical" if physical else "nbody", "speed_of_light": system.light,
        "max_time": system.limit,
    }  # fmt: skip
    common = {**configuration, "time_unit": system.time, "length_unit": system.length}
    if table is None:
        told = _one(pairs, done, stars, system)
    else:
        told = _many(pairs, done, system, seconds=seconds)
    told = Told(told.headline, {**told.facts, **common}, told.told, warnings=warnings)
    if folder is None:
        return told
    values = {field.name: getattr(pairs, field.name) for field in fields(Pairs)}
    if table is None:
        configuration["pair"] = {name: part.item() for name, part in values.items() if not np.isnan(part[0])}
    inputs = {} if table is None else {"table": table}
    provenance = collect(configuration=configuration, inputs=inputs, command=command)
    prepare_output(folder, force=force)
    facts = {"system": "binaries", **told.facts, "warnings": list(warnings)}
    place = {"folder": folder, "provenance": provenance, "force": force}
    if table is None:
        columns = _track(pairs, done, stars, system)
        takeover = done.takeover_time[0]
        figure = evolution_figure(
            columns["time"], axis=columns["semi_major_axis"], eccentricity=columns["eccentricity"],
            takeover=None if math.isnan(takeover) else float(takeover), length_unit=system.length,
            time_unit=system.time, title=told.headline,
        )  # fmt: skip
        text = f"Orbit over time; times in {system.time}, lengths in {system.length}. Made by `{command}`."
        files = write_run(
            "merger", KINDS[0], facts, arrays=columns, columns=columns, comments=(text,),
            figures={"evolution": figure}, **place,
        )  # fmt: skip
    else:
        results = {field.name: getattr(done, field.name) for field in fields(Evolution)}
        results = {name: part for name, part in results.items() if part.ndim == 1}
        columns = {name: values[name] for name in ("line", "semi_major_axis", "eccentricity", "mass_1", "mass_2")}
        columns |= {name: values[name] for name in NEEDED[law]}
        columns |= {"status": np.array([STATUS[int(one)] for one in done.status])}
        columns |= {name: part for name, part in results.items() if name != "status"}
        text = f"Times from the start of each pair in {system.time}, lengths in {system.length}. Made by `{command}`."
        figure = merger_times_figure(done.merger_time, time_unit=system.time)
        files = write_run(
            "mergers", KINDS[1], facts, arrays={**values, **results}, columns=columns, comments=(text,),
            figures={"merger_times": figure}, **place,
        )  # fmt: skip
    return Told(told.headline, told.facts, told.told, folder, files, warnings)


def _system(physical: bool, scale: Units, speed_of_light: float | None, max_time: float | None) -> System:
    """Units and time limit."""
    if physical:
        kilometre = 1e3 * MEGAYEAR / PARSEC
        return System(GRAVITY, LIGHT, kilometre, 1.0, "Myr", "pc", HUBBLE_TIME if max_time is None else max_time)
    light = scale.speed_of_light if speed_of_light is None else speed_of_light
    limit = HUBBLE_TIME / scale.time if max_time is None else max_time
    return System(
        1.0, light, 1.0, scale.time if speed_of_light is None else None, "N-body units", "N-body units", limit
    )


def _stars(pairs: Pairs, law: Law, system: System) -> Hardening:
    """Rates by stars."""
    if law == "scattering":
        sigma = pairs.dispersion * system.speed
        light = np.minimum(pairs.mass_1, pairs.mass_2)
        return Scattering(system.gravity * pairs.density / sigma, system.gravity * light / (4.0 * sigma**2))
    growth = Constant(pairs.eccentricity_rate)
    if law == "constant":
        return TimeLaws(Constant(pairs.hardening_rate), growth)
    if law == "exponential":
        return TimeLaws(Exponential(pairs.hardening_rate, pairs.time_scale), growth)
    return TimeLaws(ExponentialFloor(pairs.hardening_rate, pairs.time_scale, pairs.floor), growth)


def _evolve(pairs: Pairs, stars: Hardening, system: System, **asked: Any) -> Evolution:
    """What becomes of the pairs."""
    return evolve(
        pairs.semi_major_axis, pairs.eccentricity, mass_1=pairs.mass_1, mass_2=pairs.mass_2, hardening=stars,
        speed_of_light=system.light, gravity=system.gravity, max_time=system.limit, **asked,
    )  # fmt: skip


def _waves_alone(pairs: Pairs, axis: np.ndarray, eccentricity: np.ndarray, system: System) -> np.ndarray:
    """Time to coalescence without stars."""
    return coalescence_time(
        axis, eccentricity, mass_1=pairs.mass_1, mass_2=pairs.mass_2, speed_of_light=system.light,
        gravity=system.gravity,
    )  # fmt: skip


def _one(pairs: Pairs, done: Evolution, stars: Hardening, system: System) -> Told:
    """Facts of one pair."""
    merged = bool(done.merged[0])
    span = float(done.merger_time[0]) if merged else system.limit
    took_over = not math.isnan(done.takeover_time[0])
    by_stars = float(done.takeover_time[0]) if took_over else span
    limit_axis = np.asarray(saturation(pairs.semi_major_axis, hardening=stars)).item()
    alone = _waves_alone(pairs, pairs.semi_major_axis, pairs.eccentricity, system).item()
    left = _waves_alone(pairs, done.final_axis, done.final_eccentricity, system).item()
    takeover = {
        "time": float(done.takeover_time[0]),
        "semi_major_axis": float(done.takeover_axis[0]),
        "eccentricity": float(done.takeover_eccentricity[0]),
    }
    final = {
        "time": float(done.final_time[0]),
        "semi_major_axis": float(done.final_axis[0]),
        "eccentricity": float(done.final_eccentricity[0]),
    }
    facts: dict[str, Any] = {
        "status": STATUS[int(done.status[0])],
        "merger_time": span if merged else None,
        "merger_time_myr": span * system.megayears if merged and system.megayears is not None else None,
        "stellar_time": by_stars,
        "wave_time": span - by_stars,
        "stellar_fraction": by_stars / span,
        "wave_fraction": 1.0 - by_stars / span,
        "takeover": takeover if took_over else None,
        "waves_alone": alone,
        "saturation_axis": limit_axis or None,
        "stalled_at": None if merged else final,
        "waves_left": None if merged else left,
    }
    if merged:
        headline = f"coalescence after {_time(span, system)}"
    else:
        headline = f"not merged after {_time(span, system)}: the pair {STATUS[int(done.status[0])]}"
    told = {
        "stars": f"{_time(by_stars, system)} until gravitational waves take over, {100.0 * by_stars / span:.3g} %",
        "gravitational waves": _time(span - by_stars, system) + (" to coalescence" if merged else " to the time limit"),
        "take-over": _orbit(takeover, system) if took_over else "not before the time limit",
        "without stars": f"coalescence after {_time(alone, system)}",
    }
    if not merged:
        told["at the time limit"] = f"{_orbit(final, system)}; waves alone need {_time(left, system)} more"
    if limit_axis:
        told["stars alone"] = f"never below a = {number(limit_axis)} {system.length}, their hardening dies away"
    return Told(headline, facts, told)


def _many(pairs: Pairs, done: Evolution, system: System, *, seconds: float) -> Told:
    """Facts of a table."""
    count = {name: int(np.sum(done.status == code)) for code, name in STATUS.items()}
    times = np.where(np.isnan(done.merger_time), np.inf, done.merger_time)
    levels = np.quantile(times, _QUANTILES, method="inverted_cdf")
    share = np.nan_to_num(done.takeover_time, nan=np.inf) / np.where(done.merged, done.merger_time, np.inf)
    stellar = float(np.median(share[done.merged])) if count["merged"] else math.nan
    median = float(levels[_QUANTILES.index(0.5)])
    facts: dict[str, Any] = {
        "pairs": len(pairs),
        **count,
        "merger_time": median if math.isfinite(median) else None,
        "merger_time_myr": median * system.megayears if math.isfinite(median) and system.megayears else None,
        "quantiles": {f"{level:g}": value for level, value in zip(_QUANTILES, levels, strict=True)},
        "median_stellar_fraction": stellar,
        "seconds": seconds,
    }
    told = {
        "merged": f"{count['merged']:,}, stalled {count['stalled']:,}, failed {count['failed']:,}",
        "median": _time(median, system) if math.isfinite(median) else "more than half of the pairs stall",
        "90 % within": " to ".join(
            _time(value, system) if math.isfinite(value) else "never" for value in (levels[0], levels[-1])
        ),
        "stars": f"{100.0 * stellar:.3g} % of the time, in the median" if math.isfinite(stellar) else "–",
        "time to compute": f"{seconds:.2f} s",
    }
    return Told(f"merger times of {len(pairs):,} pairs", facts, told)


def _track(
    pairs: Pairs, done: Evolution, stars: Hardening, system: System
) -> Mapping[str, Float[np.ndarray, "points"]]:
    """Orbit over time, down to where it is all gravitational waves, and coalescence as the last point."""
    start, last = float(pairs.semi_major_axis[0]), float(done.final_axis[0])
    if done.merged[0]:
        last = min(last, float(done.takeover_axis[0]) / _BEYOND)
    asked = np.geomspace(start, last, _POINTS)[1:]
    # A pair that stalls ends exactly there, where rounding may put it just beyond.
    asked = asked if done.merged[0] else asked[:-1]
    found = _evolve(pairs, stars, system, separations=asked)
    time_, axis = [0.0, *found.separation_time[0]], [start, *asked]
    eccentricity = [float(pairs.eccentricity[0]), *found.separation_eccentricity[0]]
    if not done.merged[0]:
        time_, axis = [*time_, float(done.final_time[0])], [*axis, float(done.final_axis[0])]
        eccentricity = [*eccentricity, float(done.final_eccentricity[0])]
    return {
        "time": np.asarray(time_),
        "semi_major_axis": np.asarray(axis),
        "eccentricity": np.asarray(eccentricity),
    }


def _warnings(pairs: Pairs, done: Evolution, law: Law, system: System) -> tuple[str, ...]:
    """Sentences that limit the result."""
    many = len(pairs) > 1
    radius = system.gravity * (pairs.mass_1 + pairs.mass_2) / system.light**2
    close = int(np.sum(pairs.semi_major_axis * (1.0 - pairs.eccentricity) < _CLOSEST * radius))
    unequal = np.minimum(pairs.mass_1, pairs.mass_2) / np.maximum(pairs.mass_1, pairs.mass_2)
    found = []
    who = "The pair is" if not many else "{:,} pairs are"
    if stalled := int(np.sum(done.status == STALLED)):
        limit = _time(system.limit, system)
        found.append(f"{who.format(stalled)} still apart after {limit}, the time limit; `--max-time` sets another.")
    if failed := int(np.sum(done.status == FAILED)):
        found.append(f"{who.format(failed)} not followed to the end, since the steps did not suffice.")
    if close:
        found.append(
            f"{who.format(close)} within {_CLOSEST:g} GM/c^2 at the first pericentre, where averages over an orbit and "
            "Peters' rates mean little."
        )
    if law == "scattering" and unequal.min() < _UNEQUAL:
        found.append(f"The scattering rates are those of equal masses; the mass ratio is down to {unequal.min():.2g}.")
    return tuple(found)


def _time(value: float, system: System) -> str:
    """A time, and what it is in megayears where that is known and not said anyway."""
    text = f"{number(value)} {system.time}"
    if system.megayears is None or system.megayears == 1.0:
        return text
    return f"{text} ({number(value * system.megayears)} Myr)"


def _orbit(orbit: Mapping[str, float], system: System) -> str:
    """An orbit in words."""
    return f"a = {number(orbit['semi_major_axis'])} {system.length}, e = {number(orbit['eccentricity'])}"
