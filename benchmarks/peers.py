"""The same likelihoods, priors and data for other samplers, without JAX."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.encounters.correlations import Correlations
from swansong.inference import Parameter, Parameters, Posterior
from swansong.ringdown.events import Event
from swansong.ringdown.model import AMPLITUDE_UNIT

_SLOPE = 1e3  # nats for each unit of squared signal-to-noise ratio below the prior's cut


@dataclass(frozen=True)
class DirectLikelihood:
    """Ln of the likelihood ratio of one parameter vector, in plain NumPy.

    Attributes:
        series: Chebyshev series of the frequencies, (degree, modes).
        edge: Smallest sqrt(1 - chi) of the series.
        operator: From exp(i conj(w) t) to coefficients, detectors added, (n, rank).
        times: Sample times after the start [s], (n,).
        coefficients: Data in the basis, (rank,).
        power_cut: Square of the smallest signal-to-noise ratio of the prior.
    """

    series: np.ndarray
    edge: float
    operator: np.ndarray
    times: np.ndarray
    coefficients: np.ndarray
    power_cut: float

    @classmethod
    def of(cls, event: Event) -> "DirectLikelihood":
        """The likelihood of a simulated event, whose detectors all sample the start."""
        analysis = event.analysis
        signal, modes = analysis.signal, analysis.model.modes
        return cls(
            np.asarray(modes.coefficients).T,
            float(np.sqrt(1.0 - modes.maximum_spin)),
            np.asarray(signal.operator).sum(axis=0),
            np.asarray(signal.times),
            analysis.coefficients(event.whitened),
            analysis.model.settings.minimum_snr**2,
        )

    def __call__(self, theta: np.ndarray) -> float:
        """Ln of the likelihood over that of noise; below the cut a slope, on which a sampler finds its way up."""
        root = np.sqrt(1.0 - theta[1])
        x = (2.0 * root - (1.0 + self.edge)) / (1.0 - self.edge)
        omega = np.polynomial.chebyshev.chebval(x, self.series) / (SOLAR_MASS_SECONDS * theta[0])
        amplitude = theta[2::2] / AMPLITUDE_UNIT * np.exp(1j * theta[3::2])
        wave = amplitude @ np.exp(1j * np.conj(omega)[:, None] * self.times)
        template = (wave @ self.operator).real
        power = template @ template
        if power < self.power_cut:
            return -_SLOPE * (1.0 + self.power_cut - power)
        return float(template @ self.coefficients - 0.5 * power)


def run_dynesty(
    likelihood: Callable[[np.ndarray], float],
    parameters: Parameters,
    *,
    live: int,
    folder: Path,
    seed: int,
    system: str,
    log_prior_share: float,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
    maxcall: int | None = None,
) -> Posterior:
    """Nested sampling of an event by bilby and dynesty.

    The walk is bilby's `rwalk`, whose length follows the autocorrelation that it measures.

    Args:
        likelihood: ln of the likelihood ratio of one parameter vector.
        parameters: The parameters.
        live: Live points.
        folder: Where bilby may write.
        seed: Seed.
        system: The system, for the answer.
        log_prior_share: ln of the share of the prior above the cut on the signal-to-noise
            ratio. The prior has no part below; bilby's has, hence its smaller evidence.
        transform: From the unit cube to parameters; without it they are uniform.
        maxcall: Stop after this many likelihood calls, for a trial.

    Returns:
        Equally weighted samples, with ln of the evidence ratio to noise.
    """
    import bilby

    names = parameters.names

    def physical(values: np.ndarray) -> np.ndarray:
        return values if transform is None else transform(values)

    class Likelihood(bilby.Likelihood):
        """What bilby calls."""

        def log_likelihood(self, parameters: dict[str, float] | None = None) -> float:
            values = parameters or self.parameters  # older versions of bilby keep them on the object
            return likelihood(physical(np.array([values[name] for name in names])))

    def flat(item: Parameter) -> Any:
        low, high = (item.minimum, item.maximum) if transform is None else (0.0, 1.0)
        return bilby.core.prior.Uniform(low, high, name=item.name, boundary="periodic" if item.periodic else None)

    bilby.core.utils.random.seed(seed)
    bilby.core.utils.logger.setLevel("WARNING")
    limits = {} if maxcall is None else {"maxcall": maxcall}
    began = time.perf_counter()
    result = bilby.run_sampler(
        Likelihood(),
        bilby.core.prior.PriorDict({item.name: flat(item) for item in parameters}),
        sampler="dynesty",
        nlive=live,
        dlogz=0.5,
        sample="rwalk",
        nact=2,
        bound="live",
        check_point=False,
        check_point_plot=False,
        print_method="interval-60",
        save=False,
        outdir=str(folder),
        label="bench",
        **limits,
    )
    samples = result.posterior[list(names)].to_numpy()
    return Posterior(
        parameters,
        np.stack([physical(row) for row in samples]),
        log_evidence=result.log_evidence - log_prior_share,
        log_evidence_error=result.log_evidence_err,
        system=system,
        estimator="dynesty",
        metadata={
            "likelihood_calls": int(result.num_likelihood_evaluations or 0),
            "seconds": time.perf_counter() - began,
        },
    )


@dataclass(frozen=True)
class BurstLikelihood:
    """Ln of the likelihood ratio of one close encounter, and its prior without JAX.

    Attributes:
        correlations: Correlations of the data with all bursts.
    """

    correlations: Correlations

    def __call__(self, theta: np.ndarray) -> float:
        """Ln of the likelihood over that of noise; below the cut a slope, on which a sampler finds its way up."""
        analysis = self.correlations.analysis
        least = analysis.model.settings.minimum_snr
        snr = float(analysis.snr(theta)[0])
        if snr < least:
            return -_SLOPE * (1.0 + least**2 - snr**2)
        return float(self.correlations.log_likelihood_ratio(theta)[0])

    def transform(self, unit: np.ndarray) -> np.ndarray:
        """Parameters of a point of the unit cube; the same map as that of the model's prior."""
        model = self.correlations.analysis.model
        low, high = model.settings.component_mass
        parameters = model.parameters
        low_ends = np.array([item.minimum for item in parameters])
        theta = low_ends + (np.array([item.maximum for item in parameters]) - low_ends) * unit
        least = low / high
        half = 0.5 * (1.0 - least) ** 2 * unit[0] + least
        ratio = half + np.sqrt(max(half**2 - least**2, 0.0))
        lightest, heaviest = low * (1.0 + ratio) / ratio, high * (1.0 + ratio)
        theta[0] = ratio
        theta[1] = np.sqrt(lightest**2 + (heaviest**2 - lightest**2) * unit[1])
        theta[parameters.index("dec")] = np.arcsin(2.0 * unit[parameters.index("dec")] - 1.0)
        theta[parameters.index("theta_jn")] = np.arccos(1.0 - 2.0 * unit[parameters.index("theta_jn")])
        return theta
