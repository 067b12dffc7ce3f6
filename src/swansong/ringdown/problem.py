"""From settings to a prepared analysis: where the source is and what the noise is."""

import functools

import numpy as np

from swansong.ringdown.analysis import Analysis, Geometry, prepare
from swansong.ringdown.model import RingdownModel
from swansong.ringdown.settings import DataSettings, Problem, SourceSettings
from swansong.signals import Network, detector, load_spectrum, make_whitener, network, time_delay


def geocentric_start(source: SourceSettings, data: DataSettings) -> float:
    """GPS time at which the ringdown's start passes the geocentre [s]."""
    delay = time_delay(
        data.detectors[0],
        right_ascension=source.right_ascension,
        declination=source.declination,
        gps=source.start,
    )
    return source.start - float(delay)


def detector_starts(source: SourceSettings, data: DataSettings) -> dict[str, float]:
    """GPS time at which the ringdown starts at each detector [s]."""
    centre = geocentric_start(source, data)
    return {
        name: centre
        + float(time_delay(name, right_ascension=source.right_ascension, declination=source.declination, gps=centre))
        for name in data.detectors
    }


def antenna_responses(source: SourceSettings, data: DataSettings) -> np.ndarray:
    """F+ - i Fx of each detector."""
    found: Network = network([detector(name) for name in data.detectors])
    patterns = found.antenna_patterns(
        right_ascension=source.right_ascension,
        declination=source.declination,
        polarization=source.polarization,
        gps=geocentric_start(source, data),
    )
    return np.array([complex(pattern.plus, -pattern.cross) for pattern in patterns])


def simulated_analysis(problem: Problem) -> Analysis:
    """Prepare the analysis of simulated data: every detector samples the start, in the named noise.

    Args:
        problem: The problem.

    Returns:
        The analysis; asking again for one of the last two problems costs nothing.

    Raises:
        InputError: If a detector, a mode or the spectrum is unknown.
    """
    return _prepared(problem.model_dump_json())


@functools.lru_cache(maxsize=2)
def _prepared(settings: str) -> Analysis:
    """The analysis of settings in JSON, which hash where lists and tuples in a `Problem` may not."""
    problem = Problem.model_validate_json(settings)
    model = RingdownModel.build(problem.model, problem.prior)
    data = problem.data
    responses = antenna_responses(problem.source, data)
    whitener = make_whitener(load_spectrum(data.spectrum), rate=data.rate, n=data.samples)
    geometry = Geometry(responses, np.zeros(len(responses)), data.rate, data.samples)
    return prepare(model, [whitener] * len(responses), geometry)
