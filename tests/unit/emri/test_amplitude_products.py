from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes.answers import Amplitudes
from swansong.emri.amplitudes.horizon import horizon_factor, starobinsky_constant
from swansong.emri.amplitudes.products import dominant, fluxes, mode_error, power_spectrum
from swansong.physics.geodesics import orbit_frequencies

# Orbit, mode, Z at infinity and at the horizon, and the rates of energy, angular momentum and Carter's constant of this
# one image there, by pybhpt 1.0.0 with 128 samples.
KNOWN = [
    (
        (0.9, 10.0, 0.0, 1.0),
        (2, 2, 0, 0),
        (-0.0009930544507031857 + 0.0002688869261489907j),
        (-0.0011822961295979686 - 0.00035634078507083627j),
        (2.2273000551180505e-05, 0.0007243798211752235, 0.0),
        (-5.983679213383374e-08, -1.9460586231300647e-06, 0.0),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (2, 2, 0, 0),
        (-0.0011056471104369863 + 0.0003851487780986621j),
        (-0.0008371645553672888 - 0.00039646489425293236j),
        (6.822867134294734e-06, 0.00010791927644520625, 0.00032709045602590106),
        (-4.7433857695568194e-08, -7.502751410444608e-07, -2.273994471726565e-06),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (2, 2, -1, 1),
        (0.00014658909508520135 + 0.00036969163071643053j),
        (0.000937477664675956 - 0.003051073830621709j),
        (1.2269118313847455e-06, 2.422736977872241e-05, -8.490768268428397e-07),
        (-5.255790347469097e-07, -1.0378412936474754e-05, 3.637237555810052e-07),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (2, 1, 1, 0),
        (0.0014422657573939603 - 0.0004932382822775511j),
        (0.001378228978426311 + 0.00038802376904840204j),
        (1.2883430420525036e-05, 0.00010754466153738619, 0.0009834828307795844),
        (-2.974539101986923e-09, -2.4830017356500587e-08, -2.2706748441984005e-07),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (3, 0, 2, 1),
        (-5.2799690883362266e-05 + 3.41087529882982e-05j),
        (0.00013251728276691954 + 0.0005095402402992059j),
        (1.504577328411889e-08, 0.0, 1.2708140184395197e-06),
        (7.949145209346876e-12, 0.0, 6.714101678849633e-10),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (2, 0, 2, 0),
        (-0.0010551420256915839 + 0.0003536727927021478j),
        (-0.0012917982209911902 - 0.0002471455672662138j),
        (7.697652636803528e-06, 0.0, 0.0008318893640379936),
        (5.759293104360236e-10, 0.0, 6.22409831146155e-08),
    ),
    (
        (0.9, 6.0, 0.3, 0.5),
        (3, -2, -1, 0),
        (-0.0001879710147462567 + 0.00026516489027238156j),
        (5.1155898862998485e-05 - 9.058420818740336e-05j),
        (2.509882581852885e-07, 2.7427706227766265e-06, 1.6697656959389243e-05),
        (-1.927086352096924e-11, -2.1058976512691011e-10, -1.2820451072528028e-09),
    ),
    (
        (0.7, 9.0, 0.2, -0.6),
        (2, 2, 4, 1),
        (-8.575183917758456e-05 + 2.8065421806741475e-05j),
        (-7.867346099488445e-05 + 9.105859988950473e-06j),
        (6.96561774368424e-08, 1.4445556746496976e-06, 1.7986806306641714e-05),
        (-1.4393185822801212e-10, -2.9849123253234873e-09, -3.7166473248544466e-08),
    ),
    (
        (0.7, 9.0, 0.2, -0.6),
        (3, 3, 5, -1),
        (-9.950941286762528e-07 + 3.9175220044939093e-07j),
        (-7.896891801796665e-07 + 3.668906128888092e-06j),
        (2.15265887022196e-11, 9.9319915675107e-10, 9.795694793335106e-09),
        (-5.979133991205104e-14, -2.7586678596940228e-12, -2.720810645685894e-11),
    ),
    (
        (0.7, 9.0, 0.2, -0.6),
        (2, 0, 2, 0),
        (-0.00040596900856738395 + 0.00012019188375832791j),
        (-0.0004779145059416471 - 0.00010883449362728943j),
        (2.503711954443193e-06, 0.0, 0.0005160304421219987),
        (2.0168462029807014e-10, 0.0, 4.156844144827602e-08),
    ),
    (
        (0.95, 12.0, 0.1, -1.0),
        (2, 2, 0, -1),
        (-0.0003190289614572261 - 8.559916066826076e-05j),
        (-0.00039551634154932745 - 0.0002483804051349524j),
        (2.2496468029400704e-06, -7.24237046697233e-05, 0.0),
        (1.7086329575872072e-08, -5.500664750907935e-07, 0.0),
    ),
    (
        (0.95, 12.0, 0.1, -1.0),
        (2, 2, 0, 0),
        (-0.0005507587686937431 - 0.00013028908330740154j),
        (-0.0007350991022496673 - 0.0005067488925207076j),
        (1.069966775205176e-05, -0.00043843458055891607, 0.0),
        (4.676079128510741e-08, -1.91609201227372e-06, 0.0),
    ),
    (
        (0.0, 8.0, 0.2, 1.0),
        (2, 2, 0, 0),
        (-0.0016270393431788335 + 0.0005061763380988777j),
        (-0.0018344366527926561 - 0.0006788483393402982j),
        (3.146031054415071e-05, 0.0007342106014217283, 0.0),
        (1.8257635713940768e-08, 4.2609082574881334e-07, 0.0),
    ),
    (
        (0.0, 8.0, 0.2, 1.0),
        (3, 2, 0, 1),
        (-9.26157583115335e-05 + 5.033482289685834e-05j),
        (-7.618879150650336e-05 + 0.000513505068973841j),
        (7.728803984070133e-08, 1.4451783818208054e-06, 0.0),
        (8.632971626212504e-11, 1.6142451006377471e-09, 0.0),
    ),
    (
        (0.0, 8.0, 0.2, 1.0),
        (2, 0, 0, 1),
        (-1.7020693085965098e-06 + 2.381637621762603e-07j),
        (0.0011803431072042667 + 9.64967963566682e-05j),
        (5.199678075863537e-10, 0.0, 0.0),
        (3.6198591799772364e-10, 0.0, 0.0),
    ),
]
ROWS = [pytest.param(row, id=f"a={row[0][0]} x={row[0][3]} {row[1]}") for row in KNOWN]


def frequency(orbit, mode):
    omega = orbit_frequencies(*orbit)
    return mode[1] * omega.azimuthal + mode[2] * omega.polar + mode[3] * omega.radial


def of_orbit(orbit):
    """Modes and amplitudes of one orbit of the list."""
    rows = [row for row in KNOWN if row[0] == orbit]
    return np.array([row[1] for row in rows]), np.array([row[2] for row in rows]), np.array([row[3] for row in rows])


# The horizon


@pytest.mark.parametrize("row", ROWS)
def test_power_into_the_hole_is_that_of_another_code(row):
    orbit, mode, _, amplitude, _, known = row
    w = np.array([frequency(orbit, mode)])
    alpha = horizon_factor(np.array([mode]), a=orbit[0], frequencies=w)
    assert alpha * np.abs(amplitude) ** 2 / (4 * np.pi * w**2) == pytest.approx(known[0], rel=1e-10)


def test_waves_slower_than_the_hole_take_energy_out():
    a, w = 0.9, np.array([0.1, 0.5, 0.9])
    edge = 2 * a / (2 * (1 + np.sqrt(1 - a * a)))
    alpha = horizon_factor(np.tile([2, 2, 0, 0], (3, 1)), a=a, frequencies=w)
    np.testing.assert_array_equal(alpha < 0, w < edge)
    # The mirror image falls in at the same rate.
    mirrored = horizon_factor(np.tile([2, -2, 0, 0], (3, 1)), a=a, frequencies=-w)
    np.testing.assert_allclose(mirrored, alpha, rtol=1e-12)


def test_the_constant_of_a_hole_without_spin_is_a_factorial():
    for l in (2, 3, 6):
        known = ((l + 2) * (l + 1) * l * (l - 1)) ** 2 + 144 * 0.3**2
        assert starobinsky_constant(l, 1, a=0.0, frequency=0.3) == pytest.approx(known, rel=1e-14)


def test_factors_of_several_orbits_come_at_once_and_static_modes_give_none():
    modes = np.array([[2, 2, 0, 0], [3, 2, 0, 1], [2, 0, 0, 1]])
    w = np.array([[0.1, 0.2, 0.0], [-0.1, 0.3, 0.2]])
    together = horizon_factor(modes, a=0.6, frequencies=w)
    assert together[0, 2] == 0.0
    for i in range(2):
        for j in range(3):
            assert together[i, j] == pytest.approx(
                float(horizon_factor(modes[j : j + 1], a=0.6, frequencies=w[i, [j]])[0])
            )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"a": 1.0}, DomainError, r"\[0, 1\)"),
        ({"a": -0.5}, DomainError, "retrograde"),
        ({"frequencies": np.zeros(2)}, InputError, "one frequency"),
        ({"modes": np.array([[2, 3, 0, 0]])}, InputError, "no spheroidal harmonic"),
    ],
)
def test_factors_that_do_not_exist_are_refused(change, error, words):
    settings = {"modes": np.array([[2, 2, 0, 0]]), "a": 0.5, "frequencies": np.array([0.1]), **change}
    with pytest.raises(error, match=words):
        horizon_factor(settings.pop("modes"), **settings)


# Fluxes


@pytest.mark.parametrize("row", ROWS)
def test_fluxes_are_twice_those_of_one_image(row):
    orbit, mode, infinity, horizon, away, inside = row
    found = fluxes(np.array([mode]), orbit=np.array(orbit), infinity=np.array([infinity]), horizon=np.array([horizon]))
    for got, known in zip(np.array(astuple(found), float).reshape(2, 3), (away, inside), strict=True):
        # Equatorial orbits have no Carter constant to lose, up to rounding.
        np.testing.assert_allclose(got, 2 * np.array(known), rtol=1e-10, atol=1e-11 * abs(known[0]))


def test_fluxes_add_up_and_pairs_count_once():
    orbit = KNOWN[1][0]
    modes, infinity, _ = of_orbit(orbit)
    every = fluxes(modes, orbit=np.array(orbit), infinity=infinity)
    assert every.energy_horizon is None
    assert every.energy_infinity == pytest.approx(2 * sum(row[4][0] for row in KNOWN if row[0] == orbit), rel=1e-10)
    mirrored = modes * np.array([1, -1, -1, -1])
    signs = (-1.0) ** (modes[:, 0] + modes[:, 2])
    both = fluxes(
        np.concatenate([modes, mirrored, modes]),
        orbit=np.array(orbit),
        infinity=np.concatenate([infinity, signs * infinity.conj(), infinity]),
    )
    assert both == every
    other = fluxes(mirrored, orbit=np.array(orbit), infinity=signs * infinity.conj())
    for name in ("energy_infinity", "momentum_infinity", "carter_infinity"):
        assert getattr(other, name) == pytest.approx(getattr(every, name), rel=1e-12)


def test_a_circular_orbit_loses_energy_and_momentum_at_the_rate_it_turns():
    orbit = (0.6, 9.0, 0.0, -1.0)
    modes = np.array([[2, 2, 0, 0], [3, 3, 0, 0], [3, 2, 0, 0]])
    found = fluxes(modes, orbit=np.array(orbit), infinity=np.array([1e-3, 3e-4j, 1e-4]))
    omega = float(orbit_frequencies(*orbit).azimuthal)
    assert omega < 0
    assert found.energy_infinity == pytest.approx(omega * found.momentum_infinity, rel=1e-12)
    assert abs(found.carter_infinity) < 1e-15


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"modes": np.array([[2, 0, 0, 0]])}, InputError, "static"),
        ({"infinity": np.zeros(2)}, InputError, "infinity"),
        ({"horizon": np.zeros(2)}, InputError, "horizon"),
        ({"orbit": np.array([0.5, 3.0, 0.1, 0.5])}, DomainError, "separatrix"),
    ],
)
def test_fluxes_of_what_does_not_exist_are_refused(change, error, words):
    settings = {"modes": np.array([[2, 2, 0, 0]]), "orbit": np.array(KNOWN[1][0]), "infinity": np.ones(1), **change}
    with pytest.raises(error, match=words):
        fluxes(settings.pop("modes"), **settings)


# Dominant modes


def test_dominant_modes_of_a_known_list():
    power = np.array([0.001, 60.0, np.nan, 30.0, 9.5, 0.4, 0.099])
    np.testing.assert_array_equal(dominant(power), [1, 3, 4])
    np.testing.assert_array_equal(dominant(power, share=0.5), [1])
    np.testing.assert_array_equal(dominant(power, share=1.0, least=0.002), [1, 3, 4, 5])
    assert dominant(np.zeros(3)).size == 0


@given(
    power=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30),
    share=st.floats(0.05, 0.999),
    least=st.sampled_from([0.0, 1e-3, 0.1]),
)
def test_dominant_modes_are_the_fewest(power, share, least):
    value = np.array(power)
    found = dominant(value, share=share, least=least)
    if value.sum() == 0.0:
        assert found.size == 0
        return
    assert len(np.unique(found)) == found.size
    assert (np.diff(value[found]) <= 0).all()
    assert (value[found] >= least * value.sum()).all()
    left = np.delete(value, found)
    assert found.size == 0 or left.size == 0 or left.max() <= value[found[-1]]
    if least == 0.0:
        slack = 1e-12 * value.sum()
        assert value[found].sum() >= share * value.sum() - slack
        assert value[found[:-1]].sum() < share * value.sum() + slack


@pytest.mark.parametrize(
    ("power", "settings", "words"),
    [
        (np.array([-1.0, 2.0]), {}, "power"),
        (np.ones((2, 2)), {}, "power"),
        (np.ones(2), {"share": 0.0}, "share"),
        (np.ones(2), {"least": 1.0}, "least"),
    ],
)
def test_sets_that_make_no_sense_are_refused(power, settings, words):
    with pytest.raises(InputError, match=words):
        dominant(power, **settings)


# The error


def test_the_error_is_zero_up_to_a_factor_and_grows_with_a_stray_mode():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(3, 8)) + 1j * rng.normal(size=(3, 8))
    w = rng.uniform(0.05, 0.3, (3, 8))
    np.testing.assert_allclose(mode_error(2j * z, z, frequencies=w), 0.0, atol=1e-14)
    # Two modes of equal A, of which one is missing: the cosine is 1 / sqrt(2).
    pair = np.array([0.1, 0.4]) ** 2
    assert mode_error(pair * [1, 0], pair, frequencies=np.array([0.1, 0.4])) == pytest.approx(1 - 2**-0.5)
    # A part eps that is orthogonal costs eps^2 / 2.
    assert mode_error(pair * [1, 1.002], pair * [1, 0.998], frequencies=np.array([0.1, 0.4])) == pytest.approx(
        2e-6, rel=1e-3
    )
    # Static modes do not count.
    static = np.array([1.0, 1.0, 5.0])
    assert mode_error(static, static * [1, 1, -9], frequencies=np.array([0.1, 0.2, 0.0])) == pytest.approx(0, abs=1e-14)
    with pytest.raises(InputError, match="shapes"):
        mode_error(z, z[:, :5], frequencies=w)


# Snapshots


def spectrum_of(modes, frequencies, values, *, x=1.0):
    count = len(frequencies)
    return Amplitudes(
        values=values,
        modes=modes,
        orbits=np.tile([0.5, 10.0, 0.1, x], (count, 1)),
        frequencies=frequencies,
        error=np.zeros(count),
        resonant=np.zeros(count, bool),
        extrapolated=np.zeros(count, bool),
    )


def test_a_snapshot_has_each_pair_once_by_rising_frequency():
    modes = np.array([[2, 2, 0, 0], [2, -2, 0, 1], [2, 2, 0, -1], [3, 1, 0, 0]])
    w = np.array([[0.2, -0.15, 0.15, 0.1], [0.4, -0.3, 0.3, 0.2]])
    z = np.array([[2.0, 1.0, 1.0, 0.5], [4.0, 2.0, 2.0, 1.0]]) + 0j
    found = power_spectrum(spectrum_of(modes, w, z), orbit=1)
    np.testing.assert_allclose(found.frequency, [0.2, 0.3, 0.4])
    np.testing.assert_array_equal(found.modes, [[3, 1, 0, 0], [2, 2, 0, -1], [2, 2, 0, 0]])
    np.testing.assert_allclose(found.power, 2 * np.array([1, 4, 16]) / (4 * np.pi * found.frequency**2))
    assert found.total == pytest.approx(found.power.sum())


def test_a_snapshot_of_an_own_list_of_modes_forgets_the_empty_rows():
    modes = np.array([[[2, 2, 0, 0], [3, 3, 0, 0]], [[2, 2, 1, 0], [0, 0, 0, 0]]])
    w = np.array([[0.2, 0.3], [0.25, 0.0]])
    z = np.array([[1.0, 0.5], [1.0, 0.0]]) + 0j
    assert len(power_spectrum(spectrum_of(modes, w, z)).power) == 2
    np.testing.assert_array_equal(power_spectrum(spectrum_of(modes, w, z), orbit=1).modes, [[2, 2, 1, 0]])
    with pytest.raises(InputError, match="orbit"):
        power_spectrum(spectrum_of(modes, w, z), orbit=2)
