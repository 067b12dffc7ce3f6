"""How often noise alone makes a statistic: measured backgrounds, packaged or made anew."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from swansong.core.config import as_dict
from swansong.core.files import read_product, write_product
from swansong.core.hashing import canonical_json
from swansong.core.provenance import Provenance
from swansong.core.types import Float, Int
from swansong.encounters.events import simulate_noise
from swansong.encounters.exact import quick_log_bayes
from swansong.encounters.settings import Problem
from swansong.inference.simulate import map_tasks

KIND = "background"

_CHUNK = 32


@dataclass(frozen=True, eq=False)
class Background:
    """Statistics of windows that hold noise alone.

    Attributes:
        statistic: ln of the Bayes factor of each window, sorted, (windows,).
        detectors: The network.
        identity: Prior, waveform and segment that the statistic depends on.
    """

    statistic: Float[np.ndarray, "windows"]
    detectors: tuple[str, ...]
    identity: str

    @property
    def resolution(self) -> float:
        """Smallest probability that the background can show."""
        return 1.0 / (len(self.statistic) + 1)

    def false_alarm_probability(self, statistic: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Probability that a window of noise reaches a statistic.

        Args:
            statistic: ln Bayes factors.

        Returns:
            (1 + windows at or above) / (1 + windows): never zero, so that no claim goes
            beyond what was measured.
        """
        above = len(self.statistic) - np.searchsorted(self.statistic, statistic, side="left")
        return (1.0 + above) / (1.0 + len(self.statistic))

    def threshold(self, probability: float) -> float:
        """Statistic that noise exceeds with a probability."""
        return float(np.quantile(self.statistic, 1.0 - probability))

    def save(self, path: str | Path, *, provenance: Provenance, force: bool = False) -> str:
        """Write the background as a product; its sha256 is returned."""
        return write_product(
            path,
            kind=KIND,
            arrays={"statistic": self.statistic},
            metadata={"detectors": list(self.detectors), "identity": self.identity},
            provenance=provenance,
            force=force,
        )

    @classmethod
    def load(cls, path: str | Path) -> "Background":
        """Read a background back.

        Raises:
            FileError: If the file is missing, damaged or no background.
        """
        product = read_product(path, kind=KIND)
        facts = product.metadata
        return cls(product.arrays["statistic"], tuple(facts["detectors"]), facts["identity"])


def identity_of(problem: Problem) -> str:
    """What a background's statistic depends on, the noise aside."""
    data = as_dict(problem.data)
    kept = {name: data[name] for name in ("detectors", "duration", "minimum_frequency", "maximum_frequency")}
    return canonical_json({"prior": as_dict(problem.prior), "model": as_dict(problem.model), "data": kept})


def background_path(detectors: tuple[str, ...]) -> Path:
    """Where the packaged background of a network is, if there is one."""
    return Path(str(resources.files("swansong.encounters") / "data" / f"background_{'_'.join(detectors)}.h5"))


def packaged_background(problem: Problem) -> Background | None:
    """The packaged background of a problem's network, prior and segment; None if there is none."""
    path = background_path(problem.data.detectors)
    if not path.is_file():
        return None
    found = Background.load(path)
    return found if found.identity == identity_of(problem) else None


def measure_background(
    problem: Problem, *, windows: int, seed: int, store: str | Path | None = None, quiet: bool = False
) -> Background:
    """Measure the statistic on windows of simulated Gaussian noise, each of a day of its own.

    Args:
        problem: The problem.
        windows: Number of windows.
        seed: Seed.
        store: Folder in which finished chunks are kept.
        quiet: Whether to hide the progress bar.

    Returns:
        The background.
    """
    found = map_tasks(
        functools.partial(_noise_windows, problem, seed),
        range(windows),
        store=store,
        chunk=_CHUNK,
        workers=1,
        identity=f"{identity_of(problem)} {seed}",
        description="background",
        quiet=quiet,
    )
    return Background(np.sort(found["statistic"]), problem.data.detectors, identity_of(problem))


def _noise_windows(problem: Problem, seed: int, items: range) -> dict[str, np.ndarray]:
    """Statistics of a chunk of noise windows."""
    values = [quick_log_bayes(simulate_noise(problem, seed=seed * 1_000_003 + item), seed=item) for item in items]
    return {"statistic": np.array(values)}


def shuffled_pairs(
    windows: int, detectors: int, *, count: int, left_out: Sequence[int], rng: np.random.Generator
) -> Int[np.ndarray, "count detectors"]:
    """Windows to put together from different times, so that no wave reaches all detectors in one.

    Args:
        windows: Number of windows.
        detectors: Number of detectors.
        count: Number of combinations.
        left_out: Windows that may hold a signal.
        rng: Random generator.

    Returns:
        A window for each detector, all different and more than one window apart; fewer than
        asked where there are not as many combinations.
    """
    allowed = np.setdiff1d(np.arange(windows), np.asarray(left_out, int))
    drawn = rng.choice(allowed, size=(20 * count, detectors))
    apart = np.all([np.abs(drawn[:, i] - drawn[:, j]) > 1 for i in range(detectors) for j in range(i)], axis=0)
    order = np.sort(np.unique(drawn[apart], axis=0, return_index=True)[1])
    return drawn[apart][order[:count]]
