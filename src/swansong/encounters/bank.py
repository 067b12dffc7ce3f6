"""Training data for the compact network: fresh events at every step from a bank of bursts.

A row of the bank holds what costs time: masses and orbit, a sky position, a day's noise, and the
three series in the basis of the features. Orientation, distance and noise are drawn anew
for each example.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.progress import track
from swansong.core.types import Array, Float, Key
from swansong.encounters.analysis import Analysis
from swansong.encounters.masses import AMPLITUDE_UNIT
from swansong.encounters.model import strain_amplitude
from swansong.encounters.points import MILLISECOND, Points
from swansong.encounters.problem import drawn_psd, prepare
from swansong.encounters.settings import Problem
from swansong.encounters.templates import lagrange
from swansong.signals.drift import band_levels

_CHUNK = 1024
_DAYS = 256  # rows that share a day's noise
_TRIES = 12
_PASSES = 40


class Batch(NamedTuple):
    """Events with their truth.

    Attributes:
        coefficients: Aligned data in the basis, (batch, coefficients), float32.
        levels: Levels of the noise, (batch, levels), float32.
        place: True coordinates, the arrival time counted from the alignment, (batch, d).
    """

    coefficients: Float[Array, "batch coefficients"]
    levels: Float[Array, "batch levels"]
    place: Float[Array, "batch d"]


class BurstBank(eqx.Module):
    """A source of training batches.

    Attributes:
        series: The three series in each detector's basis for unit amplitude of 1e-21,
            (rows, detectors, 3, rank), float32.
        patterns: Antenna patterns at polarization zero, (rows, detectors, 2).
        levels: Levels of the noise, (rows, levels).
        place: Coordinates, (rows, d).
        amplitude: Amplitude at 1 Mpc [1e-21], (rows,).
        extrinsic: Distance and three angles that the row was drawn with, (rows, 4): they
            pass the prior's cut, and serve where no fresh draw does.
        distances: Range of the distance [Mpc].
        minimum_snr: Cut of the prior.
        shared: Whether the polarization angle is also the argument of pericentre.
    """

    series: Float[Array, "rows detectors 3 rank"]
    patterns: Float[Array, "rows detectors 2"]
    levels: Float[Array, "rows levels"]
    place: Float[Array, "rows d"]
    amplitude: Float[Array, "rows"]
    extrinsic: Float[Array, "rows 4"]
    distances: tuple[float, float] = eqx.field(static=True)
    minimum_snr: float = eqx.field(static=True)
    shared: bool = eqx.field(static=True)

    def batch(self, key: Key, batch_size: int) -> Batch:
        """Draw events.

        Args:
            key: Random key.
            batch_size: Number of events.

        Returns:
            The events, all above the prior's cut.
        """
        row_key, draw_key, noise_key = jax.random.split(key, 3)
        rows = jax.random.randint(row_key, (batch_size,), 0, len(self.place))
        series, patterns = self.series[rows], self.patterns[rows]
        unit = jax.random.uniform(draw_key, (batch_size, _TRIES, 4), jnp.float32)
        low, high = self.distances
        fresh = jnp.stack(
            [
                low + (high - low) * unit[..., 0],
                jnp.pi * unit[..., 1],
                jnp.arccos(1.0 - 2.0 * unit[..., 2]),
                jnp.pi * unit[..., 1 if self.shared else 3],
            ],
            axis=-1,
        )
        draws = jnp.concatenate([fresh, self.extrinsic[rows][:, None]], axis=1)
        weights = _combination(draws, patterns) * (self.amplitude[rows][:, None] / draws[..., 0])[..., None, None]
        gram = jnp.einsum("bdkr,bdlr->bdkl", series, series)
        power = jnp.einsum("btdk,bdkl,btdl->bt", weights, gram, weights)
        # The last try always passes, so that the first that does is a fair draw above the cut.
        first = jnp.argmax((power >= self.minimum_snr**2).at[:, -1].set(True), axis=1)
        chosen = jnp.take_along_axis(weights, first[:, None, None, None], axis=1)[:, 0]
        signal = jnp.einsum("bdk,bdkr->bdr", chosen, series).reshape(batch_size, -1)
        noise = jax.random.normal(noise_key, signal.shape, jnp.float32)
        return Batch(signal + noise, self.levels[rows], self.place[rows])


def _combination(draws: Array, patterns: Array) -> Array:
    """Weight of each series in every detector for unit amplitude, (batch, tries, detectors, 3)."""
    psi, theta, argument = draws[..., 1], draws[..., 2], draws[..., 3]
    cp, sp, cb, sb = jnp.cos(2 * psi), jnp.sin(2 * psi), jnp.cos(2 * argument), jnp.sin(2 * argument)
    cosine = jnp.cos(theta)
    p, r = 1.0 + cosine**2, 2.0 * cosine
    plus = (patterns[:, None, :, 0] * cp[..., None] + patterns[:, None, :, 1] * sp[..., None])[..., None]
    cross = (patterns[:, None, :, 1] * cp[..., None] - patterns[:, None, :, 0] * sp[..., None])[..., None]
    even = jnp.stack([p * cb, p * sb, 1.0 - cosine**2], axis=-1)[:, :, None]
    odd = jnp.stack([-r * sb, r * cb, jnp.zeros_like(r)], axis=-1)[:, :, None]
    return -(plus * even + cross * odd)


def make_bank(
    problem: Problem,
    *,
    basis: Float[np.ndarray, "detectors rank 2*bins"],
    reference: int,
    window: float,
    rows: int,
    seed: int,
    quiet: bool = True,
) -> BurstBank:
    """Draw sources above the prior's cut, each on a day of its own noise, and project their bursts.

    Args:
        problem: The problem.
        basis: Bases of the detectors.
        reference: Index of the detector that data are aligned at.
        window: Largest error of the alignment [s].
        rows: Number of sources.
        seed: Seed of the draws.
        quiet: Whether to hide the progress bar.

    Returns:
        The bank.
    """
    rng = np.random.default_rng([seed, 17])
    analysis = prepare(problem)
    points = Points(analysis, reference)
    detectors, rank = basis.shape[:2]
    series = np.empty((rows, detectors, 3, rank), np.float32)
    levels, theta = [], []
    halves = basis.astype(np.float32).reshape(detectors, rank, 2, -1)
    waves = halves[:, :, 0] + 1j * halves[:, :, 1]
    done = 0
    for _ in track(range(-(-rows // _DAYS)), description="bursts", quiet=quiet):
        day = prepare(problem, psd=drawn_psd(problem.data, rng=rng))
        count = min(_DAYS, rows - done)
        drawn = _above_cut(day, count, rng=rng)
        offset = rng.uniform(-window, window, count)
        series[done : done + count] = _project(day, drawn, waves, offset=offset, reference=reference)
        level = np.concatenate(
            [band_levels(a, b, frequency=day.frequency) for a, b in zip(day.psd, analysis.psd, strict=True)]
        )
        levels.append(np.repeat(level[None], count, axis=0))
        place = points.of(drawn)
        place[:, 2] = offset / MILLISECOND
        theta.append(np.concatenate([place, drawn], axis=1))
        done += count
    both = np.concatenate(theta)
    place, drawn = both[:, : points.dimensions], both[:, points.dimensions :]
    values = analysis.model.values(drawn)
    patterns = analysis.chart.patterns(analysis.chart.from_equatorial(values["ra"], values["dec"]))
    unit = strain_amplitude(values["total_mass"], values["mass_ratio"], values["semi_latus_rectum"], 1.0)
    argument = values.get("argument_of_pericentre", values["psi"])
    extrinsic = np.stack([values["luminosity_distance"], values["psi"], values["theta_jn"], argument], axis=1)
    low, high = problem.prior.luminosity_distance
    return BurstBank(
        jnp.asarray(series),
        jnp.asarray(patterns, jnp.float32),
        jnp.asarray(np.concatenate(levels), jnp.float32),
        jnp.asarray(place, jnp.float32),
        jnp.asarray(unit / AMPLITUDE_UNIT, jnp.float32),
        jnp.asarray(extrinsic, jnp.float32),
        (low, high),
        problem.prior.minimum_snr,
        analysis.model.shared_angle,
    )


def _above_cut(analysis: Analysis, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "count parameters"]:
    """Prior draws whose signal-to-noise ratio passes the cut."""
    found: list[np.ndarray] = []
    for _ in range(_PASSES):
        unit = rng.random((2 * _CHUNK, len(analysis.parameters)))
        theta = np.asarray(analysis.model.prior.from_unit(unit))
        found.append(theta[analysis.snr(theta) >= analysis.model.settings.minimum_snr])
        if sum(map(len, found)) >= count:
            break
    return np.concatenate(found)[:count]


def _project(
    analysis: Analysis,
    theta: Float[np.ndarray, "n parameters"],
    waves: np.ndarray,
    *,
    offset: Float[np.ndarray, "n"],
    reference: int,
) -> Float[np.ndarray, "n detectors 3 rank"]:
    """The three series of bursts in each detector's basis, arriving `offset` after time zero at the reference."""
    values = analysis.model.values(theta)
    grid = analysis.masses.log_tau
    x = Points(analysis, reference).of(theta)[:, 0]
    place = (x - grid[0]) / (grid[1] - grid[0])
    row = np.clip(np.floor(place).astype(int), 1, len(grid) - 3)
    cubic = lagrange(place - row, np.arange(-1.0, 3.0)).astype(np.float32)
    nodes = analysis.series.weights(values["eccentricity"]).astype(np.float32)
    series = np.zeros((len(theta), 3, len(analysis.frequency)), np.float32)
    for r in range(4):
        series += cubic[:, r, None, None] * np.einsum("nj,njkf->nkf", nodes, analysis.templates[row - 1 + r])
    delays = analysis.chart.delays(analysis.chart.from_equatorial(values["ra"], values["dec"]))
    delays = delays - delays[:, reference : reference + 1] + offset[:, None]
    phases = np.array([1.0, 1j, 1.0], np.complex64)[:, None]
    found = np.empty((len(theta), waves.shape[0], 3, waves.shape[1]), np.float32)
    for d in range(waves.shape[0]):
        shift = np.exp(-2j * np.pi * analysis.frequency * delays[:, d, None]).astype(np.complex64)
        shift *= (analysis.whitening[d] * AMPLITUDE_UNIT).astype(np.float32)
        whitened = (phases * series) * shift[:, None]
        found[:, d] = (whitened.reshape(-1, whitened.shape[-1]) @ waves[d].conj().T).real.reshape(len(theta), 3, -1)
    return found
