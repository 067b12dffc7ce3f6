"""HEALPix grids, and a kernel density of samples on the sphere whose width adapts to them.

The density is built on a ladder of grids, each with pixels and kernels half as wide as
the one before, so that the work is the same on every rung: samples are binned on the
grid that suits their own width, spread there by a sum over near pixels, and the sums are
carried to the resolution of the map. (astropy is imported late: it takes a second or two.)
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from swansong.core.errors import InputError

LARGEST_NSIDE = 1024
"""Finest maps that are made or read: 12.6 million pixels of 3.4 arc minutes."""

COARSEST_NSIDE = 2
"""The first grid of the density estimate, and the coarsest map."""

_FINER = 4  # the last grid has pixels this many times smaller than those of the map
_WIDTH = 1.5  # standard deviation of the kernel of a grid, in its pixels
_REACH = 4.0  # standard deviations after which a kernel is cut
_BINNING = 1.0 / 12.0  # variance that binning adds, in squared pixels
_REFINING = 2.0 / 9.0  # and that linear interpolation to finer and finer grids adds: (1 + 1/4 + ...) / 6
_BLOCK = 32  # targets are sought in pixels this many times larger: more than a kernel reaches


class Layer(NamedTuple):
    """Samples that share a kernel.

    Attributes:
        nside: Resolution of their grid.
        pixels: Nested indices of the pixels that hold samples ``(m,)``.
        mass: Weight in each of them ``(m,)``.
        width: Standard deviation of the kernel [rad].
    """

    nside: int
    pixels: Int[np.ndarray, "m"]
    mass: Float[np.ndarray, "m"]
    width: float


def is_nside(nside: int) -> bool:
    """Tell whether a number is a resolution that nested grids have, up to `LARGEST_NSIDE`."""
    return 1 <= nside <= LARGEST_NSIDE and nside & (nside - 1) == 0


def directions(
    ra: ArrayLike | float, dec: ArrayLike | float
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Check sky angles and give them a common shape.

    Args:
        ra: Right ascension [rad].
        dec: Declination [rad].

    Returns:
        Right ascension and declination [rad].

    Raises:
        InputError: Shapes do not fit, an angle is not finite or lies beyond a pole.
    """
    try:
        ra, dec = np.broadcast_arrays(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float))
    except ValueError as error:
        raise InputError(
            f"right ascensions and declinations do not fit together ({error}); give equally many"
        ) from error
    # A hair beyond the pole is rounding.
    if not np.isfinite(ra).all() or not (np.abs(dec) <= math.pi / 2 + 1e-9).all():
        raise InputError("sky angles must be finite with declinations within [-pi/2, pi/2]; give both in radians")
    return ra, np.asarray(np.clip(dec, -math.pi / 2, math.pi / 2))


def pixels(nside: int, ra: Float[np.ndarray, "..."], dec: Float[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    """Find the nested index of the pixel that holds each direction [rad]."""
    from astropy_healpix import healpy

    return np.asarray(healpy.ang2pix(nside, math.pi / 2 - dec, np.mod(ra, 2.0 * math.pi), nest=True), dtype=np.int64)


def centres(nside: int, index: Int[np.ndarray, "m"]) -> Float[np.ndarray, "m 3"]:
    """Give the unit vectors to the centres of pixels."""
    from astropy_healpix import healpy

    return np.stack(healpy.pix2vec(nside, index, nest=True), axis=-1)


def interpolate(
    values: Float[np.ndarray, "npix"], ra: Float[np.ndarray, "..."], dec: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Interpolate a nested map between the centres of the four nearest pixels, at directions [rad]."""
    from astropy_healpix import healpy

    nside = math.isqrt(values.size // 12)
    theta, phi = math.pi / 2 - np.ravel(dec), np.mod(np.ravel(ra), 2.0 * math.pi)
    near, share = healpy.get_interp_weights(nside, theta, phi, nest=True)
    return np.sum(values[near] * share, axis=0).reshape(np.shape(ra))


def pixel_width(nside: int) -> float:
    """Square root of the solid angle of a pixel [rad]."""
    return math.sqrt(math.pi / 3.0) / nside


class Binned(NamedTuple):
    """Weighted samples binned on the finest grid; their pixels on coarser grids follow.

    Attributes:
        nside: Resolution of the finest grid.
        pixels: Pixel of each sample ``(n,)``.
        weights: Weight of each sample ``(n,)``, summing to 1.
    """

    nside: int
    pixels: Int[np.ndarray, "n"]
    weights: Float[np.ndarray, "n"]

    def on(self, nside: int) -> Int[np.ndarray, "n"]:
        """Pixel of each sample ``(n,)`` on a coarser grid."""
        return self.pixels // (self.nside // nside) ** 2

    def layer(self, nside: int, mass: Float[np.ndarray, "n"], width: float) -> Layer:
        """Gather what each sample gives to a grid ``(n,)`` into its pixels."""
        used = mass > 0.0
        index, inverse = np.unique(self.on(nside)[used], return_inverse=True)
        return Layer(nside, index, np.bincount(inverse, mass[used], minlength=index.size), width)


def binned(
    ra: Float[np.ndarray, "n"], dec: Float[np.ndarray, "n"], *, weights: Float[np.ndarray, "n"], nside: int
) -> Binned:
    """Bin samples for a map of resolution `nside`.

    Args:
        ra: Right ascension [rad].
        dec: Declination [rad].
        weights: Weights that sum to 1.
        nside: Resolution of the map; the samples are binned four times finer.

    Returns:
        The binned samples.
    """
    return Binned(_FINER * nside, pixels(_FINER * nside, ra, dec), weights)


def adapted_layers(samples: Binned, *, count: float, effective: float) -> list[Layer]:
    """Share each sample between the two grids whose kernels bracket its own width.

    The width h of a sample is such that 4 pi h^2 times the density of effective samples
    around it, itself left out, is `count`.

    Args:
        samples: The samples.
        count: How many effective samples a kernel shall cover.
        effective: How many effective samples there are.

    Returns:
        The layers, from coarse to fine.
    """
    weights, nside, layers = samples.weights, COARSEST_NSIDE, []
    active = weights > 0.0
    carried, finer = np.zeros(weights.size), np.zeros(weights.size)
    # What the widest kernel does not cover no kernel does: such samples stay there.
    found = np.maximum(_covered(samples, nside, active=active, effective=effective), count)
    while True:
        mass, carried = carried, np.zeros(weights.size)
        if nside == samples.nside:
            settled = np.zeros_like(active)
            mass[active] += weights[active]
            active[:] = False
        else:
            finer = _covered(samples, 2 * nside, active=active, effective=effective)
            settled = active & (finer < count)
        # Between two grids the count is a power of the width; then variances are mixed.
        steps = np.log(found[settled] / count) / np.log(found[settled] / finer[settled])
        share = (1.0 - 0.25**steps) / 0.75
        mass[settled] += (1.0 - share) * weights[settled]
        carried[settled] = share * weights[settled]
        if mass.any():
            layers.append(samples.layer(nside, mass, _WIDTH * pixel_width(nside)))
        active, found, nside = active & ~settled, finer, 2 * nside
        if not active.any() and not carried.any():
            return layers


def single_layer(samples: Binned, *, width: float) -> Layer:
    """Give all samples one kernel, on the coarsest grid that resolves it.

    Args:
        samples: The samples.
        width: Standard deviation of the kernel [rad].

    Returns:
        The layer.
    """
    nside = COARSEST_NSIDE
    while nside < samples.nside and width < _WIDTH * pixel_width(nside):
        nside *= 2
    return samples.layer(nside, samples.weights, width)


def combined(layers: list[Layer], *, nside: int) -> Float[np.ndarray, "npix"]:
    """Spread the layers and add them up.

    Args:
        layers: The layers, from coarse to fine, none finer than samples are binned.
        nside: Resolution of the map.

    Returns:
        Probability of each nested pixel; sums to 1.
    """
    grid = min(COARSEST_NSIDE, nside)
    density = np.zeros(12 * grid**2)  # per pixel of the current grid
    total = np.zeros(12 * nside**2)
    for layer in layers:
        while grid < min(layer.nside, nside):
            grid *= 2
            density = _refined(density)
        index, mass = _spread(layer, refined=layer.nside < nside)
        if layer.nside <= nside:
            density += np.bincount(index, mass, minlength=density.size)
        else:
            total += np.bincount(index // (layer.nside // nside) ** 2, mass, minlength=total.size)
    while grid < nside:
        grid *= 2
        density = _refined(density)
    total += density
    return total / total.sum()


def _refined(density: np.ndarray) -> np.ndarray:
    """Carry the probability per pixel to a grid twice as fine."""
    from astropy_healpix import healpy

    fine = 2 * math.isqrt(density.size // 12)
    if not density.any():
        return np.zeros(12 * fine**2)
    theta, phi = (np.asarray(angle) for angle in healpy.pix2ang(fine, np.arange(12 * fine**2), nest=True))
    return 0.25 * interpolate(density, phi, math.pi / 2 - theta)


def _pairs(first: np.ndarray, second: np.ndarray, *, width: float, variance: float) -> tuple[np.ndarray, ...]:
    """Positions of the pairs of unit vectors within reach of a kernel, and the kernel over its peak.

    A von Mises-Fisher kernel is a Gaussian of the chord.
    """
    reach = min(_REACH * width, 2.0)
    near = KDTree(first).sparse_distance_matrix(KDTree(second), reach, output_type="ndarray")
    return near["i"], near["j"], np.exp(-0.5 * near["v"] ** 2 / variance)


def _covered(samples: Binned, nside: int, *, active: np.ndarray, effective: float) -> np.ndarray:
    """Count the effective samples that the kernel of a grid covers around each active sample."""
    width = _WIDTH * pixel_width(nside)
    layer = samples.layer(nside, samples.weights, width)
    index, inverse = np.unique(samples.on(nside)[active], return_inverse=True)
    here, there, kernel = _pairs(centres(nside, index), centres(nside, layer.pixels), width=width, variance=width**2)
    covered = np.bincount(here, kernel * layer.mass[there], minlength=index.size)
    counts = np.zeros(active.size)
    # A kernel of variance h^2 has the peak 1 / (2 pi h^2), hence the factor of two.
    counts[active] = 2.0 * effective * (covered[inverse] - samples.weights[active])
    return np.maximum(counts, 1e-12)


def _spread(layer: Layer, *, refined: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spread the mass of a layer: pixels of its grid, in any order and repeated, and the mass in each."""
    targets = _around(layer)
    pixel = pixel_width(layer.nside)
    added = _BINNING + (_REFINING if refined else 0.0)
    variance = max(layer.width**2 - added * pixel**2, 1e-4 * pixel**2)
    width = max(layer.width, 0.1 * pixel)
    first, second = centres(layer.nside, layer.pixels), centres(layer.nside, targets)
    source, target, kernel = _pairs(first, second, width=width, variance=variance)
    whole = np.bincount(source, kernel, minlength=layer.pixels.size)
    return targets[target], (layer.mass / whole)[source] * kernel


def _around(layer: Layer) -> np.ndarray:
    """All pixels that a kernel of a layer can reach, and some more."""
    from astropy_healpix import neighbours

    if layer.nside < _BLOCK:
        return np.arange(12 * layer.nside**2)
    blocks = np.unique(layer.pixels // _BLOCK**2)
    with np.errstate(invalid="ignore"):  # some pixels have seven neighbours, and a -1
        near = neighbours(blocks, layer.nside // _BLOCK, order="nested").ravel()
    blocks = np.union1d(blocks, near[near >= 0])
    return (blocks[:, None] * _BLOCK**2 + np.arange(_BLOCK**2)).ravel()
