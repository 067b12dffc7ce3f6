"""Tracks of eccentric equatorial inspirals: fluxes, trajectories and one scaled table for all of them."""

from swansong.emri.tracks.differentiable import TrackModel, track_model
from swansong.emri.tracks.fluxes import FluxTable, load_fluxes
from swansong.emri.tracks.sources import Tracks, load
from swansong.emri.tracks.trajectories import Trajectory, integrate
from swansong.emri.tracks.units import YEAR, scales

__all__ = [
    "YEAR",
    "FluxTable",
    "TrackModel",
    "Tracks",
    "Trajectory",
    "integrate",
    "load",
    "load_fluxes",
    "scales",
    "track_model",
]
