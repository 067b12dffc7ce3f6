"""From settings to a prepared analysis."""

import functools

import numpy as np

from swansong.core.types import Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.model import EncounterModel
from swansong.encounters.settings import DataSettings, Problem
from swansong.signals import Network, detector, load_spectrum, network
from swansong.signals.drift import drifted_psd


def frequencies(data: DataSettings) -> Float[np.ndarray, "bins"]:
    """Analysed frequencies [Hz]: multiples of 1 / duration within the band."""
    first = int(np.ceil(data.minimum_frequency * data.duration - 1e-9))
    last = int(np.floor(data.maximum_frequency * data.duration + 1e-9))
    return np.arange(first, last + 1) / data.duration


def observatories(data: DataSettings) -> Network:
    """The network of the data.

    Raises:
        InputError: If a detector is unknown.
    """
    return network([detector(name) for name in data.detectors])


def reference_psd(data: DataSettings) -> Float[np.ndarray, "detectors bins"]:
    """Reference power spectral density of each detector [1/Hz].

    Raises:
        FileError: If a spectrum is neither packaged nor a readable file.
    """
    grid = frequencies(data)
    return np.stack([_curve(data.spectrum(index), tuple(map(float, grid))) for index in range(len(data.detectors))])


@functools.lru_cache(maxsize=8)
def _curve(name: str, frequency: tuple[float, ...]) -> Float[np.ndarray, "bins"]:
    return load_spectrum(name).interpolate(np.array(frequency))


def drawn_psd(data: DataSettings, *, rng: np.random.Generator) -> Float[np.ndarray, "detectors bins"]:
    """Power spectral density of each detector on one day: the reference with its drift [1/Hz]."""
    grid = frequencies(data)
    return np.stack([drifted_psd(row, grid, scatter=data.drift, rng=rng) for row in reference_psd(data)])


def prepare(problem: Problem, *, psd: Float[np.ndarray, "detectors bins"] | None = None) -> Analysis:
    """Prepare the analysis of a problem.

    Args:
        problem: The problem.
        psd: Power spectral density of each detector [1/Hz]; the reference if None.

    Returns:
        The analysis; tables that depend on the prior alone are shared with earlier ones.

    Raises:
        InputError: If a detector or a spectrum is unknown.
    """
    model = EncounterModel(problem.prior, problem.model)
    found = reference_psd(problem.data) if psd is None else psd
    return Analysis(
        model, observatories(problem.data), problem.source.gps, problem.data.duration, frequencies(problem.data), found
    )
