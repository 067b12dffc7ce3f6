"""How the power of an inspiral is spread over its track: the weights of its segments.

Most of the signal of an inspiral comes from its last months, so that a plain sum over the
year collects noise. Where the expected powers were known, weighting by them would be best;
they depend on direction and orientation through the motion of the detector, so that what is
used is their average over the sky for the quadrupole of a circular orbit.
"""

import math

import numpy as np
from jaxtyping import Float

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.signals.lisa import LISA_ARM_LENGTH
from swansong.signals.spectra import Spectrum


def sensitivity(
    frequency: Float[np.ndarray, "n"], spectrum: Spectrum, *, arm_length: float = LISA_ARM_LENGTH
) -> Float[np.ndarray, "n"]:
    """Power in a channel over its noise for a wave of unit strain, averaged over directions; in relative units.

    The TDI 2.0 channels respond like x sin x sin 2x with x = 2 pi f L / c, and less at wavelengths shorter
    than an arm.

    Args:
        frequency: Positive frequencies, shape (n,) [Hz].
        spectrum: Noise of the channel.
        arm_length: Length of the arms [m].

    Returns:
        Relative power, shape (n,).

    Reference:
        Average response of the arms: Robson, Cornish and Liu, arXiv:1803.01944, equation (9).
    """
    x = 2.0 * math.pi * frequency * arm_length / SPEED_OF_LIGHT
    response = (x * np.sin(x) * np.sin(2.0 * x)) ** 2 / (1.0 + 0.6 * x**2)
    return response / spectrum.interpolate(frequency)


def expected_power(frequency: Float[np.ndarray, "n"], spectrum: Spectrum) -> Float[np.ndarray, "n"]:
    """Relative expected power of a segment against frequency, one at its largest.

    The strain of a circular orbit at fixed masses and distance grows like f^(2/3).

    Args:
        frequency: Positive frequencies, shape (n,) [Hz].
        spectrum: Noise of the channel.

    Returns:
        Expected power, shape (n,).
    """
    power = frequency ** (4.0 / 3.0) * sensitivity(frequency, spectrum)
    return power / power.max()
