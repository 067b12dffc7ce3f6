"""Models of amplitudes by name, behind one interface.

kludge      the analytic baseline: multipole formulas on exact geodesics, any orbit
lowrank     the Teukolsky source integrated against radial functions from a table of low rank (default)
"""

import functools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import resources
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import DomainError, InputError
from swansong.emri.amplitudes.answers import AmplitudeModel, Amplitudes, Extrapolate
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.kludge import kludge_modes
from swansong.emri.amplitudes.modes import CanonicalModes, canonical, check_modes, polar_index
from swansong.emri.amplitudes.plan import strongest_modes
from swansong.emri.amplitudes.radial import RadialTable, load_table
from swansong.emri.amplitudes.source import SourceModes, mixing_table, source_modes
from swansong.physics.geodesics import OrbitFrequencies, check_generic_orbit, nearest_resonance, orbit_frequencies
from swansong.physics.spheroidal import MixingTable

_WIDTHS = (64, 256, 1024)  # modes are padded to one of these, so that few sizes are compiled
_NEAR_RESONANCE = 0.01  # of |k Omega_theta - n Omega_r| / Omega_r
_DOMINANT, _MOST = 1e-3, 4096  # share of the power that a dominant set leaves out, and most of its modes
_KLUDGE_ERROR = 1e-3


class _Model(ABC):
    """What all models share: checks, the dominant set, frequencies, flags."""

    name: ClassVar[str]

    @abstractmethod
    def _values(self, orbit: Float[np.ndarray, "4"], modes: CanonicalModes) -> Complex[np.ndarray, " modes"]:
        """Amplitudes of the canonical modes of one orbit inside the domain."""

    @abstractmethod
    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        """Whether orbits lie in the domain."""

    @abstractmethod
    def _refuse(self, orbit: Float[np.ndarray, "4"]) -> str:
        """Why an orbit lies outside the domain."""

    @abstractmethod
    def _errors(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
        """Estimated mode-distribution error of orbits inside the domain."""

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
        """Amplitudes of modes; see `AmplitudeModel`."""
        orbits, outside = self._checked(a, p, e, x, extrapolate)
        lists = [check_modes(modes)] * len(orbits) if modes is not None else [dominant_modes(one) for one in orbits]
        longest = max(len(one) for one in lists)
        frequencies = orbit_frequencies(*orbits.T)
        values, omega = np.zeros((len(orbits), longest), complex), np.zeros((len(orbits), longest))
        padded = np.zeros((len(orbits), longest, 4), np.int64)
        for row, (orbit, one) in enumerate(zip(orbits, lists, strict=True)):
            count = len(one)
            padded[row, :count] = one
            omega[row, :count] = one[:, 1:] @ np.array(
                [frequencies.azimuthal[row], frequencies.polar[row], frequencies.radial[row]]
            )
            if outside[row]:
                values[row, :count] = np.asarray(kludge_modes(orbit[None], one))[0]
                continue
            form = canonical(one, retrograde=bool(orbit[3] < 0.0))
            silent = ((abs(orbit[3]) == 1.0) & (one[:, 2] != 0)) | ((orbit[2] == 0.0) & (one[:, 3] != 0))
            values[row, :count] = np.where(silent, 0.0, form.amplitudes(self._values(orbit, form)))
        if modes is None:
            order = np.argsort(-np.abs(values) / np.where(omega == 0.0, np.inf, np.abs(omega)), axis=1, kind="stable")
            values, omega = (np.take_along_axis(one, order, axis=1) for one in (values, omega))
            padded = np.take_along_axis(padded, order[..., None], axis=1)
        return Amplitudes(
            values=values,
            modes=padded if modes is None else lists[0],
            orbits=orbits,
            frequencies=omega,
            error=np.where(outside, _KLUDGE_ERROR, self._errors(orbits)),
            resonant=_resonant(orbits, frequencies),
            extrapolated=outside,
        )

    def error(
        self,
        *,
        a: Float[np.ndarray, "..."] | float,
        p: Float[np.ndarray, "..."] | float,
        e: Float[np.ndarray, "..."] | float,
        x: Float[np.ndarray, "..."] | float,
        extrapolate: Extrapolate = "error",
    ) -> Float[np.ndarray, " orbits"]:
        """Estimated mode-distribution error of each orbit; see `AmplitudeModel`."""
        orbits, outside = self._checked(a, p, e, x, extrapolate)
        return np.where(outside, _KLUDGE_ERROR, self._errors(orbits))

    def _checked(
        self, a: object, p: object, e: object, x: object, extrapolate: Extrapolate
    ) -> tuple[Float[np.ndarray, "orbits 4"], Bool[np.ndarray, " orbits"]]:
        """Orbits as rows, and which of them lie outside the domain."""
        if extrapolate not in ("error", "kludge"):
            raise InputError(f"`extrapolate` must be 'error' or 'kludge', got {extrapolate!r}; choose one of these")
        parts = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, float)) for value in (a, p, e, x)))
        if parts[0].ndim != 1:
            raise InputError(
                f"orbits must be numbers or arrays of one dimension, got shape {parts[0].shape}; flatten them"
            )
        check_generic_orbit(*parts)
        orbits = np.column_stack(parts)
        outside = ~self._inside(orbits)
        if outside.any() and extrapolate == "error":
            raise DomainError(
                f"{self._refuse(orbits[int(np.argmax(outside))])}; stay inside, or pass extrapolate='kludge' for the "
                "analytic baseline there"
            )
        return orbits, outside


def _resonant(orbits: Float[np.ndarray, "orbits 4"], frequencies: OrbitFrequencies) -> Bool[np.ndarray, " orbits"]:
    """Which generic orbits lie close to a low-order resonance."""
    generic = (orbits[:, 0] > 0.0) & (orbits[:, 2] > 0.0) & (np.abs(orbits[:, 3]) < 1.0)
    return generic & (nearest_resonance(frequencies).distance < _NEAR_RESONANCE)


def dominant_modes(orbit: Float[np.ndarray, "4"], *, share: float = 1.0 - _DOMINANT) -> Int[np.ndarray, "modes 4"]:
    """The strongest modes (l, m, k, n) of an orbit by the analytic baseline, together a share of its power.

    Args:
        orbit: (a, p, e, x).
        share: Share of the power.

    Returns:
        Modes, strongest first.
    """
    return strongest_modes(orbit, share=1.0 - share, most=_MOST)[0]


class Kludge(_Model):
    """The analytic baseline, for any bound orbit."""

    name = "kludge"

    def _values(self, orbit: Float[np.ndarray, "4"], modes: CanonicalModes) -> Complex[np.ndarray, " modes"]:
        user = polar_index(modes.modes, retrograde=bool(orbit[3] < 0.0))
        sign = np.where((modes.modes[:, 1] % 2 == 1) & (orbit[3] < 0.0), -1.0, 1.0)
        return sign * np.asarray(kludge_modes(orbit[None], user))[0]

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        return np.ones(len(orbits), bool)

    def _refuse(self, orbit: Float[np.ndarray, "4"]) -> str:
        return f"no orbit is outside, got {orbit}"

    def _errors(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
        return np.full(len(orbits), _KLUDGE_ERROR)


def quadratic(q: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, "orbits 15"]:
    """One, the coordinates, their squares and products: what the error estimate is made of."""
    first, second = np.triu_indices(q.shape[1])
    return np.column_stack([np.ones(len(q)), q, q[:, first] * q[:, second]])


@functools.cache
def _error_coefficients() -> Float[np.ndarray, " terms"]:
    """Coefficients of log10 E, raised so that 95 % of solved orbits lie below."""
    text = (resources.files("swansong.emri.amplitudes") / "data" / "errors.json").read_text()
    return np.array(json.loads(text)["coefficients"])


@eqx.filter_jit
def _solved(table: RadialTable, mixing: MixingTable, orbit: jax.Array, modes: jax.Array) -> SourceModes:
    return source_modes(table, mixing, orbit, modes)


class LowRank(_Model):
    """The source of the orbit against radial functions from the packaged table.

    Modes beyond the table, whose frequency times radius is far above l, carry no power and get the amplitude zero.

    Attributes:
        table: Radial functions.
        domain: Orbits it is made for.
    """

    name = "lowrank"

    def __init__(self, table: RadialTable | None = None, domain: Domain | None = None) -> None:
        """Take the packaged table unless another is given."""
        self.table = table or load_table()
        self.domain = domain or Domain()

    def _values(self, orbit: Float[np.ndarray, "4"], modes: CanonicalModes) -> Complex[np.ndarray, " modes"]:
        parts = []
        for first in range(0, len(modes.modes), _WIDTHS[-1]):
            rows = modes.modes[first : first + _WIDTHS[-1]]
            width = next(one for one in _WIDTHS if one >= len(rows))
            padded = np.concatenate([rows, np.tile(rows[-1:], (width - len(rows), 1))])
            found = jax.device_get(_solved(self.table, mixing_table(), jnp.asarray(orbit), jnp.asarray(padded)))
            parts.append((found.amplitudes[: len(rows)], found.inside[: len(rows)]))
        values, inside = (np.concatenate([part[i] for part in parts]) for i in range(2))
        # Beyond the table lie modes without power, where the baseline has no digit right.
        return np.where(inside, values, 0.0)

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        q = self.domain.coordinates(orbits)
        return np.asarray((np.abs(q) <= 1.0 + 1e-9).all(axis=1))

    def _refuse(self, orbit: Float[np.ndarray, "4"]) -> str:
        q = self.domain.coordinates(orbit[None])[0]
        domain = self.domain
        for value, found, edge in (
            (q[0], f"a = {orbit[0]:.6g}", f"a <= {domain.largest_spin:g}"),
            (q[2], f"e = {orbit[2]:.6g}", f"e <= {domain.largest_eccentricity:g}"),
        ):
            if value > 1.0:
                return f"{found} lies outside the domain of `lowrank`, {edge}"
        low, high = np.log1p([domain.nearest, domain.farthest])
        distance = np.expm1(low + 0.5 * (q[1] + 1.0) * (high - low))
        return (
            f"p = {orbit[1]:.6g} lies {distance:.4g} from the separatrix, outside the domain of `lowrank`, "
            f"{domain.nearest:g} to {domain.farthest:g}"
        )

    def _errors(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
        return 10.0 ** (quadratic(np.clip(self.domain.coordinates(orbits), -1.0, 1.0)) @ _error_coefficients())


_MODELS: dict[str, Callable[[], AmplitudeModel]] = {"kludge": Kludge, "lowrank": LowRank}
MODELS = tuple(_MODELS)
"""Names of the models."""


@functools.cache
def load(name: str = "lowrank") -> AmplitudeModel:
    """Load a model of amplitudes.

    Args:
        name: One of `MODELS`.

    Returns:
        The model, called as `model(a=, p=, e=, x=, modes=)`.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in _MODELS:
        raise InputError(f"there is no model of amplitudes {name!r}; choose one of {', '.join(_MODELS)}")
    return _MODELS[name]()
