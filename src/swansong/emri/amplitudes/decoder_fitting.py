"""Training the decoder from a recipe, part by part of its curriculum, with the one training loop."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DataError
from swansong.core.hashing import content_sha256
from swansong.core.types import Array, Bool, Float, Int, Key
from swansong.emri.amplitudes.decoder_data import Batch, ModeBank, captured, make_bank
from swansong.emri.amplitudes.decoder_loss import decoder_loss
from swansong.emri.amplitudes.decoder_network import ModeDecoder
from swansong.emri.amplitudes.decoder_recipe import Recipe
from swansong.emri.amplitudes.decoder_settings import DecoderSettings
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.models import quadratic
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.truth import AmplitudeSet
from swansong.learning.curriculum import Batches, Course, train_parts

_SHARE = 0.95  # of the validation orbits lie below the error that the model states
_SMALLEST = 1e-9  # mode-distribution error, below which float32 knows nothing
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Split:
    """Orbits that are learnt and orbits that validate.

    Attributes:
        learnt: Rows of the former.
        held: Rows of the latter.
    """

    learnt: Int[np.ndarray, " learnt"]
    held: Int[np.ndarray, " held"]

    @classmethod
    def of(cls, solved: AmplitudeSet, recipe: Recipe, *, seed: int) -> "Split":
        """Split every class that the recipe learns in the same shares.

        Args:
            solved: Solved orbits.
            recipe: The recipe.
            seed: Seed.

        Returns:
            The split.

        Raises:
            DataError: If a class has less than two orbits.
        """
        learnt, held = [], []
        for name in recipe.classes:
            rows = np.flatnonzero(solved.classes == CLASSES.index(name))
            if len(rows) < 2:
                raise DataError(
                    f"the set holds {len(rows)} orbits of class {name}, which the recipe learns; solve more of them, "
                    "or leave the class out of `curriculum`"
                )
            # One stream for each class, so that none changes when another grows.
            order = np.random.default_rng([seed, CLASSES.index(name)]).permutation(rows)
            count = min(max(1, round(recipe.validation * len(rows))), len(rows) - 1)
            learnt.append(order[count:])
            held.append(order[:count])
        return cls(np.sort(np.concatenate(learnt)), np.sort(np.concatenate(held)))


@dataclass(frozen=True, eq=False)
class Schooled(Course[ModeDecoder]):
    """A decoder that went through its curriculum, or part of it.

    Attributes:
        errors: Coefficients of log10 E in `quadratic` of the coordinates of the domain, None before the end.
        median_error: Median mode-distribution error of the validation orbits, NaN before the end.
    """

    errors: Float[np.ndarray, " terms"] | None
    median_error: float


def fingerprint(recipe: Recipe) -> str:
    """Fingerprint of the grid and of what amplitudes are counted in; weights serve only the same."""
    network = recipe.network
    texts = {"inputs": network.inputs, "index": network.index, "phases": network.phases}
    return content_sha256({"pairs": network.grid.pairs, "k": network.grid.k, "n": network.grid.n}, texts=texts)


def decoding_loss(
    model: ModeDecoder, state: Any, batch: Batch, *, key: Key, step: Int[Array, ""]
) -> tuple[Float[Array, ""], tuple[Any, dict[str, Float[Array, ""]]]]:
    """Loss of the training loop: the decoder's loss averaged over a batch, its parts and E as metrics.

    Args:
        model: The decoder.
        state: Handed through.
        batch: Orbits and their amplitudes.
        key: Not used.
        step: Not used.

    Returns:
        The loss, and the state with the metrics.
    """
    settings = model.settings

    def one(orbit: Array, inputs: Array, modulus: Array, phase: Array) -> tuple[Array, ...]:
        found, angle = model(orbit, inputs)
        # Modes that were not solved carry next to no power: their truth is zero.
        known = model.mask(orbit) & model.grid.canonical
        total, parts = decoder_loss(
            found, angle, target_modulus=modulus, target_phase=phase, known=known, weights=settings.weights
        )
        return total, parts.modulus, parts.distribution, parts.phase, _mode_error(found, angle, batch=(modulus, phase))

    total, *parts = (jnp.mean(one) for one in jax.vmap(one)(*batch))
    return total, (state, dict(zip(("modulus", "distribution", "phase", "error"), parts, strict=True)))


def _mode_error(found: Array, angle: Array, *, batch: tuple[Array, Array]) -> Float[Array, ""]:
    """E on the modes that the truth holds."""
    modulus, phase = batch
    found = jnp.where(modulus > 0.0, found, 0.0)
    product, turn = found * modulus, angle - phase
    overlap = jnp.hypot(jnp.sum(product * jnp.cos(turn)), jnp.sum(product * jnp.sin(turn)))
    norms = jnp.sqrt(jnp.sum(found**2) * jnp.sum(modulus**2))
    return jax.lax.stop_gradient(1.0 - overlap / jnp.where(norms > 0.0, norms, 1.0))


def build(recipe: Recipe, *, seed: int) -> ModeDecoder:
    """Draw the weights of a decoder."""
    return _draw(recipe.network, jax.random.key(seed))


@eqx.filter_jit
def _draw(settings: DecoderSettings, key: Key) -> ModeDecoder:
    """The same, compiled: drawing the weights one by one compiles more."""
    return ModeDecoder(settings, settings.grid, key=key)


def fit(
    recipe: Recipe,
    *,
    solved: AmplitudeSet,
    seed: int,
    folder: str | Path | None = None,
    resume: bool = True,
    quiet: bool = False,
) -> Schooled:
    """Train the decoder of a recipe.

    Every part of the curriculum leaves a folder part_1, part_2 and so on with its own checkpoint, and the last one
    `weights.h5` in the folder itself.

    Args:
        recipe: What to train.
        solved: Solved orbits; a share of them validates.
        seed: Seed of weights, batches and that share.
        folder: Where checkpoints and weights go.
        resume: Whether to go on from checkpoints.
        quiet: Whether to hide the progress bar.

    Returns:
        The decoder.

    Raises:
        ConfigError: If a checkpoint belongs to another recipe or other data.
        DataError: If a class has less than two orbits, or no mode lies in the grid.
        TrainingError: If the loss stops being finite.
    """
    split = Split.of(solved, recipe, seed=seed)
    chosen = solved.select(np.concatenate([split.learnt, split.held]))
    bank = make_bank(chosen, settings=recipe.network, modes=recipe.modes)
    count, classes = len(split.learnt), chosen.classes
    data = content_sha256({"places": np.asarray(bank.places), "modulus": np.asarray(bank.modulus)}, texts={})

    def batches(place: int) -> Batches:
        names = recipe.curriculum[place].classes
        member = np.isin(classes, [CLASSES.index(name) for name in names])
        learnt, held = (np.flatnonzero(member & half) for half in _halves(len(classes), count))
        _log.info("part %d: %s, %d orbits", place + 1, ", ".join(names), len(learnt))
        return Batches(bank.select(learnt), bank.select(held))

    course = train_parts(
        build(recipe, seed=seed),
        recipe=recipe,
        batches=batches,
        loss=decoding_loss,
        seed=seed,
        configuration={"analysis": fingerprint(recipe), "data": data},
        folder=folder,
        resume=resume,
        quiet=quiet,
    )
    if not course.finished:
        return Schooled(**vars(course), errors=None, median_error=math.nan)
    held = np.arange(count, len(classes))
    # What lies outside the grid is an error too.
    within = captured(chosen.select(held), recipe.network)
    errors = 1.0 - (1.0 - orbit_errors(course.trained.model, bank.select(held))) * within
    coefficients = error_fit(chosen.orbits[held], errors)
    done = Schooled(**vars(course), errors=coefficients, median_error=float(np.median(errors)))
    if folder is not None:
        done.trained.save(
            Path(folder) / "weights.h5",
            metadata={
                "errors": coefficients.tolist(),
                "median_error": done.median_error,
                "orbits": {name: int(np.sum(classes == CLASSES.index(name))) for name in recipe.classes},
            },
            force=True,
        )
    return done


def _halves(rows: int, count: int) -> tuple[Bool[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    """The first rows, and the others."""
    first = np.arange(rows) < count
    return first, ~first


def orbit_errors(model: ModeDecoder, bank: ModeBank) -> Float[np.ndarray, " orbits"]:
    """Mode-distribution error of every orbit of a bank, on the modes of its grid.

    Args:
        model: The decoder.
        bank: The orbits.

    Returns:
        E of each.
    """
    return np.array([float(_orbit_error(model, bank, jnp.asarray(row))) for row in range(len(bank))])


@eqx.filter_jit
def _orbit_error(model: ModeDecoder, bank: ModeBank, row: Int[Array, ""]) -> Float[Array, ""]:
    orbit, inputs, modulus, phase = (one[0] for one in bank.rows(row[None]))
    return _mode_error(*model(orbit, inputs), batch=(modulus, phase))


def error_fit(
    orbits: Float[np.ndarray, "orbits 4"], errors: Float[np.ndarray, " orbits"]
) -> Float[np.ndarray, " terms"]:
    """Fit log10 E by a quadratic in the coordinates of the domain, raised until 95 % of the orbits lie below.

    Args:
        orbits: (a, p, e, x).
        errors: E of each.

    Returns:
        Coefficients of `quadratic`.
    """
    features = quadratic(Domain().coordinates(orbits))
    logarithm = np.log10(np.maximum(errors, _SMALLEST))
    coefficients = np.linalg.lstsq(features, logarithm, rcond=None)[0]
    coefficients[0] += np.quantile(logarithm - features @ coefficients, _SHARE)
    return coefficients
