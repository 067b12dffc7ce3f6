"""The loss that the published decoder is trained with: moduli, their distribution, and phases."""

import equinox as eqx
import jax.numpy as jnp

from swansong.core.types import Array, Bool, Float
from swansong.emri.amplitudes.decoder_settings import LossWeights

_TINY = 1e-18
"""Below what a modulus, a sum or a share counts as zero; its square is still a number in float32."""


class LossParts(eqx.Module):
    """The three parts of the decoder's loss, before their weights.

    Attributes:
        modulus: Mean error of the moduli over the strongest mode.
        distribution: Cross-entropy of the normalised moduli less its smallest value [nat].
        phase: Mean phase error weighted by the modulus [rad].
    """

    modulus: Float[Array, ""]
    distribution: Float[Array, ""]
    phase: Float[Array, ""]


def decoder_loss(
    modulus: Float[Array, "pairs polar radial"],
    phase: Float[Array, "pairs polar radial"],
    *,
    target_modulus: Float[Array, "pairs polar radial"],
    target_phase: Float[Array, "pairs polar radial"],
    known: Bool[Array, "pairs polar radial"],
    weights: LossWeights,
) -> tuple[Float[Array, ""], LossParts]:
    """How far moduli and phases of one orbit are from the truth.

    With A the modulus and φ the phase of a mode, and sums over the known modes:

    - modulus: mean of |A - A_true| / max A_true;
    - distribution: -Σ p ln q with p and q the true and the found moduli over their sums. The
      entropy of p, its smallest value, is subtracted, which changes no gradient and makes the
      loss of the truth zero;
    - phase: Σ A_true |atan2(sin δ, cos δ)| / Σ A_true with δ = φ - φ_true.

    Every part is zero if no known mode radiates.

    Args:
        modulus: Moduli found.
        phase: Phases found [rad].
        target_modulus: True moduli, of order one: divide those of an orbit by the strongest.
        target_phase: True phases [rad], modulo 2π.
        known: Modes whose truth is known; leave out those that `ModeDecoder.mask` rules out,
            which would only dilute the mean. What the targets hold elsewhere does not matter.
        weights: What each part counts.

    Returns:
        The weighted sum and its parts.

    Reference:
        Zeng, Zhang, Hu, Mei, arXiv:2603.08635; what power of the moduli is normalised and the
        weights are our reading.
    """
    truth = jnp.where(known, target_modulus, 0.0)
    found = jnp.where(known, modulus, 0.0)
    strongest = jnp.maximum(jnp.max(truth), _TINY)
    count = jnp.maximum(jnp.sum(known), 1).astype(truth.dtype)
    error = jnp.sum(jnp.abs(found - truth)) / (strongest * count)
    total_truth = jnp.sum(truth)
    radiates = total_truth > _TINY
    share = truth / jnp.maximum(total_truth, _TINY)
    found_share = found / jnp.maximum(jnp.sum(found), _TINY)
    distribution = jnp.sum(share * (_log(share) - _log(found_share)))
    # Unknown phases may be anything, also not a number, which a weight of zero would not remove.
    difference = jnp.where(known, phase - target_phase, 0.0)
    wrapped = jnp.arctan2(jnp.sin(difference), jnp.cos(difference))
    parts = LossParts(
        modulus=jnp.where(radiates, error, 0.0),
        distribution=jnp.where(radiates, distribution, 0.0),
        phase=jnp.sum(share * jnp.abs(wrapped)),
    )
    total = weights.modulus * parts.modulus + weights.distribution * parts.distribution + weights.phase * parts.phase
    return total, parts


def _log(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Logarithm that stays finite at zero."""
    return jnp.log(jnp.maximum(values, _TINY))
