"""The analytic baseline of amplitudes against the Teukolsky equation, brute force, symmetries and limits."""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import loggamma, sph_harm_y

from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes import kludge as module
from swansong.emri.amplitudes.kludge import enough_nodes, full_grid, kludge_grid, kludge_modes
from swansong.emri.amplitudes.modes import ModeGrid, polar_index
from swansong.physics.geodesics import constants_of_motion, orbit_frequencies
from swansong.physics.spheroidal import mixing_coefficients

# Solved by pybhpt 1.0.0 far from the hole: orbit, and (l, m, k, n) with real and imaginary part of Z.
FAR = {
    (0.5, 1000.0, 0.2, 0.7): [
        (2, 2, 0, 0, -7.00451944e-12, 7.65358950e-15), (2, 1, 1, 0, 5.88464999e-12, -6.42985637e-15),
        (2, 0, 2, 1, -3.08182279e-12, 4.82371258e-15), (2, 2, -1, 0, 9.76607753e-18, 1.62101833e-14),
        (2, 1, 0, 1, 1.51091261e-17, 1.34791853e-14), (3, 3, 0, 1, -8.08862431e-16, -3.70101935e-13),
        (3, 2, 0, 0, -1.46629835e-16, 1.73303722e-19), (3, 1, 2, -1, 3.18656103e-17, 2.70621075e-14),
        (4, 4, 0, 0, 9.79285881e-15, -2.22323482e-17), (4, 2, 1, 1, 2.19915035e-19, 9.67638323e-17),
        (5, 4, 1, 0, -1.11268502e-18, -3.91283834e-16), (5, 3, 1, 0, -1.41141597e-18, 3.28823794e-21),
        (2, -1, -1, 0, -5.88464999e-12, -6.42985637e-15), (3, -2, 1, -1, -3.35482420e-18, 2.85660288e-15),
        (2, 0, -2, -1, -3.08182279e-12, -4.82371258e-15),
    ],
    (0.9, 1000.0, 0.1, -0.5): [
        (2, 2, 4, 0, -7.41021341e-13, 8.43684579e-16), (2, 1, 2, 0, 1.01426837e-17, 1.61497603e-14),
        (2, 2, 3, 0, 4.30146570e-18, 6.84867972e-15), (3, 3, 6, 0, 1.72939982e-17, 9.81011610e-15),
        (3, 1, 3, 1, 1.09434159e-15, -1.93755835e-18), (4, 3, 7, -1, -7.14900199e-17, 1.30826072e-19),
        (4, 4, 7, 0, -7.51415213e-21, -4.10284745e-18), (5, 5, 10, 0, -4.55221110e-21, -1.53599597e-18),
        (5, 2, 6, 0, -2.17448462e-18, 5.28025614e-21), (2, -1, -3, -1, 1.30022077e-12, 2.11997219e-15),
        (3, -2, -4, 0, -7.27944955e-16, -8.96834801e-19), (2, -1, -2, 0, 1.01426837e-17, -1.61497603e-14),
    ],
    (0.7, 1000.0, 0.3, 0.05): [
        (2, 2, 0, 0, -1.88009519e-12, 1.91282618e-15), (2, 0, 2, 1, -6.43175793e-12, 9.37719015e-15),
        (2, 1, 0, 0, -5.47121371e-18, -9.76123831e-15), (3, 2, 1, 0, 1.28296500e-16, 8.14776154e-14),
        (3, 1, 1, 0, -6.20935384e-16, 6.82886264e-19), (4, 2, 2, 1, 8.67714251e-15, -2.23766048e-17),
        (4, 1, 2, 0, 3.54006059e-20, 2.16515552e-17), (5, 3, 2, 0, -2.71045043e-20, -1.02401156e-17),
        (5, -2, -3, -1, -9.71729127e-19, 3.11974802e-16),
    ],
}  # fmt: skip
# Brute force: mass and current modes of an orbit whose lowest frequencies keep apart.
BRUTE = (0.6, 10.0, 0.25, 0.5)
BRUTE_MODES = np.array(
    [(2, 2, 0, 0), (2, 1, 1, 1), (2, 2, -1, 0), (3, 3, 0, 1), (3, 2, 0, 0), (2, 0, 2, 1), (3, 1, 1, -1), (2, -1, 0, -1)]
)
NEAR_POLAR = (0.9, 9.0, 0.2)
SMALL_X = (0.002, 0.001)
# (l, m, j, n), since k jumps.
POLAR_MODES = np.array([(l, m, j, n) for l in (2, 3) for m in (1, 2) for j in (-2, -1, 0, 1, 2, 3) for n in (0, 1)])
MIRROR = np.array([1, -1, -1, -1])
LIMITS = np.array([(0.0, 10.0, 0.0, 1.0), (0.9, 8.0, 0.3, 1.0), (0.9, 12.0, 0.3, -1.0), (0.5, 9.0, 0.0, 0.4)])


class Answers:
    """Amplitudes of all orbits and modes of this file, computed at once so that little is compiled."""

    def __init__(self):
        stored = np.load(Path(__file__).parents[2] / "data" / "emri_amplitudes.npz")
        self.truth = stored["orbits"], stored["modes"].astype(int), stored["amplitudes"].astype(complex)
        polar = [(*NEAR_POLAR, sign * size) for size in SMALL_X for sign in (1, -1)]
        self.orbits = np.concatenate([self.truth[0], np.array([*FAR, BRUTE, *polar]), LIMITS])
        listed = [
            *self.truth[1],
            *(np.array(rows)[:, :4].astype(int) for rows in FAR.values()),
            BRUTE_MODES,
            *(polar_index(POLAR_MODES, retrograde=retrograde) for retrograde in (False, True)),
            self.truth[1][0, :8] * MIRROR,
        ]
        self.modes = np.unique(np.concatenate(listed), axis=0)
        self.values = kludge_modes(self.orbits, self.modes)

    def of(self, orbit, modes):
        row = int(np.argmin(np.abs(self.orbits - np.array(orbit)).sum(axis=1)))
        places = [int(np.flatnonzero((self.modes == mode).all(axis=1))[0]) for mode in modes]
        return self.values[row, places]


@pytest.fixture(scope="module")
def answers():
    return Answers()


def frequency(orbit, modes):
    found = orbit_frequencies(*orbit)
    return modes[:, 1] * found.azimuthal + modes[:, 2] * found.polar + modes[:, 3] * found.radial


@pytest.mark.parametrize("orbit", FAR)
def test_far_from_the_hole(answers, orbit):
    """Mass modes to 1e-4 but for weak ones, where the leading order nearly vanishes, and current modes to .4 %.

    The current quadrupoles of m = -1, 0, 1 lack the recoil of the spinning hole, of relative size 1.5 a / sqrt(p).
    """
    rows = np.array(FAR[orbit])
    modes, solved = rows[:, :4].astype(int), rows[:, 4] + 1j * rows[:, 5]
    found = answers.of(orbit, modes)
    j = modes[:, 2] + np.copysign(1, orbit[3]).astype(int) * modes[:, 1]
    mass = (modes[:, 0] + j) % 2 == 0
    recoil = ~mass & (modes[:, 0] == 2) & (np.abs(modes[:, 1]) < 2)
    error = np.abs(found / solved - 1.0)
    assert np.median(error[mass]) < 2e-4
    assert error[mass].max() < 6e-3
    assert error[~mass & ~recoil].max() < 4e-3
    assert error[recoil].max() < 0.08
    # The strongest mode of all.
    assert error[np.abs(solved).argmax()] < 1e-4


def test_close_to_the_hole(answers):
    """The spectrum of random generic orbits, solved by pybhpt 1.0.0 on 64 points of half a radial period.

    rng = np.random.default_rng(20260); for C = 300: a = rng.uniform(0, .99, C), x = rng.uniform(.002, 1, C) *
    rng.choice([-1, 1], C), e = rng.uniform(0, .2, C), p = separatrix(a, e, x) + rng.uniform(1, 25, C), rounded to
    1e-6; the 60 modes with the largest |Z| / w^2 of the baseline on `full_grid(eccentricity=0.2, ...)`. The first 12
    are stored; over all 300 the median is 1.4e-4, nine in ten are below 1.1e-3, and the largest is 6.2e-3.
    """
    errors = []
    for orbit, modes, solved in zip(*answers.truth, strict=True):
        weight = frequency(orbit, modes) ** -2
        one, two = np.asarray(solved * weight), np.asarray(answers.of(orbit, modes) * weight)
        errors.append(1.0 - abs(np.vdot(one, two)) / (np.linalg.norm(one) * np.linalg.norm(two)))
        # Not only the direction: sizes and phases as well.
        assert np.linalg.norm(two - one) < 0.12 * np.linalg.norm(one)
    assert np.median(errors) < 7e-4
    assert max(errors) < 1e-2


def test_circular_orbit_of_a_hole_at_rest(answers):
    # l = m = 2 at p = 10, by the Teukolsky equation.
    solved = -1.1206407919231826e-3 + 3.0576083809866894e-4j
    found = answers.of(LIMITS[0], [(2, 2, 0, 0)])[0]
    assert abs(found / solved - 1.0) < 0.05


def test_silent_modes(answers):
    for row, (_, _, e, x) in enumerate(answers.orbits):
        silent = ((abs(x) == 1.0) & (answers.modes[:, 2] != 0)) | ((e == 0.0) & (answers.modes[:, 3] != 0))
        assert (answers.values[row, silent] == 0.0).all()
        if e > 0.0 and abs(x) < 1.0:
            assert np.isfinite(answers.values[row]).all()
            assert (answers.values[row] != 0.0).mean() > 0.99
    loud = answers.of(LIMITS[2], [(2, 2, 0, 0)])
    assert abs(loud) > 1e-5


def test_amplitudes_go_through_the_polar_orbit(answers):
    jumps = []
    for size in SMALL_X:
        sides = []
        for sign in (1, -1):
            modes = polar_index(POLAR_MODES, retrograde=sign < 0)
            values = answers.of((*NEAR_POLAR, sign * size), modes)
            sides.append(values * ((-1.0) ** POLAR_MODES[:, 1] if sign < 0 else 1.0))
        jumps.append(sides[0] - sides[1])
    largest = np.abs(sides[0]).max()
    assert np.abs(jumps[0]).max() < 0.02 * largest
    assert np.abs(jumps[0]).max() > 1e-5 * largest
    # Proportional to x.
    assert np.abs(jumps[0] - 2.0 * jumps[1]).max() < 1e-6 * largest


def test_pairs_of_modes(answers):
    orbit, modes = answers.truth[0][0], answers.truth[1][0, :8]
    one, two = answers.of(orbit, modes), answers.of(orbit, modes * MIRROR)
    np.testing.assert_allclose(two, (-1.0) ** (modes[:, 0] + modes[:, 2]) * np.conj(one), rtol=1e-12)


def brute_force(orbit, modes):
    """Moments as averages along a geodesic that an integrator follows through its second-order equations."""
    a, p, e, x = orbit
    energy, momentum, carter, _ = (float(value) for value in constants_of_motion(*orbit))
    square = np.poly1d([1.0, 0.0, a * a])
    lapse = np.poly1d([1.0, -2.0, a * a])
    around = energy * square - a * momentum
    radial = around * around - lapse * np.poly1d([1.0, 0.0, (momentum - a * energy) ** 2 + carter])
    steep = a * a * (1.0 - energy**2)
    polar = np.poly1d([steep, 0.0, -(carter + steep + momentum**2), 0.0, carter])
    radial_force, polar_force = 0.5 * radial.deriv(), 0.5 * polar.deriv()

    def time_rate(r, z):
        return square(r) * around(r) / lapse(r) + a * momentum - a * a * energy * (1.0 - z * z)

    def azimuth_rate(r, z):
        return momentum / (1.0 - z * z) - a * energy + a * around(r) / lapse(r)

    def rates(_, y):
        r, dr, z, dz = y[:4]
        return [dr, radial_force(r), dz, polar_force(z), time_rate(r, z), azimuth_rate(r, z)]

    # Some 80 radial periods, weighted by a window that takes the lines apart.
    end = 200.0
    mino, step = np.linspace(0.0, end, 8001, retstep=True)
    start = [p / (1.0 + e), 0.0, math.sqrt(1.0 - x * x), 0.0, 0.0, 0.0]
    answer = solve_ivp(rates, (0.0, end), start, method="DOP853", rtol=1e-11, atol=1e-11, t_eval=mino)
    r, _, z, dz, t, phi = answer.y
    inside = np.clip(2.0 * mino / end - 1.0, -1.0 + 1e-12, 1.0 - 1e-12)
    window = np.exp(-6.0 / (1.0 - inside**2)) * step
    dt, dphi, sine = time_rate(r, z), azimuth_rate(r, z), np.sqrt(1.0 - z * z)
    total = (window * dt).sum()

    found = []
    for (l, m, k, _), w in zip(modes, np.asarray(frequency(orbit, modes)), strict=True):
        lowest, spherical = max(2, abs(m)), []
        for degree in range(lowest, 8):
            theta = np.arccos(z)
            harmonic = np.conj(sph_harm_y(degree, m, theta, phi))
            size = 2.0 * abs(w)
            tail = loggamma(degree + 1 - 1j * size) - math.lgamma(degree + 1) + math.pi * abs(w)
            tail = np.exp(tail + 1j * size * math.log(size * 2.0 / math.exp(0.5)))
            tail = (np.conj(tail) if w < 0.0 else tail) * (-1j * w) ** degree * w**2 / (2.0 * math.sqrt(2.0))
            tail = tail / math.prod(range(2 * degree + 1, 0, -2)) * np.exp(1j * w * 4.0 / (degree * (degree + 1)))
            wave = window * np.exp(1j * w * t)
            if (degree + m + k) % 2 == 0:
                shift = ((107 / 42, 4.0, 593 / 110, 263 / 39, 113 / 14, 9.40)[degree - 2] - 0.5) / degree
                moment = energy * (wave * dt * (r - shift) ** degree * harmonic).sum() / total
                root = math.sqrt((degree + 1) * (degree + 2) / (2 * degree * (degree - 1)))
                late = 12.0 / ((degree - 1) * degree * (degree + 1) * (degree + 2))
                spherical.append(tail * 16.0 * math.pi * root * np.exp(1j * w * late) * moment)
            else:
                change = 1e-5
                above, below = (np.conj(sph_harm_y(degree, m, theta + s * change, phi)) for s in (1, -1))
                slope = (above - below) / (2.0 * change)
                # thetadot = -zdot / sin(theta).
                source = -sine * dphi * slope + 1j * m * dz / sine * harmonic / sine
                moment = (wave * (r - 1.0) ** (degree + 1) * source).sum() / total
                root = math.sqrt(degree * (degree + 2) / (2 * (degree + 1) * (degree - 1)))
                spherical.append(1j * tail * 32.0 * math.pi / degree * root * moment)
        mixing = mixing_coefficients(int(m), a * w, degrees=8 - lowest)
        found.append(mixing[l - lowest] @ np.array(spherical))
    return np.array(found)


@pytest.mark.slow
def test_brute_force_along_the_orbit(answers):
    slow, fast = brute_force(BRUTE, BRUTE_MODES), answers.of(BRUTE, BRUTE_MODES)
    np.testing.assert_allclose(fast, slow, rtol=2e-5, atol=1e-7 * np.abs(fast).max())


def test_bad_input():
    with pytest.raises(InputError, match="static"):
        kludge_modes(np.array([[0.5, 10.0, 0.1, 0.5]]), np.array([[2, 0, 0, 0]]))
    with pytest.raises(DomainError, match="separatrix"):
        kludge_modes(np.array([[0.5, 3.0, 0.1, 0.5]]), np.array([[2, 2, 0, 0]]))
    assert kludge_modes(np.zeros((0, 4)), np.array([[2, 2, 0, 0]])).shape == (0, 1)


def test_number_of_nodes_grows_with_eccentricity_and_order():
    grids = [full_grid(eccentricity=e, equatorial=True, retrograde=False) for e in (0.0, 0.2, 0.5)]
    found = [enough_nodes(e, grid) for e, grid in zip((0.0, 0.2, 0.5), grids, strict=True)]
    assert found == sorted(found)
    assert found[-1] == 96
    assert enough_nodes(0.0, grids[-1]) > enough_nodes(0.0, grids[0])


def test_waves_and_tails():
    turns = np.linspace(-9.0, 9.0, 2001)
    np.testing.assert_allclose(module._wave(jnp.asarray(turns)), np.cos(2.0 * np.pi * turns), atol=3e-14)
    y = np.array([1e-12, 1e-3, 0.3, 2.0, 9.0, 20.0])
    found = np.asarray(module._first_tail(jnp.asarray(y)))
    exact = np.exp(loggamma(1.0 - 1j * y) + 0.5 * np.pi * y + 1j * y * np.log(2.0 * y / math.exp(0.5)))
    np.testing.assert_allclose(found[0] + 1j * found[1], exact, rtol=1e-12)


@pytest.fixture(scope="module")
def ladder():
    """High radial harmonics of an eccentric orbit, one static group, and one beyond the mixing table."""
    n = np.concatenate([np.arange(0, 41, 5), [0, 4000]])
    j = np.where(np.arange(n.size) < 9, 2, 0)
    grid = ModeGrid(np.tile(j, (3, 1)), np.tile(n, (3, 1)))
    compiled = jax.jit(kludge_grid, static_argnames=("radial", "polar"))
    orbit = jnp.array([0.9, 8.0, 0.5, 0.6])

    def compute(**nodes):
        return compiled(module._mixing(), orbit, jnp.asarray(grid.j), jnp.asarray(grid.n), **nodes)

    return compute


def test_no_amplitude_is_undefined(ladder):
    found = ladder(radial=96)
    assert np.isfinite(found.amplitudes).all()
    assert found.frequency[0, 9] == 0.0
    assert (found.amplitudes[0, 9] == 0.0).all()
    assert abs(0.9 * found.frequency[0, 10]) > module._mixing().reach


def test_nodes_are_enough(ladder):
    few, many = ladder(radial=96).amplitudes[:, :9], ladder(radial=160, polar=20).amplitudes[:, :9]
    assert np.abs(few - many).max() < 1e-9 * np.abs(many).max()
