import dataclasses
import math

import numpy as np
import pytest

import swansong.emri.harmonics.slow as slow_module
from swansong.core.errors import DomainError, FileError, InputError
from swansong.emri.harmonics.amplitudes import largest_eccentricity, load_amplitudes, read_amplitudes
from swansong.emri.harmonics.kernels import sum_harmonics
from swansong.emri.harmonics.signals import emri_signal, scaled_to_snr, synthesize
from swansong.emri.harmonics.slow import NEAREST_KNOT, knots, slow_harmonics
from swansong.emri.harmonics.sources import Polarizations, Source, to_barycentre
from swansong.emri.tracks.sources import Harmonic, Orbit, Phases
from swansong.emri.tracks.units import YEAR
from swansong.physics.harmonics import spin_weighted_harmonic
from swansong.signals.lisa import lisa_noise, lisa_noise_density
from swansong.signals.lisa_response import Channels

DAY = 86400.0
SOURCE = Source(
    mass_1=1e6,
    mass_2=20.0,
    spin=0.9,
    plunge_time=30.0 * DAY / YEAR,
    final_eccentricity=0.05,
    luminosity_distance=1000.0,
    source_colatitude=1.1,
    source_longitude=0.4,
    spin_colatitude=2.0,
    spin_longitude=3.0,
    phase_phi=0.7,
    phase_r=1.9,
)
PAIRS = ((2, 0), (3, 1), (2, -1), (4, 2))


class Chirp:
    """A chirp with known phases: f = f_0 (1 - t / T)^(-3/8), an orbit that shrinks evenly."""

    scale = 40.0 * DAY

    def _share(self, t, plunge_time):
        share = 1.0 - np.asarray(t, dtype=float) / (1.02 * plunge_time * YEAR)
        return np.where(t < plunge_time * YEAR, share, np.nan)

    def rates(self, m, n):
        return 2.1e-3 * m + 1.3e-3 * n

    def harmonic(self, t, *, m, n, plunge_time, **_):
        share, end, f0 = self._share(t, plunge_time), 1.02 * plunge_time * YEAR, self.rates(m, n)
        return Harmonic(
            f0 * share**-0.375,
            f0 * 0.375 / end * share**-1.375,
            f0 * 0.375 * 1.375 / end**2 * share**-2.375,
        )

    def phases(self, t, *, plunge_time, **_):
        share, end = self._share(t, plunge_time), 1.02 * plunge_time * YEAR
        turns = 2 * math.pi * end * (1 - share**0.625) / 0.625
        return Phases(self.rates(1, 0) * turns, self.rates(0, 1) * turns)

    def orbit(self, t, *, plunge_time, **_):
        share = self._share(t, plunge_time)
        return Orbit(4.0 + 6.0 * share, 0.05 + 0.2 * share)


@pytest.fixture(scope="module")
def slow():
    return slow_harmonics(SOURCE, duration=31 * DAY, harmonics=PAIRS, tracks=Chirp())


@pytest.fixture(scope="module")
def signal():
    return emri_signal(SOURCE, duration=31 * DAY, cadence=15.0, harmonics=PAIRS, channels=("A", "E"), tracks=Chirp())


# Patterns on the sphere


def test_the_patterns_have_their_known_values():
    theta, phi = 0.7, 0.3
    c, s = math.cos(theta), math.sin(theta)
    known = {
        (2, 2): math.sqrt(5 / (64 * math.pi)) * (1 + c) ** 2,
        (2, 1): math.sqrt(5 / (16 * math.pi)) * s * (1 + c),
        (2, 0): math.sqrt(15 / (32 * math.pi)) * s * s,
        (2, -2): math.sqrt(5 / (64 * math.pi)) * (1 - c) ** 2,
        (3, 3): -math.sqrt(21 / (2 * math.pi)) * math.cos(theta / 2) ** 5 * math.sin(theta / 2),
    }
    for (l, m), value in known.items():
        np.testing.assert_allclose(
            spin_weighted_harmonic(l, m, theta=theta, phi=phi), value * np.exp(1j * m * phi), rtol=1e-13
        )


def test_the_patterns_are_orthonormal():
    x, weights = np.polynomial.legendre.leggauss(12)
    values = [spin_weighted_harmonic(l, 2, theta=np.arccos(x), phi=0.0).real for l in range(2, 7)]
    product = 2 * math.pi * np.einsum("ik,jk,k->ij", values, values, weights)
    np.testing.assert_allclose(product, np.eye(5), atol=1e-12)


def test_opposite_orders_mirror_each_other():
    theta, phi = np.linspace(0.1, 3.0, 7), 0.4
    for l, m in ((2, 1), (3, 2), (5, 4)):
        direct = spin_weighted_harmonic(l, -m, theta=theta, phi=phi)
        mirrored = (-1) ** l * spin_weighted_harmonic(l, m, theta=math.pi - theta, phi=phi).conj()
        np.testing.assert_allclose(direct, mirrored, atol=1e-13)


@pytest.mark.parametrize(("l", "m"), [(1, 0), (2, 3), (3, -4)])
def test_a_pattern_that_does_not_exist_is_refused(l, m):
    with pytest.raises(InputError, match="no harmonic of spin weight"):
        spin_weighted_harmonic(l, m, theta=0.3, phi=0.0)


# The source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass_1": -1.0}, "mass_1"),
        ({"mass_2": math.nan}, "mass_2"),
        ({"spin": 1.0}, "spin between"),
        ({"plunge_time": 3e7}, "100 years"),
        ({"luminosity_distance": 0.0}, "Mpc"),
        ({"source_colatitude": -0.1}, "polar angle"),
        ({"final_eccentricity": -0.1}, "eccentricity"),
    ],
)
def test_a_bad_source_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(SOURCE, **change)


def test_the_scale_is_the_reduced_mass_over_the_distance():
    # 20 solar masses are 29.5 km, a gigaparsec 3.086e22 km.
    assert SOURCE.amplitude == pytest.approx(20 * 1.476625 / 3.0856776e22, rel=1e-4)


def test_the_turn_of_the_polarizations_is_that_of_the_wave_tensor():
    rng = np.random.default_rng(3)
    for _ in range(20):
        colatitudes, longitudes = np.arccos(rng.uniform(-1, 1, 2)), rng.uniform(0, 2 * math.pi, 2)
        source = dataclasses.replace(
            SOURCE,
            source_colatitude=colatitudes[0],
            source_longitude=longitudes[0],
            spin_colatitude=colatitudes[1],
            spin_longitude=longitudes[1],
        )
        place, axis = (
            np.array([math.sin(c) * math.cos(l), math.sin(c) * math.sin(l), math.cos(c)])
            for c, l in zip(colatitudes, longitudes, strict=True)
        )
        e_phi = np.cross(axis, -place)
        e_phi /= np.linalg.norm(e_phi)
        e_theta = np.cross(e_phi, -place)
        plus, cross = rng.normal(size=2) + 1j * rng.normal(size=2)
        tensor = plus * (np.outer(e_theta, e_theta) - np.outer(e_phi, e_phi))
        tensor = tensor + cross * (np.outer(e_theta, e_phi) + np.outer(e_phi, e_theta))
        longitude, latitude = longitudes[0], source.latitude
        west = np.array([math.sin(longitude), -math.cos(longitude), 0.0])
        north = np.cross(-place, west)
        assert north[2] == pytest.approx(math.cos(latitude))
        found = to_barycentre(source, Polarizations(np.array(plus), np.array(cross)))
        assert found.plus == pytest.approx(0.5 * (west @ tensor @ west - north @ tensor @ north), abs=1e-12)
        assert found.cross == pytest.approx(west @ tensor @ north, abs=1e-12)
        assert math.cos(source.inclination) == pytest.approx(float(-place @ axis), abs=1e-12)


# The table of amplitudes


def test_the_table_names_its_modes():
    table = load_amplitudes()
    assert table.harmonics[:3] == ((2, 0), (3, 0), (2, 1))
    assert table.degrees(2, 0) == (2, 3, 4)
    assert table.degrees(7, 0) == ()
    assert table.weights.shape == (len(table.modes), table.spins.size, table.maps.shape[0])


def test_a_circular_orbit_has_no_radial_harmonics():
    found = load_amplitudes().amplitudes(
        spin=0.9,
        semi_latus_rectum=np.array([6.0, 12.0]),
        eccentricity=np.zeros(2),
        harmonics=((2, 0), (2, 1), (2, 3)),
    )
    assert (np.abs(found[0][0]) > 0.1).all()
    assert np.abs(found[1]).max() < 1e-12
    assert np.abs(found[2]).max() < 1e-12


@pytest.mark.parametrize(
    ("spin", "p", "e", "message"),
    [
        (0.9995, 6.0, 0.1, "`spin` = 0.9995"),
        (0.9, 2.2, 0.1, "M from the separatrix"),
        (0.9, 60.0, 0.1, "reaches from 0.002 to 21.0 M"),
        (0.9, 6.0, 0.9, "give an eccentricity from 0 to"),
        (0.9, 6.0, -0.1, "give an eccentricity from 0 to"),
    ],
)
def test_an_orbit_outside_the_table_is_refused(spin, p, e, message):
    with pytest.raises(DomainError, match=message):
        load_amplitudes().amplitudes(
            spin=spin, semi_latus_rectum=np.array([p]), eccentricity=np.array([e]), harmonics=((2, 0),)
        )


def test_an_unknown_harmonic_is_refused():
    with pytest.raises(InputError, match=r"does not hold the harmonic \(m, n\) = \(9, 0\)"):
        load_amplitudes().amplitudes(
            spin=0.9, semi_latus_rectum=np.array([6.0]), eccentricity=np.array([0.1]), harmonics=((9, 0),)
        )
    with pytest.raises(InputError, match="equal length"):
        load_amplitudes().amplitudes(
            spin=0.9, semi_latus_rectum=np.array([6.0]), eccentricity=np.zeros(2), harmonics=((2, 0),)
        )


def test_a_foreign_table_is_refused(tmp_path):
    path = tmp_path / "amplitudes.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(FileError, match="not an HDF5 file"):
        read_amplitudes(path)


def test_the_domain_widens_with_distance():
    np.testing.assert_allclose(largest_eccentricity(np.array([0.0, 1e3])), [0.2, 0.8])


# Knots and sums


@pytest.mark.parametrize(("duration", "plunge"), [(YEAR, 0.6 * YEAR), (0.5 * YEAR, 0.6 * YEAR), (YEAR, 2e4)])
def test_knots_reach_the_end_and_close_up_at_the_plunge(duration, plunge):
    times = knots(duration=duration, plunge=plunge)
    steps = np.diff(times)
    assert times[0] == 0.0
    assert (steps > 0).all()
    assert steps.max() <= 1.5e4
    assert times[-1] == pytest.approx(min(duration, plunge - NEAREST_KNOT))
    left = plunge - times[:-1]
    assert (steps <= 0.031 * left).all()


@pytest.mark.parametrize(("duration", "plunge"), [(0.0, 1e6), (math.nan, 1e6), (1e5, 5.0), (1e5, -1e5)])
def test_knots_of_nothing_are_refused(duration, plunge):
    with pytest.raises(InputError, match="duration above 0"):
        knots(duration=duration, plunge=plunge)


def test_the_kernel_sums_what_it_is_given():
    rng = np.random.default_rng(1)
    times = np.array([0.0, 7.0, 19.0])
    phases = rng.normal(size=(2, 3, 2)) * np.array([1.0, 0.3, 0.01])[:, None]
    factors = rng.normal(size=(2, 2, 3, 4)) + 1j * rng.normal(size=(2, 2, 3, 4))
    orders = np.array([[2, 0], [3, -2], [1, 4]])
    out = np.zeros((2, 30))
    sum_harmonics(times, phases, factors, orders, 1.0, out)
    for sample in range(19):
        segment = int(sample >= 7)
        elapsed = sample - times[segment]
        both = [np.polynomial.polynomial.polyval(elapsed, phases[i, :, segment]) for i in range(2)]
        value = np.zeros(2)
        for j, (m, n) in enumerate(orders):
            factor = factors[segment, :, j] @ elapsed ** np.arange(3, -1, -1)
            value += (factor * np.exp(-1j * (m * both[0] + n * both[1]))).real
        np.testing.assert_allclose(out[:, sample], value, rtol=1e-9)
    assert np.all(out[:, 19:] == 0)


def test_the_series_follows_the_exact_phase(slow):
    """With factors of 1 every sample is the cosine of the phase in closed form, until the last knot."""
    ones = np.ones_like(slow.factors.A)
    steady = dataclasses.replace(slow, factors=Channels(ones, ones, ones)).only([(3, 1)])
    t = np.arange(0.0, slow.times[-1], 15.0)
    exact = Chirp().phases(t, plunge_time=SOURCE.plunge_time)
    phase = 3 * (exact.azimuthal + SOURCE.phase_phi) + exact.radial + SOURCE.phase_r
    series = synthesize(steady, samples=t.size, cadence=15.0)[0]
    assert np.abs(series - np.cos(phase)).max() < 1e-4


def test_knots_twice_as_dense_change_nothing(slow, monkeypatch):
    monkeypatch.setattr(slow_module, "KNOT_SPACING", 2.5e3)
    monkeypatch.setattr(slow_module, "_CLOSER", 0.005)
    fine = slow_harmonics(SOURCE, duration=31 * DAY, harmonics=PAIRS, tracks=Chirp())
    assert fine.times.size > 3 * slow.times.size
    both = [synthesize(each, samples=170_000, cadence=15.0)[0] for each in (slow, fine)]
    assert np.abs(both[0] - both[1]).max() < 1e-4 * np.abs(both[1]).max()


# Signals


def test_the_squared_ratios_agree_with_the_fourier_transform(signal):
    rate = 1.0 / signal.cadence
    spectrum = np.fft.rfft(signal.series) * signal.cadence
    frequency = np.fft.rfftfreq(signal.series.shape[1], signal.cadence)
    keep = (frequency > 5e-4) & (frequency < 0.02)
    noise = lisa_noise_density(frequency[keep], channel="A")
    power = 4 * np.sum(np.abs(spectrum[:, keep]) ** 2 / noise, axis=1) * rate / signal.series.shape[1]
    # The sudden end leaks a little power to frequencies with less noise.
    np.testing.assert_allclose(signal.squared_snr.sum(axis=1), power, rtol=2e-2)


def test_scaling_sets_the_ratio_and_the_distance(signal):
    louder = scaled_to_snr(signal, 30.0)
    assert louder.snr == pytest.approx(30.0)
    assert louder.source.luminosity_distance == pytest.approx(1000.0 * signal.snr / 30.0)
    np.testing.assert_allclose(louder.series, signal.series * 30.0 / signal.snr)
    assert signal.share(2, 0) == pytest.approx(louder.share(2, 0))
    assert signal.share(7, 7) == 0.0
    again = emri_signal(
        louder.source, duration=31 * DAY, cadence=15.0, harmonics=PAIRS, channels=("A", "E"), tracks=Chirp()
    )
    np.testing.assert_allclose(again.series, louder.series, rtol=1e-6, atol=1e-9 * np.abs(louder.series).max())
    with pytest.raises(InputError, match="must be positive"):
        scaled_to_snr(signal, 0.0)


def test_the_signal_ends_with_the_plunge(signal):
    last = int(30 * DAY / 15.0)
    assert np.abs(signal.series[:, last - 100 : last - 10]).max() > 0
    assert np.all(signal.series[:, last + 1 :] == 0)
    assert signal.series.shape == (2, int(31 * DAY / 15.0))


def test_the_strongest_harmonics_are_kept():
    few = emri_signal(SOURCE, duration=2 * DAY, cadence=60.0, harmonics=3, tracks=Chirp())
    every = slow_harmonics(SOURCE, duration=2 * DAY, tracks=Chirp())
    power = every.squared_snr(lisa_noise("A"))
    assert set(few.harmonics) == {every.harmonics[i] for i in np.argsort(-power)[:3]}
    assert np.all(np.diff(few.squared_snr[0]) <= 0)
    assert few.squared_snr.sum() <= power.sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cadence": 0.0}, "cadence"),
        ({"cadence": 3 * DAY}, "at most the duration"),
        ({"harmonics": 0}, "one harmonic and one channel"),
        ({"harmonics": ()}, "one harmonic and one channel"),
        ({"channels": ()}, "one harmonic and one channel"),
        ({"channels": ("X",)}, "channel"),
        ({"harmonics": ((9, 9),)}, "does not hold the harmonic"),
    ],
)
def test_bad_settings_of_a_signal_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        emri_signal(SOURCE, duration=2 * DAY, tracks=Chirp(), **settings)


def test_only_known_harmonics_can_be_picked(slow):
    assert slow.only([(2, -1)]).harmonics == ((2, -1),)
    with pytest.raises(InputError, match="this signal lacks"):
        slow.only([(5, 5)])
