"""What every forecaster is, and where each is found by its name; nothing heavy is imported until one is asked for."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError


@runtime_checkable
class Forecast(Protocol):
    """A forecaster that has learnt."""

    def __call__(self, steps: int) -> Float[np.ndarray, "steps 2"]:
        """Continue the series that was learnt, from its own answers alone.

        Args:
            steps: Snapshots to go on.

        Returns:
            Semi-major axis and eccentricity.
        """
        ...


@runtime_checkable
class Forecaster(Protocol):
    """Anything that learns a series and continues it.

    Attributes:
        seed: Seed of all its random numbers.
        window: Snapshots that it looks back.
    """

    @property
    def seed(self) -> int:
        """Seed of all its random numbers."""
        ...

    @property
    def window(self) -> int:
        """Snapshots that it looks back."""
        ...

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Learn a series.

        Args:
            values: Semi-major axis and eccentricity at equal steps.

        Returns:
            What continues it.
        """
        ...


_BASELINES, _NETWORKS = "swansong.binaries.forecasting.baselines", "swansong.binaries.forecasting.networks"
_HOMES: Mapping[str, tuple[str, str, str]] = {
    "node": ("swansong.binaries.forecasting.neural_ode", "NeuralODE", "diffrax"),
    "ffnn": (_NETWORKS, "FeedForward", "equinox"),
    "bnn": ("swansong.binaries.forecasting.bayesian", "Bayesian", "numpyro"),
    "lstm": (_NETWORKS, "LongShortTerm", "equinox"),
    "xgboost": ("swansong.binaries.forecasting.trees", "BoostedTrees", "xgboost"),
    "varima": ("swansong.binaries.forecasting.autoregression", "Autoregression", "statsmodels"),
    "persistence": (_BASELINES, "Persistence", "numpy"),
    "line": (_BASELINES, "StraightLine", "numpy"),
    "hardening": (_BASELINES, "ConstantHardening", "numpy"),
}

FORECASTERS = tuple(_HOMES)
"""Names of all forecasters, the learners first, in the order of the published table."""

BASELINES = ("persistence", "line", "hardening")
"""Those that learn nothing."""

DETERMINISTIC = (*BASELINES, "varima")
"""Those without random numbers."""


def missing(name: str) -> str | None:
    """The package that a forecaster needs and that is not installed.

    Args:
        name: A name in `FORECASTERS`.

    Returns:
        The package, None if nothing is missing.

    Raises:
        InputError: There is no such forecaster.
    """
    if name not in _HOMES:
        raise InputError(f"there is no forecaster {name!r}; choose among {', '.join(FORECASTERS)}")
    package = _HOMES[name][2]
    return package if find_spec(package) is None else None


def check_installed(name: str) -> None:
    """Refuse a forecaster that cannot run here.

    Args:
        name: A name in `FORECASTERS`.

    Raises:
        InputError: There is no such forecaster, or its package is not installed.
    """
    package = missing(name)
    if package is not None:
        raise InputError(
            f"the forecaster {name!r} needs {package}, which is not installed; run `pip install 'swansong[forecast]'`"
        )


def forecaster(name: str, *, window: int = 10, seed: int = 0) -> Forecaster:
    """Build a forecaster by its name.

    Args:
        name: A name in `FORECASTERS`.
        window: Snapshots that it looks back.
        seed: Seed of all its random numbers.

    Returns:
        The forecaster, in its default sizes.

    Raises:
        InputError: There is no such forecaster, or its package is not installed.
    """
    check_installed(name)
    home, kind, _ = _HOMES[name]
    return getattr(import_module(home), kind)(window=window, seed=seed)
