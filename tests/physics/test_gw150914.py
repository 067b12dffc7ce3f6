"""GW150914 from the public strain: the remnant's mass and spin by the exact posterior."""

import numpy as np
import pytest

from swansong.core.errors import InputError
from swansong.ringdown.events import read_event
from swansong.ringdown.exact import exact_posterior
from swansong.ringdown.settings import PriorSettings, Problem, SourceSettings

FILES = {
    "H1": "H-H1_LOSC_4_V2-1126259446-32.hdf5",
    "L1": "L-L1_LOSC_4_V2-1126259446-32.hdf5",
}


@pytest.fixture(scope="module")
def problem():
    return Problem(source=SourceSettings(declination=-1.27), prior=PriorSettings(minimum_snr=0.0))


@pytest.fixture(scope="module")
def event(shared_data, problem):
    return read_event(problem, {name: shared_data / file for name, file in FILES.items()})


def test_the_segments_are_placed_as_published(event):
    assert event.whitened.shape == (2, 410)
    assert event.starts["H1"] == pytest.approx(1126259462.423, abs=1e-6)
    assert event.starts["H1"] - event.starts["L1"] == pytest.approx(7e-3, abs=3e-4)
    assert (np.abs(event.analysis.geometry.offsets) <= 1.0 / 4096.0).all()
    plus_and_cross = [(r.real, -r.imag) for r in event.analysis.geometry.responses]
    np.testing.assert_allclose(plus_and_cross, [(0.57874, -0.45095), (-0.52743, 0.20521)], atol=2e-3)
    assert set(map(len, event.inputs.values())) == {64}


def test_the_covariance_is_well_conditioned_and_whitens(event):
    """Holding the spectrum above 1600 Hz brings the condition number from 1e9 down to 1e6."""
    for whitener in event.analysis.whiteners:
        assert whitener.condition_number < 2e7
    residual = event.whitened.reshape(-1)
    residual = residual - event.analysis.basis @ (event.analysis.basis.T @ residual)
    freedom = residual.size - event.analysis.basis.shape[1]
    assert np.sqrt((residual**2).sum() / freedom) == pytest.approx(1.0, abs=0.12)


def test_mass_and_spin_of_the_remnant(event):
    """74 +- 10 solar masses and 0.71 +- 0.16; inspiral, merger and ringdown together give 68 and 0.67."""
    found = exact_posterior(event.analysis, event.whitened, samples=20_000, seed=0)
    assert found.efficiency > 0.5

    def moments(name):
        mean = np.average(found[name], weights=found.weights)
        return mean, np.sqrt(np.average((found[name] - mean) ** 2, weights=found.weights))

    mass, mass_error = moments("final_mass")
    spin, spin_error = moments("final_spin")
    assert 70.0 < mass < 78.0
    assert 7.5 < mass_error < 11.5
    assert 0.64 < spin < 0.78
    assert 0.12 < spin_error < 0.20
    low, high = found.quantile("final_mass", [0.05, 0.95])
    assert low < 67.9 < high
    assert found.metadata["log_bayes_factor"] > 30.0


def test_a_missing_file_is_named(shared_data, problem):
    with pytest.raises(InputError, match="L1"):
        read_event(problem, {"H1": shared_data / FILES["H1"]})
