"""The same likelihood, prior and data for other samplers, without JAX and as fast as NumPy allows."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.inference import Posterior
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


def run_dynesty(event: Event, *, live: int, folder: Path, seed: int, maxcall: int | None = None) -> Posterior:
    """Nested sampling of an event by bilby and dynesty.

    The walk is bilby's `rwalk`, whose length follows the autocorrelation that it measures.

    Args:
        event: A simulated event.
        live: Live points.
        folder: Where bilby may write.
        seed: Seed.
        maxcall: Stop after this many likelihood calls, for a trial.

    Returns:
        Equally weighted samples, with ln of the evidence ratio to noise.
    """
    import bilby

    direct = DirectLikelihood.of(event)
    model = event.analysis.model
    names = model.parameters.names

    class Likelihood(bilby.Likelihood):
        """What bilby calls."""

        def log_likelihood(self, parameters: dict[str, float] | None = None) -> float:
            values = parameters or self.parameters  # older versions of bilby keep them on the object
            return direct(np.array([values[name] for name in names]))

    priors = bilby.core.prior.PriorDict(
        {
            item.name: bilby.core.prior.Uniform(
                item.minimum, item.maximum, name=item.name, boundary="periodic" if item.periodic else None
            )
            for item in model.parameters
        }
    )
    bilby.core.utils.random.seed(seed)
    bilby.core.utils.logger.setLevel("WARNING")
    limits = {} if maxcall is None else {"maxcall": maxcall}
    began = time.perf_counter()
    result = bilby.run_sampler(
        Likelihood(),
        priors,
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
    return Posterior(
        model.parameters,
        result.posterior[list(names)].to_numpy(),
        # The prior has no part below the cut; bilby's has, hence its smaller evidence.
        log_evidence=result.log_evidence - event.analysis.log_prior_share,
        log_evidence_error=result.log_evidence_err,
        system="ringdown",
        estimator="dynesty",
        metadata={
            "likelihood_calls": int(result.num_likelihood_evaluations or 0),
            "seconds": time.perf_counter() - began,
        },
    )
