"""How often noise alone makes a statistic: measured backgrounds, packaged or made anew."""

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from swansong.core.config import as_dict
from swansong.core.files import read_product, write_product
from swansong.core.hashing import canonical_json
from swansong.core.provenance import Provenance
from swansong.core.types import Float
from swansong.encounters.events import Event, coloured, simulate_noise
from swansong.encounters.exact import quick_log_bayes
from swansong.encounters.problem import prepare
from swansong.encounters.settings import Problem
from swansong.inference.simulate import map_tasks

KIND = "background"

_NEW = 200  # windows of a background that is made on demand
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


def background_for(
    problem: Problem, *, psd: Float[np.ndarray, "detectors bins"], seed: int, quiet: bool = False
) -> tuple[Background, list[str]]:
    """The background to count on: the packaged one, or a new one in the strain's own noise level.

    Args:
        problem: The problem.
        psd: Noise of each detector [1/Hz].
        seed: Seed of a new one.
        quiet: Whether to hide the progress bar.

    Returns:
        The background and what to know about it.
    """
    path = background_path(problem.data.detectors)
    if path.is_file():
        packaged = Background.load(path)
        if packaged.identity == identity_of(problem):
            return packaged, []
    made = measure_background(problem, windows=_NEW, seed=seed, psd=psd, quiet=quiet)
    return made, [
        f"no background is packaged for {', '.join(problem.data.detectors)} with this prior; {_NEW} windows of "
        "simulated noise stand in for it"
    ]


def measure_background(
    problem: Problem,
    *,
    windows: int,
    seed: int,
    psd: Float[np.ndarray, "detectors bins"] | None = None,
    store: str | Path | None = None,
    quiet: bool = False,
) -> Background:
    """Measure the statistic on windows of simulated Gaussian noise.

    Args:
        problem: The problem.
        windows: Number of windows.
        seed: Seed.
        psd: Noise of each detector [1/Hz]; that of a random day for each window if None.
        store: Folder in which finished chunks are kept.
        quiet: Whether to hide the progress bar.

    Returns:
        The background.
    """
    found = map_tasks(
        functools.partial(_noise_windows, problem, seed, psd),
        range(windows),
        store=store,
        chunk=_CHUNK,
        workers=1,
        identity=f"{identity_of(problem)} {seed}",
        description="background",
        quiet=quiet,
    )
    return Background(np.sort(found["statistic"]), problem.data.detectors, identity_of(problem))


def _noise_windows(
    problem: Problem, seed: int, psd: np.ndarray | None, items: range
) -> dict[str, np.ndarray]:
    """Statistics of a chunk of noise windows."""
    values = [quick_log_bayes(_noise(problem, seed * 1_000_003 + item, psd), seed=item) for item in items]
    return {"statistic": np.array(values)}


def _noise(problem: Problem, seed: int, psd: np.ndarray | None) -> Event:
    if psd is None:
        return simulate_noise(problem, seed=seed)
    analysis = prepare(problem, psd=psd)
    white = np.random.default_rng([seed, 5]).standard_normal((*psd.shape, 2)).view(complex)[..., 0]
    return Event(analysis, coloured(white, analysis))
