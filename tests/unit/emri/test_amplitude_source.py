"""Amplitudes from the source of the orbit: numbers of other codes, symmetries, limits, and the radial equation."""

import numpy as np
import pytest
from ingoing_wave import ingoing

from swansong.emri.amplitudes.models import load
from swansong.emri.amplitudes.modes import polar_index
from swansong.emri.amplitudes.products import fluxes, mode_error
from swansong.emri.amplitudes.radial import highest_frequency, load_table, lowest_radius
from swansong.physics.spheroidal import mixing_coefficients

# (a, p, e, x), mode and Z of other codes.
SINGLE = {
    "round Schwarzschild quadrupole": (
        (0.0, 10.0, 0.0, 1.0), (2, 2, 0, 0), -1.1206407919231826e-3 + 3.0576083809866894e-4j, 1e-5,
    ),
    "round Schwarzschild octupole": (
        (0.0, 8.0, 0.0, 1.0), (3, 3, 0, 0), -8.435123000293643e-4 - 1.4099002500772818e-3j, 1e-5,
    ),
    "eccentric Kerr": ((0.9, 5.0, 0.5, 1.0), (3, 3, 0, 1), 9.114873055821887e-4 + 1.1872334313407199e-3j, 1e-5),
    # A thousand times weaker than the strongest mode of its orbit.
    "spherical Kerr": ((0.9, 7.0, 0.0, 0.1), (3, 3, 4, 0), -6.696690048496821e-7 - 1.0029341164657833e-6j, 1e-4),
}  # fmt: skip
# Scott Hughes' circular equatorial orbits, arXiv:1404.1819: (a, r, x) and the power at infinity.
TOTALS = {
    "prograde": ((0.9, 9.999558431332, 1.0), 5.0501625145717036e-5),
    "retrograde": ((0.9, 10.0026169009, -1.0), 7.916544068877979e-5),
    "Schwarzschild": ((0.0, 10.001509204494521, 1.0), 6.145612182420341e-5),
}
# Solved by pybhpt 1.0.0: a generic retrograde orbit, (l, m, k, n) and Z in single precision.
RETROGRADE = (0.6444084577014413, 8.258831929204392, 0.24065423728763338, -0.22464315979203)
RETROGRADE_MODES = np.array(
    [
        (2, 0, 2, 1), (2, 1, -1, -1), (2, 0, 2, 2), (2, 1, 3, 1),
        (2, 1, -1, 0), (4, 3, -1, 1), (2, 2, -2, -4), (9, 4, -5, -7),
    ]
)  # fmt: skip
RETROGRADE_VALUES = np.array(
    [
        -0.0012363652931526303 + 0.0004050076240673661j, 0.0011438785586506128 + 0.00036988602369092405j,
        -0.0010757019044831395 + 0.00036293736775405705j, -0.0008867321885190904 + 0.00029405797249637544j,
        0.0006328934687189758 + 0.00019043410429731011j, 4.247563992976211e-05 + 3.2226464099949226e-05j,
        1.9969927961938083e-05 + 1.3729428474107408e-06j, -1.330878512817435e-05 - 3.6185670069244225e-06j,
    ]
)  # fmt: skip
GENERIC = np.array(
    [
        (2, 2, 0, 0), (2, 2, 0, 1), (2, 1, 1, 0), (2, 0, 2, -1), (3, 3, 0, 2),
        (3, 2, 0, 0), (3, -1, 2, 1), (4, 4, -1, 0), (2, 2, 1, -4),
    ]
)  # fmt: skip
# Spin, l, m and a share of the largest frequency of the table.
RADIAL = [
    (0.0, 2, 2, 0.1), (0.0, 4, -3, 0.3), (0.3, 2, 0, 0.02), (0.5, 3, -2, 0.4), (0.9, 2, 2, 0.5), (0.9, 2, -1, 0.05),
    (0.9, 5, 4, 0.25), (0.97, 3, 1, 0.25), (0.99, 6, 6, 0.15), (0.99, 2, -2, 0.6),
]  # fmt: skip
_STEPS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * 1e-3


@pytest.fixture(scope="module")
def model():
    return load("lowrank")


def values_of(model, orbit, modes):
    a, p, e, x = orbit
    return model(a=a, p=p, e=e, x=x, modes=np.atleast_2d(modes)).values[0]


# Numbers of other codes


@pytest.mark.parametrize("name", SINGLE)
def test_single_modes(model, name):
    orbit, mode, expected, tolerance = SINGLE[name]
    found = values_of(model, orbit, mode)[0]
    assert abs(found / expected - 1.0) < tolerance


def test_spherical_harmonic_amplitude_of_an_eccentric_orbit(model):
    # (3, 2, 0, 4) of FastEMRIWaveforms' tests, projected on spherical harmonics: -2 sum_j b^j_3 Z_j / w^2.
    a, orbit = 0.94071396, (0.94071396, 3.03167504, 0.23666111, 1.0)
    modes = np.array([(l, 2, 0, 4) for l in range(2, 11)])
    answer = model(a=a, p=orbit[1], e=orbit[2], x=1.0, modes=modes)
    w = answer.frequencies[0, 0]
    mixing = mixing_coefficients(2, g=a * w, degrees=9)
    found = -2.0 * (mixing[:, 1] * answer.values[0]).sum() / w**2
    assert abs(found / (2.753336140076555e-3 + 4.143260615912325e-3j) - 1.0) < 1e-4


@pytest.mark.parametrize("name", TOTALS)
def test_power_of_circular_orbits(model, name):
    (a, r, x), expected = TOTALS[name]
    modes = np.array([(l, m, 0, 0) for l in range(2, 11) for m in range(1, l + 1)])
    answer = model(a=a, p=r, e=0.0, x=x, modes=modes)
    assert (np.sign(answer.frequencies) == x).all()
    total = fluxes(modes, orbit=np.array([a, r, 0.0, x]), infinity=answer.values[0])
    # Degrees above ten radiate less than that.
    assert total.energy_infinity == pytest.approx(expected, rel=1e-5)


def test_power_of_the_quadrupole(model):
    answer = model(a=0.9, p=10.0, e=0.0, x=1.0, modes=np.array([(2, 2, 0, 0)]))
    assert 2.0 * answer.power[0, 0] == pytest.approx(4.4546001102360994e-5, rel=1e-5)


def test_generic_retrograde_orbit(model):
    found = model(**dict(zip("apex", RETROGRADE, strict=True)), modes=RETROGRADE_MODES)
    # Modes of one orbit differ in strength: what matters is the error over the strongest.
    square = found.frequencies[0] ** 2
    largest = np.abs(RETROGRADE_VALUES / square).max()
    assert (np.abs(found.values[0] - RETROGRADE_VALUES) / square < 1e-5 * largest).all()
    np.testing.assert_allclose(found.values[0], RETROGRADE_VALUES, rtol=1e-3)
    assert mode_error(found.values[0], RETROGRADE_VALUES, frequencies=found.frequencies[0]) < 1e-8


# Exact symmetries and limits


@pytest.mark.parametrize("x", [0.4, -0.4])
def test_mirror_images(model, x):
    orbit = (0.7, 9.0, 0.3, x)
    found = values_of(model, orbit, np.concatenate([GENERIC, GENERIC * [1, -1, -1, -1]]))
    one, two = np.split(found, 2)
    sign = (-1.0) ** (GENERIC[:, 0] + GENERIC[:, 2])
    np.testing.assert_allclose(two, sign * np.conj(one), rtol=1e-12)


@pytest.mark.parametrize("l, j, n", [(2, 2, 0), (2, 2, 1), (3, 1, -1), (4, 3, 0)])
def test_tilted_orbits_around_schwarzschild_holes_are_turned_ones(model, l, j, n):
    # Turning the orbit by beta about an axis in the equator mixes the orders by Wigner's matrix.
    p, e, x = 8.0, 0.3, 0.35
    flat = values_of(model, (0.0, p, e, 1.0), (l, j, 0, n))[0]
    m = np.arange(-l, l + 1)
    tilted = values_of(model, (0.0, p, e, x), np.column_stack([0 * m + l, m, j - m, 0 * m + n]))
    sizes = np.abs(wigner(l, np.arccos(x))[m + l, j + l])
    np.testing.assert_allclose(np.abs(tilted), sizes * np.abs(flat), atol=1e-4 * np.abs(flat))
    assert np.sum(np.abs(tilted) ** 2) == pytest.approx(np.abs(flat) ** 2, rel=1e-4)


def wigner(l, beta):
    """d^l(beta) from its generator, J_y in the basis of J_z."""
    m = np.arange(-l, l)
    up = np.sqrt(l * (l + 1) - m * (m + 1.0))
    generator = np.diag(up, 1) - np.diag(up, -1)
    values, vectors = np.linalg.eigh(-0.5j * generator)
    return (vectors * np.exp(1j * beta * values)) @ vectors.conj().T


@pytest.mark.parametrize("e", [0.0, 0.25])
def test_amplitudes_pass_smoothly_through_polar_orbits(model, e):
    # (l, m, j, n): in this index, and with (-1)^m beyond, nothing happens at x = 0.
    listed = np.array(
        [(l, m, j, n) for l in (2, 3) for m in (1, 2) for j in (-1, 0, 1, 2) for n in ((0, 1) if e else (0,))]
    )

    def at(x):
        retrograde = x < 0.0
        sign = (-1.0) ** listed[:, 1] if retrograde else 1.0
        return sign * values_of(model, (0.8, 8.0, e, x), polar_index(listed, retrograde=retrograde))

    scale = np.abs(at(0.0)).max()
    # Either side of x = 0 within what the slope explains; the distance is a hundredth of that of the scan below.
    near = [at(x) for x in (-0.002, 0.0, 0.002)]
    np.testing.assert_allclose(near[0] + near[2], 2.0 * near[1], atol=2e-5 * scale)
    scan = np.array([at(x) for x in np.linspace(-0.06, 0.06, 7)])
    assert np.abs(np.diff(scan, n=3, axis=0)).max() < 1e-3 * scale
    assert np.abs(np.diff(scan, axis=0)).max() > 1e-3 * scale


def test_silent_modes_are_exactly_zero(model):
    k = np.array([(2, 2, 1, 0), (3, 2, -2, 1), (2, 1, 1, 0), (2, 2, 0, 1)])
    for x in (1.0, -1.0):
        assert (values_of(model, (0.7, 10.0, 0.2, x), k) == 0.0).tolist() == [True, True, True, False]
    n = np.array([(2, 2, 0, 1), (3, 1, 2, -2), (2, 1, 1, 0)])
    assert (values_of(model, (0.7, 8.0, 0.0, 0.5), n) == 0.0).tolist() == [True, True, False]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_limits_of_flat_and_of_round_orbits(model, sign):
    modes = np.array([(2, 2, 0, 0), (2, 1, 0, 0), (3, 3, 0, 0), (4, 2, 0, 0)])
    limit = values_of(model, (0.7, 9.0, 0.0, sign), modes)
    for e, x in ((1e-7, 1.0), (0.0, 1.0 - 1e-13), (1e-7, 1.0 - 1e-13)):
        np.testing.assert_allclose(values_of(model, (0.7, 9.0, e, sign * x), modes), limit, rtol=1e-5)


def test_retrograde_and_prograde_are_the_same_without_spin(model):
    modes = np.array([(2, 2, 0, 0), (2, 1, 0, 1), (3, 3, 0, -1), (4, 2, 0, 2)])
    # Retrograde (l, m, 0, n) turns like prograde (l, -m, 0, n), whose image is (l, m, 0, -n).
    one = model(a=0.0, p=9.0, e=0.3, x=1.0, modes=modes * [1, 1, 1, -1])
    two = model(a=0.0, p=9.0, e=0.3, x=-1.0, modes=modes)
    np.testing.assert_allclose(two.frequencies, -one.frequencies, rtol=1e-9)
    np.testing.assert_allclose(np.abs(two.values), np.abs(one.values), rtol=1e-5)


def test_modes_beyond_the_table_are_finite_and_weak(model):
    modes = np.array([(2, 2, 4, 0), (2, 2, 4, 80), (3, 1, 2, 90), (2, 0, 2, -85)])
    found = model(a=0.6, p=9.0, e=0.45, x=-0.6, modes=modes)
    w = found.frequencies[0]
    top = highest_frequency(modes[:, 0], modes[:, 1] * np.sign(w), 0.6)
    assert (np.abs(w) > top).tolist() == [False, True, True, True]
    assert np.isfinite(found.values).all()
    assert (found.power[0, 1:] < 1e-6 * found.power[0, 0]).all()


# The radial functions


@pytest.fixture(scope="module", params=RADIAL, ids=str)
def radial(request):
    """A mode, and the packaged function around eight radii."""
    a, l, m, share = request.param
    w = share * float(highest_frequency(l, m, a))
    low = float(lowest_radius(a))
    centre = np.geomspace(low * 1.1, low + 15.0, 8)
    radius = centre[:, None] * (1.0 + _STEPS)
    found = load_table().evaluate(a, l=np.array([l]), m=np.array([m]), w=np.array([w]), radius=radius.ravel())
    assert bool(found.inside[0])
    return (a, l, m, w), radius, [np.asarray(part)[0].reshape(radius.shape) for part in found[:3]]


def test_radial_functions_solve_their_equation(radial):
    _, radius, (value, slope, curvature) = radial
    step = (radius[:, 3] - radius[:, 2])[:, None]

    def derivative(values):
        return (values @ np.array([1.0, -8.0, 0.0, 8.0, -1.0]))[:, None] / (12.0 * step)

    # The slope is that of the series, to the accuracy of differences; the curvature is what the equation demands.
    np.testing.assert_allclose(derivative(value) * step, slope[:, 2:3] * step, atol=1e-9 * np.abs(value).max())
    size = np.abs(curvature[:, 2:3]) + np.abs(slope[:, 2:3]) / radius[:, 2:3]
    assert (np.abs(derivative(slope) - curvature[:, 2:3]) < 5e-4 * size).all()


def test_radial_functions_are_those_that_fall_into_the_hole(radial):
    (a, l, m, w), radius, (value, slope, _) = radial
    middle = radius[:, 2]
    expected, expected_slope = ingoing(a, l=l, m=m, w=w, radius=middle)
    found, found_slope = value[:, 2] / value[3, 2], slope[:, 2] / value[3, 2]
    expected_slope, expected = expected_slope / expected[3], expected / expected[3]
    np.testing.assert_allclose(found / expected, 1.0, atol=1e-4)
    size = np.abs(expected_slope) + np.abs(expected) / middle
    assert (np.abs(found_slope - expected_slope) < 5e-4 * size).all()
