"""Reports of runs on amplitudes: the modes of one orbit, and a model against solved orbits."""

from typing import Any

import numpy as np

from swansong.core.files import Product
from swansong.emri.amplitudes.modes import CLASSES
from swansong.figures.amplitude_errors import error_map_figure, mode_error_figure, strongest_modes_figure
from swansong.figures.amplitudes import mode_map_figure, power_spectrum_figure
from swansong.report.runs import NamedFigure, RunReport
from swansong.report.tables import Table, facts_table

_SHOWN = 20  # modes in the table
_SCORES = {
    "orbits": "orbits",
    "error_median": "E, median",
    "error_90": "90 %",
    "error_99": "99 %",
    "error_largest": "largest",
    "recall": "recall of dominant sets",
    "strongest": "20 strongest",
    "flux": "power",
    "covered": "below the estimate",
}
_BASELINE = "kludge"


def orbit_report(product: Product) -> RunReport:
    """Prepare the report of the amplitudes of one orbit.

    Args:
        product: What `swansong emri amplitudes evaluate` wrote.

    Returns:
        The report, not yet written.
    """
    result, arrays = dict(product.metadata["result"]), product.arrays
    warnings = tuple(result.pop("warnings", ()))
    values = zip(arrays["modes"].tolist(), arrays["frequencies"], arrays["amplitudes"], arrays["power"], strict=True)
    rows = tuple((*mode, float(w), float(abs(z)), float(np.angle(z)), float(power)) for mode, w, z, power in values)
    columns = ("l", "m", "k", "n", "frequency [1/M]", "|Z|", "phase [rad]", "power")
    a, p, e, x = arrays["orbit"]
    modes = mode_map_figure(arrays["modes"], arrays["power"])
    spectrum = power_spectrum_figure(*(arrays[f"spectrum/{name}"] for name in ("frequency", "power", "modes")))
    return RunReport(
        title=f"Emri: amplitudes of an orbit with a = {a:g}, p = {p:g}, e = {e:g}, x = {x:g}",
        tables=(Table(f"Strongest of {len(rows):,} modes", columns, rows[:_SHOWN]), facts_table(result)),
        figures=(
            NamedFigure("modes", "Power of the modes, by polar and radial index where there are several", modes),
            NamedFigure("spectrum", "Lines of the radiation, each with that of the mirror image of its mode", spectrum),
        ),
        warnings=warnings,
        provenance=product.provenance,
    )


def check_report(product: Product) -> RunReport:
    """Prepare the report of a check of a model against solved orbits.

    Args:
        product: What `swansong emri amplitudes check` wrote.

    Returns:
        The report, not yet written.
    """
    result, arrays = dict(product.metadata["result"]), product.arrays
    warnings = tuple(result.pop("warnings", ()))
    model, classes, overall = result["estimator"], result.pop("classes"), result.pop("overall")
    groups = [name for name in CLASSES if name in classes]
    scores = {**{name: classes[name] for name in groups}, "all": overall}
    rows = tuple((name, *(score[field] for field in _SCORES)) for name, score in scores.items())
    errors = {name: arrays[f"{model}/{name}"] for name in groups}
    names = [model]
    baseline: dict[str, Any] | None = None
    if model != _BASELINE:
        names.append(_BASELINE)
        baseline = {name: arrays[f"{_BASELINE}/{name}"] for name in groups}
    orbits = np.concatenate([arrays[f"orbits/{name}"] for name in groups])
    a, p, e, x = arrays["worst/orbit"]
    worst = strongest_modes_figure(
        arrays["worst/modes"],
        frequencies=arrays["worst/frequencies"],
        true=arrays["worst/solved"],
        found={name: arrays[f"worst/{name}"] for name in names},
        title=f"a = {a:.4g}, p = {p:.4g}, e = {e:.3g}, x = {x:.3g}",
    )
    return RunReport(
        title=f"Emri: check of the amplitudes of {model}",
        tables=(Table("Scores", ("class", *_SCORES.values()), rows), facts_table(result)),
        figures=(
            NamedFigure(
                "errors",
                "Mode-distribution error of each class of orbits",
                mode_error_figure(errors, baseline=baseline, names=names),
            ),
            NamedFigure(
                "map", "The same against spin and size", error_map_figure(orbits, np.concatenate(list(errors.values())))
            ),
            NamedFigure("strongest", "Strongest modes of the orbit with the largest error", worst),
        ),
        warnings=warnings,
        provenance=product.provenance,
    )
