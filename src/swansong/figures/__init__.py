"""Figures: one function each, all return a matplotlib Figure and leave no state behind."""

from swansong.figures.corner import corner_figure
from swansong.figures.detection import binomial_interval, detection_figure, roc_figure, scan_figure
from swansong.figures.pp import pp_figure
from swansong.figures.sky import sky_figure
from swansong.figures.strain import strain_figure
from swansong.figures.style import PALETTE, interval_text, save_figure, styled
from swansong.figures.training import training_figure

__all__ = [
    "PALETTE",
    "binomial_interval",
    "corner_figure",
    "detection_figure",
    "interval_text",
    "pp_figure",
    "roc_figure",
    "save_figure",
    "scan_figure",
    "sky_figure",
    "strain_figure",
    "styled",
    "training_figure",
]
