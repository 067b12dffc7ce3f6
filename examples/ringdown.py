"""Simulate a ringdown, sample its exact posterior, print mass and spin, and draw the corner plot.

Run it with `python examples/ringdown.py`; it takes about a minute, most of it compilation.
"""

from pathlib import Path

from swansong.figures import corner_figure, save_figure
from swansong.inference import Posterior
from swansong.ringdown.estimators import infer
from swansong.ringdown.events import simulate_event
from swansong.ringdown.settings import Problem


def main(problem: Problem, *, folder: Path, samples: int = 20_000, seed: int = 5) -> Posterior:
    event = simulate_event(problem, seed=seed)
    posterior = infer(event, samples=samples, seed=seed)

    for (name, found), injected in zip(posterior.summary().items(), event.truth, strict=True):
        print(f"{name:14} {found.median:9.3g}  ({found.lower:.3g} to {found.upper:.3g})  injected {injected:.3g}")
    print(f"ln Bayes factor {posterior.metadata['log_bayes_factor']:.2f}, efficiency {posterior.efficiency:.2f}")

    path = folder / "ringdown-corner.png"
    save_figure(corner_figure(posterior), path)
    print(f"figure in {path}")
    return posterior


if __name__ == "__main__":
    main(Problem(), folder=Path())
