"""What the page of a burst says beyond its parameters: where on the sky it is, and what it measures well."""

from collections.abc import Mapping
from typing import Any

from swansong.inference.posterior import Posterior
from swansong.report.tables import Table
from swansong.signals.skymap import SkyMap

SKY_MAP = "skymap.fits.gz"
"""Name of the sky map in a run folder."""

DERIVED_UNITS = {"timescale": "s", "strain_amplitude": ""}
"""Units of the numbers that follow from the parameters, in the order in which they are shown."""

_SKY_LABELS = {
    "area_50": "area that holds 50 % [deg^2]",
    "area_90": "area that holds 90 % [deg^2]",
    "truth_level": "probability of all that is more probable than the true direction",
}

_MEASURED = ("derived", "width_over_prior", "prior_dominated", "goodness_of_fit")


def sky_facts(found: SkyMap, posterior: Posterior) -> dict[str, Any]:
    """Say how well a sky map places its source.

    Args:
        found: The map.
        posterior: The posterior that it was made from.

    Returns:
        `area_50` and `area_90`, the smallest areas of these probabilities in `unit`, and for
        an injected source `truth_level`, the probability of all that is more probable.
    """
    facts: dict[str, Any] = {
        "area_50": found.credible_area(0.5),
        "area_90": found.credible_area(0.9),
        "unit": "deg^2",
    }
    place = true_direction(posterior)
    return facts if place is None else {**facts, "truth_level": float(found.credible_level(*place))}


def true_direction(posterior: Posterior) -> tuple[float, float] | None:
    """True right ascension and declination of an injected source [rad]."""
    if posterior.truth is None:
        return None
    true = dict(zip(posterior.parameters.names, posterior.truth.tolist(), strict=True))
    return true["ra"], true["dec"]


def measured(posterior: Posterior) -> dict[str, Any]:
    """Facts about what the data measure, as far as the posterior's metadata hold them.

    Args:
        posterior: The posterior.

    Returns:
        Among `derived` (median, lower and upper by name), `width_over_prior` (by parameter),
        `prior_dominated` (names) and `goodness_of_fit` (p-value) those that are known.
    """
    return {name: posterior.metadata[name] for name in _MEASURED if name in posterior.metadata}


def decided(posterior: Posterior) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sort the parameters into those that the data decide and those that the prior does.

    Args:
        posterior: The posterior.

    Returns:
        The names of both; all are the data's where it is not known, or where a figure of the
        rest would show fewer than two.
    """
    names = posterior.parameters.names
    dominated = posterior.metadata.get("prior_dominated", ())
    shown = tuple(name for name in names if name not in dominated)
    return (shown, tuple(dominated)) if len(shown) > 1 else (tuple(names), ())


def derived_table(posterior: Posterior) -> Table | None:
    """Tabulate the numbers that follow from the parameters, None where there are none."""
    derived: Mapping[str, Mapping[str, float]] = posterior.metadata.get("derived") or {}
    if not derived:
        return None
    rows = tuple(
        (name, *(derived[name][end] for end in ("median", "lower", "upper")), unit)
        for name, unit in DERIVED_UNITS.items()
        if name in derived
    )
    return Table("What the burst itself measures", ("quantity", "median", "5 %", "95 %", "unit"), rows)


def sky_table(found: SkyMap, posterior: Posterior) -> Table:
    """Tabulate `sky_facts`."""
    facts = sky_facts(found, posterior)
    rows = tuple((label, facts[name]) for name, label in _SKY_LABELS.items() if name in facts)
    return Table("Place on the sky", ("quantity", "value"), rows)


def scan_headline(candidates: int, windows: int) -> str:
    """Say in a few words what a scan found."""
    return f"{candidates or 'no'} candidate{'' if candidates == 1 else 's'} in {windows:,} windows"
