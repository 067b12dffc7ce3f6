"""Mergers as curves on common times, and which of them teach, validate and test."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from swansong.binaries import elements
from swansong.binaries.learnt.settings import CurveSettings
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.errors import DataError

_STEADY = 2.0  # width of the mean of E by which a pair counts as hard
_EDGE = 1e-9  # grid times this close beyond the end of a run count as within it


@dataclass(frozen=True)
class LeftOut:
    """Mergers that cannot be learnt from, and why.

    Attributes:
        energy: The energy error of the run is above the tolerance.
        loose: The pair never stays bound, or never becomes hard.
        short: The run ends too early after that.
    """

    energy: tuple[Merger, ...] = ()
    loose: tuple[Merger, ...] = ()
    short: tuple[Merger, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence a reason, for warnings."""
        reasons = {
            "energy": "have an energy error above the tolerance, are kept in their file and take no part",
            "loose": "never stay bound as tightly as curves begin, and take no part",
            "short": "end too early after their beginning, and take no part",
        }
        counts = {name: len(getattr(self, name)) for name in reasons}
        return tuple(f"{counts[name]} mergers {text}" for name, text in reasons.items() if counts[name])


@dataclass(frozen=True, eq=False)
class Curves:
    """E and L of mergers on common times since their beginning.

    Attributes:
        mergers: Which mergers these are.
        begin: Time in the run at which each curve begins.
        time: Times since then, the same for all.
        state: E and L; after the end of a run its last value.
        known: Where the run had not ended.
    """

    mergers: tuple[Merger, ...]
    begin: Float[np.ndarray, "mergers"]
    time: Float[np.ndarray, "saves"]
    state: Float[np.ndarray, "mergers saves 2"]
    known: Bool[np.ndarray, "mergers saves"]

    def __len__(self) -> int:
        return len(self.mergers)

    @property
    def mu(self) -> Float[np.ndarray, "mergers"]:
        """G times the mass of each pair."""
        return np.array([one.mu for one in self.mergers])

    @property
    def condition(self) -> Float[np.ndarray, "mergers 2"]:
        """e_gal and N of each."""
        return np.array([(one.eccentricity, one.particles) for one in self.mergers], float)

    @property
    def axis(self) -> Float[np.ndarray, "mergers saves"]:
        """Semi-major axis, NaN where a pair is not bound."""
        return elements.semi_major_axis(self.state[..., 0], mu=1.0) * self.mu[:, None]

    @property
    def eccentricity(self) -> Float[np.ndarray, "mergers saves"]:
        """Eccentricity, NaN where a pair is not bound."""
        return elements.eccentricity(self.state[..., 0], self.state[..., 1] / self.mu[:, None], mu=1.0)

    def select(self, rows: np.ndarray) -> "Curves":
        """Some of the mergers.

        Args:
            rows: Indices or a mask.

        Returns:
            Those mergers.
        """
        places = np.arange(len(self))[rows]
        return Curves(
            tuple(self.mergers[place] for place in places),
            self.begin[places],
            self.time,
            self.state[places],
            self.known[places],
        )

    def until(self) -> tuple[tuple[float, float], ...]:
        """How far curves are known: e_gal and the median time of their ends since the beginning, by rising e_gal."""
        ends = self.time[self.known.sum(axis=1) - 1]
        orbit = self.condition[:, 0]
        return tuple((float(one), float(np.median(ends[orbit == one]))) for one in np.unique(orbit))

    def joined(self, other: "Curves") -> "Curves":
        """These mergers and others on the same times."""
        pairs = ((self.begin, other.begin), (self.state, other.state), (self.known, other.known))
        begin, state, known = (np.concatenate(pair) for pair in pairs)
        return Curves(self.mergers + other.mergers, begin, self.time, state, known)


def begin_of(trajectory: Trajectory, settings: CurveSettings) -> float:
    """Time at which the curve of a merger begins.

    Args:
        trajectory: The merger.
        settings: What counts as the beginning.

    Returns:
        The time, NaN if it never comes.
    """
    if settings.begin == "run":
        return float(trajectory.time[0])
    if settings.begin == "binding":
        return trajectory.binding_time
    # A star that passes changes E for a moment: what counts is the mean.
    energy = _means(trajectory, trajectory.time, _STEADY, first=float(trajectory.time[0]))[:, 0]
    wide = np.flatnonzero(energy > -0.5 * trajectory.mu * settings.inverse_axis)
    if not len(wide):
        return float(trajectory.time[0])
    return float(trajectory.time[wide[-1] + 1]) if wide[-1] + 1 < len(trajectory) else float("nan")


def make_curves(trajectories: Sequence[Trajectory], settings: CurveSettings) -> tuple[Curves, LeftOut]:
    """Put mergers on common times and leave out those that cannot be learnt from.

    An energy error that is not known, as in tables of other codes, counts as good.

    Args:
        trajectories: The mergers.
        settings: Beginning, duration, smoothing and tolerance.

    Returns:
        The curves, and what was left out.

    Raises:
        DataError: A merger is there twice, or none can be used.
    """
    twice = [one for one, count in Counter(one.merger for one in trajectories).items() if count > 1]
    if twice:
        raise DataError(
            f"the merger of e_gal = {twice[0].eccentricity:g}, N = {twice[0].particles}, seed {twice[0].seed} is there "
            "twice; give each file once"
        )
    time = np.linspace(0.0, settings.duration, settings.saves)
    kept, starts = [], []
    energy, loose, short = [], [], []
    for one in trajectories:
        begin = begin_of(one, settings)
        if one.energy_error > settings.energy_tolerance:
            energy.append(one.merger)
        elif not np.isfinite(begin):
            loose.append(one.merger)
        elif one.time[-1] - begin < settings.shortest * settings.duration:
            short.append(one.merger)
        else:
            kept.append(one)
            starts.append(begin)
    left = LeftOut(tuple(energy), tuple(loose), tuple(short))
    if not kept:
        reasons = "; ".join(left.sentences) or "there are none"
        raise DataError(f"no merger of the {len(trajectories)} given can be used ({reasons}); give others")
    begin = np.array(starts)
    state = np.stack([_sampled(one, at + time, settings.smoothing) for one, at in zip(kept, starts, strict=True)])
    known = np.stack([at + time <= one.time[-1] + _EDGE for one, at in zip(kept, starts, strict=True)])
    return Curves(tuple(one.merger for one in kept), begin, time, state, known), left


def _sampled(trajectory: Trajectory, times: np.ndarray, width: float) -> Float[np.ndarray, "saves 2"]:
    """E and L at the times, or their means over a window round them that stays within the run after the beginning."""
    if width == 0.0:
        return np.stack(
            [np.interp(times, trajectory.time, one) for one in (trajectory.energy, trajectory.momentum)], -1
        )
    # A mean that looked back beyond the beginning would mix in the pair before it was hard.
    return _means(trajectory, times, width, first=float(times[0]))


def _means(trajectory: Trajectory, times: np.ndarray, width: float, *, first: float) -> Float[np.ndarray, "saves 2"]:
    """Running means of E and L over windows that begin no earlier than `first` and end with the run."""
    at, thin = np.minimum(times, trajectory.time[-1]), 1e-6 * width
    low = np.maximum(at - 0.5 * width, first)
    high = np.minimum(np.maximum(at + 0.5 * width, low + thin), trajectory.time[-1])
    low = np.minimum(low, high - thin)
    steps = np.diff(trajectory.time)
    found = []
    for one in (trajectory.energy, trajectory.momentum):
        total = np.concatenate([[0.0], np.cumsum(0.5 * (one[1:] + one[:-1]) * steps)])
        found.append(_integral(high, trajectory.time, one, total) - _integral(low, trajectory.time, one, total))
    return np.stack(found, axis=-1) / (high - low)[:, None]


def _integral(at: np.ndarray, time: np.ndarray, values: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Integral of a broken line from its first time."""
    cell = np.clip(np.searchsorted(time, at, side="right") - 1, 0, len(time) - 2)
    past = at - time[cell]
    slope = (values[cell + 1] - values[cell]) / (time[cell + 1] - time[cell])
    return total[cell] + past * (values[cell] + 0.5 * slope * past)


@dataclass(frozen=True, eq=False)
class Split:
    """Rows that teach, validate and test.

    Attributes:
        train: Rows that are learnt.
        validation: Rows that decide when to stop and how wide bands are.
        test: Rows that are held out.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, mergers: Sequence[Merger], settings: CurveSettings, *, seed: int) -> "Split":
        """Split mergers stratified by (e_gal, N); those of the highest resolution all test.

        The mergers are put in the order of (e_gal, N), by chance within each, and dealt out in equal intervals
        along that order, so that each part has its share of every group to within one merger.

        Args:
            mergers: The mergers.
            settings: Shares.
            seed: Seed of the split.

        Returns:
            The split.

        Raises:
            DataError: There is one resolution only, or a part would be empty.
        """
        particles = np.array([one.particles for one in mergers])
        lower = np.flatnonzero(particles < particles.max())
        if not len(lower):
            raise DataError(
                f"all {len(mergers)} mergers have N = {particles.max()}; the highest resolution is held out, give a "
                "lower one to learn from"
            )
        rng = np.random.default_rng([seed, 11])
        chances = rng.random(len(lower))
        keys = [
            (mergers[row].eccentricity, mergers[row].particles, chance)
            for row, chance in zip(lower.tolist(), chances, strict=True)
        ]
        order = lower[sorted(range(len(lower)), key=keys.__getitem__)]
        count = len(order)
        wanted = [max(1, round(share * count)) for share in (settings.validation, settings.test)]
        if sum(wanted) >= count:
            raise DataError(
                f"{count} mergers below the highest resolution leave none to learn from; give {sum(wanted) + 1}"
            )
        phase = rng.random()
        held = _spread(count, sum(wanted), phase)
        # Test and validation take turns along the order, so that neither crowds at one end.
        turns = _spread(len(held), wanted[1], rng.random())
        test = order[held[turns]]
        validation = order[np.delete(held, turns)]
        highest = np.flatnonzero(particles == particles.max())
        return cls(np.sort(np.delete(order, held)), np.sort(validation), np.sort(np.concatenate([test, highest])))


def _spread(count: int, wanted: int, phase: float) -> np.ndarray:
    """Equally spaced places, `wanted` of `count`."""
    return np.floor((np.arange(wanted) + phase) * count / wanted).astype(int)
