"""Boosted trees on windows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.binaries.forecasting.protocol import Forecast, check_installed
from swansong.binaries.forecasting.regression import Inputs, Problem, Steps


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient-boosted regression trees, one set for each element.

    Attributes:
        window: Snapshots that they look back.
        seed: Seed of the rows that each tree sees.
        trees: Trees for each element.
        depth: Depth of each.
        rate: What each adds.
        share: Share of the rows that each sees.

    Reference:
        Chen and Guestrin, arXiv:1603.02754.
    """

    window: int = 10
    seed: int = 0
    trees: int = 200
    depth: int = 3
    rate: float = 0.05
    share: float = 0.8

    def fit(self, values: Float[np.ndarray, "times 2"]) -> Forecast:
        """Grow the trees; see `Forecaster.fit`.

        Raises:
            InputError: xgboost is not installed.
        """
        check_installed("xgboost")
        import xgboost

        problem = Problem.of(values, self.window)
        flat = problem.inputs.reshape(len(problem.inputs), -1)
        choices = {
            "max_depth": self.depth,
            "learning_rate": self.rate,
            "subsample": self.share,
            "seed": self.seed,
            "nthread": 1,
        }
        grown = [
            xgboost.train(choices, xgboost.DMatrix(flat, label=column), num_boost_round=self.trees)
            for column in problem.steps.T
        ]

        def predict(inputs: Inputs) -> Steps:
            rows = xgboost.DMatrix(inputs.reshape(len(inputs), -1))
            return np.stack([one.predict(rows) for one in grown], axis=1)

        return problem.forecast(predict, values)
