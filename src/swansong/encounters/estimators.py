"""One entrance to all estimators: exact, amortised, and amortised with importance weights."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError, InputError
from swansong.core.provenance import collect
from swansong.core.types import Array, ArrayLike, Float, Key
from swansong.encounters.answers import weighted_posterior
from swansong.encounters.compact import CompactFlow
from swansong.encounters.correlations import Correlations
from swansong.encounters.events import Event
from swansong.encounters.exact import exact_posterior
from swansong.encounters.fitting import reference_detector
from swansong.encounters.points import MILLISECOND, Points
from swansong.encounters.problem import frequencies
from swansong.encounters.published import published_answer
from swansong.encounters.sampling import Proposal, final_orientations, weigh
from swansong.encounters.scan import Scan
from swansong.encounters.settings import ESTIMATORS, PAPER, Recipe
from swansong.encounters.weights import load_weights
from swansong.inference.posterior import Posterior
from swansong.learning.packaged import TrainedNetwork
from swansong.signals.drift import DRIFT_KNOTS

_GUESSES = 4000
_BIN = 4.0  # of the alignment [ms]
_REACH = 15.0  # around the alignment's peak [ms]
_DRIFTS = 4.0  # standard deviations of the noise level that training has seen enough of
_AMORTISED_ORIENTATIONS = 128


def infer(
    event: Event,
    *,
    estimator: str = "exact",
    samples: int = 20_000,
    seed: int = 0,
    reweight: bool = True,
    weights: str | Path | None = None,
) -> Posterior:
    """Infer the source of a burst.

    Args:
        event: The event.
        estimator: "exact", "compact" or, with `weights`, "paper".
        samples: Number of samples.
        seed: Seed of the draws.
        reweight: Whether a network's draws are weighted with the exact likelihood. Without
            weights the network's own answer is given; it is refused for noise that it was
            not trained for.
        weights: Weights file of a training run; the packaged weights if None.

    Returns:
        The posterior, with the efficiency of its weights and all warnings.

    Raises:
        InputError: If the estimator is unknown, or has no packaged weights and none are given.
        DomainError: If a network is asked about data outside its training.
        FileError: If the weights are damaged.
    """
    if estimator not in (*ESTIMATORS, PAPER):
        raise InputError(f"`estimator` must be one of {', '.join((*ESTIMATORS, PAPER))}, got '{estimator}'")
    if estimator == "exact":
        found = exact_posterior(event, samples=samples, seed=seed)
    else:
        trained = load_weights(estimator, weights)
        check_domain(event, trained, reweight=reweight)
        if estimator == PAPER:
            found = published_answer(event, trained, samples=samples, seed=seed, reweight=reweight)
        else:
            found = Amortised.of(event, trained, seed=seed).answer(samples=samples, seed=seed, reweight=reweight)
    provenance = collect(configuration={"estimator": estimator}, seed=seed, inputs=dict(event.inputs))
    return replace(found, truth=event.truth, warnings=event.warnings + found.warnings, provenance=provenance)


@dataclass(frozen=True, eq=False)
class NetworkLaw:
    """A network's density for one event, in the sampler's coordinates.

    Attributes:
        network: The network.
        coefficients: Aligned data.
        levels: Levels of the noise.
        centre: Arrival time that the alignment calls zero [ms].
    """

    network: CompactFlow
    coefficients: Float[np.ndarray, "coefficients"]
    levels: Float[np.ndarray, "levels"]
    centre: float

    @classmethod
    def of(cls, event: Event, trained: TrainedNetwork[Recipe], scan: Scan, *, rng: np.random.Generator) -> "NetworkLaw":
        """Align the data of an event and read its features."""
        analysis, features = event.analysis, trained.network.features
        centre = alignment(Points(analysis, reference_detector(trained.recipe)), scan, rng=rng)
        frequency = analysis.frequency
        return cls(
            trained.network,
            features.project(event.whitened, frequency=frequency, centre=centre * MILLISECOND).astype(np.float32),
            features.levels(analysis.psd, frequency=frequency).astype(np.float32),
            centre,
        )

    def draw(self, n: int, *, key: Key) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n"]]:
        """Draw points with their log density."""
        x, log_density = (
            np.asarray(part, float) for part in _sample(self.network, self.coefficients, self.levels, n, key)
        )
        return x + self._offset, log_density

    def sample(self, n: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw points."""
        # A power of two compiles once for nearby sizes.
        padded = 1 << max(n - 1, 1).bit_length()
        return self.draw(padded, key=jax.random.key(int(rng.integers(2**62))))[0][:n]

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        padded = 1 << max(len(x) - 1, 1).bit_length()
        rows = np.zeros((padded, x.shape[1]), np.float32)
        rows[: len(x)] = x - self._offset
        return np.asarray(_log_prob(self.network, rows, self.coefficients, self.levels), float)[: len(x)]

    @property
    def _offset(self) -> Float[np.ndarray, "d"]:
        offset = np.zeros(self.network.dimension)
        offset[2] = self.centre
        return offset


@eqx.filter_jit
def _sample(network: CompactFlow, coefficients: ArrayLike, levels: ArrayLike, n: int, key: Key) -> tuple[Array, Array]:
    return network.sample(coefficients, levels, samples=n, key=key)


@eqx.filter_jit
def _log_prob(network: CompactFlow, x: ArrayLike, coefficients: ArrayLike, levels: ArrayLike) -> Array:
    return network.log_prob_many(jnp.asarray(x), coefficients, levels)


def alignment(points: Points, scan: Scan, *, rng: np.random.Generator) -> float:
    """Arrival time at a network's reference detector where the scan sees most [ms].

    Args:
        points: Coordinates with the network's reference.
        scan: The scan.
        rng: Random generator.

    Returns:
        The time.
    """
    x = Proposal(points, scan).sample(_GUESSES, rng)[:, 2]
    edges = np.arange(x.min() - _BIN, x.max() + 2.0 * _BIN, _BIN)
    counts = np.histogram(x, edges)[0]
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
    peak = edges[int(np.argmax(smooth))] + 0.5 * _BIN
    return float(x[np.abs(x - peak) <= _REACH].mean())


@dataclass(frozen=True, eq=False)
class Amortised:
    """A network ready to answer for one event.

    Attributes:
        event: The event.
        trained: The network.
        points: Coordinates of its density.
        correlations: The event's correlations.
        scan: The event's scan.
        law: The network's density.
        seconds: Time that the preparation took [s].
    """

    event: Event
    trained: TrainedNetwork[Recipe]
    points: Points
    correlations: Correlations
    scan: Scan
    law: NetworkLaw
    seconds: float

    @classmethod
    def of(cls, event: Event, trained: TrainedNetwork[Recipe], *, seed: int) -> "Amortised":
        """Correlate and align the data of an event."""
        began = time.perf_counter()
        correlations = Correlations.of(event.analysis, event.whitened)
        scan = Scan.of(correlations)
        law = NetworkLaw.of(event, trained, scan, rng=np.random.default_rng([seed, 12]))
        points = Points(event.analysis, reference_detector(trained.recipe))
        return cls(event, trained, points, correlations, scan, law, time.perf_counter() - began)

    def answer(self, *, samples: int, seed: int, reweight: bool) -> Posterior:
        """The network's answer, corrected by the exact likelihood or alone.

        Args:
            samples: Number of samples.
            seed: Seed of the draws.
            reweight: Whether the draws, with a few of the scan's, are weighted.

        Returns:
            The posterior.

        Raises:
            DomainError: As `check_domain`.
        """
        warnings = check_domain(self.event, self.trained, reweight=reweight)
        began = time.perf_counter()
        rng = np.random.default_rng([seed, 13])
        if reweight:
            proposal = Proposal(self.points, self.scan, self.law)
            x = proposal.sample(samples, rng)
            log_proposal = proposal.log_prob(x)
            orientations = final_orientations(self.scan.matched_snr)
        else:
            x, log_proposal = self.law.draw(samples, key=jax.random.key(seed))
            orientations = _AMORTISED_ORIENTATIONS
        draws = weigh(
            self.points, self.correlations, x=x, log_proposal=log_proposal, orientations=orientations, rng=rng
        )
        name = self.trained.recipe.estimator
        return weighted_posterior(
            self.event,
            self.points,
            draws,
            estimator=f"{name}+importance" if reweight else name,
            seconds=(self.seconds, began),
            seed=seed,
            warnings=warnings,
            facts={"weights_sha256": self.trained.sha256},
            reweight=reweight,
        )


def check_domain(event: Event, trained: TrainedNetwork[Recipe], *, reweight: bool) -> tuple[str, ...]:
    """Refuse, or warn about, data that a network was not trained for.

    Args:
        event: The event.
        trained: The network.
        reweight: Whether exact weights will correct the network.

    Returns:
        Warnings.

    Raises:
        DomainError: If detectors, segment or prior do not fit, or if the noise is far from
            what training has seen and no weights correct for it.
    """
    analysis, recipe = event.analysis, trained.recipe
    name, data = recipe.estimator, recipe.data
    if event.detectors != data.detectors:
        raise DomainError(
            f"`{name}` was trained on {', '.join(data.detectors)}, in this order, and the data are from "
            f"{', '.join(event.detectors)}; use `--estimator exact`, which serves any one to three detectors"
        )
    if analysis.duration != data.duration or not np.array_equal(analysis.frequency, frequencies(data)):
        raise DomainError(
            f"`{name}` was trained on segments of {data.duration:g} s from {data.minimum_frequency:g} to "
            f"{data.maximum_frequency:g} Hz; give the same, or use `--estimator exact`"
        )
    if analysis.model.signal != recipe.model:
        raise DomainError(
            f"`{name}` was trained on {recipe.model.waveform} waves with a {recipe.model.orientation} argument of "
            f"pericentre, and the data are analysed with {analysis.model.signal.waveform} waves and a "
            f"{analysis.model.signal.orientation} one; give the same `model`, or use `--estimator exact`"
        )
    wider = _wider_prior(event, trained)
    if wider:
        raise DomainError(
            f"`prior.{wider}` reaches beyond what `{name}` was trained on; use `--estimator exact` or narrow the prior"
        )
    return () if name == PAPER else _noise_warnings(event, trained, reweight=reweight)


def _wider_prior(event: Event, trained: TrainedNetwork) -> str | None:
    """Name of a prior range that reaches beyond the training's, if any."""
    ours, theirs = event.analysis.model.settings, trained.recipe.prior
    for name in ("component_mass", "semi_latus_rectum", "eccentricity", "luminosity_distance"):
        (low, high), (least, most) = getattr(ours, name), getattr(theirs, name)
        if low < least or high > most:
            return name
    return "minimum_snr" if ours.minimum_snr < theirs.minimum_snr else None


def _noise_warnings(event: Event, trained: TrainedNetwork[Recipe], *, reweight: bool) -> tuple[str, ...]:
    """Warn of noise far from what training has seen; refuse it without weights."""
    analysis = event.analysis
    levels = trained.network.features.levels(analysis.psd, frequency=analysis.frequency)
    limit = _DRIFTS * np.sqrt(2.0) * max(trained.recipe.data.drift, 0.05)
    worst = int(np.argmax(np.abs(levels)))
    if np.abs(levels[worst]) <= limit:
        return ()
    detector, band = divmod(worst, len(DRIFT_KNOTS))
    sentence = (
        f"the noise of {event.detectors[detector]} near {DRIFT_KNOTS[band]:g} Hz has {np.exp(levels[worst]):.3g} times "
        f"the power that `{trained.recipe.estimator}` was trained around, beyond the {np.exp(limit):.1f} times it has "
        "seen"
    )
    if not reweight:
        raise DomainError(f"{sentence}; keep the importance weights on or use `--estimator exact`")
    return (f"{sentence}; only the importance weights make the answer right, so look at the efficiency",)
