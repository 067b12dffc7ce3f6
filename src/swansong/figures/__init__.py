"""Figures: one function each, all return a matplotlib Figure and leave no state behind."""

from swansong.figures.corner import corner_figure
from swansong.figures.detection import binomial_interval, detection_figure, roc_figure, scan_figure
from swansong.figures.emri import search_map_figure, track_figure
from swansong.figures.emri_accuracy import campaign_figure, flux_error_figure, observation_figure
from swansong.figures.pp import pp_figure
from swansong.figures.sky import sky_figure
from swansong.figures.strain import strain_figure
from swansong.figures.style import PALETTE, interval_text, save_figure, styled
from swansong.figures.training import training_figure

__all__ = [
    "PALETTE",
    "binomial_interval",
    "campaign_figure",
    "corner_figure",
    "detection_figure",
    "flux_error_figure",
    "interval_text",
    "observation_figure",
    "pp_figure",
    "roc_figure",
    "save_figure",
    "scan_figure",
    "search_map_figure",
    "sky_figure",
    "strain_figure",
    "styled",
    "track_figure",
    "training_figure",
]
