"""One round of adaptive sampling for the amplitude decoder, against as many random orbits.

    python scripts/measure_emri_adaptive_sampling.py --solved data/emri_amplitudes_train.h5

A first decoder learns a few generic orbits. Its error on a few others, fitted over the domain, says where in the pool
new orbits are drawn; beside it as many are drawn at random, and none. From the same first weights, with the same
steps and seed, three decoders go on, and all are judged on orbits that none has seen. The pool's own amplitudes are
not looked at before an orbit is chosen. The decoder is the small one on fewer modes, so that the round is short.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from swansong.core.config import load
from swansong.emri.amplitudes.decoder_data import ModeBank, make_bank
from swansong.emri.amplitudes.decoder_fitting import build, decoding_loss, error_fit, orbit_errors
from swansong.emri.amplitudes.decoder_network import ModeDecoder
from swansong.emri.amplitudes.decoder_recipe import RECIPES, Recipe
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.models import quadratic
from swansong.emri.amplitudes.truth import read_set, read_solved
from swansong.learning.training import train

SIZES = (
    "network.largest_l=4", "network.largest_k=4", "network.lowest_n=-2", "network.highest_n=12",
    "network.coarse=[12, 9, 15]", "modes=512",
)  # fmt: skip
COLUMNS = ("median E", "mean E", "90 %", "worst tenth")


def learn(model: ModeDecoder, bank: ModeBank, *, recipe: Recipe, steps: int, seed: int) -> ModeDecoder:
    """Train on all orbits of a bank, without validation: the last weights, averaged, are kept."""
    plan = recipe.training.model_copy(update={"steps": steps, "validate_every": steps, "checkpoint_every": steps})
    return train(model, loss=decoding_loss, source=bank, plan=plan, seed=seed, quiet=True).model


def judged(errors: np.ndarray, predicted: np.ndarray) -> tuple[float, ...]:
    """Median, mean, 90 % quantile, and mean over the tenth of the orbits where the first decoder's map was highest."""
    hardest = predicted >= np.quantile(predicted, 0.9)
    return (
        float(np.median(errors)),
        float(errors.mean()),
        float(np.quantile(errors, 0.9)),
        float(errors[hardest].mean()),
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--solved", type=Path, required=True, help="set of solved amplitudes, or the solver's folder")
    parser.add_argument("--first", type=int, default=300, help="orbits of the first decoder")
    parser.add_argument("--map", type=int, default=150, help="orbits that its error is mapped with")
    parser.add_argument("--judge", type=int, default=300, help="orbits to judge with")
    parser.add_argument("--add", type=int, default=300, help="orbits added")
    parser.add_argument("--steps", type=int, default=1200, help="steps of each training")
    parser.add_argument("--repeats", type=int, default=1, help="repetitions with other seeds")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    recipe, domain = load(Recipe, RECIPES / "small.toml", overrides=SIZES), Domain()
    source = given.solved
    solved = read_solved(sorted(source.glob("*_train_*.h5"))) if source.is_dir() else read_set(source)
    solved = solved.of_class("KG")
    bank = make_bank(solved, settings=recipe.network, modes=recipe.modes)
    features = quadratic(domain.coordinates(solved.orbits))
    found: dict[str, list[tuple[float, ...]]] = {}
    for seed in range(given.seed, given.seed + given.repeats):
        began, rng = time.perf_counter(), np.random.default_rng(seed)
        ends = np.cumsum([given.judge, given.map, given.first])
        judges, mapped, first, pool = np.split(rng.permutation(len(solved)), ends)
        start = learn(build(recipe, seed=seed), bank.select(first), recipe=recipe, steps=given.steps, seed=seed)
        coefficients = error_fit(solved.orbits[mapped], orbit_errors(start, bank.select(mapped)))
        predicted = 10.0 ** (features @ coefficients)
        added = {
            "none": np.zeros(0, int),
            "random": rng.choice(pool, given.add, replace=False),
            "adaptive": rng.choice(pool, given.add, replace=False, p=predicted[pool] / predicted[pool].sum()),
        }
        for name, more in added.items():
            both = bank.select(np.concatenate([first, more]))
            model = learn(start, both, recipe=recipe, steps=given.steps, seed=seed + 1000)
            row = judged(orbit_errors(model, bank.select(judges)), predicted[judges])
            found.setdefault(name, []).append(row)
            told = ", ".join(f"{column} {value:.3e}" for column, value in zip(COLUMNS, row, strict=True))
            print(f"seed {seed}, {name}: {told} ({time.perf_counter() - began:.0f} s)", flush=True)
    for name, rows in found.items():
        mean = np.exp(np.log(np.array(rows)).mean(axis=0))
        print(f"all seeds, {name}: " + ", ".join(f"{c} {v:.3e}" for c, v in zip(COLUMNS, mean, strict=True)))


if __name__ == "__main__":
    main()
