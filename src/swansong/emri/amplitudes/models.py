"""Models of amplitudes by name, behind one interface.

kludge      the analytic baseline: multipole formulas on exact geodesics, any orbit
lowrank     the Teukolsky source integrated against radial functions from a table of low rank (default)
decoder     the published network, trained on solved orbits at a small size
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import DomainError, InputError
from swansong.core.padding import in_padded_batches
from swansong.emri.amplitudes.answers import AmplitudeModel, Amplitudes, Extrapolate
from swansong.emri.amplitudes.domain import Domain
from swansong.emri.amplitudes.errors import error_coefficients, kludge_error, quadratic
from swansong.emri.amplitudes.horizon import horizon_modes
from swansong.emri.amplitudes.kludge import kludge_modes
from swansong.emri.amplitudes.modes import check_modes
from swansong.emri.amplitudes.plan import strongest_modes
from swansong.emri.amplitudes.products import Fluxes, fluxes
from swansong.emri.amplitudes.radial import load_table
from swansong.emri.amplitudes.source import source_modes, source_orbits
from swansong.physics.geodesics import OrbitFrequencies, check_generic_orbit, nearest_resonance, orbit_frequencies

_NEAR_RESONANCE = 0.01  # of |k Omega_theta - n Omega_r| / Omega_r
_DOMINANT, _MOST = 1e-3, 4096  # share of the power that a dominant set leaves out, and most of its modes
_REST, _EVERY = 1e-6, 20_000  # share of the power that fluxes leave out, and most of their modes


class _Model(ABC):
    """What all models share: checks, the dominant set, frequencies, flags."""

    name: ClassVar[str]

    @abstractmethod
    def _values(
        self,
        orbits: Float[np.ndarray, "orbits 4"],
        modes: Int[np.ndarray, "lists modes 4"],
        counts: Int[np.ndarray, " lists"],
    ) -> Complex[np.ndarray, "orbits modes"]:
        """Amplitudes of orbits inside the domain, one list (l, m, k, n) for all or one for each."""

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
        lists, counts = _lists(orbits) if modes is None else (check_modes(modes)[None], np.array([len(modes)]))
        frequencies = in_padded_batches(orbit_frequencies, *orbits.T)
        turns = np.stack([frequencies.azimuthal, frequencies.polar, frequencies.radial], axis=-1)
        omega = (lists[..., 1:] @ turns[..., None])[..., 0]
        values = np.zeros(omega.shape, complex)
        each = len(lists) > 1
        inner = np.flatnonzero(~outside)
        if inner.size:
            values[inner] = self._values(
                orbits[inner], lists[inner] if each else lists, counts[inner] if each else counts
            )  # fmt: skip
        for row in np.flatnonzero(outside):
            which = row if each else 0
            values[row, : counts[which]] = kludge_modes(orbits[row : row + 1], lists[which, : counts[which]])[0]
        if modes is None:
            order = np.argsort(-np.abs(values) / np.where(omega == 0.0, np.inf, np.abs(omega)), axis=1, kind="stable")
            values, omega = (np.take_along_axis(one, order, axis=1) for one in (values, omega))
            lists = np.take_along_axis(np.broadcast_to(lists, (*omega.shape, 4)), order[..., None], axis=1)
        return Amplitudes(
            values=values,
            modes=lists if modes is None else lists[0],
            orbits=orbits,
            frequencies=omega,
            error=np.where(outside, kludge_error(orbits), self._errors(orbits)),
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
        return np.where(outside, kludge_error(orbits), self._errors(orbits))

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


def _lists(orbits: Float[np.ndarray, "orbits 4"]) -> tuple[np.ndarray, np.ndarray]:
    """The dominant set of every orbit, rows of zeros behind the last mode, and their lengths."""
    found = [dominant_modes(one) for one in orbits]
    counts = np.array([len(one) for one in found])
    lists = np.zeros((len(found), counts.max(), 4), np.int64)
    for row, one in enumerate(found):
        lists[row, : len(one)] = one
    return lists, counts


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

    def _values(
        self,
        orbits: Float[np.ndarray, "orbits 4"],
        modes: Int[np.ndarray, "lists modes 4"],
        counts: Int[np.ndarray, " lists"],
    ) -> Complex[np.ndarray, "orbits modes"]:
        if len(modes) == 1:
            return kludge_modes(orbits, modes[0])
        found = np.zeros((len(orbits), modes.shape[1]), complex)
        for row, count in enumerate(counts):
            found[row, :count] = kludge_modes(orbits[row : row + 1], modes[row, :count])[0]
        return found

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        return np.ones(len(orbits), bool)

    def _refuse(self, orbit: Float[np.ndarray, "4"]) -> str:
        return f"no orbit is outside, got {orbit}"

    def _errors(self, orbits: Float[np.ndarray, "orbits 4"]) -> Float[np.ndarray, " orbits"]:
        return kludge_error(orbits)


class LowRank(_Model):
    """The source of the orbit against radial functions from the packaged table.

    Modes beyond the table, whose frequency times radius is far above l, carry no power and get the amplitude zero.

    Attributes:
        domain: Orbits it is made for.
    """

    name = "lowrank"

    def __init__(self, domain: Domain | None = None) -> None:
        """Take the packaged tables."""
        self.domain = domain or Domain()

    def _values(
        self,
        orbits: Float[np.ndarray, "orbits 4"],
        modes: Int[np.ndarray, "lists modes 4"],
        counts: Int[np.ndarray, " lists"],
    ) -> Complex[np.ndarray, "orbits modes"]:
        # Beyond the table lie modes without power, where the baseline has no digit right; they are zero.
        return source_modes(load_table(), source_orbits(orbits), modes, counts=counts).amplitudes

    def horizon(
        self,
        *,
        a: Float[np.ndarray, "..."] | float,
        p: Float[np.ndarray, "..."] | float,
        e: Float[np.ndarray, "..."] | float,
        x: Float[np.ndarray, "..."] | float,
        modes: Int[np.ndarray, "modes 4"],
    ) -> Complex[np.ndarray, "orbits modes"]:
        """Amplitudes at the horizon, in the normalisation of `horizon.horizon_factor`.

        Args:
            a: Spin; scalars and arrays of one dimension broadcast.
            p: Semi-latus rectum [M].
            e: Eccentricity.
            x: cos(inclination).
            modes: (l, m, k, n), any signs; `horizon.horizon_modes` gives those that matter, which are others than at
                infinity.

        Returns:
            Z^H, shape (orbits, modes); zero for l > 6 and for faster modes, which put no power into the hole.

        Raises:
            DomainError: If an orbit is not bound and stable, or outside the domain.
            InputError: If a row of `modes` is no mode.
        """
        orbits, _ = self._checked(a, p, e, x, "error")
        return source_modes(load_table("horizon"), source_orbits(orbits), check_modes(modes)[None]).amplitudes

    def fluxes(
        self, *, a: float, p: float, e: float, x: float, modes: Int[np.ndarray, "modes 4"] | None = None
    ) -> Fluxes:
        """What one orbit loses to infinity and to the hole.

        Args:
            a: Spin.
            p: Semi-latus rectum [M].
            e: Eccentricity.
            x: cos(inclination).
            modes: (l, m, k, n) counted at infinity; None for those that leave out 1e-6 of the power by the analytic
                baseline. At the horizon those of `horizon.horizon_modes` count.

        Returns:
            The fluxes.

        Raises:
            DomainError: If the orbit is not bound and stable, or outside the domain.
            InputError: If a row of `modes` is no mode.
        """
        orbit = np.array([a, p, e, x])
        self._checked(a, p, e, x, "error")
        away = strongest_modes(orbit, share=_REST, most=_EVERY)[0] if modes is None else modes
        inward = horizon_modes(orbit)
        there = self.horizon(a=a, p=p, e=e, x=x, modes=inward)[0]
        hole = fluxes(inward, orbit=orbit, infinity=np.zeros(len(inward), complex), horizon=there)
        return replace(
            fluxes(away, orbit=orbit, infinity=self(a=a, p=p, e=e, x=x, modes=away).values[0]),
            energy_horizon=hole.energy_horizon,
            momentum_horizon=hole.momentum_horizon,
            carter_horizon=hole.carter_horizon,
        )

    def _inside(self, orbits: Float[np.ndarray, "orbits 4"]) -> Bool[np.ndarray, " orbits"]:
        return self.domain.contains(orbits)

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
        # Fitted in the coordinates of the packaged domain, whatever the one of this model.
        q = np.clip(Domain().coordinates(orbits), -1.0, 1.0)
        return 10.0 ** (quadratic(q) @ error_coefficients("lowrank"))


def _decoder() -> AmplitudeModel:
    # Its module builds on this one.
    from swansong.emri.amplitudes.decoder_model import Decoder

    return Decoder()


_MODELS: dict[str, Callable[[], AmplitudeModel]] = {"kludge": Kludge, "lowrank": LowRank, "decoder": _decoder}
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
