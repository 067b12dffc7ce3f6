"""Settings of an EMRI search, as TOML sections; free of JAX so that errors come at once."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from swansong.core.config import Config

EXPONENTS = (0.0, 0.5, 1.0)
"""Powers of the expected power that segments are weighted with."""

CAMPAIGN_KIND = "emri_campaign"
"""Kind of the product that a campaign writes."""


def _known(value: float) -> float:
    """Check an exponent."""
    if value not in EXPONENTS:
        msg = f"got {value:g}; give one of 0, 0.5 and 1"
        raise ValueError(msg)
    return value


Exponent = Annotated[float, AfterValidator(_known)]
"""One of `EXPONENTS`."""

SOURCE_NAMES = ("mass_1", "mass_2", "spin", "plunge_time", "final_eccentricity")
"""What a source's track depends on, in the order of every point of compiled code."""


class PriorSettings(Config):
    """Prior of a source; flat in each of the numbers named, in the logarithm of the central mass."""

    mass_1: tuple[float, float] = Field(
        default=(5e5, 5e6), description="Mass of the central hole, detector frame, log-uniform [solar masses]"
    )
    mass_2: tuple[float, float] = Field(default=(1.0, 100.0), description="Mass of the companion [solar masses]")
    spin: tuple[float, float] = Field(default=(0.0, 0.998), description="Spin, negative for retrograde orbits")
    plunge_time: tuple[float, float] = Field(default=(0.1, 1.0), description="Time of plunge after the start [yr]")
    final_eccentricity: tuple[float, float] = Field(default=(0.0, 0.1), description="Eccentricity at plunge")

    @model_validator(mode="after")
    def _sensible(self) -> "PriorSettings":
        for name in SOURCE_NAMES:
            low, high = getattr(self, name)
            if not low < high:
                msg = f"`prior.{name}` has minimum {low:g} and maximum {high:g}; give a minimum below the maximum"
                raise ValueError(msg)
        for name in ("mass_1", "mass_2", "plunge_time"):
            if getattr(self, name)[0] <= 0.0:
                msg = f"`prior.{name}` must be positive, got {getattr(self, name)[0]:g}; give a positive minimum"
                raise ValueError(msg)
        if self.mass_2[1] > 0.01 * self.mass_1[0]:
            msg = f"`prior.mass_2` reaches {self.mass_2[1]:g}, over 1 % of the lightest central hole; lower its maximum"
            raise ValueError(msg)
        if not (self.spin[0] >= -0.998 and self.spin[1] <= 0.998):
            msg = f"`prior.spin` must lie in [-0.998, 0.998], got {self.spin[0]:g} to {self.spin[1]:g}"
            raise ValueError(msg)
        if self.final_eccentricity[0] < 0.0:
            msg = "`prior.final_eccentricity` must not be negative; give 0 or more"
            raise ValueError(msg)
        return self


class StatisticSettings(Config):
    """How the statistic of each segment is tabulated."""

    segment: float = Field(default=5e4, gt=0.0, description="Length of a segment [s]")
    band: tuple[float, float] = Field(default=(3e-4, 2.03e-2), description="Analysed band [Hz]")
    largest_rate: float = Field(default=1.5e-8, gt=0.0, description="Largest rate of change of the frequency [Hz/s]")
    rates: int = Field(default=31, ge=2, description="Number of tabulated rates, from zero up")
    padding: int = Field(default=4, ge=2, description="Frequencies tabulated for each bin 1/segment")
    fine_padding: int = Field(default=8, ge=2, description="The same for the table that the bank is read from")

    @model_validator(mode="after")
    def _sensible(self) -> "StatisticSettings":
        if self.fine_padding % self.padding:
            msg = (
                f"`statistic.fine_padding` must be a multiple of `padding` = {self.padding}, got {self.fine_padding}; "
                "give a multiple"
            )
            raise ValueError(msg)
        return self


class BankSettings(Config):
    """The bank of tracks that every search starts with."""

    templates: int = Field(default=10_000_000, ge=1, description="Number of tracks")
    exponent: float = Field(default=0.5, ge=0.0, description="Segments are weighted with the expected power to this")
    kept: int = Field(default=3000, ge=1, description="Best tracks that go on to refinement")


class StageSettings(Config):
    """One stage of refinement."""

    length: Literal[1, 2, 4, 8] = Field(description="Segments added coherently")
    exponent: Exponent = Field(default=0.5, description="Exponent of the weights of segments")
    sources: int = Field(ge=1, description="Most sources that enter, of different tracks")
    copies: int = Field(default=1, ge=1, description="Climbs from each, with steps of their own")
    steps: int = Field(ge=0, description="Trial steps of each climb")
    apart: float = Field(default=1e-5, gt=0.0, description="Distance between different tracks [Hz]")
    harmonics: int = Field(
        default=0, ge=0, description="Harmonics added, the strongest of each source first; 0 for (2, 0) alone"
    )
    doppler: bool = Field(default=False, description="Whether the motion of the detector round the Sun is fitted")


class RoughSettings(Config):
    """Refinement on the byte table, one segment coherent: all seeds for a while, then the best for longer."""

    exponent: Exponent = Field(default=0.5, description="Exponent of the weights of segments")
    sources: int = Field(default=1000, ge=1, description="Most sources that enter, of different tracks")
    steps: int = Field(default=100, ge=0, description="Trial steps of each climb")
    longer_sources: int = Field(default=40, ge=1, description="Most sources that climb on")
    longer_copies: int = Field(default=3, ge=1, description="Climbs from each, with steps of their own")
    longer_steps: int = Field(default=500, ge=0, description="Trial steps of each of these climbs")
    apart: float = Field(default=1e-5, gt=0.0, description="Distance between different tracks [Hz]")


def _stages() -> tuple[StageSettings, ...]:
    return (
        StageSettings(length=2, sources=40, steps=300),
        StageSettings(length=4, sources=15, copies=2, steps=500),
        StageSettings(length=8, sources=6, copies=2, steps=1000),
        StageSettings(length=8, sources=4, copies=4, steps=400, harmonics=8, doppler=True),
    )


class RefineSettings(Config):
    """How the best tracks of the bank climb."""

    rough: RoughSettings = Field(default_factory=RoughSettings, description="First stage")
    stages: tuple[StageSettings, ...] = Field(default_factory=_stages, min_length=1, description="Stages after it")


class SearchSettings(Config):
    """A whole search."""

    prior: PriorSettings = Field(default_factory=PriorSettings, description="Sources looked for")
    statistic: StatisticSettings = Field(default_factory=StatisticSettings, description="Tables of the data")
    bank: BankSettings = Field(default_factory=BankSettings, description="First stage")
    refine: RefineSettings = Field(default_factory=RefineSettings, description="Stages after it")
    candidates: int = Field(default=5, ge=1, description="Most candidates reported")
