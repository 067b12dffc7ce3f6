"""Training data for the networks: fresh events at every step from a bank of templates.

Only mass and spin cost a template. The bank holds templates at many remnants drawn from
the prior; amplitudes, phases and noise are drawn anew for each example, so that no two
steps see the same data.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, Bool, Float, Int, Key
from swansong.ringdown.analysis import Analysis

RANK = 128
"""Coefficients that the networks see: near-sufficient (see the accuracy page)."""


class Batch(NamedTuple):
    """Events with their truth.

    Attributes:
        coefficients: Data in the basis, (batch, rank), float32.
        place: True (u, v), (batch, 2).
        log_jacobian: ln |d(mass, spin) / d(u, v)| there, (batch,).
        u_bounds: Range of u that the mass prior leaves at v, (batch, 2).
        quadratures: True x and y of every mode [1e-21], (batch, q).
        gram: Inner products of the true templates, (batch, q, q).
        linear: Inner products of the true templates with the data, (batch, q).
        allowed: Whether the event is loud enough for the prior.
    """

    coefficients: Float[Array, "batch rank"]
    place: Float[Array, "batch 2"]
    log_jacobian: Float[Array, "batch"]
    u_bounds: Float[Array, "batch 2"]
    quadratures: Float[Array, "batch q"]
    gram: Float[Array, "batch q q"]
    linear: Float[Array, "batch q"]
    allowed: Bool[Array, "batch"]


class Signals(NamedTuple):
    """Signals without noise, drawn from the prior.

    Attributes:
        rows: Row of the bank that gave the remnant, (batch,).
        amplitude: Amplitude of every mode [1e-21], (batch, modes).
        phase: Phase of every mode [rad], (batch, modes).
        quadratures: x and y of every mode [1e-21], (batch, q).
        templates: Templates of the remnants, (batch, q, rank), float32.
        signal: Signals in the basis, (batch, rank), float32.
        allowed: Whether the signal is loud enough for the prior.
    """

    rows: Int[Array, "batch"]
    amplitude: Float[Array, "batch modes"]
    phase: Float[Array, "batch modes"]
    quadratures: Float[Array, "batch q"]
    templates: Float[Array, "batch q rank"]
    signal: Float[Array, "batch rank"]
    allowed: Bool[Array, "batch"]


class TemplateBank(eqx.Module):
    """A source of training batches.

    Attributes:
        templates: (rows, q, rank), float32.
        place: (u, v) of each row.
        log_jacobian: ln |d(mass, spin) / d(u, v)| of each row.
        u_bounds: Range of u at each row's v.
        amplitude_bounds: Prior of the amplitudes [1e-21].
        minimum_snr: Cut of the prior.
    """

    templates: Float[Array, "rows q rank"]
    place: Float[Array, "rows 2"]
    log_jacobian: Float[Array, "rows"]
    u_bounds: Float[Array, "rows 2"]
    amplitude_bounds: tuple[float, float] = eqx.field(static=True)
    minimum_snr: float = eqx.field(static=True)

    def signals(self, key: Key, batch_size: int) -> tuple[Signals, Key]:
        """Draw signals from the prior.

        Args:
            key: Random key.
            batch_size: Number of signals, those below the cut included.

        Returns:
            The signals, and the key that is left for their noise.
        """
        row_key, amplitude_key, phase_key, noise_key = jax.random.split(key, 4)
        rows = jax.random.randint(row_key, (batch_size,), 0, len(self.place))
        modes = self.templates.shape[1] // 2
        low, high = self.amplitude_bounds
        amplitude = jax.random.uniform(amplitude_key, (batch_size, modes), minval=low, maxval=high)
        phase = jax.random.uniform(phase_key, (batch_size, modes), maxval=2.0 * jnp.pi)
        pairs = jnp.stack([amplitude * jnp.cos(phase), amplitude * jnp.sin(phase)], axis=-1)
        quadratures = pairs.reshape(batch_size, -1)
        templates = self.templates[rows]
        signal = jnp.einsum("bq,bqr->br", quadratures.astype(jnp.float32), templates)
        allowed = (signal**2).sum(axis=1) >= self.minimum_snr**2
        return Signals(rows, amplitude, phase, quadratures, templates, signal, allowed), noise_key

    def batch(self, key: Key, batch_size: int) -> Batch:
        """Draw events from the prior.

        Args:
            key: Random key.
            batch_size: Number of events, those below the cut included.

        Returns:
            The batch.
        """
        drawn, noise_key = self.signals(key, batch_size)
        data = drawn.signal + jax.random.normal(noise_key, drawn.signal.shape, jnp.float32)
        return Batch(
            data,
            self.place[drawn.rows],
            self.log_jacobian[drawn.rows],
            self.u_bounds[drawn.rows],
            drawn.quadratures,
            jnp.einsum("bqr,bsr->bqs", drawn.templates, drawn.templates).astype(float),
            jnp.einsum("bqr,br->bq", drawn.templates, data).astype(float),
            drawn.allowed,
        )


def make_bank(analysis: Analysis, *, rows: int, seed: int) -> TemplateBank:
    """Draw remnants from the prior and compute their templates.

    Args:
        analysis: The prepared problem.
        rows: Number of remnants.
        seed: Seed of the draws.

    Returns:
        The bank.
    """
    theta = analysis.model.prior.sample(jax.random.key(seed), rows)
    mass, spin = theta[:, 0], theta[:, 1]
    templates = np.empty((rows, 2 * analysis.model.count, min(RANK, analysis.basis.shape[1])), np.float32)
    short = analysis.signal.truncate(RANK)
    for start in range(0, rows, 16384):
        part = slice(start, start + 16384)
        templates[part] = short.many(mass[part], spin[part])
    u, v = analysis.chart.coordinates(mass, spin)
    return TemplateBank(
        jnp.asarray(templates),
        jnp.stack([u, v], axis=1),
        analysis.chart.log_jacobian(u, v),
        jnp.stack(analysis.chart.u_bounds(v), axis=1),
        analysis.amplitude_bounds,
        analysis.model.settings.minimum_snr,
    )
