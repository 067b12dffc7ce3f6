"""Settings of a close-encounter analysis, as TOML sections; free of JAX so that errors come at once."""

import math
from typing import Literal

from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.learning.plan import TrainingPlan

ESTIMATORS = ("exact", "compact")
"""What `infer` and `check` know."""

PAPER = "paper"
"""The published network: `infer` knows it too, given the weights of a training run."""

LOWEST_RATE = 1024.0
"""Sampling rate below which the signals are cut [Hz]: twice the highest analysed frequency."""

_RANGES = ("component_mass", "semi_latus_rectum", "eccentricity", "luminosity_distance", "pericentre_time")
_ECCENTRICITIES = (0.8, 0.97)
_SEMI_LATUS_RECTA = (8.0, 60.0)


class ModelSettings(Config):
    """What the signal looks like."""

    waveform: Literal["kepler", "efb"] = Field(
        default="kepler", description="Quadrupole waves of the exact Kepler orbit, or the Effective Fly-by expansion"
    )
    orientation: Literal["free", "shared"] = Field(
        default="free",
        description="Argument of pericentre: free, or shared with the polarization angle as in the published model",
    )


class PriorSettings(Config):
    """Prior of a close encounter; angles are isotropic."""

    component_mass: tuple[float, float] = Field(
        default=(10.0, 100.0), description="Both masses, detector frame, uniform with mass_2 <= mass_1 [solar masses]"
    )
    semi_latus_rectum: tuple[float, float] = Field(
        default=(13.0, 25.0), description="Semi-latus rectum at pericentre, uniform [total mass]"
    )
    eccentricity: tuple[float, float] = Field(default=(0.85, 0.95), description="Eccentricity at pericentre, uniform")
    luminosity_distance: tuple[float, float] = Field(
        default=(20.0, 400.0), description="Luminosity distance, uniform [Mpc]"
    )
    pericentre_time: tuple[float, float] = Field(
        default=(-0.25, 0.25), description="Time of pericentre at the geocentre after `source.gps`, uniform [s]"
    )
    minimum_snr: float = Field(
        default=6.0, ge=0.0, description="Smallest optimal signal-to-noise ratio of the network that the prior holds"
    )

    @model_validator(mode="after")
    def _sensible(self) -> "PriorSettings":
        for name in _RANGES:
            low, high = getattr(self, name)
            if not low < high:
                msg = f"`prior.{name}` has minimum {low:g} and maximum {high:g}; give a minimum below the maximum"
                raise ValueError(msg)
        for name in ("component_mass", "luminosity_distance"):
            if getattr(self, name)[0] <= 0.0:
                msg = f"`prior.{name}` must be positive, got {getattr(self, name)[0]:g}; give a positive minimum"
                raise ValueError(msg)
        for name, (least, most) in (
            ("eccentricity", _ECCENTRICITIES),
            ("semi_latus_rectum", _SEMI_LATUS_RECTA),
        ):
            low, high = getattr(self, name)
            if low < least or high > most:
                msg = (
                    f"`prior.{name}` must lie within [{least:g}, {most:g}], where the waveform holds, got "
                    f"[{low:g}, {high:g}]"
                )
                raise ValueError(msg)
        if self.pericentre_time[1] - self.pericentre_time[0] > 1.0:
            msg = (
                f"`prior.pericentre_time` spans {self.pericentre_time[1] - self.pericentre_time[0]:g} s; give at most "
                "1 s, and scan longer strain with `detect`"
            )
            raise ValueError(msg)
        return self


class SourceSettings(Config):
    """When the burst is looked for."""

    gps: float = Field(default=1370692818.0, gt=0.0, description="GPS time that pericentre times are counted from [s]")


class DataSettings(Config):
    """What the detectors record."""

    detectors: tuple[str, ...] = Field(default=("H1", "L1", "V1"), description="One to three detectors")
    spectra: tuple[str, ...] = Field(
        default=(), description="Noise spectrum of each detector: packaged names or files; O3 curves if left out"
    )
    drift: float = Field(
        default=0.2,
        ge=0.0,
        le=1.0,
        description="Scatter of ln power of the noise around its spectrum from event to event",
    )
    rate: float = Field(default=2048.0, ge=LOWEST_RATE, description="Sampling rate [Hz]")
    duration: float = Field(default=4.0, ge=2.0, le=16.0, description="Length of the analysed segment [s]")
    minimum_frequency: float = Field(default=10.0, ge=5.0, description="Lowest analysed frequency [Hz]")
    maximum_frequency: float = Field(default=512.0, description="Highest analysed frequency [Hz]")

    @model_validator(mode="after")
    def _consistent(self) -> "DataSettings":
        if not 1 <= len(self.detectors) <= 3 or len(set(self.detectors)) < len(self.detectors):
            msg = f"`data.detectors` must list one to three different detectors, got {list(self.detectors)}"
            raise ValueError(msg)
        if self.spectra and len(self.spectra) != len(self.detectors):
            msg = f"`data.spectra` must name one spectrum a detector ({len(self.detectors)}), got {len(self.spectra)}"
            raise ValueError(msg)
        if not 2.0 * self.minimum_frequency < self.maximum_frequency <= 0.5 * self.rate:
            msg = (
                f"`data.maximum_frequency` must lie between {2.0 * self.minimum_frequency:g} Hz and half the sampling "
                f"rate, {0.5 * self.rate:g} Hz, got {self.maximum_frequency:g}"
            )
            raise ValueError(msg)
        return self

    @property
    def samples(self) -> int:
        """Samples in a segment."""
        return math.ceil(self.duration * self.rate - 1e-9)

    def spectrum(self, index: int) -> str:
        """Name of the noise spectrum of one detector, by its place in `detectors`."""
        return self.spectra[index] if self.spectra else f"O3-{self.detectors[index]}"


class Problem(Config):
    """One close-encounter problem: signal, prior, source and data."""

    model: ModelSettings = Field(default_factory=ModelSettings)
    prior: PriorSettings = Field(default_factory=PriorSettings)
    source: SourceSettings = Field(default_factory=SourceSettings)
    data: DataSettings = Field(default_factory=DataSettings)

    @model_validator(mode="after")
    def _window(self) -> "Problem":
        reach = max(abs(self.prior.pericentre_time[0]), abs(self.prior.pericentre_time[1]))
        # Light crosses the Earth's radius in 21 ms, and the signal needs room on both sides.
        if reach + 0.25 > 0.5 * self.data.duration:
            msg = (
                f"`prior.pericentre_time` reaches {reach:g} s from the centre of a segment of {self.data.duration:g} "
                "s; give a longer `data.duration` or a narrower prior"
            )
            raise ValueError(msg)
        return self


class CompactSettings(Config):
    """Size of the compact flow."""

    rank: int = Field(default=64, gt=0, description="Coefficients of the data of each detector")
    window: float = Field(default=0.02, gt=0.0, description="Largest error of the time alignment [s]")
    width: int = Field(default=320, gt=0, description="Width of the trunk")
    blocks: int = Field(default=5, gt=0, description="Residual blocks of the trunk")
    context: int = Field(default=32, gt=0, description="Numbers that the trunk hands to the flow")
    layers: int = Field(default=6, gt=0, description="Coupling layers")
    layer_width: int = Field(default=64, gt=0, description="Width of each layer's conditioner")
    knots: int = Field(default=10, gt=1, description="Bins of each spline")


class PaperSettings(Config):
    """Size of the published network."""

    filters: tuple[int, ...] = Field(default=(32, 64, 128), description="Filters of the morphology convolutions")
    kernel: int = Field(default=5, gt=0, description="Kernel length of the morphology convolutions")
    time_filters: tuple[int, ...] = Field(
        default=(64, 64, 64, 64, 64, 64), description="Filters of the parallel time convolutions"
    )
    time_kernels: tuple[int, ...] = Field(
        default=(2, 4, 8, 16, 32, 64), description="Kernel lengths of the parallel time convolutions"
    )
    branch: int = Field(default=2048, gt=0, description="Numbers that each branch ends in")
    dense: tuple[int, ...] = Field(default=(2048, 1024, 512, 256), description="Width of each residual sub-block")
    skips: int = Field(default=3, gt=0, description="Skip connections in each sub-block")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="Dropout in the residual blocks")
    layers: int = Field(default=32, gt=0, description="Affine coupling layers")
    layer_width: int = Field(default=512, gt=0, description="Width of each layer's shift and scale networks")
    layer_depth: int = Field(default=3, gt=0, description="Hidden layers of those networks")
    segment: float = Field(default=1.0, gt=0.0, description="Length of the strain that the network sees [s]")


class Recipe(Problem):
    """A problem, an estimator for it and how to train it."""

    estimator: Literal["compact", "paper"] = Field(default="compact", description="Which estimator to train")
    bank: int = Field(default=131072, gt=0, description="Sources in the bank of training signals")
    compact: CompactSettings = Field(default_factory=CompactSettings)
    paper: PaperSettings = Field(default_factory=PaperSettings)
    training: TrainingPlan = Field(default_factory=TrainingPlan)
