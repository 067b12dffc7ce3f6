"""Spectra of eccentric pairs that stars harden: the compiled sum over harmonics beside the plain one, and a peer.

The plain sum takes every harmonic that the orbit has at each frequency, with SciPy's Bessel functions. The peer is
holodeck, for one pair that it evolves with our hardening; it is left out where it is not installed.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from summary import measure, terminal_table

from swansong.binaries.background.holodeck import StarsForHolodeck, as_holodeck_hardening
from swansong.binaries.background.population import Population, from_law
from swansong.binaries.background.settings import GalaxySettings, LawSettings, OrbitSettings
from swansong.binaries.background.spectrum import background, circular_power
from swansong.binaries.background.tracks import follow
from swansong.binaries.evolution.hardening import Constant, TimeLaws
from swansong.core.constants import PARSEC, SOLAR_MASS
from swansong.core.errors import InputError
from swansong.physics.eccentric_spectrum import harmonic_power
from swansong.physics.peters import enhancement

ROUNDS = 5
FREQUENCY = np.geomspace(1e-9, 1e-7, 30)
HARMONICS = 300  # of the peer


@dataclass(frozen=True)
class Speed:
    """One row of the table.

    Attributes:
        name: What was measured.
        spectra: Pairs times frequencies of one call.
        seconds: Wall-clock time of one call, median of the rounds [s].
        processor_seconds: Processor time of it, all threads together [s].
        error: Largest relative difference of the strain from the plain sum, NaN where it was not compared.
    """

    name: str
    spectra: int
    seconds: float
    processor_seconds: float
    error: float


@pytest.fixture(scope="module")
def table_rows(request):
    """Rows, written to the terminal when the module is done."""

    def cells(row, rows):
        each = 1e6 * row.processor_seconds / row.spectra
        return f"{row.spectra:,}", f"{row.seconds:.3g}", f"{each:.3g}", f"{row.error:.1e}"

    yield from terminal_table(
        request,
        "spectra of eccentric pairs with stars",
        heads=("spectra", "seconds", "us each", "difference"),
        cells=cells,
    )


@pytest.fixture(scope="module")
def pairs() -> Population:
    law = LawSettings(masses=32, redshifts=24)
    return from_law(law, OrbitSettings(eccentricity=0.9, eccentricity_rate=0.02), galaxies=GalaxySettings())


def one(pairs, row) -> Population:
    return Population(**{name: values[row : row + 1] for name, values in vars(pairs).items()})


def plain(pair: Population) -> np.ndarray:
    """Every harmonic of one pair, from its beginning on."""
    tracks = follow(pair, highest=float(FREQUENCY[-1] * (1.0 + pair.redshift[0])))
    places = tracks.log_frequency[0]
    power = np.empty(len(FREQUENCY))
    for k, frequency in enumerate(FREQUENCY * (1.0 + pair.redshift[0])):
        orders = np.arange(1.0, np.floor(frequency / pair.frequency[0]) + 1.0)
        at = np.log(frequency / orders)
        e = np.sqrt(-np.expm1(-np.interp(at, places, tracks.roundness[0])))
        share = np.interp(at, places, tracks.share[0])
        power[k] = np.sum(share * harmonic_power(orders, e) / (enhancement(e) * (orders / 2.0) ** (2.0 / 3.0)))
    return np.sqrt(power * circular_power(pair, FREQUENCY)[0])


def test_background(benchmark, table_rows, pairs):
    wall, processor, _ = measure(benchmark, lambda: background(pairs, FREQUENCY), rounds=ROUNDS)
    row = 500
    error = float(np.max(np.abs(background(one(pairs, row), FREQUENCY).strain / plain(one(pairs, row)) - 1.0)))
    table_rows.append(Speed("background", len(pairs) * len(FREQUENCY), wall, processor, error))
    assert error < 2e-3


def test_plain_sum(benchmark, table_rows, pairs):
    wall, processor, _ = measure(benchmark, lambda: plain(one(pairs, 500)), rounds=1)
    table_rows.append(Speed("every harmonic, SciPy", len(FREQUENCY), wall, processor, 0.0))


def test_holodeck(benchmark, table_rows, pairs):
    hardening, growth = pairs.hardening_rate[500], pairs.eccentricity_rate[500]
    stars = StarsForHolodeck(TimeLaws(Constant(hardening), Constant(growth)))
    try:
        as_holodeck_hardening(stars)
    except InputError as error:
        pytest.skip(str(error))
    from holodeck import gravwaves
    from holodeck.discrete.evolution import Evolution
    from holodeck.discrete.population import _Population_Discrete
    from holodeck.hardening import Hard_GW

    pair, parsec = one(pairs, 500), 1e2 * PARSEC

    class Pairs(_Population_Discrete):
        """One pair, long before the present."""

        def _init(self):
            self.mass = 1e3 * SOLAR_MASS * np.stack([pair.mass_1, pair.mass_2], axis=1)
            self.sepa, self.eccen = parsec * pair.axis, pair.eccentricity.copy()
            self.scafa, self._sample_volume = np.full(1, 0.2), 1.0

    evolution = Evolution(Pairs(), [Hard_GW(), stars], nsteps=500)
    evolution.evolve()

    def spectrum():
        harmonics = np.arange(1, HARMONICS)
        volume = (1e6 * parsec) ** 3
        return [
            gravwaves._gws_harmonics_at_evo_fobs(f, 0.1, evolution, harmonics, 1, volume)[4].sum() for f in FREQUENCY
        ]

    wall, processor, _ = measure(benchmark, spectrum, rounds=ROUNDS)
    table_rows.append(Speed(f"holodeck, {HARMONICS} harmonics", len(FREQUENCY), wall, processor, float("nan")))
