"""What amplitudes are for: dominant modes, spectra of snapshots, fluxes, and how far two sets are apart.

A mode (l, m, k, n) and its mirror image (l, -m, -k, -n) have Z_mirror = (-1)^(l+k) conj(Z) and the opposite frequency,
hence the same power. Everything here that sums over modes takes a list in which either stands for both: the sum is
that of the pair, and a pair that is listed twice, as two images or as a repetition, is counted once, by its first row.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from swansong.core.errors import InputError
from swansong.emri.amplitudes.answers import Amplitudes
from swansong.emri.amplitudes.horizon import horizon_factor
from swansong.emri.amplitudes.modes import canonical, check_modes
from swansong.emri.amplitudes.plan import strongest
from swansong.physics.geodesics import OrbitNodes, check_generic_orbit, orbit_nodes


def dominant(
    power: Float[np.ndarray, " modes"], *, share: float = 0.99, least: float = 1e-3
) -> Int[np.ndarray, " chosen"]:
    """The dominant modes of one orbit: the fewest that together reach a share of the power.

    Args:
        power: Power of each mode; NaN counts as none.
        share: Share of the total that they reach.
        least: Share of the total below which a single mode is left out all the same.

    Returns:
        Places of the modes, strongest first; none where there is no power.

    Raises:
        InputError: If the power is negative or no series, the share not in (0, 1], or `least` not in [0, 1).

    Reference:
        arXiv:2603.08635 (99 % together, .1 % each).
    """
    value = np.nan_to_num(np.asarray(power, float))
    if value.ndim != 1 or (value < 0.0).any():
        raise InputError(
            f"`power` must be a series of numbers from 0 on, got the shape {value.shape} and the least value "
            f"{value.min(initial=0.0):.6g}; give the power of each mode of one orbit"
        )
    if not (0.0 < share <= 1.0 and 0.0 <= least < 1.0):
        raise InputError(
            f"`share` must lie in (0, 1] and `least` in [0, 1), got {share} and {least}; 0.99 and 1e-3 are usual"
        )
    total = value.sum()
    if total == 0.0:
        return np.zeros(0, np.int64)
    found = strongest(value, share=1.0 - share, most=value.size)
    return found[value[found] >= least * total]


def mode_error(
    found: Complex[np.ndarray, "... modes"],
    reference: Complex[np.ndarray, "... modes"],
    *,
    frequencies: Float[np.ndarray, "... modes"],
) -> Float[np.ndarray, "..."]:
    """Mode-distribution error E = 1 - |<A, B>| / (|A| |B|) with A = Z / w^2, over the last axis.

    Args:
        found: Amplitudes Z.
        reference: Amplitudes Z of the same modes.
        frequencies: w of each mode [1/M]; static modes are left out.

    Returns:
        From 0, where both agree up to a common factor, to 1; NaN where a set is zero.

    Raises:
        InputError: If the shapes do not broadcast.

    Reference:
        arXiv:2603.08635.
    """
    try:
        z, truth, w = np.broadcast_arrays(found, reference, np.asarray(frequencies, float))
    except ValueError as error:
        raise InputError(
            f"`mode_error` needs amplitudes and frequencies of the same modes, got shapes {np.shape(found)}, "
            f"{np.shape(reference)} and {np.shape(frequencies)}; give one of each for every mode"
        ) from error
    moving = w != 0.0
    square = np.where(moving, w, 1.0) ** 2
    a, b = np.where(moving, z, 0.0) / square, np.where(moving, truth, 0.0) / square
    sizes = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore"):
        # By rounding the quotient of equal sets may exceed one.
        return np.maximum(1.0 - np.abs((np.conj(a) * b).sum(axis=-1)) / sizes, 0.0)


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """Lines of the radiation of one orbit at one moment, from the lowest frequency on.

    Attributes:
        frequency: |w| of each pair of mirror images [1/M], rising, shape (lines,).
        power: Power of both together, in units of the squared mass ratio, shape (lines,).
        modes: (l, m, k, n), the image of positive frequency, shape (lines, 4).
    """

    frequency: Float[np.ndarray, " lines"]
    power: Float[np.ndarray, " lines"]
    modes: Int[np.ndarray, "lines 4"]

    @property
    def total(self) -> float:
        """Power of all lines together."""
        return float(self.power.sum())


def power_spectrum(amplitudes: Amplitudes, *, orbit: int = 0) -> PowerSpectrum:
    """The lines of one orbit.

    Args:
        amplitudes: Amplitudes at infinity.
        orbit: Which orbit of them.

    Returns:
        The lines; pairs that occur more than once are counted once.

    Raises:
        InputError: If there is no such orbit.
    """
    if not 0 <= orbit < len(amplitudes):
        raise InputError(f"`orbit` = {orbit} is none of the {len(amplitudes)} orbits; give a number below")
    modes = amplitudes.modes if amplitudes.modes.ndim == 2 else amplitudes.modes[orbit]
    frequency, power = amplitudes.frequencies[orbit], amplitudes.power[orbit]
    # Rows of zeros stand behind the last mode of an orbit.
    listed = np.flatnonzero((modes[:, 0] > 0) & (frequency != 0.0))
    kept = listed[_pairs(modes[listed], retrograde=bool(amplitudes.orbits[orbit, 3] < 0.0))]
    kept = kept[np.argsort(np.abs(frequency[kept]), kind="stable")]
    forward = np.where(frequency[kept, None] > 0.0, 1, -1)
    upright = np.concatenate([modes[kept, :1], forward * modes[kept, 1:]], axis=1)
    return PowerSpectrum(np.abs(frequency[kept]), 2.0 * power[kept], upright)


@dataclass(frozen=True)
class Fluxes:
    """What an orbit loses on average, positive where it is lost.

    The constants of motion of a unit mass, as `constants_of_motion` gives them, change by minus the mass ratio times
    these.

    Attributes:
        energy_infinity: Power radiated to infinity [1/M].
        momentum_infinity: Angular momentum along the spin that goes there, per time.
        carter_infinity: Carter's Q lost by that radiation, per time [M].
        energy_horizon: Power that falls into the hole [1/M], negative where superradiance wins; None if not asked for.
        momentum_horizon: Angular momentum that falls in; None likewise.
        carter_horizon: Q lost by that radiation; None likewise.
    """

    energy_infinity: float
    momentum_infinity: float
    carter_infinity: float
    energy_horizon: float | None = None
    momentum_horizon: float | None = None
    carter_horizon: float | None = None


def fluxes(
    modes: Int[np.ndarray, "modes 4"],
    *,
    orbit: Float[np.ndarray, "4"],
    infinity: Complex[np.ndarray, " modes"],
    horizon: Complex[np.ndarray, " modes"] | None = None,
) -> Fluxes:
    """Energy, angular momentum and Carter's constant that an orbit loses through the modes given.

    Args:
        modes: (l, m, k, n), any signs; each stands for its mirror image too, also for m = 0.
        orbit: (a, p, e, x).
        infinity: Amplitudes Z at infinity.
        horizon: Amplitudes Z^H at the horizon, if wanted.

    Returns:
        The sums over the pairs. They are as complete as the list.

    Raises:
        InputError: If a row of `modes` is no mode or the shapes do not fit.
        DomainError: If the orbit is not bound and stable.

    Reference:
        gr-qc/9910091, section III (energy, angular momentum); Sago et al., gr-qc/0506092 (Carter's constant).
    """
    modes = check_modes(modes)
    given = {"infinity": infinity} if horizon is None else {"infinity": infinity, "horizon": horizon}
    for name, values in given.items():
        if np.shape(values) != (len(modes),):
            raise InputError(f"`{name}` must hold one amplitude for each of {len(modes)} modes, got {np.shape(values)}")
    a, p, e, x = (float(value) for value in np.asarray(orbit, float).reshape(4))
    check_generic_orbit(a, p, e, x)
    nodes = orbit_nodes(a, p, e, x)
    radial, polar, azimuthal = (float(value) for value in nodes.frequencies[:3])
    _, m, k, n = modes.T
    w = m * azimuthal + k * polar + n * radial
    counted = _pairs(modes, retrograde=x < 0.0) & (w != 0.0)
    modes, w = modes[counted], w[counted]
    rates = np.stack([np.ones_like(w), modes[:, 1] / w, _carter_rate(modes, w, nodes=nodes, x=x)])

    def lost(amplitudes: np.ndarray, factor: np.ndarray | float) -> list[float]:
        pair = factor * np.abs(np.asarray(amplitudes)[counted]) ** 2 / (2.0 * np.pi * w * w)
        return [float(value) for value in rates @ pair]

    away = lost(infinity, 1.0)
    if horizon is None:
        return Fluxes(*away)
    return Fluxes(*away, *lost(horizon, horizon_factor(modes, a=a, frequencies=w)))


def _pairs(modes: Int[np.ndarray, "modes 4"], *, retrograde: bool) -> Bool[np.ndarray, " modes"]:
    """Which rows are the first of their pair of mirror images."""
    first = np.zeros(len(modes), bool)
    first[np.unique(canonical(modes, retrograde=retrograde).modes, axis=0, return_index=True)[1]] = True
    return first


def _carter_rate(
    modes: Int[np.ndarray, "modes 4"], w: Float[np.ndarray, " modes"], *, nodes: OrbitNodes, x: float
) -> Float[np.ndarray, " modes"]:
    """dQ/dE of each mode, 2 (m <cot^2 theta> L - a^2 w <cos^2 theta> E + k Upsilon_theta) / w in means of Mino time."""
    constants = nodes.constants
    _, polar, precession = nodes.mino
    # The azimuth turns at a mean rate of sgn(x) Upsilon_theta and the precession. Its polar part is <L / sin^2 theta>,
    # whose integrand has a pole near polar orbits.
    turn = float(precession + (-polar if x < 0.0 else polar) - np.mean(nodes.azimuth_radial))
    swing = float(np.mean(nodes.rate_polar))  # a^2 E <cos^2 theta>
    cotangent = turn - float(constants.momentum)
    return 2.0 * (modes[:, 1] * cotangent - w * swing + modes[:, 2] * float(polar)) / w
