"""Simulate a close encounter, sample its posterior, say what the burst measures, and map the sky.

Run it with `python examples/encounters.py`; it takes half a minute, most of it compilation.
"""

from pathlib import Path

from swansong.encounters.estimators import infer
from swansong.encounters.events import simulate_event
from swansong.encounters.settings import Problem
from swansong.figures import save_figure, sky_figure
from swansong.inference import Posterior
from swansong.signals import sky_map


def main(problem: Problem, *, folder: Path, samples: int = 20_000, seed: int = 8) -> Posterior:
    event = simulate_event(problem, seed=seed)
    posterior = infer(event, samples=samples, seed=seed)
    facts = posterior.metadata

    for name, found in facts["derived"].items():
        print(f"{name:16} {found['median']:9.3g}  ({found['lower']:.3g} to {found['upper']:.3g})")
    for name, found in posterior.summary().items():
        note = "decided by the prior" if name in facts["prior_dominated"] else ""
        print(f"{name:22} {found.median:9.3g}  ({found.lower:.3g} to {found.upper:.3g})  {note}")
    print(f"ln Bayes factor {facts['log_bayes_factor']:.2f}, goodness of fit p = {facts['goodness_of_fit']:.2g}")

    place = sky_map(posterior["ra"], posterior["dec"], weights=posterior.weights, detectors=event.detectors)
    truth = dict(zip(posterior.parameters.names, event.truth, strict=True))
    print(f"90 % of the sky's probability within {place.credible_area(0.9):.0f} square degrees")
    path = folder / "encounters-sky.png"
    save_figure(sky_figure(place, truth=(truth["ra"], truth["dec"])), path)
    print(f"figure in {path}")
    return posterior


if __name__ == "__main__":
    main(Problem(), folder=Path())
