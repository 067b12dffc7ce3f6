"""Figures: one function each, all return a matplotlib Figure and leave no state behind."""

from swansong.figures.corner import corner_figure
from swansong.figures.pp import pp_figure
from swansong.figures.strain import strain_figure
from swansong.figures.style import PALETTE, interval_text, save_figure, styled
from swansong.figures.training import training_figure

__all__ = [
    "PALETTE",
    "corner_figure",
    "interval_text",
    "pp_figure",
    "save_figure",
    "strain_figure",
    "styled",
    "training_figure",
]
