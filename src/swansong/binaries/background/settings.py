"""Settings of a background of pairs, as TOML sections; free of JAX and Numba so that errors come at once."""

from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config

DRIVERS = ("stars", "waves")
"""What shrinks the orbits: stars and gravitational waves, or gravitational waves alone."""


def _rising(name: str, limits: tuple[float, float], *, lowest: float) -> None:
    low, high = limits
    if not lowest <= low < high:
        raise ValueError(f"`{name}` must rise from {lowest:g} or more, got [{low:g}, {high:g}]; give two rising values")


class LawSettings(Config):
    """Mergers by chirp mass and redshift: a Schechter-like law of mass, a power of 1 + z with a cutoff."""

    rate: float = Field(
        default=3e-4, gt=0.0, description="Mergers at z = 0 and 1e7 solar masses, by mass in decades [1/(Mpc^3 Gyr)]"
    )
    mass_slope: float = Field(default=0.0, description="alpha of (M / 1e7)^-alpha exp(-M / mass_cutoff)")
    mass_cutoff: float = Field(default=3e8, gt=0.0, description="Chirp mass of the cutoff [solar masses]")
    redshift_slope: float = Field(default=2.0, description="beta of (1 + z)^beta exp(-z / redshift_cutoff)")
    redshift_cutoff: float = Field(default=2.0, gt=0.0, description="Redshift of the cutoff")
    chirp_mass: tuple[float, float] = Field(default=(1e6, 1e10), description="Range of chirp masses [solar masses]")
    redshift: tuple[float, float] = Field(default=(0.0, 5.0), description="Range of redshifts")
    mass_ratio: float = Field(default=1.0, gt=0.0, le=1.0, description="Lighter over heavier black hole")
    masses: int = Field(default=32, ge=4, le=400, description="Masses of the grid")
    redshifts: int = Field(default=24, ge=4, le=400, description="Redshifts of the grid")

    @model_validator(mode="after")
    def _sensible(self) -> "LawSettings":
        _rising("law.chirp_mass", self.chirp_mass, lowest=1.0)
        _rising("law.redshift", self.redshift, lowest=0.0)
        return self


class SingleSettings(Config):
    """Pairs that are all alike."""

    chirp_mass: float = Field(default=4.16e8, gt=0.0, description="Chirp mass [solar masses]")
    mass_ratio: float = Field(default=1.0, gt=0.0, le=1.0, description="Lighter over heavier black hole")
    redshift: float = Field(default=0.02, ge=0.0, description="Redshift")
    density: float = Field(default=1.0, gt=0.0, description="Mergers in a comoving volume [1/Mpc^3]")


class PopulationSettings(Config):
    """Which pairs merge."""

    kind: Literal["law", "single", "table"] = Field(
        default="law", description="A law of mass and redshift, pairs all alike, or a table of sampled pairs"
    )
    law: LawSettings = Field(default_factory=LawSettings)
    single: SingleSettings = Field(default_factory=SingleSettings)
    table: str = Field(default="", description="CSV or HDF5 file of sampled pairs, for the kind table")

    @model_validator(mode="after")
    def _named(self) -> "PopulationSettings":
        if (self.kind == "table") != bool(self.table):
            state = "names no file in `table`" if self.kind == "table" else f"is of kind {self.kind!r} with a `table`"
            raise ValueError(f"`population` {state}; give kind = 'table' together with table = 'FILE.csv'")
        return self


class OrbitSettings(Config):
    """How the pairs of a law, or pairs all alike, begin and shrink; a table brings its own orbits."""

    driver: Literal["stars", "waves"] = Field(
        default="stars", description="What shrinks the orbits: stars and gravitational waves, or these alone"
    )
    eccentricity: float = Field(default=0.5, ge=0.0, le=0.999999, description="Eccentricity at the beginning")
    semi_major_axis: float = Field(
        default=0.01, gt=0.0, description="Beginning with stars: a when the pair is hard [scale radius of a galaxy]"
    )
    frequency: float = Field(
        default=1e-10, gt=0.0, description="Beginning with waves alone: orbital frequency in the source's frame [Hz]"
    )
    hardening_rate: float = Field(default=2.8, gt=0.0, description="s = d(1/a)/dt by stars [N-body units]")
    eccentricity_rate: float = Field(default=0.0, ge=-1.0, le=1.0, description="K = de/dln(1/a) by stars")


class GalaxySettings(Config):
    """Galaxies that the N-body units stand for, by the mass of the two black holes."""

    hole_share: float = Field(
        default=0.01, gt=0.0, lt=1.0, description="Both black holes over the stars of both galaxies"
    )
    mass: float = Field(default=2e10, gt=0.0, description="Stars of both galaxies of the reference [solar masses]")
    length: float = Field(default=186.0, gt=0.0, description="Scale radius of a galaxy of the reference [pc]")
    size_slope: float = Field(default=0.56, description="Power of the stellar mass that the scale radius grows with")


class SpectrumSettings(Config):
    """Where the spectrum is wanted."""

    frequency: tuple[float, float] = Field(default=(1e-9, 3e-7), description="Range of observed frequencies [Hz]")
    points: int = Field(default=60, ge=8, le=2000, description="Frequencies, evenly in the logarithm")
    last_orbit: bool = Field(
        default=True, description="Whether circular orbits inside the last stable one radiate no more"
    )


class RealisationSettings(Config):
    """Universes with a finite number of pairs, as an array observes them."""

    number: int = Field(default=100, ge=0, le=100_000, description="Realisations, 0 for none")
    years: float = Field(default=15.0, gt=0.0, description="Time of observation, whose inverse is a bin [yr]")
    bins: int = Field(default=30, ge=1, le=1000, description="Bins of frequency, from one inverse time up")


class Background(Config):
    """All that `swansong binaries background` takes from a file."""

    population: PopulationSettings = Field(default_factory=PopulationSettings)
    orbits: OrbitSettings = Field(default_factory=OrbitSettings)
    galaxies: GalaxySettings = Field(default_factory=GalaxySettings)
    spectrum: SpectrumSettings = Field(default_factory=SpectrumSettings)
    realisations: RealisationSettings = Field(default_factory=RealisationSettings)

    @model_validator(mode="after")
    def _sensible(self) -> "Background":
        _rising("spectrum.frequency", self.spectrum.frequency, lowest=1e-12)
        if self.spectrum.frequency[1] > 1e-3:
            raise ValueError(
                f"`spectrum.frequency` reaches {self.spectrum.frequency[1]:g} Hz; the background of such pairs ends "
                "below 1e-3 Hz"
            )
        return self
