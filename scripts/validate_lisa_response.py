"""Compare the slow response of LISA with `fastlisaresponse`, sample by sample.

    python3.12 -m venv other && other/bin/pip install fastlisaresponse==1.1.17 lisaanalysistools==1.2.8
    python scripts/validate_lisa_response.py other/bin/python --days 30

The other environment gets this file and computes second-generation A and E of three chirps
(equal-arm orbits, order 25, t0 = 30000 s); this one computes the slow factors, interpolates
them and prints overlap, amplitude ratio and largest difference of each channel. The
overlap is plain (white noise); it is given with the noise of LISA as well. T is left out:
it is 1e-4 of A, no more than what the other code neglects in taking both ends of a link
at the time of reception.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

T0 = 30000.0
CADENCE = 5.0
DAY = 86400.0


@dataclass(frozen=True)
class Chirp:
    """A leading-order chirp f = f0 (1 - t/tc)^(-3/8), its sky position and polarization."""

    name: str
    f0: float
    remaining: float  # from the end of the data to tc [s]
    longitude: float
    latitude: float
    cross: float  # ratio of hx to h+

    def phase(self, t, *, duration):
        """Phase [rad]."""
        tc = duration + self.remaining
        return 2 * np.pi * self.f0 * tc * 1.6 * (1 - (1 - t / tc) ** 0.625)

    def frequencies(self, t, *, duration):
        """Frequency [Hz] and its two derivatives."""
        left = duration + self.remaining - t
        f = self.f0 * (left / (duration + self.remaining)) ** -0.375
        return f, 0.375 * f / left, 0.375 * 1.375 * f / left**2

    def amplitudes(self, t, *, duration):
        """Slow complex amplitudes of h+ and hx, arbitrary scale."""
        size = self.frequencies(t, duration=duration)[0] ** (2 / 3)
        return size * (1 + 0.3j), -1j * self.cross * size


SOURCES = (
    Chirp("low, slow", 8e-4, 3e8, 0.7, -1.1, 0.9),
    Chirp("mid", 3.5e-3, 2e7, 4.4, 0.25, -0.6),
    Chirp("high, fast", 9e-3, 4.5e5, 2.3, 1.3, 0.4),
)


def reference(path: Path, *, n: int) -> None:
    """Compute the channels in the other environment."""
    from fastlisaresponse import pyResponseTDI
    from lisatools.detector import EqualArmlengthOrbits

    model = pyResponseTDI(1 / CADENCE, n, order=25, tdi="2nd generation", tdi_chan="AE", orbits=EqualArmlengthOrbits())
    t, duration = np.arange(n) * CADENCE, n * CADENCE
    out = []
    for source in SOURCES:
        turn = np.exp(-1j * source.phase(t, duration=duration))
        plus, cross = ((a * turn).real for a in source.amplitudes(t, duration=duration))
        model.get_projections(plus + 1j * cross, source.longitude, source.latitude, t0=T0)
        out.append(np.stack(model.get_tdi_delays()))
    np.save(path, np.array(out))


def compare(path: Path, *, n: int) -> None:
    """Print how far the slow response is from the reference."""
    from scipy.interpolate import CubicSpline

    from swansong.signals.lisa import lisa_noise_density
    from swansong.signals.lisa_response import harmonic_response

    channels = np.load(path)
    t, duration = np.arange(n) * CADENCE, n * CADENCE
    slow = np.linspace(0, t[-1], max(int(t[-1] / 2500), 16))
    garbage = int(T0 / CADENCE)
    keep = slice(garbage, n - garbage)
    weight = np.fft.rfftfreq(n - 2 * garbage, CADENCE)
    weight[0] = weight[1]
    print(
        f"{'source':12} {'f [mHz]':>15} {'fdot [Hz/s]':>12}    {'1 - overlap':>11} {'weighted':>9} "
        f"{'ratio - 1':>10} {'max diff':>9}"
    )
    for source, truth in zip(SOURCES, channels, strict=True):
        f, f1, f2 = source.frequencies(slow, duration=duration)
        plus, cross = source.amplitudes(slow, duration=duration)
        factors = harmonic_response(
            slow,
            plus=plus,
            cross=cross,
            frequency=f,
            frequency_derivative=f1,
            frequency_second_derivative=f2,
            longitude=source.longitude,
            latitude=source.latitude,
        )
        turn = np.exp(-1j * source.phase(t, duration=duration))
        for name, factor, expected in zip("AE", factors[:2], truth, strict=True):
            mine, theirs = (CubicSpline(slow, factor)(t) * turn).real[keep], expected[keep]
            plain = mine @ theirs / np.sqrt((mine @ mine) * (theirs @ theirs))
            a, b = np.fft.rfft(mine), np.fft.rfft(theirs)
            psd = lisa_noise_density(weight, channel=name)
            weighted = (a / psd @ b.conj()).real / np.sqrt((a / psd @ a.conj()).real * (b / psd @ b.conj()).real)
            ratio = np.sqrt((mine @ mine) / (theirs @ theirs)) - 1
            worst = np.abs(mine - theirs).max() / np.abs(theirs).max()
            print(
                f"{source.name:12} {1e3 * f[0]:6.2f} - {1e3 * f[-1]:6.2f} {f1[-1]:12.2e}  {name} {1 - plain:11.1e} "
                f"{1 - weighted:9.1e} {ratio:10.1e} {worst:9.1e}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", type=Path, help="interpreter that has fastlisaresponse")
    parser.add_argument("--days", type=float, default=30.0, help="length of the data")
    parser.add_argument("--reference", type=Path, help="write the reference to this file and stop")
    given = parser.parse_args()
    n = int(given.days * DAY / CADENCE)
    if given.reference is not None:
        reference(given.reference, n=n)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.npy"
        command = [given.python, __file__, sys.executable, "--days", str(given.days), "--reference", path]
        subprocess.run(command, check=True)
        compare(path, n=n)


if __name__ == "__main__":
    main()
