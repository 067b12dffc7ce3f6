"""Make the packaged noise curves of the third observing run from the public tables.

Input: a folder with ``o3a_asd_H1.txt``, ``o3a_asd_L1.txt`` and ``o3a_asd_V1.txt``, each
of two columns, frequency [Hz] and amplitude spectral density [1/sqrt(Hz)], prepared from
the curves of LIGO-P2000251 (https://dcc.ligo.org/LIGO-P2000251/public) by averaging the
power in 1200 logarithmic bins between 8 and 2048 Hz.

    python scripts/make_spectra.py FOLDER
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "src" / "swansong" / "signals" / "data"


def convert(source: Path, *, detector: str) -> str:
    """Return the packaged text of one table: a header naming its source, then two columns."""
    content = source.read_bytes()
    frequency, amplitude = np.loadtxt(source, unpack=True)
    header = [
        f"# Noise of {detector}, representative of the first half of the third observing run (O3a).",
        "# Source: LIGO-P2000251 (GWTC-2), power averaged in logarithmic bins, spectral lines kept.",
        f"# Made by scripts/make_spectra.py from {source.name}, sha256 {hashlib.sha256(content).hexdigest()}.",
        "# Columns: frequency [Hz], amplitude spectral density [1/sqrt(Hz)].",
    ]
    rows = [f"{f:.6g} {a:.5e}" for f, a in zip(frequency, amplitude, strict=True)]
    return "\n".join([*header, *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the public tables")
    folder = parser.parse_args().folder
    TARGET.mkdir(parents=True, exist_ok=True)
    for detector in ("H1", "L1", "V1"):
        target = TARGET / f"o3_{detector.lower()}.txt"
        target.write_text(convert(folder / f"o3a_asd_{detector}.txt", detector=detector))
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
