"""Densities at the end of a network: what it says about a number, with its uncertainty.

Each is an `eqx.Module` with `log_prob` and `sample`. They are made to be evaluated in
float32 with gradients: no form in here overflows, underflows or cancels where a network
may wander during training.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from swansong.core.types import Array, Float, Key
from swansong.learning.truncation import log_truncated_normal, sample_truncated_normal

_LOG_TWO_PI = math.log(2.0 * math.pi)

# Each round of the von Mises sampler accepts at least 65.7 %: what is left after these is 1e-30.
_ROUNDS = 64


class TruncatedNormal(eqx.Module):
    """Independent normal laws cut to intervals.

    Attributes:
        loc: Mode of the uncut law; may lie outside the interval.
        scale: Width of the uncut law.
        low: Lower ends.
        high: Upper ends.
    """

    loc: Float[Array, " d"]
    scale: Float[Array, " d"]
    low: Float[Array, " #d"] | Float[Array, ""] | float
    high: Float[Array, " #d"] | Float[Array, ""] | float

    def log_prob(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log density.

        Args:
            x: Where.

        Returns:
            The sum over the coordinates; -inf outside.
        """
        return jnp.sum(log_truncated_normal(x, loc=self.loc, scale=self.scale, low=self.low, high=self.high))

    def sample(self, key: Key) -> Float[Array, " d"]:
        """One draw.

        Args:
            key: Random key.

        Returns:
            A point within the intervals.
        """
        u = jax.random.uniform(key, jnp.shape(self.loc), jnp.float64)
        return sample_truncated_normal(u, loc=self.loc, scale=self.scale, low=self.low, high=self.high)


class VonMises(eqx.Module):
    """Independent von Mises laws on the circle.

    Attributes:
        loc: Mean directions [rad].
        concentration: Concentrations; 0 is uniform.
    """

    loc: Float[Array, " d"]
    concentration: Float[Array, " d"]

    def log_prob(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log density with respect to the angle.

        Args:
            x: Angles [rad], of any winding.

        Returns:
            The sum over the coordinates.
        """
        # cos(d) - 1 would lose all digits of a small d in float32.
        drop = -2.0 * self.concentration * jnp.sin(0.5 * (x - self.loc)) ** 2
        return jnp.sum(drop - _LOG_TWO_PI - jnp.log(jax.scipy.special.i0e(self.concentration)))

    def sample(self, key: Key) -> Float[Array, " d"]:
        """One draw, by rejection from a wrapped Cauchy law.

        Args:
            key: Random key.

        Returns:
            Angles in [-pi, pi) [rad].

        Reference:
            Best and Fisher, Applied Statistics 28 (1979) 152.
        """
        # In float64: the envelope cancels for small concentrations and for large ones.
        kappa = jnp.maximum(jnp.asarray(self.concentration, jnp.float64), 1e-6)
        tau = 1.0 + jnp.sqrt(1.0 + 4.0 * kappa**2)
        rho = (tau - jnp.sqrt(2.0 * tau)) / (2.0 * kappa)
        r = (1.0 + rho**2) / (2.0 * rho)

        def pending(loop: tuple[Array, Array, Array]) -> Array:
            turn, _, done = loop
            return (turn < _ROUNDS) & ~jnp.all(done)

        def propose(loop: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            turn, angle, done = loop
            u = jax.random.uniform(jax.random.fold_in(key, turn), (3, *kappa.shape), jnp.float64)
            z = jnp.cos(jnp.pi * u[0])
            f = (1.0 + r * z) / (r + z)
            c = kappa * (r - f)
            # log(c / u) + 1 - c >= 0 contains the quicker test c (2 - c) > u.
            accepted = jnp.log(c) - jnp.log(u[1]) + 1.0 - c >= 0.0
            new = jnp.sign(u[2] - 0.5) * jnp.arccos(jnp.clip(f, -1.0, 1.0))
            return turn + 1, jnp.where(accepted & ~done, new, angle), done | accepted

        start = (jnp.zeros((), jnp.int32), jnp.zeros_like(kappa), jnp.zeros(kappa.shape, bool))
        angle = jax.lax.while_loop(pending, propose, start)[1]
        wrapped = jnp.mod(angle + self.loc + jnp.pi, 2.0 * jnp.pi) - jnp.pi
        return wrapped.astype(jnp.result_type(self.loc))


class DiagonalGaussian(eqx.Module):
    """A normal law with independent coordinates.

    Attributes:
        mean: Mean.
        log_scale: Log of the standard deviations.
    """

    mean: Float[Array, " d"]
    log_scale: Float[Array, " d"]

    def log_prob(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log density.

        Args:
            x: Where.

        Returns:
            Log density.
        """
        return _log_normal(x, self.mean, self.log_scale)

    def sample(self, key: Key) -> Float[Array, " d"]:
        """One draw, differentiable in mean and width.

        Args:
            key: Random key.

        Returns:
            A point.
        """
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_scale) * noise

    def entropy(self) -> Float[Array, ""]:
        """Entropy [nats].

        Returns:
            `sum(log scale) + d (1 + log 2 pi) / 2`.
        """
        return jnp.sum(self.log_scale) + 0.5 * self.mean.size * (1.0 + _LOG_TWO_PI)


class GaussianMixture(eqx.Module):
    """A mixture of normal laws with independent coordinates.

    Attributes:
        logits: Log weights, up to a common constant.
        means: Means of the components.
        log_scales: Log of their standard deviations.
    """

    logits: Float[Array, " components"]
    means: Float[Array, "components d"]
    log_scales: Float[Array, "components d"]

    def log_prob(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log density.

        Args:
            x: Where.

        Returns:
            Log density.
        """
        parts = jax.vmap(_log_normal, in_axes=(None, 0, 0))(x, self.means, self.log_scales)
        return jax.nn.logsumexp(parts + jax.nn.log_softmax(self.logits))

    def sample(self, key: Key) -> Float[Array, " d"]:
        """One draw; the choice of the component passes no gradient.

        Args:
            key: Random key.

        Returns:
            A point.
        """
        pick, draw = jax.random.split(key)
        chosen = jax.random.categorical(pick, self.logits)
        return DiagonalGaussian(self.means[chosen], self.log_scales[chosen]).sample(draw)


def kl_diagonal(q: DiagonalGaussian, p: DiagonalGaussian) -> Float[Array, ""]:
    """Kullback-Leibler divergence of two diagonal normal laws.

    Args:
        q: The law that the mean is taken over.
        p: The law it is compared with.

    Returns:
        KL(q || p) [nats].
    """
    gap = q.log_scale - p.log_scale
    distance = (q.mean - p.mean) * jnp.exp(-p.log_scale)
    return 0.5 * jnp.sum(jnp.expm1(2.0 * gap) + distance**2 - 2.0 * gap)


def kl_at_sample(q: DiagonalGaussian, p: GaussianMixture | DiagonalGaussian, z: Float[Array, " d"]) -> Float[Array, ""]:
    """Unbiased estimate of KL(q || p) from one draw.

    The entropy of `q` is exact and only `log p` is sampled, which has the smaller variance.

    Args:
        q: The law that `z` was drawn from.
        p: The law it is compared with.
        z: A draw of `q`.

    Returns:
        The estimate [nats]; a single one may be negative.

    Reference:
        Gabbard et al., arXiv:1909.06296, Section "Methods".
    """
    return -q.entropy() - p.log_prob(z)


def _log_normal(x: Array, mean: Array, log_scale: Array) -> Array:
    """Log density of independent normal laws, summed."""
    return -0.5 * jnp.sum(((x - mean) * jnp.exp(-log_scale)) ** 2 + 2.0 * log_scale + _LOG_TWO_PI)
