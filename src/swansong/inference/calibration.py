"""What the checks of all systems report alike: calibration, efficiency and speed over many injections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from swansong.inference.diagnostics import Coverage, PPTest, coverage, efficiency_by_snr, pp_test
from swansong.inference.divergence import js_distance
from swansong.inference.parameters import Parameters
from swansong.inference.posterior import Posterior

LEAST_P = 0.01
"""Kolmogorov-Smirnov p value below which a parameter is called uncalibrated."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration of one estimator over many injections.

    Attributes:
        system: The system.
        estimator: The estimator.
        parameters: Names and units.
        seed: Seed of the injections.
        levels: Credible level of every truth, (events, parameters).
        snr: Optimal signal-to-noise ratio of each injection.
        efficiency: Efficiency of the importance weights of each injection.
        seconds: Warm time of each event [s].
        samples: Samples of each posterior.
        edges: Bins of the signal-to-noise ratio.
    """

    system: str
    estimator: str
    parameters: Parameters
    seed: int
    levels: Float[np.ndarray, "events parameters"]
    snr: Float[np.ndarray, "events"]
    efficiency: Float[np.ndarray, "events"]
    seconds: Float[np.ndarray, "events"]
    samples: int
    edges: tuple[float, ...]

    @property
    def pp(self) -> PPTest:
        """Kolmogorov-Smirnov test of the credible levels."""
        return pp_test(self.levels, self.parameters.names)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain sentences on what failed."""
        found = [
            f"the credible levels of {name} are not uniform (KS p = {p:.1e}): the estimator is not calibrated there"
            for name, p in self.pp.ks_p.items()
            if p < LEAST_P
        ]
        low = float((self.efficiency < 0.01).mean())
        if low > 0.0:
            found.append(f"{low:.1%} of the injections have an efficiency below 1 %")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """The figures under the names that every `check` uses."""
        test = self.pp
        low, median, high = np.quantile(self.snr, [0.05, 0.5, 0.95])
        return {
            "system": self.system,
            "estimator": self.estimator,
            "injections": len(self.snr),
            "seed": self.seed,
            "ks_p": test.ks_p,
            "ks_p_combined": test.combined_p,
            "coverage": coverage_by_name(coverage(self.levels), self.parameters),
            "efficiency": {
                "median": float(np.median(self.efficiency)),
                "by_snr": efficiency_by_snr(self.efficiency, self.snr, edges=self.edges),
            },
            "seconds_per_event": float(np.median(self.seconds)),
            "samples": self.samples,
            "snr": {"5": float(low), "50": float(median), "95": float(high)},
            "warnings": list(self.warnings),
        }


def distances(found: Posterior, reference: Posterior) -> Float[np.ndarray, "parameters"]:
    """Jensen-Shannon divergence of every parameter to a reference [nats].

    Args:
        found: A posterior.
        reference: Another one of the same parameters.

    Returns:
        One divergence a parameter.
    """
    values = []
    for index, item in enumerate(found.parameters):
        values.append(
            js_distance(
                found.samples[:, index],
                reference.samples[:, index],
                weights_a=found.weights,
                weights_b=reference.weights,
                limits=(item.minimum, item.maximum) if item.periodic else None,
                periodic=item.periodic,
            )
        )
    return np.array(values)


def coverage_by_name(shares: Coverage, parameters: Parameters) -> dict[str, dict[str, float]]:
    """Observed shares by nominal share and parameter name."""
    return {
        f"{nominal:g}": dict(zip(parameters.names, map(float, row), strict=True))
        for nominal, row in zip(shares.intervals, shares.fraction, strict=True)
    }


def spread(values: Float[np.ndarray, "events"]) -> dict[str, float]:
    """Median and 90th percentile over events."""
    return {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9))}


def spread_by_name(values: Float[np.ndarray, "events parameters"], names: Sequence[str]) -> Mapping[str, Any]:
    """Median and 90th percentile of every parameter."""
    return {name: spread(column) for name, column in zip(names, values.T, strict=True)}


__all__ = ["LEAST_P", "Calibration", "coverage_by_name", "distances", "spread", "spread_by_name"]
