import math

import numpy as np
import pytest

from swansong.core.constants import MEGAPARSEC, SOLAR_MASS_METRES, SOLAR_MASS_SECONDS
from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes.answers import Amplitudes
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.kludge import full_grid, kludge
from swansong.emri.amplitudes.modes import canonical
from swansong.emri.amplitudes.waveform import inspiral_waveform
from swansong.emri.harmonics.polarizations import source_polarizations
from swansong.emri.tracks import YEAR, load
from swansong.physics.geodesics import orbit_frequencies
from swansong.physics.kerr import separatrix
from swansong.physics.spheroidal import spheroidal_harmonic

DAY = 86400.0
SIGHT = {"theta": 1.0, "phi": 0.6}
FAR = {"mass_1": 1e6, "mass_2": 20.0, "spin": 0.7, "plunge_time": 4.0, "final_eccentricity": 0.03}
NEAR = {**FAR, "plunge_time": 0.2, "final_eccentricity": 0.1}
DISTANCE = 800.0
PAIRS = ((2, 0), (2, -1), (2, 1), (2, 2), (3, 0), (3, 1), (1, 0), (4, 0))


class Model:
    """What all models here share: any modes of equatorial orbits, and the domain of a surrogate."""

    domain = Domain()

    def __call__(self, *, a, p, e, x, modes=None, extrapolate="error"):
        orbits = np.stack(np.broadcast_arrays(a, p, e, x), axis=1).astype(float)
        outside = np.asarray(np.abs(self.domain.coordinates(orbits)).max(axis=1) > 1.0 + 1e-9)
        assert modes is not None
        assert extrapolate == "kludge"
        omega = orbit_frequencies(*orbits.T)
        frequencies = np.stack([omega.azimuthal, omega.polar, omega.radial], axis=1) @ modes[:, 1:].T
        return Amplitudes(
            values=self.values(orbits, modes, frequencies),
            modes=modes,
            orbits=orbits,
            frequencies=frequencies,
            error=self.error(a=a, p=p, e=e, x=x),
            resonant=np.zeros(len(orbits), bool),
            extrapolated=outside,
        )

    def values(self, orbits, modes, frequencies):
        raise NotImplementedError

    def error(self, *, a, p, e, x):
        return np.full(np.broadcast(a, p, e, x).shape, 1e-3)


class Baseline(Model):
    """The analytic baseline."""

    def values(self, orbits, modes, frequencies):
        retrograde = bool(orbits[0, 3] < 0)
        given = canonical(modes, retrograde=retrograde)
        grid = full_grid(eccentricity=0.2, equatorial=True, retrograde=retrograde)
        places = {tuple(mode): place for place, mode in enumerate(grid.modes.tolist())}
        at = [places[tuple(mode)] for mode in given.modes.tolist()]
        # Sixteen at a time, one of e = 0.2 among them, as the waveform asks: one function is compiled.
        padded = np.concatenate([orbits, np.repeat(orbits[-1:], -len(orbits) % 15, axis=0)]).reshape(-1, 15, 4)
        rows = np.concatenate([padded, np.tile([0.0, 20.0, 0.2, 1.0], (len(padded), 1, 1))], axis=1)
        found = np.concatenate([np.asarray(kludge(few, grid).amplitudes[:15]).reshape(15, -1)[:, at] for few in rows])
        return given.amplitudes(found[: len(orbits)])


class Quadrupole(Model):
    """Newton's quadrupole of circular orbits, negative as relativistic amplitudes are."""

    def values(self, orbits, modes, frequencies):
        size = 4.0 * math.sqrt(math.pi / 5.0) * np.abs(frequencies / 2.0) ** (2.0 / 3.0) * frequencies**2
        return np.where((modes[:, 1] == 2) & (modes[:, 0] == 2) & (modes[:, 3] == 0), -size, 0.0) + 0j


def overlap(one, two):
    return np.vdot(one, two).real / math.sqrt(np.vdot(one, one).real * np.vdot(two, two).real)


def strain(wave):
    return wave.plus - 1j * wave.cross


def modes_of(pairs, *, sign=1):
    return np.array([(l, m, 0, sign * n) for m, n in pairs for l in range(2, 7) if l >= m])


def compute(source, *, model=None, **given):
    settings = {"modes": modes_of(PAIRS), **SIGHT, "luminosity_distance": DISTANCE, **source, **given}
    return inspiral_waveform(Baseline() if model is None else model, **settings)


def scale(source):
    reduced = source["mass_1"] * source["mass_2"] / (source["mass_1"] + source["mass_2"])
    return reduced * SOLAR_MASS_METRES / (DISTANCE * MEGAPARSEC)


@pytest.fixture(scope="module")
def whole():
    """To the plunge and beyond, with the modes left to the function."""
    return compute(NEAR, modes=None, duration=0.21 * YEAR, cadence=600.0, share=0.99)


@pytest.mark.parametrize(("spin", "final"), [(0.7, 0.03), (-0.5, 0.1)])
def test_it_is_the_waveform_of_the_table_of_harmonics(spin, final):
    # The amplitudes of `emri.harmonics` are those of another code, solved and interpolated on their own.
    source = {**FAR, "spin": spin, "final_eccentricity": final}
    wave = compute(source, modes=modes_of(PAIRS, sign=int(np.sign(spin))), duration=5 * DAY, cadence=30.0)
    orbit, phases = load().orbit(wave.t, **source), load().phases(wave.t, **source)
    table = source_polarizations(
        spin=spin,
        semi_latus_rectum=orbit.p,
        eccentricity=orbit.e,
        inclination=SIGHT["theta"],
        azimuth=SIGHT["phi"],
        harmonics=PAIRS,
    )
    m, n = np.array(PAIRS).T[..., None]
    turn = np.exp(-1j * (m * phases.azimuthal + n * phases.radial))
    known = scale(source) * ((table.plus * turn).real - 1j * (table.cross * turn).real).sum(axis=0)
    assert overlap(strain(wave), known) > 0.999
    assert np.linalg.norm(strain(wave)) == pytest.approx(np.linalg.norm(known), rel=0.02)
    # Each polarization by itself, signs included.
    assert overlap(wave.plus, known.real) > 0.999
    assert overlap(wave.cross, -known.imag) > 0.999


def test_splines_and_products_of_phases_give_the_plain_sum_over_modes_of_both_signs(whole):
    chosen = whole.modes
    both = np.concatenate([chosen, chosen * np.array([1, -1, -1, -1])])
    at = np.flatnonzero(whole.t < 0.1999 * YEAR)[[0, 1, 1000, 3000, -40, -1]]
    orbit, phases = load().orbit(whole.t[at], **NEAR), load().phases(whole.t[at], **NEAR)
    answer = Baseline()(a=0.7, p=orbit.p, e=orbit.e, x=1.0, modes=both, extrapolate="kludge")
    plain = np.zeros(at.size, complex)
    for column, (l, m, _, n) in enumerate(both):
        w = answer.frequencies[:, column]
        seen = spheroidal_harmonic(int(l), int(m), g=0.7 * w, **SIGHT)
        turn = np.exp(-1j * (m * phases.azimuthal + n * phases.radial))
        plain += -2.0 * scale(NEAR) * answer.values[:, column] / w**2 * seen * turn
    np.testing.assert_allclose(strain(whole)[at], plain, atol=1e-5 * np.abs(plain).max())


def test_it_ends_with_the_plunge_and_says_where_the_model_was_left(whole):
    ended = np.flatnonzero(strain(whole))[-1] * whole.cadence
    assert 0.2 * YEAR - 2 * whole.cadence < ended < 0.2 * YEAR
    assert np.isfinite(strain(whole)).all()
    assert whole.t.size == whole.plus.size == math.ceil(0.21 * YEAR / 600.0)
    assert (np.diff(whole.times) > 0.0).all()
    near = whole.orbits[:, 1] - np.asarray(separatrix(0.7, whole.orbits[:, 2])) < Model.domain.nearest
    np.testing.assert_array_equal(whole.extrapolated, near)
    # The end takes many of the points and little of the time.
    assert whole.extrapolated_share > 0.3 > whole.extrapolated_time > 0.0
    assert whole.error.shape == whole.times.shape == (100,)


def test_modes_are_chosen_once_each_and_more_of_them_for_more_power(whole):
    assert len(np.unique(whole.modes, axis=0)) == len(whole.modes)
    assert [2, 2, 0, 0] in whole.modes.tolist()
    assert (whole.modes[:, 1] >= 0).all()
    assert not whole.modes[:, 2].any()
    more = compute(NEAR, modes=None, duration=DAY, cadence=3600.0, share=0.999)
    less = compute(NEAR, modes=None, duration=DAY, cadence=3600.0, share=0.9)
    assert len(less.modes) < len(more.modes)
    assert overlap(strain(less), strain(more)) > 0.9


def test_mirror_images_among_the_modes_are_counted_once():
    once = compute(FAR, modes=np.array([[2, 2, 0, 0], [2, 0, 0, 1]]), duration=DAY, cadence=600.0)
    twice = compute(
        FAR, modes=np.array([[2, -2, 0, 0], [2, 2, 0, 0], [2, 0, 0, -1], [2, 2, 0, 0]]), duration=DAY, cadence=600.0
    )
    np.testing.assert_allclose(twice.plus, once.plus, rtol=1e-12, atol=1e-30)


def test_a_slow_spin_of_either_sign_is_none():
    # The two signs go through frames that are turned by pi.
    slow = {sign: {**FAR, "spin": sign * 1e-6} for sign in (1, -1)}
    given = {"phase_phi": 0.4, "phase_r": 1.1, "duration": DAY, "cadence": 300.0}
    along = compute(slow[1], **given)
    against = compute(slow[-1], modes=modes_of(PAIRS, sign=-1), **given)
    assert np.abs(strain(along) - strain(against)).max() < 1e-3 * np.abs(strain(along)).max()


def test_turning_the_observer_is_turning_the_orbit():
    wave = compute(FAR, duration=DAY, cadence=600.0)
    turned = compute(FAR, phi=SIGHT["phi"] + 0.9, phase_phi=0.9, duration=DAY, cadence=600.0)
    np.testing.assert_allclose(strain(turned), strain(wave), atol=1e-9 * np.abs(strain(wave)).max())
    # From below the sense of rotation is the other one.
    below = compute(FAR, theta=math.pi - SIGHT["theta"], duration=DAY, cadence=600.0)
    np.testing.assert_allclose(strain(below), strain(wave).conj(), atol=1e-12 * np.abs(strain(wave)).max())


def test_distance_and_small_mass_scale_the_strain():
    wave = compute(FAR, duration=DAY, cadence=600.0)
    near = compute({**FAR, "luminosity_distance": DISTANCE / 4}, duration=DAY, cadence=600.0)
    np.testing.assert_allclose(near.plus, 4.0 * wave.plus, rtol=1e-12)


@pytest.mark.parametrize(("model", "size_error", "phase_error"), [(Quadrupole(), 1e-6, 1e-6), (Baseline(), 0.1, 0.2)])
def test_a_wide_circular_orbit_radiates_by_the_quadrupole_formula(model, size_error, phase_error):
    source = {**FAR, "spin": 0.0, "final_eccentricity": 0.0, "plunge_time": 12.0}
    wave = compute(source, model=model, modes=np.array([[2, 2, 0, 0]]), duration=2 * DAY, cadence=60.0)
    assert wave.orbits[0, 1] > 16.0
    phases, orders = load().phases(wave.t, **source), load().frequencies(wave.t, **source)
    total = (source["mass_1"] + source["mass_2"]) * SOLAR_MASS_SECONDS
    speed = np.cbrt(2.0 * math.pi * orders.azimuthal * total)
    angle = 2.0 * (phases.azimuthal - SIGHT["phi"])
    cosine = math.cos(SIGHT["theta"])
    # In this convention h+ is minus the formula's in the basis e_theta, e_phi.
    plus = 2.0 * scale(source) * speed**2 * (1.0 + cosine**2) * np.cos(angle)
    cross = 4.0 * scale(source) * speed**2 * cosine * np.sin(angle)
    for found, known in ((wave.plus, plus), (wave.cross, cross)):
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(known), rel=size_error)
        assert overlap(found, known) > 1.0 - phase_error**2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"luminosity_distance": 0.0}, DomainError, "luminosity_distance"),
        ({"theta": 4.0}, InputError, "theta"),
        ({"phase_r": math.nan}, InputError, "phase_r"),
        ({"cadence": 0.0}, InputError, "cadence"),
        ({"points": 3}, InputError, "4 points"),
        ({"spin": 0.9999}, DomainError, "spin"),
        ({"mass_2": -1.0}, DomainError, "mass_2"),
        ({"modes": np.array([[2, 2, 1, 0]])}, InputError, "equatorial"),
        ({"modes": np.array([[2, 3, 0, 0]])}, InputError, "larger than l"),
        ({"modes": np.zeros((0, 4), int)}, InputError, "one mode"),
        ({"modes": None, "share": 0.0}, InputError, "share"),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        compute(NEAR, **{"duration": DAY, "cadence": 600.0, **change})
