"""What a model of amplitudes answers, and what every model is."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

Extrapolate = Literal["error", "kludge"]
"""What to do with an orbit outside a model's domain: refuse it, or answer with the analytic baseline."""


@dataclass(frozen=True, eq=False)
class Amplitudes:
    """Amplitudes at infinity of some modes of some orbits; `np.asarray` gives the values.

    Attributes:
        values: Z in units of the mass of the small body over the square of that of the hole: the mode radiates the
            power |Z|^2 / (4 pi w^2). Shape (orbits, modes).
        modes: (l, m, k, n), shape (modes, 4); where the modes were left to the model (orbits, modes, 4), each orbit's
            own strongest first, with rows of zeros (and amplitudes zero) behind the last.
        orbits: (a, p, e, x), shape (orbits, 4).
        frequencies: w of each mode [1/M], shape (orbits, modes).
        error: Estimated mode-distribution error of each orbit, shape (orbits,).
        resonant: Whether an orbit lies close to a low-order resonance of radial and polar motion, where a real
            inspiral is not adiabatic.
        extrapolated: Whether an orbit lies outside the domain of the model, so that its values are the analytic
            baseline's.
    """

    values: Complex[np.ndarray, "orbits modes"]
    modes: Int[np.ndarray, "... modes 4"]
    orbits: Float[np.ndarray, "orbits 4"]
    frequencies: Float[np.ndarray, "orbits modes"]
    error: Float[np.ndarray, " orbits"]
    resonant: Bool[np.ndarray, " orbits"]
    extrapolated: Bool[np.ndarray, " orbits"]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, int]:
        """(orbits, modes)."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def power(self) -> Float[np.ndarray, "orbits modes"]:
        """Power of each mode, |Z|^2 / (4 pi w^2), zero for static modes; a mode's mirror image radiates as much."""
        square = np.where(self.frequencies == 0.0, np.inf, self.frequencies) ** 2
        return np.abs(self.values) ** 2 / (4.0 * np.pi * square)


class AmplitudeModel(Protocol):
    """Anything that answers amplitudes."""

    def __call__(
        self,
        *,
        a: Float[np.ndarray, "..."] | float,
        p: Float[np.ndarray, "..."] | float,
        e: Float[np.ndarray, "..."] | float,
        x: Float[np.ndarray, "..."] | float,
        modes: Int[np.ndarray, "modes 4"] | None = None,
        extrapolate: Extrapolate = "error",
    ) -> Amplitudes:
        """Amplitudes of modes.

        Args:
            a: Spin, 0 <= a < 1; scalars and arrays of one dimension broadcast.
            p: Semi-latus rectum [M].
            e: Eccentricity.
            x: cos(inclination), negative for retrograde orbits.
            modes: (l, m, k, n), any signs; None for each orbit's dominant set.
            extrapolate: What to do outside the domain.

        Returns:
            The amplitudes.

        Raises:
            DomainError: If an orbit is not bound and stable, or outside the domain and not to be extrapolated.
            InputError: If a row of `modes` is no mode.
        """
        ...

    def error(
        self,
        *,
        a: Float[np.ndarray, "..."] | float,
        p: Float[np.ndarray, "..."] | float,
        e: Float[np.ndarray, "..."] | float,
        x: Float[np.ndarray, "..."] | float,
    ) -> Float[np.ndarray, " orbits"]:
        """Estimated mode-distribution error E of each orbit."""
        ...
