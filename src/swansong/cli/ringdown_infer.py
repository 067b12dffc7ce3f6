"""What `swansong ringdown infer` and `swansong demo` do, once their arguments are valid; imports JAX."""

from functools import partial

import numpy as np

from swansong.cli.measuring import Measuring, measure
from swansong.inference.posterior import Posterior
from swansong.report import EventRecord
from swansong.ringdown import estimators, events


def _record(event: events.Event, posterior: Posterior) -> EventRecord:
    """What the detectors recorded, with the signal that the posterior sees in it."""
    signal = None if event.truth is None else event.analysis.whitened_signal(event.truth)
    return EventRecord(
        times=event.times,
        whitened=dict(zip(event.detectors, event.whitened, strict=True)),
        bands={name: np.stack(band) for name, band in event.strain_bands(posterior).items()},
        injected={} if signal is None else dict(zip(event.detectors, signal, strict=True)),
        starts=dict(event.starts),
    )


infer = partial(measure, Measuring("ringdown", events.read_event, events.simulate_event, estimators.infer, _record))
"""Read or simulate an event, sample its posterior and write the run folder; see `measuring.measure`."""
