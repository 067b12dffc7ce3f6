"""Regression on windows: what networks, trees and Bayesian networks share.

Each learns the step from the last snapshot of a window to the next one, in standardised (ln a, e), and a forecast
feeds its own answers back. To learn the step and not the value matters: the pair shrinks, so that every value that is
forecast lies outside the range that was learnt.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.forecasting.protocol import Forecast
from swansong.binaries.forecasting.series import Standard, from_coordinates, to_coordinates, windows

Inputs = Float[np.ndarray, "batch window 2"]
Steps = Float[np.ndarray, "batch 2"]

_FARTHEST = 50.0  # standard deviations at which a forecast that runs away is stopped


@dataclass(frozen=True, eq=False)
class Problem:
    """Windows and the steps that follow them, both of unit size.

    Attributes:
        inputs: Prepared windows.
        steps: Steps to the next snapshot, divided by their own width.
        values: Scaling of (ln a, e).
        increments: Scaling of the steps.
    """

    inputs: Inputs
    steps: Steps
    values: Standard
    increments: Standard

    @classmethod
    def of(cls, values: Float[np.ndarray, "times 2"], window: int) -> "Problem":
        """Cut a series into windows.

        Args:
            values: The elements.
            window: Snapshots of each window.

        Returns:
            The regression problem.

        Raises:
            InputError: The series is shorter than a window and one snapshot more.
        """
        coordinates = to_coordinates(values)
        scale = Standard.of(coordinates)
        rows = scale.forward(coordinates)
        cut = windows(rows, window + 1)
        raw = cut[:, -1] - cut[:, -2]
        increments = Standard.of(raw)
        return cls(prepare(cut[:, :-1]), increments.forward(raw), scale, increments)

    def forecast(self, predict: Callable[[Inputs], Steps], values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Feed answers back, for one path or for many at once.

        Args:
            predict: Scaled steps for prepared windows; it is called with as many windows as it returned last.
            values: The series that was learnt; its end is the first window.

        Returns:
            The forecast, the mean of all paths.
        """
        window = self.inputs.shape[1]
        start = self.values.forward(to_coordinates(values[-window:]))

        def forecast(steps: int) -> Float[np.ndarray, "steps 2"]:
            paths = start[None]
            found = []
            for _ in range(steps):
                step = self.increments.inverse(np.asarray(predict(prepare(paths)), float))
                following = np.clip(paths[:, -1] + step, -_FARTHEST, _FARTHEST)
                kept = np.broadcast_to(paths[:, 1:], (len(following), window - 1, 2))
                paths = np.concatenate([kept, following[:, None]], axis=1)
                found.append(following.mean(axis=0))
            return from_coordinates(self.values.inverse(np.stack(found)))

        return forecast


def prepare(windows: Inputs) -> Inputs:
    """Write each window as its last snapshot and the differences of the others from it.

    The differences keep the small size that they have beside the values: what is learnt first is a rate at the present
    elements. Brought to unit size they invite networks to learn the noise of single snapshots, and forecasts run away.

    Args:
        windows: Standardised snapshots.

    Returns:
        The same numbers.
    """
    last = windows[:, -1:]
    return np.concatenate([windows[:, :-1] - last, last], axis=1)
