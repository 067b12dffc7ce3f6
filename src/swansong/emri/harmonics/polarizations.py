"""Polarizations of the harmonics of an inspiral, from the amplitudes along its orbit.

A harmonic (m, n) and its partner (-m, -n) are one oscillation. With U the sum over L of
A_Lmn -2Y_Lm and V that of (-1)^L conj(A_Lmn) -2Y_L,-m,

    h+ = Re[(U + conj V) e^{-i Phi}],    hx = Re[i (U - conj V) e^{-i Phi}],    Phi = m Phi_phi + n Phi_r.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from swansong.emri.harmonics.amplitudes import AmplitudeTable, load_amplitudes
from swansong.emri.harmonics.sources import VIEWING_AZIMUTH, Polarizations, Source, to_barycentre
from swansong.physics.harmonics import spin_weighted_harmonic


def source_polarizations(
    *,
    spin: float,
    semi_latus_rectum: Float[np.ndarray, "k"],
    eccentricity: Float[np.ndarray, "k"],
    inclination: float,
    harmonics: Sequence[tuple[int, int]],
    azimuth: float = VIEWING_AZIMUTH,
    table: AmplitudeTable | None = None,
) -> Polarizations:
    """Compute the harmonics of orbits as seen from a direction, for mu / r = 1.

    Args:
        spin: Dimensionless spin of the hole, negative for a retrograde orbit.
        semi_latus_rectum: p, shape (k,) [M].
        eccentricity: e, shape (k,).
        inclination: Angle between the orbital angular momentum and the direction to the observer [rad].
        harmonics: Harmonics (m, n), m > 0.
        azimuth: Azimuth of that direction [rad].
        table: Amplitudes; the packaged ones if None.

    Returns:
        Amplitudes in the basis e_theta, e_phi of the source, shape (harmonics, k) each.

    Raises:
        DomainError: If the spin or an orbit is outside the table.
        InputError: If a harmonic is not in the table.

    Reference:
        arXiv:2104.04582, equations 6 to 10.
    """
    table = load_amplitudes() if table is None else table
    chosen = tuple((int(m), int(n)) for m, n in harmonics)
    found = table.amplitudes(
        spin=spin, semi_latus_rectum=semi_latus_rectum, eccentricity=eccentricity, harmonics=chosen
    )
    plus = np.empty((len(chosen), found[0].shape[-1] if found else 0), dtype=np.complex128)
    cross = np.empty_like(plus)
    for row, ((m, n), values) in enumerate(zip(chosen, found, strict=True)):
        degrees = table.degrees(m, n)
        seen = np.array([spin_weighted_harmonic(L, m, theta=inclination, phi=azimuth) for L in degrees])
        partner = np.array([(-1) ** L * spin_weighted_harmonic(L, -m, theta=inclination, phi=azimuth) for L in degrees])
        direct, mirrored = seen @ values, partner.conj() @ values
        plus[row], cross[row] = direct + mirrored, 1j * (direct - mirrored)
    return Polarizations(plus, cross)


def harmonic_polarizations(
    source: Source,
    *,
    semi_latus_rectum: Float[np.ndarray, "k"],
    eccentricity: Float[np.ndarray, "k"],
    harmonics: Sequence[tuple[int, int]],
    table: AmplitudeTable | None = None,
) -> Polarizations:
    """Compute the strain of a source's harmonics in the barycentre's frame.

    Args:
        source: The source; its distance and directions are used, not its times.
        semi_latus_rectum: p, shape (k,) [M].
        eccentricity: e, shape (k,).
        harmonics: Harmonics (m, n), m > 0.
        table: Amplitudes; the packaged ones if None.

    Returns:
        Amplitudes as `signals.lisa_response` takes them, shape (harmonics, k) each, strain.

    Raises:
        DomainError: If the spin or an orbit is outside the table.
        InputError: If a harmonic is not in the table.
    """
    wave = source_polarizations(
        spin=source.spin,
        semi_latus_rectum=semi_latus_rectum,
        eccentricity=eccentricity,
        inclination=source.inclination,
        harmonics=harmonics,
        table=table,
    )
    scale = source.amplitude
    return to_barycentre(source, Polarizations(scale * wave.plus, scale * wave.cross))
