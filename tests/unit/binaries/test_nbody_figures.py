"""Figures of mergers: panels, limits, and what they refuse."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.figures.binaries_mergers import conservation_figure, merger_frames_figure


def test_every_frame_has_a_panel_with_both_galaxies() -> None:
    stars = np.random.default_rng(1).normal(size=(4, 3, 100))
    figure = merger_frames_figure([0.0, 1.0, 2.0, 3.0], stars=stars, holes=np.zeros((4, 2, 3)), title="a merger")
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title() for panel in shown] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    assert all([len(line.get_xdata()) for line in panel.lines] == [50, 50, 2] for panel in shown)


def test_errors_are_drawn_by_their_size() -> None:
    figure = conservation_figure([8.0, 16.0], energy=[1e-4, -2e-4], momentum=[1e-9, 0.0])
    energy, momentum = figure.axes[0].lines
    np.testing.assert_allclose(energy.get_ydata(), [1e-4, 2e-4])
    assert min(momentum.get_ydata()) > 0.0


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="merger_frames_figure"):
        merger_frames_figure([], stars=np.zeros((0, 3, 4)), holes=np.zeros((0, 2, 3)))
    with pytest.raises(InputError, match="conservation_figure"):
        conservation_figure([1.0], energy=[1.0, 2.0], momentum=[1.0])
