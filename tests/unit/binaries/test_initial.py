"""Initial conditions of mergers: the orbit of the galaxies, the order of the bodies, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from swansong.binaries.nbody.initial import Bodies, initial_conditions
from swansong.binaries.trajectories import Merger
from swansong.core.errors import DomainError, InputError


def _relative(bodies: Bodies) -> tuple[np.ndarray, np.ndarray]:
    return bodies.positions[0] - bodies.positions[1], bodies.velocities[0] - bodies.velocities[1]


@pytest.mark.parametrize(("eccentricity", "time"), [(0.9, 64.7), (0.5, None), (0.99, None)])
def test_galaxies_fall_to_their_first_pericentre(eccentricity, time):
    position, velocity = _relative(initial_conditions(Merger(eccentricity, 128, 0)))

    def turn(_, y):
        return y[:3] @ y[3:]

    turn.terminal, turn.direction = True, 1.0
    run = solve_ivp(
        lambda _, y: np.concatenate([y[3:], -y[:3] / np.linalg.norm(y[:3]) ** 3]),
        (0.0, 500.0),
        np.concatenate([position, velocity]),
        events=turn,
        method="DOP853",
        rtol=1e-10,
        atol=1e-10,
    )
    assert np.linalg.norm(run.y[:3, -1]) == pytest.approx(15.0 * (1.0 - eccentricity), rel=1e-6)
    if time is not None:
        assert run.t[-1] == pytest.approx(time, abs=0.05)


def test_galaxies_start_on_the_ellipse():
    position, velocity = _relative(initial_conditions(Merger(0.7, 128, 3)))
    assert np.linalg.norm(position) == pytest.approx(20.0)
    assert position @ velocity < 0.0
    assert 0.5 * velocity @ velocity - 1.0 / 20.0 == pytest.approx(-1.0 / 30.0)
    assert np.linalg.norm(np.cross(position, velocity)) == pytest.approx(np.sqrt(15.0 * (1.0 - 0.49)))


@pytest.mark.parametrize("masses", ["equal", "spectrum"])
def test_black_holes_come_first_and_lie_at_rest_in_their_galaxies(masses):
    bodies = initial_conditions(Merger(0.9, 1024, 2, mass_1=0.006, mass_2=0.004), masses=masses)
    assert len(bodies) == 1026
    assert bodies.positions.shape == bodies.velocities.shape == (1026, 3)
    assert bodies.masses[:2].tolist() == [0.006, 0.004]
    for hole, stars in ((0, slice(2, 514)), (1, slice(514, 1026))):
        weights = bodies.masses[stars] / 0.5
        assert weights.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(weights @ bodies.positions[stars], bodies.positions[hole], atol=1e-6)
        np.testing.assert_allclose(weights @ bodies.velocities[stars], bodies.velocities[hole], atol=1e-6)


@settings(max_examples=5)
@given(
    eccentricity=st.floats(0.34, 0.999),
    heavy=st.floats(1e-3, 0.05),
    light=st.floats(1e-3, 0.05),
    seed=st.integers(0, 10**9),
)
def test_centre_of_mass_rests_at_the_origin(eccentricity, heavy, light, seed):
    bodies = initial_conditions(Merger(eccentricity, 64, seed, mass_1=heavy, mass_2=light))
    np.testing.assert_allclose(bodies.masses @ bodies.positions, 0.0, atol=1e-12)
    np.testing.assert_allclose(bodies.masses @ bodies.velocities, 0.0, atol=1e-12)
    assert bodies.masses.sum() == pytest.approx(1.0 + heavy + light)


def test_merger_fixes_the_realisation():
    one, two = initial_conditions(Merger(0.9, 128, 1)), initial_conditions(Merger(0.9, 128, 1))
    assert np.array_equal(one.positions, two.positions)
    assert np.array_equal(one.velocities, two.velocities)
    for other in (Merger(0.9, 128, 2), Merger(0.95, 128, 1)):
        # The first star, seen from its black hole.
        seen = initial_conditions(other)
        assert not np.allclose(seen.positions[2] - seen.positions[0], one.positions[2] - one.positions[0])


@pytest.mark.parametrize(
    ("merger", "error", "words"),
    [
        (Merger(0.9, 129, 0), InputError, "even"),
        (Merger(0.9, 62, 0), InputError, "at least 64, got 62"),
        (Merger(0.9, 128, -1), InputError, "seed"),
        (Merger(1.0, 128, 0), DomainError, r"\[0\.3333, 1\)"),
        (Merger(0.2, 128, 0), DomainError, "got 0.2"),
        (Merger(float("nan"), 128, 0), DomainError, "eccentricity"),
        (Merger(0.9, 128, 0, mass_2=-0.005), InputError, "hole"),
    ],
)
def test_impossible_mergers_are_refused(merger, error, words):
    with pytest.raises(error, match=words):
        initial_conditions(merger)
