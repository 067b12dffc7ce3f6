"""Simulate LISA data with one inspiral of the prior, search them, and compare the best candidate with the source.

Run it with `python examples/emri_search.py`; four months of data and half a million tracks take under a minute.
"""

from pathlib import Path

import numpy as np

from swansong.emri import tracks
from swansong.emri.harmonics.signals import emri_signal, scaled_to_snr
from swansong.emri.harmonics.sources import Source
from swansong.emri.search.search import EmriSearch, SearchResult
from swansong.emri.search.settings import BankSettings, PriorSettings, SearchSettings
from swansong.figures import save_figure, track_figure
from swansong.signals import coloured_noise
from swansong.signals.lisa import lisa_noise

CADENCE = 10.0  # s
TRACK = ("mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity")


def middle_source(prior: PriorSettings) -> Source:
    """The source in the middle of a prior."""
    values = {name: float(np.mean(getattr(prior, name))) for name in TRACK}
    return Source(
        **values,
        luminosity_distance=1000.0,
        source_colatitude=1.2,
        source_longitude=2.0,
        spin_colatitude=0.7,
        spin_longitude=4.0,
    )


def main(settings: SearchSettings, *, folder: Path, duration: float, snr: float = 40.0, seed: int = 1) -> SearchResult:
    spectrum = lisa_noise("A")
    signal = scaled_to_snr(emri_signal(middle_source(settings.prior), duration=duration, cadence=CADENCE), snr)
    series = signal.series[0]
    series = series + coloured_noise(spectrum, rate=1.0 / CADENCE, n=series.size, rng=np.random.default_rng(seed))

    search = EmriSearch(spectrum, settings)
    band = search.band(series, cadence=CADENCE)
    found = search.run(band, seed=seed)
    best = found.candidates[0]

    source = {name: getattr(signal.source, name) for name in TRACK}
    truth = [np.log10(source["mass_1"]), *(source[name] for name in TRACK[1:])]
    print(f"statistic {best.statistic:.1f} after {found.templates} tracks, {sum(found.seconds.values()):.0f} s")
    for item, value, other in zip(search.model.parameters, best.theta, truth, strict=True):
        print(f"{item.name:20} {value:10.5g}, injected {other:.5g}")
    true = np.nan_to_num(tracks.load().harmonic(band.middles, m=2, n=0, **source).frequency)
    both = (best.frequency > 0.0) & (true > 0.0)
    print(f"median error of the frequency {np.median(np.abs(best.frequency[both] / true[both] - 1.0)):.1e}")

    orbit, rates = tracks.load().orbit(band.middles, **source), tracks.load().frequencies(band.middles, **source)
    path = folder / "emri-track.png"
    figure = track_figure(
        times=band.middles,
        azimuthal=rates.azimuthal,
        radial=rates.radial,
        semi_latus_rectum=orbit.p,
        eccentricity=orbit.e,
    )
    save_figure(figure, path)
    print(f"figure in {path}")
    return found


if __name__ == "__main__":
    prior = PriorSettings(mass_1=(8e5, 1.2e6), mass_2=(20.0, 40.0), spin=(0.3, 0.9), plunge_time=(0.2, 0.3))
    main(SearchSettings(prior=prior, bank=BankSettings(templates=500_000)), folder=Path(), duration=1.0e7)
