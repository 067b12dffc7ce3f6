"""Figures of forecasts show what was learnt, what came and every forecaster."""

import numpy as np
import pytest

from swansong.binaries.forecasting.comparison import Comparison, Row
from swansong.binaries.forecasting.series import Series
from swansong.binaries.trajectories import Merger
from swansong.core.errors import InputError
from swansong.figures.binaries_forecasts import forecast_error_figure, forecast_figure


@pytest.fixture(scope="module")
def comparison():
    time = np.arange(50.0)
    values = np.stack([1.0 / (60.0 + time), 0.5 + 0.0 * time], axis=1)
    series = Series(Merger(0.9, 32768, 0), time, values)
    rows = []
    for split, count in ((0.8, 40), (0.6, 30)):
        for name, seeds in (("lstm", 3), ("line", 1)):
            forecasts = np.tile(values[count:], (seeds, 1, 1)) * (1.0 + 0.1 * np.arange(seeds)[:, None, None])
            errors = np.full((seeds, 2), 0.2) + 0.1 * np.arange(seeds)[:, None]
            rows.append(Row(name, split, errors, forecasts, np.ones(seeds)))
    return Comparison(series, 10, tuple(rows), {0.8: 40, 0.6: 30})


def test_curves_begin_where_learning_ended(comparison):
    upper, lower = forecast_figure(comparison, split=0.6).axes
    true, lstm, line = upper.lines[:3]
    assert true.get_ydata() == pytest.approx(60.0 + np.arange(50.0))
    assert line.get_xdata()[0] == 30.0
    assert line.get_ydata() == pytest.approx(90.0 + np.arange(20.0))
    assert lstm.get_label() == "LSTM"
    assert len(upper.collections) == 1  # a band where there is more than one seed
    assert lower.get_xlabel() == "Time [N-body units]"


def test_bars_are_means_over_seeds(comparison):
    (axes,) = forecast_error_figure(comparison).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([0.3, 0.2, 0.3, 0.2])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert set(labels) == {"80 % learnt", "60 % learnt", "published, another run"}


def test_a_split_that_was_not_compared_is_refused(comparison):
    with pytest.raises(InputError, match=r"give one of 0\.8, 0\.6"):
        forecast_figure(comparison, split=0.7)
