"""Elements of pairs, units, and the files of trajectories."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swansong.binaries import elements
from swansong.binaries.trajectories import Merger, Trajectory, read_trajectories, write_trajectories
from swansong.binaries.units import Units
from swansong.core.errors import DataError, DomainError, FileError, InputError
from swansong.core.provenance import collect

MERGER = Merger(0.9, 4096, 3)


def pair(energies: list[float], *, times: list[float] | None = None, merger: Merger = MERGER) -> Trajectory:
    """A trajectory with these energies and a little angular momentum."""
    count = len(energies)
    return Trajectory(
        merger=merger,
        time=np.arange(float(count)) if times is None else np.asarray(times),
        energy=np.asarray(energies),
        momentum=np.full(count, 0.004),
        separation=np.linspace(2.0, 1.0, count),
        energy_error=1e-3,
    )


@given(
    axis=st.floats(1e-4, 10.0),
    eccentricity=st.floats(0.0, 0.999),
    anomaly=st.floats(0.0, 6.28),
    mu=st.floats(1e-3, 10.0),
)
def test_an_ellipse_gives_its_elements_back(axis: float, eccentricity: float, anomaly: float, mu: float) -> None:
    # Place and velocity on the ellipse at an eccentric anomaly.
    distance = axis * (1.0 - eccentricity * np.cos(anomaly))
    short = np.sqrt(1.0 - eccentricity**2)
    place = axis * np.array([np.cos(anomaly) - eccentricity, short * np.sin(anomaly), 0.0])
    speed = np.sqrt(mu * axis) / distance * np.array([-np.sin(anomaly), short * np.cos(anomaly), 0.0])
    energy, momentum = elements.energy_and_momentum(place, speed, mu=mu)
    assert elements.semi_major_axis(energy, mu=mu) == pytest.approx(axis, rel=1e-9)
    assert elements.eccentricity(energy, momentum, mu=mu) == pytest.approx(eccentricity, abs=2e-7)
    assert elements.from_ellipse(np.asarray(axis), np.asarray(eccentricity), mu=mu) == pytest.approx(
        (float(energy), float(momentum)), rel=1e-8
    )


def test_loose_pairs_have_no_ellipse_and_round_ones_no_negative_root() -> None:
    assert np.isnan(elements.semi_major_axis(np.array(0.3), mu=1.0))
    assert np.isnan(elements.eccentricity(np.array(0.0), np.array(1.0), mu=1.0))
    assert elements.eccentricity(np.array(-0.5), np.array(1.0 + 1e-9), mu=1.0) == 0.0
    with pytest.raises(DomainError, match="not bound"):
        elements.from_ellipse(np.array(1.0), np.array(1.0), mu=1.0)
    with pytest.raises(DomainError, match="must be positive"):
        elements.from_ellipse(np.array(-1.0), np.array(0.5), mu=1.0)
    with pytest.raises(InputError, match="`mu`"):
        elements.energy_and_momentum(np.ones(3), np.ones(3), mu=-1.0)


def test_the_default_units_are_those_of_the_published_galaxies() -> None:
    units = Units()
    assert (units.time, units.velocity, units.speed_of_light) == pytest.approx((0.2674, 680.0, 440.84), rel=2e-4)
    with pytest.raises(InputError, match="`mass`"):
        Units(mass=0.0)


def test_binding_is_the_time_from_which_the_pair_stays_bound() -> None:
    found = pair([1.0, -0.1, 0.2, -0.3, -0.5])
    assert found.binding_time == 3.0
    assert np.array_equal(np.isnan(found.axis), [True, False, True, False, False])
    assert found.after_binding().time.tolist() == [3.0, 4.0]
    assert found.part(1.0, 3.0).energy.tolist() == [-0.1, 0.2, -0.3]
    assert pair([-1.0, -2.0]).binding_time == 0.0
    loose = pair([-1.0, 0.1])
    assert np.isnan(loose.binding_time)
    with pytest.raises(DomainError, match="seed 3 is not bound"):
        loose.after_binding()
    with pytest.raises(DomainError, match="fewer than two times"):
        found.part(10.0, 20.0)


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(DataError, match="do not rise at row 2"):
        pair([1.0, 2.0, 3.0], times=[0.0, 1.0, 1.0])
    with pytest.raises(DataError, match="`energy` has no finite value at row 1"):
        pair([1.0, np.nan, 3.0])
    with pytest.raises(DataError, match="shape"):
        pair([1.0])


def test_files_give_the_same_trajectories_back(tmp_path: Path) -> None:
    first, second = pair([1.0, -0.1, -0.2]), pair([0.5, -0.7], merger=Merger(0.5, 2048, 1, origin="synthetic"))
    path = tmp_path / "pairs.h5"
    write_trajectories(path, [first, second], provenance=collect(seed=1))
    found = read_trajectories(path)
    assert [one.merger for one in found] == [first.merger, second.merger]
    for one, made in zip(found, (first, second), strict=True):
        assert np.array_equal(one.time, made.time)
        np.testing.assert_allclose(one.energy, made.energy, rtol=1e-7)
        assert one.energy_error == made.energy_error
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileError):
        read_trajectories(path)
