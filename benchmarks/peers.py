"""The same likelihoods, priors and data for other samplers, without JAX."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from swansong.core.constants import SOLAR_MASS_SECONDS
from swansong.encounters.correlations import CLOCK, Correlations
from swansong.encounters.kernels import _cubic, _pattern, _place, _series
from swansong.encounters.masses import AMPLITUDE_UNIT
from swansong.encounters.model import MEGAPARSEC_SECONDS
from swansong.inference import Parameter, Parameters, Posterior
from swansong.ringdown.events import Event
from swansong.ringdown.model import AMPLITUDE_UNIT as RINGDOWN_UNIT
from swansong.signals import greenwich_sidereal_time

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
        amplitude = theta[2::2] / RINGDOWN_UNIT * np.exp(1j * theta[3::2])
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
        likelihood: ln of the likelihood ratio of one parameter vector, or of one point of the
            unit cube where there is a `transform`.
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
            return likelihood(np.array([values[name] for name in names]))

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


@njit(cache=True)
def _burst(unit, theta, values, squares, tensors, vertices, clock, grid, nodes, limits, gmst, scale):
    """Parameters of a point of the unit cube, ln of the likelihood ratio and the squared signal-to-noise ratio."""
    lightest = limits[0] / limits[1]
    half = 0.5 * (1.0 - lightest) ** 2 * unit[0] + lightest
    q = half + math.sqrt(max(half * half - lightest * lightest, 0.0))
    low, high = limits[0] * (1.0 + q) / q, limits[1] * (1.0 + q)
    mass = math.sqrt(low * low + (high * high - low * low) * unit[1])
    theta[0], theta[1] = q, mass
    for k in range(4):
        theta[2 + k] = limits[2 + 2 * k] + (limits[3 + 2 * k] - limits[2 + 2 * k]) * unit[2 + k]
    theta[6] = 2.0 * math.pi * unit[6]
    theta[7] = math.asin(2.0 * unit[7] - 1.0)
    theta[8] = math.pi * unit[8]
    theta[9] = math.acos(1.0 - 2.0 * unit[9])
    theta[10] = math.pi * unit[10]
    e, p, distance = theta[2], theta[3], theta[4]
    amplitude = scale * q / (1.0 + q) ** 2 * mass / (p * distance)
    log_tau = math.log(mass * SOLAR_MASS_SECONDS) + 1.5 * math.log(p)
    longitude, level = theta[6] - gmst, math.cos(theta[7])
    x, y, z = level * math.cos(longitude), level * math.sin(longitude), math.sin(theta[7])
    cp, sp, cb, sb = (
        math.cos(2.0 * theta[8]), math.sin(2.0 * theta[8]), math.cos(2.0 * theta[10]), math.sin(2.0 * theta[10])
    )  # fmt: skip
    cosine = math.cos(theta[9])
    even, odd, axial = 1.0 + cosine * cosine, 2.0 * cosine, 1.0 - cosine * cosine
    weights = np.ones(nodes.size)
    for j in range(nodes.size):
        for k in range(nodes.size):
            if k != j:
                weights[j] *= (e - nodes[k]) / (nodes[j] - nodes[k])
    row, offset = _place(log_tau, grid[0], grid[1], values.shape[1])
    cubic = _cubic(offset)
    taps, zs, gs = np.empty(6), np.empty(3), np.empty(4)
    linear, square = 0.0, 0.0
    for d in range(values.shape[0]):
        first, second = _pattern(tensors[d], x, y, z)
        plus, cross = first * cp + second * sp, second * cp - first * sp
        a = -amplitude * (plus * even * cb - cross * odd * sb)
        s = -amplitude * (plus * even * sb + cross * odd * cb)
        b = -amplitude * plus * axial
        time = theta[5] - (x * vertices[d, 0] + y * vertices[d, 1] + z * vertices[d, 2])
        if not _series(values[d], squares[d], row, cubic, weights, time, clock, taps, zs, gs):
            return -np.inf, 0.0
        linear += a * zs[0] + s * zs[1] + b * zs[2]
        square += a * a * gs[0] + 2.0 * a * b * gs[1] + b * b * gs[2] + s * s * gs[3]
    return linear - 0.5 * square, square


@dataclass(frozen=True)
class BurstLikelihood:
    """Ln of the likelihood ratio of one close encounter from compiled code, some microseconds a call.

    Attributes:
        correlations: Correlations of the data with all bursts.
    """

    correlations: Correlations

    @cached_property
    def _tables(self) -> tuple:
        analysis = self.correlations.analysis
        ranges = analysis.model.settings
        names = ("component_mass", "eccentricity", "semi_latus_rectum", "luminosity_distance", "pericentre_time")
        limits = np.array([limit for name in names for limit in getattr(ranges, name)])
        return (
            self.correlations.values,
            analysis.squares,
            analysis.chart.tensors,
            analysis.chart.vertices,
            np.array([self.correlations.start, 1.0 / CLOCK]),
            self.correlations.table.grid,
            analysis.series.nodes,
            limits,
            float(greenwich_sidereal_time(analysis.gps)),
            SOLAR_MASS_SECONDS / MEGAPARSEC_SECONDS / AMPLITUDE_UNIT,
        )

    def __call__(self, unit: np.ndarray) -> float:
        """Ln of the likelihood over that of noise at a point of the unit cube.

        Below the prior's cut there is a slope, on which a sampler finds its way up.
        """
        found, square = _burst(unit, np.empty(11), *self._tables)
        least = self.correlations.analysis.model.settings.minimum_snr
        if square < least**2:
            return -_SLOPE * (1.0 + least**2 - square)
        return found

    def transform(self, unit: np.ndarray) -> np.ndarray:
        """Parameters of a point of the unit cube; the same map as that of the model's prior."""
        theta = np.empty(11)
        _burst(unit, theta, *self._tables)
        return theta
