"""The ringdown model: named parameters, their prior and the modes.

h+ + i hx = sum over modes of A exp(-t/tau) exp(i (2 pi f t + phi)) from the start on. The
angular factor of each mode is absorbed in its amplitude: at the published inclination of
pi the (2,2) harmonic would vanish.

Reference:
    Mishra 2025, "Black Hole Spectroscopy with Conditional Variational Autoencoder".
"""

from dataclasses import dataclass
from functools import cached_property

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from swansong.core.errors import DomainError
from swansong.core.types import Array, ArrayLike, Float
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.priors import Prior, Uniform
from swansong.physics.quasinormal import KerrModes, kerr_modes
from swansong.ringdown.settings import TWO_PI, ModelSettings, PriorSettings

AMPLITUDE_UNIT = 1e-21
"""Strain in which amplitudes and templates are kept, so that numbers stay near 1."""


@dataclass(frozen=True)
class RingdownModel:
    """Parameters, prior and modes of a ringdown.

    Parameters are final_mass, final_spin, then amplitude and phase of each mode.

    Attributes:
        modes: Frequencies of the modes.
        settings: Bounds of the uniform prior and the smallest signal-to-noise ratio.
    """

    modes: KerrModes
    settings: PriorSettings

    @classmethod
    def build(cls, model: ModelSettings, prior: PriorSettings) -> "RingdownModel":
        """Build the model from its settings.

        Raises:
            InputError: If a mode is not in the table.
            DomainError: If the prior reaches beyond the spins of the table.
        """
        modes = kerr_modes(model.modes, frequencies=model.frequencies)
        if prior.final_spin[1] > modes.maximum_spin:
            raise DomainError(
                f"`prior.final_spin` reaches {prior.final_spin[1]}, beyond the frequencies known up to "
                f"{modes.maximum_spin}; lower its maximum"
            )
        return cls(modes, prior)

    @property
    def count(self) -> int:
        """Number of modes."""
        return len(self.modes.modes)

    @cached_property
    def parameters(self) -> Parameters:
        """The named parameters, in the order of every parameter vector."""
        mass, spin, amplitude = self.settings.final_mass, self.settings.final_spin, self.settings.amplitude
        rows = [
            Parameter("final_mass", unit=r"$M_\odot$", latex=r"$M_f$", minimum=mass[0], maximum=mass[1]),
            Parameter("final_spin", latex=r"$\chi_f$", minimum=spin[0], maximum=spin[1]),
        ]
        for mode in self.modes.modes:
            label = mode.label
            rows += [
                Parameter(
                    f"amplitude_{_name(label)}", latex=f"$A_{{{label}}}$", minimum=amplitude[0], maximum=amplitude[1]
                ),
                Parameter(
                    f"phase_{_name(label)}",
                    unit="rad",
                    latex=rf"$\phi_{{{label}}}$",
                    minimum=0.0,
                    maximum=TWO_PI,
                    periodic=True,
                ),
            ]
        return Parameters(rows)

    @cached_property
    def prior(self) -> Prior:
        """The uniform prior, before the cut on the signal-to-noise ratio."""
        return Prior(
            {item.name: Uniform(item.minimum, item.maximum) for item in self.parameters}, parameters=self.parameters
        )

    @property
    def log_volume(self) -> float:
        """Natural logarithm of the prior's volume in (mass, spin, amplitude / 1e-21, phase, ...)."""
        widths = np.array([item.maximum - item.minimum for item in self.parameters])
        widths[2::2] /= AMPLITUDE_UNIT
        return float(np.log(widths).sum())

    def polarizations(
        self, theta: Float[Array, "... parameters"], times: Float[Array, "n"]
    ) -> tuple[Float[Array, "... n"], Float[Array, "... n"]]:
        """The two polarizations of the strain.

        Args:
            theta: Parameters (..., parameters) in their units.
            times: Times after the start [s], shape (n,).

        Returns:
            h+ and hx, shape (..., n); zero before the start.
        """
        theta = jnp.asarray(theta, dtype=float)
        omega = self.modes.angular_frequencies(final_mass=theta[..., 0], final_spin=theta[..., 1])
        amplitude, phase = theta[..., 2::2], theta[..., 3::2]
        after = jnp.maximum(times, 0.0)
        waves = amplitude[..., None] * jnp.exp(1j * (jnp.conj(omega)[..., None] * after + phase[..., None]))
        total = jnp.where(times >= 0.0, waves.sum(axis=-2), 0.0)
        return total.real, total.imag


def _name(label: str) -> str:
    """A mode's label as part of a parameter name."""
    return label.replace("-", "m")


class Quadratures(eqx.Module):
    """Amplitudes and phases as the coordinates in which the signal is linear.

    Attributes:
        values: x = A cos(phi) and y = A sin(phi) per mode, (..., 2 modes) [1e-21].
    """

    values: Float[Array, "... quadratures"]

    @classmethod
    def of(cls, theta: Float[ArrayLike, "... parameters"]) -> "Quadratures":
        """Quadratures of parameter vectors (..., parameters)."""
        amplitude, phase = theta[..., 2::2] / AMPLITUDE_UNIT, theta[..., 3::2]
        pairs = jnp.stack([amplitude * jnp.cos(phase), amplitude * jnp.sin(phase)], axis=-1)
        return cls(pairs.reshape(*pairs.shape[:-2], -1))
