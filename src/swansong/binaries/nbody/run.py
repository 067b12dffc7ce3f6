"""One merger from its initial conditions to a hard pair, with a log and a state to resume from."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from swansong.binaries.elements import energy_and_momentum
from swansong.binaries.nbody.engine import Galaxies, Stepper, energy, momentum
from swansong.binaries.nbody.gravity import choose_gravity
from swansong.binaries.nbody.initial import initial_conditions
from swansong.binaries.nbody.settings import RunSettings
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.config import as_dict
from swansong.core.errors import FileError
from swansong.core.files import read_product, write_product
from swansong.core.hashing import canonical_json
from swansong.core.provenance import collect

STATE_KIND = "binary_merger_state"
"""Kind of the file from which a merger goes on."""

_BLOCK = 16  # longest steps between two looks at the energy
_PATIENCE = 60.0  # time between two writings of the state [s]


@dataclass(frozen=True, eq=False)
class Log:
    """Conserved quantities over a run.

    Attributes:
        time: Times.
        energy_error: Total energy over that at the start, less 1.
        momentum_error: Change of the total angular momentum over its size at the start.
    """

    time: Float[np.ndarray, "blocks"]
    energy_error: Float[np.ndarray, "blocks"]
    momentum_error: Float[np.ndarray, "blocks"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished merger.

    Attributes:
        trajectory: The pair.
        log: Conserved quantities.
        frames: Positions of stars at the times asked for, single precision, shape (frames, 3, stars).
        frame_holes: Positions of the holes then, shape (frames, 2, 3).
        frame_times: The times.
    """

    trajectory: Trajectory
    log: Log
    frames: Float[np.ndarray, "frames 3 stars"]
    frame_holes: Float[np.ndarray, "frames 2 3"]
    frame_times: Float[np.ndarray, "frames"]


@dataclass(eq=False)
class _Record:
    """What has been noted so far."""

    series: list[tuple[float, float, float, float]] = field(default_factory=list)
    log: list[tuple[float, float, float]] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    frame_holes: list[np.ndarray] = field(default_factory=list)
    frame_times: list[float] = field(default_factory=list)


def run_merger(
    merger: Merger,
    *,
    settings: RunSettings | None = None,
    frames: tuple[float, ...] = (),
    state: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Follow the merger of two galaxies until the pair of black holes is hard.

    Args:
        merger: Which merger.
        settings: How long, and how.
        frames: Times at which the stars are kept.
        state: File to resume from, and to write the state to about once a minute; removed at the end.
        progress: Called with the time reached.

    Returns:
        The trajectory of the pair with its log.

    Raises:
        InputError: The merger cannot be set up.
        FileError: The state belongs to another run.
    """
    settings = RunSettings() if settings is None else settings
    accuracy = settings.integrator
    gravity = choose_gravity(merger.particles, softening=accuracy.softening)
    identity = canonical_json({"merger": asdict(merger), "settings": as_dict(settings), "frames": list(frames)})
    bodies, record = _begin(merger, masses=settings.masses), _Record()
    begin = energy(bodies, accuracy=accuracy, gravity=gravity)
    turning = momentum(bodies)
    if state is not None and state.is_file():
        bodies, record = _resume(state, identity=identity, frames=len(frames))
    else:
        _note(record, bodies.time, bodies.holes, mu=merger.mu)
    stepper = Stepper(bodies, accuracy=accuracy, gravity=gravity)
    written = time.monotonic()
    waiting = sorted(moment for moment in frames if moment > bodies.time or (not record.frames and moment >= 0.0))
    while not _done(record, settings):
        for now, holes in stepper.advance(_BLOCK):
            _note(record, now, holes, mu=merger.mu)
            while waiting and now >= waiting[0]:
                waiting.pop(0)
                _keep_frame(record, now, bodies, holes)
        error = energy(bodies, accuracy=accuracy, gravity=gravity) / begin - 1.0
        turned = float(np.linalg.norm(momentum(bodies) - turning) / np.linalg.norm(turning))
        record.log.append((bodies.time, error, turned))
        if progress is not None:
            progress(bodies.time)
        if state is not None and time.monotonic() - written > _PATIENCE:
            _write(state, bodies, record, identity=identity)
            written = time.monotonic()
    if state is not None:
        state.unlink(missing_ok=True)
    return _outcome(merger, record, stars=merger.particles)


def _begin(merger: Merger, *, masses: Literal["equal", "spectrum"]) -> Galaxies:
    """The two galaxies before they meet."""
    first = initial_conditions(merger, masses=masses)
    position, velocity = first.positions.T.copy(), first.velocities.T.copy()
    holes = np.concatenate([first.positions[:2], first.velocities[:2], first.masses[:2, None]], axis=1)
    stars = np.arange(len(first.masses) - 2)
    return Galaxies(0.0, position[:, 2:].copy(), velocity[:, 2:].copy(), first.masses[2:].copy(), stars, holes)


def _note(record: _Record, now: float, holes: np.ndarray, *, mu: float) -> None:
    between = holes[1] - holes[0]
    own, turning = energy_and_momentum(between[:3], between[3:6], mu=mu)
    record.series.append((now, float(own), float(turning), float(np.linalg.norm(between[:3]))))


def _keep_frame(record: _Record, now: float, bodies: Galaxies, holes: np.ndarray) -> None:
    place = np.empty_like(bodies.name)
    place[bodies.name] = np.arange(len(place))
    record.frames.append(bodies.position[:, place].astype(np.float32))
    record.frame_holes.append(holes[:, :3].copy())
    record.frame_times.append(now)


def _done(record: _Record, settings: RunSettings) -> bool:
    """Whether the pair has been bound for as long as asked, or time is over."""
    now = record.series[-1][0]
    if now >= settings.longest:
        return True
    since = now
    for moment, own, _, _ in reversed(record.series):
        if own >= 0.0:
            break
        since = moment
    return now - since >= settings.after_binding


def _outcome(merger: Merger, record: _Record, *, stars: int) -> Outcome:
    series = np.asarray(record.series)
    log = np.asarray(record.log)
    trajectory = Trajectory(
        merger=merger,
        time=series[:, 0],
        energy=series[:, 1],
        momentum=series[:, 2],
        separation=series[:, 3],
        energy_error=float(np.max(np.abs(log[:, 1]))),
    )
    empty = np.zeros((0, 3, stars), np.float32)
    return Outcome(
        trajectory,
        Log(*log.T),
        np.stack(record.frames) if record.frames else empty,
        np.stack(record.frame_holes) if record.frame_holes else np.zeros((0, 2, 3)),
        np.asarray(record.frame_times),
    )


def _write(path: Path, bodies: Galaxies, record: _Record, *, identity: str) -> None:
    arrays = {
        "time": np.asarray(bodies.time),
        "position": bodies.position,
        "velocity": bodies.velocity,
        "mass": bodies.mass,
        "name": bodies.name,
        "holes": bodies.holes,
        "series": np.asarray(record.series),
        "log": np.asarray(record.log),
    }
    if record.frames:
        arrays |= {
            "frames": np.stack(record.frames),
            "frame_holes": np.stack(record.frame_holes),
            "frame_times": np.asarray(record.frame_times),
        }
    write_product(
        path, kind=STATE_KIND, arrays=arrays, metadata={"identity": identity}, provenance=collect(), force=True
    )


def _resume(path: Path, *, identity: str, frames: int) -> tuple[Galaxies, _Record]:
    product = read_product(path, kind=STATE_KIND)
    if product.metadata.get("identity") != identity:
        raise FileError(f"`{path}` is the state of another merger or other settings; remove it or give another folder")
    arrays = product.arrays
    bodies = Galaxies(
        float(arrays["time"]),
        *(arrays[name].copy() for name in ("position", "velocity", "mass", "name", "holes")),
    )
    record = _Record(
        series=[tuple(row) for row in arrays["series"].tolist()],
        log=[tuple(row) for row in arrays["log"].tolist()],
    )
    if frames and "frames" in arrays:
        record.frames, record.frame_holes = list(arrays["frames"]), list(arrays["frame_holes"])
        record.frame_times = arrays["frame_times"].tolist()
    return bodies, record
