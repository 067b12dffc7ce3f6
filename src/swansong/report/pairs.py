"""Reports of runs on supermassive pairs: what their products say, with the figures that the run drew."""

from pathlib import Path
from typing import Any

import numpy as np

from swansong.core.errors import FileError
from swansong.core.files import Product, read_product
from swansong.report.runs import NamedFigure, RunReport
from swansong.report.tables import Table, facts_table

TRAJECTORIES = "binary_trajectories"
"""Kind of the product of `simulate`."""

_TITLES = {
    "binary_merger": "merger of one pair",
    "binary_mergers": "mergers of a table of pairs",
    "binary_run_mergers": "mergers of simulated pairs",
    "binary_background": "gravitational-wave background",
    "binary_forecasts": "forecasters side by side",
    "binary_forecast": "orbit of a pair, predicted",
    "binary_check": "check of learnt orbits",
    TRAJECTORIES: "mergers of galaxies",
}
_CAPTIONS = {
    "separation": "Distance of the black holes of the first merger, and the semi-major axis once they are bound",
    "conservation": "What the run should conserve",
    "frames": "Stars of both galaxies and their black holes",
    "evolution": "Semi-major axis and eccentricity on the way to coalescence",
    "merger_times": "Times to coalescence",
    "merger_bars": "Merger times with their intervals",
    "spectrum": "Characteristic strain of the population",
    "errors": "Mean absolute errors",
    "orbits": "Predicted orbit with 68 and 95 % bands",
    "rates": "Hardening rate and growth of the eccentricity",
    "training": "Loss against step",
}


def read_pairs(path: Path) -> RunReport:
    """Read a product of `swansong binaries` and prepare its report; figures are those that lie beside it.

    Args:
        path: What a verb wrote.

    Returns:
        The report, not yet written.

    Raises:
        FileError: The file is missing, damaged or of another kind.
    """
    product = read_product(path)
    if product.kind not in _TITLES:
        raise FileError(f"`{path}` holds a {product.kind!r}; give a result of `swansong binaries`")
    result: dict[str, Any] = dict(product.metadata.get("result", {}))
    warnings = tuple(result.pop("warnings", ()))
    tables = (_mergers(product),) if product.kind == TRAJECTORIES else (facts_table(result),)
    figures = tuple(
        NamedFigure(image.stem, _CAPTIONS.get(image.stem, image.stem.replace("_", " ").capitalize()), image)
        for image in sorted(path.parent.glob("*.png"))
    )
    return RunReport(
        title=f"Binaries: {_TITLES[product.kind]}",
        tables=tables,
        figures=figures,
        warnings=warnings,
        provenance=product.provenance,
    )


def _mergers(product: Product) -> Table:
    """One row for each eccentricity and resolution."""
    arrays = product.arrays
    groups = np.stack([arrays["merger/eccentricity"], arrays["merger/particles"]], axis=1)
    last = arrays["offsets"][1:] - 1
    bound = arrays["energy"][last] < 0.0
    rows = []
    for eccentricity, particles in np.unique(groups, axis=0):
        part = np.all(groups == (eccentricity, particles), axis=1)
        errors = arrays["energy_error"][part]
        known = errors[np.isfinite(errors)]
        worst = float(known.max()) if len(known) else None
        rows.append((float(eccentricity), int(particles), int(part.sum()), int(bound[part].sum()), worst))
    columns = ("e_gal", "stars", "mergers", "bound at the end", "largest energy error")
    return Table("Mergers", columns, tuple(rows))
