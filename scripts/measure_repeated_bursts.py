"""Measure what repetition adds: widths from one burst and from several, at one signal-to-noise ratio.

Fisher matrices with the prior as a Gaussian, for three detectors with O3 noise between
10 and 512 Hz; the distance of each source is scaled to the signal-to-noise ratio.

    python scripts/measure_repeated_bursts.py [--snr 15] [--after 1]
"""

import argparse

import numpy as np

from swansong.encounters.bursts import RepeatedBursts, passages
from swansong.encounters.fisher import RepeatedGain, repeated_gain
from swansong.encounters.likelihood import Templates
from swansong.encounters.model import EncounterModel
from swansong.encounters.settings import DataSettings, PriorSettings, SourceSettings
from swansong.encounters.waveform import Burst
from swansong.signals import load_spectrum, network

# Mass ratio, total mass [solar masses], eccentricity, semi-latus rectum [total mass].
SOURCES = ((0.5, 60.0, 0.87, 14.0), (0.9, 60.0, 0.87, 14.0))
DURATION = 8.0
NAMES = ("mass_ratio", "total_mass", "semi_latus_rectum", "eccentricity", "luminosity_distance")


def compare(source: tuple[float, ...], *, snr: float, after: int, precession: bool) -> RepeatedGain:
    """Compare the reference passage with all from the one before it to the last of those after it."""
    model, data = EncounterModel(PriorSettings()), DataSettings()
    bins = np.arange(round(data.minimum_frequency * DURATION), round(data.maximum_frequency * DURATION) + 1)
    names = data.detectors
    psd = np.stack([load_spectrum(data.spectrum(index)).interpolate(bins / DURATION) for index in range(len(names))])

    def templates(wave: Burst | RepeatedBursts) -> Templates:
        return Templates(
            frequency=bins / DURATION,
            parameters=model.parameters,
            network=network(names),
            wave=wave,
            gps=SourceSettings().gps,
            duration=DURATION,
            rate=data.rate,
        )

    intrinsic = dict(zip(("mass_ratio", "total_mass", "eccentricity", "semi_latus_rectum"), source, strict=True))
    view = {"luminosity_distance": 100.0, "pericentre_time": 0.0, "ra": 1.0, "dec": 0.5, "psi": 0.3, "theta_jn": 0.8}
    theta = model.parameters.pack(intrinsic | view | {"argument_of_pericentre": 1.2})
    repeated = templates(RepeatedBursts(after=after, precession=precession))
    return repeated_gain(theta, single=templates(Burst()), repeated=repeated, psd=psd, snr=snr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snr", type=float, default=15.0, help="signal-to-noise ratio of the network")
    parser.add_argument("--after", type=int, default=1, help="passages after the reference one")
    options = parser.parse_args()
    for source in SOURCES:
        q, mass, e, p = source
        found = passages(mass_ratio=q, total_mass=mass, eccentricity=e, semi_latus_rectum=p, span=(-3.5, 3.5))
        middle = found.reference
        times = ", ".join(f"{float(time):.3f}" for time in found.times[middle - 1 : middle + 1 + options.after])
        print(
            f"mass ratio {q:g}, total mass {mass:g}, eccentricity {e:g}, semi-latus rectum {p:g}; bursts at {times} s"
        )
        for precession in (False, True):
            gain = compare(source, snr=options.snr, after=options.after, precession=precession)
            print(f"  network SNR {gain.snr:g}, pericentre {'advances' if precession else 'stays'}")
            print(f"    {'parameter':22s}{'prior':>10s}{'one burst':>12s}{'repeated':>12s}{'factor':>9s}")
            for name in NAMES:
                index = gain.names.index(name)
                numbers = f"{gain.prior[index]:10.4g}{gain.single[index]:12.4g}{gain.repeated[index]:12.4g}"
                print(f"    {name:22s}{numbers}{gain.factor(name):9.1f}")
            ratio = gain.single_kick / gain.repeated_kick
            print(f"    {'kick (relative)':22s}{'':10s}{gain.single_kick:12.4g}{gain.repeated_kick:12.4g}{ratio:9.1f}")


if __name__ == "__main__":
    main()
