"""A close-encounter problem ready for data: network, noise and everything that does not depend on the data."""

import dataclasses
import functools
import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from swansong.core.types import ArrayLike, Complex, Float
from swansong.encounters.amplitudes import AmplitudeTable, amplitude_table
from swansong.encounters.masses import AMPLITUDE_UNIT, MassPrior, mass_prior
from swansong.encounters.model import EncounterModel, strain_amplitude, timescale
from swansong.encounters.orientations import response
from swansong.encounters.sky import SkyChart
from swansong.encounters.templates import SERIES, SeriesTable, lagrange, series_table
from swansong.inference.parameters import Parameters
from swansong.signals import Network

_SHARE_DRAWS = 1 << 14


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of one segment of a network's strain.

    Whitened numbers are complex, have unit variance in their real and imaginary parts,
    and count phases from `gps`, the middle of the segment: <a|b> is the sum of
    Re(conj(a) b).

    Attributes:
        model: Parameters and prior.
        network: The detectors.
        gps: GPS time of the middle of the segment, which pericentre times count from [s].
        duration: Length of the segment [s].
        frequency: Analysed frequencies, multiples of 1 / duration, (bins,) [Hz].
        psd: One-sided power spectral density of each detector, (detectors, bins) [1/Hz].
    """

    model: EncounterModel
    network: Network
    gps: float
    duration: float
    frequency: Float[np.ndarray, "bins"]
    psd: Float[np.ndarray, "detectors bins"]

    @cached_property
    def chart(self) -> SkyChart:
        """Sky coordinates."""
        return SkyChart.of(self.network, self.gps)

    @property
    def parameters(self) -> Parameters:
        """The named parameters."""
        return self.model.parameters

    @cached_property
    def series(self) -> SeriesTable:
        """Frequency-domain series of the bursts."""
        return series_table(self.model.settings.eccentricity, self.model.signal.waveform)

    @property
    def masses(self) -> MassPrior:
        """Prior of time scale and amplitude."""
        return mass_prior(self.model.settings)

    @property
    def amplitudes(self) -> AmplitudeTable:
        """The amplitude integral."""
        return amplitude_table(self.model.settings)

    @cached_property
    def whitening(self) -> Float[np.ndarray, "detectors bins"]:
        """Factor from frequency-domain strain [1/Hz] to whitened numbers."""
        return np.sqrt(4.0 / (self.duration * self.psd))

    @cached_property
    def templates(self) -> Float[np.ndarray, "rows nodes series bins"]:
        """Series of every row of the time scale, times the amplitude unit."""
        return _templates(
            self.model.settings.model_dump_json(), self.model.signal.waveform, tuple(map(float, self.frequency))
        )

    @cached_property
    def squares(self) -> Float[np.ndarray, "detectors rows nodes nodes 4"]:
        """Products of whitened series: AcAc, AcB, BB and AsAs, the first node that of the first series."""
        found = []
        for row in self.whitening:
            weighted = self.templates * (AMPLITUDE_UNIT * row).astype(np.float32)
            cosine, sine, axial = weighted[:, :, 0], weighted[:, :, 1], weighted[:, :, 2]
            pairs = [(cosine, cosine), (cosine, axial), (axial, axial), (sine, sine)]
            found.append(np.stack([a @ np.swapaxes(b, 1, 2) for a, b in pairs], axis=-1))
        return np.stack(found).astype(float)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that a network trained on this analysis depends on, the noise aside."""
        text = f"{self.model.settings.model_dump_json()} {self.model.signal.model_dump_json()} {self.network.names}"
        return hashlib.sha256(f"{text} {self.duration} {len(self.frequency)}".encode()).hexdigest()

    def at(self, gps: float) -> "Analysis":
        """The same analysis at another time; what does not depend on the Earth's rotation is shared.

        Args:
            gps: GPS time of the middle of the segment [s].

        Returns:
            The analysis.
        """
        other = dataclasses.replace(self, gps=gps)
        for name in ("series", "whitening", "templates", "squares", "log_prior_share"):
            other.__dict__[name] = getattr(self, name)
        return other

    def whiten(self, strain: Complex[np.ndarray, "detectors bins"]) -> Complex[np.ndarray, "detectors bins"]:
        """Whiten frequency-domain strain that counts phases from the start of the segment.

        Args:
            strain: Fourier transform of the segment [1/Hz].

        Returns:
            Whitened numbers.
        """
        turned = np.exp(1j * np.pi * self.duration * self.frequency)
        return strain * turned * self.whitening

    def signal(self, theta: Float[ArrayLike, "n parameters"]) -> Complex[np.ndarray, "n detectors bins"]:
        """Whitened signals without radiation reaction.

        Args:
            theta: Parameters.

        Returns:
            Whitened numbers in every detector.
        """
        values = self.model.values(np.atleast_2d(theta))
        tau = timescale(values["total_mass"], values["semi_latus_rectum"])
        weights = self.series.weights(values["eccentricity"])
        direction = self.chart.from_equatorial(values["ra"], values["dec"])
        delays = self.chart.delays(direction) + values["pericentre_time"][:, None]
        combined = self.combination(theta)
        phases = np.array([1.0, 1j, 1.0])
        found = np.empty((len(tau), len(self.network), len(self.frequency)), complex)
        for i in range(len(tau)):
            series = np.tensordot(weights[i], self.series(self.frequency, tau[i]), axes=1)
            shift = np.exp(-2j * np.pi * self.frequency * delays[i][:, None])
            found[i] = shift * np.tensordot(combined[i], phases[:, None] * series, axes=1) * self.whitening
        return found

    def combination(self, theta: Float[ArrayLike, "n parameters"]) -> Float[np.ndarray, "n detectors series"]:
        """Weight of each series in every detector's strain, amplitude included."""
        values = self.model.values(np.atleast_2d(theta))
        argument = values.get("argument_of_pericentre", values["psi"])
        u = response(values["psi"], values["theta_jn"], argument).reshape(-1, 2, SERIES)
        patterns = self.chart.patterns(self.chart.from_equatorial(values["ra"], values["dec"]))
        size = strain_amplitude(
            values["total_mass"], values["mass_ratio"], values["semi_latus_rectum"], values["luminosity_distance"]
        )
        return size[:, None, None] * (patterns @ u)

    def snr(self, theta: Float[ArrayLike, "n parameters"]) -> Float[np.ndarray, "n"]:
        """Optimal signal-to-noise ratio of the network, without radiation reaction.

        Args:
            theta: Parameters.

        Returns:
            Signal-to-noise ratios.
        """
        values = self.model.values(np.atleast_2d(theta))
        place = self._rows(np.log(timescale(values["total_mass"], values["semi_latus_rectum"])))
        weights = self.series.weights(values["eccentricity"])
        combined = self.combination(theta) / AMPLITUDE_UNIT
        row = np.clip(np.floor(place).astype(int), 1, len(self.masses.log_tau) - 3)
        cubic = lagrange(place - row, np.arange(-1.0, 3.0))
        total = np.zeros(len(row))
        for d in range(len(self.network)):
            near = np.stack([self.squares[d][row - 1 + r] for r in range(4)], axis=1)
            mixed = np.einsum("nr,nrjkc,nj,nk->nc", cubic, near, weights, weights, optimize=True)
            cosine, sine, axial = combined[:, d].T
            total += mixed[:, 0] * cosine**2 + 2.0 * mixed[:, 1] * cosine * axial + mixed[:, 2] * axial**2
            total += mixed[:, 3] * sine**2
        return np.sqrt(np.maximum(total, 0.0))

    @cached_property
    def log_prior_share(self) -> float:
        """Log of the share of the prior above the smallest signal-to-noise ratio."""
        least = self.model.settings.minimum_snr
        if least <= 0.0:
            return 0.0
        return float(np.log(np.mean(self.snr(_prior_draws(self.model)) >= least)))

    def _rows(self, log_tau: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Place of time scales in the rows of the table."""
        grid = self.masses.log_tau
        return (log_tau - grid[0]) / (grid[1] - grid[0])


@functools.lru_cache(maxsize=4)
def _prior_draws(model: EncounterModel) -> Float[np.ndarray, "n parameters"]:
    """Evenly spread draws of the prior, the same at every call."""
    from scipy.stats import qmc

    unit = qmc.Sobol(len(model.parameters), scramble=True, rng=np.random.default_rng(2)).random(_SHARE_DRAWS)
    return np.asarray(model.prior.from_unit(unit))


@functools.lru_cache(maxsize=2)
def _templates(prior: str, waveform: str, frequency: tuple[float, ...]) -> Float[np.ndarray, "rows nodes series bins"]:
    from swansong.encounters.settings import PriorSettings

    settings = PriorSettings.model_validate_json(prior)
    table = series_table(settings.eccentricity, waveform)
    grid = np.array(frequency)
    rows = [table(grid, float(np.exp(one))) for one in mass_prior(settings).log_tau]
    return np.stack(rows).astype(np.float32)
