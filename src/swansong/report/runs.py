"""The report of a run folder, made from the products in it: what was written says all that is shown.

A run that has just ended and `swansong report` take the same path, so that a page can be
made again at any time, with the figures beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from swansong.core.errors import FileError
from swansong.core.files import read_product
from swansong.core.provenance import Provenance
from swansong.figures import corner_figure, pp_figure, save_figure, scan_figure, sky_figure, training_figure
from swansong.inference.posterior import Posterior
from swansong.learning.checkpoints import below
from swansong.learning.history import History
from swansong.report.bursts import SKY_MAP, decided, derived_table, measured, scan_headline, sky_table, true_direction
from swansong.report.events import EventRecord
from swansong.report.page import write_page
from swansong.report.tables import Table, facts_table, posterior_table
from swansong.signals.skymap import read_sky_map

PAGE = "report.html"
"""Name of the page in a run folder."""


@dataclass(frozen=True, eq=False)
class NamedFigure:
    """A figure of a report: the stem of its file, its caption, and itself or the PNG file that holds it."""

    name: str
    caption: str
    figure: Figure | Path


@dataclass(frozen=True, eq=False)
class RunReport:
    """All that the page of a run shows.

    Attributes:
        title: Its title.
        tables: Tables, in order.
        figures: Figures, in order.
        warnings: Sentences that limit what the page says.
        provenance: Who made the run.
    """

    title: str
    tables: tuple[Table, ...]
    figures: tuple[NamedFigure, ...]
    warnings: tuple[str, ...]
    provenance: Provenance

    def write(self, folder: str | Path) -> dict[str, Path]:
        """Write the figures as PNG and the page as HTML, each atomically.

        Args:
            folder: The run folder; older figures and pages are replaced.

        Returns:
            File by name: one for each figure, and `report`.

        Raises:
            OutputError: The disk is full, or the folder cannot be written.
        """
        folder = Path(folder)
        files: dict[str, Path] = {}
        for item in self.figures:
            files[item.name] = folder / f"{item.name}.png"
            if isinstance(item.figure, Figure):
                save_figure(item.figure, files[item.name])
        write_page(
            folder / PAGE,
            title=self.title,
            summary=self.tables,
            figures={item.caption: item.figure for item in self.figures},
            warnings=self.warnings,
            provenance=self.provenance,
        )
        return {**files, "report": folder / PAGE}


def read_run(folder: str | Path) -> RunReport:
    """Read the products of a run folder and prepare its report.

    Args:
        folder: A folder that `infer`, `check`, `detect`, `train` or `simulate` wrote, or `tracks`, `search`,
            `campaign` or `followup` of `swansong emri`, or `evaluate` or `check` of `swansong emri amplitudes`, or any
            verb of `swansong binaries`.

    Returns:
        The report, not yet written.

    Raises:
        FileError: The folder does not exist, holds no product or a damaged one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        msg = f"`{folder}` {what}; give the folder of a run, for example runs/demo"
        raise FileError(msg)
    for name, reader in _READERS.items():
        if (folder / name).is_file():
            return reader(folder / name)
    msg = f"`{folder}` holds no result of a run ({', '.join(_READERS)}); give the folder of a run, such as runs/demo"
    raise FileError(msg)


def _posterior(path: Path) -> RunReport:
    posterior = Posterior.load(path)
    facts: dict[str, Any] = {
        "estimator": posterior.estimator,
        "samples": len(posterior),
        "effective samples": round(posterior.effective_samples, 1),
        "sampling efficiency": posterior.efficiency,
        "ln Bayes factor, signal against noise": posterior.metadata.get("log_bayes_factor"),
        "ln evidence": posterior.log_evidence,
        "standard error of ln evidence": posterior.log_evidence_error,
        "time to prepare [s]": posterior.seconds.prepare,
        "time to sample [s]": posterior.seconds.sample,
    }
    tables = [posterior_table(posterior, title="Parameters, median and 90 % interval"), derived_table(posterior)]
    shown, left_out = decided(posterior)
    caption = (
        "Posterior: contours hold 50 % and 90 % of the probability"
        + (", lines mark the injected values" if posterior.truth is not None else "")
        + (f"; not shown, since the prior alone decides them: {', '.join(left_out)}" if left_out else "")
    )
    figures = [NamedFigure("corner", caption, corner_figure(posterior, names=shown))]
    event = path.with_name("event.h5")
    if event.is_file():
        caption = "Whitened strain and the 90 % band of the signal in it"
        figures.append(NamedFigure("strain", caption, EventRecord.load(event).figure()))
    sky = path.with_name(SKY_MAP)
    if sky.is_file():
        found = read_sky_map(sky)
        caption = "Sky map, equatorial coordinates: the contours hold 50 % and 90 % of the probability"
        figures.append(NamedFigure("sky", caption, sky_figure(found, truth=true_direction(posterior))))
        tables.append(sky_table(found, posterior))
    known = measured(posterior)
    facts |= {name.replace("_", " "): known[name] for name in ("goodness_of_fit", "prior_dominated") if name in known}
    return RunReport(
        title=f"{posterior.system or 'Run'}: posterior, {posterior.estimator} estimator".capitalize(),
        tables=(*(table for table in tables if table is not None), facts_table(facts)),
        figures=tuple(figures),
        warnings=posterior.warnings,
        provenance=posterior.provenance,
    )


def _inspiral(path: Path) -> RunReport:
    # That module takes `RunReport` from this one.
    from swansong.report.inspirals import read_inspiral

    return read_inspiral(path)


def _pairs(path: Path) -> RunReport:
    # As above.
    from swansong.report.pairs import read_pairs

    return read_pairs(path)


def _check(path: Path) -> RunReport:
    product = read_product(path)
    if product.kind in ("emri_check", "emri_amplitudes_check"):
        return _inspiral(path)
    if product.kind == "binary_check":
        return _pairs(path)
    if product.kind != "check":
        msg = f"`{path}` holds a {product.kind!r}; give the folder of a `check`"
        raise FileError(msg)
    result = dict(product.metadata["result"])
    warnings = tuple(result.pop("warnings", ()))
    levels = dict(zip(product.metadata["names"], np.asarray(product.arrays["levels"]).T, strict=True))
    figure = pp_figure(levels, p_values=result.get("ks_p"))
    return RunReport(
        title=f"{result.get('system', 'Run')}: check of the {result.get('estimator', '')} estimator".capitalize(),
        tables=(facts_table(result),),
        figures=(NamedFigure("pp", "Fraction of injections below each credible level, with 1-3 sigma bands", figure),),
        warnings=warnings,
        provenance=product.provenance,
    )


def _detection(path: Path) -> RunReport:
    product = read_product(path, kind="detection")
    result = dict(product.metadata["result"])
    warnings = tuple(result.pop("warnings", ()))
    candidates = result.pop("candidates")
    windows = product.arrays["windows"]
    # A burst may lie a little before the middle of the first window or after that of the last.
    marks = np.clip([candidate["gps"] for candidate in candidates], windows[0], windows[-1])
    figure = scan_figure(windows, product.arrays["statistic"], candidates=marks, label="ln Bayes factor")
    columns = {
        "gps": "GPS [s]",
        "statistic": "ln Bayes factor",
        "false_alarm_probability": "false-alarm probability",
        "goodness_of_fit": "goodness of fit, p",
        "snr": "signal-to-noise",
    }
    # Seconds since 1980 have more digits than numbers are shown with.
    rows = tuple(
        (f"{candidate['gps']:.4f}", *(candidate[name] for name in columns if name != "gps")) for candidate in candidates
    )
    return RunReport(
        title=f"{result.get('system', 'Run')}: {scan_headline(len(rows), len(windows))}".capitalize(),
        tables=(*((Table("Candidates", tuple(columns.values()), rows),) if rows else ()), facts_table(result)),
        figures=(NamedFigure("scan", "Detection statistic along the strain, with the candidates", figure),),
        warnings=warnings,
        provenance=product.provenance,
    )


def _training(path: Path) -> RunReport:
    product = read_product(path)
    history = History.from_arrays(below(product.arrays, "history/"))
    wanted = ("step", "best_step", "best_loss", "stopped", "seconds")
    facts = {name.replace("_", " "): product.metadata[name] for name in wanted if name in product.metadata}
    figures = (NamedFigure("training", "Loss against step", training_figure(history)),) if len(history) else ()
    estimator = product.provenance.configuration.get("recipe", {}).get("estimator", "network")
    unfinished = product.kind == "checkpoint"
    return RunReport(
        title=f"Training of the {estimator} estimator",
        tables=(facts_table(facts),),
        figures=figures,
        warnings=("The training is not finished: this is a checkpoint.",) if unfinished else (),
        provenance=product.provenance,
    )


def _data_set(path: Path) -> RunReport:
    product = read_product(path, kind="data_set")
    values = product.arrays["parameters"]
    rows = tuple(
        (record["name"], *(float(x) for x in np.quantile(values[:, place], [0.0, 0.5, 1.0])))
        for place, record in enumerate(product.metadata["parameters"])
    )
    shapes = {name: " x ".join(map(str, array.shape)) for name, array in product.arrays.items()}
    return RunReport(
        title=f"Data set of {len(values):,} simulated events",
        tables=(
            Table("Injected parameters", ("parameter", "smallest", "median", "largest"), rows),
            facts_table(shapes, title="Arrays"),
        ),
        figures=(),
        warnings=(),
        provenance=product.provenance,
    )


_READERS: dict[str, Callable[[Path], RunReport]] = {
    "posterior.h5": _posterior,
    "check.h5": _check,
    "detection.h5": _detection,
    "search.h5": _inspiral,
    "campaign.h5": _inspiral,
    "track.h5": _inspiral,
    "amplitudes.h5": _inspiral,
    "trajectories.h5": _pairs,
    "merger.h5": _pairs,
    "mergers.h5": _pairs,
    "run_mergers.h5": _pairs,
    "background.h5": _pairs,
    "forecasts.h5": _pairs,
    "forecast.h5": _pairs,
    "weights.h5": _training,
    "checkpoint.h5": _training,
    "data_set.h5": _data_set,
}
