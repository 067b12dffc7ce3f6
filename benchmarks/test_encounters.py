"""Time of one posterior of a burst of signal-to-noise ratio 12, beside nested sampling of the same likelihood.

Environment: as `test_ringdown`.
"""

import os

import jax
import numpy as np
import pytest
from peers import BurstLikelihood, run_dynesty
from summary import record, timed

from swansong.core.errors import InputError
from swansong.encounters.correlations import Correlations
from swansong.encounters.estimators import infer
from swansong.encounters.events import Event, signal, simulate_event
from swansong.encounters.settings import Problem
from swansong.inference import Posterior
from swansong.learning.packaged import packaged_weights

SAMPLES = 50_000
SNR = 12.0
ROUNDS = 5
SEED = 11
NAMES = ("total_mass", "luminosity_distance", "pericentre_time", "dec")


@pytest.fixture(scope="module")
def event() -> Event:
    """A burst of the default problem, moved to the distance that gives the wanted loudness."""
    problem = Problem()
    found = simulate_event(problem, seed=SEED)
    truth = np.array(found.truth)
    column = found.analysis.parameters.index("luminosity_distance")
    truth[column] *= found.analysis.snr(truth)[0] / SNR
    strain = found.strain + signal(problem, truth) - signal(problem, np.asarray(found.truth))
    return Event(found.analysis, strain, truth=truth)


@pytest.fixture(scope="module")
def exact(event) -> Posterior:
    """The yardstick, drawn with a seed of its own."""
    return infer(event, samples=2 * SAMPLES, seed=SEED + 1)


@pytest.mark.parametrize(
    ("name", "estimator", "reweight"),
    [("exact", "exact", True), ("compact, corrected", "compact", True), ("compact, alone", "compact", False)],
)
def test_infer(benchmark, rows, event, exact, name, estimator, reweight):
    """50,000 samples; the first call, which compiles, is not counted. All but the last bring the evidence."""
    if estimator != "exact":
        try:
            packaged_weights("encounters", estimator)
        except InputError as error:
            pytest.skip(str(error))
    wall, processor = [], []
    call = timed(
        lambda: infer(event, estimator=estimator, samples=SAMPLES, seed=SEED, reweight=reweight), wall, processor
    )
    posterior = benchmark.pedantic(call, rounds=ROUNDS, warmup_rounds=1)
    evidence = posterior.metadata.get("log_bayes_factor", float("nan"))
    times = {"wall": wall[1:], "processor": processor[1:]}
    row = record(rows, name, posterior, reference=exact, names=NAMES, evidence=evidence, **times)
    benchmark.extra_info.update(vars(row))
    if reweight:
        assert abs(evidence - exact.metadata["log_bayes_factor"]) < max(0.1, 6.0 * posterior.log_evidence_error)


def test_dynesty(benchmark, rows, event, exact, tmp_path):
    """The same likelihood, prior and data by nested sampling in eleven dimensions, until dlogz = 0.5."""
    pytest.importorskip("bilby", reason="bilby comes with `pip install 'swansong[bench]'`")
    pytest.importorskip("dynesty", reason="dynesty comes with `pip install 'swansong[bench]'`")
    direct = BurstLikelihood(Correlations.of(event.analysis, event.whitened))
    unit = np.asarray(jax.random.uniform(jax.random.key(3), (64, len(event.analysis.parameters))))
    ours = np.asarray(event.analysis.model.prior.from_unit(unit))
    np.testing.assert_allclose([direct.transform(row) for row in unit], ours, rtol=1e-9, atol=1e-9)
    loud = event.analysis.snr(ours) >= event.analysis.model.settings.minimum_snr
    table = direct.correlations.log_likelihood_ratio(ours[loud])
    np.testing.assert_allclose([direct(row) for row in unit[loud]], table, rtol=1e-6, atol=1e-3)
    live = int(os.environ.get("SWANSONG_BENCH_LIVE", "250"))
    most = os.environ.get("SWANSONG_BENCH_MAXCALL")
    wall, processor = [], []
    call = timed(
        lambda: run_dynesty(
            direct,
            event.analysis.parameters,
            live=live,
            folder=tmp_path,
            seed=SEED,
            system="encounters",
            log_prior_share=event.analysis.log_prior_share,
            transform=direct.transform,
            maxcall=None if most is None else int(most),
        ),
        wall,
        processor,
    )
    posterior = benchmark.pedantic(call, rounds=1)
    calls = posterior.metadata["likelihood_calls"]
    note = f"bilby's rwalk with nact 2, {live} live points, dlogz 0.5, {calls:,} likelihood calls, one process"
    if most is not None:
        note += f"; limited to {most} calls for a trial, not a result"
    row = record(
        rows,
        "dynesty",
        posterior,
        reference=exact,
        names=NAMES,
        wall=wall,
        processor=processor,
        evidence=posterior.log_evidence,
        note=note,
    )
    benchmark.extra_info.update(vars(row))
