"""Whitened templates: the part of the signal that depends on mass and spin only.

For a given remnant the whitened data are linear in the quadratures x = A cos(phi) and
y = A sin(phi) of each mode. `LinearSignal` turns mass and spin into the 2 modes templates
of that linear map, expressed in an orthonormal basis of the whitened data space. The
basis spans every template of the prior, so that the coefficients of the data are
sufficient statistics and their noise is N(0, 1) exactly.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.types import Array, ArrayLike, Complex, Float
from swansong.physics.quasinormal import KerrModes
from swansong.ringdown.coordinates import RemnantChart
from swansong.ringdown.model import AMPLITUDE_UNIT
from swansong.signals.whitening import Whitener

DICTIONARY = (72, 24)
"""Points in ln f and spin coordinate of the templates from which a basis is built."""


class LinearSignal(eqx.Module):
    """Templates of unit quadratures (1e-21) in a basis of the whitened data.

    Attributes:
        modes: Frequencies of the modes.
        operator: Complex map (n, rank) from exp(i conj(w) t) to coefficients, one per
            detector, (detectors, n, rank); antenna response and whitening included.
        times: Sample times after the start, counted from each detector's first sample [s].
        offsets: Time of each detector's first sample after the start [s], (detectors,).
    """

    modes: KerrModes
    operator: Complex[Array, "detectors n rank"]
    times: Float[Array, "n"]
    offsets: Float[Array, "detectors"]

    def __call__(self, mass: Float[Array, ""], spin: Float[Array, ""]) -> Float[Array, "quadratures rank"]:
        """Templates of one remnant: rows x, y of the first mode, x, y of the second, ..."""
        omega = self.modes.angular_frequencies(final_mass=mass, final_spin=spin)
        exponent = 1j * jnp.conj(omega)
        waves = jnp.exp(exponent[:, None] * self.times).astype(self.operator.dtype)
        delays = jnp.exp(exponent[:, None] * self.offsets).astype(self.operator.dtype)
        coefficients = jnp.einsum("kd,kn,dnr->kr", delays, waves, self.operator)
        return jnp.stack([coefficients.real, -coefficients.imag], axis=1).reshape(2 * len(self.modes.modes), -1)

    @eqx.filter_jit
    def many(
        self, mass: Float[ArrayLike, "points"], spin: Float[ArrayLike, "points"]
    ) -> Float[Array, "points quadratures rank"]:
        """Templates of many remnants, computed in chunks to bound memory."""
        return jax.lax.map(lambda pair: self(*pair), (mass, spin), batch_size=256)

    def truncate(self, rank: int) -> "LinearSignal":
        """The same signal on the first `rank` vectors of its basis, in single precision."""
        single = self.operator[..., :rank].astype(jnp.complex64)
        return eqx.tree_at(lambda signal: signal.operator, self, single)


def full_operator(
    whiteners: Sequence[Whitener], responses: Complex[np.ndarray, "detectors"]
) -> Complex[np.ndarray, "detectors n data"]:
    """The operator onto the whitened samples themselves, detector after detector.

    Args:
        whiteners: One per detector.
        responses: F+ - i Fx per detector.

    Returns:
        Operator (detectors, n, detectors n) for strain in units of 1e-21.
    """
    count, n = len(whiteners), whiteners[0].n
    operator = np.zeros((count, n, count * n), dtype=complex)
    for index, (whitener, response) in enumerate(zip(whiteners, responses, strict=True)):
        block = AMPLITUDE_UNIT * response * whitener.inverse_cholesky.T
        operator[index, :, index * n : (index + 1) * n] = block
    return operator


def signal_basis(
    signal: LinearSignal, chart: RemnantChart, *, tolerance: float = 1e-5, maximum_rank: int = 320
) -> Float[np.ndarray, "data rank"]:
    """Orthonormal basis of all templates of a prior, most important direction first.

    Args:
        signal: Templates on the whitened samples.
        chart: Range of remnants.
        tolerance: Largest share of a unit template that the basis may miss (in norm,
            root-mean-square over the dictionary).
        maximum_rank: Largest number of vectors.

    Returns:
        Basis (data, rank).
    """
    u, v = (axis.ravel() for axis in np.meshgrid(*chart.axes(DICTIONARY), indexing="ij"))
    inside = np.asarray(chart.inside(u, v))
    mass, spin = chart.remnant(u[inside], v[inside])
    templates = np.asarray(signal.many(mass, spin))
    rows = templates.reshape(-1, templates.shape[-1])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # The Gram matrix of the data space is small; its eigenvectors are the right singular vectors.
    power, vectors = np.linalg.eigh(rows.T @ rows)
    power, vectors = np.maximum(power[::-1], 0.0), vectors[:, ::-1]
    missed = 1.0 - np.cumsum(power) / power.sum()
    rank = min(int(np.searchsorted(-missed, -(tolerance**2))) + 1, maximum_rank, len(power))
    return np.ascontiguousarray(vectors[:, :rank])
