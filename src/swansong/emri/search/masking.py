"""Taking a found source out of the data, so that the next one can be looked for."""

import dataclasses

import numpy as np
from jaxtyping import Float

from swansong.signals.sft import Baseband

_MULTIPLES = (1, 2, 3, 4)  # of the azimuthal frequency: the harmonics of a circular source
_MARGIN = 3.0  # bins of 1/segment that are taken out on either side of a track


def without_track(band: Baseband, frequency: Float[np.ndarray, "segments"]) -> Baseband:
    """Take a source out of whitened data: its circular harmonics, segment by segment.

    Args:
        band: The data.
        frequency: Frequency of its (2, 0) harmonic in the middle of every segment [Hz], zero after plunge.

    Returns:
        The data with zeros in the Fourier bins that the harmonics cross.
    """
    transform = np.fft.fft(band.samples, axis=1)
    bins = np.arange(transform.shape[1])
    alive = frequency > 0.0
    change = np.where(alive, np.gradient(frequency), 0.0)
    for multiple in _MULTIPLES:
        place = (0.5 * multiple * frequency - band.low) * band.segment
        # In one segment a track sweeps over as many bins as its frequency changes by between two middles.
        half = _MARGIN + 0.25 * multiple * np.abs(change) * band.segment
        transform[alive[:, None] & (np.abs(bins - place[:, None]) <= half[:, None])] = 0.0
    return dataclasses.replace(band, samples=np.fft.ifft(transform, axis=1).astype(band.samples.dtype))
