"""The background of a search: counted probabilities, thresholds and what they belong to."""

import numpy as np
import pytest

from swansong.core.errors import FileError
from swansong.core.provenance import collect
from swansong.encounters.background import Background, identity_of


@pytest.fixture(scope="module")
def background(burst_problem):
    statistic = np.linspace(-2.0, 3.0, 1000)
    return Background(statistic, ("H1", "L1", "V1"), identity_of(burst_problem))


def test_probabilities_are_counted_and_never_zero(background):
    found = background.false_alarm_probability(np.array([-3.0, 0.5, 3.5, np.inf]))
    assert found[0] == pytest.approx(1.0, abs=2e-3)
    assert found[1] == pytest.approx(0.5, abs=2e-3)
    assert found[2] == found[3] == pytest.approx(background.resolution)
    assert 0.0 < background.resolution < 2e-3
    assert (np.diff(found) <= 0.0).all()


@pytest.mark.parametrize("probability", [0.5, 0.1, 0.01])
def test_a_threshold_is_passed_by_its_share_of_windows(background, probability):
    share = (background.statistic > background.threshold(probability)).mean()
    assert share == pytest.approx(probability, abs=2e-3)


def test_it_comes_back_from_its_file(background, tmp_path):
    background.save(tmp_path / "background.h5", provenance=collect(seed=0))
    found = Background.load(tmp_path / "background.h5")
    np.testing.assert_array_equal(found.statistic, background.statistic)
    assert (found.detectors, found.identity) == (background.detectors, background.identity)
    with pytest.raises(FileError):
        Background.load(tmp_path / "none.h5")


def test_its_identity_follows_prior_and_segment_but_not_the_noise(burst_problem):
    def changed(section, **values):
        return burst_problem.model_copy(update={section: getattr(burst_problem, section).model_copy(update=values)})

    own = identity_of(burst_problem)
    assert identity_of(changed("data", drift=0.3)) == own
    assert identity_of(changed("source", gps=1e9)) == own
    for other in (changed("prior", minimum_snr=7.0), changed("data", duration=3.0), changed("model", waveform="efb")):
        assert identity_of(other) != own
