"""A problem of the search for inspirals as strict TOML: data, sources, prior and search; free of JAX."""

import math
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.emri.followup.settings import FollowupSettings
from swansong.emri.search.settings import SearchSettings

RECIPES = Path(__file__).parent / "recipes"
"""Folder of the problems that ship with the package."""

PROBLEMS = {name: RECIPES / f"{name}.toml" for name in ("year", "quick", "showcase")}
"""Packaged problems by name, the default first."""

LONGEST = 10.0
"""Longest data that are simulated [yr]."""

DEFAULT_SNR = 30.0
"""Signal-to-noise ratio of a source that is given neither one nor a distance."""

_ANGLES = ("source_colatitude", "source_longitude", "spin_colatitude", "spin_longitude", "phase_phi", "phase_r")


class DataSettings(Config):
    """Data to simulate, and the channel that is searched."""

    duration: float = Field(default=1.0, gt=0.0, le=LONGEST, description="Length of simulated data [yr]")
    cadence: float = Field(default=5.0, gt=0.0, le=15.0, description="Spacing of simulated samples [s]")
    channel: Literal["A", "E"] = Field(default="A", description="TDI channel that is searched")
    harmonics: int = Field(default=20, ge=1, description="Harmonics of a simulated signal, the strongest first")


class SourceSettings(Config):
    """A source to simulate; angles that are not given are drawn at random."""

    mass_1: float = Field(gt=0.0, description="Mass of the central hole, detector frame [solar masses]")
    mass_2: float = Field(gt=0.0, description="Mass of the companion [solar masses]")
    spin: float = Field(ge=-0.998, le=0.998, description="Spin, negative for a retrograde orbit")
    plunge_time: float = Field(gt=0.0, le=100.0, description="Time of plunge after the start [yr]")
    final_eccentricity: float = Field(ge=0.0, lt=1.0, description="Eccentricity at plunge")
    snr: float | None = Field(
        default=None, gt=0.0, description=f"Signal-to-noise ratio in the searched channel, {DEFAULT_SNR:g} by default"
    )
    luminosity_distance: float | None = Field(default=None, gt=0.0, description="Distance in place of `snr` [Mpc]")
    source_colatitude: float | None = Field(default=None, ge=0.0, le=math.pi, description="Ecliptic colatitude [rad]")
    source_longitude: float | None = Field(default=None, description="Ecliptic longitude [rad]")
    spin_colatitude: float | None = Field(default=None, ge=0.0, le=math.pi, description="Colatitude of the spin [rad]")
    spin_longitude: float | None = Field(default=None, description="Longitude of the spin [rad]")
    phase_phi: float | None = Field(default=None, description="Azimuthal phase at the start [rad]")
    phase_r: float | None = Field(default=None, description="Radial phase at the start [rad]")

    @model_validator(mode="after")
    def _sensible(self) -> "SourceSettings":
        if self.snr is not None and self.luminosity_distance is not None:
            msg = "a source has `snr` and `luminosity_distance`, but each decides the other; leave one out"
            raise ValueError(msg)
        if self.mass_2 > 0.01 * self.mass_1:
            msg = (
                f"a source has `mass_2` = {self.mass_2:g}, over 1 % of `mass_1` = {self.mass_1:g}; give an extreme "
                "mass ratio"
            )
            raise ValueError(msg)
        return self

    def angles(self) -> dict[str, float | None]:
        """The six angles by name, None where one is to be drawn [rad]."""
        return {name: getattr(self, name) for name in _ANGLES}


class Problem(SearchSettings):
    """All that `swansong emri` takes from a file."""

    data: DataSettings = Field(default_factory=DataSettings, description="Data to simulate, and the searched channel")
    source: tuple[SourceSettings, ...] = Field(
        default=(), description="Sources to simulate, each a table [[source]]; none are drawn from the prior"
    )
    followup: FollowupSettings = Field(default_factory=FollowupSettings, description="Follow-up of a candidate")

    @model_validator(mode="after")
    def _banded(self) -> "Problem":
        low, high = self.statistic.band
        if not 0.0 < low < high < 0.5 / self.data.cadence:
            msg = (
                f"`statistic.band` must lie between 0 and half the sampling rate {0.5 / self.data.cadence:g} Hz, got "
                f"{low:g} to {high:g} Hz; choose a band inside"
            )
            raise ValueError(msg)
        return self

    @property
    def search(self) -> SearchSettings:
        """The settings of the search alone."""
        return SearchSettings(**{name: getattr(self, name) for name in SearchSettings.model_fields})
