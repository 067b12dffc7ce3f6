"""Fisher matrices: what a source's parameters can be measured to, and what repetition adds.

The widths hold for loud signals; the prior enters as a Gaussian of its standard deviation,
so that a direction that the data leave open keeps the width of the prior.

A sequence of bursts depends on the time scale M pbar^(3/2), the eccentricity and the kick
eta pbar^(-5/2). It measures all three well, a single burst only the first; but masses and
semi-latus rectum that keep them stay degenerate, with the mass ratio free, until the
advance of pericentre tells the semi-latus rectum itself.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import InputError
from swansong.core.types import Array, ArrayLike, Float
from swansong.encounters.likelihood import Templates
from swansong.inference.parameters import Parameters


def prior_widths(parameters: Parameters) -> Float[np.ndarray, "parameters"]:
    """Standard deviations of laws that are uniform between the parameters' limits.

    Args:
        parameters: Parameters with finite limits.

    Returns:
        One width for each, in its unit.
    """
    return np.array([parameter.period / np.sqrt(12.0) for parameter in parameters])


@eqx.filter_jit
def fisher_matrix(
    templates: Templates, theta: Float[ArrayLike, "parameters"], *, psd: Float[ArrayLike, "detectors bins"]
) -> Float[Array, "parameters parameters"]:
    """Compute <dh/da | dh/db>, summed over detectors.

    Args:
        templates: Strain as a function of the parameters.
        theta: Where to differentiate.
        psd: One-sided power spectral density of each detector's noise [1/Hz].

    Returns:
        The matrix, in inverse units of the parameters.

    Reference:
        Finn, arXiv:gr-qc/9209010, section III.
    """
    slopes = jax.jacfwd(templates)(jnp.asarray(theta, float))
    weight = 4.0 / (templates.duration * jnp.asarray(psd, float))
    return jnp.einsum("db,dbi,dbj->ij", weight, jnp.conj(slopes), slopes).real


def fisher_covariance(
    matrix: Float[ArrayLike, "parameters parameters"], *, prior: Float[ArrayLike, "parameters"]
) -> Float[np.ndarray, "parameters parameters"]:
    """Covariance of the parameters given data and prior.

    Args:
        matrix: Fisher matrix.
        prior: Standard deviation of the prior of each parameter, positive.

    Returns:
        The covariance, never above that of the prior.

    Raises:
        InputError: If the matrix is not finite or shapes disagree.
    """
    prior = np.asarray(prior, float)
    matrix = np.asarray(matrix, float)
    if matrix.shape != 2 * prior.shape or not np.all(np.isfinite(matrix)):
        raise InputError(
            f"`fisher_covariance(matrix)` must be finite and of shape {2 * prior.shape}, got shape {matrix.shape}; a "
            "source whose passages do not all exist gives NaN"
        )
    # In units of the prior the sum is well conditioned although the matrix itself is nearly singular.
    values, vectors = np.linalg.eigh(prior[:, None] * matrix * prior)
    return prior[:, None] * ((vectors / (1.0 + np.maximum(values, 0.0))) @ vectors.T) * prior


def fisher_widths(
    matrix: Float[ArrayLike, "parameters parameters"], *, prior: Float[ArrayLike, "parameters"]
) -> Float[np.ndarray, "parameters"]:
    """Standard deviations of the parameters, each marginalised over all others.

    Args:
        matrix: Fisher matrix.
        prior: Standard deviation of the prior of each parameter, positive.

    Returns:
        The widths, never above those of the prior.

    Raises:
        InputError: As `fisher_covariance`.
    """
    return np.sqrt(np.diag(fisher_covariance(matrix, prior=prior)))


@dataclass(frozen=True)
class RepeatedGain:
    """Widths with a single burst and with repeated ones, at one signal-to-noise ratio.

    Attributes:
        names: Parameters, in order.
        snr: Signal-to-noise ratio of the network, of both sources.
        prior: Standard deviations of the prior.
        single: Widths from one burst.
        repeated: Widths from all bursts.
        single_kick: Relative width of the kick eta pbar^(-5/2) from one burst.
        repeated_kick: The same from all bursts.
    """

    names: tuple[str, ...]
    snr: float
    prior: Float[np.ndarray, "parameters"]
    single: Float[np.ndarray, "parameters"]
    repeated: Float[np.ndarray, "parameters"]
    single_kick: float
    repeated_kick: float

    def factor(self, name: str) -> float:
        """How many times narrower repetition makes one parameter."""
        index = self.names.index(name)
        return float(self.single[index] / self.repeated[index])


def repeated_gain(
    theta: Float[ArrayLike, "parameters"],
    *,
    single: Templates,
    repeated: Templates,
    psd: Float[ArrayLike, "detectors bins"],
    snr: float | None = None,
) -> RepeatedGain:
    """Compare what a single burst and repeated ones measure, at one signal-to-noise ratio.

    Args:
        theta: Source; the distance of each is scaled to the signal-to-noise ratio.
        single: Strain of the reference passage alone.
        repeated: Strain of all passages, on the same data.
        psd: One-sided power spectral density of each detector's noise [1/Hz].
        snr: Signal-to-noise ratio of the network; that of the repeated source at `theta` if None.

    Returns:
        The widths of all parameters.

    Raises:
        InputError: If the two do not share their parameters, or a passage does not exist.
    """
    if single.parameters != repeated.parameters:
        raise InputError(
            f"`repeated_gain(single=..., repeated=...)` name the parameters {single.parameters.names} and "
            f"{repeated.parameters.names}; build both from one model"
        )
    names = single.parameters.names
    prior = prior_widths(single.parameters)
    distance = single.parameters.index("luminosity_distance")
    target = _snr(repeated, np.asarray(theta, float), psd=psd) if snr is None else float(snr)
    slope = _kick_slope(single.parameters, np.asarray(theta, float))
    widths, kicks = [], []
    for templates in (single, repeated):
        source = np.array(theta, float)
        source[distance] *= _snr(templates, source, psd=psd) / target
        covariance = fisher_covariance(fisher_matrix(templates, source, psd=psd), prior=prior)
        widths.append(np.sqrt(np.diag(covariance)))
        kicks.append(float(np.sqrt(slope @ covariance @ slope)))
    return RepeatedGain(names, target, prior, *widths, *kicks)


def _snr(templates: Templates, theta: np.ndarray, *, psd: Float[ArrayLike, "detectors bins"]) -> float:
    """Signal-to-noise ratio of one source in the network."""
    strain = np.asarray(eqx.filter_jit(templates)(jnp.asarray(theta)))
    return float(np.sqrt(np.sum(np.abs(strain) ** 2 * 4.0 / (templates.duration * np.asarray(psd)))))


def _kick_slope(parameters: Parameters, theta: np.ndarray) -> np.ndarray:
    """Derivatives of ln(eta pbar^(-5/2))."""
    mass_ratio, semi_latus_rectum = (parameters.index(name) for name in ("mass_ratio", "semi_latus_rectum"))
    slope = np.zeros(len(parameters))
    slope[mass_ratio] = 1.0 / theta[mass_ratio] - 2.0 / (1.0 + theta[mass_ratio])
    slope[semi_latus_rectum] = -2.5 / theta[semi_latus_rectum]
    return slope
