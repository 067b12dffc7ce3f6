"""A track in a few numbers: its time of plunge, and its frequency at fixed shares of the time to plunge."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numba import njit, prange

from swansong.core.errors import InputError
from swansong.core.types import Array, Float, Key
from swansong.emri.followup.settings import Recipe
from swansong.emri.search.kernels import mass_and_rate
from swansong.emri.search.model import SearchModel
from swansong.emri.tracks.kernels import Arrays, curve, evaluate

_LAST_SHARE = 0.01  # of the time to plunge; at .1 yr still most of a segment
_SMOOTH = 6  # Legendre polynomials that errors of tracks are made of
_TIME_ERROR = 0.3  # relative error of the plunge time, in units of that of the frequency


@njit(cache=True, parallel=True)
def _summarise(arrays, points, shares, out):
    for i in prange(points.shape[0]):
        work = np.empty((2, arrays.coefficients.shape[3]))
        edge = curve(arrays, points[i, 2], points[i, 4], work)
        mass, rate = mass_and_rate(points[i, 0], points[i, 1])
        if not rate * points[i, 3] <= math.exp(edge):
            out[i] = np.nan
        else:
            for k in range(shares.size):
                f, _, _ = evaluate(work, arrays.grid, 2, 0, mass, rate, points[i, 3] * shares[k])
                out[i, k] = math.log(f)
            out[i, shares.size] = math.log(points[i, 3])


def shares_of(number: int) -> Float[np.ndarray, "shares"]:
    """Times before plunge at which a track is summarised, as shares of that of the start of the data."""
    return _LAST_SHARE ** (np.arange(number) / (number - 1.0))


def summarise(tracks: Arrays, points: Float[np.ndarray, "n 5"], *, number: int) -> Float[np.ndarray, "n numbers"]:
    """Summarise tracks of the (2, 0) harmonic.

    Args:
        tracks: Table of tracks.
        points: (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (n, 5).
        number: Points of each track.

    Returns:
        ln of the frequency [Hz] at `shares_of` the time to plunge, then ln of that time [s], shape
        (n, number + 1); NaN where there is no track.
    """
    out = np.empty((len(points), number + 1))
    _summarise(tracks, np.ascontiguousarray(points, float), shares_of(number), out)
    return out


def error_basis(number: int) -> Float[np.ndarray, "modes numbers"]:
    """What errors of a recovered track are made of, for a relative error of one.

    A recovered track is wrong in a smooth way, being a track of other parameters. Six Legendre polynomials in
    the ln of the time to plunge, of equal mean square, and the time of plunge by itself.
    """
    basis = np.zeros((_SMOOTH + 1, number + 1))
    polynomials = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, number), _SMOOTH - 1)
    basis[:-1, :-1] = (polynomials * np.sqrt((2.0 * np.arange(_SMOOTH) + 1.0) / _SMOOTH)).T
    basis[-1, -1] = _TIME_ERROR
    return basis


def draw_sources(
    model: SearchModel, tracks: Arrays, *, rows: int, number: int, seed: int
) -> tuple[Float[np.ndarray, "rows 5"], Float[np.ndarray, "rows numbers"]]:
    """Draw sources of the prior that have a track, with its summary.

    Args:
        model: Prior.
        tracks: Table of tracks.
        rows: Sources wanted.
        number: Points of each summary.
        seed: Seed.

    Returns:
        Shares of the ranges of the parameters, shape (rows, 5), and summaries.

    Raises:
        InputError: If hardly any source of the prior has a track.
    """
    low = np.array([item.minimum for item in model.parameters])
    width = np.array([item.maximum for item in model.parameters]) - low
    rng = np.random.default_rng(seed)
    places, found = [np.empty((0, 5))], [np.empty((0, number + 1))]
    for _ in range(10):
        u = rng.random((rows, 5))
        summary = summarise(tracks, model.to_points(low + width * u), number=number)
        good = np.isfinite(summary).all(axis=1)
        places.append(u[good])
        found.append(summary[good])
        if sum(map(len, places)) >= rows:
            return np.concatenate(places)[:rows], np.concatenate(found)[:rows]
    raise InputError(
        "`prior` holds hardly any source whose track reaches back to the start of the data; lower `prior.mass_2` or "
        "raise `prior.mass_1`"
    )


class Batch(NamedTuple):
    """Recovered tracks with their sources.

    Attributes:
        summary: Summaries with errors, (batch, numbers), float32.
        log_error: ln of the relative error, (batch,), float32.
        place: True parameters as normal numbers, (batch, 5), float32.
    """

    summary: Float[Array, "batch numbers"]
    log_error: Float[Array, "batch"]
    place: Float[Array, "batch 5"]


class TrackBank(eqx.Module):
    """A source of training batches: stored tracks, fresh errors at every step.

    Attributes:
        summary: Summaries less their mean, (rows, numbers), float32.
        place: Parameters as normal numbers, (rows, 5), float32.
        basis: `error_basis`, float32.
        log_errors: ln of the smallest and the largest relative error.
    """

    summary: Float[Array, "rows numbers"]
    place: Float[Array, "rows 5"]
    basis: Float[Array, "modes numbers"]
    log_errors: tuple[float, float] = eqx.field(static=True)

    def batch(self, key: Key, batch_size: int) -> Batch:
        """Draw recovered tracks."""
        row_key, error_key, noise_key = jax.random.split(key, 3)
        rows = jax.random.randint(row_key, (batch_size,), 0, len(self.place))
        low, high = self.log_errors
        log_error = jax.random.uniform(error_key, (batch_size,), jnp.float32, low, high)
        noise = jax.random.normal(noise_key, (batch_size, len(self.basis)), jnp.float32) @ self.basis
        return Batch(self.summary[rows] + jnp.exp(log_error)[:, None] * noise, log_error, self.place[rows])


class Features(eqx.Module):
    """Principal components of summaries, each in units of what its spread and its error make of it.

    Attributes:
        mean: Mean summary, (numbers,); float64, because a float32 of ln f has no fine detail.
        vectors: Principal components, (components, numbers).
        spread: Standard deviation of each over the prior.
        error: That of each for a relative error of one.
        levels: Mean and spread of the ln of the error.
    """

    mean: Float[np.ndarray, "numbers"]
    vectors: Float[np.ndarray, "components numbers"]
    spread: Float[np.ndarray, "components"]
    error: Float[np.ndarray, "components"]
    levels: Float[np.ndarray, "2"]

    @classmethod
    def of(cls, summary: Float[np.ndarray, "rows numbers"], recipe: Recipe) -> "Features":
        """Analyse the summaries of a bank."""
        mean = summary.mean(axis=0)
        _, singular, vectors = np.linalg.svd(summary - mean, full_matrices=False)
        error = np.linalg.norm(error_basis(summary.shape[1] - 1) @ vectors.T, axis=0)
        log_errors = np.log(recipe.error)
        levels = np.array([log_errors.mean(), np.ptp(log_errors) / math.sqrt(12.0)])
        return cls(mean, vectors, singular / math.sqrt(len(summary)), error, levels)

    @property
    def count(self) -> int:
        """Number of features."""
        return len(self.spread) + 1
