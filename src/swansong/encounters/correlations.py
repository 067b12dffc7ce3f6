"""Correlations of one event's data with every burst, at every arrival time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft

from swansong.core.types import ArrayLike, Complex, Float
from swansong.encounters.amplitudes import AmplitudeTable
from swansong.encounters.analysis import Analysis
from swansong.encounters.kernels import evaluate, full_likelihood
from swansong.encounters.masses import AMPLITUDE_UNIT
from swansong.encounters.model import timescale
from swansong.encounters.orientations import base_angles, orientation_table

CLOCK = 2048.0
"""Samples a second of the correlations; six neighbours interpolate between them."""

_MARGIN = 0.03  # the Earth's light crossing time and a few samples [s]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Likelihoods of points, and a draw of what was integrated out at each.

    Attributes:
        log_likelihood: ln of the likelihood ratio integrated over ln A, orientation and
            the summed sky positions; includes the prior density of (ln tau, ln A), (n,).
        orientation: Polarization angle, inclination, argument of pericentre, (n, 3) [rad].
        direction: Unit vector to the source in the Earth-fixed frame, (n, 3).
        log_amplitude: ln of the amplitude [1e-21], (n,); NaN where the likelihood vanishes.
    """

    log_likelihood: Float[np.ndarray, "n"]
    orientation: Float[np.ndarray, "n 3"]
    direction: Float[np.ndarray, "n 3"]
    log_amplitude: Float[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of whitened data with the series, for all time scales and arrival times.

    Attributes:
        analysis: The problem.
        values: <d|X> at each row of the time scale, arrival time and series of a node,
            (detectors, rows, times, nodes * series), float32; signals in units of 1e-21.
        start: First arrival time after `Analysis.gps` [s].
    """

    analysis: Analysis
    values: Float[np.ndarray, "detectors rows times series"]
    start: float

    @classmethod
    def of(cls, analysis: Analysis, whitened: Complex[np.ndarray, "detectors bins"]) -> "Correlations":
        """Correlate the data with all series by fast Fourier transforms.

        Args:
            analysis: The problem.
            whitened: Whitened data.

        Returns:
            The correlations.
        """
        early, late = analysis.model.settings.pericentre_time
        first = int(np.floor((early - _MARGIN) * CLOCK))
        last = int(np.ceil((late + _MARGIN) * CLOCK))
        length = round(analysis.duration * CLOCK)
        lowest = round(analysis.frequency[0] * analysis.duration)
        templates = analysis.templates
        rows, nodes, series, bins = templates.shape
        phases = np.array([1.0, -1j, 1.0])
        values = np.empty((len(whitened), rows, last - first + 1, nodes * series), np.float32)
        for d, data in enumerate(whitened):
            filtered = (data * analysis.whitening[d] * (AMPLITUDE_UNIT * length / 2.0)).astype(np.complex64)
            padded = np.zeros((nodes, series, length // 2 + 1), np.complex64)
            turned = (phases[:, None] * filtered).astype(np.complex64)
            for row in range(rows):
                padded[..., lowest : lowest + bins] = templates[row] * turned
                times = np.asarray(scipy.fft.irfft(padded, length, axis=-1))
                block = values[d, row].reshape(-1, nodes, series)
                block[-first:] = np.moveaxis(times[..., : last + 1], -1, 0)
                block[:-first] = np.moveaxis(times[..., first:], -1, 0)
        return cls(analysis, values, first / CLOCK)

    @cached_property
    def table(self) -> AmplitudeTable:
        """The amplitude integral of the prior."""
        return self.analysis.amplitudes

    def evaluate(
        self,
        log_tau: Float[np.ndarray, "n"],
        eccentricity: Float[np.ndarray, "n"],
        *,
        arrival: Float[np.ndarray, "n"],
        sky: Float[np.ndarray, "n dimensions"],
        reference: int,
        uniform: Float[np.ndarray, "n 6"],
        orientations: int,
    ) -> Evaluation:
        """Integrate the likelihood over amplitude, orientation and what timing leaves open of the sky.

        Args:
            log_tau: ln of the time scale [s].
            eccentricity: Eccentricity.
            arrival: Arrival time of the pericentre at the reference detector after `Analysis.gps` [s].
            sky: Sky coordinates in the unit interval, `SkyChart.coordinates`.
            reference: Index of the reference detector.
            uniform: Uniform numbers: turns of the angles, choices, turns of the sky.
            orientations: Number of orientations in the average, a power of two.

        Returns:
            Likelihoods and draws. The average over orientations is unbiased, so that
            importance weights built from it are exact.
        """
        analysis = self.analysis
        chart = analysis.chart
        shared = analysis.model.shared_angle
        directions = chart.positions(sky, uniform[:, 4:6])
        delays = chart.delays(directions)
        # All summed positions share their arrival times, so that the first one stands for them.
        times = arrival[:, None] + delays[:, 0] - delays[:, :1, reference]
        centre = arrival[:, None] - delays[..., reference]
        early, late = analysis.model.settings.pericentre_time
        turns = uniform[:, [0, 0, 2, 3]] if shared else uniform[:, :4]
        found, chosen, log_amplitude = evaluate(
            self.values,
            analysis.squares,
            chart.tensors,
            np.array([self.start, 1.0 / CLOCK]),
            self.table.grid,
            self.table.values,
            self.table.prior.density,
            self.table.amplitude_grid,
            orientation_table(shared=shared),
            np.ascontiguousarray(log_tau, float),
            analysis.series.weights(eccentricity),
            np.ascontiguousarray(times),
            np.ascontiguousarray(directions),
            (centre >= early) & (centre <= late),
            np.ascontiguousarray(turns),
            orientations,
        )
        angles = base_angles(shared=shared)[chosen[:, 0]].copy()
        angles[:, 0] = (angles[:, 0] + np.pi * turns[:, 0]) % np.pi
        angles[:, 2] = (angles[:, 2] + np.pi * turns[:, 1]) % np.pi
        return Evaluation(found, angles, directions[np.arange(len(found)), chosen[:, 1]], log_amplitude)

    def log_likelihood_ratio(self, theta: Float[ArrayLike, "n parameters"]) -> Float[np.ndarray, "n"]:
        """Log likelihood of full parameter vectors over that of noise, about a microsecond each.

        Args:
            theta: Parameter vectors.

        Returns:
            The log-likelihood ratios, without radiation reaction; -inf outside the prior's times.
        """
        analysis = self.analysis
        values = analysis.model.values(np.atleast_2d(theta))
        delays = analysis.chart.delays(analysis.chart.from_equatorial(values["ra"], values["dec"]))
        return full_likelihood(
            self.values,
            analysis.squares,
            np.array([self.start, 1.0 / CLOCK]),
            self.table.grid,
            np.log(timescale(values["total_mass"], values["semi_latus_rectum"])),
            analysis.series.weights(values["eccentricity"]),
            values["pericentre_time"][:, None] + delays,
            analysis.combination(theta) / AMPLITUDE_UNIT,
        )
