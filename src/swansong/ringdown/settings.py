"""Settings of a ringdown analysis, as TOML sections; free of JAX so that errors come at once."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from swansong.core.config import Config
from swansong.learning.plan import TrainingPlan
from swansong.physics.labels import Frequencies

TWO_PI = 2.0 * math.pi

ESTIMATORS = ("exact", "flow", "compact")
"""What `infer` and `check` know."""

PAPER = "paper"
"""The published autoencoder: `infer` knows it too, given the weights of a training run."""


def _increasing(name: str, bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        msg = f"`{name}` has minimum {bounds[0]:g} and maximum {bounds[1]:g}; give a minimum below the maximum"
        raise ValueError(msg)
    return bounds


class ModelSettings(Config):
    """Which modes the signal has."""

    modes: tuple[str, ...] = Field(default=("220", "221"), description="Quasi-normal modes (l, m, n), one to three")
    frequencies: Frequencies = Field(default="exact", description="Kerr frequencies: the exact table, or Berti's fits")

    @field_validator("modes")
    @classmethod
    def _few(cls, modes: tuple[str, ...]) -> tuple[str, ...]:
        if not 1 <= len(modes) <= 3:
            msg = f"`modes` must list one to three modes, got {len(modes)}"
            raise ValueError(msg)
        return modes


class PriorSettings(Config):
    """Uniform prior of the remnant and of every mode's amplitude; phases are uniform on the circle."""

    final_mass: tuple[float, float] = Field(
        default=(20.0, 150.0), description="Final mass, detector frame [solar masses]"
    )
    final_spin: tuple[float, float] = Field(default=(0.01, 0.99), description="Final dimensionless spin")
    amplitude: tuple[float, float] = Field(
        default=(1e-22, 1e-20), description="Strain amplitude of each mode at the start"
    )
    minimum_snr: float = Field(
        default=15.0, ge=0.0, description="Smallest optimal signal-to-noise ratio the prior holds"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "PriorSettings":
        for name in ("final_mass", "final_spin", "amplitude"):
            _increasing(f"prior.{name}", getattr(self, name))
        if self.final_mass[0] <= 0.0 or self.amplitude[0] <= 0.0:
            msg = "`prior.final_mass` and `prior.amplitude` must be positive"
            raise ValueError(msg)
        if not (self.final_spin[0] >= 0.0 and self.final_spin[1] < 1.0):
            msg = f"`prior.final_spin` must lie in [0, 1), got {self.final_spin}"
            raise ValueError(msg)
        return self


class SourceSettings(Config):
    """Where the source is and when its ringdown starts."""

    right_ascension: float = Field(default=1.95, description="Right ascension [rad]")
    declination: float = Field(default=-1.22, ge=-math.pi / 2, le=math.pi / 2, description="Declination [rad]")
    polarization: float = Field(default=0.82, description="Polarization angle [rad]")
    start: float = Field(
        default=1126259462.423, gt=0.0, description="GPS start of the ringdown at the first detector [s]"
    )


class DataSettings(Config):
    """What the detectors record."""

    detectors: tuple[str, ...] = Field(default=("H1", "L1"), description="Detectors, the first sets the start time")
    spectrum: str = Field(
        default="aLIGO-design", description="Noise spectrum of simulated data: a packaged name or a file"
    )
    rate: float = Field(default=4096.0, gt=0.0, description="Sampling rate [Hz]")
    duration: float = Field(default=0.1, gt=0.0, le=2.0, description="Length of the analysed segment [s]")
    spectrum_segment: float = Field(default=1.0, gt=0.0, description="Segment of the Welch estimate on real strain [s]")
    high_frequency_floor: float = Field(
        default=1600.0, gt=0.0, description="Frequency above which an estimated spectrum is held flat [Hz]"
    )
    low_frequency_floor: float = Field(
        default=20.0,
        gt=0.0,
        description="Frequency below which strain is filtered out and an estimated spectrum held flat [Hz]",
    )

    @property
    def samples(self) -> int:
        """Samples in a segment: 0.1 s at 4096 Hz are 410, rounded up and not cut off."""
        return math.ceil(self.duration * self.rate - 1e-9)


class Problem(Config):
    """One ringdown problem: signal, prior, source and data."""

    model: ModelSettings = Field(default_factory=ModelSettings)
    prior: PriorSettings = Field(default_factory=PriorSettings)
    source: SourceSettings = Field(default_factory=SourceSettings)
    data: DataSettings = Field(default_factory=DataSettings)


class FlowSettings(Config):
    """Size of the flow estimator."""

    width: int = Field(default=256, gt=0, description="Width of the trunk")
    blocks: int = Field(default=5, gt=0, description="Residual blocks of the trunk")
    context: int = Field(default=24, gt=0, description="Numbers that the trunk hands to the flow")
    layers: int = Field(default=6, gt=0, description="Coupling layers")
    layer_width: int = Field(default=64, gt=0, description="Width of each layer's conditioner")
    knots: int = Field(default=12, gt=1, description="Bins of each spline")


class CompactSettings(Config):
    """Size of the compact autoencoder."""

    width: int = Field(default=256, gt=0, description="Width of the trunk")
    blocks: int = Field(default=5, gt=0, description="Residual blocks of the trunk")
    features: int = Field(default=64, gt=0, description="Features that the trunk hands to the three networks")
    head_width: int = Field(default=128, gt=0, description="Width of the three networks")
    depth: int = Field(default=2, gt=0, description="Hidden layers of the three networks")
    latent: int = Field(default=16, gt=0, description="Dimension of the latent")
    components: int = Field(default=24, gt=0, description="Gaussians in the mixture over the latent")
    ramp_start: float = Field(
        default=0.02, gt=0.0, lt=1.0, description="Share of the run after which the KL weight rises"
    )
    ramp_end: float = Field(
        default=0.4, gt=0.0, lt=1.0, description="Share of the run at which the KL weight reaches 1"
    )


class PaperSettings(Config):
    """Size of the published autoencoder: three convolutional networks on the whitened strain."""

    filters: tuple[int, ...] = Field(default=(96, 96, 96, 96, 96), description="Filters of each convolution")
    kernels: tuple[int, ...] = Field(default=(48, 32, 24, 16, 8), description="Kernel length of each convolution")
    strides: tuple[int, ...] = Field(default=(2, 2, 1, 2, 1), description="Stride of each convolution")
    dense: tuple[int, ...] = Field(default=(2048, 1024, 512), description="Width of each dense layer")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="Dropout after each dense layer")
    latent: int = Field(default=16, gt=0, description="Dimension of the latent")
    components: int = Field(default=24, gt=0, description="Gaussians in the mixture over the latent")
    ramp_start: int = Field(default=1600, gt=0, description="Step after which the KL weight rises")
    ramp_end: int = Field(default=4800, gt=0, description="Step at which the KL weight reaches 1")


class Recipe(Problem):
    """A problem, an estimator for it and how to train it."""

    estimator: Literal["flow", "compact", "paper"] = Field(default="flow", description="Which estimator to train")
    bank: int = Field(default=131072, gt=0, description="Remnants in the bank of training templates")
    flow: FlowSettings = Field(default_factory=FlowSettings)
    compact: CompactSettings = Field(default_factory=CompactSettings)
    paper: PaperSettings = Field(default_factory=PaperSettings)
    training: TrainingPlan = Field(default_factory=TrainingPlan)
