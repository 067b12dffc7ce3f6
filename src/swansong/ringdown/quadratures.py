"""The conditional law of amplitudes and phases, drawn and evaluated almost exactly.

Given mass and spin, the likelihood is Gaussian in the quadratures (x, y) of every mode,
with precision G (the templates' inner products) and linear term h (templates times data).
Mode by mode, each conditioned on those after it, that Gaussian is turned into an angle t
and a radius r in the frame where the mode's own 2 x 2 precision is the identity. There a
prior uniform in amplitude and phase gives

    p(t) ~ exp(-m^2 sin^2 t / 2) [Phi(hi - m cos t) - Phi(lo - m cos t)] / kappa(t),
    p(r | t) = unit normal around m cos t, truncated to [lo(t), hi(t)],

with m the mode's signal-to-noise ratio, r = A / kappa(t) and the bounds those of the
amplitude. The angle is one-dimensional and is tabulated; the radius is exact. What is left
out is that eliminating a mode weights the later ones by its own integral over 1/A within
its bounds; importance weights put that right.

Everything here is for one remnant; use `jax.vmap` for many.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri

from swansong.core.types import Array, Float, Int
from swansong.ringdown.truncated import log_interval, normal_to_truncated, truncated_to_normal

Bounds = tuple[float | Array, float | Array]

KNOTS = 32
"""Points of the table of p(t)."""

_STEP = 2.0 * math.pi / (KNOTS - 1)
# Trapezoid rule from the first knot to every other one, as a matrix: cumsum is slow in XLA on a CPU.
_INTEGRALS = _STEP * (np.triu(np.ones((KNOTS, KNOTS)), 1) + 0.5 * np.eye(KNOTS))
_INTEGRALS[0] *= 0.5
_INTEGRALS[0, 0] = 0.0
_INTEGRALS = _INTEGRALS.astype(np.float32)
_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


class Elimination(NamedTuple):
    """The Gaussian of the quadratures, one mode after the other, the loudest last.

    Attributes:
        precision: Precision of each mode given the later ones, 2 x 2 each.
        linear: Linear term of each mode at quadratures zero of the later ones, 2 each.
        coupling: Couplings of each mode to the later ones, 2 x 2 later each.
        log_normal: Log of the Gaussian's integral over all quadratures, relative to noise.
        order: Index of the mode that stands at each place, (modes,).
    """

    precision: tuple[Float[Array, "2 2"], ...]
    linear: tuple[Float[Array, "2"], ...]
    coupling: tuple[Float[Array, "2 later"], ...]
    log_normal: Float[Array, ""]
    order: Int[Array, "modes"]

    def sort(self, pairs: Float[Array, "q"]) -> Float[Array, "q"]:
        """Pairs of numbers per mode, put into the order of elimination."""
        return pairs.reshape(-1, 2)[self.order].reshape(-1)

    def restore(self, pairs: Float[Array, "q"]) -> Float[Array, "q"]:
        """Inverse of `sort`."""
        return jnp.zeros_like(pairs).reshape(-1, 2).at[self.order].set(pairs.reshape(-1, 2)).reshape(-1)

    def means(self) -> list[Float[Array, "2"]]:
        """Mean of each mode's pair under the Gaussian, in the order of elimination."""
        found: list[Array] = []
        for p, h, b in zip(self.precision[::-1], self.linear[::-1], self.coupling[::-1], strict=True):
            later = jnp.concatenate(found) if found else jnp.zeros(0)
            found.insert(0, _inverse(p)[0] @ (h - b @ later))
        return found


class Turn(NamedTuple):
    """An angle by its cosine and sine, which is all that most formulas need.

    Attributes:
        cos: Cosine.
        sin: Sine.
    """

    cos: Float[Array, "..."]
    sin: Float[Array, "..."]

    @classmethod
    def by(cls, angle: Float[Array, "..."]) -> "Turn":
        """The turn by an angle [rad]."""
        return cls(jnp.cos(angle), jnp.sin(angle))

    def then(self, other: "Turn") -> "Turn":
        """Both turns, one after the other."""
        return Turn(self.cos * other.cos - self.sin * other.sin, self.sin * other.cos + self.cos * other.sin)


class Polar(NamedTuple):
    """One mode's conditional in polar coordinates.

    Attributes:
        root: Lower factor L of the precision P = L L^T, as (L11, L21, L22).
        snr: Length m of the whitened mean.
        direction: Direction of the whitened mean.
        bounds: Amplitude bounds [1e-21].
    """

    root: tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]
    snr: Float[Array, ""]
    direction: Turn
    bounds: Bounds

    def radii(self, t: Turn) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
        """Mean and bounds of the radius at an angle."""
        per_amplitude = 1.0 / self._scale(t)
        return self.snr * t.cos, self.bounds[0] * per_amplitude, self.bounds[1] * per_amplitude

    def log_angle(self, t: Turn) -> Float[Array, "..."]:
        """Log of the integral over the amplitude at an angle t, per unit of t."""
        mean, low, high = self.radii(t)
        mass = log_interval(low - mean, high - mean)
        peak = 0.5 * (self.snr * t.sin) ** 2
        return mass - peak - jnp.log(self._scale(t)) + _LOG_ROOT_TWO_PI - self.log_root

    @property
    def log_root(self) -> Float[Array, ""]:
        """Log of the determinant of L."""
        return jnp.log(self.root[0]) + jnp.log(self.root[2])

    def polar(self, xy: Float[Array, "2"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Angle and radius of a quadrature pair."""
        l11, l21, l22 = self.root
        a, b = l11 * xy[0] + l21 * xy[1], l22 * xy[1]
        ahead, aside = Turn(a, b).then(Turn(self.direction.cos, -self.direction.sin))
        return jnp.arctan2(aside, ahead), jnp.sqrt(a * a + b * b)

    def cartesian(self, t: Turn, r: Float[Array, ""]) -> Float[Array, "2"]:
        """The quadrature pair at an angle and a radius."""
        return r * jnp.stack(self._unwhiten(t))

    def _scale(self, t: Turn) -> Float[Array, "..."]:
        """Amplitude per unit radius, kappa(t)."""
        x, y = self._unwhiten(t)
        return jnp.sqrt(x * x + y * y)

    def _unwhiten(self, t: Turn) -> tuple[Array, Array]:
        """Solve L^T (x, y) = unit vector at the angle."""
        l11, l21, l22 = self.root
        a, b = t.then(self.direction)
        y = b / l22
        return (a - l21 * y) / l11, y


class AngleTable(NamedTuple):
    """The law of one mode's angle as a piecewise linear density.

    The table lives in s = 2 atan(k tan(t/2)), which resolves the peak whatever its width.

    Attributes:
        stretch: The factor k.
        density: Density at the knots in s, normalised to the table's integral.
        cumulative: Integral up to each knot.
    """

    stretch: Float[Array, ""]
    density: Float[Array, "knots"]
    cumulative: Float[Array, "knots"]


def eliminate(gram: Float[Array, "q q"], linear: Float[Array, "q"]) -> Elimination:
    """Split the Gaussian of the quadratures mode by mode.

    The loudest mode comes last: it is conditioned on no other, so that where its amplitude
    meets the prior's upper bound nothing is left out.

    Args:
        gram: Inner products of the templates, (2 modes, 2 modes).
        linear: Inner products of templates and data, (2 modes,).

    Returns:
        The elimination.
    """
    modes = gram.shape[0] // 2
    natural = _eliminate(gram, linear, jnp.arange(modes))
    if modes == 1:
        return natural
    order = jnp.argsort(jnp.stack([pair @ pair for pair in natural.means()]))
    index = (2 * order[:, None] + jnp.arange(2)).reshape(-1)
    return _eliminate(gram[index][:, index], linear[index], order)


def _eliminate(gram: Float[Array, "q q"], linear: Float[Array, "q"], order: Int[Array, "modes"]) -> Elimination:
    """Eliminate modes in the order in which they stand."""
    precision, linears, coupling = [], [], []
    log_normal = jnp.zeros(())
    for later in range(gram.shape[0] // 2 - 1, -1, -1):
        p, b, h = gram[:2, :2], gram[:2, 2:], linear[:2]
        inverse, determinant = _inverse(p)
        precision.append(p)
        linears.append(h)
        coupling.append(b)
        log_normal += 0.5 * h @ inverse @ h - 0.5 * jnp.log(determinant) + 2.0 * _LOG_ROOT_TWO_PI
        if later:
            gram = gram[2:, 2:] - b.T @ inverse @ b
            linear = linear[2:] - b.T @ inverse @ h
    return Elimination(tuple(precision), tuple(linears), tuple(coupling), log_normal, order)


def polar_of(split: Elimination, index: int, later: Float[Array, "later"], bounds: Bounds) -> Polar:
    """The conditional of one mode given the quadratures of the later ones."""
    p = split.precision[index]
    l11 = jnp.sqrt(p[0, 0])
    l21 = p[1, 0] / l11
    l22 = jnp.sqrt(p[1, 1] - l21 * l21)
    h = split.linear[index] - split.coupling[index] @ later
    # The whitened mean L^T P^-1 h = L^-1 h.
    a = h[0] / l11
    b = (h[1] - l21 * a) / l22
    snr = jnp.sqrt(a * a + b * b + 1e-300)
    # Without any mean every direction will do.
    direction = Turn(jnp.where(snr > 1e-100, a / snr, 1.0), jnp.where(snr > 1e-100, b / snr, 0.0))
    return Polar((l11, l21, l22), snr, direction, bounds)


def _knots(polar: Polar) -> tuple[Float[Array, ""], Float[Array, "knots"]]:
    """Stretch of a mode's table, and ln of the density in s at its knots, in float32.

    What the table says is the law that is used, so single precision loses nothing.
    """
    stretch = jnp.sqrt(1.0 + 0.25 * polar.snr**2)
    single = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), polar)
    half = 0.5 * np.linspace(-np.pi, np.pi, KNOTS)
    # t = 2 atan(tan(s/2) / k), written without trigonometric functions of traced numbers.
    along, across = jnp.float32(np.cos(half)) * stretch.astype(jnp.float32), jnp.float32(np.sin(half))
    norm = along**2 + across**2
    turn = Turn((along**2 - across**2) / norm, 2.0 * along * across / norm)
    return stretch, single.log_angle(turn) + jnp.log(stretch.astype(jnp.float32) / norm)


def angle_table(polar: Polar) -> AngleTable:
    """Tabulate the law of a mode's angle."""
    stretch, log_density = _knots(polar)
    # A floor keeps every angle possible, so that no truth can fall on an impossible knot.
    density = jnp.exp(log_density - jnp.max(log_density)) + 1e-9
    cumulative = density @ _INTEGRALS
    total = cumulative[-1]
    return AngleTable(stretch, density / total, cumulative / total)


def log_angle_integral(polar: Polar) -> Float[Array, ""]:
    """Log of the integral over a mode's amplitude and phase."""
    return jax.nn.logsumexp(_knots(polar)[1][:-1]).astype(float) + math.log(_STEP)


def angle_to_unit(table: AngleTable, t: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Cumulative probability of an angle, and ln of its density in t."""
    s = 2.0 * jnp.arctan(table.stretch * jnp.tan(0.5 * t))
    index = jnp.clip(jnp.floor((s + jnp.pi) / _STEP).astype(int), 0, KNOTS - 2)
    share = jnp.clip((s + jnp.pi) / _STEP - index, 0.0, 1.0)
    low, high = table.density[index], table.density[index + 1]
    unit = table.cumulative[index] + _STEP * share * (low + 0.5 * share * (high - low))
    return unit, jnp.log(low + share * (high - low)) + _log_stretch(t, table.stretch)


def unit_to_angle(table: AngleTable, unit: Float[Array, ""]) -> Float[Array, ""]:
    """The angle at a cumulative probability."""
    index = jnp.clip(jnp.searchsorted(table.cumulative, unit, side="right") - 1, 0, KNOTS - 2)
    low, high = table.density[index], table.density[index + 1]
    rest = jnp.clip((unit - table.cumulative[index]) / _STEP, 0.0)
    # Root of share (low + share (high - low) / 2) = rest in the form that is stable as high -> low.
    share = 2.0 * rest / (low + jnp.sqrt(jnp.maximum(low * low + 2.0 * (high - low) * rest, 0.0)))
    s = -jnp.pi + _STEP * (index + jnp.clip(share, 0.0, 1.0))
    return 2.0 * jnp.arctan(jnp.tan(0.5 * s) / table.stretch)


def to_normal(
    split: Elimination, quadratures: Float[Array, "q"], bounds: Bounds
) -> tuple[Float[Array, "q"], Float[Array, ""]]:
    """Map quadratures to coordinates that are standard normal under the conditional law.

    Args:
        split: The eliminated Gaussian.
        quadratures: x, y of every mode [1e-21].
        bounds: Amplitude bounds [1e-21].

    Returns:
        Normal coordinates (angle and radius of mode 0, of mode 1, ...), and
        ln |d coordinates / d(A, phi)| summed over modes.
    """
    quadratures = split.sort(quadratures)
    coordinates, log_det = [], jnp.zeros(())
    for index in range(len(split.precision)):
        polar = polar_of(split, index, quadratures[2 * index + 2 :], bounds)
        pair = quadratures[2 * index : 2 * index + 2]
        t, r = polar.polar(pair)
        unit, log_density = angle_to_unit(angle_table(polar), t)
        angle = ndtri(jnp.clip(unit, 1e-15, 1.0 - 1e-15))
        mean, low, high = polar.radii(Turn.by(t))
        radius, log_slope = truncated_to_normal(r - mean, low - mean, high - mean)
        coordinates += [angle, radius]
        amplitude = jnp.sqrt(pair @ pair)
        # dt dr = (A det L / r) dA dphi, as x dy = A dA dphi and the whitened frame has dz = det L dx.
        log_det += log_density + 0.5 * angle**2 + _LOG_ROOT_TWO_PI + log_slope
        log_det += jnp.log(amplitude) + polar.log_root - jnp.log(r)
    return split.restore(jnp.stack(coordinates)), log_det


def from_normal(
    split: Elimination, coordinates: Float[Array, "q"], bounds: Bounds
) -> tuple[Float[Array, "q"], Float[Array, ""]]:
    """Inverse of `to_normal`.

    Returns:
        Quadratures of every mode [1e-21], and ln |d coordinates / d(A, phi)|.
    """
    coordinates = split.sort(coordinates)
    later, log_det = jnp.zeros((0,)), jnp.zeros(())
    for index in range(len(split.precision) - 1, -1, -1):
        polar = polar_of(split, index, later, bounds)
        pair, log_slope = draw_mode(polar, angle_table(polar), coordinates[2 * index : 2 * index + 2])
        later, log_det = jnp.concatenate([pair, later]), log_det + log_slope
    return split.restore(later), log_det


def draw_mode(
    polar: Polar, table: AngleTable, coordinates: Float[Array, "2"]
) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    """One mode's quadratures from its two normal coordinates, with ln |d coordinates / d(A, phi)|."""
    angle, radius = coordinates
    t = unit_to_angle(table, ndtr(angle))
    _, log_density = angle_to_unit(table, t)
    mean, low, high = polar.radii(Turn.by(t))
    offset, log_slope = normal_to_truncated(radius, low - mean, high - mean)
    r = mean + offset
    pair = polar.cartesian(Turn.by(t), r)
    log_det = log_density + 0.5 * angle**2 + _LOG_ROOT_TWO_PI + log_slope
    return pair, log_det + jnp.log(jnp.sqrt(pair @ pair)) + polar.log_root - jnp.log(r)


def log_weight_of_amplitudes(split: Elimination, bounds: Bounds) -> Float[Array, ""]:
    """Log of the integral over all amplitudes and phases of likelihood / Gaussian integral.

    The product of the modes' own integrals, each with the later modes at their mean: exact
    for one mode, close for more.
    """
    total, later = jnp.zeros(()), jnp.zeros((0,))
    for index in range(len(split.precision) - 1, -1, -1):
        polar = polar_of(split, index, later, bounds)
        total += log_angle_integral(polar) - 2.0 * _LOG_ROOT_TWO_PI + polar.log_root
        ahead = Turn(jnp.ones(()), jnp.zeros(()))
        mean, low, high = polar.radii(ahead)
        later = jnp.concatenate([polar.cartesian(ahead, jnp.clip(mean, low, high)), later])
    return total


def _inverse(matrix: Float[Array, "2 2"]) -> tuple[Float[Array, "2 2"], Float[Array, ""]]:
    """Inverse and determinant of a 2 x 2 matrix; LAPACK is slow on many small ones."""
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / determinant, determinant


def _log_stretch(t: Array, stretch: Array) -> Array:
    """Log ds/dt of s = 2 atan(k tan(t/2))."""
    return jnp.log(stretch) - jnp.log(jnp.cos(0.5 * t) ** 2 + (stretch * jnp.sin(0.5 * t)) ** 2)


def amplitudes_and_phases(
    quadratures: Float[Array, "q"],
) -> tuple[Float[Array, "modes"], Float[Array, "modes"]]:
    """Amplitudes [1e-21] and phases in [0, 2 pi) of quadratures."""
    pairs = quadratures.reshape(-1, 2)
    phase = jnp.mod(jnp.arctan2(pairs[:, 1], pairs[:, 0]), 2.0 * jnp.pi)
    # A tiny negative angle rounds up to 2 pi itself.
    return jnp.sqrt((pairs**2).sum(axis=1)), jnp.where(phase >= 2.0 * jnp.pi, 0.0, phase)
