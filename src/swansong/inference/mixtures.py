"""Mixtures of Student-t laws, fitted to weighted samples: proposals for importance sampling."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, logsumexp

from swansong.core.errors import InputError


@dataclass(frozen=True, eq=False)
class StudentMixture:
    """A mixture of multivariate Student-t laws with one number of degrees of freedom.

    Attributes:
        log_weights: ln of each component's share, (components,).
        means: Centres, (components, d).
        factors: Lower Cholesky factors of the scale matrices, (components, d, d).
        freedom: Degrees of freedom; few give heavy tails.
    """

    log_weights: Float[np.ndarray, "components"]
    means: Float[np.ndarray, "components d"]
    factors: Float[np.ndarray, "components d d"]
    freedom: float = 5.0

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n"]:
        """Log density of points."""
        return np.asarray(logsumexp(self._terms(x)[0] + self.log_weights, axis=1))

    def sample(self, n: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Draw points.

        Args:
            n: Number of points.
            rng: Random generator.

        Returns:
            The points.
        """
        d = self.means.shape[1]
        counts = rng.multinomial(n, np.exp(self.log_weights - logsumexp(self.log_weights)))
        component = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        normal = rng.standard_normal((n, d))
        scale = np.sqrt(self.freedom / rng.chisquare(self.freedom, n))
        return self.means[component] + scale[:, None] * np.einsum("nij,nj->ni", self.factors[component], normal)

    def _terms(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density of every component at every point, and squared distances."""
        d = self.means.shape[1]
        nu = self.freedom
        norm = gammaln(0.5 * (nu + d)) - gammaln(0.5 * nu) - 0.5 * d * math.log(nu * math.pi)
        inverse = np.linalg.inv(self.factors)
        steps = np.einsum("mij,mnj->mni", inverse, x[None] - self.means[:, None])
        distance = np.einsum("mni,mni->nm", steps, steps)
        log_det = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        return norm - log_det - 0.5 * (nu + d) * np.log1p(distance / nu), distance


def fit_student_mixture(
    x: Float[np.ndarray, "n d"],
    *,
    weights: Float[np.ndarray, "n"],
    components: int,
    rng: np.random.Generator,
    freedom: float = 5.0,
    steps: int = 25,
) -> StudentMixture:
    """Fit a mixture to weighted samples by expectation maximisation.

    Args:
        x: Samples.
        weights: Their weights, of any normalisation.
        components: Largest number of components; those that lose their samples are dropped.
        rng: Random generator of the start.
        freedom: Degrees of freedom.
        steps: Iterations.

    Returns:
        The mixture.

    Raises:
        InputError: If no weight is positive.

    Reference:
        Peel and McLachlan 2000, doi:10.1023/A:1008981510081; Cappe et al., arXiv:0710.4242.
    """
    total = float(np.sum(weights))
    if not total > 0.0:
        raise InputError("`fit_student_mixture(weights=...)` holds no positive weight; give samples that matter")
    share = np.asarray(weights, float) / total
    d = x.shape[1]
    mean = share @ x
    spread = np.sqrt(np.maximum(share @ (x - mean) ** 2, 1e-24))
    scaled = (x - mean) / spread
    covariance = (share[:, None] * scaled).T @ scaled + 1e-6 * np.eye(d)
    start = rng.choice(len(x), size=components, p=share)
    mixture = StudentMixture(
        np.full(components, -math.log(components)),
        scaled[start],
        np.repeat(np.linalg.cholesky(covariance * components ** (-2.0 / d))[None], components, axis=0),
        freedom,
    )
    effective = 1.0 / np.sum(share**2)
    for _ in range(steps):
        mixture = _maximise(mixture, scaled, share, least=(d + 2.0) / effective, overall=covariance)
    log_weights = mixture.log_weights - logsumexp(mixture.log_weights)
    return StudentMixture(log_weights, mean + spread * mixture.means, spread[:, None] * mixture.factors, freedom)


def _maximise(
    mixture: StudentMixture, x: np.ndarray, share: np.ndarray, *, least: float, overall: np.ndarray
) -> StudentMixture:
    """One step of expectation maximisation; components with a share below `least` are dropped."""
    d = x.shape[1]
    terms, distance = mixture._terms(x)
    terms = terms + mixture.log_weights
    belongs = np.exp(terms - logsumexp(terms, axis=1, keepdims=True)) * share[:, None]
    mass = belongs.sum(axis=0)
    kept = mass > min(least, 0.5 * mass.max())
    belongs, mass = belongs[:, kept], mass[kept]
    heavy = belongs * (mixture.freedom + d) / (mixture.freedom + distance[:, kept])
    means = (heavy.T @ x) / heavy.sum(axis=0)[:, None]
    factors = np.empty((len(mass), d, d))
    for m in range(len(mass)):
        step = x - means[m]
        found = (heavy[:, m, None] * step).T @ step / mass[m]
        # A little of the whole keeps a component of few samples from collapsing.
        factors[m] = np.linalg.cholesky(found + 0.01 * overall * least / (mass[m] + least) + 1e-9 * np.eye(d))
    return StudentMixture(np.log(mass), means, factors, mixture.freedom)


__all__ = ["StudentMixture", "fit_student_mixture"]
