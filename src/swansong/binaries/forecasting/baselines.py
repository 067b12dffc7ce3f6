"""Forecasts that learn nothing: what a learner must beat before it is worth its training."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.forecasting.protocol import Forecast

Values = Float[np.ndarray, "times 2"]


def _line(values: Float[np.ndarray, "times columns"]) -> tuple[np.ndarray, np.ndarray]:
    """Value at the last row and slope of the least-squares line of each column."""
    rows = np.arange(1.0 - len(values), 1.0)
    slope, last = np.polyfit(rows, values, 1)
    return last, slope


@dataclass(frozen=True)
class Persistence:
    """Nothing changes any more.

    Attributes:
        window: Not used.
        seed: Not used.
    """

    window: int = 10
    seed: int = 0

    def fit(self, values: Values) -> Forecast:
        """Remember the last snapshot; see `Forecaster.fit`."""
        last = values[-1].copy()
        return lambda steps: np.tile(last, (steps, 1))


@dataclass(frozen=True)
class StraightLine:
    """Both elements go on along the line through the last window.

    Attributes:
        window: Snapshots that the line is fitted to.
        seed: Not used.
    """

    window: int = 10
    seed: int = 0

    def fit(self, values: Values) -> Forecast:
        """Fit the lines; see `Forecaster.fit`."""
        last, slope = _line(values[-self.window :])
        return lambda steps: last + np.arange(1.0, steps + 1.0)[:, None] * slope


@dataclass(frozen=True)
class ConstantHardening:
    """What theory expects of a full loss cone: 1/a grows along a line through the last window, e stays at its mean.

    Attributes:
        window: Snapshots that are looked at.
        seed: Not used.

    Reference:
        Quinlan 1996, astro-ph/9601092, Eq. (6).
    """

    window: int = 10
    seed: int = 0

    def fit(self, values: Values) -> Forecast:
        """Fit the line; see `Forecaster.fit`."""
        recent = values[-self.window :]
        (last,), (slope,) = _line(1.0 / recent[:, :1])
        eccentricity = float(recent[:, 1].mean())

        def forecast(steps: int) -> Values:
            # A pair that softened over the window must not pass through infinity.
            inverse = np.maximum(last + np.arange(1.0, steps + 1.0) * slope, 0.1 * last)
            return np.stack([1.0 / inverse, np.full(steps, eccentricity)], axis=1)

        return forecast
