"""What the detectors recorded of one event, as a product: data, reconstructed and injected signal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from swansong.core.errors import FileError
from swansong.core.files import read_product, write_product
from swansong.core.provenance import Provenance
from swansong.figures import strain_figure

KIND = "event"


@dataclass(frozen=True, eq=False)
class EventRecord:
    """Whitened data of one event with the band that a posterior sees in them.

    Attributes:
        times: Times after the start ``(n,)`` [s].
        whitened: Whitened data by detector ``(n,)`` [noise standard deviations].
        bands: Lower end, median and upper end of the 90 % band of the whitened signal, by
            detector, ``(3, n)``.
        injected: Injected whitened signal by detector ``(n,)``; empty for real data.
        starts: GPS time of the start at each detector [s].
    """

    times: Float[np.ndarray, "n"]
    whitened: Mapping[str, Float[np.ndarray, "n"]]
    bands: Mapping[str, Float[np.ndarray, "3 n"]]
    injected: Mapping[str, Float[np.ndarray, "n"]]
    starts: Mapping[str, float]

    def save(self, path: str | Path, *, provenance: Provenance, force: bool = False) -> str:
        """Write the record as a product of the kind "event".

        Args:
            path: Where to write.
            provenance: Who made it, from what.
            force: Replace an existing file.

        Returns:
            The sha256 of the content.

        Raises:
            OutputError: The file exists or cannot be written.
        """
        parts = {"whitened": self.whitened, "bands": self.bands, "injected": self.injected}
        arrays = {f"{part}/{name}": values for part, named in parts.items() for name, values in named.items()}
        metadata = {"detectors": list(self.whitened), "starts": dict(self.starts)}
        arrays = {"times": self.times, **arrays}
        return write_product(path, kind=KIND, arrays=arrays, metadata=metadata, provenance=provenance, force=force)

    @classmethod
    def load(cls, path: str | Path) -> "EventRecord":
        """Read a record back from `save`.

        Raises:
            FileError: The file is missing, damaged, changed or not an event.
        """
        product = read_product(path, kind=KIND)
        try:
            detectors, starts = product.metadata["detectors"], product.metadata["starts"]
            times = product.arrays["times"]
            whitened = {name: product.arrays[f"whitened/{name}"] for name in detectors}
        except KeyError as error:
            msg = f"`{path}` lacks {error} of an event; make it again"
            raise FileError(msg) from error

        def named(part: str) -> dict[str, np.ndarray]:
            # In the order of the detectors, which the sorted arrays do not keep.
            found = {name: product.arrays.get(f"{part}/{name}") for name in detectors}
            return {name: values for name, values in found.items() if values is not None}

        return cls(times, whitened, named("bands"), named("injected"), starts)

    def figure(self, *, title: str = "") -> Figure:
        """Draw data, band and injected signal, one row for each detector.

        Args:
            title: Title of the figure.

        Returns:
            The figure.
        """
        bands = {name: tuple(band) for name, band in self.bands.items()}
        return strain_figure(self.times, self.whitened, bands=bands, truth=self.injected, title=title)
