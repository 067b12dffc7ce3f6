"""Amplitudes and signals of inspirals against published numbers, limits and the total flux."""

import math

import numpy as np
import pytest

from swansong.emri.harmonics.amplitudes import load_amplitudes
from swansong.emri.harmonics.polarizations import source_polarizations
from swansong.emri.harmonics.signals import emri_signal
from swansong.emri.harmonics.sources import Source
from swansong.emri.tracks import YEAR, load_fluxes
from swansong.physics.kerr import frequencies, separatrix
from swansong.signals.lisa import lisa_noise_density

# A source of a published search, on whose track 70 % of the power is in (2, 0).
SHOWCASE = Source(
    mass_1=1.3379e6,
    mass_2=27.091,
    spin=0.8636,
    plunge_time=0.902,
    final_eccentricity=0.007086,
    luminosity_distance=3000.0,
    source_colatitude=1.0,
    source_longitude=2.0,
    spin_colatitude=2.1,
    spin_longitude=0.3,
)


def amplitude(mode, *, spin, p, e):
    """One amplitude, and the root of the sum of squares of all on the orbit."""
    table = load_amplitudes()
    found = table.amplitudes(
        spin=spin, semi_latus_rectum=np.array([p]), eccentricity=np.array([e]), harmonics=table.harmonics
    )
    degree, m, n = mode
    values = found[table.harmonics.index((m, n))][:, 0]
    total = math.sqrt(sum(float(np.sum(np.abs(each) ** 2)) for each in found))
    return complex(values[table.degrees(m, n).index(degree)]), total


@pytest.mark.parametrize(
    ("l", "p", "z"),
    [
        (2, 10.0, -1.1206407919231826e-3 + 3.0576083809866894e-4j),
        (3, 8.0, -8.435123000293643e-4 - 1.4099002500772818e-3j),
    ],
)
def test_circular_orbits_of_schwarzschild(l, p, z):
    """Z of the Teukolsky equation, known to all its digits; A = -2 Z / w^2."""
    found, total = amplitude((l, l, 0), spin=0.0, p=p, e=0.0)
    assert abs(found + 2 * z / (l * p**-1.5) ** 2) < 3e-3 * total


def test_an_eccentric_orbit_of_a_fast_hole():
    """A check value of the FastEMRIWaveforms package, (l, m, n) = (3, 2, 4)."""
    found, total = amplitude((3, 2, 4), spin=0.94071396, p=3.03167504, e=0.23666111)
    assert abs(found - (2.753336140076555e-3 + 4.143260615912325e-3j)) < 3e-3 * total


def power(*, spin, p, e):
    """Energy at infinity of all harmonics of the table: |A|^2 w^2 / 16 pi a mode, twice for the partner."""
    table = load_amplitudes()
    found = table.amplitudes(
        spin=spin, semi_latus_rectum=np.array([p]), eccentricity=np.array([e]), harmonics=table.harmonics
    )
    azimuthal, radial = (float(value) for value in frequencies(spin, p, e))
    return sum(
        float(np.sum(np.abs(values) ** 2)) * (m * azimuthal + n * radial) ** 2 / (8 * math.pi)
        for (m, n), values in zip(table.harmonics, found, strict=True)
    )


@pytest.mark.parametrize(
    ("spin", "radius", "energy"),
    [
        (0.9, 9.999558431332, 5.0501625145717036e-5),
        (-0.9, 10.0026169009, 7.916544068877979e-5),
        (0.0, 10.001509204494521, 6.145612182420341e-5),
    ],
)
def test_circular_orbits_radiate_their_published_power(spin, radius, energy):
    """Hughes, arXiv:1404.1819, tables; what is missing has m > 6."""
    assert 0.995 < power(spin=spin, p=radius, e=0.0) / energy < 1.003


@pytest.mark.parametrize(("spin", "p", "e"), [(0.3, 11.0, 0.1), (0.7, 14.0, 0.25), (0.95, 9.0, 0.3), (0.9, 4.0, 0.05)])
def test_the_harmonics_carry_nearly_all_of_the_flux(spin, p, e):
    at_infinity = float(np.ravel(load_fluxes().energy(spin, p, e)[0])[0])
    assert 0.975 < power(spin=spin, p=p, e=e) / at_infinity < 1.003


def slow_motion(*, spin, p, e, theta, phi, harmonics):
    """h+ and hx of mass quadrupole, mass octupole and current quadrupole of a Kepler ellipse.

    It turns with the exact frequencies, as a function on the torus of both phases. Kidder, Rev. Mod. Phys. 52
    (Thorne 1980), equation 4.8, to the first order beyond the quadrupole.
    """
    azimuthal, radial = (float(value) for value in frequencies(spin, p, e))
    count, turns = 256, 16
    anomaly = 2 * np.pi * np.arange(count) / count
    inner = anomaly.copy()
    for _ in range(50):
        inner -= (inner - e * np.sin(inner) - anomaly) / (1 - e * np.cos(inner))
    radius = p / (1 - e * e) * (1 - e * np.cos(inner))
    angle = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(inner / 2), np.sqrt(1 - e) * np.cos(inner / 2))
    offset = 2 * np.pi * np.arange(turns) / turns
    longitude = angle + offset[:, None]
    place = np.stack([radius * np.cos(longitude), radius * np.sin(longitude), 0 * longitude], axis=-1)
    turn = np.add.outer(
        (azimuthal - radial) * np.fft.fftfreq(turns, 1 / turns), radial * np.fft.fftfreq(count, 1 / count)
    )

    def derivative(values):
        spectrum = np.fft.fft2(values, axes=(0, 1)) * 1j * turn.reshape(turn.shape + (1,) * (values.ndim - 2))
        return np.fft.ifft2(spectrum, axes=(0, 1)).real

    sight = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    e_theta = np.array([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)])
    e_phi = np.cross(sight, e_theta)
    momentum = np.cross(place, derivative(place))
    mass = np.einsum("...i,...j->...ij", place, place)
    octupole = np.einsum("...i,...j,...k,k->...ij", place, place, place, sight)
    current = np.einsum("...i,...j->...ij", place, momentum)
    current = 0.5 * (current + np.swapaxes(current, -1, -2))
    wave = 2 * derivative(derivative(mass)) + 2 / 3 * derivative(derivative(derivative(octupole)))
    # eps_kli J_jk n_l, the two free indices made symmetric.
    crossed = np.cross(sight, derivative(derivative(current)), axis=-1)
    wave = wave - 4 / 3 * (crossed + np.swapaxes(crossed, -1, -2))
    plus = 0.5 * np.einsum("...ij,ij", wave, np.outer(e_theta, e_theta) - np.outer(e_phi, e_phi))
    cross = np.einsum("...ij,i,j", wave, e_theta, e_phi)
    phase = [m * (anomaly + offset[:, None]) + n * anomaly for m, n in harmonics]
    return [(2 * np.mean(plus * np.exp(1j * each)), 2 * np.mean(cross * np.exp(1j * each))) for each in phase]


@pytest.mark.parametrize("spin", [0.9, -0.9])
def test_wide_orbits_radiate_like_slow_bodies(spin):
    """Azimuth, periapsis, handedness and the order of corrections; v^2 is 0.04 here, and the tail turns phases.

    The overall sign of the Teukolsky amplitudes is the opposite of the quadrupole formula's.
    """
    harmonics = ((2, 0), (2, 1), (3, 0), (2, 2), (2, -1), (3, 1))
    p, e, theta, phi = float(separatrix(spin, 0.2)) + 20.5, 0.2, 1.0, 0.4
    wave = source_polarizations(
        spin=spin,
        semi_latus_rectum=np.array([p]),
        eccentricity=np.array([e]),
        inclination=theta,
        azimuth=phi,
        harmonics=harmonics,
    )
    slow = slow_motion(spin=spin, p=p, e=e, theta=theta, phi=phi, harmonics=harmonics)
    for row, expected in enumerate(slow):
        for found, value in zip((wave.plus[row, 0], wave.cross[row, 0]), expected, strict=True):
            ratio = -found / value
            assert 0.7 < abs(ratio) < 1.4
            assert abs(np.angle(ratio)) < 0.35


def test_the_pole_sees_circular_and_the_equator_linear_polarization():
    orbit = {
        "spin": 0.8,
        "semi_latus_rectum": np.array([8.0]),
        "eccentricity": np.array([0.2]),
        "harmonics": ((2, 0), (2, 1), (3, 0), (1, 0)),
    }
    pole = source_polarizations(inclination=0.0, **orbit)
    np.testing.assert_allclose(pole.cross[:2], 1j * pole.plus[:2], rtol=1e-12)
    assert np.abs(pole.plus[2:]).max() < 1e-12
    equator = source_polarizations(inclination=math.pi / 2, **orbit)
    assert np.abs(equator.cross).max() < 1e-12 * np.abs(equator.plus).max()
    south = source_polarizations(inclination=math.pi, **orbit)
    np.testing.assert_allclose(south.cross[:2], -1j * south.plus[:2], rtol=1e-12)


@pytest.fixture(scope="module")
def showcase():
    return emri_signal(SHOWCASE, duration=0.91 * YEAR, cadence=15.0)


def test_the_showcase_has_its_known_composition(showcase):
    assert 0.6 < showcase.share(2, 0) < 0.8
    assert showcase.harmonics[:3] == ((2, 0), (3, 0), (4, 0))
    assert 40 < showcase.snr < 75


def test_a_year_has_the_ratio_that_its_harmonics_add_up_to(showcase):
    spectrum = np.fft.rfft(showcase.series[0]) * showcase.cadence
    frequency = np.fft.rfftfreq(showcase.series.shape[1], showcase.cadence)
    keep = (frequency > 1e-3) & (frequency < 0.028)
    noise = lisa_noise_density(frequency[keep], channel="A")
    power = 4 * np.sum(np.abs(spectrum[keep]) ** 2 / noise) / (showcase.series.shape[1] * showcase.cadence)
    # Harmonics of different phases cross in frequency: what they share is in the series and not in the sum.
    assert math.sqrt(power) == pytest.approx(showcase.snr, rel=2e-2)
    last = math.ceil(SHOWCASE.plunge_time * YEAR / showcase.cadence)
    assert np.all(showcase.series[0, last:] == 0)
    assert np.abs(showcase.series[0, last - 200 : last - 1]).max() > 0
