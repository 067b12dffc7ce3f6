"""A model of amplitudes against orbits it has never seen."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from swansong.core.errors import InputError
from swansong.emri.amplitudes.answers import AmplitudeModel
from swansong.emri.amplitudes.modes import CLASSES
from swansong.emri.amplitudes.products import dominant, mode_error
from swansong.emri.amplitudes.truth import AmplitudeSet

_STRONGEST = 20


@dataclass(frozen=True)
class ClassScore:
    """How well a model does on one class of orbits.

    Attributes:
        orbits: Orbits judged.
        error_median: Median of the mode-distribution error E.
        error_90: 90th percentile of E.
        error_99: 99th percentile of E.
        error_largest: Largest E.
        recall: Share of the true dominant sets (99 % of the power, each mode at least 0.1 %) found in the predicted.
        strongest: Median over orbits of the mean relative error of the twenty strongest amplitudes.
        flux: Median relative error of the power at infinity.
        covered: Share of orbits whose E is below the model's own estimate.
    """

    orbits: int
    error_median: float
    error_90: float
    error_99: float
    error_largest: float
    recall: float
    strongest: float
    flux: float
    covered: float


@dataclass(frozen=True)
class AmplitudeCheck:
    """Scores of a model.

    Attributes:
        classes: By class of orbits.
        overall: Over all orbits.
        seconds_per_orbit: Median time of an orbit, one by one [s].
    """

    classes: dict[str, ClassScore]
    overall: ClassScore
    seconds_per_orbit: float


def check_model(
    model: AmplitudeModel, truth: AmplitudeSet, *, report: Callable[[int], None] | None = None
) -> AmplitudeCheck:
    """Compare a model with solved orbits, on the modes that were solved.

    Args:
        model: The model.
        truth: Orbits it was not made from.
        report: Called after every orbit with their number.

    Returns:
        The scores.

    Raises:
        InputError: If there are no orbits.
    """
    if not len(truth):
        raise InputError("the check needs at least one solved orbit, got none; give a set of amplitudes")
    rows, seconds = [], []
    for row, orbit in enumerate(truth.orbits):
        modes, true = truth.solved(row)
        a, p, e, x = map(float, orbit)
        started = time.perf_counter()
        found = model(a=a, p=p, e=e, x=x, modes=modes)
        seconds.append(time.perf_counter() - started)
        value, frequency = found.values[0], found.frequencies[0]
        power, guess = np.abs(true) ** 2 / frequency**2, np.abs(value) ** 2 / frequency**2
        wanted, named = dominant(power), dominant(guess)
        top = np.argsort(-power)[:_STRONGEST]
        rows.append(
            (
                float(mode_error(value, true, frequencies=frequency)),
                np.isin(wanted, named).mean(),
                np.abs(value[top] / true[top] - 1.0).mean(),
                abs(guess.sum() / power.sum() - 1.0),
                float(found.error[0]),
            )
        )
        if report is not None:
            report(row + 1)
    table, classes = np.array(rows), truth.classes
    scores = {name: _score(table[classes == index]) for index, name in enumerate(CLASSES) if (classes == index).any()}
    return AmplitudeCheck(classes=scores, overall=_score(table), seconds_per_orbit=float(np.median(seconds)))


def _score(table: np.ndarray) -> ClassScore:
    error = table[:, 0]
    return ClassScore(
        orbits=len(table),
        error_median=float(np.median(error)),
        error_90=float(np.quantile(error, 0.9)),
        error_99=float(np.quantile(error, 0.99)),
        error_largest=float(error.max()),
        recall=float(table[:, 1].mean()),
        strongest=float(np.median(table[:, 2])),
        flux=float(np.median(table[:, 3])),
        covered=float((error <= table[:, 4]).mean()),
    )
