import dataclasses
import json

import arviz
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swansong.core.errors import FileError, InputError, OutputError
from swansong.core.files import write_product
from swansong.core.provenance import collect
from swansong.inference import (
    Bound,
    Delta,
    Gaussian,
    Parameter,
    Parameters,
    Posterior,
    Prior,
    Seconds,
    Uniform,
    bilby_dictionary,
    circular_mean,
    effective_sample_size,
    weighted_quantile,
)

PARAMETERS = Parameters(
    [
        Parameter("final_mass", unit="Msun", latex="$M_f$", minimum=0.0),
        Parameter("phase", unit="rad", minimum=0.0, maximum=2 * np.pi, periodic=True),
    ]
)
NINE_KEYS = {
    "label",
    "outdir",
    "search_parameter_keys",
    "parameter_labels_with_unit",
    "priors",
    "posterior",
    "injection_parameters",
    "meta_data",
    "version",
}


def make(n=400, *, weighted=True, **changes):
    generator = np.random.default_rng(1)
    phase = np.mod(generator.normal(0.0, 0.3, n), 2 * np.pi)
    samples = np.stack([generator.normal(60.0, 2.0, n), phase], axis=1)
    fields = {
        "log_weights": generator.normal(size=n) if weighted else None,
        "log_density": generator.normal(size=n),
        "log_evidence": -12.5,
        "log_evidence_error": 0.1,
        "system": "ringdown",
        "estimator": "flow",
        "seconds": Seconds(1.0, 2.0),
        "warnings": ("the spin lies outside the training range",),
        "truth": np.array([61.0, 0.1]),
        "metadata": {"snr": 14.0},
    }
    return Posterior(PARAMETERS, samples, **(fields | changes))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0.0, 1.0), st.floats(0.1, 10.0))
def test_equal_weights_give_the_plain_quantile(values, quantile, weight):
    got = weighted_quantile(np.array(values), np.array(quantile), weights=np.full(len(values), weight))
    assert got == np.quantile(values, quantile)


def test_weighted_quantile_of_a_reweighted_law():
    x = np.random.default_rng(0).normal(size=200_000)
    shifted = np.exp(-0.5 * (x - 0.7) ** 2 + 0.5 * x**2)
    quantiles = weighted_quantile(x, [0.05, 0.5, 0.95], weights=shifted)
    np.testing.assert_allclose(quantiles, 0.7 + np.array([-1.645, 0.0, 1.645]), atol=0.03)


def test_samples_without_weight_play_no_part():
    assert (
        weighted_quantile(np.array([-100.0, 1.0, 2.0, 3.0, 100.0]), np.array(0.0), weights=np.array([0, 1, 2, 1, 0]))
        == 1.0
    )


def test_circular_mean_and_interval_cross_the_seam():
    mean = circular_mean(np.array([0.1, 2 * np.pi - 0.1]), minimum=0.0, maximum=2 * np.pi)
    assert np.cos(mean) == pytest.approx(1.0, abs=1e-12)
    interval = make(20_000, weighted=False).summary()["phase"]
    assert interval.upper - interval.lower == pytest.approx(2 * 1.645 * 0.3, rel=0.03)
    assert interval.lower < interval.median < interval.upper
    assert 0.0 <= interval.median < 2 * np.pi
    assert np.cos(interval.median) > 0.999


def test_summary_of_plain_samples():
    posterior = make(weighted=False)
    interval = posterior.summary()["final_mass"]
    expected = np.quantile(posterior["final_mass"], [0.5, 0.05, 0.95])
    np.testing.assert_allclose([interval.median, interval.lower, interval.upper], expected)
    assert interval.unit == "Msun"


def test_effective_samples():
    assert effective_sample_size(np.array([1.0, 1.0, 0.0, 0.0])) == 2.0
    assert make(weighted=False).efficiency == 1.0
    assert 1.0 < make().effective_samples < 400.0
    assert make(weighted=False, metadata={"effective_samples": 80.0}).effective_samples == 80.0


@pytest.mark.parametrize("method", ["systematic", "multinomial"])
def test_resampling_keeps_the_moments(method):
    posterior = make(20_000)
    resampled = posterior.resample(20_000, seed=0, method=method)
    mean = posterior.weights @ posterior["final_mass"]
    assert resampled.log_weights is None
    assert resampled.log_density is None
    assert resampled["final_mass"].mean() == pytest.approx(mean, abs=5 * 2.0 / np.sqrt(posterior.effective_samples))
    assert resampled.warnings == posterior.warnings
    again = posterior.resample(20_000, seed=0, method=method)
    np.testing.assert_array_equal(again.samples, resampled.samples)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 500))
def test_systematic_resampling_takes_each_sample_as_often_as_it_weighs(seed, n):
    posterior = make(50)
    chosen = posterior.resample(n, seed=seed)["final_mass"]
    counts = np.array([np.sum(chosen == value) for value in posterior["final_mass"]])
    assert np.all(np.abs(counts - n * posterior.weights) <= 1.0 + 1e-9)


def test_resampling_with_a_jax_key_is_reproducible():
    a, b = (make().resample(10, key=jax.random.key(2)).samples for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_save_load_save_gives_the_same_sha256(tmp_path):
    posterior = make()
    first = posterior.save(tmp_path / "a.h5")
    loaded = Posterior.load(tmp_path / "a.h5")
    assert loaded.save(tmp_path / "b.h5") == first
    np.testing.assert_array_equal(loaded.samples, posterior.samples)
    assert loaded.parameters == posterior.parameters
    assert loaded.seconds == posterior.seconds
    assert loaded.warnings == posterior.warnings
    assert loaded.metadata == posterior.metadata
    assert loaded.to_json_summary() == posterior.to_json_summary()


def test_running_time_does_not_change_the_sha256(tmp_path):
    slow = dataclasses.replace(make(), seconds=Seconds(100.0, 200.0))
    assert make().save(tmp_path / "a.h5") == slow.save(tmp_path / "b.h5")


def test_saving_refuses_to_overwrite_and_loading_a_foreign_kind(tmp_path):
    make().save(tmp_path / "a.h5")
    with pytest.raises(OutputError, match="already exists"):
        make().save(tmp_path / "a.h5")
    make().save(tmp_path / "a.h5", force=True)
    write_product(tmp_path / "c.h5", kind="chunk", arrays={"x": np.zeros(2)}, provenance=collect())
    with pytest.raises(FileError, match="chunk"):
        Posterior.load(tmp_path / "c.h5")


def test_json_summary_has_the_documented_names():
    summary = json.loads(json.dumps(make().to_json_summary(files={"posterior": "a.h5"}), allow_nan=False))
    assert set(summary) == {
        "system",
        "estimator",
        "samples",
        "effective_samples",
        "log_evidence",
        "log_evidence_error",
        "parameters",
        "seconds",
        "warnings",
        "files",
    }
    assert set(summary["parameters"]["phase"]) == {"median", "lower", "upper", "unit"}
    assert summary["seconds"] == {"prepare": 1.0, "sample": 2.0}


def test_bilby_result_has_exactly_nine_keys(tmp_path):
    prior = Prior({"final_mass": Gaussian(60.0, 5.0, minimum=0.0), "phase": Uniform(0.0, 2 * np.pi)}, PARAMETERS)
    posterior = make(4000)
    posterior.to_bilby(tmp_path / "a_result.json", label="a", prior=prior)
    result = json.loads((tmp_path / "a_result.json").read_text())
    assert set(result) == NINE_KEYS
    content = result["posterior"]["content"]
    assert len(content["final_mass"]) == round(posterior.effective_samples)
    mean = posterior.weights @ posterior["final_mass"]
    assert np.mean(content["final_mass"]) == pytest.approx(mean, abs=0.2)
    assert result["injection_parameters"] == {"final_mass": 61.0, "phase": 0.1}
    assert result["priors"]["phase"]["kwargs"]["boundary"] == "periodic"
    assert result["priors"]["final_mass"]["__name__"] == "TruncatedGaussian"
    assert result["meta_data"]["warnings"] == list(posterior.warnings)
    assert result["meta_data"]["log_evidence"] == -12.5


def test_bilby_leaves_fixed_parameters_out_of_the_search_and_refuses_a_wrong_prior():
    prior = Prior({"final_mass": Delta(60.0), "phase": Uniform(0.0, 2 * np.pi)}, PARAMETERS)
    assert bilby_dictionary(make(), label="a", prior=prior)["search_parameter_keys"] == ["phase"]
    with pytest.raises(InputError, match="give the prior of this posterior"):
        bilby_dictionary(make(), label="a", prior=Prior({"x": Uniform(0.0, 1.0)}))
    bound = Prior({"final_mass": Uniform(1.0, 9.0), "phase": Uniform(0.0, Bound("final_mass", lambda m: 6.0 / m))})
    with pytest.raises(InputError, match="depends on another parameter"):
        bilby_dictionary(make(), label="a", prior=bound)


def test_arviz_reads_the_netcdf_file(tmp_path):
    posterior = make(metadata={"chains": 4})
    posterior.to_netcdf(tmp_path / "a.nc")
    data = arviz.from_netcdf(tmp_path / "a.nc")
    assert data.posterior["phase"].shape == (4, 100)
    np.testing.assert_array_equal(data.posterior["phase"].values.ravel(), posterior["phase"])
    np.testing.assert_array_equal(data.sample_stats["log_weight"].values.ravel(), posterior.log_weights)
    assert data.posterior["final_mass"].attrs["units"] == "Msun"
    assert data.posterior.attrs["log_evidence"] == -12.5
    assert "training range" in data.posterior.attrs["warnings"]
    assert np.isfinite(arviz.summary(data, kind="diagnostics")["r_hat"]).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"samples": np.zeros((0, 2))}, "at least one row"),
        ({"samples": np.zeros((3, 1))}, "does not hold 2 parameters"),
        ({"samples": np.array([[1.0, np.nan]])}, "'phase'"),
        ({"log_weights": np.zeros(3)}, r"log_weights=...\)` has shape \(3,\)"),
        ({"log_weights": np.full(400, -np.inf)}, "not all -inf"),
        ({"truth": np.zeros(3)}, "truth"),
    ],
)
def test_bad_input_is_refused(change, message):
    # Type-checked test runs may refuse a wrong shape before the posterior does.
    with pytest.raises((InputError, TypeError), match=f"{message}|Type-check error"):
        dataclasses.replace(make(), **change)


def test_bad_calls_are_refused():
    with pytest.raises(InputError, match="either seed or key"):
        make().resample(10)
    with pytest.raises(InputError, match="unknown"):
        make().resample(10, seed=0, method="stratified")
    with pytest.raises(InputError, match="between 0 and 1"):
        make().summary(level=90.0)
