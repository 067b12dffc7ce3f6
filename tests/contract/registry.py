"""Every estimator of every system, small enough to obey the same laws within seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from swansong.inference.posterior import Posterior
from swansong.inference.priors import Prior

SAMPLES = 3000


@dataclass(frozen=True)
class System:
    """One estimator of one system.

    Attributes:
        name: What `Posterior.system` must say.
        estimator: What `Posterior.estimator` must start with.
        prior: Prior of its parameters.
        event: Simulated event of a seed.
        infer: Posterior of an event: `infer(event, samples=..., seed=...)`.
        bilby_prior: Whether bilby can spell the laws of the prior.
    """

    name: str
    estimator: str
    prior: Prior
    event: Callable[[int], Any]
    infer: Callable[..., Posterior]
    bilby_prior: bool = True


Builder = Callable[[Path, Callable[[str], Any]], System]
"""Builds a system from a folder it may write to and a function that looks up fixtures."""


def ringdown(estimator: str, folder: Path, fixture: Callable[[str], Any]) -> System:
    """One mode in one detector; networks are tiny and untrained, and their weights are files like any other."""
    from swansong.ringdown.estimators import infer
    from swansong.ringdown.events import simulate_event

    problem, analysis = fixture("small_problem"), fixture("small_analysis")
    weights = None if estimator == "exact" else ringdown_weights(estimator, folder, problem, analysis)
    return System(
        "ringdown",
        estimator,
        analysis.model.prior,
        lambda seed: simulate_event(problem, seed=seed, truth=[71.0, 0.68, 2.2e-21, 1.3]),
        lambda event, *, samples, seed: infer(event, estimator=estimator, samples=samples, seed=seed, weights=weights),
    )


def ringdown_weights(estimator: str, folder: Path, problem: Any, analysis: Any) -> Path:
    """Weights of a tiny network as training would leave them."""
    from swansong.core.config import as_dict
    from swansong.core.provenance import collect
    from swansong.learning.checkpoints import save_module
    from swansong.ringdown.bank import make_bank
    from swansong.ringdown.fitting import build, features_of
    from swansong.ringdown.settings import CompactSettings, FlowSettings, Problem, Recipe

    recipe = Recipe(
        **{name: getattr(problem, name) for name in Problem.model_fields},
        estimator=estimator,
        flow=FlowSettings(width=16, blocks=1, context=4, layers=2, layer_width=8, knots=4),
        compact=CompactSettings(width=16, blocks=1, features=8, head_width=8, depth=1, latent=2, components=3),
    )
    features = features_of(analysis, make_bank(analysis, rows=256, seed=0))
    network = build(recipe, analysis=analysis, features=features, seed=0).model
    path = folder / f"{estimator}.h5"
    configuration = {"recipe": as_dict(recipe), "analysis": analysis.fingerprint}
    save_module(path, {"model": network}, provenance=collect(configuration=configuration, seed=0))
    return path


def encounters(estimator: str, folder: Path, fixture: Callable[[str], Any]) -> System:
    """A burst in three detectors; the network is tiny and untrained, and its weights are a file like any other."""
    from swansong.encounters.estimators import infer
    from swansong.encounters.events import simulate_event

    problem, analysis, truth = fixture("burst_problem"), fixture("burst_analysis"), fixture("burst_truth")
    weights = None if estimator == "exact" else fixture("burst_network")
    return System(
        "encounters",
        estimator,
        analysis.model.prior,
        lambda seed: simulate_event(problem, seed=seed, truth=truth),
        lambda event, *, samples, seed: infer(event, estimator=estimator, samples=samples, seed=seed, weights=weights),
        bilby_prior=False,
    )


SYSTEMS: dict[str, Builder] = {
    "ringdown exact": partial(ringdown, "exact"),
    "ringdown flow": partial(ringdown, "flow"),
    "ringdown compact": partial(ringdown, "compact"),
    "encounters exact": partial(encounters, "exact"),
    "encounters compact": partial(encounters, "compact"),
}
"""Builders by name; a new estimator joins the laws with one line here."""


@dataclass(frozen=True)
class Answer:
    """What a learnt model says.

    Attributes:
        arrays: Its numbers by name.
        marked: Whether it says that it was asked outside what it learnt.
    """

    arrays: dict[str, np.ndarray]
    marked: bool


@dataclass(frozen=True)
class Learnt:
    """A learnt model that ships with the package and answers no posterior.

    Attributes:
        folder: Folder of the package, with dots, that holds its weights.
        estimator: Name of its weights file.
        other: A packaged weights file of another estimator, as folder and name.
        load: Loads it from a weights file, the packaged one for None.
        ask: Its answer, inside or outside what it learnt: `ask(model, seed=..., outside=..., extrapolate=...)`.
        shapes: Shapes of the arrays of the answer.
        seeded: Whether the answer has random numbers.
    """

    folder: str
    estimator: str
    other: tuple[str, str]
    load: Callable[[Path | None], Any]
    ask: Callable[..., Answer]
    shapes: dict[str, tuple[int, ...]]
    seeded: bool


PAIR_DRAWS = 40


def learnt_pair(estimator: str) -> Learnt:
    """A packaged ensemble of learnt orbits, asked about galaxies inside or four times above the learnt resolution."""
    from paramax import unwrap

    from swansong.binaries.learnt.surrogate import load_surrogate
    from swansong.binaries.trajectories import Merger

    def ask(model: Any, *, seed: int, outside: bool = False, extrapolate: bool = False) -> Answer:
        particles = int(unwrap(model.equation.conditions).high[1]) * (4 if outside else 1)
        found = model.forecast(Merger(0.9, particles, 0), draws=PAIR_DRAWS, seed=seed, extrapolate=extrapolate)
        arrays = {
            "time": found.time,
            "energy": found.median[0],
            "bands": found.bands[:2],
            "members": found.members[:, :2],
        }
        return Answer(arrays, bool(found.warnings))

    recipe = load_surrogate(estimator).recipe
    saves = recipe.curves.saves
    shapes = {"time": (saves,), "energy": (saves,), "bands": (2, 5, saves), "members": (recipe.members, 2, saves)}
    other = ("binaries", "rates" if estimator == "paper" else "paper")
    return Learnt("binaries", estimator, other, lambda path: load_surrogate(estimator, path), ask, shapes, seeded=True)


def learnt_amplitudes() -> Learnt:
    """The packaged decoder of amplitudes, asked about an orbit inside its domain or of too high an eccentricity."""
    from swansong.emri.amplitudes.decoder_model import Decoder

    modes = np.array([(2, 2, 0, 0), (2, 1, 1, 0), (3, 3, 0, 1), (2, 0, 2, -1), (4, -2, 1, 1)])

    def ask(model: Any, *, seed: int, outside: bool = False, extrapolate: bool = False) -> Answer:
        how = "kludge" if extrapolate else "error"
        found = model(a=0.7, p=12.0, e=0.7 if outside else 0.2, x=0.8, modes=modes, extrapolate=how)
        arrays = {"values": found.values, "frequencies": found.frequencies, "error": found.error}
        return Answer(arrays, bool(found.extrapolated.all()))

    shapes = {"values": (1, 5), "frequencies": (1, 5), "error": (1,)}
    return Learnt("emri.amplitudes", "decoder", ("binaries", "rates"), Decoder, ask, shapes, seeded=False)


LEARNT: dict[str, Callable[[], Learnt]] = {
    "binaries rates": partial(learnt_pair, "rates"),
    "binaries paper": partial(learnt_pair, "paper"),
    "emri amplitudes decoder": learnt_amplitudes,
}
"""Learnt models by name; a new one joins the laws with one line here."""
