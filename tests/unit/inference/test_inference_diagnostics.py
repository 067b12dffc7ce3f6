import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from swansong.core.errors import InputError
from swansong.inference import (
    Parameter,
    Parameters,
    Posterior,
    compare,
    coverage,
    credible_levels,
    efficiency_by_snr,
    js_distance,
    js_noise_floor,
    pp_bands,
    pp_test,
    rank_uniformity,
    sbc_ranks,
)


def calibrated(events=300, draws=400, *, width=1.0, seed=0):
    """Truths and posteriors of a Gaussian mean; the posterior is right where width is 1."""
    generator = np.random.default_rng(seed)
    centre = generator.normal(size=(events, 2))
    truth = centre + generator.normal(size=(events, 2))
    return truth, centre[:, None] + width * generator.normal(size=(events, draws, 2))


def levels_of(truth, samples):
    return np.stack([credible_levels(t, s) for t, s in zip(truth, samples, strict=True)])


def test_right_posteriors_pass_and_narrow_ones_fail():
    right = pp_test(levels_of(*calibrated()), ["a", "b"])
    assert set(right.ks_p) == {"a", "b"}
    assert right.combined_p > 0.01
    assert pp_test(levels_of(*calibrated(width=0.6)), ["a", "b"]).combined_p < 1e-4


def test_coverage_of_right_and_narrow_posteriors():
    right = coverage(levels_of(*calibrated()))
    assert np.all(np.abs(right.fraction - [[0.5], [0.9]]) < 4 * right.error[:, None])
    narrow = coverage(levels_of(*calibrated(width=0.6)))
    # A central 90 % interval of a posterior 0.6 times too narrow covers P(|x| < 0.6 * 1.645).
    assert narrow.fraction[1].mean() == pytest.approx(1 - 2 * stats.norm.sf(0.6 * 1.645), abs=0.05)


def test_ranks_are_uniform_only_for_right_posteriors():
    right = rank_uniformity(sbc_ranks(*calibrated(events=1000, draws=99))[:, 0], draws=99)
    assert right.p > 0.001
    assert right.counts.sum() == 1000
    assert right.expected == pytest.approx(np.full(20, 50.0))
    assert rank_uniformity(sbc_ranks(*calibrated(events=1000, draws=99, width=0.6))[:, 0], draws=99).p < 1e-4


def test_weighted_levels_and_ties():
    samples = np.array([[0.0], [1.0], [2.0]])
    assert credible_levels(np.array([1.0]), samples, weights=np.array([1.0, 2.0, 5.0])) == pytest.approx(0.25)
    assert credible_levels(np.array([9.0]), samples) == 1.0


def test_bands_hold_their_share():
    bands = pp_bands(100)
    middle = 100
    inside = stats.binom.cdf(100 * bands.upper[:, middle], 100, 0.5) - stats.binom.cdf(
        100 * bands.lower[:, middle] - 1, 100, 0.5
    )
    assert np.all(inside >= [0.682, 0.954, 0.997])
    assert inside[0] < 0.78
    assert np.all(np.diff(bands.lower[:, middle]) < 0.0)


def exact_divergence(shift):
    def integrand(x):
        p, q = stats.norm.pdf(x), stats.norm.pdf(x, shift)
        return 0.5 * (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q)))

    return integrate.quad(integrand, -9.0, 9.0 + shift)[0]


@pytest.mark.parametrize("shift", [0.1, 0.5, 2.0])
def test_divergence_of_shifted_gaussians(shift):
    generator = np.random.default_rng(0)
    values = [js_distance(generator.normal(size=5000), shift + generator.normal(size=5000)) for _ in range(20)]
    assert np.mean(values) == pytest.approx(exact_divergence(shift), rel=0.05, abs=4e-4)


def test_noise_floor_is_what_equal_laws_show():
    generator = np.random.default_rng(1)
    values = [js_distance(generator.normal(size=2000), generator.normal(size=1000)) for _ in range(300)]
    assert np.mean(np.array(values) < js_noise_floor(2000.0, 1000.0)) == pytest.approx(0.9, abs=0.06)


def test_weights_stand_for_samples():
    generator = np.random.default_rng(2)
    a = generator.normal(size=50_000)
    weights = np.exp(0.5 * a**2 - 0.5 * (a - 0.5) ** 2)
    assert js_distance(a, 0.5 + generator.normal(size=50_000), weights_a=weights) < 5e-4
    assert js_distance(a, 0.5 + generator.normal(size=50_000)) > 0.02


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=50),
    st.lists(st.floats(-10, 10), min_size=1, max_size=50),
)
def test_divergence_is_symmetric_bounded_and_zero_for_the_same_sample(a, b):
    forth, back = js_distance(np.array(a), np.array(b)), js_distance(np.array(b), np.array(a))
    assert forth == pytest.approx(back, abs=1e-12)
    assert 0.0 <= forth <= np.log(2.0)
    assert js_distance(np.array(a), np.array(a)) == 0.0


def test_divergence_of_disjoint_samples_is_ln_two():
    generator = np.random.default_rng(0)
    assert js_distance(generator.normal(size=500), 100 + generator.normal(size=500)) == pytest.approx(np.log(2.0))


def test_periodic_samples_may_differ_by_periods():
    generator = np.random.default_rng(0)
    a = generator.normal(0.0, 0.3, 2000)
    moved = a + 2 * np.pi * generator.integers(-2, 3, 2000)
    assert js_distance(a, moved, limits=(0.0, 2 * np.pi), periodic=True) == pytest.approx(0.0, abs=1e-12)


def test_compare_two_posteriors():
    generator = np.random.default_rng(0)
    parameters = Parameters(["x", Parameter("phase", minimum=0.0, maximum=1.0, periodic=True)])
    a, b = (Posterior(parameters, generator.uniform(size=(3000, 2))) for _ in range(2))
    result = compare(a, b)
    assert set(result) == {"x", "phase"}
    assert result["x"].js_distance < 3 * result["x"].noise_floor
    with pytest.raises(InputError, match="no parameter in common"):
        compare(a, Posterior(Parameters(["y"]), np.zeros((2, 1))))


def test_efficiency_by_snr():
    got = efficiency_by_snr([0.1, 0.3, 0.5, 0.9], [6.0, 9.0, 10.0, 100.0], edges=(6.0, 10.0, 15.0, 25.0))
    assert got == {"6-10": pytest.approx(0.2), "10-15": pytest.approx(0.5)}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: credible_levels(np.zeros(2), np.zeros((3, 1))), "parameters"),
        (lambda: pp_test(np.full((3, 2), 0.5), ["a"]), "one name each"),
        (lambda: pp_test(np.full((3, 1), 1.5), ["a"]), "within"),
        (lambda: coverage(np.full((3, 1), 0.5), [90.0]), "between 0 and 1"),
        (lambda: sbc_ranks(np.zeros((3, 2)), np.zeros((3, 5, 1))), "events"),
        (lambda: rank_uniformity(np.array([0, 5]), draws=9), "at least 20 events"),
        (lambda: js_distance(np.array([np.nan]), np.zeros(2)), "finite"),
        (lambda: js_distance(np.zeros(2), np.zeros(2), periodic=True), "limits"),
        (lambda: js_distance(np.zeros(2), np.zeros(2), limits=(1.0, 2.0)), "within the limits"),
        (lambda: efficiency_by_snr([0.1], [8.0], edges=(10.0, 5.0)), "increase"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
