"""Tracks scored per second in a year of data: look-ups beside the sum over Fresnel integrals that they replace.

Environment:
    SWANSONG_BENCH_TEMPLATES: Tracks of the bank in the full search (10000000).
"""

import os
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from summary import measure, terminal_table

from swansong.emri import tracks
from swansong.emri.search.fresnel import Transforms, fresnel_statistics
from swansong.emri.search.paper import PaperSearch
from swansong.emri.search.paper_kernels import score_tracks
from swansong.emri.search.paper_settings import PaperSettings, WalkerSettings
from swansong.emri.search.scoring import LOWEST_FREQUENCY, Scorer
from swansong.emri.search.search import EmriSearch
from swansong.emri.search.settings import BankSettings, SearchSettings
from swansong.emri.search.staged import scan_bank
from swansong.emri.search.statistic import neighbour_losses, tabulate
from swansong.signals.lisa import lisa_noise
from swansong.signals.sft import Baseband

SEGMENTS, SAMPLES = 631, 1000
SEED = 11
ROUNDS = 5
BANK = 262_144  # one chunk of the bank
DIRECT = 32  # tracks that the direct sum and the bank score alike
LOOKED_UP = 512  # tracks of the comparison of compilers


@dataclass(frozen=True)
class Speed:
    """One row of the table.

    Attributes:
        name: What was measured.
        templates: Tracks scored in one call.
        seconds: Wall-clock time of one call, median of the rounds [s].
        processor_seconds: Processor time of it, all threads together [s].
    """

    name: str
    templates: int
    seconds: float
    processor_seconds: float


def measured(name, templates, function, benchmark, *, rounds=ROUNDS):
    """Time a function, after a first call that compiles it; its row and last answer."""
    wall, processor, answer = measure(
        benchmark, lambda: jax.block_until_ready(function()), rounds=rounds, warm=rounds > 1
    )
    row = Speed(name, templates, wall, processor)
    benchmark.extra_info.update(vars(row))
    return row, answer


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        rate = row.templates / row.processor_seconds
        direct = next((one.templates / one.processor_seconds for one in rows if one.name == "Fresnel sum"), None)
        times = (f"{row.seconds:.3g}", f"{row.processor_seconds:.3g}", f"{rate:,.0f}")
        return f"{row.templates:,}", *times, "" if direct is None else f"{rate / direct:.3g}"

    yield from terminal_table(
        request,
        "tracks through a year of data",
        heads=("tracks", "seconds", "cpu s", "per cpu s", "to Fresnel sum"),
        cells=cells,
    )


@pytest.fixture(scope="module")
def band():
    """A year of white noise, as it is after whitening."""
    rng = np.random.default_rng(SEED)
    samples = (rng.normal(size=(SEGMENTS, SAMPLES, 2)) * np.sqrt(0.5)).astype(np.float32).view(np.complex64)[..., 0]
    return Baseband(samples, 3e-4, 50.0, 5e4, np.ones(SEGMENTS, dtype=bool), np.ones(SEGMENTS))


@pytest.fixture(scope="module")
def search():
    """The search with its default settings."""
    templates = int(os.environ.get("SWANSONG_BENCH_TEMPLATES", "10_000_000"))
    return EmriSearch(lisa_noise("A"), SearchSettings(bank=BankSettings(templates=templates)))


@pytest.fixture(scope="module")
def scorer(band, search):
    return Scorer(tabulate(band, search.settings.statistic), search.spectrum, search.tracks)


@pytest.fixture(scope="module")
def best(scorer, search):
    """The best tracks of a small bank without weights, and their scores."""
    settings = BankSettings(templates=BANK, exponent=0.0, kept=LOOKED_UP)
    return scan_bank([scorer], search.model, settings, seed=SEED)[0]


@pytest.fixture(scope="module")
def chirps(best):
    """Frequency, rate and its rate in every segment of the best tracks, zero after plunge."""
    middles = (np.arange(SEGMENTS) + 0.5) * 5e4
    names = ("mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity")
    rows = []
    for point in best.points:
        source = dict(zip(names, point, strict=True))
        plunge = source.pop("plunge_time")
        reach = float(tracks.load().reach(**source))
        reached = np.clip(middles, plunge - reach * (1.0 - 1e-9), None)
        found = np.nan_to_num(tracks.load().harmonic(reached, m=2, n=0, plunge_time=plunge, **source))
        found[:, (middles < plunge - reach) | (middles > plunge - 2.5e4)] = 0.0
        rows.append(found)
    return np.stack(rows, axis=1)


def counted(chirps, largest):
    frequency, rate, curvature = chirps
    good = (frequency > LOWEST_FREQUENCY) & (frequency < 2.029e-2) & (rate < largest)
    return good & (np.abs(curvature) * 5e4**3 / 6.0 <= 1.0)


def test_fresnel_sum(benchmark, table_rows, band, best, chirps):
    """The direct sum of the published search in JAX, and that it gives what the bank gives."""
    frequency, rate = chirps[0][:DIRECT], chirps[1][:DIRECT]
    transforms = Transforms.of(band)
    row, powers = measured(
        "Fresnel sum", DIRECT, lambda: fresnel_statistics(transforms, frequency, rate), benchmark, rounds=3
    )
    table_rows.append(row)
    used = counted(chirps, 1.5e-8)[:DIRECT]
    totals, degrees = np.where(used, powers, 0.0).sum(axis=1), 2.0 * used.sum(axis=1)
    spread = 2.0 / (9.0 * degrees)
    exact = ((totals / degrees) ** (1.0 / 3.0) - (1.0 - spread)) / np.sqrt(spread)
    # The best of the bank are picked by their one-byte scores, which errs upward.
    assert np.abs(best.scores[:DIRECT] - exact).max() < 0.5


def test_bank(benchmark, table_rows, scorer, search):
    """One chunk of the bank, with the drawing of its tracks and the ranking of their scores."""
    settings = BankSettings(templates=BANK)
    row, _ = measured("bank", BANK, lambda: scan_bank([scorer], search.model, settings, seed=SEED)[0].scores, benchmark)
    table_rows.append(row)


@jax.jit
def jax_look_ups(amplitudes, losses, frequency, rate, mask):
    """Sum of the interpolated statistic over segments, as `statistic.look_up` has it."""
    place, height = jnp.where(mask, frequency, 0.0), jnp.where(mask, rate, 0.0)
    bins, rows = place.astype(int), height.astype(int)
    w, v = place - bins, height - rows
    segments = jnp.arange(amplitudes.shape[0])

    def corner(row, column):
        return amplitudes[segments, rows + row, bins + column]

    below = (1.0 - w) * corner(0, 0) + w * corner(0, 1)
    above = (1.0 - w) * corner(1, 0) + w * corner(1, 1)
    x = (1.0 - v) * below + v * above
    spread = (1.0 - 2.0 * w * (1.0 - w) * losses[0]) * (1.0 - 2.0 * v * (1.0 - v) * losses[1])
    return jnp.where(mask, 2.0 * (x.real**2 + x.imag**2) / spread, 0.0).sum(axis=1)


@jax.jit
def jax_slopes(amplitudes, losses, frequency, rate, mask):
    """The same with its derivatives by frequency and rate."""
    totals, back = jax.vjp(lambda f, r: jax_look_ups(amplitudes, losses, f, r, mask), frequency, rate)
    return totals, *back(jnp.ones_like(totals))


@pytest.fixture(scope="module")
def looked_up(scorer, chirps):
    """What both compilers get: the table, tracks on its grid, and what Numba answers."""
    table = scorer.table
    losses = neighbour_losses(table)
    limits = (LOWEST_FREQUENCY, 0.0, scorer.shape[1])
    mask = counted(chirps, limits[2]) & (chirps[1] > 0.0)
    frequency, rate, curvature = (np.ascontiguousarray(part.T) for part in chirps)
    totals, counts = np.empty(LOOKED_UP), np.empty(LOOKED_UP, dtype=np.int64)
    slopes, rises = np.empty((2, SEGMENTS, LOOKED_UP))
    shifts = np.zeros(LOOKED_UP, dtype=np.int64)

    def by_numba():
        score_tracks(
            table.amplitudes, table.used, scorer.grid, limits, frequency, rate, curvature, shifts, totals, counts,
            slopes, rises,
        )  # fmt: skip
        return totals

    places = jnp.asarray((chirps[0] - table.low) / table.step), jnp.asarray(chirps[1] / table.rate_step)
    given = (jnp.asarray(table.amplitudes), jnp.asarray(losses), *places, jnp.asarray(mask))
    return by_numba, given


def test_look_ups_by_numba(benchmark, table_rows, looked_up):
    """Interpolated look-ups with slopes, of tracks that are given."""
    row, _ = measured("look-ups, slopes, Numba", LOOKED_UP, looked_up[0], benchmark)
    table_rows.append(row)


@pytest.mark.parametrize("slopes", [False, True])
def test_look_ups_by_jax(benchmark, table_rows, looked_up, slopes):
    """The same look-ups in JAX, without and with slopes."""
    by_numba, given = looked_up
    function = jax_slopes if slopes else jax_look_ups
    name = "look-ups, slopes, JAX" if slopes else "look-ups, JAX"
    row, found = measured(name, LOOKED_UP, lambda: function(*given), benchmark)
    table_rows.append(row)
    np.testing.assert_allclose(found[0] if slopes else found, by_numba(), rtol=1e-4)


def test_published_search(benchmark, table_rows, band):
    """Two of the 48 climbs of the published search, with a tenth of their steps."""
    settings = PaperSettings(times=2, walkers=WalkerSettings(iterations=52))
    published = PaperSearch(tracks.load(), settings)
    published.run(band, seed=SEED + 1)
    row, found = measured("published search, a part", 0, lambda: published.run(band, seed=SEED), benchmark, rounds=1)
    table_rows.append(Speed(row.name, found.templates, row.seconds, row.processor_seconds))


def test_full_search(benchmark, table_rows, band, search):
    """Tables, bank and refinement with the default settings, from whitened data to candidates."""
    row, found = measured("full search", 0, lambda: search.run(band, seed=SEED), benchmark, rounds=1)
    table_rows.append(Speed(row.name, found.templates, row.seconds, row.processor_seconds))
    benchmark.extra_info.update(found.seconds)
    assert found.candidates
