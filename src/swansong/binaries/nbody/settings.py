"""Settings of mergers: which ones are run, how long each is followed, and how finely."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from swansong.binaries.trajectories import Merger
from swansong.core.config import Config

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Orbit = Annotated[float, Field(ge=0.0, lt=1.0)]

SEPARATION = 20.0
"""Distance of the galaxies at the start, in scale radii."""

ORBIT_AXIS = 15.0
"""Semi-major axis of their orbit, in scale radii."""

ENERGY_TOLERANCE = 5e-3
"""Relative error of the total energy above which a run is marked, and not learnt from.

Of 2048 stars a few are bound to a hole in orbits shorter than the smallest step, and the softened pull of others on
them is sampled too rarely: their noise, some 1e-3 there, falls with the number of stars.
"""


class Accuracy(Config):
    """Steps and softenings of the integrator, in N-body units."""

    step: Positive = 0.015625
    """Smallest outer step."""
    levels: Annotated[int, Field(ge=1, le=16)] = 6
    """Steps in use: `step` times 1, 2, 4, ..."""
    crossing: Positive = 0.0625
    """Step of a star over the time in which it crosses its distance from the nearer hole."""
    softening: Positive = 0.03
    """Softening of stars with stars."""
    near: Positive = 5e-4
    """Softening of holes with stars; holes with each other have none."""
    radius: Positive = 0.15
    """Radius of the inner region around either hole, for a star at rest."""
    ahead: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 2.0
    """The way of a star in so many of the smallest steps adds to the radius."""
    pair_steps: Positive = 100.0
    """Kicks in one period of the pair."""
    star_steps: Positive = 100.0
    """Kicks in one period of an inner star around one hole."""

    @property
    def longest(self) -> float:
        """Longest step, after which all bodies are in step."""
        return self.step * 2 ** (self.levels - 1)


class RunSettings(Config):
    """How long a merger is followed, and how."""

    longest: Positive = 600.0
    """Time after which the run ends in any case."""
    after_binding: Positive = 125.0
    """Time for which the pair is followed once it stays bound."""
    masses: Literal["equal", "spectrum"] = "equal"
    """Equal stars, or a spectrum with lighter ones close to the holes."""
    integrator: Accuracy = Accuracy()
    """Steps and softenings."""


class Ensemble(Config):
    """Mergers over eccentricity and resolution."""

    eccentricities: Annotated[tuple[Orbit, ...], Field(min_length=1)] = (0.9,)
    """Eccentricities of the orbits of the galaxies."""
    particles: Annotated[tuple[int, ...], Field(min_length=1)] = (4096,)
    """Stars of both galaxies together, one entry a resolution."""
    realisations: tuple[Annotated[int, Field(ge=0)], ...] = (1,)
    """Mergers of each eccentricity, one entry a resolution."""

    @model_validator(mode="after")
    def _alike(self) -> Self:
        if len(self.particles) != len(self.realisations):
            msg = (
                f"realisations has {len(self.realisations)} entries for {len(self.particles)} resolutions in particles"
            )
            raise ValueError(msg)
        lowest = SEPARATION / ORBIT_AXIS - 1.0
        if min(self.eccentricities) < lowest:
            msg = (
                f"the eccentricity {min(self.eccentricities):g} is below {lowest:.4f}, the least at which an orbit of "
                f"semi-major axis {ORBIT_AXIS:g} reaches the separation of {SEPARATION:g}"
            )
            raise ValueError(msg)
        return self

    def mergers(self, *, seed: int) -> tuple[Merger, ...]:
        """All mergers, the cheapest first.

        Args:
            seed: Seed of the first realisation; others follow.

        Returns:
            One entry a merger.
        """
        return tuple(
            Merger(eccentricity=eccentricity, particles=particles, seed=seed + further)
            for particles, count in sorted(zip(self.particles, self.realisations, strict=True))
            for further in range(count)
            for eccentricity in self.eccentricities
        )


class EnsembleSettings(Config):
    """Which mergers are run, and how."""

    ensemble: Ensemble = Ensemble()
    """Which mergers."""
    run: RunSettings = RunSettings()
    """How long each is followed, and how finely."""
