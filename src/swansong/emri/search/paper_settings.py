"""Settings of the published search, as TOML sections; free of JAX so that errors come at once."""

from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.emri.search.settings import PriorSettings, StatisticSettings


class BasisSettings(Config):
    """The basis that tracks are written in."""

    trajectories: int = Field(default=10_000, ge=2, description="Tracks of the prior that the basis is made from")
    coefficients: int = Field(default=20, ge=1, description="Vectors kept")
    width: float = Field(default=3.0, gt=0.0, description="Half-width of the prior of a coefficient, in its deviations")

    @model_validator(mode="after")
    def _sensible(self) -> "BasisSettings":
        if self.coefficients >= self.trajectories:
            msg = (
                f"`basis.coefficients` = {self.coefficients} must stay below `basis.trajectories` = "
                f"{self.trajectories}; draw more trajectories"
            )
            raise ValueError(msg)
        return self


class WalkerSettings(Config):
    """How walkers climb for one observation time."""

    drawn: int = Field(default=1024, ge=4, description="Tracks drawn from the prior")
    kept: int = Field(default=512, ge=4, description="Best of them, which become walkers")
    iterations: int = Field(default=525, ge=0, description="Steps, of Adam and of differential evolution in turn")
    learning_rate: float = Field(default=1e-5, gt=0.0, description="Step of Adam, in units of the width of the prior")
    mutation: tuple[float, float] = Field(default=(0.3, 1.5), description="Range of the factor of a difference")

    @model_validator(mode="after")
    def _sensible(self) -> "WalkerSettings":
        if self.kept > self.drawn:
            msg = f"`walkers.kept` = {self.kept} exceeds `walkers.drawn` = {self.drawn}; draw more or keep fewer"
            raise ValueError(msg)
        low, high = self.mutation
        if not 0.0 < low <= high:
            msg = f"`walkers.mutation` must be positive and ascending, got {low:g} to {high:g}; give such a range"
            raise ValueError(msg)
        return self


class PaperSettings(Config):
    """The published search, with its published sizes.

    Reference:
        Speri et al., arXiv:2510.20891, sections II and III.
    """

    prior: PriorSettings = Field(default_factory=PriorSettings, description="Sources that tracks are learned from")
    statistic: StatisticSettings = Field(default_factory=StatisticSettings, description="Tables of the data")
    basis: BasisSettings = Field(default_factory=BasisSettings, description="Basis of tracks")
    walkers: WalkerSettings = Field(default_factory=WalkerSettings, description="Optimiser")
    times: int = Field(default=48, ge=1, description="Number of observation times")
    chunk: int = Field(default=12, ge=1, description="Segments between observation times")
    lowest_rate: float = Field(default=1e-13, ge=0.0, description="Smallest rate of change that counts [Hz/s]")

    @model_validator(mode="after")
    def _sensible(self) -> "PaperSettings":
        if self.lowest_rate >= self.statistic.largest_rate:
            msg = (
                f"`lowest_rate` = {self.lowest_rate:g} Hz/s must lie below `statistic.largest_rate` = "
                f"{self.statistic.largest_rate:g} Hz/s; lower it"
            )
            raise ValueError(msg)
        return self
