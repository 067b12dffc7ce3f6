"""The conditional law of amplitudes and phases, drawn and evaluated almost exactly.

Given mass and spin, the likelihood is Gaussian in the quadratures (x, y) of every mode,
with precision G (the templates' inner products) and linear term h (templates times data).
Mode by mode, each conditioned on those after it, that Gaussian is turned into an angle t
and a radius r in the frame where the mode's own 2 x 2 precision is the identity. There a
prior uniform in amplitude and phase gives

    p(t) ~ exp(-m^2 sin^2 t / 2) [Phi(hi - m cos t) - Phi(lo - m cos t)] / kappa(t),
    p(r | t) = unit normal around m cos t, truncated to [lo(t), hi(t)],

with m the mode's signal-to-noise ratio, r = A / kappa(t) and the bounds those of the
amplitude. The angle is one-dimensional and is tabulated; the radius is exact. The only
thing left out is that eliminating a mode weights the others by its own mean 1/A, which
importance weights (or a network) put right.

Everything here is for one remnant; use `jax.vmap` for many.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri

from swansong.core.types import Array, Float

KNOTS = 48
"""Points of the table of p(t)."""

_FAR = 30.0  # standard deviations beyond which a truncated normal is treated as its tail's end
_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


class Elimination(NamedTuple):
    """The Gaussian of the quadratures, one mode after the other.

    Attributes:
        precision: Precision of each mode given the later ones, (modes, 2, 2).
        linear: Linear term of each mode at quadratures zero of the later ones, (modes, 2).
        coupling: Couplings to later modes, a tuple with shapes (2, 2 (modes - 1 - index)).
        log_normal: ln of the Gaussian's integral over all quadratures, relative to noise.
    """

    precision: tuple[Float[Array, "2 2"], ...]
    linear: tuple[Float[Array, "2"], ...]
    coupling: tuple[Float[Array, "2 later"], ...]
    log_normal: Float[Array, ""]


class Polar(NamedTuple):
    """One mode's conditional in polar coordinates.

    Attributes:
        root: Lower factor L of the precision P = L L^T, as (L11, L21, L22).
        snr: Length m of the whitened mean.
        direction: Angle of the whitened mean [rad].
        bounds: Amplitude bounds [1e-21].
    """

    root: tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]
    snr: Float[Array, ""]
    direction: Float[Array, ""]
    bounds: tuple[float, float]

    def scale(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """Amplitude per unit radius, kappa(t)."""
        x, y = self._unwhiten(jnp.cos(t + self.direction), jnp.sin(t + self.direction))
        return jnp.sqrt(x * x + y * y)

    def radii(self, t: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
        """Mean and bounds of the radius at an angle."""
        scale = self.scale(t)
        return self.snr * jnp.cos(t), self.bounds[0] / scale, self.bounds[1] / scale

    def log_angle(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """ln of the density of t, not normalised: the radius integrated out."""
        mean, low, high = self.radii(t)
        mass = log_interval(low - mean, high - mean)
        return mass - 0.5 * (self.snr * jnp.sin(t)) ** 2 - jnp.log(self.scale(t)) + _LOG_ROOT_TWO_PI - self.log_root

    @property
    def log_root(self) -> Float[Array, ""]:
        """ln of the determinant of L."""
        return jnp.log(self.root[0]) + jnp.log(self.root[2])

    def polar(self, xy: Float[Array, "2"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Angle and radius of a quadrature pair."""
        l11, l21, l22 = self.root
        a, b = l11 * xy[0] + l21 * xy[1], l22 * xy[1]
        t = jnp.arctan2(b, a) - self.direction
        return jnp.arctan2(jnp.sin(t), jnp.cos(t)), jnp.sqrt(a * a + b * b)

    def cartesian(self, t: Float[Array, ""], r: Float[Array, ""]) -> Float[Array, "2"]:
        """The quadrature pair at an angle and a radius."""
        x, y = self._unwhiten(jnp.cos(t + self.direction), jnp.sin(t + self.direction))
        return r * jnp.stack([x, y])

    def _unwhiten(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Solve L^T (x, y) = (a, b)."""
        l11, l21, l22 = self.root
        y = b / l22
        return (a - l21 * y) / l11, y


class AngleTable(NamedTuple):
    """The law of one mode's angle as a piecewise linear density.

    The table lives in s = 2 atan(k tan(t/2)), which resolves the peak whatever its width.

    Attributes:
        stretch: The factor k.
        density: Density at the knots in s, normalised to the table's integral.
        cumulative: Integral up to each knot.
        log_total: ln of the integral of `Polar.log_angle` over t.
    """

    stretch: Float[Array, ""]
    density: Float[Array, "knots"]
    cumulative: Float[Array, "knots"]
    log_total: Float[Array, ""]


def eliminate(gram: Float[Array, "q q"], linear: Float[Array, "q"]) -> Elimination:
    """Split the Gaussian of the quadratures mode by mode.

    Args:
        gram: Inner products of the templates, (2 modes, 2 modes).
        linear: Inner products of templates and data, (2 modes,).

    Returns:
        The elimination; mode 0 is conditioned on all others, the last mode on none.
    """
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
    return Elimination(tuple(precision), tuple(linears), tuple(coupling), log_normal)


def polar_of(split: Elimination, index: int, later: Float[Array, "later"], bounds: tuple[float, float]) -> Polar:
    """The conditional of one mode given the quadratures of the later ones."""
    p = split.precision[index]
    l11 = jnp.sqrt(p[0, 0])
    l21 = p[1, 0] / l11
    l22 = jnp.sqrt(p[1, 1] - l21 * l21)
    h = split.linear[index] - split.coupling[index] @ later
    # The whitened mean L^T P^-1 h = L^-1 h.
    a = h[0] / l11
    b = (h[1] - l21 * a) / l22
    return Polar((l11, l21, l22), jnp.sqrt(a * a + b * b), jnp.arctan2(b, a), bounds)


def angle_table(polar: Polar) -> AngleTable:
    """Tabulate the law of a mode's angle."""
    stretch = jnp.sqrt(1.0 + 0.25 * polar.snr**2)
    s = jnp.linspace(-jnp.pi, jnp.pi, KNOTS)
    t = 2.0 * jnp.arctan(jnp.tan(0.5 * s) / stretch)
    log_density = polar.log_angle(t) - _log_stretch(t, stretch)
    top = jnp.max(log_density)
    # A floor keeps every angle possible, so that no truth can fall on an impossible knot.
    density = jnp.exp(log_density - top) + 1e-9
    width = 2.0 * jnp.pi / (KNOTS - 1)
    cumulative = jnp.concatenate([jnp.zeros(1), jnp.cumsum(0.5 * width * (density[1:] + density[:-1]))])
    total = cumulative[-1]
    return AngleTable(stretch, density / total, cumulative / total, jnp.log(total) + top)


def angle_to_unit(table: AngleTable, t: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Cumulative probability of an angle, and ln of its density in t."""
    s = 2.0 * jnp.arctan(table.stretch * jnp.tan(0.5 * t))
    width = 2.0 * jnp.pi / (KNOTS - 1)
    index = jnp.clip(jnp.floor((s + jnp.pi) / width).astype(int), 0, KNOTS - 2)
    share = jnp.clip((s + jnp.pi) / width - index, 0.0, 1.0)
    low, high = table.density[index], table.density[index + 1]
    unit = table.cumulative[index] + width * share * (low + 0.5 * share * (high - low))
    return unit, jnp.log(low + share * (high - low)) + _log_stretch(t, table.stretch)


def unit_to_angle(table: AngleTable, unit: Float[Array, ""]) -> Float[Array, ""]:
    """The angle at a cumulative probability."""
    index = jnp.clip(jnp.searchsorted(table.cumulative, unit, side="right") - 1, 0, KNOTS - 2)
    width = 2.0 * jnp.pi / (KNOTS - 1)
    low, high = table.density[index], table.density[index + 1]
    rest = jnp.clip((unit - table.cumulative[index]) / width, 0.0)
    # Root of share (low + share (high - low) / 2) = rest in the form that is stable as high -> low.
    share = 2.0 * rest / (low + jnp.sqrt(jnp.maximum(low * low + 2.0 * (high - low) * rest, 0.0)))
    s = -jnp.pi + width * (index + jnp.clip(share, 0.0, 1.0))
    return 2.0 * jnp.arctan(jnp.tan(0.5 * s) / table.stretch)


def to_normal(
    split: Elimination, quadratures: Float[Array, "q"], bounds: tuple[float, float]
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
    coordinates, log_det = [], jnp.zeros(())
    for index in range(len(split.precision)):
        polar = polar_of(split, index, quadratures[2 * index + 2 :], bounds)
        pair = quadratures[2 * index : 2 * index + 2]
        t, r = polar.polar(pair)
        unit, log_density = angle_to_unit(angle_table(polar), t)
        angle = ndtri(jnp.clip(unit, 1e-15, 1.0 - 1e-15))
        mean, low, high = polar.radii(t)
        radius, log_slope = truncated_to_normal(r - mean, low - mean, high - mean)
        coordinates += [angle, radius]
        amplitude = jnp.sqrt(pair @ pair)
        # dt dr = (A det L / r) dA dphi, as x dy = A dA dphi and the whitened frame has dz = det L dx.
        log_det += log_density + 0.5 * angle**2 + _LOG_ROOT_TWO_PI + log_slope
        log_det += jnp.log(amplitude) + polar.log_root - jnp.log(r)
    return jnp.stack(coordinates), log_det


def from_normal(
    split: Elimination, coordinates: Float[Array, "q"], bounds: tuple[float, float]
) -> tuple[Float[Array, "q"], Float[Array, ""]]:
    """Inverse of `to_normal`.

    Returns:
        Quadratures of every mode [1e-21], and ln |d coordinates / d(A, phi)|.
    """
    modes = len(split.precision)
    later, log_det = jnp.zeros((0,)), jnp.zeros(())
    for index in range(modes - 1, -1, -1):
        polar = polar_of(split, index, later, bounds)
        angle, radius = coordinates[2 * index], coordinates[2 * index + 1]
        table = angle_table(polar)
        t = unit_to_angle(table, ndtr(angle))
        _, log_density = angle_to_unit(table, t)
        mean, low, high = polar.radii(t)
        offset, log_slope = normal_to_truncated(radius, low - mean, high - mean)
        r = mean + offset
        pair = polar.cartesian(t, r)
        later = jnp.concatenate([pair, later])
        log_det += log_density + 0.5 * angle**2 + _LOG_ROOT_TWO_PI + log_slope
        log_det += jnp.log(jnp.sqrt(pair @ pair)) + polar.log_root - jnp.log(r)
    return later, log_det


def log_weight_of_amplitudes(split: Elimination, bounds: tuple[float, float]) -> Float[Array, ""]:
    """ln of the integral over all amplitudes and phases of likelihood / Gaussian integral.

    The product of the modes' own integrals, each with the later modes at their mean: exact
    for one mode, close for more.
    """
    total, later = jnp.zeros(()), jnp.zeros((0,))
    for index in range(len(split.precision) - 1, -1, -1):
        polar = polar_of(split, index, later, bounds)
        total += angle_table(polar).log_total - 2.0 * _LOG_ROOT_TWO_PI + polar.log_root
        inside = jnp.clip(polar.snr, polar.radii(jnp.zeros(()))[1], polar.radii(jnp.zeros(()))[2])
        later = jnp.concatenate([polar.cartesian(jnp.zeros(()), inside), later])
    return total


def log_interval(low: Float[Array, "..."], high: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln [Phi(high) - Phi(low)] without cancellation; tails beyond 30 sigma are cut."""
    low, high, _ = _lower_side(low, high)
    return jnp.log(jnp.maximum(ndtr(high) - ndtr(low), 1e-300))


def truncated_to_normal(
    x: Float[Array, "..."], low: Float[Array, "..."], high: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Map a unit normal truncated to [low, high] onto the whole normal.

    Args:
        x: Value between the bounds.
        low: Lower bound.
        high: Upper bound.

    Returns:
        The normal coordinate and ln of its derivative.
    """
    low, high, flip = _lower_side(low, high)
    x = jnp.clip(jnp.where(flip, -x, x), low, high)
    bottom, total = ndtr(low), jnp.maximum(ndtr(high) - ndtr(low), 1e-300)
    below = jnp.clip((ndtr(x) - bottom) / total, 1e-15, 1.0)
    above = jnp.clip((ndtr(high) - ndtr(x)) / total, 1e-15, 1.0)
    value = jnp.where(below < 0.5, ndtri(jnp.minimum(below, 0.5)), -ndtri(jnp.minimum(above, 0.5)))
    return jnp.where(flip, -value, value), 0.5 * value**2 - 0.5 * x**2 - jnp.log(total)


def normal_to_truncated(
    value: Float[Array, "..."], low: Float[Array, "..."], high: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Inverse of `truncated_to_normal`: the value between the bounds, and the same ln derivative."""
    low, high, flip = _lower_side(low, high)
    value = jnp.where(flip, -value, value)
    bottom, total = ndtr(low), jnp.maximum(ndtr(high) - ndtr(low), 1e-300)
    x = jnp.clip(ndtri(jnp.clip(bottom + total * ndtr(value), 1e-300, 1.0 - 1e-16)), low, high)
    return jnp.where(flip, -x, x), 0.5 * value**2 - 0.5 * x**2 - jnp.log(total)


def _lower_side(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Mirror an interval so that most of it lies below zero, where Phi keeps its digits."""
    # An interval wholly beyond the far tail is moved to its edge, where it still has a width.
    flip = low + high > 0.0
    low, high = jnp.where(flip, -high, low), jnp.where(flip, -low, high)
    high = jnp.maximum(high, -_FAR)
    return jnp.minimum(jnp.maximum(low, -_FAR - 5.0), high - 1e-3), high, flip


def _inverse(matrix: Float[Array, "2 2"]) -> tuple[Float[Array, "2 2"], Float[Array, ""]]:
    """Inverse and determinant of a 2 x 2 matrix; LAPACK is slow on many small ones."""
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / determinant, determinant


def _log_stretch(t: Array, stretch: Array) -> Array:
    """ln ds/dt of s = 2 atan(k tan(t/2))."""
    return jnp.log(stretch) - jnp.log(jnp.cos(0.5 * t) ** 2 + (stretch * jnp.sin(0.5 * t)) ** 2)


def amplitudes_and_phases(
    quadratures: Float[Array, "q"],
) -> tuple[Float[Array, "modes"], Float[Array, "modes"]]:
    """Amplitudes [1e-21] and phases in [0, 2 pi) of quadratures."""
    pairs = quadratures.reshape(-1, 2)
    return jnp.sqrt((pairs**2).sum(axis=1)), jnp.mod(jnp.arctan2(pairs[:, 1], pairs[:, 0]), 2.0 * jnp.pi)


batched_elimination = jax.vmap(eliminate)
