"""The direct likelihood: templates computed sample by sample, one parameter vector at a time.

Slow and plain, it is what every faster method is measured against.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DataError, InputError
from swansong.core.types import Array, ArrayLike, Complex, Float
from swansong.encounters.model import EncounterModel
from swansong.encounters.waveform import Burst
from swansong.inference.parameters import Parameters
from swansong.signals import Network

BATCH = 32
"""Parameter vectors computed side by side, so that templates of 4 s take some tens of megabytes."""

# Share of the template at each of its ends over which it falls to zero. What is left of a
# burst there varies within seconds, below the analysed band; a sharp end would not.
_EDGE = 0.1

_EXTRINSIC = ("pericentre_time", "ra", "dec", "psi")


class Templates(eqx.Module):
    """The strain of a source in each detector, at the frequencies of a data segment.

    The segment starts half its length before `gps`. A template is computed on a grid as
    long as the segment, centred on the passage of pericentre, and shifted to its place by
    a phase; so a burst loses nothing near the ends of the segment. Orbits whose apocentres lie
    beyond the grid fade out smoothly at its ends.

    Attributes:
        frequency: Frequencies of the bins [Hz], multiples of 1 / duration.
        parameters: The parameters, which name the columns of parameter vectors.
        network: The detectors.
        wave: Polarizations as a function of times after pericentre and the intrinsic
            parameters and angles by name: a `Burst` or `RepeatedBursts`.
        gps: Time that `pericentre_time` counts from; the antenna patterns are evaluated here [s].
        duration: Length of the segment [s].
        rate: Sampling rate [Hz].

    Raises:
        InputError: If the duration is no whole, even number of samples.
        DataError: If a frequency is not on the grid of the segment.
    """

    frequency: Float[ArrayLike, "bins"] = eqx.field(converter=jnp.asarray)
    parameters: Parameters = eqx.field(static=True)
    network: Network = eqx.field(static=True)
    wave: Any
    gps: float = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    rate: float = eqx.field(static=True)

    def __check_init__(self):
        samples = self.duration * self.rate
        if samples < 2 or abs(samples - 2 * round(samples / 2)) > 1e-6:
            raise InputError(
                f"`duration` times `rate` must be an even number of samples, got {self.duration:g} s at "
                f"{self.rate:g} Hz; give a rate such as 2048 Hz"
            )
        bins = np.asarray(self.frequency) * self.duration
        if bins.ndim != 1 or not np.allclose(bins, np.round(bins), atol=1e-6) or bins.min() < 0:
            raise DataError(
                f"`frequency` must be multiples of 1/{self.duration:g} Hz for a segment of {self.duration:g} s; "
                "use `numpy.fft.rfftfreq`"
            )
        if bins.max() > 0.5 * samples + 1e-6:
            raise DataError(
                f"`frequency` reaches {np.max(self.frequency):g} Hz, above half the rate of {self.rate:g} Hz; "
                "cut the band"
            )

    def __call__(self, theta: Float[ArrayLike, "parameters"]) -> Complex[Array, "detectors bins"]:
        """Compute the strain of one source [1/Hz]."""
        values = dict(zip(self.parameters.names, theta, strict=True))
        time, ra, dec, psi = (values.pop(name) for name in _EXTRINSIC)
        wave = self.wave(self._times, **({"argument_of_pericentre": psi} | values))
        # The phase (-1)^bin puts time zero on the middle of the grid, where pericentre is.
        bins = jnp.round(self.frequency * self.duration).astype(int)
        window = self._window / self.rate
        plus, cross = (jnp.fft.rfft(series * window)[bins] * (1 - 2 * (bins % 2)) for series in wave)
        sky = {"right_ascension": ra, "declination": dec, "gps": self.gps}
        patterns = self.network.antenna_patterns(polarization=psi, **sky)
        delays = jnp.stack(self.network.time_delays(**sky))
        arrival = 0.5 * self.duration + time + delays
        shift = jnp.exp(-2j * jnp.pi * self.frequency * arrival[:, None])
        return shift * jnp.stack([pattern.plus * plus + pattern.cross * cross for pattern in patterns])

    @property
    def _times(self) -> Float[np.ndarray, "samples"]:
        """Times of the template's samples after pericentre [s]."""
        samples = round(self.duration * self.rate)
        return (np.arange(samples) - samples // 2) / self.rate

    @property
    def _window(self) -> Float[np.ndarray, "samples"]:
        """Weight of the template's samples: a Tukey window."""
        distance = 0.5 - np.abs(self._times) / self.duration
        return 0.5 * (1.0 - np.cos(np.pi * np.minimum(distance / _EDGE, 1.0)))


class DirectLikelihood(eqx.Module):
    """Gaussian likelihood of a data segment, relative to noise alone.

    Attributes:
        templates: The strain as a function of the parameters.
        data: Frequency-domain strain [1/Hz]; the Fourier integral counts time from the
            first sample of the segment.
        weight: 4 df / psd of each detector and bin.
    """

    templates: Templates
    data: Complex[Array, "detectors bins"]
    weight: Float[Array, "detectors bins"]

    def __init__(
        self,
        data: Complex[ArrayLike, "detectors bins"],
        *,
        frequency: Float[ArrayLike, "bins"],
        psd: Float[ArrayLike, "detectors bins"],
        network: Network,
        gps: float,
        duration: float,
        rate: float,
        model: EncounterModel,
        reaction: bool = True,
        waveform: str | None = None,
        wave: Callable[..., Any] | None = None,
    ):
        """Prepare the likelihood of one segment.

        Args:
            data: Strain of each detector, ``rfft(strain) / rate`` at the analysed bins [1/Hz].
            frequency: Frequencies of those bins [Hz].
            psd: One-sided power spectral density of each detector's noise [1/Hz].
            network: The detectors, in the order of the rows.
            gps: Middle of the segment, which `pericentre_time` counts from [s].
            duration: Length of the segment [s].
            rate: Sampling rate [Hz].
            model: Names the parameters.
            reaction: Whether the orbit loses energy.
            waveform: ``"kepler"`` or ``"efb"``; the model's if None.
            wave: Another source in place of a single burst, such as `RepeatedBursts`; the two
                options before are then its own.

        Raises:
            DataError: If shapes disagree, a spectrum is not positive, the data are not finite
                or a frequency is off the grid.
        """
        shape = (len(network), np.size(frequency))
        if np.shape(data) != shape or np.shape(psd) != shape:
            raise DataError(
                f"`DirectLikelihood(data, psd=...)` have shapes {np.shape(data)} and {np.shape(psd)}; give "
                f"{shape}, one row for each of {', '.join(network.names)} and one column for each frequency"
            )
        if not (np.all(np.isfinite(psd)) and np.all(np.asarray(psd) > 0.0) and np.all(np.isfinite(data))):
            raise DataError("`DirectLikelihood(data, psd=...)` must be finite and spectra positive; cut the bad bins")
        self.templates = Templates(
            frequency=frequency,
            parameters=model.parameters,
            network=network,
            wave=wave if wave is not None else Burst(waveform or model.signal.waveform, reaction),
            gps=float(gps),
            duration=float(duration),
            rate=float(rate),
        )
        self.data = jnp.asarray(data, complex)
        self.weight = 4.0 / (duration * jnp.asarray(psd, float))

    def log_likelihood_ratio(self, theta: Float[ArrayLike, "... parameters"]) -> Float[Array, "..."]:
        """Log likelihood over that of noise alone, <d|h> - <h|h> / 2 summed over detectors.

        Args:
            theta: Parameter vectors.

        Returns:
            The log likelihood ratio of each.

        Raises:
            InputError: If the last axis does not hold the parameters.
        """
        return self._each(self._ratio, theta)

    def signal(self, theta: Float[ArrayLike, "... parameters"]) -> Complex[Array, "... detectors bins"]:
        """Frequency-domain strain of each parameter vector in each detector [1/Hz]."""
        return self._each(self.templates, theta)

    def optimal_snr(self, theta: Float[ArrayLike, "... parameters"]) -> Float[Array, "..."]:
        """Signal-to-noise ratio of the network for a filter that matches each parameter vector."""
        return self._each(self._snr, theta)

    def _ratio(self, theta: Array) -> Array:
        strain = self.templates(theta)
        return jnp.sum(self.weight * ((jnp.conj(self.data) * strain).real - 0.5 * jnp.abs(strain) ** 2))

    def _snr(self, theta: Array) -> Array:
        strain = self.templates(theta)
        return jnp.sqrt(jnp.sum(self.weight * (strain.real**2 + strain.imag**2)))

    def _each(self, function: Callable, theta: Any) -> Array:
        """Apply a function of one parameter vector to all of them, in chunks."""
        self.templates.parameters.check(theta)
        theta = jnp.asarray(theta, float)
        found = _mapped(function, theta.reshape(-1, theta.shape[-1]))
        return found.reshape(theta.shape[:-1] + found.shape[1:])


@eqx.filter_jit
def _mapped(function: Callable, rows: Array) -> Array:
    """Apply a function to each row, a bounded number side by side."""
    return jax.lax.map(function, rows, batch_size=BATCH)
