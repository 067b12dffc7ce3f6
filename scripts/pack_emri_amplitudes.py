"""Pack solved amplitudes into the sets that judge and train models.

    python scripts/pack_emri_amplitudes.py --solved build/amplitudes --out data
    python scripts/pack_emri_amplitudes.py --solved build/amplitudes --out tests/data --only thinned

Files of the generator named *_test_* become `emri_amplitudes_test.h5`, which only checks may read, with little
rounding; those named *_train_* become `emri_amplitudes_train.h5`. `thinned` is every eighth orbit of the test set.

Orbits by `draw_orbits`. Test: seed 20001, not even, 60 SC, 120 SE, 120 KEC, 160 KEE, 160 KIC, 380 KG, modes up to a
share of 1e-5 of the power, at most 4000. Training: seed 1, even, 200 SC, 800 SE, 500 KEC, 1800 KEE, 1500 KIC (3e-6)
and the first of a sequence of 6000 KG (1e-4), at most 2500 modes.
"""

import argparse
from pathlib import Path

import numpy as np

from swansong.core.provenance import collect
from swansong.emri.amplitudes.truth import read_solved

RESOLUTION = {"test": 2.0**-23, "train": 2.0**-17, "thinned": 2.0**-23}
SEED = {"test": 20001, "train": 1, "thinned": 20001}
THINNED = 8


def main() -> None:
    """Pack both sets."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--solved", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=tuple(RESOLUTION), nargs="*", default=("test", "train"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.only:
        source = "test" if name == "thinned" else name
        found = read_solved(sorted(given.solved.glob(f"*_{source}_*.h5")))
        if name == "thinned":
            found = found.select(np.arange(0, len(found), THINNED))
        found.write(
            given.out / f"emri_amplitudes_{name}.h5",
            provenance=collect(configuration={"set": name, "generator": "pybhpt 1.0.0"}, seed=SEED[name]),
            resolution=RESOLUTION[name],
            force=True,
        )


if __name__ == "__main__":
    main()
