"""Walkers in the unit box of the coefficients, and the two ways in which they move."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Walkers:
    """Tracks with their statistic.

    Attributes:
        places: Coordinates in the unit box, the last for the time of plunge, shape (n, d).
        totals: Sum of the statistic, shape (n,).
        counts: Segments that entered it, shape (n,).
        gradients: Derivative of the sum by the coordinates, shape (n, d).
    """

    places: Float[np.ndarray, "n d"]
    totals: Float[np.ndarray, "n"]
    counts: Int[np.ndarray, "n"]
    gradients: Float[np.ndarray, "n d"]

    def take(self, chosen: Int[np.ndarray, "m"]) -> "Walkers":
        """Some of them."""
        return Walkers(self.places[chosen], self.totals[chosen], self.counts[chosen], self.gradients[chosen])

    def better(self, trial: "Walkers") -> "Walkers":
        """Each walker, or its trial where that has the larger statistic."""
        risen = trial.totals > self.totals
        return Walkers(
            np.where(risen[:, None], trial.places, self.places),
            np.where(risen, trial.totals, self.totals),
            np.where(risen, trial.counts, self.counts),
            np.where(risen[:, None], trial.gradients, self.gradients),
        )

    @property
    def best(self) -> int:
        """Index of the largest statistic."""
        return int(np.argmax(self.totals))


def mutants(walkers: Walkers, mutation: tuple[float, float], *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Move the best walker along differences of two others.

    Tracks are linear in their coefficients, so that this combines tracks; nothing is crossed over.

    Args:
        walkers: At least two.
        mutation: Range of the factor of a difference.
        rng: Random generator.

    Returns:
        One trial for each walker, inside the box, shape (n, d).

    Reference:
        Storn and Price, Journal of Global Optimization 11, 341 (1997): best/1 without crossover.
    """
    places = walkers.places
    number = places.shape[0]
    first = rng.integers(number, size=number)
    second = (first + rng.integers(1, number, size=number)) % number
    factor = rng.uniform(*mutation, size=(number, 1))
    return np.clip(places[walkers.best] + factor * (places[first] - places[second]), 0.0, 1.0)


def climb(
    walkers: Walkers, moments: Float[np.ndarray, "2 n d"], *, step: int, learning_rate: float
) -> Float[np.ndarray, "n d"]:
    """One ascending step of Adam.

    Args:
        walkers: Where they stand.
        moments: Running means of the gradient and of its square, shape (2, n, d), updated.
        step: Number of this step, from one.
        learning_rate: Length of a step along each coordinate.

    Returns:
        New coordinates, inside the box, shape (n, d).

    Reference:
        Kingma and Ba, arXiv:1412.6980, algorithm 1.
    """
    moments[0] += 0.1 * (walkers.gradients - moments[0])
    moments[1] += 1e-3 * (walkers.gradients**2 - moments[1])
    mean, square = moments[0] / (1.0 - 0.9**step), moments[1] / (1.0 - 0.999**step)
    return np.clip(walkers.places + learning_rate * mean / (np.sqrt(square) + 1e-8), 0.0, 1.0)
