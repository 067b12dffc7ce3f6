"""Power spectral densities of detector noise: one type, the packaged curves, text files.

All spectra are one-sided power spectral densities [1/Hz] of strain.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float

from swansong.core.errors import DataError, FileError, InputError


# Arrays have no single truth value, so equality is identity.
@dataclass(frozen=True, eq=False)
class Spectrum:
    """A one-sided power spectral density on a grid of positive frequencies.

    Attributes:
        frequency: Increasing, positive frequencies, shape (k,) [Hz].
        psd: Power spectral density, shape (k,) [1/Hz].
        name: Where the spectrum comes from, such as ``"O3-H1"``.

    Raises:
        DataError: If the arrays differ in length, hold fewer than two points or values
            that are not finite and positive, or the frequencies do not increase.
    """

    frequency: Float[np.ndarray, "k"]
    psd: Float[np.ndarray, "k"]
    name: str = ""

    def __post_init__(self) -> None:
        frequency = np.array(self.frequency, dtype=np.float64)
        psd = np.array(self.psd, dtype=np.float64)
        label = self.name or "unnamed"
        if frequency.ndim != 1 or frequency.shape != psd.shape or frequency.size < 2:
            raise DataError(
                f"spectrum {label} needs two one-dimensional arrays of equal length (2 or more), got shapes "
                f"{frequency.shape} and {psd.shape}; give one power spectral density for each frequency"
            )
        bad = ~(np.isfinite(psd) & (psd > 0))
        if bad.any():
            raise DataError(
                f"spectrum {label} has {bad.sum()} values that are not positive and finite, the first at "
                f"{frequency[np.argmax(bad)]:g} Hz; remove those lines"
            )
        if not (np.isfinite(frequency).all() and frequency[0] > 0 and (np.diff(frequency) > 0).all()):
            raise DataError(
                f"spectrum {label} needs positive, increasing frequencies, got {frequency[0]:g} to {frequency[-1]:g} "
                "Hz out of order or with repeats; sort the lines and drop zero frequency"
            )
        frequency.setflags(write=False)
        psd.setflags(write=False)
        object.__setattr__(self, "frequency", frequency)
        object.__setattr__(self, "psd", psd)

    @property
    def asd(self) -> Float[np.ndarray, "k"]:
        """Amplitude spectral density, shape (k,) [1/sqrt(Hz)]."""
        return np.sqrt(self.psd)

    def interpolate(self, frequency: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Evaluate the spectrum at other frequencies.

        Linear in log power against log frequency inside the table; below the first and
        above the last frequency the end value is held, zero frequency included.

        Args:
            frequency: Frequencies, not negative, any shape [Hz].

        Returns:
            The power spectral density, same shape [1/Hz].
        """
        clipped = np.clip(frequency, self.frequency[0], self.frequency[-1])
        return np.asarray(np.exp(np.interp(np.log(clipped), np.log(self.frequency), np.log(self.psd))))


def _advanced_ligo(frequency: np.ndarray) -> np.ndarray:
    """Zero-detuned, high-power Advanced LIGO: arXiv:1107.1267, equation 4.7."""
    x = frequency / 245.4
    return 1e-48 * (0.0152 * x**-4 + 0.2935 * x**2.25 + 2.7951 * x**1.5 - 6.5080 * x**0.75 + 17.7622)


def _advanced_virgo(frequency: np.ndarray) -> np.ndarray:
    """Advanced Virgo design: arXiv:1202.4031, equation 6 (a fit to the amplitude)."""
    x = np.log(frequency / 300.0)
    terms = [
        0.07 * np.exp(-0.142 - 1.437 * x + 0.407 * x**2),
        3.1 * np.exp(-0.466 - 1.043 * x - 0.548 * x**2),
        0.4 * np.exp(-0.304 + 2.896 * x - 0.293 * x**2),
        0.09 * np.exp(1.466 + 3.722 * x - 0.984 * x**2),
    ]
    return (1.259e-24 * np.sum(terms, axis=0)) ** 2


_DESIGNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"aLIGO": _advanced_ligo, "AdV": _advanced_virgo}
_TABLES = {"O3-H1": "o3_h1.txt", "O3-L1": "o3_l1.txt", "O3-V1": "o3_v1.txt"}


def design_spectrum(name: str, *, minimum: float = 10.0, maximum: float = 8192.0, points: int = 2048) -> Spectrum:
    """Evaluate a published analytic fit to a design sensitivity.

    * ``"aLIGO"``: zero-detuned, high-power Advanced LIGO (LIGO-T0900288). The fit follows
      the official curve to 4 % in power from 20 Hz to 8 kHz, a few narrow lines
      aside, lies 13 % below it at 15 Hz and a factor 5 below it at 10 Hz, where the true
      seismic wall is steeper.
    * ``"AdV"``: Advanced Virgo as designed in 2012; the later design is noisier above
      400 Hz by a factor 2 in power.

    Args:
        name: ``"aLIGO"`` or ``"AdV"``.
        minimum: First frequency [Hz]; below it `Spectrum.interpolate` holds its value.
        maximum: Last frequency [Hz].
        points: Number of logarithmically spaced frequencies.

    Returns:
        The spectrum, named ``"<name>-design"``.

    Raises:
        InputError: If the name is unknown or the range is empty.

    Reference:
        Ajith, arXiv:1107.1267, equation 4.7; Manzotti and Dietz, arXiv:1202.4031,
        equation 6.
    """
    if name not in _DESIGNS:
        raise InputError(
            f"`design_spectrum(name)` must be one of {', '.join(_DESIGNS)}, got {name!r}; use `load_spectrum` for "
            "measured curves and files"
        )
    if not 0 < minimum < maximum or points < 2:
        raise InputError(
            f"`design_spectrum(minimum=..., maximum=..., points=...)` must describe a range with 0 < minimum < maximum "
            f"and 2 points or more, got {minimum}, {maximum} and {points}; give frequencies in hertz"
        )
    frequency = np.geomspace(minimum, maximum, points)
    return Spectrum(frequency, _DESIGNS[name](frequency), name=f"{name}-design")


def spectrum_names() -> tuple[str, ...]:
    """List the names that `load_spectrum` knows."""
    return (*(f"{name}-design" for name in _DESIGNS), *_TABLES)


def load_spectrum(name_or_path: str | Path, *, amplitude: bool = False) -> Spectrum:
    """Load a packaged spectrum by name or a two-column text file.

    Packaged: ``aLIGO-design`` and ``AdV-design`` (see `design_spectrum`), and ``O3-H1``,
    ``O3-L1``, ``O3-V1``, representative curves of the first half of the third observing
    run (LIGO-P2000251) from 10 Hz (Virgo: 8 Hz) to 2 kHz with their spectral lines.

    Args:
        name_or_path: One of `spectrum_names`, or a file of frequency [Hz] and power
            spectral density [1/Hz]; lines starting with ``#`` are skipped. A first line
            at zero frequency is dropped.
        amplitude: Whether the file's second column is the amplitude spectral density
            [1/sqrt(Hz)]; without effect on packaged names.

    Returns:
        The spectrum.

    Raises:
        FileError: If it is neither a known name nor a readable file of two columns.
        DataError: If the numbers in it are no spectrum.
    """
    name = str(name_or_path)
    if name.endswith("-design") and name.removesuffix("-design") in _DESIGNS:
        return design_spectrum(name.removesuffix("-design"))
    if name in _TABLES:
        with resources.as_file(resources.files("swansong.signals") / "data" / _TABLES[name]) as path:
            return _read_columns(path, name=name, amplitude=True)
    path = Path(name_or_path)
    if not path.is_file():
        raise FileError(
            f"spectrum {name!r} is neither a packaged name nor a file; use one of {', '.join(spectrum_names())} or the "
            "path of a text file of frequency and power spectral density"
        )
    return _read_columns(path, name=path.stem, amplitude=amplitude)


def _read_columns(path: Path, *, name: str, amplitude: bool) -> Spectrum:
    """Read frequency and density from the first two columns of a text file."""
    try:
        with warnings.catch_warnings():
            # An empty file is refused below, in our own words.
            warnings.simplefilter("ignore", UserWarning)
            table = np.loadtxt(path, ndmin=2)
    except (ValueError, OSError) as error:
        raise FileError(
            f"spectrum file {path} cannot be read as columns of numbers ({error}); give frequency [Hz] and density, "
            "separated by blanks, comments after #"
        ) from error
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 2:
        raise FileError(
            f"spectrum file {path} holds a table of shape {table.shape}; give two columns, frequency [Hz] and density"
        )
    frequency, density = table[:, 0], table[:, 1]
    if frequency[0] == 0:
        frequency, density = frequency[1:], density[1:]
    return Spectrum(frequency, density**2 if amplitude else density, name=name)
