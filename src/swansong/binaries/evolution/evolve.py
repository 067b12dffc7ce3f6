"""Evolution of pairs by stars and gravitational waves to coalescence, many at once.

da/dt = -s a^2 + da/dt|waves and de/dt = s K a + de/dt|waves, with Peters' rates of the waves. Coalescence is where
Peters' semi-major axis is zero; what is left at the last stable orbit is some hundred GM/c^3.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from swansong.binaries.evolution.hardening import Hardening, Numbers, TimeLaws
from swansong.binaries.evolution.kernels import FAILED, MERGED, STALLED, evolve_batch
from swansong.core.errors import DomainError, InputError
from swansong.physics.peters import strength

STATUS = {MERGED: "merged", STALLED: "stalled", FAILED: "failed"}
"""Names of what became of a pair."""

TOLERANCE = 1e-9
"""Default error of a step in time, relative, and in eccentricity."""


@dataclass(frozen=True, eq=False)
class Evolution:
    """What became of pairs. Times count from the start of each pair.

    Attributes:
        status: `MERGED`, `STALLED` (still apart at the time limit) or `FAILED` (the steps did not suffice).
        merger_time: Time to coalescence; infinite for a stalled pair, NaN for a failed one.
        takeover_time: Last time at which gravitational waves begin to shrink the orbit faster than stars do, NaN where
            they do not within the time limit.
        takeover_axis: Semi-major axis there.
        takeover_eccentricity: Eccentricity there.
        final_time: Time of the last state: the time limit for a stalled pair, else where Peters' integral took over
            since the stars no longer matter.
        final_axis: Semi-major axis there.
        final_eccentricity: Eccentricity there.
        separation_time: Times at the separations asked for, NaN for those that are not passed.
        separation_eccentricity: Eccentricities there.
        time_axis: Semi-major axes at the times asked for, NaN after coalescence.
        time_eccentricity: Eccentricities there.
    """

    status: Int[np.ndarray, "pairs"]
    merger_time: Float[np.ndarray, "pairs"]
    takeover_time: Float[np.ndarray, "pairs"]
    takeover_axis: Float[np.ndarray, "pairs"]
    takeover_eccentricity: Float[np.ndarray, "pairs"]
    final_time: Float[np.ndarray, "pairs"]
    final_axis: Float[np.ndarray, "pairs"]
    final_eccentricity: Float[np.ndarray, "pairs"]
    separation_time: Float[np.ndarray, "pairs separations"]
    separation_eccentricity: Float[np.ndarray, "pairs separations"]
    time_axis: Float[np.ndarray, "pairs times"]
    time_eccentricity: Float[np.ndarray, "pairs times"]

    def __len__(self) -> int:
        return len(self.status)

    @property
    def merged(self) -> Bool[np.ndarray, "pairs"]:
        """Which pairs coalesce."""
        return self.status == MERGED


def evolve(
    axis: Numbers,
    eccentricity: Numbers,
    *,
    mass_1: Numbers,
    mass_2: Numbers,
    hardening: Hardening,
    speed_of_light: float,
    gravity: float = 1.0,
    start: Numbers = 0.0,
    max_time: Numbers = math.inf,
    separations: np.ndarray | None = None,
    times: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
) -> Evolution:
    """Evolve pairs to coalescence, on all cores.

    Numbers hold for all pairs, arrays have one entry for each.

    Args:
        axis: Semi-major axes at the start.
        eccentricity: Eccentricities there, in [0, 1).
        mass_1: One black hole.
        mass_2: The other.
        hardening: Rates by stars.
        speed_of_light: Speed of light.
        gravity: Newton's constant.
        start: Time on the clock of the laws at which the pairs begin.
        max_time: Time after the start at which a pair counts as stalled.
        separations: Semi-major axes at which time and eccentricity are wanted, falling, for all pairs or with a row
            each; `peters.axis_at_frequency` gives those of orbital frequencies.
        times: Times after the start at which the orbit is wanted, rising, for all pairs or with a row each.
        tolerance: Error of a step: relative in time, and in eccentricity.

    Returns:
        What became of them.

    Raises:
        DomainError: A value is out of range; the pair is named.
        InputError: Shapes differ or the tolerance is out of range.
    """
    columns = _columns(axis=axis, eccentricity=eccentricity, mass_1=mass_1, mass_2=mass_2, start=start, limit=max_time)
    a, e, m1, m2, begin, limit = columns
    pairs = len(a)
    if not 1e-13 < tolerance <= 1e-3:
        raise InputError(f"`tolerance` must lie between 1e-13 and 1e-3, got {tolerance:g}; 1e-9 is the default")
    for name, value in (("speed_of_light", speed_of_light), ("gravity", gravity)):
        if not 0.0 < value < math.inf:
            raise InputError(f"`{name}` must be positive, got {value:g}; give it in the units of the pairs")
    betas = np.asarray(strength(mass_1=m1, mass_2=m2, speed_of_light=speed_of_light, gravity=gravity))
    places = -np.log(_asked(separations, pairs, name="separations", rising=False))
    moments = _asked(times, pairs, name="times", rising=True) + begin[:, None]
    starts = np.stack([-np.log(a), np.arctanh(e), begin], axis=1)
    answers, at_places = np.full((pairs, 8), np.nan), np.full((*places.shape, 2), np.nan)
    at_times = np.full((*moments.shape, 2), np.nan)
    rows = hardening.rows(pairs)
    evolve_batch(
        hardening.kind, rows, betas, starts, begin + limit, tolerance, places, moments, answers, at_places, at_times
    )
    # A separation wider than the first is not passed.
    at_places[places < starts[:, :1]] = np.nan
    begun = begin[:, None]
    return Evolution(
        status=answers[:, 0].astype(int),
        merger_time=answers[:, 1] - begin,
        takeover_time=answers[:, 2] - begin,
        takeover_axis=np.exp(-answers[:, 3]),
        takeover_eccentricity=_circle_or_more(answers[:, 4]),
        final_time=answers[:, 5] - begin,
        final_axis=np.exp(-answers[:, 6]),
        final_eccentricity=_circle_or_more(answers[:, 7]),
        separation_time=at_places[..., 0] - begun,
        separation_eccentricity=_circle_or_more(at_places[..., 1]),
        time_axis=np.exp(-at_times[..., 0]),
        time_eccentricity=_circle_or_more(at_times[..., 1]),
    )


def saturation(axis: Numbers, *, hardening: Hardening, start: Numbers = 0.0) -> Numbers:
    """Semi-major axis that stars alone approach but never pass.

    Args:
        axis: Semi-major axis at the start.
        hardening: Rates by stars.
        start: Time of the start on the clock of the laws.

    Returns:
        1 / (1 / a + s tau) for a hardening rate s that dies away in the time tau, else 0.
    """
    if not isinstance(hardening, TimeLaws):
        return 0.0 * np.asarray(axis)
    rate, floor, scale = (np.asarray(part, float) for part in hardening.rate.parts)
    dying = (floor == 0.0) & (np.isfinite(scale) | (rate == 0.0))
    # A rate of zero may have an infinite scale, and leaves nothing either way.
    finite = np.where(np.isfinite(scale), scale, 1.0)
    left = rate * np.exp(-np.asarray(start) / finite) * finite
    return np.where(dying, 1.0 / (1.0 / np.asarray(axis) + left), 0.0)


def _columns(**given: Numbers) -> list[Float[np.ndarray, "pairs"]]:
    """Start values and limits, checked, one entry a pair."""
    try:
        shaped = np.broadcast_arrays(*(np.atleast_1d(np.asarray(part, float)) for part in given.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {np.shape(part)}" for name, part in given.items() if np.ndim(part))
        raise InputError(f"pairs have different numbers of values ({shapes}); give one number a pair") from error
    columns = dict(zip(given, (np.ascontiguousarray(part) for part in shaped), strict=True))
    if columns["axis"].ndim != 1:
        raise InputError(f"pairs have values of shape {columns['axis'].shape}; give one number a pair")
    for name, values in columns.items():
        good = np.isfinite(values)
        if name == "eccentricity":
            good &= (values >= 0.0) & (values < 1.0)
        elif name != "start":
            good = (values > 0.0) & (good | (name == "limit"))
        if not np.all(good):
            pair, wanted = int(np.argmin(good)), {"eccentricity": "in [0, 1)", "start": "finite"}.get(name, "positive")
            raise DomainError(
                f"`{name}` of pair {pair} must be {wanted}, got {values[pair]:g}; mend it or leave it out"
            )
    return list(columns.values())


def _asked(values: np.ndarray | None, pairs: int, *, name: str, rising: bool) -> Float[np.ndarray, "pairs asked"]:
    """Separations or times, one row a pair."""
    if values is None:
        return np.empty((pairs, 0))
    asked = np.asarray(values, float)
    if asked.ndim not in (1, 2) or (asked.ndim == 2 and len(asked) != pairs):
        raise InputError(f"`{name}` has the shape {asked.shape} for {pairs} pairs; give one row, or one a pair")
    steps = np.diff(asked) if rising else -np.diff(asked)
    if not (np.all(np.isfinite(asked)) and np.all(steps > 0.0) and np.all(asked >= 0.0) and (rising or np.all(asked))):
        order = "rising times from 0 on" if rising else "falling positive numbers"
        raise DomainError(f"`{name}` must be {order}; sort them")
    return np.ascontiguousarray(np.broadcast_to(asked, (pairs, asked.shape[-1])))


def _circle_or_more(z: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Eccentricity tanh z; steps around a circle may err below zero."""
    return np.maximum(np.tanh(z), 0.0)
