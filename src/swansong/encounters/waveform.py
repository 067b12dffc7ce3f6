"""The two polarizations of one burst."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from swansong.core.errors import InputError
from swansong.core.types import Array, ArrayLike, Float
from swansong.encounters import flyby, kepler
from swansong.encounters.kepler import Series
from swansong.encounters.model import strain_amplitude
from swansong.encounters.orbit import evolve

_SHAPES = {"kepler": kepler.shapes, "efb": flyby.shapes}


class Polarizations(NamedTuple):
    """Strain of the two polarizations, dimensionless and of one shape.

    Attributes:
        plus: Plus polarization.
        cross: Cross polarization.
    """

    plus: Array
    cross: Array


def orient(series: Series, *, theta_jn: Any, argument_of_pericentre: Any) -> Polarizations:
    """Combine the three series for an observer's direction.

    The observer stands at the polar angles (iota, b) of the orbit's frame, whose axes are
    the direction of pericentre and the angular momentum, and sees plus stretched along
    growing iota. The pericentre thus lies pi/2 - b ahead of a node of the orbit on the sky;
    where it advances, b falls.

    Args:
        series: The three series.
        theta_jn: Angle iota between the orbit's angular momentum and the line of sight [rad].
        argument_of_pericentre: Angle b in the orbital plane from pericentre to the observer [rad].

    Returns:
        The polarizations in units of the amplitude eta M / (p d):
        plus = -(1 + cos^2 iota) (A_c cos 2b + A_s sin 2b) - sin^2 iota B,
        cross = -2 cos iota (A_s cos 2b - A_c sin 2b).

    Reference:
        Martel and Poisson, arXiv:gr-qc/9907006, section II; Loutrel, arXiv:1909.02143.
    """
    cosine = jnp.cos(theta_jn)
    c2, s2 = jnp.cos(2.0 * argument_of_pericentre), jnp.sin(2.0 * argument_of_pericentre)
    return Polarizations(
        plus=-(1.0 + cosine**2) * (series.cosine * c2 + series.sine * s2) - (1.0 - cosine**2) * series.axial,
        cross=-2.0 * cosine * (series.sine * c2 - series.cosine * s2),
    )


def polarizations(
    times: Float[ArrayLike, "..."],
    *,
    total_mass: Any,
    mass_ratio: Any,
    eccentricity: Any,
    semi_latus_rectum: Any,
    luminosity_distance: Any,
    theta_jn: Any,
    argument_of_pericentre: Any,
    waveform: str = "kepler",
    reaction: bool = True,
) -> Polarizations:
    """Compute the strain of one passage of pericentre, tapered to zero at both apocentres.

    All arguments broadcast; works under ``jax.jit``, ``jax.vmap`` and ``jax.grad``.

    Args:
        times: Times after pericentre [s].
        total_mass: Total mass, detector frame [solar masses].
        mass_ratio: Smaller over larger mass.
        eccentricity: Eccentricity at pericentre.
        semi_latus_rectum: Semi-latus rectum at pericentre [total mass].
        luminosity_distance: Luminosity distance [Mpc].
        theta_jn: Inclination [rad].
        argument_of_pericentre: Angle from pericentre to the observer, as in `orient` [rad].
        waveform: ``"kepler"`` for the exact Kepler orbit, ``"efb"`` for the Effective Fly-by.
        reaction: Whether the orbit loses energy.

    Returns:
        The two polarizations.

    Raises:
        InputError: If the waveform is unknown.
    """
    if waveform not in _SHAPES:
        raise InputError(f"`waveform` must be one of {', '.join(_SHAPES)}, got {waveform!r}; the exact one is 'kepler'")
    orbit = evolve(
        times,
        total_mass=total_mass,
        mass_ratio=mass_ratio,
        eccentricity=eccentricity,
        semi_latus_rectum=semi_latus_rectum,
        reaction=reaction,
    )
    series = _SHAPES[waveform](orbit.mean_anomaly, orbit.eccentricity)
    amplitude = strain_amplitude(total_mass, mass_ratio, orbit.semi_latus_rectum, luminosity_distance) * orbit.window
    unit = orient(series, theta_jn=theta_jn, argument_of_pericentre=argument_of_pericentre)
    return Polarizations(plus=amplitude * unit.plus, cross=amplitude * unit.cross)


class Burst(eqx.Module):
    """A source that passes pericentre once: `polarizations` with its options fixed.

    Attributes:
        waveform: ``"kepler"`` or ``"efb"``.
        reaction: Whether the orbit loses energy.
    """

    waveform: str = eqx.field(static=True, default="kepler")
    reaction: bool = eqx.field(static=True, default=True)

    def __call__(self, times: Float[ArrayLike, "..."], **parameters: Any) -> Polarizations:
        """Compute the polarizations for the parameters of `polarizations`, by name."""
        return polarizations(times, waveform=self.waveform, reaction=self.reaction, **parameters)
