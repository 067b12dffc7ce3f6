"""A curriculum: parts that carry weights on, share a time limit, and resume with the same bits."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import Field

from swansong.core.config import Config, as_dict
from swansong.core.errors import ConfigError
from swansong.core.files import read_product
from swansong.learning import Batches, TrainingPlan, curriculum, train, train_parts

PLAN = TrainingPlan(
    steps=6, batch_size=4, learning_rate=0.01, schedule="constant", validate_every=2, validation_batches=1,
    checkpoint_every=2, steps_per_call=2,
)  # fmt: skip
MADE_FROM = {"data": "points"}


class Stage(Config):
    """A part: the slope of the line that it learns from."""

    slope: float = Field(description="Slope")
    steps: int = Field(default=6, description="Steps")


class Recipe(Config):
    """Two lines, one after the other."""

    curriculum: tuple[Stage, ...] = (Stage(slope=2.0), Stage(slope=-1.0, steps=4))
    training: TrainingPlan = PLAN

    def plan(self, place):
        return self.training.model_copy(update={"steps": self.curriculum[place].steps})


RECIPE = Recipe()
HURRIED = Recipe(training=PLAN.model_copy(update={"max_seconds": 1e-6}))


class Line(eqx.Module):
    """y = slope x."""

    slope: jax.Array

    def batch(self, key, batch_size):
        x = jax.random.normal(key, (batch_size,))
        return x, self.slope * x


def square(model, state, batch, *, key, step):
    x, y = batch
    return jnp.mean((model["slope"] * x - y) ** 2), (state, {})


def through(recipe=RECIPE, *, folder=None, seed=7, asked=None):
    def batches(place):
        if asked is not None:
            asked.append(place)
        line = Line(jnp.asarray(recipe.curriculum[place].slope))
        return Batches(line, line)

    return train_parts(
        {"slope": jnp.asarray(0.5)}, recipe=recipe, batches=batches, loss=square, seed=seed, configuration=MADE_FROM,
        folder=folder, quiet=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def schooled(tmp_path_factory):
    """The folder of a whole training, and what it gave."""
    folder = tmp_path_factory.mktemp("curriculum")
    return folder, through(folder=folder)


def test_a_curriculum_is_its_parts_trained_one_after_the_other(schooled):
    _, done = schooled
    model = {"slope": jnp.asarray(0.5)}
    parts = []
    for place, stage in enumerate(RECIPE.curriculum):
        line = Line(jnp.asarray(stage.slope))
        plan = PLAN.model_copy(update={"steps": stage.steps})
        parts.append(train(model, loss=square, source=line, plan=plan, seed=7 + place, validation=line, quiet=True))
        model = parts[-1].model
    assert float(done.trained.model["slope"]) == float(model["slope"])
    assert (done.parts, done.step, done.finished) == (2, 10, True)
    assert done.history.steps.tolist() == [2, 4, 6, 8, 10]
    losses = np.concatenate([one.history.train_loss for one in parts])
    np.testing.assert_array_equal(done.history.train_loss, losses)
    assert np.all(np.diff(done.history.seconds) >= 0.0)


def test_checkpoints_say_what_every_older_one_said(schooled):
    # Files on disk resume only as long as this record is the same.
    folder, _ = schooled
    assert sorted(one.name for one in folder.iterdir()) == ["part_1", "part_2"]
    for place in range(2):
        found = read_product(folder / f"part_{place + 1}" / "weights.h5", kind="weights").provenance
        lasting = PLAN.model_copy(update={"max_seconds": None, "checkpoint_every": 1000, "steps_per_call": 25})
        until = as_dict(Recipe(curriculum=RECIPE.curriculum[: place + 1], training=lasting))
        plan = RECIPE.plan(place).model_dump(mode="json")
        assert found.configuration == {"plan": plan, "recipe": until, "data": "points", "part": place}
        assert found.seed == 7 + place


def test_a_time_limit_holds_for_all_parts_and_leaves_a_training_that_goes_on(schooled, tmp_path, monkeypatch):
    monkeypatch.setattr(curriculum, "_SHORTEST", 1e-9)
    asked, steps = [], []
    for _ in range(3):
        stopped = through(HURRIED, folder=tmp_path, asked=asked)
        assert (stopped.finished, stopped.trained.stopped) == (False, "time")
        steps.append(stopped.step)
    # Two more steps each time; part 2 begins once part 1 is over.
    assert steps == [2, 4, 8]
    assert asked == [0, 0, 0, 1]
    done = through(folder=tmp_path)
    assert done.history == schooled[1].history
    names = (one / "part_2" / "weights.h5" for one in (schooled[0], tmp_path))
    first, second = (read_product(name, kind="weights").sha256 for name in names)
    assert first == second


def test_later_parts_have_the_time_that_earlier_ones_left(schooled, monkeypatch):
    limits = []

    def told(model, *, plan, **given):
        limits.append(plan.max_seconds)
        return train(model, plan=plan, **given)

    monkeypatch.setattr(curriculum, "train", told)
    patient = Recipe(training=PLAN.model_copy(update={"max_seconds": 1000.0}))
    assert through(patient, folder=schooled[0]).history == schooled[1].history
    first, second = limits
    assert 900.0 < second < first <= 1000.0


def test_a_curriculum_may_be_made_longer_but_not_changed(schooled):
    folder, done = schooled
    longer = Recipe(curriculum=(*RECIPE.curriculum, Stage(slope=3.0, steps=2)))
    found = through(longer, folder=folder)
    assert (found.parts, found.step) == (3, 12)
    assert found.history.train_loss[:5].tolist() == done.history.train_loss.tolist()
    with pytest.raises(ConfigError, match=r"slope"):
        through(Recipe(curriculum=(Stage(slope=2.5),)), folder=folder)
