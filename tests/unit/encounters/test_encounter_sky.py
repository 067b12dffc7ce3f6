"""Sky coordinates and orientations of one, two and three detectors."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from swansong.encounters.kepler import Series
from swansong.encounters.orientations import base_angles, monomials, orientation_table, response
from swansong.encounters.sky import SkyChart
from swansong.encounters.waveform import orient
from swansong.signals import antenna_pattern, greenwich_sidereal_time, network, time_delay

GPS = 1370692818.0
NETWORKS = (("H1", "L1", "V1"), ("L1", "V1"), ("V1",))


@pytest.fixture(scope="module", params=NETWORKS, ids=len)
def chart(request):
    return SkyChart.of(network(request.param), GPS)


def isotropic(n: int, seed: int = 0) -> np.ndarray:
    direction = np.random.default_rng(seed).standard_normal((n, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def test_coordinates_of_an_isotropic_sky_are_uniform(chart):
    unit = chart.coordinates(isotropic(20_000))
    assert unit.shape == (20_000, chart.dimensions) == (20_000, len(chart.network) - 1)
    for column in unit.T:
        assert kstest(column, "uniform").pvalue > 1e-3
    if chart.dimensions == 2:
        assert abs(np.corrcoef(unit.T)[0, 1]) < 0.03


def test_all_summed_positions_share_the_relative_arrival_times(chart):
    source = isotropic(200)
    places = chart.positions(chart.coordinates(source), np.random.default_rng(1).random((200, 2)))
    assert places.shape == (200, chart.nodes, 3)
    np.testing.assert_allclose(np.linalg.norm(places, axis=-1), 1.0, atol=1e-12)
    relative = chart.delays(places) - chart.delays(places)[..., :1]
    own = chart.delays(source) - chart.delays(source)[:, :1]
    np.testing.assert_allclose(relative, np.broadcast_to(own[:, None], relative.shape), atol=2e-10)


def test_three_detectors_sum_the_source_and_its_mirror_image(chart):
    if chart.dimensions < 2:
        pytest.skip("one and two detectors sum over random positions")
    source = isotropic(200)
    places = chart.positions(chart.coordinates(source), np.zeros((200, 2)))
    gap = np.linalg.norm(places - source[:, None], axis=-1)
    assert gap.min(axis=1).max() < 1e-6
    # The mirror: same components in the plane of the detectors, the other sign across it.
    along = places @ chart.frame.T
    np.testing.assert_allclose(along[:, 0] * [1, 1, -1], along[:, 1], atol=1e-12)


def test_the_summed_positions_cover_the_sky_evenly(chart):
    """Random points of the sampler, all their positions together: an isotropic sky."""
    rng = np.random.default_rng(2)
    places = chart.positions(rng.random((4000, chart.dimensions)), rng.random((4000, 2))).reshape(-1, 3)
    for column in places.T:
        # Cosines to any axis are uniform; positions of one point are no independent draws.
        assert kstest(0.5 * (column + 1.0), "uniform").statistic < 0.02


def test_patterns_and_delays_are_those_of_the_signals_package(chart):
    rng = np.random.default_rng(3)
    ra, dec, psi = rng.uniform(0, 2 * np.pi, 50), np.arcsin(rng.uniform(-1, 1, 50)), rng.uniform(0, np.pi, 50)
    direction = chart.from_equatorial(ra, dec)
    patterns, delays = chart.patterns(direction), chart.delays(direction)
    for d, one in enumerate(chart.network):
        expected = antenna_pattern(one, right_ascension=ra, declination=dec, polarization=psi, gps=GPS)
        plus, cross = patterns[:, d, 0], patterns[:, d, 1]
        np.testing.assert_allclose(plus * np.cos(2 * psi) + cross * np.sin(2 * psi), expected.plus, atol=1e-12)
        np.testing.assert_allclose(cross * np.cos(2 * psi) - plus * np.sin(2 * psi), expected.cross, atol=1e-12)
        expected = time_delay(one, right_ascension=ra, declination=dec, gps=GPS)
        np.testing.assert_allclose(delays[:, d], expected, atol=1e-12)


def test_equatorial_coordinates_go_round(chart):
    direction = isotropic(100)
    place = chart.to_equatorial(direction)
    assert (place[:, 0] >= 0.0).all()
    assert (place[:, 0] < 2 * np.pi).all()
    np.testing.assert_allclose(chart.from_equatorial(*place.T), direction, atol=1e-12)


def test_a_published_direction():
    """bilby 2.8.2: sidereal time and the delay at H1 of ra = 1, dec = 0.5."""
    chart = SkyChart.of(network(("H1", "L1", "V1")), GPS)
    assert greenwich_sidereal_time(GPS) % (2 * np.pi) == pytest.approx(1.4232232333813215, abs=1e-6)
    delays = chart.delays(chart.from_equatorial(np.array(1.0), np.array(0.5)))
    np.testing.assert_allclose(delays, [-0.00619822, -0.01156584733, -0.01812308452], atol=2e-8)


class TestOrientations:
    rng = np.random.default_rng(4)
    psi, theta, beta = rng.uniform(0, np.pi, 40), np.arccos(rng.uniform(-1, 1, 40)), rng.uniform(0, np.pi, 40)
    plus, cross = rng.uniform(-1, 1, (2, 40))

    def test_the_six_numbers_are_the_oriented_wave(self):
        """F+ h+ + Fx hx at polarization psi, series by series, from the six numbers at polarization zero."""
        u = response(self.psi, self.theta, self.beta).reshape(40, 2, 3)
        f_plus = self.plus * np.cos(2 * self.psi) + self.cross * np.sin(2 * self.psi)
        f_cross = self.cross * np.cos(2 * self.psi) - self.plus * np.sin(2 * self.psi)
        for k in range(3):
            one = Series(*(jnp.asarray(float(j == k)) for j in range(3)))
            wave = orient(one, theta_jn=self.theta, argument_of_pericentre=self.beta)
            expected = f_plus * np.asarray(wave.plus) + f_cross * np.asarray(wave.cross)
            found = self.plus * u[:, 0, k] + self.cross * u[:, 1, k]
            np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_the_monomials_give_a_templates_square(self):
        """|F+ u_plus.X + Fx u_cross.X|^2 for any Gram matrix of the series."""
        u = response(self.psi, self.theta, self.beta)
        root = self.rng.standard_normal((3, 3))
        gram = root @ root.T
        combined = self.plus[:, None] * u[:, :3] + self.cross[:, None] * u[:, 3:]
        expected = np.einsum("ni,ij,nj->n", combined, gram, combined)
        products = np.array([gram[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])
        factors = np.stack([self.plus**2, self.cross**2, self.plus * self.cross], axis=1)
        found = np.einsum("nc,nck,k->n", factors, monomials(u).reshape(40, 3, 6), products)
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    @pytest.mark.parametrize("shared", [False, True])
    def test_base_orientations_are_isotropic(self, shared):
        psi, theta, beta = base_angles(shared=shared)[:1024].T
        for unit in (psi / np.pi, 0.5 * (1 - np.cos(theta)), beta / np.pi):
            # Blocks of a Sobol sequence are more even than random numbers.
            assert kstest(unit, "uniform").statistic < 0.01
        assert np.array_equal(psi, beta) is shared
        table = orientation_table(shared=shared)
        np.testing.assert_allclose(table[:6].T, response(*base_angles(shared=shared).T), atol=1e-6)


def test_the_frame_turns_with_the_earth(chart):
    """A quarter of a sidereal day later the same source lies elsewhere over the detectors."""
    later = replace(chart, gps=GPS + 86164.0905 / 4)
    now, then = (one.from_equatorial(np.array(1.0), np.array(0.0)) for one in (chart, later))
    assert abs(float(now @ then)) < 1e-3
