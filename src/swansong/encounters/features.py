"""What the compact network sees: the data around the burst in a small basis, and how the noise has drifted."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from paramax import NonTrainable, unwrap
from scipy.linalg import eigh

from swansong.core.types import Array, ArrayLike, Complex, Float
from swansong.encounters.analysis import Analysis
from swansong.encounters.model import timescale
from swansong.signals.drift import DRIFT_KNOTS, band_levels

_EXAMPLES = 1500
_DRIFT_SCALE = 0.3


def aligned_basis(
    analysis: Analysis, *, rank: int, window: float, reference: int, seed: int
) -> Float[np.ndarray, "detectors rank 2*bins"]:
    """Orthonormal bases of whitened bursts whose arrival is known to within a window.

    Args:
        analysis: The problem with its reference noise.
        rank: Vectors for each detector.
        window: Largest error of the alignment at the reference detector [s].
        reference: Index of that detector.
        seed: Seed of the bursts that the bases are made for.

    Returns:
        Bases of real and imaginary parts, side by side.
    """
    rng = np.random.default_rng(seed)
    theta = np.asarray(analysis.model.prior.sample(jax.random.key(seed), _EXAMPLES))
    values = analysis.model.values(theta)
    tau = timescale(values["total_mass"], values["semi_latus_rectum"])
    weights = analysis.series.weights(values["eccentricity"])
    delays = analysis.chart.delays(analysis.chart.from_equatorial(values["ra"], values["dec"]))
    delays = delays - delays[:, reference : reference + 1] + rng.uniform(-window, window, (_EXAMPLES, 1))
    mix = rng.standard_normal((_EXAMPLES, 3)) * np.array([1.0, 1.0j, 0.5])
    series = np.stack(
        [np.tensordot(w, analysis.series(analysis.frequency, t), axes=1) for w, t in zip(weights, tau, strict=True)]
    )
    bursts = np.einsum("nk,nkf->nf", mix, series)
    bases = []
    for d in range(len(analysis.network)):
        shifted = bursts * np.exp(-2j * np.pi * analysis.frequency * delays[:, d : d + 1]) * analysis.whitening[d]
        rows = np.concatenate([shifted.real, shifted.imag], axis=1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        # The leading right singular vectors, from the few largest eigenvectors of the small side.
        squares, vectors = eigh(rows @ rows.T, subset_by_index=[len(rows) - rank, len(rows) - 1])
        bases.append((vectors[:, ::-1] / np.sqrt(squares[::-1])).T @ rows)
    return np.stack(bases)


class AlignedFeatures(eqx.Module):
    """Coefficients of time-aligned data and levels of the noise, scaled for a network.

    Attributes:
        basis: (detectors, rank, 2 * bins), not trained; it travels with the weights.
        scale: Typical size of each coefficient, (detectors * rank,), not trained.
        log_reference: ln of the noise that levels are counted from, (detectors, bins), not trained.
    """

    basis: NonTrainable
    scale: NonTrainable
    log_reference: NonTrainable

    @classmethod
    def of(
        cls,
        basis: Float[np.ndarray, "detectors rank 2*bins"],
        scale: Float[np.ndarray, "coefficients"],
        psd: Float[np.ndarray, "detectors bins"],
    ) -> "AlignedFeatures":
        """Build from a basis, typical coefficients and the reference noise."""
        return cls(
            NonTrainable(jnp.asarray(basis, jnp.float32)),
            NonTrainable(jnp.asarray(scale, jnp.float32)),
            NonTrainable(jnp.asarray(np.log(psd), jnp.float32)),
        )

    @property
    def count(self) -> int:
        """Number of features."""
        detectors, rank = unwrap(self.basis).shape[:2]
        return 2 * detectors * rank + detectors * (1 + len(DRIFT_KNOTS)) + 1

    def project(
        self, whitened: Complex[np.ndarray, "detectors bins"], *, frequency: Float[np.ndarray, "bins"], centre: float
    ) -> Float[np.ndarray, "coefficients"]:
        """Coefficients of data aligned to a time.

        Args:
            whitened: Whitened data.
            frequency: Frequencies [Hz].
            centre: Time that becomes zero [s].

        Returns:
            Coefficients of all detectors.
        """
        turned = np.asarray(whitened) * np.exp(2j * np.pi * frequency * centre)
        rows = np.concatenate([np.real(turned), np.imag(turned)], axis=1)
        return np.einsum("drf,df->dr", np.asarray(unwrap(self.basis), float), rows).reshape(-1)

    def levels(
        self, psd: Float[np.ndarray, "detectors bins"], *, frequency: Float[np.ndarray, "bins"]
    ) -> Float[np.ndarray, "levels"]:
        """Levels of the noise above the reference."""
        reference = np.exp(np.asarray(unwrap(self.log_reference), float))
        return np.concatenate([band_levels(a, b, frequency=frequency) for a, b in zip(psd, reference, strict=True)])

    def __call__(
        self, coefficients: Float[ArrayLike, "coefficients"], levels: Float[ArrayLike, "levels"]
    ) -> Float[Array, "features"]:
        """Features of one event, float32."""
        data = jnp.asarray(coefficients, jnp.float32)
        detectors = unwrap(self.basis).shape[0]
        size = jnp.sqrt(data @ data)
        power = jnp.log((data.reshape(detectors, -1) ** 2).sum(axis=1))
        return jnp.concatenate(
            [
                data / unwrap(self.scale),
                data / size * np.float32(np.sqrt(data.size)),
                power - 5.0,
                jnp.log(size)[None] - 4.0,
                jnp.asarray(levels, jnp.float32) / _DRIFT_SCALE,
            ]
        )
