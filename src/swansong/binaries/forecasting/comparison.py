"""Forecasters side by side: learn the beginning of one series, continue it, compare with what came.

A forecast runs freely: from the end of what was learnt it sees nothing but its own answers. Errors are in units of the
standard deviations of a and e over the part that was learnt, so that both count alike, and are averaged over both and
over all snapshots that were not learnt. The published table does not say its units; these make its sizes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.forecasting.protocol import DETERMINISTIC, check_installed, forecaster
from swansong.binaries.forecasting.series import Series, Standard, split_at
from swansong.core.errors import InputError
from swansong.core.progress import Progress

PUBLISHED: Mapping[str, Mapping[float, float]] = {
    name: dict(zip((0.8, 0.7, 0.6), errors, strict=True))
    for name, errors in {
        "node": (0.0953, 0.1108, 0.1213),
        "ffnn": (0.1366, 0.1642, 0.1784),
        "bnn": (0.0910, 0.1085, 0.0961),
        "lstm": (0.1231, 0.1314, 0.2719),
        "xgboost": (0.1955, 0.2436, 0.2863),
        "varima": (0.1863, 0.2350, 0.3487),
    }.items()
}
"""Mean absolute errors by forecaster and share learnt, of a KETJU run.

Reference:
    "Continuous-Time Modelling of Black Hole Binary Evolution with Neural ODEs", table of the single run.
"""


@dataclass(frozen=True, eq=False)
class Row:
    """One forecaster on one split.

    Attributes:
        name: The forecaster.
        split: Share of the snapshots that it learnt.
        errors: Mean absolute error of each seed, of a and of e, in standard deviations.
        forecasts: Continued (a, e) of each seed.
        seconds: Wall time of each seed [s].
    """

    name: str
    split: float
    errors: Float[np.ndarray, "seeds 2"]
    forecasts: Float[np.ndarray, "seeds steps 2"]
    seconds: Float[np.ndarray, "seeds"]

    @property
    def totals(self) -> Float[np.ndarray, "seeds"]:
        """Mean absolute error of each seed, of a and e together."""
        return self.errors.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(self.totals.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over seeds, NaN for a single one."""
        return float(self.totals.std(ddof=1)) if len(self.totals) > 1 else float("nan")

    @property
    def published(self) -> float:
        """The published error of a forecaster of this name on this split, NaN where there is none."""
        return PUBLISHED.get(self.name, {}).get(round(self.split, 6), float("nan"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """All forecasters on all splits of one series.

    Attributes:
        series: What was forecast.
        window: Snapshots that each looked back.
        rows: The table.
        learnt: Snapshots learnt on each split.
    """

    series: Series
    window: int
    rows: tuple[Row, ...]
    learnt: Mapping[float, int]

    def best(self, split: float) -> Row:
        """The forecaster of the smallest mean error.

        Args:
            split: A share that was learnt.

        Returns:
            Its row.
        """
        return min((row for row in self.rows if row.split == split), key=lambda row: row.mean)


def compare(
    series: Series,
    names: Sequence[str],
    *,
    splits: Sequence[float] = (0.8,),
    window: int = 10,
    seeds: int = 3,
    seed: int = 0,
    quiet: bool = True,
) -> Comparison:
    """Fit forecasters to the first part of a series and measure how they continue it.

    Args:
        series: The snapshots.
        names: Forecasters by name.
        splits: Shares of the snapshots that are learnt.
        window: Snapshots that each looks back.
        seeds: Seeds of each forecaster that has random numbers.
        seed: The first of them.
        quiet: Whether to hide the progress bar.

    Returns:
        Errors and forecasts.

    Raises:
        InputError: A forecaster is unknown or not installed, a split, the window or the number of seeds is of no use.
    """
    if seeds < 1 or not names or not splits:
        raise InputError(f"got {len(names)} forecasters, {len(splits)} splits and {seeds} seeds; give one of each")
    for name in names:
        check_installed(name)
    learnt = {share: split_at(series, share, window=window) for share in splits}
    used = {name: range(seed, seed + (1 if name in DETERMINISTIC else seeds)) for name in names}
    rows = []
    total = len(learnt) * sum(map(len, used.values()))
    with Progress(total=total, description="forecasting", quiet=quiet) as progress:
        for share, count in learnt.items():
            past, future = series.values[:count], series.values[count:]
            scale = Standard.of(past)
            for name in names:
                forecasts, seconds = [], []
                for one in used[name]:
                    began = time.perf_counter()
                    forecasts.append(forecaster(name, window=window, seed=one).fit(past)(len(future)))
                    seconds.append(time.perf_counter() - began)
                    progress.advance(1, model=name, split=share)
                found = np.stack(forecasts)
                errors = np.abs(found - future).mean(axis=1) / scale.width
                rows.append(Row(name, share, errors, found, np.asarray(seconds)))
    return Comparison(series, window, tuple(rows), learnt)
