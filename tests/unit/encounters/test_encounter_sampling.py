"""Correlations, the integrals over amplitude and orientation, the scan and the proposals against plain sums."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import logsumexp

from swansong.encounters.analysis import Analysis
from swansong.encounters.correlations import CLOCK, Correlations
from swansong.encounters.events import Event
from swansong.encounters.masses import AMPLITUDE_UNIT
from swansong.encounters.orientations import response
from swansong.encounters.points import Points
from swansong.encounters.sampling import Law, Proposal, adapt, weigh
from swansong.encounters.scan import Scan
from swansong.signals import network

PHASES = np.array([1.0, 1j, 1.0])[:, None]


@pytest.fixture(scope="module")
def correlations(burst_event) -> Correlations:
    return Correlations.of(burst_event.analysis, burst_event.whitened)


@pytest.fixture(scope="module")
def adapted(correlations) -> Proposal:
    return adapt(correlations, rng=np.random.default_rng(0))[0]


def reduced(event: Event, count: int) -> tuple[Analysis, np.ndarray]:
    """The analysis and whitened data of the first detectors alone."""
    whole = event.analysis
    analysis = replace(whole, network=network(whole.network.names[:count]), psd=whole.psd[:count])
    return analysis, event.whitened[:count]


def whitened_series(analysis: Analysis, log_tau: float, eccentricity: float) -> np.ndarray:
    """The three whitened series of unit amplitude, pericentre at time zero, (detectors, 3, bins)."""
    table = analysis.series
    series = np.tensordot(table.weights(np.array(eccentricity)), table(analysis.frequency, np.exp(log_tau)), axes=1)
    return AMPLITUDE_UNIT * PHASES * series * analysis.whitening[:, None]


def test_correlations_are_sums_at_times_off_the_grid(correlations, burst_event):
    """Six points in time, four in ln tau and three nodes in e carry the table to any burst."""
    analysis = burst_event.analysis
    rng = np.random.default_rng(1)
    rows = analysis.masses.log_tau
    noise = []
    for _ in range(20):
        log_tau, e = rng.uniform(rows[2], rows[-3]), rng.uniform(0.85, 0.95)
        d, time = rng.integers(3), rng.uniform(-0.06, 0.06)
        shifted = whitened_series(analysis, log_tau, e)[d] * np.exp(-2j * np.pi * analysis.frequency * time)
        expected = (np.conj(burst_event.whitened[d]) * shifted).real.sum(axis=1)
        size = np.sqrt((np.abs(shifted) ** 2).sum(axis=1))
        place = (log_tau - rows[0]) / (rows[1] - rows[0])
        row = int(place)
        cubic = np.array([np.prod([(place - row - n) / (m - n) for n in range(-1, 3) if n != m]) for m in range(-1, 3)])
        column = (time - correlations.start) * CLOCK
        first = int(column)
        taps = np.array(
            [np.prod([(column - first - n) / (m - n) for n in range(-2, 4) if n != m]) for m in range(-2, 4)]
        )
        block = correlations.values[d, row - 1 : row + 3, first - 2 : first + 4].astype(float)
        nodes = analysis.series.weights(np.array(e))
        found = np.einsum("r,m,rmjk,j->k", cubic, taps, block.reshape(4, 6, 3, 3), nodes)
        noise.append((found - expected) / size)
    assert np.abs(noise).max() < 0.02


@dataclass(frozen=True)
class Case:
    """One point of the sampler in a network of the first `detectors`."""

    detectors: int
    reference: int
    minimum_snr: float


def brute_force(
    analysis: Analysis, whitened: np.ndarray, *, log_tau: float, e: float, arrival: float, reference: int,
    directions: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """Integrated likelihood at one point and its error: random orientations, a grid of ln A, no tables of integrals."""
    rng = np.random.default_rng(2)
    draws = 60_000 // len(directions)
    masses, least = analysis.masses, analysis.model.settings.minimum_snr
    place = (log_tau - masses.log_tau[0]) / (masses.log_tau[1] - masses.log_tau[0])
    low = int(place)
    density = masses.density[low] + (place - low) * (masses.density[low + 1] - masses.density[low])
    x = np.linspace(masses.log_amplitude[0], masses.log_amplitude[-1], 3000)
    size, prior = np.exp(x), np.interp(x, masses.log_amplitude, density) * (x[1] - x[0])
    early, late = analysis.model.settings.pericentre_time
    series = whitened_series(analysis, log_tau, e)
    values = []
    for direction in directions:
        centre = arrival - analysis.chart.delays(direction)[reference]
        if not early <= centre <= late:
            values.append(np.zeros(draws))
            continue
        shift = np.exp(-2j * np.pi * analysis.frequency * (centre + analysis.chart.delays(direction))[:, None])
        waves = analysis.chart.patterns(direction)[:, :, None, None] * (series * shift[:, None])[:, None]
        waves = waves.reshape(len(whitened), 6, -1)
        match = np.einsum("df,dif->i", np.conj(whitened), waves).real
        square = np.einsum("dif,djf->ij", np.conj(waves), waves).real
        psi, beta = np.pi * rng.random((2, draws))
        u = response(psi, np.arccos(1.0 - 2.0 * rng.random(draws)), beta)
        a, b = u @ match, np.einsum("ni,ij,nj->n", u, square, u)
        total = np.zeros(draws)
        for begin in range(0, draws, 2000):
            part = slice(begin, begin + 2000)
            exponent = size * a[part, None] - 0.5 * size**2 * b[part, None]
            loud = size * np.sqrt(b[part, None]) >= least
            total[part] = (np.exp(exponent) * loud) @ prior
        values.append(total)
    every = np.concatenate(values)
    return float(every.mean()), float(every.std() / np.sqrt(every.size))


@pytest.mark.parametrize("case", [Case(3, 1, 6.0), Case(2, 0, 6.0), Case(1, 0, 6.0)], ids=lambda case: case.detectors)
def test_the_kernel_integrates_amplitude_orientation_and_sky(burst_event, burst_truth, case):
    """Averaged over its random turns, the compiled likelihood is the Monte Carlo integral over everything it omits."""
    analysis, whitened = reduced(burst_event, case.detectors)
    points = Points(analysis, case.reference)
    x = points.of(burst_truth[None])
    x[0, 0] += 0.04
    x[0, 2] += 0.6
    n = 600
    rng = np.random.default_rng(3)
    many = np.repeat(x, n, axis=0)
    found = points.evaluate(
        Correlations.of(analysis, whitened), many, uniform=rng.random((n, 8)), orientations=512
    ).log_likelihood
    kernel = np.exp(found - found.max())
    value, error = kernel.mean(), kernel.std() / np.sqrt(n)
    # Directions as the sampler's coordinates leave them open, in the brute force many and random.
    turns = np.random.default_rng(4).random((1 if case.detectors == 3 else 40, 2))
    directions = np.concatenate([analysis.chart.positions(points.sky(x), turn[None])[0] for turn in turns])
    expected, spread = brute_force(
        analysis, whitened, log_tau=x[0, 0], e=float(points.eccentricity(x)[0]),
        arrival=float(points.arrival(x)[0]), reference=case.reference, directions=directions,
    )  # fmt: skip
    gap = np.log(value) + found.max() - np.log(expected)
    assert abs(gap) < 0.02 + 4.0 * np.hypot(error / value, spread / expected)
    assert error / value < 0.05


def test_outside_the_window_and_the_prior_nothing_remains(correlations, burst_event, burst_truth):
    points = Points(burst_event.analysis, 0)
    x = np.repeat(points.of(burst_truth[None]), 4, axis=0)
    x[0, 2] += 70.0
    x[1, 2] -= 500.0
    x[2, 0] = burst_event.analysis.masses.log_tau[0] - 0.01
    found = points.evaluate(correlations, x, uniform=np.full((4, 8), 0.5), orientations=256)
    assert (found.log_likelihood[:3] < -1e29).all()
    assert found.log_likelihood[3] > 0.0
    assert np.isnan(points.complete(x, found, uniform=np.full((4, 8), 0.5))[:3]).any(axis=1).all()


def test_coordinates_of_completed_points_are_the_points(correlations, adapted):
    """From coordinates to parameters and back."""
    x = adapted.sample(500, np.random.default_rng(5))
    points = adapted.points
    draws = weigh(points, correlations, x=x, log_proposal=np.zeros(500), orientations=256, rng=np.random.default_rng(6))
    theta = points.complete(x, draws.found, uniform=draws.uniform)
    # Quantiles end at seven standard deviations, where the heavy tails of a proposal go on.
    kept = np.isfinite(theta).all(axis=1) & (np.abs(x[:, [1, 3, 4]]) < 6.0).all(axis=1)
    assert kept.mean() > 0.8
    np.testing.assert_allclose(points.of(theta[kept]), x[kept], atol=1e-5)


class TestScan:
    def test_draws_follow_its_density(self, correlations):
        """Importance weights of one law over the other average to one, here with a broad uniform law."""
        scan = Scan.of(correlations)
        log_tau, times, sky = scan.sample(20_000, np.random.default_rng(7))
        assert np.isfinite(scan.log_prob(log_tau, times, sky)).all()
        rng = np.random.default_rng(8)
        edges = (scan.log_tau[0] - 0.5 * scan.log_tau[1], scan.first - 0.5 / CLOCK)
        rows, columns = scan.log_cells.shape
        spans = (rows * scan.log_tau[1], columns / CLOCK)
        uniform = [low + span * rng.random(80_000) for low, span in zip(edges, spans, strict=True)]
        density = np.exp(scan.log_prob(*uniform, rng.random((80_000, 2))))
        assert density.mean() * np.prod(spans) == pytest.approx(1.0, abs=5 * density.std() / 283 * np.prod(spans))
        # And in a window of time: counts against the integral of the density.
        window = np.abs(times - np.median(times)) < 0.004
        inside = np.abs(uniform[1] - np.median(times)) < 0.004
        share = (density * inside).mean() * np.prod(spans)
        error = (density * inside).std() / 283 * np.prod(spans)
        assert window.mean() == pytest.approx(share, abs=5 * np.hypot(error, 0.004))

    def test_it_finds_the_signal(self, correlations, burst_event, burst_truth):
        scan = Scan.of(correlations)
        x = Points(burst_event.analysis, scan.reference).of(burst_truth[None])[0]
        log_tau, times, _ = scan.sample(4000, np.random.default_rng(9))
        assert (np.abs(times - 1e-3 * x[2]) < 0.01).mean() > 0.2
        assert abs(np.median(log_tau) - x[0]) < 0.7
        assert 5.0 < scan.matched_snr < 14.0

    @pytest.mark.parametrize("detectors", [2, 1])
    def test_fewer_detectors_have_fewer_coordinates(self, burst_event, detectors):
        analysis, whitened = reduced(burst_event, detectors)
        scan = Scan.of(Correlations.of(analysis, whitened))
        log_tau, times, sky = scan.sample(500, np.random.default_rng(10))
        assert sky.shape == (500, detectors - 1)
        assert np.isfinite(scan.log_prob(log_tau, times, sky)).all()


def test_proposals_at_another_reference_shift_the_scan(correlations, burst_event):
    """Guesses are drawn at the scan's detector and told at the coordinates' one; both densities agree."""
    scan = Scan.of(correlations)
    other = Points(burst_event.analysis, (scan.reference + 1) % 3)
    x = Proposal(other, scan).sample(2000, np.random.default_rng(11))
    chart = burst_event.analysis.chart
    delays = chart.delays(chart.positions(other.sky(x), np.zeros((2000, 2)))[:, 0])
    there = x.copy()
    there[:, 2] += 1e3 * (delays[:, scan.reference] - delays[:, other.reference])
    np.testing.assert_allclose(
        Proposal(other, scan).log_prob(x), Proposal(Points(other.analysis, scan.reference), scan).log_prob(there)
    )


@dataclass(frozen=True)
class Half:
    """The part of a law on one side of a plane, as a fit that lost the other side would be."""

    law: Law
    edge: float
    share: float

    def sample(self, n, *, rng):
        x = self.law.sample(int(4 * n / self.share) + 100, rng=rng)
        return x[x[:, 3] < self.edge][:n]

    def log_prob(self, x):
        return np.where(x[:, 3] < self.edge, self.law.log_prob(x) - np.log(self.share), -np.inf)


def test_the_scans_share_saves_what_a_fit_has_lost(correlations, adapted):
    """A proposal blind to half of the sky still gets the evidence right, and without its guesses it does not."""

    def weighted(proposal, n, seed):
        rng = np.random.default_rng(seed)
        x = proposal.sample(n, rng)
        return weigh(
            proposal.points, correlations, x=x, log_proposal=proposal.log_prob(x), orientations=512, rng=rng
        ).log_weights

    draws = adapted.mixture.sample(50_000, rng=np.random.default_rng(12))[:, 3]
    edge = np.quantile(draws, 0.35)
    blind = Half(adapted.mixture, edge, float((draws < edge).mean()))
    full = weighted(adapted, 4000, 13)
    saved = weighted(replace(adapted, mixture=blind), 16_000, 14)
    lost = weighted(replace(adapted, mixture=blind, defence=1e-9), 2000, 15)

    def evidence(log_weights):
        value = logsumexp(log_weights) - np.log(len(log_weights))
        shares = np.exp(log_weights - log_weights.max())
        return value, shares.std() / shares.mean() / np.sqrt(len(shares))

    (truth, spread), (found, error), (wrong, _) = evidence(full), evidence(saved), evidence(lost)
    assert abs(found - truth) < 4.0 * np.hypot(spread, error)
    assert error < 0.15
    assert wrong < truth - 0.5
