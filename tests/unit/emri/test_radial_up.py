"""Radial functions of amplitudes at the horizon: their equation, their normalisation, power into the hole."""

from importlib import resources

import numpy as np
import pytest
from ingoing_wave import ingoing
from scipy.special import loggamma

from swansong.core.errors import DomainError, FileError
from swansong.emri.amplitudes.horizon import horizon_factor, horizon_modes
from swansong.emri.amplitudes.models import load
from swansong.emri.amplitudes.products import fluxes
from swansong.emri.amplitudes.radial import (
    LARGEST_UP_L,
    UP_SHARE,
    highest_frequency,
    load_table,
    lowest_radius,
    read_table,
)
from swansong.emri.amplitudes.radial_kernels import near_zone
from swansong.physics.geodesics import orbit_frequencies
from swansong.physics.spheroidal import spheroidal_harmonic

# Spin, l, m and a share of the largest frequency of the table.
MODES = [
    (0.0, 2, 2, 0.2), (0.0, 4, -3, 0.4), (0.3, 2, 0, 0.05), (0.5, 3, -2, 0.5), (0.9, 2, 2, 0.45), (0.9, 2, -1, 0.1),
    (0.9, 5, 4, 0.35), (0.97, 3, 1, 0.3), (0.99, 6, 6, 0.5), (0.99, 2, -2, 0.7), (0.98, 2, 1, 0.02),
]  # fmt: skip
# Scott Hughes' circular equatorial orbits, arXiv:1404.1819: (a, r, x) and the power that falls into the hole.
TOTALS = {
    "superradiant": ((0.9, 9.999558431332, 1.0), -1.2237488259434616e-7),
    "retrograde": ((0.9, 10.0026169009, -1.0), 5.564586290117628e-7),
    "Schwarzschild": ((0.0, 10.001509204494521, 1.0), 1.2572232703838338e-8),
}
_STEPS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * 1e-3


@pytest.fixture(scope="module")
def table():
    return load_table("horizon")


def evaluate(table, a, l, m, w, radius):
    return table.evaluate(a, l=np.atleast_1d(l), m=np.atleast_1d(m), w=np.atleast_1d(w), radius=radius)


@pytest.fixture(scope="module", params=MODES, ids=str)
def radial(request, table):
    """A mode, and the packaged function around eight radii."""
    a, l, m, share = request.param
    w = share * UP_SHARE * float(highest_frequency(l, m, a))
    low = float(lowest_radius(a))
    radius = np.geomspace(low * 1.05, low + 6.0, 8)[:, None] * (1.0 + _STEPS)
    found = evaluate(table, a, l, m, w, radius.ravel())
    assert bool(found.inside[0])
    return (a, l, m, w), radius, [np.asarray(part)[0].reshape(radius.shape) for part in found[:3]]


# The functions


def test_slope_and_curvature(radial):
    _, radius, (value, slope, curvature) = radial
    step = (radius[:, 3] - radius[:, 2])[:, None]

    def derivative(values):
        return (values @ np.array([1.0, -8.0, 0.0, 8.0, -1.0]))[:, None] / (12.0 * step)

    # The slope is that of the series, to the accuracy of differences; the curvature is what the equation demands.
    np.testing.assert_allclose(derivative(value) * step, slope[:, 2:3] * step, atol=1e-8 * np.abs(value).max())
    size = np.abs(curvature[:, 2:3]) + np.abs(slope[:, 2:3]) / radius[:, 2:3]
    assert (np.abs(derivative(slope) - curvature[:, 2:3]) < 2e-2 * size).all()


def test_wronskian_with_what_falls_into_the_hole(radial):
    # R_in integrated from the horizon, with its normalisation there: the Wronskian over Delta is one at every radius.
    (a, l, m, w), radius, (value, slope, _) = radial
    r = radius[:, 2]
    inner, inner_slope = ingoing(a, l=l, m=m, w=w, radius=r)
    found = (inner * slope[:, 2] - value[:, 2] * inner_slope) / (r * (r - 2.0) + a * a)
    np.testing.assert_allclose(found, 1.0, atol=2e-3)


@pytest.mark.parametrize("l, m, a, w", [(2, 2, 0.9, 0.3), (3, -1, 0.5, 0.1), (5, 4, 0.97, 1.2), (6, 6, 0.0, 0.7)])
def test_near_zone_is_a_ratio_of_gamma_functions(l, m, a, w):
    found = near_zone(l, m, w, a)
    root = np.sqrt(1.0 - a * a)
    tau = (a * m - 2.0 * (1.0 + root) * w) / root
    power = (l - 2.0) * np.log(root) - loggamma(l + 1.0) + np.log(2.0)
    expected = np.exp(power + loggamma(l + 1.0 + 1j * tau) - loggamma(3.0 + 1j * tau))
    q = w - a * m / (2.0 * (1.0 + root))
    assert found == pytest.approx(expected * np.exp(1j * q * (1.0 + root + 2.0 * np.log(root))), rel=1e-12)


def test_functions_hardly_change_where_the_hole_neither_takes_nor_gives(table):
    # Through w = m a / (2 r+), where the power into the hole changes its sign, nothing happens to the function.
    a, l, m = 0.9, 2, 2
    w = m * a / (2.0 * (1.0 + np.sqrt(1.0 - a * a))) + 1e-3 * np.arange(-2, 3)
    one = np.ones(5, int)
    found = np.asarray(evaluate(table, a, l * one, m * one, w, np.array([3.0, 5.0, 8.0])).value)
    assert np.abs(np.diff(found, n=3, axis=0)).max() < 1e-4 * np.abs(found).max()
    sign = np.sign(horizon_factor(np.column_stack([l * one, m * one, 0 * one, 0 * one]), a=a, frequencies=w))
    assert sign[[0, 1, 3, 4]].tolist() == [-1.0, -1.0, 1.0, 1.0]


# Power into the hole


@pytest.mark.parametrize("name", TOTALS)
def test_power_into_the_hole_of_circular_orbits(table, name):
    (a, r, x), expected = TOTALS[name]
    assert circular_power(table, a=a, r=r, x=x)[0] == pytest.approx(expected, rel=2e-4)


def test_power_into_the_hole_of_the_quadrupole(table):
    # (2, +-2), from the same source.
    _, parts = circular_power(table, a=0.9, r=10.0, x=1.0)
    assert parts[1] == pytest.approx(-1.1967358426766726e-7, rel=2e-4)


def circular_power(table, *, a, r, x):
    """Total and that of modes with their mirror images, from the source of an equatorial circle in closed form."""
    modes = np.array([(l, int(x) * m, 0, 0) for l in range(2, LARGEST_UP_L + 1) for m in range(1, l + 1)])
    l, m = modes[:, 0], modes[:, 1]
    v, spin = r**-0.5, x * a
    norm = np.sqrt(1.0 - 3.0 * v**2 + 2.0 * spin * v**3)
    energy = (1.0 - 2.0 * v**2 + spin * v**3) / norm
    momentum = x * r * v * (1.0 - 2.0 * spin * v**3 + spin**2 * v**4) / norm
    w = m * x / (r**1.5 + spin)
    delta = r * (r - 2.0) + a * a
    along = energy * (r * r + a * a) - a * momentum
    rate = (r * r + a * a) * along / delta + a * (momentum - a * energy)

    # S and L_2 S, L_1 L_2 S in the equator, L_n = d/dtheta - m / sin + a w sin + n cot.
    step = 2e-3
    theta = 0.5 * np.pi + step * np.arange(-2, 3)
    listed = zip(l.tolist(), m.tolist(), w, strict=True)
    s = np.array([spheroidal_harmonic(d, o, g=a * f, theta=theta, phi=0.0).real for d, o, f in listed])
    first = s @ np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * step)
    second = s @ np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12.0 * step**2)
    c, s = a * w - m, s[:, 2]
    s1, s2 = first + c * s, second + 2.0 * c * first + (c * c - 2.0) * s

    found = evaluate(table, a, l, m, w, np.array([r]))
    assert bool(np.all(found.inside))
    value, slope, curvature = (np.asarray(part)[:, 0] for part in found[:3])
    k = ((r * r + a * a) * w - a * m) / delta
    k_slope = (2.0 * r * w - k * (2.0 * r - 2.0)) / delta
    turn = 1j * (a * energy - momentum)
    total = -0.5 * along**2 * value / delta**2 * (s2 - 2.0j * a / r * s1)
    total -= along / delta * (1j * k * value - slope + 2.0 / r * value) * turn * s1
    bent = (-1j * k_slope - k * k) * value - 2.0j * k * slope + curvature + (2.0j * k * value - 2.0 * slope) / r
    total -= 0.5 * bent * turn**2 * s
    amplitude = -2.0 * np.pi * total / rate
    power = 2.0 * horizon_factor(modes, a=a, frequencies=w) * np.abs(amplitude) ** 2 / (4.0 * np.pi * w**2)
    return power.sum(), power


# Modes that matter


@pytest.mark.parametrize(
    "orbit, wanted",
    [
        # Slow modes that are strong at the horizon and weak at infinity, found by pybhpt 1.0.0.
        ((0.9782280151427157, 3.259150222057774, 0.43931564313447935, 1.0), [(2, 1, 0, 2), (2, 1, 0, 1)]),
        ((0.9726700444256723, 3.31579556346289, 0.0, 0.7262305608354123), [(2, 1, -1, 0), (2, 0, 1, 0)]),
        ((0.99, 5.334, 0.199, 0.199), [(2, 0, 5, 3), (2, 2, 0, 0), (5, 5, 0, 2)]),
        ((0.5, 9.0, 0.3, -0.8), [(2, 2, 0, -2), (2, 2, 0, 0), (3, 3, 0, -4), (4, 4, 0, -1)]),
        ((0.3, 12.0, 0.2, -1.0), [(2, 2, 0, 0), (2, 2, 0, -3)]),
        ((0.0, 30.0, 0.0, 1.0), [(2, 2, 0, 0), (3, 3, 0, 0)]),
    ],
)
def test_modes_at_the_horizon(orbit, wanted):
    a, p, e, x = orbit
    modes = horizon_modes(np.array(orbit))
    assert len(np.unique(modes, axis=0)) == len(modes)
    assert {tuple(mode) for mode in modes.tolist()} >= set(wanted)
    assert (modes[:, 1] >= 0).all()
    assert (np.abs(modes[:, 1]) <= modes[:, 0]).all()
    assert (modes[:, 0] <= LARGEST_UP_L).all()
    assert (modes[:, 2] == 0).all() == (abs(x) == 1.0)
    assert (modes[:, 3] == 0).all() == (e == 0.0)
    omega = orbit_frequencies(a, p, e, x)
    w = modes[:, 1:] @ np.array([float(omega.azimuthal), float(omega.polar), float(omega.radial)])
    assert (w != 0.0).all()
    assert (w[modes[:, 1] == 0] > 0.0).all()


def test_modes_at_the_horizon_of_no_orbit():
    with pytest.raises(DomainError):
        horizon_modes(np.array([0.5, 3.0, 0.2, 1.0]))


# What is not in the table


def test_modes_beyond_the_table_are_flagged(table):
    a = 0.6
    top = UP_SHARE * float(highest_frequency(2, 2, a))
    l, m = np.array([2, 2, 7, 2, 6]), np.array([2, 2, 7, 0, -6])
    w = np.array([0.5 * top, 1.01 * top, 0.3, 0.0, 0.1])
    found = evaluate(table, a, l, m, w, np.array([6.0, 8.0, 12.0]))
    assert found.inside.tolist() == [True, False, False, False, True]
    assert np.isfinite(np.asarray(found.value)[np.asarray(found.inside)]).all()
    outside = evaluate(table, a, l, m, w, np.array([6.0, 8.0, 300.0]))
    assert not outside.inside.any()


def test_shape_of_the_packaged_table(table):
    kernel, families = table.kernel, (LARGEST_UP_L + 1) ** 2 - 4
    assert kernel.weights.shape[0] == kernel.shapes.shape[0] == kernel.eigenvalues.shape[0] == families
    assert kernel.weights.shape[1:3] == kernel.eigenvalues.shape[1:]
    assert kernel.largest_l == LARGEST_UP_L
    # Without spin lambda = (l - 1) (l + 2) at every frequency; towards none the table interpolates.
    l = np.repeat(np.arange(2, LARGEST_UP_L + 1), 2 * np.arange(2, LARGEST_UP_L + 1) + 1)
    slow = kernel.eigenvalues @ table.shares(np.zeros(1))[0]
    np.testing.assert_allclose(slow, np.broadcast_to(((l - 1.0) * (l + 2.0))[:, None], slow.shape), atol=1e-3)


# Amplitudes


@pytest.mark.parametrize(
    "orbit, mode, expected",
    [
        # Solved by pybhpt 1.0.0.
        (
            (0.9782280151427157, 3.259150222057774, 0.43931564313447935, 1.0), (2, 1, 0, 2),
            0.02967965572288532 - 0.046474532434585984j,
        ),
        (
            (0.9726700444256723, 3.31579556346289, 0.0, 0.7262305608354123), (2, 1, -1, 0),
            0.027532087533533374 + 0.02285763948339504j,
        ),
    ],
)  # fmt: skip
def test_amplitudes_at_the_horizon(orbit, mode, expected):
    a, p, e, x = orbit
    modes = np.array([mode, np.array(mode) * [1, -1, -1, -1]])
    found, image = load("lowrank").horizon(a=a, p=p, e=e, x=x, modes=modes)[0]
    assert abs(found / expected - 1.0) < 1e-5
    assert image == pytest.approx((-1.0) ** (mode[0] + mode[2]) * np.conj(found), rel=1e-12)


@pytest.mark.parametrize("name", TOTALS)
def test_power_into_the_hole_by_the_model(name):
    (a, r, x), expected = TOTALS[name]
    orbit = np.array([a, r, 0.0, x])
    modes = horizon_modes(orbit)
    model = load("lowrank")
    found = model.horizon(a=a, p=r, e=0.0, x=x, modes=modes)[0]
    total = fluxes(modes, orbit=orbit, infinity=np.zeros(len(modes), complex), horizon=found)
    assert total.energy_horizon == pytest.approx(expected, rel=2e-4)


def test_other_files_are_refused(tmp_path):
    other = resources.files("swansong.emri.amplitudes") / "data" / "radial.h5"
    with pytest.raises(FileError):
        read_table(str(other), end="horizon")
    with pytest.raises(FileError):
        read_table(tmp_path / "none.h5", end="horizon")
