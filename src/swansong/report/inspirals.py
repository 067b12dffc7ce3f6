"""Reports of runs on inspirals: tracks, searches, campaigns and amplitudes, made from their products."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swansong.core.errors import FileError
from swansong.core.files import Product, read_product
from swansong.figures import campaign_figure, observation_figure, search_map_figure, track_figure
from swansong.report.amplitudes import check_report, orbit_report
from swansong.report.runs import NamedFigure, RunReport
from swansong.report.tables import Table, facts_table

_CANDIDATE_COLUMNS = {
    "log10_mass_1": "log10 of mass 1 [Msun]",
    "mass_2": "mass 2 [Msun]",
    "spin": "spin",
    "plunge_time": "time of plunge [yr]",
    "final_eccentricity": "eccentricity at plunge",
    "statistic": "statistic",
    "false_alarm_probability": "false-alarm probability",
    "frequency_error": "median relative error of the frequency",
}
_SHOWN = 3  # candidates drawn


def read_inspiral(path: Path) -> RunReport:
    """Read a product of `swansong emri` and prepare its report.

    Args:
        path: What `tracks`, `search`, `campaign` or `check` wrote, or `amplitudes evaluate` or `amplitudes check`.

    Returns:
        The report, not yet written.

    Raises:
        FileError: The file is missing, damaged or of another kind.
    """
    product = read_product(path)
    reader = _READERS.get(product.kind)
    if reader is None:
        raise FileError(f"`{path}` holds a {product.kind!r}; give a result of `swansong emri`: {', '.join(_READERS)}")
    return reader(product)


def _track(product: Product) -> RunReport:
    result, arrays = product.metadata["result"], product.arrays
    source = result["source"]
    figure = track_figure(
        times=arrays["figure/time"],
        azimuthal=arrays["figure/azimuthal_frequency"],
        radial=arrays["figure/radial_frequency"],
        semi_latus_rectum=arrays["figure/semi_latus_rectum"],
        eccentricity=arrays["figure/eccentricity"],
        title=f"{source['mass_1']:.5g} and {source['mass_2']:.4g} solar masses, spin {source['spin']:.4g}",
    )
    return RunReport(
        title="Emri: track of an inspiral",
        tables=(facts_table(result),),
        figures=(NamedFigure("orbit", "Frequencies and orbit from the start of the data to the plunge", figure),),
        warnings=(),
        provenance=product.provenance,
    )


def _search(product: Product) -> RunReport:
    result, arrays = dict(product.metadata["result"]), product.arrays
    warnings = tuple(result.pop("warnings", ()))
    candidates = result.pop("candidates")
    columns = {name: text for name, text in _CANDIDATE_COLUMNS.items() if candidates and name in candidates[0]}
    rows = tuple(tuple(_cell(candidate.get(name)) for name in columns) for candidate in candidates)
    names = [f"candidate {place}" for place in range(1, len(candidates) + 1)]
    shown = dict(list(zip(names, arrays["frequency"], strict=True))[:_SHOWN])
    truth = {f"source {place}": row for place, row in enumerate(arrays["truth_frequency"], start=1)}
    levels = np.where(arrays["used"][:, None], arrays["map"] / arrays["map_steps"], np.nan)
    map_figure = search_map_figure(
        levels, times=arrays["times"], frequencies=arrays["map_frequency"], tracks=shown, truth=truth
    )
    caption = "Statistic of every segment, with recovered" + (" and true" if truth else "") + " tracks"
    figures = [NamedFigure("map", caption, map_figure)]
    if len(arrays["observed"]) and candidates:
        growing = dict(list(zip(names, arrays["observed_statistic"], strict=True))[:_SHOWN])
        thresholds = {float(name): value for name, value in (result.get("thresholds") or {}).items()}
        figure = observation_figure(arrays["observed"], growing, thresholds=thresholds)
        figures.append(NamedFigure("observation", "Statistic of the candidates against the time observed", figure))
    return RunReport(
        title=f"Emri: {len(candidates) or 'no'} candidate{'' if len(candidates) == 1 else 's'}",
        tables=(*((Table("Candidates", tuple(columns.values()), rows),) if rows else ()), facts_table(result)),
        figures=tuple(figures),
        warnings=warnings,
        provenance=product.provenance,
    )


def _cell(value: Any) -> Any:
    return "not known" if value is None else value


def _campaign(product: Product) -> RunReport:
    result = dict(product.metadata["result"])
    warnings = tuple(result.pop("warnings", ()))
    published = result.pop("published", None) or {}
    eccentric = result.pop("eccentric", None) or {}
    found = {
        float(false_alarm): {float(snr): (int(counts[0]), int(counts[1])) for snr, counts in row.items()}
        for false_alarm, row in result.pop("counts").items()
    }
    figure = campaign_figure(
        found,
        published={float(name): _numbers(row) for name, row in (published.get("p_det") or {}).items()},
        errors=_numbers(result.get("median_frequency_error") or {}),
        published_errors=_numbers(published.get("median_frequency_error") or {}),
    )
    return RunReport(
        title="Emri: search of a campaign of injections",
        tables=(facts_table(result), *_eccentric(eccentric, published.get("eccentric") or {})),
        figures=(NamedFigure("detection", "Probability of detection and error of the frequency", figure),),
        warnings=warnings,
        provenance=product.provenance,
    )


def _eccentric(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Table, ...]:
    """Sources that began eccentric, found of injected, beside those of the published search; none without any."""
    rows = tuple(
        (false_alarm, snr, f"{found} of {injected}", _share(theirs.get(false_alarm, {}).get(snr)))
        for false_alarm, row in (ours.get("counts") or {}).items()
        for snr, (found, injected) in row.items()
        if injected
    )
    if not rows:
        return ()
    title = f"Initial eccentricity above {ours['above']:g}"
    return (Table(title, ("false-alarm probability", "SNR", "found", "published search"), rows),)


def _share(counts: Sequence[int] | None) -> str:
    return "not known" if counts is None else f"{counts[0]} of {counts[1]}"


def _numbers(row: Mapping[str, Any]) -> dict[float, float]:
    """Numbers by number, without those that are not known."""
    return {float(name): float(value) for name, value in row.items() if value is not None}


def _check(product: Product) -> RunReport:
    result = dict(product.metadata["result"])
    checks = result.pop("checks")
    rows = tuple(
        (name, entry["found"], entry["expected"], entry["tolerance"], "yes" if entry["passed"] else "no")
        for name, entry in checks.items()
    )
    return RunReport(
        title="Emri: quick checks",
        tables=(Table("Checks", ("check", "found", "expected", "tolerance", "passed"), rows),),
        figures=(),
        warnings=(),
        provenance=product.provenance,
    )


_READERS: dict[str, Callable[[Product], RunReport]] = {
    "emri_track": _track,
    "emri_search": _search,
    "emri_campaign": _campaign,
    "emri_check": _check,
    "emri_orbit_amplitudes": orbit_report,
    "emri_amplitudes_check": check_report,
}
