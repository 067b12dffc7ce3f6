"""What `swansong encounters infer` does, once its arguments are valid: a posterior with its sky map; imports JAX."""

from functools import partial
from pathlib import Path

from swansong.cli.measuring import Extra, Measuring, measure
from swansong.cli.output import number
from swansong.encounters import estimators, events
from swansong.inference.posterior import Posterior
from swansong.report import DERIVED_UNITS, SKY_MAP, EventRecord, measured, sky_facts
from swansong.signals import sky_map, write_samples_table


def _record(event: events.Event, posterior: Posterior) -> EventRecord:
    """What the detectors recorded, with the signal that the posterior sees in it."""
    return EventRecord(
        times=event.times,
        whitened=dict(zip(event.detectors, event.whitened_series(), strict=True)),
        bands=event.bands(posterior),
        injected=event.injected(),
        starts=event.starts,
    )


def _locate(event: events.Event, posterior: Posterior, *, folder: Path, force: bool) -> Extra:
    """Map the sky: as pixels, and as samples for tools that make maps of their own."""
    files = {"skymap": folder / SKY_MAP, "samples_table": folder / "samples_table.h5"}
    pericentre = event.analysis.gps + posterior["pericentre_time"]
    place = {
        "luminosity_distance": posterior["luminosity_distance"],
        "weights": None if posterior.log_weights is None else posterior.weights,
    }
    found = sky_map(
        posterior["ra"],
        posterior["dec"],
        gps=event.analysis.gps + float(posterior.quantile("pericentre_time", 0.5)[0]),
        detectors=event.detectors,
        run=f"encounters {posterior.estimator}",
        **place,
    )
    found.write(files["skymap"], force=force)
    write_samples_table(
        files["samples_table"], ra=posterior["ra"], dec=posterior["dec"], gps=pericentre, force=force, **place
    )
    sky = sky_facts(found, posterior)
    told = {"sky": f"50 % in {sky['area_50']:,.0f} deg², 90 % in {sky['area_90']:,.0f} deg²"}
    if "truth_level" in sky:
        told["true direction"] = f"inside the {100 * sky['truth_level']:.0f} % area"
    return Extra(files, {"sky": sky, **measured(posterior)}, {**_told(posterior), **told})


def _told(posterior: Posterior) -> dict[str, str]:
    """What one burst measures well, what it does not, and whether the model fits at all."""
    facts = measured(posterior)
    told = {
        f"{name.replace('_', ' ')}": (
            f"{number(interval['median'])}, 90 % within {number(interval['lower'])} to {number(interval['upper'])}"
            f" {unit}".rstrip()
        )
        for name, unit in DERIVED_UNITS.items()
        if (interval := (facts.get("derived") or {}).get(name))
    }
    if facts.get("prior_dominated"):
        told["prior decides"] = ", ".join(facts["prior_dominated"])
    if facts.get("goodness_of_fit") is not None:
        told["goodness of fit"] = f"p = {number(facts['goodness_of_fit'], digits=2)}"
    return told


infer = partial(
    measure,
    Measuring(
        "encounters",
        events.read_event,
        events.simulate_event,
        estimators.infer,
        _record,
        _locate,
        # It knows masses that are uniform in a triangle, but not with the total mass and the ratio as parameters.
        bilby_prior=False,
    ),
)
"""Read or simulate an event, sample its posterior and write the run folder; see `measuring.measure`."""
