"""Laws that every estimator of every system obeys."""

import json

import numpy as np
import pytest
from registry import SAMPLES, SYSTEMS

from swansong.inference.posterior import Posterior

BILBY_KEYS = {
    *("label", "outdir", "search_parameter_keys", "parameter_labels_with_unit", "priors", "posterior"),
    *("injection_parameters", "meta_data", "version"),
}
SUMMARY_KEYS = {
    *("system", "estimator", "samples", "effective_samples", "log_evidence", "log_evidence_error"),
    *("parameters", "seconds", "warnings", "files"),
}


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request, tmp_path_factory):
    return SYSTEMS[request.param](tmp_path_factory.mktemp("system"), request.getfixturevalue)


@pytest.fixture(scope="module")
def event(system):
    return system.event(1)


@pytest.fixture(scope="module")
def posterior(system, event):
    return system.infer(event, samples=SAMPLES, seed=0)


def test_an_answer_is_a_posterior_of_the_models_parameters(system, posterior):
    assert isinstance(posterior, Posterior)
    assert posterior.system == system.name
    assert posterior.estimator.startswith(system.estimator)
    assert posterior.parameters.names == system.prior.names
    assert posterior.samples.shape == (SAMPLES, len(system.prior))
    assert posterior.log_density.shape == (SAMPLES,)
    assert posterior.truth.shape == (len(system.prior),)


def test_samples_lie_inside_the_prior(system, posterior):
    kept = posterior.weights > 0
    assert kept.any()
    assert np.isfinite(system.prior.log_prob(posterior.samples[kept])).all()
    for parameter in posterior.parameters:
        values = posterior[parameter.name][kept]
        assert values.min() >= parameter.minimum, parameter.name
        assert values.max() <= parameter.maximum, parameter.name


def test_the_answer_says_how_good_it_is(posterior):
    assert 0.0 < posterior.efficiency <= 1.0
    assert np.isfinite(posterior.log_evidence)
    assert posterior.log_evidence_error >= 0.0
    assert posterior.seconds.prepare >= 0.0
    assert posterior.seconds.sample > 0.0
    for text in posterior.warnings:
        assert len(text.split()) >= 5, "a warning is a sentence"
        assert "\n" not in text


def test_same_seed_same_bits_other_seed_other_bits(system, event, posterior):
    again = system.infer(event, samples=SAMPLES, seed=0)
    np.testing.assert_array_equal(again.samples, posterior.samples)
    np.testing.assert_array_equal(again.log_weights, posterior.log_weights)
    assert again.log_evidence == posterior.log_evidence
    other = system.infer(event, samples=SAMPLES, seed=1)
    assert (other.samples != posterior.samples).any(axis=1).mean() > 0.99


def test_a_second_event_compiles_nothing(system, posterior, compilations):
    event = system.event(2)
    with compilations() as compiled:
        second = system.infer(event, samples=SAMPLES, seed=3)
    assert compiled == []
    assert (second.samples != posterior.samples).any()


def test_saving_and_loading_keeps_the_hash(posterior, tmp_path):
    first = posterior.save(tmp_path / "a.h5")
    loaded = Posterior.load(tmp_path / "a.h5")
    assert loaded.save(tmp_path / "b.h5") == first
    np.testing.assert_array_equal(loaded.samples, posterior.samples)
    np.testing.assert_array_equal(loaded.log_weights, posterior.log_weights)
    assert loaded.warnings == posterior.warnings
    assert loaded.parameters == posterior.parameters


def test_bilby_reads_its_nine_keys(system, posterior, tmp_path):
    prior = system.prior if system.bilby_prior else None
    posterior.to_bilby(tmp_path / "result.json", label="contract", prior=prior)
    found = json.loads((tmp_path / "result.json").read_text())
    assert set(found) == BILBY_KEYS
    columns = found["posterior"]["content"]
    assert set(columns) == set(system.prior.names) == set(found["injection_parameters"])
    lengths = {len(column) for column in columns.values()}
    assert lengths == {max(1, round(posterior.effective_samples))}


def test_the_summary_has_the_fixed_names(posterior):
    summary = json.loads(json.dumps(posterior.to_json_summary(), allow_nan=False))
    assert set(summary) == SUMMARY_KEYS
    for name, interval in summary["parameters"].items():
        assert set(interval) == {"median", "lower", "upper", "unit"}
        assert interval["lower"] <= interval["median"] <= interval["upper"], name
