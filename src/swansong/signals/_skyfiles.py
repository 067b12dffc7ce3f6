"""Files of sky maps and of their samples, in the layouts that ``ligo.skymap`` reads."""

import gzip
import io
import math
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from swansong.core.errors import FileError, InputError, OutputError
from swansong.core.files import atomic
from swansong.signals._sphere import directions

TABLE = "posterior_samples"
"""Name of the table of samples, by which ``ligo.skymap`` finds it."""

# Kinds of column in the table of samples, as LALInference numbers them.
_LINEAR, _CIRCULAR, _OUTPUT = 0, 1, 3


def _vacant(path: str | Path, *, force: bool) -> Path:
    path = Path(path)
    if path.is_file() and not force:
        raise OutputError(f"`{path}` already exists; give another path, or `force` to replace it")
    return path


def write_pixels(
    path: str | Path,
    probability: Float[np.ndarray, "npix"],
    *,
    cards: Sequence[tuple[str, Any, str]],
    force: bool,
) -> None:
    """Write the pixels of a nested map as a FITS table of one column, PROB [1/pix], atomically.

    Args:
        path: Where to write; compressed when the name ends in ``.gz``.
        probability: Probability of each nested pixel.
        cards: What the header says of the event: keyword, value and comment.
        force: Replace an existing file.

    Raises:
        OutputError: The file exists, the disk is full or the path cannot be written.
    """
    from astropy.io import fits

    path = _vacant(path, force=force)
    table = fits.BinTableHDU.from_columns([fits.Column(name="PROB", format="D", unit="pix-1", array=probability)])
    table.header.extend(
        [
            ("PIXTYPE", "HEALPIX", "HEALPIX pixelisation"),
            ("ORDERING", "NESTED", "Pixel ordering scheme: RING, NESTED, or NUNIQ"),
            ("COORDSYS", "C", "Ecliptic, Galactic or Celestial (equatorial)"),
            ("NSIDE", math.isqrt(probability.size // 12), "Resolution parameter of HEALPIX"),
            ("INDXSCHM", "IMPLICIT", "Indexing: IMPLICIT or EXPLICIT"),
            ("MOC", False, "Whether pixels differ in size"),
            *cards,
        ]
    )
    image = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(image)
    content = image.getvalue()
    with atomic(path) as temporary:
        # Without a time in the compressed file, equal maps give equal bytes.
        temporary.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def read_pixels(path: str | Path) -> tuple[Float[np.ndarray, "npix"], Mapping[str, Any]]:
    """Read the pixels of a map of one resolution, in nested or ring ordering, compressed or not.

    Args:
        path: A FITS file.

    Returns:
        Probability of each pixel in nested ordering, as it stands in the file, and the header.

    Raises:
        FileError: The file is missing, truncated, not FITS, or holds no such map.
    """
    from astropy.io import fits

    path = Path(path)
    if not path.is_file():
        raise FileError(f"`{path}` {'is a folder' if path.is_dir() else 'does not exist'}; give a FITS sky map")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # astropy warns of a truncated file and reads on.
            warnings.filterwarnings("error", message=".*truncated")
            content = path.read_bytes()
            content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            with fits.open(io.BytesIO(content), memmap=False) as units:
                return _pixels_of(units, path)
    except FileError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, TypeError, LookupError, Warning) as error:
        # What gzip, FITS and NumPy say of damaged bytes has no common type.
        raise FileError(
            f"`{path}` is no FITS file or a damaged one ({type(error).__name__}); give a whole FITS sky map"
        ) from error


def _pixels_of(units: Any, path: Path) -> tuple[np.ndarray, Mapping[str, Any]]:
    table = next((unit for unit in units[1:] if getattr(unit, "columns", None) is not None), None)
    if table is None:
        raise FileError(f"`{path}` holds no table of pixels; give a FITS sky map")
    header, names = dict(table.header), list(table.columns.names)
    ordering, frame = str(header.get("ORDERING", "missing")).strip(), str(header.get("COORDSYS", "C")).strip()
    if ordering == "NUNIQ" or "UNIQ" in names:
        raise FileError(f"`{path}` has pixels of many sizes; flatten it first with `ligo-skymap-flatten`")
    if "PROB" not in names or ordering not in ("NESTED", "RING") or frame != "C":
        raise FileError(
            f"`{path}` has the columns {names}, ordering {ordering!r} and coordinates {frame!r}; give a "
            "column PROB in nested or ring ordering and equatorial coordinates"
        )
    probability = np.asarray(table.data["PROB"], dtype=np.float64).ravel()
    if ordering == "RING":
        from astropy_healpix import healpy

        nside = healpy.npix2nside(probability.size)
        probability = probability[healpy.nest2ring(nside, np.arange(probability.size))]
    return probability, header


def write_samples_table(
    path: str | Path,
    *,
    ra: ArrayLike,
    dec: ArrayLike,
    luminosity_distance: ArrayLike | None = None,
    gps: ArrayLike | float | None = None,
    weights: ArrayLike | None = None,
    seed: int = 0,
    force: bool = False,
) -> int:
    """Write samples as an HDF5 table that ``ligo-skymap-from-samples`` reads.

    The file holds one dataset, ``posterior_samples``, of one compound record a sample with
    the float64 fields ``ra`` [rad], ``dec`` [rad] and, where given, ``dist`` [Mpc] and
    ``time`` [GPS s]. Its attributes ``FIELD_i_VARY`` say of each field, as LALInference
    does, whether it is linear (0), circular (1) or derived (3). The table knows no
    weights: weighted samples are resampled systematically to as many as they are worth.

    Args:
        path: Where to write, such as ``samples.hdf5``.
        ra: Right ascension ``(n,)`` [rad].
        dec: Declination ``(n,)`` [rad].
        luminosity_distance: Luminosity distance ``(n,)`` [Mpc].
        gps: GPS time of the signal at the geocentre, one number or ``(n,)`` [s].
        weights: Weights ``(n,)`` of any normalisation; None if equal.
        seed: Seed of the resampling.
        force: Replace an existing file.

    Returns:
        Number of samples written.

    Raises:
        InputError: Numbers differ or a value is out of range.
        OutputError: The file exists, the disk is full or the path cannot be written.
    """
    # Late: it brings JAX along, which reading strain needs not wait for.
    from swansong.inference.statistics import effective_sample_size, systematic_indices

    path = _vacant(path, force=force)
    ra, dec = directions(np.atleast_1d(ra), dec)
    columns = {"ra": np.mod(ra, 2.0 * np.pi), "dec": dec, "dist": luminosity_distance, "time": gps}
    kinds = {"ra": _CIRCULAR, "dec": _LINEAR, "dist": _LINEAR, "time": _OUTPUT}
    fields = {name: np.asarray(values, dtype=float) for name, values in columns.items() if values is not None}
    for name, values in fields.items():
        if values.shape not in ((), ra.shape) or ra.ndim != 1 or not np.isfinite(values).all():
            raise InputError(
                f"column {name!r} of the samples has shape {values.shape}; give {ra.shape[0]} finite numbers"
            )
    table = np.empty(ra.size, dtype=[(name, "<f8") for name in fields])
    for name, values in fields.items():
        table[name] = values
    if weights is not None:
        size = max(1, round(effective_sample_size(weights)))
        table = table[systematic_indices(weights, size, generator=np.random.default_rng(seed))]
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        dataset = file.create_dataset(TABLE, data=table)
        for position, name in enumerate(fields):
            dataset.attrs[f"FIELD_{position}_VARY"] = kinds[name]
    with atomic(path) as temporary:
        temporary.write_bytes(image.getbuffer())
    return len(table)
