"""Time of one posterior of a ringdown of signal-to-noise ratio 40, beside nested sampling of the same likelihood.

Environment:
    SWANSONG_BENCH_LIVE: Live points of dynesty (250).
    SWANSONG_BENCH_MAXCALL: Stop dynesty after so many likelihood calls, for a trial of the benchmark itself.
"""

import os

import jax
import numpy as np
import pytest
from peers import DirectLikelihood, run_dynesty
from summary import record, timed

from swansong.core.errors import InputError
from swansong.inference import Posterior
from swansong.learning.packaged import packaged_weights
from swansong.ringdown.estimators import infer
from swansong.ringdown.events import Event, simulate_event
from swansong.ringdown.problem import simulated_analysis
from swansong.ringdown.settings import Problem

SAMPLES = 20_000
SNR = 40.0
ROUNDS = 7
SEED = 11
NAMES = ("final_mass", "final_spin")


@pytest.fixture(scope="module")
def event() -> Event:
    """The default problem; both amplitudes are scaled until the signal has the wanted loudness."""
    problem = Problem()
    truth = np.array([68.0, 0.68, 4e-21, 2.1, 3e-21, 4.0])
    truth[2::2] *= SNR / simulated_analysis(problem).snr(truth)
    return simulate_event(problem, seed=SEED, truth=truth)


@pytest.fixture(scope="module")
def exact(event) -> Posterior:
    """The yardstick, drawn with a seed of its own."""
    return infer(event, samples=10 * SAMPLES, seed=SEED + 1)


@pytest.mark.parametrize("estimator", ["exact", "flow", "compact"])
def test_infer(benchmark, rows, event, exact, estimator):
    """20,000 weighted samples, evidence included; the first call, which compiles, is not counted."""
    if estimator != "exact":
        try:
            packaged_weights("ringdown", estimator)
        except InputError as error:
            pytest.skip(str(error))
    wall, processor = [], []
    call = timed(lambda: infer(event, estimator=estimator, samples=SAMPLES, seed=SEED), wall, processor)
    posterior = benchmark.pedantic(call, rounds=ROUNDS, warmup_rounds=1)
    evidence = posterior.metadata["log_bayes_factor"]
    row = record(
        rows,
        estimator,
        posterior,
        reference=exact,
        names=NAMES,
        wall=wall[1:],
        processor=processor[1:],
        evidence=evidence,
    )
    benchmark.extra_info.update(vars(row))
    assert abs(evidence - exact.metadata["log_bayes_factor"]) < max(0.1, 6.0 * posterior.log_evidence_error)


def test_dynesty(benchmark, rows, event, exact, tmp_path):
    """The same likelihood, prior and data by nested sampling, in one process, until dlogz = 0.5."""
    pytest.importorskip("bilby", reason="bilby comes with `pip install 'swansong[bench]'`")
    pytest.importorskip("dynesty", reason="dynesty comes with `pip install 'swansong[bench]'`")
    agree_on_the_likelihood(event)
    live = int(os.environ.get("SWANSONG_BENCH_LIVE", "250"))
    most = os.environ.get("SWANSONG_BENCH_MAXCALL")
    wall, processor = [], []
    call = timed(
        lambda: run_dynesty(
            DirectLikelihood.of(event),
            event.analysis.model.parameters,
            live=live,
            folder=tmp_path,
            seed=SEED,
            system="ringdown",
            log_prior_share=event.analysis.log_prior_share,
            maxcall=None if most is None else int(most),
        ),
        wall,
        processor,
    )
    posterior = benchmark.pedantic(call, rounds=1)
    note = (
        f"bilby's rwalk with nact 2, {live} live points, dlogz 0.5, "
        f"{posterior.metadata['likelihood_calls']:,} likelihood calls, one process"
    )
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
    if most is None:
        difference = posterior.log_evidence - exact.metadata["log_bayes_factor"]
        assert abs(difference) < 5.0 * posterior.log_evidence_error + 0.5


def agree_on_the_likelihood(event):
    """The peer's likelihood is ours: otherwise the comparison means nothing."""
    direct = DirectLikelihood.of(event)
    theta = np.array(event.analysis.model.prior.sample(jax.random.key(3), 64))
    theta[0] = event.truth
    loud = event.analysis.snr(theta) >= event.analysis.model.settings.minimum_snr
    ours = event.analysis.log_likelihood_ratio(theta[loud], event.analysis.coefficients(event.whitened))
    np.testing.assert_allclose([direct(row) for row in theta[loud]], ours, rtol=1e-9, atol=1e-7)
