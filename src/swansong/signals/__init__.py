"""What detectors give: strain, spectra, noise, whitening and the geometry of detectors."""

from swansong.signals.detectors import AntennaPattern, Detector, Network, antenna_pattern, detector, network, time_delay
from swansong.signals.inner import inner_product, optimal_snr
from swansong.signals.noise import coloured_noise
from swansong.signals.sidereal import greenwich_sidereal_time, leap_seconds
from swansong.signals.skymap import SkyMap, read_sky_map, sky_map, write_samples_table
from swansong.signals.spectra import Spectrum, design_spectrum, load_spectrum, spectrum_names
from swansong.signals.strain import Cut, Quality, Strain, check_network, require_rate
from swansong.signals.strain_files import read_strain
from swansong.signals.welch import welch_spectrum
from swansong.signals.whitening import Whitener, autocovariance, make_whitener

__all__ = [
    "AntennaPattern",
    "Cut",
    "Detector",
    "Network",
    "Quality",
    "SkyMap",
    "Spectrum",
    "Strain",
    "Whitener",
    "antenna_pattern",
    "autocovariance",
    "check_network",
    "coloured_noise",
    "design_spectrum",
    "detector",
    "greenwich_sidereal_time",
    "inner_product",
    "leap_seconds",
    "load_spectrum",
    "make_whitener",
    "network",
    "optimal_snr",
    "read_sky_map",
    "read_strain",
    "require_rate",
    "sky_map",
    "spectrum_names",
    "time_delay",
    "welch_spectrum",
    "write_samples_table",
]
