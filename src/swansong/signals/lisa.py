"""Noise of the LISA mission in the second-generation TDI channels A, E and T.

The three arms have equal and constant lengths, so that the noise of A, E and T is
uncorrelated. Data are fractional frequency deviations: a spectrum [1/Hz] here is what the
strain spectrum is on the ground.

A year at 5 s is drawn with `signals.noise.coloured_noise` (3 to 5 s of one core, 0.9 GB of memory).
"""

import math

import numpy as np
from jaxtyping import Float

from swansong.core.constants import SPEED_OF_LIGHT
from swansong.core.errors import InputError
from swansong.signals.spectra import Spectrum

LISA_ARM_LENGTH = 2.5e9
"""Length of the arms [m]."""

LISA_CADENCE = 5.0
"""Usual spacing of samples [s]."""

LISA_CHANNELS = ("A", "E", "T")
"""Names of the channels."""

_OPTICAL = (15e-12) ** 2  # optical metrology, one-sided [m^2/Hz]
_ACCELERATION = (3e-15) ** 2  # residual acceleration of a test mass, one-sided [m^2/s^4/Hz]


def lisa_noise_density(
    frequency: Float[np.ndarray, "..."], *, channel: str = "A", arm_length: float = LISA_ARM_LENGTH
) -> Float[np.ndarray, "..."]:
    """Evaluate the noise of a second-generation TDI channel, instrument only.

    With x = 2 pi f L/c and the single-link noises of the LISA science requirements
    (`scirdv1` in other codes; no galactic confusion noise),

    * S_oms = (15 pm)^2 (1 + (2 mHz/f)^4) (2 pi f/c)^2,
    * S_acc = (3 fm/s^2)^2 (1 + (0.4 mHz/f)^2) (1 + (f/8 mHz)^4) / (2 pi f c)^2,

    the channels have

    * S_A = S_E = 32 sin^2(x) sin^2(2x) {S_oms (2 + cos x) + 2 S_acc (3 + 2 cos x + cos 2x)},
    * S_T = 32 sin^2(x) sin^2(2x) {2 S_oms (1 - cos x) + 16 S_acc sin^4(x/2)}.

    They vanish at multiples of c/(4L) = 29.98 mHz, where TDI has no response either.

    Args:
        frequency: Positive frequencies, any shape [Hz].
        channel: ``"A"``, ``"E"`` or ``"T"``.
        arm_length: Length of the arms [m].

    Returns:
        One-sided power spectral density, same shape [1/Hz].

    Raises:
        InputError: If the channel is unknown, or a frequency or the length of the arms is
            not positive and finite.

    Reference:
        LISA Science Requirements Document, ESA-L3-EST-SCI-RS-001 (2018); Babak, Petiteau
        and Hewitson, arXiv:2108.01167, sections 2 and 3.
    """
    if channel not in LISA_CHANNELS:
        raise InputError(f"the LISA `channel` must be one of {', '.join(LISA_CHANNELS)}, got {channel!r}; name one")
    if not (math.isfinite(arm_length) and arm_length > 0):
        raise InputError(
            f"the `arm_length` of LISA must be positive and finite, got {arm_length}; give metres, such as 2.5e9"
        )
    f = np.asarray(frequency, dtype=np.float64)
    if not (np.isfinite(f) & (f > 0)).all():
        raise InputError(
            f"`lisa_noise_density(frequency)` must be positive and finite, got values from {f.min(initial=np.inf):g} "
            f"to {f.max(initial=-np.inf):g}; leave out zero frequency"
        )
    turn = 2.0 * np.pi * f / SPEED_OF_LIGHT
    x = turn * arm_length
    optical = _OPTICAL * (1.0 + (2e-3 / f) ** 4) * turn**2
    acceleration = _ACCELERATION * (1.0 + (0.4e-3 / f) ** 2) * (1.0 + (f / 8e-3) ** 4) / (turn * SPEED_OF_LIGHT**2) ** 2
    if channel == "T":
        links = 2.0 * optical * (1.0 - np.cos(x)) + 16.0 * acceleration * np.sin(0.5 * x) ** 4
    else:
        links = optical * (2.0 + np.cos(x)) + 2.0 * acceleration * (3.0 + 2.0 * np.cos(x) + np.cos(2.0 * x))
    return np.asarray(32.0 * np.sin(x) ** 2 * np.sin(2.0 * x) ** 2 * links)


def lisa_noise(
    channel: str = "A",
    *,
    arm_length: float = LISA_ARM_LENGTH,
    minimum: float = 1e-5,
    maximum: float = 0.1,
    points: int = 8192,
) -> Spectrum:
    """Tabulate the noise of a second-generation TDI channel.

    Between the points the spectrum is interpolated: to 3e-6 up to 20 mHz, to 4e-5 up to
    27 mHz, and worse close to the zeros at multiples of 30 mHz. Below ``minimum`` the
    value there is held, which suits A and E: their noise is flat below 50 uHz.

    Args:
        channel: ``"A"``, ``"E"`` or ``"T"``.
        arm_length: Length of the arms [m].
        minimum: First frequency [Hz].
        maximum: Last frequency [Hz]; the default is half the rate of samples every 5 s.
        points: Number of logarithmically spaced frequencies.

    Returns:
        The spectrum, named ``"LISA-<channel>"``.

    Raises:
        InputError: If the channel is unknown, the range is empty or the length of the arms
            is not positive.

    Reference:
        See `lisa_noise_density`.
    """
    if not 0 < minimum < maximum < math.inf or points < 2:
        raise InputError(
            "`lisa_noise(minimum=..., maximum=..., points=...)` must describe a range with 0 < minimum < maximum and 2 "
            f"points or more, got {minimum}, {maximum} and {points}; give frequencies in hertz"
        )
    frequency = np.geomspace(minimum, maximum, points)
    density = lisa_noise_density(frequency, channel=channel, arm_length=arm_length)
    return Spectrum(frequency, density, name=f"LISA-{channel}")
