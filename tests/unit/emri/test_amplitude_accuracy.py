"""Models of amplitudes against solved orbits: every eighth of the held-out set, with the aims of the project."""

from pathlib import Path

import pytest

from swansong.emri.amplitudes.check import check_model
from swansong.emri.amplitudes.models import load
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.truth import read_set

SOLVED = Path(__file__).parents[2] / "data" / "emri_amplitudes_thinned.h5"


@pytest.fixture(scope="module")
def solved():
    return read_set(SOLVED)


@pytest.fixture(scope="module")
def scores(solved):
    return check_model(load("lowrank"), solved)


def test_every_class_is_judged(solved, scores):
    assert set(scores.classes) == set(CLASSES)
    assert min(score.orbits for score in scores.classes.values()) >= 7
    assert scores.overall.orbits == len(solved)


@pytest.mark.parametrize("name", CLASSES)
def test_errors_of_every_class(scores, name):
    score = scores.classes[name]
    assert score.error_median < 1e-11
    assert score.error_99 < 1e-8
    assert score.recall == 1.0
    assert score.strongest < 1e-5
    assert score.flux < 1e-5


def test_estimated_errors_cover_the_measured_ones(scores):
    assert scores.overall.covered > 0.9


def test_amplitudes_at_the_horizon(solved):
    model, judged = load("lowrank"), 0
    for row in range(0, len(solved), 9):
        a, p, e, x = map(float, solved.orbits[row])
        modes, _ = solved.solved(row)
        part = slice(int(solved.offsets[row]), int(solved.offsets[row + 1]))
        true = abs(solved.horizon[part])
        few = (true > 1e-2 * true.max()) & (modes[:, 0] <= 6)
        found = abs(model.horizon(a=a, p=p, e=e, x=x, modes=modes)[0])
        assert abs(found[few] / true[few] - 1.0).max() < 1e-2
        judged += int(few.sum())
    assert judged > 200
