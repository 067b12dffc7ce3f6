"""Generic Kerr orbits and trajectories against an independent code, the equations of motion and limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from swansong.core.errors import DomainError
from swansong.physics import geodesics, kerr
from swansong.physics.trajectories import orbit_positions, trajectory

# a, p, e, x, E, L, Q, Omega_r, Omega_theta, Omega_phi by pybhpt 1.0.0; 6 and 7 lie 0.1 outside the separatrix.
INDEPENDENT = np.array([
    (0.3, 10.0, 0.2, 0.6, 0.9568440123787624, 2.229322755960387, 8.84020642703716,
     0.02004945935370585, 0.029723757781805773, 0.030277725905005357),
    (0.9, 11.0, 0.5, -0.7, 0.9703423201569742, -2.9522874057078248, 9.095895887159122,
     0.011606130755621074, 0.021916246257906263, -0.020644342823258003),
    (0.5, 9.0, 0.3, 0.01, 0.9561202637400799, 0.036895541654002134, 13.632905022893492,
     0.019645970592374034, 0.033684052937358204, 0.03496594147306392),
    (0.5, 9.0, 0.3, -0.01, 0.9561833586251844, -0.036945149930582746, 13.669502293166437,
     0.01957444602024664, 0.03373664402584337, -0.03245055866018652),
    (0.99, 5.0, 0.0, 0.4, 0.9207689074770136, 1.1730181253967262, 7.349141655061774,
     0.03465800670209576, 0.07829654899727731, 0.09126996886766883),
    (0.0, 9.0, 0.4, 0.5, 0.9592139095118009, 1.8621132493553294, 10.40239726027399,
     0.01783443016650629, 0.03131885286859883, 0.031318852868598826),
    (0.95, 2.9261385955201145, 0.45, 0.8, 0.8905386278746971, 1.9062840463217452, 2.1113144770994676,
     0.03431053558955311, 0.12158640124873599, 0.18012100220766594),
    (0.7, 6.730966296925297, 0.1, -0.3, 0.9478280535379479, -1.085365300054613, 11.956382457428473,
     0.01124027490472944, 0.060017561373927844, -0.0549768288732061),
    (0.9, 40.0, 0.1, 0.2, 0.9878628530648323, 1.31215523504078, 41.34079380267469,
     0.0036024266501520873, 0.0038870533285932513, 0.003914177467335611),
])  # fmt: skip
# The positions at t = 0, 37, 500 and 1234.5: r, theta, phi, Mino time, by the same code.
TIMES = np.array([0.0, 37.0, 500.0, 1234.5])
POSITIONS = {
    (0.9, 6.0, 0.3, 0.4): [
        (4.615384615384615, 0.41151684606748806, 0.0, 0.0),
        (5.769686395401098, 2.7171066568143742, 3.332731259641298, 0.9682951951242647),
        (7.903214896184802, 1.882210855413867, 33.2910754489158, 9.416036697613643),
        (5.853423475495066, 1.268572511182187, 78.89438549191807, 22.452936637624653),
    ],
    (0.7, 12.0, 0.5, -0.6): [
        (8.0, 0.6435011087932843, 0.0, 0.0),
        (9.35227686167893, 1.6789779176951953, -1.5570540780012398, 0.40511721871063433),
        (10.73853105734741, 1.4221005213971385, -7.486747229541392, 1.8206852704271843),
        (17.407498389985633, 1.49520481077448, -22.70010570319896, 5.6171476567073935),
    ],
}
APEX = ("a", "p", "e", "x")
COUNT = 41
SLOPES = jax.jit(jax.grad(geodesics.separatrix, argnums=(0, 1, 2)))
spins, eccentricities, inclinations = st.floats(0.0, 0.99), st.floats(0.0, 0.5), st.floats(-1.0, 1.0)
distances = st.floats(0.1, 20.0)


def _nodes(*apex):
    """The nodes of orbits, compiled for one shape only."""
    given = np.broadcast_arrays(*(np.asarray(value, float) for value in apex))
    size, shape = given[0].size, given[0].shape
    orbit = geodesics.orbit_nodes(*(np.resize(value, 9) for value in given))
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:size].reshape(shape + leaf.shape[1:]), orbit)


def _separatrix(*aex):
    given = np.broadcast_arrays(*(np.asarray(value, float) for value in aex))
    return np.asarray(geodesics.separatrix(*(np.resize(v, 35) for v in given)))[: given[0].size].reshape(given[0].shape)


def _follow(times, *, a, p, e, x):
    """A trajectory, compiled for one number of times only."""
    return jax.tree.map(
        lambda leaf: np.asarray(leaf)[: len(times)], trajectory(np.resize(times, COUNT), a=a, p=p, e=e, x=x)
    )


@jax.jit
def _constants_and_roots(a, p, e, x):
    return geodesics.constants_of_motion(a, p, e, x), geodesics.radial_roots(a, p, e, x)


def test_constants_and_frequencies_agree_with_an_independent_code():
    a, p, e, x, energy, momentum, carter, radial, polar, azimuthal = INDEPENDENT.T
    orbit = _nodes(a, p, e, x)
    constants, omega = orbit.constants, orbit.frequencies
    np.testing.assert_allclose(constants.energy, energy, rtol=1e-12)
    np.testing.assert_allclose(constants.momentum, momentum, rtol=1e-11)
    np.testing.assert_allclose(constants.carter, carter, rtol=1e-11)
    np.testing.assert_allclose(omega.radial, radial, rtol=1e-10)
    np.testing.assert_allclose(omega.polar, polar, rtol=1e-10)
    np.testing.assert_allclose(omega.azimuthal, azimuthal, rtol=1e-10)
    np.testing.assert_allclose(omega.precession, azimuthal - np.sign(x) * polar, atol=1e-12)


@given(a=spins, e=eccentricities, x=inclinations, distance=distances)
def test_radial_potential_vanishes_at_its_roots(a, e, x, distance):
    constants, roots = _constants_and_roots(a, _separatrix(a, e, x) + distance, e, x)
    energy, momentum, carter, _ = map(float, constants)
    r = np.asarray(roots)
    assert (np.diff(r) <= 1e-7).all()
    assert r[2] < r[1]
    outer = (energy * (r**2 + a * a) - a * momentum) ** 2
    lapse = r * r - 2 * r + a * a
    potential = outer - lapse * (r**2 + (momentum - a * energy) ** 2 + carter)
    assert (np.abs(potential) < 1e-11 * (r**4 + r**2 * carter + 10.0 * (1.0 + carter))).all()


@given(a=spins, e=eccentricities, distance=distances)
def test_everything_but_the_azimuth_is_continuous_through_the_poles(a, e, distance):
    step = 1e-7
    p = _separatrix(a, e, 0.0) + distance
    up, here, down = (_nodes(a, p, e, x) for x in (step, 0.0, -step))
    for side in (up, down):
        assert float(side.constants.energy) == pytest.approx(float(here.constants.energy), rel=1e-6)
        for name in ("radial", "polar", "precession"):
            other = float(getattr(here.frequencies, name))
            assert float(getattr(side.frequencies, name)) == pytest.approx(other, rel=3e-5, abs=1e-8)
    # The azimuthal frequency leaps; an orbit through the poles counts as prograde.
    assert float(here.frequencies.azimuthal) == pytest.approx(float(up.frequencies.azimuthal), rel=1e-5)
    leap = float(up.frequencies.azimuthal - down.frequencies.azimuthal)
    assert leap == pytest.approx(2 * float(here.frequencies.polar), rel=1e-5)


def test_orbits_of_schwarzschild_have_closed_forms_at_any_inclination():
    p, e, x = np.array([7.5, 9.0, 30.0, 8.0]), np.array([0.5, 0.0, 0.3, 0.2]), np.array([0.3, -1.0, 0.0, -0.6])
    orbit = _nodes(0.0, p, e, x)
    square = ((p - 2) ** 2 - 4 * e * e) / (p * (p - 3 - e * e))
    np.testing.assert_allclose(orbit.constants.energy**2, square, rtol=1e-13)
    np.testing.assert_allclose(orbit.constants.tilted**2, p * p / (p - 3 - e * e), rtol=1e-13)
    np.testing.assert_allclose(np.abs(orbit.frequencies.azimuthal), orbit.frequencies.polar, rtol=1e-14)
    assert float(orbit.frequencies.polar[1]) == pytest.approx(9.0**-1.5, rel=1e-13)


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_equatorial_orbits_agree_with_the_equatorial_code(sense):
    a, e = np.array([0.0, 0.5, 0.9, 0.99, 0.7, 0.2]), np.array([0.3, 0.0, 0.5, 0.2, 0.1, 0.4])
    p = np.asarray(kerr.separatrix(sense * a, e)) + np.array([0.1, 1.0, 4.0, 0.3, 100.0, 0.5])
    expected, constants = kerr.frequencies(sense * a, p, e), kerr.energy_and_momentum(sense * a, p, e)
    orbit = _nodes(a, p, e, sense)
    np.testing.assert_allclose(orbit.frequencies.radial, expected.radial, rtol=1e-11)
    np.testing.assert_allclose(sense * orbit.frequencies.azimuthal, expected.azimuthal, rtol=1e-11)
    np.testing.assert_allclose(orbit.constants.energy, constants.energy, rtol=1e-13)
    np.testing.assert_allclose(sense * orbit.constants.momentum, constants.momentum, rtol=1e-12)


def test_wide_orbits_are_those_of_kepler_with_einstein_and_lense_thirring():
    a, p, e, x = 0.8, 1e4, 0.4, 0.3
    orbit = _nodes(a, p, e, x)
    motion = ((1 - e * e) / p) ** 1.5
    omega = orbit.frequencies
    assert 1 - float(orbit.constants.energy) == pytest.approx((1 - e * e) / (2 * p), rel=1e-3)
    assert float(omega.radial) == pytest.approx(motion, rel=1e-3)
    # Periapsis and node turn by 6 pi / p and 4 pi a / p^(3/2) a radial period, up to a share of p^(-1/2).
    assert float(omega.polar / omega.radial) - 1 == pytest.approx(3 / p, rel=0.02)
    assert float(omega.precession / omega.radial) == pytest.approx(2 * a / p**1.5, rel=0.02)


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_separatrix_of_equatorial_orbits(sense):
    a, e = np.meshgrid(np.linspace(0.0, 0.99, 7), np.linspace(0.0, 0.8, 5))
    np.testing.assert_allclose(_separatrix(a, e, sense), kerr.separatrix(sense * a, e), rtol=2e-12)


def test_separatrix_of_schwarzschild_and_where_two_roots_meet():
    e, x = np.linspace(0.0, 0.9, 7), np.linspace(-1.0, 1.0, 7)
    np.testing.assert_allclose(_separatrix(0.0, e, x), 6 + 2 * e, rtol=2e-12)
    # Slow growth of r2 - r3 from zero, linear in the distance.
    edge = _separatrix(0.9, 0.4, 0.5)
    near = [np.asarray(_constants_and_roots(0.9, edge + distance, 0.4, 0.5)[1]) for distance in (1e-6, 1e-4)]
    gaps = [roots[1] - roots[2] for roots in near]
    assert 0 < gaps[0] < 1e-5
    assert gaps[1] / gaps[0] == pytest.approx(100, rel=1e-3)


def _difference(function, at, index, step):
    values = []
    for shift in (-2, -1, 1, 2):
        moved = list(at)
        moved[index] += shift * step
        values.append(float(function(*moved)))
    return (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * step)


@pytest.mark.parametrize("orbit", [(0.9, 0.3, -0.6), (0.9, 0.01, 0.0), (0.5, 0.2, 0.9)])
def test_slopes_of_the_separatrix(orbit):
    for index, slope in enumerate(SLOPES(*orbit)):
        assert float(slope) == pytest.approx(_difference(_separatrix, orbit, index, 1e-3), rel=1e-6)


def test_slopes_of_the_separatrix_at_the_edges_of_the_domain():
    for a, e in ((0.9, 0.3), (0.5, 0.0)):
        for sense in (1.0, -1.0):
            by_spin, by_eccentricity = jax.grad(kerr.separatrix, argnums=(0, 1))(sense * a, e)
            found = SLOPES(a, e, sense)
            assert float(found[0]) == pytest.approx(sense * float(by_spin), rel=1e-9)
            assert float(found[1]) == pytest.approx(float(by_eccentricity), rel=1e-9)
    # Without spin: p = 6 + 2 e whatever the inclination.
    assert float(SLOPES(0.0, 0.0, 0.3)[1]) == pytest.approx(2.0, rel=1e-10)
    assert float(SLOPES(0.0, 0.2, 0.3)[2]) == pytest.approx(0.0, abs=1e-12)


@jax.jit
def _slope(apex, direction):
    return jax.jvp(lambda orbit: geodesics.orbit_frequencies(*orbit), (apex,), (direction,))[1]


@pytest.mark.parametrize("orbit", [(0.7, 7.0, 0.0, 1.0), (0.7, 9.0, 0.0, -1.0), (0.0, 9.0, 0.3, 0.0)])
def test_frequencies_are_smooth_across_the_edges_of_the_domain(orbit):
    for column, direction in enumerate(np.eye(4)):
        slopes = _slope(np.array(orbit), direction)
        for name in ("radial", "polar", "precession"):
            # Continued beyond e = 0, |x| = 1 and a = 0 every frequency is analytic.
            expected = _difference(lambda *apex: getattr(_nodes(*apex).frequencies, name), orbit, column, 1e-3)  # noqa: B023
            assert float(getattr(slopes, name)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_nodes_suffice_for_eccentric_orbits_at_the_edge():
    a, e, x = np.array([0.99, 0.95, 0.9]), np.array([0.5, 0.5, 0.8]), np.array([1.0, 0.3, -0.5])
    p = _separatrix(a, e, x) + 0.1
    coarse = _nodes(a, p, e, x).frequencies
    fine = geodesics.orbit_nodes(a, p, e, x, radial=200, polar=30).frequencies
    for one, two in zip(coarse, fine, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-13)


def test_nearest_resonance_finds_the_planted_one():
    def planted(ratio):
        radial = np.ones_like(ratio)
        return geodesics.nearest_resonance(geodesics.OrbitFrequencies(radial, ratio, ratio, 0.0 * ratio))

    ratios = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    found = planted(ratios + 1e-3)
    # k ratio - n: the distance is k times that of the ratio. 3/2 has k = 2.
    np.testing.assert_allclose(found.distance, 1e-3 * np.array([1, 2, 1, 1, 1, 1]), rtol=1e-9)
    np.testing.assert_array_equal(found.order, [2, 5, 3, 4, 5, 6])
    # 4/3 would be of order 7 and is not looked for: 3/2 lies at 2 * 4/3 - 3 and 1/1 at 1/3, both as far.
    assert float(planted(np.array(4 / 3)).distance) == pytest.approx(1 / 3)


def _inverse_metric(r, theta, a):
    """Boyer and Lindquist's: the parts tt, t phi, phi phi, rr, theta theta."""
    sigma, delta = r**2 + (a * jnp.cos(theta)) ** 2, r**2 - 2 * r + a * a
    ring = (r**2 + a * a) ** 2 - delta * (a * jnp.sin(theta)) ** 2
    tt, tp = -ring / (sigma * delta), -2 * a * r / (sigma * delta)
    return tt, tp, (delta - (a * jnp.sin(theta)) ** 2) / (sigma * delta * jnp.sin(theta) ** 2), delta / sigma, 1 / sigma


def _hamiltonian(position, momenta, a):
    r, theta, _, _ = position
    tt, tp, pp, rr, hh = _inverse_metric(r, theta, a)
    pt, pr, ph, pphi = momenta[3], momenta[0], momenta[1], momenta[2]
    return 0.5 * (tt * pt**2 + 2 * tp * pt * pphi + pp * pphi**2 + rr * pr**2 + hh * ph**2)


@jax.jit
def _rates(state, a):
    by_position, by_momenta = jax.grad(_hamiltonian, argnums=(0, 1))(state[:4], state[4:], a)
    return jnp.concatenate([by_momenta, -by_position]) / by_momenta[3]


@pytest.mark.parametrize("apex", [(0.9, 6.0, 0.4, 0.5), (0.95, 9.5, 0.3, -0.7), (0.6, 6.7, 0.2, 0.3)])
def test_trajectory_solves_hamiltons_equations(apex):
    a, p, e, x = apex
    constants, omega = _nodes(*apex).constants, _nodes(*apex).frequencies
    momenta = [0.0, 0.0, float(constants.momentum), -float(constants.energy)]
    # Position (r, theta, phi, t), then momenta, as a function of t; the start is a double turning point.
    start = np.array([p / (1 + e), np.arcsin(abs(x)), 0.0, 0.0, *momenta])
    assert float(_hamiltonian(start[:4], start[4:], a)) == pytest.approx(-0.5, abs=1e-13)
    times = np.linspace(0.0, 3 * 2 * np.pi / float(omega.radial), COUNT)
    solved = solve_ivp(
        lambda _, y: np.asarray(_rates(y, a)),
        (0.0, times[-1]),
        start,
        method="DOP853",
        rtol=1e-12,
        atol=1e-13,
        t_eval=times,
    )
    found = trajectory(times, a=a, p=p, e=e, x=x)
    np.testing.assert_allclose(found.radius, solved.y[0], atol=1e-8)
    np.testing.assert_allclose(found.polar_angle, solved.y[1], atol=1e-8)
    np.testing.assert_allclose(found.azimuth, solved.y[2], atol=1e-8)


@pytest.mark.parametrize("apex", list(POSITIONS))
def test_trajectory_agrees_with_an_independent_code(apex):
    found = _follow(TIMES, **dict(zip(APEX, apex, strict=True)))
    np.testing.assert_allclose(np.stack(found, axis=-1), POSITIONS[apex], rtol=1e-12, atol=2e-12)


@settings(deadline=None, max_examples=25)
@given(a=spins, e=st.floats(0.0, 0.9), x=inclinations, distance=distances)
def test_trajectory_is_odd_or_even_in_time_and_keeps_to_its_torus(a, e, x, distance):
    p = float(_separatrix(a, e, x)) + distance
    times = np.linspace(-3000.0, 3000.0, COUNT)
    found = _follow(times, a=a, p=p, e=e, x=x)
    scale = p / (1 - e)
    np.testing.assert_allclose(found.radius, found.radius[::-1], atol=1e-9 * scale)
    np.testing.assert_allclose(found.polar_angle, found.polar_angle[::-1], atol=1e-9)
    np.testing.assert_allclose(found.mino_time, -found.mino_time[::-1], atol=1e-10)
    assert (np.diff(found.mino_time) > 0).all()
    assert float(found.radius[COUNT // 2]) == pytest.approx(p / (1 + e), rel=1e-10)
    assert (np.asarray(found.radius) >= p / (1 + e) * (1 - 1e-10)).all()
    assert (np.asarray(found.radius) <= scale * (1 + 1e-10)).all()
    tilt = np.arcsin(abs(x))
    assert (np.asarray(found.polar_angle) >= tilt - 1e-7).all()
    assert (np.asarray(found.polar_angle) <= np.pi - tilt + 1e-7).all()


def test_mean_rates_of_a_trajectory_are_the_frequencies():
    apex = (0.9, 7.0, 0.3, -0.2)
    times = np.array([0.0, 1e6])
    azimuth = _follow(times, **dict(zip(APEX, apex, strict=True))).azimuth
    # The oscillations stay within a few turns.
    assert abs(azimuth[1] / 1e6 - float(_nodes(*apex).frequencies.azimuthal)) < 1e-5


def test_azimuth_of_a_polar_orbit_leaps_at_the_poles_only_and_is_the_limit_from_above():
    times = np.linspace(0.5, 400.0, COUNT)
    polar, near = (_follow(times, a=0.8, p=8.0, e=0.2, x=x) for x in (0.0, 1e-9))
    np.testing.assert_allclose(polar.azimuth, near.azimuth, atol=1e-6)
    steps = np.diff(polar.azimuth)
    # The body is over a pole at each half turn of the polar phase.
    half_turns = np.floor(polar.mino_time * float(_nodes(0.8, 8.0, 0.2, 0.0).mino[1]) / np.pi)
    leaps = np.diff(half_turns) > 0
    assert leaps.sum() >= 4
    np.testing.assert_allclose(steps[leaps], np.pi, atol=0.1)
    np.testing.assert_allclose(steps[~leaps], 0.0, atol=0.1)


def test_circular_equatorial_trajectory_has_its_closed_form():
    times = np.linspace(-200.0, 900.0, COUNT)
    for sense in (1.0, -1.0):
        found = _follow(times, a=0.5, p=9.0, e=0.0, x=sense)
        np.testing.assert_allclose(found.radius, 9.0, rtol=1e-12)
        np.testing.assert_allclose(found.polar_angle, np.pi / 2, rtol=1e-14)
        np.testing.assert_allclose(found.azimuth, sense * times / (27.0 + sense * 0.5), rtol=1e-12)


def _positions(apex, x):
    return orbit_positions(np.linspace(-100.0, 500.0, COUNT), a=apex[0], p=apex[1], e=apex[2], x=x)


@jax.jit
def _drift(apex, direction, x):
    return jax.jvp(lambda apex: _positions(apex, x), (apex,), (direction,))[1]


@pytest.mark.slow
@pytest.mark.parametrize("orbit", [(0.7, 8.0, 0.2, 0.4), (0.7, 8.0, 0.0, 1.0), (0.0, 8.0, 0.3, -0.5)])
def test_positions_are_differentiable_also_at_the_edges(orbit):
    direction, apex = np.array([0.3, 1.0, 0.5]), np.array(orbit[:3])
    found = _drift(apex, direction, orbit[3])
    ends = [_positions(apex + step * direction, orbit[3]) for step in (-2e-4, -1e-4, 1e-4, 2e-4)]
    for slope, *values in zip(found, *ends, strict=True):
        # Continued to e < 0 the orbit starts at its apoapsis, analytically.
        expected = (8 * (values[2] - values[1]) - (values[3] - values[0])) / 12e-4
        np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-8 * (1 + np.abs(expected).max()))


def test_a_compiled_batch_of_trajectories_holds_the_single_ones():
    apex = INDEPENDENT[:2, :4]
    times = np.linspace(0.0, 100.0, COUNT)
    batch = jax.jit(jax.vmap(lambda o: orbit_positions(times, a=o[0], p=o[1], e=o[2], x=o[3])))(apex)
    for at, orbit in enumerate(apex):
        one = _follow(times, **dict(zip(APEX, orbit, strict=True)))
        np.testing.assert_allclose(batch.azimuth[at], one.azimuth, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(batch.radius[at], one.radius, rtol=1e-12)


def test_shapes():
    column, row = np.full((4, 1), 9.0), np.full(3, 0.1)
    orbit = jax.eval_shape(geodesics.orbit_nodes, 0.5, column, row, 0.3)
    assert orbit.radius.shape == (4, 3, geodesics.RADIAL_NODES)
    assert orbit.psi.shape == (4, 3, geodesics.POLAR_NODES)
    assert orbit.frequencies.radial.shape == orbit.constants.tilted.shape == (4, 3)
    assert jax.eval_shape(geodesics.radial_roots, 0.5, column, row, 0.3).shape == (4, 3, 4)
    assert jax.eval_shape(geodesics.separatrix, 0.5, row, column / 10).shape == (4, 3)
    alone = jax.eval_shape(lambda t: orbit_positions(t, a=0.9, p=11.0, e=0.5, x=-0.7), np.zeros(0))
    assert alone.polar_angle.shape == (0,)


@pytest.mark.parametrize(
    "apex, words",
    [
        ((1.0, 8.0, 0.1, 0.5), r"`a` must lie in \[0, 1\), got 1;"),
        ((-0.5, 8.0, 0.1, 0.5), "give retrograde orbits a negative `x`"),
        ((0.5, 8.0, 1.0, 0.5), r"`e` must lie in \[0, 1\), got 1;"),
        ((0.5, 8.0, 0.1, 1.2), r"`x` must lie in \[-1, 1\], got 1.2"),
        ((0.5, 8.0, 0.1, np.nan), r"`x` must lie in \[-1, 1\], got nan"),
        ((0.5, np.nan, 0.1, 0.5), "`p` must be finite, got nan"),
        ((0.5, np.inf, 0.1, 0.5), "`p` must be finite, got inf"),
        ((0.9, 5.0, 0.1, -0.7), r"p = 5 lies inside the separatrix 8\.009\d* at a = 0.9, e = 0.1, x = -0.7"),
    ],
)
def test_what_is_no_stable_orbit_is_refused(apex, words):
    with pytest.raises(DomainError, match=words):
        geodesics.check_generic_orbit(*apex)
    with pytest.raises(DomainError, match=words):
        trajectory(TIMES, **dict(zip(APEX, apex, strict=True)))


def test_the_first_bad_orbit_is_named_and_good_ones_pass():
    geodesics.check_generic_orbit(np.array([0.0, 0.9]), 9.5, 0.1, -1.0)
    with pytest.raises(DomainError, match=r"p = 3 .* a = 0.9"):
        geodesics.check_generic_orbit(np.array([0.0, 0.9]), np.array([9.5, 3.0]), 0.1, 0.0)


@pytest.mark.parametrize("times, words", [(3.0, r"got shape \(\)"), ([[1.0]], r"shape \(1, 1\)"), ([0, np.nan], "nan")])
def test_bad_times_are_refused(times, words):
    with pytest.raises(DomainError, match=words):
        trajectory(times, a=0.5, p=9.0, e=0.1, x=0.3)


def test_only_one_orbit_is_followed():
    with pytest.raises(DomainError, match=r"`p` must be one number, got shape \(2,\)"):
        trajectory(TIMES, a=0.5, p=np.array([9.0, 10.0]), e=0.1, x=0.3)  # type: ignore[arg-type]
