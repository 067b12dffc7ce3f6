"""swansong: black-hole binaries, emulated, searched and inferred, with stated accuracy."""

from swansong.core.precision import enable_float64

enable_float64()

__version__ = "0.1.0"
__all__ = ["__version__"]
