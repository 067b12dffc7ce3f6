"""A prepared analysis: noise, sky position, basis and fields of one ringdown problem.

Everything here depends on the problem (covariances, prior, modes, antenna responses) and
not on the data, so that one preparation serves any number of events.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Array, Complex, Float
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.fields import Fields, make_fields
from swansong.ringdown.linear import LinearSignal, full_operator, signal_basis
from swansong.ringdown.model import AMPLITUDE_UNIT, Quadratures, RingdownModel
from swansong.signals.whitening import Whitener

_SHARE_DRAWS = 16384  # prior draws that measure the share above the cut


class Limits(NamedTuple):
    """Limits of the prior that compiled code takes as numbers, so that new ones compile nothing.

    Attributes:
        amplitude: Bounds of every amplitude [1e-21].
        snr: Smallest optimal signal-to-noise ratio.
    """

    amplitude: tuple[Float[Array, ""], Float[Array, ""]]
    snr: Float[Array, ""]


@dataclass(frozen=True)
class Geometry:
    """How the network sees the source.

    Attributes:
        responses: F+ - i Fx of each detector.
        offsets: Time from the ringdown's start at a detector to its first sample [s].
        rate: Sampling rate [Hz].
        samples: Samples of a segment.
    """

    responses: Complex[np.ndarray, "detectors"]
    offsets: Float[np.ndarray, "detectors"]
    rate: float
    samples: int


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that an estimator needs beside the data.

    Build it with `prepare`.

    Attributes:
        model: Parameters, prior, modes.
        whiteners: One per detector.
        geometry: Antenna responses and sample times.
        chart: Coordinates of the remnant.
        basis: Orthonormal basis of the templates in the whitened data, (data, rank).
        signal: Templates in that basis.
    """

    model: RingdownModel
    whiteners: tuple[Whitener, ...]
    geometry: Geometry
    chart: RemnantChart
    basis: Float[np.ndarray, "data rank"]
    signal: LinearSignal

    @cached_property
    def fields(self) -> Fields:
        """Templates on the grid; computed once, in a few seconds."""
        return make_fields(self.signal, self.chart)

    @property
    def amplitude_bounds(self) -> tuple[float, float]:
        """Prior of the amplitudes [1e-21]."""
        low, high = self.model.settings.amplitude
        return low / AMPLITUDE_UNIT, high / AMPLITUDE_UNIT

    @property
    def limits(self) -> Limits:
        """Amplitude bounds and cut as arrays."""
        low, high = self.amplitude_bounds
        return Limits((jnp.asarray(low), jnp.asarray(high)), jnp.asarray(self.model.settings.minimum_snr))

    @property
    def log_prior_share(self) -> float:
        """Log of `prior_share`."""
        return float(np.log(self.prior_share[0]))

    @cached_property
    def prior_share(self) -> tuple[float, float]:
        """Share of the uniform prior that passes the cut on the signal-to-noise ratio, and its error.

        Raises:
            InputError: If the cut is out of reach.
        """
        cut = self.model.settings.minimum_snr
        if cut == 0.0:
            return 1.0, 0.0
        theta = self.model.prior.sample(jax.random.key(0), _SHARE_DRAWS)
        share = float(np.mean(self.snr(np.asarray(theta)) >= cut))
        if share == 0.0:
            raise InputError(f"`prior.minimum_snr` = {cut:g} is out of reach of the prior's amplitudes; lower it")
        return share, float(np.sqrt(share * (1.0 - share) / _SHARE_DRAWS))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of noise, modes, prior and antenna responses, rounded so that machines agree."""
        digest = hashlib.sha256()
        for whitener in self.whiteners:
            correlation = whitener.autocovariance / whitener.autocovariance[0]
            digest.update(np.round(correlation * 1e6).astype(np.int64).tobytes())
            digest.update(f"{whitener.autocovariance[0]:.5e}".encode())
        responses: np.ndarray[tuple[int], np.dtype[np.complex128]] = np.array(self.geometry.responses, complex)
        numbers = [*responses.real, *responses.imag, *self.geometry.offsets]
        digest.update(" ".join(f"{number:.6f}" for number in [*numbers, self.geometry.rate]).encode())
        digest.update(repr((self.model.modes.modes, self.model.modes.kind, self.model.settings)).encode())
        return digest.hexdigest()

    def whiten(self, strain: Float[np.ndarray, "detectors n"]) -> Float[np.ndarray, "detectors n"]:
        """Whitened data of each detector."""
        return np.stack([w.whiten(row) for w, row in zip(self.whiteners, np.asarray(strain), strict=True)])

    def coefficients(self, whitened: Float[np.ndarray, "detectors n"]) -> Float[np.ndarray, "rank"]:
        """Coefficients of whitened data in the basis: sufficient statistics with unit noise."""
        return np.asarray(whitened).reshape(-1) @ self.basis

    def templates(self, theta: Float[np.ndarray, "... parameters"]) -> Float[np.ndarray, "... rank"]:
        """Signals in the basis, computed directly: the slow, exact way."""
        rows = np.asarray(theta).reshape(-1, np.shape(theta)[-1])
        signals = jnp.einsum("pq,pqr->pr", Quadratures.of(rows).values, self.signal.many(rows[:, 0], rows[:, 1]))
        return np.asarray(signals).reshape(*np.shape(theta)[:-1], -1)

    def snr(self, theta: Float[np.ndarray, "... parameters"]) -> Float[np.ndarray, "..."]:
        """Optimal signal-to-noise ratio of the network."""
        return np.linalg.norm(self.templates(theta), axis=-1)

    def log_likelihood_ratio(
        self, theta: Float[np.ndarray, "... parameters"], coefficients: Float[np.ndarray, "rank"]
    ) -> Float[np.ndarray, "..."]:
        """Log of the likelihood over that of noise alone, computed directly.

        Args:
            theta: Parameters (..., parameters).
            coefficients: Data in the basis, (rank,).
        """
        signals = self.templates(theta)
        return signals @ coefficients - 0.5 * (signals**2).sum(axis=-1)

    def log_noise_evidence(self, whitened: Float[np.ndarray, "detectors n"]) -> float:
        """Log of the probability density of the whitened data if they were noise alone."""
        whitened = np.asarray(whitened)
        return float(-0.5 * (whitened**2).sum() - 0.5 * whitened.size * np.log(2.0 * np.pi))

    def simulate(self, theta: Float[np.ndarray, "parameters"], *, seed: int) -> Float[np.ndarray, "detectors n"]:
        """Whitened data of one event: signal in coloured noise, whitened.

        White noise is drawn directly, because whitening turns this noise into it exactly.
        """
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((len(self.whiteners), self.geometry.samples))
        return noise + self.whitened_signal(theta)

    def whitened_signal(self, theta: Float[np.ndarray, "... parameters"]) -> Float[np.ndarray, "... detectors n"]:
        """Whitened signal in each detector."""
        shape = (*np.shape(theta)[:-1], len(self.whiteners), self.geometry.samples)
        return (self.templates(theta) @ self.basis.T).reshape(shape)


def prepare(model: RingdownModel, whiteners: Sequence[Whitener], geometry: Geometry) -> Analysis:
    """Prepare the analysis of one problem.

    Args:
        model: Parameters, prior, modes.
        whiteners: Noise of each detector.
        geometry: Antenna responses and sample times.

    Returns:
        The analysis.
    """
    chart = RemnantChart.of(model.modes, model.settings)
    signal = LinearSignal(
        model.modes,
        jnp.asarray(full_operator(whiteners, geometry.responses)),
        jnp.arange(geometry.samples) / geometry.rate,
        jnp.asarray(geometry.offsets),
    )
    basis = signal_basis(signal, chart)
    projected = eqx.tree_at(lambda s: s.operator, signal, signal.operator @ basis)
    return Analysis(model, tuple(whiteners), geometry, chart, basis, projected)
