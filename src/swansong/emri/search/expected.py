"""The harmonics of a candidate and the powers expected of them, segment by segment.

The last stage of a search adds the powers of several harmonics m f_phi + n f_r of one source. What
share each has follows from the mode amplitudes along its orbit, averaged over all directions in which
a source may be seen.
"""

import numpy as np
from jaxtyping import Float, Int

from swansong.core.errors import DomainError
from swansong.emri.harmonics.amplitudes import load_amplitudes
from swansong.emri.search.settings import SOURCE_NAMES
from swansong.emri.search.weights import sensitivity
from swansong.emri.tracks.sources import Tracks
from swansong.signals.spectra import Spectrum

_INSIDE = 0.999  # of the time that the table of tracks reaches, so that amplitudes are known too


def harmonic_powers(
    point: Float[np.ndarray, "5"],
    times: Float[np.ndarray, "segments"],
    *,
    tracks: Tracks,
    spectrum: Spectrum,
    most: int,
) -> tuple[Int[np.ndarray, "h 2"], Float[np.ndarray, "h segments"]]:
    """Choose the strongest harmonics of a source in the data.

    Args:
        point: (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity).
        times: Middles of the segments [s].
        tracks: Table of tracks.
        spectrum: Noise of the channel.
        most: How many harmonics.

    Returns:
        Rows (m, n), the strongest first, and the power expected of each in every segment, one for the largest sum of
        all of them; zero where the source has plunged or was outside the tables.

    Raises:
        DomainError: The track is in the tables at none of the times.
    """
    table = load_amplitudes()
    names = dict(zip(SOURCE_NAMES, map(float, point), strict=True))
    plunge = names["plunge_time"]
    unplunged = {name: value for name, value in names.items() if name != "plunge_time"}
    longest = _INSIDE * float(tracks.reach(**unplunged))
    alive = np.flatnonzero((times < plunge) & (times > plunge - longest))
    if alive.size == 0:
        raise DomainError(
            f"the source plunges {plunge:.6g} s after the start and its track is known for the {longest:.6g} s before, "
            "which hold no segment; give a source that is heard"
        )
    orbit = tracks.orbit(times[alive], **names)
    amplitudes = table.amplitudes(
        spin=names["spin"], semi_latus_rectum=orbit.p, eccentricity=orbit.e, harmonics=table.harmonics
    )
    azimuthal, radial = tracks.frequencies(times[alive], **names)
    powers = np.zeros((len(table.harmonics), times.size))
    for row, ((m, n), values) in enumerate(zip(table.harmonics, amplitudes, strict=True)):
        frequency = m * azimuthal + n * radial
        heard = frequency > 0.0
        response = np.zeros(alive.size)
        response[heard] = sensitivity(frequency[heard], spectrum)
        powers[row, alive] = (np.abs(values) ** 2).sum(axis=0) * response
    strongest = np.argsort(-powers.sum(axis=1))[:most]
    chosen = powers[strongest]
    return np.array(table.harmonics)[strongest], chosen / chosen.sum(axis=0).max()
