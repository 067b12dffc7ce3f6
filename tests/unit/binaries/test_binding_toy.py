"""The last approach of two black holes: published outcomes, conservation, units."""

import math

import numpy as np
import pytest

from swansong.binaries.binding_toy import Core, bind
from swansong.binaries.units import Units
from swansong.core.errors import DomainError


@pytest.mark.parametrize("impact, expected", [(0.5, 0.99), (3.0, 0.26), (6.0, 0.98), (12.0, 0.35), (20.0, 0.75)])
def test_eccentricity_for_the_published_impact_parameters(impact, expected):
    """Values of Rawlings et al. 2023 for v0 = 450 km/s."""
    assert bind(impact, 450.0).eccentricity == pytest.approx(expected, abs=0.03)


def test_orbit_starts_as_it_was_asked_to_and_ends_hard():
    units = Units()
    found = bind(12.0, 450.0, units=units)
    speed, impact = 450.0 / units.velocity, 12.0 / units.length
    distance = math.hypot(25.0, 12.0) / units.length
    assert found.separation[0] == pytest.approx(distance)
    assert found.momentum[0] == pytest.approx(speed * impact)
    assert found.energy[0] == pytest.approx(0.5 * speed**2 - 0.01 / distance)
    assert found.axis * units.length == pytest.approx(Core().hard, rel=1e-3)
    assert np.all(np.diff(found.time) > 0.0)


def test_without_stars_energy_and_momentum_are_kept():
    """A core of no density has neither torque nor friction; an orbit that is bound from the start ends at once."""
    empty = Core(density=1e-12, hard=200.0)
    found = bind(20.0, 20.0, core=empty)
    assert found.energy == pytest.approx(found.energy[0], rel=1e-9)
    assert found.momentum == pytest.approx(found.momentum[0], rel=1e-9)


def test_a_sphere_exerts_no_torque():
    """Momentum then falls by friction alone, as the velocity does: it never rises."""
    found = bind(12.0, 450.0, core=Core(flattening=0.01))
    assert np.all(np.diff(found.momentum) <= 1e-12)


def test_coefficients_of_the_potential_obey_poisson():
    for s in (0.1, 0.5, 0.91):
        long, short = Core(flattening=s).axes
        assert long + 2.0 * short == pytest.approx(2.0)
        assert long < short
    assert Core(flattening=0.01).axes == pytest.approx((2.0 / 3.0, 2.0 / 3.0), rel=1e-3)


@pytest.mark.parametrize("impact, speed", [(0.0, 450.0), (5.0, -1.0), (5.0, math.nan)])
def test_wrong_input_is_refused(impact, speed):
    with pytest.raises(DomainError, match="must be positive"):
        bind(impact, speed)
