"""The inner region: exact Kepler motion of the pair, and stars around it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.binaries.nbody.gravity_kernels import energies
from swansong.binaries.nbody.inner_kernels import advance_inner
from swansong.binaries.nbody.kepler_kernels import kepler_step, stumpff

MU = 0.01
NEAR = 5e-4


def ellipse(axis: float, eccentricity: float) -> np.ndarray:
    """A relative orbit at apocentre."""
    distance = axis * (1.0 + eccentricity)
    return np.array([distance, 0.0, 0.0, 0.0, np.sqrt(MU * (2.0 / distance - 1.0 / axis)), 0.0])


def pair(relative: np.ndarray) -> np.ndarray:
    """Two equal holes on a relative orbit, at rest together."""
    return np.stack([np.append(-0.5 * relative, 0.005), np.append(0.5 * relative, 0.005)])


def cloud(stars: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stars on bound orbits around the pair."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=(3, stars))
    place *= rng.uniform(0.03, 0.12, stars) / np.linalg.norm(place, axis=0)
    speed = rng.normal(size=(3, stars)) * np.sqrt(MU / np.linalg.norm(place, axis=0) / 3.0) * 0.8
    return np.concatenate([place, speed]), np.full(stars, 1.0 / 4096.0)


@pytest.mark.parametrize("eccentricity", [0.0, 0.5, 0.95])
def test_a_thousand_periods_end_where_kepler_says(eccentricity: float) -> None:
    axis = 0.003
    period = 2.0 * np.pi * np.sqrt(axis**3 / MU)
    holes = pair(ellipse(axis, eccentricity))
    empty, none = np.zeros((6, 0)), np.zeros(0)
    # Not a whole number of outer steps, and half a period more: from apocentre to pericentre.
    whole, rest = divmod(1000.5 * period, 0.015625)
    for _ in range(int(whole)):
        advance_inner(holes, empty, none, NEAR**2, 0.015625, 100.0, 100.0)
    advance_inner(holes, empty, none, NEAR**2, rest, 100.0, 100.0)
    relative = holes[1, :3] - holes[0, :3]
    np.testing.assert_allclose(relative, [-axis * (1.0 - eccentricity), 0.0, 0.0], atol=1e-8 * axis)
    assert np.abs(holes[:, :6].sum(axis=0)).max() < 1e-12


@settings(max_examples=60, deadline=None)
@given(
    distance=st.floats(0.1, 10.0),
    speed=st.floats(0.05, 3.0),
    angle=st.floats(0.05, 3.0),
    step=st.floats(-30.0, 30.0),
    share=st.floats(0.05, 0.95),
)
def test_two_steps_are_one_and_conserve(distance: float, speed: float, angle: float, step: float, share: float) -> None:
    start = np.array([distance, 0.0, 0.0, speed * np.cos(angle), speed * np.sin(angle), 0.1 * speed])
    once, twice = start.copy(), start.copy()
    assert kepler_step(once, 1.0, step)
    assert kepler_step(twice, 1.0, share * step)
    assert kepler_step(twice, 1.0, (1.0 - share) * step)
    energy = [0.5 * orbit[3:] @ orbit[3:] - 1.0 / np.linalg.norm(orbit[:3]) for orbit in (start, once)]
    turning = [np.cross(orbit[:3], orbit[3:]) for orbit in (start, once)]
    scale = 0.5 * speed**2 + 1.0 / distance + 0.5 * once[3:] @ once[3:]
    assert abs(energy[1] - energy[0]) < 1e-9 * scale
    np.testing.assert_allclose(turning[1], turning[0], atol=1e-9 * (1.0 + np.abs(turning[0]).max()))
    np.testing.assert_allclose(twice[:3], once[:3], atol=1e-6 * max(1.0, np.abs(once[:3]).max()))


@pytest.mark.parametrize("z", [-40.0, -0.31, -0.29, -1e-9, 0.0, 1e-9, 0.29, 0.31, 9.0])
def test_stumpff_functions_are_their_series(z: float) -> None:
    from math import factorial

    two = sum((-z) ** k / factorial(2 * k + 2) for k in range(40))
    three = sum((-z) ** k / factorial(2 * k + 3) for k in range(40))
    assert stumpff(z) == pytest.approx((two, three), rel=1e-11)


def drift_of_energy(steps: float, *, seed: int = 3) -> float:
    """Largest change of the energy of a pair with stars around it over five units of time."""
    holes = pair(ellipse(0.01, 0.5))
    stars, mass = cloud(12, seed)

    def total() -> float:
        return sum(energies(stars[:3].copy(), stars[3:].copy(), mass, holes, NEAR**2))

    begin, worst = total(), 0.0
    for _ in range(160):
        advance_inner(holes, stars, mass, NEAR**2, 0.03125, steps, steps)
        worst = max(worst, abs(total() - begin))
    return worst / abs(begin)


def test_energy_is_kept_and_better_with_shorter_steps() -> None:
    coarse, fine = drift_of_energy(50.0), drift_of_energy(200.0)
    assert fine < 3e-4
    assert coarse > 4.0 * fine  # second order gives 16


def test_stars_move_as_in_an_independent_integrator() -> None:
    rebound = pytest.importorskip("rebound")
    holes = pair(ellipse(0.02, 0.6))
    stars, mass = cloud(3, 5)
    simulation = rebound.Simulation()
    simulation.integrator = "ias15"
    for hole in holes:
        simulation.add(m=hole[6], **dict(zip(("x", "y", "z", "vx", "vy", "vz"), hole[:6], strict=True)))
    for star in stars.T:
        # Stars pull the holes but not each other, which test particles of type 1 do.
        simulation.add(m=mass[0], **dict(zip(("x", "y", "z", "vx", "vy", "vz"), star, strict=True)))
    simulation.N_active, simulation.testparticle_type = 2, 1
    simulation.integrate(0.2)
    for _ in range(20):
        advance_inner(holes, stars, mass, 1e-20, 0.01, 3000.0, 3000.0)
    found = np.concatenate([holes[:, :3], stars[:3].T])
    expected = np.array([[body.x, body.y, body.z] for body in simulation.particles])
    np.testing.assert_allclose(found, expected, atol=2e-6)
