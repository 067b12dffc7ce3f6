"""What the checks of all systems report: fixed names, and figures of known populations."""

import json

import numpy as np
import pytest

from swansong.inference.calibration import Calibration, distances, spread, spread_by_name
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.posterior import Posterior

PARAMETERS = Parameters(
    [
        Parameter("mass", unit="kg", minimum=0.0, maximum=10.0),
        Parameter("phase", unit="rad", minimum=0.0, maximum=2 * np.pi, periodic=True),
    ]
)
EVENTS = 400


def calibration(levels, **changes) -> Calibration:
    rng = np.random.default_rng(0)
    fields = {
        "system": "toy", "estimator": "exact", "parameters": PARAMETERS, "seed": 3, "levels": levels,
        "snr": rng.uniform(5.0, 20.0, EVENTS), "efficiency": np.full(EVENTS, 0.5), "seconds": np.full(EVENTS, 0.2),
        "samples": 1000, "edges": (5.0, 10.0, 30.0),
    }  # fmt: skip
    return Calibration(**(fields | changes))


def test_the_report_has_the_fixed_names():
    report = json.loads(json.dumps(calibration(np.random.default_rng(1).random((EVENTS, 2))).to_json()))
    assert set(report) == {
        "system", "estimator", "injections", "seed", "ks_p", "ks_p_combined", "coverage", "efficiency",
        "seconds_per_event", "samples", "snr", "warnings",
    }  # fmt: skip
    assert (report["system"], report["injections"], report["seed"], report["samples"]) == ("toy", EVENTS, 3, 1000)
    assert set(report["ks_p"]) == {"mass", "phase"}
    assert report["efficiency"]["median"] == 0.5
    assert set(report["efficiency"]["by_snr"]) == {"5-10", "10-30"}
    assert report["seconds_per_event"] == 0.2
    assert report["snr"]["5"] < report["snr"]["50"] < report["snr"]["95"]
    for nominal, row in report["coverage"].items():
        assert row["mass"] == pytest.approx(float(nominal), abs=0.1)


def test_uniform_levels_raise_no_warning():
    assert calibration(np.random.default_rng(2).random((EVENTS, 2))).warnings == ()


def test_a_biased_parameter_and_failed_events_are_named():
    levels = np.random.default_rng(3).random((EVENTS, 2))
    levels[:, 1] **= 1.6
    efficiency = np.where(np.arange(EVENTS) < 20, 0.001, 0.5)
    first, second = calibration(levels, efficiency=efficiency).warnings
    assert first.startswith("the credible levels of phase are not uniform")
    assert second == "5.0% of the injections have an efficiency below 1 %"


def test_distances_compare_parameter_by_parameter():
    rng = np.random.default_rng(4)
    mass = rng.normal(5.0, 0.5, (3, 4000))
    phase = rng.normal(0.0, 0.3, (3, 4000)) % (2 * np.pi)
    one, same = (Posterior(PARAMETERS, np.stack([mass[i], phase[i]], axis=1)) for i in (0, 1))
    moved = Posterior(PARAMETERS, np.stack([mass[2] + 0.5, phase[2]], axis=1))
    quiet, loud = distances(one, same), distances(one, moved)
    assert (quiet < 0.01).all()
    # Two Gaussians one deviation apart: .1114 nats. The circle's seam costs nothing.
    assert loud[0] == pytest.approx(0.111, abs=0.02)
    assert loud[1] < 0.01


def test_weights_count_in_distances():
    """Prior draws weighted to a law are the law."""
    rng = np.random.default_rng(5)
    flat = np.stack([rng.uniform(0, 10, 40_000), rng.uniform(0, 2 * np.pi, 40_000)], axis=1)
    weighted = Posterior(PARAMETERS, flat, log_weights=-0.5 * ((flat[:, 0] - 5.0) / 0.5) ** 2)
    law = Posterior(PARAMETERS, np.stack([rng.normal(5, 0.5, 4000), rng.uniform(0, 2 * np.pi, 4000)], axis=1))
    assert (distances(weighted, law) < 0.012).all()


def test_spread_is_median_and_ninetieth_percentile():
    values = np.arange(101.0)
    assert spread(values) == {"median": 50.0, "p90": 90.0}
    found = spread_by_name(np.stack([values, 2 * values], axis=1), ("a", "b"))
    assert found["b"] == {"median": 100.0, "p90": 180.0}
