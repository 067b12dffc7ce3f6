"""Vector autoregression of the differences."""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.forecasting.protocol import Forecast, check_installed
from swansong.binaries.forecasting.series import Standard, from_coordinates, to_coordinates


@dataclass(frozen=True)
class Autoregression:
    """VARIMA(p, 1, 0) of (ln a, e): each step is a linear function of the p before it, with a constant.

    A moving-average part is left out: on so short a series its likelihood does not converge.

    Attributes:
        window: Largest order p; the one of the best Akaike criterion is taken.
        seed: Not used, the fit is by least squares.

    Reference:
        Luetkepohl 2005, New Introduction to Multiple Time Series Analysis, Sections 3.2 and 4.3.
    """

    window: int = 10
    seed: int = 0

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Fit by least squares; see `Forecaster.fit`.

        Raises:
            InputError: statsmodels is not installed.
        """
        check_installed("varima")
        from statsmodels.tsa.api import VAR

        coordinates = to_coordinates(values)
        scale = Standard.of(coordinates)
        rows = scale.forward(coordinates)
        changes = np.diff(rows, axis=0)
        with warnings.catch_warnings():
            # The choice of the order tells of each order that it cannot use.
            warnings.simplefilter("ignore")
            fitted = VAR(changes).fit(maxlags=min(self.window, len(changes) // 8), ic="aic", trend="c")

        def forecast(steps: int) -> Float[np.ndarray, "steps 2"]:
            if fitted.k_ar:
                following = fitted.forecast(changes[-fitted.k_ar :], steps)
            else:
                following = np.tile(changes.mean(axis=0), (steps, 1))
            return from_coordinates(scale.inverse(rows[-1] + np.cumsum(following, axis=0)))

        return forecast
