"""Sky maps: where on the sky a signal came from, as probabilities of HEALPix pixels.

A map is made from (weighted) samples by a kernel density on the sphere whose width adapts
to them, answers for areas and credible levels, and is written in the layout that
``ligo.skymap`` and its tools read: equatorial coordinates, nested ordering, FITS.

Reference:
    Gorski et al., arXiv:astro-ph/0409513 (HEALPix); Singer & Price, arXiv:1508.03634
    (sky maps of gravitational waves and their FITS files).
"""

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from swansong.core.errors import FileError, InputError
from swansong.signals._skyfiles import read_pixels, write_pixels, write_samples_table
from swansong.signals._sphere import (
    COARSEST_NSIDE,
    LARGEST_NSIDE,
    adapted_layers,
    binned,
    combined,
    directions,
    interpolate,
    is_nside,
    pixels,
    single_layer,
)
from swansong.signals.sidereal import leap_seconds

__all__ = ["SQUARE_DEGREES", "SkyMap", "read_sky_map", "sky_map", "write_samples_table"]

SQUARE_DEGREES = (180.0 / math.pi) ** 2
"""Square degrees in a steradian."""

_SUM_TOLERANCE = 1e-3
_LARGEST = 1e10  # of GPS times [s] and distances [Mpc]
_EPOCH = datetime.datetime(1980, 1, 6)  # of GPS time, in UTC
_MJD_OF_EPOCH = 44244.0


@dataclass(frozen=True, eq=False)
class SkyMap:
    """Probability of each pixel of the sky, in equatorial coordinates.

    Attributes:
        probability: Probability of each pixel ``(npix,)`` in nested ordering; sums to 1.
        gps: GPS time of the signal [s], if known.
        detectors: Names of the detectors that saw it.
        distance_mean: Posterior mean of the luminosity distance [Mpc], if known.
        distance_deviation: Its posterior standard deviation [Mpc], if known.
        name: Name of the event.
        run: Name of the analysis that made the map.

    Raises:
        InputError: The number of pixels is not that of a HEALPix grid, or the
            probabilities are negative, not finite or do not sum to 1; a number or a text
            is not one that a FITS header can hold.
    """

    probability: Float[np.ndarray, "npix"]
    gps: float | None = None
    detectors: tuple[str, ...] = ()
    distance_mean: float | None = None
    distance_deviation: float | None = None
    name: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        probability = np.array(self.probability, dtype=np.float64)
        nside = math.isqrt(max(probability.size // 12, 1))
        if probability.ndim != 1 or probability.size != 12 * nside**2 or not is_nside(nside):
            raise InputError(
                f"`SkyMap(probability=...)` has shape {probability.shape}; give 12 nside^2 pixels, nside a power of "
                f"two up to {LARGEST_NSIDE}"
            )
        total = float(probability.sum())
        if not abs(total - 1.0) < _SUM_TOLERANCE or probability.min() < 0.0:
            raise InputError(
                f"`SkyMap(probability=...)` sums to {total:.6g} with a smallest pixel of {probability.min():.3g}; give "
                "probabilities that are not negative and sum to 1"
            )
        known = [value for value in (self.gps, self.distance_mean, self.distance_deviation) if value is not None]
        if not all(0.0 <= value < _LARGEST for value in known):
            raise InputError(f"time and distance of a `SkyMap` must be finite and not negative, got {known}; mend them")
        for text in (self.name, self.run, *self.detectors):
            if not (text.isascii() and text.isprintable()):
                raise InputError(f"texts of a `SkyMap` must be printable ASCII, got {text!r}; FITS knows no other")
        probability /= total
        probability.flags.writeable = False
        object.__setattr__(self, "probability", probability)

    @property
    def nside(self) -> int:
        """Resolution: each of the twelve base pixels is cut into nside x nside."""
        return math.isqrt(self.probability.size // 12)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel [deg^2]."""
        return 4.0 * math.pi * SQUARE_DEGREES / self.probability.size

    @cached_property
    def _ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities from the smallest up, and how much all before each of them hold together."""
        ascending = np.sort(self.probability)
        return ascending, np.concatenate([[0.0], np.cumsum(ascending)])

    def pixel(self, ra: ArrayLike | float, dec: ArrayLike | float) -> Int[np.ndarray, "..."]:
        """Find the pixel that holds a direction.

        Args:
            ra: Right ascension [rad], of any shape.
            dec: Declination [rad], of a shape that fits.

        Returns:
            Nested index of the pixel, of the common shape.

        Raises:
            InputError: An angle is not finite or a declination lies beyond a pole.
        """
        return pixels(self.nside, *directions(ra, dec))

    def density(self, ra: ArrayLike | float, dec: ArrayLike | float) -> Float[np.ndarray, "..."]:
        """Interpolate the probability density between the centres of the nearest pixels.

        Args:
            ra: Right ascension [rad], of any shape.
            dec: Declination [rad], of a shape that fits.

        Returns:
            The density [1/deg^2], of the common shape.

        Raises:
            InputError: As for `pixel`.
        """
        return np.asarray(interpolate(self.probability, *directions(ra, dec)) / self.pixel_area)

    def _rank(self, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Probability and number of the pixels above these values, pixels of equal probability by halves."""
        ascending, before = self._ranked
        low = np.searchsorted(ascending, values, side="left")
        high = np.searchsorted(ascending, values, side="right")
        return np.asarray(1.0 - 0.5 * (before[low] + before[high])), np.asarray(ascending.size - 0.5 * (low + high))

    def credible_level(self, ra: ArrayLike | float, dec: ArrayLike | float) -> Float[np.ndarray, "..."]:
        """Compute the searched probability: that of all pixels more probable than this direction's.

        Half of the direction's own pixel counts, so that directions drawn from the map have
        levels that are uniform in [0, 1].

        Args:
            ra: Right ascension [rad], of any shape.
            dec: Declination [rad], of a shape that fits.

        Returns:
            Levels from 0, at the peak, to 1.

        Raises:
            InputError: As for `pixel`.
        """
        return np.asarray(np.clip(self._rank(self.probability[self.pixel(ra, dec)])[0], 0.0, 1.0))

    def search_area(self, ra: ArrayLike | float, dec: ArrayLike | float) -> Float[np.ndarray, "..."]:
        """Compute the area to search, in order of falling probability, before this direction is met.

        Args:
            ra: Right ascension [rad], of any shape.
            dec: Declination [rad], of a shape that fits.

        Returns:
            The area [deg^2]; half of the direction's own pixel counts.

        Raises:
            InputError: As for `pixel`.
        """
        return np.asarray(self._rank(self.probability[self.pixel(ra, dec)])[1] * self.pixel_area)

    def credible_area(self, level: float) -> float:
        """Compute the smallest area that holds a probability.

        Args:
            level: The probability, in (0, 1].

        Returns:
            The area [deg^2]; the last pixel counts by the part that is needed.

        Raises:
            InputError: The level is not in (0, 1].
        """
        descending = self._ranked[0][::-1]
        inside = np.concatenate([[0.0], np.cumsum(descending[descending > 0.0])])
        return float(np.interp(_checked_level(level), inside / inside[-1], np.arange(inside.size))) * self.pixel_area

    def contour_density(self, level: float) -> float:
        """Find the density on the edge of the smallest area that holds a probability.

        Args:
            level: The probability, in (0, 1].

        Returns:
            The density [1/deg^2].

        Raises:
            InputError: The level is not in (0, 1].
        """
        ascending, before = self._ranked
        edge = np.searchsorted(before, (1.0 - _checked_level(level)) * before[-1], side="right") - 1
        return float(ascending[min(edge, ascending.size - 1)]) / self.pixel_area

    def write(self, path: str | Path, *, force: bool = False) -> None:
        """Write the map as FITS, compressed when the name ends in ``.gz``; equal maps give equal bytes.

        One binary table of one column, PROB [1/pix], in nested ordering; the header says of
        the event what is known.

        Args:
            path: Where to write, such as ``skymap.fits.gz``.
            force: Replace an existing file.

        Raises:
            OutputError: The file exists, the disk is full or the path cannot be written.
        """
        write_pixels(path, self.probability, cards=tuple(self._cards()), force=force)

    def _cards(self) -> Iterator[tuple[str, Any, str]]:
        if self.name:
            yield "OBJECT", self.name, "Name of this event"
        if self.detectors:
            yield "INSTRUME", ",".join(self.detectors), "Detectors that saw this event"
        if self.gps is not None:
            utc = _utc(self.gps)
            days = (utc - _EPOCH) / datetime.timedelta(days=1)
            yield "DATE-OBS", utc.isoformat(timespec="microseconds"), "UTC date of the observation"
            yield "MJD-OBS", _MJD_OF_EPOCH + days, "modified Julian date of the observation"
        yield "CREATOR", f"swansong {version('swansong')}", "Program that made this file"
        yield "ORIGIN", "swansong", "Where this file comes from"
        if self.run:
            yield "RUNID", self.run, "Analysis that made this map"
        if self.distance_mean is not None:
            yield "DISTMEAN", self.distance_mean, "Posterior mean distance (Mpc)"
        if self.distance_deviation is not None:
            yield "DISTSTD", self.distance_deviation, "Posterior standard deviation of distance (Mpc)"


def sky_map(
    ra: ArrayLike,
    dec: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    nside: int = 64,
    smoothing: Literal["auto"] | float = "auto",
    luminosity_distance: ArrayLike | None = None,
    gps: float | None = None,
    detectors: Sequence[str] = (),
    name: str = "",
    run: str = "",
) -> SkyMap:
    """Make a sky map from samples by a kernel density on the sphere.

    Each sample is spread by a von Mises-Fisher kernel. With ``smoothing="auto"`` its width
    is such that it covers the square root of the effective number of samples: narrow where
    samples are dense, wide where they are sparse (widths that fall with the square root of
    the density cancel the leading bias, so that areas are hardly inflated). It is never
    narrower than 3/8 of a pixel. A sample does not count itself: one with a large weight
    and no neighbours is spread widely.

    Areas of 20,000 samples are right to some 2 % for blobs, and too large by a tenth for an
    arc 1.5 degrees thin. Where the standard deviation nears a pixel, take a finer map.

    Args:
        ra: Right ascension of the samples ``(n,)`` [rad].
        dec: Declination of the samples ``(n,)`` [rad].
        weights: Weights ``(n,)`` of any normalisation; None if equal.
        nside: Resolution of the map: a power of two; pixels of 0.9 degrees for 64.
        smoothing: ``"auto"``, or one standard deviation of the kernel for all samples [deg];
            0 counts samples in pixels.
        luminosity_distance: Distance of the samples ``(n,)`` [Mpc], for its mean and deviation.
        gps: GPS time of the signal [s].
        detectors: Names of the detectors that saw it.
        name: Name of the event.
        run: Name of the analysis.

    Returns:
        The map.

    Raises:
        InputError: There are no samples, numbers differ, or a value is out of range.

    Reference:
        Abramson 1982, Ann. Stat. 10, 1217 (widths by the square root of the density).
    """
    # Late: it brings JAX along, which reading strain needs not wait for.
    from swansong.inference.statistics import effective_sample_size

    ra, dec = directions(ra, dec)
    if ra.ndim != 1 or ra.size == 0:
        raise InputError(f"`sky_map` got samples of shape {ra.shape}; give one right ascension and declination each")
    shares = np.ones(ra.size) if weights is None else np.asarray(weights, dtype=float)
    if shares.shape != ra.shape:
        raise InputError(f"`sky_map(weights=...)` has shape {shares.shape}; give one for each of {ra.size} samples")
    effective = effective_sample_size(shares)
    shares = shares / shares.sum()
    if not is_nside(nside) or nside < COARSEST_NSIDE:
        raise InputError(
            f"`sky_map(nside=...)` must be a power of two from {COARSEST_NSIDE} to {LARGEST_NSIDE}, got {nside}; "
            "give for example 64"
        )
    samples = binned(ra, dec, weights=shares, nside=nside)
    if smoothing == "auto":
        layers = adapted_layers(samples, count=math.sqrt(effective), effective=effective)
    elif isinstance(smoothing, str) or not 0.0 <= smoothing <= 90.0:
        raise InputError(f"`sky_map(smoothing=...)` must be 'auto' or 0 to 90 degrees, got {smoothing!r}; give one")
    else:
        layers = [single_layer(samples, width=math.radians(smoothing))]
    mean = deviation = None
    if luminosity_distance is not None:
        distance = np.asarray(luminosity_distance, dtype=float)
        if distance.shape != ra.shape or not np.isfinite(distance).all():
            raise InputError("`sky_map(luminosity_distance=...)` must be one finite number a sample; give them in Mpc")
        mean = float(shares @ distance)
        deviation = math.sqrt(float(shares @ (distance - mean) ** 2))
    return SkyMap(
        combined(layers, nside=nside),
        gps=gps,
        detectors=tuple(detectors),
        distance_mean=mean,
        distance_deviation=deviation,
        name=name,
        run=run,
    )


def read_sky_map(path: str | Path) -> SkyMap:
    """Read a sky map of one resolution, in nested or ring ordering, compressed or not.

    Args:
        path: A FITS file that `SkyMap.write` or a tool such as ``ligo-skymap-flatten`` wrote.

    Returns:
        The map, in nested ordering; the time is that of the header, to a microsecond.

    Raises:
        FileError: The file is missing, truncated, not FITS, or holds no such map.
    """
    probability, header = read_pixels(path)
    try:
        return SkyMap(
            probability,
            gps=_gps(str(header["DATE-OBS"])) if "DATE-OBS" in header else None,
            detectors=tuple(name for name in str(header.get("INSTRUME", "")).split(",") if name),
            distance_mean=header.get("DISTMEAN"),
            distance_deviation=header.get("DISTSTD"),
            name=str(header.get("OBJECT", "")),
            run=str(header.get("RUNID", "")),
        )
    except ValueError as error:
        raise FileError(f"`{path}` is no sky map: {error}") from error


def _utc(gps: float) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(seconds=gps - int(leap_seconds(gps)))


def _gps(date: str) -> float:
    since = (datetime.datetime.fromisoformat(date).replace(tzinfo=None) - _EPOCH).total_seconds()
    # The count of leap seconds is wanted at the GPS time, which it is part of.
    return since + int(leap_seconds(since + int(leap_seconds(since))))


def _checked_level(level: float) -> float:
    if not 0.0 < level <= 1.0:
        raise InputError(f"a credible level must be in (0, 1], got {level}; give for example 0.9")
    return level
