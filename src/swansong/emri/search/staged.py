"""The staged search: a bank of physical tracks, then refinement over longer and longer segments.

    bank        every track of a random bank, segments of 5e4 s, one look-up each
    refine      the best tracks climb, different tracks only, over 1, 2, 4 ... coherent segments, at last
                with all strong harmonics and as seen from a detector that circles the Sun

Nothing here knows a singular-value decomposition: a candidate is a source, and its masses, spin,
time of plunge and eccentricity come with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from swansong.core.errors import InputError
from swansong.emri.search.bank import MEMBERS, draw_families
from swansong.emri.search.bank_kernels import LANES, score_bank
from swansong.emri.search.kernels import LENGTHS
from swansong.emri.search.model import SearchModel
from swansong.emri.search.scoring import EXPONENTS, Scorer
from swansong.emri.search.settings import BankSettings, RefineSettings, StageSettings

_CHUNK = 4096  # families scored between two looks at the best
_NEXT = 1_000_003  # between the seeds of two stages


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Seeds:
    """Sources to refine, best first.

    Attributes:
        points: (mass_1, mass_2 [solar masses], spin, plunge time [s], final eccentricity), shape (n, 5), or with two
            numbers of the sky, shape (n, 7).
        scores: Gaussianised statistic of the stage that made them, shape (n,).
    """

    points: Float[np.ndarray, "n d"]
    scores: Float[np.ndarray, "n"]


def scan_bank(
    scorers: Sequence[Scorer],
    model: SearchModel,
    settings: BankSettings,
    *,
    seed: int,
    report: Callable[[int], None] | None = None,
) -> list[Seeds]:
    """Score a random bank in one or several data sets at once.

    Args:
        scorers: One for each data set; they share segments, spectrum and tracks.
        model: Prior of the sources.
        settings: Size of the bank and what is kept.
        seed: Seed of the bank.
        report: Called with the number of tracks done.

    Returns:
        For each data set the best tracks, best first.
    """
    first = scorers[0]
    table = first.table
    segments, rates, bins = table.powers.shape
    if len(scorers) > LANES:
        raise InputError(f"`scan_bank` takes up to {LANES} data sets at once, got {len(scorers)}; give them in turns")
    lanes = 1 if len(scorers) == 1 else LANES
    powers = np.zeros((segments, rates * bins, lanes), dtype=np.uint8)
    used = np.ones(segments, dtype=np.uint8)
    for place, scorer in enumerate(scorers):
        powers[:, :, place] = scorer.table.powers.reshape(segments, -1)
        used &= scorer.table.used
    grid = (table.low, 1.0 / table.fine_step, 1.0 / table.rate_step, table.segment, float(rates), float(bins))
    weights = np.append(first.fine_weights**settings.exponent, 0.0).astype(np.float32)
    rng = np.random.default_rng(seed)
    best = [Seeds(np.empty((0, 5)), np.empty(0)) for _ in scorers]
    done = 0
    while done < settings.templates:
        left = -(-(settings.templates - done) // MEMBERS)
        families = draw_families(model.settings, families=min(_CHUNK, left), segment=table.segment, rng=rng)
        scores = np.empty((*families.masses.shape, lanes))
        score_bank(
            powers, used, grid, first.shape, first.tracks, families.curves, families.masses, families.shifts, weights,
            scores,
        )  # fmt: skip
        flat = scores.reshape(-1, lanes)
        for place in range(len(scorers)):
            column = flat[:, place]
            kept = best[place]
            bar = kept.scores[-1] if kept.scores.size >= settings.kept else -np.inf
            chosen = np.flatnonzero(column > bar)
            if chosen.size > settings.kept:
                chosen = chosen[np.argpartition(column[chosen], -settings.kept)[-settings.kept :]]
            if chosen.size:
                points = np.concatenate([kept.points, families.points(chosen)])
                values = np.concatenate([kept.scores, column[chosen]])
                order = np.argsort(-values)[: settings.kept]
                best[place] = Seeds(points[order], values[order])
        done += families.size
        if report is not None:
            report(families.size)
    return best


def distinct(scorer: Scorer, seeds: Seeds, *, most: int, apart: float) -> Seeds:
    """Keep sources whose tracks differ, best first.

    Args:
        scorer: Gives the tracks.
        seeds: Sources, best first.
        most: How many to keep.
        apart: Two tracks are the same when their frequencies differ by less than this at more than
            half of the times at which both exist [Hz].

    Returns:
        The best source of every group of alike tracks.
    """
    duration = scorer.table.segments * scorer.table.segment
    times = np.linspace(0.02, 0.98, 24) * duration
    tracks = scorer.tracks_of(seeds.points, times)
    kept: list[int] = []
    for i in range(len(tracks)):
        others = tracks[kept]
        both = (others > 0.0) & (tracks[i] > 0.0)
        near = both & (np.abs(others - tracks[i]) < apart)
        if not kept or not (near.sum(axis=1) > 0.5 * np.maximum(both.sum(axis=1), 1)).any():
            kept.append(i)
        if len(kept) == most:
            break
    return Seeds(seeds.points[kept], seeds.scores[kept])


def refine(
    scorer: Scorer, seeds: Seeds, model: SearchModel, settings: RefineSettings, *, seed: int
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n lengths exponents"]]:
    """Let sources climb: roughly first, then over longer and longer segments.

    Args:
        scorer: Scores in one data set.
        seeds: Sources to start from, best first.
        model: Prior of the sources.
        settings: Stages.
        seed: Seed of the steps.

    Returns:
        Sources, best of the last stage first, with two numbers of the sky behind the five of the track if that
        stage fits the motion of the detector, and all their statistics.
    """
    rough = settings.rough
    chosen = distinct(scorer, seeds, most=rough.sources, apart=rough.apart)
    seeds = _ranked(
        *scorer.improve_roughly(
            chosen.points, limits=model.limits, exponent=rough.exponent, steps=rough.steps, seed=seed
        )
    )
    chosen = distinct(scorer, seeds, most=rough.longer_sources, apart=rough.apart)
    points = np.repeat(chosen.points, rough.longer_copies, axis=0)
    seeds = _ranked(
        *scorer.improve_roughly(
            points, limits=model.limits, exponent=rough.exponent, steps=rough.longer_steps, seed=seed + _NEXT
        )
    )
    scores = np.empty((0, len(LENGTHS), len(EXPONENTS)))
    for number, stage in enumerate(settings.stages):
        chosen = distinct(scorer, seeds, most=stage.sources, apart=stage.apart)
        points, scores = _climb(scorer, chosen.points, model, stage, seed=seed + _NEXT * (number + 2))
        value = scores[:, LENGTHS.index(stage.length), EXPONENTS.index(stage.exponent)]
        seeds, scores = _ranked(points, value), scores[np.argsort(-value)]
    return seeds.points, scores


def _climb(
    scorer: Scorer, points: Float[np.ndarray, "n d"], model: SearchModel, stage: StageSettings, *, seed: int
) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m lengths exponents"]]:
    """Let sources climb through one stage, every copy by itself."""
    seen = np.zeros((len(points), 7 if stage.doppler else 5))
    common = min(seen.shape[1], points.shape[1])
    seen[:, :common] = points[:, :common]
    improve = partial(
        scorer.improve, limits=model.limits, length=stage.length, exponent=stage.exponent, steps=stage.steps
    )
    if stage.harmonics == 0:
        return improve(np.repeat(seen, stage.copies, axis=0), seed=seed)
    # Every source has harmonics of its own.
    climbed = []
    for place, point in enumerate(seen):
        harmonics, powers = scorer.harmonics_of(point[:5], most=stage.harmonics)
        copies = np.repeat(point[None], stage.copies, axis=0)
        climbed.append(improve(copies, seed=seed + place * stage.copies, harmonics=harmonics, fixed=powers))
    if not climbed:
        return seen, np.empty((0, len(LENGTHS), len(EXPONENTS)))
    better, scores = zip(*climbed, strict=True)
    return np.concatenate(better), np.concatenate(scores)


def _ranked(points: Float[np.ndarray, "n d"], scores: Float[np.ndarray, "n"]) -> Seeds:
    """Sources in the order of their scores, best first."""
    order = np.argsort(-scores)
    return Seeds(points[order], scores[order])
