"""Forces between stars, levels of steps, and the whole integrator on small galaxies."""

import numpy as np
import pytest

from swansong.binaries.nbody import gravity_kernels
from swansong.binaries.nbody.engine import Galaxies, Stepper, energy, momentum
from swansong.binaries.nbody.gravity import Direct, Tree, choose_gravity
from swansong.binaries.nbody.initial import initial_conditions
from swansong.binaries.nbody.settings import Accuracy
from swansong.binaries.nbody.stepping_kernels import choose_inner, choose_levels
from swansong.binaries.trajectories import Merger

SOFTENING = 0.1


def galaxies(stars: int = 128, *, eccentricity: float = 0.9, seed: int = 1) -> Galaxies:
    """The bodies of a small merger."""
    first = initial_conditions(Merger(eccentricity, stars, seed))
    holes = np.concatenate([first.positions[:2], first.velocities[:2], first.masses[:2, None]], axis=1)
    place, speed = first.positions[2:].T.copy(), first.velocities[2:].T.copy()
    return Galaxies(0.0, place, speed, first.masses[2:].copy(), np.arange(stars), holes)


def pulls(position: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Softened accelerations, plainly."""
    between = position[:, None, :] - position[:, :, None]
    cube = (np.sum(between**2, axis=0) + SOFTENING**2) ** -1.5
    return np.einsum("aij,ij,j->ai", between, cube, mass)


def test_direct_forces_are_the_plain_sum() -> None:
    bodies = galaxies()
    expected = pulls(bodies.position, bodies.mass)
    direct = Direct(SOFTENING)
    velocity = np.zeros_like(bodies.position)
    stars = direct.prepare(bodies.position, bodies.mass)
    direct.kick(stars, velocity, targets=(0, 128), sources=(0, 128), step=2.0)
    np.testing.assert_allclose(velocity, 2.0 * expected, atol=5e-6 * np.abs(expected).max())
    by_threads = np.zeros_like(velocity)
    gravity_kernels.kick_range_by_threads(stars, by_threads, 0, 128, 0, 128, SOFTENING**2, 2.0)
    np.testing.assert_array_equal(by_threads, velocity)


def test_a_pair_is_kicked_by_the_longer_of_two_steps() -> None:
    bodies = galaxies()
    rng = np.random.default_rng(2)
    before, after = np.exp2(rng.integers(0, 4, (2, 128)))
    velocity = np.zeros_like(bodies.position)
    Direct(SOFTENING).kick_all(bodies.position, velocity, bodies.mass, before, after)
    between = bodies.position[:, None, :] - bodies.position[:, :, None]
    cube = (np.sum(between**2, axis=0) + SOFTENING**2) ** -1.5
    steps = 0.5 * (np.maximum.outer(before, before) + np.maximum.outer(after, after))
    expected = np.einsum("aij,ij,ij,j->ai", between, cube, steps, bodies.mass)
    np.testing.assert_allclose(velocity, expected, atol=5e-6 * np.abs(expected).max())
    assert np.abs(velocity @ bodies.mass).max() < 1e-7  # momentum


def test_potential_is_the_plain_sum() -> None:
    bodies = galaxies()
    between = bodies.position[:, None, :] - bodies.position[:, :, None]
    inverse = 1.0 / np.sqrt(np.sum(between**2, axis=0) + SOFTENING**2)
    np.fill_diagonal(inverse, 0.0)
    expected = -0.5 * bodies.mass @ inverse @ bodies.mass
    assert Direct(SOFTENING).potential(bodies.position, bodies.mass) == pytest.approx(expected, rel=1e-12)


def test_a_tree_gives_the_same_forces_where_softening_does_not_matter() -> None:
    pytest.importorskip("pytreegrav")
    assert isinstance(choose_gravity(50_000, softening=0.03), Tree)
    assert isinstance(choose_gravity(2048, softening=0.03), Direct)
    bodies = galaxies(512)
    far, near = np.zeros((2, 3, 512))
    steps = np.where(np.arange(512) < 100, 0.5, 1.0)
    for gravity, velocity in ((Tree(1e-3, opening=0.3), far), (Direct(1e-3), near)):
        gravity.kick_all(bodies.position, velocity, bodies.mass, steps, steps)
    assert np.sqrt(np.mean((far - near) ** 2) / np.mean(near**2)) < 3e-3


def test_levels_follow_the_distance_that_a_star_will_have() -> None:
    holes = np.zeros((2, 7))
    holes[1, 0] = 100.0
    place = np.array([[4.0, 4.0, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    speed = np.array([[0.0, -8.0, 0.0], [0.5, 0.0, 0.3], [0.0, 0.0, 0.0]])
    found = choose_levels(place, speed, holes, 1.0 / 64.0, 6, 0.0625)
    # At rest 1/4 of a unit; the second star reaches the hole within half a unit; the third is close.
    np.testing.assert_array_equal(found, [4, 0, 0])
    inside = choose_inner(place, speed, 3, holes, 0.15, 0.0)
    assert not inside.any()
    assert choose_inner(place, speed, 3, holes, 0.15, 0.6)[2]


def settled(accuracy: Accuracy, *, time: float = 1.0) -> Galaxies:
    """A small merger after some time."""
    bodies = galaxies(64, seed=4)
    stepper = Stepper(bodies, accuracy=accuracy, gravity=Direct(accuracy.softening))
    for _ in stepper.advance(round(time / accuracy.longest)):
        pass
    return bodies


def in_order(bodies: Galaxies) -> np.ndarray:
    """Positions by the names of the stars."""
    return bodies.position[:, np.argsort(bodies.name)]


def test_positions_converge_with_the_square_of_the_step() -> None:
    smooth = {"levels": 1, "softening": 0.4, "near": 0.4, "radius": 1e-6, "ahead": 0.0}
    exact = in_order(settled(Accuracy(step=1.0 / 512.0, **smooth)))
    errors = [np.abs(in_order(settled(Accuracy(step=step, **smooth))) - exact).max() for step in (1 / 16, 1 / 32)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.25)


def test_levels_change_little_and_conserve() -> None:
    bodies = galaxies(256, eccentricity=0.99)
    accuracy, gravity = Accuracy(), Direct(0.03)
    begin, turning = energy(bodies, accuracy=accuracy, gravity=gravity), momentum(bodies)
    push = bodies.velocity @ bodies.mass + bodies.holes[:, 3:6].T @ bodies.holes[:, 6]
    told = [moment for moment, _ in Stepper(bodies, accuracy=accuracy, gravity=gravity).advance(8)]
    np.testing.assert_allclose(told, np.arange(1, 17) * 0.25)
    assert bodies.time == 4.0
    assert abs(energy(bodies, accuracy=accuracy, gravity=gravity) / begin - 1.0) < 5e-3
    np.testing.assert_allclose(momentum(bodies), turning, atol=1e-7)
    after = bodies.velocity @ bodies.mass + bodies.holes[:, 3:6].T @ bodies.holes[:, 6]
    np.testing.assert_allclose(after, push, atol=1e-7)


def test_the_pair_that_is_told_is_the_pair_in_step() -> None:
    bodies = galaxies(64)
    stepper = Stepper(bodies, accuracy=Accuracy(), gravity=Direct(0.03))
    told = [holes for _, holes in stepper.advance(2)]
    np.testing.assert_allclose(told[-1], bodies.holes, atol=1e-12)
