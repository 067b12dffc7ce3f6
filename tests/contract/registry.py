"""Every estimator of every system, small enough to obey the same laws within seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
