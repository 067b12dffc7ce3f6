"""Training the learnt orbits from a recipe and mergers, and loading what was trained."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from paramax import NonTrainable, unwrap

from swansong.binaries.learnt.batches import MemberBatches, samples, validation_batch
from swansong.binaries.learnt.calibration import Held, calibrated
from swansong.binaries.learnt.curves import Curves, LeftOut, Split, make_curves
from swansong.binaries.learnt.pnode import PairEquation, curve_loss
from swansong.binaries.learnt.rates import RatesEquation, rates_loss, soft_coordinate
from swansong.binaries.learnt.settings import LossSettings, Recipe
from swansong.binaries.learnt.starts import StartLaw
from swansong.binaries.trajectories import Merger, Trajectory
from swansong.core.hashing import content_sha256
from swansong.core.types import Array, Int, Key
from swansong.learning.curriculum import Batches, Course, train_parts

SYSTEM = "binaries"
"""Folder of the packaged weights."""

Equation: TypeAlias = PairEquation | RatesEquation
"""A learnt equation, of either estimator."""

_MODELS: dict[str, type[PairEquation] | type[RatesEquation]] = {"paper": PairEquation, "rates": RatesEquation}


@dataclass(frozen=True, eq=False)
class Schooled(Course[Equation]):
    """A trained ensemble and what it was trained on; once all parts are done, with the scatter that mergers show.

    Attributes:
        curves: All curves.
        split: Which of them teach, validate and test.
        left_out: Mergers that took no part.
    """

    curves: Curves
    split: Split
    left_out: LeftOut


class EnsembleLoss(eqx.Module):
    """The loss of an estimator for the training loop.

    Attributes:
        times: Times of the curves.
        settings: Its numbers.
    """

    times: Float[Array, "saves"]
    settings: LossSettings = eqx.field(static=True)

    def __call__(
        self, model: Equation, state: None, batch: tuple, *, key: Key, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], tuple[None, dict[str, Float[Array, ""]]]]:
        """Loss of one batch; see `swansong.learning.steps.Loss`."""
        loss = curve_loss if isinstance(model, PairEquation) else rates_loss
        value, metrics = loss(model, batch, times=self.times, settings=self.settings)  # pyright: ignore[reportArgumentType]
        return value, (None, metrics)


def fingerprint(recipe: Recipe) -> str:
    """Fingerprint of what curves are made of; weights serve only the same."""
    curves = recipe.curves
    numbers = {"numbers": np.array([curves.inverse_axis, curves.duration, curves.smoothing, curves.saves])}
    return content_sha256(numbers, texts={"begin": curves.begin, "features": "log1p(-e) N^-1/2"})


def blank(recipe: Recipe) -> Equation:
    """A model of a recipe's shape, to be filled from a file."""
    return _MODELS[recipe.estimator].build(recipe, curves=None, key=jax.random.key(0))


def fit(
    recipe: Recipe,
    *,
    mergers: Sequence[Trajectory],
    seed: int,
    folder: str | Path | None = None,
    resume: bool = True,
    quiet: bool = False,
) -> Schooled:
    """Train the ensemble of a recipe.

    Every part of the curriculum leaves a folder part_1, part_2 and so on with its own checkpoint, and the last one
    `weights.h5` in the folder itself.

    Args:
        recipe: What to train.
        mergers: Trajectories; they are split by the seed, and the highest resolution is held out.
        seed: Seed of the split, the weights and the batches.
        folder: Where checkpoints and weights go.
        resume: Whether to go on from checkpoints.
        quiet: Whether to hide the progress bar.

    Returns:
        The ensemble.

    Raises:
        ConfigError: A checkpoint belongs to another recipe or other mergers.
        DataError: Too few mergers can be used.
        TrainingError: The loss stops being finite.
    """
    curves, left_out = make_curves(mergers, recipe.curves)
    split = Split.of(curves.mergers, recipe.curves, seed=seed)
    learnt, held = curves.select(split.train), curves.select(split.validation)
    kind = _MODELS[recipe.estimator]
    values = {"learnt": kind.coordinates(learnt), "held": kind.coordinates(held)}
    data = content_sha256({**values, "condition": learnt.condition}, texts={})
    model = kind.build(recipe, curves=learnt, key=jax.random.key(seed))
    model = eqx.tree_at(lambda one: one.start, model, NonTrainable(start_law(model, learnt)))
    loss = EnsembleLoss(jnp.asarray(curves.time), recipe.loss)
    shifted = recipe.loss.shifted if recipe.estimator == "rates" else 0.0

    def batches(place: int) -> Batches:
        common = {"share": recipe.curriculum[place].share, "members": recipe.members}
        source = MemberBatches.build(
            curves.time, values["learnt"], condition=learnt.condition, known=learnt.known, **common, shifted=shifted,
            seed=seed,
        )  # fmt: skip
        return Batches(source, validation_batch(values["held"], condition=held.condition, known=held.known, **common))

    course = train_parts(
        model,
        recipe=recipe,
        batches=batches,
        loss=loss,
        seed=seed,
        configuration={"analysis": fingerprint(recipe), "data": data},
        folder=folder,
        resume=resume,
        quiet=quiet,
    )
    done = Schooled(**vars(course), curves=curves, split=split, left_out=left_out)
    if not done.finished:
        return done
    left_aside = Held.of(learnt, held, samples(len(learnt), members=recipe.members, seed=seed))
    done = replace(done, trained=replace(done.trained, model=calibrated(done.trained.model, left_aside)))
    if folder is not None:
        names = {part: identities(curves.select(getattr(split, part)).mergers) for part in ("train", "validation")}
        done.trained.save(Path(folder) / "weights.h5", metadata={"mergers": names, "until": learnt.until()}, force=True)
    return done


def identities(mergers: Sequence[Merger]) -> list[list[float | int | str]]:
    """Mergers by what names them, JSON-able."""
    return [[one.eccentricity, one.particles, one.seed, one.origin] for one in mergers]


def start_law(model: Equation, curves: Curves) -> StartLaw:
    """Law of the beginnings of the curves that are learnt.

    Args:
        model: The equation, which knows its conditions.
        curves: The curves.

    Returns:
        The law.
    """
    features = np.asarray(unwrap(model.conditions).features(curves.condition))
    law = StartLaw.fit(features, beginnings(curves))
    return StartLaw(*(jnp.asarray(part) for part in law))


def beginnings(curves: Curves) -> Float[np.ndarray, "mergers 3"]:
    """Time of each beginning, with x and w there; with E and L where a pair is not bound."""
    if np.all(curves.state[:, 0, 0] < 0.0):
        values = RatesEquation.coordinates(curves)[:, 0]
        pair = np.stack([values[:, 0], np.asarray(soft_coordinate(jnp.asarray(values[:, 1])))], axis=-1)
    else:
        pair = curves.state[:, 0]
    return np.concatenate([curves.begin[:, None], pair], axis=1)
