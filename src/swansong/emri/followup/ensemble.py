"""Finding a peak and walking around it with many points at once, for likelihoods that take arrays.

All moves are built from differences between walkers, so that strong linear degeneracies cost nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from swansong.core.errors import RunError
from swansong.emri.followup.settings import SamplerSettings

LogDensity = Callable[[np.ndarray], np.ndarray]
LogPosterior = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_SNOOKER, _STRETCH = 0.15, 0.25  # shares of moves; the others are differences
_JUMP = 0.1  # share of differences of full length, which carry walkers between modes
_WIDEST = 2.0  # of stretch moves
_LAGS = 5.0  # window of the autocorrelation in units of its time


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Walk:
    """Where an ensemble went.

    Attributes:
        points: Positions at temperature 1, shape (steps, walkers, d).
        log_likelihood: Log likelihoods there, shape (steps, walkers).
        r_hat: Largest split R-hat over the coordinates.
        autocorrelation: Largest integrated autocorrelation time of the ensemble mean [steps].
        effective: Effective samples.
        acceptance: Share of accepted moves at temperature 1.
        swaps: Share of accepted exchanges between the two lowest temperatures; NaN with one.
        evaluations: Likelihoods computed.
        converged: Whether both bounds were met.
    """

    points: Float[np.ndarray, "steps walkers d"]
    log_likelihood: Float[np.ndarray, "steps walkers"]
    r_hat: float
    autocorrelation: float
    effective: float
    acceptance: float
    swaps: float
    evaluations: int
    converged: bool


def evolve(
    points: Float[np.ndarray, "n d"],
    log_density: LogDensity,
    *,
    generations: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n"]]:
    """Differential evolution: every point is drawn towards better ones and keeps what is better.

    Args:
        points: First generation.
        log_density: What is raised; -inf where a point may not be.
        generations: Generations.
        rng: Random generator.

    Returns:
        The last generation, best first, and its log densities.

    Raises:
        RunError: If the density vanishes at every point.

    Reference:
        Storn and Price 1997, doi:10.1023/A:1008202821328; "current to p-best" moves: Zhang and Sanderson 2009,
        doi:10.1109/TEVC.2009.2014613.
    """
    points = np.array(points)
    values = log_density(points)
    if not np.isfinite(values).any():
        raise RunError("the likelihood vanishes at every start of the follow-up; give a candidate inside the prior")
    n, d = points.shape
    for _ in range(generations):
        best = np.argsort(-values)[: max(2, n // 10)]
        first, second = rng.integers(n, size=(2, n))
        scale = rng.uniform(0.3, 1.1, (n, 1))
        pull = scale * (rng.random((n, 1)) < 0.7)
        trial = points + pull * (points[rng.choice(best, n)] - points) + scale * (points[first] - points[second])
        kept = (rng.random((n, d)) < 0.1) & (rng.random((n, 1)) < 0.3)
        trial = np.where(kept, points, trial)
        found = log_density(trial)
        better = found > values
        points[better], values[better] = trial[better], found[better]
    order = np.argsort(-values)
    return points[order], values[order]


def _moves(
    points: np.ndarray, others: np.ndarray, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n"]]:
    """Trial positions built from other walkers, and the log of their Hastings factors."""
    n, d = points.shape
    first = rng.integers(len(others), size=n)
    second = (first + rng.integers(1, len(others), size=n)) % len(others)
    third = (second + rng.integers(1, len(others), size=n)) % len(others)
    kind = rng.random(n)
    length = np.where(rng.random(n) < _JUMP, 1.0, 2.38 / np.sqrt(2.0 * d) * rng.uniform(0.4, 1.2, n))
    trial = points + length[:, None] * (others[first] - others[second])
    trial += 1e-9 * rng.standard_normal(trial.shape)
    factor = np.zeros(n)
    stretch = kind < _STRETCH
    z = (1.0 + (_WIDEST - 1.0) * rng.random(n)) ** 2 / _WIDEST
    trial[stretch] = (others[first] + z[:, None] * (points - others[first]))[stretch]
    factor[stretch] = ((d - 1) * np.log(z))[stretch]
    snooker = (kind >= _STRETCH) & (kind < _STRETCH + _SNOOKER)
    # Steps along the line to a third walker, as long as a difference of two seen along that line.
    line = points - others[third]
    norm = np.maximum(np.linalg.norm(line, axis=1), 1e-300)
    along = np.einsum("nd,nd->n", others[first] - others[second], line) / norm**2
    shrink = 1.0 + rng.uniform(1.2, 2.2, n) * along
    trial[snooker] = (others[third] + shrink[:, None] * line)[snooker]
    factor[snooker] = ((d - 1) * np.log(np.maximum(np.abs(shrink), 1e-300)))[snooker]
    return trial, factor


def walk(
    starts: Float[np.ndarray, "n d"],
    *,
    log_posterior: LogPosterior,
    settings: SamplerSettings,
    rng: np.random.Generator,
) -> Walk:
    """Sample a posterior with ensembles at several temperatures.

    Args:
        starts: Where walkers start, at least as many as there are; the first ones at temperature 1.
        log_posterior: Log likelihoods and log prior densities of points (n, d), both -inf outside.
        settings: Walkers, temperatures and when to end.
        rng: Random generator.

    Returns:
        The walk at temperature 1, without its first round.

    Reference:
        ter Braak and Vrugt 2008, doi:10.1007/s11222-008-9104-9 (differences, snooker); Goodman and Weare 2010,
        doi:10.2140/camcos.2010.5.65 (stretch); Earl and Deem 2005, doi:10.1039/B509983H (temperatures).
    """
    d, walkers = starts.shape[1], settings.walkers
    cold = 1.0 / np.asarray(settings.temperatures)
    levels = cold.size
    rows = (np.arange(levels * walkers) % len(starts)).reshape(levels, walkers)
    x = starts[rows]
    likelihood, prior = (part.reshape(levels, walkers) for part in log_posterior(x.reshape(-1, d)))
    half = walkers // 2
    kept, values = [], []
    evaluations, accepted, moved, swapped, tried = levels * walkers, 0, 0, 0, 0
    r_hat, time, effective = np.inf, np.inf, 0.0
    for number in range(settings.rounds + 1):
        history = np.empty((settings.steps, walkers, d))
        found_at = np.empty((settings.steps, walkers))
        for step in range(settings.steps):
            for active, others in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
                made = [_moves(x[k, active], x[k, others], rng) for k in range(levels)]
                trial = np.stack([one[0] for one in made])
                factor = np.stack([one[1] for one in made])
                flat = trial.reshape(-1, d)
                new, new_prior = (part.reshape(levels, half) for part in log_posterior(flat))
                evaluations += flat.shape[0]
                with np.errstate(invalid="ignore"):
                    gain = cold[:, None] * (new - likelihood[:, active]) + new_prior - prior[:, active] + factor
                yes = np.log(rng.random((levels, half))) < gain
                x[:, active] = np.where(yes[..., None], trial, x[:, active])
                likelihood[:, active] = np.where(yes, new, likelihood[:, active])
                prior[:, active] = np.where(yes, new_prior, prior[:, active])
                if number > 0:
                    accepted, moved = accepted + int(yes[0].sum()), moved + half
            for k in range(levels - 1):
                order = rng.permutation(walkers)
                gain = (cold[k] - cold[k + 1]) * (likelihood[k + 1, order] - likelihood[k])
                yes = np.log(rng.random(walkers)) < gain
                _exchange(x, likelihood, prior, k, np.flatnonzero(yes), order[yes])
                if number > 0 and k == 0:
                    swapped, tried = swapped + int(yes.sum()), tried + walkers
            history[step], found_at[step] = x[0], likelihood[0]
        if number == 0:
            continue
        kept.append(history)
        values.append(found_at)
        chain = np.concatenate(kept)
        r_hat, (effective, time) = split_r_hat(chain), effective_samples(chain)
        if r_hat <= settings.largest_r_hat and effective >= settings.effective:
            break
    return Walk(
        points=np.concatenate(kept),
        log_likelihood=np.concatenate(values),
        r_hat=r_hat,
        autocorrelation=time,
        effective=effective,
        acceptance=accepted / max(moved, 1),
        swaps=swapped / tried if tried else float("nan"),
        evaluations=evaluations,
        converged=r_hat <= settings.largest_r_hat and effective >= settings.effective,
    )


def _exchange(x, likelihood, prior, k, low, high) -> None:
    """Exchange walkers `low` of temperature k with walkers `high` of the next."""
    for array in (x, likelihood, prior):
        array[k, low], array[k + 1, high] = array[k + 1, high].copy(), array[k, low].copy()


def split_r_hat(chain: Float[np.ndarray, "steps walkers d"]) -> float:
    """Largest split R-hat of an ensemble.

    Walkers of one ensemble know each other, so that they are no independent chains; what can be compared are
    stretches of time. The walk is cut into four, each a chain of all walkers, and their means and variances
    are compared, with as many draws to a stretch as its steps.

    Args:
        chain: Positions.

    Returns:
        Largest R-hat over coordinates.

    Reference:
        Gelman and Rubin 1992, doi:10.1214/ss/1177011136; splitting: Vehtari et al., arXiv:1903.08008.
    """
    pieces = np.array_split(chain, 4)
    within = np.mean([piece.var(axis=(0, 1), ddof=1) for piece in pieces], axis=0)
    means = np.stack([piece.mean(axis=(0, 1)) for piece in pieces])
    return float(np.sqrt(1.0 + means.var(axis=0, ddof=1) / np.maximum(within, 1e-300)).max())


def effective_samples(chain: Float[np.ndarray, "steps walkers d"]) -> tuple[float, float]:
    """Effective samples of an ensemble and its autocorrelation time.

    Walkers change places between temperatures, so that one walker seems to forget faster than the ensemble
    does. What counts is the mean over the ensemble: its variance and memory give the error of any mean.

    Args:
        chain: Positions.

    Returns:
        Smallest number of effective samples over coordinates, at most all of them, and the largest integrated
        autocorrelation time of the ensemble mean [steps], summed over a window of five times.

    Reference:
        Goodman and Weare 2010, doi:10.2140/camcos.2010.5.65, section 6; window: Sokal 1997,
        doi:10.1007/978-1-4899-0319-8_6.
    """
    steps, walkers, d = chain.shape
    mean = chain.mean(axis=1)
    centred = mean - mean.mean(axis=0)
    transform = np.fft.rfft(centred, 2 * steps, axis=0)
    function = np.fft.irfft(np.abs(transform) ** 2, axis=0)[:steps] / steps
    spread = chain.var(axis=(0, 1))
    longest, least = 1.0, float(steps * walkers)
    for k in range(d):
        if function[0, k] > 0.0:
            summed = 2.0 * np.cumsum(function[:, k] / function[0, k]) - 1.0
            inside = np.arange(steps) >= _LAGS * summed
            time = max(1.0, float(summed[int(np.argmax(inside)) if inside.any() else steps - 1]))
            longest, least = max(longest, time), min(least, spread[k] * steps / (function[0, k] * time))
    return float(least), longest
